"""The columns by which people are parted into groups, and the figures of those groups as tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from reports.outlet import Outlet
from reports.points import Point, point_of
from reports.records import Key, by_key, count_cell, figure_cell, hint_of, label_of
from reports.series import Group, Record, Series
from reports.table import Column, HtmlTable, Row, TableCell, Tag

FEW_PEOPLE = 30
"""A group of fewer is tagged: its intervals lean on too few people to be taken at their word."""
FIGURES_SHOWN = (
    "false_non_match_rate",
    "false_match_rate",
    "false_non_match_rate_differential",
    "false_match_rate_differential",
)
_WHY_NOT = {"false_match_rate_differential": "no false match"}


@dataclass(frozen=True)
class GroupColumn:
    """The groups that one column makes.

    Attributes:
        name: the column, such as ``"Male"``.
        groups: the records' names of its groups, such as ``"Male=1"``, in the order in which they are shown.
        points: the operating points that they are looked at.
    """

    name: str
    groups: tuple[str, ...]
    points: tuple[Point, ...]


def columns_of(group: Group) -> list[GroupColumn]:
    """The columns by which a group of cells parts people, in the order of the sweep.

    Args:
        group: whose.
    """
    members: dict[str, dict[str, None]] = {}
    points: dict[str, dict[str, None]] = {}
    for one in group.series:
        for record in one.records:
            name = record.get("group")
            if not name or "=" not in str(name):
                continue
            column = str(name).partition("=")[0]
            members.setdefault(column, {})[str(name)] = None
            if record["operating_point"]:
                points.setdefault(column, {})[record["operating_point"]] = None
    found = []
    for column, names in members.items():
        known = [point for point in map(point_of, points.get(column, {})) if point is not None]
        ordered = sorted(known, key=lambda point: (point.origin, -point.laxness))
        found.append(GroupColumn(column, _sorted(group, list(names), ordered), tuple(ordered)))
    return found


def _sorted(group: Group, names: Sequence[str], points: Sequence[Point]) -> tuple[str, ...]:
    """Bands as they follow each other; other groups by the FNMR observed, the highest first, on average."""
    if all(re.fullmatch(r".*=-?[\d.]+--?[\d.]+", name) for name in names):
        return tuple(names)
    point = shown_point(group, names, points)

    def fnmr(name: str) -> float:
        keys = [by_key(one, name).get(("false_non_match_rate", point.name if point else None)) for one in group.series]
        values = [record["value"] for record in keys if record is not None and record["value"] is not None]
        return sum(values) / len(values) if values else -1.0

    return tuple(sorted(names, key=lambda name: (-fnmr(name), name)))


def shown_point(group: Group, names: Sequence[str], points: Sequence[Point]) -> Point | None:
    """The operating point to show first: the strictest at which every group has an FMR and FNMR above 0, or the laxest.

    Args:
        group: whose.
        names: of the groups.
        points: where they were looked at.
    """
    for point in reversed(points):
        wanted: list[Key] = [("false_non_match_rate", point.name), ("false_match_rate", point.name)]
        if all(by_key(one, name).get(key, {}).get("value") for one in group.series for name in names for key in wanted):
            return point
    return points[0] if points else None


def people_of(one: Series, name: str) -> int | None:
    """How many people a group has, or None where nobody counted.

    Args:
        one: a series.
        name: of the group.
    """
    value = by_key(one, name).get(("subjects", None), {}).get("value")
    return None if value is None else int(value)


def table(group: Group, column: GroupColumn, point: Point, outlet: Outlet) -> HtmlTable:
    """One row a recognizer and group, the groups of a recognizer together.

    Args:
        group: whose.
        column: which groups.
        point: where.
        outlet: knows the looks.
    """
    figures = [
        name
        for name in FIGURES_SHOWN
        if any((name, point.name) in by_key(one, of) for one in group.series for of in column.groups)
    ]
    counts = ("subjects", "mated_trials", "nonmated_trials")
    rows = []
    for name in column.groups:
        above = name
        for one in group.series:
            records = by_key(one, name)
            people = people_of(one, name)
            cells = [_count(records, count) for count in counts]
            cells += [
                figure_cell(one, records.get((figure, point.name)), why_not=(_WHY_NOT.get(figure, "no comparison"),))
                for figure in figures
            ]
            few: Tag = "few people" if people is not None and people < FEW_PEOPLE else ""
            rows.append(Row(one.label, cells, outlet.looks[one.label], tag=few, above=above))
            above = ""
    head = [Column("recognizer", number=False)]
    head += [Column(label) for label in ("people", "mated", "nonmated")]
    head += [Column(label_of(name), hint_of(name)) for name in figures]
    return HtmlTable(f"Groups of {column.name} at {point.label} on {group.title}", head, rows, "results")


def _count(records: Mapping[Key, Record], name: str) -> TableCell:
    value = records.get((name, None), {}).get("value")
    return count_cell(float("nan") if value is None else value)


def groups_frame(group: Group, column: GroupColumn) -> pd.DataFrame:
    """One row a recognizer, group of people and figure, with interval."""
    wanted = {*column.groups, column.name}
    fields = ("group", "figure", "operating_point", "value", "low", "high", "interval", "n", "support")
    rows = [
        {"series": one.label, **{field: record.get(field) for field in fields}}
        for one in group.series
        for record in one.records
        if record.get("group") in wanted
    ]
    return pd.DataFrame(rows)
