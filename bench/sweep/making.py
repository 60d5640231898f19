"""Faces made by a generator or an attack, each once, with whatever the cache already holds.

Batches are consecutive faces, always of the maker's one size, and each has a random stream of its own, so that a face
depends neither on what was made before nor on where a killed run broke off. No recognizer takes part: every victim
meets the very same faces.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Dataset, Progress
from bench.store.cache import ArrayCache
from bench.store.faces import MADE, NOT_EMBEDDED, NOT_FOUND, REFUSED, UNREADABLE, FaceRows, FaceStore
from bench.sweep.pairing import Pairing
from bench.sweep.studio import Batch, Studio
from bench.sweep.untouched import Untouched

CHUNK = 256
"""So many faces are made before they are kept, fewer where that takes longer than `STORE_SECONDS`."""
STORE_SECONDS = 5.0

PROBLEMS: Mapping[int, str | None] = {
    MADE: None,
    NOT_FOUND: "no face found in a contributor's photo",
    REFUSED: "could not be made of these photos",
    UNREADABLE: "a contributor's photo is not a readable image",
    NOT_EMBEDDED: "the recognizer whose embeddings it takes did not acquire a contributor's photo",
}


@dataclass(frozen=True, eq=False)
class MadeFaces:
    """M faces.

    Attributes:
        store: holds the pictures.
        digests: of each face everything that determines its pixels.
        state: int8 (M,); see `bench.store.faces`.
        structural_similarity: float32 (M,), with the first contributor's photo; NaN where not made.
        peak_signal_to_noise_ratio: float32 (M,), dB, likewise.
        computed: how many were made now.
    """

    store: FaceStore
    digests: tuple[str, ...]
    state: NDArray[np.int8]
    structural_similarity: NDArray[np.float32]
    peak_signal_to_noise_ratio: NDArray[np.float32]
    computed: int

    @property
    def made(self) -> NDArray[np.bool_]:
        """Bool (M,)."""
        made: NDArray[np.bool_] = self.state == MADE
        return made

    @property
    def folder(self) -> Path:
        """Where the pictures lie, each called DIGEST.png."""
        return self.store.folder

    def problem(self, index: int) -> str | None:
        """Why a face was not made; None where it was."""
        return PROBLEMS[int(self.state[index])]


def make_faces(
    spec: Mapping[str, Any],
    dataset: Dataset,
    pairing: Pairing,
    cache: ArrayCache,
    progress: Progress | None = None,
    untouched: Untouched | None = None,
    only: Sequence[int] | None = None,
) -> MadeFaces:
    """The faces of a cell's maker.

    Args:
        spec: the cell's; its parts ``maker`` and ``maker_aligner`` say who makes them; see `Studio`.
        dataset: where the contributors' photos come from.
        pairing: who contributes to each of M faces.
        cache: looked into first, added to as faces are made.
        progress: told how many faces are done.
        untouched: stands in for the maker where photos are to be left as they are.
        only: which of the M faces are wanted; whoever shares a batch with one of them is made with it, and kept. By
            default all.

    Returns:
        All M faces, or those that are wanted, in the order in which they were named.

    Raises:
        PluginError: the maker returned something else than faces.
    """
    studio = Studio(spec, dataset, pairing, cache, untouched)
    digests = studio.digests()
    rows = studio.store.load(digests)
    batches = studio.batches_of(range(len(pairing)) if only is None else only)
    missing = [batch for batch in batches if not rows.known[batch].all()]
    total, done = sum(len(batch) for batch in missing), 0
    sightings = studio.find(missing, progress)
    desk = _Desk(studio.store, digests, rows)
    try:
        for batch in missing:
            desk.take(studio.make(batch, sightings))
            done += len(batch)
            if progress:
                progress("making faces", done, total)
    finally:
        desk.store()
    made = MadeFaces(
        studio.store, tuple(digests), rows.state, rows.structural_similarity, rows.peak_signal_to_noise_ratio, total
    )
    return made if only is None else _part(made, only)


def make_varied(
    spec: Mapping[str, Any],
    dataset: Dataset,
    pairing: Pairing,
    cache: ArrayCache,
    progress: Progress | None = None,
) -> tuple[MadeFaces, MadeFaces | None]:
    """The faces of a cell's maker and, where the cell asks for diversity, further makings of the first of them.

    A further making has its photos, and a number, hence a place in the random streams, of its own.

    Args:
        spec: the cell's.
        dataset: where the contributors' photos come from.
        pairing: who contributes to each of M faces.
        cache: looked into first, added to as faces are made.
        progress: told how many faces are done.

    Returns:
        The M faces; and the second making of the first F faces, then their third and so on, or None.
    """
    made = make_faces(spec, dataset, all_makings(spec, pairing), cache, progress)
    if spec.get("diversity") is None:
        return made, None
    own = len(pairing)
    return _part(made, range(own)), _part(made, range(own, len(made.digests)))


def all_makings(spec: Mapping[str, Any], pairing: Pairing) -> Pairing:
    """The faces that a cell makes: those of a pairing, and further makings of the first of them where it asks for them.

    Args:
        spec: the cell's.
        pairing: who contributes to each of M faces.
    """
    wanted = spec.get("diversity")
    if wanted is None:
        return pairing
    repeats, some = wanted["makings"] - 1, min(wanted["faces"], len(pairing))
    photo = np.concatenate([pairing.photo, *[pairing.photo[:some]] * repeats])
    no_others = np.full((repeats * some, *pairing.reference.shape[1:]), -1, dtype=pairing.reference.dtype)
    return Pairing(pairing.frames, photo, np.concatenate([pairing.reference, no_others]))


def _part(made: MadeFaces, faces: Sequence[int]) -> MadeFaces:
    at = np.asarray(faces, dtype=np.int64)
    return MadeFaces(
        made.store, tuple(made.digests[face] for face in at.tolist()), made.state[at], made.structural_similarity[at],
        made.peak_signal_to_noise_ratio[at], made.computed,
    )  # fmt: skip


class _Desk:
    """New faces on their way to the store, kept every few seconds: a killed run loses no more."""

    def __init__(self, store: FaceStore, digests: Sequence[str], rows: FaceRows) -> None:
        self._store, self._digests, self._rows = store, digests, rows
        self._waiting: list[Batch] = []
        self._stored = time.monotonic()

    def take(self, batch: Batch) -> None:
        """Takes in a batch; faces that the store has already stay as they are."""
        new = ~self._rows.known[batch.faces]
        faces = batch.faces[new]
        rows = {name: values[new] for name, values in batch.rows.items()}
        for name, values in rows.items():
            getattr(self._rows, name)[faces] = values
        self._rows.known[faces] = True
        pictures = {face: batch.pictures[face] for face in faces.tolist() if face in batch.pictures}
        self._waiting.append(Batch(faces, rows, pictures))
        if sum(len(one.faces) for one in self._waiting) >= CHUNK or time.monotonic() - self._stored > STORE_SECONDS:
            self.store()

    def store(self) -> None:
        """Keeps what there is."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._store.add(
                [self._digests[face] for one in waiting for face in one.faces.tolist()],
                {self._digests[face]: data for one in waiting for face, data in one.pictures.items()},
                {name: np.concatenate([one.rows[name] for one in waiting]) for name in waiting[0].rows},
            )
        self._stored = time.monotonic()
