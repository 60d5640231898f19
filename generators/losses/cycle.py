"""Losses of codes and pictures that shall agree; the cycle is closed on codes, never on pictures.

Every one is a mean of absolute differences over all elements. Source: BridgeGAN (arXiv 2110.05055), its
released code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

Encode = Callable[[Tensor, Tensor], Tensor]
"""Pictures (N, 3, S, S) and a change of labels (N, A) to codes (N, ...)."""


def code_cycle(encode: Encode, faces: Tensor, difference: Tensor, source_code: Tensor, code: Tensor) -> Tensor:
    """Whether the code that a face was made from is found in the face again.

    Args:
        encode: the encoder.
        faces: float (N, 3, S, S), made from `code`; no gradient flows to them: encoder and mapping learn, the
            generator does not.
        difference: float (N, A), the change of labels that was asked for.
        source_code: float (N, ...), the source's part of the code, S_s.
        code: float (N, ...), the whole of it, S_rand or S_ref.

    Returns:
        A scalar, at least 0.
    """
    return functional.l1_loss(encode(faces.detach(), difference) + source_code, code)


def attribute_cycle(encode: Encode, faces: Tensor, sources: Tensor, unchanged: Tensor) -> Tensor:
    """Whether what was not to change is encoded in the face as in its source; gradients flow to the faces.

    Args:
        encode: the encoder.
        faces: float (N, 3, S, S), made.
        sources: float (N, 3, S, S), what they were made of.
        unchanged: float (N, A), from `unchanged_labels`.

    Returns:
        A scalar, at least 0.
    """
    return functional.l1_loss(encode(faces, unchanged), encode(sources, unchanged))


def unchanged_labels(difference: Tensor, labels: Tensor) -> Tensor:
    """The change that would flip every label that was not asked to change, and no other: (1 - |a|)(1 - 2y).

    Args:
        difference: float (N, A), in {-1, 0, 1}.
        labels: float (N, A), of the source, in {0, 1}.

    Returns:
        float (N, A), in {-1, 0, 1}.
    """
    return (1 - difference.abs()) * (1 - 2 * labels)


def reconstruction(sources: Tensor, rebuilt: Sequence[Tensor]) -> Tensor:
    """Mean over several rebuilt pictures of their distance to the source.

    Args:
        sources: float (N, C, H, W). Pixels in [0, 1] halve the figure of pixels in [-1, 1]: published weights double.
        rebuilt: one or more, each float (N, C, H, W).

    Returns:
        A scalar, at least 0.
    """
    return torch.stack([functional.l1_loss(one, sources) for one in rebuilt]).mean()


def code_similarity(code: Tensor, other: Tensor) -> Tensor:
    """How far two codes of the same wish lie apart, such as the label's and the reference's; both learn.

    Args:
        code: float (N, ...).
        other: of the same shape.

    Returns:
        A scalar, at least 0.
    """
    return functional.l1_loss(code, other)
