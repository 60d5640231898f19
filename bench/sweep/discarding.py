"""Error-versus-discard curves of a cell: the table `discard` and its figures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Trials
from bench.datasets.columns import ColumnValues
from bench.errors import InsufficientData
from bench.metrics import FigureValue, support_of
from bench.metrics.clusters import Clusters
from bench.metrics.discard import DiscardCurve, discard_area, discard_curve, drawn_discard_areas
from bench.metrics.intervals import percentile_interval, rate_interval
from bench.sweep.grouping import check_quality, known, refuse_templates

SHARES = tuple(step / 50 for step in range(26))
"""The shares at which the curve is drawn: 0 to 50 % in steps of 2 %."""
HEADLINE_SHARE = 0.2
AREAS: Mapping[str, float] = {"discard_area_20": 0.2, "discard_area_50": 0.5}
AFTER_DISCARD = "false_non_match_rate_after_discard"


def discard_figures(
    columns: Sequence[str],
    values: Mapping[str, ColumnValues],
    trials: Trials,
    scores: NDArray[np.float32],
    thresholds: Mapping[str, float | None],
    clusters: Clusters,
    kept: NDArray[np.bool_],
    weak: Collection[str] = (),
) -> tuple[list[FigureValue], pd.DataFrame]:
    """How errors fall when comparisons of low quality are discarded, by each of several quality columns.

    Args:
        columns: the columns.
        values: column to float32 (N,), in the order of `trials.frames`, higher for a better photo, NaN where unknown.
        trials: of N frames, M comparisons.
        scores: float32 (M,), NaN where a trial failed to acquire.
        thresholds: operating point to its threshold, set on all trials; None where the data allow none.
        clusters: the people of each trial.
        kept: bool (B, P), who is kept in each bootstrap draw; B may be 0.
        weak: the operating points whose thresholds are weak themselves.

    Returns:
        The figures, with the column's name as group, and the table `discard` of `bench.store.schema`. The table has a
        row for every share of `SHARES` at which something more is discarded, and the share that truly is.

    Raises:
        ConfigError: a column of words, or templates in place of photos.
    """
    refuse_templates(trials, "discard")
    figures: list[FigureValue] = []
    rows: list[tuple[str, str, float, float, float, float]] = []
    eligible = trials.mated & ~np.isnan(scores)
    for column in columns:
        check_quality(column, values[column])
        has_value = known(values[column])
        usable = np.flatnonzero(eligible & has_value[trials.probe] & has_value[trials.reference])
        of_photo = values[column].astype(np.float32)
        quality = np.minimum(of_photo[trials.probe[usable]], of_photo[trials.reference[usable]])
        mated = int(np.count_nonzero(eligible))
        found = [
            _count("frames_without_quality", int(np.count_nonzero(~has_value)), len(trials.frames)),
            _count("trials_without_quality", mated - len(usable), mated),
        ]
        of_scores, people = scores[usable], clusters.select(usable)
        judged = {point: _Judged(quality, of_scores, limit, people) for point, limit in thresholds.items()}
        draws = _drawn_areas(list(judged.values()), kept)
        for (point, each), drawn in zip(judged.items(), draws, strict=True):
            of_point = [each.after_discard(), *each.areas(drawn)]
            found += [_at(point, value, point in weak) for value in of_point]
            rows += [(column, point, *row) for row in each.rows()]
        figures += [replace(value, group=column) for value in found]
    return figures, _table(rows)


class _Judged:
    """Mated comparisons of known quality at one threshold, ascending by quality."""

    def __init__(
        self,
        quality: NDArray[np.float32],
        scores: NDArray[np.float32],
        threshold: float | None,
        clusters: Clusters,
    ) -> None:
        order = np.argsort(quality, kind="stable")
        self.quality, self.clusters = quality[order], clusters.select(order)
        self.errors = scores[order] < np.float64(np.nan if threshold is None else threshold)
        judged = threshold is not None and quality.size > 0
        self.curve: DiscardCurve | None = discard_curve(self.quality, self.errors) if judged else None

    def rows(self) -> Iterator[tuple[float, float, float, float]]:
        """Share discarded, FNMR of the others, and the ends of its interval."""
        if self.curve is None:
            return
        for step in sorted({self.curve.step_at(share) for share in SHARES}):
            discarded = int(self.curve.discarded[step])
            low, high, _ = rate_interval(self.errors[discarded:], self._left(discarded))
            yield discarded / self.curve.comparisons, float(self.curve.fnmr[step]), low, high

    def after_discard(self) -> FigureValue:
        """FNMR after the headline share was discarded."""
        if self.curve is None:
            return _missing(AFTER_DISCARD, self.quality.size)
        step = self.curve.step_at(HEADLINE_SHARE)
        discarded, errors = int(self.curve.discarded[step]), int(self.curve.errors[step])
        low, high, method = rate_interval(self.errors[discarded:], self._left(discarded))
        n, rate = self.quality.size - discarded, float(self.curve.fnmr[step])
        return FigureValue(AFTER_DISCARD, None, rate, low, high, n, support_of(errors), method)

    def areas(self, draws: NDArray[np.float64]) -> Iterator[FigureValue]:
        """The areas with the bootstrap's intervals; no value where there are draws that cannot support an interval.

        Args:
            draws: float64 (B, L), each area on each draw; B may be 0.
        """
        n, errors = self.quality.size, int(np.count_nonzero(self.errors))
        for column, (name, limit) in enumerate(AREAS.items()):
            try:
                value = None if self.curve is None else discard_area(self.curve, limit)
            except InsufficientData:
                value = None
            interval = percentile_interval(draws[:, column]) if len(draws) else None
            if value is None or (len(draws) and interval is None):
                yield _missing(name, n)
            else:
                low, high, method = interval or (None, None, None)
                yield FigureValue(name, None, value, low, high, n, support_of(errors), method)

    def _left(self, discarded: int) -> Clusters:
        return self.clusters.select(np.arange(discarded, self.quality.size))


def _drawn_areas(judged: Sequence[_Judged], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """float64 (T, B, L): the areas at each of T thresholds on each draw."""
    if not judged or not judged[0].quality.size:
        return np.full((len(judged), len(kept), len(AREAS)), np.nan)
    errors = np.stack([each.errors for each in judged])
    draws = drawn_discard_areas(judged[0].quality, errors, judged[0].clusters, kept, tuple(AREAS.values()))
    return draws.swapaxes(0, 1)


def _count(name: str, count: int, n: int) -> FigureValue:
    return FigureValue(name, None, count, None, None, n, "ok")


def _missing(name: str, n: int) -> FigureValue:
    return FigureValue(name, None, None, None, None, n, "insufficient")


def _at(point: str, value: FigureValue, weak: bool) -> FigureValue:
    return replace(value, operating_point=point, support="weak" if weak and value.support == "ok" else value.support)


def _table(rows: Sequence[tuple[str, str, float, float, float, float]]) -> pd.DataFrame:
    columns = ["column", "operating_point", "discarded", "fnmr", "fnmr_low", "fnmr_high"]
    table = pd.DataFrame(list(rows), columns=columns)
    for name in columns[:2]:
        table[name] = pd.Categorical(table[name], categories=list(dict.fromkeys(table[name])))
    return table.astype(dict.fromkeys(columns[2:], "float64"))
