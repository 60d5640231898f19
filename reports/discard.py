"""Section "Errors and quality": what discarding the comparisons of lowest quality does to FNMR."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from reports import numbers
from reports.figures import discard_curves
from reports.figures.discard_curves import DiscardLine
from reports.outlet import Outlet
from reports.page import Block, Chart, Links, Part, Section, Table, Words
from reports.points import Point, point_of
from reports.records import by_key, figure_cell, hint_of, label_of, value_at
from reports.series import Group, Run
from reports.table import Column, HtmlTable, Row

FIGURES_SHOWN = ("false_non_match_rate_after_discard", "discard_area_20", "discard_area_50")
_INTRO = (
    "If a quality measure knows which comparisons will fail, FNMR falls as those of lowest quality are left out, the "
    "threshold held. The quality of a comparison is the lower one of its two photos\u2019. A flat curve says that the "
    "measure tells nothing about this recognizer."
)


def section(run: Run, outlet: Outlet) -> Section:
    """The section; without any part where no quality was looked at.

    Args:
        run: the run.
        outlet: takes pictures and tables.
    """
    found = Section("discard", "Errors and quality")
    many = len(run.groups) > 1
    for position, group in enumerate(run.groups):
        for place, column in enumerate(columns_of(group)):
            blocks = _blocks(group, column, f"g{position}-discard-{place}", outlet)
            if blocks:
                found.parts.append(Part(f"{column}{f' on {group.title}' if many else ''}", blocks))
    if found.parts:
        found.parts.insert(0, Part("", [Words(_INTRO)]))
    return found


def columns_of(group: Group) -> list[str]:
    """The quality columns of a group of cells, in the order of the sweep.

    Args:
        group: whose.
    """
    tables = [table for one in group.series if (table := one.table("discard")) is not None]
    return list(dict.fromkeys(str(name) for table in tables for name in table["column"].unique()))


def _blocks(group: Group, column: str, anchor: str, outlet: Outlet) -> list[Block]:
    points = _points(group, column)
    pictures = [(point, _lines(group, column, point, outlet)) for point in points]
    drawn = [(point, lines) for point, lines in pictures if lines]
    if not drawn:
        return []
    files: list[tuple[str, str]] = []
    for point, lines in drawn:
        title = f"{column}, {point.label}, {group.title}"
        both = outlet.picture(discard_curves.draw(lines, title), "discard", column, point.name, group.title)
        files += [(f"{kind}: {point.label}" if len(drawn) > 1 else kind, target) for kind, target in both]
    chart = Chart(
        id=anchor,
        spec=discard_curves.chart([(point.label, lines) for point, lines in drawn]),
        alt=f"Error versus discard by {column} on {group.title}: false non-match rate over the share of comparisons "
        "left out; the values stand in the CSV file.",
        caption=f"Error versus discard by {column}. FNMR of what is left (up) after leaving out so many comparisons of "
        "lowest quality (right), with its 95\u202f% interval as a band. Comparisons of equal quality go together.",
        files=files,
        legend=[(line.label, line.look) for line in drawn[0][1]],
    )
    blocks: list[Block] = [*_left_out(group, column), chart]
    if (found := table(group, column, points, outlet)) is not None:
        blocks.append(Table(found))
    blocks.append(Links((("CSV", outlet.csv(discard_frame(group, column), "discard", column, group.title)),)))
    return blocks


def _left_out(group: Group, column: str) -> list[Block]:
    """How many comparisons take no part because a photo's quality is not known; nothing where all are."""
    counts = by_key(group.series[0], column)
    photos, trials = (value_at(counts, f"{name}_without_quality") for name in ("frames", "trials"))
    if not photos:
        return []
    lost = f", so {numbers.plural(int(trials), 'mated comparison')} take no part" if trials else ""
    return [Words(f"{numbers.plural(int(photos), 'photo')} of unknown {column}{lost}.")]


def _points(group: Group, column: str) -> list[Point]:
    names: dict[str, None] = {}
    for one in group.series:
        if (found := one.table("discard")) is not None:
            names |= {str(name): None for name in found.loc[found["column"] == column, "operating_point"].unique()}
    points = [point for point in map(point_of, names) if point is not None]
    return sorted(points, key=lambda point: (point.origin, -point.laxness))


def _lines(group: Group, column: str, point: Point, outlet: Outlet) -> list[DiscardLine]:
    lines = []
    for one in group.series:
        found = one.table("discard")
        if found is None:
            continue
        rows = found[(found["column"] == column) & (found["operating_point"] == point.name)]
        rows = rows[rows["fnmr"].notna()].sort_values("discarded", kind="stable")
        if len(rows):
            shares, fnmr, low, high = (
                rows[name].to_numpy(dtype=float) for name in ("discarded", "fnmr", "fnmr_low", "fnmr_high")
            )
            lines.append(DiscardLine(one.label, outlet.looks[one.label], shares, fnmr, low, high))
    return lines


def table(group: Group, column: str, points: Sequence[Point], outlet: Outlet) -> HtmlTable | None:
    """What the records say about a quality column, or None where they say nothing.

    Args:
        group: whose.
        column: the quality.
        points: the operating points.
        outlet: knows the looks.
    """
    rows: list[Row] = []
    for point in points:
        above = point.label
        for one in group.series:
            records = by_key(one, column)
            if any((name, point.name) in records for name in FIGURES_SHOWN):
                whole = by_key(one).get(("false_non_match_rate", point.name))
                cells = [figure_cell(one, whole)]
                cells += [figure_cell(one, records.get((name, point.name))) for name in FIGURES_SHOWN]
                rows.append(Row(one.label, cells, outlet.looks[one.label], above=above))
                above = ""
    head = [
        Column("recognizer", number=False),
        Column("FNMR", hint_of("false_non_match_rate"), "↓", "nothing discarded"),
    ]
    head += [Column(label_of(name), hint_of(name), "↓", _NOTES.get(name, "")) for name in FIGURES_SHOWN]
    return HtmlTable(f"Error versus discard by {column} on {group.title}", head, rows, "results") if rows else None


_NOTES = {
    "false_non_match_rate_after_discard": f"20{numbers.THIN}% discarded",
    "discard_area_20": f"up to 20{numbers.THIN}%; 1 is chance",
    "discard_area_50": f"up to 50{numbers.THIN}%; 1 is chance",
}


def discard_frame(group: Group, column: str) -> pd.DataFrame:
    """One row a recognizer, operating point and share discarded, with interval."""
    parts = []
    for one in group.series:
        if (found := one.table("discard")) is not None:
            part = found[found["column"] == column].reset_index(drop=True)
            part.insert(0, "series", one.label)
            parts.append(part)
    return pd.concat(parts, ignore_index=True)
