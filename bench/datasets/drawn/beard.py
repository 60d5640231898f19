"""Hair on the face."""

from __future__ import annotations

import numpy as np
from PIL import Image

from bench.datasets.drawn.anatomy import MouthCurves, mouth
from bench.datasets.drawn.canvas import Mask
from bench.datasets.drawn.geometry import Floats
from bench.datasets.drawn.person import Person
from bench.datasets.drawn.shading import Light, Planes, plain, ramp, shaded, times, toward
from bench.datasets.drawn.sketch import Sketch
from bench.datasets.drawn.skin import darker, tone
from bench.datasets.drawn.strands import paint_strands, strands_over, texture
from bench.datasets.drawn.surface import Cast
from bench.datasets.drawn.view import View


def growth(person: Person, view: View, met: Cast) -> Floats:
    """Where the beard grows, 0 to 1."""
    curves, kind = mouth(person, view), person.hair.beard
    y, beside = met.y, np.abs(met.x)
    over, reach = person.nose.length + 0.09, curves.half_width + 0.09
    lip = curves.y - 0.75 * person.mouth.upper + 0.16 * (beside / reach) ** 2
    moustache = ramp(y - over - 0.15 * (beside / reach) ** 2, -0.03, 0.06) * ramp(lip + 0.05 - y, 0.0, 0.06)
    moustache = moustache * ramp(reach - beside, 0.0, 0.08) * (0.75 + 0.25 * ramp(beside, 0.0, 0.05))
    if kind == "moustache":
        return moustache
    chin = _chin(curves, beside, y)
    goatee = np.maximum(chin * ramp(0.46 - beside, 0.0, 0.14), _beside_mouth(curves, beside, y, over))
    if kind == "goatee":
        return np.maximum(moustache, goatee)
    line = 0.34 + 0.66 * ramp(0.95 - beside, 0.0, 0.62)
    cheeks = ramp(y - line, -0.04, 0.10) * ramp(beside - curves.half_width, 0.0, 0.10)
    return np.maximum(np.maximum(moustache, goatee), np.maximum(chin, cheeks))


def _chin(curves: MouthCurves, beside: Floats, y: Floats) -> Floats:
    line = curves.bottom[len(curves.bottom) // 2, 1] + 0.06
    tuft = 0.07 * ramp(0.10 - beside, 0.0, 0.08)
    return ramp(y - line + tuft + 0.10 * ramp(beside, 0.15, 0.40), -0.02, 0.08)


def _beside_mouth(curves: MouthCurves, beside: Floats, y: Floats, over: float) -> Floats:
    side = curves.half_width + 0.075
    return ramp(0.10 - np.abs(beside - side), 0.0, 0.07) * ramp(y, over, over + 0.12)


def stubbled(person: Person, view: View, planes: Planes, met: Cast) -> Planes:
    """The skin's own colours with a shaven beard's shadow on them."""
    if person.hair.beard != "stubble":
        return planes
    skin, hair = darker(tone(person), 0.60), person.hair.colour
    r, g, b = (round(0.7 * s + 0.3 * min(h, 110)) for s, h in zip(skin, hair, strict=True))
    return toward(planes, (r, g, b), 0.55 * person.hair.beard_dense * growth(person, view, met))


def paint_beard(sketch: Sketch, met: Cast) -> None:
    """A beard that has grown, strand by strand."""
    person, view, canvas = sketch.person, sketch.view, sketch.canvas
    hair = person.hair
    if hair.beard not in ("moustache", "goatee", "full"):
        return
    grown, texels = growth(person, view, met), texture(hair.texture, False)
    across, along = met.x * 150.0 + 512.0 + 12.0 * np.sin(6.0 * met.y), met.y * 18.0 + 40.0
    box = canvas.box_of(met.window)
    cover = np.rint(255.0 * grown * np.clip(met.edge + 0.5, 0.0, 1.0)).astype(np.uint8)
    mask = Mask(canvas.enlarged(cover, met.window, box), box)
    strands = strands_over(canvas, met.window, mask, texels, across, along)
    # the edge frays along the strands
    frayed = 2 * np.asarray(mask.image, dtype=np.int32) + np.asarray(strands, dtype=np.int32) // 2 - 150
    mask = Mask(Image.fromarray(np.clip(frayed, 0, 255).astype(np.uint8)), box)
    light = Light(0.25 + 0.75 * sketch.light.level, sketch.light.gloss)
    colours = plain(darker(hair.colour, 0.95, 0.04), met.x)
    shade, bright = (shaded(times(colours, (f, f, f)), light, view, g) for f, g in ((0.60, 0.0), (1.22, 0.3)))
    paint_strands(canvas, met.window, mask, strands, shade, bright)
