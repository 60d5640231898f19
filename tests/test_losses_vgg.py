"""VGG-19 as a perceptual network: its layers against a plain definition, files of weights, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from bench.errors import CorruptFile, MissingFile, ShapeError
from generators.losses.perceptual import perceptual
from generators.losses.vgg import IMAGENET_MEAN, IMAGENET_STD, Vgg19, read_vgg19, torchvision_names

NUMBERS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)
"""Of torchvision's convolutions up to relu5_1."""
WIDTHS = (64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512)
POOLED, DEPTHS = (4, 9, 18, 27), (1, 6, 11, 20, 29)


def weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    found = {"classifier.0.bias": torch.zeros(4)}
    for number, before, after in zip(NUMBERS, (3, *WIDTHS), WIDTHS, strict=False):
        found[f"features.{number}.weight"] = torch.randn(after, before, 3, 3) * (2 / (9 * before)) ** 0.5
        found[f"features.{number}.bias"] = 0.1 * torch.randn(after)
    return found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vgg") / "vgg19.safetensors"
    save_file(weights(), path)
    return path


def by_torchvisions_list(pixels: Tensor) -> list[Tensor]:
    """The features as torchvision's list of layers gives them."""
    known, found, now = weights(), [], pixels
    for number in range(30):
        if number in NUMBERS:
            now = functional.conv2d(
                now, known[f"features.{number}.weight"], known[f"features.{number}.bias"], padding=1
            )
        elif number in POOLED:
            now = functional.max_pool2d(now, 2)
        else:
            now = now.relu()
        if number in DEPTHS:
            found.append(now)
    return found


@pytest.mark.parametrize("normalised", [False, True])
def test_the_five_depths_are_torchvisions(file: Path, normalised: bool) -> None:
    network = read_vgg19(file, normalised=normalised)
    images = torch.rand(2, 3, 32, 32)
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (IMAGENET_MEAN, IMAGENET_STD))
    expected = by_torchvisions_list((images - mean) / std if normalised else 2 * images - 1)
    found = network(images)
    assert [tuple(one.shape[1:]) for one in found] == [
        (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)
    ]  # fmt: skip
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_it_teaches_pictures_and_never_learns(file: Path) -> None:
    network = read_vgg19(file)
    images = torch.rand(1, 3, 16, 16, requires_grad=True)
    perceptual(network(torch.rand(1, 3, 16, 16)), network(images)).backward()
    assert images.grad is not None
    assert images.grad.abs().amax() > 0
    assert not any(one.requires_grad for one in network.parameters())
    assert network.name.startswith("vgg19:")
    assert len(network.name) == len("vgg19:") + 12


def test_its_size_without_memory() -> None:
    with torch.device("meta"):
        network = Vgg19()
    assert torchvision_names() == tuple(f"features.{number}" for number in NUMBERS)
    # The published 20,024,384 of all sixteen convolutions less the three behind relu5_1.
    assert sum(one.numel() for one in network.parameters()) == 20_024_384 - 3 * (512 * 512 * 9 + 512)
    assert all(isinstance(one, nn.Conv2d) for one in network.convolutions)


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    for path in ("", tmp_path / "none.safetensors"):
        with pytest.raises(MissingFile, match=r"no weights of vgg19 at .* none come with impersona; .*torchvision"):
            read_vgg19(path)
    (tmp_path / "text").write_text("weights")
    with pytest.raises(CorruptFile, match="torchvision's names"):
        read_vgg19(tmp_path / "text")
    lacking = weights()
    del lacking["features.28.bias"]
    save_file(lacking, tmp_path / "lacking")
    with pytest.raises(CorruptFile, match=r"features\.28\.bias"):
        read_vgg19(tmp_path / "lacking")
    other = weights() | {"features.0.weight": torch.zeros(64, 1, 3, 3)}
    save_file(other, tmp_path / "other")
    with pytest.raises(CorruptFile, match=r"convolutions\.0\.weight"):
        read_vgg19(tmp_path / "other")


def test_pictures_that_are_too_small_are_refused(file: Path) -> None:
    with pytest.raises(ShapeError, match=r"got images \(1, 3, 8, 8\), expected .* at least 16"):
        read_vgg19(file)(torch.rand(1, 3, 8, 8))
