"""A digest of which rows there are, whatever their order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def rows_digest(columns: Sequence[NDArray[np.integer]], names: Sequence[Sequence[str]]) -> str:
    """SHA-256 hex of rows, which does not depend on the order in which they stand.

    Args:
        columns: whole numbers, (M,) each.
        names: what the numbers are places in.
    """
    whole = np.stack([column.astype("<i8") for column in columns], axis=1)
    ordered = np.ascontiguousarray(whole[np.lexsort(whole.T[::-1])])
    named = json.dumps([[str(name) for name in each] for each in names], separators=(",", ":"), ensure_ascii=True)
    sha = hashlib.sha256(named.encode())
    sha.update(ordered.tobytes())
    return sha.hexdigest()
