"""The log of a run, log.jsonl: one JSON object a line and a line a tick, means over the steps of the tick.

    step, images                    done since the run began
    seconds                         trained since the run began, all chunks together
    images_per_second               in this tick
    split                           seconds of this tick: data, forward, backward, optimiser, average, other
    losses                          phase to term to mean; ``total`` is what was minimised
    gradient_norm, learning_rate    by phase
    memory_mb                       the largest resident memory of the process so far; on a GPU also gpu_memory_mb

A resumed run removes the lines behind its checkpoint: its log is, times aside, that of a run that never stopped.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.errors import CorruptFile
from generators.training.watch import NORM

LOG = "log.jsonl"


@dataclass
class Tick:
    """What has been seen since the last line: sums in float64, which JSON gives back bit for bit.

    Attributes:
        sums: phase to name to sum.
        counts: phase to how often it was seen.
    """

    sums: dict[str, dict[str, float]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, phase: str, figures: Mapping[str, float]) -> None:
        """Adds the figures of one phase of one step."""
        sums = self.sums.setdefault(phase, {})
        for name, value in figures.items():
            sums[name] = sums.get(name, 0.0) + value
        self.counts[phase] = self.counts.get(phase, 0) + 1

    def means(self) -> dict[str, dict[str, float]]:
        """Phase to name to mean over the steps in which the phase ran."""
        return {
            phase: {name: value / self.counts[phase] for name, value in sums.items()}
            for phase, sums in self.sums.items()
        }


class Log:
    """log.jsonl of one run.

    Args:
        out: the run's folder.
    """

    def __init__(self, out: Path) -> None:
        self.path = out / LOG

    def cut(self, step: int) -> list[dict[str, Any]]:
        """Removes the lines behind a step, and what a killed process left unfinished; returns the lines that stay.

        Raises:
            CorruptFile: a line before the last is no JSON object with a step.
        """
        whole = self.path.read_bytes() if self.path.exists() else b""
        lines, kept, found = whole.splitlines(), [], []
        for number, line in enumerate(lines, 1):
            try:
                value = json.loads(line)
                behind = value["step"] > step
            except (ValueError, KeyError, TypeError) as error:
                if number < len(lines):
                    raise CorruptFile(f"{self.path}: line {number} is not of a log ({error}); remove it") from error
                break
            if behind:
                break
            kept.append(line + b"\n")
            found.append(value)
        if (left := b"".join(kept)) != whole:
            temporary = self.path.with_name(f".{LOG}.{os.getpid()}")
            temporary.write_bytes(left)
            os.replace(temporary, self.path)
        return found

    def append(self, line: Mapping[str, Any]) -> None:
        """Adds a line; it is on its way to the disk when this returns."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line, allow_nan=False) + "\n")


def line_of(
    step: int, images: int, seconds: float, tick: Tick, took: float, split: Mapping[str, float], new_images: int,
    rates: Mapping[str, float], device: torch.device,
) -> dict[str, Any]:  # fmt: skip
    """A line of the log.

    Args:
        step: steps done.
        images: images seen.
        seconds: trained, all chunks together.
        tick: what was seen.
        took: seconds of the tick.
        split: seconds of its parts.
        new_images: images of the tick.
        rates: phase to learning rate.
        device: whose memory is told.
    """
    means = tick.means()
    parts = {**split, "other": max(0.0, took - sum(split.values()))}
    memory = {"memory_mb": round(peak_memory() / 2**20, 1)}
    if device.type == "cuda":
        memory["gpu_memory_mb"] = round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    return {
        "step": step,
        "images": images,
        "seconds": round(seconds, 3),
        "images_per_second": round(new_images / took, 3) if took else 0.0,
        "split": {name: round(value, 4) for name, value in parts.items()},
        "losses": {phase: {name: value for name, value in one.items() if name != NORM} for phase, one in means.items()},
        "gradient_norm": {phase: one[NORM] for phase, one in means.items()},
        "learning_rate": dict(rates),
        **memory,
    }


def without_times(line: Mapping[str, Any]) -> dict[str, Any]:
    """What of a line is the same in every run of the same seed on the same CPU."""
    return {name: line[name] for name in ("step", "images", "losses", "gradient_norm", "learning_rate")}


def peak_memory() -> int:
    """The largest resident memory of this process so far, bytes."""
    status = Path("/proc/self/status")
    if status.is_file() and (line := re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.M)):
        return int(line[1]) * 1024  # Linux's ru_maxrss begins with that of whoever started the process
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found if sys.platform == "darwin" else found * 1024
