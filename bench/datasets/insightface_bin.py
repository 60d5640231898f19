"""InsightFace's verification sets (lfw.bin, cfp_fp.bin, agedb_30.bin), read without mxnet and without unpickling.

Such a file is a pickle of a list of encoded images, two a pair, and a list of booleans; `pickled_lists` reads it and
refuses whatever else a pickle can hold.

The photos are aligned already (112 x 112, ArcFace's template): give recognizers ``aligner: none``.

Source: deepinsight/insightface, ``recognition/arcface_torch/eval/verification.py`` (folds) and ``lfw2pack.py`` (files).
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Fingerprint, Frame, FrameImage, Trials
from bench.datasets.pickled_lists import Slice, read_lists
from bench.datasets.protocols import contradictions, join_mated, ten_folds
from bench.errors import ConfigError, CorruptFile, MissingFile
from bench.images import decode
from bench.provenance import file_digest

LOG = logging.getLogger(__name__)

PROTOCOL = "pairs"
FOLDS = 10


@dataclass(frozen=True, kw_only=True)
class InsightfaceBinSettings:
    """Settings of `insightface_bin`.

    Attributes:
        file: such as ``lfw.bin``.
    """

    file: Path


@dataclass(frozen=True, eq=False)
class VerificationSet:
    """What a file holds; N images, M = N / 2 pairs.

    Attributes:
        images: where each lies in the file.
        digests: SHA-256 hex of each image's bytes.
        people: int64 (N,), for each image the first of its person.
        mated: bool (M,).
    """

    images: tuple[Slice, ...]
    digests: tuple[str, ...]
    people: NDArray[np.int64]
    mated: NDArray[np.bool_]


class InsightfaceBin:
    """A `bench.api.Dataset` of aligned photos in pairs, in ten folds."""

    protocols = (PROTOCOL,)
    shows_faces = False
    people_are_inferred = True
    """The files hold no names: photos of one person may stand under several; see `who_is_who`."""

    def __init__(self, settings: InsightfaceBinSettings) -> None:
        self.settings = settings
        self.file = settings.file.expanduser()

    def fingerprint(self) -> Fingerprint:
        """See `Plugin.fingerprint`."""
        return {"revision": 1, "file": file_digest(self.file)}

    def frames(self) -> Sequence[Frame]:
        """See `Dataset.frames`; keyed ``lfw.bin/00012``, in the order of the file."""
        return [Frame(self._name(place), self._name(person)) for place, person in enumerate(self._set().people)]

    def image(self, key: str) -> FrameImage:
        """See `Dataset.image`."""
        where = self._set().images[self._place(key)]
        with self.file.open("rb") as stream:
            stream.seek(where.start)
            return decode(where.meant(stream.read(where.stop - where.start), key), key)

    def content_digest(self, key: str) -> str:
        """See `Dataset.content_digest`: that of the image file in the file."""
        return self._set().digests[self._place(key)]

    def trials(self, protocol: str, rng: np.random.Generator) -> Trials:
        """See `Dataset.trials`; nothing is drawn. A set of fewer pairs than folds has none."""
        if protocol != PROTOCOL:
            raise ConfigError(f"insightface_bin has no protocol {protocol!r}; it has {PROTOCOL}")
        frames = tuple(self.frames())
        probe = np.arange(0, len(frames), 2, dtype=np.int32)
        return Trials(PROTOCOL, frames, probe, probe + 1, ten_folds(len(probe)) if len(probe) >= FOLDS else None)

    def _set(self) -> VerificationSet:
        # Looked at anew each time, so that a file which was replaced is noticed.
        if not self.file.is_file():
            raise MissingFile(f"no verification set at {self.file}; expected a file such as lfw.bin")
        stat = os.stat(self.file)
        return _read(str(self.file), stat.st_size, stat.st_mtime_ns)

    def _name(self, place: int) -> str:
        return f"{self.file.name}/{place:05d}"

    def _place(self, key: str) -> int:
        name, _, number = key.rpartition("/")
        if name != self.file.name or not number.isdecimal() or int(number) >= len(self._set().images):
            raise MissingFile(f"{self.file} holds no image {key!r}; they are called {self._name(0)} and so on")
        return int(number)


@functools.lru_cache(maxsize=4)
def _read(path: str, size: int, mtime_ns: int) -> VerificationSet:
    data = Path(path).read_bytes()
    images, mated = verification_lists(data, path)
    # Each once: a pickle may name one image any number of times.
    digest_of = {
        each: hashlib.sha256(each.meant(data[each.start : each.stop], path)).hexdigest() for each in set(images)
    }
    digests = tuple(digest_of[each] for each in images)
    return VerificationSet(images, digests, who_is_who(digests, mated, path), mated)


def who_is_who(digests: Sequence[str], mated: NDArray[np.bool_], where: str = "the set") -> NDArray[np.int64]:
    """The people of a set without names: photos of equal bytes show one person, and so do those of a mated pair.

    Where that makes one person of a pair that the set calls nonmated, equal bytes join nobody among all who are
    concerned, and a warning counts them: a pair stays what the set says.

    Args:
        digests: of N images' bytes.
        mated: bool (N / 2,), of the pairs (0, 1), (2, 3) and so on.
        where: the set, for the warning.

    Returns:
        int64 (N,): for each image the first of its person.
    """
    first: dict[str, int] = {}
    same = np.array([first.setdefault(digest, place) for place, digest in enumerate(digests)], dtype=np.int64)
    every = np.arange(len(digests))
    probe, reference = every[::2], every[1::2]

    def joined(equal: NDArray[np.bool_]) -> NDArray[np.int64]:
        sides = np.concatenate([probe, every]), np.concatenate([reference, same])
        return join_mated(len(every), *sides, np.concatenate([mated, equal]))

    people = joined(every != same)
    wrong = contradictions(people, probe, reference, mated)
    if wrong.size:
        concerned = np.isin(people, people[probe[wrong]])
        LOG.warning(
            "%s: %d nonmated pairs are of photos that equal bytes and mated pairs make one person, the first is pair "
            "%d; they stay nonmated, and equal bytes join none of %d photos", where, wrong.size, wrong[0],
            np.count_nonzero(concerned),
        )  # fmt: skip
        people = joined((every != same) & ~concerned)
    return people


def verification_lists(data: bytes, where: str) -> tuple[tuple[Slice, ...], NDArray[np.bool_]]:
    """The images and the labels of a verification set.

    Args:
        data: the whole file.
        where: what to call it in an error.

    Returns:
        Where N images lie in the data, and bool (N / 2,).

    Raises:
        CorruptFile: it holds anything else.
    """
    value = read_lists(data, where)
    if not isinstance(value, tuple | list) or len(value) != 2 or not all(isinstance(part, list) for part in value):
        raise CorruptFile(f"{where}: holds {_what(value)}; expected two lists, of images and of booleans")
    images, labels = value
    for part, right, expected in ((images, _is_image, "bytes"), (labels, _is_label, "True, False, 1 or 0")):
        for place, each in enumerate(part):
            if not right(each):
                raise CorruptFile(f"{where}: entry {place} of a list is {_what(each)}; expected {expected}")
    if not labels or len(images) != 2 * len(labels):
        raise CorruptFile(f"{where}: {len(images)} images and {len(labels)} labels; expected two images a label")
    return tuple(images), np.array(labels, dtype=bool)


def _is_image(value: Any) -> bool:
    return isinstance(value, Slice) and not value.is_text


def _is_label(value: Any) -> bool:
    return isinstance(value, int) and value in (0, 1)


def _what(value: Any) -> str:
    """A value in words that stay short whatever it holds."""
    if isinstance(value, Slice):
        return "text" if value.is_text else "bytes"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)} entries"
    return f"the number {value}" if isinstance(value, int) else "something else"
