"""Whom mixed faces match by what was taken of whom: recorded figures by region, and by share of the pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.metrics.contributions import BINS, REGIONS
from bench.metrics.vulnerability import contributor_name
from reports.figures.outcome_bars import Share
from reports.joint_rates import share_of
from reports.makers import Judged, Made
from reports.points import Point
from reports.series import Record

GIVEN, NOT_GIVEN, GAIN = "given_match_rate", "not_given_match_rate", "given_match_rate_gain"
BY_SHARE, SHARES = "share_taken_match_rate", "contribution_share_mean"
_Key = tuple[str, str | None, str | None]
"""A figure, its group and its operating point."""
SHOWN = (
    "face", "skin", "nose", "eyes", "brows", "mouth", "ears", "hair", "hat", "glasses", "earring", "neck", "necklace",
    "cloth", "background",
)  # fmt: skip
"""The regions that are drawn: groups for what comes in pairs or threes, classes for the rest. Files have all."""


@dataclass(frozen=True)
class Taken:
    """How often contributors match who gave something.

    Attributes:
        name: of what they gave: one of `SHOWN`, or of `bench.metrics.contributions.BINS`.
        given: how often those who gave it match.
        others: how often the others of the same faces do; None for a share of the pixels.
        gain: how much more often those who gave it match than those who gave as much else; None for a share of the
            pixels, and where nobody gave as much else.
    """

    name: str
    given: Share
    others: Share | None = None
    gain: Share | None = None


def by_region(one: Made, point: Point) -> tuple[Taken, ...]:
    """The regions that faces of a cell show, in the order of `SHOWN`; empty where its maker does not tell.

    Args:
        one: the cell.
        point: where it decides.
    """
    found, records = [], _records(one)
    for name in SHOWN:
        given, others, gain = (share_of(records.get((figure, name, point.name))) for figure in (GIVEN, NOT_GIVEN, GAIN))
        if given is not None and others is not None:
            found.append(Taken(name, given, others, gain))
    return tuple(found)


def by_share(one: Made, point: Point) -> tuple[Taken, ...]:
    """The shares of the pixels that contributors of a cell gave, least first; empty where its maker does not tell.

    Args:
        one: the cell.
        point: where it decides.
    """
    records = _records(one)
    found = [(name, share_of(records.get((BY_SHARE, name, point.name)))) for name in BINS]
    return tuple(Taken(name, share) for name, share in found if share is not None)


def tells(one: Made) -> bool:
    """Whether a cell knows what was taken of whom."""
    return any(record["figure"] == SHARES and record["value"] is not None for record in one.series.records)


def frame(judged: Judged) -> pd.DataFrame:
    """One row a recognizer, maker, operating point and region or share of the pixels, with intervals.

    Args:
        judged: whose.
    """
    return pd.DataFrame(_rows(judged.made, judged.contributors, judged.points))


def _rows(made: Sequence[Made], contributors: int, points: Sequence[Point]) -> Iterator[dict[str, object]]:
    for one in filter(tells, made):
        head, records = (
            {"recognizer": one.series.label, "made_by": one.maker, "contributors": contributors},
            _records(one),
        )
        wanted = [(figure, group) for figure in (GIVEN, NOT_GIVEN, GAIN) for group in REGIONS]
        wanted += [(BY_SHARE, group) for group in BINS]
        keys: list[_Key] = [(SHARES, contributor_name(place + 1), None) for place in range(contributors)]
        keys += [(figure, group, point.name) for point in points for figure, group in wanted]
        for figure, group, point in keys:
            if (record := records.get((figure, group, point))) is not None:
                said = {field: record.get(field) for field in ("value", "low", "high", "interval", "n", "support")}
                yield {**head, "operating_point": point, "figure": figure, "of": group, **said}


def _records(one: Made) -> Mapping[_Key, Record]:
    """The records of a cell by figure, group and operating point."""
    return {
        (record["figure"], record.get("group"), record["operating_point"]): record
        for record in one.series.records
        if record.get("versus") is None
    }
