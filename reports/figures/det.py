"""The detection error trade-off, one kind of error over the other, on probit or on logarithmic axes: false non-matches
over false matches of pairs, attacks taken for bona fide over bona fide samples taken for attacks of detectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from reports import numbers
from reports.curves import fmr_floor, fnmr_floor, weak_below
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

SCALES = ("probit", "log")
"""Probit: normally distributed scores give straight lines. Log: as NIST prints it, the rare errors take the room."""

_TICKS = (0.1, 0.01, 0.4, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 0.2, 0.05, 0.6, 0.8, 0.9, 0.99, 0.02, 5e-3, 2e-3)
"""The most wanted first: a tick that comes too near to one before it is left out."""
_ALMOST_ALL = 1 - 1e-9
"""The probit of 1 is infinite; this lies far beyond every axis."""
FARTHEST = 0.99
"""Where probit axes end for those who err on nearly everything."""
_LOG_TICKS = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0)


def draw(series: Sequence[Drawn], title: str, scale: str, rates: Rates = OF_PAIRS) -> Figure:
    """The DET for paper.

    Args:
        series: what to draw.
        title: what stands above it.
        scale: one of `SCALES`.
        rates: what the two errors are called.
    """
    figure = Figure(figsize=(5.6, 5.4))
    axes = figure.subplots()
    series = _shown(series)
    floor_x, floor_y, top = _limits(series, scale)
    left, bottom, end = (float(value) for value in _place([floor_x, floor_y, top], scale))
    edge = weak_below([one.curve for one in series])
    if edge > floor_x:
        axes.axvspan(left, float(_place(min(edge, top), scale)), color=MUTED, alpha=0.09, linewidth=0)
        note_weak_region(axes, rates.weak)
    axes.plot([max(left, bottom), end], [max(left, bottom), end], color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
    x, y = _axes_of(floor_x, floor_y, scale)
    for one in series:
        draw_band(axes, one, x, y, len(series))
    for one in series:
        curve = without_ends(one.curve)
        axes.plot(
            x(curve.fmr[::-1]), y(curve.fnmr[::-1]), color=one.look.color, linestyle=one.look.line_style,
            drawstyle="steps-post",
        )  # fmt: skip
    for one in series:
        draw_marks(axes, one, x, y, clip=True)
    axes.set_xlim(left, end)
    axes.set_ylim(bottom, end)
    for axis, floor in ((axes.xaxis, floor_x), (axes.yaxis, floor_y)):
        ticks = _ticks(floor, top, scale, room=0.085)
        axis.set_major_locator(FixedLocator(_place(ticks, scale).tolist()))
        axis.set_minor_locator(NullLocator())
        axis.set_ticklabels([f"{tick * 100:.10g} %" for tick in ticks])
    axes.tick_params(axis="x", labelsize=7.5)
    axes.set_xlabel(rates.fmr_title)
    axes.set_ylabel(rates.fnmr_title)
    axes.set_title(literal(title, 70))
    legend(axes, [(one.label, one.look) for one in series])
    return figure


def chart(series: Sequence[Drawn], rates: Rates = OF_PAIRS) -> dict[str, Any]:
    """The DET for the page, with a probit and a logarithmic variant; arguments as `draw`."""
    names = ("Probit axes", "Logarithmic axes")
    return {"variants": [variant(series, scale, name, rates) for scale, name in zip(SCALES, names, strict=True)]}


def variant(series: Sequence[Drawn], scale: str, name: str, rates: Rates = OF_PAIRS) -> dict[str, Any]:
    """One variant of a DET for the page; arguments as `draw`, and what the button says that shows it."""
    series = _shown(series)
    edge = weak_below([one.curve for one in series])
    floor_x, floor_y, top = _limits(series, scale)
    left, bottom, end = (float(value) for value in _place([floor_x, floor_y, top], scale))
    diagonal = {
        "type": "scatter", "mode": "lines", "x": [max(left, bottom), end], "y": [max(left, bottom), end],
        "line": {"color": "var(--axis)", "width": 1.2, "dash": "dot"}, "hoverinfo": "skip",
    }  # fmt: skip
    x, y = _axes_of(floor_x, floor_y, scale)
    parts = [traces_of(one, without_ends(one.curve), x, y, len(series), rates) for one in series]
    region = {}
    if edge > floor_x:
        region = weak_region(left, float(_place(min(edge, top), scale)), log=False, text=rates.weak)
    layout = chart_layout(
        {"title": rates.fmr_title, "range": [left, end], **_axis(floor_x, top, scale)},
        {"title": rates.fnmr_title, "range": [bottom, end], **_axis(floor_y, top, scale)},
        height=560,
        **region,
    )
    return {"name": name, "data": [diagonal, *behind_first(parts)], "layout": layout}


def _axis(floor: float, top: float, scale: str) -> dict[str, Any]:
    ticks = _ticks(floor, top, scale, room=0.045)
    return {"tickvals": _place(ticks, scale).tolist(), "ticktext": [numbers.rate(tick) for tick in ticks]}


def _ticks(floor: float, top: float, scale: str, room: float) -> list[float]:
    """The rates to print along an axis, at least so much of its length apart."""
    start, end = _place([floor, top], scale)
    kept: list[float] = []
    for tick in _TICKS if scale == "probit" else _LOG_TICKS:
        near = np.abs(_place(kept, scale) - _place(tick, scale)) < room * (end - start)
        if floor <= tick <= top and not near.any():
            kept.append(tick)
    return sorted(kept)


def _place(rates: ArrayLike, scale: str) -> NDArray[np.float64]:
    """Where rates stand on an axis; plotly and matplotlib both get the result on a linear one."""
    values = np.asarray(rates, dtype=np.float64)
    return np.asarray(ndtri(np.minimum(values, _ALMOST_ALL)) if scale == "probit" else np.log10(values))


def _shown(series: Sequence[Drawn]) -> list[Drawn]:
    """The series with their bands as far as their curves are drawn: to the first FMR at which nobody is rejected."""
    found = []
    for one in series:
        band = one.band
        if band is not None and one.curve.false_non_matches[0] == 0:
            band = band.until(float(one.curve.fmr[one.curve.false_non_matches == 0].min()))
        found.append(replace(one, band=band))
    return found


def _axes_of(floor_x: float, floor_y: float, scale: str) -> tuple[Place, Place]:
    def placed(floor: float) -> Place:
        return lambda rates: _place(np.maximum(np.asarray(rates, dtype=np.float64), floor), scale)

    return placed(floor_x), placed(floor_y)


def _limits(series: Sequence[Drawn], scale: str) -> tuple[float, float, float]:
    floor_x = min([fmr_floor(one.curve) for one in series] + [0.05])
    floor_y = min([fnmr_floor(one.curve) for one in series] + [0.05])
    if scale == "log":
        return floor_x, floor_y, 1.0
    # The curves end where they cross the far side; half of all errors is as far as anyone looks, unless they must.
    crossing = max((float(np.min(np.maximum(one.curve.fmr, one.curve.fnmr))) for one in series), default=0.5)
    farthest = max((mark.fmr for one in series for mark in one.marks), default=0.0)
    return floor_x, floor_y, 0.6 if crossing < 0.3 and farthest < 0.6 else FARTHEST
