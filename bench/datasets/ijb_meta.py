"""The meta data of IJB in InsightFace's layout, read and checked; the data set `ijb` shows the layout."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.datasets.protocols import MAX_TRIALS, join_mated, refuse_contradictions
from bench.errors import ConfigError, CorruptFile, MissingFile

POINTS = 5

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Meta:
    """What the meta data say; P photos in templates, T templates, M pairs.

    Attributes:
        names: of N different photos, in the order in which the file names them.
        photo: int64 (P,), which photo, for each line.
        template: int64 (P,), its template's place in `numbers`.
        medium: int64 (P,).
        numbers: int64 (T,), the templates' own numbers, ascending.
        subjects: T, whom each shows, as far as pairs tell: called after the first template of the person.
        of_photo: N, whom each photo shows.
        probe: int64 (M,), places in `numbers`.
        reference: int64 (M,).
    """

    names: tuple[str, ...]
    photo: Integers
    template: Integers
    medium: Integers
    numbers: Integers
    subjects: tuple[str, ...]
    of_photo: tuple[str, ...]
    probe: Integers
    reference: Integers


def read_meta(photo_file: Path, pair_file: Path) -> Meta:
    """The photos, templates and pairs of IJB.

    Args:
        photo_file: ``..._face_tid_mid.txt``.
        pair_file: ``..._template_pair_label.txt``.

    Raises:
        MissingFile: one is not there.
        CorruptFile: a line of another shape, a label that is neither 0 nor 1, a template without photo, or pairs that
            contradict each other.
        ConfigError: more than `MAX_TRIALS` pairs.
    """
    photos = _table(photo_file, "'name template medium'", {"name": "text", "template": "int", "medium": "int"})
    index: dict[str, int] = {}
    for line, name in enumerate(photos["name"].tolist(), start=1):
        if index.setdefault(name, len(index)) == len(index) - 1 and ("/" in name or name in (".", "..")):
            raise CorruptFile(f"{photo_file}, line {line}: {name!r} is no name of a file in loose_crop")
    photo = np.array([index[name] for name in photos["name"].tolist()], dtype=np.int64)
    numbers, template = np.unique(photos["template"], return_inverse=True)
    listed = _table(pair_file, "'template template label'", {"probe": "int", "reference": "int", "label": "int"})
    if not 0 < len(listed["label"]) <= MAX_TRIALS:
        raise ConfigError(f"{pair_file}: {len(listed['label']):,} comparisons; expected 1 to {MAX_TRIALS:,}")
    for column, known, expected in (
        ("probe", numbers, f"a template of {photo_file.name}"),
        ("reference", numbers, f"a template of {photo_file.name}"),
        ("label", (0, 1), "the label 0 or 1"),
    ):
        if not (right := np.isin(listed[column], known)).all():
            row = int(np.argmin(right))
            raise CorruptFile(f"{pair_file}, line {row + 1}: got {listed[column][row]}, expected {expected}")
    probe, reference = (np.searchsorted(numbers, listed[side]) for side in ("probe", "reference"))
    people = _people(pair_file, numbers, photo, template, probe, reference, listed["label"] == 1)
    subjects = tuple(f"person of {template_name(numbers[first])}" for first in people.tolist())
    of_photo = np.empty(len(index), dtype=np.int64)
    of_photo[photo] = template
    return Meta(
        tuple(index), photo, template, photos["medium"], numbers, subjects,
        tuple(subjects[place] for place in of_photo.tolist()), probe, reference,
    )  # fmt: skip


def _people(
    pair_file: Path,
    numbers: Integers,
    photo: Integers,
    template: Integers,
    probe: Integers,
    reference: Integers,
    mated: NDArray[np.bool_],
) -> Integers:
    """int64 (T,): the first template of each template's person; templates that share a photo show one person too."""
    first = template[np.unique(photo, return_index=True)[1]]
    sides = np.concatenate([probe, template]), np.concatenate([reference, first[photo]])
    joined = np.concatenate([mated, np.ones(len(photo), dtype=np.bool_)])
    people = join_mated(len(numbers), *sides, joined)
    names = [template_name(number) for number in numbers]

    def said(pair: int) -> str:
        return f"line {pair + 1}" if pair < len(probe) else "they share a photo"

    refuse_contradictions(str(pair_file), names, said, people, *sides, joined)
    return people


def read_points(path: Path) -> tuple[dict[str, int], NDArray[np.float64]]:
    """The five points of each photo.

    Args:
        path: ``..._name_5pts_score.txt``.

    Returns:
        Photo to row, and float64 (N, 5, 2) in pixels, x then y.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: a line of another shape.
    """
    numbers = [f"{axis}{point}" for point in range(POINTS) for axis in "xy"]
    table = _table(path, "'name', ten numbers, 'score'", dict.fromkeys(["name", *numbers, "score"], "float") | _NAMED)
    points = np.stack([table[name] for name in numbers], axis=1).reshape(-1, POINTS, 2)
    return {name: row for row, name in enumerate(table["name"].tolist())}, points


_NAMED = {"name": "text"}
_NUMBER = {
    "int": re.compile(r"-?\d{1,18}"),
    "float": re.compile(r"-?\d+(\.\d*)?([eE][-+]?\d+)?"),
    "text": re.compile(r"\S+"),
}


def _table(path: Path, shape: str, columns: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """The columns of a file without header, parted by single spaces.

    Args:
        path: the file.
        shape: what a line looks like, for the error.
        columns: name to ``"int"``, ``"float"`` or ``"text"``.
    """
    import pyarrow as pa
    import pyarrow.csv as pc

    types = {"int": pa.int64(), "float": pa.float64(), "text": pa.string()}
    if not path.is_file():
        raise MissingFile(f"no meta data at {path}")
    try:
        table = pc.read_csv(
            path,
            read_options=pc.ReadOptions(use_threads=False, column_names=list(columns)),
            parse_options=pc.ParseOptions(delimiter=" ", quote_char=False, ignore_empty_lines=False),
            convert_options=pc.ConvertOptions(
                column_types={name: types[kind] for name, kind in columns.items()}, null_values=[]
            ),
        )
    except (pa.ArrowException, OSError) as error:
        raise _bad_line(path, shape, list(columns.values()), error) from error
    return {name: table.column(name).to_numpy() for name in columns}


def _bad_line(path: Path, shape: str, kinds: Sequence[str], error: Exception) -> CorruptFile:
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line, text in enumerate(stream, start=1):
            words = text.rstrip("\n").split(" ")
            fits = len(words) == len(kinds) and all(map(_fits, kinds, words))
            if not fits:
                return CorruptFile(f"{path}, line {line}: got {text.rstrip()[:80]!r}; expected {shape}")
    return CorruptFile(f"{path}: not lines of {shape} ({error})")


def _fits(kind: str, word: str) -> bool:
    return _NUMBER[kind].fullmatch(word) is not None


def template_name(number: int) -> str:
    """What trials call the template of a number."""
    return f"template {number}"
