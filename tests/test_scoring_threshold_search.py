"""1:N search with a threshold: all pairs whose exact score reaches it, and no other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from threadpoolctl import threadpool_limits

from bench.errors import ConfigError, ShapeError
from bench.scoring import cross_scores, matches_at, threshold_search

COMPARISONS = ("cosine", "neg_l2")
ENGINES = ("cpu", "torch-cpu")


def every_score(probes, gallery, comparison):
    scores = np.empty((len(probes), len(gallery)), np.float32)
    for rows, columns, values in cross_scores(probes, gallery, comparison):
        scores[rows, columns] = values
    return scores


def check(found, scores, threshold):
    probes, rows = np.nonzero(scores >= np.float64(threshold))
    assert found.probes.dtype == found.rows.dtype == np.int64
    assert np.array_equal(found.probes, probes)
    assert np.array_equal(found.rows, rows)
    assert found.scores.dtype == np.float32
    assert found.scores.tobytes() == scores[probes, rows].tobytes()


def faces(rng, probes=70, gallery=900, length=24):
    """Photos of which many are in the gallery twice or more."""
    one = rng.standard_normal((probes, length)).astype(np.float32)
    other = rng.standard_normal((gallery, length)).astype(np.float32)
    other[100:400] = other[0]
    other[450:500] = one[:50]
    one[5], one[6] = other[0], -other[0]
    return one, other


@pytest.mark.parametrize("device", ENGINES)
@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("block", [13, 256, None])
def test_matches_are_those_of_all_exact_scores(comparison, block, device):
    one, other = faces(np.random.default_rng(0))
    scores = every_score(one, other, comparison)
    for threshold in (np.quantile(scores, 0.5), np.quantile(scores, 0.999), scores.max(), scores.min()):
        for near in (float(threshold), np.nextafter(float(threshold), np.inf)):
            check(matches_at(one, other, comparison, near, block=block, device=device), scores, near)


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(2, 20), st.integers(1, 5)), elements=st.floats(-4, 4, width=16)),
    st.data(),
    st.sampled_from(COMPARISONS),
)
@settings(max_examples=60, deadline=None)
def test_matches_of_any_rows_at_one_of_their_scores(rows, data, comparison):
    rows[~rows.any(axis=1), 0] = 1
    split = data.draw(st.integers(1, len(rows) - 1))
    one, other = rows[:split], rows[split:]
    scores = every_score(one, other, comparison)
    threshold = float(data.draw(st.sampled_from(scores.ravel().tolist())))
    check(matches_at(one, other, comparison, threshold, block=4), scores, threshold)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_scores_closer_than_float32_can_tell(comparison):
    angle = 0.5 + np.random.default_rng(2).permutation(500) * 2e-8
    other = np.zeros((500, 64), np.float32)
    other[:, 0], other[:, 1] = np.cos(angle), np.sin(angle)
    one = np.zeros((1, 64), np.float32)
    one[:, 0] = 1
    scores = every_score(one, other, comparison)
    assert np.unique(scores).size > 20
    middle = float(np.median(scores))
    check(matches_at(one, other, comparison, middle, block=100), scores, middle)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_rows_on_disk_by_any_threads_and_many_runs_of_probes(comparison, tmp_path, monkeypatch):
    monkeypatch.setattr(threshold_search, "PROBE_BLOCKS", 2)
    one, other = faces(np.random.default_rng(3))
    np.save(tmp_path / "other.npy", other)
    scores = every_score(one, other, comparison)
    threshold = float(np.quantile(scores, 0.9))
    for threads in (1, 2):
        with threadpool_limits(threads, "blas"):
            mapped = np.load(tmp_path / "other.npy", mmap_mode="r")
            check(matches_at(one, mapped, comparison, threshold, block=11), scores, threshold)


def test_no_probe_no_match_and_settings_out_of_range():
    row = np.float32([[3, 4]])
    assert matches_at(row[:0], row, "cosine", 0.5).rows.size == 0
    assert matches_at(row, -row, "cosine", 0.5).rows.size == 0
    assert matches_at(row, row, "neg_l2", 0.5).rows.size == 0
    assert matches_at(row, row, "neg_l2", 0).rows.tolist() == [0]
    for threshold in (np.nan, np.inf, -np.inf):
        with pytest.raises(ConfigError, match="finite"):
            matches_at(row, row, "cosine", threshold)
    with pytest.raises(ShapeError):
        matches_at(row, row[:, :1], "cosine", 0.5)
