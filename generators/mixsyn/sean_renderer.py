"""SEAN's generator with soft maps: the renderer of the preset ``paper``.

Source: Zhu et al., CVPR 2020, arXiv 1911.12861, sizes as in its released code (ngf 64). The soft maps, MixSyn's one
change, are in `generators.nets.sean`: with one-hot maps and ``nearest`` it is SEAN.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.nets.regions import resize
from generators.nets.residual import leaky
from generators.nets.sean import RegionPatches, sean_block
from generators.nets.spade import FreeNorm


class SeanRenderer(nn.Module):
    """Region maps and a style code for each region to a face; the last block looks at the maps alone, as SEAN's.

    Args:
        levels: side and channels of each residual block, the coarsest first; a side that is twice the one before is
            reached by nearest upsampling before the block.
        regions: R of the maps.
        style: L of the style codes.
        hidden: channels between the maps and their scale in each norm.
        norm: which norm the features get; SEAN's is ``"batch"``.
        resampling: how maps come to the size of features: by ``"area"``, or by SEAN's ``"nearest"`` pixel, by which a
            one-hot map stays one.
    """

    def __init__(
        self,
        levels: Sequence[tuple[int, int]],
        regions: int,
        *,
        style: int = 512,
        hidden: int = 128,
        norm: FreeNorm = "batch",
        resampling: Literal["area", "nearest"] = "area",
    ) -> None:
        super().__init__()
        self.resampling = resampling
        self.sides = tuple(side for side, _ in levels)
        widths = [channels for _, channels in levels]
        self.start = nn.Conv2d(regions, widths[0], 3, padding=1)
        last = len(levels) - 1
        self.blocks = nn.ModuleList(
            sean_block(before, after, regions, 0 if number == last else style, hidden=hidden, norm=norm)
            for number, (before, after) in enumerate(itertools.pairwise([widths[0], *widths]))
        )
        self.last = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, masks: Tensor, styles: Tensor, draw: torch.Generator | None = None) -> Tensor:
        """The faces.

        Args:
            masks: float (N, R, S, S), soft or one-hot.
            styles: float (N, R, L).
            draw: where the noise of the norms comes from; None for no noise.

        Returns:
            float (N, 3, S, S) RGB in [0, 1].
        """
        patches, smallest = RegionPatches(masks, self.resampling), (self.sides[0], self.sides[0])
        by_area = self.resampling == "area"
        features = self.start(resize(masks, smallest) if by_area else functional.interpolate(masks, smallest))
        for side, block in zip(self.sides, self.blocks, strict=True):
            if side != features.shape[-1]:
                features = functional.interpolate(features, scale_factor=2, mode="nearest")
            features = block(features, patches, styles, draw)
        pixels: Tensor = self.last(leaky(features))
        return (pixels.tanh() + 1) / 2
