"""Text files that data sets come with: words on lines, and CSV files of any usual separator."""

from __future__ import annotations

import csv
from pathlib import Path

from bench.errors import CorruptFile, MissingFile

SEPARATORS = ",;\t"


def read_words(path: Path) -> list[list[str]]:
    """The words of each line that has some.

    Args:
        path: a file in UTF-8.

    Raises:
        CorruptFile: it is not UTF-8.
    """
    try:
        return [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise CorruptFile(f"{path}: not UTF-8 text ({error})") from error


def read_fields(path: Path, what: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The fields of a CSV file, parted by whichever of `SEPARATORS` its first line has most of.

    Args:
        path: the file.
        what: what to call it where there is none.

    Returns:
        The names in the header, stripped, and for each row below it that is not blank its line, from 1, and its fields,
        of any number.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: it cannot be read as a CSV file.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            reader = csv.reader(stream, delimiter=max(SEPARATORS, key=first.count))
            header = [name.strip() for name in next(reader, [])]
            return header, [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except FileNotFoundError as error:
        raise MissingFile(f"no {what} at {path}") from error
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise CorruptFile(f"{path}: not a readable CSV file ({error})") from error
