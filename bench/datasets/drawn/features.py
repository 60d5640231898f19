"""Painters of eyes, brows, nose and mouth."""

from __future__ import annotations

import numpy as np

from bench.datasets.drawn.anatomy import LEFT, RIGHT, MouthCurves, brow, lids, mouth, nose_half_width
from bench.datasets.drawn.canvas import Mask
from bench.datasets.drawn.geometry import Floats, Window
from bench.datasets.drawn.parts import BROW, EYE, LOWER_LIP, MOUTH, NOSE, UPPER_LIP
from bench.datasets.drawn.shading import Light, Planes, shaded, times, toward
from bench.datasets.drawn.sketch import Sketch
from bench.datasets.drawn.skin import darker, tone
from bench.datasets.drawn.surface import Cast, distance

PUPIL = (16, 13, 14)
LASH = (34, 24, 22)


def paint_eye(sketch: Sketch, side: float) -> None:
    """One eye, with its lids and lashes."""
    person, view, canvas, s = sketch.person, sketch.view, sketch.canvas, sketch.scale
    eyes, skin = person.eyes, tone(person)
    edges = lids(person, view, side)
    upper, lower = sketch.on_face(edges.upper), sketch.on_face(edges.lower)
    at = edges.centre
    arc = 1.0 - edges.along**2
    # the fold above the lid and the soft shadow in it
    fold = edges.upper.copy()
    fold[:, 1] -= (0.35 + 0.65 * arc) * eyes.crease
    shade = sketch.under_light(darker(skin, 0.55, 0.25), at)
    canvas.stroke(sketch.on_face(fold), (0.006 + 0.014 * arc) * s, shade, 0.006 * s, 0.75)
    opening = canvas.polygon(np.concatenate([upper, lower[::-1]]))
    white = sketch.under_light((234, 229, 225), at, 0.75)
    canvas.paint(opening, white, EYE[side])
    corner = edges.upper[int(np.argmin(edges.along))] + np.array([side * 0.02, 0.004])
    canvas.fill(_disc(sketch, corner, 0.035, 0.025), sketch.under_light((206, 140, 130), at), 0.01 * s, 0.8, opening)
    _paint_iris(sketch, side, opening)
    shadow = np.concatenate(
        [upper, sketch.on_face(edges.upper + np.stack([0 * arc, 0.055 * arc + 0.01], axis=1))[::-1]]
    )
    canvas.fill(shadow, (40, 26, 30), 0.012 * s, 0.42, opening)
    # lashes above, a soft rim below
    outer = np.clip((edges.along + 1.0) / 2.0, 0.0, 1.0)
    lash = 0.010 + 0.012 * eyes.lashes
    line = edges.upper.copy()
    flick = eyes.lashes * np.maximum(edges.along - 0.75, 0.0) * 4.0
    line[:, 0] += side * 0.05 * flick
    line[:, 1] -= 0.035 * flick + 0.3 * lash
    width = lash * (0.45 + 0.75 * outer) * (0.6 + 0.5 * arc)
    canvas.stroke(sketch.on_face(line), width * s, sketch.under_light(LASH, at, 0.4), 0.0, 0.92)
    rim = edges.lower + np.stack([0 * arc, 0.008 + 0 * arc], axis=1)
    canvas.stroke(sketch.on_face(rim), (0.005 + 0.004 * outer) * s, shade, 0.003 * s, 0.55 + 0.25 * eyes.lashes)
    if eyes.bags > 0.1:
        bag = edges.lower + np.stack([0 * arc, 0.055 + 0.045 * arc], axis=1)
        canvas.stroke(sketch.on_face(bag), 0.012 * arc * s, shade, 0.010 * s, 0.5 * eyes.bags)


def _paint_iris(sketch: Sketch, side: float, opening: Mask) -> None:
    person, view, canvas, s = sketch.person, sketch.view, sketch.canvas, sketch.scale
    eyes = person.eyes
    middle = np.array([side * eyes.apart + 0.075 * view.gaze[0], -0.032 + 0.05 * view.gaze[1]])
    at = (side * eyes.apart, 0.0)
    colour = sketch.under_light(eyes.colour, at, 0.5)
    r = eyes.iris
    canvas.fill(_disc(sketch, middle, r, r), darker(colour, 0.42), 0.004 * s, 1.0, opening)
    canvas.fill(_disc(sketch, middle, 0.86 * r, 0.86 * r), colour, 0.008 * s, 1.0, opening)
    red, green, blue = (min(255, round(1.25 * part + 22)) for part in colour)
    light = (red, green, blue)
    canvas.fill(_disc(sketch, middle + np.array([0.0, 0.38 * r]), 0.55 * r, 0.36 * r), light, 0.018 * s, 0.75, opening)
    canvas.fill(_disc(sketch, middle, 0.42 * r, 0.42 * r), PUPIL, 0.002 * s, 1.0, opening)
    glint = middle + np.array([0.36 * r * (1 if view.light[0] > 0 else -1), -0.34 * r])
    canvas.fill(_disc(sketch, glint, 0.24 * r, 0.24 * r), (255, 255, 255), 0.002 * s, 0.95, opening)
    canvas.fill(_disc(sketch, 2 * middle - glint, 0.14 * r, 0.14 * r), (255, 255, 255), 0.004 * s, 0.35, opening)


def _disc(sketch: Sketch, middle: Floats, width: float, height: float) -> Floats:
    """An ellipse on the plane of the face around a point of it, projected; (24, 2)."""
    turn = np.arange(24) * (2 * np.pi / 24)
    flat = np.stack([width * np.cos(turn), height * np.sin(turn)], axis=1)
    centre = sketch.head.front(np.asarray(middle, dtype=np.float64)[None])
    return sketch.pose.project(np.concatenate([flat, np.zeros((24, 1))], axis=1) + centre)


def paint_brow(sketch: Sketch, side: float) -> None:
    """One eyebrow: a soft ground and single hairs on it."""
    person, canvas, s = sketch.person, sketch.canvas, sketch.scale
    line, thick = brow(person, sketch.view, side)
    hair, dark = person.hair.colour, person.brows.dark
    at = (side * person.eyes.apart, -person.brows.height)
    colour = sketch.under_light(darker(hair, 0.95 - 0.35 * dark * (sum(hair) > 250)), at, 0.6)
    canvas.stroke(sketch.on_face(line, 0.01), 0.85 * thick * s, colour, 0.012 * s, 0.50 + 0.35 * dark, BROW[side])
    spot = np.arange(40) / 39.0
    even = np.linspace(0, 1, len(line))
    x, y, half = (np.interp(spot, even, values) for values in (line[:, 0], line[:, 1], thick))
    wild = np.random.default_rng(person.skin.texture).random(40) - 0.5
    row = np.array([0.9, 0.1, 0.5, -0.3])[np.arange(40) % 4]
    roots = np.stack([x, y + half * (row + 0.4 * wild)], axis=1)
    lean = np.stack([side * (0.035 + 0.055 * spot), -half * (1.5 - 1.3 * spot + wild)], axis=1)
    dark_hair = darker(colour, 0.72)
    canvas.hatch(sketch.on_face(roots, 0.01), sketch.on_face(roots + lean, 0.01), 0.022 * s, dark_hair, 0.60)


def paint_nose(sketch: Sketch, met: Cast) -> None:
    """Nostrils and the folds of the wings; the nose's form itself comes from the light on its relief."""
    person, view, canvas, s = sketch.person, sketch.view, sketch.canvas, sketch.scale
    if canvas.labels:
        beside = np.minimum(met.edge, distance(nose_half_width(person, met.y) - np.abs(met.x)))
        canvas.label(canvas.region(beside, met.window), NOSE)
    nose, skin = person.nose, tone(person)
    base, lifted = nose.length, 0.6 * nose.turned_up + 0.0035 * view.pitch
    deep = sketch.under_light(darker(skin, 0.30, 0.35), (0.0, base))
    fold = sketch.under_light(darker(skin, 0.55, 0.22), (0.0, base))
    for side in (LEFT, RIGHT):
        hole = np.array([side * 0.47 * nose.width, base - 0.028 - 0.3 * lifted])
        tall = max(0.014, 0.026 + 0.35 * lifted)
        canvas.fill(_disc(sketch, hole, 0.30 * nose.width, tall), deep, 0.009 * s, 0.80)
        t = np.linspace(0.0, 1.0, 9)
        wing = np.stack([side * (nose.width + 0.012 - 0.035 * (2 * t - 1) ** 2), base - 0.17 + 0.165 * t], axis=1)
        canvas.stroke(sketch.on_face(wing), 0.013 * np.sin(np.pi * (0.15 + 0.7 * t)) * s, fold, 0.010 * s, 0.55)
    t = np.linspace(-1.0, 1.0, 13)
    under = np.stack([0.62 * nose.width * t, base - 0.005 + 0.02 * (1 - t * t)], axis=1)
    canvas.stroke(sketch.on_face(under), 0.014 * (1.05 - t * t) * s, fold, 0.012 * s, 0.45)


def paint_mouth(sketch: Sketch, albedo: Planes) -> None:
    """Lips, teeth and the line between the lips."""
    person, view, canvas, s = sketch.person, sketch.view, sketch.canvas, sketch.scale
    curves, skin = mouth(person, view), tone(person)
    at = (0.0, curves.y)
    natural = (round(skin[0] * 0.84), round(skin[1] * 0.66), round(skin[2] * 0.66))
    bold = ((176, 52, 62), (190, 84, 92), (150, 60, 84), (196, 92, 76))[person.skin.texture // 7 % 4]
    much = 0.75 * person.skin.makeup * person.mouth.colour
    red, green, blue = (round(n + (b - n) * much) for n, b in zip(natural, bold, strict=True))
    colour = (red, green, blue)
    top, upper, lower, bottom = (
        sketch.on_face(edge, 0.01) for edge in (curves.top, curves.upper, curves.lower, curves.bottom)
    )
    if curves.gap > 0.01:
        _paint_teeth(sketch, curves, upper, lower)
    window = Window.around(np.concatenate([top, bottom]), sketch.window.grid, 0.02).meet(sketch.window)
    part = window.within(sketch.window)
    light = Light(sketch.light.level[part], sketch.light.gloss[part])
    tinted = toward((albedo[0][part], albedo[1][part], albedo[2][part]), colour, 0.92)
    shine = person.skin.shine + 1.2 * person.skin.makeup
    for first, second, planes, gloss, label in (
        (top, upper, times(tinted, (0.90, 0.86, 0.86)), 0.4 * shine, UPPER_LIP),
        (lower, bottom, tinted, 1.0 + shine, LOWER_LIP),
    ):
        mask = canvas.polygon(np.concatenate([first, second[::-1]]), 0.006 * s, 0.95)
        canvas.cover(mask, shaded(planes, light, view, gloss, 0.6), window, label)
    arc = 1.0 - np.linspace(-1, 1, len(upper)) ** 2
    dark = sketch.under_light(darker(colour, 0.36, 0.1), at)
    canvas.stroke(upper, (0.006 + 0.009 * arc) * s, dark, 0.004 * s, 0.85 if curves.gap <= 0.01 else 0.5)
    for corner in (curves.upper[0], curves.upper[-1]):
        canvas.fill(_disc(sketch, corner, 0.028, 0.02), sketch.under_light(darker(skin, 0.5, 0.2), at), 0.012 * s, 0.7)


def _paint_teeth(sketch: Sketch, curves: MouthCurves, upper: Floats, lower: Floats) -> None:
    canvas, s, at = sketch.canvas, sketch.scale, (0.0, curves.y)
    inside = canvas.polygon(np.concatenate([upper, lower[::-1]]))
    canvas.paint(inside, sketch.under_light((74, 28, 30), at), MOUTH)
    along = np.linspace(-1, 1, len(upper))
    teeth = curves.upper + np.stack([0 * along, 0.10 * (1.0 - along**4)], axis=1)
    row = np.concatenate([upper, sketch.on_face(teeth)[::-1]])
    canvas.fill(row, sketch.under_light((236, 230, 220), at), 0.006 * s, 0.95, inside)
    shadow = np.concatenate([upper, sketch.on_face(teeth - [0, 0.06])[::-1]])
    canvas.fill(shadow, (60, 20, 20), 0.014 * s, 0.4, inside)


def paint_lines(sketch: Sketch) -> None:
    """Folds from nose to mouth, lines of the forehead and beside the eyes, freckles and moles."""
    person, view, canvas, s = sketch.person, sketch.view, sketch.canvas, sketch.scale
    skin, lines = tone(person), person.skin.lines
    smile = max(0.0, view.smile)
    curves = mouth(person, view)
    t = np.linspace(0.0, 1.0, 13)
    for side in (LEFT, RIGHT):
        start, end = (person.nose.width + 0.06, person.nose.length - 0.10), (curves.half_width + 0.10, curves.y - 0.04)
        x = start[0] + (end[0] - start[0]) * t + 0.06 * (0.4 + smile) * np.sin(np.pi * t)
        fold = np.stack([side * x, start[1] + (end[1] - start[1]) * t], axis=1)
        shade = sketch.under_light(darker(skin, 0.62, 0.2), (side * 0.5, 0.8))
        strength = min(0.75, 0.10 + 0.35 * smile + 0.45 * lines)
        canvas.stroke(sketch.on_face(fold), 0.016 * np.sin(np.pi * (0.1 + 0.8 * t)) * s, shade, 0.014 * s, strength)
    if lines > 0.25:
        t = np.linspace(-1.0, 1.0, 17)
        shade = sketch.under_light(darker(skin, 0.68, 0.15), (0.0, -0.5))
        for k in range(3):
            crease = np.stack([0.52 * t, -0.50 - 0.13 * k - 0.03 * (1 - t * t) + 0.01 * np.sin(9 * t + k)], axis=1)
            canvas.stroke(sketch.on_face(crease), 0.010 * (1 - t * t) * s, shade, 0.008 * s, 0.45 * lines)
    _paint_spots(sketch)


def _paint_spots(sketch: Sketch) -> None:
    person, canvas, s = sketch.person, sketch.canvas, sketch.scale
    skin = tone(person)
    if person.skin.freckles > 0:
        rng = np.random.default_rng(person.skin.texture)
        many = int(60 * person.skin.freckles)
        x = (rng.random(many) + rng.random(many) - 1.0) * 0.85
        y = 0.12 + 0.55 * rng.random(many)
        size = 0.008 + 0.010 * rng.random(many)
        spots = sketch.on_face(np.stack([x, y], axis=1))
        canvas.dots(spots, size * s, sketch.under_light(darker(skin, 0.72, 0.15), (0.0, 0.3)), 0.55)
    if person.skin.moles:
        placed = np.array([(x, y) for x, y, _ in person.skin.moles])
        size = np.array([r for _, _, r in person.skin.moles])
        canvas.dots(sketch.on_face(placed), size * s, sketch.under_light(darker(skin, 0.45, 0.1), (0.0, 0.5)), 0.75)
