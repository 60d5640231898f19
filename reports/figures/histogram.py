"""How similar mated and nonmated pairs are: one histogram a recognizer, with its thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from reports.figures.style import INK, MUTED, NONMATED, Look, chart_layout, literal
from reports.figures.threshold_lines import STRIP, Line, far_right, note, rule, strip, strips

_FEWEST_BINS, _MOST_BINS = 30, 120


@dataclass(frozen=True, eq=False)
class Histogram:
    """Shares of comparisons by score.

    Attributes:
        edges: float64 (B + 1,), bin edges in units of the score, the same for both kinds.
        mated: float64 (B,), share of all mated comparisons in each bin, in [0, 1].
        nonmated: the same of nonmated ones.
        mated_count: how many mated comparisons there are.
        nonmated_count: how many nonmated ones.
    """

    edges: NDArray[np.float64]
    mated: NDArray[np.float64]
    nonmated: NDArray[np.float64]
    mated_count: int
    nonmated_count: int


def histogram(mated: NDArray[np.floating[Any]], nonmated: NDArray[np.floating[Any]]) -> Histogram:
    """Counts scores in bins whose width follows Freedman and Diaconis, within 30 to 120 bins.

    Args:
        mated: (M,) finite scores; may be empty.
        nonmated: the same.
    """
    both = np.concatenate([mated, nonmated]).astype(np.float64)
    low, high = (float(both.min()), float(both.max())) if both.size else (0.0, 1.0)
    if high - low < 1e-9 * max(1.0, abs(low)):
        middle, reach = (low + high) / 2, max(0.5 * abs(low), 0.05)
        low, high = middle - reach, middle + reach
    widths = [_bin_width(scores) for scores in (mated, nonmated) if scores.size]
    width = min((width for width in widths if width > 0), default=high - low)
    bins = int(np.clip(np.ceil((high - low) / width), _FEWEST_BINS, _MOST_BINS))
    edges = np.linspace(low, high, bins + 1)
    counts = [np.histogram(np.clip(scores, low, high), edges)[0] for scores in (mated, nonmated)]
    shares = [found / max(int(found.sum()), 1) for found in counts]
    return Histogram(edges, shares[0], shares[1], len(mated), len(nonmated))


def _bin_width(scores: NDArray[np.floating[Any]]) -> float:
    lower, upper = np.percentile(scores, [25, 75])
    return float(2 * (upper - lower) / len(scores) ** (1 / 3))


def draw(shown: Histogram, label: str, look: Look, unit: str, lines: Sequence[Line]) -> Figure:
    """The histogram for paper.

    Args:
        shown: what to draw.
        label: the series' name.
        look: the series' look; mated pairs take its colour, nonmated ones are grey.
        unit: what the score is, for the axis.
        lines: thresholds.
    """
    figure = Figure(figsize=(7.2, 3.3))
    axes = figure.subplots()
    axes.stairs(shown.nonmated * 100, shown.edges, fill=True, color=NONMATED, alpha=0.55)
    axes.stairs(shown.nonmated * 100, shown.edges, color=MUTED, linewidth=0.9)
    axes.stairs(shown.mated * 100, shown.edges, fill=True, color=look.color, alpha=0.5)
    axes.stairs(shown.mated * 100, shown.edges, color=look.color, linewidth=1.2)
    top = max(float(shown.mated.max()), float(shown.nonmated.max()), 1e-9) * 100
    axes.set_ylim(0, top * (1.1 + 0.09 * len(lines)))
    for line in lines:
        if ends := strip(line, shown.edges):
            axes.axvspan(*ends, color=INK, alpha=STRIP, linewidth=0)
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    for row, line in enumerate(sorted(lines, key=lambda line: line.threshold)):
        height = top * (1.06 + 0.09 * (len(lines) - row))
        style = (0, (2, 2)) if line.weak else "solid"
        axes.plot([line.threshold] * 2, [0, height], color=INK, linewidth=0.9, linestyle=style)
        text = f" {line.label}{' (weak)' if line.weak else ''} "
        side = "right" if far_right(line, shown.edges, 0.8) else "left"
        axes.annotate(text, (line.threshold, height), fontsize=7.5, va="top", ha=side, color=INK, bbox=paper)
    axes.grid(axis="x", visible=False)
    axes.set_title(literal(label))
    axes.set_xlabel(unit)
    axes.set_ylabel("share of comparisons (%)")
    handles = [
        Patch(facecolor=look.color, alpha=0.6, label=f"mated ({shown.mated_count:,})"),
        Patch(facecolor=NONMATED, alpha=0.7, label=f"nonmated ({shown.nonmated_count:,})"),
    ]
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.3)
    return figure


def chart(shown: Histogram, look: Look, unit: str, lines: Sequence[Line]) -> dict[str, Any]:
    """The histogram for the page, with a linear and a logarithmic variant; arguments as `draw`."""
    centres = (shown.edges[:-1] + shown.edges[1:]) / 2
    spans = [f"{low:.4g} to {high:.4g}" for low, high in zip(shown.edges[:-1], shown.edges[1:], strict=True)]
    traces = []
    kinds = (
        ("nonmated", shown.nonmated, shown.nonmated_count, "var(--nonmated)"),
        ("mated", shown.mated, shown.mated_count, look.variable),
    )
    for name, shares, number, color in kinds:
        traces.append(
            {
                "type": "bar",
                "name": name,
                "x": _digits(centres),
                "y": _digits(shares * 100),
                "width": float(np.diff(shown.edges)[0]),
                "marker": {"color": color, "opacity": 0.62, "line": {"width": 0}},
                "customdata": [
                    [span, round(value * number)] for span, value in zip(spans, shares.tolist(), strict=True)
                ],
                "hovertemplate": f"<b>{name}</b><br>score %{{customdata[0]}}<br>%{{customdata[1]:,}} of {number:,}"
                " comparisons (%{y:.3g} %)<extra></extra>",
            }
        )
    margin = 0.02 * (shown.edges[-1] - shown.edges[0])
    variants = []
    for name, scale in (("Linear", "linear"), ("Logarithmic", "log")):
        layout = chart_layout(
            {
                "title": unit,
                "showgrid": False,
                "range": [float(shown.edges[0] - margin), float(shown.edges[-1] + margin)],
            },
            {
                "title": "share of comparisons (%)",
                "type": scale,
                "rangemode": "tozero",
                **({"dtick": 1} if scale == "log" else {}),
            },
            height=300 + 14 * len(lines),
            barmode="overlay",
            bargap=0,
            shapes=[*strips(lines, shown.edges), *(rule(line) for line in lines)],
            annotations=[
                note(line, row, far_right(line, shown.edges, 0.55))
                for row, line in enumerate(sorted(lines, key=lambda line: -line.threshold))
            ],
        )
        layout["margin"] = {**layout["margin"], "t": 32 + 17 * len(lines)}
        variants.append({"name": name, "data": traces, "layout": layout})
    return {"variants": variants}


def _digits(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.6g}") for value in values.tolist()]
