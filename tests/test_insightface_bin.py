"""InsightFace's verification sets: read in every pickle protocol, never unpickled, whatever a file tries."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import pickle
import struct
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.api import Dataset, Trials
from bench.config import parse_sweep
from bench.datasets import pickled_lists
from bench.datasets.insightface_bin import verification_lists, who_is_who
from bench.datasets.pickled_lists import Slice, read_lists
from bench.errors import ConfigError, CorruptFile, MissingFile
from bench.registry import Registry, load
from bench.sweep.runner import run_sweep
from tests.toys import COLOURS, ToyRecognizer, add_toys

RNG = np.random.default_rng(0)
ALL_BYTES = bytes(range(256)) * 3 + b"\\x41'\"\r\n\t\\"


def square(*colour: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((112, 112, 3), colour, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def of_python_2(images: Sequence[bytes], labels: Sequence[bool], protocol: int) -> bytes:
    """What Python 2's cPickle writes: str as STRING, BINSTRING and SHORT_BINSTRING, booleans by the protocol."""
    out = [b"\x80\x02"] if protocol == 2 else []
    memo = iter(range(10**6))

    def put() -> bytes:
        number = next(memo)
        if protocol == 0:
            return b"p%d\n" % number
        return b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<I", number)

    def string(data: bytes) -> bytes:
        if protocol == 0:
            spelled = "".join(
                {92: "\\\\", 39: "\\'", 10: "\\n", 13: "\\r", 9: "\\t"}.get(
                    byte, chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"
                )
                for byte in data
            )
            return b"S'" + spelled.encode("ascii") + b"'\n" + put()
        return (b"U" + bytes([len(data)]) if len(data) < 256 else b"T" + struct.pack("<i", len(data))) + data + put()

    def boolean(value: bool) -> bytes:
        return (b"\x89", b"\x88")[value] if protocol == 2 else (b"I00\n", b"I01\n")[value]

    out.append(b"(" if protocol < 2 else b"")
    for entries in ([string(image) for image in images], [boolean(label) for label in labels]):
        if protocol == 0:
            out += [b"(l", put(), *(entry + b"a" for entry in entries)]
        else:
            out += [b"]", put(), b"(", *entries, b"e"]
    out += [b"t" if protocol < 2 else b"\x86", put(), b"."]
    return b"".join(out)


def contents(data: bytes) -> tuple[list[bytes], list[bool]]:
    images, mated = verification_lists(data, "x.bin")
    return [each.meant(data[each.start : each.stop], "x.bin") for each in images], mated.tolist()


IMAGES = [b"", ALL_BYTES, b"short", b"x" * 70_000, "\u00e9\u0100".encode(), b"\x00\xff" * 200]
LABELS = [True, False, True]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("pure_python", [False, True])
def test_every_protocol_of_python_3(protocol: int, pure_python: bool) -> None:
    images = [image or b"-" for image in IMAGES]  # nothing is spelled bytes(), which would be a call of a type
    dump = pickle._dumps if pure_python else pickle.dumps  # type: ignore[attr-defined]
    assert contents(dump((images, LABELS), protocol=protocol)) == (images, LABELS)


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_every_protocol_of_python_2(protocol: int) -> None:
    data = of_python_2(IMAGES, LABELS, protocol)
    assert list(pickle.loads(data, encoding="bytes")) == [IMAGES, LABELS]  # the writer above writes what it should
    assert contents(data) == (IMAGES, LABELS)


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=2, max_size=8), st.integers(0, 5), st.booleans())
@settings(deadline=None)
def test_what_is_read_is_what_was_written(images: list[bytes], protocol: int, two: bool) -> None:
    images = images[: len(images) // 2 * 2]
    labels = [len(image) % 2 == 0 for image in images[::2]]
    data = of_python_2(images, labels, min(protocol, 2)) if two else pickle.dumps((images, labels), protocol)
    assert contents(data) == (images, labels)


def test_other_spellings_of_numbers_and_repeated_images() -> None:
    same = b"the same object"
    data = pickle.dumps(([same, same, same, b"b"], [1, 0]), protocol=4)
    assert contents(data) == ([same, same, same, b"b"], [True, False])
    for number in (b"J\x01\0\0\0", b"K\x01", b"M\x01\0", b"\x8a\x01\x01", b"I1\n", b"L1L\n"):
        assert contents(b"](U\x01aU\x01be](" + number + b"e\x86.") == ([b"a", b"b"], [True])


# --------------------------------------------------------------------------------------------- what must be refused


class Hostile:
    """Unpickles to a call of `os.mkdir`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_executed(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "made"
    data = pickle.dumps(([b"a", Hostile(target)], [True]), protocol=protocol)
    path = tmp_path / "evil.bin"
    path.write_bytes(data)
    with pytest.raises(CorruptFile, match=r"(global|STACK_GLOBAL.* of) (posix|nt)\.mkdir.*nothing in it was executed"):
        load("dataset", "insightface_bin", file=path).frames()
    assert not target.exists()
    pickle.loads(data)  # it is as hostile as it claims
    assert target.exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"cos\nsystem\n(S'touch x'\ntR.", r"the global os\.system at byte 0"),
        (b"c_codecs\ndecode\n.", r"the global _codecs\.decode"),
        (b"ccodecs\nencode\n.", r"the global codecs\.encode"),
        (b"c__builtin__\nbytes\n)R.", r"the global __builtin__\.bytes"),
        (b"\x80\x04" + text("os") + text("system") + b"\x93.", r"the opcode STACK_GLOBAL of os\.system at byte 14"),
        (b"\x80\x04" + text("_codecs") + text("encode") + b"\x93.", r"STACK_GLOBAL of _codecs\.encode"),
        (b"\x93.", r"the opcode STACK_GLOBAL at byte 0"),
        (b"(S'touch x'\nios\nsystem\n.", r"the opcode INST of os\.system"),
        (b"(ios", r"the opcode INST of "),
        (b"](K\x01e}b.", r"the opcode EMPTY_DICT"),
        (b"]Nb.", r"the opcode NONE"),
        (b"]]b.", r"the opcode BUILD at byte 2"),
        (b"\x82\x01.", r"the opcode EXT1"),
        (b"\x83\x01\0.", r"the opcode EXT2"),
        (b"\x84\x01\0\0\0.", r"the opcode EXT4"),
        (b"Pid\n.", r"the opcode PERSID"),
        (b"]Q.", r"the opcode BINPERSID"),
        (b"]\x81.", r"the opcode NEWOBJ"),
        (b"]\x92.", r"the opcode NEWOBJ_EX"),
        (b"(]o.", r"the opcode OBJ"),
        (b"G\0\0\0\0\0\0\0\0.", r"the opcode BINFLOAT"),
        (b"\x96\x01\0\0\0\0\0\0\0a.", r"the opcode BYTEARRAY8"),
        (b"\x97.", r"the opcode NEXT_BUFFER"),
        (b"]2.", r"the opcode DUP"),
        (b"]0.", r"the opcode POP"),
        (b"\x8b\x01\0\0\0\x01.", r"the opcode LONG4"),
        (b"\xff.", r"byte 0xff at 0 is no opcode"),
        (pickle.dumps([np.zeros(2)], protocol=4), r"STACK_GLOBAL of numpy"),
        (pickle.dumps(([b"a", b"b"], [np.bool_(True)]), protocol=4), r"STACK_GLOBAL of numpy"),
        # the one global that is recognised does nothing but spell bytes
        (b"c_codecs\nencode\n(V1\nVrot13\ntR.", r"a call \(REDUCE\) at byte \d+ that does not spell bytes"),
        (b"c_codecs\nencode\n(S'a'\nVlatin1\ntR.", r"a call \(REDUCE\)"),
        (b"c_codecs\nencode\n(Va\ntR.", r"a call \(REDUCE\)"),
        (b"c_codecs\nencode\n]R.", r"a call \(REDUCE\)"),
        (b"](Va\nVlatin1\ntR.", r"a call \(REDUCE\)"),
        (b"c_codecs\nencode\n.", r"holds something else; expected two lists"),
        # a machine that is asked for what is not there
        (b"h\x05.", r"asks for value 5, which nobody kept"),
        (b"q\x05.", r"keeps a value that is not there"),
        (b"a.", r"takes 1 values that are not there"),
        (b"](a.", r"takes 1 values that are not there"),
        (b"K\x01K\x01a.", r"appends to something that is no list"),
        (b"e.", r"needs a mark that is not there"),
        (b"t.", r"needs a mark"),
        (b"(.", r"ends with 0 values"),
        (b"]].", r"ends with 2 values"),
        (b"](.", r"ends with 1 values"),
        (b"].]", r"1 bytes follow its end"),
        (b"S'a\n.", r"the string at byte 0 has no quotes"),
        (b"Ix\n.", r"x at byte 0 is no whole number"),
        (b"I" + b"9" * 100_000 + b"\n.", r"is no whole number"),
        (b"p-x\n.", r"is no whole number"),
        # a file that ends in the middle
        (b"", r"ends at byte 0, in the middle"),
        (b"\x80", r"in the middle"),
        (b"I01", r"in the middle"),
        (b"cos\nsys", r"in the middle"),
        (b"U\x05ab", r"5 bytes are promised at 2"),
        (b"T\xff\xff\xff\xffab", r"-1 bytes are promised"),
        (b"\x8e" + b"\xff" * 8 + b"ab", r"18446744073709551615 bytes are promised"),
        (b"\x95\0\0", r"in the middle"),
        # lists of something else
        (pickle.dumps([b"a", b"b"]), r"holds a list of 2 entries; expected two lists"),
        (pickle.dumps(([b"a", b"b"], [True], [])), r"holds a tuple of 3 entries"),
        (pickle.dumps(([b"a", b"b"], (True,))), r"holds a tuple of 2 entries"),
        (pickle.dumps(([b"a", "b"], [True])), r"entry 1 of a list is text; expected bytes"),
        (pickle.dumps(([b"a", [b"b"]], [True])), r"entry 1 of a list is a list of 1 entries; expected bytes"),
        (pickle.dumps(([b"a", b"b"], [2])), r"entry 0 of a list is the number 2; expected True, False, 1 or 0"),
        (pickle.dumps(([b"a", b"b"], [b"x"])), r"entry 0 of a list is bytes; expected True"),
        (pickle.dumps(([b"a", b"b", b"c"], [True])), r"3 images and 1 labels; expected two images a label"),
        (pickle.dumps(([], [])), r"0 images and 0 labels"),
    ],
)  # fmt: skip
def test_whatever_else_a_pickle_holds_is_refused_by_name(data: bytes, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        verification_lists(data, "x.bin")


@pytest.mark.parametrize("name", ["numpy", "os", "subprocess", "bench"])
def test_no_global_is_imported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("imported something")

    monkeypatch.setattr("builtins.__import__", forbidden)
    try:
        with pytest.raises(CorruptFile, match="the global"):
            read_lists(b"c" + name.encode() + b"\nsystem\n.", "x.bin")
    finally:
        monkeypatch.undo()


@given(st.binary(max_size=60))
@settings(deadline=None, max_examples=300)
def test_no_bytes_make_it_stumble(data: bytes) -> None:
    with contextlib.suppress(CorruptFile):
        verification_lists(data, "x.bin")


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_no_damage_makes_it_stumble(data: st.DataObject) -> None:
    protocol = data.draw(st.integers(0, 5))
    whole = bytearray(pickle.dumps(([b"ab" * 150, b"c"], [True]), protocol))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        images, _ = verification_lists(bytes(whole), "x.bin")
        assert all(0 <= each.start <= each.stop <= len(whole) for each in images)
        for each in images:
            each.meant(bytes(whole[each.start : each.stop]), "x.bin")
    except CorruptFile:
        pass


def test_bytes_that_are_not_spelled_right() -> None:
    for raw, kind in ((b"\\q", "escaped"), (b"\\", "escaped"), (b"\xff", "latin1"), (b"\\u0100", "escaped_latin1")):
        with pytest.raises(CorruptFile, match="bytes 0 to 9 are not what their opcode promises"):
            Slice(kind, 0, 9).meant(raw, "x.bin")  # type: ignore[arg-type]


def test_bombs_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    tower: list[Any] = []
    for _ in range(200):  # 10^200 entries, if anybody looked at them
        tower = [tower] * 10
    deep = b"]" + b"\x85" * 100_000 + b"."
    tracemalloc.start()
    with pytest.raises(CorruptFile, match="entry 0 of a list is a list of 10 entries"):
        verification_lists(pickle.dumps(([tower, b"b"], [True]), protocol=4), "x.bin")
    with pytest.raises(CorruptFile, match="holds a tuple of 1 entries"):
        verification_lists(deep, "x.bin")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32e6
    monkeypatch.setattr(pickled_lists, "MOST_OPCODES", 1000)
    with pytest.raises(CorruptFile, match="more than 1,000 opcodes"):
        verification_lists(b"]" * 2000 + b".", "x.bin")


def test_an_image_that_is_named_often_is_digested_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digested: list[int] = []
    monkeypatch.setattr(Slice, "meant", lambda self, raw, where: digested.append(len(raw)) or raw)
    same = b"x" * 1000
    path = written(tmp_path / "toy.bin", [same] * 2000, [True] * 1000)
    assert len(load("dataset", "insightface_bin", file=path).frames()) == 2000
    assert digested == [1000]


# --------------------------------------------------------------------------------------------------- the data set


def written(path: Path, images: Sequence[bytes], labels: Sequence[bool]) -> Path:
    path.write_bytes(pickle.dumps((list(images), list(labels)), protocol=2))
    return path


def test_the_data_set(tmp_path: Path) -> None:
    images = [square(place, 0, 0) for place in range(22)]
    path = written(tmp_path / "toy.bin", images, [place % 2 == 0 for place in range(11)])
    data = load("dataset", "insightface_bin", file=path)
    assert isinstance(data, Dataset)
    trials: Trials = data.trials("pairs", RNG)
    assert trials.keys[:3] == ("toy.bin/00000", "toy.bin/00001", "toy.bin/00002")
    assert trials.probe.tolist() == list(range(0, 22, 2))
    assert trials.reference.tolist() == list(range(1, 22, 2))
    assert trials.mated.tolist() == [place % 2 == 0 for place in range(11)]
    assert trials.fold is not None
    assert trials.fold.tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert trials.subjects[:4] == ("toy.bin/00000", "toy.bin/00000", "toy.bin/00002", "toy.bin/00003")
    assert (data.image("toy.bin/00007") == np.full((112, 112, 3), (7, 0, 0), np.uint8)).all()
    assert data.content_digest("toy.bin/00007") == hashlib.sha256(images[7]).hexdigest()
    for key in ("toy.bin/00022", "other.bin/00000", "toy.bin/x", "toy.bin"):
        with pytest.raises(MissingFile, match="holds no image"):
            data.image(key)
    with pytest.raises(ConfigError, match="insightface_bin has no protocol 'view2'"):
        data.trials("view2", RNG)
    with pytest.raises(MissingFile, match="no verification set at"):
        load("dataset", "insightface_bin", file=tmp_path / "none.bin").frames()
    few = load("dataset", "insightface_bin", file=written(tmp_path / "few.bin", images[:4], [True, False]))
    assert few.trials("pairs", RNG).fold is None


def test_a_file_that_was_replaced_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "toy.bin", [square(1), square(2)], [True])
    data = load("dataset", "insightface_bin", file=path)
    before = data.content_digest("toy.bin/00000")
    written(tmp_path / "new.bin", [square(30), square(40)], [True]).replace(path)
    os.utime(path, ns=(1, 1))
    assert data.content_digest("toy.bin/00000") != before
    assert data.image("toy.bin/00000")[0, 0, 0] == 30


def test_who_is_who() -> None:
    # 0-1 mated; 2 has the bytes of 0, so 3 is that person too; 4-5 are two people
    mated = np.array([True, True, False])
    assert who_is_who(["a", "b", "a", "c", "d", "e"], mated).tolist() == [0, 0, 0, 0, 4, 5]


def test_a_pair_stays_what_the_set_says(caplog: pytest.LogCaptureFixture) -> None:
    # pair 2 is of equal bytes and called nonmated; pair 3 is joined by pairs 0 and 1, and nonmated as well
    digests = ["a", "b", "b", "c", "x", "x", "a", "c", "y", "z"]
    mated = np.array([True, True, False, False, True])
    with caplog.at_level(logging.WARNING):
        people = who_is_who(digests, mated, "toy.bin")
    assert ((people[::2] == people[1::2]) == mated).all()
    assert people.tolist() == [0, 0, 2, 2, 4, 5, 6, 7, 8, 8]
    assert "toy.bin: 2 nonmated pairs" in caplog.text
    assert "the first is pair 2; they stay nonmated, and equal bytes join none of 8 photos" in caplog.text


def test_a_sweep_over_a_set(own_registry: Registry, tmp_path: Path) -> None:
    add_toys(own_registry)
    people = list(COLOURS.values())
    images, labels = [], []
    for place in range(20):
        first, second = people[place % 4], people[(place + place % 2) % 4]
        images += [square(*first), square(*second)]
        labels.append(first == second)
    path = written(tmp_path / "toy.bin", images, labels)
    sweep = {
        "name": "t", "dataset": {"name": "insightface_bin", "file": str(path)}, "fmr": [0.1],
        "recognizers": {"name": "toy", "aligner": "none"},
    }  # fmt: skip
    run = run_sweep(parse_sweep(sweep), tmp_path / "run")
    table = run.trials()
    assert table["mated"].tolist() == labels
    assert table["score"][table["mated"]].min() > table["score"][~table["mated"]].max()
    assert table["fold"].tolist() == np.repeat(np.arange(10), 2).tolist()
    summary = run.summary()
    assert summary.loc[summary["figure"] == "fold_accuracy", "value"].tolist() == [1.0]
    assert ToyRecognizer.embedded == 4  # equal bytes are embedded once
