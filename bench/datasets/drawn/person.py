"""Who is drawn: the parameters that stay the same in every picture of one person."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]

SKIN_TONES: tuple[Colour, ...] = (
    (245, 211, 190), (236, 196, 168), (226, 181, 148), (212, 163, 126), (184, 132, 94), (150, 102, 70), (114, 76, 54),
    (84, 57, 43),
)  # fmt: skip
HAIR_STYLES = (
    "bald", "buzz", "short", "parted", "swept", "fringe", "bob", "long", "long_fringe", "curly", "afro", "bun",
)  # fmt: skip
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
GLASSES_STYLES = ("round", "oval", "rectangle", "browline", "aviator", "cat_eye", "rimless")
EARRING_STYLES = ("stud", "hoop", "drop")
NECKLACE_STYLES = ("chain", "pendant", "beads", "choker")


@dataclass(frozen=True)
class Skull:
    """The outline of the head, in head units (1 is about 70 mm)."""

    top: float
    temple: float
    cheek: float
    jaw: float
    jaw_height: float
    chin: float
    chin_height: float
    chin_forward: float
    cheekbone: float
    hollow: float
    depth: float
    ear: float
    ear_out: float


@dataclass(frozen=True)
class Eyes:
    """The eyes: where they lie, how wide they open, their colour."""

    apart: float
    width: float
    upper: float
    lower: float
    tilt: float
    crease: float
    deep: float
    iris: float
    colour: Colour
    lashes: float
    bags: float


@dataclass(frozen=True)
class Brows:
    """The eyebrows."""

    height: float
    length: float
    thick: float
    arch: float
    tilt: float
    gap: float
    dark: float


@dataclass(frozen=True)
class Nose:
    """The nose."""

    length: float
    width: float
    bridge: float
    rise: float
    tip: float
    hump: float
    turned_up: float


@dataclass(frozen=True)
class Mouth:
    """The mouth."""

    below_nose: float
    width: float
    upper: float
    lower: float
    bow: float
    corners: float
    colour: float


@dataclass(frozen=True)
class Skin:
    """Colour and marks of the skin."""

    tone: float
    red: float
    yellow: float
    blush: float
    freckles: float
    lines: float
    shine: float
    makeup: float
    moles: tuple[tuple[float, float, float], ...]
    texture: int


@dataclass(frozen=True)
class Hair:
    """Hair on the head and on the face."""

    style: str
    colour: Colour
    hairline: float
    recede: float
    part: float
    volume: float
    wave: float
    length: float
    beard: str
    beard_dense: float
    texture: int


@dataclass(frozen=True)
class Glasses:
    """The pair of glasses that somebody owns; a `View` says whether they are on.

    Attributes:
        style: one of `GLASSES_STYLES`.
        frame: colour of the frame.
        lens: colour of the lenses.
        tint: 0 (clear) to 1 (nothing is seen through them).
        width: half the width of a lens, head units.
        thick: half the thickness of the frame, head units.
        often: the share of pictures in which they are worn.
    """

    style: str
    frame: Colour
    lens: Colour
    tint: float
    width: float
    thick: float
    often: float


@dataclass(frozen=True)
class Jewels:
    """What somebody wears on ears and neck; a `View` says whether it is on.

    Attributes:
        earrings: one of `EARRING_STYLES`.
        necklace: one of `NECKLACE_STYLES`.
        metal: colour of clasps and chains.
        stone: colour of beads, stones and bands.
        size: factor on all of it.
        earrings_often: the share of pictures in which the earrings are worn.
        necklace_often: likewise.
    """

    earrings: str
    necklace: str
    metal: Colour
    stone: Colour
    size: float
    earrings_often: float
    necklace_often: float


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist.

    Attributes:
        masculine: 0 to 1; it moved the odds of what follows and draws nothing itself.
        age: 0 (young) to 1 (old); likewise.
        skull: outline of the head.
        eyes: the eyes.
        brows: the eyebrows.
        nose: the nose.
        mouth: the mouth.
        skin: colour and marks.
        hair: hair and beard.
        neck: half width of the neck, head units.
        glasses: the pair that they own.
        jewels: for ears and neck.
    """

    masculine: float
    age: float
    skull: Skull
    eyes: Eyes
    brows: Brows
    nose: Nose
    mouth: Mouth
    skin: Skin
    hair: Hair
    neck: float
    glasses: Glasses
    jewels: Jewels
