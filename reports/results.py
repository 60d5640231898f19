"""Section "Results": what came out in a few sentences, and the headline table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench.metrics import FIGURES
from reports import numbers, sentences, tables
from reports.differences import winner
from reports.operating import unsupported
from reports.outlet import Outlet
from reports.page import Block, Folded, Links, Part, Section, Table, Words
from reports.points import Point, point_of, points_of
from reports.records import ARROWS, Key, by_key, figure_cell, hint_of, is_count, label_of, value_at
from reports.series import Group, Record, Run, Series
from reports.table import Column, HtmlTable, Row, TableCell

_OVERALL = ("equal_error_rate", "area_under_curve", "decidability", "fold_accuracy", "best_accuracy")
_LEGEND = (
    "Below each value stands its 95\u202f% interval; hover for how it was made. An arrow says which way is better; a "
    "value is bold where its recognizer is better than every other one of the column by a paired difference whose "
    "interval leaves out 0. <span class='tag weak'>weak</span> rests on fewer than 30 errors, so it may be off by a "
    "third or more; <span class='tag insufficient'>insufficient</span> means the trials are too few to set that "
    "threshold at all, and nothing is extrapolated."
)


def section(run: Run, outlet: Outlet) -> Section:
    """The section: always there.

    Args:
        run: the run.
        outlet: takes the tables as CSV files.
    """
    parts = [Part(group.title if len(run.all_groups) > 1 else "", _blocks(group, outlet)) for group in run.groups]
    if not run.all_groups:
        parts = [Part("", [Words("No cell of this run has an outcome yet.")])]
    elif run.groups:
        parts[-1].blocks.append(Words(sentences.markup(_LEGEND), "files"))
    return Section("results", "Results", parts)


def _blocks(group: Group, outlet: Outlet) -> list[Block]:
    blocks: list[Block] = [Words(sentence, "short") for sentence in sentences.in_short(group)]
    if not group.series and not group.failed:
        return blocks
    blocks.append(Table(headline(group, outlet)))
    if (more := other_figures(group, outlet)) is not None:
        blocks.append(Folded("More figures over all trials", [Table(more)]))
    if group.series:
        blocks.append(Links((("CSV", outlet.csv(tables.results_frame(group), "results", group.title)),)))
    return blocks


def headline(group: Group, outlet: Outlet) -> HtmlTable:
    """The headline table of a group: one row a series, failed cells included.

    Args:
        group: whose.
        outlet: knows the looks.
    """
    records = {one.label: by_key(one) for one in group.series}
    keys = _columns(records.values(), [point for point in points_of(group.series) if point.own])
    rows = _rows(group, keys, records, outlet)
    for failed in group.failed:
        notes = ("see Failed cells",)
        cell = TableCell(failed.error, kind="words", tag="failed", number=False, span=max(len(keys), 1), notes=notes)
        rows.append(Row(failed.label, [cell], outlet.looks[failed.label]))
    return _table(f"Results on {group.title}", keys, rows)


def other_figures(group: Group, outlet: Outlet) -> HtmlTable | None:
    """The figures over all trials that the headline table leaves out, or None where there are none.

    Args:
        group: whose.
        outlet: knows the looks.
    """
    records = {one.label: by_key(one) for one in group.series}
    there = {name for found in records.values() for name, point in found if point is None}
    shown = {name for name, _ in _columns(records.values(), [])}
    keys: list[Key] = [(name, None) for name in FIGURES if name in there - shown and not is_count(name)]
    return _table(f"More figures on {group.title}", keys, _rows(group, keys, records, outlet)) if keys else None


def _table(caption: str, keys: Sequence[Key], rows: Sequence[Row]) -> HtmlTable:
    return HtmlTable(caption, [Column("recognizer", number=False), *map(_head, keys)], rows, "results")


def _rows(group: Group, keys: Sequence[Key], records: Mapping[str, Mapping[Key, Record]], outlet: Outlet) -> list[Row]:
    best = {key: winner(group, key) for key in keys}
    return [
        Row(
            label=one.label,
            look=outlet.looks[one.label],
            note=f"aligned by {one.aligner}" if one.aligner else "",
            cells=[_cell(one, key, records[one.label], best[key] is one) for key in keys],
        )
        for one in group.series
    ]


def _columns(records: Iterable[Mapping[Key, Record]], points: Sequence[Point]) -> list[Key]:
    there = {key for found in records for key in found}
    overall: list[Key] = [(name, None) for name in _OVERALL if (name, None) in there]
    if ("fold_accuracy", None) in overall:
        overall.remove(("best_accuracy", None))  # stands among the others
    at_points: list[Key] = [("true_match_rate", point.name) for point in points]
    acquire: list[Key] = [("failure_to_acquire_rate", None)] if ("failure_to_acquire_rate", None) in there else []
    return [*overall[:1], *at_points, *overall[1:], *acquire]


def _head(key: Key) -> Column:
    name, at = key
    point = point_of(at) if at else None
    note = f"at {point.label}" if point else "over folds" if name == "fold_accuracy" else ""
    arrow = ARROWS[FIGURES[name].direction] if name in FIGURES else ""
    return Column(label_of(name), hint_of(name), arrow, note)


def _cell(one: Series, key: Key, records: Mapping[Key, Record], best: bool) -> TableCell:
    name, at = key
    record = records.get(key)
    if record is None:
        return figure_cell(one, None)
    point = point_of(at) if at else None
    if record["value"] is None and point:
        return unsupported(point, record, records)
    hint = ""
    notes: tuple[str, ...] = ()
    if name == "true_match_rate":
        hint = _errors(at, records)
    if name == "failure_to_acquire_rate" and (failed := value_at(records, "trials_not_acquired")) is not None:
        notes = (numbers.plural(int(failed), "trial"),)
    return figure_cell(one, record, best=best, notes=notes, hint=hint)


def _errors(point: str | None, records: Mapping[Key, Record]) -> str:
    counts = []
    for figure, noun in (("false_match_rate", "false match"), ("false_non_match_rate", "false non-match")):
        record = records.get((figure, point)) or {}
        if record.get("value") is not None and record.get("n"):
            counts.append(numbers.plural(round(record["value"] * record["n"]), noun, f"{noun}es"))
    return numbers.listed(counts)
