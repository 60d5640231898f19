"""The hinge loss of a discriminator and of what it judges.

Source: Lim and Ye, arXiv 1705.02894; over several scales as Wang et al., CVPR 2018, averaged.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def discriminator_hinge(real: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
    """What the discriminator minimises: max(0, 1 - real) + max(0, 1 + made), averaged over patches, then over scales.

    Args:
        real: the logits of each scale, float, any shape; higher is more real.
        made: likewise, of made pictures.

    Returns:
        A scalar, 0 or more; 2 for a discriminator that says 0 to everything.
    """
    terms = [
        functional.relu(1 - of_real).mean() + functional.relu(1 + of_made).mean()
        for of_real, of_made in zip(real, made, strict=True)
    ]
    return torch.stack(terms).mean()


def generator_hinge(made: Sequence[Tensor]) -> Tensor:
    """What the generator minimises: minus the logits, averaged over patches, then over scales.

    Args:
        made: the logits of each scale, float, any shape.

    Returns:
        A scalar of either sign.
    """
    return torch.stack([-logits.mean() for logits in made]).mean()
