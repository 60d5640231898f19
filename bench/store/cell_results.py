"""What is stored of one cell, and how it stays whole whoever writes it, however they end.

cells/KEY/NAME.parquet            the tables of a success
cells/KEY/outcome.json            the success; written last, with the size and SHA-256 of each table
cells/KEY/failures/0001.json ...  the failures, in the order in which they came

A success wins over every failure; while there is none, the newest failure counts. A success whose tables are not there,
or not of the recorded size, is none: the cell is made again. A killed writer leaves tables without an outcome.json,
possibly of another version of the code: the next writer replaces those that differ from its own.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from bench.errors import CorruptFile, MissingFile
from bench.store import migrations
from bench.store.blobs import BlobStore
from bench.store.schema import RUN_VERSION

Status = Literal["success", "failure", "absent"]
Document = dict[str, Any]

_ATTEMPTS = 20
_PAUSE_SECONDS = 0.01


class CellResults:
    """What is stored of one cell.

    Args:
        blobs: where.
        key: the cell's key.
        run: what the run folder is called in messages.
    """

    def __init__(self, blobs: BlobStore, key: str, run: Path) -> None:
        self._blobs, self.key, self._run = blobs, key, run
        self._base = f"cells/{key}"
        self._outcome = f"{self._base}/outcome.json"

    # ------------------------------------------------------------------------------------------------ writing

    def store_success(self, document: Mapping[str, Any], tables: Mapping[str, bytes]) -> None:
        """Stores a success, unless one is stored; of two writers the first one's stands.

        Args:
            document: outcome.json without ``failures`` and ``tables``.
            tables: name to the bytes of a Parquet file.

        Raises:
            CorruptFile: another process never stops storing other results of the same cell.
        """
        recorded = {
            name: {"bytes": len(tables[name]), "sha256": hashlib.sha256(tables[name]).hexdigest()}
            for name in sorted(tables)
        }
        for attempt in range(_ATTEMPTS):
            if self._is_whole(read_tables=True):
                return
            if attempt:
                time.sleep(random.random() * _PAUSE_SECONDS * attempt)  # two writers in step would go on for ever
            data = pretty({**document, "failures": self._newest_number(), "tables": recorded})
            if self._blobs.stat(self._outcome) is not None:
                self._blobs.delete(self._outcome)  # damaged, or a failure of version 1
            if all(self._take(name, table) for name, table in tables.items()):
                self._blobs.put_if_absent(self._outcome, data)
        if not self._is_whole(read_tables=True):
            raise CorruptFile(
                f"{self._named()}: what was just stored is not what is there; if another process writes to this run "
                "folder, end one of the two and run the sweep again"
            )

    def store_failure(self, document: Mapping[str, Any]) -> None:
        """Stores a failure under the next free number, unless a success is stored."""
        if self.succeeded():
            return
        number = self._newest_number() + 1
        while not self._blobs.put_if_absent(self._failure(number), pretty(document)):
            number += 1

    def forget(self) -> None:
        """Removes whatever is stored of the cell, the outcome first: whoever is killed halfway leaves no success."""
        self._blobs.delete(self._outcome)
        for key in list(self._blobs.keys(f"{self._base}/")):
            self._blobs.delete(key)

    # ------------------------------------------------------------------------------------------------ reading

    def succeeded(self) -> bool:
        """Whether a success is stored, with all of its tables in their recorded size."""
        return self._is_whole(read_tables=False)

    def status(self) -> Status:
        """Whether the cell is done, failed, or must be made."""
        if self.succeeded():
            return "success"
        return "absent" if self._counting_failure() is None else "failure"

    def outcome(self) -> Document:
        """The success, or the failure that counts; a success that lost tables where there is nothing newer.

        Raises:
            MissingFile: nothing is stored.
            CorruptFile: what is stored cannot be read.
        """
        if not self.succeeded() and (failure := self._counting_failure()) is not None:
            return self._document(failure)
        return self._document(self._outcome)

    def table(self, name: str) -> bytes:
        """The bytes of a table, the very ones that were stored.

        Raises:
            MissingFile: the cell has no success, or that has no such table.
            CorruptFile: the table is not what was stored.
        """
        document = self.outcome()
        recorded = document["tables"] if document["status"] == "success" else {}
        if name not in recorded:
            held = f"only {', '.join(recorded)}" if recorded else "no success"
            raise MissingFile(f"{self._named()} holds no table {name!r}: {held}")
        try:
            data = self._blobs.get(self._table(name))
        except MissingFile as error:
            raise CorruptFile(f"{self._named()} lost its table {name}.parquet; {self.remedy()}") from error
        wanted = recorded[name]
        if wanted["bytes"] not in (None, len(data)):
            got = f"{len(data)} bytes, stored were {wanted['bytes']}"
        elif wanted["sha256"] not in (None, hashlib.sha256(data).hexdigest()):
            got = "other bytes than were stored"
        else:
            return data
        raise CorruptFile(f"{self._named()}: {name}.parquet holds {got}; {self.remedy()}")

    def remedy(self) -> str:
        """What to type next where something of the cell is damaged."""
        return (
            f"delete {self._run / self._base} and run the sweep again, or make every cell again: "
            "impersona run SWEEP --resume all"
        )

    # ------------------------------------------------------------------------------------------------ inside

    def _take(self, name: str, data: bytes) -> bool:
        """Puts a table in its place; False if another writer has finished the cell meanwhile."""
        key = self._table(name)
        if self._blobs.put_if_absent(key, data) or self._get(key) == data:
            return True
        if self._blobs.stat(self._outcome) is not None:
            return False
        self._blobs.put(key, data)
        return True

    def _is_whole(self, read_tables: bool) -> bool:
        try:
            document = self._document(self._outcome)
            if document["status"] != "success":
                return False
            return all(self._holds(name, wanted, read_tables) for name, wanted in document["tables"].items())
        except (MissingFile, CorruptFile):
            return False

    def _holds(self, name: str, wanted: Mapping[str, Any], read: bool) -> bool:
        if read and wanted["sha256"] is not None:
            data = self._get(self._table(name))
            return data is not None and hashlib.sha256(data).hexdigest() == wanted["sha256"]
        found = self._blobs.stat(self._table(name))
        return found is not None and wanted["bytes"] in (None, found.size)

    def _counting_failure(self) -> str | None:
        """The key of the newest failure, unless a success, whole or damaged, came after it."""
        before = 0
        try:
            document = self._document(self._outcome)
            if document["status"] == "failure":
                return self._failure(newest) if (newest := self._newest_number()) else self._outcome
            before = document.get("failures", 0)
        except (MissingFile, CorruptFile):
            pass
        newest = self._newest_number()
        return self._failure(newest) if newest > before else None

    def _newest_number(self) -> int:
        names = (key.rpartition("/")[2].removesuffix(".json") for key in self._blobs.keys(f"{self._base}/failures/"))
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def _document(self, key: str) -> Document:
        where = f"{self._named()}: {key.removeprefix(self._base + '/')}"
        data = self._blobs.get(key)
        try:
            document = migrations.outcome_of(json.loads(data), RUN_VERSION, where, self.remedy())
        except ValueError as error:
            raise CorruptFile(f"{where}: not JSON ({error}); {self.remedy()}") from error
        if problem := _misshapen(document):
            raise CorruptFile(f"{where}: {problem}; {self.remedy()}")
        return document

    def _get(self, key: str) -> bytes | None:
        try:
            return self._blobs.get(key)
        except MissingFile:
            return None

    def _table(self, name: str) -> str:
        return f"{self._base}/{name}.parquet"

    def _failure(self, number: int) -> str:
        return f"{self._base}/failures/{number:04d}.json"

    def _named(self) -> str:
        return f"cell {self.key[:12]} of {self._run}"


def _misshapen(document: Document) -> str:
    """What an outcome lacks that every reader relies on; empty if it is well-formed."""
    wanted = {
        "success": {"labels": dict, "spec": dict, "figures": list, "tables": dict},
        "failure": {"labels": dict, "spec": dict, "error": str, "message": str},
    }.get(str(document.get("status")))
    if wanted is None:
        return f"status: got {document.get('status')!r}, expected 'success' or 'failure'"
    for name, kind in wanted.items():
        if not isinstance(document.get(name), kind):
            return f"{name}: got {type(document.get(name)).__name__}, expected {kind.__name__}"
    for name, recorded in document.get("tables", {}).items():
        if not isinstance(recorded, dict) or not {"bytes", "sha256"} <= set(recorded):
            return f"tables: {name}: got {recorded!r}, expected its bytes and sha256"
    return ""


def pretty(document: Mapping[str, Any]) -> bytes:
    """A document as it is stored: JSON for people to read, NaN refused."""
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
