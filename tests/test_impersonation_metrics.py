"""Whom faces could be taken for: rates in a gallery, by its size, and whether recognizers agree."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special
from scipy.stats import betabinom
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from bench.errors import ShapeError
from bench.metrics import (
    FIGURES,
    Clusters,
    SearchResults,
    double_or_nothing,
    share_interval,
    threshold_at_fpir,
    zero_error_bound,
)
from bench.metrics.agreement import recognizers_agree
from bench.metrics.beta_binomial import BetaBinomial, fit_beta_binomial
from bench.metrics.galleries import GalleryThreshold, HighMaxima, gallery_thresholds
from bench.metrics.gallery_size import chance_in_part, gallery_sizes, rate_by_size
from bench.metrics.impersonation import GalleryScores, assess_impersonation, expected_highest, risk_by_size
from bench.metrics.shares import Contributors
from tests.gallery_people import World, maxima

NOBODY = -np.inf
AT = GalleryThreshold("dev:fmr=0.001", 0.5)
SMALL = World(faces=40, contributors=12, people=15, strangers=30, dimension=8)


def alone(count):
    """Probes that share nobody."""
    return Contributors(np.arange(count, dtype=np.int32)[:, np.newaxis], count)


def scores_of(maxima, real, photos=None):
    maxima, real = np.array(maxima, np.float32), np.array(real, np.float32)
    return GalleryScores(HighMaxima.of(maxima), alone(len(maxima)), HighMaxima.of(real), alone(len(real)), photos)


def dense(maxima):
    """All maxima, -inf where nothing was compared."""
    found = np.full(maxima.high.shape, NOBODY, np.float32)
    found[maxima.high.nonzero()] = maxima.high.data
    return found


def figures(scores, *points, fpirs=(), **given):
    values, _ = assess_impersonation(scores, points or [AT], fpirs, **given)
    table = {(one.figure, one.operating_point, one.group): one for one in values}
    assert len(table) == len(values)
    return table


MADE = [[0.6, 0.1, 0.7], [0.5, 0.4, 0.1], [0.2, 0.1, 0.3], [NOBODY] * 3]
REAL = [[0.1, 0.1, 0.2], [0.9, 0.1, 0.1], [0.3, 0.2, 0.1], [0.4, 0.4, 0.4], [NOBODY, 0.1, 0.2]]

# ----------------------------------------------------------------------------------------------------------- figures


def test_figures_are_counted():
    found = figures(scores_of(MADE, REAL), enrolled_groups={"a": np.array([True, True, False])})

    def value(name, group=None):
        return found[name, AT.name, group].value

    assert value("impersonation_rate") == 2 / 4
    assert value("clean_impersonation_rate") == 1 / 5
    assert value("excess_impersonation_rate") == pytest.approx(0.3)
    assert value("worst_probe_coverage") == pytest.approx(2 / 3)
    assert value("exposure_mean") == pytest.approx(3 / 12)
    assert value("exposure_mean", "a") == pytest.approx(2 / 8)
    assert value("clean_exposure_mean") == pytest.approx(1 / 15)
    assert value("exposure_highest") == 2 / 4
    assert value("exposed_people_rate") == pytest.approx(2 / 3)
    # One of five strangers matches one of three people: four of them hold that one in four of five choices.
    assert value("clean_worst_probe_coverage") == pytest.approx(4 / 5 / 3)
    assert value("clean_exposed_people_rate") == pytest.approx(4 / 5 / 3)
    assert found["rank_one_similarity_mean", None, None].value == pytest.approx((0.7 + 0.5 + 0.3) / 3)
    assert found["rank_one_similarity_mean", None, None].n == 3
    assert found["clean_rank_one_similarity_mean", None, None].n == 5


def test_the_threshold_is_that_of_identification():
    rng = np.random.default_rng(0)
    scores = SMALL.impersonation(rng)
    real = dense(scores.real)
    real[:4] = NOBODY
    best = np.where(np.isneginf(real.max(axis=1)), np.nan, real.max(axis=1)).astype(np.float32)
    none, codes = np.full(len(best), np.nan, np.float32), np.arange(len(best), dtype=np.int32)
    people = Clusters(codes, codes, len(best))
    results = SearchResults(np.zeros(len(best), np.bool_), none, np.zeros(len(best), np.int32), best, people, 15)
    for fpir in (0.3, 0.05, 0.02, 0.01):
        (point,) = gallery_thresholds([real.max(axis=1)], [fpir])
        expected = threshold_at_fpir(results, fpir)
        assert (point.threshold, point.support) == (expected.threshold, expected.support)
        assert point.searches == expected.nonmate_searches


@pytest.mark.parametrize(
    ("acquired", "fpir", "known"), [(0, 0.1, False), (3, 0.5, False), (11, 0.5, True), (20, 1, True)]
)
def test_where_hardly_a_stranger_was_acquired_there_is_no_threshold(acquired, fpir, known):
    best = np.where(np.arange(20) < acquired, np.float32(0.3), np.float32(NOBODY))
    (point,) = gallery_thresholds([best], [fpir])
    assert (point.threshold is not None) == known
    assert (point.support == "insufficient") != known


def test_a_gallery_s_own_threshold_achieves_what_it_says():
    scores = SMALL.impersonation(np.random.default_rng(1))
    found = figures(scores, fpirs=(0.1,))
    assert found["clean_impersonation_rate", "fpir=0.1", None].value == pytest.approx(0.1)
    threshold = found["impersonation_threshold", "fpir=0.1", None].value
    assert found["impersonation_rate", "fpir=0.1", None].value == (scores.maxima.best >= threshold).mean()
    assert ("impersonation_threshold", AT.name, None) not in found


def test_without_strangers_there_is_nothing_to_compare_with():
    found = figures(scores_of(MADE, np.zeros((0, 3))), AT, fpirs=(0.1,))
    assert found["impersonation_rate", AT.name, None].value == 0.5
    assert found["worst_probe_coverage", AT.name, None].n == 4
    assert not [name for name, *_ in found if name.startswith(("clean_", "excess_"))]
    at = found["impersonation_rate", "fpir=0.1", None]
    assert (at.value, at.low, at.support) == (None, None, "insufficient")


def test_the_interval_of_the_excess_is_put_together():
    scores = SMALL.impersonation(np.random.default_rng(2))
    found = figures(scores, fpirs=(0.2,))
    made, real, excess = (found[f"{name}impersonation_rate", "fpir=0.2", None] for name in ("", "clean_", "excess_"))
    assert excess.value == made.value - real.value
    assert excess.low == pytest.approx(excess.value - math.hypot(made.value - made.low, real.high - real.value))
    assert excess.high == pytest.approx(excess.value + math.hypot(made.high - made.value, real.value - real.low))


def test_photos_are_compared_face_by_face():
    photos = np.array([[0.6, 0.1], [0.6, 0.7], [0.1, NOBODY], [0.1, 0.9]], np.float32)
    found = figures(scores_of(MADE, REAL, photos))
    assert found["photo_impersonation_rate", AT.name, None].value == pytest.approx((0.5 + 1 + 0 + 0.5) / 4)
    assert found["excess_photo_impersonation_rate", AT.name, None].value == pytest.approx(0.0)
    with pytest.raises(ShapeError):
        scores_of(MADE, REAL, photos[:2])


def test_the_area_is_that_of_all_pairs():
    rng = np.random.default_rng(5)
    made, real = ((rng.integers(0, 11, (n, 4)) + shift) / np.float32(10) for n, shift in ((30, 1), (50, 0)))
    found = figures(scores_of(made, real))["rank_one_auc", None, None]
    labels = np.arange(80) < 30
    assert found.value == pytest.approx(roc_auc_score(labels, np.concatenate([made.max(axis=1), real.max(axis=1)])))
    assert found.low < found.value < found.high
    apart = figures(scores_of(made + 2, real))["rank_one_auc", None, None]
    assert (apart.value, apart.high, apart.interval) == (1, 1, "exact")
    assert 0.8 < apart.low < 1


def test_what_grows_with_probes_is_compared_at_one_number_of_them():
    rng = np.random.default_rng(6)
    many, few = (rng.random((n, 6)) < 0.2 for n in (9, 4))
    found = figures(scores_of(np.where(many, 0.9, 0.1), np.where(few, 0.9, 0.1)))
    choices = [list(each) for each in itertools.combinations(range(9), 4)]
    expected = np.mean([many[each].sum(axis=1).max() / 6 for each in choices])
    assert found["worst_probe_coverage", AT.name, None].value == pytest.approx(expected)
    assert found["worst_probe_coverage", AT.name, None].n == 4
    assert found["clean_worst_probe_coverage", AT.name, None].value == few.sum(axis=1).max() / 6
    exposed = np.mean([many[each].any(axis=0).mean() for each in choices])
    assert found["exposed_people_rate", AT.name, None].value == pytest.approx(exposed)
    assert found["clean_exposed_people_rate", AT.name, None].value == few.any(axis=0).mean()
    turned = figures(scores_of(np.where(few, 0.9, 0.1), np.where(many, 0.9, 0.1)))
    assert turned["clean_worst_probe_coverage", AT.name, None].value == pytest.approx(expected)
    assert turned["worst_probe_coverage", AT.name, None].value == few.sum(axis=1).max() / 6


def test_groups_of_faces_are_filed_by_themselves():
    scores = SMALL.impersonation(np.random.default_rng(7))
    some = np.arange(40) % 3 == 0
    values, drawn = assess_impersonation(
        scores.select(some), [AT], (0.1,), kept=np.ones((2, 12), np.bool_), group="Male=1"
    )
    assert {one.group for one in values} == {"Male=1"} == {group for *_, group in drawn}
    clean = {one.figure: one for one in values if one.figure.startswith("clean_") and one.operating_point == AT.name}
    assert set(clean) == {"clean_worst_probe_coverage", "clean_exposed_people_rate"}
    assert clean["clean_worst_probe_coverage"].n == some.sum(), "as many strangers as faces of the group"
    assert not [one for one in values if one.figure == "impersonation_threshold"]
    of = {(one.figure, one.operating_point): one.value for one in values}
    (point,) = gallery_thresholds([scores.real.best], [0.1])
    hits = scores.maxima.best[some] >= np.float64(point.threshold)
    assert of["impersonation_rate", "fpir=0.1"] == hits.mean()
    assert ("excess_impersonation_rate", "fpir=0.1") in of


def test_draws_are_of_the_people_kept():
    rng = np.random.default_rng(8)
    scores = SMALL.impersonation(rng)
    kept, kept_real = double_or_nothing(12, 30, rng), double_or_nothing(30, 30, rng)
    values, drawn = assess_impersonation(scores, [AT], (), kept, kept_real)
    faces, photos = kept[:, scores.contributors.people[:, 0]], kept_real[:, scores.real_people.people[:, 0]]
    hits, real = ((each.best >= np.float64(0.5)).astype(float) for each in (scores.maxima, scores.real))
    made, clean = faces @ hits / faces.sum(axis=1), photos @ real / photos.sum(axis=1)
    np.testing.assert_allclose(drawn["impersonation_rate", AT.name, None], made, atol=1e-8)
    np.testing.assert_allclose(drawn["excess_impersonation_rate", AT.name, None], made - clean, atol=1e-8)
    fixed = assess_impersonation(scores, [AT], (), kept)[1]
    np.testing.assert_allclose(fixed["excess_impersonation_rate", AT.name, None], made - real.mean(), atol=1e-8)
    means = {(one.figure, one.operating_point, one.group): one.value for one in values}
    for key, each in drawn.items():
        assert each.shape == (30,)
        everybody = assess_impersonation(scores, [AT], (), np.ones((1, 12), np.bool_), np.ones((1, 30), np.bool_))[1][
            key
        ]
        assert everybody[0] == pytest.approx(means[key], abs=1e-6)


def test_figures_have_the_order_of_the_table():
    values, _ = assess_impersonation(SMALL.impersonation(np.random.default_rng(9)), [AT], (0.1, 0.02))
    points = list(dict.fromkeys(one.operating_point for one in values))
    assert points == [None, "fpir=0.1", "fpir=0.02", AT.name]
    for point in points:
        places = [list(FIGURES).index(one.figure) for one in values if one.operating_point == point]
        assert places == sorted(places)


def test_no_face_gives_no_figure_and_nobody_to_be_found_an_error():
    assert assess_impersonation(scores_of(np.zeros((0, 3)), REAL)) == ([], {})
    with pytest.raises(ShapeError):
        scores_of(np.zeros((2, 0)), np.zeros((2, 0)))
    with pytest.raises(ShapeError):
        scores_of(np.zeros((2, 3)), np.zeros((2, 2)))
    with pytest.raises(ShapeError):
        scores_of(np.full((2, 3), np.nan), REAL)
    with pytest.raises(ShapeError):
        figures(scores_of(MADE, REAL), enrolled_groups={"none": np.zeros(3, np.bool_)})
    with pytest.raises(ShapeError):
        figures(scores_of(MADE, REAL), kept=np.ones((2, 4), np.bool_), kept_real=np.ones((3, 5), np.bool_))


@given(st.integers(0, 1000), st.integers(1, 7))
def test_the_expected_highest_is_that_of_all_choices(seed, part):
    values = np.random.default_rng(seed).integers(0, 5, 7).astype(float)
    expected = np.mean([max(each) for each in itertools.combinations(values.tolist(), part)])
    assert expected_highest(values, part) == pytest.approx(expected)


# -------------------------------------------------------------------------------------------------------- invariants


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_the_order_of_faces_and_people_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    scores = SMALL.impersonation(rng)
    faces, people, photos = (rng.permutation(n) for n in (SMALL.faces, SMALL.people, 2 * SMALL.strangers))
    moved = GalleryScores(
        HighMaxima.of(dense(scores.maxima)[faces][:, people]),
        Contributors(scores.contributors.people[faces], scores.contributors.count),
        HighMaxima.of(dense(scores.real)[photos][:, people]),
        Contributors(scores.real_people.people[photos], scores.real_people.count),
    )
    one, other = figures(scores, fpirs=(0.1,)), figures(moved, fpirs=(0.1,))
    assert one == other


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.01, 0.5))
def test_what_is_below_the_lowest_threshold_changes_nothing(seed, fpir):
    rng = np.random.default_rng(seed)
    scores = SMALL.impersonation(rng)
    points = [*gallery_thresholds([scores.real.best], [fpir]), AT]
    floor = min(point.threshold for point in points if point.threshold is not None)
    high = GalleryScores(
        HighMaxima.of(dense(scores.maxima), floor), scores.contributors,
        HighMaxima.of(dense(scores.real), floor), scores.real_people,
    )  # fmt: skip
    assert high.maxima.high.nnz + high.real.high.nnz < scores.maxima.high.nnz + scores.real.high.nnz
    kept = double_or_nothing(12, 20, rng), double_or_nothing(30, 20, rng)
    groups = {"few": np.arange(15) < 4}
    one, other = (assess_impersonation(each, [AT], [fpir], *kept, groups) for each in (scores, high))
    assert one[0] == other[0]
    assert all(np.array_equal(one[1][key], other[1][key], equal_nan=True) for key in one[1] | other[1])
    enrolled = double_or_nothing(15, 20, rng)
    assert risk_by_size(scores, 0.5, *kept, enrolled) == risk_by_size(high, 0.5, *kept, enrolled)
    between = HighMaxima.of(dense(scores.maxima), float(scores.maxima.best.max()) + 1e-12)
    assert between.high.nnz == 0, "a floor is compared as it is, not rounded to float32"
    with pytest.raises(ShapeError, match="what is below was not kept"):
        high.maxima.reached(floor - 0.01)


def test_maxima_that_do_not_belong_together_are_refused():
    full = HighMaxima.of(np.array(MADE, np.float32), 0.4)
    assert full.people == 3
    assert len(full) == 4
    assert full.high.nnz == 4
    for best, high, floor in (
        (full.best[:3], full.high, 0.4),
        (full.best, full.high, 0.45),
        (full.best, full.high.astype(np.float64), 0.4),
        (full.best, full.high[:, :2], 0.4),
        (full.best + np.float32(0.1), full.high, 0.4),
        (np.where(np.arange(4) == 3, np.float32(np.nan), full.best), full.high, 0.4),
        (np.where(np.arange(4) == 3, np.float32(0.5), full.best), full.high, 0.4),
    ):
        with pytest.raises(ShapeError):
            HighMaxima(best, high, floor)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 14))
def test_rates_rise_with_the_gallery(seed, people):
    scores = SMALL.impersonation(np.random.default_rng(seed))
    some, real = (HighMaxima.of(dense(each)[:, :people]) for each in (scores.maxima, scores.real))
    part = GalleryScores(some, scores.contributors, real, scores.real_people)
    all_of_them, fewer = figures(scores), figures(part)
    for name in ("impersonation_rate", "clean_impersonation_rate"):
        assert all_of_them[name, AT.name, None].value >= fewer[name, AT.name, None].value
    none = np.zeros((0, 12), np.bool_), np.zeros((0, 30), np.bool_), np.zeros((0, 15), np.bool_)
    for rows in risk_by_size(scores, 0.4, *none, sizes=range(1, 16)).values():
        rates = [row.rate for row in rows]
        assert all(later >= earlier - 1e-12 for earlier, later in itertools.pairwise(rates))
        assert [row.size for row in rows[:15]] == list(range(1, 16))
        assert {row.method for row in rows[:15]} == {"subsample"}


@pytest.mark.parametrize(("people", "fmr"), [(10, 0.01), (100, 0.001), (1000, 0.0001)])
def test_independent_scores_match_somebody_as_often_as_they_should(people, fmr):
    rng = np.random.default_rng(people)
    limit = GalleryThreshold("given", float(special.ndtri(1 - fmr)))
    maxima, real = (rng.standard_normal((n, people)).astype(np.float32) for n in (800, 10))
    found = figures(scores_of(maxima, real), limit)["impersonation_rate", "given", None]
    assert found.low <= 1 - (1 - fmr) ** people <= found.high


# ------------------------------------------------------------------------------------------------------ gallery size


@given(st.integers(1, 9), st.data())
def test_the_chance_in_a_part_is_that_of_all_parts(people, data):
    part, matched = data.draw(st.integers(0, people)), data.draw(st.integers(0, people))
    parts = list(itertools.combinations(range(people), part))
    expected = np.mean([any(person < matched for person in each) for each in parts])
    assert chance_in_part(np.array([matched]), people, part)[0] == pytest.approx(expected, abs=1e-12)


def test_the_rate_by_size_is_that_of_random_galleries():
    rng = np.random.default_rng(0)
    hits = rng.random((50, 40)) < rng.beta(0.3, 5, (50, 1))
    none = np.zeros((0, 50), np.bool_), np.zeros((0, 40), np.bool_)
    rows = {row.size: row for row in rate_by_size(hits, alone(50), *none, beyond=())}
    assert list(rows) == gallery_sizes(40) == [1, 2, 5, 10, 20, 40]
    for size, row in rows.items():
        drawn = [hits[:, rng.choice(40, size, replace=False)].any(axis=1).mean() for _ in range(3000)]
        assert row.rate == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(3000) + 1e-9)
        assert row.low < row.rate < row.high
    low, high, _ = share_interval(hits.any(axis=1).astype(float), alone(50))
    assert (rows[40].low, rows[40].high) == pytest.approx((low, high), abs=0.02)
    assert gallery_sizes(1) == [1]


@pytest.mark.parametrize("people", [10**3, 10**6, 10**7])
def test_chances_are_exact_in_large_galleries(people):
    few = np.array([0, 1, 2, 5])
    np.testing.assert_allclose(chance_in_part(few, people, 1), few / people, rtol=1e-12)
    some = people // 10
    expected = 1 - np.prod([1 - some / (people - i) for i in range(5)])
    np.testing.assert_allclose(chance_in_part(few[3:], people, some), expected, rtol=1e-12)
    assert chance_in_part(np.array([people]), people, 1) == 1


def test_where_nobody_is_found_extrapolation_goes_on_from_the_bound():
    hits = np.zeros((30, 20), np.bool_)
    kept, enrolled = np.ones((3, 30), np.bool_), np.ones((3, 20), np.bool_)
    rows = {row.size: row for row in rate_by_size(hits, alone(30), kept, enrolled, beyond=(1, 10, 100))}
    assert rows[20].high == pytest.approx(zero_error_bound(30))
    one = zero_error_bound(30 * 20)
    for size in (200, 2000):
        assert (rows[size].rate, rows[size].low, rows[size].method) == (0, 0, "extrapolated")
        assert rows[size].high == pytest.approx(1 - (1 - one) ** size)


def test_where_everybody_is_found_nothing_is_left_for_larger_galleries():
    rng = np.random.default_rng(3)
    hits = rng.random((10, 5)) < 0.5
    hits[:, 2] = True
    draws = np.ones((9, 10), np.bool_), np.ones((9, 5), np.bool_)
    at, row = rate_by_size(hits, alone(10), *draws, [5], [10])
    assert (row.rate, row.low, row.high) == (1, at.low, 1)
    assert at.low < 1
    none = rate_by_size(hits, alone(10), draws[0][:0], draws[1][:0], [5], [10])[1]
    assert (none.rate, none.low, none.high) == (1, None, None)


def test_draws_that_do_not_fit_are_refused():
    hits = np.ones((10, 5), np.bool_)
    kept, enrolled = np.ones((2, 10), np.bool_), np.ones((2, 5), np.bool_)
    for given_hits, given_kept, given_enrolled, sizes in (
        (hits[:3], kept, enrolled, None),
        (hits, kept[:1], enrolled, None),
        (hits, kept, enrolled[:, :3], None),
        (hits, kept, enrolled, [6]),
        (hits, kept, enrolled, [0, 2]),
    ):
        with pytest.raises(ShapeError):
            rate_by_size(given_hits, alone(10), given_kept, given_enrolled, sizes)


def law_of(counts, people):
    number = np.array([people])
    return fit_beta_binomial(np.zeros(len(counts), int), np.asarray(counts), np.ones(len(counts)), number)


@pytest.mark.parametrize(
    ("alpha", "beta", "people", "probes"),
    [(0.5, 50, 200, 300), (0.05, 20, 500, 800), (5, 300, 200, 300), (2, 2, 20, 99)],
)
def test_the_law_is_that_of_the_highest_likelihood(alpha, beta, people, probes):
    rng = np.random.default_rng(1)
    counts = rng.binomial(people, rng.beta(alpha, beta, probes))
    law = law_of(counts, people)

    def loss(logs):
        return -betabinom.logpmf(counts, people, *np.exp(logs)).sum()

    found = optimize.minimize(loss, np.log([alpha, beta]), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9})
    mine = np.log([law.mean[0] * law.precision[0], (1 - law.mean[0]) * law.precision[0]])
    assert loss(mine) <= found.fun + 1e-6
    a, b = np.exp(found.x)
    size = 10 * people
    assert law.rate(size)[0] == pytest.approx(
        1 - math.exp(special.betaln(a, b + size) - special.betaln(a, b)), rel=1e-3
    )
    assert law.rate(1)[0] == pytest.approx(law.mean[0])


def test_probes_that_are_alike_are_taken_for_independent():
    law = law_of([2, 2, 2, 2, 1, 3], 100)
    assert law.precision[0] == np.inf
    assert law.rate(50)[0] == pytest.approx(1 - 0.98**50)
    assert law_of([0, 0, 0], 100).rate(1000)[0] == 0
    assert law_of([4, 4], 4).rate(10)[0] == 1
    nearly = BetaBinomial(np.array([0.01]), np.array([1e8]))
    assert nearly.rate(300)[0] == pytest.approx(1 - 0.99**300, rel=1e-4)
    assert nearly.rate(0)[0] == 0


def test_samples_are_fitted_by_themselves():
    rng = np.random.default_rng(2)
    people = np.array([50, 80, 120])
    counts = [rng.binomial(number, rng.beta(0.4, 20, 200)) for number in people]
    together = fit_beta_binomial(np.repeat(np.arange(3), 200), np.concatenate(counts), np.ones(600), people)
    for place, (own, number) in enumerate(zip(counts, people, strict=True)):
        assert together.rate(1000)[place] == pytest.approx(law_of(own, number).rate(1000)[0], rel=1e-5)


# --------------------------------------------------------------------------------------------------------- agreement


def test_recognizers_that_agree():
    hits = np.array([[1, 1, 0, 0, 1, 0], [1, 0, 0, 0, 1, 1], [1, 1, 0, 0, 1, 0]], np.bool_)
    nearest = np.array([[3, 1, 2, -1, 4, 2], [3, 2, 2, 0, 5, 2], [3, 1, 2, -1, 4, 2]])
    found = recognizers_agree(hits, nearest, alone(6))
    assert (found.every, found.any) == (2 / 6, 4 / 6)
    assert found.of_every.low < 2 / 6 < found.of_every.high
    pairs = {(one.first, one.second): one for one in found.pairs}
    assert list(pairs) == [(0, 1), (0, 2), (1, 2)]
    one = pairs[0, 1]
    assert (one.both, one.either) == (2 / 6, 4 / 6)
    assert one.kappa == pytest.approx(cohen_kappa_score(hits[0], hits[1]))
    assert one.same_nearest == 3 / 5
    assert one.same_matched == 1 / 2
    assert pairs[0, 2].kappa == 1


def test_recognizers_that_decide_nothing_have_no_kappa():
    hits, nearest = np.zeros((2, 4), np.bool_), np.full((2, 4), -1)
    (pair,) = recognizers_agree(hits, nearest, alone(4)).pairs
    assert (pair.kappa, pair.same_nearest, pair.same_matched) == (None, None, None)
    with pytest.raises(ShapeError):
        recognizers_agree(~hits, nearest, alone(4))
    with pytest.raises(ShapeError):
        recognizers_agree(hits, nearest[:, :2], alone(4))


# ------------------------------------------------------------------------------------------------------- simulations


@pytest.mark.full
@pytest.mark.parametrize("people", [10, 100, 1000])
@pytest.mark.parametrize("fmr", [1e-2, 1e-3, 1e-4])
def test_fpir_of_independent_scores(people, fmr):
    """Intervals of 300 repetitions hold 1 - (1 - FMR)^N in 91 to 99.5 %, and the mean is that; `pytest -s` prints."""
    rng, expected, probes = np.random.default_rng(people), 1 - (1 - fmr) ** people, 300
    point, held, rates = GalleryThreshold("given", float(special.ndtri(1 - fmr))), [], []
    for _ in range(300):
        scores = rng.standard_normal((probes, people), np.float32)
        found = figures(scores_of(scores, np.zeros((0, people))), point)["impersonation_rate", "given", None]
        held.append(found.low <= expected <= found.high)
        rates.append(found.value)
    print(f"\n  N {people}, FMR {fmr}: FPIR {np.mean(rates):.4f}, expected {expected:.4f}; held in {np.mean(held):.1%}")
    assert np.mean(rates) == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / probes / 300))
    if expected * probes >= 3 and (1 - expected) * probes >= 3:
        assert 0.91 <= np.mean(held) <= 0.995


@pytest.mark.full
@pytest.mark.parametrize(
    ("world", "fpir"),
    [
        (World(), 0.1),
        (World(strangers=300, people=200), 0.03),
        (World(faces=1000, contributors=200), 0.1),
    ],
    ids=["small", "large", "many"],
)
def test_faces_of_strangers_are_as_strangers(world, fpir):
    """Where faces are photos of people who are not enrolled, the excess is 0 and the area one half; `-s` prints."""
    rng, found = np.random.default_rng(13), []
    for _ in range(600):
        (_, contributors), real, enrolled = world.made(rng), world.cohort(rng), world.gallery(rng)
        photos = world.seen(rng, world.crowd(rng, world.contributors), world.faces // world.contributors)
        made = photos.transpose(1, 0, 2).reshape(-1, world.dimension), contributors
        sides = (HighMaxima.of(maxima(rows, enrolled)) for rows, _ in (made, real))
        scores = GalleryScores(next(sides), made[1], next(sides), real[1])
        values, _ = assess_impersonation(scores, (), (fpir,))
        of = {one.figure: one for one in values}
        excess, area = of["excess_impersonation_rate"], of["rank_one_auc"]
        mean = of["excess_rank_one_similarity_mean"]
        found.append((
            excess.low <= 0 <= excess.high, area.low <= 0.5 <= area.high, mean.low <= 0 <= mean.high,
            excess.value, excess.high - excess.low, of["impersonation_rate"].value,
        ))  # fmt: skip
    held, held_area, held_mean, value, width, rate = np.mean(found, axis=0)
    print(
        f"\n{world}, fpir {fpir}: excess holds 0 in {held:.1%} (mean {value:+.4f}, width {width:.3f}, rate {rate:.3f}),"
        f" area 0.5 in {held_area:.1%}, similarity 0 in {held_mean:.1%}"
    )
    assert 0.92 <= held <= 0.985
    assert 0.92 <= held_area <= 0.985
    assert 0.92 <= held_mean <= 0.985


@pytest.mark.full
@pytest.mark.parametrize(
    ("probes", "contributors", "people", "each", "rate", "effects"),
    [
        (300, 60, 100, 1, 1e-3, (0.1, 0.1, 0.05)),
        (300, 60, 100, 2, 1e-3, (0.1, 0.1, 0.05)),
        (300, 60, 100, 1, 1e-3, (0.0, 0.0, 0.0)),
        (300, 60, 100, 1, 1e-3, (0.1, 0.1, 0.2)),
        (300, 60, 100, 1, 1e-3, (0.2, 0.2, 0.05)),
        (300, 60, 100, 1, 2e-4, (0.1, 0.1, 0.05)),
        (1000, 200, 250, 1, 4e-4, (0.1, 0.1, 0.05)),
    ],
    ids=["probes differ", "two contributors", "alike", "hubs enrolled", "differ much", "few finds", "large"],
)
def test_a_quarter_of_a_gallery_predicts_the_whole(probes, contributors, people, each, rate, effects):
    """Intervals at four times as many people hold the truth in 93 to 100 % of 400 repetitions; `pytest -s` prints.

    A score is normal, with effects of contributors, of the probe and of the person enrolled: no beta-binomial law, so
    that far beyond the gallery the model is wrong as well as uncertain.
    """
    rng, threshold = np.random.default_rng(14), float(special.ndtri(1 - rate))
    sizes, held, rates = (people, 4 * people, 10 * people, 40 * people), {}, {}
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    of_probe = sum(effects[:2])
    chance = special.ndtr((math.sqrt(of_probe) * nodes - threshold) / math.sqrt(1 - of_probe))
    with np.errstate(divide="ignore"):
        true = {size: -(weights @ np.expm1(size * np.log1p(-chance))) / weights.sum() for size in sizes}
    for _ in range(400):
        codes = rng.random((probes, contributors)).argsort(axis=1)[:, :each] if each > 1 else None
        codes = (np.arange(probes) % contributors)[:, np.newaxis] if codes is None else codes
        person = rng.standard_normal(contributors)[codes].sum(axis=1) / math.sqrt(each)
        parts = person[:, np.newaxis], rng.standard_normal((probes, 1)), rng.standard_normal(people)
        noise = math.sqrt(1 - sum(effects)) * rng.standard_normal((probes, people))
        hits = noise + sum(math.sqrt(share) * part for share, part in zip(effects, parts, strict=True)) >= threshold
        whose = Contributors(codes.astype(np.int32), contributors)
        kept, enrolled = double_or_nothing(contributors, 200, rng), double_or_nothing(people, 200, rng)
        for row in rate_by_size(hits, whose, kept, enrolled, [people], (4, 10, 40)):
            held.setdefault(row.size, []).append((row.low <= true[row.size] <= row.high, row.high - row.low))
            rates.setdefault(row.size, []).append(row.rate)
    print(f"\n  {probes} probes of {contributors} ({each}), {people} people, rate {rate}, effects {effects}")
    for size in sizes:
        covered, width = np.mean(held[size], axis=0)
        print(f"    {size:6}: true {true[size]:.3f}, mean {np.mean(rates[size]):.3f}, {covered:.1%}, width {width:.2f}")
    assert np.mean(held[4 * people], axis=0)[0] >= 0.93
