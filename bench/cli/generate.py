"""`impersona generate`: faces of your own photos, or of a data set's people, as PNG files that say what they are."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bench.cli.check import given
from bench.config import MakerEntry
from bench.errors import ConfigError
from bench.images import IMAGE_SUFFIXES
from bench.sweep.evaluation import data_given, entry_given
from bench.sweep.generation import Generation, generate_of_dataset, generate_of_photos
from bench.sweep.made_files import TABLE

NOT_MADE = 1


@click.command(short_help="Make faces of your own photos, or of a data set's people.")
@click.argument("generator")
@click.argument("photos", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[PHOTO...]")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder of the pictures.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the generator.")
@click.option("--data", metavar="ENTRY", help="A data set instead of photos: name, YAML mapping or YAML file.")
@click.option("--count", type=click.IntRange(min=1), help="With --data: how many faces [default: 10].")
@click.option("--seed", type=int, default=0, show_default=True, help="Everything drawn is drawn from it.")
@click.option("--aligner", metavar="ENTRY", help="What finds the faces [default: what the generator asks for].")
@click.option("--parser", metavar="ENTRY", help="What labels the photos, of a generator that takes masks.")
def generate(
    generator: str,
    photos: tuple[Path, ...],
    out: Path,
    settings: tuple[str, ...],
    data: str | None,
    count: int | None,
    seed: int,
    aligner: str | None,
    parser: str | None,
) -> None:
    """Make faces with GENERATOR, of photos or, with --data, of a data set's people.

    A face is made of as many photos as the generator takes, in the order in which they are given; a folder stands for
    the photos in it, by name. Every picture says in its text that it is synthetic. OUT/faces.csv says which photos a
    face was made of, and why one was not made.

    Ends with 0 if every face was made, 1 if some were not, 2 if nothing could be tried.
    """
    if bool(photos) == (data is not None):
        raise ConfigError("expected photos, such as: impersona generate NAME ann.jpg --out made; or --data, not both")
    if count is not None and data is None:
        raise ConfigError("--count goes with --data: of photos, as many faces are made as they are enough for")
    entry = MakerEntry(
        name=generator,
        settings=given(settings),
        aligner=entry_given(aligner, "--aligner") if aligner else None,
        parser=entry_given(parser, "--parser") if parser else None,
    )
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        part = bars.add_task("", total=None, visible=False)

        def progress(what: str, done: int, total: int) -> None:
            bars.update(part, description=what, completed=done, total=total, visible=done < total)

        if data is not None:
            chosen = data_given(data)["dataset"]
            found = generate_of_dataset(entry, chosen, out, count=count or 10, seed=seed, progress=progress)
        else:
            found = generate_of_photos(entry, _files(photos), out, seed=seed, progress=progress)
    _say(found, out)
    if found.made < len(found.files):
        sys.exit(NOT_MADE)


def _files(photos: tuple[Path, ...]) -> list[Path]:
    """The photos, with those in a folder in its place."""
    found: list[Path] = []
    for path in photos:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(one for one in path.iterdir() if one.suffix.lower() in IMAGE_SUFFIXES and one.is_file())
        if not inside:
            raise ConfigError(f"{path} holds no photos ({', '.join(IMAGE_SUFFIXES)})")
        found += inside
    return found


def _say(found: Generation, out: Path) -> None:
    for photo, trouble in found.unusable.items():
        click.echo(f"{photo}: {trouble}", err=True)
    for photos, file, problem in zip(found.photos, found.files, found.problems, strict=True):
        if file is None and not set(photos) & set(found.unusable):
            click.echo(f"{' + '.join(photos)}: {problem}", err=True)
    faces = f"{found.made:,} of {len(found.files):,} faces made"
    click.echo(f"{faces}: {out}; {out / TABLE} says of which photos" if found.made else f"{faces}; see {out / TABLE}")
