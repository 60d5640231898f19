"""`impersona describe`: the networks of a plugin, their layers and parameter counts, without training anything."""

from __future__ import annotations

import json

import click

from generators.training.choice import find_trainable


@click.command(short_help="Show a plugin's networks and their sizes.")
@click.argument("name")
@click.option("--preset", required=True, help="Its settings: tiny, base or paper.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with every layer, for other programs.")
def describe(name: str, preset: str, as_json: bool) -> None:
    """Show what the plugin NAME is made of: networks, parameter counts, image side, conditions.

    Nothing is trained and no weights are read or drawn. NAME is a plugin with a recipe; KIND/NAME where two kinds share
    a name.
    """
    from generators.training.description import as_text, description_of

    full, trainable = find_trainable(name)
    found = description_of(full, trainable, preset)
    click.echo(json.dumps(found, indent=2) if as_json else as_text(found))
