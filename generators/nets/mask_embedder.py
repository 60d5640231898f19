"""Region maps to small maps, each by itself, so that a part can be exchanged or interpolated.

Source: the mask embedder of CA2-SIS (arXiv 2308.16071), sizes as in its released code: 4,194,560 parameters.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class MaskEmbedder(nn.Module):
    """One matrix for the maps of all parts; the background, class 0, has none.

    Args:
        mask_side: to which the maps come first, by the nearest pixel; 128 in CA2-SIS.
        side: of what a map comes to; 16 in CA2-SIS.
    """

    def __init__(self, mask_side: int = 128, side: int = 16) -> None:
        super().__init__()
        self.mask_side, self.side = mask_side, side
        self.shared = nn.Linear(mask_side**2, side**2)

    def forward(self, masks: Tensor) -> Tensor:
        """The small maps.

        Args:
            masks: float (N, R, S, S), one-hot or soft.

        Returns:
            float (N, R - 1, side, side): one for each class but the first.
        """
        parts = functional.interpolate(masks[:, 1:], (self.mask_side, self.mask_side))
        embedded: Tensor = self.shared(parts.flatten(2))
        return embedded.view(*embedded.shape[:2], self.side, self.side)
