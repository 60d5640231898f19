"""The generator `spade`: its presets, its recipe, its crops, and the plugin between the bench and the networks."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench import weights
from bench.aligners.templates import DLIB150
from bench.api import FaceBatch, GradientGenerator
from bench.errors import CorruptFile, MissingFile, ShapeError
from bench.seeding import stream
from generators.crops import grow, shrink
from generators.nets.regions import one_hot
from generators.spade.networks import renderer, style_encoder
from generators.spade.plugin import Spade
from generators.spade.recipe import TRAINABLE, SpadeRecipe
from generators.spade.settings import PRESETS, SpadePreset, SpadeSettings, preset_of
from generators.training.batches import TrainingBatch
from generators.training.recipe import Frozen, Step
from generators.training.released import write_released

ROOT = Path(__file__).parents[1]
SMALL = SpadePreset(
    side=32, levels=((8, 12), (16, 8), (32, 4)), style=6, hidden=4, encoder_first=4, encoder_down=(6,),
    judge_widths=(4, 6), batch_size=4, perceptual=0,
)  # fmt: skip


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """On one thread: the networks here are so small that threads wait for each other 20 times as long as they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def small(tmp_path: Path) -> Spade:
    networks = {"encoder": style_encoder(SMALL), "renderer": renderer(SMALL)}
    write_released(tmp_path / "small.safetensors", networks, SMALL, {})
    return Spade(SpadeSettings(weights=str(tmp_path / "small.safetensors"), batch_size=2, threads=1))


def count_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def discs(count: int, seed: int = 0, side: int = 32) -> TrainingBatch:
    """Discs of one colour on a ground of another, labelled 1 on 0, with landmarks that dlib's chip can be cut by."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    labels = np.stack([(x - side / 2) ** 2 + (y - side / 2) ** 2 < rng.uniform(6, 13) ** 2 for _ in range(count)])
    colours = rng.random((count, 2, 3)).astype(np.float32)
    images = np.where(labels[..., None], colours[:, None, None, 0], colours[:, None, None, 1])
    landmarks = torch.rand(count, 68, 2) * side
    return TrainingBatch(
        images=torch.from_numpy(images).permute(0, 3, 1, 2),
        rows=torch.arange(count),
        masks=torch.from_numpy(labels.astype(np.uint8)),
        landmarks=landmarks,
    )


def one_step(
    recipe: SpadeRecipe, optimizers: dict[str, torch.optim.Optimizer], number: int, batch: TrainingBatch
) -> Any:
    """The terms of a step that was taken as the loop takes it."""
    step, terms = Step(number, batch, torch.Generator()), {}
    for phase in recipe.phases(number):
        for name, optimizer in optimizers.items():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.requires_grad_(name == phase)
        losses = recipe.losses(phase, step)
        optimizers[phase].zero_grad()
        losses.total.backward()
        optimizers[phase].step()
        terms.update(losses.terms)
    return SimpleNamespace(terms=terms, shared=step.shared)


# ----------------------------------------------------------------------------------------------------------- presets


@pytest.mark.parametrize("name", ["tiny", "base", "paper"])
def test_each_preset_builds_without_memory_and_has_the_size_that_its_docs_say(name: str) -> None:
    with torch.device("meta"):
        recipe = TRAINABLE.build(TRAINABLE.presets[name], Frozen())
    sizes = {part: f"{count_of(network):,}" for part, network in recipe.networks.items()}
    rows = re.findall(rf"^\| {name} \| (\d+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|", docs("spade.md"), re.M)
    assert rows == [(str(recipe.side), sizes["encoder"], sizes["renderer"], sizes["discriminator"])]


def test_the_tiny_and_the_base_preset_keep_to_what_is_released() -> None:
    for name in ("tiny", "base"):
        with torch.device("meta"):
            networks = style_encoder(PRESETS[name]), renderer(PRESETS[name])
        assert sum(map(count_of, networks)) <= 7_900_000


def test_the_paper_preset_has_spades_blocks() -> None:
    # Park et al., figure 4: 1024, 1024, 1024, 512, 256, 128, 64 channels; every norm has 128 hidden channels.
    with torch.device("meta"):
        blocks = renderer(PRESETS["paper"]).blocks
    assert [block.second.out_channels for block in blocks] == [1024, 1024, 1024, 512, 256, 128, 64]
    assert {tuple(block.first_norm.of_masks.weight.shape) for block in blocks} == {(128, 19, 3, 3)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"levels": ((8, 4), (32, 4))}, "levels: got sides"),
        ({"levels": ((8, 4), (16, 4))}, "the last 32"),
        ({"levels": ()}, "levels"),
        ({"norm": "layer"}, "norm: got 'layer', expected instance or batch"),
        ({"kernel": 2}, "kernel: got 2"),
        ({"teach_every": 0}, "teach_every: got 0"),
        ({"pixels": -1}, "pixels: got -1"),
        ({"ema_decay": 1.0}, "ema_decay: got 1.0"),
    ],
)
def test_a_preset_says_what_is_wrong_with_it(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(SMALL, **change)


@pytest.mark.parametrize("name", ["tiny", "base", "paper"])
def test_a_preset_survives_json(name: str) -> None:
    assert preset_of(json.loads(json.dumps(dataclasses.asdict(PRESETS[name])))) == PRESETS[name]


def test_the_settings_of_another_version_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="colour: got a setting that there is not"):
        preset_of(dataclasses.asdict(SMALL) | {"colour": 1})


# ------------------------------------------------------------------------------------------------------------ recipe


def test_a_start_gain_makes_every_convolution_small_and_leaves_style_projections_as_they_are() -> None:
    started = SpadeRecipe(dataclasses.replace(SMALL, start_gain=0.02, spectral=True), Frozen())
    weights = {name: one for network in started.networks.values() for name, one in network.named_parameters()}
    small = {name: one.abs().max().item() < 0.05 for name, one in weights.items() if one.ndim == 4}
    assert all(small.values())
    assert started.renderer.start_style.weight.std().item() > 1
    assert PRESETS["paper"].start_gain == 0.02
    # What spectral norm divides by was found again: no untrained pass explodes.
    started.discriminator.eval()
    with torch.no_grad():
        judged = started.discriminator(torch.rand(1, 3, 32, 32), torch.rand(1, 19, 32, 32).softmax(1))
        layer = started.discriminator.scales[0].layers[1]
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.2)
    assert max(one.abs().max().item() for one in judged[0]) < 1


def test_whole_numbers_among_the_betas_do() -> None:
    recipe = SpadeRecipe(dataclasses.replace(SMALL, betas=(0, 0.9)), Frozen())
    assert {one.param_groups[0]["betas"] for one in recipe.optimizers().values()} == {(0.0, 0.9)}


@pytest.mark.full
def test_it_learns_to_paint_each_region_in_the_colour_of_its_style() -> None:
    wide = {
        "levels": ((8, 32), (16, 32), (32, 16)),
        "style": 32,
        "hidden": 32,
        "encoder_first": 16,
        "encoder_down": (32,),
    }
    recipe = SpadeRecipe(dataclasses.replace(SMALL, rates=(3e-3, 1e-3), **wide), Frozen())  # type: ignore[arg-type]
    optimizers = dict(recipe.optimizers())
    first = one_step(recipe, optimizers, 0, discs(8)).terms["pixels"].item()
    for number in range(1, 200):
        last = one_step(recipe, optimizers, number, discs(8, seed=number)).terms["pixels"].item()
    assert last < first / 2
    unseen = discs(8, seed=1000)
    masks = one_hot(unseen.masks)
    codes = recipe.encoder(unseen.images, masks)
    swapped = recipe.renderer(masks, codes.roll(1, dims=0))
    found, own = (images[:, :, 14:18, 14:18].mean((2, 3)) for images in (swapped, unseen.images))
    to_whose_style_it_is, to_whose_mask_it_is = (found - own.roll(1, dims=0)).abs().mean(), (found - own).abs().mean()
    assert to_whose_style_it_is < to_whose_mask_it_is / 2


def test_a_face_is_made_once_a_step_and_the_discriminator_judges_that_very_one() -> None:
    recipe = SpadeRecipe(SMALL, Frozen())
    made: list[Tensor] = []
    recipe.renderer.register_forward_hook(lambda _module, _given, found: made.append(found))
    done = one_step(recipe, dict(recipe.optimizers()), 0, discs(4))
    assert len(made) == 1
    assert torch.equal(done.shared["made"], made[0])
    assert not done.shared["made"].requires_grad
    assert set(done.terms) == {"pixels", "adversarial", "discriminator"}


def test_each_phase_teaches_its_own_networks_only() -> None:
    recipe, batch = SpadeRecipe(SMALL, Frozen()), discs(4)
    optimizers = dict(recipe.optimizers())
    owned = {name: [p for group in one.param_groups for p in group["params"]] for name, one in optimizers.items()}
    networks = [parameter for network in recipe.networks.values() for parameter in network.parameters()]
    assert sorted(id(one) for parameters in owned.values() for one in parameters) == sorted(map(id, networks))
    before = {name: [p.detach().clone() for p in parameters] for name, parameters in owned.items()}
    one_step(recipe, optimizers, 0, batch)
    for name, parameters in owned.items():
        moved = [not torch.equal(old, new) for old, new in zip(before[name], parameters, strict=True)]
        # A bias before a norm is taken away by it, and an absent region's style reaches nothing.
        assert sum(moved) > len(moved) * 0.8


class Teacher:
    """Counts what it is asked, and remembers the chips that it saw."""

    comparison, template = "neg_l2", DLIB150

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def features(self, chips: Tensor) -> tuple[Tensor, ...]:
        self.seen.append(chips)
        return (chips, chips.mean((2, 3)))

    def embed_tensor(self, chips: Tensor) -> Tensor:
        self.seen.append(chips)
        return chips.mean((2, 3))


def test_the_frozen_networks_are_asked_in_every_kth_step_only_about_the_same_chips() -> None:
    teacher = Teacher()
    preset = dataclasses.replace(SMALL, perceptual=1.0, depths=(1.0, 1.0), identity=1.0, teach_every=3)
    recipe = SpadeRecipe(preset, Frozen(identity=teacher, perceptual=teacher.features))  # type: ignore[arg-type]
    assert recipe.wanted == {"masks", "landmarks"}
    optimizers, batch = dict(recipe.optimizers()), discs(4)
    asked = []
    for number in range(6):
        teacher.seen.clear()
        done = one_step(recipe, optimizers, number, batch)
        asked.append("identity" in done.terms and "perceptual" in done.terms)
        assert len(teacher.seen) == 4 * asked[-1]
    assert asked == [True, False, False, True, False, False]
    assert {tuple(chips.shape) for chips in teacher.seen} <= {(4, 3, 150, 150)}


def test_a_network_that_teaches_both_sees_one_tensor_of_the_photos_and_one_of_the_faces() -> None:
    teacher = Teacher()
    preset = dataclasses.replace(SMALL, perceptual=1.0, depths=(1.0, 1.0), identity=1.0)
    recipe = SpadeRecipe(preset, Frozen(identity=teacher, perceptual=teacher.features))  # type: ignore[arg-type]
    one_step(recipe, dict(recipe.optimizers()), 0, discs(4))
    assert len({id(chips) for chips in teacher.seen}) == 2


def test_samples_show_the_photo_its_reconstruction_and_its_mask_in_the_next_ones_style() -> None:
    recipe, batch = SpadeRecipe(SMALL, Frozen()), discs(3)
    with torch.no_grad():
        shown = recipe.samples(recipe.networks, batch)
        masks = one_hot(batch.masks)
        codes = recipe.encoder(batch.images, masks)
        swapped = recipe.renderer(masks[:1], codes[1:2])
    assert shown.shape == (3, 3, 3, 32, 32)
    assert torch.equal(shown[:, 0], batch.images)
    torch.testing.assert_close(shown[0, 2], swapped[0])


def test_the_training_path_needs_nothing_that_a_machine_with_a_pack_lacks() -> None:
    script = (
        "import sys\n"
        "for name in 'dlib cv2 insightface pydantic pandas pyarrow click scipy skimage sklearn onnxruntime'.split():\n"
        "    sys.modules[name] = None\n"
        "import generators.spade.recipe\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


# ------------------------------------------------------------------------------------------------------------- crops


def test_shrinking_averages_and_growing_brings_a_smooth_picture_back() -> None:
    ramp = torch.linspace(0.2, 0.8, 64).expand(1, 3, 64, 64)
    small = shrink(ramp, 16)
    torch.testing.assert_close(small[0, 0, 0, 0], ramp[0, 0, 0, :4].mean())
    torch.testing.assert_close(
        grow(small, 64)[..., 8:-8], ramp[..., 8:-8], atol=3e-3, rtol=0
    )  # torch's kernel bends a ramp
    assert shrink(ramp, 64) is ramp
    assert grow(ramp, 64) is ramp
    assert shrink(ramp, 48).shape[-1] == 48


def test_growing_never_leaves_the_range_of_pixels() -> None:
    edges = torch.zeros(1, 3, 8, 8)
    edges[..., 4:] = 1
    grown = grow(edges, 32)
    assert grown.min() == 0
    assert grown.max() == 1


def test_crops_do_not_shrink_upwards() -> None:
    with pytest.raises(ValueError, match="side: got 64 for pictures of side 32"):
        shrink(torch.zeros(1, 3, 32, 32), 64)
    with pytest.raises(ValueError, match="side: got 16 for pictures of side 32"):
        grow(torch.zeros(1, 3, 32, 32), 16)


# ------------------------------------------------------------------------------------------------------------ plugin


def face_batch(count: int) -> FaceBatch:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 19, (count, 8, 8)).astype(np.uint8).repeat(32, 1).repeat(32, 2)
    return FaceBatch(images=rng.random((count, 3, 256, 256), dtype=np.float32), masks=labels)


def test_generating_is_encoding_and_rendering(small: Spade) -> None:
    batch = face_batch(3)
    faces = small.generate(batch, stream(0, "any"))
    assert faces.shape == (3, 3, 256, 256)
    assert faces.dtype == np.float32
    assert 0 <= faces.min() < faces.max() <= 1
    assert isinstance(small, GradientGenerator)
    images = torch.from_numpy(batch.images)
    again = small.generate_tensor({"masks": torch.from_numpy(batch.masks), "images": images})
    torch.testing.assert_close(torch.from_numpy(faces), again, atol=1e-5, rtol=0)


def test_gradients_flow_to_every_condition_after_generating_too(small: Spade) -> None:
    batch = face_batch(2)
    small.generate(batch, stream(0, "any"))
    masks = small.masks(batch.masks).requires_grad_()
    images = torch.from_numpy(batch.images).requires_grad_()
    small.generate_tensor({"masks": masks, "images": images}).square().mean().backward()
    styles = small.encode(torch.from_numpy(batch.images), masks).detach().requires_grad_()
    small.generate_tensor({"masks": masks.detach(), "styles": styles}).square().mean().backward()
    for condition in (masks, images, styles):
        assert condition.grad is not None
        assert condition.grad.abs().max() > 0


def test_a_style_of_somebody_else_changes_the_face_and_an_absent_regions_style_does_not(small: Spade) -> None:
    batch = face_batch(2)
    batch.masks[batch.masks == 13] = 1
    masks = small.masks(batch.masks)
    styles = small.encode(torch.from_numpy(batch.images), masks)
    bald = styles.clone()
    bald[:, 13] = 1
    assert torch.equal(small.render(masks, styles), small.render(masks, bald))
    assert not torch.equal(small.render(masks, styles), small.render(masks, styles.roll(1, dims=0)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"masks": None}, "masks: got None"),
        ({"masks": np.zeros((2, 64, 64), np.uint8)}, "masks: got uint8"),
        ({"masks": np.full((2, 256, 256), 19, np.uint8)}, "masks: got the label 19, expected 0 to 18"),
        ({"images": np.zeros((2, 3, 64, 64), np.float32)}, "images: got float32"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(small: Spade, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        small.generate(dataclasses.replace(face_batch(2), **change), stream(0, "any"))


def test_conditions_that_do_not_fit_are_refused(small: Spade) -> None:
    masks = torch.zeros(1, 256, 256, dtype=torch.uint8)
    with pytest.raises(ShapeError, match="got the conditions masks; spade takes masks, and styles or images"):
        small.generate_tensor({"masks": masks})


def test_weights_that_are_not_there_or_not_its_own_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        Spade(SpadeSettings(weights=str(tmp_path / "none.safetensors")))
    write_released(tmp_path / "other.safetensors", {"encoder": nn.Linear(2, 2)}, {"width": 3}, {})
    with pytest.raises(CorruptFile, match="not weights of spade"):
        Spade(SpadeSettings(weights=str(tmp_path / "other.safetensors"))).generate(face_batch(1), stream(0, "any"))
    write_released(tmp_path / "torn.safetensors", {"encoder": style_encoder(SMALL)}, SMALL, {})
    with pytest.raises(CorruptFile, match="do not fit their own settings"):
        Spade(SpadeSettings(weights=str(tmp_path / "torn.safetensors"))).generate(face_batch(1), stream(0, "any"))


def test_the_released_weights_are_those_of_the_tiny_preset() -> None:
    spade = Spade(SpadeSettings())
    released = weights.released("spade_tiny.safetensors")
    assert dataclasses.asdict(spade.preset) | {"teach_every": 0} == dataclasses.asdict(PRESETS["tiny"]) | {
        "teach_every": 0
    }
    assert released.stat().st_size < 8_000_000
    card = released.with_suffix(".md").read_text()
    assert str(spade.fingerprint()["weights"]) in card


# ---------------------------------------------------------------------------------------------------------- the docs


def docs(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def test_every_excerpt_of_the_guide_stands_in_the_file_that_it_names() -> None:
    excerpt = r"^`([\w/.]+\.py)`:\n\n```(?:python|text)\n(.*?)```"
    excerpts = re.findall(excerpt, docs("adding_a_generator.md"), re.M | re.S)
    assert len(excerpts) >= 5
    for file, excerpt in excerpts:
        held = " ".join((ROOT / file).read_text().split())
        for piece in re.split(r"^\s*\.\.\.\s*$", excerpt, flags=re.M):
            assert " ".join(piece.split()) in held, f"{file} no longer says:\n{piece}"


def test_every_file_that_the_guide_links_is_there() -> None:
    for page in ("adding_a_generator.md", "spade.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", docs(page)):
            assert (ROOT / "docs" / link).exists(), link
