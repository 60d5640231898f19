"""What of a face comes from another: which regions change hands, and styles, shapes and identities put together.

Nothing here knows a network; whoever drives a `bench.api.StyledGenerator` can mix by the same rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from bench import regions
from generators.nets.regions import CLASSES, SMALLEST_AREA, closed


class Taken(NamedTuple):
    """What changes hands.

    Attributes:
        classes: bool (N, R), the classes of which something is taken.
        possible: bool (N,), False where a region that was asked for by name is missing.
    """

    classes: Tensor
    possible: Tensor


def present(masks: Tensor, classes: int = CLASSES) -> Tensor:
    """Whether each region is there at all: bool (N, R) of region maps (N, R, H, W) or of uint8 labels (N, H, W)."""
    if masks.is_floating_point():
        return masks.sum(dim=(2, 3)) > SMALLEST_AREA
    known = torch.arange(classes, dtype=masks.dtype, device=masks.device)
    return (masks.flatten(1)[..., None] == known).any(dim=1)


def taken(names: Iterable[str], given: Tensor, there: Tensor) -> Taken:
    """`bench.regions.taken`, of tensors: bool (N, R) twice, the answer on the device of `there`."""
    found = regions.taken(names, given.cpu().numpy(), there.cpu().numpy())
    return Taken(*(torch.from_numpy(one).to(there.device) for one in found))


def mixed_styles(own: Tensor, other: Tensor, classes: Tensor) -> Tensor:
    """Styles (N, R, L): another face's of some classes, bool (N, R), the face's own of the rest; differentiable."""
    return torch.where(classes[..., None], other, own)


def mixed_identity(own: Tensor, other: Tensor, strength: float) -> Tensor:
    """An embedding between two: (1 - strength)·own + strength·other, as the recognizer gave them.

    The networks look at its direction only, and were taught by such mixtures. At 0 it is the very `own`, at 1 the very
    `other`.

    Args:
        own: float (N, D).
        other: float (N, D).
        strength: 0 to 1.

    Source: Tarollo et al., arXiv 2404.10408, swap; the way between is ours.
    """
    return torch.lerp(own, other, strength)


def exchanged_parts(own: Tensor, other: Tensor, classes: Tensor, strength: float) -> Tensor:
    """Embedded parts: of some of them strength·other + (1 - strength)·own, of the rest the face's own.

    Args:
        own: float (N, R - 1, h, w), one map for each class but the background.
        other: likewise.
        classes: bool (N, R).
        strength: 0 to 1.

    Source: CA2-SIS, arXiv 2308.16071, part interpolation of its released code.
    """
    return torch.where(classes[:, 1:, None, None], torch.lerp(own, other, strength), own)


def exchanged_maps(own: Tensor, other: Tensor, classes: Tensor, strength: float) -> Tensor:
    """Region maps in which some parts have another face's shape; they sum to 1 wherever `own` and `other` do.

    A part that comes covers what was there; where one was and is no more, the parts around it close the gap. With a
    strength between 0 and 1 the outline is soft: pixels belong partly to the part.

    Args:
        own: float (N, R, H, W).
        other: likewise.
        classes: bool (N, R).
        strength: 0 to 1.
    """
    of_part = classes[:, :, None, None]
    parts = torch.where(of_part, torch.lerp(own, other, strength), torch.zeros_like(own))
    rest = torch.where(of_part, torch.zeros_like(own), own)
    # Where all that both faces have is exchanged, what is left is one face's alone, such as a hat: no filling.
    left = (present(own) & present(other) & ~classes).any(dim=1)
    donors = torch.where(left[:, None, None, None], rest, parts)
    around = closed(donors)
    return parts + around * (1 - parts.sum(dim=1, keepdim=True)).clamp_min(0)
