"""Figures group by group, and how far a group's errors are from those of the others.

A comparison belongs to a group if both its photos do. So the nonmated comparisons of a group are between people of that
group, as in NIST's reports on demographic effects, where they are the ones that produce most false matches;
comparisons across groups belong to none.

Differentials compare a group with all the other groups of its column together, each with its own comparisons:

- False negative: FNMR of the group minus FNMR of the others. Its interval is the bootstrap's, from the draws that every
  other figure has. Where one side has no error, or nothing else, or too few people for the draws, no draw can show what
  could have happened: there the intervals of the two rates are put together by Newcombe's method.
- False positive: FMR of the group divided by FMR of the others, because false match rates differ by factors. Its
  interval puts those of the two rates together on the logarithmic scale, each with the jackknife's variance, which
  leaves out one person at a time and is too large rather than too small. In simulations with 9 to 1,600 false matches
  a side it covered 95 to 99 %. With the plug-in variance it would cover 91 to 95 %; the double-or-nothing bootstrap,
  which keeps a pair of people in a quarter of the draws only, covered 99 % and has no end where false matches are few.

Both combinations take the two sides for independent. They are where everybody belongs to one group; where groups are of
photos, and people stand on both sides, the two rates move together and the interval is too long rather than too short.

There is no figure of the largest over the smallest rate: the largest of several uncertain rates is too large on
average, the more so the smaller the groups are, and neither method gives such a figure an honest interval.

Source: Grother, Ngan and Hanaoka, NISTIR 8280, 2019 (false positive and false negative differentials); Newcombe,
Statistics in Medicine 17, 1998; Zou and Donner, Statistics in Medicine 27, 2008; Efron and Stein, Annals of Statistics
9, 1981 (the jackknife's variance). ISO/IEC 19795-10:2024 asks for the
statistical uncertainty of such comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError
from bench.metrics.clusters import Clusters
from bench.metrics.figures import figure
from bench.metrics.intervals import Interval, percentile_interval, rate_interval, wilson_interval
from bench.metrics.operating import support_of
from bench.metrics.scores import check_scores, check_trials
from bench.metrics.variance import rate_variance
from bench.metrics.verification import FigureValue

_DRAWS_AT_ONCE = 2048


def assess_groups(
    scores: NDArray[np.float32],
    mated: NDArray[np.bool_],
    clusters: Clusters,
    group: NDArray[np.integer],
    names: Sequence[str],
    thresholds: Mapping[str, float | None],
    kept: NDArray[np.bool_],
    weak: Collection[str] = (),
) -> list[FigureValue]:
    """The figures of every group of one column.

    Args:
        scores: float32 (M,), NaN where a trial failed to acquire.
        mated: bool (M,).
        clusters: the people of each trial.
        group: int (M,), the group that both photos of a trial belong to, -1 for none.
        names: of G groups.
        thresholds: operating point to its threshold; None where the data allow none.
        kept: bool (B, P), who is kept in each bootstrap draw; B may be 0.
        weak: the operating points whose thresholds are weak themselves.

    Returns:
        Group by group: people, trials, failures to acquire, then at each operating point FMR, FNMR, TMR and, where
        there are several groups, the two differentials.

    Raises:
        ShapeError: arrays that do not fit each other.
    """
    check_scores(scores, "trial", failures=True)
    check_trials(scores, mated, None)
    if group.shape != scores.shape or (group.size and not -1 <= int(group.min()) <= int(group.max()) < len(names)):
        raise ShapeError(f"got groups {group.shape} for {scores.size} scores and {len(names)} names; expected int (M,)")
    acquired = ~np.isnan(scores)
    values: list[list[FigureValue]] = []
    for code in range(len(names)):
        inside = group == code
        values.append(list(_counts(acquired[inside], mated[inside], clusters.select(inside))))
    of_mated, of_nonmated = (np.flatnonzero(acquired & kind & (group >= 0)) for kind in (mated, ~mated))
    for point, threshold in thresholds.items():
        # As float64, because NumPy would round a Python float to float32 and so move it across a score.
        limit = np.float64(np.nan if threshold is None else threshold)
        false_non_matches = _sides(scores[of_mated] < limit, clusters.select(of_mated), group[of_mated], len(names))
        false_matches = _sides(
            scores[of_nonmated] >= limit, clusters.select(of_nonmated), group[of_nonmated], len(names)
        )
        for code in range(len(names)):
            if threshold is None:
                at_point = [_value(name, None, 0, 0) for name in (*_RATES, *_DIFFERENTIALS * (len(names) > 1))]
            else:
                at_point = [*_rates(false_matches[code][0], false_non_matches[code][0])]
                if len(names) > 1:
                    at_point += [_difference(*false_non_matches[code], kept), _ratio(*false_matches[code])]
            values[code] += [_at(point, value, point in weak) for value in at_point]
    return [replace(value, group=name) for name, figures in zip(names, values, strict=True) for value in figures]


_RATES = ("false_match_rate", "false_non_match_rate", "true_match_rate")
_DIFFERENTIALS = ("false_non_match_rate_differential", "false_match_rate_differential")


class _Side:
    """The acquired comparisons of one kind, of one group or of the others, at one threshold."""

    def __init__(self, wrong: NDArray[np.bool_], clusters: Clusters) -> None:
        self._wrong, self._clusters = wrong, clusters
        self.trials, self.errors = wrong.size, int(np.count_nonzero(wrong))

    @property
    def rate(self) -> float | None:
        return self.errors / self.trials if self.trials else None

    @property
    def mixed(self) -> bool:
        """Whether there are errors and right decisions, so that draws can differ."""
        return 0 < self.errors < self.trials

    @cached_property
    def interval(self) -> Interval:
        return rate_interval(self._wrong, self._clusters)

    @cached_property
    def careful_interval(self) -> Interval:
        """Like `interval`, with the jackknife's variance where that is larger: a pair's own chance counts for both."""
        if not self.mixed:
            return self.interval
        rate, people = self.errors / self.trials, (self._clusters.first, self._clusters.second)
        sums = np.zeros(self._clusters.count)
        for codes in people:
            sums += np.bincount(codes[self._wrong], minlength=sums.size) - rate * np.bincount(
                codes, minlength=sums.size
            )
        variance = max(float(np.square(sums).sum()) / self.trials**2, rate_variance(self._wrong, self._clusters))
        effective = min(rate * (1 - rate) / variance, self.trials) if variance else self.trials
        return Interval(*wilson_interval(rate, effective, self.errors, self.trials), "wilson")

    def drawn_rates(self, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The rate of mated comparisons on each draw, float64 (B,), NaN where nobody with any is kept."""
        people = self._clusters.first
        totals = [np.bincount(each, minlength=self._clusters.count) for each in (people[self._wrong], people)]
        # Whole numbers far below 2^53: exact in whatever order they are added up.
        table = np.stack(totals, axis=1).astype(np.float64)
        parts = [kept[start : start + _DRAWS_AT_ONCE] @ table for start in range(0, len(kept), _DRAWS_AT_ONCE)]
        errors, trials = np.concatenate(parts).T
        rates = np.full(len(kept), np.nan)
        np.divide(errors, trials, out=rates, where=trials > 0)
        return rates


def _sides(
    wrong: NDArray[np.bool_], clusters: Clusters, group: NDArray[np.integer], groups: int
) -> list[tuple[_Side, _Side]]:
    """Of each group: its own comparisons, and those of all the others together."""
    inside = [group == code for code in range(groups)]
    return [(_Side(wrong[own], clusters.select(own)), _Side(wrong[~own], clusters.select(~own))) for own in inside]


def _value(name: str, value: float | None, n: int, errors: int, interval: Interval | None = None) -> FigureValue:
    if value is None:
        return FigureValue(figure(name).name, None, None, None, None, n, "insufficient")
    low, high, method = interval or (None, None, None)
    return FigureValue(figure(name).name, None, value, low, high, n, support_of(errors), method)


def _at(point: str, value: FigureValue, weak: bool) -> FigureValue:
    return replace(value, operating_point=point, support="weak" if weak and value.support == "ok" else value.support)


def _counts(acquired: NDArray[np.bool_], mated: NDArray[np.bool_], clusters: Clusters) -> Iterator[FigureValue]:
    trials, failed = acquired.size, int(np.count_nonzero(~acquired))
    own_mated = int(np.count_nonzero(mated))
    counts = {
        "subjects": clusters.present(),
        "mated_trials": own_mated,
        "nonmated_trials": trials - own_mated,
        "trials_not_acquired": failed,
    }
    for name, count in counts.items():
        yield FigureValue(figure(name).name, None, count, None, None, trials, "ok")
    rate, interval = (failed / trials, rate_interval(~acquired, clusters)) if trials else (None, None)
    yield _value("failure_to_acquire_rate", rate, trials, failed, interval)


def _rates(matches: _Side, rejections: _Side) -> Iterator[FigureValue]:
    for name, side in zip(_RATES[:2], (matches, rejections), strict=True):
        yield _value(name, side.rate, side.trials, side.errors, side.interval if side.trials else None)
    if rejections.trials:
        low, high, method = rejections.interval
        share = (rejections.trials - rejections.errors) / rejections.trials
        yield _value(_RATES[2], share, rejections.trials, rejections.errors, Interval(1 - high, 1 - low, method))
    else:
        yield _value(_RATES[2], None, 0, 0)


def _difference(own: _Side, others: _Side, kept: NDArray[np.bool_]) -> FigureValue:
    """FNMR of the group minus that of the others."""
    name, n = _DIFFERENTIALS[0], own.trials + others.trials
    if own.rate is None or others.rate is None:
        return _value(name, None, n, 0)
    value, interval = own.rate - others.rate, None
    if len(kept) and own.mixed and others.mixed:
        interval = percentile_interval(own.drawn_rates(kept) - others.drawn_rates(kept))
    if interval is None:
        low = value - math.hypot(own.rate - own.interval.low, others.interval.high - others.rate)
        high = value + math.hypot(own.interval.high - own.rate, others.rate - others.interval.low)
        interval = _combined(low, high, own, others)
    return _value(name, value, n, min(own.errors, others.errors), interval)


def _ratio(own: _Side, others: _Side) -> FigureValue:
    """FMR of the group divided by that of the others; a ratio to or of no false match at all says nothing."""
    name, n = _DIFFERENTIALS[1], own.trials + others.trials
    if not own.rate or not others.rate or not min(own.careful_interval.low, others.careful_interval.low) > 0:
        return _value(name, None, n, 0)
    (down, up), (others_down, others_up) = (
        (math.log(rate / interval.low), math.log(interval.high / rate))
        for rate, interval in ((own.rate, own.careful_interval), (others.rate, others.careful_interval))
    )
    value = own.rate / others.rate
    low, high = value * math.exp(-math.hypot(down, others_up)), value * math.exp(math.hypot(up, others_down))
    return _value(name, value, n, min(own.errors, others.errors), _combined(low, high, own, others))


def _combined(low: float, high: float, own: _Side, others: _Side) -> Interval:
    exact = "exact" in (own.interval.method, others.interval.method)
    return Interval(low, high, "exact" if exact else "wilson")
