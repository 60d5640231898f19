"""From a sweep with makers to their faces, scores and figures, with plugins whose numbers can be worked out by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.config import parse_sweep
from bench.errors import ConfigError, InsufficientData
from bench.images import decode, png_text
from bench.registry import Registry
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.faces import FaceStore
from bench.store.run_folder import RunFolder
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from tests.toys import ToyAttack, ToyGenerator, add_toys, only, photos, write

FOUR = ("both", "swapped", "preserved", "neither")


@pytest.fixture
def sweep(own_registry: Registry, tmp_path: Path) -> Callable[..., Any]:
    """Ten faces of two of four people each, three photos a person, with changes."""
    add_toys(own_registry)
    root = photos(tmp_path / "photos")

    def make(**changes: Any) -> Any:
        base = {
            "name": "t", "dataset": {"name": "folder", "root": str(root)}, "recognizers": ["toy"], "fmr": [0.1],
            "assessments": [], "generators": ["toy"], "pairs": {"count": 10, "references": 2},
        }  # fmt: skip
        return parse_sweep(base | changes)

    return make


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(DiskStore(tmp_path / "cache"))


def tables(run: RunFolder) -> dict[str, pd.DataFrame]:
    outcome = only(run)
    return {name: run.table(outcome["key"], name) for name in outcome["tables"]}


def figures(run: RunFolder, **wanted: Any) -> dict[Any, float]:
    summary = run.summary()
    for column, entry in wanted.items():
        summary = summary[summary[column] == entry]
    return {
        (row["figure"], row["group"]) if row["group"] else row["figure"]: row["value"]
        for row in summary.astype(object).where(summary.notna(), None).to_dict("records")
    }


def colour(root: Path, key: str) -> np.ndarray:
    return decode((root / key).read_bytes(), key)[0, 0] / 255.0


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_every_score_is_that_of_the_colours(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run = run_sweep(sweep(generators=[{"name": "toy", "weight": 0.25}]), tmp_path / "run", cache=cache)
    found = tables(run)
    root = tmp_path / "photos"
    photo = found["contributors"].pivot(index="face", columns="contributor", values="photo")
    assert (found["contributors"].groupby("face")["subject"].nunique() == 2).all()
    faces = {}
    for face, keys in photo.iterrows():
        mixed = 0.75 * colour(root, keys[1]) + 0.25 * colour(root, keys[2])
        faces[face] = np.rint(mixed * 255) / 255
    for row in found["contributors"].to_dict("records"):
        assert row["same_photo_score"] == pytest.approx(
            cosine(faces[row["face"]], colour(root, row["photo"])), abs=3e-3
        )
    assert len(found["attempts"]) == 10 * 2 * 2
    for row in found["attempts"].to_dict("records"):
        keys, reference = photo.loc[row["face"]], colour(root, row["reference"])
        assert row["reference"] not in set(keys)
        assert row["reference"].split("/")[0] == keys[row["contributor"]].split("/")[0]
        assert row["score"] == pytest.approx(cosine(faces[row["face"]], reference), abs=3e-3)
        assert row["clean_score"] == pytest.approx(cosine(colour(root, keys[1]), reference), abs=1e-6)
        assert row["own_score"] == pytest.approx(cosine(colour(root, keys[row["contributor"]]), reference), abs=1e-6)


def test_the_shares_follow_from_the_stored_scores(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    found, values = tables(run), figures(run, operating_point="fmr=0.1")
    accepted = found["attempts"].assign(match=found["attempts"]["score"] >= np.float32(values["threshold"]))
    rates = accepted.groupby(["face", "contributor"])["match"].mean().unstack()
    first, second = rates[1], rates[2]
    wanted = {
        "both": first * second, "swapped": (1 - first) * second,
        "preserved": first * (1 - second), "neither": (1 - first) * (1 - second),
    }  # fmt: skip
    for name in FOUR:
        assert values[f"{name}_match_rate"] == pytest.approx(wanted[name].mean(), abs=1e-12)
    assert sum(values[f"{name}_match_rate"] for name in FOUR) + values["not_acquired_rate"] == pytest.approx(1)
    assert values["not_acquired_rate"] == 0
    assert values["prodavg_morph_match_rate"] == values["both_match_rate"]
    summary = run.summary()
    assert set(summary["generator"]) == {"toy"}
    assert set(summary["protocol"]) == {"different_people"}


def test_weights_are_an_axis_and_the_crossing_is_seen(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    weights = [0.0, 0.5, 1.0]
    run = run_sweep(sweep(generators=[{"name": "toy", "weight": weights}]), tmp_path / "run", cache=cache)
    summary = run.summary()
    assert [json.loads(json.dumps(one))["generator.weight"] for one in summary["settings"].drop_duplicates()] == weights
    rows = summary[summary["figure"] == "contributor_similarity_mean"]
    first, second = (rows[rows["group"] == f"contributor {k}"]["value"].to_numpy() for k in (1, 2))
    assert (np.diff(first) < 0).all()
    assert (np.diff(second) > 0).all()
    margin = summary[summary["figure"] == "similarity_margin_mean"]["value"].to_numpy()
    assert margin == pytest.approx(second - first, abs=1e-9)
    clean = summary[summary["figure"] == "clean_preserved_match_rate"]["value"]
    preserved = summary[summary["figure"] == "preserved_match_rate"]["value"]
    assert preserved.iloc[0] == clean.iloc[0], "weight 0 is the first contributor's own photo"


def test_nothing_is_made_or_embedded_twice(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    asked = sweep(recognizers=["toy", {"name": "toy", "label": "toy2", "gain": 2.0}])
    run = run_sweep(asked, tmp_path / "run", cache=cache)
    assert ToyGenerator.made == 12, "ten faces in batches of four, for both recognizers together"
    counts = [outcome["counts"] for outcome in run.outcomes()]
    assert [one["faces_made_now"] for one in counts] == [10, 0]
    again = run_sweep(asked, tmp_path / "again", cache=cache)
    assert ToyGenerator.made == 12
    assert all(outcome["counts"]["embeddings_computed"] == 0 for outcome in again.outcomes())
    assert (again.path / "summary.json").read_bytes() == (run.path / "summary.json").read_bytes()
    for one, other in zip(run.outcomes(), again.outcomes(), strict=True):
        assert one["tables"] == other["tables"]


def test_a_damaged_or_lost_face_is_made_again(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    pictures = sorted((tmp_path / "cache" / "faces").glob("*/*.png"))
    assert len(pictures) == 10
    pictures[0].write_bytes(pictures[0].read_bytes()[:-40])
    pictures[5].unlink()
    again = run_sweep(sweep(), tmp_path / "again", cache=cache)
    assert 0 < only(again)["counts"]["faces_made_now"] <= 8, "only the batches of the two"
    assert (again.path / "summary.json").read_bytes() == (run.path / "summary.json").read_bytes()


def test_a_cache_that_cannot_be_written_costs_time_only(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    full = ArrayCache(DiskStore(tmp_path / "full"))
    put = DiskStore.put

    def refuse(self: DiskStore, key: str, data: bytes) -> None:
        if self.root == tmp_path / "full":
            raise OSError(28, "No space left on device", key)
        put(self, key, data)

    monkeypatch.setattr(DiskStore, "put", refuse)
    again = run_sweep(sweep(), tmp_path / "again", cache=full)
    assert (again.path / "summary.json").read_bytes() == (run.path / "summary.json").read_bytes()


def test_what_cannot_be_made_or_found_is_counted(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    root = tmp_path / "photos"
    write(root / "ann" / "1.png", np.zeros((8, 8, 3), np.uint8))  # no face in it
    asked = sweep(generators=[{"name": "toy", "refuses": 0.9}], pairs={"count": 12, "references": 2})
    run = run_sweep(asked, tmp_path / "run", cache=cache)
    found, values = tables(run), figures(run)
    problems = found["faces"]["problem"]
    photo = found["contributors"].pivot(index="face", columns="contributor", values="photo")
    hidden = (photo == "ann/1.png").any(axis=1)
    assert hidden.any()
    assert (problems[hidden] == "no face found in a contributor's photo").all()
    assert (problems == "could not be made of these photos").sum() == (~hidden & ~found["faces"]["made"]).sum() > 0
    assert values["faces_not_made"] == (~found["faces"]["made"]).sum()
    share = (
        found["attempts"].assign(got=found["attempts"]["score"].notna()).groupby(["face", "contributor"])["got"].mean()
    )
    both = share.unstack().prod(axis=1)
    at = figures(run, operating_point="fmr=0.1")
    assert at["not_acquired_rate"] == pytest.approx(1 - both.mean())
    assert sum(at[f"{name}_match_rate"] for name in FOUR) + at["not_acquired_rate"] == pytest.approx(1)
    assert sum(at[f"acquired_{name}_match_rate"] for name in FOUR) == pytest.approx(1)


def test_three_contributors_have_no_four_outcomes(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run = run_sweep(sweep(generators=[{"name": "toy", "sources": 3}]), tmp_path / "run", cache=cache)
    at = figures(run, operating_point="fmr=0.1")
    assert "both_match_rate" not in at
    rates = [at["contributor_match_rate", f"contributor {k}"] for k in (1, 2, 3)]
    several = [at["several_match_rate", f"{k} of 3"] for k in (1, 2, 3)]
    assert several == sorted(several, reverse=True)
    assert sum(several) == pytest.approx(sum(rates))
    assert at["prodavg_morph_match_rate"] <= min(rates) + 1e-12


def test_one_contributor_is_enough(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    asked = sweep(generators=[{"name": "toy", "sources": 1, "wants": []}])
    run = run_sweep(asked, tmp_path / "run", cache=cache)
    at = figures(run, operating_point="fmr=0.1")
    assert at["contributor_match_rate", "contributor 1"] == 1, "the very photo, in another file"
    assert not (tables(run)["faces"]["structural_similarity"] < 0.999).any()


def test_pictures_say_that_they_are_synthetic(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run = run_sweep(sweep(keep_faces="all"), tmp_path / "run", cache=cache)
    portraits = tables(run)["portraits"]
    assert list(portraits["face"]) == list(range(10))
    for data in portraits["png"]:
        text = png_text(data)
        assert text["impersona.synthetic"] == "true"
        assert text["impersona.made_by"] == "toy"
        assert text["impersona.run"] == "t"
        assert text["impersona.weights"]
        assert decode(data, "a face").shape == (256, 256, 3)
    for path in (tmp_path / "cache" / "faces").glob("*/*.png"):
        assert png_text(path.read_bytes())["impersona.synthetic"] == "true"
    few = run_sweep(sweep(pairs={"count": 30, "references": 2}), tmp_path / "few", cache=cache)
    assert len(tables(few)["portraits"]) == 12
    none = run_sweep(sweep(keep_faces="none"), tmp_path / "none", cache=cache)
    assert "portraits" not in tables(none)


def test_an_attack_is_run_with_its_goal(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    asked = sweep(generators=[], attacks=[{"name": "toy", "label": "mix", "goal": "dodge"}])
    run = run_sweep(asked, tmp_path / "run", cache=cache)
    summary = run.summary()
    assert set(summary["attack"]) == {"mix"}
    assert set(summary["goal"]) == {"dodge"}
    assert summary["generator"].isna().all()
    assert ToyAttack.made == 12
    hidden = run_sweep(sweep(generators=[], attacks=["toy"]), tmp_path / "hide", cache=cache)
    assert set(hidden.summary()["goal"]) == {"hide"}


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        ({"fault": "dtype"}, r"returned float64 \(4, 3, 16, 16\); expected float32 \(4, 3, 16, 16\)"),
        ({"fault": "range"}, r"values outside \[0, 1\]"),
        ({"fault": "asks"}, "declares access 'nothing'; declare 'scores'"),
        ({"wants": ["references", "landmarks"]}, "the template toy wants landmarks|dlib's 68 landmarks|one place"),
    ],
)
def test_a_faulty_maker_fails_its_cell(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, maker: dict[str, Any], message: str
) -> None:
    run = run_sweep(sweep(generators=[], attacks=[{"name": "toy", **maker}]), tmp_path / "run", cache=cache)
    (outcome,) = run.outcomes()
    assert outcome["status"] == "failure"
    assert pd.Series([outcome["message"]]).str.contains(message).all(), outcome["message"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"generators": [{"name": "toy", "wants": ["attributes"]}]}, "toy asks for attributes; the bench gives "),
        ({"generators": [{"name": "toy", "parser": "toy"}]}, "toy: got parser 'toy', and it takes no masks"),
        ({"generators": ["toy", "toy"]}, "apart; give each generator"),
        ({"generators": [{"name": "toy", "goal": "hide"}]}, "only attacks have one"),
        ({"attacks": [{"name": "toy", "goal": "impersonate"}]}, "it knows dodge, hide"),
        ({"generators": [], "assessments": []}, "expected at least one, or generators, or attacks"),
    ],
)
def test_what_does_not_fit_is_refused_beforehand(
    sweep: Callable[..., Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(sweep(**changes))


def test_too_few_people_are_refused_beforehand(sweep: Callable[..., Any]) -> None:
    with pytest.raises(InsufficientData, match="4 of 4 people"):
        plan(sweep(generators=[{"name": "toy", "sources": 5}]))


def test_a_run_can_be_repeated_from_its_own_list(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    first = tables(run)["contributors"]
    path = tmp_path / "contributors.csv"
    first.to_csv(path, index=False)
    again = run_sweep(sweep(pairs={"file": str(path), "references": 2}, seed=99), tmp_path / "again", cache=cache)
    second = tables(again)["contributors"]
    columns = ["face", "contributor", "subject", "photo"]
    pd.testing.assert_frame_equal(first[columns], second[columns])
    assert set(again.summary()["protocol"]) == {"listed"}
    moved = tmp_path / "elsewhere" / "list.csv"
    moved.parent.mkdir()
    shutil.move(path, moved)
    third = run_sweep(sweep(pairs={"file": str(moved), "references": 2}, seed=99), tmp_path / "third", cache=cache)
    assert only(third)["key"] == only(again)["key"], "where the list lies is no part of the run"


def test_look_alikes_are_found_by_the_named_recognizer(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    pairs = {"count": 2, "kind": "look_alikes", "references": 2, "alike_by": "toy"}
    run = run_sweep(sweep(pairs=pairs), tmp_path / "run", cache=cache)
    people = tables(run)["contributors"].groupby("face", observed=True)["subject"].agg(lambda s: tuple(sorted(s)))
    assert {"bob", "dan"} <= set(people[0]) | set(people[1]), "green and yellow are the most alike of the four colours"
    assert set(run.summary()["protocol"]) == {"look_alikes"}


def test_processes_make_the_same_bytes(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    one = run_sweep(sweep(), tmp_path / "one", cache=cache)
    other = run_sweep(sweep(), tmp_path / "other", cache=ArrayCache(DiskStore(tmp_path / "second")))
    assert (one.path / "summary.json").read_bytes() == (other.path / "summary.json").read_bytes()
    assert only(one)["tables"] == only(other)["tables"]


def test_faces_need_a_cache_in_a_folder() -> None:
    class Elsewhere:
        pass

    cache = ArrayCache(Elsewhere())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="a cache in a folder"):
        FaceStore(cache, {})
