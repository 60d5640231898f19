"""The critic's loss and its gradient penalty against critics whose gradients are known."""

import pytest
import torch
from torch.nn import functional

from generators.losses.gradient_penalty import gradient_penalty, wasserstein_critic_loss
from generators.nets.two_headed import TwoHeadedDiscriminator


def faces(count, seed, side=4):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_critic_loss_by_hand():
    real, made, other = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0]), torch.tensor([-2.0, -1.0])
    assert wasserstein_critic_loss(real, [made]).item() == 0.5 - 2
    assert wasserstein_critic_loss(real, [made, other]).item() == (0.5 - 1.5) / 2 - 2


@pytest.mark.parametrize(("length", "span"), [(1.0, 1.0), (2.0, 2.0), (3.0, 1.0), (0.5, 2.0)])
def test_a_linear_critic_has_a_penalty_that_can_be_worked_out(length, span):
    direction = faces(1, 5)
    direction = direction / direction.norm() * length
    found = gradient_penalty(
        lambda images: (images * direction).sum(dim=(1, 2, 3)), faces(3, 0), [faces(3, 1), faces(3, 2)], span=span
    )
    assert found.item() == pytest.approx((length / span - 1) ** 2, abs=1e-12)


def test_the_penalty_is_the_mean_over_kinds_of_faces_and_its_points_lie_between():
    real, fakes = faces(2, 0), [faces(2, 1), faces(2, 2)]
    seen = []

    def critic(images):  # its gradient is the picture itself
        seen.append(images.detach())
        return images.square().sum(dim=(1, 2, 3)) / 2

    found = gradient_penalty(critic, real, fakes, torch.Generator().manual_seed(0), span=1.0)
    assert len(seen) == 1
    points = seen[0].view(2, 2, -1)
    shares = []
    for kind, fake in enumerate(fakes):
        ratio = (points[kind] - real.flatten(1)) / (fake - real).flatten(1)
        assert torch.allclose(ratio, ratio[:, :1], rtol=0, atol=1e-9)
        shares += ratio[:, 0].tolist()
    assert len(set(shares)) == 4
    assert all(0 <= share < 1 for share in shares)
    separate = torch.stack([(part.norm(dim=1) - 1).square().mean() for part in points]).mean()
    assert found.item() == pytest.approx(separate.item(), abs=1e-12)


def test_one_kind_for_each_photo_is_the_same_on_average():
    real, fakes = faces(3, 0), [faces(3, 1), faces(3, 2) * 3]
    seen = []

    def critic(images):
        seen.append(images.detach())
        return images.square().sum(dim=(1, 2, 3)) / 2

    every, one = (
        torch.stack([
            gradient_penalty(critic, real, fakes, torch.Generator().manual_seed(seed), one_kind=one_kind).detach()
            for seed in range(300)
        ])
        for one_kind in (False, True)
    )  # fmt: skip
    assert {len(images) for images in seen[:300]} == {6}
    assert {len(images) for images in seen[300:]} == {3}
    spread = float((one.var() + every.var()).sqrt()) / 300**0.5
    assert one.mean().item() == pytest.approx(every.mean().item(), abs=4 * spread)


def test_shares_follow_from_the_draw():
    def critic(images):
        return images.square().sum(dim=(1, 2, 3))

    one, same, other = (
        gradient_penalty(critic, faces(2, 0), [faces(2, 1)], torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_a_flat_critic_costs_one_and_has_a_finite_gradient():
    level = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    found = gradient_penalty(lambda images: (images * level).sum(dim=(1, 2, 3)), faces(2, 0), [faces(2, 1)])
    found.backward()
    assert found.item() == 1
    assert torch.isfinite(level.grad).all()


def test_the_second_gradient_is_right_channels_last():
    torch.manual_seed(0)
    critic = TwoHeadedDiscriminator(8, 2, widths=(2, 3, 4), head_width=3).double()
    critic = critic.to(memory_format=torch.channels_last)
    real, fake = (faces(2, seed, 8).to(memory_format=torch.channels_last) for seed in (0, 1))
    weight = critic.blocks[0].first.weight

    def penalty():
        return gradient_penalty(critic.real, real, [fake], torch.Generator().manual_seed(0))

    (slope,) = torch.autograd.grad(penalty(), weight)
    direction = torch.randn_like(weight)
    values = []
    for step in (1e-6, -1e-6):
        with torch.no_grad():
            weight += step * direction
        values.append(penalty().item())
        with torch.no_grad():
            weight -= step * direction
    assert (values[0] - values[1]) / 2e-6 == pytest.approx((slope * direction).sum().item(), rel=1e-4)


def test_only_the_critic_learns_from_the_penalty():
    torch.manual_seed(0)
    critic = TwoHeadedDiscriminator(8, 2, widths=(2, 3, 4), head_width=3).double()
    real, fake = faces(2, 0, 8).requires_grad_(), faces(2, 1, 8).requires_grad_()
    with torch.no_grad():  # a caller that evaluates still gets the critic's gradient in the pictures
        assert gradient_penalty(critic.real, real, [fake]) > 0
    gradient_penalty(critic.real, real, [fake]).backward()
    assert real.grad is None
    assert fake.grad is None
    assert critic.stem.weight.grad.abs().max() > 0
    assert critic.labels_head.weight.grad is None


def test_the_published_penalty_is_that_of_pixels_between_minus_one_and_one():
    torch.manual_seed(0)
    critic = TwoHeadedDiscriminator(8, 2, widths=(2, 3, 4), head_width=3).double()
    real, fake = faces(1, 0, 8), faces(1, 1, 8)
    share = torch.rand(1, 1, 1, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    between = (torch.lerp(real, fake, share) * 2 - 1).requires_grad_()
    features = functional.leaky_relu(critic.blocks(critic.stem(between)), 0.2)
    score = critic.realness(functional.leaky_relu(critic.realness_head(features), 0.2).flatten(1))
    (slope,) = torch.autograd.grad(score.sum(), between)
    found = gradient_penalty(critic.real, real, [fake], torch.Generator().manual_seed(0))
    assert found.item() == pytest.approx((slope.norm() - 1).square().item(), abs=1e-12)
