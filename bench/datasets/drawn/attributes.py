"""The 40 attributes of CelebA, read off the parameters of a picture."""

from __future__ import annotations

import math

from bench.datasets.attributes import ATTRIBUTES
from bench.datasets.drawn.anatomy import mouth
from bench.datasets.drawn.hair_styles import Style, style_of
from bench.datasets.drawn.person import Colour, Person
from bench.datasets.drawn.population import HAIR_COLOURS
from bench.datasets.drawn.view import View

SHADES = {
    "Black_Hair": ("black",),
    "Brown_Hair": ("dark brown", "brown", "chestnut", "auburn"),
    "Blond_Hair": ("dark blond", "blond"),
    "Gray_Hair": ("grey", "white"),
}
"""Attribute to the hair colours of the population that it names; red hair has none of the four."""


def attributes_of(person: Person, view: View) -> dict[str, float]:
    """The attributes of a picture.

    Args:
        person: who.
        view: how seen.

    Returns:
        Attribute to 1.0 or -1.0, in CelebA's order; NaN for ``"Attractive"``, which is a matter of taste. They tell
        what is drawn even where a hat hides it: hair that lies under a hat keeps its colour.
    """
    held = _face(person) | _hair(person) | _worn(person, view)
    return {name: math.nan if name == "Attractive" else 1.0 if held[name] else -1.0 for name in ATTRIBUTES}


def _face(person: Person) -> dict[str, bool]:
    skull, eyes, brows, nose, lips, skin = (
        person.skull, person.eyes, person.brows, person.nose, person.mouth, person.skin,
    )  # fmt: skip
    tall = skull.chin_height - skull.top
    return {
        "Arched_Eyebrows": brows.arch > 0.08,
        "Bags_Under_Eyes": eyes.bags > 0.30,
        "Big_Lips": lips.upper + lips.lower > 0.235,
        "Big_Nose": nose.width + 0.35 * nose.length + nose.rise > 0.82,
        "Bushy_Eyebrows": brows.thick > 0.060,
        "Chubby": skull.jaw > 0.84 and skull.hollow < 0.5,
        "Double_Chin": False,  # nobody is drawn with one
        "High_Cheekbones": skull.cheekbone > 0.065,
        "Male": person.masculine > 0.5,
        "Narrow_Eyes": (eyes.upper + eyes.lower) / eyes.width < 0.77,
        "Oval_Face": skull.jaw / skull.cheek < 0.80 and tall / skull.cheek > 3.25,
        "Pale_Skin": skin.tone < 0.6,
        "Pointy_Nose": nose.tip < 0.165 and nose.rise > 0.28,
        "Rosy_Cheeks": skin.blush > 0.65,
        "Heavy_Makeup": skin.makeup > 0.55,
        "Wearing_Lipstick": skin.makeup * lips.colour > 0.25,
        "Young": person.age < 0.5,
    }


def _hair(person: Person) -> dict[str, bool]:
    hair, style = person.hair, style_of(person)
    shade = named_colour(hair.colour) if style else ""
    wave = 0.0 if style is None else hair.wave if style.length is not None else 0.3 * hair.wave
    curled, strands = style is not None and style.curl > 0, style is not None and hair.style != "buzz"
    return {
        **{name: shade in shades for name, shades in SHADES.items()},
        "Bald": style is None,
        "Bangs": hair.style in ("fringe", "long_fringe"),
        "Straight_Hair": strands and not curled and wave < 0.4,
        "Wavy_Hair": strands and (curled or wave >= 0.4),
        "Receding_Hairline": _recedes(person, style),
        "Sideburns": hair.beard == "full" or (style is not None and style.burns and person.masculine > 0.5),
        "5_o_Clock_Shadow": hair.beard == "stubble",
        "Goatee": hair.beard == "goatee",
        "Mustache": hair.beard in ("moustache", "goatee", "full"),
        "No_Beard": hair.beard == "none",
    }


def _recedes(person: Person, style: Style | None) -> bool:
    """Whether the hairline stands back; a fringe and long hair hide theirs, and nobody bald has one."""
    return style is not None and style.length is None and person.hair.style != "fringe" and person.hair.recede > 0.35


def _worn(person: Person, view: View) -> dict[str, bool]:
    return {
        "Blurry": view.blur > 0.45,
        "Eyeglasses": view.glasses,
        "Mouth_Slightly_Open": mouth(person, view).gap > 0.01,
        "Smiling": view.smile > 0.3,
        "Wearing_Earrings": view.earrings,
        "Wearing_Hat": view.hat.style != "none",
        "Wearing_Necklace": view.necklace,
        "Wearing_Necktie": view.tie is not None and view.neckline == "shirt",
    }


def named_colour(colour: Colour) -> str:
    """The name of the nearest hair colour of the population."""

    def away(other: Colour) -> int:
        return sum((first - second) ** 2 for first, second in zip(colour, other, strict=True))

    return min(HAIR_COLOURS, key=lambda name: away(HAIR_COLOURS[name]))
