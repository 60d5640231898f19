"""Networks that several generators have, built from the fields that their presets share."""

from __future__ import annotations

from generators.nets.patchgan import PatchGan
from generators.nets.style_encoder import RegionStyleEncoder
from generators.presets import AdversarialPreset, AutoencoderPreset


def style_encoder(preset: AutoencoderPreset) -> RegionStyleEncoder:
    """The style encoder of a preset: images (N, 3, S, S) in [0, 1] and masks (N, R, S, S) to styles (N, R, L)."""
    return RegionStyleEncoder(
        preset.style,
        first=preset.encoder_first,
        down=preset.encoder_down,
        up=preset.encoder_up,
        normalised=preset.encoder_norm,
    )


def image_judge(preset: AdversarialPreset) -> PatchGan:
    """The discriminator of faces: images (N, 3, S, S) in [0, 1] beside maps (N, R, S, S)."""
    return PatchGan(
        preset.regions, widths=preset.judge_widths, scales=preset.judge_scales, normalised=preset.judge_norm
    )
