"""Attention supervision, mode seeking, cycles on codes, labels: values by hand and what learns from what."""

import math

import pytest
import torch
from torch import nn

from generators.losses.attention_supervision import attention_supervision
from generators.losses.cycle import (
    attribute_cycle,
    code_cycle,
    code_similarity,
    reconstruction,
    unchanged_labels,
)
from generators.losses.labels import label_loss
from generators.losses.mode_seeking import diversity, mode_seeking


def softplus(x):
    return math.log1p(math.exp(x))


def left_and_right(side=4):
    masks = torch.zeros(1, 2, side, side)
    masks[:, 0, :, : side // 2] = 1
    masks[:, 1, :, side // 2 :] = 1
    return masks


def test_attention_supervision_starts_at_ln_2():
    found = attention_supervision([torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 4, 4)], left_and_right())
    assert found.item() == pytest.approx(math.log(2))


def test_attention_supervision_by_hand():
    # Region 0 looked at with 2 everywhere, right in half of the pixels; region 1 with -1, wrong in half of them.
    logits = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1).expand(1, 2, 2, 2)
    first = (softplus(-2) + softplus(2)) / 2
    second = (softplus(1) + softplus(-1)) / 2
    small = attention_supervision([logits], left_and_right()).item()
    assert small == pytest.approx((first + second) / 2, rel=1e-6)
    both = attention_supervision([logits, torch.zeros(1, 2, 4, 4)], left_and_right()).item()
    assert both == pytest.approx((small + math.log(2)) / 2, rel=1e-6)


def test_attention_supervision_falls_where_pixels_look_at_their_region():
    right = 10 * (2 * left_and_right() - 1)
    assert attention_supervision([right], left_and_right()) < 1e-4
    assert attention_supervision([-right], left_and_right()) > 9


def test_tokens_without_a_region_are_free():
    logits = torch.zeros(1, 3, 2, 2, requires_grad=True)
    attention_supervision([logits], left_and_right()).backward()
    assert logits.grad[:, :2].abs().min() > 0
    assert logits.grad[:, 2].abs().max() == 0
    with pytest.raises(ValueError, match="got 1 tokens, expected at least the 2 regions"):
        attention_supervision([logits[:, :1]], left_and_right())
    with pytest.raises(ValueError, match="logits: got none"):
        attention_supervision([], left_and_right())


def test_mode_seeking_by_hand():
    noise, other = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, -1.0]])
    faces, others = torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.25)
    assert mode_seeking(noise, other, faces, others).item() == pytest.approx(1.5 / (0.25 + 1e-5))
    assert mode_seeking(noise, other, faces, faces).item() == pytest.approx(1.5e5)
    assert diversity(faces, others).item() == -0.25


def test_mode_seeking_drives_the_first_faces_apart_and_nothing_else():
    given = [torch.rand(2, 3).requires_grad_() for _ in range(2)]
    faces, others = torch.zeros(2, 3, 2, 2, requires_grad=True), torch.ones(2, 3, 2, 2, requires_grad=True)
    mode_seeking(*given, faces, others).backward()
    assert faces.grad.min() > 0  # one step down the gradient takes them further from the others, which are larger
    assert [one.grad for one in (*given, others)] == [None, None, None]
    diversity(faces, others).backward()
    assert others.grad.max() < 0


class Encoder(nn.Module):
    """Codes of 2: a matrix of the mean colour, and of the labels."""

    def __init__(self):
        super().__init__()
        self.colour, self.labels = nn.Linear(3, 2, bias=False), nn.Linear(2, 2, bias=False)
        nn.init.eye_(self.labels.weight)
        with torch.no_grad():
            self.colour.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0]]))

    def forward(self, images, difference):
        return self.colour(images.mean(dim=(2, 3))) + self.labels(difference)


def picture(*colour):
    return torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, 2, 2).clone()


def test_code_cycle_by_hand():
    found = code_cycle(
        Encoder(), picture(0.5, 0.25, 0.0), torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]]), torch.zeros(1, 2)
    )
    assert found.item() == pytest.approx((2.0 + 0.75) / 2)


def test_code_cycle_teaches_the_encoder_and_not_the_faces():
    encoder, faces = Encoder(), picture(0.5, 0.25, 0.0).requires_grad_()
    codes = [torch.zeros(1, 2, requires_grad=True) for _ in range(2)]
    code_cycle(encoder, faces, torch.tensor([[1.0, 0.0]]), *codes).backward()
    assert faces.grad is None
    assert encoder.colour.weight.grad.abs().max() > 0
    assert all(code.grad.abs().min() > 0 for code in codes)


def test_attribute_cycle_teaches_the_faces_too():
    encoder, faces = Encoder(), picture(0.5, 0.25, 0.0).requires_grad_()
    found = attribute_cycle(encoder, faces, picture(0.0, 0.5, 1.0), torch.tensor([[1.0, -1.0]]))
    assert found.item() == pytest.approx((0.5 + 0.25) / 2)
    found.backward()
    assert faces.grad.abs().max() > 0


def test_unchanged_labels_flip_what_was_not_asked_for():
    difference = torch.tensor([[0.0, 1.0, -1.0, 0.0]])
    assert unchanged_labels(difference, torch.tensor([[1.0, 0.0, 1.0, 0.0]])).tolist() == [[-1.0, 0.0, 0.0, 1.0]]


def test_reconstruction_and_similarity_by_hand():
    source, near, far = torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.1), torch.full((1, 3, 2, 2), -0.5)
    assert reconstruction(source, [near, far]).item() == pytest.approx(0.3)
    codes = [torch.tensor([[0.0, 2.0]], requires_grad=True), torch.tensor([[1.0, 1.0]], requires_grad=True)]
    found = code_similarity(*codes)
    found.backward()
    assert found.item() == 1
    assert codes[0].grad.tolist() == [[-0.5, 0.5]]
    assert codes[1].grad.tolist() == [[0.5, -0.5]]


def test_label_loss_by_hand():
    logits = torch.tensor([[0.0, 2.0], [-1.0, 5.0]])
    full = label_loss(logits, torch.tensor([[1.0, 0.0], [0.0, 1.0]])).item()
    assert full == pytest.approx((math.log(2) + softplus(2) + softplus(-1) + softplus(-5)) / 4)


def test_unknown_labels_take_no_part():
    logits = torch.tensor([[0.0, 2.0], [-1.0, 5.0]], requires_grad=True)
    found = label_loss(logits, torch.tensor([[1.0, float("nan")], [0.0, float("nan")]]))
    found.backward()
    assert found.item() == pytest.approx((math.log(2) + softplus(-1)) / 2)
    assert logits.grad[:, 1].abs().max() == 0
    assert logits.grad[:, 0].abs().min() > 0
    assert label_loss(logits, torch.full((2, 2), float("nan"))).item() == 0
