"""What a detector learns from: the features of everything that a sweep would show it, with weights that balance it.

The faces come through `bench.sweep.presentations`, as in every sweep: attacks and bona fide photos were cropped,
resized, kept and found again alike, so that nothing but the attack itself tells them apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from bench.api import Cell, Crops, Detector
from bench.config import Sweep
from bench.errors import ConfigError, InsufficientData
from bench.images import to_crops
from bench.store.cache import ArrayCache
from bench.sweep.plan import plan
from bench.sweep.presentations import Shown, present, shown

BATCH = 64

Describe = Callable[[Crops, Crops | None], NDArray[np.float64]]
"""Suspects and, for a differential detector, a trusted photo for each, to float64 (N, F) features."""


@dataclass(frozen=True, eq=False)
class Samples:
    """N samples with a response.

    Attributes:
        features: float64 (N, F).
        species: N kinds of attack; None for a bona fide photo.
        people: whom each rests on.
        without_response: how many more there were in which no face was found.
    """

    features: NDArray[np.float64]
    species: tuple[str | None, ...]
    people: tuple[tuple[str, ...], ...]
    without_response: int

    @property
    def attack(self) -> NDArray[np.bool_]:
        """Bool (N,)."""
        return np.array([one is not None for one in self.species], dtype=np.bool_)

    def balanced(self) -> NDArray[np.float64]:
        """float64 (N,), a weight for each; they sum to N.

        Attacks and bona fide photos weigh alike, so does each species among the attacks, and so does, as nearly as
        faces of several people allow it, each person within a species and among the bona fide.
        """
        weight = np.zeros(len(self.species))
        kinds = {one for one in self.species if one is not None}
        for kind in (None, *sorted(kinds)):
            places = [place for place, one in enumerate(self.species) if one == kind]
            shares = _by_person([self.people[place] for place in places])
            weight[places] = shares * (0.5 if kind is None else 0.5 / len(kinds))
        return weight * len(weight)


def _by_person(people: Sequence[tuple[str, ...]]) -> NDArray[np.float64]:
    """A share for each sample; they sum to 1. A sample of several people takes the mean of what theirs would be."""
    count = Counter(one for who in people for one in who)
    shares = np.array([sum(1 / count[one] for one in who) / len(who) for who in people])
    found: NDArray[np.float64] = shares / shares.sum()
    return found


def gather(sweep: Sweep, detector: Detector, describe: Describe) -> Samples:
    """The samples that a sweep shows to a detector.

    Args:
        sweep: names any detector, which stands for the one that has no weights yet, and generators or attacks.
        detector: that one; its aligner, its template and whether it wants trusted photos are used.
        describe: crops to features.

    Raises:
        ConfigError: the sweep shows nothing to detectors.
        InsufficientData: no attack or no bona fide photo with a face.
    """
    cell = _detection(sweep)
    cache = ArrayCache()
    try:
        presentations = present({**cell.spec, "differential": detector.differential}, cache)
        features, kept = [], []
        stream = shown(presentations, dict(detector.default_aligner()), detector.template, cache)
        for batch in _batches(one for one in stream if one.problem is None):
            features.append(_described(batch, describe))
            kept += [one.index for one in batch]
    finally:
        cache.clear_refuge()
    species = tuple(presentations.species[place] for place in kept)
    if len({one is None for one in species}) < 2:
        raise InsufficientData(
            f"{sweep.name}: got {len(species)} samples with a face, all of them attacks or all bona fide; expected both"
        )
    return Samples(
        np.concatenate(features),
        species,
        tuple(presentations.subjects[place] for place in kept),
        len(presentations) - len(kept),
    )


def _detection(sweep: Sweep) -> Cell:
    cells = [cell for cell in plan(sweep).cells if cell.spec["assessment"] == "detection"]
    if len(cells) != 1:
        raise ConfigError(
            f"{sweep.name}: got {len(cells)} cells of detection; expected one data set and one detector to stand for "
            "the one that is fitted, such as detectors: [random]"
        )
    return cells[0]


def _batches(stream: Iterator[Shown]) -> Iterator[list[Shown]]:
    while batch := list(islice(stream, BATCH)):
        yield batch


def _described(batch: Sequence[Shown], describe: Describe) -> NDArray[np.float64]:
    suspects = to_crops(np.stack([one.suspect for one in batch if one.suspect is not None]))
    trusted = [one.reference for one in batch if one.reference is not None]
    return describe(suspects, to_crops(np.stack(trusted)) if trusted else None)
