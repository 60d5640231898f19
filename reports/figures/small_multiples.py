"""Where the panels of a chart stand: beside and below each other, on axes of one range, with a name above each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import numbers
from reports.figures.style import chart_layout, hover_text, literal, row_lines

_Mark = TypeVar("_Mark")
_MOST = 4
"""Panels beside each other, on a wide page and on paper."""
_HEAD, _PANEL, _FOOT = 40, 196, 44
"""Pixels of the page above the first row of panels, of a row, and below the last."""
_NARROW = 2
"""Panels beside each other on a phone."""


def part(place: int, number: int, gap: float) -> list[float]:
    """Where one of several panels begins and ends, in shares of the picture.

    Args:
        place: which, from 0.
        number: of how many.
        gap: between two, as a share of what all of them take with their gaps.
    """
    each = (1 - gap * (number - 1) / number) / number
    start = place * (each + gap / number)
    return [round(start, 4), round(min(start + each, 1.0), 4)]


@dataclass(frozen=True)
class Grid:
    """How many panels stand beside and below each other.

    Attributes:
        number: of panels.
    """

    number: int

    @property
    def across(self) -> int:
        """Beside each other, on a wide page and on paper."""
        return -(-self.number // -(-self.number // _MOST)) if self.number <= 2 * _MOST else _MOST

    @property
    def rows(self) -> int:
        """Below each other there."""
        return -(-self.number // self.across)

    # ------------------------------------------------------------------------------------------------------ for paper

    def on_paper(self) -> tuple[Figure, list[Axes]]:
        """A figure with that many axes of one vertical range; those of the last row that are left over are hidden."""
        size = (max(2.35 * self.across, 3.4) + 0.5, 0.6 + 1.95 * self.rows)
        figure = Figure(figsize=size)
        axes = list(np.ravel(figure.subplots(self.rows, self.across, sharey=True, squeeze=False)))
        for each in axes[self.number :]:
            each.set_visible(False)
        figure.subplots_adjust(
            wspace=0.1, hspace=0.62, left=0.5 / size[0], right=1, bottom=0, top=1 - 0.1 / size[1]
        )  # fmt: skip
        return figure, axes[: self.number]

    # --------------------------------------------------------------------------------------------------- for the page

    def layout(self, **more: Any) -> dict[str, Any]:
        """The layout without its axes, with the room that each panel takes on a wide and on a narrow page."""
        layout = chart_layout({}, {}, height=_HEAD + _PANEL * self.rows + _FOOT, **more)
        del layout["xaxis"], layout["yaxis"]
        layout["margin"] = {"l": 46, "r": 8, "t": _HEAD, "b": _FOOT}
        layout["annotations"], layout["shapes"] = [], []
        rows = -(-self.number // _NARROW)
        layout["meta"] = {"narrow": {"height": _HEAD + _PANEL * rows + _FOOT}}
        return layout

    def place(self, layout: dict[str, Any], place: int, x: dict[str, Any], y: dict[str, Any]) -> str:
        """Adds the axes of a panel to a layout.

        Args:
            layout: as `layout` gave it.
            place: which panel.
            x: what differs on its horizontal axis.
            y: what differs on its vertical axis; only the first panel of a row shows the labels.

        Returns:
            What plotly calls its axes behind ``x`` and ``y``: empty, ``"2"``, and so on.
        """
        number = "" if place == 0 else str(place + 1)
        base = chart_layout(x, y, 0)
        layout[f"xaxis{number}"] = {
            **base["xaxis"], "domain": part(place % self.across, self.across, 0.08), "anchor": f"y{number}",
            "automargin": False, "fixedrange": True, "showgrid": False,
        }  # fmt: skip
        layout[f"yaxis{number}"] = {
            **base["yaxis"], "domain": part(self.rows - 1 - place // self.across, self.rows, 0.42),
            "anchor": f"x{number}", "automargin": False, "fixedrange": True,
            "showticklabels": place % self.across == 0,
        }  # fmt: skip
        rows = -(-self.number // _NARROW)
        layout["meta"]["narrow"] |= {
            f"xaxis{number}": {"domain": part(place % _NARROW, _NARROW, 0.08)},
            f"yaxis{number}": {
                "domain": part(rows - 1 - place // _NARROW, rows, 0.42), "showticklabels": place % _NARROW == 0,
            },
        }  # fmt: skip
        return number


def name_panel(axes: Axes, name: str) -> None:
    """Writes a panel's name above it, on paper, on two lines at most."""
    lines = wrapped(name, 32)
    axes.set_title("\n".join(map(literal, lines)), fontsize=8.5, pad=4, linespacing=1.05)


def legend_above(figure: Figure, title: str, handles: Sequence[Any], names: Sequence[str], left: float = 0.5) -> None:
    """Writes a title and one legend above all panels of a figure for paper.

    Args:
        figure: with its panels.
        title: what stands on top.
        handles: of the legend.
        names: what each handle is.
        left: where they begin, in inches from the left.
    """
    width, height = figure.get_size_inches()
    columns = min(len(names), max(1, int((width - left) / 1.3)))
    rows = -(-len(names) // columns)
    start, top = left / width, 1 + 0.22 / height
    figure.legend(
        handles, names, ncols=columns, loc="lower left", bbox_to_anchor=(start, top), borderaxespad=0, borderpad=0,
        columnspacing=1.4, handlelength=1.5, labelspacing=0.35, fontsize=8,
    )  # fmt: skip
    longest = max(30, int((width - left) / 0.085))
    up = top + (0.19 * rows + 0.12) / height
    figure.text(start, up, literal(title, longest), fontsize=11, weight="bold")


def note_name(name: str, number: str) -> dict[str, Any]:
    """A panel's name above it, as plotly's annotation.

    Args:
        name: of the panel.
        number: as `Grid.place` gave it.
    """
    wide, narrow = ("<br>".join(map(hover_text, wrapped(name, room))) for room in (30, 22))
    return {
        "xref": f"x{number} domain", "yref": f"y{number} domain", "x": 0, "y": 1, "xanchor": "left",
        "yanchor": "bottom", "yshift": 4, "showarrow": False, "align": "left", "text": f"<b>{wide}</b>",
        "name": f"<b>{narrow}</b>", "font": {"size": 12, "color": "var(--ink)"},
    }  # fmt: skip


def below(axis: str, made: str) -> str:
    """What stands below the ticks of a panel: what they are, and how many faces were made.

    Args:
        axis: what the ticks are numbers of; empty for names.
        made: in words, such as ``"made 38 of 40"``.
    """
    return "; ".join(part for part in (axis, made) if part)


def wrapped(name: str, longest: int) -> Sequence[str]:
    """A name on two lines at most, each of so many letters."""
    if len(name) <= longest:
        return [name]
    first, *rest = row_lines(f", {name}", longest, most=3)
    return rest or [first]


def unbroken(values: Sequence[float], marks: Sequence[_Mark | None]) -> list[list[tuple[float, _Mark]]]:
    """The marks of a line with their numbers, parted where one is missing."""
    found: list[list[tuple[float, _Mark]]] = [[]]
    for value, mark in zip(values, marks, strict=True):
        if mark is not None:
            found[-1].append((value, mark))
        elif found[-1]:
            found.append([])
    return [piece for piece in found if piece]


def shares_axis() -> dict[str, Any]:
    """A vertical axis of plotly that shows shares, the same in every panel."""
    ticks = (0, 25, 50, 75, 100)
    return {
        "range": [0, 101.5], "tickvals": list(ticks), "ticks": "", "showline": False,
        "ticktext": [f"{tick}{numbers.THIN}%" for tick in ticks],
    }  # fmt: skip
