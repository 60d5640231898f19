"""The double-or-nothing bootstrap of people: every verification figure on many draws of who is kept.

In a draw every person's weight is 2 or 0, each with probability one half. A trial of two people weighs w_a·w_b, a mated
trial, which rests on one person, w_a. Both are 1 on average, so that a figure that mixes the two kinds is not shifted
(w_a² would be 2 on average). Within one kind all kept trials weigh the same: 4 or 2, which cancels from every rate. So
a draw's rate is the rate among the trials whose people are all kept, its threshold that of their scores, and
everything below counts kept trials, in whole numbers.

How it is fast: trials are sorted by score once, for all draws. `KeptCounts` holds, for every draw, how many kept
trials lie below certain places of that order: one byte per trial and draw, the bitwise and of the rows of its two
people, added up eight draws at a time. Where a draw needs a place between two of them, only the trials between are
looked at, in that draw. Counts are exact, so nothing depends on threads, blocks or the order of trials.

What is exact: error rates, thresholds at an FMR and the EER equal those of the kept trials alone, bit for bit. The area
under the curve and the best accuracy look at the curve at the grid of `kept_counts` only, which is every score up to
4,096 of a kind (then they are exact too). Means and d' are of scores rounded to 2^-20 of their range (2^-19 from 17
million trials on).

Source:
    Fogliato, Patil and Perona, IJCV 2024 (arXiv 2306.01198); Owen and Eckles, Annals of Applied Statistics 6(3), 2012.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.clusters import Clusters
from bench.metrics.kept_counts import KeptCounts, distinct, rows_of_people, shares_of
from bench.metrics.operating import allowed_false_matches
from bench.metrics.scores import check_scores, check_trials
from bench.metrics.separation import crossing


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
        rows = rows_of_people(kept)
        self._mated = KeptCounts(scores[mated], clusters.select(mated), rows, self._draws, dense_end="low")
        self._nonmated = KeptCounts(scores[~mated], clusters.select(~mated), rows, self._draws, dense_end="high")

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
        fmr = shares_of(accepted, self._nonmated.totals)
        fnmr = shares_of(self._mated.below(thresholds), self._mated.totals)
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
            fnmr[some, column] = shares_of(self._mated.below_each(draws=some, thresholds=at), self._mated.totals[some])
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
        values[draws] = [crossing(*each) for each in zip(*counts, strict=True)]
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
        return shares_of(twice, 2 * self._mated.totals * self._nonmated.totals)

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
        return shares_of(right, whole)

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


def _levels(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every score of either kind once, ascending, and +inf."""
    return np.append(distinct(np.sort(np.concatenate([first, second]))), np.float32(np.inf))
