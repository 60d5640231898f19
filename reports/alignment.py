"""Section "Aligners": how often aligners find a face, and how far their landmarks are off."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.metrics import FIGURES
from bench.metrics.clusters import clusters_of
from bench.metrics.intervals import rate_interval
from reports import numbers
from reports.figures import cumulative
from reports.figures.cumulative import Rising
from reports.outlet import Outlet
from reports.page import Block, Chart, Folded, Links, Names, Part, Section, Table, Words
from reports.records import (
    ARROWS,
    NO_INTERVAL,
    by_key,
    figure_cell,
    hint_of,
    interval_of,
    is_count,
    label_of,
    printed,
    value_at,
)
from reports.series import Group, Run, Series
from reports.table import Column, HtmlTable, Row, TableCell

FAILURE = 0.1
"""The landmark error beyond which a photo is a failure, as in the figure `landmark_failure_rate`."""
NO_FACE = "no face found"
"""What the table `placements` says of a photo that can be read and in which no face was found."""
_STEPS = 60
"""Of a cumulative curve."""
LISTED_PHOTOS = 200
_COLUMNS = (
    ("frames", "photos"), ("found_rate", "found"), ("faces_per_photo_mean", "faces a photo"),
    ("landmark_error_mean", "landmark error"), ("landmark_failure_rate", "failures"),
)  # fmt: skip
_NOTES = {
    "found_rate": "of photos that can be read",
    "faces_per_photo_mean": "mean",
    "landmark_error_mean": "mean, in eye distances",
    "landmark_failure_rate": "not found, or error above 0.1",
}
_HOW = (
    "The landmark error of a photo is the mean distance between the points that were found and the true ones, over the "
    "distance between the true eye centres. A photo in which no face is found has none; it counts as a failure. Below "
    "each value stands its 95\u202f% interval over people."
)


def section(run: Run, outlet: Outlet) -> Section:
    """The section; without any part where no aligner was measured by itself.

    Args:
        run: the run.
        outlet: takes the pictures and tables.
    """
    found = Section("alignment", "Aligners")
    groups = run.of("alignment")
    for position, group in enumerate(groups):
        found.parts.append(Part(group.title if len(groups) > 1 else "", _blocks(group, f"a{position}", outlet)))
    if found.parts:
        found.parts[0].blocks.insert(0, Words(_HOW))
    return found


def _blocks(group: Group, anchor: str, outlet: Outlet) -> list[Block]:
    blocks: list[Block] = [Table(table(group, outlet))]
    lines = [line for one in group.series if (line := rising(one, outlet)) is not None]
    if lines:
        blocks.append(_chart(lines, group, anchor, outlet))
    elif group.series:
        blocks.append(Words("No curve of errors: the data set does not say of every photo where its landmarks are."))
    missed = missed_frame(group)
    for one in group.series:
        rows = missed[missed["series"] == one.label] if len(missed) else missed
        if len(rows):
            names = list(zip(rows["key"].astype(str), rows["problem"].fillna("").astype(str), strict=True))
            title = f"{one.label}: {numbers.plural(len(rows), 'photo')} without a face"
            blocks.append(Folded(title, [Names(names[:LISTED_PHOTOS], len(rows))]))
    links = [("CSV: every figure", outlet.csv(alignment_frame(group), "alignment", group.title))]
    if len(missed):
        links.append(("CSV: photos without a face", outlet.csv(missed, "not_found", group.title)))
    blocks.append(Links(tuple(links)))
    outlet.tell()
    return blocks


def table(group: Group, outlet: Outlet) -> HtmlTable:
    """What a group's aligners find, one row each, failed ones included.

    Args:
        group: whose.
        outlet: knows the looks.
    """
    shown = [(name, label) for name, label in _COLUMNS if any((name, None) in by_key(one) for one in group.series)]
    columns = [Column("aligner", number=False)]
    for name, label in shown:
        arrow = ARROWS[FIGURES[name].direction] if name in FIGURES else ""
        columns.append(Column(label, hint_of(name), arrow, _NOTES.get(name, "")))
    rows = [
        Row(one.label, [_cell(one, name) for name, _ in shown], outlet.looks[one.label], _people(one))
        for one in group.series
    ]
    for failed in group.failed:
        cell = TableCell(failed.error, kind="words", tag="failed", number=False, span=max(len(shown), 1),
                         notes=("see Failed cells",))  # fmt: skip
        rows.append(Row(failed.label, [cell], outlet.looks[failed.label]))
    return HtmlTable(f"Aligners on {group.title}", columns, rows, "results")


def _cell(one: Series, name: str) -> TableCell:
    why_not = ("no true landmarks",) if name.startswith("landmark") else ("no photo",)
    record = by_key(one).get((name, None))
    if record is not None and record["value"] is not None and not interval_of(record) and not is_count(name):
        # A mean without any spread: nothing says how far it may be off.
        return TableCell(printed(name, record["value"]), kind="figure", interval=NO_INTERVAL, notes=("all alike",))
    return figure_cell(one, record, why_not=why_not, over="photos")


def _people(one: Series) -> str:
    people = value_at(by_key(one), "subjects")
    return f"photos of {numbers.plural(int(people), 'person', 'people')}" if people else ""


def rising(one: Series, outlet: Outlet) -> Rising | None:
    """The share of photos with at most so much error, over the error; None where no error is known.

    Args:
        one: an aligner.
        outlet: knows the looks.
    """
    placed = one.table("placements")
    if placed is None or not len(placed):
        return None
    errors = placed["error"].to_numpy(dtype=np.float64, na_value=np.nan)
    missed = np.asarray(placed["problem"] == NO_FACE)
    # A photo in which nothing was found never reaches any error; one that cannot be read says nothing.
    known = np.isfinite(errors) | missed
    judged = (by_key(one).get(("landmark_failure_rate", None)) or {}).get("n")
    if not np.isfinite(errors).any() or known.sum() != judged:
        return None  # nobody knows which of the photos without a face have true landmarks
    reached = np.where(missed, np.inf, errors)[known]
    who = placed["subject"].astype(str).to_numpy()[known].tolist()
    clusters = clusters_of(who, who)
    grid = np.linspace(0, 1.2 * FAILURE, _STEPS + 1)
    shares, low, high = np.zeros((3, len(grid)))
    for place, most in enumerate(grid.tolist()):
        beyond = reached > most
        ends = rate_interval(beyond, clusters)
        shares[place], low[place], high[place] = 1 - beyond.mean(), 1 - ends.high, 1 - ends.low
    kept = slice(min(int(np.count_nonzero(shares == 0)), len(grid) - 1), None)
    return Rising(one.label, outlet.looks[one.label], *(part[kept] for part in (grid, shares, low, high)))


def _chart(lines: list[Rising], group: Group, anchor: str, outlet: Outlet) -> Chart:
    links = outlet.picture(cumulative.draw(lines, FAILURE, f"Landmark errors, {group.title}"), "landmarks", group.title)
    return Chart(
        id=f"{anchor}-landmarks",
        spec=cumulative.chart(lines, FAILURE),
        alt=f"Share of photos over landmark error of {numbers.listed([one.label for one in lines])} on {group.title}; "
        "mean errors and failures stand in the table.",
        caption="How many photos have a landmark error of at most so much: higher and further left is better. "
        "A line ends below 100\u202f% by the photos that it loses. The band is the 95\u202f% interval over people. "
        "Click a name to hide it.",
        files=(*links, ("CSV", outlet.csv(rising_frame(lines), "landmarks", group.title))),
        legend=[(one.label, one.look) for one in lines],
    )


# ---------------------------------------------------------------------------------------------------------- CSV files


def alignment_frame(group: Group) -> pd.DataFrame:
    """Every figure of every aligner, one row each; `called` is what the page calls it."""
    fields = ("figure", "value", "low", "high", "interval", "n", "support")
    rows = [
        {
            "dataset": group.dataset,
            "protocol": group.protocol,
            "series": one.label,
            **{field: record.get(field) for field in fields},
            "called": label_of(record["figure"]),
        }
        for one in group.series
        for record in one.records
    ]
    return pd.DataFrame(rows)


def rising_frame(lines: list[Rising]) -> pd.DataFrame:
    """The cumulative curves, one row an aligner and error."""
    parts = [
        pd.DataFrame({"series": one.label, "error": one.errors, "share": one.shares, "low": one.low, "high": one.high})
        for one in lines
    ]
    return pd.concat(parts, ignore_index=True)


def missed_frame(group: Group) -> pd.DataFrame:
    """One row a photo and aligner: the photos in which no face was found."""
    parts = []
    for one in group.series:
        placed = one.table("placements")
        if placed is not None:
            part = placed.loc[~placed["found"].astype(bool), ["key", "subject", "problem"]].reset_index(drop=True)
            part.insert(0, "series", one.label)
            parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["series", "key"])
