"""`impersona train`: trains the networks of a plugin on a pack, and goes on where it stopped."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from typing import Any

import click

from generators.training.command import OPTIONS, run_training


def _options(command: Callable[..., int]) -> Callable[..., int]:
    for name, (kind, text) in reversed(list(OPTIONS.items())):
        command = click.option(f"--{name.replace('_', '-')}", type=kind, default=None, help=text)(command)
    return command


@click.command(short_help="Train a plugin's networks on a pack.")
@click.argument("name")
@click.option("--preset", required=True, help="Its settings: tiny, base or paper.")
@click.option("--data", required=True, type=click.Path(), help="The pack (impersona pack).")
@click.option("--out", required=True, type=click.Path(), help="The run's folder; holds everything that comes of it.")
@click.option("--settings", type=click.Path(), default=None, help="A YAML file of settings to change.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="A setting to change; may be repeated.")
@click.option("--batch-size", type=int, default=None, help="Faces a step, instead of the preset's.")
@_options
def train(
    name: str, preset: str, data: str, out: str, settings: str | None, sets: tuple[str, ...], batch_size: int | None,
    **given: Any,
) -> int:  # fmt: skip
    """Train the networks of the plugin NAME on a pack of faces.

    Where the folder OUT holds a checkpoint of this very run, training goes on from it; on a CPU the outcome is, bit for
    bit, that of a run that never stopped. Ctrl-C writes a checkpoint first. Ends with 0, with 1 where a loss was no
    number or grew out of all bounds, with 2 for a command line that cannot be followed.

    NAME is a plugin with a recipe; KIND/NAME where two kinds share a name. docs/training.md says more.
    """
    command = shlex.join(["impersona", *sys.argv[1:]])
    return run_training(name, preset, data, out, sets, batch_size, given, command, settings)
