"""What makers promise that take identities: whose embeddings they are, and where they look at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import IDENTITIES, FaceBatch, Template
from bench.config import PluginEntry
from bench.conformance.conditions import Recipe, other_company, rows_of
from bench.conformance.finding import Inspection, NotAsked, expect, in_words
from bench.conformance.values import checked_entry, expect_array, expect_finite, expect_same
from bench.errors import MissingDependency, MissingFile, ProviderError
from bench.registry import load

_ENCODER, _ATTENTION = "IdentityConditioned.identity_encoder", "AttentiveMaker.identity_attention"


def ask_identity_encoder(asks: Inspection, maker: Any) -> int | str:
    """Asks whose embeddings a maker takes.

    Args:
        asks: where findings go.
        maker: one with an identity among its conditions.

    Returns:
        D, how long the embeddings are; or why that cannot be found out, which is a finding too where the maker is to
        blame.
    """
    entry = PluginEntry(name="")
    with asks.promise(_ENCODER, "the entry of a recognizer that exists, with valid settings, and of its aligner"):
        ask = getattr(maker, "identity_encoder", None)
        expect(callable(ask), "no such method", "one, where identity is among the conditions")
        found = ask() if callable(ask) else {}
        aligner = found.get("aligner") if isinstance(found, Mapping) else None
        rest = {key: value for key, value in found.items() if key != "aligner"} if aligner is not None else found
        name, settings = checked_entry("recognizer", rest, '{"name": "dlib_resnet"}')
        entry = PluginEntry(name=name, settings=settings)
        if aligner is not None:
            given = {"name": aligner} if isinstance(aligner, str) else aligner
            checked_entry("aligner", given, '{"name": "dlib_hog"}')
    if not asks.last_kept:
        return "it names no recognizer"
    width: int | str = "its recognizer embeds nothing"
    with asks.promise(_ENCODER, "a recognizer that embeds crops of its own template"):
        try:
            recognizer = load("recognizer", entry.name, **entry.settings)
            side = recognizer.template.side
            width = int(recognizer.embed(np.zeros((recognizer.batch_size, 3, side, side), np.float32)).shape[1])
        except (MissingDependency, MissingFile, ProviderError) as error:
            width = f"its recognizer cannot be used on this machine: {error}"
            raise NotAsked(width) from error
    return width


def ask_attention(asks: Inspection, maker: Any, recipe: Recipe, batch: FaceBatch, made: NDArray[np.bool_]) -> None:
    """Asks what a maker promises that tells where it looks at identities; nothing of any other, nor of one that draws.

    Args:
        asks: where findings go.
        maker: a generator or an attack.
        recipe: what it takes.
        batch: ordinary faces.
        made: bool (N,), those of which the maker makes faces; what it has of others means nothing.
    """
    tells = callable(getattr(maker, "identity_attention", None)) and not getattr(maker, "draws", False)
    if not (tells and recipe.conditions & IDENTITIES):
        return
    found: Any = None
    with asks.promise(_ATTENTION, "float32 (N, Y, A, A), shares from 0 to 1, where A divides S"):
        found = maker.identity_attention(rows_of(batch))
        _expect_attention(found, recipe.size, recipe.template, made)
    if not asks.last_kept:
        return
    with asks.promise(_ATTENTION, "the same of the same batch, and each face by itself"):
        expect_same(found[made], maker.identity_attention(rows_of(batch))[made], "maps", "draw nothing here")
        for kept in np.flatnonzero(made)[[0, -1]].tolist():
            rows = other_company(recipe.size, kept)
            again = maker.identity_attention(rows_of(batch, rows))
            expect_same(found[kept : kept + 1], again[kept : kept + 1], "maps", "compute each row by itself")


def _expect_attention(found: Any, size: int, template: Template, made: NDArray[np.bool_]) -> None:
    expect_array(found, "float32", (size, "Y", "A", "A"))
    height, width = found.shape[2:]
    expect(height == width, in_words(found), "square maps")
    expect(template.side % width == 0, in_words(found), f"a side that divides {template.side}", "resize the maps")
    expect_finite(found[made])
    low, high = float(found[made].min()), float(found[made].max())
    expect(low >= 0 and high <= 1, f"shares from {low:.4g} to {high:.4g}", "0 to 1", "clip what rounding left")
