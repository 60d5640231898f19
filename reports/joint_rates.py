"""How often a made face matches a person, whatever the other one does: recorded figures, with their intervals.

What a reader asks along a strength is how often a face matches *both* people (an identity is hidden), *the second* (who
is impersonated) and *the first* (it is still that person). *Both* is a share of all attempts, so of pairs of one
reference of each person; the other two are shares of all comparisons with that person. They are no sums of outcomes: an
attempt counts as not acquired where either reference is not, a comparison only for its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.figures.outcome_bars import Share
from reports.makers import Made
from reports.points import Point
from reports.series import Record

JOINT: Mapping[str, tuple[str, int | None]] = {
    "both": ("both_match_rate", None),
    "second": ("contributor_match_rate", 1),
    "first": ("contributor_match_rate", 0),
}
"""What is asked, and the figure that says so: its name, and the place of the contributor whose it is."""
JOINT_MEANINGS: Mapping[str, str] = {
    "both": "both (hidden)",
    "second": "second person: whatever the first does",
    "first": "first person: whatever the second does",
}
"""What a reader calls them."""


@dataclass(frozen=True)
class Joint:
    """The three rates of one cell at one threshold, of its faces and of the clean photos in their place.

    Attributes:
        made: a key of `JOINT` to the recorded share; faces that were not made count.
        clean: the same of the first contributor's unchanged photo.
    """

    made: Mapping[str, Share]
    clean: Mapping[str, Share]


def joint_rates(one: Made, point: Point) -> Joint | None:
    """The rates of a cell; None where it has no two contributors, or one of them is not known.

    Args:
        one: the cell.
        point: where it decides.
    """
    if one.contributors != 2:
        return None
    made, clean = (_rates(one, prefix, point) for prefix in ("", "clean_"))
    return Joint(made, clean) if made and clean else None


def _rates(one: Made, prefix: str, point: Point) -> dict[str, Share]:
    """The recorded shares; empty where one of them is not known."""
    rates = {}
    for which, (figure, place) in JOINT.items():
        records = one.records if place is None else one.by_contributor[place]
        share = share_of(records.get((f"{prefix}{figure}", point.name)))
        if share is None:
            return {}
        rates[which] = share
    return rates


def share_of(record: Record | None) -> Share | None:
    """A recorded share with its interval; None where it has no value.

    Args:
        record: of a figure, or None where there is none.
    """
    if record is None or record["value"] is None:
        return None
    low, high = record.get("low"), record.get("high")
    ends = None if low is None or high is None else (float(low), float(high))
    return Share(
        float(record["value"]), ends, record["support"] == "weak", record.get("interval") or "", record.get("n")
    )
