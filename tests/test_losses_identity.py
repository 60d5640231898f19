"""The identity loss: values by hand, and gradients that reach the face and nothing else."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from bench.aligners.templates import DLIB150
from bench.recognizers.dlib_resnet import DlibResnet, DlibResnetSettings
from generators.losses.identity import distance_of, embedding_distance, identity_loss, source_identity
from generators.training.chips import DLIB5_OF_68, chip


class Toy:
    """A recognizer of 4x4 crops whose embedding is one matrix of the pixels."""

    def __init__(self, comparison="cosine", bias=0.0):
        self.comparison = comparison
        self.matrix = nn.Parameter(torch.randn(5, 48, generator=torch.Generator().manual_seed(0)))
        self.matrix.requires_grad_(False)
        self.bias = bias

    def embed_tensor(self, crops):
        return crops.flatten(1) @ self.matrix.T + self.bias


def halve(images):
    return functional.avg_pool2d(images, 2)


def faces(seed):
    return torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_distances_by_hand():
    found = torch.tensor([[3.0, 4.0], [1.0, 0.0], [1.0, 1.0]])
    goals = torch.tensor([[6.0, 8.0], [0.0, 2.0], [-1.0, -1.0]])
    assert embedding_distance(found, goals, "cosine").tolist() == pytest.approx([0.0, 1.0, 2.0], abs=1e-6)
    assert embedding_distance(found, goals, "squared").tolist() == [25.0, 5.0, 8.0]
    with pytest.raises(ValueError, match="distance: got 'l1', expected one of cosine, squared"):
        embedding_distance(found, goals, "l1")


def test_the_loss_is_a_mean_over_faces_behind_the_chip():
    recognizer, goals = Toy(), torch.randn(3, 5, generator=torch.Generator().manual_seed(1))
    found = recognizer.embed_tensor(halve(faces(0)))
    squared = [math.dist(one, goal) ** 2 for one, goal in zip(found.tolist(), goals.tolist(), strict=True)]
    cosine = [
        1 - sum(a * b for a, b in zip(one, goal, strict=True)) / math.hypot(*one) / math.hypot(*goal)
        for one, goal in zip(found.tolist(), goals.tolist(), strict=True)
    ]
    assert identity_loss(recognizer, faces(0), goals, halve, "squared").item() == pytest.approx(sum(squared) / 3)
    assert identity_loss(recognizer, faces(0), goals, halve, "cosine").item() == pytest.approx(sum(cosine) / 3)
    ready = identity_loss(recognizer, halve(faces(0)), goals, None, "squared")
    assert ready == identity_loss(recognizer, faces(0), goals, halve, "squared")


@pytest.mark.parametrize(("comparison", "distance"), [("cosine", "cosine"), ("neg_l2", "squared")])
def test_the_distance_fits_the_recognizer_unless_told(comparison, distance):
    recognizer, goals = Toy(comparison), torch.randn(3, 5)
    assert distance_of(recognizer) == distance
    expected = identity_loss(recognizer, faces(0), goals, halve, distance)
    assert identity_loss(recognizer, faces(0), goals, halve) == expected


@pytest.mark.parametrize("distance", ["cosine", "squared"])
def test_gradients_reach_the_faces_and_neither_goals_nor_recognizer(distance):
    recognizer = Toy()
    made, goals = faces(0).requires_grad_(), torch.randn(3, 5).requires_grad_()
    identity_loss(recognizer, made, goals, halve, distance).backward()
    assert made.grad.abs().amax(dim=(1, 2, 3)).min() > 0
    assert goals.grad is None
    assert recognizer.matrix.grad is None


def test_a_source_s_identity_is_a_goal_without_gradient():
    recognizer, source = Toy(), faces(0).requires_grad_()
    goals = source_identity(recognizer, source, halve)
    assert torch.equal(goals, recognizer.embed_tensor(halve(faces(0))))
    assert not goals.requires_grad
    assert identity_loss(recognizer, faces(0), goals, halve, "squared").item() == 0
    assert identity_loss(recognizer, faces(1), goals, halve, "squared").item() > 0


def test_embeddings_off_centre_hide_identity_from_a_cosine():
    # What dlib's are like: the same difference of people moves a squared distance, and hardly a cosine.
    near, far = Toy(bias=0.0), Toy(bias=100.0)
    for recognizer, telling in ((near, True), (far, False)):
        goals = source_identity(recognizer, faces(1), halve)
        cosine = identity_loss(recognizer, faces(0), goals, halve, "cosine").item()
        assert (cosine > 1e-2) is telling
    same = [
        identity_loss(one, faces(0), source_identity(one, faces(1), halve), halve, "squared") for one in (near, far)
    ]
    assert same[0].item() == pytest.approx(same[1].item(), rel=1e-3)


def test_dlib_teaches_a_face_through_the_warp_to_its_chip():
    recognizer = DlibResnet(DlibResnetSettings())
    landmarks = torch.zeros(1, 68, 2)  # those of a face that fills the crop as it fills the chip
    landmarks[0, list(DLIB5_OF_68)] = torch.tensor(DLIB150.targets["dlib5"].tolist()) * 64 / DLIB150.side

    def chips(images):
        return chip(images, landmarks.expand(len(images), -1, -1))

    source = functional.interpolate(faces(0)[:1], size=64, mode="bicubic").clamp(0, 1)
    made = (source * 0.8).requires_grad_()
    goals = source_identity(recognizer, source, chips)
    assert identity_loss(recognizer, source, goals, chips).item() == pytest.approx(0, abs=1e-9)
    before = identity_loss(recognizer, made, goals, chips)
    before.backward()
    reached = made.grad.abs().amax(dim=(0, 1))
    assert reached[32, 32] > 0
    with torch.no_grad():  # a short step down the gradient brings the face nearer
        nearer = made - 0.01 * made.grad / made.grad.norm()
        assert identity_loss(recognizer, nearer, goals, chips) < before
