"""A sweep, run into a run folder: what is stored already is skipped, every outcome is stored as it comes."""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import functools
import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from bench import registry
from bench.api import Cell, Executor, Outcome
from bench.config import Sweep
from bench.errors import ConfigError, ImpersonaError, UnknownName
from bench.provenance import git_commit, machine, versions
from bench.store.cache import ArrayCache
from bench.store.cell_results import Status
from bench.store.run_folder import RunFolder
from bench.sweep.comparison import compare
from bench.sweep.conditions import HELPERS
from bench.sweep.execute import execute
from bench.sweep.instances import plain
from bench.sweep.plan import Plan, plan
from bench.sweep.worker import refuse_unguarded_script
from bench.version import __version__

Resume = Literal["missing", "failed", "all", "none"]
"""Which cells of a sweep are run: those without any outcome; those and the ones that failed; every one, anew; none."""

_DUE: Mapping[Resume, tuple[Status, ...]] = {
    "missing": ("absent",),
    "failed": ("absent", "failure"),
    "all": ("absent", "failure", "success"),
}

_ROLES = ("dataset", "aligner", "recognizer", "detector", "maker", "maker_aligner", *HELPERS)

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.EBADF)
"""What a file system without locks answers: nobody can be kept off there."""


class Listener:
    """Hears how a sweep goes, and is a `bench.api.Watch`; every method may be overridden, none need be."""

    def planned(self, plan: Plan, stored: int) -> None:
        """The plan is made; so many of its cells are not run, because of what is stored already."""

    def started(self, cell: Cell) -> None:
        """A cell begins."""

    def progress(self, cell: Cell, what: str, done: int, total: int) -> None:
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
    resume: Resume = "failed",
) -> RunFolder:
    """Runs what a run folder lacks of a sweep, and writes its manifest and summary.json.

    Args:
        sweep: what to run.
        out: the run folder; made if it is not there, continued if it is.
        cache: the embedding cache; by default the user's own.
        executor: what runs the cells; by default one after the other in this process.
        listener: hears how it goes.
        resume: which cells are run: ``"missing"``, those without any outcome; ``"failed"``, those and the ones that
            failed; ``"all"``, every one, over what is stored; ``"none"``: summary.json and manifest.json are made again
            from what is stored, without a look at data sets and models.

    Returns:
        The run folder. A cell that failed is stored as a failure.

    Raises:
        ConfigError: the sweep cannot be planned, `resume` is another word, or `out` is a folder that holds something
            else or that another session is at work on.
        MissingFile: a data set or model file is not there, or there is no run to make anything from.
        WorkerLost: worker processes cannot start.
    """
    refuse_unguarded_script()
    if resume not in get_args(Resume):
        raise UnknownName("way to resume", resume, get_args(Resume))
    _refuse_foreign(RunFolder(out), sweep.name)
    if resume == "none":
        return _summarise_again(RunFolder.open(out))
    planned = plan(sweep)
    return _run(planned, RunFolder(out), cache, executor, listener or Listener(), resume)


def _run(
    planned: Plan,
    folder: RunFolder,
    cache: ArrayCache | None,
    executor: Executor | None,
    listener: Listener,
    resume: Resume,
) -> RunFolder:
    started, clock = datetime.datetime.now(datetime.UTC), time.monotonic()
    manifest = _manifest(planned) | {"started": started.isoformat(timespec="seconds")}
    origin = {name: manifest[name] for name in ("impersona", "versions", "machine", "git", "started")}
    runner: Executor = executor or registry.load("executor", "inline")
    store = cache or ArrayCache()
    work = functools.partial(execute, cache=store)
    with only_session(folder.path), contextlib.ExitStack() as leaving:
        leaving.callback(store.clear_refuge)
        pending = {cell.key: cell for cell in planned.cells if folder.status(cell.key) in _DUE[resume]}
        listener.planned(planned, len(planned.cells) - len(pending))
        folder.write_manifest(manifest)
        try:
            with contextlib.closing(runner):
                for outcome in runner.run(pending.values(), work, listener):
                    if resume == "all":
                        folder.forget(outcome.key)
                    folder.write_outcome(pending[outcome.key], outcome, origin)
                    listener.ended(pending[outcome.key], outcome)
            comparisons = compare(folder, planned.cells)
        except BaseException:
            with contextlib.suppress(OSError, ImpersonaError):  # what went wrong first is what is to be told
                _conclude(folder, manifest, planned.cells, [], clock)
            raise
        _conclude(folder, manifest, planned.cells, comparisons, clock)
    return folder


def _conclude(
    folder: RunFolder,
    manifest: Mapping[str, Any],
    cells: Sequence[Cell],
    comparisons: Sequence[Mapping[str, Any]],
    clock: float,
) -> None:
    folder.write_summary([cell.key for cell in cells], extra=comparisons)
    ran = [what_ran(outcome) for outcome in folder.outcomes()]
    folder.write_manifest({**manifest, "seconds": round(time.monotonic() - clock, 3), "ran": ran})


def _summarise_again(folder: RunFolder) -> RunFolder:
    with only_session(folder.path):
        stored = folder.outcomes()
        # Earlier versions drew nobody anew and did not say so.
        cells = [Cell(outcome["key"], {"draws": 0, **outcome["spec"]}, outcome["labels"]) for outcome in stored]
        folder.write_summary([cell.key for cell in cells], extra=compare(folder, cells))
        manifest = {name: value for name, value in folder.manifest().items() if name != "version"}
        folder.write_manifest({**manifest, "ran": [what_ran(outcome) for outcome in stored]})
    return folder


def what_ran(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """A cell's labels, digests and fingerprints, where it ran, and on which device or provider, for the manifest.

    Args:
        outcome: as `RunFolder.outcome` gives it.
    """
    spec = outcome["spec"]
    return {
        "cell": outcome["key"],
        "labels": outcome["labels"],
        "runtime": outcome.get("runtime"),
        "origin": outcome["origin"],
        "digests": {name: spec[name] for name in ("trials", "images")},
        "fingerprints": {role: spec[role]["fingerprint"] for role in _ROLES if role in spec},
    }


def _refuse_foreign(folder: RunFolder, name: str) -> None:
    # A session that was killed at its very start leaves a temporary file and nothing else.
    held = folder.path.is_dir() and any(not entry.name.endswith(".part") for entry in folder.path.iterdir())
    if held and not (folder.path / "manifest.json").is_file():
        raise ConfigError(f"{folder.path} holds files but no run; give --out another folder, or an empty one")
    if folder.path.exists() and not folder.path.is_dir():
        raise ConfigError(f"{folder.path} is a file; give --out a folder")
    if (folder.path / "manifest.json").is_file() and (other := folder.manifest().get("name")) != name:
        raise ConfigError(f"{folder.path} holds the run of another sweep, {other!r}; give --out another folder")


@contextlib.contextmanager
def only_session(path: Path) -> Iterator[None]:
    """Keeps other sessions off a run folder for as long as this one works on it, and clears up after a killed one.

    The lock is the operating system's: it goes with the process, however that ends.

    Args:
        path: the run folder; made if it is not there.

    Raises:
        ConfigError: another session is at work on it.
    """
    path.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            RunFolder(path).blobs.tidy(seconds=0)
        except BlockingIOError as error:
            raise ConfigError(
                f"another impersona is at work on {path}; wait until it ends, or give --out another folder"
            ) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)


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
