"""The floors: a recognizer that has learned nothing, a detector that detects nothing, and that their figures say so."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from bench.api import Crops
from bench.errors import ConfigError, ShapeError
from bench.images import to_crops
from bench.notebook import embed, run
from bench.recognizers.random_projection import grey_cells
from bench.registry import load
from bench.seeding import stream


def crops(count: int, side: int, seed: int = 3) -> Crops:
    return to_crops(np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8))


def test_a_cell_is_the_sum_of_the_grey_of_25_pixels() -> None:
    frame = np.zeros((1, 150, 150, 3), np.uint8)
    frame[0, 5:10, 10:15] = 200  # the second row of cells, the third column
    frame[0, 149, 149] = [255, 0, 0]
    cells = grey_cells(to_crops(frame)).reshape(30, 30)
    assert cells[1, 2] == 25 * 200
    assert cells[29, 29] == 76, "the luma of red"
    assert np.count_nonzero(cells) == 2


def test_a_projection_is_that_of_its_definition() -> None:
    faces = crops(3, 150)
    found = load("recognizer", "random_projection", seed=5, length=16, batch_size=3).embed(faces)
    matrix = np.rint(stream(5, "random_projection").standard_normal((900, 16)) * 1024) / 1024
    for face, row in zip(grey_cells(faces), found, strict=True):
        shares = face / (25 * 255)
        np.testing.assert_allclose(row, (shares - shares.mean()) @ matrix, rtol=1e-6)


def test_its_bits_are_the_same_on_every_machine() -> None:
    found = load("recognizer", "random_projection").embed(crops(2, 150))
    assert found.dtype == np.float32
    digest = hashlib.sha256(found.astype("<f4").tobytes()).hexdigest()
    assert digest == "0104550ce02305ef1bb6277088e67aaa03b3622ce31073ef095258c48afa75fc"


def test_brightness_does_not_count_and_the_seed_does() -> None:
    dark = to_crops(np.random.default_rng(1).integers(0, 200, (1, 150, 150, 3), dtype=np.uint8))
    bright = (dark + np.float32(30 / 255)).astype(np.float32)
    recognizer = load("recognizer", "random_projection")
    a, b = recognizer.embed(dark)[0], recognizer.embed(bright)[0]
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.9999
    other = load("recognizer", "random_projection", seed=1)
    assert abs(float(a @ other.embed(dark)[0]) / np.linalg.norm(a) / np.linalg.norm(other.embed(dark)[0])) < 0.4
    assert other.fingerprint()["matrix"] != recognizer.fingerprint()["matrix"]


def test_a_crop_of_one_grey_still_has_an_embedding() -> None:
    flat = np.full((1, 3, 150, 150), 0.5, np.float32)
    assert load("recognizer", "random_projection").embed(flat).any()


def test_cosines_are_about_the_correlation_of_the_pictures() -> None:
    faces = crops(40, 150)
    found = load("recognizer", "random_projection", length=2048).embed(faces).astype(np.float64)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    expected = np.corrcoef(grey_cells(faces))
    assert np.abs(found @ found.T - expected).max() < 5 / np.sqrt(2048)


def test_it_tells_drawn_people_apart_worse_than_a_network() -> None:
    """Its cosines are chance plus whatever light and hair give away; a network is far ahead on the same faces."""
    people = {"name": "drawn", "people": 8, "images": 3}

    def area(recognizer: str, squared: bool) -> float:
        table = embed(people, recognizer)
        table = table[table["acquired"]]
        rows = np.stack(table["embedding"].to_list()).astype(np.float64)
        if squared:
            score = -((rows[:, None] - rows[None]) ** 2).sum(axis=2)
        else:
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            score = rows @ rows.T
        same = table["subject"].to_numpy()[:, None] == table["subject"].to_numpy()[None]
        upper = np.triu_indices(len(rows), 1)
        mated, nonmated = score[upper][same[upper]], score[upper][~same[upper]]
        return float((mated[:, None] > nonmated[None]).mean() + 0.5 * (mated[:, None] == nonmated[None]).mean())

    floor, network = area("random_projection", False), area("dlib_resnet", True)
    assert 0.45 < floor < network - 0.1, (floor, network)


@pytest.mark.real
@pytest.mark.full
def test_its_error_rate_on_real_people(real_data: Path, tmp_path: Path) -> None:
    """Measured on celeba299 eval: EER 0.43; lbp 0.24 on the same pairs."""
    sweep = {
        "name": "floor",
        "dataset": {"name": "celeba", "root": str(real_data / "celeba299"), "split": "eval"},
        "recognizers": ["random_projection"],
        "draws": 0,
    }
    records = run(sweep, tmp_path / "run").summary()
    rate = float(records.loc[records["figure"] == "equal_error_rate", "value"].iloc[0])
    assert 0.35 < rate < 0.5


def test_random_scores_are_uniform_and_depend_on_the_crop_alone() -> None:
    detector = load("detector", "random")
    scores = detector.attack_scores(crops(2000, 112))
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores < 1)).all()
    counts = np.histogram(scores, bins=10, range=(0, 1))[0]
    assert ((counts - 200) ** 2 / 200).sum() < 27.9, "chi squared, 9 degrees of freedom, p = 0.001"
    np.testing.assert_array_equal(detector.attack_scores(crops(2000, 112)[:3]), scores[:3])


def test_another_seed_or_pixel_gives_another_score() -> None:
    face = crops(1, 112)
    first = load("detector", "random").attack_scores(face)
    assert load("detector", "random", seed=1).attack_scores(face) != first
    face[0, 0, 0, 0] = 1 - face[0, 0, 0, 0]
    assert load("detector", "random").attack_scores(face) != first


def test_the_first_score_by_hand() -> None:
    frame = np.zeros((1, 112, 112, 3), np.uint8)
    digest = hashlib.sha256(b"7\x1f" + bytes(112 * 112 * 3)).digest()
    expected = int.from_bytes(digest[:3], "big") / 2**24
    assert load("detector", "random", seed=7).attack_scores(to_crops(frame)).tolist() == [expected]


def test_random_detects_nothing() -> None:
    """Attacks that anybody would see, bright faces among dark ones: the area under the curve stays about a half."""
    bona_fide, attacks = crops(600, 112, 1) * np.float32(0.3), crops(600, 112, 2)
    areas = []
    for seed in range(4):
        detector = load("detector", "random", seed=seed)
        low, high = detector.attack_scores(bona_fide), detector.attack_scores(attacks)
        areas.append(float((high[:, None] > low[None]).mean()))
    deviation = np.sqrt(1201 / (12 * 600 * 600))
    assert max(abs(area - 0.5) for area in areas) < 4 * deviation
    assert len(set(areas)) == 4


@pytest.mark.full
def test_the_figures_of_random_are_chance(tmp_path: Path) -> None:
    """Faces with a pasted face's edges all around: a half of them is told, and a half of the bona fide photos too."""
    sweep = {
        "name": "floor",
        "dataset": {"name": "drawn", "people": 40, "images": 2},
        "detectors": ["random"],
        "generators": [{"name": "collage", "regions": ["face"], "blend": "paste"}],
        "pairs": {"count": 80},
        "draws": 200,
    }
    records = run(sweep, tmp_path / "run").summary()
    record = records[(records["figure"] == "detection_equal_error_rate") & records["species"].isna()].iloc[0]
    assert 0.35 < record["value"] < 0.65
    assert record["low"] < 0.5 < record["high"]


def test_what_they_refuse() -> None:
    with pytest.raises(ShapeError, match=r"\(N, 3, 150, 150\)"):
        load("recognizer", "random_projection").embed(crops(1, 112))
    with pytest.raises(ShapeError, match="uint8"):
        load("detector", "random").attack_scores(np.zeros((1, 3, 112, 112), np.uint8))
    with pytest.raises(ConfigError, match="length: got 0"):
        load("recognizer", "random_projection", length=0)
