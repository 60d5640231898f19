"""What every generator does with the arrays of a batch before its networks see them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import FaceBatch
from bench.errors import ShapeError
from bench.packs.labels import CLASSES


def masks_of(batch: FaceBatch, side: int, name: str) -> NDArray[np.uint8]:
    """The masks of a batch whose arrays are as they should be.

    Args:
        batch: what the generator was given.
        side: of its template, pixels.
        name: of the generator, for what is said of a batch without masks.

    Returns:
        uint8 (N, side, side), 19-class labels.

    Raises:
        ShapeError: masks are missing, or an array has another shape, dtype or range.
    """
    count, labels = len(batch.images), batch.masks
    if batch.images.dtype != np.float32 or batch.images.shape != (count, 3, side, side):
        raise ShapeError(
            f"images: got {batch.images.dtype} {batch.images.shape}, expected float32 {(count, 3, side, side)}"
        )
    if labels is None:
        raise ShapeError(f"masks: got None; {name} takes masks: a data set's own, or a parser's")
    if labels.dtype != np.uint8 or labels.shape != (count, side, side):
        raise ShapeError(f"masks: got {labels.dtype} {labels.shape}, expected uint8 {(count, side, side)}")
    if labels.size and int(labels.max()) >= CLASSES:
        raise ShapeError(f"masks: got the label {int(labels.max())}, expected 0 to {CLASSES - 1}")
    return labels


def filled(rows: NDArray[Any], size: int) -> NDArray[Any]:
    """`size` rows: those that there are, then zeros; a face does not depend on what shares its batch.

    Args:
        rows: (N, ...), N at most `size`.
        size: rows wanted.

    Returns:
        (size, ...), a new array of the same dtype.
    """
    full = np.zeros((size, *rows.shape[1:]), dtype=rows.dtype)
    full[: len(rows)] = rows
    return full
