"""pack.json: what a pack says of itself, read and checked without any schema library."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import CorruptFile, MissingFile
from bench.packs.shards import SCHEMA, shard_file

MANIFEST = "pack.json"
"""Written last: a folder without it is no pack."""
UNFINISHED = "unfinished.json"
"""Stands in a folder while its pack is being made."""
NETWORKS = "networks"
"""The folder of frozen networks that travel with a pack."""

_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "side": int,
    "faces": int,
    "people": int,
    "masks": bool,
    "attributes": list,
    "datasets": list,
    "recognizer": dict,
    "shards": list,
}


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """The bytes of pack.json; the same manifest gives the same bytes."""
    return (json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """The manifest of a pack, and SHA-256 hex of its bytes: of the whole pack, since it holds every file's digest.

    Args:
        folder: the pack.

    Raises:
        MissingFile: no pack, or one that is not finished.
        CorruptFile: pack.json is damaged, or of another version.
    """
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if (folder / UNFINISHED).is_file():
            raise MissingFile(
                f"the pack in {folder} is not finished; run the command that makes it again, and it goes on"
            ) from error
        raise MissingFile(f"no {MANIFEST} in {folder}; expected a folder that `impersona pack` wrote") from error
    try:
        manifest = json.loads(data)
    except ValueError as error:
        raise CorruptFile(f"{path}: not JSON ({error}); copy the pack again") from error
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if schema != SCHEMA:
        raise CorruptFile(
            f"{path}: schema {schema!r}; this version of impersona reads {SCHEMA!r}: make the pack anew with it, or "
            "take the version that wrote it"
        )
    for name, kind in _FIELDS.items():
        if not isinstance(manifest.get(name), kind):
            raise CorruptFile(f"{path}: {name} is {manifest.get(name)!r}; copy the pack again")
    _check_shards(manifest, path)
    return manifest, hashlib.sha256(data).hexdigest()


def _check_shards(manifest: Mapping[str, Any], path: Path) -> None:
    kinds = {"file": str, "sha256": str, "bytes": int, "faces": int}
    for number, shard in enumerate(manifest["shards"]):
        whole = isinstance(shard, dict) and all(isinstance(shard.get(name), kind) for name, kind in kinds.items())
        if not whole or shard["file"] != shard_file(number):
            raise CorruptFile(f"{path}: shard {number} is {shard!r}; copy the pack again")
    if sum(shard["faces"] for shard in manifest["shards"]) != manifest["faces"]:
        raise CorruptFile(f"{path}: its shards do not add up to {manifest['faces']} faces; copy the pack again")


def read_file(folder: Path, file: Mapping[str, Any], check: bool = True) -> bytes:
    """The bytes of one of a pack's files.

    Args:
        folder: the pack.
        file: ``file``, ``bytes`` and ``sha256``, as the manifest has them.
        check: hold it against its digest, too.

    Raises:
        MissingFile: it is not there.
        CorruptFile: it is not the file that the manifest means.
    """
    path = folder / str(file["file"])
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingFile(f"{path} is missing; copy the whole pack again, all its files together") from error
    if len(data) != file["bytes"]:
        raise CorruptFile(f"{path}: {len(data):,} bytes, expected {file['bytes']:,}; copy the pack again")
    if not check:
        return data
    digest = hashlib.sha256(data).hexdigest()
    if digest != file["sha256"]:
        raise CorruptFile(f"{path}: SHA-256 {digest[:16]}..., expected {file['sha256'][:16]}...; copy the pack again")
    return data
