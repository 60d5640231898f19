"""Section "Groups of people": the rates of every group at operating points, and how far they are from the others'."""

from __future__ import annotations

from collections.abc import Sequence

from reports import numbers
from reports.figures import forest
from reports.figures.panel import Dot, Panel
from reports.group_tables import FIGURES_SHOWN, GroupColumn, columns_of, groups_frame, people_of, shown_point, table
from reports.outlet import Outlet
from reports.page import Block, Chart, Folded, Links, Part, Section, Table, Words
from reports.points import Point
from reports.records import Key, by_key, label_of, value_at
from reports.series import Group, Record, Run, Series

LONG = 12
"""A table of more rows is folded below its picture."""
_INTRO = (
    "A comparison belongs to a group if both its photos do, so false matches are between people of one group. "
    "\u201cFNMR \u2212 others\u201d is a group's FNMR minus that of all the other groups of its column together, "
    "\u201cFMR ÷ others\u201d its FMR divided by theirs: an interval that holds 0, or 1, shows no difference. The more "
    "groups are looked at, the more of them leave it out by chance."
)


def section(run: Run, outlet: Outlet) -> Section:
    """The section; without any part where nobody was parted into groups.

    Args:
        run: the run.
        outlet: takes pictures and tables.
    """
    found = Section("groups", "Groups of people")
    many = len(run.groups) > 1
    for position, group in enumerate(run.groups):
        for place, column in enumerate(columns_of(group)):
            blocks = _blocks(group, column, f"g{position}-groups-{place}", outlet)
            found.parts.append(Part(f"{column.name}{f' on {group.title}' if many else ''}", blocks))
    if found.parts:
        found.parts.insert(0, Part("", [Words(_INTRO)]))
    return found


def _blocks(group: Group, column: GroupColumn, anchor: str, outlet: Outlet) -> list[Block]:
    blocks: list[Block] = []
    first = shown_point(group, column.groups, column.points)
    known = [point for point in column.points if _anybody(group, column, point)]
    ordered = sorted(known, key=lambda point: point is not first)
    for number, point in enumerate(ordered):
        here: list[Block] = []
        if (chart := _chart(group, column, point, f"{anchor}-{number}", outlet)) is not None:
            here.append(chart)
        found = table(group, column, point, outlet)
        here.append(Table(found) if len(found.rows) <= LONG else Folded("The same as a table", [Table(found)]))
        blocks += here if number == 0 else [Folded(f"The same at {point.label}", here)]
    if missing := [point.label for point in column.points if point not in known]:
        blocks.append(Words(f"Nothing can be said at {numbers.listed(missing)}: there is no such threshold."))
    file = outlet.csv(groups_frame(group, column), "groups", column.name, group.title)
    return [*_left_out(group, column), *blocks, Links((("CSV", file),))]


def _anybody(group: Group, column: GroupColumn, point: Point) -> bool:
    """Whether any group has any figure at a point."""
    keys: list[Key] = [(figure, point.name) for figure in FIGURES_SHOWN]
    records = (by_key(one, name) for one in group.series for name in column.groups)
    return any(value_at(found, *key) is not None for found in records for key in keys)


def _left_out(group: Group, column: GroupColumn) -> list[Block]:
    """How many take no part because they are in no group; nothing where all do, or nobody counted."""
    counts = by_key(group.series[0], column.name)
    across, people, photos = (int(value_at(counts, f"{name}_without_group") or 0) for name in _MEMBERS)
    if not across:
        return []
    trials = numbers.plural(across, "comparison is", "comparisons are")
    lost = f" {numbers.plural(photos, 'photo')} of {numbers.plural(people, 'person', 'people')}" if people else ""
    nowhere = f"{lost} {'is' if photos == 1 else 'are'} in no group at all." if lost else ""
    return [Words(f"{trials} not within one group, and left out here.{nowhere}")]


_MEMBERS = ("trials", "subjects", "frames")


def _chart(group: Group, column: GroupColumn, point: Point, anchor: str, outlet: Outlet) -> Chart | None:
    rows = [*column.groups, None]
    panels = []
    for name in FIGURES_SHOWN:
        dots = [
            Dot(place, one.label, record["value"], record["low"], record["high"], record["support"] != "ok")
            for one in group.series
            for place, record in _records(one, rows, (name, point.name))
        ]
        if dots:
            panels.append(Panel(name, label_of(name), tuple(dots)))
    if not panels:
        return None
    labels = [_row_label(group, name) for name in rows]
    looks = [(one.label, outlet.looks[one.label]) for one in group.series]
    title = f"{column.name} at {point.label}, {group.title}"
    files = outlet.picture(forest.draw(panels, labels, looks, title), "groups", column.name, point.name, group.title)
    return Chart(
        id=anchor,
        spec=forest.chart(panels, labels, looks),
        alt=f"False non-match and false match rates of the groups of {column.name} at {point.label} with their "
        "intervals; the values stand in the table below.",
        caption=f"Groups of {column.name} at {point.label}: a dot is the rate observed, its bar the 95\u202f% "
        "interval, hollow where fewer than 30 errors stand behind it. On a logarithmic axis a rate of 0 stands at the "
        "left end.",
        files=files,
        legend=looks,
    )


def _records(one: Series, rows: Sequence[str | None], key: Key) -> list[tuple[int, Record]]:
    """The records of a figure for every row that has one with an interval; None stands for all people."""
    found = []
    for place, name in enumerate(rows):
        record = by_key(one, name).get(key)
        if record is not None and None not in (record["value"], record["low"], record["high"]):
            found.append((place, record))
    return found


def _row_label(group: Group, name: str | None) -> str:
    if name is None:
        return "all people"
    people = people_of(group.series[0], name)
    return name if people is None else f"{name} ({numbers.plural(people, 'person', 'people')})"
