"""The generator `collage`: regions of several people's photos pasted onto one of them, the classical baseline.

    settings.py      settings, and which source gives which region
    regions.py       tables of regions: by landmarks, and by classes of a mask
    patches.py       a region of a source as it lies on the base
    by_landmarks.py  patches that landmarks outline
    by_masks.py      patches that masks outline
    filling.py       holes
    colour.py        light and skin colour
    blending.py      edges
    plugin.py        the plugin

docs/collage.md explains all of it.
"""

from generators.collage.plugin import Collage
from generators.collage.settings import CollageSettings

__all__ = ["Collage", "CollageSettings"]
