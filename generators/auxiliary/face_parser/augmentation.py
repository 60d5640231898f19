"""One face as training sees it: worn, turned, cut, recoloured, blurred, spoiled; drawn anew in every step.

    stored frame ─ turn, scale, shift into 128 ─ mirror ─ glasses, hat ─ other background ─ black border
      ─ brightness, contrast, colour, grey ─ blur or small and large again ─ JPEG ─ noise ─ a piece covered

The scale keeps the crop `ffhq256` in the mean, so that the parser learns looser and tighter framings than the bench's.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from bench.parsers.network import SIDE
from generators.auxiliary.face_parser.accessories import wear_glasses, wear_hat
from generators.auxiliary.face_parser.label_sets import CODES, UNKNOWN, mirrored
from generators.auxiliary.face_parser.polygons import Points
from generators.training.mirroring import REFLECTED_68

Picture = NDArray[np.uint8]
Draw = np.random.Generator

_MIRRORED = mirrored()
_SEEN_THROUGH = (0, CODES["surroundings"])
_RESAMPLED = Image.Resampling.BILINEAR


def augmented(
    image: Picture, codes: Picture, points: Points, crop: int, other: Callable[[], Picture], rng: Draw
) -> tuple[Picture, Picture]:
    """A training picture of a stored face.

    Args:
        image: uint8 (S, S, 3), the wide frame.
        codes: uint8 (S, S), see `label_sets`.
        points: float32 (68, 2) in pixels of it; NaN where there are none.
        crop: pixels of the crop's side in the frame.
        other: gives another photo, uint8 (T, T, 3), for backgrounds and hats.
        rng: draws everything.

    Returns:
        uint8 (128, 128, 3) and uint8 (128, 128).
    """
    image, codes, points = _placed(image, codes, points, crop, rng)
    if rng.random() < 0.5:
        image, codes, points = image[:, ::-1], _MIRRORED[codes[:, ::-1]], _mirrored_points(points)
    known = bool(np.isfinite(points).all())
    if known and rng.random() < 0.12:
        image, codes = wear_glasses(image, codes, points, rng)
    if known and rng.random() < 0.12:
        image, codes = wear_hat(image, codes, points, _fitted(other(), SIDE), rng)
    if rng.random() < 0.5 and (codes == UNKNOWN).mean() < 0.15:
        image = _before_another_background(image, codes, other, rng)
    image, codes = image.copy(), codes.copy()
    _end_photo(image, codes, rng)
    image = _recoloured(image, rng)
    image = _spoiled(image, rng)
    if rng.random() < 0.2:
        _cover(image, codes, other, rng)
    return image, codes


def straight(image: Picture, codes: Picture, crop: int) -> tuple[Picture, Picture]:
    """The crop itself at 128 pixels, as the plugin sees it; arguments as for `augmented`."""
    return _cut(image, codes, _matrix(crop, len(image), np.eye(2), np.zeros(2)))


def _before_another_background(image: Picture, codes: Picture, other: Callable[[], Picture], rng: Draw) -> Picture:
    side = len(image)
    choice = rng.random()
    paint: NDArray[np.generic]
    if choice < 0.3:
        paint = np.broadcast_to(rng.integers(0, 256, 3), image.shape)
    elif choice < 0.5:
        ramp = np.linspace(0, 1, side)[:, None, None]
        paint = ramp * rng.integers(0, 256, 3) + (1 - ramp) * rng.integers(0, 256, 3) + np.zeros((1, side, 1))
    elif choice < 0.6:
        paint = _fitted(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8), side)
    else:
        photo = other()
        paint = _fitted(photo[: len(photo) // 3] if rng.random() < 0.5 else photo, side)
    front = Image.fromarray(np.where(np.isin(codes, _SEEN_THROUGH), 0, 255).astype(np.uint8))
    share = np.asarray(front.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.0))), dtype=np.float32)[..., None] / 255
    return (image * share + paint.astype(np.float32) * (1 - share)).astype(np.uint8)


def _placed(image: Picture, codes: Picture, points: Points, crop: int, rng: Draw) -> tuple[Picture, Picture, Points]:
    degrees = rng.normal(0, 10) if rng.random() < 0.9 else rng.uniform(-35, 35)
    turn, scale, stretch = np.deg2rad(degrees), np.exp(rng.normal(0, 0.13)), np.exp(rng.normal(0, 0.05))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = scale * rotation @ np.diag([stretch, 1 / stretch])
    matrix = _matrix(crop, len(image), linear, rng.normal(0, 5, 2))
    # Points count from the centre of the first pixel, matrices from its corner.
    moved = (points + 0.5 - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T - 0.5
    return *_cut(image, codes, matrix), moved


def _matrix(crop: int, side: int, linear: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """From pixels of 128 to pixels of the frame, both counted from their corners; (2, 3)."""
    back = np.linalg.inv(linear) * crop / SIDE
    return np.column_stack([back, np.full(2, side / 2) - back @ (np.full(2, SIDE / 2) + shift)])


def _cut(image: Picture, codes: Picture, matrix: NDArray[np.float64]) -> tuple[Picture, Picture]:
    # Twice the side and then the mean of each 2 x 2, because bilinear sampling alone leaves pixels of a large face out.
    half = matrix @ np.diag([0.5, 0.5, 1.0])
    large = Image.fromarray(image).transform(
        (2 * SIDE, 2 * SIDE), Image.Transform.AFFINE, tuple(half.ravel()), resample=_RESAMPLED
    )
    labels = Image.fromarray(codes).transform(
        (SIDE, SIDE), Image.Transform.AFFINE, tuple(matrix.ravel()), resample=Image.Resampling.NEAREST
    )
    return np.array(large.reduce(2), dtype=np.uint8), np.array(labels, dtype=np.uint8)


def _mirrored_points(points: Points) -> Points:
    """The 68 points of the mirrored picture, in dlib's order."""
    found: Points = (points * [-1, 1] + [SIDE - 1, 0])[REFLECTED_68]
    return found


def _end_photo(image: Picture, codes: Picture, rng: Draw) -> None:
    """Black beyond one edge, as where a photo ends; in place."""
    if rng.random() >= 0.15:
        return
    turned = int(rng.integers(4))
    wide = int(rng.integers(4, 32))
    np.rot90(image, turned)[:wide] = 0
    np.rot90(codes, turned)[:wide] = 0


def _recoloured(image: Picture, rng: Draw) -> Picture:
    now = image.astype(np.float32) / 255
    if rng.random() < 0.6:
        now = now ** np.float32(np.exp(rng.normal(0, 0.3)))
        mean = now.mean()
        now = (now - mean) * np.float32(np.exp(rng.normal(0, 0.2))) + mean + np.float32(rng.normal(0, 0.08))
    if rng.random() < 0.5:
        now = now * np.exp(rng.normal(0, 0.12, 3)).astype(np.float32)
    choice = rng.random()
    if choice < 0.4:
        grey = (now @ np.array([0.299, 0.587, 0.114], dtype=np.float32))[..., None]
        share = 0.0 if choice < 0.15 else rng.uniform(0.2, 1.6)
        now = grey + (now - grey) * np.float32(share)
    return (np.clip(now, 0, 1) * 255 + 0.5).astype(np.uint8)


def _spoiled(image: Picture, rng: Draw) -> Picture:
    picture = Image.fromarray(image)
    choice = rng.random()
    if choice < 0.2:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.6)))
    elif choice < 0.45:
        small = int(rng.integers(36, 112))
        picture = picture.resize((small, small), Image.Resampling.BOX).resize((SIDE, SIDE), _RESAMPLED)
    if rng.random() < 0.3:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=int(rng.integers(25, 90)))
        picture = Image.open(buffer).convert("RGB")
    found = np.array(picture, dtype=np.uint8)
    if rng.random() < 0.2:
        noise = rng.normal(0, 255 * rng.uniform(0.01, 0.06), found.shape)
        found = np.clip(found + noise, 0, 255).astype(np.uint8)
    return found


def _cover(image: Picture, codes: Picture, other: Callable[[], Picture], rng: Draw) -> None:
    """Something that is no part of the face before it: background; in place."""
    wide, high = (int(size) for size in rng.integers(8, 40, 2))
    left, top = int(rng.integers(0, SIDE - wide)), int(rng.integers(0, SIDE - high))
    if rng.random() < 0.5:
        image[top : top + high, left : left + wide] = rng.integers(0, 256, 3)
    else:
        image[top : top + high, left : left + wide] = _fitted(other(), SIDE)[:high, :wide]
    codes[top : top + high, left : left + wide] = 0


def _fitted(photo: Picture, side: int) -> Picture:
    return np.asarray(Image.fromarray(photo).resize((side, side), _RESAMPLED), dtype=np.uint8)
