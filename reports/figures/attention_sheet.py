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

_FOOT, _EDGE, _BAR, _LONG = 44, 22, 14, 260


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
    ramp = 255 * mpl.colormaps[COLORS](np.linspace(0, 1, _LONG))[None, :, :3]
    foot.paste(Image.fromarray(np.repeat(np.round(ramp), _BAR, axis=0).astype(np.uint8)), (left, 8))
    said = f"{numbers.percent(top, 1)} of attention".replace(numbers.THIN, " ")
    pen.text((left + _LONG + 8, 8), said, fill=INK, font=font)
    return np.concatenate([sheet, np.asarray(foot, dtype=np.uint8)])
