"""One run on disk.

RUN/
manifest.json            what was asked and where it ran: the whole sweep, versions, machine, commit, providers, digests
cells/KEY/outcome.json   one success or failure; written last, so a cell is whole or absent
cells/KEY/trials.parquet, frames.parquet, identities.parquet
summary.json             every figure, flat, for other programs; derived from the outcomes
report.html, figures/, tables/   made by `impersona report`
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from bench.api import Cell, Outcome, Success
from bench.errors import CorruptFile, MissingFile
from bench.store.blobs import DiskStore, replace
from bench.store.schema import RECORD_FIELDS, RUN_VERSION, SUMMARY_SCHEMA, from_parquet


class RunFolder:
    """A run folder, to write to or to read from.

    Args:
        path: the folder; made on the first write.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.blobs = DiskStore(self.path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """An existing run.

        Raises:
            MissingFile: the folder is not there or holds no run.
        """
        folder = cls(path)
        if not (folder.path / "manifest.json").is_file():
            raise MissingFile(f"{path} holds no run: no manifest.json there; make one with impersona run --out {path}")
        return folder

    # ------------------------------------------------------------------------------------------------ writing

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Writes manifest.json, over an earlier one: it describes the newest session on this folder."""
        replace(self.path / "manifest.json", _pretty({"version": RUN_VERSION, **manifest}))

    def write_outcome(self, cell: Cell, outcome: Outcome, origin: Mapping[str, Any] | None = None) -> None:
        """Writes a cell's tables and, last, its outcome. A success replaces an earlier failure, never the reverse.

        Args:
            cell: the cell.
            outcome: what became of it.
            origin: where it ran: versions, machine, commit.
        """
        base = self.path / "cells" / outcome.key
        document: dict[str, Any] = {"version": RUN_VERSION, "spec": cell.spec, "labels": cell.labels, "origin": origin}
        if isinstance(outcome, Success):
            for name, data in outcome.tables.items():
                replace(base / f"{name}.parquet", data)
            body = {key: value for key, value in asdict(outcome).items() if key != "tables"}
            document |= {"status": "success", **body, "tables": sorted(outcome.tables)}
            replace(base / "outcome.json", _pretty(document))
        elif not self.succeeded(outcome.key):
            replace(base / "outcome.json", _pretty(document | {"status": "failure", **asdict(outcome)}))

    def write_summary(self, order: Iterable[str]) -> None:
        """Writes summary.json from the stored outcomes.

        Args:
            order: the cells' keys, in the order in which their figures shall stand.
        """
        records = [record for key in order if self.succeeded(key) for record in self.outcome(key)["figures"]]
        ordered = [{name: record.get(name) for name in RECORD_FIELDS} for record in records]
        replace(self.path / "summary.json", _pretty({"schema": SUMMARY_SCHEMA, "records": ordered}))

    # ------------------------------------------------------------------------------------------------ reading

    def manifest(self) -> dict[str, Any]:
        """manifest.json. Raises `CorruptFile` for another version."""
        return self._json("manifest.json")

    def cell_keys(self) -> list[str]:
        """The keys of the run's cells, in the order of the sweep."""
        return list(self.manifest()["cells"])

    def outcome(self, key: str) -> dict[str, Any]:
        """A cell's outcome.json: ``status``, ``labels``, ``spec`` and the fields of `Success` or `Failure`."""
        return self._json(f"cells/{key}/outcome.json")

    def succeeded(self, key: str) -> bool:
        """Whether a cell is stored as a success, with all of its tables."""
        try:
            outcome = self.outcome(key)
            return outcome["status"] == "success" and all(
                (self.path / "cells" / key / f"{name}.parquet").is_file() for name in outcome["tables"]
            )
        except (MissingFile, CorruptFile, KeyError):
            return False

    def outcomes(self) -> list[dict[str, Any]]:
        """The outcomes of all cells that have one, in the order of the sweep."""
        stored = set(self.blobs.keys("cells/"))
        return [self.outcome(key) for key in self.cell_keys() if f"cells/{key}/outcome.json" in stored]

    def table(self, key: str, name: str) -> pd.DataFrame:
        """A table of a cell: ``"trials"``, ``"frames"`` or ``"identities"``; see `bench.store.schema` for columns."""
        path = f"cells/{key}/{name}.parquet"
        try:
            return from_parquet(name, self.blobs.get(path), str(self.path / path))
        except CorruptFile as error:
            raise CorruptFile(f"{error}; delete {self.path / 'cells' / key} and run the sweep again") from error

    def trials(self) -> pd.DataFrame:
        """One row a comparison, of every cell that succeeded, with the cell's dataset, protocol and recognizer."""
        return self._labelled("trials")

    def frames(self) -> pd.DataFrame:
        """One row a photo and recognizer, with whether a face was found."""
        return self._labelled("frames")

    def summary(self) -> pd.DataFrame:
        """summary.json as a frame, one row a figure."""
        document = self._json("summary.json", check=False)
        if document.get("schema") != SUMMARY_SCHEMA:
            raise CorruptFile(f"{self.path}/summary.json: {document.get('schema')!r}; expected {SUMMARY_SCHEMA!r}")
        return pd.DataFrame(document["records"], columns=list(RECORD_FIELDS))

    def failures(self) -> pd.DataFrame:
        """One row a failed cell: labels, error and message."""
        rows = [
            {**outcome["labels"], "error": outcome["error"], "message": outcome["message"]}
            for outcome in self.outcomes()
            if outcome["status"] == "failure"
        ]
        return pd.DataFrame(rows)

    def _labelled(self, name: str) -> pd.DataFrame:
        parts = []
        for outcome in self.outcomes():
            if outcome["status"] == "success" and name in outcome["tables"]:
                labels = outcome["labels"]
                frame = self.table(outcome["key"], name)
                for position, column in enumerate(("dataset", "protocol", "recognizer")):
                    frame.insert(position, column, labels.get(column))
                parts.append(frame)
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def _json(self, key: str, check: bool = True) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads(self.blobs.get(key))
        except ValueError as error:
            raise CorruptFile(f"{self.path / key}: not JSON ({error})") from error
        if check and document.get("version") != RUN_VERSION:
            raise CorruptFile(f"{self.path / key}: version {document.get('version')!r}; expected {RUN_VERSION}")
        return document


def _pretty(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
