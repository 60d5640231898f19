"""A run folder with made-up detectors and aligners, by the store's own functions: what a report is tested on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.api import Cell, Failure, Success
from bench.metrics import double_or_nothing
from bench.metrics.alignment import Placements, assess_alignment
from bench.metrics.detection import DetectionPoint, points_of
from bench.provenance import value_digest, versions
from bench.store.run_folder import RunFolder
from bench.store.schema import to_parquet
from bench.sweep.alignment import PHOTOS
from bench.sweep.detection import assess_presentations, presentations_table, samples_of
from bench.sweep.tables import draws_table
from bench.sweep.verification import record

DRAWS = 100
RATES = (0.1, 0.05, 0.01)


@dataclass(frozen=True, eq=False)
class Watch:
    """A made-up detector.

    Attributes:
        label: what figures call it.
        knows: the species that it knows to look for, as a `bench.api.Detector` declares them.
        finds: how far the scores of each species lie above those of bona fide samples, in their deviations.
        aligner: who finds its faces.
        differential: whether it sees a trusted photo beside each sample.
        silent: the share of samples without a response.
        axes: settings that the sweep varies, such as ``{"detector.bands": 4}``.
    """

    label: str
    knows: tuple[str, ...] = ("morph",)
    finds: Mapping[str, float] | None = None
    aligner: str = "dlib_hog"
    differential: bool = False
    silent: float = 0.02
    axes: Mapping[str, Any] | None = None


WATCHES = (
    Watch("spectral", ("morph", "forgery"), {"collage": 2.2, "landmark_morph weight=0.5": 1.1}),
    Watch("differential_morph", ("morph",), {"collage": 0.9, "landmark_morph weight=0.5": 2.6}, differential=True),
)


@dataclass(frozen=True, eq=False)
class Finder:
    """A made-up aligner.

    Attributes:
        name: its name.
        found: the share of photos in which it finds a face.
        error: how far its landmarks are off, on average.
        twice: the share of faces beside which it finds another one.
        axes: settings that the sweep varies.
    """

    name: str
    found: float = 0.97
    error: float = 0.04
    twice: float = 0.03
    axes: Mapping[str, Any] | None = None


FINDERS = (Finder("dlib_hog", 0.95, 0.045), Finder("yunet", 0.995, 0.03))


@dataclass(frozen=True, eq=False)
class _Shown:
    """Presentations, without scores."""

    species: tuple[str | None, ...]
    subjects: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]


def write_detection(
    path: Path,
    watches: Sequence[Watch] = WATCHES,
    finders: Sequence[Finder] = FINDERS,
    *,
    species: Sequence[str] = ("collage", "landmark_morph weight=0.5"),
    attacks: int = 150,
    people: int = 60,
    photos: int = 5,
    failing: Sequence[str] = (),
    carried: bool = True,
    draws: int = DRAWS,
    landmarks: bool = True,
    rates: Sequence[float] = RATES,
    protocol: str = "different_people",
    dataset: str = "nowhere",
    seed: int = 7,
) -> RunFolder:
    """Writes a run of made-up attack scores and landmarks; beside what a folder already holds.

    Args:
        path: the folder to be, or one that `tests.synthetic_run.write_run` wrote.
        watches: the detectors.
        finders: the aligners that are measured by themselves.
        species: of attack.
        attacks: how many of each species.
        people: who is in the photos.
        photos: of each person.
        failing: labels of detectors and aligners whose cells fail.
        carried: whether thresholds are also set on other people.
        draws: of the bootstrap.
        landmarks: whether the true landmarks are known.
        rates: error rates of the operating points.
        protocol: how people were paired; ``"labels"`` where the data set holds attacks.
        dataset: its name.
        seed: of everything drawn.

    Returns:
        The run folder.
    """
    folder = RunFolder(path)
    there = folder.blobs.stat("manifest.json") is not None
    manifest = dict(folder.manifest()) if there else _manifest(dataset, seed)
    keys = list(manifest["cells"])
    rows: list[Mapping[str, Any]] = []
    shown = _shown(species, attacks, people, photos, np.random.default_rng(seed))
    for watch in watches:
        cell = _detection_cell(watch, species, protocol, dataset, seed, draws, carried, rates)
        keys.append(cell.key)
        if watch.label in failing:
            folder.write_outcome(cell, _failure(cell))
            continue
        success = _detected(cell, watch, shown, carried)
        rows += success.figures
        folder.write_outcome(cell, success)
    for finder in finders:
        cell = _alignment_cell(finder, dataset, seed, draws)
        keys.append(cell.key)
        if finder.name in failing:
            folder.write_outcome(cell, _failure(cell))
            continue
        success = _aligned(cell, finder, people, photos, landmarks)
        rows += success.figures
        folder.write_outcome(cell, success)
    folder.write_manifest({**manifest, "cells": keys})
    if there:
        summary = path / "summary.json"
        document = json.loads(summary.read_text())
        document["records"] += rows
        summary.write_text(json.dumps(document, indent=2))
    else:
        folder.write_summary(keys)
    return folder


# ---------------------------------------------------------------------------------------------------------- detectors


def _shown(species: Sequence[str], attacks: int, people: int, photos: int, rng: np.random.Generator) -> _Shown:
    kinds: list[str | None] = [None] * (people * photos)
    whom: list[tuple[str, ...]] = [(f"person-{person:03d}",) for person in range(people) for _ in range(photos)]
    names = [f"person-{person:03d}/{photo:04d}.jpg" for person in range(people) for photo in range(photos)]
    for name in species:
        for number in range(attacks):
            kinds.append(name)
            whom.append(tuple(f"person-{person:03d}" for person in sorted(rng.permutation(people)[:2].tolist())))
            names.append(value_digest([name, number]))
    return _Shown(tuple(kinds), tuple(whom), tuple(names))


def _scores(watch: Watch, shown: _Shown, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Attack scores: people differ, and every species lies as far above bona fide samples as the detector finds it."""
    everybody = sorted({who for whom in shown.subjects for who in whom})
    likeness = dict(zip(everybody, rng.normal(0, 0.5, len(everybody)), strict=True))
    finds = watch.finds or {}
    middle = [0.0 if kind is None else finds.get(kind, 1.0) for kind in shown.species]
    own = [float(np.mean([likeness[who] for who in whom])) for whom in shown.subjects]
    scores = np.asarray(middle) + np.asarray(own) + rng.normal(0, 0.85, len(own))
    scores[rng.random(len(own)) < watch.silent] = np.nan
    return np.asarray(scores, dtype=np.float32)


def _detected(cell: Cell, watch: Watch, shown: _Shown, carried: bool) -> Success:
    rng = np.random.default_rng([cell.spec["seed"], len(watch.label), len(watch.axes or ())])
    rates, draws, seed = cell.spec["detection"]["rates"], cell.spec["draws"], cell.spec["seed"]
    points: list[DetectionPoint] = []
    calibration = None
    if carried:
        other = samples_of(shown.species, shown.subjects, _scores(watch, shown, rng))
        kept = double_or_nothing(other.count, draws, rng) if draws else None
        points = [replace(point, name=f"dev:{point.name}") for point in points_of(other, tuple(rates), kept)]
        calibration = {
            "kind": "presentations", "origin": "dev", "dataset": {"name": "nowhere", "fingerprint": {"split": "dev"}},
            "people": other.count, "bona_fide": int((other.species < 0).sum()),
            "attacks": int((other.species >= 0).sum()),
            "thresholds": {point.name: point.threshold for point in points},
        }  # fmt: skip
    scores = _scores(watch, shown, rng)
    samples = samples_of(shown.species, shown.subjects, scores)
    found = assess_presentations(samples, rates, points, draws=draws, seed=seed, where="nowhere")
    silent = np.isnan(scores)
    references = [f"{whom[0]}/0000.jpg" if watch.differential else None for whom in shown.subjects]
    table = presentations_table(
        shown.names, shown.species, shown.subjects, references, scores,
        [NO_FACE if one else None for one in silent.tolist()],
    )  # fmt: skip
    tables = {"presentations": table, **found.tables}
    return Success(
        key=cell.key,
        figures=tuple(record(value, cell.labels) for value in found.values),
        counts={
            "people": samples.count, "presentations": len(scores), "presentations_without_response": int(silent.sum()),
        },
        runtime={"device": "cpu"},
        seconds=3.5,
        tables={name: to_parquet(name, frame) for name, frame in tables.items()},
        calibration=calibration,
    )  # fmt: skip


NO_FACE = "no face found"


def _detection_cell(
    watch: Watch,
    species: Sequence[str],
    protocol: str,
    dataset: str,
    seed: int,
    draws: int,
    carried: bool,
    rates: Sequence[float],
) -> Cell:
    identity = {"name": watch.label, "fingerprint": {"revision": 1}, "settings": dict(watch.axes or {})}
    spec = {
        "cell": 2,
        "assessment": "detection",
        "dataset": {"name": dataset, "fingerprint": {"revision": 1}, "settings": {"root": "/nonexistent"}},
        "protocol": protocol,
        "trials": value_digest("pairs"),
        "images": value_digest("images"),
        "makers": [{"species": name, "maker": {"name": name.partition(" ")[0]}} for name in species],
        "detector": {**identity, "species": list(watch.knows)},
        "differential": watch.differential,
        "aligner": {"name": watch.aligner, "fingerprint": {"revision": 1}, "settings": {}},
        "detection": {"rates": list(rates), "references": 1, "bona_fide": None, "column": "label"},
        "calibration": {"kind": "presentations", "origin": "dev"} if carried else None,
        "draws": draws,
        "seed": seed,
    }
    labels = {
        "dataset": dataset, "protocol": protocol, "recognizer": None, "detector": watch.label,
        "settings": {"aligner": watch.aligner, **(watch.axes or {})},
    }  # fmt: skip
    return Cell(value_digest(spec), spec, labels)


# ----------------------------------------------------------------------------------------------------------- aligners


def _aligned(cell: Cell, finder: Finder, people: int, photos: int, landmarks: bool) -> Success:
    rng = np.random.default_rng([cell.spec["seed"], len(finder.name)])
    number = people * photos
    owner = np.repeat(np.arange(people), photos)
    found = rng.random(number) < finder.found
    hard = rng.gamma(6, 1 / 6, people)[owner]
    error = np.where(found, finder.error * hard * rng.gamma(8, 1 / 8, number), np.nan)
    faces = (found * (1 + (rng.random(number) < finder.twice))).astype(np.int16)
    placements = Placements(
        readable=np.ones(number, dtype=np.bool_),
        faces=faces,
        error=error if landmarks else np.full(number, np.nan),
        known=np.full(number, landmarks),
        people=owner.astype(np.int32),
        count=people,
    )
    kept = double_or_nothing(people, cell.spec["draws"], np.random.default_rng(cell.spec["seed"]))
    assessed = assess_alignment(placements, kept)
    table = pd.DataFrame(
        {
            "key": [f"person-{person:03d}/{index % photos:04d}.jpg" for index, person in enumerate(owner)],
            "subject": [f"person-{person:03d}" for person in owner],
            "found": found,
            "faces": faces,
            "confidence": np.where(found, 0.9, np.nan).astype(np.float32),
            "error": placements.error.astype(np.float32),
            "problem": [None if one else NO_FACE for one in found.tolist()],
        }
    )
    tables = {"placements": table, **({"draws": draws_table(assessed.draws)} if assessed.draws else {})}
    return Success(
        key=cell.key,
        figures=tuple(record(value, cell.labels) for value in assessed.values),
        counts={"frames": number, "people": people, "frames_not_acquired": int((~found).sum())},
        runtime={"landmarks": "field5"},
        seconds=2.5,
        tables={name: to_parquet(name, frame) for name, frame in tables.items()},
    )


def _alignment_cell(finder: Finder, dataset: str, seed: int, draws: int) -> Cell:
    spec = {
        "cell": 2,
        "assessment": "alignment",
        "dataset": {"name": dataset, "fingerprint": {"revision": 1}, "settings": {"root": "/nonexistent"}},
        "protocol": PHOTOS,
        "trials": value_digest("photos"),
        "images": value_digest("images"),
        "landmarks": value_digest("landmarks"),
        "aligner": {"name": finder.name, "fingerprint": {"revision": 1}, "settings": dict(finder.axes or {})},
        "calibration": None,
        "draws": draws,
        "seed": seed,
    }
    labels = {
        "dataset": dataset, "protocol": PHOTOS, "recognizer": None,
        "settings": {"aligner": finder.name, **(finder.axes or {})},
    }  # fmt: skip
    return Cell(value_digest(spec), spec, labels)


# ---------------------------------------------------------------------------------------------------------------- both


def _failure(cell: Cell) -> Failure:
    message = "no model file at model.onnx; give its path as model: /path"
    return Failure(cell.key, "MissingFile", message, f"Traceback (most recent call last):\nMissingFile: {message}", 0.2)


def _manifest(dataset: str, seed: int) -> dict[str, Any]:
    return {
        "impersona": "0.1.0",
        "name": "watched",
        "seed": seed,
        "sweep": {
            "name": "watched",
            "seed": seed,
            "dataset": {"name": dataset, "settings": {"root": "/nonexistent"}},
            "detectors": [{"name": watch.label, "settings": {}, "label": None, "aligner": None} for watch in WATCHES],
            "aligners": [{"name": finder.name, "settings": {}} for finder in FINDERS],
            "draws": DRAWS,
        },
        "cells": [],
        "versions": versions(),
        "machine": {"system": "Linux 6.1", "processor": "a processor", "cores": 2},
        "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "changed": False},
        "command": "impersona run watched.yaml --out runs/watched",
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 12.5,
    }
