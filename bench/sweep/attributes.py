"""Whether made faces show the attributes that were asked for: their makers' wishes against what a judge sees.

A maker that can tell (`bench.api.AttributeMaker`) is given each batch with the very random stream that it had;
`bench.sweep.asking` says how makers are asked. The judge sees the face as it was made, and the first contributor's
photo in the same crop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.aligners.geometry import template_digest
from bench.api import Attack, AttributeJudge, Dataset, Generator, JudgeAgreement, MeasuredJudge, Progress
from bench.config import Attributes as AttributesEntry
from bench.errors import ConfigError, PluginError
from bench.images import decode, resize, to_crops
from bench.metrics.attributes import JudgedAttributes
from bench.provenance import value_digest
from bench.store.cache import ArrayCache
from bench.sweep.asking import Answer, Onlooker, Question, answers_of
from bench.sweep.inputs import entry_of, identity_of
from bench.sweep.instances import plain, plugin
from bench.sweep.making import MadeFaces, all_makings
from bench.sweep.pairing import Pairing
from bench.sweep.studio import Studio

REVISION = 1


def tells_attributes(maker: Generator | Attack) -> bool:
    """Whether a maker can say which attributes its faces were asked to show."""
    return callable(getattr(maker, "wanted_attributes", None))


def plan_attributes(maker: Generator | Attack, wanted: AttributesEntry | None, name: str) -> Onlooker:
    """Who is to judge the faces of a maker.

    Args:
        maker: of the cell.
        wanted: what the sweep asks for.
        name: of the maker, for errors.

    Raises:
        ConfigError: the judge sees faces in another crop than they are made in.
        UnknownName: no such judge.
    """
    if wanted is None or not tells_attributes(maker):
        return Onlooker({}, {})
    entry = {"name": wanted.judge.name, **plain(wanted.judge.settings)}
    judge: AttributeJudge = plugin("judge", entry)
    if template_digest(judge.template) != template_digest(maker.template):
        raise ConfigError(
            f"attributes: the judge {entry['name']} looks at crops of the template {judge.template.name}, and {name} "
            f"makes faces in {maker.template.name}; give a judge of that template, or leave attributes out"
        )
    part = {"attributes": {"revision": REVISION, "judge": identity_of(entry, judge)}}
    return Onlooker(part, {"attributes.judge": entry})


def attributes_of(
    spec: Mapping[str, Any],
    dataset: Dataset,
    pairing: Pairing,
    made: MadeFaces,
    cache: ArrayCache,
    progress: Progress | None = None,
) -> JudgedAttributes:
    """What was asked for and what a judge sees, of a cell's faces, of the judge's attributes.

    Args:
        spec: the cell's; its part ``attributes`` says who judges.
        dataset: where the contributors' photos come from.
        pairing: who contributes to each of M faces.
        made: these faces.
        cache: looked into first, added to as the maker is asked.
        progress: told how many faces are done.

    Raises:
        PluginError: the maker or the judge returned something else than attributes.
        CorruptFile: a photo changed since its face was made.
    """
    studio = Studio(spec, dataset, all_makings(spec, pairing), cache)
    bench = _Bench(spec["attributes"]["judge"], studio, made)
    faces = np.flatnonzero(made.made)
    said = answers_of(studio, "attributes", bench.revision, faces.tolist(), bench.judged, progress)
    found = np.full((3, len(pairing), len(bench.names)), np.nan, dtype=np.float32)
    for face, answer in said.items():
        found[:, face] = answer["judged"]
    wanted, seen, before = found
    return JudgedAttributes(bench.names, wanted, seen, before, bench.trusted)


def agreement_table(spec: Mapping[str, Any]) -> pd.DataFrame | None:
    """The table `judge`: what is known of a cell's judge, attribute by attribute; None where it does not say."""
    judge: AttributeJudge = plugin("judge", entry_of(spec["attributes"]["judge"]))
    known = _agreement(judge)
    rows = [
        {"attribute": name, **known[name]._asdict(), "tested": known[name].tested, "trusted": known[name].trusted}
        for name in judge.attributes
        if name in known
    ]
    return pd.DataFrame(rows) if rows else None


def _agreement(judge: AttributeJudge) -> Mapping[str, JudgeAgreement]:
    """What a `bench.api.MeasuredJudge` says of itself; nothing of another. What its property raises goes on."""
    found: Mapping[str, JudgeAgreement] = cast(MeasuredJudge, judge).agreement if "agreement" in dir(judge) else {}
    return found


def attributes_table(judged: JudgedAttributes) -> pd.DataFrame:
    """The table `attributes`: one row for each attribute of a face that was made."""
    face, column = np.nonzero(~np.isnan(judged.seen))
    return pd.DataFrame(
        {
            "face": face.astype(np.int32),
            "attribute": [judged.names[one] for one in column.tolist()],
            "wanted": judged.wanted[face, column],
            "seen": judged.seen[face, column],
            "before": judged.before[face, column],
        }
    )


class _Bench:
    """A judge that looks at made faces and at the photos that they were made of."""

    def __init__(self, part: Mapping[str, Any], studio: Studio, made: MadeFaces) -> None:
        self.judge: AttributeJudge = plugin("judge", entry_of(part))
        self.name, self.studio, self.made = part["name"], studio, made
        self.names = tuple(self.judge.attributes)
        self.trusted: NDArray[np.bool_] | None = None
        if known := _agreement(self.judge):
            self.trusted = np.array([name in known and known[name].trusted for name in self.names])
        self.revision = f"{REVISION} {value_digest({name: part[name] for name in part if name != 'settings'})}"

    def judged(self, asked: Question) -> list[Answer]:
        """Of some faces of a batch: what was wanted, what is seen, what was seen before, float32 (3, A)."""
        maker: Any = self.studio.maker
        said = maker.wanted_attributes(asked.batch, self.studio.stream_of(asked.number))
        wanted = self._in_order(said, tuple(maker.attributes), len(asked.batch.images), asked.places)
        first, side = asked.number * maker.batch_size, self.judge.template.side
        digests = [self.made.digests[first + place] for place in asked.places]
        pictures = [resize(decode(self.made.store.picture(digest), digest), side) for digest in digests]
        seen = self._look(to_crops(np.stack(pictures)))
        before = self._look(asked.batch.images[asked.places])
        return [{"judged": np.stack(rows)} for rows in zip(wanted, seen, before, strict=True)]

    def _in_order(self, said: Any, names: tuple[str, ...], count: int, places: list[int]) -> NDArray[np.float32]:
        """The maker's wishes of some faces by the judge's names; NaN of what the maker does not know."""
        shape = (count, len(names))
        if not isinstance(said, np.ndarray) or said.dtype != np.float32 or said.shape != shape:
            got = f"{said.dtype} {said.shape}" if isinstance(said, np.ndarray) else type(said).__name__
            raise PluginError(f"{self.studio.part['name']}.wanted_attributes returned {got}; expected float32 {shape}")
        rows = said[places]
        if not (np.isnan(rows) | (rows == 0) | (rows == 1)).all():
            raise PluginError(f"{self.studio.part['name']}.wanted_attributes returned other numbers than 0, 1 and NaN")
        found = np.full((len(places), len(self.names)), np.nan, np.float32)
        for column, name in enumerate(names):
            if name in self.names:
                found[:, self.names.index(name)] = rows[:, column]
        return found

    def _look(self, crops: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the judge says of N crops, float32 (N, A), each batch padded to its one size."""
        size, shape = self.judge.batch_size, (self.judge.batch_size, len(self.names))
        found = np.empty((len(crops), len(self.names)), np.float32)
        for start in range(0, len(crops), size):
            some = crops[start : start + size]
            full = np.zeros((size, *crops.shape[1:]), np.float32)
            full[: len(some)] = some
            said = self.judge.judge(full)
            if not isinstance(said, np.ndarray) or said.dtype != np.float32 or said.shape != shape:
                got = f"{said.dtype} {said.shape}" if isinstance(said, np.ndarray) else type(said).__name__
                raise PluginError(f"{self.name} returned {got}; expected float32 {shape}")
            if not ((said >= 0) & (said <= 1)).all():
                raise PluginError(f"{self.name} returned a likelihood below 0 or above 1")
            found[start : start + size] = said[: len(some)]
        return found
