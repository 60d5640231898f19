"""Section "Which is better": paired differences of recognizers on the same people, and what they allow to claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.metrics import FIGURES
from bench.metrics.intervals import percentile_interval
from reports.outlet import Outlet
from reports.page import Block, Links, Part, Section, Table, Words
from reports.points import point_of
from reports.records import ARROWS, Key, by_key, figure_cell, hint_of, label_of, value_at
from reports.series import Group, Record, Run, Series
from reports.table import Column, HtmlTable, Row, TableCell


@dataclass(frozen=True)
class Difference:
    """A figure of one recognizer minus that of another, on the same people.

    Attributes:
        value: the difference.
        low: lower end of its 95 % interval.
        high: its upper end.
    """

    value: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether the interval leaves out 0, so that one of both is better."""
        return self.low > 0 or self.high < 0


def paired(one: Series, other: Series, key: Key) -> Difference | None:
    """How much a figure of one series differs from that of another, from draws of the same people.

    Args:
        one: a series.
        other: another of the same group.
        key: figure and operating point.

    Returns:
        None where either lacks the figure or its draws, or the draws drew different people.
    """
    same = all(one.spec.get(name) == other.spec.get(name) for name in ("draws", "seed", "trials", "images"))
    mine, theirs = (each.draws.get(key) for each in (one, other))
    value, its_value = (value_at(by_key(each), *key) for each in (one, other))
    if not same or mine is None or theirs is None or mine.shape != theirs.shape or None in (value, its_value):
        return None
    interval = percentile_interval(mine - theirs)
    return None if interval is None else Difference(value - its_value, interval.low, interval.high)


def undecided(group: Group, best: Series, key: Key) -> list[Series] | None:
    """The series that the data cannot tell from the best one by a figure; None where pairs are lacking.

    Args:
        group: whose.
        best: the one with the best value observed.
        key: figure and operating point.
    """
    found = []
    for other in group.series:
        if other is best or by_key(other).get(key, {}).get("value") is None:
            continue
        difference = paired(best, other, key)
        if difference is None:
            return None
        if not difference.decided:
            found.append(other)
    return found


def best_of(group: Group, key: Key) -> Series | None:
    """The series with the best value observed, or None where a figure has no better and worse, or nobody has it."""
    figure = FIGURES.get(key[0])
    # Similarities of different recognizers are of different kinds.
    direction = "none" if figure is None or figure.unit == "similarity" else figure.direction
    known = [(by_key(one).get(key, {}).get("value"), one) for one in group.series]
    valued = [(value, one) for value, one in known if value is not None]
    if direction == "none" or not valued:
        return None
    pick = max if direction == "up" else min
    return pick(valued, key=lambda entry: entry[0])[1]


def winner(group: Group, key: Key) -> Series | None:
    """The one series that is better than every other with a paired difference that leaves out 0, or None."""
    best = best_of(group, key) if len(group.series) > 1 else None
    return best if best is not None and undecided(group, best, key) == [] else None


def section(run: Run, outlet: Outlet) -> Section:
    """The section; without any part where no two recognizers were compared.

    Args:
        run: the run.
        outlet: takes the differences as CSV files.
    """
    found = Section("differences", "Which is better")
    for group in run.groups:
        if group.assessment == "generated":  # reports.maker_differences
            continue
        found_tables = tables(group, outlet)
        if not found_tables:
            continue
        file = outlet.csv(differences_frame(group), "differences", group.title)
        blocks: list[Block] = [*map(Table, found_tables), Links((("CSV", file),))]
        found.parts.append(Part(group.title if len(run.groups) > 1 else "", blocks))
    if found.parts:
        words = (
            "Two recognizers that see the same people err on the same hard people, so their difference is more certain "
            "than two separate intervals suggest. Each difference is of the same draws of people. Where its 95\u202f% "
            "interval holds 0, the data cannot tell which is better. The intervals are not corrected for their number: "
            "of twenty comparisons of equals, one leaves out 0 by chance."
        )
        found.parts[0].blocks.insert(0, Words(words))
    return found


def tables(group: Group, outlet: Outlet) -> list[HtmlTable]:
    """The differences that a group's records hold: those on these very trials, and those at thresholds set elsewhere.

    Args:
        group: whose.
        outlet: knows the looks.
    """
    records = [record for one in group.series for record in one.differences]
    known = (record for record in records if record["value"] is not None)
    keys = list(dict.fromkeys((record["figure"], record["operating_point"]) for record in known))
    held = [key for key in keys if key[1] and not key[1].startswith("fmr=")]
    own = [key for key in keys if key not in held]
    return [_table(group, outlet, records, some) for some in (own, held) if some]


def _table(group: Group, outlet: Outlet, records: Sequence[Record], keys: Sequence[Key]) -> HtmlTable:
    """One row a recognizer, one column a figure."""
    rows: list[Row] = []
    for versus in dict.fromkeys(str(record["versus"]) for record in records):
        above = f"minus {versus}, on the same people"
        for one in group.series:
            mine = {
                (record["figure"], record["operating_point"]): record
                for record in one.differences
                if record["versus"] == versus
            }
            if mine:
                cells = [_cell(one, mine.get(key)) for key in keys]
                rows.append(Row(one.label, cells, outlet.looks[one.label], above=above))
                above = ""
    columns = [Column("recognizer", number=False), *(_head(key) for key in keys)]
    return HtmlTable(f"Paired differences on {group.title}", columns, rows, "results")


def _head(key: Key) -> Column:
    name = key[0].removesuffix("_difference")
    point = point_of(key[1]) if key[1] else None
    arrow = ARROWS[FIGURES[key[0]].direction] if key[0] in FIGURES else ""
    return Column(f"Δ {label_of(name)}", hint_of(key[0]), arrow, f"at {point.label}" if point else "")


def _cell(one: Series, record: Record | None) -> TableCell:
    return figure_cell(one, record, notes=() if record is None else (verdict(record),), why_not=("too few scores",))


def verdict(record: Record) -> str:
    """A difference in words: ``"better"``, ``"worse"``, or ``"undecided"`` where its interval holds 0."""
    low, high = record["low"], record["high"]
    direction = FIGURES[record["figure"]].direction if record["figure"] in FIGURES else "none"
    if low is None or high is None or low <= 0 <= high or direction == "none":
        return "undecided"
    return "better" if (low > 0) == (direction == "up") else "worse"


def differences_frame(group: Group) -> pd.DataFrame:
    """One row a difference."""
    rows = [
        {"series": one.label, **{name: record[name] for name in FIELDS}, "verdict": verdict(record)}
        for one in group.series
        for record in one.differences
    ]
    return pd.DataFrame(rows)


FIELDS: Sequence[str] = ("figure", "operating_point", "versus", "value", "low", "high", "interval", "n", "support")
