"""Neck, shoulders and clothes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.datasets.drawn.anatomy import LEFT, RIGHT, ear
from bench.datasets.drawn.canvas import Canvas
from bench.datasets.drawn.geometry import Floats, Pose
from bench.datasets.drawn.parts import CLOTH, EAR, NECK
from bench.datasets.drawn.person import Colour, Person
from bench.datasets.drawn.shading import Light, Noise, level, lit, plain, ramp, shaded, times
from bench.datasets.drawn.sketch import Sketch
from bench.datasets.drawn.skin import darker, tone
from bench.datasets.drawn.surface import Surface, cast, distance
from bench.datasets.drawn.view import View


def body_surface(person: Person) -> Surface:
    """Neck and shoulders."""
    n = person.neck
    wide = 1.75 + 0.35 * person.masculine
    outline = [
        (0.0, 0.40), (0.9 * n, 0.55), (n, 0.9), (0.98 * n, 1.40), (n + 0.04, 1.66), (n + 0.26, 1.86),
        (0.62 * wide, 2.00), (0.88 * wide, 2.16), (wide, 2.45), (wide + 0.12, 3.1), (wide + 0.15, 4.0),
    ]  # fmt: skip
    middle = [(0.40, -0.10), (0.9, -0.02), (1.5, 0.05), (1.9, 0.05), (2.3, -0.05), (4.0, -0.10)]
    return Surface(outline, middle, 0.62, open_end=True)


@dataclass(frozen=True, eq=False)
class Body:
    """A body that has been painted: what hangs on it needs its surface, its pose and the light on it.

    Attributes:
        surface: neck and shoulders.
        pose: of the body, which turns less than the head.
        level: how bright the breast lies.
    """

    surface: Surface
    pose: Pose
    level: float

    def under_light(self, colour: Colour) -> Colour:
        """A colour as it looks on the breast."""
        r, g, b = (min(255, round(part * self.level)) for part in colour)
        return r, g, b


def paint_body(sketch: Sketch, grid: int) -> Body:
    """Neck, shoulders and clothes, on a small grid of G pixels a side."""
    person, view, canvas = sketch.person, sketch.view, sketch.canvas
    pose = Pose.turned((0.25 * view.yaw, 0.0, 0.15 * view.roll), sketch.pose.pivot, sketch.pose.centre, view.scale)
    surface = body_surface(person)
    met = cast(surface, pose, grid, rounds=1)
    light = lit(met, view)
    chin = person.skull.chin_height
    under = ramp(-met.y, -chin - 0.42, -chin + 0.10)
    neck_light = Light(light.level * (1.0 - 0.42 * under), light.gloss * 0.3)
    outline = canvas.region(met.edge, met.window)
    canvas.cover(outline, shaded(plain(tone(person), met.x), neck_light, view, 0.3, 1.0), met.window, NECK)
    line = neckline(view, met.x)
    cloth = np.minimum(met.edge, distance(met.y - line))
    fold = 0.95 + 0.10 * Noise(view.grain).plane(2.0 * met.x + 1.5 * met.y, 1.5 * met.y - 1.5 * met.x)
    near = ramp(met.y - line, 0.0, 0.10)
    planes = times(plain(view.clothes, met.x), (fold, fold, fold))
    cloth_light = Light((0.35 + 0.65 * light.level) * (0.82 + 0.18 * near), light.gloss)
    canvas.cover(canvas.region(cloth, met.window), shaded(planes, cloth_light, view, 0.1), met.window, CLOTH)
    breast = level((np.array(0.0), np.array(-0.25), np.array(0.97)), view)
    body = Body(surface, pose, view.exposure * (0.35 + 0.55 * float(breast)))
    if view.neckline == "shirt":
        _paint_collar(canvas, body, view)
    return body


def _paint_collar(canvas: Canvas, body: Body, view: View) -> None:
    """The collar of a shirt and, where there is one, the upper end of a tie."""

    def laid(shape: list[tuple[float, float]], colour: Colour) -> None:
        canvas.fill(body.pose.project(body.surface.front(np.array(shape))), body.under_light(colour), label=CLOTH)

    low, apart = (1.90, 0.10) if view.tie else (2.08, 0.03)
    if view.tie:
        laid([(-0.10, 2.06), (0.10, 2.06), (0.24, 3.2), (-0.24, 3.2)], darker(view.tie, 0.88))
    for side in (LEFT, RIGHT):
        flap = [(0.60, 1.66), (apart, low), (apart + 0.26, low + 0.26), (0.80, 1.90)]
        shade = [(x, y + 0.035) for x, y in flap]
        laid([(side * x, y) for x, y in shade], darker(view.clothes, 0.62))
        laid([(side * x, y) for x, y in flap], view.clothes)
    if view.tie:
        laid([(-0.15, 1.88), (0.15, 1.88), (0.10, 2.10), (-0.10, 2.10)], view.tie)


def neckline(view: View, x: Floats) -> Floats:
    """The y of the upper edge of the clothes."""
    beside = np.abs(x)
    if view.neckline == "turtle":
        return 1.66 - 0.10 * beside
    if view.neckline == "vee":
        return 2.45 - 0.95 * beside
    if view.neckline == "shirt":
        return 1.92 - 0.35 * beside if view.tie else 2.10 - 0.75 * beside
    return 2.08 - 0.55 * beside * beside


def paint_ear(sketch: Sketch, side: float) -> None:
    """One ear: its rim, the shade in its bowl, the light on its fold."""
    canvas, s = sketch.canvas, sketch.scale
    rim, bowl = (sketch.pose.project(curve) for curve in ear(sketch.person, side))
    skin, at = tone(sketch.person), (side * 0.80, 0.3)
    ruddy = (skin[0], round(skin[1] * 0.90), round(skin[2] * 0.88))
    edge = canvas.polygon(rim)
    canvas.paint(edge, sketch.under_light(darker(ruddy, 0.80, 0.05), at), EAR[side])
    inner = rim.mean(axis=0) + 0.86 * (rim - rim.mean(axis=0))
    canvas.fill(inner, sketch.under_light(darker(ruddy, 0.97), at), 0.02 * s, 1.0, edge)
    canvas.fill(bowl, sketch.under_light(darker(ruddy, 0.62, 0.15), at), 0.022 * s, 0.85, edge)
