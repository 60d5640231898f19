"""Mean similarity to each contributor along a setting of a maker, so that one sees where the lines cross."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import numbers
from reports.figures.rows import short
from reports.figures.small_multiples import part
from reports.figures.style import CONTRIBUTOR_LOOKS, INK, MUTED, chart_layout, hover_text, literal, shorten
from reports.figures.threshold_lines import Line, threshold_note

_ACROSS = 3
"""Panels beside each other."""


@dataclass(frozen=True)
class Track:
    """The means of one contributor.

    Attributes:
        name: such as ``"contributor 1"``.
        place: which of `CONTRIBUTOR_LOOKS` it has.
        values: the setting's values, ascending.
        means: one for each.
        ends: the 95 % interval of each, or None.
    """

    name: str
    place: int
    values: tuple[float, ...]
    means: tuple[float, ...]
    ends: tuple[tuple[float, float] | None, ...]

    @property
    def look(self) -> tuple[str, str, str, str]:
        """CSS variable, colour on white, plotly's marker, matplotlib's."""
        return CONTRIBUTOR_LOOKS[self.place % len(CONTRIBUTOR_LOOKS)]


@dataclass(frozen=True)
class Panel:
    """What one recognizer says.

    Attributes:
        label: the recognizer.
        unit: of its score.
        tracks: one a contributor.
        lines: its thresholds.
    """

    label: str
    unit: str
    tracks: tuple[Track, ...]
    lines: tuple[Line, ...]


def draw(panels: Sequence[Panel], setting: str, title: str) -> Figure:
    """The picture for paper.

    Args:
        panels: one a recognizer.
        setting: what the horizontal axes show.
        title: what stands above it.
    """
    across, rows = min(len(panels), _ACROSS), -(-len(panels) // _ACROSS)
    figure = Figure(figsize=(max(2.9 * across, 4.2), 0.9 + 2.7 * rows))
    grid = np.atleast_1d(figure.subplots(rows, across, squeeze=False)).ravel()
    for axes, panel in zip(grid, panels, strict=False):
        for line in panel.lines:
            style = (0, (2, 2)) if line.weak else "solid"
            axes.axhline(line.threshold, color=INK, linewidth=0.8, linestyle=style)
            axes.annotate(f"{line.label} ", (1, line.threshold), (0, 2), xycoords=("axes fraction", "data"),
                          textcoords="offset points", fontsize=6.5, ha="right")  # fmt: skip
        for track in panel.tracks:
            color, marker = track.look[1], track.look[3]
            ends = [end or (mean, mean) for end, mean in zip(track.ends, track.means, strict=True)]
            low, high = [end[0] for end in ends], [end[1] for end in ends]
            axes.fill_between(track.values, low, high, color=color, alpha=0.22, linewidth=0)
            axes.vlines(track.values, low, high, color=color, linewidth=1.4)
            axes.plot(track.values, track.means, marker=marker, color=color, markersize=4.5, linewidth=1.5)
        axes.set_title(literal(panel.label, 30), fontsize=9.5, pad=16)
        axes.annotate(f"mean {panel.unit}", (0, 1), (0, 4), xycoords="axes fraction", textcoords="offset points",
                      fontsize=7.5, color=MUTED)  # fmt: skip
        axes.set_xlabel(literal(setting, 40))
        axes.set_xticks(sorted({value for track in panel.tracks for value in track.values}))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.subplots_adjust(wspace=0.42, hspace=0.55)
    named = {track.name: track for panel in panels for track in panel.tracks}
    handles = [
        Line2D([], [], color=track.look[1], marker=track.look[3], markersize=5, label=name)
        for name, track in named.items()
    ]
    height = 0.9 + 2.7 * rows
    top = 0.88 + 0.42 / height
    figure.legend(handles=handles, ncols=5, loc="lower left", bbox_to_anchor=(0.11, top), borderaxespad=0, borderpad=0)
    figure.suptitle(literal(title, 80), x=0.12, y=top + 0.42 / height, ha="left", fontsize=11, weight="bold")
    return figure


def chart(panels: Sequence[Panel], setting: str) -> dict[str, Any]:
    """The picture for the page: panels beside each other, below each other where the page is narrow."""
    across, rows = min(len(panels), _ACROSS), -(-len(panels) // _ACROSS)
    layout = chart_layout({}, {}, height=60 + 290 * rows)
    layout["margin"] = {"l": 8, "r": 14, "t": 48, "b": 56}
    narrow: dict[str, Any] = {"height": 60 + 290 * len(panels)}
    layout["annotations"], layout["shapes"], traces = [], [], []
    for place, panel in enumerate(panels):
        number = "" if place == 0 else str(place + 1)
        column, row = place % across, place // across
        x_domain = part(column, across, 0.08)
        y_domain = part(rows - 1 - row, rows, 0.32)
        base = chart_layout({"title": hover_text(setting)}, {}, 0)
        values = sorted({value for track in panel.tracks for value in track.values})
        reach = 0.08 * (values[-1] - values[0])
        layout[f"xaxis{number}"] = {
            **base["xaxis"], "domain": x_domain, "anchor": f"y{number}", "showgrid": False, "tickvals": values,
            "ticktext": [f"{value:g}" for value in values], "range": [values[0] - reach, values[-1] + reach],
        }  # fmt: skip
        layout[f"yaxis{number}"] = {**base["yaxis"], "domain": y_domain, "anchor": f"x{number}", "nticks": 6}
        narrow[f"xaxis{number}"] = {"domain": [0, 1]}
        narrow[f"yaxis{number}"] = {"domain": part(len(panels) - 1 - place, len(panels), 0.34)}
        for track in panel.tracks:
            traces += _track(track, panel, number, setting)
        layout["shapes"] += [_level(line, number) for line in panel.lines]
        layout["annotations"] += [_title(panel, number), *(threshold_note(line, number) for line in panel.lines)]
    layout["meta"] = {"narrow": narrow}
    return {"variants": [{"name": setting, "data": traces, "layout": layout}]}


def _track(track: Track, panel: Panel, number: str, setting: str) -> list[dict[str, Any]]:
    color = track.look[0]
    ends = [end or (mean, mean) for end, mean in zip(track.ends, track.means, strict=True)]
    low, high = [end[0] for end in ends], [end[1] for end in ends]
    place = {"xaxis": f"x{number}", "yaxis": f"y{number}", "name": track.name, "legendgroup": track.name}
    band = {
        "type": "scatter", "mode": "lines", **place, "x": [*track.values, *reversed(track.values)],
        "y": [short(value) for value in (*high, *reversed(low))], "fill": "toself", "fillcolor": f"{color}/0.2",
        "line": {"width": 0, "color": color}, "hoverinfo": "skip", "meta": "band",
    }  # fmt: skip
    said = [
        [numbers.plain(mean, 4), numbers.between(numbers.plain(end[0], 4), numbers.plain(end[1], 4)), f"{value:g}"]
        for mean, end, value in zip(track.means, ends, track.values, strict=True)
    ]
    line = {
        "type": "scatter",
        "mode": "lines+markers",
        **place,
        "x": list(track.values),
        "y": [short(mean) for mean in track.means],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [short(end[1] - mean) for end, mean in zip(ends, track.means, strict=True)],
            "arrayminus": [short(mean - end[0]) for end, mean in zip(ends, track.means, strict=True)],
            "color": color,
            "thickness": 1.5,
            "width": 3,
        },
        "customdata": said,
        "line": {"color": color, "width": 2},
        "marker": {"symbol": track.look[2], "size": 8, "color": color},
        "cliponaxis": False,
        "hovertemplate": f"<b>{hover_text(panel.label)}</b><br>{hover_text(setting)} %{{customdata[2]}}<br>"
        f"{track.name}: mean %{{customdata[0]}} (%{{customdata[1]}})<extra></extra>",
    }
    return [band, line]


def _level(line: Line, number: str) -> dict[str, Any]:
    return {
        "type": "line", "xref": f"x{number} domain", "yref": f"y{number}", "x0": 0, "x1": 1, "y0": line.threshold,
        "y1": line.threshold, "line": {"color": "var(--ink)", "width": 1, "dash": "dot" if line.weak else "solid"},
    }  # fmt: skip


def _title(panel: Panel, number: str) -> dict[str, Any]:
    return {
        "xref": f"x{number} domain", "yref": f"y{number} domain", "x": 0, "y": 1, "xanchor": "left",
        "yanchor": "bottom", "yshift": 6, "showarrow": False, "align": "left",
        "text": f"<b>{hover_text(shorten(panel.label, 34))}</b><br>mean {panel.unit}",
        "font": {"size": 12.5, "color": "var(--ink)"},
    }  # fmt: skip
