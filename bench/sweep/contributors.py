"""The contributors' faces as makers take them: found, cropped, with landmarks, masks and identities beside them."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.aligners.geometry import crop_matrix, move_points, warp_labels
from bench.api import Aligner, Dataset, Face, FaceBatch, Frame, FrameImage, MaskedDataset, Progress, Template
from bench.errors import CorruptFile, PluginError
from bench.images import to_crops
from bench.store.cache import ArrayCache, CacheContext
from bench.sweep.acquisition import STORE_EVERY_SECONDS
from bench.sweep.conditions import MASKS
from bench.sweep.parsing import Parsing
from bench.sweep.sighting import NO_FACE, Cast, Sighting, aligned_by, from_arrays, sight, sightings, to_arrays

LOG = logging.getLogger(__name__)

SCHEME = "dlib68"


@dataclass(frozen=True, eq=False)
class Contribution:
    """One photo, ready for a maker of side S.

    Attributes:
        crop: uint8 (S, S, 3).
        landmarks: float32 (68, 2) in pixels of the crop, or None where they are not wanted.
        mask: uint8 (S, S), or None where it is not wanted.
        identity: float32 (D,), or None where it is not wanted.
    """

    crop: FrameImage
    landmarks: NDArray[np.float32] | None
    mask: NDArray[np.uint8] | None
    identity: NDArray[np.float32] | None = None


def find_faces(
    dataset_entry: Mapping[str, Any],
    dataset: Dataset,
    aligner_entry: Mapping[str, Any],
    aligner: Aligner,
    frames: Sequence[Frame],
    template: Template | None,
    cache: ArrayCache,
    progress: Progress | None = None,
) -> list[Sighting]:
    """What the maker's aligner sees in some photos, without crops: those take too much memory to hold them all.

    Args:
        dataset_entry: ``{"name": ..., **settings}``, for processes that look for faces.
        dataset: the data set that it names.
        aligner_entry: likewise.
        aligner: the aligner that it names.
        frames: N photos, each once.
        template: the maker's, in which faces are cropped once so that a wrong one fails at once; None for no crops.
        cache: found faces are looked up and kept there.
        progress: told how many photos have been looked at.
    """
    kept = cache.context("detections", aligned_by(aligner_entry["name"], aligner))
    digests = [dataset.content_digest(frame.key) for frame in frames]
    row, arrays = kept.load(digests)
    found = [None if at < 0 else from_arrays(arrays, int(at)) for at in row]
    places = [place for place, seen in enumerate(found) if seen is None]
    new: dict[str, Sighting] = {}
    stored = time.monotonic()
    todo = [(frames[place].key, None) for place in places]
    try:
        with contextlib.closing(sightings(Cast(dataset_entry, aligner_entry, {}), template, todo, None)) as seen_now:
            for done, (place, sighting) in enumerate(zip(places, seen_now, strict=True), start=1):
                found[place] = Sighting(sighting.faces, sighting.face, None, sighting.problem)
                if sighting.problem in (None, NO_FACE):  # an unreadable file is no property of the aligner
                    new[digests[place]] = sighting
                if time.monotonic() - stored > STORE_EVERY_SECONDS:
                    _keep(kept, new)
                    stored = time.monotonic()
                if progress:
                    progress("finding contributors", done, len(places))
    finally:
        _keep(kept, new)
    return [seen for seen in found if seen is not None]


def contribution(
    dataset: Dataset,
    aligner: Aligner,
    frame: Frame,
    seen: Sighting,
    template: Template,
    conditions: frozenset[str],
    parsing: Parsing | None = None,
    identity: NDArray[np.float32] | None = None,
) -> Contribution | None:
    """What a photo contributes.

    Args:
        dataset: where it comes from.
        aligner: the maker's.
        frame: the photo.
        seen: what `find_faces` returned of it.
        template: the maker's.
        conditions: what the maker wants besides pictures.
        parsing: what labels the photo, which it has prepared; None for the data set's own masks.
        identity: float32 (D,), the photo's embedding, where the maker takes it.

    Returns:
        None where no face was found, or the photo could not be read.

    Raises:
        CorruptFile: the photo could be read before.
        PluginError: landmarks or masks are wanted and the aligner gives no landmarks.
    """
    if seen.face is None:
        return None
    (now,) = sight(dataset, aligner, template, [(frame.key, seen.face)])
    if now.crop is None:
        raise CorruptFile(f"{frame.key} changed while faces were made of it: {now.problem}")
    return _contribution(dataset, frame, seen.face, now.crop, template, conditions, parsing, identity)


def batch_of(faces: Sequence[Sequence[Contribution]]) -> FaceBatch:
    """A batch of N faces, K contributions each, the first of them the one onto whom others are put."""
    every = [[to_crops(one.crop[None])[0] for one in face] for face in faces]
    several = len(faces[0]) > 1
    landmarks = [[one.landmarks for one in face if one.landmarks is not None] for face in faces]
    masks = [[one.mask for one in face if one.mask is not None] for face in faces]
    identities = [[one.identity for one in face if one.identity is not None] for face in faces]
    return FaceBatch(
        images=np.stack([face[0] for face in every]),
        references=np.stack([np.stack(face[1:]) for face in every]) if several else None,
        landmarks=np.stack([face[0] for face in landmarks]) if landmarks[0] else None,
        reference_landmarks=np.stack([np.stack(face[1:]) for face in landmarks]) if landmarks[0] and several else None,
        masks=np.stack([face[0] for face in masks]) if masks[0] else None,
        reference_masks=np.stack([np.stack(face[1:]) for face in masks]) if masks[0] and several else None,
        identity=np.stack([face[0] for face in identities]) if identities[0] else None,
        reference_identity=(
            np.stack([np.stack(face[1:]) for face in identities]) if identities[0] and several else None
        ),
    )


def _keep(kept: CacheContext, new: dict[str, Sighting]) -> None:
    """Stores new sightings and forgets them; a cache that cannot be written to costs time at the next run only."""
    try:
        kept.add(list(new), to_arrays(list(new.values())))
    except OSError as error:
        LOG.warning("%d found faces cannot be cached (%s); the next run finds them again", len(new), error)
    new.clear()


def _contribution(
    dataset: Dataset,
    frame: Frame,
    face: Face,
    crop: FrameImage,
    template: Template,
    conditions: frozenset[str],
    parsing: Parsing | None,
    identity: NDArray[np.float32] | None,
) -> Contribution:
    wants_points = bool(conditions & {"landmarks", "reference_landmarks"})
    landmarks = mask = None
    if wants_points:
        if SCHEME not in face.landmarks:
            raise PluginError(
                f"the maker wants dlib's 68 landmarks, the aligner gave {' and '.join(face.landmarks) or 'none'}; "
                "set aligner: {name: dlib_hog, points: 68} beside the generator or attack"
            )
        landmarks = move_points(face.landmarks[SCHEME], crop_matrix(face, template))
    if conditions & MASKS:
        if parsing is not None:
            mask = parsing.mask(frame, face, template)
        elif isinstance(dataset, MaskedDataset):
            mask = warp_labels(dataset.mask(frame.key), crop_matrix(face, template), template.side)
        else:
            raise PluginError("the maker wants masks, and neither data set nor parser gives any")
    return Contribution(crop, landmarks, mask, identity)
