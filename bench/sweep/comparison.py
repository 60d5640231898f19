"""How much one recognizer differs from another on the same people: paired, draw by draw.

Cells that scored the same trials drew the same people in every bootstrap draw, so the difference of a figure on a draw
is that of two systems on one set of people; its percentiles are the interval of the difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Cell
from bench.metrics import FigureValue, Support
from bench.metrics.intervals import percentile_interval
from bench.provenance import canonical_json
from bench.store.run_folder import RunFolder, draws_by_figure
from bench.sweep.verification import record

COMPARED: Mapping[str, str] = {
    "equal_error_rate": "equal_error_rate_difference",
    "area_under_curve": "area_under_curve_difference",
    "true_match_rate": "true_match_rate_difference",
}
"""A figure to what its difference is called."""

Key = tuple[str, str | None]


@dataclass(frozen=True, eq=False)
class _Judged:
    """A cell that succeeded, with its figures and their draws."""

    labels: Mapping[str, Any]
    name: str
    figures: Mapping[Key, Mapping[str, Any]]
    draws: Mapping[Key, NDArray[np.float64]]


def compare(folder: RunFolder, cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Records of the differences between the first recognizer of a group and each of the others.

    A group is the cells that scored the same trials of the same photos with the same draws.

    Args:
        folder: the run.
        cells: its cells, in the order of the sweep.
    """
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.spec["assessment"] == "verification" and cell.spec["draws"]:
            same = [cell.labels["dataset"], *(cell.spec[name] for name in ("protocol", "trials", "images", "seed"))]
            groups.setdefault(canonical_json(same), []).append(cell)
    found: list[dict[str, Any]] = []
    for members in groups.values():
        judged = _judged(folder, members)
        for other in judged[1:]:
            found += [record(value, other.labels) for value in _differences(other, judged[0])]
    return found


def _judged(folder: RunFolder, cells: Sequence[Cell]) -> list[_Judged]:
    found = []
    for cell in cells:
        if not folder.succeeded(cell.key):
            continue
        outcome = folder.outcome(cell.key)
        if "draws" not in outcome["tables"]:
            continue
        figures = {(one["figure"], one["operating_point"]): one for one in outcome["figures"] if one["group"] is None}
        found.append(
            _Judged(cell.labels, label_of(cell, cells), figures, draws_by_figure(folder.table(cell.key, "draws")))
        )
    return found


def label_of(cell: Cell, others: Sequence[Cell]) -> str:
    """The recognizer's label, with its settings where another cell has the same label."""
    name = str(cell.labels["recognizer"])
    if sum(other.labels["recognizer"] == name for other in others) == 1:
        return name
    return f"{name} {canonical_json(cell.labels['settings'])}"


def _differences(one: _Judged, other: _Judged) -> Iterator[FigureValue]:
    for (figure, point), mine in one.figures.items():
        theirs = other.figures.get((figure, point))
        if figure not in COMPARED or theirs is None:
            continue
        name, n = COMPARED[figure], mine["n"]
        both = one.draws.get((figure, point)), other.draws.get((figure, point))
        if mine["value"] is None or theirs["value"] is None or both[0] is None or both[1] is None:
            yield FigureValue(name, point, None, None, None, n, "insufficient", versus=other.name)
            continue
        support: Support = "ok" if mine["support"] == theirs["support"] == "ok" else "weak"
        interval = percentile_interval(both[0] - both[1])
        low, high, method = (None, None, None) if interval is None else interval
        value = mine["value"] - theirs["value"]
        yield FigureValue(name, point, value, low, high, n, support, method, versus=other.name)
