"""The receiver operating characteristic: true match rate over false match rate, which is logarithmic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.metrics import ErrorCurve
from reports import numbers
from reports.curves import Mark, fmr_floor, vertices, weak_below
from reports.figures.style import MUTED, Look, chart_layout, hover_text, legend, literal

_WEAK_BAND = "shaded: fewer than 30 false matches"


@dataclass(frozen=True, eq=False)
class Drawn:
    """One series of a curve picture.

    Attributes:
        label: its name.
        look: its look.
        curve: its thinned curve.
        marks: its operating points.
    """

    label: str
    look: Look
    curve: ErrorCurve
    marks: tuple[Mark, ...]


def draw(series: Sequence[Drawn], title: str) -> Figure:
    """The ROC for paper.

    Args:
        series: what to draw, first on top of the legend.
        title: what stands above it.
    """
    figure = Figure(figsize=(6.4, 4.6))
    axes = figure.subplots()
    floor, lowest = _left(series), _bottom(series)
    edge = weak_below([one.curve for one in series])
    if edge > floor:
        axes.axvspan(floor, min(edge, 1), color=MUTED, alpha=0.09, linewidth=0)
        note_weak_band(axes)
    for one in series:
        curve = without_ends(one.curve, to_the_end=True)
        fmr, tmr = np.maximum(curve.fmr[::-1], floor), curve.tmr[::-1]
        axes.plot(fmr, tmr, color=one.look.color, linestyle=one.look.line_style, drawstyle="steps-post")
        for mark in one.marks:
            face = "white" if mark.weak else one.look.color
            axes.plot(
                [max(mark.fmr, floor)], [1 - mark.fnmr], one.look.marker, color=one.look.color,
                markerfacecolor=face, markersize=5.5, markeredgewidth=1.4, clip_on=False, zorder=5,
            )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(floor, 1)
    axes.set_ylim(lowest, 1 + (1 - lowest) * 0.015)
    axes.xaxis.set_major_locator(LogLocator(numticks=12))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.10g} %"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.6g} %"))
    axes.set_xlabel("false match rate (FMR)")
    axes.set_ylabel("true match rate (TMR)")
    axes.set_title(literal(title, 80))
    legend(axes, [(one.label, one.look) for one in series])
    return figure


def chart(series: Sequence[Drawn]) -> dict[str, Any]:
    """The ROC for the page; arguments as `draw`."""
    floor, lowest = _left(series), _bottom(series)
    edge = weak_below([one.curve for one in series])
    traces = []
    for one in series:
        curve = without_ends(one.curve, to_the_end=True)
        fmr, tmr = np.maximum(curve.fmr[::-1], floor), curve.tmr[::-1] * 100
        points = [(max(mark.fmr, floor), 100 - mark.fnmr * 100) for mark in one.marks]
        traces += traces_of(one, curve, fmr.tolist(), tmr.tolist(), points)
    exponents = list(range(int(np.floor(np.log10(floor))), 1))
    layout = chart_layout(
        {
            "title": "false match rate (FMR)",
            "type": "log",
            "range": [float(np.log10(floor)), 0],
            "tickvals": [10.0**exponent for exponent in exponents],
            "ticktext": [numbers.rate(10.0**exponent) for exponent in exponents],
        },
        {
            "title": "true match rate (TMR)",
            "range": [lowest * 100, 101.5 - lowest * 1.5],
            "ticksuffix": f"{numbers.THIN}%",
        },
        height=460,
        **weak_band(floor, min(edge, 1), log=True),
    )
    return {"variants": [{"name": "", "data": traces, "layout": layout}]}


def traces_of(
    one: Drawn, curve: ErrorCurve, x: list[float], y: list[float], points: Sequence[tuple[float, float]]
) -> list[dict[str, Any]]:
    """The line and the operating points of a series, as plotly's traces.

    Args:
        one: the series.
        curve: its vertices.
        x: where the vertices stand, by ascending FMR.
        y: likewise.
        points: where the operating points stand.
    """
    name = hover_text(one.label)
    details = zip(curve.thresholds[::-1], curve.fmr[::-1], curve.fnmr[::-1], strict=True)
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "legendgroup": one.label,
        "x": [_short(value) for value in x],
        "y": [_short(value) for value in y],
        "customdata": [_details(*(float(value) for value in detail)) for detail in details],
        "line": {"shape": "hv", "color": one.look.variable, "width": 2.2, "dash": one.look.dash},
        "hovertemplate": f"<b>{name}</b><br>threshold %{{customdata[0]}}<br>FMR %{{customdata[1]}}"
        "<br>FNMR %{customdata[2]}<extra></extra>",
    }
    if not one.marks:
        return [line]
    open_or_filled = [f"{one.look.symbol}{'-open' if mark.weak else ''}" for mark in one.marks]
    marks = {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "legendgroup": one.label,
        "x": [_short(point[0]) for point in points],
        "y": [_short(point[1]) for point in points],
        "customdata": [
            [*_details(mark.threshold, mark.fmr, mark.fnmr), mark.label + (", weak" if mark.weak else "")]
            for mark in one.marks
        ],
        "marker": {
            "symbol": open_or_filled,
            "size": 10,
            "color": one.look.variable,
            "line": {"width": 2, "color": one.look.variable},
        },
        "cliponaxis": False,
        "hovertemplate": f"<b>{name}</b> at %{{customdata[3]}}<br>threshold %{{customdata[0]}}"
        "<br>achieved FMR %{customdata[1]}<br>FNMR %{customdata[2]}<extra></extra>",
    }
    return [line, marks]


def without_ends(curve: ErrorCurve, to_the_end: bool = False) -> ErrorCurve:
    """The curve between the best threshold without any false match and the best one without any false non-match.

    What lies beyond is worse in one error and no better in the other: a line along the edge of the picture.

    Args:
        curve: the curve.
        to_the_end: whether to add the threshold that accepts everything: a ROC goes on to there, at a TMR of 100 %.
    """
    first = int(np.count_nonzero(curve.false_non_matches == 0)) - 1
    end = len(curve.thresholds) - int(np.count_nonzero(curve.false_matches == 0)) + 1
    kept = np.arange(min(max(first, 0), end - 1), max(end, first + 1))
    if to_the_end and kept[0] > 0:
        kept = np.append(0, kept)
    return vertices(curve, kept)


def note_weak_band(axes: Axes) -> None:
    """Says above the axes, at their left end, what the shaded part is."""
    axes.annotate(
        _WEAK_BAND, (0, 1), (0, 3), xycoords="axes fraction", textcoords="offset points", fontsize=7.5, color=MUTED
    )


def weak_band(left: float, right: float, log: bool) -> dict[str, Any]:
    """The part of the picture that rests on fewer than 30 false matches, as plotly's shape and note.

    Args:
        left: where it begins, in units of the horizontal axis.
        right: where it ends.
        log: whether that axis is logarithmic; a note's position is then the logarithm.
    """
    if right <= left:
        return {}
    band = {
        "type": "rect", "layer": "below", "x0": left, "x1": right, "yref": "paper", "y0": 0, "y1": 1,
        "fillcolor": "var(--band)", "line": {"width": 0},
    }  # fmt: skip
    note = {
        "x": float(np.log10(left)) if log else left, "xanchor": "left", "yref": "paper", "y": 1, "yanchor": "bottom",
        "xshift": -3, "yshift": 1, "showarrow": False, "text": _WEAK_BAND,
        "font": {"size": 11.5, "color": "var(--muted)"},
    }  # fmt: skip
    return {"shapes": [band], "annotations": [note]}


def _left(series: Sequence[Drawn]) -> float:
    return min([fmr_floor(one.curve) for one in series] + [0.05])


def _bottom(series: Sequence[Drawn]) -> float:
    # The interesting part is the top; a recognizer that is near chance still has to fit.
    worst = min((float(without_ends(one.curve).tmr.min()) for one in series), default=0)
    return max(0.0, float(np.floor(worst * 20 - 0.5)) / 20)


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def _details(threshold: float, fmr: float, fnmr: float) -> list[str]:
    return [numbers.plain(threshold, 4), numbers.percent(fmr), numbers.percent(fnmr)]
