"""What the picture pages of docs/ share: drawn people as a generator takes them, sheets of pictures, files that say so.

Nobody real is in them: faces are those of the data set `drawn`, and what networks made of these.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bench.aligners.geometry import move_points
from bench.aligners.templates import FFHQ256, crop_matrix, warp, warp_labels
from bench.api import Face
from bench.datasets.drawn.dataset import Drawn, DrawnSettings
from bench.images import synthetic_text

SHOWN = 128
"""Pixels of a side of a picture in a sheet."""
GAP = 3
"""White pixels between two pictures."""

Frame = NDArray[np.uint8]
"""uint8 (H, W, 3) RGB."""


class DrawnCrops(NamedTuple):
    """Drawn people, aligned by their own points.

    Attributes:
        crops: uint8 (N, 256, 256, 3), of the template `ffhq256`.
        maps: uint8 (N, 256, 256), 19-class labels.
        points: float32 (N, 68, 2), dlib's 68 points in pixels of the crops.
        frames: N, the whole pictures, uint8 (320, 320, 3).
    """

    crops: NDArray[np.uint8]
    maps: NDArray[np.uint8]
    points: NDArray[np.float32]
    frames: tuple[Frame, ...]


def drawn_crops(count: int, *, seed: int = 0, accessories: bool = True) -> DrawnCrops:
    """Crops of drawn people, a frontal picture of each, with what is known of them.

    Args:
        count: N.
        seed: of the population.
        accessories: whether some wear glasses, hats and jewels.
    """
    dataset = Drawn(DrawnSettings(people=count, images=1, side=320, seed=seed, accessories=accessories))
    crops, maps, points, frames = [], [], [], []
    for frame in dataset.frames():
        known = dataset.landmarks(frame.key)
        matrix = crop_matrix(Face(box=np.zeros(4, np.float32), landmarks=known, confidence=1.0), FFHQ256)
        frames.append(dataset.image(frame.key))
        crops.append(warp(frames[-1], matrix, FFHQ256.side))
        maps.append(warp_labels(dataset.mask(frame.key), matrix, FFHQ256.side))
        points.append(move_points(known["dlib68"], matrix))
    return DrawnCrops(np.stack(crops), np.stack(maps), np.stack(points), tuple(frames))


def shown_small(picture: Frame, side: int = SHOWN) -> Frame:
    """A picture as it stands in a sheet; each pixel is the mean of the area that it covers."""
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BOX), dtype=np.uint8)


def grey(values: NDArray[np.floating], most: float) -> Frame:
    """Numbers as grey, (S, S) to uint8 (S, S, 3): 0 is black, `most` and above white."""
    level = np.rint(np.clip(values / most, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(level[..., None], (*level.shape, 3)))


def difference(before: Frame, after: Frame, times: float = 3.0) -> Frame:
    """How far two pictures lie apart, as a picture: black where they are alike, `times` as bright as it is."""
    apart = np.abs(after.astype(np.float64) - before.astype(np.float64)) * times
    return np.rint(np.clip(apart, 0, 255)).astype(np.uint8)


def spotlight(picture: Frame, where: NDArray[np.bool_]) -> Frame:
    """A picture pale but for some pixels, bool (H, W)."""
    pale = 255 - (255 - picture.astype(np.int64)) // 4
    return np.where(where[..., None], picture, pale.astype(np.uint8))


def enlarged(picture: Frame, side: int = FFHQ256.side) -> Frame:
    """A small picture with each pixel as a square; its own side divides `side`."""
    times = side // picture.shape[0]
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def sheet(rows: Sequence[Sequence[Frame | None]], side: int = SHOWN) -> Frame:
    """Rows of square pictures on white, all of one size; None leaves a place free."""
    columns = max(len(row) for row in rows)
    page = np.full((len(rows) * (side + GAP) - GAP, columns * (side + GAP) - GAP, 3), 255, dtype=np.uint8)
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            if picture is not None:
                top, left = down * (side + GAP), across * (side + GAP)
                page[top : top + side, left : left + side] = shown_small(picture, side)
    return page


def write_sheet(path: Path, picture: Frame, made_by: str, digest: str, page: str, colours: int = 256) -> None:
    """Writes a sheet as a PNG of few colours that says that it is synthetic, and replaces the file at once.

    Args:
        path: of the file.
        picture: the sheet.
        made_by: the generator, parser or data set.
        digest: of its weights.
        page: the document that shows it, such as ``"docs/mixsyn.md"``.
        colours: at most so many.
    """
    info = PngInfo()
    for keyword, value in sorted(synthetic_text(made_by, digest, page).items()):
        info.add_text(keyword, value)
    buffer = io.BytesIO()
    Image.fromarray(picture).quantize(colours).save(buffer, "PNG", optimize=True, pnginfo=info)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(buffer.getvalue())
    os.replace(aside, path)
