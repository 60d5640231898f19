"""How attribute translation learns: every face towards the labels of another one, by label and by that one's picture.

In each step the batch itself, in another order, gives the wanted labels and the references, so that they are always
those of a real face. One step in `judge_steps` + 1 is the generator's, the others the critic's; each has faces of its
own. Every training face has a noise of its own in a bank, which moves a step along the gradient of the distance between
its label code and the reference's before the generator learns (`settled`).

Source: Huang et al., ICCV 2021 (arXiv 2110.05055), procedure, losses and weights as in its released code, from a
description of it; the latent step is LOGAN's (Wu et al., 2019, arXiv 1912.00953) with its constants. Labels that count
by how sure somebody is of them, the reader of labels, and averaged weights are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from generators.adversarial_recipe import DISCRIMINATOR, GENERATOR, JudgedRecipe, weighted
from generators.losses.cycle import attribute_cycle, code_cycle, code_similarity, reconstruction, unchanged_labels
from generators.losses.gradient_penalty import gradient_penalty, wasserstein_critic_loss
from generators.losses.labels import label_loss
from generators.losses.mode_seeking import mode_seeking
from generators.nets.two_headed import TwoHeadedDiscriminator
from generators.training.batches import TrainingBatch
from generators.training.labelled_faces import labelled_source
from generators.training.recipe import Frozen, Losses, Step, Trainable
from generators.translation.networks import (
    NoiseBank,
    code_encoder,
    discriminator,
    generator,
    label_mapping,
    label_reader,
)
from generators.translation.settings import PRESETS, TranslationPreset

READER = "reader"
SPAN = 2.0
"""Published weights are for pixels in [-1, 1]; with ours, in [0, 1], a difference of pixels counts twice."""


class Wish(NamedTuple):
    """What the faces of a batch are to become.

    Attributes:
        labels: float (N, A), of the sources, 0 or 1.
        sure: float (N, A), how sure somebody is of them, 0 to 1.
        wanted: float (N, A), those of the references.
        wanted_sure: float (N, A), likewise.
        difference: float (N, A), a, in {-1, 0, 1}.
        references: float (N, 3, S, S).
        rows: int64 (N,), of the references, in the data.
    """

    labels: Tensor
    sure: Tensor
    wanted: Tensor
    wanted_sure: Tensor
    difference: Tensor
    references: Tensor
    rows: Tensor


class Codes(NamedTuple):
    """The parts of the two codes of a batch, float (N, C, S / 2, S / 2).

    Attributes:
        source: S_s, of the own picture.
        of_label: M(r, a).
        of_reference: E(reference, a).
    """

    source: Tensor
    of_label: Tensor
    of_reference: Tensor

    @property
    def by_label(self) -> Tensor:
        """S_rand."""
        return self.of_label + self.source

    @property
    def by_reference(self) -> Tensor:
        """S_ref."""
        return self.of_reference + self.source


class TranslationRecipe(JudgedRecipe):
    """A `generators.training.recipe.Recipe`: generator, encoder and mapping against one critic with two heads."""

    discriminator: TwoHeadedDiscriminator
    wanted = frozenset({"attributes"})

    def __init__(self, preset: TranslationPreset, frozen: Frozen) -> None:
        self.preset = preset
        self.generator, self.encoder, self.mapping = generator(preset), code_encoder(preset), label_mapping(preset)
        self.reader = label_reader(preset)
        makers = {"generator": self.generator, "encoder": self.encoder, "mapping": self.mapping, "reader": self.reader}
        super().__init__(preset, frozen, makers, discriminator(preset))
        self.bank = NoiseBank(preset.bank, preset.noise)
        self.networks = {**self.networks, "bank": self.bank}
        self.attributes = preset.attributes
        # For `impersona describe`: a step that makes faces again, one of the critic, one of those who make faces.
        first = preset.warm_up
        self.beginnings = (*((0,) if first else ()), first, first + preset.judge_steps)

    def phases(self, number: int) -> Sequence[str]:
        """The critic `judge_steps` times and who reads labels, then those who make faces. At first all, of photos."""
        if number < self.preset.warm_up:
            return (GENERATOR, DISCRIMINATOR, READER)
        judging = (number - self.preset.warm_up) % (self.preset.judge_steps + 1) < self.preset.judge_steps
        return (DISCRIMINATOR, READER) if judging else (GENERATOR,)

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Adam for each phase."""
        return {
            GENERATOR: self._adam(["generator", "encoder", "mapping"], 0),
            DISCRIMINATOR: self._adam(["discriminator"], 1),
            READER: self._adam(["reader"], 0),
        }

    def losses(self, phase: str, step: Step) -> Losses:
        """The weighted losses of a phase."""
        wish = wished(step.batch, torch.randperm(len(step.batch), generator=step.draw, device=step.draw.device))
        if phase == READER:
            loss = label_loss(self.reader(step.batch.images), wish.labels, wish.sure)
            return Losses(loss, {"reader": loss.detach()})
        if step.number < self.preset.warm_up:
            return self._remake(step, wish) if phase == GENERATOR else self._name(step, wish)
        return self._judge(step, wish) if phase == DISCRIMINATOR else self._make(step, wish)

    def samples(self, networks: Mapping[str, nn.Module], batch: TrainingBatch) -> Tensor:
        """The photo, it again, by the next face's labels, by that face, between both, and that face."""
        wish = wished(batch, torch.arange(len(batch), device=batch.images.device).roll(-1))
        own, nothing = batch.images, torch.zeros_like(wish.difference)
        calm = torch.zeros(len(own), self.preset.noise, device=own.device)
        encoder, mapping, maker = networks["encoder"], networks["mapping"], networks["generator"]
        source = encoder(own, -wish.difference)
        codes = Codes(source, mapping(calm, wish.difference), encoder(wish.references, wish.difference))
        middle = (codes.by_label + codes.by_reference) / 2
        every = (encoder(own, nothing) + mapping(calm, nothing), codes.by_label, codes.by_reference, middle)
        return torch.stack([own, *(maker(own, code) for code in every), wish.references], dim=1)

    # ---------------------------------------------------------------------------------------------------------- phases

    def _judge(self, step: Step, wish: Wish) -> Losses:
        preset, photos = self.preset, step.batch.images
        noise = self.settled(wish, self.bank(wish.rows))
        with torch.no_grad():
            fakes = list(self._faces(self._codes(photos, wish, noise), photos, step).values())
        penalty = gradient_penalty(
            self.discriminator.real, photos, fakes, step.draw, one_kind=preset.penalty_of == "one"
        )
        verdict = self.discriminator(torch.cat([photos, *fakes]))
        real, *made = verdict.realness.chunk(1 + len(fakes))
        terms = {
            "critic": wasserstein_critic_loss(real, made),
            "penalty": penalty,
            "judge_labels": label_loss(verdict.labels[: len(photos)], wish.labels, wish.sure),
        }
        return weighted(terms, {"critic": 1.0, "penalty": preset.penalty, "judge_labels": preset.judge_labels})

    def _remake(self, step: Step, wish: Wish) -> Losses:
        photos = step.batch.images
        again = self._again(photos, wish, self.bank(wish.rows).clamp(-1, 1), self.generator.look(photos))
        terms = {"reconstruction": SPAN * reconstruction(photos, again)}
        return weighted(terms, {"reconstruction": self.preset.reconstruction})

    def _name(self, step: Step, wish: Wish) -> Losses:
        terms = {"judge_labels": label_loss(self.discriminator(step.batch.images).labels, wish.labels, wish.sure)}
        return weighted(terms, {"judge_labels": self.preset.judge_labels})

    def _make(self, step: Step, wish: Wish) -> Losses:
        preset, photos = self.preset, step.batch.images
        noise = self.settled(wish, self.bank(wish.rows))
        self.bank.put(wish.rows, noise)
        codes = self._codes(photos, wish, noise)
        seen = self.generator.look(photos)
        faces = self._faces(codes, photos, step, seen)
        verdict = self.discriminator(torch.cat(list(faces.values())))
        several = [one.repeat(len(faces), 1) for one in (wish.wanted, wish.wanted_sure)]
        terms = {"adversarial": -verdict.realness.mean(), "labels": label_loss(verdict.labels, *several)}
        if preset.reconstruction:
            terms["reconstruction"] = SPAN * reconstruction(photos, self._again(photos, wish, noise, seen))
        if preset.cycle:
            terms["cycle"] = self._cycle(photos, wish, codes, faces)
        if preset.similarity:
            terms["similarity"] = code_similarity(codes.by_label, codes.by_reference)
        if preset.mode_seeking:
            other = torch.randn(noise.shape, generator=step.draw, device=noise.device)
            with torch.no_grad():
                beside = self.generator.paint(seen, self.mapping(other, wish.difference) + codes.source)
            terms["mode_seeking"] = mode_seeking(noise, other, SPAN * faces["label"], SPAN * beside)
        return weighted(terms, {name: getattr(preset, name) for name in terms})

    # ---------------------------------------------------------------------------------------------------------- inside

    def settled(self, wish: Wish, noise: Tensor) -> Tensor:
        """The noise of the references' faces, a step along the gradient of what label and reference code differ by.

        Args:
            wish: what the faces are to become.
            noise: float (N, Z), as the bank has it.

        Returns:
            float (N, Z), detached, in [-1, 1].
        """
        preset = self.preset
        if not preset.latent_sign or noise.is_meta:  # where operations are counted there are no numbers to follow
            return noise.clamp(-1, 1)
        with torch.enable_grad():
            start = noise.detach().requires_grad_()
            goal = self.encoder(wish.references, wish.difference).detach()
            distance = (goal - self.mapping(start, wish.difference)).square().mean()
            (slope,) = torch.autograd.grad(distance, start)
        size = slope.square().mean(dim=1, keepdim=True).sqrt().clamp_min(torch.finfo(slope.dtype).tiny)
        step = (preset.latent_rate / size + preset.latent_gain) * slope
        return (noise + preset.latent_sign * step).clamp(-1, 1).detach()

    def _codes(self, photos: Tensor, wish: Wish, noise: Tensor) -> Codes:
        return Codes(
            self.encoder(photos, -wish.difference),
            self.mapping(noise, wish.difference),
            self.encoder(wish.references, wish.difference),
        )

    def _faces(self, codes: Codes, photos: Tensor, step: Step, seen: Tensor | None = None) -> dict[str, Tensor]:
        """By label, by reference and, where the preset says so, of a code between the two, in this order."""
        every = {"label": codes.by_label, "reference": codes.by_reference}
        if self.preset.interpolate:
            share = torch.rand(len(photos), 1, 1, 1, generator=step.draw, device=photos.device)
            every["between"] = torch.lerp(codes.by_reference, codes.by_label, share)
        seen = self.generator.look(photos) if seen is None else seen
        painted = self.generator.paint(seen.repeat(len(every), 1, 1, 1), torch.cat(list(every.values())))
        return dict(zip(every, painted.chunk(len(every)), strict=True))

    def _again(self, photos: Tensor, wish: Wish, noise: Tensor, seen: Tensor) -> Sequence[Tensor]:
        """The sources made again, by label and by reference, where nothing is to change."""
        nothing = torch.zeros_like(wish.difference)
        own = self.encoder(photos, nothing)
        codes = torch.cat([own + self.mapping(noise, nothing), own + self.encoder(wish.references, nothing)])
        return self.generator.paint(seen.repeat(2, 1, 1, 1), codes).chunk(2)

    def _cycle(self, photos: Tensor, wish: Wish, codes: Codes, faces: Mapping[str, Tensor]) -> Tensor:
        kept = unchanged_labels(wish.difference, wish.labels)
        parts = [
            code_cycle(self.encoder, faces["label"], wish.difference, codes.source, codes.by_label),
            code_cycle(self.encoder, faces["reference"], wish.difference, codes.source, codes.by_reference),
            attribute_cycle(self.encoder, faces["label"], photos, kept),
        ]
        return torch.stack(parts).mean()


def wished(batch: TrainingBatch, order: Tensor) -> Wish:
    """What the faces of a batch are to become: what the face at `order`, int64 (N,), shows.

    Args:
        batch: with attributes in [-1, 1], of which the sign is the label and the size how sure somebody is.
        order: a permutation.
    """
    assert batch.attributes is not None
    labels, sure = (batch.attributes > 0).to(batch.images.dtype), batch.attributes.abs()
    wanted = labels[order]
    return Wish(labels, sure, wanted, sure[order], wanted - labels, batch.images[order], batch.rows[order])


TRAINABLE = Trainable(
    presets=PRESETS, build=TranslationRecipe, source=labelled_source, conditions=frozenset({"references"})
)
