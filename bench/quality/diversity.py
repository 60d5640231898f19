"""How varied made faces are, as figures with intervals: among each other, and over several makings of one face.

All distances are |x - y|² of a recognizer's embeddings, of length 1: between 0 and 4, and their mean over all pairs is
twice the total variance. So a ratio of two such means is one of variances. The first `MOST_FACES` faces take part.

Intervals are percentiles over a double-or-nothing bootstrap of people: a draw keeps the pairs whose people are all
kept. Embeddings are put on a grid on which products and sums are whole numbers below 2^53, so that figures are the same
to the bit however many threads the linear algebra has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.figures import figure
from bench.metrics.intervals import percentile_interval
from bench.metrics.kept_means import FaceMean, drawn_means
from bench.metrics.operating import support_of
from bench.metrics.shares import Contributors
from bench.metrics.verification import FigureValue
from bench.metrics.vulnerability import MeanKey
from bench.quality.distances import unit_rows

MOST_FACES = 1000
"""Pairs are of so many faces at most; their sums are exact up to 1,024."""

DIFFERENT, SAME = "different people", "same people"
"""Groups of pairs: of faces without a contributor in common, and of faces with the same contributors in the same
places and other photos of one of them at least."""

_SUM_BITS = 30
_EXACT_BITS = 52


@dataclass(frozen=True, eq=False)
class Variety:
    """What is known of M faces, each of K photos, and of further makings of the first F of them.

    Attributes:
        faces: float32 (M, D), embeddings of the made faces.
        photos: float32 (M, K, D), embeddings of the photos that they were made of.
        usable: bool (M,), the faces that were acquired together with all of their photos.
        people: int32 (M, K), who contributes, codes from 0 to `count` - 1, different within a face.
        count: how many codes there are.
        makings: float32 (F, R, D), embeddings of R makings of each of the first F faces, the face itself among them.
        acquired: bool (F, R), which of them were acquired.
    """

    faces: NDArray[np.float32]
    photos: NDArray[np.float32]
    usable: NDArray[np.bool_]
    people: NDArray[np.int32]
    count: int
    makings: NDArray[np.float32]
    acquired: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Raises `ShapeError` for arrays that do not fit each other."""
        (faces, contributors), (some, repeats) = self.people.shape, self.acquired.shape
        width = self.faces.shape[1]
        for name, shape in (
            ("faces", (faces, width)),
            ("photos", (faces, contributors, width)),
            ("usable", (faces,)),
            ("makings", (some, repeats, width)),
        ):
            if getattr(self, name).shape != shape:
                raise ShapeError(f"got {name} {getattr(self, name).shape}; expected {shape}")
        if some > faces:
            raise ShapeError(f"got makings of {some} faces; there are {faces}")


def assess_diversity(
    variety: Variety, kept: NDArray[np.bool_]
) -> tuple[list[FigureValue], dict[MeanKey, NDArray[np.float64]]]:
    """How varied faces are, with ``"bootstrap"`` intervals.

    Args:
        variety: of one maker, as one recognizer sees it.
        kept: bool (B, P), who is kept in each draw, for the P codes; B of 0 for no intervals.

    Returns:
        Figures in the order of `figures.FIGURES`, and each on every draw. `n` counts the faces that take part; fewer
        than 30 are ``"weak"``. Pairs of the same people have figures where there are such pairs only.
    """
    values: list[FigureValue] = []
    draws: dict[MeanKey, NDArray[np.float64]] = {}

    def add(name: str, group: str | None, value: float | None, n: int, on_draws: NDArray[np.float64]) -> None:
        defined = value is not None and on_draws.size
        low, high, method = (percentile_interval(on_draws) if defined else None) or (None, None, None)
        support = support_of(n) if value is not None else "insufficient"
        values.append(FigureValue(figure(name).name, None, value, low, high, n, support, method, group))
        if defined:
            draws[name, None, group] = on_draws

    pairs = _Pairs(variety)
    sums = {group: pairs.sums(group, kept) for group in (DIFFERENT, SAME)}
    groups = [group for group in (DIFFERENT, SAME) if group == DIFFERENT or sums[group].pairs]
    for name in ("face_distance_mean", "photo_distance_mean", "diversity_ratio"):
        for group in groups:
            value, on_draws = sums[group].figure(name)
            add(name, group, value, sums[group].faces, on_draws)
    mean, on_draws, n = _makings(variety, kept)
    if variety.acquired.shape[1] > 1:
        add("making_distance_mean", None, mean, n, on_draws)
        apart, apart_draws = sums[DIFFERENT].figure("photo_distance_mean")
        ratio = mean / apart if mean is not None and apart else None
        add("making_diversity_ratio", None, ratio, n, _divided(on_draws, apart_draws))
    return values, draws


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over the pairs of a group: of all of them first, then of those that each draw keeps."""

    faces: int
    pairs: int
    tops: Mapping[str, NDArray[np.float64]]
    bottoms: Mapping[str, NDArray[np.float64]]

    def figure(self, name: str) -> tuple[float | None, NDArray[np.float64]]:
        """A figure and its draws."""
        value, *drawn = _divided(self.tops[name], self.bottoms[name])
        return None if math.isnan(value) else float(value), np.asarray(drawn, dtype=np.float64)


class _Pairs:
    """The distances of all pairs of the faces that take part, in whole numbers of 2^-30."""

    def __init__(self, variety: Variety) -> None:
        chosen = np.flatnonzero(variety.usable)[:MOST_FACES]
        self.people, self.count = variety.people[chosen], variety.count
        self.faces = _distances(variety.faces[chosen])
        photos = [_distances(variety.photos[chosen, place]) for place in range(variety.people.shape[1])]
        self.photos = np.rint(np.sum(photos, axis=0) / len(photos))
        mine = self.people
        shared = (mine[:, None, :, None] == mine[None, :, None, :]).any(axis=(2, 3))
        # In another order photos of different people would be compared; of the very same photos only noise would show.
        same = (mine[:, None, :] == mine[None, :, :]).all(axis=2) & (self.photos > 0)
        self.groups = {DIFFERENT: ~shared, SAME: same}

    def sums(self, group: str, kept: NDArray[np.bool_]) -> _Sums:
        """The sums over a group's pairs; each pair counts twice, which cancels."""
        chosen = self.groups[group]
        everybody = np.ones((1, self.count), np.bool_)
        all_kept = np.concatenate([everybody, kept])[:, self.people].all(axis=2).astype(np.float64)
        faces, photos, number = (
            ((all_kept @ np.where(chosen, each, 0.0)) * all_kept).sum(axis=1)
            for each in (self.faces, self.photos, np.ones_like(self.faces))
        )
        unit = 2.0**-_SUM_BITS
        return _Sums(
            faces=int(chosen.any(axis=1).sum()),
            pairs=int(chosen.sum()) // 2,
            tops={"face_distance_mean": faces * unit, "photo_distance_mean": photos * unit, "diversity_ratio": faces},
            bottoms={"face_distance_mean": number, "photo_distance_mean": number, "diversity_ratio": photos},
        )


def _distances(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Squared distances of all pairs of rows, of length 1, in whole numbers of 2^-30; exact whatever the BLAS."""
    if not len(embeddings):
        return np.zeros((0, 0))
    distances: NDArray[np.float64] = np.rint(np.ldexp(_between(embeddings, embeddings), _SUM_BITS))
    return distances


def _between(embeddings: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    bits = (_EXACT_BITS - embeddings.shape[1].bit_length()) // 2
    one, other = (np.rint(np.ldexp(unit_rows(each), bits)) for each in (embeddings, others))
    squares = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1)[None, :]
    distances: NDArray[np.float64] = np.ldexp(squares - 2 * (one @ other.T), -2 * bits)
    return distances


def _makings(variety: Variety, kept: NDArray[np.bool_]) -> tuple[float | None, NDArray[np.float64], int]:
    """The mean distance between makings of one face, its draws, and over how many faces it is."""
    of_faces = np.full(len(variety.people), np.nan)
    for face, there in enumerate(variety.acquired):
        if np.count_nonzero(there) > 1:
            some = variety.makings[face, there]
            count = len(some)
            of_faces[face] = math.fsum(_between(some, some).ravel().tolist()) / (count * (count - 1))
    known = ~np.isnan(of_faces)
    n = int(np.count_nonzero(known))
    if not n:
        return None, np.full(len(kept), np.nan), 0
    drawn = drawn_means({"": FaceMean.of_known(of_faces)}, Contributors(variety.people, variety.count), kept)
    return math.fsum(of_faces[known].tolist()) / n, drawn[""], n


def _divided(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=values, where=bottom > 0)
    return values
