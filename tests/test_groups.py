"""Groups of people and photos, and their figures against slow definitions."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from bench.api import Frame, Trials
from bench.config import GroupEntry
from bench.errors import ShapeError
from bench.metrics import FigureValue
from bench.metrics.bootstrap import double_or_nothing
from bench.metrics.clusters import Clusters, clusters_of
from bench.metrics.groups import assess_groups
from bench.metrics.intervals import percentile_interval, rate_interval, wilson_interval
from bench.sweep.grouping import group_figures, group_of_frames

FNMR_DIFFERENTIAL, FMR_DIFFERENTIAL = "false_non_match_rate_differential", "false_match_rate_differential"
NO_DRAWS = np.zeros((0, 1000), np.bool_)


def people(*subjects: str) -> list[Frame]:
    return [Frame(f"{index}.png", subject) for index, subject in enumerate(subjects)]


def all_pairs(frames: list[Frame]) -> Trials:
    probe, reference = np.triu_indices(len(frames), 1)
    return Trials("all_pairs", tuple(frames), probe.astype(np.int32), reference.astype(np.int32))


def clusters_of_trials(trials: Trials) -> Clusters:
    subjects = [frame.subject for frame in trials.frames]
    return clusters_of([subjects[place] for place in trials.probe], [subjects[place] for place in trials.reference])


def by_name(figures: list[FigureValue]) -> dict[tuple[Any, ...], FigureValue]:
    named = {(value.group, value.figure, value.operating_point): value for value in figures}
    assert len(named) == len(figures), "two figures that a reader could not tell apart"
    return named


# ------------------------------------------------------------------------------------------- who belongs to which group


def groups(values: Any, subjects: str | None = None, **entry: Any) -> list[str | None]:
    """The group of each photo by name; every photo is of a person of its own where no subjects are given."""
    values = np.array(values) if isinstance(values[0], str) else np.float32(values)
    frames = people(*(subjects or [str(index) for index in range(len(values))]))
    codes, names = group_of_frames(GroupEntry(column="c", **entry), values, frames)
    assert codes.dtype == np.int32
    return [None if code < 0 else names[code] for code in codes]


def test_each_value_is_a_group() -> None:
    assert groups([1, -1, np.nan, 0.1, -0.0]) == ["c=1", "c=-1", None, "c=0.1", "c=0"]
    assert groups([1e-7, 1234567, 2.5]) == ["c=0.0000001", "c=1234567", "c=2.5"]
    assert groups(["white", "", "asian"]) == ["c=white", None, "c=asian"]


def test_names_ascend_whatever_the_order_of_photos() -> None:
    for values in ([10, 9, -1], [-1, 10, 9]):
        names = group_of_frames(GroupEntry(column="c"), np.float32(values), people("a", "b", "c"))[1]
        assert names == ("c=-1", "c=9", "c=10")


def test_bands_hold_their_lower_edge() -> None:
    bands = {"bins": (0, 30, 50.5, 120)}
    got = groups([0, 29.999, 30, 50.5, 119, 120, -1, np.nan], **bands)
    assert got == ["c=0-30", "c=0-30", "c=30-50.5", "c=50.5-120", "c=50.5-120", None, None, None]
    assert groups([0.7, 0.1], bins=(0.1, 0.7, 1)) == ["c=0.7-1", "c=0.1-0.7"], "edges as float32, like the values"
    names = group_of_frames(GroupEntry(column="c", **bands), np.float32([1]), people("a"))[1]
    assert names == ("c=0-30", "c=30-50.5", "c=50.5-120"), "a band that nobody is in is still told"


@pytest.mark.parametrize(
    ("values", "group"),
    [
        ([1, 1, -1], "c=1"),
        ([1, np.nan, np.nan], "c=1"),
        ([1, -1, np.nan], None),
        ([np.nan, np.nan, np.nan], None),
        ([1, 2, 2], "c=2"),
    ],
)
def test_a_person_belongs_to_the_group_of_most_of_their_photos(values: list[float], group: str | None) -> None:
    assert groups([*values, 5], "aaab") == [group] * 3 + ["c=5"]


def test_most_is_more_than_any_other_group_and_need_not_be_half() -> None:
    assert groups([1, 1, 2, 3, np.nan], "aaaaa") == ["c=1"] * 5


def test_photos_may_belong_to_groups_of_their_own() -> None:
    assert groups([1, -1, np.nan], "aaa", per="photo") == ["c=1", "c=-1", None]


# ------------------------------------------------------------------------------------------------------- counts by hand


def test_trials_across_groups_and_of_nobody_are_counted_and_left_out() -> None:
    frames = people("a", "a", "b", "c", "d")
    trials = all_pairs(frames)
    scores = np.full(10, 0.5, np.float32)
    scores[0] = np.nan  # a's only mated trial
    values = {"c": np.float32([1, np.nan, 1, 2, np.nan])}
    found = by_name(
        group_figures(
            [GroupEntry(column="c")], values, trials, scores, {"p": 0.4}, clusters_of_trials(trials), NO_DRAWS
        )
    )

    def value(group: str, figure: str, point: str | None = None) -> float | None:
        return found[group, figure, point].value

    assert value("c", "frames_without_value") == 2
    assert value("c", "frames_without_group") == 1
    assert value("c", "subjects_without_group") == 1
    assert value("c", "trials_without_group") == 7, "a with c, b with c, and all of d"
    assert [value("c=1", name) for name in ("subjects", "mated_trials", "nonmated_trials", "trials_not_acquired")] == [
        2, 1, 2, 1,
    ]  # fmt: skip
    assert value("c=1", "failure_to_acquire_rate") == pytest.approx(1 / 3)
    assert value("c=1", "false_match_rate", "p") == 1
    assert value("c=1", "false_non_match_rate", "p") is None, "not one mated trial was acquired"
    assert found["c=2", "subjects", None].value == 0
    for name in ("failure_to_acquire_rate", "false_match_rate", "true_match_rate", FMR_DIFFERENTIAL):
        one = found["c=2", name, None if name.startswith("failure") else "p"]
        assert (one.value, one.low, one.support) == (None, None, "insufficient")


def test_without_a_threshold_nothing_is_said() -> None:
    frames = people("a", "a", "b", "b")
    trials = all_pairs(frames)
    figures = group_figures(
        [GroupEntry(column="c")], {"c": np.float32([1, 1, 2, 2])}, trials, np.ones(6, np.float32), {"p": None},
        clusters_of_trials(trials), NO_DRAWS,
    )  # fmt: skip
    at_point = [value for value in figures if value.operating_point == "p"]
    assert len(at_point) == 10
    assert all((value.value, value.support) == (None, "insufficient") for value in at_point)


def test_one_group_has_no_differential_and_a_weak_point_makes_weak_figures() -> None:
    clusters = Clusters(*np.repeat(np.arange(100, dtype=np.int32)[None], 2, axis=0), 100)
    scores = (np.arange(100) < 50).astype(np.float32)
    for weak, support in (((), "ok"), (("p",), "weak")):
        figures = assess_groups(
            scores, np.ones(100, bool), clusters, np.zeros(100, int), ["g"], {"p": 0.5}, NO_DRAWS, weak
        )
        named = by_name(figures)
        assert named["g", "false_non_match_rate", "p"].support == support
        assert not [value for value in figures if "differential" in value.figure]


def test_groups_that_do_not_fit_are_refused() -> None:
    clusters = Clusters(np.zeros(1, np.int32), np.zeros(1, np.int32), 1)
    for group in ([0, 0], [1], [-2]):
        with pytest.raises(ShapeError, match="got groups"):
            assess_groups(np.ones(1, np.float32), np.ones(1, bool), clusters, np.array(group), ["g"], {}, NO_DRAWS)


# -------------------------------------------------------------------------------------- agreement with slow definitions


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Frame], np.ndarray, np.ndarray, float]:
    subjects = draw(st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=12))
    frames = people(*subjects)
    count = len(frames) * (len(frames) - 1) // 2
    scores = draw(st.lists(st.sampled_from([0.1, 0.4, 0.5, 0.9, math.nan]), min_size=count, max_size=count))
    values = draw(st.lists(st.sampled_from([1.0, 2.0, 3.0, math.nan]), min_size=len(frames), max_size=len(frames)))
    return frames, np.float32(scores), np.float32(values), draw(st.sampled_from([0.4, 0.5, 2.0]))


@given(table=tables(), per=st.sampled_from(["person", "photo"]), seed=st.integers(0, 9))
@settings(max_examples=150, deadline=None)
def test_figures_are_those_of_the_slow_definition(table: Any, per: str, seed: int) -> None:
    frames, scores, values, threshold = table
    trials = all_pairs(frames)
    clusters = clusters_of_trials(trials)
    kept = double_or_nothing(clusters.count, 60, np.random.default_rng(seed))
    entry = GroupEntry(column="c", per=per)
    codes, names = group_of_frames(entry, values, frames)
    found = by_name(group_figures([entry], {"c": values}, trials, scores, {"p": threshold}, clusters, kept))

    def chosen(group: set[int], mated: bool) -> list[int]:
        return [
            index
            for index, (a, b) in enumerate(zip(trials.probe, trials.reference, strict=True))
            if codes[a] == codes[b] and codes[a] in group and (frames[a].subject == frames[b].subject) == mated
            and not math.isnan(scores[index])
        ]  # fmt: skip

    def rate(trials_of: list[int], mated: bool, people_in: np.ndarray | None = None) -> float:
        inside = [t for t in trials_of if people_in is None or people_in[[clusters.first[t], clusters.second[t]]].all()]
        wrong = [t for t in inside if (scores[t] < threshold) == mated]
        return len(wrong) / len(inside) if inside else math.nan

    everybody = set(range(len(names)))
    for code, name in enumerate(names):
        for mated, figure in ((False, "false_match_rate"), (True, "false_non_match_rate")):
            own, rest = chosen({code}, mated), chosen(everybody - {code}, mated)
            one = found[name, figure, "p"]
            assert one.n == len(own)
            assert (math.nan if one.value is None else one.value) == pytest.approx(rate(own, mated), nan_ok=True)
            if own:
                wrong = np.array([(scores[t] < threshold) == mated for t in own])
                assert (one.low, one.high, one.interval) == rate_interval(wrong, clusters.select(np.array(own)))
            if len(names) < 2:
                continue
            differential = found[name, f"{figure}_differential", "p"]
            assert differential.n == len(own) + len(rest)
            mine, theirs = rate(own, mated), rate(rest, mated)
            ratio = mine / theirs if mine and theirs else math.nan
            expected = mine - theirs if mated else ratio
            got = math.nan if differential.value is None else differential.value
            assert got == pytest.approx(expected, nan_ok=True)
            if not math.isnan(expected):
                assert differential.low is not None
                assert (
                    differential.low <= differential.value <= differential.high or differential.interval == "bootstrap"
                )
            if mated and differential.interval == "bootstrap":
                draws = np.array([rate(own, True, draw) - rate(rest, True, draw) for draw in kept])
                assert (differential.low, differential.high) == pytest.approx(percentile_interval(draws)[:2])


def test_the_order_of_trials_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    frames = people(*(str(index // 4) for index in range(80)))
    trials = all_pairs(frames)
    values = {"c": np.float32(rng.integers(0, 3, 20))[np.arange(80) // 4]}
    scores = rng.normal(trials.mated * 1.5, 1).astype(np.float32)
    shuffled = rng.permutation(len(scores))
    other = Trials("all_pairs", trials.frames, trials.probe[shuffled], trials.reference[shuffled])
    kept = double_or_nothing(20, 200, rng)
    results = [
        group_figures([GroupEntry(column="c")], values, each, of_each, {"p": 1.0}, clusters_of_trials(each), kept)
        for each, of_each in ((trials, scores), (other, scores[shuffled]))
    ]
    assert results[0] == results[1]


# -------------------------------------------------------------------------------------------------- intervals by others


def independent(errors: int, count: int, start: int, mated: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores and clusters of comparisons that share no one; an error is what a threshold of 0.5 gets wrong."""
    wrong = np.arange(count) < errors
    first = (start + np.arange(count) * (1 if mated else 2)).astype(np.int32)
    return np.where(wrong == mated, 0, 1).astype(np.float32), first, first if mated else first + np.int32(1)


def two_groups(mated: bool, *sides: tuple[int, int]) -> dict[tuple[Any, ...], FigureValue]:
    """The figures of two groups with so many errors in so many independent comparisons."""
    parts = [independent(*side, start=10_000 * place, mated=mated) for place, side in enumerate(sides)]
    scores, first, second = (np.concatenate(part) for part in zip(*parts, strict=True))
    group = np.repeat([0, 1], [side[1] for side in sides])
    clusters = Clusters(first, second, 40_000)
    return by_name(assess_groups(scores, np.full(len(scores), mated), clusters, group, "ab", {"p": 0.5}, NO_DRAWS))


def test_a_difference_without_draws_has_newcombes_interval() -> None:
    """56 of 70 against 48 of 80, worked out in Newcombe, Statistics in Medicine 17, 1998, table II: method 10."""
    one = two_groups(True, (56, 70), (48, 80))["a", FNMR_DIFFERENTIAL, "p"]
    assert (one.value, one.low, one.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert (one.interval, one.n, one.support) == ("wilson", 150, "ok")


def test_a_group_without_errors_has_an_interval_that_counts_people() -> None:
    found = two_groups(True, (0, 60), (6, 100))
    own = found["a", "false_non_match_rate", "p"]
    assert own.high == pytest.approx(1 - 0.05 ** (1 / 60))
    one = found["a", FNMR_DIFFERENTIAL, "p"]
    low, high = binomtest(6, 100).proportion_ci(method="wilson")
    assert (one.value, one.interval, one.support) == (-0.06, "exact", "weak")
    assert (one.low, one.high) == pytest.approx((-0.06 - (high - 0.06), -0.06 + math.hypot(own.high, 0.06 - low)))


def test_a_ratio_puts_two_intervals_together_on_the_logarithmic_scale() -> None:
    found = two_groups(False, (40, 4000), (35, 7000))
    one, other = found["a", FMR_DIFFERENTIAL, "p"], found["b", FMR_DIFFERENTIAL, "p"]
    # No one is in two of these comparisons, so the jackknife counts each twice: half as many count.
    (low, high), (low_b, high_b) = (
        np.log(wilson_interval(k / n, n / 2, k, n)) - math.log(k / n) for k, n in ((40, 4000), (35, 7000))
    )
    assert one.value == pytest.approx(2)
    assert one.low == pytest.approx(2 * math.exp(-math.hypot(low, high_b)))
    assert one.high == pytest.approx(2 * math.exp(math.hypot(high, low_b)))
    assert (one.support, one.n) == ("ok", 11_000)
    assert [1 / other.value, 1 / other.high, 1 / other.low] == pytest.approx([one.value, one.low, one.high])


@pytest.mark.parametrize("sides", [((0, 100), (5, 100)), ((5, 100), (0, 100)), ((0, 9), (0, 9))])
def test_a_ratio_needs_false_matches_on_both_sides(sides: Any) -> None:
    for group in "ab":
        one = two_groups(False, *sides)[group, FMR_DIFFERENTIAL, "p"]
        assert (one.value, one.low, one.interval, one.support) == (None, None, None, "insufficient")


@pytest.mark.full
def test_differentials_cover_what_they_estimate() -> None:
    """Two groups of 40 and 80 people, 2 to 6 photos each, all pairs within a group; people differ in both rates.

    About 28 and 34 false non-matches, 50 and 101 false matches; 1,000 repetitions, so 95 % means 950 ± 7. The ratio's
    interval errs on the long side.
    """
    rng = np.random.default_rng(11)
    sizes, fnmr, fmr = (40, 80), (0.1, 0.06), (0.004, 0.002)
    covered = {FNMR_DIFFERENTIAL: 0, FMR_DIFFERENTIAL: 0}
    errors = np.zeros(4)
    for _ in range(1000):
        person = np.concatenate(
            [np.repeat(np.arange(size), rng.integers(2, 7, size)) + 40 * g for g, size in enumerate(sizes)]
        )
        probe, reference = np.triu_indices(len(person), 1)
        own = (person[probe] < 40) == (person[reference] < 40)
        first, second = person[probe[own]].astype(np.int32), person[reference[own]].astype(np.int32)
        group, mated = (first >= 40).astype(int), first == second
        effect = rng.lognormal(-0.08, 0.4, 120)
        misses = np.concatenate(
            [rng.beta(8 * rate, 8 * (1 - rate), size) for rate, size in zip(fnmr, sizes, strict=True)]
        )
        chance = np.where(mated, misses[first], np.array(fmr)[group] * effect[first] * effect[second])
        wrong = rng.random(len(first)) < chance
        scores = (wrong != mated).astype(np.float32)
        kept = double_or_nothing(120, 300, rng)
        found = by_name(assess_groups(scores, mated, Clusters(first, second, 120), group, "ab", {"p": 0.5}, kept))
        for name, truth in ((FNMR_DIFFERENTIAL, fnmr[0] - fnmr[1]), (FMR_DIFFERENTIAL, fmr[0] / fmr[1])):
            one = found["a", name, "p"]
            covered[name] += one.low is not None and one.low <= truth <= one.high
        errors += [
            np.count_nonzero(wrong & (mated == kind) & (group == g)) for kind, g in itertools.product([1, 0], [0, 1])
        ]
    print(covered, errors / 1000)
    assert 930 <= covered[FNMR_DIFFERENTIAL] <= 970
    assert 950 <= covered[FMR_DIFFERENTIAL] <= 990
