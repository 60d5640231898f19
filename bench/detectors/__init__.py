"""Detectors of attacks, one file each; bench/wiring.py lists them."""
