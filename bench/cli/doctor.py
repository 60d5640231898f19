"""`impersona doctor`: what this machine has, what it lacks, and the commands that mend it."""

from __future__ import annotations

import dataclasses
import json
import sys

import click

from bench.doctor import Level, examine

MARKS: dict[Level, tuple[str, str]] = {"ok": ("✓", "green"), "note": ("•", "yellow"), "problem": ("✗", "red")}


@click.command(short_help="Examine this installation and machine.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, for other programs.")
def doctor(as_json: bool) -> None:
    """Examine this installation and machine; ends with 1 if something needs mending."""
    findings = examine()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            mark, colour = MARKS[finding.level]
            click.echo(f"{click.style(mark, fg=colour)} {click.style(f'{finding.topic:<12}', bold=True)}{finding.text}")
            for command in finding.remedy:
                click.echo(f"{'':<14}{command}")
    if any(finding.level == "problem" for finding in findings):
        sys.exit(1)
