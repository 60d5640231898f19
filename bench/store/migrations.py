"""Earlier versions of what a run folder holds, brought to the present shape as they are read; the disk stays as it is.

A step leads from one version to the next. It is history: it names the fields of its time in so many words, and nobody
edits it once a release has written the version that it leads to.

version 1 → 2
    outcome.json: `tables` was a list of names, and is a mapping of name to size and SHA-256 (here null: not recorded);
        it says how many failures came before (`failures`) and where thresholds came from (`calibration`).
    A failure stood in outcome.json; it stands in failures/0001.json and so on.
    manifest.json's `sweep` and outcome.json's `spec` say where thresholds came from, and which columns, groups, discard
        curves and draws were asked for: none were. `sweep` also says which faces were to be made of whose photos,
        and which detectors and aligners were to be judged: none.
    Records of figures have two fields more, `interval` and `versus`.
    Tables: as they were; more kinds of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from bench.errors import CorruptFile

Document = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """From one version to the next.

    Attributes:
        manifest: of manifest.json.
        outcome: of a success or a failure.
        table: of a Parquet table, told its name.
    """

    manifest: Callable[[Document], Document]
    outcome: Callable[[Document], Document]
    table: Callable[[str, pa.Table], pa.Table]


def _outcome_1_to_2(document: Document) -> Document:
    new: Document = {
        "calibration": None,
        "columns": {"files": [], "digests": {}},
        "groups": [],
        "discard": [],
        "draws": 0,
    }
    document = {**document, "spec": new | document["spec"]}
    if document.get("status") != "success":
        return document
    unknown = {"bytes": None, "sha256": None}
    figures = [{**record, "interval": None, "versus": None} for record in document["figures"]]
    tables = {name: dict(unknown) for name in document["tables"]}
    return {**document, "figures": figures, "tables": tables, "failures": 0, "calibration": None}


def _manifest_1_to_2(document: Document) -> Document:
    pairs = {"count": 100, "kind": "different_people", "references": 5, "alike_by": None, "file": None}
    new: Document = {
        "calibrate": None,
        "columns": [],
        "groups": [],
        "discard": [],
        "draws": 0,
        "generators": [],
        "attacks": [],
        "pairs": pairs,
        "keep_faces": "examples",
        "detectors": [],
        "aligners": [],
        "detection": {"rates": [0.1, 0.05, 0.01], "references": 1, "bona_fide": None, "column": "label"},
        "diversity": None,
        "attention": None,
        "layout": None,
        "attributes": None,
        "novelty": None,
        "gallery": None,
        "leakage": None,
        "strangers": None,
    }
    return {**document, "sweep": new | document["sweep"]}


STEPS: Mapping[int, Step] = {
    1: Step(manifest=_manifest_1_to_2, outcome=_outcome_1_to_2, table=lambda name, table: table),
}
"""By the version that a step starts from."""


def manifest_of(document: Any, newest: int, where: str, remedy: str) -> Document:
    """manifest.json in the present shape.

    Args:
        document: as it was read.
        newest: the present version.
        where: what to call it in an error.
        remedy: what to type where it is damaged.

    Raises:
        CorruptFile: it is none, or written by a newer impersona.
    """
    return _upgraded(document, newest, where, remedy, lambda step: step.manifest)


def outcome_of(document: Any, newest: int, where: str, remedy: str) -> Document:
    """A stored success or failure in the present shape; see `manifest_of`."""
    return _upgraded(document, newest, where, remedy, lambda step: step.outcome)


def table_of(table: pa.Table, name: str, version: int) -> pa.Table:
    """A table in the present shape.

    Args:
        table: as it was read.
        name: its name.
        version: the version that it was written in, one that `readable` accepts.
    """
    for start in sorted(STEPS):
        if start >= version:
            table = STEPS[start].table(name, table)
    return table


def readable(version: Any, newest: int, where: str, remedy: str = "") -> int:
    """The version of a stored thing, if it can be read; see `manifest_of`.

    Raises:
        CorruptFile: it is no version, or that of a newer impersona.
    """
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise CorruptFile(_damaged(f"{where}: version {version!r}; expected one from 1 to {newest}", remedy))
    if version > newest:
        raise CorruptFile(
            f"{where}: version {version}, written by a newer impersona; this one reads up to version {newest}; "
            "upgrade: pip install --upgrade impersona"
        )
    return version


def _upgraded(
    document: Any, newest: int, where: str, remedy: str, part: Callable[[Step], Callable[[Document], Document]]
) -> Document:
    if not isinstance(document, dict):
        raise CorruptFile(_damaged(f"{where}: got {type(document).__name__}, expected an object", remedy))
    version = readable(document.get("version"), newest, where, remedy)
    present: Document = document
    try:
        for start in range(version, newest):
            present = part(STEPS[start])(present) | {"version": start + 1}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        problem = f"{where}: not what version {version} wrote ({type(error).__name__}: {error})"
        raise CorruptFile(_damaged(problem, remedy)) from error
    return present


def _damaged(problem: str, remedy: str) -> str:
    return f"{problem}; {remedy}" if remedy else problem
