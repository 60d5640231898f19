"""Probes against the people of a gallery: the array of scores, thresholds for its size, and what two sets of probes do.

A *probe* is a photo or a made face; *maxima* are the highest score of each of M probes with any photo of each of P
people of a gallery, float32 (M, P). They are -inf where nothing was compared: a whole row for a probe in which no face
was found, which then counts as one that matches nobody, a single cell where that person must not count for this probe
(its own contributor) or has no photo with a face. Accept if and only if ``score >= threshold``.

Of a large gallery only what can matter is kept, `HighMaxima`: each probe's highest, its *similarity at rank 1*, and all
maxima from the lowest threshold on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bench.errors import ShapeError
from bench.metrics.identification import fpir_name, threshold_at_searches
from bench.metrics.intervals import Interval
from bench.metrics.operating import Support


@dataclass(frozen=True)
class GalleryThreshold:
    """A threshold by the name of its operating point.

    Attributes:
        name: ``"fpir=0.01"`` of one set for a gallery, ``"dev:fmr=0.001"`` of one carried over.
        threshold: a float32 number; None where the data support none.
        support: of the threshold itself: no figure at it is supported better.
        searches: how many it was set on; 0 for one that was set elsewhere.
    """

    name: str
    threshold: float | None
    support: Support = "ok"
    searches: int = 0


@dataclass(frozen=True, eq=False)
class HighMaxima:
    """The maxima of M probes and P people that are not below a floor, and each probe's highest.

    Attributes:
        best: float32 (M,), the similarity at rank 1; -inf for a probe that was compared with nobody.
        high: float32 (M, P) in a sparse array: every maximum of at least `floor`, and no other.
        floor: thresholds below it cannot be asked about; -inf where all maxima are there.

    Raises:
        ShapeError: arrays that do not fit each other, nobody in the gallery, NaN or +inf.
    """

    best: NDArray[np.float32]
    high: sparse.csr_array
    floor: float = -math.inf

    def __post_init__(self) -> None:
        """Checks that the two go together."""
        check_best(self.best, len(self.best), "similarities at rank 1")
        scores, (probes, people) = self.high.data, self.high.shape
        if scores.dtype != np.float32 or probes != len(self.best) or not people:
            raise ShapeError(
                f"got maxima {scores.dtype} {self.high.shape}; expected float32 ({len(self.best)}, P) for P people, at "
                "least one"
            )
        floor = np.float64(self.floor)  # a Python number would be rounded to float32 first
        highest_kept = np.full(probes, -np.inf, np.float32)
        some = np.flatnonzero(np.diff(self.high.indptr))
        if some.size:
            highest_kept[some] = np.maximum.reduceat(scores, self.high.indptr[some])
        expected = np.where(self.best >= floor, self.best, np.float32(-np.inf))
        if not (highest_kept == expected).all() or (scores < floor).any():
            raise ShapeError(f"got maxima that are not those from {self.floor} on, or not of these probes")

    @classmethod
    def of(cls, maxima: NDArray[np.float32], floor: float = -math.inf) -> HighMaxima:
        """Those of an array.

        Args:
            maxima: float32 (M, P).
            floor: lower ones are left out.
        """
        check_maxima(maxima, len(maxima), "maxima")
        rows, columns = np.nonzero((maxima >= np.float64(floor)) & ~np.isneginf(maxima))
        return cls(highest(maxima), sparse.csr_array((maxima[rows, columns], (rows, columns)), maxima.shape), floor)

    @property
    def people(self) -> int:
        """P."""
        return int(self.high.shape[1])

    def __len__(self) -> int:
        """M."""
        return len(self.best)

    def select(self, probes: NDArray[np.bool_]) -> HighMaxima:
        """Those of some probes, bool (M,)."""
        return HighMaxima(self.best[probes], self.high[probes], self.floor)

    def reached(self, threshold: float) -> sparse.csr_array:
        """Who matches: bool (M, P) in a sparse array.

        Args:
            threshold: at least `floor`; compared exactly, not rounded to float32 first.

        Raises:
            ShapeError: it is below the floor.
        """
        if threshold < self.floor:
            raise ShapeError(f"got threshold {threshold}; expected at least {self.floor}: what is below was not kept")
        kept = reached(self.high.data, threshold)
        before = np.concatenate([[0], np.cumsum(kept)])
        return sparse.csr_array(
            (np.ones(int(before[-1]), np.bool_), self.high.indices[kept], before[self.high.indptr]), self.high.shape
        )


def gallery_thresholds(cohort: Sequence[NDArray[np.float32]], fpirs: Sequence[float]) -> list[GalleryThreshold]:
    """Thresholds at false positive identification rates, set on photos of real people who are in no gallery.

    With C photos, G galleries and k = floor(a·G·C) it is the smallest float32 that at most k of the G·C searches
    reach: the mean of the galleries' FPIR is at most a, and the order of galleries does not matter.

    Args:
        cohort: float32 (C,), similarities at rank 1 of the photos in each of G galleries.
        fpirs: rates a, each in (0, 1].

    Returns:
        One for each rate; without a threshold where k is 0, or where so few searches were acquired that any threshold
        would do; ``"weak"`` where k is below 30.

    Raises:
        ConfigError: a rate outside (0, 1].
    """
    best = np.concatenate(list(cohort))
    acquired = int(np.count_nonzero(~np.isneginf(best)))
    found = []
    for fpir in fpirs:
        point = threshold_at_searches(best, fpir)
        name, searches = fpir_name(point.requested_fpir), point.nonmate_searches
        if acquired <= point.allowed_false_positives < searches:
            found.append(GalleryThreshold(name, None, "insufficient", searches))
        else:
            found.append(GalleryThreshold(name, point.threshold, point.support, searches))
    return found


def highest(maxima: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rank-1 similarity of each probe, float32 (M,); -inf where it was compared with nobody.

    Args:
        maxima: float32 (M, P).
    """
    best: NDArray[np.float32] = maxima.max(axis=1, initial=np.float32(-np.inf))
    return best


def reached(maxima: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Who matches: bool of the same shape.

    Args:
        maxima: float32 of any shape.
        threshold: compared exactly, not rounded to float32 first.
    """
    hits: NDArray[np.bool_] = maxima >= np.float64(threshold)
    return hits


def check_maxima(maxima: NDArray[np.float32], probes: int, what: str) -> None:
    """Refuses an array that is not what this module's docstring says.

    Args:
        maxima: to be float32 (M, P).
        probes: M.
        what: they are called in an error.

    Raises:
        ShapeError: another dtype or shape, nobody in the gallery, NaN or +inf.
    """
    if maxima.dtype != np.float32 or maxima.ndim != 2 or len(maxima) != probes or not maxima.shape[1]:
        raise ShapeError(
            f"got {what} {maxima.dtype} {maxima.shape}; expected float32 ({probes}, P) for P people, at least one"
        )
    _check_similarities(maxima, what)


def check_best(best: NDArray[np.float32], probes: int, what: str) -> None:
    """Refuses similarities at rank 1 that are none.

    Args:
        best: to be float32 (M,).
        probes: M.
        what: they are called in an error.

    Raises:
        ShapeError: another dtype or shape, NaN or +inf.
    """
    if best.dtype != np.float32 or best.shape != (probes,):
        raise ShapeError(f"got {what} {best.dtype} {best.shape}; expected float32 ({probes},)")
    _check_similarities(best, what)


def _check_similarities(scores: NDArray[np.float32], what: str) -> None:
    if np.isnan(scores).any() or np.isposinf(scores).any():
        raise ShapeError(f"got NaN or +inf among {what}; expected similarities, and -inf where nothing was compared")


def difference_interval(
    first: float, of_first: Interval, second: float, of_second: Interval, bounds: tuple[float, float]
) -> Interval:
    """The interval of a difference of two figures of different probes, from their own intervals.

    Each end is as far from the difference as the two ends that lead there are from their figures, taken as the legs of
    a right triangle. It takes the two for independent; where the same people stand on both sides the two figures move
    together, and the interval is too wide rather than too narrow.

    Args:
        first: what is subtracted from.
        of_first: its interval.
        second: what is subtracted.
        of_second: its interval.
        bounds: the least and the greatest difference there can be.

    Returns:
        ``"exact"`` where either is, else as `of_first`.

    Source:
        Newcombe, Statistics in Medicine 17, 1998, method 10; Zou and Donner, Statistics in Medicine 27, 2008.
    """
    value = first - second
    low = value - math.hypot(first - of_first.low, of_second.high - second)
    high = value + math.hypot(of_first.high - first, second - of_second.low)
    method = "exact" if "exact" in (of_first.method, of_second.method) else of_first.method
    return Interval(max(low, bounds[0]), min(high, bounds[1]), method)
