"""YuNet: a small face detector with five landmarks, run by OpenCV."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.aligners.choice import Choice, check_choice, order_faces
from bench.aligners.templates import crop_by_landmarks
from bench.api import Face, Fingerprint, FrameImage, Template
from bench.errors import CorruptFile, MissingDependency, MissingFile
from bench.images import check_frame
from bench.onnx_runtime import check_sha256, model_digests
from bench.provenance import version_of
from bench.weights import user_model

REVISION = 1

MODEL = "yunet_n_640_640.onnx"

# More candidates than this before non-maximum suppression never come from a photo; OpenCV's own default.
_CANDIDATES = 5000


@dataclass(frozen=True, kw_only=True)
class YunetSettings:
    """What a sweep file may say about `yunet`.

    Attributes:
        model: the ONNX file: a path, or a bare name in the folder that `IMPERSONA_MODELS` names.
        sha256: the digest that the file must have; empty for any.
        threshold: confidence below which a face is none, in [0, 1].
        nms: overlap (intersection over union) above which the less sure of two boxes goes, in [0, 1].
        largest_side: a frame whose longer side is larger is searched in a copy of this size, in pixels; YuNet was
            trained at 640. Smaller frames are searched as they are.
        choose: which of several faces comes first.
    """

    model: str = MODEL
    sha256: str = ""
    threshold: float = 0.6
    nms: float = 0.3
    largest_side: int = 640
    choose: Choice = "size_and_centre"

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        for name in ("threshold", "nms"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected a number in [0, 1]")
        if self.largest_side < 32:
            raise ValueError(f"largest_side: got {self.largest_side}, expected at least 32 pixels")
        check_sha256(self.sha256)
        check_choice(self.choose)


class Yunet:
    """Finds faces of any size and gives each the field's five points."""

    def __init__(self, settings: YunetSettings) -> None:
        self.settings = settings
        self._path = user_model(settings.model)

    def fingerprint(self) -> Fingerprint:
        """What determines the faces: the network's digest, the settings and OpenCV's version."""
        settings = self.settings
        return {
            "revision": REVISION,
            **model_digests(self._path, settings.sha256),
            "threshold": settings.threshold,
            "nms": settings.nms,
            "largest_side": settings.largest_side,
            "choose": settings.choose,
            "opencv": version_of("opencv-python"),
        }

    def detect(self, frame: FrameImage) -> list[Face]:
        """The faces of a frame, the one to use first."""
        import cv2

        height, width = check_frame(frame).shape[:2]
        scale = min(1.0, self.settings.largest_side / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        searched = frame if scale == 1.0 else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        detector = self._detector
        detector.setInputSize(size)
        rows = detector.detect(np.ascontiguousarray(searched[:, :, ::-1]))[1]
        back = np.array([width / size[0], height / size[1]], dtype=np.float32)
        faces = [_face(row, back) for row in (rows if rows is not None else ())]
        return order_faces(faces, frame.shape, self.settings.choose)

    def crop(self, frame: FrameImage, face: Face, template: Template) -> FrameImage:
        """uint8 (S, S, 3): the face, warped to the template."""
        return crop_by_landmarks(frame, face, template)

    @functools.cached_property
    def _detector(self) -> Any:
        try:
            import cv2
        except ImportError as error:
            raise MissingDependency(f"OpenCV cannot be imported ({error}); pip install opencv-python") from error
        model_digests(self._path, self.settings.sha256)
        with _without_warnings(cv2):
            try:
                detector = cv2.FaceDetectorYN.create(
                    str(self._path), "", (320, 320), self.settings.threshold, self.settings.nms, _CANDIDATES
                )
                detector.detect(np.zeros((320, 320, 3), dtype=np.uint8))
            except cv2.error as error:
                raise CorruptFile(
                    f"{self._path}: OpenCV {cv2.__version__} cannot run it as YuNet ({error}); expected a file like"
                    f" {MODEL} of libfacedetection"
                ) from error
        return detector


def what_is_missing() -> str:
    """One line if YuNet's file is not in the folder that `IMPERSONA_MODELS` names, empty otherwise."""
    try:
        user_model(MODEL)
    except MissingFile as error:
        return str(error)
    return ""


def _face(row: np.ndarray, back: np.ndarray) -> Face:
    """A face from YuNet's row: left, top, width, height, five points, confidence.

    YuNet names its points from the person's side, right eye first: that is the eye at the left of the picture, so the
    order is already that of ``field5``.
    """
    row = row.astype(np.float32)
    corners = np.concatenate([row[:2] * back, (row[:2] + row[2:4]) * back])
    points = row[4:14].reshape(5, 2) * back
    return Face(box=corners, landmarks={"field5": points}, confidence=float(row[14]))


@contextlib.contextmanager
def _without_warnings(cv2: Any) -> Iterator[None]:
    """OpenCV 5 warns on every network it opens that its new engine knows no targets; nobody asked for one."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
