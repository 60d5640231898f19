"""A contact sheet of made faces: one row a set of photos, the contributors' crops, then each making.

It is a picture of made faces, and says so in its text as each of them does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bench.api import Aligner, Dataset, FrameImage, Template
from bench.images import MAX_PIXELS, decode, encode_png, png_text
from bench.store.cache import ArrayCache
from bench.sweep.contributors import find_faces
from bench.sweep.inputs import entry_of
from bench.sweep.instances import plugin
from bench.sweep.made_files import RUN
from bench.sweep.making import MadeFaces
from bench.sweep.pairing import Pairing
from bench.sweep.sighting import sight

SHEET = "sheet.png"
MOST_ROWS = 100
TILE = 160
"""Pixels a side of a picture on the sheet."""

_LABEL, _GAP, _EDGE, _TEXT = 18, 4, 12, 11
_INK, _NOTHING = "#4a4f55", "#eceef0"
_OF_ONE_FACE = frozenset({"impersona.contributors"})


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture of a sheet.

    Attributes:
        picture: uint8 (S, S, 3), of any side; None for a grey square.
        label: what stands below it, one line; cut where it is too long.
    """

    picture: FrameImage | None
    label: str


def drawn_sheet(rows: Sequence[Sequence[Tile]]) -> NDArray[np.uint8]:
    """Rows of pictures with their labels, uint8 (H, W, 3) RGB.

    Args:
        rows: at least one, of at least one picture.
    """
    height = TILE + _LABEL
    width = max(map(len, rows)) * (TILE + _GAP) - _GAP
    sheet = Image.new("RGB", (width + 2 * _EDGE, len(rows) * (height + _GAP) - _GAP + 2 * _EDGE), "white")
    pen = ImageDraw.Draw(sheet)
    for row, tiles in enumerate(rows):
        for column, tile in enumerate(tiles):
            left, top = _EDGE + column * (TILE + _GAP), _EDGE + row * (height + _GAP)
            if tile.picture is None:
                pen.rectangle((left, top, left + TILE - 1, top + TILE - 1), fill=_NOTHING)
            else:
                picture = Image.fromarray(tile.picture).resize((TILE, TILE), Image.Resampling.LANCZOS)
                sheet.paste(picture, (left, top))
            pen.text((left + 1, top + TILE + 2), _fitting(tile.label), fill=_INK, font=_font())
    return np.asarray(sheet, dtype=np.uint8)


def sheet_of_faces(
    makings: Mapping[str, MadeFaces],
    spec: Mapping[str, Any],
    template: Template,
    dataset: Dataset,
    pairing: Pairing,
    called: Callable[[str], str],
    cache: ArrayCache,
) -> bytes | None:
    """The sheet of a pairing's faces, at most its first `MOST_ROWS`, as a PNG file.

    Args:
        makings: what each of the V makings is called below its pictures, and its faces.
        spec: of the first making: its aligner finds the contributors' faces.
        template: of the contributors' crops.
        dataset: where their photos come from.
        pairing: who contributes to each face.
        called: what a picture calls a photo, by its key.
        cache: found faces are looked up there.

    Returns:
        None where no face was made: a sheet of photos alone is no picture that this command makes.
    """
    shown = rows_shown(len(pairing), pairing.photo.shape[1] + len(makings))
    pictures = {label: _pictures(made, shown) for label, made in makings.items()}
    files = [data for column in pictures.values() for data in column if data is not None]
    if not files:
        return None
    crops = _crops(spec, template, dataset, pairing, np.unique(pairing.photo[:shown]).tolist(), cache)
    rows = []
    for index, photos in enumerate(pairing.photo[:shown].tolist()):
        row = [Tile(crops[photo], _caption(called(pairing.frames[photo].key), crops[photo])) for photo in photos]
        for label, column in pictures.items():
            data = column[index]
            row.append(Tile(None, f"not made: {label}") if data is None else Tile(decode(data, label), label))
        rows.append(row)
    return encode_png(drawn_sheet(rows), _text(files))


def rows_shown(rows: int, columns: int) -> int:
    """How many rows a sheet of so many columns shows: all, unless it would grow larger than pictures that are read."""
    return min(rows, MOST_ROWS, max(1, MAX_PIXELS // (2 * columns * (TILE + _GAP) * (TILE + _LABEL + _GAP))))


def _pictures(made: MadeFaces, shown: int) -> list[bytes | None]:
    there = made.made[:shown].tolist()
    return [made.store.picture(digest) if one else None for digest, one in zip(made.digests, there, strict=False)]


def _crops(
    spec: Mapping[str, Any],
    template: Template,
    dataset: Dataset,
    pairing: Pairing,
    photos: Sequence[int],
    cache: ArrayCache,
) -> dict[int, FrameImage | None]:
    """The photos as the generator saw them, by their places in the pairing; None where no face was found."""
    finder = entry_of(spec["maker_aligner"])
    aligner: Aligner = plugin("aligner", finder)
    frames = [pairing.frames[photo] for photo in photos]
    seen = find_faces(entry_of(spec["dataset"]), dataset, finder, aligner, frames, None, cache)
    crops: dict[int, FrameImage | None] = {}
    for photo, frame, one in zip(photos, frames, seen, strict=True):
        # One at a time, and small at once: whole photos of many people take too much memory.
        crop = None if one.face is None else sight(dataset, aligner, template, [(frame.key, one.face)])[0].crop
        crops[photo] = None if crop is None else _small(crop)
    return crops


def _small(crop: FrameImage) -> FrameImage:
    return np.array(Image.fromarray(crop).resize((TILE, TILE), Image.Resampling.LANCZOS))


def _caption(name: str, crop: FrameImage | None) -> str:
    return name if crop is not None else f"no face: {name}"


def _text(files: Sequence[bytes]) -> dict[str, str]:
    """What the pictures on it say of themselves, but for what is of one face; where they differ, each of them."""
    said = [png_text(data) for data in files]
    keywords = sorted(set().union(*said) - _OF_ONE_FACE)
    together = {key: "; ".join(dict.fromkeys(one[key] for one in said if key in one)) for key in keywords}
    return {**together, "impersona.run": RUN}


def _fitting(label: str) -> str:
    """As much of a label as there is room for, on one line."""
    line = "".join(letter if letter.isprintable() else "?" for letter in label)
    if _font().getlength(line) <= TILE:
        return line
    while line and _font().getlength(f"{line}…") > TILE:
        line = line[:-1]
    return f"{line}…"


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface, the same on every machine."""
    return ImageFont.load_default(_TEXT)
