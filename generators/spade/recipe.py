"""How the autoencoder learns: a face, from its own mask and the style of its own regions, shall come out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from generators.adversarial_recipe import DISCRIMINATOR, GENERATOR
from generators.autoencoder_recipe import AutoencoderRecipe
from generators.losses.identity import identity_loss, source_identity
from generators.nets.regions import one_hot
from generators.preset_networks import image_judge
from generators.spade.networks import renderer, style_encoder
from generators.spade.settings import PRESETS, SpadePreset
from generators.training.batches import TrainingBatch
from generators.training.chips import Views
from generators.training.recipe import Frozen, Losses, Step, Trainable


class SpadeRecipe(AutoencoderRecipe):
    """A `generators.training.recipe.Recipe`: encoder and renderer against one discriminator."""

    def __init__(self, preset: SpadePreset, frozen: Frozen) -> None:
        self.preset = preset
        super().__init__(preset, frozen, style_encoder(preset), renderer(preset), image_judge(preset))
        self.taught = bool(preset.perceptual or preset.identity)
        self.wanted = frozenset({"masks", "landmarks"} if self.taught else {"masks"})

    def phases(self, number: int) -> Sequence[str]:
        """The generator first: the discriminator then judges the faces that it has made anyway."""
        return (GENERATOR, DISCRIMINATOR)

    def losses(self, phase: str, step: Step) -> Losses:
        """The weighted losses of a phase."""
        return self._discriminator(step) if phase == DISCRIMINATOR else self._reconstruct(step)

    def samples(self, networks: Mapping[str, nn.Module], batch: TrainingBatch) -> Tensor:
        """The photo, its reconstruction, and its mask in the style of the next face."""
        assert batch.masks is not None
        masks = one_hot(batch.masks, self.preset.regions)
        styles = networks["encoder"](batch.images, masks)
        own, others = (networks["renderer"](masks, codes) for codes in (styles, styles.roll(-1, dims=0)))
        return torch.stack([batch.images, own, others], dim=1)

    def _lessons(self, theirs: Views, ours: Views) -> dict[str, Tensor]:
        terms = super()._lessons(theirs, ours)
        if self.preset.identity:
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
