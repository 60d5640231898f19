"""Bilinear resampling of maps in NumPy: the same bits with any number of threads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def bilinear(maps: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Square maps at another side; a pixel is an area, as with torch's ``align_corners=False``.

    Args:
        maps: float32 (..., H, W).
        side: pixels wanted; down to half of H and W nothing is skipped.

    Returns:
        float32 (..., side, side).
    """
    for axis in (-2, -1):
        maps = _along(maps, axis, side)
    return maps


def _along(maps: NDArray[np.float32], axis: int, side: int) -> NDArray[np.float32]:
    length = maps.shape[axis]
    if length == side:
        return maps
    place = np.clip((np.arange(side) + 0.5) * length / side - 0.5, 0, length - 1)
    low = np.minimum(place.astype(np.int64), max(length - 2, 0))
    high = np.minimum(low + 1, length - 1)
    shape = [1] * maps.ndim
    shape[axis] = side
    share = (place - low).astype(np.float32).reshape(shape)
    found: NDArray[np.float32] = np.take(maps, low, axis) * (1 - share) + np.take(maps, high, axis) * share
    return found
