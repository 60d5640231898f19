"""What a person sees of a run: a progress line in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Protocol, TextIO


class Display(Protocol):
    """Is told how a run goes."""

    def say(self, message: str) -> None:
        """A sentence worth keeping: a warning, a checkpoint, why it ended."""
        ...

    def tick(self, line: Mapping[str, Any]) -> None:
        """A line of the log."""
        ...

    def close(self) -> None:
        """No more comes; safe to call twice."""
        ...


class Silent:
    """Shows nothing."""

    def say(self, message: str) -> None:
        """Nothing."""

    def tick(self, line: Mapping[str, Any]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """A line of text for each tick.

    Args:
        stream: where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, message: str) -> None:
        """One line."""
        print(message, file=self._stream, flush=True)

    def tick(self, line: Mapping[str, Any]) -> None:
        """One line: how far, how fast, every phase's total."""
        self.say(summary(line))

    def close(self) -> None:
        """Nothing is open."""


class Live:
    """One line that changes in place, below the sentences that were said.

    Args:
        title: what stands before it.
    """

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.status import Status

        self._console = Console(stderr=True, highlight=False)
        self._title = title
        self._status = Status(title, console=self._console)
        self._status.start()

    def say(self, message: str) -> None:
        """A line above."""
        self._console.print(message, markup=False)

    def tick(self, line: Mapping[str, Any]) -> None:
        """The line itself."""
        from rich.text import Text

        self._status.update(Text(f"{self._title}: {summary(line)}"))

    def close(self) -> None:
        """Ends the line."""
        self._status.stop()


def display_for(title: str, stream: TextIO | None = None) -> Display:
    """A live line where the stream is a terminal and rich is installed, else plain lines.

    Args:
        title: what is trained.
        stream: where to; standard error by default.
    """
    chosen = sys.stderr if stream is None else stream
    if chosen.isatty() and stream is None:
        try:
            return Live(title)
        except ModuleNotFoundError:
            return Lines(chosen)
    return Lines(chosen)


def summary(line: Mapping[str, Any]) -> str:
    """A line of the log in a few words."""
    totals = "  ".join(f"{phase} {terms['total']:.4g}" for phase, terms in line["losses"].items())
    return (
        f"step {line['step']:,}  {line['images']:,} images  {line['seconds'] / 60:.1f} min"
        f"  {line['images_per_second']:.1f} images/s  {totals}"
    )
