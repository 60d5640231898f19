"""Section "Generated faces": whom made faces match, how alike they are to each contributor, what it costs in looks."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from reports import (
    attention_charts,
    attribute_tables,
    examples,
    made_tables,
    maker_differences,
    mix_charts,
    numbers,
    pedigree,
    resemblance,
    strength_charts,
    taken_charts,
)
from reports.edit_charts import Edits
from reports.figures import forest, outcome_bars
from reports.figures.outcome_bars import Bar
from reports.figures.panel import Dot, Panel
from reports.likeness import CLEAN
from reports.makers import Judged, Made, judged, known_at, same_faces
from reports.outlet import Outlet
from reports.page import Block, Chart, Folded, Links, Part, Section, Table, Words
from reports.points import Point
from reports.records import by_key, spoken
from reports.series import Group, Run, Series
from reports.strengths import Strengths
from reports.table import HtmlTable

_MOST_ROWS = 24
"""Longer tables are folded."""


def section(run: Run, outlet: Outlet, show_faces: bool) -> Section:
    """The section; without any part where nobody made faces.

    Args:
        run: the run.
        outlet: takes the pictures and tables.
        show_faces: whether pictures of faces may be shown, real people's included.
    """
    found = Section("generated", "Generated faces")
    groups = run.of("generated")
    every = [judged(group, run) for group in groups]
    found.parts += mix_charts.parts(every, outlet)
    for position, (group, arranged) in enumerate(zip(groups, every, strict=True)):
        title = group.title if len(groups) > 1 else ""
        found.parts.append(Part(title, _blocks(arranged, run, f"m{position}", outlet)))
        more = _more(arranged, run, f"m{position}", outlet, show_faces)
        found.parts += [Part(f"{part.title}, {title}", part.blocks) if title else part for part in more]
    return found


_HOW = (
    "Bars add up to all attempts: a face with one other photo of each contributor. The top one is the first "
    "contributor\u2019s unchanged photo. The dots beside them show each share again, from 0, in the order of the bar, "
    "with its 95\u202f% interval; hollow dots are weak. All numbers stand in the tables and their CSV file. "
) + strength_charts.UNEQUAL


# ----------------------------------------------------------------------------------------------------- whom they match


def _blocks(judged: Judged, run: Run, anchor: str, outlet: Outlet) -> list[Block]:
    if not judged.made:
        return [Words("No cell succeeded: see Failed cells.")]
    blocks: list[Block] = [Words(_asked(judged))]
    if judged.first is None or not known_at(judged, judged.first):
        return [*blocks, Words("No threshold: nothing can be said of whom they match.")]
    blocks += [Words(sentence, "short") for sentence in in_short(judged, judged.first)]
    along = Strengths(judged)
    if note := along.white_boxes.note:
        blocks.append(Words(note))
    if judged.contributors == 2:
        blocks.append(Words(strength_charts.HOW if along.strands.many else _HOW))
    blocks += _at(along, judged.first, anchor, outlet)
    others = [point for point in judged.points if point is not judged.first]
    for number, point in enumerate(point for point in others if known_at(judged, point)):
        blocks.append(Folded(f"The same at {point.label}", _at(along, point, f"{anchor}-p{number}", outlet)))
    if missing := [point.label for point in others if not known_at(judged, point)]:
        blocks.append(Words(f"Nothing can be said at {numbers.listed(missing)}: there is no such threshold."))
    if (origins := pedigree.table(_one_a_recognizer(judged.group), outlet)) is not None:
        blocks.append(Folded("Where the thresholds come from", [Table(origins)]))
    title = judged.group.title
    blocks.append(Links((("CSV: every figure", outlet.csv(made_tables.shares_frame(judged), "generated", title)),)))
    return [*blocks, *strength_charts.links(along, outlet)]


def _asked(judged: Judged) -> str:
    pairs = judged.made[0].series.spec.get("pairs") or {}
    number, first = judged.contributors, judged.made[0]
    count = int(first.value("generated_faces") or 0)
    chosen = {"different_people": "drawn at random", "look_alikes": "who look alike", "listed": "from a list"}
    people = "one person" if number == 1 else f"{number} people {chosen.get(str(pairs.get('kind')), '')}".strip()
    many = len(judged.makers)
    makers = f"by each of {numbers.count(many)} settings of makers" if many > 1 else f"by {judged.makers[0]}"
    whom = "these people" if number > 1 else "that person"
    return (
        f"{numbers.plural(count, 'face')} {makers}, every face of one photo each of {people}. A face is "
        f"compared with other photos of {whom}, never with those that it was made of, unless a column says so. A face "
        "that was not made, or in which no face is found, matches nobody, and is counted as a share of its own."
    )


def in_short(judged: Judged, point: Point) -> list[Markup]:
    """For every recognizer the maker whose faces match both contributors most often, with intervals.

    Args:
        judged: whose.
        point: where.
    """
    if judged.contributors != 2:
        return []
    sentences: list[Markup] = []
    for recognizer in judged.recognizers:
        known = [one for one in judged.of(recognizer) if one.value("both_match_rate", point) is not None]
        if known:
            start = f"At {point.label}, " if not sentences else ""
            sentences.append(_in_short(recognizer, known, point, start))
    return sentences


def _in_short(recognizer: str, known: Sequence[Made], point: Point, start: str) -> Markup:
    key = ("both_match_rate", point.name)
    top = max(known, key=lambda one: one.value(key[0], point) or 0.0)
    clean = top.records.get((f"clean_{key[0]}", point.name))
    before = Markup("; clean photos match both in {}").format(spoken(top.series, clean)) if clean else ""
    if not top.value(key[0], point):
        of = "" if len(known) == 1 else " of any maker"
        none = Markup("{}<b>{}</b> was not seen to take one of the faces{} for both contributors: {} of those by {}{}.")
        return none.format(start, recognizer, of, spoken(top.series, top.records[key]), top.maker, before)
    most = ", the most that was observed"
    if not same_faces(known):
        most += ", though not every maker made every face"
    elif _apart(top, known, point):
        most = ", more than of those by any other maker"
    text = Markup("{}<b>{}</b> takes {} of the faces by {} for both contributors{}{}.")
    said = spoken(top.series, top.records[key])
    return text.format(start, recognizer, said, top.maker, most if len(known) > 1 else "", before)


def _apart(top: Made, known: Sequence[Made], point: Point) -> bool:
    """Whether the interval of the largest share lies above all others: then it is the largest, whatever the pairing."""
    low = top.records["both_match_rate", point.name].get("low")
    others = [one.records["both_match_rate", point.name].get("high") for one in known if one is not top]
    return low is not None and all(high is not None and high < low for high in others)


def _at(along: Strengths, point: Point, anchor: str, outlet: Outlet) -> list[Block]:
    blocks: list[Block] = []
    judged = along.judged
    if judged.contributors == 2:
        for place, recognizer in enumerate(judged.recognizers):
            draw = strength_charts.columns_chart if along.strands.many else _bars_chart
            if chart := draw(along, recognizer, point, f"{anchor}-outcomes-{place}", outlet):
                blocks.append(chart)
        blocks += strength_charts.blocks(along, point, anchor, outlet)
    elif judged.contributors == 1:
        blocks += Edits(judged).matches(point, anchor, outlet)
    elif judged.contributors > 2 and (chart := _several_chart(judged, point, f"{anchor}-several", outlet)):
        blocks.append(chart)
    blocks += _tables([made_tables.matches(judged, point)], "Other figures of whom the faces match")
    if (found := made_tables.morphs(judged, point)) is not None:
        blocks += _tables([found], "Morph match rates")
    if (found := made_tables.contributors(judged, point)) is not None:
        blocks.append(Folded("Each contributor by themselves", [Table(found)]))
    return blocks


def _tables(tables: Sequence[HtmlTable], summary: str) -> list[Block]:
    """Tables as they are, or folded where they are long."""
    if max((len(table.rows) for table in tables), default=0) > _MOST_ROWS:
        return [Folded(summary, [*map(Table, tables)])]
    return [*map(Table, tables)]


def bars_of(judged: Judged, recognizer: str, point: Point) -> list[Bar]:
    """The rows of a recognizer's bars: the clean photo, then the makers of which every share is known.

    Args:
        judged: whose.
        recognizer: a label.
        point: where.
    """
    cells = judged.of(recognizer)
    clean = next((found for one in cells if (found := made_tables.shares_of(one, "clean_", point))), None)
    made = [Bar(one.maker, found, one.said_made) for one in cells if (found := made_tables.shares_of(one, "", point))]
    return [Bar(CLEAN, clean), *made] if clean and made else []


def _bars_chart(along: Strengths, recognizer: str, point: Point, anchor: str, outlet: Outlet) -> Chart | None:
    bars = bars_of(along.judged, recognizer, point)
    if not bars:
        return None
    title = f"{along.white_boxes.marked(recognizer)}, {point.label}"
    group = along.judged.group.title
    files = outlet.picture(outcome_bars.draw(bars, title), "outcomes", group, recognizer, point.name)
    outlet.tell()
    return Chart(
        id=anchor,
        spec=outcome_bars.chart(bars),
        alt=f"Shares of attempts by whom {recognizer} matches at {point.label}, one bar a maker; "
        + "; ".join(f"{bar.name}: {bar.shares[0].said} match both" for bar in bars)
        + ".",
        caption="",
        files=files,
        heading=title,
        keys=strength_charts.KEYS,
    )


def _several_chart(judged: Judged, point: Point, anchor: str, outlet: Outlet) -> Chart | None:
    """At least so many of the contributors, for more than two of them."""
    panels = []
    for least in range(1, judged.contributors + 1):
        group = f"{least} of {judged.contributors}"
        dots = []
        for one in judged.made:
            record = by_key(one.series, group).get(("several_match_rate", point.name))
            if record is not None and record["value"] is not None and record["low"] is not None:
                row = judged.makers.index(one.maker)
                weak = record["support"] == "weak"
                dots.append(Dot(row, one.series.label, record["value"], record["low"], record["high"], weak))
        if dots:
            panels.append(Panel("several_match_rate", f"at least {group}", tuple(dots)))
    if not panels:
        return None
    rows = judged.makers
    looks = [(label, outlet.looks[label]) for label in judged.recognizers]
    title = f"At least so many contributors match, {point.label}"
    files = outlet.picture(forest.draw(panels, rows, looks, title), "several", judged.group.title, point.name)
    outlet.tell()
    return Chart(
        id=anchor,
        spec=forest.chart(panels, rows, looks),
        alt=f"{title}: a dot and its interval for every maker and recognizer; the values stand in the table below.",
        caption="How often at least so many contributors match, of all attempts; the buttons say how many. Bars are "
        "95\u202f% intervals, hollow dots weak.",
        files=files,
        legend=looks,
    )


def _one_a_recognizer(group: Group) -> Group:
    """A group with one cell of each recognizer: they share their thresholds."""
    firsts: dict[str, Series] = {}
    for one in group.series:
        firsts.setdefault(one.label, one)
    return Group(group.assessment, group.dataset, group.protocol, group.title, tuple(firsts.values()), ())


# ------------------------------------------------------------------------------------------------- and what it costs


_COSTS = (
    "SSIM and PSNR compare each made face with the first contributor\u2019s photo, pixel by pixel. The distances "
    "compare all made faces with all contributors\u2019 photos, as sets of embeddings of the recognizer that is named: "
    "they say how unlike photos the faces look to it. Distances on two recognizers cannot be compared."
)


_DIVERSITY = (
    "Mean squared distances of embeddings of length 1, between faces that have no contributor in common, and between "
    "the photos that these faces were made of. Diversity is the one by the other: 1 where faces vary as much as their "
    "photos, near 0 where all look alike. “Made again” is between faces made of the very same photos: what "
    "noise alone changes, and 0 for a maker that draws nothing."
)


_NOVELTY = (
    "The highest similarity of each face to any photo of other people, such as those that a generator learned from, "
    "beside that of the contributors\u2019 own photos, against the same people. A difference above 0 is a reason to "
    "look closer: faces mixed of many people are nearer to anybody, blurred ones farther away. The table nearest says "
    "who it is."
)


def _more(judged: Judged, run: Run, anchor: str, outlet: Outlet, show_faces: bool) -> list[Part]:
    if not judged.made:
        return []
    parts = [Part("Similarity to each contributor", resemblance.blocks(judged, run, anchor, outlet))]
    costs = made_tables.costs(judged)
    if costs:
        parts.append(Part("Visual cost", [Words(_COSTS), *_tables(costs, "All settings")]))
    if (differ := maker_differences.part(judged, judged.first, outlet)) is not None:
        parts.append(differ)
    if (varied := made_tables.diversity(judged)) is not None:
        parts.append(Part("Diversity", [Words(_DIVERSITY), Table(varied)]))
    if shown := attribute_tables.blocks(judged):
        parts.append(Part("Attributes", shown))
    if (near := made_tables.novelty(judged)) is not None:
        parts.append(Part("Nearest of other people", [Words(_NOVELTY), Table(near)]))
    if (taken := taken_charts.part(judged, anchor, outlet)) is not None:
        parts.append(taken)
    if (looked := attention_charts.part(judged, run, anchor, outlet, show_faces)) is not None:
        parts.append(looked)
    return [*parts, Part("Examples of made faces", examples.blocks(judged, run, outlet, show_faces))]
