"""One run, in the store.

RUN/
manifest.json            what was asked and where it ran: the whole sweep, versions, machine, commit, providers, digests
cells/KEY/outcome.json   a success, written once and last; names its tables with size and SHA-256
cells/KEY/trials.parquet, frames.parquet, identities.parquet and so on: its tables
cells/KEY/failures/0001.json   what went wrong at the first try, and so on
summary.json             every figure, flat, for other programs; derived from the outcomes
report.html, figures/, tables/   made by `impersona report`

Everything goes through a `BlobStore`; the folder's path serves for messages and for reports.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.api import Cell, Outcome, Success
from bench.errors import CorruptFile, MissingFile
from bench.store import migrations
from bench.store.blobs import BlobStore, DiskStore
from bench.store.cell_results import CellResults, Status, pretty
from bench.store.schema import RECORD_FIELDS, RUN_VERSION, SUMMARY_SCHEMA, from_parquet

_NEW_FOLDER = "run the sweep again with another --out: what was embedded is in the cache"
_WRITTEN_ANEW = "run the sweep again, which writes it anew"


class RunFolder:
    """A run folder, to write to or to read from.

    Args:
        path: the folder; made on the first write.
        blobs: where its parts are kept; by default in that folder.
    """

    def __init__(self, path: str | os.PathLike[str], blobs: BlobStore | None = None) -> None:
        self.path = Path(path)
        self.blobs = blobs or DiskStore(self.path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def open(cls, path: str | os.PathLike[str], blobs: BlobStore | None = None) -> RunFolder:
        """An existing run.

        Raises:
            MissingFile: the folder is not there or holds no run.
        """
        folder = cls(path, blobs)
        if folder.blobs.stat("manifest.json") is None:
            raise MissingFile(f"{path} holds no run: no manifest.json there; make one with impersona run --out {path}")
        return folder

    # ------------------------------------------------------------------------------------------------ writing

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Writes manifest.json, over an earlier one: it describes the newest session on this folder."""
        self.blobs.put("manifest.json", pretty({"version": RUN_VERSION, **manifest}))

    def write_outcome(self, cell: Cell, outcome: Outcome, origin: Mapping[str, Any] | None = None) -> None:
        """Stores what became of a cell. A stored success stands: `forget` it first to put another in its place.

        Args:
            cell: the cell.
            outcome: a success, or a failure, which is stored beside the earlier ones.
            origin: where it ran: versions, machine, commit.

        Raises:
            CorruptFile: another process never stops storing other results of the same cell.
        """
        document = {"version": RUN_VERSION, "spec": cell.spec, "labels": cell.labels, "origin": origin}
        results = self._cell(outcome.key)
        if isinstance(outcome, Success):
            body = {key: value for key, value in asdict(outcome).items() if key != "tables"}
            results.store_success(document | {"status": "success", **body}, outcome.tables)
        else:
            results.store_failure(document | {"status": "failure", **asdict(outcome)})

    def write_summary(self, order: Iterable[str], extra: Iterable[Mapping[str, Any]] = ()) -> None:
        """Writes summary.json from the stored successes.

        Args:
            order: the cells' keys, in the order in which their figures shall stand.
            extra: records that no single cell has, such as differences between two; they stand last.
        """
        records = [record for key in order if self.succeeded(key) for record in self.outcome(key)["figures"]]
        filled = [_filled(record) for record in (*records, *extra)]
        self.blobs.put("summary.json", pretty({"schema": SUMMARY_SCHEMA, "records": filled}))

    def forget(self, key: str) -> None:
        """Removes whatever is stored of a cell; call it just before storing anew, so that a kill loses little."""
        self._cell(key).forget()

    # ------------------------------------------------------------------------------------------------ reading

    def manifest(self) -> dict[str, Any]:
        """manifest.json. Raises `CorruptFile` if it cannot be read, or was written by a newer impersona."""
        where = f"{self.path}/manifest.json"
        found = self._json("manifest.json", _NEW_FOLDER)
        document = migrations.manifest_of(found, RUN_VERSION, where, _NEW_FOLDER)
        if not isinstance(document.get("cells"), list):
            raise CorruptFile(f"{where}: cells: got {document.get('cells')!r}, expected a list; {_NEW_FOLDER}")
        return document

    def cell_keys(self) -> list[str]:
        """The keys of the run's cells, in the order of the sweep."""
        return list(self.manifest()["cells"])

    def status(self, key: str) -> Status:
        """``"success"``; ``"failure"``; or ``"absent"``, of a cell that was never made or whose success is damaged."""
        return self._cell(key).status()

    def succeeded(self, key: str) -> bool:
        """Whether a cell is stored as a success, with all of its tables in their recorded size."""
        return self._cell(key).succeeded()

    def outcome(self, key: str) -> dict[str, Any]:
        """A cell's success, or else its newest failure: ``status``, ``labels``, ``spec``, the fields of the `Outcome`.

        ``tables`` names a success's tables, each with ``bytes`` and ``sha256``.
        """
        return self._cell(key).outcome()

    def outcomes(self) -> list[dict[str, Any]]:
        """The outcomes of all cells that have one, in the order of the sweep."""
        found = {key.split("/")[1] for key in self.blobs.keys("cells/") if key.endswith(".json")}
        return [self.outcome(key) for key in self.cell_keys() if key in found]

    def table(self, key: str, name: str) -> pd.DataFrame:
        """A table of a cell, such as ``"trials"`` or ``"draws"``; see `bench.store.schema` for names and columns.

        Raises:
            MissingFile: the cell has no success, or that has no such table.
            CorruptFile: the table is not what was stored; says what to type.
        """
        results = self._cell(key)
        data = results.table(name)
        try:
            return from_parquet(name, data, f"{self.path}/cells/{key}/{name}.parquet")
        except CorruptFile as error:
            raise CorruptFile(f"{error}; {results.remedy()}") from error

    def trials(self) -> pd.DataFrame:
        """One row a comparison, of every cell that succeeded, with the cell's dataset, protocol and recognizer."""
        return self._labelled("trials")

    def frames(self) -> pd.DataFrame:
        """One row a photo and recognizer, with whether a face was found."""
        return self._labelled("frames")

    def summary(self) -> pd.DataFrame:
        """summary.json as a frame, one row a figure."""
        where = f"{self.path}/summary.json"
        document = self._json("summary.json", _WRITTEN_ANEW)
        if not isinstance(document, dict) or document.get("schema") != SUMMARY_SCHEMA:
            got = document.get("schema") if isinstance(document, dict) else type(document).__name__
            raise CorruptFile(
                f"{where}: {got!r}; expected {SUMMARY_SCHEMA!r}; if a newer impersona wrote it, upgrade; otherwise "
                f"{_WRITTEN_ANEW}"
            )
        return pd.DataFrame([_filled(record) for record in document["records"]], columns=list(RECORD_FIELDS))

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

    def _cell(self, key: str) -> CellResults:
        return CellResults(self.blobs, key, self.path)

    def _json(self, key: str, remedy: str) -> Any:
        try:
            return json.loads(self.blobs.get(key))
        except ValueError as error:
            raise CorruptFile(f"{self.path / key}: not JSON ({error}); {remedy}") from error


def _filled(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with every field; those that its version did not know are null."""
    return {name: record.get(name) for name in RECORD_FIELDS}


class DrawKey(NamedTuple):
    """What a figure's draws are filed under in the table `draws`; None for none, or for all."""

    figure: str
    operating_point: str | None
    group: str | None
    species: str | None


def draws_of(table: pd.DataFrame) -> dict[DrawKey, NDArray[np.float64]]:
    """The table `draws` by figure, operating point, group and species: float64 (B,) each, NaN for no value."""
    found: dict[DrawKey, NDArray[np.float64]] = {}
    ordered = table.sort_values("draw", kind="stable")
    for names, rows in ordered.groupby(list(DrawKey._fields), observed=True, dropna=False, sort=False):
        figure, *rest = (name if isinstance(name, str) else None for name in names)
        found[DrawKey(str(figure), *rest)] = rows["value"].to_numpy(np.float64)
    return found


def draws_by_figure(table: pd.DataFrame) -> dict[tuple[str, str | None], NDArray[np.float64]]:
    """Those of `draws_of` that are of no group and no species, by figure and operating point."""
    return {key[:2]: values for key, values in draws_of(table).items() if key.group is None and key.species is None}
