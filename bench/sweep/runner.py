"""A sweep, run into a run folder: cells that are stored already are skipped, every outcome is stored as it comes."""

from __future__ import annotations

import datetime
import functools
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from bench import registry
from bench.api import Cell, Executor, Outcome, Progress
from bench.config import Sweep
from bench.errors import ConfigError
from bench.provenance import git_commit, machine, versions
from bench.store.cache import ArrayCache
from bench.store.run_folder import RunFolder
from bench.sweep.execute import execute
from bench.sweep.instances import plain
from bench.sweep.plan import Plan, plan
from bench.sweep.sighting import refuse_unguarded_script
from bench.version import __version__


class Listener:
    """Hears how a sweep goes; every method may be overridden, none need be."""

    def planned(self, plan: Plan, stored: int) -> None:
        """The plan is made; so many of its cells are stored already."""

    def started(self, cell: Cell) -> None:
        """A cell begins."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Part of a cell is done."""

    def ended(self, cell: Cell, outcome: Outcome) -> None:
        """A cell has its outcome, and it is stored."""


def run_sweep(
    sweep: Sweep,
    out: str | Path,
    *,
    cache: ArrayCache | None = None,
    executor: Executor | None = None,
    listener: Listener | None = None,
) -> RunFolder:
    """Runs what a run folder lacks of a sweep, and writes its manifest and summary.json.

    Args:
        sweep: what to run.
        out: the run folder; made if it is not there, continued if it is.
        cache: the embedding cache; by default the user's own.
        executor: what runs the cells; by default one after the other in this process.
        listener: hears how it goes.

    Returns:
        The run folder. A cell that failed is stored as a failure and tried again the next time.

    Raises:
        ConfigError: the sweep cannot be planned, or `out` is a folder that holds something else.
        MissingFile: a data set or model file is not there.
    """
    refuse_unguarded_script()
    listener = listener or Listener()
    started, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
    folder = RunFolder(out)
    _refuse_foreign(folder, sweep.name)
    planned = plan(sweep)
    pending = [cell for cell in planned.cells if not folder.succeeded(cell.key)]
    listener.planned(planned, len(planned.cells) - len(pending))
    manifest = _manifest(planned) | {"started": started.isoformat(timespec="seconds")}
    folder.write_manifest(manifest)
    runner: Executor = executor or registry.load("executor", "inline")
    origin = {name: manifest[name] for name in ("impersona", "versions", "machine", "git", "started")}
    by_key = {cell.key: cell for cell in pending}
    try:
        work = functools.partial(_execute, cache=cache or ArrayCache(), listener=listener)
        for outcome in runner.run(pending, work):
            folder.write_outcome(by_key[outcome.key], outcome, origin)
            listener.ended(by_key[outcome.key], outcome)
    finally:
        runner.close()
        folder.write_summary(cell.key for cell in planned.cells)
        ran = [_what_ran(outcome) for outcome in folder.outcomes()]
        folder.write_manifest(manifest | {"seconds": round(time.monotonic() - clock, 3), "ran": ran})
    return folder


def _what_ran(outcome: dict[str, Any]) -> dict[str, Any]:
    """A cell's labels, digests and fingerprints, where it ran, and on which device or provider."""
    spec = outcome["spec"]
    return {
        "cell": outcome["key"],
        "labels": outcome["labels"],
        "runtime": outcome.get("runtime"),
        "origin": outcome["origin"],
        "digests": {name: spec[name] for name in ("trials", "images")},
        "fingerprints": {role: spec[role]["fingerprint"] for role in ("dataset", "aligner", "recognizer")},
    }


def _execute(cell: Cell, cache: ArrayCache, listener: Listener) -> Outcome:
    listener.started(cell)
    progress: Progress = listener.progress
    return execute(cell, cache, progress)


def _refuse_foreign(folder: RunFolder, name: str) -> None:
    if folder.path.is_dir() and any(folder.path.iterdir()) and not (folder.path / "manifest.json").is_file():
        raise ConfigError(f"{folder.path} holds files but no run; give --out another folder, or an empty one")
    if folder.path.exists() and not folder.path.is_dir():
        raise ConfigError(f"{folder.path} is a file; give --out a folder")
    if (folder.path / "manifest.json").is_file() and (other := folder.manifest().get("name")) != name:
        raise ConfigError(f"{folder.path} holds the run of another sweep, {other!r}; give --out another folder")


def _manifest(planned: Plan) -> dict[str, Any]:
    return {
        "impersona": __version__,
        "name": planned.sweep.name,
        "seed": planned.sweep.seed,
        "sweep": plain(planned.sweep.model_dump()),
        "cells": [cell.key for cell in planned.cells],
        "frames": planned.frames,
        "trials": planned.trials,
        "versions": versions(),
        "machine": machine(),
        "git": git_commit(Path(__file__).parent),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv and sys.argv[0] else None,
    }
