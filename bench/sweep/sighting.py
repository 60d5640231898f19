"""What aligners see in frames: faces found and cropped in worker processes, so that this one is free to embed."""

from __future__ import annotations

import concurrent.futures
import concurrent.futures.process
import multiprocessing
import os
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from bench.api import Aligner, Dataset, Face, FrameImage, Template
from bench.errors import ConfigError, CorruptFile, WorkerLost
from bench.provenance import images_read_by
from bench.store.cache import Arrays
from bench.sweep.instances import plugin
from bench.sweep.worker import become_worker, default_workers, interrupts_held, refuse_unguarded_script

CHUNK = 32
FEW = 96
"""Below so many frames, starting worker processes costs more than they save."""
WORKERS_VARIABLE = "IMPERSONA_WORKERS"
NO_FACE = "no face found"
UNREADABLE = "not a readable image"


@dataclass(frozen=True, eq=False)
class Sighting:
    """What an aligner saw in one frame.

    Attributes:
        faces: how many faces.
        face: the one to use, or None.
        crop: that face in the recognizer's template, uint8 (S, S, 3), or None.
        problem: why there is no crop, or None.
    """

    faces: int
    face: Face | None
    crop: FrameImage | None
    problem: str | None


@dataclass(frozen=True)
class Cast:
    """The plugins that take part, as entries that any process can load.

    Attributes:
        dataset: ``{"name": ..., **settings}``.
        aligner: likewise.
        recognizer: likewise.
    """

    dataset: Mapping[str, Any]
    aligner: Mapping[str, Any]
    recognizer: Mapping[str, Any]


def aligned_by(name: str, aligner: Aligner) -> dict[str, Any]:
    """What found faces depend on besides the image: the parts by which the cache keeps them.

    Args:
        name: the aligner's.
        aligner: the aligner.
    """
    return {
        "images_read_by": images_read_by(),
        "aligner": name,
        "aligner_fingerprint": dict(aligner.fingerprint()),
    }


def sight(
    dataset: Dataset, aligner: Aligner, template: Template | None, todo: Sequence[tuple[str, Face | None]]
) -> list[Sighting]:
    """What an aligner sees in some frames.

    Args:
        dataset: where the frames come from.
        aligner: what looks at them.
        template: what the crops shall look like; None for no crops.
        todo: frame keys, each with the face to crop where it is known already.
    """
    return [_sight_one(dataset, aligner, template, key, face) for key, face in todo]


def _sight_one(dataset: Dataset, aligner: Aligner, template: Template | None, key: str, face: Face | None) -> Sighting:
    try:
        frame = dataset.image(key)
    except CorruptFile as error:
        # The row's own key names the file; a path would differ between machines.
        _, mark, reason = str(error).rpartition(UNREADABLE)
        return Sighting(0, None, None, f"{mark}{reason}")
    faces = [face] if face else aligner.detect(frame)
    if not faces:
        return Sighting(0, None, None, NO_FACE)
    crop = None if template is None else aligner.crop(frame, faces[0], template)
    return Sighting(len(faces), faces[0], crop, None)


def sightings(
    cast: Cast, template: Template | None, todo: Sequence[tuple[str, Face | None]], workers: int | None
) -> Generator[Sighting]:
    """Sightings in the order asked for, found by worker processes, never many chunks ahead of who takes them.

    Args:
        cast: the data set and the aligner.
        template: what the crops shall look like; None for no crops.
        todo: frame keys, each with the face to crop where it is known already.
        workers: how many processes; None for `worker_count`; 0 for this process.

    Raises:
        WorkerLost: a worker was killed.
        ConfigError: a script calls this outside of ``if __name__ == "__main__":``.
    """
    if workers is None:
        workers = worker_count(len(todo))
    chunks = [todo[start : start + CHUNK] for start in range(0, len(todo), CHUNK)]
    if workers == 0:
        dataset, aligner = plugin("dataset", cast.dataset), plugin("aligner", cast.aligner)
        for chunk in chunks:
            yield from sight(dataset, aligner, template, chunk)
        return
    refuse_unguarded_script()
    context = multiprocessing.get_context("spawn")  # a forked child of a process with running threads may hang
    told, teller = context.Pipe(duplex=False)
    pool = concurrent.futures.ProcessPoolExecutor(workers, context, _open_worker, (cast, template, told))
    pending: deque[concurrent.futures.Future[list[Sighting]]] = deque()
    try:
        for chunk in chunks:
            with interrupts_held():
                pending.append(pool.submit(_sight_in_worker, chunk))
            if len(pending) > 2 * workers + 2:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    except concurrent.futures.process.BrokenProcessPool as error:
        raise WorkerLost(
            f"one of {workers} worker processes that find faces was killed, most often for want of memory; what was "
            f"computed is cached: run again, with fewer of them if need be (export {WORKERS_VARIABLE}=1)"
        ) from error
    finally:
        teller.close()  # nobody waits for what they still search
        pool.shutdown(wait=True, cancel_futures=True)
        told.close()


def worker_count(frames: int) -> int:
    """How many processes find faces: `IMPERSONA_WORKERS`, else the cores up to 8, or none for a few frames.

    A process that runs one of several cells at once starts none.

    Raises:
        ConfigError: `IMPERSONA_WORKERS` is not a number.
    """
    chosen = os.environ.get(WORKERS_VARIABLE, "")
    if chosen and not chosen.isdigit():
        raise ConfigError(f"{WORKERS_VARIABLE}: got {chosen!r}, expected a number of processes, 0 for none")
    if multiprocessing.current_process().daemon:
        return 0
    if chosen:
        return int(chosen)
    return default_workers() if frames >= FEW else 0


_WORKER: tuple[Dataset, Aligner, Template | None]
_TOLD: Connection[Any, Any]


def _open_worker(cast: Cast, template: Template | None, told: Connection[Any, Any]) -> None:
    global _WORKER, _TOLD
    become_worker()
    _WORKER = (plugin("dataset", cast.dataset), plugin("aligner", cast.aligner), template)
    _TOLD = told


def _sight_in_worker(todo: Sequence[tuple[str, Face | None]]) -> list[Sighting]:
    found: list[Sighting] = []
    for one in todo:
        if _TOLD.poll():  # the other end is closed
            break
        found += sight(*_WORKER, [one])
    return found


def to_arrays(found: Sequence[Sighting]) -> Arrays:
    """Sightings as the arrays that the cache keeps, one row each; crops are left out."""
    arrays: Arrays = {
        "faces": np.array([sighting.faces for sighting in found], dtype=np.int16),
        "box": np.zeros((len(found), 4), dtype=np.float32),
        "confidence": np.zeros(len(found), dtype=np.float64),
    }
    for row, face in enumerate(sighting.face for sighting in found):
        if face is not None:
            arrays["box"][row] = face.box
            arrays["confidence"][row] = face.confidence
            for scheme, points in face.landmarks.items():
                name = f"landmarks_{scheme}"
                if name not in arrays:
                    arrays[name] = np.zeros((len(found), *points.shape), dtype=np.float32)
                arrays[name][row] = points
    return arrays


def from_arrays(arrays: Arrays, row: int) -> Sighting:
    """One sighting out of such arrays, without its crop."""
    faces = int(arrays["faces"][row])
    if faces == 0:
        return Sighting(0, None, None, NO_FACE)
    landmarks = {
        name.removeprefix("landmarks_"): array[row] for name, array in arrays.items() if name.startswith("landmarks_")
    }
    return Sighting(faces, Face(arrays["box"][row], landmarks, float(arrays["confidence"][row])), None, None)
