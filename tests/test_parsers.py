"""Face parsers: what they take and give, how any ONNX network is fed and read, how labels and sides are named."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from safetensors.torch import save_file

import bench
from bench.api import Crops
from bench.errors import CorruptFile, MissingFile, PluginError, ProviderError, ShapeError, UnknownName
from bench.images import to_crops
from bench.parsers.face_parser import FaceParser, FaceParserSettings
from bench.parsers.labels import LABELS, MIRRORED
from bench.parsers.network import NAME, ParserNetwork, read_network
from bench.parsers.onnx_parser import OnnxParser, OnnxParserSettings
from bench.parsers.orders import NAMES, ORDERS, label_table
from bench.parsers.resampling import bilinear
from bench.released import FORMAT
from tests import onnx_models

SIDE = 256


def crops(count: int, seed: int = 3) -> Crops:
    """Smooth random pictures."""
    small = np.random.default_rng(seed).random((count, 3, 8, 8)).astype(np.float32)
    return bilinear(small, SIDE)


def weight_file(path: Path, **changes: Any) -> Path:
    """A tiny network of random weights, as training releases it."""
    torch.manual_seed(1)
    network = ParserNetwork((4, 6, 8, 10), (1, 1, 1, 1))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
            module.bias.data.normal_()
    settings = {"widths": [4, 6, 8, 10], "depths": [1, 1, 1, 1]}
    metadata = {"format": FORMAT, "settings": json.dumps(settings), "about": "{}"} | changes
    state = {f"{NAME}/{key}": value.half() if value.is_floating_point() else value
             for key, value in network.state_dict().items()}  # fmt: skip
    save_file(state, path, metadata)
    return path


@pytest.fixture
def tiny(tmp_path: Path) -> FaceParser:
    return bench.load("parser", "face_parser", weights=str(weight_file(tmp_path / "tiny.safetensors")), batch_size=3)


# --------------------------------------------------------------------------------------------------- our own parser


def test_the_plugin_sees_means_of_four_pixels_and_gives_the_largest_logit(tiny: FaceParser) -> None:
    given = crops(2)
    small = torch.from_numpy(given.reshape(2, 3, 128, 2, 128, 2).mean(axis=(3, 5)))
    with torch.inference_mode():
        logits = tiny.network(small)
    assert np.array_equal(tiny.parse_at(given, 128), logits.argmax(1).numpy())
    large = bilinear(logits.numpy(), SIDE)
    ranked = np.sort(large, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > 1e-3
    assert clear.mean() > 0.9
    assert np.array_equal(tiny.parse(given)[clear], large.argmax(axis=1)[clear])


def test_folded_normalisation_is_the_same_function(tmp_path: Path) -> None:
    path = weight_file(tmp_path / "tiny.safetensors")
    folded = read_network(path)
    plain = ParserNetwork((4, 6, 8, 10), (1, 1, 1, 1)).eval()
    from safetensors.torch import load_file

    plain.load_state_dict({key.removeprefix(f"{NAME}/"): value.float() if value.is_floating_point() else value
                           for key, value in load_file(path).items()})  # fmt: skip
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    images = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        assert torch.allclose(folded(images), plain(images), atol=1e-4)


def test_a_crop_is_parsed_alike_in_any_company(tiny: FaceParser) -> None:
    given = crops(7)
    together = tiny.parse_at(given, 64)
    assert together.shape == (7, 64, 64)
    assert together.dtype == np.uint8
    for place in (0, 4, 6):
        assert np.array_equal(tiny.parse_at(given[place : place + 1], 64)[0], together[place])
    assert tiny.parse(given[:0]).shape == (0, 256, 256)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 3, 128, 128), np.float32),
        np.zeros((1, 3, 256, 256), np.float64),
        np.full((1, 3, 256, 256), 255, np.float32),
        np.full((1, 3, 256, 256), np.nan, np.float32),
    ],
    ids=["side", "dtype", "levels", "nan"],
)
def test_parsers_refuse_what_is_no_crop(tiny: FaceParser, wrong: NDArray, tmp_path: Path) -> None:
    for parser in (tiny, onnx_parser(classes_by_colour(tmp_path / "net.onnx"))):
        with pytest.raises(ShapeError):
            parser.parse(wrong)


def test_a_side_out_of_range_is_refused(tiny: FaceParser) -> None:
    with pytest.raises(ShapeError, match="8 to 1024"):
        tiny.parse_at(crops(1), 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "something else"}, "expected 'impersona.weights/1'"),
        ({"settings": "{}"}, "widths"),
        ({"settings": json.dumps({"widths": [8, 6, 8, 10], "depths": [1, 1, 1, 1]})}, "size mismatch"),
        ({"settings": "no json"}, r"odd.safetensors: not released weights \(Expecting value"),
    ],
)
def test_other_files_are_refused_as_weights(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    path = weight_file(tmp_path / "odd.safetensors", **changes)
    with pytest.raises(CorruptFile, match=message):
        read_network(path)


def test_a_missing_or_damaged_weight_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="nowhere"):
        bench.load("parser", "face_parser", weights=str(tmp_path / "nowhere.safetensors")).fingerprint()
    (tmp_path / "cut.safetensors").write_bytes(weight_file(tmp_path / "tiny.safetensors").read_bytes()[:2000])
    with pytest.raises(CorruptFile, match=r"cut\.safetensors"):
        bench.load("parser", "face_parser", weights=str(tmp_path / "cut.safetensors")).parse(crops(1))


def test_the_fingerprint_follows_the_weights_and_what_runs_them(tmp_path: Path) -> None:
    first = weight_file(tmp_path / "first.safetensors")
    elsewhere = tmp_path / "elsewhere.safetensors"
    elsewhere.write_bytes(first.read_bytes())
    other = weight_file(tmp_path / "other.safetensors", about='{"steps": 2}')

    def mark(path: Path, **settings: Any) -> Any:
        return dict(FaceParser(FaceParserSettings(weights=str(path), **settings)).fingerprint())

    assert mark(first) == mark(elsewhere)
    assert mark(first) != mark(other)
    assert mark(first) != mark(first, threads=1)
    assert mark(first) != mark(first, batch_size=2)


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"threads": -1}, {"device": "gpu"}])
def test_settings_out_of_range_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FaceParserSettings(**wrong)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = weight_file(tmp_path / "tiny.safetensors")
    with pytest.raises(ProviderError, match="device: cpu"):
        bench.load("parser", "face_parser", weights=str(path), device="cuda").parse(crops(1))


def test_nothing_heavy_is_imported_before_a_parser_works() -> None:
    code = (
        "import sys, bench; parser = bench.load('parser', 'face_parser'); parser.fingerprint();"
        "heavy = {'torch', 'onnxruntime', 'cv2', 'scipy'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))


def test_the_released_parser_finds_the_parts_of_drawn_faces() -> None:
    from bench.api import LandmarkedDataset, MaskedDataset

    dataset = bench.load("dataset", "drawn", people=4, images=1, side=256)
    assert isinstance(dataset, MaskedDataset)
    assert isinstance(dataset, LandmarkedDataset)
    frames = dataset.frames()
    images = to_crops(np.stack([dataset.image(frame.key) for frame in frames]))
    found = bench.load("parser", "face_parser").parse(images)
    truth = np.stack([dataset.mask(frame.key) for frame in frames])
    assert float(((found == 1) & (truth == 1)).sum() / ((found == 1) | (truth == 1)).sum()) > 0.5
    for left, right in ((4, 5),):
        columns = [np.nonzero(found == label)[2].mean() for label in (left, right)]
        assert columns[0] < SIDE / 2 < columns[1]


# ------------------------------------------------------------------------------------------------- names and sides


def test_orders_name_every_label_once() -> None:
    assert len(LABELS) == len(NAMES) == 19
    for order in ORDERS:
        assert sorted(label_table(order, "picture")) == list(range(19))
        assert sorted(label_table(order, "person")) == list(range(19))


def test_a_persons_left_is_the_pictures_right() -> None:
    assert label_table(["l_eye", "r_brow", "l_ear", "hair"], "person").tolist() == [5, 6, 9, 13]
    assert label_table(["l_eye", "r_brow", "l_ear", "hair"], "picture").tolist() == [4, 7, 8, 13]
    assert MIRRORED[[4, 5, 6, 7, 8, 9, 10]].tolist() == [5, 4, 7, 6, 9, 8, 10]


def test_face_parsing_pytorch_has_another_order_than_the_data_set() -> None:
    table = label_table("face_parsing_pytorch", "person")
    assert [LABELS[label] for label in table[[0, 1, 2, 3, 10, 17, 18]]] == [
        "background", "skin", "right_brow", "left_brow", "nose", "hair", "hat",
    ]  # fmt: skip


def test_unknown_orders_and_classes_name_the_near_ones() -> None:
    with pytest.raises(UnknownName, match="celebamask_hq"):
        label_table("celebamask", "person")
    with pytest.raises(UnknownName, match="l_eye"):
        label_table(["left_eye"], "person")


# ------------------------------------------------------------------------------------------------------ ONNX files


def classes_by_colour(
    path: Path,
    *,
    classes: int = 19,
    shape: tuple[int | str, ...] = ("n", 3, 32, 32),
    ending: str = "logits",
    dtype: str = "float32",
) -> Path:
    """A 1x1 convolution of the colours to logits; a first output that is of no use where ``ending`` is ``second``."""
    nodes = [helper.make_node("Cast", ["photo"], ["float"], to=TensorProto.FLOAT)]
    nodes.append(helper.make_node("Conv", ["float", "matrix", "bias"], ["logits"], kernel_shape=[1, 1]))
    rng = np.random.default_rng(7)
    constants: dict[str, NDArray] = {
        "matrix": rng.standard_normal((classes, 3, 1, 1)).astype(np.float32),
        "bias": rng.standard_normal(classes).astype(np.float32) / 10,
    }
    sizes: list[int | str] = [shape[0], classes, shape[2], shape[3]]
    given = [helper.make_tensor_value_info("photo", onnx_models.TYPES[dtype], list(shape))]
    results = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, sizes)]
    if ending == "classes":
        nodes.append(helper.make_node("ArgMax", ["logits"], ["classes"], axis=1, keepdims=0))
        results = [helper.make_tensor_value_info("classes", TensorProto.INT64, [sizes[0], *sizes[2:]])]
    elif ending == "second":
        nodes.append(helper.make_node("Neg", ["logits"], ["auxiliary"]))
        results.insert(0, helper.make_tensor_value_info("auxiliary", TensorProto.FLOAT, sizes))
    return onnx_models.save(path, nodes, given, results, constants)


def onnx_parser(path: Path, **settings: Any) -> OnnxParser:
    return bench.load("parser", "onnx", model=str(path), **settings)


def logits_of(levels: NDArray, classes: int = 19) -> NDArray[np.float32]:
    """What `classes_by_colour` makes of what it is fed."""
    rng = np.random.default_rng(7)
    matrix, bias = rng.standard_normal((classes, 3)), rng.standard_normal(classes).astype(np.float32) / 10
    return (np.einsum("kc,nchw->nkhw", matrix.astype(np.float32), levels) + bias[:, None, None]).astype(np.float32)


MEAN, STD = (np.reshape(values, (3, 1, 1)) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))


@pytest.mark.parametrize(
    ("settings", "fed"),
    [
        ({}, lambda x: (x - MEAN) / STD),
        ({"mean": 0.5, "std": 0.5}, lambda x: x * 2 - 1),
        ({"scale": 255, "mean": 127.5, "std": 128}, lambda x: (x * 255 - 127.5) / 128),
        ({"colour": "bgr"}, lambda x: (x[:, ::-1] - MEAN) / STD),
    ],
    ids=["imagenet", "one number", "levels", "bgr"],
)
def test_a_network_is_fed_and_read_as_the_settings_say(tmp_path: Path, settings: dict[str, Any], fed: Any) -> None:
    parser = onnx_parser(classes_by_colour(tmp_path / "net.onnx"), order="celebamask_hq", sides="picture", **settings)
    given = crops(3)
    logits = bilinear(logits_of(fed(bilinear(given, 32))), SIDE)
    ranked = np.sort(logits, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > 1e-3
    found = parser.parse(given)
    assert clear.mean() > 0.95
    assert np.array_equal(found[clear], logits.argmax(axis=1)[clear])
    assert len(np.unique(found)) > 3


def test_classes_become_our_labels(tmp_path: Path) -> None:
    path = classes_by_colour(tmp_path / "net.onnx")
    own = onnx_parser(path, order="celebamask_hq", sides="picture").parse(crops(2))
    names = list(ORDERS["celebamask_hq"])
    names.reverse()
    reversed_order = onnx_parser(path, order=names, sides="picture").parse(crops(2))
    assert np.array_equal(reversed_order, 18 - own)
    assert np.array_equal(onnx_parser(path, order="celebamask_hq").parse(crops(2)), MIRRORED[own])


def test_whole_numbers_and_other_outputs_are_read(tmp_path: Path) -> None:
    given = crops(2)
    logits = onnx_parser(classes_by_colour(tmp_path / "logits.onnx")).parse_at(given, 32)
    classes = onnx_parser(classes_by_colour(tmp_path / "classes.onnx", ending="classes"))
    assert np.array_equal(classes.parse_at(given, 32), logits)
    assert np.array_equal(classes.parse_at(given, 64), logits.repeat(2, axis=1).repeat(2, axis=2))
    path = classes_by_colour(tmp_path / "second.onnx", ending="second")
    assert np.array_equal(onnx_parser(path, output=1).parse_at(given, 32), logits)
    assert np.array_equal(onnx_parser(path, output="logits").parse_at(given, 32), logits)
    assert not np.array_equal(onnx_parser(path, output=0).parse_at(given, 32), logits)


def test_a_network_may_take_one_batch_only_and_half_precision(tmp_path: Path) -> None:
    given = crops(5)
    free = onnx_parser(classes_by_colour(tmp_path / "free.onnx")).parse(given)
    fixed = classes_by_colour(tmp_path / "fixed.onnx", shape=(1, 3, 32, 32))
    assert np.array_equal(onnx_parser(fixed).parse(given), free)
    half = onnx_parser(classes_by_colour(tmp_path / "half.onnx", dtype="float16")).parse(given)
    assert (half == free).mean() > 0.99


def test_a_network_of_any_side_takes_the_one_that_is_set(tmp_path: Path) -> None:
    path = classes_by_colour(tmp_path / "any.onnx", shape=("n", 3, "h", "w"))
    fixed = classes_by_colour(tmp_path / "fixed.onnx")
    assert np.array_equal(onnx_parser(path, side=32).parse(crops(1)), onnx_parser(fixed).parse(crops(1)))
    assert onnx_parser(path).parse(crops(1)).shape == (1, 256, 256)
    with pytest.raises(PluginError, match="expected 32"):
        onnx_parser(fixed, side=64).parse(crops(1))


@pytest.mark.parametrize(
    ("network", "settings", "message"),
    [
        ({"classes": 11}, {}, r"11 classes, and order: names 19"),
        ({"classes": 20, "ending": "classes"}, {"order": ["background", "skin"]}, "names 2"),
        ({}, {"output": 3}, "0: logits"),
        ({}, {"output": "masks"}, "0: logits"),
        ({"shape": ("n", 3, 32, 64)}, {}, "square crops only"),
        ({"dtype": "uint8"}, {}, "input type"),
    ],
)
def test_networks_of_another_kind_are_refused(
    tmp_path: Path, network: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(PluginError, match=message):
        onnx_parser(classes_by_colour(tmp_path / "net.onnx", **network), **settings).parse(crops(1))


def test_settings_of_onnx_out_of_range_are_named(tmp_path: Path) -> None:
    path = str(classes_by_colour(tmp_path / "net.onnx"))
    for name, value in (("side", 5), ("scale", 2), ("std", 0), ("mean", (1.0, 2.0)), ("batch_size", 0), ("output", -1),
                        ("colour", "grey"), ("sides", "mine"), ("model", "")):  # fmt: skip
        with pytest.raises(ValueError, match=name):
            OnnxParserSettings(**{"model": path, name: value})


def test_the_fingerprint_of_onnx_follows_every_setting_that_matters(tmp_path: Path) -> None:
    path = str(classes_by_colour(tmp_path / "net.onnx"))
    plain = OnnxParserSettings(model=path)
    marks = [
        json.dumps(dict(OnnxParser(dataclasses.replace(plain, **change)).fingerprint()), sort_keys=True)
        for change in (
            {}, {"side": 32}, {"scale": 255.0}, {"mean": 0.5}, {"mean": 0.5000001}, {"std": 0.5},
            {"colour": "bgr"}, {"output": "logits"},
            {"order": "celebamask_hq"}, {"sides": "picture"}, {"threads": 1}, {"batch_size": 2},
        )
    ]  # fmt: skip
    assert len(set(marks)) == len(marks)


# ---------------------------------------------------------------------------------------------------- resampling


@pytest.mark.parametrize(("before", "after"), [(8, 20), (20, 8), (16, 16), (5, 64), (64, 32)])
def test_resampling_is_torchs(before: int, after: int) -> None:
    maps = np.random.default_rng(before).standard_normal((2, 3, before, before)).astype(np.float32)
    expected = torch.nn.functional.interpolate(torch.from_numpy(maps), size=after, mode="bilinear", align_corners=False)
    assert np.allclose(bilinear(maps, after), expected.numpy(), atol=1e-5)
