"""The network of `face_parser`: a small residual U-Net at 128 pixels whose finest features lie at 64.

    image (3, 128) ─ space to depth (12, 64) ─ conv ─ blocks at 64 ─ conv/2 ─ at 32 ─ conv/2 ─ at 16 ─ conv/2 ─ at 8
      ─ + a code of the whole picture ─ 16 ─ 32 ─ 64 (each: 1x1, doubled bilinearly, + the features of that side, conv)
      ─ 1x1 to 4 x 19 ─ depth to space: logits (19, 128)

The finest convolutions would cost four times as much at 128 pixels as at 64 and know no more: a pixel's neighbours are
among the twelve channels that it starts with.

Sources: U-Net, Ronneberger et al., MICCAI 2015; residual blocks, He et al., CVPR 2016; depth to space at the end,
Shi et al., CVPR 2016. Widths and depths are ours.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from bench.errors import CorruptFile, MissingFile, ShapeError
from bench.network_parts import Block, Convolution
from bench.parsers.labels import LABELS
from bench.released import read_released

SIDE = 128
"""Pixels of the images that it sees and of the logits that it gives."""
LEVELS = 4
"""Sides 64, 32, 16 and 8."""
NAME = "parser"
"""What the network is called in a weight file."""


class ParserNetwork(nn.Module):
    """Images to the logits of 19 labels.

    Args:
        widths: channels at sides 64, 32, 16 and 8.
        depths: residual blocks at each.
    """

    def __init__(self, widths: Sequence[int], depths: Sequence[int]) -> None:
        super().__init__()
        if len(widths) != LEVELS or len(depths) != LEVELS:
            raise ShapeError(f"got {len(widths)} widths and {len(depths)} depths, expected {LEVELS} each")
        self.downs = nn.ModuleList(
            [Convolution(12, widths[0])] + [Convolution(widths[i - 1], widths[i], 2) for i in range(1, LEVELS)]
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth))) for width, depth in zip(widths, depths, strict=True)
        )
        deepest = widths[-1]
        self.whole = nn.Sequential(nn.Linear(deepest, deepest), nn.ReLU(), nn.Linear(deepest, deepest))
        self.narrow = nn.ModuleList(nn.Conv2d(widths[i], widths[i - 1], 1) for i in range(1, LEVELS))
        self.ups = nn.ModuleList(Convolution(widths[i - 1], widths[i - 1]) for i in range(1, LEVELS))
        self.read = nn.Conv2d(widths[0], 4 * len(LABELS), 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The logits.

        Args:
            images: float32 (N, 3, 128, 128) RGB in [0, 1].

        Returns:
            float32 (N, 19, 128, 128).
        """
        now = functional.pixel_unshuffle((images - 0.5) * 4, 2)
        levels = []
        for down, blocks in zip(self.downs, self.blocks, strict=True):
            now = blocks(down(now))
            levels.append(now)
        now = now + self.whole(now.mean(dim=(2, 3)))[:, :, None, None]
        for level in range(LEVELS - 1, 0, -1):
            wider = functional.interpolate(
                self.narrow[level - 1](now), scale_factor=2, mode="bilinear", align_corners=False
            )
            now = self.ups[level - 1](wider + levels[level - 1])
        return functional.pixel_shuffle(self.read(now), 2)

    def folded(self) -> ParserNetwork:
        """This network in eval mode, its normalisations folded into its convolutions."""
        self.eval()
        for module in self.modules():
            if isinstance(module, Convolution):
                module.fold()
        return self


def read_network(path: str | os.PathLike[str]) -> ParserNetwork:
    """The network of a weight file, in eval mode, ready for inference.

    Args:
        path: what `impersona train face_parser` released.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: it is not such a file.
    """
    if not Path(path).is_file():
        raise MissingFile(f"no weight file at {path}; leave weights empty for the one that ships")
    settings, states = read_released(path)
    try:
        network = ParserNetwork(settings["widths"], settings["depths"])
        network.load_state_dict(states[NAME])
    except (KeyError, TypeError, ValueError, RuntimeError, ShapeError) as error:
        raise CorruptFile(
            f"{path}: not the weights of a face parser ({error}); copy the file again, or make it with"
            " `impersona train face_parser`"
        ) from error
    return network.folded()
