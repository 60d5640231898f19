"""The pairing that a cell's spec asks for: planning and execution draw the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import AttributedDataset, Dataset, Frame, MaskedDataset, Progress
from bench.errors import CorruptFile
from bench.provenance import value_digest
from bench.scoring import cross_scores
from bench.store.cache import ArrayCache
from bench.sweep.acquisition import acquire
from bench.sweep.inputs import entry_of, images_digest
from bench.sweep.pair_files import listed
from bench.sweep.pairing import Album, Pairing, photograph
from bench.sweep.partners import different_people, genders_of, look_alikes
from bench.sweep.sighting import Cast


def draw_pairing(part: Mapping[str, Any], dataset: Dataset, name: str, contributors: int, seed: int) -> Pairing:
    """A pairing that needs no recognizer.

    Args:
        part: ``pairs`` of a cell's spec; of any kind but ``"look_alikes"``.
        dataset: whose people contribute.
        name: what the sweep calls it.
        contributors: K of each face.
        seed: the sweep's seed.

    Raises:
        InsufficientData: too few people have two photos.
        MissingFile: the list of pairs is not there.
        CorruptFile: it is not one, or names photos that are not there.
    """
    album = Album(dataset.frames(), name, contributors)
    if part["file"] is not None:
        return listed(album, Path(part["file"]), contributors, part["references"], seed, name)
    people = different_people(album, part["count"], contributors, seed, name)
    return photograph(album, people, part["references"], seed, name)


def contents(dataset: Dataset, frames: Sequence[Frame], masked: bool) -> dict[str, str | None]:
    """Digests of what photos show, as a part of a cell's identity.

    Args:
        dataset: where they come from.
        frames: those that take part.
        masked: whether the maker looks at masks too.

    Returns:
        ``images``, and ``masks``, None where no masks are looked at.
    """
    masks = None
    if masked and isinstance(dataset, MaskedDataset):
        masks = value_digest([dataset.mask_digest(frame.key) for frame in frames])
    return {"images": images_digest(dataset, frames), "masks": masks}


def genders_digest(dataset: Dataset) -> str:
    """SHA-256 hex of what is known of people's genders, which look-alikes depend on."""
    return value_digest(_genders(dataset, dataset.frames()))


def _genders(dataset: Dataset, frames: Sequence[Frame]) -> dict[str, str]:
    return genders_of(frames, dataset.attributes() if isinstance(dataset, AttributedDataset) else {})


def draw_look_alikes(
    spec: Mapping[str, Any], dataset: Dataset, cache: ArrayCache, progress: Progress | None = None
) -> Pairing:
    """The pairing of look-alikes, found by the recognizer that the spec names.

    Args:
        spec: a cell's; its part ``pairs`` says by whom people are found alike.
        dataset: whose people contribute.
        cache: the embedding cache.
        progress: told how far it is.

    Raises:
        InsufficientData: too few people have two photos.
    """
    part, name, seed = spec["pairs"], spec["dataset"]["name"], spec["seed"]
    contributors = spec["maker"]["contributors"]
    album = Album(dataset.frames(), name, contributors)
    judge = part["alike_by"]
    indices = [index for person in album.people for index in album.photos[person]]
    owner = np.repeat(np.arange(len(album.people)), [len(album.photos[person]) for person in album.people])
    cast = Cast(entry_of(spec["dataset"]), entry_of(judge["aligner"]), entry_of(judge["recognizer"]))
    seen = acquire(cast, [album.frames[index] for index in indices], cache, progress)
    known = np.bincount(owner[seen.acquired], minlength=len(album.people))
    total = np.zeros((len(album.people), seen.embeddings.shape[1]), dtype=np.float64)
    np.add.at(total, owner[seen.acquired], seen.embedded.astype(np.float64))
    there = np.flatnonzero(known)
    means = (total[there] / known[there, None]).astype(np.float32)
    similarity: NDArray[np.float32] = np.full((len(album.people),) * 2, np.nan, dtype=np.float32)
    if there.size:
        for rows, columns, scores in cross_scores(means, means, judge["comparison"]):
            similarity[np.ix_(there[rows], there[columns])] = scores
    people = look_alikes(album, similarity, _genders(dataset, album.frames), part["count"], contributors, seed, name)
    return photograph(album, people, part["references"], seed, name)


def planned_pairing(
    spec: Mapping[str, Any], dataset: Dataset, cache: ArrayCache, progress: Progress | None = None
) -> Pairing:
    """The pairing of a cell's maker, of the very photos that it was planned with.

    Args:
        spec: a cell's, with its parts ``dataset``, ``maker`` and ``pairs``.
        dataset: whose people contribute.
        cache: the embedding cache, for look-alikes.
        progress: told how far it is.

    Raises:
        CorruptFile: pairs, photos, masks or genders changed since.
    """
    part, name = spec["pairs"], spec["dataset"]["name"]
    masked = part["masks"] is not None
    if part["kind"] == "look_alikes":
        now = {**contents(dataset, dataset.frames(), masked), "genders": genders_digest(dataset)}
        _refuse_changes(name, part, now)
        return draw_look_alikes(spec, dataset, cache, progress)
    pairing = draw_pairing(part, dataset, name, spec["maker"]["contributors"], spec["seed"])
    _refuse_changes(name, part, {"digest": pairing.digest, **contents(dataset, pairing.frames, masked)})
    return pairing


def _refuse_changes(name: str, planned: Mapping[str, Any], now: Mapping[str, str | None]) -> None:
    what = {"digest": "pairs", "images": "photos", "masks": "masks", "genders": "genders"}
    if changed := [what[part] for part, digest in now.items() if planned[part] != digest]:
        raise CorruptFile(f"the {' and '.join(changed)} of {name} changed after the sweep was planned; run it again")
