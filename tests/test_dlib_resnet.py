"""The torch port of dlib's recognizer against dlib itself, its gradients, and its independence of batches."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional

from bench import images
from bench.aligners.dlib_hog import DlibHog, DlibHogSettings
from bench.aligners.templates import DLIB150
from bench.api import GradientRecognizer
from bench.errors import ProviderError, ShapeError
from bench.recognizers.dlib_network import DlibNetwork
from bench.recognizers.dlib_resnet import WEIGHT_FILE, DlibResnet, DlibResnetSettings
from bench.recognizers.dlib_weights import read_weights
from bench.weights import dlib_model


def smooth_chips(count, seed=0):
    """uint8 (count, 150, 150, 3): blobs of colour, with the contrast of photos rather than of noise."""
    coarse = torch.rand(count, 3, 9, 9, generator=torch.Generator().manual_seed(seed))
    return images.to_frames(functional.interpolate(coarse, size=150, mode="bicubic").clamp(0, 1).numpy())


@pytest.fixture(scope="module")
def recognizer():
    return DlibResnet(DlibResnetSettings())


@pytest.fixture(scope="module")
def dlib_model_v1():
    import dlib

    return dlib.face_recognition_model_v1(str(dlib_model(WEIGHT_FILE)))


@pytest.fixture(scope="module")
def network64():
    return DlibNetwork(read_weights(dlib_model(WEIGHT_FILE))).double()


def test_it_is_a_gradient_recognizer(recognizer):
    assert isinstance(recognizer, GradientRecognizer)
    assert recognizer.comparison == "neg_l2"
    assert recognizer.template is DLIB150
    assert recognizer.default_aligner() == {"name": "dlib_hog"}


def test_synthetic_chips_equal_dlib(recognizer, dlib_model_v1):
    chips = smooth_chips(12)
    theirs = np.array(dlib_model_v1.compute_face_descriptor(list(chips)))
    ours = recognizer.embed(images.to_crops(chips))
    assert ours.dtype == np.float32
    assert ours.shape == (12, 128)
    assert np.abs(ours - theirs).max() <= 1e-5


@pytest.mark.real
@pytest.mark.full
def test_100_real_faces_equal_dlib(recognizer, dlib_model_v1, real_data):
    """From frame to descriptor by both ways: our aligner and port; dlib's detector, predictor and network."""
    import dlib

    detector = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(str(dlib_model("shape_predictor_5_face_landmarks.dat")))
    aligner = DlibHog(DlibHogSettings())
    chips, theirs = [], []
    for path in sorted((real_data / "lfw" / "images").glob("*/*_0001.jpg"))[::50]:
        frame = images.read(path)
        found = detector(frame, 1)
        if len(found) != 1:
            continue
        shape = predictor(frame, found[0])
        chip = aligner.crop(frame, aligner.detect(frame)[0], DLIB150)
        np.testing.assert_array_equal(chip, dlib.get_face_chip(frame, shape, 150, 0.25))
        chips.append(chip)
        theirs.append(np.array(dlib_model_v1.compute_face_descriptor(frame, shape)))
        if len(chips) == 100:
            break
    assert len(chips) == 100
    difference = np.abs(recognizer.embed(images.to_crops(np.stack(chips))) - np.array(theirs)).max()
    print(f"largest difference from dlib on 100 real faces: {difference:.2e}")
    assert difference <= 1e-5


def test_an_embedding_does_not_depend_on_its_batch(recognizer):
    """Bit for bit: any position, any neighbours, any number of crops at once."""
    crops = images.to_crops(smooth_chips(21))
    together = recognizer.embed(crops)
    order = np.random.default_rng(0).permutation(len(crops))
    np.testing.assert_array_equal(recognizer.embed(crops[order]), together[order])
    for index in (0, 13, 20):
        np.testing.assert_array_equal(recognizer.embed(crops[index : index + 1])[0], together[index])


def test_other_batch_sizes_and_threads_agree_within_rounding(recognizer):
    crops = images.to_crops(smooth_chips(5))
    other = DlibResnet(DlibResnetSettings(batch_size=3)).embed(crops)
    np.testing.assert_allclose(other, recognizer.embed(crops), atol=2e-6)


def test_no_crops_give_no_embeddings(recognizer):
    assert recognizer.embed(np.empty((0, 3, 150, 150), np.float32)).shape == (0, 128)


def test_crops_that_may_not_be_written_to_are_fine(recognizer):
    crops = images.to_crops(smooth_chips(1))
    crops.setflags(write=False)
    assert np.isfinite(recognizer.embed(crops)).all()


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((1, 3, 112, 112), np.float32),
        np.zeros((1, 150, 150, 3), np.float32),
        np.zeros((3, 150, 150), np.float32),
        np.zeros((1, 3, 150, 150), np.float64),
        np.zeros((1, 3, 150, 150), np.uint8),
        np.full((1, 3, 150, 150), np.nan, np.float32),
        np.full((1, 3, 150, 150), np.inf, np.float32),
        np.full((1, 3, 150, 150), 255, np.float32),
    ],
)
def test_malformed_crops_are_refused(recognizer, crops):
    with pytest.raises(ShapeError, match="got crops"):
        recognizer.embed(crops)


def test_malformed_tensors_are_refused(recognizer):
    for crops in (torch.zeros(1, 3, 112, 112), torch.zeros(1, 3, 150, 150, dtype=torch.float64)):
        for method in (recognizer.embed_tensor, recognizer.stages, recognizer.pooled):
            with pytest.raises(ShapeError, match="float32"):
                method(crops)


def test_stages_and_pooled_features_lead_to_the_embedding(recognizer):
    crops = torch.from_numpy(images.to_crops(smooth_chips(2)))
    stages, pooled = recognizer.stages(crops), recognizer.pooled(crops)
    assert [tuple(features.shape[1:]) for features in stages] == [
        (32, 35, 35), (64, 17, 17), (128, 8, 8), (256, 4, 4), (256, 2, 2),
    ]  # fmt: skip
    assert all(bool((features >= 0).all()) for features in stages)
    torch.testing.assert_close(stages[-1].mean(dim=(2, 3)), pooled)
    torch.testing.assert_close(pooled @ recognizer.network.matrix.T, recognizer.embed_tensor(crops))


def test_gradients_reach_the_pixels_and_only_them(recognizer):
    crops = torch.from_numpy(images.to_crops(smooth_chips(2))).requires_grad_()
    recognizer.embed_tensor(crops).square().sum().backward()
    assert crops.grad is not None
    assert bool((crops.grad.flatten(1).abs().sum(1) > 0).all())
    assert all(parameter.grad is None for parameter in recognizer.network.parameters())
    for outcome in (recognizer.stages(crops)[0], recognizer.pooled(crops)):
        assert torch.autograd.grad(outcome.sum(), crops)[0].abs().sum() > 0


def test_gradients_survive_a_first_use_in_inference_mode():
    recognizer = DlibResnet(DlibResnetSettings())
    with torch.inference_mode():
        recognizer.embed_tensor(torch.zeros(1, 3, 150, 150))
    crops = torch.rand(1, 3, 150, 150, generator=torch.Generator().manual_seed(0)).requires_grad_()
    recognizer.embed_tensor(crops).sum().backward()
    assert crops.grad is not None


def test_gradients_equal_finite_differences(network64):
    """In float64, along random directions of a small patch: ReLU and max-pool have kinks, the step is small."""
    rng = torch.Generator().manual_seed(0)
    crop = torch.from_numpy(images.to_crops(smooth_chips(1))).double().requires_grad_()
    readout = torch.randn(128, dtype=torch.float64, generator=rng)
    gradient = torch.autograd.grad((network64(crop) @ readout).sum(), crop)[0]
    for row, column in ((20, 30), (60, 60), (90, 110)):
        direction = torch.zeros_like(crop)
        direction[..., row : row + 8, column : column + 8] = torch.randn(1, 3, 8, 8, dtype=torch.float64, generator=rng)
        with torch.no_grad():
            ahead, behind = (network64(crop + step * direction) @ readout for step in (1e-7, -1e-7))
        expected = float((ahead - behind).item() / 2e-7)
        assert float((gradient * direction).sum()) == pytest.approx(expected, rel=1e-4)


def test_gradcheck_on_a_patch(network64):
    crop = torch.from_numpy(images.to_crops(smooth_chips(1))).double()
    patch = crop[..., 70:72, 70:72].clone().requires_grad_()

    def embedded(pixels):
        whole = functional.pad(pixels, (70, 78, 70, 78))
        hole = crop.clone()
        hole[..., 70:72, 70:72] = 0
        return network64(whole + hole)[:, :8]

    assert torch.autograd.gradcheck(embedded, (patch,), eps=1e-7, atol=1e-6)


def test_cuda_where_there_is_none_is_a_clear_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ProviderError, match="set device: cpu"):
        DlibResnet(DlibResnetSettings(device="cuda")).embed(np.zeros((1, 3, 150, 150), np.float32))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu(recognizer):
    crops = images.to_crops(smooth_chips(20))
    cuda = DlibResnet(DlibResnetSettings(device="cuda"))
    np.testing.assert_allclose(cuda.embed(crops), recognizer.embed(crops), atol=1e-5)
    assert cuda.runtime()["device"].startswith("cuda")


def test_auto_is_the_cpu_where_torch_or_the_machine_has_no_cuda(monkeypatch):
    auto = DlibResnet(DlibResnetSettings(device="auto"))
    monkeypatch.setattr("bench.torch_runtime.version_of", lambda name: "2.13.0+cpu")
    assert auto.fingerprint()["device"] == "cpu"
    monkeypatch.setattr("bench.torch_runtime.version_of", lambda name: "2.13.0")
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert auto.fingerprint()["device"] == "cuda"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert auto.fingerprint()["device"] == "cpu"


@pytest.mark.parametrize("settings", [{"device": "tpu"}, {"threads": -1}, {"batch_size": 0}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=r"got .*, expected"):
        DlibResnetSettings(**settings)


def test_runtime_tells_what_ran():
    recognizer = DlibResnet(DlibResnetSettings())
    assert recognizer.runtime() == {}
    recognizer.embed(np.zeros((1, 3, 150, 150), np.float32))
    assert recognizer.runtime() == {
        "device": "cpu", "torch": torch.__version__, "threads": str(torch.get_num_threads()),
    }  # fmt: skip


def test_it_can_be_sent_to_another_process(recognizer):
    crops = images.to_crops(smooth_chips(1))
    there = pickle.loads(pickle.dumps(recognizer))
    np.testing.assert_array_equal(there.embed(crops), recognizer.embed(crops))


def test_settings_and_fingerprints_import_nothing_heavy():
    code = (
        "import sys\n"
        "from bench.aligners.dlib_hog import DlibHog, DlibHogSettings\n"
        "from bench.recognizers.dlib_resnet import DlibResnet, DlibResnetSettings\n"
        "DlibResnet(DlibResnetSettings(device='auto')).fingerprint()\n"
        "DlibHog(DlibHogSettings(points=68)).fingerprint()\n"
        "print({'torch', 'dlib', 'cv2'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"
