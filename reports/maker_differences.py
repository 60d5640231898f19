"""Which of several makers of faces is better: paired differences to the first one, of faces of the same photos."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bench.metrics import FIGURES
from reports.differences import FIELDS, verdict
from reports.makers import Judged, Made, same_faces
from reports.outlet import Outlet
from reports.page import Block, Links, Part, Table, Words
from reports.points import Point
from reports.records import ARROWS, figure_cell, hint_of, label_of
from reports.series import Record
from reports.table import Column, HtmlTable, Row

_SHORT = {
    "contributor_similarity_mean": "similarity",
    "contributor_match_rate": "match",
    "both_match_rate": "match both",
    "frechet_distance": "Fréchet",
    "kernel_distance": "kernel",
}
"""What stands at the head of narrow columns."""

_Place = tuple[str, str | None, str | None]
"""A figure, its operating point and its group."""

_HOW = (
    "Makers that are given the same photos succeed and fail with the same people, so their difference is more certain "
    "than two separate intervals suggest. Each is compared with the first maker of the sweep, on the same draws of "
    "people; distances by leaving out the same people. Where a 95\u202f% interval holds 0, the data cannot tell. The "
    "intervals are not corrected for their number. Rates are over all attempts, SSIM and PSNR over the faces that were "
    "made, as are layouts, similarities and distances over those in which a face was found; where a maker did not make "
    "the faces that the first one made, no verdict is given. Which way similarities and match rates are better depends "
    "on what the faces are for."
)


def part(judged: Judged, point: Point | None, outlet: Outlet) -> Part | None:
    """The part; None where no two makers were compared.

    Args:
        judged: whose.
        point: the operating point of the page; all others stand in the CSV file.
        outlet: takes the differences as a CSV file.
    """
    if not any(one.series.differences for one in judged.made):
        return None
    table = _table(judged, point)
    if table is None:
        return None
    file = outlet.csv(differences_frame(judged), "maker-differences", judged.group.title)
    blocks: list[Block] = [Words(_HOW), Table(table), Links((("CSV: at every operating point", file),))]
    return Part("Which maker is better", blocks)


def _table(judged: Judged, point: Point | None) -> HtmlTable | None:
    """One row a maker, one column a figure, the rows of a recognizer together."""
    there = (None, None if point is None else point.name)
    every = [record for one in judged.made for record in one.series.differences]
    known = [_place(record) for record in every if record["value"] is not None]
    places = [place for place in dict.fromkeys(known) if place[1] in there]
    rows: list[Row] = []
    for recognizer in judged.recognizers:
        made = judged.of(recognizer)
        versus = " or ".join(sorted({str(record["versus"]) for one in made for record in one.series.differences}))
        above = f"{recognizer}, minus {versus}"
        for one in made:
            if one.series.differences:
                rows.append(_row(one, places, same_faces([made[0], one]), above))
                above = ""
    if not places or not rows:
        return None
    columns = [Column("made by", number=False), *(_head(place, point) for place in places)]
    return HtmlTable(f"Paired differences of makers, {judged.group.title}", columns, rows, "results")


def differences_frame(judged: Judged) -> pd.DataFrame:
    """One row a recognizer, maker and difference.

    Args:
        judged: whose.
    """
    rows = [
        {
            "recognizer": one.series.label,
            "made_by": one.maker,
            "group": record["group"],
            **{name: record[name] for name in FIELDS},
            "verdict": _said(record, same_faces([judged.of(one.series.label)[0], one])),
        }
        for one in judged.made
        for record in one.series.differences
    ]
    return pd.DataFrame(rows)


def _row(one: Made, places: Sequence[_Place], same: bool, above: str) -> Row:
    records = {_place(record): record for record in one.series.differences}
    cells = []
    for place in places:
        record = records.get(place)
        notes = () if record is None or record["value"] is None else (_said(record, same),)
        cells.append(figure_cell(one.series, record, notes=notes, why_not=("too few faces",), over="faces"))
    return Row(one.maker, cells, note=one.said_made, above=above)


def _said(record: Record, same: bool) -> str:
    """What a difference allows to say; of figures of which neither way is better, which way it is."""
    if not same:
        return "of other faces"
    if FIGURES[record["figure"]].direction != "none" or record["low"] is None:
        return verdict(record)
    return "higher" if record["low"] > 0 else "lower" if record["high"] < 0 else "undecided"


def _place(record: Record) -> _Place:
    return record["figure"], record["operating_point"], record["group"]


def _head(place: _Place, point: Point | None) -> Column:
    figure, at, group = place
    arrow = ARROWS[FIGURES[figure].direction]
    below = [group] if group else []
    below += [f"at {point.label}"] if at and point else []
    name = figure.removesuffix("_difference")
    return Column(f"\u0394 {_SHORT.get(name) or label_of(name)}", hint_of(figure), arrow, ", ".join(below))
