"""From a sweep with detectors to their scores and figures, with plugins whose numbers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.config import parse_sweep
from bench.errors import ConfigError, UnknownName
from bench.images import png_text
from bench.registry import Registry
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.run_folder import RunFolder, draws_of
from bench.sweep.instances import plugin
from bench.sweep.plan import plan
from bench.sweep.presentations import present
from bench.sweep.runner import run_sweep
from tests.toys import COLOURS, ToyDetector, ToyGenerator, add_toys, only, photos, write

PEOPLE = {f"person{number}": (90 + 40 * (number % 4), 60 + 25 * (number % 7), 20 + 9 * number) for number in range(12)}


@pytest.fixture
def sweep(own_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Ten faces of two of twelve people each, three photos a person, with changes."""
    add_toys(own_registry)
    monkeypatch.setattr("tests.toys.COLOURS", PEOPLE)
    root = photos(tmp_path / "photos", people=tuple(PEOPLE))

    def make(**changes: Any) -> Any:
        base = {
            "name": "t", "dataset": {"name": "folder", "root": str(root)}, "detectors": ["toy"], "generators": ["toy"],
            "pairs": {"count": 10, "references": 2}, "draws": 50,
        }  # fmt: skip
        return parse_sweep(base | changes)

    return make


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(DiskStore(tmp_path / "cache"))


def shown_in(run: RunFolder) -> pd.DataFrame:
    return run.table(only(run)["key"], "presentations")


def grey(colour: np.ndarray) -> float:
    return float(-np.ptp(np.rint(colour) / 255))


def colour(key: str) -> np.ndarray:
    person, _, photo = key.partition("/")
    return np.clip(np.array(PEOPLE[person]) + 9 * int(photo[0]), 0, 255).astype(float)


def test_bona_fide_photos_are_all_that_take_part_each_once(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    rows = shown_in(run_sweep(sweep(), tmp_path / "run", cache=cache))
    real = rows[rows["species"].isna()]
    attacks = rows[rows["species"] == "toy"]
    assert len(attacks) == 10
    assert real["sample"].is_unique
    contributing = {who for whom in attacks["subjects"] for who in whom}
    assert set(real["sample"]) == {f"{who}/{number}.png" for who in contributing for number in range(3)}
    assert all(list(row.subjects) == [row.sample.split("/")[0]] for row in real.itertuples())
    assert all(len(set(whom)) == 2 for whom in attacks["subjects"])
    assert rows["reference"].isna().all()


def test_scores_are_those_of_the_colours(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    rows = shown_in(run_sweep(sweep(), tmp_path / "run", cache=cache))
    for row in rows[rows["species"].isna()].itertuples():
        assert row.score == pytest.approx(grey(colour(row.sample)), abs=1e-6)


def test_bona_fide_pictures_take_the_way_of_made_ones(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    (cell,) = plan(sweep()).cells
    found = present(cell.spec, cache)
    kinds = {}
    for species, suspect in zip(found.species, found.suspects, strict=True):
        folder = Path(found.datasets[suspect.dataset]["root"])
        picture = plugin("dataset", found.datasets[suspect.dataset]).image(suspect.key)
        kinds.setdefault(species, []).append((picture.shape, png_text((folder / suspect.key).read_bytes())))
    for species, pictures in kinds.items():
        assert {shape for shape, _ in pictures} == {(256, 256, 3)}
        # A photo that was left as it is must not say that it is synthetic.
        assert {text.get("impersona.synthetic") for _, text in pictures} == ({"true"} if species else {None})


def test_a_differential_detector_sees_other_photos_of_the_contributors(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    wanted = sweep(detectors=[{"name": "toy", "differential": True}], detection={"references": 2})
    rows = shown_in(run_sweep(wanted, tmp_path / "run", cache=cache))
    assert rows["reference"].notna().all()
    for row in rows.itertuples():
        assert row.reference.split("/")[0] in set(row.subjects)
        assert row.reference != row.sample
    attacks = rows[rows["species"].notna()]
    assert (attacks.groupby("sample").size() == 2 * 2).all()
    real = rows[rows["species"].isna()]
    assert (real.groupby("sample").size() == 2).all()
    for row in real.itertuples():
        apart = np.abs(colour(row.sample) - colour(row.reference)).sum() / 255
        assert row.score == pytest.approx(apart, abs=1e-5)


def test_every_setting_of_every_maker_is_a_species(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    wanted = sweep(generators=[{"name": "toy", "weight": [0.25, 0.5]}], attacks=[{"name": "toy", "label": "attack"}])
    run = run_sweep(wanted, tmp_path / "run", cache=cache)
    species = ["toy weight=0.25", "toy weight=0.5", "attack"]
    assert list(shown_in(run)["species"].dropna().unique()) == species
    summary = run.summary()
    errors = summary[summary["figure"] == "attack_error_rate"]
    assert set(errors["species"]) == set(species)
    assert set(summary["detector"]) == {"toy"}
    assert summary["recognizer"].isna().all()
    worst = summary[summary["figure"] == "worst_attack_error_rate"].set_index("operating_point")["value"].dropna()
    for point, value in worst.items():
        here = errors[errors["operating_point"] == point]["value"]
        assert value == here.max()
    assert len(worst)


def test_two_species_of_one_name_are_refused(sweep: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="two species of attack called 'toy' apart; give each generator and attack a"):
        plan(sweep(attacks=["toy"]))


def test_two_detectors_of_one_name_are_refused(sweep: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="two detectors called 'toy' apart; give each a label"):
        plan(sweep(detectors=["toy", "toy"]))


def test_thresholds_are_carried_over_from_dev_people(own_registry: Registry, tmp_path: Path, cache: ArrayCache) -> None:
    add_toys(own_registry)
    base = {
        "name": "t", "seed": 3, "dataset": {"name": "drawn", "people": 60, "images": 3, "side": 96, "split": "eval"},
        "calibrate": {"split": "dev"}, "detectors": ["toy"], "generators": ["toy"], "pairs": {"count": 20},
        "draws": 20, "detection": {"rates": [0.2]},
    }  # fmt: skip
    run = run_sweep(parse_sweep(base), tmp_path / "run", cache=cache)
    outcome, summary = only(run), run.summary()
    thresholds = outcome["calibration"]["thresholds"]
    assert sorted(thresholds) == ["dev:attack_error=0.2", "dev:bona_fide_error=0.2", "dev:eer"]
    rows = shown_in(run)
    scored = rows["score"].to_numpy()
    real = rows["species"].isna().to_numpy()
    for point, threshold in thresholds.items():
        here = summary[summary["operating_point"] == point].set_index("figure")["value"]
        assert here["bona_fide_error_rate"] == pytest.approx((scored[real] >= np.float32(threshold)).mean())
        assert here["worst_attack_error_rate"] == pytest.approx((scored[~real] < np.float32(threshold)).mean())
    # What is carried over is what a run over the dev people sets on themselves.
    dev = parse_sweep({**base, "dataset": {**base["dataset"], "split": "dev"}, "calibrate": None, "name": "dev"})
    own = run_sweep(dev, tmp_path / "dev", cache=cache).summary()
    own = own[(own["figure"] == "threshold") & own["species"].isna()].set_index("operating_point")["value"]
    for point in ("attack_error=0.2", "bona_fide_error=0.2"):
        assert own[point] == thresholds[f"dev:{point}"]


def test_people_who_are_calibrated_on_are_not_reported_on(sweep: Callable[..., Any], tmp_path: Path) -> None:
    same = {"name": "folder", "root": str(tmp_path / "photos")}
    with pytest.raises(ConfigError, match="were also calibrated on"):
        plan(sweep(calibrate={"dataset": same}))


def test_draws_are_there_for_every_rate(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run = run_sweep(sweep(detection={"rates": [0.3]}), tmp_path / "run", cache=cache)
    drawn = draws_of(run.table(only(run)["key"], "draws"))
    assert {len(values) for values in drawn.values()} == {50}
    assert ("bona_fide_error_rate", "attack_error=0.3", None, None) in drawn
    assert ("attack_error_rate", "bona_fide_error=0.3", None, "toy") in drawn


def test_a_face_that_the_aligner_does_not_find_is_no_response(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    # Black photos are found by nobody: the maker's aligner leaves them out, and the faces that need them are not made.
    for person in list(PEOPLE)[:6]:
        write(tmp_path / "photos" / person / "0.png", np.zeros((8, 8, 3), np.uint8))
    outcome = only(run_sweep(sweep(), tmp_path / "run", cache=cache))
    rows = shown_in(RunFolder.open(tmp_path / "run"))
    assert outcome["counts"]["not_made"] > 0
    assert not any(sample.endswith("/0.png") and sample.split("/")[0] in list(PEOPLE)[:6] for sample in rows["sample"])
    # As trusted references, which are taken as they are, they are no response.
    wanted = sweep(detectors=[{"name": "toy", "differential": True}], detection={"references": 2}, name="d")
    run = run_sweep(wanted, tmp_path / "d", cache=cache)
    rows = shown_in(run)
    silent = rows[rows["score"].isna()]
    assert len(silent) == only(run)["counts"]["presentations_without_response"] > 0
    assert set(silent["problem"]) == {"reference: no face found"}
    summary = run.summary().set_index("figure")["value"]
    real = rows[rows["species"].isna()]
    assert summary["bona_fide_non_response_rate"] == pytest.approx(real["score"].isna().mean())


def test_labels_of_the_data_set_can_say_what_is_an_attack(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    for label, shade in (("real", 30), ("gan", 200), ("print", 120)):
        for number in range(5):
            write(tmp_path / "labelled" / label / f"{number}.png", np.full((8, 8, 3), (shade, 10, number), np.uint8))
    labelled = {"name": "images", "root": str(tmp_path / "labelled")}
    wanted = sweep(dataset=labelled, generators=[], detection={"bona_fide": "real", "rates": [0.4]})
    (cell,) = plan(wanted).cells
    assert cell.labels["protocol"] == "labels"
    rows = shown_in(run_sweep(wanted, tmp_path / "run", cache=cache))
    assert rows.groupby("species", dropna=False, observed=True).size().to_dict() == {"gan": 5, "print": 5, np.nan: 5}
    for bad, error, message in (
        ({"bona_fide": "genuine"}, ConfigError, "holds 'gan', 'print', 'real'; expected 'genuine'"),
        ({"bona_fide": "real", "column": "lable"}, UnknownName, "label"),
    ):
        with pytest.raises(error, match=message):
            plan(sweep(dataset=labelled, generators=[], detection=bad))
    with pytest.raises(ConfigError, match="write two sweeps"):
        plan(sweep(dataset=labelled, detection={"bona_fide": "real"}))
    with pytest.raises(ConfigError, match="compares a suspect with a trusted photo"):
        plan(sweep(
            dataset=labelled, generators=[], detection={"bona_fide": "real"},
            detectors=[{"name": "toy", "differential": True}],
        ))  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "message"), [("nan", "scores that are not finite"), ("dtype", "float64 .*expected float32")]
)
def test_wrong_scores_are_a_failure_that_names_the_detector(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache, fault: str, message: str
) -> None:
    run = run_sweep(sweep(detectors=[{"name": "toy", "fault": fault}]), tmp_path / "run", cache=cache)
    (outcome,) = run.outcomes()
    assert outcome["status"] == "failure"
    assert outcome["error"] == "PluginError"
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(outcome["message"])


def test_a_second_run_makes_nothing_anew(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    run_sweep(sweep(), tmp_path / "run", cache=cache)
    made, scored = ToyGenerator.made, ToyDetector.scored
    run_sweep(sweep(), tmp_path / "run", cache=cache)
    assert (ToyGenerator.made, ToyDetector.scored) == (made, scored)
    other = run_sweep(sweep(detectors=[{"name": "toy", "noise": 0.1}], name="u"), tmp_path / "other", cache=cache)
    assert ToyGenerator.made == made
    assert only(other)["counts"]["people"] == only(RunFolder.open(tmp_path / "run"))["counts"]["people"]


def test_recognizers_may_be_left_out_and_stand_beside(sweep: Callable[..., Any]) -> None:
    assert [cell.spec["assessment"] for cell in plan(sweep()).cells] == ["detection"]
    both = plan(sweep(recognizers=["toy"], fmr=[0.1])).cells
    assert [cell.spec["assessment"] for cell in both] == ["verification", "generated", "detection"]
    assert len(COLOURS) == 4
