"""The command `impersona`: finds the subcommand, imports nothing else; an error is one line and exit code 2."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from bench.doctor import refuse_shadowed_packages
from bench.errors import ImpersonaError
from bench.sweep.remedies import machine_failure
from bench.version import __version__
from bench.wiring import CLI_COMMANDS

BAD_USAGE = 2
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of the table."""
        return list(CLI_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, or None, upon which click says which names there are."""
        if cmd_name not in CLI_COMMANDS:
            return None
        module, _, name = CLI_COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="impersona")
def cli() -> None:
    """Robustness and privacy of face recognition, measured."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits: 0 clean, 1 with failed cells, 2 bad usage, 130 interrupted.

    Args:
        arguments: what stands after ``impersona``; by default those of this process.
    """
    try:
        refuse_shadowed_packages()
        sys.exit(cli.main(args=None if arguments is None else list(arguments), standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(BAD_USAGE)
    except ImpersonaError as error:
        _say(str(error))
        sys.exit(BAD_USAGE)
    except (OSError, MemoryError) as error:
        if isinstance(error, OSError) and error.filename is None:
            raise
        _say(machine_failure(error))
        sys.exit(BAD_USAGE)
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted; what was computed is stored, and the same command goes on from there")
        sys.exit(INTERRUPTED)


def _say(message: str) -> None:
    click.echo(f"impersona: {message}", err=True)
