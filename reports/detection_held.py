"""What thresholds do that were set on other people, and who got no score at all, as tables of the page."""

from __future__ import annotations

from collections.abc import Sequence

from bench.metrics import FIGURES
from reports import numbers
from reports.detection_tables import SAMPLES, head
from reports.detector_points import DetectorPoint
from reports.detectors import WORST, Detected, Shown
from reports.outlet import Outlet
from reports.records import ARROWS, count_cell, figure_cell, hint_of, interval_of
from reports.series import Record
from reports.table import Column, HtmlTable, Row, TableCell
from reports.vocabulary import ATTACK_ERROR, BONA_FIDE_ERROR


def carried(shown: Shown, points: Sequence[DetectorPoint], outlet: Outlet) -> HtmlTable:
    """What thresholds do that were set on other people: one row a point and detector.

    Args:
        shown: whose.
        points: which.
        outlet: knows the looks.
    """
    words = shown.words
    heads = [
        Column("detector", number=False),
        head("threshold"),
        head("bona_fide_error_rate", words.bona_fide_error),
        head("worst_attack_error_rate", words.attack_error, WORST if shown.several else ""),
    ]
    rows = []
    for point in points:
        above = _set_on(point, shown)
        for one in shown.detectors:
            if cells := _at_carried(one, point):
                rows.append(Row(one.series.label, cells, outlet.looks[one.series.label], above=above))
                above = ""
    return HtmlTable(f"Thresholds held on {shown.group.title}", heads, rows, "results")


def carried_by_species(shown: Shown, points: Sequence[DetectorPoint], outlet: Outlet) -> HtmlTable | None:
    """The attack error of each species at the same thresholds: one row a point and species, one column a detector.

    Args:
        shown: whose.
        points: which.
        outlet: knows the looks.
    """
    if not shown.several:
        return None
    rows = []
    for point in points:
        above = _set_on(point, shown)
        for name in shown.species:
            rows.append(_across(shown, name, name, "attack_error_rate", point, outlet, above))
            above = ""
    return _by_detector(f"Each species at thresholds held on {shown.group.title}", shown, "attack_error_rate", rows)


def silent(shown: Shown, outlet: Outlet) -> HtmlTable | None:
    """How often detectors did not respond: one row a kind of sample, one column a detector; None where they always did.

    Args:
        shown: whose.
        outlet: knows the looks.
    """
    words, bona_fide, attacks = shown.words, "bona_fide_non_response_rate", "attack_non_response_rate"
    every = [one.value(bona_fide) for one in shown.detectors]
    every += [one.value(attacks, None, name) for one in shown.detectors for name in shown.species]
    if not any(every):
        return None
    rows = [_across(shown, "bona fide samples", None, bona_fide, None, outlet, words.bona_fide_non_response)]
    for place, name in enumerate(shown.species):
        above = words.attack_non_response if place == 0 else ""
        rows.append(_across(shown, name, name, attacks, None, outlet, above))
    return _by_detector(f"Samples without a response on {shown.group.title}", shown, attacks, rows)


def _set_on(point: DetectorPoint, shown: Shown) -> str:
    return f"{point.goal(shown.words)}, threshold set on {point.origin}"


def _across(
    shown: Shown,
    label: str,
    species: str | None,
    figure: str,
    point: DetectorPoint | None,
    outlet: Outlet,
    above: str,
) -> Row:
    """One figure of every detector, in a row that is of one species or of bona fide samples."""
    cells = [figure_cell(one.series, one.record(figure, point, species), over=SAMPLES) for one in shown.detectors]
    return Row(label, cells, None if species is None else outlet.looks[species], above=above)


def _by_detector(title: str, shown: Shown, figure: str, rows: Sequence[Row]) -> HtmlTable:
    arrow = ARROWS[FIGURES[figure].direction] if figure in FIGURES else ""
    heads = [Column(one.series.label, hint_of(figure), arrow) for one in shown.detectors]
    return HtmlTable(
        title, [Column("samples" if "response" in figure else "species", number=False), *heads], rows, "results"
    )


def origins(shown: Shown, outlet: Outlet) -> HtmlTable | None:
    """Where thresholds come from that were set elsewhere, one row a detector; None where nobody says.

    Args:
        shown: whose.
        outlet: knows the looks.
    """
    rows = []
    for one in shown.detectors:
        found = one.series.outcome.get("calibration") or {}
        data = found.get("dataset") or {}
        if not data:
            continue
        split = (data.get("fingerprint") or {}).get("split")
        part = ", ".join(filter(None, (str(data.get("name", "")), str(split or ""))))
        cells = [
            TableCell(part, kind="words", number=False),
            *(count_cell(found[name]) if name in found else figure_cell(one.series, None) for name in _THERE),
        ]
        rows.append(Row(one.series.label, cells, outlet.looks[one.series.label]))
    heads = [Column("detector", number=False), Column("set on", number=False), Column("people"),
             Column("bona fide samples"), Column(shown.words.attacks)]  # fmt: skip
    return HtmlTable(f"Where the thresholds on {shown.group.title} come from", heads, rows) if rows else None


_THERE = ("people", "bona_fide", "attacks")


def _at_carried(one: Detected, point: DetectorPoint) -> list[TableCell]:
    names = ("bona_fide_error_rate", "worst_attack_error_rate")
    records = [one.record(name, point) for name in names]
    threshold = one.record("threshold", point)
    if threshold is None and not any(records):
        return []
    if threshold is not None and threshold["value"] is None:
        note = f"too few samples on {point.origin}"
        return [TableCell("", kind="words", notes=(note,), tag="insufficient", number=False, span=len(names) + 1)]
    wanted = {ATTACK_ERROR: "worst_attack_error_rate", BONA_FIDE_ERROR: "bona_fide_error_rate"}.get(point.kind)
    return [
        _threshold(one, threshold),
        *(
            figure_cell(one.series, record, notes=_kept(point, record) if name == wanted else (), over=SAMPLES)
            for name, record in zip(names, records, strict=True)
        ),
    ]


def _threshold(one: Detected, record: Record | None) -> TableCell:
    if record is None:
        return figure_cell(one.series, None)
    if interval_of(record):
        return figure_cell(one.series, record)
    # It decides, whether or not anybody knows how far it may vary: a setting, which is shown as it is.
    return TableCell(numbers.plain(record["value"], 4), kind="setting", notes=("held",), hint=f"{record['value']!r}")


def _kept(point: DetectorPoint, record: Record | None) -> tuple[str, ...]:
    """Whether a held threshold keeps the rate that it was set for, in words."""
    if record is None or point.rate is None or record["low"] is None or record["high"] is None:
        return ()
    if record["low"] > point.rate:
        return ("above what was asked",)
    return ("below what was asked",) if record["high"] < point.rate else ("as asked, within error",)
