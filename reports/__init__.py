"""Reports: one run folder in, pictures, tables and one self-contained HTML page out."""

__distribution__ = "impersona"
