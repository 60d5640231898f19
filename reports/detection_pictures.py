"""Pictures of detectors: error curves, all of them together and each by itself, and how their scores are spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bench.metrics import ErrorCurve
from reports import numbers
from reports.curves import thin
from reports.detectors import WORST, Detected, Shown
from reports.figures import attack_scores, det
from reports.figures.drawn import Drawn, Rates
from reports.outlet import Outlet
from reports.page import Block, Chart, Files, Folded, Links, Words
from reports.vocabulary import ATTACK_ERROR

MOST_VERTICES = 600
CSV_VERTICES = 50_000
PICTURED = 3
"""Up to so many species the picture of all detectors is a file for each; beyond for the worst only."""

Curves = Mapping[tuple[str, str | None], ErrorCurve | None]
"""Detector and species, or None for the worst, to curve."""


def rates_of(shown: Shown) -> Rates:
    """What the two errors of a DET are called.

    Args:
        shown: whose.
    """
    words = shown.words
    return Rates(
        words.bona_fide_error, words.attack_error, words.bona_fide_error_title, words.attack_error_title,
        "shaded: fewer than 30 bona fide errors",
    )  # fmt: skip


def curves(shown: Shown, anchor: str, outlet: Outlet) -> list[Block]:
    """One picture of all detectors, with a variant for each species; and one of each detector, a line a species.

    Args:
        shown: whose.
        anchor: what ids of the pictures begin with.
        outlet: takes the pictures, and the curves as CSV files.
    """
    blocks: list[Block] = []
    known = {(one.series.label, name): one.curve(name) for one in shown.detectors for name in (None, *one.species)}
    if len(shown.detectors) > 1 and (found := _together(shown, known, anchor, outlet)):
        blocks.append(found)
    if len(shown.detectors) == 1 or shown.several:
        each: list[Block] = []
        for place, one in enumerate(shown.detectors):
            if chart := _alone(shown, one, known, f"{anchor}-det-{place}", outlet):
                each += [Words(one.series.label, "lead"), chart] if len(shown.detectors) > 1 else [chart]
        folded = len(shown.detectors) > 1 and bool(blocks)
        blocks += [Folded("Each detector by itself, one line a species", each)] if folded and each else each
    if not blocks:
        return []
    files = [
        (f"CSV: {one.series.label}", outlet.csv(frame, "detection_curve", shown.group.title, one.series.label))
        for one in shown.detectors
        if len(frame := curves_frame(one, {name: known[one.series.label, name] for name in (None, *one.species)}))
    ]
    return [Words(_reading(shown)), *blocks, Links(tuple(files))]


def _reading(shown: Shown) -> str:
    words = shown.words
    text = (
        f"Both errors against each other: lower and further left is better, and a curve\u2019s D-EER is where it "
        f"crosses the dotted diagonal. Dots are the thresholds at which the {words.attack_error} is as high as was "
        "asked for; their bars are 95\u202f% intervals over people, hollow dots are weak."
    )
    if shown.carried:
        text += " A cross is a threshold that was set elsewhere and is held: its bars are the intervals of both errors."
    return text


def _together(shown: Shown, curves: Curves, anchor: str, outlet: Outlet) -> Chart | None:
    rates, title = rates_of(shown), shown.group.title
    variants, files = [], []
    for name in (None, *shown.species) if shown.several else shown.species[:1]:
        drawn = [
            _drawn(shown, one, curve, one.series.label, name, outlet)
            for one in shown.detectors
            if (curve := curves.get((one.series.label, name))) is not None
        ]
        if not drawn:
            continue
        called = name or WORST
        variants += [det.variant(drawn, "probit", called[:1].upper() + called[1:] if name is None else called, rates)]
        if name is None or len(shown.species) <= PICTURED:
            picture = det.draw(drawn, f"DET, {title}, {called}", "probit", rates)
            links = outlet.picture(picture, "detection_det", title, called)
            files += [(f"{kind}: {called}", target) for kind, target in links]
        outlet.tell()
    if not variants:
        return None
    labels = [one.series.label for one in shown.detectors]
    return Chart(
        id=f"{anchor}-det",
        spec={"variants": variants},
        alt=f"Detection error trade-off of {numbers.listed(labels)} on {title}: {rates.fnmr} over {rates.fmr}; the "
        "values stand in the tables.",
        caption="One line a detector; the buttons choose the species. Click a name to hide it.",
        files=tuple(files),
        legend=[(label, outlet.looks[label]) for label in labels],
    )


def _alone(
    shown: Shown,
    one: Detected,
    curves: Curves,
    anchor: str,
    outlet: Outlet,
) -> Chart | None:
    rates, title, label = rates_of(shown), shown.group.title, one.series.label
    drawn = [
        _drawn(shown, one, curve, name, name, outlet)
        for name in one.species
        if (curve := curves.get((label, name))) is not None
    ]
    if not drawn:
        return None
    files: Files = ()
    for scale in det.SCALES:
        picture = det.draw(drawn, f"DET of {label}, {title}", scale, rates)
        links = outlet.picture(picture, "detection_det", scale, title, label)
        files = (*files, *((f"{kind}: {scale}", target) for kind, target in links))
    outlet.tell()
    return Chart(
        id=anchor,
        spec=det.chart(drawn, rates),
        alt=f"Detection error trade-off of {label} on {title}, one line for each of "
        f"{numbers.listed(list(one.species))}: {rates.fnmr} over {rates.fmr}; the values stand in the tables.",
        caption="One line a species. Click a name to hide it." if len(drawn) > 1 else "",
        files=files,
        legend=[(each.label, each.look) for each in drawn],
    )


def _drawn(shown: Shown, one: Detected, curve: ErrorCurve, label: str, species: str | None, outlet: Outlet) -> Drawn:
    points = [point for point in (*shown.own, *shown.carried) if point.kind == ATTACK_ERROR]
    # Beyond the axes of a DET a point would be nothing but the end of its bars.
    marks = tuple(mark for mark in one.marks(points, species, shown.words) if max(mark.fmr, mark.fnmr) < det.FARTHEST)
    return Drawn(label, outlet.looks[label], thin(curve, MOST_VERTICES), marks)


def scores(shown: Shown, anchor: str, outlet: Outlet) -> list[Block]:
    """For each detector a histogram of every species over that of the bona fide samples; arguments as `curves`."""
    blocks: list[Block] = []
    for place, one in enumerate(shown.detectors):
        bona_fide = one.responses(None)
        attacks = [(name, outlet.looks[name], one.responses(name)) for name in one.species]
        attacks = [each for each in attacks if each[2].size]
        if attacks and bona_fide.size:
            piles = attack_scores.piles_of(bona_fide, attacks)
            blocks.append(_scores_chart(shown, one, piles, f"{anchor}-s{place}", outlet))
        outlet.tell()
    return blocks


def _scores_chart(
    shown: Shown, one: Detected, piles: Sequence[attack_scores.Pile], anchor: str, outlet: Outlet
) -> Chart:
    label, title = one.series.label, shown.group.title
    lines = one.lines(shown.drawn, shown.words)
    caption = (
        f"In grey the {numbers.plural(piles[0].shares.nonmated_count, 'bona fide sample')}, in colour one species of "
        "attack after the other, each adding up to 100\u202f%. The less they overlap the better."
    )
    if lines:
        dotted = ", dotted where it is weak" if any(line.weak for line in lines) else ""
        caption += f" Vertical lines are thresholds: what is to the right is classified as an attack{dotted}."
    return Chart(
        id=anchor,
        spec=attack_scores.chart(piles, lines),
        alt=f"Histograms of the attack scores of {label} on {title}: bona fide samples against each of "
        f"{numbers.listed([pile.name for pile in piles])}, with thresholds.",
        caption=caption,
        files=outlet.picture(attack_scores.draw(piles, label, lines), "attack_scores", title, label),
        heading=label,
        look=outlet.looks[label],
    )


def curves_frame(one: Detected, curves: Mapping[str | None, ErrorCurve | None]) -> pd.DataFrame:
    """The curves of a detector as a table: one row a species and threshold; the worst species as ``"worst species"``.

    Args:
        one: the detector.
        curves: species, or None for the worst, to its curve.
    """
    parts = []
    for name, whole in curves.items():
        if whole is not None and (name is not None or len(one.species) > 1):
            curve = thin(whole, CSV_VERTICES)
            parts.append(
                pd.DataFrame(
                    {
                        "species": name or WORST,
                        "threshold": curve.thresholds,
                        "attack_error_rate": curve.fnmr,
                        "bona_fide_error_rate": curve.fmr,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
