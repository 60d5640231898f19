"""What every painter of a feature needs at hand: canvas, person, the surface of the head and the light on it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bench.datasets.drawn.canvas import Canvas
from bench.datasets.drawn.geometry import Floats, Pose, Window
from bench.datasets.drawn.person import Colour, Person
from bench.datasets.drawn.shading import Light
from bench.datasets.drawn.surface import Surface
from bench.datasets.drawn.view import View


@dataclass(frozen=True, eq=False)
class Sketch:
    """One picture in the making.

    Attributes:
        canvas: where it is painted.
        person: who.
        view: how seen.
        head: the surface of the head.
        pose: of the head.
        light: on the head, over the window.
        window: the part of a small grid that the head lies in.
    """

    canvas: Canvas
    person: Person
    view: View
    head: Surface
    pose: Pose
    light: Light
    window: Window
    _levels: dict[tuple[float, float], float] = field(default_factory=dict)

    def on_face(self, points: Floats, lift: float = 0.0) -> Floats:
        """Where points (P, 2) of the face land, in sides of the picture; `lift` raises them towards the viewer."""
        placed = self.head.front(points)
        placed[:, 2] += lift
        return self.pose.project(placed)

    def level_at(self, point: tuple[float, float]) -> float:
        """How bright the face lies at a point of it."""
        if point not in self._levels:
            self._levels[point] = self._level_at(point)
        return self._levels[point]

    def _level_at(self, point: tuple[float, float]) -> float:
        across, down = self.on_face(np.array([point]))[0]
        window = self.window
        row = min(window.bottom - 1, max(window.top, int(down * window.grid))) - window.top
        column = min(window.right - 1, max(window.left, int(across * window.grid))) - window.left
        return float(self.light.level[row, column]) * self.view.exposure

    def under_light(self, colour: Colour, point: tuple[float, float], reach: float = 1.0) -> Colour:
        """A colour as it looks at a point of the face; `reach` below 1 lets the light matter less."""
        level = 1.0 + reach * (self.level_at(point) - 1.0)
        warm = 0.05 * self.view.warmth
        factors = (1.0 + warm, 1.0, 1.0 - warm)
        r, g, b = (min(255, max(0, round(c * level * f))) for c, f in zip(colour, factors, strict=True))
        return r, g, b

    @property
    def scale(self) -> float:
        """Head units to sides of the picture."""
        return self.pose.scale
