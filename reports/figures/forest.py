"""Rates of groups side by side: a dot and its interval for every group and recognizer, one panel a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports import numbers
from reports.figures.panel import Dot, Panel
from reports.figures.rows import row_axis, short
from reports.figures.style import GRID, MUTED, Look, chart_layout, hover_text, legend, literal, shorten
from reports.records import printed

Looks = Sequence[tuple[str, Look]]
_SPREAD = 0.72
"""Of the room between two rows, how much the recognizers of one row take."""


def draw(panels: Sequence[Panel], rows: Sequence[str], looks: Looks, title: str) -> Figure:
    """The plot for paper.

    Args:
        panels: what to draw, next to each other.
        rows: the names of the rows, from the top.
        looks: the series, in the order in which they stand within a row.
        title: what stands above it.
    """
    height = 1.5 + max(len(rows) * (0.16 * len(looks) + 0.16), 1.0)
    figure = Figure(figsize=(0.6 + 2.0 * len(panels), height))
    axes: list[Axes] = list(np.atleast_1d(figure.subplots(1, len(panels), sharey=True, gridspec_kw={"wspace": 0.12})))
    place = _placing(looks)
    for panel, each in zip(panels, axes, strict=True):
        if panel.neutral is not None:
            each.axvline(
                panel.neutral * (1 if panel.ratio else 100), color=MUTED, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1
            )
        for label, look in looks:
            _draw_dots(each, panel, [dot for dot in panel.dots if dot.label == label], look, place)
        _scale(each, panel)
        for row in range(len(rows) - 1):
            each.axhline(row + 0.5, color=GRID, linewidth=0.7, zorder=0)
        each.grid(axis="y", visible=False)
        each.set_xlabel(panel.title + ("" if panel.ratio else " (%)"), fontsize=9)
        each.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(rows)), [literal(row, 34) for row in rows])
    axes[0].set_ylim(len(rows) - 0.5, -0.5)
    axes[0].set_title(literal(title, 80))
    legend(axes[0], looks, room=20 + 26 * (len(panels) - 1))
    return figure


def _draw_dots(axes: Axes, panel: Panel, dots: Sequence[Dot], look: Look, place: Callable[[Dot], float]) -> None:
    low, high = (
        [panel.placed(end) for end in ends] for ends in ([dot.low for dot in dots], [dot.high for dot in dots])
    )
    axes.hlines([place(dot) for dot in dots], low, high, color=look.color, linewidth=1.3, zorder=2)
    for weak in (False, True):
        some = [dot for dot in dots if dot.weak == weak]
        axes.plot(
            [panel.placed(dot.value) for dot in some], [place(dot) for dot in some], look.marker, color=look.color,
            markersize=4.6, markeredgewidth=1.2, markerfacecolor="white" if weak else look.color, clip_on=False,
            zorder=3,
        )  # fmt: skip


def _scale(axes: Axes, panel: Panel) -> None:
    low, high = panel.ends
    axes.set_xlim(low, high)
    if panel.logarithmic:
        axes.set_xscale("log")
        ticks = _ticks(low, high)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        return
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "\u2212")))


def _ticks(low: float, high: float) -> list[float]:
    """The values to print along a logarithmic axis: tens, and where those are fewer than three also 2 and 5 times."""
    tens = [10.0**power for power in range(-6, 7)]
    steps = (1,) if sum(low <= ten <= high for ten in tens) > 2 else (1, 2, 5)
    return [ten * step for ten in tens for step in steps if low <= ten * step <= high]


def chart(panels: Sequence[Panel], rows: Sequence[str], looks: Looks) -> dict[str, Any]:
    """The plot for the page, with one variant a panel; arguments as `draw`."""
    place = _placing(looks)
    variants = []
    for panel in panels:
        traces = [_trace(panel, label, look, rows, place) for label, look in looks]
        axis: dict[str, Any] = {"title": panel.title, "zeroline": False}
        suffix = "" if panel.ratio else f"{numbers.THIN}{'%' if panel.neutral is None else 'pp'}"
        if panel.logarithmic:
            ticks = _ticks(*panel.ends)
            axis |= {"type": "log", "range": [float(np.log10(end)) for end in panel.ends], "tickvals": ticks,
                     "ticktext": [f"{tick:g}{suffix}" for tick in ticks]}  # fmt: skip
        else:
            axis |= {"range": list(panel.ends), "ticksuffix": suffix}
        layout = chart_layout(
            axis,
            row_axis([hover_text(shorten(row, 34)) for row in rows]),
            height=150 + len(rows) * (17 * len(looks) + 16),
            shapes=_lines(panel, len(rows)),
        )
        variants.append({"name": panel.title, "data": [trace for trace in traces if trace["x"]], "layout": layout})
    return {"variants": variants}


def _trace(panel: Panel, label: str, look: Look, rows: Sequence[str], place: Callable[[Dot], float]) -> dict[str, Any]:
    dots = [dot for dot in panel.dots if dot.label == label]
    name = hover_text(label)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "legendgroup": label,
        "x": [short(panel.placed(dot.value)) for dot in dots],
        "y": [place(dot) for dot in dots],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [short(max(panel.placed(dot.high) - panel.placed(dot.value), 0.0)) for dot in dots],
            "arrayminus": [short(max(panel.placed(dot.value) - panel.placed(dot.low), 0.0)) for dot in dots],
            "color": look.variable,
            "thickness": 1.6,
            "width": 3,
        },
        "customdata": [
            [
                hover_text(rows[dot.row]),
                printed(panel.figure, dot.value),
                numbers.between(printed(panel.figure, dot.low), printed(panel.figure, dot.high)),
            ]
            for dot in dots
        ],
        "cliponaxis": False,
        "marker": {
            "symbol": [f"{look.symbol}{'-open' if dot.weak else ''}" for dot in dots],
            "size": 9,
            "color": look.variable,
            "line": {"width": 2, "color": look.variable},
        },
        "hovertemplate": f"<b>{name}</b><br>%{{customdata[0]}}<br>{hover_text(panel.title)} <b>%{{customdata[1]}}</b>"
        "<br>%{customdata[2]}<extra></extra>",
    }


def _lines(panel: Panel, rows: int) -> list[dict[str, Any]]:
    """Hairs between rows, and the line of no difference."""
    lines = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": row + 0.5, "y1": row + 0.5, "layer": "below",
         "line": {"color": "var(--grid)", "width": 1}}
        for row in range(rows - 1)
    ]  # fmt: skip
    if panel.neutral is not None:
        at = panel.neutral
        lines.append(
            {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": at, "x1": at, "layer": "below",
             "line": {"color": "var(--axis)", "width": 1.4, "dash": "dot"}}
        )  # fmt: skip
    return lines


def _placing(looks: Looks) -> Callable[[Dot], float]:
    """Where a dot stands: at its row, the recognizers one below the other."""
    order = {label: place for place, (label, _) in enumerate(looks)}
    number = len(looks)

    def place(dot: Dot) -> float:
        return round(dot.row + _SPREAD * ((order[dot.label] + 0.5) / number - 0.5), 4)

    return place
