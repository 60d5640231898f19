"""Section "Hardest comparisons": who is taken for whom first, and who is not recognised first."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from reports import faces
from reports.outlet import Outlet
from reports.page import Block, Links, Pairs, Part, Section, Words
from reports.series import Group, Run

ROWS = 50
_NO_FACES = Markup(
    "Faces are not shown, because they may be real people\u2019s. Where you may look at them, "
    "<code>impersona report RUN --show-faces</code> puts the pictures of the hardest pairs into this page."
)


def section(run: Run, outlet: Outlet, show_faces: bool) -> Section:
    """The section; without any part where nothing was scored.

    Args:
        run: the run.
        outlet: takes the comparisons as CSV files.
        show_faces: whether pictures of them may be shown, real people's included.
    """
    found = Section("hardest", "Hardest comparisons")
    most = faces.pairs_per_kind(run.series)
    for group in run.groups:
        if group.series:
            title = group.title if len(run.groups) > 1 else ""
            found.parts.append(Part(title, _blocks(group, outlet, show_faces, most)))
    return found


def _blocks(group: Group, outlet: Outlet, show_faces: bool, most: int) -> list[Block]:
    rows = pd.concat([faces.hardest_table(one, ROWS) for one in group.series], ignore_index=True)
    links = Links((("CSV", outlet.csv(rows, "hardest", group.title)),))
    dataset, why_not = faces.album(group, show_faces)
    if dataset is None:
        return [Words(Markup("No pictures: {}").format(why_not) if why_not else _NO_FACES), links]
    return [*(Pairs(faces.hardest(one, dataset, most)) for one in group.series), links]
