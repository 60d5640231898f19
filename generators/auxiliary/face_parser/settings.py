"""Settings of the face parser's training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FaceParserTraining:
    """How large the network is and how it learns.

    Attributes:
        widths: channels at sides 64, 32, 16 and 8.
        depths: residual blocks at each.
        complete: faces a step whose 19 labels are all known.
        partial: faces a step with FASSEG's 6 labels.
        photos: faces a step of which only landmarks are known.
        photo_weight: of a pixel of those, beside 1 for a pixel of the others.
        rare: labels are weighted by (0.3 / their share of the pixels) to this power, at most 6; 0 for no weights.
        learning_rate: of AdamW, after `warm_up` steps and before it falls.
        weight_decay: of AdamW.
        warm_up: steps in which the learning rate rises from 0.
        steps: in which it falls to 1 % of itself, along a cosine; after that it stays there.
        ema_decay: of the weights' average.
    """

    widths: tuple[int, ...] = (24, 48, 96, 128)
    depths: tuple[int, ...] = (1, 1, 2, 2)
    complete: int = 6
    partial: int = 5
    photos: int = 5
    photo_weight: float = 0.3
    rare: float = 0.3
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: int = 50
    steps: int = 5000
    ema_decay: float = 0.998

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        for name in ("widths", "depths"):
            values = getattr(self, name)
            if len(values) != 4 or min(values) < 1:
                raise ValueError(f"{name}: got {values}, expected 4 numbers of at least 1")
        if min(self.complete, self.partial, self.photos) < 0 or self.batch_size < 2:
            raise ValueError(
                f"complete, partial, photos: got {self.complete}, {self.partial}, {self.photos} faces a step,"
                " expected 2 or more in all"
            )
        for name in ("photo_weight", "rare", "weight_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected 0 to 1")
        for name in ("learning_rate", "steps", "warm_up"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected more than 0")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay: got {self.ema_decay}, expected 0 or more and less than 1")

    @property
    def batch_size(self) -> int:
        """Faces a step."""
        return self.complete + self.partial + self.photos
