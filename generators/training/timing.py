"""Where the time of a step goes: seconds between marks, on the CPU by the clock, on a GPU by its own events.

A GPU works behind the program's back: the clock would say how long it took to ask. Its events are read a step later,
so that nobody waits for them.
"""

from __future__ import annotations

import time
from typing import Any

import torch

PARTS = ("data", "forward", "backward", "optimiser", "average")
"""What is marked; what a tick took besides is ``other``."""


class Split:
    """Seconds in each part since the last `taken`.

    Args:
        device: where the networks are.
    """

    def __init__(self, device: torch.device) -> None:
        self._by_events = device.type == "cuda"
        self._seconds = dict.fromkeys(PARTS, 0.0)
        self._marks: list[tuple[str, Any]] = []
        self._settled = 0
        self._last = 0.0

    def begin(self) -> None:
        """A step begins."""
        if self._by_events:
            self._settled = len(self._marks)
            self._marks.append(("", self._event()))
        self._last = time.perf_counter()

    def mark(self, part: str) -> None:
        """What has been done since `begin` or the last mark was `part`; an empty name for what belongs to none."""
        if self._by_events:
            self._marks.append((part, self._event()))
            return
        now = time.perf_counter()
        if part:
            self._seconds[part] += now - self._last
        self._last = now

    def settle(self, everything: bool = False) -> None:
        """Reads the events of all steps but the newest, or of that one too, for which it waits."""
        upto = len(self._marks) if everything else self._settled
        if not self._by_events or upto < 2:
            return
        self._marks[upto - 1][1].synchronize()
        for (_, before), (part, after) in zip(self._marks[: upto - 1], self._marks[1:upto], strict=True):
            if part:
                self._seconds[part] += before.elapsed_time(after) / 1000
        del self._marks[:upto]
        self._settled = 0

    def taken(self) -> dict[str, float]:
        """The seconds of each part, which begin at zero again."""
        self.settle(everything=True)
        found, self._seconds = self._seconds, dict.fromkeys(PARTS, 0.0)
        return found

    @staticmethod
    def _event() -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event
