"""How near made faces come to faces of people who have no part in them, such as those that a generator learned from.

The people's photos are a gallery: found, aligned and embedded as all photos are, once for all makers of a sweep. The
highest similarity grows with the size of the gallery, so that it says something beside that of real photos of other
people only: those of the contributors, against the very same gallery.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Dataset, EmbeddedDataset, Embeddings, Frame, Progress
from bench.config import Novelty as NoveltyEntry
from bench.errors import ConfigError, InsufficientData
from bench.metrics.novelty import Nearest
from bench.scoring import top_matches
from bench.store.cache import ArrayCache
from bench.sweep.acquisition import Acquisition, acquire
from bench.sweep.inputs import Entry
from bench.sweep.instances import plugin
from bench.sweep.other_people import Others, entry_of_others, others_of, planned_others
from bench.sweep.pairing import Pairing
from bench.sweep.sighting import Cast

REVISION = 1


@dataclass(frozen=True)
class NoveltyPlan:
    """What a cell's spec says of a gallery; both are empty where none is wanted.

    Attributes:
        part: of the cell's identity.
        entries: role to sweep-file entry.
        others: who is in it; None where none is wanted.
    """

    part: Mapping[str, Any]
    entries: Mapping[str, Entry]
    others: Others | None = None

    def refuse(self, contributors: Set[str], dataset: Dataset, dataset_entry: Entry) -> None:
        """Raises ConfigError where somebody who may contribute to a face is in the gallery, too, by name or by a photo.

        Args:
            contributors: by the names that the sweep's data set gives them.
            dataset: the sweep's own; people of another one are known by their photos alone.
            dataset_entry: ``{"name": ..., **settings}`` of it.
        """
        if self.others is not None and (both := self.others.shared_with(contributors, dataset, dataset_entry)):
            raise ConfigError(
                f"novelty: {len(both)} people, such as {both[0]!r}, contribute to faces and are among those whose "
                "nearest face is looked for: they would be found again; report on other people, such as "
                "dataset: {split: eval}, or give novelty another split"
            )


def plan_novelty(wanted: NoveltyEntry | None, dataset_entry: Entry) -> NoveltyPlan:
    """Whose nearest face is looked for.

    Args:
        wanted: what the sweep asks for.
        dataset_entry: ``{"name": ..., **settings}`` of the sweep's own data set.

    Raises:
        ConfigError: a data set without the split or without photos, or a list where one is expected.
        InsufficientData: nobody is there.
    """
    if wanted is None:
        return NoveltyPlan({}, {})
    entry = entry_of_others(
        "novelty", wanted.dataset, wanted.split, dataset_entry, "train", "whose nearest face is looked for"
    )
    if isinstance(plugin("dataset", entry), EmbeddedDataset):
        raise ConfigError(f"novelty: the data set {entry['name']} has no photos, and its vectors are of one recognizer")
    others = others_of("novelty", entry, wanted.photos)
    part = {"revision": REVISION, **others.part, "photos": wanted.photos}
    return NoveltyPlan({"novelty": part}, {"novelty.dataset": entry}, others)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest photo of a gallery, of M faces and of the photos that they were made of.

    Attributes:
        similarity: the scores.
        frames: the gallery's photos, G of them.
        face: int32 (M,), which is the nearest to the made face; -1 where there is none.
    """

    similarity: Nearest
    frames: Sequence[Frame]
    face: NDArray[np.int32]


def neighbours_of(
    spec: Mapping[str, Any],
    cast: Cast,
    pairing: Pairing,
    photos: Acquisition,
    faces: Acquisition,
    acquired: NDArray[np.bool_],
    cache: ArrayCache,
    progress: Progress | None = None,
) -> Neighbours:
    """Who of the gallery is nearest to each face of a cell.

    Args:
        spec: the cell's; its part ``novelty`` says whose gallery.
        cast: whose aligner and recognizer look at everything.
        pairing: who contributes to each of M faces.
        photos: what became of the contributors' photos.
        faces: what became of the faces that were made.
        acquired: bool (M,), which faces were acquired.
        cache: of embeddings and found faces.
        progress: told how many photos have been looked at.

    Raises:
        CorruptFile: photos of the gallery changed since the sweep was planned.
        InsufficientData: in none of them a face was found.
    """
    part = spec["novelty"]
    others = planned_others("novelty", part, part["photos"])
    frames = others.frames
    known = acquire(Cast(others.entry, cast.aligner, cast.recognizer), frames, cache, progress)
    rows = np.flatnonzero(known.acquired)
    if not len(rows):
        name = others.entry["name"]
        raise InsufficientData(f"novelty: no face was found in any of {len(frames)} photos of {name}")
    there = known.embeddings[rows]

    def nearest(probes: Embeddings, usable: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Of N probes the highest score and its place in the gallery; NaN and -1 for those that are not usable."""
        best, place = np.full(len(usable), np.nan, np.float32), np.full(len(usable), -1, np.int64)
        if usable.any():
            found = top_matches(probes, there, spec["comparison"], 1)
            best[usable], place[usable] = found.scores[:, 0], rows[found.rows[:, 0]]
        return best, place

    face, place = nearest(faces.embedded, acquired)
    photo, _ = nearest(photos.embedded, photos.acquired)
    return Neighbours(Nearest(face, photo[pairing.photo]), frames, place.astype(np.int32))


def nearest_table(found: Neighbours) -> pd.DataFrame:
    """The table `nearest`: one row for each face that was acquired."""
    face = np.flatnonzero(found.face >= 0)
    frames = [found.frames[place] for place in found.face[face]]
    return pd.DataFrame(
        {
            "face": face.astype(np.int32),
            "photo": [frame.key for frame in frames],
            "subject": [frame.subject for frame in frames],
            "score": found.similarity.faces[face],
            "clean_score": found.similarity.photos[face].mean(axis=1),
        }
    )
