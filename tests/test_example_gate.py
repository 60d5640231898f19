"""The example in examples/gate, and the command lines that it and its page show."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest
import yaml

import bench
from bench.cli.main import cli
from bench.config import load_sweep
from bench.provenance import version_of
from bench.wiring import CLI_COMMANDS
from reports.gate.baseline_reader import read_baseline
from reports.gate.rules import parse_rules
from tests.test_example_plugin import call, run

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "gate"
WORKFLOW = EXAMPLE / ".github" / "workflows" / "face-gate.yml"
PAGE = ROOT / "docs" / "gate_in_ci.md"
FILES = sorted(path.relative_to(EXAMPLE).as_posix() for path in EXAMPLE.rglob("*") if path.is_file())


def steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(WORKFLOW.read_text())["jobs"]["gate"]["steps"]
    return found


def commands() -> list[list[str]]:
    """The words of every command of ours, or of pytest, in the workflow, the README and the page."""
    scripts = [step["run"] for step in steps() if "run" in step]
    for path in (EXAMPLE / "README.md", PAGE):
        text = path.read_text()
        scripts += re.findall(r"```sh\n(.*?)```", text, re.S) + re.findall(r"^- run: (.*)$", text, re.M)
    lines = [line for script in scripts for line in script.replace("\\\n", " ").splitlines()]
    found = [shlex.split(part.strip(" ()"), comments=True) for line in lines for part in line.split("&&")]
    return [words for words in found if words and words[0] in ("impersona", "pytest")]


def test_the_workflow_is_one_and_does_all_of_it() -> None:
    document = yaml.safe_load(WORKFLOW.read_text())
    assert set(document) == {"name", True, "jobs"}, "YAML 1.1 reads `on` as true"
    assert set(document[True]) == {"pull_request"}
    script = "\n".join(step.get("run", "") for step in steps())
    for part in ("pip install", "impersona run", "impersona compare", "--github", "--junit", "tests/test_gate.py",
                 "--benchmark-compare-fail"):  # fmt: skip
        assert part in script
    (kept,) = [step["with"]["path"] for step in steps() if step.get("uses", "").startswith("actions/upload-artifact")]
    written = {words[words.index("--junit") + 1] for words in commands() if "--junit" in words}
    assert written <= set(kept.split())
    assert all(step.get("if") == "always()" for step in steps()[-3:]), "one that fails hides no other"


def test_every_command_line_of_ours_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE)
    ours = [words[1:] for words in commands() if words[0] == "impersona"]
    assert {words[0] for words in ours} == {"run", "compare"}
    assert len(ours) >= 4
    for name, *arguments in ours:
        assert name in CLI_COMMANDS
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        context = command.make_context(name, list(arguments))  # an unknown option is an error
        if name == "compare":
            assert len(parse_rules(context.params["rules"])) == 2
            assert context.params["base"].is_file()
        else:
            assert load_sweep(arguments[0]).detectors


def test_every_option_of_pytest_is_one(tmp_path: Path) -> None:
    pytest.importorskip("pytest_benchmark")
    ours = [words[1:] for words in commands() if words[0] == "pytest"]
    options = {word.split("=")[0] for words in ours for word in words if word.startswith("-")}
    assert options >= {"--impersona-update-baselines", "--benchmark-save", "--benchmark-compare-fail"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "pytest_benchmark.plugin", "-p", "reports.pytest_plugin", "--help"],
        cwd=tmp_path, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    for option in options:
        assert re.search(rf"^\s+(-\w, )?{option}\b", done.stdout.replace("--junit-xml=", "--junit-xml "), re.M), option
    for words in ours:
        assert all((EXAMPLE / word).exists() for word in words if not word.startswith("-") and "/" in word), words


def test_its_readme_names_every_file_and_every_script_has_a_licence() -> None:
    text = (EXAMPLE / "README.md").read_text()
    assert [name for name in FILES if name not in text and "__pycache__" not in name] == ["README.md"]
    for name in FILES:
        if name.endswith(".py"):
            assert (EXAMPLE / name).read_text().startswith("# SPDX-License-Identifier: Apache-2.0\n"), name


def test_its_sweep_baseline_and_detector_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE)
    (entry,) = load_sweep("sweep.yaml").detectors
    detector = bench.load("detector", entry.name, **entry.settings)
    (cell,) = read_baseline("baselines/my_detector.json").cells
    assert cell.labels["detector"] == entry.label
    held = dict(cell.identity["detector"]["fingerprint"]) | {"onnxruntime": version_of("onnxruntime")}
    assert held == detector.fingerprint(), "make the baseline again: pytest --impersona-update-baselines"
    findings = bench.check("detector", entry.name, **entry.settings)
    assert [finding for finding in findings if finding.kept is not True] == []


@pytest.mark.full
def test_a_stranger_copies_it_and_the_gate_does_its_work(tmp_path: Path) -> None:
    """A fresh virtual environment with the wheel of this checkout, in which pytest finds the plugin by its entry point.

    Torch, pytest and the others are not installed again: a .pth file lends those of the running environment.
    """
    copy = tmp_path / "my-gate"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache", "runs"))
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"
    folder = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], tmp_path).strip()
    lent = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    Path(folder, "lent.pth").write_text("\n".join(lent) + "\n")
    constraints = ["-c", str(ROOT / "constraints.txt")]
    done = call([python, "-m", "pip", "install", "-q", "--no-deps", *constraints, str(ROOT)], tmp_path)
    if done.returncode and "No matching distribution found for hatchling" in done.stderr:
        pytest.skip("no package index: pip cannot get hatchling, which builds the wheel")
    assert done.returncode == 0, done.stderr
    (copy / "where.py").write_text("import bench, reports; print(bench.__file__, reports.__file__)")
    assert all(path.startswith(str(tmp_path / "venv")) for path in run([python, "where.py"], copy).split())

    def gate(*options: str) -> subprocess.CompletedProcess[str]:
        return call([python, "-m", "pytest", "-p", "no:cacheprovider", *options, "tests/test_gate.py"], copy)

    first = gate()
    assert first.returncode == 0, first.stdout + first.stderr
    assert "sweep.yaml against baselines/my_detector.json: passed" in first.stdout

    trained = (copy / "detector" / "my_detector.onnx").read_bytes()
    run([python, "detector/spoil.py"], copy)
    spoilt = gate("--impersona-junit", "junit")
    assert spoilt.returncode == 1, spoilt.stdout + spoilt.stderr
    assert "impersona gate: sweep.yaml against baselines/my_detector.json failed" in spoilt.stdout
    assert re.search(r"D-EER of my_detector .* rose from\s+11\.\d % to [23]\d\.\d %", spoilt.stdout)
    assert "allowed +2.0): worse" in spoilt.stdout
    assert "detector my_detector: model_sha256" in spoilt.stdout
    assert "Traceback" not in spoilt.stdout
    (file,) = (copy / "junit").glob("*.xml")
    assert len(list(ElementTree.parse(file).iter("failure"))) == 2
    # the workflow's own command says the same
    (words,) = {tuple(words) for words in commands() if words[:2] == ["impersona", "compare"]}
    said = call([python.with_name("impersona"), *words[1:]], copy)
    assert (said.returncode, "::error" in said.stdout) == (1, True), said.stdout + said.stderr
    assert len(list(ElementTree.parse(copy / "gate.xml").iter("failure"))) == 2

    (copy / "detector" / "my_detector.onnx").write_bytes(trained)
    restored = gate()
    assert restored.returncode == 0, restored.stdout + restored.stderr
    # and where the worse one is what is wanted
    run([python, "detector/spoil.py"], copy)
    assert "baseline written  baselines/my_detector.json" in gate("--impersona-update-baselines").stdout
    assert gate().returncode == 0
