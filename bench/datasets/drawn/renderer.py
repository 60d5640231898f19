"""One person, one view, one picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from bench.datasets.drawn.anatomy import LEFT, RIGHT, ear, head_surface
from bench.datasets.drawn.beard import paint_beard, stubbled
from bench.datasets.drawn.body import paint_body
from bench.datasets.drawn.canvas import Canvas
from bench.datasets.drawn.features import paint_brow, paint_eye, paint_lines, paint_mouth, paint_nose
from bench.datasets.drawn.geometry import Pose, cast
from bench.datasets.drawn.hair import HairLayer, style_of
from bench.datasets.drawn.person import Person
from bench.datasets.drawn.shading import Light, lit, shaded
from bench.datasets.drawn.sketch import Sketch
from bench.datasets.drawn.skin import albedo, darker, tone
from bench.datasets.drawn.view import View

REVISION = 1
PIVOT = (0.0, 0.50, 0.0)


def head_pose(view: View) -> Pose:
    centre = (0.5 + view.offset[0], 0.615 + view.offset[1])
    return Pose.turned((view.yaw, view.pitch, view.roll), PIVOT, centre, view.scale)


def render(person: Person, view: View, side: int) -> NDArray[np.uint8]:
    canvas = Canvas(side)
    grid = min(256, max(96, side * 2 // 3))
    pose, head = head_pose(view), head_surface(person, view)
    met = cast(head, pose, grid)
    light = lit(met, view)
    canvas.image.paste(view.background[0], (0, 0, canvas.size, canvas.size))
    planes = albedo(person, view, met)
    planes = stubbled(person, view, planes, met)
    style = style_of(person)
    hair = HairLayer(person, style, view, head, pose, grid) if style else None
    if hair:
        shade = 1.0 - 0.45 * hair.shadow(met.window)
        light = Light(light.level * shade, light.gloss * shade)
        hair.paint_behind(canvas)
    sketch = Sketch(canvas, person, view, head, pose, light, met.window)
    paint_body(sketch, grid)
    for s in (LEFT, RIGHT):
        paint_ear(sketch, s)
    canvas.cover(canvas.region(met.edge, met.window), shaded(planes, light, view, person.skin.shine, 1.0), met.window)
    paint_lines(sketch)
    paint_nose(sketch)
    paint_beard(sketch, met)
    paint_mouth(sketch, planes)
    for s in (LEFT, RIGHT):
        paint_eye(sketch, s)
        paint_brow(sketch, s)
    if hair:
        hair.paint(canvas)
    return canvas.finished()


def paint_ear(sketch, side):
    rim, bowl = ear(sketch.person, side)
    skin = tone(sketch.person)
    at = (side * 0.85, 0.3)
    sketch.canvas.fill(sketch.pose.project(rim), sketch.under_light(darker(skin, 0.94, 0.05), at))
    sketch.canvas.fill(sketch.pose.project(bowl), sketch.under_light(darker(skin, 0.68, 0.15), at), 0.02 * sketch.scale, 0.8)
