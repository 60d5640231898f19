"""What a sweep may say about `successive_edits`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generators.mixsyn.settings import MOST_SOURCES


@dataclass(frozen=True, kw_only=True)
class SuccessiveEditsSettings:
    """Settings of the generator `successive_edits`.

    Attributes:
        generator: what makes each edit, a `bench.api.StyledGenerator` that knows masks: its name, or
            ``{name: ..., settings}``. Its own settings take nothing from a second person.
        sources: K, how many people a face is edited from, 2 to 8: K - 1 edits.
    """

    generator: str | Mapping[str, Any] = "sis"
    sources: int = 2

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        if not isinstance(self.generator, str) and not isinstance(self.generator.get("name"), str):
            raise ValueError(f"generator: got {dict(self.generator)}, expected a name, or a mapping with name")
        if not 2 <= self.sources <= MOST_SOURCES:
            raise ValueError(f"sources: got {self.sources}, expected 2 to {MOST_SOURCES}")
