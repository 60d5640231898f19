"""SEAN's norm with soft region maps: scale and shift from the maps and from each region's style, in learned shares.

    t_r = ReLU(W_r S_r + b_r)                        each region's code through a matrix of its own
    T(x) = sum_r maps_r(x) t_r                       the only change: SEAN paints t_r onto the pixels of region r
    scale_s, shift_s = conv 3x3 of T
    scale_m, shift_m = conv 3x3 of ReLU(conv 3x3 of the maps)
    out = n(x + noise) (1 + a scale_s + (1 - a) scale_m) + b shift_s + (1 - b) shift_m

With a one-hot map in nearest sizes this is SEAN (Zhu et al., CVPR 2020, arXiv 1911.12861) exactly.

T is never made. It is linear in the maps, so a 3x3 convolution of its L channels to 2C is, for each picture, one of the
R channels of its maps with the kernel W·t_r: the maps' neighbourhoods, (P, 9R), times (9R, 2C). For a picture of P
pixels that is 18·P·R·C multiplications, and 18·R·L·C for the kernels, where the convolution of T has 18·P·L·C: with
L = 512 and 19 regions a twenty-seventh. The neighbourhoods serve the convolution of the maps too, and every norm of
that size.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.nets.regions import resize
from generators.nets.residual import ResidualBlock
from generators.nets.spade import FreeNorm, free_norm


class RegionPatches:
    """Region maps with their 3x3 neighbourhoods at every size that is asked for, each computed once.

    One of these, made in a generator's forward pass, serves all of its norms.

    Args:
        masks: float (N, R, H, W), soft or one-hot.
        mode: ``"area"`` or ``"nearest"``: how they come to other sizes; the latter keeps a one-hot map one-hot.
    """

    def __init__(self, masks: Tensor, mode: str = "area") -> None:
        if mode not in ("area", "nearest"):
            raise ValueError(f"mode: got {mode!r}, expected area or nearest")
        self.masks, self.mode = masks, mode
        self._known: dict[tuple[int, int], Tensor] = {}

    def at(self, height: int, width: int) -> Tensor:
        """Float (N, height · width, 9R): of each pixel the R shares of its neighbours, row by row; zeros outside."""
        if (height, width) not in self._known:
            self._known[height, width] = self._patches((height, width))
        return self._known[height, width]

    def _patches(self, size: tuple[int, int]) -> Tensor:
        nearest = self.mode == "nearest"
        masks = functional.interpolate(self.masks, size) if nearest else resize(self.masks, size)
        around = functional.pad(masks.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        windows = around.unfold(1, 3, 1).unfold(2, 3, 1).permute(0, 1, 2, 4, 5, 3)  # (N, H, W, 3, 3, R)
        return windows.reshape(len(masks), size[0] * size[1], 9 * masks.shape[1])


class SeanNorm(nn.Module):
    """The norm of one layer.

    Args:
        channels: C of the features.
        regions: R of the maps.
        style: L of the style codes; 0 for the maps alone, as in SEAN's last block.
        hidden: channels between the maps and their scale; 128 in SEAN, as in SPADE.
        norm: which norm the features get; SEAN's is ``"batch"`` (synchronised).
    """

    def __init__(
        self, channels: int, regions: int, style: int = 0, *, hidden: int = 128, norm: FreeNorm = "batch"
    ) -> None:
        super().__init__()
        self.norm = free_norm(norm, channels)
        self.noise_scale = nn.Parameter(torch.zeros(channels))
        self.of_masks = nn.Conv2d(regions, hidden, 3, padding=1)
        self.mask_scale_and_shift = nn.Conv2d(hidden, 2 * channels, 3, padding=1)
        self.codes = RegionLinear(regions, style, style) if style else None
        self.style_scale_and_shift = nn.Conv2d(style, 2 * channels, 3, padding=1) if style else None
        # Two shares, of the style in scale and in shift, through a sigmoid: both halves at the start.
        self.shares = nn.Parameter(torch.zeros(2)) if style else None

    def forward(
        self,
        features: Tensor,
        masks: Tensor | RegionPatches,
        styles: Tensor | None = None,
        draw: torch.Generator | None = None,
    ) -> Tensor:
        """The features, normalised and modulated.

        Args:
            features: float (N, C, H, W).
            masks: float (N, R, H', W'), soft or one-hot, of any size, brought to that of the features by area; or
                patches that several norms share.
            styles: float (N, R, L); not looked at by a norm of the maps alone.
            draw: where the noise comes from, one number a pixel; None for no noise.

        Returns:
            float (N, C, H, W), channels last.

        Raises:
            ValueError: no styles for a norm that was built with.
        """
        height, width = features.shape[-2:]
        patches = (masks if isinstance(masks, RegionPatches) else RegionPatches(masks)).at(height, width)
        scale, shift = self._modulation(patches, styles, height, width).chunk(2, dim=1)
        if draw is not None:
            noise = torch.randn(
                len(features), 1, height, width, generator=draw, device=features.device, dtype=features.dtype
            )
            features = torch.addcmul(features, noise, self.noise_scale.view(1, -1, 1, 1))
        return torch.addcmul(shift, self.norm(features), 1 + scale)

    def _modulation(self, patches: Tensor, styles: Tensor | None, height: int, width: int) -> Tensor:
        """(N, 2C, H, W): scale, then shift."""
        # A convolution of the maps is one product of their patches: (ky, kx, r) is the order of both.
        hidden = functional.linear(patches, self.of_masks.weight.permute(0, 2, 3, 1).flatten(1), self.of_masks.bias)
        hidden = _as_features(functional.relu(hidden), height, width)
        of_masks, of_styles = self.mask_scale_and_shift, self.style_scale_and_shift
        if of_styles is None or self.codes is None or self.shares is None:
            modulation: Tensor = of_masks(hidden)
            return modulation
        if styles is None:
            raise ValueError("styles: got none, expected style codes (N, R, L): the norm was built with them")
        # The shares go into the weights, which are smaller than the maps that they would scale.
        share = torch.sigmoid(self.shares).repeat_interleave(of_masks.out_channels // 2)
        assert of_masks.bias is not None
        assert of_styles.bias is not None
        weight, bias = of_masks.weight * (1 - share).view(-1, 1, 1, 1), torch.lerp(of_masks.bias, of_styles.bias, share)
        of_maps = functional.conv2d(hidden, weight, bias, padding=1).permute(0, 2, 3, 1).flatten(1, 2)
        kernels = self._kernels(functional.relu(self.codes(styles)), of_styles.weight * share.view(-1, 1, 1, 1))
        return _as_features(torch.baddbmm(of_maps, patches, kernels), height, width)

    @staticmethod
    def _kernels(codes: Tensor, weight: Tensor) -> Tensor:
        """(N, 9R, 2C): what the convolution of `weight` (2C, L, 3, 3) makes of each region's code (N, R, L)."""
        count, regions, _ = codes.shape
        by_tap = weight.permute(1, 2, 3, 0).flatten(1)  # (L, 9 · 2C)
        kernels = (codes.flatten(0, 1) @ by_tap).view(count, regions, 9, -1)
        return kernels.transpose(1, 2).flatten(1, 2)


class RegionLinear(nn.Module):
    """A matrix and bias for each region, started as `nn.Linear` starts.

    Args:
        regions: R.
        inputs: of each.
        outputs: of each.
    """

    def __init__(self, regions: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(regions, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(regions, 1, outputs).uniform_(-bound, bound))

    def forward(self, codes: Tensor) -> Tensor:
        """Float (N, R, outputs) from (N, R, inputs)."""
        return torch.baddbmm(self.bias, codes.transpose(0, 1), self.weight).transpose(0, 1)


def sean_block(
    channels: int, out_channels: int, regions: int, style: int = 0, *, hidden: int = 128, norm: FreeNorm = "batch"
) -> ResidualBlock:
    """SEAN's residual block: norm, leaky ReLU, convolution, twice; a learned shortcut where widths differ.

    Every convolution of the block, not those of its norms, has spectral norm.

    Args:
        channels: what comes in.
        out_channels: what goes out.
        regions: R of the maps.
        style: L of the style codes; 0 for the maps alone.
        hidden: as in `SeanNorm`.
        norm: as in `SeanNorm`.

    Returns:
        A block that takes features and what `SeanNorm` takes besides: masks, styles, draw.
    """
    return ResidualBlock(
        channels,
        out_channels,
        lambda width: SeanNorm(width, regions, style, hidden=hidden, norm=norm),
        middle=min(channels, out_channels),
        shortcut_norm=True,
        shortcut_bias=False,
        spectral=True,
    )


def _as_features(pixels: Tensor, height: int, width: int) -> Tensor:
    """(N, C, H, W), channels last in memory, of (N, H·W, C): a view."""
    return pixels.view(len(pixels), height, width, -1).permute(0, 3, 1, 2)
