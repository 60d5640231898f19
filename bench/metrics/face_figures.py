"""A figure of made faces from what it is a mean of: its value, its interval and how well it is supported."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrics.attempts import Tally
from bench.metrics.figures import figure
from bench.metrics.kept_means import FaceMean
from bench.metrics.operating import Support, support_of
from bench.metrics.shares import Contributors, mean_interval, share_interval
from bench.metrics.verification import FigureValue

_ROUNDING = 1e-9
"""Thirty faces' worth may have been added up to a little less."""


@dataclass(frozen=True, eq=False)
class FaceRow:
    """What a figure is a mean of, over M faces.

    Attributes:
        name: of the figure.
        group: of it, or None.
        mean: over faces.
        decisions: int64 (M,), how many decisions the share of each face is of; None for a difference of two shares.
        pairs: how many pairs of a contributor and itself a face of weight 1 stands for, in which support is counted.
    """

    name: str
    group: str | None
    mean: FaceMean
    decisions: NDArray[np.int64] | None
    pairs: int = 1

    @classmethod
    def of_pairs(cls, name: str, group: str | None, tally: Tally, pairs: NDArray[np.bool_]) -> FaceRow:
        """The mean over some pairs of a face and a contributor of the share of references that match.

        Args:
            name: of the figure.
            group: of it, or None.
            tally: of M faces and K contributors.
            pairs: bool (M, K), which count; every one weighs the same.
        """
        count, match = pairs.sum(axis=1), (tally.matched / tally.planned * pairs).sum(axis=1)
        most = max(int(count.max(initial=0)), 1)
        decisions: NDArray[np.int64] = (tally.planned * pairs).sum(axis=1)
        return cls(name, group, FaceMean(np.minimum(match, count) / most, count / most), decisions, most)


def figure_of(row: FaceRow, contributors: Contributors, point: str, support: Support) -> FigureValue:
    """The ratio of two sums of shares, or the mean of differences of two.

    Args:
        row: what it is a mean of.
        contributors: whose the M faces are.
        point: the operating point's name.
        support: of the threshold: the figure is no better supported than it, nor than its own rarer outcome.
    """
    faces = row.mean.weights > 0
    n, whose, name = int(np.count_nonzero(faces)), contributors.select(faces), figure(row.name).name
    if not n:
        return FigureValue(name, point, None, None, None, 0, "insufficient", None, row.group)
    values, weights, offset = row.mean.values[faces], row.mean.weights[faces], row.mean.offset
    top, bottom = math.fsum(values.tolist()), math.fsum(weights.tolist())
    if row.decisions is None:
        changed = math.fsum(np.abs(values).tolist())
        interval, worth = mean_interval(values, whose, (-1.0, 1.0)), min(changed, n - changed)
    else:
        interval = share_interval(values, whose, weights, int(row.decisions[faces].sum()))
        worth = row.pairs * min(top, bottom - top)
    low, high, method = (None, None, None) if interval is None else interval
    if low is not None and high is not None:
        low, high = low + offset, high + offset
    own = support_of(math.floor(worth + _ROUNDING)) if support == "ok" else support
    return FigureValue(name, point, top / bottom + offset, low, high, n, own, method, row.group)
