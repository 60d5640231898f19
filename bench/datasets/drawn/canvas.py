"""A supersampled canvas on which shapes are laid, back to front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from bench.datasets.drawn.geometry import Floats, Window
from bench.datasets.drawn.person import Colour

Box = tuple[int, int, int, int]

LEAST_BLUR = 0.7
"""Pixels of the canvas; a weaker blur drowns in the final reduction."""
LEVELS_A_PIXEL = 42.0
"""Eight-bit levels for one pixel of signed distance."""
HALF_OPAQUE = [0] * 128 + [255] * 128
"""The table from opacity to whether a shape counts as covering what lies below."""


class Mask:
    """Where to paint: opacity over a rectangle of the canvas.

    Args:
        image: 8-bit opacity.
        box: left, top, right, bottom of it on the canvas.
    """

    def __init__(self, image: Image.Image, box: Box) -> None:
        self.image, self.box = image, box

    def within(self, other: Mask) -> Mask:
        """This mask, dimmed by another one that may lie elsewhere."""
        moved = Image.new("L", self.image.size)
        moved.paste(other.image, (other.box[0] - self.box[0], other.box[1] - self.box[1]))
        return Mask(ImageChops.multiply(self.image, moved), self.box)


class Canvas:
    """What has been painted so far.

    Args:
        side: pixels of the finished picture.
        labelled: whether a second canvas keeps what each pixel shows. Painters write to it wherever they cover at least
            half of what lies below, so picture and labels come from the same shapes, laid in the same order.
    """

    def __init__(self, side: int, labelled: bool = False) -> None:
        self.side = side
        self.oversampling = 2 if side >= 160 else 3 if side >= 96 else 4
        self.size = self.oversampling * side
        self.image = Image.new("RGB", (self.size, self.size))
        self.labels = Image.new("L", (self.size, self.size)) if labelled else None

    # ------------------------------------------------------------------------------------------------ drawn shapes

    def polygon(self, points: Floats, blur: float = 0.0, strength: float = 1.0) -> Mask:
        """The mask of a filled polygon.

        Args:
            points: float64 (P, 2), in sides of the picture.
            blur: radius in sides of the picture.
            strength: 0 to 1, how opaque.
        """
        return self.polygons([points], blur, strength)

    def polygons(self, outlines: Sequence[Floats], blur: float = 0.0, strength: float = 1.0) -> Mask:
        """The mask of everything that lies in one of several polygons; see `polygon`."""
        radius = blur * self.size
        box = self._box(np.concatenate(outlines) * self.size - 0.5, 3 * radius + 2)
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
        draw = ImageDraw.Draw(mask)
        for points in outlines:
            shifted = np.rint((points * self.size - 0.5 - box[:2]) * 16) / 16
            draw.polygon([(x, y) for x, y in shifted.tolist()], fill=round(255 * strength))
        return Mask(mask.filter(ImageFilter.GaussianBlur(radius)) if radius > LEAST_BLUR else mask, box)

    def _box(self, pixels: Floats, margin: float) -> Box:
        """The rectangle around points, not empty, at most half a canvas beyond the canvas."""
        low, high = np.floor(pixels.min(axis=0) - margin), np.ceil(pixels.max(axis=0) + margin) + 1
        first, last = -self.size // 2, self.size + self.size // 2
        left, top = (int(min(max(v, first), last - 1)) for v in low)
        right, bottom = (int(min(max(v, first + 1), last)) for v in high)
        return left, top, max(right, left + 1), max(bottom, top + 1)

    def fill(
        self,
        points: Floats,
        colour: Colour,
        blur: float = 0.0,
        strength: float = 1.0,
        within: Mask | None = None,
        label: int | None = None,
    ) -> None:
        """Paints a polygon, where asked only inside another mask; see `polygon`. A label has its unblurred outline."""
        mask = self.polygon(points, blur, strength)
        self.paint(mask if within is None else mask.within(within), colour)
        if label is not None and self.labels:
            sharp = self.polygon(points)
            self.label(sharp if within is None else sharp.within(within), label)

    def ring(self, outer: Floats, inner: Floats, blur: float = 0.0, strength: float = 1.0) -> Mask:
        """The mask of what lies between two outlines; see `polygon`."""
        hole = self.polygon(inner)
        full = self.polygon(outer)
        full.image.paste(0, (hole.box[0] - full.box[0], hole.box[1] - full.box[1]), hole.image)
        if blur * self.size <= LEAST_BLUR and strength == 1.0:
            return full
        margin = int(3 * blur * self.size + 2)
        left, top, right, bottom = full.box
        wide = Image.new("L", (right - left + 2 * margin, bottom - top + 2 * margin))
        wide.paste(round(255 * strength), (margin, margin), full.image)
        soft = wide.filter(ImageFilter.GaussianBlur(blur * self.size))
        return Mask(soft, (left - margin, top - margin, right + margin, bottom + margin))

    def stroke(
        self,
        line: Floats,
        widths: Floats,
        colour: Colour,
        blur: float = 0.0,
        strength: float = 1.0,
        label: int | None = None,
    ) -> None:
        """Paints a line (P, 2) of changing half width (P,), all in sides of the picture; see `fill`."""
        self.fill(ribbon(line, widths), colour, blur, strength, label=label)

    def hatch(self, roots: Floats, tips: Floats, width: float, colour: Colour, strength: float) -> None:
        """Paints straight hairs, from roots (P, 2) to tips (P, 2), that taper from a width to nothing."""
        ends = np.stack([roots, tips], axis=1) * self.size - 0.5
        box = self._box(ends.reshape(-1, 2), 3)
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
        draw, level = ImageDraw.Draw(mask), round(255 * strength)
        along = ends[:, 1] - ends[:, 0]
        length = np.sqrt(along[:, 0] ** 2 + along[:, 1] ** 2)[:, None] + 1e-9
        across = along[:, ::-1] * (-0.5, 0.5) * (width * self.size) / length
        corners = np.stack([ends[:, 0] + across, ends[:, 1], ends[:, 0] - across], axis=1) - box[:2]
        for triangle in (np.rint(corners * 16) / 16).reshape(len(corners), 6).tolist():
            draw.polygon(triangle, fill=level)
        self.paint(Mask(mask, box), colour)

    def dots(self, centres: Floats, radii: Floats, colour: Colour, strength: float, label: int | None = None) -> None:
        """Paints round spots; centres (P, 2) and radii (P,) in sides of the picture."""
        pixels, sizes = centres * self.size - 0.5, np.maximum(radii * self.size, 0.6)
        box = self._box(pixels, float(sizes.max()) + 2)
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
        draw = ImageDraw.Draw(mask)
        for (x, y), r in zip((pixels - box[:2]).tolist(), sizes.tolist(), strict=True):
            draw.ellipse([x - r, y - r, x + r, y + r], fill=round(255 * strength))
        self.paint(Mask(mask, box), colour, label)

    def paint(self, mask: Mask, paint: Image.Image | Colour, label: int | None = None) -> None:
        """Paints one colour, or an image as large as the mask, through a mask; with a label, labels it too."""
        self.image.paste(paint, mask.box, mask.image)
        if label is not None:
            self.label(mask, label)

    def label(self, mask: Mask, label: int) -> None:
        """Says what is shown where a mask is at least half opaque, if labels are kept."""
        if self.labels:
            self.labels.paste(label, mask.box, mask.image.point(HALF_OPAQUE))

    # -------------------------------------------------------------------------------------- pictures of a small grid

    def box_of(self, window: Window) -> Box:
        """The canvas pixels that lie over a window."""
        ratio = self.size / window.grid
        left, top = (math.ceil(edge * ratio) for edge in (window.left, window.top))
        return left, top, int(window.right * ratio), int(window.bottom * ratio)

    def enlarged(
        self, small: NDArray[np.uint8], window: Window, box: Box | None = None, smooth: bool = False
    ) -> Image.Image:
        """A picture over a window of the small grid, brought to the size of the canvas.

        Args:
            small: uint8 (h, w) or (h, w, 3).
            window: what it covers.
            box: which part of the canvas is wanted; left out, all that lies over the window.
            smooth: whether curves must stay round (bicubic), as the edges of masks do.
        """
        left, top, right, bottom = box or self.box_of(window)
        ratio = window.grid / self.size
        source = (
            left * ratio - window.left,
            top * ratio - window.top,
            min(float(window.right - window.left), right * ratio - window.left),
            min(float(window.bottom - window.top), bottom * ratio - window.top),
        )
        how = Image.Resampling.BICUBIC if smooth else Image.Resampling.BILINEAR
        return Image.fromarray(np.ascontiguousarray(small)).resize((right - left, bottom - top), how, source)

    def interpolated(self, field: Floats, window: Window, box: Box, size: tuple[int, int]) -> Floats:
        """A field over a window at the centres of `size` (width, height) cells that divide a box of the canvas.

        Elementwise float64, so that whole numbers made of it are the same on every machine.
        """
        ratio = window.grid / self.size
        left, top, right, bottom = box
        x, more_x, part_x = _between(left * ratio - window.left, right * ratio - window.left, size[0], field.shape[1])
        y, more_y, part_y = _between(top * ratio - window.top, bottom * ratio - window.top, size[1], field.shape[0])
        across = field[:, x] + (field[:, more_x] - field[:, x]) * part_x
        down: Floats = across[y] + (across[more_y] - across[y]) * part_y[:, None]
        return down

    def region(self, distance: Floats, window: Window, soft: float = 0.6) -> Mask:
        """Where a field over a window is positive, with an edge that is sharp at the canvas's own resolution.

        Args:
            distance: float64 (h, w), signed distance in pixels of the grid.
            window: what it covers.
            soft: width of the edge, in pixels of the finished picture.
        """
        levels = np.rint(np.clip(distance, -3.0, 3.0) * LEVELS_A_PIXEL + 128.0).astype(np.uint8)
        edge = _edge(LEVELS_A_PIXEL * window.grid / self.side * soft)
        return Mask(self.enlarged(levels, window, smooth=True).point(edge), self.box_of(window))

    def cover(self, mask: Mask, small: NDArray[np.uint8], window: Window, label: int | None = None) -> None:
        """Paints a picture of the small grid through a mask; what the window does not cover stays; see `paint`."""
        have = self.box_of(window)
        left, top = max(mask.box[0], have[0]), max(mask.box[1], have[1])
        right, bottom = min(mask.box[2], have[2]), min(mask.box[3], have[3])
        if left >= right or top >= bottom:
            return
        box = (left, top, right, bottom)
        if box != mask.box:
            x, y = mask.box[:2]
            mask = Mask(mask.image.crop((left - x, top - y, right - x, bottom - y)), box)
        self.paint(mask, self.enlarged(small, window, box), label)

    def finished(self) -> NDArray[np.uint8]:
        """uint8 (side, side, 3)."""
        return np.array(self.image.reduce(self.oversampling))

    def finished_labels(self) -> NDArray[np.uint8]:
        """uint8 (side, side): what most of each pixel shows; of equal parts, the one with the higher label."""
        times, side = self.oversampling, self.side
        cells = np.asarray(self.labels).reshape(side, times, side, times).transpose(1, 3, 0, 2).reshape(-1, side, side)
        found = np.zeros((side, side), dtype=np.uint8)
        most = np.zeros((side, side), dtype=np.intp)
        for label in np.unique(cells):
            many = np.count_nonzero(cells == label, axis=0)
            found[many >= most] = label
            np.maximum(most, many, out=most)
        return found


@lru_cache(maxsize=64)
def _edge(ramp: float) -> list[int]:
    """The table from levels of signed distance to opacity, for an edge `ramp` levels wide."""
    return [round(min(255.0, max(0.0, 127.5 + 255.0 * (level - 128.0) / ramp))) for level in range(256)]


def _between(low: float, high: float, cells: int, length: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """For cells that divide low to high: the array element before each centre, the one after it, the way between."""
    at = np.clip(low + (np.arange(cells) + 0.5) * ((high - low) / cells) - 0.5, 0.0, length - 1.0)
    before = at.astype(np.intp)
    return before, np.minimum(before + 1, length - 1), at - before


def ribbon(line: Floats, widths: Floats) -> Floats:
    """The outline, float64 (2 P, 2), of a line (P, 2) with half widths (P,)."""
    along = np.gradient(line, axis=0)
    length = np.sqrt(along[:, 0] ** 2 + along[:, 1] ** 2) + 1e-12
    across = np.stack([-along[:, 1] / length, along[:, 0] / length], axis=1) * widths[:, None]
    return np.concatenate([line + across, (line - across)[::-1]])
