"""The multi-scale PatchGAN: judges patches of a picture beside its region map, at the full side, half of it, and so on.

Source: Wang et al., CVPR 2018 (pix2pixHD); with spectral norm: Park et al., CVPR 2019. The default widths are those of
CA2-SIS (arXiv 2308.16071): 1,364,098 parameters for two scales and 19 regions.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from generators.nets.regions import CLASSES
from generators.nets.residual import InstanceNorm, leaky, plain

Features = tuple[Tensor, ...]
"""What the layers of one scale give, in order; the last are its logits, float (N, 1, h, w), higher is more real."""


class PatchGan(nn.Module):
    """Judges pictures with their region maps.

    Args:
        regions: R of the maps; 0 for pictures alone.
        widths: channels of the layers, each of which halves the side; a last one makes the logits.
        scales: how many copies there are; each sees half the side of the one before.
        spectral: spectral norm on the layers between the first and the last.
        normalised: an instance norm behind these.
        channels: of the pictures.
    """

    def __init__(
        self,
        regions: int = CLASSES,
        *,
        widths: Sequence[int] = (64, 128, 256),
        scales: int = 2,
        spectral: bool = True,
        normalised: bool = True,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList(_Scale(regions + channels, widths, spectral, normalised) for _ in range(scales))

    def forward(self, images: Tensor, masks: Tensor | None = None) -> tuple[Features, ...]:
        """What each scale saw and how it judges; real and made pictures can stand in one batch.

        Args:
            images: float (N, 3, S, S) in [0, 1].
            masks: float (N, R, S, S), soft or one-hot; None where it was built for pictures alone.

        Returns:
            For each scale, the largest first, the features of its layers, the logits last.
        """
        seen = 2 * images - 1
        if masks is not None:
            seen = torch.cat([masks, seen], dim=1)
        judged = []
        for number, scale in enumerate(self.scales):
            if number:
                seen = functional.avg_pool2d(seen, 3, stride=2, padding=1, count_include_pad=False)
            judged.append(scale(seen))
        return tuple(judged)


class _Scale(nn.Module):
    def __init__(self, channels: int, widths: Sequence[int], spectral: bool, normalised: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, stride=2, padding=2)]
        norms: list[nn.Module] = [nn.Identity()]
        for before, after in itertools.pairwise(widths):
            # An instance norm takes away what a bias adds.
            layer: nn.Module = nn.Conv2d(before, after, 4, stride=2, padding=2, bias=not normalised)
            layers.append(spectral_norm(layer) if spectral else layer)
            norms.append(InstanceNorm(after) if normalised else plain(after))
        self.layers, self.norms = nn.ModuleList(layers), nn.ModuleList(norms)
        self.last = nn.Conv2d(widths[-1], 1, 4, padding=2)

    def forward(self, seen: Tensor) -> Features:
        features = []
        for layer, norm in zip(self.layers, self.norms, strict=True):
            seen = leaky(norm(layer(seen)))
            features.append(seen)
        return (*features, self.last(seen))
