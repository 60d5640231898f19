"""`impersona export`: the scores of a run in another tool's files."""

from __future__ import annotations

from pathlib import Path

import click

from bench.exchange import FORMATS, write_scores


@click.command(name="export", short_help="The scores of a run in another tool's files.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "form", required=True, type=click.Choice(list(FORMATS)), help="The format.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The folder [default: RUN/export/FORMAT].")
@click.option("--cell", metavar="KEY", help="Which cell: the start of its key.")
@click.option("--system", metavar="LABEL", help="Which recognizer or detector, by its label.")
@click.option("--distance", is_flag=True, help="Write distances: every score is negated.")
def export_scores(run: Path, form: str, out: Path | None, cell: str | None, system: str | None, distance: bool) -> None:
    """Write the scores of one cell of RUN, of a sweep or imported, as files of another tool.

    Scores are written as the shortest decimals that read back as the same float32. What a format cannot hold is said.
    """
    from bench.store.blobs import replace
    from bench.store.run_folder import RunFolder
    from bench.sweep.exported import exported_scores

    folder = RunFolder.open(run)
    scores = exported_scores(folder, cell, system)
    written = write_scores(form, scores, distance)
    target = out or folder.path / "export" / form
    target.mkdir(parents=True, exist_ok=True)
    for name, data in written.files.items():
        replace(target / name, data)
        click.echo(target / name)
    for note in written.notes:
        click.echo(f"note: {note}", err=True)
