"""A pack as training reads it: arrays in memory, pictures and label maps decoded by threads when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.errors import MissingFile, ShapeError, UnknownName
from bench.packs.decoded import Decoded
from bench.packs.manifest import read_file, read_manifest
from bench.packs.people import are_person
from bench.packs.shards import SPLITS, STEPS_A_PIXEL, name_digest, read_shard
from bench.provenance import available_cores

HELD_BYTES = 2**30
"""Decoded faces are held up to so much: 16,000 of 128 pixels with their masks."""


class Pack:
    """N aligned faces and what is known of them; `open` makes one.

    Attributes:
        folder: where it lies.
        side: S, pixels of a side.
        manifest: pack.json.
        digest: SHA-256 hex of everything in it.
        subjects: int32 (N,), equal numbers are one person.
        subject_digests: uint8 (N, 8), what stands for that person's name.
        split: (N,) of ``"train"``, ``"dev"``, ``"eval"``.
        dataset: (N,), the data set that each face comes from.
        landmarks: float32 (N, 68, 2), dlib's order, x then y in pixels of side S, the centre of the first pixel at
            (0, 0).
        identity: float32 (N, D), the embedding of each photo's face.
        identity_name: the recognizer that gave it.
        identity_weights: the digest of that recognizer's weights; empty where it has none.
        attributes: float32 (N, A), in [-1, 1]; NaN where unknown.
        attribute_names: A names.
        photos: uint8 (N, 8), a digest of each photo's name.
        has_masks: whether there are label maps.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Mapping[str, Any],
        digest: str,
        shards: Sequence[Mapping[str, NDArray[Any]]],
        threads: int,
        held_bytes: int,
    ) -> None:
        self.folder, self.manifest, self.digest = folder, manifest, digest
        self.side: int = manifest["side"]
        self.has_masks: bool = manifest["masks"]
        self.identity_name: str = manifest["recognizer"]["name"]
        self.identity_weights = str(manifest["recognizer"].get("fingerprint", {}).get("weights", ""))
        self.attribute_names: tuple[str, ...] = tuple(manifest["attributes"])

        def whole(name: str) -> NDArray[Any]:
            return np.concatenate([shard[name] for shard in shards])

        names = np.array([one["name"] for one in manifest["datasets"]], dtype=np.str_)
        self.landmarks: NDArray[np.float32] = whole("landmarks").astype(np.float32) / np.float32(STEPS_A_PIXEL)
        self.identity: NDArray[np.float32] = whole("identity").astype(np.float32)
        self.attributes: NDArray[np.float32] = whole("attributes").astype(np.float32)
        self.photos: NDArray[np.uint8] = whole("photo")
        self.split: NDArray[np.str_] = np.array(SPLITS)[whole("split")]
        self.dataset: NDArray[np.str_] = names[whole("dataset")]
        self.subject_digests: NDArray[np.uint8] = np.ascontiguousarray(whole("subject"))
        people = self.subject_digests.view(">u8")[:, 0]
        self.subjects: NDArray[np.int32] = np.unique(people, return_inverse=True)[1].astype(np.int32)
        self._decoded = Decoded(
            str(folder), shards, self.side, ("images", "masks") if self.has_masks else ("images",), threads, held_bytes
        )

    @classmethod
    def open(
        cls, folder: str | os.PathLike[str], *, threads: int = 0, held_bytes: int = HELD_BYTES, check: bool = True
    ) -> Pack:
        """The pack in a folder; its files are read into memory, 45 MB in a tenth of a second.

        Args:
            folder: that `impersona pack` wrote.
            threads: that decode; 0 for one a core.
            held_bytes: decoded faces are held in memory up to so much; 0 for none.
            check: hold every file against its digest in the manifest.

        Raises:
            MissingFile: no pack, one that is not finished, or one that lacks a file.
            CorruptFile: a file is damaged, or of another version.
        """
        folder = Path(folder)
        manifest, digest = read_manifest(folder)
        shards = []
        for file in manifest["shards"]:
            data = read_file(folder, file, check)
            shards.append(read_shard(data, str(folder / file["file"]), file["faces"], manifest["masks"]))
        if not shards:
            raise MissingFile(f"the pack in {folder} holds no faces; make it of other people (split:)")
        return cls(folder, manifest, digest, shards, threads or available_cores(), held_bytes)

    def __len__(self) -> int:
        """N."""
        return len(self.subjects)

    def rows(self, split: str | None = None, dataset: str | None = None) -> NDArray[np.int64]:
        """The rows of some faces, int64, ascending.

        Args:
            split: ``"train"``, ``"dev"`` or ``"eval"``; None for all.
            dataset: one of the manifest's data sets; None for all.

        Raises:
            UnknownName: there is no such split or data set.
        """
        chosen = np.ones(len(self), dtype=np.bool_)
        known = [one["name"] for one in self.manifest["datasets"]]
        for what, wanted, values, names in (
            ("split", split, self.split, SPLITS),
            ("data set of this pack", dataset, self.dataset, known),
        ):
            if wanted is not None:
                if wanted not in names:
                    raise UnknownName(what, wanted, names)
                chosen &= values == wanted
        return np.flatnonzero(chosen).astype(np.int64)

    def faces_of(self, dataset: str, name: str) -> NDArray[np.int64]:
        """The rows that show one person, int64, ascending; none where the person is not in the pack.

        Args:
            dataset: one of the manifest's data sets.
            name: the data set's own name for the person, such as ``"Ada_Lovelace"`` in lfw.

        Raises:
            UnknownName: there is no such data set.
        """
        known = [one["name"] for one in self.manifest["datasets"]]
        if dataset not in known:
            raise UnknownName("data set of this pack", dataset, known)
        return np.flatnonzero(are_person(self.subject_digests, name_digest(dataset, name))).astype(np.int64)

    def images(self, rows: ArrayLike, side: int | None = None) -> NDArray[np.uint8]:
        """Pictures, uint8 (n, side, side, 3) RGB.

        Args:
            rows: n of them, in any order.
            side: S, or what divides it: then each pixel is the mean of a block.

        Raises:
            ShapeError: rows or a side that there are not.
            CorruptFile: a picture is damaged.
        """
        return self._decoded.get("images", rows, side)

    def masks(self, rows: ArrayLike, side: int | None = None) -> NDArray[np.uint8]:
        """Label maps, uint8 (n, side, side), 19-class CelebAMask-HQ labels.

        Args:
            rows: n of them, in any order.
            side: S, or what divides it: then each pixel is the most frequent label of a block.

        Raises:
            ShapeError: rows or a side that there are not, or a pack without masks.
            CorruptFile: a label map is damaged.
        """
        if not self.has_masks:
            raise ShapeError(f"the pack in {self.folder} has no masks; make it without --no-masks")
        return self._decoded.get("masks", rows, side)

    def network(self, name: str) -> Path:
        """The file of a frozen network that travels with the pack, held against its digest.

        Args:
            name: such as ``"dlib_resnet"``.

        Raises:
            MissingFile: the pack has none of that name.
            CorruptFile: it is damaged.
        """
        for file in self.manifest.get("networks", []):
            if Path(file["file"]).stem == name:
                read_file(self.folder, file)
                return self.folder / str(file["file"])
        raise MissingFile(f"the pack in {self.folder} has no network {name!r}; make it with --networks")

    def verify(self) -> None:
        """Reads every file of the pack anew and decodes every face of it.

        Raises:
            MissingFile: a file is not there.
            CorruptFile: one is damaged, or a face is.
        """
        for file in (*self.manifest["shards"], *self.manifest.get("networks", [])):
            read_file(self.folder, file)
        self._decoded.decode_all()

    def close(self) -> None:
        """Ends its threads; safe to call twice. What was decoded is let go."""
        self._decoded.close()
