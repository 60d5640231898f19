"""A run folder, read into what a report shows: groups of series that were scored on the very same trials."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.errors import CorruptFile, MissingFile
from bench.provenance import canonical_json
from bench.store.run_folder import RunFolder
from reports.series import FailedCell, Group, Record, Run, Series

__all__ = ["FailedCell", "Group", "Run", "Series", "load"]

_NEEDED = {"verification": ("trials", {"mated", "score"})}
"""Assessment to the table without which a cell has nothing to show, and the columns that it needs."""


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
    differences = _differences(folder)
    together: dict[str, list[Mapping[str, Any]]] = {}
    for outcome in outcomes:
        together.setdefault(_trials_of(outcome), []).append(outcome)
    groups = []
    for same, members in together.items():
        first = members[0]["labels"]
        groups.append(
            Group(
                assessment=_assessment(members[0]),
                dataset=str(first.get("dataset", "")),
                protocol=str(first.get("protocol", "")),
                title=titles[same],
                series=tuple(
                    _series(folder, one, labels[one["key"]], differences) for one in members if _has_tables(one)
                ),
                failed=tuple(_failed(one, labels[one["key"]], titles[same]) for one in members if _is_failed(one)),
            )
        )
    manifest = folder.manifest()
    return Run(folder.path, manifest, tuple(groups), len(manifest["cells"]) - len(outcomes))


def _assessment(outcome: Mapping[str, Any]) -> str:
    return str(outcome["spec"].get("assessment") or "verification")


def _has_tables(outcome: Mapping[str, Any]) -> bool:
    needed = _NEEDED.get(_assessment(outcome))
    return bool(outcome["status"] == "success" and (needed is None or needed[0] in outcome["tables"]))


def _is_failed(outcome: Mapping[str, Any]) -> bool:
    return bool(outcome["status"] == "failure")


def _trials_of(outcome: Mapping[str, Any]) -> str:
    spec, labels = outcome["spec"], outcome["labels"]
    digest = spec.get("trials_digest") or spec.get("trials") or spec.get("searches")
    where = [labels.get("dataset"), labels.get("protocol"), digest, spec.get("dataset")]
    return canonical_json([_assessment(outcome), *where])


def _differences(folder: RunFolder) -> Mapping[str, list[Record]]:
    """What summary.json says about differences between recognizers, by the labels of the cell that they belong to."""
    found: dict[str, list[Record]] = {}
    try:
        summary = folder.summary()
    except MissingFile:  # a run that was killed before its first cell was whole
        return found
    for record in summary[summary["versus"].notna()].to_dict("records"):
        whole = {str(name): None if _is_nan(value) else value for name, value in record.items()}
        found.setdefault(_owner(whole), []).append(whole)
    return found


def _owner(labels: Mapping[str, Any]) -> str:
    return canonical_json([labels.get(name) for name in ("dataset", "protocol", "recognizer", "settings")])


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


def _titles(outcomes: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    """Data set and protocol of every group; and the data set's settings where that leaves two groups alike."""
    short: dict[str, tuple[str, str]] = {}
    settings: dict[str, Mapping[str, Any]] = {}
    for outcome in outcomes:
        same, labels = _trials_of(outcome), outcome["labels"]
        short[same] = _assessment(outcome), f"{labels.get('dataset')} · {labels.get('protocol')}"
        settings[same] = (outcome["spec"].get("dataset") or {}).get("settings") or {}
    titles = {}
    for same, named in short.items():
        alike = [settings[other] for other, theirs in short.items() if theirs == named]
        varying = _varying(alike)
        extra = ", ".join(f"{key} {settings[same].get(key)}" for key in varying)
        titles[same] = f"{named[1]} ({extra})" if extra else named[1]
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


def _series(
    folder: RunFolder, outcome: Mapping[str, Any], label: str, differences: Mapping[str, list[Record]]
) -> Series:
    key = outcome["key"]
    verified = _assessment(outcome) == "verification"
    one = Series(
        key=key,
        label=label,
        recognizer=str(outcome["labels"].get("recognizer")),
        outcome=outcome,
        folder=folder,
        differences=tuple(differences.get(_owner(outcome["labels"]), ())) if verified else (),
    )
    if verified and (missing := _NEEDED["verification"][1] - set(one.trials.columns)):
        raise CorruptFile(f"{folder.path}/cells/{key}/trials.parquet lacks {', '.join(sorted(missing))}; run it again")
    return one


def _failed(outcome: Mapping[str, Any], label: str, place: str) -> FailedCell:
    return FailedCell(label, place, outcome["error"], outcome["message"], outcome["traceback"])
