"""What a score is: plain loops over Python's floats. Slow, and the reference for everything fast."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison, Embeddings
from bench.scoring.grid import check_embeddings


def score(a: NDArray[np.float32], b: NDArray[np.float32], comparison: Comparison, step: float | None = None) -> float:
    """How alike two embeddings are, higher is more alike.

    Args:
        a: float32 (D,).
        b: float32 (D,).
        comparison: ``"cosine"`` or ``"neg_l2"``.
        step: the step of the grid; None for that of these two embeddings alone.

    Returns:
        The cosine of their angle, or minus their Euclidean distance; a float32 number.

    Raises:
        ShapeError: another shape or dtype, a value that is not finite, or a cosine with a row of zeros.
    """
    pair = np.stack([a, b])
    check_embeddings(pair, comparison)
    first, second = pair.tolist()
    if step is None:
        step = _step([first, second], comparison)
    return _compare(_gridded(first, comparison, step), _gridded(second, comparison, step), comparison)


def scores_by_definition(
    embeddings: Embeddings, probe: NDArray[np.int32], reference: NDArray[np.int32], comparison: Comparison
) -> NDArray[np.float32]:
    """The score of every trial, one after the other.

    Args:
        embeddings: float32 (N, D).
        probe: int (M,), rows of `embeddings`.
        reference: int (M,), rows of `embeddings`.
        comparison: ``"cosine"`` or ``"neg_l2"``.

    Returns:
        float32 (M,).

    Raises:
        ShapeError: embeddings that cannot be compared.
    """
    check_embeddings(embeddings, comparison)
    rows: list[list[float]] = embeddings.tolist()
    step = _step(rows, comparison)
    gridded = [_gridded(row, comparison, step) for row in rows]
    trials = zip(probe.tolist(), reference.tolist(), strict=True)
    return np.array([_compare(gridded[p], gridded[r], comparison) for p, r in trials], np.float32)


def _compare(a: list[float], b: list[float], comparison: Comparison) -> float:
    if comparison == "cosine":
        exact = math.fsum(x * y for x, y in zip(a, b, strict=True))
    else:
        exact = 0.0 - math.sqrt(math.fsum((x - y) * (x - y) for x, y in zip(a, b, strict=True)))
    return float(np.float32(exact + 0.0))


def _gridded(row: list[float], comparison: Comparison, step: float) -> list[float]:
    norm = math.sqrt(_squared_norm(row)) if comparison == "cosine" else 1.0
    return [round(x / norm / step) * step for x in row]


def _step(rows: list[list[float]], comparison: Comparison) -> float:
    bound = 2.0
    while comparison == "neg_l2" and any(_squared_norm(row) > bound * bound for row in rows):
        bound *= 2
    return 2.0**-26 if comparison == "cosine" else bound * 2.0**-25


def _squared_norm(row: list[float]) -> float:
    total = 0.0
    for x in row:  # not sum(): since Python 3.12 it compensates, and the order and rounding are part of the definition
        total += x * x
    return total
