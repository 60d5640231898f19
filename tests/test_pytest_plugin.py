"""The gate in pytest: what a user's tests see of it, and what everybody else's do not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reports.gate import compare
from reports.gate.baseline import baseline_text
from reports.gate.rules import parse_pattern
from reports.gate.runs import read_run
from tests.synthetic_gate import MACER, Wanted, errors, three, write
from tests.toys import photos

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
RULE = "bscer@macer5:+2pp"


@pytest.fixture(autouse=True)
def only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is installed here stays out of the inner sessions; an installed impersona is not loaded twice."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a baseline, a run as good as it, one that is worse, and a folder below its root."""
    pytester.makeini("[pytest]\naddopts = --strict-markers\n")
    base = write(pytester.path / "runs" / "base", Wanted(three()))
    write(pytester.path / "runs" / "same", Wanted(three(), spec={"run": "another"}))
    write(pytester.path / "runs" / "worse", Wanted(three(bscer=0.2)))
    (pytester.path / "baselines").mkdir()
    (pytester.path / "baselines" / "base.json").write_text(baseline_text(read_run(base)))
    (pytester.path / "below").mkdir()
    return pytester


def session(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "reports.pytest_plugin", *arguments)


def test_a_gate_passes_and_fails_with_the_verdicts(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_gate="""
        import pytest

        def test_same(impersona_gate):
            found = impersona_gate("baselines/base.json", "runs/same", fail_on=["bscer@macer5:+2pp", "d_eer:+1pp"])
            assert found.passed
            assert [row.verdict for row in found.rows] == ["no change", "no change"]

        def test_worse(impersona_gate):
            impersona_gate("baselines/base.json", "runs/worse", fail_on=["bscer@macer5:+2pp", "d_eer:+1pp"])
            raise AssertionError("a gate that fails ends the test")

        def test_one_rule_as_text(impersona_gate):
            assert impersona_gate("runs/base", "runs/worse", fail_on="d_eer:+1pp").passed

        @pytest.mark.impersona_gate(base="baselines/base.json", fail_on=["bscer@macer5:+2pp"])
        class TestMarked:
            def test_the_call_adds(self, impersona_gate):
                assert impersona_gate(new="runs/same").rows[0].rule == "bscer@macer5:+2pp"

            @pytest.mark.impersona_gate(new="runs/worse")
            def test_the_marker_says_it_all(self, impersona_gate):
                impersona_gate()

            @pytest.mark.impersona_gate(new="runs/worse")
            def test_the_call_overrides(self, impersona_gate):
                assert impersona_gate(fail_on=["bscer@macer5:+20pp"]).passed

            @pytest.mark.impersona_gate("runs/base", "runs/same")
            def test_two_in_a_row(self, impersona_gate):
                assert impersona_gate().base.endswith("runs/base")
                assert impersona_gate("baselines/base.json").base.endswith("base.json")
        """
    )
    result = session(project)
    result.assert_outcomes(passed=5, failed=2)
    said = result.stdout.str()
    expected = compare(project.path / "baselines" / "base.json", project.path / "runs" / "worse", [RULE, "d_eer:+1pp"])
    for line in expected.to_text().strip().splitlines():
        assert line in said
    assert expected.failures[0].sentence in said
    assert "impersona gate: runs/worse against baselines/base.json failed" in said
    assert "pytest --impersona-update-baselines" in said
    assert "def test_worse" not in said, "no traceback"
    assert "pytest_plugin.py" not in said
    section = said.split("= impersona gate =")[1].split("short test summary")[0]
    listed = dict(re.findall(r"^(.+: .+?)  \(test_gate\.py::(.+)\)$", section, re.M))
    assert len(re.findall(r"\(test_gate\.py::", section)) == 8, "one line a gate"
    assert listed["runs/same against baselines/base.json: passed (2 no change)"] == "test_same"
    failed = "runs/worse against baselines/base.json: FAILED: 1 of 2 figures (1 worse, 1 no change)"
    assert listed[failed] == "test_worse"
    assert section.count(f"    {RULE}  ") == 2


def test_what_cannot_be_compared_fails_with_one_message(project: pytest.Pytester) -> None:
    (project.path / "broken.yaml").write_text("nane: a\n")
    project.makepyfile(
        test_gate="""
        import pytest

        def test_no_base(impersona_gate):
            impersona_gate(new="runs/same", fail_on=[])

        def test_no_rules(impersona_gate):
            impersona_gate("runs/base", "runs/same")

        def test_bad_path(impersona_gate):
            impersona_gate("baselines/none.json", "runs/same", fail_on=["eer:+1pp"])

        def test_bad_rule(impersona_gate):
            impersona_gate("runs/base", "runs/same", fail_on=["bscr@macer5:+2pp"])

        def test_no_path(impersona_gate):
            impersona_gate("runs/base", 5, fail_on=[])

        def test_no_text(impersona_gate):
            impersona_gate("runs/base", "runs/same", fail_on=[None])

        def test_bad_sweep(impersona_gate):
            impersona_gate("runs/base", "broken.yaml", fail_on=["eer:+1pp"])

        @pytest.mark.impersona_gate(bsae="runs/base")
        def test_bad_marker(impersona_gate):
            pass
        """
    )
    result = session(project)
    result.assert_outcomes(failed=7, errors=1)
    said = result.stdout.str()
    for message in (
        "impersona gate: got no base; call impersona_gate(base, new, fail_on=[...])",
        "impersona gate: got no fail_on;",
        f"impersona gate: MissingFile: no baseline and no run folder at {project.path}/baselines/none.json; a ",
        "impersona gate: UnknownName: unknown figure 'bscr'; did you mean 'bscer'",
        "impersona gate: got new 5; expected a path, or a sweep",
        "impersona gate: ConfigError: got rule None; expected text, such as bscer@macer5:+2pp",
        "impersona gate: UnknownName: unknown key 'nane'; did you mean 'name'",
        "the marker impersona_gate got bsae; it takes base, new, fail_on, match, strict, out",
    ):
        assert message in said, message
    assert "pytest_plugin.py" not in said


def test_strict_and_match_reach_the_gate(project: pytest.Pytester) -> None:
    few = {key: value[:30] for key, value in three().items()}
    more = {**few, MACER: errors(0.3, 5)[:30]}
    write(project.path / "runs" / "few", Wanted(few))
    write(project.path / "runs" / "renamed", Wanted(more, labels={"detector": "new_name"}))
    project.makepyfile(
        test_gate="""
        rules, match = ["macer@bscer1[species=collage]:+0pp"], {"spectral": "new_name"}

        def test_unsure(impersona_gate):
            found = impersona_gate("runs/few", "runs/renamed", fail_on=rules, match=match)
            assert found.rows[0].verdict == "cannot tell"

        def test_strict(impersona_gate):
            impersona_gate("runs/few", "runs/renamed", fail_on=rules, match=match, strict=True)
        """
    )
    session(project).assert_outcomes(passed=1, failed=1)


def test_baselines_are_written_when_asked_for(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_gate="""
        def test_headline(impersona_gate):
            impersona_gate("baselines/base.json", "runs/worse", fail_on=["bscer@macer5:+2pp"])

        def test_new(impersona_gate):
            impersona_gate("baselines/deep/new.json", "runs/worse", fail_on=["macer@bscer1[species=collage]:+1pp"])

        def test_a_run_is_no_baseline(impersona_gate):
            impersona_gate("runs/base", "runs/worse", fail_on=["bscer@macer5:+2pp"])
        """
    )
    before = (project.path / "baselines" / "base.json").read_bytes()
    session(project).assert_outcomes(failed=3)
    assert (project.path / "baselines" / "base.json").read_bytes() == before
    result = session(project, "--impersona-update-baselines")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*expected a baseline file to write, and a run folder or a sweep*",
            "*= impersona gate =*",
            "baseline written  baselines/base.json: passed (1 no change)  (test_gate.py::test_headline)",
            "baseline written  baselines/deep/new.json: passed (1 no change)  (test_gate.py::test_new)",
        ]
    )
    worse = read_run(project.path / "runs" / "worse")
    assert (project.path / "baselines" / "base.json").read_text() == baseline_text(worse)
    session(project).assert_outcomes(passed=2, failed=1)


def test_a_baseline_holds_what_every_test_of_the_session_asks_of_it(project: pytest.Pytester) -> None:
    beyond: dict = {**three(), ("attack_error_rate", "attack_error=0.05", "collage"): errors(0.05, 6)}
    write(project.path / "runs" / "beyond", Wanted(beyond))
    project.makepyfile(
        test_gate="""
        import pytest

        @pytest.mark.parametrize("rule", ["macer@macer5[species=collage]:+2pp", "bscer@macer5:+2pp"])
        def test_rule(impersona_gate, rule):
            impersona_gate("baselines/all.json", "runs/beyond", fail_on=[rule])
        """
    )
    session(project, "--impersona-update-baselines").assert_outcomes(passed=2)
    session(project).assert_outcomes(passed=2)
    everything = baseline_text(read_run(project.path / "runs" / "beyond"), [parse_pattern("*")])
    assert (project.path / "baselines" / "all.json").read_text() == everything


SWEEP = {
    "name": "squares",
    "dataset": {"name": "folder", "root": "photos"},
    "recognizers": [{"name": "random_projection", "length": 4, "aligner": "none"}],
    "fmr": [0.1],
    "draws": 50,
}


def test_a_sweep_is_run_first(pytester: pytest.Pytester) -> None:
    photos(pytester.path / "photos")
    pytester.makeini("[pytest]\n")
    (pytester.path / "sweep.yaml").write_text(json.dumps(SWEEP))
    (pytester.path / "broken.onnx").write_bytes(b"no network")
    failing = {**SWEEP, "recognizers": [{"name": "arcface_onnx", "model": "broken.onnx", "aligner": "none"}]}
    pytester.makepyfile(
        test_gate=f"""
        from pathlib import Path

        import pytest

        sweep = {SWEEP!r}

        def test_file(impersona_gate, tmp_path):
            found = impersona_gate("base.json", "sweep.yaml", fail_on=["eer:+1pp"])
            assert Path(found.new).is_relative_to(tmp_path)

        @pytest.mark.impersona_gate("base.json", sweep, fail_on=["eer:+1pp"])
        def test_mapping_in_a_folder(impersona_gate):
            assert impersona_gate(out="runs/mine").new.endswith("runs/mine")
            assert impersona_gate(out="runs/mine").passed

        def test_a_cell_that_fails(impersona_gate):
            impersona_gate("base.json", {failing!r}, fail_on=["eer:+1pp"])
        """
    )
    below = pytester.path / "below"
    below.mkdir()
    os.chdir(below)
    updated = session(
        pytester, "--rootdir", str(pytester.path), "-c", "../tox.ini", "--impersona-update-baselines", ".."
    )
    updated.assert_outcomes(passed=2, failed=1)
    result = session(pytester, "--rootdir", str(pytester.path), "-c", "../tox.ini", "..", "--impersona-junit", "junit")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "impersona gate: 1 cell of the sweep squares failed, so that nothing can be compared:",
            "  CorruptFile: broken.onnx: *",
            "sweep.yaml against base.json: passed (1 no change)  (*test_file)",
        ]
    )
    files = sorted((pytester.path / "junit").glob("*.xml"))
    assert len(files) == 3, files
    assert {ElementTree.parse(file).getroot().tag for file in files} == {"testsuites"}


def test_the_verdicts_come_back_from_other_processes(project: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    project.makepyfile(
        test_gate="""
        import pytest

        @pytest.mark.parametrize("new", ["runs/same", "runs/worse"])
        def test_gate(impersona_gate, new):
            impersona_gate("baselines/base.json", new, fail_on=["bscer@macer5:+2pp"])
        """
    )
    result = session(project, "-p", "xdist", "-n", "2", "--junit-xml", "all.xml")
    result.assert_outcomes(passed=1, failed=1)
    section = result.stdout.str().split("= impersona gate =")[1]
    assert "runs/same against baselines/base.json: passed" in section
    assert "runs/worse against baselines/base.json: FAILED" in section
    names = [one.get("name") for one in ElementTree.parse(project.path / "all.xml").iter("property")]
    assert names == ["impersona gate", "impersona gate"]


def test_who_does_not_use_it_does_not_notice(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error\n")
    pytester.makepyfile(
        test_own="""
        import sys

        def test_own():
            assert "bench" not in sys.modules
            assert not {"pandas", "numpy", "matplotlib", "torch"} & set(sys.modules)
        """
    )
    result = session(pytester)
    result.assert_outcomes(passed=1)
    assert "impersona" not in result.stdout.str().replace("reports.pytest_plugin", "")
    without = pytester.runpytest_subprocess()
    without.assert_outcomes(passed=1)


def test_loading_it_imports_nothing_but_pytest() -> None:
    code = (
        "import sys, pytest\nbefore = set(sys.modules)\nimport reports.pytest_plugin\n"
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['reports']"


def test_help_shows_what_it_adds(pytester: pytest.Pytester) -> None:
    said = session(pytester, "--help").stdout.str()
    assert "--impersona-update-baselines" in said
    assert "--impersona-junit=DIR" in said
    assert "@pytest.mark.impersona_gate(base, new, fail_on=[...]" in session(pytester, "--markers").stdout.str()
