"""What an aligner promises: faces with finite landmarks, none in the dark, crops of the template's size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.aligners.templates import ARCFACE112, DLIB150, FFHQ256
from bench.api import Face, FrameImage
from bench.conformance.finding import Broken, Inspection, NotAsked, expect, in_words
from bench.conformance.sample import people
from bench.conformance.subject import Subject
from bench.conformance.values import POINTS_OF_SCHEME, expect_array, expect_finite, expect_same
from bench.errors import PluginError

TEMPLATES = (ARCFACE112, DLIB150, FFHQ256)
SMALL = (16, 24, 3)
"""The shape of a frame in which there is no room for a face."""


def ask_aligner(asks: Inspection, subject: Subject, aligner: Any) -> None:
    """Asks what `bench.api.Aligner` promises."""
    frames = [person.frame for person in people()]
    found: list[list[Face]] = []
    with asks.promise("Aligner.detect", "a list of faces: box, landmarks, confidence"):
        found = [_checked(aligner.detect(frame.copy())) for frame in frames]
    if not asks.last_kept:
        asks.stop("Aligner.crop", "uint8 (S, S, 3)", "detect gives no faces to crop")
        return
    with asks.promise("Aligner.detect", "the same faces again, and from a second instance"):
        change = "keep no state from one frame to the next"
        for other in (aligner, subject.fresh()):
            for frame, faces in zip(reversed(frames), reversed(found), strict=True):
                _expect_same_faces(faces, other.detect(frame.copy()), change)
    with asks.promise("Aligner.detect", "the frame is left as it was"):
        frame = frames[0].copy()
        aligner.detect(frame)
        expect_same(frames[0], frame, "rows of the frame", "work on a copy")
    with asks.promise("Aligner.detect", "no face in a black frame, and no exception"):
        for shape in (frames[0].shape, SMALL):
            _expect_none(aligner.detect(np.zeros(shape, np.uint8)), shape)
    _ask_crop(asks, subject, aligner, frames, found)


def _checked(faces: Any) -> list[Face]:
    expect(isinstance(faces, list), in_words(faces), "a list", "a face not found is an empty list")
    for face in faces:
        expect(isinstance(face, Face), in_words(face), "bench.api.Face")
        expect_array(face.box, "float32", (4,), "mend Face.box: left, top, right, bottom")
        expect_finite(face.box)
        left, top, right, bottom = face.box.tolist()
        expect(left < right and top < bottom, f"the box {face.box.tolist()}", "left < right and top < bottom")
        expect(isinstance(face.landmarks, Mapping), in_words(face.landmarks), "a mapping from scheme to points")
        for scheme, points in face.landmarks.items():
            expect_array(points, "float32", (POINTS_OF_SCHEME.get(scheme, "P"), 2), f"mend landmarks[{scheme!r}]")
            expect_finite(points)
        sure = isinstance(face.confidence, float) and np.isfinite(face.confidence)
        expect(sure, f"the confidence {in_words(face.confidence)}", "a finite float")
    return list(faces)


def _expect_none(faces: Any, shape: tuple[int, ...]) -> None:
    whole = [0, 0, shape[1], shape[0]]
    # An aligner that looks for nothing, because its faces are aligned already, takes every frame for a face.
    found = [face for face in _checked(faces) if face.landmarks or face.box.tolist() != whole]
    expect(not found, f"{len(found)} faces in a black frame of {shape[1]} x {shape[0]} pixels", "an empty list")


def _expect_same_faces(first: list[Face], second: list[Face], change: str) -> None:
    expect(len(first) == len(second), f"{len(first)} faces, then {len(second)}", "as many faces", change)
    for one, other in zip(first, second, strict=True):
        expect_same(one.box, other.box, "edges of a box", change)
        expect(one.confidence == other.confidence, "another confidence", "the same", change)
        expect(list(one.landmarks) == list(other.landmarks), "other landmark schemes", "the same", change)
        for scheme, points in one.landmarks.items():
            expect_same(points, other.landmarks[scheme], f"points of {scheme}", change)


def _ask_crop(
    asks: Inspection, subject: Subject, aligner: Any, frames: list[FrameImage], found: list[list[Face]]
) -> None:
    where = next((index for index, faces in enumerate(found) if faces), 0)
    frame, face = frames[where], found[where][0] if found[where] else people()[where].face
    crops: dict[str, FrameImage] = {}
    with asks.promise("Aligner.crop", "uint8 (S, S, 3), S the template's side; PluginError where no scheme fits"):
        refusals = []
        for template in TEMPLATES:
            try:
                crops[template.name] = aligner.crop(frame.copy(), face, template)
            except PluginError as error:
                refusals.append(str(error))
                continue
            expect_array(crops[template.name], "uint8", (template.side, template.side, 3))
        if not crops:
            raise Broken(f"got a refusal of every template ({refusals[0]}), expected crops for one of them at least")
    if not asks.last_kept:
        return
    usable = [template for template in TEMPLATES if template.name in crops]
    with asks.promise("Aligner.crop", "the same crop again, and from a second instance"):
        for other in (aligner, subject.fresh()):
            for template in usable:
                expect_same(crops[template.name], other.crop(frame.copy(), face, template), "rows of a crop", "")
    with asks.promise("Aligner.crop", "the frame and the face are left as they were"):
        given, points = frame.copy(), {scheme: value.copy() for scheme, value in face.landmarks.items()}
        aligner.crop(given, face, usable[0])
        expect_same(frame, given, "rows of the frame", "work on a copy")
        for scheme, value in points.items():
            expect_same(value, face.landmarks[scheme], f"points of {scheme}", "work on a copy")
    with asks.promise("Aligner.detect", "drawn faces, seen from the front, are found"):
        if not any(found):
            # No promise of the protocol: a detector need not take drawings for faces.
            raise NotAsked(f"no face was found in {len(frames)} drawn people; crops were made of exact landmarks")
