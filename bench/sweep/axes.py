"""The axes of a sweep: every combination of the settings to which a list of values was given."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from bench import registry
from bench.api import Detector, Kind, Recognizer
from bench.config import PluginEntry, RecognizerEntry, axes_of
from bench.sweep.inputs import Entry
from bench.sweep.instances import plain
from bench.yaml_files import refuse_unknown

Axes = dict[str, Any]


def expand(kind: Kind, entry: PluginEntry) -> Iterator[tuple[Entry, Axes]]:
    """Every combination of the axes among an entry's settings, with each axis' value under its dotted name.

    Args:
        kind: such as ``"recognizer"``.
        entry: as a sweep file has it.

    Raises:
        UnknownName: a plugin or setting that is not there.
    """
    given = plain(entry.settings)
    cls = registry.settings_class(registry.registry().find(kind, entry.name))
    own = set(type(entry).model_fields) - {"settings"}
    refuse_unknown(given, {field.name for field in dataclasses.fields(cls)} | own, f"{kind} {entry.name}", "setting")
    axes = axes_of(cls, given)
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        yield {"name": entry.name, **given, **chosen}, {f"{kind}.{axis}": value for axis, value in chosen.items()}


def in_words(value: Any) -> str:
    """A setting's value on one line: ``"eyes+mouth"``, ``"none"`` of what is empty, ``"sis(style=0.5)"`` of a plugin.

    Args:
        value: plain data.
    """
    if isinstance(value, list):
        return "+".join(map(in_words, value)) or "none"
    if isinstance(value, Mapping):
        rest = ", ".join(f"{key}={in_words(one)}" for key, one in value.items() if key != "name")
        return str(value.get("name", "")) + (f"({rest})" if rest else "") or "none"
    return str(value)


def aligners_of(wanted: RecognizerEntry, judge: Recognizer | Detector) -> Iterator[tuple[Entry, Axes]]:
    """Every aligner of a recognizer or detector: those that stand beside it, or the one that it asks for.

    Args:
        wanted: its entry in the sweep file.
        judge: the plugin.

    Raises:
        UnknownName: an aligner or setting that is not there.
    """
    entries = wanted.aligner
    if entries is None:
        entries = (PluginEntry.model_validate(dict(judge.default_aligner())),)
    for entry in entries:
        yield from expand("aligner", entry)


def maker_name(label: str, settings: Mapping[str, Any]) -> str:
    """What a maker with its axes is called.

    Args:
        label: the maker's.
        settings: of a cell's labels; those of makers, ``"generator.weight"``, are its axes.
    """
    axes = {
        key.partition(".")[2]: value
        for key, value in settings.items()
        if key.partition(".")[0] in ("generator", "attack")
    }
    return " ".join([label, *(f"{name}={in_words(value)}" for name, value in axes.items())])
