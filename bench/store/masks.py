"""Label maps of faces that a parser made, kept between runs: a PNG file each, found by the photo's content.

A context is everything that determines a map besides the photo: the parser, its template, the aligner that found the
face. A file carries the digest of its labels and its photo, so that one that was damaged or swapped is
none, and the photo is parsed again.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from bench.errors import CorruptFile, MissingFile
from bench.places import CACHE_VARIABLE
from bench.store.cache import ArrayCache

LOG = logging.getLogger(__name__)

LABELS_DIGEST = "impersona.labels"
"""The keyword of a file's text under which the SHA-256 of its photo's digest and its labels stands."""


class MaskStore:
    """The label maps that one parser makes of faces that one aligner found.

    Args:
        cache: where they are kept.
        parts: everything that determines a map besides the photo.
    """

    def __init__(self, cache: ArrayCache, parts: Mapping[str, Any]) -> None:
        self._context = cache.context("masks", parts)
        self._warned = False

    def load(self, digest: str) -> bytes | None:
        """The file of a photo's labels; None where there is none that can be read.

        Args:
            digest: SHA-256 hex of the photo's content.
        """
        try:
            data = self._context.get_file(f"{digest}.png")
            decode_labels(data, digest)
        except (MissingFile, CorruptFile, OSError):
            return None
        return data

    def used(self) -> None:
        """Notes that maps of this context are read now."""
        self._context.used()

    def add(self, digest: str, data: bytes) -> None:
        """Keeps a file of `encode_labels`; a cache that cannot be written to costs time at the next run only.

        Args:
            digest: SHA-256 hex of the photo's content.
            data: the file.
        """
        try:
            self._context.put_file(f"{digest}.png", data)
        except OSError as error:
            if not self._warned:
                LOG.warning(
                    "parsed faces cannot be cached (%s: %s); the run goes on, and the next one parses them again: free "
                    "some space, or name another folder (export %s=/path/to/cache)",
                    error.strerror, error.filename, CACHE_VARIABLE,
                )  # fmt: skip
            self._warned = True


def encode_labels(labels: NDArray[np.uint8], digest: str) -> bytes:
    """A PNG file of a label map.

    Args:
        labels: uint8 (S, S).
        digest: SHA-256 hex of the content of the photo whose labels they are.
    """
    info = PngInfo()
    info.add_text(LABELS_DIGEST, _digest(labels, digest))
    buffer = io.BytesIO()
    Image.fromarray(labels).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def decode_labels(data: bytes, digest: str) -> NDArray[np.uint8]:
    """The label map in a file of `encode_labels`, uint8 (S, S).

    Args:
        data: the file.
        digest: SHA-256 hex of the content of the photo.

    Raises:
        CorruptFile: it is none, was damaged, or is that of another photo.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.load()
            said = image.text.get(LABELS_DIGEST) if isinstance(image, PngImageFile) else None
            labels = np.array(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise CorruptFile(f"the labels of {digest}: not a label map ({error})") from error
    if labels.dtype != np.uint8 or labels.ndim != 2 or said != _digest(labels, digest):
        raise CorruptFile(f"the labels of {digest}: not those that the file says it holds")
    return labels


def _digest(labels: NDArray[np.uint8], photo: str) -> str:
    return hashlib.sha256(f"{photo} {labels.shape} ".encode() + np.ascontiguousarray(labels).tobytes()).hexdigest()
