"""Regions that landmarks outline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.aligners.geometry import placed
from generators.collage.patches import Mask, Patch, Photo, alignment, warp_mask
from generators.collage.regions import BROWS, FEATURE_GROW, FEATURES, JAW, LANDMARK_REGIONS, NOSE, WHOLE

FOREHEAD = 0.45
"""How far the forehead reaches above the brows, in lengths from brows to nose base."""

BARE_FOREHEAD = 0.1
"""How far of that is skin rather than hair on most people."""

RIM = 0.95
"""How much of the way from its middle to the jaw's landmarks is surely face, and no background."""


def landmark_patch(base: Photo, source: Photo, name: str, whole_face: bool) -> Patch | None:
    """The patch of a region that landmarks outline; None if it cannot be placed.

    The parts' hulls of base and of source are both pasted: the source's photo shows skin around its features, which
    is what covers those of the base.

    Args:
        base: the collage so far.
        source: whose region.
        name: one of `LANDMARK_REGIONS`.
        whole_face: align by all landmarks rather than by the region's own.
    """
    region = LANDMARK_REGIONS[name]
    side = len(base.pixels)
    matrix = alignment(base, source, WHOLE if whole_face else region.anchors)
    if matrix is None:
        return None
    moved = placed(source.points, matrix)
    both = (base.points, moved)
    shown = warp_mask(np.ones((side, side), np.bool_), matrix)
    tight = _hulls(side, both, region.parts, 0.0)
    grown = _hulls(side, both, region.parts, region.grow)
    inside = _outline(side, base.points, FOREHEAD) & _outline(side, moved, FOREHEAD)
    bare = _outline(side, base.points, BARE_FOREHEAD) & _outline(side, moved, BARE_FOREHEAD)
    others = _features(side, both, FEATURES.keys() - region.features)
    barred = others | ~inside
    core = tight | (grown & ~barred)
    if region.within:
        wide = [_hull(side, _shrunk(points, region.within, region.shrink)) for points in both]
        core |= wide[0] & wide[1] & ~others
    # What the source's photo does not show would leave the base's own feature, or a part of it.
    if not tight.any() or (tight & ~shown).any():
        return None
    core &= shown
    nothing = np.zeros((side, side), np.bool_)
    return Patch(
        matrix=matrix,
        core=core,
        barred=barred | ~shown,
        skin=bare & shown & ~_features(side, both, FEATURES.keys() - {"nose"}),
        hole=nothing,
        donors=nothing,
        moved=tuple(sorted({point for name in region.features for part in FEATURES[name] for point in part})),
        labels=None,
        bears_skin=True,
    )


def _features(side: int, faces: Sequence[NDArray[np.float64]], names: Iterable[str]) -> Mask:
    mask = np.zeros((side, side), np.bool_)
    for name in sorted(names):
        mask |= _hulls(side, faces, FEATURES[name], FEATURE_GROW[name])
    return mask


def _hulls(side: int, faces: Sequence[NDArray[np.float64]], parts: Sequence[tuple[int, ...]], grow: float) -> Mask:
    mask = np.zeros((side, side), np.bool_)
    for points in faces:
        for part in parts:
            mask |= _hull(side, points[list(part)], grow)
    return mask


def _hull(side: int, points: NDArray[np.float64], grow: float = 0.0) -> Mask:
    import cv2

    mask = np.zeros((side, side), np.uint8)
    fraction_bits = 4
    corners = np.rint(cv2.convexHull(points.astype(np.float32)) * 2**fraction_bits).astype(np.int32)
    cv2.fillConvexPoly(mask, corners, 1, cv2.LINE_8, fraction_bits)
    if grow:
        # A thick outline with round corners is the hull grown by a disk.
        cv2.polylines(mask, [corners], True, 1, 2 * round(grow * side) + 1, cv2.LINE_8, fraction_bits)
    return mask > 0


def _outline(side: int, points: NDArray[np.float64], forehead: float) -> Mask:
    brows = points[list(BROWS[0] + BROWS[1])]
    up = forehead * (brows.mean(axis=0) - points[NOSE[6]])
    outline = np.concatenate([points[list(JAW)], brows, brows + up])
    return _hull(side, _shrunk(outline, tuple(range(len(outline))), RIM))


def _shrunk(points: NDArray[np.float64], index: tuple[int, ...], factor: float) -> NDArray[np.float64]:
    chosen = points[list(index)]
    middle = chosen.mean(axis=0)
    shrunk: NDArray[np.float64] = middle + factor * (chosen - middle)
    return shrunk
