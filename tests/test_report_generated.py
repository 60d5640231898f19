"""What a report says of made faces: the recorded figures with their intervals, and faces only where they may be."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.errors import MissingFile
from bench.images import png_text
from bench.store.run_folder import RunFolder
from bench.sweep.pair_files import read_list
from reports import generated, likeness, numbers
from reports.document import page_of, write_report
from reports.figures import ridges
from reports.figures.style import row_lines
from reports.load import load
from reports.makers import MEANINGS, SHARES, Judged, Made, judged, threshold_of
from reports.montage import judgement
from reports.naming import in_words
from reports.page import Chart, Examples, Page, Table, Words
from reports.points import point_of
from reports.series import Run
from tests.browser import check_page, visit
from tests.synthetic_generated import MAKERS, Maker, write_generated
from tests.synthetic_run import RECOGNIZERS
from tests.test_report import NASTY, Album, Links, words
from tests.written_reports import SAVE, unsaved, written

MORPHS = (*MAKERS[:3],)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_generated(tmp_path_factory.mktemp("runs") / "made-up", faces=40)


@pytest.fixture(scope="module")
def loaded(run: RunFolder) -> Run:
    return load(run.path)


@pytest.fixture(scope="module")
def arranged(loaded: Run) -> Judged:
    (group,) = loaded.of("generated")
    return judged(group, loaded)


@pytest.fixture(scope="module")
def report(run: RunFolder) -> tuple[Path, Page]:
    return written(run.path)


@pytest.fixture(scope="module")
def page(report: tuple[Path, Page]) -> Path:
    return report[0]


@pytest.fixture(scope="module")
def blocks(report: tuple[Path, Page]) -> Page:
    return report[1]


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SAVE, unsaved)


def charts_of(page: Page, kind: str) -> list[Chart]:
    return [block for block in page.blocks if isinstance(block, Chart) and re.search(kind, block.id)]


# -------------------------------------------------------------------------------------------------------------- names


def test_makers_are_named_by_what_differs(loaded: Run, arranged: Judged) -> None:
    assert arranged.makers == (
        "landmark_morph, weight 0.3", "landmark_morph, weight 0.5", "landmark_morph, weight 0.7", "collage",
    )  # fmt: skip
    assert arranged.recognizers == tuple(RECOGNIZERS)
    assert loaded.labels == tuple(RECOGNIZERS)
    assert loaded.failed[0].title == "lbp · collage"


def test_long_names_of_rows_are_broken_into_lines() -> None:
    assert row_lines("landmark_morph, weight 0.3") == ["landmark_morph", "weight 0.3"]
    assert row_lines("clean photo") == ["clean photo"]
    assert row_lines("collage, regions eyes_brows + nose + mouth", 20) == [
        "collage", "regions eyes_brows +", "nose + mouth",
    ]  # fmt: skip
    lines = row_lines(f"{'m' * 90}, {'n' * 90} {'o ' * 90}")
    assert len(lines) == 4
    assert all(len(line) <= 26 for line in lines)


def test_an_attack_and_a_generator_of_one_name_are_told_apart(tmp_path: Path) -> None:
    makers = [Maker("same", "attack"), Maker("same", "generator", shares=(0.6, 0.3))]
    write_generated(tmp_path, ["lbp"], makers, failing=[], verified=False, faces=8)
    assert {one.maker for one in load(tmp_path).every_series} == {"same (attack)", "same (generator)"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (["eyes", "mouth"], "eyes + mouth"), ([], "none"), (None, "none"), (True, "yes"), (3, "3")],
)
def test_settings_in_words(value: Any, text: str) -> None:
    assert in_words(value) == text


def test_the_page_begins_with_what_was_asked(page: Path) -> None:
    text = words(page)
    assert "And whom do they see in the faces that landmark_morph and collage made of them? Protocol view2." in text
    assert "1 cell of 15 failed." in text
    assert "Generated faces 160 by 4 settings of makers" in text
    assert "CUDA error: out of memory" in text
    assert "40 faces by each of 4 settings of makers, every face of one photo each of 2 people drawn at random." in text


# ------------------------------------------------------------------------------------------------------------ outcomes


def test_bars_are_the_recorded_shares(arranged: Judged) -> None:
    for point in arranged.points[:2]:
        for recognizer in arranged.recognizers:
            bars = generated.bars_of(arranged, recognizer, point)
            cells = arranged.of(recognizer)
            assert [bar.name for bar in bars] == ["clean photo", *(one.maker for one in cells)]
            for bar, one in zip(bars[1:], cells, strict=True):
                records = [one.records[name, point.name] for name in SHARES]
                assert [share.value for share in bar.shares] == [record["value"] for record in records]
                assert [share.ends for share in bar.shares] == [(record["low"], record["high"]) for record in records]
                assert sum(share.value for share in bar.shares) == pytest.approx(1)
            clean = [cells[0].records[f"clean_{name}", point.name]["value"] for name in SHARES]
            assert [share.value for share in bars[0].shares] == clean


def test_charts_show_the_bars_and_every_interval(arranged: Judged, blocks: Page) -> None:
    assert arranged.first is not None
    charts = charts_of(blocks, r"^m0-outcomes-")
    assert [chart.heading for chart in charts] == [f"{label}, {arranged.first.label}" for label in arranged.recognizers]
    for chart, recognizer in zip(charts, arranged.recognizers, strict=True):
        bars = generated.bars_of(arranged, recognizer, arranged.first)
        traces = chart.spec["variants"][0]["data"]
        stacked, dots = traces[: len(MEANINGS)], traces[len(MEANINGS) :]
        assert [trace["name"] for trace in stacked] == list(MEANINGS) == [trace["name"] for trace in dots]
        for place, (bar, dot) in enumerate(zip(stacked, dots, strict=True)):
            shares = [row.shares[place] for row in bars]
            assert bar["x"] == pytest.approx([100 * share.value for share in shares], rel=1e-3)
            assert dot["x"] == bar["x"]
            ends = [share.ends for share in shares]
            high = np.add(dot["x"], dot["error_x"]["array"])
            low = np.subtract(dot["x"], dot["error_x"]["arrayminus"])
            np.testing.assert_allclose(high, [100 * end[1] for end in ends if end], rtol=1e-3, atol=1e-3)
            np.testing.assert_allclose(low, [100 * end[0] for end in ends if end], rtol=1e-3, atol=1e-3)
            assert all("(" in said for _, said in dot["customdata"])
        assert np.sum([trace["x"] for trace in stacked], axis=0) == pytest.approx(100, abs=0.05)


def test_every_outcome_has_a_colour_of_its_own_that_the_page_knows(page: Path, blocks: Page) -> None:
    chart = charts_of(blocks, r"^m0-outcomes-0")[0]
    assert [name for name, _ in chart.keys] == list(MEANINGS)
    assert len({color for _, color in chart.keys}) == len(MEANINGS)
    text = page.read_text()
    for variable in re.findall(r"var\((--outcome[\w-]+)\)", chart.data):
        assert text.count(f"{variable}: #") == 2  # light and dark


def test_tables_hold_the_recorded_figures(arranged: Judged, blocks: Page) -> None:
    assert arranged.first is not None
    tables = {block.table.caption: block.table for block in blocks.blocks if isinstance(block, Table)}
    at = f" at {arranged.first.label}, "
    table = next(table for caption, table in tables.items() if caption.startswith(f"Whom the made faces match{at}"))
    named = [(column.label, column.note) for column in table.columns]
    assert named[1:3] == [("match both", "of all attempts"), ("match both", "of the acquired")]
    assert all(column.hint for column in table.columns[1:])
    assert [row.above for row in table.rows if row.above] == list(arranged.recognizers)
    first = arranged.made[0].records
    names = ("both_match_rate", "acquired_both_match_rate", "clean_both_match_rate")
    for cell, name in zip(table.rows[0].cells, names, strict=False):
        assert cell.text == numbers.percent(first[name, arranged.first.name]["value"])
    excess = table.rows[0].cells[3]
    assert excess.text == numbers.points(first["excess_both_match_rate", arranged.first.name]["value"])
    assert excess.text.endswith("pp")
    assert table.rows[-1].cells[0].tag == "failed"
    assert table.rows[-1].cells[0].span == len(table.columns) - 1
    morphs = next(table for caption, table in tables.items() if caption.startswith(f"Morph match rates{at}"))
    assert [(column.label, column.note) for column in morphs.columns[1:]] == [
        ("MMPMR", "ProdAvg"), ("MMPMR", "MinMax"), ("MMPMR", "first other photo"), ("RMMR", "of ProdAvg"),
    ]  # fmt: skip
    assert [caption for caption in tables if caption.startswith("How often each contributor matches")]


def test_csv_holds_every_record(arranged: Judged, page: Path) -> None:
    found = pd.read_csv(page.parent / "tables" / "generated_nowhere-different-people.csv")
    assert len(found) == sum(len(one.series.records) for one in arranged.made)
    row = found[(found["figure"] == "both_match_rate") & (found["made_by"] == "collage")].iloc[0]
    one = next(one for one in arranged.made if one.maker == "collage")
    record = one.records["both_match_rate", row["operating_point"]]
    assert (row["value"], row["low"], row["high"]) == (record["value"], record["low"], record["high"])


def test_the_answer_in_short_names_no_winner_that_intervals_cannot_name(arranged: Judged) -> None:
    assert arranged.first is not None
    said = generated.in_short(arranged, arranged.first)
    assert len(said) == len(arranged.recognizers)
    for sentence, recognizer in zip(said, arranged.recognizers, strict=True):
        rates = sorted(
            (one.records["both_match_rate", arranged.first.name] for one in arranged.of(recognizer)),
            key=lambda record: float(record["value"]),
        )
        apart = rates[-1]["low"] > rates[-2]["high"]
        made = {tuple(one.series.table("faces")["made"]) for one in arranged.of(recognizer)}  # type: ignore[index]
        assert ("more than of those by any other maker" in sentence) == bool(
            apart and rates[-1]["value"] and len(made) == 1
        )
        assert ("not every maker made every face" in sentence) == bool(len(made) > 1 and rates[-1]["value"])
        shares = re.findall(r"[\d.]+\u202f% \([^)]*\u2013[^)]*\)", sentence.replace("\u2060", ""))
        assert len(shares) == 2


def test_no_maker_is_said_to_be_ahead_of_one_that_made_other_faces(arranged: Judged) -> None:
    """Cells that differ by far: sure of the order where all made the same faces, and not where one lost some."""
    assert arranged.first is not None
    point = arranged.first

    def cell(label: str, value: float, lost: int) -> Made:
        records = [
            {"figure": "both_match_rate", "operating_point": point.name, "value": value, "low": value - 0.05,
             "high": value + 0.05, "support": "ok", "group": None},
            *({"figure": name, "operating_point": None, "value": count, "group": None}
              for name, count in (("generated_faces", 40), ("faces_not_made", lost))),
        ]  # fmt: skip
        faces = pd.DataFrame({"face": range(40), "made": [face >= lost for face in range(40)]})
        series = SimpleNamespace(maker=label, records=records, table=lambda name: faces, why_no_interval="")
        return Made(series)  # type: ignore[arg-type]

    for lost, ahead in (((0, 0), True), ((3, 3), True), ((0, 3), False)):
        cells = [cell(name, value, count) for name, value, count in zip("ab", (0.8, 0.2), lost, strict=True)]
        said = str(generated._in_short("lbp", cells, point, ""))
        assert ("more than of those by any other maker" in said) == ahead
        assert ("not every maker made every face" in said) != ahead


# ---------------------------------------------------------------------------------------------------------- similarity


def test_hills_have_the_recorded_means(arranged: Judged, loaded: Run) -> None:
    for recognizer in arranged.recognizers:
        cells = arranged.of(recognizer)
        views = likeness.views_of(cells, [])
        assert [view.name for view in views] == ["Other photos", "The very photos", "Second minus first"]
        for view in views:
            for ridge in view.ridges:
                for hill in ridge.hills:
                    assert hill.weights.sum() == pytest.approx(1)
                    assert ridges.shares(hill, view.edges).sum() == pytest.approx(1)
                    if hill.mean is not None:
                        assert hill.ends is not None
                        assert float(hill.scores @ hill.weights) == pytest.approx(hill.mean, rel=1e-6)
            drawn = [hill for ridge in view.ridges for hill in ridge.hills if hill.mean is not None]
            assert len(drawn) == len(cells) * (1 if view.zero else 2)


def test_pictures_of_similarity_have_intervals_and_thresholds(arranged: Judged, blocks: Page) -> None:
    charts = charts_of(blocks, r"^m0-likeness-")
    assert len(charts) == len(arranged.recognizers)
    for chart in charts:
        for variant in chart.spec["variants"]:
            means = [trace for trace in variant["data"] if trace.get("meta") == "mean"]
            assert means
            assert all(trace["error_x"]["array"][0] + trace["error_x"]["arrayminus"][0] > 0 for trace in means)
            assert all(re.search(r"mean .* \(.*(\u2013|to).*\)", trace["hovertemplate"]) for trace in means)
        lines = [shape for shape in chart.spec["variants"][0]["layout"]["shapes"] if shape["type"] == "line"]
        assert len(lines) == 2  # the third threshold cannot be set on so few comparisons


def test_crossings_are_the_recorded_means_along_the_weight(arranged: Judged, blocks: Page) -> None:
    (setting,) = likeness.settings_of(arranged.made)
    assert (setting.name, setting.maker, setting.values) == ("weight", "landmark_morph", (0.3, 0.5, 0.7))
    for recognizer in arranged.recognizers:
        panel = likeness.panel_of(arranged.of(recognizer), setting, [])
        assert panel is not None
        for track in panel.tracks:
            records = [
                one.by_contributor[track.place]["contributor_similarity_mean", None]
                for one in arranged.of(recognizer)
                if one.maker in setting.labels
            ]
            assert list(track.means) == [record["value"] for record in records]
            assert list(track.ends) == [(record["low"], record["high"]) for record in records]
        first, second = panel.tracks
        assert first.means[0] > second.means[0]
        assert first.means[-1] < second.means[-1]
    (chart,) = charts_of(blocks, "^m0-along-")
    traces = chart.spec["variants"][0]["data"]
    assert [trace.get("meta") for trace in traces] == ["band", None] * 2 * len(arranged.recognizers)


def test_two_settings_make_one_picture_for_each_value_of_the_other(tmp_path: Path) -> None:
    makers = [
        Maker("morph", axes={"weight": weight, "texture": texture, "fill": fill}, shares=(1 - weight, weight))
        for weight in (0.3, 0.7)
        for texture, fill in ((0.25, "a"), (0.5, "b"))
    ]
    write_generated(tmp_path, ["lbp"], makers, failing=[], verified=False, faces=8)
    run = load(tmp_path)
    found = likeness.settings_of(judged(run.of("generated")[0], run).made)
    assert [(setting.name, setting.maker) for setting in found] == [
        ("weight", "morph, fill a, texture 0.25"),
        ("weight", "morph, fill b, texture 0.5"),
    ]


def test_thresholds_come_from_the_cell_or_from_what_it_was_calibrated_with(tmp_path: Path) -> None:
    write_generated(tmp_path / "with", ["lbp"], MORPHS[:1], failing=[], verified=False, faces=8)
    write_generated(tmp_path / "without", ["lbp"], MORPHS[:1], failing=[], verified=False, faces=8, thresholds=False)
    found = []
    for name in ("with", "without"):
        run = load(tmp_path / name)
        point = point_of("dev:fmr=0.01")
        assert point is not None
        found.append(threshold_of(run.every_series[0], point, run))
        strictest = point_of("dev:fmr=0.0001")
        assert strictest is not None
        assert threshold_of(run.every_series[0], strictest, run) is None
    assert found[0] is not None
    assert found[0] == found[1]
    assert found[0].ends is not None


# ----------------------------------------------------------------------------------------------------------- examples


def montages(run: Path) -> list[Path]:
    return sorted((run / "figures").glob("montage*"))


@pytest.mark.parametrize(("shows", "asked", "there"), [(False, False, False), (False, True, True), (True, False, True)])
@pytest.mark.usefixtures("no_pictures")
def test_faces_appear_only_where_they_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shows: bool, asked: bool, there: bool
) -> None:
    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: Album(shows))
    write_generated(tmp_path, ["lbp"], MORPHS[:2], failing=[], verified=False, faces=12)
    page = write_report(tmp_path, show_faces=asked)
    pictures = [attrs for tag, attrs in Links(page.read_text()).tags if tag == "img"]
    assert len(pictures) == (2 * 6 * 3 if there else 0)
    assert len(montages(tmp_path)) == (2 if there else 0)
    assert ("--show-faces" in words(page)) is not there
    for path in montages(tmp_path):
        text = png_text(path.read_bytes())
        assert text["impersona.synthetic"] == "true"
        assert "landmark_morph" in text["impersona.made_by"]
        assert text["impersona.run"] == "made-up"
        assert "impersona.contributors" not in text
    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: Album(False))
    write_report(tmp_path)
    assert montages(tmp_path) == []


@pytest.mark.parametrize("nobody_real", [True, False])
def test_a_made_face_says_that_it_is_synthetic_wherever_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nobody_real: bool
) -> None:
    import base64
    import io

    from PIL import Image

    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: Album(nobody_real))
    write_generated(tmp_path, ["lbp"], MORPHS[:1], failing=[], verified=False, faces=12)
    shown = [block for block in page_of(load(tmp_path), show_faces=True).blocks if isinstance(block, Examples)]
    pictures = [picture for block in shown for one in block.montage.examples for picture in one.pictures]
    assert [picture.made for picture in pictures[:3]] == [False, True, False]
    for picture in pictures:
        data = base64.b64decode(picture.uri.partition(",")[2])
        said = Image.open(io.BytesIO(data)).info.get("comment", b"").decode()
        text = dict(line.split(": ", 1) for line in said.splitlines())
        assert (text.get("impersona.synthetic") == "true") is (picture.made or nobody_real)
        if picture.made:
            assert text["impersona.made_by"] == MORPHS[0].label
            assert (text["impersona.weights"], text["impersona.run"]) == ("0" * 64, "made-up")


def test_the_pairs_stand_in_a_file_that_a_sweep_takes(run: RunFolder, page: Path) -> None:
    path = page.parent / "tables" / "contributors_nowhere-different-people.csv"
    assert f"tables/{path.name}" in page.read_text(encoding="utf-8")
    key = next(one["key"] for one in run.outcomes() if "contributors" in one.get("tables", ()))
    stored = run.table(key, "contributors")
    listed = read_list(path)
    assert [photo for photos in listed.values() for photo in photos] == stored["photo"].astype(str).tolist()
    assert [int(face) for face in listed] == stored["face"].unique().tolist()


@pytest.mark.usefixtures("no_pictures")
def test_examples_stand_in_the_order_of_their_margin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: Album(True))
    write_generated(tmp_path, ["arcface_onnx", "lbp"], MORPHS[1:2], failing=[], verified=False, faces=30, portraits=30)
    run = load(tmp_path)
    page = page_of(run)
    (block,) = [block for block in page.blocks if isinstance(block, Examples)]
    margins = [one.verdicts[0].margin for one in block.montage.examples]
    known = [margin for margin in margins if not np.isnan(margin)]
    assert known == sorted(known, reverse=True)
    assert margins[: len(known)] == known
    assert len(margins) == 9
    arranged = judged(run.of("generated")[0], run)
    assert arranged.first is not None
    one = arranged.made[0]
    threshold = threshold_of(one.series, arranged.first, run)
    assert threshold is not None
    attempts = one.series.table("attempts")
    assert attempts is not None
    for example in block.montage.examples:
        rows = attempts[attempts["face"] == example.face]
        means = [
            float(rows.loc[rows["contributor"] == place, "score"].astype(float).mean()) for place in (1, 2)
        ]  # fmt: skip
        verdict = example.verdicts[0]
        np.testing.assert_allclose(verdict.scores, means)
        if not np.isnan(means).any():
            assert verdict.margin == pytest.approx(min(means) - threshold.value)
            outcome = {(1, 1): 0, (0, 1): 1, (1, 0): 2, (0, 0): 3}[
                int(means[0] >= threshold.value), int(means[1] >= threshold.value)
            ]
            assert (verdict.outcome, verdict.said) == (outcome, MEANINGS[outcome])
        else:
            assert verdict.said == "not made or not found"
    best = judgement(one, threshold.value).table.iloc[0]
    assert block.montage.examples[0].face == best["face"]
    table = pd.read_csv(tmp_path / "tables" / "faces_nowhere-different-people.csv")
    assert len(table) == 2 * 30
    assert {"subject_1", "photo_2", "mean_score_2", "margin", "outcome", "recognizer", "made_by"} <= set(table.columns)


@pytest.mark.usefixtures("no_pictures")
def test_unreadable_pictures_leave_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Album):
        def image(self, key: str) -> Any:
            raise MissingFile(key)

    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: Gone(True))
    write_generated(tmp_path, ["lbp"], MORPHS[:1], failing=[], verified=False, faces=8)
    assert words(write_report(tmp_path)).count("not readable") == 2 * 6
    assert len(montages(tmp_path)) == 1


@pytest.mark.usefixtures("no_pictures")
def test_a_run_that_kept_no_picture_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: Album(True))
    write_generated(tmp_path, ["lbp"], MORPHS[:1], failing=[], verified=False, faces=8, portraits=0)
    assert "The run kept no picture of a made face" in words(write_report(tmp_path))


# ------------------------------------------------------------------------------------------------------------ odd runs

ODD_RUNS: dict[str, dict[str, Any]] = {
    "all failed": {"recognizers": ["lbp"], "makers": MORPHS[:1], "failing": [("lbp", "landmark_morph")]},
    "nothing acquired": {"recognizers": ["lbp", "dlib_resnet"], "makers": [Maker("collage", "generator", found=0.0)]},
    "one maker": {"recognizers": ["lbp"], "makers": [Maker("collage", "generator")]},
    "beside verification": {"recognizers": ["lbp"], "makers": MORPHS, "verified": True},
    "three contributors": {
        "makers": [Maker("mixsyn", "generator", {"sources": 3}, (0.5, 0.4, 0.3)), Maker("mixsyn", "generator", {})]
    },
    "one contributor": {"makers": [Maker("translation", "generator", {"strength": s}, (s,)) for s in (0.5, 0.9)]},
    "six contributors": {"recognizers": ["lbp"], "makers": [Maker("mixsyn", shares=(0.3,) * 6)]},
    "no threshold": {"recognizers": ["lbp"], "makers": MORPHS, "trials": 100},
    "one face": {"recognizers": ["lbp"], "makers": MORPHS, "faces": 1},
    "long names": {"recognizers": ["r" * 200], "makers": [Maker("m" * 200), Maker("n" * 200)]},
    "nasty names": {"recognizers": [NASTY, "_hidden"], "makers": [Maker(NASTY, axes={NASTY: n}) for n in (1, 2)]},
    "twelve makers": {
        "makers": [
            Maker("landmark_morph", axes={"weight": weight, "texture": texture}, shares=(1 - weight, weight))
            for texture in (0.25, 0.5, 1.0)
            for weight in (0.3, 0.5, 0.7, 0.9)
        ]
    },
}
SLOW = ("twelve makers", "three contributors", "one contributor", "beside verification", "six contributors")


def odd_run(path: Path, name: str) -> Path:
    settings = {"failing": [], "verified": False, "faces": 10, "trials": 2000, **ODD_RUNS[name]}
    write_generated(path, **settings)
    return write_report(path)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.full] if n in SLOW else []) for n in ODD_RUNS])
def test_odd_runs_have_reports_too(tmp_path: Path, name: str) -> None:
    page = odd_run(tmp_path, name)
    text = words(page)
    assert "made-up" in text
    assert "Generated faces" in text
    assert not re.search(r"\bnan\b|\bNone\b", text), re.findall(r".{30}\b(?:nan|None)\b.{30}", text)
    links = Links(page.read_text())
    assert not [tag for tag, attrs in links.tags if any(key.startswith("on") for key in attrs)]
    anchors = {attrs["id"] for _, attrs in links.tags if attrs.get("id")}
    for address in links.addresses:
        if address.startswith("#"):
            assert address[1:] in anchors
        else:
            assert address.startswith("data:") or (page.parent / address).is_file()


@pytest.mark.browser
@pytest.mark.full
@pytest.mark.parametrize("name", ODD_RUNS)
def test_odd_reports_draw(chromium: str, tmp_path: Path, name: str) -> None:
    page = odd_run(tmp_path, name)
    if name in ("all failed", "no threshold"):
        assert not visit(chromium, page).errors
        return
    seen = check_page(chromium, page)
    assert seen.title == "made-up \u2013 impersona report"
    narrow = visit(chromium, page, dark=True, width=420)
    assert not narrow.errors
    assert narrow.overflow <= 0
    assert all(chart["marks"] and chart["width"] > 200 for chart in narrow.charts)


@pytest.mark.usefixtures("no_pictures")
def test_several_contributors_have_rates_of_at_least_so_many(tmp_path: Path) -> None:
    write_generated(tmp_path, ["lbp"], [Maker("mixsyn", shares=(0.5, 0.4, 0.3))], failing=[], verified=False, faces=20)
    run = load(tmp_path)
    page = page_of(run)
    (chart,) = charts_of(page, "^m0-several$")
    assert chart.variants == ["at least 1 of 3", "at least 2 of 3", "at least 3 of 3"]
    table = next(block.table for block in page.blocks if isinstance(block, Table) and "Whom" in block.table.caption)
    assert [column.label for column in table.columns[1:7:2]] == ["at least 1", "at least 2", "all 3"]
    assert {column.label for column in table.columns[2:7:2]} == {"excess"}
    values = [float(cell.text.partition("\u202f")[0]) for cell in table.rows[0].cells[0:6:2]]
    assert values == sorted(values, reverse=True)
    assert not charts_of(page, "-outcomes-")


@pytest.mark.usefixtures("no_pictures")
def test_a_run_of_nothing_acquired_counts_all_of_it_as_not_found(tmp_path: Path) -> None:
    write_generated(tmp_path, ["lbp"], [Maker("collage", found=0.0)], failing=[], verified=False, faces=20)
    run = load(tmp_path)
    arranged = judged(run.of("generated")[0], run)
    assert arranged.first is not None
    bars = generated.bars_of(arranged, "lbp", arranged.first)
    assert [share.value for share in bars[1].shares] == [0, 0, 0, 0, 1]
    text = " ".join(str(block.text) for block in page_of(run).blocks if isinstance(block, Words))
    assert "was not seen to take one of the faces" in text
    assert "Whom does lbp see in the faces that collage made of the people of nowhere?" in words(write_report(tmp_path))


def test_the_same_run_gives_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: Album(True))
    write_generated(tmp_path, ["lbp"], MORPHS[:2], failing=[], verified=False, faces=8)
    page = write_report(tmp_path)
    files = [page, *sorted((tmp_path / "figures").iterdir()), *sorted((tmp_path / "tables").iterdir())]
    before = {path: path.read_bytes() for path in files}
    write_report(tmp_path)
    assert [path.name for path in files if path.read_bytes() != before[path]] == []


def test_no_heavy_library_is_imported(tmp_path: Path) -> None:
    run = write_generated(tmp_path, ["lbp"], MORPHS[:1], failing=[], verified=False, faces=8)
    code = (
        "import sys; from reports.document import page_of; from reports.load import load; page_of(load(sys.argv[1]));"
        "print(sorted({'torch', 'onnxruntime', 'cv2', 'dlib', 'insightface', 'skimage', 'sklearn', 'ray'}"
        " & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run.path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.browser
def test_figures_draw_in_a_real_browser(chromium: str, run: RunFolder, page: Path) -> None:
    seen = check_page(chromium, page)
    made = [chart["id"] for chart in seen.charts if chart["id"].startswith("m0")]
    assert len(made) == 3 * 2 + 2 + 1 + 3  # bars and the curves over weight at two points, one crossing, similarity
    narrow = visit(chromium, page, dark=True, width=420)
    assert not narrow.errors
    assert narrow.overflow <= 0
    wide = {chart["id"]: chart["height"] for chart in seen.charts}
    high = {chart["id"]: chart["height"] for chart in narrow.charts}
    assert high["m0-outcomes-0"] > 1.5 * wide["m0-outcomes-0"]  # its panels stand below each other
    assert json.loads((run.path / "manifest.json").read_text())["cells"]
