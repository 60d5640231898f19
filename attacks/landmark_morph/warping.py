"""One piecewise-affine map for a whole crop, and the pixels that it brings.

For every pixel of the morph the map says where it lies in each contributor's photo. It is found row by row: an edge
crosses a row of pixels in one place, whichever of its two triangles asks, so no pixel is left out and none belongs to
two; between two crossings the map is linear.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attacks.landmark_morph.mesh import Points, Triangles, signed_areas

_EDGES = ((0, 1), (1, 2), (0, 2))


def piecewise_affine(
    target: Points, sources: NDArray[np.float64], triangles: Triangles, side: int
) -> NDArray[np.float32]:
    """Where each pixel of a crop comes from.

    Args:
        target: float64 (P, 2), the mesh in the crop; its triangles cover the centre of every pixel.
        sources: float64 (P, C), what the corners carry, such as their places in a photo.
        triangles: int32 (T, 3), indices into both.
        side: pixels of the crop.

    Returns:
        float32 (C, side, side): `sources`, linear within each triangle, continuous across edges.
    """
    x, carried, owner = _crossings(target, sources, triangles, side)
    first, last = np.arange(0, len(x), 2), np.arange(1, len(x), 2)
    start = np.clip(np.ceil(x[first]), 0, side).astype(np.int64)
    count = np.maximum(np.clip(np.ceil(x[last]), 0, side).astype(np.int64) - start, 0)
    width = x[last] - x[first]
    slope = (carried[last] - carried[first]) / np.where(width > 0, width, 1.0)[:, None]
    # At pixel `start`, then on by `slope` a pixel.
    begin = carried[first] + slope * (start - x[first])[:, None]
    step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    place = np.repeat(owner[first] * side + start, count) + step
    maps = np.full((sources.shape[1], side * side), np.nan, dtype=np.float32)
    for channel in range(sources.shape[1]):
        maps[channel, place] = np.repeat(begin[:, channel], count) + np.repeat(slope[:, channel], count) * step
    return maps.reshape(-1, side, side)


def sample(image: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """The pixels of an image at given places, bilinear; beyond its border, those of the border.

    Args:
        image: float32 (3, S, S).
        places: float32 (2, S, S), x then y.

    Returns:
        float32 (S, S, 3).
    """
    import cv2

    pixels = np.ascontiguousarray(image.transpose(1, 2, 0))
    brought = cv2.remap(pixels, places[0], places[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(brought, dtype=np.float32)


def _crossings(
    target: Points, sources: NDArray[np.float64], triangles: Triangles, side: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Where edges cross rows of pixels, two by two: x, what is carried there, and the row; left before right."""
    # What a folded triangle covers is covered by one that is not: they tile a rectangle whose border stands still.
    upright = triangles[signed_areas(target, triangles) > 0]
    pairs = np.concatenate([upright[:, edge] for edge in _EDGES])
    triangle = np.tile(np.arange(len(upright)), len(_EDGES))
    # Both triangles of an edge must walk it the same way, from its upper end, to meet it in the very same place.
    climbs = target[pairs[:, 0], 1] > target[pairs[:, 1], 1]
    pairs[climbs] = pairs[climbs][:, ::-1]
    upper, lower = target[pairs[:, 0]], target[pairs[:, 1]]
    start = np.clip(np.ceil(upper[:, 1]), 0, side).astype(np.int64)
    count = np.clip(np.ceil(lower[:, 1]), 0, side).astype(np.int64) - start
    edge = np.repeat(np.arange(len(pairs)), count)
    row = np.repeat(start - np.cumsum(count) + count, count) + np.arange(count.sum())
    part = (row - upper[edge, 1]) / (lower[edge, 1] - upper[edge, 1])
    x = upper[edge, 0] + part * (lower[edge, 0] - upper[edge, 0])
    order = np.lexsort((x, row, triangle[edge]))
    above, below = sources[pairs[edge, 0]], sources[pairs[edge, 1]]
    carried = above + part[:, None] * (below - above)
    return x[order], carried[order], row[order]
