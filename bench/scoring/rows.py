"""Two sets of embeddings as factors of float32 matrix products, made block by block and forgotten again."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison, Embeddings
from bench.errors import ShapeError
from bench.scoring import compiled
from bench.scoring.grid import (
    COSINE_STEP,
    SMALLEST_NORM_BOUND,
    STEPS_PER_NORM,
    check_embeddings,
    check_form,
    squared_norms,
)

_ROWS_AT_ONCE = 8192
_NEAR = 1 - 2.0**-20
"""Sums of squares added in two orders differ by far less, for embeddings of up to a hundred million numbers."""


def check_pair(probes: Embeddings, references: Embeddings, comparison: Comparison) -> None:
    """Refuses two sets that cannot be compared, without reading their numbers.

    Raises:
        ShapeError: not float32 (N, D), or not of one length.
        ConfigError: an unknown comparison.
    """
    for each in (probes, references):
        check_form(each, comparison)
    if probes.shape[1] != references.shape[1]:
        raise ShapeError(
            f"got embeddings of {probes.shape[1]} and {references.shape[1]} numbers; both must come from one recognizer"
        )


def common_grid(
    probes: Embeddings, references: Embeddings, comparison: Comparison
) -> tuple[float, tuple[float, float]]:
    """What `grid.grid_step` gives, in one quick pass over each set, and the largest norms.

    Returns:
        The step of the grid, and for ``neg_l2`` the largest norm of either set, rounded up; for ``cosine`` two ones,
        and no number is read.

    Raises:
        ShapeError: a number that is not finite.
    """
    if comparison == "cosine":
        return COSINE_STEP, (1.0, 1.0)
    one, other = (_largest_squared_norm(each) for each in (probes, references))
    bound = SMALLEST_NORM_BOUND
    while bound * bound < max(one, other):
        bound *= 2
    return bound / STEPS_PER_NORM, (math.sqrt(one / _NEAR), math.sqrt(other / _NEAR))


class Float32Rows:
    """One side of the products, in blocks.

    A row is the embedding at length 1 for ``cosine``, and for ``neg_l2`` what `margin` says: products of a left row and
    a right one are near the cosine, or near minus the squared distance in units of b².

    Args:
        embeddings: float32 (N, D); may lie on disk.
        comparison: ``"cosine"`` or ``"neg_l2"``.
        step: of the grid that both sides share.
        side: ``"left"`` or ``"right"`` of the product.
        block: rows of a block; the last one may be smaller.
        kept: how many blocks to keep for the next time.
        place: puts a block where products are made.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        comparison: Comparison,
        step: float,
        side: Literal["left", "right"],
        block: int,
        kept: int,
        place: Callable[[NDArray[np.float32]], Any],
    ) -> None:
        self._embeddings, self._comparison, self._bound = embeddings, comparison, step * STEPS_PER_NORM
        self._side, self._block, self._kept, self._place = side, block, kept, place
        self._blocks: OrderedDict[int, _Block] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, start: int) -> Any:
        """The block of rows from `start` on, where `place` put it.

        Raises:
            ShapeError: a number that is not finite, or a row of zeros for ``cosine``.
        """
        with self._lock:
            block = self._blocks.setdefault(start, _Block())
            self._blocks.move_to_end(start)
            if len(self._blocks) > self._kept:
                self._blocks.popitem(last=False)
        with block.lock:  # whoever comes first makes it; other blocks can be made at the same time
            if block.placed is None:
                block.placed = self._place(self._factor(start))
            return block.placed

    def _factor(self, start: int) -> NDArray[np.float32]:
        rows = np.ascontiguousarray(self._embeddings[start : start + self._block])
        squares = _squared_lengths(rows)
        cosine = self._comparison == "cosine"
        if not np.isfinite(squares).all() or (cosine and not squares.all()):
            check_embeddings(self._embeddings, self._comparison)
        count, length = rows.shape
        if cosine:
            factor = np.empty((count, length), np.float32)
            compiled.times(rows, 1 / np.sqrt(squares), factor)
            return factor
        factor = np.ones((count, length + 2), np.float32)
        by = (2 if self._side == "left" else 1) / self._bound
        compiled.times(rows, np.full(count, by), factor)
        factor[:, length if self._side == "left" else length + 1] = -squares / self._bound**2
        return factor


class _Block:
    def __init__(self) -> None:
        self.lock, self.placed = threading.Lock(), None


def _squared_lengths(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    squares = np.empty(len(rows), np.float64)
    compiled.squared_lengths(rows, squares)
    return squares


def _largest_squared_norm(embeddings: Embeddings) -> float:
    """The largest of `grid.squared_norms`, which are computed for the few rows that may have it."""
    largest = 0.0
    for start in range(0, len(embeddings), _ROWS_AT_ONCE):
        rows = np.ascontiguousarray(embeddings[start : start + _ROWS_AT_ONCE])
        squares = _squared_lengths(rows)
        if not np.isfinite(squares).all():
            check_embeddings(embeddings, "neg_l2")
        near = squares >= max(squares.max(), largest) * _NEAR
        if near.any():
            largest = max(largest, float(squared_norms(rows[near]).max()))
    return largest
