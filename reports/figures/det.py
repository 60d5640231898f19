"""The detection error trade-off: false non-match rate over false match rate, on probit or on logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from bench.metrics import ErrorCurve
from reports import numbers
from reports.curves import fmr_floor, fnmr_floor, weak_below
from reports.figures.roc import Drawn, note_weak_band, traces_of, weak_band, without_ends
from reports.figures.style import MUTED, chart_layout, legend, literal

SCALES = ("probit", "log")
"""Probit: normally distributed scores give straight lines. Log: as NIST prints it, the rare errors take the room."""

_TICKS = (0.1, 0.01, 0.4, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 0.2, 0.05, 0.6, 0.8, 0.9, 0.99, 0.02, 5e-3, 2e-3)
"""The most wanted first: a tick that comes too near to one before it is left out."""
_ALMOST_ALL = 1 - 1e-9
"""The probit of 1 is infinite; this lies far beyond every axis."""
_LOG_TICKS = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0)


def draw(series: Sequence[Drawn], title: str, scale: str) -> Figure:
    """The DET for paper.

    Args:
        series: what to draw.
        title: what stands above it.
        scale: one of `SCALES`.
    """
    figure = Figure(figsize=(5.6, 5.4))
    axes = figure.subplots()
    floor_x, floor_y, top = _limits(series, scale)
    left, bottom, end = (float(value) for value in _place([floor_x, floor_y, top], scale))
    edge = weak_below([one.curve for one in series])
    if edge > floor_x:
        axes.axvspan(left, float(_place(min(edge, top), scale)), color=MUTED, alpha=0.09, linewidth=0)
        note_weak_band(axes)
    axes.plot([max(left, bottom), end], [max(left, bottom), end], color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
    for one in series:
        x, y = _vertices(without_ends(one.curve), floor_x, floor_y, scale)
        axes.plot(x, y, color=one.look.color, linestyle=one.look.line_style, drawstyle="steps-post")
        for mark in one.marks:
            x, y = _place([max(mark.fmr, floor_x)], scale), _place([max(mark.fnmr, floor_y)], scale)
            face = "white" if mark.weak else one.look.color
            axes.plot(
                x, y, one.look.marker, color=one.look.color, markerfacecolor=face, markersize=5.5,
                markeredgewidth=1.4, clip_on=not (left <= x[0] <= end and bottom <= y[0] <= end), zorder=5,
            )  # fmt: skip
    axes.set_xlim(left, end)
    axes.set_ylim(bottom, end)
    for axis, floor in ((axes.xaxis, floor_x), (axes.yaxis, floor_y)):
        ticks = _ticks(floor, top, scale, room=0.085)
        axis.set_major_locator(FixedLocator(_place(ticks, scale).tolist()))
        axis.set_minor_locator(NullLocator())
        axis.set_ticklabels([f"{tick * 100:.10g} %" for tick in ticks])
    axes.tick_params(axis="x", labelsize=7.5)
    axes.set_xlabel("false match rate (FMR)")
    axes.set_ylabel("false non-match rate (FNMR)")
    axes.set_title(literal(title, 70))
    legend(axes, [(one.label, one.look) for one in series])
    return figure


def chart(series: Sequence[Drawn]) -> dict[str, Any]:
    """The DET for the page, with a probit and a logarithmic variant; arguments as `draw`."""
    variants = []
    edge = weak_below([one.curve for one in series])
    for scale, name in zip(SCALES, ("Probit axes", "Logarithmic axes"), strict=True):
        floor_x, floor_y, top = _limits(series, scale)
        left, bottom, end = (float(value) for value in _place([floor_x, floor_y, top], scale))
        traces: list[dict[str, Any]] = [
            {
                "type": "scatter", "mode": "lines", "x": [max(left, bottom), end], "y": [max(left, bottom), end],
                "line": {"color": "var(--axis)", "width": 1.2, "dash": "dot"}, "hoverinfo": "skip",
            }
        ]  # fmt: skip
        for one in series:
            curve = without_ends(one.curve)
            x, y = _vertices(curve, floor_x, floor_y, scale)
            marks_x = _place([max(mark.fmr, floor_x) for mark in one.marks], scale)
            marks_y = _place([max(mark.fnmr, floor_y) for mark in one.marks], scale)
            points = list(zip(marks_x.tolist(), marks_y.tolist(), strict=True))
            traces += traces_of(one, curve, x.tolist(), y.tolist(), points)
        band = weak_band(left, float(_place(min(edge, top), scale)), log=False) if edge > floor_x else {}
        layout = chart_layout(
            {"title": "false match rate (FMR)", "range": [left, end], **_axis(floor_x, top, scale)},
            {"title": "false non-match rate (FNMR)", "range": [bottom, end], **_axis(floor_y, top, scale)},
            height=560,
            **band,
        )
        variants.append({"name": name, "data": traces, "layout": layout})
    return {"variants": variants}


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


def _vertices(
    curve: ErrorCurve, floor_x: float, floor_y: float, scale: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    fmr, fnmr = np.maximum(curve.fmr[::-1], floor_x), np.maximum(curve.fnmr[::-1], floor_y)
    return _place(fmr, scale), _place(fnmr, scale)


def _limits(series: Sequence[Drawn], scale: str) -> tuple[float, float, float]:
    floor_x = min([fmr_floor(one.curve) for one in series] + [0.05])
    floor_y = min([fnmr_floor(one.curve) for one in series] + [0.05])
    if scale == "log":
        return floor_x, floor_y, 1.0
    # The curves end where they cross the far side; half of all errors is as far as anyone looks, unless they must.
    crossing = max((float(np.min(np.maximum(one.curve.fmr, one.curve.fnmr))) for one in series), default=0.5)
    return floor_x, floor_y, 0.6 if crossing < 0.3 else 0.99
