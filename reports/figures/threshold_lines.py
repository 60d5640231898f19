"""Thresholds in pictures of scores: a line, the strip of its interval, and what stands above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports import numbers

Edges = NDArray[np.float64]
"""Where the bins of a picture begin and end, ascending."""
STRIP = 0.1
"""The opacity of the interval around a threshold."""


@dataclass(frozen=True)
class Line:
    """A threshold to draw.

    Attributes:
        label: such as ``"FMR 1 %"``.
        threshold: in units of the score.
        weak: whether too few errors stand behind it.
        ends: the 95 % interval of the threshold, or None where it has none or was given.
    """

    label: str
    threshold: float
    weak: bool = False
    ends: tuple[float, float] | None = None


def strip(line: Line, edges: Edges) -> tuple[float, float] | None:
    """The ends of a threshold's interval within the picture; None where it has none."""
    if line.ends is None:
        return None
    low, high = (float(np.clip(end, edges[0], edges[-1])) for end in line.ends)
    return (low, high) if high > low else None


def strips(lines: Sequence[Line], edges: Edges) -> list[dict[str, Any]]:
    """The intervals of thresholds as plotly's shapes."""
    return [
        {
            "type": "rect", "layer": "below", "x0": ends[0], "x1": ends[1], "yref": "paper", "y0": 0, "y1": 1,
            "fillcolor": "var(--ink)", "opacity": STRIP, "line": {"width": 0},
        }
        for ends in (strip(line, edges) for line in lines)
        if ends
    ]  # fmt: skip


def rule(line: Line) -> dict[str, Any]:
    """A threshold as plotly's vertical line."""
    return {
        "type": "line",
        "x0": line.threshold,
        "x1": line.threshold,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": "var(--ink)", "width": 1.2, "dash": "dot" if line.weak else "solid"},
    }


def far_right(line: Line, edges: Edges, share: float) -> bool:
    """Whether a label to the right of a threshold would leave the picture."""
    return bool(line.threshold > edges[0] + share * (edges[-1] - edges[0]))


def note(line: Line, row: int, to_the_left: bool) -> dict[str, Any]:
    """What stands above a threshold on the page, as plotly's annotation; notes of several stand in rows."""
    text = f"{line.label}{' (weak)' if line.weak else ''}: {numbers.plain(line.threshold, 3)}"
    if line.ends:
        text += f" ({numbers.between(*(numbers.plain(end, 3) for end in line.ends))})"
    return {
        "x": line.threshold,
        "yref": "paper",
        "y": 1,
        "yanchor": "bottom",
        "yshift": 2 + 17 * row,
        "xanchor": "right" if to_the_left else "left",
        "xshift": 4 if to_the_left else -4,
        "showarrow": False,
        "text": f"{text} │" if to_the_left else f"│ {text}",
        "name": f"{line.label} │" if to_the_left else f"│ {line.label}",  # what a narrow page shows instead
        "font": {"size": 12, "color": "var(--ink)"},
    }


def threshold_note(line: Line, number: str) -> dict[str, Any]:
    """What stands above a threshold's horizontal line in a panel, as plotly's annotation.

    Args:
        line: the threshold.
        number: what plotly calls the panel's axes behind ``x`` and ``y``.
    """
    return {
        "xref": f"x{number} domain", "yref": f"y{number}", "x": 1, "y": line.threshold, "xanchor": "right",
        "yanchor": "bottom", "showarrow": False, "text": line.label, "font": {"size": 10.5, "color": "var(--muted)"},
    }  # fmt: skip
