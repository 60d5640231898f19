"""The renderer: region maps and a style code for each region to a face."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from generators.nets.regions import resize, spread
from generators.nets.residual import leaky
from generators.nets.spade import FreeNorm, spade_blocks, style_projection


class Renderer(nn.Module):
    """SPADE's generator, with a style code for each region as a further input of every norm.

    Args:
        levels: side and channels of each residual block, the coarsest first; a side that is twice the one before is
            reached by nearest upsampling.
        regions: R of the maps.
        style: L of the style codes.
        hidden: as `SpadeNorm` has it, as are `kernel` and `norm`.
        kernel: likewise.
        norm: likewise.
        within: a side doubles inside of its block, behind the first norm, which then has a quarter of the pixels; False
            doubles it before the block, as in SPADE.
        spectral: spectral norm on the convolutions of the blocks.

    Source: Park et al., CVPR 2019, figure 4 and appendix A: the smallest region map through a convolution, then
        residual blocks and nearest upsampling in turn, all of whose norms are SPADE.
    """

    def __init__(
        self,
        levels: Sequence[tuple[int, int]],
        regions: int,
        *,
        style: int,
        hidden: int = 128,
        kernel: int = 3,
        norm: FreeNorm = "instance",
        within: bool = True,
        spectral: bool = False,
    ) -> None:
        super().__init__()
        self.sides = tuple(side for side, _ in levels)
        widths = [channels for _, channels in levels]
        self.start = nn.Conv2d(regions, widths[0], 3, padding=1)
        self.start_style = style_projection(style, widths[0])
        self.blocks = spade_blocks(
            levels,
            regions,
            style=style,
            hidden=hidden,
            kernel=kernel,
            norm=norm,
            within=within,
            spectral=spectral,
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
