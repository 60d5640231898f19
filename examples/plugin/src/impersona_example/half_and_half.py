# SPDX-License-Identifier: Apache-2.0
"""A generator: the left half of the first contributor's face and the right half of the second's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.api import Crops, FaceBatch, Fingerprint, Template

REVISION = 1
"""Move it whenever the faces that this code makes change: what is stored under the old number is not used then."""

SIDE = 128

# Where eyes, nose tip and mouth corners shall lie in the crop, in its pixels.
TEMPLATE = Template(
    name="half_and_half128",
    side=SIDE,
    targets={"field5": np.array([[44, 52], [84, 52], [64, 74], [49, 94], [79, 94]], dtype=np.float32)},
)


@dataclass(frozen=True, kw_only=True)
class HalfAndHalfSettings:
    """Settings of `half_and_half`.

    Attributes:
        seam: over which share of the face's width one half goes over into the other, 0 to 1.
        batch_size: faces that are made at once.
    """

    seam: float = 0.1
    batch_size: int = 8

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range: its text is what a user sees."""
        if not 0 <= self.seam <= 1:
            raise ValueError(f"seam: got {self.seam}, expected 0 to 1")
        if self.batch_size < 1:
            raise ValueError(f"batch_size: got {self.batch_size}, expected at least 1")


class HalfAndHalf:
    """A `bench.api.Generator`; nothing is inherited."""

    template = TEMPLATE
    contributors = 2
    conditions = frozenset({"references"})

    def __init__(self, settings: HalfAndHalfSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size

    def default_aligner(self) -> Mapping[str, Any]:
        """What finds the contributors' faces: the template wants field5, which dlib's 68 points give."""
        return {"name": "dlib_hog", "points": 68}

    def fingerprint(self) -> Fingerprint:
        """Everything that determines the faces; the batch size does not."""
        return {"revision": REVISION, "seam": self.settings.seam}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        """The faces; nothing is drawn, so `rng` is not used.

        Args:
            batch: `images` (N, 3, 128, 128) give the left halves, `references` (N, 1, 3, 128, 128) the right ones.
            rng: where a generator that draws would draw from.

        Returns:
            float32 (N, 3, 128, 128) RGB in [0, 1].

        Raises:
            ValueError: no references, or not one a face.
        """
        if batch.references is None or batch.references.shape[1] != 1:
            got = "None" if batch.references is None else f"{batch.references.shape[1]} a face"
            raise ValueError(f"references: got {got}, expected one a face")
        share = share_of_the_right(self.settings.seam)
        faces: Crops = batch.images * (1 - share) + batch.references[:, 0] * share
        return faces


def share_of_the_right(seam: float) -> Crops:
    """How much of the second face each column shows, float32 (128,): 0 at the left, 1 at the right."""
    place = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    # A seam narrower than a pixel is a jump.
    return np.clip(place / max(seam, 1e-6) + 0.5, 0, 1).astype(np.float32)
