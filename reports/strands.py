"""Makers along a number that a sweep varies: one strand for each combination of its other settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.provenance import canonical_json
from reports.makers import Made
from reports.naming import in_words
from reports.series import FailedCell

PREFERRED = "strength"
"""Of several numbers that a sweep varies the one along which curves are drawn, if there is one of that name."""
_STYLES = ("regions", "styles")
"""Settings whose words are parts of a face; without any of them an identity is all that is put in."""


@dataclass(frozen=True)
class Strand:
    """The settings of one maker that differ in one number only.

    Attributes:
        base: the maker without its settings.
        name: what the settings have in common, in words; the maker where that is nothing.
        axis: what the number is called, in words; empty where there is none.
        values: the numbers, ascending.
        makers: the label of each.
        grid: every number that the sweep asked of this maker, ascending: those of cells that failed, too.
    """

    base: str
    name: str
    axis: str
    values: tuple[float, ...]
    makers: tuple[str, ...]
    grid: tuple[float, ...]


@dataclass(frozen=True)
class Strands:
    """The makers of a group, arranged.

    Attributes:
        found: one after the other, in the order of the sweep, a maker's own together.
        others: labels of makers along which no number varies.
    """

    found: tuple[Strand, ...]
    others: tuple[str, ...]

    def of(self, base: str) -> tuple[Strand, ...]:
        """Those of one maker."""
        return tuple(one for one in self.found if one.base == base)

    @property
    def bases(self) -> tuple[str, ...]:
        """The makers that have strands."""
        return tuple(dict.fromkeys(one.base for one in self.found))

    @property
    def many(self) -> bool:
        """Whether a maker has several, so that they are drawn beside each other."""
        return any(len(self.of(base)) > 1 for base in self.bases)

    def place(self, maker: str) -> tuple[Strand, float] | None:
        """In which strand a maker is and at which number; None for one of the others."""
        for one in self.found:
            if maker in one.makers:
                return one, one.values[one.makers.index(maker)]
        return None


def base_of(one: Made | FailedCell) -> str:
    """A maker's label without the settings that vary."""
    label = one.maker
    for name in sorted(one.axes, reverse=True):
        label = label.removesuffix(f", {_said(name, one.axes[name])}")
    return label


def strands_of(made: Sequence[Made], failed: Sequence[FailedCell] = ()) -> Strands:
    """The makers of some cells, arranged.

    A setting that is a number in some cells and something else in others, such as ``[null, 0.5, 1]``, is an axis of the
    former; the latter are makers without a number.

    Args:
        made: of any recognizers, in the order of the sweep.
        failed: cells of which nothing is known but their settings.
    """
    of_base: dict[str, dict[str, Made]] = {}
    for one in made:
        of_base.setdefault(base_of(one), {}).setdefault(one.maker, one)
    found: list[Strand] = []
    others: list[str] = []
    for base, members in of_base.items():
        axis = _axis([one for one in members.values()])
        if axis is None:
            others += members
            continue
        placed = [one for one in members.values() if _number(one.axes.get(axis)) is not None]
        others += [label for label, one in members.items() if one not in placed]
        asked: list[Made | FailedCell] = [*placed, *(one for one in failed if one.axes and base_of(one) == base)]
        grid = {number for one in asked if (number := _number(one.axes.get(axis))) is not None}
        found += _of_base(base, axis, placed, tuple(sorted(grid)))
    return Strands(tuple(found), tuple(others))


def _axis(members: Sequence[Made]) -> str | None:
    """The number along which a maker's settings are arranged: the preferred one, else that with the most values."""
    values: dict[str, set[float]] = {}
    for one in members:
        for name, value in one.axes.items():
            if (number := _number(value)) is not None:
                values.setdefault(name, set()).add(number)
    known = {name: len(each) for name, each in values.items() if len(each) > 1}
    if PREFERRED in known:
        return PREFERRED
    return min(known, key=lambda name: (-known[name], name)) if known else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _of_base(base: str, axis: str, members: Sequence[Made], grid: tuple[float, ...]) -> list[Strand]:
    varying = [
        name
        for name in sorted({name for one in members for name in one.axes} - {axis})
        if len({canonical_json(one.axes.get(name)) for one in members}) > 1
    ]
    same: dict[str, list[Made]] = {}
    for one in members:
        same.setdefault(canonical_json([one.axes.get(name) for name in varying]), []).append(one)
    strands = []
    for alike in same.values():
        ordered = sorted(alike, key=lambda one: float(str(one.axes[axis])))
        strands.append(
            Strand(
                base=base,
                name=_name(varying, alike[0]) or base,
                axis=axis.replace("_", " "),
                values=tuple(float(str(one.axes[axis])) for one in ordered),
                makers=tuple(one.maker for one in ordered),
                grid=grid,
            )
        )
    return strands


def _name(varying: Sequence[str], one: Made) -> str:
    """What the settings of a strand have in common, in words: a list of words by itself, anything else by its name."""
    there = [name for name in varying if name in one.axes]
    alone = len(there) == 1
    said = []
    for name in there:
        value = one.axes[name]
        if not isinstance(value, list | tuple | Mapping):
            said.append(_said(name, value))
        elif not value:
            token = name in _STYLES and "maker_identity" in one.series.spec
            said.append("identity token only, no " + name if token else f"no {name.replace('_', ' ')}")
        else:
            said.append(in_words(value) if alone else _said(name, value))
    return ", ".join(said)


def _said(name: str, value: Any) -> str:
    return f"{name.replace('_', ' ')} {in_words(value)}"
