"""`impersona audit`: whom faces could be taken for, and whom their generator remembers: a run folder and its report."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from bench.cli.check import given
from bench.cli.run import FAILED_CELLS, Display, write_report
from bench.config import PluginEntry
from bench.notebook import run as run_sweep
from bench.sweep.audit import FPIRS, audit_sweep, faces_given
from bench.sweep.evaluation import entry_given, group_given, recognizers_given


@click.command(short_help="Whom faces could be taken for, and whom their generator remembers.")
@click.argument("faces", metavar="FACES_OR_GENERATOR")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The run folder; continued if there.")
@click.option("--gallery", metavar="ENTRY", help="Who is enrolled: a data set's name or YAML mapping.")
@click.option("--train", metavar="ENTRY", help="Whom the generator learned from; with --holdout.")
@click.option("--holdout", metavar="ENTRY", help="Whom it did not learn from; the larger of the two is drawn from.")
@click.option("--pack", type=click.Path(path_type=Path), help="What the generator learned from: narrows --train down.")
@click.option("--strangers", metavar="ENTRY", help="Real people in no gallery [default: the people of --data].")
@click.option("--data", metavar="ENTRY", help="Whose photos a generator or attack takes; people in no gallery.")
@click.option("--calibrate", metavar="ENTRY", help="Whose comparisons 1:1 thresholds are set on.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the generator or data set.")
@click.option("--groups", multiple=True, metavar="COLUMN", help="Exposure of groups of the enrolled, by a column.")
@click.option("--face-groups", multiple=True, metavar="COLUMN", help="Figures of groups of faces: of who is in them.")
@click.option("--recognizers", metavar="A,B", help="Who judges: names, or a YAML list [default: dlib_resnet,lbp].")
@click.option("--count", type=click.IntRange(min=2), default=300, show_default=True, help="How many faces are made.")
@click.option("--fpir", multiple=True, type=float, metavar="RATE", help=f"Rates of the thresholds [default: {FPIRS}].")
@click.option("--seed", type=int, default=0, show_default=True, help="Everything drawn is drawn from it.")
@click.option("--report/--no-report", "with_report", default=True, help="Write report.html too [default: yes].")
def audit(
    faces: str,
    out: Path,
    gallery: str | None,
    train: str | None,
    holdout: str | None,
    pack: Path | None,
    strangers: str | None,
    data: str | None,
    calibrate: str | None,
    settings: tuple[str, ...],
    groups: tuple[str, ...],
    face_groups: tuple[str, ...],
    recognizers: str | None,
    count: int,
    fpir: tuple[float, ...],
    seed: int,
    with_report: bool,
) -> None:
    """Audit FACES_OR_GENERATOR: a folder of pictures, a file of embeddings, a generator, an attack or a data set.

    With --gallery: how often somebody enrolled is found for a face, who, and how that grows with the gallery. With
    --train and --holdout: whether faces come nearer to whom the generator learned from than to as many people whom it
    did not. Thresholds are set on real strangers, for the size of the gallery.

    Ends with 0 if every recognizer had an answer, 1 if some failed, 2 if nothing could be asked.
    """
    sweep = audit_sweep(
        faces_given(faces),
        settings=given(settings),
        data=_entry(data, "--data"),
        gallery=_entry(gallery, "--gallery"),
        train=_entry(train, "--train"),
        holdout=_entry(holdout, "--holdout"),
        pack=pack,
        strangers=_entry(strangers, "--strangers"),
        calibrate=_entry(calibrate, "--calibrate"),
        groups=[group_given(text, "--groups") for text in groups],
        face_groups=[group_given(text, "--face-groups") for text in face_groups],
        recognizers=recognizers_given(recognizers) if recognizers else (),
        count=count,
        fpir=fpir or FPIRS,
        seed=seed,
    )
    with Display(Console(stderr=True, soft_wrap=True)) as display:
        folder = run_sweep(sweep, out, listener=display)
    click.echo(f"summary: {folder.path / 'summary.json'}")
    if with_report:
        write_report(folder.path, again=display.ran)
    if len(folder.failures()):
        sys.exit(FAILED_CELLS)


def _entry(text: str | None, option: str) -> PluginEntry | None:
    return None if text is None else entry_given(text, option)
