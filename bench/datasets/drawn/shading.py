"""Light and colour on a surface: pictures of a small grid, three float64 planes each, that painters enlarge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from bench.datasets.drawn.geometry import Floats, Window
from bench.datasets.drawn.person import Colour
from bench.datasets.drawn.surface import Cast
from bench.datasets.drawn.view import View

Planes = tuple[Floats, Floats, Floats]


@dataclass(frozen=True, eq=False)
class Light:
    """How bright a surface lies, pixel by pixel.

    Attributes:
        level: 1 where it shows its own colour.
        gloss: brightness of the highlight, 0 to 1.
    """

    level: Floats
    gloss: Floats


def unit(vector: tuple[float, float, float]) -> tuple[float, float, float]:
    """A vector of length 1."""
    x, y, z = vector
    length = (x * x + y * y + z * z) ** 0.5 or 1.0
    return x / length, y / length, z / length


def lit(cast: Cast, view: View) -> Light:
    """The light on a surface: a key light, a soft sky, a weak light from the camera."""
    nx, ny, nz = cast.normal
    lx, ly, lz = unit(view.light)
    hx, hy, hz = unit((lx, ly, lz + 1.0))
    gloss = np.maximum(nx * hx + ny * hy + nz * hz, 0.0)
    for _ in range(4):
        gloss = gloss * gloss
    return Light(level(cast.normal, view), gloss)


def level(normal: Planes, view: View) -> Floats:
    """How bright surfaces lie that face the camera's directions `normal`, each float64 of one shape; see `Light`."""
    nx, ny, nz = normal
    lx, ly, lz = unit(view.light)
    facing = nx * lx + ny * ly + nz * lz
    key = np.maximum(0.80 * facing + 0.20, 0.0)
    sky = 0.66 + 0.26 * nz - 0.10 * ny
    strength = 0.85 * view.light_strength
    bright: Floats = 1.02 * ((1.0 - strength) * sky + strength * (0.22 + 1.02 * key))
    return bright


def shadow(solid: Image.Image, window: Window, own: Window, drop: float) -> Floats:
    """How much light something takes from what lies in a window, 0 to 1.

    Args:
        solid: 8-bit, how solid it is over its own window.
        window: where the shadow is wanted.
        own: what `solid` covers.
        drop: how far below itself it throws its shadow, in sides of the picture.
    """
    grid, lower = own.grid, max(1, round(drop * own.grid))
    whole = Image.new("L", (grid, grid + lower))
    whole.paste(solid, (own.left, own.top + lower))
    part = whole.crop((window.left, window.top, window.right, window.bottom))
    return np.asarray(part.filter(ImageFilter.GaussianBlur(0.022 * grid))) / 255.0


def plain(colour: Colour, like: Floats) -> Planes:
    """One colour everywhere."""
    r, g, b = (np.full_like(like, float(part)) for part in colour)
    return r, g, b


def toward(planes: Planes, colour: Colour, amount: Floats | float) -> Planes:
    """Mixes a colour in; `amount` is 0 to 1."""
    r, g, b = (plane + (part - plane) * amount for plane, part in zip(planes, colour, strict=True))
    return r, g, b


def times(planes: Planes, factors: tuple[Floats | float, Floats | float, Floats | float]) -> Planes:
    """Scales each plane."""
    r, g, b = (plane * factor for plane, factor in zip(planes, factors, strict=True))
    return r, g, b


def shaded(albedo: Planes, light: Light, view: View, shine: float, blood: float = 0.0) -> NDArray[np.uint8]:
    """What the camera sees.

    Args:
        albedo: the surface's own colours, 0 to 255.
        light: the light on it.
        view: exposure and warmth.
        shine: strength of the highlights.
        blood: how much warmer shadows are than the light, as on skin.

    Returns:
        uint8 (G, G, 3).
    """
    bright = light.level * view.exposure
    dim = np.maximum(1.0 - bright, 0.0)
    gloss = 255.0 * 0.20 * shine * view.light_strength * light.gloss
    warm = 0.05 * view.warmth
    red, green, blue = albedo
    return as_picture(
        (
            red * bright * (1.0 + warm) + gloss,
            green * bright * (1.0 - blood * 0.10 * dim) + gloss,
            blue * bright * (1.0 - warm - blood * 0.16 * dim) + gloss,
        )
    )


def as_picture(planes: Planes) -> NDArray[np.uint8]:
    """uint8 (G, G, 3) from three planes; bright values are rolled off instead of cut."""
    stacked = np.stack(planes, axis=2)
    over = np.maximum(stacked - 225.0, 0.0)
    rolled = np.minimum(stacked, 225.0) + 30.0 * over / (over + 30.0)
    return np.rint(np.maximum(rolled, 0.0)).astype(np.uint8)


def hill(x: Floats, y: Floats, at: tuple[float, float], size: tuple[float, float]) -> Floats:
    """A smooth spot: 1 at its centre, 0 outside its ellipse."""
    across, down = (x - at[0]) / size[0], (y - at[1]) / size[1]
    inside = np.maximum(1.0 - across * across - down * down, 0.0)
    return inside * inside


def ramp(values: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


class Noise:
    """Smooth noise that belongs to a seed.

    Args:
        seed: whose.
    """

    def __init__(self, seed: int) -> None:
        self._table = np.random.default_rng(seed).random((64, 64))

    def plane(self, u: Floats, v: Floats) -> Floats:
        """Noise in [0, 1] of two coordinates, one hill for each unit of either."""
        fu, fv = np.floor(u), np.floor(v)
        iu, iv = fu.astype(np.intp), fv.astype(np.intp)
        pu, pv = u - fu, v - fv
        pu, pv = pu * pu * (3.0 - 2.0 * pu), pv * pv * (3.0 - 2.0 * pv)
        table, i0, i1, j0, j1 = self._table, iu & 63, (iu + 1) & 63, iv & 63, (iv + 1) & 63
        first = table[i0, j0] * (1.0 - pu) + table[i1, j0] * pu
        second = table[i0, j1] * (1.0 - pu) + table[i1, j1] * pu
        mixed: Floats = first * (1.0 - pv) + second * pv
        return mixed
