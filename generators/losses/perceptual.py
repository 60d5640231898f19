"""The perceptual loss over the features of any frozen network.

Source: Johnson et al., ECCV 2016; weights that double with the depth: Wang et al., CVPR 2018 (pix2pixHD), for VGG-19.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

DOUBLING = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""pix2pixHD's weights for five depths."""


def perceptual(real: Sequence[Tensor], made: Sequence[Tensor], weights: Sequence[float] = DOUBLING) -> Tensor:
    """The mean absolute difference of the features of each depth, weighted and summed.

    Args:
        real: the features of the real pictures, the shallowest first; no gradient flows here.
        made: likewise, of the made pictures.
        weights: of each depth; a depth of weight 0 is skipped.

    Returns:
        A scalar, 0 or more.

    Raises:
        ValueError: not one weight for each depth, or none above 0.
    """
    if not len(real) == len(made) == len(weights):
        raise ValueError(
            f"weights: got {len(weights)} for features of {len(real)} and {len(made)} depths, expected as many"
        )
    terms = [
        weight * functional.l1_loss(ours, target.detach())
        for ours, target, weight in zip(made, real, weights, strict=True)
        if weight
    ]
    if not terms:
        raise ValueError("weights: got zeros only, expected one above 0")
    return torch.stack(terms).sum()
