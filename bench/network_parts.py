"""What the small networks of parsers and judges are made of: convolutions with batch normalisation, residual blocks.

Source: He et al., CVPR 2016.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Convolution(nn.Module):
    """3x3 convolution, batch normalisation, ReLU.

    Args:
        taken: channels in.
        given: channels out.
        stride: 1, or 2 to halve the side.
        active: whether the ReLU is applied.
    """

    def __init__(self, taken: int, given: int, stride: int = 1, active: bool = True) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(taken, given, 3, stride, 1, bias=False)
        self.normalise: nn.Module = nn.BatchNorm2d(given)
        self.active = active

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """float32 (N, given, H / stride, W / stride) of (N, taken, H, W)."""
        found: torch.Tensor = self.normalise(self.weigh(features))
        return functional.relu(found, inplace=True) if self.active else found

    def fold(self) -> None:
        """Multiplies the normalisation into the convolution; the same function, for inference only."""
        if isinstance(self.normalise, nn.BatchNorm2d):
            self.weigh = fuse_conv_bn_eval(self.weigh, self.normalise)
            self.normalise = nn.Identity()


class Block(nn.Module):
    """Two convolutions beside the identity; at first it changes nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Convolution(width, width)
        self.second = Convolution(width, width, active=False)
        if isinstance(self.second.normalise, nn.BatchNorm2d):
            nn.init.zeros_(self.second.normalise.weight)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """float32 (N, width, H, W) of the same."""
        return functional.relu(features + self.second(self.first(features)), inplace=True)
