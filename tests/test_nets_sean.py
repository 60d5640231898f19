"""SEAN's norm with soft maps against an independent, hard SEAN; shares, noise, memory order; its block."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from generators.nets.sean import RegionLinear, RegionPatches, SeanNorm, sean_block

CHANNELS, REGIONS, STYLE = 6, 5, 7


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(side: int = 16, seed: int = 0) -> Tensor:
    """int64 (2, side, side): blobs of the regions but the last, which is absent."""
    coarse = torch.randint(0, REGIONS - 1, (2, 1, 4, 4), generator=torch.Generator().manual_seed(seed))
    return functional.interpolate(coarse.double(), (side, side))[:, 0].long()


def one_hot(given: Tensor) -> Tensor:
    return functional.one_hot(given, REGIONS).permute(0, 3, 1, 2).double()


def soft(side=16):
    return (2 * drawn(2, REGIONS, side, side, seed=5)).softmax(1)


def moved(norm):
    """The norm with every parameter away from its start, so that none of them can be forgotten."""
    with torch.no_grad():
        norm.noise_scale.copy_(drawn(CHANNELS, seed=7))
        norm.shares.copy_(torch.tensor([0.7, -1.1]))
    return norm


def make(kind="instance"):
    torch.manual_seed(0)
    return moved(SeanNorm(CHANNELS, REGIONS, STYLE, hidden=9, norm=kind).double())


def paint(codes: Any, region_of: Tensor, styles: Tensor) -> Tensor:
    """Each region's code, through its matrix, on the region's pixels: float (N, STYLE, side, side)."""
    painted = torch.zeros(len(styles), STYLE, *region_of.shape[1:], dtype=torch.float64)
    for picture in range(len(styles)):
        for region in range(REGIONS):
            inside = region_of[picture] == region
            code = functional.relu(styles[picture, region] @ codes.weight[region] + codes.bias[region, 0])
            painted[picture][:, inside] = code[:, None]
    return painted


def hard_sean(
    norm: Any,
    features: Tensor,
    region_of: Tensor,
    styles: Tensor,
    noise: Tensor | None = None,
    dims: tuple[int, ...] = (2, 3),
) -> Tensor:
    """SEAN as published: paint each region's code onto its pixels, convolve, mix; without codes, the maps alone."""
    side = features.shape[-1]
    region_of = functional.interpolate(region_of[:, None].double(), (side, side))[:, 0].long()

    def convolved(given: Tensor, layer: Any, rows: slice) -> Tensor:
        return functional.conv2d(given, layer.weight[rows], layer.bias[rows], padding=1)

    maps = functional.relu(functional.conv2d(one_hot(region_of), norm.of_masks.weight, norm.of_masks.bias, padding=1))
    channels = features.shape[1]
    first, second = slice(0, channels), slice(channels, 2 * channels)
    scale, shift = (convolved(maps, norm.mask_scale_and_shift, rows) for rows in (first, second))
    if norm.codes is not None:
        scale_share, shift_share = torch.sigmoid(norm.shares)
        painted = paint(norm.codes, region_of, styles)
        scale = scale_share * convolved(painted, norm.style_scale_and_shift, first) + (1 - scale_share) * scale
        shift = shift_share * convolved(painted, norm.style_scale_and_shift, second) + (1 - shift_share) * shift
    if noise is not None:
        features = features + noise * norm.noise_scale[:, None, None]
    centred = features - features.mean(dims, keepdim=True)
    normed: Tensor = centred / (centred.square().mean(dims, keepdim=True) + 1e-5).sqrt() * (1 + scale) + shift
    return normed


@pytest.mark.parametrize("kind", ["instance", "batch"])
@pytest.mark.parametrize("side", [16, 8])
def test_a_one_hot_map_is_hard_sean(kind, side):
    norm, features, styles = make(kind), drawn(2, CHANNELS, side, side), drawn(2, REGIONS, STYLE, seed=1)
    patches = RegionPatches(one_hot(labels()), mode="nearest")
    expected = hard_sean(norm, features, labels(), styles, dims=(2, 3) if kind == "instance" else (0, 2, 3))
    assert torch.allclose(norm(features, patches, styles), expected, rtol=0, atol=1e-12)
    found = norm.float()(features.float(), RegionPatches(one_hot(labels()).float(), mode="nearest"), styles.float())
    assert (found - expected).abs().max() < 1e-5


def test_noise_is_drawn_once_a_pixel_and_scaled_for_each_channel():
    norm, features, styles = make(), drawn(2, CHANNELS, 16, 16), drawn(2, REGIONS, STYLE, seed=1)
    noise = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    expected = hard_sean(norm, features, labels(), styles, noise)
    found = norm(features, one_hot(labels()), styles, torch.Generator().manual_seed(3))
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)
    assert not torch.allclose(found, norm(features, one_hot(labels()), styles))


def test_a_soft_map_convolves_the_mixed_codes():
    norm, features, styles, masks = make(), drawn(2, CHANNELS, 16, 16), drawn(2, REGIONS, STYLE, seed=1), soft()
    codes = functional.relu(torch.einsum("nrl,rlm->nrm", styles, norm.codes.weight) + norm.codes.bias[:, 0])
    mixed = torch.einsum("nrhw,nrl->nlhw", masks, codes)
    maps = functional.relu(norm.of_masks(masks))
    share = torch.sigmoid(norm.shares).repeat_interleave(CHANNELS)[:, None, None]
    modulation = share * norm.style_scale_and_shift(mixed) + (1 - share) * norm.mask_scale_and_shift(maps)
    scale, shift = modulation.chunk(2, dim=1)
    expected = functional.instance_norm(features) * (1 + scale) + shift
    assert torch.allclose(norm(features, masks, styles), expected, rtol=0, atol=1e-12)
    assert torch.allclose(norm(features, RegionPatches(masks), styles), expected, rtol=0, atol=1e-12)


def test_maps_come_to_other_sizes_by_area_or_nearest():
    masks = one_hot(labels())
    masks[:, :, 0, 0] = torch.tensor([0, 0, 0, 0, 1.0])  # a pixel at the corner of a block of four, the last region's
    by_area, nearest = RegionPatches(masks).at(8, 8), RegionPatches(masks, mode="nearest").at(8, 8)
    middle = slice(4 * REGIONS, 5 * REGIONS)  # row 1, column 1 of a neighbourhood is the pixel itself
    assert by_area[:, 0, middle][0, 4] == 0.25
    assert nearest[:, 0, middle][0].tolist() == [0, 0, 0, 0, 1]
    assert by_area[:, 0, : middle.start].abs().max() == 0  # above and left of the first pixel is nothing
    assert torch.allclose(by_area[..., middle].sum(-1), torch.ones(2, 64, dtype=torch.float64))


def test_patches_of_a_size_are_made_once():
    patches = RegionPatches(soft())
    assert patches.at(8, 8) is patches.at(8, 8)
    with pytest.raises(ValueError, match="mode: got 'bilinear', expected area or nearest"):
        RegionPatches(soft(), mode="bilinear")


def test_shares_start_at_a_half_and_noise_at_nothing():
    torch.manual_seed(0)
    norm = SeanNorm(CHANNELS, REGIONS, STYLE).double()
    assert torch.sigmoid(norm.shares).tolist() == [0.5, 0.5]
    features, styles = drawn(2, CHANNELS, 8, 8), drawn(2, REGIONS, STYLE)
    norm.eval()
    assert torch.equal(norm(features, soft(8), styles), norm(features, soft(8), styles, torch.Generator()))


def test_a_norm_of_the_maps_alone_takes_no_notice_of_styles():
    norm = SeanNorm(CHANNELS, REGIONS).double()
    features = drawn(2, CHANNELS, 8, 8)
    assert torch.equal(norm(features, soft(8)), norm(features, soft(8), drawn(2, REGIONS, STYLE)))
    assert not [name for name, _ in norm.named_parameters() if "style" in name or "shares" in name or "codes" in name]
    with pytest.raises(ValueError, match="styles: got none"):
        make()(features, soft(8))


def test_gradients_reach_all_that_learns_and_the_right_region_only():
    norm, masks = make(), one_hot(labels())
    styles, features = drawn(2, REGIONS, STYLE, seed=1).requires_grad_(), drawn(2, CHANNELS, 16, 16).requires_grad_()
    wanted = masks.clone().requires_grad_()
    norm(features, wanted, styles, torch.Generator())[0].square().sum().backward()
    for name, one in norm.named_parameters():
        assert one.grad is not None, name
        assert one.grad.abs().max() > 0, name
    assert features.grad[0].abs().max() > 0
    assert wanted.grad[0].abs().max() > 0
    assert styles.grad[1].abs().max() == 0  # the other picture's
    present = masks[0].amax(dim=(1, 2)) > 0
    assert (styles.grad[0].abs().amax(dim=1) > 0).tolist() == present.tolist()
    assert not present.all()


def test_region_linear_is_a_linear_of_each_region():
    layer = RegionLinear(3, 4, 2).double()
    codes = drawn(2, 3, 4)
    for region in range(3):
        expected = functional.linear(codes[:, region], layer.weight[region].T, layer.bias[region, 0])
        assert torch.allclose(layer(codes)[:, region], expected, rtol=0, atol=1e-12)
    assert layer.weight.abs().max() <= 0.5


def test_the_block_has_sean_s_widths_and_norms():
    torch.manual_seed(0)
    block = sean_block(8, CHANNELS, REGIONS, STYLE, hidden=9, norm="instance")
    patches, features = RegionPatches(soft().float()), torch.randn(2, 8, 16, 16)
    features = features.to(memory_format=torch.channels_last)
    found = block(features, patches, drawn(2, REGIONS, STYLE).float())
    assert found.shape == (2, CHANNELS, 16, 16)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert isinstance(block.first_norm, SeanNorm)
    assert isinstance(block.shortcut_norm, SeanNorm)
    assert block.shortcut.bias is None
    for layer in (block.first, block.second, block.shortcut):
        assert hasattr(layer, "parametrizations")
    # The narrower of the two widths stands between the convolutions, whichever comes first.
    assert block.first.out_channels == CHANNELS
    assert sean_block(CHANNELS, 8, REGIONS, STYLE).first.out_channels == CHANNELS
    # A block that keeps its width has no learned shortcut, hence no third norm.
    assert sean_block(8, 8, REGIONS, STYLE).shortcut_norm is None
