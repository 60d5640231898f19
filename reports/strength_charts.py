"""Charts and tables of whom made faces match along a number that a sweep varies, and what it costs in looks."""

from __future__ import annotations

from collections.abc import Sequence

from reports import numbers
from reports.figures import outcome_columns, outcome_curves
from reports.figures.outcome_bars import Share
from reports.makers import MEANINGS
from reports.outlet import Outlet
from reports.page import Block, Chart, Folded, Links, Table, Words
from reports.points import Point
from reports.strengths import Strengths

UNEQUAL = (
    "A face that could not be made matches nobody, and settings need not have made the same faces: a set of regions "
    "loses those pairs of which one photo lacks a region. How many were made is said beside each setting; where that "
    "differs, compare the shares of the acquired in the tables. SSIM, PSNR and distances are of made faces alone."
)
HOW = (
    "Every panel is one choice of the other settings, every column one value of the number below it; the first column, "
    "before the dotted line, is the first contributor\u2019s unchanged photo. Columns add up to all attempts: a face "
    "with one other photo of each contributor. Beside each column stand, with 95\u202f% intervals, the share that "
    "matches both (dot), and of all comparisons with the second person the share that matches, whatever the first does "
    "(square): that is more than the two lowest parts of the column where other photos of the first person were not "
    "acquired. "
) + UNEQUAL
HOW_CURVES = (
    "The curves are three recorded shares along that number: attempts that match both people (an identity is hidden), "
    "comparisons with the second person that match, whatever the first does (impersonation), and comparisons with the "
    "first that still match. Bands are 95\u202f% intervals, hollow marks weak, and thin dots the level of the clean "
    "photo. A line is broken where a cell failed."
)
KEYS = [
    *((meaning, f"var(--outcome-{place})") for place, meaning in enumerate(MEANINGS[:-1])),
    (MEANINGS[-1], "hatched"),
]
"""The outcomes and their colours."""


def columns_chart(strengths: Strengths, recognizer: str, point: Point, anchor: str, outlet: Outlet) -> Chart | None:
    """The columns of a recognizer at a point, a small panel for every setting; None where nothing is known.

    Args:
        strengths: whose.
        recognizer: a label.
        point: where it decides.
        anchor: the chart's id.
        outlet: takes the picture.
    """
    panels = strengths.columns(recognizer, point)
    if not panels:
        return None
    title = f"{strengths.white_boxes.marked(recognizer)}, {point.label}"
    figure = outcome_columns.draw(panels, title)
    files = outlet.picture(figure, "outcomes", strengths.judged.group.title, recognizer, point.name)
    outlet.tell()
    return Chart(
        id=anchor,
        spec=outcome_columns.chart(panels, "Shares"),
        alt=f"Shares of attempts by whom {recognizer} matches at {point.label}, one column a maker; "
        f"{outcome_columns.alt_of(panels)}.",
        caption="",
        files=files,
        heading=title,
        keys=KEYS,
        marks=outcome_columns.BESIDE_KEYS,
    )


def curve_charts(strengths: Strengths, point: Point, anchor: str, outlet: Outlet) -> list[Chart]:
    """The curves of every maker: one chart a recognizer, or one for all where the maker has one strand.

    Args:
        strengths: whose.
        point: where it decides.
        anchor: begins the charts' ids.
        outlet: takes the pictures.
    """
    charts: list[Chart] = []
    labels, marked = strengths.judged.recognizers, strengths.white_boxes.marked
    for base in strengths.strands.bases:
        strands = strengths.strands.of(base)
        if len(strands) == 1:
            alone = [strengths.curves(label, point, strands[0], marked(label, [base])) for label in labels]
            chosen = [("", alone)]
        else:
            chosen = [(label, [strengths.curves(label, point, one, one.name) for one in strands]) for label in labels]
        for label, found in chosen:
            if panels := [panel for panel in found if panel is not None]:
                place = f"{anchor}-{len(charts)}"
                charts.append(_curves_chart(strengths, base, label, panels, point, place, outlet))
    return charts


def _curves_chart(
    strengths: Strengths,
    base: str,
    recognizer: str,
    panels: Sequence[outcome_curves.Panel],
    point: Point,
    anchor: str,
    outlet: Outlet,
) -> Chart:
    by = f"{strengths.white_boxes.marked(recognizer, [base])}, " if recognizer else ""
    title = f"{base} over {panels[0].axis}: {by}{point.label}"
    figure = outcome_curves.draw(panels, title)
    files = outlet.picture(figure, "curves", strengths.judged.group.title, base, recognizer or "all", point.name)
    outlet.tell()
    spans = [{curve.name: _span([share for _, share in curve.known]) for curve in panel.curves} for panel in panels]
    said = "; ".join(
        f"{panel.name}: second person {span['second']}, both {span['both']}"
        for panel, span in zip(panels, spans, strict=True)
    )
    return Chart(
        id=anchor,
        spec=outcome_curves.chart(panels, "Curves"),
        alt=f"{title}: whom the faces match, from the first to the last {panels[0].axis}. {said}.",
        caption="",
        files=files,
        heading=title,
        marks=outcome_curves.KEYS,
    )


def _span(shares: Sequence[Share]) -> str:
    return f"{numbers.percent(shares[0].value, 0)} to {numbers.percent(shares[-1].value, 0)}"


def blocks(strengths: Strengths, point: Point, anchor: str, outlet: Outlet) -> list[Block]:
    """The curves and the table beside costs, for a point; nothing where no number varies.

    Args:
        strengths: whose.
        point: where it decides.
        anchor: begins the charts' ids.
        outlet: takes the pictures.
    """
    if not strengths.strands.found:
        return []
    charts = curve_charts(strengths, point, f"{anchor}-curves", outlet)
    found: list[Block] = [Words(HOW_CURVES), *charts] if charts else []
    for recognizer in strengths.judged.recognizers:
        if (table := strengths.table(recognizer, point)) is not None:
            marked = strengths.white_boxes.marked(recognizer)
            inside: list[Block] = [Words("The button at the head of a column sorts by it.")] if table.sortable else []
            found.append(Folded(f"Outcomes and visual cost side by side: {marked}", [*inside, Table(table)]))
    return found


def links(strengths: Strengths, outlet: Outlet) -> list[Block]:
    """The file of every sum; nothing where no number varies."""
    if not strengths.strands.found:
        return []
    frame = strengths.frame()
    if frame.empty:
        return []
    path = outlet.csv(frame, "outcomes_along", strengths.judged.group.title)
    return [Links((("CSV: outcomes and visual cost by setting", path),))]
