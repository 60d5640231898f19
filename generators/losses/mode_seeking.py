"""Losses against a generator that takes no notice of its noise."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

EPS = 1e-5
"""Keeps the ratio finite where both faces are the same."""


def mode_seeking(noise: Tensor, other_noise: Tensor, faces: Tensor, other_faces: Tensor, eps: float = EPS) -> Tensor:
    """How far two noises lie apart for each step that their faces lie apart; small where noise makes a difference.

    Args:
        noise: float (N, Z); no gradient flows to it.
        other_noise: float (N, Z); likewise.
        faces: float (N, C, H, W), of `noise`: these learn.
        other_faces: float (N, C, H, W), of `other_noise`; no gradient flows to them, so they may be made without.
        eps: added to the faces' distance.

    Returns:
        A scalar, at least 0: the ratio of the two mean absolute differences. Pixels in [0, 1] make it twice what it is
        for pixels in [-1, 1], so published weights are to be halved.

    Source: BridgeGAN's released code (arXiv 2110.05055); the idea is Mao et al.'s, CVPR 2019, arXiv 1903.05628.
    """
    apart = functional.l1_loss(other_noise.detach(), noise.detach())
    return apart / (functional.l1_loss(faces, other_faces.detach()) + eps)


def diversity(faces: Tensor, other_faces: Tensor) -> Tensor:
    """Minus the mean absolute difference of two faces of the same conditions and different noise; both learn.

    Args:
        faces: float (N, C, H, W).
        other_faces: float (N, C, H, W).

    Returns:
        A scalar, at most 0.

    Source: the noise branch of CA2-SIS's released code.
    """
    return -functional.l1_loss(faces, other_faces)
