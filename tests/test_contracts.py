"""Every built-in plugin keeps the promises of its protocol: `impersona check`, run on every row of the table.

`FIXTURES` says with which settings, and makes the files that they name. A row without an entry fails.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

import bench
from bench.aligners.templates import ARCFACE112
from bench.api import PluginRow
from bench.images import encode_png
from bench.wiring import BUILT_IN
from generators.spade.networks import renderer, style_encoder
from generators.spade.settings import SpadePreset
from generators.training.released import write_released
from tests import dlib_models, onnx_models
from tests.test_attribute_judge import judge_weights
from tests.test_celeba import celeba
from tests.test_datasets import lfw_copy
from tests.test_mixsyn import mixsyn_weights
from tests.test_onnx_detector import network as two_columns
from tests.test_parsers import classes_by_colour
from tests.test_sis import SMALL as SMALL_SIS
from tests.test_sis import sis_weights
from tests.test_translation import translation_weights
from tests.toys import photos, write

Settings = dict[str, Any]


def picture(number: int, side: int = 16) -> NDArray[np.uint8]:
    """A picture that differs from those of other numbers."""
    return np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)


def celebamask(root: Path, official: bool) -> Settings:
    """Four photos with masks, in either layout; the official one with parts and attributes."""
    photo_folder, mask_folder = ("CelebA-HQ-img", "CelebAMask-HQ-mask-anno") if official else ("images", "labels")
    for number in range(4):
        write(root / photo_folder / f"{number}.jpg", picture(number))
        labels = np.random.default_rng(number).integers(0, 19, (8, 8), dtype=np.uint8)
        if official:
            for part, label in (("skin", 1), ("l_eye", 4), ("hair", 13)):
                shown = np.repeat(255 * (labels == label)[..., None], 3, axis=2).astype(np.uint8)
                write(root / mask_folder / "0" / f"{number:05d}_{part}.png", shown)
        else:
            (root / mask_folder).mkdir(exist_ok=True)
            Image.fromarray(labels).save(root / mask_folder / f"{number}.png")
    return {"root": root}


def vectors(path: Path) -> Settings:
    """Six embeddings of three people, with an attribute."""
    rows = np.random.default_rng(1).standard_normal((6, 5)).astype(np.float32)
    names = [f"{who}/{number}" for who in "abc" for number in (0, 1)]
    np.savez(path, keys=np.array(names), subjects=np.array(list("aabbcc")), embeddings=rows, age=np.arange(6.0))
    return {"file": path}


def ijb(root: Path, aligned: bool) -> Settings:
    """Four photos in three templates."""
    meta = root / "meta"
    meta.mkdir(parents=True)
    for number in range(4):
        write(root / "loose_crop" / f"{number}.jpg", picture(number, 120))
    (meta / "ijbc_face_tid_mid.txt").write_text("0.jpg 1 10\n1.jpg 1 11\n2.jpg 2 12\n3.jpg 3 13\n")
    (meta / "ijbc_template_pair_label.txt").write_text("1 2 1\n1 3 0\n")
    points = " ".join(str(value) for value in ARCFACE112.targets["field5"].ravel())
    (meta / "ijbc_name_5pts_score.txt").write_text("".join(f"{number}.jpg {points} 0.9\n" for number in range(4)))
    return {"root": root, "aligned": aligned}


def labelled(root: Path) -> Settings:
    """Two labels, two images each."""
    for number in range(4):
        write(root / ("real" if number % 2 else "generated") / f"{number}.png", picture(number))
    return {"root": root}


def insightface_bin(path: Path) -> Settings:
    """Ten pairs, as InsightFace pickles them."""
    files = [encode_png(picture(number, 112)) for number in range(20)]
    path.write_bytes(pickle.dumps((files, [number % 2 == 0 for number in range(10)]), protocol=2))
    return {"file": path}


def pairs_csv(root: Path) -> Settings:
    """Two pairs of coloured squares."""
    photos(root)
    path = root / "pairs.csv"
    path.write_text("probe,reference,mated\nann/0.png,ann/1.png,1\nann/0.png,bob/1.png,0\n")
    return {"file": path}


def yunet(path: Path) -> Settings:
    """A network of YuNet's shape that takes bright cells for faces."""
    nodes, outputs, constants = [], [], {}
    for stride in (8, 16, 32):
        for name, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            label = f"{name}_{stride}"
            bright = 1 / (3 * 255 * stride**2) if name in ("cls", "obj") else 0.0
            constants[f"weight_{label}"] = np.full((width, 3, stride, stride), bright, np.float32)
            constants[f"bias_{label}"] = np.linspace(0, 0.5, width, dtype=np.float32)
            constants[f"shape_{label}"] = np.array([1, -1, width], np.int64)
            window = [stride, stride]
            nodes += [
                helper.make_node(
                    "Conv",
                    ["input", f"weight_{label}", f"bias_{label}"],
                    [f"map_{label}"],
                    kernel_shape=window,
                    strides=window,
                ),
                helper.make_node("Transpose", [f"map_{label}"], [f"last_{label}"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"last_{label}", f"shape_{label}"], [label]),
            ]
            count = (640 // stride) ** 2
            outputs.append(helper.make_tensor_value_info(label, TensorProto.FLOAT, [1, count, width]))
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])]
    return {"model": str(onnx_models.save(path, nodes, inputs, outputs, constants))}


def spade_weights(path: Path) -> Path:
    """Networks of a few channels that have learned nothing, released."""
    torch.manual_seed(0)
    preset = SpadePreset(
        side=32, levels=((8, 8), (16, 4), (32, 4)), style=4, hidden=4, encoder_first=4, encoder_down=(4,)
    )
    networks = {"encoder": style_encoder(preset), "renderer": renderer(preset)}
    write_released(path, networks, preset, {"recipe": "spade"})
    return path


def sis_settings(folder: Path) -> list[Settings]:
    """Faces made again, and faces that take all kinds of things from another."""
    weights = sis_weights(folder / "sis.safetensors", replace(SMALL_SIS, identity=128))
    taken = {"identity": "reference", "styles": ["nose"], "shapes": ["hair"]}
    return [{"weights": str(weights), "batch_size": 2, **settings} for settings in ({}, taken)]


def mixsyn_settings(folder: Path) -> list[Settings]:
    """Who gives what drawn, and named, with a composition's noise."""
    weights = mixsyn_weights(folder / "mixsyn.safetensors")
    named = {"sources": 3, "shapes": {"hair": 2, "mouth": 3}, "styles": {"skin": 3}, "variant": 1}
    return [{"weights": str(weights), "batch_size": 2, **settings} for settings in ({}, named)]


FIXTURES: dict[tuple[str, str], Callable[[Path], list[Settings]]] = {
    ("dataset", "celeba"): lambda folder: [{"root": celeba(folder, "table")}],
    ("dataset", "celebamask_hq"): lambda folder: [celebamask(folder / str(kind), kind) for kind in (True, False)],
    ("dataset", "drawn"): lambda folder: [{"people": 3, "images": 2, "side": 96}],
    ("dataset", "embeddings"): lambda folder: [vectors(folder / "vectors.npz")],
    ("dataset", "folder"): lambda folder: [{"root": photos(folder)}],
    ("dataset", "ijb"): lambda folder: [ijb(folder / str(aligned), aligned) for aligned in (True, False)],
    ("dataset", "images"): lambda folder: [labelled(folder)],
    ("dataset", "insightface_bin"): lambda folder: [insightface_bin(folder / "lfw.bin")],
    ("dataset", "lfw"): lambda folder: [{"root": lfw_copy(folder)}],
    ("dataset", "pairs_csv"): lambda folder: [pairs_csv(folder)],
    ("aligner", "dlib_hog"): lambda folder: [{}, {"points": 68}],
    ("aligner", "yunet"): lambda folder: [yunet(folder / "yunet.onnx")],
    ("aligner", "scrfd"): lambda folder: [
        {"model": str(onnx_models.detector(folder / "bright.onnx")), "det_size": [64, 64]}
    ],
    ("aligner", "none"): lambda folder: [{}],
    ("parser", "face_parser"): lambda folder: [{"batch_size": 4}],
    ("parser", "onnx"): lambda folder: [{"model": str(classes_by_colour(folder / "parser.onnx")), "batch_size": 2}],
    ("judge", "attribute_judge"): lambda folder: [
        {"weights": str(judge_weights(folder / "judge.safetensors")), "batch_size": 2}
    ],
    ("recognizer", "dlib_resnet"): lambda folder: [{"batch_size": 4}],
    ("recognizer", "arcface_onnx"): lambda folder: [
        {"model": str(onnx_models.recognizer(folder / "tiny.onnx")), "batch_size": 4}
    ],
    ("recognizer", "given"): lambda folder: [{"comparison": "cosine"}],
    ("recognizer", "lbp"): lambda folder: [{"batch_size": 4}],
    ("recognizer", "random_projection"): lambda folder: [{"batch_size": 4}],
    ("detector", "differential_morph"): lambda folder: [{"batch_size": 4}],
    ("detector", "onnx"): lambda folder: [
        {"model": str(two_columns(folder / "net.onnx")), "attack": 1, "batch_size": 4}
    ],
    ("detector", "random"): lambda folder: [{}],
    ("detector", "spectral"): lambda folder: [{}],
    ("generator", "collage"): lambda folder: [
        {"batch_size": 2},
        {"batch_size": 2, "regions_by": "masks", "regions": ["hair", "eyes:3"], "sources": 3},
    ],
    ("generator", "mixsyn"): mixsyn_settings,
    ("generator", "sis"): sis_settings,
    ("generator", "spade"): lambda folder: [
        {"weights": str(spade_weights(folder / "spade.safetensors")), "batch_size": 2}
    ],
    ("generator", "successive_edits"): lambda folder: [
        {"generator": {"name": "sis", "weights": str(weights), "batch_size": 2}, "sources": 3}
        for weights in [sis_weights(folder / "sis.safetensors", replace(SMALL_SIS, identity=128))]
    ],
    ("generator", "translation"): lambda folder: [
        {"weights": str(translation_weights(folder / "translation.safetensors")), "batch_size": 2, **settings}
        for settings in ({"edits": {"Smiling": "flip"}, "variant": 1}, {"by": "both", "sources": 3})
    ],
    ("attack", "hidden_identity"): lambda folder: [
        {"generator": {"name": "sis", "weights": str(weights), "batch_size": 2}, "regions": ["nose"], "strength": 0.5}
        for weights in [sis_weights(folder / "sis.safetensors", replace(SMALL_SIS, identity=128))]
    ],
    ("attack", "least_edit"): lambda folder: [
        {
            "generator": {"name": "translation", "weights": str(weights), "batch_size": 2},
            "batch_size": 2,
            "attributes": ["Smiling", "Bangs"],
            "strengths": [1.0, 2.0],
        }
        for weights in [translation_weights(folder / "translation.safetensors")]
    ],
    ("attack", "landmark_morph"): lambda folder: [{}],
    ("executor", "inline"): lambda folder: [{}],
    ("executor", "processes"): lambda folder: [{"jobs": 2}],
}
"""Row to the settings that it is checked with; the files that they name are made in the folder."""

NOT_ASKED = {
    ("recognizer", "given"): ["it looks at no pictures"],
}
"""How the reasons begin for which something cannot be asked of a row; of every other row, everything can."""


def test_every_row_has_a_fixture_and_every_fixture_a_row() -> None:
    rows = {(row.kind, row.name) for row in BUILT_IN}
    assert not sorted(rows - set(FIXTURES)), "add settings for these to FIXTURES, with the files that they need"
    assert not sorted(set(FIXTURES) - rows), "these are no plugins any more"


@pytest.fixture(scope="module")
def dlib_is_read_once() -> Iterator[None]:
    with dlib_models.read_once():
        yield


@pytest.mark.parametrize("row", [row for row in BUILT_IN if row.kind == "aligner"], ids=lambda row: row.name)
def test_every_aligner_keeps_its_promises(row: PluginRow, tmp_path: Path) -> None:
    keeps_its_promises(row, tmp_path)


@pytest.mark.usefixtures("dlib_is_read_once")
@pytest.mark.parametrize(
    "row", [row for row in BUILT_IN if row.kind != "aligner"], ids=lambda row: f"{row.kind}-{row.name}"
)
def test_every_other_built_in_plugin_keeps_its_promises(row: PluginRow, tmp_path: Path) -> None:
    keeps_its_promises(row, tmp_path)


def keeps_its_promises(row: PluginRow, tmp_path: Path) -> None:
    key = (row.kind, row.name)
    if key not in FIXTURES:
        pytest.fail(f"add settings for the {row.kind} {row.name!r} to FIXTURES, with the files that they need")
    for settings in FIXTURES[key](tmp_path):
        findings = bench.check(row.kind, row.name, **settings)
        broken = [
            f"{finding.line}: {finding.promise}: {finding.message}" for finding in findings if finding.kept is False
        ]
        assert not broken, "\n".join([str(settings), *broken])
        reasons = [finding.message for finding in findings if finding.kept is None]
        expected = NOT_ASKED.get(key, [])
        assert len(reasons) == len(expected), reasons
        assert all(reason.startswith(start) for reason, start in zip(reasons, expected, strict=True)), reasons


def test_the_network_of_yunets_shape_finds_bright_squares(tmp_path: Path) -> None:
    aligner = bench.load("aligner", "yunet", **yunet(tmp_path / "yunet.onnx"))
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[16:24, 32:40] = 255
    (face,) = aligner.detect(frame)
    assert 32 <= face.box[[0, 2]].mean() <= 40
    assert 16 <= face.box[[1, 3]].mean() <= 24
    assert onnx.load(tmp_path / "yunet.onnx").graph.output[0].name == "cls_8"
