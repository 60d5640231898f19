"""How parameters are drawn at random."""

from __future__ import annotations

import numpy as np

from bench.datasets.drawn.person import Colour


class Draw:
    """Draws parameters with six decimals, so that they read and digest the same everywhere.

    Args:
        rng: where they are drawn from.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def exact(self, value: float) -> float:
        """A number with six decimals."""
        return round(value, 6)

    def between(self, low: float, high: float) -> float:
        """Evenly between two numbers."""
        return self.exact(low + (high - low) * self._rng.random())

    def around(self, middle: float, spread: float) -> float:
        """Within 1.8 spreads of the middle, denser near it (two uniform draws)."""
        return self.exact(middle + 1.8 * spread * (self._rng.random() + self._rng.random() - 1.0))

    def chance(self, probability: float) -> bool:
        """Whether something of a probability happens."""
        return bool(self._rng.random() < probability)

    def either(self, first: float, second: float, probability: float) -> float:
        """One of two numbers."""
        return first if self.chance(probability) else second

    def weighted(self, odds: dict[str, float]) -> str:
        """A name by its weight among others."""
        at = self._rng.random() * sum(odds.values())
        for name, weight in odds.items():
            at -= weight
            if at < 0:
                return name
        return next(iter(odds))

    def whole(self, below: int) -> int:
        """A whole number from 0 to below a limit."""
        return int(self._rng.integers(below))

    def near(self, colour: Colour, spread: float) -> Colour:
        """A little lighter or darker, a little warmer or colder; never green."""
        bright, warm = 1.0 + self.around(0.0, spread), self.around(0.0, 0.3 * spread)
        r, g, b = (
            min(255, round(part * bright * f)) for part, f in zip(colour, (1 + warm, 1.0, 1 - warm), strict=True)
        )
        return r, g, b
