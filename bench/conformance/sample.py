"""The people whom plugins are shown: drawn ones, who exist on every machine and whose landmarks are exact."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import crop_matrix, warp
from bench.api import Face, FrameImage, Template
from bench.images import resize, to_crops
from bench.registry import load

FEW = 6


@dataclass(frozen=True, eq=False)
class Person:
    """One drawn person, seen from the front.

    Attributes:
        frame: uint8 (H, W, 3).
        face: the exact landmarks, and a box around them.
        mask: uint8 (H, W), 19-class labels.
        attributes: float32 (A,), in the order of the data set.
    """

    frame: FrameImage
    face: Face
    mask: NDArray[np.uint8]
    attributes: NDArray[np.float32]


@functools.cache
def people(count: int = FEW) -> tuple[Person, ...]:
    """As many different people as are asked for, always the same."""
    drawn = load("dataset", "drawn", people=count, images=1, split="all")
    numbers = [values for values in drawn.attributes().values() if values.dtype == np.float32]
    table = np.column_stack(numbers).astype(np.float32)
    return tuple(
        Person(
            frame=drawn.image(frame.key),
            face=_face(drawn.landmarks(frame.key)),
            mask=drawn.mask(frame.key),
            attributes=row,
        )
        for frame, row in zip(drawn.frames(), table, strict=True)
    )


def _face(landmarks: dict[str, NDArray[np.float32]]) -> Face:
    points = landmarks["dlib68"]
    return Face(np.concatenate([points.min(axis=0), points.max(axis=0)]), landmarks, 1.0)


def cropped(person: Person, template: Template) -> NDArray[np.float32]:
    """float32 (3, S, S): a person in a template, warped by the exact landmarks, or the whole frame for one without any.

    Raises:
        PluginError: the template wants landmarks that drawn people do not have.
    """
    if template.targets:
        frame = warp(person.frame, crop_matrix(person.face, template), template.side)
    else:
        frame = resize(person.frame, template.side)
    crop: NDArray[np.float32] = to_crops(frame[None])[0]
    return crop
