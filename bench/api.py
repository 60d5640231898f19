"""Everything that a plugin author meets, on one page: the values that cross boundaries and the protocols to satisfy.

Nothing here is inherited from: a class with the right attributes and methods is a plugin. Importing this module
imports NumPy and the standard library only.

A plugin is a row in a table (`PluginRow`) and a class. The class takes its settings, one frozen dataclass, as its only
argument, and its constructor is cheap: files are located and digested, but torch, onnxruntime and their like are first
imported when the plugin first works. So a sweep is planned, keyed and checked before anything heavy starts.

Letters for sizes: N images, M trials, D embedding, K sources, R mask regions, T steps, S side of a crop.
Two image forms: a frame is uint8 (H, W, 3) RGB; crops are float32 (N, 3, S, S) RGB in [0, 1].
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bench.errors import ShapeError

if TYPE_CHECKING:
    import torch

FrameImage = NDArray[np.uint8]
Crops = NDArray[np.float32]
Embeddings = NDArray[np.float32]

Kind = Literal["dataset", "aligner", "parser", "judge", "recognizer", "detector", "generator", "attack", "executor"]
KINDS: tuple[Kind, ...] = (
    "dataset", "aligner", "parser", "judge", "recognizer", "detector", "generator", "attack", "executor",
)  # fmt: skip

Comparison = Literal["cosine", "neg_l2"]
"""How two embeddings become a score, higher is more alike: their cosine, or minus their Euclidean distance."""

Fingerprint = Mapping[str, str | int | float | bool | None]
"""What determines a plugin's output bit for bit: revision, settings, weight digests, library versions, device."""


# ---------------------------------------------------------------------------------------------------- plugin tables


@dataclass(frozen=True, kw_only=True)
class PluginRow:
    """One plugin, named without importing it.

    Attributes:
        kind: which protocol of this page it satisfies.
        name: what a sweep file calls it; lower case, unique within its kind.
        target: ``"module:Class"``; called with one instance of the settings class.
        settings: ``"module:Class"`` of a frozen dataclass whose module imports nothing heavy; empty for no settings.
        summary: one line for `impersona ls`.
        source: the paper, project or person it comes from.
        licence: what its weights or data may be used for.
        requires: top-level modules that must be installed.
        ready: ``"module:function"`` of a light function without arguments that returns what is missing on this
            machine, one line, or an empty string; empty for "nothing besides `requires`".
        recipe: ``"module:NAME"`` of a `generators.training.recipe.Trainable`, from which `impersona train` and
            `impersona describe` build its networks; empty for what is not trained.
    """

    kind: Kind
    name: str
    target: str
    settings: str = ""
    summary: str
    source: str
    licence: str
    requires: tuple[str, ...] = ()
    ready: str = ""
    recipe: str = ""


# ----------------------------------------------------------------------------------------------------- values: data


@dataclass(frozen=True, slots=True)
class Frame:
    """One photo, not yet read.

    Attributes:
        key: its name within the data set; stable across machines, with forward slashes.
        subject: the data set's own name for the person.
    """

    key: str
    subject: str


@dataclass(frozen=True, eq=False)
class Templates:
    """People who are known by several photos each, as in IJB: T templates that hold P photos in all.

    Attributes:
        keys: T different names.
        subjects: T, the data set's own name for whom each shows.
        template: int32 (P,), which template a photo belongs to, ascending; every template has at least one photo.
        frame: int32 (P,), which photo that is, an index into the trials' frames.
        medium: int32 (P,), the still or the video that it is from; equal numbers in one template are one medium.
    """

    keys: tuple[str, ...]
    subjects: tuple[str, ...]
    template: NDArray[np.int32]
    frame: NDArray[np.int32]
    medium: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Trials:
    """The comparisons of one protocol.

    Attributes:
        protocol: the protocol's name.
        frames: the frames that take part, each once.
        probe: int32 (M,), indices into `frames`, or into the templates where there are some.
        reference: int32 (M,), likewise.
        fold: int16 (M,), the fold of each trial, or None where the protocol has no folds.
        templates: what is compared in place of single photos, or None.
    """

    protocol: str
    frames: tuple[Frame, ...]
    probe: NDArray[np.int32]
    reference: NDArray[np.int32]
    fold: NDArray[np.int16] | None = None
    templates: Templates | None = None

    def __post_init__(self) -> None:
        """Raises `ShapeError` for templates that do not fit the frames."""
        if self.templates is not None:
            _check_templates(self.templates, self.frames)

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of what `probe` and `reference` index: photos, or templates."""
        return tuple(frame.key for frame in self.frames) if self.templates is None else self.templates.keys

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whom each of `keys` shows."""
        return tuple(frame.subject for frame in self.frames) if self.templates is None else self.templates.subjects

    @property
    def mated(self) -> NDArray[np.bool_]:
        """Bool (M,): whether both sides of a trial show the same person."""
        codes = np.unique(np.array(self.subjects, dtype=np.str_), return_inverse=True)[1]
        same: NDArray[np.bool_] = codes[self.probe] == codes[self.reference]
        return same

    @property
    def digest(self) -> str:
        """SHA-256 of who is compared with whom, in which fold and order; it does not depend on pixels."""
        names = "\x1e".join(f"{frame.key}\x1f{frame.subject}" for frame in self.frames)
        sha = hashlib.sha256(f"{self.protocol}\x1d{names}\x1d".encode())
        sha.update(np.ascontiguousarray(self.probe, dtype="<i4").tobytes())
        sha.update(np.ascontiguousarray(self.reference, dtype="<i4").tobytes())
        if self.fold is not None:
            sha.update(np.ascontiguousarray(self.fold, dtype="<i2").tobytes())
        if self.templates is not None:
            mine = self.templates
            whose = "\x1e".join(f"{key}\x1f{who}" for key, who in zip(mine.keys, mine.subjects, strict=True))
            sha.update(f"\x1dtemplates\x1d{whose}\x1d".encode())
            for part in (mine.template, mine.frame, mine.medium):
                sha.update(np.ascontiguousarray(part, dtype="<i4").tobytes())
        return sha.hexdigest()


def _check_templates(templates: Templates, frames: Sequence[Frame]) -> None:
    count, of_photo, frame = len(templates.keys), templates.template, templates.frame
    if len(set(templates.keys)) != count or len(templates.subjects) != count:
        raise ShapeError(f"got {count} templates, {len(set(templates.keys))} names; expected a different name for each")
    if not of_photo.shape == frame.shape == templates.medium.shape == (of_photo.size,):
        raise ShapeError(f"got {of_photo.shape}, {frame.shape}, {templates.medium.shape}; expected (P,) three times")
    if (np.diff(of_photo) < 0).any() or not np.array_equal(np.unique(of_photo), np.arange(count)):
        raise ShapeError(f"expected the photos of {count} templates one template after the other, each with a photo")
    if not np.array_equal(np.unique(frame), np.arange(len(frames))):
        raise ShapeError(f"got {np.unique(frame).size} different photos; expected each of {len(frames)} frames")
    for place, index in zip(of_photo.tolist(), frame.tolist(), strict=True):
        if frames[index].subject != templates.subjects[place]:
            raise ShapeError(
                f"template {templates.keys[place]!r} shows {templates.subjects[place]!r}, and its photo "
                f"{frames[index].key!r} {frames[index].subject!r}; expected one person"
            )


@dataclass(frozen=True, eq=False)
class Face:
    """A face that an aligner found.

    Attributes:
        box: float32 (4,), left, top, right, bottom in pixels of the frame; may reach beyond it.
        landmarks: scheme to float32 (P, 2) points, x then y, in pixels of the frame. ``"field5"`` is the field's five:
            the eye at the left of the picture, the eye at the right, nose tip, mouth corner at the left, at the right;
            ``"dlib5"`` and ``"dlib68"`` are dlib's own orders.
        confidence: the detector's own figure, higher is surer; comparable within one aligner only.
    """

    box: NDArray[np.float32]
    landmarks: Mapping[str, NDArray[np.float32]]
    confidence: float


@dataclass(frozen=True, eq=False)
class Template:
    """Where a recognizer wants its landmarks.

    Attributes:
        name: such as ``"arcface112"``.
        side: S, pixels of the square crop.
        targets: scheme to float32 (P, 2) points in pixels of the crop; an aligner uses the first scheme that it has.
    """

    name: str
    side: int
    targets: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class FaceBatch:
    """Faces with the conditions that generators and attacks may take; a field that is not given is None.

    A face that K people contribute to has the first of them in `images` and the K - 1 others, in their order, in
    `references`; masks and landmarks likewise. Every crop is in the generator's own template.

    Attributes:
        images: float32 (N, 3, S, S) RGB in [0, 1]; the first contributor, onto whom others are put.
        masks: uint8 (N, S, S), 19-class CelebAMask-HQ labels.
        identity: float32 (N, D), the embedding of the first contributor's photo by the recognizer that the maker names
            (`IdentityConditioned`), as that recognizer gave it.
        attributes: float32 (N, A), in [-1, 1].
        references: float32 (N, K - 1, 3, S, S), the other contributors, or the exemplars of a style.
        reference_masks: uint8 (N, K - 1, S, S).
        landmarks: float32 (N, 68, 2), dlib's order, x then y in pixels of the crop, the centre of the first pixel at
            (0, 0); may lie outside of it.
        reference_landmarks: float32 (N, K - 1, 68, 2).
        reference_identity: float32 (N, K - 1, D), the embeddings of the other contributors' photos.
    """

    images: Crops
    masks: NDArray[np.uint8] | None = None
    identity: Embeddings | None = None
    attributes: NDArray[np.float32] | None = None
    references: Crops | None = None
    reference_masks: NDArray[np.uint8] | None = None
    landmarks: NDArray[np.float32] | None = None
    reference_landmarks: NDArray[np.float32] | None = None
    reference_identity: Embeddings | None = None


IDENTITIES = frozenset({"identity", "reference_identity"})
"""The fields of `FaceBatch` that are embeddings by the recognizer that a maker names."""

Goal = Literal["impersonate", "dodge", "hide"]
"""Be accepted as the target; not be accepted as oneself; be accepted as both."""

Norm = Literal["linf", "l2", "none"]


@dataclass(frozen=True)
class Budget:
    """How far an attack may go.

    Attributes:
        norm: in which norm `radius` is measured, on [0, 1] pixels of the crop after rounding to 256 levels.
        radius: the largest perturbation; ignored for ``"none"``.
        steps: T, how many updates.
        queries: how many images the oracle may be asked about in all; None for no limit.
    """

    norm: Norm = "none"
    radius: float = 0.0
    steps: int = 0
    queries: int | None = None


# ------------------------------------------------------------------------------------------------- plugin protocols


class Plugin(Protocol):
    """What every plugin has."""

    def fingerprint(self) -> Fingerprint:
        """What determines this plugin's output bit for bit; cheap, imports nothing heavy."""
        ...


@runtime_checkable
class Dataset(Plugin, Protocol):
    """People, their photos, and who is to be compared with whom."""

    protocols: tuple[str, ...]
    """The protocols it offers, the default one first."""
    shows_faces: bool
    """Whether reports may print its pictures without being asked to: true only where nobody real is shown."""

    def frames(self) -> Sequence[Frame]:
        """Every frame, in an order that does not depend on the machine."""
        ...

    def image(self, key: str) -> FrameImage:
        """The picture behind a frame's key. Raises `CorruptFile` or `MissingFile`."""
        ...

    def content_digest(self, key: str) -> str:
        """SHA-256 hex of everything that determines the pixels of `image`, settings included.

        For a file that is shown as it is, of its bytes; for a drawn face, of its parameters.
        """
        ...

    def trials(self, protocol: str, rng: np.random.Generator) -> Trials:
        """The comparisons of a protocol; what is drawn is drawn from `rng`. Raises `InsufficientData`."""
        ...


@runtime_checkable
class AttributedDataset(Dataset, Protocol):
    """A data set that knows more about its photos than who they show."""

    def attributes(self) -> Mapping[str, NDArray[np.float32] | NDArray[np.str_]]:
        """Attribute to (N,) values, in the order of `frames`; empty where the data set has no labels here.

        Numbers are float32: -1 or 1, or any scale of its own; NaN where unknown. Words are NumPy text, such as
        ``"Woman"``; empty where unknown.
        """
        ...


@runtime_checkable
class MaskedDataset(Dataset, Protocol):
    """A data set that knows what each pixel of its photos shows."""

    def mask(self, key: str) -> NDArray[np.uint8]:
        """uint8 (H, W) of a frame's picture: 19-class CelebAMask-HQ labels.

        0 background, 1 skin, 2 nose, 3 glasses, 4 the eye at the left of the picture, 5 at the right, 6 the brow at the
        left, 7 at the right, 8 the ear at the left, 9 at the right, 10 mouth, 11 upper lip, 12 lower lip, 13 hair,
        14 hat, 15 earring, 16 necklace, 17 neck, 18 cloth. Raises `CorruptFile` or `MissingFile`.
        """
        ...

    def mask_digest(self, key: str) -> str:
        """SHA-256 hex of everything that determines `mask`."""
        ...


@runtime_checkable
class LandmarkedDataset(Dataset, Protocol):
    """A data set that knows where the landmarks of its faces are."""

    def landmarks(self, key: str) -> Mapping[str, NDArray[np.float32]]:
        """Scheme to float32 (P, 2), as in `Face.landmarks`, of the one face that a frame shows; empty where unknown."""
        ...

    def landmarks_digest(self, key: str) -> str:
        """SHA-256 hex of everything that determines `landmarks`."""
        ...


@runtime_checkable
class EmbeddedDataset(Dataset, Protocol):
    """A data set of embeddings that somebody else computed: it has no pictures."""

    def embeddings(self, keys: Sequence[str]) -> Embeddings:
        """float32 (N, D), finite, one row for each key."""
        ...


@runtime_checkable
class Aligner(Plugin, Protocol):
    """Finds faces and turns them into canonical crops."""

    def detect(self, frame: FrameImage) -> list[Face]:
        """The faces in a frame, the one to use first. A face not found is an empty list, never an exception."""
        ...

    def crop(self, frame: FrameImage, face: Face, template: Template) -> FrameImage:
        """uint8 (S, S, 3): the face, warped to the template. Raises `PluginError` if no landmark scheme fits."""
        ...


@runtime_checkable
class Parser(Plugin, Protocol):
    """Labels the pixels of a crop."""

    template: Template
    batch_size: int
    """The bench pads every batch to this one size, so that labels do not depend on what shares a batch."""

    def default_aligner(self) -> Mapping[str, Any]:
        """The sweep-file entry, ``{"name": ..., settings}``, of the aligner to use where none is named."""
        ...

    def parse(self, crops: Crops) -> NDArray[np.uint8]:
        """uint8 (N, S, S), 19-class CelebAMask-HQ labels, as in `MaskedDataset.mask`."""
        ...

    def runtime(self) -> Mapping[str, str]:
        """What really ran, known after the first `parse`: ``provider`` or ``device``, library versions."""
        ...


class JudgeAgreement(NamedTuple):
    """How far a judge agrees with people about one attribute.

    Attributes:
        area: under the ROC curve, of photos of which people said whether they show it.
        low: of its 95 % interval.
        high: likewise.
        there: photos that show it.
        absent: photos that do not.
    """

    area: float
    low: float
    high: float
    there: int
    absent: int

    @property
    def tested(self) -> bool:
        """Whether there are at least 50 photos of both kinds."""
        return min(self.there, self.absent) >= 50

    @property
    def trusted(self) -> bool:
        """Whether it was tested, and its area is at least 0.9: then it takes part in figures of all attributes."""
        return self.tested and self.area >= 0.9


@runtime_checkable
class AttributeJudge(Plugin, Protocol):
    """Says which attributes the face in a crop shows."""

    template: Template
    batch_size: int
    """The bench pads every batch to this one size, so that a judgement does not depend on what shares a batch."""
    attributes: tuple[str, ...]
    """The names of A attributes, those of CelebA where it knows them."""

    def default_aligner(self) -> Mapping[str, Any]:
        """The sweep-file entry, ``{"name": ..., settings}``, of the aligner to use where none is named."""
        ...

    def judge(self, crops: Crops) -> NDArray[np.float32]:
        """float32 (N, A), in [0, 1]: how likely it is that the face shows each attribute; 0.5 is the threshold."""
        ...

    def runtime(self) -> Mapping[str, str]:
        """What really ran, known after the first `judge`: ``provider`` or ``device``, library versions."""
        ...


@runtime_checkable
class MeasuredJudge(AttributeJudge, Protocol):
    """A judge that was held against people: what it was never tested on stays out of figures of all attributes."""

    agreement: Mapping[str, JudgeAgreement]
    """Attribute to what is known of it; one that is missing is untested. `fingerprint` changes when this does."""


@runtime_checkable
class Recognizer(Plugin, Protocol):
    """Turns crops into embeddings."""

    comparison: Comparison
    template: Template
    batch_size: int
    """The bench pads every batch to this one size, so that an embedding does not depend on what shares its batch."""

    def default_aligner(self) -> Mapping[str, Any]:
        """The sweep-file entry, ``{"name": ..., settings}``, of the aligner to use where none is named."""
        ...

    def embed(self, crops: Crops) -> Embeddings:
        """float32 (N, D), finite, not normalised by the bench."""
        ...

    def runtime(self) -> Mapping[str, str]:
        """What really ran, known after the first `embed`: ``provider`` or ``device``, library versions."""
        ...


@runtime_checkable
class GradientRecognizer(Recognizer, Protocol):
    """A recognizer that is differentiable in the pixels: a surrogate, an identity encoder, an identity loss."""

    def embed_tensor(self, crops: torch.Tensor) -> torch.Tensor:
        """float32 (N, D) on the crops' device, from (N, 3, S, S) in [0, 1]; gradients flow to `crops`."""
        ...


@runtime_checkable
class Detector(Plugin, Protocol):
    """Scores how likely a face is an attack: the suspect, or the suspect beside a trusted photo of the same person."""

    template: Template
    species: tuple[Literal["forgery", "morph", "presentation"], ...]
    """What it knows to look for; the bench shows it anything, and reports speak the words of the first."""
    differential: bool
    """Whether it needs a trusted reference beside each suspect."""
    batch_size: int
    """The bench pads every batch to this one size, so that a score does not depend on what shares its batch."""

    def default_aligner(self) -> Mapping[str, Any]:
        """The sweep-file entry, ``{"name": ..., settings}``, of the aligner to use where none is named."""
        ...

    def attack_scores(self, crops: Crops, references: Crops | None = None) -> NDArray[np.float32]:
        """float32 (N,), finite, higher is more likely an attack.

        Args:
            crops: float32 (N, 3, S, S), the suspects.
            references: float32 (N, 3, S, S), a trusted photo for each; None for a detector that is not differential.
        """
        ...

    def runtime(self) -> Mapping[str, str]:
        """What really ran, known after the first `attack_scores`: ``provider`` or ``device``, library versions."""
        ...


@dataclass(frozen=True, slots=True)
class LearnedFrom:
    """A pack that weights learned from, as they say themselves.

    A generator or attack may have ``learned_from``, a tuple of these, the last pack first: one for the pack of its own
    training, one for that of the weights that it began with, and so on; empty where nothing was learned or nothing is
    said. A sweep whose ``leakage`` names a pack is refused where that is none of them.

    Attributes:
        data: SHA-256 hex, the pack's digest.
        people_digest: of whom of it was shown, as `bench.packs.people.people_digest` has it; None where it is not said.
        people: how many these are; None likewise.
    """

    data: str
    people_digest: str | None = None
    people: int | None = None


@runtime_checkable
class Generator(Plugin, Protocol):
    """Makes faces from faces."""

    conditions: frozenset[str]
    """The fields of `FaceBatch` that must be given, besides `images`."""
    template: Template
    contributors: int
    """K, how many people's photos each face is made of; 1 where a face is made from one photo."""
    batch_size: int
    """The bench pads every batch to this one size, so that a face does not depend on what shares its batch."""

    def default_aligner(self) -> Mapping[str, Any]:
        """The sweep-file entry, ``{"name": ..., settings}``, of the aligner that finds the contributors' faces."""
        ...

    def generate(self, batch: FaceBatch, rng: np.random.Generator) -> Crops:
        """float32 (N, 3, S, S) RGB in [0, 1]; a face that cannot be made of what was given is a row of NaN."""
        ...


@runtime_checkable
class GradientGenerator(Generator, Protocol):
    """A generator that is differentiable in its conditions."""

    def generate_tensor(self, conditions: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """float32 (N, 3, S, S) in [0, 1]; gradients flow to every floating-point condition."""
        ...


@runtime_checkable
class IdentityConditioned(Protocol):
    """A generator or attack that has ``identity`` or ``reference_identity`` among its conditions."""

    def identity_encoder(self) -> Mapping[str, Any]:
        """The sweep-file entry of the recognizer whose embeddings it takes, with ``aligner`` where not its own."""
        ...


@runtime_checkable
class StyledGenerator(GradientGenerator, IdentityConditioned, Protocol):
    """A gradient generator of region maps, style codes and an identity: what a generative attack drives.

    `generate_tensor` takes ``masks``, uint8 (N, S, S) labels or float32 (N, R, S', S') soft maps; ``styles``, float32
    (N, R, L); ``identity``, float32 (N, D); and lets pass ``images``, float32 (N, 3, S, S), the photos that the styles
    are of. It may have two methods more: ``masks``, uint8 labels (N, S, S) to soft maps of its own side, which then
    stand for the labels everywhere, and ``attend``, conditions to what `AttentiveMaker.identity_attention` gives. And
    ``draws``, a bool: whether by its settings it draws styles by chance, which styles that are given to it bypass.
    """

    def encode(self, images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """The style of each region, float32 (N, R, L), of crops (N, 3, S, S) and their masks, as `generate_tensor`
        takes them; differentiable.
        """
        ...


@runtime_checkable
class EditingGenerator(Generator, Protocol):
    """A generator that changes one attribute of a face, by degrees: what an attack looks for edits with."""

    attributes: tuple[str, ...]
    """The names of what it can change."""

    def edit_tensor(self, images: torch.Tensor, attribute: str, strength: float) -> torch.Tensor:
        """Faces of which one attribute is the other of what they show.

        Args:
            images: float32 (N, 3, S, S) RGB in [0, 1], in the generator's template.
            attribute: one of `attributes`.
            strength: 1 as the generator learned it, more is more, 0 nothing.

        Returns:
            float32 (N, 3, S, S) RGB in [0, 1]; NaN where a face cannot be made.
        """
        ...


@runtime_checkable
class AttentiveMaker(Protocol):
    """A generator or attack that can say where in a face it looks at the identity that it was given.

    It may have ``attention_tokens``, an int: among how many tokens attention is shared out, which reports show; and
    ``draws``, a bool: whether its faces depend on what they draw by chance. Such a maker is not asked, because it would
    be without the stream that its faces were drawn from.
    """

    def identity_attention(self, batch: FaceBatch) -> NDArray[np.float32]:
        """float32 (N, Y, A, A): for each of Y layers, the coarsest first, the share of attention that goes to the
        identity, in [0, 1], averaged over heads and brought to one side A that divides S. Rows of faces that cannot be
        made mean nothing.
        """
        ...


@runtime_checkable
class MixingMaker(Protocol):
    """A generator or attack that can say how much of each of its faces it took from whom."""

    def shares(self, batch: FaceBatch, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (N, K, R): of each face's pixels the share that shows region r of contributor k, in their style.

        R is 19, the classes of `bench.regions.CLASSES`; where a maker's regions are soft, so are the shares. They are
        at least 0 and add up to 1 over K and R. Rows of faces that cannot be made mean nothing.

        Args:
            batch: what ``generate`` or ``run`` was given.
            rng: in the state in which that had it: what is drawn must be what the faces were drawn with.
        """
        ...


@runtime_checkable
class LayoutMaker(Protocol):
    """A generator or attack that can say what each pixel of its faces is meant to show."""

    def layouts(self, batch: FaceBatch, rng: np.random.Generator) -> NDArray[np.uint8]:
        """uint8 (N, S, S), labels of `bench.regions.CLASSES` at the template's side.

        Those of faces that cannot be made mean nothing.

        Args:
            batch: what ``generate`` or ``run`` was given.
            rng: in the state in which that had it: what is drawn must be what the faces were drawn with.
        """
        ...


@runtime_checkable
class AttributeMaker(Protocol):
    """A generator or attack that can say which attributes its faces were asked to show."""

    attributes: tuple[str, ...]
    """The names of A attributes."""

    def wanted_attributes(self, batch: FaceBatch, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (N, A): 1 for one that is to be there, 0 for one that is not, NaN for one that is to stay as it was.

        Rows of faces that cannot be made mean nothing.

        Args:
            batch: what ``generate`` or ``run`` was given.
            rng: in the state in which that had it.
        """
        ...


class Oracle(Protocol):
    """What an attack may ask about the surrogates, counted. The bench builds it; plugins only use it."""

    access: Literal["nothing", "decisions", "scores", "gradients"]
    queries: int
    """How many images have been asked about so far."""

    def decisions(self, crops: Crops) -> NDArray[np.bool_]:
        """Bool (N,): accepted as the target."""
        ...

    def scores(self, crops: Crops) -> NDArray[np.float32]:
        """float32 (N,): similarity to the target, higher is more alike."""
        ...

    def gradients(self, crops: Crops) -> tuple[NDArray[np.float32], Crops]:
        """Scores, float32 (N,), and their gradients in the pixels, float32 (N, 3, S, S)."""
        ...


@runtime_checkable
class Attack(Plugin, Protocol):
    """Changes faces so that recognizers err. It never judges its own success: the bench does."""

    goals: frozenset[Goal]
    access: Literal["nothing", "decisions", "scores", "gradients"]
    conditions: frozenset[str]
    """The fields of `FaceBatch` that must be given, besides `images`."""
    template: Template
    contributors: int
    """K, how many people's photos each face is made of: 2 for a source and a target, or the two halves of a morph."""
    batch_size: int
    """The bench pads every batch to this one size, so that a face does not depend on what shares its batch."""

    def default_aligner(self) -> Mapping[str, Any]:
        """The sweep-file entry, ``{"name": ..., settings}``, of the aligner that finds the contributors' faces."""
        ...

    def run(self, batch: FaceBatch, oracle: Oracle, goal: Goal, budget: Budget, rng: np.random.Generator) -> Crops:
        """float32 (N, 3, S, S) RGB in [0, 1], within the budget; a face that cannot be made is a row of NaN."""
        ...


# ------------------------------------------------------------------------------------------------ cells and outcomes


@dataclass(frozen=True)
class Cell:
    """One experiment, as plain data that any process can rebuild it from.

    Attributes:
        key: SHA-256 hex of what determines the result: names, fingerprints, digests, protocol, seed, and
            no path of a machine.
        spec: that, and the settings from which another process rebuilds the plugins.
        labels: what figures are filed under: ``dataset``, ``protocol``, ``recognizer``, ``settings`` and so on.
    """

    key: str
    spec: Mapping[str, Any]
    labels: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Success:
    """A cell that ran to its end.

    Attributes:
        key: the cell's key.
        figures: figure records, ready for summary.json.
        counts: how many trials, frames, embeddings computed and so on.
        runtime: what really ran: provider, device, versions.
        seconds: wall-clock time; never part of summary.json.
        tables: name to the bytes of a Parquet file.
        calibration: where carried-over thresholds come from, as `bench.store.thresholds` writes it; None for none.
    """

    key: str
    figures: tuple[Mapping[str, Any], ...]
    counts: Mapping[str, int]
    runtime: Mapping[str, str]
    seconds: float
    tables: Mapping[str, bytes] = field(default_factory=dict)
    calibration: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Failure:
    """A cell that did not; a row like any other.

    Attributes:
        key: the cell's key.
        error: the class name of what was raised.
        message: what it said.
        traceback: where it came from, for a bug report.
        seconds: wall-clock time until it was raised.
    """

    key: str
    error: str
    message: str
    traceback: str
    seconds: float


Outcome = Success | Failure
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done and how many there are."""

Execute = Callable[[Cell, Progress], Outcome]
"""Runs one cell to its outcome. It can be pickled, so that another process may run it, and raises no `Exception`."""


class Watch(Protocol):
    """Is told, in the process that asked for the cells, how they go."""

    def started(self, cell: Cell) -> None:
        """A cell begins."""
        ...

    def progress(self, cell: Cell, what: str, done: int, total: int) -> None:
        """Part of a cell is done: what is being done, how many are done and how many there are."""
        ...


@runtime_checkable
class Executor(Protocol):
    """Runs cells, in any order, in one process or many; it never changes a result."""

    def run(self, cells: Iterable[Cell], execute: Execute, watch: Watch) -> Iterator[Outcome]:
        """The outcomes as they come, one a cell; a process that is lost is a `Failure` of the cell that it ran."""
        ...

    def close(self) -> None:
        """Ends what still runs and frees what it holds; safe to call twice."""
        ...
