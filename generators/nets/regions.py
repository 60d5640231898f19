"""Region maps: from labels, to other sizes, and what features are on average inside of each region.

A region map is float32 (N, R, H, W); it sums to 1 over R in every pixel. It may be soft ("fuzzy"): a pixel can belong
partly to several regions. Everything here is written for soft maps, and a one-hot map is just the special case.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

CLASSES = 19
"""R of a CelebAMask-HQ label map; `bench.api.MaskedDataset.mask` names them."""

SMALLEST_AREA = 1e-6
"""In pixels; a region that covers less is taken for absent."""


def one_hot(labels: Tensor, classes: int = CLASSES) -> Tensor:
    """The labels as a region map.

    Args:
        labels: uint8 or int64 (N, H, W), each below `classes`.
        classes: R.

    Returns:
        float32 (N, R, H, W), channels last in memory.
    """
    known = torch.arange(classes, dtype=labels.dtype, device=labels.device)
    return (labels[..., None] == known).float().permute(0, 3, 1, 2)


def resize(masks: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """A region map in another size; each pixel is the mean of the area that it covers.

    Args:
        masks: float (N, R, H, W).
        size: new height and width.

    Returns:
        float (N, R, *size); it sums to 1 over R wherever `masks` does.
    """
    height, width = masks.shape[-2:]
    if (height, width) == tuple(size):
        return masks
    if height % size[0] == 0 and width % size[1] == 0:
        step = (height // size[0], width // size[1])
        return functional.avg_pool2d(masks, step)
    return functional.interpolate(masks, size=tuple(size), mode="area")


def masked_mean(features: Tensor, masks: Tensor) -> Tensor:
    """The mean of the features over each region, each pixel weighing as much as it belongs to the region.

    Args:
        features: float (N, C, H, W).
        masks: float (N, R, H', W'), of any size; brought to that of the features.

    Returns:
        float (N, R, C); zeros for a region that is absent.
    """
    weights = _flat(resize(masks, features.shape[-2:])).transpose(1, 2)
    area = weights.sum(dim=2, keepdim=True).clamp_min(SMALLEST_AREA)
    return torch.bmm(weights / area, _flat(features))


def spread(codes: Tensor, masks: Tensor) -> Tensor:
    """Each pixel given the code of its region, mixed where the map is soft.

    Args:
        codes: float (N, R, L).
        masks: float (N, R, H, W).

    Returns:
        float (N, L, H, W), channels last in memory.
    """
    count, _, height, width = masks.shape
    return torch.bmm(_flat(masks), codes).view(count, height, width, codes.shape[2]).permute(0, 3, 1, 2)


def closed(maps: Tensor) -> Tensor:
    """The maps as shares, in every pixel: where they are all 0, those of the nearest pixels that have some.

    Args:
        maps: float (N, R, H, W), 0 or more.

    Returns:
        float (N, R, H, W); it sums to 1 over R, unless all of a map is 0.
    """
    found = _shares(maps)
    for _ in range(max(maps.shape[-2:])):
        empty = found.sum(dim=1, keepdim=True) < SMALLEST_AREA
        if not bool(empty.any()):
            break
        grown = functional.avg_pool2d(found, 3, stride=1, padding=1)
        found = torch.where(empty, _shares(grown), found)
    return found


def _shares(maps: Tensor) -> Tensor:
    total = maps.sum(dim=1, keepdim=True)
    return torch.where(total > SMALLEST_AREA, maps / total.clamp_min(SMALLEST_AREA), torch.zeros_like(maps))


def _flat(maps: Tensor) -> Tensor:
    """(N, C, H, W) as (N, H * W, C): a view where the memory is channels last."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)
