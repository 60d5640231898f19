"""Whom mixed faces match, as curves along the number of people: a panel for each rate, a line for each recognizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import numbers
from reports.figures.outcome_bars import Share
from reports.figures.outcome_columns import error_bars
from reports.figures.rows import short
from reports.figures.small_multiples import Grid, legend_above, name_panel, note_name
from reports.figures.style import INK, MUTED, Look, hover_text, literal

_SPREAD = 0.26
"""Of the room between two numbers, how far apart the recognizers' marks stand."""
_AXIS = "people in each face"
_STEPS = (5, 10, 20, 25, 50, 100)
"""Where vertical axes may end, in percent."""


@dataclass(frozen=True)
class Line:
    """One recognizer's line.

    Attributes:
        label: whose, white boxes marked.
        look: how it is drawn.
        shares: number of people to the share, ascending; None where there is none, so that the line is broken there.
    """

    label: str
    look: Look
    shares: tuple[tuple[int, Share | None], ...]

    @property
    def known(self) -> list[tuple[int, Share]]:
        """The numbers at which there is a share."""
        return [(number, share) for number, share in self.shares if share is not None]


@dataclass(frozen=True)
class Panel:
    """The lines of one rate.

    Attributes:
        name: what stands above it.
        lines: in the order of the recognizers.
        level: the rate at which strangers match, as a level; None for none.
    """

    name: str
    lines: tuple[Line, ...]
    level: float | None = None


def _end(panels: Sequence[Panel]) -> float:
    """Where vertical axes end, in percent, the same in every panel: beyond all shares and intervals."""
    shares = [share for panel in panels for line in panel.lines for _, share in line.known]
    top = 100 * max(max(share.value, *(share.ends or (0.0,))) for share in shares)
    return float(next((step for step in _STEPS if step >= 0.98 * top), 100))


def _ticks(end: float) -> list[float]:
    return [end * part / 4 for part in range(5)] if end not in (5, 25) else [end * part / 5 for part in range(6)]


def _numbers(panels: Sequence[Panel]) -> list[int]:
    return sorted({number for panel in panels for line in panel.lines for number, _ in line.shares})


def _dodged(number: int, place: int, many: int) -> float:
    return round(number + _SPREAD * ((place + 0.5) / many - 0.5), 4)


def draw(panels: Sequence[Panel], title: str, level: str) -> Figure:
    """The picture for paper.

    Args:
        panels: in the order in which they stand; all with the same recognizers.
        title: what stands above all.
        level: what the level of a panel is, in words.
    """
    figure, every = Grid(len(panels)).on_paper()
    for axes, panel in zip(every, panels, strict=True):
        _panel(axes, panel, panels)
    lines = {line.label: line.look for panel in panels for line in panel.lines}
    handles = [
        Line2D([], [], color=look.color, linestyle=look.line_style, marker=look.marker, markersize=4, linewidth=1.4)
        for look in lines.values()
    ]
    names = [literal(label, 48) for label in lines]
    if any(panel.level is not None for panel in panels):
        handles.append(Line2D([], [], color=MUTED, linestyle=(0, (0.8, 2)), linewidth=1.1))
        names.append(level)
    legend_above(figure, title, handles, names)
    return figure


def _panel(axes: Axes, panel: Panel, panels: Sequence[Panel]) -> None:
    name_panel(axes, panel.name)
    end, shown = _end(panels), _numbers(panels)
    if panel.level is not None:
        axes.axhline(100 * panel.level, color=MUTED, linewidth=0.9, linestyle=(0, (0.8, 2)), zorder=1)
    for place, line in enumerate(panel.lines):
        at = [_dodged(number, place, len(panel.lines)) for number, _ in line.shares]
        values = [float("nan") if share is None else 100 * share.value for _, share in line.shares]
        axes.plot(at, values, color=line.look.color, linestyle=line.look.line_style, linewidth=1.4)
        for x, (_, share) in zip(at, line.shares, strict=True):
            if share is None:
                continue  # its cell failed: the line is broken there
            if share.ends:
                low, high = share.ends
                axes.vlines(x, 100 * low, 100 * high, color=line.look.color, linewidth=0.9)
            axes.plot(
                [x], [100 * share.value], line.look.marker, color=line.look.color, markersize=4, markeredgewidth=0.9,
                markerfacecolor="white" if share.weak else line.look.color, clip_on=False,
            )  # fmt: skip
    axes.set_ylim(0, 1.015 * end)
    axes.set_yticks(_ticks(end), [f"{tick:g} %" for tick in _ticks(end)])
    axes.set_xlim(shown[0] - 0.5, shown[-1] + 0.5)
    axes.set_xticks(shown, [str(number) for number in shown], fontsize=8)
    axes.tick_params(length=0)
    axes.grid(axis="x", visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(_AXIS, fontsize=8, labelpad=2, color=INK)


def chart(panels: Sequence[Panel], level: str) -> dict[str, Any]:
    """The picture for the page.

    Args:
        panels: in the order in which they stand; all with the same recognizers.
        level: what the level of a panel is, in words.
    """
    grid, end, shown = Grid(len(panels)), _end(panels), _numbers(panels)
    layout = grid.layout()
    lines: list[dict[str, Any]] = []
    for at, panel in enumerate(panels):
        x = {
            "tickvals": shown, "ticktext": [str(number) for number in shown],
            "range": [shown[0] - 0.5, shown[-1] + 0.5], "ticks": "", "tickangle": 0,
        }  # fmt: skip
        y = {
            "range": [0, short(1.015 * end)], "tickvals": _ticks(end), "ticks": "", "showline": False,
            "ticktext": [f"{tick:g}{numbers.THIN}%" for tick in _ticks(end)],
        }  # fmt: skip
        number = grid.place(layout, at, x, y)
        layout[f"xaxis{number}"]["title"] = {"text": _AXIS, "standoff": 3, "font": {"size": 11.5}}
        layout["annotations"].append(note_name(panel.name, number))
        if panel.level is not None:
            layout["shapes"].append(_level(panel.level, number))
        lines += [_line(line, panel, place, number, level) for place, line in enumerate(panel.lines)]
    return {"variants": [{"name": "Curves", "data": lines, "layout": layout}]}


def _level(level: float, number: str) -> dict[str, Any]:
    at = short(100 * level)
    return {
        "type": "line", "xref": f"x{number} domain", "yref": f"y{number}", "x0": 0, "x1": 1, "y0": at, "y1": at,
        "layer": "below", "line": {"color": "var(--muted)", "width": 1.2, "dash": "1px,3px"},
    }  # fmt: skip


def _line(line: Line, panel: Panel, place: int, number: str, level: str) -> dict[str, Any]:
    look, shares = line.look, [share or Share(0.0, None) for _, share in line.shares]
    ends = [share.ends or (share.value, share.value) for share in shares]
    below = "" if panel.level is None else f"<br>{hover_text(level)}: {numbers.rate(panel.level)}"
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "connectgaps": False,
        "name": hover_text(line.label),
        "xaxis": f"x{number}",
        "yaxis": f"y{number}",
        "x": [_dodged(people, place, len(panel.lines)) for people, _ in line.shares],
        "y": [None if share is None else short(100 * share.value) for _, share in line.shares],
        "error_y": error_bars([share.value for share in shares], ends, look.variable),
        "line": {"color": look.variable, "width": 1.9, "dash": look.dash},
        "marker": {
            "symbol": [f"{look.symbol}{'-open' if share.weak else ''}" for share in shares],
            "size": 7, "color": look.variable, "line": {"width": 1.2, "color": look.variable},
        },
        "cliponaxis": False,
        "customdata": [
            [f"{people} people" if people != 1 else "1 person", share.said + (", weak" if share.weak else "")]
            for (people, _), share in zip(line.shares, shares, strict=True)
        ],
        "hovertemplate": f"<b>{hover_text(line.label)}</b><br>{hover_text(panel.name)}, %{{customdata[0]}}: "
        f"%{{customdata[1]}}{below}<extra></extra>",
    }  # fmt: skip
