"""Who contributes to each made face: the people who can, the pairing that comes out, and the photos that it takes.

Of K contributors the first two depend on nothing but the data set, the kind of pairs and the seed, so that makers of
two and of more faces start from the same pairs, and so do all settings of one maker.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.api import Frame
from bench.errors import InsufficientData
from bench.seeding import stream


@dataclass(frozen=True, eq=False)
class Pairing:
    """The contributors of M faces, K each, and the other photos that each face is compared with.

    Attributes:
        frames: the photos that take part, each once.
        photo: int32 (M, K), indices into `frames`: what the maker sees; different people within a face.
        reference: int32 (M, K, R), indices into `frames`: other photos of the same people; -1 where there are fewer.
    """

    frames: tuple[Frame, ...]
    photo: NDArray[np.int32]
    reference: NDArray[np.int32]

    def __len__(self) -> int:
        """M, how many faces are to be made."""
        return len(self.photo)

    @property
    def digest(self) -> str:
        """SHA-256 of who contributes with which photos; it does not depend on pixels."""
        names = "\x1e".join(f"{frame.key}\x1f{frame.subject}" for frame in self.frames)
        sha = hashlib.sha256(f"{self.photo.shape}{self.reference.shape}\x1d{names}\x1d".encode())
        for indices in (self.photo, self.reference):
            sha.update(np.ascontiguousarray(indices, dtype="<i4").tobytes())
        return sha.hexdigest()

    @property
    def people(self) -> tuple[NDArray[np.int32], int]:
        """Who contributes, int32 (M, K), codes by sorted name, and how many people that are."""
        subjects, code = np.unique([frame.subject for frame in self.frames], return_inverse=True)
        codes: NDArray[np.int32] = code.astype(np.int32)[self.photo]
        return codes, len(subjects)


class Album:
    """The people of a data set who can contribute: those with a second photo to be compared with.

    Args:
        frames: the data set's frames.
        where: the data set, for errors.
        contributors: K, how many different people a face needs.

    Raises:
        InsufficientData: fewer than K people have two photos.
    """

    def __init__(self, frames: Sequence[Frame], where: str, contributors: int) -> None:
        photos: dict[str, list[int]] = defaultdict(list)
        for index, frame in enumerate(frames):
            photos[frame.subject].append(index)
        self.frames = frames
        self.people = sorted(person for person, indices in photos.items() if len(indices) > 1)
        self.photos = {person: photos[person] for person in self.people}
        self.most_photos = max((len(indices) for indices in self.photos.values()), default=0)
        if len(self.people) < contributors:
            raise InsufficientData(
                f"{where}: {len(self.people)} of {len(photos)} people have two photos or more; a face of "
                f"{contributors} contributors needs as many such people: one photo of each to make it of, another to "
                "compare it with"
            )


def photograph(album: Album, people: NDArray[np.int64], references: int, seed: int, where: str) -> Pairing:
    """The photos of chosen people: one that the maker sees, others to compare with.

    Args:
        album: where they come from.
        people: int64 (M, K), places in ``album.people``.
        references: at most so many other photos of each.
        seed: the sweep's seed.
        where: the data set's name.
    """
    chosen = np.empty(people.shape, dtype=np.int64)
    references = min(references, album.most_photos - 1)
    others = np.full((*people.shape, references), -1, dtype=np.int64)
    for column in range(people.shape[1]):
        rng = stream(seed, "pairs", where, "photos", str(column))
        for row, person in enumerate(people[:, column]):
            photos = rng.permutation(album.photos[album.people[person]])
            chosen[row, column] = photos[0]
            rest = photos[1 : 1 + references]
            others[row, column, : len(rest)] = rest
    return pairing_of(album.frames, chosen, others)


def pairing_of(frames: Sequence[Frame], photo: NDArray[np.int64], reference: NDArray[np.int64]) -> Pairing:
    """The pairing of chosen photos, with only those frames that take part.

    Args:
        frames: every frame of the data set.
        photo: int64 (M, K), indices into `frames`.
        reference: int64 (M, K, R), indices into `frames`; -1 for none.
    """
    kept = np.unique(np.concatenate([photo.ravel(), reference[reference >= 0]]))
    place = np.full(len(frames) + 1, -1, dtype=np.int32)
    place[kept] = np.arange(kept.size, dtype=np.int32)
    return Pairing(tuple(frames[index] for index in kept), place[photo], place[reference])
