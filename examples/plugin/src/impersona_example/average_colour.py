# SPDX-License-Identifier: Apache-2.0
"""A recognizer: people are told apart by the mean colours of a few squares of the face. It is a bad one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from bench.api import Comparison, Crops, Embeddings, Fingerprint, Template

REVISION = 1
"""Move it whenever the embeddings change: what is cached under the old number is not used then."""

SIDE = 64

TEMPLATE = Template(
    name="average_colour64",
    side=SIDE,
    targets={"field5": np.array([[20, 24], [44, 24], [32, 36], [23, 48], [41, 48]], dtype=np.float32)},
)


@dataclass(frozen=True, kw_only=True)
class AverageColourSettings:
    """Settings of `average_colour`.

    Attributes:
        squares: so many squares a side; 1, 2, 4, 8 or 16.
        batch_size: crops that are embedded at once.
    """

    squares: int = 4
    batch_size: int = 32

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range: its text is what a user sees."""
        if self.squares not in (1, 2, 4, 8, 16):
            raise ValueError(f"squares: got {self.squares}, expected 1, 2, 4, 8 or 16")
        if self.batch_size < 1:
            raise ValueError(f"batch_size: got {self.batch_size}, expected at least 1")


class AverageColour:
    """A `bench.api.Recognizer`; nothing is inherited."""

    comparison: Comparison = "neg_l2"
    template = TEMPLATE

    def __init__(self, settings: AverageColourSettings) -> None:
        # Cheap: one that has a model file would find and digest it here, and load it in `embed`.
        self.settings = settings
        self.batch_size = settings.batch_size

    def default_aligner(self) -> Mapping[str, Any]:
        """What finds the faces: the template wants field5, which dlib's 68 points give."""
        return {"name": "dlib_hog", "points": 68}

    def fingerprint(self) -> Fingerprint:
        """Everything that determines the embeddings, the library that computes them included; no path."""
        return {"revision": REVISION, "squares": self.settings.squares, "numpy": version("numpy")}

    def embed(self, crops: Crops) -> Embeddings:
        """The embeddings; each depends on its own crop only.

        Args:
            crops: float32 (N, 3, 64, 64) RGB in [0, 1].

        Returns:
            float32 (N, 3 * squares * squares).
        """
        count, width = self.settings.squares, SIDE // self.settings.squares
        # One crop at a time: then no sum depends on how many there are.
        rows = [crop.reshape(3, count, width, count, width).mean(axis=(2, 4)).ravel() for crop in crops]
        return np.array(rows, dtype=np.float32).reshape(len(crops), 3 * count * count)

    def runtime(self) -> Mapping[str, str]:
        """What really ran."""
        return {"device": "cpu", "numpy": version("numpy")}
