"""Faces held against galleries as tables of the page, and as CSV files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from bench.metrics import FIGURES
from bench.metrics.impersonation import OF_FACES
from reports import numbers
from reports.held import Held, Setting, point_label
from reports.outlet import Outlet
from reports.records import ARROWS, figure_cell, hint_of, printed
from reports.series import Record
from reports.table import Column, HtmlTable, Row, TableCell

_Cell = Callable[[Held, str], TableCell]
_MOST_EXPOSED, _MOST_NEAREST = 10, 10

_OF_GALLERY = {
    "impersonation_rate": ("taken for somebody", "faces (FPIR)"),
    "clean_impersonation_rate": ("strangers", "real people (FPIR)"),
    "excess_impersonation_rate": ("excess", "faces \u2212 strangers"),
    "photo_impersonation_rate": ("their photos", "that faces are made of"),
}
_OF_ENROLLED = {
    "exposed_people_rate": ("people hit", "of all enrolled"),
    "clean_exposed_people_rate": ("by strangers", "as many photos"),
    "exposure_mean": ("exposure", "of all comparisons"),
    "clean_exposure_mean": ("by strangers", "of all comparisons"),
}
_OF_LEAKAGE = {
    "leakage_rate": ("learned from", "share that matches anybody"),
    "holdout_leakage_rate": ("held out", "share that matches anybody"),
    "clean_leakage_rate": ("strangers", "mean of both"),
}
_WITHOUT_POINT = {
    "membership_auc": ("nearer to train", "than to holdout"),
    "authenticity_rate": ("authentic", "train"),
    "holdout_authenticity_rate": ("authentic", "holdout"),
    "memorisation_ratio": ("memorised", "train"),
    "holdout_memorisation_ratio": ("memorised", "holdout"),
    "similarity_between_mean": ("made \u2013 made", "different people"),
}


def taken(setting: Setting, point: str, outlet: Outlet) -> HtmlTable:
    """How often faces are taken for somebody in the gallery, one row a set of faces, recognizer by recognizer.

    Args:
        setting: whose.
        point: the operating point.
        outlet: knows the looks.
    """
    columns = [(_column(name, *head), _at(name)) for name, head in _OF_GALLERY.items()]
    return _table(f"Taken for somebody enrolled at {point_label(point)}", setting, point, columns, outlet)


def exposed(setting: Setting, point: str, outlet: Outlet) -> HtmlTable:
    """Who of the enrolled is hit, and how often; arguments as `taken`."""
    columns = [(_column(name, *head), _at(name)) for name, head in _OF_ENROLLED.items()]
    for name, head, note in (
        ("worst_probe_coverage", "best face", "people it matches"),
        ("clean_worst_probe_coverage", "best stranger", "of as many photos"),
        ("exposure_highest", "most exposed", "faces that match them"),
    ):
        columns.append((Column(head, hint_of(name), ARROWS[FIGURES[name].direction], note), _counted(name)))
    return _table(f"People exposed at {point_label(point)}", setting, point, columns, outlet)


def by_group(setting: Setting, point: str, outlet: Outlet) -> HtmlTable | None:
    """How exposed groups of the people enrolled are, a column a group; None where the sweep asked for none."""
    caption = f"Exposure by group of the people enrolled at {point_label(point)}"
    return _by_group(caption, "exposure_mean", setting, point, outlet, of_faces=False)


def by_group_of_faces(setting: Setting, point: str, outlet: Outlet) -> HtmlTable | None:
    """How often faces of groups are taken for somebody, a column a group; None where the sweep asked for none."""
    caption = f"Taken for somebody enrolled, by group of the faces, at {point_label(point)}"
    return _by_group(caption, "impersonation_rate", setting, point, outlet, of_faces=True)


def leaked(setting: Setting, point: str, outlet: Outlet) -> HtmlTable:
    """Whether faces match whom their generator learned from more often than others; arguments as `taken`."""
    columns = [(_column(name, *head), _at(name)) for name, head in _OF_LEAKAGE.items()]
    columns.append((_column("excess_leakage", "excess leakage", "learned from \u2212 held out"), _excess))
    return _table(f"Leakage at {point_label(point)}", setting, point, columns, outlet)


def remembered(setting: Setting, outlet: Outlet) -> HtmlTable:
    """Figures that need no threshold."""
    columns = [(_column(name, *head), _whole(name)) for name, head in _WITHOUT_POINT.items()]
    return _table("Leakage without a threshold", setting, "", columns, outlet)


def exposed_frame(setting: Setting) -> pd.DataFrame:
    """How exposed everybody enrolled is, by faces, recognizer and operating point."""
    return _joined(setting, "exposed")


def sizes_frame(setting: Setting) -> pd.DataFrame:
    """Rates by the size of the gallery."""
    return _joined(setting, "risk_sizes")


def nearest_frame(setting: Setting) -> pd.DataFrame:
    """The nearest photo of every gallery to each face and each stranger's photo."""
    return _joined(setting, "rank_one")


def most_exposed(setting: Setting, point: str) -> list[tuple[str, str]]:
    """Who is most exposed, with a remark each."""
    found = []
    for one in setting.held:
        table = one.series.table("exposed")
        if table is None:
            continue
        known = table[(table["operating_point"] == point) & (table["share"] > 0)]
        for row in known.sort_values(["share", "subject"], ascending=[False, True]).head(3).to_dict("records"):
            said = f"{numbers.percent(row['share'], 1)} of the faces by {one.faces}, as {one.recognizer} sees it"
            found.append((str(row["subject"]), f"{said}; {numbers.percent(row['strangers_share'], 1)} of strangers"))
    return found[:_MOST_EXPOSED]


def nearest_names(held: Held, gallery: str) -> list[tuple[str, str]]:
    """The photos of a gallery that are most like a face, with a remark each."""
    table = held.rank_one
    some = table[(table["gallery"] == gallery) & table["face"].notna()]
    some = some.sort_values(["score", "face"], ascending=[False, True]).head(_MOST_NEAREST)
    return [
        (str(row["photo"]), f"face {int(row['face']) + 1}, {numbers.plain(row['score'], 3)}")
        for row in some.to_dict("records")
    ]


# -------------------------------------------------------------------------------------------------------------- inside


def _by_group(
    caption: str, figure: str, setting: Setting, point: str, outlet: Outlet, *, of_faces: bool
) -> HtmlTable | None:
    grouped = {one: _of_groups(one, figure, point, of_faces) for one in setting.held}
    groups = list(dict.fromkeys(group for records in grouped.values() for group in records))
    if not groups:
        return None

    def of(group: str) -> _Cell:
        return lambda one, _: figure_cell(one.series, grouped[one].get(group), why_not=("nobody there",))

    hint, arrow = hint_of(figure), ARROWS[FIGURES[figure].direction]
    columns: list[tuple[Column, _Cell]] = [(Column("everybody", hint, arrow), _at(figure))]
    columns += [(Column(group.removeprefix(OF_FACES), hint, arrow), of(group)) for group in groups]
    return _table(caption, setting, point, columns, outlet)


def _of_groups(one: Held, figure: str, point: str, of_faces: bool) -> dict[str, Record]:
    """A figure of every group, of faces or of the people enrolled."""
    return {
        str(record["group"]): record
        for record in one.series.records
        if record["figure"] == figure
        and record["operating_point"] == point
        and record.get("group")
        and str(record["group"]).startswith(OF_FACES) == of_faces
    }


def _table(
    caption: str, setting: Setting, point: str, columns: Sequence[tuple[Column, _Cell]], outlet: Outlet
) -> HtmlTable:
    rows = []
    for recognizer in setting.recognizers:
        mine = [
            Row(one.faces, [cell(one, point) for _, cell in columns], outlet.looks[recognizer], setting.note_of(one))
            for one in setting.of(recognizer)
        ]
        above = f"as {recognizer} sees it" if len(setting.recognizers) > 1 else ""
        rows += [replace(mine[0], above=above), *mine[1:]]
    return HtmlTable(caption, [Column("faces", number=False), *(column for column, _ in columns)], rows, "results")


def _column(name: str, head: str, note: str) -> Column:
    return Column(head, hint_of(name), ARROWS[FIGURES[name].direction], note)


def _at(name: str) -> _Cell:
    return lambda one, point: figure_cell(one.series, one.records.get((name, point)), why_not=("no threshold",))


def _whole(name: str) -> _Cell:
    return lambda one, _: figure_cell(one.series, one.records.get((name, None)), why_not=("nothing acquired",))


def _excess(one: Held, point: str) -> TableCell:
    """With the p-value of exchanging people below it."""
    p_value = one.value("excess_leakage_p_value", point)
    notes = () if p_value is None else (f"p = {numbers.significant(p_value, 2)}",)
    record = one.records.get(("excess_leakage", point))
    return figure_cell(one.series, record, notes=notes, why_not=("no threshold",))


def _counted(name: str) -> _Cell:
    """An extreme has no interval; it is told as what it counts."""

    def cell(one: Held, point: str) -> TableCell:
        value = one.value(name, point)
        if value is None:
            return TableCell(numbers.ABSENT, kind="words")
        record = one.records[name, point]
        of = record["n"] if name == "exposure_highest" else _enrolled(one)
        amount = value * of
        shown = numbers.count(amount) if abs(amount - round(amount)) < 1e-6 else numbers.plain(amount, 1)
        return TableCell(shown, kind="count", notes=(f"of {numbers.count(of)}",), hint=printed(name, value))

    return cell


def _enrolled(one: Held) -> int:
    table = one.series.table("exposed")
    return 0 if table is None else int(table["subject"].nunique())


def _joined(setting: Setting, name: str) -> pd.DataFrame:
    parts = []
    for one in setting.held:
        table = one.series.table(name)
        if table is not None:
            parts.append(table.assign(faces=one.faces, recognizer=one.recognizer))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
