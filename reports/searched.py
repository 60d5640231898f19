"""Searches of a cell, read back into curves: by rank and by threshold, with bands and operating points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.metrics import (
    ErrorCurve,
    IdentificationIntervals,
    SearchBand,
    SearchResults,
    clusters_of,
    double_or_nothing,
    open_set_tradeoff,
)
from bench.seeding import stream
from reports import numbers
from reports.curves import Band, Ends, Mark
from reports.records import by_key, value_at
from reports.series import Record, Series

MOST_RANKS = 100


@dataclass(frozen=True, eq=False)
class Searched:
    """A series with what its pictures need.

    Attributes:
        series: the cell.
        table: its table `searches`.
        results: what they found.
        by_rank: its CMC with intervals; None where the gallery holds nobody else.
        tradeoff: its open-set curve; None without searches of both kinds.
        by_fpir: the intervals around that curve; None where the cell has no draws.
    """

    series: Series
    table: pd.DataFrame
    results: SearchResults
    by_rank: SearchBand | None
    tradeoff: ErrorCurve | None
    by_fpir: SearchBand | None


def searched(one: Series) -> Searched | None:
    """A series, its curves and their bands, drawn with the very draws of its figures; None without its searches.

    Args:
        one: a cell.
    """
    table = one.table("searches")
    if table is None:
        return None
    records = by_key(one)
    results = results_from(
        table, int(value_at(records, "enrolled_subjects")) - int(value_at(records, "enrolments_not_acquired"))
    )
    labels, spec = one.outcome["labels"], one.spec
    rng = stream(spec["seed"], "bootstrap", labels["dataset"], labels["protocol"])
    kept = double_or_nothing(results.people.count, int(spec.get("draws") or 0), rng)
    intervals = IdentificationIntervals(results, kept)
    both = results.mate_searches and results.nonmate_searches
    return Searched(
        one,
        table,
        results,
        intervals.cumulative_match_band(MOST_RANKS),
        open_set_tradeoff(results) if both else None,
        intervals.open_set_band(),
    )


def results_from(table: pd.DataFrame, candidates: int) -> SearchResults:
    """What the searches found, as the metrics take it.

    Args:
        table: the table `searches`.
        candidates: how many people the gallery really holds.
    """
    people = table["probe_subject"].astype(str).tolist()
    mate, best = (
        np.asarray(table[name].to_numpy(dtype=np.float32, na_value=np.nan))
        for name in ("mate_score", "best_nonmate_score")
    )
    rank = table["rank"].fillna(0).to_numpy(dtype=np.int32)
    enrolled = table["enrolled"].to_numpy(dtype=bool)
    return SearchResults(enrolled, mate, rank, best, clusters_of(people, people), candidates)


def points_in(series: Sequence[Series], kind: str) -> list[str]:
    """The operating points of a kind that series have figures at: ranks ascending, rates the laxest first.

    Args:
        series: whose.
        kind: ``"rank="`` or ``"fpir="``.
    """
    found = {record["operating_point"] for one in series for record in one.records}
    points = [point for point in found if point and point.startswith(kind)]
    sign = 1 if kind == "rank=" else -1
    return sorted(points, key=lambda point: sign * float(point.removeprefix(kind)))


def marks_of(one: Series) -> tuple[Mark, ...]:
    """The operating points of a series that its searches support, as marks on the open-set curve."""
    records, marks = by_key(one), []
    for point in points_in([one], "fpir="):
        names = ("threshold", "false_positive_identification_rate", "false_negative_identification_rate")
        found = [records.get((name, point)) for name in names]
        if any(record is None or record["value"] is None for record in found):
            continue
        threshold, fpir, fnir = (record for record in found if record is not None)
        label = f"FPIR {numbers.rate(float(point.removeprefix('fpir=')))}"
        weak = threshold["support"] != "ok"
        values = fpir["value"], fnir["value"], threshold["value"]
        marks.append(Mark(label, *values, weak, False, _ends(fpir), _ends(fnir), _ends(threshold)))
    return tuple(marks)


def _ends(record: Record) -> Ends:
    low, high = record.get("low"), record.get("high")
    return None if low is None or high is None else (float(low), float(high))


def band_of(found: SearchBand | None) -> Band | None:
    """The intervals of the FNIR, where they are known, as curve pictures take them; None where they are not."""
    if found is None:
        return None
    known = np.isfinite(found.low) & np.isfinite(found.high)
    return Band(found.x[known], found.low[known], found.high[known]) if np.count_nonzero(known) > 1 else None


def rank_frame(band: SearchBand) -> pd.DataFrame:
    """A CMC as a table: one row a rank."""
    rank = band.x.astype(np.int64)
    return pd.DataFrame({"rank": rank, "cumulative_match_rate": band.y, "low": band.low, "high": band.high})


def band_frame(band: SearchBand) -> pd.DataFrame:
    """The intervals around an open-set curve as a table: one row a requested FPIR."""
    names = "false_positive_identification_rate", "false_negative_identification_rate", "low", "high"
    return pd.DataFrame(dict(zip(names, (band.x, band.y, band.low, band.high), strict=True)))


def tradeoff_frame(curve: ErrorCurve) -> pd.DataFrame:
    """An open-set curve as a table: one row a threshold."""
    return pd.DataFrame(
        {
            "threshold": curve.thresholds,
            "false_positive_identification_rate": curve.fmr,
            "false_negative_identification_rate": curve.fnmr,
            "false_positives": curve.false_matches,
            "false_negatives": curve.false_non_matches,
        }
    )
