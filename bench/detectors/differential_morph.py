"""Morphs by what their embedding lacks of a trusted photo's: a linear classifier of the difference.

    suspect ─┐                     ┌ difference (128)
             ├ dlib_resnet (128) ─ ┼ its square (128) ─ standardised ─ linear classifier ─ logit
    trusted ─┘                     └ distance (1)

Two photos of one person differ in what pose, light and age change; a morph differs from either of its people in what
tells these two apart: the squares and the distance say how much, and a stranger's photo is an attack to them as well.
The difference itself says in which direction: faces put together of several lie on another side of photos than photos.

Sources: Scherhag, Rathgeb, Merkle and Busch, "Deep Face Representations for Differential Morphing Attack Detection",
IEEE TIFS 15, 2020 (differences of embeddings, there with a support vector machine). bench/weights/differential_morph.md
says what it was fitted on.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import DLIB150, template_digest
from bench.api import Crops, Embeddings, Fingerprint, Recognizer
from bench.detectors.linear_weights import LinearWeights, read_linear_weights
from bench.errors import ShapeError
from bench.provenance import THREADS, file_digest, thread_count, version_of
from bench.registry import load
from bench.weights import released, user_model

REVISION = 1

WEIGHTS = "differential_morph.safetensors"
RECOGNIZER = "dlib_resnet"

LENGTH = 257
LAYOUT = f"difference of {RECOGNIZER} embeddings, its square, distance"
"""What the features are, as the weight file repeats it."""

REMEMBERED = 8192
"""So many embeddings are kept, half a kilobyte each: a trusted photo stands beside many suspects, a morph beside photos
of both its people."""

Device = Literal["cpu", "cuda", "auto"]


@dataclass(frozen=True, kw_only=True)
class DifferentialMorphSettings:
    """Settings of `differential_morph`.

    Attributes:
        weights: a file that ``python -m bench.fitting.detectors differential_morph`` wrote; empty for the one that
            ships.
        device: of the recognizer, ``"cpu"``, ``"cuda"`` or ``"auto"``.
        threads: of the recognizer; 0 for every core.
        batch_size: pairs of photos at once.
    """

    weights: str = ""
    device: Device = "cpu"
    threads: int = THREADS
    batch_size: int = 16

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        if self.device not in ("cpu", "cuda", "auto"):
            raise ValueError(f"device: got {self.device!r}, expected cpu, cuda or auto")
        thread_count(self.threads)
        if self.batch_size < 1:
            raise ValueError(f"batch_size: got {self.batch_size}, expected at least 1")


class DifferentialMorph:
    """A `bench.api.Detector` that sees a trusted photo beside each suspect."""

    template = DLIB150
    species: tuple[Literal["forgery", "morph", "presentation"], ...] = ("morph",)
    differential = True

    def __init__(self, settings: DifferentialMorphSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size
        self._remembered: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    def fingerprint(self) -> Fingerprint:
        """What determines the scores, the recognizer's own part among it."""
        inner = {f"{RECOGNIZER}_{name}": value for name, value in self._recognizer.fingerprint().items()}
        return {
            "revision": REVISION,
            "layout": LAYOUT,
            "template": template_digest(DLIB150),
            "weights": file_digest(self._weight_file),
            "numpy": version_of("numpy"),
            **inner,
        }

    def default_aligner(self) -> Mapping[str, Any]:
        """The aligner of its recognizer."""
        return self._recognizer.default_aligner()

    def runtime(self) -> Mapping[str, str]:
        """What the recognizer really ran on; empty before the first score."""
        return self._recognizer.runtime()

    def attack_scores(self, crops: Crops, references: Crops | None = None) -> NDArray[np.float32]:
        """The logits; each depends on its own two crops only, whatever else is given beside them.

        Args:
            crops: float32 (N, 3, 150, 150) RGB in [0, 1], the suspects; N may be 0.
            references: float32 (N, 3, 150, 150), a trusted photo of whom each suspect claims to be.

        Returns:
            float32 (N,); 0 where attack and bona fide are equally likely among the faces that it was fitted on.

        Raises:
            ShapeError: no references, as many as there are suspects, or another shape, dtype or range.
            ProviderError: there is no such device here.
            CorruptFile: the weight file is not one.
        """
        return self._weights.logits(self.features(crops, references))

    def features(self, crops: Crops, references: Crops | None) -> NDArray[np.float64]:
        """What the classifier sees, float64 (N, 257): `differences` of embeddings; arguments and errors as above."""
        if references is None:
            raise ShapeError(
                "got no references; differential_morph compares each suspect with a trusted photo of the same person,"
                " references: float32 (N, 3, 150, 150); a detector that needs none is spectral"
            )
        if references.shape != crops.shape:
            raise ShapeError(f"got crops {crops.shape} and references {references.shape}; expected one for each")
        embeddings = self._embeddings(np.concatenate([crops, references]))
        return differences(embeddings[: len(crops)], embeddings[len(crops) :])

    def _embeddings(self, crops: Crops) -> Embeddings:
        """The recognizer's, each crop embedded once: an embedding does not depend on what shares its batch."""
        keys = [hashlib.blake2b(np.ascontiguousarray(crop).data, digest_size=20).digest() for crop in crops]
        new = {key: row for row, key in enumerate(keys) if key not in self._remembered}
        found = self._recognizer.embed(crops[list(new.values())])
        self._remembered |= zip(new, found, strict=True)
        embeddings = np.array([self._remembered[key] for key in keys], dtype=np.float32).reshape(-1, found.shape[1])
        for key in keys:
            self._remembered.move_to_end(key)
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return embeddings

    @cached_property
    def _recognizer(self) -> Recognizer:
        mine = self.settings
        recognizer: Recognizer = load(
            "recognizer", RECOGNIZER, device=mine.device, threads=mine.threads, batch_size=mine.batch_size
        )
        return recognizer

    @cached_property
    def _weights(self) -> LinearWeights:
        return read_linear_weights(self._weight_file, LAYOUT, LENGTH, "differential_morph")

    @property
    def _weight_file(self) -> Path:
        return user_model(self.settings.weights, "weights") if self.settings.weights else released(WEIGHTS)


def differences(suspects: Embeddings, trusted: Embeddings) -> NDArray[np.float64]:
    """The features of pairs of embeddings.

    Args:
        suspects: float32 (N, 128).
        trusted: float32 (N, 128).

    Returns:
        float64 (N, 257): suspect less trusted, the squares of that, and the Euclidean distance.
    """
    signed = suspects.astype(np.float64) - trusted.astype(np.float64)
    squared = signed**2
    # A running sum adds in one order on every machine.
    return np.column_stack([signed, squared, np.sqrt(np.cumsum(squared, axis=1)[:, -1:])])
