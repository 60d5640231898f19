"""Impersonation risk: whom faces that nobody has could be taken for, in a gallery of N enrolled people.

Task: search with M made faces, none of whose contributors is enrolled, and with C photos of real people who are not
enrolled either, the *cohort*. Whoever a search returns is a mistake; say how often, whom it hits, and whether made
faces do it more than real strangers.

Conventions
-----------
- Maxima are as in `galleries`; those below the lowest threshold need not be there. A probe matches person e at
  threshold t if its highest score with any photo of e is at least t; it impersonates if it matches anybody. A probe
  that was not acquired matches nobody, and counts.
- ``fpir=a`` is the smallest float32 that at most k = floor(a·C) photos of the cohort reach with anybody
  (`identification.threshold_at_searches`): the FPIR of *this* gallery. Other operating points are 1:1 thresholds set
  elsewhere: at those even real strangers are returned, the more of them the larger the gallery.
- The rate of made faces is their FPIR_S(N, t); *excess* is that minus the cohort's. Against the cohort, since it says
  what a real stranger would do there; beside it, where they are given, stand the very photos that faces were made of,
  face by face: they say whether contributors were like the enrolled to begin with.
- c_s is how many people probe s matches. Exposure is the mean of c_s / N over probes: the share of all comparisons that
  match. What grows with the number of probes (the best probe, who is hit at all) is compared at one number of probes:
  m = min(M, C), of the larger set the expectation over all choices of m.
- Similarities at rank 1, and the area (how often a made face's is above a real one's, ties half), are of the probes
  that were acquired.
- Support: a figure is as weak as its threshold, or where it rests on fewer than 30 matches.

Intervals hold the gallery and the threshold fixed: they are about other faces and other strangers. At ``fpir=a`` that
of the excess knows how uncertain the threshold is, since the cohort's own rate there is. Who is hit at all has one over
people enrolled, with these probes; the best probe and the most exposed person are extremes, and have none.

Source: ISO/IEC 19795-1:2021 (FPIR); coverage of a master face: Shmelkin et al., FG 2021; the rest is ours.
docs/impersonation_risk.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from bench.errors import ShapeError
from bench.metrics.face_figures import FaceRow, figure_of
from bench.metrics.figure_rows.impersonation import ROWS
from bench.metrics.figures import figure
from bench.metrics.galleries import (
    GalleryThreshold,
    HighMaxima,
    check_maxima,
    difference_interval,
    gallery_thresholds,
    reached,
)
from bench.metrics.gallery_size import BEYOND, SizeRisk, chance_in_part, rate_by_size
from bench.metrics.identification import DEFAULT_FPIRS
from bench.metrics.intervals import Interval, IntervalMethod
from bench.metrics.kept_means import FaceMean, drawn_means
from bench.metrics.operating import Support, support_of
from bench.metrics.shares import Contributors, mean_interval, share_interval
from bench.metrics.verification import FigureValue
from bench.metrics.vulnerability import MeanKey

RATE, CLEAN, EXCESS = "impersonation_rate", "clean_impersonation_rate", "excess_impersonation_rate"
OF_FACES = "faces "
"""Stands before the name of a group of faces, which is thus no group of the people enrolled."""
_BY_PROBES = ("clean_worst_probe_coverage", "clean_exposed_people_rate")
"""What depends of the cohort on how many faces there are."""
Draws = dict[MeanKey, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class GalleryScores:
    """Made faces and real strangers, searched for in one gallery of N people.

    Attributes:
        maxima: of made faces.
        contributors: whose faces they are.
        real: of the cohort's photos, C of them; C may be 0.
        real_people: of the cohort, one person a photo.
        photos: float32 (M, K), the highest score of the very photos that each face was made of with anybody, -inf where
            one was not acquired; None where faces are not made of photos.

    Raises:
        ShapeError: arrays that do not fit each other, NaN or +inf.
    """

    maxima: HighMaxima
    contributors: Contributors
    real: HighMaxima
    real_people: Contributors
    photos: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        for what, maxima, probes in (
            ("made faces", self.maxima, self.contributors),
            ("the cohort", self.real, self.real_people),
        ):
            if len(maxima) != len(probes):
                raise ShapeError(f"got maxima of {len(maxima)} probes for {len(probes)} of {what}; expected as many")
        if self.real.people != self.enrolled or self.real_people.people.shape[1] != 1:
            raise ShapeError(
                f"got a cohort with {self.real.people} people enrolled, of {self.real_people.people.shape[1]} people a "
                f"photo; expected {self.enrolled} and one"
            )
        if self.photos is not None:
            if self.photos.ndim != 2 or len(self.photos) != len(self.maxima):
                raise ShapeError(f"got photos {self.photos.shape}; expected ({len(self.maxima)}, K)")
            check_maxima(self.photos, len(self.contributors), "photos")

    @property
    def enrolled(self) -> int:
        """N, how many people are enrolled."""
        return self.maxima.people

    def select(self, faces: NDArray[np.bool_]) -> GalleryScores:
        """Those of some made faces, with the same cohort and the same codes of contributors.

        Args:
            faces: bool (M,), which.
        """
        photos = None if self.photos is None else self.photos[faces]
        return replace(
            self, maxima=self.maxima.select(faces), contributors=self.contributors.select(faces), photos=photos
        )


def assess_impersonation(
    scores: GalleryScores,
    thresholds: Sequence[GalleryThreshold] = (),
    fpirs: Sequence[float] = DEFAULT_FPIRS,
    kept: NDArray[np.bool_] | None = None,
    kept_real: NDArray[np.bool_] | None = None,
    enrolled_groups: Mapping[str, NDArray[np.bool_]] | None = None,
    group: str | None = None,
) -> tuple[list[FigureValue], Draws]:
    """All figures of impersonation risk, with intervals.

    Args:
        scores: of M made faces and C photos of the cohort.
        thresholds: 1:1 thresholds that were set elsewhere.
        fpirs: rates to set thresholds at for this gallery, on the cohort.
        kept: bool (B, P), which contributors are kept in each draw; None or B of 0 for no draws.
        kept_real: bool (B, Q), which people of the cohort are; None to hold the cohort fixed. Draws of a difference
            pair row with row, so somebody who is on both sides should be kept on both or on neither.
        enrolled_groups: name to bool (N,), who of the enrolled is in a group; `exposure_mean` is given for each.
        group: of made faces, of which `scores` has only those (`GalleryScores.select`); figures are filed under it, and
            those of the cohort alone are left out, but for what is compared at one number of probes.

    Returns:
        Figures without operating point, then those of one operating point after the other, in the order of
        `figures.FIGURES`; and each mean on every draw, with thresholds and gallery as they are. A figure without a
        threshold has value None and is ``"insufficient"``. Nothing where there is no face.

    Raises:
        ConfigError: a rate outside (0, 1].
        ShapeError: draws or groups that do not fit.
    """
    if not len(scores.maxima):
        return [], {}
    for name, members in (enrolled_groups or {}).items():
        if members.dtype != np.bool_ or members.shape != (scores.enrolled,) or not members.any():
            raise ShapeError(
                f"got group {name!r} of {members.dtype} {members.shape}; expected bool ({scores.enrolled},)"
            )
    if kept is not None and kept_real is not None and len(kept) != len(kept_real):
        raise ShapeError(f"got {len(kept)} draws of contributors and {len(kept_real)} of the cohort; expected as many")
    values, drawn = _similarities(scores, kept, kept_real)
    for point in [*gallery_thresholds([scores.real.best], fpirs), *thresholds]:
        found = _AtPoint(scores, point, enrolled_groups or {})
        values += found.figures()
        drawn |= found.draws(kept, kept_real)
    if group is None:
        return values, drawn
    ours = [
        one for one in values if one.group is None and (one.figure in _BY_PROBES or not one.figure.startswith("clean_"))
    ]
    return (
        [replace(one, group=group) for one in ours if one.figure != "impersonation_threshold"],
        {
            (name, at, group): of
            for (name, at, old), of in drawn.items()
            if old is None and not name.startswith("clean_")
        },
    )


def risk_by_size(
    scores: GalleryScores,
    threshold: float,
    kept: NDArray[np.bool_],
    kept_real: NDArray[np.bool_],
    kept_enrolled: NDArray[np.bool_],
    sizes: Sequence[int] | None = None,
    beyond: Sequence[int] = BEYOND,
) -> dict[str, list[SizeRisk]]:
    """How the impersonation rate grows with the gallery, of made faces and of the cohort, at one threshold.

    Args:
        scores: of both.
        threshold: for all sizes.
        kept: bool (B, P), which contributors are kept in each draw; B of 0 for no extrapolated intervals.
        kept_real: bool (B, Q), which people of the cohort are.
        kept_enrolled: bool (B, N), which enrolled people are.
        sizes: n, from 1 to N; None for 1, 2, 5, 10, ... and N.
        beyond: multiples of N to extrapolate to.

    Returns:
        ``"made"`` and ``"real"``, the latter only where there is a cohort; as `gallery_size.rate_by_size`.
    """
    sides = {"made": (scores.maxima, scores.contributors, kept), "real": (scores.real, scores.real_people, kept_real)}
    return {
        name: rate_by_size(maxima.reached(threshold), probes, draws, kept_enrolled, sizes, beyond)
        for name, (maxima, probes, draws) in sides.items()
        if len(maxima)
    }


def expected_highest(values: NDArray[np.float64], part: int) -> float:
    """The expected highest of m values that are drawn without replacement from M.

    The i-th smallest is the highest of the part in C(i - 1, m - 1) of C(M, m) choices.

    Args:
        values: float64 (M,).
        part: m, from 1 to M.
    """
    ascending, rank = np.sort(values)[part - 1 :], np.arange(part, len(values) + 1, dtype=np.float64)
    logs = special.gammaln(rank) - special.gammaln(rank - part + 1)
    weights = np.exp(logs - logs[-1])
    return math.fsum((weights * ascending).tolist()) / math.fsum(weights.tolist())


class _AtPoint:
    """The figures at one threshold."""

    def __init__(self, scores: GalleryScores, point: GalleryThreshold, groups: Mapping[str, NDArray[np.bool_]]) -> None:
        self.scores, self.point = scores, point
        threshold = math.inf if point.threshold is None else point.threshold
        self.hits, self.real_hits = scores.maxima.reached(threshold), scores.real.reached(threshold)
        self.made = [*self._rows("", self.hits), *self._of_photos(threshold), *self._of_groups(groups)]
        self.real = list(self._rows("clean_", self.real_hits)) if len(scores.real) else []

    def figures(self) -> list[FigureValue]:
        """All of them, in the table's order."""
        point, support = self.point.name, self.point.support
        sides = ((self.made, self.scores.contributors), (self.real, self.scores.real_people))
        values = [figure_of(row, whose, point, support) for rows, whose in sides for row in rows]
        values += [*self._threshold(), *self._excess(values), *self._extremes(), *self._exposed()]
        order = [row.name for row in ROWS]
        values.sort(key=lambda one: order.index(one.figure))
        if self.point.threshold is not None:
            return values
        return [replace(one, value=None, low=None, high=None, support="insufficient", interval=None) for one in values]

    def draws(self, kept: NDArray[np.bool_] | None, kept_real: NDArray[np.bool_] | None) -> Draws:
        """The means on every draw."""
        if kept is None or not len(kept) or self.point.threshold is None:
            return {}
        name = self.point.name
        drawn: Draws = drawn_means({(r.name, name, r.group): r.mean for r in self.made}, self.scores.contributors, kept)
        if not self.real:
            return drawn
        clean: NDArray[np.float64] | float = float(np.mean(self.real_hits.sum(axis=1) > 0))
        if kept_real is not None:
            means: dict[MeanKey, FaceMean] = {(row.name, name, None): row.mean for row in self.real}
            drawn |= drawn_means(means, self.scores.real_people, kept_real)
            clean = drawn[CLEAN, name, None]
        drawn[EXCESS, name, None] = drawn[RATE, name, None] - clean
        return drawn

    def _rows(self, prefix: str, hits: sparse.csr_array) -> Iterator[FaceRow]:
        one = np.ones(hits.shape[0], np.int64)
        found = np.asarray(hits.sum(axis=1) > 0, np.float64)
        yield FaceRow(f"{prefix}impersonation_rate", None, FaceMean.of_known(found), one)
        yield _exposure(f"{prefix}exposure_mean", None, hits)

    def _of_photos(self, threshold: float) -> Iterator[FaceRow]:
        if self.scores.photos is None:
            return
        photos = reached(self.scores.photos, threshold)
        shares: NDArray[np.float64] = np.count_nonzero(photos, axis=1) / photos.shape[1]
        of = np.full(len(photos), photos.shape[1], np.int64)
        yield FaceRow("photo_impersonation_rate", None, FaceMean.of_known(shares), of)
        apart = FaceMean.of_known((self.hits.sum(axis=1) > 0) - shares)
        yield FaceRow("excess_photo_impersonation_rate", None, apart, None)

    def _of_groups(self, groups: Mapping[str, NDArray[np.bool_]]) -> Iterator[FaceRow]:
        for name, members in groups.items():
            yield _exposure("exposure_mean", name, self.hits[:, members])

    def _threshold(self) -> Iterator[FigureValue]:
        if self.point.searches:
            name, of = figure("impersonation_threshold").name, self.point.searches
            yield FigureValue(name, self.point.name, self.point.threshold, None, None, of, self.point.support)

    def _excess(self, values: Sequence[FigureValue]) -> Iterator[FigureValue]:
        """The rate of made faces minus the cohort's."""
        rates = [one for one in values if one.figure in (RATE, CLEAN)]
        if len(rates) != 2:
            return
        made, real = rates
        interval = _combined(made, real, bounds=(-1.0, 1.0))
        low, high, method = interval or (None, None, None)
        support: Support = "ok" if made.support == real.support == "ok" else "weak"
        value = None if made.value is None or real.value is None else made.value - real.value
        yield FigureValue(EXCESS, self.point.name, value, low, high, made.n, support, method)

    def _extremes(self) -> Iterator[FigureValue]:
        """The best probe, at as many probes of either kind, and the most exposed person."""
        number = self._probes
        for name, hits in self._kinds("worst_probe_coverage"):
            value = expected_highest(hits.sum(axis=1).astype(np.float64), number)
            yield self._share(name, value / self.scores.enrolled, number, value)
        exposed, faces = int(self.hits.sum(axis=0).max()), len(self.scores.maxima)
        yield self._share("exposure_highest", exposed / faces, faces, exposed)

    def _exposed(self) -> Iterator[FigureValue]:
        """Who is hit at all, at as many probes of either kind; the interval is over people enrolled."""
        everybody = Contributors(np.arange(self.scores.enrolled, dtype=np.int32)[:, np.newaxis], self.scores.enrolled)
        for name, hits in self._kinds("exposed_people_rate"):
            chance = chance_in_part(hits.sum(axis=0), hits.shape[0], self._probes)
            people = math.fsum(chance.tolist())
            value = self._share(name, people / self.scores.enrolled, self.scores.enrolled, people)
            low, high, method = share_interval(chance, everybody)
            yield replace(value, low=low, high=high, interval=method)

    @property
    def _probes(self) -> int:
        """How many probes of either kind are compared."""
        return min(len(self.scores.maxima), len(self.scores.real)) or len(self.scores.maxima)

    def _kinds(self, name: str) -> Iterator[tuple[str, sparse.csr_array]]:
        yield name, self.hits
        if len(self.scores.real):
            yield f"clean_{name}", self.real_hits

    def _share(self, name: str, value: float, n: int, errors: float) -> FigureValue:
        support = support_of(errors) if self.point.support == "ok" else self.point.support
        return FigureValue(figure(name).name, self.point.name, value, None, None, n, support)


def _exposure(name: str, group: str | None, hits: sparse.csr_array) -> FaceRow:
    """The mean over probes of the share of people that they match; its support counts matches."""
    probes, people = hits.shape
    shares = hits.sum(axis=1) / people
    return FaceRow(name, group, FaceMean.of_known(shares), np.full(probes, people, np.int64), people)


def _similarities(
    scores: GalleryScores, kept: NDArray[np.bool_] | None, kept_real: NDArray[np.bool_] | None
) -> tuple[list[FigureValue], Draws]:
    """The figures without operating point, of the probes that were acquired."""
    made, real = scores.maxima.best.astype(np.float64), scores.real.best.astype(np.float64)
    made[np.isneginf(made)] = real[np.isneginf(real)] = np.nan
    names = "rank_one_similarity_mean", "clean_rank_one_similarity_mean", "excess_rank_one_similarity_mean"
    sides = ((names[0], made, scores.contributors, kept), (names[1], real, scores.real_people, kept_real))
    values, drawn = [_mean(name, of, whose) for name, of, whose, _ in sides if not np.isnan(of).all()], Draws()
    for name, of, whose, draws in sides:
        if draws is not None and len(draws):
            drawn |= drawn_means({(name, None, None): FaceMean.of_known(of)}, whose, draws)
    if len(values) < len(sides):
        return values, drawn
    means = [float(one.value) for one in values if one.value is not None]
    low, high, method = _combined(*values, bounds=(-math.inf, math.inf)) or (None, None, None)
    support = support_of(min(one.n for one in values))
    area = _Area(made, scores.contributors, real, scores.real_people)
    values += [
        FigureValue(figure(names[2]).name, None, means[0] - means[1], low, high, values[0].n, support, method),
        area.figure(support),
    ]
    if kept is not None and len(kept):
        clean = drawn[names[1], None, None] if kept_real is not None else means[1]
        drawn[names[2], None, None] = drawn[names[0], None, None] - clean
        drawn["rank_one_auc", None, None] = area.draws(kept, kept_real)
    return values, drawn


class _Area:
    """How often a made face's similarity at rank 1 is above that of a real stranger, ties counted half.

    It is the mean over faces of the share of strangers below them, and the mean over strangers of the share of faces
    above: its variance is the sum of those of the two means.
    """

    def __init__(
        self,
        made: NDArray[np.float64],
        contributors: Contributors,
        real: NDArray[np.float64],
        people: Contributors,
    ) -> None:
        self.faces, self.strangers = _below(made, real), 1 - _below(real, made)
        self.contributors, self.people = contributors, people

    def figure(self, support: Support) -> FigureValue:
        """The area, with an interval put together from those of its two means."""
        sides = ((self.faces, self.contributors), (self.strangers, self.people))
        known = [(of[~np.isnan(of)], whose.select(~np.isnan(of))) for of, whose in sides]
        faces, strangers = (len(of) for of, _ in known)
        value = math.fsum(known[0][0].tolist()) / faces
        first, second = (share_interval(of, whose, attempts=faces * strangers) for of, whose in known)
        low = max(value - math.hypot(value - first.low, value - second.low), 0.0)
        high = min(value + math.hypot(first.high - value, second.high - value), 1.0)
        method = "exact" if "exact" in (first.method, second.method) else first.method
        return FigureValue("rank_one_auc", None, value, low, high, faces, support, method)

    def draws(self, kept: NDArray[np.bool_], kept_real: NDArray[np.bool_] | None) -> NDArray[np.float64]:
        """The area on every draw, to the first order: what faces and strangers each add to it."""
        key: MeanKey = "rank_one_auc", None, None
        drawn = drawn_means({key: FaceMean.of_known(self.faces)}, self.contributors, kept)[key]
        if kept_real is None:
            return drawn
        of_real = drawn_means({key: FaceMean.of_known(self.strangers)}, self.people, kept_real)[key]
        return drawn + of_real - float(np.nanmean(self.strangers))


def _below(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of the known others that each known value is above, half of those it equals; NaN elsewhere."""
    ascending = np.sort(others[~np.isnan(others)])
    twice = sum(np.searchsorted(ascending, values, side).astype(np.float64) for side in ("left", "right"))
    return np.where(np.isnan(values), np.nan, twice / max(2 * len(ascending), 1))


def _mean(name: str, of: NDArray[np.float64], whose: Contributors) -> FigureValue:
    """Over the probes that have a value, at least one."""
    there = ~np.isnan(of)
    n = int(np.count_nonzero(there))
    low, high, method = mean_interval(of[there], whose.select(there)) or (None, None, None)
    return FigureValue(figure(name).name, None, math.fsum(of[there].tolist()) / n, low, high, n, support_of(n), method)


def _combined(first: FigureValue, second: FigureValue, *, bounds: tuple[float, float]) -> Interval | None:
    """The interval of a difference; None where either figure has none."""
    known = []
    for one in (first, second):
        if one.value is None or one.low is None or one.high is None:
            return None
        known.append((one.value, Interval(one.low, one.high, cast(IntervalMethod, one.interval))))
    return difference_interval(*known[0], *known[1], bounds)
