"""What was taken of whom: a maker's word in a sweep, with the stream of its faces, and whom faces match by it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.api import FaceBatch, MixingMaker, PluginRow
from bench.config import parse_sweep
from bench.errors import ShapeError
from bench.images import decode
from bench.metrics.attempts import Attempts
from bench.metrics.contributions import BINS, PARTS, REGIONS, assess_contributions, assess_taken
from bench.metrics.vulnerability import assess_outcomes
from bench.regions import CLASSES
from bench.registry import Registry
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.inventory import contexts
from bench.store.run_folder import RunFolder
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from tests.toys import ToyGenerator, add_toys, only, photos

SKIN, NOSE, HAIR = (CLASSES.index(name) for name in ("skin", "nose", "hair"))
T = 0.5
NAN = np.nan
GAIN = "given_match_rate_gain"
ALONG = ("mean_contributor_match_rate", "several_match_rate")


# ---------------------------------------------------------------------------------------------------------- in a sweep


@dataclass(frozen=True)
class MixerSettings:
    """Of how many, and what may go wrong."""

    sources: int = 3
    refuses: float = 2.0
    fault: str = ""


FAULTS: Mapping[str, Callable[[Any], Any]] = {
    "a list": list,
    "dtype": lambda shares: shares.astype(np.float64),
    "too few faces": lambda shares: shares[1:],
    "another number of contributors": lambda shares: shares[:, :2],
    "other regions": lambda shares: shares[:, :, :18],
    "nan": lambda shares: np.where(shares > 0, shares, np.float32(NAN)),
    "below 0": lambda shares: shares - np.eye(3, 19, dtype=np.float32) + np.eye(3, 19, 5, dtype=np.float32),
    "more than all": lambda shares: shares * 2,
}


class Mixer(ToyGenerator):
    """Background of the first; skin and hair of somebody who is drawn, nose of both halves: colours by their shares."""

    asked = 0
    stops_at = -1

    def __init__(self, settings: MixerSettings) -> None:
        self.settings = settings  # type: ignore[assignment]
        self.contributors = settings.sources
        self.conditions = frozenset({"references"} if settings.sources > 1 else ())

    def fingerprint(self) -> Any:
        return {"revision": 1, "sources": self.settings.sources, "refuses": self.settings.refuses}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        type(self).made += len(batch.images)
        every = batch.images[:, None]
        if batch.references is not None:
            every = np.concatenate([every, batch.references], axis=1)
        weights = self._drawn(len(batch.images), rng).sum(axis=2)
        faces = (every * weights[:, :, None, None, None]).sum(axis=1)
        faces[batch.images[:, 0, 0, 0] > self.settings.refuses] = NAN
        return np.minimum(faces, 1).astype(np.float32)

    def shares(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        assert len(batch.images) == self.batch_size
        if type(self).asked == type(self).stops_at:
            raise RuntimeError("stopped")
        type(self).asked += 1
        found = self._drawn(len(batch.images), rng)
        found[batch.images[:, 0, 0, 0] > self.settings.refuses] = NAN
        return FAULTS[self.settings.fault](found) if self.settings.fault else found

    def _drawn(self, size: int, rng: np.random.Generator) -> Any:
        """One draw for every face, so that the stream goes on through all batches as far as it is used."""
        whose = rng.integers(0, self.contributors, (size, 2))
        found = np.zeros((size, self.contributors, 19), np.float32)
        found[:, 0, 0] = 0.25
        found[np.arange(size), whose[:, 0], SKIN] = 0.5
        found[np.arange(size), whose[:, 1], HAIR] = 0.125
        found[np.arange(size), whose[:, 0], NOSE] += 0.0625
        found[np.arange(size), whose[:, 1], NOSE] += 0.0625
        return found


class MixingAttack(Mixer):
    """The same as an attack."""

    goals = frozenset({"hide"})
    access = "nothing"

    def run(self, batch: FaceBatch, oracle: Any, goal: Any, budget: Any, rng: np.random.Generator) -> Any:
        return self.generate(batch, rng)


@pytest.fixture
def sweep(own_registry: Registry, tmp_path: Path) -> Callable[..., Any]:
    """Eleven faces of three of four people each, with changes."""
    add_toys(own_registry)
    for kind, name in (("generator", "Mixer"), ("attack", "MixingAttack")):
        own_registry.add(
            PluginRow(
                kind=kind, name="mixer", target=f"tests.test_contributions:{name}",  # type: ignore[arg-type]
                settings="tests.test_contributions:MixerSettings", summary="a toy", source="the tests", licence="none",
            ),
            "the tests",
        )  # fmt: skip
    Mixer.asked = Mixer.made = MixingAttack.asked = 0
    Mixer.stops_at = -1
    root = photos(tmp_path / "photos")

    def make(maker: dict[str, Any] | None = None, **changes: Any) -> Any:
        base = {
            "name": "t", "dataset": {"name": "folder", "root": str(root)}, "recognizers": ["toy"], "fmr": [0.1],
            "assessments": [], "generators": [{"name": "mixer"} | (maker or {})], "keep_faces": "all", "draws": 20,
            "pairs": {"count": 11, "references": 2}, "seed": 5,
        }  # fmt: skip
        return parse_sweep(base | changes)

    return make


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(DiskStore(tmp_path / "cache"))


def dense(run: RunFolder, faces: int = 11, contributors: int = 3) -> np.ndarray:
    """The table of a run as float64 (M, K, 19)."""
    found = np.zeros((faces, contributors, 19))
    table = run.table(only(run)["key"], "contributions")
    assert (table["share"] > 0).all()
    assert not table.duplicated(["face", "contributor", "region"]).any()
    found[table["face"], table["contributor"] - 1, table["region"]] = table["share"]
    return found


@pytest.mark.parametrize("changes", [{}, {"diversity": {"faces": 3, "makings": 2}}, {"seed": 6}])
def test_the_maker_is_asked_with_the_stream_of_its_faces(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, changes: dict[str, Any]
) -> None:
    run = run_sweep(sweep(**changes), tmp_path / "run", cache=cache)
    shares, key = dense(run), only(run)["key"]
    assert shares.sum(axis=(1, 2)) == pytest.approx(1)
    assert len(np.unique(shares.sum(axis=2), axis=0)) > 3, "else any stream would do"
    photo = run.table(key, "contributors").pivot(index="face", columns="contributor", values="photo")
    for face, png in run.table(key, "portraits")[["face", "png"]].itertuples(index=False):
        colours = [decode((tmp_path / "photos" / name).read_bytes(), name)[0, 0] for name in photo.loc[face]]
        wanted = np.rint(shares[face].sum(axis=1) @ np.array(colours))
        assert np.abs(decode(png, "face")[0, 0] - wanted).max() <= 1


def test_an_attack_may_tell_too(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    asked = sweep(generators=[], attacks=["mixer"])
    assert dense(run_sweep(asked, tmp_path / "run", cache=cache)).sum() == pytest.approx(11)
    assert isinstance(MixingAttack(MixerSettings()), MixingMaker)


def test_every_figure_follows_from_the_stored_tables(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    outcome, shares = only(run), dense(run)
    records = {(one["figure"], one["group"]): one for one in outcome["figures"] if not one["versus"]}
    threshold = records["threshold", None]["value"]
    attempts = run.table(outcome["key"], "attempts")
    match = attempts.assign(match=attempts["score"] >= threshold).groupby(["face", "contributor"])["match"].mean()
    wanted = plainly(match.unstack().to_numpy(), shares, [True] * 11)
    assert records["mean_contributor_match_rate", None]["value"] == pytest.approx(match.mean())
    found = {key: one["value"] for key, one in records.items() if key[0] in {name for name, _ in wanted}}
    assert found == pytest.approx(wanted, abs=1e-6)
    assert {group for figure, group in found if figure == "given_match_rate"} == {
        "background", "skin", "nose", "hair", "face",
    }  # fmt: skip
    for (name, _), one in records.items():
        if name in {figure for figure, _ in wanted} and one["value"] is not None:  # too few gave as much else
            assert one["low"] <= one["value"] <= one["high"]
    drawn = run.table(outcome["key"], "draws")
    known = {key for key, value in wanted.items() if value is not None}
    assert known <= {(figure, group or None) for figure, group in zip(
        drawn["figure"], drawn["group"].astype(object).where(drawn["group"].notna(), None), strict=True
    )}  # fmt: skip


def test_a_maker_is_asked_once_and_the_cache_changes_nothing(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    first = run_sweep(sweep(), tmp_path / "first", cache=cache)
    assert Mixer.asked == 3, "eleven faces in batches of four"
    again = run_sweep(sweep(recognizers=["toy", {"name": "toy", "label": "other", "gain": 2.0}]), tmp_path / "again",
                      cache=cache)  # fmt: skip
    assert Mixer.asked == 3
    (kept,) = [one for one in contexts(cache) if one.kind == "contributions"]
    assert (kept.maker, kept.rows) == ("mixer", 11)
    mine, other = again.outcomes()
    assert mine["tables"]["contributions"] == other["tables"]["contributions"]
    assert mine["tables"] == only(first)["tables"]
    afresh = run_sweep(sweep(), tmp_path / "afresh", cache=ArrayCache(DiskStore(tmp_path / "other")))
    assert Mixer.asked == 6
    assert only(afresh)["tables"] == only(first)["tables"]
    assert (afresh.path / "summary.json").read_bytes() == (first.path / "summary.json").read_bytes()


def test_what_broke_off_goes_on_to_the_same_bytes(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    whole = run_sweep(sweep(), tmp_path / "whole", cache=ArrayCache(DiskStore(tmp_path / "other")))
    Mixer.asked, Mixer.stops_at = 0, 2
    broken = run_sweep(sweep(), tmp_path / "run", cache=cache)
    assert broken.failures()["error"].tolist() == ["RuntimeError"]
    Mixer.stops_at, Mixer.made = -1, 0
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    assert (Mixer.asked, Mixer.made) == (3, 0), "the third batch only, and no face again"
    assert only(run)["tables"] == only(whole)["tables"]
    assert (run.path / "summary.json").read_bytes() == (whole.path / "summary.json").read_bytes()


def test_faces_that_are_not_made_gave_nothing(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run = run_sweep(sweep({"refuses": 0.9}), tmp_path / "run", cache=cache)
    made = run.table(only(run)["key"], "faces")["made"].to_numpy()
    assert 0 < made.sum() < 11
    assert dense(run).sum(axis=(1, 2)) == pytest.approx(made.astype(float))
    nobody = run_sweep(sweep({"refuses": -1.0}), tmp_path / "nobody", cache=cache)
    assert not dense(nobody).any()
    figures = {one["figure"]: one for one in only(nobody)["figures"]}
    assert "given_match_rate" not in figures
    assert figures["contribution_share_mean"]["value"] is None
    assert figures["mean_contributor_match_rate"]["value"] == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_what_are_no_shares_fails_the_cell(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, fault: str
) -> None:
    few = {"pairs": {"count": 4, "references": 1}, "draws": 0}
    run = run_sweep(sweep({"fault": fault}, **few), tmp_path / "run", cache=cache)
    (failure,) = run.failures().to_dict("records")
    assert failure["error"] == "PluginError"
    assert re.search(r"mixer\.shares returned .*; expected ", failure["message"])
    assert not [one for one in contexts(cache) if one.kind == "contributions" and one.rows]


def test_only_makers_that_can_tell_are_asked(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    cells = plan(sweep(generators=["mixer", "toy"])).cells
    assert [cell.spec.get("contributions") for cell in cells] == [{"revision": 1}, None]
    one = run_sweep(sweep({"sources": 1}), tmp_path / "one", cache=cache)
    assert "contributions" in only(one)["tables"]
    assert not {each["figure"] for each in only(one)["figures"]} & {"given_match_rate", "mean_contributor_match_rate"}


# ------------------------------------------------------------------------------------------------------------- figures


def giver_of(face: np.ndarray, classes: Sequence[int]) -> int | None:
    """Who gave some classes of a face, (K, 19); None where it does not show them."""
    taken = [sum(of_person[list(classes)]) for of_person in face]
    return taken.index(max(taken)) if sum(taken) >= 1e-4 else None


def gain_plainly(match: np.ndarray, shares: np.ndarray, made: list[bool], classes: Sequence[int]) -> float | None:
    """Givers against those who gave as many other parts, by loops."""
    apart = [part for part in PARTS if not set(part) & set(classes)]
    kept = {face: giver_of(shares[face], classes) for face in range(len(match)) if made[face]}
    kept = {face: giver for face, giver in kept.items() if giver is not None}
    while True:
        equals: dict[int, list[float]] = {}
        gave: list[tuple[int, int, float]] = []
        for face, giver in kept.items():
            owners = [giver_of(shares[face], part) for part in apart]
            for k in range(match.shape[1]):
                if k == giver:
                    gave.append((face, owners.count(k), match[face, k]))
                else:
                    equals.setdefault(owners.count(k), []).append(match[face, k])
        lost = [face for face, parts, _ in gave if len(equals.get(parts, [])) < 5]
        if not lost:
            break
        kept = {face: giver for face, giver in kept.items() if face not in lost}
    return sum(h - sum(equals[parts]) / len(equals[parts]) for _, parts, h in gave) / len(gave) if gave else None


def plainly(match: np.ndarray, shares: np.ndarray, made: list[bool]) -> dict[tuple[str, str | None], float]:
    """Every figure, number by number: match (M, K) in [0, 1], shares (M, K, 19)."""
    faces, number = match.shape
    found: dict[tuple[str, str | None], float] = {}
    of_person = np.full((faces, number), NAN)
    for face in range(faces):
        whole = sum(shares[face, k, r] for k in range(number) for r in range(1, 19)) if made[face] else 0
        for k in range(number):
            if whole > 0:
                of_person[face, k] = sum(shares[face, k, r] for r in range(1, 19)) / whole
    for k in range(number):
        known = [one for one in of_person[:, k] if not math.isnan(one)]
        found["contribution_share_mean", f"contributor {k + 1}"] = sum(known) / len(known)
    for region, classes in REGIONS.items():
        given, others = [], []
        for face in range(faces):
            giver = giver_of(shares[face], classes) if made[face] else None
            if giver is None:
                continue
            given.append(match[face, giver])
            others.append(sum(match[face, k] for k in range(number) if k != giver) / (number - 1))
        if given:
            found["given_match_rate", region] = sum(given) / len(given)
            found["not_given_match_rate", region] = sum(others) / len(others)
            found["given_match_rate_gain", region] = gain_plainly(match, shares, made, classes)
    for name in BINS:
        low, high = (float(end) / 100 for end in name.removesuffix(" %").split("-"))
        inside = [
            match[face, k]
            for face in range(faces)
            for k in range(number)
            if low <= of_person[face, k]
            and (of_person[face, k] < high or (high == 1 and not math.isnan(of_person[face, k])))
        ]
        if inside:
            found["share_taken_match_rate", name] = sum(inside) / len(inside)
    return found


def attempts_of(scores: Any, made: Any = None, planned: Any = None) -> Attempts:
    """Attempts from scores (M, K, P); everybody contributes to one face only."""
    scores = np.float32(scores)
    faces, number, _ = scores.shape
    made = np.ones(faces, bool) if made is None else np.array(made)
    planned = np.ones(scores.shape, bool) if planned is None else planned
    scores = np.where(made[:, None, None] & planned, scores, np.float32(NAN))
    people = np.arange(faces * number, dtype=np.int32).reshape(faces, number)
    return Attempts(
        scores=scores, clean=np.where(planned, np.float32(0), np.float32(NAN)),
        own=np.where(planned, np.float32(1), np.float32(NAN)), same_photo=scores[:, :, 0].copy(), planned=planned,
        made=made, acquired=made, people=people, count=people.size,
    )  # fmt: skip


def none_kept(attempts: Attempts) -> np.ndarray:
    return np.ones((0, attempts.count), np.bool_)


def random_case(seed: int, number: int) -> tuple[Attempts, np.ndarray]:
    rng = np.random.default_rng(seed)
    faces, references = 40, 3
    made = rng.random(faces) < 0.9
    planned = rng.random((faces, number, references)) < 0.7
    planned[:, :, 0] = True
    shares = rng.random((faces, number, 19)) ** 6 * (rng.random((faces, 1, 19)) < 0.6)
    shares[:, :, CLASSES.index("hat")] = 0
    shares[:, :, 1] += 0.01
    shares /= shares.sum(axis=(1, 2), keepdims=True)
    shares[~made] = NAN
    return attempts_of(rng.random((faces, number, references)), made, planned), shares.astype(np.float32)


@pytest.mark.parametrize(("seed", "number"), [(1, 2), (2, 3), (3, 6)])
def test_figures_are_those_of_the_plain_sums(seed: int, number: int) -> None:
    attempts, shares = random_case(seed, number)
    kept = np.ones((2, attempts.count), np.bool_)
    kept[1, attempts.people[:20].ravel()] = False
    values, drawn = assess_contributions(attempts, shares, kept)
    more, drawn_more = assess_taken(attempts, shares, "fmr=0.1", T, "ok", kept)
    match = (np.nan_to_num(attempts.scores) >= T).sum(axis=2) / attempts.planned.sum(axis=2)
    wanted = plainly(match, shares.astype(np.float64), attempts.made.tolist())
    found = {(one.figure, one.group): one for one in values + more}
    assert {key: one.value for key, one in found.items()} == pytest.approx(wanted)
    assert ("given_match_rate", "hat") not in found
    half = plainly(match[20:], shares[20:].astype(np.float64), attempts.made[20:].tolist())
    for (name, point, group), on_draws in (drawn | drawn_more).items():
        assert point in (None, "fmr=0.1")
        if name == "given_match_rate_gain":  # on a draw its linearisation, with the means of all
            assert on_draws[0] == pytest.approx(wanted[name, group], abs=1e-6)
        else:
            assert on_draws == pytest.approx([wanted[name, group], half[name, group]], abs=1e-6)


@pytest.mark.parametrize(("seed", "number"), [(1, 2), (2, 3), (3, 6)])
def test_how_many_match_is_known_of_every_maker(seed: int, number: int) -> None:
    attempts, _ = random_case(seed, number)
    found = {(one.figure, one.group): one for one in assess_outcomes(attempts, "p", T)}
    match = (np.nan_to_num(attempts.scores) >= T).sum(axis=2) / attempts.planned.sum(axis=2)
    assert found["mean_contributor_match_rate", None].value == pytest.approx(match.mean())
    assert found["mean_contributor_match_rate", None].n == 40, "faces that were not made match nobody"
    assert found["several_match_rate", f"1 of {number}"].value == pytest.approx((1 - (1 - match).prod(axis=1)).mean())
    assert found["several_match_rate", f"{number} of {number}"].value == pytest.approx(match.prod(axis=1).mean())
    alone = {one.figure for one in assess_outcomes(attempts_of(np.zeros((3, 1, 2))), "p", T)}
    assert not alone & {"mean_contributor_match_rate", "several_match_rate"}


def mixed_at_random(seed: int, number: int, faces: int) -> np.ndarray:
    """Shares of faces whose parts are drawn as MixSyn draws them: each source gets one, the rest go to anybody."""
    rng = np.random.default_rng(seed)
    shares = np.zeros((faces, number, 19), np.float32)
    for face in shares:
        owner = rng.integers(number, size=len(PARTS))
        owner[rng.permutation(len(PARTS))[:number]] = np.arange(number)
        face[owner, [part[0] for part in PARTS]] = 1 / len(PARTS)
    return shares


@pytest.mark.parametrize("number", [2, 4])
def test_a_region_that_does_nothing_gains_nothing(number: int) -> None:
    shares = mixed_at_random(8, number, 600)
    whose = shares > 0
    telling = [SKIN, HAIR, CLASSES.index("glasses")]
    match = whose[:, :, telling].sum(axis=2) + np.random.default_rng(9).random((600, number)) > 1
    attempts = attempts_of(match[:, :, None])
    found = {
        (one.figure, one.group): one
        for one in assess_taken(attempts, shares, "p", T, "ok", none_kept(attempts))[0]
    }  # fmt: skip
    given, others, gain = (found[name, "nose"] for name in ("given_match_rate", "not_given_match_rate", GAIN))
    assert given.value < others.value - 0.03, "who gave the nose gave less of the rest"  # type: ignore[operator]
    assert gain.low < 0 < gain.high  # type: ignore[operator]
    assert found[GAIN, "skin"].low > 0.2  # type: ignore[operator]


def test_people_in_several_faces_widen_every_interval() -> None:
    """Three faces of the same people with the same outcome are hardly more than one of them."""
    once, number = 40, 3
    shares = np.repeat(mixed_at_random(5, number, once), 3, axis=0)
    match = np.random.default_rng(6).random((once, number)) < 0.5
    apart = attempts_of(np.repeat(match[:, :, None], 3, axis=0))
    people = np.repeat(np.arange(once * number, dtype=np.int32).reshape(once, number), 3, axis=0)
    together = replace(apart, people=people)

    def widths(attempts: Attempts) -> dict[tuple[str, str | None], float]:
        kept = none_kept(attempts)
        found = assess_contributions(attempts, shares, kept)[0] + assess_taken(attempts, shares, "p", T, "ok", kept)[0]
        found += [one for one in assess_outcomes(attempts, "p", T) if one.figure in ALONG]
        return {(one.figure, one.group): one.high - one.low for one in found if one.interval != "exact"}  # type: ignore[operator]

    ours, as_if_independent = widths(together), widths(apart)
    assert {figure for figure, _ in ours} == {
        "contribution_share_mean", "given_match_rate", "not_given_match_rate", GAIN, "share_taken_match_rate", *ALONG,
    }  # fmt: skip
    for key, width in ours.items():
        assert width > 1.4 * as_if_independent[key], key  # the square root of 3, but for what ends of ranges take


def test_the_giver_has_the_larger_share_and_the_first_of_equals() -> None:
    shares = np.zeros((6, 2, 19), np.float32)
    shares[0::3, :, SKIN] = 0.6, 0.4  # the first
    shares[1::3, :, SKIN] = 0.2, 0.8  # the second
    shares[2::3, :, SKIN] = 0.5, 0.5
    attempts = attempts_of([[[1.0], [0]], [[0], [1]], [[0], [1]]] * 2)
    values, _ = assess_taken(attempts, shares, "p", T, "ok", none_kept(attempts))
    found = {(one.figure, one.group): one for one in values}
    assert found["given_match_rate", "skin"].value == pytest.approx(2 / 3)
    assert found["not_given_match_rate", "skin"].value == pytest.approx(1 / 3)
    assert found["given_match_rate_gain", "skin"].value == pytest.approx(1 / 3)
    assert found["given_match_rate", "skin"].n == 6
    few = assess_taken(attempts_of([[[1.0], [0]]] * 4), shares[:4], "p", T, "ok", np.ones((0, 8), np.bool_))[0]
    (gain,) = [one for one in few if (one.figure, one.group) == ("given_match_rate_gain", "skin")]
    assert (gain.value, gain.n, gain.support) == (None, 0, "insufficient"), "too few to be compared with"
    assert found["given_match_rate", "skin"].support == "weak"
    assert {group for figure, group in found if figure == "given_match_rate"} == {"skin", "face"}
    assert found["share_taken_match_rate", "50-100 %"].value == pytest.approx(3 / 4)
    assert found["share_taken_match_rate", "25-50 %"].value == 0
    assert found["share_taken_match_rate", "10-25 %"].value == 0
    assert ("share_taken_match_rate", "0-10 %") not in found


def test_background_is_nobodys_share() -> None:
    shares = np.zeros((1, 2, 19), np.float32)
    shares[0, 0, 0], shares[0, 0, SKIN], shares[0, 1, SKIN] = 0.9, 0.02, 0.08
    attempts = attempts_of([[[1.0], [0]]])
    found = {one.group: one.value for one in assess_contributions(attempts, shares, none_kept(attempts))[0]}
    assert found == pytest.approx({"contributor 1": 0.2, "contributor 2": 0.8})


def test_support_counts_pairs_and_follows_the_threshold() -> None:
    shares = np.zeros((40, 4, 19), np.float32)
    shares[:, :, SKIN] = 0.25
    attempts = attempts_of(np.tile([[[1.0], [0], [0], [0]]], (40, 1, 1)))
    taken = assess_taken(attempts, shares, "p", T, "ok", none_kept(attempts))[0]
    found = {one.figure: one for one in taken + assess_outcomes(attempts, "p", T)}
    assert found["mean_contributor_match_rate"].support == "ok", "40 matches of 160"
    assert found["mean_contributor_match_rate"].n == 40
    assert found["given_match_rate"].support == "weak", "nobody does not match"
    weak, _ = assess_taken(attempts, shares, "p", T, "weak", none_kept(attempts))
    assert {one.support for one in weak} == {"weak"}
    nothing, drawn = assess_taken(attempts, shares, "p", None, "insufficient", np.ones((3, 160), np.bool_))
    assert {(one.value, one.low, one.interval, one.support) for one in nothing} == {(None, None, None, "insufficient")}
    assert not drawn


def test_one_contributor_gave_all() -> None:
    attempts = attempts_of([[[1.0]]])
    shares = np.zeros((1, 1, 19), np.float32)
    shares[0, 0, SKIN] = 1
    kept = none_kept(attempts)
    assert assess_contributions(attempts, shares, kept) == ([], {})
    assert assess_taken(attempts, shares, "p", T, "ok", kept) == ([], {})


def test_shares_that_are_none_are_refused() -> None:
    attempts, shares = random_case(4, 3)
    kept = none_kept(attempts)
    for wrong, says in (
        (shares[:, :2], r"expected float32 \(40, 3, 19\)"),
        (shares.astype(np.float64), "expected float32"),
        (np.nan_to_num(shares), "other faces than those that were made"),
        (shares * np.float32(1.5), "add up to 1"),
        (shares - np.float32(0.2), "outside of"),
    ):
        with pytest.raises(ShapeError, match=says):
            assess_taken(attempts, wrong, "p", T, "ok", kept)
