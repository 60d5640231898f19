"""Hinge, feature matching and perceptual losses, by values worked by hand."""

from __future__ import annotations

import pytest
import torch

from generators.losses.adversarial import discriminator_hinge, generator_hinge
from generators.losses.feature_matching import feature_matching
from generators.losses.perceptual import DOUBLING, perceptual


def test_the_discriminators_hinge_by_hand() -> None:
    # Large: relu(1 - 2), relu(1 - 0.5) = 0, 0.5; relu(1 - 3), relu(1 + 1) = 0, 2. Small: 1 - (-1) = 2 and 0.
    real = [torch.tensor([[2.0, 0.5]]), torch.tensor([[-1.0]])]
    made = [torch.tensor([[-3.0, 1.0]]), torch.tensor([[-1.0]])]
    assert discriminator_hinge(real, made).item() == pytest.approx(((0.25 + 1.0) + (2.0 + 0.0)) / 2)
    nothing = [torch.zeros(3, 1, 4, 4)]
    assert discriminator_hinge(nothing, nothing).item() == 2


def test_the_generators_hinge_by_hand_and_never_saturates() -> None:
    assert generator_hinge([torch.tensor([1.0, 3.0]), torch.tensor([-4.0])]).item() == pytest.approx((-2 + 4) / 2)
    logits = torch.tensor([50.0], requires_grad=True)
    generator_hinge([logits]).backward()
    assert logits.grad is not None
    assert logits.grad.item() == -1


def test_each_scale_weighs_alike_however_many_patches_it_has() -> None:
    scales = [torch.ones(1, 1, 16, 16), -torch.ones(1, 1, 2, 2)]
    assert generator_hinge(scales).item() == 0


def test_scales_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        discriminator_hinge([torch.zeros(1)], [torch.zeros(1), torch.zeros(1)])


def test_feature_matching_by_hand_leaves_the_logits_out() -> None:
    real = [
        [torch.tensor([0.0, 2.0]), torch.tensor([5.0]), torch.tensor([100.0])],
        [torch.tensor([1.0]), torch.zeros(1)],
    ]
    made = [[torch.tensor([1.0, 1.0]), torch.tensor([2.0]), torch.tensor([-9.0])], [torch.tensor([3.0]), torch.ones(1)]]
    assert feature_matching(real, made).item() == pytest.approx(((1 + 3) + 2) / 2)


def test_nothing_flows_to_the_real_side() -> None:
    real, made = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    (feature_matching([[real, real]], [[made, made]]) + perceptual([real], [made], [1.0])).backward()
    assert real.grad is None
    assert made.grad is not None
    assert torch.equal(made.grad, torch.full((3,), -2 / 3))


def test_the_perceptual_loss_weighs_depths_and_skips_those_without_weight() -> None:
    real = [torch.tensor([0.0, 4.0]), torch.tensor([1.0]), torch.tensor([float("nan")])]
    made = [torch.tensor([1.0, 1.0]), torch.tensor([3.0]), torch.tensor([0.0])]
    assert perceptual(real, made, [0.5, 3.0, 0.0]).item() == pytest.approx(0.5 * 2 + 3 * 2)
    assert DOUBLING == (0.03125, 0.0625, 0.125, 0.25, 1.0)


@pytest.mark.parametrize(
    ("weights", "said"), [([1.0], "got 1 for features of 2 and 2"), ([0.0, 0.0], "got zeros only")]
)
def test_the_perceptual_loss_refuses_weights_that_do_not_fit(weights: list[float], said: str) -> None:
    pair = [torch.zeros(1), torch.zeros(1)]
    with pytest.raises(ValueError, match=said):
        perceptual(pair, pair, weights)
