"""Whom made faces match: for every maker a bar of shares that add up, and each share again with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from reports import numbers
from reports.figures.rows import row_axis, short
from reports.figures.style import (
    GRID,
    INK,
    MUTED,
    OUTCOME_COLORS,
    OUTCOME_LINES,
    chart_layout,
    hover_text,
    literal,
    row_lines,
)
from reports.makers import MEANINGS

ON_COLOR = ("#ffffff", "#14171a", "#14171a", "#14171a", INK)
"""What is printed on each colour of an outcome, on a light page and on a dark one."""
_SYMBOLS = (("circle", "o"), ("square", "s"), ("diamond", "D"), ("triangle-up", "^"), ("x", "x"))
_SPREAD = 0.74
"""Of the room between two rows, how much the dots of one row take."""
_BAR = 0.66


@dataclass(frozen=True)
class Share:
    """One share of a bar.

    Attributes:
        value: in [0, 1].
        ends: its 95 % interval, or None.
        weak: whether few errors stand behind it.
        method: how the interval came about, a key of `reports.records.METHODS`; empty where nobody says.
        faces: how many faces it is of; None where nobody says.
    """

    value: float
    ends: tuple[float, float] | None
    weak: bool = False
    method: str = ""
    faces: int | None = None

    @property
    def said(self) -> str:
        """The share with its interval, in print."""
        if self.ends is None:
            return numbers.percent(self.value)
        return f"{numbers.percent(self.value)} ({numbers.between(*map(numbers.percent, self.ends))})"


@dataclass(frozen=True)
class Bar:
    """One row.

    Attributes:
        name: of the maker, or of the clean photo.
        shares: one for each outcome of `MEANINGS`.
        made: how many faces were made, in words; empty for the clean photo.
    """

    name: str
    shares: tuple[Share, ...]
    made: str = ""

    def lines(self, longest: int = 26) -> list[str]:
        """Its name and what was made, on lines of so many letters."""
        return [*row_lines(self.name, longest), *([self.made] if self.made else [])]


def draw(bars: Sequence[Bar], title: str) -> Figure:
    """The picture for paper.

    Args:
        bars: the rows, from the top; the first is the clean photo, and a line parts it from the others.
        title: what stands above it.
    """
    lines = [bar.lines(34) for bar in bars]
    row_height = max(0.44, 0.16 * max(map(len, lines)))
    figure = Figure(figsize=(9.4, 1.45 + row_height * len(bars)))
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": (1.35, 1), "wspace": 0.06})
    starts = np.zeros(len(bars))
    for place, color in enumerate(OUTCOME_COLORS):
        widths = np.array([bar.shares[place].value * 100 for bar in bars])
        hatch = "////" if place == len(OUTCOME_COLORS) - 1 else None
        left.barh(
            range(len(bars)), widths, _BAR, starts, color=color, edgecolor=MUTED if hatch else "white",
            linewidth=0.6, hatch=hatch,
        )  # fmt: skip
        for row, (width, start) in enumerate(zip(widths, starts, strict=True)):
            if width >= 7:
                text = numbers.percent(width / 100, 0)
                paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.8} if hatch else None
                left.text(
                    start + width / 2, row, text, ha="center", va="center", fontsize=7.5, color=ON_COLOR[place],
                    bbox=paper,
                )  # fmt: skip
        starts = starts + widths
        _whiskers(right, bars, place)
    for axes, label in ((left, "share of all attempts (%)"), (right, "each share with its 95 % interval (%)")):
        axes.set_xlim(0, 100)
        axes.set_xlabel(label, fontsize=9)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.axhline(0.5, color=MUTED, linewidth=0.8)
    for row in range(1, len(bars) - 1):
        right.axhline(row + 0.5, color=GRID, linewidth=0.6, zorder=0)
    left.grid(visible=False)
    left.set_yticks(range(len(bars)), ["\n".join(map(literal, each)) for each in lines])
    left.set_ylim(len(bars) - 0.5, -0.5)
    left.set_title(literal(title, 80), pad=30)
    handles = [
        Patch(facecolor=color, edgecolor=MUTED, linewidth=0.5, hatch="////" if meaning == MEANINGS[-1] else None)
        for color, meaning in zip(OUTCOME_COLORS, MEANINGS, strict=True)
    ]
    figure.legend(
        handles, MEANINGS, ncols=5, loc="lower left", bbox_to_anchor=(0, 1),
        bbox_transform=left.transAxes, borderaxespad=0.4, borderpad=0, columnspacing=1.6, handlelength=1.4,
    )  # fmt: skip
    return figure


def _whiskers(axes: Axes, bars: Sequence[Bar], place: int) -> None:
    color, marker = OUTCOME_LINES[place], _SYMBOLS[place][1]
    for row, bar in enumerate(bars):
        share, height = bar.shares[place], _height(row, place)
        if share.ends is not None:
            axes.hlines(height, share.ends[0] * 100, share.ends[1] * 100, color=color, linewidth=1.3, zorder=2)
        axes.plot(
            share.value * 100, height, marker, color=color, markersize=4, markeredgewidth=1.1, clip_on=False,
            markerfacecolor="white" if share.weak else color, zorder=3,
        )  # fmt: skip


def _height(row: int, place: int) -> float:
    """Where the dot of an outcome stands in its row."""
    return round(row + _SPREAD * ((place + 0.5) / len(MEANINGS) - 0.5), 4)


def chart(bars: Sequence[Bar]) -> dict[str, Any]:
    """The picture for the page: two panels side by side, one below the other where the page is narrow."""
    rows = list(range(len(bars)))
    names = [hover_text(bar.name) for bar in bars]
    stacked, dots = [], []
    for place, meaning in enumerate(MEANINGS):
        shares = [bar.shares[place] for bar in bars]
        said = [[name, share.said] for name, share in zip(names, shares, strict=True)]
        told = f"<b>%{{customdata[0]}}</b><br>{meaning}: %{{customdata[1]}}<extra></extra>"
        common = {"name": meaning, "legendgroup": meaning, "customdata": said, "hovertemplate": told}
        stacked.append({**common, **_stack(place, shares, rows)})
        dots.append({**common, **_dots(place, shares, rows)})
    return {"variants": [{"name": "Shares", "data": [*stacked, *dots], "layout": _layout(bars)}]}


def _stack(place: int, shares: Sequence[Share], rows: Sequence[int]) -> dict[str, Any]:
    marker: dict[str, Any] = {"color": f"var(--outcome-{place})", "line": {"width": 1, "color": "var(--paper)"}}
    last = place == len(MEANINGS) - 1
    if last:
        marker |= {
            "pattern": {"shape": "/", "fgcolor": "var(--axis)", "bgcolor": "var(--paper)", "size": 6, "solidity": 0.25},
            "line": {"width": 1, "color": "var(--axis)"},
        }
    return {
        "type": "bar",
        "orientation": "h",
        "x": [short(share.value * 100) for share in shares],
        "y": list(rows),
        "width": _BAR,
        "marker": marker,
        "text": [numbers.percent(share.value, 0) if share.value >= 0.05 else "" for share in shares],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "insidetextfont": {"color": "var(--ink)" if last else ON_COLOR[place], "size": 12},
    }


def _dots(place: int, shares: Sequence[Share], rows: Sequence[int]) -> dict[str, Any]:
    color = f"var(--outcome-line-{place})"
    ends = [share.ends or (share.value, share.value) for share in shares]
    symbol = _SYMBOLS[place][0]
    return {
        "type": "scatter",
        "mode": "markers",
        "xaxis": "x2",
        "yaxis": "y2",
        "x": [short(share.value * 100) for share in shares],
        "y": [_height(row, place) for row in rows],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [
                short(max(100 * (high - share.value), 0.0)) for share, (_, high) in zip(shares, ends, strict=True)
            ],
            "arrayminus": [
                short(max(100 * (share.value - low), 0.0)) for share, (low, _) in zip(shares, ends, strict=True)
            ],
            "color": color,
            "thickness": 1.5,
            "width": 2.5,
        },
        "cliponaxis": False,
        "marker": {
            "symbol": [f"{symbol}{'-open' if share.weak else ''}" for share in shares],
            "size": 7,
            "color": color,
            "line": {"width": 1.6, "color": color},
        },
    }


def _layout(bars: Sequence[Bar]) -> dict[str, Any]:
    lines = [[hover_text(line) for line in bar.lines()] for bar in bars]
    row_height = max(38, 17 * max(map(len, lines)) + 8)
    body = len(bars) * row_height
    rows = row_axis(["<br>".join(each) for each in lines])
    shares = {"range": [0, 100], "ticksuffix": f"{numbers.THIN}%", "fixedrange": True, "tickangle": 0}
    layout = chart_layout(
        {**shares, "nticks": 6, "title": "share of all attempts", "domain": [0, 0.57], "showgrid": False},
        rows,
        height=body + 76,
        barmode="stack",
        bargap=0,
        uniformtext={"mode": "hide", "minsize": 11},
        shapes=[_rule("", 0.5, "var(--axis)", 1.4), _rule("2", 0.5, "var(--axis)", 1.4),
                *(_rule("2", row + 0.5, "var(--grid)", 1) for row in range(1, len(bars) - 1))],
    )  # fmt: skip
    layout["margin"] = {"l": 8, "r": 18, "t": 12, "b": 60}
    base = chart_layout(
        {
            **shares,
            "tickvals": [0, 50, 100],
            "ticktext": [f"{tick}{numbers.THIN}%" for tick in (0, 50, 100)],
            "title": "each share, 95 % interval",
            "domain": [0.65, 1],
            "anchor": "y2",
        },
        rows,
        0,
    )
    layout["xaxis2"] = base["xaxis"]
    layout["yaxis2"] = {**base["yaxis"], "anchor": "x2", "showticklabels": False}
    gap = 60 / (2 * body + 60)
    layout["meta"] = {
        "narrow": {
            "height": 2 * body + 136,
            "xaxis": {"domain": [0, 1], "anchor": "y"},
            "yaxis": {"domain": [0.5 + gap / 2, 1]},
            "xaxis2": {"domain": [0, 1]},
            "yaxis2": {"domain": [0, 0.5 - gap / 2], "showticklabels": True},
        }
    }
    return layout


def _rule(panel: str, at: float, color: str, width: float) -> dict[str, Any]:
    return {
        "type": "line", "xref": f"x{panel} domain", "yref": f"y{panel}", "x0": 0, "x1": 1, "y0": at, "y1": at,
        "layer": "below", "line": {"color": color, "width": width},
    }  # fmt: skip
