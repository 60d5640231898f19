"""What wrong decisions cost: detection cost, half total error, and one kind of error where the other does not happen.

- The detection cost at a threshold is P·C_miss·FNMR + (1 - P)·C_fa·FMR, for a share P of mated comparisons, divided by
  the cost of the better of the two blind decisions, min(P·C_miss, (1 - P)·C_fa): 1 is worth nothing, 0 is perfect.
- HTER = (FMR + FNMR) / 2 at a threshold that other people set, as a rule that of their equal error rate.
- ZeroFMR is the FNMR at the smallest threshold without a false match, ZeroFNMR the FMR at the largest one without a
  false non-match. Both rest on the one most extreme score, so they grow with the number of comparisons: they describe a
  list of trials rather than a recognizer. Their interval is that of the rate at a threshold held fixed.

A minimum is taken over every threshold at which an error changes, never on a grid; only bootstrap draws use one.

Source: NIST 2016 Speaker Recognition Evaluation Plan (detection cost); Bengio and Mariéthoz, Odyssey 2004, and bob.bio
(HTER); Maio et al., FVC2000, TPAMI 24(3), 2002 (ZeroFMR, ZeroFNMR).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import ConfigError
from bench.metrics.rates import ErrorCurve


@dataclass(frozen=True)
class DecisionCosts:
    """What decisions are for: how often a comparison is mated, and what each kind of error costs.

    Attributes:
        mated_share: P, in (0, 1).
        miss: C_miss, above 0.
        false_alarm: C_fa, above 0.
    """

    mated_share: float = 0.01
    miss: float = 1.0
    false_alarm: float = 1.0

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a value out of range."""
        if not (0 < self.mated_share < 1 and self.miss > 0 and self.false_alarm > 0):
            raise ConfigError(
                f"got mated_share {self.mated_share}, costs {self.miss} and {self.false_alarm}; expected a share "
                "between 0 and 1 and costs above 0"
            )


class CostPoint(NamedTuple):
    """A threshold, what it costs and how often it errs.

    Attributes:
        value: the cost or rate.
        threshold: a float32 number, or +inf, at which nothing is accepted.
        false_matches: nonmated scores accepted.
        false_non_matches: mated scores rejected.
    """

    value: float
    threshold: float
    false_matches: int
    false_non_matches: int


def detection_cost(
    fmr: NDArray[np.float64], fnmr: NDArray[np.float64], costs: DecisionCosts | None = None
) -> NDArray[np.float64]:
    """The normalised detection cost at false match and false non-match rates.

    Args:
        fmr: float64, any shape.
        fnmr: float64, the same shape.
        costs: by default a hundredth of the comparisons mated, both errors at cost 1.

    Returns:
        Float64 of the same shape, at least 0; NaN where a rate is.
    """
    costs = costs or DecisionCosts()
    missed, accepted = costs.mated_share * costs.miss, (1 - costs.mated_share) * costs.false_alarm
    cost: NDArray[np.float64] = (missed * fnmr + accepted * fmr) / min(missed, accepted)
    return cost


def minimum_detection_cost(curve: ErrorCurve, costs: DecisionCosts | None = None) -> CostPoint:
    """The smallest normalised detection cost over all thresholds, and the highest threshold that has it.

    Args:
        curve: the errors at every threshold.
        costs: see `detection_cost`.

    Returns:
        A cost in [0, 1], with its threshold.
    """
    cost = detection_cost(curve.fmr, curve.fnmr, costs)
    return _point(curve, cost.size - 1 - int(np.argmin(cost[::-1])), cost)


def half_total_error_rate(fmr: float, fnmr: float) -> float:
    """HTER = (FMR + FNMR) / 2, both at one threshold that other people set.

    Args:
        fmr: in [0, 1].
        fnmr: in [0, 1].
    """
    return (fmr + fnmr) / 2


def equal_error_threshold(curve: ErrorCurve) -> float:
    """The score at which FMR and FNMR are nearest to each other, of equally near ones the highest; a float32 number.

    Args:
        curve: the errors at every threshold.
    """
    excess = np.abs(curve.false_matches[:-1] * curve.mated - curve.false_non_matches[:-1] * curve.nonmated)
    return float(curve.thresholds[excess.size - 1 - int(np.argmin(excess[::-1]))])


def zero_fmr(curve: ErrorCurve) -> CostPoint:
    """FNMR at the lowest score that accepts no nonmated comparison of these: ZeroFMR.

    Args:
        curve: the errors at every threshold.
    """
    return _point(curve, int(np.argmax(curve.false_matches == 0)), curve.fnmr)


def zero_fnmr(curve: ErrorCurve) -> CostPoint:
    """FMR at the highest score that rejects no mated comparison of these: ZeroFNMR.

    Args:
        curve: the errors at every threshold.
    """
    return _point(curve, int(np.count_nonzero(curve.false_non_matches == 0)) - 1, curve.fmr)


def _point(curve: ErrorCurve, at: int, values: NDArray[np.float64]) -> CostPoint:
    counts = int(curve.false_matches[at]), int(curve.false_non_matches[at])
    return CostPoint(float(values[at]), float(curve.thresholds[at]), *counts)
