"""What is kept of nonmated scores while they stream by: counts at thresholds, and scores at ranks.

All of it is exact, though products are float32: what `margin.Margin` leaves open is scored again in float64.
"""

from __future__ import annotations

import math
import threading
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.errors import ConfigError
from bench.scoring.margin import LOWEST, Margin, keys, out_of_bounds, score_of_key
from bench.scoring.rescoring import ExactScores

RANKS_HELD = 2**20
"""Up to this rank the highest pairs are held during the first pass; higher ranks take another pass over all pairs."""

_KEYS_AT_ONCE = 2**20
_LEAST_HELD = 2**18


class Watch(Protocol):
    """A window of products, whose pairs are scored exactly, and what becomes of them.

    Attributes:
        low: float32, of the window.
        high: float32.
    """

    low: np.float32
    high: np.float32

    def take(self, above: int, scores: NDArray[np.float32]) -> None:
        """Counts the pairs of a tile: so many above the window, and the exact scores of those in it."""


class CountAtThreshold:
    """How many scores are at or above a threshold.

    Args:
        threshold: a finite number; scores are compared with it exactly.
        margin: of the products.

    Attributes:
        accepted: the count so far.
        threshold: the smallest float32 that is not below the number.
    """

    def __init__(self, threshold: float, margin: Margin) -> None:
        self.accepted = 0
        self.threshold = _float32_from(threshold)
        if margin.comparison == "neg_l2" and self.threshold > 0:
            self.low = self.high = np.float32(np.inf)
        else:
            self.low, self.high = margin.window(self.threshold, self.threshold)
        self._lock = threading.Lock()

    def take(self, above: int, scores: NDArray[np.float32]) -> None:
        """Counts."""
        with self._lock:
            self.accepted += above + int(np.count_nonzero(scores >= self.threshold))


class SearchOfRank:
    """The score at a rank, known to lie between two: each pass over all pairs parts what is left into 2^20.

    Scores are counted by their keys, as whole numbers, so that memory does not grow with the pairs in question.

    Args:
        rank: 1 for the highest score.
        lowest: float32; the score at the rank is not below it.
        highest: float32; nor is it above this one.
        margin: of the products.

    Attributes:
        found: whether the score is known.
        score: then it.
        higher: and how many scores are higher than it.
    """

    def __init__(self, rank: int, lowest: np.float32, highest: np.float32, margin: Margin) -> None:
        self.found, self.score, self.higher = False, np.float32(0), 0
        self._rank, self._margin = rank, margin
        self._lock = threading.Lock()
        self._look_between(*keys(np.array([lowest, highest], np.float32)).tolist())

    def take(self, above: int, scores: NDArray[np.float32]) -> None:
        """Counts."""
        found = keys(scores)
        inside = (found[(found >= self._first) & (found <= self._last)] - self._first) >> self._shift
        counts = np.bincount(inside) if inside.size else np.zeros(1, np.int64)
        with self._lock:
            self.higher += above + int(np.count_nonzero(found > self._last))
            self._counts[: counts.size] += counts

    def narrow(self) -> None:
        """Ends a pass over all pairs.

        Raises:
            ProviderError: the score is not between the two.
        """
        down, left = self._counts[::-1].cumsum(), self._rank - self.higher
        if not 0 < left <= down[-1]:
            raise out_of_bounds()
        steps = int(np.searchsorted(down, left))
        bucket = self._counts.size - 1 - steps
        first = self._first + (bucket << self._shift)
        last = min(first + (1 << self._shift) - 1, self._last)
        if first == last:
            self.higher += int(down[steps - 1]) if steps else 0
            self.found, self.score = True, score_of_key(first)
        else:
            self._look_between(first, last)

    def _look_between(self, first: int, last: int) -> None:
        self._first, self._last, self.higher = first, last, 0
        self._shift = max(0, math.ceil(math.log2((last - first + 1) / _KEYS_AT_ONCE)))
        self._counts = np.zeros(((last - first) >> self._shift) + 1, np.int64)
        self.low, self.high = self._margin.window(score_of_key(first), score_of_key(last))


class HighestPairs:
    """The pairs with the highest products, and all that float32 cannot tell from them.

    Args:
        keep: the largest rank that will be asked for; 0 for none.
        margin: of the products.

    Attributes:
        keep: as given.
        floor: products below it cannot matter any more.
        overflown: whether so many pairs tied that they were let go.
    """

    def __init__(self, keep: int, margin: Margin) -> None:
        self.floor = LOWEST if keep else np.float32(np.inf)
        self.overflown = False
        self.keep, self._margin = keep, margin
        self._limit = 2 * keep + _LEAST_HELD
        self._parts: list[NDArray[np.void]] = []
        self._held = 0
        self._lock = threading.Lock()

    def add(self, pairs: NDArray[np.void]) -> None:
        """Takes the pairs of a tile, as `engines.candidates` gives them, at or above a floor that was read before."""
        with self._lock:
            if self.overflown:
                return
            self._parts.append(pairs[pairs["product"] >= self.floor])
            self._held += self._parts[-1].size
            if self._held > self._limit:
                self._shrink()
                if self._held > self._limit:
                    self.overflown, self.floor, self._parts = True, np.float32(np.inf), []

    def raise_floor(self, product: float | np.float32) -> None:
        """Takes note that the pair at rank `keep` has at least this product."""
        low, _ = self._margin.window(*self._margin.scores(product, product))
        self.floor = max(self.floor, low)

    def at(self, rank: int, exact: ExactScores) -> tuple[np.float32, int]:
        """The score at a rank up to `keep`, and how many are higher; for pairs that did not overflow."""
        pairs = np.concatenate(self._parts)
        kth = np.partition(pairs["product"], pairs.size - rank)[pairs.size - rank]
        low, high = self._margin.window(*self._margin.scores(kth, kth))
        above = int(np.count_nonzero(pairs["product"] > high))
        near = np.sort(pairs[(pairs["product"] >= low) & (pairs["product"] <= high)], order=["row", "column"])
        scores = exact(near["row"], near["column"])
        self._margin.check(near["product"], scores)
        if not above < rank <= above + scores.size:
            raise out_of_bounds()
        scores = np.sort(scores)[::-1]
        score = scores[rank - above - 1]
        return score, above + int(np.count_nonzero(scores > score))

    def _shrink(self) -> None:
        pairs = np.concatenate(self._parts)
        if pairs.size >= self.keep:
            self.raise_floor(np.partition(pairs["product"], pairs.size - self.keep)[pairs.size - self.keep])
            pairs = pairs[pairs["product"] >= self.floor]
        self._parts, self._held = [pairs], pairs.size


def _float32_from(threshold: float) -> np.float32:
    """The smallest float32 that is not below a threshold.

    Raises:
        ConfigError: it is not a finite number.
    """
    if not math.isfinite(threshold):
        raise ConfigError(f"got threshold {threshold}; expected a finite number")
    with np.errstate(over="ignore"):
        rounded = np.float32(threshold)
    return rounded if float(rounded) >= threshold else np.nextafter(rounded, np.float32(np.inf))
