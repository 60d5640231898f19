"""The region style encoder: a face and its region map to one style code a region.

Source: SEAN, Zhu et al., CVPR 2020, arXiv 1911.12861; its encoder's widths are the default here. Ours: the mean over a
region weighs pixels of soft maps, and maps are resized by area.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from generators.nets.regions import masked_mean
from generators.nets.residual import InstanceNorm, leaky, plain


class RegionStyleEncoder(nn.Module):
    """Convolutions, then the mean over each region.

    Args:
        style: L, 512 in SEAN.
        first: channels of the first convolution, which keeps the side.
        down: channels of the next, each of which halves it.
        up: channels of the next, each of which doubles it.
        normalised: an instance norm behind each of these, as in SEAN. It takes away the light and colour of the whole
            picture, which a code must then find again; small networks learn faster without.
        channels: of the images.
    """

    def __init__(
        self,
        style: int = 512,
        *,
        first: int = 32,
        down: Sequence[int] = (64, 128),
        up: Sequence[int] = (256,),
        normalised: bool = True,
        channels: int = 3,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, first, 3, padding=1, padding_mode="reflect")]
        widths = [first, *down, *up]
        width = first
        for after in down:
            layers.append(nn.Conv2d(width, after, 3, stride=2, padding=1))
            width = after
        for after in up:
            layers.append(nn.ConvTranspose2d(width, after, 3, stride=2, padding=1, output_padding=1))
            width = after
        self.layers = nn.ModuleList(layers)
        self.norms = nn.ModuleList(InstanceNorm(width) if normalised else plain(width) for width in widths)
        self.last = nn.Conv2d(width, style, 3, padding=1, padding_mode="reflect")

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        """The style codes.

        Args:
            images: float (N, 3, S, S) in [0, 1].
            masks: float (N, R, S, S), soft or one-hot.

        Returns:
            float (N, R, L) in (-1, 1); zeros for a region that is absent.
        """
        features = 2 * images - 1
        for layer, norm in zip(self.layers, self.norms, strict=True):
            features = leaky(norm(layer(features)))
        return masked_mean(torch.tanh(self.last(features)), masks)
