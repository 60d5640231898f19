"""`impersona import`: scores from another tool's files in, a run folder out."""

from __future__ import annotations

from pathlib import Path

import click

from bench.errors import ConfigError
from bench.exchange import FORMATS, ComparisonScores, read_scores
from bench.metrics import DEFAULT_FMRS
from bench.provenance import file_digest

_FORMS = "; ".join(f"{name}: {form.summary}" for name, form in FORMATS.items())


@click.command(name="import", short_help="Scores from another tool's files into a run folder.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE [FILE2]")
@click.option("--format", "form", required=True, type=click.Choice(list(FORMATS)), help=_FORMS + ".")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The run folder; added to if it is there.")
@click.option("--name", metavar="DATASET", help="The data set's name [default: imported].", default="imported")
@click.option("--system", metavar="LABEL", help="What the figures call whoever scored [default: FILE's name].")
@click.option("--protocol", default="imported", show_default=True, help="Who is compared with whom, in a word.")
@click.option("--fmr", type=float, multiple=True, metavar="RATE", help="False match rates [default: 0.01, 1e-3, 1e-4].")
@click.option("--rate", type=float, multiple=True, metavar="RATE", help="Error rates of detectors [0.1, 0.05, 0.01].")
@click.option("--draws", type=int, default=1000, show_default=True, help="Bootstrap draws of people; 0 for none.")
@click.option("--seed", type=int, default=0, show_default=True, help="What the draws follow from.")
@click.option("--distance", is_flag=True, help="Lower is more alike, or more likely an attack: every score is negated.")
@click.option("--subjects", metavar="REGEX", help="Finds people in names: each group of it is one, as in '^([^/]+)/'.")
@click.option("--species", metavar="NAME", help="What attacks are called where the file has no column for it.")
@click.option("--histogram", is_flag=True, help="pyeer: the impostor file is a histogram.")
@click.option("--replace", is_flag=True, help="Other scores of the same system in RUN give way.")
def import_scores(
    files: tuple[Path, ...],
    form: str,
    out: Path,
    name: str,
    system: str | None,
    protocol: str,
    fmr: tuple[float, ...],
    rate: tuple[float, ...],
    draws: int,
    seed: int,
    distance: bool,
    subjects: str | None,
    species: str | None,
    histogram: bool,
    replace: bool,
) -> None:
    """Put another tool's scores into a run folder, with the figures, intervals and draws of a sweep's own.

    impersona report and impersona compare take the folder as any other. Import a second system with the same --out,
    and both are compared on the same people. docs/interchange.md describes the formats.
    """
    from bench.config import Detection
    from bench.sweep.imported import Import, import_scores

    scores = read_scores(form, *files, distance=distance, subjects=subjects, species=species, histogram=histogram)
    if fmr and not isinstance(scores, ComparisonScores):
        raise ConfigError(f"--fmr is of comparisons, and format {form} holds a detector's scores; give --rate")
    if rate and isinstance(scores, ComparisonScores):
        raise ConfigError(f"--rate is of detectors, and format {form} holds comparisons; give --fmr")
    how = Import(
        name=name,
        system=system or files[0].stem,
        protocol=protocol,
        fmr=fmr or DEFAULT_FMRS,
        rates=rate or Detection().rates,
        draws=draws,
        seed=seed,
        source={"format": form, "distance": distance, "files": {file.name: file_digest(file) for file in files}},
        replace=replace,
    )
    folder = import_scores(scores, out, how)
    click.echo(_counts(scores))
    for warning in scores.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"summary: {folder.path / 'summary.json'}")
    click.echo(f"report:  impersona report {folder.path}")


def _counts(scores: object) -> str:
    import numpy as np

    from bench.exchange import PresentationScores

    if isinstance(scores, ComparisonScores):
        mated, lost = int(scores.mated.sum()), int(np.isnan(scores.scores).sum())
        people = f"of {len(scores.people[0]):,} people" if scores.named else "of nobody named"
        return (
            f"{len(scores):,} comparisons {people}: {mated:,} mated, {len(scores) - mated:,} nonmated, {lost:,} "
            "without a score"
        )
    assert isinstance(scores, PresentationScores)
    attacks, lost = int(scores.attack.sum()), int(np.isnan(scores.scores).sum())
    people = f"of {len(scores.names):,} people" if scores.named else "of nobody named"
    kinds = ", ".join(map(str, scores.species.categories)) or "none"
    return (
        f"{len(scores):,} samples {people}: {len(scores) - attacks:,} bona fide, {attacks:,} attacks ({kinds}), "
        f"{lost:,} without a score"
    )
