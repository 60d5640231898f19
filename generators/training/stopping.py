"""When a run ends: limits, and Ctrl-C or SIGTERM, which ask it to write a checkpoint first; one process a folder."""

from __future__ import annotations

import contextlib
import fcntl
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from bench.errors import ConfigError
from generators.training.options import Options

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopping:
    """Says whether a run should go on.

    Args:
        options: with the limits.
        began: `time.perf_counter` when the call began.
    """

    def __init__(self, options: Options, began: float) -> None:
        self._options, self._began = options, began
        self.asked = ""

    def reason(self, steps: int, images: int, last_step: int | None = None) -> str:
        """Why to stop now, or an empty string.

        Args:
            steps: done in the whole run.
            images: seen in the whole run.
            last_step: of the recipe's schedule, where it has one; `max_steps` stands in its place.
        """
        options = self._options
        if self.asked:
            return self.asked
        if options.max_steps is not None and steps >= options.max_steps:
            return f"max_steps ({options.max_steps:,}) are done"
        if options.max_steps is None and last_step is not None and steps >= last_step:
            return f"the schedule's {last_step:,} steps are done"
        if options.max_images is not None and images >= options.max_images:
            return f"max_images ({options.max_images:,}) are seen"
        if options.max_seconds is not None and time.perf_counter() - self._began >= options.max_seconds:
            return f"max_seconds ({options.max_seconds:g}) of this call are over"
        return ""

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM set `asked`; the second one ends the process as ever. Outside the main thread: nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _SIGNALS}

        def ask(number: int, frame: FrameType | None) -> None:
            self.asked = f"asked to by {signal.Signals(number).name}"
            for each, handler in before.items():
                signal.signal(each, handler)

        for number in _SIGNALS:
            signal.signal(number, ask)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """The folder, made if need be and held by this process alone; a killed process lets go of it by itself.

    Raises:
        ConfigError: another process trains there.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"{out} is being trained by another process; wait for it, or give another --out"
            ) from error
        yield
