"""Arrays that cost something to compute, kept between runs: rows of a table, found by what they were computed from.

A context is everything that determines the rows besides the image: aligner, recognizer, weights, versions, provider.
Its digest names a folder; each batch of new rows is one file there, named by its own content, so that several
processes may add at once and a file is whole or absent. A file that cannot be read is dropped, with a warning, and
computed anew.

The rows are embeddings and face boxes of real people where the photos are real: biometric data. `cache_root` says where
they lie.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import MissingFile
from bench.places import cache_root
from bench.provenance import value_digest
from bench.store.blobs import BlobStore, DiskStore

LOG = logging.getLogger(__name__)
Arrays = dict[str, NDArray[Any]]


class ArrayCache:
    """Rows of arrays under (context, image digest).

    Args:
        blobs: where they are kept; by default a folder below `cache_root`.
    """

    def __init__(self, blobs: BlobStore | None = None) -> None:
        self.blobs = blobs or DiskStore(cache_root() / "arrays")

    def context(self, kind: str, parts: Mapping[str, Any]) -> CacheContext:
        """The rows that were computed in one way.

        Args:
            kind: ``"embeddings"`` or ``"detections"``.
            parts: everything that determines a row besides the image.
        """
        return CacheContext(self.blobs, kind, parts)


class CacheContext:
    """The rows of one context; see `ArrayCache.context`."""

    def __init__(self, blobs: BlobStore, kind: str, parts: Mapping[str, Any]) -> None:
        self.parts = {"kind": kind, **parts}
        self._blobs = blobs
        self._prefix = f"{kind}/{value_digest(self.parts)[:32]}"

    def load(self, digests: Sequence[str]) -> tuple[NDArray[np.int64], Arrays]:
        """The stored rows of some images.

        Args:
            digests: SHA-256 hex of each image's content; N of them.

        Returns:
            int64 (N,), for each image its row in the arrays or -1 where none is stored; and the arrays by name.
        """
        row_of: dict[bytes, int] = {}
        parts: list[Arrays] = []
        total = 0
        for key in self._blobs.keys(f"{self._prefix}/rows-"):
            segment = self._read(key)
            if segment is not None:
                for row, digest in enumerate(segment.pop("digest")):
                    row_of.setdefault(digest.tobytes(), total + row)
                total += len(next(iter(segment.values())))
                parts.append(segment)
        rows = np.array([row_of.get(bytes.fromhex(digest), -1) for digest in digests], dtype=np.int64)
        return rows, _joined(parts)

    def add(self, digests: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Stores rows.

        Args:
            digests: SHA-256 hex of each image's content; N of them.
            arrays: name to (N, ...) array; a name keeps its dtype and row shape, and reads as zeros where it was left
                out.
        """
        if not digests:
            return
        keys = np.frombuffer(bytes.fromhex("".join(digests)), dtype=np.uint8).reshape(len(digests), 32)
        buffer = io.BytesIO()
        stored: Arrays = {"digest": keys, **{name: np.ascontiguousarray(array) for name, array in arrays.items()}}
        np.savez(buffer, **stored)  # type: ignore[arg-type]
        data = buffer.getvalue()
        self._blobs.put_if_absent(f"{self._prefix}/context.json", json.dumps(self.parts, indent=2).encode())
        self._blobs.put_if_absent(f"{self._prefix}/rows-{hashlib.sha256(data).hexdigest()[:32]}.npz", data)

    def note(self, name: str, value: Mapping[str, str]) -> None:
        """Stores a small fact about the context, once, such as the provider that really ran; an empty one is none."""
        if not value:
            return
        self._blobs.put_if_absent(f"{self._prefix}/{name}.json", json.dumps(dict(value)).encode())

    def noted(self, name: str) -> dict[str, str]:
        """The fact that `note` stored; empty if there is none."""
        key = f"{self._prefix}/{name}.json"
        try:
            found: dict[str, str] = json.loads(self._blobs.get(key))
        except (MissingFile, ValueError):
            return {}
        return found

    def _read(self, key: str) -> Arrays | None:
        try:
            data = self._blobs.get(key)
        except (MissingFile, OSError) as error:  # gone, or out of reach for now: no reason to delete it
            LOG.warning("cache entry %s cannot be reached (%s); its rows are computed anew", key, error)
            return None
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                segment = {name: archive[name] for name in archive.files}
            if "digest" not in segment or len({array.shape[:1] for array in segment.values()}) != 1:
                raise ValueError("arrays of different length")
            return segment
        except (ValueError, OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
            LOG.warning("cache entry %s cannot be read (%s); it is dropped and computed anew", key, error)
            self._blobs.delete(key)
            return None


def _joined(parts: Sequence[Arrays]) -> Arrays:
    like = {name: array for part in parts for name, array in part.items()}
    length = [len(next(iter(part.values()))) for part in parts]
    return {
        name: np.concatenate(
            [part.get(name, np.zeros((n, *one.shape[1:]), one.dtype)) for part, n in zip(parts, length, strict=True)]
        )
        for name, one in like.items()
    }
