"""Attributes of faces, as CelebA names them: which there are, which exclude each other, and what an edit asks for.

Labels are 0 or 1; a difference of two sets of labels is -1, 0 or 1 for each attribute.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.datasets.attributes import ATTRIBUTES

PUBLISHED = (
    "Young", "Mouth_Slightly_Open", "Smiling", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair",
    "Receding_Hairline", "Bangs", "Male", "No_Beard", "Mustache", "Goatee", "Sideburns",
)  # fmt: skip
"""Those of the paper's released code, in its order."""

SHIPPED = (
    "Young", "Mouth_Slightly_Open", "Smiling", "Black_Hair", "Blond_Hair", "Gray_Hair", "Receding_Hairline", "Bangs",
    "Male", "No_Beard", "Eyeglasses",
)  # fmt: skip
"""Those of the weights that ship: `PUBLISHED` with glasses, without three kinds of beard beside `No_Beard`, and without
brown hair, on which the predicted labels that they learned from agree too little with people's."""

CONFLICTS: tuple[frozenset[str], ...] = (
    frozenset({"Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"}),
    frozenset({"Bangs", "Receding_Hairline"}),
)
"""Attributes of which a face that an edit asks for shows one at most.

Source: the rule of the paper's released test script.
"""


def check_attributes(setting: str, names: Sequence[str]) -> None:
    """Raises ValueError for a name that is none of `ATTRIBUTES`, one that stands twice, or none at all."""
    if isinstance(names, str):
        raise ValueError(f"{setting}: got {names!r}, expected a list, such as [{names}]")
    if not names:
        raise ValueError(f"{setting}: got none, expected at least one of {', '.join(ATTRIBUTES)}")
    for name in names:
        if name not in ATTRIBUTES:
            raise ValueError(f"{setting}: {unknown(name, ATTRIBUTES)}")
    if len(set(names)) != len(names):
        raise ValueError(f"{setting}: got {list(names)}, expected each name once")


def unknown(name: str, known: Iterable[str]) -> str:
    """What to say of a name that there is not."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"got {name!r}, expected some of {', '.join(known)}{hint}"


def check_conflicts(setting: str, wanted: Iterable[str]) -> None:
    """Raises ValueError where attributes that a face is to show exclude each other."""
    asked = set(wanted)
    for group in CONFLICTS:
        if len(both := sorted(group & asked)) > 1:
            raise ValueError(f"{setting}: got {' and '.join(both)}, expected one at most: a face shows one of them")


def edited_labels(
    labels: NDArray[np.float32], names: Sequence[str], asked: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The labels that edits ask for, what they exclude taken away.

    Args:
        labels: float32 (N, A), of the faces, 0 or 1.
        names: of the A attributes.
        asked: float32 (N, A), 1 or 0 for what a face is to show, NaN for what nobody asks.

    Returns:
        float32 (N, A), a new array; and bool (N,), False for a face that is to show two that exclude each other.
    """
    found = np.where(np.isnan(asked), labels, asked).astype(np.float32)
    possible = np.ones(len(labels), np.bool_)
    for group in CONFLICTS:
        members = [column for column, name in enumerate(names) if name in group]
        wanted = (asked[:, members] == 1).sum(axis=1)
        possible &= wanted <= 1
        for column in members:
            found[(wanted > 0) & np.isnan(asked[:, column]), column] = 0
    return found, possible
