"""Glasses: two lenses on a bent sheet before the eyes, a bridge, and arms that run back to the ears."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import ImageChops

from bench.datasets.drawn.anatomy import LEFT, RIGHT
from bench.datasets.drawn.canvas import Mask, ribbon
from bench.datasets.drawn.geometry import Floats, loop
from bench.datasets.drawn.parts import GLASSES
from bench.datasets.drawn.person import Person
from bench.datasets.drawn.sketch import Sketch
from bench.datasets.drawn.skin import darker, tone
from bench.datasets.drawn.surface import Cast, Surface, distance

WRAP = 0.14
"""How much the sheet of the lenses bends back, head units for one unit aside squared."""

# outline of a lens, from its inner end upwards: towards the temple, down, in half widths of the lens
SHAPES: dict[str, tuple[tuple[float, float], ...]] = {
    "round": ((-1.0, 0.0), (-0.71, -0.66), (0.0, -0.92), (0.71, -0.66), (1.0, 0.0), (0.71, 0.66), (0.0, 0.92),
              (-0.71, 0.66)),
    "oval": ((-1.0, 0.0), (-0.74, -0.46), (0.0, -0.66), (0.74, -0.46), (1.0, 0.0), (0.74, 0.46), (0.0, 0.66),
             (-0.74, 0.46)),
    "rectangle": ((-1.0, 0.0), (-0.94, -0.50), (-0.5, -0.60), (0.4, -0.61), (0.97, -0.52), (1.02, 0.0), (0.88, 0.50),
                  (0.3, 0.60), (-0.4, 0.60), (-0.86, 0.50)),
    "browline": ((-1.0, -0.1), (-0.92, -0.56), (-0.4, -0.66), (0.4, -0.68), (1.0, -0.60), (1.03, -0.1), (0.75, 0.50),
                 (0.1, 0.68), (-0.55, 0.54)),
    "aviator": ((-0.96, -0.15), (-0.72, -0.62), (0.0, -0.70), (0.75, -0.66), (1.04, -0.2), (0.88, 0.45), (0.35, 0.86),
                (-0.30, 0.74), (-0.78, 0.30)),
    "cat_eye": ((-1.0, 0.02), (-0.86, -0.42), (-0.3, -0.56), (0.5, -0.66), (1.14, -0.80), (1.04, -0.12), (0.70, 0.44),
                (0.05, 0.60), (-0.65, 0.48)),
    "rimless": ((-1.0, 0.0), (-0.92, -0.44), (-0.4, -0.56), (0.4, -0.57), (0.94, -0.48), (1.0, 0.0), (0.84, 0.44),
                (0.3, 0.56), (-0.4, 0.56), (-0.84, 0.42)),
}  # fmt: skip
METAL = ("round", "aviator", "oval")
"""Styles whose frames are of wire."""


@dataclass(frozen=True, eq=False)
class Spectacles:
    """The glasses of a person, in head units.

    Attributes:
        lenses: for the eye at the left and at the right of the picture, the lens's outline, float64 (P, 3).
        rims: the same outlines with the frame around them.
        bridge: line between the lenses, (P, 3).
        arms: from the hinges to the ears, (P, 3) each, at the left and at the right.
        before: z of the sheet at x = 0.
    """

    lenses: dict[float, Floats]
    rims: dict[float, Floats]
    bridge: Floats
    arms: dict[float, Floats]
    before: float


def spectacles(person: Person, head: Surface) -> Spectacles:
    """Where somebody's glasses sit: as near the face as brows, cheeks and bridge of the nose let them."""
    own, eyes, skull = person.glasses, person.eyes, person.skull
    thick = thickness(person)
    half = min(own.width, eyes.apart - 0.105 - thick)
    centre = np.array([max(eyes.apart, half + 0.105 + thick) + 0.01, 0.045])
    shape = loop(np.array(SHAPES[own.style])) * (1.0, 1.12)
    lens, rim = centre + half * shape, centre + (half + thick) * shape
    around = head.front(rim)
    over_nose = head.front(np.array([[0.0, -0.02]]))
    before = max(float((around[:, 2] + WRAP * rim[:, 0] ** 2).max()), float(over_nose[0, 2])) + 0.03

    def on_sheet(flat: Floats) -> Floats:
        return np.stack([flat[:, 0], flat[:, 1], before - WRAP * flat[:, 0] ** 2], axis=1)

    mirror = np.array([-1.0, 1.0])
    inner, outer = float(lens[:, 0].min()), float(rim[:, 0].max())
    t = np.linspace(-1.0, 1.0, 9)
    high = -0.10 if own.style in ("aviator", "browline", "cat_eye") else -0.03
    bridge = on_sheet(np.stack([inner * t, high - 0.05 * (1.0 - t * t)], axis=1))
    start = np.array([[outer, float(rim[np.argmax(rim[:, 0]), 1])]])
    hinge = on_sheet(start)[0]
    root = np.array([0.5 * (skull.temple + skull.cheek) + 0.03, -0.04, -0.10])
    way = np.linspace(0.0, 1.0, 21)[:, None]
    bend = np.stack([0.06 * np.sin(np.pi * way[:, 0]), 0.0 * way[:, 0], 0.0 * way[:, 0]], axis=1)
    arm = hinge + (root - hinge) * way + bend
    flip = np.array([-1.0, 1.0, 1.0])
    return Spectacles(
        {LEFT: on_sheet(lens * mirror), RIGHT: on_sheet(lens)},
        {LEFT: on_sheet(rim * mirror), RIGHT: on_sheet(rim)},
        bridge,
        {LEFT: arm * flip, RIGHT: arm},
        before,
    )


def thickness(person: Person) -> float:
    """Thickness of the rims, head units."""
    own = person.glasses
    if own.style == "rimless":
        return 0.011
    return 0.55 * own.thick if own.style in METAL else own.thick


def paint_glasses(sketch: Sketch, met: Cast) -> None:
    """The glasses, over the face: their shadow, the lenses, the frame; hidden where the nose stands before them."""
    person, canvas, s, own = sketch.person, sketch.canvas, sketch.scale, sketch.person.glasses
    worn = spectacles(person, sketch.head)
    nose = canvas.region(
        np.minimum(met.edge, distance(np.clip(met.z - worn.before + WRAP * met.x**2, -0.3, 0.3))), met.window
    )
    seen = Mask(ImageChops.invert(nose.image), nose.box)
    outline = canvas.region(met.edge, met.window)
    at = (0.0, 0.0)
    shade = sketch.under_light(darker(tone(person), 0.42, 0.2), at)
    frame = sketch.under_light(own.frame, at, 0.8)
    _paint_arms(sketch, worn)
    for side in (LEFT, RIGHT):
        lens, rim = sketch.pose.project(worn.lenses[side]), sketch.pose.project(worn.rims[side])
        moved = np.array([-0.02 * np.sign(sketch.view.light[0]), 0.045]) * s
        canvas.paint(canvas.ring(rim + moved, lens + moved, 0.012 * s, 0.45).within(outline), shade)
        glass = _visible(canvas.polygon(lens), seen)
        _paint_lens(sketch, glass, lens)
        canvas.label(_visible(canvas.polygon(rim), seen), GLASSES)
        ring = _visible(canvas.ring(rim, lens), seen)
        if own.style == "rimless":
            ring = Mask(ring.image.point([round(0.5 * v) for v in range(256)]), ring.box)
        canvas.paint(ring, frame)
        if own.style == "browline":
            _paint_browline(sketch, worn.rims[side], seen)
        _paint_gleam(sketch, lens, rim, ring)
    width = np.full(len(worn.bridge), max(0.014, 0.8 * thickness(person)) * s)
    for line in _bridges(person, worn):
        canvas.paint(canvas.polygon(ribbon(sketch.pose.project(line), width)), frame, GLASSES)


def _bridges(person: Person, worn: Spectacles) -> list[Floats]:
    if person.glasses.style != "aviator":
        return [worn.bridge]
    return [worn.bridge, worn.bridge + np.array([0.0, -0.09, 0.0])]


def _visible(mask: Mask, seen: Mask) -> Mask:
    """A mask without what a nose hides; beyond the rectangle of `seen` all is seen."""
    left, top, right, bottom = mask.box
    x, y = seen.box[:2]
    whole = mask.image.copy()
    inside = seen.image.crop((left - x, top - y, right - x, bottom - y))
    known = seen.image.point([255] * 256).crop((left - x, top - y, right - x, bottom - y))
    hidden = ImageChops.subtract(known, inside)
    return Mask(ImageChops.multiply(whole, ImageChops.invert(hidden)), mask.box)


def _paint_lens(sketch: Sketch, glass: Mask, lens: Floats) -> None:
    canvas, own = sketch.canvas, sketch.person.glasses
    if own.tint > 0:
        canvas.paint(Mask(glass.image.point([round(own.tint * v) for v in range(256)]), glass.box), own.lens)
    centre, low, high = lens.mean(axis=0), lens.min(axis=0), lens.max(axis=0)
    width, height = high - low
    lean = np.array([[-0.02, -0.8], [0.22, -0.8], [-0.12, 0.8], [-0.36, 0.8]]) * (width, height)
    streak = canvas.polygon(centre + lean - [0.12 * width, 0.0], 0.02 * sketch.scale, 0.10 + 0.10 * own.tint)
    canvas.paint(streak.within(glass), (255, 255, 255))


def _paint_browline(sketch: Sketch, rim: Floats, seen: Mask) -> None:
    """The heavy upper half of a frame."""
    low, high = rim[:, 1].min(), rim[:, 1].max()
    upper = rim[rim[:, 1] < low + 0.35 * (high - low)]
    order = np.argsort(upper[:, 0], kind="stable")
    line = sketch.pose.project(upper[order])
    canvas, s = sketch.canvas, sketch.scale
    thick = np.full(len(line), 1.3 * sketch.person.glasses.thick * s)
    mask = _visible(canvas.polygon(ribbon(line, thick)), seen)
    canvas.paint(mask, sketch.under_light(sketch.person.glasses.frame, (0.0, 0.0), 0.8), GLASSES)


def _paint_gleam(sketch: Sketch, lens: Floats, rim: Floats, ring: Mask) -> None:
    """Light on the upper edge of the frame."""
    canvas = sketch.canvas
    middle = 0.35 * lens + 0.65 * rim
    top = middle[: len(middle) // 2]
    gleam = canvas.polygon(ribbon(top, np.full(len(top), 0.005 * sketch.scale)), 0.003 * sketch.scale, 0.45)
    r, g, b = (min(255, part + 70) for part in sketch.person.glasses.frame)
    canvas.paint(gleam.within(ring), sketch.under_light((r, g, b), (0.0, 0.0), 0.8))


def _paint_arms(sketch: Sketch, worn: Spectacles) -> None:
    """The arms, as far as they lie on the side of the head that is seen."""
    canvas, s, head = sketch.canvas, sketch.scale, sketch.head
    colour = sketch.under_light(darker(sketch.person.glasses.frame, 0.9), (0.0, 0.0), 0.8)
    half = max(0.014, 0.8 * sketch.person.glasses.thick)
    for side in (LEFT, RIGHT):
        arm = worn.arms[side]
        _, middle, _, _ = head.slice_at(arm[:, 1])
        _, _, towards = sketch.pose.to_camera(arm[:, 0], 0.0 * middle, head.stiffness * (arm[:, 2] - middle))
        many = int(np.argmin(towards > 0.0)) or len(arm) if towards[0] > 0 else 0
        if many > 1:
            canvas.stroke(sketch.pose.project(arm[:many]), np.full(many, half * s), colour, label=GLASSES)
