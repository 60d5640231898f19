"""Everything the bench says about one list of verification trials, as figures in one stable order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from bench.errors import InsufficientData
from bench.metrics.figures import figure
from bench.metrics.folds import best_accuracy, judge_folds, summarise
from bench.metrics.operating import Support, support_of, threshold_at_fmr
from bench.metrics.rates import ErrorCurve, error_tradeoff, false_accept_rate, false_reject_rate
from bench.metrics.scores import check_scores, check_trials
from bench.metrics.separation import area_under_curve, decidability, equal_error_rate, mean_score

DEFAULT_FMRS = (1e-2, 1e-3, 1e-4)


@dataclass(frozen=True)
class FigureValue:
    """One number with what it rests on.

    Attributes:
        figure: its name in `figures.FIGURES`.
        operating_point: such as ``"fmr=0.01"``; None for a figure without one.
        value: the number; None where the data cannot support it.
        low: lower end of its confidence interval; None where none was computed.
        high: upper end of its confidence interval; None where none was computed.
        n: how many comparisons it is a share or mean of.
        support: ``"ok"``, ``"weak"`` or ``"insufficient"``.
        interval: how the interval was made: ``"wilson"`` (with an effective sample size), ``"exact"`` (no errors: a
            bound that counts people), ``"bootstrap"`` (of people), ``"folds"``, ``"clustered"`` (Student's t around a
            mean over faces that share people) or ``"jackknife"`` (leaving out people); None where there is none.
        group: the group of people that it is of, such as ``"Male=1"``, the contributor to made faces, such as
            ``"contributor 2"``, how many of them, such as ``"2 of 3"``, or the region of a face; None for all.
        versus: the recognizer, or the maker, that it is the difference to; None for any other figure.
        species: the kind of attack that it is of, such as ``"landmark_morph"``; None for all or none.
    """

    figure: str
    operating_point: str | None
    value: float | None
    low: float | None
    high: float | None
    n: int
    support: Support
    interval: str | None = None
    group: str | None = None
    versus: str | None = None
    species: str | None = None


def assess_verification(
    scores: NDArray[np.float32],
    mated: NDArray[np.bool_],
    fold: NDArray[np.int16] | None = None,
    fmrs: Sequence[float] = DEFAULT_FMRS,
) -> list[FigureValue]:
    """All verification figures of one list of trials.

    Args:
        scores: float32 (M,), NaN where a trial failed to acquire.
        mated: bool (M,), whether a trial compares one person with themselves.
        fold: int (M,), the fold of each trial; None leaves out the figures over folds.
        fmrs: the false match rates to choose thresholds at, each in (0, 1].

    Returns:
        The figures over all thresholds in the order of `figures.FIGURES`, then those of one operating point after the
        other. A figure that the trials cannot support is there with value None and support ``"insufficient"``.

    Raises:
        ShapeError: arrays of different lengths or of another dtype, or an infinite score.
        ConfigError: a rate outside (0, 1].
    """
    check_scores(scores, "trial", failures=True)
    check_trials(scores, mated, fold)
    trials = _Trials(scores, mated)
    values = [*_counts(trials), *_over_all_thresholds(trials)]
    if fold is not None:
        values += _over_folds(trials, fold)
    for fmr in fmrs:
        values += _at_fmr(trials, fmr)
    return values


def operating_point_name(fmr: float) -> str:
    """What an operating point is called, without exponents: ``"fmr=0.0001"``."""
    return f"fmr={Decimal(repr(float(fmr))).normalize():f}"


class _Trials:
    """The trials, parted by what became of them; acquired scores ascending."""

    def __init__(self, scores: NDArray[np.float32], mated: NDArray[np.bool_]) -> None:
        failed = np.isnan(scores)
        self.scores, self.mated_flags = scores, mated
        self.mated = np.sort(scores[mated & ~failed])
        self.nonmated = np.sort(scores[~mated & ~failed])
        self.count, self.mated_count = scores.size, int(np.count_nonzero(mated))
        self.failed, self.mated_failed = int(np.count_nonzero(failed)), int(np.count_nonzero(failed & mated))
        self.acquired = self.count - self.failed

    @property
    def failure_to_acquire(self) -> float | None:
        return self.failed / self.count if self.count else None


def _value(
    name: str, value: float | None, n: int, support: Support = "ok", operating_point: str | None = None
) -> FigureValue:
    return FigureValue(
        figure(name).name, operating_point, value, None, None, n, "insufficient" if value is None else support
    )


def _counts(trials: _Trials) -> list[FigureValue]:
    counts = {
        "mated_trials": trials.mated_count,
        "nonmated_trials": trials.count - trials.mated_count,
        "trials_not_acquired": trials.failed,
    }
    rate = _value("failure_to_acquire_rate", trials.failure_to_acquire, trials.count, support_of(trials.failed))
    return [*(_value(name, count, trials.count) for name, count in counts.items()), rate]


def _over_all_thresholds(trials: _Trials) -> list[FigureValue]:
    mated, nonmated = trials.mated, trials.nonmated
    curve = error_tradeoff(mated, nonmated) if mated.size and nonmated.size else None
    fewer = min(mated.size, nonmated.size)
    eer, auc, best = (_of_curve(each, curve) for each in (equal_error_rate, area_under_curve, best_accuracy))
    try:
        separation: float | None = decidability(mated, nonmated)
    except InsufficientData:
        separation = None
    # Where errors cannot be counted, the smaller number of scores must reach thirty instead.
    return [
        _value("mated_similarity_mean", _mean(mated), mated.size, support_of(mated.size)),
        _value("nonmated_similarity_mean", _mean(nonmated), nonmated.size, support_of(nonmated.size)),
        _value("equal_error_rate", eer, trials.acquired, support_of(round((eer or 0) * fewer, 6))),
        _value("area_under_curve", auc, trials.acquired, support_of(fewer)),
        _value("decidability", separation, trials.acquired, support_of(fewer)),
        _value("best_accuracy", best, trials.acquired, support_of(round((1 - (best or 0)) * trials.acquired))),
    ]


def _of_curve(function: Callable[[ErrorCurve], float], curve: ErrorCurve | None) -> float | None:
    return None if curve is None else function(curve)


def _mean(scores: NDArray[np.float32]) -> float | None:
    return mean_score(scores, "acquired") if scores.size else None


def _over_folds(trials: _Trials, fold: NDArray[np.int16]) -> list[FigureValue]:
    names = "fold_accuracy", "fold_accuracy_deviation", "fold_accuracy_standard_error"
    try:
        decisions = judge_folds(trials.scores, trials.mated_flags, fold)
        acquired, every = summarise(decisions), summarise(decisions, failures_are_errors=True)
    except InsufficientData:
        missing = [_value(name, None, trials.acquired) for name in names]
        return [*missing, _value("all_trials_fold_accuracy", None, trials.count)]
    values = zip(names, (acquired.mean, acquired.deviation, acquired.standard_error), strict=True)
    return [
        *(_value(name, value, acquired.trials, support_of(acquired.errors)) for name, value in values),
        _value("all_trials_fold_accuracy", every.mean, every.trials, support_of(every.errors)),
    ]


def _at_fmr(trials: _Trials, fmr: float) -> list[FigureValue]:
    """The figures of one operating point; each is weak where the point is, or its own errors are fewer than thirty."""
    point, name = threshold_at_fmr(trials.mated, trials.nonmated, fmr), operating_point_name(fmr)
    fta = trials.failure_to_acquire or 0.0
    far = None if point.achieved_fmr is None else false_accept_rate(point.achieved_fmr, fta)
    frr = None if point.fnmr is None else false_reject_rate(point.fnmr, fta)
    false_matches, false_non_matches = point.false_matches or 0, point.false_non_matches or 0
    all_nonmated, all_mated = trials.count - trials.mated_count, trials.mated_count

    def at_point(figure_name: str, value: float | None, n: int, errors: int) -> FigureValue:
        support = support_of(errors) if point.support == "ok" else point.support
        return _value(figure_name, value, n, support, name)

    rejected = false_non_matches + trials.mated_failed
    return [
        _value("threshold", point.threshold, point.nonmated, point.support, name),
        at_point("false_match_rate", point.achieved_fmr, point.nonmated, false_matches),
        at_point("false_non_match_rate", point.fnmr, point.mated, false_non_matches),
        at_point("true_match_rate", point.tmr, point.mated, false_non_matches),
        at_point("false_accept_rate", far, all_nonmated, false_matches),
        at_point("false_reject_rate", frr, all_mated, rejected),
        at_point("true_accept_rate", None if frr is None else 1 - frr, all_mated, rejected),
    ]
