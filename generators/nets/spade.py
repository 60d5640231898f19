"""SPADE: a norm without parameters of its own, whose scale and shift come from region maps, and from style codes too.

    hidden = ReLU(conv 3x3 of the maps  +  each pixel given the projected code of its region)
    scale, shift = conv of hidden
    out = normalised features * (1 + scale) + shift

Without style codes this is SPADE. With them it is ours, the plainest way to give SPADE a style for each region; SEAN
(Zhu et al., CVPR 2020) has a second pair of scale and shift for them instead.

Source: Park et al., CVPR 2019, arXiv 1903.07291, section 3.1 and figure 15; written from the paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.nets.regions import resize, spread
from generators.nets.residual import InstanceNorm, ResidualBlock

FreeNorm = Literal["instance", "batch"]
Resampling = Literal["area", "nearest"]


def free_norm(kind: FreeNorm, channels: int, eps: float = 1e-5) -> nn.Module:
    """A norm without scale and shift.

    Args:
        kind: ``"instance"``, over each channel of each picture, or ``"batch"``, which is SPADE's own (synchronised).
        channels: C.
        eps: added to the variance.

    Returns:
        float (N, C, H, W) to the same shape.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels, eps=eps, affine=False)
    return InstanceNorm(channels, eps=eps)


def style_projection(style: int, width: int) -> nn.Linear:
    """A matrix from style codes to features, which starts fourteen times as large as torch would start it.

    A region's code is a mean of small numbers, and hardly differs between faces at first. Measured with `spade` tiny
    after 1,600 faces, PSNR on others: 14.3 dB as torch starts it, 14.7 dB five times, 15.0 dB fifteen times as large.

    Args:
        style: L.
        width: channels.
    """
    projection = nn.Linear(style, width, bias=False)
    nn.init.normal_(projection.weight, std=8 / math.sqrt(style))
    return projection


class SpadeNorm(nn.Module):
    """The norm of one layer.

    Args:
        channels: C of the features.
        regions: R of the maps.
        style: L of the style codes; 0 for none.
        whole: length of a code of the whole face, such as an identity's token, which acts everywhere; 0 for none.
        hidden: channels between maps and scale; 128 in the paper.
        kernel: of the convolutions that make scale and shift; 3 in the paper, 1 is nine times as cheap.
        norm: which norm the features get.
        eps: added to its variance; 1e-6 in BridgeGAN.
        resampling: how maps come to the size of the features: by area, or by the nearest pixel, as in the released code
            of SPADE and of BridgeGAN; there, maps are whatever code scale and shift are made of.
    """

    def __init__(
        self,
        channels: int,
        regions: int,
        *,
        style: int = 0,
        whole: int = 0,
        hidden: int = 128,
        kernel: int = 3,
        norm: FreeNorm = "batch",
        eps: float = 1e-5,
        resampling: Resampling = "area",
    ) -> None:
        super().__init__()
        if resampling not in get_args(Resampling):
            raise ValueError(f"resampling: got {resampling!r}, expected {' or '.join(get_args(Resampling))}")
        self.resampling = resampling
        self.norm = free_norm(norm, channels, eps)
        self.of_masks = nn.Conv2d(regions, hidden, 3, padding=1)
        self.of_styles = style_projection(style, hidden) if style else None
        self.of_whole = nn.Linear(whole, hidden) if whole else None
        self.scale_and_shift = nn.Conv2d(hidden, 2 * channels, kernel, padding=kernel // 2)

    def forward(
        self, features: Tensor, masks: Tensor, styles: Tensor | None = None, whole: Tensor | None = None
    ) -> Tensor:
        """The features, normalised and modulated.

        Args:
            features: float (N, C, H, W).
            masks: float (N, R, H', W'), soft or one-hot, of any size; brought to that of the features.
            styles: float (N, R, L); None where the norm was built without.
            whole: float (N, W), a code of the whole face; None where the norm was built without.

        Returns:
            float (N, C, H, W).

        Raises:
            ValueError: styles for a norm that was built without, or none for one with.
        """
        if (styles is None) is not (self.of_styles is None):
            built = "without style codes" if self.of_styles is None else "with style codes"
            raise ValueError(
                f"styles: got {'none' if styles is None else 'some'}, expected what it was built for: {built}"
            )
        size = features.shape[-2:]
        masks = functional.interpolate(masks, size) if self.resampling == "nearest" else resize(masks, size)
        hidden = self.of_masks(masks)
        if self.of_styles is not None:
            hidden = hidden + spread(self.of_styles(styles), masks)
        if self.of_whole is not None:
            hidden = hidden + self.of_whole(whole)[:, :, None, None]
        scale, shift = self.scale_and_shift(functional.relu(hidden)).chunk(2, dim=1)
        return torch.addcmul(shift, self.norm(features), 1 + scale)


def spade_blocks(
    levels: Sequence[tuple[int, int]],
    regions: int,
    *,
    style: int = 0,
    whole: int = 0,
    hidden: int = 128,
    kernel: int = 3,
    norm: FreeNorm = "instance",
    within: bool = True,
    spectral: bool = False,
) -> nn.ModuleList:
    """The residual blocks of a generator whose norms are SPADE, the coarsest first.

    Args:
        levels: side and channels of each block.
        regions: R.
        style: as `SpadeNorm` has it, as are `whole`, `hidden`, `kernel` and `norm`.
        whole: likewise.
        hidden: likewise.
        kernel: likewise.
        norm: likewise.
        within: a side that doubles does so inside of the block, behind its first norm; else whoever runs the blocks
            doubles it before.
        spectral: spectral norm on the convolutions.

    Source: Park et al., CVPR 2019, figure 4: the smaller of both widths between the convolutions, and a norm before a
        learned shortcut, which has no bias.
    """

    def norm_of(channels: int) -> nn.Module:
        return SpadeNorm(channels, regions, style=style, whole=whole, hidden=hidden, kernel=kernel, norm=norm)

    before = [levels[0], *levels]
    return nn.ModuleList(
        ResidualBlock(
            channels_before,
            channels,
            norm_of,
            resize="up" if within and side != side_before else "none",
            middle=min(channels_before, channels),
            shortcut_norm=True,
            shortcut_bias=False,
            spectral=spectral,
        )
        for (side_before, channels_before), (side, channels) in zip(before, levels, strict=False)
    )
