"""The intervals of verification figures: each figure by the method that fits it.

- A rate at a threshold that is given (FMR at its own threshold, FTA): Wilson's interval with the effective sample size
  of people who share comparisons; without an error, the exact bound that counts people.
- A figure whose threshold, or whose curve, comes from the same trials (FNMR and TMR at an FMR, EER, AUC, d', means,
  costs): the double-or-nothing bootstrap of people, which chooses the threshold anew in every draw. Where the trials
  hold no error at all, no draw can: then the exact bound.
- A figure over folds: Student's t for the mean and chi-square for the deviation, over folds.

docs/uncertainty.md says how well each covers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.metrics.bootstrap import AtFmr, SubjectBootstrap
from bench.metrics.clusters import Clusters, independent_trials
from bench.metrics.cost_figures import MINIMUM_CLLR, MINIMUM_DCF, cost_draws, zero_error_intervals
from bench.metrics.figures import FIGURES
from bench.metrics.folds import judge_folds, summarise
from bench.metrics.intervals import (
    Interval,
    drawn_rate_interval,
    fold_deviation_interval,
    fold_mean_interval,
    percentile_interval,
    rate_interval,
    zero_error_bound,
)
from bench.metrics.operating import ENOUGH_ERRORS
from bench.metrics.rates import ErrorCurve, error_tradeoff
from bench.metrics.verification import FigureValue, operating_point_name

Draws = dict[tuple[str, str | None], NDArray[np.float64]]
"""Figure and operating point to its value on each bootstrap draw, float64 (B,), NaN where a draw has none."""

CURVE_POINTS_PER_DECADE = 16
_FOLD_FIGURES = ("fold_accuracy", "fold_accuracy_deviation", "fold_accuracy_standard_error", "all_trials_fold_accuracy")


@dataclass(frozen=True, eq=False)
class RocBand:
    """FNMR over FMR with its interval; T points.

    Attributes:
        fmr: float64 (T,), ascending.
        fnmr: float64 (T,), at the smallest threshold whose FMR is at most that.
        low: float64 (T,), lower end of the 95 % interval of the FNMR, the threshold chosen anew in every draw.
        high: float64 (T,), its upper end.
    """

    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class VerificationIntervals:
    """What is needed to give the figures of one list of trials their intervals.

    Args:
        scores: float32 (M,), NaN where a trial failed to acquire.
        mated: bool (M,).
        fold: int (M,) or None.
        clusters: the people of each trial.
        kept: bool (B, P), who is kept in each bootstrap draw; with B = 0 figures that need draws have no interval.
        fmrs: the false match rates of the operating points.
    """

    def __init__(
        self,
        scores: NDArray[np.float32],
        mated: NDArray[np.bool_],
        fold: NDArray[np.int16] | None,
        clusters: Clusters,
        kept: NDArray[np.bool_],
        fmrs: Sequence[float],
    ) -> None:
        self.scores, self.mated, self.fold, self.clusters, self.kept = scores, mated, fold, clusters, kept
        self.fmrs = {operating_point_name(fmr): fmr for fmr in fmrs}
        self.acquired = ~np.isnan(scores)
        self.draws: Draws = {}

    # --------------------------------------------------------------------------------------------------- all figures

    def attach(self, values: Sequence[FigureValue]) -> list[FigureValue]:
        """The figures with their intervals; `draws` holds afterwards what the bootstrap drew.

        Args:
            values: what `assess_verification` says about the same trials.
        """
        at_points: dict[str, dict[str, FigureValue]] = {}
        for value in values:
            if value.operating_point:
                at_points.setdefault(value.operating_point, {})[value.figure] = value
        whole = {value.figure: value for value in values if value.operating_point is None}
        intervals: dict[tuple[str, str | None], Interval | None] = {}
        intervals |= {(name, None): interval for name, interval in self._over_all_thresholds(whole).items()}
        intervals |= {(name, None): interval for name, interval in self._over_folds(whole).items()}
        for point, figures in at_points.items():
            intervals |= {(name, point): interval for name, interval in self._at_point(point, figures).items()}
        return [with_interval(value, intervals.get((value.figure, value.operating_point))) for value in values]

    def _over_all_thresholds(self, values: Mapping[str, FigureValue]) -> dict[str, Interval | None]:
        found: dict[str, Interval | None] = {}
        if self.scores.size:
            found["failure_to_acquire_rate"] = rate_interval(~self.acquired, self.clusters)
        without_errors = zero_error_intervals(self.scores, self.mated, self.clusters)
        boot = self.bootstrap
        if boot is None:
            return found | without_errors
        drawn = {
            "mated_similarity_mean": boot.mated_mean,
            "nonmated_similarity_mean": boot.nonmated_mean,
            "equal_error_rate": boot.equal_error_rate,
            "area_under_curve": boot.area_under_curve,
            "decidability": boot.decidability,
            "best_accuracy": boot.best_accuracy,
        }
        for name, draw in drawn.items():
            if name in values and values[name].value is not None:
                is_share = FIGURES[name].unit == "share"
                found[name] = self._drawn_rate(values[name], draw()) if is_share else self.drawn(name, None, draw())
        if self.curve is not None and any(name in values for name in (MINIMUM_CLLR, MINIMUM_DCF)):
            found |= {name: self.drawn(name, None, drawn) for name, drawn in cost_draws(self.curve, boot).items()}
        return found | without_errors | self._without_errors(values)

    def _without_errors(self, values: Mapping[str, FigureValue]) -> dict[str, Interval | None]:
        """Where some threshold never errs, no draw errs either: the bound counts people who could have shown it."""
        found: dict[str, Interval | None] = {}
        least = min(self.independent_mated, self.independent_nonmated)
        for name in ("equal_error_rate", "area_under_curve", "best_accuracy"):
            value = values[name].value if name in values else None
            if value is not None and least and value == (0 if name == "equal_error_rate" else 1):
                bound = zero_error_bound(least)
                found[name] = Interval(0.0, bound, "exact") if value == 0 else Interval(1 - bound, 1.0, "exact")
        return found

    def _over_folds(self, values: Mapping[str, FigureValue]) -> dict[str, Interval | None]:
        if self.fold is None or any(name not in values or values[name].value is None for name in _FOLD_FIGURES):
            return {}
        decisions = judge_folds(self.scores, self.mated, self.fold)
        acquired, every = summarise(decisions), summarise(decisions, failures_are_errors=True)
        folds = len(decisions)
        deviation = fold_deviation_interval(acquired.deviation, folds)
        root = float(np.sqrt(folds))
        return {
            "fold_accuracy": fold_mean_interval(acquired.mean, acquired.standard_error, folds),
            "fold_accuracy_deviation": deviation,
            "fold_accuracy_standard_error": Interval(deviation.low / root, deviation.high / root, deviation.method),
            "all_trials_fold_accuracy": fold_mean_interval(every.mean, every.standard_error, folds),
        }

    # ------------------------------------------------------------------------------------------- one operating point

    def _at_point(self, point: str, values: Mapping[str, FigureValue]) -> dict[str, Interval | None]:
        threshold = values["threshold"].value
        if threshold is None:
            return {}
        fmr = rate_interval(self._false_matches(threshold), self._nonmated_clusters)
        found: dict[str, Interval | None] = {"false_match_rate": fmr}
        if self.at_fmr is None or self.bootstrap is None:
            return found
        column = list(self.fmrs).index(point)
        found["threshold"] = self.drawn("threshold", point, self.at_fmr.thresholds[:, column])
        fixed = self.bootstrap.error_rates(np.array([threshold], dtype=np.float32))[0][:, 0]
        far = self._drawn_rate(values["false_accept_rate"], fixed * (1 - self.fta_draws))
        found["false_accept_rate"] = far or fmr
        if values["false_non_match_rate"].value is None:
            return found
        fnmr_draws = self.at_fmr.fnmr[:, column]
        weak = values["threshold"].support != "ok"
        fnmr = self._drawn_rate(values["false_non_match_rate"], fnmr_draws, weak)
        if fnmr is None:  # no draw could say more: the interval at this very threshold
            fnmr = rate_interval(self.scores[self._of(mated=True)] < np.float64(threshold), self._mated_clusters)
        frr_draws = self.fta_draws + fnmr_draws * (1 - self.fta_draws)
        frr = self._drawn_rate(values["false_reject_rate"], frr_draws, weak) or fnmr
        for name, error in (("false_non_match_rate", fnmr), ("false_reject_rate", frr)):
            opposite = {"false_non_match_rate": "true_match_rate", "false_reject_rate": "true_accept_rate"}[name]
            found[name], found[opposite] = error, _mirrored(error)
            self.draws[opposite, point] = 1 - self.draws[name, point]
        return found

    def _drawn_rate(self, value: FigureValue, draws: NDArray[np.float64], weak: bool = False) -> Interval | None:
        """The interval of a rate from its draws, which are kept; None where no trial errs, or all do."""
        self.draws[value.figure, value.operating_point] = draws
        return None if value.value is None else _of_draws(value.value, draws, value.n, weak)

    # ---------------------------------------------------------------------------------------------------- the curve

    def roc_band(self) -> RocBand | None:
        """FNMR over FMR with its interval, from one false match up; None without scores of both kinds or draws."""
        boot = self.bootstrap
        if boot is None or self.curve is None:
            return None
        curve = self.curve
        decades = max(np.log10(curve.nonmated), 1)
        rates = np.logspace(-decades, 0, int(decades * CURVE_POINTS_PER_DECADE) + 1)
        place = np.searchsorted(-curve.fmr, -rates * (1 + 1e-12))
        # Twice as fine as what is shown, so that the threshold of a draw is never far from one of these.
        fine = np.logspace(-decades, 0, 4 * rates.size)
        fine_place = np.searchsorted(-curve.fmr, -fine * (1 + 1e-12))
        grid = np.unique([*place, *fine_place, int(np.argmax(curve.false_matches == 0))])
        fmr, fnmr = boot.error_rates(curve.thresholds[grid])
        drawn = np.full((fmr.shape[0], rates.size), np.nan)
        rows = np.arange(fmr.shape[0])
        for column, rate in enumerate(rates):
            first = np.argmax(fmr <= rate * (1 + 1e-12), axis=1)
            drawn[:, column] = fnmr[rows, first]
        value = curve.fnmr[place]
        bound = zero_error_bound(self.independent_mated)
        found = [
            _of_draws(rate, column, curve.mated, fmr * curve.nonmated < ENOUGH_ERRORS) or Interval(0.0, bound, "exact")
            for fmr, rate, column in zip(rates.tolist(), value.tolist(), drawn.T, strict=True)
        ]
        low, high = (np.array([getattr(one, end) for one in found]) for end in ("low", "high"))
        # The FNMR falls as the FMR rises, so a bound on either side holds here too.
        low, high = np.maximum.accumulate(low[::-1])[::-1], np.minimum.accumulate(high)
        return RocBand(rates, value, np.minimum(low, value), np.maximum(high, value))

    # ----------------------------------------------------------------------------------------------- parts, made once

    @cached_property
    def bootstrap(self) -> SubjectBootstrap | None:
        """The bootstrap of the acquired trials; None without draws or without scores of both kinds."""
        if not len(self.kept) or not self._of(mated=True).any() or not self._of(mated=False).any():
            return None
        chosen = self.acquired
        return SubjectBootstrap(self.scores[chosen], self.mated[chosen], self.clusters.select(chosen), self.kept)

    @cached_property
    def curve(self) -> ErrorCurve | None:
        """The error curve of the acquired trials; None without scores of both kinds."""
        kinds = [self.scores[self._of(mated=mated)] for mated in (True, False)]
        return error_tradeoff(*kinds) if all(kind.size for kind in kinds) else None

    @cached_property
    def at_fmr(self) -> AtFmr | None:
        """Thresholds and rates at the operating points in each draw."""
        return None if self.bootstrap is None else self.bootstrap.at_fmr(list(self.fmrs.values()))

    @cached_property
    def fta_draws(self) -> NDArray[np.float64]:
        """Share of trials that failed to acquire in each draw, float64 (B,); mated and nonmated in their proportion."""
        if self.acquired.all():
            return np.zeros(len(self.kept))
        # As scores: a failure is 0 and an acquired trial 1, so that a threshold between them counts failures.
        indicator = np.where(self.acquired, np.float32(1), np.float32(0))
        boot = SubjectBootstrap(indicator, self.mated, self.clusters, self.kept)
        nonmated_acquired, mated_failed = (rate[:, 0] for rate in boot.error_rates(np.array([0.5], np.float32)))
        share = np.count_nonzero(self.mated) / self.mated.size
        failed: NDArray[np.float64] = share * mated_failed + (1 - share) * (1 - nonmated_acquired)
        return failed

    @cached_property
    def independent_mated(self) -> int:
        """How many acquired mated trials no two of which share a person."""
        return independent_trials(self._mated_clusters)

    @cached_property
    def independent_nonmated(self) -> int:
        """How many acquired nonmated trials no two of which share a person."""
        return independent_trials(self._nonmated_clusters)

    @cached_property
    def _mated_clusters(self) -> Clusters:
        return self.clusters.select(self._of(mated=True))

    @cached_property
    def _nonmated_clusters(self) -> Clusters:
        return self.clusters.select(self._of(mated=False))

    def _of(self, mated: bool) -> NDArray[np.bool_]:
        return self.acquired & (self.mated if mated else ~self.mated)

    def _false_matches(self, threshold: float) -> NDArray[np.bool_]:
        accepted: NDArray[np.bool_] = self.scores[self._of(mated=False)] >= np.float64(threshold)
        return accepted

    def drawn(self, figure: str, point: str | None, draws: NDArray[np.float64]) -> Interval | None:
        """The percentile interval of a figure's draws, which are kept."""
        self.draws[figure, point] = draws
        return percentile_interval(draws)


def _of_draws(rate: float, draws: NDArray[np.float64], trials: int, weak: bool) -> Interval | None:
    """The interval of a rate whose threshold is chosen anew in every draw; None where no trial errs, or all do.

    Where the threshold rests on a few false matches, whether a draw keeps the one or two nearest decides the rate: it
    is spread over two heaps, whose variance says little, and the percentiles stand for it.
    """
    if not weak or rate in (0, 1):
        return drawn_rate_interval(rate, draws, trials)
    found = percentile_interval(draws)
    return None if found is None else Interval(min(found.low, rate), max(found.high, rate), found.method)


def with_interval(value: FigureValue, interval: Interval | None) -> FigureValue:
    """A figure with its interval; one without value, or without interval, as it is."""
    if value.value is None or interval is None:
        return value
    return replace(value, low=float(interval.low), high=float(interval.high), interval=interval.method)


def needs_interval(name: str) -> bool:
    """Whether a figure is a number that must not stand without an interval: every one but a count."""
    return name not in FIGURES or FIGURES[name].unit != "count"


def _mirrored(interval: Interval | None) -> Interval | None:
    return None if interval is None else Interval(1 - interval.high, 1 - interval.low, interval.method)
