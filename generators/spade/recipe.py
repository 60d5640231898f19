"""How the autoencoder learns: a face, from its own mask and the style of its own regions, shall come out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from generators.losses.adversarial import discriminator_hinge, generator_hinge
from generators.losses.feature_matching import feature_matching
from generators.losses.identity import identity_loss, source_identity
from generators.losses.perceptual import perceptual
from generators.nets.patchgan import PatchGan
from generators.nets.regions import one_hot
from generators.nets.residual import start_like_gan
from generators.spade.networks import Renderer, style_encoder
from generators.spade.settings import PRESETS, SpadePreset
from generators.training.batches import TrainingBatch
from generators.training.chips import chip
from generators.training.recipe import Frozen, Losses, Step, Trainable

GENERATOR, DISCRIMINATOR = "generator", "discriminator"


class SpadeRecipe:
    """A `generators.training.recipe.Recipe`: encoder and renderer against one discriminator."""

    averaged = frozenset({"encoder", "renderer"})

    def __init__(self, preset: SpadePreset, frozen: Frozen) -> None:
        self.preset, self.frozen = preset, frozen
        self.side, self.batch_size, self.ema_decay = preset.side, preset.batch_size, preset.ema_decay
        self.encoder, self.renderer = style_encoder(preset), Renderer(preset)
        self.discriminator = PatchGan(
            preset.regions,
            widths=preset.judge_widths,
            scales=preset.judge_scales,
            normalised=preset.judge_norm,
        )
        self.networks: Mapping[str, nn.Module] = {
            "encoder": self.encoder,
            "renderer": self.renderer,
            "discriminator": self.discriminator,
        }
        if preset.start_gain:
            for network in self.networks.values():
                # What projects style codes has a start of its own.
                start_like_gan(network, preset.start_gain, (nn.Conv2d, nn.ConvTranspose2d))
        self.taught = bool(preset.perceptual or preset.identity)
        self.wanted = frozenset({"masks", "landmarks"} if self.taught else {"masks"})

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Adam for both, the discriminator's steps the larger ones (TTUR, Heusel et al., NIPS 2017)."""
        made_by = [*self.encoder.parameters(), *self.renderer.parameters()]
        slow, fast = self.preset.rates
        betas = float(self.preset.betas[0]), float(self.preset.betas[1])  # torch refuses 0 beside 0.95
        return {
            GENERATOR: torch.optim.Adam(made_by, slow, betas),
            DISCRIMINATOR: torch.optim.Adam(self.discriminator.parameters(), fast, betas),
        }

    def phases(self, number: int) -> Sequence[str]:
        """The generator first: the discriminator then judges the faces that it has made anyway."""
        return (GENERATOR, DISCRIMINATOR)

    def losses(self, phase: str, step: Step) -> Losses:
        """The weighted losses of a phase."""
        return self._discriminator(step) if phase == DISCRIMINATOR else self._generator(step)

    def samples(self, networks: Mapping[str, nn.Module], batch: TrainingBatch) -> Tensor:
        """The photo, its reconstruction, and its mask in the style of the next face."""
        assert batch.masks is not None
        masks = one_hot(batch.masks, self.preset.regions)
        styles = networks["encoder"](batch.images, masks)
        own, others = (networks["renderer"](masks, codes) for codes in (styles, styles.roll(-1, dims=0)))
        return torch.stack([batch.images, own, others], dim=1)

    def _generator(self, step: Step) -> Losses:
        batch, weights = step.batch, self.preset
        assert batch.masks is not None
        masks = one_hot(batch.masks, self.preset.regions)
        made = self.renderer(masks, self.encoder(batch.images, masks))
        step.shared.update(masks=masks, made=made.detach())
        terms = {"pixels": (made - batch.images).abs().mean()}
        judged = self.discriminator(made, masks)
        terms["adversarial"] = generator_hinge([features[-1] for features in judged])
        if weights.matching:
            with torch.no_grad():
                real = self.discriminator(batch.images, masks)
            terms["matching"] = feature_matching(real, judged)
        if self.taught and step.number % weights.teach_every == 0:
            terms |= self._lessons(batch, made)
        total = torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
        return Losses(total, {name: term.detach() for name, term in terms.items()})

    def _discriminator(self, step: Step) -> Losses:
        masks, made = step.shared["masks"], step.shared["made"]
        both = self.discriminator(torch.cat([step.batch.images, made]), torch.cat([masks, masks]))
        real, fake = zip(*(features[-1].chunk(2) for features in both), strict=True)
        loss = discriminator_hinge(real, fake)
        return Losses(loss, {"discriminator": loss.detach()})

    def _lessons(self, batch: TrainingBatch, made: Tensor) -> dict[str, Tensor]:
        """What the frozen networks say of the made faces' chips beside those of the photos."""
        assert batch.landmarks is not None
        weights, terms = self.preset, {}
        theirs, ours = (chip(images, batch.landmarks) for images in (batch.images, made))
        if weights.perceptual:
            assert self.frozen.perceptual is not None
            with torch.no_grad():
                real = self.frozen.perceptual(theirs)
            terms["perceptual"] = perceptual(real, self.frozen.perceptual(ours), weights.depths)
        if weights.identity:
            assert self.frozen.identity is not None
            goals = source_identity(self.frozen.identity, theirs, _as_they_are)
            terms["identity"] = identity_loss(self.frozen.identity, ours, goals, _as_they_are)
        return terms


def _as_they_are(chips: Tensor) -> Tensor:
    # The very same tensor: a network that teaches both perception and identity then computes once.
    return chips


TRAINABLE = Trainable(
    presets=PRESETS,
    build=SpadeRecipe,
    needs=frozenset({"perceptual", "identity"}),
    conditions=frozenset({"masks"}),
)
