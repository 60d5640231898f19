"""`impersona evaluate`: how varied faces are, the sweep that evaluates a generator, and the model card."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cli.main import main
from bench.config import Calibrate, Diversity, MakerEntry, PluginEntry, parse_sweep
from bench.errors import ConfigError, InsufficientData, MissingFile, PluginError, ShapeError, UnknownName
from bench.metrics.bootstrap import double_or_nothing
from bench.metrics.figures import FIGURES
from bench.quality.distances import unit_rows
from bench.quality.diversity import DIFFERENT, SAME, Variety, assess_diversity
from bench.registry import Registry
from bench.store.run_folder import RunFolder, draws_of
from bench.sweep.evaluation import data_given, evaluation_sweep, recognizers_given
from bench.sweep.model_card import model_card
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from reports.model_card import markdown
from tests.toys import MixSettings, ToyGenerator, add_toys, photos
from tests.well_behaved import row

NO_DRAWS = np.zeros((0, 4), np.bool_)


def variety(faces: Any, photo: Any, people: Any, makings: Any = None, usable: Any = None, count: int = 4) -> Variety:
    faces, photo = np.asarray(faces, np.float32), np.asarray(photo, np.float32)
    people = np.asarray(people, np.int32)
    if photo.ndim == 2:
        photo, people = photo[:, None], people[:, None]
    there = np.ones(len(faces), np.bool_) if usable is None else np.asarray(usable)
    again = faces[:, None] if makings is None else np.asarray(makings, np.float32)
    return Variety(faces, photo, there, people, count, again, np.ones(again.shape[:2], np.bool_))


def values(found: Any) -> dict[tuple[str, str | None], float | None]:
    return {(one.figure, one.group): one.value for one in found[0]}


def test_distances_by_hand() -> None:
    """Photos along the axes are 2 apart; faces halfway between two axes, or all alike, less."""
    axes = np.eye(3)
    found = values(assess_diversity(variety(axes, axes, [0, 1, 2]), NO_DRAWS))
    assert found["face_distance_mean", DIFFERENT] == pytest.approx(2)
    assert found["diversity_ratio", DIFFERENT] == pytest.approx(1)
    alike = values(assess_diversity(variety(np.ones((3, 3)), axes, [0, 1, 2]), NO_DRAWS))
    assert alike["face_distance_mean", DIFFERENT] == 0
    assert alike["diversity_ratio", DIFFERENT] == 0, "one face for everybody"
    assert alike["photo_distance_mean", DIFFERENT] == pytest.approx(2)
    longer = values(assess_diversity(variety(axes * [[1], [7], [3]], axes, [0, 1, 2]), NO_DRAWS))
    assert longer["face_distance_mean", DIFFERENT] == pytest.approx(2), "lengths mean nothing"


def test_pairs_of_the_same_people_stand_apart() -> None:
    faces = [[1, 0], [0, 1], [1, 0], [-1, 0]]
    found = values(assess_diversity(variety(faces, faces, [0, 0, 1, 2]), NO_DRAWS))
    assert found["face_distance_mean", SAME] == pytest.approx(2)
    assert found["face_distance_mean", DIFFERENT] == pytest.approx(np.mean([0, 2, 4, 2, 4]))
    none = values(assess_diversity(variety(faces, faces, [0, 1, 2, 3]), NO_DRAWS))
    assert ("face_distance_mean", SAME) not in none, "nobody was drawn twice"


def test_of_two_contributors_only_pairs_without_a_common_one_count() -> None:
    faces = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    photo = np.random.default_rng(1).normal(size=(4, 2, 5)).astype(np.float32)
    people = [[0, 1], [1, 2], [2, 3], [0, 1]]
    found = values(assess_diversity(variety(faces, photo, people), NO_DRAWS))

    def apart(one: Any, other: Any) -> float:
        first, second = unit_rows(np.stack([one, other]))
        return float(((first - second) ** 2).sum())

    pairs = [(0, 2), (2, 3)]
    assert found["face_distance_mean", DIFFERENT] == pytest.approx(
        np.mean([apart(faces[a], faces[b]) for a, b in pairs])
    )
    wanted = np.mean([apart(photo[a, place], photo[b, place]) for a, b in pairs for place in range(2)])
    assert found["photo_distance_mean", DIFFERENT] == pytest.approx(wanted)
    assert found["face_distance_mean", SAME] == pytest.approx(apart(faces[0], faces[3]))
    turned = values(assess_diversity(variety(faces, photo, [[0, 1], [1, 2], [2, 3], [1, 0]]), NO_DRAWS))
    assert ("face_distance_mean", SAME) not in turned, "in another order photos of different people would be compared"


def test_the_very_same_photos_say_nothing_of_other_photos_of_the_same_people() -> None:
    """Two faces of one photo are apart by noise alone, and their photos are not apart at all."""
    faces, photo = [[1, 0], [0, 1], [1, 1]], [[1, 0], [1, 0], [0, 1]]
    found = values(assess_diversity(variety(faces, photo, [0, 0, 0]), NO_DRAWS))
    away = 2 - np.sqrt(2)
    assert found["face_distance_mean", SAME] == pytest.approx(away), "the first two faces are no pair"
    assert found["diversity_ratio", SAME] == pytest.approx(away / 2)
    alone = values(assess_diversity(variety(faces[:2], photo[:2], [0, 0]), NO_DRAWS))
    assert ("face_distance_mean", SAME) not in alone


def test_draws_are_the_definition_on_the_kept_faces() -> None:
    rng = np.random.default_rng(3)
    faces, photo = rng.normal(size=(2, 30, 8)).astype(np.float32)
    people = rng.integers(0, 12, 30).astype(np.int32)
    usable = rng.random(30) > 0.2
    makings = rng.normal(size=(10, 3, 8))
    kept = double_or_nothing(12, 40, rng)
    whole = variety(faces, photo, people, makings, usable, count=12)
    figures, draws = assess_diversity(whole, kept)
    for number, mine in enumerate(kept):
        some = usable & mine[people]
        part = variety(faces, photo, people, makings, some, count=12)
        wanted = values(assess_diversity(part, kept[:0]))
        for name, group in itertools.product(("face_distance_mean", "diversity_ratio"), (DIFFERENT, SAME)):
            value = wanted.get((name, group))
            if value is None:
                assert np.isnan(draws[name, None, group][number])
            else:
                assert draws[name, None, group][number] == pytest.approx(value)
    for one in figures:
        assert one.low is not None
        assert one.low <= one.value <= one.high  # type: ignore[operator]
        assert one.interval == "bootstrap"
        assert one.figure in FIGURES


def test_makings_of_one_face() -> None:
    axes = np.eye(3)
    again = [[[1, 0, 0], [1, 0, 0]], [[0, 1, 0], [0, 0, 1]]]
    found = values(assess_diversity(variety(axes, axes, [0, 1, 2], again), NO_DRAWS))
    assert found["making_distance_mean", None] == pytest.approx(1), "0 of the first face, 2 of the second"
    assert found["making_diversity_ratio", None] == pytest.approx(0.5)
    lost = variety(axes, axes, [0, 1, 2], again)
    lost.acquired[1, 1] = False
    assert values(assess_diversity(lost, NO_DRAWS))["making_distance_mean", None] == 0, "one making has no other"


def test_nothing_acquired_says_nothing() -> None:
    nothing = variety(np.zeros((3, 2)), np.zeros((3, 2)), [0, 1, 2], usable=np.zeros(3, np.bool_))
    found, draws = assess_diversity(nothing, np.ones((5, 4), np.bool_))
    assert {one.support for one in found} == {"insufficient"}
    assert {one.value for one in found} == {None}
    assert not draws


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"photos \(2, 1, 3\); expected \(3, 1, 3\)"):
        variety(np.eye(3), np.eye(3)[:2], [0, 1, 2])
    with pytest.raises(ShapeError, match="makings of 4 faces; there are 3"):
        variety(np.eye(3), np.eye(3), [0, 1, 2], np.zeros((4, 2, 3)))


# -------------------------------------------------------------------------------------------------------- in a sweep


class NoisyGenerator(ToyGenerator):
    """Lightens a photo by chance, and says who taught it."""

    taught_by = frozenset({"toy"})

    def fingerprint(self) -> Mapping[str, Any]:
        return {**super().fingerprint(), "weights": "ab" * 32}

    def generate(self, batch: Any, rng: np.random.Generator) -> Any:
        shift = rng.random((len(batch.images), 3, 1, 1), np.float32) * np.float32(self.settings.weight)
        return np.clip(super().generate(batch, rng) * (1 - shift), 0, 1).astype(np.float32)


class PupilGenerator(NoisyGenerator):
    """Whose weights were taught by a recognizer in one setting only."""

    @property
    def taught_by(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset({"toy"} if self.settings.weight > 0.3 else ())


@dataclass(frozen=True)
class NoisySettings(MixSettings):
    """One person a face."""

    sources: int = 1
    wants: tuple[str, ...] = ()


@pytest.fixture
def data(own_registry: Registry, tmp_path: Path) -> dict[str, Any]:
    """A folder of four people, as `data_given` gives it, and toys that need no networks."""
    add_toys(own_registry)
    own_registry.add(row("generator", "noisy", NoisyGenerator, NoisySettings), "the tests")
    return {"dataset": PluginEntry(name="folder", settings={"root": str(photos(tmp_path / "photos"))})}


def evaluated(data: dict[str, Any], out: Path, generator: str = "noisy", **settings: Any) -> RunFolder:
    chosen = evaluation_sweep(
        MakerEntry(name=generator, settings=settings), {"fmr": (0.1,), "draws": 50, **data},
        recognizers=recognizers_given("toy"), count=9,
    )  # fmt: skip
    return run_sweep(chosen, out)


def made_of(run: RunFolder) -> dict[str, Any]:
    (found,) = [one for one in run.outcomes() if one["spec"]["assessment"] == "generated"]
    return dict(found)


def test_noise_is_seen_in_makings_of_the_same_photos(data: dict[str, Any], tmp_path: Path) -> None:
    def moved(weight: float) -> float:
        run = evaluated(data, tmp_path / str(weight), weight=weight)
        outcome = made_of(run)
        assert outcome["counts"]["faces"] == 9
        assert outcome["counts"]["faces_made_again"] == 27, "nine faces, four makings of each"
        (found,) = [one for one in outcome["figures"] if one["figure"] == "making_distance_mean"]
        assert found["n"] == 9
        draws = draws_of(run.table(outcome["key"], "draws"))
        assert any(key.figure == "making_distance_mean" for key in draws)
        return float(found["value"])

    assert moved(0.0) == 0
    assert 0 < moved(0.2) < moved(0.6)


def test_diversity_changes_no_other_figure(data: dict[str, Any], tmp_path: Path) -> None:
    asked = evaluation_sweep(
        MakerEntry(name="noisy"), {**data, "fmr": (0.1,), "draws": 20}, recognizers=recognizers_given("toy"), count=9
    )
    with_it, without = asked, asked.model_copy(update={"diversity": None})
    one, other = (made_of(run_sweep(each, tmp_path / str(number))) for number, each in enumerate((with_it, without)))
    more = [record for record in one["figures"] if record not in other["figures"]]
    assert {record["figure"] for record in more} == {
        "face_distance_mean", "photo_distance_mean", "diversity_ratio", "making_distance_mean",
        "making_diversity_ratio",
    }  # fmt: skip
    assert [record for record in one["figures"] if record not in more] == other["figures"]
    assert "diversity" not in other["spec"]
    assert one["key"] != other["key"]


def test_one_making_is_no_second_time(data: dict[str, Any], tmp_path: Path) -> None:
    run = evaluated({**data, "diversity": Diversity(makings=1)}, tmp_path / "run")
    names = {record["figure"] for record in made_of(run)["figures"]}
    assert "diversity_ratio" in names
    assert "making_distance_mean" not in names


# -------------------------------------------------------------------------------------------------------- what is run


def test_thresholds_come_from_other_people_where_there_are_some() -> None:
    def calibrated(**settings: Any) -> Calibrate | None:
        given = {"dataset": PluginEntry(name="drawn", settings=settings)}
        return evaluation_sweep(MakerEntry(name="collage"), given).calibrate

    assert calibrated() == Calibrate(split="dev")
    assert calibrated(split="dev") == Calibrate(split="train")
    assert calibrated(split="all") is None
    with pytest.raises(ConfigError, match=r"got people: \[8, 9\]; a model card is of one data set"):
        calibrated(people=[8, 9])
    nowhere = evaluation_sweep(MakerEntry(name="collage"), {"dataset": PluginEntry(name="insightface_bin")})
    assert nowhere.calibrate is None, "a data set without splits"


def test_some_people_of_lfw_are_compared_all_with_all_because_view_2_is_of_everybody() -> None:
    def protocol(text: str) -> str | None:
        return evaluation_sweep(MakerEntry(name="collage"), data_given(text)).protocol

    assert protocol("{name: lfw, split: eval}") == "all_pairs"
    assert protocol("lfw") is None


def test_data_is_a_name_a_mapping_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_given("drawn") == {"dataset": PluginEntry(name="drawn")}
    assert data_given("{name: drawn, people: 9}")["dataset"].settings == {"people": 9}
    part, whole = tmp_path / "part.yaml", tmp_path / "whole.yaml"
    monkeypatch.setenv("SOMEWHERE", "/there")
    part.write_text("{name: folder, root: '${SOMEWHERE}/photos'}")
    assert data_given(str(part))["dataset"].settings == {"root": "/there/photos"}
    whole.write_text(
        "{name: a, seed: 5, dataset: {name: drawn, people: 9}, recognizers: [lbp], calibrate: {split: train}, "
        "generators: [collage], pairs: {count: 3, references: 2}}"
    )
    found = data_given(str(whole))
    sweep = evaluation_sweep(MakerEntry(name="collage"), found, count=7)
    assert (sweep.seed, sweep.pairs.count, sweep.pairs.references) == (5, 7, 2)
    assert [one.name for one in sweep.recognizers] == ["lbp"]
    assert sweep.calibrate == Calibrate(split="train")
    assert sweep.fmr == (0.01, 0.001)
    assert evaluation_sweep(MakerEntry(name="collage"), found, seed=6).seed == 6
    assert sweep.name == "evaluate-collage"
    whole.write_text(
        "{name: a, dataset: drawn, recognizers: lbp, generators: [collage], "
        "pairs: {kind: look_alikes, alike_by: {name: lbp}}}"
    )
    pairs = evaluation_sweep(MakerEntry(name="collage"), data_given(str(whole)), count=7).pairs
    assert (pairs.kind, pairs.count) == ("look_alikes", 7)
    assert pairs.alike_by is not None
    assert pairs.alike_by.name == "lbp"
    with pytest.raises(MissingFile, match="no file at"):
        data_given(str(tmp_path / "nothing.yaml"))
    part.write_text("just words")
    with pytest.raises(ConfigError, match="holds str; expected a data set or a sweep"):
        data_given(str(part))


def test_recognizers_are_names_or_a_list() -> None:
    assert [one.name for one in recognizers_given("dlib_resnet, lbp")] == ["dlib_resnet", "lbp"]
    (one,) = recognizers_given("[{name: arcface_onnx, label: mine, model: a.onnx}]")
    assert (one.label, one.settings) == ("mine", {"model": "a.onnx"})
    with pytest.raises(ConfigError, match="neither names nor a YAML list"):
        recognizers_given("[a")


def test_the_sweep_can_be_planned_and_said(own_registry: Registry) -> None:
    given = data_given("{name: drawn, people: 12, images: 2}")
    sweep = evaluation_sweep(
        MakerEntry(name="collage"), given, recognizers=recognizers_given("random_projection"), count=6
    )
    assert [cell.spec["assessment"] for cell in plan(sweep).cells] == ["verification", "generated"]
    with pytest.raises(UnknownName, match="did you mean 'collage'"):
        evaluation_sweep(MakerEntry(name="colage"), given)
    with pytest.raises(UnknownName, match="did you mean 'makings'"):
        parse_sweep({"name": "a", "dataset": "drawn", "recognizers": "lbp", "diversity": {"making": 3}})


# ------------------------------------------------------------------------------------------------------------ the card


def test_the_card_holds_every_figure_with_its_interval(data: dict[str, Any], tmp_path: Path) -> None:
    run = evaluated(data, tmp_path / "run", weight=0.3)
    card = model_card(run)
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    outcome = made_of(run)
    assert len(card["figures"]) == len(outcome["figures"])
    (setting,) = card["settings"]
    assert setting["taught_by"] == ["toy"]
    assert all(one["white_box"] for one in card["figures"]), "the only recognizer taught it"
    assert setting["fingerprint"]["weights"] == "ab" * 32
    assert (setting["people"], setting["photos"], setting["faces"]) == (4, 12, 9)
    (threshold,) = card["thresholds"]
    assert (threshold["recognizer"], threshold["origin"]) == ("toy", None)
    (point,) = threshold["points"]
    assert card["run"]["cells"] == run.cell_keys()
    said = markdown(card)
    for wanted in (
        "# Model card: noisy", "toy †", "white box: it taught the generator", "SSIM with", "Fréchet distance",
        "mean similarity to other photos of the source", "faces verified as the source, other photos", "**diversity**",
        "the very same photos made into a face again", "set on comparisons of the data set's own people", "ab" * 32,
        "not made", f"FMR 10 %: threshold {point['value']:.4f}, of {point['n']} nonmated comparisons, weak",
        "| made of | 9 faces of 1 person each; 4 people contribute, 12 photos of them |",
    ):  # fmt: skip
        assert wanted in said.replace("\u202f", " "), wanted
    (ratio,) = [one for one in card["figures"] if (one["figure"], one["group"]) == ("diversity_ratio", DIFFERENT)]
    assert f"| {ratio['value']:.2f}" in said
    (similar,) = [one for one in card["figures"] if one["figure"] == "structural_similarity_mean"]
    assert all(f"{similar[name]:.3f}" in said for name in ("value", "low", "high"))


def test_a_card_tells_settings_apart(data: dict[str, Any], tmp_path: Path) -> None:
    run = evaluated(data, tmp_path / "run", weight=[0.1, 0.5])
    card = model_card(run)
    titles = ["generator.weight=0.1", "generator.weight=0.5"]
    assert [one["title"] for one in card["settings"]] == titles
    assert sorted({one["setting"] for one in card["figures"]}) == titles
    said = markdown(card)
    assert all(f"## Figures: {title}" in said for title in titles)
    assert "| settings | weight 0.1 |" in said
    assert "| settings | weight 0.5 |" in said


def test_settings_that_take_other_people_or_had_other_teachers_are_told_apart(
    data: dict[str, Any], tmp_path: Path, own_registry: Registry
) -> None:
    own_registry.add(row("generator", "pupil", PupilGenerator, NoisySettings), "the tests")
    card = model_card(evaluated(data, tmp_path / "run", generator="pupil", weight=[0.2, 0.4]))
    assert [one["taught_by"] for one in card["settings"]] == [[], ["toy"]]
    assert {(one["setting"], one["white_box"]) for one in card["figures"]} == {
        ("generator.weight=0.2", False), ("generator.weight=0.4", True),
    }  # fmt: skip
    first, second = markdown(card).split("## Figures: ")[1:]
    assert "†" not in first
    assert "| toy † |" in second
    mixed = evaluated(data, tmp_path / "mixed", generator="toy", sources=[1, 2], wants=["references"])
    first, second = markdown(model_card(mixed)).split("## Figures: ")[1:]
    assert "the source" in first
    assert "contributor 2" not in first
    assert "contributor 2" in second


def test_a_teacher_who_is_no_set_of_names_is_refused(
    data: dict[str, Any], tmp_path: Path, own_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NoisyGenerator, "taught_by", "toy")
    with pytest.raises(PluginError, match="noisy: got taught_by 'toy', expected a frozenset"):
        model_card(evaluated(data, tmp_path / "run"))


def test_a_threshold_that_could_not_be_set_is_said(data: dict[str, Any], tmp_path: Path) -> None:
    said = markdown(model_card(evaluated({**data, "fmr": (0.001,)}, tmp_path / "run"))).replace("\u202f", " ")
    assert "FMR 0.1 %: no threshold, 54 nonmated comparisons are too few" in said
    assert "– has no value: no face was acquired, or too few comparisons for such a threshold." in said


def test_a_generator_of_two_people_and_one_that_names_no_teacher(data: dict[str, Any], tmp_path: Path) -> None:
    card = model_card(evaluated(data, tmp_path / "run", generator="toy"))
    said = markdown(card)
    assert "it names no recognizer" in said
    assert "†" not in said
    assert "faces verified as both" in said
    assert "mean similarity to other photos of contributor 2" in said


def test_nothing_judged_is_no_card(data: dict[str, Any], tmp_path: Path) -> None:
    card = model_card(evaluated(data, tmp_path / "nobody", refuses=-1.0))
    assert card["settings"][0]["photos"] == 12, "photos are there whether faces were made of them or not"
    nobody = markdown(card)
    assert "| not made | 9 |" in nobody
    assert "| **diversity**: the one / the other ↑ | – |" in nobody
    run = evaluated(data, tmp_path / "run", generator="toy", fault="dtype")
    with pytest.raises(InsufficientData, match="there is nothing to put on a card"):
        model_card(run)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command; its exit code and what it said."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["evaluate", *map(str, arguments)])
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return run


def test_the_command_writes_run_report_and_card(data: dict[str, Any], tmp_path: Path, call: Callable[..., Any]) -> None:
    file, out = tmp_path / "data.yaml", tmp_path / "run"
    root = data["dataset"].settings["root"]
    file.write_text(json.dumps({"name": "a", "dataset": {"name": "folder", "root": root}, "recognizers": ["toy"], "fmr": 0.1, "draws": 20}))  # fmt: skip # noqa: E501
    code, said, err = call("noisy", "--data", file, "--out", out, "--count", 6, "--set", "weight=0.4")
    assert code == 0, err
    assert {"card.md", "card.json", "report.html", "summary.json"} <= {path.name for path in out.iterdir()}
    assert "card.json" in said
    card = json.loads((out / "card.json").read_text())
    assert card["settings"][0]["settings"] == {"weight": 0.4}
    assert "Diversity of the made faces" in (out / "report.html").read_text()
    elsewhere = tmp_path / "cards" / "noisy.md"
    code, _, _ = call(
        "noisy", "--data", file, "--out", out, "--count", 6, "--set", "weight=0.4", "--card", elsewhere, "--no-report"
    )
    assert code == 0
    again = json.loads(elsewhere.with_suffix(".json").read_text())
    assert again["figures"] == card["figures"]
    mine = tmp_path / "mine.json"
    mine.write_text("{}")
    summary = (out / "summary.json").read_bytes()
    for name in ("card.json", tmp_path / "cards", out / "report.html", out / "summary.md", mine.with_suffix(".md")):
        code, _, err = call("noisy", "--data", file, "--out", out, "--card", name)
        assert code == 2, name
        assert "--card: " in err
    assert call("noisy", "--data", file, "--out", tmp_path / "new", "--card", tmp_path / "new" / "manifest.md")[0] == 2
    assert not (tmp_path / "new").exists(), "refused before anything is computed"
    assert (out / "summary.json").read_bytes() == summary
    assert mine.read_text() == "{}"
    code, _, err = call("noisy", "--data", file, "--out", tmp_path / "new", "--count", 3_000_000)
    assert code == 2
    assert "pairs: count: " in err
    code, _, err = call("toy", "--data", file, "--out", tmp_path / "failed", "--set", "fault=dtype", "--no-report")
    assert code == 1
    assert "there is nothing to put on a card" in err
    code, _, err = call("toy", "--data", file, "--out", out)
    assert code == 2
    assert "holds the run of another sweep" in err


@pytest.mark.full
def test_collage_on_drawn_people(tmp_path: Path, call: Callable[..., Any]) -> None:
    code, _, err = call(
        "collage", "--data", "{name: drawn, people: 16, images: 3, accessories: false}", "--out", tmp_path / "run",
        "--count", 16, "--recognizers", "dlib_resnet",
    )  # fmt: skip
    assert code == 0, err
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    found = {(one["figure"], one["group"]): one for one in card["figures"]}
    assert found["generated_faces", None]["value"] == 16
    assert found["faces_not_made", None]["value"] <= 3
    assert 0.8 < found["structural_similarity_mean", None]["value"] < 1
    assert 0.5 < found["diversity_ratio", DIFFERENT]["value"] < 2
    assert found["making_distance_mean", None]["value"] == 0, "a collage draws nothing"
    first, second = (found["contributor_similarity_mean", f"contributor {place}"]["value"] for place in (1, 2))
    assert first > second, "most of the face is the first contributor's"
    assert card["data"]["real_people"] is False
