"""How the released detectors are fitted: balance, the classifier, and that the same command gives the same file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from bench.config import load_sweep
from bench.detectors import spectral
from bench.detectors.linear_weights import read_linear_weights
from bench.detectors.spectral import spectra
from bench.errors import ConfigError
from bench.fitting import detectors, linear
from bench.fitting.samples import Samples, gather
from bench.registry import load

SWEEP = """
name: fitting
seed: 3
dataset: {name: drawn, people: 40, images: 2}
detectors: [random]
attacks:
  - {name: landmark_morph, background: [first, blend]}
pairs: {count: 10, references: 1}
draws: 0
"""


def samples(count: int = 400, seed: int = 5) -> Samples:
    rng = np.random.default_rng(seed)
    species = tuple(rng.choice(np.array([None, "a", "b"]), count).tolist())
    shift = np.array([0.0 if one is None else 1.5 for one in species])
    features = rng.normal(size=(count, 3)) * [1, 5, 0.1] + np.outer(shift, [1, 0, 0])
    people = tuple((str(one),) for one in rng.integers(0, 9, count))
    return Samples(features, species, people, 0)


def test_kinds_and_people_weigh_alike() -> None:
    species = (None, None, None, None, "a", "a", "a", "b")
    people = (("x",), ("x",), ("x",), ("y",), ("x", "y"), ("x", "z"), ("x", "z"), ("y",))
    weight = Samples(np.zeros((8, 1)), species, people, 0).balanced()
    np.testing.assert_allclose(weight[:4], np.array([1 / 3, 1 / 3, 1 / 3, 1]) * 2)
    np.testing.assert_allclose(weight[4:7].sum(), 2)
    # y stands in one attack of this species, z in two, x in three.
    shares = np.array([(1 / 3 + 1) / 2, (1 / 3 + 1 / 2) / 2, (1 / 3 + 1 / 2) / 2])
    np.testing.assert_allclose(weight[4:7], 2 * shares / shares.sum())
    np.testing.assert_allclose(weight[7], 2)


def test_the_classifier_is_scikit_learns() -> None:
    given = samples()
    weights = linear.fit(given, 0.1)
    weight = given.balanced()
    mean = np.average(given.features, axis=0, weights=weight)
    deviation = np.sqrt(np.average((given.features - mean) ** 2, axis=0, weights=weight))
    model = LogisticRegression(C=0.1, tol=1e-8).fit((given.features - mean) / deviation, given.attack, weight)
    expected = model.decision_function((given.features - mean) / deviation)
    np.testing.assert_allclose(weights.logits(given.features), expected, atol=1e-4)
    assert weights.coefficients[0] > 5 * np.abs(weights.coefficients[1:]).max()


def test_areas_count_ties_half() -> None:
    given = Samples(np.zeros((5, 1)), (None, None, "a", "a", "b"), ((),) * 5, 0)
    scores = np.array([0, 1, 1, 2, -1], np.float32)
    assert linear.areas_of(scores, given) == {"a": (1 + 0.5 + 1 + 1) / 4, "b": 0.0}


def test_the_strength_is_chosen_on_other_people() -> None:
    found = linear.candidates(samples(), samples(seed=6), (0.001, 0.1))
    assert [one.strength for one in found] == [0.001, 0.1]
    chosen = linear.best(found)
    assert chosen.area == max(one.area for one in found)
    assert set(chosen.areas) == {"a", "b"}
    assert chosen.area > 0.8
    assert linear.best([found[1], found[1]]).strength == 0.1


def sweep_file(folder: Path, text: str = SWEEP) -> Path:
    path = folder / "fitting.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_sweep_must_show_something(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = sweep_file(tmp_path, SWEEP.replace("[random]", "[random, {name: random, label: two, seed: 1}]"))
    with pytest.raises(ConfigError, match="got 2 cells of detection"):
        gather(load_sweep(path), load("detector", "random"), lambda suspects, trusted: np.zeros((len(suspects), 1)))
    assert detectors.main(["spectral", "--sweep", str(tmp_path / "none.yaml"), "--out", str(tmp_path / "out")]) == 1
    assert "none.yaml" in capsys.readouterr().err


@pytest.mark.full
def test_the_same_command_gives_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = sweep_file(tmp_path)
    files = [tmp_path / f"{name}.safetensors" for name in ("first", "second")]
    for file in files:
        assert detectors.main(["spectral", "--sweep", str(path), "--out", str(file)]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    weights = read_linear_weights(files[0], spectral.LAYOUT, spectral.RINGS, "spectral")
    assert np.abs(weights.coefficients).max() > 0
    said = capsys.readouterr().out
    assert "train: 20 attacks of 2 species" in said
    assert "dev: 20 attacks of 2 species" in said
    other = tmp_path / "other.safetensors"
    assert detectors.main(["spectral", "--sweep", str(path), "--out", str(other), "--set", "seed=4"]) == 0
    assert other.read_bytes() != files[0].read_bytes()


@pytest.mark.full
def test_differential_samples_come_with_a_trusted_photo(tmp_path: Path) -> None:
    sweep = load_sweep(sweep_file(tmp_path), ["pairs.count=4", "dataset.people=8"])
    detector = load("detector", "differential_morph")
    found = gather(sweep, detector, detector.features)
    assert found.features.shape[1] == 257
    distances = found.features[:, -1]
    assert (distances > 0).all()
    # Of each morph's two people one photo each: somebody is always farther from it than from a photo of themselves.
    assert distances[found.attack].mean() > distances[~found.attack].mean()


@pytest.mark.full
def test_the_way_that_faces_take_tells_nothing(tmp_path: Path) -> None:
    # A morph of weight 0 is the first person's photo: what is left is crop, size, file and being found again.
    text = SWEEP.replace("background: [first, blend]", "weight: [0.0, 0.5]")
    detector = load("detector", "spectral")
    found = gather(load_sweep(sweep_file(tmp_path, text)), detector, lambda suspects, trusted: spectra(suspects))
    photos = {row.tobytes() for row, attack in zip(found.features, found.attack, strict=True) if not attack}
    for kind, same in (("landmark_morph weight=0.0", True), ("landmark_morph weight=0.5", False)):
        attacks = [row for row, one in zip(found.features, found.species, strict=True) if one == kind]
        assert len(attacks) >= 9
        assert {row.tobytes() in photos for row in attacks} == {same}
