"""Who is in a pack, without names: whether somebody is, and one digest of all of them.

A person is known by the first 8 bytes of SHA-256 of the data set's label and the person's own name in it
(`bench.packs.shards.name_digest`). That hides nobody from whoever has the name, and it shall not: so anybody can be
looked up among those that a network was trained on.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from bench.packs.shards import DIGEST_BYTES


def people_digest(subjects: NDArray[np.uint8]) -> str:
    """SHA-256 hex of some people, whatever their order and however often each is named.

    Args:
        subjects: uint8 (n, 8), one person a row: the bytes of all different rows, ascending, are digested.
    """
    rows = sorted({row.tobytes() for row in np.ascontiguousarray(subjects)})
    return hashlib.sha256(b"".join(rows)).hexdigest()


def are_person(subjects: NDArray[np.uint8], person: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which rows are of one person, bool (n,).

    Args:
        subjects: uint8 (n, 8).
        person: uint8 (8,).
    """
    same: NDArray[np.bool_] = (subjects.reshape(-1, DIGEST_BYTES) == person).all(axis=1)
    return same
