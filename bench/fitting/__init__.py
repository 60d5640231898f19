"""Fits what ships with impersona on faces that the bench makes and shows: ``python -m bench.fitting.detectors``."""
