"""The three layouts of a file of embeddings: what stands in it, as arrays, not yet checked.

`bench.datasets.embeddings` says what each looks like.
"""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.datasets.columns import NO_NUMBER
from bench.datasets.text_files import SEPARATORS
from bench.errors import CorruptFile, MissingFile

KEY, SUBJECT, VECTOR = "key", "subject", "embedding"
MAPPED = ".npy"
TABLES = (".csv", ".parquet")
"""What the table beside a file of rows may end in."""

_NUMBERED = re.compile(r"e(\d+)")


@dataclass(frozen=True, eq=False)
class Parts:
    """What a file holds, of whatever types and lengths.

    Attributes:
        keys: the rows' names.
        subjects: whom each row is of.
        vectors: the embeddings.
        others: every other column.
        names: the file in which all but the embeddings stand.
    """

    keys: NDArray[Any]
    subjects: NDArray[Any]
    vectors: NDArray[Any]
    others: dict[str, NDArray[Any]]
    names: Path


def read_parts(path: Path) -> Parts:
    """What stands in a file.

    Args:
        path: a file that ends in one of `SUFFIXES`.

    Raises:
        MissingFile: it has rows only, and no table stands beside it.
        CorruptFile: another layout.
    """
    return _READERS[path.suffix.lower()](path)


def sources_of(path: Path) -> tuple[Path, ...]:
    """The file, and where a table beside it may lie, if its layout has one."""
    return (path, *(path.with_suffix(suffix) for suffix in TABLES)) if path.suffix.lower() == MAPPED else (path,)


# ----------------------------------------------------------------------------------------------- rows, and a table


def _of_npy(path: Path) -> Parts:
    vectors = _mapped(path)
    beside = _table_beside(path)
    table = _csv_table(beside) if beside.suffix == ".csv" else _parquet_table(beside)
    _expect_columns(beside, table)
    if more := [name for name in table.column_names if name == VECTOR or _NUMBERED.fullmatch(name)]:
        raise CorruptFile(
            f"{beside}: column {more[0]!r}, but the embeddings stand in {path.name}; leave it out, or move "
            f"{beside.name} elsewhere"
        )
    if table.num_rows != len(vectors):
        raise CorruptFile(
            f"{path}: {len(vectors)} embeddings, but {beside.name} has {table.num_rows} rows; expected a row for each, "
            "in the same order"
        )
    columns = _numbers_or_text if beside.suffix == ".csv" else _as_it_is
    return Parts(
        _as_it_is(table.column(KEY)),
        _as_it_is(table.column(SUBJECT)),
        vectors,
        {name: columns(table.column(name)) for name in table.column_names if name not in (KEY, SUBJECT)},
        beside,
    )


def _mapped(path: Path) -> NDArray[np.float32]:
    """float32 (N, D), whose numbers stay on disk until they are looked at."""
    try:
        found = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, OSError, EOFError) as error:
        raise CorruptFile(f"{path}: not a readable npy file of numbers ({error})") from error
    if found.dtype != np.float32 or found.ndim != 2 or not found.flags.c_contiguous:
        order = "" if found.flags.c_contiguous else ", column after column"
        raise CorruptFile(
            f"{path}: {found.dtype} {found.shape}{order}; expected float32 (N, D), row after row, which can be used "
            f"where it lies; type numpy.save({path.name!r}, numpy.ascontiguousarray(vectors, dtype='float32'))"
        )
    # A row of a plain array is looked up nine times as fast as one of a memmap.
    return np.asarray(found)


def _table_beside(path: Path) -> Path:
    beside = sources_of(path)[1:]
    names = [file.name for file in beside]
    found = [file for file in beside if file.is_file()]
    if not found:
        raise MissingFile(
            f"no {' or '.join(names)} beside {path}; expected a table with the columns {KEY} and {SUBJECT}, a row for "
            "each embedding"
        )
    if len(found) > 1:
        raise CorruptFile(f"both {' and '.join(names)} stand beside {path}; expected one table, move the other away")
    return found[0]


def _csv_table(path: Path) -> Any:
    """A table of text."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv

    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
        separator = max(SEPARATORS, key=first.count)
        names = [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]
        if twice := [name for name in names if name and names.count(name) > 1]:
            raise CorruptFile(f"{path}: column {twice[0]!r} stands twice; rename one")
        table = pyarrow.csv.read_csv(
            path,
            # Names that look like numbers are no numbers: 007 is another person than 7.
            convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
            parse_options=pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=1),
        )
    except (pa.ArrowException, UnicodeDecodeError, csv.Error, OSError) as error:
        raise CorruptFile(f"{path}: not a readable CSV file ({error})") from error
    # A column without a name is pandas' own.
    return pa.table({name: pc.utf8_trim_whitespace(table.column(name)) for name in names if name})


def _numbers_or_text(column: Any) -> NDArray[Any]:
    """A column of text as numbers, NaN where unknown, if nothing else stands in it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    unknown = pc.is_in(pc.utf8_lower(column), pa.array(NO_NUMBER))
    try:
        numbers = pc.cast(pc.if_else(unknown, pa.scalar(None, pa.string()), column), pa.float32())
    except pa.ArrowInvalid:
        return _as_it_is(column)
    return _as_it_is(numbers)


# --------------------------------------------------------------------------------------------------- one file for all


def _of_npz(path: Path) -> Parts:
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
    return Parts(arrays.pop("keys"), arrays.pop("subjects"), arrays.pop("embeddings"), arrays, path)


def _of_parquet(path: Path) -> Parts:
    table = _parquet_table(path)
    names = table.column_names
    if not table.num_rows:
        raise CorruptFile(f"{path}: no row; expected one embedding a row")
    numbered = sorted((name for name in names if _NUMBERED.fullmatch(name)), key=lambda name: int(name[1:]))
    _expect_columns(path, table)
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
    return Parts(
        _as_it_is(table.column(KEY)),
        _as_it_is(table.column(SUBJECT)),
        vectors,
        {name: _as_it_is(table.column(name)) for name in names if name not in known},
        path,
    )


def _parquet_table(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise CorruptFile(f"{path}: not a readable Parquet file ({error})") from error
    return table.drop_columns([name for name in table.column_names if name.startswith("__index_level_")])  # pandas' own


def _expect_columns(path: Path, table: Any) -> None:
    names: Collection[str] = table.column_names
    if missing := [name for name in (KEY, SUBJECT) if name not in names]:
        raise CorruptFile(
            f"{path}: no column {' and no column '.join(map(repr, missing))}; got {', '.join(list(names)[:12])}"
        )


def _as_it_is(column: Any) -> NDArray[Any]:
    found: NDArray[Any] = column.to_numpy()
    return found


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


_READERS = {".parquet": _of_parquet, ".npz": _of_npz, MAPPED: _of_npy}
SUFFIXES = tuple(_READERS)
