"""Which pairs of two sets show one person, found block by block from codes of people."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError


def count_mated(probe_codes: NDArray[np.integer], reference_codes: NDArray[np.integer]) -> int:
    """How many pairs of a probe and a reference show one person.

    Args:
        probe_codes: int (M,), equal where two rows show one person, in either set.
        reference_codes: int (N,).
    """
    people, probes = np.unique(probe_codes.astype(np.int64), return_counts=True)
    others, references = np.unique(reference_codes.astype(np.int64), return_counts=True)
    _, one, other = np.intersect1d(people, others, assume_unique=True, return_indices=True)
    return sum(a * b for a, b in zip(probes[one].tolist(), references[other].tolist(), strict=True))


class MatedPairs:
    """The mated pairs of two sets.

    Args:
        probe_codes: int (M,), or None where nobody is in both sets.
        reference_codes: int (N,), or None with the other one.
        probes: M.
        references: N.

    Attributes:
        count: how many there are.

    Raises:
        ShapeError: codes that are not one integer a row, or those of one set alone.
    """

    def __init__(
        self,
        probe_codes: NDArray[np.integer] | None,
        reference_codes: NDArray[np.integer] | None,
        probes: int,
        references: int,
    ) -> None:
        if (probe_codes is None) != (reference_codes is None):
            raise ShapeError("got codes of one set; expected codes of probes and of references, or neither")
        self.count = 0
        self._sorted = lru_cache(maxsize=8)(self._sort)  # many blocks of probes meet one block of references
        self._probes = self._references = np.empty(0, np.int64)
        if probe_codes is None or reference_codes is None:
            return
        for name, codes, rows in (("probe", probe_codes, probes), ("reference", reference_codes, references)):
            if codes.shape != (rows,) or not np.issubdtype(codes.dtype, np.integer):
                raise ShapeError(
                    f"got {name} codes {codes.dtype} {codes.shape} for {rows} rows; expected one integer a row"
                )
        self.count = count_mated(probe_codes, reference_codes)
        if self.count:
            self._probes, self._references = probe_codes.astype(np.int64), reference_codes.astype(np.int64)

    def between(self, first_row: int, first_column: int, block: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The mated pairs of a block of probes with a block of references.

        Args:
            first_row: where the block of probes starts.
            first_column: where the block of references starts.
            block: rows of either.

        Returns:
            int64 (P,) rows and columns, counted from the starts; rows ascend.
        """
        if not self.count:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        order, columns = self._sorted(first_column, block)
        people = self._probes[first_row : first_row + block]
        start = np.searchsorted(columns, people)
        rows = np.flatnonzero(columns[np.minimum(start, columns.size - 1)] == people)
        start = start[rows]
        mates = np.searchsorted(columns, people[rows], "right") - start
        nth = np.arange(mates.sum()) - np.repeat(np.cumsum(mates) - mates, mates)
        return np.repeat(rows, mates), order[np.repeat(start, mates) + nth]

    def _sort(self, first: int, block: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        codes = self._references[first : first + block]
        order = np.argsort(codes, kind="stable")
        return order, codes[order]
