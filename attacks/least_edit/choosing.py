"""Which of many edits of a face is taken: the least visible one that does it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Best:
    """The best edit of each of N faces so far, as edits come one after the other.

    That is the one that looks most like its photo, of those that the surrogate does not accept; while it accepts all,
    the one with the lowest score.

    Args:
        count: N.
        threshold: from this score on the surrogate accepts.
    """

    def __init__(self, count: int, threshold: float) -> None:
        self.threshold = threshold
        self.done: NDArray[np.bool_] = np.zeros(count, np.bool_)
        """Whether the best one is no longer accepted."""
        self._score, self._alike = np.full(count, np.inf), np.full(count, -np.inf)

    def replaced(self, scores: NDArray[np.floating], alike: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether another edit is better than the best so far, bool (N,), which it then is.

        Args:
            scores: (N,), of the edit with the photo; NaN where it was not made.
            alike: (N,), how alike it looks to the photo, more is more.
        """
        below = scores < self.threshold  # comparisons with NaN are False
        better = np.where(self.done, below & (alike > self._alike), below | (scores < self._score))
        self._score = np.where(better, scores, self._score)
        self._alike = np.where(better, alike, self._alike)
        self.done = self.done | below
        return better


def scores_between(photos: NDArray[np.float32], faces: NDArray[np.float32], comparison: str) -> NDArray[np.float64]:
    """The score of each photo with its edit, float64 (N,).

    Args:
        photos: float32 (N, D), embeddings.
        faces: float32 (N, D), likewise.
        comparison: ``"cosine"`` or ``"neg_l2"``, the recognizer's.
    """
    first, second = photos.astype(np.float64), faces.astype(np.float64)
    if comparison == "neg_l2":
        distances: NDArray[np.float64] = -np.linalg.norm(first - second, axis=1)
        return distances
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    cosines: NDArray[np.float64] = (first * second).sum(axis=1) / lengths
    return cosines
