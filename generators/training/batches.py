"""What one step of training learns from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """N faces with what a pack knows of them, all on one device; a field that is not asked for is None.

    Attributes:
        images: float32 (N, 3, S, S) RGB in [0, 1], channels last in memory.
        rows: int64 (N,), their rows in the pack.
        masks: uint8 (N, S, S), 19-class CelebAMask-HQ labels; a mirrored face's sides are exchanged.
        landmarks: float32 (N, 68, 2), dlib's order, x then y in pixels of side S, the centre of the first pixel at
            (0, 0); in the order of the mirrored face where it was mirrored.
        identity: float32 (N, D), the embedding of the photo, as the recognizer gave it.
        attributes: float32 (N, A), in [-1, 1]; NaN where unknown.
        subjects: int64 (N,), equal numbers are one person.
    """

    images: torch.Tensor
    rows: torch.Tensor
    masks: torch.Tensor | None = None
    landmarks: torch.Tensor | None = None
    identity: torch.Tensor | None = None
    attributes: torch.Tensor | None = None
    subjects: torch.Tensor | None = None

    def __len__(self) -> int:
        """N."""
        return len(self.images)

    def take(self, order: torch.Tensor) -> TrainingBatch:
        """The faces of `order`, int64 (L,), in that order."""
        given: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        picked: dict[str, Any] = {name: None if one is None else one[order] for name, one in given.items()}
        return TrainingBatch(**picked)
