"""Hair: a second, larger surface around the skull, on which a hairline says where hair grows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.datasets.drawn.anatomy import dome
from bench.datasets.drawn.canvas import Canvas, Mask
from bench.datasets.drawn.geometry import Floats, Pose, Window, piecewise
from bench.datasets.drawn.hair_styles import Style
from bench.datasets.drawn.hats import HatLayer
from bench.datasets.drawn.parts import HAIR
from bench.datasets.drawn.person import Person
from bench.datasets.drawn.shading import Light, lit, plain, ramp, shaded, shadow, times
from bench.datasets.drawn.strands import lookup, paint_strands, strands_over, texture
from bench.datasets.drawn.surface import Cast, Surface, cast, distance
from bench.datasets.drawn.view import View

UNDER_HAT = 0.12
"""How far hair goes on under a hat, head units: its cut edge must never show."""


def pressed(style: Style, volume: float) -> Style:
    """A style as it is under a hat: flat against the skull, and bushy only below the hat."""
    at_hat = min(style.side, 0.045 / volume)
    flare = (style.side - at_hat) * (0.45 if style.curl else 1.0)
    return replace(style, top=0.02, side=at_hat, flare=flare, bun=0.0)


def hair_surface(person: Person, style: Style) -> Surface:
    """The outer surface of the hair."""
    skull, volume = person.skull, person.hair.volume
    top, side, low, flare = (volume * part for part in (style.top, style.side, style.low, style.flare))
    t, w = skull.top, skull.temple
    outline = [
        *dome(w + 1.1 * side, t - top, -0.42),
        (0.5 * (w + skull.cheek) + 0.02 + side + flare, 0.0),
    ]
    if style.length is None:
        outline += [(skull.cheek + 0.5 * side + flare, 0.42), (0.85 * skull.cheek, 0.9), (0.0, 1.4)]
    else:
        end = lower_end(person, style)
        wide = skull.cheek + low
        outline += [
            (wide + 0.02, 0.42),
            (wide + 0.03, 0.5 * end + 0.12),
            (wide + 0.02, end - 0.15),
            (wide - 0.06, end + 0.3),
        ]
    middle = [(t - top, -0.14), (-1.0, -0.02 + 0.15 * top), (-0.4, 0.04), (0.5, -0.02), (1.5, -0.04), (3.0, -0.04)]
    return Surface(outline, middle, skull.depth, open_end=style.length is not None)


def azimuth(met: Cast, hair: Surface, head: Surface) -> Floats:
    """Degrees from the middle of the face, 180 at the back, of the place on the skull that hair at a point grows from.

    In front, hair stands before the spot where it is seen, so the widths of skull and hair are compared; beside and
    behind the head, the angle on the hair's own surface serves.
    """
    outer, middle, _, _ = hair.slice_at(met.y)
    skull = np.sqrt(np.maximum(head.slice_at(met.y)[0], 0.04))
    outer = np.sqrt(np.maximum(outer, 0.04))
    turn = np.arctan2(np.abs(met.x) * hair.depth, met.z - middle) * (180.0 / np.pi)
    wider = np.maximum(outer / skull, 1.0)
    last = np.arcsin(0.96 / wider) * (180.0 / np.pi)
    front = np.arcsin(np.minimum(0.96, np.abs(met.x) / skull)) * (180.0 / np.pi)
    side = 73.74 + (90.0 - 73.74) * (turn - last) / (90.0 - last)
    return np.sign(met.x) * np.where(turn < last, front, np.maximum(side, turn))


def lower_end(person: Person, style: Style) -> float:
    """The y where long hair ends."""
    return (style.length or 0.0) + 0.5 * (person.hair.length - 0.5)


def grown(person: Person, style: Style, met: Cast, shell: Surface, head: Surface) -> Floats:
    """Where on the surface there is hair, its lower end aside: a field, positive there, in head units."""
    hair = person.hair
    angle = azimuth(met, shell, head)
    beside = np.abs(angle)
    line = [(a, y + (hair.hairline if a < 52 else 0.0)) for a, y in style.line]
    edge = piecewise(line)(beside)
    corner = np.maximum(0.0, 1.0 - ((beside - 38.0) / 22.0) ** 2)
    edge = edge - 0.26 * hair.recede * corner * (style.length is None and hair.style != "fringe")
    if hair.style in ("parted", "swept", "bob", "long"):
        lean = np.maximum(0.0, 1.0 - ((angle * np.sign(hair.part) + 22.0) / 34.0) ** 2)
        edge = edge + 0.16 * lean
    # far from the edge only the sign counts: jumps of the angle there must not look like an edge
    field: Floats = np.clip(edge - met.y, -0.3, 0.3)
    return field


def strand_coordinates(person: Person, style: Style, met: Cast) -> tuple[Floats, Floats]:
    """Across and along the strands, in texels of the texture."""
    hair = person.hair
    if style.curl:
        return (np.arctan2(met.x, met.z + 1.2) * 300.0 + 512.0), met.y * 40.0 + 64.0
    high = ramp(-met.y, 0.2, 1.5)
    across = met.x - hair.part * 0.9 * high
    turn = np.arctan2(across, met.z + 0.45 - (style.whorl + 0.45) * high)
    wave = hair.wave if style.length is not None else 0.3 * hair.wave
    turn = turn + 0.035 * wave * np.sin(7.0 * met.y + 3.0 * turn)
    return turn * 200.0 + 512.0, met.y * 16.0 + 64.0


class HairLayer:
    """The hair of one picture: cast once, painted behind the body and again over the face.

    Args:
        person: who.
        style: how the hair is worn.
        view: how seen.
        head: the skull that it grows on.
        pose: of the head.
        grid: G, pixels a side of the small grid.
        hat: what presses it down and hides what lies under it.
    """

    def __init__(
        self,
        person: Person,
        style: Style,
        view: View,
        head: Surface,
        pose: Pose,
        grid: int,
        hat: HatLayer | None = None,
    ) -> None:
        style = pressed(style, person.hair.volume) if hat else style
        self.person, self.style, self.view = person, style, view
        shell = hair_surface(person, style)
        self.met = cast(shell, pose, grid, rounds=2)
        self.light = lit(self.met, view)
        self._pose = pose
        self._texels = texture(person.hair.texture, bool(style.curl))
        self._coordinates = strand_coordinates(person, style, self.met)
        self._coarse = coarse = lookup(self._texels, *self._coordinates) / 255.0
        unit = pose.scale * grid
        self.outline = self.met.edge + (0.10 if style.curl else 0.015) * unit * (coarse - 0.6)
        field, ragged = grown(person, style, self.met, shell, head), 1.6 * style.ragged * (coarse - 0.5)
        self._smooth = np.minimum(self.met.edge, distance(field))
        self.field = np.minimum(self.outline, distance(field + ragged))
        if style.length is not None:
            end = lower_end(person, style) - self.met.y
            self._smooth = np.minimum(self._smooth, distance(end))
            self.field = np.minimum(self.field, distance(end + 0.2 * (coarse - 0.5)))
        if hat:
            free = distance(np.clip(self.met.y - hat.edge(self.met.z) + UNDER_HAT, -0.3, 0.3))
            self._smooth, self.field = np.minimum(self._smooth, free), np.minimum(self.field, free)
            self.outline = np.minimum(self.outline, free)
            shade = 1.0 - 0.35 * hat.shadow(self.met.window)
            self.light = Light(self.light.level * shade, self.light.gloss * shade)

    def shadow(self, window: Window) -> Floats:
        """How much light the hair takes from what lies in a window, 0 to 1."""
        solid = np.rint(255.0 * np.clip(self._smooth + 0.5, 0.0, 1.0)).astype(np.uint8)
        return shadow(Image.fromarray(solid), window, self.met.window, 1.0 / 40.0)

    def paint_behind(self, canvas: Canvas) -> None:
        """Hair behind the ears and the neck."""
        end = 0.35 if self.style.length is None else lower_end(self.person, self.style)
        lower = end - 0.12 - self.met.y
        if self.style.curl:
            lower = lower + 0.25 * (self._coarse - 0.5)
        mask = canvas.region(np.minimum(self.outline, distance(lower)), self.met.window)
        if self.style.curl:
            # bushy hair has a front of its own beside the temples
            self._paint_through(canvas, mask, (0.50, 0.95))
        else:
            r, g, b = self.person.hair.colour
            canvas.paint(mask, (round(0.36 * r), round(0.36 * g), round(0.36 * b)), HAIR)

    def paint_bun(self, canvas: Canvas) -> None:
        """The knot on top of the head."""
        if self.style.bun <= 0:
            return
        size, top = self.style.bun * self.person.hair.volume, self.person.skull.top
        low = top + 0.25 * size
        ball = Surface(
            [(0.0, low - 1.7 * size), (0.70 * size, low - 1.45 * size), (size, low - 0.75 * size), (0.0, low)],
            [(low - 1.7 * size, -0.35), (low, -0.35)],
            1.0,
        )
        met = cast(ball, self._pose, self.met.window.grid, rounds=2)
        light = lit(met, self.view)
        mask = canvas.region(met.edge, met.window)
        turn = np.arctan2(met.y - low + 0.85 * size, met.x) + 1.5 * np.abs(met.x)
        strands = strands_over(canvas, met.window, mask, self._texels, turn * 60.0 + 512.0, met.z * 16.0 + 64.0)
        shade, bright = (self._colours(f, g, met.normal, light) for f, g in ((0.58, 0.0), (1.16, 0.6)))
        paint_strands(canvas, met.window, mask, strands, shade, bright, HAIR)

    def paint(self, canvas: Canvas) -> None:
        """Hair in front."""
        window = self.met.window
        mask = canvas.region(self.field, window)
        if self.person.hair.style == "buzz":
            mask = canvas.region(self._smooth, window, 5.0).within(canvas.region(self.outline, window))
        self._paint_through(canvas, mask, (0.66, 1.24))

    def _paint_through(self, canvas: Canvas, mask: Mask, brightness: tuple[float, float]) -> None:
        """Strands through a mask over the whole window; `brightness` of their shade and of their light."""
        window, (low, high) = self.met.window, brightness
        strands = strands_over(canvas, window, mask, self._texels, *self._coordinates)
        shade, bright = (self._colours(f, g, self.met.normal, self.light) for f, g in ((low, 0.0), (high, 1.0)))
        paint_strands(canvas, window, mask, strands, shade, bright, HAIR)

    def _colours(
        self, brightness: float, gloss: float, normal: tuple[Floats, Floats, Floats], light: Light
    ) -> NDArray[np.uint8]:
        _, ny, nz = normal
        level = 0.35 + 0.65 * light.level
        planes = times(plain(self.person.hair.colour, level), (brightness, brightness, brightness))
        if gloss > 0:
            band = np.maximum(0.0, 1.0 - ((ny + 0.50) / 0.28) ** 2) * np.maximum(nz, 0.0)
            shine = 34.0 * gloss * band * band * (1.0 - 0.7 * self.style.curl)
            planes = (planes[0] + shine, planes[1] + shine, planes[2] + shine)
        return shaded(planes, Light(level, light.gloss), self.view, 0.4 * gloss)
