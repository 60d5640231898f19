"""From frames to embeddings: found, aligned, embedded, each once, with whatever the cache already holds.

Every batch is padded to the recognizer's one size, so an embedding does not depend on what shared its batch.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.api import (
    Aligner,
    Crops,
    Dataset,
    EmbeddedDataset,
    Embeddings,
    Face,
    Frame,
    FrameImage,
    Progress,
    Recognizer,
)
from bench.errors import ConfigError, PluginError
from bench.images import to_crops
from bench.places import CACHE_VARIABLE
from bench.store.cache import ArrayCache, Arrays, CacheContext
from bench.sweep.instances import plugin
from bench.sweep.sighting import NO_FACE, Cast, Sighting, aligned_by, from_arrays, sightings, to_arrays

LOG = logging.getLogger(__name__)
STORE_EVERY_SECONDS = 20.0
BLOCK = 8192
"""So many rows of given embeddings are looked at together."""
GIVEN, NO_ALIGNER = "given", "none"
"""What stands for recognizer and aligner where a data set brings its embeddings."""


@dataclass(frozen=True, eq=False)
class Acquisition:
    """What became of each frame; N frames.

    Attributes:
        embeddings: float32 (N, D); rows of frames that were not acquired are zero.
        acquired: bool (N,).
        faces: int16 (N,), how many faces the aligner found.
        box: float32 (N, 4), left, top, right, bottom of the one that was used; NaN where none was.
        confidence: float32 (N,); NaN where none was.
        problems: N reasons why a frame was not acquired; None where it was.
        computed: how many embeddings were computed now.
        cached: how many came from the cache.
        runtime: what the recognizer really ran on.
    """

    embeddings: Embeddings
    acquired: NDArray[np.bool_]
    faces: NDArray[np.int16]
    box: NDArray[np.float32]
    confidence: NDArray[np.float32]
    problems: tuple[str | None, ...]
    computed: int
    cached: int
    runtime: Mapping[str, str]

    @property
    def embedded(self) -> Embeddings:
        """Those of the frames that were acquired, float32 (A, D); where all were, as they lie, even on disk."""
        return self.embeddings if self.acquired.all() else self.embeddings[self.acquired]

    @property
    def counts(self) -> dict[str, int]:
        """What an outcome counts of it."""
        return {
            "frames": len(self.acquired),
            "frames_not_acquired": int((~self.acquired).sum()),
            "embeddings_computed": self.computed,
            "embeddings_from_cache": self.cached,
        }


def acquire(
    cast: Cast,
    frames: Sequence[Frame],
    cache: ArrayCache,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Acquisition:
    """Embeddings of frames.

    Args:
        cast: data set, aligner and recognizer.
        frames: the frames; N of them.
        cache: looked into first, added to as embeddings are computed: a killed run loses seconds.
        progress: told how many frames are done.
        workers: how many processes find faces, 0 for none but this; by default `sighting.worker_count`.

    Raises:
        PluginError: the recognizer, or a data set of embeddings, returned something that is not finite float32 (N, D).
        ConfigError: see `check_cast`.
    """
    dataset: Dataset = plugin("dataset", cast.dataset)
    aligner: Aligner = plugin("aligner", cast.aligner)
    recognizer: Recognizer = plugin("recognizer", cast.recognizer)
    check_cast(cast, dataset)
    if isinstance(dataset, EmbeddedDataset):
        return _given(dataset, recognizer, frames)
    finder = aligned_by(cast.aligner["name"], aligner)
    seen = cache.context("detections", finder)
    known = cache.context(
        "embeddings",
        {"recognizer": cast.recognizer["name"], "fingerprint": dict(recognizer.fingerprint()), **finder},
    )
    digests = [dataset.content_digest(frame.key) for frame in frames]
    board = _Board(digests, *seen.load(digests), *known.load(digests))
    missing = board.missing()
    if missing:
        shelf = _Shelf(seen, known)
        todo = [(frames[index].key, board.face(index)) for index in missing]
        try:
            with contextlib.closing(sightings(cast, recognizer.template, todo, workers)) as found:
                _embed_all(recognizer, zip(missing, found, strict=True), board, shelf, progress, len(missing))
        finally:
            shelf.store()
            shelf.note(recognizer.runtime())
    return board.result(recognizer.runtime() if board.computed else known.noted("runtime"))


def check_cast(cast: Cast, dataset: Dataset) -> None:
    """Makes sure that pictures meet a recognizer that looks at them, and embeddings one that only compares.

    Args:
        cast: data set, aligner and recognizer.
        dataset: the data set that it names.

    Raises:
        ConfigError: they do not; says what to type.
    """
    name, recognizer, aligner = (entry["name"] for entry in (cast.dataset, cast.recognizer, cast.aligner))
    embedded = isinstance(dataset, EmbeddedDataset)
    if embedded and recognizer != GIVEN:
        raise ConfigError(
            f"the data set {name!r} holds embeddings and no pictures, so {recognizer!r} has nothing to look at; type "
            f"recognizers: [{{name: {GIVEN}, comparison: cosine}}], or comparison: neg_l2 for minus the distance"
        )
    if recognizer == GIVEN and not embedded:
        raise ConfigError(
            f"the recognizer {GIVEN!r} compares embeddings that a data set brings, and {name!r} brings pictures; type "
            "dataset: {name: embeddings, file: /path/to/vectors.parquet}, or name a recognizer that looks at pictures, "
            "such as dlib_resnet"
        )
    if embedded and aligner != NO_ALIGNER:
        raise ConfigError(
            f"the data set {name!r} holds embeddings and no pictures, so {aligner!r} has no face to find; leave the "
            f"recognizer's aligner out (it is {NO_ALIGNER!r} then)"
        )


def _given(dataset: EmbeddedDataset, recognizer: Recognizer, frames: Sequence[Frame]) -> Acquisition:
    """A data set's own embeddings: no face is looked for, and nothing is stored in the cache."""
    count = len(frames)
    rows = dataset.embeddings([frame.key for frame in frames])
    if rows.dtype != np.float32 or rows.ndim != 2 or len(rows) != count or not _all_finite(rows):
        raise PluginError(
            f"{type(dataset).__name__}.embeddings returned {rows.dtype} {rows.shape}; expected float32 ({count}, D), "
            "every value finite"
        )
    return Acquisition(
        embeddings=rows,
        acquired=np.ones(count, dtype=bool),
        faces=np.ones(count, dtype=np.int16),
        box=np.full((count, 4), np.nan, dtype=np.float32),
        confidence=np.full(count, np.nan, dtype=np.float32),
        problems=(None,) * count,
        computed=0,
        cached=0,
        runtime=recognizer.runtime(),
    )


def _all_finite(rows: Embeddings) -> bool:
    """Whether every value is; block by block, because the rows may lie in a file that is larger than memory."""
    return all(bool(np.isfinite(rows[at : at + BLOCK]).all()) for at in range(0, len(rows), BLOCK))


class _Board:
    """Per-frame results, filled from the cache first and then as frames are embedded."""

    def __init__(
        self,
        digests: Sequence[str],
        seen_row: NDArray[np.int64],
        seen: Arrays,
        known_row: NDArray[np.int64],
        known: Arrays,
    ) -> None:
        self.digests = digests
        count = len(digests)
        self.sightings: list[Sighting | None] = [None] * count
        self.embeddings: dict[int, NDArray[np.float32]] = {}
        self.computed: set[str] = set()
        for index in np.flatnonzero(seen_row >= 0):
            self.sightings[index] = from_arrays(seen, int(seen_row[index]))
        for index in np.flatnonzero(known_row >= 0):
            self.embeddings[int(index)] = known["embedding"][known_row[index]]
        self.cached = len(self.embeddings)

    def missing(self) -> list[int]:
        """Frames without a result, each different image once."""
        found: dict[str, int] = {}
        for index, (digest, sighting) in enumerate(zip(self.digests, self.sightings, strict=True)):
            unseen = sighting is None
            if unseen or (sighting is not None and sighting.face is not None and index not in self.embeddings):
                found.setdefault(digest, index)
        return list(found.values())

    def face(self, index: int) -> Face | None:
        """The face that the cache knows of a frame whose embedding it lacks."""
        sighting = self.sightings[index]
        return sighting.face if sighting else None

    def result(self, runtime: Mapping[str, str]) -> Acquisition:
        """Everything, with images that stand under several keys filled in under each."""
        first: dict[str, int] = {}
        for index, digest in enumerate(self.digests):
            if self.sightings[index] is not None:
                first.setdefault(digest, index)
        source = [first[digest] for digest in self.digests]
        sightings = [self.sightings[index] for index in source]
        rows = [self.embeddings.get(index) for index in source]
        width = next((len(row) for row in rows if row is not None), 1)
        embeddings = np.zeros((len(rows), width), dtype=np.float32)
        for index, row in enumerate(rows):
            if row is not None:
                embeddings[index] = row
        nothing = np.full(4, np.nan, dtype=np.float32)
        faces = [sighting.face if sighting else None for sighting in sightings]
        return Acquisition(
            embeddings=embeddings,
            acquired=np.array([row is not None for row in rows], dtype=bool),
            faces=np.array([sighting.faces if sighting else 0 for sighting in sightings], dtype=np.int16),
            box=np.array([nothing if face is None else face.box for face in faces], dtype=np.float32).reshape(-1, 4),
            confidence=np.array([np.nan if face is None else face.confidence for face in faces], dtype=np.float32),
            problems=tuple(sighting.problem if sighting else NO_FACE for sighting in sightings),
            computed=len(self.computed),
            cached=self.cached,
            runtime=runtime,
        )


class _Shelf:
    """New rows on their way to the cache, stored every few seconds."""

    def __init__(self, seen: CacheContext, known: CacheContext) -> None:
        self._seen, self._known = seen, known
        self._sightings: dict[str, Sighting] = {}
        self._embeddings: dict[str, NDArray[np.float32]] = {}
        self._stored = time.monotonic()

    def note(self, runtime: Mapping[str, str]) -> None:
        """Keeps what the recognizer ran on; a cache without it says so."""
        with contextlib.suppress(OSError):  # `store` has warned
            self._known.note("runtime", runtime)

    def sighting(self, digest: str, sighting: Sighting) -> None:
        """Takes in a sighting; an unreadable file is no property of the aligner and is not kept."""
        if sighting.problem in (None, NO_FACE):
            self._sightings[digest] = sighting

    def embedding(self, digest: str, row: NDArray[np.float32]) -> None:
        """Takes in an embedding."""
        self._embeddings[digest] = row

    def store_now_and_then(self) -> None:
        """Stores what there is if the last time is long ago."""
        if time.monotonic() - self._stored > STORE_EVERY_SECONDS:
            self.store()

    def store(self) -> None:
        """Stores what there is; a cache that cannot be written to costs time at the next run, and nothing else."""
        try:
            self._seen.add(list(self._sightings), to_arrays(list(self._sightings.values())))
            if self._embeddings:
                self._known.add(list(self._embeddings), {"embedding": np.stack(list(self._embeddings.values()))})
        except OSError as error:
            LOG.warning(
                "%d faces and %d embeddings cannot be cached (%s: %s); the run goes on, and the next one computes them "
                "again: free some space, or name another folder (export %s=/path/to/cache)",
                len(self._sightings), len(self._embeddings), error.strerror, error.filename, CACHE_VARIABLE,
            )  # fmt: skip
        self._sightings.clear()
        self._embeddings.clear()
        self._stored = time.monotonic()


def _embed_all(
    recognizer: Recognizer,
    sightings: Iterator[tuple[int, Sighting]],
    board: _Board,
    shelf: _Shelf,
    progress: Progress | None,
    total: int,
) -> None:
    waiting: list[tuple[int, FrameImage]] = []
    done = 0
    for index, sighting in sightings:
        if board.sightings[index] is None:
            shelf.sighting(board.digests[index], sighting)
            board.sightings[index] = Sighting(sighting.faces, sighting.face, None, sighting.problem)
        if sighting.crop is None:
            done += 1
        else:
            waiting.append((index, sighting.crop))
        if len(waiting) == recognizer.batch_size:
            done += _embed_batch(recognizer, waiting, board, shelf)
            waiting = []
        if progress:
            progress("embedding faces", done, total)
    if waiting:
        done += _embed_batch(recognizer, waiting, board, shelf)
    if progress:
        progress("embedding faces", done, total)


def _embed_batch(
    recognizer: Recognizer, waiting: Sequence[tuple[int, FrameImage]], board: _Board, shelf: _Shelf
) -> int:
    rows = embed_padded(recognizer, to_crops(np.stack([crop for _, crop in waiting])))
    for (index, _), row in zip(waiting, rows, strict=True):
        board.embeddings[index] = row
        board.computed.add(board.digests[index])
        shelf.embedding(board.digests[index], row)
    shelf.store_now_and_then()
    return len(waiting)


def embed_padded(recognizer: Recognizer, crops: Crops) -> Embeddings:
    """Embeddings of any number of crops, in batches of the recognizer's one size, the last one padded with black.

    Args:
        recognizer: the recognizer.
        crops: float32 (N, 3, S, S) RGB in [0, 1].

    Returns:
        float32 (N, D).

    Raises:
        PluginError: the recognizer returned another shape or dtype, or values that are not finite.
    """
    size = recognizer.batch_size
    parts = []
    for start in range(0, len(crops), size):
        batch = crops[start : start + size]
        full = np.zeros((size, *crops.shape[1:]), dtype=np.float32)
        full[: len(batch)] = batch
        rows = recognizer.embed(full)
        if rows.dtype != np.float32 or rows.ndim != 2 or len(rows) != size or not np.isfinite(rows[: len(batch)]).all():
            raise PluginError(
                f"{type(recognizer).__name__}.embed returned {rows.dtype} {rows.shape}, "
                f"{int((~np.isfinite(rows)).sum())} values not finite; expected finite float32 ({size}, D)"
            )
        parts.append(rows[: len(batch)])
    return np.concatenate(parts)
