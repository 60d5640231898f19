"""Label maps drawn from dlib's 68 points alone: the baseline that a parser must beat.

    face      the jaw line, closed by half an ellipse over the temples
    hair      a ring around the face: a larger half ellipse, drawn out downwards
    neck      under the jaw, down to the end of the crop
    the rest  brows, eyes, nose, lips and what is between them, each within its own points

The points say nothing of hair, ears, neck or clothes: the `Proportions` are what fits 24 CelebAMask-HQ faces best on
average (`python -m generators.auxiliary.face_parser.evaluate baseline`), in the baseline's favour.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Points = NDArray[np.floating]

JAW, BROW_LEFT, BROW_RIGHT = slice(0, 17), slice(17, 22), slice(22, 27)
EYE_LEFT, EYE_RIGHT, BETWEEN_LIPS = slice(36, 42), slice(42, 48), slice(60, 68)
UPPER_LIP = [*range(48, 55), *range(64, 59, -1)]
LOWER_LIP = [48, *range(59, 53, -1), 64, 65, 66, 67, 60]
NOSE = [27, 31, 32, 33, 34, 35]


@dataclass(frozen=True, kw_only=True)
class Proportions:
    """What the 68 points do not say.

    Attributes:
        forehead: height of the forehead above the brows, as a share of the height from chin to brows.
        ring_top: thickness of the hair above the forehead, likewise.
        ring_sides: thickness of the hair beside the face, as a share of the jaw's half width.
        ring_length: how far the hair reaches down from the brows, as a share of the height from chin to brows.
        neck: width of the neck, as a share of the jaw's.
    """

    forehead: float = 0.4
    ring_top: float = 0.65
    ring_sides: float = 0.35
    ring_length: float = 1.2
    neck: float = 0.8


def draw(points: Points, side: int, proportions: Proportions | None = None) -> NDArray[np.uint8]:
    """The label map that 68 points suggest.

    Args:
        points: (68, 2), dlib's order, x then y in pixels of the crop.
        side: pixels of the crop.
        proportions: by default those that were fitted.

    Returns:
        uint8 (side, side), 19-class CelebAMask-HQ labels: background, skin, nose, eyes, brows, mouth, lips, hair, neck.
    """
    said = proportions or Proportions()
    picture = Image.new("L", (side, side), 0)
    canvas = ImageDraw.Draw(picture)
    across, down, brows, height, half = _axes(points)
    ring = _arc(points, across, down, brows, half * (1 + said.ring_sides), height * (said.forehead + said.ring_top))
    drop = down * height * said.ring_length
    _fill(canvas, [*ring, ring[-1] + drop, ring[0] + drop], 13)
    middle, reach = points[JAW][4:13].mean(axis=0), across * half * said.neck
    low = points[8] + down * 2 * side
    _fill(canvas, [middle - reach, middle + reach, low + reach, low - reach], 17)
    crown = _arc(points, across, down, brows, half, height * said.forehead)
    _fill(canvas, [*points[JAW], *crown[::-1]], 1)
    thick = 0.11 * height * down
    for brow, label in ((points[BROW_LEFT], 6), (points[BROW_RIGHT], 7)):
        _fill(canvas, [*(brow - 0.3 * thick), *(brow[::-1] + 0.7 * thick)], label)
    for part, label in ((NOSE, 2), (EYE_LEFT, 4), (EYE_RIGHT, 5), (UPPER_LIP, 11), (LOWER_LIP, 12), (BETWEEN_LIPS, 10)):
        _fill(canvas, points[part], label)
    return np.asarray(picture, dtype=np.uint8)


def inside(points: Points, side: int) -> NDArray[np.bool_]:
    """Bool (side, side): the pixels of a polygon, its outline included.

    Args:
        points: (P, 2), x then y.
        side: pixels of the crop.
    """
    picture = Image.new("L", (side, side), 0)
    _fill(ImageDraw.Draw(picture), points, 1)
    return np.asarray(picture) > 0


def along(points: Points, side: int) -> NDArray[np.bool_]:
    """Bool (side, side): the pixels of an open line, one pixel thin. Arguments as for `inside`."""
    picture = Image.new("L", (side, side), 0)
    ImageDraw.Draw(picture).line([(float(x), float(y)) for x, y in points], fill=1)
    return np.asarray(picture) > 0


def _axes(points: Points) -> tuple[Points, Points, Points, float, float]:
    """Unit vectors across and down the face, the brows' middle, its height above the chin, half the jaw's width."""
    across = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
    across = across / np.hypot(*across)
    down = np.array([-across[1], across[0]])
    brows = points[17:27].mean(axis=0)
    return across, down, brows, float((points[8] - brows) @ down), float((points[16] - points[0]) @ across) / 2


def _arc(points: Points, across: Points, down: Points, brows: Points, reach: float, rise: float) -> list[Points]:
    """Half an ellipse over the face, from the left temple to the right one."""
    centre = (points[0] + points[16]) / 2
    top = float((centre - brows) @ down) + rise
    turns = np.linspace(np.pi, 0, 33)
    return [centre + reach * np.cos(turn) * across - top * np.sin(turn) * down for turn in turns]


def _fill(canvas: ImageDraw.ImageDraw, points: Iterable[Points], label: int) -> None:
    canvas.polygon([(float(x), float(y)) for x, y in points], fill=label, outline=label)
