"""Figures of trials at a threshold that they had no part in, with the intervals of those made of two rates.

The threshold is fixed, so the interval of a rate is Wilson's, or the exact bound where nothing went wrong, and that of
a figure made of two rates is made of theirs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.metrics.clusters import Clusters, pair_counts
from bench.metrics.costs import half_total_error_rate
from bench.metrics.figures import figure
from bench.metrics.intervals import Interval, IntervalMethod, rate_interval
from bench.metrics.operating import Support, support_of
from bench.metrics.rates import false_accept_rate, false_reject_rate
from bench.metrics.scores import check_scores, check_trials
from bench.metrics.verification import FigureValue


class RatePart(NamedTuple):
    """One of two rates that make a figure.

    Attributes:
        weight: what the figure gains where the rate gains 1.
        errors: bool (M,), which trials are errors.
        among: bool (M,), which trials the rate is a share of; at least one.
    """

    weight: float
    errors: NDArray[np.bool_]
    among: NDArray[np.bool_]


def combined_interval(value: float, parts: tuple[RatePart, RatePart], clusters: Clusters) -> Interval:
    """The interval of a figure made of two rates at a fixed threshold, such as HTER or FRR: square and add.

    Each rate gets its own interval (`intervals.rate_interval`), and what lies below and above it is added up in
    squares, times its weight, with the correlation that the people whom both rates share give them. Unlike one Wilson
    interval around the figure, it does not forget a rate without errors.

    Args:
        value: the figure, in [0, 1].
        parts: its two rates.
        clusters: the people of all M trials.

    Returns:
        Within [0, 1]; ``"exact"`` where both rates are without errors.

    Source:
        Newcombe, Statistics in Medicine 17, 1998; correlated: Zou and Donner, Statistics in Medicine 27, 2008.
    """
    below, above, methods = [], [], []
    for weight, errors, among in parts:
        rate, interval = float(np.mean(errors[among])), rate_interval(errors[among], clusters.select(among))
        down, up = weight * (rate - interval.low), weight * (interval.high - rate)
        below.append(down if weight > 0 else -up)
        above.append(up if weight > 0 else -down)
        methods += [interval.method] if weight else []
    correlation = _correlation(parts, clusters)
    low, high = (
        math.sqrt(max(first**2 + second**2 + 2 * correlation * first * second, 0.0)) for first, second in (below, above)
    )
    method: IntervalMethod = "exact" if set(methods) == {"exact"} else "wilson"
    return Interval(max(value - low, 0.0), min(value + high, 1.0), method)


def _correlation(parts: tuple[RatePart, RatePart], clusters: Clusters) -> float:
    """Of the two weighted rates over draws of people; 0 where either does not vary, and where it comes out negative.

    With few people a negative one is as often chance as not, and would make the interval too short.
    """
    keys, sums = [], []
    for weight, errors, among in parts:
        low, high, trials, wrong = pair_counts(clusters.select(among), errors[among])
        total = int(trials.sum())
        keys.append(low * clusters.count + high)
        sums.append(weight * (wrong - trials * (int(wrong.sum()) / total)) / total)
    pairs, place = np.unique(np.concatenate(keys), return_inverse=True)
    size = keys[0].size
    shares = [
        np.bincount(at, each, pairs.size).astype(np.float64)
        for at, each in zip((place[:size], place[size:]), sums, strict=True)
    ]
    low, high = np.divmod(pairs, clusters.count)

    def covariance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
        of_person = [np.bincount(low, each, clusters.count) + np.bincount(high, np.where(low == high, 0.0, each),
                     clusters.count) for each in (first, second)]  # fmt: skip
        # Two trials of one pair of people share both, and were counted twice.
        return float(np.sum(of_person[0] * of_person[1])) - float(np.sum((first * second)[low != high]))

    spreads = [covariance(each, each) for each in shares]
    if min(spreads) <= 0:
        return 0.0
    return min(max(covariance(shares[0], shares[1]) / math.sqrt(spreads[0] * spreads[1]), 0.0), 1.0)


class _Share(NamedTuple):
    """A rate, its interval, how many trials it is of, and how many of them are errors; None where there is no trial."""

    value: float | None
    interval: Interval | None
    n: int
    errors: int

    def complement(self) -> _Share:
        """1 minus it."""
        if self.value is None or self.interval is None:
            return self
        interval = Interval(1 - self.interval.high, 1 - self.interval.low, self.interval.method)
        return self._replace(value=1 - self.value, interval=interval)


class AtThreshold:
    """One list of trials, decided by a threshold that they had no part in.

    Args:
        threshold: accept if and only if score >= threshold; None for none, and then every figure is insufficient.
        scores: float32 (M,), NaN where a trial failed to acquire.
        mated: bool (M,).
        clusters: the people of each trial.
        support: of the threshold: a figure is no better supported than it, nor than its own errors.

    Raises:
        ShapeError: arrays of different lengths or of another dtype, or an infinite score.
    """

    def __init__(
        self,
        threshold: float | None,
        scores: NDArray[np.float32],
        mated: NDArray[np.bool_],
        clusters: Clusters,
        support: Support = "ok",
    ) -> None:
        check_scores(scores, "trial", failures=True)
        check_trials(scores, mated, None)
        self.threshold, self.clusters, self.mated, self.support = threshold, clusters, mated, support
        self.failed = np.isnan(scores)
        self.genuine, self.impostor = mated & ~self.failed, ~mated & ~self.failed
        self.accepted = scores >= np.float64(np.nan if threshold is None else threshold)
        self.false_matches = self._share(self.accepted, self.impostor)
        self.false_non_matches = self._share(~self.accepted, self.genuine)

    def figures(self, name: str) -> list[FigureValue]:
        """FMR, FNMR, TMR, FAR, FRR and TAR.

        Their intervals are Wilson's, since the threshold is fixed; those of FAR, FRR and TAR are made of two where a
        trial failed to acquire.

        Args:
            name: the operating point's name.
        """
        frr = self._with_failures(self.false_non_matches, mated=True)
        shares = {
            "false_match_rate": self.false_matches,
            "false_non_match_rate": self.false_non_matches,
            "true_match_rate": self.false_non_matches.complement(),
            "false_accept_rate": self._with_failures(self.false_matches, mated=False),
            "false_reject_rate": frr,
            "true_accept_rate": frr.complement(),
        }
        return [self._figure(figure_name, share, name) for figure_name, share in shares.items()]

    def half_total_error(self, name: str) -> FigureValue:
        """HTER; its errors are those of the rarer kind.

        Args:
            name: the operating point's name.
        """
        first, second = self.false_matches, self.false_non_matches
        n = first.n + second.n
        if first.value is None or second.value is None:
            return self._figure("half_total_error_rate", _Share(None, None, n, 0), name)
        value = half_total_error_rate(first.value, second.value)
        parts = RatePart(0.5, self.accepted, self.impostor), RatePart(0.5, ~self.accepted, self.genuine)
        interval = combined_interval(value, parts, self.clusters)
        share = _Share(value, interval, n, min(first.errors, second.errors))
        return self._figure("half_total_error_rate", share, name)

    def _share(self, errors: NDArray[np.bool_], among: NDArray[np.bool_]) -> _Share:
        n, wrong = int(np.count_nonzero(among)), int(np.count_nonzero(errors & among))
        if not n or self.threshold is None:
            return _Share(None, None, n, 0)
        return _Share(wrong / n, rate_interval(errors[among], self.clusters.select(among)), n, wrong)

    def _with_failures(self, share: _Share, mated: bool) -> _Share:
        """FRR from FNMR, or FAR from FMR."""
        failed = int(np.count_nonzero(self.failed))
        n = int(np.count_nonzero(self.mated == mated))
        if share.value is None or not failed:
            return share._replace(n=n)
        fta = failed / self.failed.size
        value = false_reject_rate(share.value, fta) if mated else false_accept_rate(share.value, fta)
        # How far each of the two rates moves the figure.
        errors, among = (~self.accepted, self.genuine) if mated else (self.accepted, self.impostor)
        parts = (
            RatePart(1 - fta, errors, among),
            RatePart(1 - share.value if mated else -share.value, self.failed, np.ones_like(self.failed)),
        )
        wrong = share.errors + (int(np.count_nonzero(self.failed & self.mated)) if mated else 0)
        return _Share(value, combined_interval(value, parts, self.clusters), n, wrong)

    def _figure(self, figure_name: str, share: _Share, name: str) -> FigureValue:
        own = support_of(share.errors) if self.support == "ok" else self.support
        support = own if share.value is not None else "insufficient"
        low, high, method = share.interval or (None, None, None)
        return FigureValue(figure(figure_name).name, name, share.value, low, high, share.n, support, method)
