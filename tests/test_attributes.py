"""Made faces against the attributes that were asked for, as a judge sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.api import FaceBatch, JudgeAgreement
from bench.config import parse_sweep
from bench.errors import ConfigError, PluginError, ShapeError
from bench.metrics.attributes import JudgedAttributes, assess_attributes
from bench.metrics.shares import Contributors
from bench.registry import Registry
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.run_folder import RunFolder
from bench.sweep.runner import run_sweep
from reports import attribute_tables
from reports.load import load
from reports.makers import judged
from reports.page import Folded, Table, Words
from tests.toys import add_toys, only, photos
from tests.well_behaved import SMALL, Aligner, Settings, row

NAMES = ("Bright", "Red", "Strange")


@dataclass(frozen=True)
class PainterSettings:
    """What is asked for, and what goes wrong."""

    bright: float = 1.0
    fault: str = ""


class Asked:
    """Faces that are bright or dark, as asked for, and as red as they were."""

    template = SMALL
    contributors = 1
    batch_size = 4
    conditions: frozenset[str] = frozenset()
    attributes = ("Unknown", "Bright")
    times = 0

    def __init__(self, settings: PainterSettings) -> None:
        self.settings = settings
        if settings.fault == "silent":
            self.wanted_attributes = None  # type: ignore[assignment, method-assign]

    def fingerprint(self) -> dict[str, Any]:
        return {"revision": 1, "bright": self.settings.bright}

    def default_aligner(self) -> Any:
        return {"name": "plain"}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        faces = np.clip(batch.images * 0.1 + 0.7 * self.settings.bright, 0, 1).astype(np.float32)
        faces[0 if self.settings.fault == "refused" else slice(0)] = np.nan
        return faces

    def wanted_attributes(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        type(self).times += 1
        found = np.full((len(batch.images), 2), np.nan, np.float32)
        found[:, 0], found[:, 1] = 1, self.settings.bright
        return {"dtype": found.astype(np.float64), "range": found / 2}.get(self.settings.fault, found)


class Judge:
    """Bright is what is bright on average; red, what has more red than green."""

    template = SMALL
    batch_size = 3
    attributes = NAMES

    def __init__(self, settings: Settings) -> None:
        assert not settings.does

    def fingerprint(self) -> dict[str, Any]:
        return {"revision": 1}

    def default_aligner(self) -> Any:
        return {"name": "plain"}

    def judge(self, crops: Any) -> Any:
        assert len(crops) == self.batch_size
        mean = crops.mean(axis=(2, 3))
        bright, red = mean.mean(axis=1) > 0.5, mean[:, 0] > mean[:, 1]
        return np.stack([bright, red, np.full(len(crops), 0.3)], axis=1).astype(np.float32)

    def runtime(self) -> dict[str, str]:
        return {"device": "toy"}


@pytest.fixture
def sweep(own_registry: Registry, tmp_path: Path) -> Callable[..., Any]:
    add_toys(own_registry)
    own_registry.add(row("generator", "asked", Asked, PainterSettings), "the tests")
    own_registry.add(row("judge", "eye", Judge), "the tests")
    own_registry.add(row("aligner", "plain", Aligner), "the tests")
    root, Asked.times = photos(tmp_path / "photos"), 0

    def make(generator: dict[str, Any] | None = None, **changes: Any) -> Any:
        base = {
            "name": "t", "dataset": {"name": "folder", "root": str(root)}, "recognizers": ["toy"], "fmr": [0.1],
            "assessments": [], "generators": [{"name": "asked"} | (generator or {})], "draws": 50,
            "pairs": {"count": 6, "references": 1}, "attributes": {"judge": "eye"},
        }  # fmt: skip
        return parse_sweep(base | changes)

    return make


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(DiskStore(tmp_path / "cache"))


def figures(run: RunFolder) -> dict[tuple[str, str | None], Any]:
    return {
        (one["figure"], one["group"]): one for one in only(run)["figures"] if one["figure"].startswith("attribute_")
    }


def test_faces_are_judged_beside_their_photos(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    table = run.table(only(run)["key"], "attributes")
    assert len(table) == 6 * 3
    bright = table[table["attribute"] == "Bright"]
    assert (bright["wanted"] == 1).all()
    assert (bright["seen"] == 1).all()
    before = bright["before"].to_numpy()
    red = table[table["attribute"] == "Red"]
    assert red["wanted"].isna().all()
    np.testing.assert_array_equal(red["seen"], red["before"])
    found = figures(run)
    assert found["attribute_accuracy", None]["value"] == 1
    assert found["attribute_accuracy", "Bright"]["n"] == 6
    assert found["attribute_kept_rate", None]["value"] == 1
    if (before < 1).any():
        assert found["attribute_change_rate", "Bright"]["n"] == int((before < 1).sum())
    assert ("attribute_accuracy", "Unknown") not in found, "the judge does not know it"
    drawn = run.table(only(run)["key"], "draws")
    assert "attribute_kept_rate" in set(drawn["figure"])


class HeldAgainstPeople(Judge):
    """The same, which was held against people on Bright, and on Red with too few photos."""

    agreement = {  # noqa: RUF012
        "Bright": JudgeAgreement(0.95, 0.9, 0.99, 60, 70),
        "Red": JudgeAgreement(0.99, 0.9, 1.0, 20, 110),
    }


def test_what_the_judge_is_not_trusted_on_is_in_no_figure_of_all(
    sweep: Callable[..., Any], own_registry: Registry, tmp_path: Path, cache: ArrayCache
) -> None:
    own_registry.add(row("judge", "tested", HeldAgainstPeople), "the tests")
    run = run_sweep(sweep(attributes={"judge": "tested"}), tmp_path / "run", cache=cache)
    table = run.table(only(run)["key"], "judge")
    assert table["attribute"].tolist() == ["Bright", "Red"]
    assert table["area"].tolist() == pytest.approx([0.95, 0.99])
    assert table["absent"].tolist() == [70, 110]
    assert table["tested"].tolist() == table["trusted"].tolist() == [True, False]
    found = figures(run)
    assert ("attribute_accuracy", None) in found
    assert ("attribute_kept_rate", None) not in found, "nothing but untrusted attributes was to stay"
    assert ("attribute_kept_rate", "Red") in found, "by itself it is there"
    plain = run_sweep(sweep(), tmp_path / "plain", cache=cache)
    assert "judge" not in only(plain)["tables"]


def test_the_report_says_how_far_the_judge_is_trusted(
    sweep: Callable[..., Any], own_registry: Registry, tmp_path: Path, cache: ArrayCache
) -> None:
    own_registry.add(row("judge", "tested", HeldAgainstPeople), "the tests")
    for name, area, words in (("eye", "does not say how often", ""), ("tested", "It is trusted on Bright.", "0.950")):
        run = run_sweep(sweep(attributes={"judge": name}), tmp_path / name, cache=cache)
        loaded = load(run.path)
        how, *found = attribute_tables.blocks(judged(loaded.of("generated")[0], loaded))
        assert isinstance(how, Words)
        assert area in str(how.text)
        folded = found[-1]
        assert isinstance(folded, Folded)
        (table,) = folded.blocks
        assert isinstance(table, Table)
        rows = {one.label: [cell.text for cell in one.cells] for one in table.table.rows}
        assert list(rows) == ["Bright"], "what was asked for, of what the judge knows"
        assert (words in rows["Bright"]) is bool(words)


def test_what_was_said_is_kept_for_another_recognizer(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    run_sweep(sweep(recognizers=["toy", {"name": "toy", "label": "other"}]), tmp_path / "run", cache=cache)
    assert Asked.times == 2, "six faces in batches of four, once for two recognizers"


@pytest.mark.parametrize(
    ("fault", "said"),
    [("dtype", "asked.wanted_attributes returned float64"), ("range", "returned other numbers than 0, 1 and NaN")],
)
def test_what_are_no_wishes_is_refused(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, fault: str, said: str
) -> None:
    run = run_sweep(sweep({"fault": fault}), tmp_path / "run", cache=cache)
    (failure,) = run.failures().to_dict("records")
    assert failure["error"] == PluginError.__name__
    assert said in failure["message"]


def test_a_face_that_was_not_made_is_not_judged(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run = run_sweep(sweep({"fault": "refused"}), tmp_path / "run", cache=cache)
    assert set(run.table(only(run)["key"], "attributes")["face"]) == {1, 2, 3, 5}


def test_nobody_who_can_tell_is_an_error(
    sweep: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"attributes: none of the makers \(asked\) says which attributes"):
        run_sweep(sweep({"fault": "silent"}), tmp_path / "run")
    with pytest.raises(ConfigError, match="attributes goes with recognizers"):
        sweep(generators=[], assessments=["verification"])
    monkeypatch.setattr(Judge, "template", replace(SMALL, name="other", side=40))
    with pytest.raises(ConfigError, match="eye looks at crops of the template other, and asked makes faces in toy32"):
        run_sweep(sweep(), tmp_path / "run")


def test_shares_over_faces_and_over_each_attribute() -> None:
    nan = np.nan
    wanted = np.array([[1, nan, nan], [0, 1, nan], [nan, nan, nan], [1, nan, 0]], np.float32)
    before = np.array([[0.1, 0.9, 0.2], [0.9, 0.8, 0.7], [0.1, 0.1, 0.1], [nan] * 3], np.float32)
    seen = np.array([[0.8, 0.9, 0.6], [0.7, 0.6, 0.6], [0.1, 0.2, 0.3], [nan] * 3], np.float32)
    people = Contributors(np.arange(4, dtype=np.int32)[:, None], 4)
    values, drawn = assess_attributes(JudgedAttributes(NAMES, wanted, seen, before), people, np.ones((2, 4), np.bool_))
    found = {(one.figure, one.group): one for one in values}
    assert found["attribute_accuracy", None].value == pytest.approx((1 + 0.5) / 2)
    assert found["attribute_accuracy", "Bright"].value == pytest.approx(0.5)
    assert found["attribute_accuracy", "Red"].n == 1
    assert ("attribute_accuracy", "Strange") not in found, "of the only one asked for it no face was made"
    assert found["attribute_change_rate", None].value == pytest.approx((1 + 0) / 2)
    assert found["attribute_change_rate", None].n == 2
    assert found["attribute_kept_rate", None].value == pytest.approx((0.5 + 1 + 1) / 3)
    assert found["attribute_kept_rate", "Strange"].value == pytest.approx(2 / 3)
    np.testing.assert_allclose(drawn["attribute_accuracy", None, None], 0.75)
    with pytest.raises(ShapeError, match=r"expected \(M, 3\)"):
        JudgedAttributes(NAMES, wanted, seen[:2], before)
