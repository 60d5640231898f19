"""Makers along the number of people that each face is made of: the same settings, of two, of three, and so on.

Faces of other numbers of people stand in groups of their own. Here they meet: cells of one data set, one way of pairing
and one maker whose other settings are the same. From two people on, face n has the same first two at every number, by
one seed (`bench.sweep.pairing`), and others beside them; a list of pairs has whom it says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.metrics.vulnerability import contributor_name
from bench.provenance import canonical_json
from reports.makers import Judged, Made
from reports.naming import in_words
from reports.points import Point
from reports.records import by_key
from reports.series import Record
from reports.strands import base_of

RATES: Mapping[str, str] = {
    "any": "the average contributor",
    "first": "the first contributor",
    "one": "at least one of them",
    "two": "at least two of them",
    "all": "all of them",
    "morph": "all of them: MMPMR, ProdAvg",
}
"""What is followed along the number of people, and what readers call it."""


@dataclass(frozen=True)
class Ladder:
    """Cells that differ in the recognizer and in the number of contributors only.

    Attributes:
        name: the maker, with those settings that vary besides.
        place: data set and way of pairing, in words.
        cells: of two numbers of contributors at least, in the order of the sweep.
        judged: the groups that they come from, in the order of the sweep.
    """

    name: str
    place: str
    cells: tuple[Made, ...]
    judged: tuple[Judged, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """How many people contribute, ascending."""
        return tuple(sorted({one.contributors for one in self.cells}))

    @property
    def recognizers(self) -> tuple[str, ...]:
        """The labels of those who judged, in the order of the sweep."""
        known = {one.series.label for one in self.cells}
        return tuple(dict.fromkeys(label for each in self.judged for label in each.recognizers if label in known))

    @property
    def points(self) -> tuple[Point, ...]:
        """The operating points that every group has, the one to show first at the front."""
        first, *others = self.judged
        shared = [point for point in first.points if all(point in other.points for other in others)]
        known = [point for point in shared if any(one.has_threshold(point) for one in self.cells)]
        return tuple(sorted(known, key=lambda point: point != first.first))

    @cached_property
    def whole(self) -> Judged:
        """All cells as if they were of one group, for what is said of recognizers."""
        return dataclasses.replace(self.judged[0], made=self.cells, recognizers=self.recognizers)

    def cell(self, recognizer: str, number: int) -> Made | None:
        """The cell of a recognizer and a number of people; None where it failed."""
        return next((one for one in self.cells if one.series.label == recognizer and one.contributors == number), None)


def ladders_of(groups: Sequence[Judged]) -> list[Ladder]:
    """The ladders of a run, in the order of the sweep.

    Args:
        groups: of made faces.
    """
    counting = _counting([one for judged in groups for one in judged.made])
    found: dict[str, list[tuple[Judged, Made]]] = {}
    for judged in groups:
        for one in judged.made:
            spec = one.series.spec
            pairs = {name: (spec.get("pairs") or {}).get(name) for name in ("kind", "references", "alike_by")}
            where = [judged.group.dataset, judged.group.protocol, (spec.get("dataset") or {}).get("settings")]
            same = [_name(one, counting), pairs, spec.get("maker_aligner"), *where]
            found.setdefault(canonical_json(same), []).append((judged, one))
    ladders = []
    for members in found.values():
        first, whose = members[0][0].group, {id(judged): judged for judged, _ in members}
        place = f"{first.dataset} \u00b7 {first.protocol.replace('_', ' ')}"
        cells = tuple(one for _, one in members)
        ladders.append(Ladder(_name(cells[0], counting), place, cells, tuple(whose.values())))
    return [ladder for ladder in ladders if len(ladder.numbers) > 1]


def _counting(made: Sequence[Made]) -> frozenset[tuple[str, str]]:
    """Makers, and the settings of theirs that say how many people contribute, whatever they are called."""
    agree: dict[tuple[str, str], bool] = {}
    for one in made:
        for name, value in one.axes.items():
            key = base_of(one), name
            agree[key] = agree.get(key, True) and not isinstance(value, bool) and value == one.contributors
    return frozenset(key for key, always in agree.items() if always)


def _name(one: Made, counting: frozenset[tuple[str, str]]) -> str:
    """A maker with the settings that vary, but for how many people contribute."""
    base = base_of(one)
    others = {name: value for name, value in one.axes.items() if (base, name) not in counting}
    return ", ".join([base, *(f"{name.replace('_', ' ')} {in_words(others[name])}" for name in sorted(others))])


def record_of(one: Made, rate: str, point: Point) -> Record | None:
    """The recorded figure that says a rate; None where the cell does not have it.

    Of one contributor all rates but that of two are one.

    Args:
        one: the cell.
        rate: a key of `RATES`.
        point: where it decides.
    """
    number = one.contributors
    if number == 1:
        return _first(one, point) if rate in ("any", "first", "one", "all") else None
    if rate == "any":
        return one.records.get(("mean_contributor_match_rate", point.name))
    if rate == "first":
        return _first(one, point)
    if rate == "morph":
        return one.records.get(("prodavg_morph_match_rate", point.name))
    least = {"one": 1, "two": 2, "all": number}[rate]
    return by_key(one.series, f"{least} of {number}").get(("several_match_rate", point.name))


def _first(one: Made, point: Point) -> Record | None:
    return one.by_contributor[0].get(("contributor_match_rate", point.name))


def frame(ladders: Sequence[Ladder]) -> pd.DataFrame:
    """One row a ladder, recognizer, number of people, operating point and rate, with intervals.

    Besides `RATES` it has the rate of each contributor by themselves, ``contributor 1`` and so on.

    Args:
        ladders: of a run.
    """
    return pd.DataFrame([row for ladder in ladders for row in _rows(ladder)])


def _rows(ladder: Ladder) -> Iterator[dict[str, object]]:
    for point in ladder.points:
        for recognizer in ladder.recognizers:
            for number in ladder.numbers:
                one = ladder.cell(recognizer, number)
                if one is None:
                    continue  # its cell failed, and stands among those
                every = {rate: record_of(one, rate, point) for rate in RATES}
                key = ("contributor_match_rate", point.name)
                every |= {contributor_name(at): found.get(key) for at, found in enumerate(one.by_contributor, 1)}
                for rate, record in every.items():
                    if record is not None:
                        fields = ("value", "low", "high", "interval", "n", "support")
                        yield {
                            "made_by": ladder.name, "place": ladder.place, "recognizer": recognizer,
                            "contributors": number, "operating_point": point.name, "rate": rate,
                            "figure": record["figure"], **{field: record.get(field) for field in fields},
                        }  # fmt: skip
