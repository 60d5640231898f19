"""From sweep to run folder, with plugins whose numbers can be worked out by hand."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import bench
from bench.api import Cell, Execute, Face, Outcome, Watch
from bench.config import parse_sweep
from bench.errors import ConfigError, CorruptFile, MissingFile, PluginError, UnknownName, WorkerLost
from bench.registry import Registry
from bench.store.blobs import DiskStore, write_beside
from bench.store.cache import ArrayCache
from bench.store.run_folder import RunFolder
from bench.sweep.acquisition import acquire, embed_padded
from bench.sweep.executors.inline import Inline
from bench.sweep.instances import plugin
from bench.sweep.plan import Plan, plan
from bench.sweep.runner import Listener, run_sweep
from bench.sweep.sighting import Cast, Sighting, from_arrays, sightings, to_arrays, worker_count
from bench.weights import released
from tests.toys import COLOURS, ToyRecognizer, ToySettings, add_toys, photos, write


@pytest.fixture
def sweep(own_registry: Registry, tmp_path: Path) -> Callable[..., Any]:
    """A sweep over twelve photos of four people, with changes."""
    add_toys(own_registry)
    root = photos(tmp_path / "photos")

    def make(**changes: Any) -> Any:
        base = {"name": "t", "dataset": {"name": "folder", "root": str(root)}, "recognizers": ["toy"], "fmr": [0.1]}
        return parse_sweep(base | changes)

    return make


def value(run: RunFolder, figure: str, **wanted: Any) -> Any:
    """The one value of a figure in a run's summary."""
    summary = run.summary()
    rows = summary[summary["figure"] == figure]
    for column, entry in wanted.items():
        rows = rows[rows[column] == entry]
    assert len(rows) == 1
    return rows["value"].iloc[0]


def test_a_sweep_ends_as_a_run_folder(sweep: Callable[..., Any], tmp_path: Path) -> None:
    run = run_sweep(sweep(), tmp_path / "run")
    trials = run.trials()
    assert len(trials) == 66
    assert trials["mated"].sum() == 4 * 3
    mated, nonmated = (trials.loc[trials["mated"] == is_mated, "score"] for is_mated in (True, False))
    assert mated.min() > nonmated.max()
    assert value(run, "equal_error_rate") == 0
    assert value(run, "mated_trials") == 12
    first = trials.iloc[0]
    assert (first["probe"], first["reference"], first["probe_subject"]) == ("ann/0.png", "ann/1.png", "ann")
    a, b = (np.clip(np.array(COLOURS["ann"]) + 9 * k, 0, 255).astype(np.uint8) / np.float32(255) for k in (0, 1))
    assert first["score"] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=2e-7)
    assert set(json.loads((run.path / "manifest.json").read_text())) >= {
        "versions", "machine", "git", "seed", "sweep", "cells", "command", "ran",
    }  # fmt: skip


def test_a_second_run_computes_nothing(sweep: Callable[..., Any], tmp_path: Path) -> None:
    run_sweep(sweep(), tmp_path / "a")
    assert ToyRecognizer.embedded == 12
    first = (tmp_path / "a" / "summary.json").read_bytes()
    run_sweep(sweep(), tmp_path / "a")
    again = run_sweep(sweep(), tmp_path / "b")
    assert ToyRecognizer.embedded == 12
    assert (tmp_path / "a" / "summary.json").read_bytes() == first == (tmp_path / "b" / "summary.json").read_bytes()
    outcome = again.outcomes()[0]
    assert (outcome["counts"]["embeddings_computed"], outcome["counts"]["embeddings_from_cache"]) == (0, 12)
    assert outcome["runtime"] == {"provider": "toy"}


def test_a_changed_photo_is_another_cell(sweep: Callable[..., Any], tmp_path: Path) -> None:
    before = plan(sweep()).cells[0].key
    assert plan(sweep()).cells[0].key == before
    write(tmp_path / "photos" / "ann" / "0.png", np.full((8, 8, 3), 77, np.uint8))
    assert plan(sweep()).cells[0].key != before
    run_sweep(sweep(), tmp_path / "run")
    assert ToyRecognizer.embedded == 12


def test_the_key_does_not_hold_where_the_photos_lie(sweep: Callable[..., Any], tmp_path: Path) -> None:
    elsewhere = photos(tmp_path / "elsewhere")
    moved = sweep(dataset={"name": "folder", "root": str(elsewhere)})
    assert plan(moved).cells[0].key == plan(sweep()).cells[0].key


def test_faces_that_are_not_found_and_files_that_cannot_be_read_are_counted(
    sweep: Callable[..., Any], tmp_path: Path
) -> None:
    write(tmp_path / "photos" / "ann" / "0.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "photos" / "bob" / "1.png").write_bytes(b"no picture")
    run = run_sweep(sweep(), tmp_path / "run")
    frames = run.frames().set_index("key")
    assert frames.loc["ann/0.png", "problem"] == "no face found"
    assert "not a readable image" in frames.loc["bob/1.png", "problem"]
    assert frames["acquired"].sum() == 10
    assert run.trials()["score"].isna().sum() == 66 - 45
    assert value(run, "failure_to_acquire_rate") == pytest.approx(21 / 66)
    write(tmp_path / "photos" / "bob" / "1.png", np.full((8, 8, 3), COLOURS["bob"], np.uint8))
    mended = run_sweep(sweep(), tmp_path / "mended")
    assert mended.frames()["acquired"].sum() == 11


def test_a_failed_cell_is_a_row_and_is_tried_again(sweep: Callable[..., Any], tmp_path: Path) -> None:
    entries = [{"name": "toy", "label": "bad", "fail": True}, "toy"]
    run = run_sweep(sweep(recognizers=entries), tmp_path / "run")
    assert run.failures()[["recognizer", "error", "message"]].values.tolist() == [
        ["bad", "RuntimeError", "asked to fail"]
    ]
    assert set(run.summary()["recognizer"]) == {"toy"}
    tried: list[str] = []

    class Ears(Listener):
        def started(self, cell: Cell) -> None:
            tried.append(cell.labels["recognizer"])

    run_sweep(sweep(recognizers=entries), tmp_path / "run", listener=Ears())
    assert tried == ["bad"]


def test_a_list_makes_an_axis(sweep: Callable[..., Any], tmp_path: Path) -> None:
    swept = sweep(
        recognizers=[
            {"name": "toy", "gain": [1.0, 2.0], "parts": ["a"], "aligner": [{"name": "toy", "gain": [3.0, 4.0]}]}
        ]
    )
    labels = [cell.labels["settings"] for cell in plan(swept).cells]
    assert labels == [
        {"recognizer.gain": gain, "aligner": "toy", "aligner.gain": other}
        for gain, other in ((1.0, 3.0), (1.0, 4.0), (2.0, 3.0), (2.0, 4.0))
    ]
    assert len({cell.key for cell in plan(swept).cells}) == 4


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"recognizers": ["toy", "toy"]}, ConfigError, "could not tell two recognizers called 'toy' apart"),
        ({"recognizers": ["tou"]}, UnknownName, "did you mean 'toy'"),
        ({"recognizers": [{"name": "toy", "gian": 1}]}, UnknownName, "unknown setting 'gian'; did you mean 'gain'"),
        ({"protocol": "all_pair"}, UnknownName, "unknown protocol 'all_pair'; did you mean 'all_pairs'"),
    ],
)
def test_what_cannot_be_planned_is_said_before_anything_runs(
    sweep: Callable[..., Any], tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run_sweep(sweep(**changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_with_something_else_in_it_is_refused(sweep: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds files but no run"):
        run_sweep(sweep(), tmp_path)
    run_sweep(sweep(), tmp_path / "run")
    with pytest.raises(ConfigError, match="holds the run of another sweep, 't'"):
        run_sweep(sweep(name="other"), tmp_path / "run")
    with pytest.raises(ConfigError, match="is a file"):
        run_sweep(sweep(), tmp_path / "photos" / "ann" / "0.png")


def test_an_interrupted_sweep_keeps_what_is_done(sweep: Callable[..., Any], tmp_path: Path) -> None:
    class Cut(Inline):
        def run(self, cells: Iterable[Cell], execute: Execute, watch: Watch) -> Iterator[Outcome]:
            yield next(iter(super().run(cells, execute, watch)))
            raise KeyboardInterrupt

    two = sweep(recognizers=["toy", {"name": "toy", "label": "second", "gain": 2.0}])
    with pytest.raises(KeyboardInterrupt):
        run_sweep(two, tmp_path / "cut", executor=Cut())
    assert set(RunFolder.open(tmp_path / "cut").summary()["recognizer"]) == {"toy"}
    run_sweep(two, tmp_path / "cut")
    run_sweep(two, tmp_path / "whole", cache=ArrayCache(DiskStore(tmp_path / "fresh")))
    assert (tmp_path / "cut" / "summary.json").read_bytes() == (tmp_path / "whole" / "summary.json").read_bytes()


class Tally(Listener):
    """Which cells began, and how many were said to be stored already."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.stored = 0

    def planned(self, plan: Plan, stored: int) -> None:
        self.stored = stored

    def started(self, cell: Cell) -> None:
        self.began.append(cell.labels["recognizer"])


@pytest.mark.parametrize(
    ("resume", "began", "stored"),
    [
        ("missing", ["new"], 2),
        ("failed", ["bad", "new"], 1),
        ("all", ["good", "bad", "new"], 0),
    ],
)
def test_what_is_run_again_can_be_chosen(
    sweep: Callable[..., Any], tmp_path: Path, resume: Any, began: list[str], stored: int
) -> None:
    good, bad = {"name": "toy", "label": "good"}, {"name": "toy", "label": "bad", "fail": True}
    run_sweep(sweep(recognizers=[good, bad]), tmp_path / "run")
    tally = Tally()
    entries = [good, bad, {"name": "toy", "label": "new"}]
    run = run_sweep(sweep(recognizers=entries), tmp_path / "run", listener=tally, resume=resume)
    assert (tally.began, tally.stored) == (began, stored)
    assert run.failures()["recognizer"].tolist() == ["bad"]
    assert set(run.summary()["recognizer"]) == {"good", "new"}


def test_running_all_again_puts_the_new_outcome_in_the_place_of_the_old_one(
    sweep: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_sweep(sweep(), tmp_path / "run")
    before, tables = run.outcomes()[0], stored_tables(run)
    again = run_sweep(sweep(), tmp_path / "run", resume="all")
    assert again.outcomes()[0]["counts"] != before["counts"], "the embeddings come from the cache this time"
    assert stored_tables(again) == tables
    monkeypatch.setattr("bench.sweep.scores.acquire", raise_)
    failed = run_sweep(sweep(), tmp_path / "run", resume="all")
    assert failed.failures()["message"].tolist() == ["no more"]
    assert failed.summary().empty


def raise_(*_: Any) -> None:
    raise RuntimeError("no more")


def stored_tables(run: RunFolder) -> dict[str, bytes]:
    """Every table of a run."""
    return {path.name: path.read_bytes() for path in run.path.rglob("*.parquet")}


def test_figures_are_made_again_without_photos_or_models(sweep: Callable[..., Any], tmp_path: Path) -> None:
    entries = ["toy", {"name": "toy", "label": "bad", "fail": True}]
    run = run_sweep(sweep(recognizers=entries), tmp_path / "run")
    summary, manifest = ((run.path / name).read_bytes() for name in ("summary.json", "manifest.json"))
    (run.path / "summary.json").unlink()
    shutil.rmtree(tmp_path / "photos")
    tally = Tally()
    again = run_sweep(sweep(recognizers=entries), tmp_path / "run", listener=tally, resume="none")
    assert (again.path / "summary.json").read_bytes() == summary
    assert (again.path / "manifest.json").read_bytes() == manifest
    assert tally.began == []
    assert len(again.failures()) == 1


@pytest.mark.parametrize(
    "frozen", sorted((Path(__file__).parent / "data" / "runs").glob("v*")), ids=lambda path: path.name
)
def test_figures_of_runs_of_earlier_versions_are_made_again(
    sweep: Callable[..., Any], tmp_path: Path, frozen: Path
) -> None:
    run = RunFolder.open(shutil.copytree(frozen, tmp_path / "run"))
    before = run.summary()
    again = run_sweep(sweep(name=run.manifest()["name"]), tmp_path / "run", resume="none").summary()
    assert len(again) == len(before) > 0
    assert again.equals(before)


def test_there_must_be_a_run_to_make_figures_from(sweep: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"holds no run.*impersona run --out"):
        run_sweep(sweep(), tmp_path / "none", resume="none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(UnknownName, match="unknown way to resume 'fail'; did you mean 'failed'"):
        run_sweep(sweep(), tmp_path / "none", resume="fail")  # type: ignore[arg-type]


def test_two_sessions_on_one_folder_are_refused(sweep: Callable[..., Any], tmp_path: Path) -> None:
    class Rival(Listener):
        def started(self, cell: Cell) -> None:
            with pytest.raises(ConfigError, match=r"another impersona is at work on .*run; wait until it ends"):
                run_sweep(sweep(), tmp_path / "run")

    assert len(run_sweep(sweep(), tmp_path / "run", listener=Rival()).trials()) == 66
    assert len(run_sweep(sweep(), tmp_path / "run").trials()) == 66


def test_a_file_system_without_locks_keeps_nobody_off(
    sweep: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("bench.sweep.runner.fcntl.flock", refuse)
    half = write_beside(tmp_path / "run" / "manifest.json", b"{")
    assert len(run_sweep(sweep(), tmp_path / "run").trials()) == 66
    assert half.exists(), "another session may be writing it"


def test_what_a_killed_session_left_is_cleared_away(sweep: Callable[..., Any], tmp_path: Path) -> None:
    half = write_beside(tmp_path / "run" / "manifest.json", b"{")
    run = run_sweep(sweep(), tmp_path / "run")
    other = write_beside(next(run.path.rglob("trials.parquet")), b"half")
    assert [half.exists(), other.exists()] == [False, True]
    run_sweep(sweep(), tmp_path / "run")
    assert not list(run.path.rglob("*.part"))


def test_summary_fields_are_the_documented_ones(sweep: Callable[..., Any], tmp_path: Path) -> None:
    document = json.loads((run_sweep(sweep(), tmp_path / "run").path / "summary.json").read_text())
    assert document["schema"] == "impersona.summary/1"
    for record in document["records"]:
        assert " ".join(record) == (
            "figure dataset protocol group recognizer detector generator attack goal species settings operating_point "
            "value low high n support interval versus"
        )
        assert record["settings"] == {"aligner": "toy"}


def test_cached_sightings_are_the_fresh_ones() -> None:
    points = np.random.default_rng(0).random((5, 2)).astype(np.float32)
    face = Face(np.array([1, 2, 3, 4], np.float32), {"field5": points}, 0.25)
    arrays = to_arrays([Sighting(0, None, None, "no face found"), Sighting(3, face, None, None)])
    nothing, found = from_arrays(arrays, 0), from_arrays(arrays, 1)
    assert (nothing.faces, nothing.face, nothing.problem) == (0, None, "no face found")
    assert found.face is not None
    assert (found.faces, found.face.confidence) == (3, 0.25)
    assert np.array_equal(found.face.landmarks["field5"], points)


def test_a_second_recognizer_reuses_the_faces_that_were_found(
    sweep: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.toys import ToyAligner

    looked = []
    detect = ToyAligner.detect
    monkeypatch.setattr(ToyAligner, "detect", lambda self, frame: looked.append(1) or detect(self, frame))
    run = run_sweep(sweep(recognizers=["toy", {"name": "toy", "label": "b", "gain": 2.0}]), tmp_path / "run")
    assert len(looked) == 12
    assert run.frames()["faces"].tolist() == [1] * 24


def test_one_image_under_two_names_is_embedded_once(sweep: Callable[..., Any], tmp_path: Path) -> None:
    root = tmp_path / "photos"
    (root / "bob" / "2.png").write_bytes((root / "ann" / "2.png").read_bytes())
    acquired = acquire(
        Cast({"name": "folder", "root": str(root)}, {"name": "toy"}, {"name": "toy"}),
        bench.load("dataset", "folder", root=root).frames(),
        ArrayCache(),
    )
    assert acquired.computed == 11
    assert np.array_equal(acquired.embeddings[2], acquired.embeddings[5])


def test_worker_processes_see_what_this_process_sees(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos", per_person=10)
    frames = bench.load("dataset", "folder", root=root).frames()
    cast = Cast({"name": "folder", "root": str(root)}, {"name": "none"}, {"name": "lbp"})
    here, there = (
        acquire(cast, frames, ArrayCache(DiskStore(tmp_path / str(workers))), workers=workers) for workers in (0, 2)
    )
    assert here.computed == there.computed == 40
    assert np.array_equal(here.embeddings, there.embeddings)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda crops: np.zeros((4, 3)),
        lambda crops: np.full((4, 3), np.nan, np.float32),
        lambda crops: np.zeros((3, 3), np.float32),
        lambda crops: np.zeros(4, np.float32),
    ],
)
def test_embeddings_that_are_none_are_refused(wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = ToyRecognizer(ToySettings())
    monkeypatch.setattr(toy, "embed", wrong)
    with pytest.raises(PluginError, match=r"ToyRecognizer.embed returned .* expected finite float32 \(4, D\)"):
        embed_padded(toy, np.zeros((2, 3, 8, 8), np.float32))


def test_the_notebook_functions(sweep: Callable[..., Any], tmp_path: Path) -> None:
    run = bench.run(sweep().model_dump(), tmp_path / "run")
    assert bench.open_run(run.path).summary().equals(run.summary())
    found = bench.embed({"name": "folder", "root": str(tmp_path / "photos")}, "toy")
    assert found["acquired"].all()
    assert found["embedding"].iloc[0].shape == (3,)
    table = bench.plugins("recognizer")
    assert {"dlib_resnet", "arcface_onnx", "lbp", "toy"} <= set(table["name"])
    assert set(table["kind"]) == {"recognizer"}
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = bench.runn


def test_a_renamed_recognizer_is_renamed_in_the_summary(sweep: Callable[..., Any], tmp_path: Path) -> None:
    for label in ("old", "new"):
        run = run_sweep(sweep(recognizers=[{"name": "toy", "label": label}]), tmp_path / "run")
    assert set(run.summary()["recognizer"]) == {"new"}
    assert len(run.trials()) == 66
    assert ToyRecognizer.embedded == 12


def test_a_table_that_is_lost_or_damaged_is_made_again(sweep: Callable[..., Any], tmp_path: Path) -> None:
    run = run_sweep(sweep(), tmp_path / "run")
    (table,) = (tmp_path / "run").rglob("trials.parquet")
    whole = table.read_bytes()
    table.write_bytes(whole[:100])
    with pytest.raises(CorruptFile, match=r"delete .*cells/\w+ and run the sweep again"):
        run.trials()
    table.unlink()
    assert run_sweep(sweep(), tmp_path / "run").trials().shape == (66, 10)
    assert table.read_bytes() == whole


def test_a_weight_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "lbp.safetensors"
    path.write_bytes(released("lbp.safetensors").read_bytes())
    entry = {"name": "lbp", "weights": str(path)}
    root = photos(tmp_path / "photos", people=["ann"])
    before = bench.embed({"name": "folder", "root": str(root)}, entry, "none")["embedding"].iloc[0]
    assert plugin("recognizer", entry) is plugin("recognizer", entry)
    with safe_open(path, "np") as stream:
        metadata = stream.metadata()
    save_file({name: -tensor for name, tensor in load_file(path).items()}, path, metadata)
    after = bench.embed({"name": "folder", "root": str(root)}, entry, "none")["embedding"].iloc[0]
    assert not np.array_equal(before, after)


def test_photos_that_come_between_two_runs_are_seen(sweep: Callable[..., Any], tmp_path: Path) -> None:
    run_sweep(sweep(), tmp_path / "run")
    write(tmp_path / "photos" / "ann" / "9.png", np.full((8, 8, 3), 99, np.uint8))
    assert len(run_sweep(sweep(), tmp_path / "run").trials()) == 13 * 12 // 2


def test_photos_that_change_while_a_sweep_runs_fail_the_cell(sweep: Callable[..., Any], tmp_path: Path) -> None:
    class Meddler(Listener):
        def started(self, cell: Cell) -> None:
            write(tmp_path / "photos" / "ann" / "0.png", np.full((8, 8, 3), 1, np.uint8))

    run = run_sweep(sweep(), tmp_path / "run", listener=Meddler())
    assert "changed after the sweep was planned" in run.failures()["message"].iloc[0]


def test_a_killed_worker_is_a_clear_error(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos", per_person=30)
    cast = Cast({"name": "folder", "root": str(root)}, {"name": "none"}, {"name": "lbp"})
    todo = [(frame.key, None) for frame in bench.load("dataset", "folder", root=root).frames()]
    found = sightings(cast, bench.load("recognizer", "lbp").template, todo, 1)
    next(found)
    for child in multiprocessing.active_children():
        os.kill(child.pid or 0, signal.SIGKILL)
    with pytest.raises(WorkerLost, match="IMPERSONA_WORKERS=1"):
        list(found)


def test_a_script_without_a_main_guard_is_told_so(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos", per_person=30)
    script = tmp_path / "script.py"
    script.write_text(f"import bench\nbench.embed({{'name': 'folder', 'root': {str(root)!r}}}, 'lbp', 'none')\n")
    environment = os.environ | {"PYTHONPATH": str(Path(bench.__file__).parent.parent), "IMPERSONA_WORKERS": "1"}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "put the call under if __name__ ==" in done.stderr


@pytest.mark.parametrize(("chosen", "expected"), [("3", 3), ("0", 0)])
def test_the_number_of_workers_can_be_chosen(chosen: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPERSONA_WORKERS", chosen)
    assert worker_count(10) == worker_count(1000) == expected
    monkeypatch.setenv("IMPERSONA_WORKERS", "many")
    with pytest.raises(ConfigError, match="IMPERSONA_WORKERS: got 'many'"):
        worker_count(10)
    monkeypatch.delenv("IMPERSONA_WORKERS")
    assert worker_count(10) == 0
    assert 1 <= worker_count(1000) <= 8
