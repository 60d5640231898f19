"""Section "Identification": searches in a gallery of many, by rank (closed set) and by threshold (open set)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.metrics import DEFAULT_RANKS, FIGURES, needed_nonmated
from reports import numbers
from reports.curves import thin
from reports.differences import winner
from reports.figures import cmc, open_set
from reports.figures.drawn import Drawn
from reports.outlet import Outlet
from reports.page import Block, Chart, Links, Part, Section, Table, Words
from reports.records import ARROWS, Key, by_key, count_cell, figure_cell, hint_of, value_at
from reports.searched import Searched, band_frame, band_of, marks_of, points_in, rank_frame, searched, tradeoff_frame
from reports.series import Group, Record, Run, Series
from reports.table import Column, HtmlTable, Row, TableCell

MOST_VERTICES = 1200
_POINT_FIGURES = {
    "detection_identification_rate": "DIR",
    "false_negative_identification_rate": "FNIR",
    "acquired_false_negative_identification_rate": "FNIR, acquired",
    "false_positive_identification_rate": "FPIR achieved",
    "threshold": "threshold",
}


def section(run: Run, outlet: Outlet) -> Section:
    """The section; without any part where nobody was searched for.

    Args:
        run: the run.
        outlet: takes the pictures, and the curves and searches as CSV files.
    """
    found = Section("identification", "Identification (1:N)")
    groups = run.of("identification")
    for position, group in enumerate(groups):
        blocks = blocks_of(group, f"n{position}", outlet)
        if blocks:
            found.parts.append(Part(group.title if len(groups) > 1 else "", blocks))
    return found


def blocks_of(group: Group, anchor: str, outlet: Outlet) -> list[Block]:
    """What the section says of a group: what was searched for, both tables, both pictures.

    Args:
        group: its series; those without a table `searches` are left out.
        anchor: begins the ids of its charts.
        outlet: takes the files.
    """
    members = [member for member in map(searched, group.series) if member is not None]
    if not members:
        return []
    blocks: list[Block] = [Words(_asked(group, members[0])), Table(by_rank(group, members, outlet))]
    if any(member.by_rank for member in members):
        blocks.append(_cmc(group, members, anchor, outlet))
    blocks.append(Table(by_threshold(group, members, outlet)))
    if any(member.tradeoff for member in members):
        blocks.append(_open_set(group, members, anchor, outlet))
    labels = [member.series.label for member in members]
    tables = [outlet.csv(member.table, "searches", group.title, member.series.label) for member in members]
    blocks.append(Links([(f"CSV: searches, {label}", table) for label, table in zip(labels, tables, strict=True)]))
    return blocks


# -------------------------------------------------------------------------------------------------------------- tables


def by_rank(group: Group, members: Sequence[Searched], outlet: Outlet) -> HtmlTable:
    """The closed set: how many searches have their mate among the first R, and how many failed to acquire."""
    points = points_in([member.series for member in members], "rank=")
    name = "cumulative_match_rate"
    keys: list[Key] = [(name, point) for point in points]
    columns = [
        Column("recognizer", number=False),
        *(Column(f"rank {point.removeprefix('rank=')}", hint_of(name), ARROWS["up"]) for point in points),
        Column("not enrolled", hint_of("enrolments_not_acquired"), ARROWS["down"]),
        Column("searches failed", hint_of("searches_not_acquired"), ARROWS["down"]),
    ]

    def cells(one: Series, best: Callable[[Key], Series | None]) -> list[TableCell]:
        records = by_key(one)
        few = ("the gallery is no larger",)
        rates = [_cell(one, records.get(key), best(key), why_not=few) for key in keys]
        counts = [value_at(records, count) or 0 for count in ("enrolments_not_acquired", "searches_not_acquired")]
        return [*rates, *map(count_cell, counts)]

    rows = _rows(group, members, cells, len(columns) - 1, outlet)
    return HtmlTable(f"Mates among the first candidates, {group.title}", columns, rows, "results")


def by_threshold(group: Group, members: Sequence[Searched], outlet: Outlet) -> HtmlTable:
    """The open set: one row a recognizer and requested FPIR, with the threshold and both errors."""
    rows: list[Row] = []
    columns = [
        Column("recognizer", number=False),
        *(Column(label, hint_of(name), ARROWS[FIGURES[name].direction]) for name, label in _POINT_FIGURES.items()),
    ]
    for point in points_in([member.series for member in members], "fpir="):
        rate = float(point.removeprefix("fpir="))
        keys: list[Key] = [(name, point) for name in _POINT_FIGURES]
        have, need = members[0].results.nonmate_searches, needed_nonmated(rate)
        few = (f"has {numbers.count(have)} of", f"{numbers.count(need)} non-mate searches")

        def cells(
            one: Series, best: Callable[[Key], Series | None], keys: list[Key] = keys, few: tuple[str, ...] = few
        ) -> list[TableCell]:
            records = by_key(one)
            return [_cell(one, records.get(key), best(key), why_not=few) for key in keys]

        part = _rows(group, members, cells, len(columns) - 1, outlet, failed=not rows)
        rows += [replace(part[0], above=f"at FPIR {numbers.rate(rate)}"), *part[1:]]
    return HtmlTable(f"Searches by threshold, {group.title}", columns, rows, "results")


def _rows(
    group: Group,
    members: Sequence[Searched],
    cells: Callable[[Series, Callable[[Key], Series | None]], list[TableCell]],
    width: int,
    outlet: Outlet,
    failed: bool = True,
) -> list[Row]:
    def best(key: Key) -> Series | None:
        # The achieved FPIR is what was asked for, and no merit of the recognizer.
        return None if key[0] == "false_positive_identification_rate" else winner(group, key)

    rows = [
        Row(one.label, cells(one, best), outlet.looks[one.label], f"aligned by {one.aligner}" if one.aligner else "")
        for one in (member.series for member in members)
    ]
    for cell in group.failed if failed else ():
        words = TableCell(f"{cell.error}, see below", kind="words", tag="failed", number=False, span=width)
        rows.append(Row(cell.label, [words], outlet.looks[cell.label]))
    return rows


def _cell(one: Series, record: Record | None, best: Series | None, why_not: tuple[str, ...]) -> TableCell:
    return figure_cell(one, record, best=best is one, why_not=why_not)


def _asked(group: Group, member: Searched) -> str:
    records = by_key(member.series)
    enrolled = int(value_at(records, "enrolled_subjects"))
    mates, others = member.results.mate_searches, member.results.nonmate_searches
    return (
        f"A gallery of {numbers.plural(enrolled, 'person', 'people')} of {group.dataset}, one photo each. "
        f"{numbers.plural(mates, 'search', 'searches')} with their other photos should find them; "
        f"{numbers.plural(others, 'search', 'searches')} with photos of people not enrolled should find nobody. "
        "Failures to acquire are counted: a face that is not found finds nobody. Intervals say how figures vary with "
        "who is searched for; the gallery is held fixed."
    )


# ------------------------------------------------------------------------------------------------------------ pictures


def _cmc(group: Group, members: Sequence[Searched], anchor: str, outlet: Outlet) -> Chart:
    drawn, links = [], []
    for member in members:
        one = member.series
        if member.by_rank is not None:
            drawn.append(cmc.Drawn(one.label, outlet.looks[one.label], member.by_rank, DEFAULT_RANKS))
            links.append((f"CSV: {one.label}", outlet.csv(rank_frame(member.by_rank), "cmc", group.title, one.label)))
    files = outlet.picture(cmc.draw(drawn, f"CMC, {group.title}"), "cmc", group.title)
    outlet.tell()
    return Chart(
        id=f"{anchor}-cmc",
        spec=cmc.chart(drawn),
        alt=f"Cumulative match characteristic of {_names(members)} on {group.title}: share of mate searches with the "
        "mate among the first candidates over how many are looked at; the values stand in the table above.",
        caption="CMC. How many searches for enrolled people have the right one among the first candidates (up), by how "
        "many are looked at (right, logarithmic). Higher is better; a search that failed to acquire never has. A "
        "mate ranks behind everybody with an equal score. Bands are 95\u202f% intervals over people.",
        files=(*files, *links),
        legend=[(one.label, one.look) for one in drawn],
    )


def _open_set(group: Group, members: Sequence[Searched], anchor: str, outlet: Outlet) -> Chart:
    drawn, links = [], []
    for member in members:
        one = member.series
        if member.tradeoff is None:
            continue
        thinned = thin(member.tradeoff, MOST_VERTICES)
        drawn.append(Drawn(one.label, outlet.looks[one.label], thinned, marks_of(one), band_of(member.by_fpir)))
        frame = tradeoff_frame(member.tradeoff)
        links.append((f"CSV: {one.label}", outlet.csv(frame, "open_set", group.title, one.label)))
        if member.by_fpir is not None:
            frame = band_frame(member.by_fpir)
            links.append((f"CSV, band: {one.label}", outlet.csv(frame, "open_set_band", group.title, one.label)))
    files = outlet.picture(open_set.draw(drawn, f"Open set, {group.title}"), "open_set", group.title)
    outlet.tell()
    banded = any(one.band for one in drawn)
    return Chart(
        id=f"{anchor}-open-set",
        spec=open_set.chart(drawn),
        alt=f"Open-set curve of {_names(members)} on {group.title}: false negative over false positive identification "
        "rate; the values stand in the table above.",
        caption="Open set. How many searches for enrolled people do not return them (up) while so many searches for "
        "others return anybody (right), both logarithmic: lower and further left is better. A curve ends where every "
        "error that is left is a failure to acquire. "
        + ("Bands hold at each FPIR the 95\u202f% interval of the FNIR over draws of people, the threshold chosen anew "
           "in every draw. " if banded else "These curves have no bands: the run holds no draws of people. ")
        + "Markers are the operating points of the table, hollow where they are weak.",
        files=(*files, *links),
        legend=[(one.label, one.look) for one in drawn],
    )  # fmt: skip


def _names(members: Sequence[Searched]) -> str:
    return numbers.listed([member.series.label for member in members])
