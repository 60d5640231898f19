"""Nothing but counts stands in a report without an interval, and no winner is named that the data cannot name."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.metrics import double_or_nothing, zero_error_bound
from bench.metrics.intervals import percentile_interval
from bench.store.run_folder import RunFolder
from reports import numbers
from reports.acquisition import photos_interval
from reports.curves import Band, band_of, marks_of
from reports.differences import paired, undecided, verdict, winner
from reports.document import page_of
from reports.figures import det, roc
from reports.figures.drawn import Drawn
from reports.figures.panel import Dot, Panel
from reports.figures.style import looks
from reports.identities import ranges_in
from reports.load import load
from reports.page import Chart, Page, Table, Words
from reports.points import point_of, points_of
from reports.records import NO_INTERVAL, figure_cell, interval_of
from reports.series import Run, Series
from reports.table import TableCell
from tests.synthetic_generated import MAKERS, Maker, write_generated
from tests.synthetic_run import RECOGNIZERS, Asked, write_run
from tests.written_reports import SAVE, unsaved, written

FROZEN = Path(__file__).parent / "data" / "runs" / "v1"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_run(tmp_path_factory.mktemp("runs") / "made-up")


@pytest.fixture(scope="module")
def loaded(run: RunFolder) -> Run:
    return load(run.path)


@pytest.fixture(scope="module")
def report(run: RunFolder) -> tuple[Path, Page]:
    return written(run.path)


@pytest.fixture(scope="module")
def page(report: tuple[Path, Page]) -> Page:
    return report[1]


@pytest.fixture(scope="module")
def generated_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Made faces of two contributors by some makers, of three by another."""
    makers = (*MAKERS, Maker("mixsyn", "generator", None, (0.5, 0.4, 0.3)))
    return write_generated(tmp_path_factory.mktemp("runs") / "made-faces", makers=makers, verified=False, faces=40)


@pytest.fixture(scope="module")
def generated_report(generated_run: RunFolder) -> tuple[Path, Page]:
    return written(generated_run.path)


@pytest.fixture(scope="module")
def generated_page(generated_report: tuple[Path, Page]) -> Page:
    return generated_report[1]


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SAVE, unsaved)


def cells_of(page: Page) -> list[TableCell]:
    tables = [block.table for block in page.blocks if isinstance(block, Table)]
    return [cell for table in tables for row in table.rows for cell in row.cells]


def charts_of(page: Page, kind: str) -> list[Chart]:
    return [block for block in page.blocks if isinstance(block, Chart) and re.search(kind, block.id)]


def text_of(page: Page) -> str:
    words = [block.text for block in page.blocks if isinstance(block, Words)]
    captions = [block.caption for block in page.blocks if isinstance(block, Chart)]
    return re.sub(r"<[^>]+>|[\u202f\u2060\u00a0]", "", " ".join([*words, *captions]))


# ------------------------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("which", ["page", "generated_page"])
def test_every_figure_in_every_table_has_its_interval(request: pytest.FixtureRequest, which: str) -> None:
    cells = cells_of(request.getfixturevalue(which))
    kinds = {kind: [cell for cell in cells if cell.kind == kind] for kind in ("figure", "count", "setting", "words")}
    assert len(kinds["figure"]) > 200
    assert all(re.search(r"\d.*(–|to).*\d", cell.interval) for cell in kinds["figure"])
    assert not [cell for cell in kinds["words"] if re.search(r"\d", cell.text) and not re.search(r"…$", cell.text)]
    assert not [cell for cell in kinds["count"] if re.search(r"[.%]", cell.text)]
    assert not [cell.notes for cell in cells if re.search(r"\d[.%]|% ", " ".join(cell.notes))]


class Cells(html.parser.HTMLParser):
    """Every table cell of a page: its kind, its value, whether an interval stands below it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[dict[str, Any]] = []
        self._into = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "td":
            self.cells.append({"kind": found.get("data-kind"), "value": "", "interval": ""})
        self._into = (found.get("class") or "").partition(" ")[0]

    def handle_data(self, data: str) -> None:
        if self.cells and self._into in ("value", "interval"):
            self.cells[-1][self._into] += data.strip()


@pytest.mark.parametrize("which", ["report", "generated_report"])
def test_the_written_page_shows_what_the_tables_hold(request: pytest.FixtureRequest, which: str) -> None:
    path, _ = request.getfixturevalue(which)
    cells = Cells(path.read_text()).cells
    figures = [cell for cell in cells if cell["kind"] == "figure"]
    assert len(figures) > 200
    assert all(cell["value"] and cell["interval"] for cell in figures)
    assert not [cell for cell in cells if cell["value"].endswith("%") and cell["kind"] not in ("figure", "setting")]


def test_a_figure_without_interval_cannot_be_put_into_a_table(loaded: Run) -> None:
    with pytest.raises(ValueError, match="nothing but counts"):
        TableCell("98.96 %", kind="figure")
    series = loaded.series[0]
    record = next(one for one in series.records if one["figure"] == "equal_error_rate")
    assert figure_cell(series, record).text
    withheld = figure_cell(series, {**record, "low": None, "high": None})
    assert (withheld.text, withheld.tag) == ("", "no interval")
    count = next(one for one in series.records if one["figure"] == "mated_trials")
    assert figure_cell(series, count).kind == "count"


def test_the_frozen_run_of_version_1_says_that_it_has_none(tmp_path: Path) -> None:
    shutil.copytree(FROZEN, tmp_path / "run")
    old = load(tmp_path / "run")
    figures = [cell for cell in cells_of(page_of(old)) if cell.kind == "figure"]
    photos = [cell for cell in figures if "of 18" in " ".join(cell.notes)]  # of the table `frames`, so it has one
    assert figures
    assert photos
    assert {cell.interval for cell in figures if cell not in photos} == {NO_INTERVAL}
    assert "made before figures carried intervals" in figures[0].hint
    assert (tmp_path / "run" / "figures").is_dir()


@pytest.mark.usefixtures("no_pictures")
def test_a_run_from_before_intervals_names_no_winner(tmp_path: Path) -> None:
    write_run(tmp_path, failing=[], trials=600, asked=Asked(cell=1))
    old = load(tmp_path)
    page = page_of(old)
    assert "the lead may be chance" in text_of(page)
    assert not any(cell.best for cell in cells_of(page))
    assert "These curves have no bands" in text_of(page)
    assert not [section.id for section in page.sections if section.id in ("differences", "groups", "discard")]


@pytest.mark.usefixtures("no_pictures")
def test_a_run_that_asked_for_no_bootstrap_says_so(tmp_path: Path) -> None:
    write_run(tmp_path, ["lbp"], failing=[], trials=600, asked=Asked(draws=0))
    figures = [cell for cell in cells_of(page_of(load(tmp_path))) if cell.kind == "figure"]
    lacking = [cell for cell in figures if cell.interval == NO_INTERVAL]
    assert lacking
    assert len(lacking) < len(figures)
    assert all("draws: 0" in cell.hint for cell in lacking if "no interval" not in cell.hint)


def test_csv_files_carry_intervals(run: RunFolder, page: Page) -> None:
    assert page
    folder = run.path / "tables"
    figures = pd.read_csv(folder / "figures.csv")
    stored = run.summary()
    for end in ("low", "high"):
        assert figures[end].tolist() == pytest.approx(stored[end].tolist(), abs=0, nan_ok=True)
    assert set(figures["interval"].dropna()) == {"wilson", "exact", "bootstrap", "folds"}
    results = pd.read_csv(folder / "results_nowhere-view2.csv")
    assert {f"equal_error_rate {end}" for end in ("low", "high", "interval")} <= set(results.columns)
    assert "mated_trials low" not in results.columns
    for name in ("operating-points_nowhere-view2", "differences_nowhere-view2", "groups_male_nowhere-view2"):
        assert {"low", "high", "interval"} <= set(pd.read_csv(folder / f"{name}.csv").columns)


# -------------------------------------------------------------------------------------------------------------- charts


def bands(chart: Chart) -> list[set[str]]:
    return [
        {trace["legendgroup"] for trace in variant["data"] if trace.get("meta") == "band"}
        for variant in chart.spec["variants"]
    ]


def test_every_series_with_a_curve_has_its_band(page: Page, loaded: Run) -> None:
    charts = [*charts_of(page, "-roc$"), *charts_of(page, "-det$"), *charts_of(page, "-discard-")]
    assert [len(chart.spec["variants"]) for chart in charts] == [1, 2, 2]
    for chart in charts:
        assert bands(chart) == [set(RECOGNIZERS)] * len(chart.spec["variants"])
        for variant in chart.spec["variants"]:
            kinds = [trace.get("meta") == "band" for trace in variant["data"] if trace.get("legendgroup")]
            assert kinds == sorted(kinds, reverse=True), "a band lies over a line"


def test_every_share_and_mean_of_made_faces_is_drawn_with_its_interval(generated_page: Page) -> None:
    charts = charts_of(generated_page, "-(outcomes|several|likeness|along)")
    assert {re.sub(r".*-([a-z]+)(-\d+)?$", r"\1", chart.id) for chart in charts} == {
        "outcomes", "several", "likeness", "along",
    }  # fmt: skip
    for chart in charts:
        for variant in chart.spec["variants"]:
            drawn = [trace for trace in variant["data"] if "markers" in trace.get("mode", "")]
            assert drawn
            for trace in drawn:
                bars = trace.get("error_x") or trace["error_y"]
                assert len(bars["array"]) == len(bars["arrayminus"]) == len(trace["x"])
                reach = np.add(bars["array"], bars["arrayminus"])
                assert (reach > 0).all(), (chart.id, trace["name"])


def test_operating_points_have_bars_and_held_ones_in_both_directions(page: Page, loaded: Run) -> None:
    points = points_of(loaded.series)
    for chart in charts_of(page, "-(roc|det)$"):
        for variant in chart.spec["variants"]:
            for one in loaded.series:
                marks = marks_of(one, points)
                trace = next(
                    trace for trace in variant["data"]
                    if trace.get("legendgroup") == one.label and trace["mode"] == "markers"
                )  # fmt: skip
                both = list(zip(trace["error_x"]["array"], trace["error_x"]["arrayminus"], strict=True))
                assert [max(pair) > 0 for pair in both] == [mark.carried for mark in marks]
                up = np.add(trace["error_y"]["array"], trace["error_y"]["arrayminus"])
                assert (up > 0).tolist() == [mark.fnmr_ends is not None for mark in marks]
                assert any(mark.carried for mark in marks)


def test_bands_stay_on_their_axes(loaded: Run) -> None:
    look = looks(loaded.labels)
    from reports.curves import curve_of, thin

    drawn = []
    for one in loaded.series:
        curve = curve_of(one)
        assert curve is not None
        drawn.append(Drawn(one.label, look[one.label], thin(curve, 400), (), band_of(one)))
    for spec in (roc.chart(drawn), det.chart(drawn)):
        for variant in spec["variants"]:
            for trace in variant["data"]:
                assert np.isfinite(trace["x"]).all()
                assert np.isfinite(trace["y"]).all()


def test_a_band_is_cut_and_read_between_its_points() -> None:
    band = Band(np.array([0.01, 0.1, 1.0]), np.array([0.1, 0.05, 0.0]), np.array([0.3, 0.2, 0.1]))
    low, high = band.at(np.array([0.001, 0.1, 10**-1.5]))
    np.testing.assert_allclose(low, [np.nan, 0.05, 0.075])
    np.testing.assert_allclose(high, [np.nan, 0.2, 0.25])
    cut = band.until(0.5)
    assert cut is not None
    assert cut.fmr.tolist() == [0.01, 0.1, 0.5]
    assert 0.0 < cut.low[-1] < 0.05
    assert cut.high[-1] == 0.2
    assert band.until(0.01) is None


def test_groups_have_dots_with_bars_and_small_ones_are_tagged(page: Page, loaded: Run) -> None:
    for chart in charts_of(page, "-groups-"):
        for variant in chart.spec["variants"]:
            for trace in variant["data"]:
                sizes = {len(trace[name]) for name in ("x", "y")} | {len(trace["error_x"]["array"])}
                assert len(sizes) == 1
    tables = [
        block.table for block in page.blocks if isinstance(block, Table) and "Groups of age" in block.table.caption
    ]
    tags = {row.tag for table in tables for row in table.rows}
    assert tags == {"few people"}
    order = [row.above for row in tables[0].rows if row.above]
    assert order == ["age=0-30", "age=30-50", "age=50-70", "age=70-120"]


def test_a_forest_puts_zero_at_the_left_end_of_a_logarithmic_axis() -> None:
    dots = tuple(Dot(0, "a", value, low, high, False) for value, low, high in ((0, 0, 0.1), (0.001, 0, 0.01)))
    panel = Panel("false_match_rate", "FMR", dots)
    assert panel.logarithmic
    assert panel.placed(0.0) == pytest.approx(0.05)
    assert panel.ends[0] < panel.placed(0.0) < panel.placed(0.001) == pytest.approx(0.1)
    ratio = Panel("false_match_rate_differential", "÷", (Dot(0, "a", 2, 0.5, 8, False),))
    assert np.prod(ratio.ends) == pytest.approx(1)
    plain = Panel("false_match_rate", "FMR", (Dot(0, "a", 0.02, 0.01, 0.03, False),))
    assert not plain.logarithmic
    assert plain.ends[0] == 0


# -------------------------------------------------------------------------------------------------- what may be claimed


def test_paired_differences_are_those_that_the_sweep_recorded(loaded: Run) -> None:
    first, *others = loaded.groups[0].series
    seen = 0
    for one in others:
        for record in one.differences:
            key = (record["figure"].removesuffix("_difference"), record["operating_point"])
            difference = paired(one, first, key)
            if record["low"] is None:
                assert difference is None
                continue
            assert difference is not None
            assert (difference.value, difference.low, difference.high) == pytest.approx(
                (record["value"], record["low"], record["high"])
            )
            seen += 1
    assert seen >= 2 * len(others)


def alike(label: str, mated: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return np.where(mated, 1.0, 0.0) + rng.normal(0, 0.5, len(mated))


@pytest.mark.usefixtures("no_pictures")
def test_equals_are_not_told_apart(tmp_path: Path) -> None:
    write_run(tmp_path, ["first", "second"], failing=[], trials=2000, scores=alike)
    run = load(tmp_path)
    page, group = page_of(run), run.groups[0]
    assert winner(group, ("equal_error_rate", None)) is None
    assert "the data cannot tell it from" in text_of(page)
    assert "has the lowest equal error rate, " not in text_of(page)
    assert "undecided" in {note for cell in cells_of(page) for note in cell.notes}


@pytest.mark.usefixtures("no_pictures")
def test_a_clear_winner_is_named(tmp_path: Path) -> None:
    def apart(label: str, mated: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
        return np.where(mated, 3.0 if label == "good" else 0.5, 0.0) + rng.normal(0, 1, len(mated))

    write_run(tmp_path, ["bad", "good"], failing=[], trials=2000, scores=apart)
    run = load(tmp_path)
    group = run.groups[0]
    best = winner(group, ("equal_error_rate", None))
    assert best is not None
    assert best.label == "good"
    assert undecided(group, best, ("equal_error_rate", None)) == []
    assert "good has the lowest equal error rate, " in text_of(page_of(run))
    records = {record["figure"]: record for record in group.series[1].differences}
    assert verdict(records["equal_error_rate_difference"]) == "better"
    assert verdict(records["area_under_curve_difference"]) == "better"


def test_differences_of_other_draws_are_not_taken(loaded: Run) -> None:
    one, other = loaded.groups[0].series[:2]
    strange = Series(other.key, other.label, other.recognizer, _with(other, draws=99), other.folder)
    assert paired(one, other, ("equal_error_rate", None)) is not None
    assert paired(one, strange, ("equal_error_rate", None)) is None


def _with(one: Series, **spec: Any) -> dict[str, Any]:
    return {**one.outcome, "spec": {**one.spec, **spec}}


def test_sentences_give_intervals(page: Page) -> None:
    results = next(section for section in page.sections if section.id == "results")
    short = [str(block.text) for part in results.parts for block in part.blocks if isinstance(block, Words)][:-1]
    assert len(short) == 3
    for sentence in short:
        asked = re.sub(r"FMR \d+(\.\d+)?\u202f%", "", sentence)  # what was asked for is no figure
        without = re.sub(r"\d\u202f% \([^)]*\)", "", asked)
        assert "%" not in without, sentence
        assert re.search(r"\d\u202f% \(\d[^)]*\u2013", sentence), sentence


def test_matrices_state_no_mean_without_an_interval(page: Page) -> None:
    for chart in charts_of(page, "-identities-"):
        said = chart.caption
        means = re.findall(r"[\u2212\d.]+ \([^)]*(?:\u2013|to)[^)]*\)", said.partition("Over all trials")[2])
        assert len(means) == 2
        assert "mean" not in said
        assert said.count("on average") == 1
        assert re.search(r"over \d+ comparison", said)
        assert "not an estimate" in said


def test_cells_of_a_matrix_say_how_far_their_scores_are_spread(page: Page, loaded: Run) -> None:
    one = loaded.series[0]
    people = ("person-000", "person-001", "person-002")
    ranges = ranges_in(one, people)
    assert ranges is not None
    low, high = ranges
    table = one.trials
    for row, first in enumerate(people):
        for column, second in enumerate(people):
            pair = {first, second}
            same = [{a, b} == pair for a, b in zip(table["probe_subject"], table["reference_subject"], strict=True)]
            scores = one.scores[np.array(same) & ~np.isnan(one.scores)]
            if scores.size:
                assert (low[row, column], high[row, column]) == pytest.approx((scores.min(), scores.max()))
            else:
                assert np.isnan([low[row, column], high[row, column]]).all()
    said = charts_of(page, "-identities-")[0].spec["variants"][0]["data"][0]["customdata"]
    assert re.fullmatch(r"15 \([\u2212\d.]+ to [\u2212\d.]+\)", said[0][0])
    assert ranges_in(one, ("nobody", "no one")) is None


# ----------------------------------------------------------------------------------------------------------- thresholds


def test_thresholds_say_where_they_come_from(page: Page) -> None:
    tables = {block.table.caption: block.table for block in page.blocks if isinstance(block, Table)}
    origin = next(table for caption, table in tables.items() if caption.startswith("Where the thresholds"))
    for row in origin.rows:
        texts = [cell.text for cell in row.cells]
        assert texts[0] == "nowhere, dev"
        assert texts[1] == "60"
        assert re.fullmatch(r"[0-9a-f]{10}…", texts[-1])
        achieved = [cell for cell in row.cells if cell.kind == "figure"]
        assert len(achieved) == 2
        assert row.cells[-2].tag == "insufficient"
    held = next(table for caption, table in tables.items() if caption.startswith("Operating points held"))
    assert [row.above for row in held.rows if row.above] == [
        f"FMR {numbers.rate(rate)}, threshold set on dev" for rate in (1e-2, 1e-3, 1e-4)
    ]
    notes = {note for row in held.rows for cell in row.cells for note in cell.notes}
    assert "as asked, within error" in notes
    whole = next(table for caption, table in tables.items() if caption.startswith("Carried-over"))
    assert [column.label for column in whole.columns] == ["recognizer", "HTER", "C_llr"]


@pytest.mark.usefixtures("no_pictures")
def test_published_constants_have_no_pedigree(tmp_path: Path) -> None:
    write_run(tmp_path, ["arcface_onnx"], failing=[], trials=600, asked=Asked(calibration="profile"))
    page = page_of(load(tmp_path))
    cells = cells_of(page)
    assert any("legacy-far01, constants of ir152" in cell.text for cell in cells)
    assert any("no pedigree" in note for cell in cells for note in cell.notes)
    assert ["given"] in [list(cell.notes) for cell in cells if cell.kind == "setting"]


@pytest.mark.parametrize(
    ("name", "label", "own"),
    [
        ("fmr=0.01", "FMR 1 %", True),
        ("dev:fmr=0.001", "FMR 0.1 %, set on dev", False),
        ("lfw/dev:fmr=0.01", "FMR 1 %, set on lfw/dev", False),
        ("dev:eer", "EER, set on dev", False),
        ("legacy-far01", "legacy-far01", False),
        ("legacy-far01:far=0.1", "FAR 10 %, set on legacy-far01", False),
        ("fpir=0.01", None, None),
    ],
)
def test_names_of_operating_points(name: str, label: str | None, own: bool | None) -> None:
    point = point_of(name)
    if label is None:
        assert point is None
    else:
        assert point is not None
        assert (point.label.replace(numbers.THIN, " "), point.own) == (label, own)


# ------------------------------------------------------------------------------------------------------------ its parts


def test_the_share_of_missed_photos_counts_people() -> None:
    people = [f"p{index // 5}" for index in range(50)]
    low, high = photos_interval(np.zeros(50, dtype=bool), people)
    assert (low, high) == pytest.approx((0, zero_error_bound(10)))
    one = np.arange(50) < 5  # one person, all of whose photos fail
    spread = np.arange(50) % 10 == 0  # as many photos, of five people
    assert photos_interval(one, people)[1] > photos_interval(spread, people)[1]
    assert all(np.isnan(photos_interval(np.zeros(0, dtype=bool), [])))


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (numbers.percent(0.9813), numbers.percent(0.9942), "98.13 – 99.42 %"),
        (numbers.plain(-0.31, 2), numbers.plain(0.2, 2), "−0.31 to 0.20"),
        (numbers.points(-0.002), numbers.points(0.001), "−0.20 to +0.10 pp"),
        (numbers.count(12345), numbers.count(22345), "12 345 – 22 345"),
        (numbers.percent(0.0), numbers.percent(1e-12), "0.00 – < 0.00001 %"),
    ],
)
def test_intervals_in_print(low: str, high: str, text: str) -> None:
    assert re.sub("[\u202f\u00a0]", " ", numbers.between(low, high)).replace("\u2060", "") == text


def test_an_interval_is_that_of_its_record(loaded: Run) -> None:
    record = {"figure": "true_match_rate", "low": 0.5, "high": 0.75}
    assert interval_of(record).startswith("50.00")
    assert interval_of({**record, "low": None}) == ""


def test_draws_are_those_that_were_stored(run: RunFolder, loaded: Run) -> None:
    one = loaded.series[0]
    record = next(each for each in one.records if each["figure"] == "decidability")
    interval = percentile_interval(one.draws["decidability", None])
    assert interval is not None
    assert (record["low"], record["high"]) == pytest.approx(interval[:2])
    assert len(one.draws["decidability", None]) == Asked().draws


def test_manifest_of_a_made_up_run_is_json(run: RunFolder) -> None:
    key = run.cell_keys()[0]
    calibration = json.loads((run.path / "cells" / key / "outcome.json").read_text())["calibration"]
    assert calibration["dataset"]["split"] == "dev"
    assert double_or_nothing(3, 0, np.random.default_rng(0)).shape == (0, 3)
