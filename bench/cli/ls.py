"""`impersona ls`: which plugins there are, and which of them can be used on this machine."""

from __future__ import annotations

import json
import shutil
import textwrap

import click

from bench.api import KINDS
from bench.notebook import plugin_rows


@click.command()
@click.argument("kind", required=False, type=click.Choice(KINDS), metavar="[KIND]")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, for other programs.")
def ls(kind: str | None, as_json: bool) -> None:
    """List plugins: all, or those of one KIND.

    KIND is dataset, aligner, parser, recognizer, detector, generator, attack or executor.
    """
    rows = plugin_rows(kind)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo(f"no {kind} plugins yet")
        return
    width = max(len(row["name"]) for row in rows) + 2
    wide = max(60, shutil.get_terminal_size((120, 24)).columns)
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
