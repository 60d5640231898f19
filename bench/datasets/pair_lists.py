"""Files that list comparisons: two photos a line, and whether they show one person.

The data set `pairs_csv` says what such a file looks like; `embeddings` takes one too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.datasets.protocols import MAX_TRIALS, join_mated, refuse_contradictions
from bench.datasets.text_files import read_fields
from bench.errors import ConfigError, CorruptFile

SIDES = ("probe", "reference")
SUBJECTS = ("probe_subject", "reference_subject")
MATED = {
    **dict.fromkeys(("1", "true", "yes", "same", "mated"), True),
    **dict.fromkeys(("0", "false", "no", "different", "nonmated"), False),
}
EXPECTED = (
    "expected the columns probe, reference and either mated, or probe_subject and reference_subject; fold may be there"
)


@dataclass(frozen=True, eq=False)
class PairList:
    """M comparisons of N photos.

    Attributes:
        keys: of N photos, in the order in which they are first named.
        key_lines: N, the line on which each is first named.
        subjects: of N photos.
        probe: int32 (M,), which photos.
        reference: int32 (M,).
        mated: bool (M,).
        lines: int64 (M,), on which line each comparison stands.
        fold: int16 (M,), from 0; None where the list has no such column.
        inferred: whether `subjects` follow from mated pairs rather than from names in the list.
    """

    keys: tuple[str, ...]
    key_lines: tuple[int, ...]
    subjects: tuple[str, ...]
    probe: NDArray[np.int32]
    reference: NDArray[np.int32]
    mated: NDArray[np.bool_]
    lines: NDArray[np.int64]
    fold: NDArray[np.int16] | None
    inferred: bool


def read_pair_list(path: Path, key_of: Callable[[str], str] = str) -> PairList:
    """The comparisons that a CSV file lists.

    Args:
        path: the file.
        key_of: from the text in the file to the key of a photo; raises ValueError for a text that names none.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: not a CSV file, a column is missing, or a line that makes no sense; names the line.
        ConfigError: more than `MAX_TRIALS` pairs.
    """
    columns, rows = _table(path)
    photos: dict[str, int] = {}
    said: list[tuple[str, int]] = []
    lines: list[int] = []
    key_lines: list[int] = []
    sides: list[tuple[int, int]] = []
    mated: list[bool] = []
    folds: list[int] = []
    for line, row in rows:
        where = f"{path}, line {line}"
        keys = [_key(where, side, row[columns[side]], key_of) for side in SIDES]
        if keys[0] == keys[1]:
            raise CorruptFile(f"{where}: {keys[0]!r} is compared with itself; expected two photos")
        for key in keys:
            if photos.setdefault(key, len(photos)) == len(key_lines):
                key_lines.append(line)
        sides.append((photos[keys[0]], photos[keys[1]]))
        lines.append(line)
        names = [_filled(where, side, row[columns[side]]) for side in SUBJECTS if side in columns]
        for key, name in zip(keys, names, strict=False):
            _say(path, said, photos[key], name, line, key)
        mated.append(_is_mated(where, row[columns["mated"]] if "mated" in columns else None, names))
        if "fold" in columns:
            folds.append(_fold(where, row[columns["fold"]]))
    if not lines:
        raise CorruptFile(f"{path}: no line below the header; expected one pair a line")
    if len(lines) > MAX_TRIALS:
        raise ConfigError(f"{path}: {len(lines):,} comparisons, more than {MAX_TRIALS:,}; part the list")
    index = np.array(sides, dtype=np.int32)
    probe, reference = index[:, 0].copy(), index[:, 1].copy()
    keys_in_order = tuple(photos)
    subjects = tuple(name for name, _ in said)
    flags = np.array(mated, dtype=np.bool_)
    if inferred := SUBJECTS[0] not in columns:
        subjects = _inferred(path, keys_in_order, lines, probe, reference, flags)
    # Folds count from 0, whatever the list counts from.
    fold = np.unique(folds, return_inverse=True)[1].astype(np.int16) if folds else None
    return PairList(
        keys=keys_in_order,
        key_lines=tuple(key_lines),
        subjects=subjects,
        probe=probe,
        reference=reference,
        mated=flags,
        lines=np.array(lines, dtype=np.int64),
        fold=fold,
        inferred=inferred,
    )


def _inferred(
    path: Path,
    keys: Sequence[str],
    lines: Sequence[int],
    probe: NDArray[np.int32],
    reference: NDArray[np.int32],
    mated: NDArray[np.bool_],
) -> tuple[str, ...]:
    """A name for everybody: the first, in the order of the alphabet, of the photos that mated pairs join."""
    people = join_mated(len(keys), probe, reference, mated)
    refuse_contradictions(str(path), keys, lambda pair: f"line {lines[pair]}", people, probe, reference, mated)
    name: dict[int, str] = {}
    for key, person in zip(keys, people.tolist(), strict=True):
        name[person] = min(key, name.get(person, key))
    return tuple(name[person] for person in people.tolist())


def _table(path: Path) -> tuple[dict[str, int], list[tuple[int, list[str]]]]:
    """Column to its place, and every row, of the header's length, with its line."""
    names, rows = read_fields(path, "list of pairs")
    header = [name.lower() for name in names]
    _check_header(path, header)
    for line, row in rows:
        if len(row) != len(header):
            raise CorruptFile(f"{path}, line {line}: {len(row)} fields, expected {len(header)} as in the header")
    return {name: place for place, name in enumerate(header)}, rows


def _check_header(path: Path, header: list[str]) -> None:
    got = f"got {', '.join(map(repr, header[:8])) or 'nothing'}"
    if twice := [name for name in header if name and header.count(name) > 1]:
        raise CorruptFile(f"{path}, line 1: column {twice[0]!r} stands twice; rename one")
    named = [name for name in SUBJECTS if name in header]
    if missing := [name for name in SIDES if name not in header]:
        raise CorruptFile(f"{path}, line 1: no column {' and no column '.join(map(repr, missing))}; {got}; {EXPECTED}")
    if len(named) == 1 or not (named or "mated" in header):
        lacks = next(name for name in SUBJECTS if name not in header) if named else "mated"
        raise CorruptFile(f"{path}, line 1: no column {lacks!r}; {got}; {EXPECTED}")


def _key(where: str, side: str, text: str, key_of: Callable[[str], str]) -> str:
    try:
        return key_of(_filled(where, side, text))
    except ValueError as error:
        raise CorruptFile(f"{where}: {side} is {text.strip()!r}; {error}") from error


def _filled(where: str, column: str, text: str) -> str:
    if not (stripped := text.strip()):
        raise CorruptFile(f"{where}: {column} is empty")
    return stripped


def _say(path: Path, said: list[tuple[str, int]], place: int, name: str, line: int, key: str) -> None:
    """Notes whom a photo shows; refuses a second person."""
    if place == len(said):
        said.append((name, line))
    elif said[place][0] != name:
        raise CorruptFile(
            f"{path}, line {line}: {key!r} shows {name!r}, but on line {said[place][1]} {said[place][0]!r}; expected "
            "one person a photo"
        )


def _is_mated(where: str, text: str | None, names: Sequence[str]) -> bool:
    by_name = names[0] == names[1] if names else None
    if text is None:
        return bool(by_name)
    mated = MATED.get(text.strip().lower())
    if mated is None:
        raise CorruptFile(f"{where}: mated is {text.strip()!r}; expected one of {', '.join(MATED)}")
    if by_name not in (None, mated):
        raise CorruptFile(f"{where}: mated is {text.strip()!r}, but the subjects are {names[0]!r} and {names[1]!r}")
    return mated


def _fold(where: str, text: str) -> int:
    try:
        fold = int(text)
    except ValueError:
        fold = -1
    if not 0 <= fold < 2**15:
        raise CorruptFile(f"{where}: fold is {text.strip()!r}; expected a whole number from 0 on")
    return fold
