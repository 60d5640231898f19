"""What a report says of detectors and aligners: the recorded figures, in the words of who looks for what."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from bench.errors import UnknownName
from bench.metrics import error_tradeoff
from bench.store.run_folder import RunFolder
from reports import alignment, detection, detection_tables, glossary, sentences
from reports.cli import report as command
from reports.detector_points import point_of
from reports.detectors import Shown, arranged
from reports.document import page_of, write_report
from reports.figures.style import PALETTE, looks
from reports.load import load
from reports.page import Chart, Page, Table
from reports.records import label_of, printed
from reports.series import Run
from reports.vocabulary import NEUTRAL, VOCABULARIES, profile_of, shared_by, vocabulary
from tests.browser import check_page
from tests.synthetic_detection import FINDERS, WATCHES, Finder, Watch, write_detection
from tests.synthetic_generated import write_generated
from tests.synthetic_run import write_run
from tests.test_report import NASTY, Links, words
from tests.written_reports import SAVE, unsaved, written

FROZEN = Path(__file__).parent / "data" / "runs"
SPECIES = ("collage", "landmark_morph weight=0.5")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_detection(tmp_path_factory.mktemp("runs") / "watched")


@pytest.fixture(scope="module")
def loaded(run: RunFolder) -> Run:
    return load(run.path)


@pytest.fixture(scope="module")
def shown(loaded: Run) -> Shown:
    (group,) = loaded.of("detection")
    return arranged(group, loaded)


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


def tables_of(page: Page, kind: str) -> list[Table]:
    return [block for block in page.blocks if isinstance(block, Table) and re.search(kind, block.table.caption)]


def parts_of(page: Page, section: str) -> list[str]:
    (found,) = [one for one in page.sections if one.id == section]
    return [part.title for part in found.parts]


def check_links(page: Path, pictures: bool = True) -> None:
    """Asserts that every link of a page leads to a place in it or to a file beside it; pictures may be left out."""
    links = Links(page.read_text())
    anchors = {attrs["id"] for _, attrs in links.tags if attrs.get("id")}
    for address in links.addresses:
        if address.startswith("#"):
            assert address[1:] in anchors, address
        elif not address.startswith("data:") and (pictures or not address.startswith("figures/")):
            assert (page.parent / address).is_file(), address


# ------------------------------------------------------------------------------------------------------ what is there


def test_the_page_has_every_part(page: Path, blocks: Page) -> None:
    assert [section.id for section in blocks.sections] == ["detection", "alignment", "provenance", "glossary"]
    assert parts_of(blocks, "detection") == [
        "", "Thresholds that were set elsewhere", "Detection error trade-off", "Attack scores",
        "Samples without a response",
    ]  # fmt: skip
    assert len(charts_of(blocks, "^d0-det")) == 3  # all detectors together, and each by itself
    assert len(charts_of(blocks, "^d0-s")) == 2
    assert len(charts_of(blocks, "^a0-landmarks$")) == 1
    text = words(page)
    assert "How well do spectral and differential_morph tell attacks (collage and landmark_morph weight=0.5)" in text
    assert "How well do dlib_hog and yunet find the faces in the photos of nowhere?" in text
    assert "600 300 bona fide, 300 attacks" in text
    assert "mated, nonmated" not in text, "there is no recognizer here, and no word of one"


def test_no_link_is_dead(page: Path) -> None:
    check_links(page)


def test_every_figure_in_every_table_has_its_interval(blocks: Page) -> None:
    cells = [cell for table in tables_of(blocks, "") for row in table.table.rows for cell in row.cells]
    figures = [cell for cell in cells if cell.kind == "figure"]
    assert len(figures) > 60
    assert all(cell.interval and cell.interval != "no interval" for cell in figures)
    for table in tables_of(blocks, ""):
        for row in table.table.rows:
            assert sum(cell.span for cell in row.cells) == len(table.table.columns) - 1


# ------------------------------------------------------------------------------------------------------------- tables


def test_the_headline_is_the_worst_species(shown: Shown, blocks: Page) -> None:
    (headline,) = tables_of(blocks, "^Detectors on nowhere · different people$")
    assert [row.label for row in headline.table.rows] == ["spectral", "differential_morph"]
    for one, row in zip(shown.detectors, headline.table.rows, strict=True):
        worst = max(one.value("detection_equal_error_rate", None, name) or 0.0 for name in SPECIES)
        assert row.cells[0].text == printed("detection_equal_error_rate", worst)
        at = one.value("bona_fide_error_rate", "attack_error=0.05")
        assert row.cells[3].text == printed("bona_fide_error_rate", at)
        assert "weak" in {cell.tag for cell in row.cells}
    assert "beside a trusted photo" in headline.table.rows[1].note


def test_each_species_has_its_rows(shown: Shown, blocks: Page) -> None:
    (table,) = tables_of(blocks, "by species$")
    assert [(row.above, row.label) for row in table.table.rows] == [
        (SPECIES[0], "spectral"), ("", "differential_morph"), (SPECIES[1], "spectral"), ("", "differential_morph"),
    ]  # fmt: skip
    one = shown.detectors[1]
    cells = table.table.rows[3].cells
    worst = one.value("detection_equal_error_rate", None, SPECIES[1])
    assert cells[0].text == printed("detection_equal_error_rate", worst)
    record = one.record("bona_fide_error_rate", "attack_error=0.1", SPECIES[1])
    assert record is not None
    assert cells[2].text == printed("bona_fide_error_rate", record["value"])


def test_held_thresholds_stand_beside_what_was_asked(shown: Shown, blocks: Page) -> None:
    first, more = tables_of(blocks, "^Thresholds held on")
    each, _ = tables_of(blocks, "^Each species at thresholds held on")
    assert [row.above for row in first.table.rows if row.above] == [
        "MACER 10\u202f%, threshold set on dev", "MACER 5\u202f%, threshold set on dev",
        "MACER 1\u202f%, threshold set on dev",
    ]  # fmt: skip
    assert "D-EER, threshold set on dev" in [row.above for row in more.table.rows]
    assert [column.label for column in first.table.columns] == ["detector", "threshold", "BSCER", "MACER"]
    assert [column.note for column in first.table.columns][3:] == ["worst species"]
    assert [row.label for row in each.table.rows] == list(SPECIES) * 3
    value = shown.detectors[1].value("attack_error_rate", "dev:attack_error=0.05", SPECIES[1])
    assert each.table.rows[3].cells[1].text == printed("attack_error_rate", value)
    one = shown.detectors[0]
    for row, point in zip(first.table.rows[::2], ("0.1", "0.05", "0.01"), strict=True):
        record = one.record("worst_attack_error_rate", f"dev:attack_error={point}")
        assert record is not None
        assert row.cells[2].text == printed("worst_attack_error_rate", record["value"])
        low, high = record["low"], record["high"]
        verdict = "above what was asked" if low > float(point) else (
            "below what was asked" if high < float(point) else "as asked, within error")  # fmt: skip
        assert row.cells[2].notes == (verdict,)


def test_a_run_without_calibration_says_nothing_of_held_thresholds(tmp_path: Path, no_pictures: None) -> None:
    write_detection(tmp_path, carried=False, finders=())
    page = page_of(load(tmp_path))
    assert not tables_of(page, "^Thresholds held on")
    assert "set on dev" not in "".join(chart.data for chart in charts_of(page, "d0-"))


def test_samples_without_a_response_are_told_only_where_there_are_some(tmp_path: Path, no_pictures: None) -> None:
    write_detection(tmp_path, [Watch("never silent", silent=0.0)], ())
    assert not tables_of(page_of(load(tmp_path)), "without a response")


def test_csv_files_hold_what_the_tables_hold(run: RunFolder, shown: Shown, page: Path) -> None:
    stored = pd.read_csv(next((page.parent / "tables").glob("detection_nowhere*.csv")))
    records = [record for outcome in run.outcomes() for record in outcome["figures"] if record["detector"]]
    assert len(stored) == len(records)
    for row, record in zip(stored.to_dict("records"), records, strict=True):
        assert row["figure"] == record["figure"]
        assert (row["value"] == record["value"]) or (record["value"] is None and pd.isna(row["value"]))
        assert (row["low"] == record["low"]) or (record["low"] is None and pd.isna(row["low"]))
    assert set(stored["called"]) >= {"MACER", "BSCER", "D-EER", "MACER, worst species"}
    curves = pd.read_csv(next((page.parent / "tables").glob("detection-curve_*spectral.csv")))
    assert set(curves["species"]) == {"worst species", *SPECIES}
    by_threshold = {name: part.set_index("threshold") for name, part in curves.groupby("species")}
    each = [by_threshold[name]["attack_error_rate"] for name in SPECIES]
    for threshold, worst in by_threshold["worst species"]["attack_error_rate"].items():
        below = [float(errors[errors.index >= threshold].iloc[0]) for errors in each]
        assert worst == pytest.approx(max(below), abs=1e-12)


# ----------------------------------------------------------------------------------------------------------- pictures


def test_curves_are_those_of_the_scores(shown: Shown) -> None:
    for one in shown.detectors:
        for name in SPECIES:
            mine, direct = one.curve(name), error_tradeoff(one.responses(name), one.responses(None))
            assert mine is not None
            np.testing.assert_array_equal(mine.thresholds, direct.thresholds)
            np.testing.assert_array_equal(mine.false_non_matches, direct.false_non_matches)
            np.testing.assert_array_equal(mine.false_matches, direct.false_matches)


def test_marks_lie_on_their_curve(shown: Shown) -> None:
    one = shown.detectors[0]
    for name in (None, *SPECIES):
        curve = one.curve(name)
        assert curve is not None
        marks = one.marks([point for point in shown.own if point.kind == "attack_error"], name, shown.words)
        assert [mark.label for mark in marks] == [f"MACER {rate}\u202f%" for rate in ("10", "5", "1")]
        for mark in marks:
            at = int(np.searchsorted(curve.thresholds, np.float32(mark.threshold)))
            assert (mark.fmr, mark.fnmr) == pytest.approx((curve.fmr[at], curve.fnmr[at]))
            assert mark.across is not None
            assert mark.upright is None, "its attack error is what it was chosen for"
    held = one.marks(shown.carried, None, shown.words)
    assert held
    assert all(mark.carried and mark.across and mark.upright for mark in held)


def test_the_trade_off_speaks_of_detectors(blocks: Page) -> None:
    together, *alone = charts_of(blocks, "^d0-det")
    assert together.variants == ["Worst species", *SPECIES]
    assert [label for label, _ in together.legend] == ["spectral", "differential_morph"]
    for chart in alone:
        assert chart.variants == ["Probit axes", "Logarithmic axes"]
        assert [label for label, _ in chart.legend] == list(SPECIES)
    for chart in (together, *alone):
        text = str(chart.data)
        assert "BSCER" in text
        assert "FMR" not in text
        assert "false match" not in text


def test_histograms_count_every_score(shown: Shown, blocks: Page) -> None:
    for one, chart in zip(shown.detectors, charts_of(blocks, "^d0-s"), strict=True):
        traces = chart.spec["variants"][0]["data"]
        counted: dict[str, list[int]] = {}
        for trace in traces:
            counted.setdefault(trace["name"], []).append(sum(count for _, count in trace["customdata"]))
        assert counted["bona fide"] == [len(one.responses(None))] * 2
        assert [counted[name] for name in SPECIES] == [[len(one.responses(name))] for name in SPECIES]
        lines = {shape["x0"] for shape in chart.spec["variants"][0]["layout"]["shapes"]}
        wanted = {one.value("threshold", f"dev:attack_error={rate}") for rate in ("0.1", "0.05", "0.01")}
        assert lines == wanted


@pytest.mark.browser
def test_figures_draw_in_a_real_browser(chromium: str, page: Path, blocks: Page) -> None:
    seen = check_page(chromium, page)
    assert len(seen.charts) == len(charts_of(blocks, ""))


# -------------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("knows", "asked", "attack_error", "bona_fide_error"),
    [
        (("morph", "forgery"), None, "MACER", "BSCER"),
        (("presentation",), None, "APCER", "BPCER"),
        (("forgery", "morph"), None, "attack error", "bona fide error"),
        (("morph",), "presentation", "APCER", "BPCER"),
        (("presentation",), "forgery", "attack error", "bona fide error"),
        ((), None, "attack error", "bona fide error"),
    ],
)
def test_words_follow_the_detector_or_the_reader(
    tmp_path: Path,
    no_pictures: None,
    knows: tuple[str, ...],
    asked: str | None,
    attack_error: str,
    bona_fide_error: str,
) -> None:
    write_detection(tmp_path, [Watch("one", knows)], ())
    page = write_report(tmp_path, profile=asked)
    text = words(page)
    assert f"{bona_fide_error} ↓ at {attack_error} 5" in text.replace("\u202f", " ")
    others = {"MACER", "BSCER", "APCER", "BPCER"} - {attack_error, bona_fide_error}
    shown_text = text.partition("Provenance")[0]
    assert not [word for word in others if re.search(rf"\b{word}\b", shown_text)]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert {"attack_error_rate", "bona_fide_error_rate"} <= {record["figure"] for record in summary["records"]}


def test_detectors_of_different_things_share_neutral_words(tmp_path: Path, no_pictures: None) -> None:
    write_detection(tmp_path, [Watch("a", ("morph",)), Watch("b", ("presentation",))], ())
    run = load(tmp_path)
    (found,) = glossary.vocabularies(run)
    assert found is NEUTRAL
    assert "attack error" in words(write_report(tmp_path))


def test_profiles() -> None:
    assert profile_of({"detector": {"species": ["presentation", "morph"]}}) == "presentation"
    assert profile_of({}) == profile_of({"detector": {"species": ["something new"]}}) == ""
    assert vocabulary("") is NEUTRAL
    assert shared_by([]) is NEUTRAL
    with pytest.raises(UnknownName, match="'morph'"):
        vocabulary("morphs")
    for words_of in VOCABULARIES.values():
        assert label_of("attack_error_rate", words_of) == words_of.attack_error
        assert label_of("equal_error_rate", words_of) == "EER"


def test_command_line_takes_a_profile(tmp_path: Path, no_pictures: None) -> None:
    write_detection(tmp_path, finders=())
    done = CliRunner().invoke(command, [str(tmp_path), "--profile", "presentation"])
    assert done.exit_code == 0, done.output
    assert "APCER" in words(tmp_path / "report.html")
    refused = CliRunner().invoke(command, [str(tmp_path), "--profile", "morphs"])
    assert refused.exit_code == 2


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("attack_error=0.05", "MACER 5\u202f%"),
        ("bona_fide_error=0.01", "BSCER 1\u202f%"),
        ("dev:attack_error=0.001", "MACER 0.1\u202f%, set on dev"),
        ("celeba:dev:eer", "D-EER, set on celeba:dev"),
        ("fmr=0.01", None),
        ("dev:fmr=0.01", None),
        ("eer=0.1", None),
        ("attack_error", None),
    ],
)
def test_names_of_operating_points(name: str, label: str | None) -> None:
    point = point_of(name)
    assert (point.label(VOCABULARIES["morph"]) if point else None) == label


# ----------------------------------------------------------------------------------------------------------- aligners


def test_aligners_have_their_figures(loaded: Run, blocks: Page) -> None:
    (table,) = tables_of(blocks, "^Aligners on")
    (group,) = loaded.of("alignment")
    assert [row.label for row in table.table.rows] == ["dlib_hog", "yunet"]
    names = ("frames", "found_rate", "faces_per_photo_mean", "landmark_error_mean", "landmark_failure_rate")
    for one, row in zip(group.series, table.table.rows, strict=True):
        values = {record["figure"]: record["value"] for record in one.records}
        assert [cell.text for cell in row.cells] == [printed(name, values[name]) for name in names]


def test_the_curve_of_landmark_errors_ends_in_the_failures(loaded: Run, page: Path) -> None:
    stored = pd.read_csv(next((page.parent / "tables").glob("landmarks_*.csv")))
    (group,) = loaded.of("alignment")
    for one in group.series:
        (rate,) = [record["value"] for record in one.records if record["figure"] == "landmark_failure_rate"]
        mine = stored[(stored["series"] == one.label) & np.isclose(stored["error"], alignment.FAILURE)]
        assert float(mine["share"].iloc[0]) == pytest.approx(1 - rate, abs=0.01)
        assert (mine["low"] <= mine["share"]).all()
        assert (mine["share"] <= mine["high"]).all()


def test_without_true_landmarks_only_finding_counts(tmp_path: Path, no_pictures: None) -> None:
    write_detection(tmp_path, (), landmarks=False)
    page = page_of(load(tmp_path))
    (table,) = tables_of(page, "^Aligners on")
    assert [column.label for column in table.table.columns] == ["aligner", "photos", "found", "faces a photo"]
    assert not charts_of(page, "^a0")
    assert "does not say of every photo" in words(write_report(tmp_path))


def test_a_mean_without_spread_is_shown_as_such(tmp_path: Path, no_pictures: None) -> None:
    write_detection(tmp_path, (), [Finder("sees one each", found=1.0, twice=0.0)])
    (table,) = tables_of(page_of(load(tmp_path)), "^Aligners on")
    mean = table.table.rows[0].cells[2]
    assert (mean.text, mean.interval, mean.notes) == ("1.00", "no interval", ("all alike",))


# ---------------------------------------------------------------------------------------------------------- odd runs


def test_failed_cells_are_told(tmp_path: Path, no_pictures: None) -> None:
    write_detection(tmp_path, failing=("differential_morph", "yunet"))
    page = write_report(tmp_path)
    text = words(page)
    assert "2 cells of 4 failed." in text
    assert "MissingFile failed see Failed cells" in text
    assert "differential_morph" in text


def test_a_run_of_failures_only_has_a_page(tmp_path: Path, no_pictures: None) -> None:
    write_detection(tmp_path, failing=("spectral", "differential_morph", "dlib_hog", "yunet"))
    assert "No cell succeeded" in words(write_report(tmp_path))


def test_a_mixed_run_shows_everything(tmp_path: Path, no_pictures: None) -> None:
    write_generated(tmp_path, ["arcface_onnx", "lbp"], faces=20)
    write_detection(tmp_path, finders=FINDERS[:1])
    page = page_of(load(tmp_path))
    assert [section.id for section in page.sections][:3] == ["results", "generated", "detection"]
    assert "alignment" in [section.id for section in page.sections]
    assert page.question.startswith("How well do arcface_onnx and lbp tell the people of nowhere apart?")
    assert "spectral" not in page.question.partition("?")[0]
    assert "mated, nonmated" in [term for term, _ in page.sections[-1].parts[0].blocks[0].rows]  # type: ignore[union-attr]


def test_recognizers_keep_their_looks_beside_detectors(tmp_path: Path) -> None:
    write_run(tmp_path, ["lbp"], failing=[])
    before = load(tmp_path).labels
    write_detection(tmp_path)
    assert load(tmp_path).labels[: len(before)] == before


def test_settings_tell_detectors_apart(tmp_path: Path) -> None:
    watches = [Watch("spectral", axes={"detector.bands": bands}) for bands in (4, 8)]
    write_detection(tmp_path, watches, [Finder("dlib_hog", axes={"aligner.points": points}) for points in (5, 68)])
    assert load(tmp_path).labels == (
        "spectral (bands 4)", "spectral (bands 8)", "dlib_hog (points 5)", "dlib_hog (points 68)",
    )  # fmt: skip


def test_species_are_never_grey_like_bona_fide_samples() -> None:
    labels, species = [f"judge {number}" for number in range(6)], [f"species {number}" for number in range(12)]
    found = looks(labels, [*species, labels[0]])
    assert list(found) == [*labels, *species]
    grey = PALETTE[-1]
    assert grey not in {found[name].color for name in species}
    assert [found[name] for name in labels] == list(looks(labels).values())


def silent(watch: Watch) -> Watch:
    return Watch(watch.label, watch.knows, watch.finds, silent=1.0)


ODD: dict[str, dict[str, Any]] = {
    "one species": {"species": ("collage",)},
    "one detector": {"watches": WATCHES[:1]},
    "one of each": {"watches": WATCHES[:1], "species": ("collage",), "finders": FINDERS[:1]},
    "never a response": {"watches": [silent(WATCHES[0])]},
    "few": {"attacks": 3, "people": 4, "photos": 1},
    "one attack": {"attacks": 1, "people": 3, "photos": 1},
    "no draws": {"draws": 0},
    "by labels": {"protocol": "labels"},
    "many species": {"species": tuple(f"maker {number}" for number in range(12)), "attacks": 12},
    "nasty names": {"species": (NASTY, "b"), "watches": [Watch(NASTY)], "finders": [Finder(NASTY)]},
}


@pytest.mark.parametrize("name", ODD)
def test_odd_runs_have_reports_too(tmp_path: Path, no_pictures: None, name: str) -> None:
    write_detection(tmp_path, **ODD[name])
    page = write_report(tmp_path)
    check_links(page, pictures=False)
    assert not [tag for tag, attrs in Links(page.read_text()).tags if any(key.startswith("on") for key in attrs)]


@pytest.mark.browser
@pytest.mark.parametrize("name", ["few", "many species", "nasty names"])
def test_odd_reports_draw(chromium: str, tmp_path: Path, no_pictures: None, name: str) -> None:
    write_detection(tmp_path, **ODD[name])
    check_page(chromium, write_report(tmp_path))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_older_runs_still_have_reports(tmp_path: Path, no_pictures: None, version: str) -> None:
    shutil.copytree(FROZEN / version, tmp_path / version)
    page = write_report(tmp_path / version)
    assert "Detectors" not in [name for _, name in page_of(load(tmp_path / version)).contents]
    assert page.is_file()


def test_no_heavy_library_is_imported(run: RunFolder) -> None:
    code = (
        "import sys; from reports.load import load; from reports.document import page_of\n"
        f"page_of(load({str(run.path)!r}))\n"
        "bad = {'torch', 'cv2', 'onnxruntime', 'dlib', 'bench.sweep'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_answer_in_short_names_the_species_that_is_missed_most(shown: Shown, loaded: Run) -> None:
    said = detection.in_short(shown)
    assert len(said) == 2
    assert "landmark_morph weight=0.5, the species that it misses most" in said[0]
    assert "collage, the species that it misses most" in said[1]
    assert sentences.alert(loaded) == ""
    assert len(detection_tables.detection_frame(shown)) == sum(len(one.series.records) for one in shown.detectors)
