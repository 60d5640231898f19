"""Detectors from ONNX files: how a network is fed, what is read of its answer, what settings and files say together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper

import bench
from bench.aligners.templates import ARCFACE112, DLIB150, FFHQ256
from bench.api import Crops
from bench.config import axes_of
from bench.detectors.onnx_detector import OnnxDetector
from bench.detectors.onnx_settings import OnnxDetectorSettings
from bench.errors import ConfigError, CorruptFile, MissingFile, PluginError, ProviderError, ShapeError, UnknownName
from bench.images import to_crops
from bench.provenance import file_digest
from bench.registry import Registry, load
from tests import onnx_models

SIDE = 8
PIXELS = 3 * SIDE * SIDE


def crops(count: int, side: int = SIDE, seed: int = 3) -> Crops:
    return to_crops(np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8))


def weights(columns: int) -> NDArray[np.float32]:
    """Another weight for each pixel, so that no two orders of channels or axes give the same."""
    return (np.random.default_rng(9).standard_normal((PIXELS, columns)) / 10).astype(np.float32)


def network(
    path: Path,
    columns: int = 2,
    *,
    shape: tuple[int | str, ...] = ("n", 3, SIDE, SIDE),
    dtype: str = "float32",
    inputs: tuple[str, ...] = ("photo",),
    ending: str = "logits",
) -> Path:
    """All pixels in their order times `weights`; a second input is subtracted from the first; then an ending."""
    nodes = [helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT) for name in inputs]
    now = f"{inputs[0]}_float"
    if len(inputs) == 2:
        nodes.append(helper.make_node("Sub", [now, f"{inputs[1]}_float"], ["difference"]))
        now = "difference"
    nodes += [
        helper.make_node("Flatten", [now], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["/fc/Gemm_output_0"]),
    ]
    constants: dict[str, NDArray] = {"matrix": weights(columns)}
    output, sizes = "/fc/Gemm_output_0", [shape[0], columns]
    if ending == "flat":  # (N,)
        nodes.append(helper.make_node("Squeeze", [output, "axis"], ["score"]))
        constants["axis"], output, sizes = np.array([1], np.int64), "score", [shape[0]]
    elif ending == "map":  # (N, C, 1)
        nodes.append(helper.make_node("Unsqueeze", [output, "axis"], ["map"]))
        constants["axis"], output, sizes = np.array([2], np.int64), "map", [shape[0], columns, 1]
    elif ending == "sum":  # one row whatever the batch
        nodes.append(helper.make_node("ReduceSum", [output, "axis"], ["sum"], keepdims=1))
        constants["axis"], output, sizes = np.array([0], np.int64), "sum", [1, columns]
    elif ending == "log":
        nodes.append(helper.make_node("Sub", [output, output], ["nothing"]))
        nodes.append(helper.make_node("Log", ["nothing"], ["log"]))
        output = "log"
    results = [helper.make_tensor_value_info(output, TensorProto.FLOAT, sizes)]
    if ending == "two":
        nodes.append(helper.make_node("Neg", [output], ["minus"]))
        results.append(helper.make_tensor_value_info("minus", TensorProto.FLOAT, sizes))
    given = [helper.make_tensor_value_info(name, onnx_models.TYPES[dtype], list(shape)) for name in inputs]
    return onnx_models.save(path, nodes, given, results, constants)


def logits(levels: NDArray[Any], columns: int = 2) -> NDArray[np.float64]:
    """What `network` makes of what it is fed, in float64."""
    return np.asarray(levels, np.float64).reshape(len(levels), -1) @ weights(columns).astype(np.float64)


def detector(path: Path, **settings: Any) -> OnnxDetector:
    return load("detector", "onnx", model=str(path), **settings)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A network of two columns."""
    return network(tmp_path / "two.onnx")


# ------------------------------------------------------------------------------------------------- how it is fed


@pytest.mark.parametrize(
    ("settings", "fed"),
    [
        ({}, lambda x: x),
        ({"scale": 255}, lambda x: x * 255),
        ({"scale": 255, "mean": 127.5, "std": 128}, lambda x: (x * 255 - 127.5) / 128),
        (
            {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
            lambda x: (x - np.reshape([0.485, 0.456, 0.406], (3, 1, 1))) / np.reshape([0.229, 0.224, 0.225], (3, 1, 1)),
        ),
        ({"colour": "bgr"}, lambda x: x[:, ::-1]),
        ({"colour": "bgr", "mean": [0.1, 0.2, 0.3]}, lambda x: x[:, ::-1] - np.reshape([0.1, 0.2, 0.3], (3, 1, 1))),
    ],
)
def test_what_a_network_is_fed(two: Path, settings: dict[str, Any], fed: Any) -> None:
    found = detector(two, attack=1, **settings).attack_scores(crops(5))
    assert found.dtype == np.float32
    expected = logits(fed(crops(5).astype(np.float64)))[:, 1]
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * np.abs(expected).max())


def test_channels_last(tmp_path: Path) -> None:
    path = network(tmp_path / "last.onnx", shape=("n", SIDE, SIDE, 3))
    found = detector(path, attack=0, layout="nhwc", colour="bgr").attack_scores(crops(3))
    np.testing.assert_allclose(found, logits(crops(3)[:, ::-1].transpose(0, 2, 3, 1))[:, 0], atol=1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 1e-2), ("uint8", 1e-3)])
def test_other_input_types(tmp_path: Path, dtype: str, tolerance: float) -> None:
    path = network(tmp_path / "other.onnx", dtype=dtype)
    found = detector(path, attack=1, scale=255).attack_scores(crops(4))
    np.testing.assert_allclose(found, logits(np.rint(crops(4) * 255))[:, 1], atol=tolerance)


def test_a_network_of_levels_takes_levels(tmp_path: Path) -> None:
    path = network(tmp_path / "levels.onnx", dtype="uint8")
    with pytest.raises(PluginError, match="takes levels 0 to 255; expected scale: 255"):
        detector(path, attack=1).attack_scores(crops(1))


def test_a_differential_network_sees_suspect_and_reference(tmp_path: Path) -> None:
    path = network(tmp_path / "pair.onnx", inputs=("one", "other"))
    suspects, trusted = crops(5), crops(5, seed=4)
    both = detector(path, attack=1, differential=True, batch_size=2)
    assert both.differential
    expected = logits(suspects - trusted)[:, 1]
    np.testing.assert_allclose(both.attack_scores(suspects, trusted), expected, atol=1e-5)
    swapped = detector(path, attack=1, differential=True, inputs=["other", "one"])
    np.testing.assert_allclose(swapped.attack_scores(suspects, trusted), -expected, atol=1e-5)
    with pytest.raises(ShapeError, match="got no references"):
        both.attack_scores(suspects)
    with pytest.raises(ShapeError, match=r"\(5, 3, 8, 8\)"):
        both.attack_scores(suspects, trusted[:4])


# ------------------------------------------------------------------------------------------------- what is read


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-values))


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("columns", "settings", "read"),
    [
        (1, {}, lambda z: z[:, 0]),
        (1, {"bona_fide": 0}, lambda z: 1 - z[:, 0]),
        (1, {"activation": "sigmoid"}, lambda z: sigmoid(z)[:, 0]),
        (1, {"activation": "sigmoid", "bona_fide": 0}, lambda z: 1 - sigmoid(z)[:, 0]),
        (2, {"attack": 0}, lambda z: z[:, 0]),
        (2, {"attack": 1, "activation": "softmax"}, lambda z: softmax(z)[:, 1]),
        (2, {"bona_fide": 0, "activation": "softmax"}, lambda z: softmax(z)[:, 1]),
        (4, {"bona_fide": 2, "activation": "softmax"}, lambda z: softmax(z)[:, [0, 1, 3]].sum(axis=1)),
        (4, {"attack": 3, "activation": "sigmoid"}, lambda z: sigmoid(z)[:, 3]),
    ],
)
def test_what_its_answer_becomes(tmp_path: Path, columns: int, settings: dict[str, Any], read: Any) -> None:
    found = detector(network(tmp_path / "net.onnx", columns), **settings).attack_scores(crops(6))
    np.testing.assert_allclose(found, read(logits(crops(6), columns)), atol=1e-5)


def test_one_number_a_crop_needs_no_column(tmp_path: Path) -> None:
    found = detector(network(tmp_path / "flat.onnx", 1, ending="flat")).attack_scores(crops(6))
    np.testing.assert_allclose(found, logits(crops(6), 1)[:, 0], atol=1e-5)


def test_an_output_by_name_or_place(tmp_path: Path) -> None:
    path = network(tmp_path / "outputs.onnx", ending="two")
    expected = logits(crops(3))[:, 1]
    for output, sign in (("minus", -1), (1, -1), ("/fc/Gemm_output_0", 1), (0, 1)):
        found = detector(path, attack=1, output=output).attack_scores(crops(3))
        np.testing.assert_allclose(found, sign * expected, atol=1e-5)


def test_extreme_logits_saturate_without_warning(tmp_path: Path) -> None:
    white = np.ones((1, 3, SIDE, SIDE), np.float32)
    far = detector(network(tmp_path / "net.onnx"), attack=1, std=1e-30, activation="sigmoid").attack_scores(white)
    assert far.tolist() == [float(weights(2)[:, 1].sum() > 0)]


# ----------------------------------------------------------------------------------------------- batches and crops


def test_a_score_depends_on_its_own_crop_only(two: Path) -> None:
    small = detector(two, attack=1, activation="softmax", batch_size=4)
    together = small.attack_scores(crops(9))
    assert together.shape == (9,)
    for place, crop in enumerate(crops(9)):
        assert small.attack_scores(crop[None])[0] == together[place]
    assert small.attack_scores(crops(0)).shape == (0,)


@pytest.mark.parametrize("fixed", [1, 3])
def test_a_fixed_batch_works(tmp_path: Path, two: Path, fixed: int) -> None:
    path = network(tmp_path / "fixed.onnx", shape=(fixed, 3, SIDE, SIDE))
    found = detector(path, attack=1, batch_size=4).attack_scores(crops(7))
    np.testing.assert_allclose(found, detector(two, attack=1).attack_scores(crops(7)), atol=1e-5)


def test_the_crop(tmp_path: Path) -> None:
    any_side = network(tmp_path / "any.onnx", shape=("n", 3, "h", "w"))
    assert detector(any_side, side=112).template is ARCFACE112
    assert detector(any_side, side=150, template="dlib150").template is DLIB150
    assert detector(any_side, side=256, template="ffhq256").template is FFHQ256
    larger = detector(any_side, side=224, template="ffhq256").template
    assert (larger.name, larger.side) == ("ffhq224", 224)
    np.testing.assert_allclose(larger.targets["field5"], FFHQ256.targets["field5"] * 224 / 256, rtol=1e-6)
    both = detector(any_side, side=300, template="dlib150").template
    assert list(both.targets) == ["dlib5", "field5"]
    whole = detector(any_side, side=64, template="whole").template
    assert (whole.name, whole.side, dict(whole.targets)) == ("whole64", 64, {})


def test_the_margin_of_arcface112_is_that_of_deepfakebench(tmp_path: Path) -> None:
    """Its `img_align_crop` at scale 1.3: points times 256/112, moved by 0.15 x 256, divided by 1.3."""
    path = network(tmp_path / "any.onnx", shape=("n", 3, "h", "w"))
    wide = detector(path, side=256, margin=0.3).template
    points = ARCFACE112.targets["field5"].astype(np.float64) * 256 / 112
    np.testing.assert_allclose(wide.targets["field5"], (points + 0.15 * 256) * 256 / (256 + 2 * 0.15 * 256), rtol=1e-6)
    assert wide.name == "arcface256+0.3"
    assert wide.targets["field5"].dtype == np.float32


def test_the_side_is_the_networks_own(tmp_path: Path, two: Path) -> None:
    assert detector(two, attack=1).template.side == SIDE
    assert detector(two, attack=1, side=SIDE).template.side == SIDE
    free = network(tmp_path / "any.onnx", shape=("n", 3, "h", "w"))
    assert detector(free, attack=1, side=SIDE).attack_scores(crops(1)).shape == (1,)
    with pytest.raises(PluginError, match="any side; give the one it was trained with: side: 224"):
        detector(free, attack=1).template  # noqa: B018
    with pytest.raises(PluginError, match=r"two\.onnx takes 8 x 8 pixels; got side: 16, expected 8"):
        detector(two, attack=1, side=16).attack_scores(crops(1, 16))
    with pytest.raises(PluginError, match=r"cannot run it on photo float32 \(16, 3, 16, 16\).*is side what"):
        detector(free, attack=1, side=16).attack_scores(crops(1, 16))
    with pytest.raises(ShapeError, match=r"\(1, 3, 8, 8\)"):
        detector(two, attack=1).attack_scores(crops(1, 16))
    with pytest.raises(ShapeError, match="uint8"):
        detector(two, attack=1).attack_scores(np.zeros((1, 3, SIDE, SIDE), np.uint8))


def test_the_aligner_fits_the_crop(two: Path) -> None:
    def named(**settings: Any) -> Any:
        return detector(two, **settings).default_aligner()

    assert named() == {"name": "dlib_hog", "points": 68}
    assert named(template="dlib150") == {"name": "dlib_hog"}
    assert named(template="whole") == {"name": "none"}
    assert named(aligner="yunet") == {"name": "yunet"}
    assert named(aligner={"name": "yunet", "model": "y.onnx"}) == {"name": "yunet", "model": "y.onnx"}


def test_it_says_what_it_knows(two: Path) -> None:
    assert detector(two).species == ("forgery",)
    assert detector(two, species=["morph", "forgery"]).species == ("morph", "forgery")


# ------------------------------------------------------------------------------------------------ the settings file


def described(folder: Path, **settings: Any) -> Path:
    path = folder / "my_detector.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def test_a_file_says_it_all(two: Path, tmp_path: Path) -> None:
    file = described(
        tmp_path, model="two.onnx", sha256=file_digest(two), side=SIDE, scale=255, mean=[1, 2, 3], std=2.0,
        colour="bgr", layout="nchw", output="/fc/Gemm_output_0", bona_fide=0, activation="softmax",
        template="ffhq256", margin=0.1,
        species=["morph"], differential=False,
        aligner={"name": "dlib_hog", "points": 68}, provider="cpu", threads=1, batch_size=3,
    )  # fmt: skip
    whole = load("detector", "onnx", file=str(file))
    fed = (crops(5)[:, ::-1].astype(np.float64) * 255 - np.reshape([1, 2, 3], (3, 1, 1))) / 2
    np.testing.assert_allclose(whole.attack_scores(crops(5)), softmax(logits(fed))[:, 1], atol=1e-4)
    assert (whole.batch_size, whole.species, whole.template.name) == (3, ("morph",), "ffhq8+0.1")
    assert whole.runtime()["threads"] == "1"
    known = {name for name in OnnxDetectorSettings.__dataclass_fields__ if name != "file"}
    assert set(yaml.safe_load(file.read_text())) == known - {"inputs", "attack"}, "every setting was tried"


def test_the_sweep_has_the_last_word(two: Path, tmp_path: Path) -> None:
    file = described(tmp_path, model="two.onnx", attack=1, activation="softmax", batch_size=3)
    plain = load("detector", "onnx", file=str(file), activation="none", batch_size=5)
    assert plain.batch_size == 5
    np.testing.assert_allclose(plain.attack_scores(crops(4)), logits(crops(4))[:, 1], atol=1e-5)
    other = load("detector", "onnx", file=str(file), bona_fide=1, activation="none")
    np.testing.assert_allclose(other.attack_scores(crops(4)), 1 - logits(crops(4))[:, 1], atol=1e-5)


def test_another_network_is_not_asked_for_the_digest_of_the_files(two: Path, tmp_path: Path) -> None:
    file = described(tmp_path, model="two.onnx", sha256=file_digest(two), attack=1)
    three = network(tmp_path / "three.onnx", 3)
    found = load("detector", "onnx", file=str(file), model=str(three)).attack_scores(crops(2))
    np.testing.assert_allclose(found, logits(crops(2), 3)[:, 1], atol=1e-5)


def test_where_files_are_looked_for(two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside, models = tmp_path / "beside", tmp_path / "models"
    (beside / "nets").mkdir(parents=True)
    models.mkdir()
    file = described(beside, model="nets/two.onnx", attack=1)
    two.rename(beside / "nets" / "two.onnx")
    monkeypatch.chdir(tmp_path)
    assert load("detector", "onnx", file="beside/my_detector.yaml").attack_scores(crops(1)).shape == (1,)
    monkeypatch.setenv("IMPERSONA_MODELS", str(models))
    file.rename(models / "mine.yaml")
    with pytest.raises(MissingFile, match=r"no model file of .*mine\.yaml 'two\.onnx': looked at .*nets"):
        load("detector", "onnx", file="mine.yaml")
    (models / "mine.yaml").write_text("model: two.onnx\nattack: 1\n")
    (beside / "nets" / "two.onnx").rename(models / "two.onnx")
    (tmp_path / "far.yaml").write_text("model: two.onnx\nattack: 1\n")
    for name in ("mine.yaml", "far.yaml"):
        assert load("detector", "onnx", file=name).attack_scores(crops(1)).shape == (1,)
    monkeypatch.delenv("IMPERSONA_MODELS")
    with pytest.raises(MissingFile, match="IMPERSONA_MODELS is not set"):
        load("detector", "onnx", file="mine.yaml")


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("", ConfigError, "an empty file"),
        ("- model", ConfigError, "got list, expected a mapping"),
        ("model: [", ConfigError, "is not a YAML file"),
        ("model: two.onnx\nmodel: three.onnx", ConfigError, "'model' stands twice"),
        ("modle: two.onnx", UnknownName, "unknown key 'modle'; did you mean 'model'"),
        ("file: other.yaml", UnknownName, "unknown key 'file'"),
        ("attack: 1", ConfigError, "got no network"),
        ("model: two.onnx\nscale: 128", ConfigError, "scale: got 128, expected 1 or 255"),
        ("model: two.onnx\nmean: [1, 2]", ConfigError, "mean: got 2 numbers"),
        ("model: two.onnx\nlayout: chw", ConfigError, "layout: .*'nchw' or 'nhwc'.*'chw'"),
        ("model: none.onnx", MissingFile, r"'none\.onnx'"),
    ],
)
def test_a_file_that_cannot_be_used(two: Path, tmp_path: Path, text: str, error: type, says: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(error, match=says) as caught:
        load("detector", "onnx", file=str(tmp_path / "mine.yaml"))
    assert "mine.yaml" in str(caught.value) or says == "got no network"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"no settings file of the detector onnx 'none\.yaml'"):
        load("detector", "onnx", file=str(tmp_path / "none.yaml"))


# -------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "got no network; expected model: FILE.onnx, or file: SETTINGS.yaml"),
        ({"sha256": "abc"}, "expected 64 hexadecimal digits"),
        ({"side": 4}, "side: got 4, expected 8 to 4096"),
        ({"scale": 2}, "scale: got 2, expected 1 or 255"),
        ({"std": 0}, "std: got 0.0, expected numbers other than 0"),
        ({"mean": [1, 2, float("nan")]}, "expected finite numbers"),
        ({"attack": 0, "bona_fide": 1}, "got both attack and bona_fide"),
        ({"attack": -1}, "attack: got -1"),
        ({"output": -1}, "output: got -1"),
        ({"species": []}, "species: got"),
        ({"species": ["morph", "morph"]}, "each once"),
        ({"species": ["deepfake"]}, "'forgery', 'morph' or 'presentation'"),
        ({"margin": -1}, "margin: got -1.0"),
        ({"template": "arcface"}, "'arcface112'"),
        ({"provider": "gpu"}, "expected one of auto, cpu, cuda"),
        ({"threads": -1}, "expected 1 or more"),
        ({"batch_size": 0}, "batch_size: got 0"),
        ({"atack": 1}, "did you mean 'attack'"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load("detector", "onnx", **settings)


@pytest.mark.parametrize(
    ("changes", "settings", "says"),
    [
        ({}, {}, "'/fc/Gemm_output_0' has 2 columns; say which means attack, attack: 1"),
        ({}, {"attack": 2}, "got attack: 2, and output '/fc/Gemm_output_0' has 2 columns; expected 0 to 1"),
        ({"columns": 1}, {"bona_fide": 1}, "got bona_fide: 1, .* has 1 column; expected 0 to 0"),
        ({"columns": 1}, {"activation": "softmax"}, "every score would be 1; expected sigmoid or none"),
        ({"columns": 1, "ending": "flat"}, {"attack": 1}, "got attack: 1, and output 'score' has 1 column"),
        ({}, {"attack": 1, "output": "logits"}, "got output: logits; the network has 0: /fc/Gemm_output_0"),
        ({}, {"attack": 1, "output": 1}, "got output: 1; the network has 0:"),
        ({"ending": "two"}, {"attack": 1}, "2 outputs .*1: minus.*say which is read"),
        ({"ending": "map"}, {"attack": 1}, r"'map' is \(16, 2, 1\) for 16 crops; expected \(16, C\)"),
        ({"ending": "sum"}, {"attack": 1}, r"'sum' is \(1, 2\) for 16 crops; expected \(16, C\)"),
        ({"ending": "log"}, {"attack": 1}, "NaN or infinite, expected finite ones; are scale, mean and std"),
        ({}, {"attack": 1, "layout": "nhwc"}, r"expected \(N, S, S, 3\); is it layout: nchw"),
        ({"shape": ("n", SIDE, SIDE, 3)}, {"attack": 1}, r"expected \(N, 3, S, S\); is it layout: nhwc"),
        ({"shape": ("n", 3, SIDE, 24)}, {"attack": 1}, "square crops only"),
        ({}, {"attack": 1, "differential": True}, "got 1 inputs .*differential takes two: suspect and reference"),
        ({"inputs": ("a", "b")}, {"attack": 1}, "got 2 inputs .*takes one; is it differential: true"),
        ({"inputs": ("a", "b")}, {"attack": 1, "inputs": ["a"]}, r"got inputs: \['a'\]; the network has a, b"),
    ],
)
def test_networks_that_do_not_fit_are_refused(
    tmp_path: Path, changes: dict[str, Any], settings: dict[str, Any], says: str
) -> None:
    columns = changes.pop("columns", 2)
    if changes.get("shape", (0, 0, 0, SIDE))[3] == 24:
        info = [helper.make_tensor_value_info(name, 1, list(changes["shape"])) for name in ("photo", "same")]
        node = helper.make_node("Abs", ["photo"], ["same"])
        path = onnx_models.save(tmp_path / "odd.onnx", [node], info[:1], info[1:], {})
    else:
        path = network(tmp_path / "odd.onnx", columns, **changes)
    odd = detector(path, side=SIDE, **settings)
    with pytest.raises(PluginError, match=says):
        odd.attack_scores(crops(2), crops(2))


def test_a_file_that_is_no_network_or_another_one_is_corrupt(two: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"not a network")
    with pytest.raises(CorruptFile, match=r"broken\.onnx"):
        detector(tmp_path / "broken.onnx", side=SIDE).attack_scores(crops(1))
    wrong = detector(two, sha256="0" * 64, attack=1)
    for act in (lambda: wrong.fingerprint(), lambda: wrong.attack_scores(crops(1))):
        with pytest.raises(CorruptFile, match=f"got SHA-256 {file_digest(two)}, expected {'0' * 64}"):
            act()


def test_a_provider_that_is_not_there_is_an_error(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ProviderError, match="available here: CPUExecutionProvider"):
        detector(two, attack=1, provider="cuda").attack_scores(crops(1))


# ----------------------------------------------------------------------------------------------- as a plugin


def test_the_fingerprint_follows_everything_that_matters_and_no_path(two: Path, tmp_path: Path) -> None:
    before = detector(two, attack=1).fingerprint()
    assert before["model_sha256"] == file_digest(two)
    assert not any(isinstance(value, str) and str(tmp_path) in value for value in before.values())
    moved = tmp_path / "elsewhere.onnx"
    moved.write_bytes(two.read_bytes())
    assert detector(moved, attack=1).fingerprint() == before
    file = described(tmp_path, model="two.onnx", attack=1, aligner="yunet", species=["morph"])
    assert load("detector", "onnx", file=str(file)).fingerprint() == before, "said in a file, it is the same detector"
    for changes in (
        {"side": SIDE}, {"scale": 255}, {"mean": 0.5}, {"std": 2}, {"colour": "bgr"}, {"layout": "nhwc"},
        {"inputs": ["photo"]}, {"output": 0}, {"activation": "sigmoid"}, {"template": "ffhq256"}, {"margin": 0.1},
        {"differential": True}, {"threads": 1}, {"batch_size": 2}, {"attack": 0}, {"attack": None, "bona_fide": 1},
    ):  # fmt: skip
        assert detector(two, **{"attack": 1, **changes}).fingerprint() != before, changes
    network(two, 3)
    os.utime(two, (1, 1))
    assert detector(two, attack=1).fingerprint() != before


@pytest.mark.parametrize("differential", [False, True])
def test_it_keeps_its_promises(tmp_path: Path, differential: bool) -> None:
    inputs = ("suspect", "trusted") if differential else ("photo",)
    network(tmp_path / "net.onnx", shape=(2, 3, SIDE, SIDE), inputs=inputs)
    file = described(
        tmp_path, model="net.onnx", attack=1, activation="softmax", batch_size=3, differential=differential
    )
    findings = bench.check("detector", "onnx", file=str(file))
    assert [finding for finding in findings if finding.kept is not True] == []


def test_runtime_tells_what_ran(two: Path) -> None:
    plugin = detector(two, attack=1, threads=1)
    assert plugin.runtime() == {}
    plugin.attack_scores(crops(1))
    assert plugin.runtime()["provider"] == "CPUExecutionProvider"
    assert plugin.runtime()["threads"] == "1"


def test_three_means_are_no_axis_and_lists_of_them_are() -> None:
    listed = {"mean": [0.1, 0.2, 0.3], "species": ["morph"], "inputs": ["a", "b"]}
    assert axes_of(OnnxDetectorSettings, listed) == {}
    axes = {"mean": [[0, 0, 0], [1, 1, 1]], "activation": ["none", "softmax"], "margin": [0, 0.3], "file": ["a", "b"]}
    assert axes_of(OnnxDetectorSettings, axes) == axes


def test_planning_imports_nothing_heavy(two: Path, tmp_path: Path) -> None:
    file = described(tmp_path, model="two.onnx", attack=1, side=SIDE)
    code = (
        "import sys\nfrom bench.registry import Registry, load\n"
        f"plugin = load('detector', 'onnx', file={str(file)!r})\n"
        "plugin.fingerprint(), plugin.template, plugin.default_aligner(), plugin.runtime()\n"
        "print([name for name in ('onnxruntime', 'onnx', 'cv2', 'torch') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_explains_every_setting_and_its_files_are_right(tmp_path: Path) -> None:
    page = (
        (Path(__file__).parent.parent / "docs" / "plugins.md").read_text(encoding="utf-8").split("## A detector\n")[1]
    )
    table = page.split("| setting |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (`.+?) \|", table, re.M)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert documented == set(OnnxDetectorSettings.__dataclass_fields__) - {"file"}
    network(tmp_path / "my_detector.onnx", shape=("n", 3, "h", "w"))
    (tmp_path / "my_detector.yaml").write_text(re.findall(r"```yml\n(.*?)```", page, re.S)[0])
    shown = load("detector", "onnx", file=str(tmp_path / "my_detector.yaml"))
    assert (shown.template.name, shown.description.mean) == ("arcface224+0.3", (0.485, 0.456, 0.406))


def test_the_detector_of_the_page_keeps_its_promises(
    own_registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = (Path(__file__).parent.parent / "docs" / "plugins.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n# my_detectors/edges.py\n(.*?)```", page, re.S)
    (tmp_path / "my_detectors").mkdir()
    (tmp_path / "my_detectors" / "edges.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    row = {
        "kind": "detector", "name": "edges", "target": "my_detectors.edges:Edges", "summary": "a page", "source": "me",
        "licence": "MIT",
    }  # fmt: skip
    own_registry.add(row, "the documentation")
    assert [finding for finding in bench.check("detector", "edges") if finding.kept is not True] == []
