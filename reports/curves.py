"""Error curves small enough to draw: thinned so that no eye could tell, with the operating points beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.metrics import ENOUGH_ERRORS, ErrorCurve, error_tradeoff
from reports.load import Series


@dataclass(frozen=True)
class Mark:
    """An operating point on a curve.

    Attributes:
        label: such as ``"FMR 1 %"``.
        fmr: the FMR that was achieved.
        fnmr: the FNMR there.
        threshold: in units of the score.
        weak: whether too few errors stand behind it.
    """

    label: str
    fmr: float
    fnmr: float
    threshold: float
    weak: bool


def curve_of(series: Series) -> ErrorCurve | None:
    """The whole error curve of a series, or None where it has no mated or no nonmated score."""
    if not series.mated.size or not series.nonmated.size:
        return None
    return error_tradeoff(series.mated, series.nonmated)


def thin(curve: ErrorCurve, most: int) -> ErrorCurve:
    """A curve with at most so many vertices that looks the same on linear, logarithmic and probit axes.

    The way along the curve, measured as an eye sees it (the drop in log FMR, the rise in FNMR, the rise in log FNMR),
    is cut into equal steps, and the first and last vertex of every step stay; so both ends of every jump do.

    Args:
        curve: the whole curve.
        most: how many vertices to keep at most, at least 8.
    """
    if len(curve.thresholds) <= most:
        return curve
    parts = (
        -np.log10(np.maximum(curve.fmr, fmr_floor(curve))),
        curve.fnmr,
        np.log10(np.maximum(curve.fnmr, fnmr_floor(curve))),
    )
    way = sum(((part - part.min()) / (np.ptp(part) or 1.0) for part in parts), np.zeros(len(curve.fmr)))
    step = np.minimum((way / 3 * (most // 2)).astype(np.int64), most // 2 - 1)
    changes = np.flatnonzero(np.diff(step))
    kept = np.unique(np.concatenate([[0], changes, changes + 1, [len(step) - 1]]))
    return vertices(curve, kept)


def vertices(curve: ErrorCurve, kept: NDArray[np.intp]) -> ErrorCurve:
    """The curve through some of its vertices.

    Args:
        curve: the curve.
        kept: int (K,), their positions, ascending.
    """
    return ErrorCurve(
        thresholds=curve.thresholds[kept],
        false_matches=curve.false_matches[kept],
        false_non_matches=curve.false_non_matches[kept],
        nonmated=curve.nonmated,
        mated=curve.mated,
    )


def fmr_floor(curve: ErrorCurve) -> float:
    """Where a logarithmic axis puts an FMR of 0: at half a false match."""
    return 0.5 / curve.nonmated


def fnmr_floor(curve: ErrorCurve) -> float:
    """Where a logarithmic axis puts an FNMR of 0: at half a false non-match."""
    return 0.5 / curve.mated


def weak_below(curves: Sequence[ErrorCurve]) -> float:
    """The FMR below which at least one of the curves rests on fewer than 30 false matches."""
    return ENOUGH_ERRORS / min((curve.nonmated for curve in curves), default=ENOUGH_ERRORS)
