"""The executor `inline`: one cell after the other, in this process."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

from bench.api import Cell, Execute, Fingerprint, Outcome, Watch


class Inline:
    """Runs cells in the order given."""

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`; an executor never changes a result, so it stays out of every key."""
        return {}

    def run(self, cells: Iterable[Cell], execute: Execute, watch: Watch) -> Iterator[Outcome]:
        """See `Executor.run`."""
        for cell in cells:
            watch.started(cell)
            yield execute(cell, functools.partial(watch.progress, cell))

    def close(self) -> None:
        """See `Executor.close`."""
