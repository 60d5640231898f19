"""What float32 products say about exact scores, and the compiled loops against the plain ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.errors import ShapeError
from bench.scoring import compiled, grid_step, on_grid
from bench.scoring.engines import Bins, opened
from bench.scoring.kernel import factors, to_scores
from bench.scoring.margin import LONGEST, Margin, keys, margin_of, score_of_key
from bench.scoring.rows import Float32Rows, common_grid

COMPARISONS = ("cosine", "neg_l2")
ENGINES = ("cpu", "torch-cpu")


def products_and_exact(probes, references, comparison, device="cpu"):
    """Float32 products, exact products in their unit, exact scores, and the margin between."""
    step, norms = common_grid(probes, references, comparison)
    margin = margin_of(comparison, probes.shape[1], step, norms)
    engine = opened(device)
    left = Float32Rows(probes, comparison, step, "left", len(probes), 1, engine.place)[0]
    right = Float32Rows(references, comparison, step, "right", len(references), 1, engine.place)[0]
    found = engine.product(left, right).candidates(np.float32(-np.inf), np.float32(np.inf))
    products = np.empty((len(probes), len(references)), np.float32)
    products[found.rows, found.columns] = found.products
    exact = (
        factors(on_grid(probes, comparison, step))[0] @ factors(on_grid(references, comparison, step))[1].T
    )  # no bit is lost
    scores = to_scores(exact.copy(), comparison)
    return products, exact if comparison == "cosine" else -exact / margin.bound**2, scores, margin


def check_margin(probes, references, comparison, device="cpu"):
    products, exact, scores, margin = products_and_exact(probes, references, comparison, device)
    assert np.abs(products - exact).max() <= margin.tolerance
    low, high = margin.window(scores, scores)
    assert ((low <= products) & (products <= high)).all()
    lowest, highest = margin.scores(products, products)
    assert ((lowest <= scores) & (scores <= highest)).all()
    assert lowest.dtype == highest.dtype == low.dtype == high.dtype == np.float32


@pytest.mark.parametrize("device", ENGINES)
@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("length", [1, 2, 37, 512])
@pytest.mark.parametrize("scale", [1e-30, 0.3, 1.0, 1e3, 1e18])
def test_products_are_within_the_margin(device, comparison, length, scale):
    rng = np.random.default_rng(length)
    rows = (rng.standard_normal((60, length)) * scale).astype(np.float32)
    rows[10], rows[11], rows[12] = rows[9], -rows[9], rows[9] * np.float32(1.0000002)
    rows[20:30] *= np.float32(2.0**-20) * np.arange(1, 11, dtype=np.float32)[:, None]
    rows[~rows.any(axis=1), 0] = np.float32(scale)
    check_margin(rows[:40], rows[20:], comparison, device)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_sums_that_gather_error_stay_within_the_margin(comparison):
    """All terms of one sign, each rounded the same way."""
    rows = np.full((4, 4096), 0.1, np.float32) * np.float32([[1], [1.01], [0.99], [1.3]])
    check_margin(rows, rows, comparison)
    check_margin(rows, -rows, comparison)


@given(
    hnp.arrays(np.float32, st.tuples(st.just(7), st.integers(1, 24)), elements=st.floats(-1e3, 1e3, width=32)),
    st.sampled_from(COMPARISONS),
)
@settings(max_examples=150, deadline=None)
def test_products_of_any_numbers_are_within_the_margin(rows, comparison):
    rows[~rows.any(axis=1), 0] = 1
    check_margin(rows[:4], rows[3:], comparison)


@given(
    st.sampled_from(COMPARISONS),
    st.floats(-1.00001, 1.00001),
    st.floats(-1.00001, 1.00001),
    st.floats(-1, 1),
    st.sampled_from([1.0, 2.0, 64.0]),
)
@settings(max_examples=300, deadline=None)
def test_windows_hold_whatever_the_error_is(comparison, first, second, error, bound):
    """Two pairs, whose products are as far off as may be: who is outside the other's window is where it says."""
    margin = Margin(comparison, 1.0 if comparison == "cosine" else bound, 3e-5)
    exact = np.array([first, second]) if comparison == "cosine" else -np.abs([first, second]) * 4
    scores = to_scores(exact.copy() if comparison == "cosine" else -exact * bound**2, comparison)
    products = (exact + np.array([error, -error]) * margin.tolerance).astype(np.float32)
    products = np.clip(products, exact - margin.tolerance, exact + margin.tolerance)
    low, high = margin.window(scores[0], scores[0])
    assert low <= products[0] <= high
    assert products[1] >= low or scores[1] < scores[0]
    assert products[1] <= high or scores[1] > scores[0]
    lowest, highest = margin.scores(products, products)
    assert ((lowest <= scores) & (scores <= highest)).all()


def test_the_margin_at_512_numbers():
    assert margin_of("cosine", 512, 2**-26, (1.0, 1.0)).tolerance == pytest.approx(3.1e-5, rel=0.02)
    assert margin_of("neg_l2", 128, 2**-24, (1.44, 1.44)).tolerance * 4 == pytest.approx(6.6e-5, rel=0.05)
    with pytest.raises(ShapeError, match=f"up to {LONGEST}"):
        margin_of("cosine", LONGEST + 1, 2**-26, (1.0, 1.0))


@pytest.mark.parametrize("scale", [1e-30, 0.1, 1, 1.99999, 2.00001, 7, 1e18])
def test_the_common_grid_is_the_grid(scale):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((50, 9))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True) * scale).astype(np.float32)
    for comparison in COMPARISONS:
        step, norms = common_grid(rows[:20], rows[20:], comparison)
        assert step == grid_step(comparison, rows[:20], rows[20:])
        if comparison == "neg_l2":
            largest = [np.linalg.norm(each.astype(np.float64), axis=1).max() for each in (rows[:20], rows[20:])]
            assert (np.array(norms) >= largest).all()
            assert norms == pytest.approx(largest, rel=1e-5)


def test_keys_are_in_the_order_of_scores():
    scores = np.sort(
        np.float32(
            [-np.inf, -3e38, -1, -1 + 2**-24, -1e-45, 0, 1e-45, 0.3, np.nextafter(np.float32(0.3), np.float32(1))]
        )
    )
    found = keys(scores)
    assert (np.diff(found) > 0).all()
    assert found[3] - found[2] == found[-1] - found[-2] == 1
    assert found[4:7].tolist() == [-1, 0, 1]
    assert [score_of_key(each) for each in found.tolist()] == scores.tolist()
    assert keys(np.float32([-0.0])) == 0


# ----------------------------------------------------------------------------------------- compiled = plain loops


def random_tile(rng):
    tile = rng.uniform(-1.01, 1.01, (5, 23)).astype(np.float32)
    tile[0, :4] = -np.inf, -1, 1, 0
    return tile


def arguments(name):
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((6, 11)).astype(np.float32)
    wide = rng.standard_normal((9, 11))
    pairs = rng.integers(0, 9, (2, 30))
    tile, lows = random_tile(rng), np.full(5, -0.2, np.float32)
    between = ((tile >= -0.2) & (tile <= np.float32(0.6))).sum(axis=1)
    found = int(between.sum())
    bins = np.float32(8), np.float32(9)
    return {
        "squared_lengths": (rows, np.empty(6)),
        "times": (rows, rng.random(6), np.zeros((6, 13), np.float32)),
        "gridded": (rows, np.int64([5, 0, 2, 2, 1]), 2.0**-26, True, np.empty((5, 11))),
        "products_of_pairs": (wide, wide[::-1].copy(), *pairs, False, np.empty(30)),
        "survey": (tile, *bins, False, np.zeros((4, 18), np.uint32), np.float32(0.3), np.empty(5, np.int64)),
        "count_between": (tile, lows, np.float32(0.6), np.empty(5, np.int64)),
        "gather_between": (
            tile, lows, np.float32(0.6), between, *np.empty((2, found), np.int32), np.empty(found, np.float32),
        ),
    }[name]  # fmt: skip


@pytest.mark.parametrize("name", [name for name, each in vars(compiled).items() if isinstance(each, compiled.Kernel)])
def test_compiled_loops_do_what_the_plain_ones_do(name):
    kernel, one, other = getattr(compiled, name), arguments(name), arguments(name)
    assert kernel(*one) == kernel.loops(*other)
    for fast, slow in zip(one, other, strict=True):
        if isinstance(fast, np.ndarray) and kernel._reassociate:
            assert np.allclose(fast, slow, rtol=1e-14)
        elif isinstance(fast, np.ndarray):
            assert fast.tobytes() == slow.tobytes()


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_the_compiled_grid_is_the_grid(comparison):
    rng = np.random.default_rng(2)
    rows = (rng.standard_normal((37, 70)) * 0.1).astype(np.float32)
    used = rng.integers(0, 37, 23)
    out = np.empty((23, 70))
    compiled.gridded(rows, used, grid_step(comparison, rows), comparison == "cosine", out)
    assert np.array_equal(out, on_grid(rows, comparison).values[used])


def test_code_that_cannot_be_kept_is_compiled_all_the_same(monkeypatch):
    import numba

    asked = []

    def njit(cache, true=numba.njit, **options):
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return true(**options)

    monkeypatch.setattr(numba, "njit", njit)
    fresh = compiled.kernel()(compiled.times.loops)
    out = np.empty((2, 3), np.float32)
    for _ in range(2):
        fresh(np.ones((2, 3), np.float32), np.array([2.0, 3.0]), out)
    assert out.tolist() == [[2, 2, 2], [3, 3, 3]]
    assert asked == [True, False]


# ------------------------------------------------------------------------------------------------------------ engines


@pytest.mark.parametrize("device", ENGINES)
@pytest.mark.parametrize("root", [False, True], ids=["cosine", "neg_l2"])
def test_a_tile_by_hand(device, root):
    engine = opened(device)
    left = np.float32([[1], [0.5]]) * (-1 if root else 1)
    right = np.float32([[1], [0.25], [0.5]])
    tile = engine.product(engine.place(left), engine.place(right))  # ±(1, 1/4, 1/2; 1/2, 1/8, 1/4)
    tile.leave_out(np.array([0]), np.array([2]))
    counts, all_of_them = tile.survey(Bins(8, root), np.float32(-9))
    assert len(all_of_them.products) == 5
    if root:  # distances of 1, 1/2, left out; 0.71, 0.35, 1/2 in eighths of 2
        assert counts.tolist() == [1, 0, 0, 0, 0, 1, 1, 3, 0, 0]
        found = tile.candidates(np.float32(-0.5), np.float32(-0.2))
        assert (found.above, found.rows.tolist(), found.columns.tolist()) == (1, [0, 1, 1], [1, 0, 2])
        assert tile.best_of_rows(2).tolist() == [-1, -0.25]
    else:
        assert counts.tolist() == [1, 0, 0, 0, 0, 1, 2, 1, 0, 1]
        found = tile.candidates(np.float32([0.3, 0.25]), np.float32(0.5))
        assert (found.above, found.rows.tolist(), found.columns.tolist()) == (1, [1, 1], [0, 2])
        assert found.products.tolist() == [0.5, 0.25]
        assert tile.best_of_rows(2).tolist() == [0.25, 0.25]
