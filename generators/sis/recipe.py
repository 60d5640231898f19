"""How `sis` learns: a face from its mask, its styles and who it shows; and the same face as somebody else.

A step of the generator: reconstruct every face. In every `teach_every`-th step frozen networks look at it, too, and
the first `swap` of the batch are given the identity of another person of the batch: these need not be themselves
(`swap_pixels` in place of `pixels`, nothing perceptual), but must be whom they were given (`swap_likeness`).

Source: losses of CA2-SIS's released code (arXiv 2308.16071), the identity loss of a precursor by the authors of
Adversarial Identity Injection (arXiv 2404.10408); swapping in training is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from bench.regions import GROUPS
from generators.adversarial_recipe import DISCRIMINATOR, GENERATOR, AdversarialRecipe, weighted
from generators.losses.attention_supervision import attention_supervision
from generators.losses.identity import distance_of, embedding_distance
from generators.losses.mode_seeking import diversity
from generators.losses.perceptual import perceptual
from generators.nets.regions import one_hot
from generators.nets.residual import start_like_gan
from generators.sis.networks import SisGenerator, detail_encoder, discriminator, noise_mapper, style_encoder
from generators.sis.settings import PRESETS, SisPreset
from generators.sis.swapping import Wanted, whom_to_show
from generators.training.batches import TrainingBatch
from generators.training.chips import Views
from generators.training.jitter import jittered, mirrored_points_where, mirrored_where
from generators.training.recipe import Frozen, Losses, Step, Trainable

NOISE = "noise"
SHOWN_STYLES = sorted(GROUPS["eyes"] | GROUPS["mouth"])
"""Classes whose style a sample takes from the next face, too: eyes and mouth."""


class SisRecipe(AdversarialRecipe):
    """A `generators.training.recipe.Recipe`: encoder and generator against one discriminator."""

    def __init__(self, preset: SisPreset, frozen: Frozen) -> None:
        self.preset = preset
        makers: dict[str, nn.Module] = {"encoder": style_encoder(preset), "generator": SisGenerator(preset)}
        if preset.detail:
            makers["detail"] = detail_encoder(preset)
        self.making = tuple(makers)
        if preset.noise:
            makers["noise"] = noise_mapper(preset)
        super().__init__(preset, frozen, makers, discriminator(preset))
        if preset.judge_gain:
            start_like_gan(self.discriminator, preset.judge_gain)
        self.embedding = preset.identity  # for `generators.training.description`
        self.swaps = preset.swap if preset.identity and preset.swap_likeness else 0.0
        self.taught = bool(preset.perceptual or preset.likeness or self.swaps)
        wanted = {"masks"}
        if self.taught:
            wanted.add("landmarks")
        if preset.identity or preset.likeness:
            wanted.add("identity")
        if self.swaps:
            wanted.add("subjects")
        self.wanted = frozenset(wanted)

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Adam for each phase; the discriminator's steps are the larger ones (TTUR, Heusel et al., NIPS 2017)."""
        found = {GENERATOR: self._adam(self.making, 0), DISCRIMINATOR: self._adam(["discriminator"], 1)}
        return found | ({NOISE: self._adam(["noise"], 0)} if self.preset.noise else {})

    def phases(self, number: int) -> Sequence[str]:
        """The generator before its judge; from `noise_after` on the mapping of noise in its place."""
        learns_noise = self.preset.noise and number >= self.preset.noise_after
        return (NOISE if learns_noise else GENERATOR, DISCRIMINATOR)

    def losses(self, phase: str, step: Step) -> Losses:
        """The weighted losses of a phase."""
        if phase == DISCRIMINATOR:
            return self._discriminator(step)
        return self._noise(step) if phase == NOISE else self._generator(step)

    def samples(self, networks: Mapping[str, nn.Module], batch: TrainingBatch) -> Tensor:
        """The photo, its reconstruction, it with the next face's identity, and with that one's eyes and mouth, too."""
        assert batch.masks is not None
        masks = one_hot(batch.masks, self.preset.regions)
        styles = networks["encoder"](batch.images, masks)
        detail = networks["detail"](batch.images) if "detail" in networks else None
        identity = batch.identity if self.preset.identity else None
        other = None if identity is None else identity.roll(-1, dims=0)
        mixed = styles.clone()
        shown = [number for number in SHOWN_STYLES if number < self.preset.regions]
        mixed[:, shown] = styles.roll(-1, dims=0)[:, shown]
        rows = [(styles, identity), (styles, other), (mixed, other)]
        made = [networks["generator"](masks, codes, who, detail=detail).faces for codes, who in rows]
        return torch.stack([batch.images, *made], dim=1)

    # ------------------------------------------------------------------------------------------------------ generator

    def _generator(self, step: Step) -> Losses:
        batch, preset = step.batch, self.preset
        assert batch.masks is not None
        masks = one_hot(batch.masks, preset.regions)
        taught = self.taught and step.number % preset.teach_every == 0
        wanted = whom_to_show(batch, step.draw, self.preset, self.swaps if taught else 0.0)
        styles = self.networks["encoder"](batch.images, masks)
        detail = self.networks["detail"](batch.images) if preset.detail else None
        given = wanted.identity if preset.identity else None
        found = self.networks["generator"](masks, styles, given, detail=detail, logits=bool(preset.supervision))
        step.shared.update(masks=masks, made=found.faces.detach())
        apart = (found.faces - batch.images).abs().mean(dim=(1, 2, 3))
        terms = self._by_half("pixels", apart, wanted.swapped)
        terms |= self._judged(found.faces, batch.images, masks, wanted.swapped)
        if preset.supervision:
            terms["supervision"] = attention_supervision(found.logits, masks)
        if taught:
            terms |= self._lessons(step, found.faces, wanted)
        return weighted(terms, self._weights(wanted.swapped / len(batch)))

    def _weights(self, share: float) -> dict[str, float]:
        """Of each term, where a share of the batch is swapped: every face counts once, under the one or the other."""
        preset = self.preset
        return {
            "pixels": preset.pixels * (1 - share),
            "perceptual": preset.perceptual * (1 - share),
            "likeness": preset.likeness * (1 - share),
            "swap_pixels": preset.swap_pixels * share,
            "swap_likeness": preset.swap_likeness * share,
            "adversarial": preset.adversarial,
            "matching": preset.matching * (1 - share),
            "supervision": preset.supervision,
        }

    def _lessons(self, step: Step, made: Tensor, wanted: Wanted) -> dict[str, Tensor]:
        """What the frozen networks say of the made faces."""
        preset, swapped, terms = self.preset, wanted.swapped, {}
        photos, made, landmarks = self._as_seen(step, made)
        ours = Views(self.frozen, made, landmarks)
        if preset.perceptual and swapped < len(made):
            assert self.frozen.perceptual is not None
            theirs = Views(self.frozen, photos[swapped:], landmarks[swapped:])
            with torch.no_grad():
                real = self.frozen.perceptual(theirs.perceptual)
            # Of all faces, though some are of no use here: the identity loss shares the pass.
            found = [features[swapped:] for features in self.frozen.perceptual(ours.perceptual)]
            terms["perceptual"] = perceptual(real, found, preset.depths)
        if preset.likeness or swapped:
            recognizer = self.frozen.identity
            assert recognizer is not None
            assert wanted.identity is not None
            goals = wanted.identity.detach()
            apart = embedding_distance(recognizer.embed_tensor(ours.identity), goals, distance_of(recognizer))
            terms |= self._by_half("likeness", apart, swapped)
        return terms

    def _as_seen(self, step: Step, made: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Photos, made faces and landmarks as the frozen networks get them: disturbed alike, where asked for."""
        photos, landmarks = step.batch.images, step.batch.landmarks
        assert landmarks is not None
        if self.preset.jitter:
            landmarks = jittered(landmarks, self.preset.jitter, step.draw)
        if self.preset.mirror:
            chosen = torch.rand(len(made), generator=step.draw, device=made.device) < 0.5
            photos, made = mirrored_where(photos, chosen), mirrored_where(made, chosen)
            landmarks = mirrored_points_where(landmarks, chosen, made.shape[-1])
        return photos, made, landmarks

    @staticmethod
    def _by_half(name: str, values: Tensor, swapped: int) -> dict[str, Tensor]:
        """The mean of the swapped faces' values, under a name of its own, and of the others'."""
        halves = {f"swap_{name}": values[:swapped], name: values[swapped:]}
        return {key: half.mean() for key, half in halves.items() if len(half)}

    # ---------------------------------------------------------------------------------------------------------- noise

    def _noise(self, step: Step) -> Losses:
        """CA2-SIS's noise branch: styles of two noises on a generator that learns no more."""
        batch, preset = step.batch, self.preset
        assert batch.masks is not None
        masks = one_hot(batch.masks, preset.regions)
        present = masks.amax(dim=(2, 3))
        noise = torch.randn(2 * len(batch), preset.noise, generator=step.draw, device=masks.device)
        styles = self.networks["noise"](noise, torch.cat([present, present]))
        identity = batch.identity if preset.identity else None
        both = [None if one is None else torch.cat([one, one]) for one in (masks, identity)]
        found = self.networks["generator"](both[0], styles, both[1], logits=bool(preset.supervision))
        made, other = found.faces.chunk(2)
        step.shared.update(masks=masks, made=made.detach())
        terms = {"adversarial": self._judged(made, batch.images, masks)["adversarial"]}
        terms["diversity"] = diversity(made, other)
        if preset.supervision:
            terms["supervision"] = attention_supervision(found.logits, torch.cat([masks, masks]))
        return weighted(terms, {name: getattr(preset, name) for name in terms})


TRAINABLE = Trainable(
    presets=PRESETS,
    build=SisRecipe,
    needs=frozenset({"perceptual", "identity"}),
    conditions=frozenset({"masks", "identity"}),
)
