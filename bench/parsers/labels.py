"""The 19 labels of CelebAMask-HQ, and what a mirrored picture does to them.

Left and right are those of the picture, as in `bench.api.MaskedDataset.mask`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LABELS = (
    "background", "skin", "nose", "glasses", "left_eye", "right_eye", "left_brow", "right_brow", "left_ear",
    "right_ear", "inner_mouth", "upper_lip", "lower_lip", "hair", "hat", "earring", "necklace", "neck", "cloth",
)  # fmt: skip
"""Label to name, by number."""

SIDED = ((4, 5), (6, 7), (8, 9))
"""Pairs of labels that a mirror exchanges: eyes, brows, ears."""


def mirrored_label(label: int) -> int:
    """The label that a pixel of `label` has in the mirrored picture."""
    for left, right in SIDED:
        if label in (left, right):
            return left + right - label
    return label


MIRRORED: NDArray[np.uint8] = np.array([mirrored_label(label) for label in range(len(LABELS))], dtype=np.uint8)
"""uint8 (19,): label to the label in the mirrored picture."""
MIRRORED.setflags(write=False)
