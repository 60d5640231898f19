"""The data set `celeba`, in the layouts that it comes in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.api import AttributedDataset
from bench.config import GroupEntry
from bench.datasets.celeba import ATTRIBUTES, find_root, read_lists, read_table, what_is_missing
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile
from bench.registry import load
from bench.seeding import split_of, stream
from bench.sweep.grouping import group_of_frames
from tests.toys import write

PEOPLE = {"000001.jpg": "11", "000002.jpg": "11", "000003.jpg": "22", "000004.jpg": "22", "000005.jpg": "33"}
MALE = ATTRIBUTES.index("Male")


def signs(image: str) -> list[str]:
    """Attributes that tell photos apart: Male for odd numbers, nothing else."""
    return ["1" if column == MALE and int(image[:6]) % 2 else "-1" for column in range(len(ATTRIBUTES))]


def celeba(root: Path, layout: str) -> Path:
    """A small CelebA; the attributes of photo 5 are unknown in the table."""
    folder = {"table": "images", "flat": "img_align_celeba", "official": "Img/img_align_celeba"}[layout]
    for number, image in enumerate(PEOPLE):
        write(root / folder / image, np.full((4, 4, 3), 40 * number + 20, np.uint8))
    if layout == "table":
        lines = [",".join(["image", "identity", "faces_detected", *ATTRIBUTES])]
        for image, person in PEOPLE.items():
            known = signs(image) if image != "000005.jpg" else [""] * len(ATTRIBUTES)
            lines.append(",".join([image, person, "1", *known]))
        (root / "labels.csv").write_text("\n".join(lines) + "\n")
        return root
    labels = root / "Anno" if layout == "official" else root
    labels.mkdir(exist_ok=True)
    (labels / "identity_CelebA.txt").write_text("".join(f"{image} {person}\n" for image, person in PEOPLE.items()))
    rows = [str(len(PEOPLE)), " ".join(ATTRIBUTES), *(f"{image}  {' '.join(signs(image))}" for image in PEOPLE)]
    (labels / "list_attr_celeba.txt").write_text("\n".join(rows) + "\n")
    return root


@pytest.mark.parametrize("layout", ["table", "flat", "official"])
def test_every_layout_gives_the_same_people(tmp_path: Path, layout: str) -> None:
    data = load("dataset", "celeba", root=celeba(tmp_path, layout))
    assert isinstance(data, AttributedDataset)
    assert {frame.key: frame.subject for frame in data.frames()} == PEOPLE
    assert data.image("000002.jpg")[0, 0].tolist() == [60, 60, 60]
    male = data.attributes()["Male"]
    assert male[:4].tolist() == [1, -1, 1, -1]
    assert np.isnan(male[4]) if layout == "table" else male[4] == 1
    trials = data.trials("all_pairs", stream(0, "x"))
    assert (len(trials.probe), trials.mated.sum()) == (10, 2)


def test_a_table_may_know_some_attributes_of_a_photo_only(tmp_path: Path) -> None:
    celeba(tmp_path, "table")
    (tmp_path / "labels.csv").write_text("image,identity,Young,Male\n000001.jpg,11,1,\n000002.jpg,11,,-1\n")
    known = load("dataset", "celeba", root=tmp_path).attributes()
    assert known["Young"][0] == 1
    assert known["Male"][1] == -1
    assert np.isnan([known["Male"][0], known["Young"][1], known["Bald"][0]]).all()


def test_the_people_are_split_and_capped(tmp_path: Path) -> None:
    celeba(tmp_path, "table")
    for split in ("train", "dev", "eval"):
        frames = load("dataset", "celeba", root=tmp_path, split=split).frames()
        assert {frame.subject for frame in frames} == {who for who in PEOPLE.values() if split_of(who) == split}
    few = load("dataset", "celeba", root=tmp_path, max_people=2).trials("all_pairs", stream(0, "x"))
    assert len({frame.subject for frame in few.frames}) == 2
    one = load("dataset", "celeba", root=tmp_path, max_per_subject=1).trials("all_pairs", stream(0, "x"))
    assert (len(one.frames), one.mated.sum()) == (3, 0)
    with pytest.raises(InsufficientData):
        load("dataset", "celeba", root=tmp_path, max_people=1, max_per_subject=1).trials("all_pairs", stream(0, "x"))
    with pytest.raises(ConfigError, match="max_people: got 0"):
        load("dataset", "celeba", root=tmp_path, max_people=0)


def test_other_labels_are_another_fingerprint(tmp_path: Path) -> None:
    root = celeba(tmp_path, "flat")
    before = load("dataset", "celeba", root=root).fingerprint()
    path = root / "identity_CelebA.txt"
    path.write_text(path.read_text().replace("33", "22"))
    assert load("dataset", "celeba", root=root).fingerprint() != before


def test_it_is_found_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPERSONA_DATA", str(tmp_path))
    assert "no celeba/" in what_is_missing()
    with pytest.raises(MissingFile, match="give root:"):
        load("dataset", "celeba")
    (tmp_path / "celeba").mkdir()
    celeba(tmp_path / "celeba", "flat")
    assert find_root() == tmp_path / "celeba"
    assert len(load("dataset", "celeba").frames()) == 5
    monkeypatch.delenv("IMPERSONA_DATA")
    assert "IMPERSONA_DATA is not set" in what_is_missing()


def test_folders_that_lack_something(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"no photos in .*img_align_celeba/"):
        load("dataset", "celeba", root=tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(MissingFile, match=r"no labels in .*identity_CelebA\.txt"):
        load("dataset", "celeba", root=tmp_path)
    celeba(tmp_path, "flat")
    (tmp_path / "list_attr_celeba.txt").unlink()
    assert np.isnan(load("dataset", "celeba", root=tmp_path).attributes()["Young"]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,person\na,1\n", r"no column identity"),
        ("image,identity\na,\n", r"line 2: got \['a', ''\]"),
        ("image,identity\na\n", r"line 2"),
        (f"image,identity,{','.join(ATTRIBUTES)}\na,1{',2' * 40}\n", r"line 2: attribute '2'; expected -1 or 1"),
    ],
)
def test_tables_that_are_not(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(CorruptFile, match=message):
        read_table(tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("identities", "attributes", "message"),
    [
        ("a 1 2\n", "", r"line 1: got 'a 1 2'; expected 'photo person'"),
        ("a 1\n", "1\nMale Young\n", "line 2 does not hold CelebA's 40"),
        ("a 1\n", f"1\n{' '.join(ATTRIBUTES)}\na 1 1\n", "line 3: 3 words; expected a photo and 40 signs"),
        ("a 1\n", f"1\n{' '.join(ATTRIBUTES)}\na {'0 ' * 40}\n", "line 3: attribute '0'"),
    ],
)
def test_lists_that_are_not(tmp_path: Path, identities: str, attributes: str, message: str) -> None:
    (tmp_path / "i.txt").write_text(identities)
    (tmp_path / "a.txt").write_text(attributes)
    with pytest.raises(CorruptFile, match=message):
        read_lists(tmp_path / "i.txt", tmp_path / "a.txt")


@pytest.mark.real
def test_the_real_photos(real_data: Path) -> None:
    data = load("dataset", "celeba", root=real_data / "celeba299")
    frames = data.frames()
    assert len(frames) == 5558
    assert len({frame.subject for frame in frames}) == 297
    male = data.attributes()["Male"]
    assert np.isfinite(male).sum() == 538
    codes, names = group_of_frames(GroupEntry(column="Male"), male, frames)
    people = {
        name: {frames[index].subject for index in np.flatnonzero(codes == code)} for code, name in enumerate(names)
    }
    print({name: len(members) for name, members in people.items()}, "people of known Male, of 297")
    assert sum(map(len, people.values())) == 192
    assert not people["Male=-1"] & people["Male=1"]
    assert data.image(frames[0].key).shape == (178, 178, 3)
