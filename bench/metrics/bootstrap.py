"""The double-or-nothing bootstrap of people: every verification figure on many draws of who is kept.

In a draw every person's weight is 2 or 0, each with probability one half. A trial of two people weighs w_a·w_b, a mated
trial, which rests on one person, w_a. Both are 1 on average, so that a figure that mixes the two kinds is not shifted
(w_a² would be 2 on average). Within one kind all kept trials weigh the same: 4 or 2, which cancels from every rate. So
a draw's rate is the rate among the trials whose people are all kept, its threshold that of their scores, and
everything below counts kept trials, in whole numbers.

How it is fast: trials are sorted by score once, for all draws. `_KeptCounts` holds, for every draw, how many kept
trials lie below certain places of that order: one bit per trial and draw, found by a bitwise and of the rows of its two
people, added up eight draws at a time. Where a draw needs a place between two of them, only the trials between are
looked at, in that draw. Counts are exact, so nothing depends on threads, blocks or the order of trials.

What is exact: error rates, thresholds at an FMR and the EER equal those of the kept trials alone, bit for bit. The area
under the curve and the best accuracy look at the curve at the grid of `_grid` only, which is every score up to 4,096 of
a kind (then they are exact too). Means and d' are of scores rounded to 2^-20 of their range (2^-18 from 8 million
trials on).

Source:
    Fogliato, Patil and Perona, IJCV 2024 (arXiv 2306.01198); Owen and Eckles, Annals of Applied Statistics 6(3), 2012.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bench.errors import ShapeError
from bench.metrics.clusters import Clusters
from bench.metrics.operating import allowed_false_matches
from bench.metrics.scores import check_scores, check_trials

EXACT_SCORES = 4096
"""Up to so many scores of a kind, the grid for area and best accuracy is all of them."""

_EVEN_STEPS = 512
_STEPS_PER_FACTOR_E = 64
_BYTE_ROWS = 255  # that many ones fit into a byte
_ROWS_AT_ONCE = 2 * _BYTE_ROWS  # half a megabyte for a thousand draws, which stays in the cache
_DRAWS_AT_ONCE = 64
_SCORE_BITS = 20
_T = TypeVar("_T", bound=np.generic)


class AtFmr(NamedTuple):
    """What the thresholds at F false match rates do on each of B draws; NaN where a draw kept no nonmated trial.

    Attributes:
        thresholds: float64 (B, F), chosen anew on every draw; each a float32 number.
        fmr: float64 (B, F), achieved.
        fnmr: float64 (B, F); NaN too where the draw has no mated trial.
    """

    thresholds: NDArray[np.float64]
    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]


def double_or_nothing(people: int, draws: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Who is kept, and so weighs 2, in each draw; the others weigh 0.

    Args:
        people: P, how many there are.
        draws: B.
        rng: where chance comes from.

    Returns:
        bool (B, P); True with probability one half.
    """
    return rng.integers(0, 2, (draws, people), dtype=np.uint8).astype(np.bool_)


class SubjectBootstrap:
    """Figures of verification on every draw of a bootstrap of people.

    Two systems that are given the same draws and people can be subtracted draw by draw: a paired difference.

    Args:
        scores: float32 (M,), acquired trials only.
        mated: bool (M,).
        clusters: who the same trials rest on; within a kind all trials must rest on one, or all on two.
        kept: bool (B, P), who is kept in each draw, for the P codes of `clusters`.

    Raises:
        ShapeError: arrays that do not fit, a score that is not finite, or trials of one kind that rest on one and on
            two people.
    """

    def __init__(
        self,
        scores: NDArray[np.float32],
        mated: NDArray[np.bool_],
        clusters: Clusters,
        kept: NDArray[np.bool_],
    ) -> None:
        check_scores(scores, "trial")
        check_trials(scores, mated, None)
        if len(clusters) != scores.size or kept.dtype != np.bool_ or kept.shape != (len(kept), clusters.count):
            raise ShapeError(
                f"got clusters of {len(clusters)} trials and kept {kept.dtype} {kept.shape}; expected {scores.size} "
                f"trials and bool (B, {clusters.count})"
            )
        self._draws = len(kept)
        rows = _rows_of_people(kept)
        self._mated = _KeptCounts(scores[mated], clusters.select(mated), rows, self._draws, dense_end="low")
        self._nonmated = _KeptCounts(scores[~mated], clusters.select(~mated), rows, self._draws, dense_end="high")

    def error_rates(self, thresholds: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """FMR and FNMR of every draw at thresholds that are the same for all.

        Args:
            thresholds: float32 (T,), in any order; +inf accepts nothing.

        Returns:
            FMR and FNMR, float64 (B, T) each; NaN on draws that kept no trial of the kind.

        Raises:
            ShapeError: another dtype or shape, or NaN.
        """
        if thresholds.dtype != np.float32 or thresholds.ndim != 1 or np.isnan(thresholds).any():
            raise ShapeError(f"got thresholds {thresholds.dtype} {thresholds.shape}; expected float32 (T,) without NaN")
        accepted = self._nonmated.totals - self._nonmated.below(thresholds)
        fmr = _shares(accepted, self._nonmated.totals)
        fnmr = _shares(self._mated.below(thresholds), self._mated.totals)
        return np.ascontiguousarray(fmr.T), np.ascontiguousarray(fnmr.T)

    def at_fmr(self, fmrs: Sequence[float]) -> AtFmr:
        """The threshold at each false match rate, chosen anew on every draw, and what it does there.

        It is that of `operating.threshold_at_fmr` on the kept scores: with k = floor(fmr·kept nonmated) the next
        float32 above the (k + 1)-th largest. A draw with k = 0 takes the next above its largest score: a draw keeps a
        quarter of the comparisons, so it may allow none where all trials together allow some.

        Args:
            fmrs: F rates, each in (0, 1].

        Raises:
            ConfigError: a rate outside (0, 1].
        """
        totals = self._nonmated.totals
        thresholds, fmr, fnmr = np.full((3, self._draws, len(fmrs)), np.nan)
        for column, rate in enumerate(fmrs):
            allowed = np.array([allowed_false_matches(rate, total) for total in totals.tolist()], np.int64)
            some = np.flatnonzero(totals > 0)
            low = np.float32(np.finfo(np.float32).min)
            at, accepted = np.full(some.size, low), totals[some]
            fewer = allowed[some] < totals[some]
            draws = some[fewer]
            # Counted from below, the (k + 1)-th largest of n is the one with n - k - 1 before it.
            places, above = self._nonmated.ranked(draws, totals[draws] - allowed[draws] - 1)
            at[fewer] = np.nextafter(self._nonmated.scores[places], np.float32(np.inf))
            accepted[fewer] = above
            thresholds[some, column] = at
            fmr[some, column] = accepted / totals[some]
            fnmr[some, column] = _shares(self._mated.below_each(draws=some, thresholds=at), self._mated.totals[some])
        return AtFmr(thresholds, fmr, fnmr)

    def equal_error_rate(self) -> NDArray[np.float64]:
        """The EER of every draw by linear crossing, as `separation.equal_error_rate` has it.

        Returns:
            float64 (B,); NaN on draws that lack a kind.
        """
        draws = self._with_both
        mated, nonmated = self._mated.totals[draws], self._nonmated.totals[draws]
        levels = _levels(self._mated.scores, self._nonmated.scores)

        def errors(level: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            at = levels[level]
            return nonmated - self._nonmated.below_each(draws, at), self._mated.below_each(draws, at)

        # FMR is above FNMR at the lowest score and below it at +inf; in between their difference only falls.
        before, after = np.zeros(draws.size, np.int64), np.full(draws.size, levels.size - 1)
        while (after - before > 1).any():
            middle = (before + after) // 2
            false_matches, false_non_matches = errors(middle)
            over = false_matches * mated > false_non_matches * nonmated
            before, after = np.where(over, middle, before), np.where(over, after, middle)
        values = np.full(self._draws, np.nan)
        counts = [each.tolist() for each in (*errors(before), *errors(after), mated, nonmated)]
        values[draws] = [_crossing(*each) for each in zip(*counts, strict=True)]
        return values

    def area_under_curve(self) -> NDArray[np.float64]:
        """The area under the ROC curve of every draw, by trapezoids between the thresholds of the grid.

        Returns:
            float64 (B,); NaN on draws that lack a kind.
        """
        false_matches, true_matches = self._grid_counts
        twice = np.zeros(self._draws, np.int64)
        for at in range(len(false_matches) - 1):
            twice += (false_matches[at] - false_matches[at + 1]) * (true_matches[at] + true_matches[at + 1])
        return _shares(twice, 2 * self._mated.totals * self._nonmated.totals)

    def best_accuracy(self) -> NDArray[np.float64]:
        """The largest share of right decisions of every draw over the thresholds of the grid.

        A nonmated trial counts twice as much as a mated one, which rests on one person only.

        Returns:
            float64 (B,); NaN on draws that lack a kind.
        """
        false_matches, true_matches = self._grid_counts
        mated, nonmated = self._mated.people_each, self._nonmated.people_each
        whole = mated * self._mated.totals + nonmated * self._nonmated.totals
        right = np.zeros(self._draws, np.int64)
        for accepted, matched in zip(false_matches, true_matches, strict=True):
            np.maximum(right, mated * matched + nonmated * (self._nonmated.totals - accepted), out=right)
        whole[(self._mated.totals == 0) | (self._nonmated.totals == 0)] = 0
        return _shares(right, whole)

    def decidability(self) -> NDArray[np.float64]:
        """D' of every draw.

        Returns:
            float64 (B,); NaN on draws that lack a kind or whose scores do not differ.
        """
        (first, first_variance), (second, second_variance) = self._mated.moments, self._nonmated.moments
        values, spread = np.full(self._draws, np.nan), np.sqrt((first_variance + second_variance) / 2)
        np.divide(np.abs(first - second), spread, out=values, where=spread > 0)
        return values

    def mated_mean(self) -> NDArray[np.float64]:
        """The mean mated score of every draw, float64 (B,); NaN on draws without one."""
        return self._mated.moments[0]

    def nonmated_mean(self) -> NDArray[np.float64]:
        """The mean nonmated score of every draw, float64 (B,); NaN on draws without one."""
        return self._nonmated.moments[0]

    @cached_property
    def _with_both(self) -> NDArray[np.intp]:
        return np.flatnonzero((self._mated.totals > 0) & (self._nonmated.totals > 0))

    @property
    def _grid_counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """False matches and true matches at the thresholds of the grid, ascending, +inf last; int64 (T, B) each."""
        grid = _levels(self._mated.scores[self._mated.grid], self._nonmated.scores[self._nonmated.grid])
        rejected, missed = self._nonmated.below(grid), self._mated.below(grid)
        return self._nonmated.totals - rejected, self._mated.totals - missed


class _KeptCounts:
    """How many kept trials of one kind have a score below another, on every draw.

    Trials are in ascending order of score. `_places` are places of that order, 0 and M among them; `_below` (E, B)
    holds for each how many kept trials come before it. A place that is asked for is added to them.

    Args:
        scores: float32 (M,).
        clusters: of the same trials.
        rows: from `_rows_of_people`.
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
        self._places = _distinct(np.sort(np.concatenate([[0, scores.size], self.grid, after])))
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
        self._add(_distinct(np.sort(places)))
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
        mean, square = (_shares(self._weighted(each), self.totals) for each in (steps, steps * steps))
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
        cuts = _distinct(np.sort(np.concatenate([self._places, places])))
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


def _rows_of_people(kept: NDArray[np.bool_]) -> NDArray[np.uint64]:
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
    return _distinct(np.sort(ranks if dense_end == "low" else count - 1 - ranks))


def _levels(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every score of either kind once, ascending, and +inf."""
    return np.append(_distinct(np.sort(np.concatenate([first, second]))), np.float32(np.inf))


def _distinct(ascending: NDArray[_T]) -> NDArray[_T]:
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


def _crossing(
    false_matches: int, misses: int, next_false_matches: int, next_misses: int, mated: int, nonmated: int
) -> float:
    """The rate where the line between two points of the error curve crosses FMR = FNMR, in whole numbers."""
    over = false_matches * mated - misses * nonmated
    under = next_false_matches * mated - next_misses * nonmated
    numerator = false_matches * (over - under) + over * (next_false_matches - false_matches)
    return numerator / (nonmated * (over - under))


def _shares(parts: NDArray[np.integer | np.floating], wholes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Parts (..., B) by wholes (B,); NaN where the whole is 0."""
    shares = np.full(parts.shape, np.nan)
    np.divide(parts, wholes, out=shares, where=wholes != 0)
    return shares
