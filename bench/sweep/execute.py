"""One cell, run to an outcome: the one plain function that every executor calls, here or in another process."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping

from bench.api import Cell, Failure, Outcome, Progress, Success
from bench.store.cache import ArrayCache
from bench.sweep.alignment import alignment
from bench.sweep.detection import detection
from bench.sweep.generated import generated
from bench.sweep.identification import identification
from bench.sweep.remedies import machine_failure
from bench.sweep.risk import impersonation_risk
from bench.sweep.verification import verification

ASSESSMENTS: Mapping[str, Callable[[Cell, ArrayCache, Progress | None], Success]] = {
    "verification": verification,
    "identification": identification,
    "generated": generated,
    "detection": detection,
    "alignment": alignment,
    "impersonation_risk": impersonation_risk,
}


def execute(cell: Cell, progress: Progress, *, cache: ArrayCache) -> Outcome:
    """The outcome of a cell; a `bench.api.Execute` once it is given a cache.

    Args:
        cell: what to do.
        progress: told how far it is.
        cache: the embedding cache.

    Returns:
        A `Success`, or a `Failure` that says what was raised; nothing but an interruption leaves this function.
    """
    started = time.monotonic()
    try:
        return ASSESSMENTS[cell.spec["assessment"]](cell, cache, progress)
    except (Exception, SystemExit) as error:  # the one place: whatever a plugin raises becomes a stored row
        return Failure(
            key=cell.key,
            error=type(error).__name__,
            message=_message(error),
            traceback="".join(traceback.format_exception(error)),
            seconds=time.monotonic() - started,
        )


def _message(error: BaseException) -> str:
    if isinstance(error, OSError | MemoryError):
        return machine_failure(error)
    if isinstance(error, SystemExit):
        return f"a plugin tried to end the whole program (exit code {error.code!r}); it should raise an error instead"
    return str(error)
