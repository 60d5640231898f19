"""What goes wrong outside of the program, through the command line: which error, in which words, what is left behind.

There are three ends. What stands against the sweep as a whole stops it before anything is computed: one line, exit
code 2. What one recognizer cannot do is a failure of its cell: the others go on, exit code 1. A photo that cannot be
used is counted: exit code 0.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cli.main import main
from bench.errors import (
    ConfigError,
    CorruptFile,
    ImpersonaError,
    InsufficientData,
    MissingFile,
    PluginError,
    UnknownName,
    WorkerLost,
)
from bench.images import encode_png
from bench.registry import Registry
from bench.store import blobs
from bench.store.run_folder import RunFolder
from bench.weights import released
from tests import mischief, onnx_models
from tests.toys import photos

Arrange = Callable[[Path], list[str]]


@pytest.fixture
def place(own_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with twelve photos and a sweep over them; the commands run in it."""
    mischief.install(tmp_path / "plugins", monkeypatch)
    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "photos")
    sweep(tmp_path)
    return tmp_path


def sweep(
    place: Path, dataset: str = "{name: folder, root: photos}", recognizers: str = "[toy]", more: str = ""
) -> None:
    """Writes sweep.yaml."""
    text = f"name: t\ndataset: {dataset}\nrecognizers: {recognizers}\nfmr: [0.1]\ndraws: 20\n{more}"
    (place / "sweep.yaml").write_text(text)


def call(*options: str) -> tuple[int, BaseException | None]:
    """The exit code of ``impersona run sweep.yaml --out run OPTIONS``, and what was raised inside."""
    with pytest.raises(SystemExit) as caught:
        main(["run", "sweep.yaml", "--out", "run", "--no-report", *options])
    return int(caught.value.code or 0), caught.value.__context__


def nothing_is_half_written(place: Path) -> bool:
    """Whether no temporary file is left, and every stored cell is whole."""
    run = RunFolder(place / "run")
    whole = [run.succeeded(path.parent.name) for path in (place / "run").glob("cells/*/outcome.json")]
    return all(whole) and not list(place.rglob("*.part"))


# --------------------------------------------------------------------------------- what stops a sweep at its beginning


def text(content: str | bytes) -> Arrange:
    """A sweep file that holds this."""

    def arrange(place: Path) -> list[str]:
        data = content if isinstance(content, bytes) else content.encode()
        (place / "sweep.yaml").write_bytes(data)
        return []

    return arrange


def swept(**parts: str) -> Arrange:
    """A sweep with another part."""

    def arrange(place: Path) -> list[str]:
        sweep(place, **parts)
        return []

    return arrange


def options(*given: str) -> Arrange:
    """More words on the command line."""
    return lambda place: list(given)


def no_sweep_file(place: Path) -> list[str]:
    (place / "sweep.yaml").unlink()
    return []


def sweep_file_is_a_folder(place: Path) -> list[str]:
    (place / "sweep.yaml").unlink()
    (place / "sweep.yaml").mkdir()
    return []


def no_photos(place: Path) -> list[str]:
    (place / "empty").mkdir()
    sweep(place, "{name: folder, root: empty}")
    return []


def one_photo(place: Path) -> list[str]:
    photos(place / "few", per_person=1, people=["ann"])
    sweep(place, "{name: folder, root: few}")
    return []


def cache_is_a_file(place: Path) -> list[str]:
    cache = Path(os.environ["IMPERSONA_CACHE"])
    cache.rmdir()
    cache.write_text("mine")
    return []


def unreadable_name(place: Path) -> list[str]:
    os.mkdir(os.fsencode(place / "photos") + b"/Jos\xe9")
    return []


def celeba(place: Path, name: str, labels: str) -> list[str]:
    folder = place / "celeba"
    (folder / ("images" if name == "labels.csv" else "img_align_celeba")).mkdir(parents=True)
    (folder / name).write_text(labels)
    sweep(place, "{name: celeba, root: celeba}")
    return []


def pair_list(place: Path) -> list[str]:
    photos(place / "lfw" / "images")
    (place / "lfw" / "pairs.txt").write_text("10\t300\nann\t1\t2\n")
    sweep(place, "{name: lfw, root: lfw}")
    return []


STOPS: dict[str, tuple[Arrange, type[ImpersonaError], str]] = {
    "no sweep file": (no_sweep_file, MissingFile, "no sweep file at sweep.yaml; examples/ has some to copy"),
    "sweep file is a folder": (sweep_file_is_a_folder, ConfigError, "sweep.yaml is not a YAML file"),
    "no YAML": (text("name: [t\n"), ConfigError, "sweep.yaml is not a YAML file"),
    "not UTF-8": (text("name: Jos\xe9\n".encode("latin-1")), ConfigError, "sweep.yaml is not a YAML file"),
    "empty": (text(""), ConfigError, "expected a mapping with name, dataset, recognizers"),
    "a list": (text("- name: t\n"), ConfigError, "got list, expected a mapping with name, dataset, recognizers"),
    "a key twice": (text("name: t\nname: u\n"), ConfigError, "the key 'name' stands twice"),
    "unknown key": (swept(more="galery: lfw\n"), UnknownName, "unknown key 'galery'"),
    "wrong type": (swept(more="seed: seven\n"), ConfigError, "seed: Input should be a valid integer"),
    "variable not set": (
        swept(dataset="{name: folder, root: '${NO_SUCH_PLACE}'}"),
        ConfigError,
        "NO_SUCH_PLACE, which is not set; export NO_SUCH_PLACE=",
    ),
    "unknown plugin": (swept(recognizers="[toi]"), UnknownName, "did you mean 'toy'? (impersona ls recognizer"),
    "no folder": (swept(dataset="{name: folder, root: none}"), MissingFile, "no folder at none; it should hold one"),
    "no photos": (no_photos, InsufficientData, "empty holds 0 photos of people of split 'all'; expected PERSON"),
    "one photo": (one_photo, InsufficientData, "few holds 1 photos of people of split 'all'; expected PERSON"),
    "name that is not text": (unreadable_name, CorruptFile, "has no readable name; rename it (in UTF-8)"),
    "labels without identities": (
        lambda place: celeba(place, "labels.csv", "image,person\na.jpg,1\n"),
        CorruptFile,
        "celeba/labels.csv: no column identity",
    ),
    "identity list with three words": (
        lambda place: celeba(place, "identity_CelebA.txt", "a.jpg 1 2\n"),
        CorruptFile,
        "identity_CelebA.txt, line 1: got 'a.jpg 1 2'; expected 'photo person'",
    ),
    "pair list that breaks off": (pair_list, CorruptFile, "pairs.txt: 1 pairs; line 1 promises 10 x 2 x 300"),
    "no model file": (
        swept(recognizers="[{name: arcface_onnx, model: nets/none.onnx, aligner: none}]"),
        MissingFile,
        "nets/none.onnx",
    ),
    "no weights": (swept(recognizers="[{name: lbp, weights: none.safetensors}]"), MissingFile, "none.safetensors"),
    "unknown executor": (options("--executor", "proceses"), UnknownName, "did you mean 'processes'? (impersona ls"),
    "jobs below zero": (options("--jobs", "-1"), ConfigError, "jobs: got -1, expected 1 or more, or 0 for every core"),
    "jobs for inline": (options("--jobs", "2", "--executor", "inline"), UnknownName, "unknown setting 'jobs'"),
    "cache is a file": (cache_is_a_file, ConfigError, "is a file; set IMPERSONA_CACHE to a folder, or move it away"),
    "no run to make figures from": (options("--resume", "none"), MissingFile, "run holds no run: no manifest.json"),
}  # fmt: skip


@pytest.mark.parametrize("fault", STOPS)
def test_it_stops_before_anything_is_computed(place: Path, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    arrange, error, says = STOPS[fault]
    more = arrange(place)
    code, raised = call(*more)
    printed = capsys.readouterr().err
    assert (code, type(raised)) == (2, error), printed
    assert says in printed
    assert "Traceback" not in printed
    assert not (place / "run").exists()


# ------------------------------------------------------------------------------------------------ what fails one cell


def network(**shape: tuple[int | str, ...]) -> Callable[[Path], Path]:
    return lambda path: onnx_models.recognizer(path, **shape)


def truncated(whole: Callable[[Path], Path]) -> Callable[[Path], Path]:
    """The first half of a file."""

    def make(path: Path) -> Path:
        whole(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return path

    return make


def weights(path: Path) -> Path:
    path.write_bytes(released("lbp.safetensors").read_bytes())
    return path


def words(path: Path) -> Path:
    path.write_text("This is not a network.\n")
    return path


MODELS: dict[str, tuple[str, str, Callable[[Path], Path], type[ImpersonaError], str]] = {
    "truncated ONNX": ("arcface_onnx", "model", truncated(network()), CorruptFile, "cannot open it as a network"),
    "text for an ONNX": ("arcface_onnx", "model", words, CorruptFile, "cannot open it as a network"),
    "empty ONNX": ("arcface_onnx", "model", lambda path: path.touch() or path, CorruptFile, "cannot open it"),
    "ONNX of oblong crops": (
        "arcface_onnx", "model", network(shape=("n", 3, 112, 96)), PluginError,
        "got input 112 x 96; arcface_onnx makes square crops only",
    ),
    "truncated safetensors": ("lbp", "weights", truncated(weights), CorruptFile, "not a weight file of lbp"),
    "text for safetensors": ("lbp", "weights", words, CorruptFile, "not a weight file of lbp"),
    "ONNX for safetensors": ("lbp", "weights", network(), CorruptFile, "not a weight file of lbp"),
}  # fmt: skip


@pytest.mark.parametrize("fault", MODELS)
def test_a_model_file_fails_its_cell_and_no_other(place: Path, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    plugin, setting, make, error, says = MODELS[fault]
    make(place / "model.bin")
    sweep(place, recognizers=f"[{{name: {plugin}, {setting}: ./model.bin, aligner: none}}, toy]")
    code, raised = call()
    printed = capsys.readouterr().err
    assert (code, raised) == (1, None), printed
    run = RunFolder.open(place / "run")
    assert run.failures()[["recognizer", "error"]].values.tolist() == [[plugin, error.__name__]]
    assert says in run.failures()["message"].iloc[0]
    assert "model.bin" in run.failures()["message"].iloc[0]
    assert f"{error.__name__}: " in printed
    assert set(run.summary()["recognizer"]) == {"toy"}
    assert nothing_is_half_written(place)


@pytest.mark.parametrize(
    ("deed", "executor", "error", "says"),
    [
        ("raises", "inline", "RuntimeError", "asked to fail"),
        ("returns nan", "inline", "PluginError", "12 values not finite; expected finite float32 (4, D)"),
        ("leaves by sys.exit", "inline", "SystemExit", "tried to end the whole program (exit code 3)"),
        ("wants memory", "inline", "MemoryError", "memory ran out"),
        ("leaves by os._exit", "processes", WorkerLost.__name__, "ended by itself (exit code 3)"),
        ("is killed", "processes", WorkerLost.__name__, "was killed (SIGKILL; most often for want of memory)"),
    ],
)
def test_a_recognizer_that_misbehaves_fails_its_cell_and_goes_on_once_it_is_mended(
    place: Path, deed: str, executor: str, error: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep(place, recognizers=f"[{{name: mischief, does: {deed}, unless: mended}}, toy]")
    assert call("--executor", executor) == (1, None)
    assert f"{error}: " in (printed := capsys.readouterr().err)
    assert says in printed
    assert nothing_is_half_written(place)
    (place / "mended").touch()
    assert call("--executor", executor, "--resume", "missing") == (1, None), "earlier failures stay"
    assert call("--executor", executor) == (0, None)
    assert set(RunFolder.open(place / "run").summary()["recognizer"]) == {"mischief", "toy"}


# --------------------------------------------------------------------------------------------------- what is counted


def jpeg() -> bytes:
    path = Path("whole.jpg")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    "content", [lambda: b"", lambda: b"no picture", lambda: jpeg()[:900]], ids=["zero bytes", "text", "truncated JPEG"]
)
def test_a_photo_that_cannot_be_read_is_counted(place: Path, content: Callable[[], bytes]) -> None:
    (place / "photos" / "ann" / "0.png").write_bytes(content())
    assert call() == (0, None)
    frames = RunFolder.open(place / "run").frames().set_index("key")
    assert frames["acquired"].sum() == 11
    assert "not a readable image" in frames.loc["ann/0.png", "problem"]
    assert str(place) not in frames.loc["ann/0.png", "problem"]


@pytest.mark.parametrize(
    ("per_person", "people", "spoil", "says"),
    [
        (3, ["ann"], False, "3 mated comparisons, 0 nonmated comparisons"),
        (3, ["ann", "bob"], True, "0 mated comparisons, 0 nonmated comparisons"),
    ],
    ids=["one person", "no photo is an image"],
)
def test_what_cannot_be_measured_is_said(
    place: Path, per_person: int, people: list[str], spoil: bool, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = photos(place / "few", per_person, people)
    for path in root.rglob("*.png") if spoil else ():
        path.write_text("no picture")
    sweep(place, "{name: folder, root: few}")
    assert call() == (0, None)
    assert f"nothing to measure: {says}" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------- where it is written


def out_is_a_file(place: Path) -> None:
    (place / "run").write_text("mine")


def out_holds_something_else(place: Path) -> None:
    (place / "run").mkdir()
    (place / "run" / "thesis.tex").write_text("mine")


def out_holds_another_sweep(place: Path) -> None:
    assert call("--set", "name=other") == (0, None)


def manifest_is_damaged(place: Path) -> None:
    (place / "run").mkdir()
    (place / "run" / "manifest.json").write_text('{"version": 1, "na')


@pytest.mark.parametrize(
    ("arrange", "error", "says"),
    [
        (out_is_a_file, ConfigError, "run is a file; give --out a folder"),
        (
            out_holds_something_else,
            ConfigError,
            "run holds files but no run; give --out another folder, or an empty one",
        ),
        (
            out_holds_another_sweep,
            ConfigError,
            "run holds the run of another sweep, 'other'; give --out another folder",
        ),
        (manifest_is_damaged, CorruptFile, "run/manifest.json: not JSON"),
    ],
)
def test_what_lies_in_the_way_is_left_alone(
    place: Path, arrange: Callable[[Path], None], error: type[Exception], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arrange(place)
    before = {path: path.read_bytes() for path in [place / "run", *place.glob("run/*")] if path.is_file()}
    code, raised = call()
    assert (code, type(raised)) == (2, error)
    assert says in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before
    assert {path for path in place.glob("run/*") if path.is_file()} == before.keys() - {place / "run"}


@pytest.fixture
def mount() -> Iterator[Callable[..., None]]:
    """Mounts as root; the test is skipped where that is not allowed."""
    mounted: list[str] = []

    def do(target: Path, *arguments: str) -> None:
        done = subprocess.run(["mount", *arguments, str(target)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
        mounted.append(str(target))

    yield do
    for target in mounted:
        subprocess.run(["umount", target], check=True)


def big_photos(place: Path) -> None:
    """Enough photos that a run of them takes 200 kB."""
    rng = np.random.default_rng(1)
    for person in range(20):
        for number in range(6):
            path = place / "many" / f"p{person:02}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(rng.integers(1, 256, (8, 8, 3), dtype=np.uint8)))
    sweep(place, "{name: folder, root: many}", "[toy, {name: toy, label: second, gain: 2.0}]")


def test_a_full_disk_stops_the_run_and_what_was_stored_is_used(
    place: Path, mount: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    big_photos(place)
    assert call("--out", "elsewhere") == (0, None)
    size = sum(path.stat().st_size for path in (place / "elsewhere").rglob("*") if path.is_file())
    (place / "run").mkdir()
    mount(place / "run", "-t", "tmpfs", "-o", f"size={size * 3 // 4}", "tmpfs")
    capsys.readouterr()
    code, raised = call()
    printed = capsys.readouterr().err
    assert (code, type(raised)) == (2, OSError), printed
    assert "impersona: No space left on device: run/" in printed
    assert "free some space and run the same command again: what was computed is stored" in printed
    assert "Traceback" not in printed
    assert nothing_is_half_written(place)
    kept = list((place / "run").glob("cells/*/outcome.json"))
    assert len(kept) == 1
    subprocess.run(["mount", "-o", f"remount,size={size * 3}", str(place / "run")], check=True)
    assert call() == (0, None)
    assert "1 stored already" in capsys.readouterr().err
    assert (place / "run" / "summary.json").read_bytes() == (place / "elsewhere" / "summary.json").read_bytes()


def test_a_full_cache_disk_is_named_and_the_run_goes_on(
    place: Path,
    mount: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    big_photos(place)
    (place / "cache").mkdir()
    monkeypatch.setenv("IMPERSONA_CACHE", str(place / "cache"))
    mount(place / "cache", "-t", "tmpfs", "-o", "size=8k", "tmpfs")
    code, raised = call()
    printed = capsys.readouterr().err
    assert (code, raised) == (0, None), printed
    assert f"cannot be cached (No space left on device: {place}/cache/" in caplog.text
    assert "export IMPERSONA_CACHE=/path/to/cache" in caplog.text
    assert nothing_is_half_written(place)
    subprocess.run(["mount", "-o", "remount,size=8m", str(place / "cache")], check=True)
    caplog.clear()
    summary = (place / "run" / "summary.json").read_bytes()
    assert call("--out", "again") == (0, None)
    assert "cannot be cached" not in caplog.text
    assert (place / "again" / "summary.json").read_bytes() == summary


def test_a_folder_that_is_mounted_read_only(
    place: Path, mount: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "run").mkdir()
    mount(place / "run", "-t", "tmpfs", "-o", "ro", "tmpfs")
    code, raised = call()
    printed = capsys.readouterr().err
    assert (code, getattr(raised, "errno", None)) == (2, errno.EROFS), printed
    assert "Read-only file system: run/manifest.json; choose a folder that may be read and written (--out" in printed
    assert not list((place / "run").iterdir())


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_refuses_is_one_line(
    place: Path, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(blobs.os, "fsync", refuse)
        code, raised = call()
    printed = capsys.readouterr().err
    assert (code, getattr(raised, "errno", None)) == (2, number), printed
    assert f"{os.strerror(number)}: run/manifest.json" in printed
    assert "Traceback" not in printed
    assert nothing_is_half_written(place)
    assert call() == (0, None)
