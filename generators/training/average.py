"""The exponential moving average of networks (EMA): what is released and what samples are made with.

Task: after step n (from 0) every averaged weight is ``average + (1 - d) * (weight - average)`` with
``d = min(decay, (1 + n) / (10 + n))``: the first steps, whose weights are still noise, are forgotten fast, and the
average has the given decay from the step on where (1 + n) / (10 + n) reaches it. Buffers, such as running statistics,
are copied.

Source: the warm-up is that of TensorFlow's ExponentialMovingAverage (``num_updates``).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import nn


class Average:
    """Averages of networks, kept as networks of their own in eval mode.

    Args:
        networks: name to the network that is trained.
        averaged: which of them are averaged.
        decay: of the average for one step, in [0, 1).
    """

    def __init__(self, networks: Mapping[str, nn.Module], averaged: frozenset[str], decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"ema_decay: got {decay}, expected 0 or more and less than 1")
        if unknown := sorted(averaged - set(networks)):
            raise ValueError(f"averaged: got {', '.join(unknown)}, expected names among {', '.join(sorted(networks))}")
        self.decay = decay
        self.networks = {name: copy.deepcopy(networks[name]) for name in sorted(averaged)}
        # Parameters are kept detached: the same memory, and nothing that autograd looks at in every step.
        both = [[one[name] for name in self.networks] for one in (self.networks, networks)]
        self._weights, self._own_weights = ([p.detach() for one in those for p in one.parameters()] for those in both)
        self._buffers, self._own_buffers = ([b for one in those for b in one.buffers()] for those in both)
        for network in self.networks.values():
            network.requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, number: int) -> None:
        """Takes the weights in as they are after step `number`, from 0."""
        share = 1 - decay_at(self.decay, number)
        if self._weights:
            torch._foreach_lerp_(self._weights, self._own_weights, share)
        if self._buffers:
            torch._foreach_copy_(self._buffers, self._own_buffers)

    def shown(self, networks: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
        """All networks, the averaged ones with their averages."""
        return {**networks, **self.networks}


def decay_at(decay: float, number: int) -> float:
    """The decay of step `number`, from 0; see the module's docstring."""
    return min(decay, (1 + number) / (10 + number))
