"""One setting, several values: what `impersona generate --vary` makes of each set of photos, once per value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.config import MakerEntry
from bench.errors import ConfigError
from bench.sweep.axes import in_words
from bench.sweep.instances import plain

_LONGEST = 60
"""Bytes of a file's name that a value may take."""


@dataclass(frozen=True)
class Varied:
    """The values of one setting, each of which makes a face of its own of every set of photos.

    Attributes:
        key: the setting.
        values: V of them, plain data, no two alike.
    """

    key: str
    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        """Raises `ConfigError` for no values, or two that are alike."""
        if not self.values:
            raise ConfigError(f"{self.key}: got no values, expected a list, such as {self.key}=[0.25,0.5]")
        for place, words in enumerate(self.words):
            if words in self.words[:place]:
                raise ConfigError(f"{self.key}: got the value {words} twice, expected each once")

    def entries(self, generator: MakerEntry) -> Iterator[MakerEntry]:
        """The generator with each value, in their order.

        Raises:
            ConfigError: it has a value for that setting already.
        """
        if self.key in generator.settings:
            raise ConfigError(f"{self.key}: got it among the settings and to be varied; expected it in one place")
        for value in self.values:
            yield generator.model_copy(update={"settings": {**generator.settings, self.key: value}})

    @property
    def words(self) -> tuple[str, ...]:
        """Each value on one line."""
        return tuple(in_words(plain(value)) for value in self.values)

    @property
    def labels(self) -> tuple[str, ...]:
        """Each value with the setting's name, such as ``weight=0.25``."""
        return tuple(f"{self.key}={words}" for words in self.words)

    @property
    def endings(self) -> tuple[str, ...]:
        """What the names of files end with, such as ``_weight=0.25``; different ones, in letters any disk takes."""
        names = [_safe(label) for label in self.labels]
        if len(set(names)) < len(names):
            names = [f"{name}.{place}" for place, name in enumerate(names, start=1)]
        return tuple(f"_{name}" for name in names)


def settings_of_each(generator: MakerEntry, varied: Varied | None) -> Iterator[MakerEntry]:
    """The generator as it stands, or with each value of the varied setting, as `Varied.entries` gives them."""
    if varied is None:
        yield generator
    else:
        yield from varied.entries(generator)


def refuse_other_sizes(sizes: Sequence[int], varied: Varied) -> None:
    """Makes sure that a face is made of as many photos whatever the value.

    Args:
        sizes: photos of a face with each value.
        varied: the setting.

    Raises:
        ConfigError: it is not.
    """
    if len(set(sizes)) > 1:
        said = ", ".join(f"{size} for {label}" for size, label in zip(sizes, varied.labels, strict=True))
        raise ConfigError(
            f"{varied.key}: it changes how many photos a face takes ({said}), and all values share their photos; call "
            f"impersona generate once for each, with --set {varied.key}=VALUE in place of --vary"
        )


def _safe(text: str) -> str:
    return re.sub(r"[^\w.+=-]+", "-", text).encode()[:_LONGEST].decode(errors="ignore").strip("-")
