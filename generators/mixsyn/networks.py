"""The networks of `mixsyn`: what composes, what takes styles, what renders, and what judges the last and the first."""

from __future__ import annotations

from generators.mixsyn.composition import Composer, Composition
from generators.mixsyn.sean_renderer import SeanRenderer
from generators.mixsyn.settings import MixSynPreset
from generators.nets.patchgan import PatchGan
from generators.nets.renderer import Renderer
from generators.preset_networks import image_judge, style_encoder

__all__ = ["Composer", "Composition", "composition_judge", "image_judge", "renderer", "style_encoder"]


def renderer(preset: MixSynPreset) -> Renderer | SeanRenderer:
    """The renderer of a preset: maps (N, R, S, S) and styles (N, R, L) to faces (N, 3, S, S) in [0, 1]."""
    if preset.layout == "sean":
        return SeanRenderer(preset.levels, preset.regions, style=preset.style, hidden=preset.hidden)
    return Renderer(preset.levels, preset.regions, style=preset.style, hidden=preset.hidden, kernel=preset.kernel)


def composition_judge(preset: MixSynPreset) -> PatchGan:
    """The discriminator of compositions: maps (N, R, S, S) alone, at one scale."""
    return PatchGan(
        0, widths=preset.composer_judge_widths, scales=1, normalised=preset.judge_norm, channels=preset.regions
    )
