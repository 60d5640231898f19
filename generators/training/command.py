"""What `impersona train` and `python -m generators.training` do; the two read the command line in their own ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import ConfigError, TrainingDiverged
from generators.training.choice import find_trainable, preset_of, settings_in, settings_with, with_batch_size

DIVERGED = 1

OPTIONS: Mapping[str, tuple[type, str]] = {
    "seed": (int, "Of everything that is drawn."),
    "max_seconds": (float, "Stop after so many seconds of this call; the same command goes on."),
    "max_steps": (int, "Stop when the whole run has so many steps."),
    "max_images": (int, "Stop when the whole run has seen so many images."),
    "device": (str, "cpu, cuda or auto."),
    "devices": (int, "GPUs (or processes on the CPU); each sees a batch of its own."),
    "precision": (str, "32-true, or bf16-mixed on a GPU."),
    "threads": (int, "CPU threads; 0 for every core."),
    "tick_seconds": (float, "Between two lines of the log."),
    "tick_steps": (int, "Steps between two lines of the log instead."),
    "checkpoint_seconds": (float, "Between two checkpoints."),
    "sample_seconds": (float, "Between two sample grids; 0 for none."),
    "identity": (str, "Recognizer that knows who is shown: its name, or {name: ..., settings}."),
    "perceptual": (str, "Network of perceptual losses: dlib_resnet, or vgg19:PATH with your weights."),
    "start": (str, "Released weights that networks of the same names start with."),
    "release": (str, "Write the released weights to this file at the end."),
}
"""Option to its type and what it says; each is a field of `generators.training.options.Options`, with its default."""


def run_training(
    name: str, preset: str, data: str, out: str, sets: Sequence[str], batch_size: int | None,
    given: Mapping[str, Any], command: str, settings_file: str | None = None,
) -> int:  # fmt: skip
    """Trains what a command line asks for, and says how it goes on standard error.

    Args:
        name: of what is trained.
        preset: of its settings.
        data: the pack.
        out: the run's folder.
        sets: ``key=value`` texts that change settings.
        batch_size: faces a step; None for the preset's.
        given: options that were typed, by name; those that are None were not.
        command: what was typed, for the run card.
        settings_file: a file of settings, which `sets` may change further; None for none.

    Returns:
        The exit code: 0, or 1 for a run that diverged.

    Raises:
        ConfigError: an option out of range, another run in the folder, or something else that the user typed.
    """
    from generators.training.display import display_for
    from generators.training.loop import train

    full, trainable = find_trainable(name)
    said = settings_in(settings_file, trainable) if settings_file else {}
    settings = with_batch_size(settings_with(preset_of(trainable, preset), sets, said), batch_size)
    options = {key: value for key, value in given.items() if value is not None}
    if not Path(data).exists():
        raise ConfigError(f"--data: got {data}, which is not there; expected a pack (impersona pack --help)")
    display = display_for(f"{full} {preset}")
    try:
        train(
            trainable, settings, Path(data), Path(out), display=display, name=full, preset=preset,
            command=command, **options,
        )  # fmt: skip
    except ValueError as error:
        if not str(error).startswith(tuple(f"{option}: got" for option in OPTIONS)):
            raise
        option, _, rest = str(error).partition(":")
        raise ConfigError(f"--{option.replace('_', '-')}:{rest}") from error
    except TrainingDiverged as error:
        display.say(f"impersona: {error}")
        return DIVERGED
    finally:
        display.close()
    return 0
