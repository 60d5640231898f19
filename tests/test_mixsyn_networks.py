"""The networks of `mixsyn`: sizes, compositions at each temperature, who sees whom, soft maps and hard ones."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from bench import weights
from generators.mixsyn.composition import ABSENT
from generators.mixsyn.networks import Composer, composition_judge, image_judge, renderer, style_encoder
from generators.mixsyn.sean_renderer import SeanRenderer
from generators.mixsyn.settings import PARTS, PRESETS, MixSynPreset, preset_of
from generators.nets.regions import one_hot
from generators.training.released import read_released
from tests.test_nets_sean import REGIONS, STYLE, hard_sean, labels

ROOT = Path(__file__).parents[1]
SMALL = MixSynPreset(
    side=32, levels=((8, 8), (16, 8), (32, 4)), style=6, hidden=4, encoder_first=4, encoder_down=(6,),
    judge_widths=(4, 6), stem=2, composer=(8, 16), composer_groups=4, composer_noise=3, composer_judge_widths=(4, 6),
)  # fmt: skip
MAKERS = {"encoder": style_encoder, "renderer": renderer, "composer": Composer}
JUDGES = {"image judge": image_judge, "composition judge": composition_judge}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def count(network: nn.Module) -> int:
    return sum(one.numel() for one in network.parameters())


def blobs(number: int, regions: int, side: int) -> Tensor:
    """One-hot maps of the regions but the last two, which are absent, in blobs of an eighth of the side."""
    drawn = torch.randint(0, regions - 2, (number, 1, 8, 8)).float()
    return one_hot(functional.interpolate(drawn, (side, side))[:, 0].long(), regions)


def stack(preset: MixSynPreset, number: int = 3) -> Tensor:
    """A region stack as of several sources: some regions upon others, and holes."""
    maps = blobs(number, preset.regions, preset.side)
    moved = torch.maximum(maps, maps.roll(3, dims=2))  # regions lie upon each other
    moved[:, :, 5:9] = 0
    return moved


def awake(preset: MixSynPreset) -> Composer:
    """A composer whose noise and layers act as strongly as after some training."""
    composer = Composer(preset).eval()
    with torch.no_grad():
        composer.last.weight.mul_(20)
        if composer.of_noise is not None:
            nn.init.normal_(composer.of_noise.weight, std=0.5)
    return composer


# ------------------------------------------------------------------------------------------------------------- sizes


@functools.cache
def built(name: str) -> dict[str, nn.Module]:
    """The networks of a preset, without memory."""
    with torch.device("meta"):
        return {part: make(PRESETS[name]) for part, make in {**MAKERS, **JUDGES}.items()}


def sizes(name: str) -> dict[str, int]:
    return {part: count(network) for part, network in built(name).items()}


def operations(name: str) -> dict[str, int]:
    """Of one face forward: multiplications and additions."""
    preset = PRESETS[name]
    found = {}
    with torch.device("meta"), torch.no_grad():
        maps = torch.empty(1, preset.regions, preset.side, preset.side)
        images, styles = torch.empty(1, 3, preset.side, preset.side), torch.empty(1, preset.regions, preset.style)
        given = {"encoder": (images, maps), "renderer": (maps, styles), "composer": (maps,)}
        for part in MAKERS:
            with FlopCounterMode(display=False) as counter:
                built(name)[part](*given[part])
            found[part] = counter.get_total_flops()
    return found


def test_the_paper_preset_has_the_sizes_that_were_worked_out() -> None:
    found = sizes("paper")
    assert 17.65e6 <= found["composer"] < 17.75e6
    assert found["composer"] == 17_733_243
    assert found["encoder"] == 1_568_576
    assert found["image judge"] == 1_364_098
    made = built("paper")["renderer"]
    assert isinstance(made, SeanRenderer)
    blocks: Any = made.blocks
    assert [block.second.out_channels for block in blocks] == [1024, 1024, 1024, 512, 256, 128, 64]
    assert [block.shortcut is None for block in blocks] == [True] * 3 + [False] * 4
    codes = [[norm.codes is not None for norm in (block.first_norm, block.second_norm)] for block in blocks]
    assert codes == [[True, True]] * 6 + [[False, False]]
    assert blocks[0].first_norm.codes.weight.shape == (19, 512, 512)
    assert blocks[0].first_norm.norm.affine is False


def test_tiny_and_base_cost_no_more_than_they_may() -> None:
    for name in ("tiny", "base"):
        found, parameters = operations(name), sizes(name)
        assert 4 * found["composer"] <= found["renderer"]
        assert sum(parameters[part] for part in MAKERS) <= 7_900_000


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_has_the_size_that_the_docs_say(name: str) -> None:
    text = (ROOT / "docs" / "nets.md").read_text(encoding="utf-8")
    rows = re.findall(rf"^\| mixsyn {name} \| (.+) \|$", text, re.M)
    parameters = " | ".join(f"{one:,}" for one in sizes(name).values())
    assert rows == [f"{PRESETS[name].side} | {parameters} | {sum(operations(name).values()) / 1e9:.3g}"]


def test_training_can_start_from_what_spade_has_learned() -> None:
    _, released = read_released(weights.released("spade_tiny.safetensors"))
    for part in ("encoder", "renderer"):
        MAKERS[part](PRESETS["tiny"]).load_state_dict(released[part], strict=True)


# ----------------------------------------------------------------------------------------------------------- presets


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"levels": ((8, 4), (32, 4))}, "levels: got sides"),
        ({"layout": "other"}, "layout: got 'other', expected modulated or sean"),
        ({"regions": 12}, "classes: got 19 names, expected one for each of 12"),
        ({"parts": PARTS[1:]}, r"parts: got the classes \[1, 2, .*expected each of 0 to 18 in one part"),
        ({"parts": (*PARTS, ("nobody", ()))}, "parts: got the classes"),
        ({"parts": (*PARTS[:-1], ("skin", (18,)))}, "parts: got the names"),
        ({"compose": False}, "compose_steps: got 1000 without a composer, expected 0"),
        ({"composer": ()}, "composer: got 0 widths"),
        ({"composer": (8,) * 6}, "composer: got 6 widths, expected at least one, and that 32 pixels"),
        ({"composer": (8, 18)}, r"composer: got \(8, 18\), expected multiples of composer_groups, 4"),
        ({"stem": 0}, "stem: got 0, expected at least 1"),
        ({"compose_steps": 9_000}, "compose_steps, render_steps, settle_steps: got"),
        ({"settle_steps": 100}, "compose_steps, render_steps, settle_steps: got"),
        ({"mixed": 1.5}, "mixed: got 1.5, expected 0 to 1"),
        ({"mixed_sources": (1, 4)}, "mixed_sources: got"),
        ({"mixed_sources": (5, 4)}, "mixed_sources: got"),
        ({"entropy": -1.0}, "entropy: got -1.0, expected 0 or more"),
    ],
)
def test_a_preset_says_what_is_wrong_with_it(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(SMALL, **change)


def test_regions_are_jittered_as_far_as_those_of_several_people_lie_apart() -> None:
    found = {name: (one.jitter_shift, one.jitter_scale, one.jittered) for name, one in PRESETS.items()}
    assert found == {"tiny": (0.1, 0.25, 0.5), "base": (0.1, 0.25, 0.5), "paper": (1 / 32, 0.1, 0.5)}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_json(name: str) -> None:
    assert preset_of(json.loads(json.dumps(dataclasses.asdict(PRESETS[name])))) == PRESETS[name]


def test_the_settings_of_another_version_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="colour: got a setting that there is not"):
        preset_of(dataclasses.asdict(SMALL) | {"colour": 1})


def test_other_label_sets_have_networks_too() -> None:
    names = tuple(f"class {number}" for number in range(12))
    facades = dataclasses.replace(
        SMALL, regions=12, classes=names, parts=tuple((name, (number,)) for number, name in enumerate(names))
    )
    given = stack(facades)
    maps = Composer(facades)(given).maps
    styles = style_encoder(facades)(torch.rand(3, 3, 32, 32), maps)
    assert renderer(facades)(maps, styles).shape == (3, 3, 32, 32)
    assert image_judge(facades)(torch.rand(3, 3, 32, 32), maps)[0][-1].shape[:2] == (3, 1)


# ------------------------------------------------------------------------------------------------------- compositions


@pytest.mark.parametrize("temperature", [1.0, 0.3, 0.01, 0.0])
def test_a_composition_sums_to_one_and_has_nothing_of_what_is_absent(temperature: float) -> None:
    given, noise = stack(SMALL), torch.randn(3, 3)
    logits, maps = awake(SMALL)(given, noise, temperature=temperature)
    torch.testing.assert_close(maps.sum(1), torch.ones(3, 32, 32))
    absent = given.amax(dim=(2, 3)) == 0
    assert absent[:, -2:].all()
    assert not absent.all(dim=1).any()
    assert maps[absent].abs().max() == 0
    assert logits[absent].max() == ABSENT
    assert logits[~absent].min() > ABSENT / 100
    if temperature == 1:
        assert (maps[~absent] > 0).all()


def test_the_lower_the_temperature_the_harder_down_to_one_region_a_pixel() -> None:
    composer, given = awake(SMALL).double(), stack(SMALL).double()
    logits, hard = composer(given, temperature=0)
    assert torch.equal(hard.amax(1), torch.ones(3, 32, 32, dtype=torch.float64))
    assert torch.equal(hard.sum(1), hard.amax(1))
    assert torch.equal(hard.argmax(1), logits.argmax(1))
    entropies = []
    for temperature in (1.0, 0.7, 0.4, 0.2, 0.05, 1e-6):
        maps = composer(given, temperature=temperature).maps
        assert torch.equal(maps.argmax(1), hard.argmax(1))
        entropies.append(-torch.xlogy(maps, maps).sum(1))
    for softer, harder in itertools.pairwise(entropies):
        assert (harder <= softer + 1e-12).all()
        assert harder.mean() < softer.mean()
    first, second = logits.topk(2, dim=1).values.unbind(1)
    clear = first - second > 1e-4
    assert clear.double().mean() > 0.99
    torch.testing.assert_close(maps.amax(1)[clear], hard.amax(1)[clear], rtol=0, atol=1e-12)


def test_an_untrained_composition_keeps_to_the_stack_and_fills_its_holes() -> None:
    given = stack(SMALL)
    maps = Composer(SMALL)(given).maps
    taken = given.sum(1)
    assert (taken == 0).any()
    assert (taken > 1).any()
    assert ((maps * given).sum(1)[taken == 1]).min() > 0.5
    without = Composer(dataclasses.replace(SMALL, composer_prior=False))
    assert without.prior is None
    assert ((without(given).maps * given).sum(1)[taken == 1]).max() < 0.5


def test_an_untrained_noise_changes_little_and_a_trained_one_much() -> None:
    given, noise = stack(SMALL), torch.randn(3, 3)
    little, much = (
        (composer(given, noise).maps - composer(given).maps).abs().amax(dim=(1, 2, 3))
        for composer in (Composer(SMALL), awake(SMALL))
    )
    assert little.min() > 0
    assert little.max() < 5e-2
    assert much.min() > 1e-3
    assert much.max() > 5 * little.max()


def test_what_a_composer_cannot_do_is_refused() -> None:
    given = stack(SMALL)
    for temperature in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"temperature: got {temperature}, expected 0 to 1"):
            Composer(SMALL)(given, temperature=temperature)
    silent = Composer(dataclasses.replace(SMALL, composer_noise=0))
    with pytest.raises(ValueError, match=r"noise: got \(3, 3\), expected none"):
        silent(given, torch.randn(3, 3))


def test_up_to_the_fusion_each_region_sees_its_own_channel_only() -> None:
    composer, given = Composer(SMALL), stack(SMALL)
    before = composer.stem(given)
    for region in (0, 7, 18):
        other = given.clone()
        other[:, region] = torch.rand(3, 32, 32)
        changed = (composer.stem(other) - before).abs().amax(dim=(0, 2, 3)).view(SMALL.regions, SMALL.stem).amax(1)
        assert changed.nonzero().flatten().tolist() == [region]


def test_a_face_depends_on_its_own_row_only() -> None:
    for preset in (SMALL, dataclasses.replace(SMALL, layout="sean")):
        composer, made, encoder = awake(preset), renderer(preset).eval(), style_encoder(preset).eval()
        given, noise, images = stack(preset), torch.randn(3, 3), torch.rand(3, 3, 32, 32)

        def faces(rows: list[int]) -> Tensor:
            maps = composer(given[rows], noise[rows]).maps  # noqa: B023  called within the round
            found: Tensor = made(maps, encoder(images[rows], maps))  # noqa: B023
            return found

        together = faces([0, 1, 2])
        torch.testing.assert_close(faces([2, 0]), together[[2, 0]], atol=1e-5, rtol=1e-4)
        assert (together[0] - together[1]).abs().max() > 1e-3


def test_networks_keep_channels_last() -> None:
    order = torch.channels_last
    given = stack(SMALL).contiguous(memory_format=order)
    maps = Composer(SMALL).to(memory_format=order)(given).maps  # type: ignore[call-overload]
    assert maps.is_contiguous(memory_format=order)
    styles = torch.randn(3, 19, 6)
    for layout in ("modulated", "sean"):
        made = renderer(dataclasses.replace(SMALL, layout=layout)).to(memory_format=order)  # type: ignore[call-overload]
        assert made(maps, styles).is_contiguous(memory_format=order)


# ---------------------------------------------------------------------------------------------------------- gradients


def test_every_weight_of_tiny_learns() -> None:
    preset = PRESETS["tiny"]
    networks = {part: make(preset) for part, make in {**MAKERS, **JUDGES}.items()}
    maps = networks["composer"](stack(preset, 2), torch.randn(2, preset.composer_noise)).maps
    images = torch.rand(2, 3, 64, 64)
    faces = networks["renderer"](maps, networks["encoder"](images, stack(preset, 2)))
    judged = [*networks["image judge"](faces, maps), *networks["composition judge"](maps)]
    loss = (faces - images).square().mean() + sum(features[-1].square().mean() for features in judged)
    (loss + (maps * torch.rand_like(maps)).mean()).backward()
    for part, network in networks.items():
        for name, one in network.named_parameters():
            assert one.grad is not None, (part, name)
            assert torch.isfinite(one.grad).all(), (part, name)
            # An instance norm takes away what a bias before it adds.
            free = part == "renderer" and name.endswith("bias")
            assert free or one.grad.abs().max() > 0, (part, name)


# -------------------------------------------------------------------------------------------------- soft maps and hard


def hard_block(block: nn.Module, features: Tensor, region_of: Tensor, styles: Tensor) -> Tensor:
    """SEAN's residual block as published, of an independent norm."""

    def convolved(given: Tensor, layer: Any) -> Tensor:
        return functional.conv2d(given, layer.weight, layer.bias, padding=layer.kernel_size[0] // 2)

    parts: Any = block
    changed = features
    for norm, layer in ((parts.first_norm, parts.first), (parts.second_norm, parts.second)):
        changed = convolved(functional.leaky_relu(hard_sean(norm, changed, region_of, styles), 0.2), layer)
    if parts.shortcut is None:
        return features + changed
    return convolved(hard_sean(parts.shortcut_norm, features, region_of, styles), parts.shortcut) + changed


def hard_renderer(made: SeanRenderer, region_of: Tensor, styles: Tensor) -> Tensor:
    """SEAN's generator as published: labels in nearest sizes, codes painted onto pixels."""
    side = made.sides[0]
    smallest = functional.interpolate(region_of[:, None].double(), (side, side))[:, 0].long()
    features = made.start(functional.one_hot(smallest, REGIONS).permute(0, 3, 1, 2).double())
    for side, block in zip(made.sides, made.blocks, strict=True):
        while features.shape[-1] < side:
            features = features.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        features = hard_block(block, features, region_of, styles)
    pixels: Tensor = torch.tanh(made.last(functional.leaky_relu(features, 0.2)))
    return pixels / 2 + 0.5


def test_with_one_hot_maps_in_nearest_sizes_the_renderer_is_hard_sean() -> None:
    made = SeanRenderer(
        ((4, 8), (8, 8), (8, 6), (16, 4)), REGIONS, style=STYLE, hidden=9, norm="instance", resampling="nearest"
    ).double().eval()  # fmt: skip
    for name, one in made.named_parameters():
        if name.endswith("shares"):
            nn.init.normal_(one)
    # Blobs that do not lie on the grid of the smaller sides, so that area and nearest differ.
    region_of, styles = labels().roll((1, 3), dims=(1, 2)), torch.randn(2, REGIONS, STYLE, dtype=torch.float64)
    hard, maps = hard_renderer(made, region_of, styles), one_hot(region_of, REGIONS).double()
    torch.testing.assert_close(made(maps, styles), hard, rtol=0, atol=1e-12)
    made.resampling = "area"
    assert (made(maps, styles) - hard).abs().max() > 1e-3


def test_the_noise_of_the_paper_renderer_is_drawn_where_it_is_asked_for() -> None:
    made = renderer(dataclasses.replace(SMALL, layout="sean")).eval()
    for name, one in made.named_parameters():
        if name.endswith("noise_scale"):
            nn.init.ones_(one)
    maps, styles = blobs(2, 19, 32), torch.randn(2, 19, 6)
    plain = made(maps, styles)
    assert torch.equal(plain, made(maps, styles))
    drawn = [made(maps, styles, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert (drawn[0] - drawn[2]).abs().max() > 1e-3
    assert (drawn[0] - plain).abs().max() > 1e-3
