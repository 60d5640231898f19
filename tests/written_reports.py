"""Reports as tests take them: drawn once and looked at twice, or not drawn at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports import document
from reports.page import Page

SAVE = "reports.outlet.save"
"""What writes a picture's PNG and SVG files, most of a report's time. A test that looks at words and charts only puts
`unsaved` in its place."""


def unsaved(figure: object, folder: Path, name: str) -> str:
    """A `reports.figures.style.save` that writes nothing."""
    return name


def written(run: Path) -> tuple[Path, Page]:
    """The report of a run, and the very page that it was written from."""
    drawn: list[Page] = []
    page_of = document.page_of

    def kept(*given: object) -> Page:
        drawn.append(page_of(*given))  # type: ignore[arg-type]
        return drawn[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "page_of", kept)
        path = document.write_report(run)
    (page,) = drawn
    return path, page
