"""Run folders: a cell is stored whole or not at all, and stands, whatever is killed, damaged or written meanwhile."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.api import Cell, Failure, Success
from bench.errors import CorruptFile, MissingFile
from bench.store.blobs import BlobStore, DiskStore
from bench.store.run_folder import RunFolder
from bench.store.schema import RUN_VERSION
from tests.test_store import MemoryStore, files, identities, read_only, rewritten

SPAWN = multiprocessing.get_context("spawn")
KEY = "c0ffee" * 10


def cell(key: str = KEY) -> Cell:
    return Cell(key, {"assessment": "verification"}, {"dataset": "d", "protocol": "p", "recognizer": "r"})


def success(key: str = KEY, similarity: float = 0.5, **changes: Any) -> Success:
    figures = ({"figure": "equal_error_rate", "value": similarity, "n": 3},)
    tables = {"identities": identities(similarity), "other": b"%f" % similarity * 1000}
    made = {"key": key, "figures": figures, "counts": {}, "runtime": {}, "seconds": 1.0, "tables": tables}
    return Success(**made | changes)


def failure(message: str = "no", key: str = KEY) -> Failure:
    return Failure(key, "RuntimeError", message, "trace", 0.1)


def run_of(path: Path, blobs: BlobStore | None = None, *keys: str) -> RunFolder:
    folder = RunFolder(path, blobs)
    folder.write_manifest({"name": "t", "sweep": {}, "cells": list(keys or [KEY])})
    return folder


def similarity_of(folder: RunFolder, key: str = KEY) -> float:
    """The one number of a cell, the same in its figures and in its table, or the cell is a mix."""
    (value,) = folder.table(key, "identities")["similarity"]
    assert folder.outcome(key)["figures"][0]["value"] == pytest.approx(value)
    return round(float(value), 6)


def outcome_file(folder: RunFolder, key: str = KEY) -> Path:
    return folder.path / "cells" / key / "outcome.json"


def test_a_run_folder_keeps_successes_and_failures(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run", None, "a", "b", "c")
    folder.write_outcome(cell("a"), success("a"))
    folder.write_outcome(cell("b"), failure("no", "b"))
    folder.write_summary(["a", "b", "c"], extra=[{"figure": "true_match_rate", "versus": "q", "value": 0.25}])
    again = RunFolder.open(tmp_path / "run")
    assert [outcome["status"] for outcome in again.outcomes()] == ["success", "failure"]
    assert [again.status(key) for key in "abc"] == ["success", "failure", "absent"]
    assert [again.succeeded(key) for key in "abc"] == [True, False, False]
    assert again.failures()["message"].tolist() == ["no"]
    assert again.summary()["figure"].tolist() == ["equal_error_rate", "true_match_rate"]
    assert again.summary()["versus"].fillna("nothing").tolist() == ["nothing", "q"]
    assert again.summary().iloc[0].drop(["figure", "value", "n"]).isna().all()
    assert similarity_of(again, "a") == 0.5
    recorded = again.outcome("a")["tables"]["identities"]
    data = (tmp_path / "run" / "cells" / "a" / "identities.parquet").read_bytes()
    assert recorded == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    with pytest.raises(MissingFile, match=r"cell b of .* holds no table 'trials': no success"):
        again.table("b", "trials")
    with pytest.raises(MissingFile, match="holds no table 'trials': only identities, other"):
        again.table("a", "trials")
    with pytest.raises(MissingFile, match="nothing stored"):
        again.outcome("c")


def test_a_run_folder_needs_nothing_but_the_seam(tmp_path: Path) -> None:
    blobs = MemoryStore()
    folder = run_of(tmp_path / "run", blobs)
    folder.write_outcome(cell(), failure())
    folder.write_outcome(cell(), success())
    folder.write_summary([KEY])
    again = RunFolder.open(tmp_path / "run", blobs)
    assert (len(again.outcomes()), len(again.summary()), len(again.failures())) == (1, 1, 0)
    assert similarity_of(again) == 0.5
    again.forget(KEY)
    assert list(blobs.keys()) == ["manifest.json", "summary.json"]
    assert not (tmp_path / "run").exists()


def test_failures_are_numbered_and_the_newest_counts_until_a_success(tmp_path: Path) -> None:
    folder = run_of(tmp_path)
    for message in ("first", "second", "third"):
        folder.write_outcome(cell(), failure(message))
        assert folder.failures()["message"].tolist() == [message]
    folder.write_outcome(cell(), success())
    assert (folder.status(KEY), folder.outcome(KEY)["failures"]) == ("success", 3)
    folder.write_outcome(cell(), failure("too late"))
    assert folder.succeeded(KEY)
    assert files(tmp_path / "cells" / KEY / "failures") == ["0001.json", "0002.json", "0003.json"]


def test_a_stored_success_stands_until_it_is_forgotten(tmp_path: Path) -> None:
    folder = run_of(tmp_path)
    folder.write_outcome(cell(), failure())
    folder.write_outcome(cell(), success(similarity=0.25))
    folder.write_outcome(cell(), success(similarity=0.75))
    assert similarity_of(folder) == 0.25
    folder.forget(KEY)
    assert (folder.status(KEY), files(tmp_path)) == ("absent", ["manifest.json"])
    folder.write_outcome(cell(), success(similarity=0.75))
    assert similarity_of(folder) == 0.75


def test_a_success_that_was_damaged_counts_no_longer_but_its_old_failures_do_not_either(tmp_path: Path) -> None:
    folder = run_of(tmp_path)
    folder.write_outcome(cell(), failure("before"))
    folder.write_outcome(cell(), success())
    (tmp_path / "cells" / KEY / "identities.parquet").unlink()
    assert (folder.succeeded(KEY), folder.status(KEY)) == (False, "absent")
    with pytest.raises(CorruptFile, match=r"lost its table identities.parquet; delete .*cells/\w+ and run the sweep"):
        folder.table(KEY, "identities")
    folder.write_outcome(cell(), failure("after"))
    assert (folder.status(KEY), folder.outcome(KEY)["message"]) == ("failure", "after")
    folder.write_outcome(cell(), success(similarity=0.75))
    assert similarity_of(folder) == 0.75


@pytest.mark.parametrize("kept", [slice(0), slice(1), slice(100), slice(-1), slice(1, None)])
def test_a_table_of_the_wrong_size_is_no_success_and_is_made_again(kept: slice, tmp_path: Path) -> None:
    folder = run_of(tmp_path)
    folder.write_outcome(cell(), success())
    path = tmp_path / "cells" / KEY / "identities.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[kept])
    assert folder.status(KEY) == "absent"
    with pytest.raises(CorruptFile, match=rf"identities.parquet holds \d+ bytes, stored were {len(whole)}"):
        folder.table(KEY, "identities")
    folder.write_summary([KEY])
    assert len(folder.summary()) == 0
    folder.write_outcome(cell(), success())
    assert (folder.status(KEY), path.read_bytes()) == ("success", whole)


def test_a_flipped_bit_in_a_table_is_seen_when_it_is_read(tmp_path: Path) -> None:
    folder = run_of(tmp_path)
    folder.write_outcome(cell(), success())
    path = tmp_path / "cells" / KEY / "identities.parquet"
    whole = path.read_bytes()
    rng = random.Random(7)
    for _ in range(50):
        flipped = bytearray(whole)
        flipped[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        with pytest.raises(CorruptFile) as caught:
            folder.table(KEY, "identities")
        assert f"cell {KEY[:12]}" in str(caught.value)
        assert "other bytes than were stored" in str(caught.value)
        assert "impersona run SWEEP --resume all" in str(caught.value)


def damaged_outcomes() -> dict[str, Callable[[dict[str, Any]], str]]:
    return {
        "empty": lambda found: "",
        "half": lambda found: json.dumps(found)[: len(json.dumps(found)) // 2],
        "zeros": lambda found: "\0" * 300,
        "a list": lambda found: "[]",
        "no tables": lambda found: json.dumps({name: value for name, value in found.items() if name != "tables"}),
        "tables of another shape": lambda found: json.dumps(found | {"tables": {"identities": 12}}),
        "no figures": lambda found: json.dumps(found | {"figures": None}),
        "no status": lambda found: json.dumps(found | {"status": "?"}),
        "no version": lambda found: json.dumps({name: value for name, value in found.items() if name != "version"}),
    }


@pytest.mark.parametrize("damage", sorted(damaged_outcomes()))
def test_a_damaged_outcome_is_none_says_so_and_is_made_again(damage: str, tmp_path: Path) -> None:
    folder = run_of(tmp_path)
    folder.write_outcome(cell(), success())
    path = outcome_file(folder)
    path.write_text(damaged_outcomes()[damage](json.loads(path.read_text())))
    assert (folder.succeeded(KEY), folder.status(KEY)) == (False, "absent")
    with pytest.raises(CorruptFile, match=f"cell {KEY[:12]} of .*outcome.json.*run the sweep again"):
        folder.outcomes()
    folder.write_summary([KEY])
    folder.write_outcome(cell(), success(similarity=0.75))
    assert similarity_of(folder) == 0.75


def test_an_outcome_without_its_tables_is_none(tmp_path: Path) -> None:
    folder = run_of(tmp_path)
    folder.write_outcome(cell(), success())
    for path in (tmp_path / "cells" / KEY).glob("*.parquet"):
        path.unlink()
    assert folder.status(KEY) == "absent"
    with pytest.raises(CorruptFile, match="lost its table"):
        folder.table(KEY, "identities")


def test_tables_that_a_killed_writer_left_never_mix_with_a_later_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_of(tmp_path)

    def killed(store: DiskStore, key: str, data: bytes, put: Any = DiskStore.put_if_absent) -> bool:
        if key.endswith("outcome.json"):
            raise KeyboardInterrupt
        return bool(put(store, key, data))

    with monkeypatch.context() as patch:
        patch.setattr(DiskStore, "put_if_absent", killed)
        with pytest.raises(KeyboardInterrupt):
            folder.write_outcome(cell(), success(similarity=0.25))
    assert files(tmp_path / "cells" / KEY) == ["identities.parquet", "other.parquet"]
    assert (folder.status(KEY), folder.outcomes()) == ("absent", [])
    with pytest.raises(MissingFile):
        folder.table(KEY, "identities")
    left = rewritten(identities(0.25), version=str(RUN_VERSION + 5))
    (tmp_path / "cells" / KEY / "identities.parquet").write_bytes(left)
    folder.write_outcome(cell(), success(similarity=0.75))
    assert similarity_of(folder) == 0.75
    assert (tmp_path / "cells" / KEY / "other.parquet").read_bytes() == b"%f" % 0.75 * 1000


def test_a_disk_that_fills_up_while_a_cell_is_stored_leaves_no_success(small_disk: Path) -> None:
    folder = run_of(small_disk / "run")
    large = success(tables={"identities": identities(), "other": bytes(100_000)})
    with pytest.raises(OSError, match="No space left on device") as caught:
        folder.write_outcome(cell(), large)
    assert caught.value.filename == str(small_disk / "run" / "cells" / KEY / "other.parquet")
    assert folder.status(KEY) == "absent"
    folder.write_outcome(cell(), success(similarity=0.75))
    assert similarity_of(folder) == 0.75


def test_a_read_only_run_can_be_read_but_not_gone_on_with(small_disk: Path) -> None:
    folder = run_of(small_disk / "run", None, KEY, "b")
    folder.write_outcome(cell(), success())
    folder.write_summary([KEY])
    read_only(small_disk)
    again = RunFolder.open(small_disk / "run")
    assert (len(again.summary()), similarity_of(again)) == (1, 0.5)
    for write in (
        lambda: again.write_outcome(cell("b"), success("b")),
        lambda: again.write_outcome(cell("b"), failure("no", "b")),
        lambda: again.write_manifest({"cells": []}),
        lambda: again.forget(KEY),
    ):
        with pytest.raises(OSError, match="Read-only file system") as caught:
            write()
        assert caught.value.filename


@pytest.mark.parametrize("same", [True, False])
def test_two_processes_that_write_one_cell_leave_it_whole(same: bool, tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run")
    rounds = 12
    gate = SPAWN.Barrier(2)
    writers = [
        SPAWN.Process(target=write_cells, args=(str(folder.path), rounds, 0.5 if same else 0.25 + 0.5 * who, gate))
        for who in range(2)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    for number in range(rounds):
        assert folder.status(f"cell{number}") == "success"
        assert similarity_of(folder, f"cell{number}") in ((0.5,) if same else (0.25, 0.75))
    assert not [name for name in files(folder.path) if name.endswith(".part")]


def write_cells(path: str, rounds: int, similarity: float, gate: Any) -> None:
    for number in range(rounds):
        gate.wait(60)
        RunFolder(path).write_outcome(cell(f"cell{number}"), success(f"cell{number}", similarity))


def test_of_two_writers_the_first_success_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second writer has read that the cell is absent; then the first one finishes."""
    folder, put = run_of(tmp_path), DiskStore.put_if_absent
    once = []

    def overtaken(store: DiskStore, key: str, data: bytes) -> bool:
        if not once:
            once.append(1)
            folder.write_outcome(cell(), success(similarity=0.25))
        return put(store, key, data)

    monkeypatch.setattr(DiskStore, "put_if_absent", overtaken)
    folder.write_outcome(cell(), success(similarity=0.75))
    assert similarity_of(folder) == 0.25


def test_a_run_folder_of_a_newer_version_or_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="holds no run"):
        RunFolder.open(tmp_path)
    newer = "written by a newer impersona; this one reads up to version 2; upgrade: pip install --upgrade impersona"
    for text, message in (
        (json.dumps({"version": 99, "cells": []}), f"manifest.json: version 99, {newer}"),
        (json.dumps({"version": 0, "cells": []}), "version 0; expected one from 1 to 2"),
        (json.dumps({"version": RUN_VERSION}), "cells: got None, expected a list"),
        ("[]", "got list, expected an object"),
        ("{", "not JSON"),
        ("", "not JSON"),
    ):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(CorruptFile, match=message):
            RunFolder.open(tmp_path).manifest()


def test_a_summary_of_another_schema_is_refused(tmp_path: Path) -> None:
    folder = run_of(tmp_path)
    for document in ({"schema": "impersona.summary/9", "records": []}, {"records": []}, []):
        (tmp_path / "summary.json").write_text(json.dumps(document))
        with pytest.raises(CorruptFile, match=r"expected 'impersona\.summary/1'.*upgrade.*run the sweep again"):
            folder.summary()
    folder.write_summary([])
    assert len(folder.summary()) == 0


def test_a_forgotten_cell_of_which_a_kill_left_half_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_of(tmp_path)
    folder.write_outcome(cell(), success())
    delete, left = DiskStore.delete, [1]

    def killed(store: DiskStore, key: str) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        delete(store, key)

    with monkeypatch.context() as patch:
        patch.setattr(DiskStore, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            folder.forget(KEY)
    assert (folder.status(KEY), folder.outcomes()) == ("absent", [])
    folder.write_outcome(cell(), success(similarity=0.75))
    assert similarity_of(folder) == 0.75
