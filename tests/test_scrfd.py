"""SCRFD through InsightFace's own class, on a network that takes bright squares for faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.aligners.templates import ARCFACE112
from bench.errors import ConfigError, CorruptFile, PluginError, ShapeError
from bench.registry import load
from tests import onnx_models


def bright_squares(height: int, width: int, *corners: tuple[int, int], level: int = 255) -> np.ndarray:
    """Black, with white squares of 8 pixels whose upper left corners are given as (x, y)."""
    frame = np.zeros((height, width, 3), np.uint8)
    for x, y in corners:
        frame[y : y + 8, x : x + 8] = level
    return frame


def aligner(folder: Path, **settings: object):
    path = onnx_models.detector(folder / "bright.onnx")
    return load("aligner", "scrfd", model=str(path), **{"det_size": (64, 64), **settings})


def test_boxes_and_points_come_back_in_pixels_of_the_frame(tmp_path: Path) -> None:
    (face,) = aligner(tmp_path).detect(bright_squares(64, 64, (16, 24)))
    np.testing.assert_allclose(face.box, [8, 16, 32, 40], atol=1e-4)
    assert face.box.dtype == np.float32
    steps = np.arange(5) * 2
    np.testing.assert_allclose(face.landmarks["field5"], np.stack([16 + steps, 24 + steps], axis=1), atol=1e-4)
    assert face.confidence == pytest.approx(1.0, abs=0.01)


def test_a_larger_frame_is_scaled_down_and_its_faces_back(tmp_path: Path) -> None:
    small = bright_squares(64, 48, (16, 24))
    (face,) = aligner(tmp_path).detect(np.repeat(np.repeat(small, 2, axis=0), 2, axis=1))
    np.testing.assert_allclose(face.box, [16, 32, 64, 80], atol=1e-3)


def test_no_face_is_an_empty_list(tmp_path: Path) -> None:
    assert aligner(tmp_path).detect(bright_squares(64, 64)) == []


def test_threshold_and_order_are_settings(tmp_path: Path) -> None:
    frame = bright_squares(64, 64, (0, 0)) + bright_squares(64, 64, (32, 32), level=200)
    found = aligner(tmp_path).detect(frame)
    assert [round(face.confidence, 1) for face in found] == [0.8, 1.0], "the one nearer the centre first"
    surest = aligner(tmp_path, choose="confidence").detect(frame)
    assert [round(face.confidence, 1) for face in surest] == [1.0, 0.8]
    assert len(aligner(tmp_path, threshold=0.9).detect(frame)) == 1


def test_the_crop_meets_the_template(tmp_path: Path) -> None:
    frame = bright_squares(64, 64, (16, 24))
    detector = aligner(tmp_path)
    crop = detector.crop(frame, detector.detect(frame)[0], ARCFACE112)
    assert (crop.shape, crop.dtype) == ((112, 112, 3), np.uint8)


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"takes 64 x 64 pixels only.*det_size: \[64, 64\]"):
        aligner(tmp_path, det_size=(640, 640)).detect(bright_squares(64, 64))
    with pytest.raises(ConfigError, match="multiples of 32"):
        aligner(tmp_path, det_size=(100, 100))
    with pytest.raises(ConfigError, match=r"threshold: got 2\.0"):
        aligner(tmp_path, threshold=2.0)
    with pytest.raises(ConfigError, match="expected one of model: FILE"):
        load("aligner", "scrfd")
    with pytest.raises(ShapeError, match=r"uint8 \(H, W, 3\)"):
        aligner(tmp_path).detect(np.zeros((8, 8), np.uint8))
    boxes = onnx_models.detector(tmp_path / "boxes.onnx", landmarks=False)
    with pytest.raises(PluginError, match="got 6 outputs"):
        load("aligner", "scrfd", model=str(boxes), det_size=(64, 64)).detect(bright_squares(64, 64))
    (tmp_path / "broken.onnx").write_bytes(b"not a network")
    with pytest.raises(CorruptFile, match=r"broken\.onnx"):
        load("aligner", "scrfd", model=str(tmp_path / "broken.onnx")).detect(bright_squares(64, 64))


def test_the_fingerprint_follows_the_settings(tmp_path: Path) -> None:
    before = aligner(tmp_path).fingerprint()
    assert before == aligner(tmp_path).fingerprint()
    assert before["det_size"] == "64x64"
    changed = [{"det_size": (96, 64)}, {"threshold": 0.4}, {"nms": 0.3}, {"choose": "largest"}, {"threads": 1}]
    for settings in changed:
        assert aligner(tmp_path, **settings).fingerprint() != before
