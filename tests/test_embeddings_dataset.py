"""The data set `embeddings` and the recognizer `given`: vectors that somebody else computed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.api import AttributedDataset, Dataset, EmbeddedDataset, Recognizer
from bench.config import parse_sweep
from bench.datasets import vector_files
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile, PluginError
from bench.registry import Registry, load
from bench.scoring import score
from bench.seeding import split_of
from bench.store.cache import ArrayCache
from bench.store.run_folder import RunFolder
from bench.sweep import acquisition
from bench.sweep.acquisition import acquire
from bench.sweep.audit import faces_given
from bench.sweep.runner import run_sweep
from bench.sweep.sighting import Cast
from tests.toys import add_toys, photos

RNG = np.random.default_rng(0)
GIVEN = {"name": "given", "comparison": "cosine"}


def table(people: int = 4, each: int = 3, width: int = 8) -> pd.DataFrame:
    """People whose vectors lie about directions of their own."""
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(people, width))
    rows = [
        {"key": f"p{who}/{k}", "subject": f"p{who}", "embedding": centres[who] + 0.3 * rng.normal(size=width)}
        for who in range(people)
        for k in range(each)
    ]
    return pd.DataFrame(rows)


def parquet(path: Path, frame: pd.DataFrame | None = None, **changes: Any) -> Path:
    frame = table() if frame is None else frame
    frame.assign(**changes).to_parquet(path)
    return path


def npz(path: Path, **changes: Any) -> Path:
    frame = table()
    arrays = {
        "keys": frame["key"].to_numpy(dtype=str),
        "subjects": frame["subject"].to_numpy(dtype=str),
        "embeddings": np.stack(frame["embedding"].to_list()).astype(np.float32),
    }
    np.savez(path, **{name: array for name, array in (arrays | changes).items() if array is not None})
    return path


def npy(path: Path, vectors: np.ndarray | None = None, frame: pd.DataFrame | None = None, **changes: Any) -> Path:
    """Rows, and a CSV file of their names beside them."""
    frame = table() if frame is None else frame
    np.save(path, np.stack(frame["embedding"].to_list()).astype(np.float32) if vectors is None else vectors)
    frame.drop(columns="embedding").assign(**changes).to_csv(path.with_suffix(".csv"), index=False)
    return path


def vectors_of(path: Path, **settings: Any) -> np.ndarray:
    data = load("dataset", "embeddings", file=path, **settings)
    return np.asarray(data.embeddings([frame.key for frame in data.frames()]))


def flat(frame: pd.DataFrame, order: Callable[[range], Any] = list) -> pd.DataFrame:
    """The same with one column a number."""
    vectors = np.stack(frame["embedding"].to_list())
    columns = {f"e{place}": vectors[:, place] for place in order(range(vectors.shape[1]))}
    return frame.drop(columns="embedding").assign(**columns)


def test_every_layout_holds_the_same(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    expected = np.stack(table()["embedding"].to_list()).astype(np.float32)
    single = [row.astype(np.float32) for row in table()["embedding"]]
    fixed = pa.table(
        {
            "key": table()["key"],
            "subject": pa.array(table()["subject"]).dictionary_encode(),
            "embedding": pa.FixedSizeListArray.from_arrays(expected.ravel(), 8),
        }
    )
    pq.write_table(fixed, tmp_path / "fixed.parquet", row_group_size=5)
    wide = table(width=12)
    layouts = [
        parquet(tmp_path / "double.parquet"),
        parquet(tmp_path / "single.parquet", embedding=single),
        parquet(tmp_path / "flat.parquet", flat(table())),
        parquet(tmp_path / "reversed.PARQUET", flat(table(), reversed)),
        parquet(tmp_path / "categorical.parquet", table().astype({"subject": "category"})),
        parquet(tmp_path / "indexed.parquet", table().set_index(np.arange(5, 17))),
        tmp_path / "fixed.parquet",
        npz(tmp_path / "x.npz"),
        npz(tmp_path / "bytes.npz", subjects=table()["subject"].to_numpy(dtype="S")),
        npy(tmp_path / "rows.npy"),
        npy(tmp_path / "beside.npy"),
    ]
    (tmp_path / "beside.csv").unlink()
    table().drop(columns="embedding").set_index(np.arange(5, 17)).to_parquet(tmp_path / "beside.parquet")
    for path in layouts:
        data = load("dataset", "embeddings", file=path)
        assert vectors_of(path).tobytes() == expected.tobytes(), path.name
        assert [(frame.key, frame.subject) for frame in data.frames()] == list(
            table()[["key", "subject"]].itertuples(index=False, name=None)
        )
        assert data.attributes() == {}
    # e10 stands behind e9, not behind e1
    assert vectors_of(parquet(tmp_path / "wide.parquet", flat(wide))).tolist() == [
        row.astype(np.float32).tolist() for row in wide["embedding"]
    ]


def test_it_is_an_embedded_data_set(tmp_path: Path) -> None:
    data = load("dataset", "embeddings", file=parquet(tmp_path / "x.parquet"))
    assert isinstance(data, Dataset)
    assert isinstance(data, EmbeddedDataset)
    assert isinstance(data, AttributedDataset)
    assert isinstance(load("recognizer", "given", comparison="neg_l2"), Recognizer)
    assert data.embeddings(["p2/1", "p0/0"]).tobytes() == vectors_of(tmp_path / "x.parquet")[[7, 0]].tobytes()
    row = vectors_of(tmp_path / "x.parquet")[7]
    assert data.content_digest("p2/1") == hashlib.sha256(row.astype("<f4").tobytes()).hexdigest()
    for ask in (data.image, data.content_digest, lambda key: data.embeddings([key])):
        with pytest.raises(MissingFile):
            ask("nobody")
    with pytest.raises(MissingFile, match="holds embeddings and no pictures"):
        data.image("p0/0")
    with pytest.raises(ConfigError, match="embeddings has no protocol 'view2'"):
        data.trials("view2", RNG)


def test_splits_and_limits(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet", table(people=30))
    for split in ("train", "dev", "eval"):
        frames = load("dataset", "embeddings", file=path, split=split).frames()
        assert frames
        assert {split_of(frame.subject) for frame in frames} == {split}
        assert len(vectors_of(path, split=split)) == len(frames)
    few = load("dataset", "embeddings", file=path, max_people=4, max_per_subject=2).trials("all_pairs", RNG)
    assert len(few.frames) == 8
    for changes in ({"max_people": 0}, {"max_per_subject": 0}, {"file": "x.csv"}):
        with pytest.raises(ConfigError, match=f"{next(iter(changes))}: got"):
            load("dataset", "embeddings", **({"file": path} | changes))
    alone = parquet(tmp_path / "alone.parquet", table(1, 1))
    with pytest.raises(InsufficientData, match="1 embeddings of people of split 'all'"):
        load("dataset", "embeddings", file=alone).trials("all_pairs", RNG)


def test_other_columns_are_attributes(tmp_path: Path) -> None:
    ages = [20.0, None, *range(30, 40)]
    path = parquet(
        tmp_path / "x.parquet", age=ages, sex=["f", "m", None] * 4, glasses=[True, False] * 6,
        worn=[True, None, False] * 4, count=np.arange(12),
    )  # fmt: skip
    found = load("dataset", "embeddings", file=path).attributes()
    assert found["age"].dtype == np.float32
    assert found["age"][[0, 2]].tolist() == [20, 30]
    assert np.isnan(found["age"][1])
    assert found["sex"].tolist() == ["f", "m", ""] * 4
    assert found["glasses"].tolist() == [1, 0] * 6
    assert found["worn"][[0, 2]].tolist() == [1, 0]
    assert np.isnan(found["worn"][1])
    assert found["count"].tolist() == list(range(12))
    some = load("dataset", "embeddings", file=npz(tmp_path / "x.npz", age=np.arange(12)), split="train")
    kept = [int(frame.subject[1]) * 3 + int(frame.key[-1]) for frame in some.frames()]
    assert 0 < len(kept) < 12
    assert some.attributes()["age"].tolist() == kept
    with pytest.raises(CorruptFile, match=r"'age' is int64 \(3,\); expected one value for each of 12"):
        load("dataset", "embeddings", file=npz(tmp_path / "y.npz", age=np.arange(3))).frames()


def test_an_npy_file_is_read_where_it_lies(tmp_path: Path) -> None:
    path = npy(tmp_path / "x.npy")
    data = load("dataset", "embeddings", file=path)
    keys = [frame.key for frame in data.frames()]
    every = data.embeddings(keys)
    root = every
    while isinstance(root.base, np.ndarray):
        root = root.base
    assert isinstance(root, np.memmap)
    assert Path(root.filename) == path
    assert not every.flags.writeable
    for some in (slice(0, 12), slice(3, 9), slice(11, 12)):
        rows = data.embeddings(keys[some])
        assert np.shares_memory(rows, every[some])
        assert rows.tobytes() == every[some].tobytes()
    for order in (slice(None, None, -1), slice(0, 12, 2), [4, 3], [0, 1, 3], [5, 5]):
        rows = data.embeddings(np.array(keys)[order].tolist())
        assert not np.shares_memory(rows, every)
        assert rows.tobytes() == every[order].tobytes()
    assert data.embeddings([]).shape == (0, 8)


def test_an_npy_file_and_an_npz_file_are_the_same_data(tmp_path: Path) -> None:
    ages = [20.5, np.nan, *range(30, 40)]
    sex = np.array(["f", "m", ""] * 4)
    columns = {"age": ages, "sex": sex}
    rows, archive = npy(tmp_path / "x.npy", **columns), npz(tmp_path / "y.npz", **columns)
    for split in ("all", "train"):
        one, other = (load("dataset", "embeddings", file=path, split=split) for path in (rows, archive))
        assert list(one.frames()) == list(other.frames())
        assert one.fingerprint() == other.fingerprint()
        for name, values in other.attributes().items():
            assert one.attributes()[name].dtype.kind == values.dtype.kind
            np.testing.assert_array_equal(one.attributes()[name], values)
        for frame in other.frames():
            assert one.content_digest(frame.key) == other.content_digest(frame.key)
    keys = [swept(path, tmp_path / path.stem).outcomes()[0]["key"] for path in (rows, archive)]
    assert keys[0] == keys[1]


def test_the_table_beside_an_npy_file_is_text(tmp_path: Path) -> None:
    vectors = np.eye(3, dtype=np.float32)
    np.save(tmp_path / "x.npy", vectors)
    (tmp_path / "x.csv").write_text(
        "\ufeffkey; subject ;age;note;\n007; 7;1,5;n/a;\n7;07;2;;\n\n'08';\"a;\nb\";;2;\n", encoding="utf-8"
    )
    data = load("dataset", "embeddings", file=tmp_path / "x.npy")
    assert [(frame.key, frame.subject) for frame in data.frames()] == [("007", "7"), ("7", "07"), ("'08'", "a;\nb")]
    found = data.attributes()
    assert found["age"].tolist() == ["1,5", "2", ""]
    assert found["note"].dtype == np.float32
    assert np.isnan(found["note"][:2]).all()
    assert set(found) == {"age", "note"}
    # a table that was replaced is read anew
    assert len(data.content_digest("7")) == 64
    (tmp_path / "x.csv").write_text("key,subject\nx,a\ny,b\nz,c\n")
    assert data.embeddings(["y"]).tolist() == [[0, 1, 0]]
    with pytest.raises(MissingFile, match="has no embedding '7'"):
        data.content_digest("7")


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.ones((12, 8)), r"float64 \(12, 8\); expected float32 \(N, D\).*type numpy\.save\('x\.npy', .*'float32'"),
        (np.ones((12, 8), np.float16), r"float16 \(12, 8\); expected float32"),
        (np.ones((12, 8), ">f4"), r">f4 \(12, 8\); expected float32"),
        (np.asfortranarray(np.ones((12, 8), np.float32)), r"\(12, 8\), column after column; expected .* row after row"),
        (np.ones(12, np.float32), r"float32 \(12,\); expected float32 \(N, D\)"),
        (np.ones((12, 0), np.float32), r"12 subjects, embeddings \(12, 0\); expected as many of each, at least one"),
        (np.ones((11, 8), np.float32), r"11 embeddings, but x\.csv has 12 rows; expected a row for each"),
        (np.array([None] * 12), r"not a readable npy file of numbers \(.*Python objects"),
        (np.repeat(np.float32([[1], [np.nan]]), [7, 5], axis=0), r"5 .* not finite, the first in row 7 \(key 'p2/1'"),
        (np.repeat(np.float32([[1], [0], [1]]), [10, 1, 1], axis=0), r"1 .* only zeros, the first in row 10"),
    ],
)  # fmt: skip
def test_npy_files_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vectors: np.ndarray, message: str
) -> None:
    monkeypatch.setattr(vector_files, "BLOCK", 5)
    path = npy(tmp_path / "x.npy", vectors)
    with pytest.raises(CorruptFile, match=message):
        load("dataset", "embeddings", file=path).frames()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key,subject\n", r"x\.npy: 1 embeddings, but x\.csv has 0 rows"),
        ("", r"x\.csv: not a readable CSV file"),
        ("name,subject\na,b\n", r"x\.csv: no column 'key'; got name, subject"),
        ("key,subject,key\na,b,c\n", r"x\.csv: column 'key' stands twice; rename one"),
        ("key,subject\na,b,c\n", r"x\.csv: not a readable CSV file \(.*Expected 2 columns, got 3"),
        ("key,subject,e0\na,b,1\n", r"x\.csv: column 'e0', but the embeddings stand in x\.npy; leave it out"),
        ("key,subject,embedding\na,b,1\n", r"x\.csv: column 'embedding', but the embeddings stand in x\.npy"),
        ("key,subject\n,b\n", r"x\.csv: key in row 0 is ''; expected text"),
        ("key,subject\n\udcff,b\n", r"x\.csv: not a readable CSV file \(.*utf-8"),
    ],
)
def test_tables_beside_an_npy_file_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    np.save(tmp_path / "x.npy", np.ones((1, 8), np.float32))
    (tmp_path / "x.csv").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(CorruptFile, match=message):
        load("dataset", "embeddings", file=tmp_path / "x.npy").frames()


def test_an_npy_file_has_one_table_beside_it(tmp_path: Path) -> None:
    path = npy(tmp_path / "x.npy")
    table().drop(columns="embedding").to_parquet(tmp_path / "x.parquet")
    with pytest.raises(CorruptFile, match=r"both x\.csv and x\.parquet stand beside .*; expected one table"):
        load("dataset", "embeddings", file=path).frames()
    for name in ("x.csv", "x.parquet"):
        (tmp_path / name).unlink()
    with pytest.raises(MissingFile, match=r"no x\.csv or x\.parquet beside .*the columns key and subject"):
        load("dataset", "embeddings", file=path).frames()


def test_an_npy_file_can_be_audited(tmp_path: Path) -> None:
    assert faces_given(str(npy(tmp_path / "x.npy"))).entry.name == "embeddings"


def wrong(value: float) -> list[np.ndarray]:
    vectors = [row.copy() for row in table()["embedding"]]
    vectors[7][2] = value
    return vectors


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"embedding": wrong(np.nan)}, r"1 embeddings are not finite, the first in row 7 \(key 'p2/1'\)"),
        ({"embedding": wrong(-np.inf)}, r"1 embeddings are not finite, the first in row 7"),
        ({"embedding": wrong(1e39)}, r"1 embeddings are not finite, the first in row 7"),
        ({"embedding": [np.zeros(8)] * 12}, r"12 embeddings are only zeros, the first in row 0"),
        ({"embedding": [np.ones(8)] * 5 + [np.ones(7)] * 7}, r"2 lengths, such as 8 in row 0 and 7 in row 5"),
        ({"embedding": [np.ones(8)] * 11 + [None]}, r"1 rows have no embedding"),
        ({"embedding": [[1.0, None]] * 12}, r"12 embeddings are not finite"),
        ({"embedding": [[]] * 12}, r"expected as many of each, at least one"),
        ({"embedding": ["1 2 3"] * 12}, r"column 'embedding' is (large_)?string; expected lists of numbers"),
        ({"embedding": [["1", "2"]] * 12}, r"embeddings are object; expected numbers"),
        ({"key": ["k"] * 12}, r"key 'k' stands in row 0 and in row 1; expected once"),
        ({"key": [f"{place}" if place != 4 else None for place in range(12)]}, r"key in row 4 is None; expected text"),
        ({"subject": [*range(11), None]}, r"subject in row 0 is 0\.0; expected text or a whole number"),
        ({"subject": ["a"] * 11 + [""]}, r"subject in row 11 is ''"),
        ({"subject": [True] * 12}, r"subject in row 0 is True"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_used(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = parquet(tmp_path / "x.parquet", **changes)
    with pytest.raises(CorruptFile, match=message):
        load("dataset", "embeddings", file=path).frames()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table().iloc[:0], r"no row; expected one embedding a row"),
        (flat(table()).iloc[:0], r"no row"),
        (table().drop(columns=["key", "subject"]), r"no column 'key' and no column 'subject'; got embedding"),
        (table().drop(columns="embedding"), r"no column 'embedding' of lists of numbers and no columns e0, e1"),
        (
            flat(table()).drop(columns="e3"),
            r"without a gap; got key, subject, e0, e1, e2, e4",
        ),
        (flat(table()).assign(e3="x"), r"embeddings are object; expected numbers"),
    ],
)
def test_tables_that_lack_something(tmp_path: Path, frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        load("dataset", "embeddings", file=parquet(tmp_path / "x.parquet", frame)).frames()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keys": None}, r"no array 'keys'; got subjects, embeddings"),
        (
            {"keys": np.array(["a", None], dtype=object)},
            r"Object arrays cannot.*np\.array\(names, dtype=str\)",
        ),
        ({"keys": np.array(["a"])}, r"1 keys, 12 subjects, embeddings \(12, 8\); expected as many of each"),
        ({"keys": np.zeros((12, 2), int)}, r"keys are int64 \(12, 2\); expected one a row"),
        ({"embeddings": np.zeros(12)}, r"12 keys, 12 subjects, embeddings \(12,\)"),
        ({"embeddings": np.full((12, 2), "x")}, r"embeddings are <U1; expected numbers"),
    ],
)
def test_archives_that_cannot_be_used(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = npz(tmp_path / "x.npz", **changes)
    with pytest.raises(CorruptFile, match=message):
        load("dataset", "embeddings", file=path).frames()


@pytest.mark.parametrize("name", ["x.parquet", "x.npz", "x.npy"])
def test_files_that_are_something_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(MissingFile, match="no embeddings at"):
        load("dataset", "embeddings", file=tmp_path / name).frames()
    (tmp_path / name).write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(CorruptFile, match=r"not a readable (npz|npy|Parquet) file"):
        load("dataset", "embeddings", file=tmp_path / name).frames()


# ---------------------------------------------------------------------------------------------------------- sweeps


def swept(path: Path, out: Path, recognizer: Mapping[str, Any] = GIVEN, **changes: Any) -> RunFolder:
    document = {
        "name": "t", "seed": 3, "dataset": {"name": "embeddings", "file": str(path)}, "recognizers": [recognizer],
        "fmr": [0.1], "draws": 50,
    }  # fmt: skip
    return run_sweep(parse_sweep(document | changes), out)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("comparison", ["cosine", "neg_l2"])
def test_a_sweep_compares_them_and_caches_nothing(tmp_path: Path, own_cache: Path, comparison: Any) -> None:
    path = parquet(tmp_path / "x.parquet")
    run = swept(path, tmp_path / "run", {"name": "given", "comparison": comparison, "label": "mine"})
    found = run.trials()
    assert len(found) == 66
    assert found["mated"].sum() == 12
    vectors = dict(zip(table()["key"], vectors_of(path), strict=True))
    for row in found.itertuples():
        assert row.score == pytest.approx(score(vectors[row.probe], vectors[row.reference], comparison), abs=1e-6)
    assert found["score"][found["mated"]].min() > found["score"][~found["mated"]].max()
    assert set(run.summary()["recognizer"]) == {"mine"}
    outcome = run.outcomes()[0]
    assert outcome["counts"]["frames_not_acquired"] == 0
    assert outcome["counts"]["embeddings_computed"] == outcome["counts"]["embeddings_from_cache"] == 0
    assert files_below(own_cache) == []


def test_the_cell_knows_the_vectors_and_the_model(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet")
    first = swept(path, tmp_path / "a").outcomes()[0]["key"]
    moved = parquet(tmp_path / "elsewhere.parquet")
    assert swept(moved, tmp_path / "b").outcomes()[0]["key"] == first
    assert swept(path, tmp_path / "c", GIVEN | {"model": "x"}).outcomes()[0]["key"] != first
    parquet(path, embedding=[row + 1e-3 for row in table()["embedding"]])
    assert swept(path, tmp_path / "d").outcomes()[0]["key"] != first


def test_one_to_many_groups_and_calibration(tmp_path: Path) -> None:
    frame = table(people=60, width=16)
    path = parquet(tmp_path / "x.parquet", frame, sex=np.repeat(["f", "m"], 90), quality=np.arange(180) % 7)
    run = swept(
        path, tmp_path / "run", assessments=["verification", "identification"], groups=["sex"], discard=["quality"],
        calibrate={"split": "dev"}, dataset={"name": "embeddings", "file": str(path), "split": "eval"},
    )  # fmt: skip
    assert run.failures().empty
    summary = run.summary().set_index("figure")
    ranks = summary.loc[["cumulative_match_rate"]]
    assert ranks.loc[ranks["operating_point"] == "rank=1", "value"].tolist() == [1.0]
    assert "dev:fmr=0.1" in set(summary["operating_point"])
    assert {"sex=f", "sex=m"} <= set(summary["group"])
    assert "quality" in set(summary["group"])


def test_a_list_of_comparisons(tmp_path: Path) -> None:
    path, pairs = parquet(tmp_path / "x.parquet"), tmp_path / "pairs.csv"
    pairs.write_text("probe,reference,mated,fold\np0/0,p0/1,1,0\np1/0,p0/1,0,1\np2/2,p2/0,1,1\n")
    dataset = {"name": "embeddings", "file": str(path), "pairs": str(pairs)}
    run = swept(path, tmp_path / "run", dataset=dataset)
    found = run.trials()
    assert found[["probe", "reference", "mated", "fold"]].values.tolist() == [
        ["p0/0", "p0/1", True, 0], ["p1/0", "p0/1", False, 1], ["p2/2", "p2/0", True, 1],
    ]  # fmt: skip
    assert set(run.summary()["protocol"]) == {"pairs"}
    assert swept(path, tmp_path / "all", dataset=dataset, protocol="all_pairs").trials().shape[0] == 66
    with pytest.raises(ConfigError, match="pairs keeps to its list; got split: dev"):
        load("dataset", "embeddings", file=path, pairs=pairs, split="dev").trials("pairs", RNG)
    pairs.write_text("probe,reference,mated\np0/0,p0/1,1\np0/0,p1/0,1\n")
    with pytest.raises(CorruptFile, match=r"line 3: mated, but .* are of 'p0' and 'p1'; 1 lines disagree"):
        load("dataset", "embeddings", file=path, pairs=pairs).trials("pairs", RNG)
    pairs.write_text("probe,reference,mated\np0/0,p0/1,1\np0/0,x,1\n")
    with pytest.raises(MissingFile, match=r"names 1 of 3 keys that are not in .*, such as x \(line 3\)"):
        load("dataset", "embeddings", file=path, pairs=pairs).trials("pairs", RNG)


def test_pictures_and_vectors_do_not_mix(own_registry: Registry, tmp_path: Path) -> None:
    add_toys(own_registry)
    path = parquet(tmp_path / "x.parquet")
    root = photos(tmp_path / "photos")
    vectors, folder = {"name": "embeddings", "file": str(path)}, {"name": "folder", "root": str(root)}
    plain = {"name": "none"}
    for dataset, recognizer, aligner, words in (
        (vectors, {"name": "toy"}, plain, r"'embeddings' holds .* so 'toy' has nothing to look at.*name: given"),
        (folder, GIVEN, plain, r"'given' compares embeddings .* 'folder' brings pictures; type"),
        (vectors, GIVEN, {"name": "toy"}, r"'embeddings' holds .* so 'toy' has no face to find"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=words):
            acquire(Cast(dataset, aligner, recognizer), load(**_entry(dataset)).frames(), ArrayCache())
    with pytest.raises(ConfigError, match="'given' looks at no picture"):
        load("recognizer", "given", comparison="cosine").embed(np.zeros((1, 3, 1, 1), np.float32))
    with pytest.raises(ConfigError, match="comparison"):
        load("recognizer", "given")
    with pytest.raises(ConfigError, match="comparison"):
        load("recognizer", "given", comparison="euclidean")


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": "dataset", **entry}


def test_a_data_set_that_breaks_its_word_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.datasets.embeddings import GivenEmbeddings

    path = parquet(tmp_path / "x.parquet")
    cast = Cast({"name": "embeddings", "file": str(path)}, {"name": "none"}, GIVEN)
    frames = load("dataset", "embeddings", file=path).frames()
    monkeypatch.setattr(acquisition, "BLOCK", 5)
    last = np.ones((12, 8), np.float32)
    last[11, 7] = np.inf
    for bad in (np.ones((12, 8)), np.ones((3, 8), np.float32), np.full((12, 8), np.nan, np.float32), last):
        monkeypatch.setattr(GivenEmbeddings, "embeddings", lambda self, keys, bad=bad: bad)
        with pytest.raises(PluginError, match=r"GivenEmbeddings\.embeddings returned .*expected float32 \(12, D\)"):
            acquire(cast, frames, ArrayCache())
