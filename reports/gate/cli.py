"""`impersona compare` and `impersona baseline`."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import click

from bench.errors import ConfigError
from reports import numbers

FAILED_RULES = 1
_NARROWEST, _WIDEST = 80, 140
_FILE = click.Path(path_type=Path, dir_okay=False)
_MATCH = re.compile(r'(?:"([^"]+)"|([^="]+))=(?:"([^"]+)"|([^="]+))')


@click.command(short_help="Compare two runs by rules: did anything get worse?")
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--fail-on", "rules", multiple=True, metavar="RULE", help="Such as bscer@macer5:+2pp; may be repeated.")
@click.option("--match", "matches", multiple=True, metavar="OLD=NEW", help="What BASE calls OLD is NEW's NEW.")
@click.option("--strict", is_flag=True, help="Fail, too, where the data cannot tell.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write JUnit XML.")
@click.option("--markdown", type=_FILE, metavar="FILE", help="Write Markdown.")
@click.option("--github", is_flag=True, help="Annotate a GitHub Actions run, and add to its summary.")
def compare(
    base: Path,
    new: Path,
    rules: tuple[str, ...],
    matches: tuple[str, ...],
    strict: bool,
    junit: Path | None,
    markdown: Path | None,
    github: bool,
) -> None:
    """Compare NEW with BASE; each is a run folder or a baseline file.

    A RULE is FIGURE[@POINT][key=value,...]:TOLERANCE, such as eer:+10% or tmr@fmr=0.001:-1pp. It fails if the figure
    got worse by more than its tolerance and the interval of the difference, corrected for the number of rules, excludes
    zero. Ends with 0 if no rule failed, 1 if one did, 2 if the runs cannot be compared. docs/gate.md says more.
    """
    from bench.store.blobs import replace
    from reports.gate.comparison import compare as compared
    from reports.gate.github import append_summary

    comparison = compared(base, new, rules, match=_pairs(matches), strict=strict)
    click.echo(comparison.to_text(_width()), nl=False)
    for path, text in ((junit, comparison.to_junit), (markdown, comparison.to_markdown)):
        if path is not None:
            _written(path, text().encode(), replace)
    if github:
        click.echo(comparison.to_github(), nl=False)
        append_summary(comparison)
    if not comparison.passed:
        sys.exit(FAILED_RULES)


def _written(path: Path, data: bytes, replace: Callable[[Path, bytes], None]) -> None:
    if not path.is_symlink() and (path.is_file() or not path.exists()):
        replace(path, data)
        return
    try:
        path.write_bytes(data)  # /dev/stdout, a pipe: something that takes bytes and must stay
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _pairs(matches: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in matches:
        parts = _MATCH.fullmatch(text)
        if parts is None:
            raise ConfigError(
                f"--match: got {text!r}; expected OLD=NEW, such as --match dlib_resnet=dlib_resnet-2, and quotes "
                """around a name that holds an equals sign: --match '"collage weight=0.3"="collage weight=0.4"'"""
            )
        old, new = parts[1] or parts[2], parts[3] or parts[4]
        if old in found:
            raise ConfigError(f"--match: got {old!r} twice; expected one new label for each")
        found[old] = new
    return found


def _width() -> int:
    """Of the terminal, within what is readable; 100 where there is none."""
    return min(max(shutil.get_terminal_size((100, 24)).columns, _NARROWEST), _WIDEST)


@click.group(short_help="Save a run as a small file to compare with, or show one.")
def baseline() -> None:
    """Baselines: small text files, meant to be committed, with which `impersona compare` compares later runs."""


@baseline.command(short_help="Save what a run says as a baseline.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=_FILE, metavar="FILE", help="The file [default: NAME.baseline.json].")
@click.option(
    "--figure", "figures", multiple=True, metavar="PATTERN",
    help="Which figures, as in a rule: tmr@fmr=0.001[recognizer=lbp]; '*' for all [default: the headline figures].",
)  # fmt: skip
@click.option("--replace", is_flag=True, help="Write over a file that says something else.")
def save(run: Path, out: Path | None, figures: tuple[str, ...], replace: bool) -> None:
    """Save the figures of the run folder RUN, with their bootstrap draws, in one small text file."""
    from reports.gate.baseline import baseline_text, write_baseline
    from reports.gate.rules import parse_pattern
    from reports.gate.runs import read_run

    standing = read_run(run)
    text = baseline_text(standing, [parse_pattern(figure) for figure in figures])
    path = out or Path(f"{standing.name or 'run'}.baseline.json")
    new = write_baseline(text, path, replace)
    size = len(text.encode())
    figures_held = sum(line.startswith('{"figure"') for line in text.splitlines())
    said = "" if new else " (stood there already, the same)"
    held = f"{numbers.plural(figures_held, 'figure')} of {numbers.plural(len(standing.cells), 'cell')}"
    click.echo(f"{path}: {held}, {size / 1000:.0f} kB{said}")


@baseline.command(short_help="Show what a baseline says.")
@click.argument("file", type=click.Path(path_type=Path))
def show(file: Path) -> None:
    """Show the figures of the baseline FILE, and what they rest on."""
    from reports.gate.baseline_reader import read_baseline
    from reports.gate.shown import baseline_shown

    click.echo(baseline_shown(read_baseline(file)), nl=False)
