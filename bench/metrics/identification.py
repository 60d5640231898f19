"""Figures of identification: one photo, searched for in a gallery of N people (1:N).

Task: a gallery holds one photo each of N enrolled people. A *mate search* is made with another photo of one of them,
their mate in the gallery; a *non-mate search* with a photo of somebody who is not enrolled. From the score and rank of
each search's mate and the highest score of anybody else, say how often a search finds whom it should, how often it
returns somebody whom it should not, and at which threshold.

Conventions
-----------
- A score is a similarity; a candidate is returned if and only if ``score >= threshold``.
- The rank of a mate is 1 plus the number of other people in the gallery whose score is at least the mate's: the mate
  ranks behind everybody with an equal score (pessimistic), so a recognizer that gives everyone one score finds nobody.
- Closed set: CMC(R) = mate searches whose mate has rank R or better / mate searches. From R = N on it says nothing, as
  everybody is among N candidates: then it is ``"insufficient"``.
- Open set, at a threshold t: FPIR(t) = non-mate searches with a candidate >= t / non-mate searches; FNIR(t) = mate
  searches whose mate is below t, whatever its rank / mate searches (R = N, NIST's watch-list case), and with a rank R
  those whose mate is below t or ranks behind R. TPIR = 1 - FNIR; DIR(t) = TPIR at rank 1, the detection and
  identification rate. CMC(R) = TPIR at rank R and t = -inf.
- Failures to acquire are counted, as NIST does: somebody in whose gallery photo no face was found is not enrolled, and
  every search for them is a miss; a search in whose photo none was found is a miss of a mate search, and no false
  positive of a non-mate search. Figures called ``acquired_*`` leave out mate searches of which either photo failed.
- Threshold at FPIR a, with I non-mate searches and k = floor(a·I): the next float32 above the (k + 1)-th largest of
  their highest scores, the smallest float32 with FPIR <= a; failed searches count as scores below all others. Never
  interpolated; the achieved FPIR stands beside it. k is computed from the decimal that was typed.
- Support: at k = 0 the figures of an operating point are ``"insufficient"`` and have no value; with k < 30 they are
  ``"weak"``, and so is every figure with fewer than 30 errors of its own.
- Wrong input raises `ShapeError`; data that have no answer raise `InsufficientData` from the single functions, while
  `assess_identification` gives value None and ``"insufficient"`` instead.

Against others: ranks, CMC, DIR and FPIR are those of bob.measure's `cmc`, `detection_identification_rate` and
`false_alarm_rate` (which know no failures to acquire). On scores that are independent of each other FPIR is
1 - (1 - FMR)^N; real scores of one photo are not, and FPIR is then lower.

Source: ISO/IEC 19795-1:2021; Grother, Ngan and Hanaoka, NIST FRTE Part 2: Identification (NISTIR 8271).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.errors import ConfigError, InsufficientData, ShapeError
from bench.metrics.clusters import Clusters
from bench.metrics.figures import figure
from bench.metrics.operating import Support, allowed_false_matches, needed_nonmated, support_of
from bench.metrics.rates import ErrorCurve
from bench.metrics.scores import check_scores
from bench.metrics.verification import FigureValue, operating_point_name

DEFAULT_RANKS = (1, 5, 10, 20)
DEFAULT_FPIRS = (0.1, 0.01, 0.001)


@dataclass(frozen=True, eq=False)
class SearchResults:
    """What S searches in one gallery found.

    Attributes:
        enrolled: bool (S,), whether the person shown is to be in the gallery: a mate search, though enrolling may have
            failed.
        mate_score: float32 (S,), the score of the mate; NaN where there is none or either photo was not acquired.
        rank: int32 (S,), the rank of the mate from 1, behind equal scores; 0 where `mate_score` is NaN.
        best_nonmate: float32 (S,), the highest score of anybody else in the gallery; NaN where there is none.
        people: who each search shows, clusters of one person each.
        candidates: N, how many people the gallery really holds: enrolled and acquired.
    """

    enrolled: NDArray[np.bool_]
    mate_score: NDArray[np.float32]
    rank: NDArray[np.int32]
    best_nonmate: NDArray[np.float32]
    people: Clusters
    candidates: int

    def __post_init__(self) -> None:
        """Checks that the arrays fit each other."""
        check_scores(self.mate_score, "mate", failures=True)
        check_scores(self.best_nonmate, "best nonmate", failures=True)
        shape = self.mate_score.shape
        if self.enrolled.dtype != np.bool_ or self.rank.dtype != np.int32:
            raise ShapeError(f"got enrolled {self.enrolled.dtype}, rank {self.rank.dtype}; expected bool and int32")
        if {self.enrolled.shape, self.rank.shape, self.best_nonmate.shape, (len(self.people),)} != {shape}:
            raise ShapeError(f"got arrays of different lengths; expected one value each for {shape[0]} searches")
        found = ~np.isnan(self.mate_score)
        if (found & ~self.enrolled).any() or (found != (self.rank > 0)).any() or (self.rank > self.candidates).any():
            raise ShapeError(
                f"got mates of people who are not enrolled, or ranks that do not fit; expected ranks from 1 to "
                f"{self.candidates} where there is a mate's score, else 0"
            )

    @cached_property
    def mate_searches(self) -> int:
        """How many searches show somebody who is to be in the gallery."""
        return int(np.count_nonzero(self.enrolled))

    @cached_property
    def nonmate_searches(self) -> int:
        """I, how many show somebody else."""
        return self.enrolled.size - self.mate_searches

    @cached_property
    def acquired(self) -> NDArray[np.bool_]:
        """Bool (S,): the mate searches of which both photos were acquired."""
        return ~np.isnan(self.mate_score)

    def outside(self, rank: int) -> NDArray[np.bool_]:
        """Bool (S,): the mate searches whose mate is not among the `rank` highest scores, failures included."""
        outside: NDArray[np.bool_] = self.enrolled & ((self.rank == 0) | (self.rank > rank))
        return outside

    def missed(self, threshold: float, rank: int | None = None) -> NDArray[np.bool_]:
        """Bool (S,): the mate searches that do not return their mate at a threshold, failures included.

        Args:
            threshold: compared exactly, not rounded to float32 first.
            rank: how many candidates are looked at; None for all.
        """
        below: NDArray[np.bool_] = self.enrolled & ~(self.mate_score >= np.float64(threshold))
        return below if rank is None else below | self.outside(rank)

    def alarmed(self, threshold: float) -> NDArray[np.bool_]:
        """Bool (S,): the non-mate searches that return anybody at a threshold."""
        alarmed: NDArray[np.bool_] = ~self.enrolled & (self.best_nonmate >= np.float64(threshold))
        return alarmed


def cumulative_match_rate(results: SearchResults, rank: int) -> float:
    """CMC(R): the share of mate searches whose mate is among the R highest scores.

    Args:
        results: what the searches found.
        rank: R, at least 1.

    Raises:
        InsufficientData: no mate search.
    """
    _need(results.mate_searches, "mate")
    return 1 - int(np.count_nonzero(results.outside(rank))) / results.mate_searches


def false_negative_identification_rate(results: SearchResults, threshold: float, rank: int | None = None) -> float:
    """FNIR(N, R, t): the share of mate searches whose mate is below the threshold or not among the R highest scores.

    Args:
        results: what the searches found.
        threshold: a candidate is returned if and only if its score >= threshold.
        rank: R; None for N, so that the threshold alone decides.

    Raises:
        InsufficientData: no mate search.
    """
    _need(results.mate_searches, "mate")
    return int(np.count_nonzero(results.missed(threshold, rank))) / results.mate_searches


def detection_identification_rate(results: SearchResults, threshold: float) -> float:
    """DIR(t): the share of mate searches whose mate reaches the threshold and has rank 1.

    Raises:
        InsufficientData: no mate search.
    """
    return 1 - false_negative_identification_rate(results, threshold, rank=1)


def false_positive_identification_rate(results: SearchResults, threshold: float) -> float:
    """FPIR(t): the share of non-mate searches that return anybody.

    Raises:
        InsufficientData: no non-mate search.
    """
    _need(results.nonmate_searches, "non-mate")
    return int(np.count_nonzero(results.alarmed(threshold))) / results.nonmate_searches


@dataclass(frozen=True)
class IdentificationPoint:
    """A threshold at a requested false positive identification rate.

    Attributes:
        requested_fpir: a, in (0, 1].
        threshold: the smallest float32 with FPIR <= a on these searches; None where a·I allows no false positive.
        allowed_false_positives: k = floor(a·I).
        support: ``"insufficient"`` for k = 0, ``"weak"`` for k < 30, else ``"ok"``.
        nonmate_searches: I.
        needed_searches: how many non-mate searches it takes for k = 1, so for a threshold at all.
    """

    requested_fpir: float
    threshold: float | None
    allowed_false_positives: int
    support: Support
    nonmate_searches: int
    needed_searches: int


def threshold_at_fpir(results: SearchResults, fpir: float) -> IdentificationPoint:
    """The operating point at a false positive identification rate: conservative, never interpolated.

    Args:
        results: what the searches found; only the non-mate searches matter.
        fpir: a, in (0, 1].

    Raises:
        ConfigError: a rate outside (0, 1].
    """
    return threshold_at_searches(np.nan_to_num(results.best_nonmate[~results.enrolled], nan=-np.inf), fpir)


def threshold_at_searches(best: NDArray[np.float32], fpir: float) -> IdentificationPoint:
    """`threshold_at_fpir`, from the highest score of every non-mate search.

    Args:
        best: float32 (I,), in any order; -inf for a search that failed.
        fpir: a, in (0, 1].

    Raises:
        ConfigError: a rate outside (0, 1].
    """
    k = allowed_false_positives(fpir, best.size)
    return IdentificationPoint(
        requested_fpir=float(fpir),
        threshold=float(threshold_from_order(np.sort(best)[::-1], k)) if k else None,
        allowed_false_positives=k,
        support="insufficient" if k == 0 else support_of(k),
        nonmate_searches=best.size,
        needed_searches=needed_nonmated(fpir),
    )


def allowed_false_positives(fpir: float, nonmate_searches: int) -> int:
    """The budget k = floor(fpir·searches), for the decimal number that was typed.

    Raises:
        ConfigError: a rate outside (0, 1].
    """
    if not 0 < fpir <= 1:
        raise ConfigError(f"got a false positive identification rate of {fpir!r}; expected above 0, at most 1: 0.01")
    return allowed_false_matches(fpir, nonmate_searches)


def threshold_from_order(descending: NDArray[np.float32], k: int) -> np.float32:
    """The smallest float32 that at most k of the scores reach; the lowest finite one where all may.

    Args:
        descending: float32 (I,), -inf for searches that failed.
        k: how many may.
    """
    if k >= descending.size:
        return np.finfo(np.float32).min
    # Above -inf lies the lowest finite float32, so that where only failures are left every other score is accepted.
    return np.float32(np.nextafter(descending[k], np.float32(np.inf)))


def open_set_tradeoff(results: SearchResults) -> ErrorCurve:
    """FNIR and FPIR at every threshold: what an open-set curve draws, failures to acquire counted in.

    Returns:
        A curve whose ``fmr`` is the FPIR and whose ``fnmr`` is the FNIR at any rank.

    Raises:
        InsufficientData: no mate or no non-mate search.
    """
    _need(results.mate_searches, "mate")
    _need(results.nonmate_searches, "non-mate")
    mate = np.sort(results.mate_score[results.acquired])
    best = results.best_nonmate[~results.enrolled]
    best = np.sort(best[~np.isnan(best)])
    distinct = np.unique(np.concatenate([mate, best]))
    thresholds = np.append(distinct, np.float32(np.inf))
    failed = results.mate_searches - mate.size
    return ErrorCurve(
        thresholds=thresholds,
        false_matches=(best.size - np.searchsorted(best, thresholds, side="left")).astype(np.int64),
        false_non_matches=(failed + np.searchsorted(mate, thresholds, side="left")).astype(np.int64),
        nonmated=results.nonmate_searches,
        mated=results.mate_searches,
    )


def rank_name(rank: int) -> str:
    """What the operating point of a rank is called: ``"rank=1"``."""
    return f"rank={rank}"


def fpir_name(fpir: float) -> str:
    """What the operating point at an FPIR is called, without exponents: ``"fpir=0.001"``."""
    return operating_point_name(fpir).replace("fmr", "fpir")


def assess_identification(
    results: SearchResults, ranks: Sequence[int] = DEFAULT_RANKS, fpirs: Sequence[float] = DEFAULT_FPIRS
) -> list[FigureValue]:
    """All identification figures of one list of searches, without intervals (`IdentificationIntervals` adds them).

    Args:
        results: what the searches found.
        ranks: the ranks R of the closed-set figures.
        fpirs: the false positive identification rates to choose thresholds at, each in (0, 1].

    Returns:
        Counts, then the figures of one rank after the other, then those of one operating point after the other. A
        figure that the searches cannot support is there with value None and support ``"insufficient"``.

    Raises:
        ConfigError: a rate outside (0, 1].
    """
    counts = {"mate_searches": results.mate_searches, "nonmate_searches": results.nonmate_searches}
    values = [FigureValue(name, None, count, None, None, results.enrolled.size, "ok") for name, count in counts.items()]
    for rank in ranks:
        values += _at_rank(results, rank)
    for fpir in fpirs:
        values += _at_fpir(results, fpir)
    return values


def _at_rank(results: SearchResults, rank: int) -> list[FigureValue]:
    point, outside = rank_name(rank), results.outside(rank)
    told: Support = "ok" if rank < results.candidates else "insufficient"
    return [
        _share("cumulative_match_rate", point, outside[results.enrolled], told, complement=True),
        _share("acquired_cumulative_match_rate", point, outside[results.acquired], told, complement=True),
    ]


def _at_fpir(results: SearchResults, fpir: float) -> list[FigureValue]:
    point, name = threshold_at_fpir(results, fpir), fpir_name(fpir)
    # Without a threshold the errors do not matter: the figures have no value.
    threshold = np.inf if point.threshold is None else point.threshold
    missed, behind = results.missed(threshold), results.missed(threshold, rank=1)
    alarmed = results.alarmed(threshold)[~results.enrolled]
    return [
        FigureValue(
            figure("threshold").name, name, point.threshold, None, None, results.nonmate_searches, point.support
        ),
        _share("false_positive_identification_rate", name, alarmed, point.support),
        _share("false_negative_identification_rate", name, missed[results.enrolled], point.support),
        _share("acquired_false_negative_identification_rate", name, missed[results.acquired], point.support),
        _share("detection_identification_rate", name, behind[results.enrolled], point.support, complement=True),
    ]


def _share(name: str, point: str, errors: NDArray[np.bool_], support: Support, complement: bool = False) -> FigureValue:
    """The share of errors, or of what is none; weak where there are fewer than thirty errors."""
    wrong, n = int(np.count_nonzero(errors)), errors.size
    if n == 0 or support == "insufficient":
        return FigureValue(figure(name).name, point, None, None, None, n, "insufficient")
    value = (n - wrong) / n if complement else wrong / n
    support = support_of(wrong) if support == "ok" else support
    return FigureValue(figure(name).name, point, value, None, None, n, support)


def _need(count: int, kind: str) -> None:
    if count == 0:
        raise InsufficientData(f"got no {kind} search; expected at least one")
