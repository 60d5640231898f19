"""What makers promise that tell what they took of whom: shares of each face's pixels that add up to 1."""

from __future__ import annotations

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

_LINE = "MixingMaker.shares"
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
    if not callable(getattr(maker, "shares", None)):
        return
    found: Any = None
    with asks.promise(_LINE, "float32 (N, K, 19), at least 0, that add up to 1 for each face"):
        found = _ask(maker, batch)
        expect_array(found, "float32", (recipe.size, recipe.contributors, len(CLASSES)))
        expect_finite(found[made])
        low, sums = float(found[made].min()), found[made].sum(axis=(1, 2), dtype=np.float64)
        expect(low >= -_SLACK, f"a share of {low:.4g}", "shares of at least 0")
        worst = float(sums[np.argmax(np.abs(sums - 1))])
        expect(abs(worst - 1) <= _SLACK, f"shares that add up to {worst:.4g}", "1, over contributors and regions")
    if not asks.last_kept:
        return
    with asks.promise(_LINE, "the same of the same rng, from a second instance, and each face by itself"):
        for other in (maker, subject.fresh()):
            change = "draw from the rng that is given, and from nothing else"
            expect_same(found[made], _ask(other, batch)[made], "shares", change)
        for kept in np.flatnonzero(made)[[0, -1]].tolist():
            again = _ask(maker, batch, other_company(recipe.size, kept))
            change = "compute each row by itself, and draw as much for every row"
            expect_same(found[kept : kept + 1], again[kept : kept + 1], "shares", change)


def _ask(maker: Any, batch: FaceBatch, rows: NDArray[np.integer] | slice = slice(None)) -> Any:
    return maker.shares(rows_of(batch, rows), stream(0, "conformance"))
