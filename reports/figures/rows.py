"""What charts of named rows share: their axis, and numbers no longer than a screen can show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def row_axis(names: Sequence[str], above: float = 0.5, below: float = 0.5) -> dict[str, Any]:
    """The vertical axis of a chart of which row 0 is on top.

    Args:
        names: what stands beside each row, fit for plotly.
        above: room over the first row, in rows.
        below: room under the last.
    """
    return {
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "range": [len(names) - 1 + below, -above],
        "showgrid": False,
        "showline": False,
        "ticks": "",
        "fixedrange": True,
        "ticklabelstandoff": 8,
    }


def short(value: float) -> float:
    """The number with five significant digits: a chart shows no more, and a page that holds them is half as long."""
    return float(f"{value:.5g}")
