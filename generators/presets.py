"""What presets share: fields and their checks, and the way back from the plain values that a weight file holds."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Preset = TypeVar("Preset")


@dataclass(frozen=True, kw_only=True)
class LearningPreset:
    """How every generator learns that has a discriminator against it.

    Attributes:
        side: S, pixels of a side of what it makes.
        batch_size: N, faces a step.
        rates: learning rates of the generator's side, and of the discriminator.
        betas: of Adam.
        ema_decay: of the average that is released.
        decay_from: step from which on all rates fall, along a line.
        decay_to: step at which they are 0 and training ends; 0 for rates that stay, and no end.
    """

    side: int
    batch_size: int = 16
    rates: tuple[float, float] = (5e-4, 8e-4)
    betas: tuple[float, float] = (0.0, 0.95)
    ema_decay: float = 0.998
    decay_from: int = 0
    decay_to: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        check_least(self, 1, "side", "batch_size")
        check_least(self, 0, "decay_from", "decay_to")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay: got {self.ema_decay}, expected 0 or more and below 1")
        if self.decay_from > self.decay_to:
            raise ValueError(f"decay_from: got {self.decay_from}, expected at most decay_to, {self.decay_to}")


@dataclass(frozen=True, kw_only=True)
class AdversarialPreset(LearningPreset):
    """What every preset has whose generator paints region maps in region styles, against one discriminator.

    Attributes:
        levels: side and channels of each residual block, the coarsest first; a side that is twice the one before is
            reached by nearest upsampling.
        regions: R, classes of the masks.
        style: L, length of a region's style code.
        hidden: channels inside of each SPADE norm; 128 in SPADE's paper.
        kernel: of the convolutions that make its scale and shift; 3 in SPADE's paper.
        encoder_first: channels of the style encoder, as `RegionStyleEncoder` has them.
        encoder_down: likewise.
        judge_widths: channels of the discriminator's layers.
        judge_scales: how many discriminators, each on half the side of the one before.
        judge_norm: instance norm in the discriminator, besides spectral norm.
        pixels: weight of the mean absolute difference of pixels.
        adversarial: weight of the hinge loss.
        matching: weight of feature matching in the discriminator's features.
        perceptual: weight of the mean absolute difference of the frozen network's features.
        depths: weights of its features, the shallowest first.
        teach_every: the frozen networks are asked in every such step only, and not in those between.
    """

    levels: tuple[tuple[int, int], ...]
    regions: int = 19
    style: int = 64
    hidden: int = 32
    kernel: int = 1
    encoder_first: int = 32
    encoder_down: tuple[int, ...] = (64,)
    judge_widths: tuple[int, ...] = (48, 96, 192)
    judge_scales: int = 1
    judge_norm: bool = False
    pixels: float = 10.0
    adversarial: float = 0.3
    matching: float = 0.0
    perceptual: float = 2.0
    depths: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 0.0)
    teach_every: int = 4

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        super().__post_init__()
        check_levels(self.levels, self.side)
        check_least(self, 1, "regions", "style", "hidden", "teach_every", "judge_scales")
        check_least(self, 0, "pixels", "adversarial", "matching", "perceptual")
        if self.kernel not in (1, 3):
            raise ValueError(f"kernel: got {self.kernel}, expected 1 or 3")


@dataclass(frozen=True, kw_only=True)
class AutoencoderPreset(AdversarialPreset):
    """What a preset has besides whose `RegionStyleEncoder` takes the styles of a face, which is then rendered again.

    Attributes:
        encoder_up: channels of the style encoder's layers that double the side, as `RegionStyleEncoder` has them.
        encoder_norm: instance norm in the style encoder.
        start_gain: every convolution of encoder, renderer and discriminators starts Xavier-normal with this gain, 0.02
            in the released code of SPADE and of SEAN; 0 starts them as torch does.
    """

    encoder_up: tuple[int, ...] = ()
    encoder_norm: bool = False
    start_gain: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        super().__post_init__()
        check_least(self, 0, "start_gain")


def preset_from(kind: type[Preset], settings: Mapping[str, Any]) -> Preset:
    """The preset that a released weight file's settings describe: JSON's lists as tuples.

    Args:
        kind: a frozen dataclass of plain values.
        settings: field to value, as `dataclasses.asdict` gives them.

    Raises:
        ValueError: a field that there is not, or a value out of range.
    """
    known = {one.name for one in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if strange := sorted(set(settings) - known):
        raise ValueError(f"{strange[0]}: got a setting that there is not, expected some of {', '.join(sorted(known))}")
    return kind(**{name: _tuples(value) for name, value in settings.items()})


def check_levels(levels: Sequence[tuple[int, int]], side: int) -> None:
    """Raises ValueError where the sides of levels do not lead, by doublings, to the side of what is made.

    Args:
        levels: side and channels of each, the coarsest first.
        side: S.
    """
    sides = [one for one, _ in levels]
    steps = {after / before for before, after in itertools.pairwise(sides)}
    if not sides or not steps <= {1, 2} or sides[-1] != side:
        raise ValueError(
            f"levels: got sides {sides}, expected each the same as the one before or twice it, and the last {side}"
        )


def check_choice(preset: Any, name: str, choices: Sequence[str]) -> None:
    """Raises ValueError where a field is none of its choices."""
    if (value := getattr(preset, name)) not in choices:
        raise ValueError(f"{name}: got {value!r}, expected {' or '.join(choices)}")


def check_least(preset: Any, least: int, *names: str) -> None:
    """Raises ValueError where one of the fields is below a number."""
    for name in names:
        if (value := getattr(preset, name)) < least:
            raise ValueError(f"{name}: got {value}, expected {'0 or more' if least == 0 else f'at least {least}'}")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list | tuple) else value
