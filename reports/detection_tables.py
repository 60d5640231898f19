"""Figures of detectors as tables of the page, and as CSV files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from bench.metrics import FIGURES, needed_nonmated
from reports import numbers
from reports.detector_points import DetectorPoint
from reports.detectors import WORST, Detected, Shown
from reports.outlet import Outlet
from reports.records import ARROWS, count_cell, figure_cell, hint_of, label_of
from reports.table import Column, HtmlTable, Row, TableCell
from reports.vocabulary import ATTACK_ERROR, BONA_FIDE_ERROR

_Cell = Callable[[Detected, str | None], TableCell]
SAMPLES = "samples"
"""What figures of detectors are counted over."""


def headline(shown: Shown, outlet: Outlet) -> HtmlTable:
    """How well each detector does against the species that it misses most: one row a detector, failed ones included.

    Args:
        shown: whose.
        outlet: knows the looks.
    """
    columns = [*_overall(shown), *_traded(shown, ATTACK_ERROR), *_counts(shown, None)]
    rows = [
        Row(one.series.label, [cell(one, None) for _, cell in columns], outlet.looks[one.series.label], _who(one))
        for one in shown.detectors
    ]
    for failed in shown.group.failed:
        notes = ("see Failed cells",)
        cell = TableCell(failed.error, kind="words", tag="failed", number=False, span=len(columns), notes=notes)
        rows.append(Row(failed.label, [cell], outlet.looks[failed.label]))
    heads = [Column("detector", number=False), *(column for column, _ in columns)]
    return HtmlTable(f"Detectors on {shown.group.title}", heads, rows, "results")


def by_species(shown: Shown, outlet: Outlet) -> HtmlTable | None:
    """How well each detector does against each species by itself, all detectors of a species together.

    Args:
        shown: whose.
        outlet: knows the looks.
    """
    if not shown.several:
        return None
    columns = [*_overall(shown, each=True), *_traded(shown, ATTACK_ERROR), *_counts(shown, shown.species[0])]
    return _by_species(f"Detectors on {shown.group.title} by species", shown, columns, shown.species, outlet)


def reverse(shown: Shown, outlet: Outlet) -> HtmlTable | None:
    """The attack error at thresholds that were set for bona fide errors; None where there are none.

    Args:
        shown: whose.
        outlet: knows the looks.
    """
    columns = _traded(shown, BONA_FIDE_ERROR)
    rows = (None, *shown.species) if shown.several else (None,)
    title = f"{shown.words.attack_error} at {shown.words.bona_fide_error} on {shown.group.title}"
    return _by_species(title, shown, columns, rows, outlet) if columns else None


def detection_frame(shown: Shown) -> pd.DataFrame:
    """Every figure of every detector, one row each; `called` is what the page calls it."""
    rows: list[dict[str, Any]] = [
        {
            "dataset": shown.group.dataset,
            "protocol": shown.group.protocol,
            "series": one.series.label,
            **{field: record.get(field) for field in _FIELDS},
            "called": label_of(record["figure"], shown.words),
        }
        for one in shown.detectors
        for record in one.series.records
    ]
    return pd.DataFrame(rows)


_FIELDS = ("figure", "operating_point", "species", "value", "low", "high", "interval", "n", "support")


# ------------------------------------------------------------------------------------------------------------ columns


def _overall(shown: Shown, each: bool = False) -> list[tuple[Column, _Cell]]:
    worst, pooled = (WORST, "all attacks") if shown.several and not each else ("", "")
    return [
        _column("detection_equal_error_rate", note=worst),
        _column("detection_area_under_curve", note=pooled),
    ]


def _traded(shown: Shown, kind: str) -> list[tuple[Column, _Cell]]:
    """One error at thresholds that were set for the other one, on these very presentations."""
    return [_traded_at(shown, point) for point in shown.at(kind)]


def _traded_at(shown: Shown, point: DetectorPoint) -> tuple[Column, _Cell]:
    words = shown.words
    name = "bona_fide_error_rate" if point.kind == ATTACK_ERROR else "attack_error_rate"

    def cell(one: Detected, species: str | None) -> TableCell:
        if point.kind == ATTACK_ERROR:
            record = one.record(name, point, species)
        else:
            record = one.record("worst_attack_error_rate" if species is None else name, point, species)
        return figure_cell(one.series, record, why_not=_lacking(one, point, species, shown), over=SAMPLES)

    return head(name, label_of(name, words), f"at {point.goal(words)}", _hint(point, shown)), cell


def _hint(point: DetectorPoint, shown: Shown) -> str:
    """The field's own name of some columns."""
    if shown.words.profile != "presentation" or point.kind != ATTACK_ERROR or not point.rate:
        return ""
    return {0.1: "BPCER10: ", 0.05: "BPCER20: ", 0.01: "BPCER100: "}.get(point.rate, "")


def _lacking(one: Detected, point: DetectorPoint, species: str | None, shown: Shown) -> tuple[str, ...]:
    """Why there is no threshold at a point: how many samples there are, and how many it takes."""
    if point.rate is None:
        return ("no threshold",)
    if point.kind == BONA_FIDE_ERROR:
        have, what = len(one.responses(None)), "bona fide"
    else:
        wanted = one.species if species is None else (species,)
        have, what = min((len(one.responses(name)) for name in wanted), default=0), shown.words.attacks
    need = needed_nonmated(point.rate)
    return (f"{numbers.count(have)} of {numbers.count(need)}", what) if have < need else ("no response",)


def _counts(shown: Shown, species: str | None) -> list[tuple[Column, _Cell]]:
    def attacks(one: Detected, name: str | None) -> TableCell:
        found = [one.record("attack_samples", None, each) for each in ([name] if name else one.species)]
        values = [record["value"] for record in found if record is not None and record["value"] is not None]
        return count_cell(sum(values)) if values else figure_cell(one.series, None)

    columns: list[tuple[Column, _Cell]] = [(head("attack_samples", shown.words.attacks), attacks)]
    if species is None:
        bona_fide = _column("bona_fide_samples", "bona fide")
        return [bona_fide, *columns]
    return columns


def _column(name: str, label: str = "", note: str = "") -> tuple[Column, _Cell]:
    def cell(one: Detected, species: str | None) -> TableCell:
        return figure_cell(one.series, one.record(name, None, species), over=SAMPLES)

    return head(name, label, note), cell


def head(name: str, label: str = "", note: str = "", hint: str = "") -> Column:
    """The head of a column of one figure.

    Args:
        name: the figure's.
        label: what stands there; by default what the figure is called.
        note: a second, smaller line.
        hint: what hovering says first.
    """
    arrow = ARROWS[FIGURES[name].direction] if name in FIGURES else ""
    return Column(label or label_of(name), f"{hint}{hint_of(name)}", arrow, note)


def _who(one: Detected) -> str:
    """What stands below a detector's name."""
    found = [f"aligned by {one.series.aligner}"] if one.series.aligner else []
    return ", ".join([*found, "beside a trusted photo"] if one.series.spec.get("differential") else found)


def _by_species(
    title: str,
    shown: Shown,
    columns: Sequence[tuple[Column, _Cell]],
    species: Sequence[str | None],
    outlet: Outlet,
) -> HtmlTable:
    rows = []
    for name in species:
        above = "" if len(species) == 1 else name or WORST
        for one in shown.detectors:
            if name is None or name in one.species:
                cells = [cell(one, name) for _, cell in columns]
                rows.append(Row(one.series.label, cells, outlet.looks[one.series.label], above=above))
                above = ""
    heads = [Column("detector", number=False), *(column for column, _ in columns)]
    return HtmlTable(title, heads, rows, "results")
