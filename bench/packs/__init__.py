"""Packs: aligned faces with all that generators train on, in a folder that NumPy, Pillow and safetensors can read.

pack.py      what trains: `Pack.open(folder)`, pictures and label maps by row
shards.py    what is in a file of faces, and how it is written and read
manifest.py  pack.json: what a pack says of itself
pictures.py  pictures as WebP, at the pack's side or below
labels.py    label maps as run lengths, at the pack's side or below
decoded.py   pictures and label maps by row, decoded by threads; held.py: in memory, up to a bound
people.py    who is in it, without names
sheet.py     a contact sheet, to look at

docs/packs.md says what the files hold. Importing this needs neither pydantic, pandas, cv2 nor dlib: a pack travels to
machines that have torch and little else.
"""

from bench.packs.pack import Pack

__all__ = ["Pack"]
