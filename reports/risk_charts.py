"""Pictures of faces held against galleries: over the size of the gallery, against strangers, and how alike all are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.metrics import error_tradeoff
from reports import numbers
from reports.curves import thin
from reports.figures import forest, roc, score_kinds, size_curves
from reports.figures.drawn import Drawn, Rates
from reports.figures.panel import Dot
from reports.figures.panel import Panel as ForestPanel
from reports.figures.score_kinds import KINDS, Outline
from reports.figures.size_curves import Step, Track
from reports.figures.style import PALETTE, LineKey, Look, looks, svg_dash
from reports.held import GALLERY, Held, Setting, point_label
from reports.outlet import Outlet
from reports.page import Chart

MOST_VERTICES = 800
_FEWEST_BINS, _FINEST = 24, 64
_RATES = Rates(
    "strangers taken for somebody", "faces not taken", "real strangers taken for somebody (FPIR)",
    "faces not taken for anybody", "shaded: fewer than 30 strangers",
)  # fmt: skip
_UP = "faces taken for somebody"
_EQUAL = Look(len(PALETTE) - 1, PALETTE[-1], "2px,4px", (0, (1, 2)), "circle", "")


def by_size(setting: Setting, point: str, anchor: str, outlet: Outlet) -> Chart | None:
    """The rate over the size of the gallery, at a fixed threshold; None where nothing is known.

    Args:
        setting: whose.
        point: whose threshold is held.
        anchor: the chart's id.
        outlet: takes the picture.
    """
    panels = []
    for faces in setting.faces:
        mine = [one for one in setting.held if one.faces == faces]
        tracks = tuple(track for one in mine if (track := _track(one, point, outlet)) is not None)
        if tracks:
            enrolled = max(len(_of_point(one, "exposed", point)) for one in mine)
            panels.append(size_curves.Panel(faces, enrolled, tracks))
    if not panels:
        return None
    title = f"Taken for somebody by gallery size, {point_label(point)}"
    files = outlet.picture(size_curves.draw(panels, title), "risk_by_size", setting.title, point)
    outlet.tell()
    return Chart(
        id=anchor,
        spec=size_curves.chart(panels, title),
        alt=f"{title}; the values stand in the CSV file below.",
        caption=f"{title}. Whole lines are faces, dotted ones real strangers. Up to the upright line, where the "
        "gallery ends, galleries are drawn from it; beyond it nobody is, and a model (beta-binomial) goes on, with its "
        "uncertainty over faces and over people enrolled. Bands are 95\u202f% intervals.",
        files=files,
        heading=title,
        legend=[(label, outlet.looks[label]) for label in setting.recognizers],
    )


def against_strangers(setting: Setting, recognizer: str, gallery: str, anchor: str, outlet: Outlet) -> Chart | None:
    """How often faces are taken for somebody where so many strangers are; None where nothing was found."""
    mine = setting.of(recognizer)
    shades = looks([], [one.faces for one in mine])  # none of them grey, as is the line where both are equal
    drawn = [one for each in mine if (one := _drawn(each, gallery, shades[each.faces])) is not None]
    if not drawn:
        return None
    strangers = mine[0].nearest(gallery, faces=False)
    drawn.append(Drawn("equal", _EQUAL, thin(error_tradeoff(strangers, strangers), MOST_VERTICES), ()))
    title = f"{recognizer}: faces against strangers, at every threshold"
    files = outlet.picture(roc.draw(drawn, title, _RATES, _UP), "risk_curve", setting.title, gallery, recognizer)
    outlet.tell()
    return Chart(
        id=anchor,
        spec=roc.chart(drawn, _RATES, _UP),
        alt=f"{title}: the share of faces that are taken for somebody enrolled over the share of real strangers.",
        caption=f"{title}. At a threshold where so many real strangers are taken for somebody (right), so many faces "
        "are (up). Faces that are no more of a risk than strangers lie on the dotted line, where both are "
        "equal.",
        files=files,
        heading=title,
        legend=[(one.label, one.look) for one in drawn],
    )


def excess(setting: Setting, anchor: str, outlet: Outlet) -> Chart | None:
    """Excess leakage with its interval, a panel for every operating point; None where nothing is known."""
    rows = setting.faces
    panels = []
    for point in setting.points("excess_leakage"):
        dots = []
        for one in setting.held:
            record = one.records.get(("excess_leakage", point))
            if record is not None and record["value"] is not None and record["low"] is not None:
                value, low, high = (float(record[name]) for name in ("value", "low", "high"))
                weak = record["support"] == "weak"
                dots.append(Dot(rows.index(one.faces), one.recognizer, value, low, high, weak))
        if dots:
            panels.append(ForestPanel("excess_leakage", point_label(point), tuple(dots)))
    if not panels:
        return None
    shown = [(label, outlet.looks[label]) for label in setting.recognizers]
    title = "Excess leakage"
    files = outlet.picture(forest.draw(panels, rows, shown, title), "excess_leakage", setting.title)
    outlet.tell()
    return Chart(
        id=anchor,
        spec=forest.chart(panels, rows, shown),
        alt=f"{title}; the values stand in the table.",
        caption="Excess leakage: the share of faces that match anybody the generator learned from, minus the share "
        "that match anybody held out, in galleries of one size. Right of 0 faces come nearer to whom it learned from. "
        "Bars are 95\u202f% intervals for other faces and these galleries; hollow marks are weak.",
        files=files,
        heading=title,
        legend=shown,
        choice="Threshold",
    )


def kinds(setting: Setting, recognizer: str, point: str, anchor: str, outlet: Outlet) -> Chart | None:
    """How alike real people, made faces, and both are to each other, as one recognizer sees it."""
    mine = setting.of(recognizer)
    panels = [panel for one in mine if (panel := _kinds_panel(one, point)) is not None]
    if not panels:
        return None
    unit = mine[0].series.unit
    title = f"{recognizer}: how alike different people are"
    files = outlet.picture(score_kinds.draw(panels, unit, title), "score_kinds", setting.title, recognizer)
    outlet.tell()
    return Chart(
        id=anchor,
        spec=score_kinds.chart(panels, unit, title),
        alt=f"{title}: scores of real with real, real with made and made with made faces.",
        caption=f"{title}: strangers with people of the galleries, made faces with them, and made faces with each "
        "other where they have no contributor in common. Faces that all look alike, or like the galleries, lie to the "
        "right of real people.",
        files=files,
        heading=title,
        marks=[LineKey(name, color, dash=svg_dash(dash)) for name, _, color, _, dash in KINDS.values()],
    )


# -------------------------------------------------------------------------------------------------------------- inside


def _of_point(one: Held, name: str, point: str) -> pd.DataFrame:
    table = one.series.table(name)
    return pd.DataFrame() if table is None else table[table["operating_point"] == point]


def _track(one: Held, point: str, outlet: Outlet) -> Track | None:
    table = _of_point(one, "risk_sizes", point)
    if table.empty:
        return None
    steps = {}
    for kind in ("faces", "strangers"):
        rows = table[table["of"] == kind].sort_values("size").to_dict("records")
        steps[kind] = tuple(_step(row["size"], row["rate"], row["low"], row["high"]) for row in rows)
    return Track(one.recognizer, outlet.looks[one.recognizer], steps["faces"], steps["strangers"])


def _step(size: int, rate: float, low: float, high: float) -> Step:
    if np.isnan(low) or np.isnan(high):
        return Step(int(size), rate, rate, rate, numbers.percent(rate))
    ends = numbers.between(numbers.percent(low), numbers.percent(high))
    return Step(int(size), rate, low, high, f"{numbers.percent(rate)} ({ends})")


def _drawn(one: Held, gallery: str, look: Look) -> Drawn | None:
    faces, strangers = one.nearest(gallery, faces=True), one.nearest(gallery, faces=False)
    if not faces.size or not strangers.size:
        return None
    return Drawn(one.faces, look, thin(error_tradeoff(faces, strangers), MOST_VERTICES), ())


def _kinds_panel(one: Held, point: str) -> score_kinds.Panel | None:
    table = one.series.table("resemblances")
    if table is None or table.empty:
        return None
    edges = _edges(table)
    outlines = []
    for kind in KINDS:
        mine = table[table["of"] == kind]
        if mine.empty:
            continue
        middles = (mine["score_from"] + mine["score_to"]).to_numpy(np.float64) / 2
        counts = np.histogram(middles, edges, weights=mine["count"].to_numpy(np.float64))[0]
        outlines.append(Outline(kind, edges, counts / counts.sum(), int(counts.sum())))
    return score_kinds.Panel(one.faces, tuple(outlines), one.threshold("impersonation", point))


def _edges(table: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Bins of whole stored ones, at most `_FINEST` of them."""
    low, high = float(table["score_from"].min()), float(table["score_to"].max())
    width = float((table["score_to"] - table["score_from"]).min())
    stored = round((high - low) / width)
    each = max(1, -(-stored // _FINEST)) if stored > _FEWEST_BINS else 1
    return np.asarray(low + width * each * np.arange(-(-stored // each) + 1), np.float64)


GALLERIES = {GALLERY: "enrolled", "train": "learned from", "holdout": "held out"}
