"""Face generators: each takes a batch of faces with conditions and returns faces.

collage/   regions of several people's photos, pasted onto one of them
"""

__distribution__ = "impersona"
