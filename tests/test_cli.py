"""The command line: exit codes, messages, and what it may import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.api import Success
from bench.cli.main import main
from bench.cli.run import _headline
from bench.doctor import Finding
from bench.registry import Registry
from bench.version import __version__
from tests.toys import add_toys, photos

HEAVY = ("torch", "numba", "onnxruntime", "cv2", "dlib", "insightface", "skimage", "sklearn")


def call(*arguments: str) -> int:
    """The exit code of ``impersona ARGUMENTS``."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


@pytest.fixture
def toy_sweep(own_registry: Registry, tmp_path: Path) -> Path:
    """A sweep file over photos that exist."""
    add_toys(own_registry)
    root = photos(tmp_path / "photos")
    path = tmp_path / "toy.yaml"
    path.write_text(f"name: toy\ndataset: {{name: folder, root: {root}}}\nrecognizers: [toy]\nfmr: [0.1]\n")
    return path


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out == f"impersona, version {__version__}\n"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--help") == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("run", "report", "ls", "doctor"))


def test_a_clean_run_ends_with_0(toy_sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", str(toy_sweep), "--out", str(tmp_path / "run"), "--no-report") == 0
    assert "summary.json" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["records"]


def test_the_report_is_written_by_the_way(toy_sweep: Path, tmp_path: Path) -> None:
    assert call("run", str(toy_sweep), "--out", str(tmp_path / "run")) == 0
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000
    (tmp_path / "run" / "report.html").unlink()
    assert call("report", str(tmp_path / "run")) == 0
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_report_that_says_all_there_is_is_left_alone(
    toy_sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("run", str(toy_sweep), "--out", str(tmp_path / "run"))
    report = tmp_path / "run" / "report.html"

    def written_by(*options: str) -> bool:
        report.write_text("stale")
        assert call(*arguments, *options) == 0
        return report.read_text() != "stale"

    assert call(*arguments) == 0
    capsys.readouterr()
    assert not written_by()
    assert "as it was" in capsys.readouterr().out
    assert written_by("--resume", "none")
    assert written_by("--resume", "all")
    assert written_by("--set", "recognizers.0.label=new")
    assert written_by()  # the other cells again, which are stored already
    report.unlink()
    assert call(*arguments) == 0
    assert report.is_file()


def test_failed_cells_end_with_1(toy_sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        "run",
        str(toy_sweep),
        "--out",
        str(tmp_path / "run"),
        "--no-report",
        "--set",
        "recognizers.0.fail=true",
    )
    assert call(*arguments) == 1
    assert "RuntimeError: asked to fail" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "none.yaml"), "no sweep file at none.yaml"),
        (("run", "{sweep}", "--set", "nam=x"), "unknown key 'nam'; did you mean 'name'"),
        (("run", "{sweep}", "--set", "dataset.root=/none"), "no folder at /none"),
        (("run", "{sweep}", "--no-such-option"), "No such option"),
        (("report", "/none"), "/none"),
        (("lss",), "No such command 'lss'"),
        (("ls", "recogniser"), "Invalid value"),
    ],
)
def test_bad_usage_ends_with_2(
    arguments: tuple[str, ...], message: str, toy_sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*(argument.format(sweep=toy_sweep) for argument in arguments)) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


def test_a_folder_that_cannot_be_written_to(toy_sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", str(toy_sweep), "--out", "/proc/nowhere/run") == 2
    assert "choose a folder that may be read and written" in capsys.readouterr().err


def test_a_dry_run_writes_nothing(
    toy_sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert call("run", str(toy_sweep), "--dry-run") == 0
    assert "toy: 1 cell, 12 frames, 66 trials" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before


def test_ls_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("ls", "aligner", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows} == {"dlib_hog", "yunet", "scrfd", "none"}
    assert all(set(row) == {"kind", "name", "summary", "source", "licence", "missing"} for row in rows)


def test_ls_of_one_plugin_shows_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("ls", "aligner", "dlib_hog") == 0
    assert "upsample: int = 1" in capsys.readouterr().out
    assert call("ls", "aligner", "dlib_hog", "--json") == 0
    assert {"points", "upsample"} <= {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert call("ls", "aligner", "dlib_hogg") == 2
    assert "did you mean 'dlib_hog'" in capsys.readouterr().err


def test_what_cannot_be_measured_is_said(
    own_registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_toys(own_registry)
    root = photos(tmp_path / "photos", per_person=1)
    path = tmp_path / "toy.yaml"
    path.write_text(f"name: toy\ndataset: {{name: folder, root: {root}}}\nrecognizers: toy\n")
    assert call("run", str(path), "--out", str(tmp_path / "run")) == 0
    assert "nothing to measure: 0 mated comparisons, 6 nonmated comparisons" in capsys.readouterr().err


def test_a_new_report_forgets_the_pictures_of_the_old_one(toy_sweep: Path, tmp_path: Path) -> None:
    arguments = ("run", str(toy_sweep), "--out", str(tmp_path / "run"), "--set")
    assert call(*arguments, "recognizers.0.label=zebra") == 0
    assert list((tmp_path / "run" / "figures").glob("*zebra*"))
    assert call(*arguments, "recognizers.0.label=new") == 0
    assert not list((tmp_path / "run").glob("*/*zebra*"))


def test_ls_of_a_kind_without_plugins(capsys: pytest.CaptureFixture[str], own_registry: Registry) -> None:
    for row in own_registry.rows("parser"):
        del own_registry._rows["parser", row.name]
    assert call("ls", "parser") == 0
    assert "no parser plugins" in capsys.readouterr().out


def fresh(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that runs some code."""
    root = Path(__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, env=environment
    )


REACHED = f"""
import sys
from bench.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as done:
    assert not done.code, done.code
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""


def test_the_line_of_a_detector_says_its_worst_species() -> None:
    figures = [
        {"figure": "detection_equal_error_rate", "operating_point": None, "group": None, "species": species,
         "value": value, "support": "ok"}
        for species, value in ((None, 0.5), ("collage", 0.5), ("landmark_morph", 0.4))
    ]  # fmt: skip
    outcome = Success(key="a", figures=tuple(figures), counts={}, runtime={}, seconds=0.0, tables={})
    assert _headline(outcome) == "detection equal error rate 0.5000"


@pytest.mark.parametrize("arguments", [("ls",), ("ls", "recognizer", "--json"), ("run", "--dry-run"), ("--version",)])
def test_listing_and_planning_never_import_a_heavy_runtime(arguments: tuple[str, ...]) -> None:
    done = fresh(REACHED, *arguments)
    assert done.stderr.strip().splitlines()[-1] == "[]", done.stderr


def test_report_never_imports_a_heavy_runtime(toy_sweep: Path, tmp_path: Path) -> None:
    assert call("run", str(toy_sweep), "--out", str(tmp_path / "run"), "--no-report") == 0
    done = fresh(REACHED, "report", str(tmp_path / "run"))
    assert done.stderr.strip().splitlines()[-1] == "[]", done.stderr


def test_ls_takes_less_than_a_second() -> None:
    code = "import sys; sys.argv = ['impersona', 'ls']; from bench.cli.main import main; main()"
    fresh(code)
    seconds = []
    for _ in range(3):
        started = time.monotonic()
        assert fresh(code).returncode == 0
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 1.0, seconds


def test_doctor_reports_and_judges(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    call("doctor")
    printed = capsys.readouterr().out
    assert all(topic in printed for topic in ("versions", "machine", "onnxruntime", "packages", "weights", "cache"))
    bad = [Finding("onnxruntime", "problem", "two of them", ("pip uninstall -y both", "pip install one"))]
    monkeypatch.setattr("bench.cli.doctor.examine", lambda: bad)
    assert call("doctor") == 1
    printed = capsys.readouterr().out
    assert "pip uninstall -y both" in printed
    assert call("doctor", "--json") == 1
    assert json.loads(capsys.readouterr().out)[0]["remedy"] == ["pip uninstall -y both", "pip install one"]
