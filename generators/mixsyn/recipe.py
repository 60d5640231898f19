"""How `mixsyn` learns, in three stages that follow from the step's number.

    1  the composer and its judge: a face's own labels from its own regions, jittered; layouts of several faces
    2  encoder, renderer and the judge of images: a face from its own mask and styles, as `spade` learns
    3  all: a share of the batch is mixed from several faces, composed and rendered; the others are themselves

A mixed face, of which there is no photo, is judged, must show the styles that it was made of (`style_again`) and, to a
frozen parser, the regions that it was composed of (`parsed`). The composer keeps the losses of stage 1; what the
renderer loses reaches it from `settle_steps` on.

In stage 3 the others are rendered from what the composer makes of their own regions, jittered: maps about as soft as
those of mixes, so that no softness tells the judge of images who is mixed. In every second step it sees no maps at all.

Source: stages and losses are our reading of Demir and Ciftci, arXiv 2111.12705, who are not known to have published
theirs; style reconstruction is that of StarGAN v2 (Choi et al., CVPR 2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from bench.errors import ConfigError
from bench.regions import CLASSES
from generators.adversarial_recipe import DISCRIMINATOR, GENERATOR, weighted
from generators.autoencoder_recipe import AutoencoderRecipe
from generators.losses.adversarial import discriminator_hinge, generator_hinge
from generators.mixsyn.assignment import Assignment, gathered, stacked
from generators.mixsyn.colours import coloured
from generators.mixsyn.composing import blurred, dice_loss, jittered_regions, mean_entropy, variety_loss
from generators.mixsyn.label_sets import label_set_of
from generators.mixsyn.labelled_pictures import source_of
from generators.mixsyn.mixtures import drawn_mixture, fixed_mixture
from generators.mixsyn.networks import Composer, composition_judge, image_judge, renderer, style_encoder
from generators.mixsyn.settings import PRESETS, MixSynPreset
from generators.nets.regions import one_hot
from generators.training.batches import TrainingBatch
from generators.training.recipe import Frozen, Losses, Step, Trainable

COMPOSITION = "composition_discriminator"
SHOWN_SOURCES = 3


class MixSynRecipe(AutoencoderRecipe):
    """A `generators.training.recipe.Recipe`: composer, encoder and renderer against two discriminators."""

    def __init__(self, preset: MixSynPreset, frozen: Frozen) -> None:
        self.preset = preset
        parts = style_encoder(preset), renderer(preset), image_judge(preset)
        self.composer = Composer(preset) if preset.compose else None
        composing: dict[str, nn.Module] = {} if self.composer is None else {"composer": self.composer}
        super().__init__(preset, frozen, *parts, composing)
        self.composition_judge: nn.Module | None = None
        if preset.compose and preset.mixed and preset.composition_adversarial:
            self.composition_judge = composition_judge(preset)
            self._start(self.composition_judge, preset.start_gain)
            self.networks = {**self.networks, COMPOSITION: self.composition_judge}
        # For `impersona describe`: the steps at which a stage begins.
        self.beginnings = tuple(sorted({0, preset.compose_steps, preset.render_steps}))
        self.parses = bool(preset.mixed and preset.parsed)
        if self.parses and preset.classes != CLASSES:
            raise ConfigError(
                f"parsed: got {preset.parsed:g} and classes of one's own, and the frozen parser knows those of faces;"
                " --set parsed=0"
            )
        wanted = {"masks"}
        if self.taught and frozen.perceptual_view == "chip":
            wanted.add("landmarks")
        if preset.mixed:
            wanted.add("subjects")
        self.wanted = frozenset(wanted)

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Adam for all that makes faces, the composer at a rate of its own, and for each discriminator."""
        making = self._adam(["encoder", "renderer"], 0)
        rates = self.preset.composer_rates
        if self.composer is not None:
            making.add_param_group({"params": list(self.composer.parameters()), "lr": rates[0]})
        found: dict[str, torch.optim.Optimizer] = {GENERATOR: making, DISCRIMINATOR: self._adam(["discriminator"], 1)}
        if self.composition_judge is not None:
            found[COMPOSITION] = self._adam([COMPOSITION], 1)
            found[COMPOSITION].param_groups[0]["lr"] = rates[1]
        return found

    def stage(self, number: int) -> Literal[1, 2, 3]:
        """The stage that a step belongs to."""
        if number < self.preset.compose_steps:
            return 1
        return 2 if number < self.preset.render_steps else 3

    def phases(self, number: int) -> Sequence[str]:
        """The generator before its judges, of which those run that have something to judge."""
        stage = self.stage(number)
        judging = [DISCRIMINATOR] if stage > 1 else []
        if stage != 2 and self.composition_judge is not None and self._mixed(self.batch_size):
            judging.append(COMPOSITION)
        return (GENERATOR, *judging)

    def losses(self, phase: str, step: Step) -> Losses:
        """The weighted losses of a phase."""
        if phase == DISCRIMINATOR:
            return self._discriminator(step)
        if phase == COMPOSITION:
            return self._judge_compositions(step)
        stage = self.stage(step.number)
        if stage == 2:
            return self._reconstruct(step)
        return self._compose_alone(step) if stage == 1 else self._mix(step)

    def samples(self, networks: Mapping[str, nn.Module], batch: TrainingBatch) -> Tensor:
        """The photo, its reconstruction, the two other sources, the composition as colours, and the mix."""
        assert batch.masks is not None
        masks = one_hot(batch.masks, self.preset.regions)
        codes = networks["encoder"](batch.images, masks)
        numbers = torch.arange(len(batch), device=masks.device)
        sources = torch.stack([numbers.roll(-turn) for turn in range(SHOWN_SOURCES)], dim=1)
        assignment = fixed_mixture(self.preset, masks, sources)
        maps, styles = self._stack(masks, assignment), self._styles(codes, assignment)
        if self.composer is not None:
            maps = networks["composer"](maps, temperature=1.0 if self.preset.fuzzy else 0.0).maps
        own, mix = networks["renderer"](masks, codes), networks["renderer"](maps, styles)
        others = [batch.images[sources[:, column]] for column in range(1, SHOWN_SOURCES)]
        return torch.stack([batch.images, own, *others, coloured(maps), mix], dim=1)

    # ------------------------------------------------------------------------------------------------------- composing

    def _compose_alone(self, step: Step) -> Losses:
        """The generator's phase in stage 1."""
        masks = self._masks(step)
        mixed = self._mixed(len(masks))
        mixture = self._mixture(step, masks, mixed)
        terms, _ = self._compose(step, masks, mixture)
        return weighted(terms, {name: getattr(self.preset, name) for name in terms})

    def _compose(self, step: Step, masks: Tensor, mixture: Assignment | None) -> tuple[dict[str, Tensor], Tensor]:
        """What the composer loses, and what it composes.

        Args:
            step: with labels.
            masks: float (N, R, S, S), of the batch.
            mixture: of the first M faces; None where there are none.

        Returns:
            The terms, and the compositions (N, R, S, S): of the mixed faces, then of the others' own jittered regions.
        """
        preset, mixed = self.preset, 0 if mixture is None else len(mixture.shape)
        assert self.composer is not None
        assert step.batch.masks is not None
        own = masks[mixed:]
        jittered = jittered_regions(own, preset.jittered, preset.jitter_shift, preset.jitter_scale, step.draw)
        stack = jittered if mixture is None else torch.cat([self._stack(masks, mixture), jittered])
        logits, maps = self.composer(stack, self._noise(stack, mixed, step))
        labels = step.batch.masks[mixed:].long()
        terms = {"own_labels": functional.cross_entropy(logits[mixed:], labels)}
        if mixed:
            terms["keep_shape"] = dice_loss(maps[:mixed], stack[:mixed])
            terms["entropy"] = mean_entropy(logits[:mixed])
        if mixed and preset.composer_noise and preset.variety and step.number % preset.teach_every == 0:
            alike = stack[: (mixed + 1) // 2]
            others = self.composer(alike, self._noise(alike, len(alike), step)).logits
            terms["variety"] = variety_loss(logits[: len(alike)], others, preset.variety_goal)
        if mixed and self.composition_judge is not None:
            judged = self.composition_judge(maps[:mixed])
            terms["composition_adversarial"] = generator_hinge([features[-1] for features in judged])
            step.shared["compositions"] = maps[:mixed].detach()
        return terms, maps

    def _noise(self, stack: Tensor, mixed: int, step: Step) -> Tensor | None:
        """Noise for the first stacks, of mixed faces; none, as faces are made unless asked for, for the others."""
        if not self.preset.composer_noise:
            return None
        noise = torch.zeros(len(stack), self.preset.composer_noise, device=stack.device)
        noise[:mixed] = torch.randn(mixed, self.preset.composer_noise, generator=step.draw, device=stack.device)
        return noise

    def _judge_compositions(self, step: Step) -> Losses:
        """Real maps are as soft as compositions may be; they are of faces that were not mixed, as far as there are."""
        made = step.shared["compositions"]
        assert self.composition_judge is not None
        real = blurred(self._masks(step)[-len(made) :], self.preset.blur)
        both = self.composition_judge(torch.cat([real, made]))
        kinds = zip(*(features[-1].chunk(2) for features in both), strict=True)
        loss = discriminator_hinge(*kinds)
        return Losses(loss, {COMPOSITION: loss.detach()})

    # ---------------------------------------------------------------------------------------------------------- mixing

    def _mix(self, step: Step) -> Losses:
        """The generator's phase in stage 3."""
        batch = step.batch
        masks = self._masks(step)
        mixed = self._mixed(len(masks))
        mixture = self._mixture(step, masks, mixed)
        terms: dict[str, Tensor] = {}
        maps = masks  # where there is no composer, styles alone are mixed, on the first source's map
        if self.composer is not None:
            terms, maps = self._compose(step, masks, mixture)
            maps = self._as_rendered(maps, step.number)
        styles = codes = self.encoder(batch.images, masks)
        if mixture is not None:
            styles = torch.cat([self._styles(codes, mixture), codes[mixed:]])
        made = self._render(maps, styles, step)
        beside = self._beside(maps, step.number)
        step.shared.update(masks=beside.detach(), made=made.detach())
        if self.composer is not None:
            # Photos, too, are beside what the composer makes of their own regions: no softness tells them apart.
            step.shared["real"] = batch.images[mixed:], beside[mixed:].detach()
        terms |= self._rebuilt(step, made, beside, mixed)
        if mixed:
            terms |= self._mixed_terms(step, made[:mixed], maps[:mixed], styles[:mixed].detach())
        return weighted(terms, self._weights(terms, mixed / len(masks)))

    def _as_rendered(self, maps: Tensor, number: int) -> Tensor:
        """Compositions as the renderer gets them."""
        if not self.preset.fuzzy:
            return one_hot(maps.argmax(dim=1), self.preset.regions)
        return maps if number >= self.preset.settle_steps else maps.detach()

    def _beside(self, maps: Tensor, number: int) -> Tensor:
        """What the judge of images sees beside faces: in every second step nothing, so that pixels alone must do."""
        return torch.zeros_like(maps) if self.composer is not None and number % 2 else maps

    def _mixed_terms(self, step: Step, made: Tensor, maps: Tensor, styles: Tensor) -> dict[str, Tensor]:
        """What mixed faces lose, of which there are no photos."""
        preset, terms = self.preset, {}
        if preset.style_again:
            # The encoder is a ruler here: if it learned, codes that shrink would all be near each other.
            fixed = {name: one.detach() for name, one in self.encoder.named_parameters()}
            again = functional_call(self.encoder, fixed, (made, maps))
            # Of a region smaller than a pixel no style can be told.
            there = (maps.detach().sum(dim=(2, 3)) >= 1).to(made.dtype)
            apart = (again - styles).abs().mean(dim=2)
            terms["style_again"] = (apart * there).sum() / there.sum()
        if self.parses and step.number % preset.teach_every == 0:
            assert self.frozen.parser is not None
            terms["parsed"] = functional.cross_entropy(self.frozen.parser(made), maps.detach())
        return terms

    def _weights(self, terms: Mapping[str, Tensor], share: float) -> dict[str, float]:
        """Of each term where a share of the batch is mixed: every face counts once, under the one or the other."""
        shares = dict.fromkeys(("pixels", "perceptual", "matching"), 1 - share)
        shares |= dict.fromkeys(("style_again", "parsed"), share)
        return {name: getattr(self.preset, name) * shares.get(name, 1.0) for name in terms}

    # ---------------------------------------------------------------------------------------------------------- inside

    def _masks(self, step: Step) -> Tensor:
        """The batch's region maps; the phases of a step share them."""
        if "labels" not in step.shared:
            assert step.batch.masks is not None
            step.shared["labels"] = one_hot(step.batch.masks, self.preset.regions)
        masks: Tensor = step.shared["labels"]
        return masks

    def _mixed(self, count: int) -> int:
        """How many faces of a batch are mixed, the first ones: its order is random anyway. One at least is not."""
        return min(round(self.preset.mixed * count), count - 1)

    def _mixture(self, step: Step, masks: Tensor, mixed: int) -> Assignment | None:
        return drawn_mixture(self.preset, masks, step.batch.subjects, mixed, step.draw) if mixed else None

    @staticmethod
    def _stack(masks: Tensor, assignment: Assignment) -> Tensor:
        """The region stack of assignments that name faces of the batch; an expanded view, so no map is copied twice."""
        return stacked(masks.expand(len(assignment.shape), *masks.shape), assignment.shape)

    @staticmethod
    def _styles(codes: Tensor, assignment: Assignment) -> Tensor:
        return gathered(codes.expand(len(assignment.style), *codes.shape), assignment.style)

    def _render(self, maps: Tensor, styles: Tensor, step: Step) -> Tensor:
        # SEAN's norms add noise, which is drawn in training only.
        if self.preset.layout == "sean":
            made: Tensor = self.renderer(maps, styles, step.draw)
            return made
        return super()._render(maps, styles, step)


def settings_of(document: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Fields of a preset that a settings file says: themselves, or those that follow from a label set.

    Args:
        document: what the file holds; with ``classes`` and without ``regions`` it is a label set, as
            `generators.mixsyn.label_sets` has it.
        where: what to call the file in errors.

    Raises:
        ConfigError: it is a label set that cannot be.
        UnknownName: it is a label set with a key that there is not.
    """
    fields = dict(document)
    if "classes" in fields and "regions" not in fields:
        fields = label_set_of(fields, where).preset_settings
    return fields if fields.get("compose", True) else {"compose_steps": 0, **fields}


def roles_of(preset: MixSynPreset) -> frozenset[str]:
    """The frozen networks that a preset asks."""
    asked = {"perceptual": preset.perceptual, "parser": preset.parsed and preset.mixed}
    return frozenset(role for role, weight in asked.items() if weight)


TRAINABLE = Trainable(
    presets=PRESETS,
    build=MixSynRecipe,
    needs=frozenset({"perceptual", "parser"}),
    needs_of=roles_of,
    settings_of=settings_of,
    source=source_of,
    conditions=frozenset({"masks", "references", "reference_masks"}),
)
