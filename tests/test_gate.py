"""The regression gate: every verdict, refusal and output, and the whole way with a recognizer that got worse."""

from __future__ import annotations

import dataclasses
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from bench.api import Crops, Embeddings, Fingerprint, PluginRow
from bench.cli.main import main
from bench.config import parse_sweep
from bench.errors import ConfigError, CorruptFile, MissingFile, UnknownName
from bench.provenance import value_digest
from bench.recognizers.lbp import Lbp, LbpSettings
from bench.registry import Registry
from bench.sweep.runner import run_sweep
from reports.gate import Comparison, Row, compare
from reports.gate.baseline import baseline_text
from reports.gate.runs import read_run
from tests.synthetic_gate import BSCER, D_EER, MACER, PEOPLE, Errors, Wanted, errors, three, write

RULES = ["bscer@macer5:+2pp", "macer@bscer1:+1pp", "d_eer:+10%"]


def runs(tmp_path: Path, new: Wanted, base: Wanted | None = None, **settings: Any) -> tuple[Path, Path]:
    """Two runs of one cell each."""
    return write(tmp_path / "base", base or Wanted(three())), write(tmp_path / "new", new, **settings)


def one_row(tmp_path: Path, new: Errors, rule: str, base: float = 0.1) -> Row:
    """The verdict on a D-EER."""
    old = {D_EER: errors(base, 3)}
    (row,) = compare(*runs(tmp_path, Wanted({D_EER: new}), Wanted(old)), [rule]).rows
    return row


# ------------------------------------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("new", "rule", "verdict", "failed"),
    [
        (0.16, "d_eer:+2pp", "worse", True),
        (0.16, "d_eer:+10%", "worse", True),
        (0.16, "d_eer:+0.02", "worse", True),
        (0.16, "d_eer:+7pp", "cannot tell", False),  # no worse than allowed, and perhaps a little more
        (0.16, "d_eer:+20pp", "no change", False),
        (0.1, "d_eer:+0pp", "no change", False),
        (0.105, "d_eer:+2pp", "no change", False),
        (0.05, "d_eer:+0pp", "better", False),
    ],
)
def test_each_verdict(tmp_path: Path, new: float, rule: str, verdict: str, failed: bool) -> None:
    row = one_row(tmp_path, errors(new, 3), rule)
    assert (row.verdict, row.failed) == (verdict, failed)
    assert row.difference == pytest.approx(new - 0.1)
    assert row.low is not None
    assert row.high is not None
    assert row.low <= new - 0.1 <= row.high
    assert row.people == PEOPLE
    assert (row.reason == "") == (verdict != "cannot tell")


def test_what_other_people_got_wrong_is_no_difference_that_could_be_told(tmp_path: Path) -> None:
    row = one_row(tmp_path, errors(0.11, 99), "d_eer:+0pp")
    assert (row.verdict, row.failed) == ("cannot tell", False)
    assert row.more_people is not None
    assert row.more_people > PEOPLE
    assert re.search(r"about [\d,]+ more people, beside these 400, would tell", row.sentence)


def test_strict_fails_what_cannot_be_told(tmp_path: Path) -> None:
    paths = runs(tmp_path, Wanted({D_EER: errors(0.11, 99)}), Wanted({D_EER: errors(0.1, 3)}))
    assert compare(*paths, ["d_eer:+0pp"]).passed
    strict = compare(*paths, ["d_eer:+0pp"], strict=True)
    assert not strict.passed
    assert strict.failures[0].verdict == "cannot tell"
    assert "cannot tell: failed" in strict.to_text()


def test_lower_is_worse_where_higher_is_better(tmp_path: Path) -> None:
    key = ("detection_area_under_curve", None, None)
    paths = runs(tmp_path, Wanted({key: ~errors(0.16)}), Wanted({key: ~errors(0.1)}))
    (row,) = compare(*paths, ["d_auc:-0.02"]).rows
    assert (row.verdict, row.tolerance) == ("worse", -0.02)
    assert "fell from 90.0 % to 84.0 %" in row.sentence
    (row,) = compare(*reversed(paths), ["d_auc:-0.02"]).rows
    assert row.verdict == "better"


def test_every_row_of_every_rule_counts_in_the_correction(tmp_path: Path) -> None:
    species = {("attack_error_rate", "bona_fide_error=0.01", f"s{number}"): errors(0.2, number) for number in range(6)}
    worse = {**species, ("attack_error_rate", "bona_fide_error=0.01", "s0"): errors(0.23, 0)}
    paths = runs(tmp_path, Wanted(worse), Wanted(species))
    (alone,) = compare(*paths, ["macer@bscer1[species=s0]:+0pp"]).rows
    among = compare(*paths, ["macer@bscer1:+0pp"]).rows
    assert len(among) == 6
    assert (alone.of, among[0].of) == (1, 6)
    assert alone.low is not None
    assert among[0].low is not None
    assert among[0].low < alone.low
    assert "95 % interval over 6 rules" in among[0].sentence


def test_a_figure_without_a_value_cannot_be_told_and_says_why(tmp_path: Path) -> None:
    new = Wanted(three(), without_value=(D_EER,))
    comparison = compare(*runs(tmp_path, new), ["d_eer:+1pp", "bscer@macer5:+1pp"])
    row = comparison.rows[0]
    assert (row.verdict, row.new, row.difference) == ("cannot tell", None, None)
    assert "NEW has no value of it" in row.sentence
    assert "10.0 % in BASE, no value in NEW" in row.sentence
    assert comparison.rows[1].verdict == "no change"
    for text in (comparison.to_text(), comparison.to_markdown(), comparison.to_junit(), comparison.to_github()):
        assert "None" not in text
        assert "nan" not in text


def test_a_baseline_cannot_be_saved_anew_with_a_figure_that_has_no_value(tmp_path: Path) -> None:
    figures = three()
    run = write(tmp_path / "b", Wanted(figures, without_value=[D_EER]))
    del figures[D_EER]
    file = tmp_path / "base.json"
    file.write_text(baseline_text(read_run(write(tmp_path / "a", Wanted(figures)))))
    with pytest.raises(ConfigError, match="NEW has no value of it, since its data are too few") as caught:
        compare(file, run, ["d_eer:+1pp"])
    assert "baseline save" not in str(caught.value)


def test_without_a_rule_every_headline_figure_is_shown_and_nothing_fails(tmp_path: Path) -> None:
    comparison = compare(*runs(tmp_path, Wanted(three(0.3, 0.4, 0.5))))
    assert comparison.passed
    assert [row.figure for row in comparison.rows] == [BSCER[0], MACER[0], D_EER[0]]
    assert {row.verdict for row in comparison.rows} == {"worse"}
    assert "no rule was given, so that nothing could fail" in comparison.to_text()
    assert "allowed" not in comparison.to_text()


@pytest.mark.parametrize(
    ("species", "words"),
    [
        (["morph"], "BSCER at MACER = 5 %"),
        (["presentation", "morph"], "BPCER at APCER = 5 %"),
        (["forgery"], "bona fide error at attack error = 5 %"),
        ([], "bona fide error at attack error = 5 %"),
    ],
)
def test_the_words_are_those_of_what_is_detected(tmp_path: Path, species: list[str], words: str) -> None:
    spec = {"detector.species": species}
    comparison = compare(*runs(tmp_path, Wanted(three(0.2), spec=spec), Wanted(three(), spec=spec)), RULES[:1])
    assert comparison.rows[0].title.figure == words
    assert f"{words} of spectral (celeba, different people) rose from 10.0 % to 20.0 %" in comparison.rows[0].sentence


# -------------------------------------------------------------------------------------------- which cells and figures


def named(cells: Mapping[str, float], role: str = "detector", **settings: Any) -> list[Wanted]:
    """Cells that differ in one label, with their D-EER."""
    return [Wanted({D_EER: errors(rate, 3)}, {role: name, **settings}) for name, rate in cells.items()]


def test_cells_meet_under_their_labels_whatever_their_order(tmp_path: Path) -> None:
    old = write(tmp_path / "a", *named({"cnn": 0.1, "spectral": 0.2, "gone": 0.3}))
    new = write(tmp_path / "b", *named({"spectral": 0.3, "cnn": 0.1, "born": 0.1}))
    comparison = compare(old, new, ["d_eer[detector=spectral]:+1pp", "d_eer[detector=cnn]:+1pp"])
    assert [(row.title.who, row.verdict) for row in comparison.rows] == [("spectral", "worse"), ("cnn", "no change")]
    assert any("gone" in line and "BASE only" in line for line in comparison.warnings)
    assert any("born" in line and "NEW only" in line for line in comparison.warnings)
    with pytest.raises(ConfigError, match=r"has D-EER of gone .*and .* \(NEW\) has not.*--match"):
        compare(old, new, ["d_eer:+1pp"])
    everywhere = compare(old, new, ["d_eer:+1pp"], match={"gone": "born"})
    assert [row.title.who for row in everywhere.rows] == ["spectral", "cnn", "born"]


def test_the_only_detector_of_each_run_is_matched_and_that_is_said(tmp_path: Path) -> None:
    old, new = write(tmp_path / "a", *named({"v1": 0.1})), write(tmp_path / "b", *named({"v2": 0.2}))
    comparison = compare(old, new, ["d_eer:+1pp"])
    assert [(row.title.who, row.verdict) for row in comparison.rows] == [("v2", "worse")]
    assert comparison.notes == ["detector 'v1' of BASE was matched with 'v2' of NEW, each the only one"]
    assert "'v1' of BASE was matched with 'v2'" in comparison.to_text()
    for name in ("v1", "v2"):
        assert compare(old, new, [f"d_eer[detector={name}]:+1pp"]).rows


def test_where_only_the_aligner_differs_cells_meet_and_that_is_said(tmp_path: Path) -> None:
    aligned = {name: {"settings": {"aligner": name}} for name in ("dlib_hog", "yunet")}
    old = write(tmp_path / "a", *named({"cnn": 0.1, "spectral": 0.1}, **aligned["dlib_hog"]))
    spec = {"aligner": {"name": "yunet", "fingerprint": {"revision": 1}}}
    cells = [dataclasses.replace(one, spec=spec) for one in named({"cnn": 0.2, "spectral": 0.1}, **aligned["yunet"])]
    comparison = compare(old, write(tmp_path / "b", *cells), ["d_eer:+1pp"])
    assert [row.verdict for row in comparison.rows] == ["worse", "no change"]
    assert comparison.notes == [
        "aligner 'dlib_hog' of BASE was matched with 'yunet' of NEW, since nothing else differs"
    ]
    assert any(str(change) == "aligner yunet: plugin dlib_hog \u2192 yunet" for change in comparison.changed)


def test_aligners_are_told_apart_where_there_are_several(tmp_path: Path) -> None:
    cells = [
        *named({"cnn": 0.1}, settings={"aligner": "dlib_hog"}),
        *named({"cnn": 0.2}, settings={"aligner": "yunet"}),
    ]
    run = write(tmp_path / "a", *cells)
    rows = compare(run, run, ["d_eer:+1pp"]).rows
    assert [row.title.where for row in rows] == [
        "celeba, different people, aligner dlib_hog",
        "celeba, different people, aligner yunet",
    ]


def test_a_renamed_maker_renames_its_species(tmp_path: Path) -> None:
    key = ("attack_error_rate", "bona_fide_error=0.01", "morph weight=0.3")
    later = (*key[:2], "landmark_morph weight=0.3")
    paths = runs(tmp_path, Wanted({later: errors(0.3)}), Wanted({key: errors(0.1)}))
    with pytest.raises(ConfigError, match="has not"):
        compare(*paths, ["macer@bscer1:+1pp"])
    (row,) = compare(*paths, ["macer@bscer1:+1pp"], match={"morph weight=0.3": "landmark_morph weight=0.3"}).rows
    assert (row.verdict, row.title.where) == ("worse", "celeba, different people, species landmark_morph weight=0.3")


@pytest.mark.parametrize(
    ("match", "said"),
    [
        ({"nobody": "spectral"}, r"unknown label 'nobody'.*--match OLD=NEW, looked for in BASE"),
        ({"spectral": "nobody"}, r"unknown label 'nobody'.*looked for in NEW"),
    ],
)
def test_a_label_that_nobody_has_is_refused(tmp_path: Path, match: dict[str, str], said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        compare(*runs(tmp_path, Wanted(three())), RULES, match=match)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("eer:+1pp", "there is no equal_error_rate; there is attack_error_rate, bona_fide_error_rate, detection_equal"),
        ("bscer@macer1:+1pp", r"of bona_fide_error_rate there is bona_fide_error_rate@attack_error=0.05"),
        ("macer@bscer1[species=nothing]:+1pp", r"there is attack_error_rate@bona_fide_error=0.01\[species=collage\]"),
        ("d_eer[detector=cnn]:+1pp", r"no cell fits \[detector=cnn\]; there are spectral \(celeba, different people,"),
        ("d_eer[detectr=cnn]:+1pp", r"unknown selector 'detectr'; did you mean 'detector'"),
    ],
)
def test_a_rule_that_meets_nothing_names_what_there_is(tmp_path: Path, rule: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        compare(*runs(tmp_path, Wanted(three())), [rule])
    assert repr(rule) in str(caught.value)


def test_what_only_the_new_run_has_is_no_reason_to_refuse_the_rest(tmp_path: Path) -> None:
    born = (*MACER[:2], "landmark_morph")
    paths = runs(tmp_path, Wanted({**three(), born: errors(0.9)}))
    assert [row.verdict for row in compare(*paths, ["macer@bscer1:+1pp"]).rows] == ["no change"]
    with pytest.raises(ConfigError, match="only NEW has it; run BASE's sweep with it"):
        compare(*paths, ["macer@bscer1[species=landmark_morph]:+1pp"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"draws": False}, r"BASE holds no bootstrap draws of detection_equal_error_rate"),
        ({"spec": {"draws": 0}}, r"BASE was run with draws: 0; run it again with draws: 1000"),
    ],
)
def test_a_rule_that_could_never_fail_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    wanted = Wanted(three(), **changes)
    with pytest.raises(ConfigError, match=said):
        compare(*runs(tmp_path, wanted, wanted), ["d_eer:+1pp"])
    with pytest.raises(ConfigError, match="no headline figure with bootstrap draws"):
        compare(tmp_path / "base", tmp_path / "new")


# ------------------------------------------------------------------------------------------------------------- refusals

PAIRS = {"kind": "different_people", "count": 60, "references": 1, "digest": "d"}
DATA = {
    "kind": "data", "origin": "dev", "protocol": "all_pairs", "trials": "t", "images": "i", "fmr": [0.01],
    "dataset": {"name": "celeba", "fingerprint": {"revision": 1, "split": "dev"}, "settings": {"root": "/x"}},
}  # fmt: skip


def manifest(**changes: Any) -> dict[str, Any]:
    """The part of a spec that says which threshold manifest was used."""
    dataset = {"name": "lfw", "fingerprint": {}, "protocol": "p", "split": "dev", "trials": "t", "images": "i"}
    content = {
        "dataset": {**dataset, "people_hashes": ["x"]},
        "points": [{"requested_fmr": 0.01}],
        "seed": 7,
        "draws": 9,
    }
    digest = changes.pop("digest", "a" * 64)
    return {"kind": "manifest", "origin": "lfw/dev", "digest": digest, "file": "/x", "content": content | changes}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"dataset.fingerprint.split": "dev"}, "the data set: split is eval in BASE, dev in NEW"),
        ({"dataset.name": "lfw"}, "the data set: name is celeba in BASE, lfw in NEW"),
        ({"trials": "other"}, "who is shown to detectors: "),
        ({"images": value_digest("others")}, r"what the photos show \(.*\): f35467d087… in BASE, "),
        ({"landmarks": "other"}, "the true landmarks: nothing in BASE, other in NEW"),
        ({"protocol": "look_alikes"}, "the protocol: different_people in BASE, look_alikes in NEW"),
        ({"seed": 8}, "the seed, .*: 7 in BASE, 8 in NEW"),
        ({"draws": 500}, "the number of bootstrap draws: 400 in BASE, 500 in NEW"),
        ({"makers.0.pairs": PAIRS | {"count": 70}}, "the pairs of people .*: count is 60 in BASE, 70 in NEW"),
        ({"makers": []}, "the species of attack: collage in BASE, nothing in NEW"),
        ({"detection.references": 3}, "what detectors are shown: references is 1 in BASE, 3 in NEW"),
        ({"something_new": 1}, "something_new: nothing in BASE, 1 in NEW"),
        ({"calibration": DATA}, r"where thresholds come from: nowhere but .* in BASE, other people \(dev\) in NEW"),
    ],
)
def test_runs_on_other_data_are_refused_in_words(tmp_path: Path, spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        compare(*runs(tmp_path, Wanted(three(), spec=spec)), RULES)
    lines = str(caught.value).splitlines()
    assert "cannot be compared" in lines[0]
    assert len(lines) == 3  # one difference, and no consequence of it besides
    assert "impersona baseline save NEW" in lines[-1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (DATA, DATA | {"fmr": [0.1]}, "how thresholds were set: fmr is 0.01 in BASE, 0.1 in NEW"),
        (DATA, DATA | {"trials": "u"}, "how thresholds were set: trials is t in BASE, u in NEW"),
        (DATA, DATA | {"dataset": DATA["dataset"] | {"name": "lfw"}}, "set: name is celeba in BASE, lfw in NEW"),  # type: ignore[operator]
        (DATA, manifest(), r"other people \(dev\) in BASE, a manifest \(lfw/dev\) in NEW"),
        (manifest(), manifest(digest="b" * 64), "the threshold manifest, of the same recognizer: aaaaaaaaaa… in BASE"),
        (manifest(), manifest(digest="b" * 64, seed=8), "how thresholds were set: seed is 7 in BASE, 8 in NEW"),
        (
            {"kind": "profile", "origin": "legacy-far01", "model": "ir152", "constants": {"0.01": 0.1}},
            {"kind": "profile", "origin": "legacy-far01", "model": "facenet", "constants": {"0.01": 0.4}},
            "how thresholds were set: model is ir152 in BASE, facenet in NEW",
        ),
    ],
)  # fmt: skip
def test_thresholds_of_another_recipe_are_refused(tmp_path: Path, old: Any, new: Any, said: str) -> None:
    paths = runs(tmp_path, Wanted(three(), spec={"calibration": new}), Wanted(three(), spec={"calibration": old}))
    with pytest.raises(ConfigError, match=said):
        compare(*paths, RULES)


OTHER = {"detector.fingerprint.weights": "ab" * 32}
MADE_ANEW = {"makers.0.maker.fingerprint": {"revision": 4, "opencv": "5.0.0"}}
LIBRARIES = {
    "dataset.fingerprint.numpy": "3.0", "detector.fingerprint.numpy": "3.0", "images_read_by.pillow": "13",
    "makers.0.maker.fingerprint.opencv": "6.0", "aligner.fingerprint.dlib": "21",
}  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "changed"),
    [
        (OTHER, ["detector spectral: weights 021d46f1e2\u2026 \u2192 ababababab\u2026"]),
        (MADE_ANEW, ["generator collage: revision 3 \u2192 4"]),
        (
            {"calibration": manifest(digest="b" * 64), **OTHER},  # set anew, as another detector needs it
            ["detector spectral: weights 021d46f1e2\u2026 \u2192 ababababab\u2026"],
        ),
        (
            {**LIBRARIES, **OTHER},
            [
                "detector spectral: weights 021d46f1e2\u2026 \u2192 ababababab\u2026",
                "library: numpy 2.1.0 \u2192 3.0",
                "library: dlib 20.0.0 \u2192 21",
                "library: opencv 5.0.0 \u2192 6.0",
                "library: pillow 12.0.0 \u2192 13",
            ],
        ),
        ({"fmr": [0.5], "detection.rates": [0.05]}, []),
        ({"detector.settings.threads": 9, "dataset.settings.root": "/elsewhere", "run": "another"}, []),
    ],
)
def test_what_is_judged_may_change_and_is_shown(tmp_path: Path, spec: dict[str, Any], changed: list[str]) -> None:
    base = {"calibration": manifest()} if "calibration" in spec else {}
    comparison = compare(*runs(tmp_path, Wanted(three(), spec=spec), Wanted(three(), spec=base)), RULES)
    assert [str(change) for change in comparison.changed] == changed
    for line in changed or ["nothing that is recorded"]:
        assert line in comparison.to_text()


def test_versions_of_libraries_and_of_impersona_are_shown(tmp_path: Path) -> None:
    paths = runs(tmp_path, Wanted(three()), versions={"numpy": "2.2.0", "torch": "2.13.0"}, impersona="0.6.0")
    assert [str(change) for change in compare(*paths, RULES).changed] == [
        "library: numpy 2.1.0 \u2192 2.2.0",
        "library: torch nothing \u2192 2.13.0",
        "impersona: version 0.5.0 \u2192 0.6.0",
    ]


def test_a_detector_that_changed_together_with_the_faces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"two things at once.*the detector \(detector\) and the faces"):
        compare(*runs(tmp_path, Wanted(three(), spec={**OTHER, **MADE_ANEW})), RULES)


def test_a_recognizer_that_changed_together_with_the_maker_gets_a_warning(tmp_path: Path) -> None:
    labels = {"recognizer": "lbp", "detector": None, "generator": "collage"}
    generated = {"both_match_rate": errors(0.1)}
    cell = Wanted({(name, "fmr=0.01", None): one for name, one in generated.items()}, labels)

    def spec(weights: str, revision: int) -> dict[str, Any]:
        return {
            "assessment": "generated", "makers": [],
            "recognizer": {"name": "lbp", "fingerprint": {"weights": weights}},
            "maker": {"kind": "generator", "name": "collage", "fingerprint": {"revision": revision}},
        }  # fmt: skip

    base = write(tmp_path / "base", dataclasses.replace(cell, spec=spec("a", 1)))
    for place, (weights, revision, warned) in enumerate([("b", 1, False), ("a", 2, False), ("b", 2, True)]):
        new = write(tmp_path / f"new-{place}", dataclasses.replace(cell, spec=spec(weights, revision)))
        warnings = compare(base, new, ["both_match_rate@fmr1%:+1pp"]).warnings
        assert warnings == ["lbp on collage (celeba, different people): the recognizer and what makes the faces both "
                            "changed; a difference may come from either"] * warned  # fmt: skip


def test_figures_that_another_version_computes_another_way_get_a_warning(tmp_path: Path) -> None:
    comparison = compare(*runs(tmp_path, Wanted(three(), spec={"cell": 3})), RULES)
    assert "computed its figures another way" in comparison.warnings[0]
    assert "how cells are computed: revision 2 \u2192 3" in list(map(str, comparison.changed))


def test_other_people_are_refused_even_where_no_digest_tells(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="how many people the figures rest on: 400 in BASE, 399 in NEW"):
        compare(*runs(tmp_path, Wanted(three(), people=399)), RULES)


def test_a_difference_is_named_once_with_the_cells_that_have_it(tmp_path: Path) -> None:
    old = write(tmp_path / "a", *named({"cnn": 0.1, "spectral": 0.1, "third": 0.1}))
    cells = [dataclasses.replace(one, spec={"images": "other"}) for one in named({"cnn": 0.1, "spectral": 0.1})]
    with pytest.raises(ConfigError, match=r"what the photos show .* \(in 2 of 3 cells\)\n"):
        compare(old, write(tmp_path / "b", *cells, *named({"third": 0.1})), ["d_eer:+1pp"])


def test_failed_and_unfinished_cells_of_the_new_run_are_named(tmp_path: Path) -> None:
    good, bad = named({"spectral": 0.1, "cnn": 0.1})
    failing = dataclasses.replace(bad, fails="out of memory")
    old = write(tmp_path / "a", good, bad)
    with pytest.raises(ConfigError, match=r"not whole: 1 of 2 cells .*\n.*cnn \(celeba.*RuntimeError: out of memory"):
        compare(old, write(tmp_path / "b", good, failing), ["d_eer[detector=spectral]:+1pp"])
    with pytest.raises(ConfigError, match=r"not whole: 1 of 2 cells .*\n.*never made"):
        compare(old, write(tmp_path / "c", good, bad, missing=[1]), ["d_eer[detector=spectral]:+1pp"])
    comparison = compare(write(tmp_path / "d", good, failing), old, ["d_eer:+1pp"])
    assert [row.title.who for row in comparison.rows] == ["spectral"]
    assert any("cnn" in line and "failed in BASE" in line for line in comparison.warnings)


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    old, new = runs(tmp_path, Wanted(three()))
    (table,) = new.glob("cells/*/draws.parquet")
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 255
    table.write_bytes(data)
    with pytest.raises(CorruptFile, match="other bytes than were stored"):
        compare(old, new, RULES)
    table.write_bytes(b"short")
    with pytest.raises(ConfigError, match="its tables are damaged"):
        compare(old, new, RULES)


def test_runs_with_nothing_in_common_are_refused(tmp_path: Path) -> None:
    old = write(tmp_path / "a", *named({"cnn": 0.1, "spectral": 0.1}))
    new = write(tmp_path / "b", *named({"x": 0.1, "y": 0.1}))
    with pytest.raises(ConfigError, match=r"no cell in common: BASE has cnn .*; spectral .*, NEW has x .*--match"):
        compare(old, new, ["d_eer:+1pp"])


def test_cells_that_differ_in_settings_only_are_told_apart_in_words(tmp_path: Path) -> None:
    there = [Wanted(three(), {"settings": {"aligner": "yunet", "detector.side": side}}) for side in (64, 128)]
    old, new = write(tmp_path / "a", Wanted(three())), write(tmp_path / "b", *there)
    with pytest.raises(ConfigError, match=r"NEW has spectral \(celeba, different people, aligner yunet, side 64\); "):
        compare(old, new)
    with pytest.raises(ConfigError, match=r"no cell fits \[side=65\]; there are .*side 64\); .*side 128\)"):
        compare(new, new, ["d_eer[side=65]:+1pp"])
    (warning,) = compare(write(tmp_path / "c", there[0]), new).warnings
    assert warning.startswith("spectral (celeba, different people, aligner yunet, side 128) is in NEW only")


def test_a_path_that_is_neither_is_refused(tmp_path: Path) -> None:
    run = write(tmp_path / "a")
    with pytest.raises(MissingFile, match="neither a run folder nor a baseline"):
        compare(tmp_path / "nothing", run)
    with pytest.raises(MissingFile, match="holds no run"):
        compare(tmp_path, run)
    with pytest.raises(CorruptFile, match=r"schema 'impersona\.summary/1'; expected"):
        compare(run / "summary.json", run)


# -------------------------------------------------------------------------------------------------------------- outputs

NASTY = 'a|b<c>&"\x1b[31m`@you`\x00\ud7ff\n::error::100 %, x: y'


@pytest.fixture
def mixed(tmp_path: Path) -> Comparison:
    """One rule that fails, one that holds, one that cannot tell."""
    new = {**three(0.16), MACER: errors(0.2, 99)}
    return compare(*runs(tmp_path, Wanted(new, spec=OTHER)), RULES)


@pytest.fixture
def nasty(tmp_path: Path) -> Comparison:
    """A detector with a name that means something to every reader."""
    labels = {"detector": NASTY}
    return compare(*runs(tmp_path, Wanted(three(0.3), labels), Wanted(three(), labels)), RULES)


def test_the_table_is_aligned_and_fits_a_hundred_columns(mixed: Comparison) -> None:
    lines = mixed.to_text().splitlines()
    assert max(map(len, lines)) <= 100
    heading = next(line for line in lines if line.startswith("rule"))
    starts = [heading.index(word) for word in ("rule", "where", "base", "new", "difference", "allowed", "verdict")]
    for rule, verdict in zip(RULES, ("worse", "cannot tell", "no change"), strict=True):
        line = next(line for line in lines if line.startswith(rule))
        assert line[starts[-1] :] == verdict
        assert all(line[start - 1] == " " for start in starts[1:])
    assert lines[-1] == "FAILED: 1 of 3 figures (1 worse, 1 cannot tell, 1 no change)"


def test_a_failure_is_one_sentence_that_a_person_understands(mixed: Comparison) -> None:
    (row,) = mixed.failures
    assert re.fullmatch(
        r"BSCER at MACER = 5 % of spectral \(celeba, different people\) rose from 10\.0 % to 16\.0 % \(\+6\.0 points, "
        r"95 % interval over 3 rules \+\d\.\d to \+\d\.\d; allowed \+2\.0\): worse",
        row.sentence,
    )
    assert row.sentence in " ".join(mixed.to_text().split())


@pytest.mark.parametrize("which", ["mixed", "nasty"])
def test_junit_is_what_the_common_readers_take(which: str, request: pytest.FixtureRequest) -> None:
    comparison: Comparison = request.getfixturevalue(which)
    root = ElementTree.fromstring(comparison.to_junit())
    check_junit(root)
    (suite,) = root
    assert suite.get("tests") == "3"
    assert suite.get("failures") == str(len(comparison.failures))
    cases = suite.findall("testcase")
    for number, (case, row) in enumerate(zip(cases, comparison.rows, strict=True), 1):
        failure = case.find("failure")
        assert (failure is not None) == row.failed
        assert (case.find("skipped") is not None) == (row.verdict == "cannot tell")
        if failure is not None:
            assert "rose from" in str(failure.get("message"))
            assert "interval:" in str(failure.text)
        values = {
            str(one.get("name")).partition(".")[2]: one.get("value")
            for one in suite.iter("property")
            if str(one.get("name")).startswith(f"{number}.")
        }
        assert values["rule"] == row.rule
        assert float(str(values["base"])) == pytest.approx(row.base, rel=1e-5)
        assert float(str(values["difference"])) == pytest.approx(row.difference, rel=1e-5)
        assert " to " in str(values["interval"])


def check_junit(root: ElementTree.Element) -> None:
    """The structure that junit-10.xsd of Jenkins' xUnit plugin and jenkins-junit.xsd of JUnit 5 both admit."""
    allowed = {
        "testsuites": (set(), ["testsuite"]),
        "testsuite": (
            {"name", "tests", "failures", "errors", "skipped", "time"},
            ["properties", "testcase", "system-out"],
        ),
        "properties": (set(), ["property"]),
        "property": ({"name", "value"}, []),
        "testcase": ({"classname", "name", "time"}, ["skipped", "failure", "system-out"]),
        "skipped": (set(), []),
        "failure": ({"type", "message"}, []),
        "system-out": (set(), []),
    }
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, order = allowed[element.tag]
        assert set(element.keys()) == attributes
        places = [order.index(child.tag) for child in element]
        assert places == sorted(places)
    suite = root[0]
    assert int(str(suite.get("tests"))) == len(suite.findall("testcase"))
    assert int(str(suite.get("failures"))) == len(list(suite.iter("failure")))
    assert int(str(suite.get("skipped"))) == len(list(suite.iter("skipped")))
    assert suite.get("errors") == "0"


def test_strict_makes_a_skipped_case_a_failure(tmp_path: Path) -> None:
    paths = runs(tmp_path, Wanted({D_EER: errors(0.11, 99)}), Wanted({D_EER: errors(0.1, 3)}))
    root = ElementTree.fromstring(compare(*paths, ["d_eer:+0pp"], strict=True).to_junit())
    check_junit(root)
    assert [failure.get("type") for failure in root.iter("failure")] == ["cannot tell"]


def test_markdown_is_one_table_whatever_the_names(mixed: Comparison, nasty: Comparison) -> None:
    for comparison in (mixed, nasty):
        lines = comparison.to_markdown().splitlines()
        table = [line for line in lines if line.startswith("|")]
        assert len(table) == 2 + len(comparison.rows)
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {9}
    text = nasty.to_markdown()
    assert not re.search(r"(?<![\\`\w])@you", text)
    assert "<c>" not in text
    assert "| **worse** | `bscer@macer5:+2pp` |" in mixed.to_markdown()
    assert "### Regression gate: failed" in mixed.to_markdown()


def test_github_commands_are_one_line_each_and_escaped(mixed: Comparison, nasty: Comparison) -> None:
    assert [line.split(" ")[0] for line in mixed.to_github().splitlines()] == ["::error", "::warning", "::notice"]
    first = mixed.to_github().splitlines()[0]
    assert first.startswith(
        "::error title=BSCER at MACER = 5 %25 of spectral::BSCER at MACER = 5 %25 of spectral (celeba,"
    )
    for line in nasty.to_github().splitlines():
        found = re.fullmatch(r"::(error|warning|notice) title=([^:,]*)::(.*)", line)
        assert found
        assert not re.search("%(?!25|0A|0D|3A|2C)", found[2] + found[3])
    assert "%0A%3A%3Aerror%3A%3A100 %25%2C x%3A y" in nasty.to_github()


def test_no_output_holds_control_characters(nasty: Comparison) -> None:
    for text in (nasty.to_text(), nasty.to_markdown(), nasty.to_junit(), nasty.to_github()):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)


@pytest.mark.parametrize("name", ["a\n::error::b", "a\u2028b\r::stop-commands::x", "a ::error::b " * 20])
def test_no_name_gives_a_command_to_the_log(tmp_path: Path, name: str) -> None:
    labels = {"detector": name}
    comparison = compare(*runs(tmp_path, Wanted(three(0.3), labels), Wanted(three(), labels)), RULES)
    for width in range(80, 141):
        assert not re.search(r"^\s*::", comparison.to_text(width), re.MULTILINE)
    assert len(comparison.to_text(10_000).split("\n")) == len(comparison.to_text(10_000).splitlines()) + 1


# --------------------------------------------------------------------------------------------------------- command line


def exits(*arguments: str | Path) -> int:
    """The exit code of the command."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


def failing_on(rules: list[str]) -> list[str]:
    """The options of rules."""
    return [part for rule in rules for part in ("--fail-on", rule)]


def test_the_command_writes_files_and_ends_with_0_1_or_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = runs(tmp_path, Wanted(three(0.16)))
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    files = tmp_path / "out" / "gate.xml", tmp_path / "out" / "gate.md"
    outputs = ("--junit", files[0], "--markdown", files[1], "--github")
    assert exits("compare", old, new, *failing_on(RULES), *outputs) == 1
    out = capsys.readouterr().out
    assert "FAILED: 1 of 3 figures" in out
    assert "::error title=BSCER" in out
    check_junit(ElementTree.parse(files[0]).getroot())
    assert summary.read_text() == f"before\n{files[1].read_text()}\n"
    assert exits("compare", old, old, *failing_on(RULES)) == 0
    assert "passed (3 no change)" in capsys.readouterr().out
    assert exits("compare", old, new) == 0
    assert exits("compare", old, new, "--fail-on", "nonsense:+1pp") == 2
    assert exits("compare", old, new, "--match", "spectral") == 2
    assert exits("compare", old, tmp_path / "nothing") == 2
    assert exits("compare", old) == 2


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    old, new = runs(tmp_path, Wanted(three(0.16)))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    assert exits("compare", old, new, "--markdown", pipe) == 0
    reader.join(timeout=60)
    assert pipe.is_fifo()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert exits("compare", old, new, "--markdown", tmp_path / "link") == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == read[0]
    assert read[0].startswith(b"### Regression gate")


def test_files_that_cannot_be_written_end_with_2_and_the_table_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = runs(tmp_path, Wanted(three(0.16)))
    (tmp_path / "file").write_text("")
    assert exits("compare", old, new, "--junit", tmp_path / "file" / "gate.xml") == 2
    told = capsys.readouterr()
    assert "no rule was given" in told.out
    assert f"{tmp_path / 'file'} is a file" in told.err
    assert exits("compare", old, new, "--markdown", tmp_path) == 2
    assert "is a directory" in capsys.readouterr().err


def test_a_path_of_any_bytes_is_compared(tmp_path: Path) -> None:
    old, new = runs(tmp_path, Wanted(three(0.16)))
    odd = new.rename(tmp_path / os.fsdecode(b"b\xff"))
    comparison = compare(old, odd, RULES)
    for text in (comparison.to_text(), comparison.to_markdown(), comparison.to_junit(), comparison.to_github()):
        assert text.encode()


def test_species_with_axes_are_matched_in_quotes(tmp_path: Path) -> None:
    keys = [("attack_error_rate", "bona_fide_error=0.01", f"morph weight={weight}") for weight in (0.3, 0.4)]
    old = write(tmp_path / "a", Wanted({keys[0]: errors(0.1)}))
    new = write(tmp_path / "b", Wanted({keys[1]: errors(0.2)}))
    rule = failing_on(["macer@bscer1:+2pp"])
    assert exits("compare", old, new, *rule, "--match", "morph weight=0.3=morph weight=0.4") == 2
    assert exits("compare", old, new, *rule, "--match", '"morph weight=0.3"="morph weight=0.4"') == 1


def test_match_and_strict_reach_the_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = write(tmp_path / "a", *named({"v1": 0.1, "other": 0.1}))
    new = write(tmp_path / "b", *named({"v2": 0.105, "other": 0.1}))
    rule = ("--fail-on", "d_eer:+0.5pp")
    assert exits("compare", old, new, *rule) == 2
    assert exits("compare", old, new, *rule, "--match", "v1=v2") == 0
    assert exits("compare", old, new, *rule, "--match", "v1=v2", "--strict") == 1
    assert "cannot tell: failed" in capsys.readouterr().out


# -------------------------------------------------------------------------------------------------------- the whole way


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoisySettings(LbpSettings):
    """lbp's settings, and how much noise is added."""

    noise: float = 0.0


class NoisyLbp:
    """The recognizer lbp, whose embeddings may be spoiled by noise that each photo brings."""

    comparison = "cosine"

    def __init__(self, settings: NoisySettings) -> None:
        self._lbp, self._noise = Lbp(LbpSettings()), settings.noise
        self.template, self.batch_size = self._lbp.template, self._lbp.batch_size

    def fingerprint(self) -> Fingerprint:
        return {**self._lbp.fingerprint(), "noise": self._noise}

    def default_aligner(self) -> Mapping[str, Any]:
        return {"name": "dlib_hog"}

    def embed(self, crops: Crops) -> Embeddings:
        found = self._lbp.embed(crops)
        seeds = [int(crop.sum(dtype=np.float64) * 1000) for crop in crops]
        noise = np.stack([np.random.default_rng(seed).normal(size=found.shape[1]) for seed in seeds])
        scale = np.linalg.norm(found, axis=1, keepdims=True) / np.sqrt(found.shape[1])
        return (found + self._noise * scale * noise).astype(np.float32)

    def runtime(self) -> Mapping[str, str]:
        return self._lbp.runtime()


@pytest.mark.full
def test_a_recognizer_made_worse_fails_and_passes_when_restored(
    own_registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_registry.add(
        PluginRow(
            kind="recognizer",
            name="noisy",
            target="tests.test_gate:NoisyLbp",
            settings="tests.test_gate:NoisySettings",
            summary="lbp with noise",
            source="the tests",
            licence="none",
        ),
        "the tests",
    )

    def run(where: str, noise: float) -> Path:
        sweep = {
            "name": "mine", "seed": 7, "dataset": {"name": "drawn", "people": 30, "images": 4}, "fmr": [0.1, 0.01],
            "recognizers": [{"name": "noisy", "label": "mine", "noise": noise}],
        }  # fmt: skip
        return run_sweep(parse_sweep(sweep), tmp_path / where).path

    base = tmp_path / "tests" / "baseline.json"
    assert exits("baseline", "save", run("base", 0.0), "--out", base) == 0
    rules = failing_on(["eer:+1pp", "fnmr@fmr1%:+2pp", "auc:-1pp"])
    junit = tmp_path / "gate.xml"
    assert exits("compare", base, run("worse", 2.0), *rules, "--junit", junit) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(
        r"EER of mine \(drawn, all pairs\) rose from \d+\.\d+ % to \d+\.\d+ % \(\+\d+\.\d+ points, 95 % interval over "
        r"3 rules \+\d+\.\d+ to \+\d+\.\d+; allowed \+1\.0\): worse",
        said,
    )
    assert "recognizer mine: noise 0.0 \u2192 2.0" in said
    root = ElementTree.parse(junit).getroot()
    check_junit(root)
    assert {failure.get("type") for failure in root.iter("failure")} == {"worse"}
    assert exits("compare", base, run("restored", 0.0), *rules, "--strict", "--junit", junit) == 0
    assert "passed (3 no change)" in capsys.readouterr().out
    assert not list(ElementTree.parse(junit).getroot().iter("failure"))
    again = tmp_path / "again.json"
    assert exits("baseline", "save", tmp_path / "restored", "--out", again) == 0
    assert again.read_bytes() == base.read_bytes()
    other = {"name": "mine", "seed": 7, "dataset": {"name": "drawn", "people": 8, "images": 4}}
    small = run_sweep(parse_sweep({**other, "recognizers": [{"name": "noisy", "label": "mine"}]}), tmp_path / "small")
    with pytest.raises(ConfigError, match="the data set: people is 30 in BASE, 8 in NEW"):
        compare(base, small.path, ["eer:+1pp"])
