"""What all pictures share: colours, dashes, markers, typefaces, and how a picture becomes a file.

A series keeps one look through the whole report. Colour is never alone: dash and marker differ as well, for readers
who see no colour and for paper printed in black.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#B0508C", "#4C9BD6", "#A87B00", "#3B3F8C", "#7A7A7A")
"""After Okabe and Ito, "Color Universal Design" (2008), darkened where a thin line on white would be too pale."""
PALETTE_ON_DARK = ("#4FA8E8", "#FF8A4C", "#2CC79B", "#E48CC3", "#9AD0F5", "#E6B93A", "#9A9EF0", "#B5B5B5")
"""The same hues on a dark page, in the same order."""

OUTCOME_COLORS = ("#7A2F86", "#E8962E", "#3C8CCB", "#B4BAC1", "#FFFFFF")
OUTCOME_COLORS_ON_DARK = ("#9B4FB0", "#F2B05E", "#6FB7F0", "#7B838D", "#101214")
"""Of what a made face matches, on white and on a dark page: both contributors, the second only, the first only,
neither, and no face made or found, which is hatched. Any two differ by a CIE76 distance of 22 or more,
also for readers without red, green or blue cones (simulated after Machado, Oliveira and Fernandes, 2009)."""
OUTCOME_LINES = ("#7A2F86", "#B96A0A", "#2B74AE", "#7F868E", "#5b636d")
OUTCOME_LINES_ON_DARK = ("#C08AD0", "#F2B05E", "#6FB7F0", "#9BA5B0", "#9ba5b0")
"""The same for dots and thin lines, darker or lighter where those would be too pale."""
CONTRIBUTOR_LOOKS = (
    ("var(--outcome-line-2)", "#2B74AE", "circle", "o"),
    ("var(--outcome-line-1)", "#B96A0A", "square", "s"),
    ("var(--series-2)", "#009E73", "diamond", "D"),
    ("var(--series-3)", "#B0508C", "triangle-up", "^"),
    ("var(--series-7)", "#7A7A7A", "triangle-down", "v"),
    ("var(--series-6)", "#3B3F8C", "x", "X"),
    ("var(--series-1)", "#D55E00", "star", "*"),
    ("var(--series-5)", "#A87B00", "cross", "P"),
)
"""Of the first contributor, the second and so on: CSS variable, colour on white, plotly's and matplotlib's marker. The
first two have the colours of the outcomes in which they alone match."""

INK, MUTED, GRID, NONMATED = "#16191d", "#5b636d", "#dcdfe3", "#8b929b"
_DASHES: tuple[tuple[str, Any], ...] = (
    ("solid", "solid"),
    ("9px,3px", (0, (5, 1.6))),
    ("13px,3px,3px,3px", (0, (7, 1.6, 1.6, 1.6))),
    ("3px,3px", (0, (1.6, 1.6))),
    ("20px,4px", (0, (11, 2))),
)
_MARKERS = (("circle", "o"), ("square", "s"), ("diamond", "D"), ("triangle-up", "^"), ("triangle-down", "v"))
_MARGIN_INCHES = 0.08
_TYPEFACES = ("Inter", "Helvetica Neue", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans")


def svg_dash(dash: str) -> str:
    """A dash of plotly's as an SVG stroke's.

    Args:
        dash: such as ``"9px,3px"``, or ``"solid"``.
    """
    return "none" if dash == "solid" else dash.replace("px", "").replace(",", " ")


@dataclass(frozen=True)
class LineKey:
    """How the key of a picture on the page shows a line or a mark: never by its colour alone.

    Attributes:
        name: what it is.
        color: a CSS colour.
        symbol: plotly's name of the marker; empty for none.
        dash: the line's dash as an SVG stroke has it; ``"none"`` for a whole line, empty for no line.
    """

    name: str
    color: str
    symbol: str = ""
    dash: str = ""


@dataclass(frozen=True)
class Look:
    """How one series is drawn, everywhere.

    Attributes:
        index: its place in the palette.
        color: on white.
        dash: plotly's name of the line style.
        line_style: the same for matplotlib.
        symbol: plotly's name of the marker.
        marker: the same for matplotlib.
    """

    index: int
    color: str
    dash: str
    line_style: Any
    symbol: str
    marker: str

    @property
    def svg_dash(self) -> str:
        """The dash as an SVG stroke's, for the swatches of the page."""
        return svg_dash(self.dash)

    @property
    def variable(self) -> str:
        """The colour as a CSS variable, which the page resolves for its light or dark theme."""
        return f"var(--series-{self.index})"

    def faint_variable(self, strength: float) -> str:
        """The colour as a CSS variable with an opacity from 0 to 1, for bands; the page resolves both."""
        return f"var(--series-{self.index})/{strength:g}"


def looks(labels: Sequence[str], colored: Sequence[str] = ()) -> Mapping[str, Look]:
    """One look for every label, in the order given; beyond the palette's end colours return with other dashes.

    Args:
        labels: of series.
        colored: labels that follow and are never grey, because they stand over something grey.
    """
    ordered: list[str | None] = list(dict.fromkeys(labels))
    for name in colored:
        if name not in ordered:
            ordered += [None, name] if len(ordered) % len(PALETTE) == len(PALETTE) - 1 else [name]
    found = {}
    for position, label in enumerate(ordered):
        if label is None:
            continue
        index, turn = position % len(PALETTE), position // len(PALETTE)
        dash, line_style = _DASHES[(position + turn) % len(_DASHES)]
        symbol, marker = _MARKERS[(position + turn) % len(_MARKERS)]
        found[label] = Look(index, PALETTE[index], dash, line_style, symbol, marker)
    return found


@contextlib.contextmanager
def paper() -> Iterator[None]:
    """Matplotlib's settings for every file that a report writes; the caller's own come back afterwards."""
    installed = set(font_manager.get_font_names())
    settings: Any = {
        "font.family": [name for name in _TYPEFACES if name in installed] or ["DejaVu Sans"],
        "font.size": 9.5,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 10,
        "axes.labelsize": 9.5,
        "axes.labelcolor": INK,
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.6,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "text.color": INK,
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "lines.linewidth": 1.8,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "svg.hashsalt": "impersona",
        "svg.fonttype": "path",
        "text.parse_math": False,  # a name may hold dollars
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        # A name in a script that the typeface lacks is drawn as boxes; that is no reason to stop or to chatter.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        yield


def save(figure: Figure, folder: Path, name: str) -> str:
    """Writes a picture as PNG (200 dpi) and SVG, the same bytes for the same picture.

    Args:
        figure: the picture.
        folder: where to.
        name: the files' name without an ending.

    Returns:
        The name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Measured once for both files: "tight" would draw each of them twice.
    box = figure.get_tightbbox().padded(_MARGIN_INCHES)
    figure.savefig(folder / f"{name}.png", dpi=200, bbox_inches=box, metadata={"Software": ""})
    figure.savefig(folder / f"{name}.svg", bbox_inches=box, metadata={"Date": None})
    return name


def literal(text: str, longest: int = 60) -> str:
    """A text that matplotlib prints as it stands: on one line, and not hidden for beginning with an underscore.

    Args:
        text: any text.
        longest: its middle is left out beyond so many characters.
    """
    shown = shorten(" ".join(text.split()), longest)
    return f"\u2009{shown}" if shown.startswith("_") else shown


def shorten(text: str, longest: int) -> str:
    """The text, or its two ends around an ellipsis where it is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 2
    return f"{text[: longest - 1 - tail]}…{text[len(text) - tail :]}"


def row_lines(name: str, longest: int = 26, most: int = 4) -> list[str]:
    """The name of a row in short lines: what stands before the first comma, and the rest below it.

    Args:
        name: such as ``"landmark_morph, weight 0.5"``.
        longest: letters of a line.
        most: how many lines; what is left over is an ellipsis.
    """
    first, _, rest = name.partition(", ")
    below = textwrap.wrap(rest, longest, max_lines=most - 1, placeholder=" …", break_on_hyphens=False)
    return [shorten(first, longest), *below]


def slug(*parts: str) -> str:
    """A file name that any system takes; beyond 100 characters its end is a digest."""
    clean = "_".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") or "x" for part in parts)
    if len(clean) <= 100:
        return clean
    return f"{clean[:90].strip('-')}-{hashlib.sha256(clean.encode()).hexdigest()[:8]}"


def legend(axes: Axes, entries: Sequence[tuple[str, Look]], room: int = 78) -> None:
    """A legend of series above the axes, in their looks, with their markers; the title moves up to make room.

    Args:
        axes: where.
        entries: labels and looks.
        room: how many letters fit beside each other.
    """
    shown = [literal(label, 48) for label, _ in entries]
    columns = max(1, min(len(shown), room // (max(map(len, shown)) + 8)))
    rows = -(-len(shown) // columns)
    axes.set_title(axes.get_title(loc="left"), pad=25 + 13.5 * rows)
    handles = [
        Line2D([], [], color=look.color, linestyle=look.line_style, marker=look.marker, markersize=5)
        for _, look in entries
    ]
    axes.legend(
        handles, shown, handlelength=3.4, ncols=columns, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=1.6,
        borderpad=0, columnspacing=2, labelspacing=0.35,
    )  # fmt: skip


def chart_layout(x: Mapping[str, Any], y: Mapping[str, Any], height: int, **more: Any) -> dict[str, Any]:
    """The layout that all charts of the page share; colours are CSS variables, resolved by the page for its theme.

    Args:
        x: what differs on the horizontal axis; its ``title`` is a text.
        y: what differs on the vertical axis.
        height: pixels.
        more: anything else of plotly's layout.
    """
    axis = {
        "gridcolor": "var(--grid)",
        "linecolor": "var(--axis)",
        "tickcolor": "var(--axis)",
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        "zeroline": False,
        "automargin": True,
        "tickfont": {"color": "var(--muted)"},
    }
    return {
        "height": height,
        "margin": {"l": 64, "r": 28, "t": 28, "b": 60},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "var(--axis)", "activecolor": "var(--ink)"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "var(--sans)", "size": 13, "color": "var(--ink)"},
        "hoverlabel": {
            "bgcolor": "var(--raised)",
            "bordercolor": "var(--axis)",
            "font": {"family": "var(--sans)", "size": 13, "color": "var(--ink)"},
            "align": "left",
            "namelength": -1,
        },
        "hovermode": "closest",
        "dragmode": "zoom",
        "showlegend": False,
        "xaxis": {**axis, **x, "title": {"text": x.get("title", ""), "standoff": 10}},
        "yaxis": {**axis, **y, "title": {"text": y.get("title", ""), "standoff": 12}},
        **more,
    }


def hover_text(text: str) -> str:
    """A text for plotly, which takes a few HTML tags and would otherwise obey those in a name."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
