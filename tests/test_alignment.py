"""Aligners judged by themselves: faces found, landmarks against the truth, and the data sets that know it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from bench.aligners.dlib_hog import field5_of_68
from bench.api import Cell, Face, Fingerprint, Frame, FrameImage, LandmarkedDataset, PluginRow, Success, Template
from bench.datasets.celeba import read_landmarks
from bench.errors import ConfigError, CorruptFile, ShapeError
from bench.metrics import FIGURES
from bench.metrics.alignment import (
    FAILURE,
    SCHEMES,
    Placements,
    assess_alignment,
    common_scheme,
    completed,
    eye_distance,
    landmark_error,
)
from bench.metrics.bootstrap import double_or_nothing
from bench.provenance import value_digest
from bench.registry import Registry, load
from bench.seeding import stream
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.run_folder import DrawKey, draws_of
from bench.store.schema import from_parquet
from bench.sweep.acquisition import acquire
from bench.sweep.alignment import alignment, photos_part
from bench.sweep.inputs import identity_of, settings_of
from bench.sweep.instances import plain, plugin
from bench.sweep.sighting import Cast
from tests.toys import add_toys, write

EYES_20_APART = np.array([[20, 20], [40, 20], [30, 30], [22, 40], [38, 40]], np.float32)


# ----------------------------------------------------------------------------------------------- landmark errors


def sixty_eight(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 100, (68, 2)).astype(np.float32)


def test_a_landmark_error_worked_by_hand() -> None:
    moved = EYES_20_APART + np.array([[3, 4], [0, 0], [0, 10], [0, 0], [0, 0]], np.float32)
    assert landmark_error({"field5": moved}, {"field5": EYES_20_APART}, "field5") == (5 + 10) / 5 / 20


def test_both_fives_follow_from_the_68() -> None:
    points = sixty_eight()
    every = completed({"dlib68": points, "strange": points})
    assert list(every) == ["dlib68", "field5", "dlib5"]
    assert every["field5"] == pytest.approx(field5_of_68(points), abs=1e-4)
    # dlib's own five: the eye at the right of the picture, outer corner first, then the left, then under the nose.
    assert every["dlib5"].tolist() == [points[at].tolist() for at in (45, 42, 36, 39, 33)]
    own = {"dlib68": points, "field5": EYES_20_APART}
    assert completed(own)["field5"].tolist() == EYES_20_APART.tolist(), "what is given stands"


def test_the_richest_scheme_that_all_have_is_measured() -> None:
    all_of_it, five, corners = {"dlib68": sixty_eight()}, {"field5": EYES_20_APART}, {"dlib5": EYES_20_APART}
    assert common_scheme([all_of_it], [all_of_it]) == "dlib68"
    assert common_scheme([five], [all_of_it]) == common_scheme([all_of_it], [five]) == "field5"
    assert common_scheme([corners], [all_of_it]) == "dlib5"
    assert common_scheme([all_of_it, five], [all_of_it, all_of_it]) == "field5"
    assert common_scheme([corners], [five]) is None
    assert common_scheme([{}], [all_of_it]) is None
    assert common_scheme([], []) is None


def test_the_distance_between_the_eyes_is_that_of_their_centres() -> None:
    corners = np.array([[50, 20], [40, 20], [10, 20], [20, 20], [30, 40]], np.float32)
    assert eye_distance({"dlib5": corners}) == 45 - 15
    assert eye_distance({"field5": EYES_20_APART}) == 20
    points = sixty_eight()
    centres = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    assert eye_distance({"dlib68": points}) == pytest.approx(math.dist(*map(np.ndarray.tolist, centres)), rel=1e-6)
    assert eye_distance({}) == eye_distance({"strange": points}) == 0


# ------------------------------------------------------------------------------------------------------- figures


def placements(
    faces: Any, error: Any = None, *, readable: Any = None, known: Any = None, people: Any = None
) -> Placements:
    """Placements from lists; whatever is not given can be read, is known, and shows somebody else each."""
    count = len(faces)
    who = np.arange(count, dtype=np.int32) if people is None else np.array(people, np.int32)
    return Placements(
        readable=np.ones(count, bool) if readable is None else np.array(readable, bool),
        faces=np.array(faces, np.int16),
        error=np.full(count, np.nan) if error is None else np.array(error, np.float64),
        known=np.full(count, error is not None) if known is None else np.array(known, bool),
        people=who,
        count=int(who.max()) + 1,
    )


def values_of(some: Placements) -> dict[str, Any]:
    return {one.figure: one for one in assess_alignment(some, np.zeros((0, some.count), bool)).values}


def test_figures_worked_by_hand() -> None:
    """Six photos of three people: one cannot be read, in one nothing is found, one has two faces, one unknown truth."""
    nan = math.nan
    found = values_of(
        placements(
            [0, 0, 2, 1, 1, 1],
            [nan, nan, 0.02, 0.06, 0.1000001, nan],
            readable=[0, 1, 1, 1, 1, 1],
            known=[1, 1, 1, 1, 1, 0],
            people=[0, 0, 1, 1, 2, 2],
        )
    )
    assert [(name, one.value, one.n) for name, one in found.items()] == [
        ("frames", 6, 6), ("subjects", 3, 6), ("frames_unreadable", 1, 6), ("found_rate", 4 / 5, 5),
        ("faces_per_photo_mean", 1, 5), ("landmark_error_mean", pytest.approx(0.18 / 3, abs=1e-6), 3),
        ("landmark_failure_rate", 2 / 4, 4),
    ]  # fmt: skip
    assert list(found) == [name for name in FIGURES if name in found]
    assert {one.support for name, one in found.items() if FIGURES[name].unit != "count"} == {"weak"}
    for name in ("found_rate", "faces_per_photo_mean", "landmark_error_mean", "landmark_failure_rate"):
        assert found[name].low < found[name].value < found[name].high


def test_an_error_of_exactly_a_tenth_is_no_failure() -> None:
    assert values_of(placements([1, 1], [FAILURE, np.nextafter(FAILURE, 1)]))["landmark_failure_rate"].value == 0.5


def test_without_truth_nothing_is_said_of_landmarks() -> None:
    assert set(values_of(placements([1, 0]))) == {
        "frames", "subjects", "frames_unreadable", "found_rate", "faces_per_photo_mean",
    }  # fmt: skip


def test_landmarks_that_cannot_be_compared_are_insufficient_and_no_failure() -> None:
    found = values_of(placements([1, 0], [math.nan] * 2))
    for name in ("landmark_error_mean", "landmark_failure_rate"):
        assert (found[name].value, found[name].support, found[name].n) == (None, "insufficient", 0)


def test_an_aligner_that_finds_nothing_fails_everywhere() -> None:
    found = values_of(placements([0] * 5, [math.nan] * 5))
    assert (found["found_rate"].value, found["landmark_failure_rate"].value) == (0, 1)
    assert found["landmark_error_mean"].support == "insufficient"
    assert found["found_rate"].interval == found["landmark_failure_rate"].interval == "exact"


def test_nothing_can_be_read() -> None:
    found = values_of(placements([0, 0], [math.nan] * 2, readable=[0, 0]))
    assert found["frames_unreadable"].value == 2
    assert (found["found_rate"].value, found["faces_per_photo_mean"].value) == (None, None)


def test_a_draw_is_the_figure_of_the_people_who_are_kept() -> None:
    rng = np.random.default_rng(0)
    count = 60
    readable, known, faces = rng.random(count) < 0.9, rng.random(count) < 0.8, rng.integers(0, 3, count)
    faces[~readable] = 0
    error = np.where((faces > 0) & known, rng.uniform(0, 0.2, count), np.nan)
    some = placements(faces, error, readable=readable, known=known, people=rng.integers(0, 12, count))
    kept = double_or_nothing(some.count, 30, rng)
    drawn = assess_alignment(some, kept).draws
    assert {key[0] for key in drawn} == {
        "found_rate", "faces_per_photo_mean", "landmark_error_mean", "landmark_failure_rate",
    }  # fmt: skip
    for draw, people in enumerate(kept):
        photos = people[some.people]
        part = replace(
            some, **{name: getattr(some, name)[photos] for name in ("readable", "faces", "error", "known", "people")}
        )
        wanted = values_of(part)
        for (name, point, group), values in drawn.items():
            assert (point, group) == (None, None)
            assert values[draw] == pytest.approx(wanted[name].value, abs=1e-8)


def test_arrays_that_contradict_each_other_are_refused() -> None:
    good = placements([1, 0], [0.1, math.nan])
    for change, says in (
        ({"faces": good.faces.astype(np.int64)}, "faces int64"),
        ({"people": good.people[:1]}, r"people int32 \(1,\)"),
        ({"readable": np.array([False, True])}, "cannot be read"),
        ({"error": np.array([0.1, 0.1])}, "no face was found"),
        ({"known": np.array([False, True])}, "no truth"),
    ):
        with pytest.raises(ShapeError, match=says):
            replace(good, **change)


@pytest.mark.full
@pytest.mark.parametrize(("people", "photos"), [(30, 4), (100, 3)])
def test_intervals_by_person_cover(people: int, photos: int) -> None:
    """Photos of one person are alike: 92 % and more of 95 % intervals hold the truth, be errors ever so skewed."""
    rng = np.random.default_rng(3)
    names = "found_rate", "faces_per_photo_mean", "landmark_error_mean", "landmark_failure_rate"
    # Each person's photos: found with a chance of their own, error log-normal around a median of their own.
    draws = [_people(rng, people, photos) for _ in range(400)]
    many = values_of(_people(rng, 200_000, 2))
    covered = {name: 0 for name in names}
    for some in draws:
        found = values_of(some)
        for name in names:
            covered[name] += found[name].low <= many[name].value <= found[name].high
    assert all(times / len(draws) >= 0.92 for times in covered.values()), covered


def _people(rng: np.random.Generator, people: int, photos: int) -> Placements:
    hard = np.repeat(rng.normal(size=people), photos)
    count = people * photos
    found = rng.random(count) < 1 / (1 + np.exp(-2.5 + hard))
    error = np.where(found, 0.05 * np.exp(0.4 * hard + 0.4 * rng.normal(size=count)), np.nan)
    faces = found * (1 + (rng.random(count) < 0.1))
    return placements(faces, error, people=np.repeat(np.arange(people), photos))


# ---------------------------------------------------------------------------------------------------------- cells


@dataclass(frozen=True)
class FixedSettings:
    """Where the face is said to be."""

    right: float = 0.0
    scheme: str = "field5"


class Fixed:
    """Finds the same five points in every picture that is not dark, and a second face in a bright one."""

    looked = 0

    def __init__(self, settings: FixedSettings) -> None:
        self.settings = settings

    def fingerprint(self) -> Fingerprint:
        return {"revision": 1, "right": self.settings.right, "scheme": self.settings.scheme}

    def detect(self, frame: FrameImage) -> list[Face]:
        type(self).looked += 1
        points = EYES_20_APART + np.array([self.settings.right, 0], np.float32)
        face = Face(np.array([0, 0, 60, 60], np.float32), {self.settings.scheme: points}, 0.5)
        return [] if frame.mean() < 20 else [face] * (1 + (frame.mean() > 200))

    def crop(self, frame: FrameImage, face: Face, template: Template) -> FrameImage:
        return np.ascontiguousarray(np.resize(frame[:1, :1], (template.side, template.side, 3)))


@pytest.fixture
def fixed(own_registry: Registry) -> type[Fixed]:
    add_toys(own_registry)
    own_registry.add(
        PluginRow(
            kind="aligner", name="fixed", target="tests.test_alignment:Fixed",
            settings="tests.test_alignment:FixedSettings", summary="a toy", source="the tests", licence="none",
        ),
        "the tests",
    )  # fmt: skip
    Fixed.looked = 0
    return Fixed


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(DiskStore(tmp_path / "cache"))


SHADES = {"1.jpg": 100, "2.jpg": 5, "3.jpg": 250, "4.jpg": 120, "5.jpg": 140}


def celeba(root: Path, *, landmarks: bool = True, folder: str = "img_align_celeba") -> dict[str, Any]:
    """Five photos of three people, the second dark, the third bright, the fifth of unknown truth."""
    for name, shade in SHADES.items():
        write(root / folder / name, np.full((60, 60, 3), shade, np.uint8))
    (root / "identity_CelebA.txt").write_text("1.jpg 7\n2.jpg 7\n3.jpg 8\n4.jpg 8\n5.jpg 9\n")
    columns = " ".join(f"{point}_{axis}" for point in ("lefteye", "righteye", "nose", "lm", "rm") for axis in "xy")
    rows = [f"{name} {' '.join(str(int(one)) for one in EYES_20_APART.ravel())}" for name in list(SHADES)[:4]]
    if landmarks:
        (root / "list_landmarks_align_celeba.txt").write_text("\n".join(["4", columns, *rows]) + "\n")
    return {"name": "celeba", "root": str(root)}


def cell_of(dataset: dict[str, Any], aligner: dict[str, Any], draws: int = 40, **changes: Any) -> Cell:
    data, finder = plugin("dataset", dataset), plugin("aligner", aligner)
    spec = {
        "assessment": "alignment",
        "dataset": {**identity_of(dataset, data), "settings": settings_of(dataset)},
        **photos_part(data, dataset["name"]),
        "aligner": {**identity_of(aligner, finder), "settings": settings_of(aligner)},
        "draws": draws, "seed": 7, "calibration": None, "fmr": [0.01],
    }  # fmt: skip
    labels = {"dataset": dataset["name"], "protocol": "photos", "recognizer": None, "settings": {"aligner": "fixed"}}
    return Cell(value_digest(plain(spec)), plain(spec | changes), labels)


def figures_of(found: Success) -> dict[str, float]:
    return {record["figure"]: record["value"] for record in found.figures}


def test_a_cell_from_photos_to_figures(fixed: type[Fixed], tmp_path: Path, cache: ArrayCache) -> None:
    entry = celeba(tmp_path / "photos")
    told: list[tuple[str, int, int]] = []
    cell = cell_of(entry, {"name": "fixed", "right": 1.5})
    found = alignment(cell, cache, lambda *each: told.append(each))
    assert figures_of(found) == {
        "frames": 5, "subjects": 3, "frames_unreadable": 0, "found_rate": 0.8, "faces_per_photo_mean": 1.0,
        "landmark_error_mean": 1.5 / 20, "landmark_failure_rate": 0.25,
    }  # fmt: skip
    assert found.counts == {
        "frames": 5, "people": 3, "frames_not_acquired": 1, "frames_unreadable": 0, "frames_without_landmarks": 1,
    }  # fmt: skip
    assert found.runtime == {"landmarks": "field5"}
    assert told[0] == ("finding faces", 1, 5)
    assert all(record["dataset"] == "celeba" and record["recognizer"] is None for record in found.figures)
    placed = from_parquet("placements", found.tables["placements"], "here")
    assert placed["key"].tolist() == list(SHADES)
    assert placed["subject"].tolist() == ["7", "7", "8", "8", "9"]
    assert placed["found"].tolist() == [True, False, True, True, True]
    assert placed["faces"].tolist() == [1, 0, 2, 1, 1]
    assert placed["error"].to_numpy() == pytest.approx([0.075, math.nan, 0.075, 0.075, math.nan], nan_ok=True)
    assert placed["confidence"].isna().tolist() == [False, True, False, False, False]
    assert placed["problem"].dropna().to_dict() == {1: "no face found"}
    kept = double_or_nothing(3, 40, stream(7, "bootstrap", "celeba"))
    people, hits = np.array([0, 0, 1, 1, 2]), np.array([1, 0, 1, 1, 1])
    wanted = [hits[each[people]].mean() if each.any() else math.nan for each in kept]
    drawn = draws_of(from_parquet("draws", found.tables["draws"], "here"))
    assert drawn[DrawKey("found_rate", None, None, None)] == pytest.approx(wanted, nan_ok=True)
    again = alignment(cell, cache)
    assert (again.figures, dict(again.tables)) == (found.figures, dict(found.tables))


def test_photos_that_cannot_be_read_are_counted_apart(fixed: type[Fixed], tmp_path: Path, cache: ArrayCache) -> None:
    entry = celeba(tmp_path / "photos")
    (tmp_path / "photos" / "img_align_celeba" / "4.jpg").write_bytes(b"no picture")
    found = alignment(cell_of(entry, {"name": "fixed"}), cache)
    values = figures_of(found)
    assert (values["frames"], values["frames_unreadable"], found.counts["frames_unreadable"]) == (5, 1, 1)
    assert values["found_rate"] == 3 / 4
    assert values["landmark_failure_rate"] == 1 / 3, "of the three that can be read and are known"
    problem = from_parquet("placements", found.tables["placements"], "here")["problem"][3]
    assert problem.startswith("not a readable image")


def test_no_truth_no_landmark_figures(fixed: type[Fixed], tmp_path: Path, cache: ArrayCache) -> None:
    found = alignment(cell_of(celeba(tmp_path / "photos", landmarks=False), {"name": "fixed"}, draws=0), cache)
    assert "landmark_error_mean" not in figures_of(found)
    assert (found.runtime, "draws" in found.tables, found.counts["frames_without_landmarks"]) == ({}, False, 5)


def test_an_aligner_whose_points_the_truth_lacks(fixed: type[Fixed], tmp_path: Path, cache: ArrayCache) -> None:
    found = alignment(cell_of(celeba(tmp_path / "photos"), {"name": "fixed", "scheme": "dlib5"}), cache)
    rows = {record["figure"]: record["support"] for record in found.figures}
    assert rows["landmark_error_mean"] == rows["landmark_failure_rate"] == "insufficient"
    assert "found_rate" in {key.figure for key in draws_of(from_parquet("draws", found.tables["draws"], "here"))}


def test_no_photo_is_searched_twice(fixed: type[Fixed], tmp_path: Path, cache: ArrayCache) -> None:
    entry, finder = celeba(tmp_path / "photos"), {"name": "fixed"}
    frames = [Frame(name, "x") for name in SHADES]
    acquire(Cast(entry, finder, {"name": "toy"}), frames, cache)
    looked = fixed.looked
    found = alignment(cell_of(entry, finder), cache)
    assert (looked, fixed.looked) == (5, 5)
    fresh = ArrayCache(DiskStore(tmp_path / "fresh"))
    assert alignment(cell_of(entry, finder), fresh).figures == found.figures
    assert fixed.looked == 10
    acquire(Cast(entry, finder, {"name": "toy"}), frames, fresh)
    assert fixed.looked == 10


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda root: (root / "list_landmarks_align_celeba.txt").unlink(), "the landmarks of celeba changed"),
        (lambda root: write(root / "img_align_celeba" / "1.jpg", np.full((9, 9, 3), 99, np.uint8)), "the photos of"),
        (lambda root: (root / "identity_CelebA.txt").write_text("1.jpg 7\n"), "the list of photos of celeba changed"),
    ],
)
def test_what_changed_after_planning_is_refused(
    fixed: type[Fixed], tmp_path: Path, cache: ArrayCache, change: Callable[[Path], object], says: str
) -> None:
    cell = cell_of(celeba(tmp_path / "photos"), {"name": "fixed"})
    change(tmp_path / "photos")
    with pytest.raises(CorruptFile, match=says):
        alignment(cell, cache)


def test_embeddings_are_nothing_to_look_at() -> None:
    class Vectors:
        protocols, shows_faces = ("all_pairs",), False
        fingerprint = frames = image = content_digest = trials = embeddings = lambda self, *_: ()

    with pytest.raises(ConfigError, match="'vectors' holds embeddings and no pictures"):
        photos_part(Vectors(), "vectors")  # type: ignore[arg-type]


# ------------------------------------------------------------------------------- data sets that know the landmarks


def test_drawn_people_know_their_landmarks_in_every_scheme() -> None:
    data = load("dataset", "drawn", people=3, images=2, side=96)
    assert isinstance(data, LandmarkedDataset)
    for frame in data.frames():
        points = data.landmarks(frame.key)
        assert {scheme: len(of_it) for scheme, of_it in points.items()} == dict(SCHEMES)
        derived = completed({"dlib68": points["dlib68"]})
        for scheme in SCHEMES:
            assert points[scheme] == pytest.approx(derived[scheme], abs=1e-3)
        assert 0.1 * 96 < eye_distance(points) < 0.5 * 96
    digests = {data.landmarks_digest(frame.key) for frame in data.frames()}
    assert len(digests) == 6
    assert not digests & {data.content_digest(frame.key) for frame in data.frames()}


def test_drawn_and_celeba_keep_the_promise(tmp_path: Path) -> None:
    for name, settings in (("drawn", {"people": 2, "side": 64}), ("celeba", celeba(tmp_path))):
        given = {key: value for key, value in settings.items() if key != "name"}
        asked = [one for one in bench.check("dataset", name, **given) if one.line.startswith("LandmarkedDataset")]
        assert [one.kept for one in asked] == [True] * 3


@pytest.mark.parametrize(("folder", "known"), [("img_align_celeba", True), ("img_celeba", False), ("images", False)])
def test_celeba_takes_the_landmarks_of_its_own_folder_of_photos(tmp_path: Path, folder: str, known: bool) -> None:
    data = plugin("dataset", celeba(tmp_path, folder=folder))
    without = plugin("dataset", celeba(tmp_path / "other", folder=folder, landmarks=False))
    found = data.landmarks("1.jpg")
    assert ([*found], data.fingerprint() != without.fingerprint()) == (["field5"] if known else [], known)
    if known:
        assert found["field5"].tolist() == EYES_20_APART.tolist()
        assert found["field5"].dtype == np.float32
    assert data.landmarks("5.jpg") == without.landmarks("1.jpg") == {}
    assert data.landmarks_digest("5.jpg") == without.landmarks_digest("1.jpg")


@pytest.mark.parametrize("row", ["1.jpg 1 2 3", "1.jpg 1 2 3 4 5 6 7 8 9 x", "1.jpg 1 2 3 4 5 6 7 8 9 10 11"])
def test_a_line_of_landmarks_of_another_shape_is_named(tmp_path: Path, row: str) -> None:
    file = tmp_path / "list_landmarks_align_celeba.txt"
    file.write_text(f"1\nlefteye_x lefteye_y\n{row}\n")
    with pytest.raises(CorruptFile, match=r"line 3: got '1.jpg 1 2 3.*; expected a photo and 10 whole numbers"):
        read_landmarks(file)


@pytest.mark.full
@pytest.mark.parametrize(("aligner", "scheme"), [({"points": 68}, "dlib68"), ({"points": 5}, "dlib5")])
def test_dlib_on_drawn_people(aligner: dict[str, Any], scheme: str, cache: ArrayCache) -> None:
    entry = {"name": "drawn", "people": 10, "images": 2}
    found = alignment(cell_of(entry, {"name": "dlib_hog", **aligner}), cache)
    values = figures_of(found)
    assert found.runtime == {"landmarks": scheme}
    assert values["found_rate"] >= 0.9
    assert values["landmark_error_mean"] < 0.12
