"""Attention against its plain definition, averaged logits, memory order; CA2-SIS's style encoder and its sizes."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from generators.nets.attention import CrossAttention, GatedFeedForward, SelfAttention, SpatialTransformer
from generators.nets.grouped_style_encoder import GroupedStyleEncoder
from generators.nets.residual import ResidualBlock

# CA2-SIS's code, counted: in, out, up, self-attention, heads, width of a head, parameters of block and of attention.
STAGES = [
    (512, 256, False, True, 8, 64, 1_902_848, 6_301_440),
    (256, 128, True, True, 8, 64, 476_288, 6_169_984),
    (128, 64, True, True, 8, 64, 119_360, 6_104_256),
    (64, 32, True, False, 8, 64, 29_984, 5_021_280),
    (32, 32, True, False, 4, 32, 18_624, 567_264),
]


def count(network):
    return sum(one.numel() for one in network.parameters())


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_definition(attention, pixels, tokens):
    """Softmax attention head by head: output, scaled products (N, h, P, T), their softmax."""
    outputs, products = [], []
    each = attention.out.in_features // attention.heads
    for head in range(attention.heads):
        rows = slice(head * each, (head + 1) * each)
        query, key, value = (
            functional.linear(given, part.weight[rows])
            for given, part in (
                (pixels, attention.query),
                (tokens, attention.key),
                (tokens, attention.value),
            )
        )
        products.append(query @ key.transpose(1, 2) / math.sqrt(each))
        outputs.append(products[-1].softmax(-1) @ value)
    stacked = torch.stack(products, 1)
    return attention.out(torch.cat(outputs, -1)), stacked, stacked.softmax(-1)


def residual(width, out, up, groups=32):
    return ResidualBlock(
        width,
        out,
        lambda channels: nn.GroupNorm(groups, channels),
        resize="up" if up else "none",
        activation=functional.silu,
        zero_start=True,
    )


# Fewer tokens than a head is wide take one order of multiplication, more take the other.
@pytest.mark.parametrize("tokens", [5, 19])
def test_cross_attention_is_its_definition(tokens):
    torch.manual_seed(0)
    attention = CrossAttention(24, 10, heads=3, head_width=8).double()
    pixels, context = drawn(2, 30, 24), drawn(2, tokens, 10, seed=1)
    expected, products, shares = by_definition(attention, pixels, context)
    found = attention(pixels, context, logits=True)
    assert torch.allclose(found.features, expected, rtol=0, atol=1e-12)
    assert torch.allclose(found.logits, products.mean(1), rtol=0, atol=1e-12)
    assert found.weights is None
    found = attention(pixels, context, weights=True)
    assert torch.allclose(found.features, expected, rtol=0, atol=1e-12)
    assert torch.allclose(found.weights, shares.mean(1), rtol=0, atol=1e-12)
    assert found.logits is None
    assert attention(pixels, context)[1:] == (None, None)


@pytest.mark.parametrize("tokens", [5, 19])
def test_cross_attention_has_its_definition_s_gradients(tokens):
    torch.manual_seed(0)
    attention = CrossAttention(24, 10, heads=3, head_width=8).double()
    inputs = [drawn(2, 30, 24).requires_grad_(), drawn(2, tokens, 10, seed=1).requires_grad_()]
    learned = [*inputs, *attention.parameters()]
    towards, other = drawn(2, 30, 24, seed=2), drawn(2, 30, tokens, seed=3)
    found = attention(*inputs, logits=True)
    expected, products, _ = by_definition(attention, *inputs)
    ours = torch.autograd.grad((found.features * towards).sum() + (found.logits * other).sum(), learned)
    theirs = torch.autograd.grad((expected * towards).sum() + (products.mean(1) * other).sum(), learned)
    for one, another in zip(ours, theirs, strict=True):
        assert torch.allclose(one, another, rtol=0, atol=1e-11)


def test_self_attention_is_its_definition():
    torch.manual_seed(0)
    attention = SelfAttention(12, heads=2, head_width=6).double()
    pixels = drawn(2, 9, 12)
    assert torch.allclose(attention(pixels), by_definition(attention, pixels, pixels)[0], rtol=0, atol=1e-12)


def test_feed_forward_gates_by_gelu():
    feed = GatedFeedForward(2, mult=1).double()
    with torch.no_grad():
        feed.into.weight.copy_(torch.cat([torch.eye(2), torch.eye(2)]))
        feed.into.bias.zero_()
        feed.out.weight.copy_(torch.eye(2))
        feed.out.bias.zero_()
    x = 1.5
    expected = x * x * 0.5 * (1 + math.erf(x / math.sqrt(2)))
    assert feed(torch.tensor([[[x, 0.0]]], dtype=torch.float64))[0, 0].tolist() == pytest.approx([expected, 0.0])


def block(recompute=False, **settings):
    torch.manual_seed(0)
    made = SpatialTransformer(16, 10, heads=2, head_width=8, groups=4, recompute=recompute, **settings).double()
    nn.init.normal_(made.out.weight)
    return made


def test_a_fresh_block_is_the_identity():
    fresh = SpatialTransformer(16, 10, heads=2, head_width=8, groups=4)
    features = torch.randn(2, 16, 4, 5)
    assert torch.equal(fresh(features, torch.randn(2, 3, 10)).features, features)


@pytest.mark.parametrize("self_attention", [True, False])
def test_the_block_is_its_definition(self_attention):
    transformer = block(self_attention=self_attention)
    features, tokens = 1e-3 * drawn(2, 16, 4, 5), drawn(2, 3, 10, seed=1)
    grouped = features.view(2, 4, 4 * 20)  # four groups of four channels
    spread = (grouped.var(2, correction=0, keepdim=True) + 1e-6).sqrt()
    pixels = ((grouped - grouped.mean(2, keepdim=True)) / spread).view(2, 16, 20).transpose(1, 2)
    pixels = transformer.into(pixels)
    if self_attention:
        normed = transformer.self_norm(pixels)
        pixels = pixels + by_definition(transformer.self_attention, normed, normed)[0]
    pixels = pixels + by_definition(transformer.cross_attention, transformer.cross_norm(pixels), tokens)[0]
    pixels = pixels + transformer.feed_forward(transformer.forward_norm(pixels))
    expected = features + transformer.out(pixels).transpose(1, 2).view(2, 16, 4, 5)
    assert torch.allclose(transformer(features, tokens).features, expected, rtol=0, atol=1e-12)
    assert (transformer.self_attention is not None) is self_attention


def test_maps_lie_where_the_features_lie():
    transformer = block(self_attention=False)
    features, tokens = drawn(2, 16, 4, 6), drawn(2, 3, 10, seed=1)
    found = transformer(features, tokens, logits=True, weights=True)
    assert found.logits.shape == found.weights.shape == (2, 3, 4, 6)
    assert torch.allclose(found.weights.sum(1), torch.ones(2, 4, 6, dtype=torch.float64))
    # Without self-attention a pixel's maps depend on that pixel and the group norm alone: give two pixels one content.
    features[:, :, 3, 1] = features[:, :, 0, 5]
    weights = transformer(features, tokens, weights=True).weights
    assert torch.allclose(weights[:, :, 3, 1], weights[:, :, 0, 5], rtol=0, atol=1e-12)
    assert not torch.allclose(weights[:, :, 1, 3], weights[:, :, 0, 5], rtol=0, atol=1e-3)


def test_tokens_reach_every_pixel_and_take_gradients():
    transformer, tokens = block(), drawn(2, 3, 10, seed=1).requires_grad_()
    transformer(drawn(2, 16, 4, 4), tokens).features[0, :, 2, 2].sum().backward()
    assert tokens.grad[0].abs().min(dim=1).values.min() > 0
    assert tokens.grad[1].abs().max() == 0


def test_recomputing_changes_no_gradient():
    features, tokens = drawn(2, 16, 4, 4), drawn(2, 3, 10, seed=1)
    gradients = []
    for recompute in (False, True):
        transformer = block(recompute=recompute)
        found = transformer(features, tokens, logits=True)
        (found.features.square().sum() + found.logits.square().sum()).backward()
        gradients.append([one.grad for one in transformer.parameters()])
    assert all(one.abs().max() > 0 for one in gradients[0])
    assert all(torch.equal(one, another) for one, another in zip(*gradients, strict=True))


@pytest.mark.parametrize("stage", range(len(STAGES)))
def test_stages_of_ca2_sis_have_their_sizes(stage):
    width, out, up, self_attention, heads, head_width, of_block, of_attention = STAGES[stage]
    with torch.device("meta"):
        transformer = SpatialTransformer(out, 1280, heads=heads, head_width=head_width, self_attention=self_attention)
        assert count(residual(width, out, up)) == of_block
    assert count(transformer) == of_attention


def test_ca2_sis_has_its_size():
    with torch.device("meta"):
        embedder, into, out = nn.Linear(16384, 256), nn.Conv2d(18, 512, 1), nn.Conv2d(32, 3, 1)
        encoder = GroupedStyleEncoder()
        assert count(embedder) == 4_194_560
        assert count(encoder) == 18_069_304
    stages = sum(of_block + of_attention for *_, of_block, of_attention in STAGES)
    assert count(embedder) + count(into) + stages + count(out) + count(encoder) == 48_985_019


def small_encoder(interleaved):
    torch.manual_seed(0)
    return GroupedStyleEncoder(4, 2, downs=3, ups=2, level_style=5, interleaved=interleaved).double()


def quarters(side=16):
    """float64 (2, 4, side, side): a region for each quarter, the last one absent from the second picture."""
    masks = torch.zeros(2, 4, side, side, dtype=torch.float64)
    half = side // 2
    for region in range(4):
        masks[:, region, region // 2 * half : region // 2 * half + half, region % 2 * half :][..., :half] = 1
    masks[1, 0] += masks[1, 3]
    masks[1, 3] = 0
    return masks


def test_grouped_codes_have_a_part_of_each_level():
    encoder = small_encoder(False)
    images, masks = torch.rand(2, 3, 16, 16, dtype=torch.float64), quarters()
    codes = encoder(images, masks)
    assert codes.shape == (2, 4, 10)
    # Both levels' biases, of the region that is absent.
    expected = torch.cat([torch.tanh(code.bias.view(4, 5)[3]) for code in encoder.codes])
    assert torch.allclose(codes[1, 3], expected, rtol=0, atol=1e-12)
    assert not torch.allclose(codes[0, 3], expected, rtol=0, atol=1e-3)


def test_grouped_means_are_taken_over_the_region():
    encoder = small_encoder(False)
    features, masks = drawn(2, 12, 16, 16), quarters()
    masks[0, 0, :3] = 1  # regions of different sizes, some pixels in two of them
    found = encoder._own_means(features, masks)
    for region in range(4):
        inside = masks[0, region] > 0
        mean = features[0, 3 * region : 3 * region + 3, inside].mean(1)
        assert torch.allclose(found[0, region], mean, rtol=1e-6, atol=0)  # 1e-5 is added to areas of 64 pixels
    assert found[1, 3].abs().max() == 0


# The released code's quirk, as measured on it.
@pytest.mark.parametrize(("interleaved", "reached"), [(False, [0, 1, 2, 4, 9]), (True, [0])])
def test_only_interleaved_groups_keep_regions_apart(interleaved, reached):
    torch.manual_seed(0)
    encoder = GroupedStyleEncoder(19, 1, level_style=3, interleaved=interleaved)
    images, masks = torch.rand(1, 3, 64, 64), torch.ones(1, 19, 64, 64)
    with torch.no_grad():
        before = encoder(images, masks)
        weight = encoder.downs[4].convolution.weight
        weight[: len(weight) // 19] *= -1  # those of the first region
        changed = (encoder(images, masks) - before).abs().amax(dim=(0, 2)) > 1e-5
    assert torch.nonzero(changed)[:, 0].tolist() == reached
