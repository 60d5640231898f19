"""The contributors' faces as makers take them: found, cropped, with landmarks and masks in pixels of the crop."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.aligners.geometry import crop_matrix, move_points, warp_labels
from bench.api import Aligner, Dataset, Face, FaceBatch, Frame, FrameImage, MaskedDataset, Template
from bench.errors import PluginError
from bench.images import to_crops
from bench.store.cache import ArrayCache
from bench.sweep.sighting import NO_FACE, Cast, Sighting, aligned_by, from_arrays, sightings, to_arrays

LOG = logging.getLogger(__name__)

SCHEME = "dlib68"


@dataclass(frozen=True, eq=False)
class Contribution:
    """One photo, ready for a maker of side S.

    Attributes:
        crop: uint8 (S, S, 3).
        landmarks: float32 (68, 2) in pixels of the crop, or None where they are not wanted.
        mask: uint8 (S, S), or None where it is not wanted.
    """

    crop: FrameImage
    landmarks: NDArray[np.float32] | None
    mask: NDArray[np.uint8] | None


def contributions(
    dataset_entry: Mapping[str, Any],
    dataset: Dataset,
    aligner_entry: Mapping[str, Any],
    aligner: Aligner,
    frames: Sequence[Frame],
    template: Template,
    conditions: frozenset[str],
    cache: ArrayCache,
) -> list[Contribution | None]:
    """What some photos contribute.

    Args:
        dataset_entry: ``{"name": ..., **settings}``, for processes that look for faces.
        dataset: the data set that it names.
        aligner_entry: likewise.
        aligner: the aligner that it names.
        frames: N photos.
        template: the maker's.
        conditions: what the maker wants besides pictures.
        cache: found faces are looked up and kept there.

    Returns:
        One for each photo; None where no face is found.

    Raises:
        PluginError: landmarks or masks are wanted and the aligner gives no landmarks.
    """
    found = _find(dataset_entry, dataset, aligner_entry, aligner, frames, template, cache)
    return [
        None if seen.face is None or seen.crop is None else _contribution(dataset, frame, seen, template, conditions)
        for frame, seen in zip(frames, found, strict=True)
    ]


def batch_of(faces: Sequence[Sequence[Contribution]]) -> FaceBatch:
    """A batch of N faces, K contributions each, the first of them the one onto whom others are put."""
    every = [[to_crops(one.crop[None])[0] for one in face] for face in faces]
    several = len(faces[0]) > 1
    landmarks = [[one.landmarks for one in face if one.landmarks is not None] for face in faces]
    masks = [[one.mask for one in face if one.mask is not None] for face in faces]
    return FaceBatch(
        images=np.stack([face[0] for face in every]),
        references=np.stack([np.stack(face[1:]) for face in every]) if several else None,
        landmarks=np.stack([face[0] for face in landmarks]) if landmarks[0] else None,
        reference_landmarks=np.stack([np.stack(face[1:]) for face in landmarks]) if landmarks[0] and several else None,
        masks=np.stack([face[0] for face in masks]) if masks[0] else None,
        reference_masks=np.stack([np.stack(face[1:]) for face in masks]) if masks[0] and several else None,
    )


def _find(
    dataset_entry: Mapping[str, Any],
    dataset: Dataset,
    aligner_entry: Mapping[str, Any],
    aligner: Aligner,
    frames: Sequence[Frame],
    template: Template,
    cache: ArrayCache,
) -> list[Sighting]:
    kept = cache.context("detections", aligned_by(aligner_entry["name"], aligner))
    digests = [dataset.content_digest(frame.key) for frame in frames]
    row, arrays = kept.load(digests)
    known = [None if at < 0 else from_arrays(arrays, int(at)) for at in row]
    todo: list[tuple[str, Face | None]] = []
    places: list[int] = []
    for place, (frame, seen) in enumerate(zip(frames, known, strict=True)):
        if seen is None or seen.face is not None:
            todo.append((frame.key, seen.face if seen else None))
            places.append(place)
    found: list[Sighting | None] = list(known)
    cast = Cast(dataset_entry, aligner_entry, {})
    with contextlib.closing(sightings(cast, template, todo, None)) as seen_now:
        for place, sighting in zip(places, seen_now, strict=True):
            found[place] = sighting
    new = [place for place in places if known[place] is None]
    _keep(kept, [digests[place] for place in new], [found[place] for place in new])
    return [sighting for sighting in found if sighting is not None]


def _keep(kept: Any, digests: Sequence[str], found: Sequence[Sighting | None]) -> None:
    # An unreadable file is no property of the aligner and is not kept.
    rows = {
        digest: sighting
        for digest, sighting in zip(digests, found, strict=True)
        if sighting is not None and (sighting.face is not None or sighting.faces == 0)
        and sighting.problem in (None, NO_FACE)
    }  # fmt: skip
    try:
        kept.add(list(rows), to_arrays(list(rows.values())))
    except OSError as error:
        LOG.warning("%d found faces cannot be cached (%s); the next run finds them again", len(rows), error)


def _contribution(
    dataset: Dataset, frame: Frame, seen: Sighting, template: Template, conditions: frozenset[str]
) -> Contribution:
    face, crop = seen.face, seen.crop
    if face is None or crop is None:
        raise PluginError(f"{frame.key}: no face to crop")
    wants_points = bool(conditions & {"landmarks", "reference_landmarks"})
    wants_mask = bool(conditions & {"masks", "reference_masks"})
    landmarks = mask = None
    if wants_points or wants_mask:
        matrix = crop_matrix(face, template)
        if wants_points:
            if SCHEME not in face.landmarks:
                raise PluginError(
                    f"the maker wants dlib's 68 landmarks, the aligner gave {' and '.join(face.landmarks) or 'none'}; "
                    "set aligner: {name: dlib_hog, points: 68} beside the generator or attack"
                )
            landmarks = move_points(face.landmarks[SCHEME], matrix)
        if wants_mask:
            if not isinstance(dataset, MaskedDataset):
                raise PluginError("the maker wants masks, and the data set has none")
            mask = warp_labels(dataset.mask(frame.key), matrix, template.side)
    return Contribution(crop, landmarks, mask)
