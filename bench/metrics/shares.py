"""Means over made faces, of which each rests on K people, and how sure they are.

Two faces that share a person depend on each other, whatever place the person has in either. What is averaged over faces
is a share in [0, 1] (such as that of a face's attempts that match), the difference of two, or a similarity. With values
y_i and weights w_i of face i, the mean is Σy_i / Σw_i: a plain mean where all weights are 1, a ratio of sums where not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.errors import InsufficientData, ShapeError
from bench.metrics.clusters import Clusters, independent_trials
from bench.metrics.intervals import (
    FEWEST_DEGREES,
    TAIL,
    Interval,
    effective_trials,
    score_interval,
    wilson_interval,
    zero_error_bound,
)
from bench.metrics.variance import RateSpread

_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Contributors:
    """Which K people each of M faces rests on.

    Attributes:
        people: int32 (M, K), codes from 0 to `count` - 1, different within a face; in any order.
        count: how many codes there are, whether or not each appears.
    """

    people: NDArray[np.int32]
    count: int

    def __post_init__(self) -> None:
        people = self.people
        if people.dtype != np.int32 or people.ndim != 2 or not people.shape[1]:
            raise ShapeError(f"got people {people.dtype} {people.shape}; expected int32 (M, K) with K of at least 1")
        if people.size and not 0 <= int(people.min()) <= int(people.max()) < self.count:
            raise ShapeError(
                f"got people from {people.min()} to {people.max()}; expected codes from 0 to {self.count - 1}"
            )
        ordered = np.sort(people, axis=1)
        twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        if twice.any():
            raise ShapeError(f"got a person twice in face {int(np.argmax(twice))}; expected K different people a face")

    def __len__(self) -> int:
        """How many faces there are."""
        return len(self.people)

    def select(self, faces: NDArray[np.bool_]) -> Contributors:
        """Those of some faces, with the same codes and the same `count`.

        Args:
            faces: bool (M,), which faces.
        """
        return Contributors(self.people[faces], self.count)


def independent_faces(contributors: Contributors) -> int:
    """How many faces can be chosen of which no two share a person.

    For one or two people a face as `clusters.independent_trials`. For more, faces are gone through from those whose
    people have the fewest faces, and each is chosen whose people are all free: at least a K-th of the most that could
    be chosen.

    Args:
        contributors: of M faces.

    Returns:
        From 0 (no face) to M; the same for every order of faces and of the people in them.
    """
    people = contributors.people
    if people.shape[1] <= 2:
        return independent_trials(Clusters(people[:, 0].copy(), people[:, -1].copy(), contributors.count))
    sets = np.unique(np.sort(people, axis=1), axis=0)
    faces = np.bincount(sets.ravel(), minlength=contributors.count)
    order = np.lexsort((*sets.T[::-1], faces[sets].sum(axis=1)))
    free = np.ones(contributors.count, np.bool_)
    chosen = 0
    for members in sets[order]:
        if free[members].all():
            free[members] = False
            chosen += 1
    return chosen


def mean_variance(
    values: NDArray[np.float64], contributors: Contributors, weights: NDArray[np.float64] | None = None
) -> float:
    """The variance of a mean over faces, where faces that share a person may depend on each other.

    With p = Σy / Σw and residuals r_i = y_i - p·w_i it is the sum of r_i·r_j over all ordered pairs of faces that share
    at least one person, by (Σw)²; for a ratio of sums that is its linearisation. The sum is taken by inclusion and
    exclusion: with R_T the sum of the residuals of all faces that have all the people of T, it is
    Σ_T (-1)^(|T|+1)·R_T² over all sets T of 1 to K people. As in `variance.rate_variance`, to which this is equal for
    two people a face, what faces of other people add to each other may come out negative where there are few people,
    and then counts as 0.

    Args:
        values: float64 (M,), y.
        contributors: of the same faces.
        weights: float64 (M,), w, at least 0 and together above 0; None for 1 each.

    Returns:
        At least 0; the same for every order of faces and of the people in them.

    Raises:
        ShapeError: arrays of another shape, or a value that is not finite.
        InsufficientData: no face, or no weight.

    Source:
        Aronow, Samii and Assenova, Political Analysis 23, 2015; more people than two after Cameron, Gelbach and Miller,
        JBES 29, 2011.
    """
    residuals, whole = _residuals(values, contributors, weights)
    return _dependent_sum(residuals, contributors) / whole**2


def mean_spread(
    values: NDArray[np.float64], contributors: Contributors, weights: NDArray[np.float64] | None = None
) -> RateSpread:
    """The variance of a mean over faces, at least that of independent faces, and how many people it rests on.

    The degrees of freedom are those of `variance.rate_spread`. The variance is at least Σr_i² / (Σw)², since a smaller
    one is a chance of few people: faces of different people do not make each other surer.

    Args:
        values: float64 (M,), y.
        contributors: of the same faces.
        weights: float64 (M,), w; None for 1 each.

    Raises:
        ShapeError: arrays of another shape, or a value that is not finite.
        InsufficientData: no face, or no weight.
    """
    residuals, whole = _residuals(values, contributors, weights)
    alone = math.fsum(np.square(residuals).tolist())
    numerator = max(_dependent_sum(residuals, contributors), alone)
    sums, squares = _of_people(residuals, contributors)
    uncertain = math.fsum(np.square(np.square(sums) - squares).tolist())
    degrees = max(numerator**2 / uncertain, 1.0) if uncertain > 1e-18 * numerator**2 else math.inf
    return RateSpread(numerator / whole**2, degrees)


def share_interval(
    values: NDArray[np.float64],
    contributors: Contributors,
    weights: NDArray[np.float64] | None = None,
    attempts: int | None = None,
) -> Interval:
    """The interval of a mean of shares, or of a ratio of two sums of shares: Wilson's with an effective number.

    n* = p(1 - p) / Var, with `mean_spread` and its (z / t)² where few people make up the variance, as in
    `intervals.rate_interval`; equal to that where two people are in a face and every share is 0 or 1. A share between
    them is an average over a face's attempts, varies less than a single decision, and may make n* larger than the
    number of faces, up to that of attempts.

    Where no two faces differ, faces say nothing about how they depend on each other. Then of N faces that share
    nobody none was otherwise, so that at most 1 - 0.05^(1/N) of all faces are, and the mean is no farther from the
    common value than that share of the range allows.

    Args:
        values: float64 (M,), y in [0, w].
        contributors: of the same faces.
        weights: float64 (M,), w in [0, 1]; None for 1 each.
        attempts: how many decisions the shares are of, at least one a face; None for one a face.

    Returns:
        The interval, within [0, 1]; ``"wilson"`` or ``"exact"``.

    Raises:
        ShapeError: arrays of another shape, or a share outside its range.
        InsufficientData: no face, or no weight.
    """
    values, contributors, weights = _weighing(values, contributors, weights)
    if (values < 0).any() or (values > weights).any() or (weights > 1).any():
        raise ShapeError("got a share below 0 or above its weight; expected 0 <= value <= weight <= 1")
    shares = values / weights
    if float(np.ptp(shares)) <= _ROUNDING:
        return _of_equals(float(shares[0]), contributors, (0.0, 1.0))
    rate = math.fsum(values.tolist()) / math.fsum(weights.tolist())
    spread = mean_spread(values, contributors, weights)
    decisions = len(values) if attempts is None else max(attempts, len(values))
    if ((shares == 0) | (shares == 1)).all() and (weights == 1).all():
        effective = effective_trials(rate, spread.variance, len(values), spread.degrees)
        return Interval(*wilson_interval(rate, effective, int(values.sum()), len(values)), "wilson")
    # What shares between 0 and 1 vary by themselves is estimated from the faces, and not known from their mean.
    degrees = min(spread.degrees, len(values) - 1)
    effective = effective_trials(rate, spread.variance, decisions, degrees)
    return Interval(*score_interval(rate, effective), "wilson")


def mean_interval(
    values: NDArray[np.float64], contributors: Contributors, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> Interval | None:
    """The interval of a mean of any quantity: mean ± t·sqrt(Var·M / (M - 1)), cut at the ends of its range.

    Student's t has the degrees of `mean_spread`, at most M - 1. Where no two faces differ, as `share_interval`.

    Args:
        values: float64 (M,).
        contributors: of the same faces.
        bounds: the least and the greatest value that a face can have.

    Returns:
        The interval, ``"clustered"`` or ``"exact"``; None where no two faces differ and the range has no ends.

    Raises:
        ShapeError: arrays of another shape, or a value that is not finite.
        InsufficientData: no face.
    """
    spread = mean_spread(values, contributors)
    if float(np.ptp(values)) <= _ROUNDING:
        return _of_equals(float(values[0]), contributors, bounds) if all(map(math.isfinite, bounds)) else None
    faces = len(values)
    degrees = max(min(spread.degrees, faces - 1), FEWEST_DEGREES)
    half = float(special.stdtrit(degrees, 1 - TAIL)) * math.sqrt(spread.variance * faces / (faces - 1))
    mean = math.fsum(values.tolist()) / faces
    return Interval(max(mean - half, bounds[0]), min(mean + half, bounds[1]), "clustered")


def _of_equals(value: float, contributors: Contributors, bounds: tuple[float, float]) -> Interval:
    other = zero_error_bound(independent_faces(contributors))
    low, high = bounds
    return Interval(value - other * (value - low), value + other * (high - value), "exact")


def _weighing(
    values: NDArray[np.float64], contributors: Contributors, weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], Contributors, NDArray[np.float64]]:
    """Those faces that have a weight."""
    weights = np.ones(len(values)) if weights is None else weights
    if values.shape != (len(contributors),) or weights.shape != values.shape:
        raise ShapeError(
            f"got values {values.shape} and weights {weights.shape} for {len(contributors)} faces; expected (M,)"
        )
    if not (np.isfinite(values).all() and np.isfinite(weights).all() and (weights >= 0).all()):
        raise ShapeError("got a value or weight that is not finite; leave out the faces without one")
    faces = weights > 0
    if not faces.any():
        raise InsufficientData("got no face with a weight; a mean needs at least one")
    return values[faces], contributors.select(faces), weights[faces]


def _residuals(
    values: NDArray[np.float64], contributors: Contributors, weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], float]:
    """Residuals, 0 for a face without weight, and the sum of the weights."""
    _weighing(values, contributors, weights)
    weights = np.ones(len(values)) if weights is None else weights
    whole = math.fsum(weights.tolist())
    return values - math.fsum(values.tolist()) / whole * weights, whole


def _dependent_sum(residuals: NDArray[np.float64], contributors: Contributors) -> float:
    # Faces in the order of their residuals, so that sums do not depend on the order in which they were given.
    order = np.argsort(residuals, kind="stable")
    residuals, people = residuals[order], np.sort(contributors.people[order], axis=1)
    terms, same = [], 0.0
    for size in range(1, people.shape[1] + 1):
        for_each = [people[:, list(places)] for places in combinations(range(people.shape[1]), size)]
        sets = np.stack(for_each, axis=1).reshape(-1, size)
        _, group = np.unique(sets, axis=0, return_inverse=True)
        sums = np.bincount(group.ravel(), np.repeat(residuals, len(for_each)))
        same = math.fsum(np.square(sums).tolist())
        terms.append(same if size % 2 else -same)
    return same + max(math.fsum([*terms, -same]), 0.0)


def _of_people(
    residuals: NDArray[np.float64], contributors: Contributors
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each person the sum of their faces' residuals, and of the squares."""
    order = np.argsort(residuals, kind="stable")
    people = contributors.people[order].ravel()
    each = np.repeat(residuals[order], contributors.people.shape[1])
    sums, squares = (np.bincount(people, of, contributors.count).astype(np.float64) for of in (each, np.square(each)))
    return sums, squares
