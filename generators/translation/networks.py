"""The networks of attribute translation: labels or a reference picture to a code, and a generator that it steers.

    difference a = wanted labels - own labels
    code = mapping(noise, a) + encoder(own picture, -a)           by label
    code = encoder(reference, a) + encoder(own picture, -a)       by reference
    face = generator(own picture, code)

Source: Huang et al., "Bridging the Gap between Label- and Reference-based Synthesis in Multi-attribute Image-to-Image
Translation", ICCV 2021 (arXiv 2110.05055); sizes as in its released code. Written from a description of it.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from generators.nets.residual_plain import EPS, bridge_block, bridge_norm, start_xavier
from generators.nets.spade import SpadeNorm
from generators.nets.two_headed import TwoHeadedDiscriminator
from generators.translation.settings import TranslationPreset


class CodeEncoder(nn.Module):
    """A picture and a difference of labels to a code; one encoder serves references and sources.

    Args:
        labels: A, attributes.
        stem: channels behind the first 1x1 convolution.
        width: of the code, and of the blocks before it.
        blocks: at the code's side, half of the picture's.
    """

    def __init__(self, labels: int, stem: int, width: int, blocks: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3 + labels, stem, 1)
        self.down = bridge_block(stem, width, "down")
        self.blocks = nn.Sequential(*(bridge_block(width, width) for _ in range(blocks)))
        self.last = nn.Conv2d(width, width, 1)
        self.norm = bridge_norm(width)
        start_xavier(self)

    def forward(self, images: Tensor, difference: Tensor) -> Tensor:
        """The code.

        Args:
            images: float (N, 3, S, S) RGB in [0, 1].
            difference: float (N, A), most often in {-1, 0, 1}.

        Returns:
            float (N, C, S / 2, S / 2), at least 0.
        """
        side = images.shape[2]
        tiled = difference[:, :, None, None].expand(-1, -1, side, side)
        features = self.stem(torch.cat([images * 2 - 1, tiled], dim=1))
        return _as_code(self.blocks(self.down(features)), self.last, self.norm)


class LabelMapping(nn.Module):
    """Noise and a difference of labels to a code.

    Args:
        labels: A, attributes.
        noise: Z, numbers of the noise.
        start: channels of the first 4x4 features.
        width: of the code, and of the blocks before it.
        doublings: from 4x4 to the code's side.
    """

    def __init__(self, labels: int, noise: int, start: int, width: int, doublings: int) -> None:
        super().__init__()
        self.start = start
        self.first = nn.Linear(noise + labels, start * 16)
        widths = [start, *[width] * doublings]
        self.blocks = nn.Sequential(*(bridge_block(one, other, "up") for one, other in pairwise(widths)))
        self.last = nn.Conv2d(width, width, 1)
        self.norm = bridge_norm(width)
        start_xavier(self)

    def forward(self, noise: Tensor, difference: Tensor) -> Tensor:
        """The code.

        Args:
            noise: float (N, Z).
            difference: float (N, A).

        Returns:
            float (N, C, S / 2, S / 2), at least 0.
        """
        small = self.first(torch.cat([noise, difference], dim=1)).view(-1, self.start, 4, 4)
        small = small.contiguous(memory_format=torch.channels_last)
        return _as_code(self.blocks(small), self.last, self.norm)


class CodeNorm(SpadeNorm):
    """A norm whose scale and shift come from a code, or lie between those of two."""

    def forward(
        self, features: Tensor, code: Tensor, other: Tensor | None = None, share: Tensor | None = None
    ) -> Tensor:
        """The features, normalised and modulated.

        Args:
            features: float (N, C, H, W).
            code: float (N, R, H', W').
            other: a second one; None for none.
            share: float (N,), of the first; with `other`.
        """
        found = super().forward(features, code)
        if other is None or share is None:
            return found
        return torch.lerp(super().forward(features, other), found, share[:, None, None, None])


class TranslationGenerator(nn.Module):
    """A picture and a code to a picture.

    Args:
        stem: channels behind the first 1x1 convolution.
        widths: behind each block that halves the side.
        code: C.
        hidden: channels inside of each norm that the code steers.
    """

    def __init__(self, stem: int, widths: tuple[int, ...], code: int, hidden: int) -> None:
        super().__init__()

        def steered(channels: int) -> nn.Module:
            return CodeNorm(channels, code, hidden=hidden, norm="instance", eps=EPS, resampling="nearest")

        down = [stem, *widths]
        up = down[::-1]
        self.stem = nn.Conv2d(3, stem, 1)
        self.down = nn.Sequential(*(bridge_block(one, other, "down") for one, other in pairwise(down)))
        self.middle = bridge_block(widths[-1], widths[-1])
        self.up = nn.ModuleList(
            [
                bridge_block(widths[-1], widths[-1], norm=steered),
                *(bridge_block(one, other, "up", norm=steered) for one, other in pairwise(up)),
            ]
        )
        self.last = nn.Conv2d(stem, 3, 1)
        start_xavier(self)

    def forward(self, images: Tensor, code: Tensor, other: Tensor | None = None, share: Tensor | None = None) -> Tensor:
        """The faces.

        Args:
            images: float (N, 3, S, S) RGB in [0, 1].
            code: float (N, C, S / 2, S / 2).
            other: a second code; what steers lies between the two, in every norm. None for none.
            share: float (N,), of the first one; with `other`.

        Returns:
            float (N, 3, S, S) RGB in [0, 1].
        """
        return self.paint(self.look(images), code, other, share)

    def look(self, images: Tensor) -> Tensor:
        """What it sees of pictures, float (N, W, S / 8, S / 8): several codes of one picture need it once."""
        features: Tensor = self.middle(self.down(self.stem(images * 2 - 1)))
        return features

    def paint(self, features: Tensor, code: Tensor, other: Tensor | None = None, share: Tensor | None = None) -> Tensor:
        """The faces of what `look` gave, and of codes as `forward` takes them."""
        for block in self.up:
            features = block(features, code, other, share)
        return (torch.tanh(self.last(functional.relu(features))) + 1) / 2


class LabelReader(nn.Module):
    """A picture to its labels: what an edit starts from, where nobody says which labels a face has. Ours.

    Args:
        labels: A, attributes.
        widths: channels behind the first 1x1 convolution, then behind each block that halves the side.
    """

    def __init__(self, labels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 1)
        self.blocks = nn.Sequential(*(bridge_block(one, other, "down") for one, other in pairwise(widths)))
        self.last = nn.Linear(widths[-1], labels)
        start_xavier(self)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, float (N, A), of pictures (N, 3, S, S) in [0, 1]."""
        features = functional.relu(self.blocks(self.stem(images * 2 - 1)))
        logits: Tensor = self.last(features.mean(dim=(2, 3)))
        return logits


class NoiseBank(nn.Module):
    """A noise for each face of the training data, which training moves; not released.

    Args:
        rows: how many; a face's row in the data, modulo this number, is its row here.
        noise: Z.
    """

    rows: Tensor

    def __init__(self, rows: int, noise: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.randn(rows, noise))

    def forward(self, faces: Tensor) -> Tensor:
        """Float (N, Z), the noise of some faces, int64 (N,); a copy."""
        return self.rows[faces % len(self.rows)]

    @torch.no_grad()
    def put(self, faces: Tensor, noise: Tensor) -> None:
        """Replaces the noise of some faces; of a face that comes twice it keeps one of the two."""
        self.rows.index_copy_(0, faces % len(self.rows), noise)


def _as_code(features: Tensor, last: nn.Module, norm: nn.Module) -> Tensor:
    return functional.relu(norm(last(functional.relu(features))))


def code_encoder(preset: TranslationPreset) -> CodeEncoder:
    """E of a preset."""
    return CodeEncoder(len(preset.attributes), preset.encoder_stem, preset.code, preset.encoder_blocks)


def label_mapping(preset: TranslationPreset) -> LabelMapping:
    """M of a preset."""
    doublings = (preset.side // 2 // 4).bit_length() - 1
    return LabelMapping(len(preset.attributes), preset.noise, preset.mapping_start, preset.code, doublings)


def generator(preset: TranslationPreset) -> TranslationGenerator:
    """G of a preset."""
    return TranslationGenerator(preset.stem, preset.widths, preset.code, preset.hidden)


def label_reader(preset: TranslationPreset) -> LabelReader:
    """What reads the labels of a face."""
    return LabelReader(len(preset.attributes), preset.reader)


def discriminator(preset: TranslationPreset) -> TwoHeadedDiscriminator:
    """D of a preset."""
    return TwoHeadedDiscriminator(preset.side, len(preset.attributes), preset.judge_widths, preset.judge_head)
