"""Tables of the page. A cell says what kind of thing it holds, and a figure cannot stand there without its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from reports.figures.style import Look

Kind = Literal["figure", "count", "setting", "words"]
"""What a cell holds: something estimated from a sample of people; something counted; something that was asked for or
given, such as a requested rate; or no number of ours at all."""

_FEWEST_TO_SORT = 3

Tag = Literal["", "weak", "insufficient", "no interval", "few people", "failed"]


@dataclass(frozen=True)
class Column:
    """The head of a column.

    Attributes:
        label: what stands there.
        hint: what hovering over it says.
        arrow: ``"↑"`` where higher is better, ``"↓"`` where lower is.
        note: a second, smaller line.
        number: whether the column holds numbers.
    """

    label: str
    hint: str = ""
    arrow: str = ""
    note: str = ""
    number: bool = True


@dataclass(frozen=True)
class TableCell:
    """One value of a table. `reports.records.figure_cell` makes those that hold figures.

    Attributes:
        text: the value.
        kind: what it is; a ``"figure"`` needs an interval.
        interval: its 95 % interval, such as ``"98.1 – 99.4 %"``; for a run from before intervals, a word that says so.
        notes: smaller lines below it: words and counts, never another figure.
        tag: how well the data support it, where that must be said.
        best: whether it is the best of its column.
        hint: what hovering over it says.
        number: whether it stands to the right, as numbers do.
        span: over how many columns it reaches.

    Raises:
        ValueError: a figure without an interval.
    """

    text: str
    kind: Kind = field(kw_only=True)
    interval: str = ""
    notes: tuple[str, ...] = ()
    tag: Tag = ""
    best: bool = False
    hint: str = ""
    number: bool = True
    span: int = 1

    def __post_init__(self) -> None:
        if self.kind == "figure" and self.text and not self.interval:
            raise ValueError(f"the figure {self.text!r} has no interval; nothing but counts may stand without one")


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        label: whose it is.
        cells: its values.
        look: the look of the series, if it is one.
        note: a smaller line below the label.
        above: a heading over this row and those that follow it, where a new part of the table begins.
        tag: what must be said about all of its values.
        fixed: whether it keeps its place at the top when a reader sorts the others.
    """

    label: str
    cells: Sequence[TableCell]
    look: Look | None = None
    note: str = ""
    above: str = ""
    tag: Tag = ""
    fixed: bool = False


@dataclass(frozen=True)
class HtmlTable:
    """A table, ready to print; `caption` is read to those who do not see it."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    style: str = ""

    @property
    def sortable(self) -> bool:
        """Whether a part of it has so many rows that the page lets a reader sort them."""
        rows = 0
        most = 0
        for row in self.rows:
            rows = (0 if row.above else rows) + (not row.fixed)
            most = max(most, rows)
        return self.style == "results" and most >= _FEWEST_TO_SORT
