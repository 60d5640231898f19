"""Your own embeddings, from whatever recognizer: a Parquet or npz file of vectors, and no pictures.

    vectors.parquet   columns key, subject, and embedding (a list of numbers) or e0, e1, ..., eN (a number each);
                      every other column of numbers or text is an attribute, to group by
    vectors.npz       arrays keys (N,), subjects (N,), embeddings (N, D); every other array of (N,) is an attribute

A sweep over them names the recognizer `given`, which says how two of them are compared.
"""

from __future__ import annotations

import functools
import hashlib
import os
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
from bench.datasets.vector_files import SUFFIXES, VectorTable, read_vectors
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile
from bench.provenance import file_digest


@dataclass(frozen=True, kw_only=True)
class EmbeddingsSettings:
    """Settings of `embeddings`.

    Attributes:
        file: a Parquet or npz file.
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

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`; vectors are digested apart, row by row."""
        pairs = None if self.settings.pairs is None else file_digest(self.settings.pairs.expanduser())
        return {"revision": 1, **{name: getattr(self.settings, name) for name in _CHOICES}, "pairs": pairs}

    def frames(self) -> Sequence[Frame]:
        """See `Dataset.frames`; the rows of the split's people, in the order of the file."""
        table = self._table()
        return [Frame(table.keys[row], table.subjects[row]) for row in self._rows(table).tolist()]

    def attributes(self) -> dict[str, ColumnValues]:
        """See `AttributedDataset.attributes`: the file's other columns."""
        table = self._table()
        rows = self._rows(table)
        return {name: values[rows] for name, values in table.attributes.items()}

    def embeddings(self, keys: Sequence[str]) -> Embeddings:
        """See `EmbeddedDataset.embeddings`."""
        table = self._table()
        return table.vectors[[self._row(table, key) for key in keys]]

    def image(self, key: str) -> FrameImage:
        """Raises `MissingFile`: there are no pictures."""
        raise MissingFile(f"{self.file} holds embeddings and no pictures, so none of {key!r}")

    def content_digest(self, key: str) -> str:
        """SHA-256 hex of the embedding as float32, little-endian."""
        table = self._table()
        return hashlib.sha256(table.vectors[self._row(table, key)].astype("<f4").tobytes()).hexdigest()

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

    def _rows(self, table: VectorTable) -> NDArray[np.int64]:
        kept = [row for row, who in enumerate(table.subjects) if is_in(who, self.settings.split)]
        return np.array(kept, dtype=np.int64)

    def _row(self, table: VectorTable, key: str) -> int:
        try:
            return table.place[key]
        except KeyError:
            raise MissingFile(f"{self.file} has no embedding {key!r}") from None

    def _table(self) -> VectorTable:
        # Looked at anew each time, so that a file which was replaced is noticed.
        if not self.file.is_file():
            raise MissingFile(f"no embeddings at {self.file}; expected a Parquet or npz file")
        stat = os.stat(self.file)
        return _read(str(self.file), stat.st_size, stat.st_mtime_ns)


LISTED = "pairs"
_CHOICES = ("split", "max_per_subject", "max_people")


@functools.lru_cache(maxsize=2)
def _read(path: str, size: int, mtime_ns: int) -> VectorTable:
    return read_vectors(Path(path))
