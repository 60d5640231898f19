"""The networks of `sis`: a generator that attends to style codes and an identity, and what makes these."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from generators.nets.attention import SpatialTransformer
from generators.nets.detail_encoder import DetailEncoder
from generators.nets.grouped_style_encoder import GroupedStyleEncoder
from generators.nets.identity_token import IdentityToken
from generators.nets.mapping import StyleMapping
from generators.nets.patchgan import PatchGan
from generators.nets.spade import style_projection
from generators.nets.style_encoder import RegionStyleEncoder
from generators.preset_networks import image_judge
from generators.sis.settings import SisPreset
from generators.sis.trunks import EmbeddedTrunk, ModulatedTrunk


class SisFaces(NamedTuple):
    """What a `SisGenerator` gives.

    Attributes:
        faces: float (N, 3, S, S) RGB in [0, 1].
        logits: of each cross-attention, the coarsest first, float (N, T', h, w): scaled products before the softmax,
            averaged over heads; T' is R where a layer does not see the identity. Empty unless asked for.
        weights: likewise the shares of attention, float (N, T, h, w), which sum to 1 over T; 0 for an identity that a
            layer does not see. Empty unless asked for.
    """

    faces: Tensor
    logits: tuple[Tensor, ...] = ()
    weights: tuple[Tensor, ...] = ()


class SisGenerator(nn.Module):
    """Masks, styles and an identity to faces.

    Source: CA2-SIS, arXiv 2308.16071 (layout ``"embedded"``), with the identity as one more token: Tarollo et al.,
    CVPRW 2024, arXiv 2404.10408. The layout ``"modulated"`` is ours.
    """

    def __init__(self, preset: SisPreset) -> None:
        super().__init__()
        self.preset = preset
        embedded = preset.layout == "embedded"
        self.trunk = EmbeddedTrunk(preset) if embedded else ModulatedTrunk(preset)
        # CA2-SIS's encoder has channels for each region, so that its codes tell which they are of. Codes of one mean
        # network do not: they get a name of their region here, and a start that lets them differ (see the projection).
        self.token_of_style = None if embedded else style_projection(preset.style, preset.style)
        self.token_of_region = None if embedded else nn.Parameter(torch.randn(preset.regions, preset.style))
        self.token_of_identity: IdentityToken | None = None
        if preset.identity:
            self.token_of_identity = IdentityToken(
                preset.identity, preset.style, norm=preset.identity_norm, scale=preset.identity_scale
            )
        channels = dict(preset.levels)
        self.attention = nn.ModuleList(
            SpatialTransformer(
                channels[side],
                preset.style,
                heads=heads,
                head_width=head_width,
                self_attention=side in preset.self_attention,
                mult=preset.mult,
                groups=preset.groups,
                recompute=preset.recompute,
            )
            for side, heads, head_width in preset.attention
        )
        behind = {side: number for number, (side, _) in enumerate(preset.levels)}  # the last block of each side
        self._attends = {behind[side]: layer for layer, (side, _, _) in enumerate(preset.attention)}
        self._detailed = behind[preset.detail] if preset.detail else None
        shown = preset.identity_levels or [side for side, _, _ in preset.attention]
        self._sees = tuple(bool(preset.identity) and side in shown for side, _, _ in preset.attention)

    def embed(self, masks: Tensor) -> Tensor:
        """What the masks come to before the first level, so that parts can be exchanged and interpolated.

        Args:
            masks: float (N, R, S, S), one-hot or soft.

        Returns:
            Layout ``"embedded"``: float (N, R - 1, h, h), one map for each part except the background. ``"modulated"``:
            the masks as they are.
        """
        return self.trunk.embed(masks)

    def forward(
        self,
        masks: Tensor,
        styles: Tensor,
        identity: Tensor | None = None,
        *,
        embedded: Tensor | None = None,
        detail: Tensor | None = None,
        logits: bool = False,
        weights: bool = False,
    ) -> SisFaces:
        """The faces.

        Args:
            masks: float (N, R, S, S), one-hot or soft.
            styles: float (N, R, L).
            identity: float (N, D), as the recognizer gave it; None where the preset has none.
            embedded: what `embed` gave, in place of the masks.
            detail: what `detail_encoder` gave; None for none of it.
            logits: whether to give them.
            weights: whether to give them.

        Raises:
            ValueError: an identity where the preset has none, or none where it has one.
        """
        if (identity is None) is not (self.token_of_identity is None):
            wants = "none" if self.token_of_identity is None else f"(N, {self.preset.identity})"
            got = "none" if identity is None else tuple(identity.shape)
            raise ValueError(f"identity: got {got}, expected {wants}")
        tokens = self._tokens(styles, identity)
        of_logits: list[Tensor] = []
        of_weights: list[Tensor] = []

        def between(number: int, features: Tensor) -> Tensor:
            if number == self._detailed and detail is not None:
                features = features + detail
            if number not in self._attends:
                return features
            layer = self._attends[number]
            seen = tokens if self._sees[layer] else tokens[:, : self.preset.regions]
            found = self.attention[layer](features, seen, logits=logits, weights=weights)
            if found.logits is not None:
                of_logits.append(found.logits)
            if found.weights is not None:
                of_weights.append(self._padded(found.weights))
            attended: Tensor = found.features
            return attended

        who = None if self.token_of_identity is None else tokens[:, -1]
        faces = self.trunk(self.embed(masks) if embedded is None else embedded, styles, who, between)
        return SisFaces(faces, tuple(of_logits), tuple(of_weights))

    def _tokens(self, styles: Tensor, identity: Tensor | None) -> Tensor:
        tokens = styles
        if self.token_of_style is not None and self.token_of_region is not None:
            tokens = self.token_of_style(styles) + self.token_of_region
        if self.token_of_identity is None or identity is None:
            return tokens
        return torch.cat([tokens, self.token_of_identity(identity)], dim=1)

    def _padded(self, weights: Tensor) -> Tensor:
        """Those of a layer that does not see the identity, with zeros for it."""
        missing = self.preset.tokens - weights.shape[1]
        return torch.cat([weights, torch.zeros_like(weights[:, :missing])], dim=1) if missing else weights


def style_encoder(preset: SisPreset) -> GroupedStyleEncoder | RegionStyleEncoder:
    """The style encoder of a preset: images (N, 3, S, S) in [0, 1] and masks (N, R, S, S) to styles (N, R, L)."""
    if preset.encoder == "grouped":
        return GroupedStyleEncoder(
            preset.regions,
            preset.group_width,
            downs=preset.group_downs,
            ups=preset.group_ups,
            level_style=preset.style // preset.group_ups,
            interleaved=preset.interleaved,
        )
    return RegionStyleEncoder(
        preset.style, first=preset.encoder_first, down=preset.encoder_down, up=(), normalised=False
    )


def noise_mapper(preset: SisPreset) -> StyleMapping:
    """The mapping of noise (N, Z) to styles (N, R, L) of a preset that has one."""
    return StyleMapping(preset.noise, preset.regions, preset.style, width=preset.noise_width)


def detail_encoder(preset: SisPreset) -> DetailEncoder:
    """The `+detail` branch of a preset that has one: images (N, 3, S, S) to the generator's ``detail``."""
    halvings = (preset.side // preset.detail).bit_length() - 1
    return DetailEncoder(
        dict(preset.levels)[preset.detail], halvings, width=preset.detail_width, code=preset.detail_code
    )


def discriminator(preset: SisPreset) -> PatchGan:
    """The discriminator of a preset."""
    return image_judge(preset)
