"""Log-likelihood ratios: what they cost, the least that any could cost, and the logistic map that makes them of scores.

A log-likelihood ratio l = ln p(score | mated) / p(score | nonmated) says how strongly a score speaks for one person, in
units that do not depend on the recognizer. Its cost C_llr is 0 for ratios that decide everything, 1 for ratios that say
nothing (l = 0 throughout), and above 1 for ratios that mislead. The minimum is what is left when the scores keep their
order and are mapped to ratios as well as can be: it measures discrimination, and C_llr minus it what calibration lost.

Bits: scores are sorted first, sums run over sorted arrays in NumPy's one fixed order, and no BLAS takes part, so
equal trials in any order give equal results. Pooling compares exact integers.

Source: Brümmer and du Preez, Computer Speech & Language 20(2-3), 2006.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bench.errors import InsufficientData, ShapeError
from bench.metrics.rates import ErrorCurve
from bench.metrics.scores import check_scores, need_scores

_NEWTON_STEPS = 100
_TOLERANCE = 1e-12
_WORTH_ANOTHER_PASS = 0.05
"""Passes over the whole array go on while each pools so large a part of it; what is left goes onto a stack."""


def log_likelihood_ratio_cost(mated: NDArray[np.float64], nonmated: NDArray[np.float64]) -> float:
    """C_llr = (mean(log2(1 + exp(-l)), mated) + mean(log2(1 + exp(l)), nonmated)) / 2.

    Args:
        mated: float64 (G,), natural-log likelihood ratios of mated comparisons; may be infinite.
        nonmated: float64 (I,), those of nonmated comparisons.

    Returns:
        In bits, at least 0; infinite where an infinite ratio is wrong.

    Raises:
        ShapeError: a ratio is NaN.
        InsufficientData: no mated or no nonmated ratio.
    """
    for name, ratios in (("mated", mated), ("nonmated", nonmated)):
        if not ratios.size:
            raise InsufficientData(f"got no {name} log-likelihood ratios; expected at least one")
        if np.isnan(ratios).any():
            raise ShapeError(f"got NaN among the {name} log-likelihood ratios; expected those of acquired comparisons")
    costs = ratio_costs(mated, mated=True), ratio_costs(nonmated, mated=False)
    return sum(float(np.mean(np.sort(each))) for each in costs) / 2


def ratio_costs(ratios: NDArray[np.float64], mated: bool) -> NDArray[np.float64]:
    """What each log-likelihood ratio costs, in bits: log2(1 + exp(-l)) if mated, log2(1 + exp(l)) if not; (M,)."""
    costs: NDArray[np.float64] = np.logaddexp(0.0, -ratios if mated else ratios) / math.log(2)
    return costs


def minimum_log_likelihood_ratio_cost(curve: ErrorCurve) -> float:
    """The smallest C_llr of any map from these scores to log-likelihood ratios that keeps their order.

    The map is found by pooling adjacent violators. Scores that are equal get one ratio. A pool of g mated and i
    nonmated scores has the ratio (g/G) / (i/I).

    Args:
        curve: the errors at every threshold.

    Returns:
        In bits, in [0, 1].
    """
    mated, nonmated, _ = pool_adjacent_violators(*_counts(curve))
    return float(_pooled_cost(mated / curve.mated, nonmated / curve.nonmated).sum()) / 2


def hull_thresholds(curve: ErrorCurve) -> NDArray[np.float32]:
    """The lowest score of every pool, float32 (K,), ascending, and +inf: the corners of the ROC curve's convex hull.

    A cost that is linear in FMR and FNMR is smallest at one of them.

    Args:
        curve: the errors at every threshold.
    """
    start = pool_adjacent_violators(*_counts(curve))[2]
    return np.append(curve.thresholds[start], np.float32(np.inf))


def minimum_cost_draws(fmr: NDArray[np.float64], fnmr: NDArray[np.float64]) -> NDArray[np.float64]:
    """The minimum C_llr of each bootstrap draw, on scores that a grid of thresholds parts into bins.

    Bins can only make it larger; with the grid of `cost_figures.cost_thresholds` it is exact for the scores that the
    grid was made of.

    Args:
        fmr: float64 (B, T), at ascending thresholds; NaN where a draw has no nonmated comparison.
        fnmr: float64 (B, T), likewise.

    Returns:
        Float64 (B,), bits; NaN where a draw has none of a kind.
    """
    draws, edges = fmr.shape
    ends = np.zeros((draws, 1)), np.ones((draws, 1))
    nonmated = -np.diff(np.hstack([ends[1], fmr, ends[0]]), axis=1)
    mated = np.diff(np.hstack([ends[0], fnmr, ends[1]]), axis=1)
    defined = ~(np.isnan(fmr).any(axis=1) | np.isnan(fnmr).any(axis=1))
    filled = (mated[defined] > 0) | (nonmated[defined] > 0)
    owner = np.repeat(np.arange(np.count_nonzero(defined)), edges + 1)[filled.ravel()]
    pools = pool_adjacent_violators(mated[defined][filled], nonmated[defined][filled], owner)
    costs = np.full(draws, np.nan)
    summed = np.bincount(owner[pools[2]], _pooled_cost(pools[0], pools[1]), np.count_nonzero(defined))
    costs[defined] = summed / 2
    return costs


def _counts(curve: ErrorCurve) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many mated and how many nonmated scores lie at each distinct score, ascending."""
    return np.diff(curve.false_non_matches), -np.diff(curve.false_matches)


def _pooled_cost(mated: NDArray[np.float64], nonmated: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each pool adds to twice the minimum C_llr, from the shares of mated and of nonmated scores in it."""
    both = mated + nonmated
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = mated * np.log2(both / mated), nonmated * np.log2(both / nonmated)
    pooled: NDArray[np.float64] = np.where(mated > 0, terms[0], 0.0) + np.where(nonmated > 0, terms[1], 0.0)
    return pooled


def pool_adjacent_violators(
    mated: NDArray[Any], nonmated: NDArray[Any], owner: NDArray[np.int64] | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Neighbours pooled until the share of mated scores rises strictly from pool to pool: isotonic regression.

    Every maximal run in which the share does not rise is pooled at once, in passes over the whole array. On data that
    need many passes a stack, one element at a time, finishes the work, so the time is linear whatever the data.

    Args:
        mated: int64 or float64 (K,), how many mated scores each element has, in ascending order of score.
        nonmated: likewise; no element is empty of both.
        owner: int64 (K,), ascending: elements of different owners are never pooled; None for one owner.

    Returns:
        Mated and nonmated scores of each pool, and the index of its first element.
    """
    start = np.arange(mated.size)
    pooled = True
    while pooled:
        both = mated + nonmated
        joins = mated[1:] * both[:-1] <= mated[:-1] * both[1:]
        if owner is not None:
            joins &= owner[start[1:]] == owner[start[:-1]]
        pooled = bool(np.count_nonzero(joins) > _WORTH_ANOTHER_PASS * mated.size)
        if pooled:
            first = np.flatnonzero(np.append(True, ~joins))
            mated, nonmated, start = np.add.reduceat(mated, first), np.add.reduceat(nonmated, first), start[first]
        elif joins.any():
            return _pool_on_a_stack(mated, nonmated, start, owner)
    return mated, nonmated, start


def _pool_on_a_stack(
    mated: NDArray[Any], nonmated: NDArray[Any], start: NDArray[np.int64], owner: NDArray[np.int64] | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    owners = [0] * mated.size if owner is None else owner[start].tolist()
    stack: list[tuple[Any, Any, int, int]] = []
    for g, i, place, who in zip(mated.tolist(), nonmated.tolist(), start.tolist(), owners, strict=True):
        while stack and stack[-1][3] == who and g * (stack[-1][0] + stack[-1][1]) <= stack[-1][0] * (g + i):
            below = stack.pop()
            g, i, place = below[0] + g, below[1] + i, below[2]
        stack.append((g, i, place, who))
    columns = list(zip(*stack, strict=True))
    return np.array(columns[0], mated.dtype), np.array(columns[1], mated.dtype), np.array(columns[2], np.int64)


@dataclass(frozen=True)
class LogisticCalibration:
    """The map from a score to a natural-log likelihood ratio, scale · score + offset.

    Attributes:
        scale: log-likelihood ratio per unit of score; above 0 where mated scores are the higher ones.
        offset: the log-likelihood ratio of score 0.
    """

    scale: float
    offset: float

    def ratios(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """Float64 (M,), the log-likelihood ratios of scores; NaN stays NaN."""
        return self.scale * scores.astype(np.float64) + self.offset


def logistic_calibration(mated: NDArray[np.float32], nonmated: NDArray[np.float32]) -> LogisticCalibration:
    """The scale and offset with the smallest C_llr on these scores: logistic regression at a prior of 0.5, unpenalised.

    Newton's method with step halving on standardised scores, which are sorted, so that sums have one order.

    Args:
        mated: float32 (G,), finite scores of people other than those to be reported on.
        nonmated: float32 (I,), likewise.

    Raises:
        ShapeError: another shape or dtype, or a score that is not finite.
        InsufficientData: no score of a kind, or a threshold that makes no error (or nothing but errors): then no finite
            scale is the best one.
    """
    for name, scores in (("mated", mated), ("nonmated", nonmated)):
        check_scores(scores, name)
        need_scores(scores, name)
    if not (mated.min() < nonmated.max() and nonmated.min() < mated.max()):
        raise InsufficientData(
            "got mated and nonmated scores that a threshold parts without error; a logistic calibration needs some "
            "that overlap: calibrate on more people"
        )
    kinds = [np.sort(scores).astype(np.float64) for scores in (mated, nonmated)]
    centre, spread = _location(kinds)
    signed = [(kinds[0] - centre) / spread, -(kinds[1] - centre) / spread]
    weights = _newton(signed[0], signed[1])
    return LogisticCalibration(weights[0] / spread, weights[1] - weights[0] * centre / spread)


def _location(kinds: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Mean and deviation of scores of which each kind counts half."""
    centre = sum(float(np.mean(scores)) for scores in kinds) / 2
    return centre, math.sqrt(sum(float(np.mean((scores - centre) ** 2)) for scores in kinds) / 2)


def _newton(mated: NDArray[np.float64], nonmated: NDArray[np.float64]) -> tuple[float, float]:
    """Slope a and offset b with the smallest mean(ln(1 + exp(-(a·x + b)))) + mean(ln(1 + exp(-(a·y - b)))).

    Args:
        mated: float64 (G,), x: standardised scores.
        nonmated: float64 (I,), y: the negated ones.
    """

    def cost(a: float, b: float) -> float:
        parts = np.logaddexp(0.0, -(a * mated + b)), np.logaddexp(0.0, -(a * nonmated - b))
        return float(np.mean(parts[0])) + float(np.mean(parts[1]))

    a = b = 0.0
    now = cost(a, b)
    for _ in range(_NEWTON_STEPS):
        wrong = expit(-(a * mated + b)), expit(-(a * nonmated - b))
        slope_a = -float(np.mean(wrong[0] * mated)) - float(np.mean(wrong[1] * nonmated))
        slope_b = float(np.mean(wrong[1])) - float(np.mean(wrong[0]))
        bend = wrong[0] * (1 - wrong[0]), wrong[1] * (1 - wrong[1])
        aa = float(np.mean(bend[0] * mated * mated)) + float(np.mean(bend[1] * nonmated * nonmated))
        ab = float(np.mean(bend[0] * mated)) - float(np.mean(bend[1] * nonmated))
        bb = float(np.mean(bend[0])) + float(np.mean(bend[1]))
        step_a = (bb * slope_a - ab * slope_b) / (aa * bb - ab * ab)
        step_b = (aa * slope_b - ab * slope_a) / (aa * bb - ab * ab)
        # Twice what the step gains. Below it rounding hides whether a step helps, and full steps converge anyway.
        near = slope_a * step_a + slope_b * step_b <= _TOLERANCE
        share = 1.0
        while not near and (then := cost(a - share * step_a, b - share * step_b)) > now:
            share /= 2
        a, b = a - share * step_a, b - share * step_b
        if near:
            break
        now = then
    return a, b
