"""Error-versus-discard characteristics: by hand, against slow definitions, and what they say about good measures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.api import Frame, Trials
from bench.errors import ConfigError, InsufficientData, ShapeError
from bench.metrics import FigureValue
from bench.metrics.bootstrap import double_or_nothing
from bench.metrics.clusters import Clusters, clusters_of
from bench.metrics.discard import discard_area, discard_curve, drawn_discard_areas
from bench.metrics.intervals import percentile_interval, rate_interval
from bench.store.schema import from_parquet, to_parquet
from bench.sweep.discarding import discard_figures

NO_DRAWS = np.zeros((0, 10_000), np.bool_)


def qualities(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def wrong(*values: int) -> np.ndarray:
    return np.array(values, np.bool_)


# -------------------------------------------------------------------------------------------------------------- by hand


def test_a_curve_by_hand() -> None:
    curve = discard_curve(qualities(3, 1, 2, 2, 5), wrong(0, 1, 1, 0, 0))
    assert curve.quality.tolist() == [1, 2, 3, 5]
    assert curve.discarded.tolist() == [0, 1, 3, 4]
    assert curve.errors.tolist() == [2, 1, 0, 0]
    assert curve.fnmr.tolist() == [2 / 5, 1 / 4, 0, 0]
    assert [curve.step_at(share) for share in (0, 0.1, 0.2, 0.4, 0.59, 0.6, 0.8, 1)] == [0, 0, 1, 1, 1, 2, 3, 3]


def test_an_area_by_hand() -> None:
    """Of 10, two errors at places 2 and 3: the steps up to half are 2/10, 2/9, 1/8, 0, 0; ideal 2/10, 1/9; flat 1."""
    quality, errors = qualities(*range(10)), wrong(0, 1, 1, 0, 0, 0, 0, 0, 0, 0)
    ideal = 2 / 10 + 1 / 9
    expected = (2 / 10 + 2 / 9 + 1 / 8 - ideal) / (1 - ideal)
    assert discard_area(discard_curve(quality, errors), 0.5) == pytest.approx(expected, abs=1e-14)
    # Up to 15 %, half of the second step counts.
    assert discard_area(discard_curve(quality, errors), 0.15) == pytest.approx(
        (2 / 10 + 1 / 9 - (2 / 10 + 0.5 / 9)) / (0.3 - (2 / 10 + 0.5 / 9)), abs=1e-14
    )


def test_shares_are_the_decimals_that_were_typed() -> None:
    curve = discard_curve(np.arange(100, dtype=np.float32), np.arange(100) < 5)
    assert [int(curve.discarded[curve.step_at(step / 50)]) for step in range(51)] == [*range(0, 99, 2), 99]
    assert curve.discarded[curve.step_at(0.29)] == 29


def test_errors_first_is_ideal_and_one_quality_tells_nothing() -> None:
    errors = np.arange(1000) < 30
    for limit in (0.2, 0.5):
        assert discard_area(discard_curve(np.arange(1000, dtype=np.float32), errors), limit) == pytest.approx(
            0, abs=1e-12
        )
        assert discard_area(discard_curve(np.zeros(1000, np.float32), errors), limit) == pytest.approx(1, abs=1e-12)
        assert discard_area(discard_curve(-np.arange(1000, dtype=np.float32), errors), limit) > 1


@pytest.mark.parametrize(("errors", "count"), [(0, 10), (10, 10), (1, 4)])
def test_there_is_no_area_where_no_order_is_better(errors: int, count: int) -> None:
    with pytest.raises(InsufficientData):
        discard_area(discard_curve(np.arange(count, dtype=np.float32), np.arange(count) < errors), 0.2)


def test_wrong_input_is_refused() -> None:
    for quality, errors in (
        (np.zeros(2), wrong(0, 1)),
        (qualities(1, math.nan), wrong(0, 1)),
        (qualities(1), wrong(0, 1)),
        (qualities(1, 2), np.zeros(2)),
    ):
        with pytest.raises(ShapeError):
            discard_curve(quality, errors)
    with pytest.raises(InsufficientData, match="no mated comparison of known quality"):
        discard_curve(qualities(), wrong())


# -------------------------------------------------------------------------------------- agreement with slow definitions

QUALITY = st.sampled_from([0.0, 1.0, 2.0, 2.5, 7.0]) | st.floats(-9, 9, width=32)
COMPARISONS = st.lists(st.tuples(QUALITY, st.booleans(), st.integers(0, 4)), min_size=1, max_size=40)


def slow_curve(rows: Any, *shares: float) -> list[tuple[int, float]]:
    """How many go, and FNMR of the others, at each share: every threshold on quality is tried."""
    steps = []
    for limit in sorted({quality for quality, _, _ in rows}):
        left = [error for quality, error, _ in rows if quality >= limit]
        steps.append((len(rows) - len(left), sum(left) / len(left)))
    return [max(step for step in steps if step[0] <= share * len(rows) + 1e-9) for share in shares]


@given(rows=COMPARISONS, share=st.sampled_from([0.0, 0.02, 0.2, 0.25, 0.5, 0.94, 1.0]))
@settings(max_examples=300, deadline=None)
def test_the_curve_is_that_of_the_slow_definition(rows: Any, share: float) -> None:
    quality, errors = qualities(*(row[0] for row in rows)), wrong(*(row[1] for row in rows))
    curve = discard_curve(quality, errors)
    step = curve.step_at(share)
    assert (curve.discarded[step], curve.fnmr[step]) == pytest.approx(slow_curve(rows, share)[0])


@given(rows=COMPARISONS, limit=st.sampled_from([0.2, 0.37, 0.5]))
@settings(max_examples=100, deadline=None)
def test_the_area_is_the_integral_of_the_curve(rows: Any, limit: float) -> None:
    quality, errors = qualities(*(row[0] for row in rows)), wrong(*(row[1] for row in rows))
    try:
        area = discard_area(discard_curve(quality, errors), limit)
    except InsufficientData:
        assert all(errors) or not any(errors) or limit * len(rows) <= 1
        return
    points = (np.arange(2000) + 0.5) / 2000 * limit
    ideal_rows = [(float(rank), bool(error), 0) for rank, error in enumerate(sorted(errors.tolist(), reverse=True))]
    actual, ideal = (np.mean([rate for _, rate in slow_curve(each, *points)]) for each in (rows, ideal_rows))
    assert area == pytest.approx((actual - ideal) / (errors.mean() - ideal), abs=0.03)


@given(rows=COMPARISONS, seed=st.integers(0, 20))
@settings(max_examples=200, deadline=None)
def test_a_draw_is_the_curve_of_the_people_it_keeps(rows: Any, seed: int) -> None:
    quality = qualities(*(row[0] for row in rows))
    people = np.array([row[2] for row in rows], np.int32)
    rng = np.random.default_rng(seed)
    errors = np.stack([wrong(*(row[1] for row in rows)), rng.random(len(rows)) < 0.3])
    kept = double_or_nothing(5, 12, rng)
    found = drawn_discard_areas(quality, errors, Clusters(people, people, 5), kept, (0.2, 0.5))
    for draw in range(12):
        inside = kept[draw][people]
        for row in range(2):
            for column, limit in enumerate((0.2, 0.5)):
                try:
                    expected = discard_area(discard_curve(quality[inside], errors[row][inside]), limit)
                except InsufficientData:
                    expected = math.nan
                assert found[draw, row, column] == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_the_order_of_comparisons_changes_no_bit() -> None:
    rng = np.random.default_rng(4)
    quality = rng.integers(0, 30, 500).astype(np.float32)
    errors, people = rng.random(500) < 0.1, rng.integers(0, 40, 500).astype(np.int32)
    kept = double_or_nothing(40, 50, rng)
    results = []
    for order in (np.arange(500), rng.permutation(500)):
        curve = discard_curve(quality[order], errors[order])
        clusters = Clusters(people[order], people[order], 40)
        draws = drawn_discard_areas(quality[order], errors[order][None], clusters, kept, (0.2, 0.5))
        results.append((curve.errors.tobytes(), discard_area(curve, 0.2), draws.tobytes()))
    assert results[0] == results[1]


# ------------------------------------------------------------------------------------------------ good and bad measures


def photos(rng: np.random.Generator, people: int, each: int) -> tuple[Trials, np.ndarray, np.ndarray, Clusters]:
    """Mated trials of photos of which some are bad: a bad photo lowers the score of all its comparisons."""
    frames = tuple(Frame(f"{person}/{photo}", str(person)) for person in range(people) for photo in range(each))
    first, second = np.triu_indices(each, 1)
    probe = (np.arange(people)[:, None] * each + first).ravel().astype(np.int32)
    reference = (np.arange(people)[:, None] * each + second).ravel().astype(np.int32)
    bad = rng.exponential(1, len(frames)).astype(np.float32)
    scores = (3 - np.maximum(bad[probe], bad[reference]) + rng.normal(0, 0.5, len(probe))).astype(np.float32)
    trials = Trials("mated", frames, probe, reference)
    names = [frame.subject for frame in frames]
    clusters = clusters_of([names[place] for place in probe], [names[place] for place in reference])
    return trials, scores, bad, clusters


def by_name(figures: list[FigureValue]) -> dict[tuple[Any, ...], FigureValue]:
    named = {(value.group, value.figure, value.operating_point): value for value in figures}
    assert len(named) == len(figures), "two figures that a reader could not tell apart"
    return named


def test_a_measure_that_knows_lets_the_curve_fall_and_one_that_does_not_leaves_it_flat() -> None:
    rng = np.random.default_rng(5)
    trials, scores, bad, clusters = photos(rng, 150, 5)
    values = {"good": -bad, "random": rng.random(len(bad)).astype(np.float32), "inverted": bad}
    kept = double_or_nothing(clusters.count, 400, rng)
    figures, table = discard_figures(list(values), values, trials, scores, {"p": 0.5}, clusters, kept)
    named = by_name(figures)
    curves = {column: rows for column, rows in table.groupby("column", observed=True)}
    good = curves["good"]
    assert (np.diff(good["fnmr"])[:8] < 0).all()
    assert good["fnmr_high"].iloc[10] < good["fnmr_low"].iloc[0], "at 20 % well below where it starts"
    flat = curves["random"]
    assert ((flat["fnmr_low"] <= flat["fnmr"].iloc[0]) & (flat["fnmr"].iloc[0] <= flat["fnmr_high"])).all()
    for limit in (20, 50):
        area = {column: named[column, f"discard_area_{limit}", "p"] for column in values}
        assert area["good"].high < 0.5 < area["random"].low <= 1 <= area["random"].high
        assert area["inverted"].low > 1
        assert {one.interval for one in area.values()} == {"bootstrap"}


@pytest.mark.full
def test_the_interval_of_an_area_covers_chance_where_quality_is_random() -> None:
    rng = np.random.default_rng(6)
    covered, errors = 0, 0
    for _ in range(300):
        trials, scores, bad, clusters = photos(rng, 60, 4)
        values = {"random": rng.random(len(bad)).astype(np.float32)}
        kept = double_or_nothing(clusters.count, 300, rng)
        figures, _ = discard_figures(["random"], values, trials, scores, {"p": 0.5}, clusters, kept)
        one = by_name(figures)["random", "discard_area_20", "p"]
        covered += one.low <= 1 <= one.high
        errors += int(np.count_nonzero(scores < 0.5))
    print(covered, "of 300;", errors / 300, "errors of 60 people")
    assert 275 <= covered <= 298


# ---------------------------------------------------------------------------------------------------- figures and table


def small() -> tuple[Trials, np.ndarray, Clusters]:
    """Two people of three photos; the scores of their six mated and nine nonmated trials."""
    frames = tuple(Frame(f"{person}/{photo}", person) for person in "ab" for photo in range(3))
    probe, reference = np.triu_indices(6, 1)
    trials = Trials("all_pairs", frames, probe.astype(np.int32), reference.astype(np.int32))
    scores = np.where(trials.mated, 0.9, 0.1).astype(np.float32)
    scores[0] = 0.2  # a/0 with a/1 is rejected
    names = [frame.subject for frame in frames]
    return trials, scores, clusters_of([names[place] for place in probe], [names[place] for place in reference])


def test_what_is_unknown_or_not_acquired_is_left_out_and_counted() -> None:
    trials, scores, clusters = small()
    values = {"q": qualities(1, 2, 3, 4, math.nan, 6)}
    figures, table = discard_figures(["q"], values, trials, scores, {"p": 0.5}, clusters, NO_DRAWS)
    named = by_name(figures)
    assert (named["q", "frames_without_quality", None].value, named["q", "frames_without_quality", None].n) == (1, 6)
    assert (named["q", "trials_without_quality", None].value, named["q", "trials_without_quality", None].n) == (2, 6)
    assert named["q", "false_non_match_rate_after_discard", "p"].n == 4
    assert table["fnmr"].iloc[0] == 1 / 4
    assert table["discarded"].tolist() == [0, 0.5], "a/0 has two comparisons of one quality: both go or none"
    scores[1] = np.nan
    figures, table = discard_figures(["q"], values, trials, scores, {"p": 0.5}, clusters, NO_DRAWS)
    assert by_name(figures)["q", "trials_without_quality", None].n == 5
    assert table["fnmr"].iloc[0] == 1 / 3


def test_intervals_are_those_of_the_comparisons_that_are_left() -> None:
    rng = np.random.default_rng(7)
    trials, scores, bad, clusters = photos(rng, 40, 4)
    quality = -np.maximum(bad[trials.probe], bad[trials.reference])
    figures, table = discard_figures(["q"], {"q": -bad}, trials, scores, {"p": 0.5}, clusters, NO_DRAWS)
    assert len(table) > 20
    for row in table.itertuples():
        left = quality >= np.sort(quality)[round(row.discarded * len(quality))]
        assert row.discarded == np.count_nonzero(~left) / len(left)
        errors = scores[left] < 0.5
        assert row.fnmr == errors.mean()
        assert (row.fnmr_low, row.fnmr_high) == rate_interval(errors, clusters.select(left))[:2]
    one = by_name(figures)["q", "false_non_match_rate_after_discard", "p"]
    row = table[table["discarded"] <= 0.2].iloc[-1]
    assert (one.value, one.low, one.high) == tuple(row[["fnmr", "fnmr_low", "fnmr_high"]])
    area = by_name(figures)["q", "discard_area_20", "p"]
    assert area.value is not None
    assert (area.low, area.interval) == (None, None), "no draws were asked for"


def test_the_interval_of_an_area_is_that_of_its_draws() -> None:
    rng = np.random.default_rng(8)
    trials, scores, bad, clusters = photos(rng, 40, 4)
    kept = double_or_nothing(clusters.count, 100, rng)
    points = {"p": 0.5, "weak": 1.0, "none": None}
    figures, table = discard_figures(["q"], {"q": -bad}, trials, scores, points, clusters, kept, weak=["weak"])
    named = by_name(figures)
    quality = -np.maximum(bad[trials.probe], bad[trials.reference])
    for point, limit in (("p", 0.5), ("weak", 1.0)):
        draws = drawn_discard_areas(quality, scores[None] < limit, clusters, kept, (0.2, 0.5))
        for column, name in enumerate(("discard_area_20", "discard_area_50")):
            one = named["q", name, point]
            assert (one.low, one.high) == percentile_interval(draws[:, 0, column])[:2]
            assert one.support == ("weak" if point == "weak" or np.count_nonzero(scores < limit) < 30 else "ok")
    assert [value.support for value in figures if value.operating_point == "none"] == ["insufficient"] * 3
    assert set(table["operating_point"]) == {"p", "weak"}


def test_where_nobody_errs_there_is_a_rate_and_no_area() -> None:
    trials, scores, clusters = small()
    kept = np.ones((5, 2), np.bool_)
    figures, _ = discard_figures(["q"], {"q": qualities(*range(6))}, trials, scores, {"p": 0.05}, clusters, kept)
    named = by_name(figures)
    rate = named["q", "false_non_match_rate_after_discard", "p"]
    assert (rate.value, rate.low, rate.interval, rate.support) == (0, 0, "exact", "weak")
    assert (named["q", "discard_area_20", "p"].value, named["q", "discard_area_20", "p"].support) == (
        None,
        "insufficient",
    )


def test_the_table_is_that_of_the_schema_also_when_it_is_empty() -> None:
    trials, scores, clusters = small()
    for values in (qualities(*range(6)), np.full(6, np.nan, np.float32)):
        figures, table = discard_figures(
            ["q"], {"q": values}, trials, scores, {"p": 0.5}, clusters, np.ones((5, 2), bool)
        )
        back = from_parquet("discard", to_parquet("discard", table), "here")
        assert back["fnmr"].tolist() == table["fnmr"].tolist()
        assert back["column"].tolist() == table["column"].tolist()
        assert len(figures) == 5
    assert table.empty
    assert {value.support for value in figures if value.operating_point} == {"insufficient"}


def test_words_are_no_quality() -> None:
    trials, scores, clusters = small()
    with pytest.raises(ConfigError, match="'q' holds words"):
        discard_figures(["q"], {"q": np.array(list("abcdef"))}, trials, scores, {"p": 0.5}, clusters, NO_DRAWS)
