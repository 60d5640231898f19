"""The receiver operating characteristic: true match rate over false match rate, which is logarithmic.

Any two rates that fall as a threshold rises make such a curve, such as how often faces and real strangers are taken
for somebody in a gallery.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from reports import numbers
from reports.curves import fmr_floor, weak_below
from reports.figures.drawn import (
    OF_PAIRS,
    Drawn,
    Place,
    Rates,
    behind_first,
    draw_band,
    draw_marks,
    note_weak_region,
    traces_of,
    weak_region,
    without_ends,
)
from reports.figures.style import MUTED, chart_layout, legend, literal

TMR_TITLE = "true match rate (TMR)"


def draw(series: Sequence[Drawn], title: str, rates: Rates = OF_PAIRS, up: str = TMR_TITLE) -> Figure:
    """The ROC for paper.

    Args:
        series: what to draw, first on top of the legend.
        title: what stands above it.
        rates: what the rates are called.
        up: what 1 - `Drawn.curve.fnmr` is called, which goes up.
    """
    figure = Figure(figsize=(6.4, 4.6))
    axes = figure.subplots()
    floor, lowest = _left(series), _bottom(series)
    edge = weak_below([one.curve for one in series])
    if edge > floor:
        axes.axvspan(floor, min(edge, 1), color=MUTED, alpha=0.09, linewidth=0)
        note_weak_region(axes, rates.weak)
    x = _across(floor)
    for one in series:
        draw_band(axes, one, x, _tmr, len(series))
    for one in series:
        curve = without_ends(one.curve, to_the_end=True)
        axes.plot(
            x(curve.fmr[::-1]), curve.tmr[::-1], color=one.look.color, linestyle=one.look.line_style,
            drawstyle="steps-post",
        )  # fmt: skip
    for one in series:
        draw_marks(axes, one, x, _tmr)
    axes.set_xscale("log")
    axes.set_xlim(floor, 1)
    axes.set_ylim(lowest, 1 + (1 - lowest) * 0.015)
    axes.xaxis.set_major_locator(LogLocator(numticks=12))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.10g} %"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.6g} %"))
    axes.set_xlabel(rates.fmr_title)
    axes.set_ylabel(up)
    axes.set_title(literal(title, 80))
    legend(axes, [(one.label, one.look) for one in series])
    return figure


def chart(series: Sequence[Drawn], rates: Rates = OF_PAIRS, up: str = TMR_TITLE) -> dict[str, Any]:
    """The ROC for the page; arguments as `draw`."""
    floor, lowest = _left(series), _bottom(series)
    edge = weak_below([one.curve for one in series])
    x = _across(floor)
    parts = [
        traces_of(one, without_ends(one.curve, to_the_end=True), x, lambda fnmr: _tmr(fnmr) * 100, len(series), rates)
        for one in series
    ]
    exponents = list(range(int(np.floor(np.log10(floor))), 1))
    layout = chart_layout(
        {
            "title": rates.fmr_title,
            "type": "log",
            "range": [float(np.log10(floor)), 0],
            "tickvals": [10.0**exponent for exponent in exponents],
            "ticktext": [numbers.rate(10.0**exponent) for exponent in exponents],
        },
        {
            "title": up,
            "range": [lowest * 100, 101.5 - lowest * 1.5],
            "ticksuffix": f"{numbers.THIN}%",
        },
        height=460,
        **weak_region(floor, min(edge, 1), log=True, text=rates.weak),
    )
    return {"variants": [{"name": "", "data": behind_first(parts), "layout": layout}]}


def _across(floor: float) -> Place:
    return lambda fmr: np.maximum(np.asarray(fmr, dtype=np.float64), floor)


def _tmr(fnmr: ArrayLike) -> NDArray[np.float64]:
    return 1 - np.asarray(fnmr, dtype=np.float64)


def _left(series: Sequence[Drawn]) -> float:
    return min([fmr_floor(one.curve) for one in series] + [0.05])


def _bottom(series: Sequence[Drawn]) -> float:
    # The interesting part is the top; a recognizer that is near chance still has to fit.
    worst = min((float(without_ends(one.curve).tmr.min()) for one in series), default=0)
    return max(0.0, float(np.floor(worst * 20 - 0.5)) / 20)
