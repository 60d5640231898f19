"""BridgeGAN's residual block: the one of `residual.py`, with a learned shortcut wherever it changes width or size.

Source: BridgeGAN (ICCV 2021, arXiv 2110.05055), as in its released code.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from generators.nets.residual import Norm, ResidualBlock, Resizing, instance

EPS = 1e-6
"""Of its instance norms."""


def bridge_norm(channels: int) -> nn.Module:
    """An instance norm with scale and shift."""
    return instance(channels, affine=True, eps=EPS)


def bridge_block(
    channels: int, out_channels: int, resize: Resizing = "none", *, norm: Norm = bridge_norm, slope: float = 0.0
) -> ResidualBlock:
    """The block: norm, activation, [up], convolution, norm, activation, convolution, [down]; plus the shortcut.

    Args:
        channels: what comes in.
        out_channels: what goes out.
        resize: ``"up"`` or ``"down"`` by two.
        norm: channels to a norm.
        slope: of the leaky ReLU; 0 is ReLU (generator, encoder, mapping), 0.2 the discriminator's.
    """

    def activation(features: Tensor) -> Tensor:
        return functional.leaky_relu(features, slope) if slope else functional.relu(features)

    return ResidualBlock(
        channels, out_channels, norm, resize=resize, activation=activation, shortcut_where_resized=True
    )


def start_xavier(network: nn.Module) -> None:
    """Starts every convolution and matrix Xavier-uniform, its biases at zero; changes `network` in place."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
