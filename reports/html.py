"""How the page becomes one self-contained HTML file."""

from __future__ import annotations

import functools

import jinja2
from markupsafe import Markup

from reports import numbers
from reports.figures.style import (
    OUTCOME_COLORS,
    OUTCOME_COLORS_ON_DARK,
    OUTCOME_LINES,
    OUTCOME_LINES_ON_DARK,
    PALETTE,
    PALETTE_ON_DARK,
)
from reports.page import Page


def render(page: Page) -> str:
    """The page as HTML, with its styles, its script and plotly inside.

    Args:
        page: what it says.
    """
    environment = _environment()
    css = environment.get_template("report.css").render(
        palette=PALETTE, palette_on_dark=PALETTE_ON_DARK, outcomes=OUTCOME_COLORS,
        outcomes_on_dark=OUTCOME_COLORS_ON_DARK, lines=OUTCOME_LINES, lines_on_dark=OUTCOME_LINES_ON_DARK,
    )  # fmt: skip
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
