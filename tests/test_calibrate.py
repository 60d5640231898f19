"""Thresholds carried from some people to others: set, kept, refused, used."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bench
from bench.cli.main import main
from bench.config import Sweep, parse_sweep
from bench.datasets.drawn.dataset import Drawn, DrawnSettings
from bench.errors import ConfigError, InsufficientData, MissingFile, UnknownName
from bench.metrics import Clusters, double_or_nothing, rate_interval
from bench.metrics.likelihood import log_likelihood_ratio_cost, logistic_calibration
from bench.registry import Registry
from bench.seeding import split_of
from bench.store.legacy import LEGACY_CONSTANTS
from bench.store.run_folder import RunFolder
from bench.store.thresholds import Thresholds
from bench.sweep.calibration import Calibration, CarriedPoint
from bench.sweep.calibration_plan import origin_name
from bench.sweep.carried import calibrated_draws, calibrated_figures
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from tests.toys import add_toys, write

FMRS = [0.1, 0.01, 0.0001]
PEOPLE = {
    part: [name for name in (f"p{k:02}" for k in range(99)) if split_of(name) == part][:9] for part in ("dev", "eval")
}


@dataclasses.dataclass(frozen=True)
class FlatSettings:
    people: int = 4


class Flat(Drawn):
    """Drawn people who are not parted, as those of somebody else's data set may not be."""

    def __init__(self, settings: FlatSettings) -> None:
        super().__init__(DrawnSettings(people=settings.people, images=2))


def faces(root: Path, people: list[str], photos: int = 4) -> Path:
    """Coloured squares whose colours overlap between people, so that every threshold errs."""
    for person in people:
        rng = np.random.default_rng(int(person[1:]))
        middle = rng.integers(60, 200, 3)
        for number in range(photos):
            colour = np.clip(middle + rng.normal(0, 18, 3), 0, 255).astype(np.uint8)
            write(root / person / f"{number}.png", np.full((8, 8, 3), colour))
    return root


@pytest.fixture
def sweep(own_registry: Registry, tmp_path: Path) -> Callable[..., Sweep]:
    """A sweep over the eval people of a folder, calibrated on its dev people, with changes."""
    add_toys(own_registry)
    root = faces(tmp_path / "photos", PEOPLE["dev"] + PEOPLE["eval"])

    def make(**changes: Any) -> Sweep:
        base = {
            "name": "t",
            "dataset": {"name": "folder", "root": str(root), "split": "eval"},
            "calibrate": {"split": "dev"},
            "recognizers": ["toy"],
            "fmr": FMRS,
            "draws": 100,
        }
        return parse_sweep(base | changes)

    return make


def records(run: RunFolder) -> list[dict[str, Any]]:
    """Every record of a run's summary.json."""
    found: list[dict[str, Any]] = json.loads((run.path / "summary.json").read_text())["records"]
    assert found, run.failures().to_string()
    return found


def values(run: RunFolder) -> dict[tuple[str, str | None], dict[str, Any]]:
    """A run's records by figure and operating point."""
    return {(record["figure"], record["operating_point"]): record for record in records(run)}


def scores(run: RunFolder) -> tuple[np.ndarray, np.ndarray]:
    """Mated and nonmated scores of a run that were acquired."""
    trials = run.trials().dropna(subset="score")
    return tuple(trials.loc[trials["mated"] == kind, "score"].to_numpy(np.float32) for kind in (True, False))


# --------------------------------------------------------------------------------------------------- set and carried


def test_dev_thresholds_are_those_worked_by_hand(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    found = bench.calibrate(sweep(), tmp_path / "thresholds")
    (thresholds,) = found.values()
    on_dev = run_sweep(sweep(dataset=dict_of(sweep(), split="dev"), calibrate=None), tmp_path / "dev")
    mated, nonmated = scores(on_dev)
    descending = np.sort(nonmated)[::-1]
    for point, fmr in zip(thresholds.points, FMRS, strict=True):
        budget = int(fmr * nonmated.size)
        if not budget:
            assert (point.threshold, point.support, point.needed_nonmated) == (None, "insufficient", 10_000)
            continue
        by_hand = np.nextafter(descending[budget], np.float32(np.inf))
        assert point.threshold == float(by_hand)
        assert point.false_matches == (nonmated >= by_hand).sum() <= budget
        assert point.false_match_rate == (nonmated >= by_hand).mean()
        assert point.false_non_match_rate == (mated < by_hand).mean()
    assert thresholds.dataset.nonmated == nonmated.size == 9 * 8 // 2 * 16
    assert (thresholds.dataset.people, thresholds.dataset.split) == (9, "dev")
    assert thresholds.runtime == {"provider": "toy"}
    assert thresholds.logistic is not None
    by_hand = logistic_calibration(mated, nonmated)
    assert (thresholds.logistic.scale, thresholds.logistic.offset) == (by_hand.scale, by_hand.offset)


def dict_of(swept: Sweep, **changes: Any) -> dict[str, Any]:
    """The data set of a sweep as a sweep file has it, with changes."""
    return swept.dataset.as_entry() | changes


def test_the_manifest_says_what_a_sweep_over_the_same_people_says(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    (thresholds,) = bench.calibrate(sweep(), tmp_path / "thresholds").values()
    on_dev = values(run_sweep(sweep(dataset=dict_of(sweep(), split="dev"), calibrate=None, seed=0), tmp_path / "dev"))
    point = thresholds.points[0]
    for figure, value, interval in (
        ("threshold", point.threshold, None),  # its draws come from a stream of their own
        ("false_match_rate", point.false_match_rate, point.false_match_rate_interval),
        ("false_non_match_rate", point.false_non_match_rate, None),
    ):
        record = on_dev[figure, "fmr=0.1"]
        assert record["value"] == value
        assert interval is None or interval == (record["low"], record["high"])
    assert thresholds.equal_error is not None
    assert thresholds.equal_error.equal_error_rate == on_dev["equal_error_rate", None]["value"]
    assert point.threshold_interval is not None
    assert point.threshold_interval[0] <= point.threshold <= point.threshold_interval[1]


def test_carried_thresholds_are_judged_on_other_people(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    (thresholds,) = bench.calibrate(sweep(), tmp_path / "thresholds").values()
    run = run_sweep(sweep(), tmp_path / "run")
    found, (mated, nonmated) = values(run), scores(run)
    for point in thresholds.points[:2]:
        name = f"dev:fmr={point.requested_fmr:g}"
        assert found["threshold", name]["value"] == point.threshold
        assert found["threshold", name]["n"] == thresholds.dataset.nonmated
        assert found["false_match_rate", name]["value"] == (nonmated >= point.threshold).mean()
        assert found["false_non_match_rate", name]["value"] == (mated < point.threshold).mean()
        assert found["true_accept_rate", name]["value"] == pytest.approx((mated >= point.threshold).mean())
        assert found["false_match_rate", name]["low"] < found["false_match_rate", name]["high"]
    assert thresholds.equal_error is not None
    assert thresholds.logistic is not None
    at = thresholds.equal_error.threshold
    hter = found["half_total_error_rate", "dev:eer"]
    assert hter["value"] == pytest.approx(((nonmated >= at).mean() + (mated < at).mean()) / 2)
    assert hter["low"] < hter["value"] < hter["high"]
    line = thresholds.logistic
    ratios = (line.scale * kind.astype(np.float64) + line.offset for kind in (mated, nonmated))
    cost = found["log_likelihood_ratio_cost", "dev:logistic"]
    assert cost["value"] == pytest.approx(log_likelihood_ratio_cost(*ratios), rel=1e-12)
    assert cost["low"] < cost["value"] < cost["high"]
    assert cost["value"] > found["minimum_log_likelihood_ratio_cost", None]["value"]
    assert found["false_match_rate", "dev:fmr=0.0001"]["support"] == "insufficient"
    assert found["false_match_rate", "dev:fmr=0.0001"]["value"] is None


def test_a_threshold_that_rests_on_little_makes_weak_figures(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    found = values(run_sweep(sweep(), tmp_path / "run"))
    assert found["threshold", "dev:fmr=0.1"]["support"] == "ok"
    assert found["threshold", "dev:fmr=0.01"]["support"] == "weak"
    assert found["true_match_rate", "dev:fmr=0.01"]["support"] == "weak"


def test_kept_thresholds_give_the_figures_of_thresholds_set_now(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    bench.calibrate(sweep(), tmp_path / "thresholds")
    now = run_sweep(sweep(), tmp_path / "now")
    for place in (tmp_path / "thresholds", tmp_path / "thresholds" / "toy_toy.json"):
        kept = run_sweep(sweep(calibrate={"thresholds": str(place)}), tmp_path / f"kept-{place.name}")
        assert records(kept) == records(now)
        assert (kept.path / "summary.json").read_bytes() == (now.path / "summary.json").read_bytes()
    assert now.outcomes()[0]["calibration"]["schema"] == "impersona.thresholds/1"
    strip = ("date", "warnings")
    both = [
        {key: value for key, value in run.outcomes()[0]["calibration"].items() if key not in strip}
        for run in (now, kept)
    ]
    assert both[0] == both[1]


def test_thresholds_of_another_data_set(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    calibrate = {"dataset": {"name": "drawn", "people": 5, "images": 3}, "fmr": 0.1}
    swept = sweep(calibrate=calibrate)
    (cell,) = plan(swept).cells
    assert cell.spec["calibration"]["origin"] == "drawn/eval"  # its default split
    assert cell.spec["calibration"]["fmr"] == [0.1]
    found = values(run_sweep(swept, tmp_path / "run"))
    assert found["threshold", "drawn/eval:fmr=0.1"]["n"] == 5 * 4 // 2 * 9
    (thresholds,) = bench.calibrate(swept, tmp_path / "thresholds").values()
    assert (thresholds.dataset.name, thresholds.dataset.split) == ("drawn", "eval")
    assert found["threshold", "drawn/eval:fmr=0.1"]["value"] == thresholds.points[0].threshold


@pytest.mark.parametrize(
    ("data", "split", "evaluated", "name"),
    [
        ("celeba", "dev", "celeba", "dev"),
        ("celeba", "dev", "lfw", "celeba/dev"),
        ("celeba", "all", "lfw", "celeba"),
        ("drawn", None, "lfw", "drawn"),
        ("folder", None, "folder", "folder"),
    ],
)
def test_names_of_origins(data: str, split: str | None, evaluated: str, name: str) -> None:
    assert origin_name(data, split, evaluated) == name


def test_photos_that_fail_to_acquire_are_counted_in_the_manifest(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    write(tmp_path / "photos" / PEOPLE["dev"][0] / "0.png", np.zeros((8, 8, 3), np.uint8))
    (thresholds,) = bench.calibrate(sweep(), tmp_path / "thresholds").values()
    data = thresholds.dataset
    assert (data.mated_not_acquired, data.nonmated_not_acquired) == (3, 8 * 4)


def test_scores_that_a_threshold_parts_have_no_ratios(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    for person in PEOPLE["dev"]:
        for number in range(4):
            source = tmp_path / "photos" / person / "0.png"
            (tmp_path / "photos" / person / f"{number}.png").write_bytes(source.read_bytes())
    (thresholds,) = bench.calibrate(sweep(), tmp_path / "thresholds").values()
    assert thresholds.logistic is None
    assert thresholds.equal_error is not None
    assert thresholds.equal_error.equal_error_rate == 0
    assert thresholds.equal_error.equal_error_rate_interval is not None
    assert thresholds.equal_error.equal_error_rate_interval[1] > 0
    record = values(run_sweep(sweep(), tmp_path / "run"))["log_likelihood_ratio_cost", "dev:logistic"]
    assert (record["value"], record["support"]) == (None, "insufficient")


# ----------------------------------------------------------------------------------------------------------- refused


def test_people_on_both_sides_are_refused(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    first = PEOPLE["dev"][0]
    message = f"9 of the 18 people .*also calibrated on.*folder/all_pairs, split dev.*'{first}'.*split: eval"
    with pytest.raises(ConfigError, match=message):
        plan(sweep(dataset=dict_of(sweep(), split="all")))
    bench.calibrate(sweep(), tmp_path / "thresholds")
    kept = {"thresholds": str(tmp_path / "thresholds")}
    with pytest.raises(ConfigError, match=rf"9 of the 18 people .*toy_toy\.json.*'{first}'"):
        plan(sweep(dataset=dict_of(sweep(), split="all"), calibrate=kept))
    with pytest.raises(ConfigError, match="9 of the 9 people"):
        plan(sweep(dataset=dict_of(sweep(), split="dev"), calibrate=kept))
    assert plan(sweep(calibrate=kept)).cells


def test_one_person_on_both_sides_is_enough(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    others = faces(tmp_path / "others", [PEOPLE["eval"][3], "p97", "p98"])
    with pytest.raises(ConfigError, match=f"1 of the 9 people .*'{PEOPLE['eval'][3]}'"):
        plan(sweep(calibrate={"dataset": {"name": "folder", "root": str(others)}}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recognizers": [{"name": "toy", "gain": 2.0}]}, "recognizer gain: these thresholds are of 1.0, .* uses 2.0"),
        ({"recognizers": [{"name": "toy", "aligner": {"name": "toy", "gain": 2.0}}]}, "aligner gain: "),
        ({"recognizers": [{"name": "toy", "aligner": "none"}]}, "aligner: these thresholds are of toy, .* uses none"),
    ],
)
def test_foreign_thresholds_stop_the_sweep_while_it_is_planned(
    sweep: Callable[..., Sweep], tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    bench.calibrate(sweep(), tmp_path / "thresholds")
    with pytest.raises(ConfigError, match=message):
        plan(sweep(calibrate={"thresholds": str(tmp_path / "thresholds")}, **changes))


def test_another_comparison_is_refused(
    sweep: Callable[..., Sweep], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.calibrate(sweep(), tmp_path / "thresholds")
    monkeypatch.setattr("tests.toys.ToyRecognizer.comparison", "neg_l2")
    with pytest.raises(ConfigError, match="comparison: these thresholds are of cosine, the sweep uses neg_l2"):
        plan(sweep(calibrate={"thresholds": str(tmp_path / "thresholds")}))


def test_another_provider_than_the_one_that_ran_fails_the_cell(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    (path,) = bench.calibrate(sweep(), tmp_path / "thresholds")
    path.write_text(path.read_text().replace('"provider": "toy"', '"provider": "CUDAExecutionProvider"'))
    run = run_sweep(sweep(calibrate={"thresholds": str(path)}), tmp_path / "run")
    (failure,) = run.failures().to_dict("records")
    assert failure["error"] == "ConfigError"
    assert "provider: these thresholds are of CUDAExecutionProvider, the sweep uses toy" in failure["message"]


def test_no_thresholds_there(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "nowhere", "nowhere.json"):
        with pytest.raises(MissingFile, match=f"no thresholds .*{name}.*impersona calibrate"):
            plan(sweep(calibrate={"thresholds": str(tmp_path / name)}))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"calibrate": {"split": "dev", "protocol": "view2"}}, UnknownName, "protocol 'view2'.*to calibrate on"),
        ({"dataset": "flat"}, ConfigError, "flat has no setting split; name another one to calibrate on"),
        ({"calibrate": {"split": "train"}}, InsufficientData, "split 'train'"),
    ],
)
def test_people_who_cannot_be_calibrated_on(
    sweep: Callable[..., Sweep],
    own_registry: Registry,
    changes: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    row = own_registry.find("dataset", "drawn")
    where = {"target": "tests.test_calibrate:Flat", "settings": "tests.test_calibrate:FlatSettings"}
    own_registry.add(dataclasses.replace(row, name="flat", **where), "the tests")
    with pytest.raises(error, match=message):
        plan(sweep(**changes))


def test_several_data_sets_to_calibrate_on_are_refused(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    several = {"dataset": {"name": "drawn", "people": [4, 5]}}
    with pytest.raises(ConfigError, match="got a list for people; expected one data set"):
        plan(sweep(calibrate=several))
    with pytest.raises(ConfigError, match="got a list for people; expected one data set"):
        bench.calibrate(sweep(calibrate=several), tmp_path / "thresholds")


# --------------------------------------------------------------------------------------------------------------- keys


def test_a_key_holds_what_was_calibrated_on_and_no_path(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    def key(**changes: Any) -> str:
        (cell,) = plan(sweep(**changes)).cells
        return cell.key

    before = key()
    everybody = PEOPLE["dev"] + PEOPLE["eval"]
    elsewhere = dict_of(sweep(), root=str(faces(tmp_path / "elsewhere", everybody)))
    assert key(dataset=elsewhere) == before
    assert key(calibrate=None) != before
    assert key(calibrate={"split": "dev", "fmr": 0.2}) != before
    write(tmp_path / "photos" / PEOPLE["dev"][0] / "0.png", np.full((8, 8, 3), 77, np.uint8))
    assert key() != before


def test_a_key_holds_what_a_manifest_says_and_not_where_or_when(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    (path,) = bench.calibrate(sweep(), tmp_path / "thresholds")

    def key(where: Path) -> str:
        (cell,) = plan(sweep(calibrate={"thresholds": str(where)})).cells
        return cell.key

    before = key(path)
    document = json.loads(path.read_text())
    again = tmp_path / "again.json"
    again.write_text(json.dumps(document | {"date": "2000-01-01", "impersona": "0.0.1"}))
    assert key(again) == key(path.parent) == before
    document["points"][0]["threshold"] = 0.5
    again.write_text(json.dumps(document))
    assert key(again) != before


def test_photos_to_calibrate_on_that_change_after_planning(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    from bench.store.cache import ArrayCache
    from bench.sweep.execute import execute

    (cell,) = plan(sweep()).cells
    write(tmp_path / "photos" / PEOPLE["dev"][0] / "0.png", np.full((8, 8, 3), 77, np.uint8))
    outcome = execute(cell, lambda what, done, total: None, cache=ArrayCache())
    assert "changed after the sweep was planned" in getattr(outcome, "message", "")


# ------------------------------------------------------------------------------------------------ published constants


def test_published_constants(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    swept = sweep(calibrate={"profile": "legacy-far01"}, recognizers=[{"name": "toy", "label": "IR152"}])
    run = run_sweep(swept, tmp_path / "run")
    found, (mated, nonmated) = values(run), scores(run)
    constants = LEGACY_CONSTANTS["ir152"]
    points = {"legacy-far01": 0.01, "legacy-far01:far=0.1": 0.1, "legacy-far01:far=0.001": 0.001}
    for name, rate in points.items():
        assert found["false_match_rate", name]["value"] == (nonmated.astype(np.float64) > constants[rate]).mean()
        assert found["true_match_rate", name]["value"] == (mated.astype(np.float64) > constants[rate]).mean()
    calibration = run.outcomes()[0]["calibration"]
    assert calibration["constants"] == {"0.1": 0.094632, "0.01": 0.166788, "0.001": 0.227922}
    assert calibration["pedigree"].startswith("no pedigree")
    assert not any(figure in ("half_total_error_rate", "log_likelihood_ratio_cost") for figure, _ in found)


def test_who_takes_which_published_constants(sweep: Callable[..., Sweep]) -> None:
    profile = {"profile": "legacy-far01"}
    with pytest.raises(ConfigError, match=r"'toy' is none of them.*models: \{toy: ir152\}"):
        plan(sweep(calibrate=profile))
    (cell,) = plan(sweep(calibrate=profile | {"models": {"toy": "FaceNet"}})).cells
    assert cell.spec["calibration"]["model"] == "facenet"
    with pytest.raises(UnknownName, match="recognizer label 'toi'; did you mean 'toy'"):
        plan(sweep(calibrate=profile | {"models": {"toi": "facenet"}}))


def test_published_constants_are_cosines(sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.toys.ToyRecognizer.comparison", "neg_l2")
    with pytest.raises(ConfigError, match="holds cosines; 'toy' compares by neg_l2"):
        plan(sweep(calibrate={"profile": "legacy-far01", "models": {"toy": "ir152"}}))


# -------------------------------------------------------------------------------------------------------- judgement


def test_every_carried_figure_but_a_published_threshold_has_an_interval(sweep: Callable[..., Sweep]) -> None:
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(12, dtype=np.int32), 5)
    first, second = np.triu_indices(who.size, 1)
    places = rng.normal(0, 1, (12, 4))[who] + rng.normal(0, 0.6, (who.size, 4))
    found = -np.linalg.norm(places[first] - places[second], axis=1).astype(np.float32)
    found[rng.choice(found.size, 50, replace=False)] = np.nan
    clusters, mated = Clusters(who[first], who[second], 12), who[first] == who[second]
    acquired = ~np.isnan(found)
    calibration = Calibration(
        origin="dev",
        points=(CarriedPoint("dev:fmr=0.1", -1.5, (-1.7, -1.2), n=900), CarriedPoint("published", -1.4)),
        equal_error=CarriedPoint("dev:eer", -1.5),
        logistic=logistic_calibration(found[acquired & mated], found[acquired & ~mated]),
        record={},
    )
    kept = double_or_nothing(12, 200, rng)
    judged = calibrated_figures(calibration, found, mated, clusters, kept)
    assert [value.figure for value in judged if value.interval is None] == ["threshold"]
    assert all(value.low <= value.value <= value.high for value in judged if value.interval)
    at_point = {value.figure: value for value in judged if value.operating_point == "dev:fmr=0.1"}
    nonmated = acquired & ~mated
    interval = rate_interval(found[nonmated] >= -1.5, clusters.select(nonmated))
    assert (at_point["false_match_rate"].low, at_point["false_match_rate"].high) == interval[:2]
    draws = calibrated_draws(calibration, found, mated, clusters, np.ones((1, 12), np.bool_))
    assert {key: float(drawn[0]) for key, drawn in draws.items()} == {
        (value.figure, value.operating_point): value.value
        for value in judged
        if value.figure in ("false_match_rate", "true_match_rate")
    }
    without = calibrated_figures(calibration, found, mated, clusters)
    assert [value.figure for value in without if value.interval is None] == ["threshold", "log_likelihood_ratio_cost"]
    assert [value.value for value in without] == [value.value for value in judged]


# ------------------------------------------------------------------------------------------------------- the command


def call(*arguments: str) -> int:
    """The exit code of ``impersona ARGUMENTS``."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


@pytest.fixture
def sweep_file(sweep: Callable[..., Sweep], tmp_path: Path) -> Path:
    """The sweep as a file."""
    path = tmp_path / "sweep.yaml"
    dataset = f"{{name: folder, root: {tmp_path / 'photos'}, split: eval}}"
    path.write_text(f"name: t\ndataset: {dataset}\nrecognizers: [toy]\nfmr: [0.1, 0.01, 0.0001]\ndraws: 50\n")
    return path


def test_the_command_writes_and_prints_a_manifest(
    sweep_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "thresholds"
    assert call("calibrate", str(sweep_file), "--out", str(out)) == 0
    printed = capsys.readouterr().out
    assert f"{out / 'toy_toy.json'}\n" in printed
    assert "9 people of folder/all_pairs (split dev): 54 mated and 576 nonmated comparisons, 0 more" in printed
    thresholds = Thresholds.read(out / "toy_toy.json")
    lines = [line.split() for line in printed.splitlines() if line.startswith("  0.")]
    assert [line[0] for line in lines] == ["0.1", "0.01", "0.0001"]
    assert lines[0][1] == f"{thresholds.points[0].threshold:.6f}"
    assert lines[0][-1] == "ok"
    assert "weak: 5 false matches allowed, of 30" in printed
    assert "insufficient: it takes 10,000 nonmated comparisons" in printed


def test_the_command_does_not_replace_silently(
    sweep_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("calibrate", str(sweep_file), "--out", str(tmp_path / "thresholds"))
    assert call(*command) == 0
    capsys.readouterr()
    assert call(*command) == 0
    assert "(stood there already)" in capsys.readouterr().out
    assert call(*command, "--fmr", "0.2") == 2
    assert "holds other thresholds; give --replace" in capsys.readouterr().err
    assert call(*command, "--fmr", "0.2", "--fmr", "0.3", "--replace") == 0
    points = Thresholds.read(tmp_path / "thresholds" / "toy_toy.json").points
    assert [point.requested_fmr for point in points] == [0.3, 0.2]
    assert call(*command, "--fmr", "1.5") == 2
    assert "different ones between 0 and 1" in capsys.readouterr().err


def test_the_command_names_what_is_wrong_with_a_sweep(
    sweep_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("calibrate", str(tmp_path / "none.yaml")) == 2
    assert "no sweep file" in capsys.readouterr().err
    assert call("calibrate", str(sweep_file), "--set", "recognizers.0=toi") == 2
    assert "did you mean 'toy'" in capsys.readouterr().err


def test_a_sweep_that_takes_thresholds_says_where_to_put_them(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    swept = sweep(calibrate={"thresholds": str(tmp_path / "thresholds")})
    bench.calibrate(swept, tmp_path / "thresholds")
    assert values(run_sweep(swept, tmp_path / "run"))["threshold", "dev:fmr=0.1"]["value"] is not None


def test_axes_and_labels_name_the_manifests(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    entry = {"name": "toy", "label": "my toy", "gain": [1.0, 2.0], "aligner": ["toy", {"name": "toy", "gain": 3.0}]}
    with pytest.raises(ConfigError, match="could not tell two recognizers"):
        bench.calibrate(sweep(recognizers=[entry]), tmp_path / "thresholds")
    entry["aligner"] = [{"name": "toy", "gain": [3.0]}]
    found = bench.calibrate(sweep(recognizers=[entry]), tmp_path / "thresholds")
    assert [path.name for path in found] == [
        "my-toy_toy_recognizer.gain-1.0_aligner.gain-3.0.json",
        "my-toy_toy_recognizer.gain-2.0_aligner.gain-3.0.json",
    ]
    kept = {"thresholds": str(tmp_path / "thresholds")}
    files = [cell.spec["calibration"]["file"] for cell in plan(sweep(recognizers=[entry], calibrate=kept)).cells]
    assert files == [path.name for path in found]


# -------------------------------------------------------------------------------------------------------- real faces


@pytest.mark.full
@pytest.mark.real
def test_celeba_calibrated_on_dev_and_judged_on_eval(
    real_data: Path, real_models: Path, real_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPERSONA_CACHE", str(real_cache))
    monkeypatch.setenv("IMPERSONA_DATA", str(real_data))
    monkeypatch.setenv("IMPERSONA_MODELS", str(real_models))
    example = Path(__file__).parent.parent / "examples" / "calibrate.yaml"
    run = bench.run(example, tmp_path / "run")
    summary = run.summary()
    assert run.failures().empty
    shown = ["recognizer", "group", "figure", "operating_point", "value", "low", "high", "support"]
    carried = summary[summary["operating_point"].str.startswith("dev:", na=False)]
    print(carried[shown].to_string())
    at = carried[(carried["operating_point"] == "dev:fmr=0.001") & carried["group"].isna()]
    rates = at.set_index(["recognizer", "figure"])[["value", "low", "high"]]
    for recognizer in ("dlib_resnet", "mobilefacenet_y1"):
        fmr = rates.loc[recognizer, "false_match_rate"]
        assert 0.0003 < fmr["value"] < 0.003
        assert fmr["low"] < 0.001 < fmr["high"]
        assert rates.loc[recognizer, "true_match_rate"]["value"] > 0.88
    groups = carried[carried["group"].isin(["Male=-1", "Male=1"])]
    assert set(groups["recognizer"]) == {"dlib_resnet", "mobilefacenet_y1"}
    rows = carried[~carried["value"].isna() & (carried["figure"] != "threshold")]
    assert not rows["low"].isna().any()
    assert pd.api.types.is_float_dtype(rows["low"])
