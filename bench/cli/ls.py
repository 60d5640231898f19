"""`impersona ls`: which plugins there are, and which of them can be used on this machine."""

from __future__ import annotations

import json
import shutil
import textwrap

import click

from bench.api import KINDS, Kind
from bench.notebook import plugin_rows, settings_of
from bench.registry import registry


@click.command(short_help="List plugins, or the settings of one.")
@click.argument("kind", required=False, type=click.Choice(KINDS), metavar="[KIND]")
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, for other programs.")
def ls(kind: Kind | None, name: str | None, as_json: bool) -> None:
    """List plugins: all, those of one KIND, or the settings of the one called NAME.

    KIND is dataset, aligner, parser, recognizer, detector, generator, attack or executor.
    """
    if kind and name:
        _settings(kind, name, as_json)
        return
    rows = plugin_rows(kind)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo(f"no {kind} plugins yet")
        return
    width = max(len(row["name"]) for row in rows) + 2
    wide = _width()
    for current in dict.fromkeys(row["kind"] for row in rows):
        click.secho(current, bold=True)
        for row in (row for row in rows if row["kind"] == current):
            ready = not row["missing"]
            mark = click.style("✓" if ready else "✗", fg="green" if ready else "yellow")
            click.echo(f"  {mark} {row['name']:<{width}}{row['summary']}")
            details = [f"source: {row['source']}", f"licence: {row['licence']}"]
            for line in details if ready else [*details, f"missing: {row['missing']}"]:
                indent = " " * (width + 4)
                click.secho(textwrap.fill(line, wide, initial_indent=indent, subsequent_indent=indent + "  "), dim=True)
    for problem in registry().problems:
        click.secho(textwrap.fill(f"✗ {problem}", wide, subsequent_indent="    "), fg="yellow")


def _settings(kind: Kind, name: str, as_json: bool) -> None:
    rows = settings_of(kind, name)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    click.secho(f"{kind} {name}", bold=True)
    if not rows:
        click.echo("  has no settings")
    for row in rows:
        default = f" = {row['default']}" if row["default"] else "  (must be given)"
        click.echo(f"  {click.style(row['name'], bold=True)}: {row['type']}{default}")
        if row["meaning"]:
            click.echo(textwrap.fill(row["meaning"], _width(), initial_indent=" " * 6, subsequent_indent=" " * 6))


def _width() -> int:
    return max(60, shutil.get_terminal_size((120, 24)).columns)
