"""What data sets, aligners and parsers can do wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.api import Frame
from tests.ill_behaved.deeds import NONE_OF, Deed, count, darken, each_face, in_turn, returns, sets, spoils, trials_with
from tests.well_behaved import Data, Vectors, face


def trials_for_one_stream(toy: Any) -> None:
    seen: list[float] = []

    def trials(protocol: str, rng: np.random.Generator) -> Any:
        seen.append(rng.random())
        found = Data.trials(toy, protocol, rng)
        return found if seen[-1] == seen[0] else dataclasses.replace(found, protocol="else")

    toy.trials = trials


def changes_points(change: Callable[[Any], Any]) -> Callable[[Any], None]:
    return returns("landmarks", lambda found: {scheme: change(points) for scheme, points in found.items()})


DEEDS: dict[str, Deed] = {
    # data sets
    "protocols is a list": Deed("data", sets(protocols=["all_pairs"]), "Dataset.protocols", "a tuple"),
    "a protocol twice": Deed("data", sets(protocols=("all_pairs",) * 2), "Dataset.protocols", "a tuple"),
    "no protocol can be used": Deed("data", sets(protocols=("nothing",)), "Dataset.protocols", "one at least"),
    "shows_faces is None": Deed("data", sets(shows_faces=None), "Dataset.shows_faces", "nobody real"),
    "no frames": Deed("data", sets(frames=list), "Dataset.frames", "not empty"),
    "frames are text": Deed("data", sets(frames=lambda: ["a"]), "Dataset.frames", "bench.api.Frame"),
    "a key twice": Deed("data", returns("frames", lambda f: f + f[:1]), "Frame.key", "'ann/0.png' twice"),
    "a backslash": Deed("data", returns("frames", lambda f: [*f, Frame("a\\b", "a")]), "Frame.key", "forward slashes"),
    "an absolute key": Deed(
        "data", returns("frames", lambda f: [*f, Frame("/a/b", "a")]), "Frame.key", "within the data"
    ),
    "a subject that is a number": Deed(
        "data", returns("frames", lambda f: [*f, Frame("x", 7)]), "Frame.subject", "int 7"
    ),
    "frames in another order": Deed(
        "data",
        returns("frames", lambda f: f[:: (-1) ** count()]),
        "Dataset.frames",
        "sort what a folder lists",
    ),
    "grey pictures": Deed("data", returns("image", lambda i: i[..., 0]), "Dataset.image", "uint8 (H, W, 3)"),
    "pictures in [0, 1]": Deed("data", returns("image", lambda i: i / 255), "Dataset.image", "uint8 (H, W, 3)"),
    "random pictures": Deed("data", in_turn("image", *np.arange(3, dtype=np.uint8)), "Dataset.image", "other pixels"),
    "a picture of any key": Deed(
        "data", lambda toy: setattr(toy, "_number", lambda key: len(key) % 6), "Dataset.image", "expected MissingFile"
    ),
    "no readable picture": Deed(
        "data",
        lambda toy: toy.__dict__.update(image=lambda key: Vectors.image(toy, key)),
        "Dataset.image",
        "none can be",
    ),
    "short digests": Deed(
        "data", returns("content_digest", lambda d: d[:32]), "Dataset.content_digest", "64 lower-case"
    ),
    "one digest for all": Deed(
        "data", sets(content_digest=lambda key: "0" * 64), "Dataset.content_digest", "the cache is keyed by it"
    ),
    "digests of the time": Deed(
        "data",
        returns("content_digest", lambda d: d[:60] + f"{count() % 9000 + 1000}"),
        "Dataset.content_digest",
        "leave out times",
    ),
    "another protocol's trials": Deed("data", trials_with(protocol="else"), "Dataset.trials", "those of 'all_pairs'"),
    "int64 trials": Deed(
        "data", trials_with(probe=lambda t: t.probe.astype(np.int64)), "Dataset.trials", "Trials.probe"
    ),
    "trials beyond the frames": Deed(
        "data", trials_with(reference=lambda t: t.reference + 9), "Dataset.trials", "0 to 3"
    ),
    "trials of strangers": Deed(
        "data", trials_with(frames=lambda t: (*t.frames, Frame("x", "x"))), "Dataset.trials", "frames() does not list"
    ),
    "a frame twice in trials": Deed(
        "data", trials_with(frames=lambda t: (*t.frames, t.frames[0])), "Dataset.trials", "each frame once"
    ),
    "folds of int64": Deed(
        "data", trials_with(fold=lambda t: np.zeros(len(t.probe), int)), "Dataset.trials", "Trials.fold"
    ),
    "trials of one stream only": Deed(
        "data", trials_for_one_stream, "Dataset.trials", "got trials of 'else', expected those of 'all_pairs'"
    ),
    "trials from another stream": Deed(
        "data", trials_with(probe=lambda t: np.roll(t.probe, count())), "Dataset.trials", "from nothing else"
    ),
    "too few attributes": Deed(
        "data", sets(attributes=lambda: {"age": np.zeros(3, np.float32)}), "AttributedDataset.attributes", "mend 'age'"
    ),
    "infinite attributes": Deed(
        "data",
        sets(attributes=lambda: {"age": np.full(4, np.inf, np.float32)}),
        "AttributedDataset.attributes",
        "infinite",
    ),
    "float64 attributes": Deed(
        "data", sets(attributes=lambda: {"age": np.zeros(4)}), "AttributedDataset.attributes", "float32 (4,)"
    ),
    "attributes that change": Deed(
        "data",
        sets(attributes=lambda: {"age": np.full(4, count(), np.float32)}),
        "AttributedDataset.attributes",
        "other values of 'age'",
    ),
    "masks that change": Deed(
        "data", in_turn("mask", *np.arange(3, dtype=np.uint8)), "MaskedDataset.mask", "other bits"
    ),
    "label 19": Deed("data", returns("mask", lambda m: m + 19), "MaskedDataset.mask", "labels 0 to 18"),
    "a mask of another size": Deed("data", returns("mask", lambda m: m.T), "MaskedDataset.mask", "uint8 (6, 5)"),
    "one digest for all masks": Deed(
        "data", sets(mask_digest=lambda key: "0" * 64), "MaskedDataset.mask_digest", "two masks"
    ),
    "no landmarks are None": Deed(
        "data", returns("landmarks", lambda found: found or None), "LandmarkedDataset.landmarks", "empty where unknown"
    ),
    "landmarks of float64": Deed(
        "data",
        changes_points(lambda points: points.astype(np.float64)),
        "LandmarkedDataset.landmarks",
        "float32 (5, 2)",
    ),
    "landmarks at infinity": Deed(
        "data", changes_points(lambda points: points * np.float32(np.inf)), "LandmarkedDataset.landmarks", "finite"
    ),
    "four landmarks": Deed(
        "data", changes_points(lambda points: points[:4]), "LandmarkedDataset.landmarks", "float32 (5, 2)"
    ),
    "the person's own left eye first": Deed(
        "data",
        changes_points(lambda points: points[[1, 0, 2, 4, 3]]),
        "LandmarkedDataset.landmarks",
        "left and right are those of the picture",
    ),
    "landmarks that wander": Deed(
        "data", changes_points(lambda points: points + np.float32(count())), "LandmarkedDataset.landmarks", "other bits"
    ),
    "one digest for all landmarks": Deed(
        "data",
        sets(landmarks_digest=lambda key: "0" * 64),
        "LandmarkedDataset.landmarks_digest",
        "one digest for the landmarks of 'ann/0.png' and 'ann/1.png'",
    ),
    "embeddings in an order of their own": Deed(
        "vectors",
        lambda toy: setattr(toy, "embeddings", lambda keys: Vectors.embeddings(toy, sorted(keys))),
        "EmbeddedDataset.embeddings",
        "in the order of the keys",
    ),
    "embeddings of NaN": Deed("vectors", returns("embeddings", NONE_OF), "EmbeddedDataset.embeddings", "finite"),
    # aligners
    "no face is None": Deed("aligner", returns("detect", lambda f: f or None), "Aligner.detect", "an empty list"),
    "no face is an exception": Deed("aligner", returns("detect", lambda f: f[0] and f), "Aligner.detect", "IndexError"),
    "a face in the dark": Deed(
        "aligner", sets(detect=lambda frame: [face(frame)]), "Aligner.detect", "1 faces in a black"
    ),
    "a box inside out": Deed(
        "aligner",
        each_face(box=lambda one: one.box[::-1].copy()),
        "Aligner.detect",
        "left < right",
    ),
    "four of five points": Deed(
        "aligner",
        each_face(landmarks=lambda one: {"field5": one.landmarks["field5"][:4]}),
        "Aligner.detect",
        "float32 (5, 2)",
    ),
    "landmarks of NaN": Deed(
        "aligner",
        each_face(landmarks=lambda one: {"x": NONE_OF(one.box[None, :2])}),
        "Aligner.detect",
        "finite",
    ),
    "confidence of NumPy": Deed(
        "aligner",
        each_face(confidence=lambda one: np.float32(1)),
        "Aligner.detect",
        "a finite float",
    ),
    "faces that move": Deed(
        "aligner",
        each_face(confidence=lambda one: float(count())),
        "Aligner.detect",
        "another confidence",
    ),
    "detect paints": Deed(
        "aligner", spoils("detect", lambda frame: darken(frame[:1])), "Aligner.detect", "work on a copy"
    ),
    "crops of 100 pixels": Deed("aligner", returns("crop", lambda c: c[:100, :100]), "Aligner.crop", "(112, 112, 3)"),
    "crop paints": Deed("aligner", spoils("crop", lambda frame: darken(frame[:1])), "Aligner.crop", "work on a copy"),
    "crops that change": Deed("aligner", in_turn("crop", np.uint8(0), np.uint8(1)), "Aligner.crop", "other bits"),
    # parsers
    "a parser's label 19": Deed("parser", returns("parse", lambda p: p + 10), "Parser.parse", "labels 0 to 18"),
    "a parser's int64": Deed("parser", returns("parse", lambda p: p.astype(int)), "Parser.parse", "uint8"),
    "labels that change": Deed("parser", in_turn("parse", np.uint8(0), np.uint8(1)), "Parser.parse", "set every seed"),
    "a parser without template": Deed("parser", sets(template=None), "Parser.template", "bench.api.Template"),
    "a parser of batches": Deed(
        "parser",
        returns("parse", lambda p: np.where(p[:1] == p, p, 0).astype(np.uint8)),
        "Parser.parse",
        "of the batch",
    ),
    "a parser that paints": Deed("parser", spoils("parse", darken), "Parser.parse", "work on a copy"),
    "a parser without batch": Deed("parser", sets(batch_size=0), "Parser.batch_size", "at least 1"),
    "a parser's batch of True": Deed("parser", sets(batch_size=True), "Parser.batch_size", "at least 1"),
    "a parser's unknown aligner": Deed(
        "parser", sets(default_aligner=lambda: {"name": "yunett"}), "Parser.default_aligner", "yunet"
    ),
    "a parser's aligner that does not fit": Deed(
        "parser", sets(default_aligner=lambda: {"name": "dlib_hog"}), "Parser.default_aligner", "points: 68"
    ),
    "labels by place": Deed(
        "parser",
        returns("parse", lambda p: p + np.arange(4, dtype=np.uint8)[:, None, None]),
        "Parser.parse",
        "no statistics",
    ),
    "labels of half the batch": Deed("parser", returns("parse", lambda p: p[:2]), "Parser.parse", "uint8 (4, 32, 32)"),
    "no parser ran": Deed("parser", sets(runtime=dict), "Parser.runtime", "device"),
}
