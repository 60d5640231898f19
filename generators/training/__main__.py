"""`python -m generators.training`: what `impersona train` does, on machines that lack its command line's libraries."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from bench.errors import ImpersonaError
from generators.training.command import OPTIONS, run_training

BAD_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line and trains; returns the exit code.

    Args:
        arguments: what stands after the module's name; by default those of this process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m generators.training",
        description="Train the networks of a plugin on a pack of faces.",
    )
    parser.add_argument("name", help="a plugin with a recipe, or KIND/NAME")
    parser.add_argument("--preset", required=True, help="its settings: tiny, base or paper")
    parser.add_argument("--data", required=True, help="the pack")
    parser.add_argument("--out", required=True, help="the run's folder")
    parser.add_argument("--settings", help="a YAML file of settings to change")
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE", help="another setting")
    parser.add_argument("--batch-size", type=int, help="faces a step, instead of the preset's")
    for name, (kind, text) in OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, help=text)
    typed = parser.parse_args(arguments)
    given = {name: getattr(typed, name) for name in OPTIONS}
    command = shlex.join(["python", "-m", "generators.training", *(sys.argv[1:] if arguments is None else arguments)])
    try:
        return run_training(
            typed.name,
            typed.preset,
            typed.data,
            typed.out,
            typed.sets,
            typed.batch_size,
            given,
            command,
            typed.settings,
        )
    except (ImpersonaError, OSError) as error:  # of the disk, such as a full one
        print(f"impersona: {error}", file=sys.stderr)
        return BAD_USAGE


if __name__ == "__main__":
    sys.exit(main())
