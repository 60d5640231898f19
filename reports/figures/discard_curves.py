"""Error versus discard: FNMR of what is left when the comparisons of lowest quality are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from reports import numbers
from reports.figures.drawn import band_strength
from reports.figures.style import Look, chart_layout, hover_text, legend, literal


@dataclass(frozen=True, eq=False)
class DiscardLine:
    """The curve of one series; T shares.

    Attributes:
        label: whose.
        look: its look.
        discarded: float64 (T,), ascending shares of comparisons left out.
        fnmr: float64 (T,), of the others.
        low: float64 (T,), lower end of its 95 % interval; NaN where there is none.
        high: float64 (T,), its upper end.
    """

    label: str
    look: Look
    discarded: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def banded(self) -> NDArray[np.bool_]:
        """Where it has an interval, bool (T,)."""
        return np.isfinite(self.low) & np.isfinite(self.high)


def draw(lines: Sequence[DiscardLine], title: str) -> Figure:
    """The curves for paper.

    Args:
        lines: what to draw.
        title: what stands above it.
    """
    figure = Figure(figsize=(6.4, 4.2))
    axes = figure.subplots()
    strength = band_strength(len(lines))
    for line in lines:
        known, color = line.banded, line.look.color
        where, low, high = (each[known] * 100 for each in (line.discarded, line.low, line.high))
        low, high = (np.maximum(end, (_floor(lines) or 0) * 100) for end in (low, high))
        axes.fill_between(where, low, high, color=color, alpha=strength, linewidth=0, step="post", zorder=1.5)
        for edge in (low, high):
            axes.plot(where, edge, color=color, alpha=0.35, linewidth=0.5, drawstyle="steps-post", zorder=1.6)
    for line in lines:
        axes.plot(
            line.discarded * 100, np.maximum(line.fnmr, _floor(lines) or 0) * 100, color=line.look.color,
            linestyle=line.look.line_style, drawstyle="steps-post", marker=line.look.marker, markersize=4.5,
            markevery=max(len(line.fnmr) // 6, 1),
        )  # fmt: skip
    axes.set_xlim(0, max(float(line.discarded[-1]) for line in lines) * 100 or 1)
    if (floor := _floor(lines)) is not None:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylim((floor or 0) * 100, _top(lines) * 100)
    axes.set_xlabel("comparisons of lowest quality left out (%)")
    axes.set_ylabel("FNMR of the others (%)")
    axes.set_title(literal(title, 80))
    legend(axes, [(line.label, line.look) for line in lines])
    return figure


def chart(variants: Sequence[tuple[str, Sequence[DiscardLine]]]) -> dict[str, Any]:
    """The curves for the page.

    Args:
        variants: an operating point's label and its curves, the one to show first at the front.
    """
    found = []
    for name, lines in variants:
        floor, strength = _floor(lines), band_strength(len(lines))
        bands = [_band(line, strength, floor or 0) for line in lines if np.count_nonzero(line.banded) > 1]
        ends = [(floor or 0) * 100, _top(lines) * 100]
        axis: dict[str, Any] = {"range": ends} if floor is None else {"type": "log", "range": np.log10(ends).tolist()}
        layout = chart_layout(
            {"title": "comparisons of lowest quality left out", "ticksuffix": f"{numbers.THIN}%"},
            {
                "title": "FNMR of the others", "ticksuffix": f"{numbers.THIN}%", "dtick": None if floor is None else 1,
                **axis,
            },
            height=400,
        )  # fmt: skip
        found.append({"name": name, "data": [*bands, *(_line(line, floor or 0) for line in lines)], "layout": layout})
    return {"variants": found}


def _top(lines: Sequence[DiscardLine]) -> float:
    """What the vertical axis must reach: every curve, and the bands as far as they are of use."""
    tallest = max(float(line.fnmr.max()) for line in lines)
    ends = [float(np.nanpercentile(line.high[line.banded], 90)) for line in lines if line.banded.any()]
    return min(max([tallest * 1.1, *ends, 1e-4]), max(3 * tallest, 1e-3)) if tallest else max([*ends, 1e-3])


def _floor(lines: Sequence[DiscardLine]) -> float | None:
    """Where a logarithmic axis begins and puts an FNMR of 0; None where a linear one shows every curve."""
    known = np.concatenate([line.fnmr[line.fnmr > 0] for line in lines])
    return float(known.min()) / 2 if known.size and known.max() > 20 * known.min() else None


def _band(line: DiscardLine, strength: float, floor: float) -> dict[str, Any]:
    known = line.banded
    where, low, high = (np.repeat(each[known] * 100, 2) for each in (line.discarded, line.low, line.high))
    low, high = np.maximum(low, floor * 100), np.maximum(high, floor * 100)
    where, low, high = where[1:], low[:-1], high[:-1]  # steps, drawn out
    return {
        "type": "scatter", "mode": "lines", "name": hover_text(line.label), "legendgroup": line.label,
        "x": _short(np.concatenate([where, where[::-1]])), "y": _short(np.concatenate([high, low[::-1]])),
        "fill": "toself", "fillcolor": line.look.faint_variable(strength), "hoverinfo": "skip",
        "line": {"color": line.look.faint_variable(0.35), "width": 0.7}, "meta": "band",
    }  # fmt: skip


def _line(line: DiscardLine, floor: float) -> dict[str, Any]:
    name = hover_text(line.label)
    told = [
        [numbers.percent(share), _with(rate, low, high)]
        for share, rate, low, high in zip(
            line.discarded.tolist(), line.fnmr.tolist(), line.low.tolist(), line.high.tolist(), strict=True
        )
    ]
    return {
        "type": "scatter", "mode": "lines", "name": name, "legendgroup": line.label, "x": _short(line.discarded * 100),
        "y": _short(np.maximum(line.fnmr, floor) * 100), "customdata": told,
        "line": {"shape": "hv", "color": line.look.variable, "width": 2.2, "dash": line.look.dash},
        "hovertemplate": f"<b>{name}</b><br>%{{customdata[0]}} left out<br>FNMR %{{customdata[1]}}<extra></extra>",
    }  # fmt: skip


def _with(rate: float, low: float, high: float) -> str:
    if np.isnan(low) or np.isnan(high):
        return numbers.percent(rate)
    return f"{numbers.percent(rate)} ({numbers.between(numbers.percent(low), numbers.percent(high))})"


def _short(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.5g}") for value in values.tolist()]
