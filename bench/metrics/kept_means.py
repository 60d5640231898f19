"""Means over faces on every draw of a bootstrap of people, for faces that rest on one person or on several.

With values y_i and weights w_i the mean is Σy_i / Σw_i, as in `shares`. A draw of `bootstrap.double_or_nothing` keeps a
face if it keeps all of its people; all kept faces weigh the same, so that a draw's mean is that of the kept faces.

Values are put on a grid, whole multiples of 2^-30 of the next power of two above the largest, so that every sum is of
whole numbers below 2^53. Then float64 matrix products are exact, and neither the BLAS library nor its threads nor the
order of faces or blocks changes a bit.

How widely the draws spread: with product weights (2 to the power of K where a face is kept, else 0) two faces with s
people in common have covariance 2^s - 1. That is 1 for one shared person, as in `shares.mean_variance`, but 2^K - 1 for
a face with itself: draws of faces of two people spread up to √3 times too widely where faces that share one person have
little else in common, and hardly too widely where each person is in many faces that are alike. They never spread too
little but by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.shares import Contributors

_GRID_BITS = 30
_EXACT_BITS = 52
_FACES_AT_ONCE = 2048
_DRAWS_AT_ONCE = 1024
_Name = TypeVar("_Name")


@dataclass(frozen=True, eq=False)
class FaceMean:
    """What a mean over M faces is taken of.

    Attributes:
        values: float64 (M,), y; 0 where the weight is.
        weights: float64 (M,), w, at least 0; 0 for a face that does not take part.
        offset: added to the mean.
    """

    values: NDArray[np.float64]
    weights: NDArray[np.float64]
    offset: float = 0.0

    @classmethod
    def of_known(cls, values: NDArray[np.floating], offset: float = 0.0) -> FaceMean:
        """The plain mean over the faces that have a value.

        Args:
            values: float (M,), NaN for a face without one.
            offset: added to the mean.
        """
        known = ~np.isnan(values)
        return cls(np.where(known, values, 0.0).astype(np.float64), known.astype(np.float64), offset)


def drawn_means(
    means: Mapping[_Name, FaceMean], contributors: Contributors, kept: NDArray[np.bool_]
) -> dict[_Name, NDArray[np.float64]]:
    """Every mean on every draw.

    Args:
        means: F of them, by any name; all of the same M faces. Those to which no face contributes are left out.
        contributors: whose faces they are.
        kept: bool (B, P), who is kept in each draw, for the P codes of `contributors`.

    Returns:
        float64 (B,) each, by the same names; NaN on a draw that kept no face with a weight.

    Raises:
        ShapeError: arrays that do not fit each other, or a value that is not finite.
    """
    faces = len(contributors)
    if kept.dtype != np.bool_ or kept.ndim != 2 or kept.shape[1] != contributors.count:
        raise ShapeError(f"got kept {kept.dtype} {kept.shape}; expected bool (B, {contributors.count})")
    for name, mean in means.items():
        if not mean.values.shape == mean.weights.shape == (faces,):
            raise ShapeError(
                f"{name}: got values {mean.values.shape} and weights {mean.weights.shape}; expected ({faces},)"
            )
    taken = {name: mean for name, mean in means.items() if (mean.weights > 0).any()}
    if not taken:
        return {}
    columns = np.stack([part for mean in taken.values() for part in (mean.values, mean.weights)], axis=1)
    grid, units = _on_grid(columns)
    sums = _kept_sums(grid, contributors.people, kept) * units
    drawn = {}
    for place, (name, mean) in enumerate(taken.items()):
        top, bottom = sums[:, 2 * place], sums[:, 2 * place + 1]
        values = np.full(len(kept), np.nan)
        np.divide(top, bottom, out=values, where=bottom > 0)
        drawn[name] = values + mean.offset
    return drawn


def _on_grid(columns: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Columns in whole numbers, and the unit of each, a power of two."""
    if not np.isfinite(columns).all():
        raise ShapeError("got a value or weight that is not finite; give a face without one the weight 0")
    bits = min(_GRID_BITS, _EXACT_BITS - (len(columns) - 1).bit_length())
    above = np.frexp(np.abs(columns).max(axis=0, initial=0))[1]
    return np.rint(np.ldexp(columns, bits - above)), np.ldexp(1.0, above - bits)


def _kept_sums(grid: NDArray[np.float64], people: NDArray[np.int32], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The sums over the kept faces of each draw, float64 (B, C), exact."""
    sums = np.zeros((len(kept), grid.shape[1]))
    for first in range(0, len(kept), _DRAWS_AT_ONCE):
        draws = slice(first, first + _DRAWS_AT_ONCE)
        of_person = np.ascontiguousarray(kept[draws].T)
        for start in range(0, len(grid), _FACES_AT_ONCE):
            faces = slice(start, start + _FACES_AT_ONCE)
            all_kept = np.logical_and.reduce([of_person[column] for column in people[faces].T])
            sums[draws] += all_kept.T.astype(np.float64) @ grid[faces]
    return sums
