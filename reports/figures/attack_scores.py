"""How attack scores are spread: a histogram of every species, each over that of the bona fide samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from reports import numbers
from reports.figures.histogram import Histogram, histogram
from reports.figures.rows import short
from reports.figures.style import INK, MUTED, NONMATED, Look, chart_layout, hover_text, literal, shorten
from reports.figures.threshold_lines import Line, far_right, note, rule

BONA_FIDE = "bona fide"
AXIS = "attack score: higher is more likely an attack"
_ROW, _GAP = 118, 26
"""Pixels of a row on the page, and between two."""


@dataclass(frozen=True, eq=False)
class Pile:
    """One row.

    Attributes:
        name: of the species.
        look: its look.
        shares: its scores as ``mated``, those of the bona fide samples as ``nonmated``; all rows have the same bins.
    """

    name: str
    look: Look
    shares: Histogram


def piles_of(bona_fide: NDArray[np.float32], attacks: Sequence[tuple[str, Look, NDArray[np.float32]]]) -> list[Pile]:
    """The rows, over one axis of scores.

    Args:
        bona_fide: float32 (B,), finite.
        attacks: name, look and float32 (A,) finite scores of every species.
    """
    every = [scores for _, _, scores in attacks]
    edges = histogram(np.concatenate([*every, np.zeros(0, np.float32)]), bona_fide).edges
    return [Pile(name, look, _shares(scores, bona_fide, edges)) for name, look, scores in attacks]


def _shares(attacks: NDArray[np.float32], bona_fide: NDArray[np.float32], edges: NDArray[np.float64]) -> Histogram:
    ends = float(edges[0]), float(edges[-1])
    counts = [np.histogram(np.clip(scores.astype(np.float64), *ends), edges)[0] for scores in (attacks, bona_fide)]
    shares = [found / max(int(found.sum()), 1) for found in counts]
    return Histogram(edges, shares[0], shares[1], len(attacks), len(bona_fide))


def draw(piles: Sequence[Pile], title: str, lines: Sequence[Line]) -> Figure:
    """The rows for paper.

    Args:
        piles: the rows, from the top; at least one.
        title: what stands above them.
        lines: thresholds.
    """
    figure = Figure(figsize=(7.2, 1.15 + 1.15 * len(piles)))
    every = figure.subplots(len(piles), 1, sharex=True, squeeze=False, gridspec_kw={"hspace": 0.38})[:, 0]
    edges = piles[0].shares.edges
    for axes, pile in zip(every, piles, strict=True):
        for line in lines:
            axes.axvline(line.threshold, color=INK, linewidth=0.9, linestyle=(0, (2, 2)) if line.weak else "solid")
        axes.stairs(pile.shares.nonmated * 100, edges, fill=True, color=NONMATED, alpha=0.55)
        axes.stairs(pile.shares.nonmated * 100, edges, color=MUTED, linewidth=0.9)
        axes.stairs(pile.shares.mated * 100, edges, fill=True, color=pile.look.color, alpha=0.5)
        axes.stairs(pile.shares.mated * 100, edges, color=pile.look.color, linewidth=1.2)
        axes.set_ylim(0, None)
        axes.grid(axis="x", visible=False)
        axes.locator_params(axis="y", nbins=3)
        axes.set_title(literal(f"{pile.name} ({pile.shares.mated_count:,})", 60), fontsize=9, fontweight="normal",
                       pad=3, color=INK)  # fmt: skip
    for place, line in enumerate(sorted(lines, key=lambda line: -line.threshold)):
        side = "right" if far_right(line, edges, 0.7) else "left"
        text = f" {line.label}{' (weak)' if line.weak else ''} "
        every[0].annotate(
            text, (line.threshold, 1), (0, 17 + 10 * place), fontsize=7.5, xycoords=("data", "axes fraction"),
            textcoords="offset points", ha=side,
        )  # fmt: skip
    margin = 0.02 * (edges[-1] - edges[0])
    every[-1].set_xlim(edges[0] - margin, edges[-1] + margin)
    every[-1].set_xlabel(AXIS)
    figure.supylabel("share of samples (%)", fontsize=9.5, x=0.045)
    grey = Patch(facecolor=NONMATED, alpha=0.7, label=f"{BONA_FIDE} ({piles[0].shares.nonmated_count:,})")
    every[0].annotate(
        literal(title, 70), (0, 1), (0, 24 + 10 * len(lines)), xycoords="axes fraction", textcoords="offset points",
        fontsize=11, fontweight="bold",
    )  # fmt: skip
    every[0].legend(handles=[grey], loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, borderpad=0.1)
    return figure


def chart(piles: Sequence[Pile], lines: Sequence[Line]) -> dict[str, Any]:
    """The rows for the page, with a linear and a logarithmic variant; arguments as `draw`."""
    return {"variants": [_variant(piles, lines, name) for name in ("Linear", "Logarithmic")]}


def _variant(piles: Sequence[Pile], lines: Sequence[Line], name: str) -> dict[str, Any]:
    edges = piles[0].shares.edges
    body = len(piles) * _ROW + (len(piles) - 1) * _GAP
    margin = 0.02 * (edges[-1] - edges[0])
    traces: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    titles = []
    for place, pile in enumerate(piles):
        key = "" if place == 0 else str(place + 1)
        top = 1 - place * (_ROW + _GAP) / body
        domain = [max(round(top - _ROW / body, 5), 0.0), round(top, 5)]
        axes[f"yaxis{key}"] = _y_axis(name, domain)
        traces += [_bars(pile, which, f"y{key}") for which in (BONA_FIDE, pile.name)]
        count = numbers.count(pile.shares.mated_count)
        titles.append(
            {
                "x": 0, "xref": "paper", "xanchor": "left", "y": domain[1], "yref": "paper", "yanchor": "bottom",
                "showarrow": False, "text": f"<b>{hover_text(shorten(pile.name, 48))}</b> ({count})", "align": "left",
                "font": {"size": 12.5, "color": pile.look.variable},
            }
        )  # fmt: skip
    notes = [
        note(line, row, far_right(line, edges, 0.5))
        for row, line in enumerate(sorted(lines, key=lambda line: -line.threshold))
    ]
    for each in notes:
        each["yshift"] += 18  # above the name of the first row
    layout = chart_layout(
        {
            "title": AXIS, "showgrid": False, "range": [float(edges[0] - margin), float(edges[-1] + margin)],
            "anchor": f"y{len(piles) if len(piles) > 1 else ''}",
        },
        {},
        height=body + 40 + 17 * len(lines) + 62,
        barmode="overlay",
        bargap=0,
        shapes=[{**rule(line), "yref": f"{axis.replace('axis', '')} domain"} for line in lines for axis in axes],
        annotations=[*titles, *notes],
    )  # fmt: skip
    layout |= axes
    layout["margin"] = {"l": 64, "r": 28, "t": 40 + 17 * len(lines), "b": 62}
    return {"name": name, "data": traces, "layout": layout}


def _y_axis(name: str, domain: list[float]) -> dict[str, Any]:
    base: dict[str, Any] = chart_layout({}, {}, 0)["yaxis"]
    scale = {"type": "log", "dtick": 1} if name == "Logarithmic" else {"rangemode": "tozero", "nticks": 4}
    return {**base, **scale, "domain": domain, "anchor": "x", "ticksuffix": f"{numbers.THIN}%"}


def _bars(pile: Pile, which: str, axis: str) -> dict[str, Any]:
    attacks = which != BONA_FIDE
    shares = pile.shares.mated if attacks else pile.shares.nonmated
    number = pile.shares.mated_count if attacks else pile.shares.nonmated_count
    edges = pile.shares.edges
    filled = np.flatnonzero(shares)
    spans = [f"{edges[bin]:.4g} to {edges[bin + 1]:.4g}" for bin in filled]
    told = hover_text(which)
    return {
        "type": "bar",
        "name": told,
        "x": [short(float(value)) for value in ((edges[:-1] + edges[1:]) / 2)[filled]],
        "y": [short(float(value) * 100) for value in shares[filled]],
        "yaxis": axis,
        "width": float(np.diff(edges)[0]),
        "marker": {
            "color": pile.look.variable if attacks else "var(--nonmated)", "opacity": 0.62, "line": {"width": 0},
        },
        "customdata": [[span, round(float(shares[bin]) * number)] for span, bin in zip(spans, filled, strict=True)],
        "hovertemplate": f"<b>{told}</b><br>score %{{customdata[0]}}<br>%{{customdata[1]:,}} of {number:,} samples "
        "(%{y:.3g} %)<extra></extra>",
    }  # fmt: skip
