"""Which people of a data set take part: those of one part of the split, and at most so many of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from bench.api import Frame
from bench.seeding import split_of

Part = Literal["all", "train", "dev", "eval"]


def is_in(name: str, part: Part) -> bool:
    """Whether a part of the 60/20/20 split has a person; ``"all"`` has everybody.

    Args:
        name: what the split goes by: a person's name, or whatever stands for one.
        part: of the split.
    """
    return part == "all" or split_of(name) == part


def frames_of_some(frames: Sequence[Frame], rng: np.random.Generator, most: int | None) -> Sequence[Frame]:
    """The frames of at most so many people, in their order; nothing is drawn where there are no more.

    Args:
        frames: of a data set.
        rng: draws the people.
        most: people, at least 1; None for all of them.
    """
    people = sorted({frame.subject for frame in frames})
    if most is None or len(people) <= most:
        return frames
    kept = set(rng.choice(people, most, replace=False).tolist())
    return [frame for frame in frames if frame.subject in kept]


def check_at_least_one(**limits: int | None) -> None:
    """Makes sure that settings which limit how many take part leave somebody.

    Args:
        limits: name of a setting to its value; None for no limit.

    Raises:
        ValueError: one is below 1.
    """
    for name, value in limits.items():
        if value is not None and value < 1:
            raise ValueError(f"{name}: got {value}, expected at least 1")
