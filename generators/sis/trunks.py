"""From masks to a face, with a place behind each block where something else, attention, may change the features."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.nets.mask_embedder import MaskEmbedder
from generators.nets.regions import resize, spread
from generators.nets.residual import ResidualBlock, leaky
from generators.nets.spade import spade_blocks, style_projection
from generators.sis.settings import SisPreset

Between = Callable[[int, Tensor], Tensor]
"""What happens behind a block: its number and its features, float (N, C, h, w), to features of the same shape."""


class EmbeddedTrunk(nn.Module):
    """CA2-SIS's: each part's map is embedded by itself, and a face grows from them; styles come by attention alone.

    Source: arXiv 2308.16071, sizes as in its released code.
    """

    def __init__(self, preset: SisPreset) -> None:
        super().__init__()
        self.embedder = MaskEmbedder(preset.mask_side, preset.embedded_side)
        self.into = nn.Conv2d(preset.regions - 1, preset.start, 1)
        sides = [preset.embedded_side, *(side for side, _ in preset.levels)]
        widths = [preset.start, *(channels for _, channels in preset.levels)]
        self.blocks = nn.ModuleList(
            ResidualBlock(
                before,
                after,
                partial(nn.GroupNorm, preset.groups),
                resize="up" if side != side_before else "none",
                activation=functional.silu,
                zero_start=True,
            )
            for side_before, side, before, after in zip(sides, sides[1:], widths, widths[1:], strict=False)
        )
        self.out = nn.Conv2d(widths[-1], 3, 1)

    def embed(self, masks: Tensor) -> Tensor:
        """The small map of each part, float (N, R - 1, h, h)."""
        found: Tensor = self.embedder(masks)
        return found

    def forward(self, embedded: Tensor, styles: Tensor, identity: Tensor | None, between: Between) -> Tensor:
        """The faces, float (N, 3, S, S) in [0, 1]; `styles` and `identity` act in `between` only."""
        features = self.into(embedded).contiguous(memory_format=torch.channels_last)
        for number, block in enumerate(self.blocks):
            features = between(number, block(features))
        pixels: Tensor = self.out(features)
        return (pixels.tanh() + 1) / 2


class ModulatedTrunk(nn.Module):
    """Ours: `spade`'s residual blocks, whose norms get masks, styles and, where asked for, the identity's token.

    An instance norm takes away what is the same in all pixels of a channel, which is most of what attention to one
    token adds: of an identity that came by attention alone, little would be left behind the next block.
    """

    def __init__(self, preset: SisPreset) -> None:
        super().__init__()
        width = preset.levels[0][1]
        self.sides = tuple(side for side, _ in preset.levels)
        self.start = nn.Conv2d(preset.regions, width, 3, padding=1)
        self.start_style = style_projection(preset.style, width)
        self.blocks = spade_blocks(
            preset.levels,
            preset.regions,
            style=preset.style,
            whole=preset.style if preset.identity_in_norms and preset.identity else 0,
            hidden=preset.hidden,
            kernel=preset.kernel,
        )
        self.last = nn.Conv2d(preset.levels[-1][1], 3, 3, padding=1)

    def embed(self, masks: Tensor) -> Tensor:
        """The masks as they are."""
        return masks

    def forward(self, embedded: Tensor, styles: Tensor, identity: Tensor | None, between: Between) -> Tensor:
        """The faces, float (N, 3, S, S) in [0, 1]; `identity` is its token, float (N, L)."""
        sized = {side: resize(embedded, (side, side)) for side in set(self.sides)}
        smallest = sized[self.sides[0]]
        features = self.start(smallest) + spread(self.start_style(styles), smallest)
        for number, (side, block) in enumerate(zip(self.sides, self.blocks, strict=True)):
            features = between(number, block(features, sized[side], styles, identity))
        pixels: Tensor = self.last(leaky(features))
        return pixels.sigmoid()
