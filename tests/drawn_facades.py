"""Drawn buildings with label maps, in CMP's 12 classes: nobody's house, the same pixels from the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.seeding import stream

CLASSES = (
    "background", "facade", "window", "door", "cornice", "sill", "balcony", "blind", "deco", "molding", "pillar",
    "shop",
)  # fmt: skip
FIRST = 1
"""CMP's files count from 1."""

LABEL_SET = """\
name: drawn_facades
classes: [background, facade, window, door, cornice, sill, balcony, blind, deco, molding, pillar, shop]
first: 1
parts:
  wall: [facade, molding, pillar]
  glass: [window, blind]
  ornament: [cornice, sill, deco]
  entrance: [door, shop]
  balcony: [balcony]
compose: false
settings: {perceptual: 0, parsed: 0}
"""

_NUMBER = {name: number for number, name in enumerate(CLASSES)}


class _Building:
    """A canvas of colours and one of classes, painted together; places are shares of the side."""

    def __init__(self, colours: NDArray[np.uint8], side: int) -> None:
        self._colours, self._side = colours, side
        self.picture = np.zeros((side, side, 3), np.uint8)
        self.labels = np.zeros((side, side), np.uint8)
        self.paint("background", 0, 0, 1, 1)

    def paint(self, name: str, left: float, top: float, right: float, bottom: float) -> None:
        across, down = (
            slice(round(one * self._side), max(round(one * self._side) + 1, round(other * self._side)))
            for one, other in ((left, right), (top, bottom))
        )
        number = _NUMBER[name]
        self.picture[down, across] = self._colours[number]
        self.labels[down, across] = number


def facade(seed: int, side: int = 64) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A building: uint8 (S, S, 3) and its classes from 0, uint8 (S, S). Each class has one colour, a little grainy."""
    rng = stream(seed, "facade")
    colours = rng.integers(40, 226, (len(CLASSES), 3)).astype(np.uint8)
    colours[0] = rng.integers((120, 160, 200), (180, 210, 256))  # sky
    house = _Building(colours, side)
    left, right, top = rng.uniform(0.03, 0.1), 1 - rng.uniform(0.03, 0.1), rng.uniform(0.06, 0.15)
    house.paint("facade", left, top, right, 1)
    house.paint("cornice", left - 0.02, top - 0.04, right + 0.02, top + 0.02)
    for edge in (left, right - 0.05):
        house.paint("pillar", edge, top + 0.02, edge + 0.05, 1)
    storeys, bays = int(rng.integers(3, 5)), int(rng.integers(3, 5))
    height, width = (1 - top) / storeys, (right - left - 0.1) / bays
    for storey in range(storeys - 1):
        floor = top + storey * height
        house.paint("molding", left + 0.05, floor + 0.9 * height, right - 0.05, floor + height)
        balconies = rng.random() < 0.5
        for bay in range(bays):
            _window(house, rng, left + 0.05 + bay * width, floor, width, height, balconies)
    _ground_floor(house, rng, left + 0.05, 1 - height, right - 0.05)
    grain = rng.integers(-8, 9, house.picture.shape)
    return np.clip(house.picture.astype(np.int64) + grain, 0, 255).astype(np.uint8), house.labels


def _window(
    house: _Building, rng: np.random.Generator, left: float, top: float, width: float, height: float, balcony: bool
) -> None:
    a, b = left + 0.25 * width, left + 0.75 * width
    c, d = top + 0.25 * height, top + 0.75 * height
    house.paint("deco", a, top + 0.15 * height, b, c)
    house.paint("window", a, c, b, d)
    if rng.random() < 0.3:
        house.paint("blind", a, c, b, c + 0.4 * (d - c))
    if balcony:
        house.paint("balcony", a - 0.1 * width, d - 0.15 * height, b + 0.1 * width, d + 0.1 * height)
    else:
        house.paint("sill", a - 0.05 * width, d, b + 0.05 * width, d + 0.06 * height)


def _ground_floor(house: _Building, rng: np.random.Generator, left: float, top: float, right: float) -> None:
    middle = left + (right - left) * rng.uniform(0.3, 0.7)
    if rng.random() < 0.7:
        house.paint("shop", left + 0.03, top + 0.08, right - 0.03, 0.97)
    house.paint("door", middle - 0.07, top + 0.05, middle + 0.07, 1)


def facades(seeds: Sequence[int], side: int = 64) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Buildings, uint8 (N, S, S, 3), and their classes, uint8 (N, S, S)."""
    drawn = [facade(seed, side) for seed in seeds]
    return np.stack([one for one, _ in drawn]), np.stack([one for _, one in drawn])


def write_folder(folder: Path, count: int = 8, side: int = 64) -> Path:
    """A folder as `impersona train mixsyn --data` takes it; label files count from `FIRST`."""
    for name in ("pictures", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "labels.yaml").write_text(LABEL_SET, encoding="utf-8")
    for seed in range(count):
        picture, labels = facade(seed, side)
        Image.fromarray(picture).save(folder / "pictures" / f"house-{seed:02d}.png")
        Image.fromarray(labels + np.uint8(FIRST)).save(folder / "labels" / f"house-{seed:02d}.png")
    return folder
