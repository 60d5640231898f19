"""Executors: the same outcomes from this process and from others, and what becomes of the ones that are lost."""

from __future__ import annotations

import functools
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import bench
from bench.api import Cell, Executor, Failure
from bench.cli.run import Display
from bench.config import parse_sweep
from bench.errors import ConfigError, UnknownName, WorkerLost
from bench.notebook import load_executor
from bench.registry import Registry
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.run_folder import RunFolder
from bench.sweep.runner import Listener, run_sweep
from bench.sweep.worker import default_workers
from tests import mischief
from tests.processes import alive, children_of, command, environment
from tests.toys import photos


@pytest.fixture
def sweep(own_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A sweep over twelve photos of four people, with changes; worker processes know the toys too."""
    mischief.install(tmp_path / "plugins", monkeypatch)
    root = photos(tmp_path / "photos")

    def make(**changes: Any) -> Any:
        base = {"name": "t", "dataset": {"name": "folder", "root": str(root)}, "recognizers": ["toy"], "fmr": [0.1]}
        return parse_sweep({**base, "draws": 20, **changes})

    return make


class Ears(Listener):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def started(self, cell: Cell) -> None:
        self.heard.append((cell.key, "started"))

    def progress(self, cell: Cell, what: str, done: int, total: int) -> None:
        self.heard.append((cell.key, what, done, total))


def cells(count: int, **spec: Any) -> list[Cell]:
    return [Cell(str(number), {"dataset": "d", "aligner": str(number), **spec}) for number in range(count)]


@pytest.fixture(params=[("inline", None), ("processes", 1), ("processes", 2)], ids=["inline", "one", "two"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    chosen = load_executor(*request.param)
    yield chosen
    chosen.close()


def test_every_executor_runs_every_cell_once_and_tells_how_it_goes(executor: Executor) -> None:
    ears = Ears()
    outcomes = list(executor.run(cells(3), mischief.where_it_ran, ears))
    assert sorted(outcome.key for outcome in outcomes) == ["0", "1", "2"]
    for key in ("0", "1", "2"):
        mine = [heard[1:] for heard in ears.heard if heard[0] == key]
        assert mine == [("started",), ("sleeping", 0, 2), ("sleeping", 2, 2)]
    executor.close()
    executor.close()


def test_cells_run_at_once_each_in_its_own_process_which_starts_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPERSONA_WORKERS", "3")
    outcomes = list(load_executor("processes", 2).run(cells(2, seconds=1.0), mischief.where_it_ran, Listener()))
    ended, processes, workers = (
        [outcome.counts[name] for outcome in outcomes] for name in ("nanoseconds", "process", "workers")
    )
    assert abs(ended[0] - ended[1]) < 0.9e9
    assert len({os.getpid(), *processes}) == 3
    assert workers == [0, 0]


def test_a_single_process_may_start_others_that_find_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPERSONA_WORKERS", "3")
    (outcome,) = load_executor("processes", 4).run(cells(1), mischief.where_it_ran, Listener())
    assert outcome.counts["workers"] == 3


def test_cells_that_share_faces_wait_for_each_other_where_there_is_other_work() -> None:
    shared = [Cell("a1", {"aligner": "a"}), Cell("a2", {"aligner": "a"}), Cell("b1", {"aligner": "b"})]
    ears = Ears()
    list(load_executor("processes", 2).run(shared, mischief.where_it_ran, ears))
    assert [heard[0] for heard in ears.heard if heard[1] == "started"] == ["a1", "b1", "a2"]


def test_a_closed_executor_leaves_no_process() -> None:
    executor = load_executor("processes", 2)
    outcomes = executor.run(cells(4, seconds=0.2), mischief.where_it_ran, Listener())
    next(outcomes)
    assert children_of(os.getpid())
    executor.close()
    assert not children_of(os.getpid())


def test_an_outcome_that_no_pipe_takes_is_a_failure() -> None:
    first, second = load_executor("processes", 1).run(cells(2), mischief.unsendable, Listener())
    assert isinstance(first, Failure)
    assert isinstance(second, Failure)
    assert "cannot pickle '_thread.lock' object" in first.message
    assert "--executor inline" in first.message


def test_workers_that_cannot_begin_end_the_sweep() -> None:
    with pytest.raises(WorkerLost, match=r"ended by itself \(exit code 7\) before it could begin.*--executor inline"):
        list(load_executor("processes", 2).run(cells(3), mischief.Unloadable(), Listener()))
    assert not children_of(os.getpid())


@pytest.mark.parametrize(
    ("deed", "says"),
    [
        ("is killed", r"was killed \(SIGKILL; most often for want of memory\).*run the same command again"),
        ("leaves by os._exit", r"ended by itself \(exit code 3\).*run the same command again"),
    ],
)
def test_a_lost_worker_fails_its_cell_and_no_other(
    sweep: Callable[..., Any], tmp_path: Path, deed: str, says: str
) -> None:
    mended = tmp_path / "mended"
    entries = ["toy", {"name": "mischief", "does": deed, "unless": str(mended)}, {"name": "toy", "label": "b"}]
    run = run_sweep(sweep(recognizers=entries), tmp_path / "run", executor=load_executor("processes", 2))
    assert run.failures()["error"].tolist() == ["WorkerLost"]
    assert run.failures()["message"].str.contains(says).all()
    assert set(run.summary()["recognizer"]) == {"toy", "b"}
    mended.touch()
    again = run_sweep(sweep(recognizers=entries), tmp_path / "run", executor=load_executor("processes", 2))
    whole = run_sweep(sweep(recognizers=entries), tmp_path / "whole")
    assert (again.path / "summary.json").read_bytes() == (whole.path / "summary.json").read_bytes()


@pytest.mark.parametrize(
    ("deed", "error", "says"),
    [
        ("raises", "RuntimeError", "asked to fail"),
        ("returns nan", "PluginError", r"12 values not finite; expected finite float32 \(4, D\)"),
        ("leaves by sys.exit", "SystemExit", r"tried to end the whole program \(exit code 3\)"),
        ("wants memory", "MemoryError", r"memory ran out \(Unable to allocate .*--jobs 1"),
    ],
)
def test_what_a_recognizer_does_wrong_is_the_same_failure_everywhere(
    sweep: Callable[..., Any], tmp_path: Path, deed: str, error: str, says: str
) -> None:
    entries = [{"name": "mischief", "does": deed}]
    here, there = (
        run_sweep(sweep(recognizers=entries), tmp_path / name, executor=load_executor(name)).failures()
        for name in ("inline", "processes")
    )
    assert here.equals(there)
    assert here["error"].tolist() == [error]
    assert here["message"].str.contains(says).all()


def stored(run: RunFolder) -> dict[str, bytes]:
    """summary.json and every table."""
    paths = [run.path / "summary.json", *run.path.rglob("*.parquet")]
    return {path.relative_to(run.path).as_posix(): path.read_bytes() for path in paths}


def test_inline_and_processes_store_the_same_bytes(sweep: Callable[..., Any], tmp_path: Path) -> None:
    entries = ["toy", {"name": "toy", "label": "b", "gain": [2.0, 3.0]}]
    runs = [
        run_sweep(
            sweep(recognizers=entries),
            tmp_path / f"{name}{jobs}",
            executor=load_executor(name, jobs),
            cache=ArrayCache(DiskStore(tmp_path / f"cache{name}{jobs}")),
        )
        for name, jobs in (("inline", None), ("processes", 1), ("processes", 3))
    ]
    first = stored(runs[0])
    assert sum(name.endswith("trials.parquet") for name in first) == 3
    assert [stored(run) == first for run in runs[1:]] == [True, True]


@pytest.mark.full
@pytest.mark.real
def test_real_networks_store_the_same_bytes_from_either_executor(tmp_path: Path, real_models: Path) -> None:
    yunet = {"name": "yunet", "model": str(real_models / "yunet_n_640_640.onnx")}
    document = {
        "name": "both",
        "seed": 3,
        # 68 photos: more than one batch of every recognizer.
        "dataset": {"name": "drawn", "people": 17, "images": 4},
        "recognizers": [
            "lbp",
            {"name": "arcface_onnx", "model": str(real_models / "mobilefacenet_y1.onnx"), "aligner": yunet},
            {"name": "dlib_resnet", "aligner": [{"name": "dlib_hog"}, yunet]},
        ],
        "fmr": [0.1],
        "draws": 100,
    }
    runs = [
        run_sweep(
            parse_sweep(document),
            tmp_path / f"{name}{jobs}",
            executor=load_executor(name, jobs),
            cache=ArrayCache(DiskStore(tmp_path / f"cache{name}{jobs}")),
        )
        for name, jobs in (("inline", None), ("processes", 2))
    ]
    assert not len(runs[0].failures())
    assert stored(runs[0]) == stored(runs[1])


class Started:
    """``impersona run`` in a session of its own, over 120 photos, with a second recognizer that takes its time."""

    def __init__(self, place: Path, *options: str) -> None:
        plugins = mischief.distribution(place / "plugins")
        root = photos(place / "photos", per_person=30)
        text = f"name: t\ndataset: {{name: folder, root: {root}}}\nfmr: [0.1]\ndraws: 20\n"
        (place / "t.yaml").write_text(f"{text}recognizers: [toy, {{name: mischief, seconds: 0.1, leaves: begun}}]\n")
        self.command = command("run", "t.yaml", "--out", "run", "--no-report", *options)
        self.around: dict[str, Any] = {
            "cwd": place,
            "env": environment(place / "cache", plugins) | {"IMPERSONA_WORKERS": "2"},
            "stderr": subprocess.PIPE,
            "text": True,
        }
        # Whoever was started in the background by a shell ignores Ctrl-C, and its children inherit that.
        self.process = subprocess.Popen(
            self.command,
            **self.around,
            start_new_session=True,
            preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )

    def wait_until(self, so: Callable[[], bool]) -> None:
        """Waits for something to become true while the command runs."""
        deadline = time.monotonic() + 30
        while not so():
            assert self.process.poll() is None, "it ended too early"
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def interrupt(self) -> str:
        """Types Ctrl-C, which a terminal sends to every process; returns what was printed since."""
        os.killpg(self.process.pid, signal.SIGINT)
        printed = self.process.communicate(timeout=30)[1]
        assert self.process.returncode == 130, printed
        assert "interrupted; what was computed is stored" in printed
        assert "Traceback" not in printed
        assert not alive(self.process.pid, within=5)
        return printed


@pytest.mark.parametrize("options", [("--executor", "inline"), ("--jobs", "2")], ids=["inline", "processes"])
def test_ctrl_c_ends_cleanly_and_loses_nothing(tmp_path: Path, options: tuple[str, ...]) -> None:
    started = Started(tmp_path, *options)
    done = "cells/*/outcome.json"
    started.wait_until(lambda: (tmp_path / "begun").exists() and any((tmp_path / "run").glob(done)))
    started.interrupt()
    half = RunFolder.open(tmp_path / "run")
    assert set(half.summary()["recognizer"]) == {"toy"}
    quickly = [*started.command, "--set", "recognizers.1.seconds=0"]  # which is no part of the cell's key
    resumed = subprocess.run(quickly, **started.around, check=False)
    assert resumed.returncode == 0, resumed.stderr
    counts = {outcome["labels"]["recognizer"]: outcome["counts"] for outcome in half.outcomes()}
    assert 0 < counts["mischief"]["embeddings_from_cache"] < 120


@pytest.mark.parametrize("options", [("--executor", "inline"), ("--jobs", "2")], ids=["inline", "processes"])
def test_ctrl_c_while_workers_start(tmp_path: Path, options: tuple[str, ...]) -> None:
    started = Started(tmp_path, *options)
    # The command itself, multiprocessing's own helper, and a worker that still imports.
    started.wait_until(lambda: len(alive(started.process.pid)) >= 3)
    started.interrupt()


def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    started = Started(tmp_path, "--jobs", "2", "--set", "recognizers.1.seconds=60")
    started.wait_until(lambda: any((tmp_path / "run").glob("cells/*/outcome.json")))
    assert len(alive(started.process.pid)) >= 3
    started.process.kill()
    started.process.communicate(timeout=5)
    assert not alive(started.process.pid, within=5)


def test_a_script_without_a_main_guard_is_told_so(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos")
    script = tmp_path / "script.py"
    document = {"name": "t", "dataset": {"name": "folder", "root": str(root)}, "recognizers": [{"name": "lbp"}]}
    script.write_text(f"import bench\nbench.run({document!r}, {str(tmp_path / 'run')!r}, jobs=2)\n")
    around = environment(tmp_path / "cache")
    started = subprocess.Popen(
        [sys.executable, script], env=around, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    printed = started.communicate(timeout=60)[1]
    assert started.returncode == 1
    assert "put the call under if __name__ ==" in printed
    assert not alive(session=started.pid, within=5)


@pytest.mark.parametrize(
    ("name", "jobs", "error", "says"),
    [
        ("processes", -1, ConfigError, "jobs: got -1, expected 1 or more, or 0 for every core"),
        ("inline", 2, UnknownName, "unknown setting 'jobs'"),
        ("proceses", None, UnknownName, "did you mean 'processes'"),
    ],
)
def test_executors_that_cannot_be(name: str, jobs: int | None, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        load_executor(name, jobs)


def test_jobs_alone_mean_processes() -> None:
    assert type(load_executor()).__name__ == "Inline"
    assert type(load_executor(jobs=3)).__name__ == "Processes"
    assert load_executor(jobs=3).jobs == 3  # type: ignore[attr-defined]
    assert load_executor(jobs=0).jobs == default_workers()  # type: ignore[attr-defined]


def test_cells_that_run_at_once_have_a_bar_each() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    both = [Cell(name, {}, {"dataset": "d", "protocol": "p", "recognizer": name, "settings": {}}) for name in "ab"]
    with Display(console) as display:
        for cell in both:
            display.started(cell)
            display.progress(cell, "embedding faces", 1, 3)
        bars = [(task.description, task.completed, task.total) for task in display._bars.tasks]
        assert bars == [("cells", 0, None), ("  a: embedding faces", 1, 3), ("  b: embedding faces", 1, 3)]
        display.ended(both[0], Failure("a", "RuntimeError", "no [more]", "", 1.0))
        assert [task.description for task in display._bars.tasks] == ["cells", "  b: embedding faces"]
    assert "RuntimeError: no [more]" in console.file.getvalue()  # type: ignore[attr-defined]


def test_the_notebook_takes_an_executor(sweep: Callable[..., Any], tmp_path: Path) -> None:
    run = bench.run(sweep().model_dump(), tmp_path / "run", jobs=1)
    assert len(run.trials()) == 66
    assert run.outcomes()[0]["counts"]["embeddings_computed"] == 12
