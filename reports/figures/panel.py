"""One panel of a forest plot: the dots of one figure, and the axis that shows them all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dot:
    """One rate.

    Attributes:
        row: its place among the rows, from the top.
        label: whose.
        value: what was observed.
        low: lower end of its 95 % interval.
        high: its upper end.
        weak: whether few errors stand behind it.
    """

    row: int
    label: str
    value: float
    low: float
    high: float
    weak: bool


@dataclass(frozen=True)
class Panel:
    """The dots of one figure.

    Attributes:
        figure: its name.
        title: what the panel is called.
        dots: in any order.
    """

    figure: str
    title: str
    dots: tuple[Dot, ...]

    @property
    def ratio(self) -> bool:
        """Whether it shows ratios, on a logarithmic axis with 1 in the middle."""
        return self.figure == "false_match_rate_differential"

    @property
    def neutral(self) -> float | None:
        """The value that says that there is no difference, or None where there is none."""
        if self.ratio:
            return 1.0
        return 0.0 if self.figure.endswith("_differential") or self.figure.startswith("excess_") else None

    @property
    def logarithmic(self) -> bool:
        """Whether its axis is: ratios, and rates whose bars reach more than twenty times as high as the smallest."""
        known = [dot.value for dot in self.dots if dot.value > 0]
        reach = max(dot.high for dot in self.dots)
        return self.ratio or (self.neutral is None and bool(known) and reach > 20 * min(known))

    @property
    def ends(self) -> tuple[float, float]:
        """Where its axis begins and ends, in the units of the axis: per cent, or a factor."""
        values = [number * self._scale for dot in self.dots for number in (dot.low, dot.value, dot.high)]
        if self.ratio:
            reach = min(1.1 * max([1.5, *values, *(1 / max(value, 1e-3) for value in values)]), 1000)
            return 1 / reach, reach
        if self.logarithmic:
            return 0.8 * self._floor, min(1.2 * max(values), 110)
        room = 0.04 * (max(values) - min([0.0, *values]) or 1.0)
        return min([0.0, *values]) - (room if self.neutral is not None else 0.0), max(values) + room

    def placed(self, value: float) -> float:
        """Where a value stands on the axis; on a logarithmic one 0 stands near its left end."""
        if self.ratio:
            return max(value, self.ends[0])
        return max(value * self._scale, self._floor) if self.logarithmic else value * self._scale

    @property
    def _floor(self) -> float:
        """Where a logarithmic axis puts a rate of 0: at half of the smallest other one."""
        return 0.5 * min(dot.value for dot in self.dots if dot.value > 0) * self._scale

    @property
    def _scale(self) -> float:
        return 1.0 if self.ratio else 100.0
