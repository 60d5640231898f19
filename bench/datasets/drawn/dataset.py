"""The data set `drawn`: any number of people who do not exist, drawn when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.api import Fingerprint, Frame, FrameImage, Trials
from bench.datasets.attributes import ATTRIBUTES
from bench.datasets.drawn.accessories import dressed
from bench.datasets.drawn.attributes import attributes_of
from bench.datasets.drawn.landmarks import REVISION as LANDMARKS_REVISION
from bench.datasets.drawn.landmarks import landmarks
from bench.datasets.drawn.person import Person
from bench.datasets.drawn.population import person_from_seed
from bench.datasets.drawn.renderer import REVISION, SMALLEST_SIDE, mask, render
from bench.datasets.drawn.view import View
from bench.datasets.protocols import all_pairs
from bench.errors import ConfigError, MissingFile
from bench.provenance import value_digest, version_of
from bench.seeding import split_of, stream

_DLIB5_OF_68 = [45, 42, 36, 39, 33]
"""Corners of the eye at the right of the picture, outer then inner, of the eye at the left, the base of the nose."""


@dataclass(frozen=True, kw_only=True)
class DrawnSettings:
    """Settings of `drawn`.

    Attributes:
        people: how many people, after the split has been chosen.
        images: pictures of each; the first is frontal and calm.
        side: pixels of the square pictures.
        seed: another seed is another population.
        split: which people: all of them, or one part of the 60/20/20 split by person.
        max_yaw: degrees; the largest turn to either side. Pitch stays within half of it, roll within two fifths.
        accessories: whether people wear glasses, hats, earrings, necklaces and ties, some always, some at times.
    """

    people: int = 60
    images: int = 5
    side: int = 192
    seed: int = 0
    split: Literal["all", "train", "dev", "eval"] = "eval"
    max_yaw: float = 20.0
    accessories: bool = True

    def __post_init__(self) -> None:
        """Checks the ranges."""
        for name, low, high in (
            ("people", 1, 999_999),
            ("images", 1, 99_999),
            ("side", SMALLEST_SIDE, 1024),
            ("max_yaw", 0, 35),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name}: got {value}, expected {low} to {high}")


class Drawn:
    """Faces drawn by rule; identity, pose, light and expression are parameters."""

    protocols = ("all_pairs",)
    shows_faces = True

    def __init__(self, settings: DrawnSettings) -> None:
        self.settings = settings

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`."""
        libraries = {name: version_of(name) for name in ("numpy", "pillow")}
        return {"revision": REVISION} | asdict(self.settings) | libraries

    def frames(self) -> Sequence[Frame]:
        """See `Dataset.frames`."""
        return self._frames

    def image(self, key: str) -> FrameImage:
        """See `Dataset.image`."""
        return render(*self.parameters(key), self.settings.side)

    def landmarks(self, key: str) -> dict[str, NDArray[np.float32]]:
        """See `LandmarkedDataset.landmarks`: exact; dlib's 68, and both fives of them."""
        found = landmarks(*self.parameters(key), self.settings.side)
        return found | {"dlib5": found["dlib68"][_DLIB5_OF_68]}

    def landmarks_digest(self, key: str) -> str:
        """See `LandmarkedDataset.landmarks_digest`: what determines the picture determines its landmarks."""
        return value_digest({"landmarks": self.content_digest(key), "revision": LANDMARKS_REVISION})

    def content_digest(self, key: str) -> str:
        """See `Dataset.content_digest`; of the parameters, the size and the renderer's revision."""
        person, view = self.parameters(key)
        return value_digest(
            {"revision": REVISION, "side": self.settings.side, "person": asdict(person), "view": asdict(view)}
        )

    def mask(self, key: str) -> NDArray[np.uint8]:
        """See `MaskedDataset.mask` and `bench.datasets.drawn.mask`."""
        return mask(*self.parameters(key), self.settings.side)

    def mask_digest(self, key: str) -> str:
        """See `MaskedDataset.mask_digest`: what determines the picture determines its mask."""
        return value_digest({"mask": self.content_digest(key)})

    def attributes(self) -> dict[str, NDArray[np.float32]]:
        """See `AttributedDataset.attributes`: CelebA's 40, from the parameters; see `attributes.attributes_of`."""
        rows = [attributes_of(*self.parameters(frame.key)) for frame in self.frames()]
        return {name: np.array([row[name] for row in rows], dtype=np.float32) for name in ATTRIBUTES}

    def parameters(self, key: str) -> tuple[Person, View]:
        """Who a picture shows and how.

        Raises:
            MissingFile: no picture has this key.
        """
        if key not in self._places:
            first = next(iter(self._places))
            raise MissingFile(
                f"drawn has no picture {key!r}; it has {len(self._places)}, such as {first!r} "
                f"(people={self.settings.people}, images={self.settings.images}, split={self.settings.split!r})"
            )
        number, image = self._places[key]
        seed = self.settings.seed
        rng = stream(seed, "drawn", "view", str(number), str(image))
        person, view = person_from_seed(seed, number), View.sampled(rng, self.settings.max_yaw, frontal=image == 1)
        return person, dressed(view, person, rng) if self.settings.accessories else view

    def trials(self, protocol: str, rng: np.random.Generator) -> Trials:
        """See `Dataset.trials`."""
        if protocol not in self.protocols:
            raise ConfigError(f"drawn has no protocol {protocol!r}; it has {', '.join(self.protocols)}")
        return all_pairs(self.frames(), rng)

    @cached_property
    def _numbers(self) -> list[int]:
        """The numbers of the people, walked upwards until enough belong to the split."""
        wanted, number = self.settings.split, 0
        found: list[int] = []
        while len(found) < self.settings.people:
            number += 1
            if wanted in ("all", split_of(self._subject(number))):
                found.append(number)
        return found

    def _subject(self, number: int) -> str:
        return f"drawn-{self.settings.seed}-{number:04d}"

    @cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        """Key to the person's number and the picture's, both from 1."""
        return {
            f"{self._subject(number)}/{image:03d}.png": (number, image)
            for number in self._numbers
            for image in range(1, self.settings.images + 1)
        }

    @cached_property
    def _frames(self) -> list[Frame]:
        return [Frame(key, self._subject(number)) for key, (number, _) in self._places.items()]
