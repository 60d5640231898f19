"""`impersona cache`: what is kept of faces between runs, and how to be rid of it."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
import shutil
import textwrap
from typing import Any

import click

from bench.errors import ConfigError, UnknownName
from bench.places import cache_root
from bench.store.cache import KINDS, ArrayCache
from bench.store.inventory import CachedContext, contexts, delete, foreign, merge, selected, stale

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SIZES = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_BIOMETRIC = "Embeddings and found faces of real people are biometric data."


@click.group(short_help="List, prune or purge what is kept of faces between runs.")
def cache() -> None:
    """List, prune or purge the cache: embeddings and found faces, kept so that no run computes them twice.

    It lies in the folder that IMPERSONA_CACHE names, otherwise in your cache folder; `impersona cache ls` says where.
    Embeddings of real people are biometric data. Deleting them costs time only: the next run computes them again.
    """


@cache.command(short_help="List what is kept: one line for each way of computing it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, for other programs.")
def ls(as_json: bool) -> None:
    """List what is kept, the part used last first."""
    store = ArrayCache()
    found = contexts(store)
    if as_json:
        click.echo(json.dumps([_row(one) for one in found], indent=2, ensure_ascii=False))
        return
    click.echo(f"{cache_root()}: {_total(found)}")
    click.secho(_BIOMETRIC, dim=True)
    width = max((len(_name(one)) for one in found), default=0)
    for one in found:
        size = f"{one.rows:>11,} rows {_size(one.bytes):>10}"
        click.echo(f"  {one.kind:<11} {click.style(f'{_name(one):<{width}}', bold=True)} {size}  used {_ago(one)}")
        if one.settings:
            text = textwrap.fill(one.settings, _width(), initial_indent=" " * 14, subsequent_indent=" " * 14)
            click.secho(text, dim=True)
    _mention_foreign(store)


@cache.command(short_help="Delete what is old or too much; merge small files.")
@click.option("--older-than", metavar="AGE", help="Delete what was not used for so long: 30d, 12h, 8w.")
@click.option("--max-size", metavar="SIZE", help="Then delete the longest unused until the rest fits: 2GB, 500MB.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and stop.")
def prune(older_than: str | None, max_size: str | None, dry_run: bool) -> None:
    """Delete what is old or too much, join small files into larger ones, remove what killed runs left over."""
    age = None if older_than is None else _age(older_than)
    limit = None if max_size is None else _bytes(max_size)
    store = ArrayCache()
    found = contexts(store)
    going = stale(found, age, limit)
    for one in going:
        click.echo(f"{'would delete' if dry_run else 'deleting'} {_line(one)}")
    verb = "would delete" if dry_run else "deleted"
    if not dry_run:
        delete(store, going)
        staying = [one for one in found if one not in going]
        joined, left = merge(store, staying), store.blobs.tidy()
        if joined:
            click.echo(f"merged {joined:,} small files")
        if left:
            click.echo(f"removed {left:,} temporary files of runs that were killed")
    click.echo(f"{cache_root()}: {verb} {_total(going)} of {_total(found)}")
    if age is None and limit is None:
        click.echo("nothing is deleted without a limit: --older-than 30d, --max-size 2GB, or impersona cache purge")


@cache.command(short_help="Delete everything, or one kind, or one recognizer's.")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    help="Only embeddings, found faces (detections), made ones (faces), parsed ones (masks), attention to them, "
    "what was taken of whom (contributions), what was meant (layout), or what was asked for (attributes).",
)
@click.option("--recognizer", metavar="NAME", help="Only the embeddings of this recognizer.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(kind: str | None, recognizer: str | None, yes: bool) -> None:
    """Delete all that is kept of faces, or a part; end running sweeps first, because they add to it.

    Nothing but the cache's own files is ever deleted. Run folders are not touched: they hold scores, not embeddings.
    """
    if recognizer is not None and kind == "detections":
        raise ConfigError("found faces (detections) belong to an aligner, not to a recognizer: leave out one option")
    store = ArrayCache()
    found = contexts(store)
    known = {one.recognizer for one in found if one.recognizer}
    if recognizer is not None and recognizer not in known:
        raise UnknownName("recognizer in the cache", recognizer, known, "(impersona cache ls lists them)")
    going = selected(found, kind, recognizer)
    for one in going:
        click.echo(f"  {_line(one)}")
    if going and not yes and not _confirmed(f"Delete {_total(going)} from {cache_root()}?"):
        click.echo("nothing deleted")
        return
    delete(store, going)
    if recognizer is None:
        for one_kind in KINDS if kind is None else (kind,):
            store.blobs.tidy(f"{one_kind}/", seconds=0)
    click.echo(f"{cache_root()}: deleted {_total(going)}")
    _mention_foreign(store)


def _confirmed(question: str) -> bool:
    try:
        return click.confirm(question)
    except click.Abort as error:
        raise ConfigError("nothing deleted: there was no answer; --yes deletes without asking") from error


def _row(one: CachedContext) -> dict[str, Any]:
    row = dataclasses.asdict(one) | {"last_used": one.last_used.isoformat(timespec="seconds")}
    return {"folder": str(cache_root() / "arrays" / one.place), **row}


def _mention_foreign(store: ArrayCache) -> None:
    if others := foreign(store):
        click.echo(f"left alone: {len(others):,} files that are not the cache's own, such as {others[0]}")


def _line(one: CachedContext) -> str:
    return f"{one.kind} of {_name(one)}: {one.rows:,} rows, {_size(one.bytes)}, used {_ago(one)}"


def _name(one: CachedContext) -> str:
    names = [name for name in (one.recognizer, one.maker, one.parser, one.aligner) if name]
    return " on ".join(names) or one.place.rpartition("/")[2][:12]


def _total(found: list[CachedContext]) -> str:
    return f"{sum(one.rows for one in found):,} rows, {_size(sum(one.bytes for one in found))}"


def _size(size: int) -> str:
    unit, power = next(((name, 2**bits) for name, bits in (("GB", 30), ("MB", 20)) if size >= 2**bits), ("kB", 2**10))
    return f"{size / power:,.1f} {unit}"


def _ago(one: CachedContext) -> str:
    seconds = max(0.0, (datetime.datetime.now(datetime.UTC) - one.last_used).total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if count := int(seconds // length):
            return f"{count:,} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def _age(text: str) -> datetime.timedelta:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([mhdw])", text.strip().lower())
    if match is None:
        raise ConfigError(f"--older-than: got {text!r}, expected a number and m, h, d or w, such as 30d")
    return datetime.timedelta(**{_UNITS[match[2]]: float(match[1])})


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", text.strip().lower())
    if match is None:
        raise ConfigError(f"--max-size: got {text!r}, expected a number and KB, MB, GB or TB, such as 2GB")
    return int(float(match[1]) * 1024 ** _SIZES[match[2]])


def _width() -> int:
    return max(60, shutil.get_terminal_size((120, 24)).columns)
