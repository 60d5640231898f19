"""`impersona report`: a run folder in, report.html out."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Write a run's report.html, figures and tables.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--show-faces", is_flag=True, help="Put faces into the page and beside it, real people's too.")
@click.option(
    "--profile",
    type=click.Choice(["morph", "presentation", "forgery"]),
    help="Words for detectors' errors: MACER and BSCER, APCER and BPCER, or neutral ones [default: the detector's].",
)
@click.option("--open/--no-open", "then_open", default=False, help="Open the page in a browser [default: no].")
def report(run: Path, show_faces: bool, profile: str | None, then_open: bool) -> None:
    """Write RUN/report.html, RUN/figures and RUN/tables from the results in the folder RUN."""
    from reports.document import write_report

    path = write_report(run, show_faces=show_faces, profile=profile)
    click.echo(path)
    if then_open:
        click.launch(str(path))
