"""How `sis` learns: who is shown, what is weighed how, one pass of the frozen network, noise, and a killed run."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.aligners.templates import DLIB150
from bench.api import Template
from bench.errors import ConfigError
from bench.seeding import stream
from generators.sis.recipe import TRAINABLE, SisRecipe
from generators.sis.settings import PRESETS, SisPreset
from generators.sis.swapping import someone_else, whom_to_show
from generators.training.batches import TrainingBatch
from generators.training.chips import chip, similarity_of
from generators.training.jitter import jittered, mirrored_points_where, mirrored_where
from generators.training.loop import train
from generators.training.recipe import Frozen, Step, Trainable

ROOT = Path(__file__).parents[1]
SMALL = SisPreset(
    side=32, layout="modulated", levels=((8, 8), (16, 8), (32, 4)), attention=((8, 2, 4), (16, 2, 4)),
    identity_in_norms=True, groups=4,
    style=6, hidden=4, encoder_first=4, encoder_down=(6,), identity=3, judge_widths=(4, 6), batch_size=4,
    perceptual=2.0, depths=(1.0, 1.0), mixed=0.0, jitter=0.0, mirror=False,
)  # fmt: skip
EMBEDDED = dataclasses.replace(
    SMALL, layout="embedded", identity_in_norms=False,
    levels=((8, 8), (16, 4), (32, 4)), self_attention=(8,), groups=2, start=8, mask_side=16,
    embedded_side=8, identity_norm="unit", mixed=0.5, jitter=0.1, mirror=True, matching=1.0,
)  # fmt: skip


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """On one thread: the networks here are so small that threads wait for each other 20 times as long as they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


class Teacher:
    """A recognizer to which a face is its mean colour; counts what it is asked, and remembers what it saw."""

    comparison = "neg_l2"
    template: Template = DLIB150

    def __init__(self) -> None:
        self.seen: list[Tensor] = []
        self.embedded: list[Tensor] = []

    def fingerprint(self) -> Mapping[str, Any]:
        return {"name": "colour"}

    def features(self, chips: Tensor) -> tuple[Tensor, ...]:
        self.seen.append(chips)
        return chips, chips.mean((2, 3))

    def embed_tensor(self, chips: Tensor) -> Tensor:
        self.embedded.append(chips)
        third = chips.shape[-1] // 3
        return chips[:, :, third : 2 * third, third : 2 * third].mean((2, 3))

    def frozen(self) -> Frozen:
        return Frozen(identity=self, perceptual=self.features)  # type: ignore[arg-type]


def discs(count: int, seed: int = 0, side: int = 32) -> TrainingBatch:
    """Discs of one colour, which is their identity, on a ground of another; every two are one person."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    labels = np.stack(
        [(x - side / 2) ** 2 + (y - side / 2) ** 2 < (rng.uniform(0.25, 0.4) * side) ** 2 for _ in range(count)]
    )
    colours = rng.random((count, 2, 3)).astype(np.float32)
    images = np.where(labels[..., None], colours[:, None, None, 0], colours[:, None, None, 1])
    points = rng.random((68, 2))
    points[[45, 42, 36, 39, 33]] = np.array(DLIB150.targets["dlib5"]) / DLIB150.side
    return TrainingBatch(
        images=torch.from_numpy(images).permute(0, 3, 1, 2),
        rows=torch.arange(count),
        masks=torch.from_numpy(labels.astype(np.uint8)),
        landmarks=torch.from_numpy(points * side).float().expand(count, -1, -1),
        identity=torch.from_numpy(colours[:, 0]),
        subjects=torch.arange(count) // 2,
    )


def one_step(
    recipe: SisRecipe, optimizers: Mapping[str, torch.optim.Optimizer], number: int, batch: TrainingBatch
) -> dict[str, Tensor]:
    """The terms of a step that was taken as the loop takes it."""
    step, terms = Step(number, batch, torch.Generator().manual_seed(number)), {}
    for phase in recipe.phases(number):
        for name, optimizer in optimizers.items():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.requires_grad_(name == phase)
        losses = recipe.losses(phase, step)
        optimizers[phase].zero_grad()
        losses.total.backward()
        optimizers[phase].step()
        terms.update({**losses.terms, f"total {phase}": losses.total.detach()})
    return terms


def changed(preset: SisPreset = SMALL, **changes: Any) -> tuple[SisRecipe, Teacher]:
    teacher = Teacher()
    return SisRecipe(dataclasses.replace(preset, **changes), teacher.frozen()), teacher


# ---------------------------------------------------------------------------------------------------- whom to show


def test_somebody_else_is_never_oneself_and_everybody_else_alike() -> None:
    subjects, draw = torch.tensor([0, 0, 1, 2, 2, 2]), torch.Generator().manual_seed(0)
    drawn = torch.stack([someone_else(subjects, draw) for _ in range(4000)])
    assert not (subjects[drawn] == subjects).any()
    shares = torch.stack([(drawn == one).float().mean(0) for one in range(6)], dim=1)
    for row, of in enumerate(subjects):
        torch.testing.assert_close(shares[row], (subjects != of) / (subjects != of).sum(), atol=0.04, rtol=0)
    assert someone_else(torch.zeros(3, dtype=torch.int64), draw).tolist() == [0, 1, 2]


def test_the_first_of_the_batch_are_given_another_persons_identity() -> None:
    batch, draw = discs(8), torch.Generator().manual_seed(0)
    identity, swapped = whom_to_show(batch, draw, SMALL, 0.5)
    assert identity is not None
    assert batch.identity is not None
    assert batch.subjects is not None
    assert swapped == 4
    assert torch.equal(identity[4:], batch.identity[4:])
    whose = (identity[:4, None] == batch.identity[None]).all(2).int().argmax(1)
    assert not (batch.subjects[whose] == batch.subjects[:4]).any()
    assert whom_to_show(batch, draw, SMALL, 0.0).identity is batch.identity
    assert whom_to_show(dataclasses.replace(batch, identity=None), draw, SMALL, 0.5).identity is None


def test_a_share_that_is_no_whole_number_is_met_on_average() -> None:
    batch, draw = discs(8), torch.Generator().manual_seed(0)
    found = [whom_to_show(batch, draw, SMALL, 0.3).swapped for _ in range(400)]
    assert set(found) == {2, 3}
    assert np.mean(found) == pytest.approx(2.4, abs=0.1)


def test_mixed_identities_lie_between_both_people() -> None:
    batch = discs(400)
    assert batch.identity is not None
    preset = dataclasses.replace(SMALL, mixed=0.5)
    draw, same = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    identity, _ = whom_to_show(batch, draw, preset, 1.0)
    whole, _ = whom_to_show(batch, same, SMALL, 1.0)
    assert identity is not None
    assert whole is not None
    way = whole - batch.identity
    strength = ((identity - batch.identity) * way).sum(1) / way.square().sum(1)
    torch.testing.assert_close(identity, batch.identity + strength[:, None] * way)
    assert (strength > 1 - 1e-5).float().mean().item() == pytest.approx(0.5, abs=0.1)
    between = strength[strength < 1 - 1e-5]
    assert between.min() >= 0
    assert between.mean().item() == pytest.approx(0.5, abs=0.08)


def test_embeddings_of_another_length_are_refused_with_what_to_type() -> None:
    recipe, _ = changed(identity=5)
    with pytest.raises(ConfigError, match=r"got embeddings of 3 numbers, expected 5.*--set identity=3"):
        one_step(recipe, recipe.optimizers(), 0, discs(4))


# ----------------------------------------------------------------------------------------------------------- a step


@pytest.mark.parametrize("preset", [SMALL, EMBEDDED])
def test_each_phase_teaches_its_own_networks_only(preset: SisPreset) -> None:
    recipe, _ = changed(preset, detail=16)
    optimizers = recipe.optimizers()
    owned = {name: [p for group in one.param_groups for p in group["params"]] for name, one in optimizers.items()}
    networks = [parameter for network in recipe.networks.values() for parameter in network.parameters()]
    assert sorted(id(one) for parameters in owned.values() for one in parameters) == sorted(map(id, networks))
    assert recipe.averaged == {"encoder", "generator", "detail"}
    before = {name: [one.detach().clone() for one in parameters] for name, parameters in owned.items()}
    terms = [one_step(recipe, optimizers, number, discs(4)) for number in range(3)]
    assert all(torch.isfinite(one) for step in terms for one in step.values())
    for name, parameters in owned.items():
        moved = [not torch.equal(old, new) for old, new in zip(before[name], parameters, strict=True)]
        assert sum(moved) > len(moved) * 0.8


def test_the_frozen_networks_are_asked_in_every_kth_step_in_one_pass() -> None:
    recipe, teacher = changed(teach_every=3, jitter=0.1, mirror=True)
    optimizers, batch = recipe.optimizers(), discs(4)
    for number in range(4):
        teacher.seen.clear()
        teacher.embedded.clear()
        terms = one_step(recipe, optimizers, number, batch)
        taught = number % 3 == 0
        assert ("perceptual" in terms) is ("likeness" in terms) is ("swap_likeness" in terms) is taught
        assert ("swap_pixels" in terms) is taught
        assert [len(chips) for chips in teacher.seen] == [2, 4] * taught
        # Goals stand in the pack; the made faces' chips are the very tensor that perception saw.
        assert [id(chips) for chips in teacher.embedded] == [id(chips) for chips in teacher.seen[1:]]


def test_every_face_counts_once_under_the_one_or_the_other() -> None:
    recipe, teacher = changed(swap=0.25, likeness=4.0, swap_likeness=8.0)
    batch = discs(4)
    terms = one_step(recipe, recipe.optimizers(), 0, batch)
    expected = (
        0.75 * (10 * terms["pixels"] + 2 * terms["perceptual"] + 4 * terms["likeness"])
        + 0.25 * (3 * terms["swap_pixels"] + 8 * terms["swap_likeness"])
        + 0.3 * terms["adversarial"]
        + 0.1 * terms["supervision"]
    )
    torch.testing.assert_close(terms["total generator"], expected)
    # By hand, of the face and of the photo that the teacher saw.
    photos, made = (chips.detach() for chips in teacher.seen)
    assert torch.equal(photos, chip(batch.images, batch.landmarks)[1:])  # type: ignore[arg-type]
    apart = (made[1:] - photos).abs().mean() + (made[1:] - photos).mean((2, 3)).abs().mean()
    torch.testing.assert_close(terms["perceptual"], apart, atol=1e-5, rtol=1e-4)
    found = made[:, :, 50:100, 50:100].mean((2, 3))
    assert batch.identity is not None
    torch.testing.assert_close(terms["likeness"], (found - batch.identity)[1:].square().sum(1).mean())
    to_others = (found[:1] - batch.identity[2:]).square().sum(1)
    assert min(abs(terms["swap_likeness"] - one) for one in to_others) < 1e-6


@pytest.mark.parametrize(
    ("change", "wanted", "terms"),
    [
        ({}, "masks landmarks identity subjects", "likeness swap_likeness swap_pixels perceptual supervision"),
        ({"likeness": 0.0, "swap": 0.0}, "masks landmarks identity", "perceptual supervision"),
        ({"identity": 0}, "masks landmarks identity", "likeness perceptual supervision"),
        ({"identity": 0, "likeness": 0.0}, "masks landmarks", "perceptual supervision"),
        ({"identity": 0, "likeness": 0.0, "perceptual": 0.0}, "masks", "supervision"),
        (
            {"supervision": 0.0, "swap": 1.0},
            "masks landmarks identity subjects",
            "swap_likeness swap_pixels",
        ),
    ],
)
def test_ablations_leave_out_what_they_say(change: dict[str, Any], wanted: str, terms: str) -> None:
    recipe, teacher = changed(**change)
    assert recipe.wanted == set(wanted.split())
    batch = discs(4)
    given = {name: getattr(batch, name) if name in recipe.wanted | {"images", "rows"} else None
             for name in ("images", "rows", "masks", "landmarks", "identity", "subjects")}  # fmt: skip
    found = one_step(recipe, recipe.optimizers(), 0, TrainingBatch(**given))
    always = {"adversarial", "discriminator", "total generator", "total discriminator"}
    assert set(found) - always - {"pixels"} == set(terms.split())
    assert ("pixels" in found) is (change.get("swap") != 1.0)
    assert bool(teacher.embedded) is ("likeness" in terms)


def test_rates_fall_where_the_preset_says_so_and_stay_where_it_does_not() -> None:
    falling, _ = changed(decay_from=10, decay_to=30)
    assert [falling.rate_factor(number) for number in (0, 10, 20, 30, 99)] == [1, 1, 0.5, 0, 0]
    assert falling.last_step == 30
    steady, _ = changed()
    assert {steady.rate_factor(number) for number in (0, 10**6)} == {1}
    assert not hasattr(steady, "last_step")


def test_the_paper_preset_starts_its_discriminator_as_published() -> None:
    recipe = SisRecipe(dataclasses.replace(SMALL, judge_gain=PRESETS["paper"].judge_gain), Frozen())
    assert recipe.discriminator.scales[0].last.weight.std().item() == pytest.approx(0.02 * (2 / 112) ** 0.5, rel=0.3)
    assert recipe.networks["generator"].trunk.start.weight.std().item() > 0.01


# ------------------------------------------------------------------------------------------------------ other views


def test_jitter_is_a_similarity_of_each_face() -> None:
    landmarks = torch.rand(500, 68, 2) * 64
    found = jittered(landmarks, 0.05, torch.Generator().manual_seed(0))
    a, b, _ = similarity_of(landmarks, found)
    rebuilt = torch.stack([a[:, None] * landmarks[..., 0] - b[:, None] * landmarks[..., 1],
                           b[:, None] * landmarks[..., 0] + a[:, None] * landmarks[..., 1]], dim=2)  # fmt: skip
    left = found - rebuilt
    torch.testing.assert_close(left, left.mean(1, keepdim=True).expand_as(left), atol=1e-3, rtol=0)
    assert torch.atan2(b, a).std().item() == pytest.approx(0.05, rel=0.15)
    assert (a**2 + b**2).sqrt().log().std().item() == pytest.approx(0.05, rel=0.15)
    around = landmarks - landmarks.mean(1, keepdim=True)
    moved = (found.mean(1) - landmarks.mean(1)) / around.square().sum(2).mean(1).sqrt()[:, None]
    assert moved.std(0).tolist() == pytest.approx([0.05, 0.05], rel=0.15)
    assert torch.equal(jittered(landmarks, 0.05, torch.Generator().manual_seed(0)), found)


def test_a_mirrored_faces_chip_is_the_mirrored_chip() -> None:
    images, chosen = torch.rand(2, 3, 32, 32), torch.tensor([True, False])
    landmarks = discs(2).landmarks
    assert landmarks is not None
    landmarks = jittered(landmarks, 0.2, torch.Generator().manual_seed(1))
    # A face's five points are symmetric only nearly, so take those of the mean face turned by a little.
    points = mirrored_points_where(landmarks, chosen, 32)
    assert torch.equal(points[1], landmarks[1])
    again = mirrored_points_where(points, chosen, 32)
    torch.testing.assert_close(again, landmarks)
    pictures = mirrored_where(images, chosen)
    assert torch.equal(pictures[0], images[0].flip(2))
    assert torch.equal(pictures[1], images[1])
    eyes = points[0, 36:42].mean(0), points[0, 42:48].mean(0)
    was = landmarks[0, 36:42].mean(0), landmarks[0, 42:48].mean(0)
    torch.testing.assert_close(eyes[0][0], 31 - was[1][0])
    torch.testing.assert_close(eyes[1][1], was[0][1])


# ---------------------------------------------------------------------------------------------------- samples, noise


def test_samples_show_photo_reconstruction_swap_and_swap_with_eyes_and_mouth() -> None:
    recipe, _ = changed()
    for _, one in recipe.networks["generator"].attention.named_parameters():
        torch.nn.init.normal_(one, std=0.5)
    recipe.networks["generator"].eval()
    batch = discs(3)
    labels = batch.masks
    assert labels is not None
    labels[:, 10:12] = 4  # an eye of sorts
    with torch.no_grad():
        shown = recipe.samples(recipe.networks, batch)
        alone = recipe.samples({**recipe.networks}, dataclasses.replace(batch, identity=batch.identity.roll(-1, 0)))  # type: ignore[union-attr]
    assert shown.shape == (3, 4, 3, 32, 32)
    assert torch.equal(shown[:, 0], batch.images)
    torch.testing.assert_close(shown[:, 2], alone[:, 1])
    for column in (2, 3):
        assert (shown[:, column] - shown[:, column - 1]).abs().amax(dim=(1, 2, 3)).min() > 1e-5


def test_noise_learns_alone_from_its_step_on() -> None:
    recipe, teacher = changed(noise=4, noise_width=8, noise_after=1)
    optimizers, batch = recipe.optimizers(), discs(4)
    assert recipe.averaged == {"encoder", "generator", "noise"}
    assert (recipe.phases(0), recipe.phases(1)) == (("generator", "discriminator"), ("noise", "discriminator"))
    one_step(recipe, optimizers, 0, batch)
    teacher.seen.clear()
    before = {name: {key: value.clone() for key, value in one.state_dict().items()}
              for name, one in recipe.networks.items()}  # fmt: skip
    terms = one_step(recipe, optimizers, 1, batch)
    assert set(terms) == {"adversarial", "diversity", "supervision", "discriminator", "total noise",
                          "total discriminator"}  # fmt: skip
    torch.testing.assert_close(
        terms["total noise"], 0.3 * terms["adversarial"] + 2 * terms["diversity"] + 0.1 * terms["supervision"]
    )
    assert not teacher.seen
    same = {name: all(torch.equal(one.state_dict()[key], value) for key, value in before[name].items())
            for name, one in recipe.networks.items()}  # fmt: skip
    assert same == {"encoder": True, "generator": True, "noise": False, "discriminator": False}


# ------------------------------------------------------------------------------------------------------------- a run


class DiscSource:
    """Discs that follow from the seed and the step."""

    def __init__(self, data: Path, recipe: Any, seed: int) -> None:
        self.recipe, self.seed = recipe, seed

    def batch(self, number: int, device: torch.device) -> TrainingBatch:
        return discs(self.recipe.batch_size, int(stream(self.seed, str(number)).integers(2**31)))

    def fixed(self, count: int, device: torch.device) -> TrainingBatch:
        return discs(count, 1)

    def close(self) -> None:
        pass

    def describe(self) -> Mapping[str, Any]:
        return {"digest": "discs", "faces": 0}


@pytest.mark.parametrize(
    "preset",
    [dataclasses.replace(SMALL, mixed=0.5, jitter=0.1, mirror=True, swap=0.3, noise=3, noise_width=8, noise_after=8),
     dataclasses.replace(EMBEDDED, swap=0.3, decay_from=4, decay_to=20)],
)  # fmt: skip
def test_a_stopped_and_resumed_run_is_the_run_that_never_stopped(preset: SisPreset, tmp_path: Path) -> None:
    toy = Trainable(presets={}, build=SisRecipe, source=DiscSource)  # type: ignore[arg-type]

    def run(out: Path, steps: int) -> bytes:
        train(
            toy, preset, Path("/nowhere"), out, frozen=Teacher().frozen(), device="cpu", threads=1, tick_steps=4,
            sample_seconds=0, seed=3, name="generator/sis", max_steps=steps,
        )  # fmt: skip
        return (out / "checkpoints" / f"step-{steps:09d}" / "state.safetensors").read_bytes()

    for steps in (5, 9):
        run(tmp_path / "stopped", steps)
    assert run(tmp_path / "stopped", 12) == run(tmp_path / "whole", 12)


@pytest.mark.full
def test_it_learns_to_show_whom_it_is_told() -> None:
    """Discs whose colour is their identity: swapped ones take the other's colour, though mask and style are theirs."""
    recipe, teacher = changed(
        side=16, levels=((8, 32), (16, 16)), attention=((8, 2, 16),), style=32, hidden=32, encoder_first=16,
        encoder_down=(32,), batch_size=8, rates=(3e-3, 1e-3), teach_every=1, perceptual=0.0, adversarial=0.1,
        likeness=10.0, swap_likeness=20.0, mixed=0.25, identity_scale=3.0,
    )  # fmt: skip
    teacher.template = Template("small", 30, {"dlib5": DLIB150.targets["dlib5"] / 5})
    optimizers = recipe.optimizers()
    history = [one_step(recipe, optimizers, number, discs(8, number, side=16)) for number in range(300)]
    for name in ("pixels", "likeness", "swap_likeness"):
        first, last = (np.mean([step[name].item() for step in part]) for part in (history[:10], history[-30:]))
        assert last < 0.7 * first, name
    recipe.networks["generator"].eval()
    batch = discs(16, 1000, side=16)
    with torch.no_grad():
        shown = recipe.samples(recipe.networks, batch)[:, :, :, 7:9, 7:9].mean((3, 4))
    assert batch.identity is not None
    own, others = batch.identity, batch.identity.roll(-1, 0)
    for column, shall, shall_not in ((1, own, others), (2, others, own)):
        near, far = ((shown[:, column] - one).square().sum(1).mean() for one in (shall, shall_not))
        assert near < far / 2


def test_the_training_path_needs_nothing_that_a_machine_with_a_pack_lacks() -> None:
    script = (
        "import sys\n"
        "for name in 'dlib cv2 insightface pydantic pandas pyarrow click scipy skimage sklearn onnxruntime'.split():\n"
        "    sys.modules[name] = None\n"
        "import generators.sis.recipe\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def test_the_trainable_names_what_it_needs() -> None:
    assert TRAINABLE.needs == {"identity", "perceptual"}
    assert TRAINABLE.conditions == {"masks", "identity"}
    assert set(TRAINABLE.presets) == {"tiny", "base", "paper"}
