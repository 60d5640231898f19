"""Decoded faces in memory, up to a bound; what does not fit is decoded again whenever it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Decode = Callable[[NDArray[np.int64], NDArray[np.uint8]], None]
"""Decodes rows into an array of their shape."""


class Held:
    """Rows of one shape, each decoded once as long as there is room. Safe to read from several threads.

    Args:
        count: N, how many rows there are.
        shape: of one row.
        most_bytes: that are held.
    """

    def __init__(self, count: int, shape: tuple[int, ...], most_bytes: int) -> None:
        self.room = min(count, most_bytes // int(np.prod(shape)))
        self._place = np.full(count, -1, dtype=np.int64)
        # Pages that were never written to take no memory.
        self._rows = np.empty((self.room, *shape), dtype=np.uint8)
        self._used = 0
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """How much it may come to."""
        return self._rows.nbytes

    def get(self, rows: NDArray[np.int64], decode: Decode) -> NDArray[np.uint8]:
        """Rows, a fresh array.

        Args:
            rows: int64 (n,).
            decode: what gives those that are not held.
        """
        found = np.empty((len(rows), *self._rows.shape[1:]), dtype=np.uint8)
        place = self._place[rows]  # a place that was given is never taken away
        known = place >= 0
        found[known] = self._rows[place[known]]
        missing = np.flatnonzero(~known)
        if missing.size:
            fresh = np.empty((missing.size, *self._rows.shape[1:]), dtype=np.uint8)
            decode(rows[missing], fresh)
            found[missing] = fresh
            self._keep(rows[missing], fresh)
        return found

    def _keep(self, rows: NDArray[np.int64], fresh: NDArray[np.uint8]) -> None:
        with self._lock:
            if self._used == self.room:
                return
            new, first = np.unique(rows, return_index=True)
            first = first[self._place[new] < 0][: self.room - self._used]
            places = np.arange(self._used, self._used + first.size)
            self._rows[places] = fresh[first]
            self._place[rows[first]] = places  # last: whoever sees a place finds it filled
            self._used += first.size
