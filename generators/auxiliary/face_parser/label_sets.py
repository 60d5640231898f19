"""Codes of what a pixel may be: one of the 19 labels, a set of them, or nothing known.

FASSEG has six labels, and landmarks say of some pixels only what they are not. So a training pixel carries a *code*:
0 to 18 is that label, `UNKNOWN` takes no part, and a code between names a set of labels of which one is right. The loss
is then minus the logarithm of the sum of their probabilities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.parsers.labels import LABELS, MIRRORED

UNKNOWN = 255

SETS: dict[str, tuple[int, ...]] = {
    # FASSEG's own labels, as far as no landmark says more (docs/parsers.md has the table)
    "surroundings": (0, 14, 15, 16, 18),
    "skin_left": (1, 3, 8, 15, 16, 17),
    "skin_right": (1, 3, 9, 15, 16, 17),
    "hair": (6, 7, 13, 14),
    "mouth": (10, 11, 12),
    "eyes": (4, 5),
    # what landmarks add
    "face": (1, 3),
    "face_or_nose": (1, 2, 3),
    "neck": (16, 17),
    "beside_left": (1, 8, 15),
    "beside_right": (1, 9, 15),
    "crown": (13, 14),
    "brow_left": (6, 13),
    "brow_right": (7, 13),
    "brow_or_skin_left": (1, 3, 6),
    "brow_or_skin_right": (1, 3, 7),
    "lid_left": (1, 4),
    "lid_right": (1, 5),
    "upper": (10, 11),
    "lower": (10, 12),
    # photos without labels, where hair, glasses and hats may cover
    "eye_left": (3, 4),
    "eye_right": (3, 5),
    "covered_brow_left": (3, 6, 13, 14),
    "covered_brow_right": (3, 7, 13, 14),
    "covered_face": (1, 3, 13, 14),
}

CODES: dict[str, int] = {name: len(LABELS) + number for number, name in enumerate(SETS)}
"""Name of a set to its code."""


def allowed() -> NDArray[np.bool_]:
    """Bool (256, 19): which labels each code allows; none where nothing is known."""
    table = np.zeros((256, len(LABELS)), dtype=np.bool_)
    table[np.arange(len(LABELS)), np.arange(len(LABELS))] = True
    for name, labels in SETS.items():
        table[CODES[name], list(labels)] = True
    return table


def mirrored() -> NDArray[np.uint8]:
    """uint8 (256,): code to its code in the mirrored picture."""
    table = np.arange(256, dtype=np.uint8)
    table[: len(LABELS)] = MIRRORED
    by_labels = {labels: name for name, labels in SETS.items()}
    for name, labels in SETS.items():
        table[CODES[name]] = CODES[by_labels[tuple(sorted(int(MIRRORED[label]) for label in labels))]]
    return table
