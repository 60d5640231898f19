"""dlib's HOG face detector with its 5-point or 68-point shape predictor.

For the template `dlib150` the crop is dlib's own face chip, bit for bit what dlib's `compute_face_descriptor` sees;
every other template is met by a similarity warp, for which it needs the field's five points, which only the 68 give.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import weights
from bench.aligners.choice import Choice, check_choice, order_faces
from bench.aligners.templates import DLIB150, crop_by_landmarks
from bench.api import Face, Fingerprint, FrameImage, Template
from bench.errors import PluginError
from bench.images import check_frame
from bench.provenance import file_digest, version_of

PREDICTOR_FILES = {
    5: "shape_predictor_5_face_landmarks.dat",
    68: "shape_predictor_68_face_landmarks.dat",
}
_CHIP_PADDING = 0.25


@dataclass(frozen=True, kw_only=True)
class DlibHogSettings:
    """Settings of `dlib_hog`.

    Attributes:
        upsample: how often the frame is doubled before the search; the detector finds faces of 80 pixels without, of
            40 with one doubling, at four times the cost each.
        points: 5 gives ``dlib5`` only, right for `dlib150`; 68 gives ``dlib68`` and ``field5``, and serves every
            template, but that predictor's training set forbids commercial use.
        choose: which of several faces comes first.
    """

    upsample: int = 1
    points: int = 5
    choose: Choice = "size_and_centre"

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        if not 0 <= self.upsample <= 4:
            raise ValueError(f"upsample: got {self.upsample}, expected 0 to 4")
        if self.points not in PREDICTOR_FILES:
            raise ValueError(f"points: got {self.points}, expected 5 or 68")
        check_choice(self.choose)


class DlibHog:
    """A `bench.api.Aligner`. dlib's detector keeps state while it searches: one instance per thread."""

    def __init__(self, settings: DlibHogSettings) -> None:
        self.settings = settings

    def fingerprint(self) -> Fingerprint:
        """What determines faces and crops."""
        built = version_of("dlib-bin")
        return {
            "revision": 1,
            "upsample": self.settings.upsample,
            "points": self.settings.points,
            "choose": self.settings.choose,
            "predictor": file_digest(self._predictor_file),
            "dlib": version_of("dlib") if built == "absent" else f"{built} (dlib-bin)",
            "opencv": version_of("opencv-python"),
        }

    def detect(self, frame: FrameImage) -> list[Face]:
        """The faces in a frame, the one to use first.

        Args:
            frame: uint8 (H, W, 3).

        Returns:
            Faces with the detector's margin as their confidence, and ``dlib5``, or ``dlib68`` and ``field5``.
        """
        pixels = np.ascontiguousarray(check_frame(frame))
        boxes, margins, _ = self._detector.run(pixels, self.settings.upsample, 0.0)
        faces = []
        for box, margin in zip(boxes, margins, strict=True):
            parts = self._predictor(pixels, box).parts()
            points = np.array([(part.x, part.y) for part in parts], dtype=np.float32)
            # dlib's right and bottom are the last pixels inside.
            edges = np.array([box.left(), box.top(), box.right() + 1, box.bottom() + 1], dtype=np.float32)
            schemes = {"dlib5": points} if len(points) == 5 else {"dlib68": points, "field5": field5_of_68(points)}
            faces.append(Face(box=edges, landmarks=schemes, confidence=float(margin)))
        return order_faces(faces, pixels.shape, self.settings.choose)

    def crop(self, frame: FrameImage, face: Face, template: Template) -> FrameImage:
        """The face, warped to the template.

        Args:
            frame: uint8 (H, W, 3), the one in which the face was found.
            face: as `detect` gave it.
            template: where the landmarks shall come to lie.

        Returns:
            uint8 (S, S, 3); for `dlib150` dlib's own face chip.

        Raises:
            PluginError: the face has none of the template's landmark schemes.
        """
        own = face.landmarks.get("dlib5", face.landmarks.get("dlib68"))
        if template.name == DLIB150.name and own is not None:
            return _face_chip(np.ascontiguousarray(check_frame(frame)), face, own, template.side)
        if "field5" in template.targets and list(face.landmarks) == ["dlib5"] and "dlib5" not in template.targets:
            raise PluginError(
                f"the template {template.name} wants landmarks field5 and dlib's five points (dlib5) are others; set"
                " aligner: {name: dlib_hog, points: 68}, or use yunet or scrfd"
            )
        return crop_by_landmarks(frame, face, template)

    @cached_property
    def _detector(self) -> Any:
        import dlib

        return dlib.get_frontal_face_detector()

    @cached_property
    def _predictor(self) -> Any:
        import dlib

        return dlib.shape_predictor(str(self._predictor_file))

    @property
    def _predictor_file(self) -> Path:
        return weights.dlib_model(PREDICTOR_FILES[self.settings.points])


def field5_of_68(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """The field's five points from dlib's 68: the means of the six around each eye, nose tip, mouth corners.

    Args:
        points: float32 (68, 2), x then y.

    Returns:
        float32 (5, 2): eye at the left of the picture, at the right, nose tip, mouth corner at the left, at the right.
    """
    eyes = np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0)])
    return np.concatenate([eyes, points[[30, 48, 54]]]).astype(np.float32)


def _face_chip(pixels: FrameImage, face: Face, points: NDArray[np.float32], side: int) -> FrameImage:
    import dlib

    left, top, right, bottom = (round(float(edge)) for edge in face.box)
    # The predictors give whole pixels, so that rounding them back changes nothing.
    parts = dlib.points([dlib.point(round(float(x)), round(float(y))) for x, y in points])
    found = dlib.full_object_detection(dlib.rectangle(left, top, right - 1, bottom - 1), parts)
    return np.asarray(dlib.get_face_chip(pixels, found, size=side, padding=_CHIP_PADDING), dtype=np.uint8)
