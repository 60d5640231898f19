"""Whom made faces match along a number that a sweep varies: what stands in each panel and row."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from reports import numbers
from reports.figures import outcome_curves
from reports.figures.outcome_bars import Bar, Share
from reports.figures.outcome_columns import Column, Panel
from reports.figures.outcome_curves import Curve
from reports.joint_rates import JOINT, Joint, joint_rates
from reports.likeness import CLEAN
from reports.made_tables import shares_of, with_costs
from reports.makers import Judged, Made
from reports.points import Point
from reports.strands import Strand, strands_of
from reports.table import HtmlTable
from reports.white_box import WhiteBoxes

_COSTS = (
    "structural_similarity_mean", "peak_signal_to_noise_ratio_mean", "frechet_distance", "kernel_distance",
)  # fmt: skip
_NAMES = {"both": "both", "second": "second_person", "first": "first_person"}
"""What the columns of the file are called."""


class Strengths:
    """The cells of a group along the numbers that the sweep varies.

    Args:
        judged: faces of two contributors.
    """

    def __init__(self, judged: Judged) -> None:
        self.judged, self.strands = judged, strands_of(judged.made, judged.group.failed)
        self.white_boxes = WhiteBoxes(judged)
        self._joint: dict[tuple[str, str], Joint | None] = {}
        self._cells = {(one.series.label, one.maker): one for one in judged.made}

    def joint(self, one: Made, point: Point) -> Joint | None:
        """Whom the faces of a cell match at a point, each person by themselves, or None."""
        key = one.series.key, point.name
        if key not in self._joint:
            self._joint[key] = joint_rates(one, point)
        return self._joint[key]

    # ------------------------------------------------------------------------------------------------------- columns

    def columns(self, recognizer: str, point: Point) -> list[Panel]:
        """The panels of a recognizer's columns: one a strand, the last of all makers without a number."""
        several = [base for base in self.strands.bases if len(self.strands.of(base)) > 1]
        panels = []
        for strand in self.strands.found:
            ticks = [f"{value:g}" for value in strand.values]
            name = f"{strand.base}, {strand.name}" if len(several) > 1 and strand.base in several else strand.name
            panels.append(self._panel(recognizer, point, name, strand.axis, ticks, strand.makers))
        if self.strands.others:
            panels.append(
                self._panel(recognizer, point, "other makers", "", self.strands.others, self.strands.others)
            )  # fmt: skip
        return [panel for panel in panels if panel is not None]

    def _panel(
        self, recognizer: str, point: Point, name: str, axis: str, ticks: Sequence[str], makers: Sequence[str]
    ) -> Panel | None:
        columns, cells = [], []
        clean: Column | None = None
        for tick, maker in zip(ticks, makers, strict=True):
            one = self._cells.get((recognizer, maker))
            shares = shares_of(one, "", point) if one else ()
            if one is None or not shares:
                continue  # its cell failed, or has no threshold: the tables say so
            joint = self.joint(one, point)
            columns.append(Column(tick, Bar(maker, shares, one.said_made), joint.made["second"] if joint else None))
            cells.append(one)
            if clean is None and (before := shares_of(one, "clean_", point)):
                clean = Column("clean", Bar(CLEAN, before), joint.clean["second"] if joint else None)
        return Panel(name, axis, (clean, *columns), made_of(cells)) if clean and columns else None

    # -------------------------------------------------------------------------------------------------------- curves

    def curves(self, recognizer: str, point: Point, strand: Strand, name: str) -> outcome_curves.Panel | None:
        """The curves of a strand; None where fewer than two of its cells are known.

        Args:
            recognizer: a label.
            point: where it decides.
            strand: which.
            name: what stands above the panel.
        """
        known: dict[float, Joint] = {}
        cells = []
        for value, maker in zip(strand.values, strand.makers, strict=True):
            one = self._cells.get((recognizer, maker))
            joint = self.joint(one, point) if one else None
            if one is not None and joint is not None:
                known[value] = joint
                cells.append(one)
        if len(known) < 2:
            return None
        first = next(iter(known.values()))
        curves = tuple(
            Curve(
                which,
                strand.grid,
                tuple(known[value].made[which] if value in known else None for value in strand.grid),
                first.clean[which],
            )
            for which in JOINT
        )
        return outcome_curves.Panel(name, strand.axis, curves, made_of(cells))

    # -------------------------------------------------------------------------------------------------------- tables

    def table(self, recognizer: str, point: Point) -> HtmlTable | None:
        """Whom the faces of every maker match beside what they cost in looks; None where nothing is known."""
        rows = [(one, self.joint(one, point)) for one in self.judged.of(recognizer)]
        known = [(one, joint) for one, joint in rows if joint is not None]
        if not known:
            return None
        caption = f"Outcomes and visual cost by {recognizer} at {point.label}, {self.judged.group.title}"
        return with_costs(caption, [(one, joint.made) for one, joint in known], known[0][1].clean)

    def frame(self) -> pd.DataFrame:
        """One row a recognizer, operating point and maker: rates and their intervals, the clean photos' and costs."""
        rows = []
        for point in self.judged.points:
            for one in self.judged.made:
                joint = self.joint(one, point)
                if joint is None:
                    continue  # no threshold, or no score: there is nothing to write
                placed = self.strands.place(one.maker)
                row: dict[str, object] = {
                    "recognizer": one.series.label,
                    "operating_point": point.name,
                    "made_by": one.maker,
                    "settings": placed[0].name if placed else "",
                    "along": placed[0].axis if placed else "",
                    "number": placed[1] if placed else None,
                    "faces": one.faces,
                    "faces_made": one.made,
                }
                for which in JOINT:
                    name = _NAMES[which]
                    row |= _ends(name, joint.made[which]) | _ends(f"clean_{name}", joint.clean[which])
                for name in _COSTS:
                    record = one.records.get((name, None), {})
                    row |= {name: record.get("value"), f"{name}_low": record.get("low"),
                            f"{name}_high": record.get("high")}  # fmt: skip
                rows.append(row)
        return pd.DataFrame(rows)


def _ends(name: str, share: Share) -> dict[str, object]:
    low, high = share.ends or (None, None)
    return {name: share.value, f"{name}_low": low, f"{name}_high": high, f"{name}_weak": share.weak}


def made_of(cells: Sequence[Made]) -> str:
    """How many faces the cells of a panel made, in words, such as ``"made 31\u201338 of 40"``.

    Args:
        cells: at least one; all of the same pairs of people.
    """
    least, most = min(one.made for one in cells), max(one.made for one in cells)
    each = numbers.count(least) if least == most else f"{numbers.count(least)}\u2013{numbers.count(most)}"
    return f"made {each} of {numbers.count(max(one.faces for one in cells))}"
