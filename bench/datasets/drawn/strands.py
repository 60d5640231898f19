"""The look of hair: a texture of strands or curls that belongs to a person, laid along coordinates on a surface."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from bench.datasets.drawn.canvas import Canvas, Mask
from bench.datasets.drawn.geometry import Floats, Window

ACROSS, ALONG = 1024, 128
"""Texels of a texture over the strands and the way along them; it repeats."""


@lru_cache(maxsize=64)
def texture(seed: int, curled: bool) -> NDArray[np.uint8]:
    """uint8 (ACROSS, ALONG): brightness; the same for a person in every picture."""
    rng = np.random.default_rng(seed)
    sizes = ((36, 34), (66, 62), (120, 112)) if curled else ((40, 2), (110, 4), (260, 6), (512, 8))
    total = np.zeros((ACROSS, ALONG), dtype=np.int16)
    for across, along in sizes:
        coarse = rng.integers(0, 256, (across, along), dtype=np.uint8)
        layer = np.asarray(Image.fromarray(coarse).resize((ALONG, ACROSS), Image.Resampling.BICUBIC), dtype=np.int16)
        total += 255 - np.abs(2 * layer - 255) if curled else layer
    total = (total // len(sizes) - 128) * (3 if curled else 4) // 2 + 128
    return np.clip(total, 0, 255).astype(np.uint8)


def lookup(texels: NDArray[np.uint8], across: Floats, along: Floats) -> NDArray[np.uint8]:
    """The texture at coordinates in texels."""
    found: NDArray[np.uint8] = texels[across.astype(np.int32) & (ACROSS - 1), along.astype(np.int32) & (ALONG - 1)]
    return found


def strands_over(
    canvas: Canvas, window: Window, mask: Mask, texels: NDArray[np.uint8], across: Floats, along: Floats
) -> Image.Image:
    """The texture over a mask's rectangle, which must be that of the window, at the canvas's resolution."""
    size = (max(1, mask.image.width // 2), max(1, mask.image.height // 2))
    found = lookup(texels, *(canvas.interpolated(field, window, mask.box, size) for field in (across, along)))
    return Image.fromarray(found).resize(mask.image.size, Image.Resampling.BILINEAR)


def paint_strands(
    canvas: Canvas,
    window: Window,
    mask: Mask,
    strands: Image.Image,
    shade: NDArray[np.uint8],
    light: NDArray[np.uint8],
    label: int | None = None,
) -> None:
    """Paints hair: its shade everywhere in the mask, and its light where the strands are bright."""
    canvas.cover(mask, shade, window, label)
    canvas.cover(Mask(ImageChops.multiply(mask.image, strands), mask.box), light, window)
