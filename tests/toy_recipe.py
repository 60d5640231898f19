"""A recipe that trains in milliseconds: two small networks against each other, an average, a seeded noise.

Its faces come from nowhere but the seed, so that tests of the loop need no pack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bench.seeding import stream
from generators.training.batches import TrainingBatch
from generators.training.recipe import Frozen, Losses, Step, Trainable


@dataclass(frozen=True, kw_only=True)
class ToySettings:
    """Settings of the toy.

    Attributes:
        side: pixels of a side.
        batch_size: faces a step.
        channels: of the networks.
        rate: of both optimizers.
        decay: of the average.
        poisoned: a step whose first face is NaN; -1 for none.
        runaway: a step from which on the maker's loss is multiplied by a million; -1 for none.
        leap: a step whose losses and gradients are finite and whose step of the optimizer is not; -1 for none.
        every: the judge learns in every so many steps.
    """

    side: int = 8
    batch_size: int = 4
    channels: int = 8
    rate: float = 1e-2
    decay: float = 0.9
    poisoned: int = -1
    runaway: int = -1
    leap: int = -1
    every: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise ValueError(f"rate: got {self.rate}, expected more than 0 and less than 1")
        if self.batch_size < 1:
            raise ValueError(f"batch_size: got {self.batch_size}, expected at least 1")


class Toy:
    """A maker that turns noisy faces into faces, and a judge that is shown both."""

    wanted = frozenset({"masks"})
    averaged = frozenset({"maker"})

    def __init__(self, settings: ToySettings, frozen: Frozen) -> None:
        self.settings, self.frozen = settings, frozen
        self.side, self.batch_size, self.ema_decay = settings.side, settings.batch_size, settings.decay
        c = settings.channels
        self.maker = nn.Sequential(
            nn.Conv2d(3, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, 3, 3, padding=1)
        )
        first = nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, c, 3, stride=2, padding=1))
        self.judge = nn.Sequential(first, nn.LeakyReLU(0.2), nn.Dropout(0.1), nn.Conv2d(c, 1, 3, padding=1))
        self.networks: Mapping[str, nn.Module] = {"maker": self.maker, "judge": self.judge}

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        self.adam = torch.optim.Adam(self.maker.parameters(), self.settings.rate, betas=(0.5, 0.9))
        return {"make": self.adam, "judge": torch.optim.SGD(self.judge.parameters(), self.settings.rate, momentum=0.9)}

    def phases(self, number: int) -> Sequence[str]:
        if number == self.settings.leap:
            self.adam.param_groups[0]["lr"] = float("inf")
        return ("make", "judge") if number % self.settings.every == 0 else ("make",)

    def losses(self, phase: str, step: Step) -> Losses:
        if phase == "make":
            noise = torch.randn(step.batch.images.shape, generator=step.draw) * 0.1 + torch.randn(()) * 0.01
            made = self.maker(step.batch.images + noise)
            step.shared["made"] = made.detach()
            near, fooled = functional.l1_loss(made, step.batch.images), -self.judge(made).mean()
            factor = 1e6 if 0 <= self.settings.runaway <= step.number else 1.0
            return Losses(factor * (near + 0.1 * fooled), {"near": near.detach() * factor, "fooled": fooled.detach()})
        real, fake = self.judge(step.batch.images), self.judge(step.shared["made"])
        hinge = functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()
        return Losses(hinge, {"hinge": hinge.detach()})

    def samples(self, networks: Mapping[str, nn.Module], batch: TrainingBatch) -> torch.Tensor:
        return torch.stack([batch.images, networks["maker"](batch.images).clamp(0, 1)], dim=1)


class ToySource:
    """Faces that follow from the seed and the step."""

    def __init__(self, data: Path, recipe: Any, seed: int) -> None:
        self.recipe, self.seed, self.closed = recipe, seed, False
        self.digest = data.read_text() if data.is_file() else "toy"

    def batch(self, number: int, device: torch.device) -> TrainingBatch:
        found = self._faces(self.recipe.batch_size, stream(self.seed, "toy", str(number)))
        if number == self.recipe.settings.poisoned:
            found.images[0, 0, 0, 0] = float("nan")
        return found

    def fixed(self, count: int, device: torch.device) -> TrainingBatch:
        return self._faces(count, stream(self.seed, "fixed"))

    def close(self) -> None:
        self.closed = True

    def describe(self) -> Mapping[str, Any]:
        return {"digest": self.digest, "faces": 0}

    def _faces(self, count: int, rng: np.random.Generator) -> TrainingBatch:
        side = self.recipe.side
        images = torch.from_numpy(rng.random((count, side, side, 3), dtype=np.float32)).permute(0, 3, 1, 2)
        masks = torch.from_numpy(rng.integers(0, 19, (count, side, side), dtype=np.uint8))
        return TrainingBatch(images, torch.from_numpy(rng.integers(0, 1000, count)), masks=masks)


TOY = Trainable(
    presets={"tiny": ToySettings(), "base": ToySettings(channels=16)}, build=Toy, source=ToySource,
    conditions=frozenset({"masks"}),
)  # fmt: skip
