"""Operating points: the threshold at a false match rate, what it achieves, and whether the data support it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.errors import ConfigError, InsufficientData, ShapeError
from bench.metrics.scores import check_scores

Support = Literal["ok", "weak", "insufficient"]
"""Whether the data can carry a figure: yes; with fewer than 30 errors; not at all."""

ENOUGH_ERRORS = 30
"""Doddington's rule of 30: with 30 errors a rate is within 30 % of itself with 90 % confidence."""


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold at a requested false match rate, and what it does.

    Attributes:
        requested_fmr: a, in (0, 1].
        threshold: the smallest float32 with FMR <= a on these scores; None where a·I allows no false match.
        achieved_fmr: the false match rate at the threshold, never above a; None without a threshold.
        tmr: the true match rate at the threshold; None without a threshold or without mated scores.
        fnmr: 1 - tmr.
        false_matches: nonmated scores accepted; None without a threshold.
        false_non_matches: mated scores rejected; None without a threshold.
        nonmated: I, how many nonmated scores there are.
        mated: G, how many mated scores there are.
        allowed_false_matches: k = floor(a·I).
        support: ``"insufficient"`` for k = 0, ``"weak"`` for k < 30, else ``"ok"``.
        needed_nonmated: how many nonmated scores it takes for k = 1, so for a threshold at all.
        needed_nonmated_ok: how many it takes for k = 30, so for ``"ok"``.
    """

    requested_fmr: float
    threshold: float | None
    achieved_fmr: float | None
    tmr: float | None
    fnmr: float | None
    false_matches: int | None
    false_non_matches: int | None
    nonmated: int
    mated: int
    allowed_false_matches: int
    support: Support
    needed_nonmated: int
    needed_nonmated_ok: int


def threshold_at_fmr(mated: NDArray[np.float32], nonmated: NDArray[np.float32], fmr: float) -> OperatingPoint:
    """The operating point at a false match rate: conservative, never interpolated.

    With k = floor(fmr·I) the threshold is the next float32 above the (k + 1)-th largest nonmated score: the smallest
    float32 that accepts at most k of them. At fmr = 1 (k = I) every float32 does, and the threshold is the lowest
    finite one. Accept if and only if score >= threshold, so scores tied with the (k + 1)-th largest are rejected.

    Args:
        mated: float32 (G,), finite.
        nonmated: float32 (I,), finite.
        fmr: the requested rate, in (0, 1].

    Returns:
        The operating point; without nonmated scores, or with too few, one that is ``"insufficient"``.

    Raises:
        ShapeError: another shape or dtype, or a score that is not finite.
        ConfigError: a rate outside (0, 1].
    """
    check_scores(nonmated, "nonmated")
    kept = min(allowed_false_matches(fmr, nonmated.size) + 1, nonmated.size)
    top = np.partition(nonmated, nonmated.size - kept)[nonmated.size - kept :] if kept else nonmated
    return threshold_from_top(mated, top, nonmated.size, fmr)


def threshold_from_top(
    mated: NDArray[np.float32], nonmated_top: NDArray[np.float32], nonmated_count: int, fmr: float
) -> OperatingPoint:
    """`threshold_at_fmr`, where only the highest nonmated scores were kept.

    Args:
        mated: float32 (G,), finite.
        nonmated_top: float32, the highest nonmated scores in any order; at least floor(fmr·I) + 1 of them, or all.
        nonmated_count: I, how many nonmated scores there were.
        fmr: the requested rate, in (0, 1].

    Returns:
        The operating point, equal to the one on all scores.

    Raises:
        ShapeError: another shape or dtype, a score that is not finite, or more scores kept than there were.
        ConfigError: a rate outside (0, 1].
        InsufficientData: too few of the highest scores were kept.
    """
    check_scores(mated, "mated")
    check_scores(nonmated_top, "nonmated")
    if nonmated_top.size > nonmated_count:
        raise ShapeError(f"got {nonmated_top.size} of the highest scores out of {nonmated_count}; expected a part")
    k = allowed_false_matches(fmr, nonmated_count)
    threshold = false_matches = false_non_matches = None
    if k > 0:
        threshold = _threshold(nonmated_top, nonmated_count, k)
        exact = np.float32(threshold)
        false_matches = nonmated_count if k >= nonmated_count else int(np.count_nonzero(nonmated_top >= exact))
        false_non_matches = int(np.count_nonzero(mated < exact))
    return OperatingPoint(
        requested_fmr=float(fmr),
        threshold=threshold,
        achieved_fmr=_share(false_matches, nonmated_count),
        tmr=_share(None if false_non_matches is None else mated.size - false_non_matches, mated.size),
        fnmr=_share(false_non_matches, mated.size),
        false_matches=false_matches,
        false_non_matches=false_non_matches,
        nonmated=nonmated_count,
        mated=mated.size,
        allowed_false_matches=k,
        support="insufficient" if k == 0 else support_of(k),
        needed_nonmated=needed_nonmated(fmr),
        needed_nonmated_ok=needed_nonmated(fmr, ENOUGH_ERRORS),
    )


def allowed_false_matches(fmr: float, nonmated: int) -> int:
    """The budget k = floor(fmr·nonmated), for the decimal number that was typed.

    In floating point floor(0.29 * 100) is 28. Here a rate is the shortest decimal that is this float, and the
    product is exact: 0.29 of 100 is 29, and 1e-3 of 3000 is 3.

    Args:
        fmr: in (0, 1].
        nonmated: how many nonmated scores there are.

    Returns:
        The number of false matches that the rate allows.

    Raises:
        ConfigError: a rate outside (0, 1].
    """
    return math.floor(_as_typed(fmr) * nonmated)


def needed_nonmated(fmr: float, false_matches: int = 1) -> int:
    """The smallest number of nonmated scores of which a rate allows so many false matches.

    Args:
        fmr: in (0, 1].
        false_matches: k.

    Returns:
        The smallest I with floor(fmr·I) >= k.

    Raises:
        ConfigError: a rate outside (0, 1].
    """
    return math.ceil(false_matches / _as_typed(fmr))


def support_of(errors: float) -> Support:
    """``"ok"`` from 30 errors on, else ``"weak"``."""
    return "ok" if errors >= ENOUGH_ERRORS else "weak"


def _threshold(nonmated_top: NDArray[np.float32], nonmated_count: int, k: int) -> float:
    if k >= nonmated_count:
        return float(np.finfo(np.float32).min)
    if nonmated_top.size <= k:
        raise InsufficientData(f"got the {nonmated_top.size} highest nonmated scores; {k} false matches need {k + 1}")
    place = nonmated_top.size - (k + 1)
    return float(np.nextafter(np.partition(nonmated_top, place)[place], np.float32(np.inf)))


def _as_typed(fmr: float) -> Fraction:
    if not 0 < fmr <= 1:
        raise ConfigError(f"got a false match rate of {fmr!r}; expected more than 0 and at most 1, such as 0.001")
    return Fraction(repr(float(fmr)))


def _share(part: int | None, whole: int) -> float | None:
    return None if part is None or whole == 0 else part / whole
