"""What a detector of attacks is judged on: its scores, which kind each sample is of, and the people it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.scores import check_scores


@dataclass(frozen=True, eq=False)
class Kind:
    """The samples of one kind: the bona fide ones, or those of one species of attack.

    Attributes:
        scores: float32 (R,), those with a response, ascending.
        people: int32 (N, K), everyone whom each of all N samples rests on, in the order of `scores` and then the
            samples without a response; different within a sample, highest code first, padded with -1.
        count: how many codes there are.
    """

    scores: NDArray[np.float32]
    people: NDArray[np.int32]
    count: int

    @property
    def samples(self) -> int:
        """N, how many there are."""
        return len(self.people)

    @property
    def responses(self) -> int:
        """R, how many have a score."""
        return self.scores.size

    @cached_property
    def fewest_people(self) -> int:
        """Of how many people a sample is that is of the fewest; 0 without samples."""
        return int(np.count_nonzero(self.people >= 0, axis=1).min()) if self.samples else 0

    @cached_property
    def weights(self) -> NDArray[np.int64] | None:
        """How much a kept sample weighs in a draw, int64 (N,): twice as much for every person more than the fewest.

        A draw keeps a sample of K people with probability 2^-K. None where all weigh 1.
        """
        people = np.count_nonzero(self.people >= 0, axis=1)
        return None if np.all(people == self.fewest_people) else np.int64(1) << (people - self.fewest_people)

    def missed(self, threshold: float) -> int:
        """How many responses are below a threshold, and so are taken for bona fide.

        Args:
            threshold: compared exactly, not rounded to float32 first.
        """
        return int(np.searchsorted(self.scores, np.float64(threshold)))


@dataclass(frozen=True, eq=False)
class DetectionSamples:
    """N samples that a detector was shown.

    Attributes:
        scores: float32 (N,), higher is more likely an attack; NaN where there is no response (no face was found).
        species: int16 (N,), the place of the species of attack in `names`; -1 for a bona fide sample.
        names: of the species; each is judged, so leave out a species that was not tried.
        people: int32 (N, K), the people whom a sample rests on, from 0 to `count` - 1 in any order, padded with -1; at
            least one each. A photo of nobody known gets a code of its own.
        count: P, how many codes there are, whether or not each appears.

    Raises:
        ShapeError: arrays of different lengths or of another dtype, an infinite score, a code outside its range, a
            sample that rests on nobody, or a name that is there twice.
    """

    scores: NDArray[np.float32]
    species: NDArray[np.int16]
    names: tuple[str, ...]
    people: NDArray[np.int32]
    count: int

    def __post_init__(self) -> None:
        check_scores(self.scores, "attack score", failures=True)
        n = self.scores.size
        if self.species.dtype != np.int16 or self.species.shape != (n,):
            raise ShapeError(f"got species {self.species.dtype} {self.species.shape} for {n} scores; expected int16")
        if self.people.dtype != np.int32 or self.people.ndim != 2 or len(self.people) != n or not self.people.shape[1]:
            raise ShapeError(
                f"got people {self.people.dtype} {self.people.shape} for {n} scores; expected int32 (N, K)"
            )
        if len(set(self.names)) != len(self.names):
            raise ShapeError(f"got species {', '.join(self.names)}; expected each name once")
        for name, codes, most in (("species", self.species, len(self.names)), ("people", self.people, self.count)):
            if codes.size and not -1 <= int(codes.min()) <= int(codes.max()) < most:
                raise ShapeError(
                    f"got {name} from {codes.min()} to {codes.max()}; expected codes from 0 to {most - 1}, or -1"
                )
        nobody = (self.people < 0).all(axis=1)
        if nobody.any():
            raise ShapeError(
                f"got no person at place {int(np.argmax(nobody))}; give a photo of nobody known a code of its own"
            )

    @cached_property
    def bona_fide(self) -> Kind:
        """The bona fide samples."""
        return self._kind(-1)

    @cached_property
    def attacks(self) -> tuple[Kind, ...]:
        """The samples of each species, in the order of `names`."""
        return tuple(self._kind(place) for place in range(len(self.names)))

    def _kind(self, code: int) -> Kind:
        chosen = np.flatnonzero(self.species == code)
        scores = self.scores[chosen] + np.float32(0)  # -0 becomes 0, or which of two ties is first would show
        order = np.argsort(scores)  # NaN comes last; in which order equal scores come changes no count
        responses = int(np.count_nonzero(~np.isnan(scores)))
        return Kind(scores[order][:responses], _distinct_people(self.people[chosen[order]]), self.count)


def _distinct_people(people: NDArray[np.int32]) -> NDArray[np.int32]:
    """Everyone of a row once, highest code first, in as few columns as that takes."""
    ordered = -np.sort(-people, axis=1)
    twice = ordered[:, 1:] == ordered[:, :-1]
    ordered[:, 1:][twice] = -1
    ordered = -np.sort(-ordered, axis=1)
    used = max(int(np.count_nonzero((ordered >= 0).any(axis=0))), 1)
    return np.ascontiguousarray(ordered[:, :used])
