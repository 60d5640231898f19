"""Faces made of one person each, along the strength of an edit: what the panels say is what the run recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from reports.document import page_of
from reports.edit_charts import Edits
from reports.figures import edit_curves
from reports.figures.edit_curves import SHARES, Mark, Panel, Scale, Track, scale_of
from reports.figures.style import looks, paper
from reports.figures.threshold_lines import Line
from reports.load import load
from reports.makers import judged
from reports.naming import in_words
from reports.page import Chart, Page
from reports.records import by_key
from reports.series import Run
from tests.synthetic_generated import Maker, write_generated
from tests.test_report_generated import charts_of
from tests.written_reports import SAVE, unsaved

RECOGNIZERS = ("dlib_resnet", "lbp")
EDITS = ({"Smiling": "flip"}, {"Eyeglasses": True})
MAKERS = tuple(
    Maker("translation", "generator", {"edits": edit, "strength": strength}, (0.95 - fall * strength,))
    for edit, fall in zip(EDITS, (0.1, 0.5), strict=True)
    for strength in (0.5, 1.0, 1.5)
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("runs") / "edits"
    folder = write_generated(path, RECOGNIZERS, MAKERS, failing=[], verified=False, faces=24, trials=1000)
    return load(folder.path)


@pytest.fixture(scope="module")
def page(run: Run) -> Page:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SAVE, unsaved)
        return page_of(run)


def charts(page: Page, beginning: str) -> list[Chart]:
    return [chart for chart in charts_of(page, "-edits-|-similar-|-along-") if chart.heading.startswith(beginning)]


def test_an_edit_has_a_panel_and_a_recognizer_a_line(page: Page) -> None:
    chart, *_ = charts(page, "translation: still matched")
    (variant,) = chart.spec["variants"]
    names = [note["text"] for note in variant["layout"]["annotations"]]
    assert names == ["<b>Smiling flip</b>", "<b>Eyeglasses</b>"]
    lines = [one for one in variant["data"] if one["mode"] == "lines+markers"]
    assert [one["name"] for one in lines] == [*RECOGNIZERS] * 2
    assert all(one["x"] == [0.5, 1.0, 1.5] for one in lines)
    assert [label for label, _ in chart.legend] == [*RECOGNIZERS]
    assert variant["layout"]["yaxis"]["range"] == [0, 101.5]
    assert "FMR" in chart.caption, "with a legend there is no heading"
    bands = [one for one in variant["data"] if one.get("meta") == "band"]
    assert {one["legendgroup"] for one in bands} == set(RECOGNIZERS), "the legend hides a line with its band"


def test_curves_show_what_was_recorded(run: Run, page: Page) -> None:
    arranged = judged(run.of("generated")[0], run)
    point = arranged.first
    assert point is not None
    chart = next(one for one in charts(page, "translation: still matched") if point.label in one.heading)
    lines = [one for one in chart.spec["variants"][0]["data"] if one["mode"] == "lines+markers"]
    cells = [one for one in arranged.of("lbp") if one.axes["edits"] == EDITS[1]]
    expected = [
        100 * by_key(one.series, "contributor 1")["contributor_match_rate", point.name]["value"]
        for one in sorted(cells, key=lambda one: float(str(one.axes["strength"])))
    ]
    assert lines[3]["y"] == pytest.approx(expected, abs=0.01)
    assert expected[0] > expected[-1], "a stronger edit keeps less of the person"


def test_similarity_has_a_chart_for_each_recognizer_with_its_thresholds(run: Run, page: Page) -> None:
    found = charts(page, "translation: mean similarity")
    assert [chart.look is not None for chart in found] == [True, True]
    for chart, label in zip(found, RECOGNIZERS, strict=True):
        assert label in chart.heading
        (variant,) = chart.spec["variants"]
        (first, *_) = (one for one in variant["data"] if one["mode"] == "lines+markers")
        low, high = variant["layout"]["yaxis"]["range"]
        assert all(low < value < high for value in first["y"])
        assert variant["layout"]["shapes"], "thresholds and the level of clean photos"
        assert any("FMR" in note["text"] for note in variant["layout"]["annotations"]), "which threshold is which"
    assert not charts(page, "translation, "), "no picture of its own for every edit besides"


def test_the_file_has_a_row_for_every_number(run: Run) -> None:
    table = Edits(judged(run.of("generated")[0], run)).frame()
    assert len(table) == len(RECOGNIZERS) * len(MAKERS)
    assert (table["similarity low"] <= table["similarity"]).all()
    assert (table["similarity"] <= table["similarity high"]).all()
    assert table["clean_similarity"].notna().all()
    assert set(table["strength"]) == {0.5, 1.0, 1.5}
    assert any(name.startswith("match_rate ") for name in table)


def test_faces_of_two_people_have_other_pictures(tmp_path: Path) -> None:
    two = [Maker("landmark_morph", axes={"weight": weight}, shares=(1 - weight, weight)) for weight in (0.3, 0.7)]
    folder = write_generated(tmp_path / "two", ("lbp",), two, failing=[], verified=False, faces=12, trials=500)
    other = load(folder.path)
    assert not Edits(judged(other.of("generated")[0], other)).drawn


def mark(value: float, weak: bool = False) -> Mark:
    return Mark(value, (value - 0.1, value + 0.1), f"{value}", weak)


def panel(*marks: Mark | None, **more: Any) -> Panel:
    look = looks(["lbp"])["lbp"]
    return Panel("Smiling", "strength", (Track("lbp", look, (0.5, 1.0, 1.5), marks, mark(0.9)),), "made 3 of 3", **more)


def test_a_line_is_broken_where_a_cell_failed_and_hollow_where_weak() -> None:
    drawn = edit_curves.chart([panel(mark(0.8), None, mark(0.4, weak=True))], SHARES, "x")["variants"][0]
    *bands, line = drawn["data"]
    assert len(bands) == 2
    assert line["y"] == [80, None, 40]
    assert line["connectgaps"] is False
    assert [symbol.endswith("-open") for symbol in line["marker"]["symbol"]] == [False, False, True]
    with paper():
        figure = edit_curves.draw([panel(mark(0.8), None, mark(0.4))], SHARES, "title")
        FigureCanvasAgg(figure).draw()
        assert len(figure.axes[0].lines) >= 3


def test_the_axis_of_scores_holds_everything() -> None:
    scale = scale_of([panel(mark(0.2), mark(0.3), mark(0.4), lines=(Line("FMR", 1.4),))])
    assert scale.low < 0.1
    assert scale.high > 1.4
    assert Scale(0, 1, True).at(0.5) == 50
    assert scale.at(0.5) == 0.5


def test_edits_are_named_as_people_write_them() -> None:
    assert in_words({"Bangs": True, "Young": False, "Black_Hair": "flip"}) == "Bangs + no Young + Black Hair flip"
    assert in_words({}) == "none"
