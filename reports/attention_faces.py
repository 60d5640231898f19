"""Made faces with their attention to the identity laid over them, shown only where faces may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from bench.errors import ImpersonaError
from bench.images import decode, encode_png, png_text
from reports import faces, numbers
from reports.attention import Attention
from reports.figures import attention_sheet
from reports.makers import Judged
from reports.montage import Example, Montage, Picture, text_of
from reports.outlet import Outlet
from reports.page import Block, Examples, Folded, Links, Words
from reports.series import Run

MOST_PICTURES = 160
"""In a whole report, besides one face of every maker: each is some six kilobytes of the page."""
MOST_FACES = 4
OPEN = 2
"""The faces of so many makers stand open, those of more are folded."""
MOST_FOLDED = 8
"""More of them are folded together."""
_Portrait = tuple[NDArray[np.uint8], dict[str, str]]
"""A made face, and what its file says of itself."""


def blocks(found: Mapping[str, Attention], judged: Judged, run: Run, outlet: Outlet, show_faces: bool) -> list[Block]:
    """Faces of every maker with their maps; nothing where pictures may not be shown, or none was kept.

    Args:
        found: a maker's label to its attention.
        judged: the cells: their tables ``portraits`` have the faces.
        run: the run.
        outlet: takes the pictures.
        show_faces: whether pictures of faces may be shown, real people's included.
    """
    dataset, _ = faces.album(judged.group, show_faces)
    if dataset is None:
        return []  # the examples below say why
    shown: list[tuple[str, list[Block]]] = []
    kept = {maker: _kept(maker, one, judged, len(found)) for maker, one in found.items()}
    top = max((float(found[maker].maps[face].max()) for maker in kept for face in kept[maker]), default=0.0) or 1.0
    for maker, one in found.items():
        if not kept[maker]:
            continue  # no face of which both the picture and the map were kept
        montage = _of_maker(maker, one, kept[maker], top)
        below = "SYNTHETIC: made faces, and over them the identity\u2019s share of attention, layer by layer."
        frame = attention_sheet.draw(montage.examples, maker, below, top)
        path = outlet.png(encode_png(frame, text_of(one.made, run.name)), "attention_faces", judged.group.title, maker)
        shown.append((maker, [Examples(montage), Words(_scale(top), "scale"), Links((("PNG", path),))]))
        outlet.tell()
    if not shown:
        return [Words("The run kept no picture of a face whose attention it kept; `keep_faces: all` keeps every one.")]
    said = (
        "Each made face, and over it in colour the share of attention that the identity has at every pixel, on one "
        "scale for all makers. The scale shows the colours as they are over a mid-grey face; where a face is lighter, "
        "so are they."
    )
    opened = [block for _, inside in shown[:OPEN] for block in inside]
    folded: list[Block] = [Folded(maker, inside) for maker, inside in shown[OPEN:]]
    if len(folded) > MOST_FOLDED:
        folded = [Folded(f"{numbers.plural(len(folded), 'other setting')}", folded)]
    return [Words(said), *opened, *folded]


def _kept(maker: str, one: Attention, judged: Judged, makers: int) -> dict[int, _Portrait]:
    """The faces of a maker to show: the first of which both the picture and the maps were kept."""
    most = int(np.clip(MOST_PICTURES // ((one.layers + 2) * makers), 1, MOST_FACES))
    return _portraits(maker, judged, list(one.maps), most)


def _of_maker(maker: str, one: Attention, pictures: Mapping[int, _Portrait], top: float) -> Montage:
    """The examples of a maker, on a scale that ends at a share."""
    examples = []
    for face, (frame, text) in pictures.items():
        maps = one.maps[face]
        grids = [maps.mean(axis=0), *(maps if len(maps) > 1 else [])]
        names = ["mean of layers", *(f"layer {place + 1}" for place in range(len(maps)))][: len(grids)]
        drawn = [_picture("made face", _resized(frame), text, made=True)]
        drawn += [_picture(name, overlaid(frame, grid / top), text) for name, grid in zip(names, grids, strict=True)]
        examples.append(Example(face, tuple(drawn), (), f"face {face}"))
    return Montage(maker, tuple(examples))


def _portraits(maker: str, judged: Judged, wanted: Sequence[int], most: int) -> dict[int, _Portrait]:
    """Faces that any cell of a maker kept, with what each says of itself; no other is decoded.

    Args:
        maker: whose.
        judged: the cells.
        wanted: the faces to take, in that order.
        most: how many of them.
    """
    files: dict[int, list[bytes]] = {}
    for one in judged.made:
        table = one.series.table("portraits") if one.maker == maker else None
        if table is None:
            continue  # another maker's, or kept no picture
        there = table[table["face"].isin(wanted)]
        for face, png in zip(there["face"].astype(int), there["png"], strict=True):
            files.setdefault(face, []).append(png)
    found: dict[int, _Portrait] = {}
    for face in wanted:
        for png in files.get(face, ()) if len(found) < most else ():
            try:
                found[face] = decode(png, f"face {face}"), png_text(png) | {"impersona.made_by": maker}
                break
            except ImpersonaError:
                continue  # damaged: another recognizer's cell may have it whole, and the examples show what is not
    return found


def overlaid(frame: NDArray[np.uint8], shares: NDArray[np.float64]) -> Image.Image:
    """A face in grey under the colours of its map, `faces.SIDE` pixels square.

    Args:
        frame: uint8 (H, W, 3).
        shares: float64 (A, A), 0 to 1: where on the colour scale each pixel is.
    """
    grey = np.asarray(_resized(frame).convert("L"), dtype=np.float64)[:, :, None]
    smooth = Image.fromarray(shares.astype(np.float32), mode="F").resize(
        (faces.SIDE, faces.SIDE), Image.Resampling.BILINEAR
    )
    return Image.fromarray(attention_sheet.laid_over(grey, np.asarray(smooth, dtype=np.float64)))


def _resized(frame: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(frame).resize((faces.SIDE, faces.SIDE), Image.Resampling.LANCZOS)


def _picture(caption: str, image: Image.Image, text: Mapping[str, str], made: bool = False) -> Picture:
    return Picture(caption, image, faces.data_uri(image, text), made)


def _scale(top: float) -> Markup:
    """The colour bar, from no attention to the largest share among the faces above it."""
    steps: Sequence[float] = np.linspace(0, 1, 9).tolist()
    ramp = attention_sheet.laid_over(np.full((1, 9, 1), attention_sheet.MID_GREY), np.array([steps]))[0]
    stops = ", ".join(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in ramp.tolist())
    return Markup(
        '<span>0\u202f%</span><span class="ramp" style="background: linear-gradient(to right, {})"></span>'
        "<span>{} of attention</span>"
    ).format(stops, numbers.percent(top, 1))
