"""How many trials are kept below a score, on every draw of a bootstrap: the counting behind `bootstrap`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bench.errors import ShapeError
from bench.metrics.clusters import Clusters

EXACT_SCORES = 4096
"""Up to so many scores of a kind, the grid for area and best accuracy is all of them."""

_EVEN_STEPS = 512
_STEPS_PER_FACTOR_E = 64
_BYTE_ROWS = 255  # that many ones fit into a byte
_ROWS_AT_ONCE = 2 * _BYTE_ROWS  # half a megabyte for a thousand draws, which stays in the cache
_DRAWS_AT_ONCE = 64
_SCORE_BITS = 20
_T = TypeVar("_T", bound=np.generic)


class KeptCounts:
    """How many kept trials of one kind have a score below another, on every draw.

    Trials are in ascending order of score. `_places` are places of that order, 0 and M among them; `_below` (E, B)
    holds for each how many kept trials come before it. A place that is asked for is added to them.

    Args:
        scores: float32 (M,).
        clusters: of the same trials.
        rows: from `rows_of_people`.
        draws: B.
        dense_end: ``"low"`` or ``"high"``, where the scores lie that thresholds are about.
    """

    def __init__(
        self,
        scores: NDArray[np.float32],
        clusters: Clusters,
        rows: NDArray[np.uint64],
        draws: int,
        dense_end: Literal["low", "high"],
    ) -> None:
        single = int(np.count_nonzero(clusters.first == clusters.second))
        if single not in (0, scores.size):
            raise ShapeError(
                f"got {single} trials of {scores.size} of one kind that rest on one person; expected none or all, "
                "since they would weigh differently in a draw"
            )
        self.people_each = 1 if single else 2
        order = np.argsort(scores)  # in which order equal scores come changes no count
        self.scores = scores[order]
        self._first, self._second = clusters.first[order], clusters.second[order]
        self._rows, self._draws = rows, draws
        self.grid = np.searchsorted(self.scores, self.scores[_grid(scores.size, dense_end)])
        # Where the next score begins, too, so that many equal scores stand between two places of their own.
        after = np.searchsorted(self.scores, self.scores[self.grid], side="right")
        self._places = distinct(np.sort(np.concatenate([[0, scores.size], self.grid, after])))
        counted = self._sums(self._places[:-1], self._places[1:])
        self._below = np.concatenate([np.zeros((1, draws), np.int64), np.cumsum(counted, axis=0)])

    @property
    def totals(self) -> NDArray[np.int64]:
        """How many trials each draw keeps, int64 (B,)."""
        totals: NDArray[np.int64] = self._below[-1]
        return totals

    def below(self, thresholds: NDArray[np.float32]) -> NDArray[np.int64]:
        """How many kept scores lie below each of T thresholds, int64 (T, B)."""
        places = np.searchsorted(self.scores, thresholds)
        self._add(distinct(np.sort(places)))
        return self._below[np.searchsorted(self._places, places)]

    def below_each(self, draws: NDArray[np.intp], thresholds: NDArray[np.float32]) -> NDArray[np.int64]:
        """How many kept scores of each draw lie below its own threshold, int64 (len(draws),)."""
        places = np.searchsorted(self.scores, thresholds)
        before = np.searchsorted(self._places, places, side="right") - 1
        counts = self._below[before, draws]
        beyond = places - self._places[before]
        for segment, some in _grouped(before, beyond > 0):
            end = self._places[segment] + int(beyond[some].max())
            running = self._running(int(self._places[segment]), int(end), draws[some])
            counts[some] += running[beyond[some] - 1, np.arange(some.size)]
        return counts

    def ranked(self, draws: NDArray[np.intp], ranks: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the kept trial of a rank stands in each draw, and how many kept ones have a higher score.

        Args:
            draws: int, which draws.
            ranks: int64, for each of them how many kept trials come before; less than its total.
        """
        before = np.count_nonzero(self._below[:, draws] <= ranks, axis=0) - 1
        places, above = self._places[before], self.totals[draws] - self._below[before + 1, draws]
        several = self.scores[places] != self.scores[self._places[before + 1] - 1]
        for segment, some in _grouped(before, several):
            start, end = int(self._places[segment]), int(self._places[segment + 1])
            running = self._running(start, end, draws[some])
            wanted = ranks[some] - self._below[segment, draws[some]]
            place = np.argmax(running > wanted, axis=0)
            next_score = np.searchsorted(self.scores[start:end], self.scores[start + place], side="right")
            places[some] = start + place
            above[some] += running[-1] - running[next_score - 1, np.arange(some.size)]
        return places, above

    @cached_property
    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and population variance of the kept scores, float64 (B,) each; NaN where none is kept."""
        if self.scores.size == 0:
            return np.full(self._draws, np.nan), np.full(self._draws, np.nan)
        low, high = float(self.scores[0]), float(self.scores[-1])
        # Squares of half the range, M times, stay below 2^62.
        bits = min(_SCORE_BITS, (64 - self.scores.size.bit_length()) // 2)
        centre, step = (low + high) / 2, (high - low) / 2**bits or 1.0
        steps = np.rint((self.scores - centre) / step).astype(np.int64)
        mean, square = (shares_of(self._weighted(each), self.totals) for each in (steps, steps * steps))
        return centre + step * mean, step * step * np.maximum(square - mean * mean, 0)

    def _weighted(self, weights: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sum of the weights of the kept trials, int64 (B,)."""
        people = len(self._rows)
        pairs = sparse.coo_array((weights, (self._first, self._second)), shape=(people, people)).tocsr()
        kept = self._rows.view(np.uint8)[:, : self._draws]
        total = np.empty(self._draws, np.int64)
        for start in range(0, self._draws, _DRAWS_AT_ONCE):
            some = slice(start, start + _DRAWS_AT_ONCE)
            part = kept[:, some].astype(np.int64)
            total[some] = np.sum(part * np.asarray(pairs @ part), axis=0)
        return total

    def _add(self, places: NDArray[np.intp]) -> None:
        """Puts more places among those that are known; of the stretches of a known one the longest is not counted."""
        cuts = distinct(np.sort(np.concatenate([self._places, places])))
        if cuts.size == self._places.size:
            return
        lengths = np.diff(cuts)
        known = np.searchsorted(cuts, self._places)
        stretch = np.repeat(np.arange(known.size - 1), np.diff(known))
        longest = np.lexsort((lengths, stretch))[known[1:] - 1]
        counted = np.ones(lengths.size, np.bool_)
        counted[longest] = False
        sums = np.zeros((lengths.size, self._draws), np.int64)
        sums[counted] = self._sums(cuts[:-1][counted], cuts[1:][counted])
        sums[longest] = np.diff(self._below, axis=0) - np.add.reduceat(sums, known[:-1], axis=0)
        self._places = cuts
        self._below = np.concatenate([np.zeros((1, self._draws), np.int64), np.cumsum(sums, axis=0)])

    def _sums(self, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> NDArray[np.int64]:
        """How many trials from each start to its end are kept, int64 (len(starts), B); no stretch is empty."""
        sums = np.zeros((starts.size, self._rows.shape[1] * 8), np.int64)
        pieces = -(-(ends - starts) // _BYTE_ROWS)
        owner = np.repeat(np.arange(starts.size), pieces)
        nth = np.arange(owner.size) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        begin = starts[owner] + _BYTE_ROWS * nth
        length = np.minimum(ends[owner] - begin, _BYTE_ROWS)
        offset = np.append(0, np.cumsum(length))
        i = 0
        while i < owner.size:
            j = max(int(np.searchsorted(offset, offset[i] + _ROWS_AT_ONCE, side="right")) - 1, i + 1)
            inside = offset[i:j] - offset[i]
            trials = np.arange(offset[j] - offset[i]) + np.repeat(begin[i:j] - inside, length[i:j])
            both = self._rows[self._first[trials]]
            both &= self._rows[self._second[trials]]
            # Eight draws in one addition: each byte counts at most 255 ones and never carries into the next.
            counts = np.add.reduceat(both, inside, axis=0).view(np.uint8)
            own = np.flatnonzero(np.diff(owner[i:j], prepend=-1))
            sums[owner[i:j][own]] += np.add.reduceat(counts, own, axis=0, dtype=np.int64)
            i = j
        return sums[:, : self._draws]

    def _running(self, start: int, end: int, draws: NDArray[np.intp]) -> NDArray[np.int32]:
        """How many of the trials from start to each place up to end are kept, int32 (end - start, len(draws))."""
        kept = self._rows.view(np.uint8)
        first, second = self._first[start:end, None], self._second[start:end, None]
        return np.cumsum(kept[first, draws] & kept[second, draws], axis=0, dtype=np.int32)


def rows_of_people(kept: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """For every person one byte a draw, 1 where they are kept, in words of eight: uint64 (P, ceil(B / 8))."""
    padded = np.zeros((kept.shape[1], -(-len(kept) // 8) * 8), np.uint8)
    padded[:, : len(kept)] = kept.T
    return padded.view(np.uint64)


def _grid(count: int, dense_end: Literal["low", "high"]) -> NDArray[np.int64]:
    """The ranks of the scores at which counts are held from the start: all of few, of many so that steps grow slowly.

    From one end steps grow by 1/64 of the rank; besides there are 512 even ones.
    """
    if count <= EXACT_SCORES:
        return np.arange(count)
    growing = np.geomspace(1, count, int(_STEPS_PER_FACTOR_E * np.log(count)) + 1) - 1
    even = np.linspace(0, count - 1, _EVEN_STEPS + 1)
    ranks = np.rint(np.concatenate([growing, even])).astype(np.int64).clip(0, count - 1)
    return distinct(np.sort(ranks if dense_end == "low" else count - 1 - ranks))


def distinct(ascending: NDArray[_T]) -> NDArray[_T]:
    """Each value of an ascending array once."""
    first = np.ones(ascending.size, np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return ascending[first]


def _grouped(segments: NDArray[np.intp], chosen: NDArray[np.bool_]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each segment among the chosen, with the positions of those that have it, a few hundred at a time."""
    positions = np.flatnonzero(chosen)
    positions = positions[np.argsort(segments[positions], kind="stable")]
    ends = np.flatnonzero(np.diff(segments[positions], append=-1)) + 1
    start = 0
    for end in ends.tolist():
        for i in range(start, end, _DRAWS_AT_ONCE):
            yield int(segments[positions[start]]), positions[i : min(i + _DRAWS_AT_ONCE, end)]
        start = end


def shares_of(parts: NDArray[np.integer | np.floating], wholes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Parts (..., B) by wholes (B,); NaN where the whole is 0."""
    shares = np.full(parts.shape, np.nan)
    np.divide(parts, wholes, out=shares, where=wholes != 0)
    return shares
