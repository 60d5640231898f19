"""The open-set curve, as NIST draws it: FNIR over FPIR, both logarithmic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import ArrayLike, NDArray

from reports import numbers
from reports.curves import fmr_floor, fnmr_floor, weak_below
from reports.figures.drawn import (
    Drawn,
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

_TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_RATES = Rates(
    "FPIR", "FNIR", "false positive identification rate (FPIR)", "false negative identification rate (FNIR)",
    "shaded: fewer than 30 false positives",
)  # fmt: skip


def draw(series: Sequence[Drawn], title: str) -> Figure:
    """The open-set curve for paper.

    Args:
        series: what to draw, first on top of the legend; a curve's ``fmr`` is the FPIR, its ``fnmr`` the FNIR.
        title: what stands above it.
    """
    figure = Figure(figsize=(6.4, 4.8))
    axes = figure.subplots()
    left, bottom = _limits(series)
    edge = weak_below([one.curve for one in series])
    if edge > left:
        axes.axvspan(left, min(edge, 1), color=MUTED, alpha=0.09, linewidth=0)
        note_weak_region(axes, _RATES.weak)
    for one in series:
        draw_band(axes, one, _from(left), _from(bottom), len(series))
    for one in series:
        curve = without_ends(one.curve)
        axes.plot(
            _from(left)(curve.fmr[::-1]), _from(bottom)(curve.fnmr[::-1]), color=one.look.color,
            linestyle=one.look.line_style, drawstyle="steps-post",
        )  # fmt: skip
    for one in series:
        draw_marks(axes, one, _from(left), _from(bottom))
    _axes(axes, left, bottom)
    axes.set_title(literal(title, 80))
    legend(axes, [(one.label, one.look) for one in series])
    return figure


def chart(series: Sequence[Drawn]) -> Mapping[str, Any]:
    """The open-set curve for the page; arguments as `draw`."""
    left, bottom = _limits(series)
    edge = weak_below([one.curve for one in series])
    parts = [traces_of(one, without_ends(one.curve), _from(left), _from(bottom), len(series), _RATES) for one in series]
    layout = chart_layout(
        {"title": _RATES.fmr_title, "type": "log", "range": [float(np.log10(left)), 0], **_tick_texts(left)},
        {"title": _RATES.fnmr_title, "type": "log", "range": [float(np.log10(bottom)), 0], **_tick_texts(bottom)},
        height=500,
        **weak_region(left, min(edge, 1), log=True, text=_RATES.weak),
    )
    return {"variants": [{"name": "", "data": behind_first(parts), "layout": layout}]}


def _axes(axes: Axes, left: float, bottom: float) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(left, 1)
    axes.set_ylim(bottom, 1)
    both: tuple[tuple[Axis, float], ...] = ((axes.xaxis, left), (axes.yaxis, bottom))
    for axis, floor in both:
        axis.set_major_locator(FixedLocator(_ticks(floor)))
        axis.set_minor_locator(NullLocator())
        axis.set_ticklabels([f"{tick * 100:.10g} %" for tick in _ticks(floor)])
    axes.set_xlabel(_RATES.fmr_title)
    axes.set_ylabel(_RATES.fnmr_title)


def _ticks(floor: float) -> list[float]:
    """Decades, and steps between them where there is room."""
    shown = [tick for tick in _TICKS if tick >= floor]
    return shown if floor > 1e-3 else [tick for tick in shown if round(np.log10(tick), 6) % 1 == 0]


def _tick_texts(floor: float) -> dict[str, Any]:
    return {"tickvals": _ticks(floor), "ticktext": [numbers.rate(tick) for tick in _ticks(floor)]}


def _from(floor: float) -> Any:
    def place(rates: ArrayLike) -> NDArray[np.float64]:
        return np.maximum(np.asarray(rates, dtype=np.float64), floor)

    return place


def _limits(series: Sequence[Drawn]) -> tuple[float, float]:
    left = min([fmr_floor(one.curve) for one in series] + [0.05])
    return left, min([fnmr_floor(one.curve) for one in series] + [0.05])
