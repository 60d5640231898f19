"""Holes: what is left of the base's own region where the source's does not cover it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generators.collage.patches import Mask
from generators.nearest import nearest_donor

SMOOTHING = 0.03
"""Width of the blur that takes the streaks out of a filled hole, as a share of the side."""


def fill(pixels: NDArray[np.float32], hole: Mask, donors: Mask) -> NDArray[np.float32]:
    """The picture with its hole filled from the nearest donors, then smoothed within the hole.

    Args:
        pixels: float32 (S, S, 3).
        hole: bool (S, S).
        donors: bool (S, S), disjoint from `hole`, at least one.

    Returns:
        float32 (S, S, 3), a copy; unchanged outside of the hole. In it, only donors' colours are mixed.
    """
    import cv2

    filled = pixels.copy()
    if not hole.any():
        return filled
    rows, columns = nearest_donor(donors)
    # Every pixel takes its nearest donor's colour, so that smoothing meets nothing of what shall go.
    spread = pixels[rows, columns]
    filled[hole] = cv2.GaussianBlur(spread, (0, 0), SMOOTHING * len(pixels))[hole]
    return filled
