"""What the page says of faces of more and more people: how often contributors match along their number."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from reports import mixes, numbers
from reports.figures import mix_curves
from reports.figures.mix_curves import Line, Panel
from reports.figures.outcome_bars import Share
from reports.figures.style import LineKey
from reports.joint_rates import share_of
from reports.makers import Judged, Made
from reports.mixes import RATES, Ladder, ladders_of, record_of
from reports.outlet import Outlet
from reports.page import Block, Chart, Folded, Links, Part, Table, Words
from reports.points import Point
from reports.records import figure_cell, hint_of, spoken
from reports.series import Record
from reports.table import Column, HtmlTable, Row
from reports.white_box import WhiteBoxes

_HOW = (
    "Every panel is one rate, every line one recognizer, every mark one number of people in each face, with its "
    "95\u202f% interval; hollow marks are weak. The rates are shares of comparisons with other photos of the people of "
    "whom a face is made, those that were not acquired included, but for MMPMR, which is of the acquired. Marks of one "
    "number stand beside each other so that they can be told apart. Where one seed draws the people, a face has the "
    "same first two at every number from two on, and others beside them: what differs between two numbers is surer "
    "than their intervals say, so intervals that lie apart are a cautious sign, and intervals that overlap are none. A "
    "line is broken where a cell failed."
)
_DILUTED = (
    "The rate of the average contributor falls by dilution alone, since more people share one face; \u201cat least one "
    "of them\u201d says whether somebody in it is still known, though it grows with the number of people by chance: "
    "strangers reach about their number times the FMR."
)
_LEVEL = "strangers, as asked for (FMR)"
_OF_RATES = {
    "any": ("the average", "contributor"),
    "first": ("the first", "by themselves"),
    "one": ("at least one", "of all attempts"),
    "two": ("at least two", "of all attempts"),
    "all": ("all", "of all attempts"),
    "morph": ("MMPMR", "ProdAvg"),
}


def parts(groups: Sequence[Judged], outlet: Outlet) -> list[Part]:
    """The parts about the number of people; none where no maker has two.

    Args:
        groups: all of made faces.
        outlet: takes the pictures and tables.
    """
    ladders = [ladder for ladder in ladders_of(groups) if ladder.points]
    if not ladders:
        return []
    blocks: list[Block] = []
    for place, ladder in enumerate(ladders):
        drawn = _of_ladder(ladder, f"mix-{place}", len({one.place for one in ladders}) > 1, outlet)
        blocks += [Words(f"{_HOW} {_DILUTED}"), *drawn] if drawn and not blocks else drawn
    if not blocks:
        return []
    path = outlet.csv(mixes.frame(ladders), "contributors_along")
    return [Part("As more people are mixed", [*blocks, Links((("CSV: every rate by number of people", path),))])]


def _of_ladder(ladder: Ladder, anchor: str, placed: bool, outlet: Outlet) -> list[Block]:
    marks, first = WhiteBoxes(ladder.whole), ladder.points[0]
    title = f"{ladder.name} ({ladder.place})" if placed else ladder.name
    blocks: list[Block] = [Words(sentence, "short") for sentence in in_short(ladder, first, marks)]
    if marks.note:
        blocks.append(Words(marks.note))
    shown = _at(ladder, title, first, anchor, marks, outlet)
    if not shown:
        return []
    blocks += shown
    for number, point in enumerate(ladder.points[1:]):
        if inside := _at(ladder, title, point, f"{anchor}-p{number}", marks, outlet):
            blocks.append(Folded(f"{title} at {point.label}", inside))
    return blocks


def in_short(ladder: Ladder, point: Point, marks: WhiteBoxes) -> list[Markup]:
    """For every recognizer how often the average contributor matches in faces of the fewest and of the most people.

    Beside it stands how often at least one of them does, where that is recorded.

    Args:
        ladder: whose.
        point: where.
        marks: who is white box.
    """
    said: list[Markup] = []
    for recognizer in ladder.recognizers:
        known = []
        for number in ladder.numbers:
            one = ladder.cell(recognizer, number)
            record = None if one is None else record_of(one, "any", point)
            if one is not None and record is not None and share_of(record) is not None:
                known.append((number, one, record))
        if len(known) < 2:
            continue  # no two numbers to compare: the chart has no line either
        (fewest, before, first), (most, after, last) = known[0], known[-1]
        text = Markup(
            "{}<b>{}</b> matches the average contributor to faces of {} by {} in {}, to faces of {} in {}: {}."
        )
        start, who = f"At {point.label}, " if not said else "", marks.marked(recognizer)
        rates = [_with_one(one, record, point) for one, record in ((before, first), (after, last))]
        word = _change(share_of(first), share_of(last))
        said.append(text.format(start, who, _people(fewest), ladder.name, rates[0], _people(most), rates[1], word))
    return said


def _with_one(one: Made, record: Record, point: Point) -> str:
    """The rate of the average contributor, and that of at least one of them."""
    rate, somebody = spoken(one.series, record), record_of(one, "one", point)
    if one.contributors == 1 or somebody is None or somebody["value"] is None:
        return rate
    return f"{rate} (1 of {one.contributors}, at least one matched: {spoken(one.series, somebody)})"


def _change(first: Share | None, last: Share | None) -> str:
    """Whether two intervals lie apart, in words."""
    if first and last and first.ends and last.ends:
        if last.ends[1] < first.ends[0]:
            return "the average contributor fades"
        if last.ends[0] > first.ends[1]:
            return "the average contributor grows"
    return "the difference lies within the intervals"


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


def panels_of(ladder: Ladder, point: Point, marks: WhiteBoxes, outlet: Outlet) -> list[Panel]:
    """The panels of a ladder: a rate each, those that are known of no recognizer at two numbers left out.

    Args:
        ladder: whose.
        point: where.
        marks: who is white box.
        outlet: knows the look of each recognizer.
    """
    panels = []
    for rate, name in RATES.items():
        lines = []
        for recognizer in ladder.recognizers:
            cells = [(number, ladder.cell(recognizer, number)) for number in ladder.numbers]
            shares = tuple((number, share_of(record_of(one, rate, point)) if one else None) for number, one in cells)
            line = Line(marks.marked(recognizer), outlet.looks[recognizer], shares)
            lines.append(line)
        if any(len(line.known) > 1 for line in lines):
            panels.append(Panel(name, tuple(lines), point.fmr if rate in ("any", "first") else None))
    return panels


def _at(ladder: Ladder, title: str, point: Point, anchor: str, marks: WhiteBoxes, outlet: Outlet) -> list[Block]:
    panels = panels_of(ladder, point, marks, outlet)
    if not panels:
        return []
    heading = f"{title} over the number of people, {point.label}"
    files = outlet.picture(mix_curves.draw(panels, heading, _LEVEL), "mixed", ladder.place, ladder.name, point.name)
    outlet.tell()
    keys = [LineKey(line.label, line.look.variable, line.look.symbol, line.look.svg_dash) for line in panels[0].lines]
    if any(panel.level is not None for panel in panels):
        keys.append(LineKey(_LEVEL, "var(--muted)", dash="1 3"))
    chart = Chart(
        id=anchor,
        spec=mix_curves.chart(panels, _LEVEL),
        alt=f"{heading}: how often contributors match, by recognizer. {_alt_of(panels[0])} All values stand in the "
        "table below.",
        caption="",
        files=files,
        heading=heading,
        marks=keys,
    )
    return [chart, Folded(f"All rates: {heading}", [Table(_table(ladder, point, marks, heading))])]


def _alt_of(panel: Panel) -> str:
    """A panel in words: from the fewest people to the most."""
    said = []
    for line in panel.lines:
        if len(line.known) > 1:
            (fewest, start), (most, end) = line.known[0], line.known[-1]
            said.append(
                f"{line.label} {numbers.percent(start.value, 0)} of {_people(fewest)}, "
                f"{numbers.percent(end.value, 0)} of {_people(most)}"
            )
    return f"{panel.name}: {'; '.join(said)}."


def _table(ladder: Ladder, point: Point, marks: WhiteBoxes, caption: str) -> HtmlTable:
    rows = []
    for recognizer in ladder.recognizers:
        above = marks.marked(recognizer)
        for number in ladder.numbers:
            one = ladder.cell(recognizer, number)
            if one is None:
                continue  # its cell failed, and stands among those
            cells = [
                figure_cell(one.series, record_of(one, rate, point), over="faces", why_not=("nothing acquired",))
                for rate in RATES
            ]
            rows.append(Row(_people(number), cells, note=one.said_made, above=above))
            above = ""
    names = ("mean_contributor_match_rate", "contributor_match_rate", *["several_match_rate"] * 3,
             "prodavg_morph_match_rate")  # fmt: skip
    head = [Column("faces of", number=False)]
    head += [
        Column(label, hint_of(name), note=note) for (label, note), name in zip(_OF_RATES.values(), names, strict=True)
    ]
    return HtmlTable(f"{caption}, all rates", head, rows, "results")
