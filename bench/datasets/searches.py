"""Who is searched for in whose gallery: a 1:N protocol that any data set of named people can offer."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.api import Dataset, Frame
from bench.datasets.protocols import MAX_FRAMES_PER_SUBJECT
from bench.errors import InsufficientData
from bench.seeding import stream

ONE_TO_MANY = "one_to_many"
"""The protocol's name."""


@dataclass(frozen=True, eq=False)
class Searches:
    """A gallery of N people with one photo each, and S photos that are searched for in it.

    Attributes:
        frames: the frames that take part, each once: enrolled or searched for, never both.
        gallery: int32 (N,), indices into `frames`: the photo of each enrolled person, sorted by person.
        probe: int32 (S,), indices into `frames`, ascending.
    """

    frames: tuple[Frame, ...]
    gallery: NDArray[np.int32]
    probe: NDArray[np.int32]

    @cached_property
    def mate(self) -> NDArray[np.int32]:
        """int32 (S,): the place in `gallery` of the person whom each search shows; -1 where they are not enrolled."""
        place = {self.frames[index].subject: position for position, index in enumerate(self.gallery)}
        return np.array([place.get(self.frames[index].subject, -1) for index in self.probe], dtype=np.int32)

    @property
    def digest(self) -> str:
        """SHA-256 of who is enrolled with which photo and who is searched for; it does not depend on pixels."""
        names = "\x1e".join(f"{frame.key}\x1f{frame.subject}" for frame in self.frames)
        sha = hashlib.sha256(f"{ONE_TO_MANY}\x1d{names}\x1d".encode())
        for indices in (self.gallery, self.probe):
            sha.update(len(indices).to_bytes(8, "little"))
            sha.update(np.ascontiguousarray(indices, dtype="<i4").tobytes())
        return sha.hexdigest()


def draw_searches(dataset: Dataset, name: str, seed: int) -> Searches:
    """The gallery and the searches of a data set: planning and execution draw the same.

    Args:
        dataset: the data set, of one split or of all people.
        name: what the sweep calls it.
        seed: the sweep's seed.

    Raises:
        InsufficientData: nobody has two photos.
    """
    # Settings by which a data set keeps its pair lists small keep the gallery small too.
    settings = getattr(dataset, "settings", None)
    return one_to_many(
        dataset.frames(),
        stream(seed, "searches", name),
        getattr(settings, "max_per_subject", MAX_FRAMES_PER_SUBJECT),
        getattr(settings, "max_people", None),
        name,
    )


def one_to_many(
    frames: Sequence[Frame],
    rng: np.random.Generator,
    max_per_subject: int = MAX_FRAMES_PER_SUBJECT,
    max_people: int | None = None,
    where: str = "the data set",
) -> Searches:
    """Half of the people who have two photos or more, enrolled with one photo each; every other photo is a search.

    The other photos of enrolled people are mate searches. The photos of everybody else, people with one photo
    included, are non-mate searches. Of an odd number of people with two photos the larger half is enrolled.

    Args:
        frames: the frames to choose from, in the data set's order.
        rng: draws people, photos, who is enrolled, and with which photo.
        max_per_subject: at most so many photos of one person, at least 1.
        max_people: at most so many people; None for all.
        where: the data set, for the error.

    Raises:
        InsufficientData: nobody has two photos.
    """
    of_subject: dict[str, list[int]] = defaultdict(list)
    for index, frame in enumerate(frames):
        of_subject[frame.subject].append(index)
    people = sorted(of_subject)
    if max_people is not None and len(people) > max_people:
        people = sorted(rng.choice(people, max_people, replace=False).tolist())
    photos = {person: _at_most(of_subject[person], max_per_subject, rng) for person in people}
    several = [person for person in people if len(photos[person]) > 1]
    if not several:
        raise InsufficientData(
            f"{where}: none of {len(people)} people has two photos; identification enrols one photo of a person and "
            "searches for another"
        )
    enrolled = sorted(several[place] for place in rng.permutation(len(several))[: (len(several) + 1) // 2])
    chosen = {person: photos[person][int(rng.integers(len(photos[person])))] for person in enrolled}
    kept = sorted(index for indices in photos.values() for index in indices)
    position = {index: place for place, index in enumerate(kept)}
    gallery = [position[chosen[person]] for person in enrolled]
    probe = sorted(set(range(len(kept))) - set(gallery))
    return Searches(
        tuple(frames[index] for index in kept), np.array(gallery, dtype=np.int32), np.array(probe, dtype=np.int32)
    )


def _at_most(indices: list[int], most: int, rng: np.random.Generator) -> list[int]:
    if len(indices) <= most:
        return indices
    return sorted(rng.choice(indices, most, replace=False).tolist())
