"""How alike real people, made faces, and both are to each other: three outlines of scores, a panel for every maker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from reports import numbers
from reports.figures.rows import short
from reports.figures.small_multiples import Grid, legend_above, name_panel, note_name
from reports.figures.style import INK, MUTED, OUTCOME_LINES, hover_text, literal

KINDS: Mapping[str, tuple[str, str, str, Any, str]] = {
    "real real": ("real \u2013 real", MUTED, "var(--muted)", (0, (4, 2)), "8px,4px"),
    "real made": ("real \u2013 made", OUTCOME_LINES[1], "var(--outcome-line-1)", "solid", "solid"),
    "made made": ("made \u2013 made", OUTCOME_LINES[2], "var(--outcome-line-2)", (0, (1, 1.4)), "2px,3px"),
}
"""What is compared: its name, its colour on white and on the page, its dash on paper and on the page."""


@dataclass(frozen=True, eq=False)
class Outline:
    """The scores of one kind.

    Attributes:
        kind: a key of `KINDS`.
        edges: float64 (B + 1,).
        shares: float64 (B,), of all comparisons.
        count: how many comparisons there are.
    """

    kind: str
    edges: NDArray[np.float64]
    shares: NDArray[np.float64]
    count: int


@dataclass(frozen=True)
class Panel:
    """One maker, or one set of faces.

    Attributes:
        name: what stands above it.
        outlines: one a kind.
        threshold: where a search decides; None for nowhere.
    """

    name: str
    outlines: tuple[Outline, ...]
    threshold: float | None


def _reach(panels: Sequence[Panel]) -> tuple[float, float]:
    ends = [(one.edges[0], one.edges[-1]) for panel in panels for one in panel.outlines]
    ends += [(panel.threshold, panel.threshold) for panel in panels if panel.threshold is not None]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    room = 0.03 * (high - low)
    return float(low - room), float(high + room)


def _top(panels: Sequence[Panel]) -> float:
    return 108 * max(float(one.shares.max()) for panel in panels for one in panel.outlines)


def draw(panels: Sequence[Panel], unit: str, title: str) -> Figure:
    """The picture for paper.

    Args:
        panels: in the order in which they stand.
        unit: what the score is.
        title: what stands above all.
    """
    figure, every = Grid(len(panels)).on_paper()
    for axes, panel in zip(every, panels, strict=True):
        _panel(axes, panel, panels, unit)
    handles = [Line2D([], [], color=look[1], linestyle=look[3], linewidth=1.5) for look in KINDS.values()]
    handles.append(Line2D([], [], color=INK, linewidth=0.9))
    legend_above(figure, title, handles, [*(look[0] for look in KINDS.values()), "threshold"])
    return figure


def _panel(axes: Axes, panel: Panel, panels: Sequence[Panel], unit: str) -> None:
    name_panel(axes, panel.name)
    for one in panel.outlines:
        look = KINDS[one.kind]
        axes.stairs(100 * one.shares, one.edges, color=look[1], linestyle=look[3], linewidth=1.3)
    if panel.threshold is not None:
        axes.axvline(panel.threshold, color=INK, linewidth=0.9)
    axes.set_xlim(*_reach(panels))
    axes.set_ylim(0, _top(panels))
    axes.tick_params(length=0, labelsize=7.5)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.grid(axis="x", visible=False)
    axes.set_xlabel(literal(unit, 44), fontsize=8, labelpad=2)


def chart(panels: Sequence[Panel], unit: str, name: str) -> dict[str, Any]:
    """The picture for the page.

    Args:
        panels: in the order in which they stand.
        unit: what the score is.
        name: of the variant.
    """
    grid = Grid(len(panels))
    layout = grid.layout()
    traces = []
    for at, panel in enumerate(panels):
        upright = {"range": [0, _top(panels)], "ticks": "", "nticks": 4, "ticksuffix": f"{numbers.THIN}%"}
        number = grid.place(layout, at, {"range": list(_reach(panels)), "ticks": "", "nticks": 5}, upright)
        layout[f"xaxis{number}"]["title"] = {"text": hover_text(unit), "standoff": 3, "font": {"size": 11.5}}
        layout["annotations"].append(note_name(panel.name, number))
        if panel.threshold is not None:
            layout["shapes"].append(_rule(panel.threshold, number))
        traces += [_trace(one, panel, number) for one in panel.outlines]
    return {"variants": [{"name": name, "data": traces, "layout": layout}]}


def _rule(threshold: float, number: str) -> dict[str, Any]:
    return {
        "type": "line", "xref": f"x{number}", "yref": f"y{number} domain", "x0": threshold, "x1": threshold, "y0": 0,
        "y1": 1, "line": {"color": "var(--ink)", "width": 1},
    }  # fmt: skip


def _trace(one: Outline, panel: Panel, number: str) -> dict[str, Any]:
    called, _, color, _, dash = KINDS[one.kind]
    middles = (one.edges[:-1] + one.edges[1:]) / 2
    return {
        "type": "scatter", "mode": "lines", "name": called, "xaxis": f"x{number}", "yaxis": f"y{number}",
        "x": [short(value) for value in middles.tolist()], "y": [short(100 * share) for share in one.shares.tolist()],
        "line": {"shape": "hvh", "color": color, "width": 1.8, "dash": dash},
        "hovertemplate": f"<b>{hover_text(panel.name)}</b><br>{called}, {numbers.count(one.count)} comparisons<br>"
        "score %{x:.3f}: %{y:.3g} %<extra></extra>",
    }  # fmt: skip
