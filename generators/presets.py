"""What presets share: checks of their fields, and the way back from the plain values that a weight file holds."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

Preset = TypeVar("Preset")


def preset_from(kind: type[Preset], settings: Mapping[str, Any]) -> Preset:
    """The preset that a released weight file's settings describe: JSON's lists as tuples.

    Args:
        kind: a frozen dataclass of plain values.
        settings: field to value, as `dataclasses.asdict` gives them.

    Raises:
        ValueError: a field that there is not, or a value out of range.
    """
    known = {one.name for one in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if strange := sorted(set(settings) - known):
        raise ValueError(f"{strange[0]}: got a setting that there is not, expected some of {', '.join(sorted(known))}")
    return kind(**{name: _tuples(value) for name, value in settings.items()})


def check_levels(levels: Sequence[tuple[int, int]], side: int) -> None:
    """Raises ValueError where the sides of levels do not lead, by doublings, to the side of what is made.

    Args:
        levels: side and channels of each, the coarsest first.
        side: S.
    """
    sides = [one for one, _ in levels]
    steps = {after / before for before, after in itertools.pairwise(sides)}
    if not sides or not steps <= {1, 2} or sides[-1] != side:
        raise ValueError(
            f"levels: got sides {sides}, expected each the same as the one before or twice it, and the last {side}"
        )


def check_choice(preset: Any, name: str, choices: Sequence[str]) -> None:
    """Raises ValueError where a field is none of its choices."""
    if (value := getattr(preset, name)) not in choices:
        raise ValueError(f"{name}: got {value!r}, expected {' or '.join(choices)}")


def check_least(preset: Any, least: int, *names: str) -> None:
    """Raises ValueError where one of the fields is below a number."""
    for name in names:
        if (value := getattr(preset, name)) < least:
            raise ValueError(f"{name}: got {value}, expected {'0 or more' if least == 0 else f'at least {least}'}")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list | tuple) else value
