"""Features of a photo, pixel by pixel, for a generator that would otherwise know one code of each region: ours."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from generators.nets.residual import leaky


class DetailEncoder(nn.Module):
    """Convolutions down to a side, a few channels for each pixel there, and a matrix that starts at zero.

    Args:
        channels: of what it gives.
        halvings: of the photo's side.
        width: channels of the first convolution; doubled with every halving.
        code: channels through which all must go: how much of the photo can come past the style codes.
    """

    def __init__(self, channels: int, halvings: int, width: int = 24, code: int = 16) -> None:
        super().__init__()
        widths = [width * 2**step for step in range(halvings + 1)]
        downs = [nn.Conv2d(here, there, 3, stride=2, padding=1) for here, there in pairwise(widths)]
        self.layers = nn.ModuleList([nn.Conv2d(3, width, 3, padding=1), *downs])
        self.code = nn.Conv2d(widths[-1], code, 1)
        self.out = nn.Conv2d(code, channels, 1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(self, images: Tensor) -> Tensor:
        """The features.

        Args:
            images: float (N, 3, S, S) RGB in [0, 1].

        Returns:
            float (N, channels, s, s), s = S / 2 ** halvings; zeros from a fresh one.
        """
        features = 2 * images - 1
        for layer in self.layers:
            features = leaky(layer(features))
        found: Tensor = self.out(self.code(features).tanh())
        return found
