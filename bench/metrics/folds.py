"""Accuracy: the best over all thresholds, and the one that folds allow to be claimed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.errors import InsufficientData
from bench.metrics.rates import ErrorCurve
from bench.metrics.scores import check_scores, check_trials


@dataclass(frozen=True)
class FoldDecisions:
    """How one fold was decided.

    Attributes:
        fold: its label.
        threshold: the best one of the other folds; a float32 number.
        errors: wrong decisions on acquired trials.
        acquired: decisions on acquired trials, at least one.
        failures: trials that failed to acquire.
    """

    fold: int
    threshold: float
    errors: int
    acquired: int
    failures: int


@dataclass(frozen=True)
class FoldAccuracy:
    """Accuracy with each fold judged by the threshold of the others.

    Attributes:
        folds: F labels, ascending.
        accuracies: the accuracy on each fold.
        thresholds: the threshold by which each fold was judged; a float32 number.
        errors: wrong decisions in all folds together.
        trials: decisions in all folds together.
        mean: mean of the accuracies over the folds.
        deviation: their sample standard deviation, divided by F - 1. (InsightFace prints the population's,
            sqrt(1 - 1/F) times as large.)
        standard_error: of the mean: deviation / sqrt(F).
    """

    folds: tuple[int, ...]
    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]
    errors: int
    trials: int
    mean: float
    deviation: float
    standard_error: float


def best_accuracy(curve: ErrorCurve) -> float:
    """The largest share of right decisions that any one threshold reaches on these very scores; an upper bound.

    Args:
        curve: the errors at every threshold.

    Returns:
        In [0, 1].
    """
    errors = int((curve.false_matches + curve.false_non_matches).min())
    trials = curve.mated + curve.nonmated
    return (trials - errors) / trials


def fold_accuracy(
    scores: NDArray[np.float32],
    mated: NDArray[np.bool_],
    fold: NDArray[np.int16],
    failures_are_errors: bool = False,
) -> FoldAccuracy:
    """LFW's view 2: every fold is decided by the threshold that is best on the other folds.

    The threshold is `best_threshold` of the acquired trials outside the fold.

    Args:
        scores: float32 (M,), NaN where a trial failed to acquire.
        mated: bool (M,), whether a trial compares one person with themselves.
        fold: int (M,), the fold of each trial; at least two.
        failures_are_errors: whether a failed trial is a wrong decision; if not, it is left out.

    Returns:
        The accuracies with their mean and spread.

    Raises:
        ShapeError: arrays that are not of one length or of another dtype, or an infinite score.
        InsufficientData: fewer than two folds, a fold without acquired trial, or a fold whose others lack acquired
            mated or nonmated trials.

    Source:
        Huang et al., Labeled Faces in the Wild, UMass TR 07-49, 2007, section 3.
    """
    return summarise(judge_folds(scores, mated, fold), failures_are_errors)


def judge_folds(
    scores: NDArray[np.float32], mated: NDArray[np.bool_], fold: NDArray[np.int16]
) -> tuple[FoldDecisions, ...]:
    """The decisions on each fold, by ascending label; arguments and errors are those of `fold_accuracy`."""
    check_scores(scores, "trial", failures=True)
    check_trials(scores, mated, fold)
    labels = [int(label) for label in np.unique(fold)]
    if len(labels) < 2:
        raise InsufficientData(f"got {len(labels)} folds; a threshold from the other folds needs at least 2")
    failed = np.isnan(scores)
    order = np.argsort(scores)[: scores.size - np.count_nonzero(failed)]  # NaN goes to the end
    ascending, its_mated, its_fold = scores[order], mated[order], fold[order]
    judged = []
    for label in labels:
        inside = its_fold == label
        if not inside.any():
            raise InsufficientData(f"got no acquired trial in fold {label}; expected at least one")
        try:
            threshold = best_threshold(ascending[~inside], its_mated[~inside])
        except InsufficientData as error:
            raise InsufficientData(f"outside fold {label}: {error}") from error
        wrong = (ascending[inside] >= np.float32(threshold)) != its_mated[inside]
        failures = int(np.count_nonzero(failed & (fold == label)))
        judged.append(FoldDecisions(label, threshold, int(np.count_nonzero(wrong)), wrong.size, failures))
    return tuple(judged)


def summarise(decisions: tuple[FoldDecisions, ...], failures_are_errors: bool = False) -> FoldAccuracy:
    """Accuracy over folds from the decisions on each.

    Args:
        decisions: F of them, at least two.
        failures_are_errors: whether a failed trial is a wrong decision; if not, it is left out.

    Returns:
        The accuracies with their mean and spread.
    """
    errors = [each.errors + failures_are_errors * each.failures for each in decisions]
    trials = [each.acquired + failures_are_errors * each.failures for each in decisions]
    accuracies = tuple((count - wrong) / count for wrong, count in zip(errors, trials, strict=True))
    mean = math.fsum(accuracies) / len(decisions)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in accuracies) / (len(decisions) - 1))
    return FoldAccuracy(
        folds=tuple(each.fold for each in decisions),
        accuracies=accuracies,
        thresholds=tuple(each.threshold for each in decisions),
        errors=sum(errors),
        trials=sum(trials),
        mean=mean,
        deviation=deviation,
        standard_error=deviation / math.sqrt(len(decisions)),
    )


def best_threshold(scores: NDArray[np.float32], mated: NDArray[np.bool_]) -> float:
    """The threshold with the most right decisions.

    All thresholds above one score, up to and including the next, decide alike. Of all such ranges with the most right
    decisions the widest is taken, of equally wide ones the lowest, and the threshold is its middle, rounded to float32:
    as far from both scores as it can be. Accepting everything means the lowest score, accepting nothing the next
    float32 above the highest; both count as ranges of no width.

    Args:
        scores: float32 (M,), ascending.
        mated: bool (M,), in the same order.

    Returns:
        A float32 number.

    Raises:
        InsufficientData: no mated or no nonmated score.
    """
    mated_count = int(np.count_nonzero(mated))
    if mated_count in (0, mated.size):
        raise InsufficientData(
            f"got {mated_count} mated and {mated.size - mated_count} nonmated scores to choose a threshold by; "
            "expected at least one of each"
        )
    first_of_ties = np.flatnonzero(np.append(True, scores[1:] != scores[:-1]))
    distinct = scores[first_of_ties].astype(np.float64)
    rejected = np.append(first_of_ties, scores.size)
    rejected_mated = np.append(0, np.cumsum(mated))[rejected]
    right = (rejected - rejected_mated) + (mated_count - rejected_mated)
    widths = np.concatenate([[0.0], np.diff(distinct), [0.0]])
    place = int(np.argmax(np.where(right == right.max(), widths, -1.0)))
    if place == 0:
        return float(distinct[0])
    if place == distinct.size:
        return float(np.nextafter(scores[-1], np.float32(np.inf)))
    low, high = distinct[place - 1], distinct[place]
    middle = float(np.float32((low + high) / 2))
    return middle if middle > low else float(high)
