"""Mix and match: one face, and each of its parts from each of the photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.api import Crops
from generators.mixsyn import mixes
from generators.mixsyn.album import Album


class Grid(NamedTuple):
    """Faces in rows and columns.

    Attributes:
        parts: P names, of the rows.
        numbers: int64 (P, K), the faces' numbers in the album, all alike in the base's column; -1 where a source
            cannot give the part.
        faces: float32 (P, K, 3, 256, 256) RGB in [0, 1]; column k has the part of source k + 1; NaN where
            there is none.
        pasted: float32 (P, K, 3, S, S), the same by naive copy-paste.
    """

    parts: tuple[str, ...]
    numbers: NDArray[np.int64]
    faces: Crops
    pasted: Crops


def mix_and_match(album: Album, base: int = 1, parts: Sequence[str] | None = None, *, style: bool = False) -> Grid:
    """One source with each of some parts from each source of an album.

    Args:
        album: of the photos; the faces are added to it.
        base: the source, counted from 1, that gives everything else.
        parts: names of parts or classes; None for all parts.
        style: their styles alone, in the shapes of the base; the only thing that weights without a composer can.

    Raises:
        UnknownName: there is no such part or class.
        ConfigError: there is no such source, or the weights have no composer.
    """
    sources = album.sources
    names = tuple(dict(sources.preset.parts)) if parts is None else tuple(parts)
    whole = mixes.alone(sources, base)
    itself = album.add_mix(whole)
    numbers = np.full((len(names), len(sources)), -1)
    for row, name in enumerate(names):
        able = mixes.able(sources.given, sources.classes(name), whole.shape if style else None)
        for column in np.flatnonzero(able).tolist():
            mix = mixes.chosen(sources, whole, name, column + 1, shaping=not style)
            numbers[row, column] = itself if mix == whole else album.add_mix(mix)
    faces, pasted = (_placed(numbers, make) for make in (album.face, album.copy_paste))
    return Grid(names, numbers, faces, pasted)


def _placed(numbers: NDArray[np.int64], make: Callable[[int], NDArray[np.float32]]) -> Crops:
    """(P, K, 3, S, S): the pictures of some numbers, NaN for -1."""
    made = {number: make(number) for number in np.unique(numbers[numbers >= 0]).tolist()}
    shape = next(iter(made.values())).shape if made else (3, 0, 0)
    nothing = np.full(shape, np.nan, np.float32)
    return np.stack([np.stack([made.get(number, nothing) for number in row]) for row in numbers.tolist()])
