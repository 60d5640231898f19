"""What recipes share that encode the styles of a face's regions and render it again: its losses, and its teachers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from generators.adversarial_recipe import AdversarialRecipe, weighted
from generators.losses.perceptual import perceptual
from generators.nets.regions import one_hot
from generators.nets.residual import start_like_gan
from generators.presets import AutoencoderPreset
from generators.training.chips import Views
from generators.training.recipe import Frozen, Losses, Step


class AutoencoderRecipe(AdversarialRecipe):
    """A part of a `generators.training.recipe.Recipe`: a face, from its own mask and styles, shall come out again.

    Args:
        preset: how it learns.
        frozen: the networks that teach.
        encoder: images (N, 3, S, S) and region maps (N, R, S, S) to styles (N, R, L).
        renderer: region maps and styles to images.
        discriminator: judges pictures beside region maps.
        others: further networks that are averaged and released.
    """

    def __init__(
        self, preset: AutoencoderPreset, frozen: Frozen, encoder: nn.Module, renderer: nn.Module,
        discriminator: nn.Module, others: Mapping[str, nn.Module] | None = None,
    ) -> None:  # fmt: skip
        self.encoder, self.renderer = encoder, renderer
        makers = {"encoder": encoder, "renderer": renderer, **(others or {})}
        super().__init__(preset, frozen, makers, discriminator)
        for network in (encoder, renderer, discriminator):
            self._start(network, preset.start_gain)
        self.taught = bool(preset.perceptual)

    @staticmethod
    def _start(network: nn.Module, gain: float) -> None:
        """Starts a network's convolutions as the preset says; what projects style codes has a start of its own."""
        if gain:
            start_like_gan(network, gain, (nn.Conv2d, nn.ConvTranspose2d))

    def _reconstruct(self, step: Step) -> Losses:
        """The generator's phase: every face from its own mask and its own styles."""
        batch = step.batch
        assert batch.masks is not None
        masks = one_hot(batch.masks, self._learning.regions)
        made = self._render(masks, self.encoder(batch.images, masks), step)
        step.shared.update(masks=masks, made=made.detach())
        terms = self._rebuilt(step, made, masks)
        return weighted(terms, {name: getattr(self._learning, name) for name in terms})

    def _render(self, maps: Tensor, styles: Tensor, step: Step) -> Tensor:
        """The faces of region maps and styles; `step` is for renderers that draw."""
        made: Tensor = self.renderer(maps, styles)
        return made

    def _rebuilt(self, step: Step, made: Tensor, masks: Tensor, others: int = 0) -> dict[str, Tensor]:
        """What made faces lose beside their photos and before the discriminator, term by term.

        Args:
            step: with the photos, and landmarks where a frozen network wants them.
            made: (N, 3, S, S).
            masks: (N, R, S, S), what the discriminator sees beside them.
            others: so many faces, the first, need not look like their photos: they are judged, and nothing else.
        """
        batch = step.batch
        own, photos = _from(others, made), _from(others, batch.images)
        terms = {"pixels": (own - photos).abs().mean()}
        terms |= self._judged(made, batch.images, masks, others)
        if self.taught and step.number % self._learning.teach_every == 0:
            landmarks = None if batch.landmarks is None else _from(others, batch.landmarks)
            # Views hand the very same tensor to both: a network that teaches two things then computes once.
            terms |= self._lessons(*(Views(self.frozen, images, landmarks) for images in (photos, own)))
        return terms

    def _lessons(self, theirs: Views, ours: Views) -> dict[str, Tensor]:
        """What the frozen networks say of made faces beside photos."""
        if not self._learning.perceptual:
            return {}
        assert self.frozen.perceptual is not None
        with torch.no_grad():
            real = self.frozen.perceptual(theirs.perceptual)
        return {"perceptual": perceptual(real, self.frozen.perceptual(ours.perceptual), self._learning.depths)}


def _from(first: int, rows: Tensor) -> Tensor:
    """The rows from a number on; all of them are the tensor itself, which keeps its gradients' path as it is."""
    return rows[first:] if first else rows
