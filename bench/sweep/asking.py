"""What a maker says of faces that it made: asked batch by batch, each face once, and kept beside the faces.

It is given the very batches of which it made the faces. No recognizer takes part, so that the cells of several
recognizers ask it once.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import FaceBatch, Progress
from bench.store.cache import CacheContext
from bench.sweep.inputs import Entry
from bench.sweep.studio import Studio

LOG = logging.getLogger(__name__)

Answer = Mapping[str, NDArray[Any]]
"""What is said of one face: arrays by name, those of one name alike in shape and kind for all faces."""


@dataclass(frozen=True)
class Onlooker:
    """What a cell's spec says of who looks at its faces beside the recognizer; both are empty where nobody does.

    Attributes:
        part: of the cell's identity.
        entries: role to sweep-file entry.
    """

    part: Mapping[str, Any]
    entries: Mapping[str, Entry]


@dataclass(frozen=True, eq=False)
class Question:
    """A batch of faces of which some are asked about.

    Attributes:
        number: of the batch, which names the random stream that its faces were drawn from.
        batch: what the maker was given.
        places: rows in it of the faces that are asked about.
        known: what was said of some other face; None for the first one.
    """

    number: int
    batch: FaceBatch
    places: list[int]
    known: Answer | None


def answers_of(
    studio: Studio,
    kind: str,
    revision: int | str,
    faces: Sequence[int],
    ask: Callable[[Question], Sequence[Answer]],
    progress: Progress | None = None,
) -> dict[int, Answer]:
    """What a maker says of some faces, by their numbers.

    Args:
        studio: the maker with the faces.
        kind: what is asked; the cache calls it so.
        revision: of what is kept.
        faces: those that were made, of which it is to tell.
        ask: puts a question to the maker; an answer for each of its places.
        progress: told how many batches are done.

    Raises:
        PluginError: `ask` found something else than answers.
        CorruptFile: a photo changed since its face was made.
    """
    digests = studio.digests()
    kept = studio.cache.context(kind, {**studio.identity, kind: revision})
    rows, arrays = kept.load([digests[face] for face in faces])
    found: dict[int, Answer] = {
        face: {name: array[row] for name, array in arrays.items()}
        for face, row in zip(faces, rows.tolist(), strict=True)
        if row >= 0
    }
    missing = [face for face in faces if face not in found]
    batches = studio.batches_of(missing)
    sightings = studio.find(batches, progress)
    new: dict[int, Answer] = {}
    try:
        for done, batch in enumerate(batches, start=1):
            wanted = [face for face in missing if face in batch]
            given = studio.gather(batch, sightings).batch
            assert given is not None  # some of its faces were made
            known = next(itertools.chain(found.values(), new.values()), None)
            said = ask(Question(studio.number_of(batch), given, [batch.index(face) for face in wanted], known))
            studio.refuse_changes(batch)  # else it would be kept under the digest of another photo
            new |= dict(zip(wanted, said, strict=True))
            if progress:
                progress(f"asking for {kind}", done, len(batches))
    finally:
        _keep(kept, kind, {digests[face]: answer for face, answer in new.items()})
    return found | new


def _keep(kept: CacheContext, kind: str, new: Mapping[str, Answer]) -> None:
    """Stores what was said; a cache that cannot be written to costs time at the next run only."""
    if not new:
        return
    names = next(iter(new.values()))
    try:
        kept.add(list(new), {name: np.stack([answer[name] for answer in new.values()]) for name in names})
    except OSError as error:
        LOG.warning("the %s of %d faces cannot be cached (%s); the next run asks again", kind, len(new), error)
