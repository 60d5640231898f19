"""What makers promise that tell of their faces: what they took of whom, and what each pixel is meant to show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import FaceBatch
from bench.conformance.conditions import Recipe, other_company, rows_of
from bench.conformance.finding import Inspection, expect
from bench.conformance.subject import Subject
from bench.conformance.values import expect_array, expect_finite, expect_same
from bench.regions import CLASSES
from bench.seeding import stream

_SLACK = 1e-3


def ask_shares(
    asks: Inspection, subject: Subject, maker: Any, recipe: Recipe, batch: FaceBatch, made: NDArray[np.bool_]
) -> None:
    """Asks what a maker promises that tells what it took of whom; nothing of any other.

    Args:
        asks: where findings go.
        subject: gives further instances of the maker.
        maker: a generator or an attack.
        recipe: what it takes.
        batch: ordinary faces.
        made: bool (N,), those of which the maker makes faces; what it has of others means nothing.
    """

    def check(found: Any) -> None:
        expect_array(found, "float32", (recipe.size, recipe.contributors, len(CLASSES)))
        expect_finite(found[made])
        low, sums = float(found[made].min()), found[made].sum(axis=(1, 2), dtype=np.float64)
        expect(low >= -_SLACK, f"a share of {low:.4g}", "shares of at least 0")
        worst = float(sums[np.argmax(np.abs(sums - 1))])
        expect(abs(worst - 1) <= _SLACK, f"shares that add up to {worst:.4g}", "1, over contributors and regions")

    promise = "float32 (N, K, 19), at least 0, that add up to 1 for each face"
    _ask(asks, subject, maker, "MixingMaker.shares", promise, check, batch, made)


def ask_layouts(
    asks: Inspection, subject: Subject, maker: Any, recipe: Recipe, batch: FaceBatch, made: NDArray[np.bool_]
) -> None:
    """Asks what a maker promises that tells what its faces are meant to show; nothing of any other.

    Args:
        asks: where findings go.
        subject: gives further instances of the maker.
        maker: a generator or an attack; one whose `has_layout` is false is not asked.
        recipe: what it takes.
        batch: ordinary faces.
        made: bool (N,), those of which the maker makes faces; what it has of others means nothing.
    """
    if not getattr(maker, "has_layout", True):
        return
    side = recipe.template.side

    def check(found: Any) -> None:
        expect_array(found, "uint8", (recipe.size, side, side))
        most = int(found[made].max())
        expect(most < len(CLASSES), f"the label {most}", f"labels 0 to {len(CLASSES) - 1}")

    promise = "uint8 (N, S, S), labels of the 19 classes"
    _ask(asks, subject, maker, "LayoutMaker.layouts", promise, check, batch, made)


def ask_attributes(
    asks: Inspection, subject: Subject, maker: Any, recipe: Recipe, batch: FaceBatch, made: NDArray[np.bool_]
) -> None:
    """Asks what a maker promises that tells which attributes its faces were asked to show; nothing of any other.

    Args:
        asks: where findings go.
        subject: gives further instances of the maker.
        maker: a generator or an attack.
        recipe: what it takes.
        batch: ordinary faces.
        made: bool (N,), those of which the maker makes faces; what it has of others means nothing.
    """

    def check(found: Any) -> None:
        expect_array(found, "float32", (recipe.size, len(maker.attributes)))
        rows = found[made]
        other = rows[~np.isnan(rows) & (rows != 0) & (rows != 1)]
        expect(not other.size, f"the label {other[0] if other.size else ''}", "1, 0, or NaN for what is to stay")

    promise = "float32 (N, A), 1, 0 or NaN, for each of its attributes"
    _ask(asks, subject, maker, "AttributeMaker.wanted_attributes", promise, check, batch, made)


def _ask(
    asks: Inspection,
    subject: Subject,
    maker: Any,
    line: str,
    promise: str,
    check: Callable[[Any], None],
    batch: FaceBatch,
    made: NDArray[np.bool_],
) -> None:
    """What a method promises that is given batch and stream, where the maker has it; `check` looks at what it gives."""
    name = line.partition(".")[2]
    if not callable(getattr(maker, name, None)):
        return

    def said(one: Any, rows: NDArray[np.integer] | slice = slice(None)) -> Any:
        return getattr(one, name)(rows_of(batch, rows), stream(0, "conformance"))

    found: Any = None
    with asks.promise(line, promise):
        found = said(maker)
        check(found)
    if not asks.last_kept:
        return
    with asks.promise(line, "the same of the same rng, from a second instance, and each face by itself"):
        for other in (maker, subject.fresh()):
            change = "draw from the rng that is given, and from nothing else"
            expect_same(found[made], said(other)[made], name, change)
        for kept in np.flatnonzero(made)[[0, -1]].tolist():
            again = said(maker, other_company(len(made), kept))
            change = "compute each row by itself, and draw as much for every row"
            expect_same(found[kept : kept + 1], again[kept : kept + 1], name, change)
