"""The renderer: region maps and a style code for each region to a face."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from generators.nets.regions import resize, spread
from generators.nets.residual import leaky
from generators.nets.spade import spade_blocks, style_projection
from generators.nets.style_encoder import RegionStyleEncoder
from generators.spade.settings import SpadePreset


class Renderer(nn.Module):
    """SPADE's generator, with a style code for each region as a further input of every norm.

    Source: Park et al., CVPR 2019, figure 4 and appendix A: the smallest region map through a convolution, then
    residual blocks and nearest upsampling in turn, all of whose norms are SPADE.
    """

    def __init__(self, preset: SpadePreset) -> None:
        super().__init__()
        self.sides = tuple(side for side, _ in preset.levels)
        widths = [channels for _, channels in preset.levels]
        self.start = nn.Conv2d(preset.regions, widths[0], 3, padding=1)
        self.start_style = style_projection(preset.style, widths[0])
        self.blocks = spade_blocks(
            preset.levels,
            preset.regions,
            style=preset.style,
            hidden=preset.hidden,
            kernel=preset.kernel,
            norm=preset.norm,
            within=preset.upsample == "within",
            spectral=preset.spectral,
        )
        self.last = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, masks: Tensor, styles: Tensor) -> Tensor:
        """The faces.

        Args:
            masks: float (N, R, S, S), soft or one-hot.
            styles: float (N, R, L).

        Returns:
            float (N, 3, S, S) RGB in [0, 1].
        """
        sized = {side: resize(masks, (side, side)) for side in set(self.sides)}
        smallest = sized[self.sides[0]]
        features = self.start(smallest) + spread(self.start_style(styles), smallest)
        for side, block in zip(self.sides, self.blocks, strict=True):
            if block.resize == "none" and side != features.shape[-1]:
                features = functional.interpolate(features, scale_factor=2, mode="nearest")
            features = block(features, sized[side], styles)
        pixels: Tensor = self.last(leaky(features))
        return pixels.sigmoid()


def style_encoder(preset: SpadePreset) -> RegionStyleEncoder:
    """The style encoder of a preset."""
    return RegionStyleEncoder(
        preset.style,
        first=preset.encoder_first,
        down=preset.encoder_down,
        up=preset.encoder_up,
        normalised=preset.encoder_norm,
    )
