"""Training recipes of networks that are no generators: the face parser."""
