"""`impersona calibrate`: thresholds for every recognizer of a sweep, each with a manifest of what it was set on."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bench.notebook import calibrate as calibrate_sweep
from bench.notebook import read_sweep
from bench.store.thresholds import ThresholdPoint, Thresholds

HEADINGS = ("FMR asked", "threshold", "FMR achieved", "95 %", "FNMR there", "95 %", "support")


@click.command(short_help="Set thresholds on some people, to be used on others.")
@click.argument("sweep", type=click.Path(path_type=Path), metavar="SWEEP.yaml")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="thresholds",
    show_default=True,
    help="The folder of the manifests.",
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a field: dataset.split=eval.")
@click.option("--fmr", type=float, multiple=True, metavar="RATE", help="False match rates [default: the sweep's].")
@click.option("--replace", is_flag=True, help="Write over manifests that say something else.")
def calibrate(sweep: Path, out: Path, overrides: tuple[str, ...], fmr: tuple[float, ...], replace: bool) -> None:
    """Set thresholds for every recognizer and aligner of a sweep.

    Each gets a manifest, OUT/RECOGNIZER_ALIGNER.json, that says on whom it was set and with what. A later sweep takes
    it with calibrate: {thresholds: OUT} and refuses it for anything else. The people are those that the sweep's
    calibrate names, by default those of split dev of its data set.
    """
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        part = bars.add_task("", total=None, visible=False)

        def progress(what: str, done: int, total: int) -> None:
            bars.update(part, description=what, completed=done, total=total, visible=done < total)

        calibrate_sweep(
            read_sweep(sweep, overrides),
            out,
            fmr=fmr or None,
            replace=replace,
            written=_print_manifest,
            progress=progress,
        )


def _print_manifest(path: Path, thresholds: Thresholds, new: bool) -> None:
    data = thresholds.dataset
    mated, nonmated = data.mated - data.mated_not_acquired, data.nonmated - data.nonmated_not_acquired
    part = f" (split {data.split})" if data.split else ""
    click.echo(f"{path}{'' if new else ' (stood there already)'}")
    click.echo(
        f"  {data.people:,} people of {data.name}/{data.protocol}{part}: {mated:,} mated and {nonmated:,} nonmated "
        f"comparisons, {data.mated_not_acquired + data.nonmated_not_acquired:,} more not acquired"
    )
    rows = [HEADINGS, *(_row(point) for point in thresholds.points)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        click.echo("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _row(point: ThresholdPoint) -> tuple[str, ...]:
    support: str = point.support
    if support == "insufficient":
        support += f": it takes {point.needed_nonmated:,} nonmated comparisons"
    elif support == "weak":
        support += f": {point.allowed_false_matches} false matches allowed, of 30"
    return (
        f"{point.requested_fmr:g}",
        "-" if point.threshold is None else f"{point.threshold:.6f}",
        _rate(point.false_match_rate),
        _interval(point.false_match_rate_interval),
        _rate(point.false_non_match_rate),
        _interval(point.false_non_match_rate_interval),
        support,
    )


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _interval(ends: tuple[float, float] | None) -> str:
    return "-" if ends is None else f"{ends[0]:.2g} to {ends[1]:.2g}"
