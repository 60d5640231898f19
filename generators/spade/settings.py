"""What a SPADE autoencoder is made of and how it learns, for each preset; and what a sweep may say about `spade`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from bench.provenance import THREADS
from bench.torch_runtime import Device, check_settings
from generators.presets import AutoencoderPreset, check_choice, check_least, preset_from

FreeNorm = Literal["instance", "batch"]
Upsample = Literal["before", "within"]


@dataclass(frozen=True, kw_only=True)
class SpadePreset(AutoencoderPreset):
    """Sizes, and how it learns.

    Attributes:
        upsample: where a side doubles: ``"before"`` a block, as in SPADE, or ``"within"`` it, behind its first norm,
            which then has a quarter of the pixels.
        norm: what it normalises by; ``"batch"`` in the paper.
        spectral: spectral norm in the renderer.
        identity: weight of the squared distance, or one minus the cosine, of embeddings.
    """

    upsample: Upsample = "within"
    norm: FreeNorm = "instance"
    spectral: bool = False
    identity: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        super().__post_init__()
        check_choice(self, "norm", get_args(FreeNorm))
        check_choice(self, "upsample", get_args(Upsample))
        check_least(self, 0, "identity")


PRESETS: Mapping[str, SpadePreset] = {
    "tiny": SpadePreset(side=64, levels=((8, 192), (16, 128), (32, 64), (64, 32))),
    "base": SpadePreset(
        side=128,
        levels=((8, 256), (16, 256), (32, 192), (64, 96), (128, 48)),
        encoder_down=(64, 96),
        judge_widths=(64, 128, 256),
        judge_scales=2,
    ),
    # The renderer's, discriminator's and losses' sizes are those of Park et al., section 3 and appendix A (ngf 64);
    # the style encoder's are SEAN's, since SPADE has one style for a whole picture.
    "paper": SpadePreset(
        side=256,
        upsample="before",
        levels=((8, 1024), (16, 1024), (16, 1024), (32, 512), (64, 256), (128, 128), (256, 64)),
        style=512,
        hidden=128,
        kernel=3,
        norm="batch",
        spectral=True,
        encoder_down=(64, 128),
        encoder_up=(256,),
        encoder_norm=True,
        judge_widths=(64, 128, 256, 512),
        judge_scales=2,
        judge_norm=True,
        start_gain=0.02,
        rates=(1e-4, 4e-4),
        betas=(0.0, 0.9),
        ema_decay=0.9999,
        pixels=0.0,
        adversarial=1.0,
        matching=10.0,
        perceptual=10.0,
        depths=(1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0),
        teach_every=1,
    ),
}


def preset_of(settings: Mapping[str, Any]) -> SpadePreset:
    """The preset that a released weight file's settings describe: JSON's lists as tuples.

    Args:
        settings: field to value, as `dataclasses.asdict` gives them.

    Raises:
        ValueError: a field that there is not, or a value out of range.
    """
    return preset_from(SpadePreset, settings)


@dataclass(frozen=True, kw_only=True)
class SpadeSettings:
    """Settings of the generator `spade`.

    Attributes:
        weights: a weight file that `impersona train spade` has released; empty for the one that ships, of the preset
            ``tiny``.
        batch_size: faces that are made at once.
        threads: CPU threads that torch gets in this process; 0 for every core.
        device: ``"auto"`` is CUDA where this torch and this machine seem to have it, else the CPU.
    """

    weights: str = ""
    batch_size: int = 8
    threads: int = THREADS
    device: Device = "cpu"

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        check_settings(self.device, self.threads, self.batch_size)
