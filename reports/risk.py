"""Section "Impersonation and leakage": whom faces could be taken for, and whom their generator remembers."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from reports import agreement, joined, numbers, risk_charts, risk_tables
from reports.held import GALLERY, LEAKAGE, Held, Setting, point_label, searched_at_size, settings_of
from reports.outlet import Outlet
from reports.page import Block, Folded, Links, Names, Part, Section, Table, Words
from reports.records import spoken
from reports.series import Run

_IMPERSONATION = (
    "Nobody enrolled has a part in any face, so whoever a search returns is a mistake. A threshold at an FPIR is set "
    "for a gallery of this size, so that at most that share of photos of real strangers is taken for anybody; at a "
    "threshold of single comparisons, set at an FMR, the more are, the larger the gallery. A face that was not made "
    "or not found matches nobody, and counts. Extremes are told as what they count, of as many faces as strangers."
)
_LEAKAGE = (
    "Two galleries of as many people and photos: whom the generator learned from, and whom it did not. Faces that "
    "remember come nearer to the first. Intervals are for other faces and these galleries; p is the share of random "
    "exchanges of people between the two after which the difference is as large."
)
_JOINED = (
    "Recognizers and detectors judged the very same faces, so what they say can be joined, face by face. A face counts "
    "as kept or hidden where more than half of its comparisons with other photos match at the laxest threshold of "
    "single comparisons; detectors decide where so many bona fide photos are refused as was asked for, most leniently."
)


def section(run: Run, outlet: Outlet) -> Section:
    """The section; without any part where no faces were held against galleries.

    Args:
        run: the run.
        outlet: takes the pictures and tables.
    """
    found = Section("risk", "Impersonation and leakage")
    settings = settings_of(run)
    for place, setting in enumerate(settings):
        behind = f", {setting.title}" if len(settings) > 1 else ""
        if setting.asks(GALLERY):
            found.parts.append(Part(f"Whom faces could be taken for{behind}", _taken(setting, f"r{place}", outlet)))
        if setting.asks(LEAKAGE):
            found.parts.append(Part(f"Whom generators remember{behind}", _leaked(setting, f"l{place}", outlet)))
        found.parts.append(Part(f"How alike they are{behind}", _alike(setting, f"k{place}", outlet)))
        if (together := joined.table(setting, run)) is not None:
            path = outlet.csv(joined.frame(setting, run), "faces_joined", setting.title)
            links = Links([("CSV: every face with all that is said of it", path)])
            found.parts.append(Part(f"The same faces, by all{behind}", [Words(_JOINED), Table(together), links]))
    return found


def _taken(setting: Setting, anchor: str, outlet: Outlet) -> list[Block]:
    points = setting.points("impersonation_rate")
    if not points:
        return [Words("No threshold: nothing can be said of whom faces are taken for.")]
    first = _first(setting, "impersonation_rate", points)
    blocks: list[Block] = [Words(_who(setting)), Words(_IMPERSONATION)]
    blocks += [Words(sentence, "short") for sentence in _in_short(setting, first)]
    if note := setting.white_boxes.note:
        blocks.append(Words(note))
    blocks.append(Table(risk_tables.taken(setting, first, outlet)))
    for place, recognizer in enumerate(setting.recognizers):
        chart = risk_charts.against_strangers(setting, recognizer, GALLERY, f"{anchor}-against-{place}", outlet)
        blocks += [chart] if chart else []
    lax = [point for point in points if not point.startswith("fpir=")] or [first]
    if (chart := risk_charts.by_size(setting, lax[-1], f"{anchor}-size", outlet)) is not None:
        blocks.append(chart)
    hit = Table(risk_tables.exposed(setting, first, outlet))
    blocks.append(Folded(f"Who is exposed at {point_label(first)}", [hit]))
    if (grouped := risk_tables.by_group(setting, first, outlet)) is not None:
        blocks.append(Folded(f"Which groups of people enrolled are exposed at {point_label(first)}", [Table(grouped)]))
    if (grouped := risk_tables.by_group_of_faces(setting, first, outlet)) is not None:
        blocks.append(Folded(f"Which groups of faces are taken for somebody at {point_label(first)}", [Table(grouped)]))
    for number, point in enumerate(point for point in points if point != first):
        more: list[Block] = [
            Table(risk_tables.taken(setting, point, outlet)),
            Table(risk_tables.exposed(setting, point, outlet)),
        ]
        if point != lax[-1] and (chart := risk_charts.by_size(setting, point, f"{anchor}-size-{number}", outlet)):
            more.append(chart)
        blocks.append(Folded(f"The same at {point_label(point)}", more))
    if (agreed := agreement.table(setting, first)) is not None:
        blocks.append(Folded("Do recognizers agree?", [Table(agreed)]))
    if names := risk_tables.most_exposed(setting, first):
        blocks.append(Folded("Who is most exposed", [Names(names, len(names))]))
    return [*blocks, Links(_files(setting, outlet))]


def _leaked(setting: Setting, anchor: str, outlet: Outlet) -> list[Block]:
    points = setting.points("excess_leakage")
    if not points:
        return [Words("No threshold: nothing can be said of leakage."), Table(risk_tables.remembered(setting, outlet))]
    first = _first(setting, "excess_leakage", points)
    blocks: list[Block] = [Words(_LEAKAGE)]
    if (chart := risk_charts.excess(setting, f"{anchor}-excess", outlet)) is not None:
        blocks.append(chart)
    blocks += [Table(risk_tables.leaked(setting, first, outlet)), Table(risk_tables.remembered(setting, outlet))]
    for point in points:
        if point != first:
            more = Table(risk_tables.leaked(setting, point, outlet))
            blocks.append(Folded(f"The same at {point_label(point)}", [more]))
    nearest: list[Block] = []
    for one in setting.held:
        if names := risk_tables.nearest_names(one, "train"):
            nearest.append(Words(f"{one.faces}, as {one.recognizer} sees it:"))
            nearest.append(Names(names, len(one.nearest("train", faces=True))))
    return [*blocks, Folded("Photos learned from that faces come nearest to", nearest)] if nearest else blocks


def _alike(setting: Setting, anchor: str, outlet: Outlet) -> list[Block]:
    points = setting.points("impersonation_rate")
    point = points[0] if points else ""
    charts = [
        risk_charts.kinds(setting, recognizer, point, f"{anchor}-kinds-{place}", outlet)
        for place, recognizer in enumerate(setting.recognizers)
    ]
    return [chart for chart in charts if chart is not None] or [Words("No face was acquired.")]


def _first(setting: Setting, figure: str, points: Sequence[str]) -> str:
    """The strictest threshold for the size of the gallery at which nothing is weak, else the laxest."""
    of_size = searched_at_size(points) or list(points)
    solid = [
        point
        for point in of_size
        if all((one.records.get((figure, point)) or {}).get("support") == "ok" for one in setting.held)
    ]
    return solid[-1] if solid else of_size[0]


def _who(setting: Setting) -> str:
    tables = [table for one in setting.held if (table := one.series.table("exposed")) is not None]
    enrolled = max((int(table["subject"].nunique()) for table in tables), default=0)
    strangers = max(len(one.nearest(GALLERY, faces=False)) for one in setting.held)
    many = len(setting.faces)
    of = f"{numbers.count(many)} makers" if many > 1 else setting.held[0].faces
    place = (setting.spec.get(GALLERY) or {}).get("dataset", {}).get("name", "")
    return (
        f"Faces by {of}, searched for in a gallery of {numbers.plural(enrolled, 'person', 'people')} of {place}, "
        f"beside {numbers.plural(strangers, 'photo')} of real people who are not enrolled either."
    )


def _in_short(setting: Setting, point: str) -> list[Markup]:
    """For every recognizer whose faces are taken for somebody most often beyond strangers."""
    found = []
    for recognizer in setting.recognizers:
        known = [one for one in setting.of(recognizer) if one.value("impersonation_rate", point) is not None]
        if known:
            found.append(_most(recognizer, known, point))
    return found


def _most(recognizer: str, known: Sequence[Held], point: str) -> Markup:
    top = max(known, key=lambda one: one.value("impersonation_rate", point) or 0.0)
    rate = spoken(top.series, top.records["impersonation_rate", point])
    clean = top.records.get(("clean_impersonation_rate", point))
    beside = Markup("; of real strangers {}").format(spoken(top.series, clean)) if clean else ""
    most = ", the most that was observed" if len(known) > 1 else ""
    text = Markup("At {}, <b>{}</b> takes {} of the faces by {} for somebody enrolled{}{}.")
    return text.format(point_label(point), recognizer, rate, top.faces, most, beside)


def _files(setting: Setting, outlet: Outlet) -> list[tuple[str, str]]:
    frames = {
        "by gallery size": ("risk_sizes", risk_tables.sizes_frame(setting)),
        "exposure of everybody": ("exposed", risk_tables.exposed_frame(setting)),
        "nearest photos": ("rank_one", risk_tables.nearest_frame(setting)),
    }
    return [(f"CSV: {said}", outlet.csv(frame, name, setting.title)) for said, (name, frame) in frames.items()]
