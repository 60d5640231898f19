"""`impersona check`: well-behaved toys keep every promise, and whatever breaks one is caught and named.

A toy of each kind does all that bench/api.py asks. `MISCHIEF` is the table of what can go wrong: a deed that is done to
a toy as it is constructed, and the promise that it breaks.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import importlib
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import bench
from bench.aligners.templates import ARCFACE112, crop_by_landmarks
from bench.api import Budget, Face, FaceBatch, Frame, PluginRow, Template, Trials
from bench.cli.main import main
from bench.conformance import Finding, check_plugin, subject
from bench.conformance.construction import Construction
from bench.conformance.executors import CELLS
from bench.datasets.protocols import all_pairs
from bench.errors import ConfigError, InsufficientData, MissingFile, PluginError, UnknownName
from bench.registry import Registry, load
from bench.sweep.executors.inline import Inline

COUNT = itertools.count()
RNG = np.random.default_rng(0)
SIDE = 32
SMALL = Template("toy32", SIDE, {"field5": ARCFACE112.targets["field5"] * np.float32(SIDE / 112)})


@dataclass(frozen=True)
class Settings:
    """What a toy does that it should not."""

    does: str = ""


class Toy:
    """What all toys share."""

    def __init__(self, settings: Settings) -> None:
        if settings.does:
            MISCHIEF[settings.does].act(self)

    def fingerprint(self) -> dict[str, Any]:
        return {"revision": 1, "site": "https://example.org/toy", "nothing": None, "share": 0.5}


class Data(Toy):
    """Four pictures of two people."""

    protocols: Any = ("all_pairs", "nothing")
    shows_faces: Any = True

    def frames(self) -> Any:
        return [Frame(f"{who}/{number}.png", who) for who in ("ann", "bob") for number in (0, 1)]

    def image(self, key: str) -> Any:
        return np.full((6, 5, 3), 40 * self._number(key) + 9, np.uint8)

    def content_digest(self, key: str) -> Any:
        return hashlib.sha256(key.encode()).hexdigest()

    def trials(self, protocol: str, rng: np.random.Generator) -> Any:
        if protocol == "nothing":
            raise InsufficientData("there are too few")
        return all_pairs(self.frames(), rng, 20)

    def attributes(self) -> Any:
        return {"age": np.array([3, 4, np.nan, 6], np.float32), "sex": np.array(["w", "w", "", "m"])}

    def mask(self, key: str) -> Any:
        return np.full((6, 5), self._number(key), np.uint8)

    def mask_digest(self, key: str) -> Any:
        return hashlib.sha256(b"mask" + key.encode()).hexdigest()

    def _number(self, key: str) -> int:
        keys = [frame.key for frame in Data.frames(self)]
        if key not in keys:
            raise MissingFile(f"no picture {key}")
        return keys.index(key)


class Vectors(Toy):
    """A data set of embeddings."""

    protocols = ("all_pairs",)
    shows_faces = False
    frames, content_digest = Data.frames, Data.content_digest

    def image(self, key: str) -> Any:
        raise MissingFile("there are no pictures")

    def embeddings(self, keys: Any) -> Any:
        return np.array([[len(key), ord(key[0]), ord(key[4])] for key in keys], np.float32)

    def trials(self, protocol: str, rng: np.random.Generator) -> Any:
        return all_pairs(self.frames(), rng, 20)


class Aligner(Toy):
    """Finds a face in what is not black."""

    def detect(self, frame: Any) -> Any:
        return [face(frame)] if frame.any() else []

    def crop(self, frame: Any, face: Any, template: Any) -> Any:
        return crop_by_landmarks(frame, face, template)


def face(frame: Any, **changes: Any) -> Face:
    """A face in the middle of a frame."""
    height, width = frame.shape[:2]
    points = (ARCFACE112.targets["field5"] * np.float32(width / 112)).astype(np.float32)
    values = {
        "box": np.array([0, 0, width, height - 1], np.float32),
        "landmarks": {"field5": points},
        "confidence": 1.0,
    }
    return Face(**(values | changes))


class Parser(Toy):
    """Dark pixels are hair."""

    template = SMALL

    def parse(self, crops: Any) -> Any:
        return np.where(crops.mean(axis=1) < 0.5, 13, 1).astype(np.uint8)


class Recognizer(Toy):
    """The mean colours of the halves of a crop."""

    comparison: Any = "cosine"
    template: Any = SMALL
    batch_size: Any = 4

    def default_aligner(self) -> Any:
        return {"name": "none"}

    def embed(self, crops: Any) -> Any:
        return np.stack(
            [np.concatenate([row[:, :16].mean((1, 2)), row[:, 16:].mean((1, 2)), [1]]) for row in crops]
        ).astype(np.float32)

    def runtime(self) -> Any:
        return {"device": "cpu"}


class Gradients(Recognizer):
    """The same in torch."""

    def embed_tensor(self, crops: Any) -> Any:
        import torch

        halves = [crops[:, :, :16].mean((2, 3)), crops[:, :, 16:].mean((2, 3))]
        return torch.cat([*halves, torch.ones(len(crops), 1)], dim=1)


class Detector(Toy):
    """Brightness, or how far it is from the reference's."""

    species: Any = ("morph",)
    differential: Any = False
    template = SMALL

    def attack_scores(self, crops: Any, references: Any = None) -> Any:
        if self.differential and references is None:
            raise ValueError("differential: references are needed")
        base = references if self.differential else np.zeros_like(crops)
        return np.array([np.abs(row - other).mean() for row, other in zip(crops, base, strict=True)], np.float32)


class Generator(Toy):
    """The mean of two people, with a little noise, where the landmarks are not all in one place."""

    conditions: Any = frozenset({"references", "landmarks", "reference_landmarks"})
    template = SMALL
    contributors: Any = 2
    batch_size: Any = 3

    def default_aligner(self) -> Any:
        return {"name": "dlib_hog", "points": 68}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        return mean_of_two(batch, rng)


def mean_of_two(batch: FaceBatch, rng: np.random.Generator) -> Any:
    """What toy makers make."""
    for name in ("references", "landmarks", "reference_landmarks"):
        if getattr(batch, name) is None:
            raise ValueError(f"{name}: got None, expected one other contributor")
    if batch.references.shape[1] != 1:
        raise ValueError(f"got {batch.references.shape[1]} others, expected 1")
    noise = rng.random((len(batch.images), 1, 1, 1), dtype=np.float32) / 100
    made = np.clip((batch.images + batch.references[:, 0]) / 2 + noise, 0, 1).astype(np.float32)
    made[np.ptp(batch.landmarks, axis=1).max(axis=1) == 0] = np.nan
    return made


class Attack(Generator):
    """The same, towards a score, within its budget."""

    goals: Any = frozenset({"hide", "impersonate"})
    access: Any = "scores"

    def run(self, batch: FaceBatch, oracle: Any, goal: Any, budget: Budget, rng: np.random.Generator) -> Any:
        made = mean_of_two(batch, rng)
        oracle.scores(np.nan_to_num(made))
        if budget.norm == "l2":
            raise ValueError("norm: got l2, expected linf or none")
        if budget.norm == "linf":
            radius = np.float32(budget.radius - 1 / 255)
            return np.clip(made, np.maximum(batch.images - radius, 0), np.minimum(batch.images + radius, 1))
        return made


class Executor(Inline, Toy):
    """Inline under another name."""

    def __init__(self, settings: Settings) -> None:
        Toy.__init__(self, settings)

    fingerprint = Toy.fingerprint


class NoEmbed(Toy):
    """A recognizer that lacks what it is for."""

    comparison, template, batch_size = "cosine", SMALL, 4
    default_aligner, runtime = Recognizer.default_aligner, Recognizer.runtime


@dataclass
class LooseSettings:
    """Settings that can be changed."""

    does: str = ""


TOYS: dict[str, tuple[Any, type]] = {
    "data": ("dataset", Data),
    "vectors": ("dataset", Vectors),
    "aligner": ("aligner", Aligner),
    "parser": ("parser", Parser),
    "recognizer": ("recognizer", Recognizer),
    "gradients": ("recognizer", Gradients),
    "detector": ("detector", Detector),
    "generator": ("generator", Generator),
    "attack": ("attack", Attack),
    "executor": ("executor", Executor),
}


def row(kind: Any, name: str, target: str, settings: str = "Settings", **changes: Any) -> PluginRow:
    """The row of a toy."""
    here = "tests.test_check"
    return PluginRow(
        kind=kind, name=name, target=f"{here}:{target}", settings=f"{here}:{settings}", summary="a toy",
        source="the tests", licence="none", **changes,
    )  # fmt: skip


@pytest.fixture
def toys(own_registry: Registry) -> Registry:
    """A registry with every toy."""
    for name, (kind, cls) in TOYS.items():
        own_registry.add(row(kind, f"toy_{name}", cls.__name__), "the tests")
    return own_registry


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started for what can be asked in this one."""

    def here(row: PluginRow, settings: dict[str, Any]) -> Construction:
        return Construction({}, json.loads(json.dumps(load(row.kind, row.name, **settings).fingerprint())))

    monkeypatch.setattr(subject, "construct_elsewhere", here)


@pytest.fixture(autouse=True)
def counted_anew() -> None:
    """Every test counts from 0, so that none depends on those before it."""
    global COUNT, RNG
    COUNT, RNG = itertools.count(), np.random.default_rng(0)


def broken(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.kept is False]


# ------------------------------------------------------------------------------------------------- what can go wrong


class Deed(NamedTuple):
    """What is done to a toy, and what must be found."""

    toy: str
    act: Callable[[Any], None]
    line: str
    says: str


def sets(**values: Any) -> Callable[[Any], None]:
    """Puts attributes on a toy."""

    def act(toy: Any) -> None:
        for name, value in values.items():
            setattr(toy, name, value)

    return act


def returns(method: str, change: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Changes what a method returns."""

    def act(toy: Any) -> None:
        original = getattr(toy, method)
        setattr(toy, method, lambda *given, **named: change(original(*given, **named)))

    return act


def spoils(method: str, before: Callable[[Any], None]) -> Callable[[Any], None]:
    """Does something to a method's first argument, then calls it."""

    def act(toy: Any) -> None:
        original = getattr(toy, method)

        def spoilt(first: Any, *others: Any, **named: Any) -> Any:
            before(first)
            return original(first, *others, **named)

        setattr(toy, method, spoilt)

    return act


def darken(array: Any) -> None:
    array *= 0


def trials_with(**changes: Any) -> Callable[[Any], None]:
    """Trials of which some fields are others; a function is called with the true ones."""

    def changed(trials: Trials) -> Trials:
        values = {name: value(trials) if callable(value) else value for name, value in changes.items()}
        return dataclasses.replace(trials, **values)

    return returns("trials", changed)


def each_face(**changes: Any) -> Callable[[Any], None]:
    """Changes fields of every face that is found; each change is called with the face."""

    def changed(faces: list[Face]) -> list[Face]:
        return [dataclasses.replace(one, **{name: change(one) for name, change in changes.items()}) for one in faces]

    return returns("detect", changed)


def in_turn(method: str, *values: Any) -> Callable[[Any], None]:
    """Adds another of some values at every call, whichever instance is asked."""
    return returns(method, lambda found: found + values[next(COUNT) % len(values)])


def ignores_the_second(toy: Any) -> None:
    toy.generate = lambda batch, rng: Generator.generate(
        toy,
        dataclasses.replace(batch, references=batch.images[:, None]) if batch.references is not None else batch,
        rng,
    )


def takes_any_number(toy: Any) -> None:
    toy.generate = lambda batch, rng: Generator.generate(
        toy, batch if batch.references is None else dataclasses.replace(batch, references=batch.references[:, :1]), rng
    )


def makes_up_landmarks(toy: Any) -> None:
    def generate(batch: FaceBatch, rng: np.random.Generator) -> Any:
        if batch.landmarks is None and batch.reference_landmarks is not None:
            batch = dataclasses.replace(batch, landmarks=batch.reference_landmarks[:, 0])
        return mean_of_two(batch, rng)

    toy.generate = generate


def counts_instances(toy: Any) -> None:
    number = next(COUNT)
    returns("fingerprint", lambda found: found | {"number": number})(toy)


def notes_its_device(toy: Any) -> None:
    returns("fingerprint", lambda found: found | {"worked": "device" in toy.__dict__})(toy)
    spoils("embed", lambda crops: setattr(toy, "device", "cpu"))(toy)


def of_the_batch(values: Any) -> Any:
    return values + values.mean(axis=0)


def hides_nothing(toy: Any) -> None:
    toy.run = lambda batch, oracle, goal, budget, rng: mean_of_two(batch, rng)


def asks_for_more(toy: Any) -> None:
    def run(batch: Any, oracle: Any, goal: Any, budget: Any, rng: Any) -> Any:
        with contextlib.suppress(PluginError):
            oracle.gradients(batch.images)
        return Attack.run(toy, batch, oracle, goal, budget, rng)

    toy.run = run


def asks_too_often(toy: Any) -> None:
    def run(batch: Any, oracle: Any, goal: Any, budget: Any, rng: Any) -> Any:
        for _ in range(4000 if budget.norm == "linf" else 1):
            oracle.queries += len(batch.images)
        return Attack.run(toy, batch, oracle, goal, budget, rng)

    toy.run = run


def closes_once(toy: Any) -> None:
    def close() -> None:
        if toy.__dict__.get("closed"):
            raise RuntimeError("closed already")
        toy.closed = True

    toy.close = close


def outcome_of_nothing(toy: Any) -> None:
    toy.run = lambda cells, execute, watch: Inline.run(toy, list(cells) or CELLS[:1], execute, watch)


def trials_for_one_stream(toy: Any) -> None:
    seen: list[float] = []

    def trials(protocol: str, rng: np.random.Generator) -> Any:
        seen.append(rng.random())
        found = Data.trials(toy, protocol, rng)
        return found if seen[-1] == seen[0] else dataclasses.replace(found, protocol="else")

    toy.trials = trials


def never_starts(toy: Any) -> None:
    toy.run = lambda cells, execute, watch: (execute(cell, lambda *_: None) for cell in cells)


NONE_OF = functools.partial(np.full_like, fill_value=np.nan)

MISCHIEF: dict[str, Deed] = {
    # any plugin
    "fingerprint is a list": Deed("recognizer", returns("fingerprint", list), "Plugin.fingerprint", "a mapping"),
    "fingerprint holds a list": Deed(
        "recognizer", returns("fingerprint", lambda f: f | {"regions": ["eyes"]}), "Plugin.fingerprint", "join a list"
    ),
    "fingerprint holds a NumPy number": Deed(
        "recognizer", returns("fingerprint", lambda f: f | {"gain": np.float32(1)}), "Plugin.fingerprint", "gain"
    ),
    "fingerprint holds NaN": Deed(
        "recognizer", returns("fingerprint", lambda f: f | {"gain": float("nan")}), "Plugin.fingerprint", "gain"
    ),
    "fingerprint holds a path": Deed(
        "recognizer", returns("fingerprint", lambda f: f | {"m": "/home/me/net.onnx"}), "Plugin.fingerprint", "SHA-256"
    ),
    "fingerprint holds a drive": Deed(
        "recognizer", returns("fingerprint", lambda f: f | {"m": "C:\\net.onnx"}), "Plugin.fingerprint", "SHA-256"
    ),
    "fingerprint holds the time": Deed(
        "recognizer",
        returns("fingerprint", lambda f: f | {"now": time.monotonic_ns()}),
        "Plugin.fingerprint",
        "now: int",
    ),
    "fingerprint differs by instance": Deed(
        "recognizer", counts_instances, "Plugin.fingerprint", "leave out times, counters and ids"
    ),
    "fingerprint changes with work": Deed(
        "recognizer", notes_its_device, "Plugin.fingerprint", "worked: bool False, then bool True"
    ),
    "the constructor raises": Deed("recognizer", lambda toy: {}["absent"], "PluginRow.target", "KeyError: 'absent'"),
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
        returns("frames", lambda f: f[:: (-1) ** next(COUNT)]),
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
        returns("content_digest", lambda d: d[:60] + f"{next(COUNT) % 9000 + 1000}"),
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
        "data", trials_with(probe=lambda t: np.roll(t.probe, next(COUNT))), "Dataset.trials", "from nothing else"
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
        sets(attributes=lambda: {"age": np.full(4, next(COUNT), np.float32)}),
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
        each_face(confidence=lambda one: float(next(COUNT))),
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
    # recognizers
    "an unknown comparison": Deed("recognizer", sets(comparison="l2"), "Recognizer.comparison", "'cosine', 'neg_l2'"),
    "no batch": Deed("recognizer", sets(batch_size=0), "Recognizer.batch_size", "at least 1"),
    "a batch of True": Deed("recognizer", sets(batch_size=True), "Recognizer.batch_size", "at least 1"),
    "a template by name": Deed("recognizer", sets(template="arcface112"), "Recognizer.template", "bench.api.Template"),
    "four points for five": Deed(
        "recognizer",
        sets(template=Template("t", 32, {"field5": np.zeros((4, 2), np.float32)})),
        "Recognizer.template",
        "(5, 2)",
    ),
    "an unknown aligner": Deed(
        "recognizer", sets(default_aligner=lambda: {"name": "yunett"}), "Recognizer.default_aligner", "yunet"
    ),
    "an unknown setting": Deed(
        "recognizer",
        sets(default_aligner=lambda: {"name": "dlib_hog", "point": 68}),
        "Recognizer.default_aligner",
        "points",
    ),
    "an aligner that does not fit": Deed(
        "recognizer", sets(default_aligner=lambda: {"name": "dlib_hog"}), "Recognizer.default_aligner", "points: 68"
    ),
    "embeddings of float64": Deed(
        "recognizer", returns("embed", lambda e: e.astype(float)), "Recognizer.embed", "float32 (4, D)"
    ),
    "embeddings of half the batch": Deed(
        "recognizer", returns("embed", lambda e: e[:2]), "Recognizer.embed", "float32 (4, D)"
    ),
    "embeddings that are not finite": Deed(
        "recognizer", returns("embed", NONE_OF), "Recognizer.embed", "28 of 28 numbers"
    ),
    "embeddings at random": Deed(
        "recognizer", returns("embed", lambda e: e + RNG.random(1, np.float32)), "Recognizer.embed", "set every seed"
    ),
    "embeddings of the batch": Deed("recognizer", returns("embed", of_the_batch), "Recognizer.embed", "no statistics"),
    "embeddings by place": Deed(
        "recognizer",
        returns("embed", lambda e: e + np.arange(4, dtype=np.float32)[:, None]),
        "Recognizer.embed",
        "no statistics",
    ),
    "embed paints": Deed("recognizer", spoils("embed", darken), "Recognizer.embed", "work on a copy"),
    "embeddings of zeros": Deed(
        "recognizer", returns("embed", np.zeros_like), "Recognizer.comparison", "or compare by neg_l2"
    ),
    "nothing ran": Deed("recognizer", sets(runtime=dict), "Recognizer.runtime", "device"),
    "embed raises": Deed("recognizer", spoils("embed", lambda crops: {}["key"]), "Recognizer.embed", "KeyError: 'key'"),
    "a tensor far away": Deed(
        "gradients", returns("embed_tensor", lambda e: e + 1), "GradientRecognizer.embed_tensor", "away from embed"
    ),
    "a tensor without gradient": Deed(
        "gradients",
        returns("embed_tensor", lambda e: e.detach().requires_grad_(True)),
        "GradientRecognizer.embed_tensor",
        "detach nothing",
    ),
    # detectors
    "a species by name": Deed("detector", sets(species="morph"), "Detector.species", "a tuple"),
    "an unknown species": Deed("detector", sets(species=("deepfake",)), "Detector.species", "'forgery'"),
    "differential is 0": Deed("detector", sets(differential=0), "Detector.differential", "True or False"),
    "scores in a column": Deed(
        "detector", returns("attack_scores", lambda s: s[:, None]), "Detector.attack_scores", "(6,)"
    ),
    "scores of float64": Deed(
        "detector", returns("attack_scores", lambda s: s.astype(float)), "Detector.attack_scores", "float32"
    ),
    "scores of NaN": Deed("detector", returns("attack_scores", NONE_OF), "Detector.attack_scores", "finite"),
    "scores that change": Deed(
        "detector", in_turn("attack_scores", np.float32(0), np.float32(1)), "Detector.attack_scores", "set every seed"
    ),
    "scores of the batch": Deed(
        "detector", returns("attack_scores", lambda s: s / s[0]), "Detector.attack_scores", "of the batch"
    ),
    "a detector that paints": Deed(
        "detector", spoils("attack_scores", darken), "Detector.attack_scores", "work on a copy"
    ),
    "scores without reference": Deed(
        "detector",
        sets(differential=True, attack_scores=lambda crops, references=None: crops.mean((1, 2, 3))),
        "Detector.attack_scores",
        "no reference",
    ),
    # generators
    "conditions in a list": Deed("generator", sets(conditions=["references"]), "Generator.conditions", "a frozenset"),
    "an unknown condition": Deed(
        "generator", sets(conditions=frozenset({"landmark"})), "Generator.conditions", "landmarks"
    ),
    "contributors without references": Deed(
        "generator",
        sets(conditions=frozenset({"landmarks", "reference_landmarks"})),
        "Generator.conditions",
        "references among the conditions",
    ),
    "no faces at once": Deed("generator", sets(batch_size=0), "Generator.batch_size", "at least 1"),
    "nobody contributes": Deed("generator", sets(contributors=0), "Generator.contributors", "at least 1"),
    "an aligner without 68 points": Deed(
        "generator", sets(default_aligner=lambda: {"name": "none"}), "Generator.default_aligner", "dlib68"
    ),
    "pixels above 1": Deed("generator", returns("generate", lambda g: g * 2), "Generator.generate", "clip them"),
    "pixels of uint8": Deed(
        "generator", returns("generate", lambda g: (g * 255).astype(np.uint8)), "Generator.generate", "float32"
    ),
    "holes of NaN": Deed(
        "generator",
        returns("generate", lambda g: np.where(g > 0.5, g, np.float32(np.nan))),
        "Generator.generate",
        "some NaN",
    ),
    "nothing made": Deed("generator", returns("generate", NONE_OF), "Generator.generate", "3 rows of NaN"),
    "another stream": Deed(
        "generator",
        returns("generate", lambda g: np.clip(g + RNG.random(1, np.float32), 0, 1)),
        "Generator.generate",
        "draw from the rng",
    ),
    "faces of the batch": Deed(
        "generator",
        returns("generate", lambda g: np.clip((g + np.nanmax(g, axis=0)) / 2, 0, 1)),
        "Generator.generate",
        "by itself",
    ),
    "generate paints": Deed(
        "generator", spoils("generate", lambda batch: darken(batch.landmarks[:, :1])), "FaceBatch", "landmarks"
    ),
    "the second does not show": Deed("generator", ignores_the_second, "Generator.contributors", "contributor 2"),
    "any number of people": Deed("generator", takes_any_number, "Generator.contributors", "2 other contributors"),
    "stumbles over what is missing": Deed(
        "generator",
        spoils("generate", lambda batch: batch.landmarks.shape),
        "Generator.conditions",
        "look at what is given",
    ),
    "does without": Deed("generator", makes_up_landmarks, "Generator.conditions", "no landmarks"),
    "raises for a face that cannot be made": Deed(
        "generator",
        spoils("generate", lambda batch: None if batch.landmarks is None else 1 // int(batch.landmarks[-1].any())),
        "Generator.generate",
        "ZeroDivisionError",
    ),
    # attacks
    "goals in a list": Deed("attack", sets(goals=["hide"]), "Attack.goals", "a frozenset"),
    "an unknown goal": Deed("attack", sets(goals=frozenset({"win"})), "Attack.goals", "'impersonate'"),
    "an unknown access": Deed("attack", sets(access="all"), "Attack.access", "'decisions'"),
    "asks for gradients": Deed("attack", asks_for_more, "Attack.access", "a question for gradients"),
    "an attack's pixels above 1": Deed("attack", returns("run", lambda g: g * 2), "Attack.run (hide)", "clip them"),
    "an attack of the batch": Deed(
        "attack", returns("run", lambda g: np.clip((g + np.nanmax(g, axis=0)) / 2, 0, 1)), "Attack.run", "by itself"
    ),
    "no budget": Deed("attack", hides_nothing, "Budget", "project onto the budget"),
    "too many queries": Deed("attack", asks_too_often, "Budget", "at most 10000"),
    # executors
    "loses a cell": Deed("executor", returns("run", lambda r: list(r)[1:]), "Executor.run", "[0, 1, 1, 1, 1] outcomes"),
    "an outcome twice": Deed("executor", returns("run", lambda r: list(r) * 2), "Executor.run", "[2, 2, 2, 2, 2]"),
    "an outcome that is None": Deed(
        "executor", returns("run", lambda r: [None for _ in r]), "Executor.run", "a Success or"
    ),
    "an outcome of nothing": Deed("executor", outcome_of_nothing, "Executor.run", "1 outcomes of no cells"),
    "outcomes that change": Deed(
        "executor",
        returns("run", lambda r: [dataclasses.replace(one, seconds=1.0) for one in r]),
        "Executor.run",
        "5 changed outcomes",
    ),
    "never says that it began": Deed("executor", never_starts, "Watch.started", "0 cells"),
    "closes once": Deed("executor", closes_once, "Executor.close", "RuntimeError: closed already"),
}


# ------------------------------------------------------------------------------------------------------------- tests


@pytest.mark.usefixtures("toys", "one_process")
@pytest.mark.parametrize("name", TOYS)
def test_a_toy_that_behaves_keeps_every_promise(name: str) -> None:
    kind, _ = TOYS[name]
    findings = bench.check(kind, f"toy_{name}")
    assert not broken(findings)
    assert {finding.line.split(".")[0] for finding in findings} >= {"PluginRow", "Plugin"}
    not_asked = [finding for finding in findings if finding.kept is None]
    assert [finding.message for finding in not_asked] == (["there are too few"] if name == "data" else [])


@pytest.mark.usefixtures("toys", "one_process")
@pytest.mark.parametrize("does", MISCHIEF)
def test_whatever_breaks_a_promise_is_caught(does: str) -> None:
    deed = MISCHIEF[does]
    kind, _ = TOYS[deed.toy]
    found = broken(check_plugin(kind, f"toy_{deed.toy}", {"does": does}))
    assert found, does
    assert any(finding.line.startswith(deed.line) and deed.says in finding.message for finding in found), found
    assert all("expected" in finding.message for finding in found)


@pytest.mark.usefixtures("toys", "one_process")
def test_findings_are_the_same_every_time() -> None:
    assert bench.check("generator", "toy_generator") == bench.check("generator", "toy_generator")


@pytest.mark.usefixtures("toys", "one_process")
def test_a_differential_detector_is_given_references(own_registry: Registry) -> None:
    own_registry.add(row("detector", "pair", "Differential"), "the tests")
    findings = bench.check("detector", "pair")
    assert not broken(findings)
    assert any("refuses to score without references" in finding.promise for finding in findings)


class Differential(Detector):
    """Compares with the reference."""

    differential = True


def test_a_class_that_lacks_a_member_is_a_finding(own_registry: Registry) -> None:
    own_registry.add(row("recognizer", "no_embed", "NoEmbed"), "the tests")
    (found,) = broken(bench.check("recognizer", "no_embed"))
    assert (found.line, "lacks embed" in found.message) == ("PluginRow.target", True)


def test_settings_that_can_be_changed_are_a_finding(own_registry: Registry, one_process: None) -> None:
    own_registry.add(row("parser", "loose", "Parser", settings="LooseSettings"), "the tests")
    (found,) = broken(bench.check("parser", "loose"))
    assert (found.line, "frozen=True" in found.message) == ("PluginRow.settings", True)


class Heavy(Parser):
    """Imports a heavy library when it is constructed."""

    def __init__(self, settings: Settings) -> None:
        importlib.import_module("dlib")
        super().__init__(settings)


class Hashed(Parser):
    """Differs from process to process."""

    def fingerprint(self) -> dict[str, Any]:
        return {"hash": hash("parser")}


@pytest.mark.parametrize(
    ("target", "line", "says"),
    [
        ("Heavy", "PluginRow.target", "dlib imported by importing its module and constructing it"),
        ("Hashed", "Plugin.fingerprint", "use no hash()"),
    ],
)
def test_a_fresh_process_tells(own_registry: Registry, target: str, line: str, says: str) -> None:
    own_registry.add(row("parser", "elsewhere", target), "the tests")
    (found,) = broken(bench.check("parser", "elsewhere"))
    assert found.line == line
    assert says in found.message


def test_what_cannot_be_asked_is_an_error(toys: Registry) -> None:
    with pytest.raises(UnknownName, match="did you mean 'toy_parser'"):
        bench.check("parser", "toy_parsr")
    with pytest.raises(UnknownName, match="did you mean 'does'"):
        bench.check("parser", "toy_parser", dos="x")
    with pytest.raises(ConfigError, match="root"):
        bench.check("dataset", "folder")


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(("check", *arguments))
    return int(caught.value.code or 0)


def test_the_command_ends_with_0_where_all_is_kept(
    toys: Registry, one_process: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("dataset", "toy_data") == 0
    printed = capsys.readouterr().out
    assert "✓ Dataset.image" in printed
    assert "• Dataset.trials" in printed
    assert "there are too few" in printed
    assert "✗" not in printed
    assert printed.splitlines()[-1].endswith(" promises kept, 0 broken, 1 not asked")


def test_the_command_ends_with_1_and_says_what_to_change(
    toys: Registry, one_process: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("recognizer", "toy_recognizer", "--set", "does=embeddings of the batch") == 1
    printed = capsys.readouterr().out
    assert "✗ Recognizer.embed" in printed
    assert "no statistics of the batch" in " ".join(printed.split())
    assert "1 broken" in printed


def test_the_command_as_json(toys: Registry, one_process: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("executor", "toy_executor", "--json", "--set", "does=closes once") == 1
    rows = json.loads(capsys.readouterr().out)
    assert {tuple(row) for row in rows} == {("line", "promise", "kept", "message")}
    assert [row["line"] for row in rows if row["kept"] is False] == ["Executor.close"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("recognizer",), "Missing argument 'NAME'"),
        (("recogniser", "lbp"), "Invalid value"),
        (("recognizer", "lpb"), "did you mean 'lbp'"),
        (("recognizer", "lbp", "--set", "batch"), "expected key=value"),
        (("recognizer", "lbp", "--set", "batch_size=[1"), "is not a YAML value"),
        (("recognizer", "lbp", "--set", "batch_size=1", "--set", "batch_size=2"), "twice"),
        (("recognizer", "lbp", "--set", "batch_size=0"), "batch_size: got 0, expected at least 1"),
        (("dataset", "folder", "--set", "root=/none", "--set", "split=dev", "--set", "splt=dev"), "splt"),
        (("aligner", "yunet", "--set", "model=/none.onnx"), "/none.onnx"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*arguments) == 2
    assert message in capsys.readouterr().err


def test_values_of_settings_are_yaml(own_registry: Registry, one_process: None, tmp_path: Path) -> None:
    assert call("recognizer", "random_projection", "--set", "batch_size=2", "--set", "length=4") == 0
    assert call("aligner", "dlib_hog", "--set", "{points: 68}") == 2
