"""dlib's ResNet in torch, for inference and for gradients.

Two changes keep the function and save time: every affine layer is folded into the convolution before it, and the
input's scaling into the stem, which pads nothing, so that the folding is exact at the border too.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.recognizers.dlib_weights import CHANNEL_MEANS, STAGES, ConvolutionWeights, DlibWeights


class DlibNetwork(nn.Module):
    """Crops, (N, 3, 150, 150) RGB in [0, 1], to embeddings, (N, 128). Its weights take no gradient.

    Args:
        weights: as read from dlib's file; the network keeps the dtype float32 until it is moved with `to`.
    """

    def __init__(self, weights: DlibWeights) -> None:
        super().__init__()
        folded = iter([_folded(layer, is_stem=index == 0) for index, layer in enumerate(weights.convolutions)])
        self.stem = next(folded)
        self.stages = nn.ModuleList(
            nn.Sequential(*(_Block(next(folded), next(folded), down) for _, _, down in stage)) for stage in STAGES
        )
        self.matrix = nn.Parameter(torch.from_numpy(np.ascontiguousarray(weights.matrix.T)))
        self.requires_grad_(False).eval()

    def stage_features(self, crops: Tensor) -> tuple[Tensor, ...]:
        """What the five stages give, each after its last ReLU.

        Args:
            crops: (N, 3, 150, 150) RGB in [0, 1], in the network's dtype.

        Returns:
            (N, 32, 35, 35), (N, 64, 17, 17), (N, 128, 8, 8), (N, 256, 4, 4), (N, 256, 2, 2); none negative.
        """
        features = functional.max_pool2d(functional.relu(self.stem(crops)), 3, 2)
        found = []
        for stage in self.stages:
            features = stage(features)
            found.append(features)
        return tuple(found)

    def pooled(self, crops: Tensor) -> Tensor:
        """(N, 256): the last stage's features, averaged over the picture."""
        return self.stage_features(crops)[-1].mean(dim=(2, 3))

    def forward(self, crops: Tensor) -> Tensor:
        """(N, 128): the embeddings."""
        return functional.linear(self.pooled(crops), self.matrix)


class _Block(nn.Module):
    def __init__(self, first: nn.Conv2d, second: nn.Conv2d, down: bool) -> None:
        super().__init__()
        self.first, self.second, self.down = first, second, down

    def forward(self, features: Tensor) -> Tensor:
        changed = self.second(functional.relu(self.first(features)))
        if not self.down:
            return functional.relu(changed + features)
        skipped = functional.avg_pool2d(features, 2, 2)
        return functional.relu(_grown(changed, skipped) + _grown(skipped, changed))


def _grown(features: Tensor, other: Tensor) -> Tensor:
    """The features, zero-padded at the end of channels, rows and columns to be as large as the other's."""
    missing = [max(there - here, 0) for here, there in zip(features.shape[1:], other.shape[1:], strict=True)]
    if not any(missing):
        return features
    return functional.pad(features, (0, missing[2], 0, missing[1], 0, missing[0]))


def _folded(layer: ConvolutionWeights, is_stem: bool) -> nn.Conv2d:
    """A convolution with the affine layer behind it folded in, and for the stem the scaling before it; in float64."""
    weight = layer.weight.astype(np.float64)
    bias = layer.bias.astype(np.float64)
    if is_stem:
        # dlib feeds (255 x - mean) / 256.
        bias = bias - np.einsum("oihw,i->o", weight, np.array(CHANNEL_MEANS) / 256)
        weight = weight * (255 / 256)
    gamma = layer.gamma.astype(np.float64)
    out_channels, in_channels, kernel, _ = weight.shape
    # Made on "meta": the usual random start would draw from torch's global stream.
    convolution = nn.Conv2d(
        in_channels, out_channels, kernel, stride=layer.stride, padding=layer.padding, device="meta"
    )
    convolution.weight = nn.Parameter(torch.from_numpy(weight * gamma[:, None, None, None]).float())
    convolution.bias = nn.Parameter(torch.from_numpy(bias * gamma + layer.beta).float())
    return convolution
