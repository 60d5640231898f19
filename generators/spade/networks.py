"""The two networks of `spade`, each of the parts in `generators/nets`."""

from __future__ import annotations

from generators.nets.renderer import Renderer
from generators.preset_networks import style_encoder
from generators.spade.settings import SpadePreset

__all__ = ["renderer", "style_encoder"]


def renderer(preset: SpadePreset) -> Renderer:
    """The renderer of a preset: masks (N, R, S, S) and styles (N, R, L) to faces (N, 3, S, S) in [0, 1]."""
    return Renderer(
        preset.levels,
        preset.regions,
        style=preset.style,
        hidden=preset.hidden,
        kernel=preset.kernel,
        norm=preset.norm,
        within=preset.upsample == "within",
        spectral=preset.spectral,
    )
