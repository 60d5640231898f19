"""Whether several recognizers take the same made faces for somebody enrolled, and for the same person.

A face that impersonates under one recognizer only is an accident of that one; one that does so under all of them is a
risk. Each recognizer decides at its own threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.intervals import Interval
from bench.metrics.shares import Contributors, share_interval

NOBODY = -1


@dataclass(frozen=True)
class Agreement:
    """Two recognizers, on the same M probes.

    Attributes:
        first: place of one recognizer among the R.
        second: place of the other, above it.
        both: share of probes that match somebody under both.
        either: share that do under at least one.
        kappa: Cohen's, 1 for equal decisions, 0 for what chance gives; None where both decide alike on everything by
            accepting all or none.
        same_nearest: share of the probes that both acquired for which the person of rank 1 is the same; None for none.
        same_matched: the same of the probes that match under both; None for none.
    """

    first: int
    second: int
    both: float
    either: float
    kappa: float | None
    same_nearest: float | None
    same_matched: float | None


@dataclass(frozen=True)
class Together:
    """All R recognizers on the same M probes.

    Attributes:
        every: share of probes that match somebody under every recognizer.
        of_every: its interval.
        any: share that do under at least one.
        of_any: its interval.
        pairs: each two of them, in their order.
    """

    every: float
    of_every: Interval
    any: float
    of_any: Interval
    pairs: tuple[Agreement, ...]


def recognizers_agree(hits: NDArray[np.bool_], nearest: NDArray[np.integer], contributors: Contributors) -> Together:
    """How far R recognizers agree on whom M probes could be taken for.

    Args:
        hits: bool (R, M), whether a probe matches anybody enrolled, by each recognizer's own threshold.
        nearest: int (R, M), the person of rank 1, by one code for all recognizers; -1 where a probe was not acquired.
        contributors: who the probes rest on.

    Raises:
        ShapeError: arrays that do not fit each other, no recognizer or no probe.
    """
    if hits.dtype != np.bool_ or hits.ndim != 2 or nearest.shape != hits.shape or not hits.size:
        raise ShapeError(f"got hits {hits.dtype} {hits.shape} and nearest {nearest.shape}; expected bool, int (R, M)")
    if hits.shape[1] != len(contributors) or (hits & (nearest == NOBODY)).any():
        raise ShapeError(
            f"got {hits.shape[1]} probes of {len(contributors)}, or one that matches and is nearest to nobody"
        )
    every, some = np.asarray(hits.all(axis=0), np.float64), np.asarray(hits.any(axis=0), np.float64)
    pairs = tuple(_pair(hits, nearest, *places) for places in combinations(range(len(hits)), 2))
    return Together(
        _mean(every), share_interval(every, contributors), _mean(some), share_interval(some, contributors), pairs
    )


def _pair(hits: NDArray[np.bool_], nearest: NDArray[np.integer], first: int, second: int) -> Agreement:
    one, other = hits[first], hits[second]
    both, either = one & other, one | other
    same = nearest[first] == nearest[second]
    acquired = (nearest[first] != NOBODY) & (nearest[second] != NOBODY)
    rates = np.count_nonzero(one) / one.size, np.count_nonzero(other) / one.size
    by_chance = math.prod(rates) + math.prod(1 - rate for rate in rates)
    agreed = np.count_nonzero(one == other) / one.size
    return Agreement(
        first,
        second,
        np.count_nonzero(both) / one.size,
        np.count_nonzero(either) / one.size,
        None if by_chance == 1 else (agreed - by_chance) / (1 - by_chance),
        _share(same, acquired),
        _share(same, both),
    )


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float | None:
    of = int(np.count_nonzero(whole))
    return int(np.count_nonzero(part & whole)) / of if of else None


def _mean(values: NDArray[np.float64]) -> float:
    return math.fsum(values.tolist()) / len(values)
