"""One person, one view, one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from bench.datasets.drawn.anatomy import LEFT, RIGHT, head_surface
from bench.datasets.drawn.beard import paint_beard, stubbled
from bench.datasets.drawn.body import paint_body, paint_ear
from bench.datasets.drawn.canvas import Canvas
from bench.datasets.drawn.features import paint_brow, paint_eye, paint_lines, paint_mouth, paint_nose
from bench.datasets.drawn.geometry import Pose
from bench.datasets.drawn.glasses import paint_glasses
from bench.datasets.drawn.hair import HairLayer
from bench.datasets.drawn.hair_styles import style_of
from bench.datasets.drawn.hats import HatLayer
from bench.datasets.drawn.jewels import paint_earring, paint_necklace
from bench.datasets.drawn.parts import SKIN
from bench.datasets.drawn.person import Person
from bench.datasets.drawn.shading import Light, Planes, lit, shaded
from bench.datasets.drawn.sketch import Sketch
from bench.datasets.drawn.skin import albedo
from bench.datasets.drawn.surface import Cast, cast
from bench.datasets.drawn.view import View

REVISION = 2
"""Raised with every change that alters a pixel: it is part of every digest."""

SMALLEST_SIDE = 32
PIVOT = (0.0, 0.50, 0.0)
"""The head turns about the top of the neck."""
PIVOT_IN_PICTURE = (0.5, 0.615)


def head_pose(view: View) -> Pose:
    """The pose of the head in a view."""
    centre = (PIVOT_IN_PICTURE[0] + view.offset[0], PIVOT_IN_PICTURE[1] + view.offset[1])
    return Pose.turned((view.yaw, view.pitch, view.roll), PIVOT, centre, view.scale)


def render(person: Person, view: View, side: int) -> NDArray[np.uint8]:
    """The picture of a person in a view.

    Args:
        person: who.
        view: how seen.
        side: pixels of the square picture, at least `SMALLEST_SIDE`.

    Returns:
        uint8 (side, side, 3) RGB; the same arguments give the same bytes.
    """
    return _photographed(_painted(person, view, side, labelled=False).finished(), view)


def mask(person: Person, view: View, side: int) -> NDArray[np.uint8]:
    """What each pixel of `render`'s picture shows.

    The picture is painted again, on a canvas that keeps labels beside colours: what paints a pixel labels it. Light,
    blur and grain change nothing.

    Args:
        person: who.
        view: how seen.
        side: pixels of the square picture, at least `SMALLEST_SIDE`.

    Returns:
        uint8 (side, side): the 19 classes of CelebAMask-HQ, see `bench.api.MaskedDataset.mask`. A beard is skin, teeth
        and tongue are mouth, shoulders in a neckline are neck, lenses are glasses whatever is seen through them.
    """
    return _painted(person, view, side, labelled=True).finished_labels()


def _painted(person: Person, view: View, side: int, labelled: bool) -> Canvas:
    if side < SMALLEST_SIDE:
        raise ValueError(f"side: got {side}, expected at least {SMALLEST_SIDE}")
    canvas = Canvas(side, labelled)
    canvas.image.paste(_background(view, side).resize((canvas.size, canvas.size), Image.Resampling.NEAREST))
    grid = min(256, max(64, side // 2))
    pose, head = head_pose(view), head_surface(person, view)
    met = cast(head, pose, grid, rounds=4)
    light = lit(met, view)
    hat = HatLayer(person, view, pose, grid) if view.hat.style != "none" else None
    style = style_of(person)
    hair = HairLayer(person, style, view, head, pose, grid, hat) if style else None
    for shade in [layer.shadow(met.window) * depth for layer, depth in ((hair, 0.45), (hat, 0.32)) if layer]:
        light = Light(light.level * (1.0 - shade), light.gloss * (1.0 - shade))
    if hat:
        hat.paint_behind(canvas)
    if hair:
        hair.paint_bun(canvas)
        hair.paint_behind(canvas)
    sketch = Sketch(canvas, person, view, head, pose, light, met.window)
    planes = stubbled(person, view, albedo(person, view, met), met)
    body = paint_body(sketch, grid)
    if view.necklace:
        paint_necklace(sketch, body)
    near = LEFT if view.yaw > 5.0 else RIGHT if view.yaw < -5.0 else 0.0
    _paint_ears(sketch, [side_of for side_of in (LEFT, RIGHT) if side_of != near])
    colours = shaded(planes, light, view, person.skin.shine, 1.0)
    canvas.cover(canvas.region(met.edge, met.window), colours, met.window, SKIN)
    if near:
        _paint_ears(sketch, [near])
    _paint_face(sketch, met, planes)
    if view.glasses:
        paint_glasses(sketch, met)
    if hair:
        hair.paint(canvas)
    if hat:
        hat.paint(canvas)
    return canvas


def _paint_ears(sketch: Sketch, sides: Sequence[float]) -> None:
    for side in sides:
        paint_ear(sketch, side)
        if sketch.view.earrings:
            paint_earring(sketch, side)


def _paint_face(sketch: Sketch, met: Cast, planes: Planes) -> None:
    paint_lines(sketch)
    paint_nose(sketch, met)
    for side in (LEFT, RIGHT):
        paint_eye(sketch, side)
        paint_brow(sketch, side)
    paint_beard(sketch, met)
    paint_mouth(sketch, planes)


def _background(view: View, side: int) -> Image.Image:
    """A wall out of focus: one colour passes into another, with blots."""
    steps = (np.arange(16) + 0.5) / 16
    part = 0.35 * steps[None, :] + 0.65 * steps[:, None]
    first, second = (np.array(colour, dtype=np.float64) for colour in view.background)
    blots = np.random.default_rng(view.grain).random((5, 5)) if view.grain else np.full((5, 5), 0.5)
    small = Image.fromarray(np.rint(blots * 255).astype(np.uint8)).resize((16, 16), Image.Resampling.BICUBIC)
    bright = view.exposure * (0.90 + 0.18 * np.asarray(small, dtype=np.float64) / 255)
    levels = (first + (second - first) * part[:, :, None]) * bright[:, :, None]
    wall = Image.fromarray(np.rint(np.clip(levels, 0, 255)).astype(np.uint8))
    return wall.resize((side, side), Image.Resampling.BICUBIC)


def _photographed(picture: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """What a camera makes of it: blur, then grain."""
    side = len(picture)
    if view.blur > 0:
        blurred = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(view.blur * side / 192))
        picture = np.array(blurred)
    if view.noise > 0:
        # the sum of two bytes is roughly bell-shaped, with a deviation of 104.5
        first, second = np.random.default_rng(view.grain).integers(0, 256, (2, side, side), dtype=np.uint8)
        bell = first.astype(np.int16) + second - 255
        grain = np.rint(bell * (view.noise / 104.5)).astype(np.int16)
        picture = np.clip(picture + grain[:, :, None], 0, 255).astype(np.uint8)
    return picture
