"""`impersona evaluate`: one generator, a run folder with its report, and a model card."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import click
from rich.console import Console

from bench.cli.check import given
from bench.cli.run import FAILED_CELLS, Display, write_report
from bench.config import MakerEntry
from bench.errors import ConfigError, InsufficientData
from bench.notebook import run as run_sweep
from bench.store.blobs import replace
from bench.store.run_folder import RunFolder
from bench.sweep.evaluation import data_given, entry_given, evaluation_sweep, recognizers_given
from bench.sweep.model_card import SCHEMA, model_card
from bench.wiring import CARD_WRITER

OWN_FILES = ("summary.json", "manifest.json")
"""What a run folder holds besides its card."""
TITLE = "# Model card"


@click.command(short_help="Evaluate a generator: quality, identity, diversity, failures; a report and a model card.")
@click.argument("generator")
@click.option(
    "--data",
    required=True,
    metavar="ENTRY",
    help="A data set: its name, a YAML mapping with settings, or a YAML file; of a sweep's file also its recognizers, "
    "thresholds and seed.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The run folder; continued if there.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the generator.")
@click.option("--recognizers", metavar="A,B", help="Who judges: names, or a YAML list [default: dlib_resnet,lbp].")
@click.option("--aligner", metavar="ENTRY", help="What finds the faces [default: what the generator asks for].")
@click.option("--parser", metavar="ENTRY", help="What labels the photos, of a generator that takes masks.")
@click.option("--count", type=click.IntRange(min=2), default=100, show_default=True, help="How many faces are made.")
@click.option("--seed", type=int, help="Everything drawn is drawn from it [default: the file's, or 0].")
@click.option("--card", type=click.Path(path_type=Path), help="The card's Markdown file [default: OUT/card.md].")
@click.option("--report/--no-report", "with_report", default=True, help="Write report.html too [default: yes].")
def evaluate(
    generator: str,
    data: str,
    out: Path,
    settings: tuple[str, ...],
    recognizers: str | None,
    aligner: str | None,
    parser: str | None,
    count: int,
    seed: int | None,
    card: Path | None,
    with_report: bool,
) -> None:
    """Evaluate GENERATOR on the people of a data set: what it makes of their photos, as recognizers see it.

    Quality, identity, diversity and failures, with 95 % intervals, as a run folder with its report, and a model card:
    Markdown for people, JSON beside it for programs. Thresholds are set on other people of the data set where it has a
    split by person.

    Ends with 0 if every cell succeeded, 1 if some failed, 2 if it cannot be run.
    """
    path = card or out / "card.md"
    _refuse_foreign(path, out)
    entry = MakerEntry(
        name=generator,
        settings=given(settings),
        aligner=entry_given(aligner, "--aligner") if aligner else None,
        parser=entry_given(parser, "--parser") if parser else None,
    )
    judges = recognizers_given(recognizers) if recognizers else ()
    sweep = evaluation_sweep(entry, data_given(data), recognizers=judges, count=count, seed=seed)
    with Display(Console(stderr=True, soft_wrap=True)) as display:
        run = run_sweep(sweep, out, listener=display)
    click.echo(f"summary: {run.path / 'summary.json'}")
    if with_report:
        write_report(run.path, again=display.ran)
    try:
        for written in write_card(run, path):
            click.echo(f"card:    {written}")
    except InsufficientData as error:
        click.echo(f"impersona: {error}", err=True)
        sys.exit(FAILED_CELLS)
    if len(run.failures()):
        sys.exit(FAILED_CELLS)


def _refuse_foreign(path: Path, out: Path) -> None:
    """Nothing is written over but an earlier card."""
    beside = path.with_suffix(".json")
    if path.suffix != ".md":
        raise ConfigError(f"--card: got {path}; expected the Markdown file, such as card.md, beside which JSON stands")
    own = path.resolve().parent == out.resolve() and beside.name in OWN_FILES
    for there, begins in ((path, TITLE), (beside, f'{{\n  "schema": "{SCHEMA.partition("/")[0]}/')):
        if own or (there.exists() and not _begins(there, begins)):
            raise ConfigError(f"--card: {there} is there, or will be, and no model card; give another name")


def _begins(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes().startswith(text.encode())


def write_card(run: RunFolder, path: Path) -> tuple[Path, Path]:
    """Writes the model card of a run, each file in one step.

    Args:
        run: of a sweep that `bench.sweep.evaluation` made.
        path: of the Markdown file; the JSON file stands beside it.

    Returns:
        Both files.

    Raises:
        InsufficientData: no face was judged.
    """
    card = model_card(run)
    module, _, name = CARD_WRITER.partition(":")
    text: str = getattr(importlib.import_module(module), name)(card)
    beside = path.with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(beside, (json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())
    replace(path, text.encode())
    return path, beside
