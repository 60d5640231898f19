"""Other views of a face for the networks that teach: its landmarks disturbed a little, itself mirrored.

A face that learned from one exact alignment has learned something about that alignment, which a recognizer with another
aligner does not see; the same goes for pixel attacks (Xie et al., CVPR 2019, arXiv 1803.06978: input diversity).
"""

from __future__ import annotations

import torch
from torch import Tensor

from generators.training.mirroring import REFLECTED_68


def jittered(landmarks: Tensor, amount: float, draw: torch.Generator) -> Tensor:
    """Landmarks turned, scaled and moved, each face's by its own draws: where chips are cut changes accordingly.

    Args:
        landmarks: float (N, 68, 2).
        amount: standard deviation of the angle in radians, of the logarithm of the scale, and of the way moved, which
            is in units of the landmarks' own spread (the root of their mean squared distance from their mean).
        draw: on the landmarks' device.

    Returns:
        float (N, 68, 2).
    """
    drawn = amount * torch.randn(len(landmarks), 4, generator=draw, device=landmarks.device)
    middle = landmarks.mean(dim=1, keepdim=True)
    around = landmarks - middle
    spread = around.square().sum(dim=2).mean(dim=1).sqrt()
    scale = drawn[:, 1].exp()
    cos, sin = scale * drawn[:, 0].cos(), scale * drawn[:, 0].sin()
    turn = torch.stack([torch.stack([cos, sin], dim=1), torch.stack([-sin, cos], dim=1)], dim=1)
    return middle + around @ turn + (spread[:, None] * drawn[:, 2:])[:, None]


def mirrored_where(images: Tensor, chosen: Tensor) -> Tensor:
    """Pictures, some of them mirrored.

    Args:
        images: float (N, C, S, S).
        chosen: bool (N,).
    """
    return torch.where(chosen.view(-1, 1, 1, 1), images.flip(3), images)


def mirrored_points_where(landmarks: Tensor, chosen: Tensor, side: int) -> Tensor:
    """The 68 points of these pictures, in the order of the mirrored face where it was mirrored.

    Args:
        landmarks: float (N, 68, 2), x then y, the centre of the first pixel at (0, 0).
        chosen: bool (N,).
        side: S.
    """
    order = torch.from_numpy(REFLECTED_68).to(landmarks.device)
    reflected = landmarks[:, order] * landmarks.new_tensor([-1, 1]) + landmarks.new_tensor([side - 1, 0])
    return torch.where(chosen.view(-1, 1, 1), reflected, landmarks)
