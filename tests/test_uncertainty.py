"""Intervals: values worked by hand, sums over all pairs of trials, and every bootstrap draw against its definition."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.errors import ConfigError, InsufficientData, ShapeError
from bench.metrics import (
    Clusters,
    Interval,
    SubjectBootstrap,
    area_under_curve,
    clusters_of,
    decidability,
    double_or_nothing,
    drawn_rate_interval,
    equal_error_rate,
    error_tradeoff,
    fold_deviation_interval,
    fold_mean_interval,
    independent_trials,
    kept_counts,
    percentile_interval,
    rate_interval,
    rate_spread,
    rate_variance,
    threshold_at_fmr,
    two_way,
    wilson_interval,
    zero_error_bound,
)
from bench.seeding import stream

Z = float(stats.norm.ppf(0.975))


def clusters(pairs, count=None):
    first, second = np.array(pairs, np.int32).reshape(-1, 2).T
    return Clusters(first.copy(), second.copy(), count or int(max(first.max(), second.max())) + 1)


def all_pairs(people):
    return clusters(list(itertools.combinations(range(people), 2)), people)


def mated_only(counts):
    codes = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    return Clusters(codes, codes, len(counts))


trial_lists = st.integers(2, 6).flatmap(
    lambda people: st.lists(
        st.tuples(st.integers(0, people - 1), st.integers(0, people - 1), st.booleans()), min_size=1, max_size=40
    ).map(lambda rows: (clusters([row[:2] for row in rows], people), np.array([row[2] for row in rows])))
)
"""Trials of few people, some mated, with whether each is an error."""


# ------------------------------------------------------------------------------------------------------- clusters


def test_people_have_one_code_whether_probe_or_reference():
    found = clusters_of(["cy", "ann", "bo", "cy"], ["ann", "bo", "bo", "cy"])
    assert (found.first.tolist(), found.second.tolist(), found.count) == ([2, 0, 1, 2], [0, 1, 1, 2], 3)
    assert found.first.dtype == found.second.dtype == np.int32
    part = found.select(np.array([False, True, True, False]))
    assert (part.first.tolist(), part.second.tolist(), part.count, part.present()) == ([0, 1], [1, 1], 3, 2)
    assert found.select(np.array([3, 0])).first.tolist() == [2, 2]
    assert len(found) == 4


def test_a_source_and_a_target_of_one_name_are_two_clusters():
    found = two_way(["bo", "ann", "bo"], ["ann", "cy", "cy"])
    assert (found.first.tolist(), found.second.tolist(), found.count) == ([1, 0, 1], [2, 3, 3], 4)


def test_lists_of_names_must_fit():
    for make in (clusters_of, two_way):
        with pytest.raises(ShapeError, match="got 2 and 1 names"):
            make(["a", "b"], ["a"])


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.array([0]), np.array([0], np.int32), "first int64"),
        (np.array([0, 1], np.int32), np.array([0], np.int32), r"second int32 \(1,\)"),
        (np.array([0, 2], np.int32), np.array([0, 1], np.int32), "first from 0 to 2; expected codes from 0 to 1"),
        (np.array([0], np.int32), np.array([-1], np.int32), "second from -1"),
    ],
)
def test_codes_must_be_in_range(first, second, message):
    with pytest.raises(ShapeError, match=message):
        Clusters(first, second, 2)


@pytest.mark.parametrize(
    ("trials", "independent"),
    [
        (mated_only([3, 1, 5]), 3),
        (all_pairs(7), 3),
        (all_pairs(8), 4),
        (clusters([(0, k) for k in range(1, 9)]), 1),
        (clusters([(0, 4), (0, 1), (1, 2), (2, 3), (3, 5)]), 3),  # a path, where taking (0, 1) first would give two
        (two_way([f"s{k}" for k in range(20) for _ in range(4)], [f"t{k}" for _ in range(20) for k in range(4)]), 4),
        (clusters([(0, 0), (0, 1), (1, 2), (0, 2)]), 2),  # the mated trial of 0, then 1 and 2
        (clusters([(0, 1), (0, 1), (1, 0)]), 1),
        (Clusters(np.zeros(0, np.int32), np.zeros(0, np.int32), 0), 0),
    ],
)
def test_independent_trials_worked_by_hand(trials, independent):
    assert independent_trials(trials) == independent


@given(trial_lists)
def test_independent_trials_can_be_chosen_and_are_at_least_half_of_the_most(case):
    trials, _ = case
    pairs = sorted(
        {frozenset(pair) for pair in zip(trials.first.tolist(), trials.second.tolist(), strict=True)}, key=sorted
    )

    def most(left, taken=frozenset()):
        if not left:
            return 0
        without = most(left[1:], taken)
        return without if left[0] & taken else max(without, 1 + most(left[1:], taken | left[0]))

    best = most(pairs)
    assert best / 2 <= independent_trials(trials) <= best
    backwards = Clusters(trials.second[::-1].copy(), trials.first[::-1].copy(), trials.count)
    assert independent_trials(backwards) == independent_trials(trials)


# ------------------------------------------------------------------------------------------------------- variance


def variance_by_definition(errors, trials):
    """Products of the residuals of all ordered pairs of trials that share anyone, in two parts, in fractions."""
    values = [Fraction(float(error)) for error in errors]
    mean = sum(values) / len(values)
    people = [frozenset(pair) for pair in zip(trials.first.tolist(), trials.second.tolist(), strict=True)]
    within = between = Fraction(0)
    for i, j in itertools.product(range(len(values)), repeat=2):
        product = (values[i] - mean) * (values[j] - mean)
        if people[i] == people[j]:
            within += product
        elif people[i] & people[j]:
            between += product
    return (within + max(between, 0)) / len(values) ** 2


@given(trial_lists)
def test_variance_is_the_sum_over_all_pairs_of_trials_that_share_anyone(case):
    trials, errors = case
    assert rate_variance(errors, trials) == float(variance_by_definition(errors, trials))


@given(trial_lists, st.randoms(use_true_random=False))
def test_variance_of_numbers_is_the_same_sum_and_does_not_depend_on_the_order(case, chance):
    trials, errors = case
    values = np.array([chance.uniform(-1, 1) for _ in errors])
    found = rate_variance(values, trials)
    assert found == pytest.approx(float(variance_by_definition(values, trials)), abs=1e-12)
    order = np.array(chance.sample(range(errors.size), errors.size))
    assert rate_variance(values[order], trials.select(order)) == found
    assert rate_variance(errors.astype(np.float32), trials) == pytest.approx(rate_variance(errors, trials), abs=1e-12)


def test_variance_of_trials_that_share_no_one_is_the_binomial_one():
    errors = np.arange(40) % 4 == 0
    pairs = clusters([(2 * k, 2 * k + 1) for k in range(40)])
    assert rate_variance(errors, pairs) == 0.25 * 0.75 / 40
    assert rate_spread(errors, pairs).degrees == math.inf


def test_variance_of_one_person_s_errors_is_that_of_one_trial():
    """Four people with five mated trials each; one person's all fail."""
    errors = np.arange(20) < 5
    assert rate_variance(errors, mated_only([5] * 4)) == 0.25 * 0.75 / 4


def test_variance_worked_by_hand_for_a_triangle():
    """Errors on two of the pairs ab, ac, bc: residuals 1/3, 1/3, -2/3, every two of which share someone."""
    assert rate_variance(np.array([True, True, False]), all_pairs(3)) == float(Fraction(6, 9) / 9)


def test_pairs_are_counted_alike_in_a_table_and_by_sorting():
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 50, (2, 5000), dtype=np.int32)
    errors = rng.random(5000) < 0.1
    few, many = Clusters(first, second, 50), Clusters(first * 2000, second * 2000, 100_000)
    assert rate_variance(errors, few) == rate_variance(errors, many)
    assert rate_spread(errors, few) == rate_spread(errors, many)


def test_variance_needs_a_finite_error_for_every_trial():
    pair = all_pairs(2)
    with pytest.raises(ShapeError, match="for 1 trials"):
        rate_variance(np.array([True, False]), pair)
    with pytest.raises(ShapeError, match="not finite"):
        rate_variance(np.array([np.nan]), pair)
    with pytest.raises(InsufficientData, match="no trial"):
        rate_variance(np.zeros(0, bool), pair.select(np.zeros(1, bool)))
    with pytest.raises(ShapeError, match="expected bool"):
        rate_spread(np.array([1.0]), pair)


@pytest.mark.parametrize("people", [1, 2, 5])
def test_degrees_count_the_people_whose_errors_come_together(people):
    """So many of 1,000 people fail all their 20 trials, the others none: C_p is nearly 20·19 for each of them."""
    errors = np.repeat(np.arange(1000) < people, 20)
    assert rate_spread(errors, mated_only([20] * 1000)).degrees == pytest.approx(people * (20 / 19) ** 2, rel=0.02)


def test_degrees_are_infinite_where_no_one_s_trials_could_come_together():
    assert rate_spread(np.arange(10) < 3, mated_only([1] * 10)).degrees == math.inf


@given(trial_lists)
def test_degrees_are_at_least_one(case):
    trials, errors = case
    assert rate_spread(errors, trials).degrees >= 1
    assert rate_spread(errors, trials).variance == rate_variance(errors, trials)


# ------------------------------------------------------------------------------------------------------ intervals


def test_wilson_worked_by_hand():
    """10 of 100: Wilson's interval is 0.0552 to 0.1744."""
    assert wilson_interval(0.1, 100, 10, 100) == pytest.approx((0.05522914, 0.17436566), abs=1e-8)


@pytest.mark.parametrize(
    ("errors", "low", "high"),
    [
        (0, 0.0, None),
        (1, -math.log(0.95) / 50, None),
        (2, None, None),
        (48, None, None),
        (49, None, 1 + math.log(0.95) / 50),
        (50, None, 1.0),
    ],
)
def test_wilson_is_modified_at_the_ends(errors, low, high):
    found = wilson_interval(errors / 50, 50, errors, 50)
    plain = stats.binomtest(errors, 50).proportion_ci(method="wilson")
    assert found == pytest.approx((plain.low if low is None else low, plain.high if high is None else high), abs=1e-12)


def test_wilson_depends_on_the_effective_number_only_through_z_squared():
    """So that Student's t can enter as a smaller number of trials."""
    t = float(stats.t.ppf(0.975, 7))
    low, high = wilson_interval(0.2, 60 * (Z / t) ** 2, 20, 100)
    spread = t * math.sqrt((0.2 * 0.8 + t * t / 240) / 60)
    middle, scale = 0.2 + t * t / 120, 1 + t * t / 60
    assert (low, high) == pytest.approx(((middle - spread) / scale, (middle + spread) / scale), abs=1e-12)


@pytest.mark.parametrize("wrong", [(-0.1, 5, 0, 5), (0.1, 0, 1, 10), (0.1, 5, 11, 10), (math.nan, 5, 1, 10)])
def test_wilson_refuses_what_is_no_rate(wrong):
    with pytest.raises(ShapeError, match="expected a rate"):
        wilson_interval(*wrong)


def test_without_errors_the_bound_counts_people_not_trials():
    none = np.zeros(45, bool)
    assert rate_interval(none, mated_only([5] * 9)) == Interval(0.0, pytest.approx(1 - 0.05 ** (1 / 9)), "exact")
    assert rate_interval(none, all_pairs(10)) == Interval(0.0, pytest.approx(1 - 0.05 ** (1 / 5)), "exact")
    assert rate_interval(~none, mated_only([5] * 9)) == Interval(pytest.approx(0.05 ** (1 / 9)), 1.0, "exact")


def test_zero_error_bound_is_the_rule_of_three():
    assert zero_error_bound(3000) == pytest.approx(0.000998, abs=1e-6)
    assert zero_error_bound(1) == pytest.approx(0.95)
    with pytest.raises(InsufficientData, match="got 0 independent trials"):
        zero_error_bound(0)


def test_rate_interval_of_independent_trials_is_wilson_s():
    errors = np.arange(200) % 10 == 0
    found = rate_interval(errors, mated_only([1] * 200))
    assert found == (*wilson_interval(0.1, 200, 20, 200), "wilson")


def test_rate_interval_widens_with_shared_people_and_with_few_of_them():
    errors = np.repeat(np.arange(100) < 10, 10)
    trials = mated_only([10] * 100)
    found = rate_interval(errors, trials)
    spread = rate_spread(errors, trials)
    assert spread.variance == pytest.approx(0.1 * 0.9 / 100)
    t = float(stats.t.ppf(0.975, spread.degrees))
    assert found[:2] == pytest.approx(wilson_interval(0.1, 100 * (Z / t) ** 2, 100, 1000), abs=1e-12)
    assert found.high - found.low > 1.05 * np.subtract(*wilson_interval(0.1, 100, 100, 1000)[::-1])


def test_a_variance_below_the_binomial_one_is_not_believed():
    """Everyone has one error in two trials, so that all residuals cancel within each person."""
    errors = np.arange(40) % 2 == 0
    trials = mated_only([2] * 20)
    assert rate_variance(errors, trials) == 0
    t = float(stats.t.ppf(0.975, rate_spread(errors, trials).degrees))
    assert rate_interval(errors, trials)[:2] == pytest.approx(
        wilson_interval(0.5, 40 * (Z / t) ** 2, 20, 40), abs=1e-12
    )
    assert rate_spread(errors, trials).degrees == 10**2 / (20 * 0.5**2)


@given(trial_lists)
def test_a_rate_lies_in_its_interval(case):
    trials, errors = case
    found = rate_interval(errors, trials)
    assert 0 <= found.low <= errors.mean() <= found.high <= 1
    mirrored = rate_interval(~errors, trials)
    assume(errors.size > 2)  # of two trials one is both one error and one success, and cimat modifies the lower end
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high), abs=1e-9)


def test_rate_interval_refuses_what_is_no_list_of_errors():
    with pytest.raises(ShapeError, match="got errors float64"):
        rate_interval(np.array([0.5]), all_pairs(2))
    with pytest.raises(InsufficientData, match="no trial"):
        rate_interval(np.zeros(0, bool), all_pairs(2).select(np.zeros(1, bool)))


def test_fold_intervals_are_student_s_and_chi_square():
    values = np.array([0.91, 0.95, 0.93, 0.97, 0.9])
    mean, deviation = values.mean(), values.std(ddof=1)
    found = fold_mean_interval(mean, deviation / math.sqrt(5), 5)
    assert found[:2] == pytest.approx(stats.t.interval(0.95, 4, mean, stats.sem(values)))
    low, high = deviation * np.sqrt(4 / stats.chi2.ppf([0.975, 0.025], 4))
    assert fold_deviation_interval(deviation, 5) == (pytest.approx(low), pytest.approx(high), "folds")
    assert fold_mean_interval(0.99, 0.02, 5).high == 1
    for function in (lambda: fold_mean_interval(0.5, 0.1, 1), lambda: fold_deviation_interval(0.1, 1)):
        with pytest.raises(InsufficientData, match="got 1 folds"):
            function()


def test_percentiles_need_nine_draws_in_ten():
    draws = np.arange(1001.0)
    assert percentile_interval(draws) == (25, 975, "bootstrap")
    draws[:100] = np.nan
    assert percentile_interval(draws) == (100 + 22.5, 977.5, "bootstrap")
    draws[:101] = np.nan
    assert percentile_interval(draws) is None
    assert drawn_rate_interval(0.5, draws / 1000, 10) is None
    with pytest.raises(ShapeError, match="at least one"):
        percentile_interval(np.zeros(0))


def test_a_rate_s_draws_enter_wilson_s_interval_through_their_variance():
    draws = np.array([0.05, 0.15] * 50)
    found = drawn_rate_interval(0.1, draws, 1000)
    assert found[:2] == pytest.approx(wilson_interval(0.1, 0.09 / 0.0025, 100, 1000))
    assert found.method == "bootstrap"
    assert drawn_rate_interval(0.1, draws[::-1].copy(), 1000) == found
    rescaled = (Z / float(stats.t.ppf(0.975, 4))) ** 2
    fewer = drawn_rate_interval(0.1, draws, 1000, degrees=4)
    assert fewer[:2] == pytest.approx(wilson_interval(0.1, 0.09 / 0.0025 * rescaled, 100, 1000))
    assert drawn_rate_interval(0.1, np.full(9, 0.1), 1000)[:2] == wilson_interval(0.1, 1000, 100, 1000)
    assert drawn_rate_interval(0.0, draws, 1000) is None
    with pytest.raises(ShapeError, match="expected 0 to 1"):
        drawn_rate_interval(1.5, draws, 1000)


# ------------------------------------------------------------------------------------------------------ bootstrap

RATES = (1.0, 0.5, 0.29, 0.1, 0.01)
FIGURES = ("equal_error_rate", "area_under_curve", "best_accuracy", "decidability", "mated_mean", "nonmated_mean")


def point_at(genuine, impostor, rate):
    """The smallest float32 with FMR at most the rate: also where the budget is 0 and `threshold_at_fmr` gives none."""
    point = threshold_at_fmr(genuine, impostor, rate)
    if point.threshold is not None or not impostor.size:
        return point.threshold, point.achieved_fmr, point.fnmr
    threshold = np.nextafter(impostor.max(), np.float32(np.inf))
    return threshold, 0, np.mean(genuine < threshold) if genuine.size else None


def of_draw(kept, scores, mated, trials, thresholds):
    """Every figure of one draw, on the kept scores alone."""
    chosen = kept[trials.first] & kept[trials.second]
    genuine, impostor = scores[chosen & mated], scores[chosen & ~mated]
    points = [point_at(genuine, impostor, rate) for rate in RATES]
    found = {
        "thresholds": [point[0] for point in points],
        "fmr": [point[1] for point in points],
        "fnmr": [point[2] for point in points],
        "rates_fmr": [np.mean(impostor >= at) if impostor.size else None for at in thresholds],
        "rates_fnmr": [np.mean(genuine < at) if genuine.size else None for at in thresholds],
        "mated_mean": genuine.mean(dtype=float) if genuine.size else None,
        "nonmated_mean": impostor.mean(dtype=float) if impostor.size else None,
        **dict.fromkeys(FIGURES[:4]),
    }
    if genuine.size and impostor.size:
        curve = error_tradeoff(genuine, impostor)
        found["equal_error_rate"] = equal_error_rate(curve)
        found["area_under_curve"] = area_under_curve(curve)
        wrong = 2 * curve.false_matches + curve.false_non_matches
        found["best_accuracy"] = 1 - wrong.min() / (2 * curve.nonmated + curve.mated)
        if np.ptp(genuine) or np.ptp(impostor):
            found["decidability"] = decidability(genuine, impostor)
    return {name: np.array(value, float) for name, value in found.items()}


def of_all_draws(boot, thresholds):
    fmr, fnmr = boot.error_rates(thresholds)
    return {
        **boot.at_fmr(RATES)._asdict(),
        "rates_fmr": fmr,
        "rates_fnmr": fnmr,
        **{name: getattr(boot, name)() for name in FIGURES},
    }


EXACT = ("thresholds", "fmr", "fnmr", "rates_fmr", "rates_fnmr", "equal_error_rate")


def assert_equals_definition(scores, mated, trials, kept, thresholds, exact=EXACT, close=None):
    found = of_all_draws(SubjectBootstrap(scores, mated, trials, kept), thresholds)
    for draw, each in enumerate(kept):
        expected = of_draw(each, scores, mated, trials, thresholds)
        for name, values in expected.items():
            if name in exact:
                np.testing.assert_array_equal(found[name][draw], values, err_msg=name)
            else:
                tolerance = (close or {}).get(name, 1e-5)
                np.testing.assert_allclose(found[name][draw], values, rtol=0, atol=tolerance, err_msg=name)


@st.composite
def verification_trials(draw):
    people = draw(st.integers(2, 8))
    rows = draw(st.lists(st.tuples(*[st.integers(0, people - 1)] * 2), min_size=1, max_size=60))
    level = draw(st.sampled_from([2, 7, 1000]))
    values = draw(st.lists(st.integers(-level, level), min_size=len(rows), max_size=len(rows)))
    kept = draw(st.lists(st.lists(st.booleans(), min_size=people, max_size=people), min_size=1, max_size=11))
    trials = clusters(rows, people)
    scores = (np.array(values) / level).astype(np.float32)
    thresholds = draw(st.lists(st.sampled_from([*scores.tolist(), -2.0, 0.1, 2.0, math.inf]), max_size=6))
    return scores, trials.first == trials.second, trials, np.array(kept), np.array(thresholds, np.float32)


@settings(max_examples=100, deadline=None)
@given(verification_trials())
def test_every_figure_of_every_draw_is_that_of_the_kept_trials(case):
    scores, mated, trials, kept, thresholds = case
    exact = (*EXACT, "area_under_curve")
    assert_equals_definition(scores, mated, trials, kept, thresholds, exact, {"decidability": 1e-3})


@settings(max_examples=100, deadline=None)
@given(case=verification_trials())
def test_what_is_exact_is_exact_on_a_coarse_grid_too(case):
    with pytest.MonkeyPatch.context() as patch:  # so few places are counted that nearly all must be looked for
        patch.setattr(kept_counts, "EXACT_SCORES", 3)
        patch.setattr(kept_counts, "_EVEN_STEPS", 2)
        patch.setattr(kept_counts, "_STEPS_PER_FACTOR_E", 1)
        assert_equals_definition(*case, close=dict.fromkeys(FIGURES, 1.0) | {"decidability": 1e-3})


def random_effects(seed, people, nonmated, mated, levels=None):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, people, nonmated + mated, dtype=np.int32)
    second = ((first + rng.integers(1, people, first.size)) % people).astype(np.int32)
    is_mated = np.arange(first.size) >= nonmated
    second[is_mated] = first[is_mated]
    effect = rng.normal(0, 0.5, people)
    scores = rng.normal(0, 1, first.size) + effect[first] + effect[second] + 3 * is_mated
    if levels:
        scores = np.round(scores * levels) / levels
    order = rng.permutation(first.size)
    return scores[order].astype(np.float32), is_mated[order], Clusters(first[order], second[order], people)


@pytest.mark.parametrize("levels", [None, 3], ids=["loose", "tied"])
def test_long_lists_equal_the_definition(levels):
    """More scores of a kind than the grid holds, more than 255 between its places, and draws that are no full byte."""
    scores, mated, trials = random_effects(0, 80, 300_000, 20_000, levels)
    kept = double_or_nothing(80, 13, np.random.default_rng(1))
    thresholds = np.linspace(-2, 4, 37, dtype=np.float32)
    close = {"area_under_curve": 5e-5, "best_accuracy": 1e-4, "decidability": 1e-5}
    assert_equals_definition(scores, mated, trials, kept, thresholds, close=close)


def test_the_grid_costs_a_small_part_of_the_spread_of_draws():
    scores, mated, trials = random_effects(0, 300, 300_000, 3_000)
    kept = double_or_nothing(300, 20, np.random.default_rng(1))
    boot = SubjectBootstrap(scores, mated, trials, kept)
    expected = [of_draw(each, scores, mated, trials, []) for each in kept]
    for name in ("area_under_curve", "best_accuracy"):
        exact = np.array([each[name] for each in expected])
        assert np.abs(getattr(boot, name)() - exact).max() < 0.03 * exact.std()


def test_rates_are_those_with_weights_of_nothing_and_two():
    scores, mated, trials = random_effects(5, 12, 900, 80)
    kept = double_or_nothing(12, 20, np.random.default_rng(0))
    boot = SubjectBootstrap(scores, mated, trials, kept)
    fmr, fnmr = boot.error_rates(np.float32([1.0]))
    for draw, each in enumerate(kept):
        weight = 2 * each.astype(int)
        of_trial = np.where(mated, weight[trials.first], weight[trials.first] * weight[trials.second])
        accepted = scores >= 1
        assert fmr[draw, 0] == np.average(accepted[~mated], weights=of_trial[~mated])
        assert fnmr[draw, 0] == np.average(~accepted[mated], weights=of_trial[mated])
        right = [np.average((scores >= at) == mated, weights=of_trial) for at in (*scores, np.inf)]
        assert boot.best_accuracy()[draw] == pytest.approx(max(right), abs=1e-12)


def test_sources_and_targets_are_drawn_apart():
    """With two clusters a trial of either kind weighs alike, so the best accuracy counts both once."""
    trials = two_way(["a", "b", "a", "b"], ["x", "x", "y", "y"])
    boot = SubjectBootstrap(
        np.float32([4, 3, 2, 1]), np.array([True, True, False, True]), trials, np.ones((1, 4), bool)
    )
    assert boot.best_accuracy().tolist() == [0.75]


def test_a_draw_without_budget_accepts_no_nonmated_trial():
    """Nine nonmated trials allow no false match at 0.1, ten allow one; a draw without any has no threshold."""
    trials = clusters([(0, 1)] * 9 + [(0, 2)] + [(0, 0)])
    mated = np.arange(11) == 10
    kept = np.array([[True, True, False], [True, True, True], [False, True, True]])
    found = SubjectBootstrap(np.arange(11, dtype=np.float32), mated, trials, kept).at_fmr([0.1])
    next_after = float(np.nextafter(np.float32(8), np.float32(9)))
    np.testing.assert_array_equal(found.thresholds[:, 0], [next_after, next_after, np.nan])
    np.testing.assert_array_equal(found.fmr[:, 0], [0, 0.1, np.nan])
    np.testing.assert_array_equal(found.fnmr[:, 0], [0, 0, np.nan])


def test_the_same_draws_make_a_paired_difference():
    """Two systems that differ by a constant shift of all scores never differ at an FMR, on any draw."""
    scores, mated, trials = random_effects(7, 30, 4000, 300)
    scores = np.round(scores * 64).astype(np.float32) / 64
    kept = double_or_nothing(30, 50, np.random.default_rng(0))
    one, other = (SubjectBootstrap(each, mated, trials, kept).at_fmr([0.01]) for each in (scores, scores + 1))
    np.testing.assert_array_equal(one.fnmr, other.fnmr)
    assert np.nanstd(one.fnmr) > 0


def test_draws_do_not_depend_on_the_order_of_trials():
    scores, mated, trials = random_effects(2, 40, 30_000, 2000, levels=50)
    kept = double_or_nothing(40, 9, np.random.default_rng(0))
    order = np.random.default_rng(1).permutation(scores.size)
    thresholds = np.float32([0, 1, 2])
    one = of_all_draws(SubjectBootstrap(scores, mated, trials, kept), thresholds)
    other = of_all_draws(SubjectBootstrap(scores[order], mated[order], trials.select(order), kept), thresholds)
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def test_answers_do_not_depend_on_what_was_asked_before():
    scores, mated, trials = random_effects(3, 40, 30_000, 6000)
    kept = double_or_nothing(40, 9, np.random.default_rng(0))
    boot, thresholds = SubjectBootstrap(scores, mated, trials, kept), np.linspace(-1, 2, 50, dtype=np.float32)
    before = of_all_draws(boot, thresholds)
    boot.error_rates(np.linspace(-4, 6, 3000, dtype=np.float32))
    for name, values in of_all_draws(boot, thresholds).items():
        np.testing.assert_array_equal(values, before[name], err_msg=name)


SCRIPT = """
import hashlib, sys
sys.path.insert(0, "tests")
from test_uncertainty import *
scores, mated, trials = random_effects(0, 60, 20_000, 2000)
kept = double_or_nothing(60, 100, np.random.default_rng(0))
found = of_all_draws(SubjectBootstrap(scores, mated, trials, kept), np.float32([0, 1, 2]))
digest = hashlib.sha256(b"".join(found[name].tobytes() for name in sorted(found)))
digest.update(repr(rate_interval(scores > 1, trials)).encode())
print(digest.hexdigest())
"""


def test_draws_do_not_depend_on_the_number_of_threads():
    digests = set()
    for threads in ("1", "2"):
        several = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], env={**os.environ, **several}, capture_output=True, text=True, check=True
        )
        digests.add(run.stdout)
    assert len(digests) == 1


def test_everyone_is_kept_half_of_the_time_and_by_the_seed_alone():
    kept = double_or_nothing(400, 1000, stream(7, "bootstrap", "lfw"))
    assert kept.shape == (1000, 400)
    assert kept.dtype == np.bool_
    assert abs(kept.mean() - 0.5) < 0.005
    assert np.abs(np.corrcoef(kept[:, :50].T) - np.eye(50)).max() < 0.2
    np.testing.assert_array_equal(kept, double_or_nothing(400, 1000, stream(7, "bootstrap", "lfw")))
    assert (kept != double_or_nothing(400, 1000, stream(8, "bootstrap", "lfw"))).any()


def test_the_variance_of_draws_is_the_plug_in_variance_where_people_share_little():
    """Mated trials only: both estimate the same, the draws with chance of their own."""
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 6, 600)
    trials, errors = mated_only(counts), np.repeat(rng.random(600) < 0.2, counts)
    kept = double_or_nothing(600, 4000, rng)
    drawn = SubjectBootstrap(np.where(errors, 0, 1).astype(np.float32), np.ones(errors.size, bool), trials, kept)
    assert drawn.error_rates(np.float32([0.5]))[1].var() == pytest.approx(rate_variance(errors, trials), rel=0.08)


def test_no_draw_and_no_trial_are_no_error():
    scores, mated, trials = random_effects(0, 5, 40, 5)
    none = SubjectBootstrap(scores, mated, trials, np.zeros((0, 5), bool))
    assert none.at_fmr([0.1]).fnmr.shape == (0, 1)
    assert none.error_rates(np.float32([0]))[0].shape == (0, 1)
    assert none.equal_error_rate().shape == none.decidability().shape == (0,)
    empty = SubjectBootstrap(scores[:0], mated[:0], trials.select(mated & ~mated), np.ones((3, 5), bool))
    for name, values in of_all_draws(empty, np.float32([0])).items():
        assert np.isnan(values).all(), name


def test_bootstrap_refuses_what_does_not_fit():
    scores, mated, trials = random_effects(0, 5, 40, 5)
    kept = np.ones((2, 5), bool)
    with pytest.raises(ShapeError, match=r"kept bool \(2, 4\); expected 45 trials and bool \(B, 5\)"):
        SubjectBootstrap(scores, mated, trials, kept[:, :4])
    with pytest.raises(ShapeError, match="clusters of 44 trials"):
        SubjectBootstrap(scores, mated, trials.select(np.arange(44)), kept)
    with pytest.raises(ShapeError, match="kept uint8"):
        SubjectBootstrap(scores, mated, trials, kept.astype(np.uint8))
    with pytest.raises(ShapeError, match="expected finite"):
        SubjectBootstrap(np.where(mated, np.float32(np.nan), scores), mated, trials, kept)
    with pytest.raises(ShapeError, match="5 trials of 45 of one kind that rest on one person"):
        SubjectBootstrap(scores, np.zeros(45, bool), trials, kept)
    boot = SubjectBootstrap(scores, mated, trials, kept)
    with pytest.raises(ShapeError, match="without NaN"):
        boot.error_rates(np.float32([np.nan]))
    with pytest.raises(ConfigError, match="false match rate of 0"):
        boot.at_fmr([0])
