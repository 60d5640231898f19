"""Judges: which attributes the face in a crop shows."""
