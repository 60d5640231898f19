"""The composition that nothing has learned: parts laid one over the other."""

from __future__ import annotations

from torch import Tensor

from generators.mixsyn.assignment import Parts
from generators.nets.regions import closed


def copied(stack: Tensor, parts: Parts) -> Tensor:
    """A region stack as one layout: each part covers those before it; gaps are closed by what is around them.

    Args:
        stack: float (N, R, S, S) in [0, 1], regions that may overlap and leave gaps.
        parts: names and classes, those at the back first.

    Returns:
        float (N, R, S, S), which sums to 1 over R, unless all of a stack is 0; the stack itself where it does already.

    Source: ours; the baseline of a hard copy-pasted mask in our reading of Demir and Ciftci, arXiv 2111.12705.
    """
    laid = stack.new_zeros(stack.shape)
    for _, classes in parts:
        numbers = list(classes)
        part = stack[:, numbers]
        laid = laid * (1 - part.sum(dim=1, keepdim=True)).clamp_min(0)
        laid[:, numbers] = part
    return closed(laid)
