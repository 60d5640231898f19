"""What is kept on disk: written once, whole or not at all, checked when it is read."""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.api import Cell, Failure, Success
from bench.errors import CorruptFile, MissingFile
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache, cache_root
from bench.store.run_folder import RunFolder
from bench.store.schema import IDENTITIES, TABLES, from_parquet, to_parquet

DIGESTS = [f"{number:064x}" for number in range(8)]
PARTS = {"recognizer": "r", "fingerprint": {"revision": 1}}


def test_a_key_is_written_once(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "s")
    assert list(store.keys()) == []
    assert store.put_if_absent("a/b", b"first")
    assert not store.put_if_absent("a/b", b"second")
    assert store.get("a/b") == b"first"
    assert list(store.keys("a/")) == ["a/b"]
    store.delete("a/b")
    store.delete("a/b")
    with pytest.raises(MissingFile, match="nothing stored under 'a/b'"):
        store.get("a/b")


def test_of_many_writers_one_wins_and_nothing_is_left_over(tmp_path: Path) -> None:
    store, won = DiskStore(tmp_path), []
    gate = threading.Barrier(8)

    def write(number: int) -> None:
        gate.wait()
        if store.put_if_absent("k", b"%d" % number * 100_000):
            won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert store.get("k") == b"%d" % won[0] * 100_000
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


def test_rows_come_back_under_their_images(own_cache: Path) -> None:
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    context = ArrayCache().context("embeddings", PARTS)
    context.add(DIGESTS[:2], {"embedding": rows[:2]})
    context.add(DIGESTS[2:3], {"embedding": rows[2:]})
    index, arrays = ArrayCache().context("embeddings", PARTS).load([DIGESTS[2], DIGESTS[5], DIGESTS[0]])
    assert index[1] == -1
    assert arrays["embedding"][index[[0, 2]]].tolist() == [rows[2].tolist(), rows[0].tolist()]
    other, nothing = ArrayCache().context("embeddings", {**PARTS, "recognizer": "q"}).load(DIGESTS)
    assert (other == -1).all()
    assert nothing == {}
    assert str(cache_root()) == str(own_cache)


def test_an_array_that_was_left_out_reads_as_zeros() -> None:
    context = ArrayCache().context("detections", PARTS)
    context.add(DIGESTS[:1], {"faces": np.zeros(1, np.int16)})
    context.add(DIGESTS[1:2], {"faces": np.ones(1, np.int16), "points": np.full((1, 5, 2), 3, np.float32)})
    index, arrays = context.load(DIGESTS[:2])
    assert arrays["points"][index].sum(axis=(1, 2)).tolist() == [0, 30]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
def test_a_damaged_entry_is_dropped_with_a_warning(
    damage: str, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    context = ArrayCache().context("embeddings", PARTS)
    context.add(DIGESTS[:4], {"embedding": np.ones((4, 64), np.float32)})
    (path,) = own_cache.rglob("*.npz")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes({"cut": bytes(data[: len(data) // 2]), "flip": data, "empty": b"", "other": b"PK no zip"}[damage])
    with caplog.at_level(logging.WARNING):
        index, _ = context.load(DIGESTS)
    assert (index == -1).all()
    assert "computed anew" in caplog.text
    assert not path.exists()
    context.add(DIGESTS[:4], {"embedding": np.ones((4, 64), np.float32)})
    assert (context.load(DIGESTS)[0] >= 0).sum() == 4


def test_tables_carry_version_and_units() -> None:
    import io

    import pyarrow.parquet as pq

    table = pd.DataFrame({"subject": ["a"], "other": ["b"], "similarity": [0.5], "comparisons": [3]})
    data = to_parquet("identities", table)
    schema = pq.read_schema(io.BytesIO(data))
    assert schema.field("similarity").metadata == {
        b"unit": b"similarity",
        b"meaning": b"mean score of all pairs of different photos",
    }
    pd.testing.assert_frame_equal(from_parquet("identities", data, "x"), table, check_dtype=False)
    with pytest.raises(CorruptFile, match=r"table 'identities' version 1; expected 'frames' version 1"):
        from_parquet("frames", data, "x")
    with pytest.raises(CorruptFile, match="not a readable Parquet file"):
        from_parquet("frames", data[:-5], "x")
    assert list(from_parquet("identities", data, "x").columns) == list(IDENTITIES)


def test_every_column_has_a_unit_or_needs_none() -> None:
    for table in TABLES.values():
        for name, column in table.items():
            assert column.unit or name in ("mated", "fold", "acquired", "problem")


def cell(key: str) -> Cell:
    return Cell(key, {"assessment": "verification"}, {"dataset": "d", "protocol": "p", "recognizer": "r"})


def test_a_run_folder_keeps_successes_and_failures(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.write_manifest({"cells": ["a", "b", "c"]})
    table = pd.DataFrame({"subject": ["x"], "other": ["y"], "similarity": [0.5], "comparisons": [3]})
    tables = {"identities": to_parquet("identities", table)}
    success = Success(
        "a", ({"figure": "equal_error_rate", "value": 0.1, "n": 3},), {"frames": 2}, {"device": "cpu"}, 1.0, tables
    )
    folder.write_outcome(cell("a"), success)
    folder.write_outcome(cell("b"), Failure("b", "RuntimeError", "no", "trace", 0.1))
    folder.write_summary(["a", "b", "c"])
    again = RunFolder.open(tmp_path / "run")
    assert [outcome["status"] for outcome in again.outcomes()] == ["success", "failure"]
    assert (again.succeeded("a"), again.succeeded("b"), again.succeeded("c")) == (True, False, False)
    assert again.failures()["message"].tolist() == ["no"]
    assert again.summary()["figure"].tolist() == ["equal_error_rate"]
    assert again.summary().iloc[0].drop(["figure", "value", "n"]).isna().all()
    assert again.table("a", "identities")["similarity"].tolist() == [0.5]
    folder.write_outcome(cell("b"), Success("b", (), {}, {}, 1.0))
    assert again.succeeded("b")


def test_a_run_folder_of_another_version_or_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="holds no run"):
        RunFolder.open(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"version": 99}))
    with pytest.raises(CorruptFile, match="version 99; expected 1"):
        RunFolder.open(tmp_path).manifest()
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(CorruptFile, match="not JSON"):
        RunFolder.open(tmp_path).manifest()
    (tmp_path / "summary.json").write_text(json.dumps({"schema": "other/1", "records": []}))
    with pytest.raises(CorruptFile, match=r"'other/1'; expected 'impersona\.summary/1'"):
        RunFolder.open(tmp_path).summary()


def test_a_failure_never_replaces_a_success(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.write_outcome(cell("a"), Success("a", (), {}, {}, 1.0))
    folder.write_outcome(cell("a"), Failure("a", "RuntimeError", "no", "trace", 0.1))
    assert folder.succeeded("a")


def test_an_entry_out_of_reach_is_not_deleted(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ArrayCache().context("embeddings", PARTS)
    context.add(DIGESTS[:1], {"embedding": np.ones((1, 4), np.float32)})

    def stale(self: DiskStore, key: str) -> bytes:
        raise OSError(116, "Stale file handle", key)

    with monkeypatch.context() as patch:
        patch.setattr(DiskStore, "get", stale)
        assert context.load(DIGESTS[:1])[0].tolist() == [-1]
    assert context.load(DIGESTS[:1])[0].tolist() == [0]


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        DiskStore(tmp_path).put_if_absent("a/b", b"x")
    assert caught.value.filename == str(tmp_path / "a" / "b")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
