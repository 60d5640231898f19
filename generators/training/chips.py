"""The differentiable way from a crop to dlib's chip, for recognizers that teach: a similarity warp by known landmarks.

Task: what `bench.aligners.templates.crop_by_landmarks` does to a frame for the template DLIB150, done to a batch of
crops whose 68 points are known, so that gradients flow back into the pixels. The similarity is the same least-squares
one; the crop is read bilinearly, and is black where it ends.

Source: Umeyama, TPAMI 1991, in the plane, where the closed form needs no decomposition.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn import functional

from bench.aligners.templates import DLIB150
from bench.errors import ShapeError

DLIB5_OF_68 = (45, 42, 36, 39, 33)
"""dlib's five points among its 68: the corners of the eye at the right of the picture, outer then inner, of the eye at
the left, outer then inner, the base of the nose."""


def chip(images: Tensor, landmarks: Tensor) -> Tensor:
    """The faces of crops as dlib's recognizer wants them.

    Args:
        images: float32 (N, 3, S, S) RGB in [0, 1].
        landmarks: float32 (N, 68, 2), x then y in pixels of side S, the centre of the first pixel at (0, 0).

    Returns:
        float32 (N, 3, 150, 150), channels last in memory, differentiable in `images`.

    Raises:
        ShapeError: other shapes.
    """
    if images.ndim != 4 or landmarks.shape != (len(images), 68, 2):
        raise ShapeError(
            f"got images {tuple(images.shape)} and landmarks {tuple(landmarks.shape)}; expected (N, 3, S, S) and"
            " (N, 68, 2)"
        )
    grid = chip_grid(landmarks, images.shape[-1])
    chips = functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return chips.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def chip_grid(landmarks: Tensor, side: int) -> Tensor:
    """Where each pixel of the chips lies in the crops, float32 (N, 150, 150, 2), as `grid_sample` wants it.

    Args:
        landmarks: float32 (N, 68, 2) in pixels of the crops.
        side: S, pixels of the crops.
    """
    device = landmarks.device
    points = landmarks[:, list(DLIB5_OF_68)].double()
    target = _target().to(device).expand(len(points), -1, -1)
    # Fitted from the crop to the chip, as the aligner does, and inverted: the other way round is another least squares.
    a, b, move = similarity_of(points, target)
    squared = a**2 + b**2
    back = torch.stack([torch.stack([a, b], dim=1), torch.stack([-b, a], dim=1)], dim=1) / squared[:, None, None]
    # From pixels of the chip to grid_sample's units of the crop, -1 and 1 at its edges: small in float64, then one
    # product in float32 for all pixels.
    linear = back * (2 / side)
    shift = (1 - 2 * (back @ move[..., None])) / side - 1
    affine = torch.cat([linear, shift], dim=2).float()
    grid = _pixels().to(device) @ affine.transpose(1, 2)
    return grid.view(-1, DLIB150.side, DLIB150.side, 2)


def similarity_of(points: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The least-squares similarities, without reflection, that bring points to targets.

    Args:
        points: float (N, P, 2).
        target: float (N, P, 2).

    Returns:
        a (N,), b (N,) and t (N, 2): the map is ``x' = a x - b y + t_x`` and ``y' = b x + a y + t_y``.
    """
    middle, target_middle = points.mean(dim=1), target.mean(dim=1)
    p, q = points - middle[:, None], target - target_middle[:, None]
    spread = p.square().sum(dim=(1, 2)).clamp_min(1e-12)
    a = (p * q).sum(dim=(1, 2)) / spread
    b = (p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]).sum(dim=1) / spread
    turned = torch.stack([a * middle[:, 0] - b * middle[:, 1], b * middle[:, 0] + a * middle[:, 1]], dim=1)
    return a, b, target_middle - turned


@functools.cache
def _target() -> Tensor:
    return torch.tensor(DLIB150.targets["dlib5"].tolist(), dtype=torch.float64)


@functools.cache
def _pixels() -> Tensor:
    """Column and row of each pixel of the chip, and 1: float32 (22500, 3)."""
    rows, columns = torch.meshgrid(*[torch.arange(DLIB150.side, dtype=torch.float32)] * 2, indexing="ij")
    return torch.stack([columns.reshape(-1), rows.reshape(-1), torch.ones(DLIB150.side**2)], dim=1)
