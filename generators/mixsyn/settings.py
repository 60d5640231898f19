"""What MixSyn is made of and how it learns, for each preset; and what a sweep may say about `mixsyn`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from bench.provenance import THREADS
from bench.regions import CLASSES
from bench.torch_runtime import Device, check_settings
from generators.presets import AutoencoderPreset, check_choice, check_least, preset_from

Layout = Literal["modulated", "sean"]

PARTS = (
    ("background", (0,)),
    ("skin", (1,)),
    ("nose", (2,)),
    ("eyes", (3, 4, 5)),
    ("brows", (6, 7)),
    ("ears", (8, 9, 15)),
    ("mouth", (10, 11, 12)),
    ("hair", (13, 14)),
    ("neck", (16, 17)),
    ("cloth", (18,)),
)
"""The parts of a face, by name, and their classes: eyes with glasses, ears with earrings, hair with a hat."""


@dataclass(frozen=True, kw_only=True)
class MixSynPreset(AutoencoderPreset):
    """Sizes, and how it learns, in three stages.

    The composer alone; then the style encoder and the renderer, with real maps; then all of them, with faces that are
    mixed from several sources.

    The steps of ``tiny`` are for a run whose encoder and renderer start with the weights of `spade`; from scratch they
    want more (docs/mixsyn.md).

    Attributes:
        layout: which renderer: ``"modulated"`` is that of `spade`, for few operations; ``"sean"`` is SEAN's, whose
            norms take `hidden` channels and no `kernel`.
        classes: the name of each region.
        parts: classes that change hands together, by name; each class is in one of them. A name that a part and a class
            share stands for the part.
        compose: whether there is a composer; without, the map of the result is given and styles alone are mixed, as for
            facades.
        stem: channels that the composer's first layers have for each region.
        composer: channels of its sides, from half of S down.
        composer_groups: of its group norms; 32 in the paper preset.
        composer_noise: Z, numbers of the noise by which compositions of one stack differ; 0 for none.
        composer_prior: ours: the stack itself, times a number that is learned, joins the logits, so that the layers
            learn corrections.
        composer_rates: learning rates of the composer, and of its discriminator.
        composer_judge_widths: channels of the layers of the discriminator that sees compositions.
        compose_steps: stage 1 ends at this step, of the whole run as are the next two.
        render_steps: stage 2 ends at this step.
        settle_steps: before this step of stage 3, the composer gets no gradient of what the renderer loses.
        own_labels: stage 1: weight of the cross-entropy with a face's own labels, where all comes from one source.
        composition_adversarial: weight of the hinge loss of mixed compositions; 0 leaves their discriminator out.
        keep_shape: weight of one minus the Dice overlap of each region of a mixed composition with its source's.
        entropy: weight of a composition's mean entropy, in nats.
        variety: ours: weight of what two compositions of the same parts and different noise lack in difference, in
            every `teach_every`-th step and of half of the mixed faces; without it a composer takes no notice of its
            noise.
        variety_goal: the share of a face's pixels that should change hands between the two.
        jitter_shift: a region of a face's own stack is moved by up to this share of the side, along either axis: about
            as far as regions of several people lie apart, so that gaps and overlaps are as large as theirs.
        jitter_scale: and scaled by up to this share, up or down.
        jittered: share of the regions to which both happen.
        mixed: share of a batch that is mixed from several sources in stages 1 and 3; 0 for none, an ablation.
        mixed_sources: the fewest and the most sources of a mixed face.
        style_again: weight of the mean absolute difference between the style codes of a mixed face and those that it
            was made of; the encoder that looks again does not learn from it, or it would make all codes alike.
        parsed: weight of the cross-entropy between what the frozen parser sees in a mixed face and its composition.
        fuzzy: whether the renderer gets the soft composition; False gives it the largest region of each pixel, an
            ablation.
        blur: standard deviation, in pixels, of the Gaussian that softens real maps before the discriminator of
            compositions sees them, so that softness alone gives nothing away.
    """

    layout: Layout = "modulated"
    classes: tuple[str, ...] = CLASSES
    parts: tuple[tuple[str, tuple[int, ...]], ...] = PARTS
    compose: bool = True
    stem: int = 8
    composer: tuple[int, ...] = (24, 48, 80)
    composer_groups: int = 8
    composer_noise: int = 16
    composer_prior: bool = True
    composer_rates: tuple[float, float] = (5e-4, 8e-4)
    composer_judge_widths: tuple[int, ...] = (32, 64, 128)
    compose_steps: int = 1_000
    render_steps: int = 1_500
    settle_steps: int = 2_500
    own_labels: float = 10.0
    composition_adversarial: float = 1.0
    keep_shape: float = 5.0
    entropy: float = 0.1
    variety: float = 0.5
    variety_goal: float = 0.03
    jitter_shift: float = 0.1
    jitter_scale: float = 0.25
    jittered: float = 0.5
    mixed: float = 0.5
    mixed_sources: tuple[int, int] = (2, 4)
    style_again: float = 5.0
    parsed: float = 1.0
    fuzzy: bool = True
    blur: float = 1.0

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        super().__post_init__()
        check_choice(self, "layout", get_args(Layout))
        check_least(self, 0, "composer_noise", "own_labels", "composition_adversarial", "keep_shape", "entropy",
                    "variety", "style_again", "parsed", "blur", "compose_steps")  # fmt: skip
        for name in ("jitter_shift", "jitter_scale", "jittered", "mixed"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise ValueError(f"{name}: got {value}, expected 0 to 1")
        if not 0 < self.variety_goal <= 1:
            raise ValueError(f"variety_goal: got {self.variety_goal}, expected more than 0, at most 1")
        self._check_regions()
        if self.compose:
            self._check_composer()
        elif self.compose_steps:
            raise ValueError(f"compose_steps: got {self.compose_steps} without a composer, expected 0")
        steps = self.compose_steps, self.render_steps, self.settle_steps
        if list(steps) != sorted(steps):
            raise ValueError(
                f"compose_steps, render_steps, settle_steps: got {steps}, expected each at least the one before"
            )
        fewest, most = self.mixed_sources
        if not 2 <= fewest <= most:
            raise ValueError(
                f"mixed_sources: got {self.mixed_sources}, expected at least 2, and no more than the second"
            )

    def _check_regions(self) -> None:
        if len(self.classes) != self.regions or len(set(self.classes)) != self.regions:
            raise ValueError(f"classes: got {len(set(self.classes))} names, expected one for each of {self.regions}")
        names, held = [name for name, _ in self.parts], [number for _, part in self.parts for number in part]
        if sorted(held) != list(range(self.regions)) or not all(part for _, part in self.parts):
            raise ValueError(
                f"parts: got the classes {sorted(held)}, expected each of 0 to {self.regions - 1} in one part"
            )
        if len(set(names)) != len(names):
            raise ValueError(f"parts: got the names {names}, expected each once")

    def _check_composer(self) -> None:
        check_least(self, 1, "stem", "composer_groups")
        coarsest = 2 ** len(self.composer)
        if not self.composer or self.side % coarsest:
            raise ValueError(
                f"composer: got {len(self.composer)} widths, expected at least one, and that {self.side} pixels can be"
                " halved as often"
            )
        if any(width % self.composer_groups for width in self.composer):
            raise ValueError(
                f"composer: got {self.composer}, expected multiples of composer_groups, {self.composer_groups}"
            )


PRESETS: Mapping[str, MixSynPreset] = {
    # Encoder and renderer are those of `spade` tiny, name by name, so that training can start with its weights.
    "tiny": MixSynPreset(
        side=64,
        levels=((8, 192), (16, 128), (32, 64), (64, 32)),
        stem=4,
        compose_steps=300,
        render_steps=400,
        settle_steps=600,
    ),
    "base": MixSynPreset(
        side=128,
        levels=((8, 256), (16, 256), (32, 192), (64, 96), (128, 48)),
        encoder_down=(64, 96),
        judge_widths=(64, 128, 256),
        judge_scales=2,
        stem=4,
        composer=(32, 64, 96, 128),
        composer_judge_widths=(48, 96, 192),
        compose_steps=2_000,
        render_steps=12_000,
        settle_steps=14_000,
    ),
    # Encoder and renderer have SEAN's sizes (Zhu et al., CVPR 2020, arXiv 1911.12861; ngf 64). The discriminators are
    # CA2-SIS's; the composer, the weights and the stages are ours: MixSyn's own were not seen.
    "paper": MixSynPreset(
        side=256,
        layout="sean",
        levels=((8, 1024), (16, 1024), (16, 1024), (32, 512), (64, 256), (128, 128), (256, 64)),
        style=512,
        hidden=128,
        kernel=3,
        encoder_down=(64, 128),
        encoder_up=(256,),
        encoder_norm=True,
        start_gain=0.02,
        judge_widths=(64, 128, 256),
        judge_scales=2,
        judge_norm=True,
        composer=(64, 128, 256, 512),
        composer_groups=32,
        composer_noise=0,
        composer_prior=False,
        composer_rates=(1e-4, 4e-4),
        composer_judge_widths=(64, 128, 256),
        rates=(1e-4, 4e-4),
        betas=(0.0, 0.9),
        ema_decay=0.9999,
        pixels=0.0,
        adversarial=1.0,
        matching=10.0,
        perceptual=10.0,
        depths=(1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0),
        teach_every=1,
        compose_steps=50_000,
        render_steps=102_500,  # 30 epochs of CelebAMask-HQ's 28,000 later
        settle_steps=107_500,
        jitter_shift=1 / 32,
        jitter_scale=0.1,
    ),
}


def preset_of(settings: Mapping[str, Any]) -> MixSynPreset:
    """The preset that a released weight file's settings describe: JSON's lists as tuples.

    Args:
        settings: field to value, as `dataclasses.asdict` gives them.

    Raises:
        ValueError: a field that there is not, or a value out of range.
    """
    return preset_from(MixSynPreset, settings)


def classes_named(preset: MixSynPreset, name: str) -> tuple[int, ...]:
    """The classes that a name stands for: those of a part, or a class by itself.

    Args:
        preset: of the weights.
        name: of a part or of a class; one that is both stands for the part.

    Raises:
        ValueError: there is no such part or class.
    """
    return classes_of(preset.parts, preset.classes, name)


def classes_of(parts: Sequence[tuple[str, Sequence[int]]], classes: Sequence[str], name: str) -> tuple[int, ...]:
    """The same of parts and classes that are no preset's.

    Args:
        parts: names and class numbers.
        classes: names by number.
        name: of a part or of a class; one that is both stands for the part.

    Raises:
        ValueError: there is no such part or class.
    """
    of_part = dict(parts)
    known = tuple(dict.fromkeys([*of_part, *classes]))
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"got {name!r}, expected some of {', '.join(known)}{hint}")
    return tuple(of_part[name]) if name in of_part else (classes.index(name),)


Composition = Literal["learned", "copied", "pasted"]

MOST_SOURCES = 8


@dataclass(frozen=True, kw_only=True)
class MixSynSettings:
    """Settings of the generator `mixsyn`.

    Attributes:
        weights: a weight file that `impersona train mixsyn` has released; empty for the one that ships.
        sources: K, how many people a face is mixed from, 1 to 8; 1 makes a face again from its own parts.
        shapes: part or class to the source that it has its shape from, counted from 1; what is not named stays with
            source 1. Nothing here nor in `styles`: who gives what is drawn, part by part.
        styles: part or class to the source that it has its style from, where that is another than its shape's.
        temperature: of the composition, 0 to 1: the lower, the harder its edges; at 0 each pixel is of one region.
        composition: what makes one layout of the parts: the ``"learned"`` network, or, ours, nothing: they are
            ``"copied"`` one over the other, and gaps closed by what is around. ``"pasted"`` takes the sources' pixels
            in place of a rendered face: naive copy-paste by the same assignment, without any network.
        variant: which composition of the same assignment: 0 is the one without noise, n the n-th of those whose noise
            is drawn; for weights that take some.
        batch_size: faces that are made at once.
        threads: CPU threads that torch gets in this process; 0 for every core.
        device: ``"auto"`` is CUDA where this torch and this machine seem to have it, else the CPU.
    """

    weights: str = ""
    sources: int = 2
    shapes: Mapping[str, int] = field(default_factory=dict)
    styles: Mapping[str, int] = field(default_factory=dict)
    temperature: float = 1.0
    composition: Composition = "learned"
    variant: int = 0
    batch_size: int = 8
    threads: int = THREADS
    device: Device = "cpu"

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range, or one that nothing follows from."""
        check_settings(self.device, self.threads, self.batch_size)
        if not 1 <= self.sources <= MOST_SOURCES:
            raise ValueError(f"sources: got {self.sources}, expected 1 to {MOST_SOURCES}")
        if not 0 <= self.temperature <= 1:
            raise ValueError(f"temperature: got {self.temperature}, expected 0 to 1")
        check_least(self, 0, "variant")
        check_choice(self, "composition", get_args(Composition))
        if self.composition != "learned" and (self.variant or self.temperature != 1):
            raise ValueError(
                f"composition: got {self.composition} with temperature {self.temperature:g} and variant"
                f" {self.variant}, expected temperature 1 and variant 0: both are of the learned composition"
            )
        for setting in ("shapes", "styles"):
            _check_sources(setting, getattr(self, setting), self.sources)
        if self.composition == "pasted" and self.styles:
            raise ValueError(
                "styles: got some with composition pasted, expected none: pixels are of the shape's source"
            )

    @property
    def drawn(self) -> bool:
        """Whether who gives what is drawn."""
        return self.sources > 1 and not self.shapes and not self.styles


def _check_sources(setting: str, wanted: Mapping[str, int], sources: int) -> None:
    if not isinstance(wanted, Mapping):
        raise ValueError(f"{setting}: got {wanted!r}, expected parts with their sources, such as {{hair: {sources}}}")
    for name, source in wanted.items():
        if not 1 <= source <= sources:
            raise ValueError(f"{setting}: got source {source} of {name}, expected 1 to {sources}, as sources says")
