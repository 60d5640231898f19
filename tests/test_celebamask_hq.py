"""The data set `celebamask_hq`: both layouts, who is who, which side is which."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bench.api import AttributedDataset, MaskedDataset
from bench.datasets.attributes import ATTRIBUTES
from bench.datasets.celebamask_hq import find_root, what_is_missing
from bench.datasets.celebamask_lists import read_annotations, read_mapping
from bench.datasets.celebamask_masks import PARTS
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile
from bench.registry import load
from bench.seeding import split_of, stream
from tests.toys import write

ORIGIN = {0: "000011.jpg", 1: "000012.jpg", 2: "000013.jpg", 2001: "000014.jpg"}
PEOPLE = {"000011.jpg": "7", "000012.jpg": "8", "000013.jpg": "7", "000014.jpg": "9", "000015.jpg": "8"}
BOXES = {
    "skin": (2, 2, 14, 14), "nose": (7, 7, 9, 9), "l_eye": (10, 4, 12, 6), "r_eye": (4, 4, 6, 6),
    "l_brow": (10, 2, 12, 3), "r_brow": (4, 2, 6, 3), "l_ear": (14, 6, 15, 8), "r_ear": (1, 6, 2, 8),
    "mouth": (6, 10, 10, 12), "hair": (2, 0, 14, 3), "neck": (6, 14, 10, 16),
}  # fmt: skip
"""Left, top, right, bottom of each part in 16 x 16 pixels; l_ is the person's left, at the right of the picture."""


def box(name: str) -> tuple[slice, slice]:
    left, top, right, bottom = BOXES[name]
    return slice(top, bottom), slice(left, right)


def official(root: Path) -> Path:
    """Four photos of 32 pixels in the official layout, the parts of each in 16."""
    for number in ORIGIN:
        write(root / "CelebA-HQ-img" / f"{number}.jpg", np.full((32, 32, 3), 30 + number % 100, np.uint8))
        for name in BOXES:
            shown = np.zeros((16, 16, 3), np.uint8)
            shown[box(name)] = 255
            write(root / "CelebAMask-HQ-mask-anno" / str(number // 2000) / f"{number:05d}_{name}.png", shown)
    return root


def named(root: Path, where: str = "identity_CelebA.txt") -> Path:
    """Adds who is who."""
    rows = [f"{number:8d}{int(photo[:6]) - 1:12d}     {photo}" for number, photo in ORIGIN.items()]
    text = "\n".join(["idx    orig_idx    orig_file", *rows, ""])
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text(text)
    (root / where).write_text("".join(f"{photo} {person}\n" for photo, person in PEOPLE.items()))
    return root


def ready(root: Path, labels: NDArray[np.uint8] | None = None, mode: str = "L") -> Path:
    """Two photos of 32 pixels with ready maps."""
    labels = np.arange(19, dtype=np.uint8).repeat(16)[:256].reshape(16, 16) if labels is None else labels
    for name in ("3.jpg", "20.png"):
        write(root / "images" / name, np.full((32, 32, 3), 9, np.uint8))
        (root / "labels").mkdir(exist_ok=True)
        Image.fromarray(labels).convert(mode).save(root / "labels" / f"{name.split('.')[0]}.png")
    return root


def test_the_official_layout(tmp_path: Path) -> None:
    data = load("dataset", "celebamask_hq", root=official(tmp_path))
    assert isinstance(data, MaskedDataset)
    assert [frame.key for frame in data.frames()] == ["0.jpg", "1.jpg", "2.jpg", "2001.jpg"]
    assert data.image("2001.jpg")[0, 0].tolist() == [31, 31, 31]
    for key in ("0.jpg", "2001.jpg"):
        mask = data.mask(key)
        assert (mask.dtype, mask.shape) == (np.uint8, (32, 32))
    expected = np.zeros((16, 16), np.uint8)
    classes = {  # in the words of bench/api.py: by the side of the picture
        "skin": 1, "nose": 2, "l_eye": 5, "r_eye": 4, "l_brow": 7, "r_brow": 6, "l_ear": 9, "r_ear": 8,
        "mouth": 10, "hair": 13, "neck": 17,
    }  # fmt: skip
    for name, label in classes.items():  # hair covers the brows, as it is painted after them
        expected[box(name)] = label
    assert np.array_equal(data.mask("0.jpg"), np.kron(expected, np.ones((2, 2), np.uint8)))


def test_the_eye_of_a_lower_class_is_at_the_left_of_the_picture(tmp_path: Path) -> None:
    mask = load("dataset", "celebamask_hq", root=official(tmp_path)).mask("0.jpg")
    for left, right in ((4, 5), (8, 9)):
        assert np.nonzero(mask == left)[1].max() < 16 <= np.nonzero(mask == right)[1].min()


@pytest.mark.parametrize("mode", ["L", "P"])
def test_ready_maps(tmp_path: Path, mode: str) -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16) % 19
    data = load("dataset", "celebamask_hq", root=ready(tmp_path, labels))
    if mode == "P":
        for path in (tmp_path / "labels").iterdir():
            image = Image.fromarray(labels)
            image.putpalette([255 - value for value in range(57)])
            image.save(path)
    assert [frame.key for frame in data.frames()] == ["3.jpg", "20.png"]
    swapped = {4: 5, 5: 4, 6: 7, 7: 6, 8: 9, 9: 8}
    wanted = np.vectorize(lambda value: swapped.get(value, value))(labels)
    assert np.array_equal(data.mask("20.png")[::2, ::2], wanted)
    assert np.array_equal(data.mask("20.png")[1::2, 1::2], wanted)


def test_without_identities_every_photo_is_somebody(tmp_path: Path) -> None:
    data = load("dataset", "celebamask_hq", root=official(tmp_path))
    assert data.people_are_inferred
    assert all(frame.subject == frame.key for frame in data.frames())
    trials = data.trials("all_pairs", stream(0, "x"))
    assert (len(trials.probe), trials.mated.sum()) == (6, 0)
    assert data.fingerprint()["identities"] is None


@pytest.mark.parametrize("layout", ["beside", "elsewhere"])
def test_with_identities_people_are_those_of_celeba(tmp_path: Path, layout: str) -> None:
    root = official(tmp_path / "data")
    named(root, "identity_CelebA.txt" if layout == "beside" else "../people.txt")
    settings = {} if layout == "beside" else {"identities": tmp_path / "people.txt"}
    data = load("dataset", "celebamask_hq", root=root, **settings)
    assert not data.people_are_inferred
    assert {frame.key: frame.subject for frame in data.frames()} == {
        "0.jpg": "7", "1.jpg": "8", "2.jpg": "7", "2001.jpg": "9"
    }  # fmt: skip
    trials = data.trials("all_pairs", stream(0, "x"))
    assert (len(trials.probe), trials.mated.sum()) == (6, 1)
    parts = {
        part: load("dataset", "celebamask_hq", root=root, split=part, **settings).frames()
        for part in ("train", "dev", "eval")
    }
    assert sum(map(len, parts.values())) == 4
    assert all(split_of(frame.subject) == part for part, frames in parts.items() for frame in frames)


def test_people_and_photos_are_capped(tmp_path: Path) -> None:
    root = named(official(tmp_path))
    few = load("dataset", "celebamask_hq", root=root, max_people=2).trials("all_pairs", stream(0, "x"))
    assert len({frame.subject for frame in few.frames}) == 2
    one = load("dataset", "celebamask_hq", root=root, max_per_subject=1).trials("all_pairs", stream(0, "x"))
    assert (len(one.frames), one.mated.sum()) == (3, 0)
    with pytest.raises(InsufficientData):
        load("dataset", "celebamask_hq", root=root, max_people=1, max_per_subject=1).trials("all_pairs", stream(0, "x"))
    with pytest.raises(ConfigError, match="max_people: got 0"):
        load("dataset", "celebamask_hq", root=root, max_people=0)
    with pytest.raises(ConfigError, match="no protocol 'view2'"):
        load("dataset", "celebamask_hq", root=root).trials("view2", stream(0, "x"))


def annotated(root: Path) -> Path:
    """Attributes of three photos and poses of two."""
    signs = {"0.jpg": "1", "1.jpg": "-1", "2.jpg": "1"}
    rows = [f"{photo}  {' '.join([sign] * 40)}" for photo, sign in signs.items()]
    (root / "CelebAMask-HQ-attribute-anno.txt").write_text("\n".join(["3", " ".join(ATTRIBUTES), *rows]) + "\n")
    rows = ["0.jpg -15.06 -1.43 0.84", "1.jpg 0 1 2"]
    (root / "CelebAMask-HQ-pose-anno.txt").write_text("\n".join(["2", "Yaw Pitch Raw", *rows]) + "\n")
    return root


def test_attributes_and_poses(tmp_path: Path) -> None:
    assert load("dataset", "celebamask_hq", root=official(tmp_path)).attributes() == {}
    data = load("dataset", "celebamask_hq", root=annotated(tmp_path))
    assert isinstance(data, AttributedDataset)
    known = data.attributes()
    assert set(known) == {*ATTRIBUTES, "yaw", "pitch", "roll"}
    assert known["Male"].dtype == np.float32
    assert known["Male"][:3].tolist() == [1, -1, 1]
    assert known["roll"][:2].tolist() == [np.float32(0.84), 2]
    assert np.isnan([known["Male"][3], *known["yaw"][2:]]).all()


# -------------------------------------------------------------------------------------------------- what goes wrong


def test_a_part_that_has_no_file_is_not_there_and_a_photo_without_any_is_an_error(tmp_path: Path) -> None:
    data = load("dataset", "celebamask_hq", root=official(tmp_path))
    assert (data.mask("1.jpg") == 3).sum() == 0  # nobody wears glasses
    before = data.mask_digest("1.jpg")
    (tmp_path / "CelebAMask-HQ-mask-anno" / "0" / "00001_nose.png").unlink()
    assert (data.mask("1.jpg") == 2).sum() == 0
    assert data.mask_digest("1.jpg") != before
    for path in (tmp_path / "CelebAMask-HQ-mask-anno" / "0").glob("00001_*"):
        path.unlink()
    for ask in (data.mask, data.mask_digest):
        with pytest.raises(MissingFile, match=r"no mask of 1\.jpg: expected .*00001_skin\.png and others beside it"):
            ask("1.jpg")


def test_parts_of_two_sizes(tmp_path: Path) -> None:
    data = load("dataset", "celebamask_hq", root=official(tmp_path))
    write(tmp_path / "CelebAMask-HQ-mask-anno" / "0" / "00000_hair.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(CorruptFile, match=r"00000_hair\.png: 8 x 8 pixels; 00000_skin\.png beside it has 16 x 16"):
        data.mask("0.jpg")


def test_a_photo_that_has_no_number(tmp_path: Path) -> None:
    data = load("dataset", "celebamask_hq", root=official(tmp_path))
    write(tmp_path / "CelebA-HQ-img" / "ann.jpg", np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(CorruptFile, match="expected a number for a name"):
        data.mask("ann.jpg")


@pytest.mark.parametrize(
    ("labels", "mode", "message"),
    [
        (np.full((16, 16), 19, np.uint8), "L", "holds the value 19; expected classes 0 to 18"),
        (np.full((16, 16), 255, np.uint8), "L", "holds the value 255"),
        (np.full((16, 16), 1, np.uint8), "RGB", "not a label map .*mode RGB"),
        (np.full((16, 16), 1, np.uint8), "LA", "not a label map .*mode LA"),
        (np.full((16, 24), 1, np.uint8), "L", "is 24 x 16 pixels, the photo 32 x 32; expected one shape"),
    ],
)
def test_ready_maps_that_are_none(tmp_path: Path, labels: NDArray[np.uint8], mode: str, message: str) -> None:
    data = load("dataset", "celebamask_hq", root=ready(tmp_path, labels, mode))
    with pytest.raises(CorruptFile, match=message):
        data.mask("3.jpg")


def test_a_ready_map_that_is_not_there_or_not_whole(tmp_path: Path) -> None:
    data = load("dataset", "celebamask_hq", root=ready(tmp_path))
    path = tmp_path / "labels" / "3.png"
    path.write_bytes(path.read_bytes()[:45])
    with pytest.raises(CorruptFile, match=r"3\.png: not a readable image"):
        data.mask("3.jpg")
    path.unlink()
    for ask in (data.mask, data.mask_digest):
        with pytest.raises(MissingFile):
            ask("3.jpg")


def test_two_photos_of_one_number(tmp_path: Path) -> None:
    ready(tmp_path)
    write(tmp_path / "images" / "3.png", np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(CorruptFile, match="several photos are called 3"):
        load("dataset", "celebamask_hq", root=tmp_path).frames()


def test_folders_and_lists_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        MissingFile, match="expected CelebA-HQ-img and CelebAMask-HQ-mask-anno there, or images and lab"
    ):
        load("dataset", "celebamask_hq", root=tmp_path)
    official(tmp_path)
    with pytest.raises(MissingFile, match="no list of identities at"):
        load("dataset", "celebamask_hq", root=tmp_path, identities=tmp_path / "none.txt")
    named(tmp_path)
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").unlink()
    with pytest.raises(MissingFile, match=r"no CelebA-HQ-to-CelebA-mapping\.txt in .* does not tell who"):
        load("dataset", "celebamask_hq", root=tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "CelebA-HQ-to-CelebA-mapping.txt",
            "idx orig_idx orig_file\n0 1\n",
            "line 2: got '0 1'; expected 'number index",
        ),
        ("CelebA-HQ-to-CelebA-mapping.txt", "0 1 a.jpg\n0 2 b.jpg\n", "line 2: .*each once"),
        ("CelebA-HQ-to-CelebA-mapping.txt", "0 10 000011.jpg\n", "no line about 1, of which .*1.jpg is made"),
        ("identity_CelebA.txt", "000011.jpg 7\n", "no line about 000012.jpg, of which .*1.jpg is made"),
        ("identity_CelebA.txt", "000011.jpg\n", "line 1: got '000011.jpg'; expected 'photo person'"),
    ],
)
def test_lists_of_people_that_are_damaged(tmp_path: Path, name: str, text: str, message: str) -> None:
    named(official(tmp_path))
    (tmp_path / name).write_text(text)
    with pytest.raises(CorruptFile, match=message):
        load("dataset", "celebamask_hq", root=tmp_path).frames()


BROKEN: Mapping[str, str] = {
    "": "line 2 does not hold 3 names",
    "1\nyaw pitch\n": "line 2 does not hold 3 names",
    "1\nyaw pitch roll\n0.jpg 1 2\n": r"line 3: got '0.jpg 1 2'; expected a photo and 3 numbers",
    "1\nyaw pitch roll\n0.jpg 1 2 x\n": "line 3: got '0.jpg 1 2 x'",
}


@pytest.mark.parametrize(("text", "message"), BROKEN.items())
def test_annotations_that_are_damaged(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.txt").write_text(text)
    with pytest.raises(CorruptFile, match=message):
        read_annotations(tmp_path / "x.txt", ("yaw", "pitch", "roll"))
    (tmp_path / "x.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(CorruptFile, match="not UTF-8 text"):
        read_mapping(tmp_path / "x.txt")


def test_attributes_of_other_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("1\n" + " ".join(reversed(ATTRIBUTES)) + "\n")
    with pytest.raises(CorruptFile, match="line 2 does not hold 40 names: 5_o_Clock_Shadow"):
        read_annotations(tmp_path / "x.txt", ATTRIBUTES)


def test_a_photo_of_another_size_has_another_mask(tmp_path: Path) -> None:
    data = load("dataset", "celebamask_hq", root=ready(tmp_path))
    before = data.mask_digest("3.jpg")
    write(tmp_path / "images" / "3.jpg", np.full((64, 64, 3), 9, np.uint8))
    assert data.mask("3.jpg").shape == (64, 64)
    assert data.mask_digest("3.jpg") != before


def test_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMPERSONA_DATA", raising=False)
    assert find_root() is None
    assert what_is_missing().startswith("IMPERSONA_DATA is not set; give root:")
    with pytest.raises(MissingFile, match="CelebAMask-HQ is not here"):
        load("dataset", "celebamask_hq")
    monkeypatch.setenv("IMPERSONA_DATA", str(tmp_path))
    assert what_is_missing().startswith(f"no celebamask_hq/ in {tmp_path}")
    ready(tmp_path / "CelebAMask-HQ")
    assert find_root() == tmp_path / "CelebAMask-HQ"
    assert (what_is_missing(), len(load("dataset", "celebamask_hq").frames())) == ("", 2)


# ------------------------------------------------------------------------------------------------------- real photos


@pytest.mark.real
def test_the_sides_of_real_masks_are_the_pictures(real_data: Path) -> None:
    data = load("dataset", "celebamask_hq", root=real_data / "celebamask24")
    pairs = {(4, 5): 0, (6, 7): 0, (8, 9): 0}
    assert len(data.frames()) == 24
    for frame in data.frames():
        mask = data.mask(frame.key)
        assert mask.shape == data.image(frame.key).shape[:2] == (512, 512)
        assert mask.max() < len(PARTS) + 1
        assert (mask == 1).mean() > 0.1
        for left, right in pairs:
            columns = [np.nonzero(mask == label)[1] for label in (left, right)]
            if all(map(len, columns)):
                pairs[left, right] += 1
                assert columns[0].mean() < columns[1].mean(), frame.key
    assert pairs == {(4, 5): 21, (6, 7): 21, (8, 9): 4}
