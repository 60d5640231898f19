"""Whether faces come nearer to people learned from than to others: figures, exchanges of people, and what holds."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from scipy.stats import t as student

from bench.errors import ConfigError, ShapeError
from bench.metrics import FIGURES, double_or_nothing, zero_error_bound
from bench.metrics.galleries import GalleryThreshold, difference_interval, gallery_thresholds
from bench.metrics.identities import assess_identities, unique_identities
from bench.metrics.intervals import Interval
from bench.metrics.leakage import (
    LeakageScores,
    NearestPhotos,
    assess_leakage,
    difference_of_galleries,
    distances,
    matched_galleries,
    memorised,
)
from bench.metrics.shares import Contributors
from bench.metrics.swaps import swap_test, swapped_differences
from tests.gallery_people import World
from tests.simulations import repetitions, slack

NOBODY = -np.inf
SMALL = World(faces=40, contributors=12, people=15, strangers=30, dimension=8)


def alone(count):
    """Probes that share nobody."""
    return Contributors(np.arange(count, dtype=np.int32)[:, np.newaxis], count)


def scores_of(train, holdout, strangers=None):
    train, holdout = np.array(train, np.float32), np.array(holdout, np.float32)
    real = np.zeros(0, np.float32) if strangers is None else np.array(strangers, np.float32).max(axis=1)
    return LeakageScores(train, holdout, alone(len(train)), real, real, alone(len(real)))


def figures(scores, seed=0, **given):
    values, _ = assess_leakage(scores, np.random.default_rng(seed), permutations=given.pop("permutations", 99), **given)
    table = {(one.figure, one.operating_point): one for one in values}
    assert len(table) == len(values)
    return table


AT = GalleryThreshold("dev:fmr=0.01", 0.5)

# ----------------------------------------------------------------------------------------------------------- figures


def test_rates_are_counted_and_who_was_not_acquired_matches_nobody():
    train = [[0.6, 0.1], [0.5, 0.4], [0.2, 0.1], [NOBODY, NOBODY]]
    holdout = [[0.1, 0.2], [0.4, 0.7], [0.2, 0.3], [NOBODY, NOBODY]]
    found = figures(scores_of(train, holdout), thresholds=[AT])
    assert found["leakage_rate", AT.name].value == 0.5
    assert found["holdout_leakage_rate", AT.name].value == 0.25
    assert found["excess_leakage", AT.name].value == 0.25
    assert found["excess_leakage", AT.name].n == 4
    auc = found["membership_auc", None]
    assert (auc.value, auc.n) == (pytest.approx(1 / 3), 3)


def test_the_mean_of_both_galleries_sets_the_threshold():
    first = np.arange(10, dtype=np.float32)
    second = first + np.float32(100)
    (point,) = gallery_thresholds([first, second], [0.25])
    assert point.searches == 20
    assert point.threshold == np.nextafter(np.float32(104), np.float32(np.inf))
    assert (first >= point.threshold).mean() / 2 + (second >= point.threshold).mean() / 2 == 0.25
    assert gallery_thresholds([second, first], [0.25]) == [point]


def test_figures_have_the_order_of_the_table_and_draws_of_the_same_faces():
    rng = np.random.default_rng(3)
    scores, kept = SMALL.leakage(rng), double_or_nothing(SMALL.contributors, 20, rng)
    nearest = NearestPhotos(scores.train.max(axis=1), np.full(40, 0.5, np.float32))
    values, drawn = assess_leakage(scores, rng, [AT], kept=kept, nearest=(nearest, nearest), permutations=50)
    places = [list(FIGURES).index(one.figure) for one in values]
    points = [one.operating_point for one in values]
    assert list(dict.fromkeys(points)) == [None, "fpir=0.1", "fpir=0.01", AT.name]
    for point in dict.fromkeys(points):
        own = [place for place, at in zip(places, points, strict=True) if at == point]
        assert own == sorted(own)
    faces = kept[:, scores.contributors.people[:, 0]]
    there = faces.any(axis=1)
    hits = (scores.train >= np.float64(0.5)).any(axis=1).astype(float) - (scores.holdout >= np.float64(0.5)).any(axis=1)
    expected = (faces @ hits)[there] / faces.sum(axis=1)[there]
    np.testing.assert_allclose(drawn["excess_leakage", AT.name, None][there], expected, atol=1e-8)
    assert {key[0] for key in drawn} >= {"membership_auc", "authenticity_rate", "memorisation_ratio", "leakage_rate"}


def test_without_enough_strangers_there_is_no_threshold():
    scores = scores_of([[0.1]] * 3, [[0.2]] * 3, [[0.1]] * 4)
    found = figures(scores, fpirs=(0.1,))
    for name in ("leakage_threshold", "leakage_rate", "excess_leakage", "excess_leakage_p_value", "clean_leakage_rate"):
        value = found[name, "fpir=0.1"]
        assert (value.value, value.low, value.support) == (None, None, "insufficient")
    with pytest.raises(ConfigError):
        figures(scores, fpirs=(0.0,))


def test_what_strangers_do_at_a_threshold_is_said():
    scores = scores_of(np.zeros((3, 2)), np.zeros((3, 2)), [[0.9, 0.1], [0.1, 0.1], [0.2, 0.6], [0.3, 0.4]])
    found = figures(scores, fpirs=(0.5,), thresholds=[AT])
    assert found["clean_leakage_rate", AT.name].value == 0.5
    assert found["clean_leakage_rate", "fpir=0.5"].value <= 0.5
    assert ("leakage_threshold", AT.name) not in found


def test_no_face_gives_no_figure():
    assert assess_leakage(scores_of(np.zeros((0, 2)), np.zeros((0, 2))), np.random.default_rng(0)) == ([], {})


def test_where_no_face_differs_the_interval_is_a_bound():
    found = figures(scores_of(np.zeros((20, 3)), np.zeros((20, 3))), thresholds=[AT])
    excess, bound = found["excess_leakage", AT.name], zero_error_bound(20)
    assert (excess.value, excess.low, excess.high, excess.interval) == (0, -bound, bound, "exact")
    assert found["excess_leakage_p_value", AT.name].value == 1


def test_copies_of_everybody_leak():
    people = 20
    train = np.full((people, people), 0.1, np.float32)
    np.fill_diagonal(train, 0.95)
    found = figures(scores_of(train, np.full((people, people), 0.1)), thresholds=[AT], permutations=999)
    excess = found["excess_leakage", AT.name]
    assert (excess.value, excess.high, excess.interval) == (1.0, 1.0, "exact")
    assert excess.low == pytest.approx(1 - 2 * zero_error_bound(people))
    assert found["excess_leakage_p_value", AT.name].value == 1 / 1000
    assert found["membership_auc", None].value == 1
    assert found["membership_auc_p_value", None].value == 1 / 1000
    assert found["memorisation_ratio", None].value == 1
    assert found["holdout_memorisation_ratio", None].value == 0


def test_arrays_that_do_not_fit_are_refused():
    good = np.zeros((3, 2), np.float32)
    none = np.zeros(0, np.float32)

    def made(**changes):
        given = {"train": good, "holdout": good, "contributors": alone(3), "real_train": none, "real_holdout": none}
        return LeakageScores(**(given | {"real_people": alone(0)} | changes))

    made()
    for change in (
        {"train": good.astype(np.float64)},
        {"holdout": np.zeros((3, 3), np.float32)},
        {"train": good[:2]},
        {"holdout": np.full((3, 2), np.nan, np.float32)},
        {"train": np.full((3, 2), np.inf, np.float32)},
        {"real_train": np.zeros(1, np.float32)},
        {"real_holdout": np.zeros((0, 2), np.float32)},
    ):
        with pytest.raises(ShapeError):
            made(**change)
    with pytest.raises(ShapeError):
        NearestPhotos(np.zeros(3, np.float32), np.zeros(2, np.float32))
    with pytest.raises(ShapeError):
        swap_test(np.zeros((2, 2), np.bool_), np.zeros((2, 3), np.bool_), 9, np.random.default_rng(0))


# ---------------------------------------------------------------------------------------- authenticity, memorisation


def test_a_face_is_authentic_where_its_nearest_photo_has_a_nearer_neighbour():
    nearest = NearestPhotos(np.array([0.9, 0.3, 0.5, np.nan], np.float32), np.array([0.5, 0.5, 0.5, 0.5], np.float32))
    np.testing.assert_array_equal(nearest.authentic(), [0, 1, 0, np.nan])
    scores = scores_of(np.zeros((4, 2)), np.zeros((4, 2)))
    found = figures(scores, nearest=(nearest, nearest))
    assert found["authenticity_rate", None].value == pytest.approx(1 / 3)
    assert found["holdout_authenticity_rate", None].n == 3
    with pytest.raises(ShapeError):
        figures(scores_of(np.zeros((3, 2)), np.zeros((3, 2))), nearest=(nearest, nearest))


def test_a_face_is_memorised_where_one_person_is_three_times_nearer_than_any_other():
    maxima = np.array([[1.0, 0.2, 0.1], [0.9, 0.89, 0.0], [0.99, 0.5, NOBODY], [0.9, NOBODY, NOBODY]], np.float32)
    apart = np.sqrt(2 - 2 * np.float64(maxima[2, 0])) * 3 < np.sqrt(2 - 2 * 0.5)
    np.testing.assert_array_equal(memorised(maxima, "cosine"), [1, 0, apart, np.nan])
    assert apart
    far = np.array([[-0.1, -0.31], [-0.1, -0.29], [-0.1, -0.3]], np.float32)
    np.testing.assert_array_equal(memorised(far, "neg_l2"), [1, 0, np.float64(far[2, 0]) > np.float64(far[2, 1]) / 3])
    assert np.isnan(memorised(maxima[:, :1], "cosine")).all()


def test_distances_are_those_of_embeddings():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 5, 16))
    a, b = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (a, b))
    apart = np.linalg.norm(a - b, axis=1)
    np.testing.assert_allclose(distances((a * b).sum(axis=1), "cosine"), apart)
    np.testing.assert_array_equal(distances(-apart, "neg_l2"), apart)
    assert distances(np.array([1.0000001], np.float32), "cosine") == 0


# -------------------------------------------------------------------------------------------------- matched galleries


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=30),
    st.lists(st.integers(0, 40), min_size=1, max_size=30),
    st.integers(1, 25),
    st.integers(0, 5),
)
def test_galleries_are_matched_person_by_person(train, holdout, most, seed):
    counts = np.array(train), np.array(holdout)
    found = matched_galleries(*counts, most, np.random.default_rng(seed))
    size = min(np.count_nonzero(each) for each in counts)
    assert len(found.train) == len(found.holdout) == len(found.photos) == size
    for people, of in zip((found.train, found.holdout), counts, strict=True):
        assert len(set(people.tolist())) == size
        held = np.minimum(of[people], most)
        assert (np.diff(held) <= 0).all()
        assert (held >= found.photos).all()
    if size:
        np.testing.assert_array_equal(found.photos, np.minimum(*(np.minimum(of[who], most) for who, of in zip(
            (found.train, found.holdout), counts, strict=True))))  # fmt: skip
        assert found.photos.min() >= 1
    mirrored = matched_galleries(*counts[::-1], most, np.random.default_rng(seed))
    np.testing.assert_array_equal(mirrored.photos, found.photos)
    np.testing.assert_array_equal(mirrored.train, found.holdout)


def test_the_seed_draws_from_the_larger_side_only():
    counts = np.arange(1, 41), np.arange(1, 11)
    drawn = [matched_galleries(*counts, 20, np.random.default_rng(seed)) for seed in range(3)]
    assert len({tuple(each.train.tolist()) for each in drawn}) == 3
    assert len({tuple(each.holdout.tolist()) for each in drawn}) == 1
    with pytest.raises(ShapeError):
        matched_galleries(counts[0], counts[1], 0, np.random.default_rng(0))
    with pytest.raises(ShapeError):
        matched_galleries(counts[0].astype(float), counts[1], 5, np.random.default_rng(0))


# --------------------------------------------------------------------------------------------------------- exchanges


def dense_differences(first, second, draws, rng):
    """By the definition: exchange columns, then count."""
    found = []
    # The coins of `swapped_differences` come in one array for up to 1,024 draws.
    for coin in rng.integers(0, 2, (draws, first.shape[1]), dtype=np.int8):
        one, other = (np.where(coin == side, first, second) for side in (1, 0))
        found.append(int(one.any(axis=1).sum()) - int(other.any(axis=1).sum()))
    return found


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
def test_sparse_exchanges_are_those_of_the_definition(rate):
    rng = np.random.default_rng(5)
    first, second = rng.random((2, 60, 25)) < rate
    fast = swapped_differences(first, second, 200, np.random.default_rng(1))
    assert fast.tolist() == dense_differences(first, second, 200, np.random.default_rng(1))


def test_all_exchanges_of_few_people_give_the_p_value():
    rng = np.random.default_rng(8)
    first, second = rng.random((2, 30, 6)) < [[[0.2]], [[0.05]]]
    every = []
    for coin in itertools.product([True, False], repeat=6):
        one, other = np.where(coin, first, second), np.where(coin, second, first)
        every.append(int(one.any(axis=1).sum()) - int(other.any(axis=1).sum()))
    test = swap_test(first, second, 20_000, np.random.default_rng(0))
    assert test.difference == every[0]
    assert test.p_value == pytest.approx(np.mean(np.abs(every) >= abs(every[0])), abs=0.01)


def test_exchanges_of_membership_are_those_of_the_maxima():
    rng = np.random.default_rng(2)
    scores = SMALL.leakage(rng)
    # Ties between the two galleries, and faces that were not acquired.
    train, holdout = np.round(scores.train * 8) / np.float32(8), np.round(scores.holdout * 8) / np.float32(8)
    train[:2] = holdout[:2] = NOBODY
    best = np.maximum(train.max(axis=1), holdout.max(axis=1))[:, np.newaxis]
    there = ~np.isneginf(best)
    fast = swapped_differences((train == best) & there, (holdout == best) & there, 60, np.random.default_rng(4))
    coins = np.random.default_rng(4).integers(0, 2, (60, SMALL.people), dtype=np.int8)
    for coin, found in zip(coins, fast, strict=True):
        one, other = (np.where(coin == side, train, holdout).max(axis=1) for side in (1, 0))
        assert found == int((one > other).sum()) - int((other > one).sum())


# -------------------------------------------------------------------------------------------------------- invariants

numbers = st.integers(0, 2**31)


@settings(max_examples=25, deadline=None)
@given(numbers)
def test_exchanging_both_galleries_turns_the_sign(seed):
    scores = SMALL.leakage(np.random.default_rng(seed))
    turned = replace(
        scores,
        train=scores.holdout,
        holdout=scores.train,
        real_train=scores.real_holdout,
        real_holdout=scores.real_train,
    )
    one, other = figures(scores, fpirs=(0.2,)), figures(turned, fpirs=(0.2,))
    point = "fpir=0.2"
    a, b = one["excess_leakage", point], other["excess_leakage", point]
    assert a.value == -b.value
    assert (a.low, a.high) == pytest.approx((-b.high, -b.low))
    assert one["leakage_threshold", point].value == other["leakage_threshold", point].value
    assert one["excess_leakage_p_value", point].value == other["excess_leakage_p_value", point].value
    assert one["membership_auc", None].value == pytest.approx(1 - other["membership_auc", None].value)


@settings(max_examples=25, deadline=None)
@given(numbers)
def test_the_order_of_faces_and_people_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    scores = SMALL.leakage(rng)
    faces, people, photos = (rng.permutation(n) for n in (SMALL.faces, SMALL.people, 2 * SMALL.strangers))
    moved = LeakageScores(
        scores.train[faces][:, people],
        scores.holdout[faces][:, people],
        Contributors(scores.contributors.people[faces], scores.contributors.count),
        scores.real_train[photos],
        scores.real_holdout[photos],
        Contributors(scores.real_people.people[photos], scores.real_people.count),
    )
    one, other = figures(scores, thresholds=[AT]), figures(moved, thresholds=[AT])
    assert list(one) == list(other)
    for key, value in one.items():
        if not key[0].endswith("_p_value"):  # drawn by chance, person after person
            assert value == other[key]


@settings(max_examples=25, deadline=None)
@given(numbers, st.floats(0.05, 0.5))
def test_rates_rise_with_people(seed, fpir):
    scores, fewer = SMALL.leakage_of_part(np.random.default_rng(seed), people=9)
    one, other = figures(scores, fpirs=(fpir,), thresholds=[AT]), figures(fewer, fpirs=(fpir,), thresholds=[AT])
    for name in ("leakage_rate", "holdout_leakage_rate", "clean_leakage_rate"):
        assert one[name, AT.name].value >= other[name, AT.name].value
    limits = [
        each["leakage_threshold", next(at for name, at in each if name == "leakage_threshold")] for each in (one, other)
    ]
    assert limits[0].value >= limits[1].value


def test_a_difference_of_galleries_is_a_mean_with_student_s_t():
    rng = np.random.default_rng(0)
    values = rng.choice([-1.0, 0.0, 0.0, 0.0, 1.0], 400)
    low, high, method = difference_of_galleries(values, alone(400))
    assert method == "clustered"
    half = 1.9659 * values.std(ddof=1) / 20  # of 399 degrees
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=1e-5)


def test_two_intervals_make_that_of_a_difference():
    low, high, method = difference_interval(
        0.3, Interval(0.2, 0.45, "wilson"), 0.1, Interval(0.06, 0.18, "wilson"), (-1.0, 1.0)
    )
    assert low == pytest.approx(0.2 - np.hypot(0.1, 0.08))
    assert high == pytest.approx(0.2 + np.hypot(0.15, 0.04))
    assert method == "wilson"
    assert difference_interval(0.0, Interval(0, 0.1, "exact"), 0.1, Interval(0, 1, "wilson"), (-0.5, 0.5))[0] == -0.5


# ------------------------------------------------------------------------------------------ how many people are shown


def test_faces_that_match_an_earlier_one_are_not_unique():
    matches = np.zeros((5, 5), np.bool_)
    for a, b in ((0, 1), (1, 2), (3, 4)):
        matches[a, b] = matches[b, a] = True
    assert unique_identities(matches).tolist() == [True, False, True, True, False]
    with pytest.raises(ShapeError):
        unique_identities(matches[:3])


@given(st.integers(0, 1000), st.floats(0.05, 0.9))
def test_unique_faces_are_those_of_the_definition(seed, share):
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((12, 12)) < share, 1)
    matches = upper | upper.T
    kept = []
    for face in range(12):
        if not any(matches[face, other] for other in kept):
            kept.append(face)
    assert np.flatnonzero(unique_identities(matches)).tolist() == kept


@pytest.mark.parametrize("each", [1, 2])
def test_means_within_and_between_are_those_of_all_pairs(each):
    rng = np.random.default_rng(each)
    pool = np.array([[0, 1], [2, 3], [4, 5], [1, 0], [6, 7], [2, 5]], np.int32)[:, :each]
    people = pool[rng.integers(0, 6, 40)]
    rows = rng.standard_normal((40, 6))
    scores = (rows @ rows.T).astype(np.float32)
    found = {one.figure: one for one in assess_identities(scores, Contributors(people, 8))}

    def mean(left_out=None):
        within, between = [], []
        for a, b in itertools.combinations(range(40), 2):
            if left_out in people[a] or left_out in people[b]:
                continue
            if set(people[a].tolist()) == set(people[b].tolist()):
                within.append(float(scores[a, b]))
            elif not set(people[a].tolist()) & set(people[b].tolist()):
                between.append(float(scores[a, b]))
        return [np.mean(within), np.mean(between)], [len(within), len(between)]

    means, pairs = mean()
    present = np.unique(people)
    left = np.array([mean(person)[0] for person in present])
    error = np.sqrt((len(present) - 1) / len(present) * np.square(left - left.mean(axis=0)).sum(axis=0))
    for place, name in enumerate(("similarity_within_mean", "similarity_between_mean")):
        assert found[name].value == pytest.approx(means[place])
        assert (found[name].n, found[name].interval) == (pairs[place], "jackknife")
        half = student.ppf(0.975, len(present) - 1) * error[place]
        assert (found[name].low, found[name].high) == pytest.approx((means[place] - half, means[place] + half))


def test_identities_without_pairs_or_threshold():
    scores = np.zeros((3, 3), np.float32)
    values = assess_identities(scores, alone(3), [AT, GalleryThreshold("x", None)])
    found = {(one.figure, one.operating_point): one for one in values}
    assert ("similarity_within_mean", None) not in found
    assert found["unique_identity_rate", AT.name].value == 1
    assert found["unique_identity_rate", "x"].support == "insufficient"
    with pytest.raises(ShapeError):
        assess_identities(np.full((3, 3), np.nan, np.float32) * 1, alone(3))
    with pytest.raises(ShapeError):
        assess_identities(scores[:2], alone(3))


# ------------------------------------------------------------------------------------------------------- simulations


@pytest.mark.full
@pytest.mark.parametrize(
    ("world", "fpir"),
    [
        (World(), 0.1),
        (World(each=2), 0.1),
        (World(contributors=300), 0.1),
        (World(each=2, contributors=30, people=60), 0.1),
        (World(people=200, photos=3, strangers=200), 0.03),
        (World(hubs=0.05), 0.1),
        (World(hubs=0.05, each=2), 0.1),
    ],
    ids=["one", "two", "own", "two of few", "large", "hubs, one", "hubs, two"],
)
def test_faces_that_learned_from_nobody_do_not_leak(world, fpir):
    """The interval holds 0 in 93 to 97 % of 1,000 repetitions, exchanges reject in at most 5 %; `pytest -s` prints.

    So many with IMPERSONA_SIMULATIONS=all, else a third.

    Where some people are hubs the galleries differ by who is in them, and only the exchanges are valid.
    """
    rng, number = np.random.default_rng(11), repetitions(1000)
    found = []
    for _ in range(number):
        values, _ = assess_leakage(world.leakage(rng), rng, fpirs=(fpir,), permutations=399)
        of = {one.figure: one for one in values}
        excess, auc = of["excess_leakage"], of["membership_auc"]
        found.append((
            excess.low <= 0 <= excess.high, of["excess_leakage_p_value"].value <= 0.05, auc.low <= 0.5 <= auc.high,
            of["membership_auc_p_value"].value <= 0.05, of["leakage_rate"].value, excess.high - excess.low,
        ))  # fmt: skip
    held, rejected, held_auc, rejected_auc, rate, width = np.mean(found, axis=0)
    print(
        f"\n{world}, fpir {fpir}\n  excess leakage: interval holds 0 in {held:.1%}, exchanges reject in {rejected:.1%}"
        f" (rate {rate:.3f}, width {width:.3f}); AUC: {held_auc:.1%} and {rejected_auc:.1%}"
    )
    most = binom.ppf(0.999, number, 0.05) / number
    assert rejected <= most
    assert rejected_auc <= most
    if not world.hubs:
        assert 0.93 - slack(number) <= held <= 0.97 + slack(number)


@pytest.mark.full
def test_what_leaks_is_found():
    """One face in twenty is a copy: intervals hold that share, exchanges reject, at the strict threshold more often."""
    rng, world = np.random.default_rng(12), World(contributors=300, strangers=250)
    found = {fpir: [] for fpir in (0.1, 0.01)}
    for _ in range(300):
        scores, copies = world.leakage(rng), rng.random(world.faces) < 0.05
        train = scores.train.copy()
        train[copies, rng.integers(0, world.people, np.count_nonzero(copies))] = 0.99
        of = figures(replace(scores, train=train), seed=rng.integers(2**31), fpirs=tuple(found), permutations=399)
        for fpir, rows in found.items():
            excess, p_value = (of[name, f"fpir={fpir}"] for name in ("excess_leakage", "excess_leakage_p_value"))
            # A copy adds its match unless the face matched somebody anyway.
            rows.append(
                (
                    excess.low <= 0.05 * (1 - fpir) <= excess.high,
                    p_value.value <= 0.05,
                    of["membership_auc", None].value,
                )
            )
    for fpir, rows in found.items():
        held, rejected, auc = np.mean(rows, axis=0)
        print(
            f"\n  5 % copies, fpir {fpir}: interval holds in {held:.1%}, exchanges reject in {rejected:.1%}; {auc:.3f}"
        )
        assert 0.92 <= held <= 0.985
    assert np.mean(found[0.1], axis=0)[1] < np.mean(found[0.01], axis=0)[1] > 0.9
