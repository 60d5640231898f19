"""How attribute translation learns: steps, losses at random weights, the latent step, its pack."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from bench.errors import InsufficientData
from generators.losses.labels import label_loss
from generators.training.batches import TrainingBatch
from generators.training.labelled_faces import UNLABELLED, LabelledFaces
from generators.training.recipe import Frozen, Step
from generators.translation.recipe import READER, TranslationRecipe, wished
from generators.translation.settings import PRESETS, TranslationPreset
from tests.test_translation import NAMES, SMALL

JUDGE, MAKE = "discriminator", "generator"


def recipe(**changes: Any) -> TranslationRecipe:
    torch.manual_seed(0)
    return TranslationRecipe(dataclasses.replace(SMALL, **changes), Frozen())


def batch(count: int = 4, preset: TranslationPreset = SMALL, seed: int = 0) -> TrainingBatch:
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=draw)
    images = torch.nn.functional.interpolate(coarse, size=(preset.side, preset.side), mode="bilinear")
    attributes = torch.rand(count, len(preset.attributes), generator=draw) * 2 - 1
    return TrainingBatch(images, torch.arange(count), attributes=attributes)


def step(number: int, faces: TrainingBatch) -> Step:
    return Step(number, faces, torch.Generator().manual_seed(number))


def test_the_critic_has_so_many_steps_for_one_of_the_generator() -> None:
    found = [recipe().phases(number) for number in range(6)]
    assert found == [(JUDGE, READER), (JUDGE, READER), (MAKE,)] * 2


def test_faces_are_made_again_at_first() -> None:
    learning = recipe(warm_up=2)
    assert [learning.phases(number) for number in range(6)] == [
        (MAKE, JUDGE, READER), (MAKE, JUDGE, READER), (JUDGE, READER), (JUDGE, READER), (MAKE,), (JUDGE, READER)
    ]  # fmt: skip
    assert list(learning.losses(MAKE, step(1, batch())).terms) == ["reconstruction"]
    assert list(learning.losses(JUDGE, step(1, batch())).terms) == ["judge_labels"]
    assert list(learning.losses(READER, step(1, batch())).terms) == ["reader"]
    assert "adversarial" in learning.losses(MAKE, step(4, batch())).terms
    assert learning.beginnings == (0, 2, 4)
    assert recipe().beginnings == (0, 2)


def test_losses_at_random_weights_are_near_the_published_ones() -> None:
    preset = dataclasses.replace(PRESETS["paper"], bank=64)
    torch.manual_seed(0)
    learning = TranslationRecipe(preset, Frozen())
    faces = batch(4, preset)
    faces = dataclasses.replace(faces, attributes=faces.attributes.sign())  # type: ignore[union-attr]
    terms = learning.losses(MAKE, step(5, faces)).terms
    assert terms["labels"].item() == pytest.approx(0.70, abs=0.05)
    assert terms["cycle"].item() == pytest.approx(0.56, abs=0.06)
    assert terms["similarity"].item() == pytest.approx(0.56, abs=0.06)
    assert terms["reconstruction"].item() == pytest.approx(0.52, abs=0.35), "depends on the pictures"
    assert 1 < terms["mode_seeking"].item() < 60, "likewise"
    judged = learning.losses(JUDGE, step(0, faces)).terms
    assert judged["penalty"].item() == pytest.approx(1.0, abs=0.2)
    assert judged["judge_labels"].item() == pytest.approx(0.69, abs=0.05)


@pytest.mark.parametrize(("sign", "farther"), [(1, True), (-1, False)])
def test_the_latent_step_goes_where_its_sign_says(sign: int, farther: bool) -> None:
    learning = recipe(latent_sign=sign, latent_rate=0.01, latent_gain=0.0)
    wish = wished(batch(), torch.tensor([1, 2, 3, 0]))

    def distance(noise: torch.Tensor) -> float:
        goal, found = learning.encoder(wish.references, wish.difference), learning.mapping(noise, wish.difference)
        return float((goal - found).square().mean().detach())

    noise = learning.bank(wish.rows).clamp(-0.9, 0.9)
    moved = learning.settled(wish, noise)
    assert (distance(moved) > distance(noise)) is farther
    assert (moved - noise).square().mean(dim=1).sqrt().tolist() == pytest.approx([0.01] * 4, rel=1e-3)
    assert not moved.requires_grad


def test_the_latent_step_is_clipped_and_can_be_left_out() -> None:
    wish = wished(batch(), torch.tensor([1, 2, 3, 0]))
    learning = recipe()
    assert learning.settled(wish, learning.bank(wish.rows)).abs().max() <= 1
    still = recipe(latent_sign=0)
    noise = still.bank(wish.rows)
    torch.testing.assert_close(still.settled(wish, noise), noise.clamp(-1, 1))


def test_the_generators_step_alone_moves_the_bank() -> None:
    learning = recipe()
    before = learning.bank.rows.clone()
    learning.losses(JUDGE, step(0, batch()))
    torch.testing.assert_close(learning.bank.rows, before)
    learning.losses(MAKE, step(2, batch()))
    assert (learning.bank.rows[:4] != before[:4]).any(dim=1).all()
    torch.testing.assert_close(learning.bank.rows[4:], before[4:])


@pytest.mark.parametrize(
    ("change", "term"),
    [({"cycle": 0.0}, "cycle"), ({"similarity": 0.0}, "similarity"), ({"mode_seeking": 0.0}, "mode_seeking"),
     ({"reconstruction": 0.0}, "reconstruction")],
)  # fmt: skip
def test_links_can_be_left_out(change: dict[str, Any], term: str) -> None:
    assert term in recipe().losses(MAKE, step(2, batch())).terms
    assert term not in recipe(**change).losses(MAKE, step(2, batch())).terms


def test_without_the_code_between_there_are_two_kinds_of_faces() -> None:
    counted = []
    for between in (True, False):
        learning = recipe(interpolate=between)
        wish = wished(batch(), torch.tensor([1, 2, 3, 0]))
        codes = learning._codes(batch().images, wish, learning.bank(wish.rows))
        counted.append(list(learning._faces(codes, batch().images, step(2, batch()))))
    assert counted == [["label", "reference", "between"], ["label", "reference"]]


def test_every_network_that_makes_faces_learns() -> None:
    learning = recipe()
    learning.losses(MAKE, step(2, batch())).total.backward()
    for name in ("generator", "encoder", "mapping"):
        for key, values in learning.networks[name].named_parameters():
            # A bias before an instance norm does nothing.
            if values.grad is None or (not values.grad.abs().sum() and "bias" not in key):
                raise AssertionError(f"{name}.{key} learns nothing")


def test_samples_show_both_ways_and_what_lies_between() -> None:
    learning = recipe()
    shown = learning.samples(learning.networks, batch())
    assert shown.shape == (4, 6, 3, 16, 16)
    torch.testing.assert_close(shown[:, 5], batch().images.roll(-1, dims=0))


def test_labels_count_by_how_sure_somebody_is() -> None:
    logits, labels = torch.randn(6, 3), torch.randint(0, 2, (6, 3)).float()
    labels[0, 0] = float("nan")
    plain = label_loss(logits, labels)
    torch.testing.assert_close(label_loss(logits, labels, torch.full((6, 3), 0.3)), plain)
    some = torch.zeros(6, 3)
    some[2, 1] = 0.7
    alone = torch.nn.functional.binary_cross_entropy_with_logits(logits[2, 1], labels[2, 1])
    torch.testing.assert_close(label_loss(logits, labels, some), alone)
    assert label_loss(logits, labels, torch.zeros(6, 3)).item() == 0


class Faces:
    """As much of a pack as is asked for."""

    manifest = {"attributes": ["Young", *NAMES]}  # noqa: RUF012
    split = np.array(["train", "train", "dev", "train"])
    dataset = np.array(["a", "a", "a", "b"])
    side = 99

    def __init__(self) -> None:
        self.attributes = np.arange(24, dtype=np.float32).reshape(4, 6) / 24
        self.attributes[1, 3] = np.nan
        self.attributes[3, 0] = np.nan  # of an attribute that nobody asked for


def test_nobody_learns_from_a_face_of_unknown_attributes() -> None:
    faces: Any = LabelledFaces(Faces(), NAMES[::-1])  # type: ignore[arg-type]
    np.testing.assert_array_equal(faces.attributes[0], np.arange(1, 6)[::-1].astype(np.float32) / 24)
    assert faces.split.tolist() == ["train", UNLABELLED, "dev", "train"]
    assert faces.side == 99
    some: Any = LabelledFaces(Faces(), NAMES, only=("a",))  # type: ignore[arg-type]
    assert some.split.tolist() == ["train", UNLABELLED, "dev", UNLABELLED]
    with pytest.raises(InsufficientData, match="the pack has no attribute Goatee, which this recipe learns; it has"):
        LabelledFaces(Faces(), ("Goatee",))  # type: ignore[arg-type]
