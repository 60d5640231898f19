"""What teaches a composer: regions moved about in their stack, soft real maps, and what a composition loses.

Source: after Demir and Ciftci, arXiv 2111.12705, whose losses were not seen: these are our reading. The Dice overlap is
that of Milletari et al., 3DV 2016, whose squares make it 1 for any map beside itself, a soft one too.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from generators.nets.regions import SMALLEST_AREA

SHARP = 0.1
"""The temperature at which two compositions are told apart: nearly that of the argmax, and still with gradients."""


@torch.no_grad()
def jittered_regions(maps: Tensor, share: float, shift: float, scale: float, draw: torch.Generator) -> Tensor:
    """Region maps as a stack of which some regions are moved and scaled, each on its own, about its own middle.

    Pixels are the nearest ones, so that a one-hot map's regions stay 0 or 1; what comes in from beyond an edge is what
    is at the edge. A region that would vanish stays as it is.

    Args:
        maps: float (N, R, S, S).
        share: of the regions, that both happens to.
        shift: by up to this share of the side, along either axis.
        scale: by up to this share, up or down.
        draw: on the maps' device.

    Returns:
        float (N, R, S, S), channels last in memory; regions may overlap and leave holes.
    """
    count, regions, side, _ = maps.shape
    drawn = torch.rand(4, count, regions, generator=draw, device=maps.device)
    factor = 1 + scale * (2 * drawn[1] - 1)
    moved = maps
    for dimension, numbers in ((2, drawn[2]), (3, drawn[3])):
        along = maps.sum(dim=5 - dimension)
        middles = torch.arange(side, device=maps.device) + 0.5
        middle = (along @ middles) / along.sum(dim=2).clamp_min(SMALLEST_AREA)
        # Where each pixel comes from: the inverse of a scale about the middle and a shift.
        back = middles - (middle + shift * side * (2 * numbers - 1))[..., None]
        source = (middle[..., None] + back / factor[..., None]).floor().long().clamp(0, side - 1)
        index = source[..., None] if dimension == 2 else source[:, :, None]
        moved = moved.gather(dimension, index.expand_as(maps))
    chosen = (drawn[0] < share) & (moved.amax(dim=(2, 3)) > 0)
    found = torch.where(chosen[:, :, None, None], moved, maps)
    return found.contiguous(memory_format=torch.channels_last)


def blurred(maps: Tensor, sigma: float) -> Tensor:
    """Region maps behind a Gaussian; they sum to 1 over R wherever they did, for what is at an edge goes on beyond it.

    Args:
        maps: float (N, R, S, S).
        sigma: its standard deviation in pixels; 0 for none.
    """
    if not sigma:
        return maps
    reach, regions = math.ceil(3 * sigma), maps.shape[1]
    weights = torch.exp(-(torch.arange(-reach, reach + 1, device=maps.device) ** 2) / (2 * sigma**2))
    kernel = (weights / weights.sum()).to(maps.dtype).expand(regions, 1, -1)
    padded = functional.pad(maps, (reach, reach, reach, reach), mode="replicate")
    rows = functional.conv2d(padded, kernel[:, :, None], groups=regions)
    return functional.conv2d(rows, kernel[..., None], groups=regions)


def dice_loss(maps: Tensor, stack: Tensor) -> Tensor:
    """One minus the Dice overlap of each region with its own map in the stack, the mean of those that the stack has.

    Args:
        maps: float (N, R, S, S), compositions.
        stack: float (N, R, S, S); of at least one region.

    Returns:
        A scalar from 0 to 1; 0 where the two are the same.
    """
    both = (maps * stack).sum(dim=(2, 3))
    areas = maps.square().sum(dim=(2, 3)) + stack.square().sum(dim=(2, 3))
    there = (stack.amax(dim=(2, 3)) > 0).to(maps.dtype)
    lost = (1 - 2 * both / areas.clamp_min(SMALLEST_AREA)) * there
    return lost.sum() / there.sum()


def mean_entropy(logits: Tensor) -> Tensor:
    """The entropy of each pixel's regions, in nats, averaged over pixels: a scalar of logits (N, R, S, S)."""
    logs = torch.log_softmax(logits, dim=1)
    return -(logs.exp() * logs).sum(dim=1).mean()


def variety_loss(logits: Tensor, others: Tensor, goal: float) -> Tensor:
    """How much two compositions of one stack lack in difference.

    It is measured on sharpened maps: one that is merely softer than the other, with the same regions in front, is none.

    Args:
        logits: float (N, R, S, S), of one noise; both learn.
        others: float (N, R, S, S), of another.
        goal: the share of a face's pixels that should change hands, such as 0.05; more than that is not rewarded.

    Returns:
        A scalar from 0 to 1: 1 where they are the same, 0 where each pair differs by `goal` or more.
    """
    first, second = (torch.softmax(one / SHARP, dim=1) for one in (logits, others))
    changed = (first - second).abs().sum(dim=1).mean(dim=(1, 2)) / 2
    return functional.relu(1 - changed / goal).mean()
