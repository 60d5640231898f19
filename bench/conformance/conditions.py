"""Batches for generators and attacks, made of drawn people as a sweep makes them of photos."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import crop_matrix, move_points, warp_labels
from bench.api import IDENTITIES, FaceBatch, Template
from bench.conformance.finding import NotAsked
from bench.conformance.sample import FEW, Person, cropped, people
from bench.errors import PluginError
from bench.seeding import stream

FIELDS = tuple(field.name for field in dataclasses.fields(FaceBatch) if field.name != "images")
PLACES = frozenset({"landmarks", "reference_landmarks", "masks", "reference_masks"})
"""The conditions that say where the parts of a face are."""
SCHEME = "dlib68"


@dataclass(frozen=True)
class Recipe:
    """What a maker takes.

    Attributes:
        template: of its crops.
        contributors: K, people a face.
        size: N, faces a batch.
        conditions: fields of `FaceBatch` besides ``images``.
        width: D of the embeddings, where it takes some; or why that is not known.
    """

    template: Template
    contributors: int
    size: int
    conditions: frozenset[str]
    width: int | str = 0


def make_batch(recipe: Recipe, replaced: int | None = None) -> FaceBatch:
    """A batch of faces, each of K people in a row.

    Args:
        recipe: what the maker takes.
        replaced: the contributor who is somebody else in every face, 0 to K - 1; None for nobody.

    Raises:
        NotAsked: there is no sample of a condition.
    """
    if isinstance(recipe.width, str):
        raise NotAsked(f"it takes identity, and how long embeddings are is not known: {recipe.width}")
    wanted = recipe.conditions
    crew = people(max(FEW, recipe.contributors + 2))
    kinds = ["landmarks"] if wanted & {"landmarks", "reference_landmarks"} else []
    kinds += ["masks"] if wanted & {"masks", "reference_masks"} else []
    try:
        ready = [_contribution(person, recipe.template, kinds) for person in crew]
    except PluginError as error:
        raise NotAsked(f"no sample crop can be made: {error}") from error
    if wanted & IDENTITIES:
        kinds.append("identity")
        for number, one in enumerate(ready):
            one["identity"] = _identity(number, recipe.width)
    faces = [_crew_of(row, len(crew), recipe.contributors, replaced) for row in range(recipe.size)]
    values: dict[str, Any] = {"images": np.stack([ready[face[0]]["images"] for face in faces])}
    if recipe.contributors > 1:
        values["references"] = _others(ready, faces, "images")
    for kind in kinds:
        values[kind] = np.stack([ready[face[0]][kind] for face in faces])
        if recipe.contributors > 1:
            values[f"reference_{kind}"] = _others(ready, faces, kind)
    if "attributes" in wanted:
        values["attributes"] = np.stack([crew[face[0]].attributes for face in faces])
    return FaceBatch(**values)


def given_fields(batch: FaceBatch) -> dict[str, NDArray[Any]]:
    """The arrays of a batch that are there, ``images`` first, by name."""
    every = {name: getattr(batch, name) for name in ("images", *FIELDS)}
    return {name: value for name, value in every.items() if value is not None}


def rows_of(batch: FaceBatch, rows: NDArray[np.integer] | slice = slice(None)) -> FaceBatch:
    """Copies of some rows of a batch; of all of them where none are named."""
    return FaceBatch(**{name: value[rows].copy() for name, value in given_fields(batch).items()})


def other_company(size: int, kept: int) -> NDArray[np.int64]:
    """The rows of a batch of which one is in its place, and all others are elsewhere."""
    rows = np.roll(np.arange(size), 1)
    rows[kept] = kept
    return rows


def spoilt(batch: FaceBatch) -> FaceBatch:
    """A copy whose last face has no usable landmarks, all in one corner, and a mask of background only."""
    copy = rows_of(batch)
    for name, value in given_fields(copy).items():
        if name in PLACES:
            value[-1] = 0
    return copy


def _crew_of(row: int, people_there: int, contributors: int, replaced: int | None) -> list[int]:
    """Whose photos make a face; the last of the people stands in for the one who is replaced."""
    there = people_there - 1
    chosen = [(row + number) % there for number in range(contributors)]
    if replaced is not None:
        chosen[replaced] = there
    return chosen


def _contribution(person: Person, template: Template, kinds: Sequence[str]) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {"images": cropped(person, template)}
    matrix = crop_matrix(person.face, template)
    if "landmarks" in kinds:
        found["landmarks"] = move_points(person.face.landmarks[SCHEME], matrix)
    if "masks" in kinds:
        found["masks"] = warp_labels(person.mask, matrix, template.side)
    return found


def _identity(number: int, width: int) -> NDArray[np.float32]:
    """A person's embedding: of length 1, anywhere."""
    drawn = stream(0, "conformance", "identity", str(number)).standard_normal(width)
    return np.asarray(drawn / np.linalg.norm(drawn), dtype=np.float32)


def _others(ready: Sequence[dict[str, NDArray[Any]]], faces: Sequence[Sequence[int]], kind: str) -> NDArray[Any]:
    return np.stack([np.stack([ready[one][kind] for one in face[1:]]) for face in faces])
