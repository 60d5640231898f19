"""Made faces, kept between runs: a picture each, and a row that says what became of it and what it cost to the eye.

They lie in the cache, beside embeddings and found faces, in a context of their own: FACES/CONTEXT/DIGEST.png and rows.
The digest of a face is that of everything that determines its pixels. A row is found by that digest and the one of the
file as it is now, so that a picture that was damaged, swapped or deleted has none and is made anew. Where the cache
cannot be written to, the refuge of `bench.store.cache.ArrayCache` serves until the run ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import ConfigError, MissingFile
from bench.places import CACHE_VARIABLE
from bench.provenance import file_digest
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache, CacheContext, context_digest

LOG = logging.getLogger(__name__)

MADE, NOT_FOUND, REFUSED, UNREADABLE, NOT_EMBEDDED = 0, 1, 2, 3, 4
"""What became of a face: made; a contributor's face was not found; the maker could not make it; a contributor's photo
cannot be read; the recognizer whose embeddings the maker takes did not acquire a contributor's photo."""


@dataclass(frozen=True, eq=False)
class FaceRows:
    """What is known of M faces.

    Attributes:
        known: bool (M,), whether anything is; rows of the others mean nothing.
        state: int8 (M,), `MADE`, `NOT_FOUND`, `REFUSED`, `UNREADABLE` or `NOT_EMBEDDED`.
        structural_similarity: float32 (M,), NaN where not made.
        peak_signal_to_noise_ratio: float32 (M,), dB; NaN where not made.
    """

    known: NDArray[np.bool_]
    state: NDArray[np.int8]
    structural_similarity: NDArray[np.float32]
    peak_signal_to_noise_ratio: NDArray[np.float32]


class FaceStore:
    """The faces that one maker makes with one setting.

    Args:
        cache: where they are kept.
        parts: everything that determines a face besides who contributes.

    Raises:
        ConfigError: the cache lies in no folder.
    """

    def __init__(self, cache: ArrayCache, parts: Mapping[str, Any]) -> None:
        if not isinstance(cache.blobs, DiskStore):
            raise ConfigError("made faces need a cache in a folder: aligners read them as files")
        self._parts = {"kind": "faces", **parts}
        self._refuge = DiskStore(cache.refuge)
        self._open(cache.blobs)
        if (self._refuge.root / self._prefix).is_dir():  # an earlier cell, or another process, had to move
            self._open(self._refuge)

    def _open(self, blobs: DiskStore) -> None:
        self._blobs = blobs
        self._rows = CacheContext(blobs, self._parts)
        self._prefix = f"faces/{context_digest(self._parts)}"

    @property
    def folder(self) -> Path:
        """Where the pictures lie, each called DIGEST.png."""
        return self._blobs.root / self._prefix

    def load(self, digests: Sequence[str]) -> FaceRows:
        """What is known of some faces, pictures that are lost or damaged left out.

        Args:
            digests: of M faces.
        """
        place, arrays = self._rows.load([_row_key(digest, self._file_digest(digest)) for digest in digests])
        known = place >= 0
        count = len(digests)
        state = np.zeros(count, dtype=np.int8)
        similarity, noise = (np.full(count, np.nan, dtype=np.float32) for _ in range(2))
        if known.any():
            rows = place[known]
            state[known] = arrays["state"][rows]
            similarity[known] = arrays["structural_similarity"][rows]
            noise[known] = arrays["peak_signal_to_noise_ratio"][rows]
        return FaceRows(known, state, similarity, noise)

    def add(self, digests: Sequence[str], pictures: Mapping[str, bytes], rows: Mapping[str, NDArray[Any]]) -> None:
        """Keeps faces: the pictures first, so that a row never speaks of one that is not there.

        Args:
            digests: of M faces.
            pictures: digest to the bytes of a PNG file, of those that were made.
            rows: ``state``, ``structural_similarity`` and ``peak_signal_to_noise_ratio``, (M,) each.
        """
        files = {digest: hashlib.sha256(data).hexdigest() for digest, data in pictures.items()}
        keys = [_row_key(digest, files.get(digest, "")) for digest in digests]
        try:
            self._add(keys, pictures, rows)
        except OSError as error:
            if self._blobs is self._refuge:
                raise
            LOG.warning(
                "made faces cannot be cached (%s: %s); they go to a temporary folder, and the next run makes them "
                "again: free some space, or name another folder (export %s=/path/to/cache)",
                error.strerror, error.filename, CACHE_VARIABLE,
            )  # fmt: skip
            self._move_out()
            self._add(keys, pictures, rows)

    def picture(self, digest: str) -> bytes:
        """The bytes of a face's PNG file. Raises `MissingFile`."""
        return self._blobs.get(f"{self._prefix}/{digest}.png")

    def _add(self, keys: Sequence[str], pictures: Mapping[str, bytes], rows: Mapping[str, NDArray[Any]]) -> None:
        for digest, data in pictures.items():
            self._blobs.put(f"{self._prefix}/{digest}.png", data)
        self._rows.add(keys, rows)

    def _move_out(self) -> None:
        """Goes on in the refuge, with the pictures and rows that the cache holds already."""
        before = self.folder
        # Nobody else of this machine may look at these faces.
        self._refuge.root.mkdir(mode=0o700, exist_ok=True)
        self._open(self._refuge)
        self.folder.mkdir(parents=True, exist_ok=True)
        for file in before.iterdir() if before.is_dir() else ():
            if not file.name.startswith("."):
                with contextlib.suppress(FileExistsError):
                    (self.folder / file.name).symlink_to(file.absolute())

    def _file_digest(self, digest: str) -> str:
        """SHA-256 hex of a picture as it is now, empty where there is none that can be read."""
        try:
            return file_digest(self.folder / f"{digest}.png")
        except (MissingFile, OSError):
            return ""


def _row_key(digest: str, file: str) -> str:
    return hashlib.sha256(f"{digest} {file}".encode()).hexdigest()
