"""The table of figures: every name that may stand in a summary, what it means, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bench.errors import UnknownName
from bench.metrics.figure_rows import (
    Direction,
    Figure,
    alignment,
    attention,
    attributes,
    columns,
    contributions,
    detection,
    differences,
    diversity,
    identification,
    impersonation,
    layouts,
    leakage,
    made_faces,
    novelty,
    verification,
)

__all__ = ["FIGURES", "Direction", "Figure", "figure"]

_TOPICS = (
    verification, identification, differences, columns, made_faces, contributions, diversity, attention, layouts,
    attributes, novelty, impersonation, leakage, detection, alignment,
)  # fmt: skip

FIGURES: Mapping[str, Figure] = MappingProxyType({row.name: row for topic in _TOPICS for row in topic.ROWS})
"""Every figure by its name, in the order in which reports print them."""


def figure(name: str) -> Figure:
    """The figure of a name.

    Args:
        name: as in summary.json.

    Raises:
        UnknownName: no figure has that name; the error carries the near ones.
    """
    try:
        return FIGURES[name]
    except KeyError:
        raise UnknownName("figure", name, FIGURES) from None
