"""The data sets that read folders: `folder` and `lfw` in its three layouts."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bench.api import Dataset, Frame, Trials
from bench.datasets import lfw
from bench.datasets.protocols import all_pairs, read_lfw_pairs
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile
from bench.registry import load
from bench.seeding import split_of, stream
from tests.toys import photos, write

RNG = np.random.default_rng(0)


def lfw_copy(root: Path, folder: str = "images", folds: int = 2, pairs: int = 1) -> Path:
    """A small LFW: four people, two photos each."""
    for person in ("Ann_A", "Bob_B", "Cy_C", "Dee_D"):
        for number in (1, 2):
            write(root / folder / person / f"{person}_{number:04d}.jpg", np.full((4, 4, 3), len(person), np.uint8))
    lines = [f"{folds}\t{pairs}", "Ann_A\t1\t2", "Ann_A\t1\tBob_B\t2", "Cy_C\t1\t2", "Cy_C\t2\tDee_D\t1"]
    (root / "pairs.txt").write_text("\n".join(lines) + "\n")
    return root


def test_folder_compares_every_pair_once(tmp_path: Path) -> None:
    root = photos(tmp_path, per_person=2)
    (root / "ann" / "notes.txt").write_text("not a photo")
    (root / ".hidden").mkdir()
    data = load("dataset", "folder", root=root)
    assert isinstance(data, Dataset)
    assert [frame.key for frame in data.frames()][:2] == ["ann/0.png", "ann/1.png"]
    trials = data.trials("all_pairs", RNG)
    assert len(trials.probe) == 8 * 7 // 2
    assert trials.mated.sum() == 4
    assert (trials.probe < trials.reference).all()
    assert data.image("ann/0.png").shape == (8, 8, 3)


def test_folder_splits_by_person(tmp_path: Path) -> None:
    photos(tmp_path)
    parts = {
        split: load("dataset", "folder", root=tmp_path, split=split).frames() for split in ("train", "dev", "eval")
    }
    for split, frames in parts.items():
        assert all(split_of(frame.subject) == split for frame in frames)
    assert sum(map(len, parts.values())) == 12


def test_folder_errors(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="one folder a person"):
        load("dataset", "folder", root=tmp_path / "none").frames()
    with pytest.raises(InsufficientData, match="holds 0 photos"):
        load("dataset", "folder", root=tmp_path).trials("all_pairs", RNG)
    photos(tmp_path)
    with pytest.raises(ConfigError, match="no protocol 'view2'"):
        load("dataset", "folder", root=tmp_path).trials("view2", RNG)
    (tmp_path / "ann" / "0.png").write_bytes(b"not a png")
    with pytest.raises(CorruptFile, match=r"0\.png: not a readable image \(9 bytes"):
        load("dataset", "folder", root=tmp_path).image("ann/0.png")


def test_at_most_so_many_photos_a_person_enter_all_pairs() -> None:
    frames = [Frame(f"{who}/{k}", who) for who, count in (("a", 50), ("b", 3)) for k in range(count)]
    trials = all_pairs(frames, stream(1, "x"), 20)
    assert len(trials.frames) == 23
    assert trials.digest == all_pairs(frames, stream(1, "x"), 20).digest
    assert trials.digest != all_pairs(frames, stream(2, "x"), 20).digest


@pytest.mark.parametrize("folder", lfw.IMAGE_FOLDERS)
def test_lfw_reads_every_layout(tmp_path: Path, folder: str) -> None:
    data = load("dataset", "lfw", root=lfw_copy(tmp_path, folder))
    trials: Trials = data.trials("view2", RNG)
    assert trials.mated.tolist() == [True, False, True, False]
    assert trials.fold is not None
    assert trials.fold.tolist() == [0, 0, 1, 1]
    pairs = [(trials.frames[p].key, trials.frames[r].key) for p, r in zip(trials.probe, trials.reference, strict=True)]
    assert pairs[1] == ("Ann_A/Ann_A_0001.jpg", "Bob_B/Bob_B_0002.jpg")
    assert pairs[3] == ("Cy_C/Cy_C_0002.jpg", "Dee_D/Dee_D_0001.jpg")
    assert len(trials.frames) == len({key for pair in pairs for key in pair})


def test_lfw_is_found_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPERSONA_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "sk"))
    assert "no lfw/pairs.txt" in lfw.what_is_missing()
    with pytest.raises(MissingFile, match="download: true"):
        load("dataset", "lfw")
    lfw_copy(tmp_path / "sk" / "lfw_home", "lfw_funneled")
    assert lfw.what_is_missing() == ""
    assert len(load("dataset", "lfw").frames()) == 8
    lfw_copy(tmp_path / "data" / "lfw")
    assert lfw.find_root() == tmp_path / "data" / "lfw"


def test_lfw_download_goes_through_scikit_learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sklearn.datasets

    monkeypatch.delenv("IMPERSONA_DATA", raising=False)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))

    def offline(**_: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(sklearn.datasets, "fetch_lfw_pairs", offline)
    with pytest.raises(MissingFile, match=r"no route to host.*by other means"):
        load("dataset", "lfw", download=True)
    monkeypatch.setattr(
        sklearn.datasets, "fetch_lfw_pairs", lambda **_: lfw_copy(tmp_path / "lfw_home", "lfw_funneled")
    )
    assert len(load("dataset", "lfw", download=True).frames()) == 8


def test_lfw_errors(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"no pairs\.txt"):
        load("dataset", "lfw", root=tmp_path)
    (tmp_path / "pairs.txt").write_text("1\t1\n")
    with pytest.raises(MissingFile, match=r"no photos in .*images/"):
        load("dataset", "lfw", root=tmp_path)
    lfw_copy(tmp_path)
    (tmp_path / "images" / "Cy_C" / "Cy_C_0002.jpg").unlink()
    with pytest.raises(MissingFile, match=r"names 1 photos that are not in .*Cy_C_0002\.jpg"):
        load("dataset", "lfw", root=tmp_path).trials("view2", RNG)
    with pytest.raises(ConfigError, match="view2 keeps its own folds; got split: dev"):
        load("dataset", "lfw", root=tmp_path, split="dev").trials("view2", RNG)
    assert load("dataset", "lfw", root=tmp_path).trials("all_pairs", RNG).fold is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected two numbers"),
        ("ten\t300\n", "expected two numbers"),
        ("1\t1\nA\t1\t2\n", r"1 pairs; line 1 promises 1 x 2 x 1"),
        ("1\t1\nA\t1\t2\nA\t1\n", r"line 3: got 'A 1'; expected 'name n m'"),
        ("1\t1\nA\t1\ttwo\nA\t1\tB\t2\n", r"line 2: got 'A 1 two'"),
    ],
)
def test_pair_lists_that_are_not(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text(text)
    with pytest.raises(CorruptFile, match=message):
        read_lfw_pairs(path)


@pytest.mark.real
def test_the_real_view_2(real_data: Path) -> None:
    trials = load("dataset", "lfw", root=real_data / "lfw").trials("view2", RNG)
    assert len(trials.probe) == 6000
    assert trials.mated.sum() == 3000
    assert trials.fold is not None
    assert np.bincount(trials.fold).tolist() == [600] * 10
    assert len(trials.frames) == 7701


def test_split_of_is_the_documented_rule() -> None:
    # Worked by hand: printf NAME | sha256sum, the first 16 hex digits as a number, modulo 10.
    known = {"Cy_C": "train", "1": "train", "George_W_Bush": "dev", "2": "dev", "Bob_B": "eval", "Ann_A": "eval"}
    assert {name: split_of(name) for name in known} == known


def test_too_many_pairs_are_refused_before_they_are_made() -> None:
    frames = [Frame(f"{who}/0", str(who)) for who in range(8000)]
    with pytest.raises(ConfigError, match=r"31,996,000 comparisons, more than 30,000,000; .*split: eval"):
        all_pairs(frames, RNG)


def test_a_folder_whose_name_is_not_text_is_named(tmp_path: Path) -> None:
    photos(tmp_path, people=["ann"])
    os.mkdir(os.fsencode(tmp_path) + b"/Jos\xe9")
    with pytest.raises(CorruptFile, match=r"Jos.*rename it"):
        load("dataset", "folder", root=tmp_path).frames()
