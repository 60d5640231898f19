"""The composer: regions of several people, one upon another and with holes between them, to one coherent soft layout.

    stack    each region by itself: two grouped convolutions, the second halves the side
    U-Net    residual blocks at S / 2 and below, what the finer sides have joins on the way back
    logits   of every region in every pixel; what the stack itself says joins them, unless the preset leaves that out
    maps     softmax of logits / temperature over the regions that the stack has

Source: after Demir and Ciftci, arXiv 2111.12705, whose sizes were not seen: layers and widths are ours.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.mixsyn.settings import MixSynPreset
from generators.nets.regions import one_hot
from generators.nets.residual import ResidualBlock

ABSENT = -1e4
"""The logit of a region that the stack has no pixel of: its share is then 0 to the last bit."""

PRIOR = 5.0
"""What the stack starts with in the logits: among 19 regions, one that is alone in a pixel gets 0.89 of it."""

NOISE_START = 0.02


class Composition(NamedTuple):
    """What a `Composer` gives.

    Attributes:
        logits: float (N, R, S, S); `ABSENT` for regions that the stack does not have.
        maps: float (N, R, S, S), the composition: it sums to 1 over R.
    """

    logits: Tensor
    maps: Tensor


class Composer(nn.Module):
    """A region stack to a fuzzy composition.

    Noise changes little at first: its matrix starts small, and not at zero, where no gradient of a difference is.

    Args:
        preset: `stem`, the fields that begin with `composer`, `regions`.
    """

    def __init__(self, preset: MixSynPreset) -> None:
        super().__init__()
        regions, widths, width = preset.regions, preset.composer, preset.composer[0]
        channels = regions * preset.stem
        # Groups for regions: up to the fusion, no region knows of another.
        self.stem = nn.Sequential(
            nn.Conv2d(regions, channels, 3, padding=1, groups=regions),
            nn.GroupNorm(regions, channels),
            nn.ReLU(inplace=True),  # the largest maps of the network, one copy less
            nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=regions),
            nn.GroupNorm(regions, channels),
            nn.ReLU(inplace=True),
        )
        self.fusion = nn.Conv2d(channels, width, 1)
        block = partial(ResidualBlock, norm=partial(nn.GroupNorm, preset.composer_groups), activation=functional.silu)
        self.down = nn.ModuleList(block(before, after) for before, after in zip((width, *widths), widths, strict=False))
        self.middle = nn.ModuleList(block(widths[-1], widths[-1]) for _ in range(2))
        self.up = nn.ModuleList(block(after + before, after) for before, after in itertools.pairwise(widths[::-1]))
        self.last = nn.Conv2d(width, regions, 3, padding=1)
        self.prior = nn.Parameter(torch.tensor(PRIOR)) if preset.composer_prior else None
        self.of_noise: nn.Linear | None = None
        if preset.composer_noise:
            self.of_noise = nn.Linear(preset.composer_noise, widths[-1], bias=False)
            nn.init.normal_(self.of_noise.weight, std=NOISE_START)

    def forward(self, stack: Tensor, noise: Tensor | None = None, *, temperature: float = 1.0) -> Composition:
        """The composition.

        Args:
            stack: float (N, R, S, S) in [0, 1], each region's map from the source that it comes from; they may overlap
                and leave holes. Each row has a pixel of some region: whoever stacks sees to that.
            noise: float (N, Z), standard normal, by which compositions of one stack differ; None for none.
            temperature: of the softmax, 0 to 1: 1 as in training; the lower, the harder, and 0 gives each pixel to one
                region, without gradients.

        Returns:
            Logits and maps; the maps are channels last in memory.

        Raises:
            ValueError: noise for a composer that was built without, or a temperature out of range.
        """
        if not 0 <= temperature <= 1:
            raise ValueError(f"temperature: got {temperature}, expected 0 to 1")
        if noise is not None and self.of_noise is None:
            raise ValueError(f"noise: got {tuple(noise.shape)}, expected none: the preset's composer_noise is 0")
        logits = functional.interpolate(self._halved_logits(stack, noise), scale_factor=2, mode="bilinear")
        if self.prior is not None:
            logits = torch.addcmul(logits, stack, self.prior)
        absent = stack.detach().amax(dim=(2, 3), keepdim=True) <= 0
        logits = logits.masked_fill(absent, ABSENT)
        if temperature == 0:
            return Composition(logits, one_hot(logits.argmax(dim=1), logits.shape[1]).to(logits.dtype))
        # The last dimension in memory is the one that torch can do without putting all in another order.
        maps = torch.softmax(logits.permute(0, 2, 3, 1) / temperature, dim=3).permute(0, 3, 1, 2)
        return Composition(logits, maps)

    def _halved_logits(self, stack: Tensor, noise: Tensor | None) -> Tensor:
        """(N, R, S / 2, S / 2)."""
        features = self.fusion(self.stem(stack))
        finer = []
        for number, block in enumerate(self.down):
            features = block(functional.avg_pool2d(features, 2) if number else features)
            finer.append(features)
        if self.of_noise is not None and noise is not None:
            features = features + self.of_noise(noise)[:, :, None, None]
        for block in self.middle:
            features = block(features)
        for block, beside in zip(self.up, finer[-2::-1], strict=True):
            grown = functional.interpolate(features, scale_factor=2, mode="nearest")
            features = block(torch.cat([grown, beside], dim=1))
        logits: Tensor = self.last(features)
        return logits
