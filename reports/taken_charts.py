"""What the page says of what was taken of whom: how often contributors match who gave a region, or many pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reports import numbers, taken
from reports.figures import taken_bars
from reports.figures.outcome_bars import Share
from reports.figures.taken_bars import View
from reports.makers import Judged, Made, known_at
from reports.outlet import Outlet
from reports.page import Block, Chart, Folded, Links, Part, Words
from reports.points import Point
from reports.taken import Taken
from reports.white_box import WhiteBoxes

OPEN = 2
"""So many makers' pictures stand open, others are folded."""
GAVE = ("who gave it", "the others of the same faces")
_BY_SHARE = ("who gave so much",)
_HOW = (
    "The maker says of every face how much of each region it took of whom. A region is given by the contributor with "
    "the largest share of its pixels; \u201cface\u201d, \u201ceyes\u201d, \u201cbrows\u201d, \u201cmouth\u201d and "
    "\u201cears\u201d are taken as a whole. The upper bar is how often other photos of who gave it match, the lower "
    "one how often those of the other contributors to the same faces do, with 95\u202f% intervals; hollow bars are "
    "weak. Parts compete: where everybody must give one, who gave this one gave fewer others, so a region that does "
    "nothing has the shorter upper bar, the more so the more people are mixed. The gain, in words and in the CSV file, "
    "compares who gave it with those who gave as many other parts, and is 0 for such a region where parts are drawn "
    "alike. It says what goes with matching, and not what makes it. Only faces that were made count; one in which no "
    "face is found matches nobody."
)
_HOW_BY_SHARE = (
    "The same by how much of the face a contributor gave: of the pixels that are not background, all regions together. "
    "A share at the border of two bars belongs to the larger."
)
_Take = Callable[[Made, Point], tuple[Taken, ...]]


def part(judged: Judged, anchor: str, outlet: Outlet) -> Part | None:
    """The part about what was taken of whom; None where no maker tells.

    Args:
        judged: the cells.
        anchor: begins the charts' ids.
        outlet: takes the pictures and tables.
    """
    point = judged.first
    if point is None or judged.contributors < 2 or not known_at(judged, point):
        return None
    makers = [maker for maker in judged.makers if any(one.maker == maker and taken.tells(one) for one in judged.made)]
    marks = WhiteBoxes(judged)
    drawn = [(maker, _of_maker(judged, maker, point, f"{anchor}-taken-{place}", outlet, marks))
             for place, maker in enumerate(makers)]  # fmt: skip
    drawn = [(maker, inside) for maker, inside in drawn if inside]
    if not drawn:
        return None
    blocks: list[Block] = [Words(f"{_HOW} {_HOW_BY_SHARE}")]
    blocks += [block for _, inside in drawn[:OPEN] for block in inside]
    blocks += [Folded(maker, inside) for maker, inside in drawn[OPEN:]]
    path = outlet.csv(taken.frame(judged), "taken", judged.group.title)
    return Part("What was taken of whom", [*blocks, Links((("CSV: every region and operating point", path),))])


def _of_maker(judged: Judged, maker: str, point: Point, anchor: str, outlet: Outlet, marks: WhiteBoxes) -> list[Block]:
    cells = [one for one in judged.made if one.maker == maker]
    title = f"{maker}, {point.label}"
    regions = _chart(f"{title}: by region", GAVE, _views(cells, point, taken.by_region, marks), judged, anchor, outlet)
    shares = _chart(
        f"{title}: by share of the pixels", _BY_SHARE, _views(cells, point, taken.by_share, marks), judged,
        f"{anchor}-share", outlet,
    )  # fmt: skip
    return [*regions, *shares]


def _views(cells: Sequence[Made], point: Point, take: _Take, marks: WhiteBoxes) -> list[View]:
    found = [View(marks.marked(one.series.label), take(one, point)) for one in cells]
    return [view for view in found if view.rows]


def _chart(
    heading: str, names: Sequence[str], views: Sequence[View], judged: Judged, anchor: str, outlet: Outlet
) -> list[Block]:
    if not views:
        return []
    files = outlet.picture(taken_bars.draw(views, names, heading), "taken", judged.group.title, heading)
    outlet.tell()
    return [
        Chart(
            id=anchor,
            spec=taken_bars.chart(views, names),
            alt=f"{heading}: how often contributors match. {' '.join(map(_said, views))} All values stand in the CSV "
            "file.",
            caption=_of_faces(views),
            files=files,
            heading=heading,
            keys=taken_bars.keys_of(names),
            choice="Recognizer",
        )
    ]


def _said(view: View) -> str:
    """What stands out in a view, in words: the region with the largest gain over equals, or the ends of the shares."""
    paired = [row for row in view.rows if row.others is not None]
    if not paired:
        ends = [view.rows[0], view.rows[-1]] if len(view.rows) > 1 else [view.rows[0]]
        return f"{view.name}: {'; '.join(f'{taken_bars.said(row.name)} given, {row.given.said}' for row in ends)}."
    known = [(row.gain, row) for row in paired if row.gain is not None]
    if not known:
        return f"{view.name}: nobody who gave something else gave as much."
    gain, top = max(known, key=lambda pair: pair[0].value)
    others = top.others.said if top.others else ""
    return (
        f"{view.name}: most by {taken_bars.said(top.name)}, {top.given.said} against {others}; {_points(gain)} more "
        "than those who gave as much else."
    )


def _points(gain: Share) -> str:
    if gain.ends is None:
        return numbers.points(gain.value)
    return f"{numbers.points(gain.value)} ({numbers.between(*map(numbers.points, gain.ends))})"


def _of_faces(views: Sequence[View]) -> str:
    counts = [row.given.faces or 0 for view in views for row in view.rows]
    least, most = min(counts), max(counts)
    if least == most:
        return f"Of {numbers.plural(most, 'face')}."
    return f"Of {numbers.count(least)} to {numbers.plural(most, 'face')}, as many as each row has."
