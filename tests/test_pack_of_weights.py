"""The pack that is said to be what makers learned from, held against what their weights say themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from bench import weights
from bench.api import LearnedFrom
from bench.config import Sweep, parse_sweep
from bench.errors import ConfigError, PluginError
from bench.packs.pack import Pack
from bench.packs.people import people_digest
from bench.registry import Registry, load
from bench.sweep.pack_people import PackPeople
from bench.sweep.plan import plan
from tests.test_packs import write_pack
from tests.test_risk import pack_of
from tests.toys import ToyGenerator, add_toys, photos, write

ROOT = Path(__file__).parent.parent
PEOPLE = [f"train{number}" for number in range(3)]
ANOTHER = LearnedFrom("d" * 64, "e" * 64, 3449)
MAKERS: tuple[tuple[str, str, str], ...] = (
    ("generator", "sis", "sis_tiny"),
    ("generator", "mixsyn", "mixsyn_tiny"),
    ("generator", "translation", "translation_tiny"),
    ("generator", "spade", "spade_tiny"),
    ("generator", "successive_edits", "sis_tiny"),
    ("attack", "hidden_identity", "sis_tiny"),
    ("attack", "least_edit", "translation_tiny"),
)
"""Kind, name and the weights that ship: all that learned."""


# ------------------------------------------------------------------------------------------------- what makers say


@pytest.mark.parametrize(("kind", "name", "file"), MAKERS)
def test_makers_that_ship_say_what_their_cards_say(kind: Any, name: str, file: str) -> None:
    said = load(kind, name).learned_from
    about = json.loads(weights.metadata(weights.RELEASED / f"{file}.safetensors")["about"])
    assert said[0] == LearnedFrom(about["data"], about["people_digest"], about["people"])
    assert said[0].data in (weights.RELEASED / f"{file}.md").read_text(encoding="utf-8")
    assert len(set(said)) == len(said)


def test_what_weights_began_with_has_seen_they_have_seen() -> None:
    mixsyn, spade = (load("generator", name).learned_from for name in ("mixsyn", "spade"))
    assert mixsyn[1:] == spade
    assert load("generator", "mixsyn", composition="pasted").learned_from == ()


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({}, ()),
        ({"steps": 7, "taught_by": ["somebody"]}, ()),
        ({"data": "a"}, (LearnedFrom("a"),)),
        ({"data": "a", "people": 4, "people_digest": "p", "started_with": {"data": "a"}},
         (LearnedFrom("a", "p", 4), LearnedFrom("a"))),
        ({"data": "a", "started_with": {"steps": 1, "started_with": {"data": "b", "started_with": {"data": "a"}}}},
         (LearnedFrom("a"), LearnedFrom("b"))),
    ],
)  # fmt: skip
def test_weights_say_as_much_as_their_file_does(tmp_path: Path, about: Any, said: tuple[LearnedFrom, ...]) -> None:
    file = tmp_path / "some.safetensors"
    save_file({"x": np.zeros(1, np.float32)}, file, {"about": json.dumps(about)})
    assert load("generator", "spade", weights=str(file)).learned_from == said


def test_asking_needs_no_torch() -> None:
    script = (
        "import sys\n"
        "from bench.registry import load\n"
        f"for kind, name, _ in {MAKERS!r}:\n"
        "    assert load(kind, name).learned_from\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


# ---------------------------------------------------------------------------------------------------- what is held


def test_a_pack_is_known_by_its_digest_or_its_people(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "pack", (12, 12, 12))
    pack, people = Pack.open(folder), PackPeople(folder)
    train = pack.split == "train"
    labelled = train & np.isfinite(pack.attributes).all(axis=1)
    everybody, those = (people_digest(pack.subject_digests[rows]) for rows in (train, labelled))
    assert everybody != those != people_digest(pack.subject_digests[:0])
    for one in (LearnedFrom(pack.digest), LearnedFrom("a", everybody), LearnedFrom("a", those, 5)):
        people.refuse_maker(maker(one), "it")
        people.refuse_maker(maker(ANOTHER, one), "it")
    for rows in (np.ones(len(pack), np.bool_), pack.split == "dev"):
        with pytest.raises(ConfigError, match="it's weights learned from"):
            people.refuse_maker(maker(LearnedFrom("a", people_digest(pack.subject_digests[rows]))), "it")


def test_the_error_names_every_pack_and_says_what_to_type(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "pack")
    with pytest.raises(ConfigError) as refused:
        PackPeople(folder).refuse_maker(maker(ANOTHER, LearnedFrom("f" * 64)), "mine")
    assert str(refused.value) == (
        f"leakage.pack: {folder} has digest {Pack.open(folder).digest[:12]}..., and mine's weights learned from "
        "dddddddddddd... (3,449 people) and ffffffffffff...; give the pack that its card names, audit makers that "
        "learned from different packs apart, or leave pack out"
    )


@pytest.mark.parametrize("name", ["collage", "landmark_morph"])
def test_a_maker_that_learned_nothing_passes(tmp_path: Path, name: str) -> None:
    kind, settings = ("generator", {"regions": ["eyes"]}) if name == "collage" else ("attack", {})
    people = PackPeople(write_pack(tmp_path / "pack"))
    people.refuse_maker(load(kind, name, **settings), name)  # type: ignore[arg-type]
    people.refuse_maker(SimpleNamespace(learned_from=None), name)  # type: ignore[arg-type]


@pytest.mark.parametrize("said", ["d" * 64, ANOTHER, ("d" * 64,), {"data": "d"}])
def test_what_is_no_tuple_of_packs_is_refused(tmp_path: Path, said: Any) -> None:
    people = PackPeople(write_pack(tmp_path / "pack"))
    with pytest.raises(PluginError, match=r"mine: got learned_from .*, expected a tuple of bench\.api\.LearnedFrom"):
        people.refuse_maker(SimpleNamespace(learned_from=said), "mine")  # type: ignore[arg-type]


def maker(*said: LearnedFrom) -> Any:
    return SimpleNamespace(learned_from=said)


# ------------------------------------------------------------------------------------------------------ in a sweep


@pytest.fixture
def sweep(own_registry: Registry, tmp_path: Path) -> Callable[..., Sweep]:
    """A sweep of makers of faces, whom they learned from and whom not."""
    add_toys(own_registry)
    rng = np.random.default_rng(0)
    there = {side: {"dataset": {"name": "folder", "root": str(tmp_path / side)}}
             for side in ("train", "holdout", "strangers")}  # fmt: skip
    for side in there:
        for person in range(3):
            colour = rng.integers(0, 255, 3)
            write(tmp_path / side / f"{side}{person}" / "0.png", np.full((8, 8, 3), colour, np.uint8))

    def make(pack: Path | None, *generators: Any) -> Sweep:
        sides = {side: there[side] for side in ("train", "holdout")}
        base = {
            "name": "t", "dataset": {"name": "folder", "root": str(photos(tmp_path / "photos"))}, "fmr": [0.1],
            "recognizers": ["toy"], "assessments": [], "generators": generators, "draws": 40,
            "pairs": {"count": 4, "references": 1}, "strangers": there["strangers"],
            "leakage": {**sides, "fpir": 0.1, "pack": pack and str(pack)},
        }  # fmt: skip
        return parse_sweep(base)

    return make


def test_makers_of_a_sweep_learned_from_its_pack(
    sweep: Callable[..., Sweep], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = pack_of(tmp_path / "pack", PEOPLE)
    anew = pack_of(tmp_path / "anew", PEOPLE[::-1])
    fewer = pack_of(tmp_path / "fewer", PEOPLE[:2])
    opened = Pack.open(pack)
    assert len({opened.digest, Pack.open(anew).digest, Pack.open(fewer).digest}) == 3
    (silent,) = plan(sweep(fewer, "toy")).cells
    said = LearnedFrom(opened.digest, people_digest(opened.subject_digests), 3)
    monkeypatch.setattr(ToyGenerator, "learned_from", (said,), raising=False)
    for folder in (pack, anew, None):
        assert len(plan(sweep(folder, "toy")).cells) == 1
    with pytest.raises(ConfigError, match=rf"fewer has digest .*, and mine's weights learned from {said.data[:12]}"):
        plan(sweep(fewer, {"name": "toy", "label": "mine"}))
    monkeypatch.undo()
    assert plan(sweep(fewer, "toy")).cells[0].key == silent.key


def test_a_shipped_maker_is_refused_another_pack(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    translation = {"name": "translation", "edits": {"Smiling": "flip"}, "aligner": "toy"}
    assert plan(sweep(None, "toy", translation)).cells
    with pytest.raises(ConfigError, match=r"translation's weights learned from bdcb4780f909\.\.\. \(3,449 people\);"):
        plan(sweep(pack_of(tmp_path / "pack", PEOPLE), "toy", translation))
