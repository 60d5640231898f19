"""Packs as training reads them: what is in a file, what comes out by row, and that nothing damaged passes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load_file, save_file

from bench.errors import CorruptFile, MissingFile, ShapeError, UnknownName
from bench.packs import Pack
from bench.packs.decoded import Decoded
from bench.packs.labels import decode_labels, encode_labels, shrink_labels
from bench.packs.manifest import manifest_bytes
from bench.packs.pictures import decode_picture, encode_picture, shrink_picture
from bench.packs.shards import Faces, name_digest, read_shard, shard_bytes, shard_file
from bench.packs.sheet import COLOURS, contact_sheet

SIDE = 32
ROOT = Path(__file__).parent.parent


def some_faces(count: int, seed: int = 0, masks: bool = True) -> Faces:
    """Smooth pictures, blocky label maps, people by threes."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    pictures = [np.repeat(np.repeat(one, SIDE // 4, 0), SIDE // 4, 1) for one in coarse]
    labels = rng.integers(0, 19, (count, 8, 8), dtype=np.uint8).repeat(4, 1).repeat(4, 2)
    return Faces(
        images=[encode_picture(one, 90) for one in pictures],
        masks=[encode_labels(one) for one in labels] if masks else None,
        landmarks=rng.uniform(-5, SIDE + 5, (count, 68, 2)),
        identity=rng.normal(size=(count, 6)).astype(np.float16),
        attributes=np.where(rng.random((count, 2)) < 0.3, np.nan, rng.uniform(-1, 1, (count, 2))),
        subject=np.stack([name_digest("toy", f"person {seed} {place // 3}") for place in range(count)]),
        photo=np.stack([name_digest("toy", f"photo {seed} {place}") for place in range(count)]),
        dataset=np.arange(count).astype(np.uint8) % 2,
        split=np.arange(count).astype(np.uint8) // 3 % 3,
    )


def write_pack(folder: Path, sizes: tuple[int, ...] = (7, 5), masks: bool = True) -> Path:
    """A pack of some faces, written by hand."""
    shards = []
    for number, size in enumerate(sizes):
        data = shard_bytes(some_faces(size, number, masks))
        folder.mkdir(exist_ok=True)
        (folder / shard_file(number)).write_bytes(data)
        shards.append(
            {"file": shard_file(number), "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "faces": size}
        )
    manifest = {
        "schema": "impersona.pack/1",
        "side": SIDE,
        "faces": sum(sizes),
        "people": 5,
        "masks": masks,
        "attributes": ["Male", "Young"],
        "datasets": [{"name": "one"}, {"name": "two"}],
        "recognizer": {"name": "toy"},
        "shards": shards,
    }
    (folder / "pack.json").write_bytes(manifest_bytes(manifest))
    return folder


def changed(folder: Path, **fields: Any) -> None:
    """Writes other fields into a manifest."""
    manifest = json.loads((folder / "pack.json").read_text())
    (folder / "pack.json").write_text(json.dumps(manifest | fields))


def admit(folder: Path) -> None:
    """Makes the manifest agree with whatever its shards are now."""
    shards = json.loads((folder / "pack.json").read_text())["shards"]
    for shard in shards:
        data = (folder / shard["file"]).read_bytes()
        shard |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    changed(folder, shards=shards)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "pack")


# --------------------------------------------------------------------------------------------------------- label maps


@given(arrays(np.uint8, st.sampled_from([(4, 4), (16, 16), (32, 32)]), elements=st.integers(0, 18)))
@settings(max_examples=60, deadline=None)
def test_label_maps_come_back(labels: np.ndarray) -> None:
    assert np.array_equal(decode_labels(encode_labels(labels), len(labels), "a map"), labels)


@pytest.mark.parametrize("run", [1, 255, 256, 257, 511, 512, 513, 1024])
def test_runs_longer_than_a_byte_come_back(run: int) -> None:
    labels = np.full((32, 32), 7, dtype=np.uint8)
    labels.ravel()[run:] = 3
    data = encode_labels(labels)
    assert np.array_equal(decode_labels(data, 32, "a map"), labels)
    assert len(data) < 20


@pytest.mark.parametrize("wrong", [np.full((4, 4), 19, np.uint8), np.zeros((4, 4)), np.zeros(4, np.uint8)])
def test_what_is_no_label_map_is_not_written(wrong: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="a label map is uint8"):
        encode_labels(wrong)


def test_a_damaged_label_map_is_refused() -> None:
    data = encode_labels(np.random.default_rng(0).integers(0, 19, (16, 16), dtype=np.uint8))
    for bad in (b"", data[:-3], b"\xff" + data, encode_labels(np.zeros((8, 8), np.uint8))):
        with pytest.raises(CorruptFile, match="row 3: not a label map"):
            decode_labels(bad, 16, "row 3")


def by_counting(labels: np.ndarray, side: int) -> np.ndarray:
    """The slow definition of `shrink_labels`."""
    times = labels.shape[1] // side
    found = np.empty((len(labels), side, side), np.uint8)
    for place in np.ndindex(*found.shape):
        face, down, across = place
        block = labels[face, down * times : (down + 1) * times, across * times : (across + 1) * times]
        count = np.bincount(block.ravel(), minlength=19)
        found[place] = np.flatnonzero(count == count.max()).max()
    return found


@pytest.mark.parametrize("side", [24, 12, 8, 6])
def test_small_label_maps_hold_the_most_frequent_label_the_higher_of_equals(side: int) -> None:
    labels = np.random.default_rng(side).integers(0, 5, (20, 24, 24), dtype=np.uint8)
    assert np.array_equal(shrink_labels(labels, side), by_counting(labels, side))
    with pytest.raises(ShapeError, match="what divides it"):
        shrink_labels(labels, 10)


# ----------------------------------------------------------------------------------------------------------- pictures


def test_pictures_come_back_and_small_ones_are_means_of_blocks() -> None:
    ramp = np.linspace(0, 255, SIDE).astype(np.uint8)
    frame = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], np.uint8(90)), axis=2)
    data = encode_picture(frame, 90)
    seen = decode_picture(data, SIDE, SIDE, "a face")
    assert np.abs(seen.astype(int) - frame).mean() < 4
    means = seen.reshape(SIDE // 2, 2, SIDE // 2, 2, 3).mean(axis=(1, 3))
    assert np.abs(decode_picture(data, SIDE, SIDE // 2, "a face") - means).max() <= 0.5
    assert np.abs(shrink_picture(seen, SIDE // 2) - means).max() <= 0.5
    with pytest.raises(CorruptFile, match="expected 64 x 64"):
        decode_picture(data, 64, 64, "a face")
    with pytest.raises(CorruptFile, match="a face: not a readable WebP"):
        decode_picture(data[: len(data) // 2], SIDE, SIDE, "a face")


# ------------------------------------------------------------------------------------------------------------- shards


def test_the_same_faces_give_the_same_bytes() -> None:
    assert shard_bytes(some_faces(9)) == shard_bytes(some_faces(9))


def test_a_shard_is_read_with_safetensors_alone(folder: Path) -> None:
    whole = load_file(folder / shard_file(0))
    faces = some_faces(7)
    begin, end = whole["image_offsets"][2:4]
    assert whole["images"][begin:end].tobytes() == faces.images[2]
    assert np.abs(whole["landmarks"] / 32 - faces.landmarks).max() <= 1 / 64


def test_landmarks_too_far_away_are_not_written() -> None:
    faces = some_faces(2)
    faces.landmarks[1, 3, 0] = 2000
    with pytest.raises(ShapeError, match="leave such faces out"):
        shard_bytes(faces)


DAMAGE = {
    "images do not lie one after the other": lambda held: held["image_offsets"].__setitem__(
        3, held["image_offsets"][2]
    ),
    "masks do not lie": lambda held: held["mask_offsets"].__setitem__(-1, 3),
    "split 9": lambda held: held["split"].__setitem__(0, 9),
    "not finite": lambda held: held["identity"].__setitem__((1, 2), np.nan),
    "expected u1 of 7 faces": lambda held: held.update(dataset=held["dataset"][:-1]),
    r"expected \(n, 68, 2\)": lambda held: held.update(landmarks=held["landmarks"][:, :5]),
    "digests of 8 bytes": lambda held: held.update(subject=held["subject"][:, :4]),
    "expected attributes, dataset": lambda held: held.pop("photo"),
    "expected f of 7": lambda held: held.update(identity=held["identity"].astype(np.int16)),
}


@pytest.mark.parametrize("says", DAMAGE)
def test_a_shard_whose_arrays_do_not_fit_is_refused(folder: Path, says: str) -> None:
    held = {name: array.copy() for name, array in load_file(folder / shard_file(0)).items()}
    DAMAGE[says](held)
    save_file({name: np.ascontiguousarray(array) for name, array in held.items()}, folder / "bad")
    with pytest.raises(CorruptFile, match=says):
        read_shard((folder / "bad").read_bytes(), "bad", 7, masked=True)


# --------------------------------------------------------------------------------------------------------------- pack


def test_a_pack_gives_what_went_in(folder: Path) -> None:
    pack = Pack.open(folder)
    parts = [some_faces(7, 0), some_faces(5, 1)]
    assert (len(pack), pack.side, pack.identity_name, pack.attribute_names) == (12, SIDE, "toy", ("Male", "Young"))
    assert pack.landmarks.dtype == pack.identity.dtype == pack.attributes.dtype == np.float32
    assert np.abs(pack.landmarks - np.concatenate([one.landmarks for one in parts])).max() <= 1 / 64
    assert np.array_equal(pack.identity, np.concatenate([one.identity for one in parts]).astype(np.float32))
    given_ones = np.concatenate([one.attributes for one in parts])
    assert np.array_equal(np.isnan(pack.attributes), np.isnan(given_ones))
    assert np.nanmax(np.abs(pack.attributes - given_ones)) < 1e-3
    assert pack.subjects.dtype == np.int32
    people = [f"{seed} {place // 3}" for seed, size in ((0, 7), (1, 5)) for place in range(size)]
    same = np.array(people)[:, None] == np.array(people)[None]
    assert np.array_equal(pack.subjects[:, None] == pack.subjects[None], same)
    assert pack.split.tolist() == ["train"] * 3 + ["dev"] * 3 + ["eval"] + ["train"] * 3 + ["dev"] * 2
    assert pack.dataset.tolist()[:3] == ["one", "two", "one"]
    assert pack.digest == hashlib.sha256((folder / "pack.json").read_bytes()).hexdigest()
    images = [decode_picture(data, SIDE, SIDE, "") for one in parts for data in one.images]
    masks = [decode_labels(data, SIDE, "") for one in parts for data in one.masks or ()]
    rows = np.array([11, 0, 7, 7, 6])
    assert np.array_equal(pack.images(rows), np.stack(images)[rows])
    assert np.array_equal(pack.masks(rows), np.stack(masks)[rows])
    assert np.array_equal(pack.masks(rows, side=16), by_counting(np.stack(masks)[rows], 16))
    assert np.array_equal(pack.images(rows, side=16), np.stack([shrink_picture(images[row], 16) for row in rows]))
    assert pack.images([]).shape == (0, SIDE, SIDE, 3)
    assert pack.masks([], side=16).shape == (0, 16, 16)


def test_rows_by_split_and_data_set(folder: Path) -> None:
    pack = Pack.open(folder)
    assert pack.rows().tolist() == list(range(12))
    assert pack.rows(split="dev").tolist() == [3, 4, 5, 10, 11]
    assert pack.rows(split="dev", dataset="two").tolist() == [3, 5, 10]
    with pytest.raises(UnknownName, match="did you mean 'train'"):
        pack.rows(split="trian")
    with pytest.raises(UnknownName, match="unknown data set of this pack 'three'"):
        pack.rows(dataset="three")


@pytest.mark.parametrize("held_bytes", [0, 5 * SIDE * SIDE * 4, 2**30])
@pytest.mark.parametrize("threads", [1, 3])
def test_bounds_and_threads_change_nothing(folder: Path, held_bytes: int, threads: int) -> None:
    plain = Pack.open(folder)
    pack = Pack.open(folder, threads=threads, held_bytes=held_bytes)
    draw = np.random.default_rng(1)
    for _ in range(6):
        rows = draw.integers(0, len(pack), 9)
        for side in (SIDE, SIDE // 2):
            assert np.array_equal(pack.images(rows, side), plain.images(rows, side))
            assert np.array_equal(pack.masks(rows, side), plain.masks(rows, side))
    assert pack._decoded.bytes <= held_bytes
    pack.close()
    pack.close()


def test_what_is_held_is_decoded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    decode = Decoded.decode

    def counting(self: Decoded, kind: Any, side: int, rows: np.ndarray, into: np.ndarray) -> None:
        asked.extend(rows.tolist())
        decode(self, kind, side, rows, into)

    monkeypatch.setattr(Decoded, "decode", counting)
    pack = Pack.open(folder)
    first = pack.images([4, 2, 4])
    first[:] = 0  # the caller's own: what is held must not change
    assert pack.images([2, 4, 8]).any(axis=(1, 2, 3)).all()
    assert sorted(asked) == [2, 4, 4, 8]
    small = Pack.open(folder, held_bytes=SIDE * SIDE * 4)
    asked.clear()
    small.images([1, 2])
    small.images([1, 2])
    assert sorted(asked) == [1, 2, 2]


def test_several_threads_may_read_at_once(folder: Path) -> None:
    pack, plain = Pack.open(folder), Pack.open(folder, threads=1)
    whole = plain.images(plain.rows())

    def read(seed: int) -> bool:
        draw = np.random.default_rng(seed)
        found = []
        for _ in range(30):
            rows = draw.integers(0, len(pack), 6)
            found.append(np.array_equal(pack.images(rows), whole[rows]))
        return all(found)

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(read, range(6)))


@pytest.mark.parametrize("rows", [[12], [-1], [0.5], [[0, 1]]])
def test_rows_that_there_are_not_are_refused(folder: Path, rows: Any) -> None:
    with pytest.raises(ShapeError, match="whole numbers from 0 to 11"):
        Pack.open(folder).images(rows)


def test_sides_that_there_are_not_are_refused(folder: Path) -> None:
    for side in (64, 20, 0):
        with pytest.raises(ShapeError, match="expected 32, or what divides it, such as 16"):
            Pack.open(folder).masks([0], side=side)


def test_a_pack_without_masks_says_so(tmp_path: Path) -> None:
    pack = Pack.open(write_pack(tmp_path / "bare", masks=False))
    assert not pack.has_masks
    assert len(pack.images([0])) == 1
    pack.verify()
    with pytest.raises(ShapeError, match="has no masks; make it without --no-masks"):
        pack.masks([0])


# ------------------------------------------------------------------------------------------------------------- damage


def test_no_pack_an_unfinished_one_and_one_of_another_version(folder: Path) -> None:
    with pytest.raises(MissingFile, match=r"no pack.json in .*; expected a folder"):
        Pack.open(folder / "nowhere")
    changed(folder, schema="impersona.pack/9")
    with pytest.raises(CorruptFile, match=r"reads 'impersona.pack/1': make the pack anew"):
        Pack.open(folder)
    (folder / "pack.json").write_text('{"schema": ')
    with pytest.raises(CorruptFile, match="not JSON"):
        Pack.open(folder)
    (folder / "pack.json").rename(folder / "unfinished.json")
    with pytest.raises(MissingFile, match="not finished; run the command that makes it again"):
        Pack.open(folder)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"side": "32"}, "side is '32'"),
        ({"faces": 11}, "do not add up to 11 faces"),
        ({"shards": [{"file": "../../secret", "sha256": "", "bytes": 0, "faces": 12}]}, "shard 0 is"),
        ({"shards": [], "faces": 0}, "holds no faces"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(folder: Path, fields: dict[str, Any], says: str) -> None:
    changed(folder, **fields)
    with pytest.raises((CorruptFile, MissingFile), match=says):
        Pack.open(folder)


def test_a_missing_a_short_and_a_changed_shard_are_refused(folder: Path) -> None:
    path = folder / shard_file(1)
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(CorruptFile, match=r"faces-0001.safetensors: [\d,]+ bytes, expected"):
        Pack.open(folder)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(CorruptFile, match=r"faces-0001.safetensors: SHA-256"):
        Pack.open(folder)
    path.write_bytes(b"no safetensors")
    admit(folder)
    with pytest.raises(CorruptFile, match="not a safetensors file"):
        Pack.open(folder)
    path.unlink()
    with pytest.raises(MissingFile, match=r"faces-0001.safetensors is missing; copy the whole pack"):
        Pack.open(folder)


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_a_damaged_face_is_named_when_it_is_read_and_when_the_pack_is_verified(folder: Path, kind: str) -> None:
    held = {name: array.copy() for name, array in load_file(folder / shard_file(1)).items()}
    begin = int(held[f"{kind.removesuffix('s')}_offsets"][2])
    held[kind][begin : begin + 4] ^= 255
    save_file(held, folder / shard_file(1), {"schema": "impersona.pack/1"})
    admit(folder)
    pack = Pack.open(folder)
    with pytest.raises(CorruptFile, match="row 9: not a"):
        getattr(pack, kind)(np.arange(12))
    with pytest.raises(CorruptFile, match="row 9: not a"):
        pack.verify()


def test_verify_reads_the_files_anew(folder: Path) -> None:
    pack = Pack.open(folder)
    pack.verify()
    (folder / shard_file(0)).unlink()
    with pytest.raises(MissingFile, match="faces-0000"):
        pack.verify()


def test_networks_travel_with_a_digest(folder: Path) -> None:
    (folder / "networks").mkdir()
    (folder / "networks" / "toy.safetensors").write_bytes(b"weights")
    file = {"file": "networks/toy.safetensors", "sha256": hashlib.sha256(b"weights").hexdigest(), "bytes": 7}
    changed(folder, networks=[file])
    assert Pack.open(folder).network("toy") == folder / "networks" / "toy.safetensors"
    with pytest.raises(MissingFile, match="no network 'other'; make it with --networks"):
        Pack.open(folder).network("other")
    (folder / "networks" / "toy.safetensors").write_bytes(b"weighty")
    with pytest.raises(CorruptFile, match=r"networks/toy.safetensors: SHA-256"):
        Pack.open(folder).network("toy")


# -------------------------------------------------------------------------------------------------- a bare machine


ABSENT = (
    "pandas",
    "pydantic",
    "pyarrow",
    "cv2",
    "dlib",
    "insightface",
    "click",
    "yaml",
    "scipy",
    "bench.sweep",
    "torch",
)


def test_reading_needs_numpy_pillow_and_safetensors_only(folder: Path) -> None:
    script = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if any(name == one or name.startswith(one + ".") for one in {ABSENT!r}):
            raise ImportError(name + " is not on this machine")
sys.meta_path.insert(0, Absent())
from bench.packs import Pack
pack = Pack.open({str(folder)!r})
pack.verify()
print(len(pack), pack.images(pack.rows(split="dev")).shape, pack.masks([0], side=16).shape)
"""
    around = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=around, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "12 (5, 32, 32, 3) (1, 16, 16)\n"


# -------------------------------------------------------------------------------------------------------------- sheet


def test_a_sheet_shows_faces_beside_their_masks(folder: Path) -> None:
    pack = Pack.open(folder)
    sheet = contact_sheet(pack, np.array([3, 4, 5]), columns=2)
    assert sheet.shape == (2 * (SIDE + 2), 2 * (3 * SIDE + 6), 3)
    assert np.array_equal(sheet[:SIDE, :SIDE], pack.images([3])[0])
    assert np.array_equal(sheet[:SIDE, 2 * SIDE : 3 * SIDE], COLOURS[pack.masks([3])[0]])
    across, down = np.rint(pack.landmarks[3]).astype(int).T
    inside = (across >= 0) & (across < SIDE) & (down >= 0) & (down < SIDE)
    assert (sheet[down[inside], SIDE + across[inside]] == (0, 255, 0)).all()
    assert contact_sheet(Pack.open(write_pack(folder.parent / "bare", masks=False)), np.array([0])).shape[1] < 6 * 80
