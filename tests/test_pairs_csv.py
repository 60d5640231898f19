"""The data set `pairs_csv`, and who is who in a list that says only which pairs are mated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.api import Dataset, Trials
from bench.config import parse_sweep
from bench.datasets import protocols
from bench.datasets.pair_lists import read_pair_list
from bench.datasets.protocols import contradictions, join_mated, mated_chain, ten_folds
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile
from bench.registry import Registry, load
from bench.sweep.runner import run_sweep
from tests.toys import add_toys, photos

RNG = np.random.default_rng(0)


def listed(folder: Path, *lines: str, header: str = "probe,reference,mated") -> Path:
    path = folder / "pairs.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def trials_of(path: Path, **settings: Any) -> Trials:
    found: Trials = load("dataset", "pairs_csv", file=path, **settings).trials("pairs", RNG)
    return found


def pairs_of(trials: Trials) -> list[tuple[str, str]]:
    return [(trials.keys[a], trials.keys[b]) for a, b in zip(trials.probe, trials.reference, strict=True)]


def test_a_list_of_mated_pairs(tmp_path: Path) -> None:
    photos(tmp_path)
    path = listed(
        tmp_path, "ann/0.png,ann/1.png,1", "ann/1.png,./ann//2.png,True", "bob/0.png,ann/2.png,different",
        "cyd/0.png,cyd/1.png,same", "cyd/1.png,bob/0.png,0",
    )  # fmt: skip
    data = load("dataset", "pairs_csv", file=path)
    assert isinstance(data, Dataset)
    trials = data.trials("pairs", RNG)
    assert pairs_of(trials)[:3] == [
        ("ann/0.png", "ann/1.png"), ("ann/1.png", "ann/2.png"), ("bob/0.png", "ann/2.png"),
    ]  # fmt: skip
    assert trials.mated.tolist() == [True, True, False, True, False]
    assert trials.fold is None
    who = {frame.key: frame.subject for frame in data.frames()}
    assert who == {
        "ann/0.png": "ann/0.png", "ann/1.png": "ann/0.png", "ann/2.png": "ann/0.png", "bob/0.png": "bob/0.png",
        "cyd/0.png": "cyd/0.png", "cyd/1.png": "cyd/0.png",
    }  # fmt: skip
    assert data.people_are_inferred
    assert data.image("ann/0.png").shape == (8, 8, 3)
    assert len(data.content_digest("ann/0.png")) == 64


def test_named_subjects_folds_tabs_and_another_root(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos")
    header = "Probe\tReference\tprobe_subject\treference_subject\tfold"
    path = listed(
        tmp_path, "ann/0.png\tann/1.png\tAnn\tAnn\t3", f"{root}/bob/0.png\tann\\2.png\tBob\tAnn\t5", header=header
    )
    trials = trials_of(path, root=root)
    assert trials.subjects == ("Ann", "Ann", "Bob", "Ann")
    assert trials.keys == ("ann/0.png", "ann/1.png", "bob/0.png", "ann/2.png")
    assert trials.mated.tolist() == [True, False]
    assert trials.fold is not None
    assert trials.fold.tolist() == [0, 1]
    assert not load("dataset", "pairs_csv", file=path, root=root).people_are_inferred


def test_both_mated_and_subjects_must_agree(tmp_path: Path) -> None:
    photos(tmp_path)
    header = "probe,reference,mated,probe_subject,reference_subject"
    assert trials_of(listed(tmp_path, "ann/0.png,bob/1.png,no,a,b", header=header)).mated.tolist() == [False]
    with pytest.raises(CorruptFile, match=r"line 3: mated is 'yes', but the subjects are 'a' and 'b'"):
        trials_of(listed(tmp_path, "ann/0.png,bob/1.png,0,a,b", "ann/1.png,bob/2.png,yes,a,b", header=header))


SUBJECTS = "probe,reference,probe_subject,reference_subject"


@pytest.mark.parametrize(
    ("header", "lines", "message"),
    [
        ("probe,mated", ["a,1"], r"line 1: no column 'reference'; got 'probe', 'mated'; expected the columns probe"),
        ("a,b", ["a,1"], r"line 1: no column 'probe' and no column 'reference'"),
        ("probe,reference", ["a,b"], r"line 1: no column 'mated'"),
        ("probe,reference,probe_subject,mated", ["a,b,c,1"], r"line 1: no column 'reference_subject'"),
        ("probe,reference,mated,mated", ["a,b,1,1"], r"line 1: column 'mated' stands twice"),
        ("probe,reference,mated", [], r"no line below the header"),
        ("probe,reference,mated", ["a,b,1", "", "a,c,maybe"], r"line 4: mated is 'maybe'; expected one of 1, true"),
        ("probe,reference,mated", ["a,b"], r"line 2: 2 fields, expected 3"),
        ("probe,reference,mated", ["a,,1"], r"line 2: reference is empty"),
        ("probe,reference,mated", ["a,../b,1"], r"line 2: reference is '\.\./b'; expected a path below .*without"),
        ("probe,reference,mated", ["/etc/a,b,1"], r"line 2: probe is '/etc/a'; expected a path below"),
        ("probe,reference,mated", ["a,./a,1"], r"line 2: 'a' is compared with itself"),
        ("probe,reference,mated,fold", ["a,b,1,-1"], r"line 2: fold is '-1'; expected a whole number"),
        ("probe,reference,mated,fold", ["a,b,1,one"], r"line 2: fold is 'one'"),
        (SUBJECTS, ["a,b,x,y", "c,a,y,z"], r"line 3: 'a' shows 'z', but on line 2 'x'; expected one person a photo"),
        (SUBJECTS, ["a,b,x,"], r"line 2: reference_subject is empty"),
    ],
)
def test_lists_that_make_no_sense(tmp_path: Path, header: str, lines: list[str], message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        trials_of(listed(tmp_path, *lines, header=header))


def test_files_that_are_not_there_are_counted_and_named(tmp_path: Path) -> None:
    photos(tmp_path)
    path = listed(tmp_path, "ann/0.png,ann/9.png,1", *[f"x{place}.png,ann/0.png,0" for place in range(6)])
    with pytest.raises(MissingFile, match=r"names 7 of 8 photos .* ann/9\.png \(line 2\), x0\.png \(line 3\).*2 more"):
        trials_of(path)
    with pytest.raises(MissingFile, match="no list of pairs at"):
        trials_of(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"probe,reference\xff\n")
    with pytest.raises(CorruptFile, match="not a readable CSV file"):
        trials_of(tmp_path / "bytes.csv")
    with pytest.raises(ConfigError, match="pairs_csv has no protocol 'view2'"):
        load("dataset", "pairs_csv", file=path).trials("view2", RNG)


def test_a_contradiction_is_named_with_the_lines_that_make_it(tmp_path: Path) -> None:
    path = listed(tmp_path, "a,b,1", "c,d,1", "b,c,1", "d,a,0", "x,y,0")
    with pytest.raises(CorruptFile) as caught:
        read_pair_list(path)
    assert "line 5: d and a are said to show two people" in str(caught.value)
    assert "c and d (line 3), b and c (line 4), a and b (line 2)" in str(caught.value)
    assert "1 pairs contradict" in str(caught.value)


def test_too_many_pairs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.datasets.pair_lists.MAX_TRIALS", 1)
    assert protocols.MAX_TRIALS > 1
    with pytest.raises(ConfigError, match="2 comparisons, more than 1"):
        read_pair_list(listed(tmp_path, "a,b,1", "c,d,1"))


def test_a_sweep_over_a_list(own_registry: Registry, tmp_path: Path) -> None:
    add_toys(own_registry)
    photos(tmp_path)
    path = listed(tmp_path, "ann/0.png,ann/1.png,1", "ann/0.png,bob/0.png,0", "bob/1.png,bob/0.png,1")
    sweep = parse_sweep({"name": "t", "dataset": {"name": "pairs_csv", "file": str(path)}, "recognizers": ["toy"]})
    run = run_sweep(sweep, tmp_path / "run")
    table = run.trials()
    assert table[["probe", "reference", "mated"]].values.tolist() == [
        ["ann/0.png", "ann/1.png", True], ["ann/0.png", "bob/0.png", False], ["bob/1.png", "bob/0.png", True],
    ]  # fmt: skip
    assert table["score"].iloc[[0, 2]].min() > table["score"].iloc[1]


def test_ten_folds_are_those_of_scikit_learn() -> None:
    from sklearn.model_selection import KFold

    for pairs in (10, 11, 19, 6000, 7003):
        expected = np.empty(pairs, np.int16)
        for fold, (_, test) in enumerate(KFold(10, shuffle=False).split(np.arange(pairs))):
            expected[test] = fold
        assert ten_folds(pairs).tolist() == expected.tolist()
    with pytest.raises(InsufficientData, match="got 9 pairs; 10 folds"):
        ten_folds(9)


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.booleans()), max_size=14),
)
def test_joining_is_the_smallest_equivalence(pairs: list[tuple[int, int, bool]]) -> None:
    probe, reference = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    mated = np.array([pair[2] for pair in pairs], dtype=bool)
    people = join_mated(9, probe, reference, mated)
    reached = np.eye(9, dtype=bool)
    for first, second, same in pairs:
        reached[first, second] |= same
        reached[second, first] |= same
    for _ in range(4):
        reached = (reached.astype(int) @ reached.astype(int)) > 0
    assert (people == reached.argmax(axis=1)).all()
    for pair in contradictions(people, probe, reference, mated):
        chain = mated_chain(probe, reference, mated, int(probe[pair]), int(reference[pair]))
        assert mated[chain].all()
        if probe[pair] != reference[pair]:
            assert probe[pair] in (probe[chain[0]], reference[chain[0]])
            assert reference[pair] in (probe[chain[-1]], reference[chain[-1]])
