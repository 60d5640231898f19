"""Faces that are held against galleries: those that a cell made, or a data set's own photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.api import Embeddings, Frame
from bench.metrics.shares import Contributors
from bench.sweep.acquisition import Acquisition


@dataclass(frozen=True, eq=False)
class Probes:
    """The faces of a cell.

    Attributes:
        embeddings: float32 (A, D), of those that were acquired.
        acquired: bool (M,), which of all M.
        contributors: who they rest on.
        names: whose each code of `contributors` is.
        made_of: of each face the names of the photos that it was made of, in the sweep's data set; of a photo its own.
        keys: M names of photos, where the faces are a data set's own; None where they were made.
        photos: float32 (B, D), of the contributors' photos that were acquired; None where there are none.
        photo: int64 (M, K), which of these each face was made of, -1 for one that was not acquired.
    """

    embeddings: Embeddings
    acquired: NDArray[np.bool_]
    contributors: Contributors
    names: Sequence[str]
    made_of: Sequence[Sequence[str]]
    keys: Sequence[str] | None = None
    photos: Embeddings | None = None
    photo: NDArray[np.int64] | None = None


def probes_of_made(
    faces: Acquisition,
    acquired: NDArray[np.bool_],
    people: Contributors,
    photos: Acquisition,
    photo: NDArray[np.int32],
    frames: Sequence[Frame],
) -> Probes:
    """Made faces as probes.

    Args:
        faces: what became of those that were made.
        acquired: bool (M,), which of all M were acquired.
        people: who contributes.
        photos: what became of the contributors' photos.
        photo: int (M, K), which of them each face was made of.
        frames: the photos.
    """
    place = np.full(len(photos.acquired), -1, np.int64)
    place[photos.acquired] = np.arange(int(photos.acquired.sum()))
    return Probes(
        faces.embedded, acquired, people, sorted({frame.subject for frame in frames}),
        [[frames[index].key for index in row] for row in photo.tolist()],
        photos=photos.embedded, photo=place[photo],
    )  # fmt: skip


def probes_of_photos(frames: Sequence[Frame], seen: Acquisition) -> Probes:
    """A data set's photos as probes; photos of one person depend on each other.

    Args:
        frames: M photos.
        seen: what became of them.
    """
    people, code = np.unique([frame.subject for frame in frames], return_inverse=True)
    contributors = Contributors(code.astype(np.int32)[:, np.newaxis], len(people))
    keys = [frame.key for frame in frames]
    made_of = [[key] for key in keys]
    return Probes(seen.embedded, seen.acquired, contributors, people.tolist(), made_of, keys)
