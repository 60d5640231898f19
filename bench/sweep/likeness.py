"""How alike strangers, made faces and the people of galleries are: counts of scores, on one grid for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Comparison, Embeddings
from bench.metrics.shares import Contributors
from bench.scoring import cross_scores, grid_step
from bench.scoring.grid import STEPS_PER_NORM
from bench.sweep.crowds import Crowd

BINS = 512
MOST_FACES = 4096
"""Of more faces the first are compared with each other."""

REAL_REAL, REAL_MADE, MADE_MADE = "real real", "real made", "made made"


@dataclass(frozen=True, eq=False)
class Likeness:
    """Whose photos are compared with whose.

    Attributes:
        made: float32 (A, D), of the faces that were acquired.
        people: who these rest on.
        strangers: float32 (S, D), of strangers' photos that were acquired.
        comparison: ``"cosine"`` or ``"neg_l2"``.
        crowds: the galleries.
    """

    made: Embeddings
    people: Contributors
    strangers: Embeddings
    comparison: Comparison
    crowds: list[Crowd] = field(default_factory=list)

    @property
    def first_people(self) -> Contributors:
        """Who the faces of `among_made` rest on."""
        return Contributors(self.people.people[:MOST_FACES], self.people.count)

    @cached_property
    def among_made(self) -> NDArray[np.float32]:
        """The score of each face with each, float32 (A, A), at most `MOST_FACES`."""
        made = self.made[:MOST_FACES]
        found = np.empty((len(made), len(made)), np.float32)
        for rows, columns, scores in cross_scores(made, made, self.comparison) if len(made) else ():
            found[rows, columns] = scores
        return found

    def table(self) -> pd.DataFrame:
        """The table `resemblances`: strangers and faces with all galleries, and faces with each other."""
        references = [crowd.embeddings for crowd in self.crowds]
        edges = self._edges(references)
        counts = {
            REAL_REAL: sum((_counted(self.strangers, one, self.comparison, edges) for one in references), _none()),
            REAL_MADE: sum((_counted(self.made, one, self.comparison, edges) for one in references), _none()),
            MADE_MADE: self._among_made(edges),
        }
        parts = []
        for name, found in counts.items():
            bins = np.flatnonzero(found)
            columns = {"of": name, "score_from": edges[bins], "score_to": edges[bins + 1], "count": found[bins]}
            parts.append(pd.DataFrame(columns))
        return pd.concat(parts, ignore_index=True)

    def _edges(self, references: list[Embeddings]) -> NDArray[np.float64]:
        if self.comparison == "cosine":
            return np.linspace(-1, 1, BINS + 1)
        sets = [each for each in (*references, self.made, self.strangers) if len(each)]
        longest = grid_step(self.comparison, *sets) * STEPS_PER_NORM
        return np.linspace(-2 * longest, 0, BINS + 1)

    def _among_made(self, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        """Pairs of faces without a contributor in common, each once."""
        people = self.first_people.people
        apart = np.triu(np.ones(self.among_made.shape, np.bool_), 1)
        for one in people.T:
            for other in people.T:
                apart &= one[:, None] != other[None, :]
        return _binned(self.among_made[apart], edges)


def _counted(
    probes: Embeddings, references: Embeddings, comparison: Comparison, edges: NDArray[np.float64]
) -> NDArray[np.int64]:
    found = _none()
    for _, _, scores in cross_scores(probes, references, comparison) if len(probes) and len(references) else ():
        found += _binned(scores.ravel(), edges)
    return found


def _binned(scores: NDArray[np.float32], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """What lies beyond the outer edges, by rounding, counts in the outer bins."""
    return np.histogram(np.clip(scores, edges[0], edges[-1]), edges)[0].astype(np.int64)


def _none() -> NDArray[np.int64]:
    return np.zeros(BINS, np.int64)
