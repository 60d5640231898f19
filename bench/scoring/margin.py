"""How far a score computed in float32 can be from the exact one, and what that leaves open.

A *product* here is what a float32 matrix product gives for a pair of rows as `rows.Float32Rows` makes them: about the
cosine, or about minus the squared distance in units of b², where b is the bound of the norms (`grid.grid_step`). The
exact product is that of the gridded rows, and the score is the exact product rounded (`scoring`'s docstring); it never
falls where the exact product rises. Let w = 2^-24 be float32's rounding, D the length of embeddings, and e the most
that the grid moves a row.

- A float32 sum of n products of two numbers each, added in whatever order, with or without fused multiply-add, is
  within n·w/(1 - n·w) times the sum of the products' sizes (Higham 2002, section 3.1). Strassen's method is excluded.
- ``cosine``, n = D: the float32 row and the gridded row are both near the row's direction, within w and within
  e = sqrt(D)·2^-27, so within d = w + e of each other, and their norms are at most 1 + d. By Cauchy-Schwarz
  |product - exact| <= (n·w/(1 - n·w) + 2d)·(1 + d)². For D = 512: 3.1e-5, though 1e-7 is what one meets.
- ``neg_l2``, n = D + 2: the rows are (2a, -|a|², 1) and (b, 1, -|b|²), divided by powers of two, which is exact. Let A
  and B be the largest norms of the two sets in units of b. The sizes of the products sum up to at most (A + B)²;
  rounding |a|² and |b|² costs at most w·(A² + B²), and the grid, which moves a row by at most e = sqrt(D)·2^-26, costs
  at most 4e·(A + B + e).

What float64 rounds (below D·2^-52) and what underflows (below D·2^-126) is added to each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Comparison
from bench.errors import ProviderError, ShapeError
from bench.scoring.grid import STEPS_PER_NORM

LONGEST = 2**22
"""The longest embeddings for which the bound means something."""

LOWEST = np.float32(-100)
"""Below every product, and above the minus infinity of pairs that are left out."""

_ROUNDING = 2.0**-24


@dataclass(frozen=True)
class Margin:
    """What float32 products say about exact scores.

    Attributes:
        comparison: ``"cosine"`` or ``"neg_l2"``.
        bound: b, a power of two; 1 for ``cosine``.
        tolerance: the most by which a product differs from the exact one.
    """

    comparison: Comparison
    bound: float
    tolerance: float

    def window(self, lowest: Any, highest: Any) -> tuple[Any, Any]:
        """The products that a pair may have whose score lies between two.

        A pair with a product below the window has a score below `lowest`; one with a product above it, a score above
        `highest`.

        Args:
            lowest: float32, a number or an array; for ``neg_l2`` at most 0.
            highest: likewise.

        Returns:
            float32 low and high of the window, both belonging to it; numbers or arrays, as the scores are.
        """
        with np.errstate(over="ignore"):
            below = np.nextafter(np.float32(lowest), np.float32(-np.inf))
            above = np.nextafter(np.float32(highest), np.float32(np.inf))
            low = np.nextafter(np.float32(self._product(below) - self.tolerance), np.float32(-np.inf))
            high = np.nextafter(np.float32(self._product(above) + self.tolerance), np.float32(np.inf))
        return np.maximum(low, LOWEST), np.maximum(high, LOWEST)

    def scores(self, low: Any, high: Any) -> tuple[Any, Any]:
        """The scores that a pair may have whose product lies between two.

        Args:
            low: float32 or float64, a number or an array.
            high: likewise.

        Returns:
            float32 lowest and highest score; numbers or arrays, as the products are.
        """
        with np.errstate(over="ignore"):
            lowest = np.nextafter(np.float32(self._score(low - self.tolerance)), np.float32(-np.inf))
            highest = np.nextafter(np.float32(self._score(high + self.tolerance)), np.float32(np.inf))
        return lowest, highest if self.comparison == "cosine" else np.minimum(highest, np.float32(0))

    def check(self, products: NDArray[np.float32], scores: NDArray[np.float32]) -> None:
        """Makes sure that products are as near the exact scores of their pairs as they must be.

        Raises:
            ProviderError: they are not; whatever multiplied them rounds in another way than float32 does.
        """
        lowest, highest = self.scores(products, products)
        if ((scores < lowest) | (scores > highest)).any():
            raise out_of_bounds()

    def _product(self, score: Any) -> Any:
        """The exact product at which the score is this one, float64."""
        if self.comparison == "cosine":
            return np.float64(score)
        return -np.square(np.minimum(np.float64(score) / self.bound, 0.0))

    def _score(self, product: Any) -> Any:
        """The score before it is rounded, float64."""
        if self.comparison == "cosine":
            return np.float64(product)
        return -np.sqrt(np.maximum(-np.float64(product), 0.0)) * self.bound


def out_of_bounds() -> ProviderError:
    """The error for products that are further off than they can be."""
    return ProviderError(
        "float32 products are further from the exact ones than any order of addition allows; take another device, or "
        "NumPy with another BLAS"
    )


def margin_of(comparison: Comparison, length: int, step: float, norms: tuple[float, float]) -> Margin:
    """The margin of two sets that are compared with each other.

    Args:
        comparison: ``"cosine"`` or ``"neg_l2"``.
        length: D.
        step: of their common grid.
        norms: for ``neg_l2`` the largest norm of either set, or more.

    Raises:
        ShapeError: embeddings longer than `LONGEST`.
    """
    if length > LONGEST:
        raise ShapeError(f"got embeddings of {length} numbers; in float32, scores can be told for up to {LONGEST}")
    terms = length if comparison == "cosine" else length + 2
    summing = terms * _ROUNDING / (1 - terms * _ROUNDING)
    in_float64 = (length + 4) * 2.0**-52
    if comparison == "cosine":
        moved = _ROUNDING + math.sqrt(length) * 2.0**-27 + in_float64
        tolerance, bound = (summing + 2 * moved) * (1 + moved) ** 2, 1.0
    else:
        bound = step * STEPS_PER_NORM
        one, other = (norm / bound for norm in norms)
        moved = math.sqrt(length) * 2.0**-26 + in_float64
        tolerance = (
            summing * (one + other) ** 2 * (1 + 2 * _ROUNDING)
            + (_ROUNDING + in_float64) * (one**2 + other**2)
            + 4 * moved * (one + other + moved)
        )
    return Margin(comparison, bound, (tolerance + length * 2.0**-120) * (1 + 2.0**-20))


def keys(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Whole numbers in the order of the scores, neighbours for neighbours; 0 for zero of either sign."""
    bits = np.asarray(scores, np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def score_of_key(key: int) -> np.float32:
    """The score with this key."""
    size = np.int32(abs(key)).view(np.float32)
    return np.float32(-size if key < 0 else size)
