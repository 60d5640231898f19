"""A text file as lines: UTF-8, without control characters; errors name the line."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from bench.errors import CorruptFile, MissingFile

_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_CONTROL_BYTES = bytes({*range(32), 127} - {ord("\t"), ord("\n")})
_SHOWN = 60
_WIDE = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True, eq=False)
class Lines:
    """A text file: UTF-8, without control characters, lines ended by LF or CRLF.

    Attributes:
        path: for messages.
        data: its bytes, without byte order mark, every line ended by LF or the end.
    """

    path: str
    data: bytes

    @cached_property
    def _bounds(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each line begins and ends in `data`."""
        ends = np.flatnonzero(np.frombuffer(self.data, np.uint8) == ord("\n"))
        starts = np.append(0, ends + 1)
        return starts, np.append(ends, len(self.data))

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """The number, from 1, of every line that is not blank."""
        starts, ends = self._bounds
        filled = starts < ends
        first = np.frombuffer(self.data, np.uint8)[starts[filled]]
        for line in np.flatnonzero(filled)[(first == ord(" ")) | (first == ord("\t"))].tolist():
            filled[line] = bool(self.data[starts[line] : ends[line]].strip(b" \t"))
        return np.flatnonzero(filled) + 1

    def line(self, number: int) -> str:
        """The text of a line, by its number from 1."""
        starts, ends = self._bounds
        return self.data[starts[number - 1] : ends[number - 1]].decode()

    def fail(self, number: int, got: str, expected: str, hint: str = "") -> NoReturn:
        """Raises the error about a line.

        Args:
            number: which line, from 1.
            got: what stands there.
            expected: what should.
            hint: what to type next, or to change.
        """
        end = f"; {hint}" if hint else ""
        raise CorruptFile(f"{self.path}, line {number}: got {got}, expected {expected}{end}")


def shown(text: str, column: str = "") -> str:
    """What stands in a field, cut short where it is long, for an error."""
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
    return f"{column} {short!r}" if column else repr(short)


def read_lines(path: str | os.PathLike[str]) -> Lines:
    """A text file.

    Raises:
        MissingFile: it is not there.
        CorruptFile: it is no UTF-8 text, or holds control characters; says in which line.
    """
    name = os.fspath(path)
    try:
        data = Path(path).read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise MissingFile(f"no file at {name}; give the path of a file with scores") from error
    data = data.removeprefix(b"\xef\xbb\xbf")
    save = "save it as UTF-8: iconv -f OLD -t UTF-8 FILE > NEW"
    if (wide := _WIDE.get(data[:2])) is not None:
        Lines(name, b"").fail(1, f"text in {wide}", "UTF-8", save)
    data = data.replace(b"\r\n", b"\n")
    lines = Lines(name, data)
    plain = len(data.translate(None, _CONTROL_BYTES)) == len(data)  # ten times as fast as to search for them
    if not plain and (found := _CONTROL.search(data)) is not None:
        what = "a carriage return without line feed" if found.group() == b"\r" else f"the byte 0x{found.group()[0]:02x}"
        lines.fail(_number(data, found.start()), what, "text without control characters", save)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        got = f"the byte 0x{data[error.start]:02x}, which is no UTF-8"
        lines.fail(_number(data, error.start), got, "UTF-8", save)
    if not data.strip(b" \t\n"):
        lines.fail(1, "an empty file", "scores, one comparison or sample a line")
    return lines


def _number(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1
