"""Training that begins with released weights (`--start`), settings from a file (`--settings`), the frozen parser."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch

import bench
from bench.api import PluginRow
from bench.errors import ConfigError, CorruptFile, MissingFile, UnknownName
from bench.parsers.network import read_network
from generators.training import frozen as frozen_networks
from generators.training.__main__ import main as module_main
from generators.training.choice import settings_in, settings_with
from generators.training.frozen import FrozenParser, frozen_for, parser_weights
from generators.training.identity import refuse_another
from generators.training.loop import train
from generators.training.recipe import Frozen
from generators.training.released import FORMAT, read_about, read_released, write_released
from generators.training.run import build, start_with
from tests.toy_recipe import TOY, Toy, ToySettings

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")
COMMON = {"device": "cpu", "threads": 1, "tick_steps": 10, "sample_seconds": 0, "name": "generator/toy"}


def trained(out, settings="tiny", **options):
    return train(TOY, settings, Path("/nowhere"), out, **{**COMMON, **options})


def maker_in(out, step, kind="network"):
    from safetensors.torch import load_file

    state = load_file(out / "checkpoints" / f"step-{step:09d}" / "state.safetensors")
    return {key.split("/", 2)[2]: value for key, value in state.items() if key.startswith(f"{kind}/maker/")}


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Weights of a short run, and what the file holds."""
    folder = tmp_path_factory.mktemp("released")
    trained(folder / "run", seed=1, max_steps=5, release=str(folder / "toy.safetensors"))
    return folder / "toy.safetensors"


@pytest.fixture
def with_toy(own_registry):
    own_registry.add(
        PluginRow(kind="generator", name="toy", target="nowhere:Nothing", summary="a toy", source="tests",
                  licence="none", recipe="tests.toy_recipe:TOY"), "tests",
    )  # fmt: skip
    return own_registry


def typed(out, *more):
    return ["toy", "--preset", "tiny", "--data", str(ROOT), "--out", str(out), "--device", "cpu", "--threads", "1",
            "--sample-seconds", "0", *more]  # fmt: skip


# --------------------------------------------------------------------------------------------------------------- start


def test_networks_of_the_same_name_start_with_the_weights_and_others_are_fresh(released, tmp_path):
    trained(tmp_path, seed=2, max_steps=0, start=str(released))
    _, states = read_released(released)
    assert set(states) == {"maker"}
    for kind in ("network", "average"):
        found = maker_in(tmp_path, 0, kind)
        assert found.keys() == states["maker"].keys()
        assert all(torch.equal(found[key], value) for key, value in states["maker"].items())
    fresh, started = (build(TOY, ToySettings(), Frozen(), 2) for _ in range(2))
    start_with(str(released), started.networks)
    for key, value in fresh.networks["judge"].state_dict().items():
        assert torch.equal(started.networks["judge"].state_dict()[key], value)
    assert not torch.equal(next(fresh.maker.parameters()), next(started.maker.parameters()))


def test_a_network_of_another_shape_or_other_names_are_refused(released, tmp_path):
    with pytest.raises(ConfigError, match=r"--start: maker in .* is made otherwise than this run's .*\(8, 3, 3, 3\)|"
                                          r"--start: maker in .*size mismatch"):  # fmt: skip
        trained(tmp_path / "wide", "base", max_steps=1, start=str(released))
    assert not (tmp_path / "wide" / "checkpoints").exists()
    lacking = Toy(ToySettings(), Frozen()).maker[:1]
    write_released(tmp_path / "lacking.safetensors", {"maker": lacking}, ToySettings(), {})
    with pytest.raises(ConfigError, match="Missing key"):
        trained(tmp_path / "lacking", max_steps=1, start=str(tmp_path / "lacking.safetensors"))
    write_released(tmp_path / "other.safetensors", {"painter": torch.nn.Linear(1, 1)}, ToySettings(), {})
    with pytest.raises(ConfigError, match="with painter, expected some of judge, maker"):
        trained(tmp_path / "other", max_steps=1, start=str(tmp_path / "other.safetensors"))
    with pytest.raises(MissingFile, match=r"gone\.safetensors"):
        trained(tmp_path / "gone", max_steps=1, start=str(tmp_path / "gone.safetensors"))
    (tmp_path / "no.safetensors").write_bytes(b"no weights")
    with pytest.raises(CorruptFile, match="not released weights"):
        trained(tmp_path / "no", max_steps=1, start=str(tmp_path / "no.safetensors"))


def test_a_started_run_goes_on_as_itself_and_as_nothing_else(released, tmp_path):
    file = tmp_path / "moved.safetensors"
    shutil.copy(released, file)
    for steps, start in ((3, released), (8, file)):  # the same bytes at another place are the same start
        trained(tmp_path / "stopped", max_steps=steps, start=str(start))
    trained(tmp_path / "whole", max_steps=8, start=str(released))
    trained(tmp_path / "fresh", max_steps=8)
    files = [tmp_path / name / "checkpoints" / "step-000000008" / "state.safetensors"
             for name in ("stopped", "whole", "fresh")]  # fmt: skip
    stopped, whole, fresh = (one.read_bytes() for one in files)
    assert stopped == whole
    assert stopped != fresh
    for there, start in (("whole", ""), ("fresh", str(released))):
        with pytest.raises(ConfigError, match=r"holds another run: start is .* there and .* here"):
            trained(tmp_path / there, max_steps=9, start=start)
    with pytest.raises(ConfigError, match=r"to go on with it, type --start FILE \(of SHA-256 [0-9a-f]{12}…\)"):
        trained(tmp_path / "whole", max_steps=9)


def test_the_card_and_released_weights_say_what_they_began_with(released, tmp_path):
    from bench.provenance import file_digest

    about = {"name": "generator/first", "people_digest": "abc", "taught_by": ["somebody"], "steps": 7}
    maker = Toy(ToySettings(), Frozen()).maker
    write_released(tmp_path / "first.safetensors", {"maker": maker}, ToySettings(), about)
    file = tmp_path / "second.safetensors"
    trained(tmp_path / "run", max_steps=2, start=str(tmp_path / "first.safetensors"), release=str(file))
    digest = file_digest(tmp_path / "first.safetensors")
    said = read_about(file)
    assert said["start"] == digest
    assert said["started_with"] == {**about, "sha256": digest}
    assert said["taught_by"] == ["somebody"]
    card = json.loads((tmp_path / "run" / "run_card.json").read_text())
    assert card["run"]["start"] == digest
    assert card["frozen"] == {"start: somebody": "somebody"}
    assert f"| started with | weights of SHA-256 {digest} |" in (tmp_path / "run" / "run_card.md").read_text()
    assert "start" not in read_about(released)


def test_a_file_that_says_nothing_of_itself_is_no_start(tmp_path):
    from safetensors.torch import save_file

    file = tmp_path / "mute.safetensors"
    save_file({"maker/weight": torch.zeros(1)}, file, {"format": FORMAT, "settings": "{}"})
    with pytest.raises(CorruptFile, match=r"mute\.safetensors: not released weights \('about'\)"):
        read_about(file)
    with pytest.raises(MissingFile, match="no weight file"):
        read_about(tmp_path / "none.safetensors")


def test_both_commands_take_a_start(with_toy, released, tmp_path):
    assert module_main(typed(tmp_path / "a", "--max-steps", "0", "--start", str(released))) == 0
    _, states = read_released(released)
    assert all(torch.equal(maker_in(tmp_path / "a", 0)[key], value) for key, value in states["maker"].items())


# ------------------------------------------------------------------------------------------------------------ settings


def test_settings_come_from_a_file_and_are_changed_further(with_toy, tmp_path):
    (tmp_path / "toy.yaml").write_text("channels: 4\nrate: 5e-3\nevery: 3\n")
    more = ["--max-steps", "1", "--settings", str(tmp_path / "toy.yaml"), "--set", "every=2", "--batch-size", "5"]
    assert module_main(typed(tmp_path / "a", *more)) == 0
    card = json.loads((tmp_path / "a" / "run_card.json").read_text())
    found = {name: card["run"]["settings"][name] for name in ("channels", "rate", "every", "batch_size")}
    assert found == {"channels": 4, "rate": 5e-3, "every": 2, "batch_size": 5}
    (tmp_path / "toy.json").write_text('{"channels": 4}')
    assert settings_in(tmp_path / "toy.json", TOY) == {"channels": 4}


def test_settings_that_belong_together_are_checked_together():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Pair:
        count: int = 2
        names: tuple = ("a", "b")
        rates: tuple = (0.1,)

        def __post_init__(self):
            if len(self.names) != self.count:
                raise ValueError(f"names: got {len(self.names)}, expected {self.count}")

    assert settings_with(Pair(), ["count=1"], {"names": ["c"], "rates": [1.0]}) == Pair(1, ("c",), (1.0,))
    with pytest.raises(ConfigError, match=r"^--settings: names: got 1, expected 2"):
        settings_with(Pair(), [], {"names": ["c"]})


def test_a_value_out_of_range_is_blamed_on_who_said_it():
    for typed, said, blamed in (
        (["rate=-1.0"], {"channels": 3}, "--set rate: got -1.0"),
        (["channels=3"], {"rate": -1.0}, "--settings: rate: got -1.0"),
        (["rate=-1.0"], {"rate": 2.5}, "--set rate: got -1.0"),
        (["rate=-1.0"], {}, "--set rate: got -1.0"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=f"^{blamed}"):
            settings_with(ToySettings(), typed, said)


def test_what_a_settings_file_must_not_say(tmp_path):
    def said(text, name="a.yaml"):
        (tmp_path / name).write_text(text)
        return settings_with(ToySettings(), [], settings_in(tmp_path / name, TOY))

    assert said("rate: 5e-3").rate == 5e-3
    with pytest.raises(UnknownName, match=r"unknown setting 'chanels'; did you mean 'channels'"):
        said("chanels: 3")
    for text, problem in (
        ("channels: many", "--settings: channels: got 'many', expected int such as 8"),
        ("rate: 2.5", "--settings: rate: got 2.5, expected more than 0"),
        ("- channels", "got list, expected a mapping"), ("channels: 3\nchannels: 4", "stands twice"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=problem):
            said(text)
    for text in ("[1]", "{"):
        with pytest.raises(ConfigError, match=r"b\.json"):
            said(text, "b.json")
    for name in ("none.yaml", "none.json"):
        with pytest.raises(MissingFile, match="no settings file at"):
            settings_in(tmp_path / name, TOY)


def test_a_trainable_may_have_words_of_its_own(tmp_path):
    (tmp_path / "a.yaml").write_text("width: 3\n")
    own = dataclasses.replace(TOY, settings_of=lambda said, where: {"channels": 2 * said["width"]})
    assert settings_with(ToySettings(), [], settings_in(tmp_path / "a.yaml", own)).channels == 6


# -------------------------------------------------------------------------------------------------------------- parser


def test_the_parser_teaches_at_any_side(tmp_path):
    found = frozen_for(frozenset({"parser"}), tmp_path, CPU, 1)
    assert found.names == {"parser": "face_parser"}
    assert found.identity is None
    assert found.parser is not None
    network = read_network(Path(bench.__file__).parent / "weights" / "face_parser.safetensors")
    images = torch.rand(2, 3, 128, 128)
    torch.testing.assert_close(found.parser(images), network(images).detach(), atol=1e-3, rtol=1e-4)
    for side in (64, 256):
        small = torch.rand(2, 3, side, side, requires_grad=True)
        logits = found.parser(small)
        assert logits.shape == (2, 19, side, side)
        logits.square().sum().backward()
        assert small.grad is not None
        assert small.grad.abs().amax((1, 2, 3)).min() > 0
    assert not any(one.requires_grad for one in found.parser.parameters())
    both = frozen_for(frozenset({"parser", "identity"}), tmp_path, CPU, 1)
    assert both.names == {"identity": "dlib_resnet", "parser": "face_parser"}


def test_the_parser_sees_the_same_regions_at_any_side(tmp_path):
    """Logits of a smooth picture at half the side are nearly those of the whole one, made small."""
    parser = FrozenParser(read_network(parser_weights(tmp_path)))
    coarse = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    whole = torch.nn.functional.interpolate(coarse, size=128, mode="bicubic").clamp(0, 1)
    half = torch.nn.functional.avg_pool2d(whole, 2)
    labels = [parser(one).argmax(1) for one in (half, whole)]
    assert (labels[0] == labels[1][:, ::2, ::2]).float().mean() > 0.9


def test_weights_in_a_pack_serve_where_none_ship(monkeypatch, tmp_path):
    shipped = parser_weights(tmp_path)
    monkeypatch.setattr(frozen_networks.bench, "__file__", str(tmp_path / "bench" / "__init__.py"))
    with pytest.raises(MissingFile, match="no weights of face_parser"):
        parser_weights(tmp_path)
    (tmp_path / "networks").mkdir()
    shutil.copy(shipped, tmp_path / "networks")
    assert parser_weights(tmp_path) == tmp_path / "networks" / shipped.name


def test_a_run_loads_the_roles_that_its_settings_want(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(frozen_networks, "frozen_for", lambda needs, *others: asked.append(needs) or Frozen())
    both = dataclasses.replace(TOY, needs=frozenset({"identity", "parser"}))
    choosy = dataclasses.replace(both, needs_of=lambda settings: frozenset({"parser"} if settings.channels > 8 else ()))
    for trainable, preset in ((both, "tiny"), (choosy, "tiny"), (choosy, "base")):
        train(trainable, preset, Path("/nowhere"), tmp_path / str(len(asked)), **COMMON, max_steps=0)
    assert asked == [{"identity", "parser"}, set(), {"parser"}]


def test_a_setting_that_a_checkpoint_does_not_know_yet_is_as_if_it_did_nothing(tmp_path: Path) -> None:
    there = {"recipe": "toy", "settings": {"side": 8}}
    refuse_another(tmp_path, there, {"recipe": "toy", "settings": {"side": 8, "decay_to": 0}})
    with pytest.raises(ConfigError, match=r"settings.decay_to is null there and 9 here"):
        refuse_another(tmp_path, there, {"recipe": "toy", "settings": {"side": 8, "decay_to": 9}})
    with pytest.raises(ConfigError, match=r"settings.decay_to is 9 there and 0 here"):
        refuse_another(tmp_path, {**there, "settings": {"side": 8, "decay_to": 9}},
                       {"recipe": "toy", "settings": {"side": 8, "decay_to": 0}})  # fmt: skip
