"""How the parser learns: one network, one phase, minus the log of the probability of what a pixel may be.

    loss = sum over pixels of w * -log(sum of p over the labels that the pixel's code allows) / sum of w

w is larger for rare labels, `photo_weight` for photos without labels, 0 where nothing is known. Cross-entropy is the
case of one allowed label.

Source: the sum over candidate labels is the naive loss of partial-label learning (Jin and Ghahramani, NIPS 2002).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench.errors import PluginError
from bench.parsers.labels import LABELS
from bench.parsers.network import NAME, SIDE, ParserNetwork
from generators.auxiliary.face_parser.label_sets import UNKNOWN, allowed
from generators.auxiliary.face_parser.settings import FaceParserTraining
from generators.auxiliary.face_parser.source import FaceSource
from generators.training.batches import TrainingBatch
from generators.training.recipe import Frozen, Losses, Recipe, Step, Trainable

PHASE = "labels"

SHARES = (
    0.281, 0.243, 0.0192, 0.0072, 0.0019, 0.0019, 0.0043, 0.0035, 0.0030, 0.0031, 0.0020, 0.0042, 0.0064, 0.353,
    0.005, 0.0004, 0.0002, 0.0448, 0.0204,
)  # fmt: skip
"""Of each label in the pixels of 24 CelebAMask-HQ maps; of the hat, which they lack, what drawn hats come to."""
_MOST = 6.0

COLOURS = np.array(
    [
        (0, 0, 0), (232, 190, 160), (200, 110, 70), (230, 60, 220), (40, 70, 230), (40, 150, 250), (110, 70, 20),
        (170, 110, 30), (250, 200, 40), (250, 140, 30), (240, 30, 30), (250, 120, 150), (180, 20, 80), (90, 60, 40),
        (30, 190, 60), (250, 250, 60), (60, 240, 240), (150, 120, 210), (110, 115, 120),
    ],
    dtype=np.float32,
)  # fmt: skip
"""Label to the colour in which it is shown."""


def label_loss(logits: torch.Tensor, codes: torch.Tensor, may_be: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The weighted mean of minus the log of the probability of what each pixel may be.

    Args:
        logits: float32 (N, 19, H, W).
        codes: uint8 (N, H, W), see `label_sets`.
        may_be: bool (256, 19), which labels each code allows.
        weights: float32 (N, H, W), not negative; pixels of which nothing is known count for nothing.

    Returns:
        A scalar; 0 where nothing is known of any pixel.
    """
    open_to = may_be[codes.long()].permute(0, 3, 1, 2)
    known = codes != UNKNOWN
    chosen = logits.masked_fill(~(open_to | ~known[:, None]), -1e4)
    costs = torch.logsumexp(logits, 1) - torch.logsumexp(chosen, 1)
    shares = weights * known
    total: torch.Tensor = (costs * shares).sum() / shares.sum().clamp_min(1e-6)
    return total


def code_weights(rare: float) -> torch.Tensor:
    """float32 (256,): the weight of a pixel of each code: of its label, or 1 for a set."""
    weights = torch.ones(256)
    shares = torch.tensor(SHARES)
    weights[: len(LABELS)] = (shares / 0.3).pow(-rare).clamp(1.0, _MOST)
    return weights


class FaceParserRecipe:
    """A `generators.training.recipe.Recipe`."""

    side = SIDE
    wanted = frozenset({"masks"})
    averaged = frozenset({NAME})

    def __init__(self, settings: FaceParserTraining) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size
        self.ema_decay = settings.ema_decay
        self.last_step = settings.steps  # the learning rate has come to its end
        self.network = ParserNetwork(settings.widths, settings.depths).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.networks: Mapping[str, nn.Module] = {NAME: self.network}
        self._optimizer: torch.optim.Optimizer | None = None
        self._tables: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """AdamW of all weights."""
        said = self.settings
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=said.learning_rate, weight_decay=said.weight_decay
        )
        return {PHASE: self._optimizer}

    def phases(self, number: int) -> Sequence[str]:
        """The only one; sets the learning rate of this step."""
        if self._optimizer is not None:
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate(self.settings, number)
        return (PHASE,)

    def losses(self, phase: str, step: Step) -> Losses:
        """The loss of all faces, and its parts by kind of face for the log."""
        codes = step.batch.masks
        if codes is None:
            raise PluginError("got a batch without masks; the face parser learns from FaceSource")
        may_be, by_code, by_face = self._on(codes.device)
        logits = self.network(step.batch.images)
        weights = by_code[codes.long()] * by_face[:, None, None]
        total = label_loss(logits, codes, may_be, weights)
        with torch.no_grad():
            complete = slice(0, self.settings.complete)
            right = (logits[complete].argmax(1) == codes[complete]).float().mean() if self.settings.complete else total
        return Losses(total=total, terms={"labels": total.detach(), "complete_accuracy": right})

    def samples(self, networks: Mapping[str, nn.Module], batch: TrainingBatch) -> torch.Tensor:
        """The face, what is known of it, and what the network says."""
        codes = batch.masks
        assert codes is not None
        colours = torch.from_numpy(COLOURS / 255).to(codes.device)
        may_be = torch.from_numpy(allowed()).to(codes.device).float()
        shown = may_be @ colours / may_be.sum(1, keepdim=True).clamp_min(1)
        with torch.no_grad():
            found = networks[NAME](batch.images).argmax(1)
        maps = [shown[codes.long()], colours[found]]
        return torch.stack([batch.images, *(one.permute(0, 3, 1, 2) for one in maps)], dim=1)

    def _on(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if self._tables is None or self._tables[0].device != device:
            said = self.settings
            by_face = torch.ones(said.batch_size)
            by_face[said.complete + said.partial :] = said.photo_weight
            tables = torch.from_numpy(allowed()), code_weights(said.rare), by_face
            self._tables = tables[0].to(device), tables[1].to(device), tables[2].to(device)
        return self._tables


def learning_rate(settings: FaceParserTraining, number: int) -> float:
    """Of step `number`: rises for `warm_up` steps, then falls along a cosine to 1 % of itself at `steps`."""
    rise = min(1.0, (number + 1) / settings.warm_up)
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, number / settings.steps)))
    return settings.learning_rate * rise * (0.01 + 0.99 * fall)


def _build(settings: FaceParserTraining, frozen: Frozen) -> Recipe:
    return FaceParserRecipe(settings)


def _source(data: Path, recipe: Recipe, seed: int) -> FaceSource:
    assert isinstance(recipe, FaceParserRecipe)
    return FaceSource(data, recipe.settings, seed)


PRESETS: Mapping[str, FaceParserTraining] = {
    "tiny": FaceParserTraining(widths=(8, 16, 24, 32), depths=(1, 1, 1, 1), steps=400),
    "base": FaceParserTraining(),
    "paper": FaceParserTraining(widths=(64, 128, 256, 512), depths=(2, 2, 2, 2), steps=40_000),
}

TRAINABLE = Trainable(presets=PRESETS, build=_build, source=_source)
