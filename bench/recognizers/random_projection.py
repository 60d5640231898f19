"""What a recognizer scores that has learned nothing: the pixels of the crop, projected at random.

    crop (150 x 150) ─ grey ─ sums of 5 x 5 pixels (30 x 30) ─ mean removed ─ Gaussian matrix by seed ─ embedding (128)

A random projection keeps angles, so its cosine is about the correlation of two small grey pictures; where it tells
people apart, light, hair and background do. Everything up to the last division is done in whole numbers: the embedding
is the same on every machine.

Source: Johnson and Lindenstrauss, Contemporary Mathematics 1984; Goel, Bebis and Nefian, SPIE 2005 (faces).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import DLIB150, template_digest
from bench.api import Comparison, Crops, Embeddings, Fingerprint
from bench.errors import ShapeError
from bench.images import to_frames
from bench.provenance import version_of
from bench.seeding import stream

REVISION = 1

SIDE = DLIB150.side
BLOCK = 5
CELLS = SIDE // BLOCK
LEVELS = 1024
"""A standard deviation of the matrix: its entries are rounded to whole numbers of 1/1024."""

# ITU-R BT.601 luma in 16 bits, the integers that Pillow's convert("L") uses.
_LUMA = np.array([19595, 38470, 7471], dtype=np.uint32)


@dataclass(frozen=True, kw_only=True)
class RandomProjectionSettings:
    """Settings of `random_projection`.

    Attributes:
        seed: another seed is another matrix.
        length: D, numbers an embedding.
        batch_size: crops that are projected at once.
    """

    seed: int = 0
    length: int = 128
    batch_size: int = 64

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        for name, highest in (("length", 4096), ("batch_size", 4096)):
            if not 1 <= getattr(self, name) <= highest:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected 1 to {highest}")


class RandomProjection:
    """A `bench.api.Recognizer` that knows nothing about faces."""

    comparison: Comparison = "cosine"
    template = DLIB150

    def __init__(self, settings: RandomProjectionSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size

    def default_aligner(self) -> Mapping[str, Any]:
        """The aligner of `dlib_resnet`, so that both see the same crops."""
        return {"name": "dlib_hog"}

    def fingerprint(self) -> Fingerprint:
        """What determines the embeddings; the matrix stands for the NumPy that drew it."""
        return {
            "revision": REVISION,
            "template": template_digest(DLIB150),
            "seed": self.settings.seed,
            "matrix": hashlib.sha256(self._matrix.astype("<i8").tobytes()).hexdigest(),
        }

    def runtime(self) -> Mapping[str, str]:
        """What really ran."""
        return {"device": "cpu", "numpy": version_of("numpy")}

    def embed(self, crops: Crops) -> Embeddings:
        """The embeddings; each depends on its own crop only, whatever else is given beside it.

        Args:
            crops: float32 (N, 3, 150, 150) RGB in [0, 1], rounded to 256 levels here; N may be 0.

        Returns:
            float32 (N, D), never all zeros: a crop of one grey, which has no pattern, is projected as if only its first
            cell were bright.

        Raises:
            ShapeError: another shape or dtype.
        """
        pattern = grey_cells(crops)
        pattern = pattern * CELLS**2 - pattern.sum(axis=1, keepdims=True)  # mean removed without a division
        pattern[~pattern.any(axis=1), 0] = 1
        # |pattern| < 5.8e6, |matrix| < 1e4, 900 terms: below 2^53, so that neither the sum nor float64 rounds.
        projected = pattern @ self._matrix
        embeddings: Embeddings = (projected / float(CELLS**2 * BLOCK**2 * 255 * LEVELS)).astype(np.float32)
        return embeddings

    @functools.cached_property
    def _matrix(self) -> NDArray[np.int64]:
        drawn = stream(self.settings.seed, "random_projection").standard_normal((CELLS**2, self.settings.length))
        return np.rint(drawn * LEVELS).astype(np.int64)


def grey_cells(crops: Crops) -> NDArray[np.int64]:
    """How bright each cell of a crop is.

    Args:
        crops: float32 (N, 3, 150, 150) RGB in [0, 1].

    Returns:
        int64 (N, 900), sums of the grey levels of 25 pixels, row by row.

    Raises:
        ShapeError: another shape or dtype.
    """
    if crops.dtype != np.float32 or crops.shape[1:] != (3, SIDE, SIDE):
        raise ShapeError(
            f"got crops {crops.dtype} {crops.shape}; random_projection takes float32 (N, 3, {SIDE}, {SIDE}) RGB"
        )
    grey = (to_frames(crops) @ _LUMA + 0x8000) >> 16
    blocks = grey.astype(np.int64).reshape(len(crops), CELLS, BLOCK, CELLS, BLOCK)
    cells: NDArray[np.int64] = blocks.sum(axis=(2, 4)).reshape(len(crops), CELLS**2)
    return cells
