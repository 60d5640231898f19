"""Paired differences of two runs, Holm's step-down, and what a gate makes of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import bdtr

from bench.errors import ConfigError, ShapeError
from bench.metrics import double_or_nothing, rate_spread
from bench.metrics.clusters import Clusters
from bench.metrics.paired import PairedDifference, degrees_of_freedom, holm, judge, paired_difference
from benchmarks.gate_simulation import Setting, outcome

MANY = 10**9


def known(difference: float, deviation: float, degrees: float = math.inf, people: float = MANY) -> PairedDifference:
    """A difference of so many draws that chance says nothing in them."""
    return PairedDifference(0.5, 0.5 + difference, difference, deviation, -2 / degrees, MANY, people)


def of_changes(changes: NDArray[np.float64], seed: int = 0, draws: int = 1000) -> PairedDifference:
    """One sample a person, by which it became worse (1) or better (-1), or not (0)."""
    kept = double_or_nothing(changes.size, draws, np.random.default_rng(seed))
    drawn = (kept.astype(np.float32) @ changes.astype(np.float32)).astype(float) / kept.sum(axis=1)
    found = paired_difference(0.0, float(changes.mean()), np.zeros(draws), drawn)
    assert found is not None
    return replace(found, people=float(changes.size))


def changed(worse: int, better: int, people: int) -> NDArray[np.float64]:
    return np.repeat([1.0, -1.0, 0.0], [worse, better, people - worse - better])


# ------------------------------------------------------------------------------------------------- one difference


def test_deviation_and_kurtosis_by_hand() -> None:
    # Differences 1, 1, -1, -1, three of each: variance 12/11, fourth moment 1 over variance² 1, less 3.
    drawn = np.tile([1.0, 1.0, -1.0, -1.0], 3)
    found = paired_difference(0.25, 0.75, np.full(12, 2.0), 2 + drawn)
    assert found is not None
    assert (found.base, found.new, found.difference, found.excess, found.draws) == (0.25, 0.75, 0.5, -2.0, 12)
    assert found.deviation == pytest.approx(math.sqrt(12 / 11))


@pytest.mark.parametrize(("degrees", "quantile"), [(5, 2.5706), (10, 2.2281), (30, 2.0423)])
def test_interval_is_that_of_tables_of_students_t(degrees: float, quantile: float) -> None:
    low, high = known(1.0, 0.1, degrees).interval(0.05)
    assert (low, high) == pytest.approx((1 - 0.1 * quantile, 1 + 0.1 * quantile), abs=1e-4)


def test_excess_gives_the_number_of_people_who_make_up_a_sum() -> None:
    for people in (2, 4, 9, 100):
        assert degrees_of_freedom(-2 / people, MANY) == pytest.approx(people, rel=0.01)
    # Σc⁴ and Σc² of unlike people, 3 and five times 1: (9 + 5)² / (81 + 5), as all 64 signs have it.
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 6)).reshape(6, -1)
    found = paired_difference(0.0, 1.0, np.zeros(64), np.array([3, 1, 1, 1, 1, 1]) @ signs)
    assert found is not None
    assert found.excess == pytest.approx(-2 * 86 / 14**2)


def test_few_draws_give_few_degrees_and_a_positive_excess_none() -> None:
    assert degrees_of_freedom(0.0, 100) == pytest.approx(99)
    assert degrees_of_freedom(3.0, 100) == pytest.approx(99)
    assert degrees_of_freedom(-2.0, 1000) == 2
    assert degrees_of_freedom(-0.4, 1000) < degrees_of_freedom(-0.4, MANY)
    found = [degrees_of_freedom(-excess, 1000) for excess in np.linspace(0, 2, 100)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(("worse", "better"), [(5, 0), (6, 0), (8, 0), (7, 1), (10, 2), (12, 4), (20, 9), (25, 12)])
@pytest.mark.parametrize("people", [40, 200, 2000])
def test_one_sample_a_person_is_near_mcnemars_exact_test(worse: int, better: int, people: int) -> None:
    both = worse + better
    exact = min(1.0, 2 * float(bdtr(better, both, 0.5)))
    changes = changed(worse, better, people)
    centred = changes - changes.mean()
    excess = -2 * np.sum(centred**4) / np.sum(centred**2) ** 2 + 18 / people
    one = PairedDifference(
        0.0, changes.mean(), changes.mean(), math.sqrt(np.sum(centred**2)) / people, excess, MANY, people
    )
    # Student's tails are thicker than those of a few signs, the more so the farther out.
    assert 0.7 * exact < one.p_value < 3 * exact
    assert (one.p_value < 0.05) == (exact < 0.05)


@pytest.mark.parametrize("people", [20, 50, 500])
def test_five_people_who_all_became_worse_are_not_enough(people: int) -> None:
    """Exact: p = 0.0625. A thousand draws know a kurtosis to 0.15, so now and then one set of draws says otherwise."""
    found = [of_changes(changed(5, 0, people), seed).p_value for seed in range(40)]
    assert 0.0625 < np.median(found) < 0.11
    assert np.mean(np.array(found) <= 0.05) <= 0.15
    assert min(of_changes(changed(4, 0, people), seed).p_value for seed in range(40)) > 0.05


def test_degrees_from_draws_are_those_of_the_plug_in_variance() -> None:
    """The same (Σc²)² / Σc⁴ from scores and from draws, where a few people have most samples."""
    counts = np.repeat([1, 40], [195, 5])
    owner = np.repeat(np.arange(200, dtype=np.int32), counts)
    wrong = (np.random.default_rng(2).random(200) < 0.4)[owner]
    kept = double_or_nothing(200, 20_000, np.random.default_rng(1))
    sums = np.bincount(owner, wrong)
    found = paired_difference(0.0, float(wrong.mean()), np.zeros(20_000), kept @ sums / (kept @ counts))
    spread = rate_spread(wrong, Clusters(owner, owner, 200))
    assert found is not None
    # The plug-in variance is linear; the draws' denominators vary, most where few people have most samples.
    assert found.deviation == pytest.approx(math.sqrt(spread.variance), rel=0.25)
    assert replace(found, people=200.0).degrees < 12
    assert 2 <= spread.degrees < 12


def test_identical_runs_do_not_differ() -> None:
    drawn = np.random.default_rng(0).random(100)
    found = paired_difference(0.3, 0.3, drawn, drawn)
    assert found is not None
    assert found.identical
    assert (found.p_value, found.interval(0.001)) == (1.0, (0.0, 0.0))
    for people in (1, 5, 1000):
        (one,) = judge([found], ["up"], [0.0], [people])
        assert (one.verdict, one.failed, one.low, one.high, one.more_people) == ("no change", False, 0, 0, None)


def test_rounding_is_no_difference() -> None:
    tmr = np.random.default_rng(0).random(100)
    found = paired_difference(0.3, 1 - (1 - 0.3), tmr, 1 - (1 - tmr))
    assert found is not None
    assert found.identical
    within = known(0.3 - 0.28, 0.001)  # 0.020000000000000018
    assert judge([within], ["up"], [0.02], [1000])[0].verdict == "cannot tell"


@pytest.mark.parametrize(("people", "verdict"), [(1, "cannot tell"), (6, "cannot tell"), (12, "worse"), (500, "worse")])
def test_everyone_changed_alike_so_that_no_draw_differs(people: int, verdict: str) -> None:
    found = paired_difference(0.0, 1.0, np.zeros(200), np.ones(200))
    assert found is not None
    assert found.deviation == 0
    (one,) = judge([found], ["up"], [0.0], [people])
    assert one.verdict == verdict
    assert (one.low is None) == (verdict == "cannot tell")
    assert one.more_people is None or 2 < people + one.more_people <= 12


def test_draws_without_a_value_are_left_out_up_to_a_tenth() -> None:
    rng = np.random.default_rng(0)
    base, new = rng.random((2, 1000))
    base[:60], new[60:100] = np.nan, np.inf
    found = paired_difference(0.1, 0.2, base, new)
    whole = paired_difference(0.1, 0.2, base[100:], new[100:])
    assert found == whole
    assert found is not None
    assert found.draws == 900
    new[100] = np.nan
    assert paired_difference(0.1, 0.2, base, new) is None
    assert paired_difference(0.1, 0.2, np.array([0.1]), np.array([0.2])) is None


def test_what_does_not_fit_is_refused() -> None:
    draws = np.zeros(10)
    with pytest.raises(ShapeError, match=r"got draws \(10,\) and \(9,\)"):
        paired_difference(0.1, 0.2, draws, draws[1:])
    with pytest.raises(ShapeError, match="got figures nan"):
        paired_difference(math.nan, 0.2, draws, draws)
    with pytest.raises(ShapeError, match="at least one"):
        paired_difference(0.1, 0.2, draws[:0], draws[:0])
    with pytest.raises(ConfigError, match="got level 95"):
        known(0.1, 0.1).interval(95)
    with pytest.raises(ConfigError, match="got p"):
        holm([0.1, 1.1])
    with pytest.raises(ConfigError, match="alpha 0"):
        holm([0.1], 0)
    with pytest.raises(ShapeError, match="got 1 differences, 2 directions"):
        judge([None], ["up", "up"], [0.0], [5])
    for direction, tolerance, people in (("left", 0.0, 5), ("up", -0.1, 5), ("up", math.nan, 5), ("up", 0.0, 0)):
        with pytest.raises(ConfigError, match="expected 'up' or 'down'"):
            judge([None], [direction], [tolerance], [people])  # type: ignore[list-item]


# ------------------------------------------------------------------------------------------------- several rules


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.05 / 3, 0.025, 0.025, 0.0125])
    assert holm([0.01, 0.02, 0.03]) == pytest.approx([0.05 / 3, 0.025, 0.05])
    assert holm([0.2, 0.9, 0.04]) == pytest.approx([0.05 / 3] * 3)
    assert holm([0.02, 0.02]) == pytest.approx([0.025, 0.025])
    assert holm([0.001], 0.1) == [0.1]
    assert holm([]) == []


def test_every_verdict() -> None:
    """One rule each, so at 95 %: half width 1.96 hundredths."""

    def verdict(difference: float, tolerance: float, deviation: float = 0.01, worse_is: str = "up") -> str:
        (one,) = judge([known(difference, deviation)], [worse_is], [tolerance], [MANY])  # type: ignore[list-item]
        assert one.failed == (one.verdict == "worse")
        return one.verdict

    assert verdict(0.03, 0.0) == verdict(0.03, 0.02) == verdict(-0.03, 0.0, worse_is="down") == "worse"
    assert verdict(-0.03, 0.0) == verdict(0.03, 0.1, worse_is="down") == "better"
    assert verdict(0.03, 0.05) == verdict(0.0, 0.02) == verdict(-0.01, 0.02) == "no change"
    assert verdict(0.01, 0.0) == verdict(-0.01, 0.0) == verdict(0.0, 0.01) == verdict(0.03, 0.04) == "cannot tell"


def test_a_rule_without_a_difference_counts_for_no_other() -> None:
    one = known(0.021, 0.01)
    alone, twice = (
        judge([one], ["up"], [0.0], [MANY]),
        judge([one, known(0.0, 0.01)], ["up"] * 2, [0.0] * 2, [MANY] * 2),
    )
    with_none = judge([None, one, None], ["up"] * 3, [0.0] * 3, [MANY] * 3)
    assert alone[0].failed
    assert not twice[0].failed
    assert with_none[1] == alone[0]
    assert with_none[0].verdict == "cannot tell"
    assert with_none[0].low is with_none[0].high is with_none[0].level is with_none[0].more_people is None


def test_how_many_more_people_would_tell() -> None:
    # Half width 1.96·0.02 at 1,000 people; 0.02 needs (1.96)² times as many, and a little for t with P/2 degrees.
    (one,) = judge([known(0.02, 0.02)], ["up"], [0.0], [1000])
    assert one.more_people == pytest.approx(1000 * (1.96**2 - 1), rel=0.01)
    (one,) = judge([known(0.0, 0.02)], ["up"], [0.02], [1000])
    assert one.more_people == pytest.approx(1000 * (1.96**2 - 1), rel=0.01)
    for difference, tolerance in ((0.0, 0.0), (-0.001, 0.0), (0.02, 0.02), (1e-9, 0.0)):
        assert judge([known(difference, 0.02)], ["up"], [tolerance], [1000])[0].more_people is None


@given(
    st.floats(0.001, 0.2),
    st.floats(0.001, 0.2),
    st.sampled_from([0.0, 0.01, 0.05]),
    st.integers(20, 5000),
    st.integers(0, 30),
)
@settings(max_examples=100, deadline=None)
def test_that_many_more_people_tell_and_fewer_do_not(
    difference: float, deviation: float, tolerance: float, people: int, others: int
) -> None:
    rest = [known(0.0, 0.1)] * others
    first = judge(
        [known(difference, deviation), *rest],
        ["up"] * (others + 1),
        [tolerance] * (others + 1),
        [people] * (others + 1),
    )[0]
    if first.more_people is None:
        return
    assert first.verdict == "cannot tell"
    assert first.level is not None
    # Noise in the kurtosis does not shrink with people, so that it is not the very number.
    for more, tells in ((math.ceil(1.01 * first.more_people), True), (math.floor(0.99 * first.more_people) - 1, False)):
        larger = known(difference, deviation * math.sqrt(people / (people + more)), people=people + more)
        low, high = larger.interval(first.level)
        assert (low > 0 if difference > tolerance else high <= tolerance) == tells


DIFFERENCES = st.builds(
    lambda base, difference, deviation, excess, draws: PairedDifference(
        base, base + difference, difference, deviation, excess, draws
    ),
    st.floats(0, 1),
    st.one_of(st.just(0.0), st.floats(-0.5, 0.5)),
    st.one_of(st.just(0.0), st.floats(1e-4, 0.2)),
    st.floats(-2, 1),
    st.integers(100, 5000),
)
RULES = st.lists(
    st.tuples(
        st.one_of(st.none(), DIFFERENCES),
        st.sampled_from(["up", "down"]),
        st.sampled_from([0.0, 0.01, 0.1]),
        st.integers(1, 3000),
    ),
    min_size=1,
    max_size=8,
)


@given(RULES)
@settings(max_examples=100, deadline=None)
def test_interval_and_decision_agree(rules: list) -> None:
    for (one, worse_is, tolerance, people), found in zip(rules, judge(*zip(*rules, strict=True)), strict=True):
        if one is None:
            assert found.verdict == "cannot tell"
            continue
        assert found.level is not None
        p_value, loss = replace(one, people=people).p_value, one.difference if worse_is == "up" else -one.difference
        excludes = found.low is not None and (found.low > 0 or found.high < 0)
        if not math.isclose(p_value, found.level, rel_tol=1e-6):
            assert excludes == (p_value < found.level)
        assert found.failed == (found.verdict == "worse")
        if not math.isclose(loss, tolerance, abs_tol=1e-9):
            assert found.failed == (excludes and loss > tolerance)
        assert (found.verdict == "better") == (excludes and loss < 0)
        if found.verdict == "no change":
            assert (found.high if worse_is == "up" else -found.low) <= tolerance + 1e-9
        assert found.more_people is None or (found.verdict == "cannot tell" and found.more_people > 0)


@given(RULES, RULES)
@settings(max_examples=100, deadline=None)
def test_more_rules_make_no_rule_more_significant(rules: list, others: list) -> None:
    alone, together = judge(*zip(*rules, strict=True)), judge(*zip(*rules, *others, strict=True))
    for one, both in zip(alone, together, strict=False):
        if one.level is None:
            assert both == one
            continue
        assert both.level <= one.level
        if both.verdict in ("better", "worse"):
            assert both.verdict == one.verdict


@given(RULES, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_order_of_rules_does_not_matter(rules: list, random: object) -> None:
    order = list(range(len(rules)))
    random.shuffle(order)  # type: ignore[attr-defined]
    found = judge(*zip(*rules, strict=True))
    assert judge(*zip(*[rules[place] for place in order], strict=True)) == [found[place] for place in order]


@given(RULES)
@settings(max_examples=100, deadline=None)
def test_a_figure_and_its_complement_get_the_same_verdict(rules: list) -> None:
    """FNMR that may not rise and TMR that may not fall are one rule."""

    def mirrored(one: PairedDifference | None) -> PairedDifference | None:
        return None if one is None else replace(one, base=one.new, new=one.base, difference=-one.difference)

    other = {"up": "down", "down": "up"}
    there = [(mirrored(one), other[worse_is], *rest) for one, worse_is, *rest in rules]
    for one, two in zip(judge(*zip(*rules, strict=True)), judge(*zip(*there, strict=True)), strict=True):
        assert (one.verdict, one.level, one.more_people) == (two.verdict, two.level, two.more_people)
        assert one.low is None or (one.low, one.high) == (-two.high, -two.low)


# ------------------------------------------------------------------------------------------------- what it is for


def test_a_loss_of_five_points_among_five_hundred_people_is_caught() -> None:
    """From 10 % to 15 %, errors of the two runs correlate by one half, one sample a person, tolerance 0, one rule."""
    assert outcome(Setting(500, 0.1, 0.05, between_runs=0.5), repetitions=1000).first_failed >= 0.9


def test_one_rule_over_runs_of_equal_quality_fails_rarely() -> None:
    for samples in ("one", "five", "heavy"):
        assert outcome(Setting(200, 0.1, samples=samples), repetitions=300).any_failed <= 0.05


@pytest.mark.parametrize(
    "repetitions", [100, pytest.param(1000, marks=pytest.mark.full)], ids=["a hundred", "a thousand"]
)
@pytest.mark.parametrize(("runs", "rules"), [(0.0, 0.0), (0.5, 0.5), (0.9, 0.0)])
def test_twenty_rules_over_runs_of_equal_quality_fail_rarely(runs: float, rules: float, repetitions: int) -> None:
    setting = Setting(500, 0.1, between_runs=runs, between_rules=rules, rules=20)
    assert outcome(setting, repetitions).any_failed <= 0.05


@pytest.mark.full
@pytest.mark.parametrize("samples", ["five", "heavy"])
def test_several_samples_a_person_do_not_fail_twenty_rules(samples: str) -> None:
    setting = Setting(200, 0.1, between_rules=0.0, rules=20, samples=samples)  # type: ignore[arg-type]
    assert outcome(setting, 1000).any_failed <= 0.05


@pytest.mark.full
def test_people_who_err_whole_against_samples_at_random() -> None:
    """Equal rates, unlike patterns: without degrees of freedom 6.8 % of these fail."""
    assert outcome(Setting(100, 0.05, samples="five", whole=True), 2000).any_failed <= 0.05


def test_five_points_are_really_lost_in_the_simulation() -> None:
    """The simulated errors have the rates and correlations that they are said to have."""
    from benchmarks.gate_simulation import errors, owners

    setting = Setting(40_000, 0.1, 0.05, between_runs=0.5, between_rules=0.4, rules=3, samples="five", within=0.3)
    owner = owners(setting, np.random.default_rng(0))
    base, new = errors(setting, owner, np.random.default_rng(1))
    assert base.mean(axis=0) == pytest.approx([0.1] * 3, abs=0.004)
    assert new.mean(axis=0) == pytest.approx([0.15, 0.1, 0.1], abs=0.004)
    assert np.corrcoef(base[:, 0], new[:, 0])[0, 1] == pytest.approx(0.5, abs=0.02)
    assert np.corrcoef(base[:, 1], new[:, 1])[0, 1] == pytest.approx(0.5, abs=0.02)
    assert np.corrcoef(base[:, 0], base[:, 1])[0, 1] == pytest.approx(0.4, abs=0.02)
    assert np.corrcoef(base[::5, 0], base[1::5, 0])[0, 1] == pytest.approx(0.3, abs=0.02)


def test_runs_that_are_identical_draw_by_draw_need_no_ninety_per_cent() -> None:
    draws = np.full(100, np.nan)
    draws[:50] = np.linspace(0.1, 0.2, 50)
    same = paired_difference(0.15, 0.15, draws, draws.copy())
    assert same is not None
    assert same.identical
    assert judge([same], ["up"], [0.0], [40])[0].verdict == "no change"
    other = draws.copy()
    other[3] += 0.01
    assert paired_difference(0.15, 0.15, draws, other) is None
