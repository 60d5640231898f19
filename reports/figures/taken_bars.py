"""How often contributors match by what they gave: a row for each region or share of the pixels, bars with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench.metrics.contributions import BINS
from reports import numbers
from reports.figures.outcome_bars import Share
from reports.figures.rows import row_axis, short
from reports.figures.small_multiples import legend_above, name_panel
from reports.figures.style import INK, MUTED, OUTCOME_COLORS, OUTCOME_LINES, chart_layout, hover_text
from reports.taken import SHOWN, Taken

_ACROSS = 4
_LOOKS = tuple(
    (OUTCOME_COLORS[place], OUTCOME_LINES[place], f"var(--outcome-{place})", f"var(--outcome-line-{place})")
    for place in (2, 3)
)
"""Of those who gave and of the others: colour and outline, on paper and on the page."""
_ROOM = 0.76
"""Of the room between two rows, how much the bars of one row take."""
_AXIS = "share of comparisons that match"


@dataclass(frozen=True)
class View:
    """The bars of one recognizer.

    Attributes:
        name: what the button says that shows it.
        rows: in the order in which they stand.
    """

    name: str
    rows: tuple[Taken, ...]


def said(name: str) -> str:
    """What a row is called: a region in words, or a share with its dash and narrow space."""
    return name.replace("_", " ").replace("-", "\u2013").replace(" %", f"{numbers.THIN}%")


def rows_of(views: Sequence[View]) -> list[str]:
    """The rows of which any view knows something, in their order."""
    return sorted({row.name for view in views for row in view.rows}, key=(*SHOWN, *BINS).index)


def _bars(row: Taken) -> list[Share]:
    return [row.given] if row.others is None else [row.given, row.others]


def _end(views: Sequence[View]) -> float:
    """Where the axis ends, in percent, the same for all views: beyond all bars and intervals."""
    shares = [share for view in views for row in view.rows for share in _bars(row)]
    return min(101.0, 106 * max(max(share.value, *(share.ends or (0.0,))) for share in shares)) or 1.0


def _placed(view: View, rows: Sequence[str], place: int) -> list[tuple[float, Taken, Share]]:
    """Of the first or the second bar of each row where it stands, and what it is."""
    found = []
    for row in view.rows:
        bars = _bars(row)
        if place < len(bars):
            at = rows.index(row.name) + _ROOM * ((place + 0.5) / len(bars) - 0.5)
            found.append((round(at, 4), row, bars[place]))
    return found


def _width(view: View) -> float:
    return _ROOM / max(len(_bars(row)) for row in view.rows) * 0.94


def draw(views: Sequence[View], names: Sequence[str], title: str) -> Figure:
    """The picture for paper, one panel a view.

    Args:
        views: of recognizers.
        names: what the bars of a row are.
        title: what stands above them.
    """
    rows = rows_of(views)
    across = min(len(views), _ACROSS)
    down = -(-len(views) // across)
    size = (1.3 + max(2.4 * across, 3.2), 0.5 + down * (0.12 * (1 + len(names)) * len(rows) + 0.75))
    figure = Figure(figsize=size)
    every = np.ravel(figure.subplots(down, across, sharey=True, sharex=True, squeeze=False))
    for axes, view in zip(every, views, strict=False):
        _panel(axes, view, rows, view.name if len(views) > 1 else "")
        axes.set_xlim(0, _end(views))
    for axes in every[len(views) :]:
        axes.set_visible(False)
    every[0].set_ylim(len(rows) - 0.4, -0.6)
    every[0].set_yticks(range(len(rows)), [said(row) for row in rows], fontsize=8)
    figure.subplots_adjust(wspace=0.08, hspace=0.45, left=1.0 / size[0], right=1, bottom=0, top=1 - 0.1 / size[1])
    handles = [Patch(facecolor=color, edgecolor=line) for color, line, *_ in _LOOKS[: len(names)]]
    legend_above(figure, title, handles, [f"{name} (hollow: weak)" for name in names], left=1.0)
    return figure


def _panel(axes: Axes, view: View, rows: Sequence[str], name: str) -> None:
    if name:
        name_panel(axes, name)
    for place, (color, line, *_) in enumerate(_LOOKS):
        bars = _placed(view, rows, place)
        axes.barh(
            [at for at, _, _ in bars], [100 * share.value for _, _, share in bars], _width(view), linewidth=1.1,
            edgecolor=line, color=["white" if share.weak else color for _, _, share in bars],
        )  # fmt: skip
        for at, _, share in bars:
            if share.ends:
                low, high = share.ends
                axes.hlines(at, 100 * low, 100 * high, color=INK, linewidth=0.9)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"{_AXIS} (%)", fontsize=8, color=MUTED)


def chart(views: Sequence[View], names: Sequence[str]) -> dict[str, Any]:
    """The picture for the page, one variant a view.

    Args:
        views: of recognizers.
        names: what the bars of a row are.
    """
    rows = rows_of(views)
    axis = {
        "title": _AXIS, "range": [0, short(_end(views))], "tickangle": 0, "ticksuffix": f"{numbers.THIN}%",
        "fixedrange": True, "nticks": 7,
    }  # fmt: skip
    variants = []
    for view in views:
        layout = chart_layout(
            axis, row_axis([hover_text(said(row)) for row in rows]), height=(14 + 13 * len(names)) * len(rows) + 90
        )
        layout["margin"] = {"l": 8, "r": 24, "t": 12, "b": 56}
        traces = [_trace(view, rows, place, name) for place, name in enumerate(names)]
        variants.append({"name": view.name, "data": traces, "layout": layout})
    return {"variants": variants}


def keys_of(names: Sequence[str]) -> list[tuple[str, str]]:
    """What the colours of the page mean.

    Args:
        names: what the bars of a row are.
    """
    return [(name, look[2]) for name, look in zip(names, _LOOKS, strict=False)]


def _trace(view: View, rows: Sequence[str], place: int, name: str) -> dict[str, Any]:
    bars, (_, _, color, line) = _placed(view, rows, place), _LOOKS[place]
    shares = [share for _, _, share in bars]
    ends = [share.ends or (share.value, share.value) for share in shares]
    return {
        "type": "bar", "orientation": "h", "name": hover_text(name), "width": _width(view),
        "x": [short(100 * share.value) for share in shares], "y": [at for at, _, _ in bars],
        "marker": {"color": ["var(--paper)" if share.weak else color for share in shares],
                   "line": {"width": 1.4, "color": line}},
        "error_x": {
            "type": "data", "symmetric": False, "color": "var(--ink)", "thickness": 1.2, "width": 2,
            "array": [short(100 * max(high - s.value, 0.0)) for s, (_, high) in zip(shares, ends, strict=True)],
            "arrayminus": [short(100 * max(s.value - low, 0.0)) for s, (low, _) in zip(shares, ends, strict=True)],
        },
        "customdata": [
            [said(row.name), share.said + (", weak" if share.weak else ""), numbers.plural(share.faces or 0, "face")]
            for _, row, share in bars
        ],
        "hovertemplate": f"<b>%{{customdata[0]}}</b><br>{hover_text(name)}: %{{customdata[1]}}<br>of %{{customdata[2]}}"
        "<extra></extra>",
    }  # fmt: skip
