"""A text file's lines as columns: a fast way through whole files, a slow one that names the line which is wrong.

Both ways take and refuse the same files. The fast one is Arrow's reader, for files without quotes; whatever it cannot
take, the slow one goes through line by line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from bench.exchange.lines import Lines, shown

Separator = Literal[",", " "]

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_MISSING = ("nan", "NaN", "NAN", "-nan")


@dataclass(frozen=True, eq=False)
class Sheet:
    """The columns of a text file.

    Attributes:
        lines: the file.
        columns: name to M texts.
        skipped: how many lines that are not blank stand before the first row.
    """

    lines: Lines
    columns: Mapping[str, pa.Array]
    skipped: int = 0

    def __len__(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values())))

    def line_of(self, row: int) -> int:
        """The number of the line in which a row stands."""
        return int(self.lines.numbers[row + self.skipped])

    def fail(self, row: int, got: str, expected: str, hint: str = "") -> NoReturn:
        """Raises the error about a row; see `Lines.fail`."""
        self.lines.fail(self.line_of(row), got, expected, hint)

    def names(self, column: str, empty: bool = False) -> pd.Categorical:
        """A column of names.

        Args:
            column: which.
            empty: whether nothing may stand there.

        Raises:
            CorruptFile: nothing stands where a name should.
        """
        coded = self.columns[column].dictionary_encode()
        texts, codes = coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False)
        if not empty and "" in texts:
            row = int(np.argmax(codes == texts.index("")))
            self.fail(row, f"nothing as {column}", "a name", "give every row one")
        return pd.Categorical.from_codes(codes, pd.Index(texts, dtype=object))

    def scores(self, column: str, missing: bool = True) -> NDArray[np.float64]:
        """A column of scores.

        Args:
            column: which.
            missing: whether ``nan`` may stand there.

        Returns:
            float64 (M,), each within the range of float32, or NaN for ``nan``.

        Raises:
            CorruptFile: something else stands there.
        """
        texts = self.columns[column]
        numeric = pc.match_substring_regex(texts, _NUMBER)
        absent = pc.is_in(texts, value_set=pa.array(_MISSING))
        fits = pc.or_(numeric, absent) if missing else numeric
        expected = "a number" + (", or nan where there is none" if missing else "")
        if not pc.all(fits).as_py() and len(texts):
            row = int(np.argmin(fits.to_numpy(zero_copy_only=False)))
            self.fail(row, shown(texts[row].as_py(), column), expected, "write it as 0.73 or 7.3e-1")
        values = _floats(pc.if_else(absent, "nan", texts))
        with np.errstate(over="ignore", invalid="ignore"):
            beyond = np.isinf(values.astype(np.float32))
        if beyond.any():
            row = int(np.argmax(beyond))
            biggest = "a number whose float32 is finite (at most 3.4e38)"
            self.fail(row, shown(texts[row].as_py(), column), biggest, "scale the scores")
        return values

    def integers(self, column: str, low: int, high: int) -> NDArray[np.int64]:
        """A column of whole numbers from `low` to `high`, int64 (M,). Raises `CorruptFile`."""
        texts = self.columns[column]
        fits = pc.match_substring_regex(texts, r"^-?[0-9]{1,18}$").to_numpy(zero_copy_only=False)
        values = np.zeros(len(texts), np.int64)
        values[fits] = texts.filter(pa.array(fits)).cast(pa.int64()).to_numpy(zero_copy_only=False)
        wrong = ~fits | (values < low) | (values > high)
        if wrong.any():
            row = int(np.argmax(wrong))
            self.fail(row, shown(texts[row].as_py(), column), f"a whole number from {low} to {high}")
        return values


def csv_sheet(lines: Lines, header: Sequence[str]) -> Sheet:
    """The columns of a CSV file with a header.

    Args:
        lines: the file.
        header: what `csv_header` found.

    Raises:
        CorruptFile: a row has another number of fields than the header, or its quotes do not close.
    """
    return _sheet(lines, ",", header, skipped=1, quoted=True)


def csv_header(lines: Lines) -> list[str]:
    """The names of a CSV file's columns. Raises `CorruptFile` if two have one name."""
    number = int(lines.numbers[0])
    names = [name.strip() for name in _fields(lines, number, lines.line(number), ",", quoted=True)]
    for place, name in enumerate(names):
        if name in names[:place]:
            lines.fail(number, f"two columns named {shown(name)}", "every column once", "rename or remove one of them")
    return names


def text_sheet(lines: Lines, columns: Sequence[str], skipped: int = 0, quoted: bool = False) -> Sheet:
    """The columns of a text file whose fields are separated by blanks.

    Args:
        lines: the file.
        columns: what each field of a line is.
        skipped: how many lines that are not blank stand before the first row.
        quoted: whether a field may stand in double quotes, blanks included.

    Raises:
        CorruptFile: a line has another number of fields.
    """
    return _sheet(lines, " ", columns, skipped, quoted)


def first_fields(lines: Lines, quoted: bool = False) -> list[str]:
    """The fields of the first line that is not blank, separated by blanks."""
    number = int(lines.numbers[0])
    return _fields(lines, number, lines.line(number), " ", quoted)


def _sheet(lines: Lines, separator: Separator, columns: Sequence[str], skipped: int, quoted: bool) -> Sheet:
    if len(lines.numbers) <= skipped:
        hint = "" if skipped == 0 else "a header alone holds no score"
        lines.fail(int(lines.numbers[-1]) + 1, "the end of the file", "a line with a score", hint)
    found = _fast(lines, separator, columns, skipped, quoted)
    return Sheet(lines, found if found is not None else _slow(lines, separator, columns, skipped, quoted), skipped)


def _fast(
    lines: Lines, separator: Separator, columns: Sequence[str], skipped: int, quoted: bool
) -> dict[str, pa.Array] | None:
    """The columns as Arrow reads them, or None where the file needs a closer look."""
    data = lines.data
    if (quoted and b'"' in data) or len(columns) < 2:
        return None
    if separator == " " and (b"\t" in data or re.search(rb"(?m)^ | (?: |$)", data)):
        return None
    skip = int(lines.numbers[skipped]) - 1
    names = [f"c{place}" for place in range(len(columns))]
    try:
        table = pacsv.read_csv(
            io.BytesIO(data),
            read_options=pacsv.ReadOptions(column_names=names, skip_rows=skip),
            parse_options=pacsv.ParseOptions(delimiter=separator, quote_char=False, double_quote=False),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=[], strings_can_be_null=False
            ),
        ).combine_chunks()
    except (pa.ArrowException, ValueError, OverflowError):
        return None
    if table.num_rows != len(lines.numbers) - skipped:
        return None
    return {column: _whole(table[name]) for column, name in zip(columns, names, strict=True)}


def _slow(
    lines: Lines, separator: Separator, columns: Sequence[str], skipped: int, quoted: bool
) -> dict[str, pa.Array]:
    texts = lines.data.decode().split("\n")
    rows: list[list[str]] = []
    for number in lines.numbers[skipped:].tolist():
        row = _fields(lines, number, texts[number - 1], separator, quoted)
        if len(row) != len(columns):
            what = f"{len(row)} field{'' if len(row) == 1 else 's'}, {shown(texts[number - 1])}"
            lines.fail(number, what, f"{len(columns)}: {', '.join(columns)}", "correct or remove the line")
        rows.append(row)
    return {
        name: pa.array(list(each), pa.string()) for name, each in zip(columns, zip(*rows, strict=True), strict=True)
    }


def _fields(lines: Lines, number: int, text: str, separator: Separator, quoted: bool) -> list[str]:
    if separator == " ":
        text = text.strip(" \t")
        if not (quoted and '"' in text):
            return re.split("[ \t]+", text)
        text = text.replace("\t", " ")
    try:
        rows = list(csv.reader([text], delimiter=separator, skipinitialspace=separator == " ", strict=True))
    except csv.Error as error:
        hint = 'double a quote that belongs to a name: "a ""b"" c"'
        lines.fail(number, f"{shown(text)} ({error})", "fields whose quotes close in the same line", hint)
    return rows[0] if rows else [""]


def _floats(texts: pa.Array) -> NDArray[np.float64]:
    try:
        values: NDArray[np.float64] = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowException:  # a number that only Python reads, such as one of a thousand digits
        values = np.array([float(text) for text in texts.to_pylist()], np.float64)
    return values


def _whole(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())
