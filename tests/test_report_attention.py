"""What a report says of attention to the identity: recorded shares, maps as stored, faces only where they may be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bench.images import png_text
from bench.regions import CLASSES
from bench.store.run_folder import RunFolder
from reports import attention_charts, attention_faces
from reports.attention import Region, attention_of, frame
from reports.document import page_of, write_report
from reports.figures import attention_maps, attention_shares
from reports.figures.attention_maps import _small
from reports.figures.attention_shares import View
from reports.figures.outcome_bars import Share
from reports.figures.style import looks, paper
from reports.load import load
from reports.makers import Judged, judged
from reports.outlet import Outlet
from reports.page import Block, Chart, Examples, Page, Rows, Words
from reports.series import Run
from tests.browser import check_page, visit
from tests.synthetic_generated import ATTENTIVE_FACES, MAP_SIDE, Maker, attention_tables, write_generated
from tests.test_report import Album
from tests.test_report_generated import charts_of
from tests.written_reports import SAVE, unsaved

LAYERS = 3


def attentive(strength: float, tokens: int | None = 20) -> Maker:
    shares = (0.75 - 0.45 * strength, 0.1 + 0.5 * strength)
    return Maker(
        "hidden_identity", axes={"strength": strength}, shares=shares, identity="lbp", layers=LAYERS, tokens=tokens
    )


MAKERS = (attentive(0.5), attentive(1.0), Maker("collage", "generator", {"regions": ["eyes"]}, (0.75, 0.4)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    path = tmp_path_factory.mktemp("runs") / "attention"
    return write_generated(path, ["lbp", "dlib_resnet"], MAKERS, failing=[], verified=False, faces=12)


@pytest.fixture(scope="module")
def run(folder: RunFolder) -> Run:
    return load(folder.path)


@pytest.fixture(scope="module")
def arranged(run: Run) -> Judged:
    return judged(run.of("generated")[0], run)


@pytest.fixture(scope="module")
def page(run: Run) -> Page:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SAVE, unsaved)
        return page_of(run)


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SAVE, unsaved)


def test_shares_are_the_recorded_figures_and_layers_means_over_faces(arranged: Judged) -> None:
    found = attention_of(arranged.made)
    assert list(found) == ["hidden_identity, strength 0.5", "hidden_identity, strength 1"]
    one = found["hidden_identity, strength 1"]
    absent = {"glasses", "hat"}
    assert [region.name for region in one.regions] == [name for name in CLASSES if name not in absent]
    table = attention_tables(MAKERS[1], ATTENTIVE_FACES)["attention"]
    for region in one.regions:
        rows = table[table["region"] == CLASSES.index(region.name)].dropna()
        assert region.share.value == pytest.approx(rows["share"].astype(float).mean())
        assert region.share.ends == pytest.approx((0.9 * region.share.value, 1.1 * region.share.value))
        by_hand = [rows.loc[rows["layer"] == layer, "share"].astype(float).mean() for layer in range(LAYERS)]
        assert region.layers == pytest.approx(by_hand)
    assert one.fair == 1 / 20
    assert (one.faces, one.layers) == (ATTENTIVE_FACES, LAYERS)


def test_maps_are_read_back_as_shares(arranged: Judged) -> None:
    one = attention_of(arranged.made)["hidden_identity, strength 0.5"]
    table = attention_tables(MAKERS[0], ATTENTIVE_FACES)["attention_maps"]
    assert sorted(one.maps) == list(range(ATTENTIVE_FACES))
    for row in table.itertuples():
        grid = one.maps[int(str(row.face))][int(str(row.layer))]
        assert grid.shape == (MAP_SIDE, MAP_SIDE)
        assert grid.max() == pytest.approx(row.peak)
        assert grid.min() >= 0
    assert one.mean_maps is not None
    np.testing.assert_allclose(one.mean_maps, np.mean(list(one.maps.values()), axis=0))


def test_a_damaged_map_is_left_out_and_not_counted(arranged: Judged) -> None:
    one = attention_of(arranged.made)["hidden_identity, strength 0.5"]
    table = one.made.series.table("attention_maps")
    assert table is not None
    broken = table.copy()
    broken.at[0, "map"] = b"no picture"
    one.made.series._read["attention_maps"] = broken
    try:
        again = attention_of(arranged.made)["hidden_identity, strength 0.5"]
        assert sorted(again.maps) == list(range(1, ATTENTIVE_FACES))
    finally:
        one.made.series._read["attention_maps"] = table


def test_the_chart_has_bars_with_intervals_layers_and_the_fair_share(page: Page, arranged: Judged) -> None:
    (chart,) = charts_of(page, r"^m0-attention-0$")
    assert chart.variants == ["strength 0.5", "strength 1"]
    one = attention_of(arranged.made)["hidden_identity, strength 1"]
    variant = chart.spec["variants"][1]
    bars, *layers = variant["data"]
    assert bars["x"] == pytest.approx([100 * region.share.value for region in one.regions], rel=1e-3)
    high = np.add(bars["x"], bars["error_x"]["array"])
    np.testing.assert_allclose(high, [110 * region.share.value for region in one.regions], rtol=1e-3)
    assert [trace["name"] for trace in layers] == ["layer 1 (coarsest)", "layer 2", "layer 3"]
    assert len({trace["marker"]["symbol"] for trace in layers}) == LAYERS  # colour is never alone
    (line,) = variant["layout"]["shapes"]
    assert line["x0"] == line["x1"] == 5
    assert variant["layout"]["xaxis"]["range"][1] > max(max(trace["x"]) for trace in layers)
    rows = variant["layout"]["yaxis"]["ticktext"]
    assert rows[0] == "background"
    assert "left eye" in rows
    words = " ".join(str(block.text) for block in page.blocks if isinstance(block, Words))
    assert "The dashed line is the fair share, 5.0\u202f%" in words


@pytest.mark.usefixtures("no_pictures")
def test_without_a_number_of_tokens_there_is_no_fair_share(tmp_path: Path) -> None:
    write_generated(tmp_path, ["lbp"], [attentive(0.5, None)], failing=[], verified=False, faces=8)
    blocks = part_of(tmp_path)
    chart = next(block for block in blocks if isinstance(block, Chart))
    assert chart.variants == [""]
    assert "shapes" not in chart.spec["variants"][0]["layout"]
    assert "fair share" not in " ".join(str(block.text) for block in blocks if isinstance(block, Words))


def test_maps_have_one_scale_from_zero_and_a_button_for_every_layer(page: Page, arranged: Judged) -> None:
    (chart,) = charts_of(page, r"^m0-attention-0-map$")
    assert chart.variants == ["mean of layers", "layer 1 (coarsest)", "layer 2", "layer 3"]
    found = list(attention_of(arranged.made).values())
    for place, variant in enumerate(chart.spec["variants"]):
        traces = variant["data"]
        assert [trace["type"] for trace in traces] == ["heatmap"] * 2
        assert {trace["zmin"] for trace in traces} == {0}
        assert {trace["zmax"] for trace in traces} == {chart.spec["variants"][0]["data"][0]["zmax"]}  # of all buttons
        assert [trace["showscale"] for trace in traces] == [True, False]
        for trace, one in zip(traces, found, strict=True):
            assert one.mean_maps is not None
            wanted = one.mean_maps.mean(axis=0) if place == 0 else one.mean_maps[place - 1]
            np.testing.assert_allclose(trace["z"], 100 * wanted, rtol=1e-4, atol=1e-6)


def view(name: str, layers: int, peak: float, weak: bool = False, fair: float | None = None) -> View:
    maps = np.full((layers, 4, 4), peak)
    regions = (
        Region("skin", Share(0.2, (0.1, 0.3), weak), (0.2,) * layers, 3),
        Region("nose", Share(0.3, None), (), 5),
    )
    return View(name, SimpleNamespace(mean_maps=maps, layers=layers, regions=regions, fair=fair))  # type: ignore[arg-type]


def test_a_maker_without_a_layer_shows_none_under_its_name_and_the_scale_is_of_all() -> None:
    variants = attention_maps.chart([view("a", 2, 0.1), view("b", 3, 0.4)])["variants"]
    assert {trace["zmax"] for variant in variants for trace in variant["data"]} == {40}
    missing = [["no such layer" in [note["text"] for note in variant["layout"]["annotations"]]] for variant in variants]
    assert missing == [[False], [False], [False], [True]]
    assert variants[3]["data"][0]["z"] == [[None]]
    assert variants[3]["data"][1]["z"][0][0] == 40


def test_weak_shares_are_hollow_and_say_of_how_many_faces_they_are() -> None:
    bars = attention_shares.chart([view("a", 1, 0.1, weak=True)])["variants"][0]["data"][0]
    assert bars["marker"]["color"] == ["var(--paper)", "var(--outcome-3)"]
    assert [said for _, _, said in bars["customdata"]] == ["3 faces", "5 faces"]
    assert "weak" in bars["customdata"][0][1]
    figure = attention_shares.draw([view("a", 1, 0.1, weak=True)], "title")
    hollow, full = (bar.get_facecolor() for bar in figure.axes[0].patches[:2])
    assert hollow == (1, 1, 1, 1)
    assert full != hollow
    assert attention_charts._of_faces([3, 5]) == "Of 3 to 5 faces, as many as have the region."


def test_makers_with_other_tokens_have_other_fair_shares() -> None:
    found = {name: view(name, 1, 0.1, fair=fair).attention for name, fair in (("a", 0.05), ("b", 0.1), ("c", None))}
    said = attention_charts._fair_of(found)
    assert "fair share of a, 5.0\u202f%: what the identity would get if all 20 tokens" in said
    assert "fair share of b, 10.0\u202f%: what the identity would get if all 10 tokens" in said


def test_large_maps_are_averaged_down() -> None:
    maps = np.arange(2 * 64 * 64, dtype=np.float64).reshape(2, 64, 64)
    small = _small(maps)
    assert small.shape == (2, 32, 32)
    assert small[1, 0, 0] == maps[1, :2, :2].mean()
    assert _small(maps[:, :32, :32]).shape == (2, 32, 32)


def test_csv_has_every_layer_and_region(folder: RunFolder, page: Page, arranged: Judged) -> None:
    found = pd.read_csv(folder.path / "tables" / "attention_nowhere-different-people.csv")
    pd.testing.assert_frame_equal(found, frame(attention_of(arranged.made)), check_dtype=False)
    assert len(found) == 2 * (1 + LAYERS) * (len(CLASSES) - 2)
    assert found["low"].notna().sum() == 2 * (len(CLASSES) - 2)


def test_the_glossary_explains_attention_where_there_is_any(page: Page, tmp_path: Path) -> None:
    def terms(of: Page) -> list[str]:
        return [term for block in of.blocks if isinstance(block, Rows) for term, _ in block.rows]

    assert {"identity attention", "fair share", "identity_attention"} <= set(terms(page))
    write_generated(tmp_path, ["lbp"], MAKERS[2:], failing=[], verified=False, faces=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SAVE, unsaved)
        plain = page_of(load(tmp_path))
    assert "identity attention" not in terms(plain)
    assert not charts_of(plain, "attention")


@pytest.mark.usefixtures("no_pictures")
def test_a_maker_that_knows_no_regions_has_its_maps(tmp_path: Path) -> None:
    write_generated(tmp_path, ["lbp"], [attentive(0.5)], failing=[], verified=False, faces=8)
    run = load(tmp_path)
    (one,) = run.every_series
    table = one.table("attention")
    assert table is not None
    one._read["attention"] = table.assign(share=np.float32(np.nan))
    one.outcome["figures"][:] = [
        record for record in one.outcome["figures"] if record["figure"] != "identity_attention"
    ]
    page = page_of(run)
    assert [chart.id for chart in charts_of(page, "attention")] == ["m0-attention-0-map"]


# --------------------------------------------------------------------------------------------------------------- faces


def part_of(path: Path, show_faces: bool = False) -> list[Block]:
    """The blocks of the part about attention, without the rest of the page."""
    run = load(path)
    outlet = Outlet(path, looks(run.labels), None, 1)
    with paper():
        part = attention_charts.part(judged(run.of("generated")[0], run), run, "m0", outlet, show_faces)
    assert part is not None
    return part.blocks


def overlays(blocks: Sequence[Block]) -> list[Examples]:
    return [block for block in blocks if isinstance(block, Examples)]


@pytest.mark.parametrize(("shows", "asked", "there"), [(False, False, False), (False, True, True), (True, False, True)])
@pytest.mark.usefixtures("no_pictures")
def test_faces_with_their_maps_appear_only_where_faces_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shows: bool, asked: bool, there: bool
) -> None:
    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: Album(shows))
    write_generated(tmp_path, ["lbp"], MAKERS[:2], failing=[], verified=False, faces=8, portraits=3)
    blocks = part_of(tmp_path, asked)
    found = overlays(blocks)
    assert len(found) == (2 if there else 0)
    for block in found:
        assert [example.face for example in block.montage.examples] == [0, 1, 2]  # those of which both were kept
        captions = [picture.caption for picture in block.montage.examples[0].pictures]
        assert captions == ["made face", "mean of layers", "layer 1", "layer 2", "layer 3"]
    files = sorted((tmp_path / "figures").glob("attention-faces*.png"))
    assert len(files) == len(found)
    for path in files:
        text = png_text(path.read_bytes())
        assert text["impersona.synthetic"] == "true"
        assert "hidden_identity" in text["impersona.made_by"]
    assert [block.id for block in blocks if isinstance(block, Chart)][
        -1
    ] == "m0-attention-0-map"  # a mean over faces shows nobody


@pytest.mark.usefixtures("no_pictures")
def test_overlaid_pictures_say_that_they_are_synthetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import base64
    import io

    from PIL import Image

    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: Album(True))
    write_generated(tmp_path, ["lbp"], MAKERS[:1], failing=[], verified=False, faces=8, portraits=2)
    (block,) = overlays(part_of(tmp_path))
    for example in block.montage.examples:
        for picture in example.pictures:
            data = base64.b64decode(picture.uri.partition(",")[2])
            said = Image.open(io.BytesIO(data)).info["comment"].decode()
            assert "impersona.synthetic: true" in said
            assert "impersona.made_by: hidden_identity" in said


@pytest.mark.usefixtures("no_pictures")
def test_no_face_kept_of_which_the_map_was_kept_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: Album(True))
    write_generated(tmp_path, ["lbp"], MAKERS[:1], failing=[], verified=False, faces=8, portraits=0)
    blocks = part_of(tmp_path)
    assert overlays(blocks) == []
    assert any("keep_faces: all" in str(block.text) for block in blocks if isinstance(block, Words))


def test_more_attention_is_lighter_whatever_the_eye_sees() -> None:
    """Over an even face the grey value of the overlay rises with the share, so that order does not rest on hue."""
    frame = np.full((64, 64, 3), 128, dtype=np.uint8)
    steps = np.repeat(np.linspace(0, 1, 16)[None, :], 16, axis=0)
    grey = np.asarray(attention_faces.overlaid(frame, steps).convert("L"), dtype=np.float64).mean(axis=0)
    assert (np.diff(grey) >= -0.5).all()
    assert grey[-1] - grey[0] > 60


def test_the_scale_ends_at_the_largest_share() -> None:
    text = str(attention_faces._scale(0.123))
    assert "12.3\u202f%" in text
    assert len(re.findall(r"#[0-9a-f]{6}", text)) == 9


def test_pictures_for_paper_are_written(tmp_path: Path) -> None:
    write_generated(tmp_path, ["lbp"], MAKERS[:2], failing=[], verified=False, faces=6)
    charts = [block for block in part_of(tmp_path) if isinstance(block, Chart)]
    assert len(charts) == 2
    assert all((tmp_path / path).stat().st_size > 2000 for chart in charts for _, path in chart.files)


@pytest.mark.browser
@pytest.mark.full
def test_attention_draws_in_a_real_browser(
    chromium: str, folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.registry.load", lambda kind, name, **settings: Album(True))
    monkeypatch.setattr(SAVE, unsaved)
    write_generated(tmp_path, ["lbp"], MAKERS[:2], failing=[], verified=False, faces=8)
    path = write_report(tmp_path)
    seen = check_page(chromium, path)
    assert {"m0-attention-0", "m0-attention-0-map"} <= {chart["id"] for chart in seen.charts}
    narrow = visit(chromium, path, dark=True, width=420)
    assert not narrow.errors
    assert narrow.overflow <= 0
