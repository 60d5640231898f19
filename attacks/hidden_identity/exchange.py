"""Which style codes come from the hidden person, and identities between two people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.api import Embeddings
from bench.regions import STYLE_REGIONS, shown

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


def left(masks: torch.Tensor) -> NDArray[np.bool_]:
    """Which classes are left in the masks that a generator is given.

    Args:
        masks: uint8 (N, S, S), 19-class labels, or float32 (N, 19, S', S'), region maps.

    Returns:
        Bool (N, 19).
    """
    if masks.is_floating_point():
        return np.asarray((masks.amax(dim=(2, 3)) > 0).cpu().numpy())
    return shown(masks.numpy())


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
