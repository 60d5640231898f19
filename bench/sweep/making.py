"""Faces made by a generator or an attack, each once, with whatever the cache already holds.

Batches are consecutive faces, always of the maker's one size, and each has a random stream of its own, so that a face
depends neither on what was made before nor on where a killed run broke off. No recognizer takes part: every victim
meets the very same faces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.aligners.geometry import template_digest
from bench.api import Aligner, Attack, Budget, Crops, Dataset, FaceBatch, FrameImage, Generator, MaskedDataset, Progress
from bench.errors import PluginError
from bench.images import encode_png, resize, synthetic_text, to_frames
from bench.provenance import value_digest
from bench.quality.visual import peak_signal_to_noise_ratio, structural_similarity
from bench.seeding import stream
from bench.store.cache import ArrayCache
from bench.store.faces import MADE, NOT_FOUND, REFUSED, FaceStore
from bench.sweep.contributors import Contribution, batch_of, contributions
from bench.sweep.inputs import entry_of
from bench.sweep.instances import plugin
from bench.sweep.oracle import ClosedOracle
from bench.sweep.pairing import Pairing
from bench.sweep.sighting import aligned_by

SIDE = 256
"""Pixels a side of a made face: a new frame, found and aligned again by every recognizer."""

CHUNK = 256
"""So many faces, in whole batches, are made before they are kept."""

PROBLEMS: Mapping[int, str | None] = {
    MADE: None,
    NOT_FOUND: "no face found in a contributor's photo",
    REFUSED: "could not be made of these photos",
}


@dataclass(frozen=True, eq=False)
class MadeFaces:
    """M faces.

    Attributes:
        store: holds the pictures.
        digests: of each face everything that determines its pixels.
        state: int8 (M,); see `bench.store.faces`.
        structural_similarity: float32 (M,), with the first contributor's photo; NaN where not made.
        peak_signal_to_noise_ratio: float32 (M,), dB, likewise.
        computed: how many were made now.
    """

    store: FaceStore
    digests: tuple[str, ...]
    state: NDArray[np.int8]
    structural_similarity: NDArray[np.float32]
    peak_signal_to_noise_ratio: NDArray[np.float32]
    computed: int

    @property
    def made(self) -> NDArray[np.bool_]:
        """Bool (M,)."""
        made: NDArray[np.bool_] = self.state == MADE
        return made

    @property
    def folder(self) -> Path:
        """Where the pictures lie, each called DIGEST.png."""
        return self.store.folder

    def problem(self, index: int) -> str | None:
        """Why a face was not made; None where it was."""
        return PROBLEMS[int(self.state[index])]


def make_faces(
    spec: Mapping[str, Any],
    dataset: Dataset,
    pairing: Pairing,
    cache: ArrayCache,
    progress: Progress | None = None,
) -> MadeFaces:
    """The faces of a cell's maker.

    Args:
        spec: the cell's; its parts ``maker`` and ``maker_aligner`` say who makes them.
        dataset: where the contributors' photos come from.
        pairing: who contributes to each of M faces.
        cache: looked into first, added to as faces are made.
        progress: told how many faces are done.

    Raises:
        PluginError: the maker returned something else than faces.
    """
    studio = _Studio(spec, dataset, pairing, cache)
    digests = studio.digests()
    rows = studio.store.load(digests)
    size = studio.maker.batch_size
    batches = [range(start, min(start + size, len(pairing))) for start in range(0, len(pairing), size)]
    missing = [number for number, batch in enumerate(batches) if not rows.known[batch].all()]
    total, done = sum(len(batches[number]) for number in missing), 0
    step = max(1, CHUNK // size)
    for start in range(0, len(missing), step):
        numbers = missing[start : start + step]
        studio.make({number: batches[number] for number in numbers}, digests)
        done += sum(len(batches[number]) for number in numbers)
        if progress:
            progress("making faces", done, total)
    if missing:
        rows = studio.store.load(digests)
    return MadeFaces(
        studio.store, tuple(digests), rows.state, rows.structural_similarity, rows.peak_signal_to_noise_ratio, total
    )


class _Studio:
    """A maker at work on the faces of a pairing."""

    def __init__(self, spec: Mapping[str, Any], dataset: Dataset, pairing: Pairing, cache: ArrayCache) -> None:
        self.part, self.seed = spec["maker"], spec["seed"]
        self.dataset, self.pairing, self.cache = dataset, pairing, cache
        self.dataset_entry = entry_of(spec["dataset"])
        self.aligner_entry = entry_of(spec["maker_aligner"])
        self.maker: Generator | Attack = plugin(self.part["kind"], entry_of(self.part))
        self.aligner: Aligner = plugin("aligner", self.aligner_entry)
        self.masked = bool(self.maker.conditions & {"masks", "reference_masks"})
        identity = {name: self.part[name] for name in ("kind", "name", "fingerprint", "goal")}
        self.store = FaceStore(
            cache,
            {
                "maker": identity,
                "template": template_digest(self.maker.template),
                "contributors": self.maker.contributors,
                "batch_size": self.maker.batch_size,
                "side": SIDE,
                **aligned_by(self.aligner_entry["name"], self.aligner),
            },
        )
        weights = self.part["fingerprint"].get("weights")
        self.text = synthetic_text(
            made_by=self.part["name"],
            digest=str(weights or value_digest(self.part["fingerprint"])),
            run="",
            source="trainedAlgorithmicMedia" if weights else "compositeCapture",
        )

    def digests(self) -> list[str]:
        """Of each face everything that determines its pixels, besides the maker."""
        of_photo = [self._photo_digest(frame.key) for frame in self.pairing.frames]
        return [
            value_digest({"seed": self.seed, "face": index, "photos": [of_photo[photo] for photo in photos]})
            for index, photos in enumerate(self.pairing.photo.tolist())
        ]

    def make(self, batches: Mapping[int, range], digests: Sequence[str]) -> None:
        """Makes the faces of some batches and keeps them."""
        photos = sorted({int(photo) for batch in batches.values() for photo in self.pairing.photo[batch].ravel()})
        ready = contributions(
            self.dataset_entry, self.dataset, self.aligner_entry, self.aligner,
            [self.pairing.frames[photo] for photo in photos], self.maker.template, self.maker.conditions, self.cache,
        )  # fmt: skip
        of_photo = dict(zip(photos, ready, strict=True))
        for number, batch in batches.items():
            self._make_batch(number, batch, of_photo, [digests[index] for index in batch])

    def _make_batch(
        self, number: int, batch: range, of_photo: Mapping[int, Contribution | None], digests: Sequence[str]
    ) -> None:
        faces = [[of_photo[int(photo)] for photo in self.pairing.photo[index]] for index in batch]
        whole = [[one for one in face if one is not None] for face in faces]
        usable = [place for place, face in enumerate(whole) if len(face) == self.maker.contributors]
        state = np.full(len(batch), NOT_FOUND, dtype=np.int8)
        similarity, noise = (np.full(len(batch), np.nan, dtype=np.float32) for _ in range(2))
        pictures: dict[str, bytes] = {}
        if usable:
            # Padded with a face that is there, in the place of those that are not.
            full = [whole[place if place in usable else usable[0]] for place in range(len(batch))]
            full += [full[-1]] * (self.maker.batch_size - len(batch))
            crops = self._run(batch_of(full), number)[: len(batch)]
            refused = np.asarray(np.isnan(crops).any(axis=(1, 2, 3)))
            state[usable] = np.where(refused[usable], REFUSED, MADE)
            made = np.flatnonzero(state == MADE)
            frames = [resized(frame) for frame in to_frames(crops[made])]
            if frames:
                bases = np.stack([resized(whole[place][0].crop) for place in made])
                similarity[made] = structural_similarity(np.stack(frames), bases)
                noise[made] = peak_signal_to_noise_ratio(np.stack(frames), bases)
            pictures = {
                digests[place]: encode_png(frame, self._text(batch[place]))
                for place, frame in zip(made.tolist(), frames, strict=True)
            }
        rows: dict[str, NDArray[Any]] = {
            "state": state,
            "structural_similarity": similarity,
            "peak_signal_to_noise_ratio": noise,
        }
        self.store.add(digests, pictures, rows)

    def _run(self, batch: FaceBatch, number: int) -> Crops:
        maker, rng = self.maker, stream(self.seed, "make", self.part["kind"], self.part["name"], str(number))
        if isinstance(maker, Attack):
            crops = maker.run(batch, ClosedOracle(), self.part["goal"], Budget(), rng)
        else:
            crops = maker.generate(batch, rng)
        side = maker.template.side
        wanted = (maker.batch_size, 3, side, side)
        if crops.dtype != np.float32 or crops.shape != wanted:
            raise PluginError(f"{self.part['name']} returned {crops.dtype} {crops.shape}; expected float32 {wanted}")
        with np.errstate(invalid="ignore"):
            outside = (crops < -1e-3) | (crops > 1 + 1e-3) | np.isinf(crops)
        if outside.any():
            raise PluginError(f"{self.part['name']} returned {int(outside.sum())} values outside [0, 1]")
        return crops

    def _text(self, index: int) -> dict[str, str]:
        keys = [self.pairing.frames[photo].key for photo in self.pairing.photo[index]]
        return {**self.text, "impersona.contributors": "; ".join(keys)}

    def _photo_digest(self, key: str) -> list[str]:
        content = [self.dataset.content_digest(key)]
        if self.masked and isinstance(self.dataset, MaskedDataset):
            content.append(self.dataset.mask_digest(key))
        return content


def resized(frame: FrameImage) -> FrameImage:
    """A crop in the size of a made face, uint8 (SIDE, SIDE, 3)."""
    return frame if frame.shape[0] == SIDE else resize(frame, SIDE)
