"""Costs of log-likelihood ratios and of decisions: by hand, by independent computation, on models that are known."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy.stats import norm
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from bench.errors import ConfigError, InsufficientData, ShapeError
from bench.metrics import (
    Clusters,
    SubjectBootstrap,
    double_or_nothing,
    error_tradeoff,
    percentile_interval,
    rate_interval,
)
from bench.metrics.at_threshold import AtThreshold, RatePart, combined_interval
from bench.metrics.cost_figures import assess_costs, cost_draws, cost_thresholds, zero_error_intervals
from bench.metrics.costs import (
    DecisionCosts,
    detection_cost,
    equal_error_threshold,
    half_total_error_rate,
    minimum_detection_cost,
    zero_fmr,
    zero_fnmr,
)
from bench.metrics.likelihood import (
    LogisticCalibration,
    hull_thresholds,
    log_likelihood_ratio_cost,
    logistic_calibration,
    minimum_cost_draws,
    minimum_log_likelihood_ratio_cost,
    pool_adjacent_violators,
)

MATED = np.array([0.9, 0.8, 0.8, 0.4], np.float32)
NONMATED = np.array([0.8, 0.5, 0.3, 0.2, 0.1], np.float32)
CURVE = error_tradeoff(MATED, NONMATED)

# Few distinct values make many ties; the smallest step that float32 holds there is far below theirs.
SCORES = st.lists(st.integers(-8, 8).map(lambda k: k / 4), min_size=1, max_size=40).map(
    lambda values: np.array(values, np.float32)
)


def two_normals(mated: int, nonmated: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Mated scores of N(2, 1) and nonmated ones of N(0, 1), whose log-likelihood ratio is 2s - 2."""
    rng = np.random.default_rng(seed)
    return rng.normal(2, 1, mated).astype(np.float32), rng.normal(0, 1, nonmated).astype(np.float32)


def cost_of_the_true_ratios() -> float:
    """C_llr of l = 2s - 2 on two_normals, by integration."""
    s = np.linspace(-12, 14, 200_001)
    terms = norm.pdf(s, 2) * np.logaddexp(0, 2 - 2 * s), norm.pdf(s, 0) * np.logaddexp(0, 2 * s - 2)
    return float(np.trapezoid(terms[0] + terms[1], s) / 2 / math.log(2))


def minimum_by_isotonic_regression(mated: np.ndarray, nonmated: np.ndarray) -> float:
    """Minimum C_llr from scikit-learn's posterior probabilities, each score weighed so that the prior is a half."""
    scores = np.concatenate([mated, nonmated]).astype(np.float64)  # of float32 it would make float32 probabilities
    labels = np.repeat([1.0, 0.0], [mated.size, nonmated.size])
    weights = np.repeat([0.5 / mated.size, 0.5 / nonmated.size], [mated.size, nonmated.size])
    posterior = IsotonicRegression().fit_transform(scores, labels, sample_weight=weights)
    with np.errstate(divide="ignore"):
        losses = np.where(labels == 1, -np.log2(posterior), -np.log2(1 - posterior))
    return float(weights @ losses)


# ------------------------------------------------------------------------------------------- log-likelihood ratios


def test_cost_worked_by_hand() -> None:
    ratios = np.log(np.array([1.0, 3.0])), np.log(np.array([1.0, 1 / 3]))
    by_hand = ((1 + math.log2(4 / 3)) / 2 + (1 + math.log2(4 / 3)) / 2) / 2
    assert log_likelihood_ratio_cost(*ratios) == pytest.approx(by_hand, rel=1e-15)
    assert log_likelihood_ratio_cost(np.zeros(3), np.zeros(7)) == 1  # ratios that say nothing cost one bit
    assert log_likelihood_ratio_cost(np.array([np.inf]), np.array([-np.inf])) == 0
    assert log_likelihood_ratio_cost(np.array([1000.0]), np.array([1000.0])) == pytest.approx(500 / math.log(2))
    assert log_likelihood_ratio_cost(np.array([-np.inf]), np.array([-1.0])) == np.inf


def test_cost_refuses_what_is_no_ratio() -> None:
    with pytest.raises(ShapeError, match="NaN among the nonmated"):
        log_likelihood_ratio_cost(np.zeros(2), np.array([np.nan]))
    with pytest.raises(InsufficientData, match="no mated"):
        log_likelihood_ratio_cost(np.zeros(0), np.zeros(2))


def test_cost_does_not_depend_on_the_order_of_trials() -> None:
    mated, nonmated = (scores.astype(np.float64) for scores in two_normals(501, 4001))
    rng = np.random.default_rng(1)
    shuffled = rng.permutation(mated), rng.permutation(nonmated)
    assert log_likelihood_ratio_cost(*shuffled) == log_likelihood_ratio_cost(mated, nonmated)


def test_cost_and_minimum_on_a_known_model() -> None:
    mated, nonmated = two_normals(200_000, 400_000)
    ratios = LogisticCalibration(2.0, -2.0)
    truth = cost_of_the_true_ratios()
    assert log_likelihood_ratio_cost(ratios.ratios(mated), ratios.ratios(nonmated)) == pytest.approx(truth, abs=2e-3)
    least = minimum_log_likelihood_ratio_cost(error_tradeoff(mated, nonmated))
    assert least == pytest.approx(truth, abs=2e-3)
    assert least < log_likelihood_ratio_cost(ratios.ratios(mated), ratios.ratios(nonmated))


def test_minimum_worked_by_hand() -> None:
    # Pools, from below: {.1 .2 .3} without mated, {.4 .5} one of each, {.8} two to one, {.9} without nonmated.
    pools = ((0, 3), (1, 1), (2, 1), (1, 0))
    by_hand = 0.0
    for g, i in pools:
        p, q = g / 4, i / 5
        by_hand += (p * math.log2((p + q) / p) if p else 0) + (q * math.log2((p + q) / q) if q else 0)
    assert minimum_log_likelihood_ratio_cost(CURVE) == pytest.approx(by_hand / 2, rel=1e-14)
    np.testing.assert_array_equal(hull_thresholds(CURVE), np.array([0.1, 0.4, 0.8, 0.9, np.inf], np.float32))


@given(SCORES, SCORES)
@settings(max_examples=200, deadline=None)
def test_minimum_is_that_of_isotonic_regression(mated: np.ndarray, nonmated: np.ndarray) -> None:
    least = minimum_log_likelihood_ratio_cost(error_tradeoff(mated, nonmated))
    assert least == pytest.approx(minimum_by_isotonic_regression(mated, nonmated), abs=1e-12)
    assert 0 <= least <= 1 + 1e-12


def test_minimum_is_that_of_isotonic_regression_on_many_scores() -> None:
    mated, nonmated = two_normals(3_000, 30_000)
    least = minimum_log_likelihood_ratio_cost(error_tradeoff(mated, nonmated))
    assert least == pytest.approx(minimum_by_isotonic_regression(mated, nonmated), abs=1e-12)


@given(SCORES, SCORES, st.floats(0.1, 10), st.floats(-3, 3))
@settings(max_examples=100, deadline=None)
def test_no_rising_line_costs_less_than_the_minimum(
    mated: np.ndarray, nonmated: np.ndarray, scale: float, offset: float
) -> None:
    line = LogisticCalibration(scale, offset)
    least = minimum_log_likelihood_ratio_cost(error_tradeoff(mated, nonmated))
    assert least <= log_likelihood_ratio_cost(line.ratios(mated), line.ratios(nonmated)) + 1e-12


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(any), min_size=1, max_size=60))
@settings(max_examples=200, deadline=None)
def test_pools_are_those_of_scipy(elements: list[tuple[int, int]]) -> None:
    mated, nonmated = np.array(elements).T
    pools = pool_adjacent_violators(mated, nonmated)
    by_scipy = optimize.isotonic_regression(mated / (mated + nonmated), weights=mated + nonmated)
    sizes = np.diff(np.append(pools[2], mated.size))
    np.testing.assert_allclose(np.repeat(pools[0] / (pools[0] + pools[1]), sizes), by_scipy.x, atol=1e-12)
    assert np.all(np.diff(pools[0] / (pools[0] + pools[1])) > 0)


def test_pools_that_need_a_stack() -> None:
    # Shares that rise to the last element, which is so heavy and low that it pulls down one after the other.
    count = 20_000
    mated, nonmated = np.arange(1, count + 1), np.full(count, count)
    mated, nonmated = np.append(mated, 0), np.append(nonmated, 10 * count)
    started = time.perf_counter()
    pools = pool_adjacent_violators(mated, nonmated)
    assert time.perf_counter() - started < 1
    by_scipy = optimize.isotonic_regression(mated / (mated + nonmated), weights=mated + nonmated)
    np.testing.assert_array_equal(pools[2], by_scipy.blocks[:-1])


def test_pools_never_reach_across_owners() -> None:
    mated, nonmated = np.array([3, 1, 0, 2]), np.array([1, 1, 2, 1])
    owner = np.array([0, 0, 1, 1])
    found = pool_adjacent_violators(mated, nonmated, owner)
    assert [part.tolist() for part in found] == [[4, 0, 2], [2, 2, 1], [0, 2, 3]]


# ---------------------------------------------------------------------------------------------- logistic calibration


def test_logistic_calibration_is_scikit_learn_s() -> None:
    mated, nonmated = two_normals(300, 5_000)
    mated = mated * np.float32(0.1) - np.float32(0.9)  # like a distance: far from 0, narrow
    nonmated = nonmated * np.float32(0.1) - np.float32(0.9)
    found = logistic_calibration(mated, nonmated)
    scores, labels = np.concatenate([mated, nonmated]), np.repeat([1, 0], [mated.size, nonmated.size])
    weights = np.repeat([0.5 / mated.size, 0.5 / nonmated.size], [mated.size, nonmated.size]) * scores.size
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000, solver="newton-cholesky")
    theirs.fit(scores[:, None].astype(np.float64), labels, weights)
    assert found.scale == pytest.approx(theirs.coef_[0, 0], rel=1e-6)
    assert found.offset == pytest.approx(theirs.intercept_[0], rel=1e-6)


def test_logistic_calibration_finds_a_known_model() -> None:
    found = logistic_calibration(*two_normals(100_000, 200_000))
    assert (found.scale, found.offset) == pytest.approx((2, -2), abs=0.03)
    ratios = found.ratios(np.array([1, np.nan], np.float32))
    assert ratios[0] == pytest.approx(found.scale + found.offset)
    assert np.isnan(ratios[1])


def test_logistic_calibration_has_no_slope_left() -> None:
    mated, nonmated = two_normals(50, 400)
    found = logistic_calibration(mated, nonmated)

    def cost(scale: float, offset: float) -> float:
        line = LogisticCalibration(scale, offset)
        return log_likelihood_ratio_cost(line.ratios(mated), line.ratios(nonmated))

    here, step = cost(found.scale, found.offset), 1e-4
    for scale, offset in ((step, 0), (-step, 0), (0, step), (0, -step)):
        assert cost(found.scale + scale, found.offset + offset) > here
    slope = (cost(found.scale + step, found.offset) - cost(found.scale - step, found.offset)) / (2 * step)
    assert abs(slope) < 1e-8


def test_logistic_calibration_is_the_same_to_the_bit_in_any_order() -> None:
    mated, nonmated = two_normals(500, 5_000)
    rng = np.random.default_rng(2)
    assert logistic_calibration(rng.permutation(mated), rng.permutation(nonmated)) == logistic_calibration(
        mated, nonmated
    )


def test_logistic_calibration_of_scores_that_hardly_overlap() -> None:
    mated = np.array([1.0, 2.0, 3.0], np.float32)
    nonmated = np.array([-1.0, 0.0, np.nextafter(np.float32(1), np.float32(2))], np.float32)
    found = logistic_calibration(mated, nonmated)
    assert np.isfinite([found.scale, found.offset]).all()
    assert found.scale > 1


@pytest.mark.parametrize(
    ("mated", "nonmated"),
    [([0.5, 0.7], [0.1, 0.4]), ([0.1], [0.4, 0.6]), ([0.5, 0.7], [0.1, 0.5]), ([0.5], [0.5])],
    ids=["apart", "the wrong way round", "touching", "one point"],
)
def test_logistic_calibration_without_overlap_is_refused(mated: list[float], nonmated: list[float]) -> None:
    with pytest.raises(InsufficientData, match="calibrate on more people"):
        logistic_calibration(np.array(mated, np.float32), np.array(nonmated, np.float32))


# --------------------------------------------------------------------------------------------------- detection cost


def test_minimum_detection_cost_worked_by_hand() -> None:
    # At +inf: FNMR 1, FMR 0, cost 1. At 0.9: FNMR 3/4, FMR 0. At 0.8: FNMR 1/4, FMR 1/5: 0.25 + 99/5.
    point = minimum_detection_cost(CURVE)
    assert point.value == pytest.approx(0.75, rel=1e-12)
    assert (point.threshold, point.false_matches, point.false_non_matches) == (pytest.approx(0.9), 0, 3)
    even = minimum_detection_cost(CURVE, DecisionCosts(mated_share=0.5))
    assert even == pytest.approx((0 + 2 / 5, 0.4, 2, 0))  # at 0.8 it is 1/4 + 1/5
    dear = minimum_detection_cost(CURVE, DecisionCosts(mated_share=0.5, false_alarm=3))
    assert dear == pytest.approx((3 / 4, 0.9, 0, 3))  # at 0.8 it is 1/4 + 3/5


def test_a_blind_decision_costs_one() -> None:
    ones = np.ones(1)
    assert detection_cost(0 * ones, ones)[0] == 1
    assert detection_cost(ones, 0 * ones, DecisionCosts(mated_share=0.9))[0] == pytest.approx(1)
    with pytest.raises(ConfigError, match="mated_share"):
        DecisionCosts(mated_share=1.0)


@given(SCORES, SCORES)
@settings(max_examples=100, deadline=None)
def test_the_grid_of_draws_has_both_minima(mated: np.ndarray, nonmated: np.ndarray) -> None:
    curve = error_tradeoff(mated, nonmated)
    grid = cost_thresholds(curve, 4)
    assert np.all(np.diff(grid) > 0)
    at = np.searchsorted(curve.thresholds, grid)
    fmr, fnmr = curve.fmr[at][None], curve.fnmr[at][None]
    assert detection_cost(fmr, fnmr).min() == minimum_detection_cost(curve).value
    assert minimum_cost_draws(fmr, fnmr)[0] == pytest.approx(minimum_log_likelihood_ratio_cost(curve), abs=1e-12)


# -------------------------------------------------------------------------------------------------- rates and points


def test_zero_rates_worked_by_hand() -> None:
    assert zero_fmr(CURVE)[0] == 3 / 4  # one mated score is above 0.8
    assert zero_fnmr(CURVE)[0] == 2 / 5  # two nonmated scores reach 0.4
    apart = error_tradeoff(np.array([2, 3], np.float32), np.array([0, 1], np.float32))
    assert (zero_fmr(apart).value, zero_fnmr(apart).value) == (0, 0)


def test_equal_error_threshold_and_hter() -> None:
    # |FMR - FNMR| at 0.4, 0.5, 0.8: 0.4, |0.4 - 0.25| = 0.15, |0.2 - 0.25| = 0.05.
    assert equal_error_threshold(CURVE) == float(np.float32(0.8))
    assert half_total_error_rate(0.2, 0.25) == pytest.approx(0.225)
    both = np.array([0.5], np.float32)
    assert equal_error_threshold(error_tradeoff(both, both)) == 0.5  # never +inf, which no file could hold


def people(count: int, photos: int, seed: int) -> tuple[np.ndarray, np.ndarray, Clusters]:
    """Scores of all pairs of photos, float32; whether mated; whose. Photos of a person lie about their centre."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(count), photos)
    places = rng.normal(0, 1, (count, 6))[who] + rng.normal(0, 0.6, (who.size, 6))
    first, second = np.triu_indices(who.size, 1)
    scores = -np.linalg.norm(places[first] - places[second], axis=1).astype(np.float32)
    clusters = Clusters(who[first].astype(np.int32), who[second].astype(np.int32), count)
    return scores, who[first] == who[second], clusters


def test_figures_at_a_fixed_threshold() -> None:
    scores, mated, clusters = people(30, 4, 0)
    scores[::50] = np.nan
    failed = np.isnan(scores)
    judged = {value.figure: value for value in AtThreshold(-2.0, scores, mated, clusters).figures("dev:fmr=0.01")}
    fmr = np.mean(scores[~mated & ~failed] >= -2)
    fnmr = np.mean(scores[mated & ~failed] < -2)
    fta = failed.mean()
    expected = {
        "false_match_rate": fmr,
        "false_non_match_rate": fnmr,
        "true_match_rate": 1 - fnmr,
        "false_accept_rate": fmr * (1 - fta),
        "false_reject_rate": fta + fnmr * (1 - fta),
        "true_accept_rate": 1 - fta - fnmr * (1 - fta),
    }
    assert {name: value.value for name, value in judged.items()} == pytest.approx(expected, rel=1e-12)
    for value in judged.values():
        assert value.low is not None
        assert value.high is not None
        assert value.low < value.value < value.high
        assert (value.interval, value.operating_point) == ("wilson", "dev:fmr=0.01")
    kept = mated & ~failed
    interval = rate_interval(scores[kept] < -2, clusters.select(kept))
    assert (judged["false_non_match_rate"].low, judged["false_non_match_rate"].high) == interval[:2]
    assert judged["true_match_rate"].low == 1 - interval.high
    assert judged["false_reject_rate"].n == mated.sum()


def test_a_score_at_the_threshold_is_accepted() -> None:
    scores, mated = np.array([0.5, 0.5, 0.4], np.float32), np.array([True, False, False])
    clusters = Clusters(np.array([0, 0, 0], np.int32), np.array([0, 1, 2], np.int32), 3)
    rates = [value.value for value in AtThreshold(0.5, scores, mated, clusters).figures("x")]
    assert rates == [0.5, 0, 1, 0.5, 0, 1]


def test_without_failures_far_and_frr_are_fmr_and_fnmr() -> None:
    scores, mated, clusters = people(20, 4, 1)
    fmr, fnmr, _, far, frr, _ = AtThreshold(-2.0, scores, mated, clusters).figures("x")
    assert (far.value, far.low, far.high) == (fmr.value, fmr.low, fmr.high)
    assert (frr.value, frr.low, frr.high) == (fnmr.value, fnmr.low, fnmr.high)


def test_without_errors_the_bound_counts_people() -> None:
    scores, mated, clusters = people(20, 4, 1)
    fmr, fnmr, *_ = AtThreshold(1.0, scores, mated, clusters).figures("x")
    assert (fmr.value, fmr.low, fmr.interval) == (0, 0, "exact")
    assert fmr.high == pytest.approx(1 - 0.05 ** (1 / 10))
    assert (fnmr.value, fnmr.high, fnmr.low) == (1, 1, pytest.approx(0.05 ** (1 / 20)))
    hter = AtThreshold(1.0, scores, mated, clusters).half_total_error("x")
    assert (hter.value, hter.interval) == (0.5, "exact")
    # Below by the bound of the mated trials alone, above by that of the nonmated ones.
    assert hter.low == pytest.approx(0.5 - (1 - 0.05 ** (1 / 20)) / 2)
    assert hter.high == pytest.approx(0.5 + (1 - 0.05 ** (1 / 10)) / 2)


def test_without_a_threshold_nothing_has_a_value() -> None:
    scores, mated, clusters = people(5, 2, 1)
    judged = AtThreshold(None, scores, mated, clusters, "insufficient")
    for value in [*judged.figures("x"), judged.half_total_error("x")]:
        assert (value.value, value.low, value.support) == (None, None, "insufficient")


def test_a_weak_threshold_makes_weak_figures() -> None:
    scores, mated, clusters = people(30, 6, 2)
    strong, weak = (AtThreshold(-2.0, scores, mated, clusters, support).figures("x") for support in ("ok", "weak"))
    assert strong[0].support == "ok"
    assert {value.support for value in weak} == {"weak"}


def test_combined_interval_of_independent_rates_is_newcombe_s() -> None:
    # Nobody is in two trials, so the two rates share nobody.
    count = 400
    codes = np.arange(2 * count, dtype=np.int32)
    clusters = Clusters(codes, codes, 2 * count)
    first = codes < count
    errors = (codes % 10 == 0) & first | (codes % 4 == 0) & ~first
    parts = RatePart(0.5, errors, first), RatePart(0.5, errors, ~first)
    found = combined_interval((0.1 + 0.25) / 2, parts, clusters)
    low, high = zip(*(rate_interval(errors[among], clusters.select(among))[:2] for _, _, among in parts), strict=True)
    assert found.low == pytest.approx(0.175 - math.hypot(0.1 - low[0], 0.25 - low[1]) / 2, rel=1e-12)
    assert found.high == pytest.approx(0.175 + math.hypot(high[0] - 0.1, high[1] - 0.25) / 2, rel=1e-12)


def test_rates_that_fail_together_have_a_wider_sum() -> None:
    # The same people err in both halves: the sum varies as twice one of them.
    count = 100
    codes = np.tile(np.arange(count, dtype=np.int32), 2)
    clusters = Clusters(codes, codes, count)
    first = np.arange(2 * count) < count
    errors = codes % 5 == 0
    together = combined_interval(0.2, (RatePart(0.5, errors, first), RatePart(0.5, errors, ~first)), clusters)
    alone = rate_interval(errors[first], clusters.select(first))
    assert (together.low, together.high) == pytest.approx(alone[:2], rel=1e-12)
    apart = combined_interval(0.2, (RatePart(0.5, errors, first), RatePart(0.5, np.roll(errors, 1), ~first)), clusters)
    assert apart.high - apart.low < 0.8 * (together.high - together.low)


@pytest.mark.full
def test_the_interval_of_hter_covers() -> None:
    def hter(scores: np.ndarray, mated: np.ndarray) -> float:
        return half_total_error_rate(float(np.mean(scores[~mated] >= -2)), float(np.mean(scores[mated] < -2)))

    truth = np.mean([hter(*people(60, 5, seed)[:2]) for seed in range(10_000, 11_000)])
    inside = 0
    for seed in range(1_000):
        scores, mated, clusters = people(30, 5, seed)
        found = AtThreshold(-2.0, scores, mated, clusters).half_total_error("x")
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= truth <= found.high
    assert 930 <= inside <= 975


# ---------------------------------------------------------------------------------- figures of one list, bootstrapped


def test_all_costs_of_one_list() -> None:
    scores, mated, clusters = people(40, 5, 3)
    scores[0] = np.nan
    values = {value.figure: value for value in assess_costs(scores, mated)}
    acquired = ~np.isnan(scores)
    curve = error_tradeoff(scores[acquired & mated], scores[acquired & ~mated])
    assert values["minimum_detection_cost"].value == minimum_detection_cost(curve).value
    assert values["minimum_log_likelihood_ratio_cost"].value == minimum_log_likelihood_ratio_cost(curve)
    assert values["minimum_log_likelihood_ratio_cost"].support == "ok"
    assert values["minimum_detection_cost"].support == "weak"  # its threshold accepts hardly anybody
    intervals = zero_error_intervals(scores, mated, clusters)
    for name in ("zero_fmr_false_non_match_rate", "zero_fnmr_false_match_rate"):
        assert intervals[name].low <= values[name].value <= intervals[name].high


def test_minimum_costs_without_errors_have_a_bound_that_counts_people() -> None:
    who = np.repeat(np.arange(200, dtype=np.int32), 2)
    first, second = np.triu_indices(who.size, 1)
    clusters, mated = Clusters(who[first], who[second], 200), who[first] == who[second]
    scores = mated.astype(np.float32)
    assert [value.value for value in assess_costs(scores, mated)] == [0, 0, 0, 0]
    found = zero_error_intervals(scores, mated, clusters)
    fnmr, fmr = 1 - 0.05 ** (1 / 200), 1 - 0.05 ** (1 / 100)
    assert found["minimum_detection_cost"] == (0, 1, "exact")  # 99 times the bound of the FMR is no better than blind
    accepted, rejected = math.log((1 - fnmr) / fmr), math.log(fnmr / (1 - fmr))
    ratios = np.array([accepted, rejected])
    costs = np.log2(1 + np.exp(-ratios)), np.log2(1 + np.exp(ratios))
    by_hand = ((1 - fnmr) * costs[0][0] + fnmr * costs[0][1] + fmr * costs[1][0] + (1 - fmr) * costs[1][1]) / 2
    assert found["minimum_log_likelihood_ratio_cost"] == (0, pytest.approx(by_hand, rel=1e-12), "exact")
    assert 0.05 < by_hand < 0.2


def test_costs_without_scores_of_a_kind_are_insufficient() -> None:
    scores, mated = np.array([0.5, np.nan], np.float32), np.array([True, False])
    assert {(value.value, value.support) for value in assess_costs(scores, mated)} == {(None, "insufficient")}
    clusters = Clusters(np.zeros(2, np.int32), np.array([0, 1], np.int32), 2)
    assert zero_error_intervals(scores, mated, clusters) == {}


def test_minimum_costs_of_draws_are_those_of_their_trials() -> None:
    scores, mated, clusters = people(30, 4, 4)
    kept = double_or_nothing(30, 40, np.random.default_rng(0))
    kept[0] = True  # the draw that keeps everybody is the trials themselves
    kept[1] = False
    curve = error_tradeoff(scores[mated], scores[~mated])
    boot = SubjectBootstrap(scores, mated, clusters, kept)
    fmr, fnmr = boot.error_rates(cost_thresholds(curve))
    ratio_draws, detection_draws = minimum_cost_draws(fmr, fnmr), detection_cost(fmr, fnmr).min(axis=1)
    assert detection_draws[0] == minimum_detection_cost(curve).value
    assert ratio_draws[0] == pytest.approx(minimum_log_likelihood_ratio_cost(curve), abs=1e-12)
    assert np.isnan([ratio_draws[1], detection_draws[1]]).all()
    for draw in range(2, 40):
        trials = kept[draw][clusters.first] & kept[draw][clusters.second]
        own = error_tradeoff(scores[trials & mated], scores[trials & ~mated])
        exact = minimum_log_likelihood_ratio_cost(own)
        assert exact - 1e-12 <= ratio_draws[draw] <= exact + 0.03
        cost = minimum_detection_cost(own).value
        assert cost - 1e-12 <= detection_draws[draw] <= 1
    found = cost_draws(curve, boot)["minimum_log_likelihood_ratio_cost"]
    lacking = minimum_log_likelihood_ratio_cost(curve) - np.nanmean(ratio_draws)
    assert lacking > 0
    np.testing.assert_allclose(found, np.minimum(ratio_draws + 2 * lacking, 1), rtol=1e-12)


def test_minimum_costs_without_a_single_defined_draw() -> None:
    scores, mated, clusters = people(4, 2, 4)
    boot = SubjectBootstrap(scores, mated, clusters, np.zeros((3, 4), np.bool_))
    for draws in cost_draws(error_tradeoff(scores[mated], scores[~mated]), boot).values():
        assert np.isnan(draws).all()


@pytest.mark.full
def test_the_interval_of_the_minimum_cost_covers() -> None:
    truth = 0.447  # means at 60, 120 and 240 people of 5 photos, 300 to 80 repetitions: 0.439, 0.444, 0.446
    inside, rng = 0, np.random.default_rng(0)
    for seed in range(400):
        scores, mated, clusters = people(40, 5, seed)
        boot = SubjectBootstrap(scores, mated, clusters, double_or_nothing(40, 300, rng))
        draws = cost_draws(error_tradeoff(scores[mated], scores[~mated]), boot)["minimum_log_likelihood_ratio_cost"]
        found = percentile_interval(draws)
        assert found is not None
        inside += found.low <= truth <= found.high
    assert 0.92 * 400 <= inside <= 0.98 * 400


def test_pools_of_a_thousand_draws_are_quick() -> None:
    rng = np.random.default_rng(0)
    fmr = np.sort(rng.uniform(0, 1, (1000, 400)), axis=1)[:, ::-1]
    fnmr = np.sort(rng.uniform(0, 0.5, (1000, 400)), axis=1)
    started = time.perf_counter()
    minimum_cost_draws(fmr, fnmr)
    assert time.perf_counter() - started < 2
