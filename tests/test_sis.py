"""The generator `sis`: what weights that learned nothing make, by settings and by tensors, and where they look."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench import weights
from bench.api import AttentiveMaker, FaceBatch, LayoutMaker, StyledGenerator
from bench.errors import ConfigError, CorruptFile, MissingFile, ShapeError
from bench.regions import STYLE_REGIONS
from bench.released import read_about, read_released
from bench.seeding import stream
from generators.crops import grow, shrink
from generators.nets.regions import one_hot
from generators.sis.mixing import exchanged_maps, exchanged_parts, mixed_identity, present, taken
from generators.sis.networks import SisGenerator, detail_encoder, noise_mapper, style_encoder
from generators.sis.plugin import Sis
from generators.sis.settings import PRESETS, SisPreset, SisSettings
from generators.training.released import write_released

ROOT = Path(__file__).parents[1]
SMALL = SisPreset(
    side=32, layout="modulated", levels=((8, 8), (16, 8), (32, 4)), attention=((8, 2, 4), (16, 2, 4)),
    identity_in_norms=True, groups=2,
    style=6, hidden=4, encoder_first=4, encoder_down=(6,), identity=8,
)  # fmt: skip
EMBEDDED = dataclasses.replace(
    SMALL, layout="embedded", identity_in_norms=False,
    encoder="grouped", group_width=1, group_downs=3, group_ups=2, start=8, mask_side=32,
    embedded_side=8,
)  # fmt: skip


def sis_weights(path: Path, preset: SisPreset = SMALL, **about: Any) -> Path:
    """Networks that learned nothing, released; nothing in them is zero, so that every token shows in the faces."""
    torch.manual_seed(0)
    networks: dict[str, nn.Module] = {"generator": SisGenerator(preset), "encoder": style_encoder(preset)}
    if preset.detail:
        networks["detail"] = detail_encoder(preset)
    if preset.noise:
        networks["noise"] = noise_mapper(preset)
    for network in networks.values():
        for parameter in network.parameters():
            if not parameter.detach().any():
                nn.init.normal_(parameter, std=0.5)
    write_released(path, networks, preset, about)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return sis_weights(tmp_path / "small.safetensors")


def sis(file: Path, **settings: Any) -> Sis:
    return Sis(SisSettings(weights=str(file), **{"batch_size": 2, "threads": 1, **settings}))


def labels(count: int, seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Squares of 32 pixels; every class is there."""
    rng = np.random.default_rng(seed)
    small = np.stack([rng.permutation(np.arange(64) % 19) for _ in range(count)]).reshape(count, 8, 8)
    return small.astype(np.uint8).repeat(32, 1).repeat(32, 2)


def face_batch(count: int, seed: int = 1) -> FaceBatch:
    rng = np.random.default_rng(seed)
    return FaceBatch(
        images=rng.random((count, 3, 256, 256), dtype=np.float32),
        masks=labels(count, seed),
        identity=rng.standard_normal((count, 8), dtype=np.float32),
        references=rng.random((count, 1, 3, 256, 256), dtype=np.float32),
        reference_masks=labels(count, seed + 1)[:, None],
        reference_identity=rng.standard_normal((count, 1, 8), dtype=np.float32),
    )


def tensors(batch: FaceBatch, *names: str) -> dict[str, Tensor]:
    return {name: torch.from_numpy(getattr(batch, name)) for name in names}


def made(file: Path, batch: FaceBatch, **settings: Any) -> Tensor:
    return torch.from_numpy(sis(file, **settings).generate(batch, stream(0, "any")))


class ByHand:
    """The networks of a file, without the plugin."""

    def __init__(self, file: Path, preset: SisPreset = SMALL) -> None:
        _, states = read_released(file)
        self.generator, self.encoder = SisGenerator(preset).eval(), style_encoder(preset).eval()
        self.generator.load_state_dict(states["generator"])
        self.encoder.load_state_dict(states["encoder"])

    def maps(self, masks: Any) -> Tensor:
        return one_hot(torch.from_numpy(np.ascontiguousarray(masks[:, ::8, ::8])))

    def styles(self, images: Any, masks: Any) -> Tensor:
        return self.encoder(shrink(torch.from_numpy(images), 32), self.maps(masks))

    @torch.no_grad()
    def faces(self, masks: Any, styles: Tensor, identity: Any, **more: Tensor) -> Tensor:
        return grow(self.generator(self.maps(masks), styles, torch.as_tensor(identity), **more).faces, 256)


def alike(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, atol=2e-5, rtol=0)


def differ(one: Tensor, other: Tensor) -> bool:
    return not torch.allclose(one, other, atol=2e-5, rtol=0)


# ------------------------------------------------------------------------------------------------------ whole faces


@pytest.mark.parametrize("preset", [SMALL, EMBEDDED], ids=["modulated", "embedded"])
def test_a_reconstruction_is_what_the_networks_make_of_the_faces_own_parts(tmp_path: Path, preset: SisPreset) -> None:
    file = sis_weights(tmp_path / "weights.safetensors", preset)
    batch, networks = face_batch(3), ByHand(file, preset)
    faces = made(file, batch)
    assert faces.dtype == torch.float32
    assert 0 <= faces.min() < faces.max() <= 1
    alike(faces, networks.faces(batch.masks, networks.styles(batch.images, batch.masks), batch.identity))
    assert isinstance(sis(file), StyledGenerator)
    assert isinstance(sis(file), AttentiveMaker)
    assert sis(file).contributors == 1
    assert sis(file).conditions == {"masks", "identity"}


def test_strength_leads_from_the_own_identity_to_the_references(file: Path) -> None:
    batch = face_batch(2)
    assert batch.reference_identity is not None
    swap = {"identity": "reference"}
    assert torch.equal(made(file, batch, **swap, strength=0), made(file, batch))
    theirs = dataclasses.replace(batch, identity=batch.reference_identity[:, 0])
    assert torch.equal(made(file, batch, **swap), made(file, theirs))
    between = (batch.identity + batch.reference_identity[:, 0]) / 2
    half = dataclasses.replace(batch, identity=between)
    alike(made(file, batch, **swap, strength=0.5), made(file, half))
    assert differ(made(file, batch), made(file, theirs))
    assert differ(made(file, half), made(file, theirs))
    assert sis(file, **swap).conditions == {"masks", "identity", "references", "reference_identity"}
    assert sis(file, **swap, strength=0).contributors == 2


@pytest.mark.parametrize("names", [("eyes",), ("hair", "mouth"), ("makeup",), ("all",)])
def test_the_named_regions_have_the_references_style_and_the_others_their_own(file: Path, names: Any) -> None:
    batch, networks = face_batch(2), ByHand(file)
    assert batch.references is not None
    assert batch.reference_masks is not None
    styles = networks.styles(batch.images, batch.masks)
    theirs = networks.styles(batch.references[:, 0], batch.reference_masks[:, 0])
    classes = sorted(set().union(*(STYLE_REGIONS[name] for name in names)))
    styles[:, classes] = theirs[:, classes]
    alike(made(file, batch, styles=names), networks.faces(batch.masks, styles, batch.identity))
    assert differ(made(file, batch, styles=names), made(file, batch))
    assert sis(file, styles=names).conditions == {"masks", "identity", "references", "reference_masks"}


def test_where_everything_is_taken_it_is_the_references_reconstruction(file: Path) -> None:
    batch = face_batch(2)
    assert batch.references is not None
    assert batch.reference_masks is not None
    assert batch.reference_identity is not None
    every = made(file, batch, identity="reference", styles=("all",), shapes=("all",))
    them = FaceBatch(batch.references[:, 0], batch.reference_masks[:, 0], batch.reference_identity[:, 0])
    alike(every, made(file, them))


@pytest.mark.parametrize("preset", [SMALL, EMBEDDED], ids=["modulated", "embedded"])
def test_exchanged_shapes_are_the_references_parts_before_the_first_level(tmp_path: Path, preset: SisPreset) -> None:
    file = sis_weights(tmp_path / "weights.safetensors", preset)
    batch, networks = face_batch(2), ByHand(file, preset)
    assert batch.reference_masks is not None
    nose = torch.zeros(2, 19, dtype=torch.bool)
    nose[:, 2] = True
    exchange = exchanged_maps if preset.layout == "modulated" else exchanged_parts
    with torch.no_grad():
        parts = [networks.generator.embed(networks.maps(one)) for one in (batch.masks, batch.reference_masks[:, 0])]
    styles = networks.styles(batch.images, batch.masks)
    for strength in (0.25, 1.0):
        embedded = exchange(*parts, nose, strength)
        wanted = networks.faces(batch.masks, styles, batch.identity, embedded=embedded)
        alike(made(file, batch, shapes=("nose",), shape_strength=strength), wanted)
    alike(made(file, batch, shapes=("nose",), shape_strength=0), made(file, batch))
    assert differ(made(file, batch, shapes=("nose",)), made(file, batch))


def test_a_layout_is_the_mask_with_the_parts_that_are_exchanged(file: Path) -> None:
    batch = face_batch(3)
    assert batch.masks is not None
    assert batch.reference_masks is not None
    assert isinstance(sis(file), LayoutMaker)
    np.testing.assert_array_equal(sis(file, identity="reference").layouts(batch, stream(0, "any")), batch.masks)
    layouts = sis(file, shapes=("nose",)).layouts(batch, stream(0, "any"))
    theirs, own = batch.reference_masks[:, 0] == 2, batch.masks == 2
    np.testing.assert_array_equal(layouts == 2, theirs)
    kept = ~theirs & ~own
    np.testing.assert_array_equal(layouts[kept], batch.masks[kept])


def test_a_face_does_not_depend_on_what_shares_its_batch_and_nothing_else_changes_it(file: Path) -> None:
    batch, settings = face_batch(3), {"identity": "reference", "strength": 0.5, "styles": ("all",), "shapes": ("eyes",)}
    together = made(file, batch, **settings)
    assert torch.equal(together, made(file, batch, **settings))
    last = FaceBatch(**{f.name: None if (v := getattr(batch, f.name)) is None else v[2:] for f in _fields()})
    assert torch.equal(together[2:], made(file, last, **settings))
    none = FaceBatch(**{f.name: None if (v := getattr(batch, f.name)) is None else v[:0] for f in _fields()})
    assert made(file, none, **settings).shape == (0, 3, 256, 256)


def _fields() -> tuple[Any, ...]:
    return dataclasses.fields(FaceBatch)


# ---------------------------------------------------------------------------------------------- missing regions


@pytest.mark.parametrize("setting", ["styles", "shapes"])
@pytest.mark.parametrize("where", ["masks", "reference_masks"])
def test_a_face_without_a_class_of_a_named_region_is_refused_and_its_neighbour_is_not(
    file: Path, setting: str, where: str
) -> None:
    batch = face_batch(2)
    lacking = getattr(batch, where)
    lacking[0][lacking[0] == 5] = 1
    faces = made(file, batch, **{setting: ("eyes",)})
    assert faces[0].isnan().all()
    assert not faces[1].isnan().any()
    for harmless in ("nose", "all"):
        assert not made(file, batch, **{setting: (harmless,)}).isnan().any()


def test_all_takes_what_both_have(file: Path) -> None:
    batch, networks = face_batch(1), ByHand(file)
    assert batch.masks is not None
    assert batch.references is not None
    assert batch.reference_masks is not None
    batch.masks[batch.masks == 14] = 13
    batch.reference_masks[batch.reference_masks == 3] = 1
    styles = networks.styles(batch.images, batch.masks)
    theirs = networks.styles(batch.references[:, 0], batch.reference_masks[:, 0])
    glasses = styles[:, 3].clone()
    styles[:] = theirs
    styles[:, 3] = glasses
    styles[:, 14] = 0  # nobody wears a hat here: whatever its style, its token is that of an absent region
    alike(made(file, batch, styles=("all",)), networks.faces(batch.masks, styles, batch.identity))


def test_a_region_too_small_for_the_networks_is_not_refused_and_keeps_its_style(file: Path) -> None:
    batch = face_batch(1)
    assert batch.reference_masks is not None
    batch.reference_masks[batch.reference_masks == 2] = 1
    batch.reference_masks[0, 0, 7, 7] = 2
    faces = made(file, batch, styles=("nose",))
    alike(faces, made(file, batch))


# ---------------------------------------------------------------------------------------------------------- mixing


def squares(*boxes: tuple[int, int, int, int, int]) -> Tensor:
    """Skin on background, (1, 4, 8, 8) maps, with boxes of classes on it: class, top, left, bottom, right."""
    drawn = torch.zeros(1, 8, 8, dtype=torch.uint8)
    drawn[0, 1:7, 1:7] = 1
    for number, top, left, bottom, right in boxes:
        drawn[0, top:bottom, left:right] = number
    return one_hot(drawn, 4)


def test_a_part_that_comes_covers_what_was_there_and_what_it_left_is_closed_by_what_is_around() -> None:
    own, other = squares((2, 2, 2, 4, 4), (3, 5, 2, 6, 6)), squares((2, 3, 3, 5, 6))
    only = torch.tensor([[False, False, True, False]])
    wanted = squares((3, 5, 2, 6, 6), (2, 3, 3, 5, 6))
    assert torch.equal(exchanged_maps(own, other, only, 1.0), wanted)
    assert torch.equal(exchanged_maps(own, other, only, 0.0), own)
    half = exchanged_maps(own, other, only, 0.5)
    torch.testing.assert_close(half[:, 2], (own[:, 2] + other[:, 2]) / 2)
    torch.testing.assert_close(half.sum(1), torch.ones(1, 8, 8))
    assert torch.equal(half[:, 3], own[:, 3])
    assert half[0, 1, 2, 2] == 0.5  # skin comes up under half an eye


def test_where_all_that_both_have_is_exchanged_a_hat_fills_no_gaps() -> None:
    own, other = squares((3, 0, 0, 1, 8)), squares((2, 3, 3, 5, 5))
    both = present(own) & present(other)
    mixed = exchanged_maps(own, other, both, 1.0)
    torch.testing.assert_close(mixed.sum(1), torch.ones(1, 8, 8))
    assert mixed[0, 1, 3:5, 3:5].eq(1).all()  # where the reference has a part that the face lacks: what is around
    assert not mixed[:, 3].any()


def test_embedded_parts_are_exchanged_one_by_one() -> None:
    own, other = torch.zeros(2, 3, 2, 2), torch.ones(2, 3, 2, 2)
    classes = torch.tensor([[True, False, True, False], [False, True, False, True]])
    mixed = exchanged_parts(own, other, classes, 0.25)
    assert mixed[:, :, 0, 0].tolist() == [[0, 0.25, 0], [0.25, 0, 0.25]]


def test_labels_and_maps_say_alike_what_is_there() -> None:
    drawn = torch.from_numpy(labels(2, 0)[:, ::32, ::32].copy())
    drawn[0][drawn[0] == 7] = 0
    assert torch.equal(present(drawn), present(one_hot(drawn)))
    assert present(drawn)[:, 7].tolist() == [False, True]


def test_what_is_taken_of_names() -> None:
    given = torch.ones(2, 19, dtype=torch.bool)
    given[1, 5] = False
    found = taken(("eyes", "hair"), given, given)
    assert found.classes.nonzero().tolist() == [[0, 4], [0, 5], [0, 13], [1, 4], [1, 13]]
    assert found.possible.tolist() == [True, False]
    assert taken(("all",), given, given).possible.all()
    assert not taken((), given, given).classes.any()


def test_identities_mix_to_the_very_ends() -> None:
    own, other = torch.randn(2, 5, generator=torch.Generator().manual_seed(0)).chunk(2)
    assert torch.equal(mixed_identity(own, other, 0.0), own)
    assert torch.equal(mixed_identity(own, other, 1.0), other)
    torch.testing.assert_close(mixed_identity(own, other, 0.25), 0.75 * own + 0.25 * other)


# ----------------------------------------------------------------------------------------------------------- noise


def test_noise_draws_the_styles_of_the_named_regions_as_much_for_each_face(tmp_path: Path) -> None:
    preset = dataclasses.replace(SMALL, noise=3, noise_width=4)
    file = sis_weights(tmp_path / "noise.safetensors", preset)
    batch, maker = face_batch(3), sis(file, noise=("hair", "skin"))
    assert maker.contributors == 1
    faces = torch.from_numpy(maker.generate(batch, stream(0, "one")))
    assert torch.equal(faces, torch.from_numpy(maker.generate(batch, stream(0, "one"))))
    assert differ(faces, torch.from_numpy(maker.generate(batch, stream(0, "two"))))
    given = tensors(batch, "masks", "images", "identity")
    noise = torch.from_numpy(stream(0, "one").standard_normal((3, 3), dtype=np.float32))
    styles = maker.encode(given["images"], given["masks"])
    drawn = maker.drawn_styles(noise, given["masks"])
    styles[:, [1, 2, 13]] = drawn[:, [1, 2, 13]]
    alike(faces, maker.render(given["masks"], styles, given["identity"]))
    assert maker.draws
    with pytest.raises(ConfigError, match="faces whose styles were drawn cannot be drawn again here; leave noise out"):
        maker.identity_attention(batch)
    assert torch.isfinite(maker.attend({**given, "noise": noise})).all()
    assert not sis(file).draws
    assert batch.masks is not None
    batch.masks[1][batch.masks[1] == 13] = 1
    assert np.isnan(maker.generate(batch, stream(0, "one"))).all((1, 2, 3)).tolist() == [False, True, False]
    with pytest.raises(ShapeError, match="noise: got"):
        maker.drawn_styles(noise[:, :2], given["masks"])


def test_weights_without_a_mapping_of_noise_say_so(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"noise: got \['hair'\], but small\.safetensors was trained without"):
        sis(file, noise=("hair",))
    with pytest.raises(ConfigError, match="was trained without a mapping of noise"):
        sis(file).drawn_styles(torch.zeros(1, 3), torch.zeros(1, 256, 256, dtype=torch.uint8))


# --------------------------------------------------------------------------------------------------------- tensors


def test_gradients_flow_to_every_condition_after_generating_too(file: Path) -> None:
    batch = face_batch(2)
    maker = sis(file, identity="reference", strength=0.5, styles=("eyes",), shapes=("nose",))
    maker.generate(batch, stream(0, "any"))
    names = ("images", "identity", "references", "reference_identity")
    conditions = {name: one.requires_grad_() for name, one in tensors(batch, *names).items()}
    assert batch.reference_masks is not None
    conditions["masks"] = maker.masks(batch.masks).requires_grad_()
    conditions["reference_masks"] = maker.masks(batch.reference_masks[:, 0])[:, None].detach().requires_grad_()
    maker.generate_tensor(conditions).square().mean().backward()
    styles = maker.encode(conditions["images"], conditions["masks"]).detach().requires_grad_()
    direct = {"masks": conditions["masks"].detach(), "identity": conditions["identity"].detach().requires_grad_()}
    maker.generate_tensor({**direct, "styles": styles}).square().mean().backward()
    for name, condition in {**conditions, "styles": styles, "direct identity": direct["identity"]}.items():
        assert condition.grad is not None, name
        assert condition.grad.abs().max() > 0, name


def test_given_styles_are_rendered_whatever_the_settings_say(file: Path) -> None:
    batch = face_batch(2)
    given = tensors(batch, "masks", "identity")
    plain, mixing = sis(file), sis(file, identity="reference", styles=("all",))
    styles = plain.encode(torch.from_numpy(batch.images), given["masks"])
    alike(mixing.generate_tensor({**given, "styles": styles}), torch.from_numpy(plain.generate(batch, stream(0, "x"))))
    assert torch.equal(
        plain.render(given["masks"], styles, given["identity"]), plain.generate_tensor({**given, "styles": styles})
    )
    embedded = plain.embed(given["masks"]).roll(1, dims=0)
    rolled = plain.render(given["masks"], styles, given["identity"], embedded=embedded)
    alike(rolled, plain.render(given["masks"].roll(1, dims=0), styles, given["identity"]))


def test_the_detail_branch_sees_the_first_contributor(tmp_path: Path) -> None:
    file = sis_weights(tmp_path / "detail.safetensors", dataclasses.replace(SMALL, detail=16, detail_width=4))
    batch, maker = face_batch(2), sis(file)
    given = tensors(batch, "masks", "identity", "images")
    styles = maker.encode(given["images"], given["masks"])
    faces = torch.from_numpy(maker.generate(batch, stream(0, "any")))
    alike(faces, maker.generate_tensor({**given, "styles": styles}))
    assert differ(faces, maker.render(given["masks"], styles, given["identity"]))
    alike(faces, maker.render(given["masks"], styles, given["identity"], images=given["images"]))


# ------------------------------------------------------------------------------------------------------- attention


def test_attention_to_the_identity_is_its_tokens_share_in_every_layer(file: Path) -> None:
    batch, networks = face_batch(3), ByHand(file)
    shares = sis(file).identity_attention(batch)
    with torch.no_grad():
        found = networks.generator(
            networks.maps(batch.masks), networks.styles(batch.images, batch.masks), torch.from_numpy(batch.identity),
            weights=True,
        )  # fmt: skip
    assert shares.shape == (3, 2, 16, 16)
    assert shares.dtype == np.float32
    coarse, fine = (torch.from_numpy(shares[:, layer]) for layer in (0, 1))
    alike(coarse[:, ::2, ::2], found.weights[0][:, 19])
    assert torch.equal(coarse[:, ::2, ::2], coarse[:, 1::2, 1::2])
    alike(fine, found.weights[1][:, 19])
    assert 0 < shares.min() < shares.max() < 1


def test_attention_is_that_of_the_face_which_the_settings_make(file: Path) -> None:
    batch = face_batch(2)
    assert batch.masks is not None
    assert batch.reference_identity is not None
    theirs = dataclasses.replace(batch, identity=batch.reference_identity[:, 0])
    swapped = sis(file, identity="reference").identity_attention(batch)
    assert np.array_equal(swapped, sis(file).identity_attention(theirs))
    assert not np.allclose(swapped, sis(file).identity_attention(batch))
    batch.masks[0][batch.masks[0] == 2] = 1
    refused = sis(file, styles=("nose",))
    assert np.isnan(refused.generate(batch, stream(0, "any"))[0]).all()
    assert np.isfinite(refused.identity_attention(batch)).all()  # the bench takes nothing else, and asks of made faces


def test_a_layer_that_does_not_see_the_identity_gives_it_nothing(tmp_path: Path) -> None:
    file = sis_weights(tmp_path / "some.safetensors", dataclasses.replace(SMALL, identity_levels=(16,)))
    shares = sis(file).identity_attention(face_batch(1))
    assert not shares[:, 0].any()
    assert shares[:, 1].all()


# ------------------------------------------------------------------------------------------------- weights and errors


def test_weights_without_a_token_take_no_identity(tmp_path: Path) -> None:
    file = sis_weights(tmp_path / "plain.safetensors", dataclasses.replace(SMALL, identity=0))
    batch = dataclasses.replace(face_batch(1), identity=None)
    assert sis(file).conditions == {"masks"}
    assert not made(file, batch).isnan().any()
    with pytest.raises(ConfigError, match=r"identity: got reference, but plain\.safetensors was trained without"):
        sis(file, identity="reference")
    with pytest.raises(ConfigError, match="was trained without an identity's token"):
        sis(file).identity_attention(batch)
    with pytest.raises(ShapeError, match="got the conditions identity, masks, styles; sis takes masks, styles"):
        sis(file).render(torch.zeros(1, 256, 256, dtype=torch.uint8), torch.zeros(1, 19, 6), torch.zeros(1, 8))


def test_the_weights_say_whose_embeddings_they_take(tmp_path: Path) -> None:
    plain = sis_weights(tmp_path / "plain.safetensors")
    assert sis(plain).identity_encoder() == {"name": "dlib_resnet"}
    assert sis(plain).taught_by == frozenset()
    entry = {"name": "arcface_onnx", "model": "w600k.onnx", "aligner": {"name": "dlib_hog", "points": 68}}
    said = sis_weights(tmp_path / "said.safetensors", identity_encoder=entry, taught_by=["arcface_onnx"])
    assert sis(said).identity_encoder() == entry
    assert sis(said).taught_by == {"arcface_onnx"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"masks": None}, "masks: got None; sis takes masks"),
        ({"identity": None}, "identity: got None; sis takes embeddings of dlib_resnet, 8 numbers each"),
        ({"identity": np.zeros((2, 7), np.float32)}, r"identity: got float32 \(2, 7\), expected float32 \(2, 8\)"),
        ({"references": None}, "references: got None"),
        ({"references": np.zeros((2, 2, 3, 256, 256), np.float32)}, r"references: got float32 \(2, 2, 3"),
        ({"reference_masks": None}, "reference_masks: got None"),
        ({"reference_masks": np.full((2, 1, 256, 256), 19, np.uint8)}, "reference_masks: got the label 19"),
        ({"reference_identity": None}, "reference_identity: got None"),
        ({"reference_identity": np.zeros((2, 1, 9), np.float32)}, "reference_identity: got float32"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(file: Path, change: dict[str, Any], said: str) -> None:
    maker = sis(file, identity="reference", styles=("eyes",))
    with pytest.raises(ShapeError, match=said):
        maker.generate(dataclasses.replace(face_batch(2), **change), stream(0, "any"))


def test_conditions_that_do_not_fit_are_refused(file: Path) -> None:
    maker, given = sis(file, identity="reference"), tensors(face_batch(1), "masks", "images", "identity")
    with pytest.raises(ShapeError, match="sis takes identity, images, masks, reference_identity, references"):
        maker.generate_tensor(given)
    with pytest.raises(ShapeError, match="got the conditions styles"):
        maker.generate_tensor({"styles": torch.zeros(1, 19, 6)})
    with pytest.raises(ShapeError, match=r"identity: got \(1, 9\), expected 8 numbers"):
        maker.render(given["masks"], torch.zeros(1, 19, 6), torch.zeros(1, 9))


def test_weights_that_are_not_there_or_not_its_own_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        sis(tmp_path / "none.safetensors")
    write_released(tmp_path / "other.safetensors", {"encoder": nn.Linear(2, 2)}, {"width": 3}, {})
    with pytest.raises(CorruptFile, match="not weights of sis"):
        sis(tmp_path / "other.safetensors")
    write_released(tmp_path / "torn.safetensors", {"encoder": style_encoder(SMALL)}, SMALL, {})
    with pytest.raises(CorruptFile, match="do not fit their own settings"):
        made(tmp_path / "torn.safetensors", face_batch(1))
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(CorruptFile):
        sis(tmp_path / "text.safetensors")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"identity": "theirs"}, "identity: got 'theirs', expected own or reference"),
        ({"identity": "reference", "strength": 1.5}, "strength: got 1.5, expected 0 to 1"),
        ({"strength": 0.5}, "strength: got 0.5 and nothing that it is of, expected identity: reference"),
        ({"shape_strength": 0.5}, "shape_strength: got 0.5 and nothing that it is of, expected shapes"),
        ({"styles": "eyes"}, r"styles: got 'eyes', expected a list, such as \[eyes\]"),
        ({"styles": ("eye",)}, "styles: got 'eye', expected some of .*; did you mean 'eyes'?"),
        ({"styles": ("eyes", "eyes")}, "expected each name once"),
        ({"shapes": ("background",)}, "shapes: got 'background'"),
        ({"shapes": ("makeup",)}, "shapes: got 'makeup'"),
        ({"styles": ("eyes",), "noise": ("makeup",)}, "noise: got makeup, which styles takes from the reference"),
        ({"batch_size": 0}, "batch_size: got 0"),
    ],
)
def test_settings_say_what_is_wrong_with_them(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SisSettings(**settings)


def test_the_fingerprint_has_what_matters_and_no_path(file: Path) -> None:
    plain = sis(file).fingerprint()
    assert not any(str(file.parent) in str(value) for value in plain.values())
    assert sis(file, styles=("nose", "hair")).fingerprint() == sis(file, styles=("hair", "nose")).fingerprint()
    changes: tuple[dict[str, Any], ...] = (
        {"identity": "reference"}, {"identity": "reference", "strength": 0.5}, {"styles": ("hair",)},
        {"shapes": ("hair",)}, {"shapes": ("hair",), "shape_strength": 0.5}, {"batch_size": 3},
    )  # fmt: skip
    every = [plain, *(sis(file, **change).fingerprint() for change in changes)]
    assert len({tuple(one.items()) for one in every}) == len(every)


def test_planning_needs_no_torch(file: Path) -> None:
    script = (
        "import sys\n"
        "from generators.sis.plugin import Sis\n"
        "from generators.sis.settings import SisSettings\n"
        f"maker = Sis(SisSettings(weights={str(file)!r}, identity='reference'))\n"
        "maker.fingerprint(), maker.conditions, maker.identity_encoder(), maker.taught_by, maker.runtime()\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


# -------------------------------------------------------------------------------------------------------- the page


def test_what_the_page_shows_of_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sis_weights(tmp_path / "sis.safetensors")
    monkeypatch.chdir(tmp_path)
    batch = face_batch(2)
    given = {
        "images": torch.from_numpy(batch.images),
        "labels": batch.masks,
        "identity": torch.from_numpy(batch.identity),
    }
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "sis.md").read_text(encoding="utf-8"), re.S)
    assert blocks
    for block in blocks:
        exec(block, given)
    assert given["faces"].shape == (2, 3, 256, 256)
    assert given["shares"].shape == (2, 2, 16, 16)


# ---------------------------------------------------------------------------------------------- the weights that ship


def test_the_released_weights_are_those_of_the_tiny_preset() -> None:
    shipped, released = Sis(SisSettings()), weights.released("sis_tiny.safetensors")
    ended = {"decay_from": 0, "decay_to": 0}
    assert dataclasses.asdict(shipped.preset) | ended == dataclasses.asdict(PRESETS["tiny"])
    assert released.stat().st_size < 8_000_000
    assert shipped.taught_by == {"dlib_resnet"}
    assert shipped.identity_encoder()["name"] == "dlib_resnet"
    card, about = released.with_suffix(".md").read_text(), read_about(released)
    for said in (shipped.fingerprint()["weights"], about["data"], about["people_digest"]):
        assert str(said) in card


@pytest.mark.full
def test_the_released_weights_follow_masks_styles_and_the_identity() -> None:
    """Of people who do not exist, and who were not trained on."""
    from generators.sis.pictures import chosen_people

    shipped = Sis(SisSettings())
    people, _ = chosen_people(shipped, 4)
    donors = np.roll(np.arange(4), 1)
    batch = people.batch(donors)
    again = shipped.generate(batch, stream(0, "any"))
    own, anothers = (float(np.abs(faces - batch.images).mean()) for faces in (again, np.roll(again, 1, axis=0)))
    assert own < anothers / 2, "a face is made again from its own mask and styles"
    swapped = Sis(SisSettings(identity="reference")).generate(batch, stream(0, "any"))
    halfway = Sis(SisSettings(identity="reference", strength=0.25)).generate(batch, stream(0, "any"))
    apart, half = (float(np.abs(faces - again).mean()) for faces in (swapped, halfway))
    assert 0.01 < half < apart < own, "the identity acts, the more the stronger, and leaves the picture as it is"
