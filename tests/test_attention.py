"""Identity attention in a sweep: maps and shares by region of what makers say, and what they may not say."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.aligners.templates import crop_matrix, warp_labels
from bench.api import FaceBatch
from bench.config import parse_sweep
from bench.datasets.drawn import DrawnSettings
from bench.errors import ConfigError, ShapeError
from bench.metrics.attention import assess_attention
from bench.metrics.shares import Contributors
from bench.regions import CLASSES
from bench.registry import Registry
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.inventory import contexts
from bench.store.run_folder import RunFolder
from bench.sweep.attention import region_shares
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from tests import toys
from tests.test_made_identity import (
    DARK,
    PEOPLE,
    BandPainter,
    BandSettings,
    ChoosyAligner,
    ChoosySettings,
    Remembered,
    Tint,
    TintSettings,
)
from tests.toys import only
from tests.well_behaved import SMALL, face, row

SIDE = 8
LAYERS = 2

FAULTS: dict[str, Callable[[Any], Any]] = {
    "a list": list,
    "dtype": lambda maps: maps.astype(np.float64),
    "no layers": lambda maps: maps[:, 0],
    "too few faces": lambda maps: maps[1:],
    "no square": lambda maps: maps[..., :4],
    "a side that does not divide": lambda maps: np.zeros((len(maps), 2, 7, 7), np.float32),
    "nan": lambda maps: np.where(maps > 0, maps, np.float32(np.nan)),
    "above 1": lambda maps: maps + 1,
    "below 0": lambda maps: maps - 1,
}


class Attentive(BandPainter):
    """Looks at the identity as much as it is red in the coarser layer, and as it is green at the left in the finer."""

    asked = 0

    def __init__(self, settings: BandSettings) -> None:
        super().__init__(settings)
        self.conditions |= {"masks"}
        self.batches: list[FaceBatch] = []

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        _GIVEN.append(batch)
        return super().generate(batch, rng)

    def identity_attention(self, batch: FaceBatch) -> Any:
        assert any(_same(batch, given) for given in _GIVEN), "the very batch of which faces were made"
        type(self).asked += 1
        assert batch.identity is not None
        maps = np.zeros((len(batch.images), LAYERS, SIDE, SIDE), np.float32)
        maps[:, 0] = batch.identity[:, 0, None, None]
        maps[:, 1, :, : SIDE // 2] = batch.identity[:, 1, None, None]
        says = self.settings.says
        if says == "another size":
            return maps[:, :, :: type(self).asked, :: type(self).asked]
        return FAULTS[says](maps) if says in FAULTS else maps


_GIVEN: list[FaceBatch] = []


def _same(one: FaceBatch, other: FaceBatch) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("images", "masks", "identity", "references")]
    return all(np.array_equal(first, second) for first, second in pairs)


@pytest.fixture
def sweep(own_registry: Registry) -> Callable[..., Any]:
    """Seven faces of two of twelve drawn people, attention of five, with changes."""
    own_registry.add(row("dataset", "remembered", Remembered, DrawnSettings), "the tests")
    own_registry.add(row("aligner", "choosy", ChoosyAligner, ChoosySettings), "the tests")
    own_registry.add(row("recognizer", "tint", Tint, TintSettings), "the tests")
    own_registry.add(row("generator", "bands", BandPainter, BandSettings), "the tests")
    own_registry.add(row("generator", "attentive", Attentive, BandSettings), "the tests")
    toys.add_toys(own_registry)
    Attentive.asked = Attentive.made = Tint.embedded = 0
    Tint.stops_at = Attentive.stops_at = -1
    _GIVEN.clear()

    def make(generator: dict[str, Any] | None = None, **changes: Any) -> Any:
        base = {
            "name": "t", "dataset": {"name": "remembered", **PEOPLE}, "recognizers": ["toy"], "fmr": [0.1],
            "assessments": [], "generators": [{"name": "attentive"} | (generator or {})], "seed": 3, "draws": 20,
            "pairs": {"count": 7, "references": 1}, "keep_faces": "none", "attention": {"faces": 5},
        }  # fmt: skip
        return parse_sweep(base | changes)

    return make


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(DiskStore(tmp_path / "cache"))


def looked(run: RunFolder) -> tuple[Any, Any, dict[int, str]]:
    """The two tables of a run, and the first contributor's photo of each face."""
    outcome = only(run)
    contributors = run.table(outcome["key"], "contributors")
    first = contributors[contributors["contributor"] == 1]
    return (
        run.table(outcome["key"], "attention"),
        run.table(outcome["key"], "attention_maps"),
        dict(zip(first["face"], first["photo"], strict=True)),
    )


@functools.cache
def source(key: str) -> tuple[np.ndarray, np.ndarray]:
    """Embedding and mask of a drawn photo, without the bench."""
    data = Remembered(DrawnSettings(**PEOPLE))  # type: ignore[arg-type]
    image = data.image(key)
    matrix = crop_matrix(face(image), SMALL)
    crop = ChoosyAligner(ChoosySettings()).crop(image, face(image), SMALL)
    return (crop.mean(axis=(0, 1))[::-1] / 255) ** 2, warp_labels(data.mask(key), matrix, SMALL.side)


def test_maps_and_shares_are_those_of_the_makers_words(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    shares, maps, photo = looked(run)
    assert sorted(set(maps["face"])) == sorted(set(shares["face"])) == list(range(5))
    assert len(shares) == 5 * LAYERS * len(CLASSES)
    for one in maps.to_dict("records"):
        identity, _ = source(photo[one["face"]])
        assert one["peak"] == pytest.approx(identity[one["layer"]], abs=1e-3)
        with Image.open(io.BytesIO(one["map"])) as picture:
            assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (SIDE, SIDE))
            levels = np.array(picture)
        assert (levels[:, : SIDE // 2] == 255).all()
        assert (levels[:, SIDE // 2 :] == (255 if one["layer"] == 0 else 0)).all()
    for one in shares.to_dict("records"):
        identity, mask = source(photo[one["face"]])
        pixels = mask == one["region"]
        if not pixels.any():
            assert np.isnan(one["share"])
            continue
        there = 1.0 if one["layer"] == 0 else pixels[:, : SMALL.side // 2].sum() / pixels.sum()
        assert one["share"] == pytest.approx(identity[one["layer"]] * there, abs=1e-3)


def test_the_figure_is_the_mean_over_faces_and_layers_region_by_region(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    shares, _, _ = looked(run)
    records = {one["group"]: one for one in only(run)["figures"] if one["figure"] == "identity_attention"}
    of_face = shares.groupby(["region", "face"])["share"].mean().dropna()
    wanted = of_face.groupby("region").mean()
    assert set(records) == {CLASSES[region] for region in wanted.index}
    assert {"skin", "nose", "left_eye", "hair"} <= set(records)
    for region, value in wanted.items():
        one = records[CLASSES[region]]
        assert one["value"] == pytest.approx(value, abs=1e-6)
        assert (one["n"], one["support"]) == (len(of_face[region]), "weak")
        assert one["low"] <= one["value"] <= one["high"]
    assert records["skin"]["interval"] == "clustered"
    draws = run.table(only(run)["key"], "draws")
    assert set(records) == set(draws[draws["figure"] == "identity_attention"]["group"])


def test_a_maker_is_asked_once_however_many_recognizers_judge(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    run = run_sweep(sweep(recognizers=["toy", "tint"]), tmp_path / "run", cache=cache)
    first, second = run.outcomes()
    assert Attentive.asked == 2, "five faces in batches of three"
    for name in ("attention", "attention_maps"):
        assert first["tables"][name] == second["tables"][name]
    (kept,) = [one for one in contexts(cache) if one.kind == "attention"]
    assert (kept.maker, kept.rows) == ("attentive", 5)
    run_sweep(sweep(attention={"faces": 3}), tmp_path / "fewer", cache=cache)
    assert Attentive.asked == 2
    run_sweep(sweep(attention={"faces": 100}), tmp_path / "more", cache=cache)
    assert Attentive.asked == 4, "the batches of the sixth and the seventh face"


def test_from_the_cache_or_not_the_same_bytes(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    first = run_sweep(sweep(), tmp_path / "first", cache=cache)
    again = run_sweep(sweep(), tmp_path / "again", cache=cache)
    afresh = run_sweep(sweep(), tmp_path / "afresh", cache=ArrayCache(DiskStore(tmp_path / "other")))
    for run in (again, afresh):
        assert only(run)["tables"] == only(first)["tables"]
        assert (run.path / "summary.json").read_bytes() == (first.path / "summary.json").read_bytes()


def test_the_batches_are_those_with_further_makings(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    asked = sweep(diversity={"faces": 2, "makings": 2}, attention={"faces": 7})
    assert set(looked(run_sweep(asked, tmp_path / "run", cache=cache))[1]["face"]) == set(range(7))


def test_faces_that_are_not_made_have_no_attention(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    run = run_sweep(sweep({"least": DARK}, attention={"faces": 7}), tmp_path / "run", cache=cache)
    faces = run.table(only(run)["key"], "faces")
    assert 0 < faces["made"].sum() < 7
    shares, maps, _ = looked(run)
    assert set(maps["face"]) == set(shares["face"]) == set(faces[faces["made"]]["face"])
    nobody = run_sweep(sweep({"least": 256.0}), tmp_path / "nobody", cache=cache)
    shares, maps, _ = looked(nobody)
    assert len(shares) == len(maps) == 0
    assert "identity_attention" not in {one["figure"] for one in only(nobody)["figures"]}


def test_what_is_said_of_refused_faces_means_nothing(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    making, telling = Attentive.generate, Attentive.identity_attention

    def refuses(self: Any, batch: FaceBatch, rng: np.random.Generator) -> Any:
        painted = making(self, batch, rng)
        painted[1] = np.nan
        return painted

    def knows_nothing(self: Any, batch: FaceBatch) -> Any:
        maps = telling(self, batch)
        maps[1] = np.nan
        return maps

    monkeypatch.setattr(Attentive, "generate", refuses)
    monkeypatch.setattr(Attentive, "identity_attention", knows_nothing)
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    assert sorted(set(looked(run)[1]["face"])) == [0, 2, 3], "of five, the second of each batch is refused"


def test_the_number_of_tokens_stands_in_the_spec(sweep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attentive, "attention_tokens", 20, raising=False)
    (cell,) = plan(sweep()).cells
    assert cell.spec["attention"] == {"faces": 5, "tokens": 20}


@pytest.mark.parametrize("fault", [*FAULTS, "another size"])
def test_what_is_no_attention_fails_the_cell(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, fault: str
) -> None:
    run = run_sweep(sweep({"says": fault}), tmp_path / "run", cache=cache)
    (failure,) = run.failures().to_dict("records")
    assert failure["error"] == "PluginError"
    assert re.search(r"attentive\.identity_attention returned .*; expected|not finite", failure["message"])


def test_attention_changes_nothing_else(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    with_it = run_sweep(sweep(), tmp_path / "with", cache=cache)
    without = run_sweep(sweep(attention=None), tmp_path / "without", cache=cache)
    mine, other = only(with_it), only(without)
    assert "attention" not in other["spec"]
    assert mine["key"] != other["key"]
    assert [one for one in mine["figures"] if one["figure"] != "identity_attention"] == other["figures"]
    assert set(mine["tables"]) - set(other["tables"]) == {"attention", "attention_maps"}
    assert mine["tables"]["faces"] == other["tables"]["faces"]


def test_only_makers_that_can_tell_are_asked(sweep: Callable[..., Any]) -> None:
    cells = plan(sweep(generators=["attentive", "bands", "toy"])).cells
    assert [cell.spec.get("attention") for cell in cells] == [{"faces": 5}, None, None]


def test_a_maker_whose_faces_are_drawn_is_not_asked(sweep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attentive, "draws", True, raising=False)
    with pytest.raises(ConfigError, match=r"nor can one whose settings draw styles by chance, such as noise of sis"):
        plan(sweep())


def test_attention_of_a_photo_that_changed_meanwhile_is_not_kept(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, telling = Remembered.content_digest, Attentive.identity_attention

    def tells_and_changes(self: Any, batch: FaceBatch) -> Any:
        monkeypatch.setattr(Remembered, "content_digest", lambda data, key: digest(data, key)[::-1])
        return telling(self, batch)

    monkeypatch.setattr(Attentive, "identity_attention", tells_and_changes)
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    (failure,) = run.failures().to_dict("records")
    assert failure["error"] == "CorruptFile"
    assert "changed while faces were made of it" in failure["message"]
    assert not [one for one in contexts(cache) if one.kind == "attention" and one.rows]


@pytest.mark.parametrize("names", [["bands"], ["toy", "bands"]])
def test_attention_of_makers_that_cannot_tell_is_refused(sweep: Callable[..., Any], names: list[str]) -> None:
    says = rf"attention: none of the makers \({', '.join(names)}\) takes an identity and tells where"
    with pytest.raises(ConfigError, match=says):
        plan(sweep(generators=names))


def test_attention_with_nobody_to_ask_is_refused(sweep: Callable[..., Any]) -> None:
    for changes in ({"generators": [], "assessments": ["verification"]}, {"recognizers": [], "detectors": ["toy"]}):
        with pytest.raises(ConfigError, match="attention goes with recognizers, and with generators or attacks"):
            sweep(**changes)
    with pytest.raises(ConfigError, match=r"unknown key 'face'; did you mean 'faces'\?"):
        sweep(attention={"face": 3})


# ------------------------------------------------------------------------------------------------------ shares by hand


def test_shares_weigh_cells_by_their_pixels() -> None:
    maps = np.array([[[0.0, 1.0], [0.5, 0.25]]], np.float32)
    mask = np.zeros((4, 4), np.uint8)
    mask[0, 1:] = 2  # one pixel in the first cell, two in the second
    shares = region_shares(maps, mask)
    assert shares[0, 2] == pytest.approx(2 / 3)
    assert shares[0, 0] == pytest.approx((3 * 0 + 2 * 1 + 4 * 0.5 + 4 * 0.25) / 13)
    assert np.isnan(np.delete(shares[0], [0, 2])).all()
    assert np.isnan(region_shares(maps, None)).all()


def test_faces_without_a_region_do_not_count_for_it() -> None:
    shares = np.full((3, 2, 19), np.nan, np.float32)
    shares[:, :, 1] = [[0.1, 0.3], [0.2, 0.4], [0.3, 0.5]]
    shares[0, :, 13] = 0.5
    contributors = Contributors(np.array([[0, 1], [2, 3], [4, 5]], np.int32), 6)
    values, draws = assess_attention(shares, contributors, np.ones((4, 6), np.bool_))
    assert [(one.group, one.n) for one in values] == [("skin", 3), ("hair", 1)]
    assert [one.value for one in values] == pytest.approx([0.3, 0.5])
    assert draws["identity_attention", None, "skin"] == pytest.approx([0.3] * 4)
    assert assess_attention(shares, contributors, np.ones((0, 6), np.bool_))[1] == {}


def test_shares_that_are_none_are_refused() -> None:
    contributors = Contributors(np.array([[0, 1]], np.int32), 2)
    kept = np.ones((0, 2), np.bool_)
    with pytest.raises(ShapeError, match=r"expected \(F, T, 19\)"):
        assess_attention(np.zeros((1, 2, 18), np.float32), contributors, kept)
    with pytest.raises(ShapeError, match="outside of"):
        assess_attention(np.full((1, 2, 19), 1.5, np.float32), contributors, kept)
    some = np.zeros((1, 2, 19), np.float32)
    some[0, 1, 4] = np.nan
    with pytest.raises(ShapeError, match="in some layers only"):
        assess_attention(some, contributors, kept)
