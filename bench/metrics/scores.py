"""What an array of scores must be before it is counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.errors import InsufficientData, ShapeError


def check_scores(scores: NDArray[np.float32], name: str, failures: bool = False) -> None:
    """Refuses scores on which thresholds would not mean what they say.

    Float32 is required, not converted to: the threshold convention counts in float32 steps, and rounding float64
    scores here would make ties of scores that were apart.

    Args:
        scores: float32 (M,), finite.
        name: what to call it in an error.
        failures: whether NaN, a trial that failed to acquire, is allowed.

    Raises:
        ShapeError: another shape or dtype, or a value that is not finite.
    """
    if scores.dtype != np.float32 or scores.ndim != 1:
        raise ShapeError(
            f"got {name} {scores.dtype} {scores.shape}; expected float32 (M,): np.asarray(scores, np.float32)"
        )
    wrong = np.isinf(scores) if failures else ~np.isfinite(scores)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise ShapeError(f"got {name} {scores[place]} at place {place}; expected finite similarities")


def check_trials(scores: NDArray[np.float32], mated: NDArray[np.bool_], fold: NDArray[np.int16] | None) -> None:
    """Refuses labels that do not fit the scores.

    Raises:
        ShapeError: `mated` is not bool (M,), or `fold` is given and not int (M,), for M scores.
    """
    if mated.shape != scores.shape or mated.dtype != np.bool_:
        raise ShapeError(f"got mated {mated.dtype} {mated.shape} for {scores.size} scores; expected bool (M,)")
    if fold is not None and (fold.shape != scores.shape or not np.issubdtype(fold.dtype, np.integer)):
        raise ShapeError(f"got fold {fold.dtype} {fold.shape} for {scores.size} scores; expected int (M,)")


def need_scores(scores: NDArray[np.float32], name: str) -> None:
    """Refuses an empty array where a figure would be 0/0.

    Raises:
        InsufficientData: there is no score.
    """
    if scores.size == 0:
        raise InsufficientData(f"got no {name} scores; expected at least one acquired {name} comparison")
