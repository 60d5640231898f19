"""Whom a network learned from, as its pack says: a pack holds no names, and every name can be looked up in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.api import Attack, Generator, LearnedFrom
from bench.errors import ConfigError, PluginError
from bench.packs.pack import Pack
from bench.packs.people import people_digest
from bench.packs.shards import name_digest
from bench.sweep.other_people import Others

LEARNED_FROM = "train"
"""The part of a pack that networks are shown."""


class PackPeople:
    """The people of a pack's train part.

    Args:
        folder: the pack, which a model card names by its digest (`data`).

    Raises:
        MissingFile: there is no pack.
        CorruptFile: it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, pack = folder, Pack.open(folder)
        self.digest = pack.digest
        self._names = sorted({str(name) for name in pack.dataset.tolist()})
        shown = pack.split == LEARNED_FROM
        self._digests = {row.tobytes() for row in pack.subject_digests[shown]}
        labelled = shown & np.isfinite(pack.attributes).all(axis=1)
        self._everybody = {people_digest(pack.subject_digests[rows]) for rows in (shown, labelled)}

    def of(self, others: Others) -> Others:
        """Those of some people who were learned from, with all of their photos.

        Args:
            others: people of a data set that the pack calls by its name.

        Raises:
            ConfigError: nobody of them was.
        """
        seen = self.seen(others)
        if not seen:
            raise ConfigError(
                f"leakage.pack: none of {len(others.people)} people of {others.entry['name']} is in the train part of "
                f"{self.folder}; give the people whom the network learned from"
            )
        return Others(others.entry, others.dataset, tuple(one for one in others.frames if one.subject in seen))

    def refuse(self, key: str, others: Others) -> None:
        """Raises ConfigError where somebody who must not have been learned from was.

        Args:
            key: of the sweep file, for the error.
            others: people of any data set; of one that the pack does not hold nobody was.
        """
        if others.entry["name"] in self._names and (seen := sorted(self.seen(others))):
            raise ConfigError(
                f"{key}: {len(seen)} of its people, such as {seen[0]!r}, were learned from (leakage.pack); give others"
            )

    def refuse_maker(self, maker: Generator | Attack, name: str) -> None:
        """Raises ConfigError where a maker says what its weights learned from, and this pack is none of it.

        Written anew, by other versions of what encodes pictures, a pack has another digest, and the same people. Of
        these a network that learns attributes is shown those of whose photos every attribute is known.

        Args:
            maker: of the sweep; one that does not say passes.
            name: of it, for the error.

        Raises:
            PluginError: what it says is no tuple of `LearnedFrom`.
        """
        said = getattr(maker, "learned_from", None) or ()
        if not isinstance(said, tuple) or not all(isinstance(one, LearnedFrom) for one in said):
            raise PluginError(f"{name}: got learned_from {said!r}, expected a tuple of bench.api.LearnedFrom")
        if said and not any(one.data == self.digest or one.people_digest in self._everybody for one in said):
            raise ConfigError(
                f"leakage.pack: {self.folder} has digest {self.digest[:12]}..., and {name}'s weights learned from "
                f"{' and '.join(map(_in_words, said))}; give the pack that its card names, audit makers that learned "
                "from different packs apart, or leave pack out"
            )

    def seen(self, others: Others) -> frozenset[str]:
        """Who of some people was learned from.

        Args:
            others: people of a data set that the pack calls by its name.

        Raises:
            ConfigError: the pack holds nobody of that data set.
        """
        label = others.entry["name"]
        if label not in self._names:
            raise ConfigError(
                f"leakage.pack: {self.folder} holds people of {', '.join(self._names)}, and none of {label}; give the "
                "pack that the network learned from, or leave it out"
            )
        return frozenset(who for who in others.people if name_digest(label, who).tobytes() in self._digests)


def _in_words(one: LearnedFrom) -> str:
    return f"{one.data[:12]}..." + ("" if one.people is None else f" ({one.people:,} people)")
