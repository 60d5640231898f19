"""What people own and put on: the odds of glasses, jewels, hats and ties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.datasets.drawn.draw import Draw
from bench.datasets.drawn.hair_styles import shows_ears
from bench.datasets.drawn.person import EARRING_STYLES, NECKLACE_STYLES, Colour, Glasses, Jewels, Person
from bench.datasets.drawn.view import NO_HAT, Hat, View

FRAMES: dict[str, Colour] = {
    "black": (30, 29, 32), "tortoise": (92, 58, 36), "gold": (190, 154, 86), "silver": (162, 166, 172),
    "navy": (40, 52, 88), "red": (142, 40, 46), "amber": (150, 98, 50),
}  # fmt: skip
LENSES: tuple[Colour, ...] = ((44, 42, 46), (64, 48, 36), (46, 58, 52), (40, 48, 68))
METALS: tuple[Colour, ...] = ((212, 172, 92), (196, 200, 206), (206, 150, 124))
STONES: tuple[Colour, ...] = (
    (236, 230, 220), (150, 40, 52), (44, 92, 132), (48, 118, 88), (60, 52, 56), (206, 128, 62), (122, 82, 142),
)  # fmt: skip
HAT_COLOURS: tuple[Colour, ...] = (
    (46, 52, 68), (150, 52, 50), (70, 92, 76), (58, 56, 58), (186, 170, 142), (196, 150, 72), (92, 72, 104),
    (72, 108, 138), (214, 208, 198), (112, 84, 60),
)  # fmt: skip
TIES: tuple[Colour, ...] = ((122, 36, 44), (38, 52, 92), (60, 84, 66), (52, 48, 54), (150, 112, 52), (92, 62, 104))

HATS_WORN = 0.12
"""The share of pictures with a hat."""
TIES_WORN = 0.5
"""The share of a man's pictures in a shirt that show a tie too."""


def glasses_of(draw: Draw, masculine: float, age: float) -> Glasses:
    """Glasses of somebody: one in five always wears them, more with age; some only at times; some in the sun."""
    need = draw.between(0.0, 1.0) - 0.20 * age
    style = draw.weighted(
        {"round": 1.0, "oval": 1.2, "rectangle": 2.0, "browline": 0.9, "aviator": 0.6 + 0.4 * masculine,
         "cat_eye": 1.2 * (1.0 - masculine), "rimless": 0.7}
    )  # fmt: skip
    frame = draw.near(FRAMES[draw.weighted({name: 2.0 if name == "black" else 1.0 for name in FRAMES})], 0.10)
    shaded, dark = draw.between(0.0, 1.0), draw.between(0.72, 0.95)
    sun = 0.40 < need < 0.54
    often = 1.0 if need < 0.10 else 0.5 if need < 0.22 else 0.25 if sun else 0.0
    return Glasses(
        style=style,
        frame=frame,
        lens=draw.near(LENSES[draw.whole(len(LENSES))], 0.1),
        tint=dark if sun else draw.exact(0.35 * shaded) if shaded > 0.85 else 0.0,
        width=draw.around(0.335 + 0.012 * masculine, 0.022),
        thick=draw.between(0.022, 0.050),
        often=often,
    )


def jewels_of(draw: Draw, masculine: float) -> Jewels:
    """Earrings and necklaces: most women have them, few men."""
    woman = masculine < 0.5
    return Jewels(
        earrings=EARRING_STYLES[draw.whole(len(EARRING_STYLES))] if woman else "stud",
        necklace=NECKLACE_STYLES[draw.whole(len(NECKLACE_STYLES))] if woman else "chain",
        metal=draw.near(METALS[draw.whole(len(METALS))], 0.06),
        stone=draw.near(STONES[draw.whole(len(STONES))], 0.10),
        size=draw.between(0.8, 1.3),
        earrings_often=draw.exact(draw.between(0.4, 1.0) if draw.chance(0.6 if woman else 0.05) else 0.0),
        necklace_often=draw.exact(draw.between(0.3, 0.9) if draw.chance(0.5 if woman else 0.05) else 0.0),
    )


def dressed(view: View, person: Person, rng: np.random.Generator) -> View:
    """A view with what a person happens to wear in it, drawn from `rng`."""
    draw = Draw(rng)
    glasses, earrings, necklace, tie, hat = (draw.between(0.0, 1.0) for _ in range(5))
    man = person.masculine
    style = draw.weighted(
        {"cap": 1.4 + 0.8 * man, "beanie": 1.6, "fedora": 0.5 + 0.6 * man, "bucket": 0.9, "sun_hat": 1.1 * (1.0 - man)}
    )
    colour, band = (draw.near(HAT_COLOURS[draw.whole(len(HAT_COLOURS))], 0.08) for _ in range(2))
    tied = view.neckline == "shirt" and man > 0.5 and tie < TIES_WORN
    tie_colour = TIES[draw.whole(len(TIES))]
    return replace(
        view,
        glasses=glasses < person.glasses.often,
        earrings=earrings < person.jewels.earrings_often and shows_ears(person),
        necklace=necklace < person.jewels.necklace_often and not tied,
        hat=Hat(style, colour, band) if hat < HATS_WORN else NO_HAT,
        tie=tie_colour if tied else None,
    )
