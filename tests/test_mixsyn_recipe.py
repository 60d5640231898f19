"""How `mixsyn` learns: who is mixed, what a composer loses, which networks change in which stage, ablations."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bench.aligners.templates import DLIB150
from bench.errors import ConfigError
from bench.seeding import stream
from generators.mixsyn.assignment import stacked
from generators.mixsyn.colours import coloured, palette
from generators.mixsyn.composing import blurred, dice_loss, jittered_regions, mean_entropy, variety_loss
from generators.mixsyn.mixtures import drawn_mixture, fixed_mixture, strangers
from generators.mixsyn.recipe import TRAINABLE, MixSynRecipe, roles_of, settings_of
from generators.mixsyn.settings import PRESETS, MixSynPreset
from generators.nets.regions import one_hot
from generators.spade.recipe import SpadeRecipe
from generators.spade.settings import SpadePreset
from generators.training.__main__ import main as module_main
from generators.training.batches import TrainingBatch
from generators.training.description import operations_of
from generators.training.loop import train
from generators.training.phases import collect_for, phases_of
from generators.training.recipe import Frozen, Step, Trainable
from generators.training.released import read_released
from tests.drawn_facades import write_folder

ROOT = Path(__file__).parents[1]
SMALL = MixSynPreset(
    side=32, levels=((8, 8), (16, 8), (32, 4)), style=6, hidden=4, encoder_first=4, encoder_down=(6,),
    judge_widths=(4, 6), batch_size=4, depths=(1.0, 1.0), teach_every=2,
    stem=2, composer=(8, 8), composer_groups=4, composer_noise=3, composer_judge_widths=(4, 6),
    compose_steps=2, render_steps=4, settle_steps=6, mixed_sources=(2, 3),
)  # fmt: skip
OF_MAKERS = {"encoder", "renderer", "composer"}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


class Parser:
    """Says what the brightness of a pixel says, and counts what it is asked."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def __call__(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        return images.mean(dim=1, keepdim=True) * torch.arange(19.0)[:, None, None]


def teachers(parser: Parser | None = None, view: Any = "chip") -> Frozen:
    return Frozen(
        perceptual=lambda images: (images, images.mean((2, 3))), perceptual_view=view, parser=parser or Parser()
    )


def faces(count: int, seed: int = 0, side: int = 32, apart: float = 1.0) -> TrainingBatch:
    """Round heads with hair, eyes, a mouth and a neck, each of a colour of its own; every two are one person.

    With 3 `apart`, an eighth of a mix's pixels is in no region and an eighth in several, about as with photos.
    """
    rng, height = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    y, x = (one / side for one in np.mgrid[:side, :side])
    maps, images = [], []
    for _ in range(count):
        labels = np.zeros((side, side), dtype=np.uint8)
        cx, cy, wide, high = 0.5 + rng.normal(0, 0.03 * apart), 0.5, *rng.uniform([0.24, 0.3], [0.32, 0.4])
        cy += (apart - 1) * height.normal(0, 0.03)

        def oval(label: int, at: tuple[float, float], size: tuple[float, float], into: Any = labels) -> None:
            into[((x - at[0]) / size[0]) ** 2 + ((y - at[1]) / size[1]) ** 2 < 1] = label

        oval(17, (cx, 0.95), (0.15, 0.25))
        oval(13, (cx, cy - 0.1), (wide + 0.1, high + 0.05))
        oval(1, (cx, cy), (wide, high))
        for label, turn in ((4, -1), (5, 1)):
            oval(label, (cx + turn * 0.11, cy - 0.08), (0.06, 0.045))
        oval(2, (cx, cy + 0.05), (0.05, 0.07))
        oval(11, (cx, cy + 0.2), (0.11, 0.05))
        maps.append(labels)
        images.append(rng.random((19, 3)).astype(np.float32)[labels])
    points = rng.random((68, 2))
    points[[45, 42, 36, 39, 33]] = np.array(DLIB150.targets["dlib5"]) / DLIB150.side
    return TrainingBatch(
        images=torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2),
        rows=torch.arange(count),
        masks=torch.from_numpy(np.stack(maps)),
        landmarks=torch.from_numpy(points * side).float().expand(count, -1, -1),
        subjects=torch.arange(count) // 2,
    )


def maps_of(batch: TrainingBatch) -> Tensor:
    assert batch.masks is not None
    return one_hot(batch.masks)


class Learning:
    """A recipe with its phases, as the loop drives them."""

    def __init__(self, preset: MixSynPreset = SMALL, frozen: Frozen | None = None, **changes: Any) -> None:
        self.parser = Parser()
        self.recipe = MixSynRecipe(dataclasses.replace(preset, **changes), frozen or teachers(self.parser))
        self.phases = phases_of(self.recipe)

    def step(self, number: int, batch: TrainingBatch) -> dict[str, float]:
        """Takes a step; the terms, and as ``phase: network`` which networks of it got a gradient, 1 for those."""
        step, found = Step(number, batch, torch.Generator().manual_seed(number)), {}
        for name in self.recipe.phases(number):
            phase = self.phases[name]
            collect_for(phase, self.phases.values())
            losses = self.recipe.losses(name, step)
            losses.total.backward()
            found |= {term: value.item() for term, value in losses.terms.items()} | {
                f"total {name}": losses.total.item()
            }
            for key, network in self.recipe.networks.items():
                if any(one.grad is not None for one in network.parameters()):
                    found[f"{name}: {key}"] = 1.0
            phase.optimizer.step()
            phase.optimizer.zero_grad(set_to_none=True)
        return found

    def changed(self, number: int, batch: TrainingBatch | None = None) -> set[str]:
        """The networks of which a step changes a weight."""
        before = {key: [one.detach().clone() for one in network.parameters()]
                  for key, network in self.recipe.networks.items()}  # fmt: skip
        self.step(number, batch or faces(4))
        after = {key: list(network.parameters()) for key, network in self.recipe.networks.items()}
        return {key for key in after if not all(map(torch.equal, before[key], after[key]))}


# ------------------------------------------------------------------------------------------------------- who is mixed


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=8), st.integers(1, 4), st.integers(0, 2**31))
def test_sources_are_different_people_first_and_different_faces_then(people: list[int], most: int, seed: int) -> None:
    subjects = torch.tensor(people)
    found = strangers(subjects, len(people), most, torch.Generator().manual_seed(seed))
    assert found[:, 0].tolist() == list(range(len(people)))
    for row in found.tolist():
        assert len(set(row)) == min(most, len(people))
        assert len({people[one] for one in row}) == min(most, len(set(people)))


def test_other_people_are_drawn_alike() -> None:
    subjects, draw = torch.tensor([0, 0, 1, 2]), torch.Generator().manual_seed(0)
    drawn = torch.cat([strangers(subjects, 1, 2, draw) for _ in range(3000)])[:, 1]
    torch.testing.assert_close(torch.bincount(drawn) / 3000, torch.tensor([0, 0, 0.5, 0.5]), atol=0.04, rtol=0)


def test_a_mixture_has_as_many_sources_as_the_preset_says_and_no_empty_stack() -> None:
    batch, draw = faces(8), torch.Generator().manual_seed(0)
    masks = maps_of(batch)
    counts = []
    for _ in range(60):
        shape = drawn_mixture(SMALL, masks, torch.arange(8), 4, draw).shape
        stack = stacked(masks.expand(4, *masks.shape), shape)
        assert stack.sum(1).amax() >= 1
        assert (shape[stack.amax((2, 3)) == 0] == -1).all()
        for row, one in enumerate(shape):
            counts.append(len(set(one[one >= 0].tolist())))
            assert row in one
    assert set(counts) == {2, 3}
    assert 0.3 < counts.count(2) / len(counts) < 0.7
    assert {len(set(one.tolist()) - {-1}) for one in drawn_mixture(SMALL, masks, None, 8, draw).shape} <= {2, 3}


def test_where_the_map_of_the_result_is_given_styles_alone_are_mixed() -> None:
    batch, draw = faces(6), torch.Generator().manual_seed(0)
    masks = maps_of(batch)
    given_map = dataclasses.replace(SMALL, compose=False, compose_steps=0)
    found = drawn_mixture(given_map, masks, batch.subjects, 3, draw)
    assert torch.equal(stacked(masks.expand(3, *masks.shape), found.shape), masks[:3])
    assert (found.style != torch.arange(3)[:, None]).any(dim=1).all()
    again = fixed_mixture(given_map, masks, torch.tensor([[0, 1, 2]]))
    assert torch.equal(stacked(masks.expand(1, *masks.shape), again.shape), masks[:1])


# --------------------------------------------------------------------------------------------------- composers' losses


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 0.3), st.floats(0, 0.5), st.integers(8, 24))
def test_jitter_keeps_maps_valid(seed: int, shift: float, scale: float, side: int) -> None:
    maps = maps_of(faces(2, seed % 100, side))
    draw = torch.Generator().manual_seed(seed)
    found = jittered_regions(maps, 0.5, shift, scale, draw)
    assert set(found.unique().tolist()) <= {0, 1}
    assert torch.equal(found.amax((2, 3)), maps.amax((2, 3)))
    assert torch.equal(jittered_regions(maps, 0.0, shift, scale, draw), maps)
    assert torch.equal(jittered_regions(maps, 1.0, 0.0, 0.0, draw), maps)


def test_jitter_moves_and_scales_each_region_about_its_own_middle() -> None:
    side = 64
    maps = torch.zeros(300, 2, side, side)
    maps[:, 0, 20:28, 40:52] = 1
    maps[:, 1, 40:48, 10:22] = 1
    found = jittered_regions(maps, 0.5, 1 / 16, 0.0, torch.Generator().manual_seed(0))
    rows, columns = found.amax(3).argmax(2), found.amax(2).argmax(2)
    moves = torch.stack([rows - torch.tensor([20, 40]), columns - torch.tensor([40, 10])])
    assert moves.abs().max() == 4
    assert 0.4 < (moves == 0).all(0).float().mean() < 0.65
    assert not torch.equal(moves[..., 0], moves[..., 1])
    assert torch.equal(found.sum((2, 3)), maps.sum((2, 3)))
    scaled = jittered_regions(maps, 1.0, 0.0, 0.25, torch.Generator().manual_seed(0))
    areas = scaled[:, 0].sum((1, 2)) / 96
    assert 0.5 < areas.min() < 0.7
    assert 1.3 < areas.max() < 1.7
    middles = (scaled[:, 0].sum(2) @ (torch.arange(side) + 0.5)) / scaled[:, 0].sum((1, 2))
    torch.testing.assert_close(middles, torch.full((300,), 24.0), atol=0.51, rtol=0)


def test_jitter_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scaled by half about its middle, what is 8 wide is 4 wide; beyond an edge is what is at the edge."""
    maps = torch.zeros(1, 1, 16, 16)
    maps[..., 4:12, 4:12] = 1

    expected = torch.zeros(1, 1, 16, 16)
    expected[..., 6:10, 6:10] = 1
    drawn = {"scale": [0.0, 0.0, 0.5, 0.5], "down": [0.0, 0.5, 1.0, 0.5]}
    monkeypatch.setattr(torch, "rand", lambda *size, **other: torch.tensor(drawn["scale"])[:, None, None])
    assert torch.equal(jittered_regions(maps, 1.0, 0.5, 0.5, torch.Generator()), expected)
    monkeypatch.setattr(torch, "rand", lambda *size, **other: torch.tensor(drawn["down"])[:, None, None])
    maps[..., :4, :] = maps[..., 4:8, :]
    moved = jittered_regions(maps, 1.0, 0.25, 0.5, torch.Generator())
    assert torch.equal(moved[..., 4:, :], maps[..., :-4, :])
    assert torch.equal(moved[..., :4, :], maps[..., :4, :])


def test_dice_is_nought_for_the_same_and_one_for_what_is_apart() -> None:
    hard = maps_of(faces(2))
    soft = torch.softmax(torch.randn(2, 19, 8, 8), dim=1)
    assert dice_loss(hard, hard).item() == 0
    assert dice_loss(soft, soft).item() == pytest.approx(0, abs=1e-6)
    left, right = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)
    left[:, 0, :2], right[:, 0, 2:] = 1, 1
    assert dice_loss(left, right).item() == 1
    half = torch.zeros(1, 2, 4, 4)
    half[:, 0, :1] = 1  # 2·4 / (8 + 4)
    assert dice_loss(half, left).item() == pytest.approx(1 - 2 / 3)


def test_entropy_in_nats() -> None:
    logits = torch.full((1, 4, 2, 2), -1e4)
    logits[:, :2] = 0
    logits.requires_grad_()
    found = mean_entropy(logits)
    found.backward()
    assert found.item() == pytest.approx(np.log(2))
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_variety_is_wanted_up_to_its_goal() -> None:
    logits = torch.zeros(2, 3, 4, 5)
    logits[:, 0] = 5
    others = logits.clone()
    others[1, :, 0, 0] = torch.tensor([0.0, 5.0, 0.0])  # one pixel of twenty changes hands in the second
    assert float(variety_loss(logits, logits, 0.1)) == 1
    assert float(variety_loss(logits, others, 0.1)) == pytest.approx((1 + 0.5) / 2)
    assert float(variety_loss(logits, others, 0.05)) == pytest.approx(0.5)
    assert float(variety_loss(logits, others, 0.01)) == pytest.approx(0.5)  # more than the goal is not rewarded
    # A composition that is softer and no other earns nothing.
    assert float(variety_loss(logits, logits / 5, 0.1)) == pytest.approx(1, abs=0.01)


def test_a_composer_learns_to_notice_its_noise() -> None:
    """Pixels change hands between two compositions of one mix; that they are softer would not do."""
    learned = []
    for weight in (0.0, 2.0):
        torch.manual_seed(1)
        preset = dataclasses.replace(SMALL, variety=weight, variety_goal=0.05, compose_steps=40, render_steps=40,
                                     settle_steps=40, teach_every=1, composition_adversarial=0.0,
                                     composer_rates=(2e-3, 1e-3))  # fmt: skip
        recipe = MixSynRecipe(preset, teachers())
        batch = faces(8)
        optimizer = recipe.optimizers()["generator"]
        for number in range(40):
            step = Step(number, batch, torch.Generator().manual_seed(number))
            optimizer.zero_grad()
            recipe.losses("generator", step).total.backward()
            optimizer.step()
        assert recipe.composer is not None
        masks = maps_of(batch)
        mixture = drawn_mixture(preset, masks, batch.subjects, 8, torch.Generator().manual_seed(0))
        stack = stacked(masks.expand(8, *masks.shape), mixture.shape)
        with torch.no_grad():
            first, second = (recipe.composer(stack, torch.randn(8, 3)).logits.argmax(1) for _ in range(2))
        learned.append((first != second).float().mean().item())
    assert learned[1] > 0.004
    assert learned[1] > 3 * learned[0]


def test_noise_is_of_mixed_faces_and_variety_of_half_of_them() -> None:
    learning = Learning(mixed=0.75)
    seen: list[tuple[Tensor, Tensor]] = []
    learning.recipe.networks["composer"].register_forward_pre_hook(lambda _, rows: seen.append(rows))
    for number, rows in ((0, [4, 2]), (1, [4]), (4, [4, 2])):
        seen.clear()
        learning.step(number, faces(4))
        assert [len(stack) for stack, _ in seen] == rows
        own = seen[0][1][3:]
        assert torch.equal(own, torch.zeros(1, SMALL.composer_noise))
        assert all((noise[:2] != 0).all() for _, noise in seen)
    (stack, noise), (alike, other) = seen
    assert torch.equal(alike, stack[:2])
    assert not torch.equal(other, noise[:2])


def test_blurred_maps_stay_maps_and_spread_as_a_gaussian_does() -> None:
    maps = maps_of(faces(3))
    soft = blurred(maps, 1.5)
    torch.testing.assert_close(soft.sum(1), torch.ones(3, 32, 32))
    assert soft.min() >= 0
    assert (soft.amax(1) < 0.9).float().mean() > 0.1
    assert blurred(maps, 0.0) is maps
    point = torch.zeros(1, 1, 33, 33)
    point[..., 16, 16] = 1
    across = blurred(point, 2.0).sum((1, 2))[0]
    around = torch.arange(33) - 16.0
    assert (across @ around**2).sqrt().item() == pytest.approx(2.0, rel=0.02)


# -------------------------------------------------------------------------------------------------------------- stages


def test_stages_begin_where_the_preset_says_and_each_changes_its_own_networks() -> None:
    learning = Learning()
    recipe = learning.recipe
    assert [recipe.stage(number) for number in range(7)] == [1, 1, 2, 2, 3, 3, 3]
    assert recipe.phases(1) == ("generator", "composition_discriminator")
    assert recipe.phases(2) == ("generator", "discriminator")
    assert recipe.phases(4) == ("generator", "discriminator", "composition_discriminator")
    assert learning.changed(0) == {"composer", "composition_discriminator"}
    assert learning.changed(2) == {"encoder", "renderer", "discriminator"}
    assert learning.changed(4) == {*OF_MAKERS, "discriminator", "composition_discriminator"}
    assert recipe.averaged == OF_MAKERS
    first, second = learning.phases["generator"].optimizer.param_groups
    assert (first["lr"], second["lr"]) == (SMALL.rates[0], SMALL.composer_rates[0])
    judging = [learning.phases[name].learning_rate() for name in ("discriminator", "composition_discriminator")]
    assert judging == [SMALL.rates[1], SMALL.composer_rates[1]]


def test_terms_of_each_stage_and_their_weights() -> None:
    learning = Learning(matching=1.5)
    composing = {"own_labels", "keep_shape", "entropy", "variety", "composition_adversarial"}
    found = learning.step(0, faces(4))
    weights = dataclasses.asdict(learning.recipe.preset)
    said = {name for name in found if ":" not in name and "total" not in name} - {"composition_discriminator"}
    assert said == composing
    assert found["total generator"] == pytest.approx(sum(weights[name] * found[name] for name in composing), rel=1e-4)
    rebuilding = {"pixels", "adversarial", "matching", "perceptual"}
    assert rebuilding <= set(learning.step(2, faces(4)))
    found = learning.step(4, faces(4))
    half = {"pixels", "matching", "perceptual", "style_again", "parsed"}
    whole = composing | {"adversarial"}
    assert half | whole <= set(found)
    expected = sum(weights[name] * found[name] * (0.5 if name in half else 1) for name in half | whole)
    assert found["total generator"] == pytest.approx(expected, rel=1e-4)
    assert not {"perceptual", "parsed"} & set(learning.step(5, faces(4)))
    assert [len(one) for one in learning.parser.seen] == [2]


def test_the_second_stage_is_spades_step() -> None:
    """The same networks, the same batch: the same losses and weights."""
    shared = {one.name: getattr(SMALL, one.name) for one in dataclasses.fields(SpadePreset) if hasattr(SMALL, one.name)}
    spade = SpadeRecipe(SpadePreset(**shared), teachers())
    mixsyn = Learning()
    for name, network in spade.networks.items():
        network.load_state_dict(mixsyn.recipe.networks[name].state_dict())
    phases = phases_of(spade)
    found = mixsyn.step(2, faces(4))
    step = Step(2, faces(4), torch.Generator())
    for name in spade.phases(2):
        collect_for(phases[name], phases.values())
        losses = spade.losses(name, step)
        losses.total.backward()
        phases[name].optimizer.step()
        phases[name].optimizer.zero_grad(set_to_none=True)
        assert all(found[key] == value.item() for key, value in losses.terms.items())
    for name, network in spade.networks.items():
        assert all(torch.equal(*pair) for pair in zip(network.parameters(), mixsyn.recipe.networks[name].parameters(),
                                                      strict=True)), name  # fmt: skip


def composer_learns_from_rendering(number: int, **changes: Any) -> bool:
    """Whether the composer gets any gradient of the renderer's losses alone."""
    none = dict.fromkeys(("own_labels", "keep_shape", "entropy", "variety"), 0.0)
    learning = Learning(**none, composition_adversarial=0.0, **changes)
    before = [one.detach().clone() for one in learning.recipe.networks["composer"].parameters()]
    learning.step(number, faces(4))
    after = learning.recipe.networks["composer"].parameters()
    return any(not torch.equal(*pair) for pair in zip(before, after, strict=True))


def test_the_renderers_losses_reach_the_composer_when_it_has_settled_and_only_where_maps_are_fuzzy() -> None:
    assert not composer_learns_from_rendering(4)
    assert composer_learns_from_rendering(6)
    assert not composer_learns_from_rendering(6, fuzzy=False)


def test_the_renderer_gets_what_the_preset_says() -> None:
    for fuzzy in (True, False):
        learning = Learning(fuzzy=fuzzy)
        given: list[Tensor] = []
        learning.recipe.renderer.register_forward_pre_hook(lambda _, rows, given=given: given.append(rows[0].detach()))
        learning.step(4, faces(4))
        (maps,) = given
        torch.testing.assert_close(maps.sum(1), torch.ones(4, 32, 32))
        assert (set(maps.unique().tolist()) <= {0, 1}) is not fuzzy


def maps_that_judges_see(learning: Learning, number: int, batch: TrainingBatch) -> dict[str, Tensor]:
    """Judge to the maps of its own phase, the real ones first."""
    seen: dict[str, Tensor] = {}
    for name in {"discriminator", "composition_discriminator"} & set(learning.recipe.networks):
        learning.recipe.networks[name].register_forward_pre_hook(
            lambda _, rows, name=name: seen.__setitem__(name, rows[-1].detach())  # the last call is its own phase's
        )
    learning.step(number, batch)
    return seen


def test_judges_see_as_soft_real_maps_as_made_ones() -> None:
    batch = faces(4)
    seen = maps_that_judges_see(Learning(), 4, batch)
    beside, compositions = seen["discriminator"], seen["composition_discriminator"]
    assert len(beside) == 2 + 4
    # The first two are of photos: what the composer makes of their own regions, as the made faces behind have it.
    assert torch.equal(beside[:2], beside[4:])
    assert beside[:2].amax(1).min() < 1
    assert len(compositions) == 2 + 2
    torch.testing.assert_close(compositions[:2], blurred(maps_of(batch)[2:], SMALL.blur))


def test_no_softness_tells_the_judge_of_images_who_is_mixed() -> None:
    """The mean largest share of a pixel is about that of a mix, for photos as for faces that are themselves."""
    batch = faces(32, apart=3)
    beside = maps_that_judges_see(Learning(batch_size=32), 4, batch)["discriminator"]
    photos, mixed, own = (one.amax(1).mean().item() for one in beside.split(16))
    assert photos == own
    assert own == pytest.approx(mixed, abs=0.04)
    with torch.no_grad():
        clean = Learning().recipe.networks["composer"](maps_of(batch)).maps.amax(1).mean().item()
    assert clean > mixed + 0.06  # what maps of faces as they are would give away


def test_in_every_second_step_the_judge_of_images_sees_no_maps() -> None:
    batch = faces(4)
    for number, some in ((4, True), (5, False), (6, True), (7, False)):
        assert bool(maps_that_judges_see(Learning(), number, batch)["discriminator"].any()) is some
    # In stage 2 it always does, and where maps are given nothing is to hide.
    assert maps_that_judges_see(Learning(), 3, batch)["discriminator"].any()
    given_map = Learning(compose=False, compose_steps=0)
    assert torch.equal(maps_that_judges_see(given_map, 5, batch)["discriminator"], maps_of(batch).repeat(2, 1, 1, 1))


def test_faces_that_are_themselves_are_made_of_their_own_jittered_regions() -> None:
    """And they are compared with their photos; without jitter they are those of a face's regions as they are."""
    batch, given = faces(4), []
    learning = Learning(jittered=0.0, jitter_shift=0.2)
    learning.recipe.renderer.register_forward_pre_hook(lambda _, rows: given.append(rows[0].detach()))
    with torch.no_grad():
        composed = learning.recipe.networks["composer"](maps_of(batch)[2:]).maps
    learning.step(4, batch)
    torch.testing.assert_close(given[0][2:], composed)
    jittered = Learning(jittered=1.0, jitter_shift=0.2)
    jittered.recipe.renderer.register_forward_pre_hook(lambda _, rows: given.append(rows[0].detach()))
    jittered.step(4, batch)
    assert (given[1][2:] - composed).abs().amax((1, 2, 3)).min() > 0.3


def test_the_encoder_that_looks_again_does_not_learn_from_it() -> None:
    """What a mixed face loses reaches its pixels, and maps, and no weight of the encoder that measures them."""
    recipe, batch = Learning().recipe, faces(4)
    maps, made = maps_of(batch)[:2].requires_grad_(), batch.images[:2].clone().requires_grad_()
    goals = torch.rand(2, 19, SMALL.style)
    term = recipe._mixed_terms(Step(5, batch, torch.Generator()), made, maps, goals)["style_again"]
    again = recipe.encoder(made, maps)
    there = (maps.detach().sum((2, 3)) >= 1).float()
    torch.testing.assert_close(term, ((again - goals).abs().mean(2) * there).sum() / there.sum())
    term.backward()
    assert all(one.grad is None for one in recipe.encoder.parameters())
    for one in (made, maps):
        assert one.grad is not None
        assert one.grad.any()


def test_a_start_gain_is_of_all_networks_but_the_composer() -> None:
    recipe = MixSynRecipe(dataclasses.replace(SMALL, start_gain=0.02), teachers())
    for name, network in recipe.networks.items():
        small = {one.abs().max().item() < 0.05 for one in network.parameters() if one.ndim == 4}
        assert small == {True} if name != "composer" else False in small, name


def test_one_face_at_least_is_itself() -> None:
    assert [Learning(mixed=1.0).recipe._mixed(count) for count in (1, 2, 4)] == [0, 1, 3]
    assert set(Learning(mixed=1.0).step(4, faces(2))) >= {"pixels", "own_labels", "style_again"}


# ----------------------------------------------------------------------------------------------------------- ablations


def test_without_a_judge_of_compositions() -> None:
    learning = Learning(composition_adversarial=0.0)
    assert "composition_discriminator" not in learning.recipe.networks
    assert learning.recipe.phases(0) == ("generator",)
    assert learning.recipe.phases(4) == ("generator", "discriminator")
    assert "composition_adversarial" not in learning.step(0, faces(4))


def test_without_mixed_faces() -> None:
    learning = Learning(mixed=0.0)
    assert learning.recipe.wanted == {"masks", "landmarks"}
    batch = dataclasses.replace(faces(4), subjects=None)
    assert set(learning.step(0, batch)) == {"own_labels", "total generator", "generator: composer"}
    found = learning.step(4, batch)
    assert not {"style_again", "parsed", "keep_shape", "composition_adversarial"} & set(found)
    assert {"own_labels", "pixels", "adversarial", "perceptual"} <= set(found)
    assert not learning.parser.seen


def test_without_a_composer_styles_are_mixed_on_given_maps() -> None:
    learning = Learning(compose=False, compose_steps=0, composition_adversarial=1.0)
    assert set(learning.recipe.networks) == {"encoder", "renderer", "discriminator"}
    assert [learning.recipe.stage(number) for number in (0, 4)] == [2, 3]
    given: list[tuple[Tensor, ...]] = []
    learning.recipe.renderer.register_forward_pre_hook(lambda _, rows: given.append(rows))
    batch = faces(4)
    found = learning.step(4, batch)
    assert {"pixels", "adversarial", "style_again", "parsed"} <= set(found)
    assert not {"own_labels", "keep_shape"} & set(found)
    maps, styles = given[0]
    assert torch.equal(maps, maps_of(batch))
    own = learning.recipe.encoder(batch.images, maps)
    assert styles.shape == own.shape


def test_a_parser_of_faces_does_not_teach_other_classes() -> None:
    other = dict(regions=2, classes=("wall", "window"), parts=(("wall", (0,)), ("window", (1,))))
    with pytest.raises(ConfigError, match=r"parsed: got 1 .* --set parsed=0"):
        Learning(**other)
    assert not Learning(**other, parsed=0.0).recipe.parses


def test_roles_and_settings() -> None:
    assert roles_of(SMALL) == {"perceptual", "parser"}
    assert roles_of(dataclasses.replace(SMALL, mixed=0.0, perceptual=0.0)) == set()
    assert TRAINABLE.needs == {"perceptual", "parser"}
    assert settings_of({"mixed": 0.25}, "a.yaml") == {"mixed": 0.25}
    found = settings_of({"name": "two", "classes": ["wall", "window"], "compose": False}, "a.yaml")
    assert (found["regions"], found["compose_steps"]) == (2, 0)
    assert found["parts"] == (("wall", (0,)), ("window", (1,)))
    assert MixSynRecipe(dataclasses.replace(SMALL, parsed=0.0, perceptual=0.0, **found), Frozen()).wanted == {
        "masks", "subjects",
    }  # fmt: skip
    assert "landmarks" not in MixSynRecipe(SMALL, teachers(view="crop")).wanted


# ------------------------------------------------------------------------------------------------- samples, operations


def test_samples_show_photo_reconstruction_sources_composition_and_mix() -> None:
    learning = Learning()
    recipe, batch = learning.recipe, faces(5)
    for network in recipe.networks.values():
        network.eval()
    with torch.no_grad():
        shown = recipe.samples(recipe.networks, batch)
        assert torch.equal(recipe.samples(recipe.networks, batch), shown)
    assert shown.shape == (5, 6, 3, 32, 32)
    assert torch.equal(shown[:, 0], batch.images)
    assert torch.equal(shown[:, 2], batch.images.roll(-1, 0))
    assert torch.equal(shown[:, 3], batch.images.roll(-2, 0))
    assert shown.min() >= 0
    assert shown.max() <= 1
    given_map = Learning(compose=False, compose_steps=0).recipe
    with torch.no_grad():
        pictures = given_map.samples(given_map.networks, batch)
    assert torch.equal(pictures[:, 4], coloured(maps_of(batch)))


def test_a_palette_tells_regions_apart() -> None:
    for regions in (2, 12, 19):
        colours = torch.tensor(palette(regions))
        assert torch.pdist(colours).min() > 0.1
    batch = faces(1)
    assert batch.masks is not None
    picture = coloured(maps_of(batch))
    torch.testing.assert_close(picture[0].permute(1, 2, 0), torch.tensor(palette(19))[batch.masks[0].long()])


def test_every_networks_operations_can_be_counted() -> None:
    costs, why = operations_of(TRAINABLE, dataclasses.replace(SMALL, depths=(1.0,) * 5))
    assert why == ""
    assert set(costs) == {*OF_MAKERS, "discriminator", "composition_discriminator"}
    assert min(costs.values()) > 0


def test_the_trainable_builds_every_preset() -> None:
    assert set(TRAINABLE.presets) == set(PRESETS)
    for preset in PRESETS.values():
        with torch.device("meta"):
            recipe = MixSynRecipe(preset, Frozen())
        phases_of(recipe)


# ------------------------------------------------------------------------------------------------------------ learning


def test_a_composer_learns_one_batch_by_heart() -> None:
    learning = Learning(composer_rates=(5e-3, 1e-3), compose_steps=200, render_steps=200, settle_steps=200,
                        composer_prior=False, mixed=0.0, jitter_shift=1 / 32, jitter_scale=0.1)  # fmt: skip
    batch = faces(4)
    found = [learning.step(number, batch)["own_labels"] for number in range(80)]
    assert np.mean(found[-5:]) < 0.25 * np.mean(found[:3])
    with torch.no_grad():
        maps = learning.recipe.networks["composer"](maps_of(batch)).maps
    assert batch.masks is not None
    assert (maps.argmax(1) == batch.masks).float().mean() > 0.9


MIXING: dict[str, Any] = dict(compose_steps=0, render_steps=0, settle_steps=10**6, rates=(3e-3, 1e-3), adversarial=0.0,
                              perceptual=0.0, pixels=1.0, teach_every=1)  # fmt: skip


def test_a_mixed_face_learns_to_show_its_styles_and_codes_stay_apart() -> None:
    """Codes come again, as far as they lie apart; and not because those of all faces come near each other."""
    learning, batch = Learning(**MIXING, style_again=5.0, parsed=0.0), faces(4)

    def spread() -> float:
        masks = maps_of(batch)
        with torch.no_grad():
            codes = learning.recipe.encoder(batch.images, masks)
        shown = (masks.amax((2, 3)) > 0).all(dim=0)
        return float(codes[:, shown].std(dim=0).mean())

    before = spread()
    found = [learning.step(number, batch)["style_again"] for number in range(40)]
    after = spread()
    assert after > 1.5 * before
    assert np.mean(found[-5:]) / after < 0.8 * np.mean(found[:5]) / before


def test_a_mixed_face_learns_to_show_its_regions() -> None:
    learning, batch = Learning(**MIXING, style_again=0.0, parsed=5.0), faces(4)
    found = [learning.step(number, batch)["parsed"] for number in range(40)]
    assert np.mean(found[-5:]) < 0.9 * np.mean(found[:5])


# --------------------------------------------------------------------------------------------------------------- a run


class FaceSource:
    """Faces that follow from the seed and the step."""

    def __init__(self, data: Path, recipe: Any, seed: int) -> None:
        self.recipe, self.seed = recipe, seed

    def batch(self, number: int, device: torch.device) -> TrainingBatch:
        return faces(self.recipe.batch_size, int(stream(self.seed, str(number)).integers(2**31)))

    def fixed(self, count: int, device: torch.device) -> TrainingBatch:
        return faces(count, 1)

    def close(self) -> None:
        pass

    def describe(self) -> Mapping[str, Any]:
        return {"digest": "faces", "faces": 0}


def test_a_run_stopped_within_and_between_stages_is_the_run_that_never_stopped(tmp_path: Path) -> None:
    toy = Trainable(presets={}, build=MixSynRecipe, source=FaceSource)  # type: ignore[arg-type]

    def run(out: Path, steps: int) -> bytes:
        train(
            toy, SMALL, Path("/nowhere"), out, frozen=teachers(), device="cpu", threads=1, tick_steps=2,
            sample_seconds=0, seed=3, name="generator/mixsyn", max_steps=steps,
        )  # fmt: skip
        return (out / "checkpoints" / f"step-{steps:09d}" / "state.safetensors").read_bytes()

    for steps in (1, 2, 4, 5):
        run(tmp_path / "stopped", steps)
    assert run(tmp_path / "stopped", 7) == run(tmp_path / "whole", 7)


def test_facades_learn_from_the_command_line_with_their_label_set(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "facades", count=4, side=32)
    sizes = {"side": 32, "levels": [[8, 8], [16, 8], [32, 4]], "style": 6, "hidden": 4, "encoder_first": 4,
             "encoder_down": [6], "judge_widths": [4, 6], "render_steps": 1, "settle_steps": 1}  # fmt: skip
    changes = [f"--set={name}={json.dumps(value)}" for name, value in sizes.items()]
    out = tmp_path / "out"
    code = module_main(
        ["mixsyn", "--preset", "tiny", "--data", str(folder), "--settings", str(folder / "labels.yaml"), "--out",
         str(out), "--batch-size", "4", "--max-steps", "3", "--tick-steps", "1", "--device", "cpu", "--threads", "1",
         "--release", str(tmp_path / "facades.safetensors"), *changes],
    )  # fmt: skip
    assert code == 0
    settings, networks = read_released(tmp_path / "facades.safetensors")
    assert (settings["regions"], settings["compose"], settings["compose_steps"]) == (12, False, 0)
    assert set(networks) == {"encoder", "renderer"}
    lines = [json.loads(line)["losses"]["generator"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert ["style_again" in line for line in lines] == [False, True, True]
    assert list((out / "samples").glob("*.png"))
    assert json.loads((out / "run_card.json").read_text())["frozen"] == {}


def test_the_training_path_needs_nothing_that_a_machine_with_a_pack_lacks() -> None:
    script = (
        "import sys\n"
        "for name in 'dlib cv2 insightface pydantic pandas pyarrow click scipy skimage sklearn onnxruntime yaml"
        " platformdirs'.split():\n"
        "    sys.modules[name] = None\n"
        "import generators.mixsyn.recipe\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
