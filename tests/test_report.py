"""The report of a run: what it says, what it must not say, and that it stands on its own."""

from __future__ import annotations

import html.parser
import json
import math
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from bench.api import Frame
from bench.errors import MissingFile
from bench.metrics import ErrorCurve, error_tradeoff
from bench.store.run_folder import RunFolder
from reports import numbers
from reports.cli import report as report_command
from reports.curves import fmr_floor, fnmr_floor, thin
from reports.document import write_report
from reports.figures.drawn import without_ends
from reports.figures.histogram import histogram
from reports.figures.identity_matrix import identity_matrix
from reports.figures.style import PALETTE, looks, slug
from reports.load import load
from tests.browser import check_page, visit
from tests.synthetic_run import RECOGNIZERS, write_run

NASTY = "<img src=x onerror=\"document.title='pwned'\"></script><script>document.title='pwned'</script> $x_2$ & \\"


class Links(html.parser.HTMLParser):
    """Every tag of a page, and every address in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._quiet = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._quiet = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._quiet = False

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.text.append(data)

    @property
    def addresses(self) -> list[str]:
        return [value or "" for _, attrs in self.tags for name, value in attrs.items() if name in ("src", "href")]


def words(page: Path) -> str:
    """What a reader sees, with plain spaces."""
    return re.sub(r"\s+", " ", " ".join(Links(page.read_text()).text))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_run(tmp_path_factory.mktemp("runs") / "made-up")


@pytest.fixture(scope="module")
def page(run: RunFolder) -> Path:
    return write_report(run.path)


# ----------------------------------------------------------------------------------------------------- the whole thing


def test_every_link_leads_to_a_file_beside_the_page_and_nothing_leads_elsewhere(page: Path) -> None:
    links = Links(page.read_text())
    anchors = {attrs["id"] for _, attrs in links.tags if attrs.get("id")}
    for address in links.addresses:
        if address.startswith("#"):
            assert address[1:] in anchors
        elif not address.startswith("data:"):
            assert (page.parent / address).is_file(), address
    assert {tag for tag, _ in links.tags} & {"iframe", "object", "embed", "base", "form"} == set()
    policy = next(attrs["content"] for tag, attrs in links.tags if tag == "meta" and attrs.get("http-equiv"))
    assert policy
    assert policy.startswith("default-src 'none'")


def test_pictures_and_tables_are_files_too(page: Path) -> None:
    pictures = {path.stem for path in (page.parent / "figures").iterdir()}
    kinds = {"roc", "det", "histogram", "identities", "groups", "discard"}
    assert {name.partition("_")[0] for name in pictures} == kinds
    for name in pictures:
        assert (page.parent / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (page.parent / "figures" / f"{name}.svg").read_bytes()
    tables = {path.stem.partition("_")[0] for path in (page.parent / "tables").glob("*.csv")}
    assert tables >= {
        "results", "figures", "curve", "bands", "identities", "acquisition", "missed", "hardest", "failed-cells",
        "operating-points", "differences", "groups", "discard",
    }  # fmt: skip


def test_headline_says_what_the_data_support(page: Path) -> None:
    text = words(page)
    assert "How well do arcface_onnx, dlib_resnet, lbp and scrfd_pack tell the people of nowhere apart?" in text
    assert "insufficient" in text
    assert "10 000 nonmated" in text
    assert "weak" in text
    assert "MissingFile" in text
    assert "buffalo_l" in text
    assert "1 cell of 4 failed." in text
    assert re.search(r"arcface_onnx has the lowest equal error rate", text)
    assert "aligned by dlib_hog" in text
    assert "CPUExecutionProvider" in text
    assert "0123456789abcdef" in text
    assert "impersona run made-up.yaml" in text


def test_csv_keeps_every_digit(run: RunFolder, page: Path) -> None:
    written = pd.read_csv(page.parent / "tables" / "figures.csv")
    stored = run.summary()
    assert written["value"].tolist() == pytest.approx(stored["value"].tolist(), rel=0, abs=0, nan_ok=True)
    curve = pd.read_csv(page.parent / "tables" / "curve_nowhere-view2_lbp.csv")
    series = next(one for one in load(run.path).series if one.label == "lbp")
    whole = error_tradeoff(series.mated, series.nonmated)
    np.testing.assert_array_equal(curve["threshold"].to_numpy(np.float32), whole.thresholds)
    np.testing.assert_array_equal(curve["false_match_rate"], whole.fmr)


def test_missed_photos_are_listed(run: RunFolder, page: Path) -> None:
    missed = pd.read_csv(page.parent / "tables" / "missed_nowhere-view2.csv")
    frames = run.frames()
    assert sorted(missed["key"]) == sorted(frames.loc[~frames["acquired"], "key"])
    text = words(page)
    assert all(key in text for key in missed["key"])


def test_the_same_run_gives_the_same_report(run: RunFolder, page: Path) -> None:
    files = [page, *sorted((page.parent / "figures").iterdir()), *sorted((page.parent / "tables").iterdir())]
    before = {path: path.read_bytes() for path in files}
    assert write_report(run.path) == page
    assert [path.name for path in files if path.read_bytes() != before[path]] == []


def test_recipe_holds_a_sweep_that_can_be_read(page: Path) -> None:
    from bench.config import load_sweep

    recipe = "".join(Links(page.read_text()).text)
    body = recipe[recipe.index("<<'SWEEP'\n") + len("<<'SWEEP'\n") : recipe.index("\nSWEEP\n")]
    (page.parent / "again.yaml").write_text(body)
    sweep = load_sweep(page.parent / "again.yaml")
    assert (sweep.name, sweep.seed, len(sweep.recognizers), sweep.fmr) == ("made-up", 7, 4, (1e-2, 1e-3, 1e-4))


def test_command_line(run: RunFolder, tmp_path: Path) -> None:
    done = CliRunner().invoke(report_command, [str(run.path)])
    assert done.exit_code == 0
    assert done.output.strip() == str(run.path / "report.html")
    with pytest.raises(MissingFile, match="holds no run"):
        write_report(tmp_path)


def test_report_never_imports_a_heavy_library(run: RunFolder) -> None:
    code = (
        "import sys; from reports.document import write_report; write_report(sys.argv[1]);"
        "print(sorted({'torch', 'onnxruntime', 'cv2', 'dlib', 'insightface', 'skimage', 'sklearn', 'ray'}"
        " & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run.path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---------------------------------------------------------------------------------------------------------- a browser


@pytest.mark.browser
def test_figures_draw_in_a_real_browser(chromium: str, page: Path) -> None:
    seen = check_page(chromium, page)
    points, columns = 2, 2  # where dev supports a threshold; by which people are grouped
    assert len(seen.charts) == 2 + 2 * len(RECOGNIZERS) + points * columns + 1
    assert seen.title == "made-up \u2013 impersona report"
    narrow = visit(chromium, page, dark=True, width=390)
    assert not narrow.errors
    assert narrow.overflow <= 0


@pytest.mark.browser
def test_a_reader_can_hide_a_series_and_change_the_axes(chromium: str, page: Path) -> None:
    ask = """(async () => {
      const figure = document.querySelector("#g0-det-figure");
      const drawn = () => [...figure.querySelectorAll(".js-line")];
      const lines = () => drawn().filter(line => line.style.strokeWidth === "2.2px").length;
      const before = lines(), tick = figure.querySelector(".ytick text").textContent;
      figure.querySelector(".legend button").click();
      figure.querySelector(".variants button:last-child").click();
      await new Promise(done => setTimeout(done, 300));
      const titles = [...document.querySelectorAll(".modebar-btn")].map(button => button.dataset.title);
      const cloud = titles.filter(title => /share|cloud/i.test(title)).length;
      return [before, lines(), tick, figure.querySelector(".ytick text").textContent, cloud];
    })()"""
    before, after, first, second, shares = visit(chromium, page, ask=ask).charts
    assert (before, after, shares) == (len(RECOGNIZERS), len(RECOGNIZERS) - 1, 0)
    assert first == "0.1\u202f%"
    assert second == "0.1\u202f%"


@pytest.mark.browser
def test_names_cannot_become_markup(chromium: str, tmp_path: Path) -> None:
    def name(index: int) -> str:
        return f"{index} {NASTY}"

    write_run(tmp_path, [NASTY, "_hidden"], failing=[f"{NASTY}!"], trials=400, people=8, names=name, missed=0.1)
    page = write_report(tmp_path)
    links = Links(page.read_text())
    assert not [tag for tag, attrs in links.tags if any(key.startswith("on") for key in attrs)]
    assert not [tag for tag, _ in links.tags if tag == "img"]
    seen = check_page(chromium, page)
    assert seen.title == "made-up \u2013 impersona report"


# ------------------------------------------------------------------------------------------------------- faces or none


class Album:
    """A data set whose pictures are plain colours."""

    def __init__(self, shows_faces: bool) -> None:
        self.shows_faces = shows_faces

    def fingerprint(self) -> dict[str, int]:
        return {"revision": 1}

    def image(self, key: str) -> np.ndarray[Any, Any]:
        return np.full((180, 180, 3), len(key) * 7 % 255, dtype=np.uint8)


@pytest.mark.parametrize(("shows", "asked", "there"), [(False, False, False), (False, True, True), (True, False, True)])
def test_faces_appear_only_where_they_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shows: bool, asked: bool, there: bool
) -> None:
    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: Album(shows))
    write_run(tmp_path, ["lbp"], failing=[], trials=300)
    page = write_report(tmp_path, show_faces=asked)
    pictures = [attrs for tag, attrs in Links(page.read_text()).tags if tag == "img"]
    assert bool(pictures) is there
    assert all((attrs["src"] or "").startswith("data:image/jpeg;base64,") and attrs["alt"] for attrs in pictures)
    assert ("--show-faces" in words(page)) is not there


def test_a_data_set_that_is_gone_is_said_so(tmp_path: Path) -> None:
    write_run(tmp_path, ["lbp"], failing=[], trials=300)
    assert "No pictures: the data set cannot be opened here" in words(write_report(tmp_path, show_faces=True))


def test_unreadable_pictures_leave_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def image(key: str) -> None:
        raise MissingFile(key)

    album = SimpleNamespace(shows_faces=True, image=image)
    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: album)
    write_run(tmp_path, ["lbp"], failing=[], trials=300)
    assert "not readable" in words(write_report(tmp_path))


def test_hardest_pairs_are_the_hardest(run: RunFolder, page: Path) -> None:
    hardest = pd.read_csv(page.parent / "tables" / "hardest_nowhere-view2.csv")
    trials = run.trials()
    for label in RECOGNIZERS:
        mine, theirs = hardest[hardest["series"] == label], trials[trials["recognizer"] == label]
        highest = theirs.loc[~theirs["mated"], "score"].nlargest(50).astype(np.float64)
        lowest = theirs.loc[theirs["mated"], "score"].nsmallest(50).astype(np.float64)
        np.testing.assert_allclose(mine.loc[~mine["mated"], "score"], highest, rtol=1e-6)
        np.testing.assert_allclose(mine.loc[mine["mated"], "score"], lowest, rtol=1e-6)


# ----------------------------------------------------------------------------------------------------------- odd runs


def constant(label: str, mated: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return np.full(len(mated), 0.5, dtype=np.float32)


def perfect(label: str, mated: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return np.where(mated, 0.9, 0.1) + rng.normal(0, 0.01, len(mated))


def upside_down(label: str, mated: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return np.where(mated, 0.1, 0.9) + rng.normal(0, 0.01, len(mated))


def lost(wanted: bool) -> Any:
    def scores(label: str, mated: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
        return np.where(mated == wanted, np.nan, rng.normal(size=len(mated)))

    return scores


ODD_RUNS: dict[str, dict[str, Any]] = {
    "nothing succeeded": {"recognizers": [], "failing": ["a", "b"]},
    "no cell": {"recognizers": [], "failing": []},
    "one recognizer": {"recognizers": ["lbp"], "failing": []},
    "no folds": {"recognizers": ["lbp", "dlib_resnet"], "folds": 0},
    "constant scores": {"recognizers": ["lbp", "dlib_resnet"], "scores": constant},
    "perfect scores": {"recognizers": ["lbp", "dlib_resnet"], "scores": perfect},
    "upside down": {"recognizers": ["lbp"], "scores": upside_down},
    "no nonmated scores": {"recognizers": ["lbp"], "scores": lost(False)},
    "no mated scores": {"recognizers": ["lbp"], "scores": lost(True)},
    "no face found": {"recognizers": ["lbp"], "missed": 1.0},
    "two trials": {"recognizers": ["lbp"], "trials": 2, "folds": 0, "missed": 0.0},
    "no trial": {"recognizers": ["lbp"], "trials": 0, "folds": 0},
    "two people": {"recognizers": ["lbp"], "people": 2, "trials": 40},
    "long names": {"recognizers": ["r" * 300, f"{'r' * 299}q"], "names": lambda index: f"{index:04d}{'n' * 300}"},
    "other scripts": {"recognizers": ["識別器"], "names": lambda index: f"人{index} 😀 ﷽"},
    "many recognizers": {"recognizers": [f"recognizer {index}" for index in range(12)], "trials": 400},
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.full] if name == "many recognizers" else []) for name in ODD_RUNS]
)
def test_odd_runs_have_reports_too(tmp_path: Path, name: str) -> None:
    settings: dict[str, Any] = {"trials": 600, "failing": ["broken"], **ODD_RUNS[name]}
    write_run(tmp_path, **settings)
    page = write_report(tmp_path)
    text = words(page)
    assert "made-up" in text
    assert not re.search(r"\bnan\b|\bNone\b", text), re.findall(r".{30}\b(?:nan|None)\b.{30}", text)
    for address in Links(page.read_text()).addresses:
        assert address.startswith(("#", "data:")) or (page.parent / address).is_file()


@pytest.mark.browser
@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in ODD_RUNS if name not in ("nothing succeeded", "no cell")])
def test_odd_reports_draw(chromium: str, tmp_path: Path, name: str) -> None:
    settings: dict[str, Any] = {"trials": 600, "failing": ["broken"], **ODD_RUNS[name]}
    write_run(tmp_path, **settings)
    if name in ("no face found", "no trial"):
        assert not visit(chromium, write_report(tmp_path)).errors
    else:
        check_page(chromium, write_report(tmp_path))


def test_interrupted_run(tmp_path: Path) -> None:
    folder = write_run(tmp_path, ["lbp"], trials=300)
    manifest = folder.manifest()
    folder.write_manifest(manifest | {"cells": [*manifest["cells"], "0" * 64]})
    assert "1 cell of the sweep has no outcome" in words(write_report(tmp_path))


def test_settings_that_vary_tell_recognizers_apart(tmp_path: Path) -> None:
    folder = write_run(tmp_path, ["lbp", "dlib_resnet"], failing=[], trials=300)
    for key in folder.cell_keys():
        path = folder.path / "cells" / key / "outcome.json"
        outcome = json.loads(path.read_text())
        outcome["labels"]["settings"]["aligner"] = outcome["labels"]["recognizer"]
        outcome["labels"]["recognizer"] = "same"
        path.write_text(json.dumps(outcome))
    assert load(tmp_path).labels == ("same (aligner lbp)", "same (aligner dlib_resnet)")


# ----------------------------------------------------------------------------------------------------------- its parts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98961, "98.96 %"),
        (0.99996, "99.996 %"),
        (0.999999, "99.9999 %"),
        (0.9999999999, "> 99.99999 %"),
        (1.0, "100.00 %"),
        (0.0, "0.00 %"),
        (0.00001, "0.001 %"),
        (1e-12, "< 0.00001 %"),
        (None, "\u2013"),
        (math.nan, "\u2013"),
    ],
)
def test_percentages_claim_no_more_than_the_data(value: float | None, text: str) -> None:
    assert numbers.percent(value).replace(numbers.THIN, " ") == text


def test_other_numbers() -> None:
    assert numbers.share(0.99996) == "0.99996"
    assert numbers.share(1.0) == "1.0000"
    assert numbers.plain(-0.5131, 4) == "\u22120.5131"
    assert numbers.plain(math.inf) == "\u221e"
    assert [numbers.rate(rate).replace(numbers.THIN, " ") for rate in (0.01, 1e-4, 1e-6)] == [
        "1 %",
        "0.01 %",
        "0.0001 %",
    ]
    assert numbers.count(13233).replace(numbers.THIN, " ") == "13 233"
    assert numbers.plural(1, "trial") == "1 trial"
    assert numbers.listed(["a", "b", "c"]) == "a, b and c"
    assert numbers.listed(["a"]) == "a"
    assert [numbers.seconds(value).replace(numbers.THIN, " ") for value in (0.42, 59.6, 3700)] == [
        "0.4 s",
        "1 min 0 s",
        "1 h 1 min",
    ]


def on_axes(curve: ErrorCurve) -> np.ndarray[Any, Any]:
    """Vertices on the axes of the pictures: log FMR, FNMR, log FNMR, each from 0 to 1."""
    fmr, fnmr = np.maximum(curve.fmr, fmr_floor(curve)), np.maximum(curve.fnmr, fnmr_floor(curve))
    return np.stack(
        [np.log10(fmr) / np.log10(fmr_floor(curve)), curve.fnmr, np.log10(fnmr) / np.log10(fnmr_floor(curve))], axis=1
    )


@pytest.mark.parametrize("count", [50, 3000, 200_000])
def test_thinning_moves_no_curve_visibly(count: int) -> None:
    rng = np.random.default_rng(3)
    whole = error_tradeoff(
        rng.normal(2, 1, count).astype(np.float32), rng.normal(0, 1, count).round(3).astype(np.float32)
    )
    thinned = thin(whole, 1900)
    assert len(thinned.thresholds) <= 1900
    assert (thinned.fmr[0], thinned.fnmr[0], thinned.fmr[-1], thinned.fnmr[-1]) == (1, 0, 0, 1)
    # Every vertex left out lies between two kept ones that are less than two thousandths of the picture apart.
    kept = np.searchsorted(thinned.thresholds, whole.thresholds)
    inside = whole.thresholds != thinned.thresholds[kept]
    before, after = on_axes(thinned)[kept[inside] - 1], on_axes(thinned)[kept[inside]]
    assert not inside.any() or np.abs(after - before).max() < 3 / 950 + 1e-9


def test_ends_that_only_hug_the_frame_are_left_out() -> None:
    curve = error_tradeoff(np.float32([0.5, 0.8, 0.9]), np.float32([0.1, 0.2, 0.6]))
    drawn = without_ends(curve)
    assert (drawn.fnmr == 0).sum() == 1
    assert (drawn.fmr == 0).sum() == 1
    assert without_ends(curve, to_the_end=True).fmr[0] == 1
    apart = without_ends(error_tradeoff(np.float32([0.9]), np.float32([0.1])))
    assert len(apart.fmr) >= 1


def test_histogram_counts_everything_once() -> None:
    rng = np.random.default_rng(5)
    shown = histogram(rng.normal(size=500).astype(np.float32), rng.normal(size=70).astype(np.float32))
    assert shown.mated.sum() == pytest.approx(1)
    assert shown.nonmated.sum() == pytest.approx(1)
    assert 30 <= len(shown.mated) <= 120
    empty = histogram(np.float32([]), np.float32([]))
    assert empty.mated.sum() == 0
    assert np.isfinite(empty.edges).all()


def test_matrix_keeps_the_pairs_that_matter() -> None:
    people = [f"p{index:03d}" for index in range(90)]
    rows, columns = np.triu_indices(90)
    similarity = np.where(rows == columns, 0.9, 0.1)
    closest = (rows == 17) & (columns == 71)
    similarity[closest] = 0.8
    table = pd.DataFrame({"subject": [people[i] for i in rows], "other": [people[i] for i in columns]})
    matrix = identity_matrix(table.assign(similarity=np.float32(similarity), comparisons=np.int32(4)))
    assert matrix is not None
    assert len(matrix.people) == 40
    assert matrix.left_out == 50
    row, column = matrix.closest or (0, 0)
    assert {matrix.people[row], matrix.people[column]} == {"p017", "p071"}
    assert abs(row - column) == 1
    assert matrix.similarity[row, column] == pytest.approx(0.8)
    assert matrix.averaged == (4, 4)
    assert matrix.least_alike is not None
    np.testing.assert_array_equal(matrix.similarity, matrix.similarity.T)
    assert identity_matrix(table[:0].assign(similarity=[], comparisons=[])) is None


def test_looks_are_steady_and_apart() -> None:
    labels = [f"r{index}" for index in range(24)]
    found = looks(labels)
    assert [found[label].color for label in labels[:8]] == list(PALETTE)
    assert len({(look.color, look.dash, look.symbol) for look in found.values()}) == 24
    assert looks(labels[:3])["r2"] == found["r2"]


def test_file_names_are_plain() -> None:
    assert slug("roc", "lfw \u00b7 view2") == "roc_lfw-view2"
    assert slug("a", "../../etc/passwd", "\u2026") == "a_etc-passwd_x"
    assert len(slug("x" * 500)) <= 100
    assert slug("x" * 500) != slug("x" * 501)


def test_frames_of_the_contract_fit(run: RunFolder) -> None:
    assert isinstance(Frame("a/0001.jpg", "a").key, str)
    assert {"problem", "acquired"} <= set(run.frames().columns)


# --------------------------------------------------------------------------------------------------------------- speed


@pytest.mark.full
@pytest.mark.alone
@pytest.mark.parametrize(("trials", "recognizers", "limit"), [(6000, 3, 10), (1_000_000, 3, 30), (4_000_000, 1, 60)])
def test_large_runs(tmp_path: Path, trials: int, recognizers: int, limit: float) -> None:
    write_run(tmp_path, list(RECOGNIZERS)[:recognizers], failing=[], trials=trials, people=2000)
    started = time.monotonic()
    page = write_report(tmp_path)
    seconds = time.monotonic() - started
    assert page.stat().st_size < 8e6
    assert seconds < limit, f"{trials} trials of {recognizers} recognizers took {seconds:.1f} s"
