"""`impersona generate --vary` and `--sheet`: several makings of the same photos, and all of them at a glance."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.cli.main import main
from bench.config import MakerEntry, PluginEntry
from bench.errors import ConfigError
from bench.images import MAX_PIXELS, decode, png_text
from bench.registry import Registry
from bench.sweep.generation import generate_of_dataset, generate_of_photos
from bench.sweep.novel_files import FIGURES_FILE, SCHEMA
from bench.sweep.pair_files import read_list
from bench.sweep.sheet import MOST_ROWS, TILE, Tile, drawn_sheet, rows_shown
from bench.sweep.varying import Varied
from tests.test_mixsyn import mixsyn_weights
from tests.toys import ToyGenerator, add_toys, photos, write

BLACK = np.zeros((8, 8, 3), np.uint8)
TOY = MakerEntry(name="toy")


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


def table(out: str) -> list[dict[str, str]]:
    with Path(out, "faces.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def tile(sheet: NDArray[np.uint8], row: int, column: int) -> NDArray[np.int64]:
    """The colour in the middle of a picture of a sheet."""
    middle: NDArray[np.int64] = sheet[12 + row * (TILE + 22) + TILE // 2, 12 + column * (TILE + 4) + TILE // 2]
    return middle.astype(np.int64)


def test_each_set_of_photos_is_made_once_per_value(folder: Path, call: Callable[..., Any]) -> None:
    given = [folder / "ann/0.png", folder / "bob/1.png", folder / "cyd/0.png", folder / "dan/0.png"]
    code, out, err = call("toy", *given, "--out", "made", "--vary", "weight=[0.25,1]")
    assert (code, err) == (0, "")
    assert "4 of 4 faces made" in out
    names = ["0001_0_1_weight=0.25.png", "0001_0_1_weight=1.png", "0002_0_0_weight=0.25.png", "0002_0_0_weight=1.png"]
    assert sorted(os.listdir("made")) == [*names, "faces.csv"]
    rows = table("made")
    assert [row["file"] for row in rows[::2]] == names
    assert [row["weight"] for row in rows] == ["0.25", "0.25", "1", "1"] * 2
    assert [row["face"] for row in rows] == list("11223344")
    first, second = map(str, given[:2]), map(str, given[2:])
    both = [list(first), list(second)]
    assert read_list(Path("made/faces.csv")) == {"1": both[0], "2": both[0], "3": both[1], "4": both[1]}
    colours = [decode(path.read_bytes(), "it")[0, 0].astype(float) for path in given]
    for name, weight, place in zip(names, (0.25, 1, 0.25, 1), (0, 0, 2, 2), strict=True):
        wanted = np.rint((1 - weight) * colours[place] + weight * colours[place + 1])
        assert np.abs(decode(Path("made", name).read_bytes(), name)[128, 128] - wanted).max() <= 1
    alone = call("toy", *given, "--out", "alone", "--set", "weight=0.25")
    assert alone[0] == 0
    assert Path("alone/0001_0_1.png").read_bytes() == Path("made", names[0]).read_bytes()
    made = ToyGenerator.made
    assert call("toy", *given, "--out", "made", "--vary", "weight=[1,0.25]")[0] == 0
    assert ToyGenerator.made == made, "the cache had them"


def test_faces_that_are_not_made_are_told_by_their_value(folder: Path, call: Callable[..., Any]) -> None:
    given = [folder / name for name in ("ann/0.png", "bob/0.png", "bob/0.png", "ann/0.png")]
    code, out, err = call("toy", *given, "--out", "made", "--set", "refuses=0.5", "--vary", "weight=[0,1]", "--sheet")
    assert code == 1
    assert "2 of 4 faces made" in out
    assert err.splitlines() == [
        "photos/ann/0.png + photos/bob/0.png (weight=0): could not be made of these photos",
        "photos/bob/0.png + photos/ann/0.png (weight=1): could not be made of these photos",
    ]
    assert [(row["weight"], bool(row["file"])) for row in table("made")[::2]] == [
        ("0", False), ("1", True), ("0", True), ("1", False),
    ]  # fmt: skip
    sheet = decode(Path("made/sheet.png").read_bytes(), "the sheet")
    assert tile(sheet, 0, 2).tolist() == tile(sheet, 1, 3).tolist() == [236, 238, 240]
    assert np.abs(tile(sheet, 0, 3) - [10, 250, 10]).max() <= 2


def test_values_of_lists_and_of_words_name_files(folder: Path, tmp_path: Path) -> None:
    varied = Varied("parts", (["eyes", "mouth"], [], "a/b", {"hair": 2, "eyes": 3}))
    assert varied.endings == ("_parts=eyes+mouth", "_parts=none", "_parts=a-b", "_parts=-hair=2-eyes=3")
    assert Varied("k", ("a/b", "a:b")).endings == ("_k=a-b.1", "_k=a-b.2"), "no two files of one name"
    assert len(Varied("k", ("名" * 80,)).endings[0].encode()) <= 61
    ToyGenerator.made = 0
    found = generate_of_photos(
        TOY, [folder / "ann/0.png", folder / "bob/0.png"], tmp_path / "made", varied=Varied("fault", ("", "none"))
    )
    assert found.files == ("0001_0_0_fault=.png", "0001_0_0_fault=none.png")
    assert found.values == ("", "none")
    assert found.sheet is None


def test_a_sheet_has_the_crops_and_then_each_making(folder: Path, call: Callable[..., Any]) -> None:
    given = [folder / "ann/0.png", folder / "bob/1.png", folder / "cyd/0.png", folder / "dan/0.png"]
    code, out, _ = call("toy", *given, "--out", "made", "--vary", "weight=[0,1]", "--sheet")
    assert code == 0
    assert "all at a glance: made/sheet.png" in out
    data = Path("made/sheet.png").read_bytes()
    sheet = decode(data, "the sheet")
    assert sheet.shape == (2 * (TILE + 22) - 4 + 24, 4 * (TILE + 4) - 4 + 24, 3)
    colours = [decode(path.read_bytes(), "it")[0, 0].astype(int) for path in given]
    for row in (0, 1):
        first, second = colours[2 * row : 2 * row + 2]
        for column, wanted in enumerate((first, second, first, second)):  # a weight of 1 is the second alone
            assert np.abs(tile(sheet, row, column) - wanted).max() <= 2
    label = sheet[12 + TILE + 2 : 12 + TILE + 18, 12 : 12 + TILE]
    assert (label < 128).any(), "what is written below"
    text, one = png_text(data), png_text(Path("made/0001_0_1_weight=0.png").read_bytes())
    assert text["impersona.synthetic"] == "true"
    assert "impersona.contributors" not in text, "it is of many"
    kept = {key: value for key, value in one.items() if key not in ("impersona.contributors", "impersona.weights")}
    assert kept.items() <= text.items()
    digests = text["impersona.weights"].split("; ")
    assert one["impersona.weights"] in digests
    assert len(set(digests)) == 2, "two settings, two makers"
    assert call("toy", *given, "--out", "made", "--vary", "weight=[0,1]", "--sheet")[0] == 0
    assert Path("made/sheet.png").read_bytes() == data


def test_a_sheet_of_one_making_and_of_photos_without_a_face(folder: Path, call: Callable[..., Any]) -> None:
    write(folder / "black.png", BLACK)
    given = [folder / name for name in ("ann/0.png", "bob/0.png", "cyd/0.png", "black.png")]
    assert call("toy", *given, "--out", "made", "--sheet")[0] == 1
    sheet = decode(Path("made/sheet.png").read_bytes(), "the sheet")
    assert sheet.shape[1] == 3 * (TILE + 4) - 4 + 24
    assert np.abs(tile(sheet, 1, 0) - [10, 10, 250]).max() <= 2
    assert tile(sheet, 1, 1).tolist() == tile(sheet, 1, 2).tolist() == [236, 238, 240]
    code, out, _ = call("toy", folder / "black.png", folder / "ann/0.png", "--out", "made", "--sheet")
    assert code == 1
    assert "at a glance" not in out
    assert "sheet.png" not in os.listdir("made"), "an earlier call's would pass for this one's"


def test_a_picture_of_somebodys_own_is_never_written_over(folder: Path, call: Callable[..., Any]) -> None:
    write(Path("made/sheet.png"), BLACK)
    before = Path("made/sheet.png").read_bytes()
    given = (folder / "ann/0.png", folder / "bob/0.png")
    code, _, err = call("toy", *given, "--out", "made", "--sheet")
    assert code == 2
    assert "sheet.png is there, and no face that impersona made" in err
    assert Path("made/sheet.png").read_bytes() == before
    assert call("toy", *given, "--out", "made")[0] == 0, "without a sheet it is in nobody's way"


def test_of_a_data_set_the_makings_share_people_and_chance(folder: Path, tmp_path: Path) -> None:
    data = PluginEntry(name="folder", settings={"root": str(tmp_path / folder)})
    out = tmp_path / "made"
    found = generate_of_dataset(TOY, data, out, count=3, seed=2, varied=Varied("weight", (0.5, 0)), sheet=True)
    assert found.made == 6
    assert found.photos[::2] == found.photos[1::2]
    assert found.values == ("0.5", "0") * 3
    plain = generate_of_dataset(TOY, data, tmp_path / "plain", count=3, seed=2)
    assert plain.photos == found.photos[::2]
    for one, other in zip(plain.files, found.files[::2], strict=True):
        assert (tmp_path / "plain" / str(one)).read_bytes() == (out / str(other)).read_bytes()
    assert decode((out / "sheet.png").read_bytes(), "it").shape[0] == 3 * (TILE + 22) - 4 + 24


@pytest.mark.full
def test_weights_that_are_shared_are_named_once(tmp_path: Path) -> None:
    weights = str(mixsyn_weights(tmp_path / "small.safetensors"))
    entry = MakerEntry(name="mixsyn", settings={"weights": weights, "threads": 1, "batch_size": 2})
    data = PluginEntry(name="drawn", settings={"people": 2, "images": 2, "side": 128, "split": "all"})
    varied = Varied("variant", (0, 1, 2))
    found = generate_of_dataset(entry, data, tmp_path / "made", count=1, varied=varied, sheet=True)
    assert found.made == 3
    pictures = [decode((tmp_path / "made" / str(name)).read_bytes(), "it") for name in found.files]
    assert all((pictures[one] != pictures[other]).any() for one, other in ((0, 1), (0, 2), (1, 2)))
    text = png_text((tmp_path / "made" / "sheet.png").read_bytes())
    assert text["DigitalSourceType"].endswith("trainedAlgorithmicMedia")
    assert "; " not in text["impersona.weights"], "the same weights"


def test_a_sheet_that_shows_not_all_says_so(
    folder: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [folder / name for name in ("ann/0.png", "bob/0.png", "cyd/0.png", "dan/0.png")]
    both = ("--vary", "weight=[0,1]", "--sheet")
    assert "all at a glance: made/sheet.png" in call("toy", *given, "--out", "made", *both)[1]
    monkeypatch.setattr("bench.sweep.sheet.MOST_ROWS", 1)
    assert "the first 1 of 2 at a glance: made/sheet.png" in call("toy", *given, "--out", "made", *both)[1]


def test_what_an_earlier_call_said_of_other_faces_is_removed(folder: Path, call: Callable[..., Any]) -> None:
    given = (folder / "ann/0.png", folder / "bob/0.png")
    assert call("toy", *given, "--out", "made", "--sheet")[0] == 0
    Path("made", FIGURES_FILE).write_text(json.dumps({"schema": SCHEMA, "generator": {}}, indent=2))
    assert call("toy", *given, "--out", "made")[0] == 0
    assert sorted(os.listdir("made")) == ["0001_0_0.png", "faces.csv"]
    Path("made", FIGURES_FILE).write_text("{}")
    assert call("toy", *given, "--out", "made")[0] == 0
    assert Path("made", FIGURES_FILE).exists(), "nothing of ours"


def test_large_sheets_stop_at_what_can_be_read_again() -> None:
    assert rows_shown(3, 4) == 3
    assert rows_shown(10_000, 4) == MOST_ROWS
    assert rows_shown(10_000, 60) * 60 * TILE * TILE <= MAX_PIXELS // 2
    assert rows_shown(5, 10_000) == 1
    long = drawn_sheet([[Tile(None, "a name that is much too long for the little room that there is \n")]])
    assert long.shape == (TILE + 18 + 24, TILE + 24, 3)
    assert (long[:, -11:] == 255).all(), "it is cut"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--vary", "weight"], "--vary got 'weight', expected key=value, such as --vary weight=[0.25,0.5]"),
        (["--vary", "weight=0.5"], "--vary weight: got 0.5, expected a list of values, such as weight=[0.25,0.5]"),
        (["--vary", "weight=[]"], "weight: got no values, expected a list"),
        (["--vary", "weight=[0.5,0.5]"], "weight: got the value 0.5 twice"),
        (["--vary", "weight=[0.5,1]", "--set", "weight=1"], "weight: got it among the settings and to be varied"),
        (["--vary", "wieght=[0.5,1]"], "did you mean 'weight'"),
        (["--vary", "weight=[0.5"], "--vary weight: '[0.5' is not a YAML value"),
        (["--vary", "weight=[0.5,1]", "--parser", "x"], "got parser 'x', and it takes no masks"),
    ],
)
def test_what_cannot_be_varied_is_refused_beforehand(
    folder: Path, call: Callable[..., Any], arguments: list[str], said: str
) -> None:
    code, _, err = call("toy", folder / "ann/0.png", folder / "bob/0.png", "--out", "made", *arguments)
    assert code == 2
    assert said in " ".join(err.split())
    assert not Path("made").exists()


def test_values_that_ask_for_other_numbers_of_photos(folder: Path, tmp_path: Path) -> None:
    varied = Varied("sources", (2, 3))
    said = (
        r"sources: it changes how many photos a face takes \(2 for sources=2, 3 for sources=3\), .*--set sources=VALUE"
    )
    with pytest.raises(ConfigError, match=said):
        generate_of_photos(TOY, [folder / "ann/0.png", folder / "bob/0.png"], tmp_path / "made", varied=varied)
    data = PluginEntry(name="folder", settings={"root": str(tmp_path / folder)})
    with pytest.raises(ConfigError, match=said):
        generate_of_dataset(TOY, data, tmp_path / "made", count=1000, varied=varied)
    assert not (tmp_path / "made").exists()
