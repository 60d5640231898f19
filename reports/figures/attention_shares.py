"""How much of the attention goes to the identity, region by region: a bar with its interval, a mark for every layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bench.regions import CLASSES
from reports import numbers
from reports.attention import Attention
from reports.figures.rows import row_axis, short
from reports.figures.small_multiples import legend_above
from reports.figures.style import INK, MUTED, Look, chart_layout, hover_text, literal, looks

_BAR, _BAR_COLOR = 0.66, "#B9C4CE"
_ACROSS = 4


@dataclass(frozen=True)
class View:
    """The bars of one maker.

    Attributes:
        name: what the button says that shows it.
        attention: whose.
    """

    name: str
    attention: Attention


def layer_names(number: int) -> list[str]:
    """What layers are called: ``"layer 1 (coarsest)"``."""
    return [f"layer {place + 1}{' (coarsest)' if place == 0 and number > 1 else ''}" for place in range(number)]


def layer_looks(views: Sequence[View]) -> dict[str, Look]:
    """The look of each layer, coarsest first."""
    return dict(looks(layer_names(max(view.attention.layers for view in views))))


def rows_of(views: Sequence[View]) -> list[str]:
    """The regions of which any view knows something, in the order of the classes."""
    return sorted({region.name for view in views for region in view.attention.regions}, key=CLASSES.index)


def _end(views: Sequence[View]) -> float:
    """Where the axis ends, in percent: beyond all bars, intervals, layers and the fair share."""
    values = [view.attention.fair or 0.0 for view in views]
    for view in views:
        for region in view.attention.regions:
            values += [region.share.value, *(region.share.ends or ()), *np.nan_to_num(region.layers).tolist()]
    return min(100.0, 106 * max(values)) or 1.0


def draw(views: Sequence[View], title: str) -> Figure:
    """The picture for paper, one panel a view.

    Args:
        views: of makers that differ in one number, or a single one.
        title: what stands above them.
    """
    rows, marks = rows_of(views), layer_looks(views)
    across = min(len(views), _ACROSS)
    down = -(-len(views) // across)
    size = (1.5 + 2.5 * across, 0.5 + down * (0.19 * len(rows) + 0.75))
    figure = Figure(figsize=size)
    every = np.ravel(figure.subplots(down, across, sharey=True, sharex=True, squeeze=False))
    for axes, view in zip(every, views, strict=False):
        _panel(axes, view, rows, marks)
        axes.set_xlim(0, _end(views))
    for axes in every[len(views) :]:
        axes.set_visible(False)
    every[0].set_ylim(len(rows) - 0.5, -0.5)
    every[0].set_yticks(range(len(rows)), [row.replace("_", " ") for row in rows], fontsize=8)
    figure.subplots_adjust(wspace=0.08, hspace=0.45, left=1.2 / size[0], right=1, bottom=0, top=1 - 0.1 / size[1])
    handles: list[Any] = [Patch(facecolor=_BAR_COLOR)]
    handles += [
        Line2D([], [], color=look.color, marker=look.marker, linestyle="", markersize=4.5) for look in marks.values()
    ]
    names = ["mean, 95 % interval (hollow: weak)", *marks]
    if any(view.attention.fair for view in views):
        handles.append(Line2D([], [], color=INK, linestyle=(0, (4, 2)), linewidth=1))
        fair = {view.attention.fair for view in views}
        known = f", {numbers.percent(views[0].attention.fair, 1)}" if len(fair) == 1 else ""
        names.append(f"fair share{known}")
    legend_above(figure, title, handles, names, left=1.2)
    return figure


def _panel(axes: Axes, view: View, rows: Sequence[str], marks: dict[str, Look]) -> None:
    if view.name:
        axes.set_title(literal(view.name, 30), fontsize=8.5, pad=4)
    regions = view.attention.regions
    y = [rows.index(region.name) for region in regions]
    axes.barh(
        y, [100 * region.share.value for region in regions], _BAR, edgecolor=_BAR_COLOR, linewidth=1.2,
        color=["white" if region.share.weak else _BAR_COLOR for region in regions],
    )  # fmt: skip
    ends = [(at, *region.share.ends) for at, region in zip(y, regions, strict=True) if region.share.ends]
    if ends:
        at, low, high = np.array(ends).T
        axes.hlines(at, 100 * low, 100 * high, color=INK, linewidth=1.1)
    for layer, look in enumerate(marks.values()):
        there = [(100 * region.layers[layer], at) for at, region in zip(y, regions, strict=True)
                 if layer < len(region.layers)]  # fmt: skip
        axes.plot(
            [share for share, _ in there], [at for _, at in there], look.marker, color=look.color, markersize=3.6,
            alpha=0.95, linestyle="",
        )  # fmt: skip
    if view.attention.fair:
        axes.axvline(100 * view.attention.fair, color=INK, linewidth=1, linestyle=(0, (4, 2)))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("share of attention (%)", fontsize=8, color=MUTED)


def chart(views: Sequence[View]) -> dict[str, Any]:
    """The picture for the page, one variant a view."""
    rows, marks = rows_of(views), layer_looks(views)
    variants = []
    for view in views:
        layout = chart_layout(
            {
                "title": "the identity\u2019s share of attention", "range": [0, short(_end(views))], "tickangle": 0,
                "ticksuffix": f"{numbers.THIN}%", "fixedrange": True, "nticks": 7,
            },
            row_axis([row.replace("_", " ") for row in rows]),
            height=26 * len(rows) + 90,
        )  # fmt: skip
        layout["margin"] = {"l": 8, "r": 24, "t": 24, "b": 56}
        if view.attention.fair:
            _add_fair(layout, view.attention.fair)
        variants.append({"name": view.name, "data": _traces(view, rows, marks), "layout": layout})
    return {"variants": variants}


def _add_fair(layout: dict[str, Any], fair: float) -> None:
    at = short(100 * fair)
    layout["shapes"] = [
        {"type": "line", "yref": "y domain", "y0": 0, "y1": 1, "x0": at, "x1": at, "layer": "above",
         "line": {"color": "var(--ink)", "width": 1.3, "dash": "dash"}}
    ]  # fmt: skip
    layout["annotations"] = [
        {"yref": "y domain", "y": 1, "x": at, "yanchor": "bottom", "xanchor": "left", "xshift": -3, "yshift": 2,
         "showarrow": False, "text": f"fair share {numbers.percent(fair, 1)}",
         "font": {"size": 11.5, "color": "var(--muted)"}}
    ]  # fmt: skip


def _traces(view: View, rows: Sequence[str], marks: dict[str, Look]) -> list[dict[str, Any]]:
    regions = view.attention.regions
    places = [rows.index(region.name) for region in regions]
    named = [hover_text(region.name.replace("_", " ")) for region in regions]
    shares = [region.share for region in regions]
    ends = [share.ends or (share.value, share.value) for share in shares]
    bars = {
        "type": "bar", "orientation": "h", "x": [short(100 * share.value) for share in shares], "y": places,
        "width": _BAR, "name": "mean over layers",
        "marker": {"color": ["var(--paper)" if share.weak else "var(--outcome-3)" for share in shares],
                   "line": {"width": 1.4, "color": "var(--outcome-3)"}},
        "error_x": {
            "type": "data", "symmetric": False, "color": "var(--ink)", "thickness": 1.4, "width": 3,
            "array": [short(100 * max(high - s.value, 0.0)) for s, (_, high) in zip(shares, ends, strict=True)],
            "arrayminus": [short(100 * max(s.value - low, 0.0)) for s, (low, _) in zip(shares, ends, strict=True)],
        },
        "customdata": [
            [name, share.said + (", weak" if share.weak else ""), numbers.plural(region.faces, "face")]
            for name, share, region in zip(named, shares, regions, strict=True)
        ],
        "hovertemplate": "<b>%{customdata[0]}</b><br>mean over layers: %{customdata[1]}<br>of %{customdata[2]}"
        "<extra></extra>",
    }  # fmt: skip
    traces = [bars]
    for place, (name, look) in enumerate(marks.items()):
        known = [
            (y, region.layers[place], said)
            for y, region, said in zip(places, regions, named, strict=True)
            if place < len(region.layers) and np.isfinite(region.layers[place])
        ]
        traces.append(
            {
                "type": "scatter", "mode": "markers", "name": name, "legendgroup": name,
                "x": [short(100 * share) for _, share, _ in known], "y": [y for y, _, _ in known],
                "marker": {"symbol": look.symbol, "size": 8, "color": look.variable,
                           "line": {"width": 1, "color": "var(--paper)"}},
                "customdata": [[said, numbers.percent(share)] for _, share, said in known],
                "hovertemplate": f"<b>%{{customdata[0]}}</b><br>{name}: %{{customdata[1]}}<extra></extra>",
            }
        )  # fmt: skip
    return traces
