"""What the bootstrap of detectors looks up: who keeps a sample, and how two kinds of scores stand to each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrics.detection_samples import Kind
from bench.metrics.rates import error_tradeoff


@dataclass(frozen=True, eq=False)
class Members:
    """The samples of a kind as a draw looks them up.

    Attributes:
        kind: they themselves.
        columns: int (N,) each: the first, second, ... person; -1 for none.
        dtype: of running counts.
    """

    kind: Kind
    columns: tuple[NDArray[np.intp], ...]
    dtype: type[np.signedinteger]

    @classmethod
    def of(cls, kind: Kind) -> Members:
        """Those of a kind."""
        most = kind.samples if kind.weights is None else int(kind.weights.sum())
        columns = tuple(np.ascontiguousarray(column, np.intp) for column in kind.people.T)
        return cls(kind, columns, np.int32 if most < 2**30 else np.int64)

    def running(self, kept: NDArray[np.bool_]) -> NDArray[np.signedinteger]:
        """How much the kept ones of the first n samples weigh, for n from 0 to N: int (W, N + 1).

        Args:
            kept: bool (W, P + 1), the last always True.
        """
        flags = np.take(kept, self.columns[0], axis=1)
        for column in self.columns[1:]:
            flags &= np.take(kept, column, axis=1)
        counts = np.zeros((len(kept), self.kind.samples + 1), self.dtype)
        weighed = flags if self.kind.weights is None else flags * self.kind.weights
        np.cumsum(weighed, axis=1, dtype=self.dtype, out=counts[:, 1:])
        return counts


@dataclass(frozen=True, eq=False)
class Pairing:
    """Where the scores of one species and those of bona fide samples stand among each other.

    Attributes:
        attacks_below: int (T,), how many attacks are below each threshold of the error curve.
        bona_fide_below: int (T,), how many bona fide samples are.
        bounds: int (G + 1,), where each run of attacks between two bona fide scores begins, and where the last ends.
        before: int (G,), how many bona fide samples score lower than those of the run.
        up_to: int (G,), how many score as high or lower.
    """

    attacks_below: NDArray[np.intp]
    bona_fide_below: NDArray[np.intp]
    bounds: NDArray[np.intp]
    before: NDArray[np.intp]
    up_to: NDArray[np.intp]

    @classmethod
    def of(cls, attack: Kind, bona_fide: Kind) -> Pairing | None:
        """None where either has no response."""
        if not attack.responses or not bona_fide.responses:
            return None
        curve = error_tradeoff(attack.scores, bona_fide.scores)
        before = np.searchsorted(bona_fide.scores, attack.scores, side="left")
        up_to = np.searchsorted(bona_fide.scores, attack.scores, side="right")
        first = np.flatnonzero(np.diff(before, prepend=-1) | np.diff(up_to, prepend=-1))
        return cls(
            attacks_below=curve.false_non_matches,
            bona_fide_below=curve.nonmated - curve.false_matches,
            bounds=np.append(first, attack.responses),
            before=before[first],
            up_to=up_to[first],
        )


def next_float32(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The smallest float32 at or above each of T thresholds, float64 (T,): it parts float32 scores in the same way."""
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
    return np.where(nearest < thresholds, np.nextafter(nearest, np.float32(np.inf)), nearest)
