"""Feature matching: a made picture shall look to the discriminator's layers as the real one does.

Source: Wang et al., CVPR 2018 (pix2pixHD), equation 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def feature_matching(real: Sequence[Sequence[Tensor]], made: Sequence[Sequence[Tensor]]) -> Tensor:
    """The mean absolute difference of each layer's features, summed over layers, averaged over scales.

    Args:
        real: for each scale the features of its layers, the logits last; they are not counted. No gradient flows here.
        made: likewise, of the made pictures.

    Returns:
        A scalar, 0 or more.
    """
    terms = [
        functional.l1_loss(layer, target.detach())
        for of_real, of_made in zip(real, made, strict=True)
        for target, layer in zip(of_real[:-1], of_made[:-1], strict=True)
    ]
    return torch.stack(terms).sum() / len(made)
