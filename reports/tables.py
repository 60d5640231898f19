"""The tables of a report: as pandas frames for CSV files, every digit kept, and as rows for the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.metrics import FIGURES, needed_nonmated
from reports import numbers
from reports.curves import Mark
from reports.figures.style import Look
from reports.html import Column, HtmlTable, Row, TableCell
from reports.load import FailedCell, Group, Run, Series

_OVERALL = ("equal_error_rate", "area_under_curve", "decidability", "fold_accuracy", "best_accuracy")
_LABELS = {
    "equal_error_rate": "EER",
    "area_under_curve": "AUC",
    "decidability": "d\u2032",
    "fold_accuracy": "accuracy",
    "best_accuracy": "best accuracy",
    "true_match_rate": "TMR",
    "failure_to_acquire_rate": "FTA",
}
_ARROWS = {"up": "↑", "down": "↓", "none": ""}

Key = tuple[str, str | None]
"""A figure's name and its operating point."""


@dataclass(frozen=True)
class Point:
    """An operating point of a series.

    Attributes:
        name: what records call it, ``"fmr=0.01"``.
        fmr: the rate that was asked for.
        label: such as ``"FMR 1 %"``.
    """

    name: str
    fmr: float
    label: str


def by_key(series: Series) -> Mapping[Key, Mapping[str, Any]]:
    """A series' records by figure and operating point."""
    return {(record["figure"], record["operating_point"]): record for record in series.records}


def points_of(group: Group) -> list[Point]:
    """The operating points of a group, the laxest first."""
    names = {record["operating_point"] for one in group.series for record in one.records}
    rates = {name: float(name.removeprefix("fmr=")) for name in names if str(name).startswith("fmr=")}
    ordered = sorted(rates.items(), key=lambda entry: -entry[1])
    return [Point(name, fmr, f"FMR {numbers.rate(fmr)}") for name, fmr in ordered]


def marks_of(series: Series, points: Sequence[Point]) -> tuple[Mark, ...]:
    """The operating points of a series that its data support."""
    records = by_key(series)
    marks = []
    for point in points:
        names = ("threshold", "false_match_rate", "false_non_match_rate")
        found = [records.get((name, point.name), {}) for name in names]
        threshold, fmr, fnmr = (record.get("value") for record in found)
        if threshold is not None and fmr is not None and fnmr is not None:
            marks.append(Mark(point.label, fmr, fnmr, threshold, found[0].get("support") != "ok"))
    return tuple(marks)


def results(group: Group, looks: Mapping[str, Look]) -> HtmlTable:
    """The headline table of a group: one row a series, failed cells included."""
    records = {one.label: by_key(one) for one in group.series}
    keys = _columns(records.values(), points_of(group))
    columns = [Column("recognizer", number=False), *(_head(key) for key in keys)]
    best = {key: _best(key, [found.get(key, {}).get("value") for found in records.values()]) for key in keys}
    rows = [
        Row(
            label=one.label,
            look=looks[one.label],
            note=f"aligned by {one.aligner}" if one.aligner else "",
            cells=[_cell(key, records[one.label], best[key]) for key in keys],
        )
        for one in group.series
    ]
    for failed in group.failed:
        cell = TableCell(f"{failed.error}, see below", tag="failed", number=False, span=max(len(keys), 1))
        rows.append(Row(failed.label, [cell], looks[failed.label]))
    return HtmlTable(f"Results on {group.title}", columns, rows, "results")


def _columns(records: Any, points: Sequence[Point]) -> list[Key]:
    there = {key for found in records for key in found}
    overall: list[Key] = [(name, None) for name in _OVERALL if (name, None) in there]
    if ("fold_accuracy", None) in overall:
        overall.remove(("best_accuracy", None))  # stands below it
    at_points: list[Key] = [("true_match_rate", point.name) for point in points]
    acquire: list[Key] = [("failure_to_acquire_rate", None)] if ("failure_to_acquire_rate", None) in there else []
    return [*overall[:1], *at_points, *overall[1:], *acquire]


def _head(key: Key) -> Column:
    name, point = key
    figure = FIGURES.get(name)
    note = ""
    if point:
        note = f"at FMR {numbers.rate(float(point.removeprefix('fmr=')))}"
    elif name == "fold_accuracy":
        note = "over folds"
    hint = f"{name}: {figure.meaning} ({figure.source})" if figure else name
    return Column(_LABELS.get(name, name), hint, _ARROWS[figure.direction] if figure else "", note)


def _best(key: Key, values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    direction = FIGURES[key[0]].direction if key[0] in FIGURES else "none"
    if len(known) < 2 or direction == "none" or min(known) == max(known):
        return None
    return max(known) if direction == "up" else min(known)


def _cell(key: Key, records: Mapping[Key, Mapping[str, Any]], best: float | None) -> TableCell:
    name, point = key
    record = records.get(key)
    if record is None:
        return TableCell(numbers.ABSENT)
    value, support = record["value"], record["support"] or "ok"
    if value is None:
        return _unsupported(point, records)
    notes = _notes(name, point, records)
    if record["low"] is not None and record["high"] is not None:
        notes = (f"{printed(name, record['low'])} to {printed(name, record['high'])}", *notes)
    hint = f"{value!r} over {record['n']:,} comparisons" if record["n"] is not None else f"{value!r}"
    if name == "true_match_rate":
        hint += f"; {_errors(point, records)}"
    tag = "weak" if support == "weak" and name != "failure_to_acquire_rate" else ""
    return TableCell(printed(name, value), notes, "weak" if tag else "", value == best, hint)


def _errors(point: str | None, records: Mapping[Key, Mapping[str, Any]]) -> str:
    counts = []
    for figure, noun in (("false_match_rate", "false match"), ("false_non_match_rate", "false non-match")):
        record = records.get((figure, point)) or {}
        if record.get("value") is not None and record.get("n"):
            counts.append(numbers.plural(round(record["value"] * record["n"]), noun, f"{noun}es"))
    return numbers.listed(counts)


def _unsupported(point: str | None, records: Mapping[Key, Mapping[str, Any]]) -> TableCell:
    if point is None:
        return TableCell("", ("too few scores",), "insufficient")
    have = (records.get(("threshold", point)) or {}).get("n") or 0
    need = needed_nonmated(float(point.removeprefix("fmr=")))
    if have >= need:
        return TableCell("", ("no mated scores",), "insufficient")
    return TableCell("", (f"has {numbers.count(have)} of", f"{numbers.count(need)} nonmated"), "insufficient")


def _notes(name: str, point: str | None, records: Mapping[Key, Mapping[str, Any]]) -> tuple[str, ...]:
    def value(figure: str, at: str | None = None) -> float | None:
        found: float | None = (records.get((figure, at)) or {}).get("value")
        return found

    if name == "true_match_rate":
        return (f"FMR {numbers.percent(value('false_match_rate', point))}",)
    if name == "fold_accuracy":
        deviation, best = value("fold_accuracy_deviation"), value("best_accuracy")
        spread = (f"± {numbers.percent(deviation)}",) if deviation is not None else ()
        return (*spread, f"best {numbers.percent(best)}") if best is not None else spread
    if name == "failure_to_acquire_rate":
        failed = value("trials_not_acquired")
        return (numbers.plural(int(failed), "trial"),) if failed is not None else ()
    return ()


def printed(name: str, value: float | None) -> str:
    """A figure's value as the page prints it: rounded, with its unit."""
    unit = FIGURES[name].unit if name in FIGURES else ""
    if name == "area_under_curve":
        return numbers.share(value)
    if unit == "share":
        return numbers.percent(value)
    if unit == "count":
        return numbers.count(value)
    return numbers.plain(value, 4 if unit == "similarity" else 2)


def glossary(run: Run) -> list[tuple[str, str]]:
    """Name and meaning of every figure that the run has, and of the words that the page uses."""
    used = {record["figure"] for one in run.series for record in one.records}
    words = [
        ("mated, nonmated", "a comparison of two photos of one person; of two people"),
        ("score", "a similarity: higher is more alike; a pair is accepted when its score reaches the threshold"),
        ("operating point", "a threshold, set where the false match rate does not exceed what was asked for"),
        ("FMR below a TMR", "the rate that the threshold achieves; at most the requested one, as scores are discrete"),
        (
            "weak",
            "fewer than 30 errors: by the rule of 30, within 30 % of the truth with 90 % confidence only from there",
        ),
        (
            "insufficient",
            "so few nonmated scores that the requested rate allows not one false match: no threshold is set",
        ),
    ]
    figures = []
    for name, figure in FIGURES.items():
        if name in used:
            better = {"up": "; higher is better", "down": "; lower is better", "none": ""}[figure.direction]
            short = f"{_LABELS[name]}: " if name in _LABELS and not figure.meaning.startswith(_LABELS[name]) else ""
            figures.append((name, f"{short}{figure.meaning}{better}. Unit: {figure.unit}. Source: {figure.source}."))
    return words + figures


# ------------------------------------------------------------------------------------------------------------- files


def figures_frame(run: Run) -> pd.DataFrame:
    """One row a figure, of all series; settings as JSON."""
    rows = [
        {"series": one.label, **record, "settings": json.dumps(record.get("settings"), sort_keys=True)}
        for one in run.series
        for record in one.records
    ]
    return pd.DataFrame(rows)


def results_frame(group: Group) -> pd.DataFrame:
    """One row a series, one column a figure; at an operating point it is called ``figure@point``."""
    rows = []
    for one in group.series:
        row: dict[str, Any] = {"dataset": group.dataset, "protocol": group.protocol, "series": one.label}
        row |= {"recognizer": one.recognizer, "aligner": one.aligner}
        for (name, point), record in by_key(one).items():
            column = f"{name}@{point}" if point else name
            row |= {column: record["value"], f"{column} support": record["support"]}
        rows.append(row)
    return pd.DataFrame(rows)


def failed_frame(failed: Sequence[FailedCell]) -> pd.DataFrame:
    """One row a failed cell."""
    rows = [{"series": one.label, "where": one.place, "error": one.error, "message": one.message} for one in failed]
    return pd.DataFrame(rows, columns=["series", "where", "error", "message"])


def write_csv(frame: pd.DataFrame, folder: Path, name: str, index: bool = False) -> str:
    """Writes a CSV file, every number with as many digits as it takes to read the same number back.

    Returns:
        The file's path relative to the folder's parent, as a link.
    """
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / f"{name}.csv", index=index, lineterminator="\n")
    return f"{folder.name}/{name}.csv"
