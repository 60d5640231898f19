"""Files of embeddings, Parquet or npz, read and checked; the data set `embeddings` shows what they hold."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Embeddings
from bench.datasets.columns import ColumnValues
from bench.errors import CorruptFile

SUFFIXES = (".parquet", ".npz")
KEY, SUBJECT, VECTOR = "key", "subject", "embedding"
_NUMBERED = re.compile(r"e(\d+)")


@dataclass(frozen=True, eq=False)
class VectorTable:
    """N embeddings with their names.

    Attributes:
        keys: N different names.
        subjects: N, whom each is of.
        vectors: float32 (N, D), finite, no row of zeros.
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
        path: a Parquet or npz file; see the module's first lines.

    Raises:
        CorruptFile: another layout, no row, a key twice or none, vectors of several lengths, or one that is not finite
            or only zeros; names the row, from 0.
    """
    keys, subjects, vectors, others = (_of_parquet if path.suffix.lower() == ".parquet" else _of_npz)(path)
    names = _names(path, KEY, keys), _names(path, SUBJECT, subjects)
    if not names[0] or vectors.ndim != 2 or not len(names[0]) == len(names[1]) == len(vectors) or not vectors.shape[1]:
        raise CorruptFile(
            f"{path}: {len(names[0])} keys, {len(names[1])} subjects, embeddings {vectors.shape}; expected as many of "
            "each, at least one"
        )
    place: dict[str, int] = {}
    for row, key in enumerate(names[0]):
        if place.setdefault(key, row) != row:
            raise CorruptFile(f"{path}: key {key!r} stands in row {place[key]} and in row {row}; expected once")
    if vectors.dtype.kind not in "fiu":
        raise CorruptFile(f"{path}: embeddings are {vectors.dtype}; expected numbers")
    with np.errstate(over="ignore"):  # what float32 cannot hold is named below
        single = np.ascontiguousarray(vectors, dtype=np.float32)
    for wrong, what in ((~np.isfinite(single).all(axis=1), "not finite"), (~single.any(axis=1), "only zeros")):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise CorruptFile(
                f"{path}: {int(wrong.sum())} embeddings are {what}, the first in row {row} (key {names[0][row]!r}); "
                "leave these photos out"
            )
    attributes = {name: _attribute(path, name, values, len(single)) for name, values in others.items()}
    return VectorTable(names[0], names[1], single, attributes, place)


_Parts = tuple[NDArray[Any], NDArray[Any], NDArray[Any], dict[str, NDArray[Any]]]


def _of_npz(path: Path) -> _Parts:
    try:
        # The stream is ours to close: NumPy leaves a file open that turns out to be no archive.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise CorruptFile(
            f"{path}: not a readable npz file ({error}); names must be arrays of text, np.array(names, dtype=str)"
        ) from error
    if missing := [name for name in ("keys", "subjects", "embeddings") if name not in arrays]:
        raise CorruptFile(
            f"{path}: no array {' and no array '.join(map(repr, missing))}; got {', '.join(arrays) or 'none'}"
        )
    return arrays.pop("keys"), arrays.pop("subjects"), arrays.pop("embeddings"), arrays


def _of_parquet(path: Path) -> _Parts:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise CorruptFile(f"{path}: not a readable Parquet file ({error})") from error
    names = table.column_names
    if not table.num_rows:
        raise CorruptFile(f"{path}: no row; expected one embedding a row")
    numbered = sorted((name for name in names if _NUMBERED.fullmatch(name)), key=lambda name: int(name[1:]))
    if missing := [name for name in (KEY, SUBJECT) if name not in names]:
        raise CorruptFile(
            f"{path}: no column {' and no column '.join(map(repr, missing))}; got {', '.join(names[:12])}"
        )
    if VECTOR in names:
        numbered, vectors = [], _list_column(path, table.column(VECTOR))
    elif numbered and numbered == [f"e{place}" for place in range(len(numbered))]:
        vectors = np.stack([table.column(name).to_numpy() for name in numbered], axis=1)
    else:
        raise CorruptFile(
            f"{path}: no column {VECTOR!r} of lists of numbers and no columns e0, e1, ... without a gap; got "
            f"{', '.join(names[:12])}"
        )
    known = (KEY, SUBJECT, VECTOR, *numbered)
    others = [name for name in names if name not in known and not name.startswith("__index_level_")]  # pandas' own
    return (
        table.column(KEY).to_numpy(),
        table.column(SUBJECT).to_numpy(),
        vectors,
        {name: table.column(name).to_numpy() for name in others},
    )


def _list_column(path: Path, column: Any) -> NDArray[Any]:
    """(N, D), from a column of lists of numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        raise CorruptFile(f"{path}: column {VECTOR!r} is {kind}; expected lists of numbers")
    if column.null_count:
        raise CorruptFile(f"{path}: {column.null_count} rows have no embedding; leave these photos out")
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    if len(different := np.unique(lengths)) > 1:
        row = int(np.argmax(lengths != lengths[0]))
        raise CorruptFile(
            f"{path}: embeddings of {len(different)} lengths, such as {lengths[0]} in row 0 and {lengths[row]} in row "
            f"{row}; expected one length"
        )
    flat: NDArray[Any] = pc.list_flatten(column).to_numpy()
    return flat.reshape(len(lengths), -1)


def _names(path: Path, what: str, values: NDArray[Any]) -> tuple[str, ...]:
    """Text, or whole numbers as text."""
    if values.ndim != 1:
        raise CorruptFile(f"{path}: {what}s are {values.dtype} {values.shape}; expected one a row")
    found = []
    for row, value in enumerate(values.tolist()):
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
    listed = values.tolist()
    if all(value is None or isinstance(value, bool | int | float) for value in listed):
        return np.array([np.nan if value is None else value for value in listed], dtype=np.float32)
    return np.array(["" if value is None else str(value) for value in listed], dtype=np.str_)
