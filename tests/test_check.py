"""`impersona check`: well-behaved toys keep every promise, and whatever breaks one is caught and named.

`tests/well_behaved.py` has a toy of each kind, `tests/ill_behaved` what can go wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from bench.api import FaceBatch, PluginRow
from bench.cli.main import main
from bench.conformance import Finding, check_plugin, subject
from bench.conformance.construction import Construction
from bench.errors import ConfigError, UnknownName
from bench.recognizers.random_projection import RandomProjection
from bench.registry import Registry, load
from tests import dlib_models
from tests.ill_behaved import MISCHIEF, deeds
from tests.ill_behaved.classes import Hashed, Heavy, LooseSettings, NoEmbed
from tests.well_behaved import TOYS, Differential, Identified, Parser, row


@pytest.fixture(autouse=True, scope="module")
def dlib_is_read_once() -> Iterator[None]:
    with dlib_models.read_once():
        yield


@pytest.fixture
def toys(own_registry: Registry) -> Registry:
    """A registry with every toy."""
    for name, (kind, cls) in TOYS.items():
        own_registry.add(row(kind, f"toy_{name}", cls), "the tests")
    return own_registry


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started for what can be asked in this one."""

    def here(row: PluginRow, settings: dict[str, Any]) -> Construction:
        return Construction({}, json.loads(json.dumps(load(row.kind, row.name, **settings).fingerprint())))

    monkeypatch.setattr(subject, "construct_elsewhere", here)


@pytest.fixture(autouse=True)
def counted_anew() -> None:
    deeds.start_anew()


def broken(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.kept is False]


@pytest.mark.usefixtures("toys", "one_process")
@pytest.mark.parametrize("name", TOYS)
def test_a_toy_that_behaves_keeps_every_promise(name: str) -> None:
    kind, _ = TOYS[name]
    findings = bench.check(kind, f"toy_{name}")
    assert not broken(findings)
    assert {finding.line.split(".")[0] for finding in findings} >= {"PluginRow", "Plugin"}
    not_asked = [finding for finding in findings if finding.kept is None]
    assert [finding.message for finding in not_asked] == (["there are too few"] if name == "data" else [])


@pytest.mark.usefixtures("toys", "one_process")
@pytest.mark.parametrize("does", MISCHIEF)
def test_whatever_breaks_a_promise_is_caught(does: str) -> None:
    deed = MISCHIEF[does]
    kind, _ = TOYS[deed.toy]
    found = broken(check_plugin(kind, f"toy_{deed.toy}", {"does": does}))
    assert found, does
    assert any(finding.line.startswith(deed.line) and deed.says in finding.message for finding in found), found
    assert all("expected" in finding.message for finding in found)


@pytest.mark.usefixtures("toys", "one_process")
@pytest.mark.parametrize("error", [ConfigError("no such model"), RuntimeError("of a library")], ids=["ours", "theirs"])
def test_an_identity_encoder_that_cannot_embed_is_a_finding(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*_: Any) -> None:
        raise error

    monkeypatch.setattr(RandomProjection, "embed", fails)
    (found,) = broken(bench.check("generator", "toy_identified"))
    assert found.line == "IdentityConditioned.identity_encoder"
    assert str(error) in found.message


class Choosy(Identified):
    """Refuses faces by the sign of an identity, and says anything of where it looked in those."""

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Any:
        faces = super().generate(batch, rng)
        faces[self._refused(batch)] = np.nan
        return faces

    def identity_attention(self, batch: FaceBatch) -> Any:
        maps = super().identity_attention(batch)
        maps[self._refused(batch)] = np.random.default_rng().standard_normal()
        return maps

    def _refused(self, batch: FaceBatch) -> Any:
        assert batch.identity is not None
        _REFUSED.append(batch.identity[:, 0] < 0)
        return _REFUSED[-1]


_REFUSED: list[Any] = []


@pytest.mark.usefixtures("one_process")
def test_attention_of_faces_that_are_not_made_may_be_anything(own_registry: Registry) -> None:
    own_registry.add(row("generator", "choosy", Choosy), "the tests")
    findings = bench.check("generator", "choosy")
    asked = [finding for finding in findings if finding.line.startswith("AttentiveMaker")]
    assert [finding.kept for finding in asked] == [True, True], asked
    assert any(0 < refused.sum() < len(refused) for refused in _REFUSED)


@pytest.mark.usefixtures("toys", "one_process")
def test_findings_are_the_same_every_time() -> None:
    assert bench.check("generator", "toy_generator") == bench.check("generator", "toy_generator")


@pytest.mark.usefixtures("toys", "one_process")
def test_a_differential_detector_is_given_references(own_registry: Registry) -> None:
    own_registry.add(row("detector", "pair", Differential), "the tests")
    findings = bench.check("detector", "pair")
    assert not broken(findings)
    assert any("refuses to score without references" in finding.promise for finding in findings)


def test_a_class_that_lacks_a_member_is_a_finding(own_registry: Registry) -> None:
    own_registry.add(row("recognizer", "no_embed", NoEmbed), "the tests")
    (found,) = broken(bench.check("recognizer", "no_embed"))
    assert (found.line, "lacks embed" in found.message) == ("PluginRow.target", True)


def test_settings_that_can_be_changed_are_a_finding(own_registry: Registry, one_process: None) -> None:
    own_registry.add(row("parser", "loose", Parser, LooseSettings), "the tests")
    (found,) = broken(bench.check("parser", "loose"))
    assert (found.line, "frozen=True" in found.message) == ("PluginRow.settings", True)


@pytest.mark.parametrize(
    ("target", "line", "says"),
    [
        (Heavy, "PluginRow.target", "dlib imported by importing its module and constructing it"),
        (Hashed, "Plugin.fingerprint", "use no hash()"),
    ],
)
def test_a_fresh_process_tells(own_registry: Registry, target: type, line: str, says: str) -> None:
    own_registry.add(row("parser", "elsewhere", target), "the tests")
    (found,) = broken(bench.check("parser", "elsewhere"))
    assert found.line == line
    assert says in found.message


def test_what_cannot_be_asked_is_an_error(toys: Registry) -> None:
    with pytest.raises(UnknownName, match="did you mean 'toy_parser'"):
        bench.check("parser", "toy_parsr")
    with pytest.raises(UnknownName, match="did you mean 'does'"):
        bench.check("parser", "toy_parser", dos="x")
    with pytest.raises(ConfigError, match="root"):
        bench.check("dataset", "folder")


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(("check", *arguments))
    return int(caught.value.code or 0)


def test_the_command_ends_with_0_where_all_is_kept(
    toys: Registry, one_process: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("dataset", "toy_data") == 0
    printed = capsys.readouterr().out
    assert "✓ Dataset.image" in printed
    assert "• Dataset.trials" in printed
    assert "there are too few" in printed
    assert "✗" not in printed
    assert printed.splitlines()[-1].endswith(" promises kept, 0 broken, 1 not asked")


def test_the_command_ends_with_1_and_says_what_to_change(
    toys: Registry, one_process: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("recognizer", "toy_recognizer", "--set", "does=embeddings of the batch") == 1
    printed = capsys.readouterr().out
    assert "✗ Recognizer.embed" in printed
    assert "no statistics of the batch" in " ".join(printed.split())
    assert "1 broken" in printed


def test_the_command_as_json(toys: Registry, one_process: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("executor", "toy_executor", "--json", "--set", "does=closes once") == 1
    rows = json.loads(capsys.readouterr().out)
    assert {tuple(row) for row in rows} == {("line", "promise", "kept", "message")}
    assert [row["line"] for row in rows if row["kept"] is False] == ["Executor.close"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("recognizer",), "Missing argument 'NAME'"),
        (("recogniser", "lbp"), "Invalid value"),
        (("recognizer", "lpb"), "did you mean 'lbp'"),
        (("recognizer", "lbp", "--set", "batch"), "expected key=value"),
        (("recognizer", "lbp", "--set", "batch_size=[1"), "is not a YAML value"),
        (("recognizer", "lbp", "--set", "batch_size=1", "--set", "batch_size=2"), "twice"),
        (("recognizer", "lbp", "--set", "batch_size=0"), "batch_size: got 0, expected at least 1"),
        (("dataset", "folder", "--set", "root=/none", "--set", "split=dev", "--set", "splt=dev"), "splt"),
        (("aligner", "yunet", "--set", "model=/none.onnx"), "/none.onnx"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*arguments) == 2
    assert message in capsys.readouterr().err


def test_values_of_settings_are_yaml(own_registry: Registry, one_process: None, tmp_path: Path) -> None:
    assert call("recognizer", "random_projection", "--set", "batch_size=2", "--set", "length=4") == 0
    assert call("aligner", "dlib_hog", "--set", "{points: 68}") == 2
