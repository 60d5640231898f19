"""Verification figures: values worked by hand, properties, and agreement with scikit-learn and pyeer."""

from __future__ import annotations

import dataclasses
import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyeer import eer_stats
from sklearn import metrics

from bench.errors import ConfigError, InsufficientData, ShapeError, UnknownName
from bench.metrics import (
    FIGURES,
    allowed_false_matches,
    area_under_curve,
    assess_verification,
    best_accuracy,
    best_threshold,
    decidability,
    equal_error_rate,
    error_tradeoff,
    failure_to_acquire_rate,
    false_accept_rate,
    false_match_rate,
    false_non_match_rate,
    false_reject_rate,
    figure,
    fold_accuracy,
    needed_nonmated,
    operating_point_name,
    threshold_at_fmr,
    threshold_from_top,
)

MATED = np.float32([0.9, 0.8, 0.6, 0.3])
NONMATED = np.float32([0.7, 0.4, 0.3, 0.2, 0.1])
METHODS = ("linear_crossing", "midpoint", "nearest", "rocch")

tied = st.lists(st.integers(-6, 6), min_size=1, max_size=25).map(lambda values: np.float32(values) / 4)
"""Scores of few levels, so that most tie."""
loose = st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=40).map(lambda values: np.array(values, np.float32))
scores = st.one_of(tied, loose)
rates = st.one_of(st.sampled_from([1.0, 0.5, 0.29, 0.1, 1e-2, 1e-3]), st.floats(1e-4, 1))


def drawn(seed, mated=2000, nonmated=3000, gap=2.0, levels=None):
    rng = np.random.default_rng(seed)
    sets = rng.normal(gap, 1, mated), rng.normal(0, 1, nonmated)
    if levels:
        sets = [np.round(each * levels) / levels for each in sets]
    return [each.astype(np.float32) for each in sets]


def below(value):
    return float(np.nextafter(np.float32(value), np.float32(-np.inf)))


# -------------------------------------------------------------------------------------------------- values by hand


def test_error_curve_worked_by_hand():
    curve = error_tradeoff(MATED, NONMATED)
    assert curve.thresholds.tolist() == [*np.float32([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]).tolist(), math.inf]
    assert curve.false_matches.tolist() == [5, 4, 3, 2, 1, 1, 0, 0, 0]
    assert curve.false_non_matches.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 4]
    assert curve.fmr.tolist() == [1, 0.8, 0.6, 0.4, 0.2, 0.2, 0, 0, 0]
    assert curve.fnmr.tolist() == [0, 0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 1]
    assert curve.tmr.tolist() == [1, 1, 1, 0.75, 0.75, 0.5, 0.5, 0.25, 0]


@pytest.mark.parametrize(
    ("method", "value"), [("linear_crossing", 0.25), ("midpoint", 0.225), ("nearest", 0.2), ("rocch", 3 / 13)]
)
def test_equal_error_rate_worked_by_hand(method, value):
    assert equal_error_rate(error_tradeoff(MATED, NONMATED), method) == value


def test_separation_worked_by_hand():
    curve = error_tradeoff(MATED, NONMATED)
    assert area_under_curve(curve) == 16.5 / 20  # 5 + 5 + 4 + 2 wins and one tie
    assert best_accuracy(curve) == 7 / 9
    assert decidability(MATED, NONMATED) == pytest.approx(0.31 / math.sqrt((0.0525 + 0.0424) / 2), rel=1e-6)


def test_rates_at_a_threshold_worked_by_hand():
    assert false_match_rate(NONMATED, 0.35) == 0.4
    assert false_non_match_rate(MATED, 0.35) == 0.25
    ties = np.float32([0.25, 0.5, 0.5, 0.75])
    assert false_match_rate(ties, 0.5) == 0.75  # a tie is accepted
    assert false_non_match_rate(ties, 0.5) == 0.25
    assert (false_match_rate(ties, -math.inf), false_match_rate(ties, math.inf)) == (1, 0)


def test_a_float64_threshold_is_not_rounded_onto_a_score():
    score = np.float32([0.1])
    just_above = math.nextafter(float(score[0]), 1)
    assert np.float32(just_above) == score[0]
    assert false_match_rate(score, float(score[0])) == 1
    assert false_match_rate(score, just_above) == 0
    assert false_non_match_rate(score, just_above) == 1


def test_rates_with_failures_to_acquire_are_bob_s():
    assert false_accept_rate(0.1, 0.2) == pytest.approx(0.08, rel=1e-15)
    assert false_reject_rate(0.3, 0.2) == pytest.approx(0.44, rel=1e-15)
    assert (false_accept_rate(1, 1), false_reject_rate(0, 1)) == (0, 1)
    assert failure_to_acquire_rate(np.float32([0.1, np.nan, 0.3, np.nan])) == 0.5


def test_separated_and_equal_scores():
    apart = error_tradeoff(np.float32([2, 3]), np.float32([0, 1, 1]))
    assert [equal_error_rate(apart, method) for method in METHODS] == [0, 0, 0, 0]
    assert (area_under_curve(apart), best_accuracy(apart)) == (1, 1)
    swapped = error_tradeoff(np.float32([0, 1]), np.float32([2, 3]))
    assert area_under_curve(swapped) == 0
    assert equal_error_rate(swapped) == 1
    same = error_tradeoff(np.float32([1, 1]), np.float32([1]))
    assert same.thresholds.tolist() == [1, math.inf]
    assert [equal_error_rate(same, method) for method in METHODS] == [0.5, 0.5, 0, 0.5]
    assert area_under_curve(same) == 0.5


# ------------------------------------------------------------------------------------------------ operating points


def test_operating_point_worked_by_hand():
    point = threshold_at_fmr(MATED, NONMATED, 0.2)  # k = 1: above the second largest, 0.4
    assert point.threshold == float(np.nextafter(np.float32(0.4), np.float32(1)))
    assert (point.allowed_false_matches, point.false_matches, point.false_non_matches) == (1, 1, 1)
    assert (point.achieved_fmr, point.fnmr, point.tmr) == (0.2, 0.25, 0.75)
    assert (point.nonmated, point.mated, point.support) == (5, 4, "weak")
    assert (point.needed_nonmated, point.needed_nonmated_ok) == (5, 150)


def test_ties_at_the_threshold_are_rejected_together():
    nonmated = np.float32([0.9, 0.5, 0.5, 0.5, 0.1, 0, 0, 0, 0, 0])
    point = threshold_at_fmr(np.float32([0.5, 0.6]), nonmated, 0.2)  # k = 2, the third largest is one of three ties
    assert point.threshold == float(np.nextafter(np.float32(0.5), np.float32(1)))
    assert (point.false_matches, point.achieved_fmr) == (1, 0.1)
    assert point.false_non_matches == 1  # the mated score that ties with them


def test_zero_has_a_next_float32():
    point = threshold_at_fmr(np.float32([1]), np.float32([1, -0.0]), 0.5)
    assert point.threshold == float(np.nextafter(np.float32(0), np.float32(1))) > 0
    assert point.false_matches == 1


@pytest.mark.parametrize(
    ("nonmated", "fmr", "k", "support"),
    [
        (3000, 1e-2, 30, "ok"),
        (2999, 1e-2, 29, "weak"),
        (3000, 1e-3, 3, "weak"),
        (3000, 1e-4, 0, "insufficient"),
        (9999, 1e-4, 0, "insufficient"),
        (10000, 1e-4, 1, "weak"),
        (100, 0.29, 29, "weak"),
        (100, 0.57, 57, "ok"),
        (1000, 0.001, 1, "weak"),
        (999, 0.001, 0, "insufficient"),
    ],
)
def test_budget_and_support(nonmated, fmr, k, support):
    assert allowed_false_matches(fmr, nonmated) == k
    scores = np.arange(nonmated, dtype=np.float32)
    point = threshold_at_fmr(np.float32([1e6]), scores, fmr)
    assert (point.allowed_false_matches, point.support) == (k, support)
    if k:
        assert point.false_matches == k
        assert point.threshold == float(np.nextafter(scores[-k - 1], np.float32(np.inf)))
    else:
        nothing = point.threshold, point.achieved_fmr, point.tmr, point.fnmr, point.false_matches
        assert nothing == (None, None, None, None, None)
        assert nonmated < point.needed_nonmated


def test_needed_nonmated():
    assert [needed_nonmated(a) for a in (1, 0.29, 1e-2, 1e-3, 1e-4)] == [1, 4, 100, 1000, 10000]
    assert needed_nonmated(1e-3, 30) == 30000


def test_every_score_may_be_accepted():
    point = threshold_at_fmr(MATED, NONMATED, 1.0)
    assert point.threshold == float(np.finfo(np.float32).min)
    assert (point.achieved_fmr, point.tmr, point.false_matches) == (1, 1, 5)
    lowest = np.full(40, np.finfo(np.float32).min)
    assert threshold_at_fmr(MATED, lowest, 1.0).achieved_fmr == 1


def test_one_kind_of_score_is_missing():
    none = np.empty(0, np.float32)
    point = threshold_at_fmr(none, NONMATED, 0.5)
    assert (point.threshold is not None, point.achieved_fmr, point.tmr, point.mated) == (True, 0.4, None, 0)
    point = threshold_at_fmr(MATED, none, 0.5)
    assert (point.threshold, point.support, point.nonmated) == (None, "insufficient", 0)


@given(scores, scores, rates)
@settings(deadline=None)
def test_threshold_is_the_smallest_float32_within_the_rate(mated, nonmated, fmr):
    point = threshold_at_fmr(mated, nonmated, fmr)
    assert point.allowed_false_matches == int(Fraction(str(fmr)) * nonmated.size)
    if point.threshold is None:
        assert Fraction(str(fmr)) * nonmated.size < 1
        return
    allowed = Fraction(str(fmr))
    assert Fraction(point.false_matches, nonmated.size) <= allowed
    assert false_match_rate(nonmated, point.threshold) == point.achieved_fmr
    assert false_non_match_rate(mated, point.threshold) == point.fnmr
    assert np.float32(point.threshold) == point.threshold
    if point.allowed_false_matches < nonmated.size:
        accepted = np.count_nonzero(nonmated >= np.float32(below(point.threshold)))
        assert Fraction(int(accepted), nonmated.size) > allowed


@given(scores, scores, rates, st.integers(0, 50))
@settings(deadline=None)
def test_the_top_is_enough(mated, nonmated, fmr, more):
    kept = min(nonmated.size, allowed_false_matches(fmr, nonmated.size) + 1 + more)
    top = np.sort(nonmated)[::-1][:kept]
    assert threshold_from_top(mated, top, nonmated.size, fmr) == threshold_at_fmr(mated, nonmated, fmr)


def test_too_short_a_top():
    with pytest.raises(InsufficientData, match="got the 2 highest nonmated scores; 2 false matches need 3"):
        threshold_from_top(MATED, np.float32([0.7, 0.4]), 5, 0.4)
    with pytest.raises(ShapeError, match="5 of the highest scores out of 4"):
        threshold_from_top(MATED, NONMATED, 4, 0.4)


# ------------------------------------------------------------------------------------------------------ properties


@given(scores, scores)
@settings(deadline=None)
def test_curve_is_the_definition_at_every_threshold(mated, nonmated):
    curve = error_tradeoff(mated, nonmated)
    assert set(curve.thresholds[:-1].tolist()) == set(mated.tolist()) | set(nonmated.tolist())
    for threshold, fmr, fnmr in zip(curve.thresholds.tolist(), curve.fmr, curve.fnmr, strict=True):
        assert fmr == sum(score >= threshold for score in nonmated.tolist()) / nonmated.size
        assert fnmr == sum(score < threshold for score in mated.tolist()) / mated.size
    assert (curve.fmr[0], curve.fnmr[0], curve.fmr[-1], curve.fnmr[-1]) == (1, 0, 0, 1)
    assert (np.diff(curve.fmr) <= 0).all()
    assert (np.diff(curve.fnmr) >= 0).all()


@given(scores, scores)
@settings(deadline=None)
def test_area_is_the_share_of_pairs_in_order(mated, nonmated):
    wins = sum((g > i) + Fraction(int(g == i), 2) for g in mated.tolist() for i in nonmated.tolist())
    assert area_under_curve(error_tradeoff(mated, nonmated)) == float(Fraction(wins, mated.size * nonmated.size))
    turned = area_under_curve(error_tradeoff(nonmated, mated))
    assert turned == pytest.approx(1 - float(Fraction(wins, mated.size * nonmated.size)), abs=1e-15)


def hull_crossing(curve):
    """The EER of the convex hull the long way: the least, over all chords across the diagonal, of where they cross."""
    points = list(zip(map(Fraction, curve.fmr), map(Fraction, curve.fnmr), strict=True))
    crossings = []
    for x, y in points:
        for u, v in points:
            if x >= y and u <= v and (over := x - y) + (under := v - u):
                crossings.append(x + over / (over + under) * (u - x))
            elif x == y:
                crossings.append(x)
    return min(crossings)


@given(tied, tied)
@settings(deadline=None)
def test_equal_error_rates_agree_with_their_words(mated, nonmated):
    curve = error_tradeoff(mated, nonmated)
    linear, midpoint, nearest, hull = (equal_error_rate(curve, method) for method in METHODS)
    gaps = np.abs(curve.fmr - curve.fnmr)
    assert nearest in curve.fmr[gaps <= gaps.min() + 1e-12]
    assert midpoint == pytest.approx(_fvc2000(curve), abs=1e-15)
    assert hull == pytest.approx(float(hull_crossing(curve)), abs=1e-12)
    assert hull <= linear + 1e-15
    after = int(np.argmax(curve.fmr <= curve.fnmr))
    assert curve.fmr[after] - 1e-15 <= linear <= curve.fmr[after - 1] + 1e-15
    assert curve.fnmr[after - 1] - 1e-15 <= linear <= curve.fnmr[after] + 1e-15


def _fvc2000(curve):
    under = [i for i in range(curve.fmr.size) if curve.fnmr[i] <= curve.fmr[i]][-1]
    over = next(i for i in range(curve.fmr.size) if curve.fnmr[i] >= curve.fmr[i])
    sums = [curve.fmr[i] + curve.fnmr[i] for i in (under, over)]
    return min(sums) / 2


@given(scores, scores, st.integers(-3, 3), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_of_trials_and_scale_change_nothing(mated, nonmated, power, random):
    curve = error_tradeoff(mated, nonmated)
    shuffled = [np.float32(random.sample(each.tolist(), each.size)) for each in (mated, nonmated)]
    assert [equal_error_rate(error_tradeoff(*shuffled), m) for m in METHODS] == [
        equal_error_rate(curve, m) for m in METHODS
    ]
    scale = np.float32(2.0**power)
    tiny = np.finfo(np.float32).smallest_normal * 16
    assume(all(((each == 0) | (np.abs(each) > tiny)).all() for each in (mated, nonmated)))
    scaled = error_tradeoff(mated * scale, nonmated * scale)
    assert area_under_curve(scaled) == area_under_curve(curve)
    assert equal_error_rate(scaled) == equal_error_rate(curve)
    try:
        value = decidability(mated, nonmated)
    except InsufficientData:
        assert np.unique(mated).size == np.unique(nonmated).size == 1
        return
    assert decidability(*shuffled) == value
    assert decidability(nonmated, mated) == value


# ------------------------------------------------------------------------------------- agreement with scikit-learn


@pytest.mark.parametrize("levels", [None, 4, 1])
@pytest.mark.parametrize("seed", [0, 1])
def test_scikit_learn_s_curve_and_area(seed, levels):
    mated, nonmated = drawn(seed, levels=levels)
    truth = np.r_[np.ones(mated.size), np.zeros(nonmated.size)]
    both = np.concatenate([mated, nonmated])
    fpr, tpr, thresholds = metrics.roc_curve(truth, both, drop_intermediate=False)
    curve = error_tradeoff(mated, nonmated)
    # The same counts over the same totals, so the same float64, not merely near ones.
    assert np.array_equal(curve.fmr[::-1], fpr)
    assert np.array_equal(curve.tmr[::-1], tpr)
    assert np.array_equal(curve.thresholds[::-1].astype(np.float64), thresholds)
    # scikit-learn adds up trapezoids in float64; ours is one fraction.
    assert area_under_curve(curve) == pytest.approx(metrics.roc_auc_score(truth, both), abs=1e-13)
    best = max(metrics.accuracy_score(truth, both >= t) for t in thresholds[:: max(1, thresholds.size // 300)])
    assert best <= best_accuracy(curve)


# --------------------------------------------------------------------------------------------- agreement with pyeer


class Pyeer:
    """What pyeer.eer_info.get_eer_stats computes, by its parts: that module itself needs the old pkg_resources."""

    def __init__(self, mated, nonmated):
        g, i = mated.astype(np.float64), nonmated.astype(np.float64)
        self.thresholds, self.fmr, self.fnmr = eer_stats.calculate_roc(g, i)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.eer = eer_stats.get_eer_values(self.fmr, self.fnmr)[-1]
            self.auc = eer_stats.calculate_roc_auc(self.fmr, self.fnmr)
        self.decidability = eer_stats.get_decidability_value(np.mean(g), np.std(g), np.mean(i), np.std(i))

    def at(self, fmr):
        """FNMR and FMR at the threshold that it takes for FMR100, FMR1000 and so on."""
        place, fnmr = eer_stats.get_fmr_op(self.fmr, self.fnmr, fmr)
        return fnmr, self.fmr[place]


@pytest.mark.parametrize("levels", [None, 8, 2])
@pytest.mark.parametrize("gap", [0.3, 2.0, 6.0])
@pytest.mark.parametrize("seed", range(3))
def test_pyeer_s_equal_error_rate_area_and_decidability(seed, gap, levels):
    mated, nonmated = drawn(seed, mated=700, nonmated=1100, gap=gap, levels=levels)
    mated = np.append(mated, nonmated.max() + np.float32(1))  # pyeer's curve ends at the highest score: see below
    curve, theirs = error_tradeoff(mated, nonmated), Pyeer(mated, nonmated)
    assert np.array_equal(curve.fmr[:-1], theirs.fmr)
    assert np.array_equal(curve.fnmr[:-1], theirs.fnmr)
    # Float64 sums of theirs against exact fractions of ours: a few units in the last place of numbers up to 1.
    assert equal_error_rate(curve, "midpoint") == pytest.approx(theirs.eer, abs=1e-15)
    assert area_under_curve(curve) == pytest.approx(theirs.auc, abs=1e-12)
    assert decidability(mated, nonmated) == pytest.approx(theirs.decidability, rel=1e-12)


@given(tied, tied)
@settings(deadline=None)
def test_pyeer_on_any_ties_below_the_highest_score(mated, nonmated):
    mated = np.append(mated, np.float32(9))
    curve, theirs = error_tradeoff(mated, nonmated), Pyeer(mated, nonmated)
    assert equal_error_rate(curve, "midpoint") == pytest.approx(theirs.eer, abs=1e-15)
    assert area_under_curve(curve) == pytest.approx(theirs.auc, abs=1e-12)


def test_where_pyeer_s_curve_ends_too_early():
    """With ties at the highest score pyeer leaves out the end of the curve; the area is short by its last trapezoid."""
    mated, nonmated = np.float32([1, 1, 0]), np.float32([1, 0, 0, 0])
    theirs = Pyeer(mated, nonmated)
    assert area_under_curve(error_tradeoff(mated, nonmated)) == pytest.approx(
        theirs.auc + 0.25 * (2 / 3) / 2, abs=1e-12
    )
    assert area_under_curve(error_tradeoff(mated, nonmated)) == pytest.approx((2 * 3.5 + 1.5) / 12, abs=1e-15)


@pytest.mark.parametrize("levels", [None, 8])
@pytest.mark.parametrize("nonmated_count", [1100, 2999, 3000])
@pytest.mark.parametrize("seed", range(3))
def test_operating_points_are_pyeer_s_or_more_conservative(seed, nonmated_count, levels):
    mated, nonmated = drawn(seed, mated=900, nonmated=nonmated_count, levels=levels)
    theirs = Pyeer(mated, nonmated)
    for fmr in (0.1, 0.05, 0.01, 0.001):
        ours = threshold_at_fmr(mated, nonmated, fmr)
        their_fnmr, their_fmr = theirs.at(fmr)
        assert ours.achieved_fmr <= fmr
        assert ours.fnmr >= their_fnmr
        if their_fmr <= fmr:
            assert (ours.achieved_fmr, ours.fnmr) == (their_fmr, their_fnmr)


# ----------------------------------------------------------------------------------------------------------- folds

FOLD_SCORES = np.float32([0.875, 0.5, 0.25, 0.625, 0.8125, 0.75, 0.3125, 0.4375])
FOLD_MATED = np.array([1, 1, 0, 0, 1, 1, 0, 0], np.bool_)
FOLDS = np.int16([0, 0, 0, 0, 1, 1, 1, 1])


def test_fold_accuracy_worked_by_hand():
    result = fold_accuracy(FOLD_SCORES, FOLD_MATED, FOLDS)
    # Fold 1 is separated by (0.4375, 0.75]. On fold 0, (0.25, 0.5] and (0.625, 0.875] decide 3 of 4 rightly and are
    # equally wide: the lower one.
    assert result.thresholds == (0.59375, 0.375)
    assert result.accuracies == (0.5, 0.75)
    assert (result.folds, result.errors, result.trials, result.mean) == ((0, 1), 3, 8, 0.625)
    assert result.deviation == pytest.approx(0.125 * math.sqrt(2), rel=1e-15)
    assert result.standard_error == pytest.approx(0.125, rel=1e-15)


def test_failures_are_left_out_or_counted_as_errors():
    scores = np.append(FOLD_SCORES, np.float32([np.nan]))
    arguments = scores, np.append(FOLD_MATED, True), np.append(FOLDS, np.int16(1))
    assert fold_accuracy(*arguments) == fold_accuracy(FOLD_SCORES, FOLD_MATED, FOLDS)
    counted = fold_accuracy(*arguments, failures_are_errors=True)
    assert (counted.accuracies, counted.errors, counted.trials) == ((0.5, 0.6), 4, 9)
    assert counted.mean == pytest.approx(0.55, rel=1e-15)


@pytest.mark.parametrize(
    ("scores", "mated", "threshold"),
    [
        ([0.0, 1.0], [0, 1], 0.5),
        ([0.0, 0.0, 1.0, 1.0], [0, 0, 1, 1], 0.5),
        ([0.0, 1.0], [1, 0], 0.0),  # accepting all and accepting nothing are equally right: the lowest
        ([0.0, 1.0, 2.0], [1, 0, 0], float(np.nextafter(np.float32(2), np.float32(3)))),
        ([0.0, 1.0, 4.0, 5.0], [0, 1, 0, 1], 0.5),  # the ranges (0, 1] and (4, 5] are equally right and wide
        ([0.0, 1.0, 4.0, 6.0], [0, 1, 0, 1], 5.0),  # the wider one
        ([1.0, float(np.nextafter(np.float32(1), np.float32(2)))], [0, 1], float(np.nextafter(np.float32(1), 2))),
    ],
)
def test_best_threshold(scores, mated, threshold):
    assert best_threshold(np.float32(scores), np.array(mated, np.bool_)) == threshold


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 3), st.booleans()), min_size=8, max_size=60))
@settings(deadline=None)
def test_fold_accuracy_is_what_the_loop_says(trials):
    scores = np.float32([np.nan if failed else score for score, _, _, failed in trials]) / np.float32(8)
    mated, fold = np.array([m for _, m, _, _ in trials], np.bool_), np.int16([f for _, _, f, _ in trials])
    try:
        result = fold_accuracy(scores, mated, fold)
    except InsufficientData:
        acquired = ~np.isnan(scores)
        short = [
            not (acquired & (fold == f)).any() or np.unique(mated[acquired & (fold != f)]).size < 2
            for f in np.unique(fold)
        ]
        assert any(short) or np.unique(fold).size < 2
        return
    for label, accuracy, threshold in zip(result.folds, result.accuracies, result.thresholds, strict=True):
        inside, outside = (~np.isnan(scores) & chosen for chosen in (fold == label, fold != label))
        right = (scores[inside] >= threshold) == mated[inside]
        assert accuracy == np.mean(right)
        rivals = [np.sum((scores[outside] >= t) == mated[outside]) for t in [*scores[outside], np.inf]]
        assert np.sum((scores[outside] >= threshold) == mated[outside]) == max(rivals)
    order = np.random.default_rng(0).permutation(scores.size)
    assert fold_accuracy(scores[order], mated[order], fold[order]) == result


@pytest.mark.parametrize(
    ("scores", "mated", "fold", "message"),
    [
        (FOLD_SCORES, FOLD_MATED, np.zeros(8, np.int16), "got 1 folds"),
        (FOLD_SCORES, np.zeros(8, np.bool_), FOLDS, "outside fold 0: got 0 mated"),
        (np.where(FOLDS == 1, np.float32(np.nan), FOLD_SCORES), FOLD_MATED, FOLDS, "outside fold 0|fold 1"),
    ],
)
def test_folds_that_cannot_be_judged(scores, mated, fold, message):
    with pytest.raises(InsufficientData, match=message):
        fold_accuracy(scores, mated, fold)


# ---------------------------------------------------------------------------------------------------- figure table


def test_names_say_their_direction():
    upward = {"true_match_rate", "true_accept_rate", "cumulative_match_rate", "acquired_cumulative_match_rate"}
    upward |= {"detection_identification_rate", "found_rate", "attribute_change_rate", "attribute_kept_rate"}
    upward |= {"authenticity_rate", "holdout_authenticity_rate", "unique_identity_rate"}
    # Whether a made face should match a contributor, or nobody, depends on what it was made for.
    undecided = ("preserved_match_rate", "neither_match_rate", "not_acquired_rate", "contributor_match_rate")
    undecided += ("same_photo_match_rate", "given_match_rate", "taken_match_rate")
    for name, row in FIGURES.items():
        assert row.name == name == name.lower()
        assert row.meaning
        assert row.source
        assert row.unit in {
            "share", "similarity", "count", "standard deviations", "bits", "cost", "ratio", "dB", "index", "distance",
        }  # fmt: skip
        if name.endswith(("_rate", "_error", "_cost")) and not name.endswith("standard_error"):
            wanted = "up" if name in upward else "none" if name.endswith(undecided) else "down"
            assert row.direction == wanted
        if name.endswith(("_accuracy", "_similarity")):
            assert row.direction == "up"


def test_figures_are_found_by_name():
    assert figure("true_match_rate").direction == "up"
    with pytest.raises(UnknownName, match="did you mean 'equal_error_rate'"):
        figure("equal_eror_rate")
    with pytest.raises(TypeError):
        FIGURES["mine"] = figure("threshold")


# ---------------------------------------------------------------------------------------------- everything at once


def lfw_like(seed=0, failed=0):
    """3,000 mated and 3,000 nonmated trials in ten folds, some not acquired."""
    rng = np.random.default_rng(seed)
    mated = np.tile(np.repeat([True, False], 300), 10)
    scores = (rng.standard_normal(6000) + 4.2 * mated).astype(np.float32)
    scores[rng.choice(6000, failed, replace=False)] = np.nan
    return scores, mated, np.repeat(np.arange(10), 600).astype(np.int16)


def by_name(values):
    table = {(value.figure, value.operating_point): value for value in values}
    assert len(table) == len(values)
    return table


def test_lfw_s_pairs_support_what_they_support():
    table = by_name(assess_verification(*lfw_like()))
    for name in ("threshold", "false_match_rate"):
        supports = [table[name, f"fmr={fmr}"].support for fmr in ("0.01", "0.001", "0.0001")]
        assert supports == ["ok", "weak", "insufficient"]
    assert table["true_match_rate", "fmr=0.0001"].value is None
    assert table["false_match_rate", "fmr=0.001"].value == 3 / 3000
    assert table["mated_trials", None].value == table["nonmated_trials", None].value == 3000


def test_figures_are_those_of_the_single_functions():
    scores, mated, fold = lfw_like(1, failed=63)
    table = by_name(assess_verification(scores, mated, fold, fmrs=(0.05,)))
    acquired = ~np.isnan(scores)
    genuine, impostor = scores[mated & acquired], scores[~mated & acquired]
    curve, point = error_tradeoff(genuine, impostor), threshold_at_fmr(genuine, impostor, 0.05)
    fta = 63 / 6000
    expected = {
        "failure_to_acquire_rate": fta,
        "trials_not_acquired": 63,
        "equal_error_rate": equal_error_rate(curve),
        "area_under_curve": area_under_curve(curve),
        "decidability": decidability(genuine, impostor),
        "best_accuracy": best_accuracy(curve),
        "fold_accuracy": fold_accuracy(scores, mated, fold).mean,
        "fold_accuracy_deviation": fold_accuracy(scores, mated, fold).deviation,
        "all_trials_fold_accuracy": fold_accuracy(scores, mated, fold, failures_are_errors=True).mean,
        "mated_similarity_mean": pytest.approx(genuine.astype(np.float64).mean(), rel=1e-12),
        "nonmated_similarity_mean": pytest.approx(impostor.astype(np.float64).mean(), rel=1e-9),
    }
    at_point = {
        "threshold": point.threshold,
        "false_match_rate": point.achieved_fmr,
        "false_non_match_rate": point.fnmr,
        "true_match_rate": point.tmr,
        "false_accept_rate": point.achieved_fmr * (1 - fta),
        "false_reject_rate": fta + point.fnmr * (1 - fta),
        "true_accept_rate": pytest.approx(point.tmr * (1 - fta), rel=1e-12),
    }
    for name, value in expected.items():
        assert table[name, None].value == value
    for name, value in at_point.items():
        assert table[name, "fmr=0.05"].value == value
    assert table["true_match_rate", "fmr=0.05"].n == genuine.size
    assert table["false_reject_rate", "fmr=0.05"].n == 3000
    assert table["false_match_rate", "fmr=0.05"].n == impostor.size
    assert table["failure_to_acquire_rate", None].support == "ok"
    assert table["fold_accuracy", None].value >= table["all_trials_fold_accuracy", None].value


def test_a_figure_with_few_errors_of_its_own_is_weak():
    mated = np.full(500, 2, np.float32)
    nonmated = np.linspace(0, 1, 4000, dtype=np.float32)

    def support(false_non_matches):
        mated[:false_non_matches] = 0
        scores = np.concatenate([mated, nonmated])
        table = by_name(assess_verification(scores, np.arange(4500) < 500, fmrs=(0.01,)))
        return [table[name, "fmr=0.01"].support for name in ("threshold", "false_match_rate", "true_match_rate")]

    assert support(29) == ["ok", "ok", "weak"]
    assert support(30) == ["ok", "ok", "ok"]


def test_a_figure_of_a_weak_point_is_weak_whatever_its_own_errors():
    scores = np.concatenate([np.zeros(400, np.float32), np.linspace(0.5, 1, 1000, dtype=np.float32)])
    table = by_name(assess_verification(scores, np.arange(1400) < 400, fmrs=(0.01,)))
    assert table["true_match_rate", "fmr=0.01"].value == 0  # 400 errors, at a point of 10 false matches
    assert {value.support for value in table.values() if value.operating_point} == {"weak"}


def test_failures_are_errors_of_a_reject_rate():
    scores = np.concatenate([np.full(200, 2, np.float32), np.linspace(0, 1, 4000, dtype=np.float32)])
    scores[:20], scores[20:35] = 0, np.nan
    table = by_name(assess_verification(scores, np.arange(4200) < 200, fmrs=(0.01,)))
    assert table["false_non_match_rate", "fmr=0.01"].support == "weak"
    assert table["false_reject_rate", "fmr=0.01"].support == "ok"
    assert table["false_accept_rate", "fmr=0.01"].support == "ok"


def test_order_is_stable_and_known():
    values = assess_verification(*lfw_like(2, failed=5))
    known = list(FIGURES)
    overall = [known.index(value.figure) for value in values if value.operating_point is None]
    assert overall == sorted(overall)
    points = [value.operating_point for value in values if value.operating_point]
    assert points == [f"fmr={fmr}" for fmr in ("0.01", "0.001", "0.0001") for _ in range(7)]
    per_point = [known.index(value.figure) for value in values if value.operating_point == "fmr=0.01"]
    assert per_point == sorted(per_point)


def test_bits_do_not_depend_on_the_order_of_trials():
    scores, mated, fold = lfw_like(3, failed=40)
    order = np.random.default_rng(0).permutation(scores.size)
    assert assess_verification(scores, mated, fold) == assess_verification(scores[order], mated[order], fold[order])


def test_operating_points_are_named_without_exponents():
    names = [operating_point_name(fmr) for fmr in (1, 0.1, 1e-2, 1e-4, 1e-6)]
    assert names == ["fmr=1", "fmr=0.1", "fmr=0.01", "fmr=0.0001", "fmr=0.000001"]


@pytest.mark.parametrize(
    ("scores", "mated"),
    [
        ([], []),
        ([np.nan, np.nan], [True, False]),
        ([0.5, 0.6], [True, True]),
        ([0.5, 0.6], [False, False]),
        ([0.5, np.nan], [True, False]),
        ([0.5, 0.5], [True, False]),
    ],
)
@pytest.mark.filterwarnings("error")
def test_degenerate_trials_have_figures_all_the_same(scores, mated):
    scores, mated = np.array(scores, np.float32), np.array(mated, np.bool_)
    fold = np.zeros(scores.size, np.int16)
    values = assess_verification(scores, mated, fold)
    assert [v.figure for v in values] == [v.figure for v in assess_verification(*lfw_like())]
    for value in values:
        assert (value.value is None) == (value.support == "insufficient")
        assert value.value is None or math.isfinite(value.value)
        assert dataclasses.astuple(value)[3:5] == (None, None)
    table = by_name(values)
    assert table["mated_trials", None].value == mated.sum()
    assert table["fold_accuracy", None].value is None
    if scores.size == 0:
        assert table["failure_to_acquire_rate", None].value is None


# ------------------------------------------------------------------------------------------------------ wrong input


@pytest.mark.parametrize(
    ("scores", "mated", "fold", "message"),
    [
        (np.zeros(3), np.zeros(3, np.bool_), None, "float64"),
        (np.zeros((3, 1), np.float32), np.zeros(3, np.bool_), None, r"float32 \(3, 1\)"),
        (np.float32([0, np.inf, 1]), np.zeros(3, np.bool_), None, "inf at place 1"),
        (np.zeros(3, np.float32), np.zeros(2, np.bool_), None, r"bool \(2,\) for 3 scores"),
        (np.zeros(3, np.float32), np.zeros(3, np.int8), None, "mated int8"),
        (np.zeros(3, np.float32), np.zeros(3, np.bool_), np.zeros(4, np.int16), r"int16 \(4,\) for 3 scores"),
        (np.zeros(3, np.float32), np.zeros(3, np.bool_), np.zeros(3, np.float32), "fold float32"),
    ],
)
def test_what_is_no_list_of_trials(scores, mated, fold, message):
    with pytest.raises(ShapeError, match=message):
        assess_verification(scores, mated, fold)


@pytest.mark.parametrize("fmr", [0, -0.1, 1.1, math.nan])
def test_what_is_no_rate(fmr):
    with pytest.raises(ConfigError, match="false match rate of"):
        threshold_at_fmr(MATED, NONMATED, fmr)
    with pytest.raises(ConfigError, match="false match rate of"):
        assess_verification(*lfw_like(), fmrs=(fmr,))
    with pytest.raises(ConfigError, match="false match rate of"):
        needed_nonmated(fmr)


def test_single_functions_refuse_what_has_no_answer():
    none, nan = np.empty(0, np.float32), np.float32([0.1, np.nan])
    for work in (
        lambda: error_tradeoff(none, NONMATED),
        lambda: error_tradeoff(MATED, none),
        lambda: false_match_rate(none, 0),
        lambda: false_non_match_rate(none, 0),
        lambda: decidability(none, NONMATED),
        lambda: decidability(np.float32([1]), np.float32([2])),
        lambda: failure_to_acquire_rate(none),
    ):
        with pytest.raises(InsufficientData):
            work()
    for work in (
        lambda: error_tradeoff(nan, NONMATED),
        lambda: false_match_rate(nan, 0),
        lambda: threshold_at_fmr(MATED, nan, 0.5),
        lambda: threshold_at_fmr(nan, NONMATED, 0.5),
        lambda: decidability(MATED, nan),
        lambda: false_match_rate(NONMATED, math.nan),
        lambda: false_accept_rate(1.5, 0),
        lambda: false_reject_rate(0.5, -1),
    ):
        with pytest.raises(ShapeError):
            work()
    with pytest.raises(ConfigError, match="EER method 'fvc'"):
        equal_error_rate(error_tradeoff(MATED, NONMATED), "fvc")
