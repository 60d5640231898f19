"""The executor `processes`: several cells at once, each in a worker process of its own.

Every worker has a pipe to this process and nothing that it shares with the others, so that one that is killed takes no
lock with it: its cell becomes a failure, another worker takes its place, and the other cells go on.

A worker finds faces by itself, one photo after the other. Cells that have the data set and the aligner in common would
both find the same faces; so they run at once only where nothing else is left to do.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any

from bench.api import Cell, Execute, Failure, Fingerprint, Outcome, Success, Watch
from bench.errors import WorkerLost
from bench.provenance import canonical_json
from bench.sweep.conditions import HELPERS
from bench.sweep.worker import become_worker, default_workers, interrupts_held

REPORT_EVERY_SECONDS = 0.1
PATIENCE_SECONDS = 10.0
"""How long workers that shall end may take to store what they computed."""

_UNSENDABLE = (pickle.PicklingError, AttributeError, TypeError, ValueError, RecursionError, MemoryError)
"""What pickling raises, depending on what is wrong with a value."""


@dataclass(frozen=True, kw_only=True)
class ProcessesSettings:
    """Settings of `processes`.

    Attributes:
        jobs: how many cells run at once; 0 for as many as there are cores, up to 8.
    """

    jobs: int = 0

    def __post_init__(self) -> None:
        """Checks the range."""
        if self.jobs < 0:
            raise ValueError(f"jobs: got {self.jobs}, expected 1 or more, or 0 for every core")


class Processes:
    """Runs cells in worker processes, as many at once as there are jobs."""

    def __init__(self, settings: ProcessesSettings) -> None:
        self.jobs = settings.jobs or default_workers()
        self._workers: list[_Worker] = []

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`; an executor never changes a result, so it stays out of every key."""
        return {}

    def run(self, cells: Iterable[Cell], execute: Execute, watch: Watch) -> Iterator[Outcome]:
        """See `Executor.run`.

        Raises:
            WorkerLost: a worker ended before it could begin: the next one would too.
        """
        waiting = list(cells)
        jobs = min(self.jobs, len(waiting))
        try:
            self._assign(waiting, jobs, execute, watch)
            while self._workers:
                for outcome in self._hear(watch):
                    self._assign(waiting, jobs, execute, watch)  # first, so that nobody idles while it is stored
                    yield outcome
                self._assign(waiting, jobs, execute, watch)
        finally:
            self.close()

    def close(self) -> None:
        """See `Executor.close`."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.process.terminate()
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            for worker in workers:
                worker.process.join(max(0.0, deadline - time.monotonic()))
        finally:
            for worker in workers:
                worker.end()

    def _assign(self, waiting: list[Cell], jobs: int, execute: Execute, watch: Watch) -> None:
        """Gives every idle worker a cell, in as many workers as there are jobs; lets go whom there is no cell for."""
        while waiting and len(self._workers) < jobs:
            self._workers.append(_Worker(execute, alone=jobs == 1))
        for worker in [worker for worker in self._workers if worker.cell is None and not worker.gone]:
            if waiting:
                cell = self._choose(waiting)
                worker.begin(cell)
                watch.started(cell)
            else:
                self._workers.remove(worker)
                worker.end()

    def _choose(self, waiting: list[Cell]) -> Cell:
        """Takes out the cell that shares least with those that are running, the first of several."""
        busy = frozenset[str]().union(*(_found_once(worker.cell) for worker in self._workers if worker.cell))
        return waiting.pop(min(range(len(waiting)), key=lambda index: len(_found_once(waiting[index]) & busy)))

    def _hear(self, watch: Watch) -> Iterator[Outcome]:
        """Waits until some worker says something or is no more; yields the outcomes that come of it."""
        ready = wait([handle for worker in self._workers for handle in (worker.pipe, worker.process.sentinel)])
        heard = [worker for worker in self._workers if worker.pipe in ready or worker.process.sentinel in ready]
        for worker in heard:
            yield from worker.listen(watch)
        for worker in heard:
            if worker.gone:
                self._workers.remove(worker)
                yield from worker.bury()


def _found_once(cell: Cell) -> frozenset[str]:
    """What cells that run one after the other compute once: the faces in photos, and those that a maker makes."""
    dataset, aligner, maker = (cell.spec.get(part) for part in ("dataset", "aligner", "maker"))
    parts = [["found", dataset, aligner]]
    if maker:
        helpers = [cell.spec[part] for part in HELPERS if part in cell.spec]
        parts += [["found", dataset, cell.spec["maker_aligner"]], ["made", dataset, maker, *helpers]]
        if "maker_identity" in cell.spec:
            parts.append(["found", dataset, cell.spec["maker_identity_aligner"]])
    return frozenset(canonical_json(part) for part in parts)


class _Worker:
    """A worker process and this process' end of the pipe to it.

    Args:
        execute: what it does with a cell.
        alone: whether it is the only one, and may start processes of its own that find faces.
    """

    def __init__(self, execute: Execute, alone: bool) -> None:
        context = multiprocessing.get_context("spawn")  # a forked child of a process with running threads may hang
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, execute), daemon=not alone, name="impersona")
        with interrupts_held():
            self.process.start()
        theirs.close()
        self.cell: Cell | None = None
        self.gone = False
        self._began = False
        self._since = time.monotonic()

    def begin(self, cell: Cell) -> None:
        """Hands it a cell."""
        self.cell, self._since = cell, time.monotonic()
        with contextlib.suppress(OSError):  # it is gone, as the next wait will tell
            self.pipe.send(cell)

    def listen(self, watch: Watch) -> Iterator[Outcome]:
        """Takes in what it has sent so far, up to an outcome: then it waits for a cell, or for its end."""
        self.gone = not self.process.is_alive()  # asked first: what one who is gone has sent is all there
        try:
            while self.pipe.poll():
                message = self.pipe.recv()
                self._began = True
                if isinstance(message, Success | Failure):
                    self.cell = None
                    yield message
                    return
                elif message and self.cell:
                    watch.progress(self.cell, *message)
        except (EOFError, OSError):  # it was killed, perhaps in the middle of a word
            self.gone = True

    def bury(self) -> Iterator[Failure]:
        """The failure of the cell that was lost with it, if it had one."""
        self.process.join(1.0)
        self.end()
        how = _how_it_ended(self.process.exitcode)
        if not self._began:
            raise WorkerLost(
                f"a worker process {how} before it could begin; if a script started the sweep, put the call under "
                'if __name__ == "__main__":, else run the same command again without workers (--executor inline)'
            )
        if self.cell:
            yield Failure(
                key=self.cell.key,
                error=WorkerLost.__name__,
                message=f"the worker process that ran it {how}; the other cells went on, and the embeddings that it "
                "stored are cached: run the same command again, with fewer cells at once if memory is short (--jobs 1)",
                traceback="",
                seconds=time.monotonic() - self._since,
            )

    def end(self) -> None:
        """Leaves nothing of it."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was killed ({signal.Signals(-code).name}; most often for want of memory)"
    return f"ended by itself (exit code {code})"


# ------------------------------------------------------------------------------------------- in the worker process


def _work(pipe: Connection[Any, Any], execute: Execute) -> None:
    become_worker()
    signal.signal(signal.SIGTERM, _unwind)
    # EOFError, OSError: nobody listens any more; KeyboardInterrupt: `close` asked for the end.
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        pipe.send(None)
        while True:
            cell = pipe.recv()
            outcome = execute(cell, _Reporter(pipe))
            try:
                pipe.send(outcome)
            except _UNSENDABLE as error:
                pipe.send(_not_sent(outcome, error))


def _unwind(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # so that what is computed is stored on the way out, as it is where the user typed Ctrl-C


class _Reporter:
    """Tells the parent how far a cell is, now and then."""

    def __init__(self, pipe: Connection[Any, Any]) -> None:
        self._pipe = pipe
        self._what = ""
        self._told = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self._what or done >= total or now - self._told >= REPORT_EVERY_SECONDS:
            self._pipe.send((what, done, total))
            self._what, self._told = what, now


def _not_sent(outcome: Outcome, error: BaseException) -> Failure:
    return Failure(
        key=outcome.key,
        error=type(error).__name__,
        message=f"the outcome could not be sent from the worker process ({error or 'no memory left'}); run it in this "
        "process (--executor inline), or with fewer cells at once if memory is short (--jobs 1)",
        traceback="",
        seconds=outcome.seconds,
    )
