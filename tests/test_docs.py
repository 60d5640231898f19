"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.config import PluginEntry, RecognizerEntry, Sweep, load_sweep
from bench.metrics.figures import FIGURES
from bench.places import CACHE_VARIABLE, DATA_VARIABLE, MODELS_VARIABLE
from bench.store.schema import RECORD_FIELDS
from bench.sweep.sighting import WORKERS_VARIABLE
from bench.wiring import CLI_COMMANDS

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_summary_md_lists_every_figure_with_its_meaning() -> None:
    units = "|".join(sorted({figure.unit for figure in FIGURES.values()}))
    documented = dict(re.findall(rf"^\| `(\w+)` \| (.+?) \| (?:{units}) \|", text("docs/summary.md"), re.M))
    assert documented == {name: figure.meaning.replace("|", "\\|") for name, figure in FIGURES.items()}


def test_summary_md_explains_every_field() -> None:
    fields = re.findall(r"`(\w+)`", text("docs/summary.md").split("## The figures")[0])
    assert set(RECORD_FIELDS) <= set(fields)


def test_sweeps_md_explains_every_key() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", text("docs/sweeps.md"), re.M))
    variables = {DATA_VARIABLE, MODELS_VARIABLE, CACHE_VARIABLE, WORKERS_VARIABLE}
    assert documented == set(Sweep.model_fields) | variables
    for field in set(RecognizerEntry.model_fields) - set(PluginEntry.model_fields):
        assert f"`{field}`" in text("docs/sweeps.md")


def test_the_readme_names_every_command() -> None:
    for command in CLI_COMMANDS:
        assert f"impersona {command}" in text("README.md")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_a_sweep(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in re.findall(r"\$\{(\w+)\}", path.read_text()):
        monkeypatch.setenv(variable, "/somewhere")
    assert load_sweep(path).recognizers


def test_links_between_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_readme_shows_the_example_as_it_is() -> None:
    shown = re.search(r"```yaml\n(.*?)```", text("README.md"), re.S)
    assert shown is not None
    lines = [line for line in text("examples/lfw.yaml").splitlines() if not line.startswith("#")]
    assert shown.group(1).splitlines() == lines
