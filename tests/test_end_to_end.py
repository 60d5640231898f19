"""The whole way, as a user walks it: the first run, and LFW view 2 where there are real faces."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from bench.store.run_folder import RunFolder
from tests.browser import check_page

ROOT = Path(__file__).parent.parent


def impersona(*arguments: str, cwd: Path, cache: Path) -> float:
    """Runs the command in a process of its own; returns its seconds."""
    code = "from bench.cli.main import main; main()"
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": path, "IMPERSONA_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return time.monotonic() - started


def figure(summary: pd.DataFrame, recognizer: str, name: str, point: str | None = None) -> pd.Series:
    """The one record of a figure."""
    rows = summary[(summary["recognizer"] == recognizer) & (summary["figure"] == name)]
    rows = rows[rows["operating_point"].isna() if point is None else rows["operating_point"] == point]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.full
@pytest.mark.alone
@pytest.mark.browser
def test_the_first_run_ends_within_two_minutes_and_its_report_shows_its_figures(tmp_path: Path, chromium: str) -> None:
    seconds = impersona("run", cwd=tmp_path, cache=tmp_path / "cache")
    print(f"impersona run: {seconds:.1f} s")
    assert seconds <= 120
    run = RunFolder.open(tmp_path / "runs" / "first")
    summary = run.summary()
    deep = figure(summary, "dlib_resnet", "equal_error_rate")["value"]
    assert 0 < deep < figure(summary, "lbp", "equal_error_rate")["value"] < 0.5
    for maker in (summary["generator"] == "collage", summary["attack"] == "landmark_morph"):
        made = summary[maker & (summary["recognizer"] == "dlib_resnet")]
        outcomes = [f"{name}_match_rate" for name in ("both", "swapped", "preserved", "neither")]
        shares = [figure(made, "dlib_resnet", name, "fmr=0.01")["value"] for name in [*outcomes, "not_acquired_rate"]]
        assert sum(shares) == pytest.approx(1)
        assert shares[-1] < 0.1
    check_page(chromium, run.path / "report.html")


@pytest.mark.full
@pytest.mark.alone
@pytest.mark.real
@pytest.mark.browser
def test_lfw_view_2(tmp_path: Path, real_data: Path, real_models: Path, chromium: str) -> None:
    example = str(ROOT / "examples" / "lfw.yaml")
    cold = impersona("run", example, "--out", "cold", cwd=tmp_path, cache=tmp_path / "cache")
    warm = impersona("run", example, "--out", "warm", "--no-report", cwd=tmp_path, cache=tmp_path / "cache")
    print(f"examples/lfw.yaml: {cold:.1f} s cold, {warm:.1f} s from the cache")
    assert (tmp_path / "cold" / "summary.json").read_bytes() == (tmp_path / "warm" / "summary.json").read_bytes()
    again = RunFolder.open(tmp_path / "warm")
    assert [outcome["counts"]["embeddings_computed"] for outcome in again.outcomes()] == [0, 0, 0]
    assert warm <= 0.1 * cold  # a ratio: machines are noisy
    summary = again.summary()
    assert figure(summary, "dlib_resnet", "best_accuracy")["value"] >= 0.988
    assert figure(summary, "dlib_resnet", "true_match_rate", "fmr=0.01")["value"] >= 0.985
    assert figure(summary, "mobilefacenet_y1", "fold_accuracy")["value"] >= 0.991
    assert 0.6 <= figure(summary, "lbp", "fold_accuracy")["value"] <= 0.9
    assert figure(summary, "dlib_resnet", "true_match_rate", "fmr=0.001")["support"] == "weak"
    strictest = figure(summary, "dlib_resnet", "true_match_rate", "fmr=0.0001")
    assert strictest["support"] == "insufficient"
    assert pd.isna(strictest["value"])
    check_page(chromium, tmp_path / "cold" / "report.html")
