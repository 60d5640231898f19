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
from reports.figures.small_multiples import Grid, below, legend_above, name_panel, note_name, shares_axis, unbroken
from reports.figures.style import MUTED, OUTCOME_LINES, LineKey, hover_text, literal, svg_dash
from reports.joint_rates import JOINT_MEANINGS

_LOOKS: dict[str, tuple[int, str, Any, str, str]] = {
    "both": (0, "solid", "solid", "circle", "o"),
    "second": (1, "9px,3px", (0, (5, 1.6)), "square", "s"),
    "first": (2, "3px,3px", (0, (1.6, 1.6)), "diamond", "D"),
}
"""The outcome whose colour a curve has, its dash for plotly and matplotlib, its marker for both."""
KEYS = (
    *(
        LineKey(meaning, f"var(--outcome-line-{place})", symbol, svg_dash(dash))
        for meaning, (place, dash, _, symbol, _) in zip(JOINT_MEANINGS.values(), _LOOKS.values(), strict=True)
    ),
    LineKey("clean photo", "var(--muted)", dash="1 3"),
)
"""What the curves are, and how they look on the page."""

_NOTHING = Share(0.0, None)
"""Stands where no share is known, and is not drawn."""


@dataclass(frozen=True)
class Curve:
    """One curve of a panel.

    Attributes:
        name: a key of `reports.joint_rates.JOINT`.
        values: of the number, ascending.
        shares: one for each; None where the cell failed, so that the line is broken there.
        clean: the share of the clean photos, which is a level.
    """

    name: str
    values: tuple[float, ...]
    shares: tuple[Share | None, ...]
    clean: Share

    @property
    def known(self) -> list[tuple[float, Share]]:
        """The numbers at which there is a share."""
        return [(value, share) for value, share in zip(self.values, self.shares, strict=True) if share is not None]

    @property
    def pieces(self) -> list[list[tuple[float, Share]]]:
        """The same, parted where a share is missing."""
        return unbroken(self.values, self.shares)


@dataclass(frozen=True)
class Panel:
    """The curves of one strand.

    Attributes:
        name: what stands above it.
        axis: what the number is called.
        curves: in the order of `reports.joint_rates.JOINT`.
        made: how many faces of how many were made, in words.
    """

    name: str
    axis: str
    curves: tuple[Curve, ...]
    made: str = ""

    @property
    def values(self) -> list[float]:
        """The numbers that were asked for."""
        return sorted({value for curve in self.curves for value in curve.values})


def ends_of(panels: Sequence[Panel]) -> tuple[float, float]:
    """Where the horizontal axes begin and end, the same in every panel.

    Args:
        panels: of one picture, so along the same number.
    """
    values = [value for panel in panels for value in panel.values]
    first, last = min(values), max(values)
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
        _panel(axes, panel, ends_of(panels))
    handles = [
        Line2D([], [], color=OUTCOME_LINES[color], linestyle=style, marker=marker, markersize=4, linewidth=1.4)
        for color, _, style, _, marker in _LOOKS.values()
    ]
    handles.append(Line2D([], [], color=MUTED, linestyle=(0, (0.8, 2)), linewidth=1.1))
    names = [*JOINT_MEANINGS.values(), "thin dots: clean photo"]
    legend_above(figure, title, handles, names)
    return figure


def _panel(axes: Axes, panel: Panel, reach: tuple[float, float]) -> None:
    name_panel(axes, panel.name)
    for curve in panel.curves:
        place, _, style, _, marker = _LOOKS[curve.name]
        color = OUTCOME_LINES[place]
        axes.axhline(100 * curve.clean.value, color=color, linewidth=0.9, linestyle=(0, (0.8, 2)), zorder=1)
        for piece in curve.pieces:
            x = [value for value, _ in piece]
            ends = [share.ends or (share.value, share.value) for _, share in piece]
            low, high = ([100 * end[side] for end in ends] for side in (0, 1))
            axes.fill_between(x, low, high, color=color, alpha=0.17, linewidth=0)
            axes.vlines(x, low, high, color=color, linewidth=0.9)
            axes.plot(x, [100 * share.value for _, share in piece], color=color, linestyle=style, linewidth=1.4)
        for weak in (False, True):
            some = [(value, 100 * share.value) for value, share in curve.known if share.weak == weak]
            axes.plot(
                [x for x, _ in some], [y for _, y in some], marker, color=color,
                markersize=3.4, markeredgewidth=0.9, markerfacecolor="white" if weak else color, clip_on=False,
            )  # fmt: skip
    axes.set_ylim(0, 101.5)
    axes.set_yticks((0, 25, 50, 75, 100), [f"{tick} %" for tick in (0, 25, 50, 75, 100)])
    axes.set_xlim(*reach)
    axes.set_xticks(panel.values, [f"{value:g}" for value in panel.values], fontsize=7.5)
    axes.tick_params(length=0)
    axes.grid(axis="x", visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(literal(below(panel.axis, panel.made), 44), fontsize=8, labelpad=2)


def chart(panels: Sequence[Panel], name: str) -> dict[str, Any]:
    """The picture for the page.

    Args:
        panels: in the order in which they stand.
        name: of the variant.
    """
    grid, reach = Grid(len(panels)), ends_of(panels)
    layout = grid.layout()
    bands: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for at, panel in enumerate(panels):
        values = panel.values
        axis = {
            "tickvals": values, "ticktext": [f"{value:g}" for value in values], "range": list(reach),
            "ticks": "", "tickangle": 0,
        }  # fmt: skip
        number = grid.place(layout, at, axis, shares_axis())
        under = hover_text(below(panel.axis, panel.made))
        layout[f"xaxis{number}"]["title"] = {"text": under, "standoff": 3, "font": {"size": 11.5}}
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
    x: list[float | None] = []
    y: list[float | None] = []
    for piece in curve.pieces:
        values = [value for value, _ in piece]
        ends = [share.ends or (share.value, share.value) for _, share in piece]
        gap = [None] if x else []  # plotly fills what stands between two of these by itself
        x += [*gap, *values, *reversed(values)]
        y += [*gap, *(short(100 * high) for _, high in ends), *(short(100 * low) for low, _ in reversed(ends))]
    return {
        "type": "scatter", "mode": "lines", "name": JOINT_MEANINGS[curve.name], "meta": "band", "hoverinfo": "skip",
        "xaxis": f"x{number}", "yaxis": f"y{number}", "x": x, "y": y,
        "fill": "toself", "fillcolor": f"{color}/0.17", "line": {"width": 0, "color": color},
    }  # fmt: skip


def _line(curve: Curve, panel: Panel, number: str) -> dict[str, Any]:
    place, dash, _, symbol, _ = _LOOKS[curve.name]
    color, meaning = f"var(--outcome-line-{place})", JOINT_MEANINGS[curve.name]
    shares = [share or _NOTHING for share in curve.shares]
    ends = [share.ends or (share.value, share.value) for share in shares]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "connectgaps": False,
        "name": meaning,
        "xaxis": f"x{number}",
        "yaxis": f"y{number}",
        "x": list(curve.values),
        "y": [None if share is None else short(100 * share.value) for share in curve.shares],
        "error_y": error_bars([share.value for share in shares], ends, color),
        "line": {"color": color, "width": 1.9, "dash": dash},
        "marker": {
            "symbol": [f"{symbol}{'-open' if share.weak else ''}" for share in shares],
            "size": 6.5, "color": color, "line": {"width": 1.2, "color": color},
        },
        "cliponaxis": False,
        "customdata": [
            [f"{value:g}", share.said, curve.clean.said]
            for value, share in zip(curve.values, shares, strict=True)
        ],
        "hovertemplate": f"<b>{hover_text(panel.name)}</b><br>{hover_text(panel.axis)} %{{customdata[0]}}<br>"
        f"{meaning}: %{{customdata[1]}}<br>clean photo: %{{customdata[2]}}<extra></extra>",
    }  # fmt: skip
