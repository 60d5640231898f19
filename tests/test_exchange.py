"""Score files of other tools: what each line means, round trips, figures equal to those of pyeer and scikit-learn."""

from __future__ import annotations

import csv
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyeer.eer_stats import calculate_roc, calculate_roc_auc, calculate_roc_hist, get_eer_values
from sklearn.metrics import roc_auc_score

from bench.errors import ConfigError, CorruptFile, MissingFile, ShapeError, UnknownName
from bench.exchange import FORMATS, PresentationScores, comparison_scores, read_scores, sheet, write_scores
from bench.exchange.presentations import coded_people
from bench.exchange.scores import ComparisonScores, tidy, unnamed_scores
from bench.exchange.writing import score_texts
from bench.metrics import area_under_curve, equal_error_rate, error_tradeoff
from tests.score_files import SAMPLES, comparisons, presentations, same, written

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=False)
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8).filter(
    lambda name: not name.startswith("\ufeff")
)
WORDS = NAMES.filter(lambda name: not set(name) & set(' "'))


def put(folder: Path, text: str | bytes, name: str = "scores") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(form: str, *texts: str | bytes, **options: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return read_scores(form, *(put(Path(folder), text, f"f{n}") for n, text in enumerate(texts)), **options)


def rows(scores: Any) -> list[tuple[Any, ...]]:
    sides = (scores.probe, scores.reference, scores.probe_subject, scores.reference_subject)
    columns = [np.asarray(side).tolist() for side in sides]
    return list(zip(*columns, scores.mated.tolist(), scores.scores.tolist(), strict=True))


# ---------------------------------------------------------------------------------------------------- what lines mean


def test_bob_bio_csv_by_hand() -> None:
    text = (
        "probe_template_id,probe_subject_id,probe_camera,bio_ref_template_id,bio_ref_subject_id,score\r\n"
        "a1,ann,left,a2,ann,0.5\r\n\r\nb1,bob,left,a2,ann,nan\r\n"
    )
    found = read("bob_bio", text)
    assert rows(found)[0] == ("a1", "a2", "ann", "ann", True, 0.5)
    assert rows(found)[1][:5] == ("b1", "a2", "bob", "ann", False)
    assert np.isnan(found.scores[1])
    assert (found.named, found.fold, found.warnings) == (True, None, ())


@pytest.mark.parametrize(("probe", "reference"), [("probe_key", "bio_ref_reference_id"), ("probe_reference_id",) * 2])
def test_bob_bio_csv_takes_the_names_of_earlier_releases(probe: str, reference: str) -> None:
    reference = reference.replace("probe", "bio_ref")
    text = f"{probe},probe_subject_id,{reference},bio_ref_subject_id,score\na1,ann,b2,bob,1\n"
    assert rows(read("bob_bio", text)) == [("a1", "b2", "ann", "bob", False, 1.0)]


@pytest.mark.parametrize("form", ["bob_bio", "bob_bio_4", "bob_bio_5"])
def test_bob_bio_text_by_hand(form: str) -> None:
    assert rows(read(form, "ann bob b1 0.25\nann ann a1 -1e-3\n")) == [
        ("b1", "ann", "bob", "ann", False, 0.25),
        ("a1", "ann", "ann", "ann", True, float(np.float32(-1e-3))),
    ]
    assert rows(read(form, 'ann  m1\tbob "b 1" 0.25\n')) == [("b 1", "m1", "bob", "ann", False, 0.25)]


def test_nist_by_hand() -> None:
    log = "e1.t v1.t 3.5 0\ne1.t v2.t -1 6\ne2.t v2.t 2 0\n"
    shows = "e1.t ann\nv1.t ann\nv2.t bob\ne2.t cyd\n"
    for text in (log, "enrollTempl verifTempl simScore returnCode\n" + log):
        found = read("nist", text, shows)
        assert rows(found)[0] == ("v1.t", "e1.t", "ann", "ann", True, 3.5)
        assert rows(found)[2] == ("v2.t", "e2.t", "bob", "cyd", False, 2.0)
        assert np.isnan(found.scores[1])
        assert not found.mated[1]


def test_nist_subjects_in_the_names_of_templates() -> None:
    found = read("nist", "S1-a S1-b 3.5 0\nS1-a S2-b 1 0\n", subjects=r"^(S\d+)-")
    assert found.mated.tolist() == [True, False]
    with pytest.raises(CorruptFile, match=r"line 2: got 'T2-b' with 0 subjects"):
        read("nist", "S1-a S1-b 3.5 0\nS1-a T2-b 1 0\n", subjects=r"^(S\d+)-")
    with pytest.raises(ConfigError, match="does not say whom"):
        read("nist", "S1-a S1-b 3.5 0\n")
    with pytest.raises(ConfigError, match="no group"):
        read("nist", "S1-a S1-b 3.5 0\n", subjects="S")
    with pytest.raises(ConfigError, match="no regular expression"):
        read("nist", "S1-a S1-b 3.5 0\n", subjects="(")


def test_pyeer_by_hand() -> None:
    found = read("pyeer", "0.5\na b 0.75\n", "0.25\n 1e-1\n\n")
    assert found.scores.tolist() == [0.5, 0.75, 0.25, float(np.float32(0.1))]
    assert found.mated.tolist() == [True, True, False, False]
    assert not found.named
    assert "intervals are too narrow" in found.warnings[0]
    histogram = read("pyeer", "3\n2\n", "2\n0\n1\n", histogram=True)
    assert histogram.scores.tolist() == [3, 2, 0, 0, 2]


def test_deepfakebench_by_hand() -> None:
    text = "image_path,label,prob,method,video\nr/1.png,0,0.1,youtube,r\nf/1.png,1,0.9,FSGAN,f\nf/2.png,fake,nan,,f\n"
    found = read("deepfakebench", text, species="other")
    assert found.attack.tolist() == [False, True, True]
    assert pd.Series(found.species).astype(object).tolist()[1:] == ["FSGAN", "other"]
    assert pd.isna(found.species[0])
    assert [found.subjects_of(row) for row in range(3)] == [("r",), ("f",), ("f",)]
    assert "each of 2 videos counts as a person" in found.warnings[0]
    alone = read("deepfakebench", "path,label,score\n000_003/1.png,1,1\n003/1.png,0,0\n")
    assert not alone.named
    assert len(alone.names) == 2
    paired = read(
        "deepfakebench", "path,label,score\n000_003/1.png,1,1\n003/1.png,0,0\n", subjects=r"(\d{3})(?:_(\d{3}))?/"
    )
    assert [paired.subjects_of(row) for row in range(2)] == [("000", "003"), ("003",)]


def test_distances_are_negated() -> None:
    text = "ann bob b1 0.25\nann ann a1 nan\n"
    found = read("bob_bio", text, distance=True)
    assert found.scores[0] == -0.25
    assert np.isnan(found.scores[1])
    again = write_scores("bob_bio_4", found, distance=True)
    assert again.files["scores.txt"].decode() == text


# ------------------------------------------------------------------------------------------------------ round trips


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_a_format_gives_back_what_it_holds(form: str, tmp_path: Path) -> None:
    paths = written(form, tmp_path)
    found, meant = read_scores(form, *paths), SAMPLES[form]()
    if form == "bob_bio_4":
        assert isinstance(meant, ComparisonScores)
        meant = ComparisonScores(
            meant.probe,
            meant.reference_subject,
            meant.probe_subject,
            meant.reference_subject,
            meant.mated,
            meant.scores,
        )
    same(found, meant)
    again = write_scores(form, found)
    assert [*again.files.values()] == [path.read_bytes() for path in paths]


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES, NAMES, NAMES, FLOATS), min_size=1, max_size=12), st.booleans())
def test_bob_bio_csv_round_trips(table: list[tuple[str, str, str, str, float]], folds: bool) -> None:
    *names, scores = zip(*table, strict=True)
    fold = np.arange(len(table), dtype=np.int16) if folds else None
    meant = comparison_scores(*names, np.array(scores, np.float32), fold)
    done = write_scores("bob_bio", meant)
    assert done.notes == ()
    same(read("bob_bio", *done.files.values()), meant)


@settings(deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS, FLOATS), min_size=1, max_size=12))
def test_text_round_trips(table: list[tuple[str, str, str, str, float]]) -> None:
    *names, scores = zip(*table, strict=True)
    meant = comparison_scores(*names, np.array(scores, np.float32))
    same(read("bob_bio", *write_scores("bob_bio_5", meant).files.values()), meant)
    owner: dict[str, str] = {}
    unique = all(owner.setdefault(face, who) == who for a, b, x, y, _ in table for face, who in ((a, x), (b, y)))
    if unique:
        same(read("nist", *write_scores("nist", meant).files.values()), meant)
    else:
        with pytest.raises(ConfigError, match="in one comparison and"):
            write_scores("nist", meant)


@settings(deadline=None)
@given(st.lists(FLOATS.filter(lambda x: x == x), min_size=1), st.lists(FLOATS.filter(lambda x: x == x), min_size=1))
def test_pyeer_round_trips(mated: list[float], nonmated: list[float]) -> None:
    meant = unnamed_scores(np.array(mated, np.float32), np.array(nonmated, np.float32))
    same(read("pyeer", *write_scores("pyeer", meant).files.values()), meant)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(NAMES, st.none() | NAMES, st.lists(NAMES, min_size=1, max_size=3), st.none() | NAMES, FLOATS),
        min_size=1,
        max_size=12,
    )
)
def test_deepfakebench_round_trips(table: list[tuple[str, str | None, list[str], str | None, float]]) -> None:
    samples, species, subjects, references, scores = zip(*table, strict=True)
    codes, names = coded_people([tuple(row) for row in subjects])
    meant = PresentationScores(
        tidy(pd.Categorical(samples)), tidy(pd.Categorical(species)), codes, names,
        tidy(pd.Categorical(references)), np.array(scores, np.float32),
    )  # fmt: skip
    same(read("deepfakebench", *write_scores("deepfakebench", meant).files.values()), meant)


@settings(deadline=None)
@given(arrays(np.uint32, st.integers(1, 50)))
def test_written_scores_read_back_to_the_bit(pattern: np.ndarray) -> None:
    scores = pattern.view(np.float32)
    scores = scores[np.isfinite(scores)]
    texts = score_texts(scores)
    assert np.array(texts, np.float64).astype(np.float32).tobytes() == scores.tobytes()
    digits = [len(re.sub(r"e.*|[^0-9]", "", text).strip("0")) for text in texts]
    assert max(digits, default=0) <= 9  # which every float32 can be told by


def test_csv_is_read_as_pandas_reads_it(tmp_path: Path) -> None:
    frame = pd.read_csv(*written("bob_bio", tmp_path), dtype={"score": np.float64})
    meant = SAMPLES["bob_bio"]()
    assert isinstance(meant, ComparisonScores)
    assert frame["probe_template_id"].tolist() == np.asarray(meant.probe).tolist()
    assert frame["score"].to_numpy(np.float32).tobytes() == meant.scores.tobytes()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("bob_bio_4", ["names of the references"]),
        ("bob_bio_5", []),
        ("nist", []),
        ("pyeer", ["3 comparisons without a score", "names of faces and people"]),
    ],
)
def test_what_a_format_loses_is_said(form: str, said: list[str]) -> None:
    notes = write_scores(form, comparisons()).notes
    assert len(notes) == len(said)
    assert all(part in note for part, note in zip(said, sorted(notes), strict=True))
    assert any("fold" in note for note in write_scores(form, comparisons(folds=2)).notes)


def test_names_that_a_format_cannot_hold_are_refused() -> None:
    spaced = comparison_scores(["a 1"], ["b1"], ["a"], ["b"], np.zeros(1, np.float32))
    for form in ("bob_bio_4", "bob_bio_5", "nist"):
        with pytest.raises(ConfigError, match=r"'a 1' holds a blank or a quote.*--format bob_bio"):
            write_scores(form, spaced)
    for name, what in (
        ("a\n1", "control character"),
        ("", "empty name"),
        ("\ufeffa", "byte order"),
    ):
        odd = comparison_scores([name], ["b1"], ["a"], ["b"], np.zeros(1, np.float32))
        with pytest.raises(ConfigError, match=what):
            write_scores("bob_bio", odd)


def test_a_format_refuses_scores_of_another_kind() -> None:
    with pytest.raises(ConfigError, match="cannot hold scores of comparisons; give --format bob_bio"):
        write_scores("deepfakebench", comparisons())
    with pytest.raises(ConfigError, match="presentations to a detector; give --format deepfakebench"):
        write_scores("nist", presentations())
    with pytest.raises(UnknownName, match="did you mean 'bob_bio'"):
        read_scores("bobbio", "x")
    with pytest.raises(ConfigError, match="got 1 files, expected 2"):
        read("pyeer", "1\n")
    with pytest.raises(ConfigError, match="has no --histogram"):
        read("bob_bio", "a a b 1\n", histogram=True)
    with pytest.raises(ConfigError, match="has no --subjects"):
        read("pyeer", "1\n", "1\n", subjects="(a)")


# ---------------------------------------------------------------------------------------------- figures of other tools


def test_pyeer_and_scikit_learn_say_the_same_of_exported_scores(tmp_path: Path) -> None:
    scores = comparisons(count=3000, people=80, missing=40)
    for name, data in write_scores("pyeer", scores).files.items():
        put(tmp_path, data, name)
    genuine, impostor = (
        [float(line.strip().split(" ")[-1]) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("genuine.txt", "impostor.txt")
    )
    _, fmr, fnmr = calculate_roc(genuine, impostor)
    acquired = ~np.isnan(scores.scores)
    mated, nonmated = scores.scores[acquired & scores.mated], scores.scores[acquired & ~scores.mated]
    curve = error_tradeoff(mated, nonmated)
    assert get_eer_values(fmr, fnmr)[3] == pytest.approx(equal_error_rate(curve, "midpoint"), abs=1e-12)
    assert calculate_roc_auc(fmr, fnmr) == pytest.approx(area_under_curve(curve), abs=1e-9)
    labels = np.r_[np.ones(len(genuine)), np.zeros(len(impostor))]
    assert roc_auc_score(labels, [*genuine, *impostor]) == pytest.approx(area_under_curve(curve), abs=1e-12)


def test_pyeer_reads_the_same_histogram() -> None:
    rng = np.random.default_rng(3)
    genuine, counts = rng.integers(5, 40, 60), rng.integers(0, 9, 30)
    found = read("pyeer", "".join(f"{score}\n" for score in genuine), "".join(f"{n}\n" for n in counts), histogram=True)
    theirs = calculate_roc_hist(genuine.tolist(), counts.tolist())
    mated, nonmated = found.scores[found.mated], found.scores[~found.mated]
    for threshold, fmr, fnmr in zip(*theirs, strict=True):
        assert fmr == pytest.approx((nonmated >= threshold).mean())
        assert fnmr == pytest.approx((mated < threshold).mean())


# ----------------------------------------------------------------------------------------------------- float32 and ties


def test_scores_that_are_no_float32_are_rounded_and_lost_differences_said() -> None:
    text = "".join(f"ann ann a{n} 0.1000000{n:02}\n" for n in range(20))
    found = read("bob_bio", text)
    assert found.scores.dtype == np.float32
    assert len(np.unique(found.scores)) < 20
    assert f"of 20 different ones {20 - len(np.unique(found.scores))} became equal" in found.warnings[0]
    assert read("bob_bio", "ann ann a 0.1\nann ann b 0.2\n").warnings == ()


@settings(deadline=None)
@given(arrays(np.float64, st.integers(2, 30), elements=st.floats(-1e30, 1e30)))
def test_rounding_never_swaps_two_scores(values: np.ndarray) -> None:
    scores = read("bob_bio", "".join(f"a b c {value!r}\n" for value in values.tolist())).scores
    order = np.argsort(values, kind="stable")
    assert (np.diff(scores[order]) >= 0).all()


def test_names_of_several_people_are_pointed_out() -> None:
    found = read("bob_bio", "ann ann a1 1\nann bob a1 0\n")
    assert "1 probe names stand for several people, 'a1' for 2" in found.warnings[0]


# --------------------------------------------------------------------------------------------------------- bad files

CSV = "probe_template_id,probe_subject_id,bio_ref_template_id,bio_ref_subject_id,score\n"
BAD = [
    ("bob_bio", [CSV + "a,x,b,y,0.1\na,x,b,0.1\n"], r"line 3: got 4 fields.*expected 5"),
    ("bob_bio", [CSV + "a,x,b,y,0.1\n\na,x,b,y,one\n"], r"line 4: got score 'one', expected a number, or nan"),
    ("bob_bio", [CSV + 'a,x,b,y,0.1\n"a,x,b,y,0.1\n'], r"line 3: .*quotes close in the same line"),
    ("bob_bio", [CSV + "a,x,b,y,0.1\na,x,b,,0.1\n"], r"line 3: got nothing as bio_ref_subject_id"),
    ("bob_bio", [CSV + "a,x,b,y,1e39\n"], r"line 2: got score '1e39', expected a number whose float32 is finite"),
    ("bob_bio", [CSV + "a,x,b,y,inf\n"], r"line 2: got score 'inf'"),
    ("bob_bio", [CSV + "a,x,b,y,1_0\n"], r"line 2: got score '1_0'"),
    ("bob_bio", [CSV], r"line 2: got the end of the file"),
    ("bob_bio", ["\n\n"], r"line 1: got an empty file"),
    ("bob_bio", [b""], r"line 1: got an empty file"),
    ("bob_bio", ["a,b,c\n1,2,3\n"], r"line 1: got no column probe_subject_id, bio_ref_subject_id, score"),
    ("bob_bio", ["probe_subject_id,bio_ref_subject_id,score\na,b,1\n"], r"line 1: got none of the columns probe_templ"),
    ("bob_bio", [CSV.replace("score", "score,score") + "a,x,b,y,1,1\n"], r"line 1: got two columns named 'score'"),
    ("bob_bio", [CSV.encode() + b"\xff,x,b,y,0.1\n"], r"line 2: got the byte 0xff, which is no UTF-8"),
    ("bob_bio", [CSV.encode() + b"a\0,x,b,y,0.1\n"], r"line 2: got the byte 0x00"),
    ("bob_bio", [CSV.encode() + b"a,x,b,y,0.1\ra,x,b,y,1\n"], r"line 2: got a carriage return"),
    ("bob_bio", [CSV.encode("utf-16")], r"line 1: got text in UTF-16, expected UTF-8; save it as UTF-8: iconv"),
    ("bob_bio", [CSV.replace("score", "fold,score") + "a,x,b,y,1.5,1\n"], r"line 2: got fold '1.5', expected a whole"),
    ("bob_bio", ["a a b\n"], r"line 1: got 3 fields, expected 4 \(claimed_id"),
    ("bob_bio", ["a a b 1\na a b c 1\n"], r"line 2: got 5 fields"),
    ("nist", ["a b 1 0\n", "a x\n"], r"f0, line 1: got 'b', expected a template of"),
    ("nist", ["a b 1 0\n", "a x\nb y\na y\n"], r"f1, line 3: got 'a' of 'y', expected of 'x', as before"),
    ("nist", ["a b 1\n", "a x\nb x\n"], r"line 1: got 3 fields.*expected 4: enrollTempl"),
    ("nist", ["a b 1 0.5\n", "a x\nb x\n"], r"line 1: got returnCode '0.5', expected a whole number"),
    ("nist", ["a b nan 0\n", "a x\nb x\n"], r"line 1: got nan, expected a score, because the return code is 0"),
    ("pyeer", ["1\n2\n\nx\n", "1\n"], r"f0, line 4: got score 'x', expected a number;"),
    ("pyeer", ["1\n", "nan\n"], r"f1, line 1: got score 'nan', expected a number;"),
    ("deepfakebench", ["path,label,score\na,2,1\n"], r"line 2: got label '2', expected 0 \(real\) or 1"),
    ("deepfakebench", ["path,label\na,1\n"], r"line 1: got no column score or prob"),
    ("deepfakebench", ["path,image,label,score\na,a,1,1\n"], r"line 1: got the columns image_path|path and image"),
    ("deepfakebench", ["path,label,score,subjects\na,1,1,x;;y\n"], r"line 2: got subjects 'x;;y', expected names"),
]


@pytest.mark.parametrize(("form", "texts", "message"), BAD)
def test_a_bad_file_is_refused_by_its_line(form: str, texts: list[str | bytes], message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        read(form, *texts)


def test_bad_histograms_are_refused_by_their_line() -> None:
    with pytest.raises(CorruptFile, match="line 2: got a blank line"):
        read("pyeer", "1\n", "1\n\n2\n", histogram=True)
    with pytest.raises(CorruptFile, match=r"line 2: got score '1\.5', expected a whole number"):
        read("pyeer", "1\n", "1\n1.5\n", histogram=True)
    with pytest.raises(CorruptFile, match=r"line 3: got .* which makes 120,000,000 scores"):
        read("pyeer", "1\n", "60000000\n0\n60000000\n", histogram=True)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(MissingFile, match="give the path of a file"):
            read_scores("bob_bio", path)


def test_arrays_that_do_not_fit_are_refused() -> None:
    one = tidy(["a"])
    with pytest.raises(ShapeError, match="one row a comparison"):
        ComparisonScores(one, one, one, one, np.array([True, False]), np.zeros(1, np.float32))
    with pytest.raises(ShapeError, match="float32, each finite or NaN"):
        ComparisonScores(one, one, one, one, np.array([True]), np.full(1, np.inf, np.float32))


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_the_fast_way_and_the_slow_way_agree(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = written(form, tmp_path)
    fast = read_scores(form, *paths)
    taken = []
    monkeypatch.setattr(sheet, "_fast", lambda *_: taken.append(1))
    same(read_scores(form, *paths), fast)
    assert bool(taken) == (form != "pyeer")


def test_a_quote_sends_a_file_the_slow_way(tmp_path: Path) -> None:
    path = tmp_path / "quoted.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(CSV.strip().split(","))
        writer.writerow(['a "1", of two', "x", "b", "y", "0.5"])
    assert rows(read_scores("bob_bio", path)) == [('a "1", of two', "b", "x", "y", False, 0.5)]
