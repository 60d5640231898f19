"""Batches from a pack, read ahead: what a step gets follows from the seed and the step's number alone.

Every epoch goes through all faces once, in an order of its own; a batch may reach over the end of an epoch. Half of the
faces are mirrored, which exchanges left and right in labels and landmarks.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from bench.errors import InsufficientData
from bench.packs.people import people_digest
from bench.seeding import stream
from generators.training.batches import TrainingBatch
from generators.training.mirroring import mirror_labels, mirror_landmarks

if TYPE_CHECKING:
    from generators.training.recipe import Recipe

SETTINGS: Mapping[str, tuple[str, ...]] = {"dlib_hog": ("upsample", "points", "choose")}
"""What of an aligner's fingerprint are its settings, for those that give a pack's 68 landmarks."""
AHEAD = 3
"""Batches that are read while the networks learn."""


class Faces(Protocol):
    """What is asked of a `bench.packs` pack."""

    side: int
    digest: str
    has_masks: bool
    subjects: NDArray[np.int32]
    subject_digests: NDArray[np.uint8]
    split: NDArray[np.str_]
    landmarks: NDArray[np.float32]
    identity: NDArray[np.float32]
    identity_name: str
    identity_weights: str
    attributes: NDArray[np.float32]
    manifest: Mapping[str, Any]

    def images(self, rows: NDArray[np.int64], side: int | None = None) -> NDArray[np.uint8]:
        """uint8 (n, s, s, 3)."""
        ...

    def masks(self, rows: NDArray[np.int64], side: int | None = None) -> NDArray[np.uint8]:
        """uint8 (n, s, s)."""
        ...

    def close(self) -> None:
        """No more is asked; safe to call twice."""
        ...


@dataclass(frozen=True, eq=False)
class _Read:
    """A batch in NumPy, as it comes from the disk: pixels are uint8 (N, S, S, 3) until they are on their device."""

    images: NDArray[np.uint8]
    rows: NDArray[np.int64]
    fields: Mapping[str, NDArray[Any]]


class PackSource:
    """A `generators.training.recipe.Source` over a pack.

    Args:
        pack: the faces.
        side: S, pixels of a side of the images.
        batch_size: N, faces a step.
        wanted: fields of `TrainingBatch` besides images and rows.
        seed: of order and mirroring.
        mirror: whether half of the faces are mirrored.
        splits: the parts of the data that are used.

    Raises:
        InsufficientData: no faces in these parts, or a field that the pack lacks.
    """

    def __init__(
        self, pack: Faces, side: int, batch_size: int, wanted: Collection[str], seed: int, *,
        mirror: bool = True, splits: Collection[str] = ("train",),
    ) -> None:  # fmt: skip
        self._pack, self._side, self._size, self._seed = pack, side, batch_size, seed
        self._wanted, self._mirror, self._splits = frozenset(wanted), mirror, tuple(splits)
        self._rows = np.flatnonzero(np.isin(np.asarray(pack.split), list(splits))).astype(np.int64)
        if not len(self._rows):
            raise InsufficientData(
                f"the pack has no faces of {' or '.join(splits)}; make one with them: impersona pack --help"
            )
        if "masks" in self._wanted and not pack.has_masks:
            raise InsufficientData(
                "the pack has no label maps, which this recipe learns from; make it without --no-masks (masks: true)"
            )
        self._epoch = functools.lru_cache(maxsize=2)(self._order)
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
        self._ahead: dict[int, Future[_Read]] = {}
        self._last, self._stride = -1, 1

    def batch(self, number: int, device: torch.device) -> TrainingBatch:
        """The faces of step `number`; those of the steps that come next are read meanwhile."""
        if number - self._last > 0:
            self._stride = number - self._last if self._last >= 0 else 1
        self._last = number
        coming = [number + self._stride * further for further in range(AHEAD + 1)]
        for gone in [one for one in self._ahead if one not in coming]:
            self._ahead.pop(gone).cancel()
        for one in coming:
            if one not in self._ahead:
                self._ahead[one] = self._reader.submit(self._read_step, one)
        return self._placed(self._ahead.pop(number).result(), device)

    def fixed(self, count: int, device: torch.device) -> TrainingBatch:
        """`count` faces, or as many as there are, always the same and not mirrored."""
        order = stream(self._seed, "fixed").permutation(len(self._rows))[:count]
        rows = self._rows[np.sort(order)]
        return self._placed(self._read(rows, np.zeros(len(rows), dtype=bool)), device)

    def close(self) -> None:
        """Ends reading ahead, and the pack; safe to call twice."""
        self._reader.shutdown(wait=True, cancel_futures=True)
        self._pack.close()
        self._ahead.clear()

    def describe(self) -> dict[str, Any]:
        """Digest, faces, people and a digest of these people, parts, whose embeddings, and what was asked for.

        ``aligner`` is the sweep-file entry of what found the faces for them, where the pack says it; ``labels`` is the
        digest of the attributes as they are learned, where they are.
        """
        pack = self._pack
        labels = getattr(pack, "labels_digest", None)
        return {
            "digest": pack.digest,
            "faces": len(self._rows),
            "people": len(np.unique(np.asarray(pack.subjects)[self._rows])),
            "people_digest": people_digest(np.asarray(pack.subject_digests)[self._rows]),
            "splits": list(self._splits),
            "side": pack.side,
            "mirrored": self._mirror,
            "identity": pack.identity_name,
            "identity_weights": pack.identity_weights,
            **aligner_of(pack.manifest),
            **({"labels": labels} if labels else {}),
        }

    def _order(self, epoch: int) -> NDArray[np.int64]:
        return self._rows[stream(self._seed, "epoch", str(epoch)).permutation(len(self._rows))]

    def _read_step(self, number: int) -> _Read:
        places = np.arange(number * self._size, (number + 1) * self._size)
        epochs, within = np.divmod(places, len(self._rows))
        rows = np.array([self._epoch(int(epoch))[place] for epoch, place in zip(epochs, within, strict=True)])
        drawn = stream(self._seed, "mirror", str(number)).random(len(rows)) < 0.5
        return self._read(rows, drawn & self._mirror)

    def _read(self, rows: NDArray[np.int64], mirrored: NDArray[np.bool_]) -> _Read:
        side, pack = self._side, self._pack
        images = np.array(pack.images(rows, side))
        images[mirrored] = images[mirrored, :, ::-1]
        fields: dict[str, NDArray[Any]] = {}
        if "masks" in self._wanted:
            masks = np.array(pack.masks(rows, side))
            masks[mirrored] = mirror_labels(masks[mirrored])
            fields["masks"] = masks
        if "landmarks" in self._wanted:
            # Pixel centres: a crop of another side has its first pixel's centre elsewhere.
            landmarks = (np.asarray(pack.landmarks)[rows] + 0.5) * (side / pack.side) - 0.5
            landmarks[mirrored] = mirror_landmarks(landmarks[mirrored], side)
            fields["landmarks"] = landmarks.astype(np.float32)
        for name in self._wanted & {"identity", "attributes"}:
            fields[name] = np.asarray(getattr(pack, name))[rows].astype(np.float32)
        if "subjects" in self._wanted:
            fields["subjects"] = np.asarray(pack.subjects)[rows].astype(np.int64)
        return _Read(images, rows, fields)

    @staticmethod
    def _placed(read: _Read, device: torch.device) -> TrainingBatch:
        def moved(array: NDArray[Any]) -> torch.Tensor:
            tensor = torch.from_numpy(array)
            return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor

        # uint8 crosses to the device, a quarter of the bytes; (N, S, S, 3) in memory is (N, 3, S, S) channels last.
        images = moved(read.images).permute(0, 3, 1, 2).to(torch.float32).div_(255)
        return TrainingBatch(images, moved(read.rows), **{name: moved(array) for name, array in read.fields.items()})


def aligner_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """``aligner``, the sweep-file entry of what found a pack's faces; empty where the pack does not say it.

    Of an aligner's fingerprint only what `SETTINGS` has for it is in the entry: the rest are digests and versions.

    Args:
        manifest: pack.json.
    """
    said = manifest.get("aligner")
    if not said:
        return {}
    names = SETTINGS.get(said["name"], ())
    settings = {name: value for name, value in said.get("fingerprint", {}).items() if name in names}
    return {"aligner": {"name": said["name"], **settings}}


def pack_source(data: Path, recipe: Recipe, seed: int) -> PackSource:
    """The source of recipes that name none: a pack's train people, mirrored."""
    from bench.packs import Pack

    return PackSource(Pack.open(data), recipe.side, recipe.batch_size, recipe.wanted, seed)
