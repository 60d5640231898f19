"""Columns about photos from CSV files: qualities that OFIQ measured, ages, anything a data set does not know itself.

A file has a header and one row a photo. Fields are parted by commas, semicolons or tabs. The photo stands in the column
called ``image``, ``filename``, ``key`` or ``path`` (in upper or lower case), or else in the first one: its key in the
data set, any path that ends in the key, or its bare file name.

OFIQ's own CSV is read as it is. Source: OFIQSampleApp of OFIQ 1.0.3, the reference implementation of ISO/IEC 29794-5.
It writes ``Filename;A;B;A.scalar;B.scalar;`` with native values first and quality components from 0 to 100 after them.
Where an assessment failed, the component is -1 and the native value means nothing (it is often 0), so both are unknown;
a native -1 beside a component that is not -1 is a value like others. A photo that OFIQ could not read has a row without
values.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.datasets.text_files import read_fields
from bench.errors import ConfigError, CorruptFile

ColumnValues = NDArray[np.float32] | NDArray[np.str_]
"""The values of a column: float32 (N,), NaN where unknown, or text (N,), empty where unknown."""

PHOTO_COLUMNS = ("image", "filename", "key", "path")
OFIQ_PHOTO, OFIQ_COMPONENT, OFIQ_FAILED = "Filename", ".scalar", -1.0
NO_NUMBER = frozenset({"", "nan", "-nan", "na", "n/a"})
"""What stands in a column of numbers where one is unknown, in lower case."""


@dataclass(frozen=True, eq=False)
class ColumnFile:
    """A CSV file about R photos.

    Attributes:
        path: the file.
        photo_column: the column that names the photo.
        photos: R paths or names as they stand in the file, with forward slashes.
        lines: int64 (R,), the line on which each stands.
        names: every other column.
        values: the columns that were asked for, (R,) each.
    """

    path: Path
    photo_column: str
    photos: tuple[str, ...]
    lines: NDArray[np.int64]
    names: tuple[str, ...]
    values: Mapping[str, ColumnValues]

    def values_of(self, keys: Sequence[str]) -> dict[str, ColumnValues]:
        """The values of photos by their keys in the data set, (N,) each; unknown where the file has no row.

        Args:
            keys: of N photos: all of those that the file may be about, so that a bare name is told from another.

        Raises:
            ConfigError: no row is about any of the photos, or a name could mean several of them.
            CorruptFile: two rows are about one photo.
        """
        rows = self.rows_of(keys)
        return {name: _taken(values, rows) for name, values in self.values.items()}

    def rows_of(self, keys: Sequence[str]) -> NDArray[np.int64]:
        """int64 (N,): which row is about each photo, -1 for none. See `values_of`.

        A path belongs to the photo whose key it is or ends in. Only a file of which no row does is read by bare file
        names, so that a row about a photo that is not among the keys is never taken for one of the same name.
        """
        found = list(_by_key(self.photos, keys)) or list(self._by_name(keys))
        if not found:
            raise ConfigError(
                f"{self.path}: none of its {len(self.photos)} photos, such as {self.photos[0]!r} in column "
                f"{self.photo_column!r}, is one of the data set's, such as {keys[0]!r}; write their keys or file names"
            )
        rows = np.full(len(keys), -1, dtype=np.int64)
        for row, photo in found:
            if rows[photo] >= 0:
                raise CorruptFile(
                    f"{self.path}: line {self.lines[rows[photo]]} and line {self.lines[row]} are both about photo "
                    f"{keys[photo]!r}; expected one row a photo"
                )
            rows[photo] = row
        return rows

    def _by_name(self, keys: Sequence[str]) -> Iterator[tuple[int, int]]:
        named: dict[str, list[int]] = {}
        for photo, key in enumerate(keys):
            named.setdefault(key.rpartition("/")[2], []).append(photo)
        for row, path in enumerate(self.photos):
            candidates = named.get(path.rpartition("/")[2], [])
            if len(candidates) > 1:
                several = " or ".join(repr(keys[photo]) for photo in candidates[:3])
                more = f" (or {len(candidates) - 3} others)" * (len(candidates) > 3)
                raise ConfigError(
                    f"{self.path}, line {self.lines[row]}: {path!r} could be {several}{more}; "
                    f"write the photo's key, such as {keys[candidates[0]]!r}"
                )
            if candidates:
                yield row, candidates[0]


def _by_key(paths: Sequence[str], keys: Sequence[str]) -> Iterator[tuple[int, int]]:
    places = {key: photo for photo, key in enumerate(keys)}
    depth = max((key.count("/") for key in keys), default=0) + 1
    for row, path in enumerate(paths):
        parts = path.split("/")[-depth:]
        for start in range(len(parts)):
            if (photo := places.get("/".join(parts[start:]))) is not None:
                yield row, photo
                break


def _taken(values: ColumnValues, rows: NDArray[np.int64]) -> ColumnValues:
    if np.issubdtype(values.dtype, np.floating):
        return np.append(values, np.float32(np.nan)).astype(np.float32)[rows]
    text: NDArray[np.str_] = np.append(values, "")[rows]
    return text


def read_columns(paths: Sequence[Path], wanted: Collection[str] | None = None) -> tuple[ColumnFile, ...]:
    """Several files of columns; see `read_column_file`."""
    return tuple(read_column_file(path, wanted) for path in paths)


def read_column_file(path: Path, wanted: Collection[str] | None = None) -> ColumnFile:
    """A CSV file with columns about photos.

    Args:
        path: the file.
        wanted: the columns to read; None for all. The others are named in `ColumnFile.names` only.

    Returns:
        The file; a column of which every value is a number is float32, any other is text.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: not a CSV file, no column of photos, no other column, a column or photo twice, a row of another
            length, or a number that is infinite.
    """
    header, rows, lines = _table(path.expanduser())
    at = _photo_column(path, header, rows)
    others = [place for place, name in enumerate(header) if name and place != at]
    names = tuple(header[place] for place in others)
    if not names:
        hint = "; OFIQ writes such a header when it cannot read the first photo: leave that one out"
        raise CorruptFile(
            f"{path}: no column beside {header[at]!r}, expected some, parted by commas, semicolons or tabs"
            + hint * (header[at] == OFIQ_PHOTO)
        )
    if twice := [name for name in names if names.count(name) > 1]:
        raise CorruptFile(f"{path}: column {twice[0]!r} stands twice; rename one")
    photos = tuple(row[at].strip().replace("\\", "/") for row in rows)
    _refuse_repeated(path, photos, lines)
    failed = _failed_assessments(header, rows)
    values = {
        header[place]: _values([row[place] for row in rows], failed.get(header[place]), path, header[place], lines)
        for place in others
        if wanted is None or header[place] in wanted
    }
    return ColumnFile(path, header[at], photos, np.array(lines, dtype=np.int64), names, values)


def _table(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Header, rows of the header's length, and the line of each row."""
    header, found = read_fields(path, "file of columns")
    while header and not header[-1]:  # OFIQ ends its header, but no other line, with a semicolon
        header.pop()
    rows = [_filled(row, len(header), path, line) for line, row in found]
    lines = [line for line, _ in found]
    if not header or not rows:
        raise CorruptFile(f"{path}: {'no row below the header' if header else 'empty'}; expected a header and photos")
    return header, rows, lines


def _filled(row: list[str], width: int, path: Path, line: int) -> list[str]:
    """The row at the header's length: a row with nothing but a photo, and empty fields at the end, are allowed."""
    while len(row) > width and not row[-1].strip():
        row.pop()
    if len(row) < width and not any(cell.strip() for cell in row[1:]):
        row += [""] * (width - len(row))
    if len(row) != width:
        raise CorruptFile(f"{path}, line {line}: {len(row)} fields, expected {width} as in the header")
    return row


def _photo_column(path: Path, header: list[str], rows: list[list[str]]) -> int:
    named = [place for place, name in enumerate(header) if name.lower() in PHOTO_COLUMNS]
    if named:
        return named[0]
    if not header[0] or _numbers([row[0] for row in rows]) is not None:
        raise CorruptFile(
            f"{path}: no column of photos; call one {', '.join(PHOTO_COLUMNS[:-1])} or {PHOTO_COLUMNS[-1]}, "
            "or write the photos into the first"
        )
    return 0


def _refuse_repeated(path: Path, photos: Sequence[str], lines: Sequence[int]) -> None:
    seen: dict[str, int] = {}
    for photo, line in zip(photos, lines, strict=True):
        if not photo:
            raise CorruptFile(f"{path}, line {line}: no photo is named")
        if photo in seen:
            raise CorruptFile(f"{path}: photo {photo!r} stands on line {seen[photo]} and on line {line}; expected once")
        seen[photo] = line


def _failed_assessments(header: list[str], rows: list[list[str]]) -> dict[str, NDArray[np.bool_]]:
    """Column to bool (R,): where OFIQ's assessment failed; empty for a file that is not OFIQ's."""
    if header[0] != OFIQ_PHOTO:
        return {}
    failed = {}
    for place, name in enumerate(header):
        if name.endswith(OFIQ_COMPONENT):
            components = _numbers([row[place] for row in rows])
            if components is not None:
                failed[name] = failed[name.removesuffix(OFIQ_COMPONENT)] = components == OFIQ_FAILED
    return failed


def _values(
    cells: list[str], failed: NDArray[np.bool_] | None, path: Path, column: str, lines: Sequence[int]
) -> ColumnValues:
    numbers = _numbers(cells)
    if numbers is None:
        return np.array([cell.strip() for cell in cells], dtype=np.str_)
    if failed is not None:
        numbers[failed] = np.nan
    if (endless := np.abs(numbers) > np.finfo(np.float32).max).any():
        row = int(np.argmax(endless))
        raise CorruptFile(f"{path}, line {lines[row]}: {column} is {cells[row]!r}; expected a finite number")
    return numbers.astype(np.float32)


def _numbers(cells: list[str]) -> NDArray[np.float64] | None:
    """The fields as numbers, NaN where unknown; None if one holds something else."""
    try:
        return np.array([_number(cell.strip()) for cell in cells], dtype=np.float64)
    except ValueError:
        return None


def _number(cell: str) -> float:
    """The number in a field, NaN where it is unknown. Raises ValueError."""
    if "_" in cell:  # Python reads 1_000 as a number, nobody else does
        raise ValueError(cell)
    return math.nan if cell.lower() in NO_NUMBER else float(cell)
