"""What a report says of mixed faces: rates along the number of people, and what goes with what was taken of whom."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from bench.metrics.contributions import BINS
from bench.store.run_folder import RunFolder
from reports import mix_charts, mixes, taken, taken_charts
from reports.document import page_of, write_report
from reports.figures import mix_curves, taken_bars
from reports.figures.mix_curves import Line, Panel
from reports.figures.outcome_bars import Share
from reports.figures.style import looks, paper
from reports.figures.taken_bars import View
from reports.load import load
from reports.makers import Judged, judged
from reports.mixes import RATES, ladders_of, record_of
from reports.outlet import Outlet
from reports.page import Block, Chart, Folded, Page, Part, Table, Words
from reports.series import Run
from reports.taken import Taken
from tests.browser import check_page, visit
from tests.synthetic_generated import Maker, write_generated
from tests.test_report_generated import charts_of
from tests.written_reports import SAVE, unsaved


def mix(sources: int, identity: str = "dlib_resnet", **axes: object) -> Maker:
    shares = tuple([1 / sources] * sources)
    return Maker("mixsyn", "generator", {"sources": sources, **axes}, shares, taken=True, identity=identity)


MAKERS = (mix(2), mix(3), mix(5), Maker("collage", "generator", {"regions": ["eyes"]}, (0.75, 0.4)))
LABELS = ["lbp", "dlib_resnet"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    path = tmp_path_factory.mktemp("runs") / "mixed"
    return write_generated(path, LABELS, MAKERS, failing=[], verified=False, faces=40, people=60)


@pytest.fixture(scope="module")
def run(folder: RunFolder) -> Run:
    return load(folder.path)


@pytest.fixture(scope="module")
def arranged(run: Run) -> list[Judged]:
    return [judged(group, run) for group in run.of("generated")]


@pytest.fixture(scope="module")
def page(run: Run) -> Page:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SAVE, unsaved)
        return page_of(run)


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SAVE, unsaved)


def drawn(path: Path, part: str) -> list[Part]:
    """The parts of one kind of a run, without the rest of its page."""
    run = load(path)
    outlet = Outlet(path, looks(run.labels), None, 1)
    groups = [judged(group, run) for group in run.of("generated")]
    with paper():
        if part == "mixes":
            return mix_charts.parts(groups, outlet)
        found = [taken_charts.part(one, f"m{place}", outlet) for place, one in enumerate(groups)]
    return [one for one in found if one is not None]


def unfolded(blocks: Sequence[Block]) -> list[Block]:
    return [one for block in blocks for one in (unfolded(block.blocks) if isinstance(block, Folded) else [block])]


def words_of(blocks: Sequence[Block]) -> str:
    return " ".join(str(block.text) for block in blocks if isinstance(block, Words))


# ------------------------------------------------------------------------------------------ along the number of people


def test_cells_of_other_numbers_of_people_meet(arranged: list[Judged]) -> None:
    (ladder,) = ladders_of(arranged)
    assert (ladder.name, ladder.numbers, ladder.recognizers) == ("mixsyn", (2, 3, 5), tuple(LABELS))
    assert len(ladder.cells) == 6
    assert ladder.points[0] == ladder.judged[0].first
    assert {point.name for point in ladder.points} == {"dev:fmr=0.01", "dev:fmr=0.001"}, "those with a threshold"


def test_settings_that_vary_besides_have_ladders_of_their_own(tmp_path: Path) -> None:
    makers = [mix(sources, temperature=at) for sources in (2, 3) for at in (0.5, 2)]
    run = load(write_generated(tmp_path, ["lbp"], makers, failing=[], verified=False, faces=6).path)
    found = ladders_of([judged(group, run) for group in run.of("generated")])
    assert [(one.name, one.numbers) for one in found] == [
        ("mixsyn, temperature 0.5", (2, 3)), ("mixsyn, temperature 2", (2, 3)),
    ]  # fmt: skip


def test_the_curves_are_the_recorded_figures(page: Page, arranged: list[Judged]) -> None:
    (chart,) = charts_of(page, r"^mix-0$")
    (ladder,) = ladders_of(arranged)
    point, traces = ladder.points[0], chart.spec["variants"][0]["data"]
    assert len(traces) == len(RATES) * len(LABELS)
    for place, rate in enumerate(RATES):
        for at, label in enumerate(LABELS):
            trace = traces[2 * place + at]
            for number, x, y, plus in zip((2, 3, 5), trace["x"], trace["y"], trace["error_y"]["array"], strict=True):
                record = record_of(ladder.cell(label, number), rate, point)  # type: ignore[arg-type]
                assert record is not None
                assert abs(x - number) < 0.2
                assert y == pytest.approx(100 * record["value"], rel=1e-4, abs=1e-9)
                assert y + plus == pytest.approx(100 * record["high"], rel=1e-3, abs=1e-3)
    names = [note["text"] for note in chart.spec["variants"][0]["layout"]["annotations"]]
    assert names == [f"<b>{name}</b>" for name in RATES.values()]
    assert [key.name for key in chart.marks] == ["lbp", "dlib_resnet\u2020", "strangers, as asked for (FMR)"]
    assert len({key.symbol for key in chart.marks[:2]}) == 2  # colour is never alone
    assert "the average contributor: lbp" in chart.alt
    assert "of 2 people" in chart.alt


def test_rates_are_those_that_their_names_say(arranged: list[Judged]) -> None:
    (ladder,) = ladders_of(arranged)
    point = ladder.points[0]
    for number in ladder.numbers:
        one = ladder.cell("dlib_resnet", number)
        assert one is not None
        found = {rate: record_of(one, rate, point) for rate in RATES}
        assert all(record is not None for record in found.values())
        figures = [(record["figure"], record["group"]) for record in found.values() if record]
        assert figures == [
            ("mean_contributor_match_rate", None), ("contributor_match_rate", "contributor 1"),
            ("several_match_rate", f"1 of {number}"), ("several_match_rate", f"2 of {number}"),
            ("several_match_rate", f"{number} of {number}"), ("prodavg_morph_match_rate", None),
        ]  # fmt: skip
        every = [by[("contributor_match_rate", point.name)]["value"] for by in one.by_contributor]
        assert found["any"]["value"] == pytest.approx(sum(every) / number)  # type: ignore[index]


def test_of_one_person_and_of_makers_that_tell_nothing_there_are_fewer_rates(tmp_path: Path) -> None:
    makers = [Maker("plain", "generator", {"sources": number}, tuple([0.5] * number)) for number in (1, 2, 3)]
    run = load(write_generated(tmp_path, ["lbp"], makers, failing=[], verified=False, faces=8).path)
    (ladder,) = ladders_of([judged(group, run) for group in run.of("generated")])
    known = {
        number: [rate for rate in RATES if record_of(ladder.cell("lbp", number), rate, ladder.points[0])]  # type: ignore[arg-type]
        for number in ladder.numbers
    }
    assert known == {
        1: ["any", "first", "one", "all"], 2: list(RATES), 3: list(RATES),
    }, "a maker that tells nothing has its ladder, too"  # fmt: skip


def test_the_short_answer_says_whether_identities_fade(page: Page) -> None:
    said = words_of(page.blocks)
    rate = "\\S+\u202f% \\([^)]*\\)"
    assert re.search(
        "<b>dlib_resnet†</b> matches the average contributor to faces of 2 people by mixsyn in "
        rf"{rate} \(1 of 2, at least one matched: {rate}\), to faces of 5 people in "
        rf"{rate} \(1 of 5, at least one matched: {rate}\): the average contributor fades\.",
        said,
    )
    assert "falls by dilution alone" in said
    assert "the same first two at every number" in said
    assert "white box: dlib_resnet to mixsyn" in said
    low, high = Share(0.5, (0.4, 0.6)), Share(0.9, (0.8, 0.95))
    assert mix_charts._change(high, low) == "the average contributor fades"
    assert mix_charts._change(low, high) == "the average contributor grows"
    assert mix_charts._change(low, Share(0.45, (0.3, 0.55))) == "the difference lies within the intervals"
    assert mix_charts._change(low, None) == "the difference lies within the intervals"


def test_the_table_has_every_rate_and_the_file_every_contributor(
    folder: RunFolder, page: Page, arranged: list[Judged]
) -> None:
    tables = [block.table for block in page.blocks if isinstance(block, Table) and "all rates" in block.table.caption]
    (ladder,) = ladders_of(arranged)
    assert len(tables) == len(ladder.points)
    assert [(row.above, row.label) for row in tables[0].rows] == [
        ("lbp", "2 people"), ("", "3 people"), ("", "5 people"),
        ("dlib_resnet\u2020", "2 people"), ("", "3 people"), ("", "5 people"),
    ]  # fmt: skip
    assert all(len(row.cells) == len(tables[0].columns) - 1 for row in tables[0].rows)
    found = pd.read_csv(folder.path / "tables" / "contributors-along.csv")
    assert len(found) == len(ladder.points) * 2 * (3 * len(RATES) + 2 + 3 + 5)
    assert len(found) == len(mixes.frame([ladder]))
    assert {"contributor 5", *RATES} <= set(found["rate"])


@pytest.mark.usefixtures("no_pictures")
def test_a_cell_that_failed_breaks_its_line(tmp_path: Path) -> None:
    makers = [mix(number) for number in (2, 3, 4)]
    write_generated(tmp_path, LABELS, makers, failing=[], verified=False, faces=8)
    run = load(tmp_path)
    groups = [judged(group, run) for group in run.of("generated")]
    lost = [one for group in groups for one in group.made if (one.series.label, one.contributors) != ("lbp", 3)]
    (ladder,) = ladders_of(groups)
    broken = mixes.Ladder(ladder.name, ladder.place, tuple(lost), ladder.judged)
    outlet = Outlet(tmp_path, looks(run.labels), None, 1)
    marks = mix_charts.WhiteBoxes(broken.whole)
    panel = mix_charts.panels_of(broken, broken.points[0], marks, outlet)[0]
    assert [number for number, _ in panel.lines[0].known] == [2, 4]
    traces = mix_curves.chart([panel], "level")["variants"][0]["data"]
    assert traces[0]["y"][1] is None
    assert traces[0]["connectgaps"] is False
    assert None not in traces[1]["y"]


@pytest.mark.usefixtures("no_pictures")
def test_one_number_of_people_makes_no_curve(tmp_path: Path) -> None:
    write_generated(tmp_path, ["lbp"], [mix(3)], failing=[], verified=False, faces=8)
    assert drawn(tmp_path, "mixes") == []


@pytest.mark.usefixtures("no_pictures")
def test_without_a_threshold_nothing_is_drawn(tmp_path: Path) -> None:
    write_generated(tmp_path, ["lbp"], [mix(2), mix(3)], failing=[], verified=False, faces=8, trials=40)
    assert drawn(tmp_path, "mixes") == []
    assert drawn(tmp_path, "taken") == []


def test_weak_marks_are_hollow_and_axes_end_where_shares_do() -> None:
    look = looks(["a"])["a"]
    panel = Panel("rate", (Line("a", look, ((2, Share(0.08, (0.05, 0.12), weak=True)), (3, Share(0.03, None)))),), 0.01)
    variant = mix_curves.chart([panel], "level")["variants"][0]
    assert variant["data"][0]["marker"]["symbol"] == [f"{look.symbol}-open", look.symbol]
    assert variant["layout"]["yaxis"]["range"][1] == pytest.approx(20.3)
    assert variant["layout"]["yaxis"]["ticktext"][-1] == "20\u202f%"
    (line,) = variant["layout"]["shapes"]
    assert line["y0"] == line["y1"] == 1
    assert "weak" in variant["data"][0]["customdata"][0][1]
    assert mix_curves.draw([panel], "title", "level").axes[0].get_ylim()[1] == pytest.approx(20.3)


# -------------------------------------------------------------------------------------------- what was taken of whom


def test_bars_are_the_recorded_figures(page: Page, arranged: list[Judged]) -> None:
    (chart,) = charts_of(page, r"^m0-taken-0$")
    assert chart.variants == ["lbp", "dlib_resnet\u2020"]
    one = next(one for one in arranged[0].made if one.series.label == "dlib_resnet" and taken.tells(one))
    point = arranged[0].first
    assert point is not None
    rows = taken.by_region(one, point)
    assert [row.name for row in rows] == [
        "face", "skin", "nose", "eyes", "brows", "mouth", "hair", "neck", "cloth", "background",
    ]  # fmt: skip
    gave, others = chart.spec["variants"][1]["data"]
    records = {
        (record["figure"], record["group"]): record
        for record in one.series.records if record["operating_point"] == point.name
    }  # fmt: skip
    for trace, figure in ((gave, "given_match_rate"), (others, "not_given_match_rate")):
        wanted = [100 * records[figure, row.name]["value"] for row in rows]
        assert trace["x"] == pytest.approx(wanted, rel=1e-4)
        high = [x + more for x, more in zip(trace["x"], trace["error_x"]["array"], strict=True)]
        assert high == pytest.approx([100 * records[figure, row.name]["high"] for row in rows], rel=1e-3)
    assert all(upper < lower for upper, lower in zip(gave["y"], others["y"], strict=True))
    assert chart.spec["variants"][1]["layout"]["yaxis"]["ticktext"] == [row.name for row in rows]
    gains = {row.name: row.gain.value for row in rows if row.gain is not None}
    assert gains == {name: records["given_match_rate_gain", name]["value"] for name in gains}
    assert f"dlib_resnet\u2020: most by {max(gains, key=lambda name: gains[name])}, " in chart.alt
    assert [name for name, _ in chart.keys] == list(taken_charts.GAVE)


def test_shares_of_the_pixels_have_one_bar_each(page: Page, arranged: list[Judged]) -> None:
    (chart,) = charts_of(page, r"^m1-taken-0-share$")
    (bars,) = chart.spec["variants"][0]["data"]
    labels = chart.spec["variants"][0]["layout"]["yaxis"]["ticktext"]
    assert labels == ["0\u201310\u202f%", "10\u201325\u202f%", "25\u201350\u202f%", "50\u2013100\u202f%"]
    assert arranged[1].first is not None
    rows = taken.by_share(arranged[1].made[0], arranged[1].first)
    assert [row.name for row in rows] == list(BINS)
    assert bars["x"] == pytest.approx([100 * row.given.value for row in rows], rel=1e-4)
    assert "0\u201310\u202f% given" in chart.alt


def test_only_makers_that_tell_have_the_part(page: Page) -> None:
    assert [chart.id for chart in charts_of(page, "taken")] == [
        f"m{group}-taken-0{kind}" for group in range(3) for kind in ("", "-share")
    ]
    titles = [part.title for section in page.sections for part in section.parts]
    assert titles[0] == "As more people are mixed"
    assert sum("What was taken of whom" in title for title in titles) == 3


@pytest.mark.usefixtures("no_pictures")
def test_without_mixing_makers_a_report_says_nothing_of_it(tmp_path: Path) -> None:
    write_generated(tmp_path, ["lbp"], MAKERS[3:], failing=[], verified=False, faces=8)
    assert drawn(tmp_path, "taken") == []


def test_the_file_has_every_region_and_point(folder: RunFolder, page: Page, arranged: list[Judged]) -> None:
    assert page.sections
    found = pd.read_csv(folder.path / "tables" / "taken_nowhere-different-people-3-contributors.csv")
    pd.testing.assert_frame_equal(found, taken.frame(arranged[1]), check_dtype=False)
    assert {"left_eye", "eyes_brows", "50-100 %", "contributor 3"} <= set(found["of"])
    assert {"given_match_rate_gain", "contribution_share_mean"} <= set(found["figure"])
    assert "glasses" not in set(found["of"])


def test_weak_bars_are_hollow_and_views_have_one_axis() -> None:
    nothing = Share(0.0, None, faces=3)
    rows = (
        Taken("skin", Share(0.2, (0.1, 0.3), weak=True, faces=9), Share(0.1, None, faces=9)),
        Taken("hat", nothing, nothing),
    )
    views = [View("a", rows[:1]), View("b", rows)]
    variants = taken_bars.chart(views, taken_charts.GAVE)["variants"]
    assert [variant["layout"]["xaxis"]["range"][1] for variant in variants] == pytest.approx([31.8] * 2)
    assert variants[0]["data"][0]["marker"]["color"] == ["var(--paper)"]
    assert variants[0]["data"][1]["marker"]["color"] == ["var(--outcome-3)"]
    assert variants[0]["layout"]["yaxis"]["ticktext"] == ["skin", "hat"]
    assert taken_charts._of_faces(views) == "Of 3 to 9 faces, as many as each row has."
    figure = taken_bars.draw(views, taken_charts.GAVE, "title")
    assert figure.axes[0].patches[0].get_facecolor() == (1, 1, 1, 1)
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


@pytest.mark.usefixtures("no_pictures")
def test_many_makers_are_folded(tmp_path: Path) -> None:
    makers = [mix(2, temperature=at) for at in (0.5, 0.7, 0.9)]
    write_generated(tmp_path, ["lbp"], makers, failing=[], verified=False, faces=12)
    (part,) = drawn(tmp_path, "taken")
    assert sum(isinstance(block, Chart) for block in part.blocks) == 4
    (folded,) = [block for block in part.blocks if isinstance(block, Folded)]
    assert folded.summary == "mixsyn, temperature 0.9"
    assert len(unfolded([folded])) == 2


@pytest.mark.full
def test_pictures_for_paper_are_written(tmp_path: Path) -> None:
    write_generated(tmp_path, ["lbp"], [mix(2), mix(3)], failing=[], verified=False, faces=12)
    parts = [*drawn(tmp_path, "mixes"), *drawn(tmp_path, "taken")[:1]]
    files = [path for part in parts for block in unfolded(part.blocks) if isinstance(block, Chart)
             for _, path in block.files]  # fmt: skip
    assert len(files) >= 6
    assert len(set(files)) == len(files)


@pytest.mark.browser
@pytest.mark.full
def test_mixed_faces_draw_in_a_real_browser(chromium: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SAVE, unsaved)
    write_generated(tmp_path, LABELS, [mix(2), mix(3)], failing=[], verified=False, faces=12)
    path = write_report(tmp_path)
    seen = check_page(chromium, path)
    assert {"mix-0", "m0-taken-0", "m1-taken-0-share"} <= {chart["id"] for chart in seen.charts}
    narrow = visit(chromium, path, dark=True, width=420)
    assert not narrow.errors
    assert narrow.overflow <= 0
