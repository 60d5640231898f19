"""How the autoencoder learns: a face, from its own mask and the style of its own regions, shall come out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from generators.adversarial_recipe import DISCRIMINATOR, GENERATOR, AdversarialRecipe, weighted
from generators.losses.identity import identity_loss, source_identity
from generators.losses.perceptual import perceptual
from generators.nets.patchgan import PatchGan
from generators.nets.regions import one_hot
from generators.nets.residual import start_like_gan
from generators.spade.networks import Renderer, style_encoder
from generators.spade.settings import PRESETS, SpadePreset
from generators.training.batches import TrainingBatch
from generators.training.chips import Views
from generators.training.recipe import Frozen, Losses, Step, Trainable


class SpadeRecipe(AdversarialRecipe):
    """A `generators.training.recipe.Recipe`: encoder and renderer against one discriminator."""

    def __init__(self, preset: SpadePreset, frozen: Frozen) -> None:
        self.preset = preset
        self.encoder, self.renderer = style_encoder(preset), Renderer(preset)
        discriminator = PatchGan(
            preset.regions,
            widths=preset.judge_widths,
            scales=preset.judge_scales,
            normalised=preset.judge_norm,
        )
        super().__init__(preset, frozen, {"encoder": self.encoder, "renderer": self.renderer}, discriminator)
        if preset.start_gain:
            for network in self.networks.values():
                # What projects style codes has a start of its own.
                start_like_gan(network, preset.start_gain, (nn.Conv2d, nn.ConvTranspose2d))
        self.taught = bool(preset.perceptual or preset.identity)
        self.wanted = frozenset({"masks", "landmarks"} if self.taught else {"masks"})

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
        batch = step.batch
        assert batch.masks is not None
        masks = one_hot(batch.masks, self.preset.regions)
        made = self.renderer(masks, self.encoder(batch.images, masks))
        step.shared.update(masks=masks, made=made.detach())
        terms = {"pixels": (made - batch.images).abs().mean()}
        terms |= self._judged(made, batch.images, masks)
        if self.taught and step.number % self.preset.teach_every == 0:
            terms |= self._lessons(batch, made)
        return weighted(terms, {name: getattr(self.preset, name) for name in terms})

    def _lessons(self, batch: TrainingBatch, made: Tensor) -> dict[str, Tensor]:
        """What the frozen networks say of the made faces beside the photos."""
        weights, terms = self.preset, {}
        # Views hand the very same tensor to both: a network that teaches perception and identity then computes once.
        theirs, ours = (Views(self.frozen, images, batch.landmarks) for images in (batch.images, made))
        if weights.perceptual:
            assert self.frozen.perceptual is not None
            with torch.no_grad():
                real = self.frozen.perceptual(theirs.perceptual)
            terms["perceptual"] = perceptual(real, self.frozen.perceptual(ours.perceptual), weights.depths)
        if weights.identity:
            assert self.frozen.identity is not None
            goals = source_identity(self.frozen.identity, theirs.identity, None)
            terms["identity"] = identity_loss(self.frozen.identity, ours.identity, goals, None)
        return terms


TRAINABLE = Trainable(
    presets=PRESETS,
    build=SpadeRecipe,
    needs=frozenset({"perceptual", "identity"}),
    conditions=frozenset({"masks"}),
)
