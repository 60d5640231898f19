"""The attack itself: many edits of every face, of which the least visible one is kept that a surrogate does not accept.

A tool of privacy: the photo that somebody shows shall look like them, and a recognizer shall not find them by it. What
is chosen against the surrogate is judged by the bench on recognizers that it never asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attacks.least_edit.choosing import Best, scores_between
from attacks.least_edit.settings import LeastEditSettings
from bench.aligners.dlib_hog import field5_of_68
from bench.aligners.geometry import lie_near
from bench.aligners.templates import crop_by_landmarks
from bench.api import (
    Budget,
    Crops,
    EditingGenerator,
    Face,
    FaceBatch,
    Fingerprint,
    Goal,
    LearnedFrom,
    Oracle,
    Recognizer,
)
from bench.config import parse_entry
from bench.errors import ConfigError, ShapeError, UnknownName
from bench.images import to_crops, to_frames
from bench.provenance import version_of
from bench.quality.visual import structural_similarity
from bench.registry import load
from bench.torch_runtime import padded

REVISION = 1
SMALLEST = 0.05
"""Of the crop's side, a face is at least as wide and high."""


class LeastEdit:
    """A `bench.api.Attack` that asks the bench nobody: it has a surrogate of its own."""

    goals: frozenset[Goal] = frozenset({"dodge"})
    access: Literal["nothing", "decisions", "scores", "gradients"] = "nothing"
    conditions = frozenset({"landmarks"})
    contributors = 1

    def __init__(self, settings: LeastEditSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size
        entry = parse_entry(settings.generator, "generator of least_edit")
        self.generator: EditingGenerator = load("generator", entry.name, **entry.settings)
        self.generator_name = entry.name
        if not isinstance(self.generator, EditingGenerator):
            raise ConfigError(
                f"least_edit: got the generator {entry.name!r}, which has no edit_tensor; translation has"
            )
        if self.generator.contributors != 1 or self.generator.conditions or getattr(self.generator, "draws", False):
            raise ConfigError(
                f"least_edit: got settings by which {entry.name!r} takes references or draws; leave them out, and edits"
                " and strength too: the attack tries them itself"
            )
        asked = parse_entry(settings.surrogate, "surrogate of least_edit")
        self.surrogate: Recognizer = load("recognizer", asked.name, **asked.settings)
        self.template = self.generator.template

    def default_aligner(self) -> Mapping[str, Any]:
        """The aligner that gives 68 landmarks."""
        return {"name": "dlib_hog", "points": 68}

    @property
    def taught_by(self) -> frozenset[str]:
        """Its white box: the surrogate, and whoever taught the generator."""
        return frozenset(getattr(self.generator, "taught_by", ())) | {self.settings.surrogate_name}

    @property
    def learned_from(self) -> tuple[LearnedFrom, ...]:
        """The packs that the generator learned from, as it says."""
        return tuple(getattr(self.generator, "learned_from", ()))

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The names of what it tries."""
        known = self.generator.attributes
        for name in self.settings.attributes:
            if name not in known:
                raise ConfigError(f"attributes: got {name}, expected some of {', '.join(known)}")
        return tuple(self.settings.attributes) or tuple(known)

    def fingerprint(self) -> Fingerprint:
        """What determines the faces; the generator's own part and the surrogate's among it."""
        inner, asked = self.generator.fingerprint(), self.surrogate.fingerprint()
        return {
            "revision": REVISION,
            "threshold": float(self.settings.accepts_from),
            "attributes": " ".join(self.attributes),
            "strengths": " ".join(f"{float(one):g}" for one in self.settings.strengths),
            "numpy": version_of("numpy"),
            "scikit-image": version_of("scikit-image"),
            "opencv": version_of("opencv-python"),
            **({"weights": inner["weights"]} if inner.get("weights") else {}),
            "generator": self.generator_name,
            **{f"generator_{name}": value for name, value in inner.items()},
            "surrogate": self.settings.surrogate_name,
            **{f"surrogate_{name}": value for name, value in asked.items()},
        }

    def runtime(self) -> Mapping[str, str]:
        """What the generator really ran on; empty before the first face."""
        tell = getattr(self.generator, "runtime", None)
        return tell() if tell else {}

    def run(self, batch: FaceBatch, oracle: Oracle, goal: Goal, budget: Budget, rng: np.random.Generator) -> Crops:
        """The faces; nothing is drawn, and of the bench nobody is asked, so `oracle` and `rng` are not used.

        Args:
            batch: `images` and their landmarks; a face depends on its own row only.
            oracle: not used.
            goal: ``"dodge"``.
            budget: without a norm, because an edit keeps to no radius; steps and queries do not matter.
            rng: not used.

        Returns:
            float32 (N, 3, S, S) RGB in [0, 1]: the edit that looks most like the photo (SSIM) of those that the
            surrogate does not accept, or, where it accepts all, the one that it finds least alike; a row of NaN where
            no edit could be made, or landmarks are not those of a face.

        Raises:
            UnknownName: another goal.
            ConfigError: a budget with a norm.
            ShapeError: a condition is missing, or of another shape.
        """
        if goal not in self.goals:
            raise UnknownName("goal of least_edit", goal, self.goals)
        if budget.norm != "none":
            raise ConfigError(f"budget: got norm {budget.norm!r}; least_edit keeps to no radius, give norm 'none'")
        images, landmarks = self._field(batch, "images"), self._field(batch, "landmarks")
        made = np.full(images.shape, np.nan, np.float32)
        usable = np.flatnonzero([_usable(points, self.template.side) for points in landmarks])
        for start in range(0, len(usable), self.batch_size):
            rows = usable[start : start + self.batch_size]
            made[rows] = self._of_some(images[rows], landmarks[rows])
        return made

    # -------------------------------------------------------------------------------------------------------- inside

    def _of_some(self, images: Crops, landmarks: NDArray[np.float32]) -> Crops:
        photos, before = self._embedded(images, landmarks), to_frames(images)
        best, kept = Best(len(images), self.settings.accepts_from), np.full(images.shape, np.nan, np.float32)
        for edited in self._edits(images):
            possible = np.isfinite(edited.reshape(len(edited), -1)).all(axis=1)
            shown = np.where(np.asarray(possible)[:, None, None, None], edited, images)
            theirs = self._embedded(shown, landmarks)
            scores = np.where(possible, scores_between(photos, theirs, self.surrogate.comparison), np.nan)
            better = best.replaced(scores, structural_similarity(before, to_frames(shown)))
            kept[better] = edited[better]
        return kept

    def _edits(self, images: Crops) -> Iterator[Crops]:
        """Every edit of some faces, one after the other."""
        import torch

        pictures = torch.from_numpy(np.ascontiguousarray(images))
        for name in self.attributes:
            for strength in self.settings.strengths:
                with torch.inference_mode():
                    found: Crops = self.generator.edit_tensor(pictures, name, float(strength)).cpu().numpy()
                yield found

    def _embedded(self, images: Crops, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """The surrogate's embeddings, float32 (N, D): of each face by the landmarks of its photo."""
        template = self.surrogate.template
        crops = []
        for picture, points in zip(to_frames(images), landmarks, strict=True):
            schemes = {"dlib68": points, "field5": field5_of_68(points)}
            face = Face(np.array([*points.min(axis=0), *points.max(axis=0)], np.float32), schemes, 1.0)
            crops.append(crop_by_landmarks(picture, face, template))
        found = [
            self.surrogate.embed(part)[: rows.stop - rows.start]
            for rows, part in padded(to_crops(np.stack(crops)), self.surrogate.batch_size)
        ]
        return np.concatenate(found)

    def _field(self, batch: FaceBatch, name: str) -> NDArray[np.float32]:
        side = self.template.side
        given = getattr(batch, name)
        expected = (len(batch.images), *((3, side, side) if name == "images" else (68, 2)))
        if given is None or given.shape != expected or given.dtype != np.float32:
            got = "none" if given is None else f"{given.dtype} {given.shape}"
            raise ShapeError(f"{name}: got {got}; least_edit takes float32 {expected}")
        return np.asarray(given)


def _usable(points: NDArray[np.float32], side: int) -> bool:
    """Whether 68 landmarks can be those of a face in a crop: near it, and not all in one place."""
    return lie_near(points, side) and bool(np.ptp(points, axis=0).min() >= SMALLEST * side)
