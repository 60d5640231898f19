"""Baselines: small files that say what a run said, the same bytes for the same run, and nothing else than was saved."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bench.cli.main import main
from bench.errors import ConfigError, CorruptFile, MissingFile
from bench.metrics.paired import paired_difference
from bench.store.run_folder import DrawKey
from reports.gate import compare
from reports.gate.baseline import baseline_text, write_baseline
from reports.gate.baseline_reader import check_of, parse_baseline, read_baseline
from reports.gate.quantised import packed, snapped, unpacked
from reports.gate.rules import parse_pattern
from reports.gate.runs import read_run
from reports.gate.standing import Standing
from tests.synthetic_gate import BSCER, D_EER, DRAWS, MACER, Wanted, errors, three, write

BSCER_KEY = DrawKey(BSCER[0], BSCER[1], None, BSCER[2])


def saved(run: Path, *figures: str) -> str:
    """The baseline of a run."""
    return baseline_text(read_run(run), [parse_pattern(figure) for figure in figures])


# ------------------------------------------------------------------------------------------------------ 16 bits a draw


@given(arrays.arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e9, 1e9, width=64) | st.just(np.nan)))
def test_draws_come_back_within_half_a_step_and_stay_where_they_are(draws: np.ndarray) -> None:
    one = packed(draws)
    back = unpacked(one)
    finite = np.isfinite(draws)
    step = 2.0**one.grid
    span, largest = (np.ptp(draws[finite]), np.abs(draws[finite]).max()) if finite.any() else (0.0, 1.0)
    assert np.array_equal(np.isfinite(back), finite)
    assert (np.abs(back - draws)[finite] <= step / 2).all()
    assert not finite.any() or step <= max(2.1 * span / 65_534, 2.0**-49 * largest, 2.0**-50)
    assert np.array_equal(snapped(draws, one.grid), back, equal_nan=True)
    assert np.array_equal(snapped(back, one.grid), back, equal_nan=True)
    assert packed(back).codes == one.codes or span == 0


def test_rounding_changes_no_deviation_worth_the_name() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        shared = rng.normal(0, 1, 1000)
        base = 0.1 + 0.01 * shared
        new = base + rng.normal(0, 0.0005, 1000)  # much alike: the difference spreads a twentieth as much
        exact = paired_difference(0.1, 0.1, base, new)
        one = packed(base)
        rounded = paired_difference(0.1, 0.1, unpacked(one), snapped(new, one.grid))
        assert exact is not None
        assert rounded is not None
        assert rounded.deviation == pytest.approx(exact.deviation, rel=1e-3)


def test_a_baseline_says_what_its_run_says(tmp_path: Path) -> None:
    old, new = write(tmp_path / "a"), write(tmp_path / "b", Wanted(three(0.16, 0.21, 0.102)))
    file = tmp_path / "base.json"
    write_baseline(saved(old), file)
    rules = ["bscer@macer5:+2pp", "macer@bscer1:+1pp", "d_eer:+10%"]
    direct, stored = compare(old, new, rules), compare(file, new, rules)
    for one, other in zip(direct.rows, stored.rows, strict=True):
        assert (one.verdict, one.base, one.new, one.difference) == (
            other.verdict,
            other.base,
            other.new,
            other.difference,
        )
        assert one.low is not None
        assert other.low is not None
        assert other.low == pytest.approx(one.low, abs=1e-3 * abs(one.difference or 0) + 1e-6)


def test_the_same_run_against_its_own_baseline_has_not_changed_at_tolerance_0(tmp_path: Path) -> None:
    run, again = write(tmp_path / "a"), write(tmp_path / "again")
    file = tmp_path / "base.json"
    write_baseline(saved(run), file)
    rules = ["bscer@macer5:+0pp", "macer@bscer1:+0pp", "d_eer:+0%"]
    for base, new in ((file, again), (again, file), (file, file)):
        assert [(row.verdict, row.low, row.high) for row in compare(base, new, rules).rows] == [("no change", 0, 0)] * 3


# ------------------------------------------------------------------------------------------------------------- the file


def test_a_run_made_again_gives_the_same_bytes_and_no_path(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a"), write(tmp_path / "elsewhere" / "b")
    assert saved(first) == saved(second)
    text = saved(first)
    assert "somebody" not in text
    assert str(tmp_path) not in text
    assert "2026" not in text
    lines = [line for line in text.splitlines() if line.startswith('{"figure"')]
    assert len(lines) == 3  # one line a figure
    assert len(text) < 3 * (2 * DRAWS * 4 / 3 + 300) + 3000


def test_complements_are_stored_once_and_read_as_both(tmp_path: Path) -> None:
    wrong = errors(0.1)
    keys = [("true_match_rate", "fmr=0.01", None), ("false_non_match_rate", "fmr=0.01", None)]
    labels = {"recognizer": "lbp", "detector": None}
    run = write(tmp_path / "a", Wanted({keys[0]: ~wrong, keys[1]: wrong}, labels, {"assessment": "verification"}))
    text = saved(run, "fnmr")
    assert text.count('{"figure"') == 1
    file = tmp_path / "base.json"
    write_baseline(text, file)
    rows = compare(file, run, ["fnmr@fmr1%:+0pp", "tmr@fmr1%:-0pp"]).rows
    assert [(row.verdict, row.base) for row in rows] == [
        ("no change", pytest.approx(0.1)),
        ("no change", pytest.approx(0.9)),
    ]


def test_what_a_baseline_holds_may_be_chosen(tmp_path: Path) -> None:
    run = write(tmp_path / "a", Wanted({**three(), ("decidability", None, None): errors(0.5)}))
    assert "decidability" not in saved(run)
    assert saved(run, "*").count('{"figure"') == 4
    chosen = parse_baseline(saved(run, "d_eer", "macer[species=coll*]"), "x")
    assert [key.figure for key in chosen.cells[0].figures] == ["attack_error_rate", "detection_equal_error_rate"]
    with pytest.raises(ConfigError, match=r"no figure with bootstrap draws fits 'eer'"):
        saved(run, "d_eer", "eer")


@pytest.mark.parametrize(
    ("cells", "missing", "said"),
    [
        ([Wanted(three(), fails="out of memory")], (), "1 of 1 cells have no result .*out of memory"),
        ([Wanted(three())], (0,), "1 of 1 cells have no result"),
        ([Wanted(three(), spec={"draws": 0})], (), "draws: 1000"),
    ],
)
def test_only_whole_runs_with_draws_are_saved(tmp_path: Path, cells: list[Wanted], missing: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        saved(write(tmp_path / "a", *cells, missing=missing))


def test_something_else_is_replaced_only_when_asked_to(tmp_path: Path) -> None:
    text, other = saved(write(tmp_path / "a")), saved(write(tmp_path / "b", Wanted(three(0.3))))
    file = tmp_path / "deep" / "base.json"
    assert write_baseline(text, file)
    assert not write_baseline(text, file)
    with pytest.raises(ConfigError, match="--replace"):
        write_baseline(other, file)
    assert file.read_text() == text
    assert write_baseline(other, file, replace=True)
    assert file.read_text() == other
    with pytest.raises(ConfigError, match="something else"):
        write_baseline(other, tmp_path, replace=True)


# ------------------------------------------------------------------------------------------------- damaged and edited


def changed(text: str, pattern: str, to: str) -> str:
    """A text with one place changed."""
    found, count = re.subn(pattern, to, text, count=1)
    assert count == 1
    return found


@pytest.mark.parametrize(
    ("pattern", "to", "said"),
    [
        (r'"value": 0\.1,', '"value": 0.2,', r"line \d+: cells\[0\]\.figures\[0\]: edited or damaged"),
        (r'"draws": "..', '"draws": "AA', r"line \d+: cells\[0\]\.figures\[0\]: edited or damaged"),
        (r'"split": "eval"', '"split": "dev"', r"line \d+: cells\[0\]: edited or damaged"),
        (r'"people": 400', '"people": 40', r"line \d+: cells\[0\]: edited or damaged"),
        (r'"impersona": "0\.5\.0"', '"impersona": "9"', "line 2: the first lines: edited or damaged"),
        (r'"cells": \[', '"cells": [,', "not JSON .*line 8"),
        (r'"figures": \[', '"figurines": [', r"cells\[0\]\.figures: got nothing, expected list"),
        (r"baseline/1", "baseline/2", "written by a newer impersona .*pip install --upgrade"),
        (r"baseline/1", "baseline/0", "save it again"),
        (r"impersona\.baseline/1", "impersona.thresholds/1", "expected 'impersona.baseline/1'"),
        (r'"schema": "impersona.baseline/1",', "", "schema None"),
        (r'"value": 0\.1,', '"value": NaN,', "NaN is no number of JSON"),
        (r'"low": null', '"low": -Infinity', "-Infinity is no number of JSON"),
        (r'"value": 0\.1,', '"value": 1e999,', r"line \d+: cells\[0\]\.figures\[0\]: edited or damaged"),
        (r'"run": "', r'"run": "\\ud800', "line 2: the first lines: edited or damaged"),
        (r'"value": 0\.1,', '"value": 0.2, "value": 0.1,', "the key 'value' stands twice"),
    ],
)
def test_a_damaged_or_edited_file_is_told_by_line_or_field(tmp_path: Path, pattern: str, to: str, said: str) -> None:
    text = changed(saved(write(tmp_path / "a")), pattern, to)
    with pytest.raises(CorruptFile, match=said) as caught:
        parse_baseline(text, "base.json")
    assert str(caught.value).startswith("base.json: ")


def test_the_line_that_is_named_is_the_one_that_was_edited(tmp_path: Path) -> None:
    lines = saved(write(tmp_path / "a", Wanted(three()), Wanted(three(), {"detector": "cnn"}))).splitlines()
    figures = [number for number, line in enumerate(lines, 1) if line.startswith('{"figure"')]
    for number in figures:
        edited = [*lines]
        edited[number - 1] = edited[number - 1].replace('"n": 2000', '"n": 2001')
        with pytest.raises(CorruptFile, match=f"line {number}:"):
            parse_baseline("\n".join(edited), "x")


def test_a_line_that_stands_twice_is_refused(tmp_path: Path) -> None:
    lines = saved(write(tmp_path / "a")).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith('{"figure"'))
    with pytest.raises(CorruptFile, match="stands there twice"):
        parse_baseline("\n".join([*lines[: first + 1], lines[first], *lines[first + 1 :]]), "x")


def test_a_cell_that_stands_twice_is_refused(tmp_path: Path) -> None:
    merged = json.loads(saved(write(tmp_path / "a")))
    merged["cells"] *= 2
    with pytest.raises(CorruptFile, match=r"cells\[1\]: a cell with the same labels stands there already"):
        parse_baseline(json.dumps(merged), "x")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("grid", 10**30, "out of range"),
        ("grid", 5000, "out of range"),
        ("first", 10**400, "out of range"),
        ("value", "much", "expected numbers or null"),
        ("value", 10**400, "expected numbers or null"),
        ("high", True, "expected numbers or null"),
        ("point", 5, r"\.point: got int, expected str"),
        ("species", ["a"], r"\.species: got list, expected str"),
        ("draws", "AAA=", "got 1 draws, expected 400"),
    ],
)
def test_what_no_run_says_is_refused_even_with_its_check_made_anew(
    tmp_path: Path, field: str, value: Any, said: str
) -> None:
    edited = json.loads(saved(write(tmp_path / "a")))
    figure = edited["cells"][0]["figures"][0]
    figure[field] = value
    figure["check"] = check_of({name: one for name, one in figure.items() if name != "check"})
    with pytest.raises(CorruptFile, match=rf"cells\[0\]\.figures\[0\].*{said}"):
        parse_baseline(json.dumps(edited), "x")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("people", 0, "got 0, expected 1 to"),
        ("people", 10**400, "expected 1 to"),
        ("people", "many", "got str, expected int"),
        ("labels", {"settings": [1]}, "expected an object"),
    ],
)
def test_what_no_cell_says_is_refused_even_with_its_check_made_anew(
    tmp_path: Path, field: str, value: Any, said: str
) -> None:
    edited = json.loads(saved(write(tmp_path / "a")))
    cell = edited["cells"][0]
    cell[field] = value
    cell["check"] = check_of({name: one for name, one in cell.items() if name not in ("check", "figures")})
    with pytest.raises(CorruptFile, match=rf"cells\[0\]\.{field}.*{said}"):
        parse_baseline(json.dumps(edited), "x")


def test_other_layout_of_the_same_json_is_read(tmp_path: Path) -> None:
    text = saved(write(tmp_path / "a"))
    tidy = parse_baseline(json.dumps(json.loads(text), indent=4, sort_keys=True), "x")
    assert np.array_equal(tidy.cells[0].draws[BSCER_KEY], parse_baseline(text, "x").cells[0].draws[BSCER_KEY])
    wrong = json.loads(text)
    wrong["cells"][0]["figures"][1]["value"] = 0.5
    with pytest.raises(CorruptFile, match=r"x: cells\[0\].figures\[1\]: edited"):
        parse_baseline(json.dumps(wrong), "x")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A baseline of few draws."""
    made = {BSCER: errors(0.1, people=30), MACER: errors(0.2, people=30), D_EER: errors(0.3, people=30)}
    return saved(write(tmp_path_factory.mktemp("whole") / "a", Wanted(made, spec={"draws": 8})))


@settings(max_examples=300)
@given(data=st.data())
def test_whatever_is_changed_is_told_or_changes_nothing(whole: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole) - 1))
    how = data.draw(st.sampled_from(["cut", "drop", "put"]))
    put = data.draw(st.characters(codec="utf-8"))
    text = {"cut": whole[:at], "drop": whole[:at] + whole[at + 1 :], "put": whole[:at] + put + whole[at + 1 :]}[how]
    try:
        found = parse_baseline(text, "x")
    except CorruptFile:
        return
    assert said(found) == said(parse_baseline(whole, "x"))


def said(standing: Standing) -> str:
    """Everything that a baseline says."""
    cells = [
        (cell.assessment, cell.labels, cell.identity, cell.people, cell.figures,
         {key: draws.tolist() for key, draws in cell.draws.items()})
        for cell in standing.cells
    ]  # fmt: skip
    return repr((standing.name, standing.impersona, standing.versions, standing.commit, cells))


# ------------------------------------------------------------------------------------------------------ command line


def test_saving_and_showing_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "run")
    assert exits("baseline", "save", "run") == 0
    assert "made-up.baseline.json: 3 figures of 1 cell, " in capsys.readouterr().out
    assert exits("baseline", "save", "run") == 0
    assert "stood there already" in capsys.readouterr().out
    assert exits("baseline", "save", "run", "--figure", "d_eer") == 2
    assert "--replace" in capsys.readouterr().err
    assert exits("baseline", "save", "run", "--figure", "d_eer", "--replace") == 0
    assert exits("baseline", "show", "made-up.baseline.json") == 0
    shown = capsys.readouterr().out
    assert "spectral (celeba, different people): 400 people, 400 draws" in shown
    assert re.search(r"D-EER +10\.0 %", shown)
    assert exits("baseline", "show", "nothing.json") == 2
    assert "impersona baseline save RUN --out nothing.json" in capsys.readouterr().err


def test_there_is_no_baseline_in_a_folder_or_where_there_is_nothing(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(MissingFile, match="no baseline at"):
            read_baseline(path)


def exits(*arguments: str) -> int:
    """The exit code of the command."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)
