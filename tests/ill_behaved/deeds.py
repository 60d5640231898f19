"""Ways to spoil a toy."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bench.api import Face, Trials

NONE_OF = functools.partial(np.full_like, fill_value=np.nan)

_COUNT = itertools.count()
_RNG = np.random.default_rng(0)


class Deed(NamedTuple):
    """What is done to a toy, and what must be found."""

    toy: str
    act: Callable[[Any], None]
    line: str
    says: str


def start_anew() -> None:
    """Counts from 0 and draws from the beginning again, so that no test depends on those before it."""
    global _COUNT, _RNG
    _COUNT, _RNG = itertools.count(), np.random.default_rng(0)


def count() -> int:
    """How often this was asked before, by whatever instance."""
    return next(_COUNT)


def draw() -> Any:
    """A number that nobody gave a seed for, float32 (1,)."""
    return _RNG.random(1, np.float32)


def sets(**values: Any) -> Callable[[Any], None]:
    """Puts attributes on a toy."""

    def act(toy: Any) -> None:
        for name, value in values.items():
            setattr(toy, name, value)

    return act


def returns(method: str, change: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Changes what a method returns."""

    def act(toy: Any) -> None:
        original = getattr(toy, method)
        setattr(toy, method, lambda *given, **named: change(original(*given, **named)))

    return act


def spoils(method: str, before: Callable[[Any], None]) -> Callable[[Any], None]:
    """Does something to a method's first argument, then calls it."""

    def act(toy: Any) -> None:
        original = getattr(toy, method)

        def spoilt(first: Any, *others: Any, **named: Any) -> Any:
            before(first)
            return original(first, *others, **named)

        setattr(toy, method, spoilt)

    return act


def darken(array: Any) -> None:
    array *= 0


def trials_with(**changes: Any) -> Callable[[Any], None]:
    """Trials of which some fields are others; a function is called with the true ones."""

    def changed(trials: Trials) -> Trials:
        values = {name: value(trials) if callable(value) else value for name, value in changes.items()}
        return dataclasses.replace(trials, **values)

    return returns("trials", changed)


def each_face(**changes: Any) -> Callable[[Any], None]:
    """Changes fields of every face that is found; each change is called with the face."""

    def changed(faces: list[Face]) -> list[Face]:
        return [dataclasses.replace(one, **{name: change(one) for name, change in changes.items()}) for one in faces]

    return returns("detect", changed)


def in_turn(method: str, *values: Any) -> Callable[[Any], None]:
    """Adds another of some values at every call, whichever instance is asked."""
    return returns(method, lambda found: found + values[count() % len(values)])


def of_the_batch(values: Any) -> Any:
    return values + values.mean(axis=0)
