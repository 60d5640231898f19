"""Operating points: what was asked for, and where the threshold was set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reports import numbers
from reports.series import Series


@dataclass(frozen=True)
class Point:
    """An operating point.

    Attributes:
        name: what records call it: ``"fmr=0.01"``, ``"dev:fmr=0.01"``, ``"dev:eer"``, ``"legacy-far01"``.
        origin: where its threshold was set: empty for these very trials, ``"dev"``, a data set, a profile.
        asked: what it was set for: ``"fmr=0.01"``, ``"eer"``; empty for a published constant.
    """

    name: str
    origin: str
    asked: str

    @property
    def own(self) -> bool:
        """Whether its threshold was chosen on the very trials that it is reported on."""
        return not self.origin

    @property
    def fmr(self) -> float | None:
        """The false match rate that was asked for, or None where another thing was."""
        return float(self.asked.removeprefix("fmr=")) if self.asked.startswith("fmr=") else None

    @property
    def laxness(self) -> float:
        """What orders the points of one origin: the rate that was asked for, 0 where none was."""
        return float(self.asked.rpartition("=")[2]) if "=" in self.asked else 0.0

    @property
    def goal(self) -> str:
        """What was asked for: ``"FMR 1 %"``, ``"EER"``; for a published constant the name of its profile."""
        if "=" in self.asked:
            return f"{self.asked[:3].upper()} {numbers.rate(self.laxness)}"
        return self.asked.upper() if self.asked else self.origin

    @property
    def label(self) -> str:
        """Such as ``"FMR 1 %"`` and ``"FMR 1 %, set on dev"``."""
        return self.goal if self.own or not self.asked else f"{self.goal}, set on {self.origin}"


def point_of(name: str) -> Point | None:
    """The operating point of a name; None for one that is no threshold on scores of pairs, such as an FPIR."""
    origin, colon, asked = name.rpartition(":")
    if asked.startswith(("fmr=", "far=")) or (colon and "=" not in asked):
        return Point(name, origin, asked)
    return Point(name, asked, "") if "=" not in asked else None


def points_of(series: Iterable[Series]) -> list[Point]:
    """The operating points of series: their own first, then by origin, the laxest first among each.

    Args:
        series: whose.
    """
    names = {
        record["operating_point"]: None
        for one in series
        for record in one.records
        if record["operating_point"] and record["figure"] in _OF_A_POINT and not record.get("group")
    }
    found = [point for point in map(point_of, names) if point is not None]
    return sorted(found, key=lambda point: (point.origin, -point.laxness, point.name))


_OF_A_POINT = ("threshold", "false_match_rate")
