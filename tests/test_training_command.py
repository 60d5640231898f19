"""`impersona train` and `impersona describe`, what can be trained, settings by text, released weights."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from bench.api import PluginRow
from bench.errors import ConfigError, CorruptFile, MissingFile, PluginError, UnknownName
from generators.training.__main__ import main as module_main
from generators.training.choice import find_trainable, settings_with, with_batch_size
from generators.training.cli_describe import describe
from generators.training.cli_train import train as train_command
from generators.training.command import OPTIONS
from generators.training.description import description_of, dlib_parameters
from generators.training.options import Options
from generators.training.released import MAX_BYTES, read_about, read_released, write_released
from tests.toy_recipe import TOY, ToySettings

ROOT = Path(__file__).parent.parent


def row(kind="generator", name="toy", recipe="tests.toy_recipe:TOY"):
    return PluginRow(
        kind=kind, name=name, target="nowhere:Nothing", summary="a toy", source="tests", licence="none", recipe=recipe
    )


@pytest.fixture
def with_toy(own_registry):
    own_registry.add(row(), "tests")
    return own_registry


def typed(out, *more):
    return ["toy", "--preset", "tiny", "--data", str(ROOT), "--out", str(out), "--device", "cpu", "--threads", "1",
            "--sample-seconds", "0", *more]  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- choice


def test_names_and_kinds():
    rows = [row(), row(kind="parser"), row(name="other"), row(name="broken", recipe="tests.toy_recipe:NOTHING")]
    assert find_trainable("other", rows) == ("generator/other", TOY)
    assert find_trainable("parser/toy", rows) == ("parser/toy", TOY)
    with pytest.raises(ConfigError, match="'toy' is generator/toy and parser/toy; type one of these"):
        find_trainable("toy", rows)
    with pytest.raises(UnknownName, match="did you mean 'other'"):
        find_trainable("othr", rows)
    with pytest.raises(PluginError, match=r"generator/broken: its recipe tests\.toy_recipe:NOTHING cannot be imported"):
        find_trainable("broken", rows)


def test_settings_by_text():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Some:
        rate: float = 0.1
        count: int = 3
        flag: bool = False
        name: str = "a"
        sizes: tuple = (1, 2)
        pairs: tuple = ((1, 2),)

        def __post_init__(self):
            if self.rate < 0:
                raise ValueError(f"rate: got {self.rate}, expected 0 or more")

    found = settings_with(Some(), ["rate=1", "count=4", "flag=true", "name=3", "sizes=[3]", "pairs=[[4, 5], [6, 7]]"])
    assert found == Some(1.0, 4, True, "3", (3,), ((4, 5), (6, 7)))
    assert type(found.rate) is float
    assert settings_with(Some(), []) == Some()
    with pytest.raises(UnknownName, match="unknown setting 'rat'; did you mean 'rate'"):
        settings_with(Some(), ["rat=1"])
    for text, said in (
        ("rate", "expected key=value"), ("count=1.5", "count: got '1.5', expected int"), ("flag=1", "expected bool"),
        ("rate=-1", "rate: got -1.0, expected 0 or more"), ("rate=fast", "got 'fast', expected float"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            settings_with(Some(), [text])
    with pytest.raises(ConfigError, match="twice"):
        settings_with(Some(), ["rate=1", "rate=2"])


def test_batch_size():
    assert with_batch_size(ToySettings(), 7).batch_size == 7
    assert with_batch_size(ToySettings(), None) == ToySettings()
    with pytest.raises(ConfigError, match="have no batch_size"):
        with_batch_size(Options(), 7)


# ------------------------------------------------------------------------------------------------------------ commands


def test_both_commands_train_alike(with_toy, tmp_path, capsys):
    more = ["--max-steps", "12", "--tick-steps", "5", "--seed", "3", "--set", "channels=4"]
    clicked = CliRunner().invoke(train_command, typed(tmp_path / "a", *more), standalone_mode=False)
    assert clicked.return_value == 0, clicked.output
    assert module_main(typed(tmp_path / "b", *more)) == 0
    said = capsys.readouterr().err
    assert "step 5 " in said
    assert "stopped at step 12: max_steps (12) are done" in said
    files = [tmp_path / name / "checkpoints" / "step-000000012" / "state.safetensors" for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()
    command = json.loads((tmp_path / "b" / "run_card.json").read_text())["command"]
    assert command.startswith("python -m generators.training toy --preset tiny")
    card = json.loads((tmp_path / "a" / "run_card.json").read_text())
    assert card["run"]["name"] == "generator/toy"
    assert card["run"]["settings"]["channels"] == 4


def test_exit_codes_and_messages(with_toy, tmp_path, capsys):
    assert module_main(typed(tmp_path / "a", "--max-steps", "9", "--set", "poisoned=3")) == 1
    assert "step 3, phase make: near is nan" in capsys.readouterr().err
    wrong = {
        ("--set", "poisond=3"): "did you mean 'poisoned'",
        ("--max-steps", "-1"): "--max-steps: got -1, expected 0 or more",
        ("--preset", "huge"): "unknown preset 'huge'",
        ("--batch-size", "0"): "--batch-size: got 0, expected at least 1",
        ("--data", "/no/pack"): "--data: got /no/pack, which is not there",
    }
    for more, said in wrong.items():
        assert module_main(typed(tmp_path / "b", *more)) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_release_writes_the_averages(with_toy, tmp_path):
    file = tmp_path / "toy.safetensors"
    assert module_main(typed(tmp_path / "a", "--max-steps", "12", "--release", str(file))) == 0
    settings, networks = read_released(file)
    assert ToySettings(**settings) == ToySettings()
    assert set(networks) == {"maker"}
    from safetensors.torch import load_file

    saved = load_file(tmp_path / "a" / "checkpoints" / "step-000000012" / "state.safetensors")
    for key, value in networks["maker"].items():
        expected = saved[f"average/maker/{key}"]
        assert torch.equal(value, expected.half().float() if expected.is_floating_point() else expected)
    about = read_about(file)
    assert (about["name"], about["preset"], about["steps"]) == ("generator/toy", "tiny", 12)


def test_what_cannot_be_released_is_refused_before_the_first_step(with_toy, tmp_path, capsys):
    large = ("--set", "channels=2000000", "--release", str(tmp_path / "toy.safetensors"))
    for more, said in ((large, "expected at most 16,000,000"), (("--release", str(tmp_path)), "is a folder")):
        assert module_main(typed(tmp_path / "a", "--max-steps", "1", *more)) == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "a" / "checkpoints").exists()


def test_every_option_is_a_field_with_its_type():
    defaults = vars(Options())
    for name, (kind, _) in OPTIONS.items():
        assert defaults[name] is None or isinstance(defaults[name], kind), name


def test_describe(with_toy):
    done = CliRunner().invoke(describe, ["toy", "--preset", "base", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["side"] == 8
    assert found["conditions"] == ["masks"]
    assert found["networks"]["maker"]["released"]
    maker = TOY.build(TOY.presets["base"], None).maker
    assert (
        found["released"] == sum(one.numel() for one in maker.parameters()) == found["networks"]["maker"]["parameters"]
    )
    for network in found["networks"].values():
        assert sum(layer["parameters"] for layer in network["layers"]) == network["parameters"]
    text = CliRunner().invoke(describe, ["toy", "--preset", "base"]).output
    assert f"maker: {found['released']:,} parameters, released" in text


def test_the_size_of_the_frozen_network():
    from bench.recognizers.dlib_resnet import DlibResnet, DlibResnetSettings

    network = DlibResnet(DlibResnetSettings()).network
    assert dlib_parameters() == sum(one.numel() for one in network.parameters())


def test_every_built_in_recipe_can_be_described():
    from generators.training.choice import trainable_rows

    rows = trainable_rows()
    assert rows
    for one in rows:
        full, trainable = find_trainable(f"{one.kind}/{one.name}")
        for preset in trainable.presets:
            found = description_of(full, trainable, preset)
            assert 0 < found["released"] <= found["trained"]


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "import generators.training.cli_train, generators.training.cli_describe, generators.training.__main__\n"
        "heavy = {'torch', 'lightning', 'rich', 'dlib', 'cv2', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


BLOCKED = (
    "pydantic", "dlib", "cv2", "click", "pandas", "pyarrow", "insightface", "onnxruntime", "onnx", "scipy", "sklearn",
    "skimage", "matplotlib", "jinja2", "plotly", "platformdirs", "face_recognition_models", "threadpoolctl",
)  # fmt: skip


@pytest.mark.full
def test_a_machine_with_torch_alone_trains(tmp_path):
    """Torch, NumPy, Pillow, safetensors and Lightning suffice for the whole way from command to released weights."""
    (tmp_path / "plugins.py").write_text(
        f"import sys\n"
        f"BLOCKED = {BLOCKED!r}\n"
        "from importlib.machinery import PathFinder\n"
        "class Hiding:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        hidden = name.partition('.')[0] in BLOCKED\n"
        "        return None if hidden else PathFinder.find_spec(name, path, target)\n"
        "sys.meta_path = [Hiding() if one is PathFinder else one for one in sys.meta_path]\n"
        "from bench import wiring\n"
        "from bench.api import PluginRow\n"
        "row = PluginRow(kind='generator', name='toy', target='a:b', summary='', source='', licence='',\n"
        "                recipe='tests.toy_recipe:TOY')\n"
        "wiring.BUILT_IN = (*wiring.BUILT_IN, row)\n"
        "import bench.packs, generators.training.source, generators.training.frozen, generators.training.chips\n"
        "from generators.training.__main__ import main\n"
        "code = main(sys.argv[1:])\n"
        "from generators.training.choice import find_trainable\n"
        "from generators.training.description import description_of\n"
        "for one in wiring.BUILT_IN:\n"
        "    if one.recipe and one is not row:\n"
        "        full, trainable = find_trainable(f'{one.kind}/{one.name}')\n"
        "        description_of(full, trainable, next(iter(trainable.presets)))\n"
        "        print('described', full)\n"
        "assert not set(BLOCKED) & set(sys.modules)\n"
        "sys.exit(code)\n"
    )
    arguments = typed(tmp_path / "out", "--max-steps", "3", "--release", str(tmp_path / "toy.safetensors"))
    done = subprocess.run(
        [sys.executable, str(tmp_path / "plugins.py"), *arguments], cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert read_released(tmp_path / "toy.safetensors")[0]["side"] == 8


# ------------------------------------------------------------------------------------------------------------ released


def test_released_weights_come_back_and_are_the_same_bytes(tmp_path):
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    paths = [tmp_path / f"{name}.safetensors" for name in "abcdef"]
    (size,) = {write_released(path, {"net": network}, ToySettings(), {"steps": 3}) for path in paths}
    (first,) = {path.read_bytes() for path in paths}
    assert size == len(first)
    settings, networks = read_released(tmp_path / "a.safetensors")
    assert settings["rate"] == 0.01
    own = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    own.load_state_dict(networks["net"])
    assert torch.equal(own[0].weight, network[0].weight.half().float())
    assert own[1].num_batches_tracked.dtype == torch.int64
    assert read_about(tmp_path / "a.safetensors") == {"steps": 3}


def test_weights_that_cannot_be_released(tmp_path):
    path = tmp_path / "no.safetensors"
    large = torch.nn.Linear(MAX_BYTES // 2, 1)
    with pytest.raises(ConfigError, match="bytes of weights, expected at most 16,000,000"):
        write_released(path, {"net": large}, ToySettings(), {})
    small = torch.nn.Linear(1, 1)
    with torch.no_grad():
        small.weight.fill_(1e5)
    with pytest.raises(ConfigError, match=r"weight net/weight: got values that are not finite or beyond 65,504"):
        write_released(path, {"net": small}, ToySettings(), {})
    assert not path.exists()


def test_other_files_are_no_released_weights(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(MissingFile):
        read_released(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    for name in ("text", "other"):
        with pytest.raises(CorruptFile):
            read_released(tmp_path / f"{name}.safetensors")
