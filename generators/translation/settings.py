"""What attribute translation is made of and how it learns, for each preset; and what a sweep may say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from bench.provenance import THREADS
from bench.torch_runtime import Device, check_settings
from generators.presets import LearningPreset, check_choice, check_least, preset_from
from generators.translation.attributes import PUBLISHED, SHIPPED, check_attributes, check_conflicts

SIGNS = (-1, 0, 1)
PenaltyOf = Literal["every", "one"]


@dataclass(frozen=True, kw_only=True)
class TranslationPreset(LearningPreset):
    """Sizes, and how it learns. Weights of losses are the published ones, for pixels in [-1, 1]; `tiny` has others.

    Attributes:
        attributes: names, as CelebA has them; what it can change.
        noise: Z, numbers of the noise by which edits of one label differ.
        code: C, channels of the code, whose side is half of the picture's.
        stem: channels of the generator's first layer.
        widths: channels behind each of its halvings.
        hidden: channels inside of each norm that the code steers.
        encoder_stem: channels of the encoder's first layer.
        encoder_blocks: its blocks at the code's side.
        mapping_start: channels of the mapping's first 4x4 features.
        reader: ours: channels of the layers that read the labels of a face.
        judge_widths: channels of the discriminator's layers.
        judge_head: channels of its two heads.
        judge_steps: steps of the discriminator, each with faces of its own, for one of the generator.
        adversarial: weight of the critic's verdict.
        labels: weight of the labels that faces shall show, of whatever the discriminator's other head sees.
        reconstruction: weight of the source made again, where nothing is to change.
        cycle: weight of codes that are found again in the faces made of them; 0 is an ablation.
        similarity: weight of the difference of label's and reference's code; 0 is an ablation.
        interpolate: whether faces of codes between the two are judged, too; False is an ablation.
        mode_seeking: weight of what faces of two noises lack in difference.
        penalty: weight of the critic's gradient penalty.
        warm_up: steps at first in which faces are made again, and labels of photos are learned, and nothing else:
            nobody is edited before somebody can tell, and a step takes half of the time. Ours.
        penalty_of: what it is taken of, beside each photo: ``"every"`` kind of made face, as published, or ``"one"``,
            drawn: the same on average.
        judge_labels: weight of the labels of photos, for the discriminator.
        latent_sign: which way the noise of a face moves along the gradient of its code's distance to the reference's:
            1 as in the released code, which takes it away from the reference, -1 towards it, 0 for noise that stays.
        latent_rate: how far, on average.
        latent_gain: of the gradient besides.
        bank: rows of the noise bank; faces of larger data share some.
    """

    side: int = 128
    attributes: tuple[str, ...] = PUBLISHED
    noise: int = 16
    code: int = 32
    stem: int = 32
    widths: tuple[int, ...] = (64, 128, 256)
    hidden: int = 128
    encoder_stem: int = 16
    encoder_blocks: int = 3
    mapping_start: int = 64
    reader: tuple[int, ...] = (16, 32, 64, 96, 128)
    judge_widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    judge_head: int = 256
    batch_size: int = 60
    judge_steps: int = 5
    rates: tuple[float, float] = (2e-4, 2e-4)
    betas: tuple[float, float] = (0.5, 0.999)
    ema_decay: float = 0.999
    adversarial: float = 1.0
    labels: float = 10.0
    reconstruction: float = 100.0
    cycle: float = 50.0
    similarity: float = 50.0
    interpolate: bool = True
    mode_seeking: float = 0.005
    penalty: float = 10.0
    warm_up: int = 0
    penalty_of: PenaltyOf = "every"
    judge_labels: float = 1.0
    latent_sign: int = 1
    latent_rate: float = 0.9
    latent_gain: float = 5.0
    bank: int = 182_000

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        super().__post_init__()
        check_attributes("attributes", self.attributes)
        check_least(self, 1, "noise", "code", "stem", "hidden", "encoder_stem", "mapping_start", "judge_head",
                    "judge_steps", "bank")  # fmt: skip
        check_least(self, 0, "encoder_blocks", "adversarial", "labels", "reconstruction", "cycle", "similarity",
                    "mode_seeking", "penalty", "judge_labels", "warm_up", "latent_rate", "latent_gain")  # fmt: skip
        halvings = max(len(self.widths), len(self.judge_widths) - 1, len(self.reader) - 1)
        if (
            not (self.widths and self.reader and self.judge_widths)
            or self.side < 8
            or self.side & (self.side - 1)
            or self.side % 2**halvings
        ):
            raise ValueError(f"side: got {self.side}, expected a power of two that can be halved {halvings} times")
        check_choice(self, "penalty_of", get_args(PenaltyOf))
        if self.warm_up and not (self.reconstruction and self.judge_labels):
            raise ValueError(
                "warm_up: got steps in which nothing is learned, expected reconstruction and judge_labels above 0"
            )
        if self.latent_sign not in SIGNS:
            raise ValueError(f"latent_sign: got {self.latent_sign}, expected one of {', '.join(map(str, SIGNS))}")


PRESETS: Mapping[str, TranslationPreset] = {
    "tiny": TranslationPreset(
        side=64,
        attributes=SHIPPED,
        code=16,
        stem=8,
        widths=(16, 48, 96),
        hidden=16,
        encoder_stem=8,
        encoder_blocks=1,
        reader=(8, 16, 32, 48, 64),
        judge_widths=(8, 16, 48, 96),
        judge_head=96,
        batch_size=8,
        judge_steps=1,
        rates=(5e-4, 5e-4),
        labels=30.0,
        cycle=10.0,
        similarity=10.0,
        penalty_of="one",
        warm_up=1_500,
        bank=16_384,
        ema_decay=0.998,
    ),
    "base": TranslationPreset(attributes=SHIPPED, batch_size=32, bank=16_384),
    "paper": TranslationPreset(),
}


def preset_of(settings: Mapping[str, Any]) -> TranslationPreset:
    """The preset that a released weight file's settings describe: JSON's lists as tuples.

    Args:
        settings: field to value, as `dataclasses.asdict` gives them.

    Raises:
        ValueError: a field that there is not, or a value out of range.
    """
    return preset_from(TranslationPreset, settings)


By = Literal["label", "reference", "both"]
MOST_SOURCES = 8


@dataclass(frozen=True, kw_only=True)
class TranslationSettings:
    """Settings of the generator `translation`.

    With nothing but its defaults it makes each face again.

    Attributes:
        weights: a weight file that `impersona train translation` has released; empty for the one that ships.
        edits: attribute to what is asked for: true, false, or ``flip`` for the other of what the face shows. What
            excludes an attribute that is added goes (`generators.translation.attributes.CONFLICTS`).
        by: how the change looks: as the ``"label"`` says, as in the ``"reference"``, or between ``"both"``.
        take: attributes that are to be as in the reference; with neither `edits` nor `take`, all of them.
        sources: K, how many people take part where a reference has a say: the one who is edited, and K - 1 references,
            whose codes are averaged.
        strength: what the difference of attributes is multiplied by; the paper's test script has 1.5.
        share: with ``both``, the label's, 0 to 1.
        detail: whether the face is the photo with what the edit changes added to it, so that whatever is finer than the
            networks see stays; else it is the networks' own picture, as in the paper.
        variant: which look of the label: 0 for the middle of them, n for the n-th of those whose noise is drawn.
        batch_size: faces that are made at once.
        threads: CPU threads that torch gets in this process; 0 for every core.
        device: ``"auto"`` is CUDA where this torch and this machine seem to have it, else the CPU.
    """

    weights: str = ""
    edits: Mapping[str, bool | str] = field(default_factory=dict)
    by: By = "label"
    take: tuple[str, ...] = ()
    sources: int = 2
    strength: float = 1.0
    share: float = 0.5
    detail: bool = False
    variant: int = 0
    batch_size: int = 8
    threads: int = THREADS
    device: Device = "cpu"

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range, or one that nothing follows from."""
        check_settings(self.device, self.threads, self.batch_size)
        check_choice(self, "by", get_args(By))
        if not isinstance(self.edits, Mapping):
            raise ValueError(f"edits: got {self.edits!r}, expected attributes with values, such as {{Smiling: true}}")
        for name, value in self.edits.items():
            if value not in (True, False, "flip"):
                raise ValueError(f"edits: got {value!r} for {name}, expected true, false or flip")
        check_conflicts("edits", [name for name, value in self.edits.items() if value is True])
        for names in (self.take, tuple(self.edits)):
            if names:
                check_attributes("take" if names is self.take else "edits", names)
        if not 2 <= self.sources <= MOST_SOURCES:
            raise ValueError(f"sources: got {self.sources}, expected 2 to {MOST_SOURCES}")
        if not 0 <= self.share <= 1:
            raise ValueError(f"share: got {self.share}, expected 0 to 1")
        check_least(self, 0, "variant", "strength")
        needs = {"take": bool(self.take), "sources": self.sources != 2}
        for name, said in needs.items():
            if said and not self.refers:
                raise ValueError(f"{name}: got {getattr(self, name)} by label, expected by: reference or by: both")
        if self.share != 0.5 and self.by != "both":
            raise ValueError(f"share: got {self.share} by {self.by}, expected by: both")
        if self.variant and self.by == "reference":
            raise ValueError(f"variant: got {self.variant} by reference, which draws nothing, expected by: label")

    @property
    def refers(self) -> bool:
        """Whether a reference has a say."""
        return self.by != "label"
