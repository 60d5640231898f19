"""Whether made faces show what was asked for, as a judge of attributes sees them, and how far the judge is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from reports import numbers
from reports.made_tables import Place, by_maker, head_of, kind_of
from reports.makers import Judged, Made
from reports.page import Block, Folded, Table, Words
from reports.records import by_key, figure_cell, label_of
from reports.table import Column, HtmlTable, Row, TableCell

_FIGURES = {
    "attribute_accuracy": "as asked for",
    "attribute_change_rate": "where the photo was otherwise",
    "attribute_kept_rate": "all others, as before",
}
_HOW = (
    "What makers were asked for, as a judge of attributes sees it in the made face: of everything asked for; of that "
    "which the judge saw otherwise in the photo; and of everything else, whether the judge sees it as before. "
)
_UNKNOWN = "The judge errs, too, on photos as on faces, and does not say how often."
_KNOWN = (
    "The judge errs, too, on photos as on faces. These are figures of the attributes on which it is trusted: held "
    "against what people said of photos, its area under the ROC curve is at least 0.9 there, with 50 photos at least "
    "that show the attribute, and 50 that do not. "
)


def blocks(judged: Judged) -> list[Block]:
    """The tables and how to read them; nothing where nobody asked.

    Args:
        judged: whose.
    """
    if not any(record["figure"] in _FIGURES for one in judged.made for record in one.series.records):
        return []
    known = _judge(judged)
    words = _KNOWN + _trusted(known) if known else _UNKNOWN
    columns: list[Place] = [(name, "", note) for name, note in _FIGURES.items() if name in _of_all(judged)]
    found: list[Block] = [Words(_HOW + words)]
    if columns:
        table = by_maker(judged, columns)
        caption = f"Attributes of the made faces, {judged.group.title}"
        found.append(Table(HtmlTable(caption, table.columns, table.rows, table.style)))
    else:
        found.append(Words("The judge is trusted on none of what was asked; what it sees stands below."))
    if not any(_by_attribute(one) for one in judged.made):
        return found
    return [*found, Folded("Attribute by attribute, with what is known of the judge", [Table(_details(judged, known))])]


def _of_all(judged: Judged) -> set[str]:
    return {name for one in judged.made for name, point in one.records if point is None}


def _trusted(known: Mapping[str, Mapping[str, Any]]) -> str:
    names = [name.replace("_", " ") for name, one in known.items() if one["trusted"]]
    return f"It is trusted on {numbers.listed(names)}." if names else "It is trusted on none."


def _judge(judged: Judged) -> dict[str, dict[str, Any]]:
    """What is known of the judge, by attribute; empty where it does not say."""
    tables = (one.series.table("judge") for one in judged.made)
    table = next((one for one in tables if one is not None), pd.DataFrame())
    return {str(row["attribute"]): {str(key): row[key] for key in row} for row in table.to_dict("records")}


def _by_attribute(one: Made) -> dict[str, dict[str, Any]]:
    """The records of a cell that are of what was asked for, by attribute and figure."""
    groups = {record["group"] for record in one.series.records if record["figure"] == "attribute_accuracy"} - {None}
    return {
        group: {name: record for (name, _), record in by_key(one.series, group).items() if name in _FIGURES}
        for group in sorted(groups)
    }


def _details(judged: Judged, known: Mapping[str, Mapping[str, Any]]) -> HtmlTable:
    """One row for every maker and attribute that was asked for."""
    rows: list[Row] = []
    shown = [name for name in _FIGURES if name != "attribute_kept_rate"]
    for maker in judged.makers:
        one = next((cell for cell in judged.made if cell.maker == maker), None)
        above = maker
        for attribute, records in (_by_attribute(one) if one else {}).items():
            assert one is not None
            cells = [
                figure_cell(one.series, records.get(name), over="faces", why_not=("too few faces",)) for name in shown
            ]
            rows.append(Row(attribute, [*cells, *([_area(known.get(attribute))] if known else [])],
                            note=kind_of(one), above=above))  # fmt: skip
            above = ""
    head = [Column("attribute", number=False), *(head_of(name, label_of(name), _FIGURES[name]) for name in shown)]
    head += [Column("judge", "area under its ROC curve on photos that people labelled", "\u2191")] if known else []
    return HtmlTable(f"Attribute by attribute, {judged.group.title}", head, rows)


def _area(known: Mapping[str, Any] | None) -> TableCell:
    if known is None:
        return TableCell("judge untested", kind="words", number=False)
    between = numbers.between(numbers.plain(known["low"], 3), numbers.plain(known["high"], 3))
    counts = f"{numbers.count(int(known['there']))} with, {numbers.count(int(known['absent']))} without"
    notes = (counts,) if known["tested"] else ("judge untested", counts)
    return TableCell(numbers.plain(known["area"], 3), kind="figure", interval=between, notes=notes)
