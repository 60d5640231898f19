"""Section "Error curves": ROC and DET of every group, each curve with its band."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.metrics import ErrorCurve
from reports import numbers
from reports.curves import band_of, curve_of, marks_of, thin
from reports.figures import det, roc
from reports.figures.drawn import Drawn
from reports.outlet import Outlet
from reports.page import Block, Chart, Files, Part, Section, Words
from reports.points import points_of
from reports.series import Group, Run

MOST_VERTICES = 1900
ALL_VERTICES = 16_000
"""Over all curves of the page: some hundred bytes each, so that it stays below eight megabytes."""
CSV_VERTICES = 50_000
_BANDS = (
    "The band around a curve holds, at each FMR, the 95\u202f% interval of the other rate over draws of people, the "
    "threshold chosen anew in every draw; bars are the same intervals at the operating points. "
)
_CARRIED = (
    "A cross is a point whose threshold was set elsewhere and is held: it need not lie on the curve, and its bars are "
    "the intervals of both rates. "
)


def section(run: Run, outlet: Outlet) -> Section:
    """The section; without any part where nothing was scored.

    Args:
        run: the run.
        outlet: takes the pictures, and the curves as CSV files.
    """
    vertices = int(np.clip(ALL_VERTICES // (3 * max(len(run.series), 1)), 64, MOST_VERTICES))
    found = Section("curves", "Error curves")
    for position, group in enumerate(run.groups):
        if group.series:
            blocks = _charts(group, f"g{position}", vertices, outlet)
            found.parts.append(Part(group.title if len(run.groups) > 1 else "", blocks))
    return found


def _charts(group: Group, anchor: str, vertices: int, outlet: Outlet) -> list[Block]:
    drawn: list[Drawn] = []
    links: list[tuple[str, str]] = []
    points = points_of(group.series)
    for one in group.series:
        whole = curve_of(one)
        if whole is None:
            continue
        look, band = outlet.looks[one.label], band_of(one)
        drawn.append(Drawn(one.label, look, thin(whole, vertices), marks_of(one, points), band))
        written = thin(whole, CSV_VERTICES)
        name = f": {one.label}" if len(group.series) > 1 else ""
        kind = "CSV" if written is whole else "CSV, thinned"
        links.append((f"{kind}{name}", outlet.csv(curve_frame(written), "curve", group.title, one.label)))
    if any(one.band for one in drawn):
        links.append(("CSV: bands", outlet.csv(bands_frame(group), "bands", group.title)))
    if not drawn:
        return [Words("No curve: it takes at least one mated and one nonmated score.")]
    return [_roc(drawn, group, anchor, links, outlet), _det(drawn, group, anchor, outlet)]


def _roc(drawn: list[Drawn], group: Group, anchor: str, links: list[tuple[str, str]], outlet: Outlet) -> Chart:
    files = outlet.picture(roc.draw(drawn, f"ROC, {group.title}"), "roc", group.title)
    outlet.tell()
    return Chart(
        id=f"{anchor}-roc",
        spec=roc.chart(drawn),
        alt=f"Receiver operating characteristic of {_names(drawn)} on {group.title}: true match rate over false match "
        "rate; the values stand in the table of results.",
        caption="ROC. How many mated pairs are accepted (up) while so many nonmated pairs are (right, "
        "logarithmic). Higher and further left is better. " + _reading(drawn) + "Markers are hollow where the point "
        "is weak. Steps are not smoothed, and the shaded part rests on fewer than 30 false matches. Hover for "
        "thresholds; press a name to hide it.",
        files=(*files, *links),
        legend=[(one.label, one.look) for one in drawn],
    )


def _det(drawn: list[Drawn], group: Group, anchor: str, outlet: Outlet) -> Chart:
    files: Files = ()
    for scale in det.SCALES:
        both = outlet.picture(det.draw(drawn, f"DET, {group.title}", scale), "det", scale, group.title)
        files = (*files, *((f"{kind}: {scale}", target) for kind, target in both))
    outlet.tell()
    return Chart(
        id=f"{anchor}-det",
        spec=det.chart(drawn),
        alt=f"Detection error trade-off of {_names(drawn)} on {group.title}: false non-match rate over false match "
        "rate; the values stand in the table of results.",
        caption="DET. Both errors against each other: lower and further left is better, and a curve's equal "
        "error rate is where it crosses the dotted diagonal. Bands and bars as above. On probit axes normally "
        "distributed scores give straight lines; logarithmic axes give the room to the rare errors.",
        files=files,
        legend=[(one.label, one.look) for one in drawn],
    )


def _reading(drawn: list[Drawn]) -> str:
    banded = any(one.band for one in drawn)
    carried = any(mark.carried for one in drawn for mark in one.marks)
    lacking = "" if banded else "These curves have no bands: the run holds no draws of people. "
    return (_BANDS if banded else lacking) + (_CARRIED if carried else "")


def _names(drawn: list[Drawn]) -> str:
    return numbers.listed([one.label for one in drawn])


def bands_frame(group: Group) -> pd.DataFrame:
    """One row a series and FMR, with the FNMR there and its interval."""
    tables = [(one.label, found) for one in group.series if (found := one.table("curve")) is not None]
    parts = [found.assign(series=label)[["series", *found.columns]] for label, found in tables]
    return pd.concat(parts, ignore_index=True)


def curve_frame(curve: ErrorCurve) -> pd.DataFrame:
    """A curve as a table: one row a vertex. Its intervals stand in `bands_frame`, at rates of their own."""
    return pd.DataFrame(
        {
            "threshold": curve.thresholds,
            "false_match_rate": curve.fmr,
            "false_non_match_rate": curve.fnmr,
            "false_matches": curve.false_matches,
            "false_non_matches": curve.false_non_matches,
        }
    )
