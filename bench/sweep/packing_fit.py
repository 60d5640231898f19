"""How a pack is made to fit, by a sample of its faces: WebP quality first, then fewer photos of those who have many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.errors import InsufficientData
from bench.seeding import stream

SAMPLE = 512
"""Faces that are encoded before the quality is chosen."""
SURENESS = 3.0
"""Standard errors of the sample's mean that are added to it."""
RESERVED_BYTES, RESERVED_A_SHARD, RESERVED_IN_MANIFEST = 10_000, 2_000, 250
"""For pack.json besides its specification, for a file of faces (its header and its line in pack.json), and for that
line alone."""
MB = 1_000_000

Sizes = Callable[[int], NDArray[np.int64]]
"""A quality to the bytes of each face of the sample, (n,)."""


@dataclass(frozen=True)
class Choice:
    """What makes a pack fit.

    Attributes:
        quality: of WebP.
        per_person: at most so many photos of one person; None for all.
    """

    quality: int
    per_person: int | None


def sample_of(count: int, seed: int) -> NDArray[np.int64]:
    """Which of `count` faces are encoded to see how large they come out, int64, ascending."""
    size = min(SAMPLE, count)
    return np.sort(stream(seed, "pack", "sample").choice(count, size, replace=False)).astype(np.int64)


def fitting(
    ranks: NDArray[np.int64],
    sizes: Sizes,
    quality: tuple[int, int],
    per_person: int | None,
    most_bytes: int | None,
    shard_faces: int,
) -> Choice:
    """The highest quality at which all faces fit, else the lowest one and as many photos of a person as then fit.

    Args:
        ranks: int64 (N,), of each face its place among those of the same person.
        sizes: what a sample of them takes.
        quality: the lowest and the highest that may be chosen.
        per_person: at most so many photos of one person; None for all.
        most_bytes: for the files of faces; None for no limit.
        shard_faces: faces in a file.

    Raises:
        InsufficientData: not even one photo of each person fits.
    """
    lowest, highest = quality
    if most_bytes is None:
        return Choice(highest, per_person)
    count = int((ranks < (per_person or ranks.size)).sum())

    def needed(faces: int, at: int) -> float:
        found = sizes(at)
        spread = found.std() * np.sqrt((1 - len(found) / ranks.size) / len(found))  # none where it is all of them
        each = found.mean() + SURENESS * spread
        return float(faces * each) + RESERVED_A_SHARD * -(-faces // shard_faces)

    if needed(count, lowest) <= most_bytes:
        while lowest < highest:
            middle = (lowest + highest + 1) // 2
            lowest, highest = (middle, highest) if needed(count, middle) <= most_bytes else (lowest, middle - 1)
        return Choice(lowest, per_person)
    most = per_person or int(ranks.max()) + 1
    while most and needed(int((ranks < most).sum()), lowest) > most_bytes:
        most -= 1
    if not most:
        people = int((ranks == 0).sum())
        raise InsufficientData(
            f"one photo of each of {people:,} people takes {needed(people, lowest) / MB:.1f} MB at WebP quality "
            f"{lowest}, the lowest allowed; expected at most {most_bytes / MB:.1f} MB: raise max_mb, lower quality, or "
            "take a smaller side"
        )
    return Choice(lowest, most)


def tighter(choice: Choice, lowest: int, ranks: NDArray[np.int64]) -> Choice:
    """The next smaller choice, for a pack that came out larger than its sample promised."""
    if choice.quality > lowest:
        return Choice(choice.quality - 1, choice.per_person)
    return Choice(choice.quality, max(1, (choice.per_person or int(ranks.max()) + 1) - 1))


def numbered(faces: int, shard_faces: int) -> Sequence[range]:
    """Which faces are in which file."""
    return [range(start, min(start + shard_faces, faces)) for start in range(0, faces, shard_faces)]
