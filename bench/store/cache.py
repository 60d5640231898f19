"""Arrays that cost something to compute, kept between runs: rows of a table, found by what they were computed from.

A context is everything that determines the rows besides the image: aligner, recognizer, weights, versions, provider.
Its digest names a folder. Each batch of new rows is one segment there, a file named by its own content and the number
of its rows, so that several processes may add at once and a segment is whole or absent. A segment whose bytes are not
those of its name is dropped, with a warning, and its rows are computed anew. Small segments are merged now and then:
the merged one is written first, then its parts are deleted, so that whoever reads, merges or is killed meanwhile misses
nothing.

The rows are embeddings and face boxes of real people where the photos are real: biometric data. `cache_root` says where
they lie; `bench.store.inventory` lists and deletes them.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import ConfigError, CorruptFile, MissingFile
from bench.places import CACHE_VARIABLE, cache_root
from bench.provenance import value_digest
from bench.store.blobs import BlobStore, DiskStore

LOG = logging.getLogger(__name__)
Arrays = dict[str, NDArray[Any]]

KINDS = ("detections", "embeddings", "faces", "masks", "attention", "contributions", "layout", "attributes")
SMALL_BYTES = 8 * 2**20
"""A segment below this size may be merged with others."""
MANY_SMALL = 16
"""So many small segments are merged when they are next read."""

PICTURE = re.compile(r"[0-9a-f]{64}\.png")
"""What a made face is called, beside the rows of its context, and the labels of a face in one without rows."""

_SEGMENT = re.compile(r"rows-(?P<digest>[0-9a-f]{32})(-(?P<rows>\d+))?\.npz")


class ArrayCache:
    """Rows of arrays under (context, image digest).

    Args:
        blobs: where they are kept; by default a folder below `cache_root`.

    Attributes:
        refuge: a folder, not there at first, for pictures that aligners read as files where the cache cannot be
            written to; whoever made the cache calls `clear_refuge` in the end.

    Raises:
        ConfigError: a file stands where the cache's folder should be.
    """

    def __init__(self, blobs: BlobStore | None = None) -> None:
        if blobs is None and cache_root().is_file():
            raise ConfigError(f"the cache {cache_root()} is a file; set {CACHE_VARIABLE} to a folder, or move it away")
        self.blobs = blobs or DiskStore(cache_root() / "arrays")
        # Its name, that nobody can guess, goes to worker processes with the cache.
        self.refuge = Path(tempfile.gettempdir()) / f"impersona-{secrets.token_hex(16)}"

    def context(self, kind: str, parts: Mapping[str, Any]) -> CacheContext:
        """The rows that were computed in one way.

        Args:
            kind: one of `KINDS`.
            parts: everything that determines a row besides the image.
        """
        return CacheContext(self.blobs, {"kind": kind, **parts})

    def clear_refuge(self) -> None:
        """Deletes the refuge and all in it; safe where there is none."""
        shutil.rmtree(self.refuge, ignore_errors=True)


class CacheContext:
    """The rows of one context; see `ArrayCache.context`.

    Args:
        blobs: where they are kept.
        parts: ``kind`` and everything else that determines a row besides the image.
    """

    def __init__(self, blobs: BlobStore, parts: Mapping[str, Any]) -> None:
        self.parts = dict(parts)
        self._blobs = blobs
        self._prefix = f"{self.parts['kind']}/{context_digest(self.parts)}"

    def load(self, digests: Sequence[str]) -> tuple[NDArray[np.int64], Arrays]:
        """The stored rows of some images.

        Args:
            digests: SHA-256 hex of each image's content; N of them.

        Returns:
            int64 (N,), for each image its row in the arrays or -1 where none is stored; and the arrays by name.
        """
        segments = self._segments()
        if segments:
            self._blobs.touch(self._description)
        if len(self._small(segments)) >= MANY_SMALL:
            self._merge_if_possible(segments)
        row_of: dict[bytes, int] = {}
        total = 0
        for segment in segments.values():
            for row, digest in enumerate(segment["digest"]):
                row_of.setdefault(digest.tobytes(), total + row)
            total += len(segment["digest"])
        rows = np.array([row_of.get(bytes.fromhex(digest), -1) for digest in digests], dtype=np.int64)
        arrays = _joined(list(segments.values()))
        arrays.pop("digest", None)
        return rows, arrays

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
        self._describe()
        self._put({"digest": keys, **{name: np.ascontiguousarray(array) for name, array in arrays.items()}})

    def put_file(self, name: str, data: bytes) -> None:
        """Stores a file beside the rows, over what it held.

        Args:
            name: one that `PICTURE` matches.
            data: the file.

        Raises:
            OSError: the cache cannot be written to.
        """
        self._describe()
        self._blobs.put(f"{self._prefix}/{name}", data)

    def get_file(self, name: str) -> bytes:
        """What `put_file` stored. Raises `MissingFile`."""
        return self._blobs.get(f"{self._prefix}/{name}")

    def used(self) -> None:
        """Notes that files of this context are read now."""
        self._blobs.touch(self._description)

    def merge(self) -> int:
        """Joins the small segments into one; returns how many it joined. Safe beside readers and other merges."""
        return self._merge(self._segments())

    def note(self, name: str, value: Mapping[str, str]) -> None:
        """Stores a small fact about the context, once, such as the provider that really ran; an empty one is none."""
        if not value:
            return
        self._blobs.put_if_absent(f"{self._prefix}/{name}.json", json.dumps(dict(value)).encode())

    def noted(self, name: str) -> dict[str, str]:
        """The fact that `note` stored; empty if there is none."""
        try:
            found: dict[str, str] = json.loads(self._blobs.get(f"{self._prefix}/{name}.json"))
        except (MissingFile, ValueError):
            return {}
        return found

    # ------------------------------------------------------------------------------------------------ inside

    @property
    def _description(self) -> str:
        return f"{self._prefix}/context.json"

    def _describe(self) -> None:
        """Says what the context is, for people; what stands there is replaced if it is damaged."""
        data = json.dumps(self.parts, indent=2).encode()
        if not self._blobs.put_if_absent(self._description, data):
            try:
                if self._blobs.get(self._description) == data:
                    return
            except MissingFile:
                pass
            self._blobs.put(self._description, data)

    def _put(self, segment: Arrays) -> str:
        buffer = io.BytesIO()
        np.savez(buffer, **segment)  # type: ignore[arg-type]
        data = buffer.getvalue()
        key = f"{self._prefix}/rows-{hashlib.sha256(data).hexdigest()[:32]}-{len(segment['digest'])}.npz"
        self._blobs.put_if_absent(key, data)
        return key

    def _segments(self) -> dict[str, Arrays]:
        """Every readable segment. One that vanishes while it is read was merged or purged: then look again."""
        found: dict[str, Arrays] = {}
        unread: set[str] = set()
        while True:
            vanished = False
            for key in self._blobs.keys(f"{self._prefix}/rows-"):
                if key in found or key in unread:
                    continue
                try:
                    found[key] = read_segment(self._blobs, key)
                except MissingFile:
                    vanished = True
                    unread.add(key)
                except CorruptFile as error:
                    LOG.warning("cache entry %s; it is dropped and computed anew", error)
                    unread.add(key)
                    self._drop(key)
                except OSError as error:  # out of reach for now: no reason to delete it
                    LOG.warning("cache entry %s cannot be reached (%s); its rows are computed anew", key, error)
                    unread.add(key)
            if not vanished:
                return found

    def _drop(self, key: str) -> None:
        try:
            self._blobs.delete(key)
        except OSError as error:
            LOG.warning("cache entry %s cannot be deleted (%s)", key, error)

    def _small(self, segments: Mapping[str, Arrays]) -> list[str]:
        return [key for key, one in segments.items() if sum(array.nbytes for array in one.values()) < SMALL_BYTES]

    def _merge_if_possible(self, segments: Mapping[str, Arrays]) -> None:
        try:
            self._merge(segments)
        except OSError as error:  # a full disk or a read-only cache: the parts serve as well
            LOG.debug("cache context %s cannot be merged (%s)", self._prefix, error)

    def _merge(self, segments: Mapping[str, Arrays]) -> int:
        parts = self._small(segments)
        if len(parts) < 2:
            return 0
        joined = _joined([segments[key] for key in parts])
        _, first = np.unique(joined["digest"].view("V32").ravel(), return_index=True)
        whole = {name: array[first] for name, array in joined.items()}
        merged = self._put(whole)
        for key in parts:
            if key != merged:
                self._drop(key)
        # Another merge may have taken this one for a part of its own that was written before; a purge takes all.
        if self._blobs.stat(merged) is None and self._blobs.stat(self._description) is not None:
            self._put(whole)
        return len(parts)


def context_digest(parts: Mapping[str, Any]) -> str:
    """32 hex digits of SHA-256: the name of a context's folder.

    Args:
        parts: ``kind`` and everything else that determines a row.
    """
    return value_digest(dict(parts))[:32]


def segment_name(name: str) -> tuple[str, int | None] | None:
    """What the file name of a segment says: first half of its SHA-256, and its rows (None: of an earlier version).

    Returns:
        None where it is no segment's name.
    """
    match = _SEGMENT.fullmatch(name)
    return None if match is None else (match["digest"], int(match["rows"]) if match["rows"] else None)


def read_segment(blobs: BlobStore, key: str) -> Arrays:
    """The arrays of a segment; ``digest`` is uint8 (N, 32), every other (N, ...).

    Raises:
        MissingFile: it is not there.
        CorruptFile: its bytes are not those that its name promises.
        OSError: it cannot be reached.
    """
    data = blobs.get(key)
    named = segment_name(key.rpartition("/")[2])
    if named is None or hashlib.sha256(data).hexdigest()[:32] != named[0]:
        raise CorruptFile(f"{key} cannot be read ({len(data)} bytes, not those that its name promises)")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            segment = {name: archive[name] for name in archive.files}
        if "digest" not in segment or len({array.shape[:1] for array in segment.values()}) != 1:
            raise ValueError("arrays of different length")
    except (ValueError, OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise CorruptFile(f"{key} cannot be read ({error})") from error
    return segment


def _joined(parts: Sequence[Arrays]) -> Arrays:
    like = {name: array for part in parts for name, array in part.items()}
    length = [len(part["digest"]) for part in parts]
    return {
        name: np.concatenate(
            [part.get(name, np.zeros((n, *one.shape[1:]), one.dtype)) for part, n in zip(parts, length, strict=True)]
        )
        for name, one in like.items()
    }
