"""Which style codes come from the hidden person, and identities between two people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attacks.hidden_identity.settings import ALL
from bench.api import Embeddings
from bench.regions import CLASSES, STYLE_REGIONS

if TYPE_CHECKING:
    import torch

NOTHING = 1e-7
"""A mixture that is so short beside the embeddings that it is of has no direction: what is left is rounding."""


def classes_of(regions: Sequence[str]) -> frozenset[int]:
    """The classes of some regions together.

    Args:
        regions: names of `STYLE_REGIONS`.
    """
    return frozenset().union(*(STYLE_REGIONS[name] for name in regions))


def shown(masks: torch.Tensor) -> NDArray[np.bool_]:
    """Which classes masks show.

    Args:
        masks: uint8 (N, S, S), 19-class labels, or float32 (N, 19, S', S'), region maps.

    Returns:
        Bool (N, 19).
    """
    if masks.is_floating_point():
        return np.asarray((masks.amax(dim=(2, 3)) > 0).cpu().numpy())
    counts = [np.bincount(mask.ravel(), minlength=len(CLASSES)) for mask in masks.numpy()]
    return np.asarray(np.reshape(counts, (-1, len(CLASSES))) > 0)


def exchanged(both: NDArray[np.bool_], regions: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whose style code each region of each face has, and which faces can be made so.

    A class that one of the two does not show has no style to give, or no place to take it: so a named region needs all
    of its classes in both masks, and the region ``all`` is what both show.

    Args:
        both: bool (N, 19), which classes both the source and the hidden person show.
        regions: names of `STYLE_REGIONS`; ``all`` only alone.

    Returns:
        Bool (N, 19), where the hidden person's code goes; and bool (N,), false where a class is missing.

    Source: CA2-SIS's released test script (arXiv 2308.16071), which mixes styles of such pairs only; ``all`` is ours.
    """
    if tuple(regions) == (ALL,):
        return both, np.ones(len(both), dtype=np.bool_)
    wanted = np.isin(np.arange(len(CLASSES)), sorted(classes_of(regions)))
    return np.broadcast_to(wanted, both.shape), np.asarray((both | ~wanted).all(axis=1))


def between(source: Embeddings, hidden: Embeddings, strength: float) -> Embeddings:
    """Identities between two people: (1 - strength)·source + strength·hidden, as long as embeddings are.

    The straight line between two embeddings is shorter in its middle than its ends are, the more so the more the two
    differ, and no photo has such an embedding: the point on the line is brought to the length that lies between theirs.
    A generator that takes lengths away first, as `sis` does, sees the point on the line either way.

    Args:
        source: float32 (N, D), as the recognizer gave them.
        hidden: float32 (N, D).
        strength: the hidden person's share, 0 to 1; at either end the very embedding comes back.

    Returns:
        float32 (N, D); each row depends on its own two rows only; zeros between two that point away from each other.
    """
    if strength in (0, 1):
        return (hidden if strength else source).copy()
    mine, theirs = source.astype(np.float64), hidden.astype(np.float64)
    line = (1 - strength) * mine + strength * theirs
    length, wanted = _length(line), (1 - strength) * _length(mine) + strength * _length(theirs)
    # Rounding leaves a little of opposites: a direction of that would mean nothing.
    scale = np.divide(wanted, length, out=np.zeros_like(length), where=length > NOTHING * wanted)
    return np.asarray(line * scale, dtype=np.float32)


def _length(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(rows, axis=1, keepdims=True))
