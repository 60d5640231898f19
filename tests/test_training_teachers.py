"""Any recognizer with gradients teaches who is shown, and VGG-19 how it looks: what a run says, keeps and refuses."""

import dataclasses
import json
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import bench
from bench import images
from bench.aligners.templates import ARCFACE112, template_digest
from bench.api import PluginRow
from bench.errors import ConfigError, MissingDependency, MissingFile, UnknownName
from bench.packs import Pack
from bench.packs.people import people_digest
from bench.packs.shards import name_digest
from generators.losses import vgg
from generators.training.__main__ import main as module_main
from generators.training.chips import Views
from generators.training.encoder import (
    DEFAULT,
    DLIB_DIGEST,
    encoder_of,
    entry_of,
    refuse_other_embeddings,
    released_entry,
)
from generators.training.frozen import frozen_for
from generators.training.identity import identity_of
from generators.training.loop import train
from generators.training.recipe import Frozen, Losses, Trainable
from generators.training.released import read_about
from generators.training.source import PackSource
from tests.test_packs import write_pack
from tests.toy_recipe import Toy, ToySettings

CPU = torch.device("cpu")
BOTH = frozenset({"identity", "perceptual"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """Settings of the toy encoder."""

    scale: float = 1.0
    threads: int = 7
    weights: str = "toy weights"


class Encoder:
    """The mean colours of the upper and of the lower half of an ArcFace crop."""

    comparison, template, batch_size = "cosine", ARCFACE112, 4

    def __init__(self, settings):
        self.settings = settings

    def fingerprint(self):
        return {"revision": 1, "template": template_digest(ARCFACE112), "weights": self.settings.weights}

    def default_aligner(self):
        return {"name": "dlib_hog", "points": 68}

    def embed(self, crops):
        return self.embed_tensor(torch.from_numpy(crops)).numpy()

    def embed_tensor(self, crops):
        assert crops.shape[1:] == (3, 112, 112)
        upper, lower = (half.mean(dim=(2, 3)) for half in crops.chunk(2, dim=2))
        return self.settings.scale * torch.cat([upper, lower], dim=1)

    def runtime(self):
        return {}


class Blind(Encoder):
    """The same without gradients."""

    embed_tensor = property()

    def __dir__(self):
        return sorted(set(super().__dir__()) - {"embed_tensor"})


class Known(Toy):
    """The toy, which learns from the pack's embeddings and is taught by both frozen networks."""

    wanted = frozenset({"masks", "landmarks", "identity"})

    def losses(self, phase, step):
        found = super().losses(phase, step)
        if phase == "judge":
            return found
        batch = step.batch
        assert batch.identity.shape == (len(batch), 6)
        ours = Views(self.frozen, self.maker(batch.images), batch.landmarks)
        told = (self.frozen.identity.embed_tensor(ours.identity) - batch.identity).square().mean()
        seen = self.frozen.perceptual(ours.perceptual)
        assert len(seen) == 5
        return Losses(found.total + told + 1e-3 * seen[0].mean(), {**found.terms, "told": told.detach()})


KNOWN = Trainable(presets={"tiny": ToySettings(side=32, batch_size=2)}, build=Known, needs=BOTH)


@pytest.fixture
def encoders(own_registry):
    rows = {
        ("recognizer", "toy"): ("Encoder", ""),
        ("recognizer", "other"): ("Encoder", ""),
        ("recognizer", "blind"): ("Blind", ""),
        ("generator", "known"): ("Known", "KNOWN"),
    }
    for (kind, name), (target, recipe) in rows.items():
        own_registry.add(
            PluginRow(
                kind=kind,
                name=name,
                target=f"{__name__}:{target}",
                settings=f"{__name__}:EncoderSettings",
                recipe=recipe and f"{__name__}:{recipe}",
                summary="a toy",
                source="the tests",
                licence="none",
            ),
            "the tests",
        )
    return own_registry


@pytest.fixture
def pack(tmp_path):
    return write_pack(tmp_path / "pack")


@pytest.fixture
def vgg_file(tmp_path, monkeypatch):
    """VGG-19 with a few channels a layer."""
    monkeypatch.setattr(vgg, "STAGES", ((2, 2), (2, 2), (3, 3, 3, 3), (3, 3, 3, 3), (2,)))
    network = vgg.Vgg19()
    names = [f"{name}.{part}" for name in vgg.torchvision_names() for part in ("weight", "bias")]
    save_file(dict(zip(names, network.state_dict().values(), strict=True)), tmp_path / "vgg19.safetensors")
    return tmp_path / "vgg19.safetensors"


def trained(pack, out, steps=2, **options):
    common = {"device": "cpu", "threads": 1, "tick_steps": 1, "sample_seconds": 0, "name": "generator/known"}
    return train(KNOWN, "tiny", pack, out, max_steps=steps, **common, **options)


# --------------------------------------------------------------------------------------------------------- by its name


def test_an_encoder_is_named_as_in_a_sweep_file():
    assert entry_of("") == entry_of("dlib_resnet") == entry_of(DEFAULT) == {"name": "dlib_resnet"}
    assert entry_of("{name: toy, scale: 2}") == entry_of({"name": "toy", "scale": 2}) == {"name": "toy", "scale": 2}
    for wrong in ("[toy]", "{scale: 2}", "{name: [toy", "Toy Encoder", {"scale": 2}):
        with pytest.raises(ConfigError, match="--identity: "):
            entry_of(wrong)


def test_an_encoder_computes_where_and_as_the_training_does(encoders, tmp_path):
    assert encoder_of({"name": "toy", "scale": 2.0}, tmp_path, CPU, 3).settings == EncoderSettings(scale=2.0, threads=3)
    assert encoder_of({"name": "toy", "threads": 1}, tmp_path, CPU, 3).settings.threads == 1
    dlib = encoder_of({"name": "dlib_resnet", "batch_size": 3}, tmp_path, CPU, 5)
    assert (dlib.settings.threads, dlib.settings.device, dlib.settings.batch_size) == (5, "cpu", 3)


def test_encoders_that_cannot_teach_are_refused(encoders, tmp_path, monkeypatch):
    wrong = {
        "blind": (ConfigError, "got blind, which has no gradients"),
        "tay": (UnknownName, "did you mean 'toy'"),
        "{name: toy, scales: 2}": (ConfigError, "did you mean 'scale'"),
        "{name: dlib_resnet, scale: 2}": (ConfigError, "its settings are device, threads, batch_size, weights"),
        "{name: dlib_resnet, weights: gone.safetensors}": (MissingFile, "gone"),
    }
    for text, (error, said) in wrong.items():
        with pytest.raises(error, match=said):
            encoder_of(entry_of(text), tmp_path, CPU, 1).fingerprint()
    monkeypatch.delattr(bench, "registry")
    monkeypatch.setitem(sys.modules, "bench.registry", None)
    with pytest.raises(MissingDependency, match="--identity toy needs the libraries of the whole bench"):
        encoder_of(entry_of("toy"), tmp_path, CPU, 1)
    encoder_of(entry_of(""), tmp_path, CPU, 1).fingerprint()


def test_an_embedding_of_a_chip_is_that_of_the_aligners_crop(encoders, tmp_path):
    """The bench's way from a photo to this recognizer, and the way of training, end at the same embedding."""
    from bench.aligners.dlib_hog import field5_of_68
    from bench.aligners.templates import similarity, warp
    from bench.datasets.drawn import Drawn, DrawnSettings

    data = Drawn(DrawnSettings(people=2, images=1, side=160))
    keys = [frame.key for frame in data.frames()]
    frames, points = [data.image(key) for key in keys], [data.landmarks(key)["dlib68"] for key in keys]
    frozen = frozen_for(frozenset({"identity"}), tmp_path, CPU, 1, "toy")
    views = Views(frozen, torch.from_numpy(images.to_crops(np.stack(frames))), torch.from_numpy(np.stack(points)))
    target = ARCFACE112.targets["field5"]
    crops = [warp(frame, similarity(field5_of_68(p), target), 112) for frame, p in zip(frames, points, strict=True)]
    theirs = frozen.identity.embed(images.to_crops(np.stack(crops)))
    np.testing.assert_allclose(frozen.identity.embed_tensor(views.identity).numpy(), theirs, atol=2e-3)
    assert np.abs(theirs[0] - theirs[1]).max() > 0.05


# ----------------------------------------------------------------------------------------------------------- the roles


def test_roles_by_option(encoders, vgg_file, tmp_path):
    found = frozen_for(BOTH, tmp_path, CPU, 1, "{name: toy, scale: 2}", f"vgg19:{vgg_file}")
    assert found.names == {"identity": "toy", "perceptual": found.perceptual.name}
    assert found.names["perceptual"].startswith("vgg19:")
    assert found.perceptual_view == "crop"
    assert found.identity_encoder == {"name": "toy", "scale": 2}
    assert len(found.perceptual(torch.rand(1, 3, 32, 32))) == 5
    mixed = frozen_for(BOTH, tmp_path, CPU, 1, "toy", "dlib_resnet")
    assert mixed.perceptual_view == "chip"
    assert mixed.names == {"identity": "toy", "perceptual": "dlib_resnet"}
    shared = frozen_for(BOTH, tmp_path, CPU, 1)
    assert shared.perceptual.__self__ is shared.identity
    assert shared.identity_encoder == {"name": "dlib_resnet"}
    with pytest.raises(UnknownName, match=r"unknown perceptual network 'vgg16:a'.*vgg19:PATH"):
        frozen_for(BOTH, tmp_path, CPU, 1, perceptual="vgg16:a")
    with pytest.raises(MissingFile, match=r"no weights of vgg19 at an empty path"):
        frozen_for(BOTH, tmp_path, CPU, 1, perceptual="vgg19:")
    with pytest.raises(ConfigError, match="this recipe has no perceptual loss; leave it out"):
        frozen_for(frozenset({"identity"}), tmp_path, CPU, 1, perceptual="dlib_resnet")


# ------------------------------------------------------------------------------------------------------------- the run


def test_a_run_without_a_word_is_the_run_it_was():
    settings = ToySettings()
    old = {
        "name": "a",
        "settings": dataclasses.asdict(settings),
        "batch_size": 4,
        "seed": 5,
        "data": "d",
        "processes": 1,
    }
    assert identity_of("a", settings, 4, 5, "d", 1, {}) == old


def test_what_a_run_says_of_who_taught_it_and_whom_it_saw(encoders, pack, vgg_file, tmp_path):
    release, spec = tmp_path / "known.safetensors", f"vgg19:{vgg_file}"
    arguments = ["known", "--preset", "tiny", "--data", str(pack), "--out", str(tmp_path / "run"), "--device", "cpu",
                 "--threads", "1", "--sample-seconds", "0", "--max-steps", "2", "--identity", "{name: toy, scale: 2}",
                 "--perceptual", spec, "--release", str(release)]  # fmt: skip
    assert module_main(arguments) == 0
    about, opened = read_about(release), Pack.open(pack)
    assert about["identity_encoder"] == {"name": "toy", "scale": 2}
    assert about["taught_by"] == ["toy", about["perceptual"]]
    assert about["perceptual"].startswith("vgg19:")
    train_rows = opened.rows("train")
    assert about["data"] == opened.digest
    assert about["people"] == len(np.unique(opened.subjects[train_rows]))
    assert about["splits"] == ["train"]
    assert about["people_digest"] == people_digest(opened.subject_digests[train_rows])
    card = json.loads((tmp_path / "run" / "run_card.json").read_text())
    assert card["run"]["identity_encoder"] == {"name": "toy", "scale": 2}
    assert card["frozen"] == {"identity": "toy", "perceptual": about["perceptual"]}
    assert card["data"]["people_digest"] == about["people_digest"]
    assert about["people_digest"] in (tmp_path / "run" / "run_card.md").read_text()
    opened.close()


def test_other_teachers_are_another_run_and_the_message_says_what_to_type(encoders, pack, vgg_file, tmp_path):
    trained(pack, tmp_path / "toy", identity={"name": "toy"})
    with pytest.raises(ConfigError, match=r"identity_encoder is .*'?--identity '\{\"name\": \"toy\"\}'"):
        trained(pack, tmp_path / "toy", 3, identity="{name: toy, scale: 3}")
    with pytest.raises(ConfigError, match=r"perceptual is null there and .*type --perceptual dlib_resnet"):
        trained(pack, tmp_path / "toy", 3, identity="toy", perceptual=f"vgg19:{vgg_file}")
    assert trained(pack, tmp_path / "toy", 3, identity="toy", perceptual="dlib_resnet").steps == 3


def test_embeddings_of_another_recognizer_are_refused_before_the_first_step(encoders, pack, tmp_path):
    with pytest.raises(ConfigError) as raised:
        trained(pack, tmp_path / "a")
    assert "got dlib_resnet, and the embeddings in the pack are toy's" in str(raised.value)
    assert "impersona pack PACK.yaml --set 'recognizer=dlib_resnet'" in str(raised.value)
    with pytest.raises(ConfigError, match=r"--set 'recognizer=\{name: other, scale: 2\}'"):
        trained(pack, tmp_path / "b", identity={"name": "other", "scale": 2})
    manifest = json.loads((pack / "pack.json").read_text())
    manifest["recognizer"]["fingerprint"] = {"weights": "other weights"}
    (pack / "pack.json").write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match=r"got toy with weights of SHA-256 toy weights….*weights of other weight…"):
        trained(pack, tmp_path / "c", identity="toy")
    assert not any((tmp_path / name / "checkpoints").exists() for name in "abc")


def test_embeddings_of_other_weights_of_dlib_are_refused(tmp_path):
    def refuse(there, recognizer=None, **settings):
        described = {"identity": "dlib_resnet", "identity_weights": there}
        refuse_other_embeddings({"name": "dlib_resnet", **settings}, recognizer, described)

    own = encoder_of(DEFAULT, tmp_path, CPU, 1)
    for recognizer in (None, own):
        refuse(DLIB_DIGEST, recognizer)
        refuse("", recognizer)
        with pytest.raises(ConfigError, match=r"weights of abcd….*--identity '\{name: dlib_resnet, weights: FILE\}'"):
            refuse("abcd", recognizer)
    assert own.fingerprint()["weights"] == DLIB_DIGEST
    mine = Encoder(EncoderSettings(weights="abcd"))
    refuse("abcd", mine, weights="mine.safetensors")
    with pytest.raises(ConfigError, match="got dlib_resnet with weights of SHA-256 abcd…"):
        refuse(DLIB_DIGEST, mine, weights="mine.safetensors")


def test_own_weights_of_dlib_for_the_identity_are_not_those_of_the_perceptual_loss(tmp_path):
    encoder_of(DEFAULT, tmp_path, CPU, 1).write_weights(tmp_path / "own.safetensors")
    own = {"name": "dlib_resnet", "weights": str(tmp_path / "own.safetensors")}
    found = frozen_for(BOTH, tmp_path, CPU, 1, own)
    network = found.perceptual.__self__
    assert network is not found.identity
    assert (network.settings.weights, network.fingerprint()["weights"]) == ("", DLIB_DIGEST)


def test_a_released_entry_holds_on_any_machine(tmp_path):
    typed = {"name": "mine", "weights": str(tmp_path / "w.safetensors"), "device": "cuda", "threads": 3, "scale": 2,
             "root": str(tmp_path), "cache": "~/models/", "other": "C:\\files\\other.onnx"}  # fmt: skip
    entry = {"name": "mine", "weights": "w.safetensors", "scale": 2, "other": "other.onnx"}
    assert released_entry(typed, {}) == entry
    aligner = {"name": "dlib_hog", "points": 68}
    assert released_entry(typed, {"aligner": aligner, "identity": "mine"}) == {**entry, "aligner": aligner}


def test_what_is_released_names_the_weights_and_the_packs_aligner_and_no_folder(encoders, pack, tmp_path):
    manifest = json.loads((pack / "pack.json").read_text())
    manifest["aligner"] = {"name": "dlib_hog", "fingerprint": {"revision": 1, "points": 68, "upsample": 1}}
    manifest["recognizer"]["fingerprint"] = {"weights": "abcd"}
    (pack / "pack.json").write_text(json.dumps(manifest))
    release, weights = tmp_path / "known.safetensors", str(tmp_path / "w.safetensors")

    class Token(Toy):
        wanted = frozenset({"masks", "identity"})

    train(
        Trainable(presets=KNOWN.presets, build=Token), "tiny", pack, tmp_path / "run", device="cpu", threads=1,
        identity={"name": "toy", "weights": weights, "threads": 1}, sample_seconds=0, max_steps=1, release=str(release),
    )  # fmt: skip
    about = read_about(release)
    aligner = {"name": "dlib_hog", "points": 68, "upsample": 1}
    assert about["identity_encoder"] == {"name": "toy", "weights": "w.safetensors", "aligner": aligner}
    assert about["identity_encoder_weights"] == "abcd"
    assert str(tmp_path) not in json.dumps(about)


def test_whatever_goes_wrong_behind_it_the_source_is_closed(encoders, pack, tmp_path):
    closed = []

    class Bad(PackSource):
        def describe(self):
            raise KeyError("digest")

        def close(self):
            closed.append(True)
            super().close()

    def source(data, recipe, seed):
        return Bad(Pack.open(data), recipe.side, recipe.batch_size, recipe.wanted, seed)

    alone = Trainable(presets=KNOWN.presets, build=Toy, source=source)
    with pytest.raises(KeyError, match="digest"):
        train(alone, "tiny", pack, tmp_path / "run", device="cpu", threads=1, sample_seconds=0, max_steps=1)
    assert closed


def test_who_asks_nobody_needs_no_encoder_and_says_none(encoders, pack, tmp_path):
    alone = Trainable(presets=KNOWN.presets, build=Toy)
    common = {"device": "cpu", "threads": 1, "sample_seconds": 0, "max_steps": 1, "name": "generator/alone"}
    with pytest.raises(
        ConfigError, match="--identity: got toy, and this recipe asks nobody who is shown; leave it out"
    ):
        train(alone, "tiny", pack, tmp_path / "a", identity="toy", **common)
    train(alone, "tiny", pack, tmp_path / "a", release=str(tmp_path / "alone.safetensors"), **common)
    about = read_about(tmp_path / "alone.safetensors")
    assert "identity_encoder" not in about
    assert about["taught_by"] == []
    own = Frozen(identity=Encoder(EncoderSettings()), names={"identity": "mine"})
    train(alone, "tiny", pack, tmp_path / "c", frozen=own, release=str(tmp_path / "own.safetensors"), **common)
    assert read_about(tmp_path / "own.safetensors")["identity_encoder"] == {"name": "mine"}
    with pytest.raises(ValueError, match="frozen: got networks beside identity"):
        train(alone, "tiny", pack, tmp_path / "b", frozen=Frozen(), identity="toy", **common)


def test_a_token_alone_has_the_embeddings_recognizer_for_its_white_box(encoders, pack, tmp_path):
    """A recipe that learns from embeddings and has no identity loss was still taught by who gave them."""

    class Token(Toy):
        wanted = frozenset({"masks", "identity"})

    release = tmp_path / "token.safetensors"
    train(
        Trainable(presets=KNOWN.presets, build=Token), "tiny", pack, tmp_path / "run", identity="toy", device="cpu",
        threads=1, sample_seconds=0, max_steps=1, release=str(release),
    )  # fmt: skip
    assert read_about(release)["taught_by"] == ["toy"]
    assert read_about(release)["identity_encoder"] == {"name": "toy"}


# ---------------------------------------------------------------------------------------------------------- the people


def test_a_person_is_found_by_name_and_nobody_else_is(pack):
    opened = Pack.open(pack)
    of_toy = name_digest("toy", "person 0 1")
    opened.manifest["datasets"].append({"name": "toy"})
    rows = opened.faces_of("toy", "person 0 1")
    assert rows.tolist() == np.flatnonzero((opened.subject_digests == of_toy).all(axis=1)).tolist()
    assert len(rows) == 3
    assert opened.split[rows].tolist() == ["dev"] * 3
    assert opened.faces_of("toy", "person 0 9").tolist() == []
    assert opened.faces_of("one", "person 0 1").tolist() == []
    with pytest.raises(UnknownName, match="data set of this pack"):
        opened.faces_of("lfw", "person 0 1")
    opened.close()


def test_the_digest_of_people_knows_neither_order_nor_how_many_photos():
    people = np.stack([name_digest("lfw", name) for name in "abc"])
    whole = people_digest(people)
    assert people_digest(people[[2, 0, 1, 1]]) == whole
    assert people_digest(people[:2]) != whole
    assert people_digest(np.stack([name_digest("celeba", name) for name in "abc"])) != whole
