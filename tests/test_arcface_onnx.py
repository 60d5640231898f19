"""Recognizers from ONNX files: what they compute, what they refuse, what they run on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from bench import onnx_runtime, provenance
from bench.aligners.templates import ARCFACE112
from bench.api import Crops
from bench.errors import ConfigError, CorruptFile, MissingFile, PluginError, ProviderError, ShapeError
from bench.images import read, to_crops
from bench.provenance import file_digest
from bench.recognizers.arcface_onnx import ArcfaceOnnx
from bench.registry import load
from tests import onnx_models


def levels(count: int, side: int = 112) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def crops(count: int, side: int = 112) -> Crops:
    return to_crops(levels(count, side))


def arcface(path: Path, **settings: object) -> ArcfaceOnnx:
    return load("recognizer", "arcface_onnx", model=str(path), **settings)


@pytest.mark.parametrize("normalises", [True, False])
def test_the_input_is_normalised_once(tmp_path: Path, normalises: bool) -> None:
    network = arcface(onnx_models.recognizer(tmp_path / "tiny.onnx", normalises=normalises))
    found = network.embed(crops(5))
    expected = onnx_models.recognized(levels(5).transpose(0, 3, 1, 2))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert network.runtime()["normalisation"] == ("in the graph" if normalises else "(levels - 127.5) / 127.5")


def test_an_embedding_depends_on_its_own_crop_only(tmp_path: Path) -> None:
    network = arcface(onnx_models.recognizer(tmp_path / "tiny.onnx"), batch_size=4)
    faces = crops(9)
    together = network.embed(faces)
    assert together.shape == (9, 8)
    for index, face in enumerate(faces):
        np.testing.assert_array_equal(network.embed(face[None])[0], together[index])
    assert network.embed(faces[:0]).shape == (0, 8)


def test_a_fixed_batch_of_one_works(tmp_path: Path) -> None:
    any_batch = arcface(onnx_models.recognizer(tmp_path / "any.onnx"))
    one = arcface(onnx_models.recognizer(tmp_path / "one.onnx", shape=(1, 3, 112, 112)))
    np.testing.assert_allclose(one.embed(crops(3)), any_batch.embed(crops(3)), atol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 2e-3), ("uint8", 2e-6)])
def test_other_input_types(tmp_path: Path, dtype: str, tolerance: float) -> None:
    network = arcface(onnx_models.recognizer(tmp_path / "tiny.onnx", dtype=dtype, normalises=True))
    expected = onnx_models.recognized(levels(3).transpose(0, 3, 1, 2))
    np.testing.assert_allclose(network.embed(crops(3)), expected, atol=tolerance)


def test_the_template_has_the_side_of_the_network(tmp_path: Path) -> None:
    assert arcface(onnx_models.recognizer(tmp_path / "a.onnx")).template is ARCFACE112
    assert arcface(onnx_models.recognizer(tmp_path / "b.onnx", shape=("n", 3, "h", "w"))).template is ARCFACE112
    larger = arcface(onnx_models.recognizer(tmp_path / "c.onnx", shape=("n", 3, 128, 128)))
    assert (larger.template.name, larger.template.side) == ("arcface128", 128)
    np.testing.assert_allclose(larger.template.targets["field5"], ARCFACE112.targets["field5"] * 128 / 112, rtol=1e-6)
    assert larger.embed(crops(2, 128)).shape == (2, 8)
    with pytest.raises(ShapeError, match=r"\(N, 3, 128, 128\)"):
        larger.embed(crops(1))
    with pytest.raises(ShapeError, match="uint8"):
        larger.embed(np.zeros((1, 3, 128, 128), np.uint8))


def test_a_pack_brings_its_aligner_and_a_file_brings_none(tmp_path: Path) -> None:
    assert arcface(tmp_path / "any.onnx").default_aligner() == {"name": "dlib_hog", "points": 68}
    plain = load("recognizer", "arcface_onnx", pack="buffalo_l")
    assert plain.default_aligner() == {"name": "scrfd", "pack": "buffalo_l"}
    assert plain.template is ARCFACE112
    moved = load("recognizer", "arcface_onnx", pack="buffalo_l", root=str(tmp_path), threads=1)
    assert moved.default_aligner() == {"name": "scrfd", "pack": "buffalo_l", "root": str(tmp_path), "threads": 1}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "expected one of model: FILE.onnx and pack: NAME"),
        ({"model": "a.onnx", "pack": "buffalo_l"}, "got model: a.onnx and pack: buffalo_l"),
        ({"pack": "../elsewhere"}, "expected a name such as buffalo_l"),
        ({"model": "a.onnx", "sha256": "abc"}, "expected 64 hexadecimal digits"),
        ({"model": "a.onnx", "provider": "gpu"}, "expected one of auto, cpu, cuda"),
        ({"model": "a.onnx", "threads": -1}, "expected 1 or more, or 0"),
        ({"model": "a.onnx", "batch_size": 0}, "expected 1 to 4096"),
    ],
)
def test_settings_are_checked(settings: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load("recognizer", "arcface_onnx", **settings)


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPERSONA_MODELS", str(tmp_path))
    with pytest.raises(MissingFile, match=str(tmp_path / "none.onnx")):
        load("recognizer", "arcface_onnx", model="none.onnx").fingerprint()
    onnx_models.recognizer(tmp_path / "mine.onnx")
    assert load("recognizer", "arcface_onnx", model="mine.onnx").embed(crops(1)).shape == (1, 8)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"outputs": 2}, r"2 outputs \(fc1, fc2\)"),
        ({"shape": ("n", 3, 112, 96)}, "112 x 96"),
        ({"shape": ("n", 1, 112, 112)}, r"expected \(N, 3, S, S\)"),
    ],
)
def test_networks_of_another_kind_are_refused(tmp_path: Path, changes: dict, says: str) -> None:
    if changes.get("shape", (0, 3))[1] == 1:
        info = [onnx.helper.make_tensor_value_info(name, 1, ["n", 1, 112, 112]) for name in ("data", "same")]
        path = onnx_models.save(
            tmp_path / "odd.onnx", [onnx.helper.make_node("Abs", ["data"], ["same"])], info[:1], info[1:], {}
        )
    else:
        path = onnx_models.recognizer(tmp_path / "odd.onnx", **changes)
    with pytest.raises(PluginError, match=says):
        arcface(path).embed(crops(1))


def test_an_image_for_an_answer_is_refused(tmp_path: Path) -> None:
    info = [onnx.helper.make_tensor_value_info(name, 1, ["n", 3, 112, 112]) for name in ("data", "same")]
    node = onnx.helper.make_node("Abs", ["data"], ["same"])
    with pytest.raises(PluginError, match="expected one vector"):
        arcface(onnx_models.save(tmp_path / "image.onnx", [node], info[:1], info[1:], {})).embed(crops(1))


def test_embeddings_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    info = [onnx.helper.make_tensor_value_info("data", 1, ["n", 3, 112, 112])]
    outputs = [onnx.helper.make_tensor_value_info("log", 1, ["n", 3 * 112 * 112])]
    nodes = [onnx.helper.make_node("Flatten", ["data"], ["flat"]), onnx.helper.make_node("Log", ["flat"], ["log"])]
    with pytest.raises(PluginError, match="not finite"):
        arcface(onnx_models.save(tmp_path / "log.onnx", nodes, info, outputs, {})).embed(crops(1))


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x08\x08\x12\x04"])
def test_a_file_that_is_no_network_is_corrupt(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.onnx").write_bytes(content)
    with pytest.raises(CorruptFile, match=r"broken\.onnx"):
        arcface(tmp_path / "broken.onnx").embed(crops(1))


def test_a_file_with_another_digest_is_corrupt(tmp_path: Path) -> None:
    path = onnx_models.recognizer(tmp_path / "tiny.onnx")
    digest = file_digest(path)
    assert arcface(path, sha256=digest.upper()).embed(crops(1)).shape == (1, 8)
    for act in (lambda plugin: plugin.fingerprint(), lambda plugin: plugin.embed(crops(1))):
        with pytest.raises(CorruptFile, match=f"got SHA-256 {digest}, expected {'0' * 64}"):
            act(arcface(path, sha256="0" * 64))


def test_the_fingerprint_follows_the_file_and_the_settings(tmp_path: Path) -> None:
    path = onnx_models.recognizer(tmp_path / "tiny.onnx")
    before = arcface(path).fingerprint()
    assert before["model_sha256"] == file_digest(path)
    assert before["provider"] == "CPUExecutionProvider"
    assert arcface(path).fingerprint() == before
    assert arcface(path, threads=1).fingerprint() != before
    assert arcface(path, batch_size=2).fingerprint() != before
    onnx_models.recognizer(path, width=9)
    assert arcface(path).fingerprint() != before


def test_tensors_beside_the_file_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    model = onnx.load(onnx_models.recognizer(tmp_path / "whole.onnx"))
    path = tmp_path / "split.onnx"
    onnx.save(model, path, save_as_external_data=True, location="split.onnx.data", size_threshold=0)
    network = arcface(path)
    np.testing.assert_array_equal(network.embed(crops(2)), arcface(tmp_path / "whole.onnx").embed(crops(2)))
    before = network.fingerprint()
    data = bytearray((tmp_path / "split.onnx.data").read_bytes())
    data[0] ^= 1
    (tmp_path / "split.onnx.data").write_bytes(bytes(data))
    assert network.fingerprint() != before

    strange = tmp_path / "strange.onnx"
    model = onnx.load(tmp_path / "whole.onnx")
    onnx.save(model, strange, save_as_external_data=True, location="elsewhere.bin", size_threshold=0)
    with pytest.raises(PluginError, match=r"elsewhere\.bin"):
        arcface(strange).embed(crops(1))


def test_a_provider_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    path = onnx_models.recognizer(tmp_path / "tiny.onnx")
    for name in ("cuda", "CUDAExecutionProvider"):
        with pytest.raises(ProviderError, match="available here: CPUExecutionProvider") as caught:
            arcface(path, provider=name).embed(crops(1))
        assert "pip uninstall -y onnxruntime onnxruntime-gpu" in str(caught.value)
        assert "impersona doctor" in str(caught.value)


def test_a_provider_that_gives_way_in_silence_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    class Fallen:
        def __init__(self, *_: object, **options: object) -> None:
            assert options["enable_fallback"] == 0

        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

        def disable_fallback(self) -> None: ...

    known = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: known)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Fallen)
    with pytest.raises(ProviderError, match="fell back to CPUExecutionProvider"):
        arcface(onnx_models.recognizer(tmp_path / "tiny.onnx"), provider="cuda").embed(crops(1))


def test_auto_is_settled_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_runtime, "version_of", lambda name: "1.20")
    monkeypatch.setattr(provenance.shutil, "which", lambda name: "/bin/nvidia-smi")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert onnx_runtime.provider_name("auto") == onnx_runtime.CUDA
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert onnx_runtime.provider_name("auto") == onnx_runtime.CPU
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(onnx_runtime, "version_of", lambda name: "absent")
    assert onnx_runtime.provider_name("auto") == onnx_runtime.CPU


def test_runtime_tells_what_ran(tmp_path: Path) -> None:
    network = arcface(onnx_models.recognizer(tmp_path / "tiny.onnx"), threads=1)
    assert network.runtime() == {}
    network.embed(crops(1))
    assert network.runtime()["provider"] == "CPUExecutionProvider"
    assert network.runtime()["threads"] == "1"
    assert network.runtime()["graph_optimisation"] == "all"


def test_planning_imports_nothing_heavy(tmp_path: Path) -> None:
    path = onnx_models.recognizer(tmp_path / "tiny.onnx")
    code = (
        "import sys\nfrom bench.registry import load\n"
        f"load('recognizer', 'arcface_onnx', model={str(path)!r}).fingerprint()\n"
        f"load('recognizer', 'arcface_onnx', pack='buffalo_l', root={str(tmp_path)!r}).fingerprint()\n"
        f"load('aligner', 'scrfd', model={str(path)!r}).fingerprint()\n"
        f"load('aligner', 'yunet', model={str(path)!r}).fingerprint()\n"
        "load('recognizer', 'lbp').fingerprint()\n"
        "print([m for m in ('onnxruntime', 'onnx', 'insightface', 'cv2', 'skimage', 'torch') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.real
def test_mobilefacenet_agrees_with_insightface(real_models: Path, real_data: Path) -> None:
    from insightface.model_zoo import get_model

    path = real_models / "mobilefacenet_y1.onnx"
    frames = [read(file) for file in sorted((real_data / "lfw" / "images").glob("A*/*_0001.jpg"))[:5]]
    faces = np.stack([frame[30:142, 30:142] for frame in frames])
    theirs = get_model(str(path), providers=["CPUExecutionProvider"]).get_feat([face[:, :, ::-1] for face in faces])
    network = arcface(path)
    np.testing.assert_allclose(network.embed(to_crops(faces)), theirs, atol=1e-5)
    assert network.runtime()["normalisation"] == "in the graph"


@pytest.mark.real
def test_threads_and_batches_change_no_bit_of_a_convolutional_network(real_models: Path) -> None:
    path, faces = real_models / "mobilefacenet_y1.onnx", crops(6)
    first = arcface(path).embed(faces)
    for settings in ({"threads": 1}, {"threads": 3}, {"batch_size": 1}, {"batch_size": 4}):
        np.testing.assert_array_equal(arcface(path, **settings).embed(faces), first)
