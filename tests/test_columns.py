"""Columns about photos: CSV files, OFIQ's among them, the attributes of data sets, and who may be named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.api import AttributedDataset, Frame
from bench.config import GroupEntry, Sweep, parse_sweep
from bench.datasets.columns import read_column_file, read_columns
from bench.errors import ConfigError, CorruptFile, MissingFile, PluginError, UnknownName
from bench.registry import load
from bench.sweep.grouping import column_digest, column_values, group_of_frames, plan_columns
from tests.toys import photos, write

KEYS = ("ann/0.png", "ann/1.png", "bob/0.png", "bob/1.png")


def table(tmp_path: Path, text: str | bytes, name: str = "columns.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def plain(values: np.ndarray) -> list[Any]:
    """The values with None for NaN, so that lists can be compared."""
    return [None if value != value else value for value in values.tolist()]


# ------------------------------------------------------------------------------------------------------ the file itself


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("photo", ["image", "Filename", "key", "PATH"])
def test_separators_and_photo_columns(tmp_path: Path, separator: str, photo: str) -> None:
    rows = [["age", photo, "who"], ["30.5", "ann/0.png", "Ann"], ["", "bob/1.png", ""], ["nan", "ann/1.png", "7"]]
    text = "\ufeff" + "\r\n".join(separator.join(row) for row in rows) + "\r\n\r\n"
    found = read_column_file(table(tmp_path, text))
    assert (found.photo_column, found.names) == (photo, ("age", "who"))
    values = found.values_of(KEYS)
    assert values["age"].dtype == np.float32
    assert plain(values["age"]) == [30.5, None, None, None]
    assert values["who"].tolist() == ["Ann", "7", "", ""]


def test_the_first_column_is_the_photo_where_none_is_called_so(tmp_path: Path) -> None:
    found = read_column_file(table(tmp_path, 'name,"a, b"\n0.png,1\n'))
    assert (found.photo_column, found.names) == ("name", ("a, b",))


def test_only_wanted_columns_are_read(tmp_path: Path) -> None:
    found = read_column_file(table(tmp_path, "image,a,b\n0.png,1,1e99\n"), ["a"])
    assert found.names == ("a", "b")
    assert list(found.values) == ["a"]


OFIQ = """\
Filename;SingleFacePresent;HeadPoseYaw;UnifiedQualityScore;SingleFacePresent.scalar;HeadPoseYaw.scalar;\
UnifiedQualityScore.scalar;
../photos/ann/0.png;0;1.206760;24.556244;100;100;65
../photos/ann/1.png;0.720493;-1;15.676003;28;99;6
/home/me/photos/bob/0.png;0;0;0;-1;-1;-1
..\\photos\\bob\\1.png;;
"""


def test_ofiq_is_read_as_it_is(tmp_path: Path) -> None:
    """Laid out as OFIQSampleApp 1.0.3 does: only the header ends in a semicolon, an unread photo has no values."""
    values = read_column_file(table(tmp_path, OFIQ)).values_of(KEYS)
    assert len(values) == 6
    assert plain(values["UnifiedQualityScore.scalar"]) == [65, 6, None, None]
    assert plain(values["UnifiedQualityScore"]) == [np.float32(24.556244), np.float32(15.676003), None, None]
    assert plain(values["HeadPoseYaw"]) == [np.float32(1.20676), -1, None, None], "a native -1 is a value"
    assert plain(values["SingleFacePresent"]) == [0, np.float32(0.720493), None, None]
    native = read_column_file(table(tmp_path, OFIQ), ["UnifiedQualityScore"]).values_of(KEYS)
    assert plain(native["UnifiedQualityScore"])[2] is None, "also where the component itself is not asked for"


def test_minus_one_is_a_number_in_other_files(tmp_path: Path) -> None:
    values = read_column_file(table(tmp_path, "image,Male.scalar\nann/0.png,-1\n")).values_of(KEYS)
    assert plain(values["Male.scalar"])[0] == -1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty; expected a header"),
        ("image,a\n", "no row below the header"),
        ("image\n0.png\n", "no column beside 'image'"),
        ("Filename;\n0.png;;\n", "OFIQ writes such a header when it cannot read the first photo"),
        ("a,b\n1,2\n3,4\n", "no column of photos; call one image, filename, key or path"),
        (",b\nx.png,2\n", "no column of photos"),
        ("image,a,a\n0.png,1,2\n", "column 'a' stands twice"),
        ("image,a\n0.png,1\n1.png,2\n0.png,3\n", r"photo '0\.png' stands on line 2 and on line 4"),
        ("image,a\n,1\n", "line 2: no photo is named"),
        ("image,a,b\n0.png,1\n", "line 2: 2 fields, expected 3"),
        ("image,a\n0.png,1\n1.png,2,3\n", "line 3: 3 fields, expected 2"),
        ("image,a\n0.png,1\n1.png,-inf\n", r"line 3: a is '-inf'; expected a finite number"),
        ("image,a\n0.png,1e99\n", "a is '1e99'"),
        (b"image,a\n0.png,\xff\n", "not a readable CSV file"),
        ("image,a\n0.png," + "x" * 200_000, "not a readable CSV file"),
    ],
)
def test_files_that_are_no_tables_of_photos(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        read_column_file(table(tmp_path, text))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"no file of columns at .*none\.csv"):
        read_columns([tmp_path / "none.csv"])
    with pytest.raises(CorruptFile, match="not a readable CSV file"):
        read_column_file(tmp_path)


def test_words_and_numbers(tmp_path: Path) -> None:
    text = "image,a,b,c,d\nann/0.png, 1 ,1,NA,\nann/1.png,1_0,1e1,2,\n"
    values = read_column_file(table(tmp_path, text)).values_of(KEYS)
    assert values["a"].tolist() == ["1", "1_0", "", ""]
    assert plain(values["b"]) == [1, 10, None, None]
    assert plain(values["c"]) == [None, 2, None, None]
    assert plain(values["d"]) == [None] * 4


# ---------------------------------------------------------------------------------------------- which photo a row means


@pytest.mark.parametrize("written", ["{}", "./{}", "/data/faces/{}", "C:\\faces\\{}"])
def test_a_path_that_ends_in_a_key_means_that_photo(tmp_path: Path, written: str) -> None:
    rows = "".join(f"{written.format(key)},{number}\n" for number, key in enumerate(KEYS))
    assert plain(read_column_file(table(tmp_path, "path,a\n" + rows)).values_of(KEYS)["a"]) == [0, 1, 2, 3]


def test_bare_names_mean_photos_where_each_is_the_only_one(tmp_path: Path) -> None:
    keys = ["ann/ann_1.png", "bob/bob_1.png"]
    found = read_column_file(table(tmp_path, "image,a\nall/bob_1.png,5\nann_1.png,4\n"))
    assert plain(found.values_of(keys)["a"]) == [4, 5]


def test_a_name_that_several_photos_have_is_refused(tmp_path: Path) -> None:
    found = read_column_file(table(tmp_path, "image,a\nflat/0.png,5\n"))
    with pytest.raises(ConfigError, match=r"line 2: 'flat/0\.png' could be 'ann/0\.png' or 'bob/0\.png'; write"):
        found.values_of(KEYS)


def test_a_photo_of_another_split_is_not_taken_for_one_of_the_same_name(tmp_path: Path) -> None:
    found = read_column_file(table(tmp_path, "image,a\ncyd/7.png,5\nann/0.png,4\n"))
    assert plain(found.values_of(["ann/0.png", "bob/7.png"])["a"]) == [4, None]


def test_two_rows_about_one_photo_are_refused(tmp_path: Path) -> None:
    found = read_column_file(table(tmp_path, "image,a\nx/ann/0.png,1\ny/ann/0.png,2\n"))
    with pytest.raises(CorruptFile, match=r"line 2 and line 3 are both about photo 'ann/0\.png'"):
        found.values_of(KEYS)


def test_a_file_about_other_photos_is_refused(tmp_path: Path) -> None:
    found = read_column_file(table(tmp_path, "image,a\nz.png,1\n"))
    with pytest.raises(ConfigError, match=r"none of its 1 photos, such as 'z\.png' in column 'image'"):
        found.values_of(KEYS)


# --------------------------------------------------------------------------------------------------- columns of a sweep


class Attributed:
    """A data set with two attributes, of which one is a word; nobody asks for its pictures."""

    protocols = ("all_pairs",)
    shows_faces = False
    frame_list = tuple(Frame(key, key[:3]) for key in KEYS)

    def __init__(self, **attributes: np.ndarray) -> None:
        own = {"Male": np.float32([1, 1, -1, np.nan]), "race": np.array(["a", "", "b", "b"])}
        self._attributes = own | attributes

    def attributes(self) -> dict[str, np.ndarray]:
        return self._attributes

    def frames(self) -> tuple[Frame, ...]:
        return self.frame_list

    def fingerprint(self) -> dict[str, Any]:
        raise AssertionError

    image = content_digest = trials = fingerprint


def sweep(**fields: Any) -> Sweep:
    return parse_sweep({"name": "x", "dataset": "folder", "recognizers": ["lbp"], **fields})


def planned(dataset: Any = None, **fields: Any) -> dict[str, str]:
    return plan_columns(sweep(**fields), dataset or Attributed(), Attributed.frame_list)


def test_values_come_in_the_order_of_the_frames_asked_for(tmp_path: Path) -> None:
    file = table(tmp_path, "image,q\nann/1.png,3\nbob/1.png,4\n")
    frames = [Attributed.frame_list[index] for index in (3, 1, 0)]
    values = column_values([str(file)], ["q", "Male", "race"], Attributed(), frames)  # type: ignore[arg-type]
    assert plain(values["q"]) == [4, 3, None]
    assert plain(values["Male"]) == [None, 1, 1]
    assert values["race"].tolist() == ["b", "", "a"]


def test_planning_digests_the_values_in_use_alone(tmp_path: Path) -> None:
    file = table(tmp_path, "image,q,z\nann/1.png,3,1\n")
    before = planned(columns=file, groups=["race"], discard=["q"])
    assert list(before) == ["race", "q"]
    table(tmp_path, "image,z,q\nbob/0.png,,\nann/1.png,2,3.0\n")
    assert planned(columns=file, groups=["race"], discard=["q"]) == before, (
        "another column and a value written otherwise"
    )
    table(tmp_path, "image,q\nann/1.png,3.5\n")
    after = planned(columns=file, groups=["race"], discard=["q"])
    assert after["q"] != before["q"]
    assert after["race"] == before["race"]
    assert planned() == {}


def test_a_digest_is_of_values_and_not_of_their_bits() -> None:
    other_nan = np.array([0x7FC00001, 0x80000000], np.uint32).view(np.float32)
    assert column_digest(other_nan) == column_digest(np.float32([np.nan, 0]))
    assert column_digest(np.float32([np.nan, 1])) != column_digest(np.float32([np.nan, 0]))
    assert column_digest(np.array(["a", ""])) == column_digest(np.array(["a", ""], "<U9"))
    assert column_digest(np.array(["a", ""])) != column_digest(np.array(["", "a"]))


def test_files_are_read_even_if_nothing_uses_them_yet(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        planned(columns=[tmp_path / "none.csv"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"groups": ["Mael"]}, "unknown column 'Mael'; did you mean 'Male'"),
        ({"discard": "qq"}, "unknown column 'qq'"),
        ({"discard": "race"}, "discard: column 'race' holds words, such as 'a'; expected numbers"),
        ({"groups": [{"column": "race", "bins": [0, 1]}]}, "holds words, such as 'a'; leave bins out"),
        ({"groups": ["Male", {"column": "Male", "per": "photo"}]}, "column 'Male' stands twice"),
        ({"groups": ["empty"]}, "column 'empty' of the data set's attributes has no value for any of the 4"),
    ],
)
def test_columns_that_cannot_be_used(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        planned(Attributed(empty=np.full(4, np.nan, np.float32)), **fields)


def test_a_column_in_two_places_is_refused_where_it_is_used(tmp_path: Path) -> None:
    files = [table(tmp_path, "image,Male,q,z\nann/0.png,1,1,1\n", name) for name in ("a.csv", "b.csv")]
    with pytest.raises(ConfigError, match=r"column 'Male' stands in the data set's attributes and in .*a\.csv and in"):
        planned(columns=files, groups=["Male"])
    with pytest.raises(ConfigError, match=r"column 'q' stands in .*a\.csv and in .*b\.csv; rename or remove one"):
        planned(columns=files, discard=["q"])
    assert planned(columns=files, groups=["race"])


def test_a_data_set_without_attributes_says_where_columns_come_from(tmp_path: Path) -> None:
    data = load("dataset", "folder", root=photos(tmp_path))
    with pytest.raises(UnknownName, match="name a CSV file under columns:"):
        plan_columns(sweep(groups=["Male"]), data, data.frames())


@pytest.mark.parametrize("wrong", [np.zeros(3, np.float32), np.array([None] * 4)])
def test_a_data_set_that_breaks_its_contract_is_named(wrong: np.ndarray) -> None:
    with pytest.raises(PluginError, match=r"Attributed\.attributes: bad is .*expected float32 or text \(4,\)"):
        planned(Attributed(bad=wrong), groups=["Male"])


@pytest.mark.parametrize(
    ("values", "proposed"),
    [
        (np.linspace(0, 1, 50), [0, 0.5, 1.0001]),
        (np.arange(19, 72), None),
        (np.linspace(-3e-4, 5e-4, 13), None),
        (np.linspace(-12345, 99999, 400), None),
    ],
)
def test_many_numbers_need_bins_and_the_proposed_ones_take_everybody(values: np.ndarray, proposed: Any) -> None:
    frames = [Frame(str(index), str(index)) for index in range(len(values))]
    numbers = values.astype(np.float32)
    with pytest.raises(
        ConfigError, match=f"column 'x' holds {len(values)} different numbers from .* give it bins"
    ) as error:
        group_of_frames(GroupEntry(column="x"), numbers, frames)
    text = str(error.value)
    bins = tuple(float(edge) for edge in text[text.index("bins: [") + 7 : text.index("]}")].split(", "))
    assert proposed is None or list(bins) == proposed
    codes, names = group_of_frames(GroupEntry(column="x", bins=bins), numbers, frames)
    assert codes.min() == 0
    assert (np.bincount(codes, minlength=len(names)) >= len(values) / (3 * len(names))).all()


def test_many_words_are_no_groups() -> None:
    frames = [Frame(str(index), str(index)) for index in range(51)]
    with pytest.raises(ConfigError, match="column 'x' holds 51 different words, more than 50"):
        group_of_frames(GroupEntry(column="x"), np.array([f"w{index}" for index in range(51)]), frames)


# ---------------------------------------------------------------------------------------------------- attributes of LFW


def small_lfw(root: Path) -> Path:
    for person in ("Ann_A", "Bob_B"):
        for number in (1, 2):
            write(root / "images" / person / f"{person}_{number:04d}.jpg", np.full((4, 4, 3), number, np.uint8))
    (root / "pairs.txt").write_text("1\t1\nAnn_A\t1\t2\nAnn_A\t1\tBob_B\t2\n")
    return root


def test_lfw_attributes_are_keyed_by_file_name(tmp_path: Path) -> None:
    root = small_lfw(tmp_path)
    data = load("dataset", "lfw", root=root)
    assert isinstance(data, AttributedDataset)
    assert data.attributes() == {}
    before = data.fingerprint()
    (root / "attributes.csv").write_text("name,Male,df_gender\nBob_B_0002.jpg,0.98,Man\nAnn_A_0001.jpg,0.1,Woman\n")
    data = load("dataset", "lfw", root=root)
    assert data.fingerprint() == before, "whoever uses a column digests its values"
    assert plain(data.attributes()["Male"]) == [np.float32(0.1), None, None, np.float32(0.98)]
    assert data.attributes()["df_gender"].tolist() == ["Woman", "", "", "Man"]


@pytest.mark.real
def test_the_real_lfw_attributes(real_data: Path) -> None:
    data = load("dataset", "lfw", root=real_data / "lfw")
    values = data.attributes()
    assert len(values) == 44
    assert {len(column) for column in values.values()} == {13_233}
    known = np.isfinite(values["Male"])
    assert known.sum() == 12_949
    assert ((values["df_gender"] != "") == known).all()
    for column in ("df_gender", "df_race", "df_emotion"):
        words, counts = np.unique(values[column][known], return_counts=True)
        print(column, dict(zip(words.tolist(), counts.tolist(), strict=True)))
    with pytest.raises(ConfigError, match=r"bins: \[0, 0\.5, 1\.0001\]"):
        plan_columns(sweep(groups=["Male"]), data, data.frames())
    entry = {"column": "Male", "bins": [0, 0.5, 1.0001]}
    assert len(plan_columns(sweep(groups=[entry, "df_race"]), data, data.frames())) == 2
