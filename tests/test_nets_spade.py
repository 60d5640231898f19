"""Region maps, residual blocks, SPADE norms, the region style encoder and the PatchGAN."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.nets.patchgan import PatchGan
from generators.nets.regions import masked_mean, one_hot, resize, spread
from generators.nets.residual import (
    InstanceNorm,
    ResidualBlock,
    Resizing,
    instance,
    leaky,
    plain,
    settle_spectral,
    start_like_gan,
)
from generators.nets.spade import SpadeNorm, free_norm
from generators.nets.style_encoder import RegionStyleEncoder


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def soft(count: int, regions: int, side: int) -> Tensor:
    return torch.randn(count, regions, side, side).softmax(1)


def count_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def in_order(features: Tensor) -> bool:
    return features.is_contiguous(memory_format=torch.channels_last)


# ------------------------------------------------------------------------------------------------------ region maps


def test_one_hot_is_one_where_the_label_is() -> None:
    labels = torch.tensor([[[0, 2], [1, 2]]], dtype=torch.uint8)
    expected = [[[1, 0], [0, 0]], [[0, 0], [1, 0]], [[0, 1], [0, 1]]]
    assert torch.equal(one_hot(labels, 3), torch.tensor([expected], dtype=torch.float32))
    assert in_order(one_hot(torch.zeros(2, 4, 4, dtype=torch.uint8)))


@pytest.mark.parametrize("side", [8, 4, 5, 16])
def test_a_resized_map_still_sums_to_one_and_keeps_every_regions_share(side: int) -> None:
    masks = soft(2, 5, 8)
    smaller = resize(masks, (side, side))
    assert smaller.shape == (2, 5, side, side)
    torch.testing.assert_close(smaller.sum(1), torch.ones(2, side, side))
    if side != 5:  # blocks overlap there, so pixels do not all weigh alike
        torch.testing.assert_close(smaller.mean((2, 3)), masks.mean((2, 3)))


def test_a_resized_pixel_is_the_mean_of_its_block() -> None:
    masks = soft(1, 3, 4)
    assert torch.allclose(resize(masks, (2, 2))[0, 1, 0, 1], masks[0, 1, :2, 2:].mean())


def test_the_masked_mean_is_its_definition() -> None:
    features, masks = torch.randn(2, 6, 4, 4), soft(2, 3, 8)
    found = masked_mean(features, masks)
    weights = resize(masks, (4, 4))
    for face in range(2):
        for region in range(3):
            total = sum(weights[face, region, y, x] * features[face, :, y, x] for y in range(4) for x in range(4))
            torch.testing.assert_close(found[face, region], total / weights[face, region].sum())


def test_the_masked_mean_of_an_absent_region_is_zero_and_of_one_pixel_that_pixel() -> None:
    labels = torch.zeros(1, 4, 4, dtype=torch.uint8)
    labels[0, 2, 1] = 1
    features = torch.randn(1, 6, 4, 4)
    found = masked_mean(features, one_hot(labels, 3))
    torch.testing.assert_close(found[0, 1], features[0, :, 2, 1])
    assert torch.equal(found[0, 2], torch.zeros(6))


def test_spreading_gives_each_pixel_its_regions_code_and_mixes_where_the_map_is_soft() -> None:
    codes = torch.randn(2, 3, 5)
    labels = torch.randint(3, (2, 4, 4), dtype=torch.uint8)
    found = spread(codes, one_hot(labels, 3))
    assert found.shape == (2, 5, 4, 4)
    assert in_order(found)
    torch.testing.assert_close(found[1, :, 2, 3], codes[1, labels[1, 2, 3].long()])
    masks = soft(2, 3, 4)
    torch.testing.assert_close(spread(codes, masks)[0, :, 1, 2], masks[0, :, 1, 2] @ codes[0])


# --------------------------------------------------------------------------------------------------- residual blocks


@pytest.mark.parametrize("affine", [False, True])
def test_the_instance_norm_is_torchs_own(affine: bool) -> None:
    ours, theirs = InstanceNorm(6, affine), nn.InstanceNorm2d(6, affine=affine)
    if affine:
        ours.load_state_dict({"weight": torch.randn(6), "bias": torch.randn(6)})
        theirs.load_state_dict(ours.state_dict())
    features = (3 + 2 * torch.randn(4, 6, 8, 10)).to(memory_format=torch.channels_last)
    there, here = features.clone().requires_grad_(), features.clone().requires_grad_()
    weights = torch.randn_like(features)
    found = ours(here)
    assert in_order(found)
    torch.testing.assert_close(found, theirs(there), atol=1e-5, rtol=1e-5)
    (found * weights).sum().backward()
    (theirs(there) * weights).sum().backward()
    torch.testing.assert_close(here.grad, there.grad, atol=1e-5, rtol=1e-5)
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, dict(theirs.named_parameters())[name].grad, atol=1e-4, rtol=1e-4)


def test_the_instance_norms_gradient_is_that_of_finite_differences() -> None:
    features = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(InstanceNorm(3), (features,))


def test_the_instance_norm_refuses_second_derivatives() -> None:
    features = torch.randn(1, 2, 4, 4, requires_grad=True)
    (first,) = torch.autograd.grad(InstanceNorm(2)(features).pow(3).sum(), features, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


@pytest.mark.parametrize(("resize_by", "side"), [("none", 8), ("up", 16), ("down", 4)])
@pytest.mark.parametrize("channels", [6, 10])
def test_a_block_is_what_its_docstring_says(resize_by: Resizing, side: int, channels: int) -> None:
    block = ResidualBlock(6, channels, plain, resize=resize_by, activation=torch.tanh)
    features = torch.randn(2, 6, 8, 8)

    def up(values: Tensor) -> Tensor:
        return values.repeat_interleave(2, 2).repeat_interleave(2, 3) if resize_by == "up" else values

    def down(values: Tensor) -> Tensor:
        return functional.avg_pool2d(values, 2) if resize_by == "down" else values

    def convolved(values: Tensor, layer: Any) -> Tensor:
        return functional.conv2d(values, layer.weight, layer.bias, padding=layer.kernel_size[0] // 2)

    changed = convolved(torch.tanh(convolved(up(torch.tanh(features)), block.first)), block.second)
    skipped = up(features) if block.shortcut is None else convolved(up(features), block.shortcut)
    assert (block.shortcut is None) is (channels == 6)
    found = block(features)
    assert found.shape == (2, channels, side, side)
    torch.testing.assert_close(found, down(changed) + down(skipped), atol=1e-5, rtol=1e-5)


def test_a_block_that_starts_at_zero_is_its_shortcut() -> None:
    features = torch.randn(2, 4, 8, 8)
    assert torch.equal(ResidualBlock(4, 4, instance, zero_start=True)(features), features)
    with pytest.raises(ValueError, match="zero_start: got True with spectral"):
        ResidualBlock(4, 4, instance, zero_start=True, spectral=True)


def test_a_block_hands_its_conditions_to_each_of_its_norms() -> None:
    given: list[tuple[int, tuple[Any, ...]]] = []

    class Listening(nn.Module):
        def forward(self, features: Tensor, *conditions: Any) -> Tensor:
            given.append((features.shape[1], conditions))
            return features

    block = ResidualBlock(4, 6, lambda channels: Listening(), middle=3, shortcut_norm=True, shortcut_bias=False)
    block(torch.randn(1, 4, 8, 8), "masks", "styles")
    assert sorted(given) == [(3, ("masks", "styles")), (4, ("masks", "styles")), (4, ("masks", "styles"))]


def test_spectral_norm_bounds_every_convolution() -> None:
    block = ResidualBlock(8, 12, plain, spectral=True)
    for _ in range(30):
        block(torch.randn(1, 8, 4, 4))
    for layer in (block.first, block.second, block.shortcut):
        assert layer is not None
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)


def test_starting_like_a_gan_gives_small_weights_also_under_spectral_norm() -> None:
    block = ResidualBlock(64, 32, plain, spectral=True)
    start_like_gan(block)
    original = block.first.parametrizations.weight.original
    assert original.std().item() == pytest.approx(0.02 * (2 / (64 * 9 + 32 * 9)) ** 0.5, rel=0.1)
    assert block.second.bias.abs().max().item() == 0


def test_a_start_keeps_the_singular_vectors_of_spectral_norm_right() -> None:
    block = ResidualBlock(32, 16, plain, spectral=True)
    start_like_gan(block)
    block.eval()
    for layer in (block.first, block.second, block.shortcut):
        assert layer is not None
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.2)


def test_singular_vectors_of_another_weight_are_found_again_in_either_mode() -> None:
    block = ResidualBlock(32, 16, plain, spectral=True).eval()
    with torch.no_grad():
        block.first.parametrizations.weight.original.normal_()
    before = torch.linalg.matrix_norm(block.first.weight.flatten(1), 2).item()
    settle_spectral(block, rounds=60)
    after = torch.linalg.matrix_norm(block.first.weight.flatten(1), 2).item()
    assert before > 2
    assert after == pytest.approx(1, abs=0.05)
    assert not any(part.training for part in block.modules())


def test_only_the_named_kinds_of_layers_are_started() -> None:
    network = nn.Sequential(nn.Conv2d(4, 4, 3), nn.Linear(4, 4))
    kept = network[1].weight.clone()
    start_like_gan(network, layers=(nn.Conv2d,))
    assert network[0].bias.abs().max().item() == 0
    assert torch.equal(network[1].weight, kept)


@pytest.mark.parametrize("resize_by", ["up", "down"])
def test_a_shortcut_can_be_learned_wherever_the_side_changes(resize_by: Resizing) -> None:
    assert ResidualBlock(4, 4, plain, resize=resize_by).shortcut is None
    assert ResidualBlock(4, 4, plain, shortcut_where_resized=True).shortcut is None
    block = ResidualBlock(4, 4, plain, resize=resize_by, shortcut_where_resized=True, zero_start=True)
    assert isinstance(block.shortcut, nn.Conv2d)
    features = torch.randn(1, 4, 8, 8)
    resized = functional.interpolate(features, scale_factor=2 if resize_by == "up" else 0.5, mode="area")
    torch.testing.assert_close(block(features), block.shortcut(resized))


# ------------------------------------------------------------------------------------------------------------- SPADE


def test_a_spade_norm_is_what_its_docstring_says() -> None:
    norm = SpadeNorm(6, 4, style=5, hidden=7, kernel=3, norm="instance")
    features, masks, styles = torch.randn(2, 6, 8, 8), soft(2, 4, 8), torch.randn(2, 4, 5)
    projected = styles @ norm.of_styles.weight.T
    tiled = torch.einsum("nrhw,nrc->nchw", masks, projected)
    hidden = torch.relu(functional.conv2d(masks, norm.of_masks.weight, norm.of_masks.bias, padding=1) + tiled)
    both = functional.conv2d(hidden, norm.scale_and_shift.weight, norm.scale_and_shift.bias, padding=1)
    expected = functional.instance_norm(features) * (1 + both[:, :6]) + both[:, 6:]
    torch.testing.assert_close(norm(features, masks, styles), expected, atol=1e-5, rtol=1e-5)


def test_a_spade_norm_shrinks_its_masks_by_area() -> None:
    norm = SpadeNorm(6, 4, hidden=7, norm="instance")
    features, masks = torch.randn(2, 6, 8, 8), soft(2, 4, 32)
    torch.testing.assert_close(norm(features, masks), norm(features, functional.avg_pool2d(masks, 4)))


def test_a_spade_norm_takes_bridgegans_resampling_and_eps() -> None:
    norm = SpadeNorm(6, 4, hidden=7, norm="instance", eps=1e-6, resampling="nearest")
    features, masks = 1e-3 * torch.randn(2, 6, 8, 8), torch.randn(2, 4, 32, 32)
    found = norm(features, masks)
    torch.testing.assert_close(found, norm(features, masks[:, :, ::4, ::4]))
    both = norm.scale_and_shift(torch.relu(norm.of_masks(masks[:, :, ::4, ::4])))
    expected = functional.instance_norm(features, eps=1e-6) * (1 + both[:, :6]) + both[:, 6:]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    by_area = SpadeNorm(6, 4, hidden=7, norm="instance", eps=1e-6)
    by_area.load_state_dict(norm.state_dict())
    assert (by_area(features, masks) - found).abs().amax() > 0.1
    with pytest.raises(ValueError, match="resampling: got 'linear', expected area or nearest"):
        SpadeNorm(6, 4, resampling="linear")  # type: ignore[arg-type]


def test_a_batch_norm_has_the_eps_too() -> None:
    assert free_norm("batch", 3, eps=1e-6).eps == 1e-6


def test_a_regions_style_moves_its_own_pixels_only() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.uint8)
    labels[:, :, 4:] = 1
    norm = SpadeNorm(6, 2, style=5, hidden=7, kernel=1, norm="instance")
    features, styles = torch.randn(1, 6, 8, 8), torch.randn(1, 2, 5)
    moved = styles.clone()
    moved[0, 1] += 3
    difference = norm(features, one_hot(labels, 2), moved) - norm(features, one_hot(labels, 2), styles)
    assert torch.equal(difference[..., :4], torch.zeros(1, 6, 8, 4))
    assert difference[..., 4:].abs().amax() > 0.1


def test_codes_as_small_as_they_are_at_first_move_a_norm_as_much_as_masks_do() -> None:
    norm = SpadeNorm(6, 19, style=64, hidden=256, norm="instance")
    codes = 0.1 * torch.randn(1, 19, 64)
    assert norm.of_styles is not None
    from_styles = norm.of_styles(codes).std()
    from_masks = norm.of_masks(one_hot(torch.randint(19, (1, 16, 16)))).std()
    assert 1 < from_styles / from_masks < 10


def test_a_spade_norm_says_when_styles_do_not_fit() -> None:
    features, masks = torch.randn(1, 6, 8, 8), soft(1, 4, 8)
    with pytest.raises(ValueError, match="styles: got none, expected what it was built for: with style codes"):
        SpadeNorm(6, 4, style=5)(features, masks)
    with pytest.raises(ValueError, match="styles: got some, expected what it was built for: without"):
        SpadeNorm(6, 4)(features, masks, torch.randn(1, 4, 5))


# ----------------------------------------------------------------------------------------------------- style encoder


def test_seans_style_encoder_has_its_number_of_parameters() -> None:
    by_hand = (3 * 32 + 32 * 64 + 64 * 128 + 128 * 256 + 256 * 512) * 9 + 32 + 64 + 128 + 256 + 512
    assert count_of(RegionStyleEncoder()) == by_hand == 1_568_576


@pytest.mark.parametrize(("down", "up", "side"), [((8, 12), (16,), 8), ((8,), (), 8), ((), (), 16)])
def test_the_style_encoder_pools_the_last_features_over_each_region(
    down: tuple[int, ...], up: tuple[int, ...], side: int
) -> None:
    encoder = RegionStyleEncoder(6, first=4, down=down, up=up)
    seen: list[Tensor] = []
    encoder.last.register_forward_hook(lambda _module, _given, found: seen.append(found))
    masks = soft(2, 5, 16)
    masks[0, 4] = 0
    codes = encoder(torch.rand(2, 3, 16, 16), masks)
    assert codes.shape == (2, 5, 6)
    assert seen[0].shape == (2, 6, side, side)
    torch.testing.assert_close(codes, masked_mean(torch.tanh(seen[0]), masks))
    assert torch.equal(codes[0, 4], torch.zeros(6))


# ---------------------------------------------------------------------------------------------------------- PatchGAN


def test_the_patchgan_has_the_published_number_of_parameters() -> None:
    assert count_of(PatchGan()) == 1_364_098


def test_the_patchgan_gives_the_features_of_every_layer_and_scale() -> None:
    judged = PatchGan(4, widths=(6, 8), scales=2)(torch.rand(2, 3, 32, 32), soft(2, 4, 32))
    shapes = [[tuple(features.shape[1:]) for features in scale] for scale in judged]
    assert shapes == [[(6, 17, 17), (8, 9, 9), (1, 10, 10)], [(6, 9, 9), (8, 5, 5), (1, 6, 6)]]


def test_real_and_made_pictures_in_one_batch_are_judged_as_alone() -> None:
    network = PatchGan(4, widths=(6, 8), scales=2).eval()
    images, masks = torch.rand(4, 3, 32, 32), soft(4, 4, 32)
    together = network(images, masks)
    for rows in (slice(0, 2), slice(2, 4)):
        for whole, part in zip(together, network(images[rows], masks[rows]), strict=True):
            torch.testing.assert_close(whole[-1][rows], part[-1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("normalised", [False, True])
def test_the_patchgan_without_masks_and_norms_still_sees_the_picture(normalised: bool) -> None:
    network = PatchGan(0, widths=(6, 8, 10), scales=1, spectral=False, normalised=normalised)
    images = torch.rand(1, 3, 32, 32, requires_grad=True)
    leaky(network(images)[0][-1]).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().mean() > 0
