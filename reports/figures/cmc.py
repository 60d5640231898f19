"""The cumulative match characteristic: how many searches have their mate among the first R candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.metrics import SearchBand
from reports import numbers
from reports.figures.drawn import band_strength
from reports.figures.style import Look, chart_layout, hover_text, legend, literal

_RANKS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500, 1000)


@dataclass(frozen=True, eq=False)
class Drawn:
    """One series of the picture.

    Attributes:
        label: its name.
        look: its look.
        band: its rate at every rank, with intervals.
        marks: the ranks at which the table of figures gives a rate; shown as markers where the band reaches them.
    """

    label: str
    look: Look
    band: SearchBand
    marks: tuple[int, ...] = ()


def draw(series: Sequence[Drawn], title: str) -> Figure:
    """The CMC for paper.

    Args:
        series: what to draw, first on top of the legend.
        title: what stands above it.
    """
    figure = Figure(figsize=(6.4, 4.2))
    axes = figure.subplots()
    last, lowest = _last(series), _bottom(series)
    for one in series:
        band, color = one.band, one.look.color
        axes.fill_between(
            band.x, band.low, band.high, color=color, alpha=band_strength(len(series)), linewidth=0, zorder=1.5
        )
        for edge in (band.low, band.high):
            axes.plot(band.x, edge, color=color, alpha=0.35, linewidth=0.5, zorder=1.6)
    for one in series:
        at = _marked(one)
        axes.plot(one.band.x, one.band.y, color=one.look.color, linestyle=one.look.line_style)
        axes.plot(
            one.band.x[at], one.band.y[at], one.look.marker, color=one.look.color, markersize=5, clip_on=False, zorder=5
        )
    axes.set_xscale("log")
    axes.set_xlim(1, last)
    axes.set_ylim(lowest, 1 + (1 - lowest) * 0.02)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(last)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.6g} %"))
    axes.set_xlabel("rank")
    axes.set_ylabel("cumulative match rate")
    axes.set_title(literal(title, 80))
    legend(axes, [(one.label, one.look) for one in series])
    return figure


def chart(series: Sequence[Drawn]) -> Mapping[str, Any]:
    """The CMC for the page; arguments as `draw`."""
    last, lowest = _last(series), _bottom(series)
    bands = [_band(one, len(series)) for one in series]
    layout = chart_layout(
        {
            "title": "rank",
            "type": "log",
            "range": [0, float(np.log10(last))],
            "tickvals": _ticks(last),
            "ticktext": [str(tick) for tick in _ticks(last)],
        },
        {
            "title": "cumulative match rate",
            "range": [lowest * 100, 102 - lowest * 2],
            "ticksuffix": f"{numbers.THIN}%",
        },
        height=420,
    )
    return {"variants": [{"name": "", "data": [*bands, *(_line(one) for one in series)], "layout": layout}]}


def _band(one: Drawn, number: int) -> dict[str, Any]:
    band = one.band
    around = np.concatenate([band.high, band.low[::-1]])
    return {
        "type": "scatter", "mode": "lines", "name": hover_text(one.label), "legendgroup": one.label,
        "x": np.concatenate([band.x, band.x[::-1]]).tolist(), "y": np.round(around * 100, 4).tolist(),
        "fill": "toself", "fillcolor": one.look.faint_variable(band_strength(number)), "hoverinfo": "skip",
        "line": {"color": one.look.faint_variable(0.35), "width": 0.7}, "meta": "band",
    }  # fmt: skip


def _line(one: Drawn) -> dict[str, Any]:
    band, name = one.band, hover_text(one.label)
    marked = _marked(one)
    rows = zip(band.y.tolist(), band.low.tolist(), band.high.tolist(), strict=True)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "legendgroup": one.label,
        "x": band.x.tolist(),
        "y": np.round(band.y * 100, 4).tolist(),
        "customdata": [
            [numbers.percent(rate), numbers.between(numbers.percent(low), numbers.percent(high))]
            for rate, low, high in rows
        ],
        "line": {"color": one.look.variable, "width": 2.2, "dash": one.look.dash},
        "marker": {
            "symbol": one.look.symbol,
            "size": np.where(marked, 9, 0).tolist(),
            "color": one.look.variable,
            "opacity": 1,
        },
        "cliponaxis": False,
        "hovertemplate": f"<b>{name}</b><br>rank %{{x}}<br>found %{{customdata[0]}} (%{{customdata[1]}})"
        "<extra></extra>",
    }


def _marked(one: Drawn) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.isin(one.band.x, one.marks)


def _ticks(last: float) -> list[int]:
    return [rank for rank in _RANKS if rank <= last]


def _last(series: Sequence[Drawn]) -> float:
    return max([float(one.band.x[-1]) for one in series] + [2.0])


def _bottom(series: Sequence[Drawn]) -> float:
    # The interesting part is the top; a recognizer that is near chance still has to fit, with its band.
    worst = min((float(one.band.low.min()) for one in series), default=0)
    return max(0.0, float(np.floor(worst * 20)) / 20)
