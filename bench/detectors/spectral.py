"""Attacks by their spectrum: warping and blending take fine detail away, and paste edges bring some.

    crop (256 x 256) ─ grey ─ Hann window ─ power spectrum ─ mean over each ring of frequencies (127) ─ logarithm
      ─ less its own mean ─ standardised ─ linear classifier ─ logit

The features say how a picture's power is shared among the frequencies from 1 to 127 cycles a crop, not how much of it
there is. The window keeps the crop's edges, and the black where a photo ends, from writing a cross into the spectrum.

Sources: Durall, Keuper, Pfreundt and Keuper, "Unmasking DeepFakes with simple Features", arXiv 1911.00686, 2019;
Durall, Keuper and Keuper, "Watch your Up-Convolution", CVPR 2020 (azimuthal average and a simple classifier).
bench/weights/spectral.md says what it was fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import FFHQ256, template_digest
from bench.api import Crops, Fingerprint
from bench.detectors.linear_weights import LinearWeights, read_linear_weights
from bench.errors import ShapeError
from bench.images import to_frames
from bench.provenance import file_digest, version_of
from bench.weights import released, user_model

REVISION = 1

WEIGHTS = "spectral.safetensors"

SIDE = FFHQ256.side
RINGS = SIDE // 2 - 1
"""Frequencies 1 to 127: without the mean, and without the corners, which are no whole rings."""
LAYOUT = f"log power by ring 1 to {RINGS}, centred, side {SIDE}, Hann"
"""What the features are, as the weight file repeats it."""

_FLOOR = 1e-3
"""Of a ring's mean power, grey levels squared: below what rounding to 256 levels leaves, so that black is finite."""
_GRID = 2.0**20
"""Features are rounded to this grid, which is finer than they are exact: another FFT then gives the same ones."""


@dataclass(frozen=True, kw_only=True)
class SpectralSettings:
    """Settings of `spectral`.

    Attributes:
        weights: a file that ``python -m bench.fitting.detectors spectral`` wrote; empty for the one that ships.
    """

    weights: str = ""


class Spectral:
    """A `bench.api.Detector` without a network."""

    template = FFHQ256
    species: tuple[Literal["forgery", "morph", "presentation"], ...] = ("morph", "forgery")
    differential = False
    batch_size = 64

    def __init__(self, settings: SpectralSettings) -> None:
        self.settings = settings

    def fingerprint(self) -> Fingerprint:
        """What determines the scores."""
        return {
            "revision": REVISION,
            "layout": LAYOUT,
            "template": template_digest(FFHQ256),
            "weights": file_digest(self._weight_file),
            "numpy": version_of("numpy"),
            "pillow": version_of("pillow"),
        }

    def default_aligner(self) -> Mapping[str, Any]:
        """The aligner that it was fitted with."""
        return {"name": "dlib_hog", "points": 68}

    def runtime(self) -> Mapping[str, str]:
        """What really ran."""
        return {"device": "cpu", "numpy": version_of("numpy")}

    def attack_scores(self, crops: Crops, references: Crops | None = None) -> NDArray[np.float32]:
        """The logits; each depends on its own crop only, whatever else is given beside it.

        Args:
            crops: float32 (N, 3, 256, 256) RGB in [0, 1], rounded to 256 levels here; N may be 0.
            references: ignored: a photo is judged by itself.

        Returns:
            float32 (N,); 0 where attack and bona fide are equally likely among the faces that it was fitted on.

        Raises:
            ShapeError: another shape or dtype.
            CorruptFile: the weight file is not one.
        """
        return self._weights.logits(spectra(crops))

    @cached_property
    def _weights(self) -> LinearWeights:
        return read_linear_weights(self._weight_file, LAYOUT, RINGS, "spectral")

    @property
    def _weight_file(self) -> Path:
        return user_model(self.settings.weights, "weights") if self.settings.weights else released(WEIGHTS)


def spectra(crops: Crops) -> NDArray[np.float64]:
    """The features of some crops.

    Args:
        crops: float32 (N, 3, 256, 256) RGB in [0, 1], rounded to 256 levels.

    Returns:
        float64 (N, 127): the natural logarithm of the mean power at 1 to 127 cycles a crop; each row's mean is 0.

    Raises:
        ShapeError: another shape or dtype.
    """
    if crops.dtype != np.float32 or crops.shape[1:] != (3, SIDE, SIDE):
        raise ShapeError(f"got crops {crops.dtype} {crops.shape}; spectral takes float32 (N, 3, {SIDE}, {SIDE}) RGB")
    found = np.empty((len(crops), RINGS))
    for row, crop in zip(found, crops, strict=True):
        power = ring_power(_grey(to_frames(crop[None])[0]))
        logarithm = np.log(power + _FLOOR)
        row[:] = np.rint((logarithm - logarithm.mean()) * _GRID) / _GRID
    return found


def ring_power(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean power of each ring of frequencies, what is called the azimuthal average.

    Args:
        grey: float64 (256, 256), grey levels.

    Returns:
        float64 (127,): of the frequencies whose distance from zero rounds to 1, 2, ... 127 cycles a crop; the mean
        over all frequencies would be the mean square of the windowed picture.
    """
    ring, count = _rings()
    window = np.hanning(SIDE + 1)[:-1]
    windowed = (grey - grey.mean()) * window[:, None] * window
    power = np.abs(np.fft.fft2(windowed)) ** 2 / SIDE**2
    return np.bincount(ring.ravel(), power.ravel(), minlength=RINGS + 2)[1 : RINGS + 1] / count


@cache
def _rings() -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """The ring of each frequency, (256, 256), the corners in one beyond the last; and how many each ring has."""
    cycles = np.fft.fftfreq(SIDE, 1 / SIDE)
    ring = np.minimum(np.rint(np.hypot(cycles[:, None], cycles)), RINGS + 1).astype(np.intp)
    return ring, np.bincount(ring.ravel(), minlength=RINGS + 2)[1 : RINGS + 1]


def _grey(frame: NDArray[np.uint8]) -> NDArray[np.float64]:
    from PIL import Image

    return np.asarray(Image.fromarray(frame).convert("L"), dtype=np.float64)
