"""How often a threshold errs: match rates over acquired comparisons, accept and reject rates over all trials."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.scores import check_scores, need_scores


@dataclass(frozen=True, eq=False)
class ErrorCurve:
    """Both kinds of error at every threshold at which either changes.

    Attributes:
        thresholds: float32 (T,), ascending: every distinct score, then +inf, at which nothing is accepted.
        false_matches: int64 (T,), nonmated scores that a threshold accepts; falls from `nonmated` to 0.
        false_non_matches: int64 (T,), mated scores that a threshold rejects; rises from 0 to `mated`.
        nonmated: how many nonmated scores there are.
        mated: how many mated scores there are.
    """

    thresholds: NDArray[np.float32]
    false_matches: NDArray[np.int64]
    false_non_matches: NDArray[np.int64]
    nonmated: int
    mated: int

    @cached_property
    def fmr(self) -> NDArray[np.float64]:
        """False match rate at each threshold, float64 (T,), from 1 to 0."""
        return self.false_matches / self.nonmated

    @cached_property
    def fnmr(self) -> NDArray[np.float64]:
        """False non-match rate at each threshold, float64 (T,), from 0 to 1."""
        return self.false_non_matches / self.mated

    @cached_property
    def tmr(self) -> NDArray[np.float64]:
        """True match rate at each threshold, float64 (T,), from 1 to 0."""
        return (self.mated - self.false_non_matches) / self.mated


def error_tradeoff(mated: NDArray[np.float32], nonmated: NDArray[np.float32]) -> ErrorCurve:
    """The errors at every threshold: what a ROC or DET curve draws.

    Args:
        mated: float32 (G,), finite scores of two photos of one person, at least one.
        nonmated: float32 (I,), finite scores of photos of two people, at least one.

    Returns:
        The curve, without interpolation and with no point left out.

    Raises:
        ShapeError: another shape or dtype, or a score that is not finite.
        InsufficientData: no mated or no nonmated score.
    """
    for name, scores in (("mated", mated), ("nonmated", nonmated)):
        check_scores(scores, name)
        need_scores(scores, name)
    distinct = np.unique(np.concatenate([mated, nonmated]))
    return ErrorCurve(
        thresholds=np.append(distinct, np.float32(np.inf)),
        false_matches=nonmated.size - np.append(_below(nonmated, distinct), nonmated.size),
        false_non_matches=np.append(_below(mated, distinct), mated.size),
        nonmated=nonmated.size,
        mated=mated.size,
    )


def _below(scores: NDArray[np.float32], thresholds: NDArray[np.float32]) -> NDArray[np.int64]:
    """How many scores lie below each threshold."""
    return np.searchsorted(np.sort(scores), thresholds, side="left").astype(np.int64)


def false_match_rate(nonmated: NDArray[np.float32], threshold: float) -> float:
    """The share of nonmated comparisons that a threshold accepts.

    Args:
        nonmated: float32 (I,), finite; failures to acquire left out.
        threshold: accept if and only if score >= threshold; compared exactly, not rounded to float32 first.

    Returns:
        In [0, 1].

    Raises:
        ShapeError: another shape or dtype, or a score that is not finite.
        InsufficientData: no score.
    """
    return _accepted(nonmated, "nonmated", threshold) / nonmated.size


def false_non_match_rate(mated: NDArray[np.float32], threshold: float) -> float:
    """The share of mated comparisons that a threshold rejects.

    Args:
        mated: float32 (G,), finite; failures to acquire left out.
        threshold: accept if and only if score >= threshold; compared exactly, not rounded to float32 first.

    Returns:
        In [0, 1].

    Raises:
        ShapeError: another shape or dtype, or a score that is not finite.
        InsufficientData: no score.
    """
    return (mated.size - _accepted(mated, "mated", threshold)) / mated.size


def failure_to_acquire_rate(scores: NDArray[np.float32]) -> float:
    """The share of trials that failed to acquire because either face was not found.

    Args:
        scores: float32 (M,), NaN where a trial failed.

    Returns:
        In [0, 1].

    Raises:
        ShapeError: another shape or dtype, or an infinite score.
        InsufficientData: no trial.
    """
    check_scores(scores, "trial", failures=True)
    need_scores(scores, "trial")
    return int(np.count_nonzero(np.isnan(scores))) / scores.size


def false_accept_rate(fmr: float, failure_to_acquire: float) -> float:
    """FAR = FMR·(1 - FTA): the share of all nonmated trials that are accepted; a failed trial accepts nobody.

    Args:
        fmr: false match rate, in [0, 1].
        failure_to_acquire: share of trials that failed to acquire, in [0, 1].

    Returns:
        In [0, 1].

    Raises:
        ShapeError: a rate outside [0, 1].

    Source:
        ISO/IEC 19795-1:2021, single attempt; bob.bio.base uses one FTA for mated and nonmated trials together.
    """
    _check_rates(fmr, failure_to_acquire)
    return fmr * (1 - failure_to_acquire)


def false_reject_rate(fnmr: float, failure_to_acquire: float) -> float:
    """FRR = FTA + FNMR·(1 - FTA): the share of all mated trials that are not accepted; a failed trial is one.

    Args:
        fnmr: false non-match rate, in [0, 1].
        failure_to_acquire: share of trials that failed to acquire, in [0, 1].

    Returns:
        In [0, 1].

    Raises:
        ShapeError: a rate outside [0, 1].

    Source:
        ISO/IEC 19795-1:2021, single attempt; bob.bio.base uses one FTA for mated and nonmated trials together.
    """
    _check_rates(fnmr, failure_to_acquire)
    return failure_to_acquire + fnmr * (1 - failure_to_acquire)


def _accepted(scores: NDArray[np.float32], name: str, threshold: float) -> int:
    check_scores(scores, name)
    need_scores(scores, name)
    if np.isnan(threshold):
        raise ShapeError("got threshold NaN; expected a similarity")
    # As float64, because NumPy would round a Python float to float32 and so move it across a score.
    return int(np.count_nonzero(scores >= np.float64(threshold)))


def _check_rates(*rates: float) -> None:
    for rate in rates:
        if not 0 <= rate <= 1:
            raise ShapeError(f"got a rate of {rate!r}; expected 0 to 1")
