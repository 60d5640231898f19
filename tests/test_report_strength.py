"""Outcomes along a strength, for every set of regions: what each panel, curve and row says is what the run recorded."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from bench.errors import MissingFile
from bench.provenance import value_digest
from bench.store.run_folder import RunFolder
from reports import numbers, strength_charts
from reports.document import page_of
from reports.figures import outcome_columns, outcome_curves
from reports.figures.outcome_bars import Share
from reports.figures.small_multiples import Grid
from reports.figures.style import paper
from reports.joint_rates import JOINT, JOINT_MEANINGS, joint_rates
from reports.load import load
from reports.makers import MEANINGS, SHARES, Judged, Made, judged
from reports.naming import in_words
from reports.page import Chart, Page, Table, Words
from reports.series import FailedCell, Run
from reports.strands import base_of, strands_of
from reports.strengths import Strengths
from reports.white_box import MARK, PERHAPS, WhiteBoxes
from tests.browser import check_page, visit
from tests.synthetic_generated import Maker, write_generated
from tests.test_report_generated import charts_of
from tests.written_reports import SAVE, unsaved

STRENGTHS = (1.0, 0.5, 0.25)
"""As a sweep may list them: not in order."""
SETS: tuple[list[str], ...] = ([], ["eyes", "mouth"])
RECOGNIZERS = ("dlib_resnet", "lbp")


def hidden(strength: float, regions: list[str], **more: object) -> Maker:
    shares = (0.75 - 0.45 * strength, 0.1 + 0.5 * strength)
    axes = {"regions": regions, "strength": strength}
    return Maker("hidden_identity", axes=axes, shares=shares, identity="dlib_resnet", **more)  # type: ignore[arg-type]


MAKERS = (
    *(hidden(strength, regions) for regions in SETS for strength in STRENGTHS),
    Maker("landmark_morph", axes={"weight": 0.3}, shares=(0.7, 0.3)),
    Maker("landmark_morph", axes={"weight": 0.5}),
    Maker("collage", "generator", {"regions": ["mouth"]}, (0.75, 0.4)),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    path = tmp_path_factory.mktemp("runs") / "strengths"
    return write_generated(path, RECOGNIZERS, MAKERS, failing=[], verified=False, faces=24, trials=1000)


@pytest.fixture(scope="module")
def run(folder: RunFolder) -> Run:
    return load(folder.path)


@pytest.fixture(scope="module")
def strengths(run: Run) -> Strengths:
    return Strengths(judged(run.of("generated")[0], run))


@pytest.fixture(scope="module")
def page(run: Run) -> Page:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SAVE, unsaved)
        return page_of(run)


# ------------------------------------------------------------------------------------------------------------- strands


def test_settings_are_arranged_by_number_and_by_everything_else(strengths: Strengths) -> None:
    found = strengths.strands
    assert [(one.base, one.name, one.axis, one.values) for one in found.found] == [
        ("hidden_identity", "identity token only, no regions", "strength", (0.25, 0.5, 1.0)),
        ("hidden_identity", "eyes + mouth", "strength", (0.25, 0.5, 1.0)),
        ("landmark_morph", "landmark_morph", "weight", (0.3, 0.5)),
    ]
    assert found.others == ("collage",)
    assert found.found[1].makers[0] == "hidden_identity, regions eyes + mouth, strength 0.25"
    assert found.many
    placed = found.place("landmark_morph, weight 0.5")
    assert placed is not None
    assert placed[1] == 0.5


def made(base: str, **axes: object) -> SimpleNamespace:
    said = [f"{name} {in_words(value)}" for name, value in sorted(axes.items())]
    return SimpleNamespace(maker=", ".join([base, *said]), axes=axes, series=SimpleNamespace(spec={}))


@pytest.mark.parametrize(
    ("cells", "named"),
    [
        (
            [made("m", weight=w, texture=t) for t in (1, 2) for w in (3, 4, 5)],
            [("texture 1", "weight"), ("texture 2", "weight")],
        ),
        (
            [made("m", strength=s, weight=w) for s in (1, 2) for w in (3, 4, 5)],
            [(f"weight {w}", "strength") for w in (3, 4, 5)],
        ),
        ([made("m", fast=f) for f in (True, False)], []),
        ([made("m", mode=f) for f in ("a", "b")], []),
        ([made("m", strength=s) for s in (None, 0.5, 1, True, "all")], [("m", "strength")]),
        ([made("a, b", weight=w) for w in (1, 2)], [("a, b", "weight")]),
    ],
)  # fmt: skip
def test_any_number_is_an_axis_and_strength_before_others(
    cells: list[SimpleNamespace], named: list[tuple[str, str]]
) -> None:
    found = strands_of(cells)  # type: ignore[arg-type]
    assert [(one.name, one.axis) for one in found.found] == named
    placed = {maker for one in found.found for maker in one.makers}
    numbered = [
        one.maker for one in cells if any(isinstance(value, int | float) and not isinstance(value, bool)
                                          for value in one.axes.values())
    ]  # fmt: skip
    assert placed == set(numbered)
    assert set(found.others) == {one.maker for one in cells} - placed


def test_a_makers_name_loses_its_settings_only() -> None:
    assert base_of(made("a, b 1", weight=1, mode="x")) == "a, b 1"  # type: ignore[arg-type]


def test_a_set_without_regions_is_a_token_only_where_an_identity_is_given(tmp_path: Path) -> None:
    makers = [Maker("filter", axes={"styles": s, "strength": x}) for s in ([], ["eyes"]) for x in (0.5, 1.0)]
    write_generated(tmp_path, ["lbp"], makers, failing=[], verified=False, faces=6)
    found = strands_of(judged((run := load(tmp_path)).of("generated")[0], run).made)
    assert [one.name for one in found.found] == ["no styles", "eyes"]


# --------------------------------------------------------------------------------------------------------------- sums


def recorded(one: Made, which: str, prefix: str, point: str) -> dict[str, Any]:
    """The record that a reader of the run's summary would look up."""
    wanted = {
        "both": (None, "both"),
        "first": ("contributor 1", "contributor"),
        "second": ("contributor 2", "contributor"),
    }
    group, name = wanted[which]
    (found,) = [
        record
        for record in one.series.records
        if (record["figure"], record["operating_point"], record["group"])
        == (f"{prefix}{name}_match_rate", point, group)
    ]
    return dict(found)


def test_rates_are_the_recorded_ones_with_their_intervals(strengths: Strengths) -> None:
    compared = 0
    for point in strengths.judged.points:
        for one in strengths.judged.made:
            joint = joint_rates(one, point)
            if joint is None:
                assert recorded(one, "both", "", point.name)["value"] is None
                continue
            for prefix, rates in (("", joint.made), ("clean_", joint.clean)):
                assert list(rates) == list(JOINT) == list(JOINT_MEANINGS)
                for which, share in rates.items():
                    record = recorded(one, which, prefix, point.name)
                    assert (share.value, share.ends) == (record["value"], (record["low"], record["high"]))
                    assert (share.weak, share.method) == (record["support"] == "weak", record["interval"])
                    assert share.faces == record["n"] == 24
            compared += 1
    assert compared == len(strengths.judged.made)  # one of three thresholds can be set


def test_photos_of_the_first_person_that_are_lost_do_not_cost_the_second(strengths: Strengths) -> None:
    """The second person matches always, and of the first three quarters of the photos were not acquired."""
    point = strengths.judged.first
    assert point is not None
    values = {
        (None, "both_match_rate"): (0.25, 0.2, 0.3), ("contributor 1", "contributor_match_rate"): (0.25, 0.15, 0.4),
        ("contributor 2", "contributor_match_rate"): (1.0, 0.9, 1.0), (None, "swapped_match_rate"): (0.0, 0.0, 0.1),
    }  # fmt: skip
    records = [
        {"figure": f"{prefix}{name}", "operating_point": point.name, "value": value, "low": low, "high": high,
         "group": group, "support": "ok", "interval": "exact", "n": 8}
        for prefix in ("", "clean_")
        for (group, name), (value, low, high) in values.items()
    ]  # fmt: skip
    outcome = {"spec": {"maker": {"contributors": 2}}}
    joint = joint_rates(Made(SimpleNamespace(records=records, outcome=outcome)), point)  # type: ignore[arg-type]
    assert joint is not None
    assert (joint.made["second"].value, joint.made["second"].ends) == (1.0, (0.9, 1.0))
    assert (joint.made["both"].value, joint.made["both"].ends) == (0.25, (0.2, 0.3))


# ------------------------------------------------------------------------------------------------------------ columns


def test_columns_stand_in_order_beside_clean_photos_and_other_makers(strengths: Strengths) -> None:
    point = strengths.judged.first
    assert point is not None
    panels = strengths.columns("lbp", point)
    assert [panel.name for panel in panels] == [
        "identity token only, no regions", "eyes + mouth", "landmark_morph", "other makers",
    ]  # fmt: skip
    assert [[column.tick for column in panel.columns] for panel in panels] == [
        *[["clean", "0.25", "0.5", "1"]] * 2, ["clean", "0.3", "0.5"], ["clean", "collage"],
    ]  # fmt: skip
    cells = {one.maker: one for one in strengths.judged.of("lbp")}
    made = [sum(cells[name].series.table("faces")["made"]) for name in strengths.strands.found[0].makers]  # type: ignore[index]
    each = f"{min(made)}" if min(made) == max(made) else f"{min(made)}\u2013{max(made)}"
    assert panels[0].below == f"strength; made {each} of 24"
    for panel in panels:
        for column in panel.columns[1:]:
            one = cells[column.bar.name]
            assert [share.value for share in column.bar.shares] == [
                one.records[name, point.name]["value"] for name in SHARES
            ]  # fmt: skip
            joint = strengths.joint(one, point)
            assert joint is not None
            assert column.second == joint.made["second"]


def test_the_chart_of_columns_has_a_panel_for_every_set_on_one_scale(strengths: Strengths, page: Page) -> None:
    charts = charts_of(page, r"^m0-outcomes-")
    assert len(charts) == len(RECOGNIZERS)
    layout, traces = (charts[0].spec["variants"][0][part] for part in ("layout", "data"))
    axes = {name: axis for name, axis in layout.items() if name.startswith("yaxis")}
    assert len(axes) == 4
    assert {tuple(axis["range"]) for axis in axes.values()} == {(0, 101.5)}
    assert len({tuple(layout[name.replace("y", "x", 1)]["range"]) for name in axes}) == 1  # equally wide columns
    for number in ("", "2", "3", "4"):
        bars = [trace for trace in traces if trace["type"] == "bar" and trace["yaxis"] == f"y{number}"]
        assert [trace["name"] for trace in bars] == list(MEANINGS)
        assert np.sum([trace["y"] for trace in bars], axis=0) == pytest.approx(100, abs=0.05)
        marks = [trace for trace in traces if trace["type"] == "scatter" and trace["yaxis"] == f"y{number}"]
        assert [trace["name"] for trace in marks] == ["both", "second person"]
        # An attempt needs a photo of the first person, too; a comparison with the second does not.
        assert all(
            mark >= low - 0.02 for mark, low in zip(marks[1]["y"], np.add(bars[0]["y"], bars[1]["y"]), strict=True)
        )
        for mark in marks:
            assert all(low <= value + 1e-6 for low, value in zip(mark["error_y"]["arrayminus"], mark["y"], strict=True))
            assert max(mark["error_y"]["array"]) > 0


@pytest.mark.parametrize("number", [1, 4, 13])
def test_panels_never_overlap(number: int) -> None:
    grid = Grid(number)
    layout = grid.layout()
    for place in range(number):
        grid.place(layout, place, {}, {})
    for wide in (True, False):
        boxes = []
        for place in range(number):
            name = "" if place == 0 else str(place + 1)
            found = [layout[f"{axis}axis{name}"]["domain"] for axis in "xy"]
            if not wide:
                found = [layout["meta"]["narrow"][f"{axis}axis{name}"]["domain"] for axis in "xy"]
            boxes.append([*found[0], *found[1]])
        for one in range(number):
            for other in range(one):
                a, b = boxes[one], boxes[other]
                assert a[1] <= b[0] or b[1] <= a[0] or a[3] <= b[2] or b[3] <= a[2], (a, b)
        assert all(0 <= low < high <= 1 for box in boxes for low, high in (box[:2], box[2:]))


def test_names_of_forty_four_settings_do_not_run_into_each_other(strengths: Strengths) -> None:
    point = strengths.judged.first
    assert point is not None
    one = strengths.columns("lbp", point)[0]
    names = ["identity token only, no regions", "eyes_brows + nose + mouth + skin + hair + background", *"abcdefghi"]
    panels = [outcome_columns.Panel(name, "strength", one.columns) for name in names]
    with paper():
        figure = outcome_columns.draw(panels, "lbp, FMR 1 %, set on dev, and a long name of it")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
        texts = [text for axes in figure.axes if axes.get_visible() for text in (axes._left_title, axes.xaxis.label)]  # type: ignore[attr-defined]
        boxes = [text.get_window_extent(renderer) for text in texts if text.get_text()]
    assert len(boxes) == 2 * len(names)
    overlaps = [(a, b) for place, a in enumerate(boxes) for b in boxes[:place] if a.overlaps(b)]
    assert overlaps == []


# ------------------------------------------------------------------------------------------------------------- curves


def test_curves_are_the_sums_in_ascending_order_with_their_bands(strengths: Strengths, page: Page) -> None:
    point = strengths.judged.first
    assert point is not None
    charts = charts_of(page, r"^m0-curves-")
    assert [chart.heading for chart in charts] == [
        f"hidden_identity over strength: dlib_resnet{MARK}, {point.label}",
        f"hidden_identity over strength: lbp, {point.label}",
        f"landmark_morph over weight: {point.label}",
    ]
    lines = [trace for trace in charts[1].spec["variants"][0]["data"] if trace.get("meta") != "band"]
    bands = [trace for trace in charts[1].spec["variants"][0]["data"] if trace.get("meta") == "band"]
    assert len(lines) == len(bands) == len(SETS) * len(JOINT)
    strand = strengths.strands.found[1]
    cells = {one.maker: one for one in strengths.judged.of("lbp")}
    joints = [strengths.joint(cells[maker], point) for maker in strand.makers]
    for name, line, band in zip(JOINT, lines[3:6], bands[3:6], strict=True):
        shares = [joint.made[name] for joint in joints if joint is not None]
        assert line["x"] == [0.25, 0.5, 1.0]
        assert line["y"] == pytest.approx([100 * share.value for share in shares], abs=0.01)
        high, low = band["y"][:3], band["y"][:2:-1]
        assert list(zip(low, high, strict=True)) == [
            pytest.approx((100 * share.ends[0], 100 * share.ends[1]), abs=0.01) for share in shares if share.ends
        ]
    assert len({line["line"]["dash"] for line in lines[:3]}) == 3  # colour is never alone
    levels = charts[1].spec["variants"][0]["layout"]["shapes"]
    assert joints[0] is not None
    assert [level["y0"] for level in levels[3:6]] == pytest.approx(
        [100 * joints[0].clean[name].value for name in JOINT], abs=0.01
    )
    assert [note["text"] for note in charts[2].spec["variants"][0]["layout"]["annotations"]] == [
        "<b>dlib_resnet</b>", "<b>lbp</b>",
    ]  # fmt: skip


def test_a_failed_cell_leaves_a_gap_and_a_lone_cell_makes_no_curve(tmp_path: Path) -> None:
    makers = [hidden(strength, regions) for regions in SETS[:2] for strength in STRENGTHS]
    write_generated(tmp_path, ["lbp"], makers, failing=[], verified=False, faces=8)
    run = load(tmp_path)
    group = run.of("generated")[0]
    whole = judged(group, run)
    assert whole.first is not None
    kept = [one for one in whole.made if one.axes["strength"] != 0.5 and one.axes != {"regions": [], "strength": 1.0}]
    some = Strengths(type(whole)(group, tuple(kept), whole.recognizers, whole.makers, whole.points, whole.first))
    panels = some.columns("lbp", whole.first)
    assert [[column.tick for column in panel.columns] for panel in panels] == [
        ["clean", "0.25"],
        ["clean", "0.25", "1"],
    ]
    curves = [some.curves("lbp", whole.first, strand, strand.name) for strand in some.strands.found]
    assert curves[0] is None
    assert curves[1] is not None
    assert curves[1].values == [0.25, 1.0]


def test_a_line_is_broken_where_a_cell_failed_and_panels_share_their_axis(tmp_path: Path) -> None:
    strengths = (0.1, 0.2, 0.5, 0.8, 1.0)
    makers = [hidden(strength, regions) for regions in SETS for strength in strengths]
    write_generated(tmp_path, ["lbp"], makers, failing=[], verified=False, faces=8)
    run = load(tmp_path)
    group = run.of("generated")[0]
    whole = judged(group, run)
    assert whole.first is not None
    lost = {"regions": SETS[0], "strength": 0.5}
    (gone,) = [one for one in whole.made if one.axes == lost]
    failed = FailedCell("lbp", "", "RuntimeError", "", "", gone.maker, gone.axes)
    parted = dataclasses.replace(
        group, failed=(failed,), series=tuple(one for one in group.series if one is not gone.series)
    )
    some = Strengths(judged(parted, run))
    panels = [some.curves("lbp", whole.first, strand, strand.name) for strand in some.strands.found]
    known = [panel for panel in panels if panel is not None]
    curve = known[0].curves[0]
    assert curve.values == strengths
    assert [share is None for share in curve.shares] == [False, False, True, False, False]
    spec = outcome_curves.chart(known, "Curves")["variants"][0]
    line = next(trace for trace in spec["data"] if trace.get("meta") != "band")
    assert line["y"][2] is None
    assert not line["connectgaps"]
    band = spec["data"][0]
    assert band["x"] == [0.1, 0.2, 0.2, 0.1, None, 0.8, 1.0, 1.0, 0.8]
    assert band["y"].index(None) == 4
    assert spec["layout"]["xaxis"]["range"] == spec["layout"]["xaxis2"]["range"]
    with paper():
        figure = outcome_curves.draw(known, "title")
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


def test_the_key_of_curves_is_no_colour_alone(page: Page) -> None:
    charts = charts_of(page, r"^m0-curves-")
    lines = [trace for trace in charts[0].spec["variants"][0]["data"] if trace.get("meta") != "band"][:3]
    marks = charts[0].marks
    assert [mark.name for mark in marks[:3]] == [line["name"] for line in lines]
    assert [mark.symbol for mark in marks[:3]] == ["circle", "square", "diamond"]
    assert len({(mark.symbol, mark.dash) for mark in marks}) == len(marks) == 4


# -------------------------------------------------------------------------------------------------------------- tables


def test_the_table_has_costs_beside_outcomes(strengths: Strengths, page: Page) -> None:
    point = strengths.judged.first
    assert point is not None
    caption = f"Outcomes and visual cost by lbp at {point.label}"
    (table,) = [
        block.table for block in page.blocks if isinstance(block, Table) and block.table.caption.startswith(caption)
    ]  # fmt: skip
    assert [column.label for column in table.columns] == [
        "made by", "both (hidden)", "second person", "first person", "SSIM", "PSNR", "Fréchet distance",
        "kernel distance",
    ]  # fmt: skip
    assert [row.label for row in table.rows] == ["clean photo", *(one.maker for one in strengths.judged.of("lbp"))]
    one = strengths.judged.of("lbp")[0]
    joint = strengths.joint(one, point)
    assert joint is not None
    assert [cell.text for cell in table.rows[1].cells[:3]] == [
        numbers.percent(joint.made[name].value) for name in JOINT
    ]  # fmt: skip
    assert [row.fixed for row in table.rows] == [True, *[False] * (len(table.rows) - 1)]
    assert table.sortable
    assert table.rows[1].note == f"made {sum(one.series.table('faces')['made'])} of 24"  # type: ignore[index]
    assert table.rows[1].cells[4].text == "21.30\u202fdB"
    assert all(cell.interval for cell in table.rows[1].cells)
    assert {cell.text for cell in table.rows[0].cells[3:]} == {numbers.ABSENT}


def test_csv_has_every_setting_point_and_sum(strengths: Strengths, folder: RunFolder, page: Page) -> None:
    found = pd.read_csv(folder.path / "tables" / "outcomes-along_nowhere-different-people.csv")
    assert len(found) == len(RECOGNIZERS) * len(MAKERS)
    row = found[(found["made_by"] == "hidden_identity, regions none, strength 0.5") & (found["recognizer"] == "lbp")]
    assert row["settings"].tolist() == ["identity token only, no regions"]
    assert row["number"].tolist() == [0.5]
    for at in row.to_dict("records"):
        one = next(
            one for one in strengths.judged.of("lbp") if one.maker == "hidden_identity, regions none, strength 0.5"
        )  # fmt: skip
        both = one.records["both_match_rate", at["operating_point"]]
        assert at["both"] == pytest.approx(both["value"])
        assert (at["both_low"], at["both_high"]) == pytest.approx((both["low"], both["high"]))
        assert at["structural_similarity_mean"] == 0.7012
        second = recorded(one, "second", "", at["operating_point"])
        names = ("second_person", "second_person_low", "second_person_high")
        assert [at[name] for name in names] == pytest.approx([second[name] for name in ("value", "low", "high")])
    assert found[found["made_by"] == "collage"]["number"].isna().all()


# ----------------------------------------------------------------------------------------------------------- white box


def test_who_gave_the_identity_is_marked_everywhere(page: Page, strengths: Strengths) -> None:
    notes = [str(block.text) for block in page.blocks if isinstance(block, Words) and MARK in str(block.text)]
    assert len(notes) == 1
    assert notes[0].startswith(f"{MARK} white box: dlib_resnet to hidden_identity.")
    assert "landmark_morph" not in notes[0]
    headings = [block.heading for block in page.blocks if isinstance(block, Chart) and "-outcomes-" in block.id]
    assert [MARK in heading for heading in headings] == [("dlib_resnet" in heading) for heading in headings]
    assert strengths.white_boxes.marked("dlib_resnet", ["landmark_morph"]) == "dlib_resnet"


def test_the_same_plugin_with_other_weights_is_no_white_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_generated(tmp_path, ["dlib_resnet"], MAKERS[:3], failing=[], verified=False, faces=6)
    run = load(tmp_path)
    for one in run.every_series:
        one.outcome["spec"]["maker_identity"]["fingerprint"]["weights"] = value_digest("other")

    asked: list[tuple[str, str, dict[str, object]]] = []

    def taught(kind: str, name: str, **settings: object) -> SimpleNamespace:
        asked.append((kind, name, settings))
        return SimpleNamespace(taught_by=teachers)

    arranged = judged(run.of("generated")[0], run)
    monkeypatch.setattr("bench.registry.load", taught)
    teachers: frozenset[str] = frozenset()
    assert WhiteBoxes(arranged).note == ""
    asked.clear()
    teachers = frozenset({"dlib_resnet"})
    found = WhiteBoxes(arranged)
    assert found.note.startswith(f"{PERHAPS} perhaps white box: dlib_resnet to hidden_identity.")
    assert found.marked("dlib_resnet") == f"dlib_resnet{PERHAPS}"
    assert asked == [("attack", "hidden_identity", {})]  # once, whatever the strength


def known(name: str, **fingerprint: str) -> dict[str, Any]:
    return {"name": name, "fingerprint": fingerprint}


@pytest.mark.parametrize(
    ("encoder", "judge", "mark"),
    [
        (known("a", weights="1"), known("b", weights="1"), MARK),
        (known("a", model_sha256="1"), known("a", model_sha256="1"), MARK),
        (known("a", model_sha256="1"), known("a", model_sha256="2"), ""),
        (known("a", model_sha256="1", tensors_sha256="2"), known("a", model_sha256="1", tensors_sha256="3"), ""),
        (known("a", revision="1"), known("a", revision="1"), PERHAPS),
        (known("a"), known("b"), ""),
        ({}, known("b"), ""),
    ],
)  # fmt: skip
def test_recognizers_are_the_same_by_their_digests(
    monkeypatch: pytest.MonkeyPatch, encoder: dict[str, Any], judge: dict[str, Any], mark: str
) -> None:
    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: SimpleNamespace())
    found = WhiteBoxes(one_cell(encoder, judge))
    assert found.marked("judge") == f"judge{mark}"
    assert bool(found.note) == bool(mark)


def test_a_maker_that_cannot_be_opened_is_no_black_box(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(kind: str, name: str, **settings: object) -> None:
        raise MissingFile("no weights")

    monkeypatch.setattr("bench.registry.load", refused)
    found = WhiteBoxes(one_cell({}, {"name": "b", "fingerprint": {}}))
    assert found.note == (
        "Who taught m is not known here, because it cannot be opened: any recognizer may be its white box."
    )


def one_cell(encoder: dict[str, Any], judge: dict[str, Any]) -> Judged:
    spec = {"recognizer": judge, "maker_identity": encoder, "maker": {"kind": "attack", "name": "m", "settings": {}}}
    one = SimpleNamespace(maker="m", axes={}, series=SimpleNamespace(label="judge", spec=spec))
    return SimpleNamespace(made=[one])  # type: ignore[return-value]


# ------------------------------------------------------------------------------------------------------- other sweeps


def test_a_sweep_without_numbers_has_rows_and_no_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SAVE, unsaved)
    makers = [Maker("collage", "generator", {"regions": r}, (0.75, 0.4)) for r in (["eyes"], ["mouth"])]
    write_generated(tmp_path, ["lbp"], makers, failing=[], verified=False, faces=8)
    page = page_of(load(tmp_path))
    assert not charts_of(page, "-curves-")
    for chart in charts_of(page, "-outcomes-"):
        assert chart.keys == strength_charts.KEYS
        assert chart.spec["variants"][0]["data"][0]["orientation"] == "h"
    assert not list((tmp_path / "tables").glob("outcomes-along*"))


def test_a_curve_of_one_value_has_an_axis_too() -> None:
    share = Share(0.5, (0.4, 0.6))
    panel = outcome_curves.Panel("a", "strength", (outcome_curves.Curve("both", (0.5,), (share,), share),))
    first, last = outcome_curves.ends_of([panel])
    assert first < 0.5 < last


@pytest.mark.browser
@pytest.mark.full
def test_the_page_draws_and_its_tables_sort(chromium: str, folder: RunFolder, tmp_path: Path) -> None:
    from reports.document import write_report

    copy = tmp_path / "run"
    shutil.copytree(folder.path, copy)
    path = write_report(copy)
    seen = check_page(chromium, path)
    drawn = [chart for chart in seen.charts if "-curves-" in chart["id"] or "-outcomes-" in chart["id"]]
    assert len(drawn) == 2 + 3
    narrow = visit(chromium, path, dark=True, width=420)
    assert not narrow.errors
    assert narrow.overflow <= 0
    ask = """(async () => {
      const table = document.querySelector('[aria-label^="Outcomes and visual cost by lbp"] table');
      const head = table.tHead.rows[0].cells;
      const shown = () => [...table.tBodies[0].rows].map(row => row.cells[2].innerText);
      const found = [shown()];
      for (const column of [2, 2, 0]) { head[column].querySelector("button").click(); found.push(shown()); }
      return found;
    })()"""
    found: list[Any] = visit(chromium, path, ask=ask).charts
    before, falling, rising, again = found
    assert falling[0] == rising[0] == before[0]  # the clean photo stays on top
    values = [float(str(text).partition("\u202f")[0]) for text in falling[1:]]
    assert values == sorted(values, reverse=True)
    assert [float(str(text).partition("\u202f")[0]) for text in rising[1:]] == sorted(values)
    assert again == before
