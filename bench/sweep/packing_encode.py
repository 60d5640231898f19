"""Photos to the bytes of a pack: cropped, shrunk, labelled, encoded; the same photo always to the same bytes."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.aligners.geometry import crop_matrix, template_digest, warp_labels
from bench.api import Aligner, FrameImage, MaskedDataset, Parser, Template
from bench.errors import CorruptFile, ShapeError
from bench.images import to_crops
from bench.packs.labels import encode_labels, shrink_labels
from bench.packs.pictures import encode_picture, shrink_picture
from bench.packs.shards import Faces, shard_bytes
from bench.provenance import available_cores
from bench.sweep.inputs import Entry, identity_of
from bench.sweep.instances import plain, plugin
from bench.sweep.packing_faces import Candidate, attribute_rows, landmarks_of
from bench.sweep.packing_request import PackRequest
from bench.sweep.parsing import check_labels, composed
from bench.sweep.sighting import sight

_CROPS_AT_ONCE = 32


class Encoder:
    """Encodes the faces of a pack.

    Args:
        request: what was asked for.
        template: of the crops.
        names: the pack's attributes.
        parses: whether any data set needs a parser.
    """

    def __init__(self, request: PackRequest, template: Template, names: Sequence[str], parses: bool) -> None:
        self.request, self.template, self.names = request, template, names
        self._aligner: Aligner = plugin("aligner", plain(request.aligner.as_entry()))
        self._parser: Parser | None = None
        if parses and request.masks:
            self._parser = plugin("parser", plain(request.parser.as_entry()))
        self._pool = concurrent.futures.ThreadPoolExecutor(available_cores())

    def parser_identity(self) -> Entry | None:
        """The parser as the pack's specification holds it, as its files are now; None where none is needed."""
        return None if self._parser is None else identity_of(plain(self.request.parser.as_entry()), self._parser)

    def close(self) -> None:
        """Ends its threads."""
        self._pool.shutdown(cancel_futures=True)

    def shrunk(self, faces: Sequence[Candidate]) -> tuple[list[FrameImage], list[bytes] | None]:
        """Of each face its picture at the pack's side, and its label map, encoded; None in a pack without masks.

        Raises:
            CorruptFile: a photo could be read before.
            PluginError: the parser returned something else than labels.
        """
        pictures: list[FrameImage] = []
        masks: list[bytes] = []
        size = self._parser.batch_size if self._parser else _CROPS_AT_ONCE
        for start in range(0, len(faces), size):
            batch = faces[start : start + size]
            crops = [self._crop(one, self.template) for one in batch]
            pictures += [shrink_picture(crop, self.request.side) for crop in crops]
            if self.request.masks:
                masks += self._pool.map(encode_labels, self._masks(batch, crops))
        return pictures, masks if self.request.masks else None

    def pictures(self, shrunk: Sequence[FrameImage], quality: int) -> list[bytes]:
        """Pictures as WebP files."""
        return list(self._pool.map(lambda one: encode_picture(one, quality), shrunk))

    def shard(self, faces: Sequence[Candidate], quality: int) -> bytes:
        """The bytes of a file of faces."""
        shrunk, masks = self.shrunk(faces)
        return shard_bytes(self.faces(faces, self.pictures(shrunk, quality), masks))

    def faces(self, faces: Sequence[Candidate], pictures: Sequence[bytes], masks: Sequence[bytes] | None) -> Faces:
        """Everything of some faces as a shard holds it.

        Raises:
            ShapeError: an embedding does not fit into float16.
        """
        embeddings = np.stack([one.embedding for one in faces])
        with np.errstate(over="ignore"):
            identity = embeddings.astype(self.request.identity)
        if not np.isfinite(identity).all():
            raise ShapeError(
                f"got embeddings of {self.request.recognizer.name} up to {np.abs(embeddings).max():g}, which "
                f"{self.request.identity} cannot hold; set identity: float32"
            )
        return Faces(
            images=pictures,
            masks=masks,
            landmarks=np.stack([landmarks_of(one.face, self.template, self.request.side) for one in faces]),
            identity=identity,
            attributes=attribute_rows(faces, self.names),
            subject=np.stack([one.subject for one in faces]),
            photo=np.stack([one.photo for one in faces]),
            dataset=np.array([one.source.number for one in faces], dtype=np.uint8),
            split=np.array([one.split for one in faces], dtype=np.uint8),
        )

    def _crop(self, one: Candidate, template: Template) -> FrameImage:
        (now,) = sight(one.source.dataset, self._aligner, template, [(one.frame.key, one.face)])
        if now.crop is None:
            raise CorruptFile(f"{one.frame.key} changed while a pack was made of it: {now.problem}; run it again")
        return now.crop

    def _masks(self, batch: Sequence[Candidate], crops: Sequence[FrameImage]) -> list[NDArray[np.uint8]]:
        own = [place for place, one in enumerate(batch) if one.source.masked]
        others = [place for place, one in enumerate(batch) if not one.source.masked]
        found: dict[int, NDArray[np.uint8]] = {}
        for place in own:
            one = batch[place]
            assert isinstance(one.source.dataset, MaskedDataset)
            matrix = crop_matrix(one.face, self.template)
            labels = warp_labels(one.source.dataset.mask(one.frame.key), matrix, self.template.side)
            found[place] = shrink_labels(labels[None], self.request.side)[0]
        if others:
            parsed = self._parse([batch[place] for place in others], [crops[place] for place in others])
            found |= dict(zip(others, parsed, strict=True))
        return [found[place] for place in range(len(batch))]

    def _parse(self, batch: Sequence[Candidate], crops: Sequence[FrameImage]) -> list[NDArray[np.uint8]]:
        """Label maps at the pack's side; a parser of another template sees crops of its own."""
        parser = self._parser
        assert parser is not None
        side, whole = self.request.side, parser.template.side
        same = template_digest(parser.template) == template_digest(self.template)
        seen = crops if same else [self._crop(one, parser.template) for one in batch]
        full = np.zeros((parser.batch_size, 3, whole, whole), dtype=np.float32)
        full[: len(seen)] = to_crops(np.stack(seen))
        parse_at: Any = getattr(parser, "parse_at", None)  # finer: from what the parser knows before it decides
        given = side if same and parse_at else whole
        labels = parse_at(full, side) if same and parse_at else parser.parse(full)
        check_labels(labels, (parser.batch_size, given, given), self.request.parser.name)
        kept: NDArray[np.uint8] = labels[: len(batch)]
        if not same:
            moves = [
                composed(crop_matrix(one.face, parser.template), crop_matrix(one.face, self.template)) for one in batch
            ]
            kept = np.stack([warp_labels(one, move, self.template.side) for one, move in zip(kept, moves, strict=True)])
        return list(shrink_labels(kept, side))
