"""A style encoder in which every region has its own channels, and whose codes join several resolutions.

Source: the Multi-Resolution Grouped Style Encoder of CA2-SIS (arXiv 2308.16071), sizes as in its released
code.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

SMALLEST_AREA = 1e-5
"""Added to a region's area, in pixels: an absent one has the mean 0."""


class GroupedStyleEncoder(nn.Module):
    """A picture and its region map to a code of each region: L numbers from each of `ups` resolutions.

    The picture goes down `downs` halvings and up again with skips, in R groups of channels that see only themselves;
    the map enters when each level is averaged over each region, in that region's own channels. An absent region's code
    is tanh of a bias, not zero.

    Args:
        regions: R.
        width: channels of a region behind the first convolution; doubled with every halving.
        downs: halvings.
        ups: doublings, each of which gives `level_style` numbers of the code; at most `downs` - 1.
        level_style: of one level; the code has ``ups * level_style``.
        interleaved: skips joined region by region. The released code joins them end to end, so that the groups behind
            mix regions; False is faithful to it.
    """

    def __init__(
        self,
        regions: int = 19,
        width: int = 4,
        *,
        downs: int = 6,
        ups: int = 5,
        level_style: int = 256,
        interleaved: bool = False,
    ) -> None:
        super().__init__()
        if not 1 <= ups < downs:
            raise ValueError(f"ups: got {ups}, expected 1 to {downs - 1}, fewer than the halvings")
        self.regions, self.interleaved = regions, interleaved
        widths = [regions * width * 2**level for level in range(downs + 1)]
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.stem_norm = nn.GroupNorm(regions, widths[0])
        self.downs = nn.ModuleList(_GroupedStep(here, there, regions, stride=2) for here, there in pairwise(widths))
        outs = widths[-2 : -2 - ups : -1]
        # Behind the first doubling, what comes in is what is there with the skip beside it: twice the channels.
        ins = [widths[-1], *(2 * out for out in outs[:-1])]
        self.ups = nn.ModuleList(_GroupedStep(here, out, regions) for here, out in zip(ins, outs, strict=True))
        self.codes = nn.ModuleList(nn.Conv1d(out, regions * level_style, 1, groups=regions) for out in outs)

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        """The codes.

        Args:
            images: float (N, 3, H, W) RGB in [0, 1], H and W multiples of 2 to the number of halvings.
            masks: float (N, R, H', W'), of any size; brought to each level's by the nearest pixel.

        Returns:
            float (N, R, ups * level_style), in (-1, 1).
        """
        features = functional.relu(self.stem_norm(self.stem(images * 2 - 1)))
        skips = []
        for down in self.downs:
            skips.append(features)
            features = down(features)
        codes = []
        for level, (up, code) in enumerate(zip(self.ups, self.codes, strict=True)):
            if level:
                features = self._joined(features, skips[-level])
            features = up(functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False))
            means = self._own_means(features, masks)
            codes.append(torch.tanh(code(means.flatten(1)[..., None])).view(len(images), self.regions, -1))
        return torch.cat(codes, dim=2)

    def _joined(self, features: Tensor, skip: Tensor) -> Tensor:
        if not self.interleaved:
            return torch.cat([features, skip], dim=1)
        parts = [self._by_region(part) for part in (features, skip)]
        return torch.cat(parts, dim=4).flatten(3).permute(0, 3, 1, 2)

    def _own_means(self, features: Tensor, masks: Tensor) -> Tensor:
        """(N, R, c): the mean of each region's own channels over that region."""
        own = functional.interpolate(masks, features.shape[-2:]).permute(0, 2, 3, 1)
        sums = (self._by_region(features) * own[..., None]).sum(dim=(1, 2))
        return sums / (own.sum(dim=(1, 2)) + SMALLEST_AREA)[..., None]

    def _by_region(self, features: Tensor) -> Tensor:
        """(N, H, W, R, c) of (N, R·c, H, W): a view where the memory is channels last."""
        count, channels, height, width = features.shape
        return features.permute(0, 2, 3, 1).reshape(count, height, width, self.regions, channels // self.regions)


class _GroupedStep(nn.Module):
    """Grouped convolution 3x3, group norm, ReLU."""

    def __init__(self, channels: int, out_channels: int, groups: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out_channels, 3, stride, padding=1, groups=groups)
        self.norm = nn.GroupNorm(groups, out_channels)

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.norm(self.convolution(features)))
