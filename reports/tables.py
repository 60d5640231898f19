"""Figures as tables for other programs (CSV): every digit kept, every figure with its interval."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from reports.records import by_key, is_count
from reports.series import FailedCell, Group, Run


def figures_frame(run: Run) -> pd.DataFrame:
    """One row a figure, of all series and groups of people, then the differences; settings as JSON."""
    rows = [
        {"series": one.title, **record, "settings": json.dumps(record.get("settings"), sort_keys=True)}
        for kind in ("records", "differences")
        for one in run.every_series
        for record in getattr(one, kind)
    ]
    return pd.DataFrame(rows)


def results_frame(group: Group) -> pd.DataFrame:
    """One row a series; a figure has a column of its name and, but for counts, three more: low, high, interval.

    At an operating point it is called ``figure@point``.
    """
    rows = []
    for one in group.series:
        row: dict[str, Any] = {"dataset": group.dataset, "protocol": group.protocol, "series": one.label}
        row |= {"recognizer": one.recognizer, "aligner": one.aligner}
        for (name, point), record in by_key(one).items():
            column = f"{name}@{point}" if point else name
            row |= {column: record["value"], f"{column} support": record["support"]}
            if not is_count(name):
                row |= {f"{column} {end}": record.get(end) for end in ("low", "high", "interval")}
        rows.append(row)
    return pd.DataFrame(rows)


def failed_frame(failed: Sequence[FailedCell]) -> pd.DataFrame:
    """One row a failed cell."""
    rows = [{"series": one.title, "where": one.place, "error": one.error, "message": one.message} for one in failed]
    return pd.DataFrame(rows, columns=["series", "where", "error", "message"])
