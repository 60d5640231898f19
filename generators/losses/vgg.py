"""VGG-19 as a perceptual network, from a file of weights that the user has: none comes with impersona.

    from safetensors.torch import save_file
    save_file(torchvision.models.vgg19(weights="IMAGENET1K_V1").state_dict(), "vgg19.safetensors")

makes such a file on a machine with torchvision and a network connection. Tensors are called as torchvision calls them
(``features.0.weight``); those of the classifier may be there and are not read.

Source: Simonyan and Zisserman, ICLR 2015, configuration E; the five depths are pix2pixHD's (Wang et al., CVPR 2018),
SPADE's and CA2-SIS's.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.errors import CorruptFile, MissingFile, ShapeError
from bench.provenance import file_digest

STAGES = ((64, 64), (128, 128), (256, 256, 256, 256), (512, 512, 512, 512), (512,))
"""Channels of the convolutions up to relu5_1; between stages the largest of each 2 x 2."""
SMALLEST_SIDE = 2 ** (len(STAGES) - 1)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of pixels in [0, 1]; what torchvision's weights were trained with."""


class Vgg19(nn.Module):
    """A `generators.training.recipe.Features`: relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 of pictures.

    It sees pictures as they are, at any side; unlike dlib's network it wants no chip of the face.

    Args:
        normalised: whether pixels get ImageNet's mean and deviation, as in VGG's own training. False feeds them in
            [-1, 1], as the released code of SPADE and of CA2-SIS does: their weight of 10 was found with that.

    Attributes:
        name: ``"vgg19"``, of weights from a file with the start of the file's digest: what every result carries.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, normalised: bool = False) -> None:
        super().__init__()
        self.name, self.normalised = "vgg19", normalised
        widths = [width for stage in STAGES for width in stage]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in zip([3, *widths], widths, strict=False)
        )
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """The features, the shallowest first, differentiable.

        Args:
            images: float (N, 3, S, S) RGB in [0, 1], S at least 16.

        Returns:
            float (N, 64, S, S), (N, 128, S/2, S/2), (N, 256, S/4, S/4), (N, 512, S/8, S/8), (N, 512, S/16, S/16).

        Raises:
            ShapeError: smaller pictures, or not three channels.
        """
        if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < SMALLEST_SIDE:
            raise ShapeError(f"got images {tuple(images.shape)}, expected (N, 3, S, S) with S at least {SMALLEST_SIDE}")
        now = (images - self.mean) / self.std if self.normalised else 2 * images - 1
        found, number = [], 0
        for depth, stage in enumerate(STAGES):
            if depth:
                now = functional.max_pool2d(now, 2)
            for place in range(len(stage)):
                now = functional.relu(self.convolutions[number](now))
                number += 1
                if not place:
                    found.append(now)
        return tuple(found)


def torchvision_names() -> tuple[str, ...]:
    """What torchvision calls the convolutions up to relu5_1, in order: ``features.0`` to ``features.28``."""
    names, place = [], 0
    for stage in STAGES:
        for _ in stage:
            names.append(f"features.{place}")
            place += 2  # the convolution and its ReLU
        place += 1  # the pooling
    return tuple(names)


def read_vgg19(path: str | os.PathLike[str], *, normalised: bool = False) -> Vgg19:
    """VGG-19 with the weights of a file, frozen, channels last in memory.

    Args:
        path: a safetensors file with torchvision's names; see the module's docstring.
        normalised: as in `Vgg19`.

    Raises:
        MissingFile: no path was given, or there is no such file.
        CorruptFile: it is no such file, or lacks a tensor, or has one of another shape.
    """
    from safetensors import SafetensorError, safe_open

    if not os.fspath(path) or not Path(path).is_file():
        raise MissingFile(
            f"no weights of vgg19 at {os.fspath(path) or 'an empty path'}: none come with impersona; on a machine with"
            ' torchvision, save_file(torchvision.models.vgg19(weights="IMAGENET1K_V1").state_dict(),'
            ' "vgg19.safetensors") with safetensors.torch makes the file; or take dlib_resnet\'s stages instead'
        )
    with torch.device("meta"):
        network = Vgg19(normalised)
    state: dict[str, Tensor] = {}
    try:
        with safe_open(os.fspath(path), framework="pt") as file:
            for number, name in enumerate(torchvision_names()):
                for part in ("weight", "bias"):
                    state[f"convolutions.{number}.{part}"] = file.get_tensor(f"{name}.{part}").float()
        network.load_state_dict(state, assign=True)
    except (SafetensorError, RuntimeError) as error:
        raise CorruptFile(
            f"{path}: not the weights of vgg19 with torchvision's names ({error}); make the file again"
        ) from error
    network.mean, network.std = (torch.tensor(each)[:, None, None] for each in (IMAGENET_MEAN, IMAGENET_STD))
    network.name = f"vgg19:{file_digest(path)[:12]}"
    network.requires_grad_(False).eval()
    arranged: Vgg19 = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return arranged
