"""A run folder with made-up scores, written through the store's own functions: what a report can be tested on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Cell, Failure, Success
from bench.metrics import assess_verification
from bench.provenance import value_digest, versions
from bench.store.run_folder import RunFolder
from bench.store.schema import RECORD_FIELDS, to_parquet

Scores = tuple[NDArray[np.float32], NDArray[np.float32]]
FMR = (1e-2, 1e-3, 1e-4)

RECOGNIZERS: Mapping[str, Mapping[str, Any]] = {
    "arcface_onnx": {"comparison": "cosine", "aligner": "yunet", "mated": (0.62, 0.13), "nonmated": (0.03, 0.095)},
    "dlib_resnet": {"comparison": "neg_l2", "aligner": "dlib_hog", "mated": (-0.4, 0.08), "nonmated": (-0.84, 0.105)},
    "lbp": {"comparison": "cosine", "aligner": "dlib_hog", "mated": (0.32, 0.2), "nonmated": (0.08, 0.19)},
}
"""Mean and deviation of made-up scores that resemble the real ones."""


def write_run(
    path: Path,
    recognizers: Sequence[str] = tuple(RECOGNIZERS),
    *,
    failing: Sequence[str] = ("scrfd_pack",),
    trials: int = 6000,
    folds: int = 10,
    missed: float = 0.005,
    people: int = 60,
    dataset: Mapping[str, Any] | None = None,
    names: Callable[[int], str] = "person-{:03d}".format,
    scores: Callable[[str, NDArray[np.bool_], np.random.Generator], NDArray[np.float32]] | None = None,
    name: str = "made-up",
    seed: int = 7,
) -> RunFolder:
    """Writes a run of made-up scores.

    Args:
        path: the folder to be.
        recognizers: labels of the cells that succeed; unknown ones score like lbp.
        failing: labels of the cells that fail.
        trials: M, half of them mated.
        folds: how many folds; 0 for none.
        missed: the share of photos in which no face is found.
        people: how many people there are, each with six photos.
        dataset: the data set's entry with its settings; by default one that nobody can open.
        names: number to the name of a person.
        scores: draws the scores of a label; by default from `RECOGNIZERS`.
        name: of the sweep.
        seed: of everything drawn.

    Returns:
        The run folder.
    """
    rng = np.random.default_rng(seed)
    entry = dict(dataset or {"name": "nowhere", "root": "/nonexistent"})
    subjects = np.array([names(index) for index in range(people)])
    owner = np.repeat(np.arange(people), 6)
    keys = np.array([f"{subjects[who]}/{index % 6:04d}.jpg" for index, who in enumerate(owner)])
    mated = np.arange(trials) % 2 == 0
    probe = rng.integers(0, len(owner), trials)
    shift = np.where(mated, 0, rng.integers(1, people, trials))
    reference = (owner[probe] + shift) % people * 6 + (probe % 6 + rng.integers(1, 6, trials)) % 6
    fold = np.arange(trials) * folds // max(trials, 1) if folds else None
    folder = RunFolder(path)
    cells = []
    for label in (*recognizers, *failing):
        cell = _cell(label, entry, seed)
        cells.append(cell.key)
        if label in failing:
            folder.write_outcome(cell, _failure(cell))
            continue
        found = rng.random(len(keys)) >= missed
        drawn = (scores or _scores)(label, mated, rng).astype(np.float32)
        drawn[~(found[probe] & found[reference])] = np.nan
        table = _trials(keys, subjects, owner, probe, reference, mated, fold, drawn)
        folder.write_outcome(cell, _success(cell, table, fold, _frames(keys, subjects, owner, found, rng), drawn, rng))
    folder.write_manifest(_manifest(name, cells, entry, recognizers, failing, seed))
    folder.write_summary(cells)
    return folder


def _scores(label: str, mated: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float32]:
    shape = RECOGNIZERS.get(label, RECOGNIZERS["lbp"])
    normal = rng.normal(size=len(mated))
    drawn = np.where(mated, shape["mated"][0] + normal * shape["mated"][1], 0)
    drawn = np.where(mated, drawn, shape["nonmated"][0] + normal * shape["nonmated"][1])
    return np.clip(drawn, -2, 1 if shape["comparison"] == "cosine" else 0).astype(np.float32)


def _cell(label: str, dataset: Mapping[str, Any], seed: int) -> Cell:
    shape = RECOGNIZERS.get(label, RECOGNIZERS["lbp"])
    settings = {key: value for key, value in dataset.items() if key != "name"}
    spec = {
        "cell": 1,
        "assessment": "verification",
        "dataset": {"name": dataset["name"], "fingerprint": {"revision": 1}, "settings": settings},
        "protocol": "view2",
        "trials": value_digest("trials"),
        "images": value_digest("images"),
        "recognizer": {"name": label, "fingerprint": {"revision": 1, "weights": value_digest(label)}, "settings": {}},
        "aligner": {"name": shape["aligner"], "fingerprint": {"revision": 1, "upsample": 1}, "settings": {}},
        "comparison": shape["comparison"],
        "fmr": list(FMR),
        "seed": seed,
    }
    labels = {
        "dataset": dataset["name"], "protocol": "view2", "group": None, "recognizer": label, "detector": None,
        "generator": None, "attack": None, "settings": {"aligner": shape["aligner"]},
    }  # fmt: skip
    return Cell(value_digest(spec), spec, labels)


def _failure(cell: Cell) -> Failure:
    message = "no model pack 'buffalo_l' in ~/.insightface/models and no network; give its path as model: /path <here>"
    return Failure(cell.key, "MissingFile", message, f"Traceback (most recent call last):\nMissingFile: {message}", 0.4)


def _success(
    cell: Cell,
    table: pd.DataFrame,
    fold: NDArray[np.int64] | None,
    frames: pd.DataFrame,
    scores: NDArray[np.float32],
    rng: np.random.Generator,
) -> Success:
    values = assess_verification(scores, table["mated"].to_numpy(), fold, FMR)
    blank = dict.fromkeys(RECORD_FIELDS) | dict(cell.labels)
    names = ("figure", "operating_point", "value", "low", "high", "n", "support")
    tables = {"trials": table, "frames": frames, "identities": _identities(table, scores, rng)}
    return Success(
        key=cell.key,
        figures=tuple(blank | {name: getattr(value, name) for name in names} for value in values),
        counts={
            "trials": len(table),
            "trials_not_acquired": int(np.isnan(scores).sum()),
            "frames": len(frames),
            "frames_not_acquired": int((~frames["acquired"]).sum()),
            "embeddings_computed": len(frames),
            "embeddings_from_cache": 0,
        },
        runtime={"device": "cpu", "torch": "2.13.0"}
        if cell.labels["recognizer"] == "dlib_resnet"
        else {"provider": "CPUExecutionProvider", "onnxruntime": "1.27.0"},
        seconds=61.5,
        tables={name: to_parquet(name, frame) for name, frame in tables.items()},
    )


def _trials(
    keys: NDArray[np.str_],
    subjects: NDArray[np.str_],
    owner: NDArray[np.int64],
    probe: NDArray[np.int64],
    reference: NDArray[np.int64],
    mated: NDArray[np.bool_],
    fold: NDArray[np.int64] | None,
    scores: NDArray[np.float32],
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "probe": pd.Categorical.from_codes(probe, keys.tolist()),
            "reference": pd.Categorical.from_codes(reference, keys.tolist()),
            "probe_subject": pd.Categorical.from_codes(owner[probe], subjects.tolist()),
            "reference_subject": pd.Categorical.from_codes(owner[reference], subjects.tolist()),
            "mated": mated,
            "fold": pd.array([None] * len(scores) if fold is None else fold, "Int16"),
            "score": scores,
        }
    )


def _frames(
    keys: NDArray[np.str_],
    subjects: NDArray[np.str_],
    owner: NDArray[np.int64],
    found: NDArray[np.bool_],
    rng: np.random.Generator,
) -> pd.DataFrame:
    box = np.where(found[:, None], np.add([40.0, 50.0, 140.0, 150.0], rng.normal(0, 4, (len(keys), 4))), np.nan)
    return pd.DataFrame(
        {
            "key": keys,
            "subject": subjects[owner],
            "acquired": found,
            "faces": found.astype(np.int16),
            **{
                side: box[:, column].astype(np.float32)
                for column, side in enumerate(("left", "top", "right", "bottom"))
            },
            "confidence": np.where(found, 0.9, np.nan).astype(np.float32),
            "problem": [None if there else "no face found" for there in found],
        }
    )


def _identities(table: pd.DataFrame, scores: NDArray[np.float32], rng: np.random.Generator) -> pd.DataFrame:
    people = sorted(set(table["probe_subject"]))[:40]
    mated = scores[table["mated"] & ~np.isnan(scores)]
    nonmated = scores[~table["mated"] & ~np.isnan(scores)]
    rows, columns = np.triu_indices(len(people))
    on = rows == columns
    looks = rng.normal(size=(len(people), 3))  # a hidden likeness, so that ordering by likeness has something to find
    likeness = (looks[rows] * looks[columns]).sum(axis=1)
    value = np.where(
        on,
        (mated.mean() if mated.size else 0) + rng.normal(0, 0.04, len(rows)),
        (nonmated.mean() if nonmated.size else 0) + 0.03 * likeness,
    )
    return pd.DataFrame(
        {
            "subject": [people[index] for index in rows],
            "other": [people[index] for index in columns],
            "similarity": value.astype(np.float32),
            "comparisons": np.where(on, 15, 36).astype(np.int32),
        }
    )


def _manifest(
    name: str,
    cells: Sequence[str],
    dataset: Mapping[str, Any],
    recognizers: Sequence[str],
    failing: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    settings = {key: value for key, value in dataset.items() if key != "name"}
    entries = [{"name": label, "settings": {}, "label": None, "aligner": None} for label in (*recognizers, *failing)]
    return {
        "impersona": "0.1.0",
        "name": name,
        "seed": seed,
        "sweep": {
            "name": name,
            "seed": seed,
            "dataset": {"name": dataset["name"], "settings": settings},
            "protocol": None,
            "recognizers": entries,
            "assessments": ["verification"],
            "fmr": list(FMR),
        },
        "cells": list(cells),
        "versions": versions(),
        "machine": {"system": "Linux 6.1", "processor": "a processor", "cores": 2},
        "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "changed": True},
        "command": f"impersona run {name}.yaml --out runs/{name}",
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 187.25,
    }
