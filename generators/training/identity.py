"""Which run a folder holds: what must be the same for a checkpoint to be gone on from."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import ConfigError


def identity_of(
    name: str, settings: Any, batch_size: int, seed: int, data: str, processes: int, teachers: Mapping[str, Any]
) -> dict[str, Any]:
    """What identifies a run, as plain values.

    Args:
        name: of what is trained.
        settings: a frozen dataclass of plain values.
        batch_size: faces a step and process.
        seed: of everything that is drawn.
        data: digest of the data.
        processes: that each see batches of their own.
        teachers: ``identity_encoder`` and ``perceptual``, where they are others than without a word; ``start``, the
            digest of the weights that it began with, where there were some; and ``labels``, that of the attributes as
            they are learned, where they are.
    """
    return {
        "name": name,
        "settings": json.loads(json.dumps(dataclasses.asdict(settings), allow_nan=False)),
        "batch_size": batch_size,
        "seed": seed,
        "data": data,
        "processes": processes,
        **json.loads(json.dumps(dict(teachers), allow_nan=False)),
    }


def refuse_another(out: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Nothing, if the two are one run.

    Args:
        out: the run's folder.
        there: what its checkpoint says.
        here: what is asked for.

    Raises:
        ConfigError: they differ; says in what, and what to type.
    """
    theirs, ours = _flat(there), _flat(here)
    # A setting that an older checkpoint does not know of yet had the value that does nothing.
    quiet = {name: value for name, value in ours.items() if name.startswith("settings.") and not value}
    theirs = {**quiet, **theirs}
    differences = [name for name in sorted({*theirs, *ours}) if theirs.get(name) != ours.get(name)]
    if not differences:
        return
    said = "; ".join(
        f"{name} is {_shown(theirs.get(name))} there and {_shown(ours.get(name))} here" for name in differences
    )
    again = " ".join(typed for name in differences if (typed := _typed(name, theirs.get(name))))
    go_on = f"to go on with it, type {again}; " if again else ""
    raise ConfigError(f"{out} holds another run: {said}; {go_on}to begin a new one, give another --out")


def _flat(run: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in run.items() if name != "settings"}
    return plain | {f"settings.{name}": value for name, value in run["settings"].items()}


def _typed(name: str, value: Any) -> str:
    """The option that brings a value back, where there is one."""
    if name == "identity_encoder":
        return "--identity " + ("dlib_resnet" if value is None else shlex.quote(json.dumps(value)))
    if name == "perceptual":
        return "--perceptual " + ("dlib_resnet" if value is None else f"{value.partition(':')[0]}:PATH")
    if name == "start":
        return f"--start FILE (of SHA-256 {str(value)[:12]}…)" if value else ""
    if name.startswith("settings."):
        return "--set " + shlex.quote(f"{name.removeprefix('settings.')}={json.dumps(value)}")
    options = {"seed": "--seed", "batch_size": "--batch-size", "processes": "--devices"}
    return f"{options[name]} {value}" if name in options else ""


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
