"""What a cell is computed from: trials drawn, images digested, plugins identified."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from bench.api import Dataset, Frame, Plugin, Trials
from bench.errors import CorruptFile, MissingFile
from bench.provenance import value_digest
from bench.seeding import stream
from bench.sweep.instances import plain

LOG = logging.getLogger(__name__)

Entry = dict[str, Any]


def draw_trials(dataset: Dataset, name: str, protocol: str, seed: int) -> Trials:
    """The trials of a protocol, from the stream that belongs to them: planning and execution draw the same."""
    return dataset.trials(protocol, stream(seed, "trials", name, protocol))


def images_digest(dataset: Dataset, frames: Sequence[Frame]) -> str:
    """SHA-256 hex of the content of every frame that takes part."""
    return value_digest([dataset.content_digest(frame.key) for frame in frames])


def identity_of(entry: Mapping[str, Any], loaded: Plugin) -> Entry:
    """A plugin as a cell's key holds it: its name and fingerprint.

    Raises:
        MissingFile: a file that it names is not there.
    """
    try:
        return {"name": entry["name"], "fingerprint": plain(loaded.fingerprint())}
    except OSError as error:
        raise MissingFile(f"{entry['name']}: {error}") from error


def settings_of(entry: Mapping[str, Any]) -> Entry:
    """The settings in a sweep-file entry: everything besides its name."""
    return {key: value for key, value in entry.items() if key != "name"}


def entry_of(part: Mapping[str, Any]) -> Entry:
    """The sweep-file entry that a part of a cell's spec, with name and settings, stands for."""
    return {"name": part["name"], **part["settings"]}


def warn_of_inferred_people(dataset: Dataset, name: str) -> None:
    """Says so where a data set does not know who its photos show: one person may stand under several names."""
    if getattr(dataset, "people_are_inferred", False):
        LOG.warning(
            "%s does not name its people: they were inferred, and one may stand under several names, so that people "
            "who are taken to be different may be the same", name,
        )  # fmt: skip


def refuse_changes(where: str, planned: Mapping[str, Any], trials_digest: str, images: str) -> None:
    """Makes sure that trials and photos are still those that were planned.

    Args:
        where: the data set, for the error.
        planned: a mapping with ``trials`` and ``images``, the digests at planning.
        trials_digest: the digest now.
        images: likewise.

    Raises:
        CorruptFile: they are not.
    """
    if (trials_digest, images) != (planned["trials"], planned["images"]):
        raise CorruptFile(f"the photos of {where} changed after the sweep was planned; run it again")
