"""The grid on which embeddings are compared, so that a score is exact before it is rounded once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison, Embeddings
from bench.errors import ConfigError, ShapeError

COSINE_STEP = 2.0**-26
"""The finest power of two on which sums of products of unit rows are exact in float64."""
STEPS_PER_NORM = 2.0**25
"""For ``neg_l2``: how many steps the bound of the norms, a power of two, is long; the finest grid in the same sense."""
SMALLEST_NORM_BOUND = 2.0

_ROWS_AT_ONCE = 8192


@dataclass(frozen=True, eq=False)
class GriddedEmbeddings:
    """Embeddings on a grid.

    Attributes:
        values: float64 (N, D), C-contiguous, every one a whole multiple of `step`.
        step: a power of two.
        comparison: which comparison the grid was made for.
    """

    values: NDArray[np.float64]
    step: float
    comparison: Comparison


def on_grid(embeddings: Embeddings, comparison: Comparison, step: float | None = None) -> GriddedEmbeddings:
    """Embeddings, rounded to the grid of their comparison; for ``cosine`` normalised to unit length first.

    Args:
        embeddings: float32 (N, D), finite; for ``cosine`` no row of zeros.
        comparison: ``"cosine"`` or ``"neg_l2"``.
        step: the step from `grid_step`, where several sets are to be compared with each other; None for the set's own.

    Returns:
        The gridded embeddings. A row depends on no other row, except through `step` for ``neg_l2``.

    Raises:
        ShapeError: another shape or dtype, a value that is not finite, a row of zeros, or a `step` that is finer than
            the set's own, on which sums would no longer be exact.
    """
    own = grid_step(comparison, embeddings)
    if step is None:
        step = own
    elif step < own or math.frexp(step)[0] != 0.5:
        raise ShapeError(f"got step {step!r}; expected a power of two, at least {own!r}: take grid_step of all sets")
    values = np.empty(embeddings.shape, np.float64)
    for start in range(0, len(embeddings), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        part = embeddings[rows].astype(np.float64)
        if comparison == "cosine":
            part /= np.sqrt(squared_norms(embeddings[rows]))[:, None]
        np.multiply(np.rint(part / step), step, out=values[rows])
    return GriddedEmbeddings(values, step, comparison)


def grid_step(comparison: Comparison, *embeddings: Embeddings) -> float:
    """The step of the one grid on which all these embeddings can be compared.

    For ``cosine`` always 2^-26. For ``neg_l2`` the largest norm is rounded up to a power of two, but at least to 2, and
    divided by 2^25; so it is 2^-24, and depends on nobody, as long as no norm is above 2.

    Args:
        comparison: ``"cosine"`` or ``"neg_l2"``.
        embeddings: any number of float32 (N, D).

    Returns:
        A power of two.

    Raises:
        ShapeError: an array that `on_grid` would refuse.
    """
    bound = SMALLEST_NORM_BOUND
    for each in embeddings:
        check_embeddings(each, comparison)
        for start in range(0, len(each), _ROWS_AT_ONCE) if comparison == "neg_l2" else ():
            largest = float(squared_norms(each[start : start + _ROWS_AT_ONCE]).max())
            while bound * bound < largest:
                bound *= 2
    return COSINE_STEP if comparison == "cosine" else bound / STEPS_PER_NORM


def squared_norms(embeddings: Embeddings) -> NDArray[np.float64]:
    """The squared length of every row, float64 (N,): squares added from left to right, each sum rounded to float64.

    The order is fixed because a library's own sum may choose it by the shape of the array: this way a row's norm, and
    so its place on the grid, is the same whoever shares the array and whatever machine adds.
    """
    columns = np.ascontiguousarray(embeddings.T, dtype=np.float64)
    columns *= columns  # exact: the square of a float32 has 48 bits
    total = np.zeros(columns.shape[1], np.float64)
    for column in columns:
        total += column
    return total


def check_embeddings(embeddings: Embeddings, comparison: Comparison) -> None:
    """Refuses what cannot be compared.

    Raises:
        ShapeError: not float32 (N, D) with D of at least 1, a value that is not finite, or, for ``cosine``, a row of
            zeros, which has no direction.
        ConfigError: an unknown comparison.
    """
    check_form(embeddings, comparison)
    starts = range(0, len(embeddings), _ROWS_AT_ONCE)  # so that an array on disk is never in memory as a whole
    parts = [(start, embeddings[start : start + _ROWS_AT_ONCE]) for start in starts]
    infinite = [start + row for start, part in parts for row in np.flatnonzero(~np.isfinite(part).all(axis=1)).tolist()]
    if infinite:
        raise ShapeError(
            f"got {len(infinite)} of {len(embeddings)} embeddings that are not finite, the first at row {infinite[0]}; "
            "leave out the frames on which no face was found"
        )
    for start, part in parts if comparison == "cosine" else ():
        undirected = np.flatnonzero(~part.any(axis=1))
        if undirected.size:
            raise ShapeError(f"got only zeros at row {start + undirected[0]}; a cosine needs a direction")


def check_form(embeddings: Embeddings, comparison: Comparison) -> None:
    """Refuses what cannot be compared whatever its numbers are; reads none of them.

    Raises:
        ShapeError: not float32 (N, D) with D of at least 1.
        ConfigError: an unknown comparison.
    """
    if comparison not in ("cosine", "neg_l2"):
        raise ConfigError(f"got comparison {comparison!r}; expected 'cosine' or 'neg_l2'")
    if embeddings.dtype != np.float32 or embeddings.ndim != 2 or embeddings.shape[1] == 0:
        raise ShapeError(f"got {embeddings.dtype} {embeddings.shape}; embeddings are float32 (N, D)")
