"""Sweep files: what they admit, and what they say about what they do not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.config import Sweep, axes_of, load_sweep, parse_sweep
from bench.errors import ConfigError, MissingFile, UnknownName

MINIMAL = {"name": "a", "dataset": "drawn", "recognizers": ["dlib_resnet"]}


def test_names_and_mappings_are_the_same_entry() -> None:
    short = parse_sweep(MINIMAL)
    long = parse_sweep({**MINIMAL, "dataset": {"name": "drawn"}, "recognizers": [{"name": "dlib_resnet"}]})
    assert short == long
    assert short.recognizers[0].as_entry() == {"name": "dlib_resnet"}


def test_what_stands_beside_a_name_is_its_settings() -> None:
    sweep = parse_sweep(
        {**MINIMAL, "recognizers": [{"name": "a", "model": "m", "label": "l", "aligner": {"name": "b", "side": 3}}]}
    )
    entry = sweep.recognizers[0]
    assert (entry.settings, entry.label) == ({"model": "m"}, "l")
    assert entry.aligner is not None
    assert entry.aligner[0].as_entry() == {"name": "b", "side": 3}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"recognisers": []}, UnknownName, "unknown key 'recognisers'; did you mean 'recognizers'"),
        ({"recognizers": []}, ConfigError, "got nobody to judge, expected recognizers, detectors or aligners"),
        ({"detectors": ["random"]}, ConfigError, "detectors: got nothing to detect, expected generators or attacks"),
        ({"seed": "seven"}, ConfigError, r"seed: .*integer.*\(got 'seven'\)"),
        ({"dataset": 3}, ConfigError, "dataset: "),
        ({"dataset": {"people": 3}}, ConfigError, r"dataset.name: Field required"),
        ({"fmr": [0.01, 2]}, ConfigError, "expected different rates between 0 and 1"),
        ({"fmr": [0.01, 0.01]}, ConfigError, "expected different rates"),
        ({"name": "../up"}, ConfigError, "because it names a folder"),
        ({"assessments": ["verifcation"]}, ConfigError, "verification"),
        ({"pairs": {"counts": 5}}, UnknownName, r"unknown key 'counts'; did you mean 'count'\? \(in pairs of "),
        ({"calibrate": {"splitt": "dev"}}, UnknownName, "unknown key 'splitt'; did you mean 'split'"),
        ({"groups": ["Male", {"colum": "age"}]}, UnknownName, "unknown key 'colum'; did you mean 'column'"),
        ({"pairs": 500}, ConfigError, r"pairs: expected a mapping .*\(got 500\)"),
        ({"pairs": {"alike_by": "lbp"}}, ConfigError, "alike_by goes with kind: look_alikes"),
        ({"pairs": {"file": "pairs.csv", "count": 5}}, ConfigError, "expected no count, kind or alike_by"),
    ],
)
def test_bad_sweeps_say_what_is_wrong(change: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_sweep(MINIMAL | change)


def test_a_list_of_pairs_can_be_dumped_and_read_again() -> None:
    sweep = parse_sweep({**MINIMAL, "pairs": {"file": "pairs.csv", "references": 2}})
    assert Sweep.model_validate(sweep.model_dump()) == sweep


def test_one_value_is_a_list_of_one() -> None:
    sweep = parse_sweep({**MINIMAL, "recognizers": "lbp", "fmr": 0.1})
    assert (sweep.recognizers[0].name, sweep.fmr) == ("lbp", (0.1,))


def test_rates_are_sorted_from_lax_to_strict() -> None:
    assert parse_sweep({**MINIMAL, "fmr": [1e-4, 1e-2]}).fmr == (1e-2, 1e-4)


def test_files_variables_and_overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("name: a\ndataset: {name: folder, root: '${SOMEWHERE}/x'}\nrecognizers: [lbp, dlib_resnet]\n")
    monkeypatch.delenv("SOMEWHERE", raising=False)
    with pytest.raises(ConfigError, match="SOMEWHERE, which is not set; export SOMEWHERE="):
        load_sweep(path)
    monkeypatch.setenv("SOMEWHERE", "/there")
    sweep = load_sweep(path, ["seed=3", "recognizers.1.threads=2", "dataset.max_per_subject=5", "fmr=[0.1]"])
    assert sweep.dataset.settings == {"root": "/there/x", "max_per_subject": 5}
    assert sweep.seed == 3
    assert sweep.fmr == (0.1,)
    assert sweep.recognizers[1].as_entry() == {"name": "dlib_resnet", "threads": 2}
    assert Sweep.model_validate(sweep.model_dump()) == sweep


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "expected key=value"),
        ("=3", "expected key=value"),
        ("recognizers.7.x=1", "'7' is not a position in a list of 1"),
        ("seed.x=1", "has no parts"),
        ("seed={", "is not a YAML value"),
        ("sed=1", "did you mean 'seed'"),
    ],
)
def test_bad_overrides(tmp_path: Path, override: str, message: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("name: a\nseed: 1\ndataset: drawn\nrecognizers: [lbp]\n")
    with pytest.raises(ConfigError, match=message):
        load_sweep(path, [override])


def test_what_is_no_sweep_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"no sweep file at .*examples/"):
        load_sweep(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- a\n")
    with pytest.raises(ConfigError, match="got list, expected a mapping"):
        load_sweep(tmp_path / "list.yaml")
    (tmp_path / "bad.yaml").write_text("a: [\n")
    with pytest.raises(ConfigError, match="is not a YAML file"):
        load_sweep(tmp_path / "bad.yaml")
    with pytest.raises(ConfigError, match="is not a YAML file"):
        load_sweep(tmp_path)
    (tmp_path / "twice.yaml").write_text("name: a\nseed: 1\nseed: 2\n")
    with pytest.raises(ConfigError, match="the key 'seed' stands twice"):
        load_sweep(tmp_path / "twice.yaml")


@dataclass(frozen=True)
class Settings:
    """A scalar, an optional scalar, a list and an optional list."""

    one: int = 0
    maybe: float | None = None
    many: tuple[str, ...] = ()
    some: list[int] | None = None


def test_a_list_where_one_value_is_expected_is_an_axis() -> None:
    assert axes_of(Settings, {"one": [1, 2], "many": ["a"], "some": [1]}) == {"one": [1, 2]}
    assert axes_of(Settings, {"maybe": [0.1], "many": [["a"], ["b"]]}) == {"maybe": [0.1], "many": [["a"], ["b"]]}
    assert axes_of(Settings, {"one": 1, "some": [[1], [2]]}) == {"some": [[1], [2]]}
