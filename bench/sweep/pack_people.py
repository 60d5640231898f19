"""Whom a network learned from, as its pack says: a pack holds no names, and every name can be looked up in it."""

from __future__ import annotations

from pathlib import Path

from bench.errors import ConfigError
from bench.packs.pack import Pack
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
        self._digests = {row.tobytes() for row in pack.subject_digests[pack.split == LEARNED_FROM]}

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
            others: people of a data set that the pack calls by its name.
        """
        if seen := sorted(self.seen(others)):
            raise ConfigError(
                f"{key}: {len(seen)} of its people, such as {seen[0]!r}, were learned from (leakage.pack); give others"
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
