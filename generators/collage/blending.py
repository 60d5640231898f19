"""Edges: how a patch is put on the base so that it looks as if it belonged there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.aligners.geometry import placed
from generators.collage.colour import Box, matched
from generators.collage.filling import fill
from generators.collage.patches import Mask, Patch, Photo, distance_to
from generators.collage.settings import Blend

SOFTEST_STEP = 1.5
"""Pixels over which even a barred edge is softened, against jagged outlines."""

_EROSION = 3  # pixels that seamlessClone takes off a mask before it uses it
_FRAME = 8  # pixels put around what seamlessClone is given, so that no mask touches its border


def put(base: Photo, source: Photo, patch: Patch, blend: Blend, feather: float, transfer: bool) -> Photo:
    """The base with a patch on it.

    Args:
        base: the collage so far; not changed.
        source: whose patch; not changed.
        patch: where it goes.
        blend: the kind of edge.
        feather: width of a soft edge, as a share of the side.
        transfer: whether the patch takes on the light and skin colour of the base.

    Returns:
        A new photo. All maths is float32, but Poisson blending's, which OpenCV does in 8 bits.
    """
    width = max(feather * len(base.pixels), SOFTEST_STEP)
    box = _box_around(patch.core, max(int(width) + 1, _FRAME))
    core = patch.core[box]
    warped = warp_pixels(source.pixels, patch.matrix)
    recolour = transfer and patch.bears_skin
    pasted = matched(warped, base.pixels, patch.skin, box) if recolour else warped[box]
    pixels = base.pixels.copy()
    pixels[box][core] = pasted[core]
    pixels = fill(pixels, patch.hole, patch.donors)
    # A patch that covers everything has no edge.
    if blend != "paste" and not core.all():
        under = pixels[box]
        if blend == "poisson":
            pasted = poisson(under, pasted, core)
        alpha = ramp(core, patch.barred[box], width)[..., None]
        pixels[box] = np.where(alpha < 1, under + alpha * (pasted - under), pasted)
    points = base.points.copy()
    moved = list(patch.moved)
    points[moved] = placed(source.points[moved], patch.matrix)
    return Photo(np.clip(pixels, 0, 1, dtype=np.float32), points, patch.labels)


def warp_pixels(pixels: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """A source's picture on the base, float32 (S, S, 3) in [0, 1], bicubic; its border goes on where it ends."""
    import cv2

    size = (pixels.shape[1], pixels.shape[0])
    warped = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(warped, 0, 1), np.float32)


def ramp(core: Mask, barred: Mask, width: float) -> NDArray[np.float32]:
    """How much of the source shows: 1 in the core, falling to 0 over a width or where it is barred, if that is nearer.

    Args:
        core: bool (h, w), what becomes the source's.
        barred: bool (h, w), what does not; the core goes first.
        width: pixels, at least `SOFTEST_STEP`.

    Returns:
        float32 (h, w).
    """
    from_core, from_barred = distance_to(core), distance_to(barred)
    reach = np.clip(from_core + from_barred, SOFTEST_STEP, width)
    alpha = np.clip(1 - from_core / reach, 0, 1, dtype=np.float32)
    smooth: NDArray[np.float32] = alpha * alpha * (3 - 2 * alpha)
    return smooth


def poisson(base: NDArray[np.float32], source: NDArray[np.float32], core: Mask) -> NDArray[np.float32]:
    """The source's gradients continued from the base's colours, by OpenCV's seamlessClone.

    Args:
        base: float32 (h, w, 3).
        source: float32 (h, w, 3), in its place on the base.
        core: bool (h, w), at least one pixel; may touch the border.

    Returns:
        float32 (h, w, 3) of 256 levels. Near the core colours may differ a little from the base's outside of it.

    Source: Pérez, Gangnet and Blake, SIGGRAPH 2003.
    """
    import cv2

    # It takes _EROSION pixels off the mask: what is put on before, it takes off again. One more, because it takes a
    # difference between two pixels from the base where the first of them is outside: never that across the edge.
    grown = cv2.dilate(np.pad(core.astype(np.uint8) * 255, _FRAME), np.ones((3, 3), np.uint8), iterations=_EROSION + 1)
    left, top, width, height = cv2.boundingRect(grown)
    # It puts the middle of the mask's bounding box, halves rounded down, at the place it is told.
    place = (left + width // 2, top + height // 2)
    theirs, ours = (
        np.pad(np.rint(image * 255).astype(np.uint8), ((_FRAME, _FRAME), (_FRAME, _FRAME), (0, 0)), mode="edge")
        for image in (source, base)
    )
    cloned = cv2.seamlessClone(theirs, ours, grown, place, cv2.NORMAL_CLONE)
    return np.asarray(cloned[_FRAME:-_FRAME, _FRAME:-_FRAME], np.float32) / np.float32(255)


def _box_around(mask: Mask, margin: int) -> Box:
    import cv2

    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    rows, columns = mask.shape
    return (
        slice(max(top - margin, 0), min(top + height + margin, rows)),
        slice(max(left - margin, 0), min(left + width + margin, columns)),
    )
