"""What an executor promises: one outcome for every cell, unchanged, and an end that can be asked for twice."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bench.api import Cell, Failure, Outcome, Progress, Success
from bench.conformance.finding import Inspection, expect, in_words
from bench.conformance.subject import Subject

CELLS = tuple(
    Cell(key=f"{number:064x}", spec={"number": number, "dataset": {"name": str(number)}}) for number in range(5)
)
FAILS = 3
"""The cell whose outcome is a failure."""


def trivial(cell: Cell, progress: Progress) -> Outcome:
    """An `Execute` that takes no time: a success with a table, or a failure."""
    number = int(cell.spec["number"])
    progress("counting", 1, 1)
    if number == FAILS:
        return Failure(key=cell.key, error="ValueError", message="asked to fail", traceback="", seconds=0.0)
    return Success(
        key=cell.key,
        figures=({"figure": "number", "value": float(number)},),
        counts={"number": number},
        runtime={"device": "cpu"},
        seconds=0.0,
        tables={"trials": bytes(range(256)) * number},
    )


class Watcher:
    """A `bench.api.Watch` that remembers which cells began."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    def started(self, cell: Cell) -> None:
        """See `Watch.started`."""
        self.begun.append(cell.key)

    def progress(self, cell: Cell, what: str, done: int, total: int) -> None:
        """See `Watch.progress`; an executor may leave some of them out."""


def ask_executor(asks: Inspection, subject: Subject, executor: Any) -> None:
    """Asks what `bench.api.Executor` promises."""
    watch = Watcher()
    outcomes: list[Any] = []
    with asks.promise("Executor.run", "every cell gets exactly one outcome"):
        outcomes = list(executor.run(iter(CELLS), trivial, watch))
        for outcome in outcomes:
            expect(isinstance(outcome, Success | Failure), in_words(outcome), "a Success or a Failure")
        counts = Counter(outcome.key for outcome in outcomes)
        got = [counts.pop(cell.key, 0) for cell in CELLS]
        expect(got == [1] * len(CELLS) and not counts, f"{got} outcomes of {len(CELLS)} cells", "one of each")
    if asks.last_kept:
        with asks.promise("Executor.run", "an outcome is what execute returned, tables included"):
            expected = {cell.key: trivial(cell, lambda *_: None) for cell in CELLS}
            changed = [outcome.key for outcome in outcomes if outcome != expected[outcome.key]]
            expect(not changed, f"{len(changed)} changed outcomes", "those that execute returned")
        with asks.promise("Watch.started", "told of every cell once"):
            begun = sorted(watch.begun)
            expect(begun == [cell.key for cell in CELLS], f"{len(begun)} cells that began", f"{len(CELLS)}, each once")
    with asks.promise("Executor.run", "nothing to run is no outcome"):
        none = list(subject.fresh().run([], trivial, Watcher()))
        expect(not none, f"{len(none)} outcomes of no cells", "none")
    with asks.promise("Executor.close", "safe to call twice"):
        executor.close()
        executor.close()
