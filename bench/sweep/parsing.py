"""A parser at work beside a maker: the labels of photos for which the data set has no masks, each photo parsed once.

The maker's aligner found the face; the parser gets it in its own template. Its labels are then brought into the
maker's: as they are where both templates are the same, else by the similarity that leads from one crop to the other.
Every batch is padded to the parser's one size, so that labels do not depend on what shares a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.aligners.geometry import crop_matrix, template_digest, warp_labels
from bench.api import Aligner, Dataset, Face, Frame, FrameImage, Parser, Progress, Template
from bench.errors import CorruptFile, PluginError
from bench.images import to_crops
from bench.packs.labels import CLASSES
from bench.provenance import value_digest
from bench.store.cache import ArrayCache
from bench.store.masks import MaskStore, decode_labels, encode_labels
from bench.sweep.inputs import Entry, entry_of, identity_of
from bench.sweep.instances import plugin
from bench.sweep.sighting import Sighting, aligned_by, sight

DEFAULT_PARSER = "face_parser"
"""What labels pixels where nobody says otherwise and the data set has no masks."""


def parser_identity(entry: Entry, parser: Parser) -> Entry:
    """A parser as a cell's key holds it: its name, its fingerprint and the template of its crops."""
    return {**identity_of(entry, parser), "template": template_digest(parser.template)}


class Parsing:
    """The label maps of the photos that a maker sees.

    Args:
        part: ``maker_parser`` of a cell's spec.
        dataset: where the photos come from.
        aligner_entry: ``{"name": ..., **settings}`` of the maker's aligner.
        aligner: the plugin that it names.
        cache: label maps are looked up and kept there.

    Attributes:
        identity: everything of the parser that determines its labels.
        digest: SHA-256 hex of that.
    """

    def __init__(
        self, part: Mapping[str, Any], dataset: Dataset, aligner_entry: Entry, aligner: Aligner, cache: ArrayCache
    ) -> None:
        entry = entry_of(part)
        self.parser: Parser = plugin("parser", entry)
        self.name = entry["name"]
        self.identity = parser_identity(entry, self.parser)
        self.digest = value_digest(self.identity)
        self._dataset, self._aligner = dataset, aligner
        self._store = MaskStore(
            cache,
            {
                "parser": self.identity["name"],
                "fingerprint": self.identity["fingerprint"],
                "template": self.identity["template"],
                **aligned_by(aligner_entry["name"], aligner),
            },
        )
        self._files: dict[str, tuple[str, bytes]] = {}

    def prepare(self, frames: Sequence[Frame], seen: Sequence[Sighting], progress: Progress | None = None) -> None:
        """Parses those photos of which no labels are kept; what has no face has none.

        Args:
            frames: N photos.
            seen: what the maker's aligner saw in each.
            progress: told how many photos have been parsed.

        Raises:
            PluginError: the parser returned something else than labels.
            CorruptFile: a photo could be read before.
        """
        missing: list[tuple[Frame, Face, str]] = []
        for frame, sighting in zip(frames, seen, strict=True):
            if sighting.face is None or frame.key in self._files:
                continue
            digest = self._dataset.content_digest(frame.key)
            kept = self._store.load(digest)
            if kept is None:
                missing.append((frame, sighting.face, digest))
            else:
                self._files[frame.key] = digest, kept
        self._store.used()
        done = 0
        for batch in _batches(missing, self.parser.batch_size):
            crops = np.stack([self._crop(frame, face) for frame, face, _ in batch])
            for (frame, _, digest), labels in zip(batch, labels_of_crops(self.parser, crops, self.name), strict=True):
                data = encode_labels(labels, digest)
                self._files[frame.key] = digest, data
                self._store.add(digest, data)
            done += len(batch)
            if progress:
                progress("parsing faces", done, len(missing))

    def mask(self, frame: Frame, face: Face, template: Template) -> NDArray[np.uint8]:
        """The labels of a photo that was prepared, uint8 (S, S) in another template.

        Args:
            frame: the photo.
            face: as the maker's aligner found it.
            template: the maker's.
        """
        digest, data = self._files[frame.key]
        labels = decode_labels(data, digest)
        own = self.parser.template
        if template_digest(own) == template_digest(template):
            return labels
        return warp_labels(labels, composed(crop_matrix(face, own), crop_matrix(face, template)), template.side)

    def _crop(self, frame: Frame, face: Face) -> FrameImage:
        (now,) = sight(self._dataset, self._aligner, self.parser.template, [(frame.key, face)])
        if now.crop is None:
            raise CorruptFile(f"{frame.key} changed while faces were made of it: {now.problem}")
        return now.crop


def labels_of_crops(parser: Parser, frames: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """What a parser sees in crops, each batch padded to its one size.

    Args:
        parser: the plugin.
        frames: uint8 (N, S, S, 3), crops of its template.
        name: the parser's, for errors.

    Returns:
        uint8 (N, S, S).

    Raises:
        PluginError: it returned something else than labels.
    """
    size, side = parser.batch_size, parser.template.side
    found = np.empty((len(frames), side, side), np.uint8)
    for start in range(0, len(frames), size):
        some = frames[start : start + size]
        full = np.zeros((size, 3, side, side), dtype=np.float32)
        full[: len(some)] = to_crops(some)
        labels = parser.parse(full)
        check_labels(labels, (size, side, side), name)
        found[start : start + size] = labels[: len(some)]
    return found


def check_labels(labels: Any, shape: tuple[int, ...], name: str, rows: Sequence[int] | slice = slice(None)) -> None:
    """Makes sure that a parser, or a maker, returned labels.

    Args:
        labels: what it returned.
        shape: (N, S, S), what was asked for.
        name: the plugin's, for errors.
        rows: whose labels mean something.

    Raises:
        PluginError: they are none.
    """
    if not isinstance(labels, np.ndarray) or labels.dtype != np.uint8 or labels.shape != shape:
        got = f"{labels.dtype} {labels.shape}" if isinstance(labels, np.ndarray) else type(labels).__name__
        raise PluginError(f"{name} returned {got}; expected uint8 {shape}")
    if (most := int(labels[rows].max(initial=0))) >= CLASSES:
        raise PluginError(f"{name} returned the label {most}; expected labels 0 to {CLASSES - 1}")


def composed(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """The map from pixels of one crop of a frame to pixels of another, float64 (2, 3).

    Args:
        first: (2, 3), from pixels of the frame to pixels of the one.
        second: (2, 3), from pixels of the frame to pixels of the other.
    """
    linear = second[:, :2] @ np.linalg.inv(first[:, :2])
    return np.column_stack([linear, second[:, 2] - linear @ first[:, 2]])


def _batches(missing: Sequence[tuple[Frame, Face, str]], size: int) -> Iterator[Sequence[tuple[Frame, Face, str]]]:
    for start in range(0, len(missing), size):
        yield missing[start : start + size]
