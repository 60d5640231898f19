"""Hats: a third surface around the skull, cut off by a plane, and for some a brim or a visor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bench.datasets.drawn.anatomy import dome
from bench.datasets.drawn.canvas import Canvas, Mask, ribbon
from bench.datasets.drawn.geometry import Floats, Pose, Window
from bench.datasets.drawn.parts import HAT
from bench.datasets.drawn.person import Colour, Person
from bench.datasets.drawn.shading import Light, Noise, level, lit, plain, ramp, shaded, shadow, times
from bench.datasets.drawn.skin import darker
from bench.datasets.drawn.surface import Surface, cast, distance
from bench.datasets.drawn.view import View

FRONT, BACK = 1.1, -1.2
"""The z of forehead and nape, between which a hat's lower edge sinks from `Cut.front` to `Cut.back`."""


@dataclass(frozen=True)
class Cut:
    """The form of one hat, head units.

    Attributes:
        rise: how far its top stands above the skull.
        ease: how far its sides stand off the temples.
        front: y of its lower edge at the forehead.
        back: y of its lower edge at the nape.
        flat: whether its top is flat.
        brim: how far a brim reaches out; 0 for none.
        drop: how much lower the brim's outer edge lies than the inner one.
        curl: how much the brim is turned up at the sides.
        visor: how far a visor reaches out; 0 for none.
        band: how tall a band or a fold is; 0 for none.
        ribs: how many ribs or seams run up to the top.
    """

    rise: float
    ease: float
    front: float
    back: float
    flat: bool = False
    brim: float = 0.0
    drop: float = 0.0
    curl: float = 0.0
    visor: float = 0.0
    band: float = 0.0
    ribs: int = 0


CUTS: dict[str, Cut] = {
    "cap": Cut(rise=0.13, ease=0.060, front=-0.86, back=-0.20, visor=0.80, drop=0.17, ribs=6),
    "beanie": Cut(rise=0.20, ease=0.075, front=-0.72, back=-0.05, band=0.30, ribs=44),
    "fedora": Cut(rise=0.36, ease=0.060, front=-0.86, back=-0.42, flat=True, brim=0.46, drop=0.10, curl=0.14, band=0.2),
    "bucket": Cut(rise=0.15, ease=0.075, front=-0.92, back=-0.45, flat=True, brim=0.26, drop=0.24, ribs=4),
    "sun_hat": Cut(rise=0.22, ease=0.070, front=-0.88, back=-0.42, brim=0.78, drop=0.16, curl=-0.06, band=0.17),
}


def hat_surface(person: Person, cut: Cut) -> Surface:
    """The crown, which goes on under its edge so that its outline does not bend there."""
    skull = person.skull
    wide, top = skull.temple + cut.ease, skull.top - cut.rise
    if cut.flat:
        upper = [(0.0, top), (0.46 * wide, top + 0.05), (0.72 * wide, top + 0.17), (0.86 * wide, top + 0.37)]
        upper += [(0.95 * wide, -1.05), (wide, -0.55)]
    else:
        upper = dome(wide, top, -0.42)
    outline = [*upper, (wide + 0.01, 0.0), (0.9 * wide, 0.5), (0.0, 1.1)]
    middle = [(top, -0.14), (-1.0, -0.02), (-0.4, 0.04), (0.5, -0.02), (1.2, -0.04)]
    return Surface(outline, middle, skull.depth)


class HatLayer:
    """The hat of one picture: painted partly behind everything, partly over everything.

    Args:
        person: who.
        view: how seen; its hat must not be ``"none"``.
        pose: of the head.
        grid: G, pixels a side of the small grid.
    """

    def __init__(self, person: Person, view: View, pose: Pose, grid: int) -> None:
        self.view, self.pose, self.hat, self.cut = view, pose, view.hat, CUTS[view.hat.style]
        self.surface = hat_surface(person, self.cut)
        self.met = cast(self.surface, pose, grid, rounds=2)
        self._below = np.clip(self.edge(self.met.z) - self.met.y, -0.3, 0.3)
        self.field = np.minimum(self.met.edge, distance(self._below))

    def edge(self, z: Floats) -> Floats:
        """The y of the lower edge at a depth."""
        cut = self.cut
        return cut.front + (cut.back - cut.front) * (FRONT - z) / (FRONT - BACK)

    def shadow(self, window: Window) -> Floats:
        """How much light the hat takes from what lies in a window, 0 to 1."""
        grid = window.grid
        whole = Image.new("L", (grid, grid))
        solid = np.rint(255.0 * np.clip(self.field + 0.5, 0.0, 1.0)).astype(np.uint8)
        whole.paste(Image.fromarray(solid), (self.met.window.left, self.met.window.top))
        for inner, outer in self._front_sheets():
            outline = np.concatenate([self.pose.project(inner), self.pose.project(outer)[::-1]]) * grid - 0.5
            ImageDraw.Draw(whole).polygon([(x, y) for x, y in (np.rint(outline * 16) / 16).tolist()], fill=255)
        drop = 0.035 + 0.03 * (self.cut.brim + self.cut.visor > 0)
        return shadow(whole, window, Window(grid, 0, 0, grid, grid), drop)

    # ------------------------------------------------------------------------------------------------------- outlines

    def _around(self, degrees: Floats) -> tuple[Floats, Floats, Floats]:
        """Points, (P, 3), of the lower edge at angles (0 right, 90 in front), and the angles' cosines and sines."""
        turn = degrees * (np.pi / 180.0)
        across, ahead = np.cos(turn), np.sin(turn)
        y = np.full_like(turn, self.cut.front)
        for _ in range(4):
            width_squared, middle, _, _ = self.surface.slice_at(y)
            width = np.sqrt(np.maximum(width_squared, 0.0))
            z = middle + self.surface.depth * width * ahead
            y = self.edge(z)
        return np.stack([width * across, y, z], axis=1), across, ahead

    def _brim(self, degrees: Floats) -> tuple[Floats, Floats]:
        """The inner and the outer edge of the brim, each (P, 3)."""
        cut = self.cut
        inner, across, ahead = self._around(degrees)
        outer = inner + cut.brim * np.stack([across, 0.0 * across, 1.1 * ahead], axis=1)
        outer[:, 1] = self.edge(outer[:, 2]) + cut.drop - cut.curl * across * across
        return inner, outer

    def _visor(self) -> tuple[Floats, Floats]:
        cut = self.cut
        along = np.linspace(-1.0, 1.0, 25)
        inner, _, _ = self._around(90.0 - 62.0 * along)
        far = np.sqrt(np.maximum(1.0 - along * along, 0.0))
        outer = inner.copy()
        outer[:, 0] *= 1.0 + 0.06 * far
        outer[:, 1] += cut.drop * far + 0.16 * along * along
        outer[:, 2] += cut.visor * far
        inner[:, 1] += 0.05 * along * along
        return inner, outer

    def _front_sheets(self) -> list[tuple[Floats, Floats]]:
        if self.cut.visor:
            return [self._visor()]
        return [self._brim(np.linspace(0.0, 180.0, 37))] if self.cut.brim else []

    # ------------------------------------------------------------------------------------------------------- painters

    def paint_behind(self, canvas: Canvas) -> None:
        """The far half of a brim, and the inside of the hat."""
        inside, _, _ = self._around(np.linspace(0.0, 350.0, 36))
        canvas.fill(self.pose.project(inside), self._under_light(darker(self.hat.colour, 0.45)), label=HAT)
        if self.cut.brim:
            self._paint_sheet(canvas, *self._brim(np.linspace(180.0, 360.0, 37)))

    def paint(self, canvas: Canvas) -> None:
        """The crown, then what stands out in front."""
        met, cut, light = self.met, self.cut, lit(self.met, self.view)
        mask = canvas.region(self.field, met.window)
        fold = 0.94 + 0.12 * Noise(9).plane(2.5 * met.x + met.y, 2.5 * met.y - 2.0 * met.z)
        if cut.flat:
            fold = fold * (
                1.0 - 0.16 * ramp(0.34 - np.abs(met.x), 0.0, 0.3) * ramp(self.surface.top + 0.4 - met.y, 0, 0.4)
            )
        crown = shaded(times(plain(self.hat.colour, met.x), (fold, fold, fold)), self._dimmed(light), self.view, 0.15)
        canvas.cover(mask, crown, met.window, HAT)
        self._paint_ribs(canvas, mask)
        if cut.band:
            self._paint_band(canvas, light)
        if self.hat.style == "cap":
            self._paint_button(canvas)
        for inner, outer in self._front_sheets():
            self._paint_sheet(canvas, inner, outer)

    def _dimmed(self, light: Light) -> Light:
        return Light(0.30 + 0.70 * light.level, light.gloss)

    def _meridian(self, angle: float, low: float, high: float, points: int = 15) -> tuple[Floats, NDArray[np.bool_]]:
        """Points (P, 3) of the crown at one angle from the middle, from y `low` to `high`, and which are seen."""
        y = np.linspace(low, high, points)
        width_squared, middle, _, _ = self.surface.slice_at(y)
        width = np.sqrt(np.maximum(width_squared, 0.0))
        sine, cosine = float(np.sin(angle)), float(np.cos(angle))
        line = np.stack([width * sine, y, middle + self.surface.depth * width * cosine], axis=1)
        _, _, towards = self.pose.to_camera(width * sine, 0.0 * y, width * cosine / self.surface.depth)
        return line, np.asarray(towards > 0.02)

    def _paint_ribs(self, canvas: Canvas, mask: Mask, fold: bool = False) -> None:
        """Seams, or the ribs of knitting, from the lower edge to the top; of the fold alone where it is one."""
        cut, s, lines = self.cut, self.pose.scale, []
        for k in range(cut.ribs):
            angle = (k + 0.5) * (2.0 * np.pi / cut.ribs) - np.pi
            low = float(self.edge(np.array(FRONT * np.cos(angle)))) + 0.05
            line, seen = self._meridian(angle, low - cut.band - 0.07 if fold else self.surface.top + 0.02, low)
            if seen.sum() > 2:
                thin = np.full(int(seen.sum()), (0.017 if fold else 0.011) * s)
                lines.append(ribbon(self.pose.project(line[seen] * ((1.03 if fold else 1.0), 1.0, 1.0)), thin))
        if lines:
            dark = self._under_light(darker(self.hat.colour, 0.66 if fold else 0.70))
            canvas.paint(canvas.polygons(lines, 0.004 * s, 0.5).within(mask), dark)

    def _paint_band(self, canvas: Canvas, light: Light) -> None:
        met, cut, s = self.met, self.cut, self.pose.scale
        folded = cut.ribs > 0
        wider = (0.035 if folded else 0.008) * s * met.window.grid
        height = np.clip(self.edge(met.z) - met.y, -1.0, 1.0)
        field = np.minimum(met.edge + wider, np.minimum(distance(height + 0.01), distance(cut.band - height)))
        mask = canvas.region(field, met.window)
        colour = self.hat.colour if folded else self.hat.band
        above = canvas.region(
            np.minimum(met.edge, np.minimum(distance(height), distance(cut.band + 0.05 - height))), met.window
        )
        canvas.paint(Mask(above.image.point([round(0.4 * v) for v in range(256)]), above.box), darker(colour, 0.35))
        edges = 0.86 + 0.20 * ramp(height, 0.0, 0.07) * ramp(cut.band - height, 0.0, 0.07)
        planes = times(plain(colour, met.x), (edges, edges, edges))
        canvas.cover(mask, shaded(planes, self._dimmed(light), self.view, 0.1), met.window, HAT)
        if folded:
            self._paint_ribs(canvas, mask, fold=True)

    def _paint_button(self, canvas: Canvas) -> None:
        top = np.array([[0.0, self.surface.top + 0.01, -0.14]])
        canvas.dots(
            self.pose.project(top), np.array([0.055 * self.pose.scale]), self._under_light(self.hat.band), 1.0, HAT
        )
        badge, _ = self._meridian(0.0, self.cut.front - 0.42, self.cut.front - 0.14)
        turn = np.arange(24) * (2.0 * np.pi / 24)
        disc = np.stack([0.17 * np.cos(turn), 0.13 * np.sin(turn), 0.0 * turn], axis=1) + badge[7]
        canvas.fill(self.pose.project(disc), self._under_light(self.hat.band))

    def _under_light(self, colour: Colour) -> Colour:
        bright = self.view.exposure * (
            0.3 + 0.7 * float(level((np.array(0.0), np.array(-0.3), np.array(0.95)), self.view))
        )
        r, g, b = (min(255, round(part * bright)) for part in colour)
        return r, g, b

    def _paint_sheet(self, canvas: Canvas, inner: Floats, outer: Floats) -> None:
        """A brim or visor between two edges, strip by strip, its upper side lighter than its lower one."""
        corners = [np.stack(self.pose.to_camera(*points.T), axis=1) for points in (inner, outer)]
        along, out = corners[0][1:] - corners[0][:-1], corners[1][1:] - corners[0][:-1]
        nx = along[:, 1] * out[:, 2] - along[:, 2] * out[:, 1]
        ny = along[:, 2] * out[:, 0] - along[:, 0] * out[:, 2]
        nz = along[:, 0] * out[:, 1] - along[:, 1] * out[:, 0]
        size = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
        upwards = np.where(ny < 0, 1.0, -1.0) / size
        above = nz * upwards > 0
        facing = np.where(above, upwards, -upwards)
        bright = level((nx * facing, ny * facing, nz * facing), self.view)
        bright = self.view.exposure * (0.30 + 0.70 * bright) * np.where(above, 1.0, 0.62)
        near, far = self.pose.project(inner), self.pose.project(outer)
        for k, light in enumerate(bright.tolist()):
            r, g, b = (min(255, round(part * light)) for part in self.hat.colour)
            canvas.fill(np.stack([near[k], near[k + 1], far[k + 1], far[k]]), (r, g, b), label=HAT)
        rim = np.full(len(far), 0.013 * self.pose.scale)
        canvas.stroke(far, rim, self._under_light(darker(self.hat.colour, 0.72)), label=HAT)
