"""Glasses and hats drawn onto training faces: real ones are too rare among the labelled to be learned.

They are placed by the 68 points and filled with colours and pieces of other photos. As in CelebAMask-HQ a lens is
glasses, but for the eye that is seen through it; a hat covers whatever lies under it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from generators.auxiliary.face_parser.polygons import Points

GLASSES, HAT = 3, 14
_EYE_CODES = (4, 5)

Picture = NDArray[np.uint8]


def wear_glasses(image: Picture, codes: Picture, points: Points, rng: np.random.Generator) -> tuple[Picture, Picture]:
    """The face with glasses, clear or dark.

    Args:
        image: uint8 (S, S, 3).
        codes: uint8 (S, S), see `label_sets`.
        points: (68, 2) in pixels of the image.
        rng: draws shape, colour and darkness.

    Returns:
        Image and codes, new arrays.
    """
    side = len(image)
    eyes = np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0)])
    across = eyes[1] - eyes[0]
    unit = float(np.hypot(*across))
    across = across / unit
    down = np.array([-across[1], across[0]])
    wide, high = rng.uniform(0.3, 0.42) * unit, rng.uniform(0.2, 0.36) * unit
    square, thick = rng.uniform(2, 5), max(1, round(rng.uniform(0.02, 0.09) * unit))
    lens, frame = Image.new("L", (side, side), 0), Image.new("L", (side, side), 0)
    fill, line = ImageDraw.Draw(lens), ImageDraw.Draw(frame)
    rims = []
    for eye, outward in zip(eyes, (-1, 1), strict=True):
        centre = eye + down * 0.06 * unit + across * outward * 0.03 * unit
        rim = [centre + across * wide * x + down * high * y for x, y in _rounded(square)]
        rims.append(_tuples(rim))
        fill.polygon(rims[-1], fill=255)
        line.line([*rims[-1], rims[-1][0]], fill=255, width=thick)
        temple = points[0] if outward < 0 else points[16]
        line.line(
            _tuples([centre + across * outward * wide, (temple + centre) / 2 + across * outward * wide * 0.6, temple]),
            fill=255,
            width=thick,
        )
    inner = [eyes[0] + across * wide, eyes[1] - across * wide]
    line.line(_tuples(inner), fill=255, width=thick)
    dark = rng.random() < 0.5
    opacity = rng.uniform(0.75, 1.0) if dark else rng.uniform(0.0, 0.2)
    tint = rng.integers(0, 70, 3) if dark else rng.integers(120, 256, 3)
    found = _over(image, lens, np.broadcast_to(tint, image.shape), opacity)
    if rng.random() < 0.4:  # a reflection across a lens
        shine = Image.new("L", (side, side), 0)
        start = eyes[int(rng.integers(2))] + across * wide * rng.uniform(-0.6, 0.2) - down * high
        ImageDraw.Draw(shine).line(
            _tuples([start, start + across * wide * 0.4 + down * 2 * high]), fill=255, width=2 * thick
        )
        shine_on = Image.fromarray(np.minimum(np.asarray(shine), np.asarray(lens)))
        found = _over(found, shine_on, np.full_like(image, 240), rng.uniform(0.2, 0.7))
    found = _over(found, frame, np.broadcast_to(rng.integers(0, 200, 3), image.shape), rng.uniform(0.7, 1.0))
    marked = codes.copy()
    glass = np.asarray(lens) > 0
    marked[glass if dark else glass & ~np.isin(codes, _EYE_CODES)] = GLASSES
    marked[np.asarray(frame) > 0] = GLASSES
    return found, marked


def wear_hat(
    image: Picture, codes: Picture, points: Points, texture: Picture, rng: np.random.Generator
) -> tuple[Picture, Picture]:
    """The face with a cap, a hat with a brim, or a band around the head; arguments as for `wear_glasses`.

    Args:
        image: uint8 (S, S, 3).
        codes: uint8 (S, S).
        points: (68, 2).
        texture: uint8 (S, S, 3), what it may be made of.
        rng: draws shape and colour.

    Returns:
        Image and codes, new arrays.
    """
    side = len(image)
    across = points[16] - points[0]
    half = float(np.hypot(*across)) / 2
    across = across / (2 * half)
    down = np.array([-across[1], across[0]])
    brows = points[17:27].mean(axis=0)
    middle = (points[0] + points[16]) / 2
    rim = brows - down * half * rng.uniform(0.15, 0.7) + across * float((middle - brows) @ across) * 0.5
    wide, rise, bow = half * rng.uniform(1.1, 1.35), half * rng.uniform(0.7, 1.6), half * rng.uniform(-0.1, 0.3)
    flat = rng.uniform(2, 4)
    turns = np.linspace(np.pi, 0, 24)
    crown = [
        rim
        + across * wide * np.sign(np.cos(turn)) * abs(np.cos(turn)) ** (2 / flat)
        - down * rise * np.sin(turn) ** (2 / flat)
        for turn in turns
    ]
    lower = [rim + across * wide * x + down * bow * (1 - x * x) for x in np.linspace(1, -1, 12)]
    shape = Image.new("L", (side, side), 0)
    canvas = ImageDraw.Draw(shape)
    canvas.polygon(_tuples([*crown, *lower]), fill=255)
    colour = np.broadcast_to(rng.integers(0, 256, 3), image.shape)
    share = rng.uniform(0, 0.6)
    cloth = (colour * (1 - share) + texture * share).astype(np.uint8)
    found = _over(image, shape, _shaded(cloth, middle, across, wide), 1.0)
    marked = codes.copy()
    marked[np.asarray(shape) > 127] = HAT
    if rng.random() < 0.6:  # a brim, in front or all around
        reach, depth = wide * rng.uniform(0.7, 1.7), half * rng.uniform(0.08, 0.3)
        brim = Image.new("L", (side, side), 0)
        edge = [
            rim + across * reach * np.cos(turn) + down * (bow * 0.8 + depth * np.sin(turn))
            for turn in np.linspace(0, 2 * np.pi, 32)
        ]
        ImageDraw.Draw(brim).polygon(_tuples(edge), fill=255)
        found = _over(found, brim, (cloth * rng.uniform(0.4, 1.0)).astype(np.uint8), 1.0)
        marked[np.asarray(brim) > 127] = HAT
    return found, marked


def _rounded(square: float) -> list[tuple[float, float]]:
    """A closed curve between a circle (2) and a square (large)."""
    turns = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    cosine, sine = np.cos(turns), np.sin(turns)
    x = np.sign(cosine) * np.abs(cosine) ** (2 / square)
    y = np.sign(sine) * np.abs(sine) ** (2 / square)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _shaded(cloth: Picture, middle: Points, across: Points, wide: float) -> Picture:
    """Darker towards the sides, as round things are."""
    side = len(cloth)
    y, x = np.mgrid[:side, :side]
    place = ((x - middle[0]) * across[0] + (y - middle[1]) * across[1]) / wide
    found: Picture = (cloth * np.clip(1 - 0.45 * place**2, 0.3, 1)[..., None]).astype(np.uint8)
    return found


def _over(image: Picture, shape: Image.Image, paint: NDArray[np.integer], opacity: float) -> Picture:
    alpha = np.asarray(shape.filter(ImageFilter.GaussianBlur(0.5)), dtype=np.float32)[..., None] / 255 * opacity
    return (image * (1 - alpha) + paint * alpha).astype(np.uint8)


def _tuples(points: list[Points]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points]
