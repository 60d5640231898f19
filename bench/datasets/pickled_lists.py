"""Lists of bytes, booleans and whole numbers out of a pickle, without unpickling it.

A pickle is a program: loading one from a stranger runs it. `read_lists` knows the opcodes that such lists are written
with, in protocols 0 to 5 and by Python 2 and 3, and refuses every other by its name. It imports nothing that a file
names, calls nothing and never recurses; what it returns says where the bytes lie and copies none of them.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.errors import CorruptFile

MOST_OPCODES = 2_000_000
"""A set of 14,000 images takes some 120,000 at most; a file of nothing but opcodes must not fill the memory."""

Bytes = Literal["bytes", "escaped", "latin1", "escaped_latin1"]
Text = Literal["text", "escaped_text"]


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes or text in a file, not yet looked at.

    Attributes:
        kind: ``"bytes"`` as they are, ``"escaped"`` in the spelling of a string literal; ``"text"`` in UTF-8,
            ``"escaped_text"`` with escapes for what is not Latin-1; ``"latin1"`` and ``"escaped_latin1"``: bytes that
            are written as such a text.
        start: where they begin.
        stop: where they end.
    """

    kind: Bytes | Text
    start: int
    stop: int

    @property
    def is_text(self) -> bool:
        """Whether it is text, and no bytes."""
        return self.kind in ("text", "escaped_text")

    def meant(self, raw: bytes, where: str) -> bytes:
        """The bytes that are meant by what stands there.

        Args:
            raw: the file's bytes from `start` to `stop`.
            where: what to call the file in an error.

        Raises:
            CorruptFile: they are not spelled as `kind` says.
        """
        try:
            if self.kind == "bytes":
                return raw
            if self.kind == "escaped":
                return _ESCAPE.sub(_unescaped, raw)
            return raw.decode("utf-8" if self.kind == "latin1" else "raw-unicode-escape").encode("latin-1")
        except (UnicodeError, KeyError) as error:
            raise CorruptFile(
                f"{where}: bytes {self.start} to {self.stop} are not what their opcode promises ({error})"
            ) from error


def read_lists(data: bytes, where: str) -> Any:
    """The lists, tuples, bytes, booleans and whole numbers that a pickle describes.

    Args:
        data: the whole file, a pickle of any protocol.
        where: what to call it in an error.

    Returns:
        Lists and tuples of `Slice`, bool and int.

    Raises:
        CorruptFile: an opcode that such lists do not need, a global other than the one that spells bytes, a file that
            ends too early or goes on too long.
    """
    return _Reader(data, where).read()


_ENCODE = object()
"""Stands for ``_codecs.encode``, by which Python 3 spells bytes in protocols 0 to 2; it is never called."""

_NAMES = {opcode.code: opcode.name for opcode in pickletools.opcodes}

_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.|$)", re.DOTALL)
_ESCAPES = {b"\\": b"\\", b"'": b"'", b'"': b'"', b"n": b"\n", b"r": b"\r", b"t": b"\t"}

_SIZED: Mapping[str, tuple[int, Literal["bytes", "text"]]] = {
    "BINBYTES": (4, "bytes"), "SHORT_BINBYTES": (1, "bytes"), "BINBYTES8": (8, "bytes"),
    "BINSTRING": (4, "bytes"), "SHORT_BINSTRING": (1, "bytes"),
    "BINUNICODE": (4, "text"), "SHORT_BINUNICODE": (1, "text"), "BINUNICODE8": (8, "text"),
}  # fmt: skip
_NUMBERS = {"BININT": 4, "BININT1": 1, "BININT2": 2}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUT = {"BINPUT": 1, "LONG_BINPUT": 4}
_GET = {"BINGET": 1, "LONG_BINGET": 4}


class _Reader:
    """A stack, a memo and a position: what a pickle's opcodes work on."""

    def __init__(self, data: bytes, where: str) -> None:
        self.data, self.where, self.at = data, where, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def read(self) -> Any:
        for _ in range(MOST_OPCODES):
            start, code = self.at, self._take(1).decode("latin-1")
            name = _NAMES.get(code)
            if name is None:
                raise self._error(f"byte {ord(code):#04x} at {start} is no opcode of a pickle")
            if name == "STOP":
                return self._result()
            self._step(name, start)
        raise CorruptFile(f"{self.where}: more than {MOST_OPCODES:,} opcodes; no verification set takes so many")

    def _step(self, name: str, start: int) -> None:
        if name in _SIZED:
            width, kind = _SIZED[name]
            self._push_slice(kind, self._number(width, signed=name == "BINSTRING"))
        elif name in _NUMBERS:
            self.stack.append(self._number(_NUMBERS[name], signed=name == "BININT"))
        elif name in _TUPLES:
            self.stack.append(tuple(self._pop(_TUPLES[name], start)))
        elif name in _PUT:
            self._memoize(self._number(_PUT[name]), start)
        elif name in _GET:
            self._recall(self._number(_GET[name]), start)
        elif name in _STEPS:
            _STEPS[name](self, start)
        else:
            raise self._error(
                f"the opcode {name}{self._global(name)} at byte {start}, of which no list of bytes has any need"
            )

    # ------------------------------------------------------------------------------------------- opcodes, one each

    def _skip(self, count: int) -> None:
        self._take(count)

    def _mark(self, start: int) -> None:
        self.marks.append(len(self.stack))

    def _list(self, start: int) -> None:
        self.stack.append(self._since_mark(start))

    def _tuple(self, start: int) -> None:
        self.stack.append(tuple(self._since_mark(start)))

    def _append(self, start: int) -> None:
        (value,) = self._pop(1, start)
        self._top_list(start).append(value)

    def _appends(self, start: int) -> None:
        values = self._since_mark(start)
        self._top_list(start).extend(values)

    def _line_int(self, start: int) -> None:
        text = self._line()
        # Protocol 0 and 1 spell booleans as I00 and I01.
        self.stack.append({b"00": False, b"01": True}[text] if text in (b"00", b"01") else self._whole(text, start))

    def _line_long(self, start: int) -> None:
        self.stack.append(self._whole(self._line().removesuffix(b"L"), start))

    def _long1(self, start: int) -> None:
        self.stack.append(int.from_bytes(self._take(self._number(1)), "little", signed=True))

    def _string(self, start: int) -> None:
        text = self._line()
        if len(text) < 2 or text[:1] not in (b"'", b'"') or text[-1:] != text[:1]:
            raise self._error(f"the string at byte {start} has no quotes")
        self.stack.append(Slice("escaped", start + 2, self.at - 2))

    def _unicode(self, start: int) -> None:
        self._line()
        self.stack.append(Slice("escaped_text", start + 1, self.at - 1))

    def _the_global(self, start: int) -> None:
        module, name = self._line(), self._line()
        if (module, name) != (b"_codecs", b"encode"):
            raise self._error(f"the global {_short(module)}.{_short(name)} at byte {start}")
        self.stack.append(_ENCODE)

    def _reduce(self, start: int) -> None:
        called, given = self._pop(2, start)
        latin = isinstance(given, tuple) and len(given) == 2 and all(isinstance(each, Slice) for each in given)
        if called is not _ENCODE or not latin or self._text(given[1]) != b"latin1" or not given[0].is_text:
            raise self._error(f"a call (REDUCE) at byte {start} that does not spell bytes")
        kind: Literal["latin1", "escaped_latin1"] = "latin1" if given[0].kind == "text" else "escaped_latin1"
        self.stack.append(Slice(kind, given[0].start, given[0].stop))

    def _memoize_next(self, start: int) -> None:
        self._memoize(len(self.memo), start)

    # ------------------------------------------------------------------------------------------------------- inside

    def _result(self) -> Any:
        if len(self.stack) != 1 or self.marks:
            raise CorruptFile(f"{self.where}: ends with {len(self.stack)} values; expected one")
        if self.at != len(self.data):
            raise CorruptFile(f"{self.where}: {len(self.data) - self.at} bytes follow its end")
        return self.stack[0]

    def _take(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        if len(taken) < count:
            raise CorruptFile(f"{self.where}: ends at byte {len(self.data)}, in the middle; fetch the file again")
        self.at += count
        return taken

    def _number(self, width: int, signed: bool = False) -> int:
        return int.from_bytes(self._take(width), "little", signed=signed)

    def _line(self) -> bytes:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise CorruptFile(f"{self.where}: ends at byte {len(self.data)}, in the middle; fetch the file again")
        line, self.at = self.data[self.at : end], end + 1
        return line

    def _push_slice(self, kind: Literal["bytes", "text"], length: int) -> None:
        if not 0 <= length <= len(self.data) - self.at:
            raise CorruptFile(
                f"{self.where}: ends at byte {len(self.data)}, but {length} bytes are promised at {self.at}; fetch the "
                "file again"
            )
        self.stack.append(Slice(kind, self.at, self.at + length))
        self.at += length

    def _pop(self, count: int, start: int) -> list[Any]:
        if len(self.stack) - (self.marks[-1] if self.marks else 0) < count:
            raise self._error(f"the opcode at byte {start} takes {count} values that are not there")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def _since_mark(self, start: int) -> list[Any]:
        if not self.marks:
            raise self._error(f"the opcode at byte {start} needs a mark that is not there")
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def _top_list(self, start: int) -> list[Any]:
        if not self.stack or not isinstance(self.stack[-1], list):
            raise self._error(f"the opcode at byte {start} appends to something that is no list")
        top: list[Any] = self.stack[-1]
        return top

    def _memoize(self, number: int, start: int) -> None:
        if not self.stack:
            raise self._error(f"the opcode at byte {start} keeps a value that is not there")
        self.memo[number] = self.stack[-1]

    def _recall(self, number: int, start: int) -> None:
        if number not in self.memo:
            raise self._error(f"the opcode at byte {start} asks for value {number}, which nobody kept")
        self.stack.append(self.memo[number])

    def _whole(self, text: bytes, start: int) -> int:
        if not re.fullmatch(rb"-?[0-9]{1,20}", text):
            raise self._error(f"{_short(text)} at byte {start} is no whole number")
        return int(text)

    def _text(self, each: Slice) -> bytes:
        return self.data[each.start : min(each.stop, each.start + 80)] if each.is_text else b""

    def _global(self, name: str) -> str:
        """What a refused opcode would have imported, for the error."""
        if name == "INST":
            end = self.data.find(b"\n", self.at)
            module, called = self.data[self.at : end], self.data[end + 1 :].split(b"\n", 1)[0]
            return f" of {_short(module)}.{_short(called)}"
        named = self.stack[-2:]
        if name == "STACK_GLOBAL" and len(named) == 2 and all(isinstance(each, Slice) for each in named):
            return f" of {_short(self._text(named[0]))}.{_short(self._text(named[1]))}"
        return ""

    def _error(self, what: str) -> CorruptFile:
        return CorruptFile(
            f"{self.where}: {what}; expected a pickle of nothing but lists of bytes, booleans and numbers (nothing in "
            "it was executed)"
        )


_STEPS: Mapping[str, Callable[[_Reader, int], None]] = {
    "PROTO": lambda reader, start: reader._skip(1),
    "FRAME": lambda reader, start: reader._skip(8),
    "MARK": _Reader._mark,
    "EMPTY_LIST": lambda reader, start: reader.stack.append([]),
    "LIST": _Reader._list,
    "TUPLE": _Reader._tuple,
    "APPEND": _Reader._append,
    "APPENDS": _Reader._appends,
    "NEWTRUE": lambda reader, start: reader.stack.append(True),
    "NEWFALSE": lambda reader, start: reader.stack.append(False),
    "INT": _Reader._line_int,
    "LONG": _Reader._line_long,
    "LONG1": _Reader._long1,
    "STRING": _Reader._string,
    "UNICODE": _Reader._unicode,
    "GLOBAL": _Reader._the_global,
    "REDUCE": _Reader._reduce,
    "PUT": lambda reader, start: reader._memoize(reader._whole(reader._line(), start), start),
    "GET": lambda reader, start: reader._recall(reader._whole(reader._line(), start), start),
    "MEMOIZE": _Reader._memoize_next,
}


def _short(text: bytes) -> str:
    return text[:40].decode("ascii", "backslashreplace")


def _unescaped(match: re.Match[bytes]) -> bytes:
    spelled = match[1]
    return bytes([int(spelled[1:], 16)]) if spelled[:1] == b"x" and len(spelled) == 3 else _ESCAPES[spelled]
