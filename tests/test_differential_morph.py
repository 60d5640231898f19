"""differential_morph: its features, that each photo is embedded once, what it refuses, and the weights that ship."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors import safe_open

from bench.api import Crops, Embeddings
from bench.detectors import differential_morph
from bench.detectors.linear_weights import read_linear_weights
from bench.errors import ConfigError, ShapeError
from bench.images import to_crops
from bench.provenance import file_digest
from bench.registry import load
from bench.weights import released


def crops(count: int, seed: int = 7) -> Crops:
    return to_crops(np.random.default_rng(seed).integers(0, 256, (count, 150, 150, 3), dtype=np.uint8))


def test_features_are_differences_their_squares_and_the_distance() -> None:
    suspects = np.zeros((2, 128), np.float32)
    trusted = np.zeros((2, 128), np.float32)
    suspects[0, :2] = 3, -4
    trusted[1, 5] = 0.5
    found = differential_morph.differences(suspects, trusted)
    assert (found.shape, found.dtype) == ((2, 257), np.float64)
    assert found[0, :3].tolist() == [3, -4, 0]
    assert found[1, 5] == -0.5
    assert found[0, 128:131].tolist() == [9, 16, 0]
    assert found[:, -1].tolist() == [5, 0.5]


def test_the_score_is_the_classifier_of_the_recognizers_embeddings() -> None:
    suspects, trusted = crops(3), crops(3, seed=8)
    recognizer = load("recognizer", "dlib_resnet")
    features = differential_morph.differences(recognizer.embed(suspects), recognizer.embed(trusted))
    weights = read_linear_weights(
        released(differential_morph.WEIGHTS), differential_morph.LAYOUT, differential_morph.LENGTH, "differential_morph"
    )
    expected = (features - weights.mean) / weights.scale @ weights.coefficients + weights.intercept
    scores = load("detector", "differential_morph").attack_scores(suspects, trusted)
    assert (scores.shape, scores.dtype) == ((3,), np.float32)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


def test_a_score_depends_on_its_own_two_crops_only() -> None:
    suspects, trusted = crops(5), crops(5, seed=8)
    together = load("detector", "differential_morph", batch_size=4).attack_scores(suspects, trusted)
    assert len(set(together.tolist())) == 5
    alone = load("detector", "differential_morph", batch_size=4)
    for index in (3, 0):
        here = slice(index, index + 1)
        np.testing.assert_array_equal(alone.attack_scores(suspects[here], trusted[here]), together[here])
    assert alone.attack_scores(suspects[:0], trusted[:0]).shape == (0,)


def test_photos_are_embedded_once_and_not_kept_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = load("detector", "differential_morph")
    embed, asked = detector._recognizer.embed, []

    def counted(faces: Crops) -> Embeddings:
        asked.append(len(faces))
        return embed(faces)

    monkeypatch.setattr(detector._recognizer, "embed", counted)
    monkeypatch.setattr(differential_morph, "REMEMBERED", 3)
    faces = crops(4)
    first = detector.attack_scores(faces[[0, 0]], faces[[1, 2]])
    again = detector.attack_scores(faces[[0, 0]], faces[[1, 2]])
    np.testing.assert_array_equal(first, again)
    detector.attack_scores(faces[[0]], faces[[3]])
    detector.attack_scores(faces[[1]], faces[[2]])  # 1 had to go, 2 is still there
    assert asked == [3, 0, 1, 1]


def test_a_photo_beside_itself_is_bona_fide() -> None:
    faces = crops(2)
    same = load("detector", "differential_morph").attack_scores(faces, faces.copy())
    assert (same < 0).all()


def test_the_fingerprint_has_the_recognizers_part() -> None:
    found = load("detector", "differential_morph").fingerprint()
    for name, value in load("recognizer", "dlib_resnet").fingerprint().items():
        assert found[f"dlib_resnet_{name}"] == value
    assert found["weights"] == file_digest(released(differential_morph.WEIGHTS))
    assert load("detector", "differential_morph", threads=1).fingerprint() != found


def test_it_is_differential_and_asks_for_the_recognizers_aligner() -> None:
    detector = load("detector", "differential_morph")
    assert detector.differential
    assert detector.species == ("morph",)
    assert detector.template.name == load("recognizer", "dlib_resnet").template.name
    assert detector.default_aligner() == load("recognizer", "dlib_resnet").default_aligner()


def test_errors() -> None:
    detector = load("detector", "differential_morph")
    with pytest.raises(ShapeError, match="got no references"):
        detector.attack_scores(crops(1))
    with pytest.raises(ShapeError, match="one for each"):
        detector.attack_scores(crops(2), crops(1))
    with pytest.raises(ShapeError, match=r"\(N, 3, 150, 150\)"):
        detector.attack_scores(np.zeros((1, 3, 112, 112), np.float32), np.zeros((1, 3, 112, 112), np.float32))
    for setting in ({"device": "tpu"}, {"batch_size": 0}, {"threads": -1}):
        with pytest.raises(ConfigError, match=next(iter(setting))):
            load("detector", "differential_morph", **setting)


def test_the_weights_that_ship() -> None:
    path = released(differential_morph.WEIGHTS)
    assert path.stat().st_size < 1 << 20
    with safe_open(path, framework="numpy") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F32"}  # noqa: SIM118, no mapping
        assert file.metadata() == {"layout": differential_morph.LAYOUT}
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert file_digest(path) in card
    assert "python -m bench.fitting.detectors differential_morph" in card
