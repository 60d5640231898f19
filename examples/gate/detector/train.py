# SPDX-License-Identifier: Apache-2.0
"""Makes my_detector.onnx: a small network that tells collages of drawn people from untouched pictures of them.

    python detector/train.py

It stands for whatever trains your own detector. The network takes how rough and how bright each square of 8 x 8 pixels
is, in every channel, and adds up their logarithms with weights from a logistic regression. It learns from people of the
train split; sweep.yaml shows it people of the eval split.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import bench
from bench.aligners.templates import FFHQ256, crop_matrix, move_points
from bench.api import FaceBatch
from bench.images import to_crops, to_frames

SIDE, SQUARE = 128, 8
PEOPLE, PICTURES = 200, 2
NUMBERS = 6 * (SIDE // SQUARE) ** 2
LOWEST = 1e-3
HERE = Path(__file__).parent
EDGES = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], np.float32)


def pictures():
    """uint8 (N, 256, 256, 3) pictures of people as they are, and as many collages of two of them."""
    aligner = bench.load("aligner", "dlib_hog", points=68)
    data = bench.load("dataset", "drawn", people=PEOPLE, images=PICTURES, split="train", seed=1)
    crops, points = [], []
    for frame in data.frames():
        picture = data.image(frame.key)
        for face in aligner.detect(picture)[:1]:
            crops.append(aligner.crop(picture, face, FFHQ256))
            points.append(move_points(face.landmarks["dlib68"], crop_matrix(face, FFHQ256)))
    photos, marks = to_crops(np.stack(crops)), np.stack(points)
    other = np.roll(np.arange(len(photos)), PICTURES)
    collage = bench.load("generator", "collage", regions=["eyes_brows", "nose", "mouth"], blend="paste")
    batch = FaceBatch(
        images=photos, references=photos[other][:, None], landmarks=marks, reference_landmarks=marks[other][:, None]
    )
    made = collage.generate(batch, np.random.default_rng(0))
    return np.stack(crops), to_frames(made[np.isfinite(made).all(axis=(1, 2, 3))])


def seen(frames):
    """The pictures as the detector of my_detector.yaml is shown them: found again, float32 (N, 3, 128, 128)."""
    aligner = bench.load("aligner", "dlib_hog", points=68)
    template = bench.load("detector", "onnx", model=str(HERE / "my_detector.onnx"), side=SIDE, margin=0.3).template
    found = [(frame, aligner.detect(frame)[:1]) for frame in frames]
    return to_crops(np.stack([aligner.crop(frame, faces[0], template) for frame, faces in found if faces]))


def write(weights, bias):
    """The network with these weights of its numbers a face."""
    constants = {
        "edges": np.tile(EDGES, (3, 1, 1, 1)),
        "weights": np.asarray(weights, np.float32).reshape(-1, 1),
        "bias": np.float32([bias]),
        "lowest": np.float32([LOWEST]),
    }
    square = {"kernel_shape": [SQUARE, SQUARE], "strides": [SQUARE, SQUARE]}
    nodes = [
        helper.make_node("Conv", ["face", "edges"], ["sharp"], group=3, pads=[1, 1, 1, 1]),
        helper.make_node("Abs", ["sharp"], ["rough"]),
        helper.make_node("AveragePool", ["rough"], ["roughness"], **square),
        helper.make_node("AveragePool", ["face"], ["brightness"], **square),
        helper.make_node("Concat", ["roughness", "brightness"], ["means"], axis=1),
        helper.make_node("Add", ["means", "lowest"], ["positive"]),
        helper.make_node("Log", ["positive"], ["logarithms"]),
        helper.make_node("Flatten", ["logarithms"], ["numbers"]),
        helper.make_node("Gemm", ["numbers", "weights", "bias"], ["attack"]),
    ]
    graph = helper.make_graph(
        nodes,
        "my_detector",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("attack", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, HERE / "my_detector.onnx")


def numbers(crops):
    """What the network adds up, float64 (N, 1536)."""
    padded = np.pad(crops.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    around = padded[:, :, :-2, 1:-1] + padded[:, :, 2:, 1:-1] + padded[:, :, 1:-1, :-2] + padded[:, :, 1:-1, 2:]
    parts = (np.abs(4 * crops - around), crops)
    across = SIDE // SQUARE
    means = [part.reshape(len(crops), 3, across, SQUARE, across, SQUARE).mean(axis=(3, 5)) for part in parts]
    return np.log(np.concatenate(means, axis=1) + LOWEST).reshape(len(crops), NUMBERS)


def main():
    """Fits and writes."""
    if not (HERE / "my_detector.onnx").exists():
        write(np.zeros(NUMBERS), 0)
    kinds = [numbers(seen(frames)) for frames in pictures()]
    table = np.concatenate(kinds)
    attack = np.repeat([0, 1], [len(kind) for kind in kinds])
    scaler = StandardScaler().fit(table)
    fitted = LogisticRegression(C=0.01, max_iter=2000).fit(scaler.transform(table), attack)
    weights = fitted.coef_[0] / scaler.scale_
    write(weights, fitted.intercept_[0] - weights @ scaler.mean_)


if __name__ == "__main__":
    main()
