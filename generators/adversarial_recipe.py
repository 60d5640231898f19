"""What recipes share whose networks make faces against one discriminator: optimizers, its phase, what it teaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from generators.losses.adversarial import discriminator_hinge, generator_hinge
from generators.losses.feature_matching import feature_matching
from generators.presets import AdversarialPreset, LearningPreset
from generators.training.recipe import Frozen, Losses, Step
from generators.training.schedule import linear_decay

GENERATOR, DISCRIMINATOR = "generator", "discriminator"


class JudgedRecipe:
    """A part of a `generators.training.recipe.Recipe`: networks, optimizers and rates.

    Args:
        preset: how it learns.
        frozen: the networks that teach.
        makers: name to the networks that make faces; they are averaged and released.
        discriminator: judges what they make.
    """

    discriminator: nn.Module

    def __init__(
        self, preset: LearningPreset, frozen: Frozen, makers: Mapping[str, nn.Module], discriminator: nn.Module
    ) -> None:
        self.frozen, self.discriminator = frozen, discriminator
        self.side, self.batch_size, self.ema_decay = preset.side, preset.batch_size, preset.ema_decay
        self.averaged = frozenset(makers)
        self.networks: Mapping[str, nn.Module] = {**makers, "discriminator": discriminator}
        self._schedule = preset
        if preset.decay_to:
            self.last_step = preset.decay_to

    def rate_factor(self, number: int) -> float:
        """What all rates are multiplied by: 1, then along a line to 0 where the preset says so."""
        decay_to = self._schedule.decay_to
        return linear_decay(number, self._schedule.decay_from, decay_to) if decay_to else 1.0

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Adam for both, the discriminator's steps the larger ones (TTUR, Heusel et al., NIPS 2017)."""
        making = [name for name in self.networks if name in self.averaged]
        return {GENERATOR: self._adam(making, 0), DISCRIMINATOR: self._adam(["discriminator"], 1)}

    def _adam(self, networks: Sequence[str], rate: int) -> torch.optim.Adam:
        """Adam for networks, with the first or the second of the preset's rates."""
        betas = float(self._schedule.betas[0]), float(self._schedule.betas[1])  # torch refuses 0 beside 0.95
        parameters = [one for name in networks for one in self.networks[name].parameters()]
        return torch.optim.Adam(parameters, self._schedule.rates[rate], betas)


class AdversarialRecipe(JudgedRecipe):
    """The same, with the hinge loss of faces beside region maps.

    A recipe that stands on it leaves, in its generator's phase, ``masks`` and the ``made`` faces, detached, in
    `Step.shared`: the discriminator judges the very faces that were made anyway, against the batch's photos beside the
    same masks, or against ``real``, photos and masks, where it leaves these.

    Args:
        preset: how it learns.
        frozen: the networks that teach.
        makers: name to the networks that make faces; they are averaged and released.
        discriminator: judges pictures (N, 3, S, S) beside masks (N, R, S, S).
    """

    def __init__(
        self, preset: AdversarialPreset, frozen: Frozen, makers: Mapping[str, nn.Module], discriminator: nn.Module
    ) -> None:
        super().__init__(preset, frozen, makers, discriminator)
        self._learning = preset

    def _judged(self, made: Tensor, images: Tensor, masks: Tensor, others: int = 0) -> dict[str, Tensor]:
        """What the discriminator says of made faces: the hinge loss, and feature matching where it has a weight.

        Args:
            made: the faces.
            images: the photos.
            masks: of both.
            others: so many faces, the first, need not look like their photos: they are not matched.
        """
        judged = self.discriminator(made, masks)
        terms = {"adversarial": generator_hinge([features[-1] for features in judged])}
        if self._learning.matching and others < len(made):
            with torch.no_grad():
                real = self.discriminator(images[others:], masks[others:])
            own = [[layer[others:] for layer in features] for features in judged]
            terms["matching"] = feature_matching(real, own)
        return terms

    def _discriminator(self, step: Step) -> Losses:
        masks, made = step.shared["masks"], step.shared["made"]
        photos, beside = step.shared.get("real", (step.batch.images, masks))
        both = self.discriminator(torch.cat([photos, made]), torch.cat([beside, masks]))
        counts = [len(photos), len(made)]
        real, fake = zip(*(features[-1].split(counts) for features in both), strict=True)
        loss = discriminator_hinge(real, fake)
        return Losses(loss, {"discriminator": loss.detach()})


def weighted(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Losses:
    """The weighted sum of terms, and the terms for the log.

    Args:
        terms: name to scalar with gradients.
        weights: name to weight, of each term.
    """
    total = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    return Losses(total, {name: term.detach() for name, term in terms.items()})
