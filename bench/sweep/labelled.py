"""Data sets that hold attacks themselves: a column of theirs says which photo is bona fide, and what the others are.

It imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import AttributedDataset, Dataset, Frame
from bench.errors import ConfigError, UnknownName
from bench.provenance import value_digest


def labelled(dataset: Dataset, name: str, detection: Mapping[str, Any]) -> tuple[Sequence[Frame], NDArray[np.str_]]:
    """The photos of a data set that holds attacks itself, and the value of its column for each; those without are left.

    Args:
        dataset: the data set.
        name: what the sweep calls it.
        detection: the sweep's ``detection``, as plain data.

    Raises:
        UnknownName: the data set has no such column.
        ConfigError: the column holds numbers, or nothing but bona fide photos or attacks.
    """
    columns = dataset.attributes() if isinstance(dataset, AttributedDataset) else {}
    column, bona_fide = detection["column"], detection["bona_fide"]
    if column not in columns:
        raise UnknownName("column", column, columns, f"(of data set {name!r}, for detection)")
    held = np.asarray(columns[column])
    if held.dtype.kind != "U":
        raise ConfigError(f"detection: column {column!r} of {name} holds numbers; expected words, such as 'real'")
    values: NDArray[np.str_] = held.astype(np.str_)
    kinds = sorted(set(values.tolist()) - {""})
    if bona_fide not in kinds or len(kinds) < 2:
        raise ConfigError(
            f"detection: column {column!r} of {name} holds {', '.join(map(repr, kinds)) or 'nothing'}; expected "
            f"{bona_fide!r}, which is bona fide, and another word for each species of attack"
        )
    known = np.flatnonzero(values != "")
    frames = dataset.frames()
    return [frames[index] for index in known.tolist()], values[known]


def labels_digest(frames: Sequence[Frame], values: NDArray[np.str_]) -> str:
    """SHA-256 hex of which photo is what; it does not depend on pixels."""
    return value_digest(
        [[frame.key, frame.subject, value] for frame, value in zip(frames, values.tolist(), strict=True)]
    )
