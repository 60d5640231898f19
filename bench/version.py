"""The version of the distribution `impersona`."""

__version__ = "0.1.0"
