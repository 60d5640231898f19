"""spectral: its spectrum against a slow one written out, what changes it and what does not, the weights that ship."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from safetensors import safe_open
from safetensors.numpy import save_file

from bench.api import Crops
from bench.detectors import spectral
from bench.detectors.linear_weights import LinearWeights, read_linear_weights, write_linear_weights
from bench.errors import CorruptFile, MissingFile, ShapeError
from bench.images import to_crops
from bench.provenance import file_digest
from bench.registry import load
from bench.weights import released

SIDE, RINGS = spectral.SIDE, spectral.RINGS


def crops(count: int, seed: int = 7) -> Crops:
    return to_crops(np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8))


def waves(cycles: int, axis: int = 1) -> NDArray[np.float64]:
    wave = 128 + 100 * np.cos(2 * np.pi * cycles * np.arange(SIDE) / SIDE)
    return np.broadcast_to(np.expand_dims(wave, 1 - axis), (SIDE, SIDE)).copy()


def test_rings_are_those_of_their_definition() -> None:
    grey = np.random.default_rng(1).normal(128, 30, (SIDE, SIDE))
    window = np.array([0.5 - 0.5 * math.cos(2 * math.pi * place / SIDE) for place in range(SIDE)])
    windowed = (grey - grey.mean()) * np.outer(window, window)
    # The discrete Fourier transform as a matrix, not as an FFT.
    transform = np.exp(-2j * np.pi * np.outer(np.arange(SIDE), np.arange(SIDE)) / SIDE)
    power = np.abs(transform @ windowed @ transform.T) ** 2 / SIDE**2
    rings: list[list[float]] = [[] for _ in range(SIDE)]
    for row in range(SIDE):
        for column in range(SIDE):
            down, across = (place - SIDE if place >= SIDE // 2 else place for place in (row, column))
            rings[round(math.hypot(down, across))].append(power[row, column])
    expected = [sum(rings[ring]) / len(rings[ring]) for ring in range(1, RINGS + 1)]
    np.testing.assert_allclose(spectral.ring_power(grey), expected, rtol=1e-9)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("cycles", [1, 20, 127])
def test_a_wave_stands_in_its_ring(cycles: int, axis: int) -> None:
    power = spectral.ring_power(waves(cycles, axis))
    assert 1 + int(power.argmax()) == cycles
    near = slice(max(cycles - 3, 0), cycles + 2)
    assert power[near].sum() > 0.999 * power.sum()


def test_contrast_and_brightness_change_nothing_but_rounding() -> None:
    low = np.random.default_rng(2).integers(0, 120, (1, SIDE, SIDE, 3), dtype=np.uint8)
    expected = spectral.spectra(to_crops(low))
    for other in (2 * low, low + np.uint8(100)):
        np.testing.assert_allclose(spectral.spectra(to_crops(other)), expected, atol=0.05)


def test_blur_takes_from_the_highest_rings() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    blurred = np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(1.5)))
    sharp, soft = spectral.spectra(to_crops(np.stack([noise, blurred])))
    assert abs(sharp[-32:].mean() - sharp[:32].mean()) < 0.3
    assert soft[-32:].mean() < soft[:32].mean() - 3
    np.testing.assert_allclose([sharp.mean(), soft.mean()], 0, atol=1e-5)


def test_a_score_depends_on_its_own_crop_only() -> None:
    detector = load("detector", "spectral")
    faces = crops(5)
    together = detector.attack_scores(faces)
    assert (together.shape, together.dtype) == ((5,), np.float32)
    assert len(set(together.tolist())) == 5
    for index in range(5):
        np.testing.assert_array_equal(detector.attack_scores(faces[index : index + 1]), together[index : index + 1])
    assert detector.attack_scores(faces[:0]).shape == (0,)


def test_pictures_without_detail_have_a_score_too() -> None:
    flat = np.stack([np.zeros((SIDE, SIDE, 3), np.uint8), np.full((SIDE, SIDE, 3), 200, np.uint8)])
    scores = load("detector", "spectral").attack_scores(to_crops(flat))
    assert np.isfinite(scores).all()
    assert scores[0] == scores[1]


def test_the_score_is_the_classifier_of_the_features() -> None:
    weights = read_linear_weights(released(spectral.WEIGHTS), spectral.LAYOUT, RINGS, "spectral")
    features = spectral.spectra(crops(3))
    expected = (features - weights.mean) / weights.scale @ weights.coefficients + weights.intercept
    np.testing.assert_allclose(load("detector", "spectral").attack_scores(crops(3)), expected, rtol=1e-4, atol=1e-4)


def test_the_weights_that_ship() -> None:
    path = released(spectral.WEIGHTS)
    assert path.stat().st_size < 1 << 20
    with safe_open(path, framework="numpy") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F32"}  # noqa: SIM118, no mapping
        assert file.metadata() == {"layout": spectral.LAYOUT}
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert file_digest(path) in card
    assert "python -m bench.fitting.detectors spectral" in card


def weight_file(path: Path, length: int = RINGS, layout: str = spectral.LAYOUT, **other: NDArray[np.float32]) -> Path:
    weights = {
        "mean": np.zeros(length, np.float32),
        "scale": np.ones(length, np.float32),
        "coefficients": np.ones(length, np.float32),
        "intercept": np.array([3], np.float32),
    }
    write_linear_weights(path, LinearWeights(**{**weights, **other}), layout)
    return path


def test_weights_of_your_own(tmp_path: Path) -> None:
    mine = str(weight_file(tmp_path / "mine.safetensors"))
    detector = load("detector", "spectral", weights=mine)
    assert detector.fingerprint() != load("detector", "spectral").fingerprint()
    # Features sum to zero but for their rounding.
    np.testing.assert_allclose(detector.attack_scores(crops(2)), 3, atol=1e-3)


def test_errors(tmp_path: Path) -> None:
    detector = load("detector", "spectral")
    for wrong in (np.zeros((1, 3, 112, 112), np.float32), np.zeros((1, 3, SIDE, SIDE), np.float64)):
        with pytest.raises(ShapeError, match=r"\(N, 3, 256, 256\)"):
            detector.attack_scores(wrong)
    with pytest.raises(MissingFile, match=r"none\.safetensors"):
        load("detector", "spectral", weights=str(tmp_path / "none.safetensors")).fingerprint()
    (tmp_path / "broken.safetensors").write_bytes(b"{}")
    save_file({"mean": np.zeros(3, np.float32)}, tmp_path / "half.safetensors", metadata={"layout": spectral.LAYOUT})
    wrong_files = [
        tmp_path / "broken.safetensors",
        tmp_path / "half.safetensors",
        weight_file(tmp_path / "short.safetensors", length=10),
        weight_file(tmp_path / "other.safetensors", layout="another"),
        weight_file(tmp_path / "nan.safetensors", mean=np.full(RINGS, np.nan, np.float32)),
        weight_file(tmp_path / "flat.safetensors", scale=np.zeros(RINGS, np.float32)),
    ]
    for path in wrong_files:
        with pytest.raises(CorruptFile, match=path.name):
            load("detector", "spectral", weights=str(path)).attack_scores(crops(1))
