"""Run folders for the gate: figures that are shares of errors of people, with the draws that a sweep would store."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.api import Cell, Failure, Success
from bench.metrics import FigureValue, double_or_nothing
from bench.provenance import value_digest
from bench.store.run_folder import RunFolder
from bench.store.schema import to_parquet
from bench.sweep.tables import draws_table
from bench.sweep.verification import record

Errors = NDArray[np.bool_]
Key = tuple[str, str | None, str | None]
"""Figure, operating point and species."""

PEOPLE, PHOTOS, DRAWS = 400, 5, 400
BSCER: Key = ("bona_fide_error_rate", "attack_error=0.05", None)
MACER: Key = ("attack_error_rate", "bona_fide_error=0.01", "collage")
D_EER: Key = ("detection_equal_error_rate", None, None)


@dataclass(frozen=True)
class Wanted:
    """One cell to be.

    Attributes:
        errors: figure to bool (P, K), which of each person's K photos it counts as errors.
        labels: over those of a detector called spectral.
        spec: over its spec.
        draws: whether draws are stored.
        people: what it says of how many people it rests on; by default how many there are.
        fails: the message of a cell that fails.
        without_value: figures that the data cannot support.
    """

    errors: Mapping[Key, Errors]
    labels: Mapping[str, Any] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    draws: bool = True
    people: int | None = None
    fails: str = ""
    without_value: Sequence[Key] = ()


def errors(rate: float, seed: int = 1, people: int = PEOPLE) -> Errors:
    """Errors of people of whom some are harder than others; a higher rate has every error of a lower one, too."""
    rng = np.random.default_rng(seed)
    difficulty = np.clip(rng.random((people, PHOTOS)) * 0.7 + rng.random((people, 1)) * 0.3, 0, 1)
    level = np.quantile(difficulty, rate) if rate else -1.0
    return np.asarray(difficulty <= level)


def three(bscer: float = 0.1, macer: float = 0.2, d_eer: float = 0.1) -> dict[Key, Errors]:
    """The three figures that most tests look at."""
    return {BSCER: errors(bscer, 1), MACER: errors(macer, 2), D_EER: errors(d_eer, 3)}


SPEC: Mapping[str, Any] = {
    "cell": 2,
    "assessment": "detection",
    "dataset": {
        "name": "celeba", "fingerprint": {"revision": 1, "split": "eval", "numpy": "2.1.0"},
        "settings": {"root": "/home/somebody/celeba"},
    },
    "protocol": "different_people",
    "trials": value_digest("trials"),
    "images": value_digest("images"),
    "detector": {
        "name": "spectral", "fingerprint": {"revision": 1, "weights": value_digest("weights"), "numpy": "2.1.0"},
        "species": ["morph"], "settings": {"threads": 2},
    },
    "differential": False,
    "aligner": {"name": "dlib_hog", "fingerprint": {"revision": 1, "dlib": "20.0.0"}, "settings": {}},
    "makers": [
        {
            "species": "collage",
            "pairs": {"kind": "different_people", "count": 60, "references": 1, "digest": value_digest("pairs")},
            "maker": {
                "kind": "generator", "label": "collage", "name": "collage", "contributors": 2, "goal": None,
                "fingerprint": {"revision": 3, "opencv": "5.0.0"},
            },
            "maker_aligner": {"name": "dlib_hog", "fingerprint": {"revision": 1}},
        }
    ],
    "detection": {"rates": [0.1, 0.05, 0.01], "references": 1, "bona_fide": None, "column": "label"},
    "images_read_by": {"revision": "1", "pillow": "12.0.0"},
    "fmr": [],
    "draws": DRAWS,
    "seed": 7,
    "calibration": None,
    "run": "made-up",
}  # fmt: skip
LABELS: Mapping[str, Any] = {
    "dataset": "celeba", "protocol": "different_people", "recognizer": None, "detector": "spectral",
    "generator": None, "attack": None, "goal": None, "settings": {"aligner": "dlib_hog"},
}  # fmt: skip


def write(
    path: Path,
    *cells: Wanted,
    versions: Mapping[str, str] | None = None,
    impersona: str = "0.5.0",
    missing: Sequence[int] = (),
    seed: int = 7,
) -> Path:
    """Writes a run folder.

    Args:
        path: the folder to be.
        cells: its cells; by default one of a detector.
        versions: of libraries.
        impersona: the version that made it.
        missing: the places of cells that are not made.
        seed: of the bootstrap.

    Returns:
        The folder.
    """
    folder, keys = RunFolder(path), []
    for place, wanted in enumerate(cells or (Wanted(three()),)):
        spec = merged(SPEC, {"seed": seed, **wanted.spec})
        labels = {**LABELS, **wanted.labels}
        cell = Cell(value_digest([spec, labels, place]), spec, labels)
        keys.append(cell.key)
        if place in missing:
            continue
        if wanted.fails:
            folder.write_outcome(cell, Failure(cell.key, "RuntimeError", wanted.fails, "Traceback", 1.0))
        else:
            folder.write_outcome(cell, _success(cell, wanted))
    folder.write_manifest(
        {
            "impersona": impersona,
            "name": "made-up",
            "sweep": {"name": "made-up"},
            "cells": keys,
            "versions": {"python": "3.12.1", "numpy": "2.1.0", **(versions or {})},
            "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "changed": False},
            "started": "2026-01-02T03:04:05+00:00",
        }
    )
    folder.write_summary([key for key in keys if folder.succeeded(key)])
    return path


def merged(spec: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A spec with changes; a dotted key reaches into it: ``{"detector.fingerprint.weights": "..."}``."""
    found: dict[str, Any] = copy.deepcopy(dict(spec))
    for key, value in changes.items():
        part: Any = found
        *way, last = key.split(".")
        for step in way:
            part = part[int(step) if step.isdecimal() else step]
        part[last] = value
    return found


def _success(cell: Cell, wanted: Wanted) -> Success:
    people = next((len(one) for one in wanted.errors.values()), PEOPLE)
    count = cell.spec["draws"]
    kept = double_or_nothing(people, count, np.random.default_rng(cell.spec["seed"])).astype(float)
    values, draws = [], {}
    for (figure, point, species), wrong in wanted.errors.items():
        share = None if (figure, point, species) in wanted.without_value else float(wrong.mean())
        support = "insufficient" if share is None else "ok"
        values.append(FigureValue(figure, point, share, None, None, wrong.size, support, species=species))  # type: ignore[arg-type]
        draws[figure, point, None, species] = kept @ wrong.sum(axis=1) / (kept.sum(axis=1) * wrong.shape[1])
    tables = {"draws": to_parquet("draws", draws_table(draws))} if wanted.draws and draws and count else {}
    return Success(
        key=cell.key,
        figures=tuple(record(value, cell.labels) for value in values),
        counts={"people": people if wanted.people is None else wanted.people},
        runtime={},
        seconds=1.0,
        tables=tables,
    )
