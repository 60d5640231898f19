"""Label maps in a pack: runs of equal labels, deflated, about 550 bytes for a face of 128 pixels.

A map is read row by row as one line of pixels and cut into runs of at most 256 equal labels. First come all labels, one
byte each, then all lengths minus one; deflate (RFC 1951, no header) takes both together. Measured on 48 label maps that
people drew (24 of CelebAMask-HQ and their mirror images), at 128 pixels, bytes a map: PNG 910, deflated pixels 629,
lossless WebP 534, this 532.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from bench.errors import CorruptFile, ShapeError

CLASSES = 19
"""Labels are below this: those of CelebAMask-HQ, as in `bench.api.MaskedDataset.mask`."""

_LONGEST = 256
_RAW_DEFLATE = -15


def encode_labels(labels: NDArray[np.uint8]) -> bytes:
    """The bytes of a label map.

    Args:
        labels: uint8 (S, S), below `CLASSES`.

    Raises:
        ShapeError: something else.
    """
    if labels.dtype != np.uint8 or labels.ndim != 2 or labels.size == 0 or int(labels.max()) >= CLASSES:
        raise ShapeError(f"got {labels.dtype} {labels.shape}; a label map is uint8 (S, S), labels 0 to {CLASSES - 1}")
    line = labels.ravel()
    ends = np.append(np.flatnonzero(line[1:] != line[:-1]), line.size - 1)
    lengths = np.diff(ends, prepend=-1)
    pieces = -(-lengths // _LONGEST)
    runs = np.repeat(line[ends], pieces)
    rest = np.full(runs.size, _LONGEST, dtype=np.int64)
    rest[np.cumsum(pieces) - 1] = lengths - (pieces - 1) * _LONGEST
    packer = zlib.compressobj(9, zlib.DEFLATED, _RAW_DEFLATE, 9)
    return packer.compress(runs.tobytes() + (rest - 1).astype(np.uint8).tobytes()) + packer.flush()


def decode_labels(data: bytes, side: int, name: str) -> NDArray[np.uint8]:
    """The label map in some bytes, uint8 (side, side).

    Args:
        data: what `encode_labels` gave.
        side: S.
        name: what to call it in an error.

    Raises:
        CorruptFile: the bytes are no label map of this side.
    """
    try:
        unpacker = zlib.decompressobj(_RAW_DEFLATE)
        runs = np.frombuffer(unpacker.decompress(data, 2 * side * side + 1), dtype=np.uint8)
    except zlib.error as error:
        raise CorruptFile(f"{name}: not a label map ({error})") from error
    labels, lengths = runs[: runs.size // 2], runs[runs.size // 2 :].astype(np.int64) + 1
    if not unpacker.eof or labels.size != lengths.size or int(lengths.sum()) != side * side:
        raise CorruptFile(f"{name}: not a label map of {side} x {side} pixels")
    if int(labels.max()) >= CLASSES:
        raise CorruptFile(f"{name}: a label map with the label {int(labels.max())}; expected 0 to {CLASSES - 1}")
    return np.repeat(labels, lengths).reshape(side, side)


def shrink_labels(labels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Label maps made smaller: each pixel the most frequent label of its block, of equals the higher.

    The higher numbers are what is small or lies on skin: brows, lips, glasses; so thin things lose less.

    Args:
        labels: uint8 (N, S, S).
        side: pixels of a side wanted; divides S.

    Returns:
        uint8 (N, side, side).

    Raises:
        ShapeError: `side` does not divide S.
    """
    check_divides(side, labels.shape[-1])
    times = labels.shape[-1] // side
    if times == 1:
        return labels
    if times == 2:
        return _halved(labels)
    blocks = labels.reshape(len(labels), side, times, side, times)
    best = np.zeros((len(labels), side, side), dtype=np.uint8)
    most = np.zeros((len(labels), side, side), dtype=np.int64)
    for label in np.unique(labels):
        count = (blocks == label).sum(axis=(2, 4))
        more = count >= most
        best[more], most[more] = label, count[more]
    return best


def check_divides(side: int, whole: int) -> None:
    """Makes sure that a pack of one side can be read at another.

    Raises:
        ShapeError: it cannot.
    """
    if side < 1 or whole % side:
        raise ShapeError(f"side: got {side}; expected {whole}, or what divides it, such as {max(whole // 2, 1)}")


def _halved(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # The four of a block, sorted by a network of minima and maxima: fifty times as fast as counting.
    one, two, three, four = (labels[:, down::2, across::2] for down in (0, 1) for across in (0, 1))
    one, two = np.minimum(one, two), np.maximum(one, two)
    three, four = np.minimum(three, four), np.maximum(three, four)
    one, three = np.minimum(one, three), np.maximum(one, three)
    two, four = np.minimum(two, four), np.maximum(two, four)
    two, three = np.minimum(two, three), np.maximum(two, three)
    lower: NDArray[np.uint8] = np.where(two == three, two, np.where(one == two, one, four))
    return np.where(three == four, four, lower)
