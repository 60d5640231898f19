"""YuNet through OpenCV: the order of its points, the size it searches at, what it refuses."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.aligners import yunet
from bench.aligners.templates import ARCFACE112
from bench.errors import ConfigError, CorruptFile, MissingFile
from bench.images import read, resize
from bench.registry import load
from tests import onnx_models

ROW = [10, 20, 30, 40, 15, 30, 35, 30, 25, 40, 18, 50, 32, 50, 0.9]  # left, top, width, height, five points, confidence


class Detector:
    """Stands in for OpenCV's: remembers what it saw, finds what it is told."""

    def __init__(self, rows: list[list[float]] | None) -> None:
        self.rows = rows
        self.seen: list[tuple[tuple[int, int], np.ndarray]] = []

    def setInputSize(self, size: tuple[int, int]) -> None:
        self.size = size

    def detect(self, image: np.ndarray) -> tuple[int, np.ndarray | None]:
        assert image.shape[:2] == self.size[::-1]
        self.seen.append((self.size, image))
        return 1, None if self.rows is None else np.array(self.rows, np.float32)


def told(folder: Path, rows: list[list[float]] | None, **settings: object):
    """An aligner over a stand-in detector."""
    aligner = load("aligner", "yunet", model=str(onnx_models.recognizer(folder / "any.onnx")), **settings)
    aligner.__dict__["_detector"] = Detector(rows)
    return aligner


def test_rows_become_faces(tmp_path: Path) -> None:
    frame = np.zeros((100, 80, 3), np.uint8)
    frame[..., 0] = 200
    aligner = told(tmp_path, [ROW])
    (face,) = aligner.detect(frame)
    np.testing.assert_array_equal(face.box, [10, 20, 40, 60])
    np.testing.assert_array_equal(face.landmarks["field5"], np.reshape(ROW[4:14], (5, 2)))
    assert face.confidence == pytest.approx(0.9)
    size, image = aligner._detector.seen[0]
    assert size == (80, 100)
    assert image[0, 0].tolist() == [0, 0, 200], "OpenCV takes blue first"


def test_no_face_is_an_empty_list(tmp_path: Path) -> None:
    assert told(tmp_path, None).detect(np.zeros((50, 50, 3), np.uint8)) == []


def test_large_frames_are_searched_in_a_smaller_copy(tmp_path: Path) -> None:
    aligner = told(tmp_path, [ROW], largest_side=200)
    (face,) = aligner.detect(np.zeros((600, 800, 3), np.uint8))
    assert aligner._detector.seen[0][0] == (200, 150)
    np.testing.assert_allclose(face.box, [40, 80, 160, 240])
    np.testing.assert_allclose(face.landmarks["field5"], np.reshape(ROW[4:14], (5, 2)) * 4)


def test_the_order_is_a_setting(tmp_path: Path) -> None:
    frame = np.zeros((100, 100, 3), np.uint8)
    corner = [0, 0, 40, 44, *ROW[4:14], 0.99]
    assert told(tmp_path, [corner, ROW]).detect(frame)[0].confidence == pytest.approx(0.9)
    assert told(tmp_path, [ROW, corner], choose="largest").detect(frame)[0].confidence == pytest.approx(0.99)


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPERSONA_MODELS", str(tmp_path))
    with pytest.raises(MissingFile, match=r"yunet_n_640_640\.onnx"):
        load("aligner", "yunet")
    assert "yunet_n_640_640.onnx" in yunet.what_is_missing()
    (tmp_path / yunet.MODEL).write_bytes(b"not a network")
    assert not yunet.what_is_missing()
    with pytest.raises(CorruptFile, match="cannot run it as YuNet"):
        load("aligner", "yunet").detect(np.zeros((50, 50, 3), np.uint8))
    with pytest.raises(CorruptFile, match=f"expected {'0' * 64}"):
        load("aligner", "yunet", sha256="0" * 64).fingerprint()
    other = onnx_models.recognizer(tmp_path / "other.onnx")
    with pytest.raises(CorruptFile, match="cannot run it as YuNet"):
        load("aligner", "yunet", model=str(other)).detect(np.zeros((50, 50, 3), np.uint8))
    for wrong in ({"threshold": 2.0}, {"nms": -1.0}, {"largest_side": 8}, {"choose": "best"}, {"sha256": "1"}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            load("aligner", "yunet", model=str(other), **wrong)


def test_the_fingerprint_follows_the_settings(tmp_path: Path) -> None:
    before = told(tmp_path, None).fingerprint()
    assert before == told(tmp_path, None).fingerprint()
    for settings in ({"threshold": 0.5}, {"nms": 0.4}, {"largest_side": 320}, {"choose": "centre"}):
        assert told(tmp_path, None, **settings).fingerprint() != before


def photo(real_data: Path) -> np.ndarray:
    return read(next(iter(sorted((real_data / "lfw" / "images").glob("A*/*_0001.jpg")))))


@pytest.mark.real
def test_points_of_a_real_face_are_in_the_order_of_field5(
    real_models: Path, real_data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frame = photo(real_data)
    aligner = load("aligner", "yunet", model=str(real_models / yunet.MODEL))
    face = aligner.detect(frame)[0]
    left_eye, right_eye, nose, left_corner, right_corner = face.landmarks["field5"]
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_corner[0] < right_corner[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_corner[1], right_corner[1])
    left, top, right, bottom = face.box
    assert (face.landmarks["field5"] > [left, top]).all()
    assert (face.landmarks["field5"] < [right, bottom]).all()
    assert aligner.crop(frame, face, ARCFACE112).shape == (112, 112, 3)
    assert capfd.readouterr().err == "", "OpenCV keeps quiet"


@pytest.mark.real
def test_faces_depend_on_neither_threads_nor_what_came_before(real_models: Path, real_data: Path) -> None:
    frame = photo(real_data)
    aligner = load("aligner", "yunet", model=str(real_models / yunet.MODEL))
    first = aligner.detect(frame)[0].landmarks["field5"]
    before = cv2.getNumThreads()
    try:
        for threads in (1, 3):
            cv2.setNumThreads(threads)
            aligner.detect(resize(frame, 97))
            np.testing.assert_array_equal(aligner.detect(frame)[0].landmarks["field5"], first)
    finally:
        cv2.setNumThreads(before)
    larger = aligner.detect(resize(frame, 1800))[0].landmarks["field5"] / 10
    assert np.abs(larger - first).max() < 6


@pytest.mark.real
@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (31, 33)])
def test_frames_without_room_for_a_face(real_models: Path, shape: tuple[int, int]) -> None:
    aligner = load("aligner", "yunet", model=str(real_models / yunet.MODEL))
    assert aligner.detect(np.zeros((*shape, 3), np.uint8)) == []
