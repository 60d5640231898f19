"""How alike made faces and their contributors are: a row of hills for every maker, over one axis of scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from reports import numbers
from reports.figures.rows import row_axis, short
from reports.figures.style import CONTRIBUTOR_LOOKS, GRID, INK, MUTED, chart_layout, hover_text, literal, row_lines
from reports.figures.threshold_lines import STRIP, Line, far_right, note, rule, strip, strips

_TALLEST = 0.92
"""How high the highest hill is, in rows."""
_FEWEST_BINS, _MOST_BINS = 16, 60
_ROW = 52


@dataclass(frozen=True, eq=False)
class Hill:
    """The scores of one kind in a row.

    Attributes:
        name: what they are of, such as ``"contributor 1"``.
        place: which of `CONTRIBUTOR_LOOKS` it has.
        scores: float64 (N,), finite.
        weights: float64 (N,), that add up to 1 where there is any score.
        mean: of all, as the figure records have it; None where they have none.
        ends: the 95 % interval of the mean, or None.
    """

    name: str
    place: int
    scores: NDArray[np.float64]
    weights: NDArray[np.float64]
    mean: float | None = None
    ends: tuple[float, float] | None = None

    @property
    def look(self) -> tuple[str, str, str, str]:
        """CSS variable, colour on white, plotly's marker, matplotlib's."""
        return CONTRIBUTOR_LOOKS[self.place % len(CONTRIBUTOR_LOOKS)]


@dataclass(frozen=True, eq=False)
class Ridge:
    """One row.

    Attributes:
        name: of the maker, or of the clean photo.
        hills: what stands on it, the first behind.
    """

    name: str
    hills: tuple[Hill, ...]


@dataclass(frozen=True, eq=False)
class View:
    """One picture of rows over the same axis.

    Attributes:
        name: what the button says that shows it.
        ridges: from the top.
        unit: what the axis shows.
        lines: thresholds.
        zero: whether 0 is marked.
    """

    name: str
    ridges: tuple[Ridge, ...]
    unit: str
    lines: tuple[Line, ...] = ()
    zero: bool = False

    @property
    def names(self) -> dict[str, Hill]:
        """What the hills are of, with one of each."""
        return {hill.name: hill for ridge in self.ridges for hill in ridge.hills}

    @property
    def edges(self) -> NDArray[np.float64]:
        """float64 (B + 1,), the bins of every hill."""
        parts = [hill.scores for ridge in self.ridges for hill in ridge.hills if hill.scores.size]
        parts += [np.array([line.threshold]) for line in self.lines] + ([np.zeros(1)] if self.zero else [])
        every = np.concatenate(parts) if parts else np.array([0.0, 1.0])
        low, high = float(every.min()), float(every.max())
        fewest = min((len(part) for part in parts if len(part) > 1), default=1)
        bins = int(np.clip(2 * np.sqrt(fewest), _FEWEST_BINS, _MOST_BINS))
        reach = max(high - low, 1e-6 * max(1.0, abs(low)), 1e-6)
        return np.linspace(low - 0.03 * reach, high + 0.03 * reach, bins + 1)


def shares(hill: Hill, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of the scores in each bin, float64 (B,), that add up to 1 where there is any score.

    Args:
        hill: whose.
        edges: float64 (B + 1,).
    """
    return np.histogram(hill.scores, edges, weights=hill.weights)[0].astype(np.float64)


def draw(view: View, title: str) -> Figure:
    """The picture for paper.

    Args:
        view: what to draw.
        title: what stands above it.
    """
    count = len(view.ridges)
    lines = [row_lines(ridge.name, 34) for ridge in view.ridges]
    figure = Figure(figsize=(7.6, 1.35 + max(0.52, 0.16 * max(map(len, lines))) * count))
    axes = figure.subplots()
    edges = view.edges
    tallest = _tallest(view, edges)
    for line in view.lines:
        if ends := strip(line, edges):
            axes.axvspan(*ends, color=INK, alpha=STRIP, linewidth=0)
        style = (0, (2, 2)) if line.weak else "solid"
        axes.axvline(line.threshold, color=INK, linewidth=0.9, linestyle=style)
    if view.zero:
        axes.axvline(0, color=MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
    for row, ridge in enumerate(view.ridges):
        axes.axhline(row, color=GRID, linewidth=0.8, zorder=1)
        for hill in ridge.hills:
            x, y = _outline(hill, edges, row, tallest)
            axes.fill_between(x, row, y, color=hill.look[1], alpha=0.32, linewidth=0, zorder=2 + 0.01 * row)
            axes.plot(x, y, color=hill.look[1], linewidth=1.2, zorder=2 + 0.01 * row)
        for hill in ridge.hills:
            if hill.mean is not None:
                low, high = hill.ends or (hill.mean, hill.mean)
                axes.hlines(row, low, high, color=hill.look[1], linewidth=2.4, zorder=4)
                axes.plot(hill.mean, row, hill.look[3], color=hill.look[1], markersize=5, zorder=5,
                          markeredgecolor="white", markeredgewidth=0.6)  # fmt: skip
    for place, line in enumerate(sorted(view.lines, key=lambda line: -line.threshold)):
        side = "right" if far_right(line, edges, 0.75) else "left"
        axes.annotate(
            f" {line.label}{' (weak)' if line.weak else ''} ", (line.threshold, 1), (0, 3 + 10 * place), fontsize=7.5,
            xycoords=("data", "axes fraction"), textcoords="offset points", ha=side,
        )  # fmt: skip
    axes.set_yticks(range(count), ["\n".join(map(literal, each)) for each in lines])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(count - 0.75, -1.05)
    axes.set_xlim(edges[0], edges[-1])
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(view.unit)
    axes.set_title(literal(title, 80), pad=26 + 10 * len(view.lines))
    handles = [
        Line2D([], [], color=hill.look[1], marker=hill.look[3], markersize=5, linewidth=1.6, label=name)
        for name, hill in view.names.items()
    ]
    axes.legend(handles=handles, ncols=5, loc="lower left", bbox_to_anchor=(0, 1), borderpad=0,
                borderaxespad=0.7 + 1.05 * len(view.lines))  # fmt: skip
    return figure


def chart(views: Sequence[View]) -> dict[str, Any]:
    """The pictures for the page, one variant a view."""
    return {"variants": [_variant(view) for view in views]}


def _variant(view: View) -> dict[str, Any]:
    edges = view.edges
    tallest = _tallest(view, edges)
    filled, means = [], []
    for row, ridge in enumerate(view.ridges):
        name = hover_text(ridge.name)
        filled += [_area(hill, edges, row, tallest, name) for hill in ridge.hills]
        means += [_mean(hill, row, name) for hill in ridge.hills if hill.mean is not None]
    names = [[hover_text(line) for line in row_lines(ridge.name)] for ridge in view.ridges]
    ordered = sorted(view.lines, key=lambda line: -line.threshold)
    zero = {
        "type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": 0, "x1": 0, "layer": "below",
        "line": {"color": "var(--axis)", "width": 1.4, "dash": "dot"},
    }  # fmt: skip
    layout = chart_layout(
        {"title": view.unit, "range": [short(edges[0]), short(edges[-1])]},
        row_axis(["<br>".join(each) for each in names], above=1.05, below=0.25),
        height=max(_ROW, 17 * max(map(len, names)) + 6) * len(names) + 92 + 17 * len(view.lines),
        shapes=[*strips(view.lines, edges), *map(rule, view.lines), *([zero] if view.zero else [])],
        annotations=[note(line, row, far_right(line, edges, 0.5)) for row, line in enumerate(ordered)],
    )
    layout["margin"] = {"l": 8, "r": 18, "t": 14 + 17 * len(view.lines), "b": 60}
    return {"name": view.name, "data": [*filled, *means], "layout": layout}


def _area(hill: Hill, edges: NDArray[np.float64], row: int, tallest: float, name: str) -> dict[str, Any]:
    x, y = _outline(hill, edges, row, tallest)
    color = hill.look[0]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": hill.name,
        "legendgroup": hill.name,
        "x": [short(value) for value in x],
        "y": [round(float(value), 4) for value in y],
        "fill": "toself",
        "fillcolor": f"{color}/0.32",
        "line": {"color": color, "width": 1.4},
        "hoveron": "fills",
        "hoverinfo": "text",
        "text": f"<b>{name}</b><br>{hover_text(hill.name)}: {numbers.plural(len(hill.scores), 'score')}",
    }


def _mean(hill: Hill, row: int, name: str) -> dict[str, Any]:
    mean = float(hill.mean or 0.0)
    low, high = hill.ends or (mean, mean)
    said = numbers.between(numbers.plain(low, 4), numbers.plain(high, 4)) if hill.ends else "no interval"
    color = hill.look[0]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": hill.name,
        "legendgroup": hill.name,
        "meta": "mean",
        "x": [short(mean)],
        "y": [row],
        "error_x": {
            "type": "data", "symmetric": False, "array": [short(high - mean)], "arrayminus": [short(mean - low)],
            "color": color, "thickness": 2.4, "width": 4,
        },
        "cliponaxis": False,
        "marker": {"symbol": hill.look[2], "size": 9, "color": color, "line": {"width": 1, "color": "var(--paper)"}},
        "hovertemplate": f"<b>{name}</b><br>{hover_text(hill.name)}: mean {numbers.plain(mean, 4)} ({said})"
        "<extra></extra>",
    }  # fmt: skip


def _tallest(view: View, edges: NDArray[np.float64]) -> float:
    heights = [float(shares(hill, edges).max()) for ridge in view.ridges for hill in ridge.hills if hill.scores.size]
    return max(heights, default=1.0)


def _outline(
    hill: Hill, edges: NDArray[np.float64], row: int, tallest: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The line from the middle of one bin to that of the next, from the first bin with a score to the last."""
    height = shares(hill, edges)
    filled = np.flatnonzero(height)
    if not filled.size:
        return np.zeros(0), np.zeros(0)
    middles = (edges[:-1] + edges[1:]) / 2
    kept = slice(filled[0], filled[-1] + 1)
    half = (edges[1] - edges[0]) / 2
    x = np.concatenate([[middles[kept][0] - half], middles[kept], [middles[kept][-1] + half]])
    return x, row - _TALLEST * np.concatenate([[0.0], height[kept], [0.0]]) / tallest
