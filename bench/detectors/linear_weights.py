"""A linear classifier as a weight file: what both detectors that ship have in common.

A sample's score is its logit, coefficients · (features - mean) / scale + intercept. It is summed up exactly and rounded
once, so that it depends on neither the batch nor the order in which a machine adds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import CorruptFile

TENSORS = ("mean", "scale", "coefficients", "intercept")


@dataclass(frozen=True, eq=False)
class LinearWeights:
    """A classifier of F features.

    Attributes:
        mean: float32 (F,), what is taken from each feature.
        scale: float32 (F,), positive, what it is then divided by.
        coefficients: float32 (F,), positive where more of a feature speaks for an attack.
        intercept: float32 (1,).
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    intercept: NDArray[np.float32]

    def logits(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        """float32 (N,), the natural logarithm of the odds of an attack, as the classifier has it.

        Args:
            features: float64 (N, F).
        """
        mean, scale, coefficients = (part.astype(np.float64) for part in (self.mean, self.scale, self.coefficients))
        terms = (features - mean) / scale * coefficients
        intercept = float(self.intercept[0])
        return np.array([math.fsum([*row, intercept]) for row in terms.tolist()], dtype=np.float32)


def write_linear_weights(path: Path, weights: LinearWeights, layout: str) -> None:
    """Writes a safetensors file; the same weights give the same bytes.

    Args:
        path: the file.
        weights: the classifier.
        layout: what its features are, repeated in the file.
    """
    from safetensors.numpy import save

    tensors: Mapping[str, NDArray[np.float32]] = {name: getattr(weights, name) for name in TENSORS}
    path.write_bytes(save(dict(tensors), metadata={"layout": layout}))


def read_linear_weights(path: Path, layout: str, length: int, detector: str) -> LinearWeights:
    """The classifier in a file.

    Args:
        path: the file.
        layout: what its features must be.
        length: F.
        detector: whose weights they are, for the error.

    Raises:
        CorruptFile: not a weight file of this layout.
    """
    from safetensors import SafetensorError, safe_open

    again = f"fit it anew with python -m bench.fitting.detectors {detector}"
    try:
        with safe_open(str(path), framework="numpy") as file:
            found = (file.metadata() or {}).get("layout", "none")
            tensors = {name: file.get_tensor(name) for name in TENSORS}
    except (SafetensorError, OSError) as error:
        raise CorruptFile(
            f"{path}: not a weight file of {detector} ({error}); reinstall impersona, or {again}"
        ) from error
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    expected = {name: (1,) if name == "intercept" else (length,) for name in TENSORS}
    if found != layout or shapes != expected:
        raise CorruptFile(f"{path}: got layout {found!r}, {shapes}; expected {layout!r}, {expected}; {again}")
    if not all(tensor.dtype == np.float32 and np.isfinite(tensor).all() for tensor in tensors.values()):
        raise CorruptFile(f"{path}: got values that are not finite float32; {again}")
    if (tensors["scale"] <= 0).any():
        raise CorruptFile(f"{path}: got a scale of zero or less; {again}")
    return LinearWeights(**tensors)
