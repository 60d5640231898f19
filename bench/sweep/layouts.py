"""Whether a made face shows what it was meant to show: its maker's layout against a parser's labels of the face.

A maker that can tell (`bench.api.LayoutMaker`) is given each batch with the very random stream that it had;
`bench.sweep.asking` says how makers are asked. The parser sees the face as it was made, not as an aligner finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.aligners.geometry import template_digest
from bench.api import Attack, Dataset, Generator, Parser, Progress
from bench.config import Layout as LayoutEntry
from bench.errors import ConfigError
from bench.images import decode, resize
from bench.metrics.layouts import LayoutAreas
from bench.provenance import value_digest
from bench.regions import CLASSES
from bench.store.cache import ArrayCache
from bench.sweep.asking import Answer, Onlooker, Question, answers_of
from bench.sweep.inputs import entry_of
from bench.sweep.instances import plain, plugin
from bench.sweep.making import MadeFaces, all_makings
from bench.sweep.pairing import Pairing
from bench.sweep.parsing import check_labels, labels_of_crops, parser_identity
from bench.sweep.studio import Studio

REVISION = 1


def tells_layout(maker: Generator | Attack) -> bool:
    """Whether a maker can say what its faces are meant to show."""
    return callable(getattr(maker, "layouts", None)) and getattr(maker, "has_layout", True)


def plan_layout(maker: Generator | Attack, wanted: LayoutEntry | None, name: str) -> Onlooker:
    """Who is to label the faces of a maker.

    Args:
        maker: of the cell.
        wanted: what the sweep asks for.
        name: of the maker, for errors.

    Raises:
        ConfigError: the parser sees faces in another crop than they are made in.
        UnknownName: no such parser.
    """
    if wanted is None or not tells_layout(maker):
        return Onlooker({}, {})
    entry = {"name": wanted.parser.name, **plain(wanted.parser.settings)}
    parser: Parser = plugin("parser", entry)
    if template_digest(parser.template) != template_digest(maker.template):
        raise ConfigError(
            f"layout: the parser {entry['name']} labels crops of the template {parser.template.name}, and {name} makes "
            f"faces in {maker.template.name}; give a parser of that template, or leave layout out"
        )
    return Onlooker(
        {"layout": {"revision": REVISION, "parser": parser_identity(entry, parser)}}, {"layout.parser": entry}
    )


def layouts_of(
    spec: Mapping[str, Any],
    dataset: Dataset,
    pairing: Pairing,
    made: MadeFaces,
    cache: ArrayCache,
    progress: Progress | None = None,
) -> LayoutAreas:
    """What was meant and what a parser sees, of a cell's faces.

    Args:
        spec: the cell's; its part ``layout`` says who labels the faces.
        dataset: where the contributors' photos come from.
        pairing: who contributes to each of M faces.
        made: these faces.
        cache: looked into first, added to as the maker is asked.
        progress: told how many faces are done.

    Raises:
        PluginError: the maker or the parser returned something else than labels.
        CorruptFile: a photo changed since its face was made.
    """
    studio = Studio(spec, dataset, all_makings(spec, pairing), cache)
    labeller = _Labeller(spec["layout"]["parser"], studio, made)
    faces = np.flatnonzero(made.made)
    said = answers_of(studio, "layout", labeller.revision, faces.tolist(), labeller.areas, progress)
    areas = np.full((3, len(pairing), len(CLASSES)), np.nan, dtype=np.float32)
    for face, answer in said.items():
        areas[:, face] = answer["areas"]
    return LayoutAreas(*areas)


def layouts_table(areas: LayoutAreas) -> pd.DataFrame:
    """The table `layouts`: one row for each region that a face is meant to show, or shows."""
    face, region = np.nonzero((areas.meant > 0) | (areas.seen > 0))  # NaN is not
    return pd.DataFrame(
        {
            "face": face.astype(np.int32),
            "region": region.astype(np.int16),
            "meant": areas.meant[face, region],
            "seen": areas.seen[face, region],
            "both": areas.both[face, region],
        }
    )


class _Labeller:
    """A parser that looks at made faces."""

    def __init__(self, part: Mapping[str, Any], studio: Studio, made: MadeFaces) -> None:
        self.parser: Parser = plugin("parser", entry_of(part))
        self.name, self.studio, self.made = part["name"], studio, made
        self.revision = f"{REVISION} {value_digest({name: part[name] for name in part if name != 'settings'})}"

    def areas(self, asked: Question) -> list[Answer]:
        """Of some faces of a batch: the areas meant, seen and both, float32 (3, 19)."""
        maker, side = self.studio.maker, self.studio.maker.template.side
        meant = maker.layouts(asked.batch, self.studio.stream_of(asked.number))  # type: ignore[union-attr]
        shape = len(asked.batch.images), side, side
        check_labels(meant, shape, f"{self.studio.part['name']}.layouts", asked.places)
        first = asked.number * maker.batch_size
        digests = [self.made.digests[first + place] for place in asked.places]
        own = self.parser.template.side  # faces are kept in one size, whatever the template's
        pictures = [resize(decode(self.made.store.picture(digest), digest), own) for digest in digests]
        seen = labels_of_crops(self.parser, np.stack(pictures), self.name)
        return [{"areas": _areas(meant[place], labels)} for place, labels in zip(asked.places, seen, strict=True)]


def _areas(meant: NDArray[np.uint8], seen: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Shares of a face's pixels: of each class as meant, as seen, and as both."""
    counts = (meant.ravel(), seen.ravel(), meant[meant == seen])
    areas = np.stack([np.bincount(one, minlength=len(CLASSES)) for one in counts]) / meant.size
    return areas.astype(np.float32)
