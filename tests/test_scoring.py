"""Scores: golden values, the exactness of the grid, and the kernel against the definition, bit for bit."""

from __future__ import annotations

import math
import subprocess
import sys
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from threadpoolctl import threadpool_limits

from bench.errors import ConfigError, ShapeError
from bench.metrics import threshold_at_fmr, threshold_from_top
from bench.scoring import (
    WORKING_MEGABYTES,
    cross_scores,
    grid_step,
    kernel,
    on_grid,
    pair_scores,
    score,
    scores_by_definition,
    streamed_verification,
)

COMPARISONS = ("cosine", "neg_l2")


def same_bits(a, b):
    assert a.dtype == b.dtype == np.float32
    assert a.shape == b.shape
    assert a.tobytes() == b.tobytes()


def faces(rng, count, length, scale=1.0):
    """Embeddings with duplicated, opposite, scaled and coarse rows, so that scores tie."""
    rows = rng.standard_normal((count, length)).astype(np.float32) * np.float32(scale)
    rows[1], rows[2], rows[3] = rows[0], -rows[0], 2 * rows[0]
    rows[4 : count // 2] = np.round(rows[4 : count // 2]) + np.float32(0.5)
    return rows


def every_pair(count, other=None):
    first, second = np.indices((count, count if other is None else other), dtype=np.int32)
    return first.ravel(), second.ravel()


# ------------------------------------------------------------------------------------------------------ golden values


def test_cosine_worked_by_hand():
    assert score(np.float32([3, 4]), np.float32([4, 3]), "cosine") == np.float32(0.96)
    assert score(np.float32([1, 0]), np.float32([0, 5]), "cosine") == 0
    assert score(np.float32([2, 0]), np.float32([-7, 0]), "cosine") == -1
    assert score(np.float32([1, 1]), np.float32([1, 0]), "cosine") == pytest.approx(math.sqrt(0.5), abs=6e-8)


def test_distance_worked_by_hand():
    assert score(np.float32([0, 0]), np.float32([3, 4]), "neg_l2") == -5
    assert score(np.float32([1, 1, 1, 1]), np.float32([0, 0, 0, 0]), "neg_l2") == -2


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_zero_has_no_sign(comparison):
    a = {"cosine": np.float32([[-1, 0], [0, 1]]), "neg_l2": np.float32([[1, 2], [1, 2]])}[comparison]
    first, second = np.int32([0]), np.int32([1])
    for scores in (scores_by_definition(a, first, second, comparison), pair_scores(a, first, second, comparison)):
        assert scores[0] == 0
        assert not np.signbit(scores[0])
    assert not np.signbit(kernel.to_scores(np.array([-0.0, 0.0]), comparison)).any()


@pytest.mark.parametrize("length", [2, 128, 512])
def test_scores_are_as_near_the_textbook_as_the_grid_promises(length):
    rng = np.random.default_rng(length)
    rows = rng.standard_normal((300, length)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) * np.float32(0.7)  # norms of 1.43, as dlib's
    exact = rows.astype(np.float64)
    unit = exact / np.linalg.norm(exact, axis=1, keepdims=True)
    probe, reference = every_pair(300)
    cosine = pair_scores(rows, probe, reference, "cosine").astype(np.float64).reshape(300, 300)
    distance = -pair_scores(rows, probe, reference, "neg_l2").astype(np.float64).reshape(300, 300)
    gaps = np.abs(cosine - unit @ unit.T)
    assert gaps.max() <= math.sqrt(length) * 2**-26 + 2**-25
    assert np.sqrt(np.mean(gaps**2)) < 2.5e-8
    assert np.mean(cosine.diagonal() == 1) > 0.98
    textbook = np.linalg.norm(exact[:, None] - exact[None], axis=2)
    gaps = np.abs(distance - textbook)
    assert gaps.max() <= math.sqrt(length) * 2**-24 + 2**-23


# ------------------------------------------------------------------------------------------------------------ the grid


@pytest.mark.parametrize(
    ("norm", "step"), [(0.1, 2**-24), (1.44, 2**-24), (2, 2**-24), (2.01, 2**-23), (20, 2**-20), (1e4, 2**-11)]
)
def test_step_follows_the_largest_norm(norm, step):
    rows = np.float32([[norm, 0, 0], [0, 0.01, 0]])
    assert grid_step("neg_l2", rows) == on_grid(rows, "neg_l2").step == step
    assert grid_step("cosine", rows) == 2**-26


def test_a_row_on_the_grid_depends_on_no_other_row():
    rng = np.random.default_rng(1)
    rows = faces(rng, 9000, 7)  # more than one chunk
    rows /= np.abs(rows).max() * 2
    order = rng.permutation(9000)
    for comparison in COMPARISONS:
        whole = on_grid(rows, comparison).values
        assert np.array_equal(whole[order], on_grid(rows[order], comparison).values)
        assert np.array_equal(whole[5:6], on_grid(rows[5:6], comparison).values)
        assert np.array_equal(whole, on_grid(np.asfortranarray(rows), comparison).values)
        assert np.array_equal(whole * 2**26, np.rint(whole * 2**26))


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("norm", [1.0, 1.9999999, 2.0000002, 3.9999998, 60000.0])
@pytest.mark.parametrize("length", [1, 3, 128, 4096])
def test_sums_at_the_edge_of_the_range_are_exact(comparison, norm, length):
    """Opposite rows of the largest norm: in exact fractions, nothing is lost by any of three ways to add."""
    rng = np.random.default_rng(2)
    row = rng.standard_normal(length)
    row = (row / np.linalg.norm(row) * norm).astype(np.float32)
    gridded = on_grid(np.stack([row, -row, row[::-1]]), comparison)
    left, right = kernel.factors(gridded)
    for a, b in ((0, 1), (0, 2), (1, 2), (0, 0)):
        first, second = ([Fraction(x) for x in gridded.values[i].tolist()] for i in (a, b))
        if comparison == "cosine":
            exact = sum(x * y for x, y in zip(first, second, strict=True))
        else:
            exact = sum((x - y) ** 2 for x, y in zip(first, second, strict=True))
        assert float(exact) == exact
        assert (left @ right.T)[a, b] == exact
        assert sum((left[a] * right[b]).tolist()) == exact
        assert np.sum((left[a] * right[b])[::-1]) == exact


@given(hnp.arrays(np.float32, (3, 5), elements=st.floats(-1e6, 1e6, width=32)), st.sampled_from(COMPARISONS))
@settings(max_examples=60, deadline=None)
def test_products_are_exact_for_any_numbers(rows, comparison):
    rows[~rows.any(axis=1), 0] = 1
    gridded = on_grid(rows, comparison)
    left, right = kernel.factors(gridded)
    products = left @ right.T
    for a in range(3):
        for b in range(3):
            terms = [Fraction(x) * Fraction(y) for x, y in zip(left[a].tolist(), right[b].tolist(), strict=True)]
            assert products[a, b] == sum(terms)


def test_the_kernel_s_grid_is_the_definition_s():
    rows = faces(np.random.default_rng(3), 40, 33)
    for comparison in COMPARISONS:
        for scale in (1e-30, 0.1, 1, 1000, 1e18):
            each = (rows * np.float64(scale)).astype(np.float32)
            probe, reference = every_pair(40)
            same_bits(
                pair_scores(each, probe, reference, comparison),
                scores_by_definition(each, probe, reference, comparison),
            )


def test_shared_step():
    small, large = np.float32([[1, 0]]), np.float32([[0, 5]])
    step = grid_step("neg_l2", small, large)
    assert step == 2**-22
    assert on_grid(small, "neg_l2", step).step == step
    for wrong in (2**-25, 3 * 2**-24):
        with pytest.raises(ShapeError, match="power of two"):
            on_grid(small, "neg_l2", wrong)


# --------------------------------------------------------------------------------------------- kernel = definition


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("length", [1, 2, 3, 17, 128, 200])
@pytest.mark.parametrize("block", [1, 7, 32, 1024])
def test_kernel_equals_definition_in_both_ways(comparison, length, block, monkeypatch):
    rng = np.random.default_rng(length)
    rows = faces(rng, 45, length, scale=3)
    probe, reference = every_pair(45)
    slow = scores_by_definition(rows, probe, reference, comparison)
    assert np.unique(slow).size < slow.size / 2  # there are ties
    for share in (0, np.inf):
        monkeypatch.setattr(kernel, "_DENSE_SHARE", share)
        same_bits(pair_scores(rows, probe, reference, comparison, block), slow)
        some = rng.integers(0, probe.size, 60)  # with repetitions, in any order
        same_bits(pair_scores(rows, probe[some], reference[some], comparison, block), slow[some])


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 9)), elements=st.floats(-4, 4, width=16)),
    st.integers(0, 2**32 - 1),
    st.sampled_from(COMPARISONS),
    st.integers(1, 5),
)
@settings(max_examples=100, deadline=None)
def test_kernel_equals_definition_for_any_rows(rows, seed, comparison, block):
    rows[~rows.any(axis=1), 0] = 1
    rng = np.random.default_rng(seed)
    probe, reference = rng.integers(0, len(rows), (2, rng.integers(0, 30)), dtype=np.int32)
    same_bits(
        pair_scores(rows, probe, reference, comparison, block), scores_by_definition(rows, probe, reference, comparison)
    )


def test_both_ways_are_taken(monkeypatch):
    taken = []
    for name in ("_gather_rows", "_gather_from_blocks"):
        true = getattr(kernel, name)
        monkeypatch.setattr(kernel, name, lambda *a, name=name, true=true: taken.append(name) or true(*a))
    rows = faces(np.random.default_rng(0), 100, 8)
    pair_scores(rows, *every_pair(100), "cosine")
    pair_scores(rows, np.arange(100), np.arange(100)[::-1], "cosine")
    assert taken == ["_gather_from_blocks", "_gather_rows"]


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_scores_do_not_depend_on_company_order_or_side(comparison):
    rng = np.random.default_rng(5)
    rows = faces(rng, 700, 128)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    probe, reference = every_pair(700)
    scores = pair_scores(rows, probe, reference, comparison).reshape(700, 700)
    same_bits(scores, scores.T.copy())
    order = rng.permutation(700)
    permuted = pair_scores(rows[order], probe, reference, comparison).reshape(700, 700)
    same_bits(permuted, scores[np.ix_(order, order)])
    same_bits(scores[0], scores[1])  # a duplicated row ties everywhere
    few = rng.choice(700, 13, replace=False)
    alone = pair_scores(rows[few], *every_pair(13), comparison).reshape(13, 13)
    same_bits(alone, scores[np.ix_(few, few)])


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_scores_do_not_depend_on_threads_or_blocks(comparison):
    rows = faces(np.random.default_rng(6), 600, 128)
    probe, reference = every_pair(600)
    first = pair_scores(rows, probe, reference, comparison)
    for threads in (1, 2):
        with threadpool_limits(threads):
            for block in (97, 600):
                same_bits(pair_scores(rows, probe, reference, comparison, block), first)


def test_empty_lists():
    rows = np.ones((3, 4), np.float32)
    none = np.empty(0, np.int32)
    assert pair_scores(rows, none, none, "cosine").shape == (0,)
    assert pair_scores(np.empty((0, 4), np.float32), none, none, "neg_l2").shape == (0,)


# ------------------------------------------------------------------------------------------------------- all pairs


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("block", [1, 16, 100, 1024])
def test_cross_scores_cover_every_pair_once(comparison, block):
    rng = np.random.default_rng(7)
    probes, references = faces(rng, 30, 64), faces(rng, 50, 64, scale=4)
    both = np.concatenate([probes, references])
    probe, reference = every_pair(30, 50)
    slow = scores_by_definition(both, probe, reference + np.int32(30), comparison).reshape(30, 50)
    seen, found = np.zeros((30, 50), int), np.zeros((30, 50), np.float32)
    for rows, columns, scores in cross_scores(probes, references, comparison, block):
        seen[rows, columns] += 1
        found[rows, columns] = scores
        assert scores.shape == (rows.stop - rows.start, columns.stop - columns.start)
    assert (seen == 1).all()
    same_bits(found, slow)


def test_blocks_belong_to_the_caller():
    rows = faces(np.random.default_rng(8), 40, 8)
    blocks = list(cross_scores(rows, rows, "neg_l2", 10))
    copies = [scores.copy() for _, _, scores in cross_scores(rows, rows, "neg_l2", 10)]
    for (_, _, kept), copy in zip(blocks, copies, strict=True):
        same_bits(kept, copy)


def streamed_by_definition(rows, codes, comparison, keep, edges):
    first, second = np.triu_indices(len(rows), 1)
    scores = pair_scores(rows, first, second, comparison)
    same = codes[first] == codes[second]
    nonmated = np.sort(scores[~same])[::-1]
    counts = np.histogram(np.clip(nonmated.astype(np.float64), edges[0], edges[-1]), edges)[0]
    return np.sort(scores[same])[::-1], nonmated[:keep], nonmated.size, counts


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("keep", [1, 50, 10**6])
@pytest.mark.parametrize("block", [13, 64, 1024])
def test_streamed_scores_are_all_pairs(comparison, keep, block):
    rng = np.random.default_rng(9)
    rows = faces(rng, 210, 16, scale=0.7)
    codes = rng.integers(0, 40, 210).astype(np.int32) * 7 - 100
    codes[:30] = 5  # one person with many photos
    streamed = streamed_verification(rows, codes, comparison, keep, bins=64, block=block)
    mated, top, count, histogram = streamed_by_definition(rows, codes, comparison, keep, streamed.edges)
    same_bits(streamed.mated, mated.copy())
    same_bits(streamed.nonmated_top, top.copy())
    assert streamed.nonmated_count == count
    assert streamed.histogram.tolist() == histogram.tolist()
    assert streamed.histogram.sum() == count
    order = rng.permutation(210)
    again = streamed_verification(rows[order], codes[order], comparison, keep, bins=64)
    same_bits(streamed.mated, again.mated)
    same_bits(streamed.nonmated_top, again.nonmated_top)
    assert streamed.histogram.tolist() == again.histogram.tolist()


def test_streaming_drops_what_cannot_be_kept(monkeypatch):
    from bench.scoring import streaming

    monkeypatch.setattr(streaming, "BLOCK", 1)  # shrinks after every block instead of after a million scores
    rng = np.random.default_rng(10)
    rows, codes = rng.standard_normal((150, 20)).astype(np.float32), np.arange(150, dtype=np.int32)
    streamed = streamed_verification(rows, codes, "cosine", 40, block=11)
    top = streamed_by_definition(rows, codes, "cosine", 40, streamed.edges)[1]
    assert top[0] - top[-1] > 0.1
    same_bits(streamed.nonmated_top, top.copy())
    assert streamed.mated.size == 0


def test_one_subject_has_no_nonmated_pair():
    streamed = streamed_verification(faces(np.random.default_rng(0), 20, 3), np.zeros(20, np.int32), "cosine", 5)
    assert (streamed.mated.size, streamed.nonmated_top.size, streamed.nonmated_count) == (190, 0, 0)


def test_edges_hold_for_scores_on_them_and_beyond():
    """Cosines of exactly -1, 0, 1/2 and 1, and a cosine that rounding carries over 1."""
    rows = np.float32([[1, 0, 0, 0], [-1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1]])
    streamed = streamed_verification(rows, np.arange(4, dtype=np.int32), "cosine", 6, bins=4)
    assert streamed.edges.tolist() == [-1, -0.5, 0, 0.5, 1]
    assert streamed.histogram.tolist() == [1, 1, 2, 2]  # -1; -1/2; 0, 0; 1/2, 1/2
    above = [np.ones((2, n), np.float32) for n in range(64, 200)]
    streamed = [streamed_verification(pair, np.arange(2, dtype=np.int32), "cosine", 1) for pair in above]
    assert max(each.nonmated_top[0] for each in streamed) > 1
    assert all(each.histogram[-1] == 1 for each in streamed)
    distances = streamed_verification(3 * rows, np.arange(4, dtype=np.int32), "neg_l2", 1, bins=4)
    assert distances.edges.tolist() == [-16, -12, -8, -4, 0]  # norms up to 6, rounded up to 8
    assert distances.histogram.tolist() == [0, 0, 6, 0]  # 6, 4.24, 4.24, 5.20, 7.94, 5.20


@pytest.mark.parametrize("fmr", [0.001, 0.01, 0.5, 1.0])
def test_streamed_scores_give_the_same_threshold(fmr):
    rng = np.random.default_rng(12)
    rows = faces(rng, 300, 8)
    codes = (np.arange(300) // 5).astype(np.int32)
    first, second = np.triu_indices(300, 1)
    scores, same = pair_scores(rows, first, second, "cosine"), codes[first] == codes[second]
    whole = threshold_at_fmr(scores[same], scores[~same], fmr)
    count = int(np.count_nonzero(~same))
    streamed = streamed_verification(rows, codes, "cosine", min(count, int(fmr * count) + 1))
    assert threshold_from_top(streamed.mated, streamed.nonmated_top, streamed.nonmated_count, fmr) == whole


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_memory_is_bounded_as_stated(comparison):
    rows = np.random.default_rng(13).standard_normal((6000, 32)).astype(np.float32)
    kept = 3 * 6000 * 34 * 8  # gridded, and two factors

    def peak(work):
        tracemalloc.start()
        try:
            work()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def stream():
        streamed_verification(rows, np.arange(6000, dtype=np.int32), comparison, 1000)

    def cross():
        for _ in cross_scores(rows, rows, comparison):
            pass

    probe, reference = every_pair(1500)
    lists = 60 * probe.size  # a dozen arrays as long as the trial list

    def pairs():
        pair_scores(rows, probe, reference, comparison)

    limit = WORKING_MEGABYTES * 2**20
    assert peak(stream) < limit + kept
    assert peak(cross) < limit + 2 * kept  # two sets
    assert peak(pairs) < limit + kept + lists


# ---------------------------------------------------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.ones((3, 4)), "float64"),
        (np.ones(4, np.float32), "float32 \\(4,\\)"),
        (np.ones((3, 0), np.float32), "\\(3, 0\\)"),
        (np.float32([[1, 2], [np.nan, 1], [np.inf, 1]]), "2 of 3 embeddings that are not finite, the first at row 1"),
    ],
)
@pytest.mark.parametrize("comparison", COMPARISONS)
def test_what_is_no_set_of_embeddings(rows, message, comparison):
    index = np.int32([0])
    for work in (
        lambda: on_grid(rows, comparison),
        lambda: pair_scores(rows, index, index, comparison),
        lambda: scores_by_definition(rows, index, index, comparison),
        lambda: cross_scores(rows, rows, comparison),  # at the call, not at the first block
        lambda: streamed_verification(rows, np.zeros(len(rows), np.int32), comparison, 1),
    ):
        with pytest.raises(ShapeError, match=message):
            work()


def test_a_row_of_zeros_has_no_cosine_but_a_distance():
    rows = np.float32([[1, 0], [0, 0]])
    with pytest.raises(ShapeError, match="only zeros at row 1"):
        pair_scores(rows, np.int32([0]), np.int32([1]), "cosine")
    assert pair_scores(rows, np.int32([0]), np.int32([1]), "neg_l2")[0] == -1


@pytest.mark.parametrize(
    ("probe", "reference", "message"),
    [
        (np.int32([0, 1]), np.int32([0]), "2 probes and 1 references"),
        (np.int32([3]), np.int32([0]), "expected rows 0 to 2"),
        (np.int32([0]), np.int32([-1]), "expected rows 0 to 2"),
        (np.float32([0]), np.int32([0]), "probe float32"),
        (np.int32([[0]]), np.int32([[0]]), "probe int32"),
    ],
)
def test_what_is_no_trial_list(probe, reference, message):
    with pytest.raises(ShapeError, match=message):
        pair_scores(np.ones((3, 4), np.float32), probe, reference, "cosine")


def test_settings_out_of_range():
    rows, codes = np.ones((3, 4), np.float32), np.arange(3, dtype=np.int32)
    index = np.int32([0])
    with pytest.raises(ConfigError, match="comparison 'l2'"):
        pair_scores(rows, index, index, "l2")
    with pytest.raises(ConfigError, match="block 0"):
        pair_scores(rows, index, index, "cosine", 0)
    with pytest.raises(ConfigError, match="block 0"):
        cross_scores(rows, rows, "cosine", 0)
    for bins in (0, 1, 100, 2**17):
        with pytest.raises(ConfigError, match="power of two"):
            streamed_verification(rows, codes, "cosine", 1, bins=bins)
    with pytest.raises(ConfigError, match="keep_nonmated 0"):
        streamed_verification(rows, codes, "cosine", 0)
    for wrong in (codes[:2], codes.astype(np.float32), codes[:, None]):
        with pytest.raises(ShapeError, match="one integer a row"):
            streamed_verification(rows, wrong, "cosine", 1)
    with pytest.raises(ShapeError, match="4 and 3 numbers"):
        cross_scores(rows, rows[:, :3].copy(), "cosine")


def test_importing_brings_nothing_heavier_than_scipy():
    program = (
        "import sys, bench.scoring, bench.metrics\n"
        "heavy = 'scipy.stats', 'sklearn', 'pandas', 'torch', 'pyarrow', 'PIL'\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
