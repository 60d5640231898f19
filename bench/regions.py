"""The regions of a face by name: the 19 classes of CelebAMask-HQ, and the groups of them that sweeps speak of.

Source: the groups of CA2-SIS's released test script (arXiv 2308.16071); whole face, ears, lips and all are ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

CLASSES: Final = (
    "background", "skin", "nose", "glasses", "left_eye", "right_eye", "left_brow", "right_brow", "left_ear",
    "right_ear", "inner_mouth", "upper_lip", "lower_lip", "hair", "hat", "earring", "necklace", "neck", "cloth",
)  # fmt: skip
"""The 19 classes of CelebAMask-HQ by number; left and right are those of the picture."""

FACE_CLASSES: Final = frozenset({1, 2, 4, 5, 6, 7, 10, 11, 12})

GROUPS: Final = {
    "eyes": frozenset({4, 5}),
    "brows": frozenset({6, 7}),
    "eyes_brows": frozenset({4, 5, 6, 7}),
    "nose": frozenset({2}),
    "mouth": frozenset({10, 11, 12}),
    "skin": frozenset({1, 2}),
    "face": FACE_CLASSES,
    "ears": frozenset({8, 9}),
}
"""Name to classes. ``skin`` has the nose with it, as in CA2-SIS."""

MASK_REGIONS: Final = {
    **GROUPS,
    **{name: frozenset({number}) for number, name in enumerate(CLASSES) if name not in GROUPS},
}
"""Name to classes, where masks say where it is: the groups, and every class by its name."""

STYLE_REGIONS: Final = {
    **MASK_REGIONS,
    "lips": frozenset({11, 12}),
    "makeup": frozenset({5, 12}),
    "all": frozenset(range(len(CLASSES))),
}
"""Name to classes whose style may be another face's; ``makeup`` is one eye and the lower lip, as CA2-SIS has it."""

EVERYTHING: Final = "all"
"""The one name that asks for whatever there is, and so refuses nobody."""


class Taken(NamedTuple):
    """What changes hands between two faces.

    Attributes:
        classes: bool (N, R), the classes of which something is taken.
        possible: bool (N,), False where a region that was asked for by name is missing.
    """

    classes: NDArray[np.bool_]
    possible: NDArray[np.bool_]


def taken(names: Iterable[str], given: NDArray[np.bool_], there: NDArray[np.bool_]) -> Taken:
    """Which classes some names of regions come to, face by face.

    Of a named region every class must be in the masks as they were given, else the face cannot be made; ``"all"`` is
    every class that is there. A class of which so little is given that nothing is left of it at a network's side has no
    style: nothing is taken of it.

    Args:
        names: of `STYLE_REGIONS`.
        given: bool (N, R): classes that the masks have, most often those of both faces.
        there: bool (N, R): those that are left at the networks' side.

    Source: CA2-SIS's script for style mixing, which uses only pairs that have every class; ``"all"`` is ours.
    """
    classes, possible = np.zeros_like(there), np.ones(len(there), dtype=np.bool_)
    for name in names:
        numbers = sorted(STYLE_REGIONS[name])
        classes[:, numbers] = there[:, numbers]
        if name != EVERYTHING:
            possible &= given[:, numbers].all(axis=1)
    return Taken(classes, possible)


def shown(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which classes label maps show, bool (N, 19), of uint8 (N, S, S)."""
    counts = [np.bincount(one.ravel(), minlength=len(CLASSES)) for one in labels]
    return np.asarray(np.reshape(counts, (-1, len(CLASSES))) > 0)
