"""The page as data: sections, and the blocks that they are made of, in the order in which they stand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from markupsafe import Markup

from reports.faces import Hardest
from reports.figures.style import LineKey, Look
from reports.series import FailedCell
from reports.table import HtmlTable

if TYPE_CHECKING:
    from reports.montage import Montage

Files = Sequence[tuple[str, str]]
"""What a link says, and the path that it leads to, relative to the page."""


@dataclass(frozen=True)
class Words:
    """A paragraph. A plain string is escaped, a `Markup` is not."""

    block: ClassVar = "words"
    text: str | Markup
    style: str = ""


@dataclass(frozen=True)
class Links:
    """Files that hold what stands above them."""

    block: ClassVar = "links"
    files: Files


@dataclass(frozen=True)
class Names:
    """A list of names with a remark each, such as photos without a face; `total` may be more than are listed."""

    block: ClassVar = "names"
    names: Sequence[tuple[str, str]]
    total: int


@dataclass(frozen=True)
class Pairs:
    """The hardest comparisons of a series, in pictures."""

    block: ClassVar = "pairs"
    hardest: Hardest


@dataclass(frozen=True)
class Examples:
    """Made faces with the photos of their contributors, in pictures."""

    block: ClassVar = "examples"
    montage: Montage


@dataclass(frozen=True)
class Rows:
    """Terms and what is said of each."""

    block: ClassVar = "rows"
    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Code:
    """Text as typed, with a button that copies it."""

    block: ClassVar = "code"
    text: str


@dataclass(frozen=True)
class Failures:
    """The cells that failed."""

    block: ClassVar = "failures"
    failed: Sequence[FailedCell]


@dataclass(frozen=True)
class Table:
    """A table among the blocks."""

    block: ClassVar = "table"
    table: HtmlTable


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
        keys: what its colours mean, where it shows no series: name and CSS colour; one may be ``"hatched"``.
        marks: what its lines and marks mean, behind `keys`.
        choice: what its buttons choose.
        widest: pixels beyond which it does not grow; 0 for as wide as the page.
    """

    block: ClassVar = "chart"
    id: str
    spec: Mapping[str, Any]
    alt: str
    caption: str
    files: Files = ()
    heading: str = ""
    look: Look | None = None
    legend: Sequence[tuple[str, Look]] = ()
    keys: Sequence[tuple[str, str]] = ()
    marks: Sequence[LineKey] = ()
    choice: str = "Axes"
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


@dataclass(frozen=True)
class Folded:
    """Blocks that open at a click on `summary`."""

    block: ClassVar = "folded"
    summary: str
    blocks: Sequence[Block]


Block = Words | Links | Names | Pairs | Examples | Rows | Code | Failures | Table | Chart | Folded


@dataclass
class Part:
    """What a section says of one group of cells or one topic; a heading stands above it where `title` is given."""

    title: str = ""
    blocks: list[Block] = field(default_factory=list)


@dataclass
class Section:
    """A section of the page.

    Attributes:
        id: its anchor, unique in the page.
        name: its heading, and what the contents call it.
        parts: what it says; without any, the section is left out.
    """

    id: str
    name: str
    parts: list[Part] = field(default_factory=list)


@dataclass
class Page:
    """What the page shows of a run; see `reports.load.Run`."""

    title: str
    version: str
    kicker: str
    question: str
    alert: str
    facts: Sequence[tuple[str, str, str]]
    sections: Sequence[Section]

    @property
    def contents(self) -> list[tuple[str, str]]:
        """Anchor and name of every section, in order."""
        return [(section.id, section.name) for section in self.sections]

    @property
    def blocks(self) -> list[Block]:
        """Every block of the page, folded ones included, in the order in which they stand."""
        return [block for section in self.sections for part in section.parts for block in _unfolded(part.blocks)]

    @property
    def has_charts(self) -> bool:
        """Whether the page needs plotly."""
        return any(isinstance(block, Chart) for block in self.blocks)


def _unfolded(blocks: Sequence[Block]) -> list[Block]:
    found: list[Block] = []
    for block in blocks:
        found += _unfolded(block.blocks) if isinstance(block, Folded) else [block]
    return found
