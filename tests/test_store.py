"""The blob store and its tables: written once, whole or not at all, checked when they are read."""

from __future__ import annotations

import errno
import io
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.errors import ConfigError, CorruptFile, MissingFile
from bench.store.blobs import BlobStore, DiskStore, Stat
from bench.store.schema import IDENTITIES, RUN_VERSION, TABLES, from_parquet, to_parquet


class MemoryStore:
    """A blob store that has no paths: whatever works on it goes through the seam alone."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[bytes, float]] = {}

    def put_if_absent(self, key: str, data: bytes) -> bool:
        return self.held.setdefault(key, entry := (bytes(data), time.time())) is entry

    def put(self, key: str, data: bytes) -> None:
        self.held[key] = (bytes(data), time.time())

    def get(self, key: str) -> bytes:
        if key not in self.held:
            raise MissingFile(f"nothing stored under {key!r}")
        return self.held[key][0]

    def stat(self, key: str) -> Stat | None:
        return Stat(len(self.held[key][0]), self.held[key][1]) if key in self.held else None

    def touch(self, key: str) -> None:
        self.held[key] = (self.get(key), time.time())

    def keys(self, prefix: str = "") -> Iterator[str]:
        yield from sorted(key for key in self.held if key.startswith(prefix))

    def delete(self, key: str) -> None:
        self.held.pop(key, None)

    def tidy(self, prefix: str = "", seconds: float = 0) -> int:
        return 0


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return DiskStore(tmp_path / "s") if request.param == "disk" else MemoryStore()


def read_only(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# -------------------------------------------------------------------------------------------------------- the seam


def test_a_key_is_written_once(store: BlobStore) -> None:
    assert list(store.keys()) == []
    assert store.put_if_absent("a/b", b"first")
    assert not store.put_if_absent("a/b", b"second")
    assert store.get("a/b") == b"first"
    assert list(store.keys("a/")) == list(store.keys("a/b")) == ["a/b"]
    assert list(store.keys("b")) == []
    store.delete("a/b")
    store.delete("a/b")
    assert store.stat("a/b") is None
    with pytest.raises(MissingFile, match="nothing stored under 'a/b'"):
        store.get("a/b")


def test_what_is_derived_may_be_made_anew(store: BlobStore) -> None:
    store.put("m.json", b"one")
    store.put("m.json", b"three")
    assert store.get("m.json") == b"three"
    found = store.stat("m.json")
    assert found is not None
    assert (found.size, abs(found.used - time.time()) < 60) == (5, True)


def test_a_touched_key_is_in_use(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.put("k", b"")
    os.utime(tmp_path / "k", (1000, 1000))
    assert store.stat("k") == Stat(0, 1000)
    store.touch("k")
    assert time.time() - (store.stat("k") or Stat(0, 0)).used < 60
    store.touch("nothing")


def test_of_many_writers_one_wins_and_nothing_is_left_over(tmp_path: Path) -> None:
    assert_one_writer_wins(tmp_path)


def test_of_many_writers_one_wins_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: object, target: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    def slow(source: Path, target: Path, replace: Any = os.replace) -> None:
        time.sleep(0.02)  # long enough for every other writer to look whether the key is taken
        replace(source, target)

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "replace", slow)
    assert_one_writer_wins(tmp_path)


def assert_one_writer_wins(folder: Path) -> None:
    store, won = DiskStore(folder), []
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
    assert files(folder) == ["k"]


def test_a_folder_that_is_cleared_away_under_a_writer_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, times = DiskStore(tmp_path / "s"), []
    link = os.link

    def late(source: Path, target: Path) -> None:
        if not times:
            times.append(1)
            shutil.rmtree(tmp_path / "s")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert store.put_if_absent("a/b", b"x")
    assert store.get("a/b") == b"x"


def test_what_a_killed_writer_left_is_no_key_and_is_tidied(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.put("a/k", b"x")
    old, fresh = tmp_path / "a" / ".k-abcd1234.part", tmp_path / "a" / ".k-wxyz_987.part"
    for path in (old, fresh, tmp_path / "a" / "film.part"):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert list(store.keys()) == ["a/film.part", "a/k"]
    assert store.tidy("b/") == 0
    assert store.tidy() == 1
    assert files(tmp_path) == ["a/.k-wxyz_987.part", "a/film.part", "a/k"]
    assert store.tidy(seconds=0) == 1
    assert files(tmp_path) == ["a/film.part", "a/k"]


def test_a_writer_killed_at_any_moment_leaves_whole_keys(tmp_path: Path) -> None:
    code = (
        "import sys, itertools; from bench.store.blobs import DiskStore; store = DiskStore(sys.argv[1]);"
        "[print(store.put_if_absent(f'k{n}', b'%09d' % n * 50_000), flush=True) for n in itertools.count()]"
    )
    for wait in (0.0, 0.013, 0.029, 0.047):
        process = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.kill()
        process.communicate()
    store = DiskStore(tmp_path)
    keys = list(store.keys())
    assert keys
    assert all(store.get(key) == b"%09d" % int(key[1:]) * 50_000 for key in keys)


# ------------------------------------------------------------------------------------------------ faults of the disk


def test_a_full_disk_names_the_file_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        DiskStore(tmp_path).put_if_absent("a/b", b"x")
    assert caught.value.filename == str(tmp_path / "a" / "b")
    assert files(tmp_path) == []


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    store = DiskStore(small_disk)
    assert store.put_if_absent("small", bytes(10_000))
    for write in (store.put_if_absent, store.put):
        with pytest.raises(OSError, match="No space left on device") as caught:
            write("large", bytes(100_000))
        assert caught.value.filename == str(small_disk / "large")
        assert files(small_disk) == ["small"]
    assert store.get("small") == bytes(10_000)


def test_a_file_above_the_limit_of_the_process_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from bench.store.blobs import DiskStore; limit = (5000, 5000);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, limit); DiskStore(sys.argv[1]).put_if_absent('k', bytes(9999))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert f"File too large: '{tmp_path / 'k'}'" in done.stderr
    assert files(tmp_path) == []


def test_a_read_only_disk_can_be_read_and_says_what_it_is(small_disk: Path) -> None:
    store = DiskStore(small_disk)
    store.put("k", b"x")
    read_only(small_disk)
    assert store.get("k") == b"x"
    assert not store.put_if_absent("k", b"y")
    store.touch("k")
    for key in ("other", "folder/other"):
        with pytest.raises(OSError, match="Read-only file system") as caught:
            store.put_if_absent(key, b"y")
        assert ".part" not in str(caught.value)
    with pytest.raises(OSError, match="Read-only file system"):
        store.delete("k")


def test_a_file_that_stands_where_a_folder_is_needed_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    for root in (tmp_path / "taken", tmp_path / "taken" / "deeper"):
        store = DiskStore(root)
        with pytest.raises(ConfigError, match=r"taken is a file; expected a folder"):
            store.put_if_absent("a/b", b"x")
        assert list(store.keys()) == []
        assert store.stat("a/b") is None
        store.delete("a/b")
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_stale_handle_is_looked_up_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DiskStore(tmp_path)
    store.put("k", b"x")
    read, times = Path.read_bytes, []

    def stale(path: Path) -> bytes:
        times.append(path)
        if len(times) == 1:
            raise OSError(errno.ESTALE, "Stale file handle", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", stale)
    assert store.get("k") == b"x"


# --------------------------------------------------------------------------------------------------------- tables


def identities(similarity: float = 0.5) -> bytes:
    table = pd.DataFrame({"subject": ["x"], "other": ["y"], "similarity": [similarity], "comparisons": [3]})
    return to_parquet("identities", table)


def test_tables_carry_version_and_units() -> None:
    data = identities()
    schema = pq.read_schema(io.BytesIO(data))
    assert schema.field("similarity").metadata == {
        b"unit": b"similarity",
        b"meaning": b"mean score of all pairs of different photos",
    }
    assert schema.metadata == {b"impersona.table": b"identities", b"impersona.version": b"%d" % RUN_VERSION}
    assert from_parquet("identities", data, "x").values.tolist() == [["x", "y", 0.5, 3]]
    with pytest.raises(CorruptFile, match="table 'identities'; expected 'frames'"):
        from_parquet("frames", data, "x")
    with pytest.raises(CorruptFile, match="not a readable Parquet file"):
        from_parquet("frames", data[:-5], "x")
    assert list(from_parquet("identities", data, "x").columns) == list(IDENTITIES)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (str(RUN_VERSION + 1), f"version {RUN_VERSION + 1}, written by a newer impersona.*upgrade: pip install"),
        ("0", f"version 0; expected one from 1 to {RUN_VERSION}"),
        ("new", f"version 'new'; expected one from 1 to {RUN_VERSION}"),
    ],
)
def test_a_table_of_another_version_is_refused(version: str, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        from_parquet("identities", rewritten(identities(), version=version), "x")


def test_a_table_that_lacks_a_column_is_refused() -> None:
    with pytest.raises(CorruptFile, match="x: table 'identities' lacks the column other, comparisons"):
        from_parquet("identities", rewritten(identities(), drop=["other", "comparisons"]), "x")


def rewritten(data: bytes, version: str = str(RUN_VERSION), drop: list[str] | None = None) -> bytes:
    """A table as another version of the code would have written it."""
    table = pq.read_table(io.BytesIO(data))
    metadata = table.schema.metadata | {b"impersona.version": version.encode()}
    sink = io.BytesIO()
    pq.write_table(table.drop_columns(drop or []).replace_schema_metadata(metadata), sink)
    return sink.getvalue()


def test_every_column_has_a_unit_or_needs_none() -> None:
    for table in TABLES.values():
        for name, column in table.items():
            assert column.unit or column.type == pa.bool_() or name in ("fold", "problem")
