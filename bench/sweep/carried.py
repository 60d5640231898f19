"""What carried-over thresholds do on the people who are reported on: their figures, and these on bootstrap draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.metrics import Clusters, FigureValue, SubjectBootstrap, percentile_interval, support_of
from bench.metrics.at_threshold import AtThreshold
from bench.metrics.likelihood import log_likelihood_ratio_cost, ratio_costs
from bench.sweep.calibration import Calibration
from bench.sweep.calibration_plan import carried_name


def calibrated_figures(
    calibration: Calibration,
    scores: NDArray[np.float32],
    mated: NDArray[np.bool_],
    clusters: Clusters,
    kept: NDArray[np.bool_] | None = None,
) -> list[FigureValue]:
    """What carried-over thresholds do on the trials that are reported on.

    Args:
        calibration: the thresholds.
        scores: float32 (M,), NaN where a trial failed to acquire.
        mated: bool (M,).
        clusters: the people of each trial.
        kept: bool (B, P), who is kept in each bootstrap draw, for the interval of C_llr; None for no such interval.

    Returns:
        For each operating point threshold, FMR, FNMR, TMR, FAR, FRR and TAR; then, of thresholds that were set on data,
        HTER at the threshold of the equal error rate and C_llr. The interval of a threshold is that over the people it
        was set on; a published constant has none, because nobody said on what it was set.
    """
    values: list[FigureValue] = []
    for point in calibration.points:
        judged = AtThreshold(point.threshold, scores, mated, clusters, point.support)
        low, high, method = (None, None, None) if point.interval is None else (*point.interval, "bootstrap")
        values.append(FigureValue("threshold", point.name, point.threshold, low, high, point.n, point.support, method))
        values += judged.figures(point.name)
    if calibration.equal_error is not None:
        point = calibration.equal_error
        values.append(AtThreshold(point.threshold, scores, mated, clusters, point.support).half_total_error(point.name))
        values.append(_ratio_cost(calibration, scores, mated, clusters, kept))
    return values


def calibrated_draws(
    calibration: Calibration,
    scores: NDArray[np.float32],
    mated: NDArray[np.bool_],
    clusters: Clusters,
    kept: NDArray[np.bool_],
) -> dict[tuple[str, str | None], NDArray[np.float64]]:
    """FMR and TMR at each carried-over threshold on every bootstrap draw, for differences on the same people.

    Args:
        calibration: the thresholds.
        scores: float32 (M,), NaN where a trial failed to acquire.
        mated: bool (M,).
        clusters: the people of each trial.
        kept: bool (B, P), who is kept in each draw.

    Returns:
        Figure and operating point to float64 (B,), NaN where a draw has no trial of the kind; nothing without draws.
    """
    acquired = ~np.isnan(scores)
    usable = [point for point in calibration.points if point.threshold is not None]
    if not len(kept) or not usable or not acquired.any():
        return {}
    boot = SubjectBootstrap(scores[acquired], mated[acquired], clusters.select(acquired), kept)
    rates = boot.error_rates(np.array([point.threshold for point in usable], np.float32))
    found: dict[tuple[str, str | None], NDArray[np.float64]] = {}
    for column, point in enumerate(usable):
        found["false_match_rate", point.name] = rates[0][:, column]
        found["true_match_rate", point.name] = 1 - rates[1][:, column]
    return found


def _ratio_cost(
    calibration: Calibration,
    scores: NDArray[np.float32],
    mated: NDArray[np.bool_],
    clusters: Clusters,
    kept: NDArray[np.bool_] | None,
) -> FigureValue:
    """C_llr, the map being fixed, so that it is a mean of costs over trials."""
    acquired = ~np.isnan(scores)
    kind, fewer = mated[acquired], min(int((acquired & mated).sum()), int((acquired & ~mated).sum()))
    point = carried_name(calibration.origin, "logistic")
    if calibration.logistic is None or not fewer:
        return FigureValue("log_likelihood_ratio_cost", point, None, None, None, int(acquired.sum()), "insufficient")
    ratios = calibration.logistic.ratios(scores[acquired])
    value = log_likelihood_ratio_cost(ratios[kind], ratios[~kind])
    interval = None
    if kept is not None and len(kept):
        costs = np.where(kind, ratio_costs(ratios, mated=True), ratio_costs(ratios, mated=False)).astype(np.float32)
        boot = SubjectBootstrap(costs, kind, clusters.select(acquired), kept)
        interval = percentile_interval((boot.mated_mean() + boot.nonmated_mean()) / 2)
    low, high, method = interval or (None, None, None)
    return FigureValue("log_likelihood_ratio_cost", point, value, low, high, kind.size, support_of(fewer), method)
