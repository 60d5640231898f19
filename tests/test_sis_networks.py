"""The networks of `sis`: published sizes, masks embedded one by one, who is seen where, and what gradients reach."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from generators.nets.identity_token import EPS, SLOWEST, IdentityToken
from generators.nets.mask_embedder import MaskEmbedder
from generators.sis.networks import SisGenerator, detail_encoder, discriminator, noise_mapper, style_encoder
from generators.sis.recipe import TRAINABLE
from generators.sis.settings import PRESETS, SisPreset, preset_of
from generators.spade.recipe import TRAINABLE as SPADE
from generators.training.description import description_of

ROOT = Path(__file__).parents[1]
MODULATED = SisPreset(
    side=32, layout="modulated", levels=((8, 8), (16, 8), (32, 4)), attention=((8, 2, 4), (16, 2, 4)),
    identity_in_norms=True, groups=4,
    style=6, hidden=4, encoder_first=4, encoder_down=(6,), identity=5, judge_widths=(4, 6), batch_size=4,
)  # fmt: skip
EMBEDDED = SisPreset(
    side=16, layout="embedded", levels=((8, 8), (16, 4)), attention=((8, 2, 4), (16, 1, 4)), self_attention=(8,),
    groups=2, mult=2, style=10, start=8, mask_side=16, embedded_side=8, encoder="grouped", group_width=1, group_downs=3,
    group_ups=2, identity=5, identity_norm="unit", judge_widths=(4, 6), batch_size=4,
)  # fmt: skip
SMALL = {"embedded": EMBEDDED, "modulated": MODULATED}
both_layouts = pytest.mark.parametrize("layout", SMALL)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def count(network: nn.Module) -> int:
    return sum(one.numel() for one in network.parameters())


def awake(preset: SisPreset) -> SisGenerator:
    """A generator none of whose matrices is zero, as after some training, in eval mode."""
    generator = SisGenerator(preset).eval()
    for one in generator.parameters():
        if not bool(one.any()):
            nn.init.normal_(one, std=0.3)
    return generator


def given(preset: SisPreset, number: int = 3, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    """Soft masks, styles and embeddings."""
    masks = torch.randn(number, preset.regions, preset.side, preset.side, dtype=dtype).mul(4).softmax(1)
    styles = torch.rand(number, preset.regions, preset.style, dtype=dtype) * 2 - 1
    return masks, styles, torch.randn(number, preset.identity, dtype=dtype)


# ------------------------------------------------------------------------------------------------------------- sizes


def test_the_paper_preset_has_the_published_size() -> None:
    """CA2-SIS's code, counted: 48,985,019 of encoder and generator, its discriminator, its noise branch."""
    paper = PRESETS["paper"]
    nobody = dataclasses.replace(paper, identity=0)
    with torch.device("meta"):
        plain, whole, encoder = SisGenerator(nobody), SisGenerator(paper), style_encoder(paper)
        assert count(encoder) == 18_069_304
        assert count(encoder) + count(plain) == 48_985_019
        assert count(whole) - count(plain) == 656_640
        assert count(discriminator(paper)) == 1_364_098
        assert count(noise_mapper(dataclasses.replace(paper, noise=16))) == 28_244_224
        assert count(MaskEmbedder()) == 4_194_560
    assert len(whole.attention) == 5
    assert [layer.self_attention is not None for layer in whole.attention] == [True, True, True, False, False]


@functools.cache
def described(preset: str, trainable: str = "sis") -> dict[str, Any]:
    return description_of(f"generator/{trainable}", {"sis": TRAINABLE, "spade": SPADE}[trainable], preset)


def cost(found: dict[str, Any]) -> int:
    """Operations of a face, of what is released."""
    return sum(one["operations"] for one in found["networks"].values() if one["released"])


def test_describe_shows_the_generators_side() -> None:
    found = described("paper")
    assert found["released"] == 48_985_019 + 656_640
    assert found["networks"]["discriminator"]["parameters"] == 1_364_098
    assert found["conditions"] == ["identity", "masks"]
    assert found["not_counted"] == ""


def test_tiny_is_as_large_as_spades_and_costs_little_more() -> None:
    ours, spades = described("tiny"), described("tiny", "spade")
    assert 0.85 < ours["released"] / spades["released"] < 1.15
    assert cost(ours) < 1.5 * cost(spades)


def test_base_keeps_to_what_is_released() -> None:
    found = described("base")
    assert found["released"] <= 7_900_000
    assert found["not_counted"] == ""


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_has_the_size_that_the_docs_say(name: str) -> None:
    found, text = described(name), (ROOT / "docs" / "nets.md").read_text(encoding="utf-8")
    parts = {part: f"{one['parameters']:,}" for part, one in found["networks"].items()}
    token = next(one for one in found["networks"]["generator"]["layers"] if one["name"] == "token_of_identity.matrix")
    rows = re.findall(rf"^\| {name} \| (\d+) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \| ([\d.]+) \|$", text, re.M)
    assert rows == [
        (str(found["side"]), parts["encoder"], parts["generator"], f"{token['parameters']:,}", parts["discriminator"],
         f"{cost(found) / 1e9:.3g}"),
    ]  # fmt: skip


# ----------------------------------------------------------------------------------------------------------- presets


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"levels": ((8, 4), (32, 4))}, "levels: got sides"),
        ({"layout": "other"}, "layout: got 'other', expected embedded or modulated"),
        ({"layout": "embedded"}, "levels: got 8 first, expected embedded_side, 16"),
        ({"attention": ((4, 1, 4),)}, r"attention: got sides \[4\]"),
        ({"attention": ((16, 1, 4), (8, 1, 4))}, "the coarsest first"),
        ({"attention": (), "supervision": 0.0}, "identity: got one without attention"),
        ({"identity_levels": (32,)}, "identity_levels: got"),
        ({"self_attention": (32,)}, "self_attention: got"),
        ({"detail": 64}, "detail: got 64"),
        ({"swap": 1.5}, "swap: got 1.5, expected 0 to 1"),
        ({"likeness": -1.0}, "likeness: got -1.0, expected 0 or more"),
        ({"noise_after": 10}, "noise_after: got 10 without noise"),
        ({"decay_from": 10}, "decay_from: got 10"),
        ({"encoder": "grouped"}, "style: got 6, expected a multiple of group_ups, 5"),
    ],
)
def test_a_preset_says_what_is_wrong_with_it(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(MODULATED, **change)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_json(name: str) -> None:
    assert preset_of(json.loads(json.dumps(dataclasses.asdict(PRESETS[name])))) == PRESETS[name]


def test_the_settings_of_another_version_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="colour: got a setting that there is not"):
        preset_of(dataclasses.asdict(MODULATED) | {"colour": 1})


# ----------------------------------------------------------------------------------------------------------- masks


def test_each_part_is_embedded_by_itself_and_by_one_matrix() -> None:
    embedder = MaskEmbedder(8, 4)
    masks = torch.zeros(1, 3, 16, 16)
    masks[:, 1, ::2, ::2] = torch.rand(8, 8)  # the pixels that are the nearest ones
    masks[:, 2, 4:9, 2:5] = 1
    found = embedder(masks)
    assert found.shape == (1, 2, 4, 4)
    by_hand = embedder.shared.weight @ masks[0, 1, ::2, ::2].flatten() + embedder.shared.bias
    torch.testing.assert_close(found[0, 0].flatten(), by_hand)
    swapped = embedder(masks[:, [0, 2, 1]])
    torch.testing.assert_close(swapped, found[:, [1, 0]])
    masks[:, 0] = 1  # the background has no part in it
    torch.testing.assert_close(embedder(masks), found)


@both_layouts
def test_embedded_masks_stand_for_masks(layout: str) -> None:
    preset = SMALL[layout]
    generator, (masks, styles, identity) = awake(preset), given(preset)
    embedded = generator.embed(masks)
    assert embedded.shape == ((3, 18, 8, 8) if layout == "embedded" else masks.shape)
    faces = generator(masks, styles, identity).faces
    assert torch.equal(generator(masks, styles, identity, embedded=embedded).faces, faces)
    between = generator(masks, styles, identity, embedded=torch.lerp(embedded, embedded.roll(1, 0), 0.5)).faces
    assert (between - faces).abs().max() > 1e-4


@both_layouts
def test_faces_are_pictures(layout: str) -> None:
    preset = SMALL[layout]
    faces, logits, weights = awake(preset)(*given(preset))
    assert faces.shape == (3, 3, preset.side, preset.side)
    assert 0 <= faces.min() < faces.max() <= 1
    assert logits == weights == ()


# ---------------------------------------------------------------------------------------------------------- identity


@both_layouts
def test_an_untrained_token_changes_nothing_and_a_trained_one_does(layout: str) -> None:
    preset = dataclasses.replace(SMALL[layout], identity_in_norms=False)
    masks, styles, identity = given(preset)
    fresh, trained = SisGenerator(preset).eval(), awake(preset)
    others = identity.roll(1, 0)
    assert torch.equal(fresh(masks, styles, identity).faces, fresh(masks, styles, others).faces)
    changed = (trained(masks, styles, identity).faces - trained(masks, styles, others).faces).abs()
    assert changed.amax(dim=(1, 2, 3)).min() > 1e-4


@both_layouts
def test_attention_tells_its_logits_and_shares(layout: str) -> None:
    preset = SMALL[layout]
    found = awake(preset)(*given(preset), logits=True, weights=True)
    sides = [side for side, _, _ in preset.attention]
    assert [tuple(one.shape) for one in found.logits] == [(3, 20, side, side) for side in sides]
    assert preset.tokens == 20
    for shares in found.weights:
        torch.testing.assert_close(shares.sum(1), torch.ones_like(shares[:, 0]))
        assert shares[:, 19].min() > 0


def test_only_the_levels_that_are_named_see_the_identity() -> None:
    preset = dataclasses.replace(MODULATED, identity_levels=(16,), identity_in_norms=False)
    generator, (masks, styles, identity) = awake(preset), given(preset)
    found = generator(masks, styles, identity, logits=True, weights=True)
    assert [one.shape[1] for one in found.logits] == [19, 20]
    assert [one.shape[1] for one in found.weights] == [20, 20]
    assert found.weights[0][:, 19].abs().max() == 0
    assert found.weights[1][:, 19].min() > 0
    other = generator(masks, styles, identity.roll(1, 0), logits=True, weights=True)
    assert torch.equal(found.logits[0], other.logits[0])
    assert not torch.equal(found.logits[1], other.logits[1])


def test_an_identity_comes_where_there_is_a_token_for_it_and_only_there() -> None:
    masks, styles, identity = given(MODULATED)
    with pytest.raises(ValueError, match=r"identity: got none, expected \(N, 5\)"):
        SisGenerator(MODULATED)(masks, styles)
    nobody = SisGenerator(dataclasses.replace(MODULATED, identity=0))
    with pytest.raises(ValueError, match=r"identity: got \(3, 5\), expected none"):
        nobody(masks, styles, identity)
    assert nobody(masks, styles, logits=True).logits[0].shape[1] == 19


def shared(number: int) -> Tensor:
    """Embeddings of which most is common to all, as those of dlib."""
    return torch.randn(5) * 3 + torch.randn(number, 5) * torch.tensor([0.1, 0.5, 1.0, 0.2, 0.3])


def test_a_token_takes_away_what_all_embeddings_share() -> None:
    token, embeddings = IdentityToken(5, 4, norm="running", scale=3.0), shared(400)
    for part in embeddings.chunk(8):
        token(part)
    token.eval()
    unit = nn.functional.normalize(embeddings, dim=1)
    # All steps have weighed the same so far, so these are the figures of all embeddings together.
    torch.testing.assert_close(token.mean, unit.mean(0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(token.variance, unit.var(0, correction=0), atol=1e-5, rtol=1e-3)
    by_hand = 3 * (unit - token.mean) / (token.variance + EPS).sqrt() @ token.matrix.weight.T + token.matrix.bias
    torch.testing.assert_close(token(embeddings)[:, 0], by_hand, atol=1e-4, rtol=1e-4)
    # People are told apart several times as well as by unit length alone.
    plain = IdentityToken(5, 4).eval()
    plain.matrix.load_state_dict(token.matrix.state_dict())
    told = [one(embeddings).std(0).mean().item() for one in (token, plain)]
    assert told[0] > 5 * told[1]


def test_a_tokens_figures_move_in_training_only_and_never_where_it_is_frozen() -> None:
    token = IdentityToken(5, 4, norm="running")
    token(shared(20))
    before = token.state_dict()["mean"].clone()
    token.requires_grad_(False)
    token(shared(20))
    token.requires_grad_(True).eval()
    token(shared(20))
    assert torch.equal(token.mean, before)
    assert int(token.steps) == 1
    token.train()
    token.steps.fill_(10**6)
    token(torch.ones(2, 5))
    torch.testing.assert_close(token.mean, torch.lerp(before, torch.full((5,), 5**-0.5), SLOWEST))


def test_a_tokens_length_is_no_business_of_the_embeddings() -> None:
    for norm in ("unit", "running"):
        token, embeddings = IdentityToken(5, 4, norm=norm).eval(), torch.randn(3, 5)  # type: ignore[arg-type]
        torch.testing.assert_close(token(embeddings), token(7 * embeddings))
        assert token(embeddings).shape == (3, 1, 4)


# ----------------------------------------------------------------------------------------------------------- gradients


@both_layouts
def test_gradients_are_those_of_the_definition(layout: str) -> None:
    preset = SMALL[layout]
    generator = awake(preset).double()
    masks, styles, identity = given(preset, 1, torch.float64)

    def faces(*learned: Tensor) -> Tensor:
        made: Tensor = generator(*learned).faces
        return made

    inputs = tuple(one.requires_grad_() for one in (masks, styles, identity))
    assert torch.autograd.gradcheck(faces, inputs, fast_mode=True)


@both_layouts
def test_every_weight_learns(layout: str) -> None:
    preset = dataclasses.replace(SMALL[layout], detail=8, hidden=32)
    generator, encoder, detail = awake(preset), style_encoder(preset), detail_encoder(preset)
    nn.init.normal_(detail.out.weight)
    masks, _, identity = given(preset)
    images = torch.rand(3, 3, preset.side, preset.side)
    found = generator(masks, encoder(images, masks), identity, detail=detail(images), logits=True)
    (found.faces.square().mean() + sum(one.square().mean() for one in found.logits)).backward()
    for network in (generator, encoder, detail):
        for name, one in network.named_parameters():
            assert one.grad is not None, name
            assert torch.isfinite(one.grad).all(), name
            # What is added before a norm, or to all tokens' values alike, may be taken away again.
            assert one.grad.abs().max() > 0 or name.endswith("bias"), name


# ---------------------------------------------------------------------------------------------- what else there may be


def test_detail_joins_past_the_styles_and_starts_as_nothing() -> None:
    preset = dataclasses.replace(MODULATED, detail=16)
    generator, detail = awake(preset), detail_encoder(preset)
    masks, styles, identity = given(preset)
    images = torch.rand(3, 3, 32, 32)
    assert detail(images).shape == (3, 8, 16, 16)
    plain = generator(masks, styles, identity).faces
    assert torch.equal(generator(masks, styles, identity, detail=detail(images)).faces, plain)
    nn.init.normal_(detail.out.weight)
    changed = generator(masks, styles, identity, detail=detail(images)).faces
    assert (changed - plain).abs().amax(dim=(1, 2, 3)).min() > 1e-3
    assert count(SisGenerator(preset)) == count(SisGenerator(MODULATED))


def test_noise_comes_to_a_style_for_each_region() -> None:
    preset = dataclasses.replace(EMBEDDED, noise=3, noise_width=8, noise_after=1)
    assert noise_mapper(preset)(torch.randn(2, 3)).shape == (2, 19, 10)


def test_the_grouped_encoder_is_faithful_or_interleaved() -> None:
    for interleaved in (False, True):
        encoder = style_encoder(dataclasses.replace(EMBEDDED, interleaved=interleaved))
        assert encoder.interleaved is interleaved
        assert encoder(torch.rand(2, 3, 16, 16), torch.rand(2, 19, 16, 16)).shape == (2, 19, 10)


def test_the_identity_reaches_the_pixels_through_every_norm_from_the_first_step() -> None:
    fresh = {
        flag: SisGenerator(dataclasses.replace(MODULATED, identity_in_norms=flag)).eval() for flag in (True, False)
    }
    moved = {}
    for flag, network in fresh.items():
        torch.manual_seed(1)
        masks, styles, identities = torch.rand(1, 19, 32, 32).softmax(1), torch.randn(1, 19, 6), torch.randn(2, 1, 5)
        with torch.no_grad():
            own, other = (network(masks, styles, who).faces for who in identities)
        moved[flag] = float((own - other).abs().max())
    assert moved[False] == 0, "attention starts at zero"
    assert moved[True] > 1e-4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layout": "embedded", "embedded_side": 8, "identity_in_norms": True}, "identity_in_norms"),
        ({"attention": (), "identity": 0, "identity_in_norms": False}, "supervision"),
    ],
)
def test_what_cannot_act_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(MODULATED, **changes)
