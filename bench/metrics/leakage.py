"""Leakage: whether made faces come nearer to the people a generator learned from than to others whom it never saw.

Task: from the scores of M made faces with P people *learned from* (train) and P *held out* (holdout), person by person
with equally many photos, say how often faces match either, and whether the difference is more than chance.

Conventions
-----------
- Maxima are as in `galleries`; a probe that was not acquired matches nobody, and counts in rates.
- LR_T and LR_H, the shares of faces that match anybody learned from, and held out; *excess leakage* is LR_T - LR_H.
  The more people, the more faces match somebody by chance: equally in both, so the excess is free of it.
- ``fpir=a``: the smallest float32 at which at most floor(a·2C) of the 2·C searches of C photos of real strangers in
  the two galleries return anybody: the mean FPIR is at most a, and neither gallery has a say more than the other.
- Membership AUC: the share of acquired faces whose nearest person was learned from, ties half. It needs no threshold.
- A face is *authentic* if it is farther from its nearest photo t1 than t1 is from the nearest photo of another person;
  it is *memorised* if d(s, t1) < d(s, t2) / 3, t2 the nearest photo of another person than t1's. Distances of cosines
  are sqrt(2 - 2·score), of ``neg_l2`` -score. Both are also computed among people held out, whom no face copies.
- Support: as weak as the threshold; a rate with fewer than 30 matches, a difference with fewer than 30 faces that match
  in one gallery only.

Intervals hold both galleries fixed: they are about other faces of this generator. Some people are like many others, and
if they happen to stand in one gallery the excess is not 0 although nothing leaks. Whether it is more than that is what
the p-value says: it exchanges people (`swaps`), and holds whatever faces and people have to do with each other.

Excess leakage is a mean of +1, 0 and -1, with Student's t and twice the degrees of `shares.mean_spread`, which are
Satterthwaite's: 2·V² / Var(V), where the variance V is uncertain by what faces of one person add to each other.
Where no two faces differ, the exact bound of `shares`.

Source: Alaa et al., ICML 2022 (authenticity); Yoon et al., 2023 (memorisation); the rest is ours. docs/leakage.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.errors import ShapeError
from bench.metrics.face_figures import FaceRow, figure_of
from bench.metrics.figure_rows.leakage import ROWS
from bench.metrics.figures import figure
from bench.metrics.galleries import GalleryThreshold, check_best, check_maxima, gallery_thresholds, highest, reached
from bench.metrics.intervals import FEWEST_DEGREES, TAIL, Interval
from bench.metrics.kept_means import FaceMean, drawn_means
from bench.metrics.operating import Support
from bench.metrics.shares import Contributors, mean_interval, mean_spread
from bench.metrics.swaps import SwapTest, swap_test
from bench.metrics.verification import FigureValue
from bench.metrics.vulnerability import MeanKey

DEFAULT_FPIRS = (0.1, 0.01)
"""Galleries of training people are large and cohorts are not: 0.001 would take 15,000 strangers' photos to be sure."""

PERMUTATIONS = 9999
MEMORISED = 1 / 3
Draws = dict[MeanKey, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class LeakageScores:
    """Made faces and real strangers, searched for among P people learned from and P held out.

    Attributes:
        train: float32 (M, P), maxima of made faces with people learned from.
        holdout: float32 (M, P), with people held out; person j of either has as many photos.
        contributors: whose faces they are: people of neither gallery, or each face its own.
        real_train: float32 (C,), similarities at rank 1, among people learned from, of photos of real strangers, who
            are in neither gallery; C may be 0.
        real_holdout: float32 (C,), among people held out.
        real_people: of the strangers, one person a photo.

    Raises:
        ShapeError: arrays that do not fit each other, NaN or +inf.
    """

    train: NDArray[np.float32]
    holdout: NDArray[np.float32]
    contributors: Contributors
    real_train: NDArray[np.float32]
    real_holdout: NDArray[np.float32]
    real_people: Contributors

    def __post_init__(self) -> None:
        for what, maxima in (("learned from", self.train), ("held out", self.holdout)):
            check_maxima(maxima, len(self.contributors), f"maxima with people {what}")
            if maxima.shape[1] != self.train.shape[1]:
                raise ShapeError(
                    f"got maxima with people {what} {maxima.shape}; expected {self.train.shape[1]} people, as learned "
                    "from"
                )
        for what, best in (("learned from", self.real_train), ("held out", self.real_holdout)):
            check_best(best, len(self.real_people), f"similarities of strangers among people {what}")


@dataclass(frozen=True, eq=False)
class NearestPhotos:
    """The nearest photo of a gallery to each of M made faces.

    Attributes:
        similarity: float32 (M,), of the face and its nearest photo t1; NaN where the face was not acquired.
        to_another: float32 (M,), of t1 and the nearest photo of another person of the gallery.

    Raises:
        ShapeError: arrays of other shapes.
    """

    similarity: NDArray[np.float32]
    to_another: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.similarity.ndim != 1 or self.similarity.shape != self.to_another.shape:
            raise ShapeError(f"got {self.similarity.shape} and {self.to_another.shape}; expected (M,) twice")

    def authentic(self) -> NDArray[np.float64]:
        """Whether each face is authentic, 1 or 0; NaN where a similarity is."""
        known = ~np.isnan(self.similarity) & ~np.isnan(self.to_another)
        return np.where(known, self.similarity < self.to_another, np.nan)


@dataclass(frozen=True, eq=False)
class MatchedGalleries:
    """Two galleries of P people each, the j-th person of either with as many photos.

    Attributes:
        train: int64 (P,), which people learned from.
        holdout: int64 (P,), which people held out.
        photos: int64 (P,), how many photos of each, at least 1, descending.
    """

    train: NDArray[np.int64]
    holdout: NDArray[np.int64]
    photos: NDArray[np.int64]


def matched_galleries(
    train_counts: NDArray[np.integer], holdout_counts: NDArray[np.integer], most_photos: int, rng: np.random.Generator
) -> MatchedGalleries:
    """Two galleries of one size, from people learned from and people held out.

    Of the side with more people as many as the other has are drawn; then people are paired by their number of photos,
    the largest with the largest, and each pair is cut to the smaller number. Which photos those are is up to the
    caller, and should not depend on the side.

    Args:
        train_counts: int (A,), photos of each person learned from; somebody with none does not take part.
        holdout_counts: int (B,), of each person held out.
        most_photos: at most so many of anybody, at least 1.
        rng: draws from the larger side.

    Raises:
        ShapeError: counts of another shape, or below 0, or a number of photos below 1.
    """
    counts = []
    for given in (train_counts, holdout_counts):
        if given.ndim != 1 or not np.issubdtype(given.dtype, np.integer) or (given.size and given.min() < 0):
            raise ShapeError(f"got counts {given.dtype} {given.shape}; expected int (A,) of at least 0")
        counts.append(given.astype(np.int64))
    if most_photos < 1:
        raise ShapeError(f"got {most_photos} photos at most; expected at least 1")
    some = [np.flatnonzero(of > 0) for of in counts]
    size = min(map(len, some))
    chosen = []
    for of, people in zip(counts, some, strict=True):
        drawn = people if len(people) == size else np.sort(rng.choice(people, size, replace=False))
        chosen.append(drawn[np.argsort(-np.minimum(of[drawn], most_photos), kind="stable")])
    photos = np.minimum(np.minimum(counts[0][chosen[0]], counts[1][chosen[1]]), most_photos)
    return MatchedGalleries(chosen[0], chosen[1], photos)


def assess_leakage(
    scores: LeakageScores,
    rng: np.random.Generator,
    thresholds: Sequence[GalleryThreshold] = (),
    fpirs: Sequence[float] = DEFAULT_FPIRS,
    comparison: Literal["cosine", "neg_l2"] = "cosine",
    nearest: tuple[NearestPhotos, NearestPhotos] | None = None,
    kept: NDArray[np.bool_] | None = None,
    permutations: int = PERMUTATIONS,
) -> tuple[list[FigureValue], Draws]:
    """All figures of leakage, with intervals and p-values.

    Args:
        scores: of M made faces and C photos of strangers.
        rng: draws the exchanges of the p-values.
        thresholds: 1:1 thresholds that were set elsewhere.
        fpirs: rates to set thresholds at for galleries of this size, on the strangers.
        comparison: what scores are, for distances.
        nearest: the nearest photos learned from and held out, of authenticity; None leaves it out.
        kept: bool (B, P), which contributors are kept in each draw; None or B of 0 for no draws.
        permutations: how many exchanges are drawn.

    Returns:
        Figures without operating point, then those of one operating point after the other, in the order of
        `figures.FIGURES`; and each mean on every draw, with thresholds and galleries as they are. A figure without a
        threshold has value None and is ``"insufficient"``. Nothing where there is no face.

    Raises:
        ConfigError: a rate outside (0, 1].
        ShapeError: arrays that do not fit.
    """
    if not len(scores.contributors):
        return [], {}
    values, drawn = _over_all_thresholds(scores, rng, comparison, nearest, kept, permutations)
    for point in [*gallery_thresholds([scores.real_train, scores.real_holdout], fpirs), *thresholds]:
        found = _AtPoint(scores, point)
        values += found.figures(rng, permutations)
        drawn |= found.draws(kept)
    return values, drawn


def distances(similarities: NDArray[np.floating], comparison: Literal["cosine", "neg_l2"]) -> NDArray[np.float64]:
    """The distance of two embeddings, of length 1 where scores are cosines, from their score.

    Args:
        similarities: of any shape; a cosine may be above 1 by rounding.
        comparison: ``"cosine"``, sqrt(2 - 2·score), or ``"neg_l2"``, -score.
    """
    exact = similarities.astype(np.float64)
    if comparison == "neg_l2":
        return np.negative(exact)
    apart: NDArray[np.float64] = np.sqrt(np.maximum(2 - 2 * exact, 0.0))
    return apart


def memorised(maxima: NDArray[np.float32], comparison: Literal["cosine", "neg_l2"]) -> NDArray[np.float64]:
    """Whether d(s, t1) < d(s, t2) / 3 for the nearest photos of two people, 1 or 0; NaN with fewer than two people.

    Args:
        maxima: float32 (M, P).
        comparison: what scores are.
    """
    if maxima.shape[1] < 2:
        return np.full(len(maxima), np.nan)
    second, first = np.partition(maxima, maxima.shape[1] - 2, axis=1)[:, -2:].T
    with np.errstate(invalid="ignore"):
        near = distances(first, comparison) < MEMORISED * distances(second, comparison)
    return np.where(np.isneginf(second), np.nan, near)


def difference_of_galleries(values: NDArray[np.float64], contributors: Contributors) -> Interval:
    """The interval of a mean of +1, 0 and -1, for other faces and these galleries.

    Args:
        values: float64 (M,).
        contributors: of the same faces.

    Raises:
        InsufficientData: no face.
    """
    interval = mean_interval(values, contributors, (-1.0, 1.0))
    if interval is None or interval.method == "exact":
        return interval or Interval(-1.0, 1.0, "exact")
    spread, faces = mean_spread(values, contributors), len(values)
    degrees = max(min(2 * spread.degrees, faces - 1), FEWEST_DEGREES)
    half = float(special.stdtrit(degrees, 1 - TAIL)) * math.sqrt(spread.variance * faces / (faces - 1))
    mean = math.fsum(values.tolist()) / faces
    return Interval(max(mean - half, -1.0), min(mean + half, 1.0), "clustered")


class _AtPoint:
    """The figures at one threshold."""

    def __init__(self, scores: LeakageScores, point: GalleryThreshold) -> None:
        self.scores, self.point = scores, point
        threshold = math.inf if point.threshold is None else point.threshold
        self.train, self.holdout = (reached(maxima, threshold) for maxima in (scores.train, scores.holdout))
        of_train, of_holdout = (np.asarray(each.any(axis=1), np.float64) for each in (self.train, self.holdout))
        one = np.ones(len(of_train), np.int64)
        self.rows = [
            FaceRow("leakage_rate", None, FaceMean.of_known(of_train), one),
            FaceRow("holdout_leakage_rate", None, FaceMean.of_known(of_holdout), one),
            FaceRow("excess_leakage", None, FaceMean.of_known(of_train - of_holdout), None),
        ]
        of_real_train, of_real_holdout = (
            reached(best, threshold).astype(np.float64) for best in (scores.real_train, scores.real_holdout)
        )
        both = (of_real_train + of_real_holdout) / 2
        self.real = FaceRow("clean_leakage_rate", None, FaceMean.of_known(both), np.full(len(both), 2, np.int64), 2)

    def figures(self, rng: np.random.Generator, permutations: int) -> list[FigureValue]:
        """All of them, in the table's order."""
        scores, (point, support) = self.scores, (self.point.name, self.point.support)
        values = [figure_of(row, scores.contributors, point, support) for row in self.rows]
        low, high, method = difference_of_galleries(self.rows[2].mean.values, scores.contributors)
        values[2] = replace(values[2], low=low, high=high, interval=method)
        if len(scores.real_train):
            values.append(figure_of(self.real, scores.real_people, point, support))
        if self.point.searches:
            name, of = figure("leakage_threshold").name, self.point.searches
            values.append(FigureValue(name, point, self.point.threshold, None, None, of, support))
        if self.point.threshold is None:
            values.append(FigureValue("excess_leakage_p_value", point, None, None, None, 0, "insufficient"))
            values = [
                replace(one, value=None, low=None, high=None, support="insufficient", interval=None) for one in values
            ]
        else:
            test = swap_test(self.train, self.holdout, permutations, rng)
            values.append(_p_value("excess_leakage_p_value", point, test, values[2].support))
        order = [row.name for row in ROWS]
        return sorted(values, key=lambda one: order.index(one.figure))

    def draws(self, kept: NDArray[np.bool_] | None) -> Draws:
        """The means on every draw."""
        if kept is None or not len(kept) or self.point.threshold is None:
            return {}
        return drawn_means({(r.name, self.point.name, None): r.mean for r in self.rows}, self.scores.contributors, kept)


def _over_all_thresholds(
    scores: LeakageScores,
    rng: np.random.Generator,
    comparison: Literal["cosine", "neg_l2"],
    nearest: tuple[NearestPhotos, NearestPhotos] | None,
    kept: NDArray[np.bool_] | None,
    permutations: int,
) -> tuple[list[FigureValue], Draws]:
    rows = list(_shares(scores, comparison, nearest))
    values = [_without_point(figure_of(row, scores.contributors, "", "ok")) for row in rows]
    # Whoever of all people is nearest: exchanging people moves them, and nothing else decides.
    best = np.maximum(highest(scores.train), highest(scores.holdout))[:, np.newaxis]
    there = ~np.isneginf(best)
    test = swap_test((scores.train == best) & there, (scores.holdout == best) & there, permutations, rng)
    p_value = _p_value("membership_auc_p_value", None, test, values[0].support)
    drawn: Draws = {}
    if kept is not None and len(kept):
        drawn = drawn_means({(row.name, None, None): row.mean for row in rows}, scores.contributors, kept)
    return [values[0], p_value, *values[1:]], drawn


def _shares(
    scores: LeakageScores,
    comparison: Literal["cosine", "neg_l2"],
    nearest: tuple[NearestPhotos, NearestPhotos] | None,
) -> Iterator[FaceRow]:
    """The shares without operating point: NaN for a face that does not count."""
    train, holdout = highest(scores.train), highest(scores.holdout)
    nearer = np.where(train == holdout, 0.5, train > holdout)
    of_faces = {"membership_auc": np.where(np.isneginf(np.maximum(train, holdout)), np.nan, nearer)}
    if nearest is not None:
        for name, photos in zip(("authenticity_rate", "holdout_authenticity_rate"), nearest, strict=True):
            if len(photos.similarity) != len(train):
                raise ShapeError(f"got nearest photos of {len(photos.similarity)} faces; expected {len(train)}")
            of_faces[name] = photos.authentic()
    of_faces["memorisation_ratio"] = memorised(scores.train, comparison)
    of_faces["holdout_memorisation_ratio"] = memorised(scores.holdout, comparison)
    one = np.ones(len(train), np.int64)
    for name, values in of_faces.items():
        yield FaceRow(name, None, FaceMean.of_known(values), one)


def _without_point(value: FigureValue) -> FigureValue:
    return replace(value, operating_point=None)


def _p_value(name: str, point: str | None, test: SwapTest, support: Support) -> FigureValue:
    """Of `test.draws` exchanges and the galleries as they are."""
    return FigureValue(figure(name).name, point, test.p_value, None, None, test.draws + 1, support)
