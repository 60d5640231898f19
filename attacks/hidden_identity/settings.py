"""What a sweep may say about `hidden_identity`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.regions import EVERYTHING, STYLE_REGIONS


@dataclass(frozen=True, kw_only=True)
class HiddenIdentitySettings:
    """Settings of `hidden_identity`.

    Attributes:
        generator: what makes the faces, a `bench.api.StyledGenerator`: its name, or ``{name: ..., settings}``.
        strength: the hidden person's share in the identity that the generator is given, 0 to 1: 0 leaves the source's,
            1 gives the hidden person's.
        regions: names of `bench.regions.STYLE_REGIONS` whose style comes from the hidden person as well; empty for the
            identity alone. ``"all"`` stands by itself.
    """

    generator: str | Mapping[str, Any] = "sis"
    strength: float = 1.0
    regions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        if not isinstance(self.generator, str) and not isinstance(self.generator.get("name"), str):
            raise ValueError(f"generator: got {dict(self.generator)}, expected a name, or a mapping with name")
        if not 0 <= self.strength <= 1:
            raise ValueError(f"strength: got {self.strength}, expected 0 to 1")
        if isinstance(self.regions, str):
            raise ValueError(f"regions: got {self.regions!r}, expected a list, such as [{self.regions}]")
        for name in self.regions:
            if name not in STYLE_REGIONS:
                raise ValueError(_unknown(name))
        if len(set(self.regions)) != len(self.regions):
            raise ValueError(f"regions: got {list(self.regions)}, expected each region once")
        if EVERYTHING in self.regions and len(self.regions) > 1:
            raise ValueError(
                f"regions: got {list(self.regions)}, expected {EVERYTHING} alone, since it holds the others"
            )


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, STYLE_REGIONS, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"regions: got {name!r}, expected some of {', '.join(STYLE_REGIONS)}{hint}"
