"""Two sets against each other without stored scores: every figure is that of the exact scores, bit for bit."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from threadpoolctl import threadpool_limits

from bench.errors import ConfigError, ProviderError, ShapeError
from bench.metrics import threshold_at_fmr
from bench.scoring import count_mated, cross_scores, rectangle, streamed_rectangle, top_matches, watches
from bench.scoring.engines import opened
from bench.scoring.margin import Margin

COMPARISONS = ("cosine", "neg_l2")
ENGINES = ("cpu", "torch-cpu")


def exact_scores(probes, references, comparison):
    scores = np.empty((len(probes), len(references)), np.float32)
    for rows, columns, values in cross_scores(probes, references, comparison):
        scores[rows, columns] = values
    return scores


def two_sets(rng, probes=150, references=211, length=33, scale=1.0):
    """Embeddings with duplicates in both sets, opposite, coarse and nearly equal rows, and codes of people."""
    one = rng.standard_normal((probes, length)).astype(np.float32) * np.float32(scale)
    other = rng.standard_normal((references, length)).astype(np.float32) * np.float32(scale)
    other[:20], other[20:30], other[30] = one[:20], one[0], -one[0]
    other[31:40] = one[:9] * np.float32(1 + 2.0**-22)
    one[30:40] = one[25]
    other[50:90] = np.round(other[50:90])
    other[~other.any(axis=1), 0] = 1
    return one, other, rng.integers(0, 60, probes), rng.integers(0, 80, references).astype(np.int32)


def check(result, scores, mates, ranks, thresholds):
    """All that is exact in a result, from all scores; which of them are mated."""
    nonmated = np.sort(scores[~mates])[::-1]
    assert result.mated.dtype == result.ranked.dtype == np.float32
    assert result.mated.tobytes() == np.sort(scores[mates])[::-1].tobytes()
    assert result.nonmated_count == nonmated.size == result.histogram.sum()
    assert result.ranked.tobytes() == nonmated[np.array(ranks, int) - 1].tobytes()
    assert result.higher.tolist() == [np.count_nonzero(nonmated > nonmated[rank - 1]) for rank in ranks]
    exact = nonmated.astype(np.float64)
    assert result.accepted.tolist() == [np.count_nonzero(exact >= each) for each in thresholds]
    # Above every edge as many as there are, but for those that are within the tolerance of it.
    for edge, counted in zip(result.edges[1:-1], result.histogram[::-1].cumsum()[::-1][1:], strict=True):
        gaps = np.abs(exact - edge) if result.edges[0] == -1 else np.abs(exact**2 - edge**2)
        assert abs(counted - np.count_nonzero(exact >= edge)) <= np.count_nonzero(gaps <= result.tolerance)


@pytest.fixture(params=["held", "searched", "searched twice"])
def way(request, monkeypatch):
    """How ranks are found: from held pairs, or by further passes, of which one may not be enough."""
    if request.param != "held":
        monkeypatch.setattr(rectangle, "RANKS_HELD", 3)
    if request.param == "searched twice":
        monkeypatch.setattr(watches, "_KEYS_AT_ONCE", 2**10)


@pytest.mark.parametrize("device", ENGINES)
@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("block", [7, 64, None])
def test_results_are_those_of_all_exact_scores(comparison, block, device, way):
    rng = np.random.default_rng(0)
    one, other, codes, other_codes = two_sets(rng, scale=0.7)
    if block == 7:  # the slow way; a part will do
        one, other, codes, other_codes = one[:60], other[:50], codes[:60], other_codes[:50]
    scores, mates = exact_scores(one, other, comparison), codes[:, None] == other_codes
    assert np.unique(scores).size < scores.size
    nonmated = np.sort(scores[~mates])[::-1]
    ranks = [1, 2, 3, 10, 500, nonmated.size // 2, nonmated.size, 10]
    each = float(nonmated[99])
    thresholds = [each, np.nextafter(each, 1), np.nextafter(each, -1), 0.1, -0.25, 0.0, -1e9, 1e9, 1e300, 1.0, -1.0]
    result = streamed_rectangle(
        one, other, comparison, codes, other_codes, ranks=ranks, thresholds=thresholds, block=block, device=device
    )
    check(result, scores, mates, ranks, thresholds)


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(2, 14), st.integers(1, 5)), elements=st.floats(-4, 4, width=16)),
    st.data(),
    st.sampled_from(COMPARISONS),
    st.sampled_from(ENGINES),
)
@settings(max_examples=60, deadline=None)
def test_results_of_any_rows(rows, data, comparison, device):
    rows[~rows.any(axis=1), 0] = 1
    split = data.draw(st.integers(1, len(rows) - 1))
    codes = np.array(data.draw(st.lists(st.integers(-2, 2), min_size=len(rows), max_size=len(rows))))
    one, other, mates = rows[:split], rows[split:], codes[:split, None] == codes[split:]
    scores = exact_scores(one, other, comparison)
    ranks = range(1, int((~mates).sum()) + 1)
    thresholds = scores[~mates].tolist()
    result = streamed_rectangle(
        one, other, comparison, codes[:split], codes[split:], ranks=ranks, thresholds=thresholds, block=3, bins=16,
        device=device,
    )  # fmt: skip
    check(result, scores, mates, ranks, thresholds)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_scores_closer_than_float32_can_tell(comparison, way):
    """A fan of directions: hundreds of different scores, all within the margin of each other."""
    angle = 0.5 + np.arange(400) * 2e-8
    fan = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    other = np.zeros((400, 64), np.float32)
    other[:, :2] = fan
    other[:, 2] = np.arange(400) * np.float32(1e-5)
    one = np.zeros((3, 64), np.float32)
    one[:, 0] = 1
    one[:, 3] = [0, 1e-6, 2e-6]
    scores = exact_scores(one, other, comparison)
    distinct = np.unique(scores)
    assert distinct.size > 20
    ranks, thresholds = [1, 7, 600, 1200], distinct.tolist()
    result = streamed_rectangle(one, other, comparison, ranks=ranks, thresholds=thresholds)
    check(result, scores, np.zeros(scores.shape, bool), ranks, thresholds)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_more_ties_than_can_be_held(comparison, monkeypatch):
    monkeypatch.setattr(watches, "_LEAST_HELD", 100)
    one = np.ones((40, 5), np.float32)
    other = np.ones((50, 5), np.float32)
    other[7] = [1, 1, 1, 1, 0.9]
    scores = exact_scores(one, other, comparison)
    ranks = [1, 1000, 1960, 1961, 2000]
    result = streamed_rectangle(one, other, comparison, ranks=ranks, thresholds=[0.5, 1.0], block=16)
    check(result, scores, np.zeros(scores.shape, bool), ranks, [0.5, 1.0])


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("device", ENGINES)
def test_rows_of_any_norm(comparison, device):
    rng = np.random.default_rng(1)
    one, other, codes, other_codes = two_sets(rng, 40, 60, 16)
    for rows in (one, other):
        rows *= 10.0 ** rng.uniform(-36, 18 if comparison == "neg_l2" else 30, (len(rows), 1)).astype(np.float32)
    one[3], other[4] = 1e-44, 1e-45
    scores, mates = exact_scores(one, other, comparison), codes[:, None] == other_codes
    thresholds = np.unique(scores)[::50].tolist()
    result = streamed_rectangle(
        one, other, comparison, codes, other_codes, ranks=[1, 30, 900], thresholds=thresholds, device=device
    )
    check(result, scores, mates, [1, 30, 900], thresholds)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_arrays_on_disk_and_in_any_layout(comparison, tmp_path):
    one, other, codes, other_codes = two_sets(np.random.default_rng(2))
    expected = streamed_rectangle(one, other, comparison, codes, other_codes, ranks=[5, 900], thresholds=[0.1, -5])
    np.save(tmp_path / "one.npy", one)
    np.save(tmp_path / "other.npy", other)
    wide = np.zeros((len(other), 2 * other.shape[1]), np.float32)
    wide[:, ::2] = other
    for probes, references in (
        [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("one", "other")],
        (np.asfortranarray(one), wide[:, ::2]),
    ):
        result = streamed_rectangle(
            probes, references, comparison, codes, other_codes, ranks=[5, 900], thresholds=[0.1, -5], block=64
        )
        for name in ("mated", "ranked", "higher", "accepted", "edges"):
            assert np.array_equal(getattr(result, name), getattr(expected, name))


def test_who_is_mated():
    one, other, codes, other_codes = two_sets(np.random.default_rng(3))
    scores = exact_scores(one, other, "cosine")
    everybody, nobody = np.zeros(len(one), np.int8), np.full(len(other), 9, np.int64)
    for own, others in ((None, None), (everybody, nobody), (codes, other_codes + 1000)):
        result = streamed_rectangle(one, other, "cosine", own, others, ranks=[scores.size])
        check(result, scores, np.zeros(scores.shape, bool), [scores.size], [])
    result = streamed_rectangle(one, other, "cosine", everybody, 0 * nobody, thresholds=[-2.0])
    assert (result.nonmated_count, result.histogram.sum(), result.accepted.tolist()) == (0, 0, [0])
    assert result.mated.tobytes() == np.sort(scores, axis=None)[::-1].tobytes()
    assert count_mated(codes, other_codes) == np.count_nonzero(codes[:, None] == other_codes)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_few_rows_or_none(comparison):
    row, none = np.float32([[3, 4]]), np.empty((0, 2), np.float32)
    result = streamed_rectangle(row, row, comparison, ranks=[1], thresholds=[0.5])
    check(result, exact_scores(row, row, comparison), np.zeros((1, 1), bool), [1], [0.5])
    for one, other in ((row, none), (none, row), (none, none)):
        result = streamed_rectangle(one, other, comparison, thresholds=[0.1])
        assert (result.mated.size, result.nonmated_count, result.accepted.tolist()) == (0, 0, [0])


def test_bins_are_those_of_streamed_scores():
    one, other = np.float32([[1, 0, 0, 0], [-1, 0, 0, 0]]), np.float32([[0, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]])
    result = streamed_rectangle(one, other, "cosine", bins=4)
    assert result.edges.tolist() == [-1, -0.5, 0, 0.5, 1]
    assert result.histogram.sum() == 6
    assert result.histogram[-1] == 2
    result = streamed_rectangle(3 * one, 3 * other, "neg_l2", bins=4)
    assert result.edges.tolist() == [-16, -12, -8, -4, 0]
    assert streamed_rectangle(one, other, "cosine", bins=2**16).histogram.size == 2**16


@pytest.mark.parametrize("fmr", [0.001, 0.01, 0.3])
def test_ranks_give_thresholds(fmr):
    one, other, codes, other_codes = two_sets(np.random.default_rng(4))
    scores, mates = exact_scores(one, other, "cosine"), codes[:, None] == other_codes
    point = threshold_at_fmr(scores[mates], scores[~mates], fmr)
    rank = point.allowed_false_matches + 1
    result = streamed_rectangle(one, other, "cosine", codes, other_codes, ranks=[rank])
    assert np.nextafter(result.ranked[0], np.float32(np.inf)) == point.threshold
    assert result.higher[0] == point.false_matches
    again = streamed_rectangle(one, other, "cosine", codes, other_codes, thresholds=[point.threshold])
    assert again.accepted[0] == point.false_matches


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_threads_and_engines_change_no_figure(comparison):
    one, other, codes, other_codes = two_sets(np.random.default_rng(5), 400, 300)
    results = []
    for threads, device in ((1, "cpu"), (2, "cpu"), (2, "torch-cpu")):
        with threadpool_limits(threads, "blas"):
            results.append(
                streamed_rectangle(
                    one, other, comparison, codes, other_codes, ranks=[1, 77, 50_000], thresholds=[0.2, -6.0],
                    block=100, device=device,
                )
            )  # fmt: skip
    for result in results[1:]:
        for name in ("mated", "ranked", "higher", "accepted", "edges"):
            assert np.array_equal(getattr(result, name), getattr(results[0], name))


def test_memory_is_bounded_as_stated():
    rng = np.random.default_rng(6)
    one, other = (rng.standard_normal((4000, 512), dtype=np.float32) for _ in range(2))
    codes = np.arange(4000) // 4
    streamed_rectangle(one[:9], other[:9], "neg_l2", ranks=[1])  # compiled code is not counted
    with threadpool_limits(2, "blas"):
        tracemalloc.start()
        try:
            streamed_rectangle(one, other, "neg_l2", codes, codes, ranks=[1, 1000], thresholds=[-1.0])
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 140e6


# ---------------------------------------------------------------------------------------------------------- wrong input


def test_settings_out_of_range():
    one, other = np.ones((3, 4), np.float32), np.ones((5, 4), np.float32)
    codes = np.arange(3)
    for rank in (0, -1, 16):
        with pytest.raises(ConfigError, match=f"rank {rank}; expected 1, the highest, to 15"):
            streamed_rectangle(one, other, "cosine", ranks=[rank])
    with pytest.raises(ConfigError, match="rank 14; expected 1, the highest, to 12"):
        streamed_rectangle(one, other, "cosine", codes, np.arange(5), ranks=[14])
    for threshold in (np.nan, np.inf, -np.inf):
        with pytest.raises(ConfigError, match="expected a finite number"):
            streamed_rectangle(one, other, "cosine", thresholds=[threshold])
    for bins in (0, 1, 100, 2**17):
        with pytest.raises(ConfigError, match="power of two"):
            streamed_rectangle(one, other, "cosine", bins=bins)
    for block in (0, 2**16 + 1):
        with pytest.raises(ConfigError, match=f"block {block}"):
            streamed_rectangle(one, other, "cosine", block=block)
    with pytest.raises(ConfigError, match="comparison 'l2'"):
        streamed_rectangle(one, other, "l2")


def test_what_cannot_be_compared():
    one, other = np.ones((3, 4), np.float32), np.ones((5, 4), np.float32)
    with pytest.raises(ShapeError, match="4 and 3 numbers"):
        streamed_rectangle(one, other[:, :3].copy(), "cosine")
    with pytest.raises(ShapeError, match="float64"):
        streamed_rectangle(one, other.astype(np.float64), "cosine")
    with pytest.raises(ShapeError, match="codes of one set"):
        streamed_rectangle(one, other, "cosine", np.arange(3))
    for wrong in (np.arange(4), np.arange(3.0), np.arange(3)[:, None]):
        with pytest.raises(ShapeError, match="one integer a row"):
            streamed_rectangle(one, other, "cosine", wrong, np.arange(5))


@pytest.mark.parametrize("device", ENGINES)
@pytest.mark.parametrize("comparison", COMPARISONS)
def test_a_row_that_is_no_embedding_is_named_wherever_it_is(comparison, device):
    one, other = np.ones((30, 4), np.float32), np.ones((50, 4), np.float32)
    other[47, 2] = np.nan
    for pair in ((one, other), (other, one)):
        with pytest.raises(ShapeError, match="1 of 50 embeddings that are not finite, the first at row 47"):
            streamed_rectangle(*pair, comparison, block=8, device=device)
    other[47] = 0
    with (
        pytest.raises(ShapeError, match="only zeros at row 47") if comparison == "cosine" else contextlib.nullcontext()
    ):
        streamed_rectangle(one, other, comparison, block=8, device=device)


def test_devices_that_are_not_there():
    import torch

    one = np.ones((3, 4), np.float32)
    for device in ("gpu", "torch", ""):
        with pytest.raises(ConfigError, match=f"device '{device}'; expected 'cpu'"):
            streamed_rectangle(one, one, "cosine", device=device)
    with pytest.raises(ConfigError, match="device 'cuda:x'; expected 'cpu'"):
        opened("cuda:x")
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(ConfigError, match=f"got device '{missing}', but torch .* finds"):
        streamed_rectangle(one, one, "cosine", device=missing)


def test_a_device_that_rounds_is_refused_and_settings_stay(monkeypatch):
    import torch

    torch.set_float32_matmul_precision("high")
    try:
        one = np.ones((3, 4), np.float32)
        assert streamed_rectangle(one, one, "cosine", ranks=[9], device="torch-cpu").ranked == 1
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: torch.mm(a.bfloat16().float(), b.bfloat16().float()))
    with pytest.raises(ConfigError, match="with fewer bits"):
        opened("torch-cpu")


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_products_that_no_float32_sum_gives_are_noticed(comparison, monkeypatch, way):
    one, other, *_ = two_sets(np.random.default_rng(6))
    true = np.matmul
    monkeypatch.setattr(np, "matmul", lambda a, b, out: np.subtract(true(a, b), np.float32(2.0**-8), out=out))
    with pytest.raises(ProviderError, match="any order of addition"):
        streamed_rectangle(one, other, comparison, ranks=[10])
    with pytest.raises(ProviderError, match="any order of addition"):
        top_matches(one, other, comparison, 3)


def test_ranks_that_are_nowhere_are_noticed():
    margin = Margin("cosine", 1.0, 1e-5)
    search = watches.SearchOfRank(5, np.float32(0.1), np.float32(0.2), margin)
    search.take(0, np.float32([0.15] * 4))
    with pytest.raises(ProviderError, match="any order of addition"):
        search.narrow()
    search.take(5, np.float32([]))
    with pytest.raises(ProviderError, match="any order of addition"):
        search.narrow()


def test_importing_brings_no_compiler_and_no_torch():
    program = (
        "import sys, bench.scoring\n"
        "print([name for name in ('numba', 'llvmlite', 'torch', 'threadpoolctl', 'concurrent.futures')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
