"""Attention of picture features to style tokens, after CA2-SIS (arXiv 2308.16071; its code's sizes).

Features lie channels last in memory, so that pixels as tokens, (N, H·W, C), are a view of them: nothing is permuted on
the way in or out.

Attention to few tokens is computed in an order that costs less and gives the same numbers. A head's logits are
(x Wq)(s Wk)ᵀ = x (Wq Kᵀ), and its share of the output is A (s Wv) Wo = A (V Wo): with P pixels, T tokens, h heads and
width E, the projections of the pixels cost 2·P·h·T·E products rather than 2·P·E². At 8 heads and 20 tokens of 512 that
is less than a third of the multiplications; on a CPU, forward and backward took 0.35 to 0.6 of the time (docs/nets.md).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint


class Attended(NamedTuple):
    """What a `SpatialTransformer` gives.

    Attributes:
        features: (N, C, H, W), channels last.
        logits: (N, T, H, W), the scaled products before the softmax, averaged over heads, for attention supervision;
            None unless asked for.
        weights: (N, T, H, W), the softmax over the tokens, averaged over heads; sums to 1 over T. None unless asked
            for.
    """

    features: Tensor
    logits: Tensor | None = None
    weights: Tensor | None = None


class SelfAttention(nn.Module):
    """Pixels that attend to each other, without positions: q, k, v without bias, the output with one.

    Args:
        width: E, of the tokens.
        heads: h.
        head_width: d of a head; the scale is d^-0.5.
    """

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        inner = heads * head_width
        self.heads = heads
        self.query = nn.Linear(width, inner, bias=False)
        self.key = nn.Linear(width, inner, bias=False)
        self.value = nn.Linear(width, inner, bias=False)
        self.out = nn.Linear(inner, width)

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, P, E) from (N, P, E)."""
        query, key, value = (_by_head(part(pixels), self.heads) for part in (self.query, self.key, self.value))
        attended: Tensor = self.out(_joined(functional.scaled_dot_product_attention(query, key, value)))
        return attended


class CrossAttention(nn.Module):
    """Pixels that attend to tokens: q, k, v without bias, the output with one.

    Args:
        width: E, of the pixels.
        context: of the tokens.
        heads: h.
        head_width: d of a head; the scale is d^-0.5.
    """

    def __init__(self, width: int, context: int, heads: int, head_width: int) -> None:
        super().__init__()
        inner = heads * head_width
        self.heads, self.head_width = heads, head_width
        self.query = nn.Linear(width, inner, bias=False)
        self.key = nn.Linear(context, inner, bias=False)
        self.value = nn.Linear(context, inner, bias=False)
        self.out = nn.Linear(inner, width)

    def forward(self, pixels: Tensor, tokens: Tensor, logits: bool = False, weights: bool = False) -> Attended:
        """Attention to the tokens.

        Args:
            pixels: (N, P, E).
            tokens: (N, T, context).
            logits: whether to give them.
            weights: whether to give them.

        Returns:
            Features (N, P, E), logits and weights (N, P, T), averaged over heads.
        """
        # Which order costs less depends on shapes alone; the numbers are the same up to rounding.
        if weights or tokens.shape[1] < self.head_width:
            return self._folded(pixels, tokens, logits, weights)
        return self._fused(pixels, tokens, logits)

    def _folded(self, pixels: Tensor, tokens: Tensor, logits: bool, weights: bool) -> Attended:
        count, number = tokens.shape[:2]
        heads, each, width = self.heads, self.head_width, pixels.shape[2]

        def of_heads(projected: Tensor) -> Tensor:  # (N, T, h·d) to (h, N·T, d)
            return projected.view(count * number, heads, each).transpose(0, 1)

        # (h, N·T, E): every head's keys, seen through the queries' matrix, and its values, through the output's.
        keys = torch.bmm(of_heads(self.key(tokens)), self.query.weight.view(heads, each, width)) * each**-0.5
        values = torch.bmm(of_heads(self.value(tokens)), self.out.weight.view(width, heads, each).permute(1, 2, 0))
        keys = keys.view(heads, count, number, width).permute(1, 0, 2, 3).reshape(count, heads * number, width)
        values = values.view(heads, count, number, width).permute(1, 0, 2, 3).reshape(count, heads * number, width)
        products = torch.bmm(pixels, keys.transpose(1, 2)).view(count, -1, heads, number)
        shares = products.softmax(-1)
        attended = torch.bmm(shares.view(count, -1, heads * number), values) + self.out.bias
        return Attended(attended, products.mean(2) if logits else None, shares.mean(2) if weights else None)

    def _fused(self, pixels: Tensor, tokens: Tensor, logits: bool) -> Attended:
        query, key, value = self.query(pixels), self.key(tokens), self.value(tokens)
        by_head = [_by_head(part, self.heads) for part in (query, key, value)]
        attended = self.out(_joined(functional.scaled_dot_product_attention(by_head[0], by_head[1], by_head[2])))
        if not logits:
            return Attended(attended)
        # The mean over heads of q_h·k_h is the product over the whole width, divided by h.
        return Attended(attended, torch.bmm(query, key.transpose(1, 2)) * (self.head_width**-0.5 / self.heads))


class GatedFeedForward(nn.Module):
    """GEGLU (arXiv 2002.05202) and a matrix back: (value · gelu(gate)) W.

    Args:
        width: E.
        mult: the inner width is ``mult`` times E; 4 in CA2-SIS.
    """

    def __init__(self, width: int, mult: int = 4) -> None:
        super().__init__()
        self.into = nn.Linear(width, 2 * mult * width)
        self.out = nn.Linear(mult * width, width)

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, P, E) from (N, P, E)."""
        value, gate = self.into(pixels).chunk(2, dim=-1)
        gated: Tensor = self.out(value * functional.gelu(gate))
        return gated


class SpatialTransformer(nn.Module):
    """Group norm, pixels as tokens, self-attention where asked for, cross-attention, feed-forward; added to its input.

    The matrix back starts at zero: a fresh one is the identity, whatever the tokens say.

    Args:
        width: C, of the features.
        context: of the tokens.
        heads: h.
        head_width: d of a head; inside, pixels have h·d channels.
        self_attention: whether pixels also attend to each other; its cost grows with the square of their number.
        mult: of the feed-forward's inner width.
        groups: of the norm; 32 in CA2-SIS.
        recompute: forget what is inside after the forward pass and compute it again for the backward pass, which needs
            less memory and a third more time.
    """

    def __init__(
        self,
        width: int,
        context: int,
        *,
        heads: int = 8,
        head_width: int = 64,
        self_attention: bool = True,
        mult: int = 4,
        groups: int = 32,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        inner = heads * head_width
        self.recompute = recompute
        self.norm = nn.GroupNorm(groups, width, eps=1e-6)
        self.into = nn.Linear(width, inner)
        self.self_norm = nn.LayerNorm(inner) if self_attention else None
        self.self_attention = SelfAttention(inner, heads, head_width) if self_attention else None
        self.cross_norm = nn.LayerNorm(inner)
        self.cross_attention = CrossAttention(inner, context, heads, head_width)
        self.forward_norm = nn.LayerNorm(inner)
        self.feed_forward = GatedFeedForward(inner, mult)
        self.out = nn.Linear(inner, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, features: Tensor, tokens: Tensor, *, logits: bool = False, weights: bool = False) -> Attended:
        """The features, changed by what they attend to.

        Args:
            features: (N, C, H, W), channels last.
            tokens: (N, T, context).
            logits: whether to give them.
            weights: whether to give them.
        """
        count, width, height, wide = features.shape
        pixels = self.norm(features).permute(0, 2, 3, 1).reshape(count, height * wide, width)
        if self.recompute and torch.is_grad_enabled():
            found = checkpoint(
                self._block, pixels, tokens, logits, weights, use_reentrant=False, preserve_rng_state=False
            )
        else:
            found = self._block(pixels, tokens, logits, weights)
        changed, products, shares = (
            None if one is None else one.reshape(count, height, wide, -1).permute(0, 3, 1, 2) for one in found
        )
        assert changed is not None
        return Attended(features + changed, products, shares)

    def _block(self, pixels: Tensor, tokens: Tensor, logits: bool, weights: bool) -> Attended:
        pixels = self.into(pixels)
        if self.self_norm is not None and self.self_attention is not None:
            pixels = pixels + self.self_attention(self.self_norm(pixels))
        attended = self.cross_attention(self.cross_norm(pixels), tokens, logits, weights)
        pixels = pixels + attended.features
        pixels = pixels + self.feed_forward(self.forward_norm(pixels))
        return Attended(self.out(pixels), attended.logits, attended.weights)


def _by_head(projected: Tensor, heads: int) -> Tensor:
    """(N, P, h·d) to (N, h, P, d), a view."""
    count, length, inner = projected.shape
    return projected.view(count, length, heads, inner // heads).transpose(1, 2)


def _joined(by_head: Tensor) -> Tensor:
    """(N, h, P, d) to (N, P, h·d)."""
    return by_head.transpose(1, 2).flatten(2)
