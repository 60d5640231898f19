"""95 % confidence intervals: Wilson's with an effective number of trials, exact bounds, folds, percentiles of draws."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.errors import InsufficientData, ShapeError
from bench.metrics.clusters import Clusters, independent_trials
from bench.metrics.variance import rate_spread

IntervalMethod = Literal["wilson", "exact", "bootstrap", "folds", "clustered", "jackknife"]

CONFIDENCE = 0.95
DEFINED_SHARE = 0.9
"""Draws on which a figure must be defined for their percentiles to stand for it."""

FEWEST_DEGREES = 2.0
"""Where one or two people make up a variance, Student's t of one degree would make one lost photo say "0 to 50 %"."""

TAIL = 0.025
"""What a two-sided interval leaves out on either side."""
_Z = float(special.ndtri(1 - TAIL))


class Interval(NamedTuple):
    """A 95 % confidence interval.

    Attributes:
        low: its lower end.
        high: its upper end.
        method: ``"wilson"`` (with an effective number of trials), ``"exact"`` (no errors: a bound that counts people),
            ``"bootstrap"`` (of people), ``"folds"``, ``"clustered"`` (Student's t around a mean over faces that share
            people) or ``"jackknife"`` (leaving out people).
    """

    low: float
    high: float
    method: IntervalMethod


def rate_interval(errors: NDArray[np.bool_], clusters: Clusters) -> Interval:
    """The interval of an error rate over trials that share people.

    With p the rate and Var its plug-in variance (`variance.rate_variance`), n* = p(1 - p) / Var is the number of
    independent trials that would vary as much, and the interval is Wilson's with n* trials. n* is at most the number
    of trials: a smaller variance, or none, is a chance of few people. Where few people make up the variance it is
    itself uncertain, and n* is multiplied by (z / t)², with Student's t for `RateSpread.degrees`.

    With no error, or nothing but errors, trials say nothing about how they depend on each other, and the bound is the
    exact one of as many trials as can be chosen without sharing anyone.

    Args:
        errors: bool (M,), at least one.
        clusters: of the same trials.

    Returns:
        The interval, within [0, 1].

    Raises:
        ShapeError: errors of another shape or dtype.
        InsufficientData: no trial.

    Source:
        Fogliato, Patil and Perona, IJCV 2024; (z / t)² after Korn and Graubard, Survey Methodology 24, 1998.
    """
    if errors.dtype != np.bool_ or errors.shape != (len(clusters),):
        raise ShapeError(f"got errors {errors.dtype} {errors.shape} for {len(clusters)} trials; expected bool (M,)")
    if errors.size == 0:
        raise InsufficientData("got no trial; a rate needs at least one")
    trials, wrong = errors.size, int(np.count_nonzero(errors))
    if wrong in (0, trials):
        bound = zero_error_bound(independent_trials(clusters))
        return Interval(0.0, bound, "exact") if wrong == 0 else Interval(1 - bound, 1.0, "exact")
    rate, spread = wrong / trials, rate_spread(errors, clusters)
    effective = effective_trials(rate, spread.variance, trials, spread.degrees)
    return Interval(*wilson_interval(rate, effective, wrong, trials), "wilson")


def drawn_rate_interval(
    rate: float, draws: NDArray[np.float64], trials: int, degrees: float = math.inf
) -> Interval | None:
    """The interval of a rate from its bootstrap draws: Wilson's, with the effective number n* = p(1 - p) / Var(draws).

    For a rate whose threshold is chosen on the same trials, so that `rate_interval` would leave out what that choice
    adds. Double-or-nothing draws of a rate spread evenly to both sides, while a small rate is more easily far below the
    true one than far above; their percentiles therefore lie too low, and Wilson's interval mends that.

    Args:
        rate: p, on all trials, in [0, 1].
        draws: float64 (B,), the rate on every draw; NaN where it is not defined.
        trials: how many trials the rate is of; n* is at most that.
        degrees: degrees of freedom of Student's t; `variance.rate_spread` has them for a threshold that is given. For
            one that is chosen on every draw the draws spread far enough without.

    Returns:
        The interval; None where fewer than 90 % of the draws have a value, or where no draw errs or all always do, and
        `rate_interval` is to be asked.

    Raises:
        ShapeError: draws of another shape, or a rate outside [0, 1].
    """
    values = _defined(draws)
    if not 0 <= rate <= 1:
        raise ShapeError(f"got rate {rate!r}; expected 0 to 1")
    if values is None or rate in (0, 1):
        return None
    # Sorted, so that the sum does not depend on which draw came first.
    effective = effective_trials(rate, float(np.var(np.sort(values))), trials, degrees)
    return Interval(*wilson_interval(rate, effective, round(rate * trials), trials), "bootstrap")


def wilson_interval(rate: float, effective_n: float, errors: int, trials: int) -> tuple[float, float]:
    """Wilson's score interval with an effective number of trials, modified at the ends.

    [p + z²/2n* ± z·sqrt((p(1 - p) + z²/4n*) / n*)] / (1 + z²/n*) with z = 1.96. With one error the lower end is
    -ln(0.95) / trials, with one success the upper one is 1 + ln(0.95) / trials; with no error the lower end is 0, with
    nothing but errors the upper one is 1.

    Args:
        rate: p, in [0, 1].
        effective_n: n*, above 0.
        errors: how many trials were errors; decides the ends.
        trials: how many trials there were.

    Returns:
        The lower and the upper end, within [0, 1].

    Raises:
        ShapeError: a rate outside [0, 1], an effective number that is not above 0, or more errors than trials.

    Source:
        Wilson, JASA 22, 1927; Brown, Cai and DasGupta, Statistical Science 16(2), 2001 (modified Wilson, with one error
        only, as cimat has it); n* from Fogliato, Patil and Perona, IJCV 2024.
    """
    if not (0 <= rate <= 1 and effective_n > 0 and 0 <= errors <= trials):
        raise ShapeError(
            f"got rate {rate!r}, effective number {effective_n!r}, {errors} errors in {trials} trials; expected a rate "
            "from 0 to 1, a number above 0 and no more errors than trials"
        )
    low, high = score_interval(rate, effective_n)
    if errors == 0:
        low = 0.0
    elif errors == trials:
        high = 1.0
    elif errors == 1:
        low = -math.log(CONFIDENCE) / trials
    elif errors == trials - 1:
        high = 1 + math.log(CONFIDENCE) / trials
    return low, high


def score_interval(rate: float, effective_n: float) -> tuple[float, float]:
    """Wilson's score interval with an effective number of trials, as its formula has it: no end is modified.

    Args:
        rate: p, in [0, 1].
        effective_n: n*, above 0.

    Returns:
        The lower and the upper end, within [0, 1].
    """
    spread = _Z * math.sqrt((rate * (1 - rate) + _Z**2 / 4 / effective_n) / effective_n)
    middle, scale = rate + _Z**2 / 2 / effective_n, 1 + _Z**2 / effective_n
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)


def effective_trials(rate: float, variance: float, trials: int, degrees: float = math.inf) -> float:
    """How many independent trials would vary as much as a rate does: n* = p(1 - p) / Var, times (z / t)².

    Args:
        rate: p, in [0, 1].
        variance: of the rate.
        trials: how many there are; n* is at most that, times (z / t)².
        degrees: of Student's t, where few people make up the variance; at least two are used.
    """
    known = min(rate * (1 - rate) / variance, trials) if variance > 0 else trials
    few = 1.0 if math.isinf(degrees) else _Z / float(special.stdtrit(max(degrees, FEWEST_DEGREES), 1 - TAIL))
    return known * few**2


def zero_error_bound(independent: int) -> float:
    """What a rate can be at most, with 95 % confidence, after no error in N independent trials: 1 - 0.05^(1/N).

    About 3/N, the rule of three. It is one-sided: a rate cannot be below 0.

    Args:
        independent: N, at least 1.

    Returns:
        In (0, 0.95].

    Raises:
        InsufficientData: no trial.
    """
    if independent < 1:
        raise InsufficientData(f"got {independent} independent trials; a bound needs at least one")
    return -math.expm1(math.log(1 - CONFIDENCE) / independent)


def fold_mean_interval(mean: float, standard_error: float, folds: int) -> Interval:
    """The interval of a mean over folds that share no one: mean ± t·standard error, Student's t with F - 1 degrees.

    Args:
        mean: of F shares, in [0, 1].
        standard_error: of that mean.
        folds: F, at least 2.

    Returns:
        The interval, cut at 0 and 1.

    Raises:
        InsufficientData: fewer than two folds.
    """
    half = float(special.stdtrit(_degrees(folds), 1 - TAIL)) * standard_error
    return Interval(max(mean - half, 0.0), min(mean + half, 1.0), "folds")


def fold_deviation_interval(deviation: float, folds: int) -> Interval:
    """The interval of a sample standard deviation over folds: s·sqrt((F - 1) / χ²), of normally spread values.

    Args:
        deviation: s, divided by F - 1.
        folds: F, at least 2.

    Returns:
        The interval.

    Raises:
        InsufficientData: fewer than two folds.
    """
    degrees = _degrees(folds)
    low, high = (math.sqrt(degrees / float(special.chdtri(degrees, tail))) for tail in (TAIL, 1 - TAIL))
    return Interval(deviation * low, deviation * high, "folds")


def percentile_interval(draws: NDArray[np.float64]) -> Interval | None:
    """The middle 95 % of a figure's values over bootstrap draws, interpolated linearly between them.

    Args:
        draws: float64 (B,), NaN where the figure is not defined on a draw.

    Returns:
        The 2.5 and the 97.5 percentile of the values; None where fewer than 90 % of the draws have one, since those
        that have none are no chance sample: they are the draws with the least data.

    Raises:
        ShapeError: another shape, or no draw.
    """
    values = _defined(draws)
    if values is None:
        return None
    low, high = np.percentile(values, [2.5, 97.5]).tolist()
    return Interval(low, high, "bootstrap")


def _defined(draws: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The draws that have a value, if enough have."""
    if draws.ndim != 1 or draws.size == 0:
        raise ShapeError(f"got draws {draws.shape}; expected (B,) with at least one")
    values: NDArray[np.float64] = draws[~np.isnan(draws)]
    return values if values.size >= DEFINED_SHARE * draws.size else None


def _degrees(folds: int) -> int:
    if folds < 2:
        raise InsufficientData(f"got {folds} folds; a spread needs at least 2")
    return folds - 1
