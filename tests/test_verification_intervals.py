"""Every verification figure gets the interval that fits it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.metrics import FigureValue, assess_verification, threshold_at_fmr
from bench.metrics.bootstrap import double_or_nothing
from bench.metrics.clusters import Clusters
from bench.metrics.intervals import drawn_rate_interval, rate_interval, zero_error_bound
from bench.metrics.verification_intervals import VerificationIntervals, needs_interval

FMRS = (0.1, 0.01, 0.001)


def photos_of(people: int, photos: int) -> tuple[Clusters, NDArray[np.bool_]]:
    """All pairs of so many photos of so many people."""
    owner = np.repeat(np.arange(people, dtype=np.int32), photos)
    first, second = np.triu_indices(owner.size, 1)
    return Clusters(owner[first], owner[second], people), owner[first] == owner[second]


def drawn_scores(clusters: Clusters, mated: NDArray[np.bool_], gap: float, seed: int = 3) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    ease = rng.normal(0, 0.3, clusters.count)
    noise = rng.normal(0, 0.5, mated.size) + ease[clusters.first] + ease[clusters.second]
    return (noise + gap * mated).astype(np.float32)


def intervals_of(
    scores: NDArray[np.float32], mated: NDArray[np.bool_], clusters: Clusters, draws: int = 300
) -> VerificationIntervals:
    kept = double_or_nothing(clusters.count, draws, np.random.default_rng(5))
    return VerificationIntervals(scores, mated, None, clusters, kept, FMRS)


def attached(intervals: VerificationIntervals) -> dict[tuple[str, str | None], FigureValue]:
    values = intervals.attach(assess_verification(intervals.scores, intervals.mated, intervals.fold, FMRS))
    return {(value.figure, value.operating_point): value for value in values}


@pytest.mark.parametrize("gap", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("missed", [0.0, 0.05])
def test_nothing_stands_without_an_interval_but_counts(gap: float, missed: float) -> None:
    clusters, mated = photos_of(30, 4)
    scores = drawn_scores(clusters, mated, gap)
    scores[np.random.default_rng(1).random(mated.size) < missed] = np.nan
    for value in attached(intervals_of(scores, mated, clusters)).values():
        if value.value is None or not needs_interval(value.figure):
            assert value.low is value.high is value.interval is None
        else:
            assert value.low is not None
            assert value.high is not None
            assert value.low <= value.high
            assert value.interval in ("wilson", "exact", "bootstrap")


def test_a_rate_at_a_threshold_has_the_wilson_interval_of_its_errors() -> None:
    clusters, mated = photos_of(30, 4)
    scores = drawn_scores(clusters, mated, 1.5)
    values = attached(intervals_of(scores, mated, clusters))
    value = values["false_match_rate", "fmr=0.1"]
    threshold = np.float32(values["threshold", "fmr=0.1"].value or 0)
    expected = rate_interval(scores[~mated] >= threshold, clusters.select(~mated))
    assert (value.low, value.high, value.interval) == (expected.low, expected.high, "wilson")
    assert value.low is not None
    assert value.value is not None
    assert value.low < value.value < (value.high or 0)


def test_the_bootstrap_chooses_the_threshold_anew() -> None:
    clusters, mated = photos_of(30, 4)
    scores = drawn_scores(clusters, mated, 1.5)
    intervals = intervals_of(scores, mated, clusters, draws=25)
    values = attached(intervals)
    expected = []
    for kept in intervals.kept:
        both = kept[clusters.first] & kept[clusters.second]
        expected.append(threshold_at_fmr(scores[both & mated], scores[both & ~mated], 0.1).fnmr)
    assert intervals.draws["false_non_match_rate", "fmr=0.1"].tolist() == expected
    value = values["false_non_match_rate", "fmr=0.1"]
    rates = np.array(expected, float)
    trials = int(mated.sum())
    assert value.value is not None
    assert drawn_rate_interval(value.value, rates, trials) == (value.low, value.high, "bootstrap")
    opposite = values["true_match_rate", "fmr=0.1"]
    assert (opposite.low, opposite.high) == pytest.approx((1 - (value.high or 0), 1 - (value.low or 0)))


def test_a_weak_threshold_gives_percentiles() -> None:
    clusters, mated = photos_of(30, 4)
    intervals = intervals_of(drawn_scores(clusters, mated, 1.5), mated, clusters)
    value = attached(intervals)["false_non_match_rate", "fmr=0.001"]
    assert value.support == "weak"
    expected = np.percentile(intervals.draws["false_non_match_rate", "fmr=0.001"], [2.5, 97.5])
    assert (value.low, value.high) == pytest.approx(expected)


def test_without_errors_the_bound_counts_people() -> None:
    clusters, mated = photos_of(31, 4)
    values = attached(intervals_of(drawn_scores(clusters, mated, 50.0), mated, clusters))
    fnmr = values["false_non_match_rate", "fmr=0.1"]
    assert (fnmr.low, fnmr.high, fnmr.interval) == (0.0, zero_error_bound(31), "exact")
    tmr = values["true_match_rate", "fmr=0.1"]
    assert (tmr.low, tmr.high, tmr.interval) == (1 - zero_error_bound(31), 1.0, "exact")
    eer, auc = values["equal_error_rate", None], values["area_under_curve", None]
    # 31 people make 15 nonmated comparisons that share nobody.
    assert (eer.value, eer.low, eer.high, eer.interval) == (0, 0.0, zero_error_bound(15), "exact")
    assert (auc.value, auc.low, auc.high) == (1, 1 - zero_error_bound(15), 1.0)


def test_without_draws_the_given_thresholds_still_have_intervals() -> None:
    clusters, mated = photos_of(20, 3)
    values = attached(intervals_of(drawn_scores(clusters, mated, 1.0), mated, clusters, draws=0))
    assert values["false_match_rate", "fmr=0.1"].interval == "wilson"
    assert values["equal_error_rate", None].interval is None


def test_folds_have_their_own_intervals() -> None:
    clusters, mated = photos_of(20, 4)
    fold = (clusters.first % 5).astype(np.int16)
    kept = double_or_nothing(20, 20, np.random.default_rng(0))
    intervals = VerificationIntervals(drawn_scores(clusters, mated, 1.0), mated, fold, clusters, kept, FMRS)
    values = attached(intervals)
    mean, error = values["fold_accuracy", None], values["fold_accuracy_standard_error", None]
    assert mean.interval == "folds"
    assert mean.value is not None
    assert error.value is not None
    assert (mean.high or 0) - mean.value == pytest.approx(2.7764451 * error.value)  # Student's t, 4 degrees


def test_the_order_of_trials_changes_nothing() -> None:
    clusters, mated = photos_of(20, 4)
    scores = drawn_scores(clusters, mated, 1.0)
    scores[::17] = np.nan
    shuffled = np.random.default_rng(2).permutation(mated.size)
    one = attached(intervals_of(scores, mated, clusters))
    other = attached(intervals_of(scores[shuffled], mated[shuffled], clusters.select(shuffled)))
    assert one == other


def test_the_band_holds_the_curve() -> None:
    clusters, mated = photos_of(30, 4)
    intervals = intervals_of(drawn_scores(clusters, mated, 1.5), mated, clusters)
    band = intervals.roc_band()
    assert band is not None
    assert (np.diff(band.fmr) > 0).all()
    assert (np.diff(band.fnmr) <= 0).all()
    assert (np.diff(band.low) <= 0).all()
    assert (np.diff(band.high) <= 0).all()
    assert (band.low <= band.fnmr).all()
    assert (band.fnmr <= band.high).all()
    values = attached(intervals)
    at = int(np.argmin(np.abs(band.fmr - 0.1)))
    assert band.fnmr[at] == values["false_non_match_rate", "fmr=0.1"].value
    assert band.high[at] == pytest.approx(values["false_non_match_rate", "fmr=0.1"].high, abs=0.03)


def test_a_band_needs_scores_of_both_kinds() -> None:
    clusters, mated = photos_of(10, 2)
    scores = drawn_scores(clusters, mated, 1.0)
    scores[mated] = np.nan
    intervals = intervals_of(scores, mated, clusters)
    assert intervals.roc_band() is None
    assert attached(intervals)["equal_error_rate", None].interval is None
