"""Charts of faces made of one person each, along a number such as the strength of an edit: who still knows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from bench.metrics.vulnerability import contributor_name
from reports import numbers
from reports.figures import edit_curves
from reports.figures.edit_curves import SHARES, Mark, Panel, Scale, Track, scale_of
from reports.figures.outcome_bars import Share
from reports.figures.threshold_lines import Line
from reports.joint_rates import share_of
from reports.likeness import Scores, mean_of
from reports.makers import Judged, Made
from reports.outlet import Outlet
from reports.page import Block, Chart, Links, Words
from reports.points import Point
from reports.records import by_key
from reports.strands import Strand, strands_of
from reports.strengths import made_of
from reports.white_box import WhiteBoxes

_Take = Callable[[Made], Mark | None]
HOW_MATCHES = (
    "Every panel is one edit, along the number below it; every line is a recognizer, and shows how often it still "
    "takes the face for the person: of all comparisons with other photos, a face that was not made matching none. "
    "Where a line falls first, the edit breaks that recognizer. Bands are 95\u202f% intervals, hollow marks weak, thin "
    "dots the level of the unchanged photos."
)
HOW_SIMILARITY = (
    "Mean similarity to other photos of the same person, each recognizer in its own scores, with 95\u202f% intervals; "
    "thin dots are the level of the unchanged photos, horizontal lines the thresholds, dotted where weak: a mean above "
    "them would be accepted."
)


class Edits:
    """The cells of a group along the numbers that the sweep varies, of faces made of one person each.

    Args:
        judged: the cells.
    """

    def __init__(self, judged: Judged) -> None:
        self.judged, self.strands = judged, strands_of(judged.made, judged.group.failed)
        self._white_boxes = WhiteBoxes(judged)
        self._cells = {(one.series.label, one.maker): one for one in judged.made}

    @property
    def drawn(self) -> bool:
        """Whether there is anything to draw."""
        return self.judged.contributors == 1 and bool(self.strands.found)

    # -------------------------------------------------------------------------------------------------------- blocks

    def matches(self, point: Point, anchor: str, outlet: Outlet) -> list[Block]:
        """How often each recognizer still matches the person: a chart for every maker; nothing where nothing is known.

        Args:
            point: where it decides.
            anchor: begins the charts' ids.
            outlet: takes the pictures.
        """
        found: list[Block] = []
        for place, base in enumerate(self.strands.bases if self.drawn else ()):
            panels = self._panels(base, self.judged.recognizers, _matches(point, ""), _matches(point, "clean_"), outlet)
            title = f"{base}: still matched at {point.label}"
            found += self._chart(
                panels, SHARES, title, f"{anchor}-edits-{place}", outlet, "edit_matches", base, point.name
            )
        return [Words(HOW_MATCHES), *found] if found else []

    def similarities(self, lines: Mapping[str, Sequence[Line]], anchor: str, outlet: Outlet) -> list[Block]:
        """The mean similarity to other photos of the person: a chart for every maker and recognizer.

        Args:
            lines: the thresholds of each recognizer.
            anchor: begins the charts' ids.
            outlet: takes the pictures.
        """
        found: list[Block] = []
        for base in self.strands.bases if self.drawn else ():
            for label in self.judged.recognizers:
                panels = self._panels(base, [label], _similarity, _clean_similarity, outlet, tuple(lines[label]))
                title = f"{base}: mean similarity by {self._white_boxes.marked(label, [base])}"
                place = f"{anchor}-similar-{len(found)}"
                if panels:
                    found += self._chart(panels, scale_of(panels), title, place, outlet, "edit_similarity", base, label)
        if not found:
            return []
        path = outlet.csv(self.frame(), "edits_along", self.judged.group.title)
        return [Words(HOW_SIMILARITY), *found, Links((("CSV: similarity and matches by edit", path),))]

    def frame(self) -> pd.DataFrame:
        """One row a recognizer, edit and number: similarity, and the share that matches at every operating point."""
        rows = []
        for strand in self.strands.found:
            for value, maker in zip(strand.values, strand.makers, strict=True):
                for label in self.judged.recognizers:
                    if one := self._cells.get((label, maker)):
                        said = {"recognizer": label, "made_by": strand.base, "edit": strand.name}
                        rows.append({**said, strand.axis.replace(" ", "_"): value, **self._row(one)})
        return pd.DataFrame(rows)

    # -------------------------------------------------------------------------------------------------------- inside

    def _row(self, one: Made) -> dict[str, float | None]:
        known = {"similarity": _similarity(one), "clean_similarity": _clean_similarity(one)}
        for point in self.judged.points:
            known[f"match_rate {point.name}"] = _matches(point, "")(one)
            known[f"clean_match_rate {point.name}"] = _matches(point, "clean_")(one)
        row: dict[str, float | None] = {}
        for name, mark in known.items():
            ends = mark.ends if mark and mark.ends else (None, None)
            row |= {name: mark.value if mark else None, f"{name} low": ends[0], f"{name} high": ends[1]}
        return row

    def _panels(
        self, base: str, labels: Sequence[str], take: _Take, clean: _Take, outlet: Outlet, lines: tuple[Line, ...] = ()
    ) -> list[Panel]:
        panels = []
        for strand in self.strands.of(base):
            tracks = [self._track(strand, label, take, clean, outlet) for label in labels]
            cells = [self._cells[label, maker] for label in labels for maker in strand.makers
                     if (label, maker) in self._cells]  # fmt: skip
            if known := tuple(track for track in tracks if track is not None):
                panels.append(Panel(strand.name, strand.axis, known, made_of(cells), lines))
        return panels

    def _track(self, strand: Strand, label: str, take: _Take, clean: _Take, outlet: Outlet) -> Track | None:
        """A recognizer along a strand; None where fewer than two numbers are known."""
        cells = {value: self._cells.get((label, maker))
                 for value, maker in zip(strand.values, strand.makers, strict=True)}  # fmt: skip
        marks = {value: mark for value, one in cells.items() if one and (mark := take(one)) is not None}
        if len(marks) < 2:
            return None
        level = next((mark for one in cells.values() if one and (mark := clean(one)) is not None), None)
        name = self._white_boxes.marked(label, [strand.base])
        return Track(name, outlet.looks[label], strand.grid, tuple(map(marks.get, strand.grid)), level)

    def _chart(
        self, panels: Sequence[Panel], scale: Scale, title: str, anchor: str, outlet: Outlet, kind: str, *names: str
    ) -> list[Chart]:
        if not panels:
            return []
        files = outlet.picture(edit_curves.draw(panels, scale, title), kind, self.judged.group.title, *names)
        outlet.tell()
        said = "; ".join(f"{panel.name}: " + ", ".join(map(_ends, panel.tracks)) for panel in panels)
        looks = {track.name: track.look for panel in panels for track in panel.tracks}
        return [
            Chart(
                id=anchor,
                spec=edit_curves.chart(panels, scale, title),
                alt=f"{title}, from the first to the last {panels[0].axis}. {said}.",
                caption=f"{title}." if len(looks) > 1 else "",
                files=files,
                heading=title,
                legend=list(looks.items()) if len(looks) > 1 else (),
                look=None if len(looks) > 1 else next(iter(looks.values())),
            )
        ]


def _ends(track: Track) -> str:
    known = [mark.said for piece in track.pieces for _, mark in piece]
    return f"{track.name} {known[0]} to {known[-1]}"


def _matches(point: Point, prefix: str) -> _Take:
    """The share of comparisons with the person that match, of made faces or, by its prefix, of unchanged photos."""

    def take(one: Made) -> Mark | None:
        record = by_key(one.series, contributor_name(1)).get((f"{prefix}contributor_match_rate", point.name))
        share: Share | None = share_of(record)
        return None if share is None else Mark(share.value, share.ends, share.said, share.weak)

    return take


def _similarity(one: Made) -> Mark | None:
    value, ends = mean_of(one, "contributor_similarity_mean", 0)
    if value is None:
        return None
    between = f" ({numbers.between(*(numbers.plain(end, 3) for end in ends))})" if ends else ""
    return Mark(value, ends, numbers.plain(value, 3) + between)


def _clean_similarity(one: Made) -> Mark | None:
    means = Scores(one).of_faces("clean_score")
    known = means[1].to_numpy(np.float64) if 1 in means else np.zeros(0)
    known = known[np.isfinite(known)]
    return Mark(float(known.mean()), None, numbers.plain(float(known.mean()), 3)) if len(known) else None
