"""The assessment `alignment`: how well an aligner finds the faces of a data set and their landmarks, by itself."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Aligner, Cell, Dataset, EmbeddedDataset, Frame, LandmarkedDataset, Progress, Success
from bench.errors import ConfigError, CorruptFile
from bench.metrics.alignment import Placements, Points, assess_alignment, common_scheme, eye_distance, landmark_error
from bench.metrics.bootstrap import double_or_nothing
from bench.provenance import value_digest
from bench.seeding import stream
from bench.store.cache import ArrayCache
from bench.store.schema import to_parquet
from bench.sweep.contributors import find_faces
from bench.sweep.inputs import entry_of, images_digest
from bench.sweep.instances import plugin
from bench.sweep.sighting import NO_FACE, Sighting
from bench.sweep.tables import draws_table
from bench.sweep.verification import record

PHOTOS = "photos"
"""The protocol: every photo of the data set by itself."""


def photos_part(dataset: Dataset, name: str) -> dict[str, str | None]:
    """The part of a cell's identity that says which photos, and what is known of them.

    Args:
        dataset: the data set.
        name: what the sweep calls it.

    Returns:
        ``protocol``; and digests: ``trials``, of whom the photos show; ``images``, of their content; ``landmarks``, of
        the true ones, None where the data set knows none.

    Raises:
        ConfigError: the data set holds embeddings and no pictures.
    """
    if isinstance(dataset, EmbeddedDataset):
        raise ConfigError(
            f"aligners: the data set {name!r} holds embeddings and no pictures, so an aligner has nothing to look at; "
            "leave aligners: out, or name a data set of photos"
        )
    frames = dataset.frames()
    return {
        "protocol": PHOTOS,
        "trials": value_digest([[frame.key, frame.subject] for frame in frames]),
        "images": images_digest(dataset, frames),
        "landmarks": value_digest([dataset.landmarks_digest(frame.key) for frame in frames])
        if isinstance(dataset, LandmarkedDataset)
        else None,
    }


def alignment(cell: Cell, cache: ArrayCache, progress: Progress | None = None) -> Success:
    """Looks for the face of every photo of a cell and computes the figures of its aligner.

    Args:
        cell: the cell.
        cache: of found faces; the same that recognizers use.
        progress: told how far it is.

    Raises:
        CorruptFile: photos or their landmarks changed since the sweep was planned.
    """
    started = time.monotonic()
    spec = cell.spec
    name, entry, aligner_entry = spec["dataset"]["name"], entry_of(spec["dataset"]), entry_of(spec["aligner"])
    dataset: Dataset = plugin("dataset", entry)
    aligner: Aligner = plugin("aligner", aligner_entry)
    if changed := [part for part, digest in photos_part(dataset, name).items() if spec[part] != digest]:
        what = {"trials": "list of photos", "images": "photos"}.get(changed[0], changed[0])
        raise CorruptFile(f"the {what} of {name} changed after the sweep was planned; run it again")
    frames = dataset.frames()

    def looking(_: str, done: int, total: int) -> None:
        if progress:
            progress("finding faces", done, total)

    seen = find_faces(entry, dataset, aligner_entry, aligner, frames, None, cache, looking)
    if progress:
        progress("computing figures", 0, 1)
    scheme, placements = _placements(dataset, frames, seen)
    kept = double_or_nothing(placements.count, spec["draws"], stream(spec["seed"], "bootstrap", name))
    assessed = assess_alignment(placements, kept)
    tables = {"placements": placements_table(frames, seen, placements)}
    if assessed.draws:
        tables["draws"] = draws_table(assessed.draws)
    return Success(
        key=cell.key,
        figures=tuple(record(value, cell.labels) for value in assessed.values),
        counts={
            "frames": len(frames),
            "people": placements.count,
            "frames_not_acquired": int((placements.faces == 0).sum()),
            "frames_unreadable": int((~placements.readable).sum()),
            "frames_without_landmarks": int((~placements.known).sum()),
        },
        runtime={"landmarks": scheme} if scheme else {},
        seconds=time.monotonic() - started,
        tables={table: to_parquet(table, frame) for table, frame in tables.items()},
    )


def _placements(dataset: Dataset, frames: Sequence[Frame], seen: Sequence[Sighting]) -> tuple[str | None, Placements]:
    """The scheme that errors are measured on, if any, and what became of each photo."""
    true: list[Points] = [{}] * len(frames)
    if isinstance(dataset, LandmarkedDataset):
        true = [dataset.landmarks(frame.key) for frame in frames]
    # A truth whose eyes are in one place has no measure of its own.
    known = np.array([eye_distance(points) > 0 for points in true], dtype=np.bool_)
    error = np.full(len(frames), np.nan)
    found = {place: one.face.landmarks for place, one in enumerate(seen) if one.face is not None and known[place]}
    scheme = common_scheme(list(found.values()), [true[place] for place in found])
    if scheme is not None:
        for place, points in found.items():
            error[place] = landmark_error(points, true[place], scheme)
    subjects, people = np.unique([frame.subject for frame in frames], return_inverse=True)
    placements = Placements(
        readable=np.array([_is_readable(one) for one in seen], dtype=np.bool_),
        faces=np.array([one.faces for one in seen], dtype=np.int16),
        error=error,
        known=known,
        people=people.astype(np.int32),
        count=len(subjects),
    )
    return scheme, placements


def _is_readable(seen: Sighting) -> bool:
    return seen.problem in (None, NO_FACE)


def placements_table(frames: Sequence[Frame], seen: Sequence[Sighting], placements: Placements) -> pd.DataFrame:
    """The table `placements` of `bench.store.schema`.

    Args:
        frames: N photos.
        seen: what the aligner saw in each.
        placements: what that came to.
    """
    confidence: NDArray[np.float32] = np.array(
        [np.nan if one.face is None else one.face.confidence for one in seen], dtype=np.float32
    )
    return pd.DataFrame(
        {
            "key": [frame.key for frame in frames],
            "subject": [frame.subject for frame in frames],
            "found": placements.faces > 0,
            "faces": placements.faces,
            "confidence": confidence,
            "error": placements.error.astype(np.float32),
            "problem": [one.problem for one in seen],
        }
    )
