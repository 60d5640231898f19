"""`impersona cache`: it lists, prunes and purges what is the cache's own, and nothing else."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from bench.cli.main import main
from bench.store.cache import ArrayCache
from bench.store.inventory import contexts, delete, merge
from tests.test_cache import DIGESTS, act, purge_rows, rows, write_rows
from tests.test_cache import SPAWN as PROCESSES
from tests.test_store import MemoryStore, files

FINGERPRINT = {"revision": 1, "weights": "ab" * 32, "flip": True, "provider": "CPU"}
ALIGNED = {"aligner": "dlib_hog", "aligner_fingerprint": {"revision": 1, "upsample": 1, "predictor": "cd" * 32}}


@pytest.fixture
def filled(own_cache: Path) -> Path:
    """Faces of four photos, found by one aligner, embedded by two recognizers; the first used two days ago."""
    cache = ArrayCache()
    cache.context("detections", ALIGNED).add(DIGESTS[:4], {"faces": np.ones(4, np.int16)})
    for age, name in ((2, "old"), (0, "new")):
        found = cache.context("embeddings", {"recognizer": name, "fingerprint": FINGERPRINT, **ALIGNED})
        found.add(DIGESTS[:3], rows([0, 1, 2]))
        found.add(DIGESTS[3:4], rows([3]))
        found.note("runtime", {"provider": "CPU"})
        (described,) = (path for path in own_cache.rglob("context.json") if f'"{name}"' in path.read_text())
        used = time.time() - age * 86400
        os.utime(described, (used, used))
    return own_cache


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["cache", *arguments])
    return int(caught.value.code or 0)


def names(cache: ArrayCache | None = None) -> set[str]:
    """The recognizers whose embeddings are kept, and the aligners whose faces are."""
    return {one.recognizer or f"{one.aligner} faces" for one in contexts(cache or ArrayCache())}


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_ls_says_where_what_and_how_much(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("ls") == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{filled}: 12 rows, ")
    assert "biometric data" in printed
    assert "old on dlib_hog           4 rows" in printed
    assert "used 2 days ago" in printed
    assert "weights abababab, flip True, provider CPU" in printed
    assert "upsample 1, predictor cdcdcdcd" in printed
    assert "left alone" not in printed


def test_ls_as_json(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("ls", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(one["kind"], one["recognizer"], one["rows"], one["segments"]) for one in listed[-1:]] == [
        ("embeddings", "old", 4, 2)
    ]
    assert {one["recognizer"] for one in listed} == {"old", "new", None}
    for one in listed:
        assert Path(one["folder"]).is_dir()
        assert one["bytes"] == sum(path.stat().st_size for path in Path(one["folder"]).iterdir())
        assert one["parts"]["aligner"] == one["aligner"] == "dlib_hog"
        used = datetime.datetime.fromisoformat(one["last_used"])
        assert used.tzinfo is not None


def test_an_empty_cache_is_no_error(own_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("ls",), ("prune",), ("purge",), ("prune", "--older-than", "1d")):
        assert call(*arguments) == 0
        assert str(own_cache) in capsys.readouterr().out
    assert call("ls", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        (("--older-than", "1d"), {"new", "dlib_hog faces"}),
        (("--older-than", "36 h"), {"new", "dlib_hog faces"}),
        (("--older-than", "3d"), {"old", "new", "dlib_hog faces"}),
        (("--older-than", "0.5w"), {"old", "new", "dlib_hog faces"}),
        (("--older-than", "0m"), set()),
        (("--max-size", "1GB"), {"old", "new", "dlib_hog faces"}),
        (("--max-size", "3KB"), {"new", "dlib_hog faces"}),
        (("--max-size", "2KB"), {"new"}),
        (("--max-size", "0"), set()),
        (("--older-than", "1d", "--max-size", "1 MiB"), {"new", "dlib_hog faces"}),
        ((), {"old", "new", "dlib_hog faces"}),
    ],
)
def test_prune_deletes_what_is_old_or_too_much(limit: tuple[str, ...], left: set[str], filled: Path) -> None:
    (described,) = (path for path in filled.rglob("context.json") if '"detections"' in path.read_text())
    os.utime(described, (time.time() - 3600,) * 2)
    before = files(filled)
    assert call("prune", "--dry-run", *limit) == 0
    assert files(filled) == before
    assert call("prune", *limit) == 0
    assert names() == left


def test_prune_says_what_goes(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("prune", "--older-than", "1d", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "would delete embeddings of old on dlib_hog: 4 rows" in printed
    assert f"{filled}: would delete 4 rows" in printed
    assert call("prune") == 0
    assert "nothing is deleted without a limit: --older-than 30d" in capsys.readouterr().out


def test_prune_merges_and_clears_up_after_killed_runs(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = next(filled.rglob("rows-*.npz")).parent
    left = folder / ".rows-0-abcd1234.part"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    assert call("prune") == 0
    printed = capsys.readouterr().out
    assert "merged 4 small files" in printed
    assert "removed 1 temporary files" in printed
    assert [one.segments for one in contexts(ArrayCache())] == [1, 1, 1]
    assert [one.rows for one in contexts(ArrayCache())] == [4, 4, 4]
    assert not left.exists()


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        ((), set()),
        (("--kind", "embeddings"), {"dlib_hog faces"}),
        (("--kind", "detections"), {"old", "new"}),
        (("--recognizer", "old"), {"new", "dlib_hog faces"}),
        (("--recognizer", "old", "--kind", "embeddings"), {"new", "dlib_hog faces"}),
    ],
)
def test_purge_deletes_what_was_selected(selection: tuple[str, ...], left: set[str], filled: Path) -> None:
    assert call("purge", "--yes", *selection) == 0
    assert names() == left
    if not left:
        assert list((filled / "arrays").iterdir()) == []


def test_purge_takes_what_killed_runs_left_too(filled: Path) -> None:
    for folder in {path.parent for path in filled.rglob("rows-*.npz")}:
        (folder / ".rows-0-abcd1234.part").write_bytes(b"half an embedding")
    orphan = filled / "arrays" / "embeddings" / ("0" * 32) / ".rows-0-abcd1234.part"
    orphan.parent.mkdir()
    orphan.write_bytes(b"half an embedding")
    assert call("purge", "--yes") == 0
    assert files(filled) == []


def test_purge_of_one_recognizer_takes_what_killed_runs_left_of_it(filled: Path) -> None:
    places = {one.recognizer: filled / "arrays" / one.place for one in contexts(ArrayCache())}
    for place in places.values():
        (place / ".rows-0-abcd1234.part").write_bytes(b"half an embedding")
    assert call("purge", "--yes", "--recognizer", "old") == 0
    assert not places["old"].exists()
    assert (places["new"] / ".rows-0-abcd1234.part").exists()


@pytest.mark.parametrize(("typed", "kept"), [("y\n", False), ("n\n", True), ("\n", True)])
def test_purge_asks(
    typed: str, kept: bool, filled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, typed)
    assert call("purge") == 0
    assert f"from {filled}? [y/N]" in capsys.readouterr().out
    assert bool(names()) == kept


def test_purge_without_an_answer_deletes_nothing(
    filled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, "")
    assert call("purge") == 2
    assert "nothing deleted: there was no answer; --yes deletes without asking" in capsys.readouterr().err
    assert len(names()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("purge", "--recognizer", "odl"), "unknown recognizer in the cache 'odl'; did you mean 'old'"),
        (("purge", "--recognizer", "old", "--kind", "detections"), "belong to an aligner, not to a recognizer"),
        (("purge", "--kind", "photos"), "Invalid value"),
        (("prune", "--older-than", "soon"), "--older-than: got 'soon', expected a number and m, h, d or w"),
        (("prune", "--older-than", "-1d"), "--older-than: got '-1d'"),
        (("prune", "--max-size", "small"), "--max-size: got 'small', expected a number and KB, MB, GB or TB"),
        (("wipe",), "No such command"),
    ],
)
def test_bad_usage_deletes_nothing(
    arguments: tuple[str, ...], message: str, filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments) == 2
    assert message in capsys.readouterr().err
    assert len(names()) == 3


def test_nothing_but_the_caches_own_is_ever_deleted(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As if IMPERSONA_CACHE named a home folder."""
    context = next(filled.rglob("rows-*.npz")).parent
    foreign = [
        filled / "letter.txt",
        filled / "photos" / "holiday.png",
        filled / "arrays" / "mine.npz",
        filled / "arrays" / "embeddings" / "thesis.npz",
        filled / "arrays" / "embeddings" / "notes" / "context.json",
        filled / "arrays" / "other" / context.name / "rows-1.npz",
        context / "rows-mine.npz",
        context / "context.json.bak",
        context / "deeper" / "context.json",
    ]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
    mine = sorted(path.relative_to(filled).as_posix() for path in foreign)
    assert call("ls") == 0
    assert "left alone: 7 files that are not the cache's own, such as arrays/"[:33] in capsys.readouterr().out
    for arguments in (("prune", "--older-than", "0m", "--max-size", "0"), ("purge", "--yes")):
        assert call(*arguments) == 0
        assert files(filled) == mine
    assert "left alone: 7 files" in capsys.readouterr().out


def test_a_linked_folder_is_not_followed(filled: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "context.json").write_text("{}")
    (filled / "arrays" / "embeddings" / ("f" * 32)).symlink_to(elsewhere)
    assert call("purge", "--yes") == 0
    assert (elsewhere / "context.json").exists()


def test_a_context_whose_description_is_damaged_is_listed_and_purged(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (old,) = (path for path in filled.rglob("context.json") if '"old"' in path.read_text())
    (new,) = (path for path in filled.rglob("context.json") if '"new"' in path.read_text())
    old.write_bytes(new.read_bytes())
    assert call("ls") == 0
    printed = capsys.readouterr().out
    assert "its description cannot be read" in printed
    assert old.parent.name[:12] in printed
    assert call("prune") == 0
    old.unlink()
    assert call("purge", "--yes", "--kind", "embeddings") == 0
    assert names() == {"dlib_hog faces"}


def test_a_cache_that_is_a_file_or_out_of_reach_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("IMPERSONA_CACHE", str(tmp_path / "file"))
    assert call("ls") == 2
    assert "is a file; set IMPERSONA_CACHE to a folder" in capsys.readouterr().err

    def closed(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", "/closed")

    monkeypatch.setenv("IMPERSONA_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "walk", closed)
    assert call("ls") == 2
    assert "Permission denied: /closed" in capsys.readouterr().err


def test_the_inventory_needs_nothing_but_the_seam() -> None:
    cache = ArrayCache(MemoryStore())
    for number in range(3):
        cache.context("embeddings", {"recognizer": "r", **ALIGNED}).add([DIGESTS[number]], rows([number]))
    (one,) = contexts(cache)
    assert (one.rows, one.segments, one.recognizer) == (3, 3, "r")
    assert merge(cache, [one]) == 3
    assert [one.segments for one in contexts(cache)] == [1]
    assert delete(cache, [one]) == 1
    assert list(cache.blobs.keys()) == []


def test_a_purge_beside_a_running_process_is_clean(own_cache: Path) -> None:
    stop, problems = PROCESSES.Event(), PROCESSES.Queue()
    others = [PROCESSES.Process(target=act, args=(role, 1, stop, problems)) for role in (write_rows, purge_rows)]
    for process in others:
        process.start()
    codes = []
    while len(codes) < 10 or (not names() and len(codes) < 100):
        codes.append(call("purge", "--yes"))
        codes.append(call("ls"))
    stop.set()
    for process in others:
        process.join(60)
    assert problems.empty(), problems.get()
    assert set(codes) == {0}
    assert call("purge", "--yes") == 0
    assert files(own_cache) == []


def test_it_imports_nothing_heavy() -> None:
    heavy = ("torch", "onnxruntime", "cv2", "dlib", "insightface", "skimage", "sklearn", "pandas", "pyarrow", "scipy")
    code = (
        "import sys\nfrom bench.cli.main import main\ntry:\n    main(['cache', 'ls'])\nexcept SystemExit as done:\n"
        f"    assert not done.code\nprint([name for name in {heavy!r} if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(bench.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip().splitlines()[-1] == "[]"
