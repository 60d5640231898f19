"""The executor `inline`: one cell after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bench.api import Cell, Fingerprint, Outcome


class Inline:
    """Runs cells in the order given."""

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`; an executor never changes a result, so it stays out of every key."""
        return {}

    def run(self, cells: Iterable[Cell], execute: Callable[[Cell], Outcome]) -> Iterator[Outcome]:
        """See `Executor.run`."""
        return map(execute, cells)

    def close(self) -> None:
        """See `Executor.close`."""
