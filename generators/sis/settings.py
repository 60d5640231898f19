"""What an identity-injecting SIS generator is made of and how it learns; and what a sweep may say about `sis`."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from bench.provenance import THREADS
from bench.regions import MASK_REGIONS, STYLE_REGIONS
from bench.torch_runtime import Device, check_settings
from generators.presets import AdversarialPreset, check_choice, check_least, preset_from

Layout = Literal["embedded", "modulated"]
EncoderKind = Literal["grouped", "region"]
IdentityNorm = Literal["unit", "running"]


@dataclass(frozen=True, kw_only=True)
class SisPreset(AdversarialPreset):
    """Sizes, and how it learns.

    Attributes:
        layout: what masks do. ``"embedded"`` is CA2-SIS: each part comes to a small map of its own, from which the face
            grows, and styles act by attention alone. ``"modulated"`` is ours, for few operations: masks and styles
            modulate every norm, as in `spade`, and attention acts at the small sides.
        levels: side and channels of each residual block, the coarsest first; a side that is twice the one before is
            reached by nearest upsampling within the block.
        attention: side, heads and width of a head of each cross-attention, the coarsest first; it follows the last
            block of that side.
        self_attention: the sides where pixels attend to each other too.
        mult: of the attention's feed-forward.
        groups: of the attention's group norm, and of the embedded layout's blocks.
        recompute: the attention is computed again for the backward pass: less memory, a third more of its time.
        style: L, length of a region's style code, and width of every token.
        start: embedded: channels that the embedded parts become.
        mask_side: embedded: side to which masks come before they are embedded.
        embedded_side: embedded: side of what each of them comes to, the first level's.
        encoder: which style encoder: ``"grouped"`` is CA2-SIS's, ``"region"`` SEAN's.
        interleaved: grouped: skips are joined region by region; False is faithful to the released code.
        group_width: grouped: channels of a region behind the first convolution.
        group_downs: grouped: halvings.
        group_ups: grouped: doublings; the style code has a part of each.
        identity: D, numbers of the embedding that becomes one more token; 0 for no such token.
        identity_norm: what is done to an embedding first: ``"unit"`` length, or ``"running"``, which then takes away
            what all embeddings have in common and brings each number to variance 1, by what training has seen.
        identity_scale: by which the outcome is multiplied. A louder token is listened to sooner: 3 was better than 1
            and than 6 with each of three seeds of a toy (tests/test_sis_recipe.py); it was not tried on faces.
        identity_levels: sides whose attention sees the identity's token; none named are all.
        identity_in_norms: modulated: ours: the token acts in every norm, too, and not by attention alone.
        noise: Z, numbers of the noise from which styles can be drawn; 0 for no such mapping.
        noise_width: of its layers.
        detail: `+detail`, ours: side at which features of the source photo join, past the style codes; 0 for none.
        detail_width: channels of its first convolution; doubled with every halving.
        detail_code: channels that it hands over for each pixel.
        judge_gain: its convolutions start Xavier-normal with this gain; 0 starts them as torch does.
        supervision: weight of attention supervision, of the regions' tokens.
        likeness: weight of the identity loss (lambda_id): squared distance, or one minus the cosine, as the recognizer
            compares.
        teach_every: the frozen networks are asked in every such step only, and not in those between; swaps, too, happen
            in these steps only.
        swap: ours: share of a taught step's faces that get the identity of another person of the batch; without the
            identity's token, or with `swap_likeness` 0, nobody does.
        swap_pixels: weight of the pixels of these, in place of `pixels`; they have no perceptual term.
        swap_likeness: weight of the identity loss of these, towards the other person, in place of `likeness`.
        mixed: ours: share of the swapped faces whose identity and goal lie between both people's, drawn uniformly.
        jitter: ours: before a frozen network sees a face, its landmarks are turned, scaled and moved at random, by this
            standard deviation in radians, in the logarithm and in the landmarks' own spread.
        mirror: ours: and every second face is mirrored.
        noise_after: step from which on nothing learns but the mapping of noise, and the discriminator against it.
        diversity: weight of the mean absolute difference between faces of two noises.
    """

    layout: Layout
    attention: tuple[tuple[int, int, int], ...]
    self_attention: tuple[int, ...] = ()
    mult: int = 1
    groups: int = 8
    recompute: bool = False
    start: int = 512
    mask_side: int = 128
    embedded_side: int = 16
    encoder: EncoderKind = "region"
    interleaved: bool = False
    group_width: int = 4
    group_downs: int = 6
    group_ups: int = 5
    identity: int = 128
    identity_norm: IdentityNorm = "running"
    identity_scale: float = 1.0
    identity_levels: tuple[int, ...] = ()
    identity_in_norms: bool = False
    noise: int = 0
    noise_width: int = 128
    detail: int = 0
    detail_width: int = 24
    detail_code: int = 16
    judge_gain: float = 0.0
    supervision: float = 0.1
    likeness: float = 4.0
    teach_every: int = 2
    swap: float = 0.5
    swap_pixels: float = 3.0
    swap_likeness: float = 8.0
    mixed: float = 0.25
    jitter: float = 0.05
    mirror: bool = True
    noise_after: int = 0
    diversity: float = 2.0

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        super().__post_init__()
        check_choice(self, "layout", get_args(Layout))
        check_choice(self, "encoder", get_args(EncoderKind))
        check_choice(self, "identity_norm", get_args(IdentityNorm))
        self._check_levels()
        check_least(self, 1, "mult", "groups")
        check_least(self, 0, "identity", "noise", "noise_after", "detail", "judge_gain", "jitter", "diversity")
        check_least(self, 0, "supervision", "likeness", "swap_pixels", "swap_likeness")
        for name in ("swap", "mixed"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected 0 to 1")
        if self.encoder == "grouped" and self.style % self.group_ups:
            raise ValueError(f"style: got {self.style}, expected a multiple of group_ups, {self.group_ups}")
        if self.noise_after and not self.noise:
            raise ValueError(f"noise_after: got {self.noise_after} without noise, expected noise of at least 1")

    def _check_levels(self) -> None:
        sides = [side for side, _ in self.levels]
        if self.layout == "embedded" and sides[0] != self.embedded_side:
            raise ValueError(f"levels: got {sides[0]} first, expected embedded_side, {self.embedded_side}")
        attended = [side for side, _, _ in self.attention]
        if not set(attended) <= set(sides) or attended != sorted(set(attended)):
            raise ValueError(
                f"attention: got sides {attended}, expected some of {sides}, each once, the coarsest first"
            )
        for name in ("self_attention", "identity_levels"):
            if not set(getattr(self, name)) <= set(attended):
                raise ValueError(f"{name}: got {getattr(self, name)}, expected some of attention's sides, {attended}")
        if self.identity_in_norms and self.layout == "embedded":
            raise ValueError(
                "identity_in_norms: got True, expected False with the layout embedded, whose norms are plain"
            )
        if self.supervision and not self.attention:
            raise ValueError(f"supervision: got {self.supervision} without attention, expected 0")
        if self.identity and not self.attention:
            raise ValueError("identity: got one without attention, expected attention at some side, or identity 0")
        if self.detail and self.detail not in sides:
            raise ValueError(f"detail: got {self.detail}, expected one of the sides {sides}, or 0 for none")

    @property
    def tokens(self) -> int:
        """T, of attention: one for each region, and the identity's, which is the last."""
        return self.regions + bool(self.identity)


_TAUGHT: Mapping[str, Any] = {"teach_every": 1, "swap_likeness": 12.0, "swap_pixels": 2.0}
"""Taught in every step, and more firmly: docs/sis.md says what this was worth."""

PRESETS: Mapping[str, SisPreset] = {
    "tiny": SisPreset(
        side=64,
        layout="modulated",
        levels=((8, 160), (16, 128), (32, 64), (64, 32)),
        attention=((8, 4, 32), (16, 4, 32), (32, 2, 32)),
        identity_in_norms=True,
        identity_scale=3.0,
        **_TAUGHT,
    ),
    "base": SisPreset(
        side=128,
        layout="modulated",
        levels=((8, 256), (16, 256), (32, 192), (64, 96), (128, 32)),
        attention=((8, 8, 32), (16, 8, 32), (32, 4, 32)),
        identity_in_norms=True,
        identity_scale=3.0,
        **_TAUGHT,
        encoder_down=(64, 96),
        judge_widths=(64, 128, 256),
        judge_scales=2,
    ),
    # Sizes and weights of CA2-SIS's released code (arXiv 2308.16071); the identity's of a precursor by the authors of
    # Adversarial Identity Injection (arXiv 2404.10408), lambda_id among them: the paper's own were not seen.
    "paper": SisPreset(
        side=256,
        layout="embedded",
        levels=((16, 256), (32, 128), (64, 64), (128, 32), (256, 32)),
        attention=((16, 8, 64), (32, 8, 64), (64, 8, 64), (128, 8, 64), (256, 4, 32)),
        self_attention=(16, 32, 64),
        mult=4,
        groups=32,
        recompute=True,
        style=1280,
        encoder="grouped",
        identity=512,
        identity_norm="unit",
        noise_width=512,
        judge_widths=(64, 128, 256),
        judge_scales=2,
        judge_norm=True,
        judge_gain=0.02,
        rates=(1e-4, 4e-4),
        betas=(0.0, 0.9),
        decay_from=87_500,  # 50 epochs of CelebAMask-HQ's 28,000, then 50 more
        decay_to=175_000,
        ema_decay=0.9999,
        pixels=0.0,
        adversarial=1.0,
        matching=10.0,
        perceptual=10.0,
        depths=(1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0),
        supervision=1.0,
        likeness=1.0,
        teach_every=1,
        swap=0.0,
        mixed=0.0,
        jitter=0.0,
        mirror=False,
    ),
}


def preset_of(settings: Mapping[str, Any]) -> SisPreset:
    """The preset that a released weight file's settings describe: JSON's lists as tuples.

    Args:
        settings: field to value, as `dataclasses.asdict` gives them.

    Raises:
        ValueError: a field that there is not, or a value out of range.
    """
    return preset_from(SisPreset, settings)


Whose = Literal["own", "reference"]

SHAPES = (*(name for name in MASK_REGIONS if name != "background"), "all")
"""The parts whose shape can be another face's: every one but the background, which is what parts leave."""


@dataclass(frozen=True, kw_only=True)
class SisSettings:
    """Settings of the generator `sis`.

    With nothing but its defaults it makes each face again. A second person contributes as soon as anything is taken
    from a reference.

    Attributes:
        weights: a weight file that `impersona train sis` has released; empty for the one that ships.
        identity: whose identity the face gets: the first contributor's ``"own"``, or the ``"reference"``'s.
        strength: with ``reference``, how far from the own identity to that one, 0 to 1.
        styles: regions whose style is the reference's, by their names in `bench.regions.STYLE_REGIONS`.
        shapes: parts whose shape is the reference's, by their names in `SHAPES`.
        shape_strength: how far from the own shape of these parts to that one, 0 to 1.
        noise: regions whose style is drawn at random, named as in `styles`; for weights that have learned to.
        batch_size: faces that are made at once.
        threads: CPU threads that torch gets in this process; 0 for every core.
        device: ``"auto"`` is CUDA where this torch and this machine seem to have it, else the CPU.
    """

    weights: str = ""
    identity: Whose = "own"
    strength: float = 1.0
    styles: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    shape_strength: float = 1.0
    noise: tuple[str, ...] = ()
    batch_size: int = 8
    threads: int = THREADS
    device: Device = "cpu"

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range, an unknown name, or a strength of what nothing is taken of."""
        check_settings(self.device, self.threads, self.batch_size)
        if self.identity not in get_args(Whose):
            raise ValueError(f"identity: got {self.identity!r}, expected {' or '.join(get_args(Whose))}")
        for name, used, use in (
            ("strength", self.identity == "reference", "identity: reference"),
            ("shape_strength", bool(self.shapes), "shapes, such as [nose]"),
        ):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name}: got {value}, expected 0 to 1")
            if value != 1 and not used:
                raise ValueError(f"{name}: got {value} and nothing that it is of, expected {use} beside it")
        _check_names("styles", self.styles, STYLE_REGIONS)
        _check_names("shapes", self.shapes, SHAPES)
        _check_names("noise", self.noise, STYLE_REGIONS)
        taken = frozenset[int]().union(*(STYLE_REGIONS[name] for name in self.styles))
        for name in self.noise:
            if STYLE_REGIONS[name] & taken:
                raise ValueError(
                    f"noise: got {name}, which styles takes from the reference; expected it in one of them"
                )

    @property
    def refers(self) -> bool:
        """Whether anything is taken from a reference."""
        return self.identity == "reference" or bool(self.styles) or bool(self.shapes)

    def wanted(self, preset: SisPreset) -> frozenset[str]:
        """The fields of `bench.api.FaceBatch` that faces of these settings are made of, besides ``images``.

        Args:
            preset: of the weights.
        """
        wanted = {"masks"}
        if preset.identity:
            wanted |= {"identity"}
        if self.refers:
            wanted |= {"references"}
        if self.identity == "reference":
            wanted |= {"reference_identity"}
        if self.styles or self.shapes:
            wanted |= {"reference_masks"}
        return frozenset(wanted)


def _check_names(setting: str, names: tuple[str, ...], known: Collection[str]) -> None:
    if isinstance(names, str):
        raise ValueError(f"{setting}: got {names!r}, expected a list, such as [{names}]")
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{setting}: got {name!r}, expected some of {', '.join(known)}{hint}")
    if len(set(names)) != len(names):
        raise ValueError(f"{setting}: got {list(names)}, expected each name once")
