"""Where one region of a source goes on the base: its similarity, its pixels, its neighbours.

Everything here is decided in the base's crop: the source's landmarks and labels are brought there first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.aligners.geometry import lie_near, similarity

Mask = NDArray[np.bool_]

NO_LABEL = 255
"""The label of what a source's photo does not show."""

SMALLEST_SPREAD = 1 / 64
"""The least width and height of a face's landmarks, as a share of the side; closer ones tell no direction."""

LARGEST_SCALE = 4.0
"""By how much a region may be enlarged or reduced; farther, the two are no pair of faces, or one of them is wrong."""


@dataclass(frozen=True, eq=False)
class Photo:
    """One contributor, or the collage as far as it has come.

    Attributes:
        pixels: float32 (S, S, 3) RGB in [0, 1].
        points: float64 (68, 2), dlib's order, x then y.
        labels: uint8 (S, S), 19 classes; None where only landmarks are given.
    """

    pixels: NDArray[np.float32]
    points: NDArray[np.float64]
    labels: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Patch:
    """A region of a source as it lies on the base; masks are bool (S, S).

    Attributes:
        matrix: float64 (2, 3), from pixels of the source to pixels of the base.
        core: what becomes the source's.
        barred: what must stay the base's, or is no part of the source's face; a soft edge ends there.
        skin: where base and source both show skin, beneath the core or around it; colours are compared there.
        hole: what was the base's own region and is not covered by the core.
        donors: what holes are filled from.
        moved: landmarks that the source brings along.
        labels: uint8 (S, S), the labels of the collage with this patch on it; None without masks.
        bears_skin: whether colours are matched to the base's skin.
    """

    matrix: NDArray[np.float64]
    core: Mask
    barred: Mask
    skin: Mask
    hole: Mask
    donors: Mask
    moved: tuple[int, ...]
    labels: NDArray[np.uint8] | None
    bears_skin: bool


def usable(points: NDArray[np.float64], side: int) -> bool:
    """Whether landmarks (68, 2) are those of a face: near a crop of so many pixels, not all on one line."""
    return lie_near(points, side) and bool(np.ptp(points, axis=0).min() >= SMALLEST_SPREAD * side)


def alignment(base: Photo, source: Photo, anchors: Sequence[int]) -> NDArray[np.float64] | None:
    """The similarity of landmarks that brings a source onto a base; None if they are degenerate.

    Args:
        base: onto whom.
        source: whose region.
        anchors: which landmarks.

    Returns:
        float64 (2, 3), from pixels of the source to pixels of the base.
    """
    index = list(anchors)
    side = len(base.pixels)
    spreads = [np.ptp(photo.points[index], axis=0).max() for photo in (base, source)]
    if min(spreads) < SMALLEST_SPREAD * side:
        return None
    matrix = similarity(source.points[index], base.points[index])
    scale = float(np.hypot(*matrix[:, 0]))
    return matrix if 1 / LARGEST_SCALE <= scale <= LARGEST_SCALE else None


def warp_mask(mask: Mask, matrix: NDArray[np.float64]) -> Mask:
    """A source's mask on the base, bool (S, S); nothing where the source's photo ends."""
    return _warp_nearest(mask.astype(np.uint8), matrix, 0) > 0


def warp_labels(labels: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A source's labels on the base, uint8 (S, S); `NO_LABEL` where the source's photo ends."""
    return _warp_nearest(labels, matrix, NO_LABEL)


def distance_to(mask: Mask) -> NDArray[np.float32]:
    """Pixels to the nearest pixel of a mask, float32 (h, w); 0 within."""
    import cv2

    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5))


def _warp_nearest(plane: NDArray[np.uint8], matrix: NDArray[np.float64], border: int) -> NDArray[np.uint8]:
    import cv2

    size = plane.shape[::-1]
    flags, mode = cv2.INTER_NEAREST, cv2.BORDER_CONSTANT
    return np.asarray(cv2.warpAffine(plane, matrix, size, flags=flags, borderMode=mode, borderValue=(border,)))
