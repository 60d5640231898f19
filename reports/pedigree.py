"""Where thresholds come from that were set elsewhere: data set, people, comparisons, what they achieved there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.store.legacy import NO_PEDIGREE
from reports import numbers
from reports.curves import Ends
from reports.outlet import Outlet
from reports.points import Point
from reports.records import NO_INTERVAL, count_cell
from reports.series import Group, Series
from reports.table import Column, HtmlTable, Row, TableCell, Tag

KINDS = {"data": "set in this run", "manifest": "read from a manifest", "profile": "published constants"}


def calibration_of(series: Series) -> Mapping[str, Any]:
    """Everything that a cell says about thresholds that were set elsewhere; empty where it uses none.

    Args:
        series: the cell.
    """
    asked = series.spec.get("calibration") or {}
    return {**asked, **(series.outcome.get("calibration") or {})}


def manifest_of(series: Series) -> Mapping[str, Any]:
    """The threshold manifest as executed (see `bench.store.thresholds`); empty where there is none.

    Args:
        series: the cell.
    """
    found = calibration_of(series)
    inside = [found, *(value for value in found.values() if isinstance(value, Mapping))]
    return next((one for one in inside if "points" in one and isinstance(one.get("dataset"), Mapping)), {})


def threshold_ends(series: Series, point: Point) -> Ends:
    """The interval that a threshold has where it was set, or None.

    Args:
        series: the cell.
        point: an operating point that is not the cell's own.
    """
    manifest = manifest_of(series)
    return _ends(_manifest_point(manifest, point) or {}, "threshold")


def table(group: Group, outlet: Outlet) -> HtmlTable | None:
    """Where the thresholds of a group come from, one row a recognizer; None where nobody says.

    Args:
        group: whose.
        outlet: knows the looks.
    """
    members = [one for one in group.series if calibration_of(one)]
    rates = sorted({point["requested_fmr"] for one in members for point in manifest_of(one).get("points", ())})
    columns = [
        Column("recognizer", number=False),
        Column("set on", number=False),
        Column("people"),
        Column("comparisons", note="mated, nonmated"),
        *(Column("FMR there", _THERE, note=f"asked for {numbers.rate(rate)}") for rate in reversed(rates)),
        Column("weights", "first digits of the SHA-256 of the recognizer's weights", number=False),
    ]
    rows = [
        Row(one.label, _cells(one, [*reversed(rates)], len(columns) - 1), outlet.looks[one.label]) for one in members
    ]
    return HtmlTable(f"Where the thresholds on {group.title} come from", columns, rows) if rows else None


_THERE = "the false match rate that the threshold achieved where it was set; never above what was asked for"


def _cells(one: Series, rates: Sequence[float], width: int) -> list[TableCell]:
    found, manifest = calibration_of(one), manifest_of(one)
    if not manifest:
        model = f", constants of {found['model']}" if found.get("model") else ""
        what = str(found.get("origin") or found.get("kind") or "set elsewhere")
        return [_words(f"{what}{model}", str(found.get("pedigree") or NO_PEDIGREE), span=width)]
    data = manifest["dataset"]
    part = ", ".join(filter(None, (data["name"], data.get("split"))))
    there = {point["requested_fmr"]: point for point in manifest["points"]}
    return [
        _words(part, *filter(None, (f"protocol {data['protocol']}", KINDS.get(str(found.get("kind")), "")))),
        count_cell(data["people"]),
        _comparisons(data),
        *(_achieved(there[rate]) if rate in there else _words(numbers.ABSENT) for rate in rates),
        _words(_weights(manifest), *_digest(found)),
    ]


def _comparisons(data: Mapping[str, Any]) -> TableCell:
    failed = sum(data.get(f"{kind}_not_acquired") or 0 for kind in ("mated", "nonmated"))
    parts = f"{numbers.count(data['mated'])}, {numbers.count(data['nonmated'])}"
    lost = (f"{numbers.count(failed)} not acquired",) if failed else ()
    return count_cell(data["mated"] + data["nonmated"], parts, *lost)


def _achieved(there: Mapping[str, Any]) -> TableCell:
    value, ends = there.get("false_match_rate"), _ends(there, "false_match_rate")
    if value is None:
        return TableCell("", kind="words", tag="insufficient")
    interval = NO_INTERVAL if ends is None else numbers.between(*map(numbers.percent, ends))
    tag: Tag = "weak" if there.get("support") == "weak" else ""
    return TableCell(numbers.percent(value), kind="figure", interval=interval, tag=tag)


def _ends(there: Mapping[str, Any], name: str) -> Ends:
    """The interval of a number in a manifest, or None where it has none."""
    pair = there.get(f"{name}_interval")
    return None if pair is None else (float(pair[0]), float(pair[1]))


def _manifest_point(manifest: Mapping[str, Any], point: Point) -> Mapping[str, Any] | None:
    """What a manifest says of a requested rate, or None."""
    points: Sequence[Mapping[str, Any]] = manifest.get("points") or ()
    return next((one for one in points if point.fmr is not None and one.get("requested_fmr") == point.fmr), None)


def _weights(manifest: Mapping[str, Any]) -> str:
    fingerprint = (manifest.get("recognizer") or {}).get("fingerprint") or {}
    named = [str(value) for name, value in fingerprint.items() if "weights" in name or "model" in name]
    digest = next((value for value in named if len(value) >= 32), "")
    return f"{digest[:10]}…" if digest else numbers.ABSENT


def _digest(found: Mapping[str, Any]) -> tuple[str, ...]:
    return (f"manifest {str(found['digest'])[:10]}…",) if found.get("digest") else ()


def _words(text: str, *notes: str, span: int = 1) -> TableCell:
    return TableCell(text, kind="words", notes=notes, number=False, span=span)
