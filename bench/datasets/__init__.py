"""Data sets: people, their photos, and who is to be compared with whom."""
