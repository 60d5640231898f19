"""How often a search finds somebody, over the size of the gallery: a panel a maker, a line a recognizer.

Whole lines are faces, dotted ones real strangers. Right of the upright line no such gallery was searched: what stands
there is a model's, and its band is fainter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import numbers
from reports.figures.rows import short
from reports.figures.small_multiples import Grid, legend_above, name_panel, note_name, shares_axis
from reports.figures.style import MUTED, Look, hover_text, literal

_DOTTED = (0, (0.8, 2))
_SEEN, _MODELLED = 0.2, 0.1
"""How strong a band is where galleries were searched, and where not."""
AXIS = "people enrolled"


@dataclass(frozen=True)
class Step:
    """The rate at one size.

    Attributes:
        size: people.
        rate: share of searches.
        low: of its 95 % interval.
        high: likewise.
        said: all of it in print.
    """

    size: int
    rate: float
    low: float
    high: float
    said: str


@dataclass(frozen=True)
class Track:
    """What one recognizer finds.

    Attributes:
        name: the recognizer's, as marked.
        look: its colour, dash and marker.
        faces: of faces, sizes ascending.
        strangers: of real strangers, likewise.
    """

    name: str
    look: Look
    faces: tuple[Step, ...]
    strangers: tuple[Step, ...]


@dataclass(frozen=True)
class Panel:
    """One maker, or one set of faces.

    Attributes:
        name: what stands above it.
        enrolled: how many people there really are.
        tracks: one a recognizer.
    """

    name: str
    enrolled: int
    tracks: tuple[Track, ...]

    @property
    def steps(self) -> list[Step]:
        """Every step of every track."""
        return [step for track in self.tracks for step in (*track.faces, *track.strangers)]


def ticks_of(panels: Sequence[Panel]) -> list[int]:
    """The sizes to print along the axis: powers of ten, every other one where there are many."""
    sizes = [step.size for panel in panels for step in panel.steps]
    first, last = int(np.floor(np.log10(min(sizes)))), int(np.ceil(np.log10(max(sizes))))
    every = 1 if last - first <= 5 else 2
    return [10**power for power in range(first, last + 1, every)]


def _reach(panels: Sequence[Panel]) -> tuple[float, float]:
    sizes = [step.size for panel in panels for step in panel.steps]
    return 0.9 * min(sizes), 1.1 * max(sizes)


# ------------------------------------------------------------------------------------------------------------ for paper


def draw(panels: Sequence[Panel], title: str) -> Figure:
    """The picture for paper.

    Args:
        panels: in the order in which they stand.
        title: what stands above all.
    """
    figure, every = Grid(len(panels)).on_paper()
    for axes, panel in zip(every, panels, strict=True):
        _panel(axes, panel, panels)
    tracks = {track.name: track for panel in panels for track in panel.tracks}
    handles = [
        Line2D([], [], color=one.look.color, linestyle=one.look.line_style, linewidth=1.5) for one in tracks.values()
    ]
    handles.append(Line2D([], [], color=MUTED, linestyle=_DOTTED, linewidth=1.2))
    legend_above(figure, title, handles, [*tracks, "dotted: real strangers"])
    return figure


def _panel(axes: Axes, panel: Panel, panels: Sequence[Panel]) -> None:
    name_panel(axes, panel.name)
    for track in panel.tracks:
        color = track.look.color
        for steps, style, width in ((track.strangers, _DOTTED, 1.2), (track.faces, track.look.line_style, 1.5)):
            if steps:
                axes.plot(
                    [one.size for one in steps], [100 * one.rate for one in steps], color=color, linestyle=style,
                    linewidth=width,
                )  # fmt: skip
        for part, strength in _parts(track.faces, panel.enrolled):
            axes.fill_between(
                [one.size for one in part], [100 * one.low for one in part], [100 * one.high for one in part],
                color=color, alpha=strength, linewidth=0,
            )  # fmt: skip
    axes.axvline(panel.enrolled, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
    axes.set_xscale("log")
    axes.set_xlim(*_reach(panels))
    ticks = ticks_of(panels)
    axes.set_xticks(ticks, [_people(tick) for tick in ticks], fontsize=7.5)
    axes.minorticks_off()
    axes.set_ylim(0, 101.5)
    axes.set_yticks((0, 25, 50, 75, 100), [f"{tick} %" for tick in (0, 25, 50, 75, 100)])
    axes.grid(axis="x", visible=False)
    axes.set_xlabel(literal(AXIS), fontsize=8, labelpad=2)


# --------------------------------------------------------------------------------------------------------- for the page


def chart(panels: Sequence[Panel], name: str) -> dict[str, Any]:
    """The picture for the page.

    Args:
        panels: in the order in which they stand.
        name: of the variant.
    """
    grid, ticks = Grid(len(panels)), ticks_of(panels)
    layout = grid.layout()
    bands: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    low, high = (float(np.log10(end)) for end in _reach(panels))
    for at, panel in enumerate(panels):
        axis = {
            "type": "log", "range": [low, high], "tickvals": ticks, "ticktext": [_people(tick) for tick in ticks],
            "ticks": "", "tickangle": 0,
        }  # fmt: skip
        number = grid.place(layout, at, axis, shares_axis())
        layout[f"xaxis{number}"]["title"] = {"text": AXIS, "standoff": 3, "font": {"size": 11.5}}
        layout["annotations"].append(note_name(panel.name, number))
        layout["shapes"].append(_rule(panel.enrolled, number))
        for track in panel.tracks:
            bands += [_band(part, track, strength, number) for part, strength in _parts(track.faces, panel.enrolled)]
            lines += [
                _line(steps, track, panel, what, number)
                for what, steps in (("strangers", track.strangers), ("faces", track.faces))
                if steps
            ]
    return {"variants": [{"name": name, "data": [*bands, *lines], "layout": layout}]}


def _parts(steps: Sequence[Step], enrolled: int) -> list[tuple[list[Step], float]]:
    """The steps up to the gallery that there is, and from there on, each with the strength of its band."""
    seen = [one for one in steps if one.size <= enrolled]
    beyond = [one for one in steps if one.size >= enrolled]
    return [(part, strength) for part, strength in ((seen, _SEEN), (beyond, _MODELLED)) if len(part) > 1]


def _rule(enrolled: int, number: str) -> dict[str, Any]:
    return {
        "type": "line", "xref": f"x{number}", "yref": f"y{number} domain", "x0": enrolled, "x1": enrolled, "y0": 0,
        "y1": 1, "layer": "below", "line": {"color": "var(--muted)", "width": 1, "dash": "3px,3px"},
    }  # fmt: skip


def _band(part: Sequence[Step], track: Track, strength: float, number: str) -> dict[str, Any]:
    sizes = [one.size for one in part]
    high, low = (
        [short(100 * end) for end in ends] for ends in zip(*((one.high, one.low) for one in part), strict=True)
    )
    return {
        "type": "scatter", "mode": "lines", "name": track.name, "legendgroup": track.name, "meta": "band",
        "hoverinfo": "skip", "xaxis": f"x{number}", "yaxis": f"y{number}", "x": [*sizes, *reversed(sizes)],
        "y": [*high, *reversed(low)], "fill": "toself", "fillcolor": track.look.faint_variable(strength),
        "line": {"width": 0, "color": track.look.variable},
    }  # fmt: skip


def _line(steps: Sequence[Step], track: Track, panel: Panel, what: str, number: str) -> dict[str, Any]:
    faces = what == "faces"
    return {
        "type": "scatter", "mode": "lines", "name": track.name, "legendgroup": track.name,
        "xaxis": f"x{number}", "yaxis": f"y{number}", "x": [one.size for one in steps],
        "y": [short(100 * one.rate) for one in steps],
        "line": {
            "color": track.look.variable, "width": 2 if faces else 1.4, "dash": track.look.dash if faces else "1px,3px",
        },
        "customdata": [
            [numbers.count(one.size), one.said, "no such gallery was searched" * (one.size > panel.enrolled)]
            for one in steps
        ],
        "hovertemplate": f"<b>{hover_text(panel.name)}</b><br>{hover_text(track.name)}, {what}<br>"
        "%{customdata[0]} people: %{customdata[1]}<br>%{customdata[2]}<extra></extra>",
    }  # fmt: skip


def _people(number: int) -> str:
    for power, letter in ((9, "G"), (6, "M"), (3, "k")):
        if number >= 10**power:
            return f"{number // 10**power}{letter}"
    return str(number)
