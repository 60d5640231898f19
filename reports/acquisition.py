"""Section "Failures to acquire": which photos had no face, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.metrics.clusters import clusters_of
from bench.metrics.intervals import rate_interval
from reports import numbers
from reports.outlet import Outlet
from reports.page import Block, Folded, Links, Names, Part, Section, Table, Words
from reports.records import by_key, count_cell, figure_cell, share_cell
from reports.series import Group, Run, Series
from reports.table import Column, HtmlTable, Row, TableCell

LISTED_PHOTOS = 200


def section(run: Run, outlet: Outlet) -> Section:
    """The section; without any part where no cell counts its photos.

    Args:
        run: the run.
        outlet: takes the counts, and the photos without a face, as CSV files.
    """
    found = Section("acquisition", "Failures to acquire")
    for group in run.groups:
        blocks = _blocks(group, outlet)
        if blocks:
            found.parts.append(Part(group.title if len(run.groups) > 1 else "", blocks))
    if found.parts:
        found.parts[0].blocks.insert(
            0,
            Words(
                "A photo in which the aligner finds no face cannot be compared. Such trials are left out of FMR and "
                "FNMR, and counted here. Below each share stands its 95\u202f% interval over people."
            ),
        )
    return found


def _blocks(group: Group, outlet: Outlet) -> list[Block]:
    found = table(group, outlet)
    if found is None:
        return []
    missed = missed_frame(group)
    blocks: list[Block] = [Table(found)]
    for one in group.series:
        rows = missed[missed["series"] == one.label]
        if len(rows):
            problems = rows["problem"] if "problem" in rows else pd.Series([""] * len(rows))
            names = list(zip(rows["key"].astype(str), problems.fillna("").astype(str), strict=True))
            title = f"{one.label}: {numbers.plural(len(rows), 'photo')} without a face"
            blocks.append(Folded(title, [Names(names[:LISTED_PHOTOS], len(rows))]))
    counts = outlet.csv(counts_frame(group), "acquisition", group.title)
    blocks.append(Links((("CSV: counts", counts), ("CSV: photos", outlet.csv(missed, "missed", group.title)))))
    outlet.tell()
    return blocks


def table(group: Group, outlet: Outlet) -> HtmlTable | None:
    """How many photos and trials of a group were lost because no face was found, or None where nobody counted.

    Args:
        group: whose.
        outlet: knows the looks.
    """
    rows = []
    by_label = {one.label: one for one in group.series}
    for row in counts_frame(group).to_dict("records"):
        one = by_label[str(row["series"])]
        photos = int(row["photos"])
        ends = (float(row["photos_not_acquired_low"]), float(row["photos_not_acquired_high"]))
        cells = [
            count_cell(photos),
            share_cell(int(row["photos_not_acquired"]), photos, numbers.between(*map(numbers.percent, ends))),
            count_cell(row["photos_with_more_faces"]),
            count_cell(row["trials"]),
            _trials_lost(one, int(row["trials_not_acquired"])),
            count_cell(row["mated_not_acquired"]),
            count_cell(row["nonmated_not_acquired"]),
        ]
        note = f"aligned by {row['aligner']}" if row["aligner"] else ""
        rows.append(Row(one.label, cells, outlet.looks[one.label], note))
    names = ("photos", "without a face", "more than one face", "trials", "trials lost", "mated lost", "nonmated lost")
    columns = [Column("recognizer", number=False), *(Column(name) for name in names)]
    return HtmlTable(f"Failures to acquire on {group.title}", columns, rows) if rows else None


def _trials_lost(one: Series, lost: int) -> TableCell:
    record = by_key(one).get(("failure_to_acquire_rate", None))
    if record is None or record["value"] is None:
        return count_cell(lost)
    return figure_cell(one, record, notes=(f"{numbers.plural(lost, 'trial')}",))


def counts_frame(group: Group) -> pd.DataFrame:
    """One row a series: photos and trials, how many were not acquired, and the interval of the photos' share."""
    rows = []
    for one in group.series:
        if one.frames is None:
            continue
        lost = np.isnan(one.scores)
        missed = ~one.frames["acquired"].to_numpy(dtype=bool)
        low, high = photos_interval(missed, one.frames["subject"].astype(str).tolist())
        rows.append(
            {
                "dataset": group.dataset,
                "protocol": group.protocol,
                "series": one.label,
                "aligner": one.aligner,
                "photos": len(one.frames),
                "photos_not_acquired": int(missed.sum()),
                "photos_not_acquired_low": low,
                "photos_not_acquired_high": high,
                "photos_with_more_faces": int((one.frames["faces"] > 1).sum()),
                "trials": len(lost),
                "trials_not_acquired": int(lost.sum()),
                "mated_not_acquired": int((lost & one.is_mated).sum()),
                "nonmated_not_acquired": int((lost & ~one.is_mated).sum()),
            }
        )
    return pd.DataFrame(rows)


def photos_interval(missed: NDArray[np.bool_], subjects: Sequence[str]) -> tuple[float, float]:
    """The 95 % interval of the share of photos without a face, which varies from person to person.

    Args:
        missed: bool (N,).
        subjects: N names, who each photo shows.

    Returns:
        Its ends; NaN without photos.
    """
    if not missed.size:
        return np.nan, np.nan
    low, high, _ = rate_interval(missed, clusters_of(subjects, subjects))
    return low, high


def missed_frame(group: Group) -> pd.DataFrame:
    """One row a photo and series: the photos in which no face was found."""
    parts = []
    for one in group.series:
        if one.frames is not None:
            wanted = [name for name in ("key", "subject", "faces", "problem") if name in one.frames]
            part = one.frames.loc[~one.frames["acquired"], wanted].reset_index(drop=True)
            part.insert(0, "series", one.label)
            parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
