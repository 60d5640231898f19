"""Who looks like whom to a recognizer: the average of observed scores between people, mated ones on the diagonal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from reports import numbers
from reports.figures.style import GRID, INK, chart_layout, hover_text, literal, shorten

Ranges = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Lowest and highest score between any two of P people, (P, P) each, NaN where there is none."""

MOST_PEOPLE = 40
_COLORS = "viridis"
_ACCENT = "#ff5a36"


@dataclass(frozen=True, eq=False)
class IdentityMatrix:
    """Averages of the scores observed between people, similar people next to each other.

    Attributes:
        people: (P,) names, in the order of rows and columns.
        similarity: float64 (P, P), symmetric; NaN where nobody was compared.
        comparisons: int64 (P, P), how many pairs of photos stand behind each value.
        left_out: how many people the table has beyond those P.
    """

    people: tuple[str, ...]
    similarity: NDArray[np.float64]
    comparisons: NDArray[np.int64]
    left_out: int

    @property
    def closest(self) -> tuple[int, int] | None:
        """Row and column of the two different people who look most alike, or None where none were compared."""
        off = np.where(np.tri(len(self.people), k=-1, dtype=bool), self.similarity, np.nan)
        if not np.isfinite(off).any():
            return None
        row, column = np.unravel_index(int(np.nanargmax(off)), off.shape)
        return int(row), int(column)

    @property
    def least_alike(self) -> int | None:
        """The row of whoever looks least like themself, or None where nobody was compared with themself."""
        diagonal = np.diagonal(self.similarity)
        return int(np.nanargmin(diagonal)) if np.isfinite(diagonal).any() else None

    @property
    def averaged(self) -> tuple[int, int]:
        """How many comparisons stand behind a cell, at the fewest and at the most; cells without any left out."""
        known = self.comparisons[np.isfinite(self.similarity)]
        return (int(known.min()), int(known.max())) if known.size else (0, 0)


def identity_matrix(table: pd.DataFrame) -> IdentityMatrix | None:
    """The matrix of the table `identities`.

    Args:
        table: columns of `bench.store.schema.IDENTITIES`; each pair of people once, in either order.

    Returns:
        None where fewer than two people are in it. Of many people, the `MOST_PEOPLE` whose nearest other person is
        nearest: those among whom mistakes are made.
    """
    names = pd.unique(pd.concat([table["subject"], table["other"]]))
    if len(names) < 2:
        return None
    position = pd.Series(range(len(names)), index=names)
    rows, columns = position[table["subject"]].to_numpy(), position[table["other"]].to_numpy()
    similarity = np.full((len(names), len(names)), np.nan)
    comparisons = np.zeros((len(names), len(names)), dtype=np.int64)
    for first, second in ((rows, columns), (columns, rows)):
        similarity[first, second] = table["similarity"]
        comparisons[first, second] = table["comparisons"]
    order = np.arange(len(names))
    if len(names) > MOST_PEOPLE:
        beside = np.where(np.eye(len(names), dtype=bool) | np.isnan(similarity), -np.inf, similarity)
        order = np.sort(np.argsort(-beside.max(axis=1), kind="stable")[:MOST_PEOPLE])
    order = order[_by_likeness(similarity[np.ix_(order, order)])]
    grid = np.ix_(order, order)
    people = tuple(str(names[index]) for index in order)
    return IdentityMatrix(people, similarity[grid], comparisons[grid], len(names) - len(order))


def _by_likeness(similarity: NDArray[np.float64]) -> NDArray[np.intp]:
    beside = similarity[~np.eye(len(similarity), dtype=bool)]
    known = beside[np.isfinite(beside)]
    if len(similarity) < 3 or not known.size:
        return np.arange(len(similarity))
    distance = known.max() - np.where(np.isfinite(similarity), similarity, known.min())
    np.fill_diagonal(distance, 0)
    condensed = squareform(np.clip(distance, 0, None), checks=False)
    return np.asarray(leaves_list(optimal_leaf_ordering(linkage(condensed, "average"), condensed)), dtype=np.intp)


def draw(matrix: IdentityMatrix, label: str, unit: str) -> Figure:
    """The matrix for paper.

    Args:
        matrix: what to draw.
        label: the series' name.
        unit: what the score is, for the colour bar.
    """
    number = len(matrix.people)
    side = float(np.clip(0.17 * number, 2.6, 6.4))
    figure = Figure(figsize=(side + 2.4, side + 1.4))
    axes = figure.subplots()
    picture = axes.imshow(np.ma.masked_invalid(matrix.similarity), cmap=_COLORS, interpolation="nearest")
    axes.set_facecolor(GRID)
    axes.grid(visible=False)
    size = 5.6 if number > 25 else 7.0
    names = [literal(person, 24) for person in matrix.people]
    axes.set_xticks(range(number), names, rotation=90, fontsize=size)
    axes.set_yticks(range(number), names, fontsize=size)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    diagonal = [Rectangle((index - 0.5, index - 0.5), 1, 1) for index in range(number)]
    axes.add_collection(PatchCollection(diagonal, facecolor="none", edgecolor="white", linewidth=0.8))
    axes.set_title(literal(label))
    if matrix.closest:
        row, column = matrix.closest
        for x, y in ((column, row), (row, column)):
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=_ACCENT, linewidth=1.8))
        scores = int(matrix.comparisons[row, column])
        text = f"highest beside the diagonal: {matrix.people[row]} and {matrix.people[column]}, "
        text += f"{matrix.similarity[row, column]:.3f} over {scores:,} score{'' if scores == 1 else 's'}"
        axes.set_xlabel(literal(text, 110), fontsize=8, color=INK, labelpad=8)
    bar = figure.colorbar(picture, ax=axes, shrink=0.75, aspect=28, pad=0.02)
    bar.set_label(f"observed average of {unit}", fontsize=8)
    bar.ax.tick_params(labelsize=7.5)
    bar.outline.set_visible(False)
    return figure


def chart(matrix: IdentityMatrix, unit: str, ranges: Ranges | None = None) -> dict[str, Any]:
    """The matrix for the page.

    Args:
        matrix: what to draw.
        unit: what the score is, for the colour bar.
        ranges: between which scores the trials of two people lie, where that is known.
    """
    number = len(matrix.people)
    names = _distinct([hover_text(shorten(person, 28)) for person in matrix.people])
    values = [
        [None if np.isnan(value) else float(f"{value:.5g}") for value in row] for row in matrix.similarity.tolist()
    ]
    trace = {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": values,
        "customdata": _told(matrix, ranges),
        "hovertemplate": "%{y}<br>%{x}<br>observed average <b>%{z:.4f}</b>"
        "<br>comparisons (their scores in the trials): %{customdata}<extra></extra>",
        "colorscale": "Viridis",
        "hoverongaps": False,
        "xgap": 1,
        "ygap": 1,
        "colorbar": {
            "title": {"text": f"observed average of {unit}", "side": "right", "font": {"size": 12}},
            "tickfont": {"color": "var(--muted)"},
            "thickness": 12,
            "outlinewidth": 0,
            "len": 0.8,
        },
    }
    axis = {
        "type": "category",
        "dtick": 1,
        "showgrid": False,
        "showline": False,
        "ticks": "",
        "constrain": "domain",
        "tickfont": {"size": 9 if number > 25 else 11, "color": "var(--muted)"},
    }
    shapes = [_frame(index, index, "var(--paper)", 1.5) for index in range(number)]
    if matrix.closest:
        row, column = matrix.closest
        shapes += [_frame(column, row, _ACCENT, 2.5), _frame(row, column, _ACCENT, 2.5)]
    layout = chart_layout(
        {**axis, "tickangle": -90, "side": "bottom"},
        {**axis, "autorange": "reversed", "scaleanchor": "x"},
        height=chart_height(matrix),
        shapes=shapes,
        meta={"people": number},
    )
    return {"variants": [{"name": "", "data": [trace], "layout": layout}]}


def _told(matrix: IdentityMatrix, ranges: Ranges | None) -> list[list[str]]:
    """What hovering says of each cell: how many comparisons, and how far those among the trials are spread."""
    counts = [[numbers.count(count) for count in row] for row in matrix.comparisons.tolist()]
    if ranges is None:
        return counts
    return [
        [
            text if math.isnan(low) else f"{text} ({low:.3f} to {high:.3f})".replace("-", "\u2212")
            for text, low, high in zip(*rows, strict=True)
        ]
        for rows in zip(counts, ranges[0].tolist(), ranges[1].tolist(), strict=True)
    ]


def chart_height(matrix: IdentityMatrix) -> int:
    """How high the chart is, in pixels; its width is best a little more, for the colour bar."""
    return int(np.clip(150 + 13 * len(matrix.people), 300, 700))


def _distinct(names: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _frame(x: int, y: int, color: str, width: float) -> dict[str, Any]:
    corners = {"x0": x - 0.5, "x1": x + 0.5, "y0": y - 0.5, "y1": y + 0.5}
    return {"type": "rect", **corners, "line": {"color": color, "width": width}}
