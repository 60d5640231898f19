"""Settings of the attribute judge's training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.datasets.attributes import ATTRIBUTES
from generators.presets import LearningPreset, check_least
from generators.translation.attributes import check_attributes


@dataclass(frozen=True, kw_only=True)
class JudgePreset(LearningPreset):
    """How large the network is and how it learns.

    Attributes:
        attributes: names, as CelebA has them.
        widths: channels at sides 64, 32, 16 and 8.
        blocks: residual blocks at each.
        dropout: of the mean features.
        weight_decay: of AdamW.
        warm_up: steps in which the learning rate rises from 0; it then falls along a line, to 0 at `decay_to`.
        shift: faces are moved by up to this share of the side, along either axis.
        zoom: and made larger or smaller by up to this share.
        light: and brighter, darker, and of more or less contrast by up to this share.
        coarse: share of faces that are seen at half the pixels, made large again, as blurred faces are.
        only: data sets of the pack whose faces it learns from; none named are all.
    """

    side: int = 64
    batch_size: int = 32
    rates: tuple[float, float] = (2e-3, 2e-3)
    betas: tuple[float, float] = (0.9, 0.999)
    attributes: tuple[str, ...] = ATTRIBUTES
    widths: tuple[int, ...] = (12, 48, 96, 128)
    blocks: int = 1
    dropout: float = 0.3
    weight_decay: float = 0.05
    warm_up: int = 100
    shift: float = 0.06
    zoom: float = 0.1
    light: float = 0.25
    coarse: float = 0.3
    decay_to: int = 2_500
    only: tuple[str, ...] = ("lfw",)

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        super().__post_init__()
        check_attributes("attributes", self.attributes)
        check_least(self, 1, "blocks", "warm_up", "decay_to")
        check_least(self, 0, "dropout", "weight_decay", "shift", "zoom", "light", "coarse")
        for name in ("dropout", "zoom", "light", "coarse"):
            if not getattr(self, name) <= 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected 0 to 1")
        if self.side != 64 or len(self.widths) != 4:
            raise ValueError(f"side, widths: got {self.side} and {len(self.widths)} widths, expected 64 and 4")


PRESETS: Mapping[str, JudgePreset] = {
    "tiny": JudgePreset(widths=(8, 16, 24, 32), decay_to=300),
    "base": JudgePreset(),
    "paper": JudgePreset(widths=(64, 128, 256, 512), blocks=2, decay_to=30_000),
}
