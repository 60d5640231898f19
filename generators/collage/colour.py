"""Light and skin colour of the base, given to what is pasted onto it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generators.collage.patches import Mask

Box = tuple[slice, slice]

COARSE = 4
"""Skin is compared on pictures smaller by this factor: its mean over a distance needs no more."""

AROUND = 0.1
"""Over what distance skin is averaged, as a share of the side: the sigma of a Gaussian."""

FEWEST_PIXELS = 12
"""Coarse pixels of skin that colours are taken from at least; with fewer they are left alone."""

TYPICAL = 28.0
"""How far the lightness of skin may be from its median to count, of 100 levels: hair and highlights are farther."""

GAINS = (0.5, 2.0)
"""The least and the largest factor of lightness."""

GREY = 5.0
"""Chroma in Lab below which a skin is taken to be that of a grey photo, which takes on the base's hue everywhere."""


def matched(warped: NDArray[np.float32], base: NDArray[np.float32], skin: Mask, box: Box) -> NDArray[np.float32]:
    """The source in the light and skin colour of the base: their skins are compared place by place.

    Lightness is multiplied, so that black stays black, but highlights grow no more than skin does. The difference in
    hue goes to a pixel as far as its own hue is that of the source's skin: skin takes all of it, the white of an eye
    none.

    Args:
        warped: float32 (S, S, 3) RGB in [0, 1], the source on the base.
        base: float32 (S, S, 3).
        skin: bool (S, S), where both show skin.
        box: the rows and columns that are wanted.

    Returns:
        float32 (h, w, 3) in [0, 1], those of the box; unchanged where there is too little skin to compare.
    """
    import cv2

    wanted = warped[box]
    ours, theirs = (_coarse_lab(image) for image in (base, warped))
    size = ours.shape[1::-1]
    where = cv2.resize(skin.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    where = where & _typical(ours, where) & _typical(theirs, where)
    if where.sum() < FEWEST_PIXELS:
        return wanted
    near = np.concatenate([_around(ours, where), _around(theirs, where)], axis=2)
    near = np.asarray(cv2.resize(near, base.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)[box]
    our_skin, their_skin = near[..., :3], near[..., 3:]
    lab = _converted(wanted, cv2.COLOR_RGB2LAB)
    # The change is added, rather than Lab turned back, so that equal colours stay equal to the last bit.
    changed = _converted(_recoloured(lab, our_skin, their_skin), cv2.COLOR_LAB2RGB)
    changed = wanted + (changed - _converted(lab, cv2.COLOR_LAB2RGB))
    return np.asarray(np.clip(changed, 0, 1), np.float32)


def _recoloured(
    lab: NDArray[np.float32], our_skin: NDArray[np.float32], their_skin: NDArray[np.float32]
) -> NDArray[np.float32]:
    lightness, skin_lightness = lab[..., :1], np.maximum(their_skin[..., :1], 1)
    more = np.clip(our_skin[..., :1] / skin_lightness, *GAINS) - 1
    lighter = np.minimum(lightness * more, skin_lightness * np.maximum(more, 0))
    hue, skin_hue = lab[..., 1:], their_skin[..., 1:]
    alike = (hue * skin_hue).sum(axis=2, keepdims=True) + GREY**2
    share = np.clip(alike / ((skin_hue**2).sum(axis=2, keepdims=True) + GREY**2), 0, 1)
    changed = [lightness + lighter, hue + share * (our_skin[..., 1:] - skin_hue)]
    return np.concatenate(changed, axis=2, dtype=np.float32)


def _converted(image: NDArray[np.float32], code: int) -> NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.cvtColor(image, code), np.float32)


def _coarse_lab(image: NDArray[np.float32]) -> NDArray[np.float32]:
    import cv2

    size = (image.shape[1] // COARSE, image.shape[0] // COARSE)
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
    return _converted(small, cv2.COLOR_RGB2LAB)


def _typical(lab: NDArray[np.float32], where: Mask) -> Mask:
    """Where lightness is near its median: neither a strand of hair nor a highlight."""
    lightness = lab[..., 0]
    middle = np.median(lightness[where]) if where.any() else np.float32(0)
    near: Mask = np.abs(lightness - middle) <= TYPICAL
    return near


def _around(lab: NDArray[np.float32], where: Mask) -> NDArray[np.float32]:
    """The mean colour of those pixels of `where` around each pixel, near ones counting most; float32, as `lab`."""
    import cv2

    weights = np.concatenate([lab * where[..., None], where[..., None]], axis=2, dtype=np.float32)
    blurred = cv2.GaussianBlur(weights, (0, 0), AROUND * len(lab), borderType=cv2.BORDER_CONSTANT)
    # Where no skin is near, the mean of all skin counts.
    near = np.asarray(blurred, np.float32) + weights.mean(axis=(0, 1)) * np.float32(1e-3)
    around: NDArray[np.float32] = near[..., :3] / near[..., 3:]
    return around
