"""What is compared with what: which faces a fold or a test holds out, and their confusions with parser and polygons."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.images import to_crops
from bench.seeding import stream
from generators.auxiliary.face_parser.faces import COMPLETE, PARTIAL, Faces
from generators.auxiliary.face_parser.partial import SIX_OF_19
from generators.auxiliary.face_parser.polygons import Proportions, draw
from generators.auxiliary.face_parser.scoring import Counts, confusion

FOLDS = 6
SIX = ("background", "skin", "hair", "eyes", "nose", "mouth")
COPY = 0.99
"""Correlation of two crops, grey and at 32 pixels, from which on they are one photo. FASSEG's v2 has six photos in both
of its halves, at 1.000; the most alike of different photos, of one person, reach 0.972."""

Maps = NDArray[np.uint8]
Parse = Callable[[NDArray[np.float32]], Maps]


def crop_of(faces: Faces, row: int, what: str) -> Maps:
    """The crop `ffhq256` of a stored labelled face: its ``image``, ``codes`` or ``own`` map."""
    picture = np.asarray(getattr(faces, what)(row), dtype=np.uint8)
    edge = (len(picture) - faces.crop_pixels(row)) // 2
    return picture[edge : len(picture) - edge, edge : len(picture) - edge]


def polygons_of(faces: Faces, row: int, proportions: Proportions | None = None) -> Maps | None:
    """The baseline's map of the same crop, or None where there are no landmarks."""
    points = faces.landmarks[row].astype(np.float64)
    if not np.isfinite(points).all():
        return None
    crop = faces.crop_pixels(row)
    return draw(points - (faces.image(row).width - crop) // 2, crop, proportions)


def fold_rows(faces: Faces, fold: int) -> list[int]:
    """The complete faces that a fold leaves out: every `FOLDS`-th of a fixed shuffle."""
    rows = faces.rows(COMPLETE)
    order = stream(0, "face_parser", "folds").permutation(len(rows))
    return sorted(int(rows[place]) for place in order[fold::FOLDS])


def held_out_rows(faces: Faces) -> list[int]:
    """The held-out FASSEG photos but for those that training has too, which it says."""
    rows, taught = ([int(row) for row in faces.rows(PARTIAL, held_out=each)] for each in (True, False))
    if not rows or not taught:
        return rows
    alike = _small(faces, rows) @ _small(faces, taught).T
    copies = [row for row, most in zip(rows, alike.max(axis=1), strict=True) if most > COPY]
    if copies:
        print(f"left out, because training has the same photo: {', '.join(str(faces.keys[row]) for row in copies)}")
    return [row for row in rows if row not in copies]


def compare_complete(faces: Faces, rows: Sequence[int], parse: Parse) -> tuple[dict[int, Counts], dict[int, Counts]]:
    """By row the parser's and, where there are landmarks, the polygons' confusion of complete faces."""
    found = parse(to_crops(np.stack([crop_of(faces, row, "image") for row in rows])))
    own = {row: confusion(crop_of(faces, row, "codes"), found[place], 19) for place, row in enumerate(rows)}
    drawn = {row: polygons_of(faces, row) for row in rows}
    return own, {
        row: confusion(crop_of(faces, row, "codes"), said, 19) for row, said in drawn.items() if said is not None
    }


def compare_partial(faces: Faces, rows: Sequence[int], parse: Parse) -> tuple[dict[int, Counts], dict[int, Counts]]:
    """By row the parser's and, where there are landmarks, the polygons' confusion of FASSEG photos, in six labels."""
    own: dict[int, Counts] = {}
    drawn: dict[int, Counts] = {}
    for start in range(0, len(rows), 32):
        part = [int(row) for row in rows[start : start + 32]]
        found = parse(to_crops(np.stack([crop_of(faces, row, "image") for row in part])))
        for place, row in enumerate(part):
            truth = crop_of(faces, row, "own")
            own[row] = confusion(truth, SIX_OF_19[found[place]], 6)
            said = polygons_of(faces, row)
            if said is not None:
                drawn[row] = confusion(truth, SIX_OF_19[said], 6)
    return own, drawn


def yaw_of(key: str) -> int:
    """Degrees, as FASSEG's v3 file names have them."""
    found = re.search(r"p0([p-])(\d+)$", key)
    return 0 if found is None else int(found[2]) * (1 if found[1] == "p" else -1)


def person_of(key: str) -> str:
    """Who a FASSEG photo shows, as v3's file names say; of v2, which names nobody, the photo itself."""
    found = re.search(r"personne(\d\d)", key)
    return key if found is None else found[1]


def _small(faces: Faces, rows: Sequence[int]) -> NDArray[np.float64]:
    """(N, 1024): the crops, grey and at 32 pixels, less their means, of length 1."""
    pictures = [Image.fromarray(crop_of(faces, row, "image")).convert("L") for row in rows]
    found = np.stack([np.asarray(one.resize((32, 32), Image.Resampling.BOX), np.float64).ravel() for one in pictures])
    found -= found.mean(axis=1, keepdims=True)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)
    return found
