"""Examples of made faces, shown only where faces may be: on the page, and as picture files that say what they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from bench.images import encode_png
from reports import faces, montage
from reports.figures import montage_sheet
from reports.makers import Judged, Made, threshold_of
from reports.montage import Album, Judgement, Montage
from reports.outlet import Outlet
from reports.page import Block, Examples, Folded, Links, Words
from reports.series import Run

MOST_PICTURES = 160
"""In a whole report: each is some six kilobytes of the page."""
MOST_EXAMPLES = 9
OPEN = 4
"""The examples of so many makers stand open, those of more are folded."""
_NO_FACES = Markup(
    "Faces are not shown, because they may be made of real people\u2019s. Where you may look at them, "
    "<code>impersona report RUN --show-faces</code> puts examples into this page and, as figures/montage*.png, beside "
    "it."
)


def blocks(judged: Judged, run: Run, outlet: Outlet, show_faces: bool) -> list[Block]:
    """What the section shows of single faces.

    Args:
        judged: the cells.
        run: its verified cells know where the faces are in the contributors' photos.
        outlet: takes the pictures, and every face as a CSV file.
        show_faces: whether pictures of faces may be shown, real people's included.
    """
    judgements = {one.series.key: _judgement(one, judged, run) for one in judged.made}
    every = [
        found.table.assign(recognizer=found.made.series.label, made_by=found.made.maker)
        for found in judgements.values()
    ]
    title = judged.group.title
    files = [("CSV: every face", outlet.csv(pd.concat(every, ignore_index=True), "faces", title))]
    if (listed := _pairs(judged)) is not None:
        files.append(("CSV: who contributed, for pairs: {file: ...}", outlet.csv(listed, "contributors", title)))
    links = Links(files)
    dataset, why_not = faces.album(judged.group, show_faces)
    if dataset is None:
        return [Words(Markup("No pictures: {}").format(why_not) if why_not else _NO_FACES), links]
    album = Album(dataset, _boxes(judged, run))
    most = int(np.clip(MOST_PICTURES // ((judged.contributors + 1) * len(judged.makers)), 1, MOST_EXAMPLES))
    shown: list[tuple[str, list[Block]]] = []
    for maker in judged.makers:
        found = [judgements[one.series.key] for one in judged.made if one.maker == maker]
        if inside := _of_maker(found, album, most, judged, run, outlet):
            shown.append((maker, inside))
        outlet.tell()
    if not shown:
        return [Words("The run kept no picture of a made face, as `keep_faces` asked for."), links]
    opened = [block for _, inside in shown[:OPEN] for block in inside]
    folded = [Folded(maker, inside) for maker, inside in shown[OPEN:]]
    return [Words(_told(judged)), *opened, *folded, links]


def _pairs(judged: Judged) -> pd.DataFrame | None:
    """Whose photos the faces are made of, as a sweep's ``pairs: {file: ...}`` takes it; the same for all makers."""
    table = judged.made[0].series.table("contributors")
    return None if table is None else table[["face", "contributor", "subject", "photo"]]


def _judgement(one: Made, judged: Judged, run: Run) -> Judgement:
    found = threshold_of(one.series, judged.first, run) if judged.first else None
    return montage.judgement(one, None if found is None else found.value)


def _boxes(judged: Judged, run: Run) -> Mapping[str, NDArray[np.float64]]:
    """Where faces were found in the contributors' photos, if the same run verified anybody on them."""
    boxes: dict[str, NDArray[np.float64]] = {}
    for one in reversed(run.series):
        if one.spec.get("dataset") == judged.made[0].series.spec.get("dataset"):
            boxes.update(faces.boxes_of(one.frames))
    return boxes


def _of_maker(found: list[Judgement], album: Album, most: int, judged: Judged, run: Run, outlet: Outlet) -> list[Block]:
    """The examples of a maker by its first recognizer, and a file of every recognizer's."""
    inside: list[Block] = []
    files: list[tuple[str, str]] = []
    for place, first in enumerate(found):
        ordered = [first, *found[:place], *found[place + 1 :]]
        chosen = montage.examples_of(ordered, outlet.looks, album, most)
        if chosen is None:
            continue
        files.append((f"PNG: {first.made.series.label}", _sheet(chosen, first.made, judged, run, outlet)))
        if not inside:
            inside.append(Examples(chosen))
    return [*inside, Links(files)] if inside else []


def _sheet(chosen: Montage, made: Made, judged: Judged, run: Run, outlet: Outlet) -> str:
    """The examples of a cell as a PNG file that says that it is synthetic."""
    at = f" at {judged.first.label}" if judged.first else ""
    below = (
        f"SYNTHETIC: each framed face is made of the photos beside it. Judged by {made.series.label}{at}, best first."
    )
    frame = montage_sheet.draw(chosen.examples, chosen.maker, below)
    data = encode_png(frame, montage.text_of(made, run.name))
    return outlet.png(data, "montage", judged.group.title, chosen.maker, made.series.label)


def _told(judged: Judged) -> str:
    at = f" at {judged.first.label}" if judged.first else ""
    more = ", and so on" if judged.contributors > 2 else ""
    both = " | contributor 2" if judged.contributors > 1 else ""
    photos = "between the photos" if judged.contributors > 1 else "beside the photo"
    return (
        f"Each made face, framed, {photos} that it was made of. Below it stands every recognizer\u2019s mean score "
        f"with other photos of contributor 1{both}{more}, and what it takes the face for by these means{at}. Examples "
        "are sorted by margin, the smallest mean score minus the threshold, the largest first, of the recognizer that "
        "is named first. They are chosen from the best, the middle and the worst faces of each cell: nothing can be "
        "counted by them. The files hold every recognizer\u2019s own examples."
    )
