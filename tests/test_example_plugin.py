"""The example in examples/plugin: a distribution that a stranger copies, installs and checks."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

import bench
from bench.registry import Registry, registry

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "plugin"
OURS = ("bench", "attacks", "generators", "reports")
SOURCES = sorted([*EXAMPLE.glob("src/**/*.py"), *EXAMPLE.glob("tests/*.py")])


@pytest.fixture
def example(own_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The rows of the example, in a registry that has them."""
    monkeypatch.syspath_prepend(str(EXAMPLE / "src"))
    from impersona_example.table import PLUGINS  # type: ignore[import-not-found]

    rows: list[dict[str, str]] = PLUGINS
    for row in rows:
        own_registry.add(row, "the example")
    return rows


def test_every_plugin_of_the_example_keeps_its_promises(example: list[dict[str, str]]) -> None:
    assert {row["kind"] for row in example} == {"generator", "recognizer"}
    for row in example:
        findings = bench.check(row["kind"], row["name"])
        assert [finding for finding in findings if finding.kept is not True] == []


def test_it_imports_nothing_of_ours_but_api() -> None:
    for path in EXAMPLE.glob("src/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            ours = {
                name for name in names if name and name.split(".")[0] in ("bench", "attacks", "generators", "reports")
            }
            assert ours <= {"bench.api"}, path


def test_every_file_has_a_licence_header() -> None:
    assert len(SOURCES) == 5
    for path in [*SOURCES, EXAMPLE / "pyproject.toml"]:
        assert path.read_text(encoding="utf-8").startswith("# SPDX-License-Identifier: Apache-2.0\n"), path


def test_the_entry_point_names_the_table(example: list[dict[str, str]]) -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["impersona.plugins"] == {"impersona_example": "impersona_example.table:PLUGINS"}
    for row in example:
        assert registry().find(row["kind"], row["name"]).target == row["target"]  # type: ignore[arg-type]


def test_its_readme_names_every_file_and_its_links_lead_somewhere() -> None:
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    files = [path.relative_to(EXAMPLE).as_posix() for path in [*SOURCES, *EXAMPLE.glob("*.*")]]
    unnamed = [name for name in files if f"`{name}`" not in text]
    assert sorted(unnamed) == ["README.md", "src/impersona_example/__init__.py"]
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (EXAMPLE / target).exists(), target


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_the_plugin_of_the_documentation_keeps_its_promises(
    own_registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch

    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    for name, code in re.findall(r"```python\n# (my_faces/\w+\.py).*?\n(.*?)```", text, re.S):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    from my_faces.table import PLUGINS  # type: ignore[import-not-found]

    for row in PLUGINS:
        own_registry.add(row, "the documentation")
    network = torch.nn.Sequential(torch.nn.AvgPool2d(28), torch.nn.Flatten())
    torch.jit.trace(network, torch.zeros(1, 3, 112, 112)).save(str(tmp_path / "net.pt"))
    findings = bench.check("recognizer", "mine", model=str(tmp_path / "net.pt"))
    assert [finding for finding in findings if finding.kept is not True] == []


def environment(folder: Path) -> dict[str, str]:
    """Nothing of the running environment or of this checkout, but where pip finds packages."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    named = {name: value for name, value in os.environ.items() if name in kept or name.startswith(("PIP_", "SSL_"))}
    return named | {"IMPERSONA_CACHE": str(folder / "cache"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@pytest.mark.full
def test_a_stranger_installs_checks_and_uses_it(tmp_path: Path) -> None:
    """A fresh virtual environment with impersona built from this checkout and the example, both as wheels.

    Torch and the others are not installed again: a .pth file lends those of the running environment. Of impersona
    nothing is lent, because a .pth file in a lent folder is not read and the new environment's own packages come first.
    """
    copy = tmp_path / "my-plugins"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"
    paths = json.loads(
        run([python, "-c", "import json, sysconfig; print(json.dumps(sysconfig.get_paths()))"], tmp_path)
    )
    lent = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    Path(paths["purelib"], "lent.pth").write_text("\n".join(lent) + "\n")
    constraints = ["-c", str(ROOT / "constraints.txt")]
    install = [python, "-m", "pip", "install", "-q", "--no-deps", *constraints, str(ROOT), str(copy)]
    done = call(install, tmp_path)
    if done.returncode and "No matching distribution found for hatchling" in done.stderr:
        pytest.skip("no package index: pip cannot get hatchling, which builds the wheels")
    assert done.returncode == 0, done.stderr

    impersona = python.with_name("impersona")
    where = run(
        [python, "-c", "import bench, impersona_example; print(bench.__file__, impersona_example.__file__)"], tmp_path
    )
    assert all(path.startswith(str(tmp_path / "venv")) for path in where.split())
    assert "half_and_half" in run([impersona, "ls", "generator"], tmp_path)
    assert "seam: float = 0.1" in run([impersona, "ls", "generator", "half_and_half"], tmp_path)
    for words in (["generator", "half_and_half"], ["recognizer", "average_colour", "--set", "squares=8"]):
        assert ", 0 broken" in run([impersona, "check", *words], tmp_path)
    run([impersona, "run", str(copy / "sweep.yaml"), "--out", str(tmp_path / "run")], tmp_path)
    records = json.loads((tmp_path / "run" / "summary.json").read_text())["records"]
    rates = {row["recognizer"]: row["value"] for row in records if row["figure"] == "equal_error_rate"}
    assert set(rates) == {"average_colour", "one_square", "lbp"}
    assert all(0 < rate < 0.6 for rate in rates.values())
    made = {row["recognizer"]: row["value"] for row in records if row["figure"] == "generated_faces"}
    assert made == dict.fromkeys(rates, 12)
    assert (tmp_path / "run" / "report.html").is_file()
    run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(copy / "tests")], tmp_path)


def call(command: list[object], folder: Path) -> subprocess.CompletedProcess[str]:
    """A command of the fresh environment, ended."""
    return subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment(folder), capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip


def run(command: list[object], folder: Path) -> str:
    """What a command of the fresh environment prints; the test fails where the command does."""
    done = call(command, folder)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
