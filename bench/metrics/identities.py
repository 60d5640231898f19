"""How many different people made faces show: how alike faces of one source and of different sources are.

A generator that makes a thousand faces of ten people leaks nothing and is of no use. Scores are between made faces of
one set, by one recognizer, of the faces that it acquired.

- Faces are gone through in their order, and one is kept if it matches none of those kept before: its share is that of
  *unique identities*. It depends on how many faces there are and on their order, and has no interval.
- Pairs of faces of the same contributors are *within*, those without a contributor in common *between*; pairs that
  share some are neither. A mean over pairs has the jackknife's interval, leaving out one person with all faces of
  theirs after the other; none where leaving out somebody leaves no pair.

Source: Kim et al., CVPR 2023 (DCFace), for unique identities; Efron and Stein, Annals of Statistics 9, 1981.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from bench.errors import ShapeError
from bench.metrics.figures import figure
from bench.metrics.galleries import GalleryThreshold
from bench.metrics.intervals import TAIL, Interval
from bench.metrics.operating import support_of
from bench.metrics.shares import Contributors
from bench.metrics.verification import FigureValue

_ROWS_AT_ONCE = 1024


def assess_identities(
    scores: NDArray[np.float32], contributors: Contributors, thresholds: Sequence[GalleryThreshold] = ()
) -> list[FigureValue]:
    """How many people M made faces show.

    Args:
        scores: float32 (M, M), of each face with each; the diagonal does not matter. Acquired faces only.
        contributors: whose faces they are.
        thresholds: 1:1 thresholds.

    Returns:
        The mean within, where there is such a pair, and between; then the share of unique identities at each threshold.

    Raises:
        ShapeError: arrays that do not fit each other, or a score that is not finite.
    """
    faces = len(contributors)
    if scores.dtype != np.float32 or scores.shape != (faces, faces):
        raise ShapeError(f"got scores {scores.dtype} {scores.shape}; expected float32 ({faces}, {faces})")
    values = [value for value in _means(scores, contributors) if value.n]
    for point in thresholds:
        name = figure("unique_identity_rate").name
        if point.threshold is None or not faces:
            values.append(FigureValue(name, point.name, None, None, None, faces, "insufficient"))
            continue
        kept = int(np.count_nonzero(unique_identities(scores >= np.float64(point.threshold))))
        support = support_of(min(kept, faces - kept)) if point.support == "ok" else point.support
        values.append(FigureValue(name, point.name, kept / faces, None, None, faces, support))
    return values


def unique_identities(matches: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which faces match no face that was kept before them, bool (M,).

    Args:
        matches: bool (M, M), symmetric; the diagonal does not matter.

    Raises:
        ShapeError: another shape or dtype.
    """
    if matches.dtype != np.bool_ or matches.ndim != 2 or matches.shape[0] != matches.shape[1]:
        raise ShapeError(f"got matches {matches.dtype} {matches.shape}; expected bool (M, M)")
    taken = np.zeros(len(matches), np.bool_)
    kept = np.zeros(len(matches), np.bool_)
    for face, row in enumerate(matches):
        if not taken[face]:
            kept[face] = True
            taken |= row
    return kept


def _means(scores: NDArray[np.float32], contributors: Contributors) -> Iterator[FigureValue]:
    faces = len(contributors)
    _, whose = np.unique(np.sort(contributors.people, axis=1), axis=0, return_inverse=True)
    whose = whose.ravel()
    ones = np.ones(contributors.people.size, np.float32)
    rows = np.repeat(np.arange(faces), contributors.people.shape[1])
    of_person = sparse.csr_array((ones, (rows, contributors.people.ravel())), (faces, contributors.count))
    sums, counts = np.zeros((2, 2, faces))
    for start in range(0, faces, _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        block = scores[part].astype(np.float64)
        own = np.arange(start, start + len(block))
        block[np.arange(len(block)), own] = 0.0
        if not np.isfinite(block).all():
            raise ShapeError("got a score that is not finite; leave out the faces that were not acquired")
        within = whose[part, np.newaxis] == whose
        within[np.arange(len(block)), own] = False
        between = (of_person[part] @ of_person.T).toarray() == 0
        for kind, pairs in enumerate((within, between)):
            counts[kind, part] = np.count_nonzero(pairs, axis=1)
            sums[kind, part] = np.where(pairs, block, 0.0).sum(axis=1)
    present = np.bincount(contributors.people.ravel(), minlength=contributors.count) > 0
    for name, of_faces, pairs in zip(("similarity_within_mean", "similarity_between_mean"), sums, counts, strict=True):
        total, number = math.fsum(of_faces.tolist()) / 2, int(pairs.sum()) // 2
        value = FigureValue(figure(name).name, None, None, None, None, number, "insufficient")
        if number:
            # A pair within has both of its faces of a person, a pair between one at most.
            share = 2 if name == "similarity_within_mean" else 1
            left_sums, left_counts = (
                whole - (of_person.T @ each)[present] / share for whole, each in ((total, of_faces), (number, pairs))
            )
            low, high, method = _jackknifed(total / number, left_sums, left_counts) or (None, None, None)
            value = replace(
                value, value=total / number, low=low, high=high, support=support_of(number), interval=method
            )
        yield value


def _jackknifed(value: float, sums: NDArray[np.float64], counts: NDArray[np.float64]) -> Interval | None:
    """Student's t, with the jackknife's variance over people; None where somebody is in all pairs."""
    people = len(sums)
    if people < 2 or (counts < 0.5).any():
        return None
    left = np.sort(sums / counts).tolist()
    mean = math.fsum(left) / people
    variance = (people - 1) / people * math.fsum((each - mean) ** 2 for each in left)
    half = float(special.stdtrit(people - 1, 1 - TAIL)) * math.sqrt(variance)
    return Interval(value - half, value + half, "jackknife")
