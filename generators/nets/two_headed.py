"""A discriminator of whole pictures with two heads: real or made, and which labels it shows.

Source: BridgeGAN (ICCV 2021, arXiv 2110.05055), sizes as in its released code: 9,613,039 parameters at side 128.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from generators.nets.residual import plain
from generators.nets.residual_plain import bridge_block, start_xavier

SLOPE = 0.2


class Verdict(NamedTuple):
    """What the discriminator says.

    Attributes:
        realness: float (N,), higher is more real; not bounded, for a Wasserstein or hinge loss.
        labels: float (N, A), logits.
    """

    realness: Tensor
    labels: Tensor


class TwoHeadedDiscriminator(nn.Module):
    """No norms anywhere, so that each picture's gradient is its own, as a gradient penalty wants it.

    Args:
        side: S of the pictures, a multiple of 2 to the number of halvings.
        labels: A.
        widths: channels behind the first 1x1 convolution, then behind each block that halves the side.
        head_width: of each head's convolution over all that is left of the picture: at side 128 they hold most of
            the parameters.
    """

    def __init__(
        self, side: int, labels: int, widths: Sequence[int] = (16, 32, 64, 128, 256), head_width: int = 256
    ) -> None:
        super().__init__()
        halvings = len(widths) - 1
        if side % 2**halvings:
            raise ValueError(f"side: got {side}, expected a multiple of {2**halvings}")
        left = side // 2**halvings
        self.stem = nn.Conv2d(3, widths[0], 1)
        self.blocks = nn.Sequential(
            *(bridge_block(width, wider, "down", norm=plain, slope=SLOPE) for width, wider in pairwise(widths))
        )
        self.realness_head = nn.Conv2d(widths[-1], head_width, left)
        self.realness = nn.Linear(head_width, 1)
        self.labels_head = nn.Conv2d(widths[-1], head_width, left)
        self.labels = nn.Linear(head_width, labels)
        start_xavier(self)

    def forward(self, images: Tensor) -> Verdict:
        """What it says of pictures.

        Args:
            images: float (N, 3, S, S) RGB in [0, 1].
        """
        features = self._features(images)
        return Verdict(self._realness(features), self.labels(self._pooled(self.labels_head, features)))

    def real(self, images: Tensor) -> Tensor:
        """Float (N,), the realness alone: what a gradient penalty differentiates, without the other head's cost."""
        return self._realness(self._features(images))

    def _features(self, images: Tensor) -> Tensor:
        return functional.leaky_relu(self.blocks(self.stem(images * 2 - 1)), SLOPE)

    def _realness(self, features: Tensor) -> Tensor:
        scores: Tensor = self.realness(self._pooled(self.realness_head, features))
        return scores.squeeze(1)

    @staticmethod
    def _pooled(head: nn.Module, features: Tensor) -> Tensor:
        return functional.leaky_relu(head(features), SLOPE).flatten(1)
