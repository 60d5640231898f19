"""Every made face with all that is known of it: whom it matches, whom it could be taken for, what detectors say of it.

Cells of one sweep judge the very same faces; here their verdicts are joined, face by face, by the digest of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports import numbers
from reports.detector_points import point_of as detector_point
from reports.held import GALLERY, Held, Setting, point_label, searched_at_size
from reports.makers import Made
from reports.points import point_of
from reports.records import by_key, count_cell
from reports.series import Run, Series
from reports.table import Column, HtmlTable, Row, TableCell
from reports.vocabulary import BONA_FIDE_ERROR

MOST = 0.5
"""A face is taken for a contributor if more than half of its comparisons with other photos of theirs match."""


@dataclass(frozen=True)
class Flag:
    """Where a detector decides.

    Attributes:
        label: the detector's.
        threshold: from which score on it sees an attack.
        scores: digest of a face to its attack score.
    """

    label: str
    threshold: float
    scores: Mapping[str, float]


def table(setting: Setting, run: Run) -> HtmlTable | None:
    """How many faces are which: preserved, hidden, taken for somebody, and seen by a detector; None without detectors.

    Args:
        setting: faces that somebody made.
        run: its detectors saw them, too.
    """
    flags, point = _flags(run), _size_point(setting)
    if not flags or point is None:
        return None
    rows = []
    for recognizer in setting.recognizers:
        above = f"as {recognizer} sees them" if len(setting.recognizers) > 1 else ""
        for one in setting.of(recognizer):
            if one.series.maker:
                faces = _verdicts(one, point, flags)
                rows.append(Row(one.faces, _counts(faces, flags), note=setting.note_of(one), above=above))
                above = ""
    if not rows:
        return None
    heads = [Column("faces", number=False), Column("made", "faces that were made")]
    heads.append(Column("first kept", "faces that the recognizer takes for their first contributor"))
    heads.append(Column("both", "faces that it takes for both contributors"))
    heads.append(Column("for somebody else", f"faces that it takes for somebody enrolled, at {point_label(point)}"))
    unseen = "of these, faces that {} takes for bona fide"
    heads += [Column("unseen", unseen.format(flag.label), note=f"by {flag.label}") for flag in flags]
    return HtmlTable("Faces by all that is said of them", heads, rows, "results")


def frame(setting: Setting, run: Run) -> pd.DataFrame:
    """One row a face: everything that every recognizer and detector of the sweep says of it."""
    flags, point = _flags(run), _size_point(setting)
    found: dict[str, pd.DataFrame] = {}
    for one in setting.held:
        if not one.series.maker:
            continue
        faces = _verdicts(one, point, flags if one.faces not in found else ())
        own = [name for name in faces.columns if name not in ("digest", *(f"{flag.label} score" for flag in flags))]
        named = faces.rename(columns={name: f"{one.recognizer} {name}" for name in own})
        found[one.faces] = (
            found[one.faces].join(named[[f"{one.recognizer} {name}" for name in own]])
            if (one.faces in found)
            else named
        )
    parts = [faces.reset_index().assign(faces=name) for name, faces in found.items()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _verdicts(one: Held, point: str | None, flags: Sequence[Flag]) -> pd.DataFrame:
    """What one recognizer, and detectors, say of each face; by its number."""
    faces = one.series.table("faces")
    attempts = one.series.table("attempts")
    assert faces is not None
    assert attempts is not None  # every cell of made faces has both
    found = faces.set_index("face")[["made", "acquired", "digest"]].copy()
    threshold = _pair_threshold(one.series)
    for contributor in range(1, Made(one.series).contributors + 1):
        scores = attempts[attempts["contributor"] == contributor].groupby("face")["score"]
        found[f"similarity to contributor {contributor}"] = scores.mean()
        if threshold is not None:
            matches = (attempts["score"] >= threshold)[attempts["contributor"] == contributor]
            share = matches.groupby(attempts["face"]).mean()
            found[f"matches contributor {contributor}"] = share.reindex(found.index).fillna(0.0)
    nearest = one.rank_one[one.rank_one["face"].notna()]
    for gallery, mine in nearest.groupby("gallery", observed=True):
        by_face = mine.set_index(mine["face"].astype(int))
        found[f"nearest of {gallery}"] = by_face["subject"].astype(str)
        found[f"similarity to nearest of {gallery}"] = by_face["score"]
    limit = None if point is None else one.threshold("impersonation", point)
    if limit is not None and f"similarity to nearest of {GALLERY}" in found:
        found["taken for somebody"] = found[f"similarity to nearest of {GALLERY}"] >= limit
    for flag in flags:
        found[f"{flag.label} score"] = found["digest"].map(flag.scores)
    return found


def _counts(faces: pd.DataFrame, flags: Sequence[Flag]) -> list[TableCell]:
    def over(name: str) -> pd.Series:
        return faces[name] > MOST if name in faces else pd.Series(False, index=faces.index)

    first, second = over("matches contributor 1"), over("matches contributor 2")
    taken = faces.get("taken for somebody", pd.Series(False, index=faces.index)).fillna(False).astype(bool)
    cells = [
        count_cell(int(faces["made"].sum())),
        count_cell(int(first.sum())),
        count_cell(int((first & second).sum())) if "matches contributor 2" in faces else _NOTHING,
        count_cell(int(taken.sum())),
    ]
    for flag in flags:
        scores = faces[f"{flag.label} score"].to_numpy(np.float64)
        cells.append(count_cell(int((taken & (scores < flag.threshold)).sum())))
    return cells


_NOTHING = TableCell(numbers.ABSENT, kind="words")


def _flags(run: Run) -> list[Flag]:
    """Every detector at the strictest threshold that was set for bona fide errors elsewhere, or else here."""
    found = []
    for series in (one for group in run.of("detection") for one in group.series):
        presentations = series.table("presentations")
        points = {name: detector_point(name) for _, name in by_key(series) if name}
        known = [
            (point.own, -(point.rate or 0.0), float(record["value"]))
            for name, point in points.items()
            if point is not None and point.kind == BONA_FIDE_ERROR
            if (record := by_key(series).get(("threshold", name))) is not None and record["value"] is not None
        ]
        if presentations is None or not known:
            continue
        attacks = presentations[presentations["species"].notna()]
        scores = dict(zip(attacks["sample"].astype(str), attacks["score"].astype(float), strict=True))
        found.append(Flag(series.label, min(known)[2], scores))
    return found


def _size_point(setting: Setting) -> str | None:
    points = searched_at_size(setting.points("impersonation_rate"))
    return points[0] if points else None


def _pair_threshold(series: Series) -> float | None:
    """The laxest threshold of one comparison that the cell knows."""
    known = [
        (-point.laxness, float(record["value"]))
        for (name, at), record in by_key(series).items()
        if name == "threshold" and at and (point := point_of(at)) is not None and record["value"] is not None
    ]
    return min(known)[1] if known else None
