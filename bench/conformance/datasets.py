"""What a data set promises: stable keys, readable pictures with digests, trials drawn from the given stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.api import Frame, Trials
from bench.conformance.finding import Broken, Inspection, NotAsked, expect, in_words
from bench.conformance.pictures import ask_embeddings, ask_pictures
from bench.conformance.subject import Subject
from bench.conformance.values import POINTS_OF_SCHEME, expect_array, expect_digest, expect_finite, expect_same
from bench.errors import ConfigError, InsufficientData
from bench.seeding import stream

SAMPLE = 20
"""At most so many frames are looked at, spread evenly over the data set."""


def ask_dataset(asks: Inspection, subject: Subject, data: Any) -> None:
    """Asks what `bench.api.Dataset` promises, and what its further protocols do where it has their methods."""
    with asks.promise("Dataset.protocols", "a tuple of names, each once, the default one first"):
        names = data.protocols
        fits = isinstance(names, tuple) and all(isinstance(name, str) and name for name in names)
        expect(fits and names and len(set(names)) == len(names), in_words(names), "a tuple of one name or more")
    offered = tuple(data.protocols) if asks.last_kept else ()
    with asks.promise("Dataset.shows_faces", "a bool"):
        expect(isinstance(data.shows_faces, bool), in_words(data.shows_faces), "True only where nobody real is shown")
    frames = _ask_frames(asks, subject, data)
    if frames is None:
        asks.stop("Dataset.image", "uint8 (H, W, 3) RGB", "frames gives no frames to ask for")
        return
    chosen = [frames[index].key for index in spread(len(frames))]
    if hasattr(data, "embeddings"):
        ask_embeddings(asks, subject, data, chosen)
    else:
        ask_pictures(asks, subject, data, chosen)
    _ask_trials(asks, subject, data, offered, frames)
    if hasattr(data, "attributes"):
        _ask_attributes(asks, data, len(frames))
    if hasattr(data, "landmarks"):
        _ask_landmarks(asks, subject, data, chosen)


def spread(count: int) -> list[int]:
    """At most `SAMPLE` different indices from 0 to count - 1, evenly spread."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, SAMPLE)).tolist()})


def _ask_frames(asks: Inspection, subject: Subject, data: Any) -> Sequence[Frame] | None:
    frames: Any = None
    with asks.promise("Dataset.frames", "a sequence of Frame, one at least", usage=True):
        frames = data.frames()
        expect(isinstance(frames, Sequence) and frames, in_words(frames), "a list or tuple that is not empty")
        for frame in frames:
            expect(isinstance(frame, Frame), in_words(frame), "bench.api.Frame")
    if not asks.last_kept:
        return None
    with asks.promise("Frame.key", "text, unique, with forward slashes, relative to the data set"):
        seen: set[str] = set()
        for frame in frames:
            _expect_key(frame.key, seen)
    with asks.promise("Frame.subject", "text"):
        for frame in frames:
            expect(isinstance(frame.subject, str), in_words(frame.subject), "the person's name as text")
    with asks.promise("Dataset.frames", "the same frames in the same order again, and from a second instance"):
        for again in (data.frames(), subject.fresh().frames()):
            expect(list(again) == list(frames), "other frames or another order", "the same", "sort what a folder lists")
    return list(frames)


def _expect_key(key: Any, seen: set[str]) -> None:
    expect(isinstance(key, str) and key, in_words(key), "text that is not empty")
    expect("\\" not in key, f"the key {key!r}", "forward slashes", "use PurePath.as_posix()")
    absolute = key.startswith(("/", "~")) or key[1:3] == ":/" or ".." in key.split("/")
    expect(not absolute, f"the key {key!r}", "a name within the data set", "leave out where the data set lies")
    expect(key not in seen, f"the key {key!r} twice", "each key once")
    seen.add(key)


def _ask_trials(
    asks: Inspection, subject: Subject, data: Any, protocols: Sequence[str], frames: Sequence[Frame]
) -> None:
    known = frozenset(frames)
    drawn = 0
    for protocol in protocols:
        trials: Any = None
        with asks.promise("Dataset.trials", f"{protocol}: int32 indices into frames that take part, each once"):
            try:
                trials = data.trials(protocol, stream(0, "conformance"))
            except (InsufficientData, ConfigError) as error:
                raise NotAsked(str(error)) from error
            _expect_trials(trials, protocol, known)
        if not asks.last_kept:
            continue
        drawn += 1
        with asks.promise("Dataset.trials", f"{protocol}: the same trials of the same rng, and of a second instance"):
            for other in (data, subject.fresh()):
                again = other.trials(protocol, stream(0, "conformance"))
                change = "draw from the rng that is given, and from nothing else"
                expect(again.digest == trials.digest, "another Trials.digest", "the same", change)
        with asks.promise("Dataset.trials", f"{protocol}: another rng gives trials too"):
            _expect_trials(data.trials(protocol, stream(1, "conformance")), protocol, known)
    with asks.promise("Dataset.protocols", "one of them can be used at least"):
        if not drawn:
            raise Broken("got trials of none of them; expected those of one at least; check with more people or photos")


def _expect_trials(trials: Any, protocol: str, known: frozenset[Frame]) -> None:
    expect(isinstance(trials, Trials), in_words(trials), "bench.api.Trials")
    expect(trials.protocol == protocol, f"trials of {trials.protocol!r}", f"those of {protocol!r}")
    expect(isinstance(trials.frames, tuple), in_words(trials.frames), "a tuple of frames")
    expect(len(set(trials.frames)) == len(trials.frames), "a frame twice in Trials.frames", "each frame once")
    strange = [frame.key for frame in trials.frames if frame not in known]
    expect(
        not strange, f"{len(strange)} frames that frames() does not list, such as {strange[:1]}", "listed frames only"
    )
    expect_array(trials.probe, "int32", ("M",), "Trials.probe")
    expect_array(trials.reference, "int32", (len(trials.probe),), "Trials.reference")
    count = len(trials.keys)  # photos, or templates of them
    for name, indices in (("probe", trials.probe), ("reference", trials.reference)):
        low, high = int(indices.min()), int(indices.max())
        expect(low >= 0 and high < count, f"{name} from {low} to {high}", f"indices from 0 to {count - 1}")
    if trials.fold is not None:
        expect_array(trials.fold, "int16", (len(trials.probe),), "Trials.fold")


def _ask_attributes(asks: Inspection, data: Any, count: int) -> None:
    with asks.promise("AttributedDataset.attributes", "name to float32 or text, one value a frame; NaN where unknown"):
        attributes = data.attributes()
        expect(isinstance(attributes, Mapping), in_words(attributes), "a mapping, empty where there are none")
        for name, values in attributes.items():
            expect(isinstance(name, str), in_words(name), "the attribute's name as text")
            text = isinstance(values, np.ndarray) and values.dtype.kind == "U"
            expect_array(values, str(values.dtype) if text else "float32", (count,), f"mend {name!r}")
            finite = text or not np.isinf(values).any()
            expect(finite, f"{name!r} with infinite values", "numbers, or NaN where unknown")
    if asks.last_kept:
        with asks.promise("AttributedDataset.attributes", "the same values again"):
            for name, values in data.attributes().items():
                same = np.array_equal(values, attributes[name], equal_nan=values.dtype.kind == "f")
                expect(same, f"other values of {name!r}", "the same")


def _ask_landmarks(asks: Inspection, subject: Subject, data: Any, keys: Sequence[str]) -> None:
    found: dict[str, Mapping[str, np.ndarray]] = {}
    promise = "scheme to finite float32 (P, 2), x then y, eyes apart; empty where unknown"
    with asks.promise("LandmarkedDataset.landmarks", promise):
        for key in keys:
            found[key] = data.landmarks(key)
            _expect_landmarks(found[key], key)
        _expect_left_first(list(found.values()))
    if not asks.last_kept:
        return
    with asks.promise("LandmarkedDataset.landmarks", "the same points again, and from a second instance"):
        for other in (data, subject.fresh()):
            for key in keys:
                _expect_same_landmarks(found[key], other.landmarks(key), key)
    with asks.promise("LandmarkedDataset.landmarks_digest", "SHA-256 hex, stable, different for different landmarks"):
        second = subject.fresh()
        first: dict[str, str] = {}
        for key in keys:
            digest = data.landmarks_digest(key)
            expect_digest(digest)
            expect(digest == second.landmarks_digest(key), f"another digest of {key!r}", "the same")
            same = found[first.setdefault(digest, key)]
            alike = list(same) == list(found[key]) and all(
                np.array_equal(points, found[key][scheme]) for scheme, points in same.items()
            )
            expect(alike, f"one digest for the landmarks of {first[digest]!r} and {key!r}", "one for each")


def _expect_landmarks(landmarks: Any, key: str) -> None:
    expect(isinstance(landmarks, Mapping), in_words(landmarks), "a mapping from scheme to points, empty where unknown")
    for scheme, points in landmarks.items():
        expect(isinstance(scheme, str), in_words(scheme), "the scheme's name as text")
        expect_array(points, "float32", (POINTS_OF_SCHEME.get(scheme, "P"), 2), f"mend landmarks({key!r})[{scheme!r}]")
        expect_finite(points)
    if "field5" in landmarks:
        apart = bool((landmarks["field5"][0] != landmarks["field5"][1]).any())
        expect(apart, f"both eyes of {key!r} in one place", "eyes apart: errors are measured by their distance")


def _expect_left_first(found: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Most eyes at the left of the picture come first; a head may be turned so far that its own do not."""
    eyes = [landmarks["field5"][:2, 0] for landmarks in found if "field5" in landmarks]
    wrong = sum(bool(first > second) for first, second in eyes)
    expect(
        2 * wrong <= len(eyes), f"{wrong} of {len(eyes)} faces whose first eye is the one at the right",
        "the eye at the left of the picture first", "left and right are those of the picture, not the person's own",
    )  # fmt: skip


def _expect_same_landmarks(landmarks: Mapping[str, np.ndarray], again: Any, key: str) -> None:
    expect(list(landmarks) == list(again), f"other schemes of {key!r}", "the same")
    for scheme, points in landmarks.items():
        expect_same(points, again[scheme], f"points of {scheme} of {key!r}", "")
