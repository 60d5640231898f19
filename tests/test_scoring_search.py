"""1:N search: the matches of all exact scores in a stable order, bit for bit."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from threadpoolctl import threadpool_limits

from bench.errors import ConfigError, ShapeError
from bench.scoring import cross_scores, search, top_matches

COMPARISONS = ("cosine", "neg_l2")
ENGINES = ("cpu", "torch-cpu")


def check(found, probes, gallery, comparison, k):
    scores = np.empty((len(probes), len(gallery)), np.float32)
    for rows, columns, values in cross_scores(probes, gallery, comparison):
        scores[rows, columns] = values
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert found.rows.dtype == np.int64
    assert np.array_equal(found.rows, order)
    assert found.scores.dtype == np.float32
    assert found.scores.tobytes() == np.take_along_axis(scores, order, axis=1).tobytes()


def faces(rng, probes=70, gallery=900, length=24):
    """Photos of which many are in the gallery twice or more, some of them hardly changed."""
    one = rng.standard_normal((probes, length)).astype(np.float32)
    other = rng.standard_normal((gallery, length)).astype(np.float32)
    other[100:400] = other[0]
    other[400:450] = other[0] * np.float32(1 + 2.0**-20)
    other[450:500] = one[:50]
    one[5], one[6] = other[0], -other[0]
    return one, other


@pytest.mark.parametrize("device", ENGINES)
@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("block", [13, 256, None])
@pytest.mark.parametrize("k", [1, 10, 900])
def test_matches_are_those_of_all_exact_scores(comparison, block, k, device):
    one, other = faces(np.random.default_rng(0))
    check(top_matches(one, other, comparison, k, block=block, device=device), one, other, comparison, k)


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("block", [64, None])
def test_probes_with_too_many_ties_are_scored_exactly_throughout(comparison, block, monkeypatch):
    asked = []
    true = search._exact_matches
    monkeypatch.setattr(search, "SPARE", 20)
    monkeypatch.setattr(search, "_EXACT_PROBES", 3)
    monkeypatch.setattr(search, "_EXACT_ROWS", 100)
    monkeypatch.setattr(search, "_exact_matches", lambda *a: asked.extend(a[0].tolist()) or true(*a))
    one, other = faces(np.random.default_rng(1))
    one[20:25] = one[5]
    check(top_matches(one, other, comparison, 7, block=block), one, other, comparison, 7)
    assert sorted(asked) == [5, 20, 21, 22, 23, 24]


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(2, 20), st.integers(1, 5)), elements=st.floats(-4, 4, width=16)),
    st.data(),
    st.sampled_from(COMPARISONS),
    st.sampled_from(ENGINES),
)
@settings(max_examples=60, deadline=None)
def test_matches_of_any_rows(rows, data, comparison, device):
    rows[~rows.any(axis=1), 0] = 1
    split = data.draw(st.integers(1, len(rows) - 1))
    k = data.draw(st.integers(1, len(rows) - split))
    one, other = rows[:split], rows[split:]
    check(top_matches(one, other, comparison, k, block=4, device=device), one, other, comparison, k)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_scores_closer_than_float32_can_tell(comparison):
    angle = 0.5 + np.random.default_rng(2).permutation(500) * 2e-8
    other = np.zeros((500, 64), np.float32)
    other[:, 0], other[:, 1] = np.cos(angle), np.sin(angle)
    other[:, 2] = np.arange(500) * np.float32(1e-6)
    one = np.zeros((2, 64), np.float32)
    one[:, 0] = 1
    one[1, 3] = 1e-6
    found = top_matches(one, other, comparison, 30, block=100)
    check(found, one, other, comparison, 30)
    assert np.unique(found.scores[0]).size > 1


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_rows_of_any_norm_on_disk_by_any_threads(comparison, tmp_path):
    rng = np.random.default_rng(3)
    one, other = faces(rng)
    for rows in (one, other):
        rows *= 10.0 ** rng.uniform(-30, 15, (len(rows), 1)).astype(np.float32)
    np.save(tmp_path / "other.npy", other)
    mapped = np.load(tmp_path / "other.npy", mmap_mode="r")
    for threads in (1, 2):
        with threadpool_limits(threads, "blas"):
            check(top_matches(one, mapped, comparison, 5, block=100), one, other, comparison, 5)
    check(top_matches(np.asfortranarray(one), other[::-1], comparison, 5), one, other[::-1], comparison, 5)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_many_runs_of_probes(comparison, monkeypatch):
    monkeypatch.setattr(search, "PROBE_BLOCKS", 2)
    one, other = faces(np.random.default_rng(4))
    check(top_matches(one, other, comparison, 3, block=8), one, other, comparison, 3)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_one_probe_or_none(comparison):
    row = np.float32([[3, 4]])
    found = top_matches(row, row, comparison, 1)
    assert found.rows.tolist() == [[0]]
    assert found.scores == (1 if comparison == "cosine" else 0)
    none = top_matches(row[:0], row, comparison, 1)
    assert none.scores.shape == none.rows.shape == (0, 1)


def test_memory_does_not_grow_with_the_gallery():
    rng = np.random.default_rng(5)
    one, other = rng.standard_normal((20, 512), dtype=np.float32), rng.standard_normal((40_000, 512), dtype=np.float32)
    top_matches(one[:2], other[:9], "cosine", 3)  # compiled code is not counted
    with threadpool_limits(2, "blas"):
        tracemalloc.start()
        try:
            top_matches(one, other, "cosine", 10)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 110e6 > other.nbytes


# ---------------------------------------------------------------------------------------------------------- wrong input


def test_what_cannot_be_searched():
    one, other = np.ones((3, 4), np.float32), np.ones((5, 4), np.float32)
    for k in (0, -1, 6):
        with pytest.raises(ConfigError, match=f"k {k}; expected 1 to 5"):
            top_matches(one, other, "cosine", k)
    with pytest.raises(ConfigError, match="block 0"):
        top_matches(one, other, "cosine", 1, block=0)
    with pytest.raises(ConfigError, match="device 'tpu'"):
        top_matches(one, other, "cosine", 1, device="tpu")
    with pytest.raises(ShapeError, match="4 and 2 numbers"):
        top_matches(one, other[:, :2].copy(), "cosine", 1)
    other[3] = np.inf
    for comparison in COMPARISONS:
        with pytest.raises(ShapeError, match="the first at row 3"):
            top_matches(one, other, comparison, 1, block=2)
