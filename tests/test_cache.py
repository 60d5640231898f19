"""The cache: a row that it holds is the right one, whoever writes, merges, purges or damages it meanwhile."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import multiprocessing
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import ConfigError
from bench.places import cache_root
from bench.store import cache as cache_module
from bench.store.blobs import BlobStore, DiskStore
from bench.store.cache import MANY_SMALL, ArrayCache, CacheContext
from tests.test_store import MemoryStore, files, read_only

SPAWN = multiprocessing.get_context("spawn")
DIGESTS = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(400)]
PARTS = {"kind": "embeddings", "recognizer": "r", "fingerprint": {"revision": 1}}


def row(number: int) -> Any:
    """What the cache shall hold of an image: told apart from every other row."""
    return np.float32([number, -number, number * 0.5, 1])


def rows(numbers: list[int]) -> dict[str, Any]:
    return {"embedding": np.stack([row(number) for number in numbers])}


def context(blobs: BlobStore | None = None) -> CacheContext:
    return CacheContext(blobs or ArrayCache().blobs, PARTS)


def held(found: CacheContext, numbers: list[int]) -> int:
    """How many of the rows are held; none of them wrong."""
    index, arrays = found.load([DIGESTS[number] for number in numbers])
    for number, place in zip(numbers, index, strict=True):
        assert place == -1 or np.array_equal(arrays["embedding"][place], row(number))
    return int((index >= 0).sum())


def segments(blobs: BlobStore) -> list[str]:
    return [key for key in blobs.keys("") if key.endswith(".npz")]


def test_rows_come_back_under_their_images(own_cache: Path) -> None:
    context().add(DIGESTS[:2], rows([0, 1]))
    context().add(DIGESTS[2:3], rows([2]))
    index, arrays = context().load([DIGESTS[2], DIGESTS[5], DIGESTS[0]])
    assert index[1] == -1
    assert arrays["embedding"][index[[0, 2]]].tolist() == [row(2).tolist(), row(0).tolist()]
    other, nothing = ArrayCache().context("embeddings", {"recognizer": "q"}).load(DIGESTS)
    assert (other == -1).all()
    assert nothing == {}
    assert str(cache_root()) == str(own_cache)


def test_an_array_that_was_left_out_reads_as_zeros() -> None:
    found = context()
    found.add(DIGESTS[:1], {"faces": np.zeros(1, np.int16)})
    found.add(DIGESTS[1:2], {"faces": np.ones(1, np.int16), "points": np.full((1, 5, 2), 3, np.float32)})
    for _ in range(2):
        index, arrays = found.load(DIGESTS[:2])
        assert arrays["points"][index].sum(axis=(1, 2)).tolist() == [0, 30]
        assert arrays["faces"].dtype == np.int16
        found.merge()
    assert len(segments(ArrayCache().blobs)) == 1


def test_a_row_that_two_processes_computed_is_held_once_after_a_merge() -> None:
    found = context()
    found.add(DIGESTS[:3], rows([0, 1, 2]))
    found.add(DIGESTS[2:5], rows([2, 3, 4]))
    assert held(found, list(range(6))) == 5
    assert found.merge() == 2
    (merged,) = segments(ArrayCache().blobs)
    assert merged.endswith("-5.npz")
    assert held(found, list(range(6))) == 5
    assert found.merge() == 0


def test_many_small_segments_are_merged_when_they_are_read() -> None:
    found, blobs = context(), ArrayCache().blobs
    for number in range(MANY_SMALL - 1):
        found.add([DIGESTS[number]], rows([number]))
    assert held(found, list(range(20))) == len(segments(blobs)) == MANY_SMALL - 1
    found.add([DIGESTS[MANY_SMALL]], rows([MANY_SMALL]))
    assert held(found, list(range(20))) == MANY_SMALL
    assert len(segments(blobs)) == 1
    assert held(found, list(range(20))) == MANY_SMALL


def test_large_segments_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "SMALL_BYTES", 500)
    found, blobs = context(), ArrayCache().blobs
    found.add(DIGESTS[:50], rows(list(range(50))))
    (large,) = segments(blobs)
    for number in (60, 61):
        found.add([DIGESTS[number]], rows([number]))
    assert found.merge() == 2
    assert large in segments(blobs)
    assert len(segments(blobs)) == 2


def test_a_merge_that_makes_what_is_there_already_does_not_delete_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One merge was cut short after it wrote: the next makes the very same bytes, and must not take them for a part."""
    found, blobs = context(), ArrayCache().blobs
    found.add(DIGESTS[:1], rows([0]))
    found.add(DIGESTS[1:2], rows([1]))
    parts = {key: blobs.get(key) for key in segments(blobs)}
    assert found.merge() == 2
    for key, data in parts.items():
        blobs.put_if_absent(key, data)
    delete, deleted = DiskStore.delete, []
    monkeypatch.setattr(DiskStore, "delete", lambda store, key: (deleted.append(key), delete(store, key))[1])
    assert found.merge() == 3
    assert sorted(deleted) == sorted(parts)
    assert len(segments(blobs)) == 1
    assert held(found, [0, 1]) == 2


def test_a_merge_puts_its_own_segment_back_if_another_merge_took_it_for_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    found, blobs = context(), ArrayCache().blobs
    found.add(DIGESTS[:1], rows([0]))
    found.add(DIGESTS[1:2], rows([1]))
    delete = DiskStore.delete

    def both(store: DiskStore, key: str) -> None:
        for other in segments(blobs):
            delete(store, other)

    with monkeypatch.context() as patch:
        patch.setattr(DiskStore, "delete", both)
        found.merge()
    assert held(found, [0, 1]) == 2


def test_a_merge_does_not_bring_back_what_a_purge_took(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, blobs = context(), ArrayCache().blobs
    found.add(DIGESTS[:1], rows([0]))
    found.add(DIGESTS[1:2], rows([1]))

    def purge(store: DiskStore, key: str) -> None:
        shutil.rmtree(own_cache / "arrays")

    with monkeypatch.context() as patch:
        patch.setattr(DiskStore, "delete", lambda store, key: (own_cache / "arrays").exists() and purge(store, key))
        found.merge()
    assert list(blobs.keys()) == []


def test_segments_that_are_merged_while_they_are_read_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found = context()
    for number in range(4):
        found.add([DIGESTS[number]], rows([number]))
    get, times = DiskStore.get, []

    def merged_meanwhile(store: DiskStore, key: str) -> bytes:
        times.append(key)
        if len(times) == 2:
            with monkeypatch.context() as patch:
                patch.setattr(DiskStore, "get", get)
                assert context().merge() == 4
        return get(store, key)

    monkeypatch.setattr(DiskStore, "get", merged_meanwhile)
    assert held(found, list(range(4))) == 4


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
def test_a_damaged_entry_is_dropped_with_a_warning(
    damage: str, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = context()
    found.add(DIGESTS[:4], rows([0, 1, 2, 3]))
    (path,) = own_cache.rglob("*.npz")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes({"cut": bytes(data[: len(data) // 2]), "flip": data, "empty": b"", "other": b"PK no zip"}[damage])
    with caplog.at_level(logging.WARNING):
        assert held(found, [0, 1, 2, 3]) == 0
    assert "computed anew" in caplog.text
    assert not path.exists()
    found.add(DIGESTS[:4], rows([0, 1, 2, 3]))
    assert held(found, [0, 1, 2, 3]) == 4


@given(st.data())
def test_no_cut_and_no_flipped_bit_anywhere_gives_a_wrong_row(data: st.DataObject) -> None:
    blobs = MemoryStore()
    found = context(blobs)
    found.add(DIGESTS[:3], rows([0, 1, 2]))
    found.add(DIGESTS[3:4], rows([3]))
    key = data.draw(st.sampled_from(segments(blobs)))
    whole = bytearray(blobs.get(key))
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        whole[place] ^= 1 << data.draw(st.integers(0, 7))
        blobs.put(key, bytes(whole))
    else:
        blobs.put(key, bytes(whole[:place]))
    others = {1: 3, 3: 1}[int(key.removesuffix(".npz").rpartition("-")[2])]
    assert held(found, [0, 1, 2, 3]) == others
    assert len(segments(blobs)) == 1


def test_a_segment_of_the_first_version_is_read(own_cache: Path) -> None:
    found = context()
    found.add(DIGESTS[:2], rows([0, 1]))
    (path,) = own_cache.rglob("*.npz")
    path.rename(path.with_name(path.name.replace("-2.npz", ".npz")))
    assert held(found, [0, 1]) == 2


def test_an_entry_out_of_reach_is_not_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = context()
    found.add(DIGESTS[:1], rows([0]))

    def stale(self: DiskStore, key: str) -> bytes:
        raise OSError(errno.ESTALE, "Stale file handle", key)

    with monkeypatch.context() as patch:
        patch.setattr(DiskStore, "get", stale)
        assert held(found, [0]) == 0
    assert held(found, [0]) == 1


def test_a_read_only_cache_serves_what_it_holds(
    small_disk: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "MANY_SMALL", 3)
    blobs = DiskStore(small_disk)
    found = context(blobs)
    for number in range(4):
        found.add([DIGESTS[number]], rows([number]))
    (small_disk / segments(blobs)[0]).write_bytes(b"damaged")
    read_only(small_disk)
    for _ in range(2):
        assert held(found, list(range(4))) == 3
    assert "cannot be deleted" in caplog.text
    with pytest.raises(OSError, match="Read-only file system"):
        found.add([DIGESTS[50]], rows([50]))


def test_a_full_disk_is_said_when_rows_are_added_and_no_matter_when_they_are_merged(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "MANY_SMALL", 3)
    blobs = DiskStore(small_disk)
    found = context(blobs)
    added = 0
    with contextlib.suppress(OSError):
        while True:
            found.add([DIGESTS[added]], rows([added]))
            added += 1
    assert added > 3
    with pytest.raises(OSError, match="No space left on device"):
        found.add([DIGESTS[added]], rows([added]))
    assert held(found, list(range(400))) == len(segments(blobs)) == added
    with pytest.raises(OSError, match="No space left on device"):
        found.merge()
    assert held(found, list(range(400))) == len(segments(blobs)) == added


def test_a_cache_folder_that_is_a_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("IMPERSONA_CACHE", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="is a file; set IMPERSONA_CACHE to a folder"):
        ArrayCache()


def test_reading_counts_as_use_and_failing_to_note_it_does_not_matter(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = context()
    found.add(DIGESTS[:1], rows([0]))
    (described,) = own_cache.rglob("context.json")
    os.utime(described, (1000, 1000))

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", refuse)
        assert held(found, [0]) == 1
    assert described.stat().st_mtime == 1000
    assert held(found, [0]) == 1
    assert time.time() - described.stat().st_mtime < 60


def test_a_damaged_description_is_mended(own_cache: Path) -> None:
    found = context()
    found.add(DIGESTS[:1], rows([0]))
    (described,) = own_cache.rglob("context.json")
    described.write_text("{")
    found.add(DIGESTS[1:2], rows([1]))
    assert json.loads(described.read_text()) == PARTS
    found.note("runtime", {"provider": "cpu"})
    found.note("runtime", {"provider": "another"})
    assert found.noted("runtime") == {"provider": "cpu"}
    (described.parent / "runtime.json").write_text("{")
    assert found.noted("runtime") == {}


def test_processes_that_write_read_merge_and_purge_at_once_see_no_wrong_row(own_cache: Path) -> None:
    roles = (write_rows, write_rows, read_rows, merge_rows, purge_rows)
    stop, problems = SPAWN.Event(), SPAWN.Queue()
    processes = [SPAWN.Process(target=act, args=(role, who, stop, problems)) for who, role in enumerate(roles)]
    for process in processes:
        process.start()
    time.sleep(2)
    stop.set()
    for process in processes:
        process.join(60)
    assert problems.empty(), problems.get()
    assert [process.exitcode for process in processes] == [0] * len(roles)
    context().add(DIGESTS[:50], rows(list(range(50))))
    assert held(context(), list(range(50))) == 50
    assert not [name for name in files(own_cache) if name.endswith(".part")]


def test_processes_that_write_and_merge_at_once_lose_nothing() -> None:
    stop, problems = SPAWN.Event(), SPAWN.Queue()
    mergers = [SPAWN.Process(target=act, args=(merge_rows, who, stop, problems)) for who in range(2)]
    writers = [SPAWN.Process(target=write_share, args=(who,)) for who in range(2)]
    for process in (*mergers, *writers):
        process.start()
    for process in writers:
        process.join(60)
    stop.set()
    for process in mergers:
        process.join(60)
    assert problems.empty(), problems.get()
    assert [process.exitcode for process in (*mergers, *writers)] == [0] * 4
    assert held(context(), list(range(120))) == 120


def act(role: Callable[[random.Random], None], seed: int, stop: Any, problems: Any) -> None:
    rng = random.Random(seed)
    try:
        while not stop.is_set():
            role(rng)
    except BaseException as error:
        problems.put(f"{role.__name__}: {type(error).__name__}: {error}")
        raise


def write_rows(rng: random.Random) -> None:
    numbers = rng.sample(range(400), rng.randint(1, 5))
    context().add([DIGESTS[number] for number in numbers], rows(numbers))


def write_share(who: int) -> None:
    for number in range(who, 120, 2):
        context().add([DIGESTS[number]], rows([number]))


def read_rows(rng: random.Random) -> None:
    held(context(), list(range(400)))


def merge_rows(rng: random.Random) -> None:
    context().merge()


def purge_rows(rng: random.Random) -> None:
    from bench.store.inventory import contexts, delete

    time.sleep(0.2 * rng.random())
    delete(ArrayCache(), contexts(ArrayCache()))
