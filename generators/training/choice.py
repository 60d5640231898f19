"""What can be trained, by name, and settings from texts: for `impersona train` and `impersona describe`.

It works without the registry's libraries too: a machine that only trains has torch, and knows the built-in rows.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bench import wiring
from bench.api import PluginRow
from bench.errors import ConfigError, PluginError, UnknownName

if TYPE_CHECKING:
    from generators.training.recipe import Trainable


def trainable_rows() -> list[PluginRow]:
    """Every plugin row with a recipe: those of the registry, or the built-in ones where its libraries are missing."""
    try:
        from bench.registry import registry
    except ModuleNotFoundError:
        return [row for row in wiring.BUILT_IN if row.recipe]
    return [row for row in registry().rows() if row.recipe]


def find_trainable(name: str, rows: Iterable[PluginRow] | None = None) -> tuple[str, Trainable]:
    """What a name stands for.

    Args:
        name: a plugin's name, or ``KIND/NAME`` where two kinds share it.
        rows: to choose from; by default `trainable_rows`.

    Returns:
        Its full name, ``KIND/NAME``, and what its row's recipe names.

    Raises:
        UnknownName: nothing to train is called so.
        ConfigError: two kinds have one of that name.
        PluginError: its recipe cannot be imported.
    """
    known = {f"{row.kind}/{row.name}": row for row in (trainable_rows() if rows is None else rows)}
    fitting = [full for full in known if name in (full, full.partition("/")[2])]
    if not fitting:
        short = [full.partition("/")[2] for full in known]
        raise UnknownName("thing to train", name, known if "/" in name else short)
    if len(fitting) > 1:
        raise ConfigError(f"{name!r} is {' and '.join(fitting)}; type one of these")
    target = known[fitting[0]].recipe
    module, _, attribute = target.partition(":")
    try:
        return fitting[0], getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"{fitting[0]}: its recipe {target} cannot be imported ({error})") from error


def preset_of(trainable: Trainable, name: str) -> Any:
    """The settings of a preset. Raises `UnknownName`."""
    if name not in trainable.presets:
        raise UnknownName("preset", name, trainable.presets)
    return trainable.presets[name]


def with_batch_size(settings: Any, batch_size: int | None) -> Any:
    """The settings with another batch size, or as they are for None. Raises `ConfigError` where they take none such."""
    if batch_size is None:
        return settings
    if "batch_size" not in {one.name for one in dataclasses.fields(settings)}:
        raise ConfigError("--batch-size: these settings have no batch_size; leave it out")
    try:
        return dataclasses.replace(settings, batch_size=batch_size)
    except ValueError as error:
        raise ConfigError(f"--batch-size: {str(error).removeprefix('batch_size: ')}") from error


def settings_with(settings: Any, texts: Sequence[str]) -> Any:
    """Settings with some fields changed.

    Args:
        settings: a frozen dataclass of plain values.
        texts: ``key=value``, the values as JSON; what is no JSON is text.

    Raises:
        UnknownName: there is no such setting.
        ConfigError: no ``key=value``, a key twice, or a value of another type or out of range.
    """
    changed: dict[str, Any] = {}
    known = [field.name for field in dataclasses.fields(settings)]
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise ConfigError(f"--set got {text!r}, expected key=value, such as --set batch_size=8")
        if key not in known:
            raise UnknownName("setting", key, known)
        if key in changed:
            raise ConfigError(f"--set got {key!r} twice; expected each setting once")
        changed[key] = _typed(key, value, getattr(settings, key))
    try:
        return dataclasses.replace(settings, **changed)
    except ValueError as error:
        raise ConfigError(f"--set {error}") from error


def _typed(key: str, text: str, now: Any) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if isinstance(now, str):
        return value if isinstance(value, str) else text
    if isinstance(now, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(value, list):
        value = _tuples(value)
    if now is not None and value is not None and type(value) is not type(now):
        raise ConfigError(f"--set {key}: got {text!r}, expected {type(now).__name__} such as {json.dumps(now)}")
    return value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value
