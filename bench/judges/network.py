"""The network of `attribute_judge`: a small ResNet at 64 pixels, one logit for each attribute.

    image (3, 64) ─ conv 3x3 ─ blocks at 64 ─ conv/2 ─ at 32 ─ conv/2 ─ at 16 ─ conv/2 ─ at 8 ─ mean ─ dropout ─ logits

Batch normalisation everywhere: no discriminator here has any, so that what fools one of them need not fool the judge.

Source: He et al., CVPR 2016; widths and depths are ours.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from bench.api import JudgeAgreement
from bench.errors import CorruptFile, MissingFile
from bench.network_parts import Block, Convolution
from bench.released import read_released

SIDE = 64
"""Pixels of the images that it sees."""
NAME = "judge"
"""What the network is called in a weight file."""


class JudgeNetwork(nn.Module):
    """Images to the logits of attributes.

    Args:
        attributes: A.
        widths: channels at sides 64, 32, 16 and 8.
        blocks: residual blocks at each.
        dropout: of the mean features, in training.
    """

    def __init__(self, attributes: int, widths: Sequence[int], blocks: int, dropout: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = [Convolution(3, widths[0])]
        layers += [Block(widths[0]) for _ in range(blocks)]
        for width, wider in pairwise(widths):
            layers.append(Convolution(width, wider, 2))
            layers += [Block(wider) for _ in range(blocks)]
        self.layers = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.read = nn.Linear(widths[-1], attributes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, float32 (N, A), of images, float32 (N, 3, 64, 64) RGB in [0, 1]."""
        features = self.layers((images - 0.5) * 4).mean(dim=(2, 3))
        logits: torch.Tensor = self.read(self.dropout(features))
        return logits

    def folded(self) -> JudgeNetwork:
        """This network in eval mode, its normalisations folded into its convolutions."""
        self.eval()
        for module in self.modules():
            if isinstance(module, Convolution):
                module.fold()
        return self


class ReadJudge(NamedTuple):
    """What a weight file holds.

    Attributes:
        network: in eval mode, ready for inference.
        attributes: their names.
        agreement: what is known of them; nothing where it was held against nobody.
    """

    network: JudgeNetwork
    attributes: tuple[str, ...]
    agreement: Mapping[str, JudgeAgreement]


def read_network(path: str | os.PathLike[str]) -> ReadJudge:
    """The network of a weight file, the names of its attributes, and how far it agrees with people.

    Args:
        path: what `impersona train attribute_judge` released.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: it is not such a file.
    """
    if not Path(path).is_file():
        raise MissingFile(f"no weight file at {path}; leave weights empty for the one that ships")
    settings, states = read_released(path)
    try:
        names = tuple(str(name) for name in settings["attributes"])
        network = JudgeNetwork(len(names), settings["widths"], settings["blocks"])
        network.load_state_dict(states[NAME])
        known = {name: JudgeAgreement(*one) for name, one in settings.get("agreement", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CorruptFile(
            f"{path}: not weights of attribute_judge ({error}); give a file of `impersona train attribute_judge`"
        ) from error
    return ReadJudge(network.folded(), names, known)
