"""What the doctor finds, on machines that are made to be ill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench import doctor
from bench.doctor import PACKAGES, examine, refuse_shadowed_packages

ROOT = Path(__file__).parent.parent


def levels(topic: str) -> list[str]:
    return [finding.level for finding in examine() if finding.topic == topic]


def test_a_healthy_installation_has_no_shadowed_package() -> None:
    refuse_shadowed_packages()
    assert set(levels("packages")) == {"ok"}
    assert levels("weights").count("problem") == 0


def test_every_package_says_whose_it_is() -> None:
    for name in PACKAGES:
        assert doctor.MARK in (ROOT / name / "__init__.py").read_text(), name


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_of_another_distribution_is_named_with_its_path(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; import runpy; sys.argv = ['impersona', 'ls']; "
    code += f"sys.path.insert(1, {str(ROOT)!r}); from bench.cli.main import main; main()"
    if name == "bench":
        code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bench import doctor; import importlib.util as u; "
        code += f"sys.path.insert(0, {str(tmp_path)!r}); sys.modules.pop('bench'); doctor.refuse_shadowed_packages()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode != 0
    assert f"the package {name!r} is not impersona's: {tmp_path / name}" in done.stderr


def test_both_onnxruntimes_get_two_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.version_of
    monkeypatch.setattr(doctor, "version_of", lambda name: "1.0" if name == "onnxruntime-gpu" else real(name))
    (finding,) = [finding for finding in examine() if finding.topic == "onnxruntime" and finding.level == "problem"]
    assert finding.remedy[0] == "pip uninstall -y onnxruntime onnxruntime-gpu"
    assert finding.remedy[1].startswith("pip install onnxruntime")


def test_folders_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IMPERSONA_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("IMPERSONA_MODELS", str(tmp_path / "none"))
    assert levels("data")[0] == "problem"
    assert "problem" in levels("models")
    monkeypatch.setenv("IMPERSONA_DATA", str(tmp_path))
    monkeypatch.delenv("IMPERSONA_MODELS")
    assert levels("data")[0] == "ok"
    assert "note" in levels("models")


def test_a_weight_file_without_a_card_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"1234")
    monkeypatch.setattr(doctor, "RELEASED", tmp_path)
    assert "problem" in levels("weights")
    (tmp_path / "x.md").write_text("card")
    assert "problem" not in levels("weights")
