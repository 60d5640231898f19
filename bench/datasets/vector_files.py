"""Files of embeddings, read and checked; the data set `embeddings` shows what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Embeddings
from bench.datasets.columns import ColumnValues
from bench.datasets.vector_layouts import KEY, SUBJECT, read_parts
from bench.errors import CorruptFile

BLOCK = 8192
"""So many rows are looked at together: all of them may be more than memory holds."""


@dataclass(frozen=True, eq=False)
class VectorTable:
    """N embeddings with their names.

    Attributes:
        keys: N different names.
        subjects: N, whom each is of.
        vectors: float32 (N, D), finite, no row of zeros; read-only, and of an npy file still on disk.
        attributes: name to (N,) values.
        place: key to row.
    """

    keys: tuple[str, ...]
    subjects: tuple[str, ...]
    vectors: Embeddings
    attributes: Mapping[str, ColumnValues]
    place: Mapping[str, int]


def read_vectors(path: Path) -> VectorTable:
    """The embeddings of a file, checked.

    Args:
        path: a Parquet, npz or npy file; see `bench.datasets.embeddings`.

    Raises:
        MissingFile: an npy file without a table beside it.
        CorruptFile: another layout, no row, a key twice or none, vectors of several lengths, or one that is not finite
            or only zeros; names the row, from 0.
    """
    parts = read_parts(path)
    vectors = parts.vectors
    keys, subjects = _names(parts.names, KEY, parts.keys), _names(parts.names, SUBJECT, parts.subjects)
    if not keys or vectors.ndim != 2 or not len(keys) == len(subjects) == len(vectors) or not vectors.shape[1]:
        raise CorruptFile(
            f"{path}: {len(keys)} keys, {len(subjects)} subjects, embeddings {vectors.shape}; expected as many of "
            "each, at least one"
        )
    place = _places(parts.names, keys)
    if vectors.dtype.kind not in "fiu":
        raise CorruptFile(f"{path}: embeddings are {vectors.dtype}; expected numbers")
    with np.errstate(over="ignore"):  # what float32 cannot hold is named below
        single = np.ascontiguousarray(vectors, dtype=np.float32)  # the same array where it is float32 already
    _check_rows(path, keys, single)
    single.flags.writeable = False
    attributes = {name: _attribute(parts.names, name, values, len(single)) for name, values in parts.others.items()}
    return VectorTable(keys, subjects, single, attributes, place)


def _places(path: Path, keys: Sequence[str]) -> dict[str, int]:
    place = dict(zip(keys, range(len(keys)), strict=True))
    if len(place) < len(keys):
        first: dict[str, int] = {}
        row = next(row for row, key in enumerate(keys) if first.setdefault(key, row) != row)
        raise CorruptFile(f"{path}: key {keys[row]!r} stands in row {first[keys[row]]} and in row {row}; expected once")
    return place


def _check_rows(path: Path, keys: Sequence[str], vectors: Embeddings) -> None:
    not_finite, zeros = [], []
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        not_finite.append(start + np.flatnonzero(~np.isfinite(block).all(axis=1)))
        zeros.append(start + np.flatnonzero(~block.any(axis=1)))
    for wrong, what in ((np.concatenate(not_finite), "not finite"), (np.concatenate(zeros), "only zeros")):
        if wrong.size:
            raise CorruptFile(
                f"{path}: {wrong.size} embeddings are {what}, the first in row {wrong[0]} (key {keys[wrong[0]]!r}); "
                "leave these photos out"
            )


def _names(path: Path, what: str, values: NDArray[Any]) -> tuple[str, ...]:
    """Text, or whole numbers as text."""
    if values.ndim != 1:
        raise CorruptFile(f"{path}: {what}s are {values.dtype} {values.shape}; expected one a row")
    listed = values.tolist()
    if set(map(type, listed)) == {str} and "" not in listed:
        return tuple(listed)
    found = []
    for row, value in enumerate(listed):
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise CorruptFile(f"{path}: {what} in row {row} is {value!r}; expected text or a whole number")
        found.append(str(value))
    return tuple(found)


def _attribute(path: Path, name: str, values: NDArray[Any], count: int) -> ColumnValues:
    if values.shape != (count,):
        raise CorruptFile(f"{path}: {name!r} is {values.dtype} {values.shape}; expected one value for each of {count}")
    if values.dtype.kind in "fiub":
        return values.astype(np.float32)
    if values.dtype.kind == "U":
        return values
    listed = values.tolist()
    if all(value is None or isinstance(value, bool | int | float) for value in listed):
        return np.array([np.nan if value is None else value for value in listed], dtype=np.float32)
    return np.array(["" if value is None else str(value) for value in listed], dtype=np.str_)
