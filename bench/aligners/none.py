"""The aligner for faces that are aligned already: the whole frame is the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.api import Face, Fingerprint, FrameImage, Template
from bench.errors import ShapeError
from bench.images import check_frame, resize
from bench.provenance import version_of


@dataclass(frozen=True, kw_only=True)
class NoAlignerSettings:
    """`none` has no settings."""


class NoAligner:
    """A `bench.api.Aligner` that detects nothing and moves nothing: it resizes."""

    def __init__(self, settings: NoAlignerSettings | None = None) -> None:
        self.settings = settings or NoAlignerSettings()

    def fingerprint(self) -> Fingerprint:
        """What determines the crops."""
        return {"revision": 1, "pillow": version_of("pillow")}

    def detect(self, frame: FrameImage) -> list[Face]:
        """One face: its box the whole frame, no landmarks, confidence 1."""
        height, width = check_frame(frame).shape[:2]
        return [Face(box=np.array([0, 0, width, height], dtype=np.float32), landmarks={}, confidence=1.0)]

    def crop(self, frame: FrameImage, face: Face, template: Template) -> FrameImage:
        """The whole frame, resized (bicubic, antialiased) to the template's side; where the landmarks lie is ignored.

        Args:
            frame: uint8 (S, S, 3); square, because stretching would change the face.
            face: ignored.
            template: only its side matters.

        Returns:
            uint8 (side, side, 3).

        Raises:
            ShapeError: the frame is not square.
        """
        height, width = check_frame(frame).shape[:2]
        if height != width:
            raise ShapeError(
                f"got a frame of {width} x {height} pixels; the aligner none takes square frames, aligned already:"
                " crop them, or set aligner: dlib_hog (or yunet, scrfd)"
            )
        return resize(frame, template.side)
