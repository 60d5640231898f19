"""The table of figures: every name that may stand in a summary, what it means, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from bench.errors import UnknownName

Direction = Literal["up", "down", "none"]


@dataclass(frozen=True)
class Figure:
    """One kind of number.

    Attributes:
        name: what summary.json calls it.
        meaning: one sentence with the formula where there is one.
        unit: ``"share"`` (0 to 1), ``"similarity"`` (in the recognizer's own scores), ``"count"``, or
            ``"standard deviations"``.
        direction: ``"up"`` where higher is better for a recognizer, ``"down"`` where lower is, ``"none"`` where
            neither. It decides. The ending of a name follows it (``*_rate``, ``*_error`` down, ``*_accuracy`` up), but
            for the field's own terms true_match_rate and true_accept_rate, which go up.
        source: where the formula is from.
    """

    name: str
    meaning: str
    unit: str
    direction: Direction
    source: str


_ISO = "ISO/IEC 19795-1:2021"
_LFW = "Huang et al., UMass TR 07-49, 2007"
_OURS = "impersona"

_ROWS: tuple[Figure, ...] = (
    Figure("frames", "photos that take part", "count", "none", _OURS),
    Figure("frames_not_acquired", "photos on which the aligner found no face", "count", "down", _OURS),
    Figure("subjects", "people who take part", "count", "none", _OURS),
    Figure("mated_trials", "comparisons of two photos of one person, failed ones included", "count", "none", _ISO),
    Figure("nonmated_trials", "comparisons of photos of two people, failed ones included", "count", "none", _ISO),
    Figure("trials_not_acquired", "comparisons of which either face was not found", "count", "down", _ISO),
    Figure("failure_to_acquire_rate", "FTA: trials of which either face was not found / trials", "share", "down", _ISO),
    Figure("mated_similarity_mean", "mean score of acquired mated trials", "similarity", "up", _OURS),
    Figure("nonmated_similarity_mean", "mean score of acquired nonmated trials", "similarity", "down", _OURS),
    Figure(
        "equal_error_rate",
        "rate where FMR = FNMR, by linear crossing of the error curve",
        "share",
        "down",
        "Maio et al., TPAMI 24(3), 2002, without its midpoint",
    ),
    Figure(
        "area_under_curve",
        "chance that a mated score is above a nonmated one, ties counted half: area under TMR over FMR",
        "share",
        "up",
        "Hanley and McNeil, Radiology 143(1), 1982",
    ),
    Figure(
        "decidability",
        "d' = |mean(mated) - mean(nonmated)| / sqrt((var(mated) + var(nonmated)) / 2)",
        "standard deviations",
        "up",
        "Daugman, IJCV 45(1), 2001",
    ),
    Figure(
        "best_accuracy",
        "largest share of right decisions on acquired trials over all thresholds, chosen on these very trials",
        "share",
        "up",
        _OURS,
    ),
    Figure(
        "fold_accuracy",
        "mean over folds of the share of right decisions on acquired trials, by the best threshold of the other folds",
        "share",
        "up",
        _LFW,
    ),
    Figure(
        "fold_accuracy_deviation",
        "sample standard deviation of fold_accuracy over the folds (divided by F - 1)",
        "share",
        "none",
        _LFW,
    ),
    Figure(
        "fold_accuracy_standard_error",
        "fold_accuracy_deviation / sqrt(F), the standard error of the mean",
        "share",
        "none",
        _LFW,
    ),
    Figure(
        "all_trials_fold_accuracy",
        "fold_accuracy with every trial that failed to acquire counted as a wrong decision",
        "share",
        "up",
        f"{_LFW}; failures: {_OURS}",
    ),
    Figure(
        "threshold",
        "the smallest float32 with FMR at most the requested one; accept if and only if score >= threshold",
        "similarity",
        "none",
        f"{_OURS}; budget floor(a·I) as in InsightFace 2.1",
    ),
    Figure("false_match_rate", "FMR: acquired nonmated trials accepted, achieved", "share", "down", _ISO),
    Figure("false_non_match_rate", "FNMR: acquired mated trials rejected", "share", "down", _ISO),
    Figure("true_match_rate", "TMR = 1 - FNMR", "share", "up", _ISO),
    Figure("false_accept_rate", "FAR = FMR·(1 - FTA)", "share", "down", _ISO),
    Figure("false_reject_rate", "FRR = FTA + FNMR·(1 - FTA)", "share", "down", _ISO),
    Figure("true_accept_rate", "TAR = 1 - FRR = TMR·(1 - FTA)", "share", "up", _ISO),
)

FIGURES: Mapping[str, Figure] = MappingProxyType({row.name: row for row in _ROWS})
"""Every figure by its name, in the order in which reports print them."""


def figure(name: str) -> Figure:
    """The figure of a name.

    Args:
        name: as in summary.json.

    Raises:
        UnknownName: no figure has that name; the error carries the near ones.
    """
    try:
        return FIGURES[name]
    except KeyError:
        raise UnknownName("figure", name, FIGURES) from None
