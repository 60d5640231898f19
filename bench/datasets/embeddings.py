"""Your own embeddings, from whatever recognizer: a file of vectors, and no pictures.

    vectors.parquet   columns key, subject, and embedding (a list of numbers) or e0, e1, ..., eN (a number each);
                      every other column of numbers or text is an attribute, to group by
    vectors.npz       arrays keys (N,), subjects (N,), embeddings (N, D); every other array of (N,) is an attribute
    vectors.npy       float32 (N, D), and beside it vectors.csv or vectors.parquet with columns key and subject, a row
                      for each; every other column is an attribute. It stays on disk, and may be larger than memory.

A sweep over them names the recognizer `given`, which says how two of them are compared.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.api import Embeddings, Fingerprint, Frame, FrameImage, Trials
from bench.datasets.columns import ColumnValues
from bench.datasets.pair_lists import read_pair_list
from bench.datasets.people import Part, check_at_least_one, frames_of_some, is_in
from bench.datasets.protocols import MAX_FRAMES_PER_SUBJECT, all_pairs
from bench.datasets.vector_files import VectorTable, read_vectors
from bench.datasets.vector_layouts import SUFFIXES, sources_of
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile
from bench.provenance import file_digest


@dataclass(frozen=True, kw_only=True)
class EmbeddingsSettings:
    """Settings of `embeddings`.

    Attributes:
        file: a Parquet, npz or npy file.
        split: which people: all of them, or one part of the 60/20/20 split by person.
        max_per_subject: at most so many embeddings of one person, drawn by the seed.
        max_people: at most so many people, drawn by the seed; null for all.
        pairs: a list of comparisons of their keys, such as `pairs_csv` takes; null for every pair.
    """

    file: Path
    split: Part = "all"
    max_per_subject: int = MAX_FRAMES_PER_SUBJECT
    max_people: int | None = None
    pairs: Path | None = None

    def __post_init__(self) -> None:
        """Checks the ranges."""
        if self.file.suffix.lower() not in SUFFIXES:
            raise ValueError(f"file: got {self.file.name}, expected a file that ends in {' or '.join(SUFFIXES)}")
        check_at_least_one(max_per_subject=self.max_per_subject, max_people=self.max_people)


class GivenEmbeddings:
    """A `bench.api.EmbeddedDataset`; every pair is compared, or those of a list."""

    shows_faces = False

    def __init__(self, settings: EmbeddingsSettings) -> None:
        self.settings = settings
        self.protocols = (LISTED,) * (settings.pairs is not None) + ("all_pairs",)
        self.file = settings.file.expanduser()
        self._sources = [str(path) for path in sources_of(self.file)]

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`; vectors are digested apart, row by row."""
        pairs = None if self.settings.pairs is None else file_digest(self.settings.pairs.expanduser())
        return {"revision": 1, **{name: getattr(self.settings, name) for name in _CHOICES}, "pairs": pairs}

    def frames(self) -> Sequence[Frame]:
        """See `Dataset.frames`; the rows of the split's people, in the order of the file."""
        return self._people().frames

    def attributes(self) -> dict[str, ColumnValues]:
        """See `AttributedDataset.attributes`: the file's other columns."""
        rows = self._people().rows
        return {name: values[rows] for name, values in self._table().attributes.items()}

    def embeddings(self, keys: Sequence[str]) -> Embeddings:
        """See `EmbeddedDataset.embeddings`; read-only.

        Rows that stand in the file one after the other, such as all of them, are taken as they lie; others are copied.
        """
        table = self._table()
        try:
            rows = np.fromiter(map(table.place.__getitem__, keys), dtype=np.int64, count=len(keys))
        except KeyError as error:
            raise self._unknown(error.args[0]) from None
        if rows.size and (np.diff(rows) == 1).all():
            return table.vectors[rows[0] : rows[-1] + 1]
        some = table.vectors[rows]
        some.flags.writeable = False
        return some

    def image(self, key: str) -> FrameImage:
        """Raises `MissingFile`: there are no pictures."""
        raise MissingFile(f"{self.file} holds embeddings and no pictures, so none of {key!r}")

    def content_digest(self, key: str) -> str:
        """SHA-256 hex of the embedding as float32, little-endian."""
        table = self._table()
        try:
            row = table.vectors[table.place[key]]
        except KeyError:
            raise self._unknown(key) from None
        return hashlib.sha256(row.astype("<f4", copy=False)).hexdigest()

    def trials(self, protocol: str, rng: np.random.Generator) -> Trials:
        """See `Dataset.trials`."""
        if protocol not in self.protocols:
            raise ConfigError(f"embeddings has no protocol {protocol!r}; it has {', '.join(self.protocols)}")
        if protocol == LISTED and self.settings.pairs is not None:
            return self._listed(self.settings.pairs.expanduser())
        frames = frames_of_some(self.frames(), rng, self.settings.max_people)
        if len(frames) < 2:
            raise InsufficientData(f"{self.file}: {len(frames)} embeddings of people of split {self.settings.split!r}")
        return all_pairs(frames, rng, self.settings.max_per_subject)

    def _listed(self, path: Path) -> Trials:
        if self.settings.split != "all":
            raise ConfigError(f"pairs keeps to its list; got split: {self.settings.split}; leave split out")
        table, pairs = self._table(), read_pair_list(path)
        if missing := [place for place, key in enumerate(pairs.keys) if key not in table.place]:
            shown = f"{pairs.keys[missing[0]]} (line {pairs.key_lines[missing[0]]})"
            raise MissingFile(
                f"{path} names {len(missing)} of {len(pairs.keys)} keys that are not in {self.file}, such as {shown}"
            )
        frames = tuple(Frame(key, table.subjects[table.place[key]]) for key in pairs.keys)
        trials = Trials(LISTED, frames, pairs.probe, pairs.reference, pairs.fold)
        if (wrong := trials.mated != pairs.mated).any():
            first = int(np.argmax(wrong))
            names = (frames[side[first]].subject for side in (pairs.probe, pairs.reference))
            raise CorruptFile(
                f"{path}, line {pairs.lines[first]}: {'mated' if pairs.mated[first] else 'nonmated'}, but {self.file} "
                f"says that these are of {' and '.join(map(repr, names))}; {int(wrong.sum())} lines disagree in all"
            )
        return trials

    def _unknown(self, key: str) -> MissingFile:
        return MissingFile(f"{self.file} has no embedding {key!r}")

    def _table(self) -> VectorTable:
        return _read(self._sources[0], self._stamps())

    def _people(self) -> _People:
        return _people_of(self._sources[0], self._stamps(), self.settings.split)

    def _stamps(self) -> _Stamps:
        # Looked at anew each time, so that a file which was replaced is noticed.
        file, *beside = self._sources
        if (stamp := _stamp(file)) is None:
            raise MissingFile(f"no embeddings at {self.file}; expected a file that ends in {' or '.join(SUFFIXES)}")
        return stamp, next(filter(None, map(_stamp, beside)), None)


LISTED = "pairs"
KEPT = 6
"""So many files are kept: faces, a gallery, two sides of a leak, strangers, and whom thresholds are set on."""

_CHOICES = ("split", "max_per_subject", "max_people")
_Stamp = tuple[int, int]
"""Size and time of a file."""
_Stamps = tuple[_Stamp, _Stamp | None]
"""Of the file, and of the table beside it."""


@dataclass(frozen=True, eq=False)
class _People:
    """The rows of a split's people, int64 (N,), and their frames."""

    rows: NDArray[np.int64]
    frames: tuple[Frame, ...]


def _stamp(path: str) -> _Stamp | None:
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


@functools.lru_cache(maxsize=KEPT)
def _read(path: str, stamps: _Stamps) -> VectorTable:
    return read_vectors(Path(path))


@functools.lru_cache(maxsize=KEPT)
def _people_of(path: str, stamps: _Stamps, split: Part) -> _People:
    table = _read(path, stamps)
    people = {who for who in set(table.subjects) if is_in(who, split)}
    rows = [row for row, who in enumerate(table.subjects) if who in people]
    frames = tuple(Frame(table.keys[row], table.subjects[row]) for row in rows)
    return _People(np.array(rows, dtype=np.int64), frames)
