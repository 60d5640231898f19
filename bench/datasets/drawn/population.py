"""A population: how the parameters of people are drawn from a seed and a number."""

from __future__ import annotations

from bench.datasets.drawn.accessories import glasses_of, jewels_of
from bench.datasets.drawn.draw import Draw
from bench.datasets.drawn.person import SKIN_TONES, Brows, Colour, Eyes, Hair, Mouth, Nose, Person, Skin, Skull
from bench.seeding import stream

HAIR_COLOURS: dict[str, Colour] = {
    "black": (34, 29, 30), "dark brown": (62, 43, 33), "brown": (99, 68, 46), "chestnut": (122, 72, 44),
    "auburn": (142, 66, 38), "red": (184, 92, 46), "dark blond": (152, 118, 80), "blond": (208, 176, 124),
    "grey": (150, 147, 145), "white": (222, 218, 212),
}  # fmt: skip
IRIS_COLOURS: tuple[Colour, ...] = (
    (62, 40, 26), (88, 56, 32), (122, 82, 42), (128, 112, 56), (92, 122, 84), (86, 128, 160), (124, 150, 170),
)  # fmt: skip


def person_from_seed(seed: int, number: int) -> Person:
    """The person of a number in the population of a seed; the same on every machine."""
    draw = Draw(stream(seed, "drawn", "person", str(number)))
    masculine = draw.either(draw.between(0.0, 0.3), draw.between(0.7, 1.0), 0.5)
    age = draw.between(0.0, 1.0) ** 1.5
    tone = draw.between(0.0, len(SKIN_TONES) - 1.0) ** 1.25 / (len(SKIN_TONES) - 1.0) ** 0.25
    colour = _hair_colour(draw, tone, age)
    brows = Brows(
        height=draw.around(0.29 - 0.05 * masculine, 0.045),
        length=draw.around(0.30, 0.04),
        thick=draw.around(0.036 + 0.026 * masculine, 0.016),
        arch=draw.around(0.075 - 0.035 * masculine, 0.045),
        tilt=draw.around(-0.01, 0.04),
        gap=draw.around(0.20 - 0.03 * masculine, 0.045),
        dark=draw.between(0.55, 1.0),
    )
    skull, nose = _skull(draw, masculine), _nose(draw, masculine)
    return Person(
        masculine=draw.exact(masculine),
        age=draw.exact(age),
        skull=skull,
        eyes=_eyes(draw, masculine, age, tone),
        brows=brows,
        nose=nose,
        mouth=_mouth(draw, masculine, age, skull.chin_height - nose.length),
        skin=_skin(draw, masculine, age, tone),
        hair=_hair(draw, masculine, age, tone, colour),
        neck=draw.around(0.54 + 0.12 * masculine, 0.05),
        glasses=glasses_of(draw, masculine, age),
        jewels=jewels_of(draw, masculine),
    )


def _skull(draw: Draw, masculine: float) -> Skull:
    jaw = draw.around(0.74 + 0.07 * masculine, 0.075)
    return Skull(
        top=draw.around(-1.62, 0.07),
        temple=draw.around(0.945, 0.04),
        cheek=draw.around(0.98, 0.05),
        jaw=jaw,
        jaw_height=draw.around(0.98, 0.08),
        chin=draw.around(0.30 + 0.08 * masculine, 0.07),
        chin_height=draw.around(1.60 + 0.08 * masculine, 0.085),
        chin_forward=draw.around(1.0, 0.05),
        cheekbone=draw.around(0.05, 0.03),
        hollow=draw.between(0.0, 1.0),
        depth=draw.around(1.18, 0.04),
        ear=draw.around(0.34, 0.045),
        ear_out=draw.around(0.12, 0.06),
    )


def _eyes(draw: Draw, masculine: float, age: float, tone: float) -> Eyes:
    dark = tone > 3.2
    colour = IRIS_COLOURS[draw.whole(3 if dark else len(IRIS_COLOURS))]
    return Eyes(
        apart=draw.around(0.455, 0.03),
        width=draw.around(0.245 - 0.012 * masculine, 0.022),
        upper=draw.around(0.142 - 0.020 * masculine, 0.022),
        lower=draw.around(0.066, 0.014),
        tilt=draw.around(0.03, 0.055),
        crease=draw.around(0.055, 0.03),
        deep=draw.around(0.09 + 0.04 * masculine, 0.035),
        iris=draw.around(0.121, 0.007),
        colour=draw.near(colour, 0.15),
        lashes=draw.exact((1.0 - masculine) * draw.between(0.5, 1.0)),
        bags=draw.exact(min(1.0, age * draw.between(0.4, 1.2))),
    )


def _nose(draw: Draw, masculine: float) -> Nose:
    return Nose(
        length=draw.around(0.70 + 0.03 * masculine, 0.065),
        width=draw.around(0.235 + 0.025 * masculine, 0.04),
        bridge=draw.around(0.15 + 0.02 * masculine, 0.03),
        rise=draw.around(0.27 + 0.03 * masculine, 0.05),
        tip=draw.around(0.17, 0.03),
        hump=draw.around(0.01 + 0.01 * masculine, 0.03),
        turned_up=draw.around(0.0, 0.05),
    )


def _mouth(draw: Draw, masculine: float, age: float, room: float) -> Mouth:
    """A mouth; `room` is what lies between nose and chin, more than half of it below the mouth."""
    return Mouth(
        below_nose=draw.exact(min(draw.around(0.30 + 0.02 * masculine, 0.04), 0.40 * room)),
        width=draw.around(0.36 + 0.02 * masculine, 0.045),
        upper=draw.around(0.105 - 0.025 * masculine - 0.015 * age, 0.026),
        lower=draw.around(0.140 - 0.025 * masculine - 0.015 * age, 0.030),
        bow=draw.between(0.1, 0.5),
        corners=draw.around(0.015, 0.015),
        colour=draw.between(0.0, 1.0),
    )


def _skin(draw: Draw, masculine: float, age: float, tone: float) -> Skin:
    moles = tuple(
        (draw.between(-0.8, 0.8), draw.between(-0.2, 1.4), draw.between(0.010, 0.022))
        for _ in range(draw.whole(3) if draw.chance(0.5) else 0)
    )
    return Skin(
        tone=draw.exact(tone),
        red=draw.around(0.45, 0.35),
        yellow=draw.around(0.0, 0.4),
        blush=draw.between(0.1, 0.9),
        freckles=draw.between(0.4, 1.0) if tone < 2.5 and draw.chance(0.3) else 0.0,
        lines=draw.exact(min(1.0, max(0.0, age * draw.between(0.7, 1.3) - 0.15))),
        shine=draw.between(0.2, 1.0),
        makeup=draw.between(0.2, 1.0) if masculine < 0.5 and draw.chance(0.6) else 0.0,
        moles=moles,
        texture=draw.whole(2**31),
    )


def _hair_colour(draw: Draw, tone: float, age: float) -> Colour:
    if draw.chance(max(0.0, 1.6 * age - 0.8)):
        return draw.near(HAIR_COLOURS["grey" if draw.chance(0.6) else "white"], 0.08)
    odds = {"black": 1.0, "dark brown": 2.0, "brown": 2.0, "chestnut": 1.0}
    if tone < 3.0:
        odds |= {"auburn": 0.8, "red": 0.7, "dark blond": 1.5, "blond": 1.7}
    if tone > 4.0:
        odds = {"black": 3.0, "dark brown": 1.5, "brown": 0.3}
    return draw.near(HAIR_COLOURS[draw.weighted(odds)], 0.15)


def _hair(draw: Draw, masculine: float, age: float, tone: float, colour: Colour) -> Hair:
    if masculine > 0.5:
        odds = {"bald": 0.4 + age, "buzz": 1.0, "short": 2.0, "parted": 1.7, "swept": 1.4, "fringe": 1.0, "curly": 0.9,
                "afro": 0.2, "long": 0.3}  # fmt: skip
        beards = {"none": 3.0, "stubble": 1.2, "moustache": 0.5, "goatee": 0.7, "full": 1.2}
    else:
        odds = {"short": 0.5, "parted": 0.3, "bob": 1.6, "long": 2.4, "long_fringe": 1.5, "curly": 0.8, "afro": 0.4,
                "bun": 1.2, "swept": 0.3}  # fmt: skip
        beards = {"none": 1.0}
    if tone > 4.0:
        odds |= {"afro": 1.5, "curly": 1.5, "buzz": odds.get("buzz", 0.3) * 1.5}
        odds.pop("fringe", None)
    return Hair(
        style=draw.weighted(odds),
        colour=colour,
        hairline=draw.around(-0.92, 0.06),
        recede=draw.exact(masculine * max(0.0, draw.between(-0.2, 0.5) + 0.5 * age)),
        part=draw.either(-1.0, 1.0, 0.5) * draw.between(0.2, 0.5),
        volume=draw.between(0.6, 1.4),
        wave=draw.between(0.0, 1.0),
        length=draw.between(0.0, 1.0),
        beard=draw.weighted(beards),
        beard_dense=draw.between(0.6, 1.0),
        texture=draw.whole(2**31),
    )
