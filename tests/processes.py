"""The command in a process of its own, and which processes there are; for tests that interrupt and kill."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def command(*arguments: str) -> list[str]:
    """``impersona ARGUMENTS``, by this Python from this checkout."""
    return [sys.executable, "-c", "from bench.cli.main import main; main()", *arguments]


def environment(cache: Path, *search: Path) -> dict[str, str]:
    """This process' environment, with a cache folder and more places to import from."""
    places = [str(ROOT), *map(str, search), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(places), "IMPERSONA_CACHE": str(cache)}


def alive(session: int, within: float = 0.0) -> set[int]:
    """The processes of a session that still live; those that are about to end get so many seconds to do so."""
    deadline = time.monotonic() + within
    while True:
        found = {pid for pid, _, its_session in _processes() if its_session == session}
        if not found or time.monotonic() >= deadline:
            return found
        time.sleep(0.05)


def children_of(parent: int) -> set[int]:
    """The worker processes that a process has started and that still live."""
    return {pid for pid, its_parent, _ in _processes() if its_parent == parent and _is_worker(pid)}


def _is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _processes() -> Iterator[tuple[int, int, int]]:
    """Process, parent and session of everything that runs and is no zombie."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("this system has no /proc to count processes by")
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, parent, _, session = (folder / "stat").read_text().rpartition(") ")[2].split()[:4]
            except OSError:
                continue  # it ended while it was looked at
            if state != "Z":
                yield int(folder.name), int(parent), int(session)
