"""How alike strangers, made faces and the people of galleries are: counts of scores, on one grid for all of them.

Counts are made in float32 (`bench.scoring.streamed_rectangle`): a score may be in the bin beside its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Comparison, Embeddings
from bench.metrics.shares import Contributors
from bench.scoring import cross_scores, grid_step, streamed_rectangle
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
        edges = self._edges()
        counts = {
            REAL_REAL: sum((self._counted(self.strangers, one, edges) for one in self.crowds), _none()),
            REAL_MADE: sum((self._counted(self.made, one, edges) for one in self.crowds), _none()),
            MADE_MADE: self._among_made(edges),
        }
        parts = []
        for name, found in counts.items():
            bins = np.flatnonzero(found)
            columns = {"of": name, "score_from": edges[bins], "score_to": edges[bins + 1], "count": found[bins]}
            parts.append(pd.DataFrame(columns))
        return pd.concat(parts, ignore_index=True)

    def _edges(self) -> NDArray[np.float64]:
        if self.comparison == "cosine":
            return np.linspace(-1, 1, BINS + 1)
        sets = [each for each in (*(crowd.embeddings for crowd in self.crowds), self.made, self.strangers) if len(each)]
        longest = grid_step(self.comparison, *sets) * STEPS_PER_NORM
        return np.linspace(-2 * longest, 0, BINS + 1)

    def _counted(self, probes: Embeddings, crowd: Crowd, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many scores of all probes with all photos fall in each bin."""
        if not len(probes):
            return _none()
        found = streamed_rectangle(probes, crowd.embeddings, self.comparison, bins=BINS)
        # Of shorter embeddings distances have narrower bins, a power of two of which make one of these.
        at_once = min(round(edges[0] / found.edges[0]), BINS)
        counts = _none()
        counts[BINS - BINS // at_once :] = found.histogram.reshape(-1, at_once).sum(axis=1)
        return counts

    def _among_made(self, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        """Pairs of faces without a contributor in common, each once."""
        people = self.first_people.people
        apart = np.triu(np.ones(self.among_made.shape, np.bool_), 1)
        for one in people.T:
            for other in people.T:
                apart &= one[:, None] != other[None, :]
        return _binned(self.among_made[apart], edges)


def _binned(scores: NDArray[np.float32], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """What lies beyond the outer edges, by rounding, counts in the outer bins."""
    return np.histogram(np.clip(scores, edges[0], edges[-1]), edges)[0].astype(np.int64)


def _none() -> NDArray[np.int64]:
    return np.zeros(BINS, np.int64)
