"""Error curves small enough to draw, thinned so that no eye could tell, with their bands and operating points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.metrics import ENOUGH_ERRORS, ErrorCurve, error_tradeoff
from reports.points import Point
from reports.records import by_key
from reports.series import Series

Ends = tuple[float, float] | None
"""The two ends of an interval, or None where there is none."""


@dataclass(frozen=True)
class Mark:
    """An operating point on a curve, or beside it where its threshold was set elsewhere.

    Attributes:
        label: such as ``"FMR 1 %"``.
        fmr: the FMR that was achieved.
        fnmr: the FNMR there.
        threshold: in units of the score.
        weak: whether too few errors stand behind it.
        carried: whether its threshold was set on other trials, so that its FMR is as uncertain as its FNMR.
        fmr_ends: the 95 % interval of the FMR, or None.
        fnmr_ends: the 95 % interval of the FNMR, or None.
        threshold_ends: the 95 % interval of the threshold, or None.
        chosen_for: the rate that its threshold was chosen for on these very trials, of which nothing is uncertain.
    """

    label: str
    fmr: float
    fnmr: float
    threshold: float
    weak: bool
    carried: bool = False
    fmr_ends: Ends = None
    fnmr_ends: Ends = None
    threshold_ends: Ends = None
    chosen_for: Literal["fmr", "fnmr"] = "fmr"

    @property
    def across(self) -> Ends:
        """The interval that a picture shows of the FMR, or None."""
        return self.fmr_ends if self.carried or self.chosen_for == "fnmr" else None

    @property
    def upright(self) -> Ends:
        """The interval that a picture shows of the FNMR, or None."""
        return self.fnmr_ends if self.carried or self.chosen_for == "fmr" else None


def marks_of(series: Series, points: Sequence[Point]) -> tuple[Mark, ...]:
    """The operating points of a series that its data support.

    Args:
        series: whose.
        points: which.
    """
    records = by_key(series)
    marks = []
    for point in points:
        names = ("threshold", "false_match_rate", "false_non_match_rate")
        found = [records.get((name, point.name), {}) for name in names]
        threshold, fmr, fnmr = (record.get("value") for record in found)
        if threshold is not None and fmr is not None and fnmr is not None:
            weak = found[0].get("support") != "ok"
            ends = [_ends(record) for record in found]
            marks.append(Mark(point.label, fmr, fnmr, threshold, weak, not point.own, ends[1], ends[2], ends[0]))
    return tuple(marks)


def _ends(record: Mapping[str, Any]) -> Ends:
    low, high = record.get("low"), record.get("high")
    return None if low is None or high is None else (float(low), float(high))


@dataclass(frozen=True, eq=False)
class Band:
    """The 95 % intervals of the FNMR at fixed FMR, one after the other; T of them.

    Attributes:
        fmr: float64 (T,), ascending.
        low: float64 (T,), lower ends.
        high: float64 (T,), upper ends.
    """

    fmr: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def at(self, fmr: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The ends at other rates, along straight lines over log FMR; NaN below the first.

        Args:
            fmr: float64 (V,).
        """
        place, known = np.log(np.maximum(fmr, 1e-300)), np.log(self.fmr)
        low, high = (np.interp(place, known, ends, left=np.nan) for ends in (self.low, self.high))
        return low, high

    def until(self, fmr: float) -> Band | None:
        """The part of it up to a rate; None where nothing is left.

        Args:
            fmr: a false match rate.
        """
        kept = self.fmr < fmr
        if not kept.any():
            return None
        # The last upper end holds: behind the rate stands the exact bound of no error, which is another interval.
        low, high = self.at(np.array([fmr]))[0], self.high[kept][-1]
        parts = (np.append(ends[kept], end) for ends, end in ((self.fmr, fmr), (self.low, low), (self.high, high)))
        return Band(*parts)


def band_of(series: Series) -> Band | None:
    """The band around a series' curve, or None where the cell has none."""
    table = series.table("curve")
    if table is None:
        return None
    fmr, low, high = (table[name].to_numpy(dtype=np.float64) for name in ("fmr", "fnmr_low", "fnmr_high"))
    known = np.isfinite(low) & np.isfinite(high) & (fmr > 0)
    return Band(fmr[known], low[known], high[known]) if np.count_nonzero(known) > 1 else None


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
