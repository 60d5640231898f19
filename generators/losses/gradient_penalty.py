"""The Wasserstein critic's loss and its gradient penalty, over one kind of made face or several.

Source: WGAN-GP (Gulrajani et al., 2017, arXiv 1704.00028), equation 3; the mean over several kinds of made faces as in
BridgeGAN's released code (arXiv 2110.05055).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

SPAN = 2.0
"""Width of the range that the pixels of both papers have, [-1, 1]; ours have 1."""


def wasserstein_critic_loss(real: Tensor, fakes: Sequence[Tensor]) -> Tensor:
    """What the critic minimises: how much more real it finds made faces, on average, than photos.

    Args:
        real: float (N, ...), the critic's scores of photos.
        fakes: one or more, each float (N, ...), its scores of made faces.

    Returns:
        A scalar, of any sign. What the generator minimises is `generators.losses.adversarial.generator_hinge`, minus
        the mean score: the two losses differ in the critic's part only.
    """
    return torch.stack([one.mean() for one in fakes]).mean() - real.mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    fakes: Sequence[Tensor],
    draw: torch.Generator | None = None,
    span: float = SPAN,
    *,
    one_kind: bool = False,
) -> Tensor:
    """Mean of (length of the critic's gradient - 1)², between photos and each kind of made face.

    One pass of the critic over all of them together; the points lie on the lines between photo and made face, at a
    share that is drawn for each. Nothing flows back to the faces: it is the critic's term.

    Args:
        critic: pictures (L, 3, S, S) to scores (L,), (L, 1) or maps of them, whose sum over a picture is taken.
        real: float (N, 3, S, S), photos.
        fakes: one or more, each float (N, 3, S, S).
        draw: where the shares come from.
        span: the range of pixels in which the gradient is measured is this many times as wide as that of `real`. The
            papers' penalty holds for pixels in [-1, 1]; with ours in [0, 1] the same function's gradient is twice as
            long, and 2 makes up for it.
        one_kind: take for each photo one kind of made face, drawn, in place of all: the same on average, and with three
            kinds a third of the work. Ours.

    Returns:
        A scalar, at least 0; differentiable in the critic's parameters.
    """
    every = torch.stack([one.detach() for one in fakes])
    if one_kind:
        kind = torch.randint(len(fakes), (len(real),), generator=draw, device=real.device)
        every = every[kind, torch.arange(len(real), device=real.device)][None]
    photos, made = real.detach().repeat(len(every), 1, 1, 1), every.flatten(0, 1)
    share = torch.rand(len(photos), 1, 1, 1, generator=draw, device=real.device, dtype=real.dtype)
    between = torch.lerp(photos, made, share).requires_grad_()
    with torch.enable_grad():
        (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    lengths: Tensor = torch.linalg.vector_norm(slopes, dim=(1, 2, 3)) / span
    return (lengths - 1).square().mean()
