"""Section "Operating points": what each threshold does, where it was set, and whether it keeps what was asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from bench.metrics import FIGURES, needed_nonmated
from reports import numbers, pedigree
from reports.outlet import Outlet
from reports.page import Block, Folded, Links, Part, Section, Table, Words
from reports.points import Point, points_of
from reports.records import ARROWS, NO_INTERVAL, Key, by_key, figure_cell, hint_of, interval_of, label_of
from reports.series import Group, Record, Run, Series
from reports.table import Column, HtmlTable, Row, TableCell

_RATES = ("false_match_rate", "false_non_match_rate", "true_match_rate")
_MORE = ("false_accept_rate", "false_reject_rate")
_OF_THE_WHOLE = {
    "half_total_error_rate": "at the EER threshold of",
    "log_likelihood_ratio_cost": "of scores mapped as on",
}
"""Figures of what was carried over that are of no requested rate, and what stands below their name."""
_CARRIED = (
    "A threshold that is set on some people and used on others is what a system in use has. So the rates below are of "
    "thresholds that were set elsewhere and held: what was asked for need not be what is achieved, and both rates are "
    "estimates with intervals."
)
_OWN = (
    "These thresholds were chosen on the very trials that they are reported on, as the literature does: FMR is then at "
    "most what was asked for by construction, and FNMR is that of a system that knew its test."
)


def section(run: Run, outlet: Outlet) -> Section:
    """The section; without any part where no threshold could be set.

    Args:
        run: the run.
        outlet: takes the operating points as CSV files.
    """
    found = Section("operating", "Operating points")
    for group in run.groups:
        points = points_of(group.series)
        if points:
            found.parts.append(Part(group.title if len(run.groups) > 1 else "", _blocks(group, points, outlet)))
    return found


def _blocks(group: Group, points: Sequence[Point], outlet: Outlet) -> list[Block]:
    carried, own = [point for point in points if not point.own], [point for point in points if point.own]
    blocks: list[Block] = []
    if carried:
        blocks += [Words(_CARRIED), Table(table(group, carried, outlet))]
        if (more := carried_table(group, outlet)) is not None:
            blocks.append(Table(more))
        if (origins := pedigree.table(group, outlet)) is not None:
            blocks += [Words("Where those thresholds come from:", "lead"), Table(origins)]
    if own:
        inside: list[Block] = [Words(_OWN), Table(table(group, own, outlet))]
        summary = "Thresholds chosen on these very trials"
        blocks += [Folded(summary, inside)] if carried else inside
    blocks.append(Links((("CSV", outlet.csv(points_frame(group, points), "operating_points", group.title)),)))
    return blocks


def table(group: Group, points: Sequence[Point], outlet: Outlet) -> HtmlTable:
    """One row a point and recognizer, all recognizers of a point together.

    Args:
        group: whose.
        points: which.
        outlet: knows the looks.
    """
    records = {one.label: by_key(one) for one in group.series}
    more = [name for name in _MORE if _any_differs(name, records, points)]
    names = ["threshold", *_RATES, *more]
    rows = []
    for point in points:
        above = _title(point)
        for one in group.series:
            found = records[one.label]
            if not any((name, point.name) in found for name in names):
                continue
            cells = [_threshold(one, point, found), *(_rate(one, name, point, found) for name in names[1:])]
            if not cells[0].text:
                cells = [replace(cells[0], span=len(names), number=False, notes=(" ".join(cells[0].notes),))]
            rows.append(Row(one.label, cells, outlet.looks[one.label], above=above))
            above = ""
    columns = [Column("recognizer", number=False), *(_head(name) for name in names)]
    how = "chosen" if points and points[0].own else "held"
    return HtmlTable(f"Operating points {how} on {group.title}", columns, rows, "results")


def carried_table(group: Group, outlet: Outlet) -> HtmlTable | None:
    """One row a recognizer, with what carried-over calibration is worth as a whole; None where nobody says.

    Args:
        group: whose.
        outlet: knows the looks.
    """
    keys = dict.fromkeys(
        (record["figure"], record["operating_point"])
        for one in group.series
        for record in one.records
        if record["figure"] in _OF_THE_WHOLE and not record.get("group")
    )
    columns = [Column("recognizer", number=False)]
    for name, at in keys:
        origin = str(at).rpartition(":")[0]
        arrow = ARROWS[FIGURES[name].direction]
        columns.append(Column(label_of(name), hint_of(name), arrow, f"{_OF_THE_WHOLE[name]} {origin}"))
    rows = [
        Row(one.label, [figure_cell(one, by_key(one).get(key)) for key in keys], outlet.looks[one.label])
        for one in group.series
    ]
    return HtmlTable(f"Carried-over calibration on {group.title}", columns, rows, "results") if keys else None


def _title(point: Point) -> str:
    if point.own:
        return f"{point.goal}, on these trials"
    if not point.asked:
        return f"{point.origin}: published constants, without pedigree"
    return f"{point.goal}, threshold set on {point.origin}"


def _head(name: str) -> Column:
    arrow = ARROWS[FIGURES[name].direction] if name in FIGURES else ""
    return Column(label_of(name), hint_of(name), arrow)


def _any_differs(name: str, records: Mapping[str, Mapping[Key, Record]], points: Sequence[Point]) -> bool:
    """Whether a rate tells something beside the main three: FAR and FRR do where trials failed to acquire."""
    twin = {"false_accept_rate": "false_match_rate", "false_reject_rate": "false_non_match_rate"}.get(name)
    for found in records.values():
        for point in points:
            value = found.get((name, point.name), {}).get("value")
            if value is not None and (twin is None or value != found.get((twin, point.name), {}).get("value")):
                return True
    return False


def _threshold(one: Series, point: Point, records: Mapping[Key, Record]) -> TableCell:
    record = records.get(("threshold", point.name))
    if record is None or record["value"] is None:
        return unsupported(point, record, records)
    if interval_of(record) or one.why_no_interval:
        return figure_cell(one, record)
    # It decides, whether or not draws tell how far it may vary: a setting, which is shown as it is.
    note, why = ("given", "a published constant") if not point.asked or "far" in point.asked else _TOO_FEW_DRAWS
    return TableCell(
        numbers.plain(record["value"], 4), kind="setting", notes=(note,), hint=f"{record['value']!r}; {why}"
    )


_TOO_FEW_DRAWS = (NO_INTERVAL, "fewer than nine in ten draws of people have a threshold at this rate")


def _rate(one: Series, name: str, point: Point, records: Mapping[Key, Record]) -> TableCell:
    record = records.get((name, point.name))
    if record is not None and record["value"] is None:
        return TableCell("", kind="words", tag="insufficient")
    notes: tuple[str, ...] = ()
    if name == "false_match_rate" and not point.own and point.fmr is not None and record is not None:
        notes = (_kept(point.fmr, record),)
    return figure_cell(one, record, notes=notes)


def _kept(asked: float, record: Record) -> str:
    """Whether a held threshold keeps the rate that it was set for, in words."""
    low, high = record["low"], record["high"]
    if low is None or high is None:
        return ""
    if low > asked:
        return "above what was asked"
    return "below what was asked" if high < asked else "as asked, within error"


def unsupported(point: Point, record: Record | None, records: Mapping[Key, Record]) -> TableCell:
    """The cell of a point at which the data support no threshold: how many nonmated scores there are and it takes.

    Args:
        point: the point.
        record: that of the threshold or of a rate there.
        records: of the series.
    """
    have = (records.get(("threshold", point.name)) or record or {}).get("n") or 0
    if point.fmr is None:
        return TableCell("", kind="words", notes=("no threshold",), tag="insufficient")
    need = needed_nonmated(point.fmr)
    if have >= need:
        return TableCell("", kind="words", notes=("no mated scores",), tag="insufficient")
    has = f"{point.origin} has" if point.origin else "has"
    notes = (f"{has} {numbers.count(have)} of", f"{numbers.count(need)} nonmated")
    return TableCell("", kind="words", notes=notes, tag="insufficient")


def points_frame(group: Group, points: Sequence[Point]) -> pd.DataFrame:
    """One row a recognizer, point and figure, with interval."""
    wanted = {point.name: point for point in points}
    rows = [
        {
            "series": one.label,
            "operating_point": name,
            "set_on": wanted[name].origin or "these trials",
            "requested_fmr": wanted[name].fmr,
            **{field: record[field] for field in ("figure", "value", "low", "high", "interval", "n", "support")},
        }
        for one in group.series
        for (_, name), record in by_key(one).items()
        if name in wanted
    ]
    return pd.DataFrame(rows)
