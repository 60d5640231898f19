"""dlib's weights as they travel with a pack: float16 safetensors, half the size, readable without dlib's package.

A convolution and the affine layer behind it are ``convolutions.NN.weight``, ``.bias``, ``.gamma`` and ``.beta``, NN
from 00 to 28 in the order in which the image meets them; ``matrix`` is the last one. Rounding moves an embedding by
about 0.001, where dlib tells people apart at a distance of 0.6: they are other weights, with a digest of their own.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import CorruptFile, MissingFile
from bench.recognizers.dlib_weights import (
    EMBEDDING,
    FEATURES,
    STAGES,
    STEM,
    Convolution,
    ConvolutionWeights,
    DlibWeights,
    block_convolutions,
)  # fmt: skip

FORMAT = "impersona.dlib_resnet/1"
_PARTS = ("weight", "bias", "gamma", "beta")


def write_travelling(weights: DlibWeights, path: str | os.PathLike[str]) -> None:
    """Writes the weights as float16 and replaces the file at once.

    Args:
        weights: as read from dlib's file.
        path: of the file, ``.safetensors``; its folder is made if need be.
    """
    from safetensors.numpy import save

    tensors = {
        f"convolutions.{number:02}.{part}": getattr(layer, part).astype(np.float16)
        for number, layer in enumerate(weights.convolutions)
        for part in _PARTS
    }
    tensors["matrix"] = weights.matrix.astype(np.float16)
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f".{place.name}.{os.getpid()}")
    aside.write_bytes(save(tensors, {"format": FORMAT}))
    os.replace(aside, place)


def read_travelling(path: str | os.PathLike[str]) -> DlibWeights:
    """The weights in a file that `write_travelling` wrote, as float32.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: it is something else, lacks a tensor, or holds NaN.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise MissingFile(f"no weight file at {path}; make the pack again with its networks")
    try:
        with safe_open(os.fspath(path), framework="np") as file:
            if (found := (file.metadata() or {}).get("format")) != FORMAT:
                raise CorruptFile(f"{path}: got format {found!r}, expected {FORMAT!r}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
    except (SafetensorError, OSError) as error:
        raise CorruptFile(f"{path}: not a safetensors file ({error}); copy it again") from error
    layers = tuple(_layer(path, tensors, number, shape) for number, shape in enumerate(_shapes()))
    return DlibWeights(layers, _tensor(path, tensors, "matrix", (FEATURES, EMBEDDING)))


def _shapes() -> list[Convolution]:
    blocks = (block for stage in STAGES for block in stage)
    return [STEM, *(shape for block in blocks for shape in block_convolutions(*block))]


def _layer(
    path: str | os.PathLike[str], tensors: dict[str, NDArray[np.float16]], number: int, shape: Convolution
) -> ConvolutionWeights:
    channels_in, channels_out, kernel, stride, padding = shape
    sizes = {"weight": (channels_out, channels_in, kernel, kernel)}
    found = {
        part: _tensor(path, tensors, f"convolutions.{number:02}.{part}", sizes.get(part, (channels_out,)))
        for part in _PARTS
    }
    return ConvolutionWeights(stride=stride, padding=padding, **found)


def _tensor(
    path: str | os.PathLike[str], tensors: dict[str, NDArray[np.float16]], name: str, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    value = tensors.get(name)
    if value is None or value.shape != shape or not np.isfinite(value).all():
        got = "nothing" if value is None else f"{value.shape}, finite: {bool(np.isfinite(value).all())}"
        raise CorruptFile(f"{path}: tensor {name}: got {got}, expected finite values of shape {shape}")
    return value.astype(np.float32)
