"""Inner loops that NumPy has no name for: plain functions, compiled by numba when they are first called.

Importing this module imports no numba. `Kernel.loops` is the plain function, which does the same, slowly; the compiled
code is kept in ``__pycache__``, or where numba finds a folder to write, and made anew where there is none.

Sums whose order is free (``reassociate``) are either exact, so that every order has one result, or lie within the
bounds of `margin`, which hold for every order. None of the loops assumes that numbers are finite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Kernel:
    """A function of arrays, compiled at its first call; it holds no lock of Python's while it runs."""

    def __init__(self, loops: Callable[..., Any], reassociate: bool) -> None:
        self.loops = loops
        self._reassociate = reassociate
        self._compiled: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        """What `loops` returns, by compiled code."""
        if self._compiled is not None:
            return self._compiled(*arguments)
        try:
            compiled = self._compile(cache=True)
            result = compiled(*arguments)
        except (RuntimeError, OSError):  # nowhere to keep compiled code, or a full disk
            compiled = self._compile(cache=False)
            result = compiled(*arguments)
        self._compiled = compiled
        return result

    def _compile(self, cache: bool) -> Callable[..., Any]:
        import numba

        flags = {"reassoc", "contract"} if self._reassociate else False
        compiled: Callable[..., Any] = numba.njit(nogil=True, fastmath=flags, cache=cache)(self.loops)
        return compiled


def kernel(reassociate: bool = False) -> Callable[[Callable[..., Any]], Kernel]:
    """Makes a `Kernel` of the function below it."""
    return lambda loops: Kernel(loops, reassociate)


@kernel(reassociate=True)
def squared_lengths(rows: Any, lengths: Any) -> None:
    """The squared length of every row, float32 (N, D), into `lengths`, float64 (N,), added up in any order."""
    for i in range(rows.shape[0]):
        total = 0.0
        for j in range(rows.shape[1]):
            x = np.float64(rows[i, j])
            total += x * x
        lengths[i] = total


@kernel()
def times(rows: Any, by: Any, out: Any) -> None:
    """Every row, float32 (N, D), times its number of `by`, float64 (N,), rounded to float32 once.

    `out` may have more columns than `rows`; those are left alone.
    """
    for i in range(rows.shape[0]):
        factor = by[i]
        for j in range(rows.shape[1]):
            out[i, j] = np.float32(np.float64(rows[i, j]) * factor)


@kernel()
def gridded(embeddings: Any, used: Any, step: Any, unit: Any, out: Any) -> None:
    """`grid.on_grid` of some rows: as multiples of `step`, at unit length if `unit`.

    The order of a row's sum is fixed, each addition waits for the one before; so four rows are added up side by side.

    Args:
        embeddings: float32 (N, D).
        used: int64 (U,), rows of `embeddings`.
        step: a power of two.
        unit: whether rows are divided by their norms first.
        out: float64 (U, D).
    """
    steps = 1 / step  # a power of two as well, so that to multiply is to divide
    count, length = out.shape
    for first in range(0, count, 4):
        last = count - 1
        a, b = embeddings[used[first]], embeddings[used[min(first + 1, last)]]
        c, d = embeddings[used[min(first + 2, last)]], embeddings[used[min(first + 3, last)]]
        lengths = (1.0, 1.0, 1.0, 1.0)
        if unit:
            one, two, three, four = 0.0, 0.0, 0.0, 0.0
            for j in range(length):
                one += np.float64(a[j]) * np.float64(a[j])
                two += np.float64(b[j]) * np.float64(b[j])
                three += np.float64(c[j]) * np.float64(c[j])
                four += np.float64(d[j]) * np.float64(d[j])
            lengths = (one, two, three, four)
        for offset in range(min(4, count - first)):
            norm = np.sqrt(lengths[offset])
            row = embeddings[used[first + offset]]
            for j in range(length):
                out[first + offset, j] = np.rint(np.float64(row[j]) / norm * steps) * step


@kernel(reassociate=True)
def products_of_pairs(left: Any, right: Any, rows: Any, columns: Any, distance: Any, out: Any) -> None:
    """Of every pair the product, or the squared distance, into `out`; exact for float64 rows on one grid.

    Args:
        left: float64 (M, D).
        right: float64 (N, D).
        rows: int64 (P,), rows of `left`.
        columns: int64 (P,), rows of `right`.
        distance: whether squared distances are wanted.
        out: float64 (P,).
    """
    for p in range(rows.shape[0]):
        a = left[rows[p]]
        b = right[columns[p]]
        total = 0.0
        if distance:
            for j in range(a.shape[0]):
                gap = a[j] - b[j]
                total += gap * gap
        else:
            for j in range(a.shape[0]):
                total += a[j] * b[j]
        out[p] = total


@kernel()
def survey(products: Any, per_unit: Any, offset: Any, root: Any, counts: Any, low: Any, between: Any) -> None:
    """How many numbers fall into each bin, and how many of each row are at least `low`, in one look.

    Neighbours are counted in four rows in turn, as most lie in few bins, and a processor waits for one count to be
    written before it reads it again.

    Args:
        products: float32 (M, N); minus infinity is allowed.
        per_unit: float32, bins per unit.
        offset: float32, the bin of zero.
        root: whether the numbers are minus squared distances, and minus distances are to be counted.
        counts: uint32 (4, B), which is added to; what is beyond falls into the outer bins.
        low: float32.
        between: int64 (M,).
    """
    width = products.shape[1]
    bins = np.empty(width, np.uint32)
    zero = np.float32(0)
    last = np.float32(counts.shape[1] - 1)
    first, second, third, fourth = counts[0], counts[1], counts[2], counts[3]
    for i in range(products.shape[0]):
        row = products[i]
        if root:
            for j in range(width):
                squared = -row[j] if row[j] < zero else zero
                place = offset - np.sqrt(squared) * per_unit
                place = place if place > zero else zero
                bins[j] = np.uint32(np.int32(place if place < last else last))
        else:
            for j in range(width):
                place = row[j] * per_unit + offset
                place = place if place > zero else zero
                bins[j] = np.uint32(np.int32(place if place < last else last))
        count = 0
        for j in range(width):
            count += row[j] >= low
        between[i] = count
        for quarter in range(width // 4):
            j = 4 * quarter
            a, b, c, d = bins[j], bins[j + 1], bins[j + 2], bins[j + 3]
            first[a] += 1
            second[b] += 1
            third[c] += 1
            fourth[d] += 1
        for j in range(width // 4 * 4, width):
            first[bins[j]] += 1


@kernel()
def count_between(products: Any, lows: Any, high: Any, between: Any) -> Any:
    """How many numbers of each row are from its low to the high, into `between`.

    Args:
        products: float32 (M, N).
        lows: float32 (M,).
        high: float32.
        between: int64 (M,).

    Returns:
        How many numbers are above `high` and not below their row's low.
    """
    width = products.shape[1]
    above = 0
    for i in range(products.shape[0]):
        low = lows[i]
        count = 0
        for j in range(width):
            count += products[i, j] >= low
        if count > 0 and high < np.inf:
            higher = 0
            for j in range(width):
                higher += products[i, j] > high
            count -= higher
            above += higher
        between[i] = count
    return above


@kernel()
def gather_between(products: Any, lows: Any, high: Any, between: Any, rows: Any, columns: Any, values: Any) -> None:
    """What `count_between` counted: int32 `rows` and `columns`, float32 `values`, each as long as the sum of it."""
    at = 0
    for i in range(products.shape[0]):
        if between[i] > 0:
            for j in range(products.shape[1]):
                value = products[i, j]
                if value >= lows[i] and value <= high:
                    rows[at] = i
                    columns[at] = j
                    values[at] = value
                    at += 1
