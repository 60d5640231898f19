"""One residual block for every network here: which norm it has, how it resizes and how it starts are arguments.

    norm - activation - [up] - conv 3x3 - norm - activation - conv 3x3 - [down]     plus the shortcut

A norm may take conditions besides the features, such as region maps and style codes (`generators.nets.spade`): what the
block is given beyond the features is handed on to each of its norms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

Norm = Callable[[int], nn.Module]
"""Channels to a norm."""
Resizing = Literal["none", "up", "down"]


def leaky(features: Tensor) -> Tensor:
    """The leaky ReLU of slope 0.2, SPADE's and SEAN's."""
    return functional.leaky_relu(features, 0.2)


def plain(_channels: int) -> nn.Module:
    """No norm at all."""
    return nn.Identity()


def instance(channels: int, affine: bool = False, eps: float = 1e-5) -> nn.Module:
    """An instance norm."""
    return InstanceNorm(channels, affine, eps)


class InstanceNorm(nn.Module):
    """An instance norm that keeps channels last, and on CPU is several times as fast as torch's own there.

    Args:
        channels: C.
        affine: whether it has a scale and a shift of its own.
        eps: added to the variance.
    """

    def __init__(self, channels: int, affine: bool = False, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, features: Tensor) -> Tensor:
        """Float (N, C, H, W): each channel of each picture has mean 0 and variance 1, before scale and shift."""
        if features.device.type != "cpu":
            return functional.instance_norm(features, weight=self.weight, bias=self.bias, eps=self.eps)
        normalised: Tensor = _Normalise.apply(features, self.eps)  # type: ignore[no-untyped-call]
        if self.weight is None or self.bias is None:
            return normalised
        return torch.addcmul(self.bias.view(1, -1, 1, 1), normalised, self.weight.view(1, -1, 1, 1))


class _Normalise(torch.autograd.Function):
    """Means as matrix products over pixels: on two cores a fifth of the time of `functional.group_norm`'s backward."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, eps: float) -> Tensor:
        pixels = features.permute(0, 2, 3, 1).flatten(1, 2)
        average = pixels.new_full((len(pixels), 1, pixels.shape[1]), 1 / pixels.shape[1])
        centred = pixels - torch.bmm(average, pixels)
        scale = torch.rsqrt(torch.bmm(average, centred.square()) + eps)
        normalised = centred.mul_(scale)
        ctx.save_for_backward(normalised, scale, average)
        return _maps(normalised, features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        normalised, scale, average = ctx.saved_tensors
        pixels = gradient.permute(0, 2, 3, 1).flatten(1, 2)
        along = torch.bmm(average, pixels * normalised)
        found = (pixels - torch.bmm(average, pixels)).addcmul_(normalised, along, value=-1).mul_(scale)
        return _maps(found, gradient), None


def _maps(pixels: Tensor, like: Tensor) -> Tensor:
    """(N, H * W, C) as (N, C, H, W), channels last in memory."""
    count, channels, height, width = like.shape
    return pixels.view(count, height, width, channels).permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """A residual block.

    Args:
        channels: C, what comes in.
        out_channels: C', what goes out.
        norm: channels to a norm; called for both, and for the shortcut's if it has one.
        middle: channels between the convolutions; None for C'. SPADE and SEAN have the smaller of C and C'.
        resize: ``"up"`` doubles the side, nearest, before the first convolution; ``"down"`` halves it, by averages,
            behind the second.
        activation: what follows a norm.
        shortcut_norm: whether a learned shortcut has a norm before it, as SPADE's and SEAN's have; without activation.
        shortcut_bias: whether a learned shortcut has a bias.
        shortcut_where_resized: learn a shortcut wherever the side changes, and not only where widths differ.
        spectral: spectral norm on every convolution.
        zero_start: the second convolution starts at zero, so that the block starts as its shortcut.

    Raises:
        ValueError: `spectral` with `zero_start`: a matrix of zeros has no spectral norm to divide by.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        norm: Norm,
        *,
        middle: int | None = None,
        resize: Resizing = "none",
        activation: Callable[[Tensor], Tensor] = leaky,
        shortcut_norm: bool = False,
        shortcut_bias: bool = True,
        shortcut_where_resized: bool = False,
        spectral: bool = False,
        zero_start: bool = False,
    ) -> None:
        super().__init__()
        if spectral and zero_start:
            raise ValueError("zero_start: got True with spectral, expected one of the two")
        middle = out_channels if middle is None else middle
        self.resize, self.activation = resize, activation
        self.first_norm, self.second_norm = norm(channels), norm(middle)
        first: nn.Module = nn.Conv2d(channels, middle, 3, padding=1)
        second: nn.Module = nn.Conv2d(middle, out_channels, 3, padding=1)
        if zero_start:
            for values in second.parameters():
                nn.init.zeros_(values)
        shortcut: nn.Module | None = None
        if channels != out_channels or (shortcut_where_resized and resize != "none"):
            shortcut = nn.Conv2d(channels, out_channels, 1, bias=shortcut_bias)
        self.shortcut_norm = norm(channels) if shortcut is not None and shortcut_norm else None
        if spectral:
            first, second = spectral_norm(first), spectral_norm(second)
            shortcut = spectral_norm(shortcut) if shortcut is not None else None
        self.first, self.second, self.shortcut = first, second, shortcut

    def forward(self, features: Tensor, *conditions: Any) -> Tensor:
        """The block.

        Args:
            features: float (N, C, H, W).
            conditions: whatever the norms take besides features.

        Returns:
            float (N, C', H', W'): twice or half the side where it resizes.
        """
        changed = self.activation(self.first_norm(features, *conditions))
        changed = self.first(_doubled(changed) if self.resize == "up" else changed)
        changed = self.second(self.activation(self.second_norm(changed, *conditions)))
        skipped = self._skipped(features, conditions)
        return skipped + (_halved(changed) if self.resize == "down" else changed)

    def _skipped(self, features: Tensor, conditions: tuple[Any, ...]) -> Tensor:
        if self.shortcut is not None and self.shortcut_norm is not None:
            features = self.shortcut_norm(features, *conditions)
        # A 1x1 convolution changes places with nearest upsampling and with averages: it runs where the side is smaller.
        features = _halved(features) if self.resize == "down" else features
        features = features if self.shortcut is None else self.shortcut(features)
        return _doubled(features) if self.resize == "up" else features


def _doubled(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="nearest")


def _halved(features: Tensor) -> Tensor:
    return functional.avg_pool2d(features, 2)


def start_like_gan(
    network: nn.Module,
    gain: float = 0.02,
    layers: tuple[type[nn.Module], ...] = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear),
) -> None:
    """Starts convolutions and matrices of a network Xavier-normal with a gain, their biases at zero.

    Args:
        network: changed in place; with spectral norm, the weight before it.
        gain: 0.02 is SPADE's.
        layers: the kinds that are started so; others stay as they are.
    """
    for module in network.modules():
        if isinstance(module, layers):
            parametrized = getattr(module, "parametrizations", None)
            weight = parametrized.weight.original if parametrized is not None else module.weight
            assert isinstance(weight, Tensor)
            with torch.no_grad():
                nn.init.xavier_normal_(weight, gain)
                if isinstance(module.bias, Tensor):
                    nn.init.zeros_(module.bias)
    settle_spectral(network)


@torch.no_grad()
def settle_spectral(network: nn.Module, rounds: int = 15) -> None:
    """Finds the largest singular vectors of every weight under spectral norm again.

    Torch finds them when a layer is made, and improves them by one round in every pass of training. Whoever changes
    weights otherwise, by starting or averaging them, leaves vectors of other weights behind, and in eval mode the layer
    then divides by a number that is too small.

    Args:
        network: its buffers are changed in place; layers on the device ``meta`` have none to find.
        rounds: of the power method; torch takes 15 for a new layer.
    """
    for module in network.modules():
        if is_parametrized(module, "weight") and not next(module.parameters()).is_meta:
            norms = list(module.parametrizations.weight)  # type: ignore[union-attr, arg-type]
            was = [norm.training for norm in norms]
            for norm in norms:
                norm.train()
            for _ in range(rounds):
                _ = module.weight  # in training mode, reading the weight is one round
            for norm, training in zip(norms, was, strict=True):
                norm.train(training)
