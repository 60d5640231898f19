"""A thousand damaged files of every format: each is either read as valid scores or refused by the line."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import ImpersonaError
from bench.exchange import FORMATS, ComparisonScores, read_scores, sheet
from tests.score_files import bits, written

SECONDS_EACH = 5.0

Mutation = Callable[[bytes, np.random.Generator], bytes]
HUGE = (b"1e999999", b"9" * 400, b"-" + b"9" * 40, b"1e-999999", b"0" * 5000 + b"1", b"inf", b"-inf", b"nan", b"1_000")
ODD = (b"\0", b"\r", b"\r\n", b"\xff", b'"', b"'", b",", b" ", b"\t", b"\x85", "\u2028".encode(), b"\x1a", b";", b"\\")


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for place in rng.integers(0, len(data), rng.integers(1, 4)).tolist():
        changed[place] ^= 1 << int(rng.integers(0, 8))
    return bytes(changed)


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(0, len(data)))]


def insert(data: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(0, len(data) + 1))
    return data[:place] + ODD[int(rng.integers(0, len(ODD)))] + data[place:]


def drop_line(data: bytes, rng: np.random.Generator) -> bytes:
    whole = data.split(b"\n")
    del whole[int(rng.integers(0, len(whole)))]
    return b"\n".join(whole)


def shorten_line(data: bytes, rng: np.random.Generator) -> bytes:
    whole = data.split(b"\n")
    place = int(rng.integers(0, len(whole)))
    whole[place] = whole[place][: int(rng.integers(0, len(whole[place]) + 1))]
    return b"\n".join(whole)


def drop_field(data: bytes, rng: np.random.Generator) -> bytes:
    separator = b"," if b"," in data else b" "
    whole = data.split(b"\n")
    every = bool(rng.integers(0, 2))
    column, line = int(rng.integers(0, 6)), int(rng.integers(0, len(whole)))
    for place in range(len(whole)) if every else [line]:
        fields = whole[place].split(separator)
        del fields[column : column + 1]
        whole[place] = separator.join(fields)
    return b"\n".join(whole)


def huge_number(data: bytes, rng: np.random.Generator) -> bytes:
    found = list(re.finditer(rb"-?[0-9]+\.?[0-9]*", data))
    if not found:
        return data
    one = found[int(rng.integers(0, len(found)))]
    return data[: one.start()] + HUGE[int(rng.integers(0, len(HUGE)))] + data[one.end() :]


def other_encoding(data: bytes, rng: np.random.Generator) -> bytes:
    name = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "utf-8-sig", "cp037")[int(rng.integers(0, 7))]
    return data.decode().replace("p0", "é", int(rng.integers(0, 2))).encode(name)


def other_lines(data: bytes, rng: np.random.Generator) -> bytes:
    return data.replace(b"\n", (b"\r\n", b"\r", b"\n\n", b"\n\r", b"\n \n")[int(rng.integers(0, 5))])


def join_lines(data: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.choice(np.flatnonzero(np.frombuffer(data, np.uint8) == 10)))
    return data[:place] + data[place + 1 :]


def repeat(data: bytes, rng: np.random.Generator) -> bytes:
    whole = data.split(b"\n")
    place = int(rng.integers(0, len(whole)))
    return b"\n".join(whole[:place] + [whole[place]] * int(rng.integers(2, 5)) + whole[place:])


def header_away(data: bytes, rng: np.random.Generator) -> bytes:
    return data.partition(b"\n")[2]


MUTATE: tuple[Mutation, ...] = (
    flip, cut, insert, drop_line, shorten_line, drop_field, huge_number, other_encoding, other_lines, join_lines,
    repeat, header_away,
)  # fmt: skip


def outcome(form: str, paths: list[Path]) -> tuple[str, bytes | str]:
    """What reading gives: scores, or the message of an error of ours."""
    started = time.process_time()
    scores, message = attempt(form, paths)
    assert time.process_time() - started < SECONDS_EACH
    if scores is None:
        assert re.search(r", line [0-9]+: got .*, expected ", message, re.DOTALL), message
        return "error", message
    assert scores.scores.dtype == np.float32
    assert len(scores) > 0
    assert not np.isinf(scores.scores).any()
    if isinstance(scores, ComparisonScores) and scores.named:
        same = np.asarray(scores.probe_subject) == np.asarray(scores.reference_subject)
        assert (same == scores.mated).all()
    return "scores", bits(scores.scores)


def attempt(form: str, paths: list[Path], **options: Any) -> tuple[Any, str]:
    """The scores, or None and the message of the error."""
    try:
        return read_scores(form, *paths, **options), ""
    except ImpersonaError as error:
        return None, str(error)


@pytest.mark.parametrize("mutations", [120, pytest.param(1000, marks=pytest.mark.full)])
@pytest.mark.parametrize("form", sorted(FORMATS))
def test_damaged_files_are_read_or_refused_by_their_line(
    form: str, mutations: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = written(form, tmp_path)
    whole = [path.read_bytes() for path in paths]
    rng = np.random.default_rng(sorted(FORMATS).index(form))
    kinds = {"error": 0, "scores": 0}
    fast = sheet._fast
    for turn in range(mutations):
        mutate = MUTATE[turn % len(MUTATE)]
        hit = int(rng.integers(0, len(paths)))
        damaged = mutate(whole[hit], rng)
        paths[hit].write_bytes(damaged)
        found = outcome(form, paths)
        kinds[found[0]] += 1
        monkeypatch.setattr(sheet, "_fast", lambda *_: None)
        assert outcome(form, paths) == found, (mutate.__name__, damaged)
        monkeypatch.setattr(sheet, "_fast", fast)
        paths[hit].write_bytes(whole[hit])
    # Damage must be noticed often, and must not make everything unreadable.
    assert kinds["error"] > mutations / 5
    assert kinds["scores"] > mutations / 10


@pytest.mark.full
def test_a_damaged_histogram_is_read_or_refused_by_its_line(tmp_path: Path) -> None:
    genuine, impostor = tmp_path / "genuine", tmp_path / "impostor"
    whole = b"".join(b"%d\n" % count for count in range(20))
    rng = np.random.default_rng(7)
    genuine.write_bytes(b"3\n14\n")
    for turn in range(1000):
        impostor.write_bytes(MUTATE[turn % len(MUTATE)](whole, rng))
        scores, message = attempt("pyeer", [genuine, impostor], histogram=True)
        if scores is None:
            assert re.search(r"impostor, line [0-9]+: got ", message), message
        else:
            assert len(scores) >= 2
