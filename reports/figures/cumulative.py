"""The share of photos whose landmarks are off by no more than so much, one line an aligner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports import numbers
from reports.figures.drawn import band_strength
from reports.figures.rows import short
from reports.figures.style import MUTED, Look, chart_layout, hover_text, legend, literal

_X = "landmark error, of the distance between the eyes"
_Y = "share of photos with at most that error"
LIMIT_NOTE = "beyond it: a failure"


@dataclass(frozen=True, eq=False)
class Rising:
    """One line.

    Attributes:
        label: whose.
        look: their look.
        errors: float64 (T,), ascending.
        shares: float64 (T,), of photos with at most that error, in [0, 1].
        low: float64 (T,), lower ends of their 95 % intervals.
        high: float64 (T,), upper ends.
    """

    label: str
    look: Look
    errors: NDArray[np.float64]
    shares: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def draw(lines: Sequence[Rising], limit: float, title: str) -> Figure:
    """The curves for paper.

    Args:
        lines: what to draw.
        limit: the error beyond which a photo counts as a failure; the axis ends a little beyond it.
        title: what stands above them.
    """
    figure = Figure(figsize=(6.4, 4.4))
    axes = figure.subplots()
    for one in lines:
        axes.fill_between(one.errors, one.low * 100, one.high * 100, color=one.look.color,
                          alpha=band_strength(len(lines)), linewidth=0, zorder=1.5)  # fmt: skip
    for one in lines:
        axes.plot(one.errors, one.shares * 100, color=one.look.color, linestyle=one.look.line_style)
    axes.axvline(limit, color=MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
    axes.annotate(f" {LIMIT_NOTE}", (limit, 1), (0, 3), xycoords=("data", "axes fraction"),
                  textcoords="offset points", fontsize=7.5, color=MUTED, ha="right")  # fmt: skip
    axes.set_xlim(0, _end(lines, limit))
    axes.set_ylim(0, 101)
    axes.set_xlabel(_X)
    axes.set_ylabel(f"{_Y} (%)")
    axes.set_title(literal(title, 70))
    legend(axes, [(one.label, one.look) for one in lines])
    return figure


def chart(lines: Sequence[Rising], limit: float) -> dict[str, Any]:
    """The curves for the page; arguments as `draw`."""
    rule = {
        "type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": limit, "x1": limit, "layer": "below",
        "line": {"color": "var(--axis)", "width": 1.4, "dash": "dot"},
    }  # fmt: skip
    note = {
        "x": limit, "yref": "paper", "y": 1, "yanchor": "bottom", "xanchor": "right", "showarrow": False,
        "text": LIMIT_NOTE, "xshift": 3, "font": {"size": 11.5, "color": "var(--muted)"},
    }  # fmt: skip
    layout = chart_layout(
        {"title": _X, "range": [0, _end(lines, limit)]},
        {"title": _Y, "range": [0, 101], "ticksuffix": f"{numbers.THIN}%"},
        height=460,
        shapes=[rule],
        annotations=[note],
    )
    bands, curves = [_band(one, len(lines)) for one in lines], [_curve(one) for one in lines]
    return {"variants": [{"name": "", "data": [*bands, *curves], "layout": layout}]}


def _end(lines: Sequence[Rising], limit: float) -> float:
    return float(max([1.04 * limit, *(one.errors[-1] for one in lines)]))


def _band(one: Rising, number: int) -> dict[str, Any]:
    where = [*one.errors, *one.errors[::-1]]
    ends = [*one.high, *one.low[::-1]]
    return {
        "type": "scatter", "mode": "lines", "name": hover_text(one.label), "legendgroup": one.label, "meta": "band",
        "x": [short(float(value)) for value in where], "y": [short(float(value) * 100) for value in ends],
        "fill": "toself", "fillcolor": one.look.faint_variable(band_strength(number)), "hoverinfo": "skip",
        "line": {"color": one.look.faint_variable(0.35), "width": 0.7},
    }  # fmt: skip


def _curve(one: Rising) -> dict[str, Any]:
    name = hover_text(one.label)
    said = [
        [numbers.plain(error, 4), numbers.percent(share),
         numbers.between(numbers.percent(low), numbers.percent(high))]
        for error, share, low, high in zip(
            *(part.tolist() for part in (one.errors, one.shares, one.low, one.high)), strict=True
        )
    ]  # fmt: skip
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "legendgroup": one.label,
        "x": [short(float(value)) for value in one.errors],
        "y": [short(float(value) * 100) for value in one.shares],
        "line": {"color": one.look.variable, "width": 2.2, "dash": one.look.dash},
        "customdata": said,
        "hovertemplate": f"<b>{name}</b><br>error up to %{{customdata[0]}}<br>%{{customdata[1]}} of photos "
        "(%{customdata[2]})<extra></extra>",
    }
