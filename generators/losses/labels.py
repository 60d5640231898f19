"""The classification head's loss: do the pictures show the labels that they shall show?"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def label_loss(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Binary cross-entropy over the labels that are known.

    Args:
        logits: float (N, A).
        labels: float (N, A), 0 or 1; NaN where unknown, which takes no part in the mean. A pack's attributes, in
            [-1, 1], are (x + 1) / 2 first.
        weights: float (N, A), how much each label counts, at least 0, such as how sure somebody is of it; None for 1.

    Returns:
        A scalar, at least 0: the weighted mean; 0 where nothing is known.

    Source: BridgeGAN (arXiv 2110.05055) for known labels; leaving out the unknown, and weights, are ours.
    """
    known = torch.isfinite(labels)
    terms = functional.binary_cross_entropy_with_logits(logits, torch.nan_to_num(labels), reduction="none")
    if weights is None:
        return torch.where(known, terms, 0.0).sum() / known.sum().clamp_min(1)
    counted = torch.where(known, weights, 0.0)
    whole = counted.sum()
    return (counted * terms).sum() / torch.where(whole > 0, whole, torch.ones_like(whole))
