"""Figures of made faces as tables of the page, and as CSV files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from bench.metrics import FIGURES
from bench.metrics.vulnerability import contributor_name
from reports import numbers
from reports.figures.outcome_bars import Share
from reports.joint_rates import JOINT_MEANINGS, share_of
from reports.makers import SHARES, Judged, Made
from reports.points import Point
from reports.records import ARROWS, METHODS, NO_INTERVAL, by_key, count_cell, figure_cell, hint_of, label_of
from reports.series import Record
from reports.table import Column, HtmlTable, Row, TableCell

_Take = Callable[[Made], Record | None]
_NOTHING, _NO_THRESHOLD = ("nothing acquired",), ("no threshold",)
_OF_TWO = {
    "both_match_rate": ("match both", "of all attempts"),
    "acquired_both_match_rate": ("match both", "of the acquired"),
    "clean_both_match_rate": ("clean photo does", "of all attempts"),
    "excess_both_match_rate": ("excess", "made \u2212 clean"),
    "conditional_both_match_rate": ("match both", "where clean was right"),
}
_OF_MORPHS = {
    "prodavg_morph_match_rate": ("MMPMR", "ProdAvg"),
    "minmax_morph_match_rate": ("MMPMR", "MinMax"),
    "morph_match_rate": ("MMPMR", "first other photo"),
    "relative_morph_match_rate": ("RMMR", "of ProdAvg"),
}
_OF_CONTRIBUTORS = {
    "contributor_match_rate": "of all comparisons",
    "acquired_contributor_match_rate": "of the acquired",
    "clean_contributor_match_rate": "clean photo",
    "excess_contributor_match_rate": "made \u2212 clean",
    "same_photo_match_rate": "the very photo",
}
_COSTS = ("structural_similarity_mean", "peak_signal_to_noise_ratio_mean")
_LAYOUT = ("layout_intersection_over_union_mean", "layout_accuracy_mean")
_DISTANCES = ("frechet_distance", "kernel_distance")
_OF_DIVERSITY = (
    ("face_distance_mean", "different people", "distance", "of faces"),
    ("photo_distance_mean", "different people", "distance", "of their photos"),
    ("diversity_ratio", "different people", "diversity", "faces / photos"),
    ("diversity_ratio", "same people", "diversity", "of the same people"),
    ("making_distance_mean", None, "distance", "made again"),
    ("making_diversity_ratio", None, "made again", "/ photos"),
)
"""A figure, its group, and what stands at the head of its column."""
_OF_NOVELTY = {
    "nearest_similarity_mean": ("nearest", "of made faces"),
    "clean_nearest_similarity_mean": ("nearest", "of their photos"),
    "excess_nearest_similarity_mean": ("nearest", "made \u2212 photos"),
}


def matches(judged: Judged, point: Point) -> HtmlTable:
    """Whom the made faces match at a point, one row a maker, the rows of a recognizer together.

    Of two contributors: both, next to the clean photo; of more: at least so many of them; of one: that one.

    Args:
        judged: whose.
        point: where.
    """
    number = judged.contributors
    columns: list[tuple[Column, _Take]] = []
    if number == 2:
        columns += [_column(name, head, note, _at(name, point)) for name, (head, note) in _OF_TWO.items()]
    for least in range(1, number + 1 if number > 2 else 0):
        name, head = "several_match_rate", f"at least {least}" if least < number else f"all {number}"
        columns.append(_column(name, head, f"of {number}", _at(name, point, f"{least} of {number}")))
        beside = f"excess_{name}"
        columns.append(_column(beside, "excess", "made \u2212 clean", _at(beside, point, f"{least} of {number}")))
    if number == 1:
        columns += [
            _column(name, "match", note, _at(name, point, contributor_name(1)))
            for name, note in _OF_CONTRIBUTORS.items()
        ]
    lost = _column("not_acquired_rate", "not made or found", "of all attempts", _at("not_acquired_rate", point))
    return _table(f"Whom the made faces match at {point.label}", judged, point, [*columns, lost], counted=True)


def morphs(judged: Judged, point: Point) -> HtmlTable | None:
    """The figures of the morphing literature at a point; None of faces with one contributor."""
    if judged.contributors < 2:
        return None
    columns = [_column(name, head, note, _at(name, point)) for name, (head, note) in _OF_MORPHS.items()]
    return _table(f"Morph match rates at {point.label}", judged, point, columns)


def contributors(judged: Judged, point: Point) -> HtmlTable | None:
    """How often each contributor matches by themselves, with other photos and with the very one; None for one."""
    if judged.contributors < 2:
        return None
    columns = [
        _column(name, contributor_name(place + 1), note, _at(name, point, contributor_name(place + 1)))
        for name, note in _OF_CONTRIBUTORS.items()
        for place in range(judged.contributors)
    ]
    return _table(f"How often each contributor matches at {point.label}", judged, point, columns)


def costs(judged: Judged) -> list[HtmlTable]:
    """What the faces cost in looks: pixels and the first distance in one table, other distances in one each.

    Args:
        judged: whose.
    """
    there = {name for one in judged.made for name, point in one.records if point is None}
    labels = list(dict.fromkeys(one.series.label for one in judged.made))
    pixels: list[Place] = [(name, "", "to the first photo") for name in _COSTS if name in there]
    pixels += [(name, "", "to what was meant") for name in _LAYOUT if name in there]
    tables: list[list[Place]] = [
        [(name, label, f"on {label}") for label in labels] for name in _DISTANCES if name in there
    ]
    first, *others = tables or [[]]
    whole = [[*pixels, *first], *others]
    return [by_maker(judged, columns) for columns in whole if columns]


def with_costs(caption: str, rows: Sequence[tuple[Made, Mapping[str, Share]]], clean: Mapping[str, Share]) -> HtmlTable:
    """How often faces match whom beside what they cost in looks, one row a maker and one of the clean photo.

    Args:
        caption: of the table.
        rows: cells of one recognizer, each with its `reports.joint_rates.Joint.made`.
        clean: the same of the clean photos.
    """
    there = [
        name for name in (*_COSTS, *_DISTANCES) if any(one.records.get((name, None)) is not None for one, _ in rows)
    ]
    head = [Column("made by", number=False)]
    head += [Column(said.partition(": ")[0], note=said.partition(": ")[2]) for said in JOINT_MEANINGS.values()]
    head += [head_of(name, label_of(name), "") for name in there]
    absent = [TableCell(numbers.ABSENT, kind="words") for _ in there]
    lines = [Row("clean photo", [*map(_of_share, clean.values()), *absent], fixed=True)]
    for one, made in rows:
        costs = [
            figure_cell(one.series, one.records.get((name, None)), over="faces", why_not=("too few faces",))
            for name in there
        ]
        lines.append(Row(one.maker, [*map(_of_share, made.values()), *costs], note=one.said_made))
    return HtmlTable(caption, head, lines, "results")


def _of_share(share: Share) -> TableCell:
    ends = numbers.between(*map(numbers.percent, share.ends)) if share.ends else NO_INTERVAL
    told = [repr(share.value) + (f" over {share.faces:,} faces" if share.faces else "")]
    told += [f"95 % interval: {METHODS[share.method]}"] if share.method in METHODS else []
    return TableCell(
        numbers.percent(share.value), kind="figure", interval=ends, tag="weak" if share.weak else "",
        hint="; ".join(told),
    )  # fmt: skip


def shares_of(one: Made, prefix: str, point: Point) -> tuple[Share, ...]:
    """The shares of `reports.makers.SHARES` at a point; empty where one of them is not known.

    Args:
        one: the cell.
        prefix: empty, or ``"clean_"`` for those of the clean photo.
        point: where.
    """
    found = [share_of(one.records.get((f"{prefix}{name}", point.name))) for name in SHARES]
    shares = [share for share in found if share is not None]
    return tuple(shares) if len(shares) == len(SHARES) else ()


def diversity(judged: Judged) -> HtmlTable | None:
    """How varied the faces are, as each recognizer sees them; None where nobody asked.

    Args:
        judged: whose.
    """
    columns = [_column(name, head, note, _of_group(name, group)) for name, group, head, note in _OF_DIVERSITY]
    return _by_recognizer("Diversity of the made faces", judged, columns)


def novelty(judged: Judged) -> HtmlTable | None:
    """How near the faces come to other people, as each recognizer sees them; None where nobody asked.

    Args:
        judged: whose.
    """
    columns = [_column(name, head, note, _of_group(name, None)) for name, (head, note) in _OF_NOVELTY.items()]
    return _by_recognizer("Similarity to the nearest face of other people", judged, columns)


def _by_recognizer(caption: str, judged: Judged, columns: Sequence[tuple[Column, _Take]]) -> HtmlTable | None:
    """Those columns that any cell has a figure for, the rows of a recognizer together; None where there are none."""
    kept = [(head, take) for head, take in columns if any(take(one) for one in judged.made)]
    if not kept:
        return None
    rows = []
    for recognizer in judged.recognizers:
        above = recognizer if len(judged.recognizers) > 1 else ""
        for one in judged.of(recognizer):
            cells = [figure_cell(one.series, take(one), over="faces", why_not=("too few faces",)) for _, take in kept]
            rows.append(Row(one.maker, cells, note=kind_of(one), above=above))
            above = ""
    head = [Column("made by", number=False), *(column for column, _ in kept)]
    return HtmlTable(f"{caption}, {judged.group.title}", head, rows, "results")


def _of_group(name: str, group: str | None) -> _Take:
    def take(one: Made) -> Record | None:
        return one.records.get((name, None)) if group is None else by_key(one.series, group).get((name, None))

    return take


Place = tuple[str, str, str]
"""A figure, the recognizer whose it is, or empty where it is the same for all, and what stands below its name."""


def by_maker(judged: Judged, columns: Sequence[Place]) -> HtmlTable:
    """One row a maker, of figures that no recognizer, or one of them by itself, has a say in.

    Args:
        judged: whose.
        columns: what stands in each.
    """
    rows = []
    for maker in judged.makers:
        cells = {one.series.label: one for one in judged.made if one.maker == maker}
        if not cells:
            continue
        any_of = next(iter(cells.values()))
        values = []
        for name, label, _ in columns:
            one = cells.get(label) if label else any_of
            record = one.records.get((name, None)) if one else None
            values.append(figure_cell((one or any_of).series, record, over="faces", why_not=("too few faces",)))
        rows.append(Row(maker, values, note=kind_of(any_of)))
    head = [Column("made by", number=False), *(head_of(name, label_of(name), note) for name, _, note in columns)]
    what = numbers.listed(list(dict.fromkeys(label_of(name) for name, _, _ in columns)))
    return HtmlTable(f"Visual cost of the made faces, {what}, {judged.group.title}", head, rows, "results")


def _table(
    caption: str,
    judged: Judged,
    point: Point,
    columns: Sequence[tuple[Column, _Take]],
    counted: bool = False,
) -> HtmlTable:
    """One row a maker, the rows of a recognizer together; columns that nobody has are left out."""
    kept = [(head, take) for head, take in columns if any(take(one) is not None for one in judged.made)]
    rows: list[Row] = []
    for recognizer in judged.recognizers:
        above = recognizer if len(judged.recognizers) > 1 else ""
        for one in judged.of(recognizer):
            why_not = _NOTHING if one.has_threshold(point) else _NO_THRESHOLD
            cells = [figure_cell(one.series, take(one), why_not=why_not, over="faces") for _, take in kept]
            cells += [_faces(one)] if counted else []
            rows.append(Row(one.maker, cells, note=kind_of(one), above=above))
            above = ""
        for failed in judged.failed(recognizer):
            words = TableCell(
                failed.error, kind="words", tag="failed", number=False, span=max(len(kept) + counted, 1),
                notes=("see Failed cells",),
            )  # fmt: skip
            rows.append(Row(failed.maker, [words], above=above))
            above = ""
    head = [Column("made by", number=False), *(column for column, _ in kept)]
    head += [Column("faces", hint_of("generated_faces"))] if counted else []
    return HtmlTable(f"{caption}, {judged.group.title}", head, rows, "results")


def _column(name: str, head: str, note: str, take: _Take) -> tuple[Column, _Take]:
    return head_of(name, head, note), take


def head_of(name: str, head: str, note: str) -> Column:
    """The head of a figure's column, which says what it is and which way is better.

    Args:
        name: of the figure.
        head: what stands there.
        note: below it.
    """
    return Column(head, hint_of(name), ARROWS[FIGURES[name].direction] if name in FIGURES else "", note)


def _at(name: str, point: Point, group: str | None = None) -> _Take:
    def take(one: Made) -> Record | None:
        if group is None:
            return one.records.get((name, point.name))
        return by_key(one.series, group).get((name, point.name))

    return take


def _faces(one: Made) -> TableCell:
    """How many faces there were to be, and why some have no face."""
    faces, lost, missed = (
        one.value(name) for name in ("generated_faces", "faces_not_made", "generated_faces_not_acquired")
    )
    notes = [f"{numbers.count(count)} not {what}" for count, what in ((lost, "made"), (missed, "found")) if count]
    return count_cell(float("nan") if faces is None else faces, *notes)


def kind_of(one: Made) -> str:
    """What made the faces of a cell, generator or attack, and to which goal."""
    maker: Mapping[str, Any] = one.series.spec.get("maker") or {}
    goal = f", to {maker['goal']}" if maker.get("goal") else ""
    return f"{maker.get('kind', '')}{goal}"


def shares_frame(judged: Judged) -> pd.DataFrame:
    """One row a recognizer, maker and figure, of all operating points and contributors, with interval."""
    fields = ("figure", "operating_point", "group", "value", "low", "high", "interval", "n", "support")
    rows = [
        {"recognizer": one.series.label, "made_by": one.maker, **{field: record.get(field) for field in fields}}
        for one in judged.made
        for record in one.series.records
    ]
    return pd.DataFrame(rows, columns=["recognizer", "made_by", *fields])
