"""A run folder with made-up scores, written through the store's own functions: what a report can be tested on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Cell, Failure, Frame, Success, Trials
from bench.config import GroupEntry
from bench.metrics import Clusters, assess_verification, double_or_nothing, percentile_interval
from bench.metrics.verification_intervals import VerificationIntervals
from bench.provenance import value_digest, versions
from bench.store.cache import ArrayCache
from bench.store.run_folder import RunFolder
from bench.store.schema import RECORD_FIELDS, to_parquet
from bench.store.thresholds import CalibrationData, PluginIdentity, Thresholds
from bench.sweep.calibration import set_thresholds, thresholds_of
from bench.sweep.carried import calibrated_figures
from bench.sweep.discarding import discard_figures
from bench.sweep.grouping import group_figures
from bench.sweep.tables import curve_table, draws_table

Scores = tuple[NDArray[np.float32], NDArray[np.float32]]
FMR = (1e-2, 1e-3, 1e-4)
CELLS_WITH_INTERVALS = 2

RECOGNIZERS: Mapping[str, Mapping[str, Any]] = {
    "arcface_onnx": {"comparison": "cosine", "aligner": "yunet", "mated": (0.62, 0.13), "nonmated": (0.03, 0.095)},
    "dlib_resnet": {"comparison": "neg_l2", "aligner": "dlib_hog", "mated": (-0.4, 0.08), "nonmated": (-0.84, 0.105)},
    "lbp": {"comparison": "cosine", "aligner": "dlib_hog", "mated": (0.32, 0.2), "nonmated": (0.08, 0.19)},
}
"""Mean and deviation of made-up scores that resemble the real ones."""


@dataclass(frozen=True, eq=False)
class Asked:
    """What a made-up run is asked for, beside recognizers and trials.

    Attributes:
        draws: of the bootstrap.
        calibration: where thresholds are carried over from: ``"data"``, ``"profile"``, or nowhere.
        groups: whether people are parted by `Male` and `age`.
        discard: whether comparisons are discarded by `sharpness`.
        cell: the revision of the cells; 1 is from before intervals: then nothing of this is there.
    """

    draws: int = 200
    calibration: str = "data"
    groups: bool = True
    discard: bool = True
    cell: int = CELLS_WITH_INTERVALS

    @property
    def old(self) -> bool:
        """Whether the run is from before intervals."""
        return self.cell < CELLS_WITH_INTERVALS


@dataclass(frozen=True, eq=False)
class People:
    """Who is in the photos, and how good those are.

    Attributes:
        subjects: their names.
        male: int, -1 or 1 of each, one in four -1.
        age: float of each; few are old.
        sharpness: float32 of each photo.
    """

    subjects: NDArray[np.str_]
    male: NDArray[np.int64]
    age: NDArray[np.float64]
    sharpness: NDArray[np.float32]


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
    asked: Asked | None = None,
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
        asked: what else is asked for; by default everything.

    Returns:
        The run folder.
    """
    asked = asked or Asked()
    rng = np.random.default_rng(seed)
    entry = dict(dataset or {"name": "nowhere", "root": "/nonexistent"})
    who = _people(np.array([names(index) for index in range(people)]), rng)
    owner = np.repeat(np.arange(people), 6)
    keys = np.array([f"{who.subjects[person]}/{index % 6:04d}.jpg" for index, person in enumerate(owner)])
    mated = np.arange(trials) % 2 == 0
    probe = rng.integers(0, len(owner), trials)
    shift = np.where(mated, 0, rng.integers(1, people, trials))
    reference = (owner[probe] + shift) % people * 6 + (probe % 6 + rng.integers(1, 6, trials)) % 6
    fold = (np.arange(trials) * folds // max(trials, 1)).astype(np.int16) if folds else None
    frames = tuple(Frame(str(key), str(who.subjects[person])) for key, person in zip(keys, owner, strict=True))
    drawn_trials = Trials("view2", frames, probe.astype(np.int32), reference.astype(np.int32), fold)
    folder, cells, judged = RunFolder(path), [], []
    for label in (*recognizers, *failing):
        cell = _cell(label, entry, seed, asked)
        cells.append(cell.key)
        if label in failing:
            folder.write_outcome(cell, _failure(cell))
            continue
        found = rng.random(len(keys)) >= missed
        drawn = (scores(label, mated, rng) if scores else _scores(label, drawn_trials, who, rng)).astype(np.float32)
        drawn[~(found[probe] & found[reference])] = np.nan
        made = _Cell(label, drawn_trials, drawn, who, asked, seed)
        tables = {
            "trials": _trials(keys, who.subjects, owner, probe, reference, mated, fold, drawn),
            "frames": _frames(keys, who.subjects, owner, found, rng),
        }
        tables["identities"] = _identities(tables["trials"], drawn, rng)
        folder.write_outcome(cell, _success(cell, made, tables))
        judged.append((cell, made))
    folder.write_manifest(_manifest(name, cells, entry, recognizers, failing, seed, asked))
    folder.write_summary(cells)
    _add_differences(folder, judged)
    return folder


def _people(subjects: NDArray[np.str_], rng: np.random.Generator) -> People:
    number = len(subjects)
    male = np.where(np.arange(number) % 4 == 3, -1, 1)
    age = np.where(np.arange(number) % 12 == 5, 72.0, 20.0 + np.arange(number) * 7 % 40)
    return People(subjects, male, age, rng.beta(4, 2, 6 * number).astype(np.float32))


def _scores(label: str, trials: Trials, who: People, rng: np.random.Generator) -> NDArray[np.float32]:
    """Scores that resemble real ones: people differ, blurred photos fail, and women are confused more often."""
    shape = RECOGNIZERS.get(label, RECOGNIZERS["lbp"])
    owner = np.arange(len(trials.frames)) // 6
    first, second, mated = owner[trials.probe], owner[trials.reference], trials.mated
    likeness = np.random.default_rng(len(label)).normal(0, 0.5, len(who.subjects))
    normal = rng.normal(0, 0.85, len(mated))
    blur = np.minimum(who.sharpness[trials.probe], who.sharpness[trials.reference]) - 0.55
    confused = 0.35 * ((who.male[first] < 0) & (who.male[second] < 0))
    drawn = np.where(
        mated,
        shape["mated"][0] + shape["mated"][1] * (normal + likeness[first] + 1.5 * blur),
        shape["nonmated"][0] + shape["nonmated"][1] * (normal + (likeness[first] + likeness[second]) / 2 + confused),
    )
    clipped: NDArray[np.float32] = np.clip(drawn, -2, 1 if shape["comparison"] == "cosine" else 0).astype(np.float32)
    return clipped


class _Cell:
    """The figures and tables of one made-up cell, by the functions that a sweep uses."""

    def __init__(
        self, label: str, trials: Trials, scores: NDArray[np.float32], who: People, asked: Asked, seed: int
    ) -> None:
        self.label, self.trials, self.scores, self.who, self.asked, self.seed = label, trials, scores, who, asked, seed
        self.tables: dict[str, pd.DataFrame] = {}
        self.calibration: dict[str, Any] | None = None
        values = assess_verification(scores, trials.mated, trials.fold, FMR)
        if asked.old:
            self.values, self.draws = values, {}
            return
        owner = (np.arange(len(trials.frames)) // 6).astype(np.int32)
        self.clusters = Clusters(owner[trials.probe], owner[trials.reference], len(who.subjects))
        self.kept = double_or_nothing(len(who.subjects), asked.draws, np.random.default_rng(seed))
        intervals = VerificationIntervals(scores, trials.mated, trials.fold, self.clusters, self.kept, FMR)
        self.values, self.draws = intervals.attach(values), dict(intervals.draws)
        if self.draws:
            self.tables["draws"] = draws_table(self.draws)
        if (band := intervals.roc_band()) is not None:
            self.tables["curve"] = curve_table(band)
        thresholds = {str(value.operating_point): value.value for value in self.values if value.figure == "threshold"}
        if asked.calibration:
            thresholds = self._calibrate()
        self._by_columns(thresholds)

    def _calibrate(self) -> dict[str, float | None]:
        rng = np.random.default_rng([self.seed, 1])
        if self.asked.calibration == "profile":
            constants = {"0.1": 0.2, "0.01": 0.3}
            part = {"kind": "profile", "origin": "legacy-far01", "model": "ir152", "constants": constants}
        else:
            scores = _scores(self.label, self.trials, self.who, rng)
            kept = double_or_nothing(len(self.who.subjects), self.asked.draws, rng)
            found = set_thresholds(scores, self.trials.mated, self.clusters, kept, FMR)
            manifest = _thresholds(self.label, self.trials, self.who, found)
            part = {
                "kind": "manifest", "origin": "dev", "digest": manifest.digest, "file": "made up", "warnings": [],
                "content": manifest.document,
            }  # fmt: skip
        carried = thresholds_of({"calibration": part}, ArrayCache())
        assert carried is not None
        self.calibration = dict(carried.record)
        self.values += calibrated_figures(carried, self.scores, self.trials.mated, self.clusters, self.kept)
        return {point.name: point.threshold for point in carried.points}

    def _by_columns(self, thresholds: Mapping[str, float | None]) -> None:
        columns = {
            "Male": np.repeat(self.who.male, 6).astype(np.float32),
            "age": np.repeat(self.who.age, 6).astype(np.float32),
            "sharpness": self.who.sharpness,
        }
        if self.asked.groups:
            entries = [GroupEntry(column="Male"), GroupEntry(column="age", bins=(0, 30, 50, 70, 120))]
            self.values += group_figures(
                entries, columns, self.trials, self.scores, thresholds, self.clusters, self.kept
            )
        if self.asked.discard:
            figures, self.tables["discard"] = discard_figures(
                ["sharpness"], columns, self.trials, self.scores, thresholds, self.clusters, self.kept
            )
            self.values += figures


def _thresholds(label: str, trials: Trials, who: People, found: Mapping[str, Any]) -> Thresholds:
    """A manifest as `impersona calibrate` writes it, of made-up people of the dev part."""
    shape = RECOGNIZERS.get(label, RECOGNIZERS["lbp"])
    mated = int(trials.mated.sum())
    return Thresholds(
        recognizer=PluginIdentity(
            name=label, fingerprint={"revision": 1, "weights": value_digest(label)}, label=label
        ),
        aligner=PluginIdentity(name=shape["aligner"], fingerprint={"revision": 1}),
        comparison=shape["comparison"],
        images_read_by={"pillow": "13.0.0"},
        runtime={},
        dataset=CalibrationData(
            name="nowhere", fingerprint={"revision": 1}, protocol="view2", split="dev", trials=value_digest("dev"),
            images=value_digest("dev images"), people=len(who.subjects), people_hashes=(), mated=mated,
            nonmated=len(trials.probe) - mated, mated_not_acquired=3, nonmated_not_acquired=5,
        ),
        seed=7,
        draws=200,
        **found,
        impersona="0.1.0",
        date="2026-01-02T03:04:05+00:00",
    )  # fmt: skip


def _add_differences(folder: RunFolder, judged: Sequence[tuple[Cell, _Cell]]) -> None:
    """Adds the paired differences of each cell to the first one, as a sweep does once all cells are there."""
    path = folder.path / "summary.json"
    document = json.loads(path.read_text())
    for cell, made in judged[1:]:
        first = judged[0][1]
        theirs = {(value.figure, value.operating_point): value for value in first.values if value.group is None}
        for mine in made.values:
            key = (mine.figure, mine.operating_point)
            if mine.figure not in COMPARED or mine.group or key not in theirs or key not in made.draws:
                continue
            blank = dict.fromkeys(RECORD_FIELDS) | dict(cell.labels) | {"operating_point": key[1], "n": mine.n}
            blank |= {"figure": f"{mine.figure}_difference", "versus": first.label, "support": "insufficient"}
            other = theirs[key].value
            if mine.value is not None and other is not None and key in first.draws:
                interval = percentile_interval(made.draws[key] - first.draws[key])
                ends = dict(zip(("low", "high", "interval"), interval or (None,) * 3, strict=True))
                blank |= {"value": mine.value - other, "support": mine.support, **ends}
            document["records"].append(blank)
    path.write_text(json.dumps(document, indent=2))


COMPARED = ("equal_error_rate", "area_under_curve", "true_match_rate")


def _cell(label: str, dataset: Mapping[str, Any], seed: int, asked: Asked) -> Cell:
    shape = RECOGNIZERS.get(label, RECOGNIZERS["lbp"])
    settings = {key: value for key, value in dataset.items() if key != "name"}
    spec = {
        "cell": asked.cell,
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
    if not asked.old:
        part = {"data": {"kind": "data", "origin": "dev"}, "profile": {"kind": "profile", "origin": "legacy-far01"}}
        spec |= {"draws": asked.draws, "calibration": part.get(asked.calibration)}
    labels = {
        "dataset": dataset["name"], "protocol": "view2", "group": None, "recognizer": label, "detector": None,
        "generator": None, "attack": None, "settings": {"aligner": shape["aligner"]},
    }  # fmt: skip
    return Cell(value_digest(spec), spec, labels)


def _failure(cell: Cell) -> Failure:
    message = "no model pack 'buffalo_l' in ~/.insightface/models and no network; give its path as model: /path <here>"
    return Failure(cell.key, "MissingFile", message, f"Traceback (most recent call last):\nMissingFile: {message}", 0.4)


def _success(cell: Cell, made: _Cell, tables: Mapping[str, pd.DataFrame]) -> Success:
    blank = dict.fromkeys(RECORD_FIELDS) | dict(cell.labels)
    names = (
        "figure", "operating_point", "value", "low", "high", "n", "support", "interval", "group", "versus",
    )  # fmt: skip
    frames = tables["frames"]
    return Success(
        key=cell.key,
        figures=tuple(blank | {name: getattr(value, name) for name in names} for value in made.values),
        counts={
            "trials": len(made.scores),
            "trials_not_acquired": int(np.isnan(made.scores).sum()),
            "frames": len(frames),
            "frames_not_acquired": int((~frames["acquired"]).sum()),
            "embeddings_computed": len(frames),
            "embeddings_from_cache": 0,
        },
        runtime={"device": "cpu", "torch": "2.13.0"}
        if cell.labels["recognizer"] == "dlib_resnet"
        else {"provider": "CPUExecutionProvider", "onnxruntime": "1.27.0"},
        seconds=61.5,
        tables={name: to_parquet(name, frame) for name, frame in {**tables, **made.tables}.items()},
        calibration=made.calibration,
    )


def _trials(
    keys: NDArray[np.str_],
    subjects: NDArray[np.str_],
    owner: NDArray[np.int64],
    probe: NDArray[np.int64],
    reference: NDArray[np.int64],
    mated: NDArray[np.bool_],
    fold: NDArray[np.int16] | None,
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
    asked: Asked,
) -> dict[str, Any]:
    settings = {key: value for key, value in dataset.items() if key != "name"}
    entries: list[dict[str, Any]] = [
        {"name": label, "settings": {}, "label": None, "aligner": None} for label in (*recognizers, *failing)
    ]
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
            **({} if asked.old else {"draws": asked.draws}),
        },
        "cells": list(cells),
        "versions": versions(),
        "machine": {"system": "Linux 6.1", "processor": "a processor", "cores": 2},
        "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "changed": True},
        "command": f"impersona run {name}.yaml --out runs/{name}",
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 187.25,
    }
