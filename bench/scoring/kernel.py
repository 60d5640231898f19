"""The fast scores, equal to the definition: gathered rows for few trials, blocked matrix products for many."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison, Embeddings
from bench.errors import ConfigError, ShapeError
from bench.scoring.grid import GriddedEmbeddings, grid_step, on_grid

BLOCK = 1024
"""Rows and columns of one matrix product: 8 MB of float64, which stays in the cache while it becomes scores."""
WORKING_MEGABYTES = 64
"""With the default block, what is used besides the gridded embeddings and arrays as long as the trial list."""

_GATHER_BYTES = 2**21
_DENSE_SHARE = 1 / 16
"""From this share of the (probe, reference) rectangle on, computing all of it is faster than gathering rows."""


def pair_scores(
    embeddings: Embeddings,
    probe: NDArray[np.int32],
    reference: NDArray[np.int32],
    comparison: Comparison,
    block: int = BLOCK,
) -> NDArray[np.float32]:
    """The score of every trial of a list.

    Equal to `definition.scores_by_definition` bit for bit, whatever the block, the order of trials and the threads.

    Args:
        embeddings: float32 (N, D), finite.
        probe: int (M,), rows of `embeddings`.
        reference: int (M,), rows of `embeddings`.
        comparison: ``"cosine"`` or ``"neg_l2"``.
        block: rows and columns of one matrix product.

    Returns:
        float32 (M,).

    Raises:
        ShapeError: embeddings that cannot be compared, or trials that are not two equally long lists of rows.
    """
    _check_trials(probe, reference, len(embeddings))
    _check_block(block)
    left, right = factors(on_grid(embeddings, comparison))
    rows, columns = _used(probe, len(embeddings)), _used(reference, len(embeddings))
    if len(probe) >= _DENSE_SHARE * rows.size * columns.size:
        products = _gather_from_blocks(left, right, rows, columns, probe, reference, block)
    else:
        products = _gather_rows(left, right, probe, reference)
    return to_scores(products, comparison)


def cross_scores(
    probe_embeddings: Embeddings, reference_embeddings: Embeddings, comparison: Comparison, block: int = BLOCK
) -> Iterator[tuple[slice, slice, NDArray[np.float32]]]:
    """The scores of all probes against all references, block by block.

    Args:
        probe_embeddings: float32 (N, D), finite.
        reference_embeddings: float32 (K, D), finite.
        comparison: ``"cosine"`` or ``"neg_l2"``; for the latter both sets share one grid.
        block: rows and columns of one block; the last ones may be smaller.

    Returns:
        An iterator of (slice of probes, slice of references, float32 scores of that block, the caller's to keep), row
        of blocks by row of blocks.

    Raises:
        ShapeError: embeddings that cannot be compared, or not of one length.
    """
    _check_block(block)
    step = grid_step(comparison, probe_embeddings, reference_embeddings)
    if probe_embeddings.shape[1] != reference_embeddings.shape[1]:
        raise ShapeError(
            f"got embeddings of {probe_embeddings.shape[1]} and {reference_embeddings.shape[1]} numbers; "
            "both must come from one recognizer"
        )
    left = factors(on_grid(probe_embeddings, comparison, step))[0]
    right = factors(on_grid(reference_embeddings, comparison, step))[1]
    return _blocks(left, right, comparison, block)


def _blocks(
    left: NDArray[np.float64], right: NDArray[np.float64], comparison: Comparison, block: int
) -> Iterator[tuple[slice, slice, NDArray[np.float32]]]:
    product = BlockProduct()
    for i in range(0, len(left), block):
        for j in range(0, len(right), block):
            rows, columns = slice(i, min(i + block, len(left))), slice(j, min(j + block, len(right)))
            yield rows, columns, to_scores(product(left[rows], right[columns]), comparison)


def factors(gridded: GriddedEmbeddings) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two matrices whose product ``left @ right.T`` holds all cosines, or all squared distances, exactly.

    For ``neg_l2`` a row of the left one is (a, |a|², 1) and of the right one (-2b, 1, |b|²): the matrix product itself
    then adds up |a|² + |b|² - 2ab, and no further pass over the pairs is needed.

    Args:
        gridded: N embeddings of length D.

    Returns:
        float64 (N, D) twice for ``cosine``, float64 (N, D + 2) twice for ``neg_l2``.
    """
    values = gridded.values
    if gridded.comparison == "cosine":
        return values, values
    squares = np.einsum("nd,nd->n", values, values)[:, None]  # exact, so that its order does not matter
    ones = np.ones_like(squares)
    return np.hstack([values, squares, ones]), np.hstack([-2 * values, ones, squares])


def to_scores(products: NDArray[np.float64], comparison: Comparison) -> NDArray[np.float32]:
    """Scores, rounded once to float32, from the exact products of `factors`.

    Args:
        products: float64, any shape; overwritten for ``neg_l2``.
        comparison: which comparison the factors were made for.

    Returns:
        float32 of the same shape, never -0.0.
    """
    if comparison == "cosine":
        scores = products.astype(np.float32)
        scores += np.float32(0)  # -0.0 becomes 0.0
        return scores
    np.sqrt(products, out=products)
    scores = np.empty(products.shape, np.float32)
    return np.subtract(0.0, products, out=scores, casting="same_kind")


class BlockProduct:
    """Matrix products of blocks into one buffer that is used over and over."""

    def __init__(self) -> None:
        self._buffer = np.empty(0, np.float64)

    def __call__(self, left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        """``left @ right.T``, float64 (rows, columns), valid until the next call."""
        shape = len(left), len(right)
        if self._buffer.size < shape[0] * shape[1]:
            self._buffer = np.empty(shape[0] * shape[1], np.float64)
        out = self._buffer[: shape[0] * shape[1]].reshape(shape)
        return np.matmul(left, right.T, out=out)


def _gather_rows(
    left: NDArray[np.float64], right: NDArray[np.float64], probe: NDArray[np.int32], reference: NDArray[np.int32]
) -> NDArray[np.float64]:
    products = np.empty(len(probe), np.float64)
    at_once = max(1, _GATHER_BYTES // (8 * left.shape[1]))
    for start in range(0, len(probe), at_once):
        part = slice(start, start + at_once)
        np.einsum("md,md->m", left[probe[part]], right[reference[part]], out=products[part])
    return products


def _gather_from_blocks(
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    probe: NDArray[np.int32],
    reference: NDArray[np.int32],
    block: int,
) -> NDArray[np.float64]:
    """The products of the trials, read from the blocks of the rectangle of used probes and references."""
    i, j = _rank(probe, rows, len(left)), _rank(reference, columns, len(right))
    across = -(-columns.size // block)
    tile = (i // block) * across + j // block
    order = np.argsort(tile, kind="stable")
    tile = tile[order]
    products = np.empty(len(probe), np.float64)
    product = BlockProduct()
    bounds = [0, *(np.flatnonzero(np.diff(tile)) + 1).tolist(), tile.size]
    for start, end in pairwise(bounds if tile.size else []):
        top, side = (int(tile[start]) // across) * block, (int(tile[start]) % across) * block
        values = product(left[rows[top : top + block]], right[columns[side : side + block]])
        here = order[start:end]
        products[here] = values[i[here] - top, j[here] - side]
    return products


def _used(indices: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """The rows that occur, ascending."""
    seen = np.zeros(count, np.bool_)
    seen[indices] = True
    return np.flatnonzero(seen).astype(np.int64)


def _rank(indices: NDArray[np.int32], used: NDArray[np.int64], count: int) -> NDArray[np.int32]:
    """For every index its place in `used`."""
    place = np.zeros(count, np.int32)
    place[used] = np.arange(used.size, dtype=np.int32)
    return place[indices]


def _check_trials(probe: NDArray[np.int32], reference: NDArray[np.int32], count: int) -> None:
    for name, indices in (("probe", probe), ("reference", reference)):
        if indices.ndim != 1 or not np.issubdtype(indices.dtype, np.integer):
            raise ShapeError(f"got {name} {indices.dtype} {indices.shape}; expected int (M,), rows of the embeddings")
        if indices.size and (indices.min() < 0 or indices.max() >= count):
            raise ShapeError(f"got {name} from {indices.min()} to {indices.max()}; expected rows 0 to {count - 1}")
    if len(probe) != len(reference):
        raise ShapeError(f"got {len(probe)} probes and {len(reference)} references; a trial has one of each")


def _check_block(block: int) -> None:
    if block < 1:
        raise ConfigError(f"got block {block}; expected at least 1 row")
