"""How much a rate varies when trials share people: the plug-in variance, robust to clusters."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.errors import InsufficientData, ShapeError
from bench.metrics.clusters import Clusters, pair_counts, pair_keys

_T = TypeVar("_T", np.int64, np.float64)


class RateSpread(NamedTuple):
    """How far a rate may be from the true one.

    Attributes:
        variance: the plug-in variance, as `rate_variance`.
        degrees: how many people's trials the dependence is estimated from, as degrees of freedom; at least 1, and
            infinite where no one has two trials.
    """

    variance: float
    degrees: float


def rate_variance(errors: NDArray[np.bool_] | NDArray[np.floating], clusters: Clusters) -> float:
    """The variance of a rate, the mean of M trials' errors, where trials that share a cluster may depend on each other.

    With residuals r_i = e_i - p it is the sum of r_i·r_j over all ordered pairs of trials that share a cluster, by n².
    With R_p the sum of the residuals of all trials of cluster p, A_ab that of the trials of the pair a < b, and A_pp
    that of the mated trials of p, this sum is ΣR_p² - ΣA_ab², since two trials of one pair share both. It is taken in
    two parts: within pairs, ΣA_ab² + ΣA_pp², and between pairs, the rest, which may come out negative where there are
    few people and then counts as 0.

    For mated trials alone this is ΣA_pp² / n², for nonmated ones alone (ΣA_ab² + max(ΣR_p² - 2ΣA_ab², 0)) / n².

    Args:
        errors: bool (M,), or float (M,) for the mean of another quantity.
        clusters: of the same trials.

    Returns:
        At least 0; for bool the correctly rounded value of the exact fraction, for float the same for every order of
        trials.

    Raises:
        ShapeError: errors of another shape or not finite.
        InsufficientData: no trial.

    Source:
        Fogliato, Patil and Perona, IJCV 2024 (arXiv 2306.01198); Aronow, Samii and Assenova, Political Analysis 23,
        2015. For sources and targets it is the two-way variance of Cameron, Gelbach and Miller, JBES 29, 2011.
    """
    _check(errors, clusters)
    if errors.dtype == np.bool_:
        return _of_counts(errors.size, pair_counts(clusters, errors.astype(np.bool_, copy=False)), clusters.count)
    values = errors.astype(np.float64)
    if not np.isfinite(values).all():
        raise ShapeError("got an error that is not finite; leave out the trials without one")
    return _of_values(values, clusters)


def rate_spread(errors: NDArray[np.bool_], clusters: Clusters) -> RateSpread:
    """The variance of an error rate, and how many people it rests on.

    The part of n²·Var that is uncertain is what different trials of one person add to it. For person p that is
    C_p = R_p² - Σr_i² over their trials, and the degrees of freedom are (n²·Var)² / ΣC_p², with Var at least that of n
    independent trials: about K where K people with many errors, all alike, make up the variance, so 1 where a single
    person does, and infinite where no one's errors come together.

    Args:
        errors: bool (M,), at least one.
        clusters: of the same trials.

    Raises:
        ShapeError: errors of another shape or dtype.
        InsufficientData: no trial.

    Source:
        After Satterthwaite, Biometrics Bulletin 2, 1946; for clusters of unequal size Carter, Schnepel and Steigerwald,
        Review of Economics and Statistics 99, 2017.
    """
    _check(errors, clusters)
    if errors.dtype != np.bool_:
        raise ShapeError(f"got errors {errors.dtype}; expected bool (M,)")
    low, high, trials, wrong = counts = pair_counts(clusters, errors)
    n, rate = errors.size, int(np.count_nonzero(errors)) / errors.size
    variance = _of_counts(n, counts, clusters.count)
    of_trials, of_wrong = (_by_cluster(low, high, each, clusters.count) for each in (trials, wrong))
    squares = of_wrong * (1 - rate) ** 2 + (of_trials - of_wrong) * rate**2
    shared = np.square(of_wrong - rate * of_trials) - squares
    uncertain = float(np.sum(np.square(shared)))
    whole = max(n * n * variance, n * rate * (1 - rate)) ** 2
    # What is left where nothing is shared is rounding.
    return RateSpread(variance, max(whole / uncertain, 1.0) if uncertain > 1e-18 * whole else math.inf)


def _check(errors: NDArray[np.bool_] | NDArray[np.floating], clusters: Clusters) -> None:
    if errors.shape != (len(clusters),):
        raise ShapeError(f"got errors {errors.shape} for {len(clusters)} trials; expected (M,)")
    if errors.size == 0:
        raise InsufficientData("got no trial; a rate needs at least one")


def _of_counts(n: int, counts: tuple[NDArray[np.int64], ...], clusters: int) -> float:
    low, high, trials, wrong = counts
    e = int(wrong.sum())
    mated = low == high
    of_trials, of_wrong = (_by_cluster(low, high, each, clusters) for each in (trials, wrong))

    def squares(trials: NDArray[np.int64], wrong: NDArray[np.int64]) -> int:
        """n²·Σ(wrong - trials·e/n)², in whole numbers; each sum is at most (2M)², which int64 holds."""
        return n * n * int(wrong @ wrong) - 2 * n * e * int(wrong @ trials) + e * e * int(trials @ trials)

    pairs = squares(trials[~mated], wrong[~mated])
    within = pairs + squares(trials[mated], wrong[mated])
    between = squares(of_trials, of_wrong) - pairs - within
    return float(Fraction(within + max(between, 0), n**4))


def _of_values(values: NDArray[np.float64], clusters: Clusters) -> float:
    # Sorted by pair and value, and added up one by one, so that the order of trials does not matter.
    keys = pair_keys(clusters)
    order = np.lexsort((values, keys))
    keys, values = keys[order], values[order]
    values = values - math.fsum(values.tolist()) / values.size
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    sums = np.add.reduceat(values, starts)
    low, high = np.divmod(keys[starts], clusters.count)
    mated = low == high
    of_cluster = _by_cluster(low, high, sums, clusters.count)
    pairs = math.fsum(np.square(sums[~mated]).tolist())
    within = pairs + math.fsum(np.square(sums[mated]).tolist())
    between = math.fsum(np.square(of_cluster).tolist()) - pairs - within
    return (within + max(between, 0.0)) / values.size**2


def _by_cluster(low: NDArray[np.int64], high: NDArray[np.int64], sums: NDArray[_T], count: int) -> NDArray[_T]:
    """The sum over all trials of each cluster, a mated one once."""
    total = np.zeros(count, sums.dtype)
    np.add.at(total, low, sums)
    apart = low != high
    np.add.at(total, high[apart], sums[apart])
    return total
