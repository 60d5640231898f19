"""Section "Similarity scores": how the scores of mated and nonmated pairs are spread, with the thresholds."""

from __future__ import annotations

from reports import numbers
from reports.curves import marks_of
from reports.figures import histogram
from reports.figures.threshold_lines import Line
from reports.outlet import Outlet
from reports.page import Block, Chart, Part, Section, Words
from reports.points import points_of
from reports.records import by_key, spoken
from reports.series import Group, Run, Series


def section(run: Run, outlet: Outlet) -> Section:
    """The section; without any part where nothing was scored.

    Args:
        run: the run.
        outlet: takes the pictures.
    """
    found = Section("scores", "Similarity scores")
    for position, group in enumerate(run.groups):
        if not group.series:
            continue
        blocks: list[Block] = []
        for place, one in enumerate(group.series):
            if one.mated.size or one.nonmated.size:
                blocks.append(_chart(one, group, f"g{position}-scores-{place}", outlet))
            outlet.tell()
        title = group.title if len(run.groups) > 1 else ""
        found.parts.append(Part(title, blocks or [Words("No score: no trial was acquired.")]))
    return found


def _chart(one: Series, group: Group, anchor: str, outlet: Outlet) -> Chart:
    look = outlet.looks[one.label]
    shown = histogram.histogram(one.mated, one.nonmated)
    marks = marks_of(one, points_of(group.series))
    lines = [Line(mark.label, mark.threshold, mark.weak, mark.threshold_ends) for mark in marks]
    return Chart(
        id=anchor,
        spec=histogram.chart(shown, look, one.unit, lines),
        alt=f"Histogram of the scores of {one.label} on {group.title}: {shown.mated_count:,} mated and "
        f"{shown.nonmated_count:,} nonmated comparisons, with its thresholds.",
        caption=_caption(one, shown, lines),
        files=outlet.picture(
            histogram.draw(shown, one.label, look, one.unit, lines), "histogram", group.title, one.label
        ),
        heading=one.label,
        look=look,
    )


def _caption(one: Series, shown: histogram.Histogram, lines: list[Line]) -> str:
    records = by_key(one)
    means = [records.get((f"{kind}_similarity_mean", None)) for kind in ("mated", "nonmated")]
    words = [
        f"In colour {numbers.plural(shown.mated_count, 'mated comparison')}, in grey "
        f"{numbers.plural(shown.nonmated_count, 'nonmated comparison')}, each adding up to 100\u202f%. The less "
        "they overlap the better."
    ]
    if all(mean is not None and mean["value"] is not None for mean in means):
        mated, nonmated = (spoken(one, mean) for mean in means if mean is not None)
        words.append(f"Mean score of mated comparisons {mated}, of nonmated ones {nonmated}.")
    if lines:
        dotted = ", dotted where the threshold is weak" if any(line.weak for line in lines) else ""
        strips = "; the strip around a line is the threshold's interval" if any(line.ends for line in lines) else ""
        words.append(f"Vertical lines are thresholds: what is to the right is accepted{dotted}{strips}.")
    return " ".join(words)
