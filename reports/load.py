"""A run folder, read into what a report shows: groups of series that were scored on the very same comparisons."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from bench.errors import CorruptFile, MissingFile
from bench.provenance import canonical_json
from bench.store.run_folder import RunFolder
from reports import naming
from reports.series import FailedCell, Group, Record, Run, Series
from reports.vocabulary import vocabulary

__all__ = ["FailedCell", "Group", "Run", "Series", "load"]

_LABELS = ("dataset", "protocol", "recognizer", "generator", "attack", "goal", "settings")
"""What tells a record's cell from others of its assessment."""
_COMPARED = ("verification", "generated")
_NEEDED = {"verification": ("trials", {"mated", "score"})}
"""Assessment to the table without which a cell has nothing to show, and the columns that it needs."""


def load(path: str | os.PathLike[str], profile: str | None = None) -> Run:
    """A run.

    Args:
        path: the run folder.
        profile: whose words the report shall speak, such as ``"morph"``; by default those of each detector.

    Raises:
        MissingFile: there is no run.
        CorruptFile: a part of it is not readable.
        UnknownName: there is no such profile.
    """
    vocabulary(profile or "")
    folder = RunFolder.open(path)
    outcomes = folder.outcomes()
    labels, makers, titles = naming.labels_of(outcomes), naming.makers_of(outcomes), naming.titles_of(outcomes)
    differences = _differences(folder)
    together: dict[str, list[Mapping[str, Any]]] = {}
    for outcome in outcomes:
        together.setdefault(naming.group_of(outcome), []).append(outcome)
    groups = []
    for same, members in together.items():
        first = members[0]["labels"]
        groups.append(
            Group(
                assessment=naming.assessment_of(members[0]),
                dataset=str(first.get("dataset", "")),
                protocol=str(first.get("protocol", "")),
                title=titles[same],
                series=tuple(
                    _series(folder, one, labels[one["key"]], makers[one["key"]], differences)
                    for one in members
                    if _has_tables(one)
                ),
                failed=tuple(
                    _failed(one, labels[one["key"]], makers[one["key"]], titles[same])
                    for one in members
                    if _is_failed(one)
                ),
            )
        )
    manifest = folder.manifest()
    return Run(folder.path, manifest, tuple(groups), len(manifest["cells"]) - len(outcomes), profile or "")


def _has_tables(outcome: Mapping[str, Any]) -> bool:
    needed = _NEEDED.get(naming.assessment_of(outcome))
    return bool(outcome["status"] == "success" and (needed is None or needed[0] in outcome["tables"]))


def _is_failed(outcome: Mapping[str, Any]) -> bool:
    return bool(outcome["status"] == "failure")


def _differences(folder: RunFolder) -> Mapping[str, list[Record]]:
    """What summary.json says about paired differences, by the labels of the cell that they belong to."""
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
    return canonical_json([labels.get(name) for name in _LABELS])


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


def _series(
    folder: RunFolder, outcome: Mapping[str, Any], label: str, maker: str, differences: Mapping[str, list[Record]]
) -> Series:
    key = outcome["key"]
    verified = naming.assessment_of(outcome) == "verification"
    compared = naming.assessment_of(outcome) in _COMPARED
    one = Series(
        key=key,
        label=label,
        recognizer=naming.judge_of(outcome),
        outcome=outcome,
        folder=folder,
        differences=tuple(differences.get(_owner(outcome["labels"]), ())) if compared else (),
        maker=maker,
    )
    if verified and (missing := _NEEDED["verification"][1] - set(one.trials.columns)):
        raise CorruptFile(f"{folder.path}/cells/{key}/trials.parquet lacks {', '.join(sorted(missing))}; run it again")
    return one


def _failed(outcome: Mapping[str, Any], label: str, maker: str, place: str) -> FailedCell:
    said = outcome["error"], outcome["message"], outcome["traceback"]
    return FailedCell(label, place, *said, maker, naming.axes_of(outcome))
