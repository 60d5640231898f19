"""Figures of attack detectors: worked by hand, held equal to their definition, and compared with scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from sklearn import metrics

from bench.errors import ConfigError, InsufficientData, ShapeError
from bench.metrics import (
    FIGURES,
    Assessed,
    Clusters,
    Contributors,
    DetectionPoint,
    DetectionSamples,
    FigureValue,
    allowed_false_matches,
    assess_at,
    assess_detection,
    detection_error_curve,
    double_or_nothing,
    drawn_rate_interval,
    error_point_name,
    percentile_interval,
    points_of,
    rate_interval,
    share_interval,
    wilson_interval,
    zero_error_bound,
)
from bench.metrics.detection_intervals import Share, judged, lower_end, share_at, worst_share
from bench.metrics.detection_samples import Kind
from bench.metrics.variance import rate_spread

RATES = (0.5, 0.25, 0.1)
OWN = [error_point_name(error, rate) for error in ("attack_error", "bona_fide_error") for rate in RATES]
Key = tuple[str, str | None, str | None]
Listed = list[tuple[float, int]]
"""Scores with how often each counts."""


def samples_of(
    bona_fide: list[float],
    attacks: dict[str, list[float]],
    people: list[list[int]] | None = None,
    count: int | None = None,
) -> DetectionSamples:
    """Bona fide samples, then attacks; everyone of somebody else unless it is said of whom."""
    kinds = [bona_fide, *attacks.values()]
    scores = np.array([score for kind in kinds for score in kind], np.float32)
    species = np.repeat(np.arange(-1, len(attacks), dtype=np.int16), [len(kind) for kind in kinds])
    people = people or [[code] for code in range(scores.size)]
    most = max(map(len, people), default=1)
    codes = np.array([row + [-1] * (most - len(row)) for row in people], np.int32).reshape(-1, most)
    return DetectionSamples(scores, species, tuple(attacks), codes, count or max(int(codes.max(initial=0)) + 1, 1))


def by_key(assessed: Assessed) -> dict[Key, FigureValue]:
    found = {(each.figure, each.operating_point, each.species): each for each in assessed.values}
    assert len(found) == len(assessed.values)
    return found


# ------------------------------------------------------------------------------------------------- worked by hand

BONA_FIDE = [0.05, 0.1, 0.15, 0.2, 0.3, 0.35, 0.4, 0.45, 0.6, 0.7]
MORPHS = [0.25, 0.35, 0.5, 0.55, 0.65, 0.75, 0.8, 0.85, 0.9, 0.95]
MASKS = [0.4, 0.8, 0.9, 0.95, 0.99]


def above(value: float) -> float:
    return float(np.nextafter(np.float32(value), np.float32(np.inf)))


def by_hand() -> dict[Key, FigureValue]:
    return by_key(assess_detection(samples_of(BONA_FIDE, {"morph": MORPHS, "mask": MASKS}), (0.3, 0.2, 0.1)))


def test_bpcer_at_an_attack_error_worked_by_hand() -> None:
    found = by_hand()
    # 10 morphs: k = 3, 2, 1, so the 4th, 3rd and 2nd smallest. 5 masks: k = 1, 1, 0.
    points = {"attack_error=0.3": (0.55, 0.2), "attack_error=0.2": (0.5, 0.2), "attack_error=0.1": (0.35, 0.5)}
    for point, (threshold, bona_fide_error) in points.items():
        assert found["threshold", point, "morph"].value == np.float32(threshold)
        assert found["attack_error_rate", point, "morph"].value == float(point.split("=")[1])
        assert found["bona_fide_error_rate", point, "morph"].value == bona_fide_error
    assert found["threshold", "attack_error=0.2", "mask"].value == np.float32(0.8)
    assert found["bona_fide_error_rate", "attack_error=0.2", "mask"].value == 0
    # Of both: the smaller threshold, at which masks have 1 of 5 below and morphs 3 or 2 of 10.
    for point, worst in (("attack_error=0.3", 0.3), ("attack_error=0.2", 0.2)):
        assert found["threshold", point, None].value == found["threshold", point, "morph"].value
        assert found["worst_attack_error_rate", point, None].value == worst
        assert found["bona_fide_error_rate", point, None].value == 0.2
    for name in ("threshold", "attack_error_rate", "bona_fide_error_rate"):
        missing = found[name, "attack_error=0.1", "mask"]
        assert (missing.value, missing.support, missing.low, missing.interval) == (None, "insufficient", None, None)
    for name in ("threshold", "worst_attack_error_rate", "bona_fide_error_rate"):
        assert found[name, "attack_error=0.1", None].support == "insufficient"


def test_attack_error_at_a_bona_fide_error_worked_by_hand() -> None:
    found = by_hand()
    # 10 bona fide samples: above the 4th, 3rd and 2nd largest: 0.45, 0.45... and never interpolated.
    points = {
        "bona_fide_error=0.3": (above(0.4), 0.3, 0.2, 0.2),
        "bona_fide_error=0.2": (above(0.45), 0.2, 0.2, 0.2),
        "bona_fide_error=0.1": (above(0.6), 0.1, 0.4, 0.2),
    }
    for point, (threshold, bona_fide, morphs, masks) in points.items():
        assert found["threshold", point, None].value == threshold
        assert found["bona_fide_error_rate", point, None].value == bona_fide
        assert found["attack_error_rate", point, "morph"].value == morphs
        assert found["attack_error_rate", point, "mask"].value == masks
        assert found["worst_attack_error_rate", point, None].value == max(morphs, masks)
        assert ("threshold", point, "morph") not in found


def test_figures_over_all_thresholds_worked_by_hand() -> None:
    found = by_hand()
    # Up to 0.5: 2 of 10 morphs below, 2 of 10 bona fide samples above.
    assert found["detection_equal_error_rate", None, "morph"].value == 0.2
    # At 0.45 3 of 10 and 1 of 5, at 0.6 2 of 10 and 1 of 5: they meet at 0.6.
    assert found["detection_equal_error_rate", None, "mask"].value == 0.2
    assert found["detection_equal_error_rate", None, None].value == 0.2
    # Morphs win against: 4, 5.5, 8, 8, 9 and five times all 10; masks against 6.5 and four times all 10.
    assert found["detection_area_under_curve", None, "morph"].value == 84.5 / 100
    assert found["detection_area_under_curve", None, "mask"].value == 46.5 / 50
    assert found["detection_area_under_curve", None, None].value == 131 / 150
    assert found["bona_fide_samples", None, None].value == 10
    assert found["attack_samples", None, "mask"].value == 5


def test_ties_are_attacks_and_what_has_no_response_is_counted_apart() -> None:
    samples = samples_of([0.5, 0.5, 0.2, math.nan], {"morph": [0.5, 0.4, math.nan, math.nan]})
    found = by_key(assess_at(samples, [DetectionPoint("dev:eer", 0.5, "ok", 99)]))
    assert found["bona_fide_error_rate", "dev:eer", None].value == 2 / 3
    assert found["attack_error_rate", "dev:eer", "morph"].value == 1 / 2
    whole = by_key(assess_detection(samples, (0.5,)))
    assert whole["bona_fide_non_response_rate", None, None].value == 1 / 4
    assert whole["attack_non_response_rate", None, "morph"].value == 1 / 2
    assert whole["attack_samples", None, "morph"].value == 4
    assert found["bona_fide_error_rate", "dev:eer", None].n == 3


def test_a_threshold_of_another_precision_is_compared_exactly() -> None:
    score = np.float32(0.1)
    just_above = math.nextafter(float(score), 1)
    samples = samples_of([float(score)], {"morph": [float(score)]})
    kept = np.ones((1, 2), np.bool_)
    points = [DetectionPoint("at", float(score), "ok", 1), DetectionPoint("above", just_above, "ok", 1),
              DetectionPoint("far", 1e300, "ok", 1)]  # fmt: skip
    found = assess_at(samples, points, kept)
    for point, missed in (("at", 0), ("above", 1), ("far", 1)):
        assert by_key(found)["attack_error_rate", point, "morph"].value == missed
        assert found.draws["attack_error_rate", point, None, "morph"].tolist() == [missed]
        assert found.draws["bona_fide_error_rate", point, None, None].tolist() == [1 - missed]


def test_where_every_error_is_allowed_the_threshold_is_an_end_of_float32() -> None:
    samples = samples_of([0.5, 0.1], {"morph": [0.5, 0.4]})
    found = by_key(assess_detection(samples, (1.0,)))
    limits = np.finfo(np.float32)
    assert found["threshold", "attack_error=1", None].value == float(limits.max)
    assert found["worst_attack_error_rate", "attack_error=1", None].value == 1
    assert found["threshold", "bona_fide_error=1", None].value == float(limits.min)
    assert found["bona_fide_error_rate", "bona_fide_error=1", None].value == 1


def test_support_counts_errors() -> None:
    rng = np.random.default_rng(1)
    samples = samples_of(rng.normal(0, 1, 700).tolist(), {"morph": rng.normal(2, 1, 400).tolist()})
    found = by_key(assess_detection(samples, (0.1, 0.05, 0.01, 0.001)))
    supports = {"attack_error=0.1": "ok", "attack_error=0.05": "weak", "attack_error=0.001": "insufficient"}
    supports |= {"bona_fide_error=0.05": "ok", "bona_fide_error=0.01": "weak", "bona_fide_error=0.001": "insufficient"}
    for point, support in supports.items():
        assert found["threshold", point, None].support == support
        assert found["bona_fide_error_rate", point, None].support == support
    assert found["attack_error_rate", "bona_fide_error=0.05", "morph"].support == "ok"
    assert found["detection_area_under_curve", None, None].support == "ok"
    assert found["bona_fide_non_response_rate", None, None].support == "weak"  # none of them failed


# ------------------------------------------------------------------------------------------ the definition, in loops


def slow_errors(scores: Listed, threshold: float, attack: bool) -> int:
    return sum(times for score, times in scores if (score < threshold if attack else score >= threshold))


def size(scores: Listed) -> int:
    return sum(times for _, times in scores)


def slow_threshold(scores: Listed, rate: float, attack: bool) -> float:
    """The largest or smallest float32 with so many errors at most, among all at which their number changes."""
    budget, limits = allowed_false_matches(rate, size(scores)), np.finfo(np.float32)
    steps = [score for score, _ in scores] if attack else [above(score) for score, _ in scores]
    allowed = [t for t in (*steps, float(limits.max), float(limits.min)) if slow_errors(scores, t, attack) <= budget]
    return max(allowed) if attack else min(allowed)


def slow_equal_error(attacks: Listed, bona_fide: Listed) -> float:
    levels = [*sorted({score for score, _ in (*attacks, *bona_fide)}), math.inf]
    points = [
        (
            Fraction(slow_errors(bona_fide, level, False), size(bona_fide)),
            Fraction(slow_errors(attacks, level, True), size(attacks)),
        )
        for level in levels
    ]
    after = next(place for place, (alarms, missed) in enumerate(points) if alarms <= missed)
    (x, y), (next_x, next_y) = points[after - 1], points[after]
    share = (x - y) / (x - y + next_y - next_x)
    return float(x + share * (next_x - x))


def slow_area(attacks: Listed, bona_fide: Listed) -> float:
    twice = sum(
        first * second * ((high > low) * 2 + (high == low)) for high, first in attacks for low, second in bona_fide
    )
    return float(Fraction(twice, 2 * size(attacks) * size(bona_fide)))


def slow_figures(samples: DetectionSamples, kept: NDArray[np.bool_] | None) -> dict[Key, float]:
    """Every share and threshold of the samples that a draw keeps; of all of them where `kept` is None."""
    people = [{code for code in row if code >= 0} for row in samples.people.tolist()]
    chosen: dict[int, list[tuple[float, int]]] = {}
    scale = {}
    for code in range(-1, len(samples.names)):
        own = [place for place in range(len(people)) if samples.species[place] == code]
        fewest = scale[code] = min((len(people[place]) for place in own), default=0)
        chosen[code] = [
            (float(samples.scores[place]), 1 if kept is None else 2 ** (len(people[place]) - fewest))
            for place in own
            if kept is None or all(kept[person] for person in people[place])
        ]
    answered = {code: [pair for pair in kind if not math.isnan(pair[0])] for code, kind in chosen.items()}
    found: dict[Key, float] = {}

    def put(name: str, point: str | None, species: str | None, part: int, whole: int) -> None:
        found[name, point, species] = part / whole if whole else math.nan

    for code, kind in chosen.items():
        name = "bona_fide_non_response_rate" if code < 0 else "attack_non_response_rate"
        put(name, None, None if code < 0 else samples.names[code], size(kind) - size(answered[code]), size(kind))
    bona_fide, attacks = answered[-1], [answered[code] for code in range(len(samples.names))]
    for name, kind in zip(samples.names, attacks, strict=True):
        both = bool(kind and bona_fide)
        found["detection_equal_error_rate", None, name] = slow_equal_error(kind, bona_fide) if both else math.nan
        found["detection_area_under_curve", None, name] = slow_area(kind, bona_fide) if both else math.nan
    rates = [found["detection_equal_error_rate", None, name] for name in samples.names]
    found["detection_equal_error_rate", None, None] = math.nan if any(map(math.isnan, rates)) else max(rates)
    used = [scale[code] for code in range(len(samples.names)) if (samples.species == code).any()]
    every = [
        (score, times * (2 ** (scale[code] - min(used)) if kept is not None else 1))
        for code, kind in enumerate(attacks)
        for score, times in kind
    ]
    found["detection_area_under_curve", None, None] = slow_area(every, bona_fide) if every and bona_fide else math.nan

    def allows(kind: Listed, rate: float) -> bool:
        return bool(kind) and (kept is not None or allowed_false_matches(rate, size(kind)) > 0)

    for rate in RATES:
        point = f"attack_error={rate}"
        own = [slow_threshold(kind, rate, True) if allows(kind, rate) else math.nan for kind in attacks]
        lowest = math.nan if any(map(math.isnan, own)) else min(own)
        at_threshold(found, samples, bona_fide, attacks, point, lowest)
        for name, threshold, kind in zip(samples.names, own, attacks, strict=True):
            found["threshold", point, name] = threshold
            found["attack_error_rate", point, name] = slow_rate(kind, threshold, True)
            found["bona_fide_error_rate", point, name] = slow_rate(bona_fide, threshold, False)
        threshold = slow_threshold(bona_fide, rate, False) if allows(bona_fide, rate) else math.nan
        at_threshold(found, samples, bona_fide, attacks, f"bona_fide_error={rate}", threshold)
    return found


def slow_rate(kind: Listed, threshold: float, attack: bool) -> float:
    return math.nan if math.isnan(threshold) or not kind else slow_errors(kind, threshold, attack) / size(kind)


def at_threshold(
    found: dict[Key, float],
    samples: DetectionSamples,
    bona_fide: Listed,
    attacks: list[Listed],
    point: str,
    threshold: float,
) -> None:
    rates = [slow_rate(kind, threshold, True) for kind in attacks]
    found["threshold", point, None] = threshold
    for name, rate in zip(samples.names, rates, strict=True):
        found["attack_error_rate", point, name] = rate
    found["worst_attack_error_rate", point, None] = math.nan if any(map(math.isnan, rates)) else max(rates)
    found["bona_fide_error_rate", point, None] = slow_rate(bona_fide, threshold, False)


PEOPLE = 6


@st.composite
def drawn_samples(draw: st.DrawFn, missing: bool = True) -> DetectionSamples:
    """Up to 40 samples of few levels, so that most tie, of one to three of six people each."""
    score = st.one_of(st.integers(-4, 4).map(lambda level: level / 4), st.floats(-1, 1, width=32))
    if missing:
        score = st.one_of(score, score, score, st.just(math.nan))
    one = st.tuples(score, st.integers(-1, 1), st.lists(st.integers(0, PEOPLE - 1), min_size=1, max_size=3))
    rows = draw(st.lists(one, max_size=40))
    return DetectionSamples(
        np.array([row[0] for row in rows], np.float32),
        np.array([row[1] for row in rows], np.int16),
        ("morph", "mask"),
        np.array([row[2] + [-1] * (3 - len(row[2])) for row in rows], np.int32).reshape(-1, 3),
        PEOPLE,
    )


@settings(max_examples=150, deadline=None)
@given(drawn_samples())
def test_figures_equal_their_definition(samples: DetectionSamples) -> None:
    slow = slow_figures(samples, None)
    fast = by_key(assess_detection(samples, RATES))
    assert {key for key in fast if "samples" not in key[0]} == set(slow)
    for key, expected in slow.items():
        value = fast[key].value
        assert (math.nan if value is None else value) == pytest.approx(expected, rel=0, abs=0, nan_ok=True), key
        assert (value is None) == (fast[key].support == "insufficient")


@settings(max_examples=150, deadline=None)
@given(drawn_samples(), st.integers(0, 2**32))
def test_draws_equal_the_definition_on_the_kept_samples(samples: DetectionSamples, seed: int) -> None:
    kept = double_or_nothing(PEOPLE, 8, np.random.default_rng(seed)) | (np.arange(8) == 0)[:, None]
    found = assess_detection(samples, RATES, kept)
    present = {key for key, value in by_key(found).items() if value.value is not None and "samples" not in key[0]}
    assert {(name, point, species) for name, point, _, species in found.draws} == present
    slow = [slow_figures(samples, each) for each in kept]
    for (name, point, group, species), drawn in found.draws.items():
        expected = [each[name, point, species] for each in slow]
        assert group is None
        assert drawn.dtype == np.float64
        np.testing.assert_array_equal(drawn, expected, err_msg=f"{name} {point} {species}")


@settings(max_examples=60, deadline=None)
@given(drawn_samples(), st.integers(0, 2**32), st.floats(-1.2, 1.2))
def test_a_threshold_from_afar_does_what_the_definition_says(
    samples: DetectionSamples, seed: int, threshold: float
) -> None:
    kept = double_or_nothing(PEOPLE, 8, np.random.default_rng(seed))
    points = [DetectionPoint("dev:eer", threshold, "ok", 10), DetectionPoint("dev:none", None, "insufficient", 3)]
    found = assess_at(samples, points, kept)
    values = by_key(found)
    assert all(value.value is None for key, value in values.items() if key[1] == "dev:none")
    assert all(key[1] == "dev:eer" for key in found.draws)
    for draw in (None, *range(len(kept))):
        slow: dict[Key, float] = {}
        whole = slow_kinds(samples, None if draw is None else kept[draw])
        at_threshold(slow, samples, whole[0], whole[1:], "dev:eer", threshold)
        for key, expected in slow.items():
            if draw is None:
                assert (values[key].value is None) == math.isnan(expected)
                assert values[key].value in (None, expected)
            elif (drawn := found.draws.get((key[0], key[1], None, key[2]))) is not None:
                np.testing.assert_array_equal(drawn[draw], expected)


def slow_kinds(samples: DetectionSamples, kept: NDArray[np.bool_] | None) -> list[Listed]:
    """Bona fide samples and each species, those with a response."""
    kinds: list[Listed] = []
    for code in range(-1, len(samples.names)):
        own = np.flatnonzero(samples.species == code)
        people = [set(samples.people[place].tolist()) - {-1} for place in own]
        fewest = min(map(len, people), default=0)
        kinds.append(
            [
                (float(samples.scores[place]), 1 if kept is None else 2 ** (len(who) - fewest))
                for place, who in zip(own, people, strict=True)
                if not math.isnan(samples.scores[place]) and (kept is None or all(kept[person] for person in who))
            ]
        )
    return kinds


# ------------------------------------------------------------------------------------------------------- properties


def drawn_set(seed: int, count: int = 400, people: int = 40, levels: int | None = None) -> DetectionSamples:
    """Bona fide photos of one person, morphs of two, collages of three, some without a response."""
    rng = np.random.default_rng(seed)
    species = rng.integers(-1, 2, count).astype(np.int16)
    chosen = np.array([rng.permutation(people)[:3] for _ in range(count)], np.int32)
    chosen[np.arange(3) > (species + 1)[:, None]] = -1
    ease = np.append(rng.normal(0, 0.5, people), 0)
    scores = rng.normal(0, 1, count) + ease[chosen].sum(axis=1) + 1.5 * (species >= 0)
    if levels:
        scores = np.round(scores * levels) / levels
    scores[rng.random(count) < 0.03] = np.nan
    return DetectionSamples(scores.astype(np.float32), species, ("morph", "collage"), chosen, people)


@pytest.mark.parametrize("levels", [None, 4])
def test_the_order_of_samples_changes_nothing(levels: int | None) -> None:
    samples = drawn_set(3, levels=levels)
    kept = double_or_nothing(samples.count, 60, np.random.default_rng(1))
    points = points_of(samples, RATES, kept)
    own, carried = assess_detection(samples, RATES, kept), assess_at(samples, points, kept)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        order = rng.permutation(samples.scores.size)
        people = rng.permuted(samples.people[order], axis=1)
        other = DetectionSamples(samples.scores[order], samples.species[order], samples.names, people, samples.count)
        assert points_of(other, RATES, kept) == points
        for first, second in (
            (own, assess_detection(other, RATES, kept)),
            (carried, assess_at(other, points, kept)),
        ):
            assert first.values == second.values
            assert first.draws.keys() == second.draws.keys()
            for key, drawn in first.draws.items():
                assert drawn.tobytes() == second.draws[key].tobytes()


def test_a_draw_does_not_depend_on_those_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = drawn_set(4)
    kept = double_or_nothing(samples.count, 50, np.random.default_rng(1))
    whole = assess_detection(samples, RATES, kept).draws
    monkeypatch.setattr("bench.metrics.detection_bootstrap._CELLS_AT_ONCE", 7 * samples.scores.size)
    blocks = assess_detection(samples, RATES, kept).draws
    assert whole.keys() == blocks.keys()
    assert all(whole[key].tobytes() == blocks[key].tobytes() for key in whole)


@settings(max_examples=60, deadline=None)
@given(drawn_samples(missing=False))
def test_an_error_that_may_be_larger_makes_the_other_smaller(samples: DetectionSamples) -> None:
    rates = (1.0, 0.75, 0.5, 0.25, 0.1)
    found = by_key(assess_detection(samples, rates))
    for error, other, down in (
        ("attack", "bona_fide_error_rate", True),
        ("bona_fide", "worst_attack_error_rate", False),
    ):
        each = [(found["threshold", f"{error}_error={rate:g}", None].value,
                 found[other, f"{error}_error={rate:g}", None].value) for rate in rates]  # fmt: skip
        defined = [(threshold, rate) for threshold, rate in each if threshold is not None and rate is not None]
        for (threshold, rate), (next_threshold, next_rate) in pairwise(defined):
            assert rate <= next_rate
            assert threshold >= next_threshold if down else threshold <= next_threshold


@settings(max_examples=60, deadline=None)
@given(drawn_samples(missing=False))
def test_curves_are_monotone_and_hold_the_operating_points(samples: DetectionSamples) -> None:
    kinds = [samples.bona_fide, *samples.attacks]
    for species in (None, *samples.names):
        needed = kinds if species is None else [kinds[0], kinds[1 + samples.names.index(species)]]
        if not all(kind.responses for kind in needed):
            with pytest.raises(InsufficientData):
                detection_error_curve(samples, species)
            continue
        curve = detection_error_curve(samples, species)
        assert (np.diff(curve.thresholds) > 0).all()
        assert (np.diff(curve.attack_error) >= 0).all()
        assert (np.diff(curve.bona_fide_error) <= 0).all()
        ends = curve.attack_error[0], curve.attack_error[-1], curve.bona_fide_error[0], curve.bona_fide_error[-1]
        assert ends == (0, 1, 1, 0)
        found = by_key(assess_detection(samples, RATES))
        for rate in RATES:
            value = found["bona_fide_error_rate", f"attack_error={rate:g}", species].value
            if value is not None:
                assert value == curve.bona_fide_error[curve.attack_error <= rate].min()


@pytest.mark.parametrize("levels", [None, 5])
def test_curve_and_area_are_scikit_learn_s(levels: int | None) -> None:
    samples = drawn_set(5, levels=levels)
    found = by_key(assess_detection(samples, RATES))
    answered = ~np.isnan(samples.scores)
    for place, name in enumerate((*samples.names, None)):
        chosen = answered & ((samples.species < 0) | (name is None) | (samples.species == place))
        labels, scores = samples.species[chosen] >= 0, samples.scores[chosen]
        area = found["detection_area_under_curve", None, name]
        assert area.value == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)
        assert area.n == scores.size
        if name is None:
            continue
        false, true, thresholds = metrics.roc_curve(labels, scores, drop_intermediate=False)
        curve = detection_error_curve(samples, name)
        assert curve.thresholds[::-1].tolist() == thresholds.tolist()
        np.testing.assert_allclose(curve.bona_fide_error[::-1], false, atol=1e-12)
        np.testing.assert_allclose(1 - curve.attack_error[::-1], true, atol=1e-12)


def test_the_worst_species_is_the_largest_at_every_threshold() -> None:
    samples = drawn_set(6)
    worst = detection_error_curve(samples)
    for name in samples.names:
        own = detection_error_curve(samples, name)
        at = np.searchsorted(own.thresholds, worst.thresholds)
        assert (own.attack_error[at] <= worst.attack_error).all()
    found = by_key(assess_detection(samples, RATES))
    rates = [found["detection_equal_error_rate", None, name].value for name in samples.names]
    assert found["detection_equal_error_rate", None, None].value == max(rate for rate in rates if rate is not None)
    for point in OWN[:3]:
        each = [found["bona_fide_error_rate", point, name].value for name in samples.names]
        assert found["bona_fide_error_rate", point, None].value == max(rate for rate in each if rate is not None)


# ------------------------------------------------------------------------------------------------------- to carry over


def test_points_are_those_of_the_own_figures_and_the_equal_error() -> None:
    samples = drawn_set(7)
    kept = double_or_nothing(samples.count, 80, np.random.default_rng(1))
    found = by_key(assess_detection(samples, RATES, kept))
    points = points_of(samples, RATES, kept)
    assert [point.name for point in points] == [*OWN, "eer"]
    for point in points[:-1]:
        own = found["threshold", point.name, None]
        assert (point.threshold, point.support, point.n) == (own.value, own.support, own.n)
        assert (point.low, point.high) == (own.low, own.high)
    rate = found["detection_equal_error_rate", None, None].value
    carried = by_key(assess_at(samples, points))
    # At that very score each error is within one sample of the rate where both are equal.
    assert carried["bona_fide_error_rate", "eer", None].value == pytest.approx(rate, abs=0.02)
    assert carried["worst_attack_error_rate", "eer", None].value == pytest.approx(rate, abs=0.02)
    for point in OWN:
        for name in ("worst_attack_error_rate", "bona_fide_error_rate"):
            assert carried[name, point, None].value == found[name, point, None].value


def test_the_equal_error_threshold_worked_by_hand() -> None:
    points = points_of(samples_of(BONA_FIDE, {"morph": MORPHS}), (0.1,))
    # At 0.5 both errors are 2 in 10, and at no other score are they equal.
    assert points[-1] == DetectionPoint("eer", 0.5, "weak", 20)
    assert [point.n for point in points] == [10, 10, 20]


def test_a_figure_is_no_better_supported_than_its_threshold() -> None:
    samples = drawn_set(8, 2000)
    at = [DetectionPoint(f"dev:{support}", 0.5, support, 10) for support in ("ok", "weak")]  # type: ignore[arg-type]
    found = by_key(assess_at(samples, at))
    assert {value.support for key, value in found.items() if key[1] == "dev:ok"} == {"ok"}
    assert {value.support for key, value in found.items() if key[1] == "dev:weak"} == {"weak"}


# ------------------------------------------------------------------------------------------------ what cannot be said


@pytest.mark.parametrize(
    ("bona_fide", "attacks"),
    [
        ([], {}),
        ([0.5], {}),
        ([], {"morph": [0.5]}),
        ([0.5], {"morph": []}),
        ([0.5], {"morph": [math.nan]}),
        ([math.nan], {"morph": [0.5, 0.7]}),
        ([0.5], {"morph": [0.6], "mask": []}),
    ],
)
def test_what_is_missing_is_insufficient_and_never_an_exception(
    bona_fide: list[float], attacks: dict[str, list[float]]
) -> None:
    samples = samples_of(bona_fide, attacks)
    kept = double_or_nothing(samples.count, 20, np.random.default_rng(1))
    points = points_of(samples, (0.5, 0.1), kept)
    assert all((point.threshold is None) == (point.support == "insufficient") for point in points)
    for assessed in (assess_detection(samples, (0.5, 0.1), kept), assess_at(samples, points, kept)):
        for value in assessed.values:
            assert (value.value is None) == (value.support == "insufficient")
            if value.value is None:
                assert value.low is value.high is value.interval is None
    found = by_key(assess_detection(samples, (0.5,)))
    assert found["detection_equal_error_rate", None, None].value is None or ("mask" not in attacks and attacks)
    assert found["bona_fide_samples", None, None].value == len(bona_fide)


def test_a_species_without_a_score_leaves_no_worst_one() -> None:
    samples = samples_of([0.1, 0.2], {"morph": [0.6, 0.7], "mask": [math.nan]})
    found = by_key(assess_at(samples, [DetectionPoint("dev:eer", 0.5, "ok", 10)]))
    assert found["attack_error_rate", "dev:eer", "morph"].value == 0
    assert found["worst_attack_error_rate", "dev:eer", None].support == "insufficient"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"scores": np.array([0.5, np.inf], np.float32)}, "got attack score inf"),
        ({"scores": np.array([0.5, 0.1])}, "float64"),
        ({"species": np.array([0, 1], np.int16)}, "got species from 0 to 1"),
        ({"species": np.array([0, 0])}, "got species int64"),
        ({"people": np.array([[0], [2]], np.int32)}, "got people from 0 to 2"),
        ({"people": np.array([[0], [-1]], np.int32)}, "no person at place 1"),
        ({"people": np.array([0, 1], np.int32)}, "got people int32"),
        ({"names": ("morph", "morph")}, "each name once"),
    ],
)
def test_wrong_samples_are_refused(change: dict[str, object], match: str) -> None:
    right: dict[str, object] = {
        "scores": np.array([0.5, 0.1], np.float32),
        "species": np.array([0, -1], np.int16),
        "names": ("morph",),
        "people": np.array([[0], [1]], np.int32),
        "count": 2,
    }
    DetectionSamples(**right)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=match):
        DetectionSamples(**(right | change))  # type: ignore[arg-type]


def test_wrong_questions_are_refused() -> None:
    samples = samples_of([0.1], {"morph": [0.6]})
    for rate in (0.0, 1.1, math.nan):
        with pytest.raises(ConfigError, match="expected more than 0 and at most 1"):
            assess_detection(samples, (rate,))
    with pytest.raises(ConfigError, match="expected one of morph"):
        detection_error_curve(samples, "mask")
    for kept in (np.ones((3, 1), np.bool_), np.ones((3, 2), np.uint8)):
        with pytest.raises(ShapeError, match=r"expected bool \(B, 2\)"):
            assess_detection(samples, (0.1,), kept)  # type: ignore[arg-type]


def test_every_figure_is_in_the_table_in_both_vocabularies() -> None:
    found = assess_detection(drawn_set(1), RATES)
    for value in found.values:
        assert FIGURES[value.figure].direction in ("none", "up", "down")
    words = {"attack_error_rate": ("MACER", "APCER"), "worst_attack_error_rate": ("MACER", "APCER"),
             "bona_fide_error_rate": ("BSCER", "BPCER")}  # fmt: skip
    for name, either in words.items():
        assert all(word in FIGURES[name].meaning for word in either)
        assert FIGURES[name].direction == "down"
    order = [name for name in FIGURES if name in {value.figure for value in found.values}]
    whole = [value.figure for value in found.values if value.operating_point is None]
    assert list(dict.fromkeys(whole)) == [name for name in order if name in whole]


# -------------------------------------------------------------------------------------------------------- intervals


def test_every_share_has_an_interval_around_it() -> None:
    samples = drawn_set(2, 1500)
    kept = double_or_nothing(samples.count, 200, np.random.default_rng(1))
    for assessed in (assess_detection(samples, RATES, kept), assess_at(samples, points_of(samples, RATES, kept), kept)):
        for value in assessed.values:
            if value.operating_point == "eer" and value.figure == "threshold":
                assert value.low is None
            elif FIGURES[value.figure].unit != "count":
                assert value.low is not None, value
                assert value.low <= value.value <= value.high, value
                assert value.interval in ("wilson", "exact", "bootstrap")


def test_a_rate_at_a_given_threshold_has_the_interval_of_its_people() -> None:
    samples = drawn_set(2, 900)
    found = by_key(assess_at(samples, [DetectionPoint("dev:eer", 0.5, "ok", 10)]))
    answered = ~np.isnan(samples.scores)
    below = samples.scores < np.float32(0.5)
    of = [answered & (samples.species == code) for code in (-1, 0, 1)]
    first, second, _ = (samples.people[:, place].copy() for place in range(3))
    bona_fide = rate_interval(~below[of[0]], Clusters(first[of[0]], first[of[0]], samples.count))
    morphs = rate_interval(below[of[1]], Clusters(first[of[1]], second[of[1]], samples.count))
    collages = share_interval(below[of[2]].astype(np.float64), Contributors(samples.people[of[2]], samples.count))
    expected = {("bona_fide_error_rate", None): bona_fide, ("attack_error_rate", "morph"): morphs,
                ("attack_error_rate", "collage"): collages}  # fmt: skip
    for (name, species), interval in expected.items():
        value = found[name, "dev:eer", species]
        assert (value.low, value.high, value.interval) == pytest.approx(tuple(interval))


def test_samples_of_two_and_of_three_people_are_counted_alike() -> None:
    rng = np.random.default_rng(2)
    pairs = np.array([rng.permutation(15)[:2] for _ in range(120)], np.int32)
    people = -np.sort(-np.where(rng.random((120, 2)) < [0, 0.2], -1, pairs), axis=1)
    errors = rng.random(120) < 0.3 + 0.4 * (pairs[:, 0] < 4)
    two = judged(Kind(np.zeros(120, np.float32), people, 15), errors)
    three = judged(Kind(np.zeros(120, np.float32), np.pad(people, ((0, 0), (0, 1)), constant_values=-1), 15), errors)
    assert isinstance(two.contributors, Clusters)
    assert isinstance(three.contributors, Contributors)
    assert two.interval() == pytest.approx(three.interval())
    assert two.spread() == pytest.approx(three.spread())
    assert two.independent() == three.independent()


def test_intervals_of_draws_are_those_of_the_house() -> None:
    samples = drawn_set(2, 1500)
    kept = double_or_nothing(samples.count, 200, np.random.default_rng(1))
    assessed = assess_detection(samples, (0.25, 0.02), kept)
    found = by_key(assessed)

    def draws(name: str, point: str | None, species: str | None) -> NDArray[np.float64]:
        return assessed.draws[name, point, None, species]

    for name, point, species in (
        ("detection_equal_error_rate", None, "morph"),
        ("detection_area_under_curve", None, None),
        ("attack_error_rate", "bona_fide_error=0.25", "collage"),
        ("bona_fide_error_rate", "attack_error=0.25", "morph"),
    ):
        value = found[name, point, species]
        assert value.value is not None
        interval = drawn_rate_interval(value.value, draws(name, point, species), value.n)
        assert (value.low, value.high, value.interval) == interval
    weak = found["bona_fide_error_rate", "attack_error=0.02", "morph"]
    low, high, _ = percentile_interval(draws("bona_fide_error_rate", "attack_error=0.02", "morph")) or (None,) * 3
    assert (weak.support, weak.low, weak.high) == ("weak", low, high)
    threshold = found["threshold", "bona_fide_error=0.25", None]
    low, high, _ = percentile_interval(draws("threshold", "bona_fide_error=0.25", None)) or (None,) * 3
    assert (threshold.low, threshold.high) == (low, high)


def test_without_an_error_the_bound_counts_people() -> None:
    rng = np.random.default_rng(1)
    bona_fide, attacks = rng.uniform(0, 0.4, 60).tolist(), rng.uniform(0.6, 1, 40).tolist()
    people = [[place // 3] for place in range(60)] + [[place % 20, (place + 1) % 20] for place in range(40)]
    samples = samples_of(bona_fide, {"morph": attacks}, people, 20)
    kept = double_or_nothing(20, 100, np.random.default_rng(1))
    found = by_key(assess_detection(samples, (0.1,), kept))
    pairs = zero_error_bound(10)  # a cycle of twenty people holds ten pairs that share nobody
    rate, area = found["detection_equal_error_rate", None, None], found["detection_area_under_curve", None, None]
    assert (rate.value, rate.low, rate.high, rate.interval) == (0, 0, pairs, "exact")
    assert (area.value, area.low, area.high, area.interval) == (1, 1 - pairs, 1, "exact")
    alarms = found["bona_fide_error_rate", "attack_error=0.1", None]
    assert (alarms.value, alarms.low, alarms.high, alarms.interval) == (0, 0, zero_error_bound(20), "exact")


def test_at_one_in_forty_the_lower_end_is_wilson_s() -> None:
    for errors, n, people in ((2, 50, 10), (1, 50, 10), (25, 60, 12), (0, 20, 5), (59, 60, 12)):
        codes = (np.arange(n) % people).astype(np.int32)
        wrong = np.arange(n) < errors
        clusters = Clusters(codes, codes, people)
        low = lower_end(errors / n, errors, n, rate_spread(wrong, clusters), 0.025)
        assert low == pytest.approx(rate_interval(wrong, clusters).low, rel=1e-12, abs=1e-12)


def test_the_interval_of_the_worst_is_put_together_from_those_of_the_species() -> None:
    rng = np.random.default_rng(3)
    kinds = [Kind(np.zeros(n, np.float32), rng.integers(0, 60, (n, 1)).astype(np.int32), 60) for n in (400, 60, 300)]
    each = [judged(kind, rng.random(kind.samples) < rate) for kind, rate in zip(kinds, (0.3, 0.28, 0.1), strict=True)]
    alone, among = [share_at(one) for one in each], [share_at(one, 3) for one in each]
    worst = worst_share(among)
    assert worst.value == max(share.value or 0 for share in alone)
    assert worst.interval is not None
    assert worst.interval.high == max(share.interval.high for share in alone if share.interval)
    assert worst.interval.low < max(share.interval.low for share in alone if share.interval)
    assert worst.interval.low == max(share.low_among or 0 for share in among)
    assert worst_share(alone[:1]) == alone[0]
    assert worst_share([alone[0], Share(None, 5)]).value is None


# --------------------------------------------------------------------------------------------------------- coverage


class World:
    """People, bona fide photos of each and morphs of two; scores of variance 1 with effects of people.

    A species' attacks lie so that their true error at threshold 0 is as given.
    """

    def __init__(self, people: int, photos: int, morphs: int, errors: tuple[float, ...]) -> None:
        self.people, self.photos, self.morphs, self.errors = people, photos, morphs, errors
        self.gaps = [-float(ndtri(error)) for error in errors]
        self.bona_fide = -float(ndtri(0.9))  # a tenth of the bona fide scores are at 0 or above

    def samples(self, rng: np.random.Generator) -> DetectionSamples:
        sensitive, alike = rng.normal(0, math.sqrt(0.4), self.people), rng.normal(0, math.sqrt(0.2), self.people)
        owner = np.repeat(np.arange(self.people), self.photos)
        scores = [self.bona_fide + sensitive[owner] + rng.normal(0, math.sqrt(0.6), owner.size)]
        people, species = [np.stack([owner, np.full(owner.size, -1)], axis=1)], [np.full(owner.size, -1)]
        for place, gap in enumerate(self.gaps):
            first = rng.integers(0, self.people, self.morphs)
            second = (first + rng.integers(1, self.people, self.morphs)) % self.people
            own = rng.normal(0, math.sqrt(0.6), self.morphs)
            scores.append(gap + alike[first] + alike[second] + own)
            people.append(np.stack([first, second], axis=1))
            species.append(np.full(self.morphs, place))
        return DetectionSamples(
            np.concatenate(scores).astype(np.float32),
            np.concatenate(species).astype(np.int16),
            tuple(f"species {place}" for place in range(len(self.gaps))),
            np.concatenate(people).astype(np.int32),
            self.people,
        )

    def truths(self) -> dict[Key, float]:
        """Of attacks and bona fide samples without number."""
        missed = dict(zip((f"species {place}" for place in range(len(self.gaps))), self.errors, strict=True))
        found: dict[Key, float] = {("bona_fide_error_rate", "given", None): 0.1}
        found |= {("attack_error_rate", "given", name): error for name, error in missed.items()}
        found["worst_attack_error_rate", "given", None] = max(self.errors)
        # Where a tenth of the bona fide samples are errors is at 0, so that these hold there too.
        found |= {("attack_error_rate", "bona_fide_error=0.1", name): error for name, error in missed.items()}
        found["worst_attack_error_rate", "bona_fide_error=0.1", None] = max(self.errors)
        for name, gap in zip(missed, self.gaps, strict=True):
            found["bona_fide_error_rate", "attack_error=0.1", name] = float(ndtr(self.bona_fide - gap - ndtri(0.1)))
            found["detection_equal_error_rate", None, name] = float(ndtr((self.bona_fide - gap) / 2))
            found["detection_area_under_curve", None, name] = float(ndtr((gap - self.bona_fide) / math.sqrt(2)))
        for name, point in (("bona_fide_error_rate", "attack_error=0.1"), ("detection_equal_error_rate", None)):
            found[name, point, None] = max(found[name, point, species] for species in missed)
        return found


WORLDS = {
    "one hard species": (World(300, 4, 400, (0.3, 0.1, 0.1, 0.05)), 1000),
    "all alike": (World(300, 4, 400, (0.2, 0.2, 0.2, 0.2)), 1000),
    "few people": (World(100, 4, 400, (0.2, 0.2)), 1000),
}


def told(world: World, repetitions: int, seed: int) -> Iterator[tuple[DetectionSamples, dict[Key, FigureValue]]]:
    rng = np.random.default_rng(seed)
    for _ in range(repetitions):
        samples = world.samples(rng)
        kept = double_or_nothing(world.people, 200, rng)
        yield (
            samples,
            by_key(assess_detection(samples, (0.1,), kept))
            | by_key(assess_at(samples, [DetectionPoint("given", 0.0, "ok", 1000)])),
        )


@pytest.mark.full
@pytest.mark.parametrize("case", WORLDS)
def test_intervals_cover(case: str) -> None:
    """`pytest -s` prints how often each figure's interval held the truth; docs/detection_metrics.md has the table."""
    world, repetitions = WORLDS[case]
    truths = world.truths()
    held = {key: np.zeros((repetitions, 3)) for key in truths}
    binomial = []
    for repetition, (_, found) in enumerate(told(world, repetitions, 11)):
        for key, truth in truths.items():
            value = found[key]
            assert value.low is not None
            assert value.high is not None
            held[key][repetition] = value.low <= truth <= value.high, value.high < truth, truth < value.low
        plain = found["bona_fide_error_rate", "given", None]
        assert plain.value is not None
        low, high = wilson_interval(plain.value, plain.n, round(plain.value * plain.n), plain.n)
        binomial.append(low <= 0.1 <= high)
    print(f"\n{case}; {repetitions} repetitions\n  figure, point, species: covers, lies below, above")
    for (name, point, species), each in held.items():
        covers, below, above_truth = each.mean(axis=0)
        print(f"  {name:26} {point or '':20} {species or '':10} {covers:6.1%} {below:6.1%} {above_truth:6.1%}")
    print(f"  binomial interval of the bona fide error {np.mean(binomial):.1%}")
    few = world.people < 200
    for key, each in held.items():
        covers = each[:, 0].mean()
        assert covers >= (0.92 if few else 0.93), key
        if key[1] == "given" and key[0] != "worst_attack_error_rate":
            assert covers <= 0.975, key
    # Counting photos would not do.
    assert np.mean(binomial) < held["bona_fide_error_rate", "given", None][:, 0].mean() - 0.03
