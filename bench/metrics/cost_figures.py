"""Costs as figures of one list of trials, with intervals: minimum C_llr, minimum detection cost, ZeroFMR, ZeroFNMR.

`costs` and `likelihood` define them. Each is the best that these trials allow, so each chooses its threshold, or its
map, on the trials that it is claimed for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.metrics.bootstrap import SubjectBootstrap
from bench.metrics.clusters import Clusters
from bench.metrics.costs import detection_cost, minimum_detection_cost, zero_fmr, zero_fnmr
from bench.metrics.figures import figure
from bench.metrics.intervals import Interval, rate_interval
from bench.metrics.likelihood import hull_thresholds, minimum_cost_draws, minimum_log_likelihood_ratio_cost
from bench.metrics.operating import Support, support_of
from bench.metrics.rates import ErrorCurve, error_tradeoff
from bench.metrics.scores import check_scores, check_trials
from bench.metrics.verification import FigureValue

GRID = 256
"""Bootstrap draws look at about so many thresholds between the lowest and the highest score of each kind."""

ZERO_FMR, ZERO_FNMR = "zero_fmr_false_non_match_rate", "zero_fnmr_false_match_rate"
MINIMUM_CLLR, MINIMUM_DCF = "minimum_log_likelihood_ratio_cost", "minimum_detection_cost"


def assess_costs(scores: NDArray[np.float32], mated: NDArray[np.bool_]) -> list[FigureValue]:
    """The minimum C_llr, the minimum detection cost, ZeroFMR and ZeroFNMR of one list of trials.

    Args:
        scores: float32 (M,), NaN where a trial failed to acquire.
        mated: bool (M,), whether a trial compares one person with themselves.

    Returns:
        In the order of `figures.FIGURES`; value None and ``"insufficient"`` without scores of both kinds. The minimum
        costs are weak below 30 errors of either kind at their threshold (C_llr: below 30 scores of either kind).

    Raises:
        ShapeError: arrays of different lengths or of another dtype, or an infinite score.
    """
    check_scores(scores, "trial", failures=True)
    check_trials(scores, mated, None)
    kinds = _kinds(scores, mated)
    sizes = kinds[0].size, kinds[1].size
    if not min(sizes):
        names = (MINIMUM_CLLR, MINIMUM_DCF, ZERO_FMR, ZERO_FNMR)
        return [_value(name, None, count, "insufficient") for name, count in zip(names, _n(sizes), strict=True)]
    curve = error_tradeoff(*kinds)
    cheapest, no_match, no_miss = minimum_detection_cost(curve), zero_fmr(curve), zero_fnmr(curve)
    errors = min(cheapest.false_matches, cheapest.false_non_matches)
    values = (
        (MINIMUM_CLLR, minimum_log_likelihood_ratio_cost(curve), support_of(min(sizes))),
        (MINIMUM_DCF, cheapest.value, support_of(errors)),
        (ZERO_FMR, no_match.value, support_of(no_match.false_non_matches)),
        (ZERO_FNMR, no_miss.value, support_of(no_miss.false_matches)),
    )
    return [
        _value(name, value, count, support) for (name, value, support), count in zip(values, _n(sizes), strict=True)
    ]


def cost_draws(curve: ErrorCurve, bootstrap: SubjectBootstrap) -> dict[str, NDArray[np.float64]]:
    """The two minimum costs on every bootstrap draw: figure to float64 (B,), NaN where a draw has none.

    A minimum that is found on the very trials it is claimed for is too small, the more so the fewer people they have,
    and a draw keeps half of them. So every draw is raised by twice what the draws' mean lacks to the trials' own
    minimum: once for what the draws are too small, once for what the trials are. Without it the 95 % interval of the
    minimum C_llr covered 88 % at 30 and 89 % at 60 people, with it 94 % at both.

    Args:
        curve: of all trials; the draws look at its `cost_thresholds`.
        bootstrap: of the same trials.
    """
    fmr, fnmr = bootstrap.error_rates(cost_thresholds(curve))
    return {
        MINIMUM_CLLR: _raised(minimum_cost_draws(fmr, fnmr), minimum_log_likelihood_ratio_cost(curve)),
        MINIMUM_DCF: _raised(detection_cost(fmr, fnmr).min(axis=1), minimum_detection_cost(curve).value),
    }


def _raised(draws: NDArray[np.float64], own: float) -> NDArray[np.float64]:
    defined = draws[~np.isnan(draws)]
    lacking = own - float(np.mean(defined)) if defined.size else 0.0
    return np.clip(draws + 2 * lacking, 0.0, 1.0)


def cost_thresholds(curve: ErrorCurve, points: int = GRID) -> NDArray[np.float32]:
    """The thresholds at which bootstrap draws are looked at, float32 (T,), ascending, +inf last.

    Every corner of the ROC curve's convex hull, so that both minimum costs of the trials themselves are exact on the
    grid, and between them steps of equal numbers of mated and of nonmated scores.

    Args:
        curve: of all trials.
        points: about how many steps.
    """
    steps = np.linspace(0, 1, points // 2)
    accepted = curve.nonmated - curve.false_matches
    places = (np.searchsorted(counts, steps * total) for counts, total in (
        (accepted, curve.nonmated), (curve.false_non_matches, curve.mated)))  # fmt: skip
    return np.unique(np.concatenate([hull_thresholds(curve), *(curve.thresholds[place] for place in places)]))


def zero_error_intervals(
    scores: NDArray[np.float32], mated: NDArray[np.bool_], clusters: Clusters
) -> dict[str, Interval]:
    """The intervals that no bootstrap can give.

    ZeroFMR and ZeroFNMR get that of the rate at the threshold that these trials chose, held fixed. Where a threshold
    parts the trials without error, every draw's minimum cost is 0 too; then both minimum costs get the bound that
    follows if each rate at that threshold is as high as its own bound allows.

    Args:
        scores: float32 (M,), NaN where a trial failed to acquire.
        mated: bool (M,).
        clusters: the people of each trial.

    Returns:
        Figure to interval, to stand over those of `cost_draws`; nothing without scores of both kinds.
    """
    kinds = _kinds(scores, mated)
    if not min(kinds[0].size, kinds[1].size):
        return {}
    curve, acquired = error_tradeoff(*kinds), ~np.isnan(scores)
    genuine, impostor = acquired & mated, acquired & ~mated
    missed = scores[genuine] < zero_fmr(curve).threshold
    matched = scores[impostor] >= zero_fnmr(curve).threshold
    found = {
        ZERO_FMR: rate_interval(missed, clusters.select(genuine)),
        ZERO_FNMR: rate_interval(matched, clusters.select(impostor)),
    }
    if zero_fmr(curve).value == 0:
        fnmr, fmr = (np.array([[found[name].high]]) for name in (ZERO_FMR, ZERO_FNMR))
        found[MINIMUM_CLLR] = Interval(0.0, float(minimum_cost_draws(fmr, fnmr)[0]), "exact")
        found[MINIMUM_DCF] = Interval(0.0, min(float(detection_cost(fmr, fnmr)[0, 0]), 1.0), "exact")
    return found


def _kinds(scores: NDArray[np.float32], mated: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    acquired = ~np.isnan(scores)
    return scores[acquired & mated], scores[acquired & ~mated]


def _n(sizes: Sequence[int]) -> tuple[int, int, int, int]:
    return sum(sizes), sum(sizes), sizes[0], sizes[1]


def _value(name: str, value: float | None, n: int, support: Support) -> FigureValue:
    return FigureValue(figure(name).name, None, value, None, None, n, support)
