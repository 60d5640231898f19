"""Whom faces could be taken for, and whom their generator remembers: sweeps, audits and their report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from bench.cli.audit import audit
from bench.config import GroupEntry, PluginEntry, parse_sweep
from bench.datasets.embeddings import EmbeddingsSettings, GivenEmbeddings
from bench.errors import ConfigError, CorruptFile, InsufficientData, UnknownName
from bench.metrics.galleries import HighMaxima
from bench.packs.pack import Pack
from bench.packs.shards import SPLITS, name_digest, shard_bytes, shard_file
from bench.registry import Registry
from bench.scoring import scores_by_definition
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.run_folder import RunFolder
from bench.sweep.audit import audit_sweep, faces_given
from bench.sweep.crowds import Crowd, high_maxima, nearest_photos, person_maxima
from bench.sweep.execute import execute
from bench.sweep.other_people import Others, others_of
from bench.sweep.pack_people import PackPeople
from bench.sweep.plan import plan
from bench.sweep.risk_groups import everybody_of, groups_of_faces, groups_part
from bench.sweep.runner import run_sweep
from reports.document import write_report
from tests.test_packs import admit, some_faces, write_pack
from tests.toys import add_toys, only, photos, write

LENGTH = 32


def people_file(path: Path, people: int, photos_each: int, seed: int, like: Path | None = None) -> Path:
    """Embeddings of people: a direction each, and a little noise a photo; or of the same people as another file's."""
    rng = np.random.default_rng(seed)
    if like is None:
        centres = rng.normal(size=(people, LENGTH))
        subjects = [f"{path.stem}{number:03d}" for number in range(people)]
    else:
        with np.load(like) as other:
            subjects = sorted(set(other["subjects"].tolist()))[:people]
            centres = np.stack([other["embeddings"][other["subjects"] == one].mean(axis=0) for one in subjects])
    rows = np.repeat(centres, photos_each, axis=0) + 0.3 * rng.normal(size=(people * photos_each, LENGTH))
    names = np.repeat(subjects, photos_each)
    keys = [f"{path.stem}/{name}_{number}" for number, name in enumerate(names)]
    np.savez(path, keys=keys, subjects=names, embeddings=rows.astype(np.float32))
    return path


@pytest.fixture
def crowds(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Train, hold-out and third people, copies of each, and faces that are nobody's."""
    made = {
        "train": people_file(tmp_path / "train.npz", 90, 3, 1),
        "holdout": people_file(tmp_path / "holdout.npz", 40, 3, 2),
        "third": people_file(tmp_path / "third.npz", 60, 2, 3),
        "nobody": people_file(tmp_path / "nobody.npz", 200, 1, 4),
    }
    made |= {
        f"copies_of_{name}": people_file(tmp_path / f"copies_of_{name}.npz", number, 1, 5, like=made[name])
        for name, number in (("train", 90), ("holdout", 40))
    }
    return {name: {"name": "embeddings", "file": str(file)} for name, file in made.items()}


@pytest.fixture
def audited(crowds: dict[str, dict[str, Any]], tmp_path: Path) -> Callable[..., RunFolder]:
    def run(faces: str, **changes: Any) -> RunFolder:
        base: dict[str, Any] = {
            "name": "t", "seed": 1, "dataset": crowds[faces], "draws": 100,
            "recognizers": [{"name": "given", "comparison": "cosine"}],
            "assessments": ["impersonation_risk"], "strangers": {"dataset": crowds["third"]},
            "leakage": {"train": {"dataset": crowds["train"]}, "holdout": {"dataset": crowds["holdout"]}, "fpir": 0.1},
        }  # fmt: skip
        return run_sweep(parse_sweep(base | changes), tmp_path / f"run_{faces}", cache=cache_in(tmp_path))

    return run


def cache_in(folder: Path) -> ArrayCache:
    return ArrayCache(DiskStore(folder / "cache"))


def figures(run: RunFolder, point: str | None = None) -> dict[str, Any]:
    return {one["figure"]: one for one in only(run)["figures"] if one["operating_point"] == point}


# -------------------------------------------------------------------------------------------------------------- maxima


@pytest.mark.parametrize("comparison", ["cosine", "neg_l2"])
def test_the_highest_score_of_each_person_is_that_of_all_their_photos(comparison: Any) -> None:
    rng = np.random.default_rng(0)
    probes, references = (rng.normal(size=(n, 8)).astype(np.float32) for n in (50, 1300))
    person = rng.integers(0, 30, 1300)
    person[person == 7] = 8  # nobody's photo was acquired
    crowd = Crowd(None, tuple(map(str, range(30))), references, np.arange(1300), person, 0, 0, 0)  # type: ignore[arg-type]
    acquired = np.ones(52, np.bool_)
    acquired[[3, 40]] = False
    maxima = person_maxima(probes, acquired, crowd, comparison)
    nearest = nearest_photos(probes, acquired, crowd, comparison)
    both = np.concatenate([probes, references])
    rows = np.flatnonzero(acquired)
    for place, row in enumerate(rows[::7]):
        every = scores_by_definition(
            both, np.full(1300, 7 * place, np.int32), np.arange(50, 1350, dtype=np.int32), comparison
        )
        for one in range(30):
            expected = every[person == one].max() if (person == one).any() else -np.inf
            assert maxima[row, one] == expected
        assert every[nearest.photo[row]] == every.max() == maxima[row].max() == nearest.similarity[row]
    assert np.isneginf(maxima[[3, 40]]).all()
    assert (nearest.photo[[3, 40]] == -1).all()
    assert np.isneginf(nearest.similarity[[3, 40]]).all()
    nobody = person_maxima(np.zeros((0, 1), np.float32), np.zeros(3, np.bool_), crowd, comparison)
    assert nobody.shape == (3, 30)
    assert np.isneginf(nobody).all()
    for floor in (float(maxima.max()) + 1e-12, np.quantile(maxima[np.isfinite(maxima)], 0.7), maxima.max(), np.inf):
        high, expected = (
            high_maxima(probes, acquired, crowd, comparison, nearest, floor), HighMaxima.of(maxima, floor),
        )  # fmt: skip
        assert np.array_equal(high.best, expected.best)
        assert (high.high != expected.high).nnz == 0
        assert high.high.nnz == np.count_nonzero(maxima >= np.float64(floor))


# ------------------------------------------------------------------------------------------------------------ controls


def test_returned_train_people_are_caught(audited: Callable[..., RunFolder]) -> None:
    """Of 90 people learned from as many are drawn as are held out; it is these that are held against."""
    run = audited("copies_of_train")
    found = figures(run, "fpir=0.1")
    drawn = 40 / 90
    assert found["excess_leakage"]["value"] == pytest.approx(drawn, abs=0.12)
    assert found["excess_leakage"]["low"] > 0
    assert found["excess_leakage_p_value"]["value"] < 0.001
    assert found["holdout_leakage_rate"]["value"] < 0.2


def test_returned_holdout_people_are_caught(audited: Callable[..., RunFolder]) -> None:
    found = figures(audited("copies_of_holdout"), "fpir=0.1")
    assert found["excess_leakage"]["value"] < -0.85
    assert found["excess_leakage"]["high"] < -0.7


def test_faces_of_nobody_leak_nobody(audited: Callable[..., RunFolder]) -> None:
    run = audited("nobody")
    found = figures(run, "fpir=0.1")
    assert found["excess_leakage"]["low"] < 0 < found["excess_leakage"]["high"]
    assert found["excess_leakage_p_value"]["value"] > 0.05
    assert found["clean_leakage_rate"]["value"] <= 0.1
    plain = figures(run)
    assert plain["membership_auc"]["low"] < 0.5 < plain["membership_auc"]["high"]
    assert plain["frames"]["value"] == 200


def test_a_face_is_named_with_whom_it_is_nearest_to(audited: Callable[..., RunFolder]) -> None:
    run = audited("copies_of_holdout")
    table = run.table(only(run)["key"], "rank_one")
    faces = table[table["face"].notna() & (table["gallery"] == "holdout")]
    assert len(faces) == 40
    assert (faces["subject"].astype(str) == faces["probe_subject"].astype(str)).mean() > 0.9
    strangers = table[table["face"].isna() & (table["gallery"] == "train")]
    assert len(strangers) == 120


# ---------------------------------------------------------------------------------------------------------- the gallery


def test_a_gallery_is_searched_at_thresholds_for_its_size(
    audited: Callable[..., RunFolder], crowds: dict[str, dict[str, Any]]
) -> None:
    gallery = {"dataset": crowds["holdout"], "fpir": [0.1]}
    run = audited("copies_of_holdout", gallery=gallery, leakage=None)
    key = only(run)["key"]
    found = figures(run, "fpir=0.1")
    table = run.table(key, "rank_one")
    strangers = table.loc[table["face"].isna(), "score"].to_numpy(np.float32)
    faces = table.loc[table["face"].notna(), "score"].to_numpy(np.float32)
    threshold = np.float32(found["impersonation_threshold"]["value"])
    assert np.count_nonzero(strangers >= threshold) == 12, "a tenth of 120 photos"
    assert found["impersonation_rate"]["value"] == np.mean(faces >= threshold) > 0.9
    assert found["clean_impersonation_rate"]["value"] == pytest.approx(0.1)
    assert found["exposed_people_rate"]["value"] > 0.9
    assert "photo_impersonation_rate" not in found, "faces that are there are made of no photo that is known"
    exposed = run.table(key, "exposed")
    assert len(exposed) == 40
    assert exposed["share"].sum() * 40 == pytest.approx(found["exposure_mean"]["value"] * 40 * 40)
    sizes = run.table(key, "risk_sizes")
    by_size = sizes[(sizes["of"] == "faces") & (sizes["method"] == "subsample")].sort_values("size")["rate"].to_numpy()
    assert (np.diff(by_size) >= 0).all()
    assert by_size[-1] == pytest.approx(found["impersonation_rate"]["value"])
    alike = run.table(key, "resemblances").groupby("of", observed=True)["count"].sum()
    assert alike.to_dict() == {"made made": 40 * 39 // 2, "real made": 40 * 120, "real real": 120 * 120}


def test_carried_over_thresholds_stand_beside_those_for_the_gallery(
    audited: Callable[..., RunFolder], crowds: dict[str, dict[str, Any]]
) -> None:
    calibrate = {"dataset": crowds["third"], "fmr": [0.01]}
    run = audited("nobody", calibrate=calibrate)
    at = {one["operating_point"] for one in only(run)["figures"] if one["figure"] == "excess_leakage"}
    assert at == {"fpir=0.1", "embeddings:fmr=0.01"}


def test_the_same_sweep_gives_the_same_bytes(audited: Callable[..., RunFolder], tmp_path: Path) -> None:
    first = audited("nobody")
    key = only(first)["key"]
    tables = {name: first.table(key, name) for name in ("rank_one", "resemblances")}
    before, summary = only(first)["figures"], (first.path / "summary.json").read_bytes()
    shutil.rmtree(tmp_path / "run_nobody")
    again = audited("nobody")
    assert only(again)["figures"] == before
    assert (again.path / "summary.json").read_bytes() == summary
    for name, table in tables.items():
        assert again.table(key, name).equals(table)


# ----------------------------------------------------------------------------------------------------------- made faces


@pytest.fixture
def made(own_registry: Registry, tmp_path: Path) -> Callable[..., Any]:
    """A sweep of toy faces of four colours, and galleries of other colours."""
    add_toys(own_registry)
    root = photos(tmp_path / "photos")
    rng = np.random.default_rng(0)
    for side in ("enrolled", "train", "holdout", "strangers"):
        for person in range(12):
            colour = rng.integers(0, 255, 3)
            for number in range(2):
                picture = np.full((8, 8, 3), np.clip(colour + 3 * number, 0, 255), np.uint8)
                write(tmp_path / side / f"{side}{person}" / f"{number}.png", picture)

    def make(**changes: Any) -> Any:
        there = {side: {"dataset": {"name": "folder", "root": str(tmp_path / side)}}
                 for side in ("enrolled", "train", "holdout", "strangers")}  # fmt: skip
        base = {
            "name": "t", "dataset": {"name": "folder", "root": str(root)}, "recognizers": ["toy"], "fmr": [0.1],
            "assessments": [], "generators": ["toy"], "draws": 40, "pairs": {"count": 12, "references": 1},
            "gallery": {**there["enrolled"], "fpir": 0.1}, "strangers": there["strangers"],
            "leakage": {"train": there["train"], "holdout": there["holdout"], "fpir": 0.1},
        }  # fmt: skip
        return parse_sweep(base | changes)

    return make


def test_made_faces_are_held_against_galleries_in_the_same_cell(made: Callable[..., Any], tmp_path: Path) -> None:
    run = run_sweep(made(), tmp_path / "run", cache=cache_in(tmp_path))
    found, key = figures(run, "fpir=0.1"), only(run)["key"]
    assert {"impersonation_rate", "excess_leakage", "photo_impersonation_rate"} <= set(found)
    assert "both_match_rate" in figures(run, "fmr=0.1"), "hidden identity beside it"
    table = run.table(key, "rank_one")
    assert set(table["gallery"]) == {"gallery", "train", "holdout"}
    faces = table[(table["gallery"] == "gallery") & table["face"].notna()]
    assert list(faces["face"]) == list(range(12))
    assert faces["probe"].isna().all()
    drawn = run.table(key, "draws")
    assert {"impersonation_rate", "excess_leakage", "both_match_rate"} <= set(drawn["figure"])


def test_people_who_contribute_are_the_strangers_where_nobody_else_is_named(
    made: Callable[..., Any], tmp_path: Path
) -> None:
    run = run_sweep(made(strangers=None), tmp_path / "run", cache=cache_in(tmp_path))
    table = run.table(only(run)["key"], "rank_one")
    assert set(table.loc[table["face"].isna(), "probe_subject"]) == {"ann", "bob", "cyd", "dan"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gallery": "photos"}, r"gallery: 4 of its people, such as 'ann', also contribute to faces"),
        ({"train": "photos"}, r"leakage\.train: 4 of its people, such as 'ann', also contribute to faces"),
        ({"holdout": "train"}, r"leakage\.holdout: 12 of its people, .*, also are in leakage\.train"),
        ({"strangers": "holdout"}, r"leakage\.holdout: 12 of its people, .*, also are strangers"),
    ],
)
def test_nobody_stands_on_two_sides(made: Callable[..., Any], tmp_path: Path, changes: Any, message: str) -> None:
    def at(side: str) -> Any:
        return {"dataset": {"name": "folder", "root": str(tmp_path / side)}}

    ((place, side),) = changes.items()
    if place in ("train", "holdout"):
        both = {"train": at("train"), "holdout": at("holdout")} | {place: at(side)}
        wanted: Any = {"leakage": both, "strangers": at("strangers")}
    else:
        wanted = {place: at(side)}
    with pytest.raises(ConfigError, match=message):
        plan(made(**wanted))


def test_photos_that_change_after_planning_fail_the_cell(made: Callable[..., Any], tmp_path: Path) -> None:
    (cell,) = plan(made()).cells
    write(tmp_path / "holdout" / "holdout3" / "0.png", np.full((8, 8, 3), 99, np.uint8))
    with pytest.raises(CorruptFile, match="changed after the sweep was planned"):
        raise_from(execute(cell, lambda *_: None, cache=cache_in(tmp_path)))


def raise_from(outcome: Any) -> None:
    if getattr(outcome, "error", None):
        raise {"CorruptFile": CorruptFile}[outcome.error](outcome.message)


def test_nobody_enrolled_is_an_error_of_the_plan(made: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = {"dataset": {"name": "folder", "root": str(tmp_path / "empty")}}
    with pytest.raises(InsufficientData, match="gallery: the data set folder shows nobody"):
        plan(made(gallery=empty))


def test_a_gallery_changes_the_cell_and_how_it_is_read_does_not(made: Callable[..., Any], tmp_path: Path) -> None:
    keys = [plan(sweep).cells[0].key for sweep in (made(), made(gallery=None), made(leakage=None))]
    assert len(set(keys)) == 3
    shutil.copytree(tmp_path / "enrolled", tmp_path / "moved")
    moved = {"dataset": {"name": "folder", "root": str(tmp_path / "moved")}, "fpir": 0.1}
    assert plan(made(gallery=moved)).cells[0].key == keys[0], "a key holds no path"


def test_photos_are_the_first_of_each_person(tmp_path: Path, made: Callable[..., Any]) -> None:
    made()
    entry = {"name": "folder", "root": str(tmp_path / "train")}
    some = others_of("gallery", entry, 1)
    assert {frame.key for frame in some.frames} == {f"train{number}/0.png" for number in range(12)}
    chosen = others_of("gallery", entry, None).only({"train5": 1, "train2": 2})
    assert [frame.key for frame in chosen.frames] == ["train5/0.png", "train2/0.png", "train2/1.png"]


# ------------------------------------------------------------------------------------------------------------- the pack


def pack_of(folder: Path, people: list[str], split: str = "train") -> Path:
    """A pack of one face of each of some people of the data set `folder`."""
    faces = replace(
        some_faces(len(people), 0, True),
        subject=np.stack([name_digest("folder", name) for name in people]),
        dataset=np.zeros(len(people), np.uint8),
        split=np.full(len(people), SPLITS.index(split), np.uint8),
    )
    data = shard_bytes(faces)
    folder.mkdir()
    (folder / shard_file(0)).write_bytes(data)
    admit(write_manifest(folder, [len(people)], "folder"))
    return folder


def write_manifest(folder: Path, sizes: list[int], dataset: str) -> Path:
    write_pack(folder.parent / "other", (3,))
    manifest = json.loads((folder.parent / "other" / "pack.json").read_text())
    shards = [{**manifest["shards"][0], "file": shard_file(0), "faces": sizes[0]}]
    manifest |= {"datasets": [{"name": dataset}], "shards": shards, "faces": sizes[0]}
    (folder / "pack.json").write_text(json.dumps(manifest))
    return folder


def test_only_people_in_the_pack_were_learned_from(made: Callable[..., Any], tmp_path: Path) -> None:
    pack = pack_of(tmp_path / "pack", [f"train{number}" for number in range(5)])

    def sweep(folder: Path, **more: Any) -> Any:
        sides = {side: {"dataset": {"name": "folder", "root": str(tmp_path / side)}} for side in ("train", "holdout")}
        return made(leakage={**sides, "pack": str(folder), "fpir": 0.1} | more)

    run = run_sweep(sweep(pack), tmp_path / "run", cache=cache_in(tmp_path))
    table = run.table(only(run)["key"], "rank_one")
    assert set(table.loc[table["gallery"] == "train", "subject"]) <= {f"train{number}" for number in range(5)}
    (cell,) = plan(sweep(pack)).cells
    assert cell.spec["leakage"]["pack"]["digest"] == Pack.open(pack).digest
    (without,) = plan(made()).cells
    assert cell.key != without.key
    shutil.copytree(pack, tmp_path / "moved")
    assert plan(sweep(tmp_path / "moved")).cells[0].key == cell.key, "a key holds no path"
    with pytest.raises(ConfigError, match=r"leakage.holdout: 1 of its people, such as 'holdout2', were learned from"):
        plan(sweep(pack_of(tmp_path / "leaky", ["train1", "holdout2"])))
    with pytest.raises(ConfigError, match=r"strangers: 1 of its people, such as 'strangers3', were learned from"):
        plan(sweep(pack_of(tmp_path / "strange", ["train1", "strangers3"])))
    elsewhere = {"name": "embeddings", "file": str(people_file(tmp_path / "elsewhere.npz", 12, 2, 0))}
    other = GivenEmbeddings(EmbeddingsSettings(file=Path(elsewhere["file"])))
    PackPeople(pack).refuse("leakage.holdout", Others(elsewhere, other, tuple(other.frames())))
    with pytest.raises(ConfigError, match=r"none of 12 people of folder is in the train part"):
        plan(sweep(pack_of(tmp_path / "dev", ["train1"], "dev")))


# ------------------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"assessments": ["impersonation_risk"]}, "expected gallery, leakage or both beside it"),
        ({"gallery": {}}, "gallery: expected recognizers, and generators or attacks"),
        ({"strangers": {}}, "strangers goes with gallery or leakage"),
        ({"assessments": ["impersonation_risk"], "gallery": {}}, "expected strangers, real people on whom"),
        ({"gallery": {"fpri": 0.1}}, r"unknown key 'fpri'; did you mean 'fpir'\?"),
        ({"gallery": {"fpir": [0.1, 0.1]}}, "expected different rates between 0 and 1"),
        ({"leakage": {"photos": 0}}, "greater than or equal to 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: Any, message: str) -> None:
    base = {"name": "t", "dataset": "drawn", "recognizers": "lbp"}
    with pytest.raises(ConfigError, match=message):
        parse_sweep(base | changes)


# ---------------------------------------------------------------------------------------------------------------- audit


def test_what_is_audited_is_found_by_its_name_or_place(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces.npz").touch()
    assert faces_given(str(tmp_path / "faces")).entry.name == "images"
    assert faces_given(str(tmp_path / "faces.npz")).entry.name == "embeddings"
    assert [faces_given(one).kind for one in ("collage", "landmark_morph", "drawn")] == [
        "generator", "attack", "dataset",
    ]  # fmt: skip
    assert faces_given("{name: drawn, people: 4}").entry.settings == {"people": 4}
    with pytest.raises(UnknownName, match="collage"):
        faces_given("colage")


def test_an_audit_says_what_to_type(tmp_path: Path) -> None:
    collage, drawn = faces_given("collage"), faces_given("drawn")
    some = PluginEntry(name="drawn", settings={"split": "dev"})
    with pytest.raises(ConfigError, match=r"expected whom faces are held against: --gallery ENTRY"):
        audit_sweep(collage)
    with pytest.raises(ConfigError, match=r"got --train alone; .*: give --holdout, too"):
        audit_sweep(collage, train=some)
    with pytest.raises(ConfigError, match=r"collage makes faces of people's photos: expected --data ENTRY"):
        audit_sweep(collage, gallery=some)
    with pytest.raises(ConfigError, match=r"got --data beside drawn, which holds faces"):
        audit_sweep(drawn, gallery=some, data=some)
    with pytest.raises(ConfigError, match=r"drawn holds faces that somebody made: expected --strangers ENTRY"):
        audit_sweep(drawn, gallery=some)


def test_an_audit_calibrates_on_other_people_than_it_makes_faces_of() -> None:
    data, dev = (PluginEntry(name="drawn", settings={"split": split}) for split in ("eval", "dev"))
    sweep = audit_sweep(faces_given("collage"), gallery=dev, data=data)
    assert sweep.calibrate is not None
    assert sweep.calibrate.split == "dev"
    assert [maker.name for maker in sweep.generators] == ["collage"]
    sweep = audit_sweep(faces_given("drawn"), gallery=dev, strangers=data)
    assert sweep.calibrate is not None
    assert sweep.calibrate.dataset == data


def test_the_command_audits_embeddings_and_writes_a_report(
    crowds: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPERSONA_CACHE", str(tmp_path / "cache"))
    options = [
        part
        for option, name in (("--train", "train"), ("--holdout", "holdout"), ("--strangers", "third"))
        for part in (option, str(crowds[name]))
    ]
    result = CliRunner().invoke(audit, [crowds["copies_of_train"]["file"], "--out", str(tmp_path / "run"), *options])
    assert result.exit_code == 0, result.output
    summary = RunFolder.open(tmp_path / "run").summary()
    assert (summary["figure"] == "excess_leakage").sum() == 4, "two for the galleries, two of strangers"
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Whom generators remember" in page


def sided(crowd: dict[str, Any]) -> None:
    """Adds a column to a file of embeddings: the first ten people are on the left, all others on the right."""
    with np.load(crowd["file"]) as known:
        held = dict(known)
    held["side"] = np.array(["left" if int(name[-3:]) < 10 else "right" for name in held["subjects"]])
    np.savez(crowd["file"], **held)


def test_figures_are_told_by_group_of_the_faces(
    audited: Callable[..., RunFolder], crowds: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    for name in ("copies_of_holdout", "holdout"):
        sided(crowds[name])
    gallery = {"dataset": crowds["holdout"], "fpir": [0.1], "groups": ["side"], "face_groups": ["side"]}
    run = audited("copies_of_holdout", gallery=gallery, leakage=None)
    every = [one for one in only(run)["figures"] if one["operating_point"] == "fpir=0.1"]
    found = {one["group"]: one for one in every if one["figure"] == "impersonation_rate"}
    assert set(found) == {None, "faces side=left", "faces side=right"}
    assert (found["faces side=left"]["n"], found["faces side=right"]["n"]) == (10, 30)
    whole = (10 * found["faces side=left"]["value"] + 30 * found["faces side=right"]["value"]) / 40
    assert whole == pytest.approx(found[None]["value"])
    exposed = {one["group"] for one in every if one["figure"] == "exposure_mean"}
    assert exposed == {None, "side=left", "side=right", "faces side=left", "faces side=right"}
    page = write_report(run.path).read_text()
    assert "Which groups of faces are taken for somebody at FPIR 10" in page
    assert "faces side=left" not in page, "the group is named as it is, under a heading of its own"

    sided(crowds["nobody"])
    part = groups_part((GroupEntry(column="side"),), everybody_of(crowds["nobody"]))
    photos = [[f"nobody/nobody{one:03d}_{one}" for one in pair] for pair in ((3, 4), (3, 40), (40, 41), (9, 9))]
    groups = groups_of_faces(part, crowds["nobody"], photos)
    assert groups["faces side=left"].tolist() == [True, False, False, True]
    assert groups["faces side=right"].tolist() == [False, False, True, False]
    assert groups_of_faces(part, crowds["nobody"], []) == {}

    (cell,) = plan(audit_sweep(
        faces_given(crowds["nobody"]["file"]), gallery=PluginEntry.model_validate(crowds["holdout"]),
        strangers=PluginEntry.model_validate(crowds["third"]), face_groups=[GroupEntry(column="side")],
    )).cells  # fmt: skip
    with np.load(crowds["nobody"]["file"]) as known:
        held = dict(known)
    held["side"] = held["side"][::-1]
    np.savez(crowds["nobody"]["file"], **held)
    with pytest.raises(CorruptFile, match="columns of embeddings changed after the sweep was planned"):
        raise_from(execute(cell, lambda *_: None, cache=cache_in(tmp_path)))


def test_exposure_is_told_by_group_of_the_people_enrolled(
    audited: Callable[..., RunFolder], crowds: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    sided(crowds["holdout"])
    gallery = {"dataset": crowds["holdout"], "fpir": [0.1], "groups": ["side"]}
    run = audited("copies_of_holdout", gallery=gallery, leakage=None)
    found = {one["group"]: one for one in only(run)["figures"] if one["figure"] == "exposure_mean"}
    assert set(found) == {None, "side=left", "side=right"}
    whole = (10 * found["side=left"]["value"] + 30 * found["side=right"]["value"]) / 40
    assert whole == pytest.approx(found[None]["value"])
    assert "Which groups of people enrolled are exposed at FPIR 10" in write_report(run.path).read_text()


def test_the_report_says_all_of_it(made: Callable[..., Any], tmp_path: Path) -> None:
    detectors = [{"name": "random", "aligner": "toy"}]
    run = run_sweep(made(detectors=detectors), tmp_path / "run", cache=cache_in(tmp_path))
    page = write_report(run.path).read_text()
    for words in (
        "Whom faces could be taken for",
        "Whom generators remember",
        "How alike they are",
        "by gallery size",
    ):
        assert words in page
    tables = {path.stem for path in (run.path / "tables").glob("*.csv")}
    assert {"risk-sizes_folder", "exposed_folder", "rank-one_folder"} <= tables
