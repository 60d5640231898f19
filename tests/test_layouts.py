"""Made faces against what their makers meant to show, as a parser labels them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.api import FaceBatch
from bench.config import parse_sweep
from bench.errors import ConfigError, PluginError, ShapeError
from bench.metrics.layouts import LayoutAreas, assess_layouts
from bench.metrics.shares import Contributors
from bench.regions import CLASSES
from bench.registry import Registry
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.inventory import contexts
from bench.store.run_folder import RunFolder
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from tests.toys import add_toys, only, photos
from tests.well_behaved import SMALL, Aligner, Parser, row

SIDE = SMALL.side
SKIN, HAIR = CLASSES.index("skin"), CLASSES.index("hair")


@dataclass(frozen=True)
class BlockSettings:
    """How much of a face is dark, how much was meant to be, and what goes wrong."""

    dark: int = 24
    meant: int = 16
    fault: str = ""


class Blocks:
    """Faces that are dark at the left, and meant to be so to another column."""

    template = SMALL
    contributors = 1
    batch_size = 4
    conditions: frozenset[str] = frozenset()
    asked = 0

    def __init__(self, settings: BlockSettings) -> None:
        self.settings = settings
        self.has_layout = settings.fault != "none"

    def fingerprint(self) -> dict[str, Any]:
        return {"revision": 1, "dark": self.settings.dark, "meant": self.settings.meant}

    def default_aligner(self) -> Any:
        return {"name": "plain"}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        faces = np.full_like(batch.images, 0.9)
        faces[:, :, :, : self.settings.dark] = 0.2
        faces[:, 0] *= rng.random((len(faces), 1, 1), dtype=np.float32)  # recognizers see different faces
        faces[:, 1, :, : self.settings.dark] = 0.05
        faces[0 if self.settings.fault == "refused" else slice(0)] = np.nan
        return faces

    def layouts(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        assert len(batch.images) == self.batch_size
        type(self).asked += 1
        labels = np.full((len(batch.images), SIDE, SIDE), SKIN, np.uint8)
        labels[:, :, : self.settings.meant] = HAIR
        labels[0 if self.settings.fault == "refused" else slice(0)] = 255
        return {"dtype": labels.astype(int), "shape": labels[:, :5]}.get(self.settings.fault, labels)


class Reader(Parser):
    """Where green is dark there is hair."""

    def parse(self, crops: Any) -> Any:
        return np.where(crops[:, 1] < 0.5, HAIR, SKIN).astype(np.uint8)


@pytest.fixture
def sweep(own_registry: Registry, tmp_path: Path) -> Callable[..., Any]:
    """Six faces of one of three people each, with changes."""
    add_toys(own_registry)
    own_registry.add(row("generator", "blocks", Blocks, BlockSettings), "the tests")
    own_registry.add(row("parser", "reader", Reader), "the tests")
    own_registry.add(row("aligner", "plain", Aligner), "the tests")
    root, Blocks.asked = photos(tmp_path / "photos"), 0

    def make(generator: dict[str, Any] | None = None, **changes: Any) -> Any:
        base = {
            "name": "t", "dataset": {"name": "folder", "root": str(root)}, "recognizers": ["toy"], "fmr": [0.1],
            "assessments": [], "generators": [{"name": "blocks"} | (generator or {})], "draws": 50,
            "pairs": {"count": 6, "references": 1}, "layout": {"parser": "reader"},
        }  # fmt: skip
        return parse_sweep(base | changes)

    return make


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(DiskStore(tmp_path / "cache"))


def figures(run: RunFolder) -> dict[tuple[str, str | None], float]:
    return {
        (one["figure"], one["group"]): one["value"]
        for one in only(run)["figures"]
        if one["figure"].startswith("layout_")
    }


def test_a_face_is_held_against_what_was_meant(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    name = "layout_intersection_over_union_mean"
    assert figures(run) == {
        (name, None): pytest.approx((16 / 24 + 8 / 16) / 2),
        (name, "skin"): pytest.approx(8 / 16),
        (name, "hair"): pytest.approx(16 / 24),
        ("layout_accuracy_mean", None): pytest.approx(24 / 32),
    }
    table = run.table(only(run)["key"], "layouts")
    assert len(table) == 6 * 2
    hair = table[table["region"] == HAIR]
    np.testing.assert_allclose(hair[["meant", "seen", "both"]], np.tile([0.5, 0.75, 0.5], (6, 1)))
    drawn = run.table(only(run)["key"], "draws")
    assert set(drawn.loc[drawn["figure"] == name, "group"].dropna()) == {"skin", "hair"}


def test_what_was_said_is_kept_for_another_recognizer(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    run_sweep(sweep(recognizers=["toy", {"name": "toy", "label": "other"}]), tmp_path / "run", cache=cache)
    assert Blocks.asked == 2, "six faces in batches of four, once for two recognizers"


def test_other_labels_are_asked_anew(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    class Later(Reader):
        def fingerprint(self) -> Any:
            return {"revision": 2}

    run_sweep(sweep(), tmp_path / "run", cache=cache)
    Reader.fingerprint, before = Later.fingerprint, Reader.fingerprint  # type: ignore[method-assign]
    try:
        run_sweep(sweep(), tmp_path / "again", cache=cache)
    finally:
        Reader.fingerprint = before  # type: ignore[method-assign]
    assert Blocks.asked == 4


@pytest.mark.parametrize("fault", ["dtype", "shape"])
def test_what_is_no_layout_is_refused(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, fault: str) -> None:
    run = run_sweep(sweep({"fault": fault}), tmp_path / "run", cache=cache)
    (failure,) = run.failures().to_dict("records")
    assert failure["error"] == PluginError.__name__
    assert "blocks.layouts returned" in failure["message"]
    assert f"expected uint8 (4, {SIDE}, {SIDE})" in failure["message"]


def test_labels_of_a_face_that_was_not_made_mean_nothing(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    run = run_sweep(sweep({"fault": "refused"}), tmp_path / "run", cache=cache)
    assert run.failures().empty
    assert set(run.table(only(run)["key"], "layouts")["face"]) == {1, 2, 3, 5}, "the first of each batch was refused"


def test_detectors_beside_layouts_are_shown_the_same_faces(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    detectors = [{"name": "random", "aligner": "plain"}]
    with_layouts = plan(sweep(detectors=detectors)).cells
    without = plan(sweep(detectors=detectors, layout=None)).cells
    assert with_layouts[-1].spec["assessment"] == "detection"
    assert with_layouts[-1].key == without[-1].key
    assert run_sweep(sweep(detectors=detectors), tmp_path / "run", cache=cache).failures().empty


def test_what_was_kept_is_listed(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run_sweep(sweep(), tmp_path / "run", cache=cache)
    assert "layout" in {one.kind for one in contexts(cache)}


def test_nobody_who_can_tell_is_an_error(sweep: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"layout: none of the makers \(blocks\) says what its faces are meant"):
        run_sweep(sweep({"fault": "none"}), tmp_path / "run")
    with pytest.raises(ConfigError, match="layout goes with recognizers, and with generators"):
        sweep(generators=[], assessments=["verification"])


def test_a_parser_of_another_crop_is_refused(
    sweep: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reader, "template", replace(SMALL, name="other", side=40))
    with pytest.raises(ConfigError, match="reader labels crops of the template other, and blocks makes faces in toy32"):
        run_sweep(sweep(), tmp_path / "run")


def test_means_over_faces() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (40, 2, 900))
    labels[:, 1, :600] = labels[:, 0, :600]
    labels[0] = 0
    areas = np.zeros((3, 40, 19), np.float32)
    for face, (meant, seen) in enumerate(labels):
        for place, shown in enumerate((meant, seen, meant[meant == seen])):
            areas[place, face] = np.bincount(shown, minlength=19) / 900
    areas[:, 39] = np.nan  # not made
    people = Contributors(np.arange(40, dtype=np.int32)[:, None] % 20, 20)
    values, drawn = assess_layouts(LayoutAreas(*areas), people, np.ones((3, 20), np.bool_))
    found = {(one.figure, one.group): one for one in values}
    expected = []
    for meant, seen in labels[:39]:
        shown = [number for number in range(5) if (meant == number).any() or (seen == number).any()]
        both = [((meant == n) & (seen == n)).sum() / ((meant == n) | (seen == n)).sum() for n in shown]
        expected.append(np.mean(both))
    every = found["layout_intersection_over_union_mean", None]
    assert every.value == pytest.approx(np.mean(expected))
    assert every.n == 39
    assert every.low < every.value < every.high
    assert found["layout_accuracy_mean", None].value == pytest.approx(
        np.mean([(meant == seen).mean() for meant, seen in labels[:39]])
    )
    assert found["layout_intersection_over_union_mean", CLASSES[1]].n == 38, "the first face shows none of it"
    np.testing.assert_allclose(drawn["layout_accuracy_mean", None, None], found["layout_accuracy_mean", None].value)


def test_a_speck_is_no_region() -> None:
    areas = np.zeros((3, 1, 19), np.float32)
    areas[:, 0, 1] = 0.9995, 1, 0.9995
    areas[0, 0, 2] = 0.0005
    agreement = LayoutAreas(*areas).agreement()
    assert agreement[0, 1] == pytest.approx(0.9995)
    assert np.isnan(agreement[0, [0, *range(2, 19)]]).all()


def test_areas_that_cannot_be_are_refused() -> None:
    areas = np.zeros((3, 2, 19), np.float32)
    with pytest.raises(ShapeError, match="expected \\(M, 19\\)"):
        LayoutAreas(areas[0], areas[1, :1], areas[2])
    areas[2, 0, 3] = 0.5
    with pytest.raises(ShapeError, match="more pixels in both layouts"):
        LayoutAreas(*areas)
