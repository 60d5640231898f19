"""A figure along a number that a sweep varies, with bands: a panel for every edit, a line for every recognizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.figures.outcome_columns import error_bars
from reports.figures.rows import short
from reports.figures.small_multiples import Grid, below, legend_above, name_panel, note_name, shares_axis, unbroken
from reports.figures.style import INK, MUTED, Look, hover_text, literal
from reports.figures.threshold_lines import Line, threshold_note

_THIN = (0, (0.8, 2))


@dataclass(frozen=True)
class Mark:
    """A figure at one number.

    Attributes:
        value: of the figure.
        ends: its 95 % interval, or None.
        said: both in print.
        weak: whether little stands behind it.
    """

    value: float
    ends: tuple[float, float] | None
    said: str
    weak: bool = False

    @property
    def span(self) -> tuple[float, float]:
        """The interval; the value twice where there is none."""
        return self.ends or (self.value, self.value)


@dataclass(frozen=True)
class Track:
    """What one recognizer says of an edit.

    Attributes:
        name: the recognizer's, as marked.
        look: its colour, dash and marker.
        values: of the number, ascending.
        marks: one for each; None where the cell failed, so that the line is broken there.
        clean: what it says of the unchanged photos; None where nobody knows.
    """

    name: str
    look: Look
    values: tuple[float, ...]
    marks: tuple[Mark | None, ...]
    clean: Mark | None = None

    @property
    def pieces(self) -> list[list[tuple[float, Mark]]]:
        """The marks with their numbers, parted where one is missing."""
        return unbroken(self.values, self.marks)


@dataclass(frozen=True)
class Panel:
    """An edit.

    Attributes:
        name: what stands above it.
        axis: what the number is called.
        tracks: one a recognizer.
        made: how many faces of how many were made, in words.
        lines: thresholds, where the figure is a score.
    """

    name: str
    axis: str
    tracks: tuple[Track, ...]
    made: str = ""
    lines: tuple[Line, ...] = ()

    @property
    def values(self) -> list[float]:
        """The numbers that were asked for."""
        return sorted({value for track in self.tracks for value in track.values})


@dataclass(frozen=True)
class Scale:
    """The vertical axis, the same in every panel.

    Attributes:
        low: where it begins.
        high: where it ends.
        share: whether it is a share of something, in percent.
    """

    low: float
    high: float
    share: bool

    def at(self, value: float) -> float:
        """A value as it is drawn."""
        return 100 * value if self.share else value


SHARES = Scale(0, 1.015, True)


def scale_of(panels: Sequence[Panel]) -> Scale:
    """An axis that holds all scores and thresholds of some panels."""
    every = [end for panel in panels for track in panel.tracks for mark in track.marks if mark for end in mark.span]
    every += [track.clean.value for panel in panels for track in panel.tracks if track.clean]
    every += [line.threshold for panel in panels for line in panel.lines]
    room = 0.06 * (max(every) - min(every)) or 0.1
    return Scale(min(every) - room, max(every) + room, False)


def _reach(panels: Sequence[Panel]) -> tuple[float, float]:
    values = [value for panel in panels for value in panel.values]
    room = 0.07 * (max(values) - min(values)) or 0.5
    return min(values) - room, max(values) + room


# ------------------------------------------------------------------------------------------------------------ for paper


def draw(panels: Sequence[Panel], scale: Scale, title: str) -> Figure:
    """The picture for paper.

    Args:
        panels: in the order in which they stand.
        scale: of the vertical axis.
        title: what stands above all.
    """
    figure, every = Grid(len(panels)).on_paper()
    for axes, panel in zip(every, panels, strict=True):
        _panel(axes, panel, scale, _reach(panels))
    tracks = {track.name: track for panel in panels for track in panel.tracks}
    handles = [
        Line2D([], [], color=one.look.color, linestyle=one.look.line_style, marker=one.look.marker, markersize=4,
               linewidth=1.4)
        for one in tracks.values()
    ]  # fmt: skip
    handles.append(Line2D([], [], color=MUTED, linestyle=_THIN, linewidth=1.1))
    legend_above(figure, title, handles, [*tracks, "thin dots: clean photo"])
    return figure


def _panel(axes: Axes, panel: Panel, scale: Scale, reach: tuple[float, float]) -> None:
    name_panel(axes, panel.name)
    for line in panel.lines:
        axes.axhline(line.threshold, color=INK, linewidth=0.8, linestyle=(0, (2, 2)) if line.weak else "solid")
        axes.annotate(
            f"{line.label} ", (1, line.threshold), (0, 2), xycoords=("axes fraction", "data"),
            textcoords="offset points", fontsize=6.5, ha="right",
        )  # fmt: skip
    for track in panel.tracks:
        color = track.look.color
        if track.clean is not None:
            axes.axhline(scale.at(track.clean.value), color=color, linewidth=0.9, linestyle=_THIN, zorder=1)
        for piece in track.pieces:
            x = [value for value, _ in piece]
            low, high = ([scale.at(mark.span[side]) for _, mark in piece] for side in (0, 1))
            axes.fill_between(x, low, high, color=color, alpha=0.17, linewidth=0)
            axes.vlines(x, low, high, color=color, linewidth=0.9)
            y = [scale.at(mark.value) for _, mark in piece]
            axes.plot(x, y, color=color, linestyle=track.look.line_style, linewidth=1.4)
            for weak in (False, True):
                some = [(value, scale.at(mark.value)) for value, mark in piece if mark.weak == weak]
                axes.plot(
                    [one for one, _ in some], [one for _, one in some], track.look.marker, color=color, markersize=3.4,
                    markeredgewidth=0.9, markerfacecolor="white" if weak else color, clip_on=False,
                )  # fmt: skip
    axes.set_ylim(scale.at(scale.low), scale.at(scale.high))
    if scale.share:
        axes.set_yticks((0, 25, 50, 75, 100), [f"{tick} %" for tick in (0, 25, 50, 75, 100)])
    axes.set_xlim(*reach)
    axes.set_xticks(panel.values, [f"{value:g}" for value in panel.values], fontsize=7.5)
    axes.tick_params(length=0)
    axes.grid(axis="x", visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(literal(below(panel.axis, panel.made), 44), fontsize=8, labelpad=2)


# --------------------------------------------------------------------------------------------------------- for the page


def chart(panels: Sequence[Panel], scale: Scale, name: str) -> dict[str, Any]:
    """The picture for the page.

    Args:
        panels: in the order in which they stand.
        scale: of the vertical axis.
        name: of the variant.
    """
    grid, reach = Grid(len(panels)), _reach(panels)
    layout = grid.layout()
    bands: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for at, panel in enumerate(panels):
        values = panel.values
        axis = {
            "tickvals": values, "ticktext": [f"{value:g}" for value in values], "range": list(reach),
            "ticks": "", "tickangle": 0,
        }  # fmt: skip
        upright = shares_axis() if scale.share else {"range": [scale.low, scale.high], "nticks": 6, "ticks": ""}
        number = grid.place(layout, at, axis, upright)
        under = hover_text(below(panel.axis, panel.made))
        layout[f"xaxis{number}"]["title"] = {"text": under, "standoff": 3, "font": {"size": 11.5}}
        layout["annotations"].append(note_name(panel.name, number))
        for line in panel.lines:
            dash = "dot" if line.weak else "solid"
            layout["shapes"].append(_level(line.threshold, number, {"color": "var(--ink)", "width": 1, "dash": dash}))
            layout["annotations"].append(threshold_note(line, number))
        for track in panel.tracks:
            if track.clean is not None:
                look = {"color": track.look.variable, "width": 1.2, "dash": "1px,3px"}
                layout["shapes"].append(_level(scale.at(track.clean.value), number, look))
            bands += [_band(piece, track, scale, number) for piece in track.pieces]
            lines.append(_line(track, panel, scale, number))
    return {"variants": [{"name": name, "data": [*bands, *lines], "layout": layout}]}


def _level(value: float, number: str, look: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "line", "xref": f"x{number} domain", "yref": f"y{number}", "x0": 0, "x1": 1, "y0": short(value),
        "y1": short(value), "layer": "below", "line": look,
    }  # fmt: skip


def _band(piece: Sequence[tuple[float, Mark]], track: Track, scale: Scale, number: str) -> dict[str, Any]:
    values = [value for value, _ in piece]
    low, high = ([short(scale.at(mark.span[side])) for _, mark in piece] for side in (0, 1))
    return {
        "type": "scatter", "mode": "lines", "name": track.name, "legendgroup": track.name, "meta": "band",
        "hoverinfo": "skip",
        "xaxis": f"x{number}", "yaxis": f"y{number}", "x": [*values, *reversed(values)], "y": [*high, *reversed(low)],
        "fill": "toself", "fillcolor": track.look.faint_variable(0.17),
        "line": {"width": 0, "color": track.look.variable},
    }  # fmt: skip


def _line(track: Track, panel: Panel, scale: Scale, number: str) -> dict[str, Any]:
    color, look = track.look.variable, track.look
    marks = track.marks
    spans = [mark.span if mark else (0.0, 0.0) for mark in marks]
    middles = [mark.value if mark else 0.0 for mark in marks]
    bars = error_bars(middles, spans, color) if scale.share else _bars(middles, spans, color)
    clean = track.clean.said if track.clean else "not known"
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "connectgaps": False,
        "name": track.name,
        "legendgroup": track.name,
        "xaxis": f"x{number}",
        "yaxis": f"y{number}",
        "x": list(track.values),
        "y": [None if mark is None else short(scale.at(mark.value)) for mark in marks],
        "error_y": bars,
        "line": {"color": color, "width": 1.9, "dash": look.dash},
        "marker": {
            "symbol": [f"{look.symbol}{'-open' if mark and mark.weak else ''}" for mark in marks],
            "size": 6.5, "color": color, "line": {"width": 1.2, "color": color},
        },
        "cliponaxis": False,
        "customdata": [
            [f"{value:g}", mark.said if mark else ""] for value, mark in zip(track.values, marks, strict=True)
        ],
        "hovertemplate": f"<b>{hover_text(panel.name)}</b><br>{hover_text(panel.axis)} %{{customdata[0]}}<br>"
        f"{hover_text(track.name)}: %{{customdata[1]}}<br>clean photo: {hover_text(clean)}<extra></extra>",
    }  # fmt: skip


def _bars(values: Sequence[float], spans: Sequence[tuple[float, float]], color: str) -> dict[str, Any]:
    return {
        "type": "data", "symmetric": False, "color": color, "thickness": 1.2, "width": 0,
        "array": [short(high - value) for value, (_, high) in zip(values, spans, strict=True)],
        "arrayminus": [short(value - low) for value, (low, _) in zip(values, spans, strict=True)],
    }  # fmt: skip
