"""The documentation says what the code does."""

from __future__ import annotations

import importlib
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import ExifTags, Image

from bench import registry
from bench.api import Kind
from bench.config import PluginEntry, RecognizerEntry, Sweep, load_sweep, parse_sweep, validate_settings
from bench.images import encode_png
from bench.metrics.figures import FIGURES
from bench.places import CACHE_VARIABLE, DATA_VARIABLE, MODELS_VARIABLE
from bench.store.blobs import DiskStore
from bench.store.cache import ArrayCache
from bench.store.schema import RECORD_FIELDS
from bench.sweep.axes import expand
from bench.sweep.plan import plan
from bench.sweep.runner import run_sweep
from bench.sweep.sighting import WORKERS_VARIABLE
from bench.wiring import BUILT_IN, CLI_COMMANDS

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
RUNNABLE = [path for path in EXAMPLES if not re.search(r"\$\{|download: true", path.read_text(encoding="utf-8"))]
"""Those that need nothing but the package."""
PICTURES = sorted({*(ROOT / "docs" / "images").iterdir()} - {ROOT / "docs" / "images" / "first-report.png"})
"""Those that show faces."""
BLOCKS = [
    (page.name, block)
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
]


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
    sweep = load_sweep(path)
    assert sweep.recognizers or sweep.detectors


def _entries(sweep: Sweep) -> list[tuple[Kind, PluginEntry]]:
    """Every plugin that a sweep names, with its kind."""
    aligners = [entry for one in (*sweep.recognizers, *sweep.detectors) for entry in one.aligner or ()]
    aligners += [one.aligner for one in (*sweep.generators, *sweep.attacks) if one.aligner]
    return [
        ("dataset", sweep.dataset),
        *(("recognizer", one) for one in sweep.recognizers),
        *(("generator", one) for one in sweep.generators),
        *(("attack", one) for one in sweep.attacks),
        *(("detector", one) for one in sweep.detectors),
        *(("aligner", one) for one in (*aligners, *sweep.aligners)),
    ]


def _is_valid(sweep: Sweep) -> None:
    for kind, entry in _entries(sweep):
        settings = registry.settings_class(registry.registry().find(kind, entry.name))
        for chosen, _ in expand(kind, entry):
            validate_settings(settings, {k: v for k, v in chosen.items() if k != "name"}, f"{kind} {entry.name}")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_setting_of_an_example_is_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in re.findall(r"\$\{(\w+)\}", path.read_text()):
        monkeypatch.setenv(variable, "/somewhere/vectors.npz")
    _is_valid(load_sweep(path))


@pytest.mark.parametrize(("document", "block"), BLOCKS, ids=lambda value: value[:40].splitlines()[0])
def test_what_a_page_shows_of_sweeps_can_be_run(document: str, block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, "/somewhere")
    monkeypatch.setenv(MODELS_VARIABLE, "/somewhere")
    people = {"name": "drawn", "people": 12, "images": 3}
    rest = {"name": "a", "dataset": people, "recognizers": ["random_projection"], "pairs": {"count": 5}}
    sweep = parse_sweep(rest | yaml.safe_load(block), document)
    _is_valid(sweep)
    if sweep.dataset.name == "drawn" and MODELS_VARIABLE not in block:
        assert plan(sweep).cells


@pytest.mark.full
@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: path.name)
def test_an_example_that_needs_no_data_runs(path: Path, tmp_path: Path) -> None:
    small = ["dataset.people=14", "dataset.images=3", "draws=20", "recognizers=[random_projection]", "fmr=[0.1]"]
    keys = yaml.safe_load(path.read_text())
    small += ["pairs.count=8"] if "pairs" in keys else []
    small += ["pairs.alike_by=random_projection"] if "alike_by" in keys.get("pairs", {}) else []
    run = run_sweep(load_sweep(path, small), tmp_path / "run", cache=ArrayCache(DiskStore(tmp_path / "cache")))
    assert run.failures().empty
    made = "generated_faces" in set(run.summary()["figure"])
    assert made == ("generators" in keys or "attacks" in keys)


@pytest.mark.full
def test_examples_of_other_peoples_data_run_on_their_kind_of_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = registry.load("dataset", "drawn", people=12, images=2, side=112)
    keys = [frame.key for frame in data.frames()]
    lines = ["probe,reference,mated"]
    for place, key in enumerate(keys):
        path = tmp_path / "photos" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(data.image(key)))
        other = keys[place + 1] if place % 2 == 0 else keys[(place + 2) % len(keys)]
        lines.append(f"{key},{other},{1 - place % 2}")
    (tmp_path / "photos" / "pairs.csv").write_text("\n".join(lines))
    pictures = [encode_png(data.image(key)) for line in lines[1:] for key in line.split(",")[:2]]
    (tmp_path / "set.bin").write_bytes(pickle.dumps((pictures, [line.endswith("1") for line in lines[1:]])))
    rng = np.random.default_rng(0)
    people = np.repeat([f"p{number}" for number in range(60)], 3)
    vectors = np.repeat(rng.normal(size=(60, 8)), 3, axis=0) + rng.normal(size=(180, 8)) / 2
    names = np.array([f"{person}/{place}" for place, person in enumerate(people)])
    np.savez(tmp_path / "vectors.npz", keys=names, subjects=people, embeddings=vectors.astype(np.float32))
    given = {
        "embeddings.yaml": ("VECTORS", "vectors.npz", []),
        "insightface_bin.yaml": ("SET", "set.bin", ["recognizers=[{name: random_projection, aligner: none}]"]),
        "pairs_csv.yaml": ("PAIRS", "photos/pairs.csv", ["recognizers=[random_projection]"]),
    }
    monkeypatch.setenv(MODELS_VARIABLE, "/somewhere")
    for name, (variable, file, changes) in given.items():
        monkeypatch.setenv(variable, str(tmp_path / file))
        sweep = load_sweep(ROOT / "examples" / name, [*changes, "draws=20"])
        run = run_sweep(sweep, tmp_path / name, cache=ArrayCache(DiskStore(tmp_path / "cache")))
        assert run.failures().empty, name
        assert "equal_error_rate" in set(run.summary()["figure"]), name


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_pictures_of_faces_say_that_they_are_synthetic(path: Path) -> None:
    with Image.open(path) as image:
        text = "\n".join([*map(str, image.info.values()), str(image.getexif().get(ExifTags.Base.ImageDescription))])
        keywords = {*image.info, *re.findall(r"^([\w.]+): ", text, re.M)}
    assert {"impersona.synthetic", "impersona.made_by", "impersona.weights", "DigitalSourceType"} <= keywords
    assert f"docs/{path.name.partition('-')[0].replace('morph', 'morphs')}.md" in text


def test_every_data_set_and_protocol_is_on_its_pages() -> None:
    for row in (row for row in BUILT_IN if row.kind == "dataset"):
        module, _, name = row.target.partition(":")
        assert f"## {row.name}\n" in text("docs/datasets.md")
        # those of `embeddings` depend on its settings
        for protocol in getattr(getattr(importlib.import_module(module), name), "protocols", ("all_pairs", "pairs")):
            assert f"| `{row.name}` | `{protocol}` |" in text("docs/protocols.md")


def test_links_between_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_readme_shows_the_example_as_it_is() -> None:
    shown = re.search(r"```yaml\n(.*?)```", text("README.md"), re.S)
    assert shown is not None
    lines = [line for line in text("examples/lfw.yaml").splitlines() if not line.startswith("#")]
    assert shown.group(1).splitlines() == lines
