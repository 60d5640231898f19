"""The folder of a pack while it is made: files of faces whole or absent, and a note of what there is."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.api import Progress
from bench.errors import ConfigError, CorruptFile, InsufficientData, PluginError
from bench.packs.manifest import MANIFEST, NETWORKS, UNFINISHED, manifest_bytes, read_file, read_manifest
from bench.packs.shards import SCHEMA, shard_file
from bench.store.blobs import replace
from bench.sweep.inputs import Entry
from bench.sweep.instances import plain, plugin
from bench.sweep.packing_encode import Encoder
from bench.sweep.packing_faces import Candidate, drawn_first, photo_ranks
from bench.sweep.packing_fit import (
    MB,
    RESERVED_BYTES,
    RESERVED_IN_MANIFEST,
    Choice,
    fitting,
    numbered,
    sample_of,
    tighter,
)
from bench.sweep.packing_request import PackRequest

LOG = logging.getLogger(__name__)


class PackFolder:
    """The folder of a pack while it is made.

    Args:
        request: what was asked for.
        out: the folder.
        spec: its specification.
        encoder: what encodes its faces.
    """

    def __init__(self, request: PackRequest, out: Path, spec: Entry, encoder: Encoder) -> None:
        self.request, self.out, self.spec, self._encoder = request, out, plain(spec), encoder
        self._reserved = RESERVED_BYTES + len(manifest_bytes(self.spec))
        self.shards: list[Entry] = []
        self.networks: list[Entry] = []

    def finished(self) -> dict[str, Any] | None:
        """The manifest, where the folder holds this very pack already.

        Raises:
            ConfigError: it holds another one, or other things.
            CorruptFile: it is this one, and damaged.
        """
        if (self.out / MANIFEST).is_file():
            manifest, _ = read_manifest(self.out)
            self._refuse_another(manifest["specification"])
            for file in (*manifest["shards"], *manifest["networks"]):
                read_file(self.out, file)
            return manifest
        begun = self._begun()
        if begun is not None and begun["choice"] is not None:  # else no face has been written
            self._refuse_another(begun["specification"])
        if begun is None and self.out.is_dir() and any(self.out.iterdir()):
            raise ConfigError(f"{self.out} holds other things; expected a new or empty folder (--out)")
        return None

    def write_networks(self) -> None:
        """Writes the frozen networks that travel with the pack."""
        for name in self.request.networks:
            recognizer = plugin("recognizer", {"name": name})
            if not hasattr(recognizer, "write_weights"):
                raise PluginError(f"the recognizer {name!r} has no write_weights, so it cannot travel with a pack")
            path = self.out / NETWORKS / f"{name}.safetensors"
            if not path.is_file():
                self._note(None)
                recognizer.write_weights(path)
            self.networks.append(_file(f"{NETWORKS}/{path.name}", path.read_bytes()))

    def write_faces(self, found: Sequence[Candidate], progress: Progress | None) -> tuple[Choice, list[Candidate]]:
        """Writes the files of faces, those that are there left as they are, so that the whole fits.

        Returns:
            What made it fit, and which faces are in it.

        Raises:
            InsufficientData: it cannot be made to fit.
        """
        ranks = photo_ranks(found, self.request.seed)
        most = None if self.request.max_mb is None else int(self.request.max_mb * MB)
        begun = self._begun()
        known: list[Entry] = []
        if begun is not None and begun["choice"] is not None:
            choice, known = Choice(**begun["choice"]), begun["shards"]
        else:
            choice = self._fitting(found, ranks, most, progress)
            self._note(choice, [])  # before the first file, which would be taken for somebody else's
        while True:
            kept = drawn_first(found, self.request.seed, choice.per_person)
            self.shards = []
            for number, faces in enumerate(numbered(len(kept), self.request.shard_faces)):
                if progress:
                    progress("writing faces", faces.start, len(kept))
                whole = number < len(known) and self._is_whole(known[number])
                self.shards.append(
                    known[number] if whole else self._write(number, kept[faces.start : faces.stop], choice)
                )
                self._note(choice)
                if most is not None and self._bytes() > most:
                    break
            else:
                self._note(choice)
                return choice, kept
            before, choice = choice, tighter(choice, self.request.quality[0], ranks)
            if choice == before:
                raise InsufficientData(f"the pack does not fit into {self.request.max_mb:g} MB; raise max_mb")
            LOG.warning("the pack came out larger than its sample promised: it is written anew with %s", choice)
            known = []
            self._note(choice, [])

    def refuse_changes(self, now: Entry) -> None:
        """Makes sure that the pack's specification is still what it was at the start.

        Raises:
            CorruptFile: it is not, so that nobody knows what is in the files.
        """
        if differ := self._differences(self.spec, plain(now)):
            raise CorruptFile(
                f"{', '.join(differ)} changed while the pack in {self.out} was made; delete the folder and run it again"
            )

    def finish(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        """Writes pack.json, upon which the folder is a pack."""
        known = {one["file"] for one in (*self.shards, *self.networks)} | {UNFINISHED}
        for path in [path for path in self.out.rglob("*") if path.is_file()]:
            if path.relative_to(self.out).as_posix() not in known:  # of a choice that was given up, or half written
                path.unlink()
        replace(self.out / MANIFEST, manifest_bytes(manifest))
        (self.out / UNFINISHED).unlink(missing_ok=True)
        return manifest

    # ------------------------------------------------------------------------------------------------ inside

    def _begun(self) -> dict[str, Any] | None:
        """What unfinished.json says; None where there is none that can be read: then nothing has been begun."""
        try:
            said = json.loads((self.out / UNFINISHED).read_bytes())
        except (OSError, ValueError):
            return None
        return said if isinstance(said, dict) and {"specification", "choice", "shards"} <= set(said) else None

    def _refuse_another(self, spec: Mapping[str, Any]) -> None:
        if differ := self._differences(self.spec, spec):
            raise ConfigError(
                f"{self.out} holds a pack of another specification: {', '.join(differ)} differ; choose another folder "
                "(--out), or delete that one"
            )

    @staticmethod
    def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
        differ = [name for name in one if other.get(name) != one[name]]
        if "asked" in differ:
            differ.remove("asked")
            differ += [name for name, value in one["asked"].items() if other.get("asked", {}).get(name) != value]
        return differ

    def _note(self, choice: Choice | None, shards: Sequence[Entry] | None = None) -> None:
        said = {
            "schema": SCHEMA,
            "specification": self.spec,
            "choice": None if choice is None else asdict(choice),
            "shards": self.shards if shards is None else list(shards),
        }
        replace(self.out / UNFINISHED, manifest_bytes(said))

    def _fitting(self, found: Sequence[Candidate], ranks: Any, most: int | None, progress: Progress | None) -> Choice:
        shrunk: list[Any] = []
        masks: list[bytes] | None = None
        fixed = 0.0
        chosen = [found[place] for place in sample_of(len(found), self.request.seed).tolist()]
        if most is not None:
            if progress:
                progress("choosing the quality", 0, 1)
            most -= self._bytes()
            shrunk, masks = self._encoder.shrunk(chosen)
            rows = self._encoder.faces(chosen, [], None)
            columns = (rows.identity, rows.attributes, rows.subject, rows.photo, rows.dataset, rows.split)
            offsets = 4 if masks is None else 8
            fixed = sum(column.nbytes for column in columns) / len(chosen) - 2 * len(rows.attributes[0])
            fixed += offsets + rows.landmarks[0].size * 2
        kept: dict[int, Any] = {}

        def sizes(quality: int) -> Any:
            if quality not in kept:
                pictures = self._encoder.pictures(shrunk, quality)
                each = [len(one) for one in pictures]
                if masks is not None:
                    each = [size + len(mask) for size, mask in zip(each, masks, strict=True)]
                kept[quality] = np.array(each) + fixed
            return kept[quality]

        asked = self.request
        return fitting(ranks, sizes, asked.quality, asked.max_per_person, most, asked.shard_faces)

    def _is_whole(self, shard: Entry) -> bool:
        try:
            data = (self.out / str(shard["file"])).read_bytes()
        except FileNotFoundError:
            return False
        return hashlib.sha256(data).hexdigest() == str(shard["sha256"])

    def _write(self, number: int, faces: Sequence[Candidate], choice: Choice) -> Entry:
        data = self._encoder.shard(faces, choice.quality)
        replace(self.out / shard_file(number), data)
        return _file(shard_file(number), data) | {"faces": len(faces)}

    def _bytes(self) -> int:
        written = sum(int(one["bytes"]) for one in (*self.shards, *self.networks))
        return written + self._reserved + RESERVED_IN_MANIFEST * len(self.shards)


def _file(name: str, data: bytes) -> Entry:
    return {"file": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
