"""A run folder, read into what a report shows: groups of series that were scored on the very same trials."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import CorruptFile
from bench.provenance import canonical_json
from bench.store.run_folder import RunFolder

UNITS = {"cosine": "similarity (cosine)", "neg_l2": "similarity (minus Euclidean distance)"}


@dataclass(frozen=True, eq=False)
class Series:
    """One cell that succeeded: a recognizer on a group's trials.

    Attributes:
        key: the cell's key.
        label: what tables and pictures call it, the same in every group.
        recognizer: the recognizer's label in the sweep.
        outcome: the stored outcome: ``spec``, ``labels``, ``figures``, ``counts``, ``runtime``, ``seconds``.
        trials: the table `trials`.
        frames: the table `frames`, or None where the cell has none.
        identities: the table `identities`, or None where the cell has none.
    """

    key: str
    label: str
    recognizer: str
    outcome: Mapping[str, Any]
    trials: pd.DataFrame
    frames: pd.DataFrame | None
    identities: pd.DataFrame | None

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """The score of every trial, float32 (M,), NaN where either face was not acquired."""
        return np.asarray(self.trials["score"].to_numpy(dtype=np.float32, na_value=np.nan))

    @cached_property
    def is_mated(self) -> NDArray[np.bool_]:
        """Whether each trial compares a person with themself, bool (M,)."""
        return np.asarray(self.trials["mated"].to_numpy(dtype=bool))

    @cached_property
    def mated(self) -> NDArray[np.float32]:
        """The scores of mated trials that were acquired."""
        return self.scores[self.is_mated & ~np.isnan(self.scores)]

    @cached_property
    def nonmated(self) -> NDArray[np.float32]:
        """The scores of nonmated trials that were acquired."""
        return self.scores[~self.is_mated & ~np.isnan(self.scores)]

    @property
    def records(self) -> Sequence[Mapping[str, Any]]:
        """The cell's figure records."""
        return list(self.outcome["figures"])

    @property
    def aligner(self) -> str:
        """The name of the aligner that found the faces; empty where the cell names none."""
        named: str = (self.outcome["spec"].get("aligner") or {}).get("name", "")
        return named

    @property
    def unit(self) -> str:
        """What its score is, in words."""
        comparison = self.outcome["spec"].get("comparison", "")
        return UNITS.get(comparison, "similarity")


@dataclass(frozen=True)
class FailedCell:
    """A cell that did not end well.

    Attributes:
        label: as that of a series.
        place: data set and protocol.
        error: the class name of what was raised.
        message: what it said.
        traceback: where it came from.
    """

    label: str
    place: str
    error: str
    message: str
    traceback: str


@dataclass(frozen=True, eq=False)
class Group:
    """Series that were scored on the same trials, and may therefore stand in one table and one picture.

    Attributes:
        dataset: the data set's name.
        protocol: the protocol's name.
        title: what the report calls the group.
        series: at least one unless every cell of the group failed.
        failed: the cells of the group that failed.
    """

    dataset: str
    protocol: str
    title: str
    series: tuple[Series, ...]
    failed: tuple[FailedCell, ...]


@dataclass(frozen=True, eq=False)
class Run:
    """A run, as a report shows it.

    Attributes:
        folder: where it lies.
        manifest: what was asked and where it ran.
        groups: in the order of the sweep.
        unfinished: how many cells have no outcome: the run was interrupted.
    """

    folder: Path
    manifest: Mapping[str, Any]
    groups: tuple[Group, ...]
    unfinished: int

    @property
    def name(self) -> str:
        """The sweep's name."""
        return str(self.manifest.get("name") or (self.manifest.get("sweep") or {}).get("name") or self.folder.name)

    @property
    def series(self) -> tuple[Series, ...]:
        """Every series of every group."""
        return tuple(one for group in self.groups for one in group.series)

    @property
    def failed(self) -> tuple[FailedCell, ...]:
        """Every failed cell of every group."""
        return tuple(one for group in self.groups for one in group.failed)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label once, in the order of the sweep."""
        of_groups = [[one.label for one in group.series] + [one.label for one in group.failed] for group in self.groups]
        return tuple(dict.fromkeys(label for labels in of_groups for label in labels))


def load(path: str | os.PathLike[str]) -> Run:
    """A run.

    Args:
        path: the run folder.

    Raises:
        MissingFile: there is no run.
        CorruptFile: a part of it is not readable.
    """
    folder = RunFolder.open(path)
    outcomes = folder.outcomes()
    labels = _labels(outcomes)
    titles = _titles(outcomes)
    together: dict[str, list[Mapping[str, Any]]] = {}
    for outcome in outcomes:
        together.setdefault(_trials_of(outcome), []).append(outcome)
    groups = []
    for same, members in together.items():
        first = members[0]["labels"]
        groups.append(
            Group(
                dataset=str(first.get("dataset", "")),
                protocol=str(first.get("protocol", "")),
                title=titles[same],
                series=tuple(_series(folder, one, labels[one["key"]]) for one in members if _has_trials(one)),
                failed=tuple(_failed(one, labels[one["key"]], titles[same]) for one in members if _is_failed(one)),
            )
        )
    manifest = folder.manifest()
    return Run(folder.path, manifest, tuple(groups), len(manifest["cells"]) - len(outcomes))


def _has_trials(outcome: Mapping[str, Any]) -> bool:
    return bool(outcome["status"] == "success" and "trials" in outcome["tables"])


def _is_failed(outcome: Mapping[str, Any]) -> bool:
    return bool(outcome["status"] == "failure")


def _trials_of(outcome: Mapping[str, Any]) -> str:
    spec, labels = outcome["spec"], outcome["labels"]
    digest = spec.get("trials_digest") or spec.get("trials")
    return canonical_json([labels.get("dataset"), labels.get("protocol"), digest, spec.get("dataset")])


def _titles(outcomes: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    """Data set and protocol of every group; and the data set's settings where that leaves two groups alike."""
    short: dict[str, str] = {}
    settings: dict[str, Mapping[str, Any]] = {}
    for outcome in outcomes:
        same, labels = _trials_of(outcome), outcome["labels"]
        short[same] = f"{labels.get('dataset')} · {labels.get('protocol')}"
        settings[same] = (outcome["spec"].get("dataset") or {}).get("settings") or {}
    titles = {}
    for same, title in short.items():
        alike = [settings[other] for other, theirs in short.items() if theirs == title]
        varying = _varying(alike)
        extra = ", ".join(f"{key} {settings[same].get(key)}" for key in varying)
        titles[same] = f"{title} ({extra})" if extra else title
    return titles


def _labels(outcomes: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """What each cell is called: the recognizer, with the settings that differ among cells of that name."""
    cells: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for outcome in outcomes:
        cells.setdefault((str(outcome["labels"].get("recognizer")), _trials_of(outcome)), []).append(outcome)
    varying: dict[str, set[str]] = {}
    for (recognizer, _), members in cells.items():
        found = _varying([member["labels"].get("settings") or {} for member in members])
        varying.setdefault(recognizer, set()).update(found)
    labels = {}
    for (recognizer, _), members in cells.items():
        for member in members:
            settings = member["labels"].get("settings") or {}
            extra = ", ".join(f"{key} {settings[key]}" for key in sorted(varying[recognizer]) if key in settings)
            labels[member["key"]] = f"{recognizer} ({extra})" if extra else recognizer
    return labels


def _varying(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = sorted({key for one in settings for key in one})
    return [key for key in keys if len({canonical_json(one.get(key)) for one in settings}) > 1]


def _series(folder: RunFolder, outcome: Mapping[str, Any], label: str) -> Series:
    key, tables = outcome["key"], outcome["tables"]
    trials = folder.table(key, "trials")
    if missing := {"mated", "score"} - set(trials.columns):
        raise CorruptFile(f"{folder.path}/cells/{key}/trials.parquet lacks {', '.join(sorted(missing))}; run it again")
    return Series(
        key=key,
        label=label,
        recognizer=str(outcome["labels"].get("recognizer")),
        outcome=outcome,
        trials=trials,
        frames=folder.table(key, "frames") if "frames" in tables else None,
        identities=folder.table(key, "identities") if "identities" in tables else None,
    )


def _failed(outcome: Mapping[str, Any], label: str, place: str) -> FailedCell:
    return FailedCell(label, place, outcome["error"], outcome["message"], outcome["traceback"])
