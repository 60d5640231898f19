"""The faces of a pack decoded: by threads, at the pack's side or below, each once as long as memory is left."""

from __future__ import annotations

import concurrent.futures
import itertools
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.errors import ShapeError
from bench.packs.held import Held
from bench.packs.labels import check_divides, decode_labels, shrink_labels
from bench.packs.pictures import decode_picture

_INLINE = 4
"""Fewer faces are decoded faster than threads are told of them."""

Kind = Literal["images", "masks"]
CHANNELS: Mapping[Kind, tuple[int, ...]] = {"images": (3,), "masks": ()}
"""What stands behind the two sides of an array of each kind."""


class Decoded:
    """Pictures and label maps by row.

    Args:
        name: of the pack, for errors.
        shards: its files, as `bench.packs.shards.read_shard` gives them.
        side: S, pixels of a side.
        kinds: what there is.
        threads: that decode.
        most_bytes: decoded faces that are held in memory.
    """

    def __init__(
        self, name: str, shards: Sequence[Mapping[str, NDArray[Any]]], side: int, kinds: Sequence[Kind], threads: int,
        most_bytes: int,
    ) -> None:  # fmt: skip
        self._name, self._side, self._kinds, self._most_bytes = name, side, tuple(kinds), most_bytes
        self._count = sum(len(shard["subject"]) for shard in shards)
        self._blobs = {kind: [shard[kind] for shard in shards] for kind in kinds}
        self._places = {kind: _places(shards, f"{kind.removesuffix('s')}_offsets") for kind in kinds}
        self._held: dict[tuple[Kind, int], Held] = {}
        self._lock = threading.Lock()
        self._threads = threads
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="pack")

    @property
    def bytes(self) -> int:
        """How much memory the faces that are held may come to."""
        return sum(shelf.bytes for shelf in self._held.values())

    def get(self, kind: Kind, rows: ArrayLike, side: int | None = None) -> NDArray[np.uint8]:
        """Rows of one kind, a fresh array.

        Args:
            kind: one of `kinds`.
            rows: n of them, in any order.
            side: S, or what divides it.

        Raises:
            ShapeError: rows or a side that there are not.
            CorruptFile: one is damaged.
        """
        side = self._side if side is None else side
        check_divides(side, self._side)
        places = np.asarray(rows)
        if places.size == 0:
            return np.empty((0, side, side, *CHANNELS[kind]), dtype=np.uint8)
        if places.ndim != 1 or places.dtype.kind not in "iu" or places.min() < 0 or places.max() >= self._count:
            raise ShapeError(
                f"got rows {places.dtype} {places.shape}; expected whole numbers from 0 to {self._count - 1}"
            )

        def decode(missing: NDArray[np.int64], into: NDArray[np.uint8]) -> None:
            self.decode(kind, side, missing, into)

        return self._shelf(kind, side).get(places.astype(np.int64), decode)

    def decode(self, kind: Kind, side: int, rows: NDArray[np.int64], into: NDArray[np.uint8]) -> None:
        """Rows of one kind, decoded into an array whether they are held or not.

        Args:
            kind: one of `kinds`.
            side: S, or what divides it.
            rows: int64 (n,).
            into: uint8 (n, side, side), of images (n, side, side, 3).

        Raises:
            CorruptFile: one is damaged.
        """
        shard, begin, end = (column[rows].tolist() for column in self._places[kind])

        def one(place: int) -> NDArray[np.uint8]:
            data = self._blobs[kind][shard[place]][begin[place] : end[place]].tobytes()
            name = f"{self._name}, row {rows[place]}"
            if kind == "images":
                return decode_picture(data, self._side, side, name)
            return decode_labels(data, self._side, name)

        def some(part: range) -> None:
            if kind == "images" or side == self._side:
                for place in part:
                    into[place] = one(place)
            elif part:
                into[part.start : part.stop] = shrink_labels(np.stack([one(place) for place in part]), side)

        if len(rows) < _INLINE or self._threads == 1:
            some(range(len(rows)))
            return
        edges = np.linspace(0, len(rows), self._threads + 1).astype(int).tolist()
        list(self._pool.map(some, [range(*pair) for pair in itertools.pairwise(edges)]))

    def decode_all(self) -> None:
        """Decodes every face once and keeps none. Raises `CorruptFile`."""
        for kind in self._kinds:
            for start in range(0, self._count, 256):
                rows = np.arange(start, min(start + 256, self._count), dtype=np.int64)
                self.decode(kind, self._side, rows, np.empty((len(rows), *self._shape(kind, self._side)), np.uint8))

    def close(self) -> None:
        """Ends its threads; safe to call twice. What was decoded is let go."""
        self._pool.shutdown(cancel_futures=True)
        self._held.clear()

    @staticmethod
    def _shape(kind: Kind, side: int) -> tuple[int, ...]:
        return (side, side, *CHANNELS[kind])

    def _shelf(self, kind: Kind, side: int) -> Held:
        with self._lock:
            if (kind, side) not in self._held:
                left = self._most_bytes - self.bytes
                # Pictures leave the masks of the same faces their room: three bytes a pixel of four.
                share = left * 3 // 4 if kind == "images" and "masks" in self._kinds else left
                self._held[kind, side] = Held(self._count, self._shape(kind, side), max(share, 0))
            return self._held[kind, side]


def _places(shards: Sequence[Mapping[str, NDArray[Any]]], name: str) -> tuple[NDArray[np.int64], ...]:
    """Of each face its shard, and where its bytes begin and end there."""
    offsets = [shard[name].astype(np.int64) for shard in shards]
    return (
        np.repeat(np.arange(len(shards)), [len(one) - 1 for one in offsets]),
        np.concatenate([one[:-1] for one in offsets]),
        np.concatenate([one[1:] for one in offsets]),
    )
