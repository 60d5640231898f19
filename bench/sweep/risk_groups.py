"""Groups of the people enrolled in a gallery, and of the faces held against it, by columns of their data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Dataset
from bench.config import GroupEntry
from bench.errors import CorruptFile
from bench.metrics.impersonation import OF_FACES
from bench.sweep.grouping import column_digest, column_values, group_of_frames
from bench.sweep.inputs import Entry
from bench.sweep.instances import plain, plugin
from bench.sweep.other_people import Others

Groups = dict[str, NDArray[np.bool_]]
"""The name of each group, such as ``"Male=1"``, and who is in it; nobody is in two groups of one column."""


def everybody_of(dataset_entry: Entry) -> Others:
    """All photos of a data set.

    Args:
        dataset_entry: ``{"name": ..., **settings}``.
    """
    dataset: Dataset = plugin("dataset", dataset_entry)
    return Others(dataset_entry, dataset, tuple(dataset.frames()))


def groups_part(groups: Sequence[GroupEntry], others: Others) -> dict[str, Any]:
    """The part of a cell's identity that says which groups: ``groups``, and ``columns`` with digests of their values.

    Args:
        groups: as the sweep file has them.
        others: whose photos.

    Raises:
        UnknownName: a column that the data set lacks.
        ConfigError: a column that cannot be grouped as it is.
    """
    values = column_values((), [group.column for group in groups], others.dataset, others.frames)
    for entry in groups:
        group_of_frames(entry, values[entry.column], others.frames)
    return {
        "groups": [plain(group.model_dump()) for group in groups],
        "columns": {name: column_digest(column) for name, column in values.items()},
    }


def planned_groups(part: Mapping[str, Any], others: Others) -> Groups:
    """The groups that a cell was planned with, bool (N,) each.

    Args:
        part: of `groups_part`.
        others: the same N photos.

    Raises:
        CorruptFile: columns changed since.
    """
    entries = [GroupEntry.model_validate(entry) for entry in part["groups"]]
    values = column_values((), [entry.column for entry in entries], others.dataset, others.frames)
    if {name: column_digest(column) for name, column in values.items()} != part["columns"]:
        raise CorruptFile(f"columns of {others.entry['name']} changed after the sweep was planned; run it again")
    found: Groups = {}
    for entry in entries:
        codes, names = group_of_frames(entry, values[entry.column], others.frames)
        found |= {name: codes == code for code, name in enumerate(names)}
    return found


def groups_of_enrolled(part: Mapping[str, Any], others: Others, people: Sequence[str]) -> Groups:
    """Who of the enrolled is in which group, bool (P,) each; a group without anybody is left out.

    Args:
        part: of the gallery, in a cell's spec.
        others: the photos of the gallery.
        people: P of those whom they show.

    Raises:
        CorruptFile: columns changed since the cell was planned.
    """
    first: dict[str, int] = {}
    for index, frame in enumerate(others.frames):
        first.setdefault(frame.subject, index)
    rows = [first[person] for person in people]
    found = {name: members[rows] for name, members in planned_groups(part, others).items()}
    return {name: members for name, members in found.items() if members.any()}


def groups_of_faces(part: Mapping[str, Any], dataset_entry: Entry, made_of: Sequence[Sequence[str]]) -> Groups:
    """Which faces are in which group, bool (M,) each: in that of all photos that they are made of.

    Args:
        part: ``faces`` of the gallery, in a cell's spec.
        dataset_entry: ``{"name": ..., **settings}`` of the faces' data set.
        made_of: of each of M faces the names of its photos; of a photo its own.

    Returns:
        By name, with ``faces`` before it, so that nobody takes them for groups of the people enrolled; a group without
        a face is left out.

    Raises:
        CorruptFile: columns changed since the cell was planned.
    """
    if not part["groups"] or not made_of:
        return {}
    others = everybody_of(dataset_entry)
    place = {frame.key: index for index, frame in enumerate(others.frames)}
    rows = np.array([[place[key] for key in keys] for keys in made_of], np.int64).reshape(len(made_of), -1)
    found = {name: np.asarray(of[rows].all(axis=1)) for name, of in planned_groups(part, others).items()}
    return {f"{OF_FACES}{name}": members for name, members in found.items() if members.any()}
