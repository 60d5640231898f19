"""Packs: aligned faces with all that generators train on, in a folder that NumPy and Pillow can read."""
