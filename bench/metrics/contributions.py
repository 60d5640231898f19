"""Whom mixed faces match by what was taken of whom: by region, by share of the pixels, and on average.

A face of K contributors has a share s_kr of its pixels for each contributor k and region r, which add up to 1
(`bench.api.MixingMaker`), and of contributor k's P_k references m_k match. With h_k = m_k / P_k:

- a region, or a group of regions, is *given* by the contributor with the largest share of it, the first of those with
  equal ones; a face shows it where its share, of all contributors, reaches `LEAST`. Given: the mean of the giver's h;
  not given: that of the mean h of the other K - 1;
- gain: the mean over givers of h minus the mean h of those who did not give the region but gave as many other `PARTS`;
- by share: contributors are sorted into `BINS` by their share of the pixels that are not background; a bin's rate is
  Σ h / how many there are of them, over all made faces.

Parts compete. In random mixes every contributor gives at least one, so who gave this one gave fewer others: a region
that does nothing has a given rate *below* the not given one, the more so the more contributors there are. The gain
compares equals and is 0 for such a region where parts are drawn alike. It still says what goes with matching: whoever
gave the nose shaped the face in which it lies, too.

Source: ours.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.attempts import Attempts, Tally
from bench.metrics.face_figures import FaceRow, figure_of
from bench.metrics.figures import figure
from bench.metrics.kept_means import FaceMean, drawn_means
from bench.metrics.operating import Support, support_of
from bench.metrics.shares import mean_interval
from bench.metrics.verification import FigureValue
from bench.metrics.vulnerability import MeanKey, contributor_name
from bench.regions import CLASSES, GROUPS

LEAST: Final = 1e-4
"""The least share of a face's pixels that is a region: about six of 256 times 256."""

EDGES: Final = (0.0, 0.1, 0.25, 0.5, 1.0)
BINS: Final = tuple(f"{100 * low:g}-{100 * high:g} %" for low, high in itertools.pairwise(EDGES))
"""Shares of a face's pixels: ``"0-10 %"``, ..., ``"50-100 %"``; the lower end belongs to a bin, the upper one only to
the last."""

REGIONS: Final[Mapping[str, tuple[int, ...]]] = {
    **{name: (number,) for number, name in enumerate(CLASSES)},
    **{name: tuple(sorted(classes)) for name, classes in GROUPS.items() if name not in CLASSES},
}
"""Name to classes: the 19 classes, then groups that are more than one of them. ``skin`` is that class alone."""

PARTS: Final[tuple[tuple[int, ...], ...]] = tuple(
    tuple(CLASSES.index(name) for name in names.split())
    for names in (
        "background", "skin", "nose", "glasses left_eye right_eye", "left_brow right_brow",
        "left_ear right_ear earring", "inner_mouth upper_lip lower_lip", "hair hat", "necklace neck", "cloth",
    )
)  # fmt: skip
"""Classes that change hands together, as MixSyn's do; a partition of all. A contributor's parts are counted by them."""

FEWEST: Final = 5
"""So many contributors must have given as much else, or nobody is compared with them."""

_BACKGROUND = CLASSES.index("background")
_ROUNDING = 1e-9
Drawn = dict[MeanKey, NDArray[np.float64]]


def assess_contributions(
    attempts: Attempts, shares: NDArray[np.float32], kept: NDArray[np.bool_]
) -> tuple[list[FigureValue], Drawn]:
    """How much each contributor gave: the figures without operating point.

    Args:
        attempts: of one maker and one recognizer, M faces of K contributors.
        shares: float32 (M, K, 19), of each face's pixels; NaN where the face was not made.
        kept: bool (B, P), who is kept in each draw; B of 0 for no draws.

    Returns:
        A figure for each contributor, and each on every draw; nothing for faces of one contributor, who gave all.

    Raises:
        ShapeError: shares of another shape, or outside of [0, 1], or that do not add up to 1.
    """
    _check(attempts, shares)
    if attempts.people.shape[1] < 2:
        return [], {}
    row = figure("contribution_share_mean").name
    values: list[FigureValue] = []
    means: dict[MeanKey, FaceMean] = {}
    for place, of_faces in enumerate(_of_person(shares).T, start=1):
        known = ~np.isnan(of_faces)
        n, group = int(np.count_nonzero(known)), contributor_name(place)
        if not n:
            values.append(FigureValue(row, None, None, None, None, 0, "insufficient", None, group))
            continue  # no face was made
        interval = mean_interval(of_faces[known], attempts.contributors.select(known), (0.0, 1.0))
        low, high, method = interval or (None, None, None)
        mean = math.fsum(of_faces[known].tolist()) / n
        values.append(FigureValue(row, None, mean, low, high, n, support_of(n), method, group))
        means[row, None, group] = FaceMean.of_known(of_faces)
    return values, drawn_means(means, attempts.contributors, kept) if len(kept) else {}


def assess_taken(
    attempts: Attempts,
    shares: NDArray[np.float32],
    point: str,
    threshold: float | None,
    support: Support,
    kept: NDArray[np.bool_],
) -> tuple[list[FigureValue], Drawn]:
    """Whom faces match by what was taken of whom, at one threshold.

    Args:
        attempts: of one maker and one recognizer, M faces of K contributors.
        shares: float32 (M, K, 19), of each face's pixels; NaN where the face was not made.
        point: the operating point's name.
        threshold: accept if and only if score >= threshold; None for none, and then every figure is there with value
            None and support ``"insufficient"``.
        support: of the threshold: a figure is no better supported than it, nor than its own rarer outcome, counted in
            pairs of a face and a contributor (of a gain: in faces).
        kept: bool (B, P), who is kept in each draw; B of 0 for no draws.

    Returns:
        The figures, those of regions that no face shows and of bins that nobody is in left out, and each on every draw;
        nothing for faces of one contributor. `n` counts faces.

    Raises:
        ShapeError: shares of another shape, or outside of [0, 1], or that do not add up to 1.
    """
    _check(attempts, shares)
    if attempts.people.shape[1] < 2:
        return [], {}
    tally = Tally.of(attempts.scores, attempts.planned, math.nan if threshold is None else threshold)
    rows = list(_rows(tally, shares))
    values = [figure_of(row, attempts.contributors, point, support) for row in rows]
    if threshold is None:
        nothing = {"value": None, "low": None, "high": None, "support": "insufficient", "interval": None}
        return [replace(one, **nothing) for one in values], {}  # type: ignore[arg-type]
    means: dict[MeanKey, FaceMean] = {(row.name, point, row.group): row.mean for row in rows}
    return values, drawn_means(means, attempts.contributors, kept) if len(kept) else {}


def _rows(tally: Tally, shares: NDArray[np.float32]) -> Iterator[FaceRow]:
    """What each figure is a mean of."""
    match = tally.matched / tally.planned
    every = {name: _givers(shares, list(classes)) for name, classes in REGIONS.items()}
    givers = {name: given for name, given in every.items() if given.any()}
    for name, given in givers.items():
        yield FaceRow.of_pairs("given_match_rate", name, tally, given)
    for name, given in givers.items():
        yield FaceRow.of_pairs("not_given_match_rate", name, tally, _others(given))
    parts = np.stack([_givers(shares, list(classes)) for classes in PARTS])
    for name, given in givers.items():
        apart = [set(classes).isdisjoint(REGIONS[name]) for classes in PARTS]
        gain = gain_among_equals(match, given, parts[apart].sum(axis=0))
        yield FaceRow("given_match_rate_gain", name, FaceMean.of_known(gain), None)
    of_person = _of_person(shares)
    for place, name in enumerate(BINS):
        last = place == len(BINS) - 1
        below = of_person <= 1 + _ROUNDING if last else of_person < EDGES[place + 1]
        inside = (of_person >= EDGES[place]) & below  # NaN is in none
        if inside.any():
            yield FaceRow.of_pairs("share_taken_match_rate", name, tally, inside)


def gain_among_equals(
    match: NDArray[np.float64], given: NDArray[np.bool_], others: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How much more often contributors match who gave a region than those who gave as much else, face by face.

    The mean over faces is Σ (h - h̄_b) over givers by their number, with h̄_b the mean h of all contributors who did not
    give it to a face that shows it and gave as many other parts, b. Each face's value has the share in it that its own
    contributors have in these means, so that the spread of the values is the linearised one of that mean.

    Args:
        match: float64 (M, K), h.
        given: bool (M, K), who gave the region: one of each face, or nobody.
        others: int64 (M, K), how many other parts each contributor gave.

    Returns:
        float64 (M,); NaN where nobody gave the region, or fewer than `FEWEST` gave as much else and not the region.
    """
    size = int(others.max(initial=0)) + 1
    known: NDArray[np.bool_] = np.logical_or.reduce(given, axis=1)
    while True:
        gave, beside = given & known[:, None], ~given & known[:, None]
        enough = np.bincount(others[beside], minlength=size) >= FEWEST
        fewer: NDArray[np.bool_] = np.logical_and(known, (gave & enough[others]).any(axis=1))
        if (fewer == known).all():
            break
        known = fewer  # who contributed to the others is no longer there to be compared with either
    there = np.maximum(np.bincount(others[beside], minlength=size), 1)
    away = match - (np.bincount(others[beside], match[beside], size) / there)[others]
    worth = (np.bincount(others[gave], minlength=size) / there)[others]
    return np.where(known, (away * gave).sum(axis=1) - (worth * away * beside).sum(axis=1), np.nan)


def _givers(shares: NDArray[np.float32], classes: list[int]) -> NDArray[np.bool_]:
    """Who gave some classes of each face, bool (M, K): one contributor, or nobody where it does not show them."""
    known = np.nan_to_num(shares[:, :, classes].astype(np.float64).sum(axis=2))
    given = np.zeros(known.shape, np.bool_)
    given[np.arange(len(known)), known.argmax(axis=1)] = known.sum(axis=1) >= LEAST
    return given


def _others(given: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Who did not give, of the faces of which somebody gave."""
    return ~given & given.any(axis=1, keepdims=True)


def _of_person(shares: NDArray[np.float32]) -> NDArray[np.float64]:
    """The share of each contributor of the pixels that are not background, float64 (M, K); NaN where there are none."""
    wide = shares.astype(np.float64)
    of_person = np.delete(wide, _BACKGROUND, axis=2).sum(axis=2)
    whole = of_person.sum(axis=1, keepdims=True)
    enough = whole >= LEAST  # NaN is not
    return np.where(enough, of_person / np.where(enough, whole, 1.0), np.nan)


def _check(attempts: Attempts, shares: NDArray[np.float32]) -> None:
    wanted = (*attempts.people.shape, len(CLASSES))
    if shares.shape != wanted or shares.dtype != np.float32:
        raise ShapeError(f"got shares {shares.dtype} {shares.shape}; expected float32 {wanted}")
    known = ~np.isnan(shares).any(axis=(1, 2))
    if not np.array_equal(known, ~np.isnan(shares).all(axis=(1, 2))) or not np.array_equal(known, attempts.made):
        raise ShapeError("got shares of other faces than those that were made; expected NaN in all of a face, or none")
    sums = shares[known].sum(axis=(1, 2), dtype=np.float64)
    if (shares < 0).any() or (shares > 1).any() or (np.abs(sums - 1) > 1e-2).any():
        raise ShapeError("got shares outside of [0, 1], or that do not add up to 1 for a face")
