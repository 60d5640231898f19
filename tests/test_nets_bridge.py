"""BridgeGAN's networks, put together from the shared parts: parameter counts, shapes, and what reaches what."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional

from generators.nets.mapping import CodeMapping, StyleMapping
from generators.nets.residual import plain
from generators.nets.residual_plain import bridge_block, bridge_norm, start_xavier
from generators.nets.spade import SpadeNorm
from generators.nets.two_headed import TwoHeadedDiscriminator


def count(network):
    return sum(one.numel() for one in network.parameters())


def by_code(channels):
    """BridgeGAN's SPADE: its maps are the 32 channels of the code."""
    return SpadeNorm(channels, 32, norm="instance", eps=1e-6, resampling="nearest")


def test_the_generator_has_its_size():
    with torch.device("meta"):
        parts = [
            nn.Conv2d(3, 32, 1),
            *(bridge_block(here, there, "down") for here, there in pairwise([32, 64, 128, 256])),
            bridge_block(256, 256),
            bridge_block(256, 256, norm=by_code),
            *(bridge_block(here, there, "up", norm=by_code) for here, there in pairwise([256, 128, 64, 32])),
            nn.Conv2d(32, 3, 1),
        ]
    assert sum(map(count, parts)) == 7_219_011


def test_the_encoder_has_its_size():
    with torch.device("meta"):
        parts = [nn.Conv2d(3 + 14, 16, 1), bridge_block(16, 32, "down"), *(bridge_block(32, 32) for _ in range(3))]
        parts += [nn.Conv2d(32, 32, 1), bridge_norm(32)]
    assert sum(map(count, parts)) == 71_808


def test_mapping_and_discriminator_have_their_sizes():
    with torch.device("meta"):
        assert count(CodeMapping()) == 121_888
        assert count(TwoHeadedDiscriminator(128, 14)) == 9_613_039
        assert count(StyleMapping()) == 28_244_224


def by_definition(block, features, slope):
    """Norm, activation, resize, convolution, norm, activation, convolution, resize; as the table writes it."""

    def activation(given):
        return functional.leaky_relu(given, slope)

    changed = activation(block.first_norm(features))
    if block.resize == "up":
        changed, features = (functional.interpolate(one, scale_factor=2) for one in (changed, features))
    changed = block.second(activation(block.second_norm(block.first(changed))))
    skipped = features if block.shortcut is None else block.shortcut(features)
    if block.resize == "down":
        changed, skipped = (functional.avg_pool2d(one, 2) for one in (changed, skipped))
    return changed + skipped


@pytest.mark.parametrize("resize", ["none", "up", "down"])
@pytest.mark.parametrize("out", [6, 4])
def test_the_block_is_its_definition(resize, out):
    torch.manual_seed(0)
    features = torch.randn(2, 6, 8, 8, dtype=torch.float64)
    for settings in ({}, {"norm": plain, "slope": 0.2}):
        block = bridge_block(6, out, resize, **settings).double()
        expected = by_definition(block, features, settings.get("slope", 0.0))
        assert torch.allclose(block(features), expected, rtol=0, atol=1e-12)
        assert (block.shortcut is None) is (resize == "none" and out == 6)


def test_its_instance_norm_has_a_small_eps_and_parameters():
    features = 1e-3 * torch.randn(2, 6, 8, 8, dtype=torch.float64)
    norm = bridge_norm(6).double()
    expected = functional.instance_norm(features, eps=1e-6)
    assert torch.allclose(norm(features), expected, rtol=0, atol=1e-12)
    assert count(norm) == 12


def test_xavier_starts_within_its_bound():
    layer = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Linear(5, 7))
    start_xavier(layer)
    for part, fan in ((layer[0], 9 * (4 + 8)), (layer[1], 5 + 7)):
        bound = (6 / fan) ** 0.5
        assert 0.8 * bound < part.weight.abs().max() <= bound
        assert part.bias.abs().max() == 0


def test_the_discriminator_judges_each_picture_alone_at_any_side():
    torch.manual_seed(0)
    network = TwoHeadedDiscriminator(32, 3, widths=(4, 8, 8), head_width=5).double()
    images = torch.rand(3, 3, 32, 32, dtype=torch.float64).requires_grad_()
    verdict = network(images)
    assert verdict.realness.shape == (3,)
    assert verdict.labels.shape == (3, 3)
    assert torch.equal(network.real(images), verdict.realness)
    (slope,) = torch.autograd.grad(verdict.realness[1], images, retain_graph=True)
    assert slope.abs().amax(dim=(1, 2, 3)).gt(0).tolist() == [False, True, False]
    own = [name for name, _ in network.named_parameters() if name.startswith(("realness", "labels"))]
    assert len(own) == 8
    verdict.labels.sum().backward()
    assert network.realness.weight.grad is None  # the heads share nothing but the trunk
    assert network.stem.weight.grad.abs().max() > 0
    with pytest.raises(ValueError, match="side: got 30, expected a multiple of 4"):
        TwoHeadedDiscriminator(30, 3, widths=(4, 8, 8))


def test_the_code_depends_on_noise_and_difference():
    torch.manual_seed(0)
    network = CodeMapping(6, 3, side=16, width=5, first=7)
    noise, difference = torch.randn(2, 6).requires_grad_(), torch.randn(2, 3).requires_grad_()
    code = network(noise, difference)
    assert code.shape == (2, 5, 16, 16)
    assert code.min() == 0
    start = network.into(torch.cat([noise, difference], dim=1)).view(2, 4, 4, 7).permute(0, 3, 1, 2)
    assert torch.equal(code, torch.relu(network.norm(network.out(torch.relu(network.blocks(start))))))
    assert code.is_contiguous(memory_format=torch.channels_last)
    code[0].square().sum().backward()
    for given in (noise, difference):
        assert given.grad[0].abs().min() > 0
        assert given.grad[1].abs().max() == 0
    with pytest.raises(ValueError, match="side: got 24, expected 4 times a power of two"):
        CodeMapping(side=24)


def test_styles_come_through_shared_layers_and_then_the_region_s_own():
    torch.manual_seed(0)
    network = StyleMapping(4, 3, 5, width=6, shared=2, own=2).double()
    noise = torch.randn(2, 4, dtype=torch.float64)
    for region in range(3):
        given = noise
        for layer in network.shared:
            given = torch.relu(given @ layer.weight.T + layer.bias)
        for layer in network.own:
            given = torch.relu(given @ layer.weight[region] + layer.bias[region])
        expected = given @ network.last.weight[region] + network.last.bias[region]
        assert torch.allclose(network(noise)[:, region], expected, rtol=0, atol=1e-12)


def test_styles_of_a_region_are_its_own_and_absent_ones_are_zero():
    torch.manual_seed(0)
    network = StyleMapping(4, 3, 5, width=6, shared=2, own=1)
    noise = torch.randn(2, 4)
    styles = network(noise)
    assert styles.shape == (2, 3, 5)
    present = torch.tensor([[True, True, False], [True, False, True]])
    assert torch.equal(network(noise, present), styles * present[..., None])
    with torch.no_grad():
        network.last.bias[1] += 1
        network.own[0].weight[1] *= 2
    changed = (network(noise) - styles).abs().amax(dim=(0, 2))
    assert changed.gt(0).tolist() == [False, True, False]
