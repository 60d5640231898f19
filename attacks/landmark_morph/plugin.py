"""Settings and plugin of `landmark_morph`: a face that shall be accepted as either of two people.

Source: Ferrara, Franco and Maltoni, "The magic passport", IJCB 2014; what varies between the known tools is surveyed by
Scherhag et al., IEEE Access 2019. docs/morphs.md says how this one works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from attacks.landmark_morph import blending, mesh, warping
from bench.aligners.geometry import template_digest
from bench.aligners.templates import FFHQ256
from bench.api import Budget, Crops, FaceBatch, Fingerprint, Goal, Oracle
from bench.errors import ConfigError, ShapeError, UnknownName
from bench.provenance import version_of

Background = Literal["first", "second", "blend"]
Colours = Literal["none", "transfer"]

MOST_FOLDED = 0.1
"""Landmarks whose mesh is folded over more than this share of the face cannot be those of two faces."""
_DECIMALS = 9


@dataclass(frozen=True, kw_only=True)
class LandmarkMorphSettings:
    """Settings of `landmark_morph`.

    Attributes:
        weight: the second contributor's share, 0 to 1: 0 gives the first one's face back, 1 the second one's.
        shape_weight: the share in where the landmarks lie; by default `weight`.
        texture_weight: the share in the pixels; by default `weight`.
        background: whose hair, ears, neck and surroundings: ``"first"``, ``"second"``, or the ``"blend"`` of both, as
            tools have it that morph the whole picture.
        colours: ``"transfer"`` gives the blended face the colours of the face that the background belongs to;
            of no effect where the background is blended.
        feather: over which share of the crop's side the face goes over into its background, from its outline inwards.
    """

    weight: float = 0.5
    shape_weight: float | None = None
    texture_weight: float | None = None
    background: Background = "first"
    colours: Colours = "transfer"
    feather: float = 0.05

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        for name in ("weight", "shape_weight", "texture_weight"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name}: got {value}, expected 0 to 1")
        if not 0 <= self.feather <= 0.25:
            raise ValueError(f"feather: got {self.feather}, expected 0 to 0.25")
        for name, choices in (("background", Background), ("colours", Colours)):
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(get_args(choices))}")

    @property
    def shares_of_shape(self) -> tuple[float, float]:
        """What each contributor gives to the shape; they sum to 1."""
        return _shares(self.weight if self.shape_weight is None else self.shape_weight)

    @property
    def shares_of_texture(self) -> tuple[float, float]:
        """What each contributor gives to the pixels; they sum to 1."""
        return _shares(self.weight if self.texture_weight is None else self.texture_weight)


class LandmarkMorph:
    """A `bench.api.Attack` that asks nobody: contributor 1 is `images`, contributor 2 the one of `references`."""

    goals: frozenset[Goal] = frozenset({"hide"})
    access: Literal["nothing", "decisions", "scores", "gradients"] = "nothing"
    conditions = frozenset({"references", "landmarks", "reference_landmarks"})
    template = FFHQ256
    contributors = 2
    batch_size = 8

    def __init__(self, settings: LandmarkMorphSettings) -> None:
        self.settings = settings

    def fingerprint(self) -> Fingerprint:
        """What determines the morphs."""
        blended = self.settings.background == "blend"
        return {
            "revision": 1,
            "template": template_digest(FFHQ256),
            "shape_weight": self.settings.shares_of_shape[1],
            "texture_weight": self.settings.shares_of_texture[1],
            "background": self.settings.background,
            "colours": None if blended else self.settings.colours,
            "feather": None if blended else self.settings.feather,
            "numpy": version_of("numpy"),
            "scipy": version_of("scipy"),
            "opencv": version_of("opencv-python"),
        }

    def default_aligner(self) -> Mapping[str, Any]:
        """The aligner that gives 68 landmarks."""
        return {"name": "dlib_hog", "points": 68}

    def run(self, batch: FaceBatch, oracle: Oracle, goal: Goal, budget: Budget, rng: np.random.Generator) -> Crops:
        """The morphs; nothing is drawn and nobody is asked, so `oracle` and `rng` are not used.

        Args:
            batch: `images`, one reference, and the landmarks of both; a morph depends on its own row only.
            oracle: not used.
            goal: ``"hide"``.
            budget: without a norm, because a morph keeps to no radius; steps and queries do not matter.
            rng: not used.

        Returns:
            float32 (N, 3, 256, 256) RGB in [0, 1]; a row of NaN where landmarks are not those of a face, or two shapes
            differ so much that the mesh between them folds over.

        Raises:
            UnknownName: another goal.
            ConfigError: a budget with a norm.
            ShapeError: a condition is missing or of another shape.
        """
        if goal not in self.goals:
            raise UnknownName("goal of landmark_morph", goal, self.goals)
        if budget.norm != "none":
            raise ConfigError(f"budget: got norm {budget.norm!r}; landmark_morph keeps to no radius, give norm 'none'")
        side = self.template.side
        first, second = _condition(batch, "images", 3, side, side), _condition(batch, "references", 1, 3, side, side)
        landmarks, others = _condition(batch, "landmarks", 68, 2), _condition(batch, "reference_landmarks", 1, 68, 2)
        made = np.full(first.shape, np.nan, dtype=np.float32)
        for row in range(len(made)):
            morph = self._morph((first[row], second[row, 0]), (landmarks[row], others[row, 0]))
            if morph is not None:
                made[row] = morph.transpose(2, 0, 1)
        return made

    def _morph(
        self, images: tuple[Crops, Crops], landmarks: tuple[NDArray[np.float32], NDArray[np.float32]]
    ) -> blending.Picture | None:
        side = self.template.side
        if not all(mesh.is_usable(points, side) for points in landmarks):
            return None
        shapes = (mesh.shape_of(landmarks[0]), mesh.shape_of(landmarks[1]))
        still = mesh.anchors(shapes, side)
        first, second = (np.concatenate([shape, still]) for shape in shapes)
        triangles = mesh.triangulate((first + second) / 2)
        mine, theirs = self.settings.shares_of_shape
        shape = mine * first + theirs * second
        if max(mesh.folded_share(points, triangles) for points in (first, second, shape)) > MOST_FOLDED:
            return None
        places = warping.piecewise_affine(shape, np.concatenate([first, second], axis=1), triangles, side)
        return self._blend(warping.sample(images[0], places[:2]), warping.sample(images[1], places[2:]), shape)

    def _blend(self, first: blending.Picture, second: blending.Picture, shape: mesh.Points) -> blending.Picture:
        mine, theirs = (np.float32(share) for share in self.settings.shares_of_texture)
        morph: blending.Picture = mine * first + theirs * second
        if self.settings.background != "blend":
            background = first if self.settings.background == "first" else second
            mask = blending.face_mask(shape, len(morph), self.settings.feather * len(morph))
            if self.settings.colours == "transfer":
                morph = blending.match_colours(morph, background, mask)
            morph = blending.compose(morph, background, mask)
        return np.clip(morph, 0.0, 1.0)


def _shares(weight: float) -> tuple[float, float]:
    # Rounded, so that (a, b) at 0.3 and (b, a) at 0.7 meet the very same numbers.
    return round(1.0 - weight, _DECIMALS), round(float(weight), _DECIMALS)


def _condition(batch: FaceBatch, name: str, *shape: int) -> NDArray[np.float32]:
    """A field of a batch. Raises `ShapeError` where it is missing or of another shape or dtype."""
    given = getattr(batch, name)
    expected = (len(batch.images), *shape)
    if given is None or given.shape != expected or given.dtype != np.float32:
        got = "none" if given is None else f"{given.dtype} {given.shape}"
        raise ShapeError(f"{name}: got {got}; landmark_morph takes float32 {expected}")
    return np.asarray(given)
