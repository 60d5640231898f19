"""How fast scores and figures are: `pytest benchmarks/bench_scoring.py -s` prints the ratios and asserts them loosely.

All ratios are of two timings of one run, taken in turns, so that a busy machine slows both.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from bench.metrics import assess_verification
from bench.scoring import cross_scores, pair_scores, scores_by_definition, streamed_verification

FACES, LENGTH, BLOCK = 20_000, 128, 1024


def best_times(rounds, **works):
    """The shortest time of each work, in seconds, over rounds that take one after the other."""
    times = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - start)
    return {name: min(each) for name, each in times.items()}


@pytest.fixture(scope="module")
def faces():
    rows = np.random.default_rng(0).standard_normal((FACES, LENGTH)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def plain_product(left, right):
    """What anyone would write; the result alone takes 3.2 GB."""
    return left @ right.T


def blocked_product(left, right, buffer):
    """The matrix product alone, into one block over and over: the machine's own limit for float64."""
    for i in range(0, len(left), BLOCK):
        for j in range(0, len(right), BLOCK):
            rows, columns = left[i : i + BLOCK], right[j : j + BLOCK]
            np.matmul(rows, columns.T, out=buffer[: len(rows) * len(columns)].reshape(len(rows), len(columns)))


def test_all_pairs_against_matrix_products(faces):
    left, right = (
        faces.astype(np.float64),
        faces.astype(np.float64) + 1e-9,
    )  # two matrices: `a @ a.T` is another routine
    buffer = np.empty(BLOCK * BLOCK)

    def scores(comparison):
        for _ in cross_scores(faces, faces, comparison, BLOCK):
            pass

    times = best_times(
        3,
        plain=lambda: plain_product(left, right),
        limit=lambda: blocked_product(left, right, buffer),
        cosine=lambda: scores("cosine"),
        neg_l2=lambda: scores("neg_l2"),
        streamed=lambda: streamed_verification(faces, np.arange(FACES, dtype=np.int32) // 4, "cosine", 10_000),
    )
    print(f"\n{FACES:,} x {FACES:,} x {LENGTH}, float64; streamed computes each pair once, so half as many")
    speeds = {name: FACES * FACES / (2 if name == "streamed" else 1) / each for name, each in times.items()}
    for name, speed in speeds.items():
        shares = (
            f"{speed / speeds['plain']:.2f} of the plain product's speed, {speed / speeds['limit']:.2f} of the limit"
        )
        print(f"{name:>9}: {times[name]:6.2f} s, {speed / 1e6:5.0f} M pairs/s, {shares}")
    assert times["cosine"] < 1.5 * times["plain"]
    assert times["cosine"] < 2 * times["limit"]
    assert times["neg_l2"] < 3 * times["limit"]


def test_trial_list_against_definition(faces):
    rng = np.random.default_rng(1)
    few = faces[:500]
    probe, reference = rng.integers(0, 500, (2, 20_000), dtype=np.int32)
    times = best_times(
        3,
        definition=lambda: scores_by_definition(few, probe, reference, "neg_l2"),
        kernel=lambda: pair_scores(few, probe, reference, "neg_l2"),
    )
    ratio = times["definition"] / times["kernel"]
    print(f"\n20,000 trials: kernel {times['kernel'] * 1e3:.1f} ms, {ratio:.0f} times as fast as the definition")
    assert ratio > 5


@pytest.mark.parametrize("comparison", ["cosine", "neg_l2"])
def test_sparse_trial_list(benchmark, faces, comparison):
    """200,000 trials among 20,000 faces: rows are gathered."""
    probe, reference = np.random.default_rng(2).integers(0, FACES, (2, 200_000), dtype=np.int32)
    benchmark.pedantic(pair_scores, (faces, probe, reference, comparison), rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("comparison", ["cosine", "neg_l2"])
def test_dense_trial_list(benchmark, faces, comparison):
    """All 2,000 x 2,000 pairs as a shuffled list: blocks are multiplied, then gathered."""
    probe, reference = np.random.default_rng(3).permutation(4_000_000).astype(np.int32), None
    probe, reference = probe // 2000, probe % 2000
    benchmark.pedantic(pair_scores, (faces[:2000], probe, reference, comparison), rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("folds", [False, True], ids=["no folds", "10 folds"])
def test_figures_of_four_million_trials(benchmark, folds):
    rng = np.random.default_rng(4)
    mated = rng.random(4_000_000) < 0.5
    scores = (rng.standard_normal(mated.size) * 0.1 + mated * 0.4).astype(np.float32)
    scores[rng.random(mated.size) < 0.01] = np.nan
    fold = (np.arange(mated.size) % 10).astype(np.int16) if folds else None
    benchmark.pedantic(assess_verification, (scores, mated, fold), rounds=2)
