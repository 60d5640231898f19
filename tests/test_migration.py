"""Runs of every earlier version are read in the present shape; those of a later one are refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bench.cli.main import main
from bench.config import Sweep
from bench.errors import CorruptFile
from bench.store.migrations import STEPS
from bench.store.run_folder import RunFolder
from bench.store.schema import FRAMES, IDENTITIES, RECORD_FIELDS, RUN_VERSION, TABLES, TRIALS
from tests.test_run_folder import cell, failure, success
from tests.test_store import rewritten

RUNS = Path(__file__).parent / "data" / "runs"
SAMPLES = sorted(RUNS.glob("v*"))
LABELS = ["dataset", "protocol", "recognizer"]
NEWER = rf"version {RUN_VERSION + 1}, written by a newer impersona; .*upgrade: pip install --upgrade impersona"


def version_of(sample: Path) -> int:
    return int(sample.name.removeprefix("v"))


def bytes_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(params=SAMPLES, ids=lambda sample: sample.name)
def sample(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture
def copy(sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample, tmp_path / "run"))


def only_cell(folder: Path) -> Path:
    (found,) = (folder / "cells").iterdir()
    return found


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_every_version_has_a_sample_and_a_step_to_the_next() -> None:
    assert sorted(version_of(sample) for sample in SAMPLES) == list(range(1, RUN_VERSION + 1))
    assert sorted(STEPS) == list(range(1, RUN_VERSION))


def test_a_sample_is_what_its_version_wrote(sample: Path) -> None:
    for path in (sample / "manifest.json", only_cell(sample) / "outcome.json"):
        assert json.loads(path.read_text())["version"] == version_of(sample)
    assert json.loads((sample / "manifest.json").read_text())["sweep"]["dataset"]["name"] == "drawn"


def test_figures_come_in_the_present_shape(sample: Path) -> None:
    run = RunFolder.open(sample)
    summary = run.summary()
    assert list(summary.columns) == list(RECORD_FIELDS)
    figures = summary.set_index(["figure", summary["operating_point"].fillna("")])["value"]
    assert (figures["frames", ""], figures["mated_trials", ""], figures["nonmated_trials", ""]) == (18, 18, 135)
    assert 0 < figures["equal_error_rate", ""] < 0.2
    assert figures["false_match_rate", "fmr=0.01"] == 1 / 135
    (outcome,) = run.outcomes()
    stored = json.loads((sample / "summary.json").read_text())["records"]
    assert [one["value"] for one in outcome["figures"]] == [one["value"] for one in stored][: len(outcome["figures"])]
    assert all(set(RECORD_FIELDS) == set(one) for one in outcome["figures"])
    if version_of(sample) == 1:
        assert summary[["interval", "versus"]].isna().all(axis=None)
        assert all(one["interval"] is None and one["versus"] is None for one in outcome["figures"])


def test_tables_come_in_the_present_shape(sample: Path) -> None:
    run = RunFolder.open(sample)
    trials, frames = run.trials(), run.frames()
    assert list(trials.columns) == [*LABELS, *TRIALS]
    assert list(frames.columns) == [*LABELS, *FRAMES]
    assert (len(trials), int(trials["mated"].sum()), len(frames)) == (153, 18, 18)
    assert set(trials["recognizer"]) == {"lbp"}
    assert str(trials["score"].dtype) == "float32"
    assert trials.loc[trials["mated"], "score"].mean() > trials.loc[~trials["mated"], "score"].mean()
    (key,) = run.cell_keys()
    assert list(run.table(key, "identities").columns) == list(IDENTITIES)
    for name in run.outcome(key)["tables"]:
        assert list(run.table(key, name).columns) == list(TABLES[name])


def test_outcomes_and_manifest_come_in_the_present_shape(sample: Path) -> None:
    run = RunFolder.open(sample)
    (key,) = run.cell_keys()
    assert (run.status(key), run.succeeded(key), len(run.failures())) == ("success", True, 0)
    outcome = run.outcome(key)
    assert outcome["version"] == run.manifest()["version"] == RUN_VERSION
    assert {"trials", "frames", "identities"} <= set(outcome["tables"])
    assert all(set(one) == {"bytes", "sha256"} for one in outcome["tables"].values())
    assert outcome["failures"] == 0
    assert outcome["calibration"] is None
    assert set(Sweep.model_fields) <= set(run.manifest()["sweep"])
    assert Sweep.model_validate(run.manifest()["sweep"]).name == "frozen"
    newest = RunFolder.open(RUNS / f"v{RUN_VERSION}")
    (present,) = newest.outcomes()
    assert set(outcome) == set(present)
    assert set(outcome["spec"]) == set(present["spec"])
    assert set(run.manifest()) == set(newest.manifest())


def test_a_report_can_be_made_of_it(copy: Path, sample: Path) -> None:
    before = bytes_of(sample)
    with pytest.raises(SystemExit) as caught:
        main(["report", str(copy)])
    assert not caught.value.code
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert "lbp" in page
    assert "153" in page
    assert {name: digest for name, digest in bytes_of(copy).items() if name in before} == before == bytes_of(sample)


def test_reading_changes_nothing_and_a_new_session_keeps_the_old_cells(copy: Path) -> None:
    before, run = bytes_of(copy), RunFolder.open(copy)
    (key,) = run.cell_keys()
    run.write_outcome(cell(key), success(key))
    run.write_outcome(cell(key), failure("late", key))
    assert bytes_of(copy) == before
    run.write_manifest({name: value for name, value in run.manifest().items() if name != "version"})
    assert json.loads((copy / "manifest.json").read_text())["version"] == RUN_VERSION
    run.write_summary([key])
    again = RunFolder.open(copy)
    assert (len(again.trials()), len(again.summary())) == (153, len(run.summary()))
    (only_cell(copy) / "trials.parquet").unlink()
    assert again.status(key) == "absent"


def test_a_failure_of_version_1_is_one_and_gives_way(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(RUNS / "v1", tmp_path / "run"))
    path = only_cell(folder) / "outcome.json"
    kept = {
        name: value for name, value in json.loads(path.read_text()).items() if name in ("version", "spec", "labels")
    }
    found = failure("from version 1", path.parent.name)
    path.write_text(json.dumps(kept | {"status": "failure", **vars(found), "origin": None}))
    run = RunFolder.open(folder)
    (key,) = run.cell_keys()
    assert (run.status(key), run.failures()["message"].tolist()) == ("failure", ["from version 1"])
    run.write_outcome(cell(key), failure("from today", key))
    assert (run.status(key), run.failures()["message"].tolist()) == ("failure", ["from today"])
    run.write_outcome(cell(key), success(key))
    assert (run.status(key), run.outcome(key)["failures"]) == ("success", 1)


def test_what_a_newer_impersona_wrote_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, cell_folder = RunFolder.open(copy), only_cell(copy)
    outcome, table = cell_folder / "outcome.json", cell_folder / "frames.parquet"
    stored = outcome.read_text()
    edit(outcome, version=RUN_VERSION + 1)
    with pytest.raises(CorruptFile, match=NEWER):
        run.outcomes()
    table.write_bytes(rewritten(table.read_bytes(), version=str(RUN_VERSION + 1)))
    outcome.write_text(stored)
    recorded = {name: {"bytes": None, "sha256": None} for name in json.loads(stored)["tables"]}
    if version_of_text(stored) > 1:
        edit(outcome, tables=recorded)
    with pytest.raises(CorruptFile, match=NEWER):
        run.frames()
    edit(copy / "manifest.json", version=RUN_VERSION + 1)
    with pytest.raises(CorruptFile, match=NEWER):
        run.manifest()
    with pytest.raises(SystemExit) as caught:
        main(["report", str(copy)])
    assert caught.value.code == 2
    assert "written by a newer impersona" in capsys.readouterr().err


def version_of_text(document: str) -> int:
    return int(json.loads(document)["version"])


@pytest.mark.parametrize("missing", ["figures", "tables", "sweep"])
def test_what_is_not_even_its_own_version_is_said(missing: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(RUNS / "v1", tmp_path / "run"))
    path = folder / "manifest.json" if missing == "sweep" else only_cell(folder) / "outcome.json"
    document = json.loads(path.read_text())
    del document[missing]
    path.write_text(json.dumps(document))
    with pytest.raises(
        CorruptFile, match=rf"not what version 1 wrote \(KeyError: '{missing}'\); .*run the sweep again"
    ):
        RunFolder.open(folder).outcomes()
