"""The page: what it says, and how that becomes one self-contained HTML file."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import jinja2
from markupsafe import Markup

from reports import numbers
from reports.faces import Hardest
from reports.figures.style import PALETTE, PALETTE_ON_DARK, Look
from reports.load import FailedCell

Files = Sequence[tuple[str, str]]
"""What a link says, and the path that it leads to, relative to the page."""


@dataclass(frozen=True)
class Column:
    """The head of a column.

    Attributes:
        label: what stands there.
        hint: what hovering over it says.
        arrow: ``"↑"`` where higher is better, ``"↓"`` where lower is.
        note: a second, smaller line.
        number: whether the column holds numbers.
    """

    label: str
    hint: str = ""
    arrow: str = ""
    note: str = ""
    number: bool = True


@dataclass(frozen=True)
class TableCell:
    """One value of a table.

    Attributes:
        text: the value.
        notes: smaller lines below it.
        tag: how well the data support it, where that must be said.
        best: whether it is the best of its column.
        hint: what hovering over it says.
        number: whether it is a number.
        span: over how many columns it reaches.
    """

    text: str
    notes: tuple[str, ...] = ()
    tag: Literal["", "weak", "insufficient", "failed"] = ""
    best: bool = False
    hint: str = ""
    number: bool = True
    span: int = 1


@dataclass(frozen=True)
class Row:
    """One row of a table: whose it is, and its values."""

    label: str
    cells: Sequence[TableCell]
    look: Look | None = None
    note: str = ""


@dataclass(frozen=True)
class HtmlTable:
    """A table, ready to print; `caption` is read to those who do not see it."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    style: str = ""


@dataclass(frozen=True)
class Chart:
    """An interactive picture.

    Attributes:
        id: unique in the page.
        spec: ``{"variants": [{"name", "data", "layout"}]}`` for plotly, colours as CSS variables.
        alt: what it shows, for those who do not see it.
        caption: how to read it.
        files: the same picture as files.
        heading: what stands above it, where there is no legend.
        look: the look of the one series it shows, if it is one.
        legend: the series, where it shows several.
        widest: pixels beyond which it does not grow; 0 for as wide as the page.
    """

    id: str
    spec: Mapping[str, Any]
    alt: str
    caption: str
    files: Files = ()
    heading: str = ""
    look: Look | None = None
    legend: Sequence[tuple[str, Look]] = ()
    widest: int = 0

    @property
    def variants(self) -> list[str]:
        """The names of its variants, the one to show first at the front."""
        return [variant["name"] for variant in self.spec["variants"]]

    @property
    def height(self) -> int:
        """Of its first variant, in pixels: the page keeps the room free until it is drawn."""
        return int(self.spec["variants"][0]["layout"]["height"])

    @property
    def data(self) -> Markup:
        """Its description as JSON that cannot end the script element that it stands in."""
        text = json.dumps(self.spec, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


@dataclass
class GroupView:
    """What the page shows of a group; see `reports.load.Group`."""

    title: str
    series_count: int = 0
    short: list[Markup] = field(default_factory=list)
    results: HtmlTable | None = None
    results_files: Files = ()
    curves: list[Chart] = field(default_factory=list)
    histograms: list[Chart] = field(default_factory=list)
    matrices: list[Chart] = field(default_factory=list)
    acquisition: HtmlTable | None = None
    missed: list[tuple[str, int, list[tuple[str, str]]]] = field(default_factory=list)
    acquisition_files: Files = ()
    hardest: list[Hardest] = field(default_factory=list)
    why_no_faces: Markup = field(default_factory=Markup)
    hardest_files: Files = ()


@dataclass
class Page:
    """What the page shows of a run; see `reports.load.Run`."""

    title: str
    version: str
    kicker: str
    question: str
    alert: str
    facts: Sequence[tuple[str, str, str]]
    groups: Sequence[GroupView]
    failed: Sequence[FailedCell]
    unfinished: int
    recipe: str
    origin: Sequence[tuple[str, str]]
    cells: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    run_files: Files
    glossary: Sequence[tuple[str, str]]

    @property
    def any_curves(self) -> bool:
        """Whether any cell has scores."""
        return any(group.series_count for group in self.groups)

    @property
    def any_matrices(self) -> bool:
        """Whether any cell has an identity matrix."""
        return any(group.matrices for group in self.groups)

    @property
    def any_acquisition(self) -> bool:
        """Whether any cell counts its failures to acquire."""
        return any(group.acquisition for group in self.groups)

    @property
    def has_charts(self) -> bool:
        """Whether the page needs plotly."""
        return any(group.curves or group.histograms or group.matrices for group in self.groups)

    @property
    def contents(self) -> list[tuple[str, str]]:
        """Anchor and name of every section, in order."""
        sections = (
            ("results", "Results", True),
            ("curves", "Error curves", self.any_curves),
            ("scores", "Similarity scores", self.any_curves),
            ("identities", "Who looks like whom", self.any_matrices),
            ("acquisition", "Failures to acquire", self.any_acquisition),
            ("hardest", "Hardest comparisons", self.any_curves),
            ("failed", "Failed cells", bool(self.failed or self.unfinished)),
            ("provenance", "Provenance", True),
            ("glossary", "Glossary", True),
        )
        return [(anchor, name) for anchor, name, there in sections if there]


def render(page: Page) -> str:
    """The page as HTML, with its styles, its script and plotly inside."""
    environment = _environment()
    css = environment.get_template("report.css").render(palette=PALETTE, palette_on_dark=PALETTE_ON_DARK)
    js = environment.get_template("report.js").render()
    return environment.get_template("report.html.j2").render(
        page=page, css=Markup(css), js=Markup(js), plotly=Markup(_plotly() if page.has_charts else "")
    )


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports"), autoescape=lambda name: name is None or name.endswith(".html.j2"),
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"plain": numbers.plain, "count": numbers.count, "plural": numbers.plural}
    return environment


@functools.cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    # A script element ends at the first "</script", wherever it stands.
    return str(get_plotlyjs()).replace("</script", "<\\/script")
