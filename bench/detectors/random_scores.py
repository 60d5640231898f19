"""What a detector scores that detects nothing: a number for each crop, drawn by its pixels and a seed.

The same crop always gets the same score, and crops that differ in one pixel get scores that have nothing to do with
each other: whatever a figure says of this detector is chance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import ARCFACE112, template_digest
from bench.api import Crops, Fingerprint
from bench.errors import ShapeError
from bench.images import to_frames

REVISION = 1

BITS = 24
"""A float32 holds so many exactly, so that no score is rounded up to 1."""


@dataclass(frozen=True, kw_only=True)
class RandomScoresSettings:
    """Settings of `random`.

    Attributes:
        seed: another seed gives every crop another score.
    """

    seed: int = 0


class RandomScores:
    """A `bench.api.Detector` that detects nothing."""

    template = ARCFACE112
    species: tuple[Literal["forgery", "morph", "presentation"], ...] = ("forgery", "morph", "presentation")
    differential = False
    batch_size = 64

    def __init__(self, settings: RandomScoresSettings) -> None:
        self.settings = settings

    def fingerprint(self) -> Fingerprint:
        """What determines the scores."""
        return {"revision": REVISION, "template": template_digest(ARCFACE112), "seed": self.settings.seed}

    def default_aligner(self) -> Mapping[str, Any]:
        """The 68 points of dlib, from which the template takes its five."""
        return {"name": "dlib_hog", "points": 68}

    def runtime(self) -> Mapping[str, str]:
        """Nothing that matters runs."""
        return {"device": "cpu"}

    def attack_scores(self, crops: Crops, references: Crops | None = None) -> NDArray[np.float32]:
        """Scores that mean nothing.

        Args:
            crops: float32 (N, 3, 112, 112) RGB in [0, 1], rounded to 256 levels here.
            references: ignored.

        Returns:
            float32 (N,), uniform in [0, 1) over different crops.

        Raises:
            ShapeError: another shape or dtype.
        """
        side = ARCFACE112.side
        if crops.dtype != np.float32 or crops.shape[1:] != (3, side, side):
            raise ShapeError(f"got crops {crops.dtype} {crops.shape}; random takes float32 (N, 3, {side}, {side}) RGB")
        return np.array([self._score(frame) for frame in to_frames(crops)], dtype=np.float32)

    def _score(self, frame: NDArray[np.uint8]) -> float:
        digest = hashlib.sha256(f"{self.settings.seed}\x1f".encode() + frame.tobytes()).digest()
        return float((int.from_bytes(digest[:4], "big") >> (32 - BITS)) / 2**BITS)
