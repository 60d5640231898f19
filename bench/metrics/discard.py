"""Error-versus-discard characteristic: does a quality measure know which comparisons will fail?

The quality of a comparison is the lower one of its two photos'. At a threshold that is held, the mated comparisons of
lowest quality are discarded, and FNMR is taken of what is left. A good measure lets it fall.

- Discarding d means: the most comparisons that are at most the share d and whose quality is below everything left.
  Comparisons of equal quality go together or stay together, never by their order, so less than d may go.
- Between two qualities the curve is a step, not a line: nothing else can be discarded there.
- Comparisons that failed to acquire, and those of a photo without a value, take no part.
- The area up to d is (A - A_ideal) / (A_flat - A_ideal), where A is the area under the steps, A_ideal that under the
  steps of a measure that discards every error first, one by one, and A_flat = d·FNMR that of a measure that tells
  nothing. So 0 is ideal, 1 is as good as chance (a random order has it on average), above 1 misleads. Without an error
  there is no area.

Source: Grother and Tabassi, TPAMI 29(4), 2007; ISO/IEC 29794-1; limits of the area as in Schlett, Rathgeb, Tapia and
Busch, Considerations on the Evaluation of Biometric Quality Assessment Algorithms, arXiv 2303.13294.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.errors import InsufficientData, ShapeError
from bench.metrics.clusters import Clusters
from bench.metrics.operating import allowed_false_matches


@dataclass(frozen=True, eq=False)
class DiscardCurve:
    """What is left after each possible discarding; K steps, one before every distinct quality.

    Attributes:
        quality: float32 (K,), ascending: step k discards every comparison of a quality below this.
        discarded: int64 (K,), how many those are, from 0.
        errors: int64 (K,), false non-matches among the others.
        comparisons: G, how many comparisons there are.
    """

    quality: NDArray[np.float32]
    discarded: NDArray[np.int64]
    errors: NDArray[np.int64]
    comparisons: int

    @property
    def left(self) -> NDArray[np.int64]:
        """How many comparisons each step leaves, int64 (K,), at least 1."""
        return self.comparisons - self.discarded

    @property
    def fnmr(self) -> NDArray[np.float64]:
        """FNMR of what each step leaves, float64 (K,)."""
        return self.errors / self.left

    def step_at(self, share: float) -> int:
        """The last step that discards at most a share.

        Args:
            share: d, in [0, 1]; taken as the decimal that was typed, so that 0.29 of 100 comparisons are 29.
        """
        budget = allowed_false_matches(share, self.comparisons) if share else 0
        return int(np.searchsorted(self.discarded, budget, side="right")) - 1


def discard_curve(quality: NDArray[np.float32], errors: NDArray[np.bool_]) -> DiscardCurve:
    """The error-versus-discard characteristic of mated comparisons.

    Args:
        quality: float32 (G,), higher is better; at least one.
        errors: bool (G,), which comparisons a threshold rejects.

    Returns:
        The curve; the same for every order of comparisons.

    Raises:
        ShapeError: arrays that do not fit, or a quality that is not finite.
        InsufficientData: no comparison.
    """
    _check(quality, errors)
    distinct, place, count = np.unique(quality, return_inverse=True, return_counts=True)
    wrong = np.bincount(place[errors], minlength=distinct.size)
    return DiscardCurve(
        quality=distinct,
        discarded=np.cumsum(count) - count,
        errors=int(wrong.sum()) - np.cumsum(wrong) + wrong,
        comparisons=quality.size,
    )


def discard_area(curve: DiscardCurve, up_to: float) -> float:
    """The area under a curve between the ideal one and a flat one; see the module.

    Args:
        curve: with one false non-match or more, and not nothing else.
        up_to: the largest share discarded, in (0, 1).

    Raises:
        InsufficientData: no error, nothing but errors, or so few comparisons that not one may go: then no order is
            better than another.
    """
    if not 0 < int(curve.errors[0]) < curve.comparisons:
        raise InsufficientData(
            f"got {curve.errors[0]} errors in {curve.comparisons} comparisons; expected some of both"
        )
    # One long, in the order of quality: NumPy's sum of one row does not depend on anything else.
    widths = np.diff(np.minimum(np.append(curve.discarded, curve.comparisons), up_to * curve.comparisons))
    area = _normalised(float((curve.fnmr * widths).sum()), int(curve.errors[0]), curve.comparisons, up_to)
    if np.isnan(area):
        raise InsufficientData(f"got {curve.comparisons} comparisons; the share {up_to} of them is not more than one")
    return area


def drawn_discard_areas(
    quality: NDArray[np.float32],
    errors: NDArray[np.bool_],
    clusters: Clusters,
    kept: NDArray[np.bool_],
    limits: Sequence[float],
) -> NDArray[np.float64]:
    """`discard_area` on bootstrap draws of people, at several thresholds at once.

    Args:
        quality: float32 (G,).
        errors: bool (T, G), which comparisons each threshold rejects.
        clusters: the people of each mated comparison.
        kept: bool (B, P), who is kept in each draw.
        limits: L shares to go up to.

    Returns:
        float64 (B, T, L), NaN where a draw holds no error or nothing else.

    Raises:
        ShapeError: arrays that do not fit, or a quality that is not finite.
        InsufficientData: no comparison.
    """
    for each in errors:
        _check(quality, each)
    order = np.argsort(quality, kind="stable")
    distinct = np.append(np.diff(quality[order]) > 0, True)
    ends, step = np.flatnonzero(distinct), np.cumsum(distinct) - distinct
    first, second, wrong = clusters.first[order], clusters.second[order], errors[:, order]
    at_errors = [np.flatnonzero(each) for each in wrong]
    areas = np.full((len(kept), len(errors), len(limits)), np.nan)
    for draw, people in enumerate(kept):
        inside = people[first] & people[second]
        reach, tops = _reach(np.cumsum(inside)[ends], limits)
        comparisons = int(np.count_nonzero(inside))
        for row, places in enumerate(at_errors):
            present = places[inside[places]]
            if 0 < present.size < comparisons:
                for column, (limit, top) in enumerate(zip(limits, tops, strict=True)):
                    area = float(np.minimum(reach[step[present]], top).sum())
                    areas[draw, row, column] = _normalised(area, present.size, comparisons, limit)
    return areas


def _reach(gone: NDArray[np.int64], limits: Sequence[float]) -> tuple[NDArray[np.float64], list[float]]:
    """What one error adds to the area under the curve if it goes with each step, and at most up to each limit.

    With s comparisons gone, an error that is left adds 1 / (n - s) to FNMR. So one that goes with step k adds the sum
    over all steps up to k of their comparisons, each by what was left before it, whichever errors there are beside it.

    Args:
        gone: int64 (K,), how many comparisons are gone after each step; the last number is n.
        limits: shares of n.
    """
    before = np.append(0, gone[:-1])
    left = np.maximum(gone[-1] - before, 1)
    reach = np.cumsum((gone - before) / left)
    tops = []
    for limit in limits:
        at = int(np.searchsorted(before, limit * gone[-1], side="right")) - 1
        tops.append(float((reach[at - 1] if at else 0.0) + (limit * gone[-1] - before[at]) / left[at]))
    return reach, tops


def _normalised(area: float, errors: int, comparisons: int, up_to: float) -> float:
    """An area in comparisons between the ideal, 0, and the flat one, 1; NaN where not one comparison can go."""
    ideal, flat = _ideal_area(errors, comparisons, up_to), errors * up_to
    return (area - ideal) / (flat - ideal) if up_to * comparisons > 1 else np.nan


def _ideal_area(errors: int, comparisons: int, up_to: float) -> float:
    """The area, in comparisons, under the steps of a measure that discards one error after the other."""
    gone = np.arange(min(errors, int(up_to * comparisons) + 1))
    widths = np.minimum(gone + 1, up_to * comparisons) - np.minimum(gone, up_to * comparisons)
    return float(((errors - gone) / (comparisons - gone) * widths).sum())


def _check(quality: NDArray[np.float32], errors: NDArray[np.bool_]) -> None:
    if quality.dtype != np.float32 or quality.ndim != 1 or errors.dtype != np.bool_ or errors.shape != quality.shape:
        raise ShapeError(
            f"got quality {quality.dtype} {quality.shape} and errors {errors.dtype} {errors.shape}; expected float32 "
            "(G,) and bool (G,)"
        )
    if not np.isfinite(quality).all():
        raise ShapeError("got a quality that is not finite; leave out the comparisons without one")
    if quality.size == 0:
        raise InsufficientData("got no mated comparison of known quality; expected at least one")
