"""Bootstrap draws in 16 bits: whole multiples of a power of two, packed into text.

The step is the smallest power of two at which the draws span at most 65,534 of them: less than a ten-thousandth of
their deviation, where they are spread like a bell. A run that is compared with such draws has its own put on the same
multiples (`snapped`), so that equal draws stay equal.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Draws = NDArray[np.float64]

_NOTHING = 0xFFFF
_MOST_STEPS = _NOTHING - 1
_DIGITS = 50
"""Binary digits of the largest multiple: float64 holds it exactly."""

_GRIDS = (-1200, 960)
"""Exponents of a step, smallest and largest: with any of them no multiple overflows float64."""


class Packed(NamedTuple):
    """Draws, packed.

    Attributes:
        grid: exponent g: every draw is a multiple of 2^g.
        first: the multiple from which codes count up.
        codes: base64 of uint16 (B,), little-endian; 65,535 where a draw has no value.
    """

    grid: int
    first: int
    codes: str


def packed(draws: Draws) -> Packed:
    """Draws in 16 bits each.

    Args:
        draws: float64 (B,); what is not finite has no value.
    """
    there = np.isfinite(draws)
    values = draws[there]
    grid = _grid(values)
    steps = _steps(values, grid)
    first = int(steps.min()) if values.size else 0
    codes = np.full(draws.shape, _NOTHING, "<u2")
    codes[there] = (steps - first).astype(np.int64)
    return Packed(grid, first, base64.b64encode(codes.tobytes()).decode())


def unpacked(one: Packed) -> Draws:
    """The draws, float64 (B,), NaN for no value.

    Raises:
        ValueError: the codes are no base64 of 16-bit numbers, or what they count is beyond float64.
    """
    try:
        data = base64.b64decode(one.codes, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"no base64 ({error})") from error
    if not data or len(data) % 2:
        raise ValueError(f"{len(data)} bytes, expected two a draw")
    if not (_GRIDS[0] <= one.grid <= _GRIDS[1] and abs(one.first) <= 2**_DIGITS):
        raise ValueError(f"grid {one.grid} and first {one.first} are out of range")
    codes = np.frombuffer(data, "<u2").astype(np.float64)
    found: Draws = np.where(codes == _NOTHING, np.nan, np.ldexp(codes + one.first, one.grid))
    return found


def snapped(draws: Draws, grid: int) -> Draws:
    """Draws on the multiples of 2^grid.

    Args:
        draws: float64 (B,).
        grid: as in `Packed`.
    """
    return np.ldexp(np.rint(np.ldexp(draws, -grid)), grid)


def _grid(values: Draws) -> int:
    if not values.size:
        return 0
    low, high = float(values.min()), float(values.max())
    finest = math.frexp(max(abs(low), abs(high)))[1] - _DIGITS
    if high == low:
        return finest
    grid = max(math.frexp((high - low) / _MOST_STEPS)[1] - 1, finest)
    while np.ptp(_steps(np.array([low, high]), grid)) > _MOST_STEPS:
        grid += 1
    return grid


def _steps(values: Draws, grid: int) -> Draws:
    return np.rint(np.ldexp(values, -grid))
