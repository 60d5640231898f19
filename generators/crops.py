"""Between the bench's crops, of side 256, and the side of a network.

Every generator takes the template FFHQ256. A network of another side gets its crops averaged by area and its labels by
majority, and what it makes is brought back bicubically.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def shrink(images: Tensor, side: int) -> Tensor:
    """Pictures made smaller; each pixel is the mean of the area that it covers.

    Args:
        images: float (N, C, S, S), pictures or soft region maps.
        side: pixels of a side wanted, at most S.

    Returns:
        float (N, C, side, side), differentiable.

    Raises:
        ValueError: `side` is larger than S.
    """
    own = images.shape[-1]
    if side > own:
        raise ValueError(f"side: got {side} for pictures of side {own}, expected at most that")
    if side == own:
        return images
    if own % side == 0:
        return functional.avg_pool2d(images, own // side)
    return functional.interpolate(images, size=(side, side), mode="area")


def grow(images: Tensor, side: int) -> Tensor:
    """Pictures made larger, bicubically, and clipped, because bicubic interpolation overshoots at edges.

    Args:
        images: float (N, 3, S, S) in [0, 1].
        side: pixels of a side wanted, at least S.

    Returns:
        float (N, 3, side, side) in [0, 1], differentiable where it was not clipped.

    Raises:
        ValueError: `side` is smaller than S.
    """
    own = images.shape[-1]
    if side < own:
        raise ValueError(f"side: got {side} for pictures of side {own}, expected at least that")
    if side == own:
        return images
    return functional.interpolate(images, size=(side, side), mode="bicubic", align_corners=False).clamp(0, 1)
