"""People of known likeness: blends of two contributors, and twins as leaks of a known size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.aligners.dlib_hog import DlibHog, DlibHogSettings
from bench.datasets.drawn import Person, View, blend, landmarks, person_from_seed, render, twin
from bench.recognizers.dlib_resnet import DlibResnet, DlibResnetSettings
from bench.seeding import stream

FIRST, SECOND = person_from_seed(0, 3), person_from_seed(0, 8)


def numbers(value: Any) -> list[float]:
    """Every number of a person, in a fixed order."""
    if isinstance(value, dict):
        return [number for part in value.values() for number in numbers(part)]
    return [value] if isinstance(value, float) else []


@pytest.mark.parametrize("looks", [None, 0.0, 1.0])
def test_at_the_ends_a_blend_is_its_contributor(looks: float | None) -> None:
    for weight, whole in ((0.0, FIRST), (1.0, SECOND)):
        mixed = blend(FIRST, SECOND, weight, looks)
        if looks is None or looks == weight:
            assert mixed == whole
        assert (mixed.skull, mixed.nose, mixed.age) == (whole.skull, whole.nose, whole.age)
        assert mixed.skin == (whole if looks is None else (FIRST, SECOND)[int(looks)]).skin


@pytest.mark.parametrize("weight", [0.2, 0.5, 0.9])
def test_parameters_of_a_blend_lie_between(weight: float) -> None:
    mixed = blend(FIRST, SECOND, weight)
    low, high, middle = (np.array(numbers(asdict(person))) for person in (FIRST, SECOND, mixed))
    assert np.allclose(middle, low + weight * (high - low), atol=1e-5)
    nearer = FIRST if weight < 0.5 else SECOND
    assert (mixed.hair.style, mixed.hair.texture, mixed.skin.moles) == (
        nearer.hair.style, nearer.hair.texture, nearer.skin.moles,
    )  # fmt: skip
    assert np.allclose(numbers(asdict(blend(SECOND, FIRST, 1.0 - weight))), middle, atol=1e-5)


def test_landmarks_of_a_blend_lie_between() -> None:
    ends = [landmarks(person, View(), 192)["dlib68"] for person in (FIRST, SECOND)]
    halfway = landmarks(blend(FIRST, SECOND, 0.5), View(), 192)["dlib68"]
    assert np.abs(halfway - (ends[0] + ends[1]) / 2).max() < 2.0 < np.abs(ends[0] - ends[1]).max()


def test_a_twin_of_nothing_is_the_person_and_more_is_further() -> None:
    amounts = (0.0, 0.1, 0.4, 1.0)
    twins = [twin(FIRST, stream(1, "twin"), amount) for amount in amounts]
    assert twins[0] == FIRST
    own = np.array(numbers(asdict(FIRST)))
    away = [np.array(numbers(asdict(one))) - own for one in twins]
    for amount, way in zip(amounts, away, strict=True):
        assert np.allclose(way, amount * away[-1], atol=1e-5)
    assert np.abs(away[-1]).max() > 0.1
    assert {(one.hair.style, one.hair.texture, one.skin.texture) for one in twins} == {
        (FIRST.hair.style, FIRST.hair.texture, FIRST.skin.texture)
    }
    assert twin(FIRST, stream(2, "twin"), 0.4) != twins[2]


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_weights_say_what_was_expected(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"weight: got .* expected 0 to 1"):
        blend(FIRST, SECOND, wrong)
    with pytest.raises(ValueError, match=r"looks: got .* expected 0 to 1"):
        blend(FIRST, SECOND, 0.5, wrong)
    with pytest.raises(ValueError, match=r"amount: got .* expected 0 to 1"):
        twin(FIRST, stream(0), wrong)


# ------------------------------------------------------------------------------------------- judged by a deep network

PEOPLE = 16


def seen(people: Sequence[Person], image: int) -> NDArray[np.float32]:
    """Embeddings of people, each in a view of their own."""
    aligner, recognizer = DlibHog(DlibHogSettings()), DlibResnet(DlibResnetSettings())
    crops = []
    for number, person in enumerate(people):
        picture = render(person, View.sampled(stream(9, str(number), str(image)), 8.0), 192)
        crops.append(aligner.crop(picture, aligner.detect(picture)[0], recognizer.template))
    return recognizer.embed(np.stack(crops).astype(np.float32).transpose(0, 3, 1, 2) / 255)


def apart(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(first - second, axis=1).mean())


@pytest.mark.full
def test_a_recognizer_sees_both_contributors_by_their_weight() -> None:
    firsts, seconds = ([person_from_seed(7, number + k) for number in range(1, 2 * PEOPLE, 2)] for k in (0, 1))
    first, second = seen(firsts, 1), seen(seconds, 2)
    blends = [
        seen([blend(a, b, w) for a, b in zip(firsts, seconds, strict=True)], 3) for w in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    to_first, to_second = ([apart(made, other) for made in blends] for other in (first, second))
    assert to_first == sorted(to_first)
    assert to_second == sorted(to_second, reverse=True)
    strangers = apart(first, second)
    assert max(to_first[2], to_second[2]) < 0.85 * strangers
    assert abs(to_first[0] - to_second[-1]) < 0.1


@pytest.mark.full
def test_a_recognizer_takes_a_near_twin_for_the_person() -> None:
    people = [person_from_seed(7, number) for number in range(1, PEOPLE + 1)]
    own = seen(people, 1)
    away = {
        amount: apart(own, seen([twin(one, stream(1, str(n)), amount) for n, one in enumerate(people)], 2))
        for amount in (0.0, 0.1, 0.4, 1.0)
    }
    assert list(away.values()) == sorted(away.values())
    strangers = apart(own, np.roll(own, 1, axis=0))
    assert away[0.1] < away[0.0] + 0.08 < 0.6 * strangers
    assert away[1.0] > 0.75 * strangers


def test_a_blend_can_be_drawn() -> None:
    mixed = blend(FIRST, SECOND, 0.3)
    assert not np.array_equal(render(mixed, View(), 64), render(FIRST, View(), 64))
    assert np.array_equal(render(replace(mixed), View(), 64), render(mixed, View(), 64))
