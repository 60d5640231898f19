"""Settings of makers that are not one plain value: another plugin with its own settings, and lists of names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.config import parse_sweep
from bench.registry import Registry, load
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.sweep.axes import in_words
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from tests import toys
from tests.toys import ToyAttack, photos
from tests.well_behaved import row


@dataclass(frozen=True, kw_only=True)
class DrivenSettings:
    """What a toy attack drives, and how."""

    generator: str | Mapping[str, Any] = "toy"
    strength: float = 1.0
    regions: tuple[str, ...] = ()


class Driven(ToyAttack):
    """Drives the toy generator: as strong as it is told, and a little more for every region."""

    def __init__(self, settings: DrivenSettings) -> None:
        named = {"name": settings.generator} if isinstance(settings.generator, str) else settings.generator
        self.inner = load("generator", **named)
        weight = self.inner.settings.weight * settings.strength + 0.1 * len(settings.regions)
        super().__init__(toys.MixSettings(weight=weight))
        assert isinstance(settings.regions, tuple)
        self.regions = settings.regions

    def fingerprint(self) -> Any:
        return {**self.inner.fingerprint(), "all": self.settings.weight, "regions": " ".join(self.regions)}


@pytest.fixture
def sweep(own_registry: Registry, tmp_path: Path) -> Callable[..., Any]:
    """Four faces of two of four people by the toy attack, with settings."""
    toys.add_toys(own_registry)
    own_registry.add(row("attack", "driven", Driven, DrivenSettings), "the tests")
    root = photos(tmp_path / "photos")

    def make(**settings: Any) -> Any:
        return parse_sweep({
            "name": "t", "dataset": {"name": "folder", "root": str(root)}, "recognizers": ["toy"], "fmr": [0.1],
            "assessments": [], "attacks": [{"name": "driven", **settings}], "pairs": {"count": 4, "references": 1},
            "draws": 0,
        })  # fmt: skip

    return make


def axes(asked: Any) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in cell.labels["settings"].items() if name.startswith("attack.")}
        for cell in plan(asked).cells
    ]


@pytest.mark.parametrize("generator", ["toy", {"name": "toy", "weight": 0.25}])
def test_another_plugin_is_one_value_and_no_axis(sweep: Callable[..., Any], generator: Any) -> None:
    (cell,) = plan(sweep(generator=generator)).cells
    assert not [name for name in cell.labels["settings"] if name.startswith("attack.")]
    assert cell.spec["maker"]["settings"] == {"generator": generator}, "untouched"


def test_a_list_of_plugins_is_an_axis(sweep: Callable[..., Any]) -> None:
    several = ["toy", {"name": "toy", "weight": 0.25}, {"name": "toy", "weight": 0.25, "parts": []}]
    asked = sweep(generator=several[:2])
    assert axes(asked) == [{"attack.generator": one} for one in several[:2]]
    cells = plan(asked).cells
    assert len({cell.key for cell in cells}) == 2
    assert cells[1].spec["maker"]["fingerprint"]["weight"] == 0.25
    assert json.loads(json.dumps(cells[1].labels)) == cells[1].labels, "plain JSON"


def test_strengths_and_sets_of_regions_are_axes_with_the_empty_set_as_one_value(sweep: Callable[..., Any]) -> None:
    asked = sweep(strength=[0.25, 0.5], regions=[["eyes"], ["eyes", "mouth"], []])
    assert axes(asked) == [
        {"attack.strength": strength, "attack.regions": regions}
        for strength in (0.25, 0.5)
        for regions in (["eyes"], ["eyes", "mouth"], [])
    ]
    assert len({cell.key for cell in plan(asked).cells}) == 6


@pytest.mark.parametrize("regions", [["eyes", "mouth"], ["eyes"], []])
def test_one_set_of_regions_is_no_axis(sweep: Callable[..., Any], regions: list[str]) -> None:
    assert axes(sweep(regions=regions)) == [{}]
    assert axes(sweep(regions=[regions])) == ([{"attack.regions": regions}])


def test_records_are_filed_under_the_values_as_they_stand_in_the_sweep(
    sweep: Callable[..., Any], tmp_path: Path
) -> None:
    generators = ["toy", {"name": "toy", "weight": 0.25}]
    asked = sweep(generator=generators, regions=[["eyes", "mouth"], []])
    run = run_sweep(asked, tmp_path / "run", cache=ArrayCache(DiskStore(tmp_path / "cache")))
    assert [outcome["status"] for outcome in run.outcomes()] == ["success"] * 4
    settings = [json.dumps(one, sort_keys=True) for one in run.summary()["settings"]]
    assert list(dict.fromkeys(settings)) == [
        json.dumps({"aligner": "toy", "attack.generator": one, "attack.regions": regions}, sort_keys=True)
        for one in generators
        for regions in (["eyes", "mouth"], [])
    ]
    names = [path.name for path in run.path.rglob("*")]
    assert all(name.replace(".", "").replace("-", "").isalnum() for name in names), names


def test_species_are_called_by_the_values_in_words(sweep: Callable[..., Any]) -> None:
    base = sweep(generator=["toy", {"name": "toy", "weight": 0.25}], regions=[["eyes", "mouth"], []])
    asked = parse_sweep({
        **base.model_dump(include={"name", "dataset", "pairs", "attacks"}), "detectors": ["toy"], "assessments": [],
    })  # fmt: skip
    (cell,) = plan(asked).cells
    assert [maker["species"] for maker in cell.spec["makers"]] == [
        "driven generator=toy regions=eyes+mouth",
        "driven generator=toy regions=none",
        "driven generator=toy(weight=0.25) regions=eyes+mouth",
        "driven generator=toy(weight=0.25) regions=none",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.5, "0.5"),
        ([], "none"),
        (["eyes", "mouth"], "eyes+mouth"),
        ({"name": "sis"}, "sis"),
        ({"name": "sis", "weights": "w.safetensors", "parts": ["a", "b"]}, "sis(weights=w.safetensors, parts=a+b)"),
    ],
)
def test_values_in_words(value: Any, words: str) -> None:
    assert in_words(value) == words


def test_the_inner_plugin_is_at_work(sweep: Callable[..., Any], tmp_path: Path) -> None:
    weak, strong = (
        run_sweep(sweep(generator={"name": "toy", "weight": weight}), tmp_path / str(weight)) for weight in (0.0, 0.5)
    )
    first, second = (run.table(run.outcomes()[0]["key"], "faces")["structural_similarity"] for run in (weak, strong))
    assert np.all(first > 0.99)
    assert np.all(second < first)
