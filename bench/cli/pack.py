"""`impersona pack`: photos in, a folder out that training reads; and a look at one that is there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.errors import ConfigError

_SHEET_TEXT = {"Comment": "Photos of real people: research data. Do not publish."}


@click.command(short_help="Make a training pack of aligned faces, or look at one.")
@click.argument("what", required=False, type=click.Path(path_type=Path), metavar="[PACK.yaml | FOLDER]")
@click.option("--out", type=click.Path(path_type=Path), help="The pack's folder; continued if there.")
@click.option("--data", multiple=True, metavar="DATASET", help="A data set, as a sweep names it: lfw, or a mapping.")
@click.option("--split", help="Whose faces: train, dev, eval or all [default: train].")
@click.option("--side", type=int, help="Pixels of a side: 64, 128 or 256 [default: 128].")
@click.option("--max-mb", type=float, metavar="N", help="How large the pack may become, in millions of bytes.")
@click.option("--max-per-person", type=int, metavar="N", help="At most so many photos of one person.")
@click.option("--no-masks", is_flag=True, help="Leave label maps out.")
@click.option("--networks", is_flag=True, help="Add dlib_resnet's weights, for machines without dlib's files.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a field: datasets.0.root=/data.")
@click.option("--sheet", type=click.Path(path_type=Path), metavar="FILE.png", help="Write a contact sheet of FOLDER.")
@click.option("--faces", type=click.IntRange(1, 1000), default=60, show_default=True, help="Faces on the sheet.")
def pack(
    what: Path | None,
    out: Path | None,
    data: tuple[str, ...],
    split: str | None,
    side: int | None,
    max_mb: float | None,
    max_per_person: int | None,
    no_masks: bool,
    networks: bool,
    overrides: tuple[str, ...],
    sheet: Path | None,
    faces: int,
) -> None:
    """Make a training pack, or look at one.

    PACK.yaml, or --data alone, says of which data sets it is made; --out is its folder. Killed halfway, the same
    command goes on and ends with the same bytes. Only people of split train are in it unless --split says otherwise.

    With the FOLDER of a pack instead: checks every file and face of it and says what it holds; --sheet shows some.
    A pack of real photos is research data: do not publish it.
    """
    given = {
        "datasets": [_entry(one) for one in data] or None,
        "split": split,
        "side": side,
        "max_mb": max_mb,
        "max_per_person": max_per_person,
        "masks": False if no_masks else None,
        "networks": ["dlib_resnet"] if networks else None,
    }
    asked = {name: value for name, value in given.items() if value is not None}
    if what is not None and what.is_dir():
        if asked or overrides or out:
            raise ConfigError(f"{what} is a folder: expected a pack to look at, with --sheet at most")
        _look(what, sheet, faces)
        return
    if what is None and not data:
        raise ConfigError("nothing to pack; name a file (impersona pack PACK.yaml --out DIR) or data sets (--data lfw)")
    if out is None:
        raise ConfigError("no folder for the pack; add --out work/packs/NAME")
    if sheet is not None:
        raise ConfigError(f"--sheet looks at a pack that is there: impersona pack {out} --sheet {sheet}")
    _make(what, asked, overrides, out)


def _entry(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"--data: {text!r} is not a YAML value; expected lfw, or '{{name: lfw, root: /data/lfw}}'"
        ) from error


def _make(what: Path | None, asked: Mapping[str, Any], overrides: tuple[str, ...], out: Path) -> None:
    from bench.sweep.packing import make_pack
    from bench.sweep.packing_request import read_request

    request = read_request(what, overrides, asked)
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    started = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        part = bars.add_task("", total=None, visible=False)

        def progress(name: str, done: int, total: int) -> None:
            bars.update(part, description=name, completed=done, total=total, visible=done < total)

        make_pack(request, out, progress=progress)
    _describe(out)
    click.echo(f"made in {time.monotonic() - started:.1f} s")


def _look(folder: Path, sheet: Path | None, faces: int) -> None:
    from bench.packs import Pack

    pack = Pack.open(folder)
    pack.verify()
    _describe(folder)
    click.echo("every file and face is as it should be")
    if sheet is not None:
        _sheet(pack, sheet, faces)
    pack.close()


def _sheet(pack: Any, sheet: Path, faces: int) -> None:
    from bench.images import encode_png
    from bench.packs.sheet import contact_sheet
    from bench.seeding import stream
    from bench.store.blobs import replace

    rows = np.sort(stream(0, "pack", "sheet").choice(len(pack), min(faces, len(pack)), replace=False))
    text = _SHEET_TEXT if pack.manifest["real_people"] else {}
    replace(sheet, encode_png(contact_sheet(pack, rows.astype(np.int64)), text))
    click.echo(f"{sheet}: {len(rows)} faces" + ("; it shows real people: do not publish it" if text else ""))


def _describe(folder: Path) -> None:
    from bench.sweep.packing import describe

    about = describe(folder)
    each = about["bytes"] / about["faces"]
    click.echo(
        f"{folder}: {about['faces']:,} faces of {about['people']:,} people at {about['side']} px, "
        f"{about['bytes'] / 1e6:.2f} MB, {each:,.0f} bytes a face (WebP quality {about['pictures']['quality']})"
    )
    splits = (f"{name} {one['faces']:,} of {one['people']:,} people" for name, one in about["splits"].items())
    click.echo(f"  split: {', '.join(splits)}")
    for one in about["datasets"]:
        out = ", ".join(f"{count:,} {why}" for why, count in one["left_out"].items()) or "none"
        click.echo(
            f"  {one['name']}: {one['faces']:,} of {one['photos']:,} photos, {one['people']:,} people; left out: {out}"
        )
        click.echo(f"    masks: {one['masks'] or 'none'}")
    for pair, count in about["names_in_several"].items():
        click.echo(f"  {count:,} names stand in both {pair}; they are kept apart as different people")
    click.echo(f"  identity: {about['recognizer']['name']}; attributes: {len(about['attributes'])}")
    for file in about["networks"]:
        click.echo(f"  network: {file['file']}, {file['bytes'] / 1e6:.1f} MB")
    click.echo(f"  digest: {about['digest']}")
