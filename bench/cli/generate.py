"""`impersona generate`: faces of your own photos, or of a data set's people, as PNG files that say what they are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bench.cli.check import given
from bench.config import MakerEntry
from bench.errors import ConfigError
from bench.images import IMAGE_SUFFIXES
from bench.sweep.evaluation import data_given, entry_given, recognizers_given
from bench.sweep.generation import Generation, generate_of_dataset, generate_of_photos
from bench.sweep.made_files import TABLE
from bench.sweep.novel import (
    TRIES,
    NovelFaces,
    Wanted,
    calibrate_given,
    novel_of_dataset,
    novel_of_photos,
)
from bench.sweep.novel_files import FIGURES_FILE
from bench.sweep.novel_words import lines
from bench.sweep.varying import Varied

NOT_MADE = 1

_SEARCH = (
    click.option("--novel", is_flag=True, help="Make each face anew, by chance, until no contributor matches."),
    click.option(
        "--recognizer",
        "recognizers",
        multiple=True,
        metavar="ENTRY",
        help="With --novel: who must not match; repeatable.",
    ),
    click.option(
        "--judge",
        "judges",
        multiple=True,
        metavar="ENTRY",
        help="With --novel: who is asked afterwards only; repeatable.",
    ),
    click.option(
        "--calibrate", metavar="ENTRY", help="With --novel: whose thresholds [default: split dev of the data set]."
    ),
    click.option("--fmr", type=float, metavar="RATE", help="With --novel: FMR of the thresholds [default: 0.001]."),
    click.option("--tries", type=click.IntRange(1, 1000), help=f"With --novel: how often at most [default: {TRIES}]."),
)


def _search_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of --novel, in their order."""
    for option in reversed(_SEARCH):
        command = option(command)
    return command


@click.command(short_help="Make faces of your own photos, or of a data set's people.")
@click.argument("generator")
@click.argument("photos", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[PHOTO...]")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder of the pictures.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the generator.")
@click.option("--vary", metavar="KEY=[VALUES]", help="A setting, and values that each make a face of the same photos.")
@click.option("--sheet", is_flag=True, help="Write OUT/sheet.png, too: a row of pictures a set of photos.")
@click.option("--data", metavar="ENTRY", help="A data set instead of photos: name, YAML mapping or YAML file.")
@click.option("--count", type=click.IntRange(min=1), help="With --data: how many faces [default: 10].")
@click.option("--seed", type=int, default=0, show_default=True, help="Everything drawn is drawn from it.")
@click.option("--aligner", metavar="ENTRY", help="What finds the faces [default: what the generator asks for].")
@click.option("--parser", metavar="ENTRY", help="What labels the photos, of a generator that takes masks.")
@_search_options
def generate(
    generator: str,
    photos: tuple[Path, ...],
    out: Path,
    settings: tuple[str, ...],
    vary: str | None,
    sheet: bool,
    data: str | None,
    count: int | None,
    seed: int,
    aligner: str | None,
    parser: str | None,
    **search: Any,
) -> None:
    """Make faces with GENERATOR, of photos or, with --data, of a data set's people.

    A face is made of as many photos as the generator takes, in the order in which they are given; a folder stands for
    the photos in it, by name. Every picture says in its text that it is synthetic. OUT/faces.csv says which photos a
    face was made of, and why one was not made. With --vary each set of photos makes a face for each value, drawn by the
    same chance; the names of the files say which.

    With --novel the photos are mixed anew, by chance, until no contributor matches under any --recognizer; a --judge is
    asked about first and accepted tries when the search is over. OUT/search.json says how many tries it took, and what
    that proves.

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
    varied = None if vary is None else _varied(vary)
    wanted = _wanted(search, together=vary is not None or sheet)
    found: Generation | NovelFaces
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        part = bars.add_task("", total=None, visible=False)

        def progress(what: str, done: int, total: int) -> None:
            bars.update(part, description=what, completed=done, total=total, visible=done < total)

        chosen = None if data is None else data_given(data)["dataset"]
        if wanted is not None and chosen is not None:
            found = novel_of_dataset(entry, chosen, out, wanted, count=count or 10, seed=seed, progress=progress)
        elif wanted is not None:
            found = novel_of_photos(entry, _files(photos), out, wanted, seed=seed, progress=progress)
        elif chosen is not None:
            found = generate_of_dataset(
                entry, chosen, out, count=count or 10, seed=seed, varied=varied, sheet=sheet, progress=progress
            )
        else:
            found = generate_of_photos(
                entry, _files(photos), out, seed=seed, varied=varied, sheet=sheet, progress=progress
            )
    if isinstance(found, NovelFaces):
        _say_search(found, out)
    else:
        _say(found, out, varied)
    if found.made < len(found.files):
        sys.exit(NOT_MADE)


def _varied(text: str) -> Varied:
    """The setting and its values."""
    example = f"{text.partition('=')[0] or 'strength'}=[0.25,0.5]"
    ((key, values),) = given((text,), "--vary", example).items()
    if not isinstance(values, list):
        raise ConfigError(f"--vary {key}: got {values!r}, expected a list of values, such as {example}")
    return Varied(key, tuple(values))


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


def _wanted(search: dict[str, Any], together: bool) -> Wanted | None:
    """What is searched for; None without --novel."""
    novel = search.pop("novel")
    if not novel:
        if alone := [f"--{name.removesuffix('s') if name != 'tries' else name}" for name in search if search[name]]:
            raise ConfigError(f"{', '.join(alone)}: these go with --novel, which searches faces that nobody matches")
        return None
    if together:
        raise ConfigError("--novel tries the same settings again and again; leave --vary and --sheet out")
    asked, judging = (
        tuple(one for text in search[name] for one in recognizers_given(text, option))
        for name, option in (("recognizers", "--recognizer"), ("judges", "--judge"))
    )
    return Wanted(
        recognizers=asked,
        judges=judging,
        calibrate=calibrate_given(search["calibrate"]) if search["calibrate"] else None,
        fmr=search["fmr"],
        tries=search["tries"] or TRIES,
    )


def _say_search(found: NovelFaces, out: Path) -> None:
    for photo, trouble in found.unusable.items():
        click.echo(f"{photo}: {trouble}", err=True)
    click.echo(f"{found.made:,} of {len(found.files):,} faces found: {out}; {out / TABLE}, {out / FIGURES_FILE}")
    for line in lines(found.figures):
        click.echo(line)


def _say(found: Generation, out: Path, varied: Varied | None) -> None:
    for photo, trouble in found.unusable.items():
        click.echo(f"{photo}: {trouble}", err=True)
    for index, (photos, file, problem) in enumerate(zip(found.photos, found.files, found.problems, strict=True)):
        if file is None and not set(photos) & set(found.unusable):
            of = "" if varied is None or found.values is None else f" ({varied.key}={found.values[index]})"
            click.echo(f"{' + '.join(photos)}{of}: {problem}", err=True)
    faces = f"{found.made:,} of {len(found.files):,} faces made"
    click.echo(f"{faces}: {out}; {out / TABLE} says of which photos" if found.made else f"{faces}; see {out / TABLE}")
    if found.sheet is not None:
        sets = len(found.files) // (1 if varied is None else len(varied.values))
        what = "all" if found.sheet_rows == sets else f"the first {found.sheet_rows:,} of {sets:,}"
        click.echo(f"{what} at a glance: {found.sheet}")
