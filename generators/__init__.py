"""Face generators: each takes a batch of faces with conditions and returns faces.

The first one arrives with the collage.
"""

__distribution__ = "impersona"
