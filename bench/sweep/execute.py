"""One cell, run to an outcome: the one plain function that every executor calls."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping

from bench.api import Cell, Failure, Outcome, Progress, Success
from bench.store.cache import ArrayCache
from bench.sweep.verification import verification

ASSESSMENTS: Mapping[str, Callable[[Cell, ArrayCache, Progress | None], Success]] = {"verification": verification}


def execute(cell: Cell, cache: ArrayCache, progress: Progress | None = None) -> Outcome:
    """The outcome of a cell.

    Args:
        cell: what to do.
        cache: the embedding cache.
        progress: told how far it is.

    Returns:
        A `Success`, or a `Failure` that says what was raised; nothing but an interruption leaves this function.
    """
    started = time.monotonic()
    try:
        return ASSESSMENTS[cell.spec["assessment"]](cell, cache, progress)
    except Exception as error:  # the one place: whatever a plugin raises becomes a stored row
        return Failure(
            key=cell.key,
            error=type(error).__name__,
            message=str(error),
            traceback="".join(traceback.format_exception(error)),
            seconds=time.monotonic() - started,
        )
