"""Surfaces, and what the rays of a picture meet on them.

A surface is a pile of horizontal ellipses, one for each y, with a *relief* (nose, lips, sockets) added along z:

    x² + k (z - zc(y) - relief(x, y))² = w²(y)

What a ray meets follows from a quadratic, solved a few times because y and the relief depend on the answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.datasets.drawn.geometry import Floats, Pose, Window, spline

TABLE = 512
"""Rows of a surface's tables over y."""


@dataclass(frozen=True)
class Bump:
    """One smooth hill or hollow of a relief, zero outside an ellipse.

    Attributes:
        x: centre, head units; a hill beside the midline has a twin on the other side.
        y: centre.
        width: half width.
        height: half height.
        rise: how far it rises towards the viewer; negative for a hollow.
        slope: how much its axis sinks for one unit away from the midline.
    """

    x: float
    y: float
    width: float
    height: float
    rise: float
    slope: float = 0.0


class Surface:
    """A pile of ellipses with a relief.

    Args:
        outline: half width and y of the frontal silhouette, from its top to its bottom; a smooth curve is laid through.
        middle: y and z of the ellipses' centres; a smooth curve is laid through them too.
        depth: depth of each ellipse over its width.
        relief: its hills and hollows.
        open_end: whether the bottom end is cut off by the picture (a body) and needs no rounding.
    """

    def __init__(
        self,
        outline: Sequence[tuple[float, float]],
        middle: Sequence[tuple[float, float]],
        depth: float,
        relief: Sequence[Bump] = (),
        open_end: bool = False,
    ) -> None:
        curve = spline(np.array(outline), mirrored=True, open_end=open_end)
        ys = np.maximum.accumulate(curve[:, 1])
        self.top, self.bottom = float(ys[0]), float(ys[-1])
        self.step = (self.bottom - self.top) / (TABLE - 1)
        self.rows = self.top + self.step * np.arange(TABLE)
        self.half_width = np.maximum(np.interp(self.rows, ys, curve[:, 0]), 0.0)
        profile = spline(np.array(middle)[:, ::-1], mirrored=False)
        self.stiffness = 1.0 / (depth * depth)
        self._width_squared = self.half_width * self.half_width
        self._middle = np.interp(self.rows, profile[:, 1], profile[:, 0])
        self.depth, self.relief = depth, tuple(relief)
        self._columns = _Columns(self.relief)

    def slice_at(self, y: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """w² and zc at y, and their derivatives; beyond the ends w² goes on falling, so that rays miss."""
        at = (y - self.top) / self.step
        low = np.clip(at.astype(np.intp), 0, TABLE - 2)
        part = at - low
        inside = np.clip(part, 0.0, 1.0)
        rise_w = self._width_squared[low + 1] - self._width_squared[low]
        rise_z = self._middle[low + 1] - self._middle[low]
        return (
            self._width_squared[low] + part * rise_w,
            self._middle[low] + inside * rise_z,
            rise_w / self.step,
            rise_z / self.step,
        )

    def raised(self, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
        """The relief over a window, (h, w), and its derivatives in x and y."""
        height, by_x, by_y = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
        for bump, part, inside, across, down in self._over_window(x, y):
            square = inside * inside
            height[part] += bump.rise * square * inside
            fall = (-6.0 * bump.rise) * square
            along_y = fall * down / bump.height
            by_y[part] += along_y
            by_x[part] += fall * across / bump.width - along_y * bump.slope
        return height, by_x * np.sign(x), by_y

    def height(self, x: Floats, y: Floats) -> Floats:
        """The relief alone over a window, (h, w)."""
        height = np.zeros_like(x)
        for bump, part, inside, _, _ in self._over_window(x, y):
            height[part] += bump.rise * inside * inside * inside
        return height

    def _over_window(self, x: Floats, y: Floats) -> Iterator[tuple[Bump, tuple[slice, slice], Floats, Floats, Floats]]:
        """Each bump with the part of a window that it reaches; how far inside its ellipse, where across and down."""
        beside = np.abs(x)
        rows, columns = (y.min(axis=1), y.max(axis=1)), (beside.min(axis=0), beside.max(axis=0))
        for bump in self.relief:
            high = bump.height + abs(bump.slope) * bump.width
            part = (_reached(*rows, bump.y, high), _reached(*columns, bump.x, bump.width))
            if part[0].start < part[0].stop and part[1].start < part[1].stop:
                aside = beside[part] - bump.x
                down = (y[part] - bump.y - bump.slope * aside) / bump.height
                across = aside / bump.width
                yield bump, part, np.maximum(1.0 - across * across - down * down, 0.0), across, down

    def _height_at(self, x: Floats, y: Floats) -> Floats:
        """The relief at a few points, (P,): all bumps at once."""
        bump = self._columns
        beside = np.abs(x)[None, :] - bump.x
        down = (y[None, :] - bump.y - bump.slope * beside) / bump.height
        across = beside / bump.width
        inside = np.maximum(1.0 - across * across - down * down, 0.0)
        total: Floats = np.add.reduce(bump.rise * inside * inside * inside, axis=0)
        return total

    def front(self, points: Floats) -> Floats:
        """Points on the front of the surface.

        Args:
            points: float64 (P, 2), x and y.

        Returns:
            float64 (P, 3), the same with z.
        """
        x, y = points[:, 0], points[:, 1]
        width_squared, middle, _, _ = self.slice_at(y)
        z = middle + self._height_at(x, y) + np.sqrt(np.maximum(width_squared - x * x, 0.0) / self.stiffness)
        return np.stack([x, y, z], axis=1)

    def hull(self) -> Floats:
        """Points, (P, 3), whose bounding box holds the surface in any pose, relief up to 0.1 aside."""
        some = np.linspace(0, TABLE - 1, 17).astype(np.intp)
        width, y = self.half_width[some] + 0.02, self.rows[some]
        middle, deep = self._middle[some], self.depth * width
        sides = [(x * width, y, middle + z * deep) for x in (-1, 1) for z in (-0.45, 0.45)]
        ends = [(x * width, y, middle + z * deep) for x in (-0.45, 0.45) for z in (-1, 1)]
        return np.concatenate([np.stack(parts, axis=1) for parts in sides + ends])

    def contour(self, ys: Floats, pose: Pose, right: bool) -> Floats:
        """The points of the visible outline at given heights, on the left or the right of the picture; (P, 3)."""
        cos_y, sin_y = pose.rotation[0][0], pose.rotation[0][2]
        width_squared, middle, _, _ = self.slice_at(ys)
        width = np.sqrt(np.maximum(width_squared, 0.0))
        reach = math.sqrt(cos_y * cos_y + sin_y * sin_y * self.depth * self.depth)
        side = 1.0 if right else -1.0
        x = side * width * (cos_y / reach)
        z = middle + side * width * (sin_y * self.depth * self.depth / reach)
        return np.stack([x, ys, z], axis=1)


class _Columns:
    """The fields of all bumps, each float64 (B, 1)."""

    def __init__(self, bumps: Sequence[Bump]) -> None:
        def column(values: list[float]) -> Floats:
            return np.array(values, dtype=np.float64).reshape(-1, 1)

        self.x, self.y = column([b.x for b in bumps]), column([b.y for b in bumps])
        self.width, self.height = column([b.width for b in bumps]), column([b.height for b in bumps])
        self.rise, self.slope = column([b.rise for b in bumps]), column([b.slope for b in bumps])


def _reached(low: Floats, high: Floats, centre: float, reach: float) -> slice:
    """The rows (or columns) between whose low and high values lies something within `reach` of a centre."""
    hit = np.flatnonzero((high > centre - reach) & (low < centre + reach))
    return slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, 0)


@dataclass(frozen=True, eq=False)
class Cast:
    """What the rays of a picture meet on a surface; every array is float64 and covers the window.

    Attributes:
        window: the part of the grid that was looked at.
        x: head units, of the point that is met or, beside the surface, of the nearest approach.
        y: the same.
        z: the same.
        normal: three arrays, in the camera's frame.
        edge: signed distance to the silhouette in pixels of the grid, positive inside.
    """

    window: Window
    x: Floats
    y: Floats
    z: Floats
    normal: tuple[Floats, Floats, Floats]
    edge: Floats


def cast(surface: Surface, pose: Pose, grid: int, rounds: int) -> Cast:
    """What parallel rays through the pixels of a `grid` x `grid` picture meet on a surface.

    Args:
        surface: the surface.
        pose: how it is turned.
        grid: G, pixels a side; only the window around the surface is looked at.
        rounds: how often the quadratic is solved again with the relief at the point that was found.
    """
    window = Window.around(pose.project(surface.hull()), grid)
    across, down = pose.rays(window)
    r, stiffness = pose.rotation, surface.stiffness
    # camera to head is the transpose; `start` is the ray at depth 0 and `step_*` its direction
    start_x = r[0][0] * across + r[1][0] * down + pose.pivot[0]
    start_y = r[0][1] * across + r[1][1] * down + pose.pivot[1]
    start_z = r[0][2] * across + r[1][2] * down + pose.pivot[2]
    step_x, step_y, step_z = r[2]
    t = np.full_like(start_x, 1.0)
    raised = np.zeros_like(t)
    for _ in range(rounds):
        # w² and zc as straight lines through their values at the last t; then what is left is quadratic in t
        y = start_y + t * step_y
        width_squared, middle, by_width, by_middle = surface.slice_at(y)
        narrowing, tilt = by_width * step_y, step_z - by_middle * step_y
        lifted = start_z - middle - raised + by_middle * step_y * t
        square = step_x * step_x + stiffness * tilt * tilt
        half = start_x * step_x + stiffness * lifted * tilt - 0.5 * narrowing
        rest = start_x * start_x + stiffness * lifted * lifted - width_squared + narrowing * t
        discriminant = half * half - square * rest
        t = (np.sqrt(np.maximum(discriminant, 0.0)) - half) / square
        if surface.relief:
            raised = surface.height(start_x + t * step_x, y)
    x, y, z = start_x + t * step_x, start_y + t * step_y, start_z + t * step_z
    width_squared, middle, by_width, by_middle = surface.slice_at(y)
    raised, slope_x, slope_y = surface.raised(x, y)
    lean = 2.0 * stiffness * (z - middle - raised)
    normal = pose.to_camera(2.0 * x - lean * slope_x, -lean * (by_middle + slope_y) - by_width, lean)
    length = np.sqrt(sum(part * part for part in normal) + 1e-12)
    unit = (normal[0] / length, normal[1] / length, normal[2] / length)
    return Cast(window, x, y, z, unit, distance(discriminant))


def distance(field: Floats) -> Floats:
    """The signed distance, in pixels, to where a smooth field changes sign: the field over the size of its gradient."""
    by_y, by_x = np.gradient(field)
    pixels: Floats = field / np.sqrt(by_x * by_x + by_y * by_y + 1e-12)
    return pixels
