"""Made faces with attention laid over them as one picture file, with the scale of its colours below."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from reports import numbers
from reports.figures import montage_sheet
from reports.figures.attention_maps import COLORS
from reports.figures.style import INK
from reports.montage import Example

MID_GREY = 128.0
"""The face over which a scale shows its colours."""
_STRENGTH = 0.62
"""How much of an overlaid pixel is the colour of its share; the rest is the face in grey."""
_FOOT, _EDGE, _BAR, _LONG = 44, 22, 14, 260


def laid_over(grey: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The colours of shares over a grey picture, uint8 (H, W, 3).

    Args:
        grey: float64 (H, W, 1), 0 to 255.
        shares: float64 (H, W), 0 to 1: where on the colour scale each pixel is.
    """
    colors = 255 * mpl.colormaps[COLORS](np.clip(shares, 0, 1))[:, :, :3]
    mixed: NDArray[np.uint8] = np.round((1 - _STRENGTH) * grey + _STRENGTH * colors).astype(np.uint8)
    return mixed


def draw(examples: Sequence[Example], title: str, below: str, top: float) -> NDArray[np.uint8]:
    """The picture, uint8 (H, W, 3) RGB.

    Args:
        examples: the faces, each with its maps.
        title: what stands above them.
        below: a smaller line below the title.
        top: the share at the end of the scale.
    """
    sheet = montage_sheet.draw(examples, title, below)
    foot = Image.new("RGB", (sheet.shape[1], _FOOT), "white")
    pen = ImageDraw.Draw(foot)
    font = montage_sheet.font(12)
    pen.text((_EDGE, 8), "0 %", fill=INK, font=font)
    left = _EDGE + 32
    ramp = laid_over(np.full((1, _LONG, 1), MID_GREY), np.linspace(0, 1, _LONG)[None, :])
    foot.paste(Image.fromarray(np.repeat(ramp, _BAR, axis=0)), (left, 8))
    said = f"{numbers.percent(top, 1)} of attention".replace(numbers.THIN, " ")
    pen.text((left + _LONG + 8, 8), said, fill=INK, font=font)
    return np.concatenate([sheet, np.asarray(foot, dtype=np.uint8)])
