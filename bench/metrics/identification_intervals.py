"""The intervals of identification figures, over people: the gallery is held fixed.

Searches with photos of one person depend on each other, so a person is a cluster. Two enrolled people share no gallery
entry, so mate searches depend on each other through their own person only; what all searches share is the gallery, and
the intervals say how figures vary with who is searched for, not with who is enrolled.

- A share at a rank, and the FPIR at its own threshold: Wilson's interval with the effective number of searches; without
  an error, or with nothing else, the exact bound that counts people.
- What rests on a threshold chosen on the same searches (the threshold, FNIR, DIR): the double-or-nothing bootstrap of
  people, the threshold chosen anew in every draw. Where no mate search errs, the exact bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.identification import (
    DEFAULT_FPIRS,
    DEFAULT_RANKS,
    SearchResults,
    allowed_false_positives,
    fpir_name,
    open_set_tradeoff,
    rank_name,
    threshold_from_order,
)
from bench.metrics.intervals import Interval, percentile_interval, rate_interval, zero_error_bound
from bench.metrics.verification import FigureValue
from bench.metrics.verification_intervals import Draws, with_interval

CURVE_POINTS_PER_DECADE = 16


@dataclass(frozen=True, eq=False)
class AtFpir:
    """What B draws say at F operating points; every array float64 (B, F), NaN where a draw lacks searches of a kind.

    Attributes:
        thresholds: chosen in the draw.
        missed: FNIR, at any rank.
        acquired_missed: FNIR over the mate searches of which both photos were acquired.
        identified: DIR.
    """

    thresholds: NDArray[np.float64]
    missed: NDArray[np.float64]
    acquired_missed: NDArray[np.float64]
    identified: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SearchBand:
    """A curve with its 95 % interval; T points, each array float64 (T,).

    Attributes:
        x: rank, or requested FPIR, ascending.
        y: CMC at that rank, or FNIR at the smallest threshold whose FPIR is at most that.
        low: lower end of the interval of `y`.
        high: its upper end.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class SearchBootstrap:
    """Searches, resampled by person.

    Args:
        results: what the searches found.
        kept: bool (B, P), whose searches count (double) in each draw, the others' not at all.

    Raises:
        ShapeError: `kept` is not bool (B, P) for the P people of `results`.
    """

    def __init__(self, results: SearchResults, kept: NDArray[np.bool_]) -> None:
        if kept.dtype != np.bool_ or kept.ndim != 2 or kept.shape[1] != results.people.count:
            raise ShapeError(f"got kept {kept.dtype} {kept.shape}; expected bool (draws, {results.people.count})")
        self._kept = kept
        code, mates = results.people.first, np.flatnonzero(results.enrolled)
        score = np.nan_to_num(results.mate_score[mates], nan=-np.inf)
        mates = mates[np.argsort(score, kind="stable")]
        self._mate_person = code[mates]
        self._mate_score = np.sort(score)
        self._first = results.rank[mates] == 1
        self._failed = int(np.count_nonzero(np.isneginf(score)))
        nonmates = np.flatnonzero(~results.enrolled)
        best = np.nan_to_num(results.best_nonmate[nonmates], nan=-np.inf)
        order = np.argsort(-best, kind="stable")
        self._best, self._best_person = best[order], code[nonmates[order]]

    def at_fpir(self, fpirs: Sequence[float]) -> AtFpir:
        """Thresholds and rates at operating points, the threshold chosen anew in every draw.

        Args:
            fpirs: F rates, each in (0, 1].
        """
        shape = len(self._kept), len(fpirs)
        found = AtFpir(*(np.full(shape, np.nan) for _ in range(4)))
        budgets: dict[int, list[int]] = {}
        for row, kept in enumerate(self._kept):
            nonmates = self._best[kept[self._best_person]]
            count = nonmates.size
            if count == 0:
                continue
            if count not in budgets:
                budgets[count] = [allowed_false_positives(fpir, count) for fpir in fpirs]
            thresholds = np.array([threshold_from_order(nonmates, k) for k in budgets[count]], np.float32)
            found.thresholds[row] = thresholds
            below = np.searchsorted(self._mate_score, thresholds, side="left")
            counted = kept[self._mate_person]
            missed, first = _running(counted), _running(counted & self._first)
            total, failed = missed[-1], missed[self._failed]
            if total:
                found.missed[row] = missed[below] / total
                found.identified[row] = (first[-1] - first[below]) / total
            if total > failed:
                found.acquired_missed[row] = (missed[below] - failed) / (total - failed)
        return found


class IdentificationIntervals:
    """What is needed to give the figures of one list of searches their intervals.

    Args:
        results: what the searches found.
        kept: bool (B, P), who is kept in each bootstrap draw; with B = 0 figures that need draws have no interval.
        ranks: the ranks of the closed-set figures.
        fpirs: the false positive identification rates of the operating points.
    """

    def __init__(
        self,
        results: SearchResults,
        kept: NDArray[np.bool_],
        ranks: Sequence[int] = DEFAULT_RANKS,
        fpirs: Sequence[float] = DEFAULT_FPIRS,
    ) -> None:
        self.results, self.kept = results, kept
        self.ranks = {rank_name(rank): rank for rank in ranks}
        self.fpirs = {fpir_name(fpir): fpir for fpir in fpirs}
        self.draws: Draws = {}

    def attach(self, values: Sequence[FigureValue]) -> list[FigureValue]:
        """The figures with their intervals; `draws` holds afterwards what the bootstrap drew.

        Args:
            values: what `assess_identification` says about the same searches.
        """
        thresholds = {value.operating_point: value.value for value in values if value.figure == "threshold"}
        found = []
        for value in values:
            interval, point = None, value.operating_point
            if value.value is not None and point in self.ranks:
                interval = self._at_rank(value.figure, point, self.ranks[point])
            elif value.value is not None and point in self.fpirs and (threshold := thresholds[point]) is not None:
                interval = self._at_fpir(value, point, threshold)
            found.append(with_interval(value, interval))
        return found

    def cumulative_match_band(self, most: int = 100) -> SearchBand | None:
        """CMC over ranks with its interval, up to rank `most` or N - 1; None without a mate search or such a rank."""
        last = min(most, self.results.candidates - 1)
        if last < 1 or not self.results.mate_searches:
            return None
        intervals = [_mirrored(self._outside(rank)) for rank in range(1, last + 1)]
        ranks = np.arange(1, last + 1, dtype=np.float64)
        misses = [int(np.count_nonzero(self.results.outside(rank))) for rank in range(1, last + 1)]
        rates = 1 - np.array(misses) / self.results.mate_searches
        return SearchBand(
            ranks, rates, np.array([one.low for one in intervals]), np.array([one.high for one in intervals])
        )

    def open_set_band(self) -> SearchBand | None:
        """FNIR over FPIR with its interval, from one false positive up; None without draws or a kind of search."""
        if self._bootstrap is None or not self.results.mate_searches or not self.results.nonmate_searches:
            return None
        curve = open_set_tradeoff(self.results)
        decades = max(np.log10(curve.nonmated), 1)
        rates = np.minimum(np.logspace(-decades, 0, int(decades * CURVE_POINTS_PER_DECADE) + 1), 1.0)
        # Where rounding puts 1/I a little below itself, one false positive is meant all the same.
        place = np.searchsorted(-curve.fmr, -rates * (1 + 1e-12))
        missed = self._bootstrap.at_fpir([float(rate) for rate in np.minimum(rates * (1 + 1e-12), 1.0)]).missed
        intervals = [percentile_interval(column) for column in missed.T]
        low = np.array([np.nan if one is None else one.low for one in intervals])
        high = np.array([np.nan if one is None else one.high for one in intervals])
        fnir = curve.fnmr[place]
        high = np.where(fnir == 0, np.fmax(high, zero_error_bound(self._people_with_mates)), high)
        return SearchBand(rates, fnir, np.minimum(low, fnir), np.maximum(high, fnir))

    # ---------------------------------------------------------------------------------------------- figure by figure

    def _at_rank(self, name: str, point: str, rank: int) -> Interval:
        if name == "acquired_cumulative_match_rate":
            acquired = self.results.acquired
            errors = self.results.outside(rank)[acquired]
            return _mirrored(rate_interval(errors, self.results.people.select(acquired)))
        if len(self.kept):
            self.draws[name, point] = self._cumulative_match_draws(rank)
        return _mirrored(self._outside(rank))

    def _at_fpir(self, value: FigureValue, point: str, threshold: float) -> Interval | None:
        if value.figure == "false_positive_identification_rate":
            nonmates = ~self.results.enrolled
            return rate_interval(self.results.alarmed(threshold)[nonmates], self.results.people.select(nonmates))
        if self._at_points is None:
            return None
        drawn = {
            "threshold": self._at_points.thresholds,
            "false_negative_identification_rate": self._at_points.missed,
            "acquired_false_negative_identification_rate": self._at_points.acquired_missed,
            "detection_identification_rate": self._at_points.identified,
        }[value.figure][:, list(self.fpirs).index(point)]
        self.draws[value.figure, point] = drawn
        if value.figure != "threshold" and value.value in (0.0, 1.0):
            acquired_only = value.figure.startswith("acquired")
            bound = zero_error_bound(self._people_acquired if acquired_only else self._people_with_mates)
            return Interval(0.0, bound, "exact") if value.value == 0 else Interval(1 - bound, 1.0, "exact")
        return percentile_interval(drawn)

    def _outside(self, rank: int) -> Interval:
        """Of the share of mate searches whose mate is beyond a rank.

        Where there is none, the interval of a smaller rank holds too: whoever is within that one is within this one.
        """
        mates = self.results.enrolled
        people = self.results.people.select(mates)
        interval = rate_interval(self.results.outside(rank)[mates], people)
        if interval.low > 0 or interval.method != "exact":
            return interval
        for smaller in range(rank - 1, 0, -1):
            errors = self.results.outside(smaller)[mates]
            if errors.any():
                other = rate_interval(errors, people)
                return Interval(0.0, other.high, other.method) if other.high < interval.high else interval
        return interval

    def _cumulative_match_draws(self, rank: int) -> NDArray[np.float64]:
        """CMC on each draw, float64 (B,): counts of whole searches, so that no sum is rounded."""
        results = self.results
        both = np.stack([results.enrolled, results.enrolled & ~results.outside(rank)], axis=1)
        of_person = np.zeros((results.people.count, 2))
        np.add.at(of_person, results.people.first, both)
        searches, found = (self.kept.astype(np.float64) @ of_person).T
        rates = np.full(len(searches), np.nan)
        np.divide(found, searches, out=rates, where=searches > 0)
        return rates

    # ----------------------------------------------------------------------------------------------- parts, made once

    @cached_property
    def _bootstrap(self) -> SearchBootstrap | None:
        return SearchBootstrap(self.results, self.kept) if len(self.kept) else None

    @cached_property
    def _at_points(self) -> AtFpir | None:
        return None if self._bootstrap is None else self._bootstrap.at_fpir(list(self.fpirs.values()))

    @cached_property
    def _people_with_mates(self) -> int:
        return self.results.people.select(self.results.enrolled).present()

    @cached_property
    def _people_acquired(self) -> int:
        return self.results.people.select(self.results.acquired).present()


def _running(counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many are counted among the first 0, 1, ... of them, int64 (G + 1,)."""
    return np.append(0, np.cumsum(counted, dtype=np.int64))


def _mirrored(interval: Interval) -> Interval:
    return Interval(1 - interval.high, 1 - interval.low, interval.method)
