"""What the cache holds, context by context; pruning what is old or too much, purging what shall go.

Only what bears the cache's own names is ever touched: below `cache_root`, in the folder ``arrays``,
KIND/DIGEST/rows-….npz, KIND/DIGEST/NAME.json and the pictures faces/DIGEST/DIGEST.png and masks/DIGEST/DIGEST.png.
Whatever else lies there is counted and left alone.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.errors import CorruptFile, MissingFile
from bench.store.blobs import BlobStore
from bench.store.cache import KINDS, PICTURE, ArrayCache, CacheContext, context_digest, read_segment, segment_name

_CONTEXT = re.compile(rf"(?P<place>(?P<kind>{'|'.join(KINDS)})/[0-9a-f]{{32}})/(?P<name>[^/]+)")
_NOTE = re.compile(r"[a-z][a-z_]*\.json")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHOWN_SETTINGS = 6
_WITH_PICTURES = ("faces", "masks")
_DELETE_ROUNDS = 2


@dataclass(frozen=True)
class CachedContext:
    """One context of the cache.

    Attributes:
        place: its folder, ``KIND/DIGEST``.
        kind: ``"embeddings"``, ``"detections"``, ``"faces"``, those that generators and attacks made, ``"masks"``, the
            labels of a parser, ``"attention"``, what makers said of where they look, ``"contributions"``, what they
            took of whom, ``"layout"``, what they meant to show beside what a parser saw, or ``"attributes"``, what they
            were asked to show beside what a judge saw.
        recognizer: whose embeddings; None for the other kinds, and where the description is damaged.
        maker: which generator or attack made the faces, or said so; None for the other kinds, and where the description
            is damaged.
        aligner: what found the faces; None where the description is damaged.
        settings: what else tells it from others, in a few words.
        parser: what labelled the pixels; None for the other kinds, and where the description is damaged.
        rows: how many rows are stored, or label maps.
        bytes: how large it is.
        segments: in how many files.
        last_used: when it was last read or added to.
        parts: everything that determines its rows; empty where the description is damaged.
    """

    place: str
    kind: str
    recognizer: str | None
    maker: str | None
    aligner: str | None
    settings: str
    parser: str | None
    rows: int
    bytes: int
    segments: int
    last_used: datetime.datetime
    parts: Mapping[str, Any]


def contexts(cache: ArrayCache) -> list[CachedContext]:
    """Every context of a cache, the one used last first."""
    grouped: dict[str, list[str]] = {}
    for key in cache.blobs.keys(""):
        if place := _place_of(key):
            grouped.setdefault(place, []).append(key)
    found = [_context(cache.blobs, place, keys) for place, keys in grouped.items()]
    return sorted(found, key=lambda one: (one.last_used, one.place), reverse=True)


def foreign(cache: ArrayCache) -> list[str]:
    """The keys in a cache's folder that are not the cache's own; never deleted."""
    return [key for key in cache.blobs.keys("") if _place_of(key) is None]


def stale(
    found: Sequence[CachedContext], older_than: datetime.timedelta | None, max_bytes: int | None
) -> list[CachedContext]:
    """The contexts that should go: those not used for so long, then the longest unused until the rest is small enough.

    Args:
        found: what `contexts` returned.
        older_than: the longest time without use; None for any.
        max_bytes: the largest size of what stays; None for any.
    """
    now = datetime.datetime.now(datetime.UTC)
    going, total = [], sum(one.bytes for one in found)
    for one in sorted(found, key=lambda one: (one.last_used, one.place)):
        too_old = older_than is not None and now - one.last_used > older_than
        if too_old or (max_bytes is not None and total > max_bytes):
            going.append(one)
            total -= one.bytes
    return going


def selected(
    found: Iterable[CachedContext], kind: str | None = None, recognizer: str | None = None
) -> list[CachedContext]:
    """The contexts of a kind, of a recognizer, of both, or all."""
    return [one for one in found if kind in (None, one.kind) and recognizer in (None, one.recognizer)]


def delete(cache: ArrayCache, doomed: Iterable[CachedContext]) -> int:
    """Deletes contexts, with what killed writers left of them; returns how many.

    A process that is at work on one may add to it again.
    """
    count = 0
    for one in doomed:
        cache.blobs.tidy(f"{one.place}/", seconds=0)
        for _ in range(_DELETE_ROUNDS):  # a merge that was under way may have put rows back
            keys = [key for key in cache.blobs.keys(f"{one.place}/") if _place_of(key)]
            # The description goes last: a purge that was cut short finds the rest by recognizer again.
            for key in sorted(keys, key=lambda key: key.endswith("/context.json")):
                cache.blobs.delete(key)
        count += 1
    return count


def merge(cache: ArrayCache, found: Iterable[CachedContext]) -> int:
    """Joins the small segments of each context into one; returns how many segments were joined."""
    return sum(CacheContext(cache.blobs, one.parts).merge() for one in found if one.parts and one.segments > 1)


def _place_of(key: str) -> str | None:
    match = _CONTEXT.fullmatch(key)
    if match is None:
        return None
    name, pictures = match["name"], match["kind"] in _WITH_PICTURES
    if not (segment_name(name) or _NOTE.fullmatch(name) or (pictures and PICTURE.fullmatch(name))):
        return None
    return match["place"]


def _context(blobs: BlobStore, place: str, keys: Sequence[str]) -> CachedContext:
    stats = {key: found for key in keys if (found := blobs.stat(key)) is not None}
    segments = [key for key in stats if key.endswith(".npz")]
    parts = _description(blobs, place)
    described = stats.get(f"{place}/context.json")
    used = described.used if described else max((one.used for one in stats.values()), default=0.0)
    return CachedContext(
        place=place,
        kind=place.partition("/")[0],
        recognizer=parts.get("recognizer"),
        maker=parts.get("maker", {}).get("name"),
        aligner=parts.get("aligner"),
        settings=_in_words(parts),
        parser=parts.get("parser") if place.startswith("masks/") else None,
        rows=sum(_rows(blobs, key) for key in segments) + _label_maps(place, keys),
        bytes=sum(one.size for one in stats.values()),
        segments=len(segments),
        last_used=datetime.datetime.fromtimestamp(used, datetime.UTC),
        parts=parts,
    )


def _description(blobs: BlobStore, place: str) -> dict[str, Any]:
    """What a context's rows were computed from; empty where that cannot be read or is that of another context."""
    try:
        parts = json.loads(blobs.get(f"{place}/context.json"))
        if isinstance(parts, dict) and f"{parts.get('kind')}/{context_digest(parts)}" == place:
            return parts
    except (MissingFile, ValueError):
        pass
    return {}


def _label_maps(place: str, keys: Sequence[str]) -> int:
    return sum(key.endswith(".png") for key in keys) if place.startswith("masks/") else 0


def _rows(blobs: BlobStore, key: str) -> int:
    named = segment_name(key.rpartition("/")[2])
    if named is not None and named[1] is not None:
        return named[1]
    try:
        return len(read_segment(blobs, key)["digest"])
    except (MissingFile, CorruptFile):
        return 0


def _in_words(parts: Mapping[str, Any]) -> str:
    """The settings in a fingerprint; of a digest its first eight digits, nothing of revisions and templates."""
    if not parts:
        return "its description cannot be read"
    maker = parts.get("maker", {}).get("fingerprint")
    own = maker or parts.get("fingerprint") or parts.get("aligner_fingerprint") or {}
    words = []
    for name, value in own.items():
        if name in ("revision", "template", "batch_size") or value in (None, ""):
            continue
        short = value[:8] if isinstance(value, str) and _DIGEST.fullmatch(value) else value
        words.append(f"{name} {short}")
    return ", ".join(words[:_SHOWN_SETTINGS])
