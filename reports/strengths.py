"""Whom made faces match along a number that a sweep varies: what stands in each panel and row."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from reports.figures import outcome_curves
from reports.figures.outcome_bars import Bar, Share
from reports.figures.outcome_columns import Column, Panel
from reports.figures.outcome_curves import Curve
from reports.joint_rates import JOINT, Joint, joint_rates
from reports.likeness import CLEAN
from reports.made_tables import shares_of, with_costs
from reports.makers import Judged, Made
from reports.points import Point
from reports.series import Run
from reports.strands import Strand, strands_of
from reports.table import HtmlTable
from reports.white_box import WhiteBoxes

_COSTS = (
    "structural_similarity_mean", "peak_signal_to_noise_ratio_mean", "frechet_distance", "kernel_distance",
)  # fmt: skip


class Strengths:
    """The cells of a group along the numbers that the sweep varies.

    Args:
        judged: faces of two contributors.
        run: its verified cells may know thresholds.
    """

    def __init__(self, judged: Judged, run: Run) -> None:
        self.judged, self.strands = judged, strands_of(judged.made)
        self.white_boxes = WhiteBoxes(judged)
        self._run = run
        self._joint: dict[tuple[str, str], Joint | None] = {}
        self._cells = {(one.series.label, one.maker): one for one in judged.made}

    def joint(self, one: Made, point: Point) -> Joint | None:
        """The sums of outcomes of a cell at a point, or None."""
        key = one.series.key, point.name
        if key not in self._joint:
            self._joint[key] = joint_rates(one, point, self._run)
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
        columns = []
        clean: Column | None = None
        for tick, maker in zip(ticks, makers, strict=True):
            one = self._cells.get((recognizer, maker))
            shares = shares_of(one, "", point) if one else ()
            if one is None or not shares:
                continue  # its cell failed, or has no threshold: the tables say so
            joint = self.joint(one, point)
            columns.append(Column(tick, Bar(maker, shares), joint.made["second"] if joint else None))
            if clean is None and (before := shares_of(one, "clean_", point)):
                clean = Column("clean", Bar(CLEAN, before), joint.clean["second"] if joint else None)
        return Panel(name, axis, (clean, *columns)) if clean and columns else None

    # -------------------------------------------------------------------------------------------------------- curves

    def curves(self, recognizer: str, point: Point, strand: Strand, name: str) -> outcome_curves.Panel | None:
        """The curves of a strand; None where fewer than two of its cells are known.

        Args:
            recognizer: a label.
            point: where it decides.
            strand: which.
            name: what stands above the panel.
        """
        known: list[tuple[float, Joint]] = []
        for value, maker in zip(strand.values, strand.makers, strict=True):
            one = self._cells.get((recognizer, maker))
            joint = self.joint(one, point) if one else None
            if joint is not None:
                known.append((value, joint))
        if len(known) < 2:
            return None
        values = tuple(value for value, _ in known)
        curves = tuple(
            Curve(which, values, tuple(joint.made[which] for _, joint in known), known[0][1].clean[which])
            for which in JOINT
        )
        return outcome_curves.Panel(name, strand.axis, curves)

    # -------------------------------------------------------------------------------------------------------- tables

    def table(self, recognizer: str, point: Point) -> HtmlTable | None:
        """The sums of outcomes of every maker beside what its faces cost in looks; None where nothing is known."""
        rows = [(one, self.joint(one, point)) for one in self.judged.of(recognizer)]
        known = [(one, joint) for one, joint in rows if joint is not None]
        if not known:
            return None
        caption = f"Outcomes and visual cost by {recognizer} at {point.label}, {self.judged.group.title}"
        return with_costs(caption, [(one, joint.made) for one, joint in known], known[0][1].clean)

    def frame(self) -> pd.DataFrame:
        """One row a recognizer, operating point and maker: the sums, their intervals, the clean photos' and costs."""
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
                    "faces": joint.faces,
                }
                for which, parts in JOINT.items():
                    name = "_plus_".join(parts)
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
