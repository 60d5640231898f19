"""How far mated and nonmated scores lie apart, in one number: EER, area under the ROC curve, d'."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bench.errors import ConfigError, InsufficientData
from bench.metrics.rates import ErrorCurve
from bench.metrics.scores import check_scores, need_scores

EerMethod = Literal["linear_crossing", "midpoint", "nearest", "rocch"]


def equal_error_rate(curve: ErrorCurve, method: EerMethod = "linear_crossing") -> float:
    """The rate at which false matches and false non-matches are equally frequent.

    Scores are discrete, so the two need not be equal at any threshold, and the field fills the gap in four ways:

    - ``"linear_crossing"``: where the straight line between the last threshold with FMR > FNMR and the next one crosses
      FMR = FNMR.
    - ``"midpoint"``: at that one of the two thresholds whose FMR + FNMR is smaller, the mean of both (FVC2000, pyeer).
    - ``"nearest"``: FMR at the threshold with the smallest |FMR - FNMR|, of two the higher (DeepfakeBench).
    - ``"rocch"``: where the convex hull of the ROC curve crosses FMR = FNMR; never above ``"linear_crossing"``.

    Args:
        curve: the errors at every threshold.
        method: how the gap is filled.

    Returns:
        In [0, 1], correctly rounded from the exact fraction of counts.

    Raises:
        ConfigError: an unknown method.

    Source:
        Maio et al., FVC2000, TPAMI 24(3), 2002; for the hull Provost and Fawcett, Machine Learning 42, 2001.
    """
    if method not in get_args(EerMethod):
        raise ConfigError(f"got EER method {method!r}; expected one of {', '.join(get_args(EerMethod))}")
    # FMR - FNMR times both counts: exact, and strictly falling from one threshold to the next.
    excess = curve.false_matches * curve.mated - curve.false_non_matches * curve.nonmated
    after = int(np.argmax(excess <= 0))
    if method == "nearest":
        closest = excess.size - 1 - int(np.argmin(np.abs(excess[::-1])))
        return int(curve.false_matches[closest]) / curve.nonmated
    if method == "midpoint":
        before = after if excess[after] == 0 else after - 1
        return min(_error_sum(curve, before), _error_sum(curve, after)) / (2 * curve.mated * curve.nonmated)
    if method == "rocch":
        return _crossing(curve, *_hull_edge(curve, excess))
    return _crossing(curve, after - 1, after)


def _error_sum(curve: ErrorCurve, at: int) -> int:
    """(FMR + FNMR) times both counts."""
    return int(curve.false_matches[at]) * curve.mated + int(curve.false_non_matches[at]) * curve.nonmated


def _crossing(curve: ErrorCurve, i: int, j: int) -> float:
    x, y = [int(curve.false_matches[at]) for at in (i, j)], [int(curve.false_non_matches[at]) for at in (i, j)]
    return crossing(x[0], y[0], x[1], y[1], curve.mated, curve.nonmated)


def crossing(
    false_matches: int, misses: int, next_false_matches: int, next_misses: int, mated: int, nonmated: int
) -> float:
    """The rate where the line between two points of an error curve, on either side, crosses FMR = FNMR.

    Args:
        false_matches: nonmated scores accepted at the lower threshold.
        misses: mated scores rejected there.
        next_false_matches: likewise at the higher threshold.
        next_misses: likewise.
        mated: how many mated scores there are.
        nonmated: how many nonmated scores there are.

    Returns:
        In [0, 1], correctly rounded from whole numbers.
    """
    over = false_matches * mated - misses * nonmated
    under = next_false_matches * mated - next_misses * nonmated
    return (false_matches * (over - under) + over * (next_false_matches - false_matches)) / (nonmated * (over - under))


def _hull_edge(curve: ErrorCurve, excess: NDArray[np.int64]) -> tuple[int, int]:
    """The edge of the lower hull of (FMR, FNMR) that crosses FMR = FNMR.

    The hull's other edges are never built: from a chord across the diagonal, the point furthest below it replaces the
    end on its own side, until none lies below.
    """
    i, j = 0, excess.size - 1
    while True:
        x, y = curve.false_matches[i : j + 1], curve.false_non_matches[i : j + 1]
        height = (y[-1] - y[0]) * x + (x[0] - x[-1]) * y
        lowest = int(np.argmin(height))
        if height[lowest] == height[0]:
            return i, j
        if excess[i + lowest] >= 0:
            i += lowest
        else:
            j = i + lowest


def area_under_curve(curve: ErrorCurve) -> float:
    """The chance that a mated score is above a nonmated one, ties counted half: the area under the ROC curve.

    Args:
        curve: the errors at every threshold.

    Returns:
        In [0, 1], correctly rounded from the exact fraction: Mann-Whitney's U over the number of pairs.

    Source:
        Hanley and McNeil, Radiology 143(1), 1982.
    """
    true_matches = curve.mated - curve.false_non_matches
    twice = np.sum((curve.false_matches[:-1] - curve.false_matches[1:]) * (true_matches[:-1] + true_matches[1:]))
    return int(twice) / (2 * curve.mated * curve.nonmated)


def decidability(mated: NDArray[np.float32], nonmated: NDArray[np.float32]) -> float:
    """The gap between the means in standard deviations, d' = |mean(G) - mean(I)| / sqrt((var(G) + var(I)) / 2).

    Variances are the population's (divided by the count, as in pyeer). The scores are sorted before they are added up,
    so that the sum does not depend on the order of trials.

    Args:
        mated: float32 (G,), finite, at least one.
        nonmated: float32 (I,), finite, at least one.

    Returns:
        At least 0.

    Raises:
        ShapeError: another shape or dtype, or a score that is not finite.
        InsufficientData: no mated or no nonmated score, or all scores of either kind equal.

    Source:
        Daugman, IJCV 45(1), 2001.
    """
    (first, first_variance), (second, second_variance) = _moments(mated, "mated"), _moments(nonmated, "nonmated")
    if first_variance + second_variance == 0:
        raise InsufficientData("got mated and nonmated scores without spread; d' needs scores that differ")
    return abs(first - second) / math.sqrt((first_variance + second_variance) / 2)


def mean_score(scores: NDArray[np.float32], name: str) -> float:
    """The mean of scores, float32 (M,) in any order, to the bit the same for every order.

    Raises:
        ShapeError: another shape or dtype, or a score that is not finite.
        InsufficientData: no score.
    """
    return _moments(scores, name)[0]


def _moments(scores: NDArray[np.float32], name: str) -> tuple[float, float]:
    check_scores(scores, name)
    need_scores(scores, name)
    exact = np.sort(scores).astype(np.float64)
    return float(np.mean(exact)), float(np.var(exact))
