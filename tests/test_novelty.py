"""How near made faces come to people who have no part in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.config import parse_sweep
from bench.errors import ConfigError, ShapeError
from bench.metrics.novelty import Nearest, assess_novelty
from bench.metrics.shares import Contributors
from bench.registry import Registry
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.run_folder import RunFolder
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from tests.toys import ToyRecognizer, add_toys, only, photos, write

NEAREST, CLEAN, EXCESS = (f"{name}nearest_similarity_mean" for name in ("", "clean_", "excess_"))
STRANGERS = {"grey": (120, 120, 120), "lilac": (160, 130, 220)}


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """Two people of two photos each, none of whom contributes to a face."""
    root = tmp_path / "others"
    for person, colour in STRANGERS.items():
        for number in range(2):
            write(root / person / f"{number}.png", np.full((8, 8, 3), np.add(colour, (20 * number, 0, 0)), np.uint8))
    return root


@pytest.fixture
def sweep(own_registry: Registry, tmp_path: Path, others: Path) -> Callable[..., Any]:
    add_toys(own_registry)
    root = photos(tmp_path / "photos")

    def make(**changes: Any) -> Any:
        base = {
            "name": "t", "dataset": {"name": "folder", "root": str(root)}, "recognizers": ["toy"], "fmr": [0.1],
            "assessments": [], "generators": ["toy"], "draws": 50, "pairs": {"count": 6, "references": 1},
            "novelty": {"dataset": {"name": "folder", "root": str(others)}},
        }  # fmt: skip
        return parse_sweep(base | changes)

    return make


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(DiskStore(tmp_path / "cache"))


def colour(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as picture:
        mean: np.ndarray[Any, Any] = np.asarray(picture, np.float64).reshape(-1, 3).mean(axis=0)
    return mean


def nearest(of: np.ndarray[Any, Any], root: Path) -> tuple[float, str]:
    """The highest cosine with any photo of a folder, and that photo."""
    found = []
    for path in sorted(root.rglob("*.png")):
        other = colour(path)
        cosine = of @ other / np.linalg.norm(of) / np.linalg.norm(other)
        found.append((float(cosine), path.relative_to(root).as_posix()))
    return max(found)


def figures(run: RunFolder) -> dict[str, Any]:
    return {one["figure"]: one for one in only(run)["figures"] if one["operating_point"] is None}


def test_the_nearest_face_is_found_and_held_against_that_of_the_photos(
    sweep: Callable[..., Any], tmp_path: Path, others: Path, cache: ArrayCache
) -> None:
    run = run_sweep(sweep(), tmp_path / "run", cache=cache)
    found, key = figures(run), only(run)["key"]
    contributors = run.table(key, "contributors")
    mixed, clean, keys = [], [], []
    for _, rows in contributors.groupby("face"):
        colours = [colour(tmp_path / "photos" / frame) for frame in rows["photo"]]
        similarity, frame = nearest(np.mean(colours, axis=0), others)  # the toy generator gives half of each
        mixed.append(similarity)
        keys.append(frame)
        clean.append(np.mean([nearest(one, others)[0] for one in colours]))
    table = run.table(key, "nearest")
    np.testing.assert_allclose(table["score"], mixed, atol=3e-3)  # the face was rounded to 8 bits
    np.testing.assert_allclose(table["clean_score"], clean, atol=1e-4)
    assert list(table["photo"]) == keys
    assert list(table["subject"]) == [frame.split("/")[0] for frame in keys]
    for name, expected in ((NEAREST, mixed), (CLEAN, clean), (EXCESS, np.subtract(mixed, clean))):
        assert found[name]["value"] == pytest.approx(np.mean(expected), abs=3e-3)
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
    drawn = run.table(key, "draws")
    assert {NEAREST, CLEAN, EXCESS} <= set(drawn["figure"])


def test_a_gallery_is_embedded_once_for_all_makers(
    sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache
) -> None:
    run_sweep(sweep(), tmp_path / "run", cache=cache)
    before = ToyRecognizer.embedded
    run_sweep(sweep(draws=20), tmp_path / "again", cache=cache)
    assert ToyRecognizer.embedded == before


def test_makers_are_compared_by_it(sweep: Callable[..., Any], tmp_path: Path, cache: ArrayCache) -> None:
    makers = ["toy", {"name": "toy", "label": "mostly", "weight": 0.9}]
    run = run_sweep(sweep(generators=makers), tmp_path / "run", cache=cache)
    summary = run.summary()
    (apart,) = summary[summary["figure"] == f"{NEAREST}_difference"].to_dict("records")
    values = summary[summary["figure"] == NEAREST].set_index("generator")["value"]
    assert apart["value"] == pytest.approx(values["mostly"] - values["toy"])


def test_so_many_photos_of_each_person(
    sweep: Callable[..., Any], tmp_path: Path, others: Path, cache: ArrayCache
) -> None:
    some = {"dataset": {"name": "folder", "root": str(others)}, "photos": 1}
    run = run_sweep(sweep(novelty=some), tmp_path / "run", cache=cache)
    assert set(run.table(only(run)["key"], "nearest")["photo"]) <= {f"{person}/0.png" for person in STRANGERS}


def test_a_changed_gallery_is_another_cell(sweep: Callable[..., Any], others: Path) -> None:
    (before,) = plan(sweep()).cells
    write(others / "grey" / "0.png", np.full((8, 8, 3), 7, np.uint8))
    (after,) = plan(sweep()).cells
    (without,) = plan(sweep(novelty=None)).cells
    assert len({before.key, after.key, without.key}) == 3


def test_who_contributes_may_not_be_in_the_gallery(sweep: Callable[..., Any], tmp_path: Path) -> None:
    same = {"dataset": {"name": "folder", "root": str(tmp_path / "photos")}}
    with pytest.raises(ConfigError, match=r"novelty: .* people, such as .*, contribute to faces and are among those"):
        plan(sweep(novelty=same))
    # The same photos under other names.
    for person, new in (("ann", "x"), ("bob", "y"), ("cyd", "z"), ("dan", "w")):
        shutil.copytree(tmp_path / "photos" / person, tmp_path / "renamed" / new)
    with pytest.raises(ConfigError, match="novelty: 4 people, such as 'ann', contribute to faces"):
        plan(sweep(novelty={"dataset": {"name": "folder", "root": str(tmp_path / "renamed")}}))


def test_people_of_another_place_may_be_called_alike(sweep: Callable[..., Any], tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "ann" / "0.png", np.full((8, 8, 3), 77, np.uint8))
    elsewhere = {"dataset": {"name": "folder", "root": str(tmp_path / "elsewhere")}}
    (cell,) = plan(sweep(novelty=elsewhere)).cells
    shutil.move(tmp_path / "elsewhere" / "ann", tmp_path / "elsewhere" / "eve")
    (renamed,) = plan(sweep(novelty=elsewhere)).cells
    assert renamed.key != cell.key, "the table `nearest` names who it is"


def test_detectors_beside_it_look_for_nobody(sweep: Callable[..., Any], tmp_path: Path) -> None:
    shown = {"recognizers": [], "detectors": [{"name": "random", "aligner": "toy"}]}
    (alone,) = plan(sweep(novelty=None, **shown)).cells
    every = plan(sweep(detectors=shown["detectors"])).cells
    assert every[-1].key == alone.key


def test_what_cannot_be_a_gallery_is_refused(sweep: Callable[..., Any], others: Path) -> None:
    unsplit = {"dataset": {"name": "insightface_bin", "file": str(others / "lfw.bin")}, "split": "train"}
    with pytest.raises(ConfigError, match=r"insightface_bin has no setting split; .* novelty: \{dataset: \{name: "):
        plan(sweep(novelty=unsplit))
    with pytest.raises(ConfigError, match="novelty goes with recognizers, and with generators or attacks"):
        sweep(generators=[], assessments=["verification"])


def test_the_split_to_train_on_is_what_is_meant_where_nothing_is_said(sweep: Callable[..., Any]) -> None:
    drawn = {"name": "drawn", "people": 6, "images": 2, "split": "eval"}
    (cell,) = plan(sweep(dataset=drawn, novelty={}, pairs={"count": 2, "references": 1})).cells
    assert cell.spec["novelty"]["dataset"]["settings"]["split"] == "train"


def test_faces_without_a_face_or_photo_do_not_count() -> None:
    faces = np.array([0.5, np.nan, 0.7, 0.6], np.float32)
    clean = np.array([[0.4, 0.2], [0.1, 0.1], [np.nan, 0.3], [0.2, 0.2]], np.float32)
    people = Contributors(np.array([[0, 1], [2, 3], [4, 5], [6, 7]], np.int32), 8)
    values, drawn = assess_novelty(Nearest(faces, clean), people, np.ones((3, 8), np.bool_))
    found = {one.figure: one for one in values}
    assert found[NEAREST].value == pytest.approx(0.55)
    assert found[CLEAN].value == pytest.approx(0.25)
    assert found[EXCESS].value == pytest.approx(0.3)
    assert found[EXCESS].n == 2
    np.testing.assert_allclose(drawn[EXCESS, None, None], 0.3, rtol=1e-6)
    assert assess_novelty(
        Nearest(faces[1:2], clean[1:2]), people.select(np.arange(4) == 1), np.ones((0, 8), np.bool_)
    ) == ([], {})


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"expected \(M,\) and \(M, K\)"):
        Nearest(np.zeros(3, np.float32), np.zeros((2, 2), np.float32))
