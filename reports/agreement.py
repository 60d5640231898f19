"""Do recognizers take the same faces for somebody enrolled, and for the same person? Read from their tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.metrics.agreement import NOBODY, Agreement, recognizers_agree
from bench.metrics.intervals import Interval
from bench.metrics.shares import Contributors
from reports import numbers
from reports.held import GALLERY, Held, Setting, point_label
from reports.records import METHODS, count_cell
from reports.table import Column, HtmlTable, Row, TableCell


def table(setting: Setting, point: str) -> HtmlTable | None:
    """Shares of faces that all and any recognizers take for somebody, and each two of them; None for one recognizer.

    Args:
        setting: whose.
        point: at whose thresholds, each recognizer's own.
    """
    rows = []
    for faces in setting.faces:
        judged = [one for one in setting.held if one.faces == faces and _threshold(one, point) is not None]
        if len(judged) > 1:
            rows += _rows(faces, judged, point)
    if not rows:
        return None
    kappa = "Cohen's kappa of the two decisions: 1 where they are the same, 0 for what chance gives"
    columns = [
        Column("faces", number=False),
        Column("by all", "share of faces that every recognizer takes for somebody enrolled"),
        Column("by any", "share of faces that at least one does"),
        Column("two recognizers", number=False),
        Column("by both", "faces that these two take for somebody enrolled"),
        Column("same person", "of those, faces whose nearest person is the same by both"),
        Column("agreement", kappa, note="kappa, in the hint"),
    ]
    return HtmlTable(f"Taken for somebody by several recognizers at {point_label(point)}", columns, rows, "results")


def _rows(faces: str, judged: Sequence[Held], point: str) -> list[Row]:
    hits, nearest = _decisions(judged, point)
    people = _people(judged[0], hits.shape[1])
    found = recognizers_agree(hits, nearest, people)
    shares = [_share(found.every, found.of_every), _share(found.any, found.of_any)]
    rows = []
    for pair in found.pairs:
        names = f"{judged[pair.first].recognizer}, {judged[pair.second].recognizer}"
        cells = [*shares, TableCell(names, kind="words", number=False), *_counts(pair, hits, nearest)]
        rows.append(Row(faces, cells))
        shares = [TableCell("", kind="words"), TableCell("", kind="words")]
    return rows


def _counts(pair: Agreement, hits: NDArray[np.bool_], nearest: NDArray[np.int64]) -> list[TableCell]:
    both = hits[pair.first] & hits[pair.second]
    same = both & (nearest[pair.first] == nearest[pair.second])
    kappa = "not defined: both decide alike on all" if pair.kappa is None else f"kappa {pair.kappa:.3f}"
    alike = int(np.count_nonzero(hits[pair.first] == hits[pair.second]))
    decided = TableCell(numbers.count(alike), kind="count", notes=("decided alike",), hint=kappa)
    return [count_cell(int(np.count_nonzero(both))), count_cell(int(np.count_nonzero(same))), decided]


def _share(value: float, interval: Interval) -> TableCell:
    ends = numbers.between(numbers.percent(interval.low), numbers.percent(interval.high))
    return TableCell(numbers.percent(value), kind="figure", interval=ends, hint=METHODS.get(interval.method, ""))


def _decisions(judged: Sequence[Held], point: str) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether each recognizer matches each face, bool (R, M), and who is nearest, int (R, M), -1 for nobody."""
    tables = [one.rank_one[(one.rank_one["gallery"] == GALLERY) & one.rank_one["face"].notna()] for one in judged]
    names = sorted({str(name) for each in tables for name in each["subject"].unique()})
    code = {name: place for place, name in enumerate(names)}
    faces = max(int(one.series.outcome["counts"]["faces"]) for one in judged)
    hits, nearest = np.zeros((len(judged), faces), np.bool_), np.full((len(judged), faces), NOBODY, np.int64)
    for place, (one, each) in enumerate(zip(judged, tables, strict=True)):
        at = each["face"].to_numpy(np.int64)
        threshold = _threshold(one, point)
        assert threshold is not None
        hits[place, at] = each["score"].to_numpy(np.float32) >= threshold
        nearest[place, at] = [code[str(name)] for name in each["subject"]]
    return hits, nearest


def _people(one: Held, faces: int) -> Contributors:
    """Who the faces rest on: their contributors, whom the photos show, or each its own where nobody knows."""
    made = one.series.table("contributors")
    if made is not None:
        code, names = pd.factorize(made.sort_values(["face", "contributor"])["subject"].astype(str))
        return Contributors(np.asarray(code, np.int32).reshape(faces, -1), len(names))
    shown = one.rank_one[one.rank_one["face"].notna()].drop_duplicates("face")
    subjects = [f"\0{face}" for face in range(faces)]  # somebody in whose photo no face was found stands alone
    for face, name in zip(shown["face"].to_numpy(np.int64).tolist(), shown["probe_subject"].astype(str), strict=True):
        subjects[face] = name
    whose, different = pd.factorize(np.array(subjects, dtype=object))
    return Contributors(np.asarray(whose, np.int32)[:, np.newaxis], len(different))


def _threshold(one: Held, point: str) -> float | None:
    return one.threshold("impersonation", point)
