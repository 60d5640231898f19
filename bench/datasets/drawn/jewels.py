"""Earrings and necklaces."""

from __future__ import annotations

import numpy as np

from bench.datasets.drawn.anatomy import ear
from bench.datasets.drawn.body import Body
from bench.datasets.drawn.geometry import Floats
from bench.datasets.drawn.parts import EARRING, NECKLACE
from bench.datasets.drawn.person import Person
from bench.datasets.drawn.sketch import Sketch
from bench.datasets.drawn.skin import darker


def lobe(person: Person, side: float) -> Floats:
    """The place of an earring, (1, 3)."""
    rim, _ = ear(person, side)
    at = int(np.argmax(rim[:, 1]))
    centre = rim.mean(axis=0)
    placed: Floats = rim[at : at + 1] + 0.14 * (centre - rim[at])
    return placed


def paint_earring(sketch: Sketch, side: float) -> None:
    """What hangs from one ear, straight down however the head is tilted."""
    canvas, s, own = sketch.canvas, sketch.scale, sketch.person.jewels
    at = (side * 0.80, 0.5)
    metal, stone = (sketch.under_light(colour, at, 0.7) for colour in (own.metal, own.stone))
    hole = sketch.pose.project(lobe(sketch.person, side))
    size = own.size * s
    if own.earrings == "hoop":
        turn = np.arange(32) * (2.0 * np.pi / 32)
        circle = np.stack([0.62 * np.cos(turn), np.sin(turn)], axis=1)
        middle = below(hole, 0.14 * size)
        ring = canvas.ring(middle + 0.165 * size * circle, middle + 0.125 * size * circle)
        canvas.paint(ring, metal, EARRING)
        bright = canvas.ring(middle + 0.153 * size * circle, middle + 0.137 * size * circle).within(ring)
        canvas.paint(bright, _lighter(metal))
        return
    low = hole
    if own.earrings == "drop":
        low = below(hole, 0.22 * size)
        chain = np.concatenate([hole, low])
        canvas.stroke(chain, np.full(2, 0.016 * size), metal, label=EARRING)
        canvas.dots(hole, np.array([0.035 * size]), metal, 1.0, EARRING)
    radius = (0.075 if own.earrings == "drop" else 0.058) * size
    canvas.dots(low, np.array([radius]), darker(metal, 0.8), 1.0, EARRING)
    canvas.dots(low, np.array([0.78 * radius]), stone if own.earrings == "drop" else metal, 1.0)
    canvas.dots(low - 0.3 * radius, np.array([0.3 * radius]), _lighter(stone), 0.9)


def necklace_line(person: Person, points: int = 61) -> Floats:
    """A necklace on the body, from the left of the neck to the right: x and y, float64 (P, 2)."""
    t = np.linspace(-1.0, 1.0, points)
    if person.jewels.necklace == "choker":
        return np.stack([1.02 * person.neck * t, 1.70 + 0.13 * (1.0 - t * t)], axis=1)
    low = max(1.92, person.skull.chin_height + 0.30)
    return np.stack([(person.neck + 0.02) * t, 1.58 + (low - 1.58) * (1.0 - np.abs(t) ** 2.4)], axis=1)


def paint_necklace(sketch: Sketch, body: Body) -> None:
    """A necklace over neck and clothes."""
    canvas, s, own = sketch.canvas, sketch.scale, sketch.person.jewels
    line = necklace_line(sketch.person)
    on_body = body.surface.front(line)
    on_body[:, 2] += 0.01
    drawn = body.pose.project(on_body)
    metal, stone = (body.under_light(colour) for colour in (own.metal, own.stone))
    many = len(line)
    middle = drawn[many // 2 : many // 2 + 1]
    shade = darker(stone if own.necklace in ("beads", "choker") else metal, 0.4)
    under = below(drawn, 0.02 * s)
    if own.necklace == "choker":
        canvas.stroke(under, np.full(many, 0.05 * s), shade, 0.01 * s, 0.4)
        canvas.stroke(drawn, np.full(many, 0.055 * s * own.size), stone, label=NECKLACE)
        canvas.dots(below(middle, 0.05 * s), np.array([0.05 * s]), metal, 1.0, NECKLACE)
        return
    if own.necklace == "beads":
        canvas.stroke(under, np.full(many, 0.04 * s), shade, 0.012 * s, 0.4)
        picked = drawn[::3]
        radius = 0.046 * own.size * s
        canvas.dots(picked, np.full(len(picked), radius), darker(stone, 0.78), 1.0, NECKLACE)
        canvas.dots(picked - np.array([0.1 * radius, 0.15 * radius]), np.full(len(picked), 0.75 * radius), stone, 1.0)
        canvas.dots(picked - 0.35 * radius, np.full(len(picked), 0.28 * radius), _lighter(stone), 0.9)
        return
    canvas.stroke(under, np.full(many, 0.018 * s), shade, 0.008 * s, 0.45)
    canvas.stroke(drawn, np.full(many, 0.020 * own.size * s), metal, label=NECKLACE)
    canvas.dots(drawn[::2], np.full(len(drawn[::2]), 0.010 * s), _lighter(metal), 0.9)
    if own.necklace == "pendant":
        hang = below(middle, 0.08 * own.size * s)
        canvas.dots(hang, np.array([0.085 * own.size * s]), metal, 1.0, NECKLACE)
        canvas.dots(hang, np.array([0.06 * own.size * s]), stone, 1.0)
        canvas.dots(hang - 0.02 * s, np.array([0.018 * s]), _lighter(stone), 0.9)


def below(points: Floats, drop: float) -> Floats:
    """Points of the picture, moved down."""
    moved: Floats = points + np.array([0.0, drop])
    return moved


def _lighter(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    r, g, b = (round(part + 0.65 * (255 - part)) for part in colour)
    return r, g, b
