"""Region maps as colours, to look at: a fixed palette for any number of regions."""

from __future__ import annotations

import colorsys

import torch
from torch import Tensor

from generators.nets.regions import spread

_TURN = 0.6180339887498949
"""The golden section of the circle of hues: neighbours in number are far apart in hue."""


def palette(regions: int) -> list[tuple[float, float, float]]:
    """R colours, RGB in [0, 1]; the first, most often the background, is a dark grey."""
    hues = [(number * _TURN % 1.0, (0.75, 0.5, 0.9)[number % 3], (0.95, 0.75)[number % 2]) for number in range(regions)]
    return [(0.2, 0.2, 0.2), *(colorsys.hsv_to_rgb(*hue) for hue in hues[1:])]


def coloured(maps: Tensor) -> Tensor:
    """Region maps, float (N, R, S, S), soft or one-hot, as pictures: float (N, 3, S, S), mixed where a map is soft."""
    colours = torch.tensor(palette(maps.shape[1]), dtype=maps.dtype, device=maps.device)
    return spread(colours.expand(len(maps), -1, -1), maps)
