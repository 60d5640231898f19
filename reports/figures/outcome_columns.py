"""Whom made faces match, along a number that a sweep varies: a small panel of columns for every other setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from reports import numbers
from reports.figures.outcome_bars import ON_COLOR, Bar, Share
from reports.figures.rows import short
from reports.figures.small_multiples import Grid, below, legend_above, name_panel, note_name, shares_axis
from reports.figures.style import MUTED, OUTCOME_COLORS, OUTCOME_LINES, LineKey, hover_text, literal, row_lines
from reports.makers import MEANINGS

_WIDTH, _LEFT = 0.56, -0.1
"""Of the room between two columns, how much a column takes, and how far its middle lies beside the tick."""
_LETTERS = 60
"""So many fit beside each other below a panel."""
_BESIDE = (("both", 0.27, "circle", "o", 0), ("second person", 0.4, "square", "s", 1))
"""What stands beside a column, where, its marker for plotly and matplotlib, and the outcome whose colour it has."""
BESIDE_KEYS = tuple(
    LineKey(f"{name}, 95\u202f% interval", f"var(--outcome-line-{color})", symbol)
    for name, _, symbol, _, color in _BESIDE
)
"""What the marks beside a column are, and how they look on the page."""


@dataclass(frozen=True)
class Column:
    """One column of a panel.

    Attributes:
        tick: what stands below it, such as ``"0.5"``.
        bar: its maker, and the outcomes' shares.
        second: how often the second person matches, whatever the first does; None where that is not known.
    """

    tick: str
    bar: Bar
    second: Share | None


@dataclass(frozen=True)
class Panel:
    """The columns that belong together.

    Attributes:
        name: what they have in common.
        axis: what the ticks are numbers of; empty for names.
        columns: from the left; the first is the clean photo.
        made: how many faces of how many were made, in words.
    """

    name: str
    axis: str
    columns: tuple[Column, ...]
    made: str = ""

    @property
    def below(self) -> str:
        """What stands below its ticks."""
        return below(self.axis, self.made)


def draw(panels: Sequence[Panel], title: str) -> Figure:
    """The picture for paper.

    Args:
        panels: in the order in which they stand.
        title: what stands above all.
    """
    grid = Grid(len(panels))
    figure, every = grid.on_paper()
    most = max(len(panel.columns) for panel in panels)
    for axes, panel in zip(every, panels, strict=True):
        _panel(axes, panel, most)
    handles: list[Any] = [
        Patch(facecolor=color, edgecolor=MUTED, linewidth=0.5, hatch="////" if meaning == MEANINGS[-1] else None)
        for color, meaning in zip(OUTCOME_COLORS, MEANINGS, strict=True)
    ]
    handles += [
        Line2D([], [], color=OUTCOME_LINES[color], marker=marker, markersize=4, linewidth=1.2)
        for _, _, _, marker, color in _BESIDE
    ]
    names = [*MEANINGS, *(f"{name}, 95 % interval" for name, *_ in _BESIDE)]
    legend_above(figure, title, handles, names)
    return figure


def _panel(axes: Axes, panel: Panel, most: int) -> None:
    name_panel(axes, panel.name)
    starts = np.zeros(len(panel.columns))
    where = np.arange(len(panel.columns)) + _LEFT
    for place, fill in enumerate(OUTCOME_COLORS):
        heights = np.array([100 * column.bar.shares[place].value for column in panel.columns])
        hatch = "////" if place == len(OUTCOME_COLORS) - 1 else None
        edge = MUTED if hatch else "white"
        axes.bar(where, heights, _WIDTH, starts, color=fill, edgecolor=edge, linewidth=0.5, hatch=hatch)
        for x, height, start in zip(where, heights, starts, strict=True):
            if height >= 9 and not hatch:
                text = f"{height:.0f}"
                axes.text(x, start + height / 2, text, ha="center", va="center", fontsize=6.5, color=ON_COLOR[place])
        starts = starts + heights
    for which, (_, offset, _, marker, color) in enumerate(_BESIDE):
        shares = [(x + offset, _beside(column)[which]) for x, column in enumerate(panel.columns)]
        _whiskers(axes, [(x, share) for x, share in shares if share is not None], OUTCOME_LINES[color], marker)
    axes.axvline(0.5, color=MUTED, linewidth=0.7, linestyle=(0, (1.5, 2)))
    axes.set_xlim(-0.5, most - 0.5)
    axes.set_ylim(0, 101.5)
    axes.set_yticks((0, 25, 50, 75, 100), [f"{tick} %" for tick in (0, 25, 50, 75, 100)])
    axes.set_xticks(
        range(len(panel.columns)), [_tick(column, "\n", literal, most) for column in panel.columns], fontsize=7.5
    )
    axes.grid(axis="x", visible=False)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    if panel.below:
        axes.set_xlabel(literal(panel.below, 44), fontsize=8, labelpad=2)


def _whiskers(axes: Axes, shares: Sequence[tuple[float, Share]], color: str, marker: str) -> None:
    known = [(x, *share.ends) for x, share in shares if share.ends is not None]
    if known:
        x, low, high = np.array(known).T
        axes.vlines(x, 100 * low, 100 * high, color=color, linewidth=1.1)
    for weak in (False, True):
        some = [(x, 100 * share.value) for x, share in shares if share.weak == weak]
        axes.plot(
            [x for x, _ in some], [y for _, y in some], marker, color=color, markersize=2.8, markeredgewidth=0.9,
            clip_on=False, markerfacecolor="white" if weak else color,
        )  # fmt: skip


def _beside(column: Column) -> tuple[Share | None, Share | None]:
    return column.bar.shares[0], column.second


def _tick(column: Column, between: str, fit: Any, most: int) -> str:
    """A tick as it stands, where a panel has room for so many: a number as it is, a name on short lines."""
    letters = max(6, min(11, _LETTERS // most))
    return between.join(fit(line) for line in row_lines(column.tick, letters, most=3 if letters > 8 else 4))


def chart(panels: Sequence[Panel], name: str) -> dict[str, Any]:
    """The picture for the page.

    Args:
        panels: in the order in which they stand.
        name: of the variant.
    """
    grid = Grid(len(panels))
    layout = grid.layout(
        barmode="stack", bargap=0, uniformtext={"mode": "hide", "minsize": 9},
    )  # fmt: skip
    most = max(len(panel.columns) for panel in panels)
    traces: list[dict[str, Any]] = []
    for at, panel in enumerate(panels):
        axis = {
            "tickvals": list(range(len(panel.columns))), "range": [-0.5, most - 0.5], "ticks": "", "tickangle": 0,
            "ticktext": [_tick(column, "<br>", hover_text, most) for column in panel.columns],
        }  # fmt: skip
        number = grid.place(layout, at, axis, shares_axis())
        if panel.below:
            layout[f"xaxis{number}"]["title"] = {"text": hover_text(panel.below), "standoff": 3, "font": {"size": 11.5}}
        layout["annotations"].append(note_name(panel.name, number))
        layout["shapes"].append(_divide(number))
        traces += _stack(panel, number) + _marks(panel, number)
    return {"variants": [{"name": name, "data": traces, "layout": layout}]}


def _divide(number: str) -> dict[str, Any]:
    """The hair between the clean photo and the makers."""
    return {
        "type": "line", "xref": f"x{number}", "yref": f"y{number} domain", "x0": 0.5, "x1": 0.5, "y0": 0, "y1": 1,
        "line": {"color": "var(--axis)", "width": 1, "dash": "dot"},
    }  # fmt: skip


def _stack(panel: Panel, number: str) -> list[dict[str, Any]]:
    traces = []
    for place, meaning in enumerate(MEANINGS):
        shares = [column.bar.shares[place] for column in panel.columns]
        last = place == len(MEANINGS) - 1
        marker: dict[str, Any] = {
            "color": f"var(--outcome-{place})",
            "line": {"width": 0.6, "color": "var(--axis)" if last else "var(--paper)"},
        }
        if last:
            marker["pattern"] = {
                "shape": "/", "fgcolor": "var(--axis)", "bgcolor": "var(--paper)", "size": 6, "solidity": 0.25,
            }  # fmt: skip
        traces.append(
            {
                "type": "bar",
                "name": meaning,
                "legendgroup": meaning,
                "xaxis": f"x{number}",
                "yaxis": f"y{number}",
                "x": [round(x + _LEFT, 2) for x in range(len(shares))],
                "y": [short(share.value * 100) for share in shares],
                "width": _WIDTH,
                "marker": marker,
                "text": [f"{share.value * 100:.0f}" if share.value >= 0.09 and not last else "" for share in shares],
                "textposition": "inside",
                "insidetextanchor": "middle",
                "textangle": 0,
                "insidetextfont": {"color": ON_COLOR[place], "size": 10},
                "customdata": [
                    [hover_text(column.bar.name), share.said, f"<br>{column.bar.made}" if column.bar.made else ""]
                    for column, share in zip(panel.columns, shares, strict=True)
                ],
                "hovertemplate": f"<b>%{{customdata[0]}}</b><br>{meaning}: %{{customdata[1]}}%{{customdata[2]}}"
                "<extra></extra>",
            }
        )
    return traces


def _marks(panel: Panel, number: str) -> list[dict[str, Any]]:
    traces = []
    for which, (name, offset, symbol, _, place) in enumerate(_BESIDE):
        known = [
            (x, column, share)
            for x, column in enumerate(panel.columns)
            if (share := _beside(column)[which]) is not None
        ]
        ends = [share.ends or (share.value, share.value) for _, _, share in known]
        color = f"var(--outcome-line-{place})"
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "xaxis": f"x{number}",
                "yaxis": f"y{number}",
                "x": [round(x + offset, 2) for x, _, _ in known],
                "y": [short(share.value * 100) for _, _, share in known],
                "error_y": error_bars([share.value for _, _, share in known], ends, color),
                "cliponaxis": False,
                "marker": {
                    "symbol": [f"{symbol}{'-open' if share.weak else ''}" for _, _, share in known],
                    "size": 5, "color": color, "line": {"width": 1.2, "color": color},
                },
                "customdata": [[hover_text(column.bar.name), share.said] for _, column, share in known],
                "hovertemplate": f"<b>%{{customdata[0]}}</b><br>{name}: %{{customdata[1]}}<extra></extra>",
            }
        )  # fmt: skip
    return traces


def error_bars(values: Sequence[float], ends: Sequence[tuple[float, float]], color: str) -> dict[str, Any]:
    """Plotly's upright bars around shares that are drawn in percent.

    Args:
        values: the shares.
        ends: the interval of each.
        color: of the bars.
    """
    pairs = list(zip(values, ends, strict=True))
    return {
        "type": "data", "symmetric": False, "color": color, "thickness": 1.2, "width": 0,
        "array": [short(max(100 * (high - value), 0.0)) for value, (_, high) in pairs],
        "arrayminus": [short(max(100 * (value - low), 0.0)) for value, (low, _) in pairs],
    }  # fmt: skip


def alt_of(panels: Sequence[Panel]) -> str:
    """What the columns show, for those who do not see them."""
    parts = []
    for panel in panels:
        said = ", ".join(
            f"{panel.axis} {column.tick}: {numbers.percent(column.bar.shares[0].value, 0)}".strip()
            for column in panel.columns[1:]
        )
        parts.append(f"{panel.name}, match both at {said}")
    return "; ".join(parts)
