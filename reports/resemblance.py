"""How alike made faces are to each contributor: the pictures, one row a maker, and along a setting that varies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from reports import numbers
from reports.edit_charts import Edits
from reports.figures import crossing, ridges
from reports.figures.threshold_lines import Line
from reports.likeness import Setting, panel_of, settings_of, views_of
from reports.makers import Judged, threshold_of
from reports.outlet import Outlet
from reports.page import Block, Chart, Folded, Words
from reports.series import Run

OPEN = 2
"""So many pictures of similarity over a setting stand open, others are folded."""
_MOST_ROWS = 16
"""Pictures of more makers are folded."""
_HOW = (
    "In the pictures of one recognizer every hill holds all scores of a maker\u2019s faces with one contributor and "
    "adds up to 100\u202f%, every face counting the same. Markers are means over faces, the bars through them "
    "95\u202f% intervals. What is to the right of a vertical line is accepted at that threshold, dotted where it is "
    "weak, in the strip of its interval. \u201cClean photo\u201d is the first contributor\u2019s, unchanged. The "
    "buttons show the scores with other photos of each contributor, with the very photos that a face was made of, "
    "and, of two contributors, each face\u2019s mean score with the second minus that with the first."
)


def blocks(judged: Judged, run: Run, anchor: str, outlet: Outlet) -> list[Block]:
    """What the section says of similarity.

    Args:
        judged: the cells.
        run: its verified cells may know thresholds.
        anchor: begins the ids of the charts.
        outlet: takes the pictures and tables.
    """
    lines = {label: lines_of(judged, label, run) for label in judged.recognizers}
    edits = Edits(judged).similarities(lines, anchor, outlet)
    crossings = [
        _crossing(judged, setting, lines, f"{anchor}-along-{place}", outlet)
        for place, setting in enumerate(settings_of(judged.made) if not edits else ())
    ]
    known: list[Chart] = [chart for chart in crossings if chart is not None]
    found: list[Block] = [*edits, *known[:OPEN]]
    if known[OPEN:]:
        found.append(Folded("Similarity over other settings", known[OPEN:]))
    charts: list[Block] = []
    for place, label in enumerate(judged.recognizers):
        views = views_of(judged.of(label), lines[label])
        if views:
            charts.append(_ridges(judged, label, views, f"{anchor}-likeness-{place}", outlet))
    if charts and len(judged.makers) > _MOST_ROWS:
        charts = [Folded(f"All scores, {numbers.plural(len(judged.makers), 'row')} a recognizer", charts)]
    found += [Words(_HOW), *charts] if charts else []
    return found or [Words("No score: no made face was acquired.")]


def lines_of(judged: Judged, recognizer: str, run: Run) -> tuple[Line, ...]:
    """The thresholds of a recognizer, as lines."""
    lines = []
    for point in judged.points:
        marks = (threshold_of(one.series, point, run) for one in judged.of(recognizer))
        found = next((mark for mark in marks if mark is not None), None)
        if found is not None:
            lines.append(Line(point.label, found.value, found.support == "weak", found.ends))
    return tuple(lines)


def _crossing(
    judged: Judged, setting: Setting, lines: Mapping[str, Sequence[Line]], anchor: str, outlet: Outlet
) -> Chart | None:
    every = [panel_of(judged.of(label), setting, lines[label]) for label in judged.recognizers]
    panels = [panel for panel in every if panel is not None]
    if not panels:
        return None
    named = setting.name.replace("_", " ")
    title = f"{setting.maker}: similarity over {named}"
    picture = crossing.draw(panels, named, title)
    files = outlet.picture(picture, "similarity_over", setting.name, judged.group.title, setting.maker)
    outlet.tell()
    tracks = {track.name: track for panel in panels for track in panel.tracks}
    crossed = " Where the means cross, a face is as much the one as the other." if len(tracks) > 1 else ""
    return Chart(
        id=anchor,
        spec=crossing.chart(panels, named),
        alt=f"{title}: the mean score with each contributor, one panel a recognizer; the values stand in the CSV file "
        "of every figure.",
        caption=f"Mean similarity to other photos of each contributor over {named}, with 95\u202f% intervals. "
        f"Horizontal lines are thresholds, dotted where weak: a mean above them would be accepted.{crossed}",
        files=files,
        heading=title,
        keys=[(name, track.look[0]) for name, track in tracks.items()],
    )


def _ridges(judged: Judged, label: str, views: Sequence[ridges.View], anchor: str, outlet: Outlet) -> Chart:
    files: list[tuple[str, str]] = []
    for view in views:
        short = view.name.lower()
        name = ("similarity_to", judged.group.title, label, short)
        picture = outlet.picture(ridges.draw(view, f"{label}: {short}"), *name)
        files += [(f"{kind}: {short}", path) for kind, path in picture]
        files.append((f"CSV: {short}", outlet.csv(hills_frame(view), *name)))
    outlet.tell()
    hills = {name: hill for view in views for name, hill in view.names.items()}
    return Chart(
        id=anchor,
        spec=ridges.chart(views),
        alt=f"How the scores of {label} with each contributor are spread, one row a maker; the means stand in the CSV "
        "file of every figure.",
        caption="",
        files=files,
        heading=label,
        look=outlet.looks[label],
        keys=[(name, hill.look[0]) for name, hill in hills.items()],
    )


def hills_frame(view: ridges.View) -> pd.DataFrame:
    """One row a maker, contributor and bin of scores, as drawn."""
    edges = view.edges
    parts = [
        pd.DataFrame(
            {
                "made_by": ridge.name,
                "of": hill.name,
                "score_from": edges[:-1],
                "score_to": edges[1:],
                "share": ridges.shares(hill, edges),
            }
        )
        for ridge in view.ridges
        for hill in ridge.hills
    ]
    return pd.concat(parts, ignore_index=True)
