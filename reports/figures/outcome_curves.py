"""Whom made faces match, as curves along a number that a sweep varies, with bands: a small panel for every setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.figures.outcome_bars import Share
from reports.figures.outcome_columns import error_bars
from reports.figures.rows import short
from reports.figures.small_multiples import Grid, legend_above, name_panel, note_name, shares_axis
from reports.figures.style import MUTED, OUTCOME_LINES, hover_text, literal
from reports.joint_rates import JOINT_MEANINGS

_LOOKS: dict[str, tuple[int, str, Any, str, str]] = {
    "both": (0, "solid", "solid", "circle", "o"),
    "second": (1, "9px,3px", (0, (5, 1.6)), "square", "s"),
    "first": (2, "3px,3px", (0, (1.6, 1.6)), "diamond", "D"),
}
"""The outcome whose colour a curve has, its dash for plotly and matplotlib, its marker for both."""
KEYS = tuple((meaning, f"var(--outcome-line-{_LOOKS[name][0]})") for name, meaning in JOINT_MEANINGS.items())
"""What the curves are, and their colour on the page."""


@dataclass(frozen=True)
class Curve:
    """One curve of a panel.

    Attributes:
        name: a key of `reports.joint_rates.JOINT`.
        values: of the number, ascending.
        shares: one for each.
        clean: the share of the clean photos, which is a level.
    """

    name: str
    values: tuple[float, ...]
    shares: tuple[Share, ...]
    clean: Share


@dataclass(frozen=True)
class Panel:
    """The curves of one strand.

    Attributes:
        name: what stands above it.
        axis: what the number is called.
        curves: in the order of `reports.joint_rates.JOINT`.
    """

    name: str
    axis: str
    curves: tuple[Curve, ...]

    @property
    def values(self) -> list[float]:
        """The numbers at which there is anything."""
        return sorted({value for curve in self.curves for value in curve.values})

    @property
    def ends(self) -> tuple[float, float]:
        """Where its axis begins and ends."""
        first, last = self.values[0], self.values[-1]
        reach = 0.07 * (last - first) or 0.5
        return first - reach, last + reach


def draw(panels: Sequence[Panel], title: str) -> Figure:
    """The picture for paper.

    Args:
        panels: in the order in which they stand.
        title: what stands above all.
    """
    figure, every = Grid(len(panels)).on_paper()
    for axes, panel in zip(every, panels, strict=True):
        _panel(axes, panel)
    handles = [
        Line2D([], [], color=OUTCOME_LINES[color], linestyle=style, marker=marker, markersize=4, linewidth=1.4)
        for color, _, style, _, marker in _LOOKS.values()
    ]
    handles.append(Line2D([], [], color=MUTED, linestyle=(0, (0.8, 2)), linewidth=1.1))
    names = [*JOINT_MEANINGS.values(), "thin dots: clean photo"]
    legend_above(figure, title, handles, names)
    return figure


def _panel(axes: Axes, panel: Panel) -> None:
    name_panel(axes, panel.name)
    for curve in panel.curves:
        place, _, style, _, marker = _LOOKS[curve.name]
        color = OUTCOME_LINES[place]
        ends = [share.ends or (share.value, share.value) for share in curve.shares]
        low, high = ([100 * end[side] for end in ends] for side in (0, 1))
        y = [100 * share.value for share in curve.shares]
        axes.axhline(100 * curve.clean.value, color=color, linewidth=0.9, linestyle=(0, (0.8, 2)), zorder=1)
        axes.fill_between(curve.values, low, high, color=color, alpha=0.17, linewidth=0)
        axes.vlines(curve.values, low, high, color=color, linewidth=0.9)
        axes.plot(curve.values, y, color=color, linestyle=style, linewidth=1.4)
        for weak in (False, True):
            some = [index for index, share in enumerate(curve.shares) if share.weak == weak]
            axes.plot(
                [curve.values[index] for index in some], [y[index] for index in some], marker, color=color,
                markersize=3.4, markeredgewidth=0.9, markerfacecolor="white" if weak else color, clip_on=False,
            )  # fmt: skip
    axes.set_ylim(0, 101.5)
    axes.set_yticks((0, 25, 50, 75, 100), [f"{tick} %" for tick in (0, 25, 50, 75, 100)])
    axes.set_xlim(*panel.ends)
    axes.set_xticks(panel.values, [f"{value:g}" for value in panel.values], fontsize=7.5)
    axes.tick_params(length=0)
    axes.grid(axis="x", visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(literal(panel.axis, 30), fontsize=8, labelpad=2)


def chart(panels: Sequence[Panel], name: str) -> dict[str, Any]:
    """The picture for the page.

    Args:
        panels: in the order in which they stand.
        name: of the variant.
    """
    grid = Grid(len(panels))
    layout = grid.layout()
    bands: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for at, panel in enumerate(panels):
        values = panel.values
        axis = {
            "tickvals": values, "ticktext": [f"{value:g}" for value in values], "range": list(panel.ends),
            "ticks": "", "tickangle": 0,
        }  # fmt: skip
        number = grid.place(layout, at, axis, shares_axis())
        layout[f"xaxis{number}"]["title"] = {"text": hover_text(panel.axis), "standoff": 3, "font": {"size": 11.5}}
        layout["annotations"].append(note_name(panel.name, number))
        for curve in panel.curves:
            layout["shapes"].append(_level(curve, number))
            bands.append(_band(curve, number))
            lines.append(_line(curve, panel, number))
    return {"variants": [{"name": name, "data": [*bands, *lines], "layout": layout}]}


def _level(curve: Curve, number: str) -> dict[str, Any]:
    at = short(100 * curve.clean.value)
    return {
        "type": "line", "xref": f"x{number} domain", "yref": f"y{number}", "x0": 0, "x1": 1, "y0": at, "y1": at,
        "layer": "below",
        "line": {"color": f"var(--outcome-line-{_LOOKS[curve.name][0]})", "width": 1.2, "dash": "1px,3px"},
    }  # fmt: skip


def _band(curve: Curve, number: str) -> dict[str, Any]:
    color = f"var(--outcome-line-{_LOOKS[curve.name][0]})"
    ends = [share.ends or (share.value, share.value) for share in curve.shares]
    return {
        "type": "scatter", "mode": "lines", "name": JOINT_MEANINGS[curve.name], "meta": "band", "hoverinfo": "skip",
        "xaxis": f"x{number}", "yaxis": f"y{number}", "x": [*curve.values, *reversed(curve.values)],
        "y": [short(100 * each) for each in (*(high for _, high in ends), *(low for low, _ in reversed(ends)))],
        "fill": "toself", "fillcolor": f"{color}/0.17", "line": {"width": 0, "color": color},
    }  # fmt: skip


def _line(curve: Curve, panel: Panel, number: str) -> dict[str, Any]:
    place, dash, _, symbol, _ = _LOOKS[curve.name]
    color, meaning = f"var(--outcome-line-{place})", JOINT_MEANINGS[curve.name]
    ends = [share.ends or (share.value, share.value) for share in curve.shares]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": meaning,
        "xaxis": f"x{number}",
        "yaxis": f"y{number}",
        "x": list(curve.values),
        "y": [short(100 * share.value) for share in curve.shares],
        "error_y": error_bars([share.value for share in curve.shares], ends, color),
        "line": {"color": color, "width": 1.9, "dash": dash},
        "marker": {
            "symbol": [f"{symbol}{'-open' if share.weak else ''}" for share in curve.shares],
            "size": 6.5, "color": color, "line": {"width": 1.2, "color": color},
        },
        "cliponaxis": False,
        "customdata": [
            [f"{value:g}", share.said, curve.clean.said]
            for value, share in zip(curve.values, curve.shares, strict=True)
        ],
        "hovertemplate": f"<b>{hover_text(panel.name)}</b><br>{hover_text(panel.axis)} %{{customdata[0]}}<br>"
        f"{meaning}: %{{customdata[1]}}<br>clean photo: %{{customdata[2]}}<extra></extra>",
    }  # fmt: skip
