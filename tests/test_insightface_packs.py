"""InsightFace packs: downloaded whole or not at all, checked against pinned digests, read by manifest or by name."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import requests

from bench import insightface_packs
from bench.errors import CorruptFile, MissingFile
from bench.insightface_packs import KNOWN_PACKS, PINNED, ModelSource
from bench.provenance import file_digest
from bench.registry import load
from tests import onnx_models

Fetch = Callable[[str], list[str]]


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of packs that InsightFace's downloader was asked for; it writes what buffalo_l would hold."""
    asked: list[str] = []

    def ensure_available(sub_dir: str, name: str, root: str) -> str:
        asked.append(name)
        folder = Path(root) / sub_dir / name
        folder.mkdir(parents=True)
        onnx_models.recognizer(folder / "w600k_r50.onnx")
        (folder.parent / f"{name}.zip").write_bytes(b"the archive that it leaves behind")
        print("download_path:", folder)
        return str(folder)

    monkeypatch.setattr("insightface.utils.ensure_available", ensure_available)
    return asked


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The digest of the file that `fetched` writes, put in the place of the real w600k_r50.onnx's."""
    digest = file_digest(onnx_models.recognizer(tmp_path / "tiny.onnx"))
    monkeypatch.setattr(insightface_packs, "PINNED", {**PINNED, "w600k_r50.onnx": digest})
    return digest


def crops(count: int) -> np.ndarray:
    return np.zeros((count, 3, 112, 112), np.float32)


def leftovers(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "models").iterdir()) if (root / "models").exists() else []


def test_a_pack_is_downloaded_once_when_it_is_first_needed(
    tmp_path: Path, fetched: list[str], pinned: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "home"
    network = load("recognizer", "arcface_onnx", pack="buffalo_l", root=str(root))
    assert network.fingerprint()["model_sha256"] == pinned
    assert not root.exists(), "a known pack is keyed by its pin, nothing is fetched to plan"
    assert network.embed(crops(2)).shape == (2, 8)
    assert network.fingerprint()["model_sha256"] == pinned
    assert load("recognizer", "arcface_onnx", pack="buffalo_l", root=str(root)).embed(crops(1)).shape == (1, 8)
    assert fetched == ["buffalo_l"]
    assert leftovers(root) == ["buffalo_l"]
    assert capsys.readouterr().out == "", "standard output belongs to the program that asked"


@pytest.mark.parametrize(
    "failure",
    [
        requests.exceptions.ConnectionError("no route to host"),
        RuntimeError("Failed downloading url"),
        zipfile.BadZipFile("File is not a zip file"),
        OSError("no space left on device"),
    ],
)
def test_a_download_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def ensure_available(sub_dir: str, name: str, root: str) -> str:
        folder = Path(root) / sub_dir / name
        folder.mkdir(parents=True)
        (folder / "half.onnx").write_bytes(b"half")
        raise failure

    monkeypatch.setattr("insightface.utils.ensure_available", ensure_available)
    source = ModelSource("recognition", pack="buffalo_l", root=str(tmp_path))
    with pytest.raises(MissingFile, match="could not be downloaded") as caught:
        source.path()
    assert str(tmp_path / "models" / "buffalo_l") in str(caught.value)
    assert "model: /path/to/file.onnx" in str(caught.value)
    assert leftovers(tmp_path) == []


def test_a_download_that_is_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ensure_available(sub_dir: str, name: str, root: str) -> str:
        (Path(root) / sub_dir / name).mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr("insightface.utils.ensure_available", ensure_available)
    with pytest.raises(KeyboardInterrupt):
        ModelSource("recognition", pack="buffalo_l", root=str(tmp_path)).path()
    assert leftovers(tmp_path) == []


def test_a_file_that_is_not_the_pinned_one_is_refused(tmp_path: Path, fetched: list[str]) -> None:
    source = ModelSource("recognition", pack="buffalo_l", root=str(tmp_path))
    with pytest.raises(CorruptFile, match=f"expected {PINNED['w600k_r50.onnx']}") as caught:
        source.path()
    got = re.search("got SHA-256 ([0-9a-f]{64})", str(caught.value))
    assert got is not None
    trusted = ModelSource("recognition", pack="buffalo_l", root=str(tmp_path), sha256=got[1])
    assert trusted.path().name == "w600k_r50.onnx"


def test_a_folder_that_another_download_left_half_full_is_refused(tmp_path: Path, fetched: list[str]) -> None:
    (tmp_path / "models" / "buffalo_l").mkdir(parents=True)
    with pytest.raises(MissingFile, match=r"has no w600k_r50\.onnx.*delete the folder"):
        ModelSource("recognition", pack="buffalo_l", root=str(tmp_path)).path()
    assert fetched == []


def test_a_pack_in_a_folder_of_its_own_name_is_found(tmp_path: Path, pinned: str) -> None:
    folder = tmp_path / "models" / "buffalo_l" / "buffalo_l"
    folder.mkdir(parents=True)
    onnx_models.recognizer(folder / "w600k_r50.onnx")
    source = ModelSource("recognition", pack="buffalo_l", root=str(tmp_path))
    assert source.path() == folder / "w600k_r50.onnx"
    assert source.digests() == {"model_sha256": pinned}


def test_a_pack_that_nobody_knows_is_fetched_to_be_keyed(tmp_path: Path, fetched: list[str]) -> None:
    source = ModelSource("recognition", pack="gazelle", root=str(tmp_path))
    with pytest.raises(MissingFile, match=r"has w600k_r50\.onnx and no manifest\.json"):
        source.digests()
    assert fetched == ["gazelle"]


def manifest_pack(root: Path, **task: object) -> ModelSource:
    folder = root / "models" / "gazelle"
    folder.mkdir(parents=True)
    onnx_models.recognizer(folder / "inner.onnx")
    text = json.dumps({"manifest_version": 2, "tasks": {"recognition": {"file": "inner.onnx", **task}}})
    (folder / "manifest.json").write_text(text)
    return ModelSource("recognition", pack="gazelle", root=str(root))


def test_a_manifest_names_file_digest_and_normalisation(tmp_path: Path) -> None:
    source = manifest_pack(tmp_path, preprocessing={"mean": 0, "std": 255})
    assert source.path().name == "inner.onnx"
    assert source.normalisation() == (0.0, 255.0)
    network = load("recognizer", "arcface_onnx", pack="gazelle", root=str(tmp_path))
    ones = crops(1) + np.float32(1)
    expected = np.ones((1, 48)) @ onnx_models.projection(8).astype(np.float64)
    np.testing.assert_allclose(network.embed(ones), expected, rtol=1e-5)
    assert network.runtime()["normalisation"] == "(levels - 0) / 255"


@pytest.mark.parametrize(
    ("task", "error", "says"),
    [
        ({"sha256": "0" * 64}, CorruptFile, "got SHA-256"),
        ({"file": "../../elsewhere.onnx"}, CorruptFile, "names no usable recognition network"),
        ({"preprocessing": {"mean": 0}}, CorruptFile, "names no usable recognition network"),
        ({"file": "gone.onnx"}, MissingFile, r"gone\.onnx"),
    ],
)
def test_a_manifest_is_not_trusted(tmp_path: Path, task: dict, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        manifest_pack(tmp_path, **task).path()


def test_every_known_pack_is_pinned() -> None:
    for files in KNOWN_PACKS.values():
        for name in files.values():
            assert re.fullmatch("[0-9a-f]{64}", PINNED[name])


def test_ls_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.aligners import scrfd
    from bench.recognizers import arcface_onnx

    monkeypatch.setattr(insightface_packs, "ROOT", str(tmp_path / "none"))
    monkeypatch.delenv("IMPERSONA_MODELS", raising=False)
    assert "pack: buffalo_l" in arcface_onnx.what_is_missing()
    assert "pack: buffalo_l" in scrfd.what_is_missing()
    monkeypatch.setenv("IMPERSONA_MODELS", str(tmp_path))
    (tmp_path / "yunet_n_640_640.onnx").touch()
    assert arcface_onnx.what_is_missing()
    assert scrfd.what_is_missing()
    (tmp_path / "mobilefacenet_y1.onnx").touch()
    assert not arcface_onnx.what_is_missing()
    assert scrfd.what_is_missing()
    (tmp_path / "scrfd_500m_bnkps.onnx").touch()
    assert not scrfd.what_is_missing()
    monkeypatch.delenv("IMPERSONA_MODELS")
    (tmp_path / "none" / "models" / "buffalo_l").mkdir(parents=True)
    (tmp_path / "none" / "models" / "buffalo_l" / "det_10g.onnx").touch()
    assert not scrfd.what_is_missing()
