"""Where in a face the identity is looked at: the mean map over faces, for every layer and every maker of a strand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports import numbers
from reports.figures.attention_shares import View, layer_names
from reports.figures.rows import short
from reports.figures.small_multiples import part, wrapped
from reports.figures.style import chart_layout, hover_text, literal

COLORS = "viridis"
"""Perceptually ordered, and ordered too for readers without red, green or blue cones; plotly has it by that name."""
_MOST = 32
"""Pixels of a map's side on the page; larger maps are averaged down."""
_SIDE = 190
_CELL = 1.25
"""Inches of a map's side on paper."""


def draw(views: Sequence[View], title: str) -> Figure:
    """The picture for paper: a column a view, a row a layer.

    Args:
        views: those whose attention has maps.
        title: what stands above them.
    """
    every = [_maps(view) for view in views]
    layers = layer_names(max(map(len, every)))
    top = max(float(maps.max()) for maps in every) or 1.0
    left, gap = 0.9, 0.08
    width = left + len(views) * (_CELL + gap) + 0.7
    height = len(layers) * (_CELL + gap)
    figure = Figure(figsize=(width, height))
    picture = None
    for column, (view, maps) in enumerate(zip(views, every, strict=True)):
        for row, grid in enumerate(maps):
            corner = (left + column * (_CELL + gap)) / width, 1 - (row + 1) * (_CELL + gap) / height
            axes = figure.add_axes((*corner, _CELL / width, _CELL / height))
            axes.set_axis_off()
            picture = axes.imshow(
                100 * grid, cmap=COLORS, vmin=0, vmax=100 * top, interpolation="nearest", aspect="auto"
            )  # fmt: skip
            if row == 0 and view.name:
                axes.set_title(literal(view.name, 24), fontsize=8.5, pad=4)
            if column == 0:
                lines = layers[row].replace(" (", "\n(")
                axes.text(-0.06, 0.5, lines, fontsize=8, ha="right", va="center", transform=axes.transAxes)
    if picture is not None:
        place = ((left + len(views) * (_CELL + gap) + 0.06) / width, gap / height, 0.1 / width, 1 - gap / height)
        bar = figure.colorbar(picture, cax=figure.add_axes(place))
        bar.set_label("the identity\u2019s share of attention (%)", fontsize=8)
        bar.ax.tick_params(labelsize=7.5)
        bar.outline.set_visible(False)
    for line, text in enumerate(reversed(wrapped(title, max(30, int(11 * width))))):
        up = 1 + (0.34 + 0.2 * line) / height
        figure.text(left / width, up, literal(text, 90), fontsize=11, weight="bold")
    return figure


def chart(views: Sequence[View]) -> dict[str, Any]:
    """The picture for the page: views beside each other, one variant for the mean over layers and one a layer."""
    every = [_small(_maps(view)) for view in views]
    layers = max(map(len, every))
    whole = [(maps.mean(axis=0), maps) for maps in every]
    chosen: list[tuple[str, list[NDArray[np.float64] | None]]] = [("mean of layers", [mean for mean, _ in whole])]
    if layers > 1:
        chosen += [
            (name, [maps[place] if place < len(maps) else None for _, maps in whole])
            for place, name in enumerate(layer_names(layers))
        ]
    top = max(float(maps.max()) for maps in every) or 1.0
    return {"variants": [_variant(name, maps, views, top) for name, maps in chosen]}


def _variant(
    name: str, maps: Sequence[NDArray[np.float64] | None], views: Sequence[View], top: float
) -> dict[str, Any]:
    across = len(maps)
    rows = -(-across // 2)
    layout = chart_layout({}, {}, height=_SIDE + 70)
    layout["margin"] = {"l": 8, "r": 8, "t": 34, "b": 12}
    layout["annotations"] = []
    narrow: dict[str, Any] = {"height": (_SIDE + 24) * rows + 60}
    traces = []
    for place, (grid, view) in enumerate(zip(maps, views, strict=True)):
        number = "" if place == 0 else str(place + 1)
        plain = {"showticklabels": False, "ticks": "", "showgrid": False, "showline": False, "fixedrange": True}
        layout[f"xaxis{number}"] = {
            **plain, "domain": part(place, across, 0.06), "anchor": f"y{number}", "constrain": "domain",
            "constraintoward": "left",
        }  # fmt: skip
        layout[f"yaxis{number}"] = {
            **plain, "domain": [0, 1], "anchor": f"x{number}", "autorange": "reversed", "scaleanchor": f"x{number}",
            "constrain": "domain", "constraintoward": "top",
        }  # fmt: skip
        if across > 1:
            narrow[f"xaxis{number}"] = {"domain": part(place % 2, 2, 0.06)}
            narrow[f"yaxis{number}"] = {"domain": part(rows - 1 - place // 2, rows, 0.2)}
        if view.name:
            layout["annotations"].append(_name(view.name, number))
        if grid is None:
            layout["annotations"].append(_missing(number))
            grid = np.full((1, 1), np.nan)  # its panel keeps its place
        trace: dict[str, Any] = {
            "type": "heatmap", "xaxis": f"x{number}", "yaxis": f"y{number}",
            "z": [[None if np.isnan(value) else short(100 * value) for value in row] for row in grid.tolist()],
            "zmin": 0, "zmax": short(100 * top),
            "colorscale": "Viridis", "showscale": place == 0,
            "hovertemplate": f"{hover_text(view.name)}<br><b>%{{z:.2f}}{numbers.THIN}%</b> of attention<extra></extra>",
        }  # fmt: skip
        if place == 0:
            trace["colorbar"] = {
                "title": {"text": "share of attention", "side": "right", "font": {"size": 12}},
                "ticksuffix": f"{numbers.THIN}%", "tickfont": {"color": "var(--muted)"}, "thickness": 12,
                "outlinewidth": 0, "len": 0.95, "nticks": 5,
            }  # fmt: skip
        traces.append(trace)
    layout["meta"] = {"narrow": narrow}
    return {"name": name, "data": traces, "layout": layout}


def _name(name: str, number: str) -> dict[str, Any]:
    return {
        "xref": f"x{number} domain", "yref": f"y{number} domain", "x": 0, "y": 1, "xanchor": "left",
        "yanchor": "bottom", "yshift": 3, "showarrow": False, "text": f"<b>{hover_text(name)}</b>",
        "font": {"size": 12, "color": "var(--ink)"},
    }  # fmt: skip


def _missing(number: str) -> dict[str, Any]:
    return {
        "xref": f"x{number} domain", "yref": f"y{number} domain", "x": 0.5, "y": 0.5, "showarrow": False,
        "text": "no such layer", "font": {"size": 12, "color": "var(--muted)"},
    }  # fmt: skip


def _maps(view: View) -> NDArray[np.float64]:
    found = view.attention.mean_maps
    if found is None:
        raise ValueError(f"{view.name}: got a view without maps; leave it out")
    return found


def _small(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Maps of at most `_MOST` pixels a side: means over squares where they are larger."""
    side = maps.shape[-1]
    step = -(-side // _MOST)
    if step == 1 or side % step:
        return maps
    small: NDArray[np.float64] = maps.reshape(len(maps), side // step, step, side // step, step).mean(axis=(2, 4))
    return small
