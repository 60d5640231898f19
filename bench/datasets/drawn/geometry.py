"""The geometry of a drawn picture: poses, rectangles of a small grid, smooth curves.

Head units: 1 is about half the width of a face (70 mm); x to the right of the picture, y down, z towards the viewer;
the eyes lie at y = 0 and the axis of the ears at z = 0. Pictures are orthographic, and places in them are given in
sides of the picture from its top left corner.

Every array operation is elementwise float64, so no thread count and no library of linear algebra changes a result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """A rectangle of a small grid that covers the picture.

    Attributes:
        grid: G, pixels a side of the whole grid.
        left: first column.
        top: first row.
        right: one past the last column.
        bottom: one past the last row.
    """

    grid: int
    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, points: Floats, grid: int, margin: float = 0.0) -> Window:
        """The smallest window, at least 8 x 8, around points (P, 2) in sides of the picture, and 3 pixels more."""
        low, high = (points.min(axis=0) - margin) * grid - 3, (points.max(axis=0) + margin) * grid + 3
        left, top = (min(grid - 8, max(0, int(v))) for v in low)
        right, bottom = (min(grid, max(8, int(v) + 1)) for v in high)
        return cls(grid, left, top, max(right, left + 8), max(bottom, top + 8))

    def within(self, other: Window) -> tuple[slice, slice]:
        """Rows and columns of this window in an array over another one that contains it."""
        return (
            slice(max(0, self.top - other.top), self.bottom - other.top),
            slice(max(0, self.left - other.left), self.right - other.left),
        )

    def meet(self, other: Window) -> Window:
        """What two windows share; never empty if they overlap."""
        return Window(
            self.grid, max(self.left, other.left), max(self.top, other.top), min(self.right, other.right),
            min(self.bottom, other.bottom),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pose:
    """How a surface is turned and where it lands in the picture.

    Attributes:
        rotation: head to camera, three rows.
        pivot: the point that stays where it is.
        roll: (cosine, sine) of the turn within the picture.
        centre: where the pivot lands, in sides of the picture.
        scale: head units to sides of the picture.
    """

    rotation: tuple[tuple[float, float, float], ...]
    pivot: tuple[float, float, float]
    roll: tuple[float, float]
    centre: tuple[float, float]
    scale: float

    @classmethod
    def turned(
        cls,
        degrees: tuple[float, float, float],
        pivot: tuple[float, float, float],
        centre: tuple[float, float],
        scale: float,
    ) -> Pose:
        """The pose of yaw (positive: to the right of the picture), pitch (up) and roll (clockwise), in degrees."""
        (cos_y, sin_y), (cos_p, sin_p), roll = (
            (round(math.cos(math.radians(a)), 12), round(math.sin(math.radians(a)), 12)) for a in degrees
        )
        rotation = (
            (cos_y, 0.0, sin_y),
            (sin_p * sin_y, cos_p, -sin_p * cos_y),
            (-cos_p * sin_y, sin_p, cos_p * cos_y),
        )
        return cls(rotation, pivot, roll, centre, scale)

    def to_camera(self, x: Floats, y: Floats, z: Floats) -> tuple[Floats, Floats, Floats]:
        """Directions of the head, seen by the camera; roll is left out."""
        r = self.rotation
        return (
            r[0][0] * x + r[0][1] * y + r[0][2] * z,
            r[1][0] * x + r[1][1] * y + r[1][2] * z,
            r[2][0] * x + r[2][1] * y + r[2][2] * z,
        )

    def project(self, points: Floats) -> Floats:
        """Where points of the head land.

        Args:
            points: float64 (P, 3), head units.

        Returns:
            float64 (P, 2), in sides of the picture, x then y, from its top left corner.
        """
        x, y, _ = self.to_camera(*(points[:, axis] - self.pivot[axis] for axis in range(3)))
        cos_r, sin_r = self.roll
        across = self.centre[0] + self.scale * (cos_r * x - sin_r * y)
        down = self.centre[1] + self.scale * (sin_r * x + cos_r * y)
        return np.stack([across, down], axis=1)

    def rays(self, window: Window) -> tuple[Floats, Floats]:
        """The camera's x and y, roll undone, of the centres of a window's pixels."""
        columns = (np.arange(window.left, window.right) + 0.5) / window.grid
        rows = (np.arange(window.top, window.bottom) + 0.5) / window.grid
        across, down = (columns[None, :] - self.centre[0]) / self.scale, (rows[:, None] - self.centre[1]) / self.scale
        cos_r, sin_r = self.roll
        return cos_r * across + sin_r * down, cos_r * down - sin_r * across


def spline(points: Floats, mirrored: bool, open_end: bool = False, steps: int = 16) -> Floats:
    """A smooth curve (Catmull-Rom) through points.

    Args:
        points: float64 (P, 2).
        mirrored: the curve meets its own mirror image in x at both ends, at a right angle to the axis.
        open_end: the last end is not mirrored after all.
        steps: points laid between two given ones.
    """
    mirror = np.array([-1.0, 1.0])
    first = points[1] * mirror if mirrored else 2 * points[0] - points[1]
    last = points[-2] * mirror if mirrored and not open_end else 2 * points[-1] - points[-2]
    p = np.concatenate([first[None], points, last[None]])
    u = (np.arange(steps) / steps)[None, :, None]
    a, b, c, d = (p[k : len(p) - 3 + k, None, :] for k in range(4))
    curve = 0.5 * (2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3)
    return np.concatenate([curve.reshape(-1, 2), points[-1:]])


def loop(points: Floats, steps: int = 5) -> Floats:
    """A smooth closed curve (Catmull-Rom) through points (P, 2); its end is not its start again."""
    a, b, c, d = (np.roll(points, shift, axis=0)[:, None, :] for shift in (1, 0, -1, -2))
    u = (np.arange(steps) / steps)[None, :, None]
    curve = 0.5 * (2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3)
    return curve.reshape(-1, 2)


def piecewise(points: Sequence[tuple[float, float]]) -> Callable[[Floats], Floats]:
    """The function that is linear between (argument, value) points and constant beyond them."""
    xs, values = np.array(points).T
    return lambda at: np.interp(at, xs, values)
