"""How fast a pack is read: pictures and label maps a second, by threads and by a plain loop, in one run.

    python -m pytest -s benchmarks/bench_pack.py

IMPERSONA_PACK may name a pack; else one of drawn faces is written. Every figure is the best of several rounds in which
all take turns. Training on two cores takes 15 to 100 faces a second: reading is no part of its time.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench import registry
from bench.images import resize
from bench.packs import Pack
from bench.packs.decoded import Kind
from bench.packs.labels import decode_labels, encode_labels, shrink_labels
from bench.packs.manifest import manifest_bytes
from bench.packs.pictures import decode_picture, encode_picture
from bench.packs.shards import Faces, shard_bytes, shard_file
from bench.provenance import available_cores

FACES, ROUNDS, BATCH = 512, 7, 32
CORES = min(2, available_cores())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack at 128 pixels."""
    if named := os.environ.get("IMPERSONA_PACK"):
        return Path(named)
    data = registry.load("dataset", "drawn", people=16, images=2, side=256, split="all")
    keys = [frame.key for frame in data.frames()]
    pictures = [encode_picture(resize(data.image(key), 128), 90) for key in keys]
    masks = [encode_labels(shrink_labels(data.mask(key)[None], 128)[0]) for key in keys]
    some = np.arange(FACES)
    faces = Faces(
        images=[pictures[place % len(keys)] for place in some],
        masks=[masks[place % len(keys)] for place in some],
        landmarks=np.zeros((FACES, 68, 2)),
        identity=np.zeros((FACES, 128), np.float16),
        attributes=np.zeros((FACES, 0)),
        subject=np.zeros((FACES, 8), np.uint8),
        photo=np.zeros((FACES, 8), np.uint8),
        dataset=np.zeros(FACES, np.uint8),
        split=np.zeros(FACES, np.uint8),
    )
    held = shard_bytes(faces)
    root = tmp_path_factory.mktemp("pack")
    (root / shard_file(0)).write_bytes(held)
    shard = {"file": shard_file(0), "sha256": hashlib.sha256(held).hexdigest(), "bytes": len(held), "faces": FACES}
    about = {"schema": "impersona.pack/1", "side": 128, "faces": FACES, "people": 1, "masks": True, "attributes": []}
    more = {"datasets": [{"name": "drawn"}], "recognizer": {"name": "none"}, "shards": [shard]}
    (root / "pack.json").write_bytes(manifest_bytes(about | more))
    return root


@pytest.mark.parametrize("side", [128, 64])
def test_reading_keeps_the_cores_busy(folder: Path, side: int) -> None:
    threaded = Pack.open(folder, threads=CORES, held_bytes=0)
    held = Pack.open(folder, threads=CORES)
    rows = np.arange(min(FACES, len(threaded)))
    batches = np.array_split(rows, max(1, len(rows) // BATCH))

    def plain() -> None:
        """What a loop without threads does, one face after the other, from the same bytes."""
        for row in rows.tolist():
            image, mask = _bytes(threaded, "images", row), _bytes(threaded, "masks", row)
            decode_picture(image, threaded.side, side, "")
            shrink_labels(decode_labels(mask, threaded.side, "")[None], side)

    def reading(pack: Pack) -> Callable[[], None]:
        def read() -> None:
            for batch in batches:
                pack.images(batch, side)
                pack.masks(batch, side)

        return read

    ways = {"one thread, plain": plain, f"Pack, {CORES} threads": reading(threaded), "Pack, held": reading(held)}
    reading(held)()
    best = dict.fromkeys(ways, np.inf)
    busy = dict.fromkeys(ways, 0.0)
    for _ in range(ROUNDS):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            best[name] = min(best[name], wall)
            busy[name] = max(busy[name], cpu / wall)
    print(f"\npictures and label maps of {len(rows)} faces at {side} px, {CORES} cores")
    for name, seconds in best.items():
        print(f"  {name:<20} {len(rows) / seconds:>9,.0f} a second, {busy[name]:.2f} cores busy")
    assert best["Pack, held"] < best["one thread, plain"]


def _bytes(pack: Pack, kind: Kind, row: int) -> bytes:
    shard, begin, end = (int(column[row]) for column in pack._decoded._places[kind])
    return pack._decoded._blobs[kind][shard][begin:end].tobytes()
