"""A maker at work on the faces of a pairing: photos in, batches of one size, pictures with their rows out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bench.aligners.geometry import template_digest
from bench.api import (
    IDENTITIES,
    Aligner,
    Attack,
    Budget,
    Crops,
    Dataset,
    FaceBatch,
    Frame,
    FrameImage,
    Generator,
    MaskedDataset,
    Progress,
)
from bench.errors import CorruptFile, PluginError
from bench.images import SourceType, encode_png, resize, synthetic_text, to_frames
from bench.provenance import value_digest, version_of
from bench.quality.visual import peak_signal_to_noise_ratio, structural_similarity
from bench.seeding import stream
from bench.store.cache import ArrayCache
from bench.store.faces import MADE, NOT_EMBEDDED, NOT_FOUND, REFUSED, UNREADABLE, FaceStore
from bench.sweep.conditions import MASKS
from bench.sweep.contributors import Contribution, batch_of, contribution, find_faces
from bench.sweep.identities import Identities
from bench.sweep.inputs import entry_of
from bench.sweep.instances import plugin
from bench.sweep.oracle import ClosedOracle
from bench.sweep.pairing import Pairing
from bench.sweep.parsing import Parsing
from bench.sweep.sighting import NO_FACE, Sighting, aligned_by
from bench.sweep.untouched import Untouched
from bench.version import __version__

SIDE = 256
"""Pixels a side of a made face: a new frame, found and aligned again by every recognizer."""

READY_BYTES = 128 * 2**20
"""Photos that are ready for the maker are held up to so much, since some contribute to several faces."""

REVISION = 1
"""Part of what determines a face; it moves when what the bench does before and after the maker moves."""

_BYTES_OF_PIXEL = 4  # of a crop and its mask
_SLACK = 1e-3
"""What rounding may put outside of [0, 1]; it is clipped."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Faces that were just made: their numbers, rows as `FaceStore.add` takes them, and the pictures of those made."""

    faces: NDArray[np.int64]
    rows: Mapping[str, NDArray[Any]]
    pictures: Mapping[int, bytes]


@dataclass(frozen=True, eq=False)
class Gathered:
    """What a batch of N faces is made of.

    Attributes:
        contributions: N lists, without those that are not there.
        state: int8 (N,), `MADE` where the maker can be asked, else why not.
        batch: what the maker is given, padded to its size with faces that are there; None where none is.
    """

    contributions: list[list[Contribution]]
    state: NDArray[np.int8]
    batch: FaceBatch | None


class Studio:
    """A maker at work on the faces of a pairing.

    Args:
        spec: a cell's; its parts ``maker`` and ``maker_aligner`` say who makes them; ``maker_parser`` and
            ``maker_identity``, where it has them, what labels and what embeds the photos.
        dataset: where the contributors' photos come from.
        pairing: who contributes to each face.
        cache: looked into first, added to as faces are made.
        untouched: stands in for the maker where photos are to be left as they are.

    Attributes:
        identity: everything besides photos that determines a face.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        dataset: Dataset,
        pairing: Pairing,
        cache: ArrayCache,
        untouched: Untouched | None = None,
    ) -> None:
        self.part, self.seed = spec["maker"], spec["seed"]
        self.dataset, self.pairing, self.cache = dataset, pairing, cache
        self.dataset_entry = entry_of(spec["dataset"])
        self.aligner_entry = entry_of(spec["maker_aligner"])
        self.untouched = untouched is not None
        self.maker: Generator | Attack = untouched or plugin(self.part["kind"], entry_of(self.part))
        self.aligner: Aligner = plugin("aligner", self.aligner_entry)
        self._ready: OrderedDict[int, Contribution | int] = OrderedDict()
        self._digests: list[list[str]] = []
        self.parsing: Parsing | None = None
        self.masked = bool(self.maker.conditions & MASKS)
        if self.masked and "maker_parser" in spec:
            self.parsing = Parsing(spec["maker_parser"], dataset, self.aligner_entry, self.aligner, cache)
        self.identities = Identities(spec, cache) if self.maker.conditions & IDENTITIES else None
        self.identity: dict[str, Any] = {
            "maker": {name: self.part[name] for name in ("kind", "name", "fingerprint", "goal")},
            "template": template_digest(self.maker.template),
            "contributors": self.maker.contributors,
            "batch_size": self.maker.batch_size,
            "side": SIDE,
            "revision": REVISION,
            "visual_cost_by": {name: version_of(name) for name in ("scikit-image", "scipy")},
            **aligned_by(self.aligner_entry["name"], self.aligner),
            **({} if self.parsing is None else {"parser": self.parsing.identity}),
            **({} if self.identities is None else {"embedded_by": self.identities.identity}),
        }
        self.store = FaceStore(cache, self.identity)
        weights = self.part["fingerprint"].get("weights")
        self.text = {"Software": f"impersona {__version__}"}
        if not self.untouched:
            self.text = synthetic_text(
                made_by=self.part["name"],
                digest=str(weights or value_digest(self.part["fingerprint"])),
                run="",
                source=_source_type(bool(weights), dataset.shows_faces),
            )

    def digests(self) -> list[str]:
        """Of each face everything that determines its pixels, besides the maker."""
        self._digests = [self._photo_digest(frame.key) for frame in self.pairing.frames]
        return [
            value_digest({"seed": self.seed, "face": index, "photos": [self._digests[photo] for photo in photos]})
            for index, photos in enumerate(self.pairing.photo.tolist())
        ]

    def batches_of(self, faces: Iterable[int]) -> list[range]:
        """The batches in which some faces are made, in their order."""
        size = self.maker.batch_size
        starts = sorted({face // size * size for face in faces})
        return [range(start, min(start + size, len(self.pairing))) for start in starts]

    def find(self, batches: Sequence[range], progress: Progress | None) -> Mapping[int, Sighting]:
        """What the maker's aligner sees in the photos of some batches, by their places in the pairing.

        Where a parser labels them and a recognizer embeds them, they do so now.
        """
        photos = np.unique(
            np.concatenate([self.pairing.photo[batch].ravel() for batch in batches] or [np.empty(0, int)])
        )
        frames = [self.pairing.frames[photo] for photo in photos]
        found = find_faces(
            self.dataset_entry, self.dataset, self.aligner_entry, self.aligner, frames, self.maker.template,
            self.cache, progress,
        )  # fmt: skip
        if self.parsing is not None:
            self.parsing.prepare(frames, found, progress)
        if self.identities is not None:
            self.identities.prepare(frames, found, progress)
        return dict(zip(photos.tolist(), found, strict=True))

    def gather(self, batch: range, sightings: Mapping[int, Sighting]) -> Gathered:
        """What a batch of faces is made of; the same whenever it is asked.

        Args:
            batch: the faces.
            sightings: what `find` returned, of their photos at least.
        """
        faces = [
            [self._contribution(photo, sightings[photo]) for photo in self.pairing.photo[face].tolist()]
            for face in batch
        ]
        whole = [[one for one in face if isinstance(one, Contribution)] for face in faces]
        state = np.array([max(one if isinstance(one, int) else MADE for one in face) for face in faces], dtype=np.int8)
        usable = np.flatnonzero(state == MADE)
        if not usable.size:
            return Gathered(whole, state, None)
        # Padded with a face that is there, in the place of those that are not.
        full = [whole[place if state[place] == MADE else usable[0]] for place in range(len(batch))]
        full += [full[-1]] * (self.maker.batch_size - len(batch))
        return Gathered(whole, state, batch_of(full))

    def make(self, batch: range, sightings: Mapping[int, Sighting]) -> Batch:
        """Makes the faces of a batch.

        Args:
            batch: the faces; one of `batches_of`.
            sightings: what `find` returned, of their photos at least.
        """
        gathered = self.gather(batch, sightings)
        state = gathered.state.copy()
        similarity, noise = (np.full(len(batch), np.nan, dtype=np.float32) for _ in range(2))
        pictures: dict[int, bytes] = {}
        if gathered.batch is not None:
            usable = np.flatnonzero(state == MADE)
            crops = self._run(gathered.batch, self.number_of(batch))[: len(batch)]
            state[usable] = np.where(_refused(crops[usable], self.part["name"]), REFUSED, MADE)
            made = np.flatnonzero(state == MADE)
            frames = [resized(frame) for frame in to_frames(crops[made])]
            if frames and not self.untouched:
                bases = np.stack([resized(gathered.contributions[place][0].crop) for place in made])
                similarity[made] = structural_similarity(np.stack(frames), bases)
                noise[made] = peak_signal_to_noise_ratio(np.stack(frames), bases)
            pictures = {
                batch[place]: encode_png(frame, self._text(batch[place]))
                for place, frame in zip(made.tolist(), frames, strict=True)
            }
        self.refuse_changes(batch)
        rows: dict[str, NDArray[Any]] = {
            "state": state,
            "structural_similarity": similarity,
            "peak_signal_to_noise_ratio": noise,
        }
        return Batch(np.arange(batch.start, batch.stop), rows, pictures)

    def stream_of(self, number: int) -> np.random.Generator:
        """The random stream of a batch, afresh, as the maker is given it.

        Args:
            number: of the batch, among all.
        """
        return stream(self.seed, "make", self.part["kind"], self.part["name"], str(number))

    def number_of(self, batch: range) -> int:
        """The number of a batch among all, which names its random stream.

        Args:
            batch: one of `batches_of`.
        """
        return batch.start // self.maker.batch_size

    def refuse_changes(self, batch: range) -> None:
        """What was made of other photos than were digested must not be kept under that digest.

        Args:
            batch: the faces.

        Raises:
            CorruptFile: a photo of theirs, or its mask, changed since `digests` was asked.
        """
        for photo in np.unique(self.pairing.photo[batch]).tolist():
            key = self.pairing.frames[photo].key
            if self._photo_digest(key) != self._digests[photo]:
                raise CorruptFile(f"{key} changed while faces were made of it; run the sweep again")

    def _contribution(self, photo: int, seen: Sighting) -> Contribution | int:
        """What a photo contributes, or the state of a face that it was to contribute to."""
        if photo not in self._ready:
            while len(self._ready) * self.maker.template.side**2 * _BYTES_OF_PIXEL > READY_BYTES:
                self._ready.popitem(last=False)
            self._ready[photo] = self._prepared(self.pairing.frames[photo], seen)
        self._ready.move_to_end(photo)
        return self._ready[photo]

    def _prepared(self, frame: Frame, seen: Sighting) -> Contribution | int:
        if seen.face is None:
            return NOT_FOUND if seen.problem in (None, NO_FACE) else UNREADABLE
        identity = None if self.identities is None else self.identities.of(frame.key)
        if self.identities is not None and identity is None:
            return NOT_EMBEDDED
        found = contribution(
            self.dataset, self.aligner, frame, seen, self.maker.template, self.maker.conditions, self.parsing, identity
        )
        assert found is not None  # there is a face
        return found

    def _run(self, batch: FaceBatch, number: int) -> Crops:
        maker, rng = self.maker, self.stream_of(number)
        if self.part["kind"] == "attack":
            crops = cast(Attack, maker).run(batch, ClosedOracle(), self.part["goal"], Budget(), rng)
        else:
            crops = cast(Generator, maker).generate(batch, rng)
        side = maker.template.side
        wanted = (maker.batch_size, 3, side, side)
        if not isinstance(crops, np.ndarray) or crops.dtype != np.float32 or crops.shape != wanted:
            got = f"{crops.dtype} {crops.shape}" if isinstance(crops, np.ndarray) else type(crops).__name__
            raise PluginError(f"{self.part['name']} returned {got}; expected float32 {wanted}")
        with np.errstate(invalid="ignore"):
            outside = (crops < -_SLACK) | (crops > 1 + _SLACK)
        if outside.any():
            raise PluginError(f"{self.part['name']} returned {int(outside.sum())} values outside [0, 1]")
        return crops

    def _text(self, index: int) -> dict[str, str]:
        return {**self.text, **contributors_text(self.pairing, index)}

    def _photo_digest(self, key: str) -> list[str]:
        content = [self.dataset.content_digest(key)]
        if self.parsing is not None:
            content.append(self.parsing.digest)
        elif self.masked and isinstance(self.dataset, MaskedDataset):
            content.append(self.dataset.mask_digest(key))
        return content


def contributors_text(pairing: Pairing, index: int) -> dict[str, str]:
    """What a face's picture says of the photos that it was made of.

    Args:
        pairing: who contributes.
        index: the face.
    """
    keys = [pairing.frames[photo].key for photo in pairing.photo[index]]
    return {"impersona.contributors": "; ".join(keys)}


def _refused(crops: Crops, name: str) -> NDArray[np.bool_]:
    """Which faces the maker could not make: rows of NaN. A face that is NaN in part is a fault of the maker."""
    nothing = np.isnan(crops).reshape(len(crops), -1)
    refused: NDArray[np.bool_] = np.asarray(nothing.all(axis=1))
    if (nothing.any(axis=1) & ~refused).any():
        raise PluginError(
            f"{name} returned a face of which {int(nothing[~refused].sum(axis=1).max()):,} of {nothing.shape[1]:,} "
            "values are NaN; expected all of them, for a face that cannot be made, or none"
        )
    return refused


def resized(frame: FrameImage) -> FrameImage:
    """A crop in the size of a made face, uint8 (SIDE, SIDE, 3)."""
    return frame if frame.shape[0] == SIDE else resize(frame, SIDE)


def _source_type(learned: bool, nobody_real: bool) -> SourceType:
    """IPTC's word for a face: made by a trained network, or put together of photos or of drawings."""
    if learned:
        return "trainedAlgorithmicMedia"
    return "compositeSynthetic" if nobody_real else "compositeCapture"
