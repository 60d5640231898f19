"""What goes wrong: plugins that do what plugins should not, and the table through which worker processes find them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bench.api import Cell, Crops, Embeddings, Fingerprint, PluginRow, Progress, Success
from bench.registry import registry
from bench.sweep.sighting import worker_count
from tests.toys import ToyRecognizer, ToySettings


@dataclass(frozen=True)
class MischiefSettings:
    """What it does instead of embedding, how long it waits before each batch, and how it tells that it has begun."""

    does: str = ""
    unless: str = ""  # a file; while it is there, the recognizer behaves
    seconds: float = 0.0
    leaves: str = ""  # a file that it makes when it embeds


class Mischief(ToyRecognizer):
    """A toy recognizer with a deed of `DEEDS`."""

    def __init__(self, settings: MischiefSettings) -> None:
        super().__init__(ToySettings())
        self.mischief = settings

    def fingerprint(self) -> Fingerprint:
        return {"revision": 1, "does": self.mischief.does}

    def embed(self, crops: Crops) -> Embeddings:
        time.sleep(self.mischief.seconds)
        if self.mischief.does and not (self.mischief.unless and Path(self.mischief.unless).exists()):
            return DEEDS[self.mischief.does](crops)
        if self.mischief.leaves:
            Path(self.mischief.leaves).touch()
        return super().embed(crops)


def _raise(crops: Crops) -> Embeddings:
    raise RuntimeError("asked to fail")


def _kill(crops: Crops) -> Embeddings:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


DEEDS: dict[str, Callable[[Crops], Embeddings]] = {
    "raises": _raise,
    "returns nan": lambda crops: np.full((len(crops), 3), np.nan, np.float32),
    "returns nothing": lambda crops: None,  # type: ignore[return-value,dict-item]
    "leaves by sys.exit": lambda crops: sys.exit(3),
    "leaves by os._exit": lambda crops: os._exit(3),
    "is killed": _kill,
    "wants memory": lambda crops: np.zeros((1 << 50, 3), np.float32),
}

ROWS = tuple(
    PluginRow(kind=kind, name=name, target=target, settings=settings, summary="a toy", source="tests", licence="none")
    for kind, name, target, settings in (
        ("aligner", "toy", "tests.toys:ToyAligner", "tests.toys:ToySettings"),
        ("recognizer", "toy", "tests.toys:ToyRecognizer", "tests.toys:ToySettings"),
        ("recognizer", "mischief", "tests.mischief:Mischief", "tests.mischief:MischiefSettings"),
    )
)


def distribution(folder: Path, module: str = __name__) -> Path:
    """A folder that, once it is on ``sys.path``, brings a module's `ROWS` by an entry point, into workers too."""
    info = folder / "mischief-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mischief\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[impersona.plugins]\nmischief = {module}:ROWS\n")
    return folder


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this process and its worker processes find `ROWS`, for as long as a test lasts."""
    monkeypatch.syspath_prepend(distribution(folder))
    registry.cache_clear()


# ------------------------------------------------------------------------------------------ stand-ins for `execute`


def success(cell: Cell, **counts: int) -> Success:
    """A success of a cell."""
    return Success(key=cell.key, figures=(), counts=counts, runtime={}, seconds=0.0)


def where_it_ran(cell: Cell, progress: Progress) -> Success:
    """Says in which process it ran, and how many that would start to find faces."""
    progress("sleeping", 0, 2)
    time.sleep(cell.spec.get("seconds", 0.0))
    progress("sleeping", 2, 2)
    return success(cell, process=os.getpid(), workers=worker_count(1000), nanoseconds=time.monotonic_ns())


def unsendable(cell: Cell, progress: Progress) -> Success:
    """Holds a lock, which no pipe takes."""
    return Success(cell.key, (), {}, {"lock": threading.Lock()}, 0.0)  # type: ignore[dict-item]


class Unloadable:
    """Ends the process that unpickles it."""

    def __reduce__(self) -> tuple[Callable[[int], None], tuple[int]]:
        return os._exit, (7,)

    def __call__(self, cell: Cell, progress: Progress) -> Success:
        return success(cell)
