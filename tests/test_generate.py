"""`impersona generate`: faces of given photos and of a data set's people, the very ones that a sweep makes."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cli.main import main
from bench.config import MakerEntry, PluginEntry, parse_sweep
from bench.errors import ConfigError, MissingFile
from bench.images import decode, png_text
from bench.registry import Registry
from bench.store.cache import ArrayCache
from bench.sweep.generation import generate_of_dataset, generate_of_photos
from bench.sweep.pair_files import read_list
from bench.sweep.runner import run_sweep
from tests.toys import add_toys, only, photos, write

BLACK = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def folder(own_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve coloured photos, three each of four people, below the folder that is worked in."""
    add_toys(own_registry)
    monkeypatch.chdir(tmp_path)
    return photos(tmp_path / "photos").relative_to(tmp_path)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command; its exit code and what it said."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["generate", *map(str, arguments)])
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return run


def table(out: Path) -> list[dict[str, str]]:
    with (out / "faces.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_photos_become_faces_in_their_order(folder: Path, call: Callable[..., Any]) -> None:
    given = [folder / "ann/0.png", folder / "bob/1.png", folder / "cyd/0.png", folder / "dan/0.png"]
    code, out, err = call("toy", *given, "--out", "made", "--set", "weight=0.25")
    assert (code, err) == (0, "")
    assert "2 of 2 faces made" in out
    assert sorted(os.listdir("made")) == ["0001_0_1.png", "0002_0_0.png", "faces.csv"]
    pictures = [Path("made", name).read_bytes() for name in ("0001_0_1.png", "0002_0_0.png")]
    colours = [decode(path.read_bytes(), "it")[0, 0].astype(float) for path in given]
    for picture, first, second in zip(pictures, colours[::2], colours[1::2], strict=True):
        wanted = np.rint(0.75 * first + 0.25 * second)
        assert np.abs(decode(picture, "it")[128, 128] - wanted).max() <= 1
    text = png_text(pictures[0])
    assert text["impersona.synthetic"] == "true"
    assert text["impersona.made_by"] == "toy"
    assert text["impersona.contributors"] == "0.png; 1.png", "where they lie is nobody's business"
    assert text["impersona.run"] == "generate"
    assert text["DigitalSourceType"].endswith("compositeCapture")
    assert [row["photo"] for row in table(Path("made"))] == list(map(str, given))
    assert read_list(Path("made/faces.csv")) == {"1": list(map(str, given[:2])), "2": list(map(str, given[2:]))}


def test_one_person_a_face_and_a_folder_of_photos(folder: Path, call: Callable[..., Any]) -> None:
    code, out, _ = call(
        "toy", folder / "ann", folder / "bob/2.png", "--out", "made", "--set", "sources=1", "--set", "wants=[]"
    )
    assert code == 0, out
    assert [row["photo"] for row in table(Path("made"))] == [
        "photos/ann/0.png", "photos/ann/1.png", "photos/ann/2.png", "photos/bob/2.png",
    ]  # fmt: skip
    assert sorted(os.listdir("made"))[0] == "0001_0.png"


def test_a_photo_that_cannot_be_used_is_named_and_the_others_go_on(folder: Path, call: Callable[..., Any]) -> None:
    write(folder / "black.png", BLACK)
    (folder / "text.jpg").write_text("no picture")
    given = [folder / name for name in ("ann/0.png", "bob/0.png", "ann/1.png", "black.png", "text.jpg", "bob/1.png")]
    code, out, err = call("toy", *given, "--out", "made")
    assert code == 1
    assert "1 of 3 faces made" in out
    lines = err.splitlines()
    assert lines[0] == "photos/black.png: no face found"
    assert lines[1].startswith("photos/text.jpg: not a readable image")
    assert len(lines) == 2
    assert sorted(os.listdir("made")) == ["0001_0_0.png", "faces.csv"], "nothing is half-written"
    rows = table(Path("made"))
    assert [bool(row["file"]) for row in rows] == [True, True, False, False, False, False]
    assert rows[3]["problem"] == "no face found"
    assert rows[2]["problem"] == "no face found in a contributor's photo"


def test_a_face_that_the_generator_refuses_is_named_by_its_photos(folder: Path, call: Callable[..., Any]) -> None:
    given = [folder / name for name in ("ann/0.png", "ann/1.png", "bob/0.png", "bob/1.png")]
    code, _, err = call("toy", *given, "--out", "made", "--set", "refuses=0.5")
    assert code == 1
    assert err == "photos/ann/0.png + photos/ann/1.png: could not be made of these photos\n"


def test_again_gives_the_same_bytes_and_other_files_are_left_alone(folder: Path, call: Callable[..., Any]) -> None:
    given = (folder / "ann/0.png", folder / "bob/0.png")
    assert call("toy", *given, "--out", "made")[0] == 0
    before = {path.name: path.read_bytes() for path in Path("made").iterdir()}
    assert call("toy", *given, "--out", "made")[0] == 0
    assert {path.name: path.read_bytes() for path in Path("made").iterdir()} == before
    write(Path("other/0001_0_0.png"), BLACK)
    holiday = Path("other/0001_0_0.png").read_bytes()
    code, _, err = call("toy", *given, "--out", "other")
    assert code == 2
    assert "no face that impersona made; give --out another folder" in err
    assert Path("other/0001_0_0.png").read_bytes() == holiday
    Path("third").mkdir()
    Path("third/faces.csv").write_text("my,own\n")
    assert call("toy", *given, "--out", "third")[0] == 2
    assert os.listdir("third") == ["faces.csv"]
    Path("fourth/faces.csv").mkdir(parents=True)
    code, _, err = call("toy", *given, "--out", "fourth")
    assert code == 2
    assert "no list of faces; give --out another folder" in err


def test_a_face_that_is_not_made_leaves_no_picture_of_an_earlier_call(folder: Path, call: Callable[..., Any]) -> None:
    given = (folder / "ann/0.png", folder / "bob/0.png")
    assert call("toy", *given, "--out", "made")[0] == 0
    write(folder / "ann/0.png", BLACK)
    assert call("toy", *given, "--out", "made")[0] == 1
    assert os.listdir("made") == ["faces.csv"]


def test_names_of_photos_may_be_long_and_must_be_text(folder: Path, call: Callable[..., Any]) -> None:
    long = folder / f"{'名' * 80}.png"
    long.write_bytes((folder / "ann/0.png").read_bytes())
    assert call("toy", long, folder / "bob/0.png", "--out", "made")[0] == 0
    assert sorted(os.listdir("made")) == [f"0001_{'名' * 40}.png", "faces.csv"]
    bytes_only = folder / os.fsdecode(b"\xff.png")
    try:
        bytes_only.write_bytes(long.read_bytes())
    except OSError:
        pytest.skip("this file system takes names that are text only")
    code, _, err = call("toy", bytes_only, folder / "bob/0.png", "--out", "other")
    assert code == 2
    assert "is no readable name; rename it" in err
    assert not Path("other").exists()


def test_a_full_disk_leaves_no_half_of_a_picture(folder: Path, call: Callable[..., Any], small_disk: Path) -> None:
    given = [folder / f"{person}/{number}.png" for number in range(3) for person in ("ann", "bob")]
    (small_disk / "filler").write_bytes(b"x" * 61_000)
    code, _, err = call("toy", *given, "--out", small_disk / "made")
    assert code == 2
    assert "free some space and run the same command again" in err
    for path in (small_disk / "made").iterdir():
        assert png_text(path.read_bytes())["impersona.synthetic"] == "true"
    (small_disk / "filler").unlink()
    assert call("toy", *given, "--out", small_disk / "made")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["photos/ann/0.png"], "got 1 photo, and toy makes a face of 2; give a multiple of 2"),
        ([], "expected photos, such as"),
        (["photos/ann/0.png", "--data", "drawn"], "expected photos, such as"),
        (["photos/ann/0.png", "photos/bob/0.png", "--count", "3"], "--count goes with --data"),
        (["photos/ann/0.png", "photos/bob/0.png", "--parser", "x"], "got parser 'x', and it takes no masks"),
        (["photos/ann/0.png", "photos/bob/0.png", "--aligner", "toyy"], "did you mean 'toy'"),
        (["photos/ann/0.png", "photos/bob/0.png", "--set", "wieght=1"], "did you mean 'weight'"),
        (["photos/ann/9.png", "photos/bob/0.png"], "does not exist"),
        (["photos", "--out", "photos/ann/0.png"], "photos holds no photos"),
        (["--data", "{name: folder, root: photos}", "--count", "3000000"], "pairs: count: "),
        (["--data", "nobody"], "unknown dataset 'nobody'"),
        (["--data", "{name: folder, root: nowhere}"], "no folder at nowhere"),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_is_refused_beforehand(
    folder: Path, call: Callable[..., Any], arguments: list[str], said: str
) -> None:
    code, _, err = call("toy", "--out", "made", *arguments)
    assert code == 2
    assert said in " ".join(err.split())
    assert not Path("made").exists()


def test_a_generator_without_its_weights_says_where_they_are_looked_for(folder: Path, call: Callable[..., Any]) -> None:
    code, _, err = call("spade", folder / "ann/0.png", "--out", "made", "--set", "weights=nothing.safetensors")
    assert code == 2
    assert "no model file 'nothing.safetensors'" in err
    assert "give its path as weights: /path/to/file" in err


def test_a_data_sets_faces_are_those_of_a_sweep(folder: Path, tmp_path: Path) -> None:
    root = str(tmp_path / folder)
    cache = ArrayCache()
    found = generate_of_dataset(
        MakerEntry(name="toy"), PluginEntry(name="folder", settings={"root": root}), tmp_path / "made", count=5, seed=3,
        cache=cache,
    )  # fmt: skip
    sweep = {
        "name": "t", "seed": 3, "dataset": {"name": "folder", "root": root}, "recognizers": ["toy"], "fmr": [0.1],
        "assessments": [], "generators": ["toy"], "pairs": {"count": 5}, "keep_faces": "all",
    }  # fmt: skip
    run = run_sweep(parse_sweep(sweep), tmp_path / "run", cache=cache)
    assert only(run)["counts"]["faces_made_now"] == 0, "the cache had them all"
    portraits = run.table(only(run)["key"], "portraits")
    for face, png in zip(found.files, portraits["png"], strict=True):
        mine = (tmp_path / "made" / str(face)).read_bytes()
        assert (decode(mine, "it") == decode(png, "it")).all()
        assert png_text(mine)["impersona.contributors"] == png_text(png)["impersona.contributors"]
    again = {**sweep, "pairs": {"file": str(tmp_path / "made" / "faces.csv")}}
    assert run_sweep(parse_sweep(again), tmp_path / "again", cache=cache).failures().empty


def test_from_python(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"no photo at nobody\.png"):
        generate_of_photos(MakerEntry(name="toy"), [Path("nobody.png")], tmp_path / "made")
    with pytest.raises(ConfigError, match="is a file; give --out a folder"):
        generate_of_photos(
            MakerEntry(name="toy"), [folder / "ann/0.png", folder / "bob/0.png"], tmp_path / folder / "ann/0.png"
        )
    absolute = [tmp_path / folder / "ann/0.png", Path("photos/../photos/bob/0.png")]
    assert generate_of_photos(MakerEntry(name="toy"), absolute, tmp_path / "made").made == 1
