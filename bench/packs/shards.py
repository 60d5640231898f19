"""A file of faces in a pack: arrays of one length beside the bytes of all pictures and label maps, as safetensors.

images         uint8 (B,)         WebP files, one after the other
image_offsets  uint32 (n + 1,)    where each begins; the last is B
masks          uint8 (M,)         label maps as `bench.packs.labels` has them; left out of a pack without masks
mask_offsets   uint32 (n + 1,)    likewise
landmarks      int16 (n, 68, 2)   dlib's 68 points, x then y, in 1/32 pixels of the pack's side
identity       float16 or float32 (n, D)
attributes     float16 (n, A)     NaN where unknown
subject        uint8 (n, 8)       of whom: SHA-256 of data set and name, its first bytes
photo          uint8 (n, 8)       of which photo: likewise
dataset        uint8 (n,)         index into the manifest's data sets
split          uint8 (n,)         0 train, 1 dev, 2 eval
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from bench.errors import CorruptFile, ShapeError

SCHEMA = "impersona.pack/1"
SPLITS = ("train", "dev", "eval")
POINTS = 68
STEPS_A_PIXEL = 32
DIGEST_BYTES = 8

_KINDS: Mapping[str, tuple[str, int]] = {
    "images": ("u1", 1),
    "image_offsets": ("u4", 1),
    "masks": ("u1", 1),
    "mask_offsets": ("u4", 1),
    "landmarks": ("i2", 3),
    "identity": ("f", 2),
    "attributes": ("f2", 2),
    "subject": ("u1", 2),
    "photo": ("u1", 2),
    "dataset": ("u1", 1),
    "split": ("u1", 1),
}
"""Array to its kind and how many axes it has."""
MASKS = ("masks", "mask_offsets")


@dataclass(frozen=True, eq=False)
class Faces:
    """n faces as a shard holds them.

    Attributes:
        images: n WebP files.
        masks: n label maps, encoded; None in a pack without.
        landmarks: float (n, 68, 2), pixels of the pack's side.
        identity: float16 or float32 (n, D).
        attributes: float (n, A), NaN where unknown.
        subject: uint8 (n, 8).
        photo: uint8 (n, 8).
        dataset: uint8 (n,).
        split: uint8 (n,), indices into `SPLITS`.
    """

    images: Sequence[bytes]
    masks: Sequence[bytes] | None
    landmarks: NDArray[np.floating[Any]]
    identity: NDArray[np.floating[Any]]
    attributes: NDArray[np.floating[Any]]
    subject: NDArray[np.uint8]
    photo: NDArray[np.uint8]
    dataset: NDArray[np.uint8]
    split: NDArray[np.uint8]


def name_digest(*names: str) -> NDArray[np.uint8]:
    """uint8 (8,): what stands for a person or a photo, whose names are not in a pack.

    Args:
        names: the data set's, then the person's or the photo's within it.
    """
    digest = hashlib.sha256("\x1f".join(names).encode()).digest()
    return np.frombuffer(digest[:DIGEST_BYTES], dtype=np.uint8)


def shard_file(number: int) -> str:
    """The name of the file of a number."""
    return f"faces-{number:04d}.safetensors"


def shard_bytes(faces: Faces) -> bytes:
    """The bytes of a file of faces; the same faces give the same bytes.

    Raises:
        ShapeError: a landmark lies too far away to be written.
    """
    steps = np.rint(np.asarray(faces.landmarks, dtype=np.float64) * STEPS_A_PIXEL)
    if not (np.isfinite(steps).all() and np.abs(steps).max(initial=0) <= np.iinfo(np.int16).max):
        raise ShapeError("got landmarks that are not finite, or more than 1,023 pixels away; leave such faces out")
    arrays = {
        "landmarks": steps.astype(np.int16),
        "identity": faces.identity,
        "attributes": faces.attributes.astype(np.float16),
        "subject": faces.subject,
        "photo": faces.photo,
        "dataset": faces.dataset,
        "split": faces.split,
    }
    arrays["images"], arrays["image_offsets"] = _joined(faces.images)
    if faces.masks is not None:
        arrays["masks"], arrays["mask_offsets"] = _joined(faces.masks)
    # One entry only: safetensors writes several in no fixed order.
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return bytes(save(whole, {"schema": SCHEMA}))


def read_shard(data: bytes, name: str, count: int, masked: bool) -> dict[str, NDArray[Any]]:
    """The arrays of a file of faces, checked against each other.

    Args:
        data: the file.
        name: what to call it in an error.
        count: n, faces that it should hold.
        masked: whether it should hold masks.

    Raises:
        CorruptFile: it is no such file.
    """
    try:
        arrays = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CorruptFile(f"{name}: not a safetensors file ({error})") from error
    wanted = {one for one in _KINDS if masked or one not in MASKS}
    if set(arrays) != wanted:
        raise CorruptFile(f"{name}: holds {', '.join(sorted(arrays))}; expected {', '.join(sorted(wanted))}")
    for one, array in arrays.items():
        kind, axes = _KINDS[one]
        long = count + 1 if one.endswith("_offsets") else count
        fits = array.dtype.kind == kind if kind == "f" else array.dtype == np.dtype(kind)
        if not fits or array.ndim != axes or (one not in ("images", "masks") and len(array) != long):
            raise CorruptFile(f"{name}: {one} is {array.dtype} {array.shape}; expected {kind} of {count} faces")
    for blobs in ("images", "masks") if masked else ("images",):
        _check_offsets(arrays, blobs, name)
    _check_values(arrays, name)
    return arrays


def _joined(blobs: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    offsets = np.cumsum([0, *(len(blob) for blob in blobs)])
    return np.frombuffer(b"".join(blobs), dtype=np.uint8), offsets.astype(np.uint32)


def _check_offsets(arrays: Mapping[str, NDArray[Any]], blobs: str, name: str) -> None:
    offsets = arrays[f"{blobs.removesuffix('s')}_offsets"].astype(np.int64)
    if offsets[0] != 0 or offsets[-1] != arrays[blobs].size or (np.diff(offsets) <= 0).any():
        raise CorruptFile(f"{name}: {blobs} do not lie one after the other; copy the pack again")


def _check_values(arrays: Mapping[str, NDArray[Any]], name: str) -> None:
    if arrays["landmarks"].shape[1:] != (POINTS, 2):
        raise CorruptFile(f"{name}: landmarks are {arrays['landmarks'].shape}; expected (n, {POINTS}, 2)")
    if arrays["subject"].shape[1] != DIGEST_BYTES or arrays["photo"].shape[1] != DIGEST_BYTES:
        raise CorruptFile(f"{name}: subject and photo are not digests of {DIGEST_BYTES} bytes")
    if int(arrays["split"].max(initial=0)) >= len(SPLITS):
        raise CorruptFile(f"{name}: split {int(arrays['split'].max())}; expected 0 to {len(SPLITS) - 1}")
    if not np.isfinite(arrays["identity"]).all():
        raise CorruptFile(f"{name}: identity embeddings that are not finite")
