"""People whose likeness to others is known: ground truth for whoever measures likeness.

`blend` is somebody who lies between two people: both contributed, by a known weight. `twin` is somebody who differs
from a person by a known amount: put into a population, a leak of known size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from bench.datasets.drawn.person import Person
from bench.datasets.drawn.population import person_from_seed

LOOKS = ("skin", "hair", "glasses", "jewels")
"""The parts of a person that are colour and texture; the others are form."""


def blend(first: Person, second: Person, weight: float, looks: float | None = None) -> Person:
    """The person whose parameters lie between those of two.

    Numbers and colours are interpolated, at weight 0 and 1 to the very parameters of one of the two. What has no middle
    (styles, beards, moles, the textures of hair and skin) comes whole from the nearer one, from the second at 0.5.

    Args:
        first: the contributor at weight 0.
        second: the contributor at weight 1.
        weight: 0 to 1, of the second in the form: skull, eyes, brows, nose, mouth, neck, age.
        looks: 0 to 1, of the second in colours and textures: skin, hair, glasses, jewels; left out, as `weight`.

    Raises:
        ValueError: a weight is out of range.
    """
    looks = weight if looks is None else looks
    for name, value in (("weight", weight), ("looks", looks)):
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name}: got {value}, expected 0 to 1")
    return replace(
        first,
        **{
            part.name: _between(
                getattr(first, part.name), getattr(second, part.name), looks if part.name in LOOKS else weight
            )
            for part in fields(Person)
        },
    )


def twin(person: Person, rng: np.random.Generator, amount: float) -> Person:
    """Somebody nearly the same as a person: moved a way towards a stranger, in every number and colour.

    Styles and textures stay the person's own, whatever the amount, so that the amount alone says how far away the twin
    is.

    Args:
        person: of whom.
        rng: draws the stranger.
        amount: 0 (the same) to 1 (the stranger, in the person's styles).

    Raises:
        ValueError: the amount is out of range.
    """
    if not 0.0 <= amount <= 1.0:
        raise ValueError(f"amount: got {amount}, expected 0 to 1")
    stranger = person_from_seed(int(rng.integers(2**31)), 1)
    kept: Mapping[str, Any] = {part.name: getattr(person, part.name) for part in fields(Person)}
    return replace(
        person, **{name: _between(own, getattr(stranger, name), amount, own_kinds=True) for name, own in kept.items()}
    )


def _between(first: Any, second: Any, weight: float, own_kinds: bool = False) -> Any:
    """Between two values of one parameter; `own_kinds` keeps what has no middle as the first has it."""
    if is_dataclass(first):
        return replace(
            first,  # type: ignore[type-var]
            **{
                part.name: _between(getattr(first, part.name), getattr(second, part.name), weight, own_kinds)
                for part in fields(first)
            },
        )
    if isinstance(first, float):
        return round(first + (second - first) * weight, 6) if 0.0 < weight < 1.0 else (first, second)[int(weight)]
    if isinstance(first, tuple) and len(first) == 3 and all(isinstance(part, int) for part in first):
        return tuple(round(a + (b - a) * weight) for a, b in zip(first, second, strict=True))
    return first if own_kinds or weight < 0.5 else second
