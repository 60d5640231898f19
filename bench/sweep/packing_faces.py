"""Which photos go into a pack: those whose face was found and embedded, and of each person as many as shall be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.aligners.geometry import crop_matrix, lie_near, move_points
from bench.api import Aligner, Face, Frame, Progress, Template
from bench.errors import InsufficientData, PluginError
from bench.packs.shards import SPLITS, name_digest
from bench.seeding import stream
from bench.store.cache import ArrayCache
from bench.sweep.acquisition import acquire
from bench.sweep.contributors import SCHEME, find_faces
from bench.sweep.instances import plain, plugin
from bench.sweep.packing_request import PackRequest
from bench.sweep.packing_sources import Source
from bench.sweep.sighting import NO_FACE, Cast, Sighting

UNREADABLE = "unreadable"
FAR_LANDMARKS = "landmarks far outside of the crop"
NOT_ACQUIRED = "not acquired by the recognizer"
TOO_MANY = "too many of one person"


@dataclass(frozen=True, eq=False)
class Candidate:
    """A photo whose face was found and embedded.

    Attributes:
        source: where it comes from.
        index: which of its photos.
        face: as the aligner found it.
        embedding: float32 (D,).
        subject: uint8 (8,), of whom.
        photo: uint8 (8,), of which photo.
    """

    source: Source
    index: int
    face: Face
    embedding: NDArray[np.float32]
    subject: NDArray[np.uint8]
    photo: NDArray[np.uint8]

    @property
    def frame(self) -> Frame:
        """The photo."""
        return self.source.frames[self.index]

    @property
    def split(self) -> int:
        """Index into `bench.packs.shards.SPLITS`."""
        return SPLITS.index(self.source.splits[self.index])

    @property
    def order(self) -> bytes:
        """What faces of a pack are sorted by: it tells neither names nor data sets."""
        return self.photo.tobytes()


def candidates_of(
    request: PackRequest,
    sources: Sequence[Source],
    template: Template,
    cache: ArrayCache,
    progress: Progress | None,
) -> tuple[list[Candidate], dict[str, Counter[str]]]:
    """Every photo whose face was found and embedded, in the pack's order, and how many were left out why, by data set.

    Args:
        request: what was asked for.
        sources: its data sets.
        template: of the crops.
        cache: of found faces and embeddings.
        progress: told how far it is.

    Raises:
        PluginError: the aligner gives no 68 landmarks.
        InsufficientData: no face was found at all.
    """
    aligner_entry = plain(request.aligner.as_entry())
    aligner: Aligner = plugin("aligner", aligner_entry)
    found: list[Candidate] = []
    left_out: dict[str, Counter[str]] = {one.called: Counter() for one in request.datasets}
    for source in [source for source in sources if source.frames]:
        seen = find_faces(
            source.entry, source.dataset, aligner_entry, aligner, source.frames, template, cache, progress
        )
        usable = [place for place, one in enumerate(seen) if _is_usable(one, template, left_out[source.label])]
        cast = Cast(source.entry, aligner_entry, plain(request.recognizer.as_entry()))
        # One aligner for crops and embeddings: where a photo shows several people, both are of the same face.
        acquired = acquire(cast, [source.frames[place] for place in usable], cache, progress)
        for place, embedding, known in zip(usable, acquired.embeddings, acquired.acquired.tolist(), strict=True):
            face, frame = seen[place].face, source.frames[place]
            if not known or face is None:
                left_out[source.label][NOT_ACQUIRED] += 1
                continue
            subject = name_digest(source.label, frame.subject)
            photo = name_digest(source.label, frame.subject, frame.key)
            found.append(Candidate(source, place, face, embedding, subject, photo))
    if not found:
        raise InsufficientData(f"no face was found in {sum(len(source.frames) for source in sources)} photos")
    return sorted(found, key=lambda one: one.order), left_out


def _is_usable(seen: Sighting, template: Template, left_out: Counter[str]) -> bool:
    if seen.face is None:
        left_out[NO_FACE if seen.problem == NO_FACE else UNREADABLE] += 1
        return False
    if SCHEME not in seen.face.landmarks:
        raise PluginError(
            f"a pack holds dlib's 68 landmarks, the aligner gave {' and '.join(seen.face.landmarks) or 'none'}; set "
            "aligner: {name: dlib_hog, points: 68}"
        )
    if not lie_near(landmarks_of(seen.face, template, template.side), template.side):
        left_out[FAR_LANDMARKS] += 1
        return False
    return True


def landmarks_of(face: Face, template: Template, side: int) -> NDArray[np.float32]:
    """The 68 landmarks of a face, float32 (68, 2), in pixels of its crop, shrunk to a side.

    The centre of a crop's first pixel is at (0, 0), so that the centre of a block of k pixels is (k - 1) / 2 away.
    """
    times = template.side / side
    points = move_points(face.landmarks[SCHEME], crop_matrix(face, template))
    return ((points - (times - 1) / 2) / times).astype(np.float32)


def attribute_rows(chosen: Sequence[Candidate], names: Sequence[str]) -> NDArray[np.float32]:
    """float32 (n, A), NaN where unknown."""
    rows: NDArray[np.float32] = np.full((len(chosen), len(names)), np.nan, dtype=np.float32)
    for row, one in zip(rows, chosen, strict=True):
        for column, name in enumerate(names):
            if name in one.source.attributes:
                row[column] = one.source.attributes[name][one.index]
    return rows


def drawn_first(candidates: Sequence[Candidate], seed: int, most: int | None) -> list[Candidate]:
    """At most so many photos of each person, drawn by the seed; the first of a smaller number are among them.

    Args:
        candidates: in the pack's order.
        seed: of the pack.
        most: photos of a person; None for all.
    """
    if most is None:
        return list(candidates)
    rank = photo_ranks(candidates, seed)
    return [one for one, place in zip(candidates, rank.tolist(), strict=True) if place < most]


def photo_ranks(candidates: Sequence[Candidate], seed: int) -> NDArray[np.int64]:
    """int64 (N,): of each photo its place, from 0, among those of the same person in an order drawn by the seed."""
    people: dict[bytes, list[int]] = {}
    for place, one in enumerate(candidates):
        people.setdefault(one.subject.tobytes(), []).append(place)
    ranks = np.empty(len(candidates), dtype=np.int64)
    for subject, places in people.items():
        ranks[places] = stream(seed, "pack", "photos", subject.hex()).permutation(len(places))
    return ranks
