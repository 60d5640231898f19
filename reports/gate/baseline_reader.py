"""Reads baselines, and says on which line one was edited or damaged."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import CorruptFile, MissingFile
from bench.metrics.paired import MOST_PEOPLE
from bench.provenance import canonical_json
from bench.store.blobs import DiskStore
from bench.store.run_folder import DrawKey
from bench.version import __version__
from reports.gate.quantised import Packed, unpacked
from reports.gate.standing import CellStanding, Measured, Standing, complement_of, completed

SCHEMA = "impersona.baseline/1"
"""The format; a change of it is a new number."""

_FAMILY = SCHEMA.rpartition("/")[0]
_CHECK = 8
_LARGEST = 1e300
KEY: Mapping[str, str] = {"figure": "figure", "operating_point": "point", "group": "group", "species": "species"}
"""Field of `DrawKey` to what a baseline calls it, the figure first."""

_AGAIN = "save it again: impersona baseline save RUN --out FILE --replace"


def check_of(part: Mapping[str, Any]) -> str:
    """What a part of a baseline carries to tell that nobody edited it: 8 digits of SHA-256 of the rest of it."""
    return hashlib.sha256(canonical_json(part).encode()).hexdigest()[:_CHECK]


def read_baseline(path: str | os.PathLike[str]) -> Standing:
    """What a baseline says.

    Args:
        path: the file.

    Raises:
        MissingFile: there is none.
        CorruptFile: it is none, damaged, edited, or of another version.
    """
    path = Path(path)
    if path.is_dir():
        raise MissingFile(
            f"no baseline at {path}, which is a folder; of a run folder write one with impersona baseline save {path}"
        )
    try:
        data = DiskStore(path.parent).get(path.name)
    except MissingFile as error:
        raise MissingFile(f"no baseline at {path}; write one with impersona baseline save RUN --out {path}") from error
    return parse_baseline(data, str(path))


def parse_baseline(data: bytes | str, where: str) -> Standing:
    """What the text of a baseline says; see `read_baseline`.

    Args:
        data: the file.
        where: what to call it in an error.
    """
    try:
        text = data if isinstance(data, str) else data.decode()
        document = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_number)
    except ValueError as error:
        raise CorruptFile(f"{where}: not JSON ({error}); {_AGAIN}") from error
    except RecursionError as error:
        raise CorruptFile(f"{where}: not JSON that impersona wrote (nested too deep); {_AGAIN}") from error
    _refuse_other_schema(document, where)
    reader = _Reader(text, where)
    header = {name: value for name, value in document.items() if name != "cells"}
    reader.check(header, "the first lines", reader.line_of('"schema"'))
    wanted = (("impersona", str), ("run", str), ("commit", str), ("versions", dict))
    for name, kind in wanted:
        reader.want(header, name, kind, "the first lines", reader.line_of(f'"{name}"'))
    cells = [reader.cell(one, place) for place, one in enumerate(reader.want(document, "cells", list, "the file", 1))]
    reader.refuse_twice(cells)
    return Standing(
        path=where,
        kind="baseline",
        name=header["run"],
        impersona=header["impersona"],
        versions=header["versions"],
        commit=header["commit"],
        cells=cells,
    )


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the file; of a key that stands twice, as after a bad merge, nobody knows which is meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object")
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _refuse_other_schema(document: Any, where: str) -> None:
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema == SCHEMA:
        return
    version = schema.removeprefix(f"{_FAMILY}/") if isinstance(schema, str) else ""
    if not isinstance(schema, str) or version == schema:
        raise CorruptFile(f"{where}: schema {schema!r}; expected {SCHEMA!r}, as impersona baseline save writes it")
    if version.isdecimal() and int(version) > int(SCHEMA.rpartition("/")[2]):
        raise CorruptFile(
            f"{where}: {schema!r}, written by a newer impersona ({document.get('impersona')}); this one, "
            f"{__version__}, reads {SCHEMA!r}: upgrade with pip install --upgrade impersona"
        )
    raise CorruptFile(f"{where}: {schema!r}; impersona {__version__} reads {SCHEMA!r}: {_AGAIN}")


class _Reader:
    """Reads the parts of a baseline, and says on which line one is wrong."""

    def __init__(self, text: str, where: str) -> None:
        self._lines, self._where = text.split("\n"), where
        self._figures = [number for number, line in enumerate(self._lines, 1) if line.startswith('{"figure"')]
        self._cells = [number for number, line in enumerate(self._lines, 1) if line.startswith('"assessment"')]
        self._seen = 0

    def line_of(self, beginning: str) -> int | None:
        """The first line that begins so."""
        return next((number for number, line in enumerate(self._lines, 1) if line.startswith(beginning)), None)

    def cell(self, part: Any, place: int) -> CellStanding:
        """One cell, with its figures."""
        name = f"cells[{place}]"
        line = self._cells[place] if place < len(self._cells) else None
        if not isinstance(part, dict):
            raise self.problem(name, line, f"got {type(part).__name__}, expected an object")
        records = self.want(part, "figures", list, name, line)
        self.check({key: value for key, value in part.items() if key != "figures"}, name, line)
        figures: dict[DrawKey, Measured] = {}
        draws: dict[DrawKey, Packed] = {}
        wanted = self.want(self.want(part, "identity", dict, name, line), "draws", int, f"{name}.identity", line)
        for number, record in enumerate(records):
            at = self._figures[self._seen] if self._seen < len(self._figures) else None
            self._seen += 1
            key, figures_value, codes = self._figure(record, f"{name}.figures[{number}]", at, wanted)
            if key in figures:
                raise self.problem(f"{name}.figures[{number}]", at, f"{key.figure} stands there twice")
            figures[key], draws[key] = figures_value, codes
        whole = completed(figures)
        grids = {key: one.grid for key, one in draws.items()}
        for key in whole:
            if (other := complement_of(key)) is not None and other in grids:
                grids[key] = grids[other]
        labels = self.want(part, "labels", dict, name, line)
        if not isinstance(labels.get("settings", {}), dict):
            raise self.problem(f"{name}.labels.settings", line, "expected an object")
        people = part.get("people")
        if people is not None and not 1 <= self.want(part, "people", int, name, line) <= MOST_PEOPLE:
            raise self.problem(f"{name}.people", line, f"got {people}, expected 1 to {MOST_PEOPLE}")
        blank = dict.fromkeys(("dataset", "protocol", "recognizer", "detector", "generator", "attack", "goal"))
        return CellStanding(
            assessment=self.want(part, "assessment", str, name, line),
            labels={**blank, "settings": {}, **labels},
            identity=part["identity"],
            people=people,
            figures=whole,
            read_draws=lambda: {key: unpacked(one) for key, one in draws.items()},
            grids=grids,
        )

    def _figure(self, record: Any, name: str, line: int | None, count: int) -> tuple[DrawKey, Measured, Packed]:
        if not isinstance(record, dict):
            raise self.problem(name, line, f"got {type(record).__name__}, expected an object")
        self.check(record, name, line)
        want = {"figure": str, "n": int, "support": str, "grid": int, "first": int, "draws": str}
        for field, kind in want.items():
            self.want(record, field, kind, name, line)
        for field in list(KEY.values())[1:]:
            if field in record:
                self.want(record, field, str, name, line)
        key = DrawKey(record["figure"], *(record.get(short) for short in list(KEY.values())[1:]))
        codes = Packed(record["grid"], record["first"], record["draws"])
        try:
            if (got := unpacked(codes).size) != count:
                raise self.problem(f"{name}.draws", line, f"got {got} draws, expected {count}")
        except ValueError as error:
            raise self.problem(f"{name}.draws", line, str(error)) from error
        value, low, high = numbers = [record.get(field) for field in ("value", "low", "high")]
        if not all(one is None or (type(one) in (int, float) and abs(one) <= _LARGEST) for one in numbers):
            raise self.problem(name, line, f"got value, low and high {numbers}, expected numbers or null")
        return key, Measured(value, low, high, record["n"], record["support"]), codes

    def check(self, part: Mapping[str, Any], name: str, line: int | None) -> None:
        """Raises `CorruptFile` where a part is not what was written."""
        written = {field: value for field, value in part.items() if field != "check"}
        try:
            expected = check_of(written)
        except ValueError as error:  # 1e999, or half of a pair of characters: nothing that impersona writes
            raise self.problem(name, line, f"edited or damaged ({error})") from error
        if (got := part.get("check")) != expected:
            raise self.problem(
                name, line, f"edited or damaged (its check is {got!r}, what it holds gives {expected!r})"
            )

    def refuse_twice(self, cells: Sequence[CellStanding]) -> None:
        """Raises `CorruptFile` where two cells are filed under the same labels, as after a bad merge."""
        seen: set[str] = set()
        for place, cell in enumerate(cells):
            name = canonical_json([cell.assessment, cell.labels])
            if name in seen:
                line = self._cells[place] if place < len(self._cells) else None
                raise self.problem(f"cells[{place}]", line, "a cell with the same labels stands there already")
            seen.add(name)

    def want(self, part: Mapping[str, Any], field: str, kind: type, name: str, line: int | None) -> Any:
        """A field of a kind. Raises `CorruptFile` where it is not there, or is of another kind."""
        found = part.get(field)
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            got = "nothing" if field not in part else type(found).__name__
            raise self.problem(f"{name}.{field}", line, f"got {got}, expected {kind.__name__}")
        return found

    def problem(self, name: str, line: int | None, what: str) -> CorruptFile:
        """What is wrong, where, and what to type next."""
        at = f" line {line}:" if line else ""
        return CorruptFile(f"{self._where}:{at} {name}: {what}; take the file back from your repository, or {_AGAIN}")
