"""How much one recognizer, or one maker of faces, differs from another on the same people: paired.

Cells that scored the same trials, or faces of the same photos, drew the same people in every bootstrap draw, so the
difference of a figure on a draw is that of two systems on one set of people; its percentiles are the interval of the
difference. Distances between sets of faces have no draws but values without each group of people; their differences are
paired group by group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Cell
from bench.metrics import FigureValue, Support
from bench.metrics.figure_rows.differences import OF_FACES
from bench.metrics.intervals import percentile_interval
from bench.provenance import canonical_json
from bench.quality.assess import jackknife_interval
from bench.store.run_folder import RunFolder, draws_of
from bench.sweep.axes import maker_name
from bench.sweep.verification import record

COMPARED: Mapping[str, str] = {
    name: f"{name}_difference" for name in ("equal_error_rate", "area_under_curve", "true_match_rate")
}
"""A figure of a recognizer to what its difference is called."""

COMPARED_OF_FACES: Mapping[str, str] = {name: f"{name}_difference" for name, *_ in OF_FACES}
"""A figure of made faces to what the difference of two makers is called."""

OF_OWN_FACES = frozenset({"layout_intersection_over_union_mean"})
"""Figures whose groups are of the faces that a maker meant to show something: two makers' are not the same ones."""

_OF_PAIRS = ("kind", "count", "references", "file", "digest", "alike_by", "genders")
Key = tuple[str, str | None, str | None]
"""A figure, its operating point and its group."""


@dataclass(frozen=True, eq=False)
class _Judged:
    """A cell that succeeded, with its figures, their draws, and those without each group of people."""

    labels: Mapping[str, Any]
    name: str
    figures: Mapping[Key, Mapping[str, Any]]
    draws: Mapping[Key, NDArray[np.float64]]
    left_out: Mapping[Key, NDArray[np.float64]]


def compare(folder: RunFolder, cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Records of the differences between the first recognizer, or maker, of a group and each of the others.

    A group of recognizers is the cells that scored the same trials of the same photos with the same draws; a group of
    makers those whose faces are of the same photos, judged by one recognizer, with the same draws.

    Args:
        folder: the run.
        cells: its cells, in the order of the sweep.
    """
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.spec["draws"] and (same := _common(cell)) is not None:
            groups.setdefault(canonical_json(same), []).append(cell)
    found: list[dict[str, Any]] = []
    for members in groups.values():
        of_faces = members[0].spec["assessment"] == "generated"
        compared, names = (COMPARED_OF_FACES, _makers) if of_faces else (COMPARED, _recognizers)
        judged = _judged(folder, members, names(members), compared)
        for other in judged[1:]:
            found += [record(value, other.labels) for value in _differences(other, judged[0], compared)]
    return found


def _common(cell: Cell) -> list[Any] | None:
    """What the cells of a group have in common; None for a cell that is not compared."""
    spec = cell.spec
    if spec["assessment"] == "verification":
        return [cell.labels["dataset"], *(spec[name] for name in ("protocol", "trials", "images", "seed"))]
    if spec["assessment"] == "generated":
        who = [cell.labels[name] for name in ("dataset", "protocol", "recognizer")]
        pairs = {name: spec["pairs"].get(name) for name in _OF_PAIRS}
        judge = [spec[name] for name in ("dataset", "recognizer", "aligner", "seed")]
        return [*who, *judge, pairs, spec["maker"]["contributors"]]
    return None


def _judged(
    folder: RunFolder, cells: Sequence[Cell], names: Sequence[str], compared: Mapping[str, str]
) -> list[_Judged]:
    found = []
    for cell, name in zip(cells, names, strict=True):
        if not folder.succeeded(cell.key):
            continue
        outcome = folder.outcome(cell.key)
        if "draws" not in outcome["tables"]:
            continue
        of_groups = compared is COMPARED_OF_FACES
        figures = {
            (one["figure"], one["operating_point"], one["group"]): one
            for one in outcome["figures"]
            if one["figure"] in compared and (one["group"] is None or (of_groups and one["figure"] not in OF_OWN_FACES))
        }
        table = folder.table(cell.key, "draws")
        drawn = {key[:3]: draws for key, draws in draws_of(table[table["figure"].isin(list(compared))]).items()}
        left_out: dict[Key, NDArray[np.float64]] = {}
        if "left_out" in outcome["tables"]:
            for figure, rows in folder.table(cell.key, "left_out").groupby("figure", sort=False):
                left_out[str(figure), None, None] = rows.sort_values("group")["value"].to_numpy(np.float64)
        found.append(_Judged(cell.labels, name, figures, drawn, left_out))
    return found


def _recognizers(cells: Sequence[Cell]) -> list[str]:
    return [label_of(cell, cells) for cell in cells]


def _makers(cells: Sequence[Cell]) -> list[str]:
    """The makers' labels with their axes, and with kind and goal where two are called alike."""
    makers = [cell.spec["maker"] for cell in cells]
    names = [maker_name(one["label"], cell.labels["settings"]) for one, cell in zip(makers, cells, strict=True)]
    return [
        name if names.count(name) == 1 else f"{name} ({' '.join(filter(None, (one['kind'], one['goal'])))})"
        for name, one in zip(names, makers, strict=True)
    ]


def label_of(cell: Cell, others: Sequence[Cell]) -> str:
    """The recognizer's label, with its settings where another cell has the same label."""
    name = str(cell.labels["recognizer"])
    if sum(other.labels["recognizer"] == name for other in others) == 1:
        return name
    return f"{name} {canonical_json(cell.labels['settings'])}"


def _differences(one: _Judged, other: _Judged, compared: Mapping[str, str]) -> Iterator[FigureValue]:
    for key, mine in one.figures.items():
        theirs = other.figures.get(key)
        if theirs is None:
            continue
        (figure, point, group), n = key, mine["n"]
        name = compared[figure]
        ends = _ends(one, other, key) if mine["value"] is not None and theirs["value"] is not None else None
        if ends is None:
            yield FigureValue(name, point, None, None, None, n, "insufficient", None, group, versus=other.name)
            continue
        support: Support = "ok" if mine["support"] == theirs["support"] == "ok" else "weak"
        value = mine["value"] - theirs["value"]
        yield FigureValue(name, point, value, *ends[:2], n, support, ends[2], group, versus=other.name)


def _ends(one: _Judged, other: _Judged, key: Key) -> tuple[float | None, float | None, str | None] | None:
    """The interval of a difference and how it was made, None each where there is none; None where pairs are lacking."""
    mine, theirs = one.draws.get(key), other.draws.get(key)
    if mine is not None and theirs is not None:
        return percentile_interval(mine - theirs) or (None, None, None)
    mine, theirs = one.left_out.get(key), other.left_out.get(key)
    if mine is None or theirs is None or mine.shape != theirs.shape:
        return None
    return jackknife_interval(one.figures[key]["value"] - other.figures[key]["value"], mine - theirs)
