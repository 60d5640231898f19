"""Made faces as a report shows them: who made them, who judged them, at which thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.metrics.vulnerability import contributor_name
from bench.store.legacy import threshold_above
from reports import numbers
from reports.curves import Ends
from reports.naming import axes_of, contributors_of
from reports.pedigree import calibration_of, manifest_of
from reports.points import Point, point_of
from reports.records import Key, by_key
from reports.series import FailedCell, Group, Record, Run, Series

SHARES = ("both_match_rate", "swapped_match_rate", "preserved_match_rate", "neither_match_rate", "not_acquired_rate")
"""The shares that add up to all attempts, in the order in which they are drawn."""
MEANINGS = ("matches both", "second only", "first only", "neither", "not made or not found")
"""What each of `SHARES` is called."""
_OF_A_POINT = ("both_match_rate", "contributor_match_rate")


@dataclass(frozen=True, eq=False)
class Made:
    """The faces of one maker, as one recognizer judged them.

    Attributes:
        series: the cell.
    """

    series: Series

    @property
    def maker(self) -> str:
        """The maker's label, with the settings that vary."""
        return self.series.maker

    @property
    def contributors(self) -> int:
        """K, of how many people each face is made."""
        return contributors_of(self.series.outcome)

    @property
    def axes(self) -> Mapping[str, object]:
        """The settings of its maker that the sweep varies."""
        return axes_of(self.series.outcome)

    @cached_property
    def records(self) -> Mapping[Key, Record]:
        """Its figures that are of no single contributor."""
        return by_key(self.series)

    @cached_property
    def by_contributor(self) -> tuple[Mapping[Key, Record], ...]:
        """The figures of the first contributor, of the second, and so on."""
        return tuple(by_key(self.series, contributor_name(place + 1)) for place in range(self.contributors))

    @property
    def faces(self) -> int:
        """N, how many faces there were to be."""
        return int(self.value("generated_faces") or 0)

    @property
    def made(self) -> int:
        """How many of them were made."""
        return self.faces - int(self.value("faces_not_made") or 0)

    @property
    def said_made(self) -> str:
        """Both in words, such as ``"made 38 of 40"``."""
        return f"made {numbers.count(self.made)} of {numbers.count(self.faces)}"

    def has_threshold(self, point: Point) -> bool:
        """Whether anything could be decided at a point."""
        return any(
            record["value"] is not None
            for records in (self.records, *self.by_contributor)
            for (name, at), record in records.items()
            if at == point.name and name != "threshold"
        )

    def value(self, figure: str, point: Point | None = None) -> float | None:
        """The value of a figure, or None."""
        found = self.records.get((figure, point.name if point else None), {}).get("value")
        return None if found is None else float(found)


def same_faces(known: Sequence[Made]) -> bool:
    """Whether all made the same faces: what others did not make says nothing of how theirs would have matched.

    Args:
        known: cells of one group.
    """
    if not any(one.made < one.faces for one in known):
        return True
    tables = [one.series.table("faces") for one in known]
    made = [frozenset(table.loc[table["made"].astype(bool), "face"]) for table in tables if table is not None]
    return len(made) == len(known) and len(set(made)) == 1


@dataclass(frozen=True, eq=False)
class Judged:
    """The made faces of a group, as arranged on the page.

    Attributes:
        group: the cells.
        made: those that succeeded, in the order of the sweep.
        recognizers: the labels of those who judged, failed ones included.
        makers: the labels of the makers, failed ones included.
        points: the operating points, carried-over ones first, the laxest first among each.
        first: the operating point to show first, or None.
    """

    group: Group
    made: tuple[Made, ...]
    recognizers: tuple[str, ...]
    makers: tuple[str, ...]
    points: tuple[Point, ...]
    first: Point | None

    @property
    def contributors(self) -> int:
        """K, the same for all cells of a group; 0 where all failed."""
        return self.made[0].contributors if self.made else 0

    def of(self, recognizer: str) -> list[Made]:
        """What one recognizer judged, in the order of the makers."""
        return [one for one in self.made if one.series.label == recognizer]

    def failed(self, recognizer: str) -> list[FailedCell]:
        """The cells of a recognizer that failed."""
        return [cell for cell in self.group.failed if cell.label == recognizer]


def judged(group: Group, run: Run) -> Judged:
    """The cells of a group, arranged.

    Args:
        group: cells of made faces.
        run: what they are part of: its verified cells know thresholds.
    """
    cells: list[Series | FailedCell] = [*group.series, *group.failed]
    made = tuple(Made(one) for one in group.series)
    names = {
        record["operating_point"]: None
        for one in group.series
        for record in one.records
        if record["operating_point"] and record["figure"] in _OF_A_POINT
    }
    known = [point for point in map(point_of, names) if point is not None]
    points = sorted(known, key=lambda point: (point.own, point.origin, -point.laxness, point.name))
    return Judged(
        group=group,
        made=made,
        recognizers=tuple(dict.fromkeys(one.label for one in cells)),
        makers=tuple(dict.fromkeys(one.maker for one in cells)),
        points=tuple(points),
        first=_first(made, points, run),
    )


def known_at(judged: Judged, point: Point) -> bool:
    """Whether anybody has a threshold at a point: only then figures have values there."""
    return any(one.has_threshold(point) for one in judged.made)


def _first(made: Sequence[Made], points: Sequence[Point], run: Run) -> Point | None:
    """The strictest point whose threshold everybody has and nobody's rests on few errors; else the laxest."""
    carried = [point for point in points if not point.own] or list(points)
    for wanted in (("ok",), ("ok", "weak")):
        for point in reversed(carried):
            found = [threshold_of(one.series, point, run) for one in made]
            if all(mark is not None and mark.support in wanted for mark in found):
                return point
    return carried[0] if carried else None


@dataclass(frozen=True)
class Threshold:
    """Where a recognizer decides.

    Attributes:
        value: in units of its score.
        ends: its 95 % interval, or None.
        support: ``"ok"`` or ``"weak"``.
    """

    value: float
    ends: Ends
    support: str = "ok"


def threshold_of(series: Series, point: Point, run: Run) -> Threshold | None:
    """The threshold at which made faces were judged; None where the data support none, or nobody wrote it down.

    Args:
        series: a cell of made faces.
        point: the operating point.
        run: its verified cells may know the threshold.
    """
    twins = [one for one in run.series if one.label == series.label and one.spec["dataset"] == series.spec["dataset"]]
    for one in (series, *twins):
        record = by_key(one).get(("threshold", point.name))
        if record is not None and record["value"] is not None:
            low, high = record["low"], record["high"]
            return Threshold(float(record["value"]), None if low is None else (low, high), record["support"])
    return None if point.own else _carried(series, point)


def _carried(series: Series, point: Point) -> Threshold | None:
    """What the cell's calibration says of a point."""
    manifest = manifest_of(series)
    if point.asked == "eer" and (equal := manifest.get("equal_error")):
        return Threshold(float(equal["threshold"]), None)
    for there in manifest.get("points") or ():
        if there["requested_fmr"] == point.fmr and there["threshold"] is not None:
            ends = there.get("threshold_interval")
            return Threshold(float(there["threshold"]), tuple(ends) if ends else None, there.get("support", "ok"))
    constants = calibration_of(series).get("constants") or {}
    found = constants.get(f"{point.laxness or 0.01:g}")
    return None if found is None else Threshold(threshold_above(float(found)), None)
