"""Searches in a gallery: who is drawn, what the figures are, and that a cell says so."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.api import Cell, Frame, Success
from bench.config import parse_sweep
from bench.datasets.searches import Searches, draw_searches, one_to_many
from bench.errors import ConfigError, CorruptFile, InsufficientData, ShapeError
from bench.metrics import (
    Clusters,
    FigureValue,
    IdentificationIntervals,
    SearchBootstrap,
    SearchResults,
    assess_identification,
    cumulative_match_rate,
    detection_identification_rate,
    double_or_nothing,
    false_negative_identification_rate,
    false_positive_identification_rate,
    open_set_tradeoff,
    threshold_at_fmr,
    threshold_at_fpir,
    zero_error_bound,
)
from bench.provenance import value_digest
from bench.registry import Registry
from bench.scoring import scores_by_definition
from bench.seeding import stream
from bench.store.cache import ArrayCache
from bench.store.run_folder import RunFolder
from bench.sweep.acquisition import Acquisition
from bench.sweep.identification import identification, rank_candidates, search
from bench.sweep.inputs import identity_of, images_digest, settings_of
from bench.sweep.instances import plugin
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from reports.document import write_report
from reports.figures.style import looks, paper
from reports.identification import section
from reports.outlet import Outlet
from reports.page import Chart, Table
from reports.searched import results_from, searched
from reports.series import Group, Run, Series
from tests.browser import check_page
from tests.toys import COLOURS, add_toys, photos, write

NAN = np.float32(np.nan)


# ----------------------------------------------------------------------------------------------- who is searched for


def frames_of(counts: Sequence[int]) -> list[Frame]:
    return [Frame(f"{who:02d}/{photo}", f"p{who:02d}") for who, count in enumerate(counts) for photo in range(count)]


@given(st.lists(st.integers(1, 7), min_size=1, max_size=14), st.integers(0, 9), st.integers(1, 5))
def test_every_photo_is_enrolled_or_searched_for(counts: list[int], seed: int, most: int) -> None:
    frames = frames_of(counts)
    several = sum(min(count, most) > 1 for count in counts)
    if not several:
        with pytest.raises(InsufficientData, match=r"none of \d+ people has two photos"):
            one_to_many(frames, np.random.default_rng(seed), most)
        return
    drawn = one_to_many(frames, np.random.default_rng(seed), most)
    assert sorted([*drawn.gallery, *drawn.probe]) == list(range(len(drawn.frames)))
    people = [drawn.frames[index].subject for index in drawn.gallery]
    assert people == sorted(set(people))
    assert len(people) == (several + 1) // 2
    taken: dict[str, int] = {}
    for frame in drawn.frames:
        taken[frame.subject] = taken.get(frame.subject, 0) + 1
    assert taken == {f"p{who:02d}": min(count, most) for who, count in enumerate(counts)}
    assert all(taken[person] > 1 for person in people)
    for index, mate in zip(drawn.probe, drawn.mate, strict=True):
        person = drawn.frames[index].subject
        assert (people[mate] == person) if mate >= 0 else (person not in people)


def test_the_digest_says_who_is_searched_for() -> None:
    frames = frames_of([3, 1, 2, 5, 2])
    first = one_to_many(frames, np.random.default_rng(1))
    assert first.digest == one_to_many(frames, np.random.default_rng(1)).digest
    others = {one_to_many(frames, np.random.default_rng(seed)).digest for seed in range(2, 12)}
    assert first.digest not in others
    assert len(others) > 5
    moved = Searches(first.frames, first.gallery[:-1], np.append(first.gallery[-1:], first.probe))
    assert moved.digest != first.digest
    renamed = Searches(tuple(Frame(f.key, f.subject + "x") for f in first.frames), first.gallery, first.probe)
    assert renamed.digest != first.digest


def test_a_data_sets_own_limits_keep_the_gallery_small() -> None:
    class Settings:
        max_per_subject = 2
        max_people = 4

    class Data:
        settings = Settings()

        def frames(self) -> list[Frame]:
            return frames_of([30] * 9)

    data: Any = Data()
    drawn = draw_searches(data, "d", 7)
    assert len({frame.subject for frame in drawn.frames}) == 4
    assert (len(drawn.frames), len(drawn.gallery)) == (8, 2)
    assert drawn.digest == draw_searches(data, "d", 7).digest
    assert drawn.digest not in {draw_searches(data, "d", 8).digest, draw_searches(data, "e", 7).digest}
    data.settings = None
    assert len(draw_searches(data, "d", 7).frames) == 9 * 20


# -------------------------------------------------------------------------------------------- figures: by definition


def results(
    enrolled: Sequence[bool],
    mate: Sequence[float],
    rank: Sequence[int],
    best: Sequence[float],
    candidates: int,
    people: Sequence[int] | None = None,
) -> SearchResults:
    codes = np.array(range(len(enrolled)) if people is None else people, np.int32)
    return SearchResults(
        np.array(enrolled, bool),
        np.array(mate, np.float32),
        np.array(rank, np.int32),
        np.array(best, np.float32),
        Clusters(codes, codes, int(codes.max(initial=-1)) + 1),
        candidates,
    )


BY_HAND = results(
    # four mate searches: found first, found third, found first but low, not acquired; five non-mate ones, one failed
    [True, True, True, True, False, False, False, False, False],
    [0.9, 0.6, 0.3, NAN, NAN, NAN, NAN, NAN, NAN],
    [1, 3, 1, 0, 0, 0, 0, 0, 0],
    [0.2, 0.8, 0.1, 0.1, 0.7, 0.5, 0.4, 0.2, NAN],
    candidates=6,
    people=[0, 0, 1, 1, 2, 2, 3, 4, 5],
)


def test_figures_worked_by_hand() -> None:
    assert [cumulative_match_rate(BY_HAND, rank) for rank in (1, 2, 3)] == [0.5, 0.5, 0.75]
    half = float(np.float32(0.5))
    assert false_positive_identification_rate(BY_HAND, half) == 2 / 5
    assert false_negative_identification_rate(BY_HAND, half) == 2 / 4
    assert false_negative_identification_rate(BY_HAND, half, rank=2) == 3 / 4
    assert detection_identification_rate(BY_HAND, half) == 1 / 4
    point = threshold_at_fpir(BY_HAND, 0.2)
    assert (point.allowed_false_positives, point.support, point.needed_searches) == (1, "weak", 5)
    assert point.threshold == np.nextafter(np.float32(0.5), np.float32(1))
    values = {
        (value.figure, value.operating_point): value for value in assess_identification(BY_HAND, (1, 6), (0.2, 0.1))
    }
    assert values["mate_searches", None].value == 4
    assert values["nonmate_searches", None].value == 5
    assert values["cumulative_match_rate", "rank=1"].value == 0.5
    assert values["acquired_cumulative_match_rate", "rank=1"].value == pytest.approx(2 / 3)
    assert values["cumulative_match_rate", "rank=6"].support == "insufficient"
    assert values["false_positive_identification_rate", "fpir=0.2"].value == 0.2
    assert values["false_negative_identification_rate", "fpir=0.2"].value == 0.5
    assert values["acquired_false_negative_identification_rate", "fpir=0.2"].value == pytest.approx(1 / 3)
    assert values["detection_identification_rate", "fpir=0.2"].value == 0.25
    at_nothing = [value for value in values.values() if value.operating_point == "fpir=0.1"]
    assert len(at_nothing) == 5
    assert all(value.value is None and value.support == "insufficient" for value in at_nothing)


def test_a_threshold_below_every_score_accepts_all_but_the_failures() -> None:
    for fpir in (0.8, 0.9, 1.0):
        point = threshold_at_fpir(BY_HAND, fpir)
        assert point.threshold == np.finfo(np.float32).min
        assert false_positive_identification_rate(BY_HAND, point.threshold) == 4 / 5
        assert false_negative_identification_rate(BY_HAND, point.threshold) == 1 / 4


SCORES = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
                    elements=st.integers(-3, 3).map(np.float32))  # fmt: skip


def slowly(matrix: np.ndarray, mate: Sequence[int]) -> SearchResults:
    """The results of a whole score matrix, search by search; a row of NaN failed, and so did a column."""
    there = [column for column in range(matrix.shape[1]) if not np.isnan(matrix[:, column]).all()]
    own, rank, best = [], [], []
    for row, column in zip(matrix, mate, strict=True):
        score = row[column] if column >= 0 else NAN
        others = [row[other] for other in there if other != column and not np.isnan(row[other])]
        own.append(score)
        rank.append(0 if np.isnan(score) else 1 + sum(other >= score for other in others))
        best.append(max(others, default=NAN))
    return results([column >= 0 for column in mate], own, rank, best, len(there))


@given(SCORES, st.data())
def test_ranks_do_not_depend_on_blocks(matrix: np.ndarray, data: st.DataObject) -> None:
    mate = data.draw(st.lists(st.integers(-1, matrix.shape[1] - 1), min_size=len(matrix), max_size=len(matrix)))
    side = data.draw(st.integers(1, 4))

    def blocks() -> Iterator[tuple[slice, slice, np.ndarray]]:
        for top, left in itertools.product(range(0, len(matrix), side), range(0, matrix.shape[1], side)):
            rows = slice(top, min(top + side, len(matrix)))
            columns = slice(left, min(left + side, matrix.shape[1]))
            yield rows, columns, matrix[rows, columns].copy()

    places = np.array(mate, np.int32)
    own = np.where(places >= 0, matrix[np.arange(len(matrix)), places], NAN).astype(np.float32)
    rank, best, at = rank_candidates(blocks(), own, places)
    expected = slowly(matrix, mate)
    assert rank.tolist() == expected.rank.tolist()
    assert np.where(at >= 0, best, NAN).tolist() == pytest.approx(expected.best_nonmate.tolist(), nan_ok=True)
    for row, place in enumerate(at):
        others = [column for column in range(matrix.shape[1]) if column != mate[row]]
        assert place == (min(others, key=lambda column: -matrix[row, column]) if others else -1)


def bob(matrix: np.ndarray, mate: Sequence[int]) -> list[tuple[list[float], list[float]]]:
    """Each search as bob.measure takes it: its negative and its positive scores."""
    return [
        ([float(score) for column, score in enumerate(row) if column != own], [float(row[own])] if own >= 0 else [])
        for row, own in zip(matrix, mate, strict=True)
    ]


@given(SCORES, st.data())
def test_figures_equal_those_of_bob(matrix: np.ndarray, data: st.DataObject) -> None:
    """bob.measure: `cmc` counts negatives >= positive, `detection_identification_rate`, `false_alarm_rate`."""
    mate = data.draw(st.lists(st.integers(-1, matrix.shape[1] - 1), min_size=len(matrix), max_size=len(matrix)))
    found = slowly(matrix, mate)
    scores = bob(matrix, mate)
    known = [(negatives, positives[0]) for negatives, positives in scores if positives]
    unknown = [negatives for negatives, positives in scores if not positives]
    for threshold, rank in itertools.product((-9.0, -1.0, 0.0, 0.5, 3.0, 9.0), (1, 2, 5)):
        if known:
            behind = [sum(negative >= positive for negative in negatives) for negatives, positive in known]
            cmc = sum(place < rank for place in behind) / len(known)
            assert cumulative_match_rate(found, rank) == pytest.approx(cmc, abs=1e-15)
            dir_ = [place < rank and positive >= threshold for place, (_, positive) in zip(behind, known, strict=True)]
            fnir = false_negative_identification_rate(found, threshold, rank)
            assert 1 - fnir == pytest.approx(sum(dir_) / len(known), abs=1e-15)
        if unknown:
            alarms = sum(max(negatives) >= threshold for negatives in unknown)
            assert false_positive_identification_rate(found, threshold) == alarms / len(unknown)


def made_up(seed: int = 0, people: int = 40, ties: bool = False, failing: float = 0.1) -> SearchResults:
    """Searches by people with one to six photos, of whom the first half is enrolled."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(people), rng.integers(1, 7, people)).astype(np.int32)
    enrolled = codes < people // 2
    candidates = people // 2
    strength = rng.normal(size=people)[codes]
    others = rng.normal(size=(codes.size, candidates)) + 0.4 * strength[:, None]
    own = np.where(enrolled, 2 + strength + rng.normal(size=codes.size), np.nan)
    if ties:
        others, own = np.round(others), np.round(own)
    failed = rng.random(codes.size) < failing
    own[failed], others[failed] = np.nan, np.nan
    others[np.arange(codes.size)[enrolled], codes[enrolled]] = -np.inf
    rank = np.where(np.isnan(own), 0, 1 + (others >= own[:, None]).sum(axis=1)).astype(np.int32)
    best = np.where(failed, np.nan, others.max(axis=1)).astype(np.float32)
    return SearchResults(enrolled, own.astype(np.float32), rank, best, Clusters(codes, codes, people), candidates)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("fpir", [0.05, 0.1, 0.3, 0.77, 1.0])
def test_the_threshold_is_the_smallest_that_keeps_the_rate(ties: bool, fpir: float) -> None:
    found = made_up(3, ties=ties)
    point = threshold_at_fpir(found, fpir)
    assert point.threshold is not None
    assert false_positive_identification_rate(found, point.threshold) <= fpir
    if point.threshold > np.finfo(np.float32).min:
        lower = np.nextafter(np.float32(point.threshold), np.float32(-np.inf))
        assert false_positive_identification_rate(found, float(lower)) > fpir
    every = made_up(3, ties=ties, failing=0)
    best = every.best_nonmate[~every.enrolled]
    mate = every.mate_score[every.enrolled]
    assert threshold_at_fpir(every, fpir).threshold == threshold_at_fmr(mate, best, fpir).threshold


def test_the_tradeoff_has_the_rates_of_its_thresholds() -> None:
    found = made_up(5)
    curve = open_set_tradeoff(found)
    for place in range(0, len(curve.thresholds), 7):
        threshold = float(curve.thresholds[place])
        assert curve.fmr[place] == false_positive_identification_rate(found, threshold)
        assert curve.fnmr[place] == false_negative_identification_rate(found, threshold)
    assert curve.fnmr[0] == np.isnan(found.mate_score[found.enrolled]).mean()
    with pytest.raises(InsufficientData, match="no non-mate search"):
        open_set_tradeoff(results([True], [0.5], [1], [0.1], 3))


def test_independent_scores_give_the_false_positives_that_they_should() -> None:
    rng = np.random.default_rng(2)
    searches, gallery = 20_000, 300
    scores = np.concatenate([rng.normal(size=(500, gallery)) for _ in range(searches // 500)]).astype(np.float32)
    found = results([False] * searches, [NAN] * searches, [0] * searches, scores.max(axis=1).tolist(), gallery)
    for fmr in (1e-4, 1e-3, 1e-2):
        threshold = float(np.quantile(scores, 1 - fmr))
        expected = 1 - (1 - np.mean(scores >= threshold)) ** gallery
        error = np.sqrt(expected * (1 - expected) / searches)
        assert false_positive_identification_rate(found, threshold) == pytest.approx(expected, abs=4 * error)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rank": np.zeros(2, np.int64)}, "rank int64"),
        ({"mate_score": np.zeros(2)}, "mate float64"),
        ({"best_nonmate": np.array([np.inf, 0], np.float32)}, "best nonmate inf"),
        ({"rank": np.zeros(3, np.int32)}, "different lengths"),
        ({"rank": np.array([1, 1], np.int32)}, "do not fit"),
        ({"rank": np.array([9, 0], np.int32)}, "do not fit"),
        ({"mate_score": np.array([0.5, 0.5], np.float32)}, "do not fit"),
    ],
)
def test_wrong_input_is_refused(changes: dict[str, Any], message: str) -> None:
    codes = np.array([0, 1], np.int32)
    right: dict[str, Any] = {
        "enrolled": np.array([True, False]), "mate_score": np.array([0.5, NAN], np.float32),
        "rank": np.array([1, 0], np.int32), "best_nonmate": np.array([0.1, 0.2], np.float32),
        "people": Clusters(codes, codes, 2), "candidates": 3,
    }  # fmt: skip
    assert SearchResults(**right).mate_searches == 1
    with pytest.raises(ShapeError, match=message):
        SearchResults(**right | changes)


def test_rates_outside_their_range_are_refused() -> None:
    for fpir in (0, -0.1, 1.5):
        with pytest.raises(ConfigError, match="false positive identification rate"):
            threshold_at_fpir(BY_HAND, fpir)
    nobody = results([False], [NAN], [0], [0.1], 3)
    for figure in (lambda: cumulative_match_rate(nobody, 1), lambda: false_negative_identification_rate(nobody, 0)):
        with pytest.raises(InsufficientData, match="no mate search"):
            figure()
    with pytest.raises(InsufficientData, match="no non-mate search"):
        false_positive_identification_rate(results([True], [0.5], [1], [0.1], 3), 0)


# ---------------------------------------------------------------------------------------------------------- intervals


def only(found: SearchResults, chosen: np.ndarray) -> SearchResults:
    return SearchResults(
        found.enrolled[chosen], found.mate_score[chosen], found.rank[chosen], found.best_nonmate[chosen],
        found.people.select(chosen), found.candidates,
    )  # fmt: skip


@pytest.mark.parametrize("ties", [False, True])
def test_a_draw_is_the_searches_of_the_people_kept(ties: bool) -> None:
    found = made_up(8, people=12, ties=ties)
    kept = double_or_nothing(12, 60, np.random.default_rng(1))
    kept[0], kept[1] = False, [True] * 6 + [False] * 6  # nobody; nobody who is not enrolled
    fpirs = (0.1, 0.3, 1.0)
    drawn = SearchBootstrap(found, kept).at_fpir(fpirs)
    intervals = IdentificationIntervals(found, kept, (1, 2), fpirs)
    intervals.attach(assess_identification(found, (1, 2), fpirs))
    for row, people in enumerate(kept):
        part = only(found, people[found.people.first])
        cmc = [intervals.draws["cumulative_match_rate", f"rank={rank}"][row] for rank in (1, 2)]
        if part.mate_searches:
            assert cmc == pytest.approx([cumulative_match_rate(part, rank) for rank in (1, 2)], abs=1e-15)
        else:
            assert np.isnan(cmc).all()
        for column, fpir in enumerate(fpirs):
            if not part.nonmate_searches:
                assert np.isnan(drawn.thresholds[row]).all()
                continue
            best = np.sort(np.nan_to_num(part.best_nonmate[~part.enrolled], nan=-np.inf))
            # The smallest float32 with an FPIR of at most that, also where that allows no false positive.
            point = threshold_at_fpir(part, fpir).threshold
            threshold = float(np.nextafter(best[-1], np.float32(np.inf))) if point is None else point
            assert drawn.thresholds[row, column] == threshold
            if not part.mate_searches:
                assert np.isnan(drawn.missed[row, column])
                continue
            assert drawn.missed[row, column] == false_negative_identification_rate(part, threshold)
            assert drawn.identified[row, column] == pytest.approx(detection_identification_rate(part, threshold))
            acquired = part.missed(threshold)[part.acquired]
            wanted = acquired.mean() if acquired.size else np.nan
            assert drawn.acquired_missed[row, column] == pytest.approx(wanted, nan_ok=True)
    with pytest.raises(ShapeError, match="kept"):
        SearchBootstrap(found, kept[:, 1:])


def assessed(found: SearchResults, draws: int = 200) -> list[FigureValue]:
    kept = double_or_nothing(found.people.count, draws, np.random.default_rng(4))
    return IdentificationIntervals(found, kept).attach(assess_identification(found))


def test_every_figure_but_counts_has_an_interval() -> None:
    values = assessed(made_up(1, people=300))
    for value in values:
        if value.figure.endswith("_searches") or value.value is None:
            assert value.interval is None
        else:
            assert value.low is not None
            assert value.high is not None
            assert value.low <= value.value <= value.high
            wilson = "cumulative" in value.figure or value.figure == "false_positive_identification_rate"
            assert value.interval == ("wilson" if wilson else "bootstrap")
    assert {value.operating_point for value in values if value.value is None} == {"fpir=0.001"}
    without = assessed(made_up(1, people=300), draws=0)
    assert {value.interval for value in without} == {None, "wilson"}
    assert [value.value for value in without] == [value.value for value in values]


def test_figures_and_intervals_do_not_depend_on_the_order_of_searches() -> None:
    found = made_up(1, people=120, ties=True)
    order = np.random.default_rng(0).permutation(found.enrolled.size)
    assert assessed(only(found, order)) == assessed(found)


def test_where_nobody_is_missed_the_bound_counts_people() -> None:
    found = results(
        [True] * 6 + [False] * 40, [0.9] * 6 + [NAN] * 40, [1] * 6 + [0] * 40, [0.1] * 46, 9,
        people=[0, 0, 0, 1, 1, 1, *range(2, 42)],
    )  # fmt: skip
    by_name = {(value.figure, value.operating_point): value for value in assessed(found)}
    bound = zero_error_bound(2)
    found_all = by_name["cumulative_match_rate", "rank=1"]
    assert (found_all.low, found_all.high, found_all.interval) == (1 - bound, 1, "exact")
    none_missed = by_name["false_negative_identification_rate", "fpir=0.1"]
    assert (none_missed.value, none_missed.low, none_missed.high, none_missed.interval) == (0, 0, bound, "exact")
    identified = by_name["detection_identification_rate", "fpir=0.1"]
    assert (identified.value, identified.low, identified.high, identified.interval) == (1, 1 - bound, 1, "exact")
    band = IdentificationIntervals(found, double_or_nothing(42, 50, np.random.default_rng(0))).open_set_band()
    assert band is not None
    assert band.high[0] == bound


def test_bands_pass_through_the_figures() -> None:
    found = made_up(1, people=300)
    kept = double_or_nothing(300, 200, np.random.default_rng(4))
    intervals = IdentificationIntervals(found, kept)
    by_name = {(value.figure, value.operating_point): value for value in intervals.attach(assess_identification(found))}
    ranks = intervals.cumulative_match_band(most=10)
    assert ranks is not None
    assert ranks.x.tolist() == list(range(1, 11))
    for rank in (1, 5, 10):
        value = by_name["cumulative_match_rate", f"rank={rank}"]
        assert (ranks.y[rank - 1], ranks.low[rank - 1], ranks.high[rank - 1]) == (value.value, value.low, value.high)
    rates = intervals.open_set_band()
    assert rates is not None
    assert rates.x[0] == pytest.approx(1 / found.nonmate_searches)
    assert rates.y[0] == false_negative_identification_rate(
        found, threshold_at_fpir(found, 1.5 / found.nonmate_searches).threshold or 0
    )
    assert (rates.low <= rates.y).all()
    assert (rates.y <= rates.high).all()
    assert (np.diff(rates.y) <= 0).all()
    assert IdentificationIntervals(found, kept[:0]).open_set_band() is None


# --------------------------------------------------------------------------------------------------------- the kernel


@pytest.mark.parametrize(("comparison", "scale"), [("cosine", 1), ("neg_l2", 1), ("neg_l2", 9)])
def test_searching_equals_the_definition(comparison: Any, scale: float) -> None:
    rng = np.random.default_rng(6)
    drawn = one_to_many(frames_of([4, 1, 3, 2, 1, 5, 2, 2]), rng)
    count = len(drawn.frames)
    embeddings = (scale * np.round(rng.normal(size=(count, 3)))).astype(np.float32) + np.float32(0.1)
    there = rng.random(count) < 0.7
    there[drawn.gallery[0]], there[drawn.gallery[1]] = False, True
    embeddings[~there] = 0
    blank = np.zeros(count, np.int16), np.zeros((count, 4), np.float32), np.zeros(count, np.float32)
    acquired = Acquisition(embeddings, there, *blank, (None,) * count, 0, 0, {})
    position = np.cumsum(there) - 1
    matrix = np.full((len(drawn.probe), len(drawn.gallery)), NAN)
    pairs = [(row, column) for row in range(len(drawn.probe)) for column in range(len(drawn.gallery))
             if there[drawn.probe[row]] and there[drawn.gallery[column]]]  # fmt: skip
    rows, columns = np.array(pairs).T
    # Gridded as one set, as everything that is compared with everything must be.
    matrix[rows, columns] = scores_by_definition(
        embeddings[there], position[drawn.probe[rows]], position[drawn.gallery[columns]], comparison
    )
    expected = slowly(matrix, drawn.mate.tolist())
    said: list[tuple[str, int, int]] = []
    found = search(acquired, drawn, comparison, lambda *what: said.append(what))
    assert found.rank.tolist() == expected.rank.tolist()
    assert found.mate_score.tolist() == pytest.approx(expected.mate_score.tolist(), abs=0, nan_ok=True)
    assert found.best_nonmate.tolist() == pytest.approx(expected.best_nonmate.tolist(), abs=0, nan_ok=True)
    for row, place in enumerate(found.best_place):
        assert (place < 0) == np.isnan(found.best_nonmate[row])
        assert place < 0 or matrix[row, place] == found.best_nonmate[row]
    assert said[-1][0] == "searching the gallery"
    nobody = Acquisition(embeddings, np.zeros(count, bool), *blank, ("no",) * count, 0, 0, {})
    lost = search(nobody, drawn, comparison)
    assert not lost.rank.any()
    assert np.isnan(lost.mate_score).all()
    assert np.isnan(lost.best_nonmate).all()


# ----------------------------------------------------------------------------------------------------------- the cell


def cell_of(
    dataset: dict[str, Any], recognizer: dict[str, Any], aligner: dict[str, Any], label: str, draws: int = 100
) -> Cell:
    """The cell that a plan would make."""
    entries = {"dataset": dataset, "recognizer": recognizer, "aligner": aligner}
    loaded: dict[str, Any] = {kind: plugin(kind, entry) for kind, entry in entries.items()}  # type: ignore[arg-type]
    drawn = draw_searches(loaded["dataset"], dataset["name"], 7)
    labels = {
        "dataset": dataset["name"], "protocol": "one_to_many", "recognizer": label,
        "settings": {"aligner": aligner["name"]},
    }  # fmt: skip
    parts = {
        kind: {**identity_of(entry, loaded[kind]), "settings": settings_of(entry)} for kind, entry in entries.items()
    }
    spec = {
        "cell": 2, "assessment": "identification", "labels": labels, "protocol": "one_to_many", "trials": drawn.digest,
        "images": images_digest(loaded["dataset"], drawn.frames), "comparison": loaded["recognizer"].comparison,
        "fmr": [0.01], "draws": draws, "seed": 7, "calibration": None, **parts,
    }  # fmt: skip
    return Cell(value_digest(spec), spec, labels)


@pytest.fixture
def toy_cell(own_registry: Registry, tmp_path: Path) -> Cell:
    """Four people with five photos each; in the first photo of everybody there is no face."""
    add_toys(own_registry)
    root = photos(tmp_path / "photos", per_person=5)
    for person in COLOURS:
        write(root / person / "0.png", np.zeros((8, 8, 3), np.uint8))
    return cell_of({"name": "folder", "root": str(root)}, {"name": "toy"}, {"name": "toy"}, "toy")


def stored(run: Path, cell: Cell, outcome: Success) -> RunFolder:
    folder = RunFolder(run)
    folder.write_outcome(cell, outcome, {})
    folder.write_manifest({"name": "t", "cells": [cell.key], "seed": 7, "sweep": {"name": "t"}})
    folder.write_summary([cell.key])
    return folder


def test_a_cell_says_what_was_found(toy_cell: Cell, tmp_path: Path) -> None:
    outcome = identification(toy_cell, ArrayCache())
    folder = stored(tmp_path / "run", toy_cell, outcome)
    table = folder.table(toy_cell.key, "searches")
    assert len(table) == 18
    assert table["enrolled"].sum() == 8
    mates = table[table["enrolled"]]
    assert (mates["mate"].astype(str).str.split("/").str[0] == mates["probe_subject"].astype(str)).all()
    assert (table["best_nonmate_subject"].astype(str) != table["probe_subject"].astype(str)).all()
    assert table.loc[~table["enrolled"], ["mate", "mate_score", "rank"]].isna().all().all()
    failed = table["probe"].astype(str).str.endswith("/0.png")
    assert (table["best_nonmate_score"].isna() == failed).all()
    frames = folder.table(toy_cell.key, "frames")
    assert (~frames["acquired"]).sum() == 4
    enrolled = sorted(set(mates["probe_subject"].astype(str)))
    unfound = sum(f"{person}/0.png" in set(mates["mate"].astype(str)) for person in enrolled)
    values = {(record["figure"], record["operating_point"]): record["value"] for record in outcome.figures}
    assert values["enrolled_subjects", None] == 2
    assert values["enrolments_not_acquired", None] == unfound
    assert values["searches_not_acquired", None] == 4 - unfound
    assert values["mate_searches", None] == 8
    assert values["nonmate_searches", None] == 10
    # Colours of one person are nearest to each other, so whoever is acquired is found first.
    if unfound < 2:
        acquired = mates["mate_score"].notna().sum()
        assert values["false_negative_identification_rate", "fpir=0.1"] == pytest.approx(1 - acquired / 8)
    assert {"mated_acquired", "nonmated_acquired", "frames", "embeddings_computed"} <= set(outcome.counts)
    draws = folder.table(toy_cell.key, "draws")
    assert set(draws["operating_point"]) >= {"fpir=0.1"}
    assert (draws.groupby(["figure", "operating_point"], observed=True).size() == 100).all()


def test_a_cell_says_the_same_twice(toy_cell: Cell) -> None:
    first, second = (identification(toy_cell, ArrayCache()) for _ in range(2))
    assert json.dumps(first.figures) == json.dumps(second.figures)
    assert first.tables == second.tables


def test_a_photo_that_changed_after_planning_is_noticed(toy_cell: Cell) -> None:
    root = Path(toy_cell.spec["dataset"]["settings"]["root"])
    write(root / "ann" / "1.png", np.full((8, 8, 3), 77, np.uint8))
    with pytest.raises(CorruptFile, match="changed after the sweep was planned"):
        identification(toy_cell, ArrayCache())


# --------------------------------------------------------------------------------------------------------- the report


def synthetic(toy: Cell, run: Path) -> Run:
    """A run of two made-up recognizers with as many searches as a report needs."""
    import pandas as pd

    from bench.metrics import clusters_of
    from bench.store.schema import to_parquet
    from bench.sweep.tables import draws_table
    from bench.sweep.verification import record

    folder, series = RunFolder(run), []
    for seed, label in enumerate(("a <b> FMR", "lesser")):
        made = made_up(1, people=240, failing=0.02 * seed)
        names = [f"p{code:03d}" for code in made.people.first]
        made = SearchResults(
            made.enrolled, made.mate_score, made.rank, made.best_nonmate, clusters_of(names, names), made.candidates
        )
        kept = double_or_nothing(made.people.count, 100, stream(7, "bootstrap", "folder", "one_to_many"))
        intervals = IdentificationIntervals(made, kept)
        values = intervals.attach(assess_identification(made))
        counts = {"enrolled_subjects": 120, "enrolments_not_acquired": 0, "searches_not_acquired": 3}
        values += [FigureValue(name, None, value, None, None, 120, "ok") for name, value in counts.items()]
        table = pd.DataFrame(
            {
                "probe": pd.Categorical([f"{place}.jpg" for place in range(len(names))]),
                "probe_subject": pd.Categorical(names),
                "enrolled": made.enrolled,
                "mate": pd.Categorical(["m.jpg"] * len(names)),
                "mate_score": made.mate_score,
                "rank": pd.Series(pd.array(made.rank, "Int32")).mask(made.rank == 0),
                "best_nonmate": pd.Categorical(["n.jpg"] * len(names)),
                "best_nonmate_subject": pd.Categorical(["n"] * len(names)),
                "best_nonmate_score": made.best_nonmate,
            }
        )
        labels = {**toy.labels, "recognizer": label}
        cell = Cell(value_digest(label), {**toy.spec, "labels": labels}, labels)
        tables = {"searches": to_parquet("searches", table), "draws": to_parquet("draws", draws_table(intervals.draws))}
        success = Success(cell.key, tuple(record(value, labels) for value in values), {}, {}, 1.0, tables)
        folder.write_outcome(cell, success, {})
        series.append(Series(cell.key, label, label, folder.outcome(cell.key), folder))
    group = Group("identification", "folder", "one_to_many", "folder · one_to_many", tuple(series), ())
    return Run(run, {}, (group,), 0)


def test_the_report_shows_figures_with_their_intervals(toy_cell: Cell, tmp_path: Path) -> None:
    run = synthetic(toy_cell, tmp_path / "run")
    outlet = Outlet(run.folder, looks(run.labels), None, 4)
    with paper():
        found = section(run, outlet)
    blocks = [block for part in found.parts for block in part.blocks]
    tables = [block.table for block in blocks if isinstance(block, Table)]
    charts = [block for block in blocks if isinstance(block, Chart)]
    assert [chart.id for chart in charts] == ["n0-cmc", "n0-open-set"]
    by_rank, by_threshold = tables
    assert [column.label for column in by_rank.columns][:5] == ["recognizer", "rank 1", "rank 5", "rank 10", "rank 20"]
    assert [row.above for row in by_threshold.rows] == [
        "at FPIR 10\u202f%",
        "",
        "at FPIR 1\u202f%",
        "",
        "at FPIR 0.1\u202f%",
        "",
    ]
    assert sum(cell.tag == "insufficient" for row in by_threshold.rows for cell in row.cells) == 10
    assert "1\u202f000 non-mate searches" in by_threshold.rows[-1].cells[0].notes
    for cell in (cell for table in tables for row in table.rows for cell in row.cells):
        assert cell.kind != "figure" or "–" in cell.interval or " to " in cell.interval
    for chart in charts:
        for _, target in chart.files:
            assert (run.folder / target).stat().st_size > 100
        assert "FMR%" not in chart.data
        names = {trace["name"] for trace in chart.spec["variants"][0]["data"]}
        assert names == {"a &lt;b&gt; FMR", "lesser"}
    hover = [trace.get("hovertemplate", "") for trace in charts[1].spec["variants"][0]["data"]]
    assert sum("<br>FPIR %{" in text and "<br>FNIR %{" in text for text in hover) == 2
    assert not any("<br>FMR" in text or "FNMR" in text for text in hover)


def test_the_bands_are_drawn_with_the_draws_of_the_figures(toy_cell: Cell, tmp_path: Path) -> None:
    one = synthetic(toy_cell, tmp_path / "run").of("identification")[0].series[1]
    shown = searched(one)
    assert shown is not None
    assert shown.by_fpir is not None
    place = int(np.argmin(np.abs(shown.by_fpir.x - 0.1)))
    record = next(
        record for record in one.records
        if (record["figure"], record["operating_point"]) == ("false_negative_identification_rate", "fpir=0.1")
    )  # fmt: skip
    assert shown.by_fpir.x[place] == pytest.approx(0.1, rel=0.08)
    assert shown.by_fpir.low[place] == pytest.approx(record["low"], abs=0.02)
    fixed = IdentificationIntervals(
        shown.results,
        double_or_nothing(shown.results.people.count, 100, stream(7, "bootstrap", "folder", "one_to_many")),
    )
    again = {(v.figure, v.operating_point): v for v in fixed.attach(assess_identification(shown.results))}
    value = again["false_negative_identification_rate", "fpir=0.1"]
    assert (value.value, value.low, value.high) == (record["value"], record["low"], record["high"])


def test_the_results_survive_the_table(toy_cell: Cell, tmp_path: Path) -> None:
    outcome = identification(toy_cell, ArrayCache())
    folder = stored(tmp_path / "run", toy_cell, outcome)
    values = {(record["figure"], record["operating_point"]): record["value"] for record in outcome.figures}
    candidates = values["enrolled_subjects", None] - values["enrolments_not_acquired", None]
    again = assess_identification(results_from(folder.table(toy_cell.key, "searches"), candidates))
    assert {(value.figure, value.operating_point): value.value for value in again}.items() <= values.items()


@pytest.mark.browser
def test_the_page_draws_its_charts(toy_cell: Cell, tmp_path: Path, chromium: str) -> None:
    run = synthetic(toy_cell, tmp_path / "run")
    RunFolder(run.folder).write_manifest(
        {"name": "t", "cells": [one.key for one in run.every_series], "seed": 7, "sweep": {"name": "t"}}
    )
    seen = check_page(chromium, write_report(run.folder))
    assert [chart["id"] for chart in seen.charts] == ["n0-cmc", "n0-open-set"]


# ---------------------------------------------------------------------------------------------------------- the sweep


def test_a_sweep_may_ask_for_both_assessments(toy_cell: Cell, tmp_path: Path) -> None:
    wanted = {
        "name": "t",
        "seed": 7,
        "dataset": {"name": "folder", "root": toy_cell.spec["dataset"]["settings"]["root"]},
        "recognizers": ["toy"],
        "assessments": ["verification", "identification"],
        "draws": 100,
    }
    sweep = parse_sweep(wanted)
    first, second = plan(sweep).cells
    assert [cell.labels["protocol"] for cell in (first, second)] == ["all_pairs", "one_to_many"]
    assert second.spec["trials"] == toy_cell.spec["trials"]
    assert plan(parse_sweep(wanted | {"seed": 8})).cells[1].key != second.key
    run = run_sweep(sweep, tmp_path / "run")
    records = json.loads((run.path / "summary.json").read_text())["records"]
    alone = json.loads(json.dumps(identification(toy_cell, ArrayCache()).figures))
    mine = [record for record in records if record["protocol"] == "one_to_many"]
    assert [mine_too.items() >= record.items() for mine_too, record in zip(mine, alone, strict=True)] == [True] * len(
        alone
    )
    assert run.failures().empty
    page = write_report(run.path).read_text(encoding="utf-8")
    assert "Identification (1:N)" in page
    assert "Error curves" in page


@pytest.mark.real
@pytest.mark.full
def test_real_faces_are_found(real_data: Path, real_models: Path) -> None:
    """CelebA's eval people in a gallery of 34: one search in 518 finds somebody else first."""
    cell = cell_of(
        {"name": "celeba", "root": str(real_data / "celeba299"), "split": "eval"},
        {"name": "arcface_onnx", "model": str(real_models / "mobilefacenet_y1.onnx")},
        {"name": "yunet", "model": str(real_models / "yunet_n_640_640.onnx")},
        "mobilefacenet_y1",
        draws=1000,
    )
    outcome = identification(cell, ArrayCache())
    values = {(record["figure"], record["operating_point"]): record["value"] for record in outcome.figures}
    assert values["enrolled_subjects", None] == 34
    assert (values["mate_searches", None], values["nonmate_searches", None]) == (518, 527)
    assert values["cumulative_match_rate", "rank=1"] == pytest.approx(517 / 518, abs=2 / 518)
    assert values["false_negative_identification_rate", "fpir=0.01"] == pytest.approx(14 / 518, abs=4 / 518)
