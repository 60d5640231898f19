"""`impersona run`: a sweep file in, a run folder and its report out."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from bench.api import Cell, Failure, Outcome, Success
from bench.errors import ImpersonaError
from bench.metrics.vulnerability import contributor_name
from bench.notebook import load_executor, read_sweep
from bench.notebook import run as run_sweep
from bench.store.run_folder import RunFolder
from bench.sweep.axes import in_words
from bench.sweep.plan import Plan, plan
from bench.sweep.runner import Listener, Resume
from bench.wiring import REPORT_WRITER

FAILED_CELLS = 1
HEADLINE = (
    "equal_error_rate", "fold_accuracy", "best_accuracy", "true_match_rate", "detection_identification_rate",
    "both_match_rate", "clean_both_match_rate", "prodavg_morph_match_rate", "detection_equal_error_rate",
    "worst_attack_error_rate", "found_rate", "landmark_error_mean", "impersonation_rate", "excess_leakage",
)  # fmt: skip
HEADLINE_OF_ONE = ("contributor_match_rate", "clean_contributor_match_rate")


@click.command(short_help="Run a sweep: a YAML file in, a run folder and its report out.")
@click.argument("sweep", required=False, type=click.Path(path_type=Path), metavar="[SWEEP.yaml]")
@click.option("--out", type=click.Path(path_type=Path), help="The run folder [default: runs/NAME]; continued if there.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a field: dataset.people=10.")
@click.option(
    "--resume",
    type=click.Choice(get_args(Resume)),
    default="failed",
    show_default=True,
    help="Which cells run: those without an outcome (missing); those and the failed ones; all, over what is stored; "
    "none: figures and report are made again from what is stored.",
)
@click.option("--executor", metavar="NAME", help="What runs the cells: inline, processes [default: inline].")
@click.option(
    "--jobs", type=int, metavar="N", help="How many cells run at once, each in its own process; 0: one a core, up to 8."
)
@click.option("--dry-run", is_flag=True, help="Check everything, print the cells and stop.")
@click.option("--report/--no-report", "with_report", default=True, help="Write report.html at the end [default: yes].")
def run(
    sweep: Path | None,
    out: Path | None,
    overrides: tuple[str, ...],
    resume: Resume,
    executor: str | None,
    jobs: int | None,
    dry_run: bool,
    with_report: bool,
) -> None:
    """Run a sweep; without SWEEP.yaml, the first one, on drawn people, which needs no data.

    Ends with 0 if every cell succeeded, 1 if some failed, 2 if the sweep cannot be run.
    """
    chosen = read_sweep(sweep, overrides)
    console = Console(stderr=True, soft_wrap=True)
    if dry_run:
        load_executor(executor, jobs)
        _print_plan(plan(chosen))
        return
    before = _reported(out or Path("runs") / chosen.name)
    with Display(console) as display:
        folder = run_sweep(chosen, out, listener=display, executor=executor, jobs=jobs, resume=resume)
    click.echo(f"summary: {folder.path / 'summary.json'}")
    if with_report:
        write_report(folder.path, again=display.ran or resume == "none" or _reported(folder.path) != before)
    if len(folder.failures()):
        sys.exit(FAILED_CELLS)


def write_report(run: Path, again: bool) -> None:
    """Writes the report, unless nothing has changed since one was written: it comes last, and in one step.

    Args:
        run: the run folder.
        again: whether anything has changed.
    """
    path = run / "report.html"
    if not again and path.is_file():
        click.echo(f"report:  {path} (as it was; impersona report {run} writes it anew)")
        return
    path.unlink(missing_ok=True)  # if this is killed, the next run must not take an old one for its own
    module, _, name = REPORT_WRITER.partition(":")
    started = time.monotonic()
    path = getattr(importlib.import_module(module), name)(run)
    click.echo(f"report:  {path} ({time.monotonic() - started:.1f} s)")


def _reported(run: Path) -> tuple[list[str], bytes] | None:
    """What a run's report rests on: its cells and figures; None where there is no finished run."""
    try:
        return RunFolder(run).cell_keys(), (run / "summary.json").read_bytes()
    except (ImpersonaError, OSError):
        return None


def _print_plan(planned: Plan) -> None:
    click.echo(_totals(planned))
    for cell in planned.cells:
        click.echo(f"  {cell.key[:12]}  {_title(cell)}")


def _totals(planned: Plan) -> str:
    parts = ((len(planned.cells), "cell"), (planned.frames, "frame"), (planned.trials, "trial"))
    return f"{planned.sweep.name}: " + ", ".join(_plural(count, noun) for count, noun in parts)


def _title(cell: Cell) -> str:
    labels = cell.labels
    settings = ", ".join(f"{key}={in_words(value)}" for key, value in labels["settings"].items())
    title = f"{labels['dataset']}/{labels['protocol']}  {_who(cell)}"
    return title + (f"  ({settings})" if settings else "")


def _who(cell: Cell) -> str:
    """Who is judged: the recognizer and who made the faces that it sees, the detector, or the aligner."""
    if cell.labels["recognizer"] is None:
        return str(cell.labels.get("detector") or cell.labels["settings"]["aligner"])
    maker = cell.labels.get("generator") or cell.labels.get("attack")
    return f"{cell.labels['recognizer']} on {maker}" if maker else str(cell.labels["recognizer"])


class Display(Listener):
    """Progress bars on a terminal, plain lines elsewhere; one line a cell in either."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._cells = self._bars.add_task("cells", total=None)
        self._parts: dict[str, tuple[TaskID, str]] = {}
        self.ran = False
        """Whether any cell came to its end."""

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def planned(self, plan: Plan, stored: int) -> None:
        """See `Listener`."""
        again = f", {stored} stored already" if stored else ""
        self._line(f"{_totals(plan)}{again}")
        self._bars.update(self._cells, total=len(plan.cells), completed=stored)

    def started(self, cell: Cell) -> None:
        """See `Listener`."""
        self._parts[cell.key] = (self._bars.add_task(f"  {escape(_who(cell))}", total=None), "")

    def progress(self, cell: Cell, what: str, done: int, total: int) -> None:
        """See `Listener`."""
        task, before = self._parts[cell.key]
        if what != before:
            self._bars.reset(task, total=total, description=f"  {escape(_who(cell))}: {what}")
            self._parts[cell.key] = (task, what)
        self._bars.update(task, completed=done, total=total)

    def ended(self, cell: Cell, outcome: Outcome) -> None:
        """See `Listener`."""
        self.ran = True
        self._bars.advance(self._cells)
        if cell.key in self._parts:
            self._bars.remove_task(self._parts.pop(cell.key)[0])
        if isinstance(outcome, Failure):
            self._line(f"[red]failed[/red] {escape(_title(cell))}: {outcome.error}: {escape(outcome.message)}")
        elif isinstance(outcome, Success):
            counts = outcome.counts
            self._line(f"[green]done[/green]   {escape(_title(cell))}: {outcome.seconds:.1f} s")
            self._line(f"         {_headline(outcome)}")
            if "embeddings_computed" not in counts:
                return
            self._line(
                f"         {counts['embeddings_computed']} embeddings computed, {counts['embeddings_from_cache']} from "
                f"the cache; {counts['frames_not_acquired']} of {counts['frames']} photos not acquired"
            )

    def _line(self, text: str) -> None:
        self._console.print(text, highlight=False)


def _headline(outcome: Success) -> str:
    parts = _figures_in_words(outcome, HEADLINE, None)
    # Faces of one person are matched by nobody else: their figures are that person's alone.
    parts = parts or _figures_in_words(outcome, HEADLINE_OF_ONE, contributor_name(1))
    if parts:
        return ", ".join(parts)
    if "presentations" in outcome.counts:
        silent = outcome.counts["presentations_without_response"]
        return f"[yellow]nothing to measure[/yellow]: {silent} of {outcome.counts['presentations']} without a response"
    if "faces" in outcome.counts:
        return f"[yellow]nothing to measure[/yellow]: {outcome.counts['faces_not_acquired']} faces not acquired"
    return "[yellow]nothing to measure[/yellow]: " + ", ".join(
        f"{outcome.counts[f'{kind}_acquired']} {kind} comparisons" for kind in ("mated", "nonmated")
    )


def _figures_in_words(outcome: Success, names: Sequence[str], group: str | None) -> list[str]:
    parts = []
    for figure in names:
        # Of several operating points, the strictest that the trials support.
        whole = [r for r in outcome.figures if r["figure"] == figure and r["group"] == group]
        # Of a figure for each species and for all of them, that for all: the worst, or all together.
        whole = [r for r in whole if not r.get("species")] or whole
        # In a gallery a threshold for its size says more than one for single comparisons.
        whole = [r for r in whole if (r["operating_point"] or "").startswith("fpir=")] or whole
        found = [r for r in whole if r["value"] is not None]
        if found:
            point = f" at {found[-1]['operating_point']}" if found[-1]["operating_point"] else ""
            weak = " (weak)" if found[-1]["support"] == "weak" else ""
            parts.append(f"{figure.replace('_', ' ')}{point} {found[-1]['value']:.4f}{weak}")
    return parts


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
