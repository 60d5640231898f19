"""How the attribute judge learns: one network, one phase, cross-entropy with labels that are themselves uncertain.

A label is the probability that the networks gave which predicted it, its logit standardised attribute by attribute
(`generators.training.label_scaling`): they were not calibrated, and most attributes nearly never likely. What 0.5 means
is learned afterwards, of photos that people labelled (`calibrate`).
Faces are moved, zoomed, relit and coarsened, so that the judge does not hang on a generator's sharpness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.judges.network import NAME, JudgeNetwork
from generators.auxiliary.attribute_judge.settings import PRESETS, JudgePreset
from generators.training.batches import TrainingBatch
from generators.training.labelled_faces import labelled_source
from generators.training.recipe import Frozen, Losses, Step, Trainable
from generators.training.schedule import linear_decay
from generators.training.source import PackSource

PHASE = "attributes"


class JudgeRecipe:
    """A `generators.training.recipe.Recipe`."""

    wanted = frozenset({"attributes"})
    averaged = frozenset({NAME})

    def __init__(self, preset: JudgePreset, frozen: Frozen) -> None:
        self.preset, self.frozen = preset, frozen
        self.side, self.batch_size, self.ema_decay = preset.side, preset.batch_size, preset.ema_decay
        self.attributes, self.last_step = preset.attributes, preset.decay_to
        self.network = JudgeNetwork(len(preset.attributes), preset.widths, preset.blocks, preset.dropout)
        self.networks: Mapping[str, nn.Module] = {NAME: self.network}

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """AdamW of all weights."""
        said = self.preset
        betas = float(said.betas[0]), float(said.betas[1])
        return {
            PHASE: torch.optim.AdamW(self.network.parameters(), said.rates[0], betas, weight_decay=said.weight_decay)
        }

    def rate_factor(self, number: int) -> float:
        """What the rate is multiplied by: rising for `warm_up` steps, then falling along a line to 0."""
        said = self.preset
        return min(1.0, (number + 1) / said.warm_up) * linear_decay(number, said.decay_from, said.decay_to)

    def phases(self, number: int) -> Sequence[str]:
        """The only one."""
        return (PHASE,)

    def losses(self, phase: str, step: Step) -> Losses:
        """The mean cross-entropy over faces and attributes; and the share of labels that it has right, for the log."""
        assert step.batch.attributes is not None
        likely = (step.batch.attributes + 1) / 2
        logits = self.network(self._disturbed(step.batch.images, step.draw))
        loss = functional.binary_cross_entropy_with_logits(logits, likely)
        right = ((logits > 0) == (likely > 0.5)).float().mean()
        return Losses(loss, {"attributes": loss.detach(), "accuracy": right.detach()})

    def samples(self, networks: Mapping[str, nn.Module], batch: TrainingBatch) -> Tensor:
        """The face, and as training sees it three times."""
        draw = torch.Generator().manual_seed(0)
        return torch.stack([batch.images, *(self._disturbed(batch.images, draw) for _ in range(3))], dim=1)

    def _disturbed(self, images: Tensor, draw: torch.Generator) -> Tensor:
        """Faces moved, zoomed, relit and coarsened, float (N, 3, S, S) in [0, 1]."""
        said, count, device = self.preset, len(images), images.device

        def between(size: float, *shape: int) -> Tensor:
            return (torch.rand(count, *shape, generator=draw, device=draw.device).to(device) * 2 - 1) * size

        where = torch.zeros(count, 2, 3, device=device)
        zoom = 1 + between(said.zoom)
        where[:, 0, 0], where[:, 1, 1] = zoom, zoom
        where[:, :, 2] = between(2 * said.shift, 2)
        grid = functional.affine_grid(where, list(images.shape), align_corners=False)
        moved = functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
        contrast, brightness = 1 + between(said.light, 1, 1, 1), between(said.light / 2, 1, 1, 1)
        mean = moved.mean(dim=(1, 2, 3), keepdim=True)
        lit = ((moved - mean) * contrast + mean + brightness).clamp(0, 1)
        half = functional.interpolate(functional.avg_pool2d(lit, 2), scale_factor=2, mode="bilinear")
        coarse = torch.rand(count, 1, 1, 1, generator=draw, device=draw.device).to(device) < said.coarse
        seen: Tensor = torch.where(coarse, half, lit)
        return seen.contiguous(memory_format=torch.channels_last)


def _source(data: Path, recipe: Any, seed: int) -> PackSource:
    return labelled_source(data, recipe, seed, recipe.preset.only, scale="standard")


TRAINABLE = Trainable(presets=PRESETS, build=JudgeRecipe, source=_source)
"""What `impersona train attribute_judge` trains."""
