"""Attributes of faces, as CelebA names them: which there are, which exclude each other, and what an edit asks for.

Labels are 0 or 1; a difference of two sets of labels is -1, 0 or 1 for each attribute.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.datasets.attributes import ATTRIBUTES

PUBLISHED = (
    "Young", "Mouth_Slightly_Open", "Smiling", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair",
    "Receding_Hairline", "Bangs", "Male", "No_Beard", "Mustache", "Goatee", "Sideburns",
)  # fmt: skip
"""Those of the paper's released code, in its order."""

SHIPPED = (
    "Young", "Mouth_Slightly_Open", "Smiling", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair",
    "Receding_Hairline", "Bangs", "Male", "No_Beard", "Eyeglasses",
)  # fmt: skip
"""Those of the weights that ship: `PUBLISHED` without what few faces of LFW show, and glasses."""

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


def edited_labels(labels: NDArray[np.float32], names: Sequence[str], wanted: Mapping[str, bool]) -> NDArray[np.float32]:
    """The labels that an edit asks for, conflicts resolved.

    An attribute that is switched on switches off those that exclude it, unless the edit names them, too.

    Args:
        labels: float32 (N, A), of the faces, 0 or 1.
        names: of the A attributes.
        wanted: attribute to whether it is to be there.

    Returns:
        float32 (N, A), a copy.

    Raises:
        ValueError: an attribute that is not among `names`, or two that exclude each other.
    """
    found = labels.copy()
    for name, there in wanted.items():
        if name not in names:
            raise ValueError(unknown(name, names))
        found[:, list(names).index(name)] = there
    for group in CONFLICTS:
        asked = [name for name in wanted if name in group and wanted[name]]
        if len(asked) > 1:
            raise ValueError(f"got {' and '.join(asked)}, expected one at most: a face shows one of them")
        for other in group & set(names) if asked else ():
            if other not in wanted:
                found[:, list(names).index(other)] = 0
    return found
