"""One series of a curve picture: its line, its band and its operating points, for paper and for the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from bench.metrics import ErrorCurve
from reports import numbers
from reports.curves import Band, Ends, Mark, vertices
from reports.figures.style import MUTED, Look, hover_text

Place = Callable[[ArrayLike], NDArray[np.float64]]
"""Rates to where they stand on an axis."""

WEAK_REGION = "shaded: fewer than 30 false matches"


@dataclass(frozen=True)
class Rates:
    """What the two rates of a curve picture are called.

    Attributes:
        fmr: what a curve's ``fmr`` is, in short, along the horizontal axis.
        fnmr: what its ``fnmr`` is, in short.
        fmr_title: the first in full.
        fnmr_title: the second in full.
        weak: what the shaded part of the picture is.
    """

    fmr: str
    fnmr: str
    fmr_title: str
    fnmr_title: str
    weak: str


OF_PAIRS = Rates("FMR", "FNMR", "false match rate (FMR)", "false non-match rate (FNMR)", WEAK_REGION)
"""Of comparisons of two photos."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """One series of a curve picture.

    Attributes:
        label: its name.
        look: its look.
        curve: its thinned curve.
        marks: its operating points.
        band: the intervals around its curve, or None.
    """

    label: str
    look: Look
    curve: ErrorCurve
    marks: tuple[Mark, ...]
    band: Band | None = None


def band_strength(number: int) -> float:
    """The opacity of each of so many bands: fainter the more of them lie over each other."""
    return 0.2 if number <= 3 else 0.14 if number <= 5 else 0.1


# ---------------------------------------------------------------------------------------------------------- for paper


def draw_band(axes: Axes, one: Drawn, x: Place, y: Place, number: int) -> None:
    """Draws a series' band, behind every line.

    Args:
        axes: where.
        one: the series.
        x: places an FMR.
        y: places an FNMR.
        number: how many series the picture has.
    """
    if one.band is None:
        return
    where, low, high = x(one.band.fmr), y(one.band.low), y(one.band.high)
    axes.fill_between(where, low, high, color=one.look.color, alpha=band_strength(number), linewidth=0, zorder=1.5)
    for edge in (low, high):
        axes.plot(where, edge, color=one.look.color, alpha=0.35, linewidth=0.5, zorder=1.6)


def draw_marks(axes: Axes, one: Drawn, x: Place, y: Place, clip: bool = False) -> None:
    """Draws a series' operating points with their intervals; arguments as `draw_band`.

    Args:
        axes: where.
        one: the series.
        x: places an FMR.
        y: places an FNMR.
        clip: whether what lies outside the axes is cut off.
    """
    for mark in one.marks:
        at_x, at_y = float(x(mark.fmr)), float(y(mark.fnmr))
        bars: dict[str, Any] = {
            "color": one.look.color,
            "linewidth": 1.1,
            "alpha": 0.9,
            "zorder": 4.5,
            "solid_capstyle": "butt",
        }
        if mark.upright:
            axes.plot([at_x, at_x], y(mark.upright), **bars)
        if mark.across:
            axes.plot(x(mark.across), [at_y, at_y], **bars)
        axes.plot(
            [at_x], [at_y], "X" if mark.carried else one.look.marker, color=one.look.color,
            markerfacecolor="white" if mark.weak else one.look.color, markersize=5.5,
            markeredgewidth=1.0 if mark.carried else 1.4, clip_on=clip, zorder=5,
        )  # fmt: skip


def note_weak_region(axes: Axes, text: str = WEAK_REGION) -> None:
    """Says above the axes, at their left end, what the shaded part is."""
    axes.annotate(text, (0, 1), (0, 3), xycoords="axes fraction", textcoords="offset points", fontsize=7.5, color=MUTED)


# ------------------------------------------------------------------------------------------------------- for the page


def traces_of(
    one: Drawn, curve: ErrorCurve, x: Place, y: Place, number: int, rates: Rates = OF_PAIRS
) -> list[dict[str, Any]]:
    """The band, the line and the operating points of a series as plotly's traces, those behind first.

    Args:
        one: the series.
        curve: the vertices to draw.
        x: places an FMR, in the units of the axis.
        y: places an FNMR.
        number: how many series the picture has.
        rates: what the two are called.
    """
    fmr, fnmr = curve.fmr[::-1], curve.fnmr[::-1]
    details = zip(curve.thresholds[::-1].tolist(), fmr.tolist(), _told(fnmr, fmr, one.band), strict=True)
    name = hover_text(one.label)
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "legendgroup": one.label,
        "x": _short(x(fmr)),
        "y": _short(y(fnmr)),
        "customdata": [[numbers.plain(at, 4), numbers.percent(rate), told] for at, rate, told in details],
        "line": {"shape": "hv", "color": one.look.variable, "width": 2.2, "dash": one.look.dash},
        "hovertemplate": f"<b>{name}</b><br>threshold %{{customdata[0]}}<br>{rates.fmr} %{{customdata[1]}}"
        f"<br>{rates.fnmr} %{{customdata[2]}}<extra></extra>",
    }
    return [*_band(one, x, y, number), line, *_marks(one, x, y, rates)]


def behind_first(parts: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The traces of several series, every band below every line and every line below the operating points."""
    traces = [trace for part in parts for trace in part]
    return sorted(traces, key=lambda trace: (trace.get("meta") != "band", trace["mode"] == "markers"))


def _band(one: Drawn, x: Place, y: Place, number: int) -> list[dict[str, Any]]:
    if one.band is None:
        return []
    where, low, high = x(one.band.fmr), y(one.band.low), y(one.band.high)
    band = {
        "type": "scatter", "mode": "lines", "name": hover_text(one.label), "legendgroup": one.label,
        "x": _short(np.concatenate([where, where[::-1]])), "y": _short(np.concatenate([high, low[::-1]])),
        "fill": "toself", "fillcolor": one.look.faint_variable(band_strength(number)), "hoverinfo": "skip",
        "line": {"color": one.look.faint_variable(0.35), "width": 0.7}, "meta": "band",
    }  # fmt: skip
    return [band]


def _marks(one: Drawn, x: Place, y: Place, rates: Rates) -> list[dict[str, Any]]:
    if not one.marks:
        return []
    name = hover_text(one.label)
    at_x, at_y = (
        np.atleast_1d(x([mark.fmr for mark in one.marks])),
        np.atleast_1d(y([mark.fnmr for mark in one.marks])),
    )
    shapes = [("x" if mark.carried else one.look.symbol) + ("-open" if mark.weak else "") for mark in one.marks]
    bars = {"type": "data", "symmetric": False, "color": one.look.variable, "thickness": 1.3, "width": 3}
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "legendgroup": one.label,
            "x": _short(at_x),
            "y": _short(at_y),
            "error_x": bars | _reach(at_x, x, [mark.across for mark in one.marks]),
            "error_y": bars | _reach(at_y, y, [mark.upright for mark in one.marks]),
            "customdata": [
                [
                    numbers.plain(mark.threshold, 4),
                    _with(mark.fmr, mark.fmr_ends),
                    _with(mark.fnmr, mark.fnmr_ends),
                    mark.label + (", weak" if mark.weak else ""),
                ]
                for mark in one.marks
            ],
            "marker": {
                "symbol": shapes,
                "size": 10,
                "color": one.look.variable,
                "line": {"width": [1 if mark.carried else 2 for mark in one.marks], "color": one.look.variable},
            },
            "cliponaxis": False,
            "hovertemplate": f"<b>{name}</b> at %{{customdata[3]}}<br>threshold %{{customdata[0]}}"
            f"<br>achieved {rates.fmr} %{{customdata[1]}}<br>{rates.fnmr} %{{customdata[2]}}<extra></extra>",
        }
    ]


def _reach(middle: NDArray[np.float64], place: Place, ends: Sequence[Ends]) -> dict[str, list[float]]:
    """How far bars reach from points, to both sides, in the units of the axis."""
    placed = [(at, at) if pair is None else sorted(place(pair).tolist()) for at, pair in zip(middle, ends, strict=True)]
    above = [max(high - at, 0.0) for at, (_, high) in zip(middle, placed, strict=True)]
    below = [max(at - low, 0.0) for at, (low, _) in zip(middle, placed, strict=True)]
    return {"array": _short(np.array(above)), "arrayminus": _short(np.array(below))}


def _told(rates: NDArray[np.float64], at: NDArray[np.float64], band: Band | None) -> list[str]:
    if band is None:
        return [numbers.percent(rate) for rate in rates.tolist()]
    low, high = band.at(at)
    ends = [None if np.isnan(pair[0]) else pair for pair in zip(low.tolist(), high.tolist(), strict=True)]
    return [_with(rate, pair) for rate, pair in zip(rates.tolist(), ends, strict=True)]


def _with(rate: float, ends: Ends) -> str:
    if ends is None:
        return numbers.percent(rate)
    return f"{numbers.percent(rate)} ({numbers.between(numbers.percent(ends[0]), numbers.percent(ends[1]))})"


def weak_region(left: float, right: float, log: bool, text: str = WEAK_REGION) -> dict[str, Any]:
    """The part of the picture that rests on too few errors, as plotly's shape and note.

    Args:
        left: where it begins, in units of the horizontal axis.
        right: where it ends.
        log: whether that axis is logarithmic; a note's position is then the logarithm.
        text: what the note says.
    """
    if right <= left:
        return {}
    region = {
        "type": "rect", "layer": "below", "x0": left, "x1": right, "yref": "paper", "y0": 0, "y1": 1,
        "fillcolor": "var(--region)", "line": {"width": 0},
    }  # fmt: skip
    note = {
        "x": float(np.log10(left)) if log else left, "xanchor": "left", "yref": "paper", "y": 1, "yanchor": "bottom",
        "xshift": -3, "yshift": 1, "showarrow": False, "text": text,
        "font": {"size": 11.5, "color": "var(--muted)"},
    }  # fmt: skip
    return {"shapes": [region], "annotations": [note]}


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


def _short(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.5g}") for value in values.tolist()]
