"""`impersona pack` at work: photos in, a folder out that training reads, the same bytes however often it was killed.

Faces and embeddings are found through the cache. Then files of faces are written one after the other, each whole or not
at all, and `unfinished.json` says which there are and what they are made from; pack.json comes last.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import features

from bench.aligners.geometry import template_digest
from bench.aligners.templates import FFHQ256
from bench.api import Progress
from bench.errors import ConfigError
from bench.packs.manifest import read_manifest
from bench.packs.shards import SCHEMA
from bench.provenance import images_read_by, version_of
from bench.store.cache import ArrayCache
from bench.sweep.inputs import Entry, identity_of
from bench.sweep.instances import plain, plugin
from bench.sweep.packing_encode import Encoder
from bench.sweep.packing_faces import TOO_MANY, candidates_of
from bench.sweep.packing_folder import PackFolder
from bench.sweep.packing_manifest import manifest_of
from bench.sweep.packing_request import PackRequest
from bench.sweep.packing_sources import Source, attribute_names, sources_of
from bench.sweep.runner import only_session

TEMPLATE = FFHQ256
"""The generators' crop: hair and chin inside."""
REVISION = 1
"""Part of what determines a pack; it moves when what is done to photos on their way into one moves."""


def make_pack(
    request: PackRequest, out: Path, cache: ArrayCache | None = None, progress: Progress | None = None
) -> Mapping[str, Any]:
    """Makes a pack, or goes on with one that was begun.

    Args:
        request: what shall be in it.
        out: its folder.
        cache: of found faces and embeddings; by default the user's.
        progress: told how far it is.

    Returns:
        The manifest.

    Raises:
        ConfigError: the folder holds another pack, or other things, or another process is at work on it.
        InsufficientData: nobody belongs to the split, no face was found, or it cannot be made to fit.
        CorruptFile: photos or weights changed meanwhile.
    """
    sources = sources_of(request)
    names = attribute_names(sources)
    encoder = Encoder(request, TEMPLATE, names, parses=any(not source.masked for source in sources if source.frames))
    with contextlib.closing(encoder), _alone_in(out):
        folder = PackFolder(request, out, specification(request, sources, encoder.parser_identity()), encoder)
        if (finished := folder.finished()) is not None:
            return finished
        found, left_out = candidates_of(request, sources, TEMPLATE, cache or ArrayCache(), progress)
        folder.write_networks()
        choice, kept = folder.write_faces(found, progress)
        for one in set(found) - set(kept):
            left_out[one.source.label][TOO_MANY] += 1
        folder.refuse_changes(specification(request, sources_of(request), encoder.parser_identity()))
        return folder.finish(manifest_of(request, TEMPLATE, sources, names, folder, choice, kept, left_out))


@contextlib.contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """The folder of a pack, made if need be and this process's alone: two would remove each other's files."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file; expected a new or empty folder (--out)")
    fresh = not out.exists()
    with only_session(out):
        try:
            yield
        finally:
            if fresh:
                with contextlib.suppress(OSError):  # nothing was written into it
                    out.rmdir()


def specification(request: PackRequest, sources: Sequence[Source], parser: Entry | None) -> Entry:
    """Everything that determines the bytes of a pack; no path is in it."""
    aligner, recognizer = plain(request.aligner.as_entry()), plain(request.recognizer.as_entry())
    asked = request.model_dump(
        mode="json",
        include={"split", "side", "max_mb", "quality", "max_per_person", "identity", "masks", "seed", "networks"}
        | {"shard_faces", "attributes"},
    )
    return {
        "schema": SCHEMA,
        "revision": REVISION,
        "template": template_digest(TEMPLATE),
        "asked": asked,
        "datasets": [source.identity() for source in sources],
        "aligner": identity_of(aligner, plugin("aligner", aligner)),
        "recognizer": identity_of(recognizer, plugin("recognizer", recognizer)),
        "parser": parser,
        "networks": [identity_of({"name": name}, plugin("recognizer", {"name": name})) for name in request.networks],
        "made_with": {
            **images_read_by(),
            "libwebp": str(features.version("webp")),
            "safetensors": version_of("safetensors"),
        },
    }


def describe(folder: Path) -> dict[str, Any]:
    """The manifest of a pack, for printing, with ``bytes`` of the whole folder.

    Raises:
        MissingFile: no pack there.
    """
    manifest, digest = read_manifest(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return manifest | {"digest": digest, "bytes": sum(path.stat().st_size for path in files)}
