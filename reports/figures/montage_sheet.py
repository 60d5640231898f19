"""Examples of made faces as one picture file: rows of photos, made face in their midst, with what was decided."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from reports import numbers
from reports.faces import SIDE
from reports.figures.style import INK, MUTED, OUTCOME_COLORS, shorten
from reports.montage import Example

_GAP, _EDGE, _HEAD, _LINE = 3, 22, 62, 19


def draw(examples: Sequence[Example], title: str, below: str) -> NDArray[np.uint8]:
    """The picture, uint8 (H, W, 3) RGB.

    Args:
        examples: in the order in which they stand.
        title: what stands above them.
        below: a smaller line below the title.
    """
    pictures = max((len(one.pictures) for one in examples), default=3)
    across = 2 if pictures <= 4 else 1
    width = pictures * (SIDE + _GAP) - _GAP
    height = SIDE + 2 * _LINE + 22
    rows = -(-len(examples) // across)
    size = (across * (width + _EDGE) + _EDGE, _HEAD + rows * height + _EDGE // 2)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((_EDGE, 12), shorten(title, 90), fill=INK, font=font(17, True))
    pen.text((_EDGE, 36), shorten(below, 130), fill=MUTED, font=font(12))
    for number, one in enumerate(examples):
        left = _EDGE + (number % across) * (width + _EDGE)
        _example(sheet, pen, one, (left, _HEAD + (number // across) * height))
    return np.asarray(sheet, dtype=np.uint8)


def _example(sheet: Image.Image, pen: ImageDraw.ImageDraw, one: Example, corner: tuple[int, int]) -> None:
    left, top = corner
    for place, picture in enumerate(one.pictures):
        x = left + place * (SIDE + _GAP)
        if picture.image is None:
            pen.rectangle((x, top, x + SIDE - 1, top + SIDE - 1), fill="#f4f5f6")
            pen.text((x + 8, top + 8), "not readable", fill=MUTED, font=font(12))
        else:
            sheet.paste(picture.image, (x, top))
        if picture.made:
            pen.rectangle((x, top, x + SIDE - 1, top + SIDE - 1), outline=INK, width=2)
        pen.text((x + 1, top + SIDE + 2), picture.caption, fill=MUTED, font=font(11))
    if not one.verdicts:
        pen.text((left, top + SIDE + _LINE), one.who, fill=INK, font=font(12))
        return
    verdict = one.verdicts[0]
    y = top + SIDE + _LINE
    start = left
    if verdict.outcome is not None:
        pen.rectangle((left, y + 3, left + 10, y + 13), fill=OUTCOME_COLORS[verdict.outcome], outline=MUTED)
        start += 16
    scores = numbers.listed([numbers.plain(score, 3) for score in verdict.scores])
    pen.text((start, y), f"{verdict.said}: scores {scores}".lstrip(": "), fill=INK, font=font(12))


@functools.cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Matplotlib's own typeface, the same on every machine."""
    found = font_manager.findfont(
        font_manager.FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    )
    return ImageFont.truetype(found, size)
