"""The skin of a head: its colours, its shadows and the marks on it."""

from __future__ import annotations

import numpy as np

from bench.datasets.drawn.anatomy import mouth
from bench.datasets.drawn.geometry import Floats
from bench.datasets.drawn.person import SKIN_TONES, Colour, Person
from bench.datasets.drawn.shading import Noise, Planes, hill, plain, times, toward
from bench.datasets.drawn.surface import Cast
from bench.datasets.drawn.view import View


def tone(person: Person) -> Colour:
    """The skin's base colour."""
    skin = person.skin
    low = min(len(SKIN_TONES) - 2, int(skin.tone))
    part = skin.tone - low
    first, second = SKIN_TONES[low], SKIN_TONES[low + 1]
    r, g, b = (a + (z - a) * part for a, z in zip(first, second, strict=True))
    return round(r + 3 * skin.red), round(g - 5 * skin.red + 2 * skin.yellow), round(b - 6 * skin.yellow)


def darker(colour: Colour, factor: float, redder: float = 0.0) -> Colour:
    """A shade of a colour."""
    r, g, b = (part * factor for part in colour)
    return min(255, round(r * (1 + redder))), round(g), round(b * (1 - 0.3 * redder))


def albedo(person: Person, view: View, met: Cast) -> Planes:
    """The skin's own colours, with the soft shadows of hollows, on the grid of a cast."""
    base, skin, eyes = tone(person), person.skin, person.eyes
    x, y, beside = met.x, met.y, np.abs(met.x)
    noise = Noise(skin.texture)
    planes = plain(base, x)
    mottle = noise.plane(5.0 * x + 9.0, 5.0 * y + 30.0) - 0.5 + 0.5 * (noise.plane(11.0 * x, 11.0 * y + 7.0) - 0.5)
    planes = times(planes, (1.0 + 0.03 * mottle, 1.0 - 0.05 * mottle, 1.0 - 0.04 * mottle))
    red = darker(base, 0.93, 0.12)
    red = (red[0], round(red[1] * 0.80), round(red[2] * 0.80))
    cheeks = hill(beside, y, (0.58, 0.52), (0.42, 0.36))
    nose = hill(beside, y, (0.0, person.nose.length - 0.12), (0.34, 0.26))
    planes = toward(planes, red, skin.blush * (0.55 * cheeks + 0.45 * nose))
    shadow = (
        0.10 * eyes.deep / 0.09 * hill(beside, y, (eyes.apart - 0.10, -0.06), (0.34, 0.24))
        + 0.14 * hill(beside, y, (0.19, 0.02), (0.15, 0.22))
        + 0.16 * skin.lines * hill(beside, y, (eyes.apart - 0.04, 0.19), (0.24, 0.11))
        + _around_nose(person, beside, y)
        + 0.12 * hill(beside, y, (0.0, mouth(person, view).bottom[16, 1] + 0.06), (0.34, 0.12))
    )
    planes = times(planes, (1.0 - 0.85 * shadow, 1.0 - shadow, 1.0 - shadow))
    if skin.makeup > 0:
        lid = hill(beside, y, (eyes.apart + 0.03, -0.11), (0.30, 0.15))
        shades = darker(base, 0.66, 0.10), darker(base, 0.62, 0.35), (120, 110, 130), darker(base, 0.8, 0.3)
        planes = toward(planes, shades[skin.texture % 4], 0.5 * skin.makeup * lid)
    return planes


def _around_nose(person: Person, beside: Floats, y: Floats) -> Floats:
    nose = person.nose
    below = hill(beside, y, (0.0, nose.length + 0.06), (nose.width + 0.10, 0.12))
    wing = hill(beside, y, (nose.width + 0.03, nose.length - 0.04), (0.09, 0.14))
    return 0.22 * below + 0.16 * wing
