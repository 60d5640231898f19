"""Edit propagation: many faces mixed from the same photos; when a photo is edited, those follow that use what changed.

album = Album(Mixer("mixsyn.safetensors"), images, labels)
first = album.add(shapes={"hair": 2})
second = album.add(shapes={"mouth": 2, "eyes": 3}, styles={"skin": 3})
album.edit_source(2, images=new, labels=new_labels, region="hair")     # (0,): the first follows, no other
"""

from __future__ import annotations

from collections.abc import Mapping
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


class Album:
    """Faces mixed from the same K photos, each made when it is first asked for.

    Whatever is edited, each face has the very bits that a new album of the edited photos gives it; those that use
    nothing of what changed keep their arrays.

    Args:
        mixer: the networks; made with ``batch_size=1``, they do no more than is asked for.
        images: float32 (K, 3, S, S) RGB in [0, 1].
        labels: uint8 (K, S, S), classes of the weights.

    Attributes:
        sources: the photos, and what the networks made of them.

    Raises:
        ShapeError: they are of another shape, dtype or range.
    """

    def __init__(self, mixer: Mixer, images: Crops, labels: NDArray[np.uint8]) -> None:
        self.sources = Sources(mixer, images, labels)
        self._mixes: list[Mix] = []

    def __len__(self) -> int:
        """How many faces there are."""
        return len(self._mixes)

    @property
    def counts(self) -> Counts:
        """How often the networks were at work so far."""
        return self.sources.counts

    # -------------------------------------------------------------------------------------------------------- faces

    def add(
        self,
        shapes: Mapping[str, int] | None = None,
        styles: Mapping[str, int] | None = None,
        *,
        noise: int | None = None,
        temperature: float = 1.0,
    ) -> int:
        """Adds a face by names, and says its number, counted from 0.

        Args:
            shapes: part or class to the source, counted from 1, that gives its shape and, unless `styles` says
                otherwise, its style; what is not named stays with source 1.
            styles: part or class to the source that gives its style.
            noise: a seed, by which compositions of the same parts differ; None for none.
            temperature: of the composition, 0 to 1.

        Raises:
            UnknownName: there is no such part or class.
            ConfigError: there is no such source, it does not show that part, or the weights take no noise.
        """
        mix = mixes.named(self.sources, shapes or {}, styles or {}, noise=noise, temperature=temperature)
        return self.add_mix(mix)

    def add_drawn(self, seed: int, *, noise: int | None = None, temperature: float = 1.0) -> int:
        """Adds a random mix of all sources, whole parts each, and says its number; the same seed gives the same.

        Args:
            seed: who gives what is drawn from it.
            noise: as for `add`.
            temperature: likewise.

        Raises:
            ConfigError: the temperature is out of range, or the weights take no noise.
        """
        return self.add_mix(mixes.drawn(self.sources, seed, noise=noise, temperature=temperature))

    def add_mix(self, mix: Mix) -> int:
        """Adds what `generators.mixsyn.mixes` makes of names, choices or chance, and says its number."""
        self._mixes.append(mix)
        return len(self._mixes) - 1

    def face(self, number: int) -> NDArray[np.float32]:
        """A face, float32 (3, 256, 256) RGB in [0, 1], read-only; the same array until something that it uses changes.

        Raises:
            ConfigError: there is no face of that number.
        """
        return self.sources.face(self._mix(number))

    def composition(self, number: int) -> NDArray[np.float32]:
        """The fuzzy layout of a face, float32 (R, S, S), which sums to 1 over R. Raises `ConfigError`."""
        found: NDArray[np.float32] = self.sources.composition(self._mix(number)).cpu().numpy().copy()
        return found

    def copy_paste(self, number: int) -> NDArray[np.float32]:
        """The same mix by naive copy-paste, float32 (3, S, S) RGB in [0, 1]. Raises `ConfigError`."""
        return self.sources.pasted(self._mix(number))

    def assignment(self, number: int) -> Assignment:
        """Who gives what to a face, int64 (1, R) twice; -1 for what is absent. Raises `ConfigError`."""
        return self.sources.assignment(self._mix(number))

    # -------------------------------------------------------------------------------------------------------- edits

    def edit_source(
        self,
        source: int,
        *,
        images: Crops | None = None,
        labels: NDArray[np.uint8] | None = None,
        region: str | None = None,
    ) -> tuple[int, ...]:
        """Gives a source another photo, another mask, or both, and makes the faces anew that use what changed.

        With a region named, that region's shape and style are those of the new photo and mask, and the others of the
        source stay what they were, even where the new photo differs there.

        Args:
            source: whose, counted from 1.
            images: float32 (3, S, S) RGB in [0, 1]; None for the photo that each region has.
            labels: uint8 (S, S); None for the mask that each region has.
            region: part or class; None for all of it.

        Returns:
            The numbers of the faces that were made anew. One that nobody has asked for yet, nor for one of the same
            mix, is made when somebody does.

        Raises:
            UnknownName: there is no such part or class.
            ConfigError: there is no such source, or nothing is given.
            ShapeError: something is of another shape, dtype or range.
        """
        if images is None and labels is None:
            raise ConfigError(f"source {source}: got neither images nor labels, expected one of them or both")
        made = [number for number, mix in enumerate(self._mixes) if self.sources.has_face(mix)]
        self.sources.edit(source, images, labels, region)
        self.sources.keep_only(self._mixes)
        followed = tuple(number for number in made if not self.sources.has_face(self._mixes[number]))
        for number in followed:
            self.face(number)
        return followed

    # ------------------------------------------------------------------------------------------------------- inside

    def _mix(self, number: int) -> Mix:
        if not 0 <= number < len(self._mixes):
            known = f"0 to {len(self._mixes) - 1}" if self._mixes else "one that add gave; there is none yet"
            raise ConfigError(f"face: got {number}, expected {known}")
        return self._mixes[number]
