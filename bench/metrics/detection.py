"""Everything the bench says about one detector of attacks, as figures in one stable order.

Task: from the attack scores of bona fide samples and of attacks of several species, say how often each is taken for the
other, at which threshold, and whether the data can carry the statement.

Conventions
-----------
- A score is higher for what is more likely an attack. A sample is classified as an attack if and only if
  ``score >= threshold``. So MACER or APCER of a species, ``attack_error_rate``, is |{a : a < t}| / |A|, and BSCER or
  BPCER, ``bona_fide_error_rate``, is |{b : b >= t}| / |B|.
- Both leave out samples without a response (their score is NaN), which the non-response rates count.
- ``"attack_error=0.05"`` of a species is the largest float32 threshold with an attack error of at most 5 %: with
  k = floor(0.05·A) its (k + 1)-th smallest score. Of all species it is the smallest of theirs.
- ``"bona_fide_error=0.05"`` is the smallest float32 with a bona fide error of at most 5 %.
- Neither is interpolated. k = 0: no threshold (``"insufficient"``); k < 30: ``"weak"``.
- A figure with a species at an operating point is at the threshold of that species, where it has one of its own.

docs/detection_metrics.md has the whole of it.

Source:
    ISO/IEC 30107-3:2023; ISO/IEC 20059:2025; NIST FATE MORPH.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import ConfigError, InsufficientData
from bench.metrics.costs import equal_error_threshold
from bench.metrics.detection_bootstrap import Draws, draws_at, own_draws
from bench.metrics.detection_figures import DetectionPoint, Judge
from bench.metrics.detection_samples import DetectionSamples
from bench.metrics.rates import error_tradeoff
from bench.metrics.separation import equal_error_rate
from bench.metrics.verification import FigureValue

__all__ = [
    "EQUAL_ERROR",
    "Assessed",
    "DetectionCurve",
    "DetectionPoint",
    "DetectionSamples",
    "assess_at",
    "assess_detection",
    "detection_error_curve",
    "error_point_name",
    "points_of",
]

EQUAL_ERROR = "eer"
"""The name of the threshold at the D-EER of the worst species."""


@dataclass(frozen=True, eq=False)
class Assessed:
    """Figures, and what the bootstrap drew.

    Attributes:
        values: the figures.
        draws: figure, operating point, group (always None) and species to float64 (B,), NaN where a draw has no value.
    """

    values: list[FigureValue]
    draws: Draws


class DetectionCurve(NamedTuple):
    """Both kinds of error at every threshold at which either changes: what a DET curve draws.

    Attributes:
        thresholds: float32 (T,), ascending: every distinct score, then +inf, at which nothing is called an attack.
        attack_error: float64 (T,), rises from 0 to 1.
        bona_fide_error: float64 (T,), falls from 1 to 0.
    """

    thresholds: NDArray[np.float32]
    attack_error: NDArray[np.float64]
    bona_fide_error: NDArray[np.float64]


def assess_detection(
    samples: DetectionSamples, rates: Sequence[float], kept: NDArray[np.bool_] | None = None
) -> Assessed:
    """All figures of one detector on one list of samples, at thresholds that the samples themselves set.

    Args:
        samples: N of them.
        rates: the error rates to set thresholds at, each in (0, 1]: of attack errors, then of bona fide errors.
        kept: bool (B, P), who is kept in each bootstrap draw; None for no draws, and then only figures at a given
            threshold, and those without errors, have an interval.

    Returns:
        The figures without operating point in the order of `figures.FIGURES`, then those of one operating point after
        the other; a figure of all species comes before that of each. A figure that the samples cannot support is there
        with value None and support ``"insufficient"``. Draws of every share that has a value without operating point,
        and of thresholds and error rates.

    Raises:
        ConfigError: a rate outside (0, 1].
        ShapeError: `kept` is not bool (B, P).
    """
    points = _own_points(rates)
    judge = Judge(samples, own_draws(samples, points, kept))
    values = [*judge.counts(), *judge.over_all_thresholds()]
    for name, error, rate in points:
        values += judge.at_attack_error(name, rate) if error == "attack_error" else judge.at_bona_fide_error(name, rate)
    return Assessed(values, judge.drawn_of(values))


def points_of(
    samples: DetectionSamples, rates: Sequence[float], kept: NDArray[np.bool_] | None = None
) -> list[DetectionPoint]:
    """The thresholds that these samples set, to be carried over to other people.

    Args:
        samples: N of them.
        rates: as for `assess_detection`.
        kept: bool (B, P), for the intervals of the thresholds; None for none.

    Returns:
        Those at each attack error (of all species), at each bona fide error, and ``"eer"``, the score at which the
        two errors of the worst species are nearest to each other, of equally near ones the highest.

    Raises:
        ConfigError: a rate outside (0, 1].
        ShapeError: `kept` is not bool (B, P).
    """
    own = _own_points(rates)
    judge = Judge(samples, own_draws(samples, own, kept))
    thresholds = [judge.own_threshold(*point) for point in own]
    points = [
        DetectionPoint(name, each.value, each.support, each.n, each.low, each.high)
        for (name, _, _), each in zip(own, thresholds, strict=True)
    ]
    worst = next(judge.over_all_thresholds())
    threshold = None
    if worst.value is not None:
        curves = [error_tradeoff(attack.scores, samples.bona_fide.scores) for attack in samples.attacks]
        # Of equally bad species the one with most samples, then the lowest threshold: whichever comes first is chance.
        hardest = max(curves, key=lambda curve: (equal_error_rate(curve), curve.mated, -equal_error_threshold(curve)))
        threshold = equal_error_threshold(hardest)
    return [*points, DetectionPoint(EQUAL_ERROR, threshold, worst.support, worst.n)]


def assess_at(
    samples: DetectionSamples, points: Sequence[DetectionPoint], kept: NDArray[np.bool_] | None = None
) -> Assessed:
    """The figures of one detector at thresholds that the samples had no part in.

    Args:
        samples: N of them.
        points: the thresholds; a figure is no better supported than its threshold.
        kept: bool (B, P), for the draws; intervals need none, since the thresholds are given.

    Returns:
        For each point threshold, attack_error_rate of each species, worst_attack_error_rate and bona_fide_error_rate.

    Raises:
        ShapeError: `kept` is not bool (B, P).
    """
    usable = [(point.name, point.threshold) for point in points if point.threshold is not None]
    judge = Judge(samples, draws_at(samples, usable, kept) if usable else {})
    values = [value for point in points for value in judge.at_point(point)]
    return Assessed(values, judge.drawn_of(values))


def detection_error_curve(samples: DetectionSamples, species: str | None = None) -> DetectionCurve:
    """Both errors at every threshold, for a DET plot.

    Args:
        samples: N of them.
        species: of which attacks; None for the worst at each threshold, so the largest attack error of any species.

    Returns:
        The curve, without interpolation and with no point left out.

    Raises:
        InsufficientData: no bona fide response, or none of a species.
        ConfigError: no such species.
    """
    if species is not None and species not in samples.names:
        raise ConfigError(f"got species {species!r}; expected one of {', '.join(samples.names)}")
    chosen = [kind for name, kind in zip(samples.names, samples.attacks, strict=True) if species in (None, name)]
    bona_fide = samples.bona_fide.scores
    if not chosen or not all(kind.responses for kind in chosen) or not bona_fide.size:
        raise InsufficientData("got a kind without a score; a curve needs bona fide samples and every species")
    levels = np.append(np.unique(np.concatenate([bona_fide, *(kind.scores for kind in chosen)])), np.float32(np.inf))
    errors = [np.searchsorted(kind.scores, levels) / kind.responses for kind in chosen]
    accepted = bona_fide.size - np.searchsorted(bona_fide, levels)
    return DetectionCurve(levels, np.max(errors, axis=0), accepted / bona_fide.size)


def error_point_name(error: str, rate: float) -> str:
    """What an operating point is called, without exponents: ``"attack_error=0.0001"``.

    Args:
        error: ``"attack_error"`` or ``"bona_fide_error"``.
        rate: in (0, 1].
    """
    return f"{error}={Decimal(repr(float(rate))).normalize():f}"


def _own_points(rates: Sequence[float]) -> list[tuple[str, str, float]]:
    for rate in rates:
        if not 0 < rate <= 1:
            raise ConfigError(f"got an error rate of {rate!r}; expected more than 0 and at most 1, such as 0.05")
    errors = ("attack_error", "bona_fide_error")
    return [(error_point_name(error, rate), error, rate) for error in errors for rate in rates]
