"""lbp: its descriptor against a slow one written out, its PCA against scikit-learn's, and the weights that ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from skimage.feature import local_binary_pattern
from sklearn.decomposition import PCA

from bench.aligners.templates import DLIB150, similarity
from bench.api import Crops
from bench.errors import ConfigError, CorruptFile, InsufficientData, MissingFile, ShapeError
from bench.images import to_crops
from bench.provenance import file_digest
from bench.recognizers import lbp, lbp_fit
from bench.registry import load
from bench.seeding import split_of
from bench.weights import released
from tests.toys import write


def crops(count: int) -> Crops:
    return to_crops(np.random.default_rng(7).integers(0, 256, (count, 80, 80, 3), dtype=np.uint8))


def test_histograms_are_those_of_their_definition() -> None:
    grey = np.random.default_rng(1).integers(0, 256, (80, 80), dtype=np.uint8)
    codes = local_binary_pattern(grey, 8, 2, method="nri_uniform")
    assert set(np.unique(codes)) <= set(range(59))
    found = lbp.cell_histograms(grey)
    assert found.shape == (15, 15, 59)
    for row, column in ((0, 0), (3, 11), (14, 14)):
        cell = codes[5 * row : 5 * row + 10, 5 * column : 5 * column + 10]
        expected = [(cell == code).sum() / 100 for code in range(59)]
        np.testing.assert_allclose(found[row, column], expected)


def test_a_face_and_its_mirror_image_are_described_alike() -> None:
    faces = crops(3)
    described = lbp.describe(faces)
    assert (described.shape, described.dtype) == ((3, 7080), np.float32)
    np.testing.assert_array_equal(lbp.describe(np.ascontiguousarray(faces[..., ::-1])), described)


def test_brightness_and_contrast_change_little() -> None:
    smooth = np.random.default_rng(2).normal(size=(80, 80)).cumsum(axis=0).cumsum(axis=1)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    levels = [np.repeat((low + (high - low) * smooth)[None], 3, axis=0) for low, high in ((0.0, 1.0), (0.3, 0.9))]
    bright, flat = lbp.describe(np.stack(levels).astype(np.float32)).astype(np.float64)
    assert bright @ flat / np.linalg.norm(bright) / np.linalg.norm(flat) > 0.9


def test_an_embedding_depends_on_its_own_crop_only() -> None:
    recognizer = load("recognizer", "lbp", batch_size=4)
    faces = crops(6)
    together = recognizer.embed(faces)
    assert (together.shape, together.dtype) == ((6, 300), np.float32)
    assert np.isfinite(together).all()
    for index, face in enumerate(faces):
        np.testing.assert_array_equal(recognizer.embed(face[None])[0], together[index])
    assert recognizer.embed(faces[:0]).shape == (0, 300)


def test_the_embedding_is_the_descriptor_projected(tmp_path: Path) -> None:
    mean, projection = lbp.read_weights(released(lbp.WEIGHTS))
    expected = (lbp.describe(crops(2)).astype(np.float64) - mean) @ projection.T
    np.testing.assert_allclose(load("recognizer", "lbp").embed(crops(2)), expected, rtol=1e-5, atol=1e-5)


def test_the_template_is_the_middle_of_dlibs_chip() -> None:
    recognizer = load("recognizer", "lbp")
    assert recognizer.template.side == 80
    assert recognizer.default_aligner() == {"name": "dlib_hog"}
    for scheme, points in recognizer.template.targets.items():
        matrix = similarity(DLIB150.targets[scheme], points)
        np.testing.assert_allclose(matrix, [[0.7, 0, -12.5], [0, 0.7, -12.5]], atol=1e-4)
    assert set(recognizer.template.targets) == {"dlib5", "field5"}


def test_the_weights_that_ship() -> None:
    path = released(lbp.WEIGHTS)
    assert path.stat().st_size < 16 << 20
    with safe_open(path, framework="numpy") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}  # noqa: SIM118, no mapping
        assert file.metadata() == {"layout": lbp.LAYOUT}
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert file_digest(path) in card
    assert "python -m bench.recognizers.lbp_fit" in card


def test_the_fingerprint_follows_the_weights(tmp_path: Path) -> None:
    before = load("recognizer", "lbp").fingerprint()
    assert before["weights"] == file_digest(released(lbp.WEIGHTS))
    other = weight_file(tmp_path / "mine.safetensors")
    assert load("recognizer", "lbp", weights=str(other)).fingerprint() != before
    assert load("recognizer", "lbp", weights=str(other)).embed(crops(1)).shape == (1, 3)


def weight_file(path: Path, length: int = lbp.LENGTH, layout: str = lbp.LAYOUT, fill: float = 0.5) -> Path:
    tensors = {"mean": np.zeros(length, np.float16), "projection": np.full((3, length), fill, np.float16)}
    save_file(tensors, path, metadata={"layout": layout})
    return path


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"\(N, 3, 80, 80\)"):
        load("recognizer", "lbp").embed(np.zeros((1, 3, 112, 112), np.float32))
    with pytest.raises(ConfigError, match="batch_size"):
        load("recognizer", "lbp", batch_size=0)
    with pytest.raises(MissingFile, match=r"none\.safetensors"):
        load("recognizer", "lbp", weights=str(tmp_path / "none.safetensors")).fingerprint()
    (tmp_path / "broken.safetensors").write_bytes(b"{}")
    wrong = [
        tmp_path / "broken.safetensors",
        weight_file(tmp_path / "short.safetensors", length=10),
        weight_file(tmp_path / "other.safetensors", layout="another"),
        weight_file(tmp_path / "infinite.safetensors", fill=np.inf),
    ]
    save_file({"mean": np.zeros(3, np.float16)}, tmp_path / "half.safetensors")
    for path in [*wrong, tmp_path / "half.safetensors"]:
        with pytest.raises(CorruptFile, match=path.name):
            load("recognizer", "lbp", weights=str(path)).embed(crops(1))


def test_components_are_those_of_scikit_learn() -> None:
    described = np.random.default_rng(4).normal(size=(40, 12)).astype(np.float32) * np.arange(1, 13, dtype=np.float32)
    mean, projection = lbp_fit.whitened_components(described, 5)
    pca = PCA(5, whiten=True, svd_solver="full").fit(described.astype(np.float64))
    found = (described - mean) @ projection.T
    np.testing.assert_allclose(np.abs(found), np.abs(pca.transform(described.astype(np.float64))), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.std(axis=0, ddof=1), 1, rtol=1e-6)
    np.testing.assert_array_less(0, np.take_along_axis(projection, np.abs(projection).argmax(1)[:, None], 1))
    with pytest.raises(InsufficientData, match="40 faces for 40 components"):
        lbp_fit.whitened_components(described, 40)


def test_view_2_stays_a_test(tmp_path: Path) -> None:
    names = [f"Person_{number:02d}" for number in range(12)]
    for name in names:
        for number in (1, 2, 3):
            write(tmp_path / "images" / name / f"{name}_{number:04d}.jpg", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "pairs.txt").write_text(f"1\t1\n{names[0]}\t1\t2\n{names[1]}\t1\t{names[2]}\t1\n")
    frames = lbp_fit.fitting_frames(load("dataset", "lfw", root=tmp_path), per_person=2)
    expected = [name for name in names[3:] if split_of(name) == "train"]
    assert 0 < len(expected) < 9
    assert [frame.subject for frame in frames] == [name for name in expected for _ in range(2)]


def test_fitting_without_data_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lbp_fit.main(["--data", str(tmp_path), "--out", str(tmp_path / "out.safetensors")]) == 1
    assert "pairs.txt" in capsys.readouterr().err


@pytest.mark.real
@pytest.mark.full
def test_the_recipe_gives_the_weights_that_ship(real_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "again.safetensors"
    assert lbp_fit.main(["--data", str(real_data / "lfw"), "--out", str(out)]) == 0
    for ours, theirs in zip(lbp.read_weights(out), lbp.read_weights(released(lbp.WEIGHTS)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-2 * np.abs(theirs).max())
