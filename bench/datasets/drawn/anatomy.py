"""From parameters to form: the surface of a head and the curves of its features, in head units.

Painters draw along these curves and landmarks are points of them, so the two cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.datasets.drawn.geometry import Floats, piecewise, spline
from bench.datasets.drawn.person import Person
from bench.datasets.drawn.surface import Bump, Surface
from bench.datasets.drawn.view import View

LEFT, RIGHT = -1.0, 1.0
"""Sides of the picture, and the sign of x there."""


def head_outline(person: Person, view: View, fuller: float = 0.0) -> list[tuple[float, float]]:
    """Half width and y of the frontal silhouette, from the top of the head to the chin.

    Args:
        person: who.
        view: an open mouth lowers the chin.
        fuller: added to the lower face, for a beard.
    """
    skull, drop = person.skull, 0.16 * view.mouth_open
    chin_y = skull.chin_height + drop
    jaw_y = skull.jaw_height + 0.5 * drop
    smile = max(0.0, view.smile)
    return [
        *dome(skull.temple, skull.top, -0.42),
        (0.5 * (skull.temple + skull.cheek) + 0.01, 0.0),
        (skull.cheek - 0.02 + 0.01 * smile, 0.42),
        (0.5 * (skull.cheek + skull.jaw) + 0.035 - 0.03 * skull.hollow + 0.02 * smile, 0.5 * (0.42 + jaw_y) + 0.02),
        (skull.jaw + 0.5 * fuller, jaw_y + 0.06),
        (0.52 * skull.jaw + 0.56 * skull.chin + fuller, 0.45 * jaw_y + 0.55 * chin_y),
        (skull.chin + fuller, chin_y - 0.10 + 0.3 * fuller),
        (0.0, chin_y + fuller),
    ]


def dome(half_width: float, top: float, foot: float) -> list[tuple[float, float]]:
    """The upper outline of a skull, half width and y, from its top down to its foot: a slightly squared ellipse."""
    rise = top - foot
    return [
        (0.0, top),
        (0.57 * half_width, foot + 0.88 * rise),
        (0.83 * half_width, foot + 0.65 * rise),
        (0.965 * half_width, foot + 0.34 * rise),
        (half_width, foot),
    ]


def head_surface(person: Person, view: View) -> Surface:
    """The head without hair: skull, face and neck-less chin, features in relief."""
    skull, hair = person.skull, person.hair
    drop = 0.16 * view.mouth_open
    full = {"full": 0.07, "goatee": 0.02}.get(hair.beard, 0.0) * hair.beard_dense
    chin, height = skull.chin_forward, skull.chin_height + drop
    middle = [
        (skull.top, -0.14),
        (-1.0, -0.02),
        (-0.4, 0.03),
        (0.4, -0.03),
        (0.95 + 0.5 * drop, 0.10 + 0.3 * full),
        (height - 0.32, 0.29 * chin + 0.6 * full),
        (height - 0.10, 0.52 * chin + 0.8 * full),
        (height + full, 0.64 * chin + full),
    ]
    return Surface(head_outline(person, view, full), middle, skull.depth, _relief(person, view))


def _relief(person: Person, view: View) -> list[Bump]:
    skull, eyes, nose = person.skull, person.eyes, person.nose
    base, tip = nose.length, nose_tip(person)[1]
    lips = mouth(person, view)
    smile = max(0.0, view.smile)
    chin = skull.chin_height - 0.20 + 0.16 * view.mouth_open
    return [
        Bump(0.40, -person.brows.height + 0.03, 0.42, 0.16, 0.030 + 0.045 * person.masculine),  # brow ridge
        Bump(eyes.apart - 0.01, 0.0, 0.36, 0.27, -0.7 * eyes.deep - 0.03),  # socket
        Bump(0.20, -0.02, 0.17, 0.22, -0.03 - 0.2 * eyes.deep),  # inner corner of the socket
        Bump(eyes.apart, 0.0, 0.25, 0.19, 0.075),  # eyeball under its lids
        Bump(0.0, 0.42 * base, nose.bridge + 0.14, 0.62 * base + 0.14, 0.55 * nose.rise),  # bridge
        Bump(0.0, 0.75 * base, nose.width + 0.22, 0.50, 0.12 * nose.rise),  # foot of the nose
        Bump(0.0, 0.38 * base, 0.13, 0.22, nose.hump),
        Bump(0.0, tip - 0.02, nose.tip + 0.12, 0.26, 0.48 * nose.rise),  # tip
        Bump(nose.width - 0.075, base - 0.075, 0.125, 0.125, 0.11),  # wings
        Bump(0.0, base + 0.11, 0.055, 0.14, -0.02),  # philtrum
        Bump(0.0, lips.y, 0.62, 0.48, 0.07),  # the mound of the teeth
        Bump(0.0, lips.y - 0.45 * person.mouth.upper, 0.95 * lips.half_width, 0.12, 0.35 * person.mouth.upper + 0.01),
        Bump(0.0, lips.y + 0.6 * person.mouth.lower + lips.gap, 0.8 * lips.half_width, 0.15, 0.42 * person.mouth.lower),
        Bump(0.0, lips.y + 1.6 * person.mouth.lower + lips.gap + 0.06, 0.32, 0.12, -0.05),  # hollow below the lip
        Bump(0.0, chin, skull.chin + 0.06, 0.22, 0.07),
        Bump(0.64, 0.36 - 0.04 * smile, 0.34, 0.30, skull.cheekbone + 0.03 * smile, 0.25),
        Bump(0.70, 0.92, 0.26, 0.40, -0.07 * skull.hollow),
        Bump(0.46, 0.55, 0.28, 0.26, 0.055 * smile + 0.01),  # apple of the cheek
    ]


def nose_tip(person: Person) -> tuple[float, float]:
    """The tip of the nose, x and y."""
    return 0.0, person.nose.length - 0.13 - person.nose.turned_up


def nose_half_width(person: Person, y: Floats) -> Floats:
    """Half the width of the nose at a height, negative above its root and below its base."""
    nose = person.nose
    base = nose.length
    return piecewise([
        (-0.06, -0.05), (0.0, 0.55 * nose.bridge), (0.45 * base, 0.55 * nose.bridge + 0.15 * nose.width),
        (base - 0.22, 0.72 * nose.width), (base - 0.13, nose.width), (base - 0.03, nose.width),
        (base + 0.01, 0.75 * nose.width), (base + 0.04, 0.3 * nose.width), (base + 0.06, -0.05),
    ])(y)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Lids:
    """The opening of one eye: the lids' edges from the corner at the left of the picture to the one at the right.

    Attributes:
        centre: x and y of the eyeball's centre.
        upper: float64 (P, 2).
        lower: float64 (P, 2).
        along: float64 (P,), -1 at the inner corner to 1 at the outer one.
        side: which eye, `LEFT` or `RIGHT` of the picture.
    """

    centre: tuple[float, float]
    upper: Floats
    lower: Floats
    along: Floats
    side: float


def lids(person: Person, view: View, side: float, points: int = 25) -> Lids:
    """The edges of the lids."""
    eyes = person.eyes
    along = np.linspace(-1.0, 1.0, points)
    squint = 1.0 - 0.16 * max(0.0, view.smile)
    open_by = min(1.15, max(0.0, view.lids))
    look = 0.02 * view.gaze[1]
    arc = 1.0 - along * along
    up = eyes.upper * (1.0 - 0.28 * along) * (0.55 + 0.45 * arc) * (open_by * squint) - look
    down = eyes.lower * (1.0 + 0.30 * along) * squint + 0.5 * look
    axis = -eyes.tilt * along
    x = eyes.apart + eyes.width * along
    order = slice(None) if side == RIGHT else slice(None, None, -1)
    upper = np.stack([side * x, axis - up * arc], axis=1)[order]
    lower = np.stack([side * x, axis + down * arc], axis=1)[order]
    return Lids((side * eyes.apart, 0.0), upper, lower, along[order], side)


def brow(person: Person, view: View, side: float, points: int = 17) -> tuple[Floats, Floats]:
    """The middle line of a brow, inner end first, float64 (P, 2), and its half thickness, (P,)."""
    brows = person.brows
    t = np.linspace(0.0, 1.0, points)
    x = brows.gap + (person.eyes.apart - brows.gap + brows.length) * t * 0.98
    arch = brows.arch * 4.0 * (t * (1.0 - t)) * (0.6 + 0.8 * t)
    lift = 0.07 * view.brows_up * (1.0 if view.brows_up > 0 else 1.0 - 0.9 * t)
    y = -brows.height - arch - lift - brows.tilt * (t - 0.35)
    thick = brows.thick * piecewise([(0, 0.75), (0.15, 1.0), (0.5, 0.95), (1, 0.12)])(t)
    return np.stack([side * x, y], axis=1), thick


@dataclass(frozen=True, eq=False)
class MouthCurves:
    """The lips' four edges, each float64 (P, 2) from the left corner to the right one.

    Attributes:
        y: height of the closed mouth.
        half_width: of the mouth.
        gap: how far the lips part.
        top: upper edge of the upper lip.
        upper: its lower edge.
        lower: upper edge of the lower lip.
        bottom: its lower edge.
    """

    y: float
    half_width: float
    gap: float
    top: Floats
    upper: Floats
    lower: Floats
    bottom: Floats


def mouth(person: Person, view: View, points: int = 33) -> MouthCurves:
    """The edges of the lips."""
    lips, smile = person.mouth, view.smile
    y = person.nose.length + lips.below_nose
    half = lips.width * (1.0 + 0.20 * smile - 0.08 * view.mouth_open)
    s = np.linspace(-1.0, 1.0, points)
    beside, arc = np.abs(s), 1.0 - s * s
    gap = 0.20 * view.mouth_open + (0.05 * max(0.0, smile - 0.55))
    corner = y - lips.corners - 0.10 * smile
    line = corner + (y - corner) * (1.0 - beside**1.7 * 1.0)
    thin = 1.0 - 0.18 * max(0.0, smile)
    peak = piecewise([(0, 1.0 - 0.45 * lips.bow), (0.10, 1.0 - 0.28 * lips.bow), (0.24, 1.0), (0.55, 0.68), (1, 0.0)])
    top = line - 0.28 * gap * arc - lips.upper * thin * _smooth(peak(beside))
    upper = line - 0.28 * gap * arc + 0.012 * arc * (1 - 3 * beside * (1 - beside))
    lower = line + 0.72 * gap * arc + 0.012 * arc * (1 - 3 * beside * (1 - beside))
    bottom = line + 0.72 * gap * arc + lips.lower * thin * arc * (0.80 + 0.20 * arc) + 0.01 * arc
    x = half * s
    return MouthCurves(y, half, gap, *(np.stack([x, edge], axis=1) for edge in (top, upper, lower, bottom)))


def _smooth(values: Floats) -> Floats:
    """Values with their corners rounded off; the ends stay."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    result: Floats = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    result[0], result[-1] = values[0], values[-1]
    return result


def ear(person: Person, side: float) -> tuple[Floats, Floats]:
    """The outer rim and the inner bowl of an ear, closed curves on its tilted plane, each float64 (P, 3)."""
    skull = person.skull
    tall, out = skull.ear, 0.14 + skull.ear_out
    middle_y = 0.30
    # beside and down, in the plane of the ear; it starts at the root above and ends at the lobe
    rim = spline(
        np.array([
            (-0.08, -0.55), (0.10, -0.95), (0.62, -1.02), (0.98, -0.62), (0.92, 0.02), (0.62, 0.52), (0.42, 0.92),
            (0.10, 1.02), (-0.10, 0.72),
        ]),
        mirrored=False,
        steps=6,
    )  # fmt: skip
    bowl = spline(
        np.array([(0.12, -0.45), (0.42, -0.72), (0.70, -0.45), (0.62, 0.02), (0.34, 0.34), (0.14, 0.46), (0.10, 0.0)]),
        mirrored=False,
        steps=5,
    )
    width_at = 0.5 * (skull.temple + skull.cheek)

    def placed(curve: Floats) -> Floats:
        beside = width_at - 0.05 + out * np.maximum(curve[:, 0], -0.3) * 0.85
        back = -0.05 - 0.30 * curve[:, 0]
        return np.stack([side * beside, middle_y + tall * curve[:, 1], back], axis=1)

    return placed(rim), placed(bowl)
