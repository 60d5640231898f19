"""`impersona check`: whether a plugin keeps the promises of bench/api.py."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import yaml

from bench.api import KINDS, Kind
from bench.errors import ConfigError
from bench.notebook import check as check_plugin
from bench.registry import registry

if TYPE_CHECKING:
    from bench.conformance import Finding

MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("•", "yellow")}


@click.command(short_help="Check that a plugin keeps its promises.")
@click.argument("kind", type=click.Choice(KINDS), metavar="KIND")
@click.argument("name")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the plugin; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, for other programs.")
def check(kind: Kind, name: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Check that the plugin NAME keeps every promise of its protocol in bench/api.py.

    It is loaded as a sweep loads it and shown drawn people. ✓ is a promise kept, ✗ one broken, • one that could not be
    asked here. Ends with 0 if none is broken, 1 if one is, 2 if nothing could be asked.

    KIND is dataset, aligner, parser, recognizer, detector, generator, attack or executor.
    """
    found = check_plugin(kind, name, **given(settings))
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in found], indent=2, ensure_ascii=False))
    else:
        _print(kind, name, found)
    if any(finding.kept is False for finding in found):
        sys.exit(1)


def given(settings: Sequence[str], option: str = "--set", example: str = "batch_size=8") -> dict[str, Any]:
    """Settings from ``key=value`` texts, the values as YAML.

    Args:
        settings: the texts.
        option: under which they were given, for errors.
        example: what it takes, likewise.

    Raises:
        ConfigError: one is something else, or a key stands twice.
    """
    found: dict[str, Any] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise ConfigError(f"{option} got {text!r}, expected key=value, such as {option} {example}")
        if key in found:
            raise ConfigError(f"{option} got {key!r} twice; expected each setting once")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"{option} {key}: {value!r} is not a YAML value ({error})") from error
    return found


def _print(kind: Kind, name: str, found: Sequence[Finding]) -> None:
    click.secho(f"{kind} {name} ({registry().find(kind, name).target})", bold=True)
    wide = max(60, shutil.get_terminal_size((120, 24)).columns)
    width = max(len(finding.line) for finding in found) + 2
    for finding in found:
        mark, colour = MARKS[finding.kept]
        click.echo(f"  {click.style(mark, fg=colour)} {finding.line:<{width}}{finding.promise}")
        if finding.message:
            indent = " " * 6
            text = textwrap.fill(finding.message, wide, initial_indent=indent, subsequent_indent=indent)
            click.secho(text, dim=finding.kept is None)
    counts = {state: sum(finding.kept is state for finding in found) for state in MARKS}
    parts = [f"{counts[True]} promises kept", f"{counts[False]} broken"]
    parts += [f"{counts[None]} not asked"] if counts[None] else []
    click.echo(f"{', '.join(parts)}" + ("; docs/plugins.md says what they mean" if counts[False] else ""))
