"""Packs: aligned faces with all that generators train on, in one folder that any machine with NumPy and Pillow reads."""
