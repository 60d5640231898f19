"""The identity loss: how far a made face is, for a recognizer, from whom it shall show.

The recognizer is injected, and so is the way from a generator's picture to the recognizer's own template.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from bench.api import GradientRecognizer

Distance = Literal["cosine", "squared"]
Chips = Callable[[Tensor], Tensor]
"""Faces, float (N, 3, S, S) in [0, 1], to crops in the recognizer's template, differentiable."""


def embedding_distance(found: Tensor, goals: Tensor, distance: Distance) -> Tensor:
    """How far embeddings are from their goals.

    Args:
        found: float (N, D).
        goals: float (N, D).
        distance: ``"cosine"``, 1 - cos, in [0, 2], of recognizers that compare by cosine; ``"squared"``, the squared
            Euclidean distance, of those that compare by distance. dlib's embeddings are not centred: those of different
            people have cosines of 0.83, so a cosine between them says little.

    Returns:
        float (N,), at least 0.

    Source: "cosine" as in a precursor of Adversarial Identity Injection (arXiv 2404.10408) by the same authors;
        "squared" is ours.
    """
    if distance == "cosine":
        return 1 - functional.cosine_similarity(found, goals, dim=1)
    if distance == "squared":
        return (found - goals).square().sum(dim=1)
    raise ValueError(f"distance: got {distance!r}, expected one of {', '.join(get_args(Distance))}")


def distance_of(recognizer: GradientRecognizer) -> Distance:
    """The distance that fits how a recognizer compares."""
    return "cosine" if recognizer.comparison == "cosine" else "squared"


def identity_loss(
    recognizer: GradientRecognizer, faces: Tensor, goals: Tensor, chips: Chips | None, distance: Distance | None = None
) -> Tensor:
    """Mean distance between made faces and the embeddings of whom they shall show.

    Args:
        recognizer: frozen; gradients flow through it to the faces and never into it.
        faces: float (N, 3, S, S) RGB in [0, 1].
        goals: float (N, D), as the recognizer gives them; no gradient flows to them.
        chips: faces to the recognizer's crops (`generators.training.chips`); None if they are such crops already, made
            once for this loss and the perceptual one.
        distance: None for the one that fits the recognizer.

    Returns:
        A scalar, at least 0.
    """
    found = recognizer.embed_tensor(faces if chips is None else chips(faces))
    return embedding_distance(found, goals.detach(), distance or distance_of(recognizer)).mean()


def source_identity(recognizer: GradientRecognizer, sources: Tensor, chips: Chips | None) -> Tensor:
    """The embeddings of photos, as goals.

    Args:
        recognizer: frozen.
        sources: float (N, 3, S, S) RGB in [0, 1].
        chips: as in `identity_loss`.

    Returns:
        float (N, D), without gradient.
    """
    with torch.no_grad():
        return recognizer.embed_tensor(sources if chips is None else chips(sources))
