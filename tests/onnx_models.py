"""Tiny ONNX networks, made on the spot, whose every output a test can work out with NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


def save(path: Path, nodes: list, inputs: list, outputs: list, constants: dict[str, NDArray]) -> Path:
    """Writes a checked network in an operator set that every supported runtime knows."""
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def projection(width: int) -> NDArray[np.float32]:
    """The (48, width) matrix behind the `recognizer` network."""
    return np.random.default_rng(5).standard_normal((48, width)).astype(np.float32)


def recognizer(
    path: Path,
    *,
    shape: tuple[int | str, ...] = ("n", 3, 112, 112),
    width: int = 8,
    dtype: str = "float32",
    normalises: bool = False,
    outputs: int = 1,
) -> Path:
    """4 x 4 means of each channel, times `projection`; ``normalises`` puts InsightFace's two nodes in front."""
    height, across = (side if isinstance(side, int) else 112 for side in shape[2:])
    nodes, now = [], "data"
    if dtype != "float32":
        nodes.append(helper.make_node("Cast", [now], ["float"], to=TensorProto.FLOAT))
        now = "float"
    if normalises:
        nodes.append(helper.make_node("Sub", [now, "mean"], ["centred"], name="_minusscalar0"))
        nodes.append(helper.make_node("Mul", ["centred", "scale"], ["scaled"], name="_mulscalar0"))
        now = "scaled"
    window = [height // 4, across // 4]
    nodes += [
        helper.make_node("AveragePool", [now], ["means"], name="pool", kernel_shape=window, strides=window),
        helper.make_node("Flatten", ["means"], ["flat"], name="flatten"),
        helper.make_node("MatMul", ["flat", "matrix"], ["fc1"], name="fully_connected"),
    ]
    constants = {"matrix": projection(width)}
    if normalises:
        constants |= {"mean": np.float32([127.5]), "scale": np.float32([1 / 127.5])}
    results = [helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [shape[0], width])]
    if outputs == 2:
        nodes.append(helper.make_node("Neg", ["fc1"], ["fc2"]))
        results.append(helper.make_tensor_value_info("fc2", TensorProto.FLOAT, [shape[0], width]))
    inputs = [helper.make_tensor_value_info("data", TYPES[dtype], list(shape))]
    return save(path, nodes, inputs, results, constants)


def recognized(levels: NDArray, width: int = 8) -> NDArray[np.float64]:
    """What `recognizer` makes of levels 0..255, (N, 3, S, S), worked out in float64."""
    side = levels.shape[-1] // 4
    normal = (levels.astype(np.float64) - 127.5) / 127.5
    means = normal.reshape(len(levels), 3, 4, side, 4, side).mean(axis=(3, 5))
    return means.reshape(len(levels), 48) @ projection(width).astype(np.float64)


def detector(path: Path, side: int = 64, landmarks: bool = True) -> Path:
    """SCRFD's nine outputs at a fixed size: the score of an anchor is its cell's mean brightness, as a share of white.

    A box reaches one stride to the left and up, two to the right and down; the five points lie on the anchor, moved by
    0, 0.25, 0.5, 0.75 and 1 strides in both directions.
    """
    nodes = [helper.make_node("ReduceMean", ["input.1"], ["grey"], axes=[1], keepdims=1)]
    nodes.append(helper.make_node("Mul", ["grey", "half"], ["halved"]))  # levels arrive as (x - 127.5) / 128
    nodes.append(helper.make_node("Add", ["halved", "half"], ["share"]))
    constants: dict[str, NDArray] = {"half": np.float32([0.5]), "column": np.array([-1, 1], np.int64)}
    constants["pairs"] = np.array([1, 2], np.int64)
    names: dict[str, list] = {"score": [], "box": [], "points": []}
    for stride in (8, 16, 32):
        anchors = 2 * (side // stride) ** 2
        shapes = {"score": 1, "box": 4, "points": 10}
        for kind, columns in shapes.items():
            names[kind].append(helper.make_tensor_value_info(f"{kind}{stride}", TensorProto.FLOAT, [anchors, columns]))
        window = [stride, stride]
        nodes += [
            helper.make_node("AveragePool", ["share"], [f"mean{stride}"], kernel_shape=window, strides=window),
            helper.make_node("Reshape", [f"mean{stride}", "column"], [f"single{stride}"]),
            helper.make_node("Tile", [f"single{stride}", "pairs"], [f"double{stride}"]),
            helper.make_node("Reshape", [f"double{stride}", "column"], [f"score{stride}"]),
            helper.make_node("Identity", [f"boxes{stride}"], [f"box{stride}"]),
            helper.make_node("Identity", [f"offsets{stride}"], [f"points{stride}"]),
        ]
        constants[f"boxes{stride}"] = np.tile(np.float32([1, 1, 2, 2]), (anchors, 1))
        constants[f"offsets{stride}"] = np.tile(np.repeat(np.float32([0, 0.25, 0.5, 0.75, 1]), 2), (anchors, 1))
    inputs = [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, side, side])]
    wanted = names["score"] + names["box"] + (names["points"] if landmarks else [])
    if not landmarks:
        nodes = [node for node in nodes if not node.output[0].startswith("points")]
        constants = {name: value for name, value in constants.items() if not name.startswith("offsets")}
    return save(path, nodes, inputs, wanted, constants)
