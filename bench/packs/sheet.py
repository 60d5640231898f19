"""A contact sheet: faces of a pack beside their label maps and landmarks, to look at what training will see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.packs.labels import CLASSES
from bench.packs.pack import Pack

COLOURS: NDArray[np.uint8] = np.array(
    [
        (0, 0, 0), (236, 188, 148), (224, 140, 120), (60, 60, 60), (40, 120, 220), (90, 170, 250), (120, 70, 20),
        (170, 110, 50), (200, 120, 200), (230, 160, 230), (250, 250, 250), (220, 40, 60), (160, 20, 50),
        (90, 60, 110), (240, 220, 40), (0, 200, 200), (0, 150, 90), (200, 160, 110), (70, 140, 90),
    ],
    dtype=np.uint8,
)  # fmt: skip
"""RGB of each of the 19 labels."""
_POINT = np.array((0, 255, 0), dtype=np.uint8)

assert len(COLOURS) == CLASSES


def contact_sheet(pack: Pack, rows: NDArray[np.int64], columns: int = 6) -> NDArray[np.uint8]:
    """Faces beside each other, each as its picture, the picture with its landmarks, and its coloured label map.

    Args:
        pack: the pack.
        rows: which faces, in order.
        columns: faces in a line.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    side = pack.side
    pictures = pack.images(rows)
    panels = [pictures, _pointed(pictures, pack.landmarks[rows])]
    if pack.has_masks:
        panels.append(COLOURS[pack.masks(rows)])
    tiles = np.concatenate(panels, axis=2)
    lines = -(-len(tiles) // columns)
    sheet = np.full((lines * (side + 2), columns * (tiles.shape[2] + 6), 3), 255, dtype=np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * (side + 2), place % columns * (tiles.shape[2] + 6)
        sheet[top : top + side, left : left + tiles.shape[2]] = tile
    return sheet


def _pointed(pictures: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    found = pictures.copy()
    face = np.repeat(np.arange(len(landmarks)), landmarks.shape[1])
    across, down = np.rint(landmarks.reshape(-1, 2)).astype(np.int64).T
    inside = (across >= 0) & (across < found.shape[2]) & (down >= 0) & (down < found.shape[1])
    found[face[inside], down[inside], across[inside]] = _POINT
    return found
