"""What can be trained, by name, and settings from texts and files: for `impersona train` and `impersona describe`.

It works without the registry's libraries too: a machine that only trains has torch, and knows the built-in rows.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import wiring
from bench.api import PluginRow
from bench.errors import ConfigError, MissingDependency, MissingFile, PluginError, UnknownName

if TYPE_CHECKING:
    from generators.training.recipe import Trainable

_SCIENTIFIC = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")


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


def settings_in(path: str | os.PathLike[str], trainable: Trainable) -> dict[str, Any]:
    """The settings that a file says, by name, for `settings_with`.

    Args:
        path: YAML, a mapping; or JSON, ``.json``, which a machine that only trains can read, too.
        trainable: which may have words of its own for settings.

    Raises:
        MissingFile: there is no such file.
        ConfigError: it is no such file.
        MissingDependency: a YAML file where its libraries are not installed.
    """
    document = _json_mapping(Path(path)) if str(path).endswith(".json") else _yaml_mapping(Path(path))
    document = {name: _floats(value) for name, value in document.items()}
    return dict(document if trainable.settings_of is None else trainable.settings_of(document, str(path)))


def settings_with(settings: Any, texts: Sequence[str], said: Mapping[str, Any] | None = None) -> Any:
    """Settings with some fields changed.

    Args:
        settings: a frozen dataclass of plain values.
        texts: ``key=value``, the values as JSON; what is no JSON is text.
        said: what a file says, as `settings_in` gives it; `texts` change it further.

    Raises:
        UnknownName: there is no such setting.
        ConfigError: no ``key=value``, a key twice, or a value of another type or out of range.
    """
    changed: dict[str, Any] = {}
    known = [field.name for field in dataclasses.fields(settings)]
    for key, value in (said or {}).items():
        if key not in known:
            raise UnknownName("setting", str(key), known, "(in --settings)")
        changed[key] = _typed(f"--settings: {key}", value, getattr(settings, key))
    typed: set[str] = set()
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise ConfigError(f"--set got {text!r}, expected key=value, such as --set batch_size=8")
        if key not in known:
            raise UnknownName("setting", key, known)
        if key in typed:
            raise ConfigError(f"--set got {key!r} twice; expected each setting once")
        typed.add(key)
        changed[key] = _of_text(key, value, getattr(settings, key))
    try:
        return dataclasses.replace(settings, **changed)
    except ValueError as error:
        raise ConfigError(f"{_blamed(str(error), said or {}, typed)} {error}") from error


def _blamed(problem: str, said: Mapping[str, Any], typed: Collection[str]) -> str:
    """Where a value comes from that is out of range: its settings are named before the colon."""
    named = problem.partition(":")[0].split(", ")
    if not said or any(name in typed for name in named):
        return "--set"
    return "--settings:" if not typed or any(name in said for name in named) else "--settings and --set:"


def _of_text(key: str, text: str, now: Any) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if isinstance(now, str):
        return value if isinstance(value, str) else text
    return _typed(f"--set {key}", value, now, text)


def _typed(where: str, value: Any, now: Any, text: str = "") -> Any:
    """A value as the setting has it; `now` is one of the right type, and `text` what was typed."""
    if isinstance(now, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    value = _tuples(value)
    if now is not None and value is not None and type(value) is not type(now):
        got = repr(text or value)
        raise ConfigError(f"{where}: got {got}, expected {type(now).__name__} such as {json.dumps(now)}")
    return value


def _json_mapping(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingFile(f"no settings file at {path}; give another --settings") from error
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path} is not a JSON file: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: got {type(found).__name__}, expected a mapping with names of settings")
    return found


def _yaml_mapping(path: Path) -> dict[str, Any]:
    try:
        from bench.yaml_files import read_mapping
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"--settings {path} is read with PyYAML and pydantic ({error}); pip install PyYAML pydantic, or write it as"
            " JSON into a file that ends in .json"
        ) from error
    return read_mapping(path, "settings file", "give another --settings", "names of settings")


def _floats(value: Any) -> Any:
    """The value with numbers such as 5e-4, which PyYAML takes for texts, as numbers."""
    if isinstance(value, list):
        return [_floats(one) for one in value]
    return float(value) if isinstance(value, str) and _SCIENTIFIC.fullmatch(value) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value
