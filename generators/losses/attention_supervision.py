"""Attention supervision: each region's token shall be looked at by that region's pixels.

Source: CA2-SIS's released code (arXiv 2308.16071); leaving tokens without a region free is ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def attention_supervision(logits: Sequence[Tensor], masks: Tensor) -> Tensor:
    """Mean over layers of the binary cross-entropy between attention logits and the region map.

    Args:
        logits: one for each layer, float (N, T, h, w) with T >= R: scaled products before the softmax, averaged over
            heads (`generators.nets.attention.Attended.logits`). Tokens behind the first R, such as an identity's, are
            left free.
        masks: float (N, R, H, W) in [0, 1], brought to each layer's size by the nearest pixel.

    Returns:
        A scalar, at least 0; ln 2 where all logits are 0.

    Raises:
        ValueError: no layers, or fewer tokens than regions.
    """
    if not logits:
        raise ValueError("logits: got none, expected those of at least one layer")
    regions = masks.shape[1]
    terms = []
    for layer in logits:
        if layer.shape[1] < regions:
            raise ValueError(
                f"logits: got {layer.shape[1]} tokens, expected at least the {regions} regions of the masks"
            )
        wanted = functional.interpolate(masks, layer.shape[-2:])
        terms.append(functional.binary_cross_entropy_with_logits(layer[:, :regions], wanted.to(layer.dtype)))
    return torch.stack(terms).mean()
