"""Mappings of noise: to a code that lies over the picture, and to a style for each region."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.nets.residual_plain import bridge_block, bridge_norm, start_xavier
from generators.nets.sean import RegionLinear


class CodeMapping(nn.Module):
    """Noise and a wanted change of labels to a spatial code, none of it negative: BridgeGAN's M.

    Source: arXiv 2110.05055, sizes as in its released code: 121,888 parameters as they stand.

    Args:
        noise: numbers of it.
        labels: A.
        side: of the code, 4 times a power of two.
        width: channels of the code.
        first: channels of the smallest map, of 4x4.
    """

    def __init__(self, noise: int = 16, labels: int = 14, *, side: int = 64, width: int = 32, first: int = 64) -> None:
        super().__init__()
        doublings = (side // 4).bit_length() - 1
        if side != 4 * 2**doublings:
            raise ValueError(f"side: got {side}, expected 4 times a power of two")
        self.into = nn.Linear(noise + labels, first * 16)
        widths = [first, *[width] * doublings]
        self.blocks = nn.Sequential(*(bridge_block(here, there, "up") for here, there in pairwise(widths)))
        self.out = nn.Conv2d(widths[-1], width, 1)
        self.norm = bridge_norm(width)
        start_xavier(self)

    def forward(self, noise: Tensor, difference: Tensor) -> Tensor:
        """The code.

        Args:
            noise: float (N, Z).
            difference: float (N, A), wanted minus present labels, in [-1, 1].

        Returns:
            float (N, width, side, side), at least 0, channels last.
        """
        given = torch.cat([noise, difference], dim=1)
        start = self.into(given).view(len(noise), 4, 4, -1).permute(0, 3, 1, 2)
        return functional.relu(self.norm(self.out(functional.relu(self.blocks(start)))))


class StyleMapping(nn.Module):
    """Noise to a style code for each region: layers that all regions share, then a few of each region's own.

    Source: CA2-SIS's noise branch, sizes as in its released code: 28,244,224 parameters as they stand.

    Args:
        noise: numbers of it.
        regions: R.
        style: L.
        width: of all layers between.
        shared: layers that all regions share.
        own: layers of each region, before the last one.
    """

    def __init__(
        self,
        noise: int = 16,
        regions: int = 19,
        style: int = 1280,
        *,
        width: int = 512,
        shared: int = 4,
        own: int = 3,
    ) -> None:
        super().__init__()
        self.regions = regions
        widths = [noise, *[width] * shared]
        self.shared = nn.ModuleList(nn.Linear(here, there) for here, there in pairwise(widths))
        self.own = nn.ModuleList(RegionLinear(regions, width, width) for _ in range(own))
        self.last = RegionLinear(regions, width, style)

    def forward(self, noise: Tensor, present: Tensor | None = None) -> Tensor:
        """The styles.

        Args:
            noise: float (N, Z).
            present: bool or float (N, R), 0 for a region that is absent; None if all are there.

        Returns:
            float (N, R, L); zeros for an absent region.
        """
        for layer in self.shared:
            noise = functional.relu(layer(noise))
        codes = noise[:, None].expand(-1, self.regions, -1)
        for layer in self.own:
            codes = functional.relu(layer(codes))
        styles: Tensor = self.last(codes)
        return styles if present is None else styles * present[..., None].to(styles.dtype)
