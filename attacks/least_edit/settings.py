"""What a sweep may say about `least_edit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PUBLISHED_THRESHOLDS: Mapping[str, float] = {"dlib_resnet": -0.6}
"""Of recognizers whose makers say where they accept: the score there."""


def _generator() -> Mapping[str, Any]:
    return {"name": "translation", "detail": True}


@dataclass(frozen=True, kw_only=True)
class LeastEditSettings:
    """Settings of `least_edit`.

    Attributes:
        generator: what edits, a `bench.api.EditingGenerator`: its name, or ``{name: ..., settings}``.
        surrogate: the recognizer that must no longer accept: its name, or ``{name: ..., settings}``.
        threshold: the surrogate's score from which on it accepts, such as `impersona calibrate` finds; None for its
            maker's own, where there is one (`dlib_resnet`: a distance of 0.6).
        attributes: that are tried, one at a time; none named are all that the generator knows.
        strengths: of each edit, rising.
        batch_size: faces that are edited at once.
    """

    generator: str | Mapping[str, Any] = field(default_factory=_generator)
    surrogate: str | Mapping[str, Any] = "dlib_resnet"
    threshold: float | None = None
    attributes: tuple[str, ...] = ()
    strengths: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0)
    batch_size: int = 8

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        for name in ("generator", "surrogate"):
            value = getattr(self, name)
            if not isinstance(value, str) and not isinstance(value.get("name"), str):
                raise ValueError(f"{name}: got {dict(value)}, expected a name, or a mapping with name")
        if isinstance(self.attributes, str):
            raise ValueError(f"attributes: got {self.attributes!r}, expected a list, such as [{self.attributes}]")
        strengths = list(self.strengths) if not isinstance(self.strengths, int | float) else [self.strengths]
        if not strengths or strengths != sorted(set(strengths)) or strengths[0] <= 0:
            raise ValueError(f"strengths: got {strengths}, expected rising numbers above 0, such as [0.5, 1, 1.5]")
        if self.batch_size < 1:
            raise ValueError(f"batch_size: got {self.batch_size}, expected at least 1")
        if self.threshold is None and self.surrogate_name not in PUBLISHED_THRESHOLDS:
            raise ValueError(
                f"threshold: got none for {self.surrogate_name}, expected the score from which on it accepts; "
                "`impersona calibrate` finds one"
            )

    @property
    def surrogate_name(self) -> str:
        """The surrogate's plugin."""
        return self.surrogate if isinstance(self.surrogate, str) else str(self.surrogate["name"])

    @property
    def accepts_from(self) -> float:
        """The score from which on the surrogate accepts."""
        return PUBLISHED_THRESHOLDS[self.surrogate_name] if self.threshold is None else self.threshold
