"""Interactive synthesis: regions chosen one by one, each choice undone and done again, nothing made twice.

session = MixingSession(Mixer("mixsyn.safetensors"), images, labels)
session.choose("hair", 2)              # shape and style of source 2
session.choose("eyes", 3, style=1)     # the shape of source 3, the style of source 1
session.undo()
face = session.face()                  # float32 (3, 256, 256)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.api import Crops
from bench.errors import ConfigError
from generators.mixsyn import mixes
from generators.mixsyn.mixing import Mixer
from generators.mixsyn.sources import Counts, Mix, Sources

if TYPE_CHECKING:
    from generators.mixsyn.assignment import Assignment

KEPT = 32
"""So many compositions, and so many faces, are kept: undoing costs nothing that far."""


class MixingSession:
    """One face that somebody mixes from K photos, step by step; at first it is all of source 1.

    A choice costs nothing until the face, or its composition, is asked for; then only what changed is computed. A style
    that changes composes nothing, and a source is encoded once.

    Args:
        mixer: the networks; made with ``batch_size=1``, they do no more than is asked for.
        images: float32 (K, 3, S, S) RGB in [0, 1].
        labels: uint8 (K, S, S), classes of the weights.

    Raises:
        ShapeError: they are of another shape, dtype or range.
    """

    def __init__(self, mixer: Mixer, images: Crops, labels: NDArray[np.uint8]) -> None:
        self._sources = Sources(mixer, images, labels, kept=KEPT)
        self._steps: list[Mix] = [mixes.alone(self._sources)]
        self._at = 0

    @property
    def counts(self) -> Counts:
        """How often the networks were at work so far."""
        return self._sources.counts

    @property
    def mix(self) -> Mix:
        """What is asked for now."""
        return self._steps[self._at]

    @property
    def assignment(self) -> Assignment:
        """Who gives what, int64 (1, R) twice; -1 for what is absent."""
        return self._sources.assignment(self.mix)

    # ----------------------------------------------------------------------------------------------------- choices

    def choose(
        self, name: str, source: int | None = None, *, shape: int | None = None, style: int | None = None
    ) -> None:
        """Takes a part or a class from a source.

        Args:
            name: such as ``"hair"``, a part, or ``"left_eye"``, a class.
            source: whose shape and style, counted from 1.
            shape: whose shape, in place of `source`; without a source and a style, the style stays what it is.
            style: whose style, likewise.

        Raises:
            UnknownName: there is no such part or class.
            ConfigError: there is no such source, it cannot give that part (`generators.mixsyn.mixes.able`), or none is
                given.
        """
        shape, style = (source if one is None else one for one in (shape, style))
        if shape is None and style is None:
            raise ConfigError(f"{name}: got no source, expected one, such as choose({name!r}, 2)")
        mix = self.mix
        if shape is not None:
            kept = mix.style
            mix = mixes.chosen(self._sources, mix, name, shape)
            mix = mix._replace(style=kept) if style is None else mix
        if style is not None:
            mix = mixes.chosen(self._sources, mix, name, style, shaping=False)
        self._step(mix)

    def remove(self, name: str) -> None:
        """Leaves a part or a class out, such as ``"hat"``; choosing it from a source brings it back.

        Raises:
            UnknownName: there is no such part or class.
            ConfigError: nothing would be left.
        """
        self._step(mixes.without(self._sources, self.mix, name))

    def vary(self, seed: int | None) -> None:
        """Asks for another composition of the same parts.

        Args:
            seed: its noise is drawn from it; None for no noise.

        Raises:
            ConfigError: the weights take no noise.
        """
        self._step(mixes.composed(self._sources, self.mix, seed, self.mix.temperature))

    @property
    def temperature(self) -> float:
        """How soft the composition is, 0 to 1: the lower, the harder. Setting it is a choice as any other."""
        return self.mix.temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        self._step(mixes.composed(self._sources, self.mix, self.mix.noise, value))

    def undo(self) -> None:
        """Goes back by one choice. Raises `ConfigError` where there is none."""
        if not self._at:
            raise ConfigError("nothing to undo: no choice was made, or all of them were undone")
        self._at -= 1

    def redo(self) -> None:
        """Makes the choice again that was undone last. Raises `ConfigError` where there is none."""
        if self._at + 1 == len(self._steps):
            raise ConfigError("nothing to redo: no choice was undone, or another was made since")
        self._at += 1

    # ----------------------------------------------------------------------------------------------------- pictures

    def face(self) -> NDArray[np.float32]:
        """The face, float32 (3, 256, 256) RGB in [0, 1], read-only."""
        return self._sources.face(self.mix)

    def composition(self) -> NDArray[np.float32]:
        """The fuzzy layout, float32 (R, S, S), which sums to 1 over R."""
        found: NDArray[np.float32] = self._sources.composition(self.mix).cpu().numpy().copy()
        return found

    def copy_paste(self) -> NDArray[np.float32]:
        """The same choices by naive copy-paste, float32 (3, S, S) RGB in [0, 1]."""
        return self._sources.pasted(self.mix)

    # ------------------------------------------------------------------------------------------------------- inside

    def _step(self, mix: Mix) -> None:
        """Makes a choice; one that changes nothing is none, so that undoing always shows."""
        if mix != self.mix:
            self._steps[self._at + 1 :] = [mix]
            self._at += 1
