"""What a data set promises of each frame: its picture or embedding, its mask, and digests of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.conformance.finding import Broken, Inspection, NotAsked, expect, in_words
from bench.conformance.subject import Subject
from bench.conformance.values import expect_array, expect_digest, expect_finite, expect_labels, expect_same
from bench.errors import CorruptFile, ImpersonaError, MissingFile

NO_SUCH_KEY = "impersona/no such picture.png"


def ask_pictures(asks: Inspection, subject: Subject, data: Any, keys: Sequence[str]) -> None:
    """Asks about `image`, `content_digest` and, where it has them, `mask` and `mask_digest`.

    Args:
        asks: where findings go.
        subject: makes a second instance.
        data: the data set.
        keys: the frames to look at.
    """
    readable: list[str] = []
    unreadable: list[str] = []
    content: dict[str, str] = {}
    with asks.promise("Dataset.image", f"uint8 (H, W, 3) RGB ({len(keys)} frames looked at)"):
        for key in keys:
            try:
                picture = data.image(key)
            except (CorruptFile, MissingFile) as error:
                unreadable.append(f"{key!r}: {error}")
                continue
            expect_array(picture, "uint8", ("H", "W", 3), f"mend image({key!r})")
            readable.append(key)
            content[key] = _digest(picture)
        expect(readable, f"{len(keys)} frames of which none can be read", "readable ones")
    if asks.last_kept:
        if unreadable:  # no promise is broken: a sweep counts such a frame as not acquired
            why = f"{len(unreadable)} of {len(keys)} frames cannot be read, such as {unreadable[0]}"
            asks.stop("Dataset.image", "the others of the frames looked at", why)
        with asks.promise("Dataset.image", "the same pixels again, and from a second instance"):
            for other in (data, subject.fresh()):
                for key in readable:
                    again = _digest(other.image(key))
                    expect(again == content[key], f"other pixels of {key!r}", "the same", "draw from the key alone")
        with asks.promise("Dataset.image", "a key that no frame has is refused (MissingFile or CorruptFile)"):
            _expect_refusal(data)
    _ask_digests(asks, subject, data, readable, content)
    if hasattr(data, "mask") and readable:
        _ask_masks(asks, subject, data, readable)


def ask_embeddings(asks: Inspection, subject: Subject, data: Any, keys: Sequence[str]) -> None:
    """Asks about `embeddings` and `content_digest` of a data set without pictures; see `ask_pictures`."""
    rows: Any = None
    with asks.promise("EmbeddedDataset.embeddings", f"float32 (N, D), finite ({len(keys)} frames looked at)"):
        rows = data.embeddings(keys)
        expect_array(rows, "float32", (len(keys), "D"))
        expect_finite(rows)
    if not asks.last_kept:
        return
    with asks.promise("EmbeddedDataset.embeddings", "one row for each key, in their order, the same again"):
        for other in (data, subject.fresh()):
            expect_same(rows, other.embeddings(keys), "embeddings", "")
        backwards = data.embeddings(list(reversed(keys)))
        expect_same(rows[::-1], backwards, "embeddings", "give the rows in the order of the keys asked for")
    content = {key: _digest(row) for key, row in zip(keys, rows, strict=True)}
    _ask_digests(asks, subject, data, list(keys), content)


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes()).hexdigest()


def _expect_refusal(data: Any) -> None:
    try:
        picture = data.image(NO_SUCH_KEY)
    except ImpersonaError:
        return
    raise Broken(f"got {in_words(picture)} for the key {NO_SUCH_KEY!r}, expected MissingFile")


def _ask_digests(asks: Inspection, subject: Subject, data: Any, keys: Sequence[str], content: dict[str, str]) -> None:
    digests: dict[str, str] = {}
    with asks.promise("Dataset.content_digest", "SHA-256 hex, the same again, and from a second instance"):
        for key in keys:
            digests[key] = data.content_digest(key)
            expect_digest(digests[key])
        for other in (data, subject.fresh()):
            for key in keys:
                again = other.content_digest(key)
                expect(again == digests[key], f"another digest of {key!r}", "the same", "leave out times and paths")
    if not asks.last_kept:
        return
    with asks.promise("Dataset.content_digest", "different pictures have different digests"):
        if len(set(content.values())) < 2:
            raise NotAsked("the frames looked at all show the same")
        first: dict[str, str] = {}
        for key in keys:
            other_key = first.setdefault(digests[key], key)
            expect(
                content[other_key] == content[key], f"one digest for {other_key!r} and {key!r}, which differ",
                "one for each", "digest everything that determines the pixels; the cache is keyed by it",
            )  # fmt: skip


def _ask_masks(asks: Inspection, subject: Subject, data: Any, keys: Sequence[str]) -> None:
    masks: dict[str, np.ndarray] = {}
    with asks.promise("MaskedDataset.mask", "uint8 (H, W) of the picture's size, labels 0 to 18"):
        for key in keys:
            height, width = data.image(key).shape[:2]
            masks[key] = data.mask(key)
            expect_labels(masks[key], (height, width))
    if not asks.last_kept:
        return
    with asks.promise("MaskedDataset.mask", "the same labels again, and from a second instance"):
        for other in (data, subject.fresh()):
            for key in keys:
                expect_same(masks[key], other.mask(key), f"rows of the mask of {key!r}", "")
    with asks.promise("MaskedDataset.mask_digest", "SHA-256 hex, stable, different for different masks"):
        second = subject.fresh()
        seen: dict[str, str] = {}
        for key in keys:
            digest = data.mask_digest(key)
            expect_digest(digest)
            expect(digest == second.mask_digest(key), f"another digest of {key!r}", "the same")
            same = seen.setdefault(digest, _digest(masks[key])) == _digest(masks[key])
            expect(same, f"one digest for two masks ({key!r})", "one for each")
