"""Failures to acquire: which photos, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from reports import numbers
from reports.figures.style import Look
from reports.html import Column, HtmlTable, Row, TableCell
from reports.load import Group


def table(group: Group, looks: Mapping[str, Look]) -> HtmlTable | None:
    """How many photos and trials of a group were lost because no face was found, or None where nobody counted."""
    frame = counts_frame(group)
    if frame.empty:
        return None
    names = ("photos", "without a face", "more than one face", "trials", "trials lost", "mated lost", "nonmated lost")
    rows = []
    for row in frame.to_dict("records"):
        photos, trials = row["photos"], row["trials"]
        cells = [
            TableCell(numbers.count(photos)),
            TableCell(numbers.count(row["photos_not_acquired"]), _share(row["photos_not_acquired"], photos)),
            TableCell(numbers.count(row["photos_with_more_faces"])),
            TableCell(numbers.count(trials)),
            TableCell(numbers.count(row["trials_not_acquired"]), _share(row["trials_not_acquired"], trials)),
            TableCell(numbers.count(row["mated_not_acquired"])),
            TableCell(numbers.count(row["nonmated_not_acquired"])),
        ]
        note = f"aligned by {row['aligner']}" if row["aligner"] else ""
        rows.append(Row(str(row["series"]), cells, looks[str(row["series"])], note))
    head = [Column("recognizer", number=False), *(Column(name) for name in names)]
    return HtmlTable(f"Failures to acquire on {group.title}", head, rows)


def _share(part: float, whole: float) -> tuple[str, ...]:
    return (numbers.percent(part / whole),) if whole else ()


def counts_frame(group: Group) -> pd.DataFrame:
    """One row a series: photos and trials, and how many of them were not acquired."""
    rows = []
    for one in group.series:
        if one.frames is None:
            continue
        lost = np.isnan(one.scores)
        rows.append(
            {
                "dataset": group.dataset,
                "protocol": group.protocol,
                "series": one.label,
                "aligner": one.aligner,
                "photos": len(one.frames),
                "photos_not_acquired": int((~one.frames["acquired"]).sum()),
                "photos_with_more_faces": int((one.frames["faces"] > 1).sum()),
                "trials": len(lost),
                "trials_not_acquired": int(lost.sum()),
                "mated_not_acquired": int((lost & one.is_mated).sum()),
                "nonmated_not_acquired": int((lost & ~one.is_mated).sum()),
            }
        )
    return pd.DataFrame(rows)


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
