"""Plugins whose every number a test can work out by hand: coloured squares, a recognizer that reads their colour."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.aligners.templates import ARCFACE112
from bench.api import (
    Budget,
    Crops,
    Embeddings,
    Face,
    FaceBatch,
    Fingerprint,
    FrameImage,
    Goal,
    Oracle,
    PluginRow,
    Template,
)
from bench.registry import Registry
from bench.store.run_folder import RunFolder

COLOURS = {"ann": (250, 10, 10), "bob": (10, 250, 10), "cyd": (10, 10, 250), "dan": (200, 200, 10)}


@dataclass(frozen=True)
class ToySettings:
    """One setting that may be an axis, one that is a list, one that fails on demand."""

    gain: float = 1.0
    parts: tuple[str, ...] = ()
    fail: bool = False


class ToyAligner:
    """Finds a face in every frame that is not black."""

    def __init__(self, settings: ToySettings) -> None:
        self.settings = settings

    def fingerprint(self) -> Fingerprint:
        return {"revision": 1, "gain": self.settings.gain}

    def detect(self, frame: FrameImage) -> list[Face]:
        if not frame.any():
            return []
        points = np.zeros((5, 2), np.float32)
        return [Face(np.array([0, 0, *frame.shape[1::-1]], np.float32), {"field5": points}, 0.5)]

    def crop(self, frame: FrameImage, face: Face, template: Template) -> FrameImage:
        return np.ascontiguousarray(np.resize(frame[:1, :1], (template.side, template.side, 3)))


class ToyRecognizer:
    """The mean colour of a crop, and how often it was asked."""

    comparison = "cosine"
    template = ARCFACE112
    batch_size = 4
    embedded = 0

    def __init__(self, settings: ToySettings) -> None:
        self.settings = settings

    def fingerprint(self) -> Fingerprint:
        return {"revision": 1, "gain": self.settings.gain, "fail": self.settings.fail}

    def default_aligner(self) -> Mapping[str, Any]:
        return {"name": "toy"}

    def embed(self, crops: Crops) -> Embeddings:
        if self.settings.fail:
            raise RuntimeError("asked to fail")
        assert len(crops) == self.batch_size
        type(self).embedded += len(crops)
        return (crops.mean(axis=(2, 3)) * self.settings.gain).astype(np.float32)

    def runtime(self) -> Mapping[str, str]:
        return {"provider": "toy"}


@dataclass(frozen=True)
class MixSettings:
    """How much of the others is mixed in, and what may go wrong."""

    weight: float = 0.5
    sources: int = 2
    wants: tuple[str, ...] = ("references",)
    refuses: float = 2.0
    fault: str = ""


class ToyGenerator:
    """The mean colour of the first contributor and of the others, and how many faces it was asked for."""

    template = Template("toy", 16, {"field5": ARCFACE112.targets["field5"] / 7})
    batch_size = 4
    made = 0

    def __init__(self, settings: MixSettings) -> None:
        self.settings = settings
        self.contributors = settings.sources
        self.conditions = frozenset(settings.wants)

    def fingerprint(self) -> Fingerprint:
        return {"revision": 1, "weight": self.settings.weight, "sources": self.settings.sources}

    def default_aligner(self) -> Mapping[str, Any]:
        return {"name": "toy"}

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        assert len(batch.images) == self.batch_size
        type(self).made += len(batch.images)
        faces = batch.images
        if batch.references is not None:
            assert batch.references.shape[1] == self.contributors - 1
            weight = np.float32(self.settings.weight)
            faces = (1 - weight) * faces + weight * batch.references.mean(axis=1)
        faces = faces.astype(np.float64 if self.settings.fault == "dtype" else np.float32)
        faces[faces[:, 0, 0, 0] > self.settings.refuses] = np.nan
        return faces * 2 if self.settings.fault == "range" else faces  # type: ignore[return-value]


class ToyAttack(ToyGenerator):
    """The same as an attack; it asks its oracle if it is told to."""

    goals = frozenset({"hide", "dodge"})
    access = "nothing"

    def run(self, batch: FaceBatch, oracle: Oracle, goal: Goal, budget: Budget, rng: np.random.Generator) -> Crops:
        if self.settings.fault == "asks":
            oracle.scores(batch.images)
        return self.generate(batch, rng)


@dataclass(frozen=True)
class WatchSettings:
    """Whether a toy detector compares, how noisy it is, and what may go wrong."""

    differential: bool = False
    noise: float = 0.0
    fault: str = ""


class ToyDetector:
    """How grey a crop is, since mixed colours are greyer; differential: how far from the trusted photo's colour."""

    template = Template("toy", 16, {"field5": ARCFACE112.targets["field5"] / 7})
    species = ("morph",)
    batch_size = 4
    scored = 0

    def __init__(self, settings: WatchSettings) -> None:
        self.settings = settings
        self.differential = settings.differential

    def fingerprint(self) -> Fingerprint:
        return {"revision": 1, "differential": self.differential, "noise": self.settings.noise}

    def default_aligner(self) -> Mapping[str, Any]:
        return {"name": "toy"}

    def attack_scores(self, crops: Crops, references: Crops | None = None) -> Any:
        assert len(crops) == self.batch_size
        type(self).scored += len(crops)
        colour = crops.mean(axis=(2, 3))
        if self.differential:
            assert references is not None
            found = np.abs(colour - references.mean(axis=(2, 3))).sum(axis=1)
        else:
            assert references is None
            found = -np.ptp(colour, axis=1)
        if self.settings.noise:
            drawn = np.sin(1e4 * colour.sum(axis=1, dtype=np.float64))
            found = found + self.settings.noise * drawn
        if self.settings.fault == "nan":
            return np.full(len(crops), np.nan, np.float32)
        return found.astype(np.float64 if self.settings.fault == "dtype" else np.float32)

    def runtime(self) -> Mapping[str, str]:
        return {"device": "toy"}


_TOYS: Mapping[str, tuple[str, str]] = {
    "aligner": ("ToyAligner", "ToySettings"),
    "recognizer": ("ToyRecognizer", "ToySettings"),
    "detector": ("ToyDetector", "WatchSettings"),
    "generator": ("ToyGenerator", "MixSettings"),
    "attack": ("ToyAttack", "MixSettings"),
}


def add_toys(registry: Registry) -> None:
    """Adds an aligner, a recognizer, a detector, a generator and an attack called ``toy``."""
    for kind, (name, settings) in _TOYS.items():
        registry.add(
            PluginRow(
                kind=kind,  # type: ignore[arg-type]
                name="toy",
                target=f"tests.toys:{name}",
                settings=f"tests.toys:{settings}",
                summary="a toy",
                source="the tests",
                licence="none",
            ),
            "the tests",
        )
    ToyRecognizer.embedded = ToyGenerator.made = ToyAttack.made = ToyDetector.scored = 0


def only(run: RunFolder) -> dict[str, Any]:
    """The outcome of a run of one cell."""
    outcomes = run.outcomes()
    assert [outcome["status"] for outcome in outcomes] == ["success"], outcomes[0].get("traceback")
    return dict(outcomes[0])


def photos(root: Path, per_person: int = 3, people: Sequence[str] = tuple(COLOURS)) -> Path:
    """A folder of coloured squares, one folder a person, every photo a little different."""
    for person in people:
        for number in range(per_person):
            colour = np.clip(np.array(COLOURS[person]) + 9 * number, 0, 255).astype(np.uint8)
            write(root / person / f"{number}.png", np.full((8, 8, 3), colour))
    return root


def write(path: Path, frame: FrameImage) -> None:
    """Writes a frame as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())
