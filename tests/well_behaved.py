"""A toy plugin of each kind that does all that bench/api.py asks; what it does wrong it is told by a setting."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.aligners.templates import ARCFACE112, crop_by_landmarks
from bench.api import Budget, Face, FaceBatch, Frame, PluginRow, Template
from bench.datasets.protocols import all_pairs
from bench.errors import InsufficientData, MissingFile
from bench.sweep.executors.inline import Inline

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
            # Imported here, because the table is about these toys.
            from tests.ill_behaved import MISCHIEF

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

    def landmarks(self, key: str) -> Any:
        points = np.array([[1, 1], [3, 1], [2, 2], [1, 4], [3, 4]], np.float32)
        return {"field5": points + self._number(key)} if self._number(key) else {}

    def landmarks_digest(self, key: str) -> Any:
        return hashlib.sha256(b"landmarks" + key.encode()).hexdigest()

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
    batch_size: Any = 4

    def default_aligner(self) -> Any:
        return {"name": "none"}

    def parse(self, crops: Any) -> Any:
        return np.where(crops.mean(axis=1) < 0.5, 13, 1).astype(np.uint8)

    def runtime(self) -> Any:
        return {"device": "cpu"}


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
    template: Any = SMALL
    batch_size: Any = 6

    def default_aligner(self) -> Any:
        return {"name": "none"}

    def attack_scores(self, crops: Any, references: Any = None) -> Any:
        if self.differential and references is None:
            raise ValueError("differential: references are needed")
        base = references if self.differential else np.zeros_like(crops)
        return np.array([np.abs(row - other).mean() for row, other in zip(crops, base, strict=True)], np.float32)

    def runtime(self) -> Any:
        return {"device": "cpu"}


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


class Identified(Toy):
    """As bright as the second person's identity says, over the first one's picture; looks at it in two layers."""

    conditions: Any = frozenset({"references", "identity", "reference_identity"})
    template = SMALL
    contributors: Any = 2
    batch_size: Any = 3

    def default_aligner(self) -> Any:
        return {"name": "dlib_hog", "points": 68}

    def identity_encoder(self) -> Any:
        return {"name": "random_projection", "aligner": "dlib_hog"}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        for name in ("references", "identity", "reference_identity"):
            if getattr(batch, name) is None:
                raise ValueError(f"{name}: got None, expected one other contributor")
        assert batch.identity is not None
        if batch.references.shape[1] != 1 or batch.reference_identity.shape[1] != 1:  # type: ignore[union-attr]
            raise ValueError("got several others, expected 1")
        tint = batch.identity[:, :3] - batch.reference_identity[:, 0, :3]  # type: ignore[index]
        made = batch.images + batch.references[:, 0] / 4 + tint[:, :, None, None] / 4  # type: ignore[index]
        return np.clip(made, 0, 1).astype(np.float32)

    def identity_attention(self, batch: FaceBatch) -> Any:
        assert batch.identity is not None
        share = np.abs(batch.identity[:, :2])
        return np.broadcast_to(share[:, :, None, None], (len(share), 2, 8, 8)).astype(np.float32).copy()


class Mixing(Generator):
    """The same, and tells of whom: the darker a face and the less it drew for it, the more is the other's hair.

    And it is meant to be hair where it is dark.
    """

    def shares(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        drawn = rng.random(len(batch.images), dtype=np.float32) * batch.images.mean(axis=(1, 2, 3))
        shares = np.zeros((len(drawn), 2, 19), np.float32)
        shares[:, 0, 1], shares[:, 1, 13] = drawn, 1 - drawn
        return shares

    def layouts(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        drawn = rng.random((len(batch.images), 1, 1), dtype=np.float32)
        return np.where(batch.images.mean(axis=1) < drawn, 13, 1).astype(np.uint8)


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


class Differential(Detector):
    """Compares with the reference."""

    differential = True


TOYS: dict[str, tuple[Any, type]] = {
    "data": ("dataset", Data),
    "vectors": ("dataset", Vectors),
    "aligner": ("aligner", Aligner),
    "parser": ("parser", Parser),
    "recognizer": ("recognizer", Recognizer),
    "gradients": ("recognizer", Gradients),
    "detector": ("detector", Detector),
    "generator": ("generator", Generator),
    "identified": ("generator", Identified),
    "mixing": ("generator", Mixing),
    "attack": ("attack", Attack),
    "executor": ("executor", Executor),
}


def row(kind: Any, name: str, target: type, settings: type = Settings) -> PluginRow:
    """The row of a toy."""
    return PluginRow(
        kind=kind, name=name, target=f"{target.__module__}:{target.__name__}",
        settings=f"{settings.__module__}:{settings.__name__}", summary="a toy", source="the tests", licence="none",
    )  # fmt: skip
