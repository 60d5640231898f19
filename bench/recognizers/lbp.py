"""Local binary patterns and PCA: what recognition could do before networks, the floor that others are held against.

    crop (80 x 80) ─ grey ─ LBP codes (8 neighbours, radius 2, uniform: 59) ─ histograms of 15 x 15 overlapping cells
      ─ square roots ─ folded about the face's middle ─ PCA, whitened ─ embedding (300), compared by cosine

Folding adds the left half of the face to the left half of its mirror image: side light and a turned head then count
less, and the descriptor is half as long.

Sources: Ahonen, Hadid and Pietikäinen, TPAMI 2006 (histograms of cells); Ojala, Pietikäinen and Mäenpää, TPAMI 2002
(uniform patterns); Arandjelović and Zisserman, CVPR 2012 (square roots). bench/weights/lbp.md has the PCA's data.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.aligners.templates import DLIB150, template_digest
from bench.api import Comparison, Crops, Embeddings, Fingerprint, Template
from bench.errors import CorruptFile, ShapeError
from bench.images import to_frames
from bench.provenance import file_digest, version_of
from bench.weights import released, user_model

REVISION = 1

WEIGHTS = "lbp.safetensors"

SIDE = 80
NEIGHBOURS, RADIUS, CODES = 8, 2, 59
BLOCK = 5  # a cell is 2 x 2 blocks, so that neighbours overlap by half
CELLS = SIDE // BLOCK - 1
FOLDED = (CELLS + 1) // 2
LENGTH = CELLS * FOLDED * CODES
LAYOUT = f"nri_uniform {NEIGHBOURS} {RADIUS}, side {SIDE}, block {BLOCK}, folded"
"""What the descriptor is made of, as the weight file repeats it."""

# The middle of dlib's chip, from the brows to below the mouth, at 0.7 of its scale.
_SCALE = 0.7

TEMPLATE = Template(
    name="lbp80",
    side=SIDE,
    targets={
        scheme: ((points - DLIB150.side / 2) * _SCALE + SIDE / 2).astype(np.float32)
        for scheme, points in DLIB150.targets.items()
    },
)

# ITU-R BT.601 luma in 16 bits, the integers that Pillow's convert("L") uses.
_LUMA = np.array([19595, 38470, 7471], dtype=np.uint32)


@dataclass(frozen=True, kw_only=True)
class LbpSettings:
    """Settings of `lbp`.

    Attributes:
        weights: a file that ``python -m bench.recognizers.lbp_fit`` wrote; empty for the one that ships with impersona.
        batch_size: crops that are projected at once.
    """

    weights: str = ""
    batch_size: int = 64

    def __post_init__(self) -> None:
        """Raises ValueError for a value out of range."""
        if self.batch_size < 1:
            raise ValueError(f"batch_size: got {self.batch_size}, expected at least 1")


class Lbp:
    """A `bench.api.Recognizer` without a network."""

    comparison: Comparison = "cosine"
    template = TEMPLATE

    def __init__(self, settings: LbpSettings) -> None:
        self.settings = settings
        self.batch_size = settings.batch_size

    def default_aligner(self) -> Mapping[str, Any]:
        """The aligner that the PCA was fitted with."""
        return {"name": "dlib_hog"}

    def fingerprint(self) -> Fingerprint:
        """What determines the embeddings."""
        return {
            "revision": REVISION,
            "layout": LAYOUT,
            "template": template_digest(TEMPLATE),
            "weights": file_digest(self._weight_file),
            "batch_size": self.batch_size,
            "scikit-image": version_of("scikit-image"),
            "numpy": version_of("numpy"),
        }

    def runtime(self) -> Mapping[str, str]:
        """What really ran."""
        return {"device": "cpu", "scikit-image": version_of("scikit-image"), "numpy": version_of("numpy")}

    def embed(self, crops: Crops) -> Embeddings:
        """The embeddings; each depends on its own crop only, whatever else is given beside it.

        Args:
            crops: float32 (N, 3, 80, 80) RGB in [0, 1], rounded to 256 levels here; N may be 0.

        Returns:
            float32 (N, D).

        Raises:
            ShapeError: another shape or dtype.
            CorruptFile: the weight file is not one.
        """
        mean, projection = self._weights
        described = describe(crops)
        found = np.empty((len(crops), len(projection)), dtype=np.float32)
        for start in range(0, len(crops), self.batch_size):
            part = described[start : start + self.batch_size]
            # One shape always: a matrix product may add up in another order when its shape is another.
            batch = np.zeros((self.batch_size, LENGTH))
            batch[: len(part)] = part - mean
            found[start : start + len(part)] = (batch @ projection.T)[: len(part)]
        return found

    @functools.cached_property
    def _weights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return read_weights(self._weight_file)

    @property
    def _weight_file(self) -> Path:
        return user_model(self.settings.weights, "weights") if self.settings.weights else released(WEIGHTS)


def describe(crops: Crops) -> NDArray[np.float32]:
    """The folded descriptors, before PCA.

    Args:
        crops: float32 (N, 3, 80, 80) RGB in [0, 1].

    Returns:
        float32 (N, 7080): 15 rows of 8 cells of 59 codes; a cell's squared entries would sum to 1 without folding.

    Raises:
        ShapeError: another shape or dtype.
    """
    if crops.dtype != np.float32 or crops.shape[1:] != (3, SIDE, SIDE):
        raise ShapeError(f"got crops {crops.dtype} {crops.shape}; lbp takes float32 (N, 3, {SIDE}, {SIDE}) RGB")
    grey = ((to_frames(crops) @ _LUMA + 0x8000) >> 16).astype(np.uint8)
    found = np.empty((len(grey), LENGTH), dtype=np.float32)
    for row, face in zip(found, grey, strict=True):
        halves = [cell_histograms(np.ascontiguousarray(side))[:, :FOLDED] for side in (face, face[:, ::-1])]
        row[:] = np.sqrt(halves).sum(axis=0).ravel()
    return found


def cell_histograms(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How often each code occurs in each cell.

    Args:
        grey: uint8 (80, 80).

    Returns:
        float64 (15, 15, 59), rows, columns, codes; each cell sums to 1.
    """
    from skimage.feature import local_binary_pattern

    codes = local_binary_pattern(grey, NEIGHBOURS, RADIUS, method="nri_uniform")  # type: ignore[no-untyped-call]
    blocks = SIDE // BLOCK
    place = np.arange(SIDE) // BLOCK
    where = (place[:, None] * blocks + place) * CODES + codes.astype(np.intp)
    counts = np.bincount(where.ravel(), minlength=blocks * blocks * CODES).reshape(blocks, blocks, CODES)
    return (counts[:-1, :-1] + counts[1:, :-1] + counts[:-1, 1:] + counts[1:, 1:]) / (2 * BLOCK) ** 2


def read_weights(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean descriptor, (7080,), and the whitened principal directions, (D, 7080).

    Raises:
        CorruptFile: not a weight file of this layout.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            layout = (file.metadata() or {}).get("layout", "none")
            mean, projection = (file.get_tensor(name).astype(np.float64) for name in ("mean", "projection"))
    except (SafetensorError, OSError) as error:
        raise CorruptFile(f"{path}: not a weight file of lbp ({error}); reinstall impersona, or fit it anew") from error
    shapes = mean.shape == (LENGTH,) and projection.ndim == 2 and projection.shape[1] == LENGTH
    if layout != LAYOUT or not shapes or not np.isfinite(projection).all():
        raise CorruptFile(
            f"{path}: got layout {layout!r}, mean {mean.shape}, projection {projection.shape}; expected {LAYOUT!r},"
            f" ({LENGTH},), (D, {LENGTH}); fit it anew with python -m bench.recognizers.lbp_fit"
        )
    return mean, projection
